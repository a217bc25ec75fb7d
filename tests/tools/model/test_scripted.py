"""The scripted brain: order, roles, exceptions, and what it was asked."""

from pathlib import Path

import pytest

from greenloop.errors import ModelReplyError, ModelUnavailableError
from greenloop.tools.model.base import Brief, Message, ModelRequest, Role
from greenloop.tools.model.scripted import ScriptedModel, ScriptedReply


def request(role: Role = "coder", text: str = "hi") -> ModelRequest:
    return ModelRequest(role, (Message("user", text),), Brief(Path(), "task"))


def test_replies_come_in_order_and_requests_are_kept() -> None:
    model = ScriptedModel(["one", "two"])
    assert [model.reply(request(text=t)).text for t in "ab"] == ["one", "two"]
    assert [r.messages[0].content for r in model.requests] == ["a", "b"]


def test_a_role_takes_what_is_for_it_or_for_any() -> None:
    model = ScriptedModel([ScriptedReply("keep", role="reviewer"), "any", "rest"])
    assert model.reply(request("coder")).text == "any"
    assert model.reply(request("reviewer")).text == "keep"
    assert model.reply(request("planner")).text == "rest"


def test_an_exception_in_the_script_is_raised_once() -> None:
    model = ScriptedModel([ModelUnavailableError("gone"), KeyboardInterrupt(), "back"])
    with pytest.raises(ModelUnavailableError, match="gone"):
        model.reply(request())
    with pytest.raises(KeyboardInterrupt):
        model.reply(request())
    assert model.reply(request()).text == "back"


def test_the_end_of_the_script_is_an_error_that_says_so() -> None:
    model = ScriptedModel([ScriptedReply("x", role="planner")], name="parrot")
    with pytest.raises(ModelReplyError, match="parrot has no reply left for the coder"):
        model.reply(request())
    assert len(model.requests) == 1


def test_a_brain_may_give_up() -> None:
    model = ScriptedModel([ScriptedReply("", gave_up="no idea left")])
    assert model.reply(request()).gave_up == "no idea left"

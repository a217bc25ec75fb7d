"""Turns are appended, never changed, and clipped to what the window has left."""

from greenloop.nodes.conversation import NOTHING_SAID, Conversation
from greenloop.nodes.prompting import usable
from greenloop.tools.model.base import MESSAGE_TOKENS, window_of
from greenloop.tools.model.scripted import ScriptedModel


def talk(user: str = "do it") -> Conversation:
    return Conversation(ScriptedModel((), window=window_of(4096, 2048)), "be brief", user)


def test_a_turn_leaves_what_was_said_as_it_was() -> None:
    conversation = talk()
    before = conversation.messages
    assert conversation.add("edit", "no")
    assert conversation.messages[:2] == before
    assert [m.role for m in conversation.messages] == ["system", "user", "assistant", "user"]
    assert [m.content for m in conversation.messages[2:]] == ["edit", "no"]


def test_turns_alternate_even_when_no_reply_came() -> None:
    conversation = talk()
    conversation.add("", "say something")
    assert conversation.messages[2].content == NOTHING_SAID


def test_long_turns_are_clipped_with_a_mark_until_there_is_no_room() -> None:
    conversation = talk("x" * 3000)
    model = ScriptedModel((), window=window_of(4096, 2048))
    turns = 0
    while conversation.add("said\n" * 3000, "answer\n" * 500):
        turns += 1
        total = sum(model.count(m.content) + MESSAGE_TOKENS for m in conversation.messages)
        assert total <= usable(model)
        assert "lines left out" in conversation.messages[-2].content
    assert turns >= 1
    assert conversation.messages[-1].role == "user"


def test_the_reply_is_shortened_before_the_answer_to_it() -> None:
    conversation = talk()
    conversation.add("word\n" * 9000, "a short answer")
    assert conversation.messages[-1].content == "a short answer"

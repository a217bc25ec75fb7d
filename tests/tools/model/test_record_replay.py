"""What is recorded is replayed: replies and errors, in another folder, also after a kill."""

import json
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from brains.tapes import ask, record, replay

from greenloop.errors import (
    CancelledError,
    ContextError,
    ModelReplyError,
    ReplayError,
)
from greenloop.state import TestFailure
from greenloop.tools.model.base import (
    Brief,
    ModelReply,
    ModelRequest,
    OnText,
    Window,
)
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.ratio import estimate
from greenloop.tools.model.record import RecordingModel, chars_per_token, header_of
from greenloop.tools.model.recording_file import Recorder, read_recording
from greenloop.tools.model.replay import ReplayModel
from greenloop.tools.model.scripted import ScriptedModel
from greenloop.tools.reader.base import Call, Tool


class Searcher:
    """A brain that reads no prompt, and answers what it is given."""

    name = "searcher"
    reads_prompt = False
    window = Window(0, 0)
    profile = Profile(json_schema=False)

    def __init__(self, *outcomes: ModelReply | BaseException) -> None:
        self.outcomes = list(outcomes)

    def count(self, text: str) -> int:
        return 0

    def cancel(self) -> None:
        pass

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


def test_a_recording_brain_is_the_brain_in_it(tape: Path) -> None:
    inner = ScriptedModel(["one"], name="parrot")
    with closing(Recorder(tape, header_of(inner, "task", "0"))) as recorder:
        model = RecordingModel(inner, recorder)
        heard: list[str] = []
        assert model.reply(ask("a"), heard.append).text == "".join(heard) == "one"
        assert (model.name, model.window, model.profile) == ("parrot", inner.window, inner.profile)
        assert model.count("x" * 9) == inner.count("x" * 9)


def test_replies_come_back_by_request_in_order(tape: Path) -> None:
    asked = [ask("a"), ask("b"), ask("a"), ask("a", temperature=0.3), ask("a", seed=1)]
    record(ScriptedModel(["1", "2", "3", "4", "5"]), tape, asked)
    model = replay(tape)
    assert model.name == "scripted"
    order = [asked[4], asked[1], asked[0], asked[3], asked[2]]
    assert [model.reply(request).text for request in order] == ["5", "2", "1", "4", "3"]


def test_everything_in_a_reply_comes_back(tape: Path) -> None:
    said = ModelReply(
        "größe \udcff", 3, 4, 0.5, "", (Call("read_file", {"path": "a.py"}),), 0.75, 0.1, 0.2
    )
    record(Searcher(said, ModelReply("", gave_up="no more")), tape, [ask("a"), ask("b")])
    model = replay(tape)
    assert model.reply(ask("a")) == said
    assert model.reply(ask("b")).gave_up == "no more"


def test_errors_of_the_brain_come_back(tape: Path) -> None:
    errors = [ModelReplyError("cut", feedback="smaller", tokens=70), ContextError("does not fit")]
    record(Searcher(*errors), tape, [ask("a")] * 2)
    model = replay(tape)
    with pytest.raises(ModelReplyError, match=r"^cut$") as caught:
        model.reply(ask("a"))
    assert (caught.value.feedback, caught.value.tokens) == ("smaller", 70)
    with pytest.raises(ContextError, match=r"^does not fit$"):
        model.reply(ask("a"))


def test_failures_that_ended_a_run_are_past_when_it_is_resumed(tape: Path) -> None:
    failures = ContextError("1"), ContextError("2"), ModelReplyError("3")
    brain = Searcher(*failures, ModelReply("4"), ContextError("5"))
    record(brain, tape, [ask("a")] * 4 + [ask("b")])
    model = ReplayModel(read_recording(tape), goes_on=True)
    with pytest.raises(ModelReplyError, match=r"^3$"):
        model.reply(ask("a"))
    assert model.reply(ask("a")).text == "4"
    with pytest.raises(ContextError, match=r"^5$"):
        model.reply(ask("b"))


def test_what_the_user_broke_off_is_not_recorded(tape: Path) -> None:
    brain = Searcher(CancelledError("stop"), KeyboardInterrupt(), ModelReply("then"))
    record(brain, tape, [ask("a")] * 3)
    assert replay(tape).reply(ask("a")).text == "then"


def test_an_error_of_the_listener_is_not_the_brains(tape: Path) -> None:
    def stop(text: str) -> None:
        raise ContextError("enough")

    model = ScriptedModel(["one"])
    with (
        closing(Recorder(tape, header_of(model, "task", "0"))) as recorder,
        pytest.raises(ContextError, match="enough"),
    ):
        RecordingModel(model, recorder).reply(ask("a"), stop)
    assert read_recording(tape).entries == ()


def test_another_folder_is_no_difference(tape: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    said = f"edit {here}/a.py"
    record(ScriptedModel([said]), tape, [ask(f"see {here}/a.py, failed in 0.12s", here)])
    assert str(here) not in tape.read_text()
    reply = replay(tape).reply(ask(f"see {there}/a.py, failed in 3.40s", there))
    assert reply.text == f"edit {there}/a.py"


def test_another_folder_is_no_difference_in_calls_and_errors(tape: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    call = Call("read", {"path": f"{here}/a.py", "more": [f"{here}/b.py", 3]})
    useless = ModelReplyError(f"in {here}/a.py", feedback=f"see {here}/a.py")
    outcomes = ModelReply("", calls=(call,)), useless, ModelReply("", gave_up=f"not {here}/c.py")
    record(Searcher(*outcomes), tape, [ask("a", here)] * 3)
    assert str(here) not in tape.read_text()
    model = replay(tape)
    (shown,) = model.reply(ask("a", there)).calls
    assert shown.arguments == {"path": f"{there}/a.py", "more": [f"{there}/b.py", 3]}
    with pytest.raises(ModelReplyError, match=f"^in {there}/a.py$") as caught:
        model.reply(ask("a", there))
    assert caught.value.feedback == f"see {there}/a.py"
    assert model.reply(ask("a", there)).gave_up == f"not {there}/c.py"


def test_schema_and_tools_are_part_of_the_request(tape: Path) -> None:
    tools = (Tool("read_file", "reads"),)
    record(ScriptedModel(["one"]), tape, [ask("a", schema={"type": "object"}, tools=tools)])
    for other in (ask("a", tools=tools), ask("a", schema={"type": "object"})):
        with pytest.raises(ReplayError):
            replay(tape).reply(other)
    assert replay(tape).reply(ask("a", schema={"type": "object"}, tools=tools)).text == "one"


def test_a_brain_that_reads_no_prompt_is_asked_by_its_brief(tape: Path) -> None:
    failure = TestFailure("t.py::t", "assertion", "assert 1 == 2", "a.py", 3, "E  in 0.01s")
    request = ModelRequest("coder", (), Brief(Path("/w"), "task", (failure,)))
    record(Searcher(ModelReply("edit")), tape, [request])
    model = replay(tape)
    assert not model.reads_prompt
    assert model.count("words") == 0
    other = replace(request.brief, failures=(replace(failure, message="assert 1 == 3"),))
    with pytest.raises(ReplayError, match=r"recorded 'assert 1 == 2', now 'assert 1 == 3'"):
        replay(tape).reply(replace(request, brief=other))
    again = replace(request.brief, failures=(replace(failure, excerpt="E  in 0.02s"),))
    heard: list[str] = []
    assert model.reply(replace(request, brief=again), heard.append).text == "edit"
    assert heard == []


class Learner(ScriptedModel):
    """Counts differently after each reply, as brains do that learn a tokenizer."""

    def count(self, text: str) -> int:
        return estimate(text, 3.2 + len(self.requests))

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        self.window = Window(self.window.num_ctx - 100, 512)
        return ScriptedModel.reply(self, request, on_text)


def test_a_replay_has_the_window_that_the_brain_had(tape: Path) -> None:
    record(Learner(["1", "2", "3"]), tape, [ask(word) for word in "abc"])
    model = replay(tape)
    sizes = [model.window.num_ctx]
    for word in "abc":
        model.reply(ask(word))
        sizes.append(model.window.num_ctx)
    assert sizes == [8192, 8092, 7992, 7992]


def test_a_recording_without_windows_has_that_of_its_header(tape: Path) -> None:
    record(ScriptedModel(["1"]), tape, [ask("a")])
    header, line = tape.read_text().splitlines()
    older = json.loads(line)
    del older["window"]
    tape.write_text(f"{header}\n{json.dumps(older)}\n")
    model = replay(tape)
    assert model.reply(ask("a")).text == "1"
    assert model.window == Window(8192, 2048)


def test_a_resumed_replay_goes_on_where_the_run_stopped(tape: Path) -> None:
    record(Learner(list("12345")), tape, [ask(word) for word in "abcab"])
    by_count = ReplayModel(read_recording(tape), goes_on=True, used=2)
    assert by_count.window.num_ctx == 7992
    assert by_count.count("x" * 5100) == 981
    by_request = ReplayModel(read_recording(tape), goes_on=True)
    for model in (by_count, by_request):
        assert [model.reply(ask(word)).text for word in "cab"] == ["3", "4", "5"]
    spent = ReplayModel(read_recording(tape), goes_on=True, used=9)
    with pytest.raises(ReplayError, match="no reply left"):
        spent.reply(ask("a"))


def test_a_replay_counts_as_the_brain_did(tape: Path) -> None:
    brain = Learner(["1", "2"])
    text = "x" * 3333 + "größe 字 🐍"
    counts = []
    with closing(Recorder(tape, header_of(brain, "task", "0"))) as recorder:
        model = RecordingModel(brain, recorder)
        for word in "ab":
            counts.append(model.count(text))
            model.reply(ask(word))
    replayed = replay(tape)
    for word, count in zip("ab", counts, strict=True):
        assert replayed.count(text) == count
        replayed.reply(ask(word))
    assert chars_per_token(ScriptedModel([])) == 4


def test_a_miss_shows_the_nearest_request_and_where_it_differs(tape: Path) -> None:
    record(ScriptedModel(["1", "2"]), tape, [ask("one\ntwo\nthree\nfour"), ask("far away")])
    with pytest.raises(ReplayError) as caught:
        replay(tape).reply(ask("one\ntwo\ntree\nfour"))
    message = str(caught.value)
    assert "\n" not in message
    assert "nearest is request 1 there" in message
    assert "message 2 (user), line 3: recorded 'three', now 'tree'" in message
    difference = tape.with_name("tape.jsonl.diff")
    assert str(difference) in message
    assert "-three\n+tree\n" in difference.read_text()
    assert stat.S_IMODE(difference.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (ask("a", temperature=0.6), "differs in temperature: recorded '0', now '0.6'"),
        (ask("a\nb"), "line 2: recorded nothing more, now 'b'"),
        (ask("a" * 99 + "!"), "now 'aaa"),
    ],
)
def test_other_differences(tape: Path, request_: ModelRequest, says: str) -> None:
    record(ScriptedModel(["1"]), tape, [ask("a")])
    with pytest.raises(ReplayError) as caught:
        replay(tape).reply(request_)
    assert says in str(caught.value)


def test_nothing_is_written_into_the_folder_under_work(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    record(ScriptedModel(["1"]), tape, [ask("a", tmp_path)])
    with pytest.raises(ReplayError, match="nearest"):
        replay(tape).reply(ask("b", tmp_path))
    assert list(tmp_path.iterdir()) == [tape]


def test_a_request_asked_too_often(tape: Path) -> None:
    record(ScriptedModel(["1"]), tape, [ask("a")])
    model = replay(tape)
    model.reply(ask("a"))
    with pytest.raises(ReplayError, match="no reply left for request 2"):
        model.reply(ask("a"))

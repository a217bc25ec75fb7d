"""The file of a recording: private, whole up to the last line, never written over."""

import json
import resource
import stat
from pathlib import Path

import pytest
from brains.tapes import ask, record, replay

from greenloop.errors import (
    ConfigError,
    StorageError,
)
from greenloop.tools.model.record import RecordingModel, header_of
from greenloop.tools.model.recording_file import Recorder, read_recording
from greenloop.tools.model.scripted import ScriptedModel


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


class TestFile:
    def test_only_its_owner_may_read_it(self, tape: Path) -> None:
        tape.touch(mode=0o644)
        record(ScriptedModel(["1"]), tape, [ask("a")])
        assert stat.S_IMODE(tape.stat().st_mode) == 0o600

    def test_the_first_line_says_who_was_asked(self, tape: Path) -> None:
        record(ScriptedModel(["1"], name="parrot"), tape, [ask("a")])
        header = json.loads(tape.read_text().splitlines()[0])
        assert header["greenloop_recording"] == 1
        assert (header["model"], header["reads_prompt"]) == ("parrot", True)
        assert header["window"] == {"num_ctx": 8192, "num_predict": 2048}
        assert header["profile"]["whole_file_lines"] == 150

    def test_each_line_is_there_at_once(self, tape: Path) -> None:
        model = ScriptedModel(["1"])
        recorder = Recorder(tape, header_of(model, "task", "0"))
        RecordingModel(model, recorder).reply(ask("a"))
        assert replay(tape).reply(ask("a")).text == "1"
        recorder.close()

    def test_a_line_torn_by_a_kill_is_no_loss_of_the_rest(self, tape: Path) -> None:
        record(ScriptedModel(["1", "2"]), tape, [ask("a"), ask("b")])
        whole = tape.read_bytes()
        tape.write_bytes(whole[:-20])
        assert replay(tape).reply(ask("a")).text == "1"
        record(ScriptedModel(["3"]), tape, [ask("b")], goes_on=True)
        model = replay(tape)
        assert [model.reply(ask(word)).text for word in "ab"] == ["1", "3"]

    def test_a_recording_is_not_written_over(self, tape: Path) -> None:
        record(ScriptedModel(["1"]), tape, [ask("a")])
        before = tape.read_bytes()
        with pytest.raises(ConfigError, match="exists already"):
            record(ScriptedModel(["2"]), tape, [ask("a")])
        with pytest.raises(ConfigError, match="is a recording of scripted on another task"):
            record(ScriptedModel(["2"], name="other"), tape, [ask("a")], goes_on=True)
        assert tape.read_bytes() == before

    def test_one_that_never_got_going_is_no_hindrance(self, tape: Path) -> None:
        record(ScriptedModel([]), tape, [])
        record(ScriptedModel(["2"]), tape, [ask("a")])
        assert replay(tape).reply(ask("a")).text == "2"

    def test_a_file_of_somebody_else_stays_as_it_is(self, tape: Path) -> None:
        tape.write_text("my notes\n")
        for goes_on in (False, True):
            with pytest.raises(ConfigError, match="is no recording of greenloop"):
                record(ScriptedModel(["1"]), tape, [ask("a")], goes_on=goes_on)
        assert tape.read_text() == "my notes\n"

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("", "is empty"),
            ("[1]\n", "is no recording"),
            ('{"greenloop_recording": 99}\n', "in format 99"),
            ('{"greenloop_recording": 1}\n', "lacks something"),
        ],
    )
    def test_what_is_no_recording(self, tape: Path, content: str, says: str) -> None:
        tape.write_text(content)
        with pytest.raises(ConfigError) as caught:
            read_recording(tape)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_damaged_line_is_named(self, tape: Path) -> None:
        record(ScriptedModel(["1", "2"]), tape, [ask("a"), ask("b")])
        lines = tape.read_text().splitlines(keepends=True)
        tape.write_text(lines[0] + "{}\n" + lines[2])
        with pytest.raises(ConfigError, match="line 2 of the recording"):
            read_recording(tape)

    def test_a_header_that_cannot_be_written_leaves_nothing_open(self, tape: Path) -> None:
        header = header_of(ScriptedModel([]), "task", "0")
        before = list(Path("/dev/fd").iterdir())
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            with pytest.raises(StorageError, match="could not be written"):
                Recorder(tape, header)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert len(list(Path("/dev/fd").iterdir())) == len(before)

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be written"):
            record(ScriptedModel([]), tmp_path / "none" / "tape", [])
        with pytest.raises(ConfigError, match="cannot be read"):
            read_recording(tmp_path / "none")

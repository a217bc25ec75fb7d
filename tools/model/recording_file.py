"""The file of a recording: one JSON object a line, the first of them the header.

Lines are written whole and at once, so that the file is of use up to the moment of a kill.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from greenloop.errors import ConfigError, StorageError
from greenloop.tools.model.base import Window
from greenloop.tools.model.normalise import each_text, hide_workspace
from greenloop.tools.model.outcome import decode_outcome, encode_outcome
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.recording import Asked, Entry, Header, Recording

FORMAT = 1
"""Raised when an older program could misread a recording."""


class Recorder:
    """Writes a recording, line by line."""

    def __init__(self, path: Path, header: Header, *, goes_on: bool = False) -> None:
        """Begin a recording, or go on with one.

        Args:
            path: the file; made readable to its owner only.
            header: of the brain that is recorded.
            goes_on: whether the file may exist, with a recording of the same task and brain.

        Raises:
            ConfigError: the file exists and does not fit, or cannot be opened.
            StorageError: the header could not be written.
        """
        self._path = path
        try:
            there = path.exists() and path.stat().st_size > 0
            known = there and _has_entries(path, header, goes_on)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)
            try:
                self._begin(header, known=known)
            except BaseException:
                os.close(self._file)
                raise
        except OSError as error:
            raise ConfigError(
                f"the recording {path} cannot be written: {error.strerror}; name another file"
            ) from error

    def _begin(self, header: Header, *, known: bool) -> None:
        os.fchmod(self._file, 0o600)
        if known:
            _drop_torn_line(self._path, self._file)
        else:
            os.ftruncate(self._file, 0)
            self._write({"greenloop_recording": FORMAT, **asdict(header)})

    def add(self, entry: Entry, workspace: Path) -> None:
        """Append a request and what came of it; the workspace's path is left out of it.

        Raises:
            StorageError: it could not be written.
        """
        line = asdict(entry.asked)
        line["messages"] = [{"role": r, "content": text} for r, text in entry.asked.messages]
        said = encode_outcome(entry.outcome)
        line.update(each_text(said, lambda text: hide_workspace(text, workspace)))
        line["chars_per_token"] = entry.chars_per_token
        line["window"] = asdict(entry.window)
        self._write(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, line: Mapping[str, Any]) -> None:
        # Output of tests may hold bytes that are no text; they are kept as they came.
        text = json.dumps(line, ensure_ascii=False) + "\n"
        left = memoryview(text.encode("utf-8", "surrogatepass"))
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise StorageError(
                f"the recording {self._path} could not be written: {error.strerror}; make room, "
                "or go on without --record"
            ) from error


def read_recording(path: Path) -> Recording:
    """Read a recording. A last line that a kill left unfinished is ignored.

    Raises:
        ConfigError: the file cannot be read, or is no recording that this version knows.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise ConfigError(f"the recording {path} cannot be read: {error.strerror}") from error
    if not lines:
        raise ConfigError(f"{path} is no recording: it is empty; make one with --record")
    header = _header(path, lines[0])
    entries = []
    for number, line in enumerate(lines[1:], 2):
        try:
            entries.append(_entry(_object(line), header.window))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"line {number} of the recording {path} cannot be read: {error!r}; record anew"
            ) from error
    return Recording(path, header, tuple(entries))


def _has_entries(path: Path, header: Header, goes_on: bool) -> bool:
    """Whether a recording is there that may be continued; one that never got going is no more.

    Raises:
        ConfigError: it may not be continued, or the file is no recording.
    """
    before = read_recording(path)
    if not before.entries:
        return False
    if not goes_on:
        raise ConfigError(f"{path} exists already: name another file for --record, or remove it")
    if (before.header.model, before.header.task) != (header.model, header.task):
        raise ConfigError(
            f"{path} is a recording of {before.header.model} on another task "
            f"({before.header.task[:60]!r}): name another file for --record"
        )
    return True


def _drop_torn_line(path: Path, file: int) -> None:
    whole = path.read_bytes()
    os.ftruncate(file, whole.rfind(b"\n") + 1)


def _object(line: bytes) -> dict[str, Any]:
    found = json.loads(line.decode("utf-8", "surrogatepass"))
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _header(path: Path, line: bytes) -> Header:
    try:
        data = _object(line)
        version = data.pop("greenloop_recording")
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no recording of greenloop: make one with --record") from error
    if version != FORMAT:
        raise ConfigError(
            f"{path} is a recording in format {version}, this greenloop reads format {FORMAT}: "
            "record anew, or use the greenloop that wrote it"
        )
    try:
        known = {f.name for f in fields(Profile)}
        profile = {k: v for k, v in data["profile"].items() if k in known}
        rest = {k: data[k] for k in ("model", "reads_prompt", "task", "program")}
        return Header(window=Window(**data["window"]), profile=Profile(**profile), **rest)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"the first line of the recording {path} lacks something ({error!r}): record anew"
        ) from error


def _entry(data: dict[str, Any], window: Window) -> Entry:
    """What a line holds; `window` where it names none, as older recordings do."""
    asked = Asked(
        role=data["role"],
        temperature=data["temperature"],
        seed=data["seed"],
        schema=data["schema"],
        tools=tuple(data["tools"]),
        messages=tuple((turn["role"], turn["content"]) for turn in data["messages"]),
    )
    if "window" in data:
        window = Window(**data["window"])
    return Entry(asked, decode_outcome(data), data["chars_per_token"], window)

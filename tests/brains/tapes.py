"""Recording and replaying requests in this process."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from greenloop.errors import (
    GreenloopError,
)
from greenloop.tools.model.base import (
    Brief,
    ChatModel,
    Message,
    ModelRequest,
)
from greenloop.tools.model.record import RecordingModel, header_of
from greenloop.tools.model.recording_file import Recorder, read_recording
from greenloop.tools.model.replay import ReplayModel


def ask(text: str, folder: Path = Path("/w"), **more: Any) -> ModelRequest:
    messages = (Message("system", "You edit."), Message("user", text))
    return ModelRequest("coder", messages, Brief(folder, "task"), **more)


def record(
    model: ChatModel, path: Path, requests: Sequence[ModelRequest], *, goes_on: bool = False
) -> None:
    header = header_of(model, "task", "0")
    with closing(Recorder(path, header, goes_on=goes_on)) as recorder:
        recording = RecordingModel(model, recorder)
        for request in requests:
            try:
                recording.reply(request)
            except (GreenloopError, KeyboardInterrupt):
                continue


def replay(path: Path) -> ReplayModel:
    return ReplayModel(read_recording(path))

"""Recording the brain of a run, or answering from a recording instead of asking one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from greenloop import __version__
from greenloop.config import Settings
from greenloop.errors import ConfigError
from greenloop.graph.brain import open_brain_for
from greenloop.tools.model.base import ChatModel
from greenloop.tools.model.record import RecordingModel, header_of
from greenloop.tools.model.recording_file import Recorder, read_recording
from greenloop.tools.model.replay import ReplayModel


def open_replay(path: Path, *, goes_on: bool = False, used: int = 0) -> ReplayModel:
    """A brain that answers from a recording.

    Args:
        path: the file.
        goes_on: a thread is resumed.
        used: requests that the thread has made already.

    Raises:
        ConfigError: the file cannot be read, or is no recording.
    """
    return ReplayModel(read_recording(path), goes_on=goes_on, used=used)


@contextmanager
def recording(
    path: Path, folder: Path, settings: Settings, task: str, *, goes_on: bool
) -> Iterator[ChatModel]:
    """The brain of the settings, recorded.

    Args:
        path: file to write.
        folder: where the brain will work.
        settings: name the brain.
        task: the user's words.
        goes_on: a thread is resumed, so that the file may hold its beginning.

    Raises:
        ConfigError: the file lies in the folder, is another run's, or cannot be written.
        UserError: the brain cannot be opened.
    """
    if path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"the recording {path} would lie in the folder that the run changes and snapshots: "
            "name a file outside of it"
        )
    brain = open_brain_for(folder, settings)
    header = header_of(brain, task, __version__)
    with closing(Recorder(path, header, goes_on=goes_on)) as recorder:
        yield RecordingModel(brain, recorder)

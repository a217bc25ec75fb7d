"""A brain that is listened to: everything asked of it and answered by it goes into a recording."""

from greenloop.errors import CancelledError, GreenloopError
from greenloop.tools.model.base import ChatModel, ModelReply, ModelRequest, OnText, Window
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.recording import Asked, Entry, Header
from greenloop.tools.model.recording_file import Recorder

_SAMPLE = "x" * 1_000_000
"""Long enough to learn from one count how a brain counts."""


class RecordingModel:
    """Answers as the brain in it does, and records it; implements `ChatModel`."""

    def __init__(self, inner: ChatModel, recorder: Recorder) -> None:
        """`recorder` gets everything that `inner` is asked and answers."""
        self.inner = inner
        self.recorder = recorder
        self.name = inner.name
        self.reads_prompt = inner.reads_prompt

    @property
    def window(self) -> Window:
        """Of the brain in it."""
        return self.inner.window

    @property
    def profile(self) -> Profile:
        """Of the brain in it."""
        return self.inner.profile

    def count(self, text: str) -> int:
        """As the brain in it counts."""
        return self.inner.count(text)

    def cancel(self) -> None:
        """Break off the reply of the brain in it; that is not recorded."""
        self.inner.cancel()

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """Ask the brain in it, and record its reply or its error.

        Raises:
            GreenloopError: as the brain in it.
            StorageError: the recording could not be written.
        """
        asked = Asked.of(request, reads_prompt=self.reads_prompt)
        ratio, window = chars_per_token(self.inner), self.inner.window
        listener = _Listener(on_text)
        try:
            outcome = self.inner.reply(request, listener)
        except CancelledError:
            raise
        except GreenloopError as error:
            if not listener.failed:
                self.recorder.add(Entry(asked, error, ratio, window), request.brief.workspace)
            raise
        self.recorder.add(Entry(asked, outcome, ratio, window), request.brief.workspace)
        return outcome


def header_of(model: ChatModel, task: str, program: str) -> Header:
    """The header for a recording of a brain; `program` is the version of greenloop."""
    return Header(model.name, model.reads_prompt, model.window, model.profile, task, program)


def chars_per_token(model: ChatModel) -> float:
    """By how many characters of ASCII to a token a brain counts now; 0 if it does not count.

    Prompts are fitted by this, and brains learn it as they go; so a replay has to know it.
    """
    known = model.profile.chars_per_token
    tokens = model.count(_SAMPLE)
    if tokens == 0:
        return 0.0
    seen = len(_SAMPLE) / tokens
    return known if abs(seen - known) < known * 1e-4 else seen


class _Listener:
    """Hands the words on, and knows whether it was there that something failed."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self.failed = False

    def __call__(self, text: str) -> None:
        if self._on_text is None:
            return
        try:
            self._on_text(text)
        except BaseException:
            self.failed = True
            raise

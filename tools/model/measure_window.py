"""Windows by trying: the usual one or the small one for a run, the largest for a probe."""

from collections.abc import Callable
from dataclasses import dataclass

from greenloop.errors import ModelUnavailableError
from greenloop.tools.model.server import NoRoomError, Server
from greenloop.tools.model.server_records import LoadedModel

Tell = Callable[[str], None]
"""Hears one line on the progress at a time."""

USUAL_WINDOW = 8192
"""Tokens; what a 7B model at four bits leaves room for on a card of 8 GB."""
SMALL_WINDOW = 4096
"""Tokens; with less our own words and a reply leave too little for the user's files."""
LARGE_WINDOW = 32768
"""Tokens; more than our prompts ever use. A larger window belongs to another program."""
_LARGER = (16384, LARGE_WINDOW)
_WITHIN_REACH = 0.9
"""Of a model that lies on the GPU at USUAL_WINDOW, for SMALL_WINDOW to bring the rest there too.

The 4,096 tokens between them take 0.2 to 0.8 GiB (56 to 200 KiB a token), at most a tenth of the
model that goes with it.
"""


def usual_window(trained: int) -> int:
    """The window that is tried first, in tokens, for a model trained for so many; 0: unknown."""
    return min(USUAL_WINDOW, trained or USUAL_WINDOW)


@dataclass(frozen=True, slots=True)
class Placed:
    """A model as it was loaded with the usual window or the small one."""

    num_ctx: int
    """The window that it got, in tokens."""
    running: LoadedModel | None
    """None when the server does not list it."""
    lowered_from: int = 0
    """The window that was tried first, in tokens; 0 when it is the one that stayed."""
    lacked_room: bool = False
    """With the first window it could not be loaded at all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What loading showed."""

    num_ctx: int
    """The window that the model is loaded with now, in tokens; for the rest of the probe."""
    fitting: int
    """The largest window fully on the GPU, in tokens; 0 when none of those tried is."""
    gpu_share: float | None
    """At `num_ctx`, from 0.0 to 1.0; None when the server does not say."""


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads one model with one window after another."""

    server: Server
    name: str
    trained: int
    """Longest context that the model was trained for, in tokens; 0 when unknown."""
    keep_alive: str
    limit_s: float
    """Longest time for one load, in seconds."""
    tell: Tell

    def place(self) -> Placed:
        """Load with the usual window, or the small one where the usual one does not fit.

        Where too much of the model lies on the CPU for a smaller window to help, it stays.

        Raises:
            ModelUnavailableError: the server does not answer in time, or cannot run the model.
            ModelNotFoundError: it does not have the model.
        """
        usual = usual_window(self.trained)
        try:
            window, running = self._load(usual)
        except NoRoomError as error:
            if usual <= SMALL_WINDOW:
                raise
            self.tell(f"  {error}")
            return Placed(*self._load(SMALL_WINDOW), lowered_from=usual, lacked_room=True)
        if running is None or running.fully_on_gpu or not running.size_vram:
            return Placed(window, running)
        if running.gpu_share >= _WITHIN_REACH and window > SMALL_WINDOW:
            return Placed(*self._load(SMALL_WINDOW), lowered_from=window)
        return Placed(window, running)

    def run(self) -> Seen:
        """Find the largest of the usual windows that the GPU holds; it stays loaded.

        Raises:
            ModelUnavailableError: the server does not answer in time, or cannot run the model.
            ModelNotFoundError: it does not have the model.
        """
        placed = self.place()
        window, running = placed.num_ctx, placed.running
        if running is None or not running.size:
            return Seen(window, 0, None)
        if not running.fully_on_gpu:
            return Seen(window, 0, running.gpu_share)
        return Seen(window, window, 1.0) if placed.lowered_from else self._grow(window)

    def _grow(self, window: int) -> Seen:
        fitting, loaded = window, window
        for larger in _LARGER:
            if self.trained and fitting >= self.trained:
                break
            try:
                loaded, there = self._load(larger)
            except ModelUnavailableError as error:
                # Some drivers fail where others move a part to the CPU.
                self.tell(f"  {error}")
                loaded = 0
                break
            # A server may grant less than was asked for; it said how much.
            if there is None or not there.fully_on_gpu or loaded <= fitting:
                break
            fitting = loaded
        if loaded != fitting:
            self._load(fitting)
        return Seen(fitting, fitting, 1.0)

    def _load(self, num_ctx: int) -> tuple[int, LoadedModel | None]:
        asked = min(num_ctx, self.trained or num_ctx)
        self.tell(f"loading with a window of {asked}")
        self.server.load(self.name, asked, keep_alive=self.keep_alive, limit_s=self.limit_s)
        running = self.server.running(self.name)
        given = running.context_length if running else 0
        if running is not None and running.size:
            self.tell(f"  {running.gpu_share:.0%} on the GPU")
        return (min(asked, given) if given else asked), running

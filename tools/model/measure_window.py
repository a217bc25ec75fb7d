"""Measuring the window: the largest of the usual ones that lies fully on the GPU."""

from collections.abc import Callable
from dataclasses import dataclass

from greenloop.errors import ModelUnavailableError
from greenloop.tools.model.server import Server
from greenloop.tools.model.server_records import LoadedModel

Tell = Callable[[str], None]
"""Hears one line on the progress at a time."""

FIRST_WINDOW = 8192
"""Tokens; tried first."""
_LARGER = (16384, 32768)
_SMALL = 4096
_WITHIN_REACH = 0.9
"""Share on the GPU from which half the window may bring the rest there too."""


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

    def run(self) -> Seen:
        """Find the largest of the usual windows that the GPU holds; it stays loaded.

        Raises:
            ModelUnavailableError: the server does not answer in time, or cannot run the model.
            ModelNotFoundError: it does not have the model.
        """
        window, running = self._load(FIRST_WINDOW)
        if running is None or not running.size:
            return Seen(window, 0, None)
        if running.fully_on_gpu:
            return self._grow(window, running)
        if running.size_vram and running.gpu_share >= _WITHIN_REACH and window > _SMALL:
            window, running = self._load(_SMALL)
            if running is not None and running.fully_on_gpu:
                return Seen(window, window, 1.0)
        return Seen(window, 0, running.gpu_share if running else None)

    def _grow(self, window: int, running: LoadedModel) -> Seen:
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

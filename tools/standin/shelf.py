"""The models of the stand-in: what is offered, what is loaded, with which window and where."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from greenloop.tools.standin.offered import OfferedModel


@dataclass(slots=True)
class Loaded:
    """A model in memory."""

    model: OfferedModel
    num_ctx: int
    runner: Mapping[str, Any]
    size: int
    """Bytes: weights and KV cache of the whole window."""
    size_vram: int
    """Of these, bytes on the GPU."""
    expires: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    used: float = field(default_factory=time.monotonic)
    users: int = 0
    leaving: bool = False
    """It goes when its last user does."""

    @property
    def on_gpu(self) -> float:
        """Share that is on the GPU."""
        return self.size_vram / self.size if self.size else 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """What had to happen before a model could answer."""

    entry: Loaded
    reloaded: bool
    """It was not in memory, or not with this window and these options."""
    evicted: tuple[str, ...]
    """Models that had to go for it."""


class Shelf:
    """Which model is where."""

    def __init__(
        self,
        models: Sequence[OfferedModel],
        *,
        gpu_bytes: int | None = None,
        max_loaded: int = 3,
        clock: float = 1.0,
    ) -> None:
        self._models = {_key(model.name): model for model in models}
        self._loaded: dict[str, Loaded] = {}
        self._gpu_bytes = gpu_bytes
        self._max_loaded = max_loaded
        self._clock = clock
        self._lock = threading.Lock()

    def find(self, name: str) -> OfferedModel | None:
        """The offered model of that name; a name without a tag means `latest`, case is nothing."""
        return self._models.get(_key(name))

    def offered(self) -> Sequence[tuple[str, OfferedModel]]:
        """Every model with its full name."""
        with self._lock:
            return [(_full(model.name), model) for model in self._models.values()]

    def running(self) -> Sequence[tuple[str, Loaded]]:
        """Every model in memory with its full name."""
        with self._lock:
            self._forget_expired()
            return [(_full(entry.model.name), entry) for entry in self._loaded.values()]

    def add(self, model: OfferedModel) -> None:
        """Offer one more model."""
        with self._lock:
            self._models[_key(model.name)] = model

    def delete(self, name: str) -> None:
        """Offer a model no longer."""
        with self._lock:
            self._models.pop(_key(name), None)
            self._loaded.pop(_key(name), None)

    def load(self, name: str, num_ctx: int, runner: Mapping[str, Any]) -> Load:
        """Have a model in memory with that window and those options, in use until `release`."""
        key = _key(name)
        with self._lock:
            self._forget_expired()
            entry = self._loaded.get(key)
            is_fit = entry is not None and (entry.num_ctx, entry.runner) == (num_ctx, runner)
            evicted: tuple[str, ...] = ()
            if entry is None or not is_fit:
                self._loaded.pop(key, None)
                evicted = self._make_room()
                entry = self._placed(self._models[key], num_ctx, runner)
                self._loaded[key] = entry
            entry.users += 1
            entry.leaving = False
            entry.used = time.monotonic()
            return Load(entry, not is_fit, evicted)

    def release(self, name: str, keep_s: float) -> None:
        """End a use: the model stays for `keep_s` seconds more, or goes at once with 0."""
        with self._lock:
            entry = self._loaded.get(_key(name))
            if entry is None:
                return
            entry.users = max(0, entry.users - 1)
            entry.expires = time.time() + keep_s / self._clock
            if (entry.leaving or keep_s == 0) and not entry.users:
                del self._loaded[_key(name)]

    def unload(self, name: str) -> None:
        """Let a model go at once, or with its last user; as expireRunner of Ollama does."""
        with self._lock:
            entry = self._loaded.get(_key(name))
            if entry is None:
                return
            entry.leaving = True
            if not entry.users:
                del self._loaded[_key(name)]

    def _placed(self, model: OfferedModel, num_ctx: int, runner: Mapping[str, Any]) -> Loaded:
        size = model.size + model.kv_per_token * num_ctx
        room = size if self._gpu_bytes is None else self._gpu_bytes
        if runner.get("num_gpu") == 0:
            room = 0
        return Loaded(model, num_ctx, dict(runner), size, min(size, room))

    def _make_room(self) -> tuple[str, ...]:
        evicted = []
        while len(self._loaded) >= max(1, self._max_loaded):
            oldest = min(self._loaded, key=lambda name: self._loaded[name].used)
            evicted.append(_full(self._loaded.pop(oldest).model.name))
        return tuple(evicted)

    def _forget_expired(self) -> None:
        now = time.time()
        self._loaded = {k: v for k, v in self._loaded.items() if v.users or v.expires > now}


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _key(name: str) -> str:
    # Names are compared without regard to case (model.Name.EqualFold of Ollama), and shown with it.
    return _full(name).lower()

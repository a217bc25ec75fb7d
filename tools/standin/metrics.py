"""The figures of a reply's last line, and the time that it takes when a script asks for time."""

from dataclasses import dataclass

_PROMPT_TPS, _REPLY_TPS, _LOAD_S = 1000.0, 50.0, 2.5
"""A 7B model at four bits on a card of 8 GB, where the script says nothing."""
_WARM_S = 0.041295167
"""Load time of a model that is in memory."""
_CPU_SLOWDOWN = 10.0
"""How much slower the layers are that are computed on the CPU."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """Of the emulated machine; 0 means: no time passes, and the figures are the usual ones."""

    prompt_tps: float = 0.0
    reply_tps: float = 0.0
    load_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Account:
    """Tokens and durations of one reply."""

    speeds: Speeds
    reloaded: bool
    seen: int
    """Tokens of the prompt after any cut."""
    known: int
    """Of these, tokens that were in the slot already; they take no time."""
    shown: int
    """prompt_eval_count as this version of the server counts."""
    said: int
    """Tokens of the reply."""
    on_gpu: float = 1.0
    """Share of the model that is in the GPU's memory."""

    @property
    def slowdown(self) -> float:
        """By the layers on the CPU."""
        return 1.0 + (_CPU_SLOWDOWN - 1.0) * (1.0 - self.on_gpu)

    @property
    def wait_before(self) -> float:
        """Seconds of silence that the script asks for: load and prompt."""
        load = self.speeds.load_seconds if self.reloaded else 0.0
        tps = self.speeds.prompt_tps
        return load + ((self.seen - self.known) * self.slowdown / tps if tps else 0.0)

    @property
    def wait_per_token(self) -> float:
        """Seconds for each token of the reply that the script asks for."""
        return self.slowdown / self.speeds.reply_tps if self.speeds.reply_tps else 0.0

    def figures(self) -> dict[str, int]:
        """As the last line has them: durations in nanoseconds, what is zero left out."""
        load = (self.speeds.load_seconds or _LOAD_S) if self.reloaded else _WARM_S
        fresh = (self.seen - self.known) * self.slowdown
        prompt = fresh / (self.speeds.prompt_tps or _PROMPT_TPS)
        reply = self.said * self.slowdown / (self.speeds.reply_tps or _REPLY_TPS)
        figures = {
            "total_duration": round((load + prompt + reply) * 1e9),
            "load_duration": round(load * 1e9),
            "prompt_eval_count": self.shown,
            "prompt_eval_duration": round(prompt * 1e9),
            "eval_count": self.said,
            "eval_duration": round(reply * 1e9),
        }
        return {key: value for key, value in figures.items() if value}

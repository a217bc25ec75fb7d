"""Durations as Go writes them: the values of keep_alive."""

import re

FOREVER = 100 * 365 * 86400.0
"""Seconds; what a negative keep_alive means."""
_DEFAULT_S = 300.0
"""OLLAMA_KEEP_ALIVE where it is not set."""
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def keep_seconds(value: object) -> float:
    """Meaning of keep_alive: seconds as a number, or a duration as Go writes it.

    Raises:
        ValueError: neither; with Go's words.
    """
    if value is None:
        return _DEFAULT_S
    seconds = float(value) if isinstance(value, int | float) else _duration(str(value))
    return FOREVER if seconds < 0 else seconds


def _duration(text: str) -> float:
    if re.fullmatch(r"[-+]?0", text):
        return 0.0
    sign = -1.0 if text.startswith("-") else 1.0
    body = text.lstrip("+-")
    parts = re.findall(r"(\d+\.?\d*|\.\d+)([^\d.]*)", body)
    if not parts or "".join(a + b for a, b in parts) != body:
        raise ValueError(f'time: invalid duration "{text}"')
    for _, unit in parts:
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)

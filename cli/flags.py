"""From command line words to settings."""

import argparse
import re
from typing import Any

from greenloop.errors import ConfigError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_COUNT = re.compile(r"(steps|calls|tokens)=(\d+(?:\.\d+)?)(k?)")


def settings_flags(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that the user gave as flags.

    Raises:
        ConfigError: `--budget` or `--set` is malformed.
    """
    flags: dict[str, Any] = {"model": args.model, "test_cmd": args.test_cmd, "store": args.store}
    flags["approve"] = getattr(args, "approve", None)  # of `run`; in `resume` it is an answer
    for pair in args.set:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair!r}: write it as NAME=VALUE")
        key = name.strip().replace("-", "_")
        if key == "data_dir":
            raise ConfigError("data_dir holds for all commands: set GREENLOOP_DATA_DIR instead")
        flags[key] = value
    if args.budget:
        flags.update(parse_budget(args.budget))
    return {name: value for name, value in flags.items() if value is not None}


def parse_budget(text: str) -> dict[str, float]:
    """`10m,calls=20,tokens=50k` as settings; time in s, m or h, `k` for thousands.

    Raises:
        ConfigError: a part is malformed or zero.
    """
    limits: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        duration, count = _DURATION.fullmatch(part), _COUNT.fullmatch(part)
        if duration:
            limits["budget_seconds"] = float(duration[1]) * _SECONDS[duration[2]]
        elif count:
            limits[f"budget_{count[1]}"] = int(float(count[2]) * (1000 if count[3] else 1))
        else:
            raise ConfigError(
                f"--budget {part!r} is not understood: write a time such as 10m, or "
                "calls=20, tokens=50k, steps=30"
            )
    if not limits or not all(limits.values()):
        raise ConfigError(f"--budget {text!r} leaves nothing to spend")
    return limits

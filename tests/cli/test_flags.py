import argparse

import pytest

from greenloop.cli.flags import parse_budget, settings_flags
from greenloop.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("10m", {"budget_seconds": 600}),
        ("90s", {"budget_seconds": 90}),
        ("1.5h", {"budget_seconds": 5400}),
        ("10m,calls=20, tokens=50k ,steps=7", {
            "budget_seconds": 600,
            "budget_calls": 20,
            "budget_tokens": 50_000,
            "budget_steps": 7,
        }),
    ],
)  # fmt: skip
def test_budgets(text: str, limits: dict[str, float]) -> None:
    assert parse_budget(text) == limits


@pytest.mark.parametrize(
    "text", ["", "10", "m10", "calls=", "calls=0", "coffee=3", "-5m", "0s", ","]
)
def test_rubbish_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--budget"):
        parse_budget(text)


def flags(*pairs: str, budget: str | None = None) -> dict[str, object]:
    return settings_flags(
        argparse.Namespace(model="m", test_cmd=None, store=None, set=list(pairs), budget=budget)
    )


def test_set_reaches_any_setting() -> None:
    assert flags("num-ctx=4096", "plan=never") == {"model": "m", "num_ctx": "4096", "plan": "never"}


def test_set_needs_a_value() -> None:
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        flags("num_ctx")

"""The script of the demonstration: a small model at work on the project in examples/ferry.

It looks before it edits, quotes a line wrongly and is corrected, and mends the second fault only
after the tests ran. Every reply follows from the request, so the run can be repeated.
"""

from typing import Any

from greenloop.tools.standin.script import Script

MODEL = "demo-coder"
HOW_TO = (
    "for a copy of examples/ferry: OLLAMA_HOST=127.0.0.1:{port} greenloop run "
    f'"make the failing tests pass" --repo path/to/copy --model {MODEL}'
)

_CODER = "careful programmer"
_GROUP_FAULT = "assert 16280 == 13320"
"""What pytest says as long as groups pay more instead of less."""

_LOOK = """\
A group of eight pays 16280 instead of 13320, so the discount is added. I want to see the code.

```look
READ ferry/booking.py:38-60
```
"""
_MISQUOTED = """\
The discount has to be taken off the price.

ferry/booking.py
<<<<<<< SEARCH
            cents += cents * GROUP_DISCOUNT_PERCENT / 100
=======
            cents -= cents * GROUP_DISCOUNT_PERCENT // 100
>>>>>>> REPLACE
"""
_DISCOUNT = """\
The line divides by `//`. The discount has to be taken off the price.

ferry/booking.py
<<<<<<< SEARCH
            cents += cents * GROUP_DISCOUNT_PERCENT // 100
=======
            cents -= cents * GROUP_DISCOUNT_PERCENT // 100
>>>>>>> REPLACE
"""
_AGES = """\
Children are under 15, but `<=` lets those of 15 travel as children.

ferry/fares.py
<<<<<<< SEARCH
    if age <= 15:
=======
    if age < 15:
>>>>>>> REPLACE
"""


def demo_script() -> Script:
    """Replies for every turn of the run, and again from the start for the next one."""
    return Script.parse(
        {
            "models": [{"name": MODEL, "capabilities": ["completion"], "template": "none"}],
            "reply_tps": 200,
            "replies": [
                _always(
                    "Both faults are mended at their cause, and nothing else changed.\n"
                    "VERDICT: keep",
                    {"system": "You review"},
                    formatted='{"reasons": [], "verdict": "keep"}',
                ),
                _always(
                    "1. Take the group discount off the price\n2. Let children be under 15",
                    {"system": "You split a programming task"},
                    formatted='{"steps": ["Take the group discount off the price", '
                    '"Let children be under 15"]}',
                ),
                *_group_fault(),
                _always(_AGES, {"system": _CODER}),
                {"text": "OK", "times": None},
            ],
        }
    )


def _group_fault() -> list[dict[str, Any]]:
    """Three turns, for as long as the tests tell of the fault."""
    turns = enumerate((_LOOK, _MISQUOTED, _DISCOUNT))
    return [
        _always(text, {"system": _CODER, "contains": _GROUP_FAULT, "turns": turn})
        for turn, text in turns
    ]


def _always(text: str, when: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"text": text, "when": when, "times": None, **more}

"""Decisions as JSON, read strictly, and in the forms of text that older servers leave us with."""

import pytest

from greenloop.nodes.decisions import read_steps, read_verdict, steps_schema
from greenloop.state import Review


def reject(*reasons: str) -> Review:
    return Review(False, reasons, "model")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ('{"reasons": [], "verdict": "keep"}', Review(True, (), "model")),
        ('\n {"reasons": ["no"], "verdict": "reject"}\n', Review(False, ("no",), "model")),
        ('```json\n{"reasons": ["a\\nb"], "verdict": "reject"}\n```', reject("a b")),
        ('{"reasons": [], "verdict": "reject"}', reject("the reviewer gave no reason")),
        ('{"reasons": [], "verdict": "maybe"}', None),
        ('{"reasons": "one", "verdict": "reject"}', Review(False, ("one",), "model")),
        ('{"reasons": [1], "verdict": "keep"}', Review(True, (), "model")),
        ('{"verdict": "Keep"}', Review(True, (), "model")),
        ('Sure:\n{"reasons": ["x"], "verdict": "reject"}\nDone.', Review(False, ("x",), "model")),
        ('{"reasons": ["x"], "verdict": "keep"}\nNo:\n{"reasons": ["y"], "verdict": "reject"}',
         Review(False, ("y",), "model")),
        ('{"note": {"verdict": "keep"}}', None),
        ('{"reasons": [], "verdict": ["keep"]}', None),
        ('{"reasons": [], "verdict": "keep"', None),
        ("{'reasons': [], 'verdict': 'keep'}", None),
        ("[]", None),
        ("{" * 5000, None),
        ('{"reasons": [}\nVERDICT: reject\n- x', Review(False, ("x",), "model")),
        ("- misses None\nVERDICT: reject", Review(False, ("misses None",), "model")),
        ("I would keep it", None),
        ("", None),
    ],
)  # fmt: skip
def test_verdicts(reply: str, verdict: Review | None) -> None:
    assert read_verdict(reply) == verdict


def test_reasons_are_few_and_short() -> None:
    reasons = ", ".join([f'"{"x" * 900}"'] * 30)
    found = read_verdict(f'{{"reasons": [{reasons}], "verdict": "reject"}}')
    assert found is not None
    assert len(found.reasons) == 5
    assert all(len(reason) == 300 for reason in found.reasons)


@pytest.mark.parametrize(
    ("reply", "steps"),
    [
        ('{"steps": ["a", "b"]}', ("a", "b")),
        ('{"steps": ["a", "a", " ", "b", "c", "d"]}', ("a", "b", "c")),
        ('Here:\n```json\n{"steps": ["a"]}\n```\n', ("a",)),
        ('{"steps": [{"text": "a"}]}', ()),
        ('{"steps": []}', ()),
        ('{"plan": ["a"]}', ()),
        ("1. a\n2. b", ("a", "b")),
    ],
)
def test_steps(reply: str, steps: tuple[str, ...]) -> None:
    assert read_steps(reply, 3) == steps


def test_the_schema_names_what_is_read() -> None:
    schema = steps_schema(4)
    assert schema["required"] == ["steps"]

import pytest

from greenloop.nodes.steps import MAX_STEPS, has_parts, parse_steps


@pytest.mark.parametrize(
    ("reply", "steps"),
    [
        ("1. add a parser\n2. use it in main\n", ("add a parser", "use it in main")),
        ("Sure!\n\n1) **Add a parser**\n 2) Use it  \n\nDone.", ("Add a parser", "Use it")),
        ("1. same\n2. same\n3. other", ("same", "other")),
        ("just do it", ()),
        ("", ()),
        ("```\n3 cups of tea\n```", ()),
    ],
)
def test_numbered_lines_are_the_steps(reply: str, steps: tuple[str, ...]) -> None:
    assert parse_steps(reply) == steps


def test_a_long_plan_is_cut() -> None:
    reply = "\n".join(f"{n}. step {n}" for n in range(1, 20))
    assert len(parse_steps(reply)) == MAX_STEPS


@pytest.mark.parametrize(
    ("task", "parts"),
    [
        ("fix the rounding", False),
        ("fix the rounding and the tax, then update the report", False),
        ("1. add a flag\n2. document it", True),
        ("Please:\n- add a flag\n- document it", True),
        ("version 1.2 and 3.4 differ", False),
        ("1. only one", False),
    ],
)
def test_only_listed_parts_ask_for_a_plan(task: str, parts: bool) -> None:
    assert has_parts(task) is parts

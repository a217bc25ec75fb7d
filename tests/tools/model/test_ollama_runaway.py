"""What repeats itself without end is told from what only looks like it."""

import pytest

from greenloop.tools.model.runaway import REPEATS, Runaway

ZEROS = ", ".join("0" * 120)
TABLE = "\n".join(f"    {n}: '{n * 7919 % 1000:03d}'," for n in range(400))
BLOCK = "class Point:\n    x: int\n    y: int\n\n    def norm(self):\n        return self.x\n\n\n"


def heard(text: str, *, size: int = 4, prompt: str = "") -> tuple[str, int]:
    """What is found in a text that comes in pieces, and after how many characters."""
    watch = Runaway(prompt)
    for at in range(0, len(text), size):
        found = watch.hears(text[at : at + size])
        if found:
            return found, at + size
    return "", len(text)


@pytest.mark.parametrize("size", [1, 4, 16, 1000])
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x = 1\n" + "    return x\n" * 100, "the same line"),
        ("x = 1\n" + "    return x\n\n" * 100, "the same line"),
        ("so " * 900, "the same words"),
        ("@" * 1000, "the same words"),
        ("if a and b or " * 200, "the same words"),
        (BLOCK * 40, "the same words"),
        ("The file is fine as it is. " * 60, "the same words"),
        ("{" + " \n\t" * 300, "blanks"),
        ("\n" * 500, "blanks"),
    ],
)
def test_repetition_without_end(text: str, what: str, size: int) -> None:
    found, _ = heard(text, size=size)
    assert found == what


@pytest.mark.parametrize(
    "text",
    [
        "-" * 100 + "\n" + "=" * 100,
        f"ROW = [{ZEROS}]\n",
        TABLE,
        "\n".join(["    pass"] * (REPEATS - 1) + ["    done"] + ["    pass"] * (REPEATS - 1)),
        BLOCK * 5,
        "x\n\n\n\n" + " " * 200 + "y",
        "",
    ],
)
def test_what_only_looks_like_it(text: str) -> None:
    assert heard(text)[0] == ""


@pytest.mark.parametrize("text", ["    0x00,\n" * 80, "0, " * 400])
def test_what_the_prompt_repeats_may_be_copied(text: str) -> None:
    assert heard(text)[0]
    assert heard(text, prompt=f"DATA = [\n{text}]\n")[0] == ""


def test_it_is_noticed_early() -> None:
    line = "    return the_same_thing\n"
    _, after = heard(line * 500)
    assert after <= len(line) * (REPEATS + 2)

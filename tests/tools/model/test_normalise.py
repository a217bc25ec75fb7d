"""What differs between machines and runs is taken out of a request, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenloop.tools.model.normalise import hide_workspace, normalise, show_workspace

HERE, THERE = Path("/home/ada/shop"), Path("/srv/build-7/shop copy")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("see /home/ada/shop/a.py:3", "see /srv/build-7/shop copy/a.py:3"),
        ('File "/home/ada/shop/a.py"', 'File "/srv/build-7/shop copy/a.py"'),
        ("rootdir: /home/ada/shop", "rootdir: /srv/build-7/shop copy"),
        ("file:///home/ada/shop.", "file:///srv/build-7/shop copy."),
        ("a\r\nb\rc", "a\nb\nc"),
        ("3 passed in 0.12s", "3 passed in 4.07s"),
        ("in 61.23s (0:01:01)", "in 75.00s (0:01:15)"),
        ("✓ adds (5 ms)", "✓ adds (12 ms)"),
        ("<Cart object at 0x7f3a5c0d1e80>", "<Cart object at 0x10af3b9d0>"),
        ("Exception in thread Thread-12 (work)", "Exception in thread Thread-3 (work)"),
        ("ThreadPoolExecutor-0_1", "ThreadPoolExecutor-2_0"),
        ("[ForkPoolWorker-2]", "[ForkPoolWorker-17]"),
        ("killed (pid 4711)", "killed (pid 12)"),
        ("open /tmp/pytest-of-ada/pytest-3/x0/f", "open /tmp/pytest-of-bob/pytest-11/x0/f"),
        ("tmp/x: '/tmp/tmpab1'", "tmp/x: '/var/folders/q7/zz9/T/tmpq'"),
        ("at 2026-11-21 13:46:10,123 it", "at 2025-01-02T03:04:05Z it"),
        (
            "/home/ada/.venv/lib/python3.11/site-packages/x/y.py:3",
            "/usr/lib/python3/dist-packages/x/y.py:3",
        ),
        (
            "/home/ada/shop/.venv/lib/python3.12/site-packages/x/y.py",
            "/opt/env/lib/python3.13/site-packages/x/y.py",
        ),
        ("/usr/lib/python3.11/json/decoder.py", "/opt/py/lib/python3.13/json/decoder.py"),
    ],
)
def test_what_differs_by_chance_is_the_same(one: str, two: str) -> None:
    assert normalise(one, HERE) == normalise(two, THERE)
    assert normalise(one, HERE) != normalise("", HERE)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("make the tests pass", "make all tests pass"),
        ("wait 5 seconds", "wait 6 seconds"),
        ("assert 3 == 4", "assert 3 == 5"),
        ("price 0.12", "price 0.13"),
        ("src/a.py:3", "src/a.py:4"),
        ("tmp/a", "tmp/b"),
        ("0xff", "0xfe"),
        ("build on 2026-11-21", "build on 2026-11-22"),
        ("/home/ada/shopping/a.py", "/home/ada/shop/a.py"),
        ("step-2", "step-3"),
        ("rapid 4", "rapid 5"),
    ],
)
def test_what_differs_in_meaning_stays_different(one: str, two: str) -> None:
    assert normalise(one, HERE) != normalise(two, HERE)


PAIRS = [
    (str(HERE), str(THERE)), (f"{HERE}/a/b.py:1", f"{THERE}/a/b.py:1"), ("/tmp/x1", "/tmp/y/2"),
    ("0x7f00aa11bb", "0x10af3b9d0"), ("1.5s", "0.02s"), ("12 ms", "7 ms"), ("pid 3", "pid 44"),
    ("Thread-1", "Thread-29"), ("2026-11-21 13:46:10", "2025-01-02T03:04:05"), ("\r\n", "\n"),
]  # fmt: skip
SAME = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=6).map(
    lambda text: (text, text)
)


@given(st.lists(st.sampled_from(PAIRS) | SAME, max_size=12))
def test_it_holds_among_all_words(pairs: list[tuple[str, str]]) -> None:
    one, two = (" ".join(words) for words in zip(*pairs, strict=True)) if pairs else ("", "")
    assert normalise(one, HERE) == normalise(two, THERE)


def test_a_megabyte_takes_no_time() -> None:
    for piece in ("/a", "1", "a/", "/tmp/", "0x", "12 ", "⟦"):
        normalise(piece * (1_000_000 // len(piece)), HERE)


def test_the_workspace_comes_back_where_the_reply_is_used() -> None:
    hidden = hide_workspace("edit /home/ada/shop/a.py and /home/ada/shop-2/b.py", HERE)
    assert hidden.count("/home/ada/shop") == 1
    shown = show_workspace(hidden, THERE)
    assert shown == "edit /srv/build-7/shop copy/a.py and /home/ada/shop-2/b.py"

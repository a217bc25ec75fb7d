"""The brain end to end: tiny faulty projects in, proven edits out, nothing written."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from greenloop.state import TestFailure
from greenloop.tools.model.base import Brief, ModelReply, ModelRequest
from greenloop.tools.repair.model import RepairModel
from greenloop.tools.runner.command import TestCommand
from greenloop.tools.sandbox.local import LocalSandbox

Project = Callable[[dict[str, str]], Path]
Repairer = Callable[..., ModelReply]

BOUNDARY = {
    "shop.py": (
        '"""Prices."""\n\n\ndef discount(total):\n    # ten percent from a hundred on\n'
        "    if total > 100:\n        return total * 0.9\n    return total\n"
    ),
    "test_shop.py": (
        "from shop import discount\n\n\ndef test_small():\n    assert discount(99) == 99\n\n\n"
        "def test_edge():\n    assert discount(100) == 90\n\n\n"
        "def test_large():\n    assert discount(200) == 180\n"
    ),
}


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file below a folder with its hash and time of change."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
    }


def test_a_boundary_is_found_and_nothing_is_written(project: Project, repair: Repairer) -> None:
    workspace = project(BOUNDARY)
    before = state(workspace)
    reply = repair(workspace)
    assert (
        "shop.py\n<<<<<<< SEARCH\n    if total > 100:\n=======\n    if total >= 100:\n"
        ">>>>>>> REPLACE\n" in reply.text
    )
    assert "test_shop.py::test_edge" in reply.text
    assert not reply.gave_up
    assert reply.tokens_in == reply.tokens_out == 0
    assert state(workspace) == before


def test_the_same_question_gets_the_same_answer(project: Project, repair: Repairer) -> None:
    workspace = project(BOUNDARY)
    first, second = (repair(workspace).text.split("\n\n", 1)[1] for _ in range(2))
    assert first == second


def test_a_rejected_edit_is_not_offered_again(project: Project, repair: Repairer) -> None:
    workspace = project(BOUNDARY)
    first, next_best = repair(workspace), repair(workspace, ordinal=1)
    assert next_best.gave_up or next_best.text.split("\n\n", 1)[1] != first.text.split("\n\n", 1)[1]


def test_an_edit_that_stayed_in_the_tree_is_not_skipped(project: Project, repair: Repairer) -> None:
    reply = repair(project(BOUNDARY), ordinal=1, diff="--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    assert "total >= 100" in reply.text


def test_source_layout_with_configuration_and_conftest(project: Project, repair: Repairer) -> None:
    workspace = project(
        {
            "pyproject.toml": (
                '[tool.pytest.ini_options]\npythonpath = ["src"]\ntestpaths = ["checks"]\n'
                'addopts = "-ra --strict-markers --import-mode=importlib"\n'
                'filterwarnings = ["error"]\n'
            ),
            "src/queues/__init__.py": "from queues.ring import Ring\n",
            "src/queues/ring.py": (
                "class Ring:\n    def __init__(self, size):\n        self.size = size\n"
                "        self.items = []\n\n    def push(self, item):\n"
                "        self.items.append(item)\n        if len(self.items) > self.size:\n"
                "            self.items.pop()\n"
            ),
            "checks/conftest.py": (
                "import pytest\nfrom queues import Ring\n\n\n@pytest.fixture\ndef ring():\n"
                "    return Ring(2)\n"
            ),
            "checks/test_ring.py": (
                "def test_oldest_goes(ring):\n    for n in (1, 2, 3):\n        ring.push(n)\n"
                "    assert ring.items == [2, 3]\n\n\n"
                "def test_room(ring):\n    ring.push(1)\n    assert ring.items == [1]\n"
            ),
        }
    )
    reply = repair(workspace)
    assert "self.items.pop(0)" in reply.text


def test_a_name_error_while_the_tests_are_collected(project: Project, repair: Repairer) -> None:
    workspace = project(
        {
            "area.py": "SIDE = 2\nAREA = SIED * SIDE\n",
            "test_area.py": "from area import AREA\n\n\ndef test_it():\n    assert AREA == 4\n",
        }
    )
    assert "AREA = SIDE * SIDE" in repair(workspace).text


def test_a_syntax_error(project: Project, repair: Repairer) -> None:
    workspace = project(
        {
            "area.py": "def area(a, b)\n    return a * b\n",
            "test_area.py": "import area\n\n\ndef test_it():\n    assert area.area(2, 3) == 6\n",
        }
    )
    assert "def area(a, b):\n" in repair(workspace).text


def test_two_faults_are_mended_one_after_the_other(project: Project, repair: Repairer) -> None:
    workspace = project(
        {
            "m.py": "def low(xs):\n    return max(xs)\n\n\ndef high(xs):\n    return min(xs)\n",
            "test_m.py": (
                "from m import high, low\n\n\ndef test_low():\n    assert low([1, 2, 3]) == 1\n\n\n"
                "def test_high():\n    assert high([1, 2, 3]) == 3\n"
            ),
        }
    )
    first = repair(workspace)
    assert "Still failing: 1." in first.text
    source = workspace / "m.py"
    wrong, right = ("max", "min") if "return min(xs)\n>>>>" in first.text else ("min", "max")
    assert f"    return {right}(xs)\n>>>>" in first.text
    source.write_text(source.read_text().replace(f"return {wrong}(xs)", f"return {right}(xs)", 1))
    second = repair(workspace)
    assert second.text
    assert "other failing test" not in second.text


def test_a_hanging_test_is_mended_and_hanging_candidates_end(
    project: Project, repair: Repairer
) -> None:
    workspace = project(
        {
            "count.py": (
                "def count(xs):\n    i = 0\n    while i < len(xs):\n        i -= 1\n    return i\n"
            ),
            "test_count.py": (
                "from count import count\n\n\ndef test_none():\n    assert count([]) == 0\n\n\n"
                "def test_three():\n    assert count('abc') == 3\n"
            ),
        }
    )
    assert "i += 1" in repair(workspace, deadline_s=30.0).text


def test_an_edit_that_breaks_another_test_is_not_offered(
    project: Project, repair: Repairer
) -> None:
    workspace = project(
        {
            "sign.py": "def sign(n):\n    return 1 if n >= 0 else -1\n",
            "test_a.py": "from sign import sign\n\n\ndef test_zero():\n    assert sign(0) == -1\n",
            "test_b.py": (
                "from sign import sign\n\n\ndef test_zero_again():\n    assert sign(0) == 1\n"
            ),
        }
    )
    reply = repair(workspace)
    assert reply.text == ""
    assert "break others" in reply.gave_up


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"test_ok.py": "def test_ok():\n    assert True\n"}, "no test fails"),
        ({"test_no.py": "def test_no():\n    assert 1 == 2\n"}, "run no line of the project"),
    ],
)
def test_it_says_why_it_gives_up(
    files: dict[str, str], why: str, project: Project, repair: Repairer
) -> None:
    reply = repair(project(files))
    assert reply.text == ""
    assert why in reply.gave_up


def test_only_the_users_selection_counts(project: Project, repair: Repairer) -> None:
    workspace = project(
        {
            **BOUNDARY,
            "test_other.py": "def test_other():\n    assert False\n",
        }
    )
    assert "no test fails" in repair(workspace, "test_shop.py", "-k", "small").gave_up


def test_a_command_that_is_not_pytest_is_refused(tmp_path: Path) -> None:
    model = RepairModel(LocalSandbox(), TestCommand(("make", "test")))
    reply = model.reply(ModelRequest("coder", (), Brief(tmp_path, "task")))
    assert "pytest" in reply.gave_up


def test_planner_and_reviewer_answer_without_a_run(tmp_path: Path) -> None:
    model = RepairModel(LocalSandbox(), TestCommand((sys.executable,)))
    failures = tuple(TestFailure(f"t.py::test_{n}", "assertion", "") for n in range(2))
    brief = Brief(tmp_path, "task", failures=failures)
    plan = model.reply(ModelRequest("planner", (), brief))
    assert plan.text == "1. Make 2 failing tests pass: t.py::test_0, t.py::test_1"
    green = Brief(tmp_path, "task", diff="--- a/m\n+++ b/m\n@@ -1 +1 @@\n-a\n+b\n")
    assert model.reply(ModelRequest("reviewer", (), green)).text.startswith("VERDICT: keep\n")

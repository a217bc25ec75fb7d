"""Each operator family must offer the edit that mends a typical fault of its kind."""

import ast

import pytest

from greenloop.tools.repair.candidates import candidates
from greenloop.tools.repair.op_syntax import syntax_edits
from greenloop.tools.repair.site import Hints
from greenloop.tools.repair.source import SourceFile

FAULTS: list[tuple[str, str, str]] = [
    # family, faulty, right
    ("boundary", "def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a <= b\n"),
    ("direction", "def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a > b\n"),
    ("identity", "def f(a):\n    return a is None\n", "def f(a):\n    return a is not None\n"),
    ("membership", "def f(a, b):\n    return a in b\n", "def f(a, b):\n    return a not in b\n"),
    ("shift", "def f(a, n):\n    return a < n\n", "def f(a, n):\n    return a < n - 1\n"),
    ("plus", "def f(a, b):\n    return a + b\n", "def f(a, b):\n    return a - b\n"),
    ("division", "def f(a, b):\n    return a / b\n", "def f(a, b):\n    return a // b\n"),
    ("drop", "def f(a):\n    return a + 1\n", "def f(a):\n    return a\n"),
    ("order", "def f(a, b):\n    return a - b\n", "def f(a, b):\n    return b - a\n"),
    ("brackets", "def f(a, b):\n    return a + b * 2\n", "def f(a, b):\n    return (a + b) * 2\n"),
    ("index", "def f(a, i):\n    return a[i]\n", "def f(a, i):\n    return a[i - 1]\n"),
    ("and", "def f(a, b):\n    return a and b\n", "def f(a, b):\n    return a or b\n"),
    ("conjunct", "def f(a, b):\n    return a and b\n", "def f(a, b):\n    return a\n"),
    ("not", "def f(a):\n    return not a\n", "def f(a):\n    return a\n"),
    ("negate", "def f(a):\n    if a:\n        g()\n", "def f(a):\n    if not a:\n        g()\n"),
    ("arms", "def f(a):\n    return 1 if a else 2\n", "def f(a):\n    return 2 if a else 1\n"),
    ("elements", "def f(a, b):\n    return a, b\n", "def f(a, b):\n    return b, a\n"),
    (
        "filter",
        "def f(a):\n    return [x for x in a]\n",
        "def f(a):\n    return [x for x in a if x]\n",
    ),
    ("int", "def f(a):\n    return a[3]\n", "def f(a):\n    return a[2]\n"),
    ("float", "def f(a):\n    return a * 0.1\n", "def f(a):\n    return a * 0.01\n"),
    ("bool", "def f(a):\n    return True\n", "def f(a):\n    return False\n"),
    (
        "string",
        "def f(a):\n    return a.get('b'), 'c'\n",
        "def f(a):\n    return a.get('c'), 'c'\n",
    ),
    ("case", "def f(a):\n    return a == 'YES'\n", "def f(a):\n    return a == 'yes'\n"),
    ("end", "def f(a):\n    return a[0]\n", "def f(a):\n    return a[-1]\n"),
    ("slice", "def f(a, n):\n    return a[1:n]\n", "def f(a, n):\n    return a[:n]\n"),
    ("sliced", "def f(a):\n    return a\n", "def f(a):\n    return a[::-1]\n"),
    ("get", "def f(a, k):\n    return a[k]\n", "def f(a, k):\n    return a.get(k, 0)\n"),
    ("brackets for get", "def f(a, k):\n    return a.get(k)\n", "def f(a, k):\n    return a[k]\n"),
    ("variable", "def f(low, high):\n    return low\n", "def f(low, high):\n    return high\n"),
    ("builtin", "def f(a):\n    return min(a)\n", "def f(a):\n    return max(a)\n"),
    ("method", "def f(a):\n    return a.lower()\n", "def f(a):\n    return a.upper()\n"),
    ("arguments", "def f(a, b):\n    return g(a, b)\n", "def f(a, b):\n    return g(b, a)\n"),
    ("argument", "def f(a, b):\n    return g(a, b)\n", "def f(a, b):\n    return g(a)\n"),
    ("unwrap", "def f(a):\n    return sorted(a)\n", "def f(a):\n    return a\n"),
    ("wrap", "def f(a, b):\n    return a - b\n", "def f(a, b):\n    return abs(a - b)\n"),
    ("suffix", "def f(a):\n    return a\n", "def f(a):\n    return a.strip()\n"),
    ("range", "def f(n):\n    return range(n)\n", "def f(n):\n    return range(1, n + 1)\n"),
    ("stop", "def f(n):\n    return range(1, n)\n", "def f(n):\n    return range(1, n + 1)\n"),
    ("augmented", "def f(a):\n    a = 1\n    return a\n", "def f(a):\n    a += 1\n    return a\n"),
    ("plain", "def f(a):\n    a += 1\n    return a\n", "def f(a):\n    a = 1\n    return a\n"),
    ("sign", "def f(a):\n    a += 1\n    return a\n", "def f(a):\n    a -= 1\n    return a\n"),
    ("return", "def f(a):\n    a.sort()\n    g(a)\n", "def f(a):\n    a.sort()\n    return g(a)\n"),
    ("at end", "def f(a):\n    a.sort()\n", "def f(a):\n    a.sort()\n    return a\n"),
    ("delete", "def f(a):\n    a.pop()\n    return a\n", "def f(a):\n    return a\n"),
    ("swap", "def f(a):\n    g(a)\n    h(a)\n", "def f(a):\n    h(a)\n    g(a)\n"),
    (
        "out of the loop",
        "def f(a):\n    for x in a:\n        g(x)\n        return a\n",
        "def f(a):\n    for x in a:\n        g(x)\n    return a\n",
    ),
    (
        "continue",
        "def f(a):\n    for x in a:\n        break\n",
        "def f(a):\n    for x in a:\n        continue\n",
    ),
    (
        "guard",
        "def f(a):\n    return max(a)\n",
        "def f(a):\n    if not a:\n        return None\n    return max(a)\n",
    ),
    (
        "shared default",
        "def f(a, seen=[]):\n    seen.append(a)\n    return seen\n",
        "def f(a, seen=None):\n    if seen is None:\n        seen = []\n"
        "    seen.append(a)\n    return seen\n",
    ),
    (
        "default value",
        "def f(a, step=1):\n    return a + step\n",
        "def f(a, step=2):\n    return a + step\n",
    ),
    (
        "loop targets",
        "def f(a):\n    for k, v in a:\n        g(k, v)\n",
        "def f(a):\n    for v, k in a:\n        g(k, v)\n",
    ),
    (
        "attribute",
        "class A:\n    def f(self):\n        self.x = self.y = 2\n        return self.x\n",
        "class A:\n    def f(self):\n        self.x = self.y = 2\n        return self.y\n",
    ),
    (
        "await",
        "async def f(a):\n    return g(a)\n",
        "async def f(a):\n    return await g(a)\n",
    ),
    (
        "passed on",
        "def g(a, key=None):\n    return a\n\n\ndef f(a, key):\n    return g(a)\n",
        "def g(a, key=None):\n    return a\n\n\ndef f(a, key):\n    return g(a, key=key)\n",
    ),
]


def offered(text: str, hints: Hints | None = None) -> dict[str, str]:
    """Every edited text of a file whose lines are all suspect, with the operator that made it."""
    source = SourceFile("m.py", text.encode())
    scores = {("m.py", number): 1.0 for number in range(1, text.count("\n") + 2)}
    found = candidates({"m.py": source}, scores, hints or Hints(), 100_000)
    return {c.edit.apply(source.data).decode(): c.edit.operator for c in found}


@pytest.mark.parametrize(("faulty", "right"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_the_right_edit_is_offered(faulty: str, right: str) -> None:
    assert right in offered(faulty)


@pytest.mark.parametrize(
    ("faulty", "right", "hints"),
    [
        (
            "def f(total):\n    return totl\n",
            "def f(total):\n    return total\n",
            Hints(messages=("NameError: name 'totl' is not defined",)),
        ),
        (
            '"""Doc."""\n\n\ndef f(x):\n    return math.sqrt(x)\n',
            '"""Doc."""\nimport math\n\n\ndef f(x):\n    return math.sqrt(x)\n',
            Hints(messages=("NameError: name 'math' is not defined",)),
        ),
        (
            "def f():\n    return Shape()\n",
            "from shapes import Shape\ndef f():\n    return Shape()\n",
            Hints(
                messages=("NameError: name 'Shape' is not defined",), exports={"Shape": "shapes"}
            ),
        ),
        (
            "def f(x):\n    return x.uper()\n",
            "def f(x):\n    return x.upper()\n",
            Hints(messages=("AttributeError: 'str' object has no attribute 'uper'",)),
        ),
        (
            "def f(d):\n    return d['nmae']\n\n\nK = 'name'\n",
            "def f(d):\n    return d['name']\n\n\nK = 'name'\n",
            Hints(messages=("KeyError: 'nmae'",)),
        ),
        (
            "from shapes import Shpe\n",
            "from shapes import Shape\n",
            Hints(
                messages=("ImportError: cannot import name 'Shpe' from 'shapes' (shapes.py)",),
                exports={"Shape": "shapes"},
            ),
        ),
        (
            "def g(size):\n    return size\n\n\ndef f():\n    return g(sise=1)\n",
            "def g(size):\n    return size\n\n\ndef f():\n    return g(size=1)\n",
            Hints(messages=("TypeError: g() got an unexpected keyword argument 'sise'",)),
        ),
    ],
)
def test_a_message_leads_to_the_edit(faulty: str, right: str, hints: Hints) -> None:
    assert right in offered(faulty, hints)


def test_an_edit_keeps_comments_and_layout() -> None:
    text = "def f(a,  b):  # why\n    return (a  # left\n            <  b)  # right\n"
    changed = [new for new in offered(text) if "<=" in new]
    assert changed == [text.replace("<  b", "<=  b")]


def test_offsets_hold_behind_text_that_is_not_ascii() -> None:
    text = "def f(a, b):\n    return 'größe', a < b\n"
    assert text.replace("a < b", "a <= b") in offered(text)


def test_nothing_in_an_annotation_or_docstring_is_touched() -> None:
    text = 'def f(a: "int" = 1) -> "str":\n    """Doc 1."""\n    return a\n'
    assert all('"""Doc 1."""' in new and '"int"' in new and '"str"' in new for new in offered(text))


def test_most_edits_of_a_real_function_parse() -> None:
    text = (
        "def f(items, limit=3):\n    total = 0\n    for n, x in enumerate(items):\n"
        "        if x is None or n > limit:\n            continue\n        total += x * 2\n"
        "    return total if total else -1\n"
    )
    edited = offered(text)
    sound = sum(_parses(new) for new in edited)
    assert len(edited) > 200
    assert sound / len(edited) > 0.95


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize(
    ("faulty", "right"),
    [
        ("def f(a)\n    return a\n", "def f(a):\n    return a\n"),
        ("def f(a):\n    return g(a\n\n\nx = 1\n", "def f(a):\n    return g(a)\n\n\nx = 1\n"),
        (
            "def f(a):\n    if a = 1:\n        return a\n",
            "def f(a):\n    if a == 1:\n        return a\n",
        ),
        ("def f(a):\n  x = a\n   return x\n", "def f(a):\n  x = a\n  return x\n"),
    ],
)
def test_a_file_that_does_not_parse_gets_edits_that_do(faulty: str, right: str) -> None:
    texts = [edit.apply(faulty.encode()).decode() for edit in syntax_edits("m.py", faulty.encode())]
    assert right in texts

"""Operators on comparisons, arithmetic, boolean logic and displays."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from greenloop.tools.repair.edits import Edit
from greenloop.tools.repair.site import Operator, Site

_COMPARE: dict[type[ast.cmpop], tuple[tuple[str, float], ...]] = {
    ast.Lt: (("<=", 0.9), (">", 0.5), (">=", 0.5), ("!=", 0.2), ("==", 0.15)),
    ast.LtE: (("<", 0.9), (">=", 0.5), (">", 0.5), ("==", 0.2)),
    ast.Gt: ((">=", 0.9), ("<", 0.5), ("<=", 0.5), ("!=", 0.2), ("==", 0.15)),
    ast.GtE: ((">", 0.9), ("<=", 0.5), ("<", 0.5), ("==", 0.2)),
    ast.Eq: (("!=", 0.7), (">=", 0.35), ("<=", 0.35), (">", 0.2), ("<", 0.2), ("in", 0.12)),
    ast.NotEq: (("==", 0.7), ("<", 0.3), (">", 0.3), ("<=", 0.15), (">=", 0.15), ("not in", 0.1)),
    ast.Is: (("is not", 0.7), ("==", 0.2)),
    ast.IsNot: (("is", 0.7), ("!=", 0.2)),
    ast.In: (("not in", 0.7), ("==", 0.15)),
    ast.NotIn: (("in", 0.7), ("!=", 0.15)),
}
_COMPARE_TEXT = re.compile(r"not\s+in\b|is\s+not\b|is\b|in\b|[<>=!]=|[<>]")

_ARITHMETIC: dict[type[ast.operator], tuple[tuple[str, float], ...]] = {
    ast.Add: (("-", 0.75), ("*", 0.35), ("|", 0.05), ("%", 0.05), ("/", 0.05)),
    ast.Sub: (("+", 0.75), ("*", 0.15), ("%", 0.2), ("/", 0.15), ("//", 0.1)),
    ast.Mult: (("/", 0.4), ("**", 0.4), ("+", 0.4), ("//", 0.35), ("-", 0.15), ("%", 0.1)),
    ast.Div: (("//", 0.6), ("*", 0.5), ("%", 0.3), ("-", 0.1)),
    ast.FloorDiv: (("/", 0.6), ("%", 0.5), ("*", 0.4), ("-", 0.1)),
    ast.Mod: (("//", 0.5), ("/", 0.4), ("*", 0.15), ("+", 0.1), ("-", 0.1)),
    ast.Pow: (("*", 0.5), ("+", 0.1), ("%", 0.1)),
    ast.BitAnd: (("|", 0.7), ("^", 0.4), ("-", 0.2)),
    ast.BitOr: (("&", 0.7), ("^", 0.4)),
    ast.BitXor: (("&", 0.5), ("|", 0.5)),
    ast.LShift: ((">>", 0.7),),
    ast.RShift: (("<<", 0.7),),
}
_ARITHMETIC_TEXT = re.compile(r"\*\*|//|<<|>>|[-+*/%&|^@]")

_COMMENT = re.compile(r"#[^\n]*")


def _between(site: Site, left: ast.expr, right: ast.expr, pattern: re.Pattern[str]) -> list[int]:
    """Offsets of the operator between two operands; empty when it cannot be told."""
    source = site.source
    begin, end = source.end(left), source.start(right)
    gap = source.data[begin:end].decode("latin-1")
    match = pattern.search(_COMMENT.sub(lambda comment: " " * len(comment.group()), gap))
    return [begin + match.start(), begin + match.end()] if match else []


def compare(site: Site) -> Iterator[Edit]:
    """Swap comparison operators and operands, shift the boundary by one, drop a part."""
    node = site.node
    if not isinstance(node, ast.Compare):
        return
    operands = [node.left, *node.comparators]
    for number, operator in enumerate(node.ops):
        left, right = operands[number], operands[number + 1]
        place = _between(site, left, right, _COMPARE_TEXT)
        for text, prior in _COMPARE.get(type(operator), ()) if place else ():
            yield site.splice(place[0], place[1], text, "comparison swapped", prior)
        if not isinstance(operator, ast.Is | ast.IsNot | ast.In | ast.NotIn):
            yield from _shifted(site, left, right)
    if len(operands) == 2:
        yield from _swap_two(site, operands[0], operands[1], "operands swapped", 0.1)
    elif len(operands) > 2:
        whole = site.source
        for first, last in ((0, -2), (1, -1)):
            text = whole.data[whole.start(operands[first]) : whole.end(operands[last])].decode()
            yield site.swap(node, text, "part of a comparison dropped", 0.2)


def _shifted(site: Site, left: ast.expr, right: ast.expr) -> Iterator[Edit]:
    for side, prior in ((right, 0.35), (left, 0.15)):
        if not isinstance(side, ast.Constant):
            for sign in ("+", "-"):
                text = f"{site.text(side)} {sign} 1"
                yield site.swap(side, text, "boundary shifted by one", prior)


def _swap_two(site: Site, a: ast.expr, b: ast.expr, why: str, prior: float) -> Iterator[Edit]:
    source = site.source
    if site.text(a) == site.text(b):
        return
    middle = source.data[source.end(a) : source.start(b)].decode()
    text = site.text(b) + middle + site.text(a)
    # Brackets around one operand lie in the middle and would end up around the other.
    if middle.count("(") == middle.count(")") == 0:
        yield site.splice(source.start(a), source.end(b), text, why, prior)


def arithmetic(site: Site) -> Iterator[Edit]:
    """Swap arithmetic operators and operands, drop one, bind differently."""
    node = site.node
    if not isinstance(node, ast.BinOp):
        return
    if isinstance(node.left, ast.Constant | ast.JoinedStr) and _is_text(node.left):
        return  # "..." % x is no arithmetic
    place = _between(site, node.left, node.right, _ARITHMETIC_TEXT)
    for text, prior in _ARITHMETIC.get(type(node.op), ()) if place else ():
        yield site.splice(place[0], place[1], text, "arithmetic operator swapped", prior)
    small = isinstance(node.right, ast.Constant) and node.right.value in (1, -1, 2)
    yield site.swap(node, site.text(node.left), "operand dropped", 0.6 if small else 0.35)
    yield site.swap(node, site.text(node.right), "operand dropped", 0.25)
    if not isinstance(node.op, ast.Mult):
        yield from _swap_two(site, node.left, node.right, "operands swapped", 0.35)
    if isinstance(node.left, ast.BinOp) and place:
        yield from _bind_right(site, node, node.left)


def _bind_right(site: Site, node: ast.BinOp, inner: ast.BinOp) -> Iterator[Edit]:
    """`(a op b) op c` becomes `a op (b op c)`, or gets brackets against precedence."""
    source = site.source
    data = source.data
    head = data[source.start(inner) : source.start(inner.right)].decode()
    tail = data[source.start(inner.right) : source.end(node)].decode()
    if head.count("(") == head.count(")") and tail.count("(") == tail.count(")"):
        yield site.swap(node, f"{head}({tail})", "brackets moved", 0.2)


def bracket_sum(site: Site) -> Iterator[Edit]:
    """`a + b * c` becomes `(a + b) * c`."""
    node = site.node
    if not (isinstance(node, ast.BinOp) and isinstance(node.right, ast.BinOp)):
        return
    if isinstance(node.op, ast.Add | ast.Sub):
        source = site.source
        head = source.data[source.start(node) : source.end(node.right.left)].decode()
        tail = source.data[source.end(node.right.left) : source.end(node)].decode()
        if head.count("(") == head.count(")") and tail.count("(") == tail.count(")"):
            yield site.swap(node, f"({head}){tail}", "brackets moved", 0.25)


def off_by_one(site: Site) -> Iterator[Edit]:
    """Add or take one where a value is an index, a bound, an argument or a result."""
    node = site.node
    if not isinstance(node, ast.Name | ast.BinOp | ast.Call | ast.Attribute):
        return
    prior = _counting_place(site, node)
    if not prior or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    for sign, factor in (("+", 1.0), ("-", 1.0)):
        text = f"{site.text(node)} {sign} 1"
        yield site.swap(node, text, "off by one", prior * factor)


def _counting_place(site: Site, node: ast.expr) -> float:
    parent = site.source.parents.get(node)
    if isinstance(parent, ast.Subscript) and parent.slice is node:
        return 0.35
    if isinstance(parent, ast.Slice):
        return 0.4
    if isinstance(parent, ast.Call) and node in parent.args:
        name = parent.func.id if isinstance(parent.func, ast.Name) else ""
        return 0.5 if name == "range" else 0.12
    if isinstance(parent, ast.Return | ast.Assign | ast.AugAssign) and parent.value is node:
        return 0.2
    return 0.1 if isinstance(parent, ast.BinOp) and isinstance(node, ast.Name) else 0.0


def boolean(site: Site) -> Iterator[Edit]:
    """`and` for `or`, an operand dropped or negated."""
    node = site.node
    if not isinstance(node, ast.BoolOp):
        return
    old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    pattern = re.compile(rf"\b{old}\b")
    for left, right in pairwise(node.values):
        place = _between(site, left, right, pattern)
        if place:
            yield site.splice(place[0], place[1], new, "and/or swapped", 0.7)
    for value in node.values:
        rest = [site.text(v) for v in node.values if v is not value]
        yield site.swap(node, f" {old} ".join(rest), "condition dropped", 0.4)
    if len(node.values) == 2:
        yield from _swap_two(site, node.values[0], node.values[1], "operands swapped", 0.15)


def negation(site: Site) -> Iterator[Edit]:
    """Remove or add `not` and minus."""
    node = site.node
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            yield site.swap(node, site.text(node.operand), "not removed", 0.7)
        elif isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
            yield site.swap(node, site.text(node.operand), "minus removed", 0.5)
        return
    if not isinstance(node, ast.expr) or isinstance(node, ast.Constant | ast.Slice | ast.Starred):
        return
    parent = site.source.parents.get(node)
    if _is_condition(node, parent):
        if not isinstance(node, ast.Compare) or len(node.ops) > 1:
            text = site.text(node)
            text = f"not ({text})" if isinstance(node, ast.BoolOp | ast.Compare) else f"not {text}"
            yield site.swap(node, text, "condition negated", 0.5)
    elif isinstance(parent, ast.Return) and isinstance(node, ast.Name | ast.Call | ast.BinOp):
        text = site.text(node)
        yield site.swap(node, f"not {text}", "result negated", 0.2)
        simple = not isinstance(node, ast.BinOp)
        yield site.swap(node, f"-{text}" if simple else f"-({text})", "minus added", 0.15)
    elif isinstance(parent, ast.Call | ast.BinOp) and isinstance(node, ast.Name):
        yield site.swap(node, f"-{node.id}", "minus added", 0.06)


def _is_condition(node: ast.expr, parent: ast.AST | None) -> bool:
    if isinstance(parent, ast.If | ast.While | ast.IfExp | ast.Assert):
        return parent.test is node
    if isinstance(parent, ast.comprehension):
        return node in parent.ifs
    return isinstance(parent, ast.BoolOp)


def conditional(site: Site) -> Iterator[Edit]:
    """The arms of `a if c else b` swapped, or one of them alone."""
    node = site.node
    if isinstance(node, ast.IfExp):
        a, c, b = site.text(node.body), site.text(node.test), site.text(node.orelse)
        yield site.swap(node, f"{b} if {c} else {a}", "branches swapped", 0.4)
        yield site.swap(node, a, "branch dropped", 0.2)
        yield site.swap(node, b, "branch dropped", 0.2)


def display(site: Site) -> Iterator[Edit]:
    """Elements of a tuple, list or dict swapped or dropped."""
    node = site.node
    if isinstance(node, ast.Tuple | ast.List) and 2 <= len(node.elts) <= 6:
        for a, b in pairwise(node.elts):
            yield from _swap_two(site, a, b, "elements swapped", 0.3)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None and not isinstance(key, ast.Constant):
                yield from _swap_two(site, key, value, "key and value swapped", 0.3)
    elif isinstance(node, ast.DictComp):
        yield from _swap_two(site, node.key, node.value, "key and value swapped", 0.35)


def comprehension(site: Site) -> Iterator[Edit]:
    """A comprehension's filter dropped, or one of its own brought from a test nearby."""
    node = site.node
    if not isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        return
    for generator in node.generators:
        for condition in generator.ifs:
            gap = site.source.data.rfind(b"if", 0, site.source.start(condition))
            end = site.source.end(condition)
            yield site.splice(gap, end, "", "filter dropped", 0.25)
        if isinstance(generator.target, ast.Name) and not generator.ifs:
            place = site.source.end(generator.iter)
            text = f" if {generator.target.id}"
            yield site.splice(place, place, text, "filter added", 0.12)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


OPERATORS: tuple[Operator, ...] = (
    compare,
    arithmetic,
    bracket_sum,
    off_by_one,
    boolean,
    negation,
    conditional,
    display,
    comprehension,
)

"""Operators on constants, subscripts and slices."""

import ast
from collections.abc import Iterator

from greenloop.tools.repair.edits import Edit
from greenloop.tools.repair.site import Operator, Site

_MOST_MINED = 12
_MOST_TEXT = 80


def number(site: Site) -> Iterator[Edit]:
    """Another number: one more, one less, zero, the opposite, scaled, or one seen nearby."""
    node = site.node
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return
    value = node.value
    if isinstance(value, int):
        yield from _offer(site, node, _near_int(value), "integer constant changed")
    elif isinstance(value, float):
        yield from _offer(site, node, _near_float(value), "float constant changed")
    else:
        return
    mined = [(text, 0.25) for text in _numbers_near(site)] + [
        (text, 0.1) for text in site.hints.numbers
    ]
    yield from _offer(site, node, mined, "constant taken from nearby")
    unused = site.scope.unused
    names = [
        (name, 0.8 if name in unused else 0.3 * 0.85**place)
        for place, name in enumerate(site.scope.values[:8])
    ]
    yield from _offer(site, node, names, "variable for a constant")


def _offer(
    site: Site, node: ast.Constant, values: list[tuple[str, float]], operator: str
) -> Iterator[Edit]:
    known = {site.text(node)}
    for text, prior in values:
        if text not in known:
            known.add(text)
            yield site.swap(node, text, operator, prior)


def _near_int(value: int) -> list[tuple[str, float]]:
    near = [(value + 1, 0.8), (value - 1, 0.8), (0, 0.4), (1, 0.4), (-value, 0.25), (2, 0.2)]
    near.append((value * 10, 0.2))
    if value in (0, 1):
        near.append((-1, 0.35))
    if value > 3:
        more = [(value * 2, 0.15), (value + 2, 0.1), (value - 2, 0.1)]
        near += [*more, (value // 2, 0.15), (value // 10, 0.2)]
    return [(str(number), prior) for number, prior in near]


def _near_float(value: float) -> list[tuple[str, float]]:
    scaled = [(value * 10, 0.4), (value / 10, 0.4), (value + 1, 0.4), (value - 1, 0.4)]
    more = [(value * 2, 0.3), (value / 2, 0.3), (-value, 0.2), (1 - value, 0.2)]
    pairs = [(repr(round(n, 12)), prior) for n, prior in [*scaled, *more]]
    return [*pairs, (str(int(value)), 0.15)]


def _numbers_near(site: Site) -> list[str]:
    owner = site.source.function_of(site.node) or site.source.tree
    found = {
        site.text(n): 0
        for n in ast.walk(owner)
        if isinstance(n, ast.Constant) and type(n.value) in (int, float) and hasattr(n, "lineno")
    }
    return list(found)[:_MOST_MINED]


def truth(site: Site) -> Iterator[Edit]:
    """True for False, None for something, and the other way round."""
    node = site.node
    if not isinstance(node, ast.Constant):
        return
    if isinstance(node.value, bool):
        yield site.swap(node, str(not node.value), "boolean flipped", 0.7)
        yield site.swap(node, "None", "constant replaced", 0.15)
    elif node.value is None:
        for text in ("False", "True", "0", "[]", "''", "{}"):
            yield site.swap(node, text, "None replaced", 0.12)


def string(site: Site) -> Iterator[Edit]:
    """Another string: seen nearby or expected by a test, trimmed, in the other case."""
    node = site.node
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return
    parent = site.source.parents.get(node)
    if isinstance(parent, ast.Expr | ast.JoinedStr | ast.FormattedValue):
        return
    text = site.text(node)
    if len(node.value) > _MOST_TEXT or text[-3:] in ('"""', "'''") or text[:1] not in "'\"r":
        return
    prefix = "r" if text.startswith("r") else ""
    values = [(prefix + shown, prior) for shown, prior in _quoted(_near_text(node.value), text)]
    values += _quoted([(s, 0.3) for s in _strings_near(site, node)], text)
    values += _quoted([(s, 0.12) for s in site.hints.strings], text)
    yield from _offer(site, node, values, "string constant changed")


def _quoted(values: list[tuple[str, float]], like: str) -> list[tuple[str, float]]:
    """As literals, with the quotes of the literal that they replace."""
    shown = [(repr(value), prior) for value, prior in values]
    if like.endswith('"'):
        plain = [(t, p) for t, p in shown if '"' in t or not t.startswith("'")]
        return [(f'"{t[1:-1]}"', p) for t, p in shown if (t, p) not in plain] + plain
    return shown


def _near_text(value: str) -> list[tuple[str, float]]:
    near = [("", 0.3), (value[1:], 0.25), (value[:-1], 0.25), (" ", 0.15), (value + " ", 0.15)]
    near += [(value.lower(), 0.3), (value.upper(), 0.3), (value.strip(), 0.3), (value[::-1], 0.1)]
    near += [(" " + value, 0.1), (value + "s", 0.05), (value.capitalize(), 0.1)]
    for old, new in (("+", "*"), ("*", "+"), ("\\d", "\\w"), ("\\w", "\\W"), ("%s", "%r")):
        if old in value:
            near.append((value.replace(old, new, 1), 0.3))
    if value.startswith("^") or value.endswith("$"):
        near.append((value.strip("^$"), 0.3))
    elif "\\" in value or "[" in value:
        near += [(value + "$", 0.2), ("^" + value, 0.2), (value + "+", 0.2)]
    near += [(value + mark, 0.06) for mark in ",.:;/-_\n"]
    return [(text, prior) for text, prior in near if text != value]


def _strings_near(site: Site, node: ast.Constant) -> list[str]:
    """Of the same function first, then of the file; those of like length before others."""
    owner = site.source.function_of(site.node) or site.source.tree
    found: dict[str, int] = {}
    for tree in (owner, site.source.tree):
        for n in ast.walk(tree):
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and n is not node:
                docstring = isinstance(site.source.parents.get(n), ast.Expr)
                if len(n.value) <= _MOST_TEXT // 2 and not docstring:
                    found.setdefault(n.value, len(found))
    size = len(str(node.value))
    ordered = sorted(found, key=lambda s: (abs(len(s) - size) > 3, found[s]))
    return ordered[:_MOST_MINED]


def subscript(site: Site) -> Iterator[Edit]:
    """The other end of a sequence, an index for a slice, `get` for brackets."""
    node = site.node
    if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Tuple):
        return
    if isinstance(node.slice, ast.Slice):
        yield from _slice(site, node, node.slice)
        return
    head, index = site.text(node.value), site.text(node.slice)
    loaded = isinstance(node.ctx, ast.Load)
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
        yield site.swap(node.slice, f"-{node.slice.value + 1}", "other end", 0.35)
        if loaded:
            yield site.swap(node, f"{head}[{index}:]", "index widened to a slice", 0.1)
            yield site.swap(node, f"{head}[:{index}]", "index widened to a slice", 0.1)
    elif isinstance(node.slice, ast.UnaryOp) and isinstance(node.slice.operand, ast.Constant):
        near = node.slice.operand.value
        if isinstance(near, int):
            for text, prior in ((f"{near - 1}", 0.4), (f"-{near + 1}", 0.5), (f"{near}", 0.2)):
                yield site.swap(node.slice, text, "other end", prior)
    if loaded:
        likely = 0.5 if "KeyError" in site.hints.errors else 0.12
        yield site.swap(node, f"{head}.get({index})", "get for brackets", likely)
        for default in ("0", "[]", "''", "False"):
            text = f"{head}.get({index}, {default})"
            yield site.swap(node, text, "get for brackets", likely * 0.8)
        yield site.swap(node, head, "subscript dropped", 0.15)


def _slice(site: Site, node: ast.Subscript, part: ast.Slice) -> Iterator[Edit]:
    head = site.text(node.value)
    lower, upper, step = (
        site.text(p) if p is not None else "" for p in (part.lower, part.upper, part.step)
    )
    tail = f":{step}" if step else ""

    def build(new_lower: str, new_upper: str, new_tail: str, prior: float) -> Edit:
        text = f"{head}[{new_lower}:{new_upper}{new_tail}]"
        return site.swap(node, text, "slice bounds changed", prior)

    if lower:
        yield build("", upper, tail, 0.35)
        yield build(lower, lower, tail, 0.1) if not upper else build(upper, lower, tail, 0.25)
    else:
        yield build("1", upper, tail, 0.3)
        yield build(upper, "", tail, 0.35)
    if upper:
        yield build(lower, "", tail, 0.35)
    else:
        yield build(lower, "-1", tail, 0.3)
        yield build("", lower, tail, 0.35)
    if step:
        yield build(lower, upper, "", 0.25)
        yield build(lower, upper, f":-({step})" if step[:1] != "-" else f":{step[1:]}", 0.3)
    else:
        yield build(lower, upper, ":-1", 0.12)
    yield site.swap(node, head, "slice dropped", 0.3)


def slice_added(site: Site) -> Iterator[Edit]:
    """A name that is walked through or handed on gets a slice."""
    node = site.node
    if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
        return
    parent = site.source.parents.get(node)
    iterated = isinstance(parent, ast.For | ast.comprehension) and parent.iter is node
    handed = isinstance(parent, ast.Return | ast.Assign | ast.Call | ast.Compare | ast.BinOp)
    if isinstance(parent, ast.Call) and node is parent.func:
        return
    for bounds, prior in (("1:", 0.2), (":-1", 0.2), ("::-1", 0.25), (":", 0.1)):
        if iterated or handed:
            text = f"{site.text(node)}[{bounds}]"
            factor = 1.0 if iterated else 0.6 if isinstance(node, ast.Name) else 0.3
            yield site.swap(node, text, "slice added", prior * factor)
    if iterated or handed:
        for name in [n for n in site.scope.values if n != site.text(node)][:6]:
            for bounds in (f"{name}:", f":{name}"):
                text = f"{site.text(node)}[{bounds}]"
                yield site.swap(node, text, "slice added", 0.08)


OPERATORS: tuple[Operator, ...] = (number, truth, string, subscript, slice_added)

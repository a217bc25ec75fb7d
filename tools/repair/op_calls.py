"""Operators on calls: their arguments, what they are wrapped in, ranges."""

import ast
from collections.abc import Iterator
from itertools import pairwise

from greenloop.tools.repair.edits import Edit
from greenloop.tools.repair.site import Operator, Site
from greenloop.tools.repair.source import FunctionNode, parameters

_WRAPPERS = (
    ("abs", 0.25),
    ("len", 0.2),
    ("sorted", 0.2),
    ("list", 0.15),
    ("str", 0.15),
    ("int", 0.2),
    ("set", 0.12),
    ("round", 0.12),
    ("float", 0.1),
    ("tuple", 0.08),
    ("sum", 0.08),
    ("max", 0.04),
    ("bool", 0.06),
)
_APPENDED = (
    (".strip()", 0.15),
    (".lower()", 0.15),
    (".upper()", 0.08),
    (".copy()", 0.08),
    (".split()", 0.05),
    (".items()", 0.1),
    (".values()", 0.05),
)

_USUAL_EXTRAS = {
    "sorted": ("reverse=True", "key=len", "key=str"),
    "sort": ("reverse=True", "key=len", "key=str"),
    "max": ("key=len", "default=None", "default=0"),
    "min": ("key=len", "default=None", "default=0"),
    "pop": ("0", "-1", "None"),
    "round": ("1", "2"),
    "enumerate": ("1",),
    "split": ("' '", "','", "1", "maxsplit=1"),
    "rsplit": ("1", "maxsplit=1"),
    "int": ("2", "16"),
    "zip": ("strict=True",),
    "sum": ("[]",),
    "next": ("None",),
    "getattr": ("None",),
}
"""Arguments that are often forgotten, by the function's name."""


def arguments(site: Site) -> Iterator[Edit]:
    """Arguments swapped, dropped, or passed on by name."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    source = site.source
    args = node.args
    for a, b in pairwise(args):
        middle = source.data[source.end(a) : source.start(b)].decode()
        if site.text(a) != site.text(b) and "(" not in middle:
            text = site.text(b) + middle + site.text(a)
            place = (source.start(a), source.end(b))
            yield site.splice(*place, text, "arguments swapped", 0.4)
    everything = [*args, *(k.value for k in node.keywords)]
    texts = [site.text(a) for a in args] + [
        f"{k.arg}={site.text(k.value)}" if k.arg else f"**{site.text(k.value)}"
        for k in node.keywords
    ]
    if len(everything) > 1 or node.keywords:
        for number in range(len(texts)):
            rest = ", ".join(texts[:number] + texts[number + 1 :])
            text = f"{site.text(node.func)}({rest})"
            yield site.swap(node, text, "argument dropped", 0.25)
    yield from _passed_on(site, node, texts)


def _passed_on(site: Site, node: ast.Call, texts: list[str]) -> Iterator[Edit]:
    """A parameter of the called function that is in scope here under the same name."""
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    target = next(
        (n for n in ast.walk(site.source.tree) if isinstance(n, FunctionNode) and n.name == name),
        None,
    )
    head = site.text(node.func)
    if target is not None:
        for parameter in parameters(target):
            given = any(t == parameter or t.startswith(f"{parameter}=") for t in texts)
            if not given and parameter in site.scope.values:
                text = f"{head}({', '.join([*texts, f'{parameter}={parameter}'])})"
                yield site.swap(node, text, "argument passed on", 0.35)
    for extra in _USUAL_EXTRAS.get(name, ()):
        if not any("=" in t for t in texts) and len(texts) <= 1:
            text = f"{head}({', '.join([*texts, extra])})"
            yield site.swap(node, text, "argument added", 0.25)


def unwrap(site: Site) -> Iterator[Edit]:
    """A call gives way to its argument, or a method call to its object."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    for argument in node.args[:2]:
        if not isinstance(argument, ast.Starred | ast.GeneratorExp):
            one = len(node.args) == 1 and not node.keywords
            yield site.swap(node, site.text(argument), "call unwrapped", 0.3 if one else 0.12)
    if isinstance(node.func, ast.Attribute):
        yield site.swap(node, site.text(node.func.value), "method call dropped", 0.3)


def wrap(site: Site) -> Iterator[Edit]:
    """A value put through a builtin, a method, or a function of the file that is used so."""
    node = site.node
    if not isinstance(node, ast.Name | ast.BinOp | ast.Call | ast.Attribute | ast.Subscript):
        return
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    factor = _wrapping_place(site, node)
    if not factor:
        return
    text = site.text(node)
    outer = _called_name(site.source.parents.get(node))
    for name, prior in _WRAPPERS:
        if name != outer:
            sign = 2.0 if name == "abs" and _is_difference(node) else 1.0
            yield site.swap(node, f"{name}({text})", "value wrapped", prior * factor * sign)
    if not isinstance(node, ast.BinOp):
        for suffix, prior in _APPENDED:
            yield site.swap(node, text + suffix, "method call added", prior * factor)
    for name in _own_wrappers(site):
        if name != outer:
            yield site.swap(node, f"{name}({text})", "value wrapped", 0.2 * factor)


def _called_name(node: ast.AST | None) -> str:
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return str(getattr(getattr(node, "func", None), "id", "")) if named else ""


def _is_difference(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)


def _wrapping_place(site: Site, node: ast.expr) -> float:
    parent = site.source.parents.get(node)
    if isinstance(parent, ast.Return | ast.Assign):
        return 1.0 if parent.value is node else 0.0
    if isinstance(parent, ast.For | ast.comprehension):
        return 0.8 if parent.iter is node else 0.0
    if isinstance(parent, ast.Compare):
        return 0.6
    if isinstance(parent, ast.Call):
        return 0.5 if node in parent.args else 0.0
    if isinstance(parent, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        return 0.6
    return 0.4 if isinstance(parent, ast.BinOp | ast.AugAssign) else 0.0


def _own_wrappers(site: Site) -> list[str]:
    """The file's functions that can be called with one value."""
    found = []
    for n in site.source.tree.body:
        if isinstance(n, FunctionNode):
            required = len(n.args.posonlyargs) + len(n.args.args) - len(n.args.defaults)
            if required == 1 and n.name != getattr(site.source.function_of(site.node), "name", ""):
                found.append(n.name)
    return found[:6]


def dictionary_get(site: Site) -> Iterator[Edit]:
    """`d.get(k)` with brackets or another default."""
    node = site.node
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
        and node.func.attr in ("get", "pop", "setdefault")
    ):  # fmt: skip
        return
    head, key = site.text(node.func.value), site.text(node.args[0])
    if node.func.attr == "get":
        yield site.swap(node, f"{head}[{key}]", "brackets for get", 0.25)
    known = site.text(node.args[1]) if len(node.args) > 1 else ""
    for default in ("None", "0", "[]", "{}", "''", "False", "1"):
        if default != known:
            text = f"{head}.{node.func.attr}({key}, {default})"
            yield site.swap(node, text, "default changed", 0.25)


def range_bounds(site: Site) -> Iterator[Edit]:
    """Another start, stop or step of a range."""
    node = site.node
    if not isinstance(node, ast.Call) or _called_name(node) != "range" or not node.args:
        return
    texts = [site.text(a) for a in node.args]
    if len(texts) == 1:
        (stop,) = texts
        forms = [f"1, {stop}", f"1, {stop} + 1", f"{stop} - 1, -1, -1", f"2, {stop}"]
    elif len(texts) == 2:
        start, stop = texts
        forms = [stop, f"{start} + 1, {stop} + 1", f"{start}, {stop}, 2", f"{start} + 1, {stop}"]
        forms += [f"{stop}, {start}, -1", f"{stop} - 1, {start} - 1, -1", f"{start} - 1, {stop}"]
    else:
        start, stop, step = texts[:3]
        forms = [f"{start}, {stop}", f"{start}, {stop}, -{step}", f"{start}, {stop} + 1, {step}"]
    for form in forms:
        yield site.swap(node, f"range({form})", "range bounds changed", 0.3)


def isinstance_types(site: Site) -> Iterator[Edit]:
    """Another class in a type check."""
    node = site.node
    if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"):
        return
    if len(node.args) == 2:
        known = site.text(node.args[1])
        head = site.text(node.args[0])
        for name in ("str", "int", "float", "list", "dict", "tuple", "bytes", "bool", "set"):
            if name != known:
                text = f"isinstance({head}, {name})"
                yield site.swap(node, text, "type check changed", 0.15)
                bare = known.strip("()")
                text = f"isinstance({head}, ({bare}, {name}))"
                yield site.swap(node, text, "type check widened", 0.12)


OPERATORS: tuple[Operator, ...] = (
    arguments,
    unwrap,
    wrap,
    dictionary_get,
    range_bounds,
    isinstance_types,
)

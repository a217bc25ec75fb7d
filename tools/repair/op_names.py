"""Operators on names and attributes: the wrong variable, the wrong method."""

import ast
import difflib
from collections.abc import Iterator

from greenloop.tools.repair.edits import Edit
from greenloop.tools.repair.site import Operator, Site
from greenloop.tools.repair.source import BUILTINS

SIBLINGS: tuple[tuple[str, ...], ...] = (
    ("lower", "upper", "capitalize", "title", "swapcase", "casefold"),
    ("startswith", "endswith"),
    ("strip", "lstrip", "rstrip"),
    ("removeprefix", "removesuffix"),
    ("find", "rfind", "index", "rindex", "count"),
    ("split", "rsplit", "splitlines", "partition"),
    ("partition", "rpartition"),
    ("ljust", "rjust", "center", "zfill"),
    ("append", "extend", "appendleft", "insert", "add"),
    ("keys", "values", "items"),
    ("add", "discard", "update", "remove"),
    ("pop", "popleft", "popitem", "get"),
    ("get", "setdefault", "pop"),
    ("union", "intersection", "difference", "symmetric_difference"),
    ("issubset", "issuperset", "isdisjoint"),
    ("isdigit", "isalpha", "isalnum", "isnumeric", "isdecimal", "isspace", "isidentifier"),
    ("isupper", "islower", "istitle"),
    ("match", "search", "fullmatch"),
    ("findall", "finditer"),
    ("total_seconds", "seconds", "days", "microseconds"),
    ("floor", "ceil", "trunc", "round"),
    ("encode", "decode"),
    ("read", "readline", "readlines"),
    ("min", "max"),
    ("any", "all"),
    ("bisect", "bisect_left", "bisect_right"),
    ("insort", "insort_left", "insort_right"),
    ("permutations", "combinations", "product", "combinations_with_replacement"),
    ("takewhile", "dropwhile"),
)
"""Methods and functions that are easily taken for each other."""
BUILTIN_SIBLINGS: tuple[tuple[str, ...], ...] = (
    ("min", "max", "sum", "len"),
    ("any", "all"),
    ("list", "set", "tuple", "sorted"),
    ("int", "float", "round", "str"),
    ("str", "repr"),
    ("sorted", "reversed", "list"),
    ("isinstance", "issubclass"),
    ("enumerate", "zip"),
    ("chr", "ord"),
    ("abs", "int"),
    ("bin", "hex", "oct"),
)

_UNUSED = 1.8
"""For a variable that is never read: something was meant to read it."""


def variable(site: Site) -> Iterator[Edit]:
    """Another variable of the same function in a name's place."""
    node = site.node
    if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Del):
        return
    scope = site.scope
    parent = site.source.parents.get(node)
    if isinstance(parent, ast.Call) and parent.func is node:
        return
    if node.id in scope.functions or node.id in scope.imported or node.id in BUILTINS:
        return
    base = 0.5 if isinstance(node.ctx, ast.Load) else 0.15
    ranked = _ranked(node.id, [n for n in scope.values if n not in scope.called])
    for place, name in enumerate(ranked):
        likely = base * (_UNUSED if name in scope.unused else _fading(place))
        yield site.swap(node, name, "variable replaced", likely)
    if isinstance(node.ctx, ast.Load) and "self" in scope.parameters:
        for place, name in enumerate(_ranked(node.id, scope.attributes)[:8]):
            likely = 0.45 if name.strip("_") == node.id.strip("_") else 0.15
            yield site.swap(node, f"self.{name}", "attribute for a variable", likely / (1 + place))
    if node.id.isupper():
        ranked = _ranked(node.id, [n for n in scope.constants if n.isupper()])
        for place, name in enumerate(ranked[:8]):
            yield site.swap(node, name, "constant replaced", 0.45 * _fading(place))


def _fading(place: int) -> float:
    """Later ones of a long list of like candidates must not crowd out other ideas."""
    return float(0.9**place)


def _ranked(name: str, others: list[str]) -> list[str]:
    """The most similar first; otherwise in the order of the source."""

    def similarity(other: str) -> float:
        return difflib.SequenceMatcher(None, name, other).ratio()

    return sorted((o for o in others if o != name), key=lambda o: -round(similarity(o), 1))


def function(site: Site) -> Iterator[Edit]:
    """Another function in a call: a near builtin, or one of the same file."""
    node = site.node
    if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
        return
    parent = site.source.parents.get(node)
    called = isinstance(parent, ast.Call) and parent.func is node
    scope = site.scope
    for group in BUILTIN_SIBLINGS + SIBLINGS:
        if node.id in group and (node.id in BUILTINS or node.id in scope.imported):
            for other in group:
                usable = other in BUILTINS or other in scope.all
                if other != node.id and usable:
                    yield site.swap(node, other, "function replaced", 0.5)
    if called or node.id in scope.functions:
        for place, other in enumerate(_ranked(node.id, scope.functions)[:8]):
            likely = 0.35 if node.id in scope.functions else 0.1
            yield site.swap(node, other, "function replaced", likely * _fading(place))


def attribute(site: Site) -> Iterator[Edit]:
    """Another attribute or method in an attribute's place."""
    node = site.node
    if not isinstance(node, ast.Attribute):
        return
    parent = site.source.parents.get(node)
    called = isinstance(parent, ast.Call) and parent.func is node
    head = site.text(node.value)
    offered = {node.attr}
    for group in SIBLINGS:
        if node.attr in group:
            for other in group:
                if other not in offered:
                    offered.add(other)
                    yield site.swap(node, f"{head}.{other}", "method replaced", 0.4)
    scope = site.scope
    own = head in ("self", "cls")
    others = (scope.methods if called else scope.attributes) if own else _seen_on(site, head)
    for place, other in enumerate(_ranked(node.attr, others)[:12]):
        if other not in offered:
            text = f"{head}.{other}"
            yield site.swap(node, text, "attribute replaced", 0.45 * _fading(place))
    if isinstance(node.ctx, ast.Load) and not called:
        yield site.swap(node, head, "attribute dropped", 0.1)
        if own and node.attr in scope.values:
            yield site.swap(node, node.attr, "variable for an attribute", 0.35)


def _seen_on(site: Site, head: str) -> list[str]:
    """Attributes that the file uses on an object of the same name, or on its class."""
    last = head.rpartition(".")[2]
    found: dict[str, None] = {}
    for n in ast.walk(site.source.tree):
        if isinstance(n, ast.Attribute):
            value = n.value
            name = getattr(value, "id", None) or getattr(value, "attr", None)
            if name == last:
                found[n.attr] = None
        elif isinstance(n, ast.ClassDef) and n.name == head:
            for statement in n.body:
                for target in getattr(statement, "targets", ()):
                    if isinstance(target, ast.Name):
                        found[target.id] = None
    return list(found)


def method_called(site: Site) -> Iterator[Edit]:
    """A method that was named but not called, or called where it is a property."""
    node = site.node
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        parent = site.source.parents.get(node)
        if not (isinstance(parent, ast.Call) and parent.func is node):
            known = node.attr in site.scope.methods or any(node.attr in g for g in SIBLINGS)
            yield site.swap(node, f"{site.text(node)}()", "call added", 0.3 if known else 0.05)
    elif isinstance(node, ast.Call) and not node.args and not node.keywords:
        yield site.swap(node, site.text(node.func), "call dropped", 0.12)


OPERATORS: tuple[Operator, ...] = (variable, function, attribute, method_called)

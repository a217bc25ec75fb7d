"""Operators that add a statement: guards, missing updates, statements seen elsewhere."""

import ast
from collections.abc import Iterator

from greenloop.tools.repair.edits import Edit
from greenloop.tools.repair.op_statements import block_of, own_lines
from greenloop.tools.repair.site import Operator, Site
from greenloop.tools.repair.source import BUILTINS, FunctionNode

_EMPTY_ERRORS = frozenset({"TypeError", "IndexError", "ZeroDivisionError", "AttributeError"})
_RESULTS = ("None", "[]", "0", "''", "False", "True", "{}", "-1", "()", "0.0")
_MOST_COPIED = 10


def _before(site: Site, statement: ast.stmt, lines: list[str], why: str, prior: float) -> Edit:
    begin = site.source.starts[statement.lineno - 1]
    tab = site.source.indent(statement)
    text = "".join(f"{tab}{line}\n" for line in lines)
    return site.splice(begin, begin, text, why, prior)


def _placed(site: Site) -> ast.stmt | None:
    """The node as a statement that another one can be put before."""
    node = site.node
    if not isinstance(node, ast.stmt) or isinstance(node, FunctionNode | ast.ClassDef):
        return None
    if not block_of(site.source, node) or site.source.function_of(node) is None:
        return None
    begin = site.source.starts[node.lineno - 1]
    if site.source.data[begin : site.source.start(node)].strip():
        return None
    is_elif = site.source.data[site.source.start(node) :].startswith(b"elif")
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return None if is_elif or docstring else node


def guard(site: Site) -> Iterator[Edit]:
    """`if not x: return ...` and `if x is None: ...` before a statement that uses x."""
    node = _placed(site)
    function = site.source.function_of(node) if node is not None else None
    if node is None or function is None:
        return
    first = node in function.body[:2]
    used = [n for n in site.scope.values if _uses(node, n) or (first and _uses(function, n))]
    likely = 0.3 if site.hints.errors & _EMPTY_ERRORS else 0.12
    results = _own_results(site, function)
    for name in used[:4]:
        for place, value in enumerate(dict.fromkeys([*results, name, *_RESULTS])):
            prior = likely * (0.85**place) * (1.0 if first else 0.6)
            lines = [f"if not {name}:", f"    return {value}"]
            yield _before(site, node, lines, "guard added", prior)
            lines = [f"if {name} is None:", f"    return {value}"]
            yield _before(site, node, lines, "guard added", prior * 0.8)
        for value in ("[]", "{}", "0", "''"):
            lines = [f"if {name} is None:", f"    {name} = {value}"]
            yield _before(site, node, lines, "default filled in", likely * 0.4)
    in_loop = any(isinstance(n, ast.For | ast.While) for n in site.source.ancestors(node))
    for name in used[:4] if in_loop else ():
        for test in (f"not {name}", name, f"{name} is None"):
            lines = [f"if {test}:", "    continue"]
            yield _before(site, node, lines, "guard added", likely * 0.5)


def _uses(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


def _own_results(site: Site, function: FunctionNode) -> list[str]:
    found = [
        site.text(n.value)
        for n in ast.walk(function)
        if isinstance(n, ast.Return) and n.value is not None
    ]
    short = [text for text in found if len(text) < 40 and "\n" not in text]
    kinds = [isinstance(n, ast.List | ast.ListComp) for n in ast.walk(function)]
    return list(dict.fromkeys(short))[:4] + (["[]"] if any(kinds) else [])


def missing_update(site: Site) -> Iterator[Edit]:
    """A counter, a collection or a flag that is brought up to date."""
    node = _placed(site)
    if node is None:
        return
    for name in site.scope.locals[:8]:
        for line, prior in ((f"{name} += 1", 0.1), (f"{name} -= 1", 0.05)):
            yield _after_or_before(site, node, line, "update added", prior)
    for name in site.scope.values[:6]:
        for other in site.scope.values[:6]:
            if name != other:
                for method in ("append", "add"):
                    if _has_method(site, name, method):
                        line = f"{name}.{method}({other})"
                        yield _after_or_before(site, node, line, "update added", 0.1)
                yield _before(site, node, [f"{name} = {other}"], "assignment added", 0.04)


def _has_method(site: Site, name: str, method: str) -> bool:
    """Whether the function makes `name` a list (append) or a set (add)."""
    function = site.source.function_of(site.node)
    wanted = (ast.List, ast.ListComp) if method == "append" else (ast.Set, ast.SetComp, ast.Call)
    return function is not None and any(
        isinstance(n, ast.Assign)
        and isinstance(n.value, wanted)
        and any(isinstance(t, ast.Name) and t.id == name for t in n.targets)
        for n in ast.walk(function)
    )


def _after_or_before(site: Site, node: ast.stmt, line: str, why: str, prior: float) -> Edit:
    """Behind the last statement of a block, before any other."""
    block = block_of(site.source, node)
    stop = isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue)
    if block[-1] is node and not stop and own_lines(site.source, node):
        return _after(site, node, line, why, prior)
    return _before(site, node, [line], why, prior)


def _after(site: Site, node: ast.stmt, line: str, why: str, prior: float) -> Edit:
    source = site.source
    place = source.line_span(node.lineno, node.end_lineno or node.lineno)[1]
    lead = "" if source.data[:place].endswith(b"\n") else "\n"
    return site.splice(place, place, f"{lead}{source.indent(node)}{line}\n", why, prior)


def result_at_end(site: Site) -> Iterator[Edit]:
    """A function that falls off its end returns one of its locals."""
    node = site.node
    function = site.source.function_of(node)
    if function is None or not isinstance(node, ast.stmt) or node is not function.body[-1]:
        return
    if isinstance(node, ast.Return | ast.Raise):
        return
    values = [*site.scope.values, "True", "False", "[]", "0", "''"]
    values += ["self"] if "self" in site.scope.parameters else []
    for place, value in enumerate(values):
        yield _after(site, node, f"return {value}", "return added", 0.3 * 0.9**place)


def copied(site: Site) -> Iterator[Edit]:
    """A statement of the same function or class put in a second place."""
    node = _placed(site)
    function = site.source.function_of(node) if node is not None else None
    if node is None or function is None:
        return
    holder = site.source.class_of(function)
    near = [n for n in ast.walk(function) if isinstance(n, ast.stmt)]
    far = [n for n in ast.walk(holder) if isinstance(n, ast.stmt)] if holder else []
    known = set(site.scope.all) | BUILTINS | {"self", "cls"}
    done: set[str] = set()
    for pool, prior in ((near, 0.1), (far, 0.08)):
        for n in pool:
            if not isinstance(n, ast.Assign | ast.AugAssign | ast.Expr | ast.Return | ast.Raise):
                continue
            text = site.text(n)
            plain = "\n" not in text and not text.startswith(("'", '"'))
            if n is node or text in done or not plain or len(done) >= _MOST_COPIED:
                continue
            if _names(n) <= known:
                done.add(text)
                yield _before(site, node, [text], "statement copied", prior)


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


OPERATORS: tuple[Operator, ...] = (guard, missing_update, result_at_end, copied)

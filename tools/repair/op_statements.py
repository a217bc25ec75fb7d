"""Operators on whole statements: deleted, swapped, moved, and control flow changed."""

import ast
import re
from collections.abc import Iterator

from greenloop.tools.repair.edits import Edit, Splice
from greenloop.tools.repair.site import Operator, Site
from greenloop.tools.repair.source import FunctionNode, SourceFile

_SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.Raise,
    ast.Delete,
    ast.Break,
    ast.Continue,
    ast.Assert,
)


def block_of(source: SourceFile, statement: ast.stmt) -> list[ast.stmt]:
    """The list of statements that a statement stands in."""
    parent = source.parents.get(statement)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return block
    return []


def own_lines(source: SourceFile, statement: ast.stmt) -> bool:
    """Whether a statement shares no line with another: no semicolon, no `if x: y`."""
    begin = source.starts[statement.lineno - 1]
    before = source.data[begin : source.start(statement)]
    stop = source.data.find(b"\n", source.end(statement))
    after = source.data[source.end(statement) : stop if stop >= 0 else len(source.data)]
    rest = after.strip()
    return not before.strip() and (not rest or rest.startswith(b"#"))


def delete(site: Site) -> Iterator[Edit]:
    """A statement deleted; a lone one becomes `pass`."""
    node = site.node
    if not isinstance(node, _SIMPLE) or _is_docstring(site, node):
        return
    source = site.source
    if len(block_of(source, node)) > 1 and own_lines(source, node):
        first, last = source.line_span(node.lineno, node.end_lineno or node.lineno)
        yield site.splice(first, last, "", "statement deleted", 0.22)
    else:
        yield site.swap(node, "pass", "statement deleted", 0.18)


def _is_docstring(site: Site, node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _lines(source: SourceFile, node: ast.stmt) -> tuple[int, int]:
    first = getattr(node, "decorator_list", None)
    begin = first[0].lineno if first else node.lineno
    return source.line_span(begin, node.end_lineno or node.lineno)


def swap_with_next(site: Site) -> Iterator[Edit]:
    """A statement and the one behind it change places."""
    node, source = site.node, site.source
    if not isinstance(node, ast.stmt) or isinstance(node, FunctionNode | ast.ClassDef):
        return
    block = block_of(source, node)
    place = block.index(node) + 1 if node in block else len(block)
    if place >= len(block) or _is_docstring(site, node):
        return
    follower = block[place]
    if not (own_lines(source, node) and own_lines(source, follower)):
        return
    a, b = _lines(source, node), _lines(source, follower)
    parts = [source.data[slice(*p)].decode() for p in (b, (a[1], b[0]), a)]
    if parts[0].endswith("\n"):
        yield site.splice(a[0], b[1], "".join(parts), "statements swapped", 0.22)


def dedent(site: Site) -> Iterator[Edit]:
    """The last statement of a block leaves it, or one behind a block joins it."""
    node, source = site.node, site.source
    if not isinstance(node, _SIMPLE) or not own_lines(source, node):
        return
    block = block_of(source, node)
    parent = source.parents.get(node)
    last = bool(block) and block[-1] is node
    begin, end = _lines(source, node)
    text = source.data[begin:end].decode()
    if last and len(block) > 1 and isinstance(parent, ast.For | ast.While | ast.If | ast.With):
        alone = getattr(parent, "orelse", None) in ([], None) and block is parent.body
        moved = _shift(text, source.indent(node), source.indent(parent))
        if alone:
            yield site.splice(begin, end, moved, "statement moved out of its block", 0.3)
    place = block.index(node) if node in block else 0
    if place and isinstance(block[place - 1], ast.For | ast.While | ast.If | ast.With):
        inner = block[place - 1]
        arm = getattr(inner, "orelse", None) or getattr(inner, "body", [])
        if arm and own_lines(source, arm[-1]):
            moved = _shift(text, source.indent(node), source.indent(arm[-1]))
            yield site.splice(begin, end, moved, "statement moved into the block before", 0.22)


def _shift(text: str, old: str, new: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(new + line[len(old) :] if line.startswith(old) else line for line in lines)


def jump(site: Site) -> Iterator[Edit]:
    """break, continue, pass and return in each other's place; one added to a branch."""
    node = site.node
    if isinstance(node, ast.Break):
        yield site.swap(node, "continue", "break and continue", 0.5)
        yield site.swap(node, "return", "break and return", 0.1)
    elif isinstance(node, ast.Continue):
        yield site.swap(node, "break", "break and continue", 0.5)
    elif isinstance(node, ast.Pass):
        for text in ("continue", "break", "return", "raise"):
            yield site.swap(node, text, "pass replaced", 0.2)


def condition(site: Site) -> Iterator[Edit]:
    """A branch taken always, never, or on the opposite; if and elif in each other's place."""
    node, source = site.node, site.source
    if not isinstance(node, ast.If | ast.While):
        return
    test = site.text(node.test)
    if isinstance(node.test, ast.Compare | ast.BoolOp):
        yield site.swap(node.test, f"not ({test})", "condition negated", 0.35)
    if isinstance(node, ast.If):
        yield site.swap(node.test, "False", "branch never taken", 0.12)
        yield site.swap(node.test, "True", "branch always taken", 0.12)
    yield from _keyword(site, node)
    for text in _conditions_near(site, node)[:8]:
        joined = test if not isinstance(node.test, ast.BoolOp) else f"({test})"
        yield site.swap(node.test, text, "condition taken from nearby", 0.12)
        yield site.swap(node.test, f"{joined} and {text}", "condition added", 0.12)
        yield site.swap(node.test, f"{joined} or {text}", "condition added", 0.12)
    if isinstance(node, ast.If) and not node.orelse and own_lines(source, node.body[0]):
        begin, end = _lines(source, node)
        if not source.data[begin:].lstrip().startswith(b"elif"):
            inner = source.data[source.starts[node.body[0].lineno - 1] : end].decode()
            text = _shift(inner, source.indent(node.body[0]), source.indent(node))
            yield site.splice(begin, end, text, "condition removed", 0.12)


def _keyword(site: Site, node: ast.If | ast.While) -> Iterator[Edit]:
    start = site.source.start(node)
    word = site.source.data[start : start + 5]
    if word.startswith(b"elif"):
        yield site.splice(start, start + 4, "if", "if for elif", 0.2)
    elif word.startswith(b"if"):
        if isinstance(node, ast.If) and len(block_of(site.source, node)) > 1:
            yield site.splice(start, start + 2, "elif", "elif for if", 0.15)
        if not node.orelse:
            yield site.splice(start, start + 2, "while", "while for if", 0.12)
    elif word == b"while":
        yield site.splice(start, start + 5, "if", "if for while", 0.12)


def _conditions_near(site: Site, node: ast.If | ast.While) -> list[str]:
    """Conditions of the same function, and whether its parameters hold anything."""
    owner = site.source.function_of(node)
    if owner is None:
        return []
    found = [
        site.text(n.test)
        for n in ast.walk(owner)
        if isinstance(n, ast.If | ast.While | ast.IfExp) and n is not node
    ]
    words = set(re.findall(r"\w+", site.text(node.test)))
    values = [n for n in site.scope.values if n not in words]
    found += [text for n in values for text in (n, f"not {n}")]
    return list(dict.fromkeys(t for t in found if "\n" not in t and len(t) < 80))


def assignment(site: Site) -> Iterator[Edit]:
    """`+=` for `=`, other operators, and the other way round."""
    node, source = site.node, site.source
    if isinstance(node, ast.AugAssign):
        begin, end = source.end(node.target), source.start(node.value)
        gap = source.data[begin:end].decode()
        match = re.search(r"(\*\*|//|<<|>>|[-+*/%&|^@])=", gap)
        if match is None:
            return
        place = (begin + match.start(), begin + match.end())
        for text in ("+=", "-=", "*=", "/=", "//=", "|=", "&=", "^=", "%="):
            if text != match.group():
                common = {match.group(), text} == {"+=", "-="}
                prior = 0.7 if common else 0.25 if text in ("*=", "//=") else 0.1
                yield site.splice(*place, text, "assignment operator swapped", prior)
        yield site.splice(*place, "=", "plain assignment", 0.35)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Name | ast.Attribute | ast.Subscript):
            text = site.text(target)
            for sign, prior in (("+", 0.25), ("-", 0.15), ("*", 0.1), ("|", 0.05)):
                new = f"{text} {sign}= {site.text(node.value)}"
                yield site.swap(node, new, "augmented assignment", prior)


def result(site: Site) -> Iterator[Edit]:
    """Another result: a local, nothing, something empty."""
    node = site.node
    if isinstance(node, ast.Return):
        known = site.text(node.value) if node.value is not None else "None"
        for name in site.scope.values:
            if name != known:
                yield site.swap(node, f"return {name}", "result replaced", 0.3)
        for text in ("None", "[]", "''", "0", "False", "True", "{}", "self", "-1", "1"):
            usable = text != "self" or "self" in site.scope.parameters
            if text != known and usable:
                factor = 1.0 if node.value is None or isinstance(node.value, ast.Constant) else 0.5
                yield site.swap(node, f"return {text}", "result replaced", 0.14 * factor)
        if isinstance(node.value, ast.Name | ast.Call):
            yield site.swap(node, f"yield {known}", "yield for return", 0.03)


def discarded(site: Site) -> Iterator[Edit]:
    """A value that is thrown away is returned, awaited or yielded otherwise."""
    node = site.node
    if isinstance(node, ast.Expr) and not _is_docstring(site, node):
        if isinstance(node.value, ast.Yield) and node.value.value is not None:
            text = site.text(node.value.value)
            yield site.swap(node, f"yield from {text}", "yield from", 0.35)
        elif isinstance(node.value, ast.YieldFrom):
            yield site.swap(node, f"yield {site.text(node.value.value)}", "yield", 0.35)
        elif isinstance(node.value, ast.Call):
            block = block_of(site.source, node)
            likely = 0.4 if block and block[-1] is node else 0.15
            yield site.swap(node, f"return {site.text(node.value)}", "return added", likely)
            yield site.swap(node, f"await {site.text(node.value)}", "await added", 0.05)


def mutable_default(site: Site) -> Iterator[Edit]:
    """A list or dict that all calls share as a default becomes None and is made anew."""
    node, source = site.node, site.source
    if not isinstance(node, FunctionNode) or not own_lines(source, node.body[0]):
        return
    first = node.body[0]
    if _is_docstring(site, first) and len(node.body) > 1:
        first = node.body[1]
    arguments = node.args.args[len(node.args.args) - len(node.args.defaults) :]
    pairs = [*zip(arguments, node.args.defaults, strict=True)]
    pairs += [
        (a, d)
        for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if d is not None
    ]
    for argument, default in pairs:
        literal = isinstance(default, ast.List | ast.Dict | ast.Set | ast.Call)
        if literal and own_lines(source, first):
            tab = source.indent(first)
            name, text = argument.arg, site.text(default)
            guard = f"{tab}if {name} is None:\n{tab}    {name} = {text}\n"
            begin = source.starts[first.lineno - 1]
            places = [
                Splice(source.start(default), source.end(default), "None"),
                Splice(begin, begin, guard),
            ]
            yield site.splices(places, "shared default made anew", 0.5)


def handler(site: Site) -> Iterator[Edit]:
    """Another exception caught or raised: one that the failing tests mention."""
    node = site.node
    usual = ("ValueError", "TypeError", "KeyError", "IndexError", "AttributeError")
    if isinstance(node, ast.ExceptHandler) and node.type is not None:
        text = site.text(node.type)
        for name in dict.fromkeys([*sorted(site.hints.errors), *usual]):
            likely = 0.5 if name in site.hints.errors else 0.15
            if name.endswith(("Error", "Exception")) and name not in text:
                inner = text.strip("()")
                yield site.swap(node.type, f"({inner}, {name})", "exception also caught", likely)
                yield site.swap(node.type, name, "other exception caught", likely * 0.7)
    elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call | ast.Name):
        head = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        for name in dict.fromkeys([*_named_errors(site), *usual]):
            if name != site.text(head):
                likely = 0.4 if name not in usual else 0.2
                yield site.swap(head, name, "other exception raised", likely)


def _named_errors(site: Site) -> list[str]:
    found = [
        e for m in site.hints.messages for e in re.findall(r"\b[A-Z]\w*(?:Error|Exception)", m)
    ]
    own = [n for n in site.scope.all if n.endswith(("Error", "Exception"))]
    return [*found, *own]


def loop_target(site: Site) -> Iterator[Edit]:
    """Names unpacked by a loop in the other order."""
    node = site.node
    if isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Tuple):
        names = [site.text(e) for e in node.target.elts]
        if len(names) == 2:
            text = f"{names[1]}, {names[0]}"
            yield site.swap(node.target, text, "loop targets swapped", 0.3)


OPERATORS: tuple[Operator, ...] = (
    delete,
    swap_with_next,
    dedent,
    jump,
    condition,
    assignment,
    result,
    discarded,
    mutable_default,
    handler,
    loop_target,
)

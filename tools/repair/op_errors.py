"""Operators led by an exception's message: unknown names, attributes, keys, modules, arity."""

import ast
import difflib
import re
from collections.abc import Iterator

from greenloop.tools.repair.edits import Edit
from greenloop.tools.repair.site import Operator, Site
from greenloop.tools.repair.source import BUILTINS

_NAME = re.compile(r"name '(\w+)' is not defined")
_LOCAL = re.compile(r"local variable '?(\w+)'?")
_ATTRIBUTE = re.compile(r"(?:has no attribute|object has no attribute) '(\w+)'")
_KEY = re.compile(r"KeyError: (['\"])(.+?)\1")
_IMPORT = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_MODULE = re.compile(r"No module named '([\w.]+)'")
_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")

STANDARD = frozenset(
    (
        "abc",
        "argparse",
        "ast",
        "asyncio",
        "base64",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "csv",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "glob",
        "hashlib",
        "heapq",
        "html",
        "inspect",
        "io",
        "itertools",
        "json",
        "locale",
        "logging",
        "math",
        "operator",
        "os",
        "pathlib",
        "random",
        "re",
        "shutil",
        "string",
        "struct",
        "subprocess",
        "sys",
        "tempfile",
        "textwrap",
        "threading",
        "time",
        "traceback",
        "types",
        "typing",
        "unicodedata",
        "urllib",
        "uuid",
        "warnings",
        "weakref",
    )
)
"""Modules of the standard library that are worth importing when their name is unknown."""
_HOMES = {
    "Path": "pathlib",
    "defaultdict": "collections",
    "Counter": "collections",
    "OrderedDict": "collections",
    "deque": "collections",
    "namedtuple": "collections",
    "partial": "functools",
    "wraps": "functools",
    "reduce": "functools",
    "lru_cache": "functools",
    "chain": "itertools",
    "islice": "itertools",
    "datetime": "datetime",
    "timedelta": "datetime",
    "date": "datetime",
    "dataclass": "dataclasses",
    "field": "dataclasses",
    "Decimal": "decimal",
    "Enum": "enum",
    "deepcopy": "copy",
    "suppress": "contextlib",
    "contextmanager": "contextlib",
    "Any": "typing",
    "Optional": "typing",
    "Union": "typing",
    "List": "typing",
    "Dict": "typing",
    "Tuple": "typing",
    "Callable": "typing",
    "Iterable": "typing",
}


def _said(site: Site, pattern: re.Pattern[str], group: int = 1) -> set[str]:
    return {m.group(group) for text in site.hints.messages for m in pattern.finditer(text)}


def unknown_name(site: Site) -> Iterator[Edit]:
    """A name that does not exist becomes a similar one, or one of self."""
    node = site.node
    if not isinstance(node, ast.Name) or node.id not in _said(site, _NAME) | _said(site, _LOCAL):
        return
    scope = site.scope
    known = [*scope.values, *scope.functions, *scope.constants, *scope.imported, *BUILTINS]
    for place, name in enumerate(difflib.get_close_matches(node.id, known, 5, 0.6)):
        if name != node.id:
            yield site.swap(node, name, "name corrected", 1.0 - 0.1 * place)
    if "self" in scope.parameters and node.id in scope.attributes + scope.methods:
        yield site.swap(node, f"self.{node.id}", "self added", 1.0)


def missing_import(site: Site) -> Iterator[Edit]:
    """An import for a name that is used but not defined."""
    node = site.node
    if not isinstance(node, ast.Name) or node.id not in _said(site, _NAME):
        return
    lines = []
    if node.id in STANDARD:
        lines.append(f"import {node.id}")
    if node.id in _HOMES:
        lines.insert(0, f"from {_HOMES[node.id]} import {node.id}")
    if node.id in site.hints.exports:
        lines.append(f"from {site.hints.exports[node.id]} import {node.id}")
    place = _import_place(site)
    for line in lines:
        yield site.splice(place, place, line + "\n", "import added", 0.9)


def _import_place(site: Site) -> int:
    """Behind the last import at the top, or behind the docstring."""
    source = site.source
    line = 0
    for statement in source.tree.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not isinstance(statement, ast.Import | ast.ImportFrom):
            break
        line = statement.end_lineno or statement.lineno
    return source.starts[line]


def unknown_attribute(site: Site) -> Iterator[Edit]:
    """An attribute that does not exist becomes a similar one of the file."""
    node = site.node
    if not isinstance(node, ast.Attribute) or node.attr not in _said(site, _ATTRIBUTE):
        return
    tree = site.source.tree
    known = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    known |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    known |= {name for kind in (str, list, dict, set) for name in dir(kind)}
    known.discard(node.attr)
    for place, name in enumerate(difflib.get_close_matches(node.attr, sorted(known), 6, 0.5)):
        text = f"{site.text(node.value)}.{name}"
        yield site.swap(node, text, "attribute corrected", 1.0 - 0.1 * place)


def unknown_key(site: Site) -> Iterator[Edit]:
    """A key that is missing becomes a similar one of the file."""
    node = site.node
    if not isinstance(node, ast.Constant) or node.value not in _said(site, _KEY, 2):
        return
    known = {
        n.value
        for n in ast.walk(site.source.tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value != node.value
    }
    for name in difflib.get_close_matches(str(node.value), sorted(known), 4, 0.5):
        yield site.swap(node, repr(name), "key corrected", 0.9)


def unknown_import(site: Site) -> Iterator[Edit]:
    """An imported name or module that does not exist becomes a similar one, or goes."""
    node = site.node
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return
    wrong = _said(site, _IMPORT) | _said(site, _MODULE)
    modules = set(site.hints.exports.values())
    names = sorted({*site.hints.exports, *STANDARD, *modules, *_HOMES})
    text = site.text(node)
    for bad in sorted(wrong):
        last = bad.rpartition(".")[2]
        if not re.search(rf"\b{re.escape(last)}\b", text):
            continue
        shorter = sorted({n.rpartition(".")[2] for n in names})
        for place, name in enumerate(difflib.get_close_matches(last, shorter, 6, 0.5)):
            if name != last:
                new = re.sub(rf"\b{re.escape(last)}\b", name, text)
                keep = f" as {last}" if last in _used(site) and " as " not in text else ""
                yield site.swap(node, new + keep, "import corrected", 1.0 - 0.1 * place)
                yield site.swap(node, new, "import corrected", 0.9 - 0.1 * place)


def _used(site: Site) -> set[str]:
    return {n.id for n in ast.walk(site.source.tree) if isinstance(n, ast.Name)}


def unexpected_keyword(site: Site) -> Iterator[Edit]:
    """A keyword that the called function does not know becomes a similar one or goes."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    wrong = _said(site, _UNEXPECTED)
    known = {n.arg for n in ast.walk(site.source.tree) if isinstance(n, ast.arg)}
    for keyword in node.keywords:
        if keyword.arg in wrong:
            begin = site.source.starts[keyword.lineno - 1] + keyword.col_offset
            for name in difflib.get_close_matches(str(keyword.arg), sorted(known), 4, 0.4):
                end = begin + len(str(keyword.arg))
                yield site.splice(begin, end, name, "keyword corrected", 0.9)


def missing_await(site: Site) -> Iterator[Edit]:
    """A coroutine that was never awaited."""
    node = site.node
    if not isinstance(node, ast.Call) or isinstance(site.source.parents.get(node), ast.Await):
        return
    if isinstance(site.source.function_of(node), ast.AsyncFunctionDef):
        said = any("coroutine" in message for message in site.hints.messages)
        yield site.swap(node, f"await {site.text(node)}", "await added", 0.9 if said else 0.15)


OPERATORS: tuple[Operator, ...] = (
    unknown_name,
    missing_import,
    unknown_attribute,
    unknown_key,
    unknown_import,
    unexpected_keyword,
    missing_await,
)

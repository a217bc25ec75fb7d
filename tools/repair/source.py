"""A Python file as a syntax tree that knows where each node lies in the file's bytes."""

import ast
import builtins
from collections.abc import Iterator
from functools import cached_property

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_OPERATORS = (
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.Attribute,
    ast.Await,
    ast.Starred,
)
_ATOMS = (
    ast.Name,
    ast.Constant,
    ast.Call,
    ast.Attribute,
    ast.Subscript,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
)
BUILTINS = frozenset(dir(builtins))


class SourceFile:
    """One parsed file. Offsets are in bytes, as the `ast` module counts columns."""

    def __init__(self, path: str, data: bytes) -> None:
        """Parse `data`.

        Raises:
            SyntaxError: not Python, or not as this interpreter knows it.
            ValueError: an encoding or line ends that offsets cannot be trusted in.
        """
        if data.startswith(b"\xef\xbb\xbf") or b"\r" in data.replace(b"\r\n", b""):
            raise ValueError(f"{path}: byte order mark or lone carriage returns")
        self.path = path
        self.data = data
        self.tree = ast.parse(data.decode("utf-8"))
        self.starts = [0]
        for line in data.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self._scopes: dict[ast.AST, Scope] = {}

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The enclosing node of each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Offset of the node's first byte; of the first decorator, if it has any."""
        first: ast.expr | ast.stmt = node
        if isinstance(node, FunctionNode | ast.ClassDef) and node.decorator_list:
            first = node.decorator_list[0]
            return self.data.rfind(b"@", 0, self.starts[first.lineno - 1] + first.col_offset)
        return self.starts[first.lineno - 1] + first.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Offset after the node's last byte."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.expr | ast.stmt) -> str:
        """The node's own source."""
        return self.data[self.start(node) : self.end(node)].decode()

    def line_span(self, first: int, last: int) -> tuple[int, int]:
        """Offsets of whole lines `first` to `last`, counted from 1, with the last line's end."""
        return self.starts[first - 1], min(self.starts[last], len(self.data))

    def indent(self, statement: ast.stmt) -> str:
        """The white space before a statement."""
        begin = self.starts[statement.lineno - 1]
        return self.data[begin : begin + statement.col_offset].decode()

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Enclosing nodes, innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def function_of(self, node: ast.AST) -> FunctionNode | None:
        """The innermost enclosing function."""
        return next((n for n in self.ancestors(node) if isinstance(n, FunctionNode)), None)

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """The innermost enclosing class."""
        return next((n for n in self.ancestors(node) if isinstance(n, ast.ClassDef)), None)

    def scope(self, node: ast.AST) -> "Scope":
        """The names that can be used at a node."""
        owner = self.function_of(node) or self.tree
        if owner not in self._scopes:
            self._scopes[owner] = Scope(self, owner)
        return self._scopes[owner]

    def is_sound(self, node: ast.expr) -> bool:
        """Whether the node's recorded place holds it: before 3.12 not so in f-strings."""
        if not any(isinstance(n, ast.JoinedStr) for n in self.ancestors(node)):
            return True
        try:
            found = ast.parse(self.text(node), mode="eval").body
        except (SyntaxError, ValueError, IndexError):
            return False
        return ast.dump(found) == ast.dump(node)

    def wrapped(self, node: ast.expr, text: str) -> str:
        """`text` for the place of `node`, in brackets where the surroundings would bind tighter."""
        parent = self.parents.get(node)
        tight = isinstance(parent, _OPERATORS) or (
            isinstance(parent, ast.Call | ast.Subscript) and node in (_head(parent),)
        )
        if not tight or _binds_tighter(text, parent):
            return text
        if isinstance(parent, ast.Call) and len(parent.args) == 1 and node is not parent.func:
            return text
        before = self.data[: self.start(node)].rstrip()[-1:]
        after = self.data[self.end(node) :].lstrip()[:1]
        return text if before == b"(" and after == b")" else f"({text})"


def _binds_tighter(text: str, parent: ast.AST | None) -> bool:
    """Whether a text can stand bare as an operand of `parent`."""
    if text.isidentifier():
        return True
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    if isinstance(node, _ATOMS):
        return not (isinstance(parent, ast.Attribute) and isinstance(node, ast.Constant))
    if isinstance(parent, ast.Compare):
        return isinstance(node, ast.BinOp | ast.UnaryOp) and not text.startswith("not ")
    return isinstance(parent, ast.BoolOp) and isinstance(
        node, ast.BinOp | ast.Compare | ast.UnaryOp
    )


def _head(node: ast.Call | ast.Subscript) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node.value


class Scope:
    """Names visible in one function (or at module level), sorted by where they come from."""

    def __init__(self, source: SourceFile, owner: ast.AST) -> None:
        module = source.tree
        self.parameters: list[str] = []
        self.locals: list[str] = []
        if isinstance(owner, FunctionNode):
            self.parameters = parameters(owner)
            self.locals = [n for n in _stored(owner) if n not in self.parameters]
        self.functions = [n.name for n in module.body if isinstance(n, FunctionNode | ast.ClassDef)]
        self.constants = [n for s in module.body for n in _assigned(s)]
        self.imported = [
            (alias.asname or alias.name).partition(".")[0]
            for node in ast.walk(module)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        ]
        holder = source.class_of(owner)
        self.methods: list[str] = []
        self.attributes: list[str] = []
        if holder is not None:
            self.methods = [n.name for n in holder.body if isinstance(n, FunctionNode)]
            self.attributes = _unique(
                n.attr
                for n in ast.walk(holder)
                if isinstance(n, ast.Attribute)
                and isinstance(n.value, ast.Name)
                and n.value.id in ("self", "cls")
                and n.attr not in self.methods
            )
        loaded = {n.id for n in ast.walk(owner) if _is_load(n) and isinstance(n, ast.Name)}
        self.unused = [n for n in self.parameters + self.locals if n not in loaded]
        self.called = {
            n.func.id
            for n in ast.walk(owner)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }

    @property
    def values(self) -> list[str]:
        """Names that hold data: parameters without self, then locals."""
        own = [n for n in self.parameters + self.locals if n not in ("self", "cls")]
        return [n for n in own if not n.startswith("__")]

    @property
    def all(self) -> list[str]:
        """Every name that would not raise NameError, builtins left out."""
        return _unique(
            [*self.parameters, *self.locals, *self.functions, *self.constants, *self.imported]
        )


def parameters(function: FunctionNode) -> list[str]:
    """A function's parameter names in order."""
    a = function.args
    names = [p.arg for p in [*a.posonlyargs, *a.args, *a.kwonlyargs]]
    return names + [p.arg for p in (a.vararg, a.kwarg) if p is not None]


def _is_load(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Load)


def _stored(owner: ast.AST) -> list[str]:
    return _unique(
        n.id for n in ast.walk(owner) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    )


def _assigned(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        return [t.id for t in statement.targets if isinstance(t, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def _unique(names: Iterator[str] | list[str]) -> list[str]:
    return list(dict.fromkeys(names))

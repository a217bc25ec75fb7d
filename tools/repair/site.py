"""What an operator sees: one node, the file around it, and what the failing tests said."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from greenloop.tools.repair.edits import Edit, Splice
from greenloop.tools.repair.source import Scope, SourceFile


@dataclass(frozen=True, slots=True)
class Hints:
    """What the failures say that may help to mend them."""

    errors: frozenset[str] = frozenset()
    """Names of the exceptions seen."""
    messages: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()
    """String literals in the messages: often what the tests expect."""
    numbers: tuple[str, ...] = ()
    exports: Mapping[str, str] = field(default_factory=dict)
    """Public names of the project by the module that defines them, for missing imports."""


@dataclass(frozen=True, slots=True)
class Site:
    """One node as a place for edits."""

    source: SourceFile
    node: ast.AST
    hints: Hints

    @property
    def scope(self) -> Scope:
        """Names visible here."""
        return self.source.scope(self.node)

    def text(self, node: ast.expr | ast.stmt) -> str:
        """Source of a node of the same file."""
        return self.source.text(node)

    def swap(self, node: ast.expr | ast.stmt, text: str, operator: str, prior: float) -> Edit:
        """Put `text` in the node's place."""
        if isinstance(node, ast.expr):
            text = self.source.wrapped(node, text)
        return self.splice(self.source.start(node), self.source.end(node), text, operator, prior)

    def splice(self, start: int, end: int, text: str, operator: str, prior: float) -> Edit:
        """Put `text` in the place of the bytes from `start` to `end`."""
        return self.splices([Splice(start, end, text)], operator, prior)

    def splices(self, splices: Sequence[Splice], operator: str, prior: float) -> Edit:
        """Change several places at once."""
        line = getattr(self.node, "lineno", 1)
        return Edit(self.source.path, tuple(splices), operator, prior, line)


Operator = Callable[[Site], Iterator[Edit]]
"""Offers edits for a node; nothing for nodes that are not its business."""

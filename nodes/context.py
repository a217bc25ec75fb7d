"""Choosing the files that a coder must see, as parts of its prompt."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from greenloop.errors import EditError
from greenloop.nodes.deps import Deps
from greenloop.nodes.fitting import Part
from greenloop.nodes.imports import imported
from greenloop.nodes.looking import fence
from greenloop.state import AgentState, TestFailure
from greenloop.tools.judges import is_test_file
from greenloop.tools.retrieval.base import Hit
from greenloop.tools.text import clip

_MOST_FILES = 8
_WHOLE_LINES = 400
"""Longer files are shown in pieces, however much room there is."""
_PIECES = 3
"""Of one file, by search; places in tracebacks come on top."""
_AROUND = 12
"""Lines before and after a place in a traceback."""
_BEGINNING = 30
"""Lines shown of a long file of which nothing better is known."""
_NEAR = 2
"""Finds for the words of a step that come before the places in tracebacks."""
_QUERY_CHARS = 1500
"""Of the task and of the step each, for the search and for the paths that they name."""
_FIRST_PRIORITY = 300
_PATH = re.compile(r"[\w./-]{0,200}\.\w{1,5}\b")


@dataclass(frozen=True, slots=True)
class View:
    """Files and pieces of files."""

    parts: tuple[Part, ...]
    """Most relevant first."""
    short: tuple[str, ...]
    """Those that are shown whole and short enough to be sent whole, most relevant first."""


def in_view(state: AgentState, deps: Deps, step: str, room: int) -> View:
    """What to show for a step in a prompt that has `room` tokens."""
    report = state.get("report") or state["baseline"]
    search = _Search(deps, clip(step, _QUERY_CHARS), clip(state["task"], _QUERY_CHARS))
    hits = search.hits(report.failures)
    parts: list[Part] = []
    short = []
    for rank, path in enumerate(search.ranked(report.failures, hits)[:_MOST_FILES]):
        text = deps.workspace.read(path).text
        if _fits_whole(deps, text, room):
            parts.append(_whole(path, text, rank, room))
            if _is_short(deps, path, text):
                short.append(path)
        else:
            places = _places(path, hits, report.failures)
            parts += _pieces(path, text, places, rank, room)
    return View(tuple(parts), tuple(short))


def in_order(parts: Sequence[Part], untouched: Sequence[Part]) -> tuple[Part, ...]:
    """Parts in the order of the prompt: what is likely to be the same in the next one first.

    Those shown whole by path, tests before sources, then those that were shortened to fit. The
    most relevant place stands last, next to the question.
    """

    def volatile(part: Part) -> tuple[bool, bool, bool, str, int]:
        best = part.priority == _FIRST_PRIORITY
        source = not is_test_file(part.path)
        return best, part not in untouched, source, part.path, part.first

    return tuple(sorted(parts, key=volatile))


@dataclass(frozen=True, slots=True)
class _Search:
    """Looking for the files that a step is about."""

    deps: Deps
    step: str
    task: str

    def hits(self, failures: Sequence[TestFailure]) -> list[Hit]:
        """Code that the step's words lead to, then what task and failures lead to."""
        failing = " ".join(f"{f.test_id} {f.message}" for f in failures[:5])
        find = self.deps.retriever
        find.refresh()
        wide = find.search(f"{self.task} {self.step} {failing}", k=12)
        return wide if self.step == self.task else [*find.search(self.step, k=6), *wide]

    def ranked(self, failures: Sequence[TestFailure], hits: Sequence[Hit]) -> list[str]:
        """Files that the step names, and what concerns it, before those of the whole task.

        Sources before tests, and among them what the failing tests import before what was found.
        """
        traced = [f.path for f in failures]
        tests = [f.test_id.partition("::")[0] for f in failures]
        found = [hit.chunk.path for hit in hits]
        of_step, of_task = _PATH.findall(self.step), _PATH.findall(self.task)
        near = found[:_NEAR] if self.step != self.task else []
        about = imported(self.deps.workspace, tests)
        paths = [*of_step, *near, *traced, *about, *of_task, *tests, *found]
        return sorted(_existing(self.deps, paths), key=is_test_file)


def _existing(deps: Deps, paths: Iterable[str]) -> Iterator[str]:
    for path in dict.fromkeys(path.removeprefix("./") for path in paths if path):
        try:
            deps.workspace.read(path)
        except EditError:
            continue
        yield path


def _fits_whole(deps: Deps, text: str, room: int) -> bool:
    return text.count("\n") <= _WHOLE_LINES and deps.model.count(text) <= room // 2


def _is_short(deps: Deps, path: str, text: str) -> bool:
    """Whether a file is better sent whole than in blocks: short, and far from filling a reply."""
    if deps.settings.protect_tests and is_test_file(path):
        return False
    fits_reply = deps.model.count(text) <= deps.model.window.num_predict * 2 // 3
    return fits_reply and text.count("\n") <= deps.model.profile.whole_file_lines


def _whole(path: str, text: str, rank: int, room: int) -> Part:
    mark = fence(text)
    body = text.rstrip() or "(empty)"
    return Part(
        "files",
        body,
        priority=_priority(rank, 0),
        least=_least(rank, 0, room),
        path=path,
        before=f"{path}\n{mark}\n",
        after=f"\n{mark}",
    )


def _places(
    path: str, hits: Sequence[Hit], failures: Sequence[TestFailure]
) -> list[tuple[int, int]]:
    """Ranges of lines worth seeing, best first."""
    traced = [(f.line - _AROUND, f.line + _AROUND) for f in failures if f.path == path and f.line]
    found = [(hit.chunk.start, hit.chunk.end) for hit in hits if hit.chunk.path == path]
    return [*dict.fromkeys(traced)][:_PIECES] + found[:_PIECES] or [(1, _BEGINNING)]


def _pieces(
    path: str, text: str, places: Sequence[tuple[int, int]], rank: int, room: int
) -> Iterator[Part]:
    """The places as parts; one that overlaps a better one is left to it."""
    lines = text.splitlines()
    taken: list[tuple[int, int]] = []
    for start, end in places:
        first, last = max(start, 1), min(end, len(lines))
        if first > last or any(first <= b and a <= last for a, b in taken):
            continue
        taken.append((first, last))
        body = "\n".join(lines[first - 1 : last]).rstrip()
        mark = fence(body)
        number = len(taken) - 1
        yield Part(
            "files",
            body or "(blank)",
            priority=_priority(rank, number),
            least=_least(rank, number, room),
            path=path,
            first=first,
            before=f"{path} (lines {first}-{last} of {len(lines)})\n{mark}\n",
            after=f"\n{mark}",
        )


def _priority(rank: int, piece: int) -> int:
    if rank == piece == 0:
        return _FIRST_PRIORITY
    return 100 - 10 * rank - piece


def _least(rank: int, piece: int, room: int) -> int:
    """Only the best place is sure to be seen; the others may be left out."""
    return max(room // 4, 1) if rank == piece == 0 else 0

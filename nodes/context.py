"""Gathering the files that a coder must see, within what the context window holds."""

import re
from collections.abc import Iterable, Iterator

from greenloop.errors import EditError
from greenloop.nodes.deps import Deps
from greenloop.state import AgentState
from greenloop.tools.judges import is_test_file
from greenloop.tools.retrieval.base import Hit

_CHARS_PER_TOKEN = 3.0
"""Low on purpose: code has fewer characters to a token than prose."""
_OVERHEAD_TOKENS = 2400
"""For our own words, the failures shown, and turns of correction."""
_WHOLE_FILE_LINES = 400
_MOST_FILES = 8
_PATH = re.compile(r"[\w./-]+\.\w{1,5}")


def gather(state: AgentState, deps: Deps, step: str) -> str:
    """Files and pieces of files, most relevant first, with a mark for what was left out."""
    window = deps.model.window.room - _OVERHEAD_TOKENS
    room = max(2000, int(window * _CHARS_PER_TOKEN))
    shown, left_out = [], []
    hits = _search(state, deps, step)
    for path in _ranked(state, deps, step, hits)[:_MOST_FILES]:
        block = _block(deps, path, hits, room)
        if block and len(block) <= room:
            shown.append(block)
            room -= len(block)
        else:
            left_out.append(path)
    if left_out:
        shown.append(f"(left out, ask with READ path: {', '.join(left_out)})")
    return "\n\n".join(shown)


def _search(state: AgentState, deps: Deps, step: str) -> list[Hit]:
    report = state.get("report") or state["baseline"]
    failing = " ".join(f"{f.test_id} {f.message}" for f in report.failures[:5])
    deps.retriever.refresh()
    return deps.retriever.search(f"{state['task']} {step} {failing}", k=12)


def _ranked(state: AgentState, deps: Deps, step: str, hits: list[Hit]) -> list[str]:
    """Files named in the words, then those in tracebacks, then those found; sources first."""
    report = state.get("report") or state["baseline"]
    named = _PATH.findall(f"{step} {state['task']}")
    traced = [f.path for f in report.failures]
    tests = [f.test_id.partition("::")[0] for f in report.failures]
    found = [hit.chunk.path for hit in hits]
    files = list(_existing(deps, [*named, *traced, *found, *tests]))
    return sorted(files, key=is_test_file)


def _existing(deps: Deps, paths: Iterable[str]) -> Iterator[str]:
    for path in dict.fromkeys(path.removeprefix("./") for path in paths if path):
        try:
            deps.workspace.read(path)
        except EditError:
            continue
        yield path


def _block(deps: Deps, path: str, hits: list[Hit], room: int) -> str:
    """A whole file if it is short enough, else its best pieces; verbatim, so it can be quoted."""
    text = deps.workspace.read(path).text
    lines = text.splitlines()
    if len(lines) <= _WHOLE_FILE_LINES and len(text) <= room:
        return f"{path}\n```\n{text.rstrip()}\n```"
    pieces = [hit.chunk for hit in hits if hit.chunk.path == path][:3]
    blocks = [
        f"{path} (lines {piece.start}-{piece.end} of {len(lines)})\n```\n{piece.text.rstrip()}\n```"
        for piece in pieces
    ]
    return "\n\n".join(blocks)

"""A brain that answers from a recording: what was asked before is answered as it was then."""

import difflib
import re
from collections import Counter, defaultdict, deque
from contextlib import suppress
from copy import copy
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from greenloop.errors import GreenloopError, ModelReplyError, ReplayError
from greenloop.tools.model.base import ModelReply, ModelRequest, OnText, Window
from greenloop.tools.model.normalise import each_text, show_workspace
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.ratio import estimate
from greenloop.tools.model.recording import Asked, Entry, Recording
from greenloop.tools.reader.base import Call

_SHOWN_CHARS = 70
"""Of each side of a difference, in a message."""


class ReplayModel:
    """Answers from a recording; implements `ChatModel`. To the nodes it is the recorded brain."""

    def __init__(self, recording: Recording, *, goes_on: bool = False, used: int = 0) -> None:
        """Nothing is asked of anybody but the recording.

        Args:
            recording: what to answer from.
            goes_on: a thread is resumed: failures that ended the run, and after which the same
                was asked again, are past, and so is all before the first that is asked now.
            used: requests that the thread made before; the replay goes on behind them.
        """
        self._path = recording.path
        self._header = recording.header
        self.name = recording.header.model
        self.reads_prompt = recording.header.reads_prompt
        self._entries = recording.entries
        self._left: dict[str, deque[int]] = defaultdict(deque)
        for index, entry in enumerate(recording.entries):
            waiting = self._left[entry.asked.key]
            if goes_on and waiting and _ended_a_run(recording.entries[waiting[-1]]):
                waiting.pop()
            waiting.append(index)
        self._asked_so_far = 0
        self._resumes = goes_on
        """Until the first request."""
        self._window = recording.header.window
        self._chars_per_token = recording.header.profile.chars_per_token
        self._go_to(self._place_after(used))

    @property
    def window(self) -> Window:
        """That the recorded brain had at this point."""
        return self._window

    @property
    def profile(self) -> Profile:
        """Of the recorded brain."""
        return self._header.profile

    def count(self, text: str) -> int:
        """As the recorded brain counted at this point."""
        return estimate(text, self._chars_per_token) if self._chars_per_token else 0

    def cancel(self) -> None:
        """Nothing: it answers at once."""

    def reply(self, request: ModelRequest, on_text: OnText | None = None) -> ModelReply:
        """The recorded reply; a request that was made several times gets its replies in order.

        Raises:
            ReplayError: nothing like this was recorded, or all replies to it are used up.
            GreenloopError: the error that was recorded.
        """
        self._asked_so_far += 1
        asked = Asked.of(request, reads_prompt=self.reads_prompt)
        waiting = self._left.get(asked.key)
        if not waiting:
            raise self._missing(asked, request.brief.workspace)
        index = waiting.popleft()
        if self._resumes:
            self._resumes = False
            self._go_to(index)
        self._count_as(index + 1)
        outcome = _shown(self._entries[index].outcome, request.brief.workspace)
        if not isinstance(outcome, ModelReply):
            raise outcome
        if on_text is not None and self.reads_prompt:
            for word in re.findall(r"\s*\S+\s*|\s+", outcome.text):
                on_text(word)
        return outcome

    def _place_after(self, used: int) -> int:
        """Of the entry that follows so many; failures that ended a run count for no request."""
        if used == 0:
            return 0
        made = [i for i, entry in enumerate(self._entries, 1) if not _ended_a_run(entry)]
        return made[used - 1] if used <= len(made) else len(self._entries)

    def _go_to(self, index: int) -> None:
        """Offer nothing before this entry, and count as the brain did there."""
        for waiting in self._left.values():
            while waiting and waiting[0] < index:
                waiting.popleft()
        self._count_as(index)

    def _count_as(self, index: int) -> None:
        """Count, and have the window, as the brain did when this entry was made."""
        for entry in self._entries[index : index + 1]:
            self._chars_per_token, self._window = entry.chars_per_token, entry.window

    def _missing(self, asked: Asked, workspace: Path) -> ReplayError:
        who = f"request {self._asked_so_far} (of the {asked.role})"
        if not self._entries:
            return ReplayError(f"{self._path} has no reply left for {who}: nothing was recorded")
        if asked.key in self._left:
            return ReplayError(
                f"{self._path} has no reply left for {who}: it was asked more often than when it "
                "was recorded; go on without --replay, or record anew"
            )
        number, nearest = self._nearest(asked)
        where, before, now = first_difference(nearest.asked, asked)
        kept = self._keep_difference(nearest.asked, asked, workspace)
        return ReplayError(
            f"{self._path} has no reply to {who}; nearest is request {number} there, which "
            f"differs in {where}: recorded {before}, now {now}{kept}; replay with the same task, "
            "files and settings, or record anew"
        )

    def _nearest(self, asked: Asked) -> tuple[int, Entry]:
        """The most similar recorded request, and its number from 1."""
        wanted = Counter(asked.lines())

        def likeness(numbered: tuple[int, Entry]) -> tuple[bool, float]:
            other = Counter(numbered[1].asked.lines())
            common = (wanted & other).total() * 2 / (wanted.total() + other.total())
            return numbered[1].asked.role == asked.role, common

        return max(enumerate(self._entries, 1), key=likeness)

    def _keep_difference(self, recorded: Asked, asked: Asked, workspace: Path) -> str:
        """Write the whole difference beside the recording; returns words that say where."""
        path = self._path.with_name(f"{self._path.name}.diff")
        if path.resolve().is_relative_to(workspace.resolve()):
            return ""  # the folder under work is not ours to write notes into
        lines = difflib.unified_diff(
            _whole(recorded), _whole(asked), "recorded", "now", lineterm=""
        )
        text = "\n".join(lines) + "\n"
        with suppress(OSError):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8", errors="surrogateescape")
            return f" (all of it: {path})"
        return ""


def _shown(outcome: ModelReply | GreenloopError, workspace: Path) -> ModelReply | GreenloopError:
    """What came of a request, with the workspace's path in it."""

    def show(text: str) -> str:
        return show_workspace(text, workspace)

    if isinstance(outcome, ModelReply):
        calls = tuple(Call(c.tool, each_text(c.arguments, show)) for c in outcome.calls)
        text, gave_up = show(outcome.text), show(outcome.gave_up)
        return replace(outcome, text=text, gave_up=gave_up, calls=calls)
    error = copy(outcome)
    error.args = (show(str(outcome)),)
    if isinstance(error, ModelReplyError):
        error.feedback = show(error.feedback)
    return error


def _ended_a_run(entry: Entry) -> bool:
    # Of a reply that is of no use the run itself takes care.
    return not isinstance(entry.outcome, ModelReply | ModelReplyError)


def first_difference(recorded: Asked, now: Asked) -> tuple[str, str, str]:
    """Where two requests first differ, and both lines there, quoted and cut to what matters."""
    for one, two in zip_longest(recorded.lines(), now.lines(), fillvalue=("", "")):
        if one != two:
            where = two[0] or one[0]
            return where, *_excerpts(one, two)
    return "nothing", "''", "''"


def _excerpts(one: tuple[str, str], two: tuple[str, str]) -> tuple[str, str]:
    pairs = zip_longest(one[1], two[1])
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), 0)
    start = max(0, same - _SHOWN_CHARS // 2) if one[0] == two[0] else 0
    return _quoted(one, start), _quoted(two, start)


def _quoted(placed: tuple[str, str], start: int) -> str:
    where, line = placed
    return repr(_cut(line[start:], start)) if where else "nothing more"


def _cut(text: str, start: int = 0) -> str:
    more = "…" if len(text) > _SHOWN_CHARS else ""
    return f"{'…' if start else ''}{text[:_SHOWN_CHARS]}{more}"


def _whole(asked: Asked) -> list[str]:
    lines: list[str] = []
    for where, line in asked.lines():
        head = where.partition(", line ")[0]
        named = f"{head}: {line}" if head == where else line
        if where.endswith(", line 1"):
            lines.append(f"[{head}]")
        lines.append(named)
    return lines

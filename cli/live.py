"""A run as it goes, and a finished one shown again: both are the same stream of events."""

import re
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from greenloop.checkpoints.blobs import Blobs
from greenloop.cli.program import again, program, shown
from greenloop.cli.words import many
from greenloop.errors import StorageError
from greenloop.graph.result import RunResult
from greenloop.nodes.approval import Proposal, read_proposal
from greenloop.state import Event, TestSummary
from greenloop.tools.sandbox.local import LocalSandbox
from greenloop.tools.text import printable

_DIFF_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))
_NODE_WORDS = {
    "plan": "run the tests as they are, decide on the steps",
    "code": "write the edit",
    "test": "judge it by the tests",
    "review": "look at the whole change",
    "replan": "start afresh from the best tree",
    "done": "leave the best tree in place",
}
_MOST_DIFF_LINES = 200
_QUESTIONS = {
    "plan": "shall this be done?",
    "edits": "shall these edits be made?",
    "commands": "may this be run?",
}


class LiveView:
    """Prints events line by line; works the same in a terminal, a pipe and a log."""

    def __init__(
        self, blobs: Blobs, *, quiet: bool = False, again: bool = False, messages: bool = False
    ) -> None:
        """Make a view.

        Args:
            blobs: where the content of events is.
            quiet: print nothing at all.
            again: the run is over and shown again.
            messages: print prompts and replies in full.
        """
        self._again = again
        self._blobs = blobs
        self._messages = messages
        self._console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        self._midline = False

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if event.kind == "text":
            self._stream(event.text)
            return
        self._end_line()
        handler = getattr(self, f"_on_{event.kind}", None)
        if handler is not None:
            handler(event)

    def banner(self, folder: Path, model: str, note: str) -> None:
        """What runs where, and under which protection."""
        self._line("greenloop", "bold", f"  {shown(folder)}")
        self._line("  brain    ", "dim", model)
        self._line(
            "  sandbox  ", "dim", f"{LocalSandbox.level}: time and output are bounded; no isolation"
        )
        if not (folder / ".git").exists():
            self._line("  undo     ", "dim", "not a git repository: from greenloop's own snapshots")
        if note:
            self.notice(note)

    def notice(self, text: str) -> None:
        """A line that the user should not miss."""
        self._end_line()
        self._line("  ! ", "yellow", text)

    def question(self, asked: Proposal) -> None:
        """What the user is asked, in full: nothing is approved that was not shown."""
        self._end_line()
        self._console.print()
        self._line("  ? ", "bold yellow", f"{_QUESTIONS[asked.kind]} {asked.title}")
        if asked.kind == "edits":
            self.diff(asked.body)
            return
        for line in asked.body.splitlines():
            self._console.print(Text("  " + printable(line)))

    def changed_files(self, paths: tuple[str, ...]) -> None:
        """Which files are not as the last checkpoint left them."""
        self._end_line()
        self._console.print()
        self._line("  ! ", "yellow", "files have changed since the thread stopped:")
        for path in paths:
            self._line("      ", "", path)

    def ending(self, result: RunResult) -> None:
        """What changed, what proves it, and the next commands."""
        console = self._console
        console.print()
        style = {"green": "bold green", "unsolved": "bold red"}.get(result.status, "bold yellow")
        console.print(Text(f"{result.status}  ", style) + Text(_proof(result)))
        for path in result.changed:
            console.print(Text(f"  changed  {printable(path)}"))
        spent = result.spent
        console.print(
            Text(
                f"  spent    {spent.seconds:.1f} s, {many(spent.steps, 'step')}, "
                f"{many(spent.model_calls, 'model call')}, {many(spent.tokens, 'token')}",
                "dim",
            )
        )
        folder = Path(result.repo)
        if result.asked is not None:
            go_on = again("resume", result.thread, folder)
            console.print(Text(f"  approve  {go_on} --approve"))
            if result.asked.kind == "commands":
                console.print(Text(f'  another  {go_on} --test-cmd "CMD" --approve'))
            elif result.asked.only:
                console.print(Text(f"  edit     {go_on}"))
            else:
                console.print(Text(f'  reject   {go_on} --reject "why"'))
        elif result.status == "green":
            console.print(Text(f"  look     {program()} show {result.thread}"))
        else:
            console.print(Text(f"  go on    {again('resume', result.thread, folder)}"))
        console.print(Text(f"  steps    {program()} history {result.thread}"))
        console.print(Text(f"  undo     {again('undo', result.thread, folder)}"))

    def _on_started(self, event: Event) -> None:
        words = f" {event.step} {event.node} "
        title = Text(words, "bold") + Text(f"· {_NODE_WORDS.get(event.node, '')} ", "dim")
        self._console.print()
        self._console.print(Rule(title, align="left", style="dim"), soft_wrap=False)

    def _on_plan(self, event: Event) -> None:
        self._line("  ", "", event.text)

    def _on_tests(self, event: Event) -> None:
        good = " 0 failed" in f" {event.text}" or "passes" in event.text
        good = good and not re.search("broken|ended by", event.text)
        self._line("  tests  ", "green" if good else "red", event.text)

    def _on_diff(self, event: Event) -> None:
        self.diff(self._content(event), _MOST_DIFF_LINES)

    def diff(self, text: str, most: int | None = None) -> None:
        """A unified diff in colours: all of it, or that many lines."""
        lines = [
            line for line in text.splitlines() if not line.startswith(("diff --git ", "index "))
        ]
        for line in lines[:most]:
            self._console.print(Text("  " + printable(line), diff_style(line)))
        if most is not None and len(lines) > most:
            self.notice(f"{len(lines) - most} more lines of the diff")

    def _on_refused(self, event: Event) -> None:
        self._line("  refused  ", "yellow", event.text)

    def _on_lookup(self, event: Event) -> None:
        self._line("  looks at  ", "dim", event.text)

    def _on_review(self, event: Event) -> None:
        self._line("  review  ", "green" if event.text == "kept" else "yellow", event.text)

    def _on_replan(self, event: Event) -> None:
        self._line("  replan  ", "yellow", event.text)

    def _on_note(self, event: Event) -> None:
        self._line("  · ", "dim", event.text)

    def _on_theirs(self, event: Event) -> None:
        self._line("  ! ", "yellow", event.text)

    def _on_saved(self, event: Event) -> None:
        self._line("  · ", "dim", f"{event.text} (kept as snapshot {event.tree[:12]})")

    def _on_failed(self, event: Event) -> None:
        if self._again:  # live, the command's last line says it
            self._line("  failed  ", "red", event.text)

    def _on_waiting(self, event: Event) -> None:
        self._line("  · ", "dim", f"stopped; next is {event.text}")

    def _on_moved(self, event: Event) -> None:
        if event.text == "start":
            return
        title = Text(f" {event.step} {printable(event.text)} ", "bold")
        self._console.print()
        self._console.print(Rule(title, align="left", style="dim"), soft_wrap=False)

    def _on_asked(self, event: Event) -> None:
        content = self._content(event) if self._again else ""  # live, the question is shown
        if content:
            self.question(read_proposal(content))

    def _on_answered(self, event: Event) -> None:
        self._line("  answer  ", "yellow", event.text)

    def _on_undo(self, _event: Event) -> None:
        self._line("  · ", "dim", "undone")

    def _on_prompt(self, event: Event) -> None:
        self._whole(event)

    def _on_reply(self, event: Event) -> None:
        self._whole(event)

    def _whole(self, event: Event) -> None:
        if not self._messages or not event.ref:
            return
        self._line(f"  {event.sender} → {event.receiver}", "cyan", f"  {event.tokens or ''}")
        for line in self._content(event).splitlines():
            self._console.print(Text("  │ " + printable(line), "dim"))

    def _content(self, event: Event) -> str:
        """All that the event names; a text that is gone does not hide the others."""
        try:
            return self._blobs.get(event.ref) if event.ref else ""
        except StorageError as error:
            self.notice(str(error))
            return ""

    def _stream(self, text: str) -> None:
        """Words as they come, indented and dimmed."""
        words = printable(text)
        if not self._midline:
            words = "  " + words
        body, ends = (words[:-1], True) if words.endswith("\n") else (words, False)
        styled = Text(body.replace("\n", "\n  "), "dim")
        if ends:
            self._wrapped(styled)
        else:
            self._console.print(styled, end="")
        self._midline = not ends

    def _end_line(self) -> None:
        if self._midline:
            self._console.print()
            self._midline = False

    def _line(self, label: str, style: str, text: str) -> None:
        self._wrapped(Text(label, style) + Text(printable(text)))

    def _wrapped(self, line: Text) -> None:
        """Break between words on a terminal; in a pipe or a file lines stay whole."""
        if not self._console.is_terminal or len(line) <= self._console.width:
            self._console.print(line)
            return
        first, *rest = line.wrap(self._console, self._console.width - 4)
        self._console.print(first)
        for more in rest:
            self._console.print(Text("    ") + more)


def diff_style(line: str) -> str:
    """How a line of a diff is shown in a terminal."""
    return next((style for prefix, style in _DIFF_STYLES if line.startswith(prefix)), "")


def _proof(result: RunResult) -> str:
    if result.asked is not None:
        return f"for your word on {result.asked.title}"
    if result.before is None or result.after is None:
        return result.task
    return f"{_count(result.before)} → {_count(result.after)}"


def _count(summary: TestSummary) -> str:
    if not summary.structured:
        return "the test command passes" if summary.green else "the test command fails"
    return f"{summary.passed} passed, {summary.failed} failed"

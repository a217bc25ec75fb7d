"""A run in the terminal that asks its user, and goes on with the answer as a resume does.

While a question is on the screen the thread waits in the store, so whatever ends this process
loses nothing.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from greenloop.checkpoints.threads import Thread
from greenloop.cli.editing import edited
from greenloop.cli.live import LiveView
from greenloop.cli.prompting import choice, line
from greenloop.config import Settings, environment
from greenloop.errors import FilesChangedError, NoTestsError, UserError
from greenloop.graph.result import RunResult
from greenloop.graph.resume import Files, resume
from greenloop.graph.session import Run
from greenloop.graph.since import diff_since
from greenloop.graph.storage import Storage
from greenloop.nodes.approval import APPROVED, Proposal, Verdict
from greenloop.nodes.plan_approval import read_steps
from greenloop.tools.files import Workspace
from greenloop.tools.runner.command import find_command
from greenloop.tools.sandbox.local import LocalSandbox

_NAMES = {"plan": "plan.txt", "commands": "command.txt"}
_HELP = {
    "plan": "\n# One step to a line; indented lines go on with it. Lines with # do not count.\n",
    "commands": "\n# The command that judges the work. Lines with # do not count.\n",
}


@dataclass(slots=True)
class Dialogue:
    """One thread, and the user in front of it."""

    storage: Storage
    workspace: Workspace
    settings: Settings
    handle: Run
    view: LiveView
    stoppable: Callable[[Run, LiveView], AbstractContextManager[None]]
    """Holds the signals while the run works; at a question they are the question's."""
    asks: bool
    """Whether somebody can answer here."""

    def follow(self, result: RunResult) -> RunResult:
        """Ask and go on, until nothing is asked any more or the user leaves it."""
        while result.asked is not None and not self.handle.stopping:
            self.view.question(result.asked)
            verdict = self._verdict(result.asked) if self.asks else None
            if verdict is None:
                break
            last, result = result.asked, self.resume(verdict)
            if verdict.action == "reject" and last.only and result.asked is not None:
                self.view.notice("there is no way on without it: approve it, or give another")
                break
        return result

    def resume(self, verdict: Verdict | None, files: Files = "ask") -> RunResult:
        """Go on with the thread and the answer; files that have changed are asked about.

        Raises:
            FilesChangedError: they have, and nobody is there to ask, or the user stops.
            GreenloopError: see `graph.resume.resume`.
        """
        self.handle.answer = verdict
        while True:
            thread = self.storage.threads.find(self.handle.thread)
            try:
                with self.stoppable(self.handle, self.view):
                    return resume(
                        thread, self.workspace, self.settings, self.storage, self.handle, files
                    )
            except FilesChangedError as error:
                if not self.asks:
                    raise
                chosen = self._files(thread, error)
                if chosen is None:
                    raise
                files = chosen

    def _files(self, thread: Thread, error: FilesChangedError) -> Files | None:
        """What is to be done with the user's changes; None to stop."""
        self.view.changed_files(error.paths)
        while True:
            match choice(("keep mine", "restore the checkpoint's", "diff", "stop"), "stop"):
                case "keep mine":
                    return "keep"
                case "restore the checkpoint's":
                    return "restore"
                case "diff":
                    self.view.diff(diff_since(thread, self.storage, error.paths))
                case _:
                    return None

    def _verdict(self, proposal: Proposal) -> Verdict | None:
        """What the user says; None to leave the thread waiting."""
        while True:
            match choice(("approve", "edit", "reject", "leave"), "leave"):
                case "approve":
                    return APPROVED
                case "edit":
                    verdict = self._edited(proposal)
                case "reject":
                    verdict = self._rejected()
                case _:
                    return None
            if verdict is not None:
                return verdict

    def _rejected(self) -> Verdict | None:
        why = line("  why: ")
        return None if why is None else Verdict("reject", why)

    def _edited(self, proposal: Proposal) -> Verdict | None:
        """The proposal as the user will have it; None, with a word on it, if that is of no use."""
        name = _NAMES.get(proposal.kind, "")
        texts = {name: proposal.texts[""] + _HELP[proposal.kind]} if name else proposal.texts
        try:
            left = edited(texts)
            if left == texts:
                self.view.notice("nothing was changed: approve it as it is, or reject it")
                return None
            return self._taken(proposal, left)
        except UserError as error:
            self.view.notice(str(error))
            return None

    def _taken(self, proposal: Proposal, left: Mapping[str, str]) -> Verdict:
        """The verdict in an edit.

        Raises:
            UserError: nothing is left, or a command that does not start.
        """
        if proposal.kind == "edits":
            if not left:
                raise UserError("no file is left of the edit: reject it instead")
            return Verdict("edit", texts=left)
        text = "".join(left.values())
        if proposal.kind == "plan":
            if not read_steps(text):
                raise UserError("no step is left of the plan: reject it instead")
            return Verdict("edit", texts={"": text})
        return self._other_command(text)

    def _other_command(self, text: str) -> Verdict:
        lines = [each.strip() for each in text.splitlines() if not each.startswith("#")]
        command = " ".join(filter(None, lines))
        if not command:
            raise UserError("no command is left: give one, or reject it")
        known = environment()
        sandbox = LocalSandbox(known.passed_on)
        try:
            find_command(self.workspace.root, command, known.virtual_env, known.path, sandbox)
        except NoTestsError as error:
            raise UserError(str(error)) from error
        self.settings = self.settings.model_copy(update={"test_cmd": command})
        return Verdict("edit", texts={"": command})

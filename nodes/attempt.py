"""One coder's attempt at one step: every reply is acted on or answered, and the turns counted."""

from collections.abc import Sequence

from greenloop.errors import EditError
from greenloop.nodes import loops
from greenloop.nodes.applying import Intended, carry_out, work_out_edits
from greenloop.nodes.ask import Answer
from greenloop.nodes.conversation import Conversation
from greenloop.nodes.deps import Deps
from greenloop.nodes.edit_approval import (
    as_edited,
    change_digest,
    verdict_on,
    wants_edits_shown,
)
from greenloop.nodes.looking import look
from greenloop.nodes.reading import Wish, as_text, read
from greenloop.nodes.theirs import go_to
from greenloop.state import AgentState
from greenloop.tools.edits import Edit
from greenloop.tools.text import clip

_CORRECTIONS = 2
"""Replies that may be sent back before the step counts as without an edit."""
_NUDGES = 1
"""Times that a coder is told that it repeats itself."""
_LOOKUPS = 2
"""Turns in which the coder may look around before it edits."""
_REASON_CHARS = 1500

_AGAIN = "Send the edit again, corrected."
_OTHER = "Send another edit, in the light of that."
_LEFT_OUT = "Your edit was left out, since you wrote it before you saw this. Send it now."
_LOOKED_ENOUGH = "You have looked enough. Send the edit now, with what you know."


class Attempt:
    """The turns of one step. `take` each reply until it says that the files are changed."""

    def __init__(self, deps: Deps, talk: Conversation, watch: loops.Watch) -> None:
        self.talk = talk
        self.why = ""
        """What was wrong with the last reply that could be read; for the next plan."""
        self._deps = deps
        self._watch = watch
        self._corrections = self._nudges = self._lookups = 0
        self._useless = 0
        """Replies in a row that could not be used at all."""
        self._has_room = True

    @property
    def goes_on(self) -> bool:
        """Whether another reply is of use: turns and room are left."""
        in_turns = self._corrections <= _CORRECTIONS and self._nudges <= _NUDGES
        return in_turns and self._has_room and self.talk.fits

    @property
    def refused(self) -> int:
        """Replies that were of no use; each makes the next one warmer."""
        return self._corrections + self._nudges

    def take(self, answer: Answer, state: AgentState) -> bool:
        """Act on a reply; True when its edits are in the files.

        Raises:
            StorageError: the machine refuses to read or write.
        """
        if answer.unusable:
            self._not_usable(answer)
            return False
        self._useless = 0
        wish = read(answer)
        said = as_text(wish.lookups) if answer.calls and wish.lookups else answer.text
        if self._watch.same_reply(said):
            self._repeated(said, loops.SAME_REPLY)
        elif wish.refusal:
            self._refused(said, wish.refusal)
        elif wish.lookups:
            self._look(said, wish)
        else:
            return self._edit(said, wish.edits, state)
        return False

    def _not_usable(self, answer: Answer) -> None:
        """A cut, empty or unreadable reply: only what the server says of it for the model is told.

        The rest is between us and the server.
        """
        self._useless += 1
        self._corrections += 1
        if self._useless > 1:
            self._note(f"{self._useless} replies in a row were of no use")
        if answer.feedback:
            self._go_on("", answer.feedback)

    def _look(self, said: str, wish: Wish) -> None:
        lookups = wish.lookups
        if self._lookups >= _LOOKUPS:
            self._refused(said, _LOOKED_ENOUGH, "")
        elif self._watch.same_look(lookups):
            self._repeated(said, loops.SAME_LOOK)
        else:
            self._lookups += 1
            left_out = [_LEFT_OUT] if wish.left_out else []
            self._go_on(said, "\n\n".join([look(self._deps, lookups, self.talk), *left_out]))

    def _edit(self, said: str, edits: Sequence[Edit], state: AgentState) -> bool:
        try:
            intended = self._agreed(said, work_out_edits(edits, state, self._deps), state)
            if intended is None:
                return False
            tree = carry_out(intended, self._deps)
        except EditError as error:
            if self._watch.same_edit(edits):
                self._repeated(said, f"{loops.SAME_EDIT} {error}")
            else:
                self._refused(said, str(error))
            return False
        if self._watch.same_tree(tree):
            go_to(self._deps, state["tree"])
            self._repeated(said, loops.SAME_TREE)
            return False
        snapshots = self._deps.snapshots
        paths = ", ".join(change.path for change in snapshots.changed(state["tree"], tree))
        self._deps.events.emit("diff", paths, content=snapshots.diff(state["tree"], tree))
        return True

    def _agreed(self, said: str, intended: Intended, state: AgentState) -> Intended | None:
        """The change as the user will have it; None when they reject it."""
        if not wants_edits_shown(self._deps):
            return intended
        change = change_digest(intended, state, self._deps)
        for had, what in ((change, loops.SAME_REJECTED), (intended.tree, loops.SAME_TREE)):
            if self._watch.had(had):
                self._repeated(said, what)
                return None
        verdict = verdict_on(intended, state, self._deps)
        if verdict.action != "reject":
            return as_edited(intended, verdict, state, self._deps)
        self._watch.note_rejected(change)
        # A brain that does not read would search for the same again.
        self._has_room = self._deps.model.reads_prompt
        why = verdict.reason or "no reason was given; try another way"
        self._refused(said, f"The user rejected this edit: {why}", _OTHER)
        return None

    def _refused(self, said: str, why: str, ending: str = _AGAIN) -> None:
        self.why = clip(why, _REASON_CHARS)
        line = why.splitlines()[0].removesuffix(" The nearest lines are:")
        self._deps.events.emit("refused", line, content=why)
        self._corrections += 1
        self._go_on(said, f"{why}\n{ending}".strip())

    def _repeated(self, said: str, what: str) -> None:
        self.why = clip(what, _REASON_CHARS)
        self._nudges += 1
        self._note(f"repeats {loops.named(what)}; told to do something else")
        self._go_on(said, f"{what}\n{loops.ELSE}")

    def _note(self, text: str) -> None:
        self._deps.events.emit("note", text)

    def _go_on(self, said: str, answer: str) -> None:
        if self.goes_on and not self.talk.add(said, answer):
            self._has_room = False
            self._note("the window has no room for another turn of this step")

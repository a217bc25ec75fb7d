"""Probing a model: its speed, its true window and the formats it keeps, as a profile for runs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from greenloop.errors import ContextError, ModelReplyError, ModelUnavailableError
from greenloop.tools.model.base import ModelReply
from greenloop.tools.model.measure_asker import Asker, Conditions
from greenloop.tools.model.measure_reading import Read, read
from greenloop.tools.model.measure_tasks import (
    Form,
    Task,
    after_call,
    call_task,
    edit_tasks,
    json_tasks,
)
from greenloop.tools.model.measure_window import USUAL_WINDOW, Loader, Seen, Tell
from greenloop.tools.model.profile import Profile
from greenloop.tools.model.server import Server

__all__ = ["Conditions", "Measured", "Tell", "Tries", "measure"]

_NO_BLOCKS_LINES = 200
"""Files up to so many lines come as a whole from a model that keeps no edit blocks; a longer one
does not fit into the usual reply."""
_AT_TOOLS = re.compile(r"\(HTTP (?:400|500)\).*?(?:tool|template|jinja|json|pars)", re.IGNORECASE)
"""In errors of a server that fails at its own tools, as opposed to one that is busy or slow."""
_WORDS: dict[Form, str] = {
    "whole": "whole files",
    "search_replace": "SEARCH/REPLACE",
    "json": "JSON by a schema",
    "native": "native tools",
}


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a form was kept."""

    good: int
    of: int
    fault: str = ""
    """What was wrong the first time that it was not kept."""

    @property
    def always(self) -> bool:
        """Every time."""
        return self.of > 0 and self.good == self.of


@dataclass(frozen=True, slots=True)
class Measured:
    """What a probe found."""

    profile: Profile
    """For runs."""
    gpu_share: float | None
    """From 0.0 to 1.0; None when the server does not say."""
    true_window: bool | None
    """Whether a long prompt was read as a whole; None when that could not be seen."""
    recalls: bool
    """Whether the model found what stands at the beginning of a long prompt."""
    forms: dict[Form, Tries] = field(default_factory=dict)
    answered: bool = True
    """False when every reply to the small tasks was an error: nothing was learnt of the model."""

    def kept(self, form: Form) -> bool:
        """Whether a form was kept at least once."""
        return form in self.forms and self.forms[form].good > 0


def measure(
    server: Server, name: str, known: Profile, conditions: Conditions, tell: Tell
) -> Measured:
    """Probe a model; a minute on a machine that holds it on the GPU.

    Args:
        server: an answering one.
        name: of a model that it has.
        known: what is known of the model's family.
        conditions: limits.
        tell: hears a line for every step.

    Raises:
        ModelUnavailableError: the server does not answer in time, or cannot run the model.
        ModelNotFoundError: it does not have the model.
    """
    facts = server.show(name)
    trained = facts.trained_context
    seen = Loader(server, name, trained, conditions.keep_alive, conditions.gap_s, tell).run()
    thinks = known.thinks if facts.capabilities is None else facts.can("thinking")
    profile = replace(known, source="probe", num_ctx=seen.fitting, thinks=thinks)
    asker = Asker(server, name, seen.num_ctx, conditions, profile)
    window = read(asker, tell)
    before = asker.replies
    forms = _Trial(asker, tell).run(native=facts.can("tools"))
    num_ctx = _trusted(seen, window)
    if num_ctx and num_ctx < seen.num_ctx:
        # Runs take the window that they find loaded.
        server.load(name, num_ctx, keep_alive=conditions.keep_alive, limit_s=conditions.gap_s)
    profile = replace(
        asker.profile,
        num_ctx=num_ctx,
        whole_file_lines=_whole_file_lines(known, forms),
        json_schema=forms["json"].always,
        native_tools="native" in forms and forms["native"].always,
        reply_tps=asker.reply_tps,
        keeps_edits=bool(forms["whole"].good or forms["search_replace"].good),
    )
    return Measured(
        profile,
        seen.gpu_share,
        window.true_window,
        window.recalls,
        forms,
        answered=asker.replies > before,
    )


def _trusted(seen: Seen, window: Read) -> int:
    """The window for runs, in tokens; 0 where each run is to look for itself."""
    if window.true_window is False:
        return 0
    if window.true_window is None:
        return min(seen.fitting, USUAL_WINDOW)
    return seen.fitting


@dataclass(frozen=True, slots=True)
class _Trial:
    """The small tasks, one form after the other."""

    asker: Asker
    tell: Tell

    def run(self, *, native: bool) -> dict[Form, Tries]:
        forms: dict[Form, Tries] = {
            "whole": self._tries("whole", edit_tasks("whole")),
            "search_replace": self._tries("search_replace", edit_tasks("search_replace")),
            "json": self._tries("json", json_tasks()),
        }
        if native:
            forms["native"] = self._calls()
        return forms

    def _tries(self, form: Form, tasks: Iterable[Task]) -> Tries:
        return self._account(form, [self._fault(task)[0] for task in tasks])

    def _calls(self) -> Tries:
        """A call, and another one after its result; with another file first, the same again."""
        faults = []
        for first, second in (("shop/stock.py", "shop/names.py"), ("shop/names.py", "README.md")):
            task = call_task(first)
            fault, reply = self._fault(task)
            if reply is not None and not fault:
                fault, _ = self._fault(call_task(second, after_call(task, reply)))
                fault = fault and f"after a result: {fault}"
            faults.append(fault)
        return self._account("native", faults)

    def _account(self, form: Form, faults: list[str]) -> Tries:
        bad = list(filter(None, faults))
        tries = Tries(len(faults) - len(bad), len(faults), bad[0] if bad else "")
        tail = f": {self.asker.in_short(tries.fault)}" if tries.fault else ""
        self.tell(f"{_WORDS[form]}: {tries.good} of {tries.of}{tail}")
        return tries

    def _fault(self, task: Task) -> tuple[str, ModelReply | None]:
        try:
            reply = self.asker.ask(task.request)
        except (ModelReplyError, ContextError) as error:
            return str(error), None
        except ModelUnavailableError as error:
            # A busy or slow server says nothing of the model.
            if task.form != "native" or not _AT_TOOLS.search(str(error)):
                raise
            return str(error), None
        return task.judge(reply), reply


def _whole_file_lines(known: Profile, forms: dict[Form, Tries]) -> int:
    """From which length on files are asked for by edit blocks, by what the model kept."""
    whole, blocks = forms["whole"], forms["search_replace"]
    if blocks.good and not whole.good:
        return 0
    if whole.good and not blocks.good:
        return max(known.whole_file_lines, _NO_BLOCKS_LINES)
    return known.whole_file_lines

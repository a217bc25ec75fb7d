"""The ways in which a model server fails, as scripts of the stand-in, each at its moments.

Before the first byte, in the middle of a reply, and at its end: after the last word, where the
server has still to say that this was all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from greenloop.tools.standin.faults import FAULTS

Moment = Literal["before", "middle", "end"]
MOMENTS: tuple[Moment, ...] = ("before", "middle", "end")

HEALTHY = "answer.txt\n```\nred\nblue\n```\n\nThat is the whole file.\n\nVERDICT: keep\n"
"""A reply that a coder and a reviewer may both give."""
TASK = "write the colours in wanted into answer.txt, one to a line"
_FOR_EVER = 600.0
"""Seconds; longer than any deadline here."""
_IN_MID_REPLY = ("runner_died", "crash", "xml", "xml_eof", "xml_unexpected_eof", "call_json",
                 "call_harmony", "call_native")  # fmt: skip
"""Errors that come as a line of the stream too."""


@dataclass(frozen=True, slots=True)
class Case:
    """A fault that lasts."""

    fault: str
    moment: Moment
    reply: Mapping[str, Any]
    """For the stand-in; the same for every request."""
    script: Mapping[str, Any]
    """Further keys of the script."""
    task: str = TASK
    native_tools: bool = False
    """Tools are offered through the server."""
    nobody: bool = False
    """The server is gone before the run begins."""

    @property
    def key(self) -> str:
        """Words in the task that tell this run from all others."""
        return f"(case {self.fault} {self.moment})"

    @property
    def needs_a_server(self) -> bool:
        """Whether a stand-in of its own is started for it."""
        return self.nobody or bool(self.script)


def cases() -> tuple[Case, ...]:
    """Every fault at every moment that makes sense for it."""
    return (*_connections(), *_errors(), *_ends(), *_windows())


_CONNECTION: Mapping[str, Mapping[Moment, Mapping[str, Any]]] = {
    "silence": {
        "before": {"stall": _FOR_EVER},
        "middle": {"stall_mid": _FOR_EVER},
        "end": {"stall_end": _FOR_EVER},
    },
    "drip": {
        "before": {"drip": 0.02, "after": 0},
        "middle": {"drip": 0.02},
        "end": {"drip": 0.02, "after": "end"},
    },
    "slow_words": {"middle": {"delay": 0.6}},
    "cut": {"before": {"cut": "before"}, "middle": {"cut": True}, "end": {"cut": "end"}},
    "reset": {"middle": {"cut": "reset"}, "end": {"cut": "reset", "after": "end"}},
    "broken_line": {
        "before": {"broken": True, "after": 0},
        "middle": {"broken": True},
        "end": {"broken": True, "after": "end"},
    },
    "blank_line": {
        "before": {"blank": True, "after": 0},
        "middle": {"blank": True},
        "end": {"blank": True, "after": "end"},
    },
    "other_protocol": {"middle": {"junk": '{"message": "words"}'}},
}

_ENDS: Mapping[str, Mapping[str, Any]] = {
    "no_last_line": {"no_done": True},
    "num_predict": {"done_reason": "length", "eval_count": 1024},
    "window_full": {"done_reason": "length", "prompt_eval_count": 3900, "eval_count": 196},
    "load": {"done_reason": "load"},
    "unload": {"done_reason": "unload"},
    "strange_reason": {"done_reason": "oom"},
    "empty": {"text": ""},
    "empty_but_counted": {"text": "", "eval_count": 12},
    "blanks": {"text": " \n\n  \n"},
    "thoughts": {"text": "<think>Well, let me see."},
    "repetition": {"text": "again and again ", "endless": True},
    "repeated_lines": {"text": "red and blue\n", "endless": True},
    "endless_blanks": {"text": " \n", "endless": True},
    "endless_thoughts": {"text": "<think>" + "wait, no, " * 2000, "done_reason": "length"},
    "token_repeat": {"text": "", "repeat": "@"},
}


def _connections() -> Iterator[Case]:
    yield Case("nobody", "before", {}, {}, nobody=True)
    for fault, moments in _CONNECTION.items():
        for moment, reply in moments.items():
            yield _case(fault, moment, {"text": HEALTHY, **reply})
    answer = {"status": 404, "body": "404 page not found"}
    yield _case("other_program", "before", {"raw": answer})


def _errors() -> Iterator[Case]:
    for fault in FAULTS:
        for moment in MOMENTS if fault in _IN_MID_REPLY else MOMENTS[:1]:
            yield _case(fault, moment, {"text": HEALTHY, "fault": fault, "at": moment})
    yield _case("host_refused", "before", {"error": 403, "message": ""})


def _ends() -> Iterator[Case]:
    for fault, reply in _ENDS.items():
        yield _case(fault, "end", {"text": HEALTHY, **reply})
    lost = {"text": "", "eval_count": 40, "times": None}
    yield Case("lost_call", "end", lost, {}, native_tools=True)


def _windows() -> Iterator[Case]:
    """A token to a character, as of a language that our estimate does not know."""
    for fault, version in (("cut_prompt", "0.12.0"), ("window_refused", "0.33.0")):
        script = {"chars_per_token": 1.0, "version": version}
        reply = {"text": HEALTHY, "times": None}
        yield Case(fault, "before", reply, script, task="write the colours " * 300)


def _case(fault: str, moment: Moment, reply: Mapping[str, Any]) -> Case:
    return Case(fault, moment, {**reply, "times": None}, {})

"""The whole matrix of faults: each has its error, its tries and its deadline, and is resumed."""

from collections.abc import Mapping

import pytest

from benchmarks.faults import Fault, figures, measure, table
from benchmarks.faults_cases import cases

DOWN, WINDOW, MISSING, HANDLED = (
    "ModelUnavailableError", "ContextError", "ModelNotFoundError", "handled",
)  # fmt: skip

ONCE: Mapping[str, str] = dict.fromkeys(
    (
        "silence", "drip", "slow_words", "broken_line", "blank_line", "other_protocol",
        "other_program", "no_body", "bad_json", "no_model", "bad_name", "no_tools",
        "no_tools_vision", "no_chat", "bad_field", "bad_option", "bad_keep_alive", "bad_format",
        "load_terminated", "load_memory", "load_memory_old", "load_incompatible", "load_timeout",
        "unauthorized", "rate_limit", "redirect", "login_page", "host_refused",
    ),
    DOWN,
) | dict.fromkeys(
    ("too_long", "too_long_native", "too_long_old", "too_long_old_500", "cut_prompt",
     "window_refused"),
    WINDOW,
) | dict.fromkeys(("not_found", "not_found_old"), MISSING)  # fmt: skip
"""Faults that end the run at the first try: another would fare no better."""

AGAIN: Mapping[str, int] = {
    "reset": 2, "runner_died": 2, "crash": 2, "no_thinking": 2, "bad_think": 2,
    "busy": 3, "canceled": 3, "unreachable": 3, "proxy": 3, "proxy_timeout": 3,
}  # fmt: skip
"""Faults that may pass, with the tries after which the run ends."""

REPLIES: Mapping[str, int] = dict.fromkeys(
    (
        "xml", "xml_eof", "xml_unexpected_eof", "call_json", "call_harmony", "call_native",
        "empty_body", "no_last_line", "num_predict", "window_full", "strange_reason",
        "empty_but_counted", "blanks", "thoughts", "repetition", "repeated_lines",
        "endless_blanks", "endless_thoughts", "token_repeat", "lost_call",
    ),
    1,
) | dict.fromkeys(("load", "unload", "empty"), 3)  # fmt: skip
"""Faults of a reply, which the run goes on after, with the tries for each."""

PARTS = 4


def outcome(row: Fault) -> tuple[str, int]:
    """How the run ended, and after how many tries for each reply."""
    return row.error, row.tries // row.asked


def expected(row: Fault) -> tuple[str, int]:
    if row.name == "nobody":
        return DOWN, 0
    if row.name == "cut":
        return DOWN, 3 if row.moment == "before" else 2
    if row.name in AGAIN:
        return DOWN, AGAIN[row.name]
    if row.name in REPLIES:
        return HANDLED, REPLIES[row.name]
    return ONCE[row.name], 1


@pytest.mark.parametrize("part", range(PARTS))
def test_every_fault_has_its_end_and_its_tries_and_is_resumed(part: int) -> None:
    rows = measure(cases()[part::PARTS])
    wrong = {(row.name, row.moment): outcome(row) for row in rows if outcome(row) != expected(row)}
    assert wrong == {}
    assert figures(rows) == {
        "faults": len(rows), "resumed": len(rows), "past_deadline": 0, "unnamed": 0,
    }  # fmt: skip
    lines = table(rows).splitlines()
    assert len(lines) == len(rows) + 3
    assert all(line.endswith("yes") for line in lines[1:-2])

"""What a ten-step run sends to the model, and what naive chat history would send for the same.

The run goes through the command line and the true Ollama client to the stand-in, whose request
log is the evidence. Tokens are characters by four, as the stand-in counts.
"""

import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import prompts_case
from greenloop.errors import InfrastructureError
from greenloop.nodes.prompting import render
from greenloop.tools.standin.start import start_standin

NUM_CTX = 8192
_CHARS_PER_TOKEN = 4
_MODEL = "qwen2.5-coder:7b"
_HEAD = re.compile(r"^(\S+)(?: \(lines \d+-\d+ of \d+\))?\n```|^READ ([^\s:]+)", re.MULTILINE)
"""The line above a file in a prompt."""
_LOOKED = ("READ ", "LIST ", "GREP ")
_TITLES = {
    "calls": "calls",
    "own_tokens_max": "own words in one call, at most, tokens",
    "prompt_tokens": "all prompts, tokens",
    "prompt_tokens_max": "largest prompt, tokens",
    "fresh_tokens": "of all prompts new to the server, tokens",
    "prefix_share_step": "unchanged beginning within a step, %",
    "prefix_share_all": "unchanged beginning over all calls, %",
    "reloads": "loads of the model after the first",
    "interleaved": "returns to an earlier conversation",
    "over_window": f"calls beyond a window of {NUM_CTX}",
}


@dataclass(frozen=True, slots=True)
class _Call:
    """One request for a reply."""

    turns: Sequence[tuple[str, str]]
    """Role and content."""
    num_predict: int
    reloaded: bool

    @property
    def text(self) -> str:
        """The prompt as one text."""
        return "".join(f"<{role}>\n{content}\n" for role, content in self.turns)

    @property
    def tokens(self) -> int:
        """Of the prompt."""
        return _tokens("".join(content for _, content in self.turns))

    def continues(self, other: "_Call") -> bool:
        """Whether it begins with the whole of another call."""
        return list(self.turns[: len(other.turns)]) == list(other.turns)


def measure() -> Mapping[str, float | int]:
    """Figures of the run, and those of naive history under `naive_...`.

    Raises:
        InfrastructureError: the run did not end green.
    """
    with tempfile.TemporaryDirectory() as folder:
        calls = _run(Path(folder))
    said = prompts_case.replies()
    naive = _naive(calls, said)
    figures = {
        **_figures(calls),
        "own_tokens_max": max(map(_own_tokens, calls)),
        "prefix_share_step": _prefix_share([(a, b) for a, b in pairwise(calls) if b.continues(a)]),
        "reloads": sum(call.reloaded for call in calls[1:]),
        "interleaved": _interleaved(calls),
    }
    return {**figures, **{f"naive_{name}": value for name, value in _figures(naive).items()}}


def table(figures: Mapping[str, float | int]) -> str:
    """The figures side by side; a dash where naive history has none."""
    width = max(map(len, _TITLES.values()))
    rows = [f"{'':<{width}}  greenloop  naive history"]
    for name, title in _TITLES.items():
        naive = figures.get(f"naive_{name}")
        shown = "-" if naive is None else f"{naive:,}"
        rows.append(f"{title:<{width}}  {figures[name]:>9,}  {shown:>13}")
    return "\n".join(rows)


def _run(folder: Path) -> Sequence[_Call]:
    repo = folder / "shop"
    for name, text in prompts_case.project().items():
        path = repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    script = {"models": [_MODEL], "replies": list(prompts_case.replies())}
    with start_standin(script, folder) as standin:
        env = {
            **os.environ,
            "GREENLOOP_DATA_DIR": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "OLLAMA_HOST": standin.url,
        }
        words = [sys.executable, "-m", "greenloop", "run", prompts_case.TASK, "--json"]
        words += ["--repo", str(repo), "--model", _MODEL]
        words += ["--test-cmd", f"{sys.executable} -m pytest -q -p no:cacheprovider"]
        words += ["--set", f"num_ctx={NUM_CTX}", "--set", "retrieval=keyword"]
        done = subprocess.run(
            words, env=env, cwd=folder, capture_output=True, text=True, check=False
        )
        chats = standin.chats()
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[:300]
        raise InfrastructureError(f"the run did not end green: {said}")
    return [_call(chat) for chat in chats]


def _call(chat: Mapping[str, Any]) -> _Call:
    body = chat["body"]
    turns = [(str(m["role"]), str(m.get("content") or "")) for m in body["messages"]]
    return _Call(turns, int(body["options"]["num_predict"]), bool(chat.get("reload")))


def _figures(calls: Sequence[_Call]) -> dict[str, float | int]:
    """What both ways have in common."""
    pairs = list(pairwise(calls))
    known = sum(_common(a, b) for a, b in pairs)
    return {
        "calls": len(calls),
        "prompt_tokens": sum(call.tokens for call in calls),
        "prompt_tokens_max": max(call.tokens for call in calls),
        "fresh_tokens": _tokens_of(sum(len(call.text) for call in calls) - known),
        "prefix_share_all": _prefix_share(pairs),
        "over_window": sum(call.tokens + call.num_predict > NUM_CTX for call in calls),
    }


def _naive(calls: Sequence[_Call], said: Sequence[str]) -> Sequence[_Call]:
    """The same turns in one conversation that keeps everything, each file in it whole, once."""
    history: list[tuple[str, str]] = []
    held: set[str] = set()
    grown = []
    for call, reply in zip(calls, said, strict=True):
        opening = call.turns[0]
        asked = _with_whole_files(call.turns[-1][1], held)
        if opening[1] not in held:
            asked = f"{opening[1]}\n{asked}"
            held.add(opening[1])
        history.append(("user", asked))
        grown.append(_Call(tuple(history), call.num_predict, reloaded=False))
        history.append(("assistant", reply))
    return grown


def _with_whole_files(asked: str, held: set[str]) -> str:
    """A message with the files that it shows replaced by those that are not `held` yet, whole."""
    files = prompts_case.project()
    named = dict.fromkeys(a or b for a, b in _HEAD.findall(asked))
    new = [path for path in named if path in files and path not in held]
    held.update(new)
    before, _, rest = asked.partition("\nFiles:\n")
    after = rest[max(rest.rfind("\nStep "), 0) :]
    if asked.startswith(_LOOKED) and named:
        before, after = "", ""
    return "\n\n".join([before, *(f"{path}\n```\n{files[path]}```" for path in new), after])


def _own_tokens(call: _Call) -> int:
    """The templates' words: the system prompt, the frame of the first message, and corrections.

    The frame is the template with every variable replaced by a dot. Turns that answer a look are
    the project's words; all others are counted as ours from end to end, with what they quote.
    """
    system = call.turns[0][1]
    frame = len(render(_template(system), **_DOTS))
    later = [text for role, text in call.turns[2:] if role == "user"]
    ours = sum(len(text) for text in later if not text.startswith(_LOOKED))
    return _tokens_of(len(system) + frame + ours)


_DOTS: Mapping[str, object] = dict.fromkeys(
    ("task", "steps", "files", "step", "feedback", "whole", "report", "diff", "done", "open"), "."
) | {"number": 1, "total": prompts_case.STEPS}


def _template(system: str) -> str:
    """Of the first user message below a system prompt; the longest that it can be."""
    if system == render("coder_system"):
        return "coder"
    return "replanner" if "steps" in system.partition(".")[0] else "reviewer"


def _interleaved(calls: Sequence[_Call]) -> int:
    """Calls that go on with a conversation after another one has come between."""
    return sum(
        any(call.continues(old) for old in calls[: at - 1]) and not call.continues(calls[at - 1])
        for at, call in enumerate(calls)
        if at > 1
    )


def _prefix_share(pairs: Sequence[tuple[_Call, _Call]]) -> float:
    """Percent of the later prompts that is the beginning of the one before, by length."""
    total = sum(len(later.text) for _, later in pairs)
    known = sum(_common(earlier, later) for earlier, later in pairs)
    return round(100 * known / total, 1) if total else 0.0


def _common(earlier: _Call, later: _Call) -> int:
    """Characters that two prompts begin with alike."""
    pairs = zip(earlier.text, later.text, strict=False)
    differing = (at for at, (a, b) in enumerate(pairs) if a != b)
    return next(differing, min(len(earlier.text), len(later.text)))


def _tokens(text: str) -> int:
    return _tokens_of(len(text))


def _tokens_of(chars: int) -> int:
    return math.ceil(chars / _CHARS_PER_TOKEN)

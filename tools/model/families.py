"""What is known of model families before anything is measured: a table, each row with its reason.

Native tools are off: several servers print the tools' descriptions garbled into the prompt
(ollama#14601) or swallow a malformed call without a word (ollama#17274), and only a probe shows
whether model, template and version get along. Scores named here are those of aider's code-editing
leaderboard (133 tasks) and its polyglot leaderboard (225 tasks), in percent.
"""

import math
import re
from dataclasses import dataclass
from functools import cache

from greenloop.tools.model.profile import DEFAULT, Profile
from greenloop.tools.model.server_records import billions

_ALL = math.inf

_USUAL = ((9.0, 150), (20.0, 180), (_ALL, 100))
"""Lines of the longest file that is asked for as a whole, by billions of parameters (up to).

Small models keep whole files far better than edit blocks. 180 lines are about what the default
reply of 2,048 tokens holds. Large ones keep edit blocks too (94.7 % well-formed at 32B), and a
whole file from a model that lies partly on the CPU takes minutes.
"""

_CHARS_SMALL_VOCABULARY = 2.6
"""Characters to a token of code, rather too few, with a vocabulary of 32,000 entries."""
_CHARS_MEDIUM_VOCABULARY = 2.9
"""The same with 49,000 entries; larger vocabularies have the default of `Profile`."""
_GAP = "[^a-z0-9.:]*"
"""Between the letters of a name, as people write it."""


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    """Stands in the model's name; the longest that does counts. Lower case, letters, digits, `.`

    A `:` also goes over the colon before the tag, which no other key does.
    """
    lines: tuple[tuple[float, int], ...] = _USUAL
    chars_per_token: float = DEFAULT.chars_per_token
    json_schema: bool = True
    thinks: bool = False


_ROWS = (
    # Whole files: 14.3 (0.5b), 31.6 (1.5b), 39.1 (3b), 57.9 (7b), 69.2 (14b), 72.9 against 71.4 by
    # blocks (32b; polyglot 16.4 against 8.0). Ignores the template's tags for tool calls.
    _Row("qwen2.5coder", ((9.0, 150), (20.0, 180), (_ALL, 150))),
    # Called tools well before Ollama 0.14, which prints their descriptions garbled.
    _Row("qwen2.5"),
    # Calls tools well, but older pulls have the garbled template; 32B: whole 45.8, blocks 41.3.
    _Row("qwen3", ((9.0, 150), (_ALL, 180)), thinks=True),
    # The builds of 2507 that never think.
    _Row("qwen3:4binstruct"),
    _Row("qwen3:30ba3binstruct"),
    # Whole files 100 of 100, blocks 0 of 100 in one field report; XML calls fail now and then with
    # HTTP 500 on long writes (ollama#17276, #18563).
    _Row("qwen3coder", ((_ALL, 180),)),
    # 45.6 with whole files for new ones and edits for the rest (little-coder, 9B). Some versions
    # ignore a schema when thinking is off (ollama#14850).
    _Row("qwen3.5", thinks=True, json_schema=False),
    # The first two generations, and many small models after their design: 32,000 entries.
    _Row("llama", ((_ALL, 100),), _CHARS_SMALL_VOCABULARY),
    # 37.6 (8B) with 8 lazily shortened files in 133. The template shows the tools only until the
    # first result.
    _Row("llama3", ((_ALL, 100),)),
    _Row("llama3.1", ((_ALL, 100),)),
    # 26.3 (3B).
    _Row("llama3.2", ((_ALL, 100),)),
    # 20.3 (8B), 78.9 % well-formed even with whole files. Calls come as JSON text in old templates.
    _Row("granite", ((_ALL, 100),), _CHARS_MEDIUM_VOCABULARY),
    _Row("mistral", chars_per_token=_CHARS_SMALL_VOCABULARY),
    # 33.1 with 37 lazily shortened files: the longer the file, the more is left out.
    _Row("mistralnemo", ((_ALL, 60),)),
    _Row("mistralsmall", ((_ALL, 100),)),
    _Row("ministral"),
    # Whole files and blocks both 100 of 100 in one field report; larger than most cards.
    _Row("devstral", ((_ALL, 100),)),
    # Prompted JSON calls gave HTTP 500 in about three of four replies, native ones in one of four:
    # the probe turns native tools on where they work.
    _Row("gptoss", ((_ALL, 100),), json_schema=False, thinks=True),
    _Row("gemma3"),
    # Some versions ignore a schema when thinking is off (ollama#15260).
    _Row("gemma4", thinks=True, json_schema=False),
    # No tools: HTTP 400. Prompts beyond the window are refused as well, not cut. Code in JSON cost
    # it 9.5 points; no code is asked for in JSON here.
    _Row("deepseekcoder"),
    # No tools, and a vocabulary of 32,000 entries.
    _Row("codellama", chars_per_token=_CHARS_SMALL_VOCABULARY),
    # 48.1 (22B). No tools.
    _Row("codestral", ((_ALL, 100),), _CHARS_SMALL_VOCABULARY),
    _Row("codegemma"),
    _Row("starcoder2", chars_per_token=_CHARS_MEDIUM_VOCABULARY),
    # 45.1 (9B). No tools.
    _Row("yicoder"),
    # No tools.
    _Row("phi4"),
    # Tools are listed, but the calls are weak.
    _Row("phi4mini"),
    _Row("smollm2", chars_per_token=_CHARS_MEDIUM_VOCABULARY),
    _Row("hermes3", ((_ALL, 100),)),
    # Thinks before every answer; tools only in the pulls of 0528, and weak.
    _Row("deepseekr1", thinks=True),
)

_ARCHITECTURES = {
    "deepseek2": "deepseekcoder",
    "gptoss": "gptoss",
    "gemma4": "gemma4",
    "granite": "granite",
    "granitehybrid": "granite",
    # Nothing tells Llama 3 from what has a quarter of its vocabulary.
    "llama": "llama",
    "mistral3": "ministral",
    "qwen2": "qwen2.5",
    "qwen3": "qwen3",
    "qwen3moe": "qwen3",
    "qwen35": "qwen3.5",
    "starcoder2": "starcoder2",
}
"""Rows for names that say nothing, by the architecture that the server names."""


def family_profile(name: str, family: str = "", parameter_size: str = "") -> Profile:
    """What is known of models of that kind; the default profile for an unknown one.

    Args:
        name: as the user names it, such as `qwen2.5-coder:7b` or `hf.co/x/Y-7B-GGUF:Q4_K_M`.
        family: the architecture, as the server names it.
        parameter_size: as the server writes it, such as `7.6B`; else the name is looked at.
    """
    row = _row_of(name, family)
    if row is None:
        return DEFAULT
    size = billions(parameter_size) or _size_in(name)
    return Profile(
        source="family",
        whole_file_lines=next(lines for up_to, lines in row.lines if size <= up_to),
        json_schema=row.json_schema,
        chars_per_token=row.chars_per_token,
        thinks=row.thinks,
    )


def _row_of(name: str, family: str) -> _Row | None:
    bare = name.rpartition("/")[2].lower()
    fitting = [row for row in _ROWS if _pattern(row.key).match(bare)]
    if not fitting:
        key = _ARCHITECTURES.get("".join(filter(str.isalnum, family.lower())))
        fitting = [row for row in _ROWS if row.key == key]
    return max(fitting, key=lambda row: len(row.key), default=None)


def _size_in(name: str) -> float:
    bare, _, tag = name.rpartition("/")[2].partition(":")
    return billions(tag) or max(map(billions, bare.split("-")), default=0.0)


@cache
def _pattern(key: str) -> re.Pattern[str]:
    """Finds a key in the part of a name before its tag, whatever stands between the letters."""
    spelt = (_GAP.join(map(re.escape, part)) for part in key.split(":"))
    # What goes on to a size, as llama-3b or qwen-32b do, names no generation.
    end = r"(?!\d|\.?\d*[bm](?![a-z]))" if key[-1].isdigit() else ""
    return re.compile("[^:]*?" + f"(?:{_GAP}:?{_GAP})".join(spelt) + end)

"""Whether a call or an edit is only talked about: an example, advice, a quotation, an echo.

Only what changes something is held to this; a needless look does no harm.
"""

import re

from greenloop.tools.reader.asked import Asked
from greenloop.tools.reader.base import Tool

_EXAMPLE = re.compile(
    r"\b(?:for example|e\.g\.|for instance|would (?:look|be)|looks like|examples? of|examples?:"
    r"|the format|format:|could (?:be|use|call|have)|would (?:call|use|write|run)"
    r"|you (?:can|could|may|might|should|would) (?:\w+ )?(?:run|call|use|execute|write|do|send|try)"
    r"|should (?:contain|hold|look)|\b(?:contains|holds|says|reads|uses?|calls|shows|was|were):"
    r"|\b(?:you|the user) (?:wrote|sent|quoted):"
    r"|\bI (?:have )?(?:already |just )?(?:ran|called|used):"
    r"|\b(?:my|your|the) (?:previous|last) (?:call|command|message) (?:was|is)\W*\Z"
    r"|\bdangerous (?:call|command)|^\W*(?:avoid\b|(?:instead of|rather than)\W*\Z)"
    r"|(?:do not|don't|never|must not|should not|not going to|won't|not) (?:\w+ )?"
    r"(?:run|runs|call|use|execute|write|do|send)(?=\W))",
    re.IGNORECASE,
)
"""What shows, on the line before a call, that it is only talked about."""
_ANNOUNCED = re.compile(
    r"\b(?:for example|e\.g\.|for instance|an? (?:\w+ )?example|examples?|the format|looks? like"
    r"|would (?:look|be))\b[^\n]*[:：]\s*\Z",
    re.IGNORECASE,
)
"""The same before a call in a notation of its own, where only a clear announcement counts."""
_ANNOUNCED_EDIT = re.compile(
    r"^\W*(?:(?:for example|for instance|e\.g\.|(?:the |reply )?format|examples?)\b"
    r"|here(?:'s| is) an example of (?:an?|the|how)|do not\b|don't\b|never\b|avoid\b"
    r"|[^\n]*\b(?:attempt|commit|edit|patch|diff|message|reply) was\s*(?=[:：]))[^\n]*[:：]\s*\Z",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"^To \w+[^\n]*:|\b[Hh]ow to |\b[Yy]ou(?:r|'ll|'d|'re)?\b|\bwith:\s*\Z"
    r"|\boutputs?\b|\bresults?\b|\bprint(?:s|ed)\b|^\s*#{1,6}\s"
    r"|^\W*(?:(?:[Tt]hen|[Nn]ow|[Nn]ext|[Ff]irst|[Ff]inally|[Pp]lease)[, ]+)*"
    r"(?:[Mm]ake sure|[Ee]nsure|[Rr]emember|[Rr]un the following|[Ii]nstall|[Uu]se|[Tt]ry)\b"
)
"""What shows that a shell command is for the reader, or was run before."""
_ECHO = re.compile(
    r"(?:^[ \t>*_#]*(?:Observations?|Tool[ _](?:result|output|response)s?)\W*[:：]\W*"
    r"|<(?:tool_(?:response|result|output)s?|function_results?|observation)>"
    r"|\[(?:TOOL_RESULTS|tool_response|tool_result)\])\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)
"""What a tool's result begins with, where a result and no call comes next."""
_QUOTE = re.compile(r"^[ \t]*>[ \t]", re.MULTILINE)
_FENCE_END = re.compile(r"[`~]{3,}[\w-]*\s*\Z")
_TAG_END = re.compile(r"(?:<[^<>\n]{1,60}>|\[/?\w+\])\s*\Z")
_ASKS = re.compile(
    r"\A[\s`~]*(?:</?[\w|]+>\s*)*[^\n]{0,80}?"
    r"(?:\b(?:shall|should|may) I"
    r"(?: (?:\w+ )?(?:run|execute|proceed|apply|go ahead|do (?:it|this|so))[^?\n]{0,40})?\?"
    r"|\b(?:do you want|would you like) me to (?:run|execute|proceed|apply|go ahead|do )"
    r"(?![^?\n]*\b(?:else|other|more|next)\b)[^?\n]{0,60}\?)",
    re.IGNORECASE,
)
"""A request for leave, right after a call; it has not been given."""
_REFUSES = re.compile(
    r"\A[\s`~]*(?:</?[\w|]+>\s*)*[^\n]{0,80}?(?:\b(?:I|we) (?:(?:will|would|do|did|can|should|must)"
    r" ?(?:not|n't)|cannot|can't|won't|wouldn't|don't|didn't|shouldn't|refuse to) (?:\w+ )?"
    r"(?:run|do|execute|call|use|send|write|apply|make) (?:this|that|it)\b|\bI refuse\b)",
    re.IGNORECASE,
)
"""A refusal, right after a call."""
_MAKES_DATA = re.compile(
    r"^\W*(?:create|make|update|edit|save|put|add|write)\b[^\n]*?"
    r"([\w./-]+\.(?:jsonl?|pyi?))\W*\Z",
    re.IGNORECASE,
)
"""A line that announces a file of JSON or Python; what stands below it is the file's text."""
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)
_BEFORE = 300
"""Characters looked at before a call."""


def is_shown(asked: Asked, text: str, tool: Tool | None) -> bool:
    """Whether a call that changes something stands in the reply only to be seen."""
    if tool is not None and not tool.mutates:
        return False
    after = text[asked.end : asked.end + _BEFORE]
    if _ASKS.match(after) or _REFUSES.match(after):
        return True
    if asked.form == "shell" and _is_transcript(text[asked.start : asked.end], after):
        return True
    before = text[max(0, asked.start - _BEFORE) : asked.start]
    if _QUOTE.match(before.rpartition("\n")[2]):
        return True
    before = _FENCE_END.sub("", before.rstrip(" \t\n`")).rstrip()
    return _ECHO.search(before) is not None or _is_announced(asked, before, text)


def _is_announced(asked: Asked, before: str, text: str) -> bool:
    """Whether the line before a call says that it is an example, advice or a file's text."""
    tagged = _TAG_END.search(before) is not None
    while tag := _TAG_END.search(before):
        before = before[: tag.start()].rstrip()
    line = _FENCE_END.sub("", before).rstrip().rpartition("\n")[2]
    if tagged or asked.form in ("tags", "line"):
        return _ANNOUNCED.search(line) is not None
    data = _MAKES_DATA.search(line) if asked.form in ("json", "python") else None
    if data and data[1] not in text[asked.start : asked.end]:
        return True
    return bool(_EXAMPLE.search(line) or (asked.form == "shell" and _ADVICE.search(line)))


def is_shown_edit(text: str, at: int) -> bool:
    """Whether the edit whose path or block stands at an offset is an example or a result."""
    before = _FENCE_END.sub("", text[max(0, at - _BEFORE) : at].rstrip()).rstrip("#*` \t\n")
    line = before.rpartition("\n")[2]
    return bool(_ANNOUNCED_EDIT.search(line) or _ECHO.search(before))


def _is_transcript(block: str, after: str) -> bool:
    """Whether a terminal's lines are told as something that happened: with output and a comment."""
    lines = [line for line in block.split("\n") if line.strip()]
    told = bool(after.strip("`~ \t\n"))
    return told and bool(_PROMPT.search(block)) and not all(map(_PROMPT.match, lines))

"""Replies that got stuck: one character, line or phrase over and over."""

import re

_RUN = re.compile(r"(\S)\1{29,}\s*\Z")
"""Ollama breaks off after thirty equal tokens."""
_LINES = 8
_PHRASE = re.compile(r"(.{2,80}?)\1{9,}.{0,80}\Z", re.DOTALL)
_TAIL = 2000
_BLANKS = 60
"""White space at the end that no reply needs; a JSON grammar lets a model send it for ever."""
_RULES = frozenset("-=_*#~`.|+: \n")
"""Characters that people draw lines with."""


def is_stuck(reply: str) -> bool:
    """Whether the reply ends in a repetition that carries no sense."""
    if len(reply) - len(reply.rstrip()) >= _BLANKS:
        return True
    text = reply.strip()[-_TAIL:]
    run = _RUN.search(text)
    if run and run[1] not in _RULES:
        return True
    if len(text) < 30:
        return False
    lines = [line.strip() for line in text.split("\n") if line.strip()][-_LINES - 1 : -1]
    if len(lines) == _LINES and len(set(lines)) == 1 and set(lines[0]) - _RULES:
        return True
    phrase = _PHRASE.search(text)
    return phrase is not None and bool(set(phrase[1]) - _RULES)

"""The words of a server's error as one line: plain, JSON in JSON, or a proxy's HTML page."""

import html
import json
import re

from greenloop.tools.model.one_line import one_line

_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)


def server_text(error: object) -> str:
    """What an error says, whatever it is wrapped in."""
    found = error
    for _ in range(4):  # text in JSON in text in JSON; deeper is nobody's
        if isinstance(found, str) and found.lstrip().startswith("{"):
            try:
                found = json.loads(found)
            except (ValueError, RecursionError):
                break
        if not isinstance(found, dict):
            break
        found = found.get("error") or found.get("message") or json.dumps(found)
    text = str(found)
    if text.lstrip().startswith("<"):
        title = _TITLE.search(text)
        text = f"a page, {title[2]!r}" if title else "a page"
        text = html.unescape(text)
    return one_line(text) or "no reason given"

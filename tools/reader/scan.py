"""Walking through a reply from top to bottom: calls, thoughts, and the blocks that are neither.

What lies inside something is never read as something of its own: a call in a file's text, a
fence in a call's argument, anything in a closed thought.
"""

import re
from bisect import bisect_right
from itertools import islice

from greenloop.tools.edit_fence import Fence, closing_line, fence_at
from greenloop.tools.edit_paths import comment_path, info_path, path_line
from greenloop.tools.reader.asked import Asked, Block, Broken, Scan
from greenloop.tools.reader.lines import ACTION, NAMED, read_action, read_named, read_target
from greenloop.tools.reader.loose import Failed, after_blanks, read_value
from greenloop.tools.reader.names import Names
from greenloop.tools.reader.openings import NEXT, PYTHON_LEAD
from greenloop.tools.reader.python_calls import calls_in, read_call
from greenloop.tools.reader.repaired import escaped_value, repaired
from greenloop.tools.reader.shapes import ARGUMENT_KEYS, shaped_calls
from greenloop.tools.reader.tags import read_element, read_inside

_BARE_LANGUAGES = frozenset(
    """json json5 jsonc xml tool tools tool_call tool_calls tool_code tool_use action function
    function_call text plaintext txt python py javascript js yaml plain""".split()  # noqa: SIM905
)
"""Languages of fences that models put around calls, beside fences without any."""
_CALL_LANGUAGES = frozenset({"tool_code", "tool", "tools", "tool_call", "tool_calls", "tool_use"})
_LEAD = re.compile(r"[\s>*+\-\d.)`(\[,;:#]*(?:\*{0,2}[\w ]{1,40}\*{0,2}[:：]\*{0,2})?[\s`(\[]*")
"""What may stand before JSON on its line without making it part of a sentence."""
_TRAIL = re.compile(r"[\s\]})`;,.*]*(?:<[^<>\n]*>|\[/?\w+\])*[\s\]})`;,.*]*")
_CALLISH = re.compile(
    r"\{\s*[\"'“‘`]?(?:name|tool|tool_name|function|function_name|action)[\"'”’`]?\s*[:=]\s*"
    r"[\"'“‘`]?([\w.:-]{1,60})",
)
_ANY_ARGUMENTS = re.compile("|".join(rf"[\"']?{key}[\"']?\s*[:=]" for key in ARGUMENT_KEYS[:9]))
_LISTED_CALL = re.compile(r"\[\s*([A-Za-z_][\w.]*)\(")
_LIST_END = re.compile(r"\](?=[ \t]*(?:\n|\Z|<))")
_CLOSES_ENVELOPE = re.compile(
    r"\s*(?:</(?:\w+:)?(?:tool|function|invoke)\w*>|\[/\w+\]|<\|/\w+\|>)"
    r"|\s*\n[ \t]*```[ \t]*(?:\n|\Z)"
)
_NOT_DIFF = re.compile(r"^(?![ +\-@\\*]|$)", re.MULTILINE)
_LEAST_LOST = 2_000
_MAX_ENDS = 20
"""Places tried as the end of a list of calls."""
_ENDS_THOUGHT = {
    "tag": re.compile(r"</(?:think(?:ing)?|thoughts?|reasoning|scratch_?pad|reflection)>", re.I),
    "bracket": re.compile(r"\[/THINK\]"),
}
_MAX_LOST = 3_000_000
"""Characters read in vain before no more JSON is looked for: what keeps every reply quick."""


def scan_reply(text: str, names: Names, start: int = 0) -> Scan:
    """Everything in a reply from an offset on."""
    walk = _Walk(text, names, start)
    walk.run()
    return walk.found


class _Walk:
    def __init__(self, text: str, names: Names, start: int) -> None:
        self.text = text
        self.names = names
        self.at = start
        self.found = Scan()
        self.envelopes: list[Fence] = []
        """Fences around calls that are open."""
        self.tagged = False
        """An opening tag of a call stands before."""
        self.missing: set[str] = set()
        """Closing tags of thoughts that do not come any more."""
        self.lost = 0
        self.last_end = 0
        """Where the last call ended; what follows on its line is no sentence around a call."""
        self.line_starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self.lines = text.split("\n")

    def run(self) -> None:
        while match := NEXT.search(self.text, self.at):
            kind = str(match.lastgroup if match.lastgroup != "thinks" else "thought")
            if match["envelope"]:
                kind = "envelope"
            begin = self.at
            _HANDLERS[kind](self, match)
            if self.found.broken:
                return  # nobody knows where what follows belongs
            if self.at <= begin and self.at <= match.start():
                self.at = match.start() + 1

    def thought(self, match: re.Match[str]) -> None:
        end = "tag" if match["thinks"] else "bracket"
        close = None if end in self.missing else _ENDS_THOUGHT[end].search(self.text, match.end())
        quoted = self.text[match.start() - 1 : match.start()] == "`"
        if quoted:
            self.at = match.end()
        elif close:
            self.at = close.end()
            self.found.thoughts.append((match.start(), self.at))
        else:
            self.missing.add(end)
            self.found.open_thought = match.start()
            self.found.thoughts.append((match.start(), match.end()))
            self.at = match.end()

    def block(self, match: re.Match[str]) -> None:
        end = re.compile(r"^ {0,3}(?:>{5,9}[^\n]*|\+{5,9} ?REPLACE>?[ \t]*)$", re.MULTILINE).search(
            self.text, match.end()
        )
        self.at = end.end() if end else len(self.text)

    def patch(self, match: re.Match[str]) -> None:
        line = self.text.find("\n", match.start())
        end = _NOT_DIFF.search(self.text, line + 1) if line >= 0 else None
        self.at = end.start() if end else len(self.text)

    def fence(self, match: re.Match[str]) -> None:
        number = self._line_of(match.start())
        fence = fence_at(self.lines[number].strip())
        self.at = match.end()
        if fence is None:
            return
        if self.envelopes and not fence.info and self.envelopes[-1].begins(fence.mark):
            self.envelopes.pop()
            return
        begin = after_blanks(self.text, match.end())
        first = self.text[begin : begin + 1]
        if not self.tagged and self._edits_a_file(number, fence):
            self._skip(number, fence)
        elif fence.language in _BARE_LANGUAGES | {""} and first in ("{", "[", "<"):
            self.envelopes.append(fence)
        else:
            self._code(number, fence)

    def _edits_a_file(self, number: int, fence: Fence) -> bool:
        above = next(
            (x for x in reversed(self.lines[max(0, number - 4) : number]) if x.strip()), ""
        )
        first = self.lines[number + 1] if number + 1 < len(self.lines) else ""
        return bool(info_path(fence.info) or path_line(above) or comment_path(first))

    def _skip(self, number: int, fence: Fence) -> None:
        end = closing_line(self.lines, number, fence)
        self.at = len(self.text) if end is None else self._offset(end + 1)

    def _code(self, number: int, fence: Fence) -> None:
        """A fenced block that begins like no JSON: calls as Python or lines, or just code."""
        end = closing_line(self.lines, number, fence)
        begin = self._offset(number + 1)
        stop = len(self.text) if end is None else self._offset(end) - 1
        tagged = self.tagged or fence.language in _CALL_LANGUAGES
        if fence.language in _BARE_LANGUAGES | {""} and end is not None:
            calls = calls_in(self.text, begin, stop, self.names, tagged)
            self.found.asked += calls
            if not calls:
                inner = (
                    scan_reply(self.text[:stop], self.names, begin)
                    if (self._begins_like_a_call(begin, tagged))
                    else Scan()
                )
                self.found.asked += inner.asked
                self.found.broken += inner.broken
                calls = inner.asked
            if calls or self.found.broken:
                self.at = self._offset(end + 1)
                return
        body = self.text[begin : max(stop, begin)]
        self.found.blocks.append(Block(begin, fence.language, body, end is not None))
        self.at = len(self.text) if end is None else self._offset(end + 1)

    def _begins_like_a_call(self, begin: int, tagged: bool) -> bool:
        line = re.compile(r"\s*").match(self.text, begin)
        at = line.end() if line else begin
        for pattern in (ACTION, NAMED):
            if re.compile(pattern, re.MULTILINE | re.IGNORECASE).match(self.text, at):
                return True
        call = re.compile(r"(?:print\()?([A-Za-z_][\w.]*)\(").match(self.text, at)
        return call is not None and tagged

    def envelope(self, match: re.Match[str]) -> None:
        self.at = match.end()
        self.tagged = not match["slash"] and "end" not in match["envelope"].lower()
        if not self.tagged or self.text[match.start() - 1 : match.start()] == "`":
            return
        begin = after_blanks(self.text, match.end())
        element = self._element_at(match.start())
        if element or self.found.broken:
            return
        call = read_inside(self.text, begin, self.names) or read_named(
            self.text, begin, self.names, tagged=True
        )
        if (
            call is None
            and self.lost < _MAX_LOST
            and re.compile(r"\[?\s*(?:print\(\s*)?[A-Za-z_][\w.]*\(").match(self.text, begin)
        ):
            self._python_inside(match, begin)
            return
        self._take(call)

    def _python_inside(self, match: re.Match[str], begin: int) -> None:
        name = re.sub(r"\W|start|begin", "", match["envelope"])
        closing = re.compile(r"(?:<\|?|\[)/?\w*(?:/|end|tool_call)\w*\|?[>\]]|</|\Z|\n\n")
        sure = name != "code"
        for end in islice(closing.finditer(self.text, begin), _MAX_ENDS):
            self.lost += _LEAST_LOST
            calls = calls_in(self.text, begin, end.start(), self.names, sure)
            if calls:
                self.found.asked += calls
                self.at = self.last_end = end.start()
                return
        at = begin + 1 if self.text[begin] == "[" else begin
        self._take(read_call(self.text, at, self.names, tagged=sure))

    def element(self, match: re.Match[str]) -> None:
        self.at = match.end()
        if self.text[match.start() - 1 : match.start()] != "`" or match.start() == 0:
            self._element_at(match.start())

    def _element_at(self, start: int) -> bool:
        call = read_element(self.text, start, self.names, self.tagged)
        self._take(call)
        return call is not None

    def action(self, match: re.Match[str]) -> None:
        self.at = match.end()
        self._take(read_action(self.text, match.start(), self.names))

    def target(self, match: re.Match[str]) -> None:
        self.at = match.end()
        self._take(read_target(self.text, match.start()))

    def named(self, match: re.Match[str]) -> None:
        call = read_named(self.text, match.start(), self.names, tagged=False)
        newline = self.text.find("\n", match.start(), match.end())
        self.at = newline if newline > match.start() else match.end()
        self._take(call)

    def python(self, match: re.Match[str]) -> None:
        lead = PYTHON_LEAD.match(self.text, match.start())
        start = lead.end() if lead else match.start()
        self.at = match.end()
        call = read_call(self.text, start, self.names, tagged=False)
        if isinstance(call, Asked) and not self._ends_line(call.end):
            return
        self._take(call)

    def json(self, match: re.Match[str]) -> None:
        start = match.start()
        self.at = start + 1
        if self.lost > _MAX_LOST:
            return
        read = read_value(self.text, start)
        if isinstance(read, Failed) and self._python_list(start):
            return
        if isinstance(read, Failed):
            read_again = escaped_value(self.text, start)
            if read_again is None:
                self.lost += max(read.at - start, _LEAST_LOST)
                self._broken_json(start, read.cut)
                return
            read = read_again
        calls = shaped_calls(read, self.names)
        self.at = read.end
        if calls and self._in_a_sentence(start, read.end):
            self.found.mentions.append((start, read.end))
            return
        if calls:
            self.last_end = read.end
        # An envelope closed around it: the braces were forgotten, the reply was not cut.
        closed = bool(calls) and _CLOSES_ENVELOPE.match(self.text, read.end) is not None
        self.found.asked += [
            Asked(
                start, read.end, c.name, c.arguments, "json", c.lossless, c.whole or closed, c.sure
            )
            for c in calls
        ]

    def _python_list(self, start: int) -> bool:
        """`[read_file(path="a.py"), ...]` on a line of its own."""
        begins = _LISTED_CALL.match(self.text, start)
        if not begins or not self.names.find(begins[1]) or self._prose_before(start):
            return False
        for end in islice(_LIST_END.finditer(self.text, start), _MAX_ENDS):
            calls = calls_in(self.text, start, end.start() + 1, self.names, tagged=True)
            if calls:
                self.found.asked += calls
                self.at = self.last_end = end.start() + 1
                return True
        return False

    def _broken_json(self, start: int, cut: bool) -> None:
        callish = _CALLISH.match(self.text, start)
        if not callish or self._prose_before(start):
            return
        tool = self.names.find(callish[1])
        if not tool and not _ANY_ARGUMENTS.search(self.text, callish.end(), callish.end() + 200):
            return
        call = (
            None if cut or tool is None or tool.mutates else repaired(self.text, start, self.names)
        )
        self._take(call or Broken(start, callish[1], cut))

    def _take(self, call: Asked | Broken | None) -> None:
        if isinstance(call, Asked):
            self.found.asked.append(call)
            self.at = self.last_end = max(self.at, call.end)
        elif call:
            self.found.broken.append(call)

    def _in_a_sentence(self, start: int, end: int) -> bool:
        return not self.tagged and self._prose_before(start) and not self._ends_line(end)

    def _prose_before(self, start: int) -> bool:
        begin = max(self._offset(self._line_of(start)), self.last_end)
        before = self.text[begin:start]
        return not self.tagged and not _LEAD.fullmatch(before[-300:])

    def _ends_line(self, end: int) -> bool:
        stop = self.text.find("\n", end)
        after = self.text[end : stop if stop >= 0 else len(self.text)][:300]
        trail = _TRAIL.match(after)
        rest = after[trail.end() :] if trail else after
        return not rest or rest[0] in "{[<#/"

    def _line_of(self, offset: int) -> int:
        return bisect_right(self.line_starts, offset) - 1

    def _offset(self, line: int) -> int:
        return self.line_starts[line] if line < len(self.line_starts) else len(self.text)


_HANDLERS = {
    "thought": _Walk.thought,
    "block": _Walk.block,
    "fence": _Walk.fence,
    "patch": _Walk.patch,
    "target": _Walk.target,
    "envelope": _Walk.envelope,
    "element": _Walk.element,
    "action": _Walk.action,
    "named": _Walk.named,
    "python": _Walk.python,
    "json": _Walk.json,
}

"""Reading the edits in a small model's reply: SEARCH/REPLACE blocks and whole files in fences.

Lenient in form (markers, fences, where the path stands), strict in meaning: what is cut off,
left out or without a path is refused with the recipe, never guessed at.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from greenloop.errors import EditError
from greenloop.tools.edit_check import elided_line
from greenloop.tools.edit_paths import comment_path, info_path, mentioned_path, path_line
from greenloop.tools.edits import Edit, SearchReplace, WholeFile

_SEARCH = re.compile(r"^ {0,3}<{5,9} ?(?:(?:SEARCH|HEAD|ORIGINAL|OLD|FIND)\b:?)?\s*(\S*)\s*$", re.I)
_DIVIDER = re.compile(r"^ {0,3}={5,9}\s*$")
_REPLACE = re.compile(r"^ {0,3}>{5,9} ?\w*:?\s*(?:(`{3,})\s*)?$")
_NAMED_REPLACE = re.compile(r"^ {0,3}>{5,9} ?REPLACE\b", re.I)
_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})([^`]*)$")
"""Opening or closing line of a fenced block (CommonMark 0.31, section 4.5)."""

_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_END_OF_THOUGHT = re.compile(r"^\s*</think(?:ing)?>\s*$", re.MULTILINE)
_DIFF = re.compile(r"^(?:--- .*\n\+\+\+ |@@ .*\n?|\*\*\* (?:Begin|Update|Add) )", re.MULTILINE)
_NUMBERED = re.compile(r"^:(?:start|end)_line:\s*\d+\s*$")
_DASHES = re.compile(r"^-{5,9}")

_ILLUSTRATIONS = frozenset(
    {"bash", "sh", "shell", "zsh", "console", "terminal", "text", "txt", "output", "log"}
)
"""Fence languages in which models show commands and output, not files."""
_DIFF_LANGUAGES = frozenset({"diff", "patch", "udiff"})

BLOCK_RECIPE = (
    "write the file's path on a line of its own, then <<<<<<< SEARCH, the lines to find, "
    "=======, the new lines, >>>>>>> REPLACE"
)
FILE_RECIPE = "write the file's path on the line before the ``` fence with its whole content"


@dataclass(frozen=True, slots=True)
class _Fence:
    indent: int
    mark: str
    info: str

    def closed_by(self, line: str) -> bool:
        other = _fence(line)
        return other is not None and not other.info and self.begins(other.mark)

    def begins(self, mark: str) -> bool:
        """Whether a fence of these characters can close or nest in this one."""
        return mark[0] == self.mark[0] and len(mark) >= len(self.mark)


def parse_edits(reply: str) -> tuple[Edit, ...]:
    """The edits in a reply, in order; empty if it has no block at all.

    Raises:
        EditError: a block is cut off, leaves code out, has no path, or is a unified diff. The
            message tells the model how to write it.
    """
    text = _without_thought(reply.replace("\r\n", "\n"))
    return _Scanner(text).run()


def _without_thought(text: str) -> str:
    text = _THOUGHT.sub("", text, count=1)
    end = _END_OF_THOUGHT.search(text)
    if end and "<think" not in text[: end.start()]:
        return text[end.end() :]  # the template swallowed the opening tag
    return text


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.at = 0
        self.edits: list[Edit] = []
        self.above = ""
        """The nearest line with text above, outside any block."""
        self.wrapper: _Fence | None = None
        """The fence around SEARCH/REPLACE blocks that we are in."""
        self.wrapper_path = ""
        self.last_path = ""
        """Of the block before, which the next one may leave out."""
        self.homeless: list[str] = []
        """Languages of fenced blocks without a path."""

    def run(self) -> tuple[Edit, ...]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            fence = _fence(line)
            if _SEARCH.match(line):
                self._block()
            elif self.wrapper and self.wrapper.closed_by(line):
                self._leave_wrapper()
            elif fence and not self.wrapper:
                self._fenced(fence)
            else:
                self._prose(line)
        if not self.edits:
            self._explain_nothing()
        return tuple(self.edits)

    def _prose(self, line: str) -> None:
        if _NAMED_REPLACE.match(line):
            raise EditError(f"a block lacks its <<<<<<< SEARCH line; {BLOCK_RECIPE}")
        if line.strip():
            self.above = line
        self.at += 1

    def _leave_wrapper(self) -> None:
        self.wrapper, self.wrapper_path, self.above = None, "", ""
        self.at += 1

    def _block(self) -> None:
        label = _SEARCH.match(self.lines[self.at])
        start = self.at + 1
        end, after = self._block_end(start)
        search, replace = self._halves(start, end)
        path = self._block_path(label[1] if label else "")
        search, replace = _cleaned(search), _cleaned(replace)
        elided = elided_line([line for line in replace if line not in search], path)
        if elided:
            raise EditError(f"REPLACE leaves code out ({elided}); write every line of it")
        self.edits.append(SearchReplace(path, _joined(search), _joined(replace)))
        self.last_path, self.above = path, ""
        self.at = after
        closing = _REPLACE.match(self.lines[end])
        if closing and closing[1]:  # the fence was closed on the marker's line
            self.wrapper, self.wrapper_path = None, ""

    def _block_end(self, start: int) -> tuple[int, int]:
        """Line that ends the block, and the line to go on from."""
        dividers: list[int] = []
        for at in range(start, len(self.lines)):
            line = self.lines[at]
            if _SEARCH.match(line):
                break
            if _REPLACE.match(line):
                return at, at + 1
            if _DIVIDER.match(line):
                dividers.append(at)
        # Some models write a second ======= where >>>>>>> REPLACE belongs.
        if len(dividers) > 1 and self._ends_block(dividers[1] + 1):
            return dividers[1], dividers[1] + 1
        raise EditError(f"a SEARCH block has no >>>>>>> REPLACE line; {BLOCK_RECIPE}")

    def _ends_block(self, at: int) -> bool:
        following = (line for line in self.lines[at:] if line.strip())
        line = next(following, "")
        return not line or bool(_SEARCH.match(line)) or _fence(line) is not None

    def _halves(self, start: int, end: int) -> tuple[list[str], list[str]]:
        body = self.lines[start:end]
        dividers = [i for i, line in enumerate(body) if _DIVIDER.match(line)]
        if not dividers:
            raise EditError(f"a SEARCH block has no ======= line; {BLOCK_RECIPE}")
        if len(dividers) > 1:
            width = self.lines[start - 1].count("<")
            fitting = [i for i in dividers if body[i].count("=") == width]
            if len(fitting) != 1:
                raise EditError(
                    "a SEARCH block has several ======= lines; "
                    "use nine characters in its three markers: <<<<<<<<<, =========, >>>>>>>>>"
                )
            dividers = fitting
        return body[: dividers[0]], body[dividers[0] + 1 :]

    def _block_path(self, label: str) -> str:
        candidates = (
            path_line(self.above),
            self.wrapper_path,
            path_line(label),
            mentioned_path(self.above),
        )
        return next(filter(None, candidates), self.last_path)

    def _fenced(self, fence: _Fence) -> None:
        end = self._closing_line(fence)
        if self._holds_blocks(end):
            self.wrapper = fence
            self.wrapper_path = info_path(fence.info)
            self.at += 1
            return
        path = info_path(fence.info) or path_line(self.above)
        if end is None:
            raise EditError("a ``` block is not closed: the reply was cut; send it again, shorter")
        body = [_dedented(line, fence.indent) for line in self.lines[self.at + 1 : end]]
        self.at, self.above = end + 1, ""
        language = fence.info.split()[0].lower() if fence.info else ""
        first = comment_path(body[0]) if body and language not in _ILLUSTRATIONS else ""
        if first and path in ("", first):
            path, body = first, body[1:]
        if language in _DIFF_LANGUAGES or _is_diff(body):
            language = "diff"
        if path:
            self._whole_file(path, body, language)
        else:
            self.homeless.append(language)

    def _closing_line(self, fence: _Fence) -> int | None:
        """Line that closes the fence; fences with a language inside it nest."""
        depth = 0
        for at in range(self.at + 1, len(self.lines)):
            other = _fence(self.lines[at])
            if other is None or not fence.begins(other.mark):
                continue
            if other.info:
                depth += 1
            elif depth:
                depth -= 1
            else:
                return at
        return None

    def _holds_blocks(self, end: int | None) -> bool:
        for line in self.lines[self.at + 1 : end]:
            if _SEARCH.match(line):
                return True
            if _fence(line):
                return False
        return False

    def _whole_file(self, path: str, body: Sequence[str], language: str) -> None:
        if any(map(_NAMED_REPLACE.match, body)) and not any(map(_SEARCH.match, body)):
            raise EditError(f"the block for {path} lacks <<<<<<< SEARCH; {BLOCK_RECIPE}")
        if language == "diff" and not path.endswith((".diff", ".patch")):
            raise EditError(f"unified diffs are not understood; {BLOCK_RECIPE}")
        elided = elided_line(body, path)
        if elided:
            raise EditError(
                f"the block for {path} leaves code out ({elided}); "
                "write the complete file, or use a SEARCH/REPLACE block"
            )
        self.edits.append(WholeFile(path, _joined(body)))

    def _explain_nothing(self) -> None:
        languages = set(self.homeless)
        if "diff" in languages or (not languages and _DIFF.search(self.text)):
            raise EditError(f"unified diffs are not understood; {BLOCK_RECIPE}")
        if languages - _ILLUSTRATIONS:
            raise EditError(f"a code block has no path; {FILE_RECIPE}")


def _fence(line: str) -> _Fence | None:
    match = _FENCE.match(line)
    return _Fence(len(match[1]), match[2], match[3].strip()) if match else None


def _dedented(line: str, indent: int) -> str:
    blanks = len(line) - len(line.lstrip(" "))
    return line[min(blanks, indent) :]


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _is_diff(lines: Sequence[str]) -> bool:
    return bool(_DIFF.match("\n".join(lines).lstrip("\n")))


def _cleaned(half: list[str]) -> list[str]:
    """Half a block without the line numbers of one dialect and without a fence of its own."""
    while half and _NUMBERED.match(half[0]):
        half = half[1:]
        if half and _DASHES.match(half[0]):
            rest = _DASHES.sub("", half[0])
            half = [rest, *half[1:]] if rest.strip() else half[1:]
    opening = _fence(half[0]) if len(half) > 1 else None
    if opening and opening.info and opening.closed_by(half[-1]):
        return half[1:-1]
    return half

"""Reading the edits in a small model's reply: SEARCH/REPLACE blocks, whole files, diffs.

Lenient in form (markers, fences, where the path stands), strict in meaning: what is cut off,
left out or without a path is refused with the recipe, never guessed at.
"""

import re
from collections.abc import Sequence

from greenloop.errors import EditError
from greenloop.tools.edit_check import elided_line
from greenloop.tools.edit_diff import DIFF_LANGUAGES, begins_diff, diff_edits, diff_end, is_diff
from greenloop.tools.edit_fence import Fence, closing_line, fence_at, stray_fence
from greenloop.tools.edit_paths import (
    announced_path,
    comment_path,
    info_path,
    mentioned_path,
    names_another,
    path_line,
    unclear_path,
)
from greenloop.tools.edits import Edit, SearchReplace, WholeFile

_SEARCH = re.compile(
    r"^ {0,3}(?:<{5,9} ?(?:(?:SEARCH|HEAD|ORIGINAL|OLD|FIND)\b:?)?|-{5,9} ?SEARCH\b)\s*(\S*)\s*$",
    re.IGNORECASE,
)
"""Seven `<` and SEARCH, as conflicts look; or seven dashes, as Cline writes it."""
_DIVIDER = re.compile(r"^ {0,3}={5,9}\s*$")
_REPLACE = re.compile(r"^ {0,3}(?:>{5,9} ?\w*:?|\+{5,9} ?REPLACE\b>?)\s*(?:(`{3,})\s*)?$", re.I)
_NAMED_REPLACE = re.compile(r"^ {0,3}(?:>{5,9}|\+{5,9}) ?REPLACE\b", re.I)
_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_END_OF_THOUGHT = re.compile(r"^[ \t]*</think(?:ing)?>[ \t]*$", re.MULTILINE)
_NUMBERED = re.compile(r"^:(?:start|end)_line:\s*\d+\s*$")
_LOOKUP = re.compile(r"^\s*(?:READ|LIST|GREP)\b")
_DASHES = re.compile(r"^-{5,9}")

_ILLUSTRATIONS = frozenset(
    {"bash", "sh", "shell", "zsh", "console", "terminal", "text", "txt", "output", "log"}
)
"""Fence languages in which models show commands and output, not files."""
_SHELLS = _ILLUSTRATIONS - {"text", "txt"}
_CODE_SUFFIXES = (
    ".py", ".pyi", ".js", ".ts", ".jsx", ".tsx", ".java", ".go", ".rs", ".c", ".cpp", ".h", ".rb",
    ".php", ".json", ".toml", ".html", ".css",
)  # fmt: skip

_PROSE_SUFFIXES = (".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc")
"""Files that may well hold fences themselves."""

BLOCK_RECIPE = (
    "write the file's path on a line of its own, then <<<<<<< SEARCH, the lines to find, "
    "=======, the new lines, >>>>>>> REPLACE"
)
FILE_RECIPE = "write the file's path on the line before the ``` fence with its whole content"


def parse_edits(reply: str, *, examples: bool = False) -> tuple[Edit, ...]:
    """The edits in a reply, in order; empty if it has no block at all.

    Args:
        reply: the model's text.
        examples: code blocks without a path are shown to the reader, not meant as files.

    Raises:
        EditError: a block is cut off, leaves code out or has no path. The message tells the
            model how to write it.
    """
    text = _without_thought(reply.replace("\r\n", "\n"))
    return _Scanner(text, examples).run()


def _without_thought(text: str) -> str:
    text = _THOUGHT.sub("", text, count=1)
    end = _END_OF_THOUGHT.search(text)
    if end and "<think" not in text[: end.start()]:
        return text[end.end() :]  # the template swallowed the opening tag
    return text


class _Scanner:
    def __init__(self, text: str, examples: bool) -> None:
        self.examples = examples
        self.lines = text.split("\n")
        self.at = 0
        self.edits: list[Edit] = []
        self.above = ""
        """The nearest line with text above, outside any block."""
        self.wrapper: Fence | None = None
        """The fence around SEARCH/REPLACE blocks that we are in."""
        self.wrapper_path = ""
        self.last_path = ""
        """Of the block before, which the next one may leave out."""
        self.homeless: list[str] = []
        """Languages of fenced blocks without a path."""

    def run(self) -> tuple[Edit, ...]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            fence = fence_at(line)
            if _SEARCH.match(line):
                self._block()
            elif self.wrapper and self.wrapper.closed_by(line):
                self._leave_wrapper()
            elif fence and not self.wrapper:
                self._fenced(fence)
            elif not self.wrapper and begins_diff(self.lines, self.at):
                self._bare_diff()
            else:
                self._prose(line)
        if not self.edits:
            self._explain_nothing()
        return tuple(self.edits)

    def _prose(self, line: str) -> None:
        if _NAMED_REPLACE.match(line):
            raise EditError(
                f"a block lacks its <<<<<<< SEARCH line; {BLOCK_RECIPE}", "missing_search_marker"
            )
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
            raise EditError(
                f"REPLACE leaves code out ({elided}); write every line of it", "elided_code"
            )
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
        raise EditError(f"a SEARCH block has no >>>>>>> REPLACE line; {BLOCK_RECIPE}", "truncated")

    def _ends_block(self, at: int) -> bool:
        following = (line for line in self.lines[at:] if line.strip())
        line = next(following, "")
        return not line or bool(_SEARCH.match(line)) or fence_at(line) is not None

    def _halves(self, start: int, end: int) -> tuple[list[str], list[str]]:
        body = self.lines[start:end]
        dividers = [i for i, line in enumerate(body) if _DIVIDER.match(line)]
        if not dividers:
            raise EditError(f"a SEARCH block has no ======= line; {BLOCK_RECIPE}")
        if len(dividers) > 1:
            width = max(map(self.lines[start - 1].count, "<-"))
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
        path = next(filter(None, candidates), "")
        if not path and names_another(self.above, self.last_path):
            raise EditError(
                f"it is unclear which file {self.above.strip()!r} means; "
                "write its path alone on the line before the block, between backticks"
            )
        return path or self.last_path

    def _fenced(self, fence: Fence) -> None:
        end = closing_line(self.lines, self.at, fence)
        if self._holds_blocks(end):
            self.wrapper = fence
            self.wrapper_path = info_path(fence.info)
            self.at += 1
            return
        path = info_path(fence.info) or path_line(self.above)
        if not path:
            path = announced_path(self.above, changed=self.examples)
        if end is None:
            raise EditError(
                "a ``` block is not closed: the reply was cut; send it again, shorter", "truncated"
            )
        body = [_dedented(line, fence.indent) for line in self.lines[self.at + 1 : end]]
        above, language = self.above, fence.language
        self.at, self.above = end + 1, ""
        if not path.endswith((".diff", ".patch")) and (language in DIFF_LANGUAGES or is_diff(body)):
            self._diff(body, path or mentioned_path(above))
            return
        first = comment_path(body[0]) if body and language not in _ILLUSTRATIONS else ""
        if first and path in ("", first):
            path, body = first, body[1:]
        if path and language in _SHELLS and path.endswith(_CODE_SUFFIXES):
            return  # a command about the file, not its text
        if path:
            self._check_end(path, fence)
            self._whole_file(path, body)
        elif unclear_path(above):
            raise EditError(f"the path {above.strip()!r} is unclear; write it between backticks")
        elif not all(map(_LOOKUP.match, filter(str.strip, body))):
            self.homeless.append(language)

    def _holds_blocks(self, end: int | None) -> bool:
        for line in self.lines[self.at + 1 : end]:
            if _SEARCH.match(line):
                return True
            if fence_at(line):
                return False
        return False

    def _check_end(self, path: str, fence: Fence) -> None:
        # A fence with text right below it seldom closes a file: it may be one in the file.
        goes_on = self.at < len(self.lines) and self.lines[self.at].strip()
        # The text of a Python file that was cut there would not compile.
        doubtful = (goes_on and not path.endswith(".py")) or path.endswith(_PROSE_SUFFIXES)
        if doubtful and stray_fence(self.lines, self.at, fence.mark):
            raise EditError(
                f"it is unclear where {path} ends: put ```` (four) around its text, "
                "and keep ``` for the blocks in it"
            )

    def _whole_file(self, path: str, body: Sequence[str]) -> None:
        if any(map(_NAMED_REPLACE.match, body)) and not any(map(_SEARCH.match, body)):
            raise EditError(
                f"the block for {path} lacks <<<<<<< SEARCH; {BLOCK_RECIPE}",
                "missing_search_marker",
            )
        elided = elided_line(body, path)
        if elided:
            raise EditError(
                f"the block for {path} leaves code out ({elided}); "
                "write the complete file, or use a SEARCH/REPLACE block",
                "elided_code",
            )
        self.edits.append(WholeFile(path, _joined(body)))

    def _bare_diff(self) -> None:
        end = diff_end(self.lines, self.at)
        self._diff(self.lines[self.at : end], "")
        self.at, self.above = end, ""

    def _diff(self, body: Sequence[str], path: str) -> None:
        for edit in diff_edits(body, path):
            old = edit.search.split("\n")
            elided = elided_line([x for x in edit.replace.split("\n") if x not in old], edit.path)
            if elided:
                raise EditError(
                    f"the diff leaves code out ({elided}); write every line of it", "elided_code"
                )
            self.edits.append(edit)

    def _explain_nothing(self) -> None:
        if not self.examples and set(self.homeless) - _ILLUSTRATIONS:
            raise EditError(f"a code block has no path; {FILE_RECIPE}")


def _dedented(line: str, indent: int) -> str:
    blanks = len(line) - len(line.lstrip(" "))
    return line[min(blanks, indent) :]


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _cleaned(half: list[str]) -> list[str]:
    """Half a block without the line numbers of one dialect and without a fence of its own."""
    while half and _NUMBERED.match(half[0]):
        half = half[1:]
        if half and _DASHES.match(half[0]):
            rest = _DASHES.sub("", half[0])
            half = [rest, *half[1:]] if rest.strip() else half[1:]
    opening = fence_at(half[0]) if len(half) > 1 else None
    if opening and opening.info and opening.closed_by(half[-1]):
        return half[1:-1]
    return half

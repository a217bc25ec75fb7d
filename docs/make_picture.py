"""Runs a command in a pseudo-terminal and saves what it printed as an SVG picture.

For the pictures in the README: real output, not drawn by hand, in one file that needs no fonts
or anything else from the web.
"""

import argparse
import contextlib
import html
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_TOKEN = re.compile(
    r"\x1b\[(?P<params>[0-9;?]*)(?P<final>[@-~])"  # CSI sequence (ECMA-48, 5.4)
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: window titles, links
    r"|\x1b[()][A-Z0-9]|\x1b[=>78cDEHM]"  # character sets and single functions
    r"|(?P<char>.)",
    re.DOTALL,
)
_SGR = r"(?:\x1b\[[0-9;]*m)*"
_START = r"(?P<before>\x1b\[[0-9;]*m|^|[^\w.])(?:\.\.(?:/\.\.)*)?"
"""What may stand before a path: a colour code, or what is no part of a name; then steps upwards."""
_END = r"(?![\w-]|\.\w)"
"""The end of a folder's name; a full stop after it belongs to the sentence."""
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_RUN = re.compile(
    r'(?P<head><text class="terminal-r\d+") x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" '
    r'textLength="(?P<length>[\d.]+)"(?P<rest>[^>]*)>(?P<text>[^<]*)</text>'
)
"""Words of one style in a line, as rich writes them."""
_TAB = 8
Cell = tuple[str, str]
"""A character and the SGR codes in force for it."""


@dataclass(slots=True)
class Screen:
    """A terminal without an end: what line-based programs do to one, and nothing more.

    Knows colours, carriage return, backspace, tab, erasing in a line and below, and moving the
    cursor; a line longer than the width goes on in the next.
    """

    width: int
    rows: list[list[Cell]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    style: str = ""

    def feed(self, text: str) -> None:
        """Take in output."""
        for token in _TOKEN.finditer(text):
            if char := token["char"]:
                self._char(char)
            elif final := token["final"]:
                self._control(final, token["params"])

    def lines(self) -> list[str]:
        """The lines with their colours, each by itself; without empty ones at the end."""
        lines = [_joined(row) for row in self.rows]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _char(self, char: str) -> None:
        if char == "\n":
            self._go(self.row + 1, self.column)
        elif char == "\r":
            self.column = 0
        elif char == "\b":
            self.column = max(self.column - 1, 0)
        elif char == "\t":
            self.column = min((self.column // _TAB + 1) * _TAB, self.width - 1)
        elif char.isprintable():
            self._put(char)

    def _put(self, char: str) -> None:
        if self.column >= self.width:
            self._go(self.row + 1, 0)
        line = self.rows[self.row]
        line.extend([(" ", "")] * (self.column + 1 - len(line)))
        line[self.column] = (char, self.style)
        self.column += 1

    def _go(self, row: int, column: int) -> None:
        self.row, self.column = max(row, 0), max(column, 0)
        self.rows.extend([] for _ in range(self.row + 1 - len(self.rows)))

    def _control(self, final: str, params: str) -> None:
        """Acts on a CSI sequence; those that are not known change nothing."""
        if final == "m":
            fresh = params.partition(";")[0] in ("", "0")
            code = "" if params in ("", "0") else f"\x1b[{params}m"
            self.style = code if fresh else self.style + code
            return
        number = int(params) if params.isdigit() else 0
        if final == "K":
            self._erase(number)
        elif final == "J":
            self._erase(number)
            if number == 0:
                del self.rows[self.row + 1 :]
        elif final in "AB":
            step = max(number, 1)
            self._go(self.row + (step if final == "B" else -step), self.column)
        elif final in "CDG":
            step = max(number, 1)
            column = {"C": self.column + step, "D": self.column - step, "G": step - 1}[final]
            self._go(self.row, column)

    def _erase(self, how: int) -> None:
        line = self.rows[self.row]
        if how == 0:
            del line[self.column :]
        elif how == 1:
            line[: self.column + 1] = [(" ", "")] * min(self.column + 1, len(line))
        else:
            line.clear()


def _joined(row: Sequence[Cell]) -> str:
    parts: list[str] = []
    last = ""
    for char, style in row:
        if style != last:
            parts.append("\x1b[0m" + style)
        parts.append(char)
        last = style
    text = "".join(parts) + ("\x1b[0m" if last else "")
    return re.sub(rf" +({_SGR})$", r"\1", text) if text.endswith(" ") else text


def capture(command: Sequence[str], width: int, height: int, timeout_s: float) -> tuple[str, int]:
    """Run a command in a pseudo-terminal; returns all that it printed and its exit code.

    Raises:
        OSError: the command could not be started.
        TimeoutError: it ran longer than `timeout_s` seconds; it has been killed.
    """
    ours, theirs = pty.openpty()
    try:
        termios.tcsetwinsize(theirs, (height, width))
        settings = ["TERM=xterm-256color", f"COLUMNS={width}", f"LINES={height}"]
        process = subprocess.Popen(
            ["/usr/bin/env", "-u", "NO_COLOR", *settings, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        theirs = -1
        try:
            output = _read(ours, process, time.monotonic() + timeout_s)
            return output.decode(errors="replace"), process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)


def _read(terminal: int, process: subprocess.Popen[bytes], deadline: float) -> bytes:
    output = bytearray()
    while time.monotonic() <= deadline:
        ended = process.poll() is not None
        ready, _, _ = select.select([terminal], [], [], 0.0 if ended else 0.1)
        data = b""
        if ready:
            # Linux reports the other side's end as an input/output error, macOS as no data.
            with contextlib.suppress(OSError):
                data = os.read(terminal, 65536)
        output += data
        if not data and (ready or ended):
            return bytes(output)
    raise TimeoutError("the command took longer than --timeout allows")


def scrub(text: str, home: Path, temp: Path) -> str:
    """Take this machine's folders out of a text: home becomes `~`, temporary ones `…/name`.

    The random end that `tempfile` gives a name is cut as well. Colour codes may stand between the
    parts of a path.
    """
    for folder in dict.fromkeys((temp.resolve(), temp)):
        name = r"(?:tmp[a-z0-9_]{8}|(?P<name>[\w.-]+?)(?:[-_.][a-z0-9_]{8})?)"
        pattern = rf"{_START}{re.escape(str(folder))}/(?P<codes>{_SGR}){name}{_END}"
        text = re.sub(pattern, _short, text)
    for folder in dict.fromkeys((home.resolve(), home)):
        if folder != Path("/"):
            text = re.sub(rf"{_START}{re.escape(str(folder))}{_END}", r"\g<before>~", text)
    return text


def _short(match: re.Match[str]) -> str:
    return f"{match['before']}…/{match['codes']}{match['name'] or 'folder'}"


def picture(lines: Sequence[str], title: str, width: int) -> str:
    """The SVG of a terminal window with these lines, self-contained."""
    console = Console(record=True, width=width, file=StringIO(), legacy_windows=False)
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, crop=False, highlight=False)
    svg = console.export_svg(title=title, unique_id="terminal")
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", _FONTS).replace(
        "font-family: arial", "font-family: system-ui, sans-serif"
    )
    svg = _RUN.sub(_trimmed, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _trimmed(run: re.Match[str]) -> str:
    """A run of text without the spaces at its ends, which some renderers drop and then misplace."""
    text = html.unescape(run["text"])
    kept = text.strip()
    if not kept:
        return ""
    cell = float(run["length"]) / cell_len(text)
    x = float(run["x"]) + cell * (len(text) - len(text.lstrip()))
    length = cell * cell_len(kept)
    words = html.escape(kept).replace(" ", "\xa0")
    place = f'x="{x:.1f}" y="{run["y"]}" textLength="{length:.1f}"'
    return f"{run['head']} {place}{run['rest']}>{words}</text>"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Run a command in a pseudo-terminal and save what it prints as an SVG.",
        epilog="Example: python docs/make_picture.py --tail 30 -- greenloop run 'fix the tests'",
    )
    parser.add_argument("--out", type=Path, default=Path("docs/demo.svg"), help="file to write")
    parser.add_argument("--title", help="of the window; the command if not given")
    parser.add_argument("--width", type=int, default=100, help="columns (100)")
    parser.add_argument("--height", type=int, default=40, help="rows the command is told of (40)")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds it may run (600)")
    parser.add_argument("--lines-from", type=int, default=1, metavar="N", help="first line to keep")
    parser.add_argument("--tail", type=int, metavar="N", help="keep only the last N lines")
    parser.add_argument("command", nargs="*", help="after --; `make demo` if not given")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the picture. A command that fails still gives one; 1 is returned then."""
    parser = _parser()
    options = parser.parse_args(argv)
    command = options.command or ["make", "demo"]
    if options.width < 20 or options.height < 5:
        parser.error("--width must be at least 20 and --height at least 5")
    if options.lines_from < 1 or (options.tail is not None and options.tail < 1):
        parser.error("--lines-from and --tail count from 1")
    if shutil.which(command[0]) is None:
        parser.exit(2, f"{parser.prog}: {command[0]} is no program here; check its name\n")
    try:
        output, code = capture(command, options.width, options.height, options.timeout)
    except (OSError, TimeoutError) as error:
        parser.exit(2, f"{parser.prog}: {shlex.join(command)}: {error}\n")
    screen = Screen(options.width)
    screen.feed(scrub(output, Path.home(), Path(tempfile.gettempdir())))
    lines = screen.lines()[options.lines_from - 1 :]
    lines = lines[-options.tail :] if options.tail else lines
    if not lines:
        parser.exit(2, f"{parser.prog}: nothing to draw; the command printed too little\n")
    title = options.title or shlex.join(command)
    options.out.write_text(picture(lines, title, options.width), encoding="utf-8")
    sys.stderr.write(f"{options.out}: {len(lines)} lines, the command's exit code was {code}\n")
    return 1 if code else 0


if __name__ == "__main__":
    raise SystemExit(main())

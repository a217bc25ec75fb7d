"""Pictures of terminal output: real commands in a real pseudo-terminal."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "make_picture.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_picture", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


make_picture = _load()


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(SCRIPT), *options]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def _words(svg: str) -> str:
    root = ElementTree.fromstring(svg)
    text = "".join(t for e in root.iter() if e.tag.endswith("}text") for t in (e.text or "", "\n"))
    return text.replace("\xa0", " ")


def _screen(output: str, width: int = 40) -> list[str]:
    screen = make_picture.Screen(width)
    screen.feed(output)
    lines: list[str] = screen.lines()
    return lines


PRINTING = r"""
import os, shutil, sys
size = shutil.get_terminal_size()
print(sys.stdout.isatty(), size.columns, size.lines, os.environ["TERM"])
print("\x1b[32mgreen words\x1b[0m and plain <&>")
print("half\rwhole")
"""


def test_picture_of_a_command_holds_its_words_and_colours_and_no_links(tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    options = ("--out", str(out), "--width", "90", "--height", "33", "--title", "a <title>")
    done = _run(*options, "--", sys.executable, "-c", PRINTING)
    assert (done.returncode, done.stdout) == (0, "")
    svg = out.read_text(encoding="utf-8")
    words = _words(svg)
    assert "True 90 33 xterm-256color" in words
    assert "green words" in words
    assert "and plain <&>" in words
    assert "whole" in words
    assert "half" not in words
    assert "a <title>" in words
    green = re.search(r'<text class="terminal-(r\d+)"[^>]*>green', svg)
    assert green is not None
    assert re.search(rf"\.terminal-{green[1]} \{{ fill: #(?!c5c8c6)[0-9a-f]{{6}}", svg)
    assert re.findall(r"https?://[^\"']*", svg) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in svg
    assert "Fira" not in svg


def test_words_stand_in_their_columns_without_padding() -> None:
    svg = make_picture.picture(["  \x1b[32m  two  words \x1b[0m|"], "t", 40)
    runs = re.findall(r'x="([\d.]+)" y="20" textLength="([\d.]+)"[^>]*>([^<]*)<', svg)
    assert runs == [("48.8", "122.0", "two\xa0\xa0words"), ("183.0", "12.2", "|")]


def test_parts_of_a_long_output(tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    numbers = "for n in range(1, 31): print(f'row{n}.')"
    command = ("--", sys.executable, "-c", numbers)
    assert _run("--out", str(out), "--tail", "3", "--title", "t", *command).returncode == 0
    assert re.findall(r"row\d+", _words(out.read_text())) == ["row28", "row29", "row30"]
    assert _run("--out", str(out), "--lines-from", "29", "--title", "t", *command).returncode == 0
    assert re.findall(r"row\d+", _words(out.read_text())) == ["row29", "row30"]


def test_failing_command_still_gives_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    done = _run("--out", str(out), "--", sys.executable, "-c", "print('oh'); raise SystemExit(4)")
    assert done.returncode == 1
    assert "exit code was 4" in done.stderr
    assert "oh" in _words(out.read_text())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--", "no-such-program"), "no-such-program is no program here"),
        (("--", sys.executable, "-c", ""), "nothing to draw"),
        (("--tail", "0"), "count from 1"),
        (("--width", "3"), "--width must be at least 20"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.svg"
    done = _run("--out", str(out), *options)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert not out.exists()


def test_command_that_never_stops_printing_is_stopped() -> None:
    with pytest.raises(TimeoutError):
        make_picture.capture([sys.executable, "-c", "while True: print('more')"], 80, 24, 0.3)


def test_command_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 1000 & echo $! > {pid}; wait"]
    with pytest.raises(TimeoutError):
        make_picture.capture(command, 80, 24, 0.5)
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid.read_text().strip()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert state.stdout.strip()[:1] in ("", "Z")


def test_help_names_the_options() -> None:
    done = _run("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("--out", "--tail", "--lines-from", "make demo"))


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        ("a\r\nb\r\n\r\n", ["a", "b"]),
        ("10%\r20%\r100%\r\n", ["100%"]),
        ("long text\rnew\x1b[K\r\n", ["new"]),
        ("long text\x1b[2K\rnew\r\n", ["new"]),
        ("one\r\ntwo\r\n\x1b[2A\x1b[Jthree\r\n", ["three"]),
        ("abc\b\bX\r\n", ["aXc"]),
        ("ab\tc", ["ab      c"]),
        ("\x1b[?25l\x1b]0;title\x07seen\x1b[?25h", ["seen"]),
        ("x" * 45, ["x" * 40, "x" * 5]),
        ("\x1b[5Gx\x1b[2Dy\x1b[3Cz", ["   yx  z"]),
        ("abcdef\x1b[3G\x1b[1Kx", ["  xdef"]),
        ("\x1b[31mred\x1b[0m plain", ["\x1b[0m\x1b[31mred\x1b[0m plain"]),
        ("\x1b[1m\x1b[0;32mgo", ["\x1b[0m\x1b[0;32mgo\x1b[0m"]),
    ],
)
def test_screen_does_what_a_terminal_does(output: str, lines: list[str]) -> None:
    assert _screen(output) == lines


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("in /home/ann/src/x.py", "in ~/src/x.py"),
        ("at /home/ann.", "at ~."),
        ("at /home/ann.old", "at /home/ann.old"),
        ("at /var/t/demo-k3x9a_2f.", "at …/demo."),
        ("at /home/ann", "at ~"),
        ("at /home/anna/x", "at /home/anna/x"),
        ("/var/t/demo-k3x9a_2f/cart.py:3", "…/demo/cart.py:3"),
        ("/var/t/tmpk3x9a_2f/cart.py", "…/folder/cart.py"),
        ("see ../../var/t/demo-k3x9a_2f/cart.py", "see …/demo/cart.py"),
        ("own/var/t/demo/cart.py", "own/var/t/demo/cart.py"),
        ("\x1b[31m/home/ann/x", "\x1b[31m~/x"),
        ("/var/t/greenloop/cart.py", "…/greenloop/cart.py"),
        ("\x1b[35m/var/t/\x1b[0m\x1b[95mdemo\x1b[0m", "\x1b[35m…/\x1b[0m\x1b[95mdemo\x1b[0m"),
    ],
)
def test_folders_of_this_machine_are_taken_out(text: str, clean: str) -> None:
    assert make_picture.scrub(text, Path("/home/ann"), Path("/var/t")) == clean

"""Letting the user edit texts with their own editor, in a scratch folder."""

import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from greenloop.config import environment
from greenloop.errors import UserError

_EDITORS = ("editor", "nano", "vi")
"""Tried in turn where neither VISUAL nor EDITOR is set; the first is the choice made in Debian."""


def edited(texts: Mapping[str, str]) -> dict[str, str]:
    """The texts as the user leaves them, by name; those whose file they delete are left out.

    Args:
        texts: by relative path; the files lie in a scratch folder under these names.

    Raises:
        UserError: there is no editor, it fails, or it leaves something that is no text.
    """
    argv = editor()
    with tempfile.TemporaryDirectory(prefix="greenloop-") as scratch:
        paths = {name: Path(scratch, name) for name in texts}
        for name, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(texts[name].encode("utf-8", "surrogateescape"))
        try:
            with _left_to_the_editor():
                done = subprocess.run([*argv, *map(str, paths.values())], check=False)
        except OSError as error:
            raise UserError(f"the editor {argv[0]} does not start: {error.strerror}") from error
        if done.returncode != 0:
            raise UserError(f"the editor ended with code {done.returncode}: nothing was taken over")
        return {name: _text(path, name) for name, path in paths.items() if path.is_file()}


def editor() -> list[str]:
    """The command that the user edits with.

    Raises:
        UserError: there is none.
    """
    known = environment()
    if known.editor.strip():
        try:
            return shlex.split(known.editor)
        except ValueError as error:
            raise UserError(f"EDITOR is malformed ({error}): {known.editor!r}") from error
    found = next((name for name in _EDITORS if shutil.which(name, path=known.path)), "")
    if not found:
        raise UserError("no editor was found: set EDITOR to the command of yours")
    return [found]


def _text(path: Path, name: str) -> str:
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is no UTF-8 text as the editor left it: {error.reason}") from error


@contextmanager
def _left_to_the_editor() -> Iterator[None]:
    """Ctrl-C is for the editor while it is open; a handler, unlike SIG_IGN, is not inherited."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

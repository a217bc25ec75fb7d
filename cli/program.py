"""What a person types to get this program again, and how a folder is named to them."""

import shutil
import sys
from pathlib import Path


def program() -> str:
    """`greenloop` if the PATH finds it, else as it was started, such as `.venv/bin/greenloop`."""
    started = sys.argv[0]
    if Path(started).name == "__main__.py":
        return "python -m greenloop"
    return "greenloop" if shutil.which("greenloop") else started


def shown(folder: Path) -> str:
    """A folder, relative to the current one or to the home folder where it lies below them."""
    here, home = Path.cwd(), Path.home()
    if folder.is_relative_to(here):
        return str(folder.relative_to(here))
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def is_near(folder: Path) -> bool:
    """Whether the current folder lies in this one, or this one in the current folder."""
    here = Path.cwd()
    return here.is_relative_to(folder) or folder.is_relative_to(here)


def again(verb: str, thread: str, folder: Path, words: str = "") -> str:
    """The command line that does something with a thread of this folder from here."""
    place = "" if is_near(folder) else f" --repo {folder}"
    more = f" {words}" if words else ""
    return f"{program()} {verb} {thread}{more}{place}"

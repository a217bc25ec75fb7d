"""The grammar of the command line. Imports nothing heavy, so that `--help` is instant."""

import argparse
import re
from collections.abc import Callable
from typing import NoReturn

from greenloop import __version__

_EPILOG = (
    "Exit codes: 0 green, 1 not solved, 2 your mistake, 3 infrastructure, 4 waiting for your word, "
    "130 interrupted."
)

_HISTORY = """\
Numbers only go up: a rewind is a further checkpoint, so it can be taken back.

  greenloop history NAME                 which checkpoints there are
  greenloop diff NAME 2 5                what changed between two of them
  greenloop rewind NAME --to 2           back to one, state and files
  greenloop fork NAME --from 2 --into D  another try from there, in a new folder
"""
_DIFF = """\
In a pipe it is a patch.

  greenloop diff NAME                    all that the thread has changed
  greenloop diff NAME 3                  from checkpoint 3 to the last
  greenloop diff NAME last now           what you have changed since it stopped
  greenloop diff FORK parent             a fork beside the thread it came from
  greenloop diff NAME 3 | git apply      the same change to another copy
"""
_RESTORE = """\
What is there now is kept as a snapshot first, and its id printed. The thread
stays where it is; `greenloop history` lists numbers and saved snapshots.

  greenloop restore NAME 3 src/app.py       this file as it was at 3
  greenloop restore NAME 1f0c7a9 notes      a folder, from a saved snapshot
"""

_REWIND = """\
Files that the last checkpoint does not have become a checkpoint of their own
first. Nothing is deleted: the last line printed is the command that takes the
rewind back.

  greenloop rewind NAME --to 2           then: greenloop resume NAME
"""
_FORK = """\
  greenloop fork NAME --from 2           another try, here; `greenloop undo`
                                         brings back what was here before
  greenloop fork NAME --from 2 --into D  another try beside it, in a new folder
  greenloop fork NAME --from 0 --task "only the second part"
  greenloop fork NAME --from 3 --model repair --budget 5m
  greenloop fork NAME --from 3 --set plan=@steps.txt       a step on each line
  greenloop fork NAME --from 3 --set feedback="use the cache"

Exit codes: as of run.
"""
_WITHOUT_STORE = ("config", "doctor")


class _Parser(argparse.ArgumentParser):
    """Names what a mistyped command or choice may have been meant to be."""

    def error(self, message: str) -> NoReturn:
        found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if found:
            from difflib import get_close_matches  # noqa: PLC0415

            near = get_close_matches(found[1], re.findall(r"[\w-]+", found[2]), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            message = f"there is no {found[1]!r}: choose from {found[2]}{hint}"
        super().error(message)


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = _Parser(
        prog="greenloop",
        description="A coding agent for small local models: it edits, runs your tests and "
        "repeats until they are green.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"greenloop {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (
        _run,
        _resume,
        _threads,
        _show,
        _graph,
        _history,
        _diff,
        _rewind,
        _fork,
        _restore,
        _undo,
        _prune,
        _config,
        _doctor,
    ):
        add(commands.add_parser)
    for name, command in commands.choices.items():
        if name not in _WITHOUT_STORE:
            command.add_argument(
                "--store", metavar="URL", help="the database of threads, if not the settings' own"
            )
    return parser


_Add = Callable[..., argparse.ArgumentParser]


def _run(add: _Add) -> None:
    command = add("run", help="work on a task in a repository", epilog=_EPILOG)
    command.add_argument("task", metavar="TASK", help="what is to be done, in any language")
    command.add_argument("--repo", metavar="DIR", default=".", help="the folder (default: here)")
    command.add_argument(
        "--approve",
        metavar="POINTS",
        help="ask you before: plan, edits, commands (several with commas), or all",
    )
    _add_settings(command)


def _resume(add: _Add) -> None:
    command = add("resume", help="go on with a thread from its last checkpoint", epilog=_EPILOG)
    command.add_argument(
        "thread", metavar="THREAD", nargs="?", type=_name, help="name or its beginning; default: "
        "the last unfinished thread of this folder"
    )  # fmt: skip
    _add_place(command)
    command.add_argument(
        "--files",
        choices=("ask", "keep", "restore"),
        default="ask",
        help="if files have changed since: refuse and name them, keep them, or put back those "
        "of the checkpoint",
    )
    answer = command.add_mutually_exclusive_group()
    answer.add_argument(
        "--approve",
        dest="approved",
        action="store_true",
        help="approve what the thread asks; with --test-cmd, that command",
    )
    answer.add_argument(
        "--reject", dest="rejected", metavar="WHY", help="reject what the thread asks, and say why"
    )
    _add_settings(command)


def _add_thread(command: argparse.ArgumentParser) -> None:
    command.add_argument("thread", metavar="THREAD", type=_name, help="name or its beginning")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _add_place(command: argparse.ArgumentParser) -> None:
    command.add_argument("--repo", metavar="DIR", help="the thread's folder, if you are elsewhere")


def _add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        metavar="NAME",
        help="a model in Ollama, `repair` for the embedded brain, PROVIDER:NAME for a model of "
        "another provider, or scripted:FILE",
    )
    command.add_argument("--test-cmd", metavar="CMD", help="the command that judges the work")
    command.add_argument(
        "--budget",
        metavar="LIMITS",
        help="for example 10m, or 10m,calls=20,tokens=50k,steps=30",
    )
    command.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="any other setting; `greenloop config show` lists them",
    )
    tape = command.add_mutually_exclusive_group()
    tape.add_argument(
        "--record", metavar="FILE", help="write down everything that is asked of the brain"
    )
    tape.add_argument("--replay", metavar="FILE", help="answer from a recording; no model is asked")
    command.add_argument("--json", action="store_true", help="print one JSON object at the end")


def _threads(add: _Add) -> None:
    command = add("threads", help="list threads, newest first")
    command.add_argument("--repo", metavar="DIR", help="only those of this folder")
    command.add_argument("--json", action="store_true", help="print a JSON list")
    command.add_argument("--sizes", action="store_true", help="how much room each one takes")


def _show(add: _Add) -> None:
    command = add("show", help="what happened in a thread, step by step, with diffs")
    _add_thread(command)
    command.add_argument("--messages", action="store_true", help="also prompts and replies in full")


def _graph(add: _Add) -> None:
    command = add("graph", help="draw the graph; with a thread, the path it took")
    command.add_argument("thread", metavar="THREAD", nargs="?", type=_name, help="name")
    command.add_argument("--format", choices=("ascii", "mermaid", "svg"), default="ascii")


def _history(add: _Add) -> None:
    command = add(
        "history",
        help="the checkpoints of a thread: what each one changed, and where it stands",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_HISTORY,
    )
    _add_thread(command)
    _add_json(command)


def _diff(add: _Add) -> None:
    command = add(
        "diff",
        help="what differs between the files of two checkpoints",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_DIFF,
    )
    _add_thread(command)
    command.add_argument(
        "old", metavar="A", nargs="?", help="a number, start, last, now, parent (of a fork), or "
        "THREAD@ and one of them (default: start)"
    )  # fmt: skip
    command.add_argument("new", metavar="B", nargs="?", help="likewise (default: last)")
    command.add_argument("--stat", action="store_true", help="files and numbers of lines only")
    _add_json(command)


def _restore(add: _Add) -> None:
    command = add(
        "restore",
        help="bring single files back from a checkpoint or a saved snapshot",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_RESTORE,
    )
    _add_thread(command)
    command.add_argument(
        "point", metavar="AT", help="a number, start, last, or the beginning of a snapshot's id"
    )
    command.add_argument(
        "paths", metavar="PATH", nargs="+", help="files or folders, relative to the thread's "
        "folder; . for all"
    )  # fmt: skip
    _add_place(command)
    _add_json(command)


def _rewind(add: _Add) -> None:
    command = add(
        "rewind",
        help="bring a thread and its files back to a checkpoint",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_REWIND,
    )
    _add_thread(command)
    command.add_argument(
        "--to", metavar="N", type=_number, required=True, help="number of the checkpoint"
    )
    _add_place(command)
    _add_json(command)


def _fork(add: _Add) -> None:
    command = add(
        "fork",
        help="start a new thread from a checkpoint, with another task, plan or model",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_FORK,
    )
    _add_thread(command)
    command.add_argument(
        "--from", metavar="N", type=_number, required=True, dest="start",
        help="number of the checkpoint"
    )  # fmt: skip
    command.add_argument("--task", metavar="TEXT", help="another task; it is planned anew")
    command.add_argument(
        "--into", metavar="DIR", help="work in this new folder; default: the thread's own"
    )
    command.add_argument("--hold", action="store_true", help="make the thread, do not run it")
    command.add_argument(
        "--approve", metavar="POINTS", help="ask you before: plan, edits, commands, or all"
    )
    _add_place(command)
    _add_settings(command)


def _undo(add: _Add) -> None:
    command = add("undo", help="put the files back as they were before a run")
    _add_thread(command)
    _add_place(command)
    command.add_argument("--redo", action="store_true", help="take the last undo back")
    command.add_argument(
        "--force", action="store_true", help="also files that you have changed since"
    )


def _prune(add: _Add) -> None:
    command = add("prune", help="free the room of threads that have ended")
    command.add_argument(
        "thread",
        metavar="THREAD",
        nargs="*",
        type=_name,
        help="these go, however they stand; default: of the green and undone ones the oldest",
    )
    command.add_argument(
        "--keep", metavar="N", type=_count, help="ended threads that stay (default: 20)"
    )
    command.add_argument(
        "--older-than", metavar="AGE", default="", help="only those untouched for so long: 30d"
    )
    command.add_argument("--dry-run", action="store_true", help="only say what would go")
    _add_json(command)


def _name(text: str) -> str:
    """A thread's name or its beginning; every name begins with nothing, so that is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty: `greenloop threads` lists them")
    return text


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number: `greenloop history THREAD` lists those of the checkpoints"
        ) from None


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count: write 0, 1, 2 ...")
    return int(text)


def _config(add: _Add) -> None:
    command = add("config", help="settings")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="each setting, its value and where it came from")
    show.add_argument("--repo", metavar="DIR", default=".", help="the folder (default: here)")
    show.add_argument("--json", action="store_true", help="print a JSON object")


def _doctor(add: _Add) -> None:
    command = add(
        "doctor",
        help="say what stands in the way of a run, and what to do",
        epilog="Exit codes: 0 nothing blocks a run, 1 something does, 2 your mistake, "
        "3 infrastructure, 130 interrupted.",
    )
    command.add_argument("--repo", metavar="DIR", default=".", help="the folder (default: here)")
    command.add_argument(
        "--probe",
        metavar="MODEL",
        nargs="?",
        const="",
        help="measure a model in Ollama (default: the one in the settings) and keep what was "
        "found for all runs with it; takes a minute or more",
    )
    command.add_argument(
        "--repair-store",
        action="store_true",
        help="save every thread that can be read from a damaged database into a new one; the old "
        "file is kept",
    )
    _add_json(command)

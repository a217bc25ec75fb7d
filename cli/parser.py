"""The grammar of the command line. Imports nothing heavy, so that `--help` is instant."""

import argparse
from collections.abc import Callable

from greenloop import __version__

_EPILOG = "Exit codes: 0 green, 1 not solved, 2 your mistake, 3 infrastructure, 130 interrupted."


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="greenloop",
        description="A coding agent for small local models: it edits, runs your tests and "
        "repeats until they are green.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"greenloop {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_run, _resume, _threads, _show, _graph, _undo, _config, _doctor):
        add(commands.add_parser)
    return parser


_Add = Callable[..., argparse.ArgumentParser]


def _run(add: _Add) -> None:
    command = add("run", help="work on a task in a repository", epilog=_EPILOG)
    command.add_argument("task", metavar="TASK", help="what is to be done, in any language")
    command.add_argument("--repo", metavar="DIR", default=".", help="the folder (default: here)")
    _add_settings(command)


def _resume(add: _Add) -> None:
    command = add("resume", help="go on with a thread from its last checkpoint", epilog=_EPILOG)
    command.add_argument(
        "thread", metavar="THREAD", nargs="?", default="", help="name or its beginning; default: "
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
    _add_settings(command)


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


def _show(add: _Add) -> None:
    command = add("show", help="what happened in a thread, step by step, with diffs")
    command.add_argument("thread", metavar="THREAD", help="name or its beginning")
    command.add_argument("--messages", action="store_true", help="also prompts and replies in full")


def _graph(add: _Add) -> None:
    command = add("graph", help="draw the graph; with a thread, the path it took")
    command.add_argument("thread", metavar="THREAD", nargs="?", default="", help="name")
    command.add_argument("--format", choices=("ascii", "mermaid", "svg"), default="ascii")


def _undo(add: _Add) -> None:
    command = add("undo", help="put the files back as they were before a run")
    command.add_argument("thread", metavar="THREAD", help="name or its beginning")
    _add_place(command)
    command.add_argument("--redo", action="store_true", help="take the last undo back")
    command.add_argument(
        "--force", action="store_true", help="also files that you have changed since"
    )


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
    command.add_argument("--json", action="store_true", help="print one JSON object")

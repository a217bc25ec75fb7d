"""The edge: the only place where errors become words and exit codes."""

import argparse
import errno
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from greenloop.cli.parser import build_parser
from greenloop.errors import GreenloopError, InfrastructureError

_INTERRUPTED = 130
_BROKEN_PIPE = 141
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_COMMANDS = {
    "run": ("work", "run"),
    "resume": ("work", "resume"),
    "undo": ("work", "undo"),
    "rewind": ("travel", "rewind"),
    "fork": ("travel", "fork"),
    "restore": ("travel", "restore"),
    "history": ("history", "history"),
    "diff": ("diff", "diff"),
    "threads": ("look", "threads"),
    "show": ("look", "show"),
    "graph": ("look", "graph"),
    "config": ("look", "config_show"),
    "prune": ("prune", "prune"),
    "doctor": ("doctor", "doctor"),
}
"""Module and function of each command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal's encoding lacks is no reason to fail.
            stream.reconfigure(errors="replace")
    args = build_parser().parse_args(argv)
    try:
        return _command(args.command)(args)
    except GreenloopError as error:
        return _fail(args, str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail(args, "interrupted", _INTERRUPTED)
    except BrokenPipeError:
        # The reader went away, as `| head` does; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Exception as error:  # noqa: BLE001  # the edge: no traceback reaches a user
        return _fail(args, _unforeseen(error), InfrastructureError.exit_code)


def _unforeseen(error: Exception) -> str:
    """Words for what nobody named; a disk that takes nothing can show anywhere."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"{error.strerror}: {error.filename or 'a file'} was not written; see to the disk"
    return f"greenloop failed inside: {type(error).__name__}: {error}; please report this"


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """The function that carries out a command; only its own module is loaded."""
    module, function = _COMMANDS[name]
    found: Callable[[argparse.Namespace], int] = getattr(
        import_module(f"greenloop.cli.{module}"), function
    )
    return found


def _fail(args: argparse.Namespace, message: str, exit_code: int) -> int:
    line = " ".join(message.split())
    thread, resume_with = getattr(args, "started", ""), getattr(args, "resume_with", "")
    if resume_with and exit_code != 2:
        line += f"; go on with: {resume_with}"
    print(f"greenloop: {line}", file=sys.stderr)
    if getattr(args, "json", False):
        failed = {"status": "error", "exit_code": exit_code, "error": line, "thread": thread}
        print(json.dumps(failed))
    return exit_code

"""The command `diff`: what differs between two checkpoints; in a pipe it is a patch."""

import argparse
import json
import shlex
import sys

from rich.console import Console
from rich.text import Text

from greenloop.cli.live import diff_style
from greenloop.cli.program import program
from greenloop.cli.stores import stores
from greenloop.graph.compare import Comparison, FileChange, compare
from greenloop.tools.text import printable


def diff(args: argparse.Namespace) -> int:
    """`greenloop diff THREAD [A [B]]`."""
    patch = not (args.json or args.stat or sys.stdout.isatty())
    with stores(args) as storage:
        thread = storage.threads.find(args.thread)
        found = compare(thread, args.old or "start", args.new or "last", storage, exact=patch)
    if args.json:
        print(json.dumps(found.as_json()))
    elif args.stat:
        _stat(found)
    elif not patch:
        _coloured(found, args)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(found.diff.encode("utf-8", "surrogateescape"))
        sys.stdout.flush()
    return 0


def _stat(found: Comparison) -> None:
    shown = {printable(file.path): file for file in found.files}
    width = max(map(len, shown), default=0)
    for path, file in shown.items():
        print(f"  {path:<{width}}  {_amount(file)}")
    added, deleted = (sum(getattr(f, name) for f in found.files) for name in ("added", "deleted"))
    print(f"{_title(found)}: {_count(found)}, +{added} -{deleted}")


def _amount(file: FileChange) -> str:
    words = {"added": "new", "deleted": "gone", "mode": "permissions"}.get(file.kind, "")
    lines = f"+{file.added} -{file.deleted}" if file.added or file.deleted else ""
    return "  ".join(filter(None, (lines, words))) or "no text"


def _coloured(found: Comparison, args: argparse.Namespace) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for line in found.diff.removesuffix("\n").split("\n") if found.diff else ():
        console.print(Text(printable(line), diff_style(line)))
    console.print(Text(f"{_title(found)}: {_count(found)}", "bold"))
    if found.files:
        words = [args.thread, *filter(None, (args.old, args.new))]
        console.print(Text(f"  apply    {program()} diff {shlex.join(words)} | git apply", "dim"))


def _count(found: Comparison) -> str:
    return "1 file" if len(found.files) == 1 else f"{len(found.files)} files"


def _title(found: Comparison) -> str:
    old, new = found.old, found.new
    other = f"{new.thread} at " if new.thread != old.thread else ""
    return f"{old.thread} from {old.point} to {other}{new.point}"

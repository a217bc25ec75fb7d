"""`greenloop prune`: free the room of threads that have ended."""

import argparse
import json
import re

from greenloop.cli.sizes import in_bytes
from greenloop.cli.stores import stores
from greenloop.config import prepare_process
from greenloop.errors import UserError
from greenloop.graph.prune import KEPT, Pruned, Wish
from greenloop.graph.prune import prune as prune_store
from greenloop.tools.text import printable

_AGE = re.compile(r"(\d+)([hdw])")
_SECONDS = {"h": 3600.0, "d": 86400.0, "w": 604800.0}


def prune(args: argparse.Namespace) -> int:
    """`greenloop prune [THREAD ...]`."""
    prepare_process()
    if args.thread and (args.keep is not None or args.older_than):
        raise UserError("give either names of threads, or --keep and --older-than")
    keep = KEPT if args.keep is None else args.keep
    wish = Wish(keep, parse_age(args.older_than), tuple(args.thread), args.dry_run)
    with stores(args) as storage:
        done = prune_store(storage, wish)
    if args.json:
        print(json.dumps(_as_json(done)))
    else:
        _print(done)
    # A thread that was named and is still there was not what was asked for.
    missed = not wish.dry_run and len(done.threads) < len(set(args.thread))
    return UserError.exit_code if missed else 0


def parse_age(text: str) -> float:
    """`30d` as seconds; also hours (h) and weeks (w); 0 for the empty string.

    Raises:
        UserError: it is malformed.
    """
    if not text:
        return 0.0
    found = _AGE.fullmatch(text)
    if found is None:
        raise UserError(f"--older-than {text!r} is not understood: write 30d, 12h or 4w")
    return int(found[1]) * _SECONDS[found[2]]


def _print(done: Pruned) -> None:
    verb = "would remove" if done.dry_run else "removed"
    for thread in done.threads:
        print(printable(f"{verb} {thread}"))
    if not done.threads:
        print("no thread is to be removed" if done.dry_run else "no thread was removed")
    for skipped in done.skipped:
        print(printable(f"skipped {skipped.what}: {skipped.why}"))
    whole = f"{in_bytes(done.before)} on the disk"
    if done.dry_run:
        print(f"would free about {in_bytes(done.freed)} of {whole}")
    else:
        print(f"freed {in_bytes(done.freed)} of {whole}")


def _as_json(done: Pruned) -> dict[str, object]:
    return {
        "status": "would prune" if done.dry_run else "pruned",
        "exit_code": 0,
        "threads": list(done.threads),
        "skipped": [{"what": each.what, "why": each.why} for each in done.skipped],
        "bytes_before": done.before,
        "bytes_after": done.after,
        "bytes_freed": done.freed,
        "dry_run": done.dry_run,
    }

"""`greenloop threads --sizes`: how much room each thread takes."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from greenloop.checkpoints.threads import Thread
from greenloop.config import prepare_process
from greenloop.graph.sizes import Sizes, measure
from greenloop.graph.storage import Storage
from greenloop.tools.text import printable

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def in_bytes(count: int) -> str:
    """A count of bytes for people, in units of 1024."""
    size, unit = float(count), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{count} {_UNITS[0]}"


def print_sizes(storage: Storage, threads: Sequence[Thread], *, as_json: bool) -> None:
    """Measure and print.

    Raises:
        StorageError: a thread cannot be read.
    """
    prepare_process()
    sizes = measure(storage, threads)
    print(json.dumps(asdict(sizes)) if as_json else _table(sizes))


def _table(sizes: Sizes) -> str:
    width = max((len(each.thread) for each in sizes.threads), default=6)
    lines = [f"{'':<{width}}  {'checkpoints':>12}  {'events':>12}  {'own texts':>12}"]
    for each in sizes.threads:
        parts = (each.checkpoints, each.events, each.blobs)
        lines.append(
            f"{each.thread:<{width}}  " + "  ".join(f"{in_bytes(part):>12}" for part in parts)
        )
    lines += [f"snapshots of {each.repo}: {in_bytes(each.snapshots)}" for each in sizes.stores]
    lines.append(f"{in_bytes(sizes.total)} on the disk in all")
    lines.append(f"`greenloop prune` would free about {in_bytes(sizes.freed)}")
    return "\n".join(map(printable, lines))

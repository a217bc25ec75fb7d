"""Keeps a store's objects in a second place, such as a database that other machines can reach.

Every pack goes to the mirror before the local store has it, so that whatever the local store can
name, the mirror can bring back.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from greenloop.checkpoints.snapshots.git import Git
from greenloop.checkpoints.snapshots.objects import store_pack
from greenloop.errors import StorageError

MARK = "mirror"
"""File in the store: the number of the last pack that both places have."""


class PackMirror(Protocol):
    """Packs of git objects (gitformat-pack(5)), numbered from 1 within one snapshot store.

    A pack holds up to 32 MiB of small files, or one large file compressed, or, after a prune,
    everything: an implementation whose cells have a limit cuts it into chunks itself.
    """

    def push(self, pack: bytes) -> int:
        """Keep a pack, durable when this returns; answers its number, higher than all before.

        Numbers without gaps spare fetching our own packs again.
        """
        ...

    def pull(self, after: int) -> Iterable[tuple[int, bytes]]:
        """The packs with a higher number than `after`, in order, fetched as they are asked for."""
        ...

    def replace(self, pack: bytes) -> int:
        """Keep this one pack instead of all, in one transaction; answers its new number."""
        ...


class Mirrored:
    """A local store and its mirror."""

    def __init__(self, mirror: PackMirror, store: Path) -> None:
        self._mirror, self._file = mirror, store / MARK
        self._checked = False

    def push(self, pack: bytes) -> None:
        """Send a pack to the mirror.

        Raises:
            StorageError: the local store cannot be written; whatever the mirror raises.
        """
        number = self._mirror.push(pack)
        if number == self._number() + 1:  # else another machine's packs are still to be fetched
            self._note(number)

    def pull(self, git: Git) -> int:
        """Fetch the packs that the local store lacks; answers how many there were.

        Raises:
            StorageError: a pack is damaged, or the local store cannot be written.
        """
        count = 0
        for number, pack in self._mirror.pull(self._number()):
            store_pack(git, pack)
            self._note(number)
            count += 1
        return count

    def replace(self, pack: bytes) -> None:
        """Make this pack the mirror's only content.

        Raises:
            StorageError: the local store cannot be written; whatever the mirror raises.
        """
        self._note(self._mirror.replace(pack))

    def replaced(self) -> bool:
        """Whether the mirror no longer has all that it had when this store last met it.

        Another machine's prune takes every older pack away, so one look for the last suffices;
        it is made once, for nobody may prune while a store is in use.
        """
        if self._checked:
            return False
        self._checked = True
        last = self._number()
        if last == 0:
            return True
        first = next(iter(self._mirror.pull(last - 1)), None)
        return first is None or first[0] != last

    def _number(self) -> int:
        try:
            return int(self._file.read_text("ascii"))
        except (OSError, ValueError):
            return 0

    def _note(self, number: int) -> None:
        fresh = self._file.with_name(f"{MARK}.new")
        try:
            fresh.write_text(str(number), "ascii")
            fresh.replace(self._file)
        except OSError as error:
            raise StorageError(
                f"cannot write {self._file}: {error.strerror}; free space there and try again"
            ) from error

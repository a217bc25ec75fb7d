"""Replies received in the super-step under way: a node that runs again need not ask again."""

from greenloop.checkpoints.blobs import Blobs
from greenloop.checkpoints.databases.base import Database
from greenloop.errors import StorageError


class Journal:
    """One thread's journal. Replies are kept in the order in which they were asked for.

    A node is deterministic but for what it is told, so running again it asks the same. Where it
    does not, as the files or the settings were changed, what follows is asked anew.
    """

    def __init__(self, database: Database, blobs: Blobs, thread: str) -> None:
        self._database = database
        self._blobs = blobs
        self._thread = thread
        self._step = 0
        self._ordinal = 0

    def begin(self, step: int) -> None:
        """Start a super-step, maybe again; what is kept of those before it is no longer needed."""
        self._step, self._ordinal = step, 0
        self._database.execute(
            "DELETE FROM journal WHERE thread = ? AND step < ?", (self._thread, step)
        )

    def recall(self, request: str) -> str | None:
        """What the next question was answered, or None if it was not asked yet.

        Args:
            request: fingerprint of the question; another one than before ends what is recalled.
        """
        rows = self._database.execute(
            "SELECT request, ref FROM journal WHERE thread = ? AND step = ? AND ordinal = ?",
            (self._thread, self._step, self._ordinal),
        )
        if not rows or rows[0][0] != request:
            return None
        try:
            answer = self._blobs.get(rows[0][1])
        except StorageError:  # a power cut may take what was not on the disk yet
            return None
        self._ordinal += 1
        return answer

    def keep(self, request: str, answer: str) -> None:
        """Keep an answer; it is on record when this returns.

        Raises:
            StorageError: it cannot be written.
        """
        ref = self._blobs.put(answer)
        key = (self._thread, self._step, self._ordinal)
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM journal WHERE thread = ? AND step = ? AND ordinal >= ?", key
            )
            self._database.execute(
                "INSERT INTO journal VALUES (?, ?, ?, ?, ?)", (*key, request, ref)
            )
        self._ordinal += 1

    def kept(self, step: int) -> int:
        """Replies of the brain that are on record for a super-step.

        Their keys are plain digests; those of whatever else is kept begin with a word and a colon.
        """
        ((count,),) = self._database.execute(
            "SELECT count(*) FROM journal WHERE thread = ? AND step = ? "
            "AND substr(request, 1, 8) <> 'verdict:' AND substr(request, 1, 6) <> 'tests:'",
            (self._thread, step),
        )
        return int(count)

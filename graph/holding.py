"""Holding a folder: one run at a time changes its files and those around or within it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from greenloop.checkpoints.lock import exclusive, is_held
from greenloop.errors import ThreadError
from greenloop.graph.storage import Storage
from greenloop.tools.files import Workspace


@contextmanager
def working_on(workspace: Workspace, storage: Storage) -> Iterator[None]:
    """Hold the folder: one run at a time changes its files.

    Raises:
        ThreadError: another run holds it, a folder around it or one within it.
        WorkspaceError: it cannot be written.
    """
    workspace.require_writable()
    busy = f"another run works in {workspace.root}: wait for it or stop it"
    with exclusive(storage.folder_lock(workspace.root), busy):
        refuse_overlap(workspace.root, storage)
        workspace.sweep()  # temporary files of a run that was killed while writing
        yield


def refuse_overlap(folder: Path, storage: Storage) -> None:
    """Both of two that come at once may be refused; never neither."""
    for other in (*folder.parents, *storage.threads.folders(folder)):
        if is_held(storage.folder_lock(other)):
            raise ThreadError(
                f"another run works in {other}, which shares files with {folder}: "
                "wait for it or stop it"
            )

"""Makes the private repository that snapshots are kept in."""

import shutil
import tempfile
from pathlib import Path

from greenloop.checkpoints.snapshots.git import Git, clean_env
from greenloop.errors import StorageError

STORE_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = true
\tfileMode = true
\tsymlinks = true
\tautocrlf = false
\tcompression = 1
\tlogAllRefUpdates = false
[gc]
\tauto = 0
\tpruneExpire = never
[maintenance]
\tauto = false
"""
"""Snapshots hang on no ref, so a collector would take them for rubbish: it must never run."""

STORE_ATTRIBUTES = "* -text !eol -filter -ident !working-tree-encoding !diff !merge\n"
"""info/attributes has the highest precedence (gitattributes(5)): no conversion for any path."""


def private_git(store: Path) -> Git:
    """Git on the private store, which is created when it is not there.

    Raises:
        StorageError: git is missing, or the store cannot be created.
    """
    git = Git(store, clean_env(GIT_DIR=str(store)))
    if not (store / "HEAD").is_file():
        _create(store)
    return git


def _create(store: Path) -> None:
    """Make the repository aside and rename it, so that a half-made one is never seen."""
    fresh: Path | None = None
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        # Open to the owner only, for it holds copies of files that may be private.
        fresh = Path(tempfile.mkdtemp(prefix=f"{store.name}-new-", dir=store.parent))
        Git(fresh, clean_env()).run(
            "init", "--quiet", "--bare", "--object-format=sha1", "--template=", str(fresh)
        )
        (fresh / "config").write_text(STORE_CONFIG, "utf-8")
        (fresh / "info").mkdir(exist_ok=True)
        (fresh / "info" / "attributes").write_text(STORE_ATTRIBUTES, "utf-8")
        fresh.rename(store)
    except OSError as error:
        if not (store / "HEAD").is_file():  # else another process was first
            raise StorageError(
                f"the snapshot store {store} cannot be created: {error.strerror}; "
                "free the folder or choose another"
            ) from error
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)

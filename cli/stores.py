"""The stores that a command works on: those of the settings, or the database named by `--store`."""

import argparse
from contextlib import AbstractContextManager

from greenloop.config import load
from greenloop.graph.storage import Storage, open_stores


def stores(args: argparse.Namespace) -> AbstractContextManager[Storage]:
    """Open them for the length of a block.

    Raises:
        StorageError, UserError: see `open_storage`.
    """
    return open_stores(load({"store": args.store}).settings)

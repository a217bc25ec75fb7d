"""Snapshots of the working tree: the files half of every checkpoint."""

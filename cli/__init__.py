"""The command line: parse, build settings, call the graph, print. Imports stay lazy."""

from greenloop.cli.main import main

__all__ = ["main"]

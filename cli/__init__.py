"""The command line: parse, build settings, call the graph, print."""

from greenloop.cli.main import main

__all__ = ["main"]

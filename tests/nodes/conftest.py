"""A folder with a quick check, ready for runs of the graph."""

from graph_bench.bench import bench

__all__ = ["bench"]

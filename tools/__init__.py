"""Everything that touches the world; knows nothing of the graph."""

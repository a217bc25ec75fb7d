"""One file, one node: each reads the state and returns only what it changes."""

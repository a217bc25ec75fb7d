"""greenloop: a coding agent for small local models, judged by your tests."""

__version__ = "0.1.0"

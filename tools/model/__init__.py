"""The brain: one protocol, several models behind it."""

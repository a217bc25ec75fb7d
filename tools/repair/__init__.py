"""The embedded brain: repair by search against failing tests."""

"""Files that run inside the tested project's interpreter: standard library and pytest only."""

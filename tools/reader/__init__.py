"""Reading replies: what a model asks to be done, however it wrote it; refused when in doubt."""

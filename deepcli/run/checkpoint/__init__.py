"""Checkpoint files, read as input from a stranger: nothing in them can run code."""

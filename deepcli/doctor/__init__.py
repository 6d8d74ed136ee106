"""What this machine has, and whether a small network trains on it."""

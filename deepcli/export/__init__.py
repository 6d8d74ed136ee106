"""Models for other programs: formats, what goes with them, and a look at whether they say what the model says."""

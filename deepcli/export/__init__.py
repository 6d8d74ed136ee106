"""Export of models for other programs: the model in a format, a script that uses it, and a check of its outputs."""

"""Sweeps: many runs of one spec, each at another point of a space of parameters."""

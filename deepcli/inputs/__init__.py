"""Inputs of `predict`: pictures, arrays and texts, from files or a pipe, one after another."""

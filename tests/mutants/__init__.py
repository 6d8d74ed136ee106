"""Deliberate faults: each must make a test fail, or the tests do not hold what they seem to."""

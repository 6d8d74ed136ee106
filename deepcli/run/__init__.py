"""Run directories: written, listed, read, resumed and reported on."""

"""Reports, plots and comparisons of runs, from the files that `train` and `evaluate` saved; without TensorFlow."""

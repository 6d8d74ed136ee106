"""What runs have come to, for people to look at: read from what `train` and `evaluate` saved, without TensorFlow."""

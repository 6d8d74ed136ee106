"""What is measured of a trained model: scores with their intervals, paired tests, mistakes."""

from deepcli.evaluation.scores import SCORES, Score

__all__ = ["SCORES", "Score"]

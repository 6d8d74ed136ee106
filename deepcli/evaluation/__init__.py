"""What is measured of a trained model: scores with their intervals, paired tests, mistakes, baselines."""

from deepcli.evaluation import (
    area_scores,
    class_scores,
    input_scores,
    label_scores,
    level_scores,
    number_scores,
    probability_scores,
    sequence_scores,
    series_scores,
    token_scores,
)
from deepcli.evaluation.scores import SCORES, Score

__all__ = [
    "SCORES",
    "Score",
    "area_scores",
    "class_scores",
    "input_scores",
    "label_scores",
    "level_scores",
    "number_scores",
    "probability_scores",
    "sequence_scores",
    "series_scores",
    "token_scores",
]

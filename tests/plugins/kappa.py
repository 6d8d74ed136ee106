from typing import Literal

from deepcli.evaluation import SCORES, Score


@SCORES.register
class Kappa(Score):
    """Agreement beyond chance between labels and answers (Cohen 1960)."""

    type: Literal["kappa"] = "kappa"

    def measure(self, predictions):
        from sklearn.metrics import cohen_kappa_score

        return cohen_kappa_score(predictions.labels, predictions.answers)

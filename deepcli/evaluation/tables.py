"""Tables beside the scores: a row for each class, label or predicted number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepcli.result import ClassFigures, LabelFigures, NumberFigures

if TYPE_CHECKING:
    from deepcli.evaluation.label_predictions import LabelPredictions
    from deepcli.evaluation.number_predictions import NumberPredictions
    from deepcli.evaluation.predictions import Predictions


def per_class(predictions: Predictions) -> list[ClassFigures]:
    """Return precision, recall, F1 and number of examples of each class; NaN for a class without examples."""
    from sklearn.metrics import precision_recall_fscore_support

    *figures, support = precision_recall_fscore_support(
        predictions.labels, predictions.answers, labels=range(predictions.classes), zero_division=0.0
    )
    rows = np.where(support, figures, np.nan).T.tolist()
    return [
        ClassFigures.model_validate({"class": k, "precision": row[0], "recall": row[1], "f1": row[2], "support": count})
        for k, (row, count) in enumerate(zip(rows, support.tolist(), strict=True))
    ]


def per_label(predictions: LabelPredictions) -> list[LabelFigures]:
    """Return precision, recall, F1, average precision and threshold of each label; NaN for a label without examples."""
    from deepcli.evaluation.area_scores import average_precision

    right, true, said = (part.sum(axis=0) for part in predictions.tallies)
    present = true > 0
    figures = [right / np.maximum(below, 0.5) for below in (said, true, (true + said) / 2)]
    areas = [
        average_precision(predictions.labels[:, k] > 0, predictions.probabilities[:, k]) if there else np.nan
        for k, there in enumerate(present.tolist())
    ]
    rows = np.where(present, [*figures, areas], np.nan).T.tolist()
    return [
        LabelFigures(
            label=k,
            precision=row[0],
            recall=row[1],
            f1=row[2],
            average_precision=row[3],
            threshold=float(predictions.thresholds[k]),
            support=int(true[k]),
        )
        for k, row in enumerate(rows)
    ]


def per_number(predictions: NumberPredictions) -> list[NumberFigures]:
    """Return the errors of each predicted number, in its own unit."""
    from deepcli.evaluation.number_scores import R2, Mae, MedianAbsoluteError, Rmse, Spearman

    rows = []
    for k, name in enumerate(predictions.names):
        one = predictions.of(k)
        figures = {score.type: score.measure(one) for score in (Mae(), Rmse(), MedianAbsoluteError(), R2(), Spearman())}
        spread, bias = float(one.truths.std()), float((one.outputs - one.truths).mean())
        rows.append(NumberFigures(name=name, **figures, bias=bias, standard_deviation=spread))
    return rows

"""Reading a file of predictions of any kind; the arrays in it say which kind it is."""

from __future__ import annotations

import zipfile
from pathlib import Path

from deepcli.data.arrays.archive import DAMAGE
from deepcli.errors import DataError
from deepcli.evaluation.forecast_predictions import ForecastPredictions
from deepcli.evaluation.input_predictions import InputPredictions
from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.predictions_base import AnyPredictions
from deepcli.evaluation.sequence_predictions import SequencePredictions
from deepcli.evaluation.token_predictions import TokenPredictions

__all__ = ["AnyPredictions", "load_predictions"]

BY_ARRAYS: dict[frozenset[str], type[AnyPredictions]] = {
    frozenset(kind.ARRAYS): kind
    for kind in (
        Predictions,
        LevelPredictions,
        LabelPredictions,
        NumberPredictions,
        TokenPredictions,
        ForecastPredictions,
        InputPredictions,
        SequencePredictions,
    )
}


def load_predictions(path: Path) -> AnyPredictions:
    """Read a file of predictions of any kind; nothing in the file is executed.

    Raises:
        DataError: The file is missing, damaged, or not a file of predictions.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = frozenset(name.removesuffix(".npy") for name in archive.namelist())
    except DAMAGE as error:
        raise DataError(f"{path}: is damaged or not a .npz file: {error}") from None
    # What has other arrays is read as a classifier's: the error names the array that is missing.
    return BY_ARRAYS.get(names, Predictions).load(path)

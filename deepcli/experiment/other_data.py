"""Other data for a trained model: words like `data.path=NEW` that override the data in its spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, ValidationError

from deepcli.data import DATASETS, BaseDataset, Signature
from deepcli.data.sources.known_schemas import carrying
from deepcli.errors import DataError, SpecError, UsageError
from deepcli.experiment import load
from deepcli.experiment.edits import key_of
from deepcli.experiment.merge import Merger
from deepcli.experiment.messages import problems
from deepcli.experiment.schema import Experiment
from deepcli.experiment.split_words import refuse_split
from deepcli.spec.paths import unreadable
from deepcli.spec.registry import Spec
from deepcli.spec.yaml12 import Document


class DataSection(Spec):
    """The only section of a spec that can be changed to use other data."""

    data: Annotated[BaseDataset, DATASETS] = Field(description="The data set.")


def demand_data_words(words: Sequence[str]) -> None:
    """Check that words change only the data.

    Raises:
        UsageError: One of them changes something else.
    """
    refuse_split(words)
    for word in words:
        if not load.is_override(word):
            raise UsageError(f"unexpected argument {word!r}; to use other data, write for example data.path=NEW")
        if key_of(word).partition(".")[0] != "data":
            raise UsageError(
                f"{word}: only the data can be changed here, for example data.path=NEW; the model stays as trained"
            )


def laid_over(document: Document, words: Sequence[str]) -> Document:
    """Apply words to a spec."""
    return load.apply(Merger(), document, words)


def other_data(experiment: Experiment, words: Sequence[str]) -> tuple[BaseDataset, tuple[str, ...]]:
    """Return the data set that words choose for a model, and notices for the user.

    Raises:
        SpecError: The words do not describe a valid data set.
        DataError: The model does not fit the data.
    """
    merger = Merger()
    document = load.apply(merger, load.parse(load.dump(experiment), "the checkpoint's spec"), words)
    try:
        with carrying(experiment.data.data_schema):
            data = DataSection.model_validate({"data": document.tree["data"]}).data.bound(experiment.task.reads)
        why = _misfit(experiment.signature, experiment.task.posed(data.signature))
    except ValidationError as error:
        raise SpecError(problems(error, document, DataSection)) from None
    except OSError as error:
        raise DataError(unreadable(error, document.tree)) from error
    if why:
        raise DataError(f"{' '.join(words)}: {why}")
    return data, tuple(merger.notices)


def _misfit(model: Signature, data: Signature) -> str | None:
    """Return why a model cannot read data; None if it can."""
    longest, length = model.shape[0], data.shape[0]
    texts = model.kind == data.kind == "tokens"
    fits = (
        (longest is None or (length is not None and length <= longest))
        and (data.vocabulary or 0) <= (model.vocabulary or 0)
        if texts
        else model.shape == data.shape
    )
    if fits and (model.kind, model.classes, model.predicted) == (data.kind, data.classes, data.predicted):
        return None
    return f"the model takes {_described(model)}, but these data are {_described(data)}"


def _described(signature: Signature) -> str:
    if signature.kind == "tokens":
        length = f"at most {signature.shape[0]:,}" if signature.shape[0] else "any number of"
        return f"texts of {length} ids below {signature.vocabulary or 0:,}, in {signature.classes} classes"
    if signature.kind == "text":
        return f"windows of {signature.shape[0]:,} tokens of {signature.vocabulary or 0:,} different ones"
    if signature.kind == "series" and signature.series is not None:
        names = ", ".join(signature.predicted.names[:5])
        windows = f"windows of {signature.shape[0]:,} steps of {signature.shape[1]} columns"
        return f"{windows}, with {names} to forecast" if names else f"{windows} to give back"
    if signature.kind == "pairs":
        longest, target = ((size or 1) - 1 for size in signature.shape)
        return f"pairs of at most {longest:,} and {target:,} tokens of {signature.vocabulary or 0:,} and {signature.classes:,}"
    return f"{signature.kind}s of {'x'.join(map(str, signature.shape))} in {signature.classes} classes"

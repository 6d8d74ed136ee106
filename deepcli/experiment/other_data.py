"""Other data for a trained model, named on purpose: words like `data.path=NEW`, laid over the data of its spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, ValidationError

from deepcli.data import DATASETS, Dataset, Signature
from deepcli.errors import DataError, SpecError, UsageError
from deepcli.experiment import load
from deepcli.experiment.merge import Merger
from deepcli.experiment.messages import problems
from deepcli.experiment.schema import Experiment
from deepcli.spec.paths import unreadable
from deepcli.spec.registry import Spec
from deepcli.spec.yaml12 import Document


class DataSection(Spec):
    """The one section of a spec in which other data are named."""

    data: Annotated[Dataset, DATASETS] = Field(description="The data set.")


def demand_data_words(words: Sequence[str]) -> None:
    """Check that words change nothing but the data.

    Raises:
        UsageError: One does.
    """
    for word in words:
        name, equals, _ = word.partition("=")
        if not equals or not load.is_override(word):
            raise UsageError(f"unexpected argument {word!r}; other data are named like data.path=NEW")
        if name.partition(".")[0] != "data":
            raise UsageError(f"{word}: only data can be named here, like data.path=NEW; the model is as it was trained")


def laid_over(document: Document, words: Sequence[str]) -> Document:
    """Lay words over a spec."""
    return Merger().overlay(document, load.words(words))


def other_data(experiment: Experiment, words: Sequence[str]) -> tuple[Dataset, tuple[str, ...]]:
    """Return the data that words name for a model, and what the user should be told of them.

    Raises:
        SpecError: They are no data set.
        DataError: The model cannot read them.
    """
    merger = Merger()
    document = merger.overlay(load.parse(load.dump(experiment), "the checkpoint's spec"), load.words(words))
    try:
        data = DataSection.model_validate({"data": document.tree["data"]}).data
        why = _misfit(experiment.signature, data.signature)
    except ValidationError as error:
        raise SpecError(problems(error, document, DataSection)) from None
    except OSError as error:
        raise DataError(unreadable(error, document.tree)) from error
    if why:
        raise DataError(f"{' '.join(words)}: {why}")
    return data, tuple(merger.notices)


def _misfit(model: Signature, data: Signature) -> str | None:
    """Say why a model cannot read data; None if it can."""
    longest, length = model.shape[0], data.shape[0]
    texts = model.kind == data.kind == "tokens"
    fits = (
        (longest is None or (length is not None and length <= longest))
        and (data.vocabulary or 0) <= (model.vocabulary or 0)
        if texts
        else model.shape == data.shape
    )
    if fits and (model.kind, model.classes) == (data.kind, data.classes):
        return None
    return f"the model takes {_described(model)}, and these data are {_described(data)}"


def _described(signature: Signature) -> str:
    if signature.kind == "tokens":
        length = f"at most {signature.shape[0]:,}" if signature.shape[0] else "any number of"
        return f"texts of {length} ids below {signature.vocabulary or 0:,}, in {signature.classes} classes"
    return f"{signature.kind}s of {'x'.join(map(str, signature.shape))} in {signature.classes} classes"

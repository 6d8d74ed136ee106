"""Sections of a report on an autoencoder: errors, codes in two dimensions, inputs before and after, and samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from deepcli.evaluation.input_predictions import InputPredictions
from deepcli.evaluation.shown_inputs import GROUPS, InputExamples
from deepcli.evaluation.shown_windows import WindowExamples
from deepcli.reports import input_plots, window_plots
from deepcli.reports.markup import image, svg
from deepcli.reports.templating import render


@dataclass(frozen=True)
class BeforeAfter:
    """An input and what the model makes of it.

    Attributes:
        caption: Where it is, and its error.
        before: The picture; None for a row of a table.
        after: The picture that the model makes of it; None for a row of a table.
        text: The columns before and after; empty for a picture.
    """

    caption: str
    before: Markup | None = None
    after: Markup | None = None
    text: str = ""


def input_sections(predictions: InputPredictions, names: Sequence[str]) -> Iterator[Markup]:
    """Write the sizes of errors, and the codes in two dimensions.

    Args:
        predictions: Predictions of a split.
        names: The names of the classes that examples have besides; empty for none.
    """
    plane = input_plots.code_plane(predictions, names)
    yield render(
        "inputs.html",
        errors=svg(input_plots.error_histogram(predictions)),
        codes=None if plane is None else svg(plane[0]),
        share="" if plane is None or predictions.codes.shape[1] <= 2 else f"{100 * plane[1]:.0f} %",
        latent=predictions.codes.shape[1],
        rand_index=predictions.rand_index,
    )


def input_examples(found: InputExamples, names: Sequence[str], predictions: InputPredictions) -> Iterator[Markup]:
    """Write the best, typical and worst examples, before and after, and the samples of a variational autoencoder."""
    groups = [(name, [_pair(found, k) for k, group in enumerate(found.groups) if group == n]) for n, name in _named()]
    samples = [image(pixels, "a sample") for pixels in found.samples]
    if len(found.ids):
        yield render("before_after.html", groups=groups, samples=samples)


def window_examples(found: WindowExamples, names: Sequence[str], predictions: InputPredictions) -> Iterator[Markup]:
    """Draw the best, typical and worst windows before and after, and series that are drawn from a variational one."""
    places = {name: [k for k, group in enumerate(found.groups) if group == n] for n, name in _named()}
    if len(found.ids):
        yield render(
            "windows.html",
            groups=[(name, svg(window_plots.before_and_after(found, mine))) for name, mine in places.items() if mine],
            several=any(found.columns.tolist()),
            samples=svg(window_plots.drawn_series(found.samples)) if len(found.samples) else None,
        )


def _named() -> list[tuple[int, str]]:
    return list(enumerate(GROUPS))


def _pair(found: InputExamples, place: int) -> BeforeAfter:
    caption = f"{found.errors[place]:.4g}, example {found.ids[place]}"
    if len(found.rows):
        return BeforeAfter(caption, text=str(found.rows[place]))
    before, after = (
        image(one[place], f"{word} {caption}") for one, word in ((found.before, "before,"), (found.after, "after,"))
    )
    return BeforeAfter(caption, before, after)

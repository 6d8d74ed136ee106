"""Texts continued by a language model: what `deepcli generate` and `Run.generate` have in common."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.data.running_text import TextDataset
    from deepcli.run.checkpoint.file import CheckpointFile
    from deepcli.training.evaluate import LoadedModel

SHOWN = 10
"""Unknown tokens of a prompt that an error names."""


@dataclass(frozen=True)
class GenerateRequest:
    """How texts are continued.

    Attributes:
        prompt: The text to continue; empty begins as after an empty line.
        length: The most tokens of a text.
        temperature: What logits are divided by; 0 always takes the likeliest token.
        top_k: Draw among this number of the likeliest tokens; None for all.
        top_p: Draw among the likeliest tokens with this probability together; None for all.
        seed: Seed of the draws; equal seeds give equal texts.
        number: How many texts.
        stop: A text ends before any of these.
        unknown: What to do with tokens of the prompt that training lacks: `error`, or `skip` them.
    """

    prompt: str = ""
    length: int = 500
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0
    number: int = 1
    stop: tuple[str, ...] = ()
    unknown: Literal["error", "skip"] = "error"

    def check(self) -> None:
        """Check the values, as a program may pass any.

        Raises:
            UsageError: One of them has no meaning.
        """
        wrong = {
            "--length": (self.length < 1, "at least 1", self.length),
            "--number": (self.number < 1, "at least 1", self.number),
            "--temperature": (not 0 <= self.temperature < math.inf, "at least 0", self.temperature),
            "--top-k": (self.top_k is not None and self.top_k < 1, "at least 1", self.top_k),
            "--top-p": (self.top_p is not None and not 0 < self.top_p <= 1, "above 0 and at most 1", self.top_p),
            "--seed": (not 0 <= self.seed < 2**32, "from 0 to 4294967295", self.seed),
            "--stop": ("" in self.stop, "a text that is not empty", ""),
            "--unknown": (self.unknown not in ("error", "skip"), "error or skip", self.unknown),
        }
        for option, (is_wrong, wanted, value) in wrong.items():
            if is_wrong:
                raise UsageError(f"{option}: should be {wanted}, not {value!r}")


@dataclass(frozen=True)
class GeneratedText:
    """A text that a language model wrote.

    Attributes:
        text: What follows the prompt.
        tokens: How many tokens were drawn.
        stopped: Whether it ended before a text of `stop`.
    """

    text: str
    tokens: int
    stopped: bool


class TextStream:
    """A text as it is written; iterating gives its pieces.

    Args:
        tokens: Its tokens, without end.
        request: How it ends.
        decode: Turns tokens into pieces of text.
    """

    def __init__(
        self, tokens: Iterator[int], request: GenerateRequest, decode: Callable[[Iterable[int]], Iterator[str]]
    ) -> None:
        self._tokens, self._request, self._decode = tokens, request, decode
        self.count, self.stopped = 0, False

    def __iter__(self) -> Iterator[str]:
        stops, held = self._request.stop, ""
        for piece in self._decode(self._counted()):
            held += piece
            found = [at for stop in stops if (at := held.find(stop)) >= 0]
            if found:
                self.stopped = True
                yield held[: min(found)]
                return
            kept = max((_begun(held, stop) for stop in stops), default=0)
            yield held[: len(held) - kept]
            held = held[len(held) - kept :]
        yield held

    def _counted(self) -> Iterator[int]:
        for token in itertools.islice(self._tokens, self._request.length):
            self.count += 1
            yield token

    def whole(self) -> GeneratedText:
        """Write the text to its end."""
        text = "".join(self)
        return GeneratedText(text, self.count, self.stopped)


def _begun(text: str, stop: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a stop."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)


def generate(loaded: LoadedModel, request: GenerateRequest) -> Iterator[TextStream]:
    """Yield the texts, one after another; each is written while it is iterated.

    Args:
        loaded: The model.
        request: How texts are continued.

    Raises:
        UsageError: The model is not a language model, or a value of the request has no meaning.
        DataError: The prompt has tokens that training lacks.
    """
    from deepcli.data.arrays.encoded_running_text import decoder
    from deepcli.data.sources.text_vocabulary import COMPLETE
    from deepcli.evaluation.sampling import Sampling
    from deepcli.training.continuation import Continuation

    data = text_data(loaded.experiment.data, loaded.experiment.resolved_task.type)
    request.check()
    prompt = prompt_tokens(data, request)
    forbidden = () if data.tokens in COMPLETE else (0,)
    sampling = Sampling(request.temperature, request.top_k, request.top_p, forbidden)
    continuation = Continuation(loaded.model, loaded.experiment, loaded.backend)
    decode = decoder(data.data_schema.vocabulary, data.tokens)
    for number in range(request.number):
        yield TextStream(continuation.tokens(prompt, sampling, [request.seed, number]), request, decode)


def text_data(data: object, task: str) -> TextDataset:
    """Return the data of a language model.

    Raises:
        UsageError: They are others.
    """
    from deepcli.data.running_text import TextDataset

    if not isinstance(data, TextDataset):
        raise UsageError(f"texts are continued by language models; this model is for {task}")
    return data


def prompt_tokens(data: TextDataset, request: GenerateRequest) -> list[int]:
    """Return the tokens of a prompt; without one, that of an empty line, or the first one if training has none.

    Raises:
        DataError: It has tokens that training lacks.
    """
    from deepcli.data.arrays.encoded_running_text import make_encoder
    from deepcli.data.sources.text_vocabulary import COMPLETE, first_token, unknown_signs
    from deepcli.errors import DataError

    vocabulary, text = data.data_schema.vocabulary, request.prompt.replace("\r\n", "\n").replace("\r", "\n")
    unknown = list(dict.fromkeys(unknown_signs(text, vocabulary, data.tokens)))
    if unknown and request.unknown == "error":
        named = ", ".join(map(repr, unknown[:SHOWN])) + (
            f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        )
        raise DataError(f"the prompt has {data.tokens} that training lacks: {named}; --unknown skip leaves them out")
    encode = make_encoder(vocabulary, data.tokens)
    tokens: list[int] = encode(text).tolist()
    known = [token for token in tokens if token or data.tokens in COMPLETE]
    if text and not known:
        raise DataError(f"the prompt has no {data.tokens} that training has")
    return known or [first_token(vocabulary)]


def opened_for_text(path: Path, device: str, plugins: Sequence[str]) -> CheckpointFile:
    """Open a checkpoint of a language model, without importing TensorFlow.

    Raises:
        UsageError: The model is not a language model.
        RunError: The directory is not a run, or has no checkpoint yet.
        CheckpointError: The file does not exist, or is not a checkpoint.
    """
    from deepcli.api.predicting import open_model

    checkpoint = open_model(path, device, plugins)
    text_data(checkpoint.experiment.data, checkpoint.experiment.resolved_task.type)
    return checkpoint

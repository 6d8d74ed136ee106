"""What data sets of own texts have in common: tokens, the vocabulary of the training split, and encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from deepcli.data.encoding import encode_row
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Schema
from deepcli.spec.fields import Auto, Positive

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Tokens
    from deepcli.data.lexicon import Lexicon

START, UNKNOWN = 1, 2


class OwnTexts(OwnDataset):
    """Own texts."""

    tokens: Literal["words", "characters"] = Field("words", description="What texts are split into.")
    num_words: Annotated[int, Field(gt=4)] | None = Field(
        20_000, description="Maximum size of the vocabulary; the most frequent tokens are kept. null keeps all."
    )
    maxlen: Auto | Positive | None = Field(
        "auto",
        description="Maximum sequence length; longer texts keep their last tokens. auto keeps nearly all texts whole, "
        "up to 512; null means no limit.",
    )

    def describe_texts(self, texts: Sequence[str], train: Sequence[int]) -> dict[str, Any]:
        """Return the fields of a schema of texts, learned from the training split alone.

        Args:
            texts: All texts.
            train: The places of the training examples.
        """
        from deepcli.data.sources.vocabulary import build_vocabulary, default_maxlen
        from deepcli.data.tokenizing import split_tokens

        chosen = [texts[place] for place in train]
        maxlen = self.maxlen
        if maxlen == "auto":
            maxlen = default_maxlen(len(split_tokens(text, self.tokens)) + 1 for text in chosen).value
        vocabulary = build_vocabulary(chosen, self.tokens, self.num_words)
        return {"kind": "tokens", "shape": (maxlen,), "vocabulary": vocabulary}

    def encode_texts(self, texts: Sequence[str], schema: Schema) -> Tokens:
        """Turn texts into token ids."""
        from deepcli.data.arrays.encoded_texts import encode_texts

        found: Tokens = encode_texts(texts, schema.vocabulary, self.tokens, schema.shape[0])
        return found

    def tokenize(self, texts: Sequence[str], lexicon: Lexicon) -> Tokens:
        """Turn raw texts into the token ids that a model of these data takes."""
        return self.encode_texts(texts, self.data_schema)

    def knows_a_word(self, text: str, lexicon: Lexicon) -> bool:
        """Return whether a model of these data knows any token of a text."""
        ids = self.tokenize([text], lexicon).values
        return bool(((ids != START) & (ids != UNKNOWN)).any())

    @property
    def first(self) -> int | None:
        """The id that starts every text."""
        return START

    def take(self, row: Any) -> np.ndarray:
        """Turn a row of ids, padded on either side or not at all, into the ids that a model of these data takes.

        Returns:
            int32 (length,).

        Raises:
            ValueError: The row does not consist of valid ids.
        """
        schema = self.data_schema
        ids: np.ndarray = encode_row(row, len(schema.vocabulary), UNKNOWN, 0, schema.shape[0])
        return ids


def same_text(text: str) -> bytes:
    """Return a text without differences that hardly matter to a model: letter case and white space."""
    return " ".join(text.casefold().split()).encode("utf-8", "surrogatepass")

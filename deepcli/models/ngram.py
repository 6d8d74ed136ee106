"""Hashed bags of n-grams: the linear baseline for neural models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.base import MODELS, Model
from deepcli.models.heads import Head
from deepcli.models.inputs import augmented, image_input, noisy, vocabulary_of
from deepcli.models.regularization import Penalties
from deepcli.spec.fields import Positive, PositiveFloat
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras

    from deepcli.data.arrays.splits import Split


@MODELS.register
class Ngram(Model):
    """A hashed bag of n-grams under a linear classifier (NB-SVM), or averaged into an embedding (fastText).

    Each n-gram of a text, up to `ngrams` words long, adds its row of a table to the output. Single words have their own
    rows; longer n-grams share `buckets` rows by hash. As in NB-SVM (Wang & Manning 2012), the rows are scaled by each
    n-gram's log-count ratio between a class and the others in the training split, so that one or two epochs are enough
    (with trigrams 91.9 % on IMDB: Mesnil et al. 2014). With `embedding_dim` the rows are embeddings, and their scaled
    sum feeds the output layer, as in fastText (Joulin et al. 2016).

    The n-grams of an image are its windows of n x n pixels, each pixel dark or bright, together with their position (the
    n-tuples of Bledsoe & Browning 1959).
    """

    type: Literal["ngram"] = "ngram"
    ngrams: Positive = Field(
        2, description="Longest n-gram in words; for images, side of the largest window in pixels."
    )
    buckets: Annotated[int, Field(gt=0, le=2**28)] = Field(
        2**20, description="Table rows that n-grams share by hash; single words have their own rows in addition."
    )
    embedding_dim: Positive | None = Field(
        None,
        description="Width of the embedding before the output layer; with null, n-grams vote for classes directly.",
    )
    naive_bayes: bool = Field(
        True, description="Scale rows by the log-count ratios of the training split; only without `embedding_dim`."
    )
    smoothing: PositiveFloat = Field(1.0, description="Added to each n-gram's count before the ratios are computed.")
    regularization: Penalties = Field(Penalties(), description="Dropout drops n-grams; the kernel is the table.")

    @classmethod
    def instead(cls, kind: str) -> str:
        return (
            " (n-grams of a running text are the baseline that each of them is compared with)" if kind == "text" else ""
        )

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        longest = min((size for size in signature.shape[:2] if size is not None), default=self.ngrams)
        if self.ngrams > longest:
            yield ("ngrams",), f"n-grams of {self.ngrams} are longer than these data; use at most {longest}"
        if self.naive_bayes and signature.predicted.kind in ("numbers", "labels"):
            yield ("naive_bayes",), f"compares classes, but these data have {signature.predicted.kind}; set it to false"
        if self.embedding_dim is not None and self.naive_bayes:
            yield ("naive_bayes",), "applies only without an embedding_dim; set it to false"
        if self.smoothing != 1.0 and not self.naive_bayes:
            yield ("smoothing",), "applies to the log-count ratios and needs `naive_bayes: true`"
        if self.regularization.dropconnect:
            yield (
                ("regularization", "dropconnect"),
                "an n-gram bag has no hidden layers; use dropout, which drops n-grams",
            )
        if self.embedding_dim is None:
            if self.regularization.spatial_dropout:
                yield ("regularization", "spatial_dropout"), "applies to the embedding and needs an embedding_dim"
            if self.regularization.gaussian_noise and signature.kind == "tokens":
                yield ("regularization", "gaussian_noise"), "applies to the embedding and needs an embedding_dim"

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        inputs, ids, size = self._ngrams(signature)
        x = self._bag(size, self.embedding_dim or head.units)(ids)
        if self.embedding_dim is None:
            outputs = keras.layers.Activation(head.activation, dtype="float32", name="output")(x)
            return keras.Model(inputs, head.finish(outputs), name="ngram")
        if signature.kind == "tokens":
            x = noisy(x, self.regularization)
        if self.regularization.spatial_dropout:
            x = keras.layers.Dropout(self.regularization.spatial_dropout, name="embedding_dropout")(x)
        return keras.Model(inputs, self.dense_output(x, head), name="ngram")

    def adapt(self, model: keras.Model, train: Split) -> None:
        """Set the log-count ratios; a single output unit is for class 1, otherwise there is one per class."""
        if not self.naive_bayes:
            return
        import numpy as np

        from deepcli.nn import ngram_bag

        bag = model.get_layer("bag")
        classes = range(bag.units) if bag.units > 1 else [1]
        counts = ngram_bag.class_counts(model.get_layer("ngrams"), train, max(bag.units, 2))
        ratios = [ngram_bag.log_count_ratios(counts, label, self.smoothing) for label in classes]
        bag.ratios.assign(np.stack(ratios, axis=1))

    def _ngrams(self, signature: Signature) -> tuple[keras.KerasTensor, keras.KerasTensor, int]:
        """Make the input and the ids of its n-grams; also return the number of possible ids."""
        import keras

        from deepcli.nn import ngram_bag

        if signature.kind == "image":
            inputs, x = image_input(signature, self.regularization)
            layer = ngram_bag.WindowNgrams(self.ngrams, self.buckets, name="ngrams")
            return inputs, layer(x), layer.size
        inputs = keras.Input((None,), dtype="int32", name="tokens")
        layer = ngram_bag.TokenNgrams(self.ngrams, self.buckets, vocabulary_of(signature), name="ngrams")
        return inputs, layer(augmented(inputs, signature)), layer.size

    def _bag(self, size: int, units: int) -> keras.layers.Layer:
        """Build the table, in float32: bfloat16 cannot add up hundreds of n-grams."""
        from deepcli.nn import ngram_bag

        return ngram_bag.NgramBag(
            size,
            units,
            self.naive_bayes,
            self.regularization.dropout,
            kernel_initializer=self.kernel_initializer.build(),
            bias_initializer=self.bias_initializer.build(),
            **self.regularization.on_weights(),
            dtype="float32",
            name="bag",
        )

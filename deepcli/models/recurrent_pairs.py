"""The recurrent network of pairs: an encoder of the input, and a decoder that may attend to it.

As in Luong et al. (2015), attention follows the decoder's layers: what a step attends to is joined with its state, so that
all steps of a target are computed at once in training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcli.data.signature import Signature
from deepcli.models.base import Translator
from deepcli.models.heads import Head
from deepcli.models.inputs import Sequence, normalized, vocabulary_of
from deepcli.models.pair_inputs import Sides, pair_input, pair_sides, real_steps, varied

if TYPE_CHECKING:
    import keras

    from deepcli.models.recurrent import Recurrent


def build_recurrent_pairs(spec: Recurrent, signature: Signature, head: Head) -> keras.Model:
    """Build the model: int32 rows of pairs (batch, steps) to logits of the targets (batch, steps, vocabulary)."""
    import keras

    from deepcli.nn import pair_recurrence, sequences

    rows, sides = pair_input(signature)
    encoded = _encoder(spec, signature, sides)
    last = encoded.x
    if spec.pair_attention != "none":
        last = sequences.LastStep(name="summary")(encoded.x, sides.lengths)
    each = 2 if spec.type == "lstm" else 1
    x = varied(_embedding(spec, signature.classes, "target_embedding")(sides.target), spec.regularization)
    for index, units in enumerate(spec.units, start=1):
        bridge = keras.layers.Dense(
            each * units, activation="tanh", kernel_initializer=spec.kernel_initializer.build(), name=f"bridge_{index}"
        )(last)
        states = pair_recurrence.SplitStates(each, name=f"states_{index}")(bridge)
        x = spec.cell(units, True, f"decoder_{index}")(x, initial_state=list(states))
        x = normalized(Sequence(x), spec.regularization.normalization, f"decoder_{index}_normalization")
    if spec.pair_attention != "none":
        layer = pair_recurrence.ScoredAttention(
            spec.pair_attention, kernel_initializer=spec.kernel_initializer.build(), name="attention"
        )
        x = layer(x, encoded.x, sides.real)
    return keras.Model(rows, spec.dense_output(x, head), name=spec.type)


def _encoder(spec: Recurrent, signature: Signature, sides: Sides) -> Sequence:
    """Read the input; the last layer gives every step, or without attention only the last real one."""
    x = varied(_embedding(spec, vocabulary_of(signature), "source_embedding")(sides.source), spec.regularization)
    sequence = Sequence(x, sides.lengths, sides.real)
    for index, units in enumerate(spec.units, start=1):
        last = index == len(spec.units) and spec.pair_attention == "none"
        sequence = sequence.of(spec.layer(sequence, units, f"encoder_{index}", last))
        if not last:
            sequence = sequence.of(
                normalized(sequence, spec.regularization.normalization, f"encoder_{index}_normalization")
            )
    return sequence


def _embedding(spec: Recurrent, size: int, name: str) -> keras.layers.Layer:
    import keras

    initializer = spec.embeddings_initializer.build() if spec.embeddings_initializer else "uniform"
    return keras.layers.Embedding(size, spec.embedding_width[1], embeddings_initializer=initializer, name=name)


def recurrent_translator(spec: Recurrent, model: keras.Model, signature: Signature) -> Translator:
    """Return what writes targets token by token, from the states of the decoder and the encoder's outputs."""
    import keras

    from deepcli.models.base import State

    each, attends = (2 if spec.type == "lstm" else 1), spec.pair_attention != "none"
    decoders = [model.get_layer(f"decoder_{index}") for index in range(1, len(spec.units) + 1)]
    # Keras gives a single output without its list.
    starts = keras.tree.flatten([model.get_layer(f"states_{index + 1}").output for index in range(len(spec.units))])
    memory = [model.get_layer("attention").input[1]] if attends else []
    reader = keras.Model(model.input, [*starts, *memory])

    def begin(rows: Any) -> State:
        sides = pair_sides(model.get_layer("sides"), real_steps, rows)
        return (sides.real, *keras.tree.flatten(reader(rows, training=False)))

    def step(tokens: Any, before: Any, state: State) -> tuple[Any, State]:
        real, own, rest = state[0], list(state[1 : 1 + each * len(decoders)]), state[1 + each * len(decoders) :]
        x, after = model.get_layer("target_embedding")(tokens), list[Any]()
        for index, layer in enumerate(decoders, start=1):
            _, x, last = layer.inner_loop(x, own[:each], mask=None, training=False)
            own, after = own[each:], [*after, *last]
            if spec.regularization.normalization != "none":
                x = model.get_layer(f"decoder_{index}_normalization")(x, training=False)
        if attends:
            x = model.get_layer("attention")(x, rest[0], real)
        return model.get_layer("output")(x)[:, -1], (real, *after, *rest)

    def attention(rows: Any) -> Any:
        layer = model.get_layer("attention")
        states, encoded, real = keras.Model(model.input, layer.input)(rows, training=False)
        return layer.weights_of(states, encoded, real)

    return Translator(signature.shape[1] or 1, begin, step, attention if attends else None)

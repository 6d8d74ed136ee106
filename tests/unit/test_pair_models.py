"""Models of pairs: their size, what each output depends on, and that writing token by token is the same computation."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from deepcli.data.schema import PAIR_RESERVED, Target
from deepcli.data.signature import Signature
from deepcli.data.sources.pair_vocabulary import END, START
from deepcli.evaluation.beam_search import BeamSettings, beam_search
from deepcli.models import MODELS
from deepcli.models.heads import SequenceHead
from deepcli.optim import SCHEDULES
from deepcli.training.build import learning_rate
from deepcli.training.model_size import without_values
from deepcli.training.tensorflow_backend import TensorFlowBackend

SOURCE, TARGET = 11, 9
NAMES = (*PAIR_RESERVED, *"uvwxy")
SIGNATURE = Signature(
    "pairs", (6, 7), TARGET, examples=9, vocabulary=SOURCE, target=Target(kind="sequence", names=NAMES)
)
ROWS = np.array([[4, 5, 6, 7, END, START, 5, 6, 7, 8], [8, 9, END, START, 4, 4, 5, 0, 0, 0]], np.int32)
SMALL = {"hidden_dim": 8, "num_heads": 2, "num_layers": 2}
FAMILIES: list[dict[str, Any]] = [
    {"type": "transformer", **SMALL},
    {"type": "transformer", **SMALL, "positions": "sinusoidal", "normalize_first": False, "tie_embeddings": True},
    {"type": "lstm", "units": [6, 5], "bidirectional": True, "attention": "additive"},
    {"type": "gru", "units": [6], "regularization": {"normalization": "layer"}},
    {"type": "rnn", "units": [6], "attention": "none"},
]
each = pytest.mark.parametrize("fields", FAMILIES, ids=lambda fields: f"{fields['type']}-{len(fields)}")


def build(fields, signature=SIGNATURE):
    tf.keras.utils.set_random_seed(3)
    spec = MODELS.select(fields)
    assert not list(spec.issues(signature))
    model = spec.build(signature, SequenceHead(signature.classes, "linear"))
    model.set_weights(
        [weight + np.random.RandomState(0).normal(size=weight.shape) * 0.3 for weight in model.get_weights()]
    )
    return spec, model


def test_the_base_model_of_the_paper_has_its_65_million_parameters():
    """Vaswani et al. (2017), table 3: 65 million with 37,000 byte pairs for both sides."""
    size, width, wide, layers = 37_000, 512, 2_048, 6
    attention, feed_forward = 4 * (width * width + width), 2 * width * wide + wide + width
    encoder = layers * (attention + feed_forward + 2 * 2 * width)
    decoder = layers * (2 * attention + feed_forward + 3 * 2 * width)
    words = (*PAIR_RESERVED, *map(str, range(size - len(PAIR_RESERVED))))
    signature = Signature("pairs", (99, 99), size, 9, size, target=Target(kind="sequence"), shared=True)
    assert len(words) == size
    base = MODELS.select(
        {"type": "transformer", "encoder_layers": 6, "decoder_layers": 6, "num_heads": 8, "hidden_dim": width, "positions": "sinusoidal",
         "intermediate_dim": wide, "normalize_first": False, "tie_embeddings": True, "activation": "relu"}
    )  # fmt: skip
    model = without_values(lambda: base.build(signature, SequenceHead(size, "linear")))
    assert model.count_params() == size * width + encoder + decoder == 63_082_496
    assert abs(model.count_params() / 65e6 - 1) < 0.03


@each
def test_an_output_depends_on_the_whole_input_and_on_no_later_token(fields):
    _, model = build(fields)
    logits = np.asarray(model(ROWS))
    later, source = ROWS.copy(), ROWS.copy()
    later[0, 8] = 4
    source[0, 0] = 10
    changed = np.abs(np.asarray(model(later)) - logits).max(axis=-1)
    assert changed[0, :3].max() < 1e-6 < changed[0, 3:].max()
    assert changed[1].max() < 1e-6
    assert (np.abs(np.asarray(model(source)) - logits).max(axis=-1)[0] > 1e-6).all()


@each
def test_writing_token_by_token_is_what_training_computes_at_once(fields):
    spec, model = build(fields)
    logits = np.asarray(model(ROWS))
    translator = spec.translator(model, SIGNATURE)
    inputs = np.array([[4, 5, 6, 7, END], [8, 9, END, 0, 0]], np.int32)
    targets = np.array([[START, 5, 6, 7, 8], [START, 4, 4, 5, 0]], np.int32)
    state = translator.begin(tf.constant(inputs))
    for place in range(5):
        step, after = translator.step(tf.constant(targets[:, place : place + 1]), tf.constant(place), state)
        assert [one.shape for one in after] == [one.shape for one in state]  # a step costs the same at every place
        state = after
        rows = 2 if place < 4 else 1
        np.testing.assert_allclose(np.asarray(step)[:rows], logits[:rows, place], atol=2e-5)


@pytest.mark.parametrize(
    "fields",
    [pytest.param(one, marks=[pytest.mark.long] if one["type"] in ("lstm", "gru") else []) for one in FAMILIES[1:]],
    ids=lambda fields: f"{fields['type']}-{len(fields)}",
)
def test_a_search_of_one_beam_takes_the_likeliest_token_each_time(fields):
    spec, model = build(fields)
    begin, step = TensorFlowBackend(tf.distribute.get_strategy()).translating(
        spec.translator(model, SIGNATURE), 2, (0, 1, 2)
    )
    inputs = np.array([[4, 5, 6, 7, END], [8, 9, END, 0, 0]], np.int32)
    run = tf.function(model, input_signature=[tf.TensorSpec((None, None), tf.int32)], autograph=False)
    found = beam_search(2, step, begin(inputs), BeamSettings(1, 0.6, 7, START, END))
    for row, one in zip(inputs, found, strict=True):
        known, total = list[int](), 0.0
        while len(known) < 7:
            logits = np.asarray(run(np.array([[*row[row != 0], START, *known]], np.int32)), np.float64)[0, -1]
            logs = logits - np.log(np.exp(logits).sum())
            best = 3 + int(logs[3:].argmax())
            total += logs[best]
            if best == END:
                break
            known.append(best)
        assert one.tokens == tuple(known)
        assert one.log_probability == pytest.approx(total, abs=1e-3)


@each
def test_attention_is_on_the_input_and_adds_up_to_one(fields):
    spec, model = build(fields)
    attention = spec.translator(model, SIGNATURE).attention
    if fields.get("attention") == "none":
        assert attention is None
        return
    weights = np.asarray(attention(tf.constant(ROWS)))
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert weights.shape == (2, 5, 5)
    assert not weights[1, :, 3:].any()


def test_one_matrix_is_both_embeddings_and_the_output_if_the_vocabulary_is_shared():
    fields = {"type": "transformer", **SMALL, "positions": "sinusoidal", "tie_embeddings": True}
    shared = dataclasses.replace(SIGNATURE, vocabulary=TARGET, shared=True, target=Target(kind="sequence"))
    names = lambda model: sorted(layer.name for layer in model.layers if "embedding" in layer.name)  # noqa: E731
    assert names(build(fields, shared)[1]) == ["embedding"]
    assert names(build(fields)[1]) == ["source_embedding", "target_embedding"]
    apart = build({**fields, "tie_embeddings": False})[1].count_params() - build(fields)[1].count_params()
    assert apart == (8 + 1) * TARGET


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "transformer", **SMALL, "positions": "rotary"}, "rotary positions are for language models"),
        ({"type": "transformer", **SMALL, "pooling": "cls"}, "pools nothing"),
        ({"type": "gru", "regularization": {"normalization": "batch"}}, "would mix later tokens into earlier ones"),
        ({"type": "mlp"}, "these data are pairs of texts; use"),
    ],
)
def test_what_a_model_of_pairs_cannot_do_is_refused(fields, message):
    assert any(message in why for _, why in MODELS.select(fields).issues(SIGNATURE))


@pytest.mark.parametrize("fields", [{"encoder_layers": 2}, {"decoder_layers": 2}])
def test_fields_of_pairs_are_refused_for_other_data(fields):
    text = Signature("text", (8,), 9, 9, 9, target=Target(kind="tokens"))
    ((place, why),) = MODELS.select({"type": "transformer", **fields}).issues(text)
    assert (place, why) == ((next(iter(fields)),), "is for pairs of texts; set num_layers")
    ((place, _),) = MODELS.select({"type": "gru", "attention": "dot"}).issues(text)
    assert place == ("attention",)


def test_the_schedule_of_the_paper_rises_and_then_falls_with_the_root_of_the_step():
    """Vaswani et al. (2017), equation 3: width^-0.5 * min(step^-0.5, step * warmup^-1.5)."""
    width, warmup = 512, 400
    schedule = SCHEDULES.select({"type": "inverse_square_root", "warmup": warmup})
    rate = learning_rate(schedule, width**-0.5 * warmup**-0.5, 4_000)
    for step in (1, 100, 400, 401, 1_600, 3_999):
        expected = width**-0.5 * min(step**-0.5, step * warmup**-1.5)
        assert float(rate(step - 1)) == pytest.approx(expected, rel=0.01 if step < warmup + 2 else 1e-3), step
    part = SCHEDULES.select({"type": "inverse_square_root", "warmup": 0.1})
    assert float(learning_rate(part, 1.0, 4_000)(1_600)) == pytest.approx(0.5, rel=1e-3)

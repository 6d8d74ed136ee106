"""The reference LSTM as a plain Keras script: padded arrays, `fit`, default settings.

The last line printed is JSON: {"test_loss": …, "test_accuracy": …, "epoch_seconds": …}.
"""

import argparse
import json
import time

import keras
import numpy as np

NUM_WORDS, MAXLEN, BATCH_SIZE = 10_000, 200, 64
START, UNKNOWN, INDEX_FROM = 1, 2, 3


def load_data(path, seed=113):
    """Read `imdb.npz` like `keras.datasets.imdb.load_data(num_words=10000)`, which only reads its own download.

    Args:
        path: The file.
        seed: Seed of Keras's shuffle; None keeps the order of the file.

    Returns:
        (x_train, y_train), (x_test, y_test), as object arrays of lists of word ids, and labels.
    """
    with np.load(path, allow_pickle=True) as data:
        splits = [(data[f"x_{name}"], data[f"y_{name}"]) for name in ("train", "test")]
    rng = np.random.RandomState(seed)
    return tuple(encode(*(split if seed is None else shuffled(*split, rng))) for split in splits)


def shuffled(x, y, rng):
    indices = np.arange(len(x))
    rng.shuffle(indices)
    return x[indices], y[indices]


def encode(x, y):
    encoded = np.empty(len(x), dtype=object)
    for index, ranks in enumerate(x):
        words = [START] + [rank + INDEX_FROM for rank in ranks]
        encoded[index] = [word if word < NUM_WORDS else UNKNOWN for word in words]
    return encoded, y


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="imdb.npz")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", help="an .npz with `train` and `validation`: positions in the file's training split")
    parser.add_argument("--limit", type=int, help="maximum number of test examples, for quick trials")
    options = parser.parse_args()

    keras.utils.set_random_seed(options.seed)

    (x_train, y_train), (x_test, y_test) = load_data(options.data, **({"seed": None} if options.split else {}))
    x_train = keras.utils.pad_sequences(x_train, maxlen=MAXLEN)
    x_test = keras.utils.pad_sequences(x_test, maxlen=MAXLEN)
    x_test, y_test = x_test[: options.limit], y_test[: options.limit]

    if options.split:
        with np.load(options.split) as split:
            train, held = split["train"], split["validation"]
        validation = {"validation_data": (x_train[held], y_train[held])}
        x_train, y_train = x_train[train], y_train[train]
    else:
        validation = {"validation_split": 0.2}

    model = keras.Sequential(
        [
            keras.Input((MAXLEN,)),
            keras.layers.Embedding(NUM_WORDS, 50),
            keras.layers.LSTM(100, dropout=0.2, recurrent_dropout=0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=5, restore_best_weights=True)
    began = time.perf_counter()
    history = model.fit(
        x_train,
        y_train,
        batch_size=BATCH_SIZE,
        epochs=options.epochs,
        callbacks=[stopping],
        verbose=0,
        **validation,
    )
    seconds = (time.perf_counter() - began) / len(history.epoch)
    loss, accuracy = model.evaluate(x_test, y_test, batch_size=BATCH_SIZE, verbose=0)
    print(json.dumps({"test_loss": loss, "test_accuracy": accuracy, "epoch_seconds": seconds}))


if __name__ == "__main__":
    main()

"""The reference conv net in Ludwig, with a config and images in memory.

Never run by its author, who wrote it from Ludwig's documentation and sources without the package. `fc_layers: []` removes
the hidden dense layer that its encoder has by default. The last line printed is JSON.
"""

import argparse
import json
import tempfile

import numpy as np
import pandas as pd
import torch
from ludwig.api import LudwigModel

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("data", help="mnist.npz")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--limit", type=int, help="maximum number of examples per split, for quick trials")
options = parser.parse_args()

CONV = {"kernel_size": 3, "padding": "valid", "pool_kernel_size": 2}
CONFIG = {
    "input_features": [
        {
            "name": "image",
            "type": "image",
            "preprocessing": {"height": 28, "width": 28, "num_channels": 1},
            "encoder": {
                "type": "stacked_cnn",
                "conv_layers": [{"out_channels": 32, **CONV}, {"out_channels": 64, **CONV}],
                "fc_layers": [],
            },
        }
    ],
    "output_features": [{"name": "label", "type": "category"}],
    "trainer": {
        "epochs": options.epochs,
        "batch_size": 128,
        "learning_rate": 0.001,
        "optimizer": {"type": "adam"},
        "early_stop": -1,
    },
}


def frame(images, labels):
    rows = [torch.from_numpy(image[None]) for image in images[: options.limit]]
    return pd.DataFrame({"image": rows, "label": labels[: options.limit].astype(str)})


with np.load(options.data) as data:
    train, test = (frame(data[f"x_{name}"], data[f"y_{name}"]) for name in ("train", "test"))
held = len(train) // 5

model = LudwigModel(CONFIG)
with tempfile.TemporaryDirectory() as output:
    model.train(
        training_set=train[:-held],
        validation_set=train[-held:].reset_index(drop=True),
        output_directory=output,
        random_seed=options.seed,
        skip_save_processed_input=True,
    )
    metrics, _, _ = model.evaluate(dataset=test)
print(json.dumps({"test_accuracy": float(metrics["label"]["accuracy"])}))

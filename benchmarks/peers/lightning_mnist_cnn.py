"""The reference conv net in PyTorch Lightning, in the style of its documentation.

Never run by its author, who wrote it from Lightning's documentation without the package. The last line printed is JSON.
"""

import argparse
import json

import lightning as L  # noqa: N812 - what its documentation calls it
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(L.LightningModule):
    """Two blocks of convolution and pooling, then a dense layer."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 5 * 5, 10),
        )  # fmt: skip

    def training_step(self, batch, batch_idx):
        x, y = batch
        return nn.functional.cross_entropy(self.layers(x), y)

    def validation_step(self, batch, batch_idx):
        self.measure(batch, "validation")

    def test_step(self, batch, batch_idx):
        self.measure(batch, "test")

    def measure(self, batch, split):
        x, y = batch
        logits = self.layers(x)
        self.log(f"{split}_loss", nn.functional.cross_entropy(logits, y))
        self.log(f"{split}_accuracy", (logits.argmax(dim=1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="mnist.npz")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="maximum number of examples per split, for quick trials")
    options = parser.parse_args()

    L.seed_everything(options.seed)

    with np.load(options.data) as data:
        train, test = (
            TensorDataset(
                torch.from_numpy(data[f"x_{name}"][: options.limit, None].astype("float32") / 255),
                torch.from_numpy(data[f"y_{name}"][: options.limit].astype("int64")),
            )
            for name in ("train", "test")
        )
    train, validation = random_split(train, [0.8, 0.2])

    trainer = L.Trainer(
        max_epochs=options.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    model = Net()
    trainer.fit(model, DataLoader(train, batch_size=128, shuffle=True), DataLoader(validation, batch_size=128))
    (metrics,) = trainer.test(model, DataLoader(test, batch_size=128), verbose=False)
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()

"""Small data of every kind that people bring, written into a folder; each can be learned."""

from __future__ import annotations

import csv
import math
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepcli.data import DATASETS
from deepcli.data.schema import Schema, Target
from deepcli.data.sources.known_schemas import carrying

TARGET = Target(names=("cat", "dog"))
WORDS = {"spam": ["win", "prize", "free", "call", "now"], "ham": ["see", "you", "at", "home", "later"]}
TOPICS = ("music", "sport", "news")


def pictures(folder: Path, per_class: int = 20, classes: tuple[str, ...] = ("bright", "dark", "half")) -> Path:
    """Write a folder of pictures for each class: bright, dark or half and half, of two sizes."""
    rng = np.random.RandomState(0)
    for label in classes:
        (folder / label).mkdir(parents=True)
        for number in range(per_class):
            size = (20, 24) if number % 5 else (40, 48)
            image = rng.randint(0, 60, (*size, 3))
            image += {"bright": 180, "dark": 10}.get(label, 0)
            if label == "half":
                image[: size[0] // 2] += 180
            ending = "png" if number % 2 else "jpg"
            Image.fromarray(image.astype(np.uint8)).save(folder / label / f"{label} {number}.{ending}")
    return folder


def texts(folder: Path, per_class: int = 25) -> Path:
    """Write a folder of text files for each class."""
    for label, words in WORDS.items():
        (folder / label).mkdir(parents=True)
        for number, text in enumerate(_texts(words, per_class)):
            (folder / label / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def table(path: Path, target: str, rows: int = 120) -> Path:
    """Write a CSV file of numbers and categories, some missing, with a target: price, kind, grade or visitors."""
    rng = np.random.RandomState(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "colour", "age", target])
        for _ in range(rows):
            size, age = rng.uniform(1, 9), int(rng.randint(1, 40))
            colour = ("red", "green", "blue")[rng.randint(3)]
            worth = 3 * size + {"red": 8, "green": 0, "blue": -8}[colour]
            found = {
                "price": f"{20_000 + 1_000 * worth:.2f}",
                "kind": "dear" if worth > 15 else "cheap",
                "grade": str(1 + int(np.digitize(worth, [8, 15, 22]))),
                "visitors": str(rng.poisson(np.exp(worth / 12))),
            }[target]
            writer.writerow(["" if rng.uniform() < 0.1 else f"{size:.3f}", colour, age, found])
    return path


def labelled(path: Path, rows: int = 150) -> Path:
    """Write a TSV file of texts, each with any number of topics."""
    rng = np.random.RandomState(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("text\ttopics\n")
        for _ in range(rows):
            chosen = [topic for topic in TOPICS if rng.uniform() < 0.4] or [TOPICS[rng.randint(3)]]
            words = [*(f"{topic}word{rng.randint(3)}" for topic in chosen for _ in range(3)), *_noise(rng)]
            rng.shuffle(words)
            file.write(f"{' '.join(words)}\t{';'.join(chosen)}\n")
    return path


def arrays(path: Path, rows: int = 90) -> Path:
    """Write an npz file of rows of numbers with three classes."""
    rng = np.random.RandomState(0)
    y = np.arange(rows) % 3
    np.savez(path, x=rng.normal(size=(rows, 4)).astype(np.float32) + 3 * np.eye(4)[y], y=y)
    return path


def _texts(words: list[str], count: int) -> list[str]:
    rng = np.random.RandomState(len(words[0]))
    return [" ".join([*rng.choice(words, 3).tolist(), *_noise(rng), f"{number}"]) for number in range(count)]


def _noise(rng: np.random.RandomState) -> list[str]:
    return [f"noise{rng.randint(6)}" for _ in range(3)]


def section(source: str, fields: dict[str, Any], **schema: Any) -> Any:
    """Return a data section that carries a schema, as one from a checkpoint does; its file need not exist."""
    with carrying(Schema(source=source, counts={"train": 9}, **{"target": TARGET, **schema})):
        return DATASETS.select({"type": source, "path": "gone", **fields})


def text_pairs(path: Path, count: int = 60) -> Path:
    """Write a table of pairs of texts, whose targets are the inputs backwards in capitals."""
    rng = random.Random(0)
    words = ["one", "two", "three", "four", "five", "six"]
    lines: dict[str, None] = {}
    while len(lines) < count:
        lines[" ".join(rng.choice(words) for _ in range(rng.randint(2, 4)))] = None
    rows = "".join(f"{line}\t{' '.join(reversed(line.upper().split()))}\n" for line in lines)
    path.write_text(f"words\tbackwards\n{rows}", encoding="utf-8")
    return path


def running_text(path: Path, sentences: int = 60) -> Path:
    """Write a text in which some words follow others."""
    rng = random.Random(0)
    subjects, verbs, objects = (
        ("the cat", "a dog", "the bird"),
        ("sees", "likes", "follows"),
        ("a mouse", "the sea", "us"),
    )
    lines = (f"{rng.choice(subjects)} {rng.choice(verbs)} {rng.choice(objects)}." for _ in range(sentences))
    path.write_text("\n".join(line.capitalize() for line in lines) + "\n", encoding="utf-8")
    return path


def series(path: Path, days: int = 120, names: tuple[str, ...] = ("load",)) -> Path:
    """Write a table of days with a week's rhythm and a slow rise, a column for each name."""
    rng, first = random.Random(0), date(2024, 1, 1)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["day", *names]) + "\n")
        for day in range(days):
            values = [
                100 * (k + 1) + 0.2 * day + (30 if (day + k) % 7 < 5 else 0) + rng.gauss(0, 2)
                for k in range(len(names))
            ]
            file.write(",".join([f"{first + timedelta(days=day)}", *(f"{value:.2f}" for value in values)]) + "\n")
    return path


def labelled_series(folder: Path, name: str = "Waves", columns: int = 2) -> Path:
    """Write series of two classes and of different lengths as `.ts` files for training and test; return their pattern."""
    rng = random.Random(0)
    for split, count in (("TRAIN", 24), ("TEST", 12)):
        lines = ["#waves", f"@problemName {name}", "@timeStamps false", "@classLabel true slow fast", "@data"]
        for number in range(count):
            speed, steps = (0.3, 1.2)[number % 2], rng.randint(8, 14)
            parts = [
                ",".join(f"{math.sin(speed * step + k) + rng.gauss(0, 0.1):.4f}" for step in range(steps))
                for k in range(columns)
            ]
            lines.append(":".join([*parts, ("slow", "fast")[number % 2]]))
        (folder / f"{name}_{split}.ts").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / f"{name}_*.ts"

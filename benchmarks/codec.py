"""Encode and decode of the codec against json and pickle: python benchmarks/codec.py"""

from __future__ import annotations

import io
import json
import pickle
import random
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sessionstate.codec import decode, encode  # noqa: E402

RANDOM = random.Random(1)


def rows(count: int) -> dict[str, Any]:
    """What a session holds: small dicts of text, numbers and lists; some 70 bytes each."""
    return {
        "history": [
            {"role": "user", "content": f"message {i}", "score": RANDOM.random(), "tags": ["a", i]}
            for i in range(count)
        ]
    }


def best(action: Callable[[], Any]) -> float:
    """Milliseconds of the fastest run in about half a second."""
    fastest, end = float("inf"), perf_counter() + 0.5
    while perf_counter() < end:
        start = perf_counter()
        action()
        fastest = min(fastest, perf_counter() - start)
    return fastest * 1000


def npy(value: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, value, allow_pickle=False)
    return file.getvalue()


def png(value: Image.Image) -> bytes:
    file = io.BytesIO()
    value.save(file, "PNG")
    return file.getvalue()


Coder = tuple[str, Callable[[Any], Any], Callable[[Any], Any]]
OURS: Coder = ("codec", encode, decode)
JSON: Coder = ("json", json.dumps, json.loads)
PICKLE: Coder = ("pickle", lambda value: pickle.dumps(value, 5), pickle.loads)
NPY: Coder = ("npy", npy, lambda data: np.load(io.BytesIO(data)))
PNG: Coder = ("png", png, lambda data: Image.open(io.BytesIO(data)).load())


def cases() -> list[tuple[str, Any, list[Coder]]]:
    numbers = np.random.default_rng(1)
    floats = numbers.random(125_000)
    frame = pd.DataFrame({f"c{i}": floats[i : i + 10_000] for i in range(10)})
    frame["text"] = [f"row {i}" for i in range(len(frame))]
    frame["when"] = pd.date_range("2024", periods=len(frame), freq="min", tz="Europe/Berlin")
    smooth = Image.effect_noise((40, 30), 80).resize((1024, 768)).convert("RGB")
    return [
        ("plain, 1 KB", rows(14), [OURS, JSON, PICKLE]),
        ("plain, 100 KB", rows(1_400), [OURS, JSON, PICKLE]),
        ("plain, 1 MB", rows(14_000), [OURS, JSON, PICKLE]),
        ("text, 1 MB", ["lorem ipsum " * 80] * 1_000, [OURS, JSON, PICKLE]),
        ("tuples, 200 KB", [(f"q {i}", f"a {i}") for i in range(10_000)], [OURS, JSON, PICKLE]),
        ("array, 1 MB", floats, [OURS, NPY, PICKLE]),
        ("frame, 1 MB", frame, [OURS, PICKLE]),
        ("image, 2 MB", smooth, [OURS, PNG, PICKLE]),
    ]


def main() -> None:
    print(f"{'value':<16}{'coder':<8}{'bytes':>10}{'encode ms':>12}{'decode ms':>12}")
    for name, value, coders in cases():
        for coder, dump, load in coders:
            data = dump(value)
            times = best(lambda d=dump, v=value: d(v)), best(lambda x=load, d=data: x(d))
            print(f"{name:<16}{coder:<8}{len(data):>10,}{times[0]:>12.3f}{times[1]:>12.3f}")


if __name__ == "__main__":
    main()

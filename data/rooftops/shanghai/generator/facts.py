"""Read the fact tables and the generator's own choices."""

from __future__ import annotations

import tomllib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
FACTS = HERE.parent / "facts"

METRIC_CRS = "EPSG:32651"
SOURCE = "demonstration"


def read_choices() -> dict[str, Any]:
    """Read the generator's own numbers (`choices.toml`)."""
    return tomllib.loads((HERE / "choices.toml").read_text(encoding="utf-8"))


def read_fact_table(name: str) -> pd.DataFrame:
    """Read a table of `facts/`; identifiers stay text, `#` lines are its sources."""
    as_text = dict.fromkeys(("id", "adcode", "district", "station"), str)
    return pd.read_csv(FACTS / f"{name}.csv", comment="#", dtype=as_text, encoding="utf-8")


def random_stream(choices: dict[str, Any], *names: str) -> np.random.Generator:
    """Give every named thing a stream of its own, so that one park does not move the next."""
    words = [zlib.crc32(name.encode("utf-8")) for name in names]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([choices["seed"], *words])))


def between(stream: np.random.Generator, bounds: list[float]) -> float:
    """Draw uniformly between the two `bounds`."""
    return bounds[0] + (bounds[1] - bounds[0]) * float(stream.random())


def whole_between(stream: np.random.Generator, bounds: list[int]) -> int:
    """Draw a whole number from `bounds[0]` to `bounds[1]`, both included."""
    return bounds[0] + int(float(stream.random()) * (bounds[1] - bounds[0] + 1))


def pick(stream: np.random.Generator, odds: dict[str, float]) -> str:
    """Draw a name by its odds; the odds need not sum to 1."""
    mark = float(stream.random()) * sum(odds.values())
    for name, weight in odds.items():
        mark -= weight
        if mark < 0.0:
            return name
    return next(reversed(odds))

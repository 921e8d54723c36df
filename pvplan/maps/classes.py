"""Classes of a map: which values share a colour, and how the legend says it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from pvplan.tables import Floats

# ColorBrewer palettes of five that stay apart for colour-blind readers.
SEQUENTIAL: Final = ("#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494")
DIVERGING: Final = ("#5e3c99", "#b2abd2", "#f7f7f7", "#fdb863", "#e66101")
UNKNOWN: Final = "#d5dae0"


@dataclass(frozen=True)
class Classes:
    """Classes of a map: ``colours[i]`` holds values from ``breaks[i-1]`` up to ``breaks[i]``.

    ``least`` is the smallest value; it names the only class where the values do not spread.
    """

    breaks: tuple[float, ...]
    colours: tuple[str, ...]
    least: float = float("nan")

    def place(self, value: float) -> int | None:
        """Return the number of a value's class, lowest 0; None where the value is missing."""
        if np.isnan(value) or not self.colours:
            return None
        return bisect_right(self.breaks, value)

    def colour(self, value: float) -> str:
        """Return the colour of a value; a missing one has a colour of its own."""
        place = self.place(value)
        return UNKNOWN if place is None else self.colours[place]

    def labels(self) -> tuple[str, ...]:
        """Return the words of the legend, lowest class first."""
        if not self.breaks:
            return (f"≈ {float(f'{self.least:.3g}'):,g}",) * len(self.colours)
        ends = [f"{end:,g}".replace("-", "−") for end in self.breaks]
        middle = [f"{low} – {high}" for low, high in pairwise(ends)]
        return (f"< {ends[0]}", *middle, f"≥ {ends[-1]}")


def classify(values: pd.Series[float]) -> Classes:
    """Choose at most five classes from the values themselves.

    Quantiles rounded to two digits, or as many as keep them apart; where some values are negative
    (a goal passed), the palette diverges at zero.

    Parameters
    ----------
    values
        One value for each place, any unit; what is not finite is left out.

    Returns
    -------
    Classes
        Strictly rising breaks and one colour more than breaks; no colour without any value.
    """
    numbers: Floats = np.asarray(values, dtype=np.float64)
    present: Floats = numbers[np.isfinite(numbers)]
    present.sort()
    if not present.size:
        return Classes((), ())
    least = float(present[0])
    if least < 0.0:
        negative, positive = present[present < 0.0], present[present >= 0.0]
        below = [end for end in _rounded(negative, (0.5,)) if least < end < 0.0]
        above = [end for end in _rounded(positive, (1 / 3, 2 / 3)) if 0.0 < end <= present[-1]]
        colours = DIVERGING[1 - len(below) : 3 + len(above)]
        return Classes((*below, 0.0, *above), colours, least)
    breaks = [end for end in _rounded(present, (0.2, 0.4, 0.6, 0.8)) if least < end <= present[-1]]
    places = np.linspace(0, len(SEQUENTIAL) - 1, len(breaks) + 1).round().astype(int)
    return Classes(tuple(breaks), tuple(SEQUENTIAL[place] for place in places), least)


def _rounded(present: Floats, shares: Iterable[float]) -> list[float]:
    """Return quantiles with two digits; with three or four where two would merge them."""
    if not present.size:
        return []
    ends = np.unique(np.quantile(present, tuple(shares)))
    short: set[float] = set()
    for digits in (2, 3, 4):
        short = {float(f"{end:.{digits}g}") for end in ends}
        if len(short) == len(ends):
            break
    return sorted(short)

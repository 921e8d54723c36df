"""Heights and floors as files write them: numbers, ``12m``, ``6层``, zeros and slips."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import Footprints
from pvplan.errors import InputError
from pvplan.sources.fields import coded_texts, field_table
from pvplan.sources.rejections import noted
from pvplan.tables import Floats

_NUMBER: Final = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([^\d\s.+-]*)\s*")
_WORDS: Final = {"height_m": "height", "floors": "floors"}


def read_lengths(
    rows: pd.DataFrame,
    ids: pd.Series[Any],
    *,
    column: str | None,
    target: str,
    highest: float,
) -> tuple[Floats, list[pd.DataFrame], Slips]:
    """Read heights or floor counts of a file's column.

    Parameters
    ----------
    rows
        Rows indexed by their number.
    ids
        Identifier of each row.
    column
        Column that holds them; None where the file has none.
    target
        ``height_m`` or ``floors``.
    highest
        A value above is a slip.

    Returns
    -------
    ndarray of float64, list of DataFrame, Slips
        Positive values, NaN where missing; notes on zeros, slips and words after numbers; and
        how many of the values are slips.
    """
    if column is None:
        return np.full(len(rows), np.nan), [], Slips(target, None, highest)
    raw = rows[column]
    values, worded, unread = _numbers(raw, field_table()["units"][target])
    zero = values == 0.0
    with np.errstate(invalid="ignore"):
        bad = unread | (values < 0.0) | (values > highest)
    slips = Slips(target, column, highest)
    slips.given = int((~np.isnan(values) | unread).sum() - zero.sum())
    slips.bad = int(bad.sum())
    with np.errstate(invalid="ignore"):
        slips.below, slips.above = int((values < 0.0).sum()), int((values > highest).sum())
    slips.unread = int(unread.sum())
    if slips.bad:
        at = rows.index[int(np.argmax(bad))]
        slips.first = f"first: row {at}, id '{ids[at]}' = {raw[at]!s}"
    word = _WORDS[target]
    notes = []
    for flags, why, what in (
        (zero, f"{word} 0", "taken as not given"),
        (bad, f"impossible {word}", "taken as not given"),
        (worded & ~bad & ~zero, f"{word} written with a unit", "read as {:g}"),
    ):
        at = rows.index[flags]
        seen = [
            f"{column} = {value!s}, {what.format(number)}"
            for value, number in zip(raw[flags], values[flags], strict=True)
        ]
        notes.append(noted(at, ids[at], reason=why, done="altered", detail=seen))
    return np.where(bad | zero, np.nan, values), notes, slips


@dataclass
class Slips:
    """How many of the heights, or floor counts, that rows give are impossible.

    Attributes
    ----------
    target, column, highest
        ``height_m`` or ``floors``, the column that holds them, and the highest possible.
    given, bad, below, above, unread
        Values that are given; impossible; below 0, above the highest, and not a number.
    first
        The first impossible one, in words.
    """

    target: str
    column: str | None
    highest: float
    given: int = 0
    bad: int = 0
    below: int = 0
    above: int = 0
    unread: int = 0
    first: str = ""

    def add(self, later: Slips) -> None:
        """Count those of later rows too."""
        self.first = self.first or later.first
        for what in ("given", "bad", "below", "above", "unread"):
            setattr(self, what, getattr(self, what) + getattr(later, what))


def refuse_slips(slips: Iterable[Slips], max_bad_fraction: float, title: str) -> None:
    """Refuse a file with more slips than allowed: a wrong column or unit.

    Raises
    ------
    InputError
        Of heights or of floor counts, more than the share of the given ones are impossible.
    """
    faults = [_too_many(one, title) for one in slips if one.bad > max_bad_fraction * one.given]
    if faults:
        raise InputError(faults)


def chosen_heights(
    heights: Floats, floors: Floats, rules: Footprints
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Take the given height, else floors × storey height, else the default.

    Returns
    -------
    ndarray of float64, ndarray of str
        Heights, m; and ``given``, ``floors`` or ``default``.
    """
    has_height, has_floors = ~np.isnan(heights), ~np.isnan(floors)
    by_floors = np.where(has_floors, floors * rules.storey_height_m, rules.default_height_m)
    source = np.where(has_height, "given", np.where(has_floors, "floors", "default"))
    return np.where(has_height, heights, by_floors), source.astype(object)


def _numbers(
    raw: pd.Series[Any], units: Mapping[str, float]
) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return values, whether a unit stood behind them, and whether they could not be read."""
    if pd.api.types.is_numeric_dtype(raw.dtype):
        values = raw.to_numpy(dtype=np.float64, na_value=np.nan)
        unread = np.isinf(values)
        return np.where(unread, np.nan, values), np.zeros(len(raw), dtype=np.bool_), unread
    codes, words = coded_texts(raw)
    read = [_number(str(word), units) for word in words]
    values = np.array([*(value for value, _ in read), np.nan])[codes]
    worded = np.array([*(unit for _, unit in read), False])[codes]
    return values, worded, np.isnan(values) & (codes >= 0)


def _number(word: str, units: Mapping[str, float]) -> tuple[float, bool]:
    plain = unicodedata.normalize("NFKC", word).casefold()
    found = _NUMBER.fullmatch(plain)
    if found is None or (found[2] and found[2] not in units):
        return float("nan"), False
    number = float(found[1])
    if not np.isfinite(number):
        return float("nan"), False
    return (number * units[found[2]], True) if found[2] else (number, False)


def _too_many(slips: Slips, title: str) -> str:
    kinds = {
        "below 0": slips.below,
        f"above {slips.highest:g}": slips.above,
        "not a number": slips.unread,
    }
    counted = ", ".join(f"{count} {what}" for what, count in kinds.items() if count)
    return (
        f"{title}: {slips.column}: {slips.bad} of {slips.given} given values are impossible "
        f"({counted}; {slips.first}); mend them, or choose another column "
        f"or unit: --map {slips.target}=OTHER"
    )

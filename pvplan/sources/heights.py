"""Heights and floors as files write them: numbers, ``12m``, ``6层``, zeros and slips."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
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
    max_bad_fraction: float,
    title: str,
) -> tuple[Floats, list[pd.DataFrame]]:
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
    max_bad_fraction
        Share of the given values that may be slips.
    title
        What a message calls the file.

    Returns
    -------
    ndarray of float64, list of DataFrame
        Positive values, NaN where missing; and notes on zeros, slips and words after numbers.

    Raises
    ------
    InputError
        More slips than allowed: a wrong column or unit.
    """
    if column is None:
        return np.full(len(rows), np.nan), []
    raw = rows[column]
    values, worded, unread = _numbers(raw, field_table()["units"][target])
    zero = values == 0.0
    with np.errstate(invalid="ignore"):
        bad = unread | (values < 0.0) | (values > highest)
    given = int((~np.isnan(values) | unread).sum() - zero.sum())
    if int(bad.sum()) > max_bad_fraction * given:
        raise InputError(
            _too_many(raw, ids, values, bad, unread, given, column, target, highest, title)
        )
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
    return np.where(bad | zero, np.nan, values), notes


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


def _too_many(
    raw: pd.Series[Any], ids: pd.Series[Any], values: Floats, bad: npt.NDArray[np.bool_],
    unread: npt.NDArray[np.bool_], given: int, column: str, target: str, highest: float, title: str,
) -> str:  # fmt: skip
    with np.errstate(invalid="ignore"):
        kinds = {
            "below 0": int((values < 0.0).sum()),
            f"above {highest:g}": int((values > highest).sum()),
            "not a number": int(unread.sum()),
        }
    counted = ", ".join(f"{count} {what}" for what, count in kinds.items() if count)
    row = raw.index[int(np.argmax(bad))]
    return (
        f"{title}: {column}: {int(bad.sum())} of {given} given values are impossible ({counted}; "
        f"first: row {row}, id '{ids[row]}' = {raw[row]!s}); mend them, or choose another column "
        f"or unit: --map {target}=OTHER"
    )

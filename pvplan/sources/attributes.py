"""Texts, dates and roof forms of a footprint file, in the words of the tables."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.sources.fields import coded_texts, field_table, word_key
from pvplan.sources.rejections import noted

_DATE: Final = re.compile(
    r"(\d{4})(?:\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})\s*日?|\s*月)?|\s*年)?"
    r"(?:[t\s]\d{1,2}:\d{2}.*)?"
)
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_EARLIEST_YEAR: Final = 1000
DAYS: Final = "datetime64[s]"


def first_text(rows: pd.DataFrame, candidates: list[str], target: str) -> pd.Series[Any]:
    """Take the first column that says anything; words that say nothing count as missing.

    Returns
    -------
    Series of object
        Texts by row, None where missing.
    """
    for column in candidates:
        said = meant_texts(rows[column], target)
        if said.notna().any():
            return said
    return pd.Series(None, rows.index, dtype=object)


def meant_texts(column: pd.Series[Any], target: str) -> pd.Series[Any]:
    """Read the texts of a column, None where missing or where a word says nothing."""
    nothing = {str(word) for word in field_table()["missing"].get(target, ())}
    codes, words = coded_texts(column)
    meant = [None if word.casefold() in nothing else word for word in words]
    return pd.Series(np.array([*meant, None], dtype=object)[codes], column.index, dtype=object)


def read_roof_forms(
    rows: pd.DataFrame, ids: pd.Series[Any], column: str | None
) -> tuple[pd.Series[Any], list[pd.DataFrame]]:
    """Translate a roof form column.

    Returns
    -------
    Series of object, list of DataFrame
        One of ``tables.ROOF_FORMS`` or None by row; and notes on words that are not known.
    """
    if column is None:
        return pd.Series(None, rows.index, dtype=object), []
    codes, words = coded_texts(rows[column])
    known = [_form_words().get(word_key(word)) for word in words]
    forms = pd.Series(np.array([*known, None], dtype=object)[codes], rows.index, dtype=object)
    odd = (codes >= 0) & forms.isna().to_numpy()
    strange = rows.index[odd]
    seen = [f"{column} = {word}, taken as not given" for word in words[codes[odd]]]
    return forms, [
        noted(strange, ids[strange], reason="unknown roof form", done="altered", detail=seen)
    ]


@cache
def _form_words() -> dict[str, str]:
    table = field_table()["roof_forms"]
    return {word_key(word): form for form, words in table.items() for word in words}


def read_dates(
    rows: pd.DataFrame, ids: pd.Series[Any], column: str | None
) -> tuple[pd.Series[Any], list[pd.DataFrame]]:
    """Read dates: ``2019``, ``2019-05``, ``2019/5/1``, ``2019年5月``, 20190501.

    A year or a month alone stands for its first day.

    Returns
    -------
    Series of datetime64, list of DataFrame
        Dates by row, NaT where missing; and notes on what could not be read.
    """
    if column is None:
        return pd.Series(np.datetime64("NaT"), rows.index, dtype=DAYS), []
    raw = rows[column]
    if isinstance(raw.dtype, pd.DatetimeTZDtype):
        raw = raw.dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return raw.dt.normalize().astype(DAYS), []
    codes, words = coded_texts(raw)
    days = np.array([*(_day(str(word)) for word in words), "NaT"], dtype=DAYS)[codes]
    strange = rows.index[np.isnat(days) & (codes >= 0)]
    seen = [f"{column} = {word!s}, taken as not given" for word in raw[strange]]
    note = noted(strange, ids[strange], reason="not a date", done="altered", detail=seen)
    return pd.Series(days, rows.index), [note]


def _day(word: str) -> str:
    plain = unicodedata.normalize("NFKC", word).strip().casefold()
    found = _COMPACT.fullmatch(plain) or _DATE.fullmatch(plain)
    if found is None:
        return "NaT"
    year, month, day = (int(part) if part else 1 for part in found.groups())
    if year < _EARLIEST_YEAR:
        return "NaT"
    try:
        return pd.Timestamp(year, month, day).date().isoformat()
    except ValueError:
        return "NaT"


def agreed(values: pd.Series[Any], unit: npt.NDArray[np.int64], areas: npt.NDArray[np.float64],
           count: int) -> npt.NDArray[Any]:  # fmt: skip
    """Choose one value for each unit of several pieces: that of its largest piece that has one.

    Pieces of equal area decide by the value itself, so that the order of the rows does not
    matter.

    Parameters
    ----------
    values
        One value for each piece.
    unit
        The unit of each piece, 0 … count - 1.
    areas
        Area of each piece, m².
    count
        Number of units.

    Returns
    -------
    ndarray
        A value for each unit; missing where no piece has one.
    """
    if len(unit) == count and (np.bincount(unit, minlength=count) == 1).all():
        alone = np.empty(count, dtype=np.int64)
        alone[unit] = np.arange(count)
        return values.to_numpy()[alone]
    table = pd.DataFrame({"unit": unit, "area": -np.round(areas, 3), "value": values.to_numpy()})
    present = table[table["value"].notna()]
    first = present.sort_values(["unit", "area", "value"]).drop_duplicates("unit")
    return first.set_index("unit")["value"].reindex(range(count)).to_numpy()

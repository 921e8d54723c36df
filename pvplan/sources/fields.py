"""What files call their columns: the field table, and the choice it makes in one file."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.errors import AssumptionError, InputError, nearest

FIELD_TABLE: Final = Path(__file__).parent / "fields.toml"


@cache
def field_table() -> Mapping[str, Mapping[str, Any]]:
    """Read ``fields.toml``: the names and words that real files carry."""
    return tomllib.loads(FIELD_TABLE.read_text(encoding="utf-8"))


def word_key(word: str) -> str:
    """Bring a name or word to the form that is compared: no case, one kind of joint."""
    plain = unicodedata.normalize("NFKC", word).strip().casefold()
    return re.sub(r"[\s_:\-.]+", "_", plain)


def matching_columns(columns: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the columns that carry one of the names, in the order of the names."""
    by_key: dict[str, list[str]] = {}
    for column in columns:
        by_key.setdefault(word_key(column), []).append(column)
    found: list[str] = []
    for name in names:
        same = by_key.get(word_key(name), [])
        found.extend(sorted(same, key=lambda column, name=name: column != name))  # type: ignore[misc]
    return list(dict.fromkeys(found))


def chosen_columns(
    columns: Sequence[str],
    kind: str,
    *,
    field_map: Mapping[str, str] | None,
    title: str,
) -> dict[str, list[str]]:
    """Choose, for every target column, the columns of a file that may feed it.

    Parameters
    ----------
    columns
        The columns of the file.
    kind
        Table of ``fields.toml``: ``buildings``, ``parks`` or ``districts``.
    field_map
        Target column to column of the file; an empty text means that no column feeds it.
    title
        What a message calls the file.

    Returns
    -------
    dict
        Target to its candidates, best first; an empty list where the file has none.

    Raises
    ------
    AssumptionError
        An unknown target; the nearest known is named.
    InputError
        A column that the file does not carry; the nearest that it does is named.
    """
    targets = field_table()[kind]
    unknown = [
        f"{title}: --map {target}={column}: '{target}' is no column of {kind}; "
        f"{nearest(target, targets)}"
        for target, column in (field_map or {}).items()
        if target not in targets
    ]
    absent = [
        f"{title}: --map {target}={column}: the file has no column '{column}'; "
        f"{nearest(column, columns)}"
        for target, column in (field_map or {}).items()
        if column and column not in columns
    ]
    if unknown:
        raise AssumptionError([*unknown, *absent])
    if absent:
        raise InputError(absent)
    chosen = {target: matching_columns(columns, names) for target, names in targets.items()}
    for target, column in (field_map or {}).items():
        chosen[target] = [column] if column else []
    return chosen


def texts(values: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Turn a column into texts, None where missing; whole numbers carry no ``.0``.

    Words of ``fields.toml`` that stand for "nothing known" count as missing.
    """
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        written = _numbers_as_text(values)
    else:
        written = values.map(_as_text, na_action="ignore").astype(object)
    codes, words = pd.factorize(written, use_na_sentinel=True)
    nothing = {str(word) for word in field_table()["missing"]["any"]}
    meant = [None if str(word).strip().casefold() in nothing else str(word) for word in words]
    return np.array([*meant, None], dtype=object)[codes]


def _numbers_as_text(values: pd.Series[Any]) -> pd.Series[Any]:
    present = values.dropna()
    if pd.api.types.is_float_dtype(present.dtype):
        written = present.map(lambda number: f"{number:.0f}" if number % 1 == 0 else repr(number))
    else:
        written = present.astype(str)
    return written.astype(object).reindex(values.index)


def _as_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return re.sub(r"\s+", " ", str(value)).strip()

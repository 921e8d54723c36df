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
from pvplan.tables import Ints

# All that Python calls white space, but for a single blank between two words.
_UNTIDY: Final = (
    "^ | $|  |[\t-\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
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
    codes, words = coded_texts(values)
    return worded(codes, words)


def coded_texts(values: pd.Series[Any]) -> tuple[Ints, npt.NDArray[np.object_]]:
    """Return :func:`texts` as codes and words, so that a word is looked at once, not in each row.

    Returns
    -------
    ndarray of int, ndarray of object
        Position of each row's word, -1 where missing; and the words, in order of appearance.
        Two words may be equal where the column writes one in two ways.
    """
    if values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) != "string":
        values = values.map(_as_text, na_action="ignore").astype(object)
    codes, found = pd.factorize(values, use_na_sentinel=True)
    seen = pd.Series(found)
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        words = _numbers_as_text(seen)
    elif isinstance(seen.dtype, pd.StringDtype):  # so pandas holds a column of texts alone
        words = _tidied(seen)
    else:
        words = np.array([_as_text(value) for value in seen], dtype=object)
    nothing = {str(word) for word in field_table()["missing"]["any"]}
    longest = max(len(word) for word in nothing)  # case folding shortens no word
    silent = [
        at
        for at, word in enumerate(words)
        if len(word) <= longest and word.strip().casefold() in nothing
    ]
    if silent:
        place = np.arange(len(words) + 1)
        place[silent] = place[-1] = -1
        codes = place[codes]
    return codes.astype(np.int64, copy=False), words


def worded(codes: Ints, words: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return the word of each code; None for -1."""
    return np.array([*words, None], dtype=object)[codes]


def _numbers_as_text(present: pd.Series[Any]) -> npt.NDArray[np.object_]:
    if pd.api.types.is_float_dtype(present.dtype):
        written = [f"{number:.0f}" if number % 1 == 0 else repr(number) for number in present]
    else:
        written = [str(number) for number in present]
    return np.array(written, dtype=object)


def _tidied(written: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Put one blank for every run of white space; most words are as they should be already."""
    words = written.to_numpy(dtype=object)
    untidy = np.flatnonzero(written.str.contains(_UNTIDY).to_numpy(dtype=bool))
    if len(untidy):
        words = words.copy()
        words[untidy] = [_as_text(words[at]) for at in untidy]
    return words


def _as_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return re.sub(r"\s+", " ", str(value)).strip()

"""Which column of a register is which: names in Chinese and English, units from the header."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from pvplan.assumptions import read_toml
from pvplan.errors import InputError, nearest

Basis = Literal["dc", "ac", "unstated"]
_FIELDS: Final[dict[str, Any]] = read_toml(Path(__file__).with_name("register_fields.toml"))
_CAPACITY: Final[dict[str, str]] = _FIELDS["capacity"]


@dataclass(frozen=True)
class Header:
    """The columns of a register by what they hold.

    Attributes
    ----------
    places
        Position of each field found: ``system_id``, ``roof_id``, ``park``, ``longitude``, …
    capacities
        For each basis found (dc, ac, unstated): position and factor to kW.
    unused
        Names of the columns that nothing is read from.
    """

    places: dict[str, int]
    capacities: dict[Basis, tuple[int, float]]
    unused: tuple[str, ...]


def plain(word: str) -> str:
    """Return a word in the spelling that is compared: lower case, plain signs, ``_`` between."""
    low = unicodedata.normalize("NFKC", word).lower()
    return re.sub(r"[^0-9a-z\u4e00-\u9fff]+", "_", low).strip("_")


def _table_of(group: str) -> dict[str, str]:
    table: dict[str, list[str]] = _FIELDS[group]
    return {plain(word): name for name, words in table.items() for word in words}


UNITS: Final = {"W": 0.001, "kW": 1.0, "MW": 1000.0, "GW": 1.0e6, "万千瓦": 1.0e4}
"""kW in one of each unit (SI; 1 万千瓦 = 10 MW)."""
_COLUMN_OF: Final = _table_of("columns")
_STATUS_OF: Final = _table_of("statuses")


def header_of(name: str, columns: Sequence[str], unit: str | None = None) -> Header:
    """Find the fields among the columns.

    Parameters
    ----------
    name
        File name, for the messages.
    columns
        Column names as they stand in the file.
    unit
        Of :data:`UNITS`, in place of what the names say.

    Returns
    -------
    Header

    Raises
    ------
    InputError
        Unknown unit; two columns for one field; no capacity; a capacity without one clear unit.
    """
    if unit is not None and unit not in UNITS:
        raise InputError(f"{name}: unit '{unit}' is unknown; one of {', '.join(UNITS)}")
    places: dict[str, int] = {}
    capacities: dict[Basis, tuple[int, float]] = {}
    unused: list[str] = []
    faults: list[str] = []
    for position, column in enumerate(columns):
        field = _COLUMN_OF.get(plain(column))
        if field is not None:
            if field in places:
                faults.append(
                    f"{name}: columns '{columns[places[field]]}' and '{column}' both hold {field}; "
                    f"keep one"
                )
            places[field] = position
        elif _is_capacity(column):
            faults += _add_capacity(name, columns, position, capacities, unit)
        else:
            unused.append(column)
    if not capacities and not faults:
        faults.append(
            f"{name}: no capacity column among {', '.join(repr(word) for word in columns)}; name "
            f"it with its unit, for example capacity_dc_kw or 装机容量(万千瓦)"
        )
    if faults:
        raise InputError(faults)
    return Header(places, capacities, tuple(unused))


def unused_words(unused: Sequence[str]) -> str:
    """Return the unused column names, each with the known one it may have been meant for."""
    words = []
    for column in unused:
        remedy = nearest(plain(column), _COLUMN_OF)
        near = f" ({remedy})" if remedy.startswith("did you mean") else ""
        words.append(f"'{column}'{near}")
    return ", ".join(words)


def _is_capacity(column: str) -> bool:
    low = unicodedata.normalize("NFKC", column).lower()
    return bool(re.search(_CAPACITY["stems"], low)) and not re.search(_CAPACITY["other"], low)


def _add_capacity(
    name: str,
    columns: Sequence[str],
    position: int,
    capacities: dict[Basis, tuple[int, float]],
    unit: str | None,
) -> list[str]:
    column = columns[position]
    low = unicodedata.normalize("NFKC", column).lower()
    units: dict[str, float] = _FIELDS["units"]
    found = {factor for pattern, factor in units.items() if re.search(pattern, low)}
    found = found if unit is None else {UNITS[unit]}
    if len(found) != 1:
        seen = "names no unit" if not found else "names several units"
        return [
            f"{name}: column '{column}' {seen}; write it into the name, for example "
            f"capacity_dc_kw, capacity_ac_mw, 装机容量(万千瓦)"
        ]
    in_dc, in_ac = bool(re.search(_CAPACITY["dc"], low)), bool(re.search(_CAPACITY["ac"], low))
    basis: Basis = "unstated" if in_dc == in_ac else "dc" if in_dc else "ac"
    if basis in capacities:
        first = columns[capacities[basis][0]]
        return [f"{name}: columns '{first}' and '{column}' both hold capacity ({basis}); keep one"]
    capacities[basis] = (position, found.pop())
    return []


@lru_cache(maxsize=20_000)
def status_of(word: str) -> str | None:
    """Return the status a word means, None when it is unknown."""
    return _STATUS_OF.get(plain(word))


def status_remedy(word: str) -> str:
    """Return the known status word nearest to an unknown one."""
    return nearest(plain(word), _STATUS_OF)


@lru_cache(maxsize=20_000)
def date_of(text: str) -> tuple[datetime | None, str]:
    """Read a date.

    Parameters
    ----------
    text
        As it stands in the cell; a time of day behind it is left out.

    Returns
    -------
    datetime or None
        The day at 0:00; of a month its first day.
    str
        What was wrong or assumed; empty when the day stands as written.
    """
    day = re.sub(r"[ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$", "", text.strip())
    rules: dict[str, Any] = _FIELDS["dates"]
    found, remark = _parsed(day, rules["formats"]), ""
    if found is None:
        found, remark = (
            _parsed(day, rules["months"]),
            f"'{text}' is a month; its first day is taken",
        )
    if found is None:
        return None, f"'{text}' is not a date; write YYYY-MM-DD"
    earliest: date = rules["earliest"]
    latest: date = rules["latest"]
    if not earliest <= found.date() <= latest:
        return None, f"'{text}' does not lie in {earliest}..{latest}"
    return found, remark


def _parsed(day: str, formats: Sequence[str]) -> datetime | None:
    # Digits alone are a day only when there are eight; five are a serial number of a sheet.
    if day.isdigit() and len(day) != 8:
        return None
    for pattern in formats:
        try:
            return datetime.strptime(day, pattern)  # noqa: DTZ007 (a calendar day has no zone)
        except ValueError:
            continue
    return None

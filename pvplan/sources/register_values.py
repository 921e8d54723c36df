"""Cells of a register to values: ids, places in WGS84, kW, states, days."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from pvplan.sources import register_fields
from pvplan.sources.coordinates import bd09_to_wgs84, gcj02_to_wgs84
from pvplan.sources.register_fields import Basis, Header
from pvplan.sources.rejections import Done, rejected_table
from pvplan.tables import PLAN_ROOFS, Floats

# One roof of a gigawatt is beyond belief; the same bound holds for installed_dc_kw.
_MAX_KW: Final = next(
    column.high or float("inf") for column in PLAN_ROOFS if column.name == "installed_dc_kw"
)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
# The column that states what the capacity is, in the order in which they are believed.
_BASES: Final[tuple[Basis, ...]] = ("dc", "ac", "unstated")


@dataclass
class Notes:
    """What happened to rows, while they are read."""

    file: str
    ids: pd.Series[str]
    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: int, reason: str, done: Done, detail: str | None = None) -> None:
        """Note one decision on a row."""
        self.entries.append(
            {
                "row": row,
                "id": self.ids.get(row) or None,
                "reason": reason,
                "done": done,
                "detail": detail,
            }
        )

    def table(self) -> pd.DataFrame:
        """Return the notes with the columns of ``tables.REJECTED``."""
        return rejected_table([pd.DataFrame(self.entries)], kind="register", file=self.file)


def _number(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text) else float("nan")


def numbers(texts: pd.Series[str]) -> pd.Series[float]:
    """Return plain numbers, NaN for every other text."""
    return pd.Series(
        [_number(text) for text in texts.to_list()], index=texts.index, dtype=np.float64
    )


def capacity_fault(record: tuple[str, ...], header: Header) -> str | None:
    """Return why the capacity of a row cannot be used, with the value seen; None if it can."""
    for basis in _BASES:
        place = header.capacities.get(basis)
        if place is None or not record[place[0]]:
            continue
        text = record[place[0]]
        number = _number(text)
        if np.isnan(number):
            return f"capacity '{text}' is not a plain number; write 1234.5, the unit in the header"
        if number <= 0.0:
            return f"capacity {text} is not above 0"
        if number * place[1] > _MAX_KW:
            return f"capacity {text} is {number * place[1]:g} kW, above {_MAX_KW:g}; check the unit"
        return None
    return "no capacity"


def ids_of(given: pd.Series[str]) -> list[str]:
    """Return unique ids: the given ones (unique already), else the row's number."""
    taken = set(given) - {""}
    ids = []
    for row, word in given.items():
        system_id, again = word or f"row-{row:04}", 2
        while not word and system_id in taken:
            system_id, again = f"row-{row:04}-{again}", again + 1
        taken.add(system_id)
        ids.append(system_id)
    return ids


def places_of(texts: pd.DataFrame, datum: str, notes: Notes) -> tuple[Floats, Floats]:
    """Return longitude and latitude in WGS84; pairs that cannot be are NaN and noted."""
    nothing = pd.Series("", index=texts.index)
    pair = [texts.get(name, nothing) for name in ("longitude", "latitude")]
    lon, lat = (np.array(numbers(words), dtype=np.float64) for words in pair)
    given = (pair[0] != "").to_numpy() | (pair[1] != "").to_numpy()
    usable = (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0) & ~((lon == 0.0) & (lat == 0.0))
    for position in np.flatnonzero(given & ~usable).tolist():
        swapped = abs(lat[position]) <= 180.0 and abs(lon[position]) <= 90.0
        seen = f"coordinates '{pair[0].iloc[position]}', '{pair[1].iloc[position]}' are no place"
        hint = " (longitude and latitude exchanged?)" if swapped and lat[position] > 90.0 else ""
        row = int(texts.index[position])
        notes.add(row, seen + hint, "altered", "row kept without coordinates")
    lon[~usable] = lat[~usable] = np.nan
    if datum == "gcj02":
        return gcj02_to_wgs84(lon, lat)
    if datum == "bd09":
        return bd09_to_wgs84(lon, lat)
    return lon, lat


def capacities_of(
    cells: pd.DataFrame, header: Header, dc_ac_ratio: float, notes: Notes
) -> pd.DataFrame:
    """Return capacity_dc_kw, capacity_ac_kw and capacity_basis of the kept rows."""
    nothing = pd.Series(np.nan, index=cells.index)
    found: dict[str, pd.Series[float]] = {}
    for basis in _BASES:
        place = header.capacities.get(basis)
        if place is None:
            found[basis] = nothing
            continue
        words = cells[place[0]].str.strip()
        amounts = numbers(words) * place[1]
        found[basis] = amounts.where((amounts > 0.0) & (amounts <= _MAX_KW))
        for row in words.index[(words != "") & found[basis].isna()]:
            reason = f"second capacity ({basis}) '{words[row]}' is not usable"
            notes.add(int(row), reason, "altered", "the other capacity is used")
    dc = found["dc"].fillna(found["ac"] * dc_ac_ratio).fillna(found["unstated"])
    basis_of = np.select(
        [found["dc"].notna(), found["ac"].notna()], ["dc", "ac"], default="unstated"
    )
    return pd.DataFrame(
        {"capacity_dc_kw": dc, "capacity_ac_kw": found["ac"], "capacity_basis": basis_of}
    )


def statuses_of(texts: pd.DataFrame) -> list[str]:
    """Return the status of each row; without a word the commissioning date decides."""
    nothing = pd.Series("", index=texts.index)
    words, dates = texts.get("status", nothing), texts.get("commissioned_on", nothing)
    found = []
    for word, day in zip(words.to_list(), dates.to_list(), strict=True):
        status = register_fields.status_of(word) if word else None
        found.append(status or ("commissioned" if day else "filed"))
    return found


def dates_of(texts: pd.DataFrame, notes: Notes) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Return filed_on and commissioned_on; what is no date is missing and noted."""
    columns = {}
    for name in ("filed_on", "commissioned_on"):
        words = texts.get(name, pd.Series("", index=texts.index))
        days: list[Any] = []
        for row, word in words.astype(object).items():
            day, reason = register_fields.date_of(word) if word else (None, "")
            if reason:
                outcome = f"{name} left empty" if day is None else f"{name} = {day:%Y-%m-%d}"
                notes.add(int(str(row)), f"{name}: {reason}", "altered", outcome)
            days.append(pd.NaT if day is None else day)
        columns[name] = pd.Series(pd.DatetimeIndex(days), index=texts.index).astype("datetime64[s]")
    filed, commissioned = columns["filed_on"], columns["commissioned_on"]
    early = commissioned < filed
    for row in texts.index[early]:
        reason = (
            f"commissioned_on {commissioned[row]:%Y-%m-%d} before filed_on {filed[row]:%Y-%m-%d}"
        )
        notes.add(int(row), reason, "altered", "filed_on left empty")
    return filed.mask(early), commissioned

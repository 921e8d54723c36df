"""The register of installed systems: a CSV of any spelling in, rows in kW and WGS84 out.

No row is lost: each is in ``rows`` or, with its reason, in ``rejected``; what was changed in a
kept row stands in ``rejected`` too, as ``altered``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import pandas as pd

from pvplan.assumptions import RegisterRules
from pvplan.errors import InputError, nearest
from pvplan.sources import register_fields
from pvplan.sources.coordinates import Datum
from pvplan.sources.register_cells import read_cells
from pvplan.sources.register_fields import Header
from pvplan.sources.register_values import (
    Notes,
    capacities_of,
    capacity_fault,
    dates_of,
    ids_of,
    numbers,
    places_of,
    statuses_of,
)
from pvplan.sources.rejections import rows_noted
from pvplan.tables import STATUSES

# Between a right unit and one that is a thousand times off, half way in orders of magnitude.
_MIDWAY: Final = 1000.0**0.5


@dataclass(frozen=True)
class RegisterFile:
    """A register as read.

    Attributes
    ----------
    rows
        Index ``system_id`` (unique). Columns ``name``, ``roof_id``, ``park``, ``longitude``,
        ``latitude`` (WGS84), ``capacity_dc_kw``, ``capacity_ac_kw`` (NaN where the file states
        none), ``capacity_basis`` (dc, ac, unstated), ``status``, ``filed_on``, ``commissioned_on``,
        ``source``, ``row`` (of the file, first = 1).
    rejected
        Columns of ``tables.REJECTED``; ``done`` is ``rejected`` or ``altered``.
    counts
        ``rows_in`` = ``rows_used`` + ``rows_rejected``; ``rows_altered``.
    warnings
        Sentences on what was assumed.
    """

    rows: pd.DataFrame
    rejected: pd.DataFrame
    counts: Mapping[str, int]
    warnings: tuple[str, ...]


def read_register(
    path: Path | str,
    rules: RegisterRules,
    *,
    datum: str = "wgs84",
    dc_ac_ratio: float,
    unit: str | None = None,
) -> RegisterFile:
    """Read a register of installed systems.

    Parameters
    ----------
    path
        CSV (comma, semicolon or tab; UTF-8 or GB18030). The column names state the unit of the
        capacity (W, kW, MW, GW, 万千瓦) and, where known, DC or AC.
    rules
        Capacity per roof area that is believed, for registers that state the roof's area.
    datum
        Datum of the coordinates: wgs84, cgcs2000, gcj02, bd09.
    dc_ac_ratio
        Turns capacities stated as AC into DC.
    unit
        Unit of the capacities, whatever the column names say: ``UNITS``.

    Returns
    -------
    RegisterFile

    Raises
    ------
    InputError
        Unreadable, no rows, no capacity column, no unit, columns doubled, or a unit that makes
        the systems a thousand times too large or too small for the roof areas stated.
    """
    path = Path(path)
    if datum not in get_args(Datum):
        raise InputError(
            f"{path.name}: datum '{datum}' is unknown; {nearest(datum, get_args(Datum))}"
        )
    columns, cells, torn = read_cells(path)
    header = register_fields.header_of(path.name, columns, unit)
    texts = pd.DataFrame(
        {name: cells[place].str.strip() for name, place in header.places.items()},
        index=cells.index,
    )
    for name in ("system_id", "name", "roof_id", "park", "source"):
        texts[name] = texts.get(name, pd.Series("", index=cells.index))
    notes = Notes(path.name, texts["system_id"])
    for row, reason in torn.items():
        notes.add(row, reason, "rejected")
    kept = _kept(cells.drop(index=list(torn)), texts, header, notes)
    rows = pd.DataFrame(index=kept)
    rows["system_id"] = ids_of(texts.loc[kept, "system_id"])
    for name in ("name", "roof_id", "park"):
        rows[name] = texts.loc[kept, name].where(texts.loc[kept, name] != "")
    rows["longitude"], rows["latitude"] = places_of(texts.loc[kept], datum, notes)
    amounts = capacities_of(cells.loc[kept], header, dc_ac_ratio, notes)
    rows = rows.join(amounts)
    rows["status"] = statuses_of(texts.loc[kept])
    rows["filed_on"], rows["commissioned_on"] = dates_of(texts.loc[kept], notes)
    rows["source"] = texts.loc[kept, "source"].replace("", path.name)
    rows["row"] = rows.index
    rows = _believed(rows, texts, rules, notes)
    warnings = _warnings(path.name, rows, header, texts)
    rejected = notes.table()
    counts = {
        "rows_in": len(cells),
        "rows_used": len(rows),
        "rows_rejected": rows_noted(rejected, "rejected"),
        "rows_altered": rows_noted(rejected[rejected["row"].isin(rows["row"])], "altered"),
    }
    return RegisterFile(rows.set_index("system_id"), rejected, counts, warnings)


def _kept(cells: pd.DataFrame, texts: pd.DataFrame, header: Header, notes: Notes) -> list[int]:
    """Return the rows that are used; the others are noted as rejected."""
    kept: list[int] = []
    by_cells: dict[tuple[str, ...], int] = {}
    by_id: dict[str, int] = {}
    words = (
        dict(zip(texts.index, texts["status"].tolist(), strict=True)) if "status" in texts else {}
    )
    ids = dict(zip(texts.index, texts["system_id"].tolist(), strict=True))
    stripped = ([str(cell).strip() for cell in cells[name].tolist()] for name in cells)
    for row, same in zip(cells.index, zip(*stripped, strict=True), strict=True):
        system_id, word = ids[row], words.get(row, "")
        reason = capacity_fault(same, header)
        if reason is None and word and register_fields.status_of(word) is None:
            reason = f"status '{word}' is unknown; {register_fields.status_remedy(word)}"
        if reason is None and same in by_cells:
            reason = f"repeats row {by_cells[same]} exactly"
        if reason is None and system_id and system_id in by_id:
            reason = f"id '{system_id}' is that of row {by_id[system_id]}, with other content"
        if reason is not None:
            notes.add(row, reason, "rejected")
            continue
        kept.append(row)
        by_cells[same] = by_id[system_id] = row
    return kept


def _believed(
    rows: pd.DataFrame, texts: pd.DataFrame, rules: RegisterRules, notes: Notes
) -> pd.DataFrame:
    """Compare capacity with the roof area that the register itself states."""
    if "roof_area_m2" not in texts:
        return rows
    area = numbers(texts.loc[rows.index, "roof_area_m2"])
    density = rows["capacity_dc_kw"] * 1000.0 / area.where(area > 0.0)
    low, high = rules.min_density_w_per_m2, rules.max_density_w_per_m2
    middle = float(density.median())
    if middle < low or middle > high * _MIDWAY:
        raise InputError(
            f"{notes.file}: capacity: the median is {middle:.4g} W per m² of roof area, believed "
            f"are {low:g} to {high:g}: the unit in the header seems wrong (W, kW and MW differ "
            f"by 1000)"
        )
    large = density > high
    wide = rows[large]
    for row, kw, m2 in zip(wide["row"], wide["capacity_dc_kw"], area[large], strict=True):
        reason = f"{kw:g} kW is more than {high:g} W per m² of its roof of {m2:g} m²"
        notes.add(int(row), f"capacity {reason}: larger than the roof", "rejected")
    return rows[~large]


def _warnings(
    name: str, rows: pd.DataFrame, header: Header, texts: pd.DataFrame
) -> tuple[str, ...]:
    basis, status = rows["capacity_basis"], rows["status"]
    undated = rows["commissioned_on"].isna()
    words = texts["status"] if "status" in texts else pd.Series("", index=texts.index)
    placed = rows["roof_id"].notna() | rows["park"].notna() | rows["longitude"].notna()
    counted = {
        "capacities state neither DC nor AC and are taken as DC": (basis == "unstated").sum(),
        "capacities are AC and were multiplied by the DC/AC ratio": (basis == "ac").sum(),
        "rows without a status are commissioned if dated so, else filed": (
            words.loc[rows.index] == ""
        ).sum(),
        "commissioned rows have no commissioning date": (
            (status == "commissioned") & undated
        ).sum(),
        "rows have a commissioning date but are filed or under construction": (
            status.isin(STATUSES[:2]) & ~undated
        ).sum(),
        "rows name no roof, park or coordinates": (~placed).sum(),
    }
    found = [f"{name}: {count} {what}" for what, count in counted.items() if count]
    if header.unused:
        unused = register_fields.unused_words(header.unused)
        found.append(f"{name}: columns not used: {unused}")
    return tuple(found)

"""What was known when of what held when: the reading side of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, Final

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pvplan.errors import InputError
from pvplan.ledger.schema import BATCH, KEYS, SYSTEM

CITY_TIME: Final = timezone(timedelta(hours=8))
"""A day of knowledge ends at midnight here: UTC+8, which knows no summer time."""
SYSTEM_COLUMNS: Final = (
    "name", "roof_id", "park", "longitude", "latitude", "capacity_dc_kw", "capacity_ac_kw",
    "capacity_basis", "status", "filed_on", "commissioned_on", "source", "row",
)  # fmt: skip
"""As ``sources.register.RegisterFile.rows``."""
DAYS: Final = ("filed_on", "commissioned_on", "review_on", "valid_from", "valid_to")
_WATTS: Final = ("capacity_dc", "capacity_ac")


def moment_us(known: date | datetime | None) -> int | None:
    """Return the last moment of knowledge, microseconds since 1970 UTC; None: all of it.

    A date means the end of that day at UTC+8; an aware datetime is taken as it is.

    Raises
    ------
    InputError
        A datetime without an offset.
    """
    if known is None:
        return None
    if not isinstance(known, datetime):
        known = datetime.combine(known, time(), CITY_TIME) + timedelta(days=1, microseconds=-1)
    if known.tzinfo is None:
        raise InputError(f"{known.isoformat()}: a time of knowledge needs its offset from UTC")
    return round(
        (known.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)
    )


def moment_of(us: int) -> datetime:
    """Return a moment of knowledge as a time at UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


def holding(
    connection: sa.Connection,
    table: sa.Table,
    known_us: int | None,
    on: date | None,
) -> pd.DataFrame:
    """Return the entries that hold: of each key the one recorded last that speaks of the day.

    Parameters
    ----------
    connection
        Open.
    table
        One of ``schema.ENTRIES``.
    known_us
        Only batches made by then count; None: all.
    on
        The day; None: until further notice.
    """
    keys = [table.c[name] for name in KEYS[table.name]]
    if on is None:
        speaks: Any = table.c.valid_to.is_(None)
    else:
        speaks = sa.and_(
            sa.or_(table.c.valid_from.is_(None), table.c.valid_from <= on),
            sa.or_(table.c.valid_to.is_(None), table.c.valid_to > on),
        )
    last = sa.func.row_number().over(partition_by=keys, order_by=table.c.entry_id.desc())
    entries = sa.select(table, last.label("nth")).join(BATCH).where(speaks)
    if known_us is not None:
        entries = entries.where(BATCH.c.made_at_us <= known_us)
    found = entries.subquery()
    wanted = sa.select(found).where(found.c.nth == 1, found.c.withdrawn.is_(False))
    return frame(connection.execute(wanted).mappings().all(), table)


def frame(rows: Sequence[Any], table: sa.Table) -> pd.DataFrame:
    """Return entries as a table: days datetime64, capacities in kW, sorted by their keys."""
    names = [column.name for column in table.columns]
    found = pd.DataFrame([[row[name] for name in names] for row in rows], columns=names)
    for name in names:
        if name in DAYS:
            found[name] = pd.to_datetime(found[name]).astype("datetime64[ns]")
    for stem in _WATTS:
        if f"{stem}_w" in names:
            watts = found.pop(f"{stem}_w").astype("float64")
            found[f"{stem}_kw"] = watts / 1000.0
    order = found[list(KEYS[table.name])].astype(object).fillna("")
    return found.loc[order.sort_values(list(KEYS[table.name]), kind="stable").index]


def as_register(entries: pd.DataFrame) -> pd.DataFrame:
    """Return system entries as the rows of a register file: index system_id, row 1 to n."""
    rows = entries.set_index("system_id").assign(row=np.arange(1, len(entries) + 1))
    for name in ("longitude", "latitude"):
        rows[name] = rows[name].astype("float64")
    for name in ("name", "roof_id", "park"):
        rows[name] = rows[name].astype(object).where(rows[name].notna(), None)
    return rows[list(SYSTEM_COLUMNS)]


def history(connection: sa.Connection, system_id: str) -> pd.DataFrame:
    """Return every entry of a system with who, when, why, and what it changed of the one before."""
    joined = (
        sa.select(SYSTEM, *(column for column in BATCH.columns if column.name != "batch_id"
                            and column.name not in SYSTEM.c),
                  BATCH.c.source.label("batch_source"))
        .join(BATCH)
        .where(SYSTEM.c.system_id == system_id)
        .order_by(SYSTEM.c.entry_id)
    )  # fmt: skip
    rows = connection.execute(joined).mappings().all()
    found = frame(rows, SYSTEM).sort_values("entry_id").reset_index(drop=True)
    for name in ("made_by", "reason", "batch_source", "sha256"):
        found[name] = [row[name] for row in rows]
    found["made_at"] = [moment_of(row["made_at_us"]) for row in rows]
    facts = [name for name in SYSTEM_COLUMNS if name != "row"]
    before: list[Any] = [None, *found[facts].to_dict("records")[:-1]]
    records = found[[*facts, "withdrawn"]].to_dict("records")
    found["changes"] = [
        changes_of(old, new) if not new["withdrawn"] else "withdrawn"
        for old, new in zip(before, records, strict=True)
    ]
    return found


def changes_of(old: Any, new: Any) -> str:
    """Say which facts differ between two entries, ``name: old → new``."""
    if old is None:
        return "added"
    told = [
        f"{name}: {_told(old[name])} → {_told(new[name])}"
        for name in SYSTEM_COLUMNS
        if name != "row" and not same(old[name], new[name])
    ]
    return "; ".join(told)


def same(one: Any, other: Any) -> bool:
    """Return whether two facts are the same, missing ones alike."""
    return bool(one == other) or bool(pd.isna(one) and pd.isna(other))


def _told(value: Any) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)

"""What was known when of what held when: the reading side of the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, Final

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pvplan.errors import InputError
from pvplan.ledger.schema import BATCH, ENTRIES, KEYS, MATCH, ROOF, SYSTEM, facts_of

CITY_TIME: Final = timezone(timedelta(hours=8))
"""A day of knowledge ends at midnight here: UTC+8, which knows no summer time."""
SYSTEM_COLUMNS: Final = (
    "name", "roof_id", "park", "longitude", "latitude", "capacity_dc_kw", "capacity_ac_kw",
    "capacity_basis", "status", "filed_on", "commissioned_on", "source", "row",
)  # fmt: skip
"""As ``sources.register.RegisterFile.rows``."""
_DAY: Final = "datetime64[s]"
_KINDS: Final = {
    **dict.fromkeys(("filed_on", "commissioned_on", "review_on", "valid_from", "valid_to"), _DAY),
    **dict.fromkeys(("longitude", "latitude", "capacity_dc_w", "capacity_ac_w"), "float64"),
    **dict.fromkeys(("name", "roof_id", "park", "park_id"), "object"),
}
"""Of columns that may hold nothing, from which no kind could be told."""
FACTS: Final = tuple(facts_of(SYSTEM))
Facts = tuple[Any, ...]
"""In the order of ``FACTS``; the last, ``source``, is no fact of the system."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """All that holds, as known.

    Attributes
    ----------
    systems
        As ``sources.register.RegisterFile.rows``, sorted by id.
    roof_states
        Index ``roof_id``; ``state``, ``reason``, ``evidence``, ``review_on``.
    matches
        ``system_id``, ``roof_id``, ``park_id``, ``decision``.
    digest
        SHA-256 of the three, the same on every machine and database.
    """

    systems: pd.DataFrame
    roof_states: pd.DataFrame
    matches: pd.DataFrame
    digest: str


def seen(connection: sa.Connection, known: date | datetime | None, on: date | None) -> Seen:
    """Return all that holds; see :func:`holding`."""
    held = [holding(connection, table, known, on) for table in ENTRIES]
    whole = hashlib.sha256()
    for rows, table in zip(held, ENTRIES, strict=True):
        said = _of(table, [*KEYS[table.name], *facts_of(table)])
        for row in rows:
            line = json.dumps([table.name, *said(row)], default=date.isoformat)
            whole.update(line.encode() + b"\n")
    decided = frame(held[2], MATCH)[["system_id", "roof_id", "park_id", "decision"]].astype(object)
    return Seen(
        systems(held[0]),
        frame(held[1], ROOF).set_index("roof_id")[["state", "reason", "evidence", "review_on"]],
        decided.where(decided.notna(), None),
        whole.hexdigest(),
    )


def moment_us(known: date | datetime) -> int:
    """Return the last moment of knowledge, microseconds since 1970 UTC.

    A date means the end of that day at UTC+8; an aware datetime is taken as it is.

    Raises
    ------
    InputError
        A datetime without an offset.
    """
    if not isinstance(known, datetime):
        known = datetime.combine(known, time(23, 59, 59, 999_999), CITY_TIME)
    if known.tzinfo is None:
        raise InputError(f"{known.isoformat()}: a time of knowledge needs its offset from UTC")
    return (known - _EPOCH) // timedelta(microseconds=1)


def moment_of(us: int) -> datetime:
    """Return a moment of knowledge as a time at UTC."""
    return _EPOCH + timedelta(microseconds=us)


def holding(
    connection: sa.Connection,
    table: sa.Table,
    known: date | datetime | None,
    on: date | None,
) -> list[sa.Row[Any]]:
    """Return the entries that hold: of each key the one recorded last that speaks of the day.

    Sorted by key, in the order of code points on every database.

    Parameters
    ----------
    connection
        Open.
    table
        One of ``schema.ENTRIES``.
    known
        Only batches made by then count (see :func:`moment_us`); None: all.
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
    last = sa.select(sa.func.max(table.c.entry_id)).where(speaks).group_by(*keys)
    if known is not None:
        # Batches are numbered in the order in which they became known.
        batch = sa.select(sa.func.max(BATCH.c.batch_id)).where(
            BATCH.c.made_at_us <= moment_us(known)
        )
        last = last.where(table.c.batch_id <= batch.scalar_subquery())
    wanted = sa.select(table).where(table.c.entry_id.in_(last), table.c.withdrawn.is_(False))
    named = _of(table, KEYS[table.name])
    rows = connection.execute(wanted).all()
    return sorted(rows, key=lambda row: [word or "" for word in named(row)])


def _of(table: sa.Table, names: Sequence[str]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return what takes some columns of an entry, always as a tuple."""
    columns = [column.name for column in table.columns]
    places = [columns.index(name) for name in names]
    return lambda row: tuple(row[place] for place in places)


def frame(rows: Sequence[sa.Row[Any]], table: sa.Table) -> pd.DataFrame:
    """Return entries as a table: days datetime64, capacities in kW."""
    found: dict[str, pd.Series[Any]] = {}
    for place, column in enumerate(table.columns):
        cells = pd.Series([row[place] for row in rows], dtype=_KINDS.get(column.name))
        if column.name.endswith("_w"):
            found[f"{column.name.removesuffix('_w')}_kw"] = cells / 1000.0
        else:
            found[column.name] = cells
    return pd.DataFrame(found)


def systems(held: Sequence[sa.Row[Any]]) -> pd.DataFrame:
    """Return entries of systems as the rows of a register file: index system_id, row 1 to n."""
    rows = frame(held, SYSTEM).set_index("system_id")
    return rows.assign(row=np.arange(1, len(rows) + 1))[list(SYSTEM_COLUMNS)]


def history(connection: sa.Connection, system_id: str) -> pd.DataFrame:
    """Return every entry of a system with who, when, why, and what it changed of the one before."""
    batch = [BATCH.c[name] for name in ("made_at_us", "made_by", "reason", "source", "sha256")]
    rows = connection.execute(
        sa.select(SYSTEM, *(column.label(f"batch_{column.name}") for column in batch))
        .join(BATCH)
        .where(SYSTEM.c.system_id == system_id)
        .order_by(SYSTEM.c.entry_id)
    ).all()
    found = frame(rows, SYSTEM)
    for name in ("made_by", "reason", "sha256"):
        found[name] = [row._mapping[f"batch_{name}"] for row in rows]
    found["batch_source"] = [row.batch_source for row in rows]
    found["made_at"] = [moment_of(row.batch_made_at_us) for row in rows]
    said = _of(SYSTEM, FACTS)
    facts = [None if row.withdrawn else said(row) for row in rows]
    found["changes"] = [
        changes_of(old, new) for old, new in zip([None, *facts], facts, strict=False)
    ]
    return found


def changes_of(old: Facts | None, new: Facts | None) -> str:
    """Say which facts differ between two entries (None: withdrawn), ``name: old → new``."""
    if old is None or new is None:
        return "withdrawn" if new is None else "added"
    told = []
    for name, before, after in zip(FACTS[:-1], old[:-1], new[:-1], strict=True):
        if before != after:
            shown = f"{name.removesuffix('_w')}_kw" if name.endswith("_w") else name
            told.append(f"{shown}: {_told(name, before)} → {_told(name, after)}")
    return "; ".join(told)


def _told(name: str, fact: Any) -> str:
    if fact is None:
        return "–"
    return str(fact / 1000.0) if name.endswith("_w") else str(fact)

"""A register file into the ledger: only what differs from what is known becomes an entry."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pvplan.ledger.asof import FACTS, Facts, changes_of
from pvplan.ledger.schema import SYSTEM

_MOST_KW: Final = 1e9
# PostgreSQL keeps no zero character, and nothing encodes half of a surrogate pair.
_NOT_HELD: Final = re.compile("[\0\ud800-\udfff]")
_NEVER: Final = date.max.toordinal() + 1


class Known(NamedTuple):
    """An entry of one system: from which day until before which, and what; None: withdrawn."""

    start: int
    end: int
    facts: Facts | None


@dataclass(frozen=True)
class Imported:
    """What an import found.

    Attributes
    ----------
    added, changed, unchanged
        Rows of the file: new systems, systems with other facts, systems known just so.
    withdrawn, missing
        Known systems that a complete file no longer names; those that a partial one passes over.
    batch_id
        The batch, None where nothing was to record, or on a dry run.
    differences
        Columns ``system_id``, ``what`` (added, changed, withdrawn, missing), ``changes``.
    """

    added: int
    changed: int
    unchanged: int
    withdrawn: int
    missing: int
    batch_id: int | None
    differences: pd.DataFrame


def facts_by_id(rows: pd.DataFrame) -> tuple[dict[str, Facts], list[str]]:
    """Return register rows as the ledger holds them, and what of them no ledger can hold."""
    ids = [str(system_id) for system_id in rows.index]
    columns = [_column(rows, name) for name in FACTS]
    faults = [*_doubled(ids), *_beyond(rows, ids)]
    for name, column in zip(("system_id", *FACTS), (ids, *columns), strict=True):
        faults += text_faults(f"register: {name}", column)
    return dict(zip(ids, zip(*columns, strict=True), strict=True)), faults


def _column(rows: pd.DataFrame, name: str) -> list[Any]:
    if name.endswith("_w"):
        kw = rows[f"{name.removesuffix('_w')}_kw"].to_numpy(dtype=float).tolist()
        return [round(value * 1000.0) if 0.0 <= value <= _MOST_KW else None for value in kw]
    if name.endswith("_on"):
        days = pd.to_datetime(rows[name]).tolist()
        return [None if pd.isna(day) else day.date() for day in days]
    if name in ("longitude", "latitude"):
        # SQLite keeps no -0.0, so nobody shall.
        degrees = rows[name].to_numpy(dtype=float).tolist()
        return [None if math.isnan(value) else value + 0.0 for value in degrees]
    return [None if pd.isna(value) else str(value) for value in rows[name].tolist()]


def _doubled(ids: list[str]) -> Iterator[str]:
    index = pd.Index(ids, dtype=object)
    if index.has_duplicates:
        yield f"register: id '{index[index.duplicated()][0]}' stands twice"


def _beyond(rows: pd.DataFrame, ids: list[str]) -> Iterator[str]:
    for name in ("capacity_dc_kw", "capacity_ac_kw"):
        kw = rows[name].to_numpy(dtype=float)
        wrong = np.flatnonzero((kw < 0.0) | (kw > _MOST_KW))
        if len(wrong):
            yield (
                f"register: {name}: {len(wrong)} rows outside 0 to {_MOST_KW:g} kW (first: system"
                f" '{ids[wrong[0]]}' = {kw[wrong[0]]:g})"
            )


def text_faults(name: str, words: Iterable[Any]) -> Iterator[str]:
    """Say which text is the first that not every database can hold."""
    for word in words:
        if isinstance(word, str) and _NOT_HELD.search(word):
            yield (
                f"{name}: {word!r} holds a zero or a broken character; give it in its own encoding"
            )
            return


def compared(
    connection: sa.Connection,
    told: Mapping[str, Facts],
    valid: tuple[date | None, date | None],
    *,
    complete: bool,
) -> tuple[Imported, list[dict[str, Any]]]:
    """Compare a register with what is known, and return the entries that would record it.

    Parameters
    ----------
    connection
        One in which nothing comes in between.
    told
        Facts of the register's systems.
    valid
        From and until before when the file speaks; None: since ever, until further notice.
    complete
        Whether the file is the whole register: known systems that it does not name are withdrawn.
    """
    known = _known(connection, valid)
    window = _span(*valid)
    entries: list[dict[str, Any]] = []
    listed: list[tuple[str, str, str]] = []
    counts = dict.fromkeys(("added", "changed", "unchanged", "withdrawn", "missing"), 0)
    span = {"valid_from": valid[0], "valid_to": valid[1]}

    def record(system_id: str, what: str, changes: str, facts: Facts | None) -> None:
        counts[what] += 1
        listed.append((system_id, what, changes))
        if what != "missing":
            said = dict(zip(FACTS, facts or (None,) * len(FACTS), strict=True))
            entries.append({"system_id": system_id, "withdrawn": facts is None, **said, **span})

    for system_id, facts in sorted(told.items()):
        parts = _parts(known.get(system_id, ()), window)
        standing = [part for part in parts if part is not None]
        if not standing:
            record(system_id, "added", "", facts)
        elif len(standing) == len(parts) and all(one[:-1] == facts[:-1] for one in standing):
            counts["unchanged"] += 1
        else:
            record(system_id, "changed", changes_of(standing[-1], facts), facts)
    for system_id, past in sorted(known.items()):
        if system_id not in told and any(_parts(past, window)):
            record(system_id, "withdrawn" if complete else "missing", "", None)
    differences = pd.DataFrame(listed, columns=["system_id", "what", "changes"])
    return Imported(**counts, batch_id=None, differences=differences), entries


def _known(
    connection: sa.Connection, valid: tuple[date | None, date | None]
) -> dict[str, list[Known]]:
    """Return of each system the entries that may hold on a day of the window, the last first.

    An entry that speaks of the whole window leaves nothing of those before it.
    """
    start, end = SYSTEM.c.valid_from, SYSTEM.c.valid_to
    first, before = valid
    begun = start.is_(None) if first is None else sa.or_(start.is_(None), start <= first)
    lasts = end.is_(None) if before is None else sa.or_(end.is_(None), end >= before)
    touches = [] if first is None else [sa.or_(end.is_(None), end > first)]
    touches += [] if before is None else [sa.or_(start.is_(None), start < before)]
    last = (
        sa.select(SYSTEM.c.system_id, sa.func.max(SYSTEM.c.entry_id).label("entry_id"))
        .where(begun, lasts)
        .group_by(SYSTEM.c.system_id)
        .subquery()
    )
    wanted = (
        sa.select(
            SYSTEM.c.system_id, start, end, SYSTEM.c.withdrawn, *(SYSTEM.c[name] for name in FACTS)
        )
        .join(last, SYSTEM.c.system_id == last.c.system_id, isouter=True)
        .where(SYSTEM.c.entry_id >= sa.func.coalesce(last.c.entry_id, 0), *touches)
        .order_by(SYSTEM.c.entry_id.desc())
    )
    found: dict[str, list[Known]] = {}
    for system_id, begins, ends, withdrawn, *facts in connection.execute(wanted):
        entry = Known(*_span(begins, ends), None if withdrawn else tuple(facts))
        found.setdefault(system_id, []).append(entry)
    return found


def _span(start: date | None, end: date | None) -> tuple[int, int]:
    return (start or date.min).toordinal(), (end.toordinal() if end else _NEVER)


def _parts(entries: Sequence[Known], window: tuple[int, int]) -> list[Facts | None]:
    """Return what holds in each part of the window, in the order of days; None: nothing."""
    parts: list[tuple[int, Facts | None]] = []
    unsaid = [window]
    for entry in entries:
        left = []
        for first, last in unsaid:
            start, end = max(first, entry.start), min(last, entry.end)
            if start < end:
                parts.append((start, entry.facts))
                left += [(a, b) for a, b in ((first, start), (end, last)) if a < b]
            else:
                left.append((first, last))
        unsaid = left
    parts += [(first, None) for first, _ in unsaid]
    return [facts for _, facts in sorted(parts, key=lambda part: part[0])]

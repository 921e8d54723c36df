"""A register file into the ledger: only what differs from what is known becomes an entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa

from pvplan.ledger.asof import changes_of
from pvplan.ledger.schema import SYSTEM, facts_of

FACTS: Final = tuple(facts_of(SYSTEM))
_EARLIEST, _LATEST = date.min, date.max
Window = tuple[date, date]


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


def facts_by_id(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the facts of register rows as the ledger holds them: watts, days, text, None."""
    held = pd.DataFrame(index=rows.index.astype(str))
    for name in FACTS:
        if name.endswith("_w"):
            kw = rows[f"{name.removesuffix('_w')}_kw"].to_numpy(dtype=float)
            held[name] = [None if pd.isna(value) else round(value * 1000.0) for value in kw]
        elif name.endswith("_on"):
            days = pd.to_datetime(rows[name])
            held[name] = [None if pd.isna(day) else day.date() for day in days]
        elif name in ("longitude", "latitude"):
            held[name] = [None if pd.isna(v) else float(v) for v in rows[name]]
        else:
            held[name] = [None if pd.isna(v) else str(v) for v in rows[name]]
    records = held.astype(object).where(held.notna(), None).to_dict("records")
    return dict(zip(held.index, records, strict=True))


def compared(
    connection: sa.Connection,
    rows: pd.DataFrame,
    valid: tuple[date | None, date | None],
    *,
    complete: bool,
) -> tuple[Imported, list[dict[str, Any]]]:
    """Compare a register with what is known, and return the entries that would record it.

    Parameters
    ----------
    connection
        Held alone, so that nothing comes in between.
    rows
        Rows of a register file, index ``system_id``.
    valid
        From and until before when the file speaks; None: since ever, until further notice.
    complete
        Whether the file is the whole register: known systems that it does not name are withdrawn.
    """
    window = (valid[0] or _EARLIEST, valid[1] or _LATEST)
    known = _entries(connection)
    told = {str(key): facts for key, facts in facts_by_id(rows).items()}
    entries: list[dict[str, Any]] = []
    listed: list[tuple[str, str, str]] = []
    counts = dict.fromkeys(("added", "changed", "unchanged", "withdrawn", "missing"), 0)
    for system_id, facts in sorted(told.items()):
        before = known.get(system_id, ())
        if _holds(before, window, facts):
            counts["unchanged"] += 1
            continue
        last = _last(before, window)
        what = "added" if last is None else "changed"
        counts[what] += 1
        listed.append((system_id, what, "" if last is None else _changes(last, facts)))
        entries.append({"system_id": system_id, "withdrawn": False, **facts})
    for system_id, before in sorted(known.items()):
        if system_id in told or _last(before, window) is None:
            continue
        what = "withdrawn" if complete else "missing"
        counts[what] += 1
        listed.append((system_id, what, ""))
        if complete:
            gone = dict.fromkeys(FACTS)
            entries.append({"system_id": system_id, "withdrawn": True, **gone})
    for entry in entries:
        entry |= {"valid_from": valid[0], "valid_to": valid[1]}
    differences = pd.DataFrame(listed, columns=["system_id", "what", "changes"])
    return Imported(**counts, batch_id=None, differences=differences), entries


def _entries(connection: sa.Connection) -> dict[str, list[Mapping[str, Any]]]:
    """Return every system's entries, the last recorded first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in connection.execute(sa.select(SYSTEM).order_by(SYSTEM.c.entry_id.desc())).mappings():
        found.setdefault(str(row["system_id"]), []).append(dict(row))
    return found


def _span(entry: Mapping[str, Any]) -> Window:
    return entry["valid_from"] or _EARLIEST, entry["valid_to"] or _LATEST


def _holds(entries: Iterable[Mapping[str, Any]], window: Window, facts: Mapping[str, Any]) -> bool:
    """Return whether all that is known of every day of the window is just these facts."""
    open_windows = [window]
    for entry in entries:
        start, end = _span(entry)
        if not any(max(start, a) < min(end, b) for a, b in open_windows):
            continue
        if entry["withdrawn"] or any(entry[name] != facts[name] for name in FACTS):
            return False
        open_windows = [part for a, b in open_windows for part in _without((a, b), (start, end))]
        if not open_windows:
            return True
    return False


def _without(window: Window, taken: Window) -> list[Window]:
    (a, b), (start, end) = window, taken
    parts = [(a, min(b, start)), (max(a, end), b)]
    return [(first, last) for first, last in parts if first < last]


def _last(entries: Sequence[Mapping[str, Any]], window: Window) -> Mapping[str, Any] | None:
    """Return the entry of the window's last day, None where there is none or it is gone."""
    day = window[1] - timedelta(days=1)
    for entry in entries:
        start, end = _span(entry)
        if start <= day < end:
            return None if entry["withdrawn"] else entry
    return None


def _changes(before: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    return changes_of(_shown(before), _shown(facts))


def _shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: facts[name] for name in FACTS if not name.endswith("_w")}
    for stem in ("capacity_dc", "capacity_ac"):
        watts = facts[f"{stem}_w"]
        found[f"{stem}_kw"] = None if watts is None else watts / 1000.0
    return found

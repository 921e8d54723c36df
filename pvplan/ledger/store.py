"""The ledger: record what is said of systems, roofs and matches, and read it as it was known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa

from pvplan.errors import InputError
from pvplan.ledger import asof, importing
from pvplan.ledger.connection import engine_of, locked, saying
from pvplan.ledger.importing import Imported
from pvplan.ledger.schema import BATCH, MATCH, ROOF, SYSTEM
from pvplan.tables import DECIDED_STATES

DECISIONS = ("accepted", "rejected")


@dataclass(frozen=True)
class Who:
    """Who says it, why, by what source, and the digest of the file where there is one."""

    by: str
    reason: str
    source: str = ""
    sha256: str = ""


def open_ledger(where: str | Path, *, create: bool = False) -> Ledger:
    """Open a ledger and bring its schema up to date.

    Parameters
    ----------
    where
        Path of a SQLite file, or a URL: ``sqlite:///F.db``,
        ``postgresql+psycopg://USER:PASSWORD@HOST/DATABASE``.
    create
        Whether a missing one is made.

    Raises
    ------
    InputError
        See :func:`pvplan.ledger.connection.engine_of`.
    """
    return Ledger(engine_of(where, create=create))


class Ledger:
    """An open ledger; a context manager that closes it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @property
    def shown(self) -> str:
        """The address without its password."""
        url = self._engine.url
        file = url.get_backend_name() == "sqlite"
        return str(url.database) if file else url.render_as_string(hide_password=True)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with saying(self.shown), self._engine.connect() as connection:
            yield connection

    def import_rows(
        self,
        rows: pd.DataFrame,
        who: Who,
        *,
        now: datetime,
        valid_from: date | None = None,
        valid_to: date | None = None,
        complete: bool = False,
        dry_run: bool = False,
    ) -> Imported:
        """Record a register; only what differs from what is known becomes an entry.

        Parameters
        ----------
        rows
            ``sources.register.RegisterFile.rows``.
        who
            Who, why, which file.
        now
            Aware; the batch is made now, or 1 µs after the last one if that is later.
        valid_from, valid_to
            The days that the file speaks of: from the first until before the second.
        complete
            The file is the whole register: systems that it does not name are withdrawn.
        dry_run
            Compare only.

        Returns
        -------
        Imported
            The same file again changes nothing and makes no batch. Two imports at once come one
            after the other; one that breaks off leaves nothing.

        Raises
        ------
        InputError
            An id twice; days in the wrong order; a ledger that cannot be written.
        """
        _check_rows(rows, valid_from, valid_to)
        with saying(self.shown), locked(self._engine) as connection:
            window = (valid_from, valid_to)
            found, entries = importing.compared(connection, rows, window, complete=complete)
            if dry_run or not entries:
                return found
            batch = _batch(connection, "import", who, now)
            connection.execute(sa.insert(SYSTEM), [{**e, "batch_id": batch} for e in entries])
            return replace(found, batch_id=batch)

    def record_roof(
        self,
        roof_id: str,
        state: str | None,
        who: Who,
        *,
        now: datetime,
        evidence: str = "",
        review_on: date | None = None,
        valid_from: date | None = None,
    ) -> None:
        """Record what a roof is (``tables.DECIDED_STATES``), or None to take that back.

        Raises
        ------
        InputError
            Unknown state; a block without a reason or evidence.
        """
        if state is not None and state not in DECIDED_STATES:
            raise InputError(f"state '{state}' is unknown; one of {', '.join(DECIDED_STATES)}")
        if state == "blocked" and not (who.reason.strip() and evidence.strip()):
            raise InputError(f"roof {roof_id}: a block needs its reason and its evidence")
        self._record(ROOF, "roof", who, now, {
            "roof_id": roof_id, "state": state, "reason": who.reason, "evidence": evidence,
            "review_on": review_on, "withdrawn": state is None, "valid_from": valid_from,
        })  # fmt: skip

    def record_match(
        self,
        system_id: str,
        who: Who,
        *,
        now: datetime,
        roof_id: str | None = None,
        park_id: str | None = None,
        decision: str | None = "accepted",
    ) -> None:
        """Record that a system stands on a roof, or in a park, or that it does not.

        ``decision`` None takes an earlier word on the pair back.

        Raises
        ------
        InputError
            Unknown decision; neither roof nor park.
        """
        if decision is not None and decision not in DECISIONS:
            raise InputError(f"decision '{decision}' is unknown; one of {', '.join(DECISIONS)}")
        if (roof_id is None) == (park_id is None):
            raise InputError(f"system {system_id}: name a roof or a park, one of the two")
        self._record(MATCH, "match", who, now, {
            "system_id": system_id, "roof_id": roof_id, "park_id": park_id, "decision": decision,
            "reason": who.reason, "withdrawn": decision is None,
        })  # fmt: skip

    def _record(
        self, table: sa.Table, kind: str, who: Who, now: datetime, entry: Mapping[str, Any]
    ) -> None:
        with saying(self.shown), locked(self._engine) as connection:
            batch = _batch(connection, kind, who, now)
            connection.execute(sa.insert(table), {**entry, "batch_id": batch})

    def systems(
        self, as_known_on: date | datetime | None = None, true_on: date | None = None
    ) -> pd.DataFrame:
        """Return the systems as the rows of a register file, sorted by id.

        Parameters
        ----------
        as_known_on
            Last moment of knowledge; a date means its end at UTC+8; None: all that is known.
        true_on
            The day spoken of; None: until further notice.
        """
        entries = self._holding(SYSTEM, as_known_on, true_on)
        return asof.as_register(entries)

    def roof_states(
        self, as_known_on: date | datetime | None = None, true_on: date | None = None
    ) -> pd.DataFrame:
        """Return what was decided of roofs: index roof_id; state, reason, evidence, review_on."""
        entries = self._holding(ROOF, as_known_on, true_on)
        return entries.set_index("roof_id")[["state", "reason", "evidence", "review_on"]]

    def matches(
        self, as_known_on: date | datetime | None = None, true_on: date | None = None
    ) -> pd.DataFrame:
        """Return what was decided of matches: system_id, roof_id, park_id, decision."""
        entries = self._holding(MATCH, as_known_on, true_on).reset_index(drop=True)
        found = entries[["system_id", "roof_id", "park_id", "decision"]].astype(object)
        return found.where(found.notna(), None)

    def _holding(
        self, table: sa.Table, known: date | datetime | None, on: date | None
    ) -> pd.DataFrame:
        with self._reading() as connection:
            return asof.holding(connection, table, asof.moment_us(known), on)

    def history(self, system_id: str) -> pd.DataFrame:
        """Return every entry of a system: who, when, why, and what changed.

        Raises
        ------
        InputError
            The ledger never knew the system.
        """
        with self._reading() as connection:
            found = asof.history(connection, system_id)
        if found.empty:
            raise InputError(f"{self.shown}: system '{system_id}' was never recorded")
        return found

    def batches(self) -> pd.DataFrame:
        """Return every batch: made_at (UTC), kind, made_by, reason, source, sha256."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(BATCH).order_by(BATCH.c.batch_id)).mappings().all()
        found = pd.DataFrame([dict(row) for row in rows], columns=[c.name for c in BATCH.columns])
        moments = [asof.moment_of(us) for us in found.pop("made_at_us")]
        found.insert(1, "made_at", moments)
        return found

    def digest(
        self, as_known_on: date | datetime | None = None, true_on: date | None = None
    ) -> str:
        """Return the SHA-256 of all that holds, as known: the same on every database."""
        whole = hashlib.sha256()
        for table in (
            self.systems(as_known_on, true_on),
            self.roof_states(as_known_on, true_on).reset_index(),
            self.matches(as_known_on, true_on),
        ):
            text = table.to_csv(lineterminator="\n", date_format="%Y-%m-%d")
            whole.update(text.encode("utf-8", "surrogatepass") + b"\0")
        return whole.hexdigest()


def _check_rows(rows: pd.DataFrame, valid_from: date | None, valid_to: date | None) -> None:
    twice = rows.index[rows.index.duplicated()]
    faults = [f"register: id '{twice[0]}' stands twice"] if len(twice) else []
    if valid_from and valid_to and valid_to <= valid_from:
        faults.append(f"valid from {valid_from} until before {valid_to}: no day lies between")
    if faults:
        raise InputError(faults)


def _batch(connection: sa.Connection, kind: str, who: Who, now: datetime) -> int:
    """Make a batch, later than every batch before it."""
    if not who.by.strip():
        raise InputError("an entry needs a name: who says so")
    last = connection.execute(sa.select(sa.func.max(BATCH.c.made_at_us))).scalar()
    moment = asof.moment_us(now) or 0
    words = {
        "made_at_us": moment if last is None else max(moment, last + 1),
        "kind": kind,
        "made_by": who.by,
        "reason": who.reason,
        "source": who.source,
        "sha256": who.sha256,
    }
    made = connection.execute(sa.insert(BATCH).returning(BATCH.c.batch_id), words)
    return int(made.scalar_one())

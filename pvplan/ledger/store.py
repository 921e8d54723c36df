"""The ledger: record what is said of systems, roofs and matches, and read it as it was known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa

from pvplan.errors import InputError
from pvplan.ledger import asof, importing
from pvplan.ledger.asof import Seen
from pvplan.ledger.connection import engine_of, locked, reading, saying, shown
from pvplan.ledger.importing import Imported
from pvplan.ledger.schema import BATCH, KEYS, MATCH, ROOF, SYSTEM
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
        return shown(self._engine.url)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with saying(self._engine), reading(self._engine) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with saying(self._engine), locked(self._engine) as connection:
            yield connection

    def import_rows(
        self,
        rows: pd.DataFrame,
        who: Who,
        *,
        now: datetime | None = None,
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
            When it becomes known, aware; default: the clock's, read when no other writes any more.
            If that is not later than the last batch, 1 µs after it.
        valid_from, valid_to
            The days that the file speaks of: from the first until before the second.
        complete
            The file is the whole register: systems that it does not name are withdrawn.
        dry_run
            Compare only; waits for nobody.

        Returns
        -------
        Imported
            The same file again changes nothing and makes no batch. Two imports at once come one
            after the other; one that breaks off leaves nothing.

        Raises
        ------
        InputError
            An id twice; days in the wrong order; text or numbers that a database cannot hold; a
            ledger that cannot be written.
        """
        told, faults = importing.facts_by_id(rows)
        faults += _faults_of(vars(who))
        if valid_from and valid_to and valid_to <= valid_from:
            faults.append(f"valid from {valid_from} until before {valid_to}: no day lies between")
        if faults:
            raise InputError(faults)
        with self._reading() if dry_run else self._writing() as connection:
            window = (valid_from, valid_to)
            found, entries = importing.compared(connection, told, window, complete=complete)
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
        now: datetime | None = None,
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
        now: datetime | None = None,
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
        self, table: sa.Table, kind: str, who: Who, now: datetime | None, entry: Mapping[str, Any]
    ) -> None:
        faults = [*_faults_of(vars(who)), *_faults_of(entry)]
        keys = {key: entry[key] for key in KEYS[table.name] if entry[key] is not None}
        faults += [f"{key}: is blank; name it" for key, word in keys.items() if not word.strip()]
        if faults:
            raise InputError(faults)
        with self._writing() as connection:
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
        with self._reading() as connection:
            return asof.systems(asof.holding(connection, SYSTEM, as_known_on, true_on))

    def roof_states(
        self, as_known_on: date | datetime | None = None, true_on: date | None = None
    ) -> pd.DataFrame:
        """Return what was decided of roofs: index roof_id; state, reason, evidence, review_on."""
        return self.seen(as_known_on, true_on).roof_states

    def matches(
        self, as_known_on: date | datetime | None = None, true_on: date | None = None
    ) -> pd.DataFrame:
        """Return what was decided of matches: system_id, roof_id, park_id, decision."""
        return self.seen(as_known_on, true_on).matches

    def seen(self, as_known_on: date | datetime | None = None, true_on: date | None = None) -> Seen:
        """Return systems, roof states, matches and their digest, all as they stood at one moment.

        Parameters
        ----------
        as_known_on, true_on
            As for :meth:`systems`.
        """
        with self._reading() as connection:
            return asof.seen(connection, as_known_on, true_on)

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
        return self.seen(as_known_on, true_on).digest


def _faults_of(words: Mapping[str, Any]) -> Iterator[str]:
    for name, word in words.items():
        yield from importing.text_faults(name, [word])


def _batch(connection: sa.Connection, kind: str, who: Who, now: datetime | None) -> int:
    """Make a batch, later than every batch before it."""
    if not who.by.strip():
        raise InputError("an entry needs a name: who says so")
    last = connection.execute(sa.select(sa.func.max(BATCH.c.made_at_us))).scalar()
    moment = asof.moment_us(datetime.now(UTC) if now is None else now)
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

"""The ledger: record what is said of systems, roofs and matches, and read it as it was known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import pandas as pd
import sqlalchemy as sa

from pvplan.errors import InputError
from pvplan.ledger import asof, importing, said
from pvplan.ledger.asof import Seen
from pvplan.ledger.connection import engine_of, locked, reading, saying, shown
from pvplan.ledger.importing import Imported
from pvplan.ledger.schema import BATCH, KEYS, MATCH, ROOF, SYSTEM
from pvplan.tables import DECIDED_STATES

DATABASE_URL: Final = "PVPLAN_DATABASE_URL"
"""The variable of the environment that names the ledger."""
DECISIONS = ("accepted", "rejected")
_WORDS: Final = {"match": MATCH, "roof": ROOF}


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
        after: Mapping[str, int] | None = None,
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
        after
            The last entry of systems that the writer saw (``history``): a later one refuses.

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
        OvertakenError
            Somebody else recorded something of a system of ``after``.
        """
        told, faults = importing.facts_by_id(rows)
        faults += _faults_of(vars(who))
        if valid_from and valid_to and valid_to <= valid_from:
            faults.append(f"valid from {valid_from} until before {valid_to}: no day lies between")
        if faults:
            raise InputError(faults)
        with self._reading() if dry_run else self._writing() as connection:
            for system_id, entry in (after or {}).items():
                said.check_last(connection, SYSTEM, system_id, entry)
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
        after: int | None = None,
    ) -> None:
        """Record what a roof is (``tables.DECIDED_STATES``), or None to take that back.

        ``after`` is the last entry of the roof that the writer saw (:meth:`words`), 0 for none.

        Raises
        ------
        InputError
            Unknown state; a block without a reason or evidence.
        OvertakenError
            Somebody else recorded something of the roof since.
        """
        if state is not None and state not in DECIDED_STATES:
            raise InputError(f"state '{state}' is unknown; one of {', '.join(DECIDED_STATES)}")
        if state == "blocked" and not (who.reason.strip() and evidence.strip()):
            raise InputError(f"roof {roof_id}: a block needs its reason and its evidence")
        entry = {
            "roof_id": roof_id, "state": state, "reason": who.reason, "evidence": evidence,
            "review_on": review_on, "withdrawn": state is None, "valid_from": valid_from,
        }  # fmt: skip
        _check_entry(ROOF, who, entry)
        with self._writing() as connection:
            said.check_last(connection, ROOF, roof_id, after)
            _insert(connection, ROOF, "roof", who, now, [entry])

    def record_match(
        self,
        system_id: str,
        who: Who,
        *,
        now: datetime | None = None,
        roof_id: str | None = None,
        park_id: str | None = None,
        decision: str | None = "accepted",
        alone: bool = False,
        after: int | None = None,
    ) -> None:
        """Record that a system stands on a roof, or in a park, or that it does not.

        Parameters
        ----------
        system_id, who, now
            What, who and why, when.
        roof_id, park_id
            One of the two.
        decision
            ``accepted``, ``rejected``, or None: an earlier word on the pair is taken back.
        alone
            What was accepted of the system elsewhere is taken back in the same breath.
        after
            The last entry on the system that the writer saw (:meth:`words`), 0 for none; None:
            anything may stand.

        Raises
        ------
        InputError
            Unknown decision; neither roof nor park.
        OvertakenError
            Somebody else recorded a match of the system since.
        """
        if decision is not None and decision not in DECISIONS:
            raise InputError(f"decision '{decision}' is unknown; one of {', '.join(DECISIONS)}")
        if (roof_id is None) == (park_id is None):
            raise InputError(f"system {system_id}: name a roof or a park, one of the two")
        entry = _match(system_id, roof_id, park_id, decision, who)
        _check_entry(MATCH, who, entry)
        with self._writing() as connection:
            said.check_last(connection, MATCH, system_id, after)
            entries = [entry]
            if alone:
                held = said.words(connection, MATCH, system_id)
                entries = [*_taken_back(held, roof_id, park_id, who), entry]
            _insert(connection, MATCH, "match", who, now, entries)

    def words(self, about: Literal["match", "roof"], key: str | None = None) -> pd.DataFrame:
        """Return every word on the matches of systems, or on roofs: what, who, when, why.

        Parameters
        ----------
        about
            ``match`` or ``roof``.
        key
            One system, or one roof; None: all.

        Returns
        -------
        DataFrame
            One row an entry, the oldest first (:func:`pvplan.ledger.said.words`).
        """
        with self._reading() as connection:
            return said.words(connection, _WORDS[about], key)

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


def _match(
    system_id: str, roof_id: str | None, park_id: str | None, decision: str | None, who: Who
) -> dict[str, Any]:
    return {
        "system_id": system_id, "roof_id": roof_id, "park_id": park_id, "decision": decision,
        "reason": who.reason, "withdrawn": decision is None,
    }  # fmt: skip


def _taken_back(
    held: pd.DataFrame, roof_id: str | None, park_id: str | None, who: Who
) -> list[dict[str, Any]]:
    """Return the entries that take back what was accepted of a system at other places."""
    last = held.drop_duplicates(["roof_id", "park_id"], keep="last")
    standing = last[last["decision"] == "accepted"]
    places = [
        (None if pd.isna(roof) else str(roof), None if pd.isna(park) else str(park))
        for roof, park in zip(standing["roof_id"], standing["park_id"], strict=True)
    ]
    system = str(held["system_id"].iloc[0]) if len(held) else ""
    return [_match(system, *place, None, who) for place in places if place != (roof_id, park_id)]


def _check_entry(table: sa.Table, who: Who, entry: Mapping[str, Any]) -> None:
    faults = [*_faults_of(vars(who)), *_faults_of(entry)]
    keys = {key: entry[key] for key in KEYS[table.name] if entry[key] is not None}
    faults += [f"{key}: is blank; name it" for key, word in keys.items() if not word.strip()]
    if faults:
        raise InputError(faults)


def _insert(
    connection: sa.Connection, table: sa.Table, kind: str, who: Who, now: datetime | None,
    entries: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    batch = _batch(connection, kind, who, now)
    connection.execute(sa.insert(table), [{**entry, "batch_id": batch} for entry in entries])


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

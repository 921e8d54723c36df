"""What readers decide, into the ledger: asked of :mod:`pvplan.ui.people`, said by whom, once.

The ledger is the one that the server's owner names; nothing of it comes from a visitor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal

import pandas as pd

from pvplan.errors import InputError
from pvplan.ledger import DATABASE_URL, Ledger, OvertakenError, Who, open_ledger
from pvplan.tables import DECIDED_STATES, STATUSES
from pvplan.ui import people

About = Literal["match", "roof"]
SOURCE: Final = "app"
LONGEST_NOTE: Final = 500
LONGEST_EVIDENCE: Final = 300
MOST_KW: Final = 1e6
FIRST_DAY: Final = date(1990, 1, 1)
LAST_DAY: Final = date(2100, 12, 31)
FACTS: Final = ("capacity_dc_kw", "status", "commissioned_on")


@dataclass(frozen=True)
class Written:
    """What stands in the ledger after a decision.

    Attributes
    ----------
    what
        ``accepted``, ``rejected``, ``taken_back``, ``facts``, or a state of a roof.
    thing, place
        The system or roof; the roof or park that a system was put on, else empty.
    by, at, note
        Who, when (UTC), why.
    again
        It stood there already: nothing was written.
    """

    what: str
    thing: str
    place: str
    by: str
    at: datetime
    note: str
    again: bool = False


@dataclass(frozen=True)
class Past:
    """What the ledger knows of a system or a roof.

    Attributes
    ----------
    facts
        Of a system: its entries, who, when, why and what changed; empty for a roof.
    words
        Each decision, the oldest first, with who and when.
    """

    facts: pd.DataFrame
    words: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def last_word(self) -> int:
        """The last decision's entry, 0 for none."""
        return int(self.words["entry_id"].max()) if len(self.words) else 0

    @property
    def last_fact(self) -> int:
        """The last entry of the system's facts."""
        return int(self.facts["entry_id"].max()) if len(self.facts) else 0

    @property
    def standing(self) -> pd.DataFrame:
        """The decisions that hold."""
        return standing(self.words)


def where() -> str | None:
    """Return the ledger that the server's owner names, None where there is none."""
    return os.environ.get(DATABASE_URL) or None


@contextmanager
def opened() -> Iterator[Ledger]:
    """Open the owner's ledger.

    Raises
    ------
    InputError
        None is named, or it cannot be used.
    """
    address = where()
    if address is None:
        raise InputError(f"no ledger is named here; the server's owner sets {DATABASE_URL}")
    with open_ledger(address) as ledger:
        yield ledger


def standing(words: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions that hold: of each pair, or roof, the last unless it was taken back."""
    keys = [name for name in ("system_id", "roof_id", "park_id") if name in words]
    last = words.drop_duplicates(keys, keep="last")
    return pd.DataFrame(last[~last["withdrawn"].astype(bool)])


def decided(about: About) -> pd.DataFrame:
    """Return every decision that holds, with who and when."""
    with opened() as ledger:
        return standing(ledger.words(about))


def past_of_system(system_id: str) -> Past | None:
    """Return what the ledger knows of a system, None where it was never recorded."""
    with opened() as ledger:
        words = ledger.words("match", system_id)
        try:
            facts = ledger.history(system_id)
        except InputError:
            return None
    return Past(facts, words)


def past_of_roof(roof_id: str) -> Past:
    """Return what was decided of a roof."""
    with opened() as ledger:
        return Past(pd.DataFrame(), ledger.words("roof", roof_id))


def batches() -> pd.DataFrame:
    """Return every batch of the ledger, the newest first."""
    with opened() as ledger:
        return ledger.batches().iloc[::-1]


def decide_place(
    system_id: str,
    place: tuple[str | None, str | None],
    decision: str | None,
    note: str,
    after: int,
) -> Written:
    """Record that a system stands at a place, does not, or that this was taken back.

    Parameters
    ----------
    system_id
        A system of the ledger.
    place
        Roof, or park; one of the two.
    decision
        ``accepted`` (at this place and no other), ``rejected``, None: taken back.
    note
        Why.
    after
        The last decision that the reader saw of it.

    Raises
    ------
    NotAllowedError
        The reader may only read.
    OvertakenError
        Somebody else decided meanwhile.
    InputError
        The ledger never knew the system, or refuses the words.
    """
    person, why = people.writer(), _note(note)
    roof_id, park_id = place
    with opened() as ledger:
        ledger.history(system_id)  # refuses a system that was never recorded
        again = False
        held = Past(pd.DataFrame(), ledger.words("match", system_id))
        if _same(held, _at(place), decision, person.name, why):
            again = True
        else:
            ledger.record_match(
                system_id, Who(person.name, why, SOURCE), roof_id=roof_id, park_id=park_id,
                decision=decision, alone=decision == "accepted", after=after,
            )  # fmt: skip
            held = Past(pd.DataFrame(), ledger.words("match", system_id))
    last = held.words.iloc[-1]
    what = decision or "taken_back"
    return Written(what, system_id, str(roof_id or park_id), last["made_by"], last["made_at"],
                   last["reason"], again)  # fmt: skip


def mend_facts(system_id: str, facts: Mapping[str, Any], note: str, after: int) -> Written:
    """Record other facts of a system: capacity [kWp], status, day of commissioning.

    Parameters
    ----------
    system_id
        A system of the ledger.
    facts
        What is otherwise than recorded; keys of :data:`FACTS`.
    note, after
        As for :func:`decide_place`; the last entry of the system's facts.

    Raises
    ------
    NotAllowedError, OvertakenError, InputError
        As :func:`decide_place`; a value out of bounds.
    """
    person, why = people.writer(), _note(note)
    _check_facts(facts)
    with opened() as ledger:
        rows = ledger.systems()
        if system_id not in rows.index:
            raise InputError(f"system '{system_id}' is not in the ledger; import it first")
        row = rows.loc[[system_id]].assign(**facts)
        if "capacity_dc_kw" in facts:
            row["capacity_basis"] = "dc"
        who = Who(person.name, why, SOURCE)
        try:
            found = ledger.import_rows(row, who, after={system_id: after})
        except OvertakenError:
            # The same said twice is no conflict.
            if ledger.import_rows(row, who, dry_run=True).unchanged != 1:
                raise
            again = True
        else:
            again = found.batch_id is None
        last = ledger.history(system_id).iloc[-1]
    return Written("facts", system_id, "", last["made_by"], last["made_at"], last["reason"], again)


def decide_roof(
    roof_id: str, state: str | None, note: str, evidence: str, review_on: date | None, after: int
) -> Written:
    """Record what a roof is, or take that back.

    Parameters
    ----------
    roof_id
        A roof.
    state
        One of ``tables.DECIDED_STATES``; None takes an earlier word back.
    note, after
        As for :func:`decide_place`.
    evidence
        What shows it, such as a report's number.
    review_on
        The day of the next look.

    Raises
    ------
    NotAllowedError, OvertakenError, InputError
        As :func:`decide_place`; a block without reason or evidence.
    """
    person, why = people.writer(), _note(note)
    shown = people.safe_line(evidence, LONGEST_EVIDENCE)
    if state is not None and state not in DECIDED_STATES:
        raise InputError(f"state '{state}' is unknown")
    with opened() as ledger:
        held = Past(pd.DataFrame(), ledger.words("roof", roof_id))
        again = _same_roof(held, state, (person.name, why, shown, review_on))
        if not again:
            ledger.record_roof(
                roof_id, state, Who(person.name, why, SOURCE), evidence=shown,
                review_on=review_on, after=after,
            )  # fmt: skip
            held = Past(pd.DataFrame(), ledger.words("roof", roof_id))
    last = held.words.iloc[-1]
    what = state or "taken_back"
    return Written(what, roof_id, "", last["made_by"], last["made_at"], last["reason"], again)


def _note(text: str) -> str:
    return people.safe_line(text, LONGEST_NOTE)


def _at(place: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
    return place[0] or None, place[1] or None


def _same(
    held: Past, place: tuple[str | None, str | None], decision: str | None, by: str, why: str
) -> bool:
    """Tell whether the last word is just this one, of the same person."""
    if not len(held.words):
        return False
    last = held.words.iloc[-1]
    seen = tuple(None if pd.isna(last[name]) else last[name] for name in ("roof_id", "park_id"))
    said = None if last["withdrawn"] else last["decision"]
    return (seen, said, last["made_by"], last["reason"]) == (place, decision, by, why)


def _same_roof(held: Past, state: str | None, said: tuple[str, str, str, date | None]) -> bool:
    if not len(held.words):
        return False
    last = held.words.iloc[-1]
    day = None if pd.isna(last["review_on"]) else pd.Timestamp(last["review_on"]).date()
    known = None if last["withdrawn"] else last["state"]
    told = (last["made_by"], last["reason"], last["evidence"], day)
    return (known, *told) == (state, *said)


def _check_facts(facts: Mapping[str, Any]) -> None:
    faults = [f"{name}: is no fact that is mended here" for name in facts if name not in FACTS]
    kilowatts = facts.get("capacity_dc_kw", 1.0)
    if not 0.0 < float(kilowatts) <= MOST_KW:
        faults.append(f"capacity_dc_kw: {kilowatts} lies outside 0 to {MOST_KW:g} kWp")
    if facts.get("status", STATUSES[0]) not in STATUSES:
        faults.append(f"status '{facts['status']}' is unknown")
    if not facts:
        faults.append("nothing is otherwise than recorded")
    if faults:
        raise InputError(faults)

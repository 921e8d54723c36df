"""What surrounds a decision: no ledger, no permission, what was written, what stood before."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.ledger import CITY_TIME, OvertakenError, moment_of, moment_us
from pvplan.tables import LEDGER
from pvplan.ui import deciding, faults, numbers, people, runs, who_line
from pvplan.ui.deciding import About, Past, Written
from pvplan.ui.frame import View
from pvplan.ui.words import Language, say

OUTCOME: Final = "decision-outcome"
IMPORT: Final = "python -m pvplan register import register.csv --db ledger.db"
START: Final = "PVPLAN_DATABASE_URL=ledger.db python -m streamlit run app.py"
CHANGES: Final = {"added": "said_added", "withdrawn": "said_withdrawn"}
WHAT: Final = {
    "accepted": "said_accepted",
    "rejected": "said_rejected",
    "taken_back": "said_taken_back",
    "facts": "said_facts",
    "blocked": "roof_state_blocked",
    "feasible": "roof_state_feasible",
    "not_assessable": "roof_state_not_assessable",
}


def moment(at: datetime) -> str:
    """Write a moment by the minute, at UTC+8 as the ledger counts its days."""
    return f"{at.astimezone(CITY_TIME):%Y-%m-%d %H:%M} (UTC+8)"


def without_ledger(language: Language) -> None:
    """Say that decisions need a ledger, and how to get one."""
    with st.container(border=True, key="no-ledger"):
        st.markdown(f"##### {say('no_ledger', language)}")
        st.text(say("no_ledger_help", language))
        st.code(f"{IMPORT}\n{START}", language="bash")


def unusable(error: PvplanError, language: Language) -> None:
    """Say that the ledger cannot be used."""
    st.error(say("ledger_unusable", language))
    faults.listed(error.faults)


def unknown_system(language: Language) -> None:
    """Say that the ledger does not know a system."""
    st.info(say("system_not_recorded", language))
    st.code(IMPORT, language="bash")


def may_write(language: Language) -> bool:
    """Tell whether the reader may write; else say why not."""
    person = people.current()
    if not person.may_write:
        who_line.refused(person, language)
    elif not person.name:
        st.warning(say("name_first", language))
    return person.may_write and bool(person.name)


def attempt(write: Callable[[], Written], language: Language) -> None:
    """Write, and keep for the page what was written or why it was not."""
    try:
        st.session_state[OUTCOME] = write()
    except people.NotAllowedError:
        st.session_state[OUTCOME] = (say("not_allowed", language),)
    except OvertakenError as error:
        st.session_state[OUTCOME] = (say("overtaken", language), *error.faults)
    except PvplanError as error:
        st.session_state[OUTCOME] = (say("not_written", language), *error.faults)


def outcome(language: Language) -> None:
    """Show once what the last decision came to."""
    found = st.session_state.pop(OUTCOME, None)
    if isinstance(found, Written):
        head = "written_before" if found.again else "written"
        with st.container(border=True, key="written"):
            st.success(say(head, language))
            st.text("  ·  ".join(_told(found, language)))
            if found.note:
                st.text(found.note)
            st.caption(say("counts_next_run", language))
    elif found:
        st.error(found[0])
        faults.listed(found[1:])


def _told(written: Written, language: Language) -> list[str]:
    what = say(WHAT[written.what], language)
    parts = [written.thing, f"{what} {written.place}".strip()]
    return [*parts, written.by, moment(written.at)]


def word_told(word: pd.Series[Any], language: Language) -> str:
    """Return one decision in words: what, at which place."""
    code = str(word["decision"] if "decision" in word else word["state"])
    if word["withdrawn"]:
        code = "taken_back"
    place = next(
        (str(word[key]) for key in ("roof_id", "park_id")
         if "decision" in word and not numbers.missing(word.get(key))), "",
    )  # fmt: skip
    return f"{say(WHAT.get(code, 'said_facts'), language)} {place}".strip()


def changes_told(changes: str, language: Language) -> str:
    """Return what an entry changed, its columns and coded words in the reader's language."""
    if changes in CHANGES:
        return say(CHANGES[changes], language)
    names = {column.name: column.zh if language == "zh" else column.en for column in LEDGER}
    found = re.sub(
        r"(^|; )([a-z_]+): ", lambda hit: f"{hit[1]}{names.get(hit[2], hit[2])}: ", changes
    )
    return found or say("said_facts", language)


def history(past: Past, language: Language) -> None:
    """Show who said what, when and why: facts and decisions in one order, the newest first."""
    rows = []
    for _, word in past.words.iterrows():
        text = word_told(word, language)
        evidence = word.get("evidence")
        said = text if numbers.missing(evidence) or not evidence else f"{text}: {evidence}"
        rows.append((word["made_at"], word["made_by"], said, word["reason"]))
    for _, fact in past.facts.iterrows():
        told = changes_told(str(fact["changes"]), language)
        rows.append((fact["made_at"], fact["made_by"], told, fact["reason"]))
    heads = [say(key, language) for key in ("when", "who", "what_changed", "why")]
    with st.expander(f"{say('history_of', language)}  {numbers.plain(len(rows))}"):
        if not rows:
            st.text(say("never_decided", language))
            return
        newest = sorted(rows, key=lambda row: row[0], reverse=True)
        table = pd.DataFrame(newest, columns=heads)
        table[heads[0]] = [moment(at) for at in table[heads[0]]]
        st.dataframe(
            table, hide_index=True, height="content", placeholder=numbers.DASH,
            alt=say("history_of", language),
        )  # fmt: skip


def standing_told(view: View, about: About) -> dict[str, str]:
    """Return what is decided of each system, or roof, and whether the run knew it.

    Raises
    ------
    InputError
        The ledger cannot be used.
    """
    key = "system_id" if about == "match" else "roof_id"
    seconds, rest = divmod(runs.stamp_of(view.folder), 1_000_000_000)
    finished = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    until = view.plan.meta.get("as_known_on")
    if until is not None:
        finished = min(finished, moment_of(moment_us(date.fromisoformat(until))))
    used = any(noted.get("role") == "ledger" for noted in view.plan.meta.get("inputs") or ())
    told: dict[str, str] = {}
    for _, word in deciding.decided(about).iterrows():
        known = used and word["made_at"] <= finished
        state = view.say("decided_known" if known else "decided_pending")
        earlier = f"{told[word[key]]}; " if word[key] in told else ""
        told[word[key]] = f"{earlier}{word_told(word, view.language)} ({state})"
    return told

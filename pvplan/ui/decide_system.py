"""Decide where a system of the register stands, or what its facts are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.reports.roofs import in_park, roofs_of
from pvplan.tables import OUTSIDE_PARKS, STATUSES
from pvplan.ui import decided_shown, deciding, numbers, places, work_lists
from pvplan.ui.deciding import LONGEST_NOTE, MOST_KW, Past, Written
from pvplan.ui.frame import View

WAYS: Final = {
    "accept": "way_accept",
    "elsewhere": "way_elsewhere",
    "reject": "way_reject",
    "facts": "way_facts",
    "take_back": "way_take_back",
}
STATUS: Final = {
    "filed": "filed",
    "under_construction": "under_construction",
    "commissioned": "status_commissioned",
    "retired": "status_retired",
}
MOST_ROOFS: Final = 2000
Write = Callable[[str], Written]


def show(view: View, row: pd.Series[Any]) -> None:
    """Offer every decision on the system of a finding.

    Parameters
    ----------
    view
        What the reader looks at.
    row
        A row of RECONCILIATION.
    """
    if numbers.missing(row["system_id"]):
        st.info(view.say("whole_file"))
        return
    system = str(row["system_id"])
    try:
        past = deciding.past_of_system(system)
    except PvplanError as error:
        decided_shown.unusable(error, view.language)
        return
    if past is None:
        decided_shown.unknown_system(view.language)
        return
    if decided_shown.may_write(view.language):
        _form(view, row, system, past)
    decided_shown.history(past, view.language)


def _form(view: View, row: pd.Series[Any], system: str, past: Past) -> None:
    candidate = _candidate(row)
    ways = [
        way for way in WAYS
        if (way not in ("accept", "reject") or candidate is not None)
        and (way != "take_back" or len(past.standing))
    ]  # fmt: skip
    mark = f"{system}-{view.language}"
    way = st.radio(
        view.say("decision"), ways, format_func=lambda item: view.say(WAYS[item]),
        horizontal=True, key=f"way-{mark}",
    )  # fmt: skip
    if candidate is not None and way in ("accept", "reject"):
        st.text(f"{view.say('candidate')}  {_place_told(view, candidate)}")
    write = _chosen(view, way, system, past, candidate, row)
    note = st.text_area(
        view.say("note"), max_chars=LONGEST_NOTE, key=f"note-{mark}", height=80,
        placeholder=view.say("note_hint"),
    )  # fmt: skip
    st.button(
        view.say("write"), type="primary", key=f"write-{mark}", disabled=write is None,
        on_click=_write, args=(view, write, note),
    )  # fmt: skip


def _write(view: View, write: Write | None, note: str) -> None:
    if write is not None:
        decided_shown.attempt(lambda: write(note), view.language)


def _candidate(row: pd.Series[Any]) -> tuple[str | None, str | None] | None:
    """Return roof or park that a finding names, one of the two."""
    if not numbers.missing(row["roof_id"]):
        return str(row["roof_id"]), None
    if not numbers.missing(row["park_id"]) and row["park_id"] != OUTSIDE_PARKS:
        return None, str(row["park_id"])
    return None


def _place_told(view: View, place: tuple[str | None, str | None]) -> str:
    roof, park = place
    if roof is not None:
        return f"{view.say('roof')} {roof}"
    names = places.names_of(view.plan.parks, view.language)
    return f"{view.say('park')} {names.get(str(park), str(park))}"


def _chosen(
    view: View, way: str, system: str, past: Past,
    candidate: tuple[str | None, str | None] | None, row: pd.Series[Any],
) -> Write | None:  # fmt: skip
    """Show what a way of deciding asks for, and return what would write it."""
    if way == "facts":
        changed = _facts(view, system, past, row)
        return partial(_mend, system, changed, past.last_fact) if changed else None
    place, decision = candidate, "accepted"
    if way == "elsewhere":
        place = _elsewhere(view, system)
    elif way == "reject":
        decision = "rejected"
    elif way == "take_back":
        place = _standing(view, system, past)
        return None if place is None else partial(_decide, system, place, None, past.last_word)
    return None if place is None else partial(_decide, system, place, decision, past.last_word)


def _decide(
    system: str, place: tuple[str | None, str | None], decision: str | None, after: int, note: str
) -> Written:
    return deciding.decide_place(system, place, decision, note, after)


def _mend(system: str, changed: dict[str, Any], after: int, note: str) -> Written:
    return deciding.mend_facts(system, changed, note, after)


def _elsewhere(view: View, system: str) -> tuple[str | None, str | None] | None:
    """Let the reader choose a park, and in it a roof or the park as a whole."""
    mark = f"{system}-{view.language}"
    names = places.distinct(places.names_of(view.plan.parks, view.language))
    left, right = st.columns(2)
    park = left.selectbox(
        view.say("park"), list(names), format_func=names.__getitem__, index=None,
        key=f"place-park-{mark}",
    )  # fmt: skip
    if park is None:
        return None
    largest = places.largest_roofs(view.plan, park, MOST_ROOFS)
    whole = {} if park == OUTSIDE_PARKS else {"": view.say("park_as_whole")}
    options = {**whole, **work_lists.roof_labels_with_ids(largest)}
    roof = right.selectbox(
        view.say("roof"), list(options), format_func=options.__getitem__, index=None,
        key=f"place-roof-{mark}-{park}",
    )  # fmt: skip
    if len(largest) < roofs_of(view.plan).count(in_park(park)):
        st.caption(view.say("largest_listed").format(most=numbers.plain(MOST_ROOFS)))
    if roof is None:
        return None
    return (str(roof), None) if roof else (None, str(park))


def _standing(view: View, system: str, past: Past) -> tuple[str | None, str | None] | None:
    """Let the reader choose which earlier word is taken back."""
    held = past.standing
    words = {
        int(word["entry_id"]): decided_shown.word_told(word, view.language)
        for _, word in held.iterrows()
    }
    entry = st.selectbox(
        view.say("which_word"), list(words), format_func=words.__getitem__,
        key=f"which-{system}-{view.language}",
    )  # fmt: skip
    word = held.set_index("entry_id").loc[entry]
    roof, park = (None if numbers.missing(word[key]) else str(word[key])
                  for key in ("roof_id", "park_id"))  # fmt: skip
    return roof, park


def _facts(view: View, system: str, past: Past, row: pd.Series[Any]) -> dict[str, Any]:
    """Let the reader mend capacity, status and day; return what is otherwise than recorded."""
    known = past.facts.iloc[-1]
    suggested = row["suggested_kw"] if not numbers.missing(row["suggested_kw"]) else None
    recorded = None if numbers.missing(known["capacity_dc_kw"]) else float(known["capacity_dc_kw"])
    start = float(suggested) if suggested is not None else recorded
    mark = f"{system}-{view.language}"
    left, middle, right = st.columns(3)
    kilowatts = left.number_input(
        view.say("capacity_kwp"), min_value=0.001, max_value=MOST_KW, value=start, step=1.0,
        format="%.3f", key=f"kw-{mark}",
    )  # fmt: skip
    status = middle.selectbox(
        view.say("status"), list(STATUSES), format_func=lambda item: view.say(STATUS[item]),
        index=STATUSES.index(known["status"]) if known["status"] in STATUSES else None,
        key=f"status-{mark}",
    )  # fmt: skip
    day = None if numbers.missing(known["commissioned_on"]) else known["commissioned_on"].date()
    commissioned = right.date_input(
        view.say("commissioned_on"), value=day, min_value=deciding.FIRST_DAY,
        max_value=deciding.LAST_DAY, key=f"commissioned-{mark}",
    )  # fmt: skip
    st.text(f"{view.say('recorded')}  {numbers.plain(recorded, 3, 'kWp')}")
    changed: dict[str, Any] = {}
    if kilowatts is not None and kilowatts != recorded:
        changed["capacity_dc_kw"] = float(kilowatts)
    if status is not None and status != known["status"]:
        changed["status"] = str(status)
    if commissioned != day:
        changed["commissioned_on"] = pd.NaT if commissioned is None else pd.Timestamp(commissioned)
    return changed

"""The form in which the park manager records what a roof really is."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import shapely
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.sources.corrections import (
    FIRST_DAY,
    LARGEST_M,
    LAST_DAY,
    MOST_NAME,
    MOST_OUTLINE,
    MOST_TEXT,
    NOTHING_THERE,
    write_obstruction,
)
from pvplan.tables import FACTS, ROOF_FORMS
from pvplan.ui import choices, facts, faults, people, who_line
from pvplan.ui.facts import Estimates, Known
from pvplan.ui.frame import View

SAID: Final = "fact-said"
KINDS: Final = {"point": "point_at", "outline": "outline_drawn", "none": "nothing_stands"}
NOTES: Final = {"surveyed_load_kn_per_m2": "load_note", "obstruction": "obstruction_note"}
AROUND_DEG: Final = 0.02
STEPS: Final = {"height_m": 0.5, "surveyed_load_kn_per_m2": 0.05}
OF: Final = {fact.name: fact for fact in FACTS}


@st.fragment
def show(view: View, roof: gpd.GeoSeries, known: Known, estimates: Estimates) -> None:
    """Offer to record an actual value of a roof, or to take one back.

    A fragment: the page is drawn anew once something was recorded, not at every choice.

    Parameters
    ----------
    view, roof
        The run, and the roof's row in it.
    known
        What is recorded of the city.
    estimates
        Fact to value and source.
    """
    st.markdown(f"##### {view.say('correct_title')}")
    person = people.current()
    if not person.may_write:
        who_line.refused(person, view.language)
        return
    _said(view)
    labels = {fact: view.say(word) for fact, word in facts.NAMES.items()}
    fact = choices.one_of("fact", view.say("which_fact"), labels, view.language)
    note = "recorded_only_note" if fact in facts.RECORDED_ONLY else NOTES.get(fact)
    if note is not None:
        st.caption(view.say(note))
    kind = ""
    if fact == "obstruction":
        kinds = {key: view.say(word) for key, word in KINDS.items()}
        kind = choices.one_of(
            "obstruction-kind", view.say("fact_obstruction"), kinds, view.language, segmented=True
        )
    roof_id = str(roof.name)
    # Another roof, or another fact, is another form: nothing typed for one is kept for the other.
    with st.form(f"fact-{fact}-{kind}-{roof_id}-{view.language}", border=True):
        given = _value(view, roof, fact, kind, estimates)
        evidence = st.text_area(
            view.say("grounds"), max_chars=MOST_TEXT, height=80, help=view.say("grounds_help"),
            key=f"evidence-{fact}-{roof_id}",
        )  # fmt: skip
        recorded = st.form_submit_button(view.say("record_it"), type="primary")
    here = known.of(roof_id)
    back = (here["fact"] == fact).any() and st.button(view.say("take_fact_back"), key="take-back")
    if recorded and not evidence.strip():
        st.error(view.say("grounds_needed"))
    elif recorded and given is None:
        st.error(view.say("outline_wrong" if kind == "outline" else "value_needed"))
    elif recorded:
        _record(view, known, roof_id, fact, str(given), evidence, estimates)
    elif back:
        _record(view, known, roof_id, fact, "", evidence, estimates)


def _said(view: View) -> None:
    """Say once what was done on the last click."""
    word = st.session_state.pop(SAID, None)
    if word is not None:
        st.success(view.say(word))


def _record(
    view: View,
    known: Known,
    roof_id: str,
    fact: str,
    value: str,
    evidence: str,
    estimates: Estimates,
) -> None:
    try:
        facts.record(known.path, roof_id, fact, value, evidence, estimates[fact])
    except PvplanError as error:
        st.error(view.say("not_recorded"))
        faults.listed(error.faults)
        return
    st.session_state[SAID] = "recorded_done" if value else "fact_taken_back"
    st.rerun()


def _value(
    view: View, roof: gpd.GeoSeries, fact: str, kind: str, estimates: Estimates
) -> str | None:
    """Offer the box of a fact, and return what it holds as it is recorded; None for nothing."""
    label, column = view.say("value"), OF[fact]
    key = f"value-{fact}-{roof.name}-{view.language}"
    now = estimates[fact][0]
    if fact == "obstruction":
        return _obstruction(view, roof, kind)
    if fact == "roof_form":
        place = ROOF_FORMS.index(now) if now in ROOF_FORMS else 0
        return st.selectbox(
            label, ROOF_FORMS, index=place, key=key,
            format_func=lambda form: facts.told("roof_form", form, view.language),
        )  # fmt: skip
    if fact == "completed_on":
        first = date.fromisoformat(now) if now else None
        day = st.date_input(
            label, first, min_value=FIRST_DAY, max_value=LAST_DAY, format="YYYY-MM-DD", key=key
        )
        return day.isoformat() if isinstance(day, date) else None
    if fact == "name":
        return st.text_input(label, now[:MOST_NAME], max_chars=MOST_NAME, key=key).strip() or None
    if fact == "renewal_year":
        year = st.number_input(
            label, int(column.low or 0), int(column.high or 0), None, step=1, key=key
        )
        return None if year is None else str(int(year))
    first_number = float(now) if now else None
    number = st.number_input(
        label, float(column.low or 0.0), float(column.high or 0.0), first_number, step=STEPS[fact],
        key=key,
    )  # fmt: skip
    return None if number is None else repr(float(number))


def _obstruction(view: View, roof: Any, kind: str) -> str | None:
    if kind == "none":
        return NOTHING_THERE
    if kind == "outline":
        text = st.text_area(
            view.say("outline_text"), max_chars=MOST_OUTLINE, height=110, key=f"outline-{roof.name}"
        )
        given = facts.outline(text, _height(view, roof))
        return None if given is None else write_obstruction(given)
    middle = shapely.point_on_surface(roof["geometry"])
    left, right = st.columns(2)
    longitude = left.number_input(
        view.say("longitude"), middle.x - AROUND_DEG, middle.x + AROUND_DEG, middle.x,
        step=1e-5, format="%.6f", key=f"longitude-{roof.name}",
    )  # fmt: skip
    latitude = right.number_input(
        view.say("latitude"), middle.y - AROUND_DEG, middle.y + AROUND_DEG, middle.y,
        step=1e-5, format="%.6f", key=f"latitude-{roof.name}",
    )  # fmt: skip
    radius = st.number_input(
        view.say("radius"), 0.1, LARGEST_M, 2.0, step=0.5, key=f"radius-{roof.name}"
    )
    return write_obstruction(facts.point(longitude, latitude, radius, _height(view, roof)))


def _height(view: View, roof: pd.Series[Any]) -> float:
    return st.number_input(
        view.say("height_of_obstruction"), 0.0, LARGEST_M, 1.0, step=0.5, key=f"high-{roof.name}"
    )

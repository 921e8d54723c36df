"""What stands around every page: language, run, goal, the demonstration badge, the stamp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.errors import PvplanError
from pvplan.reports.reading import FinishedRun
from pvplan.tables import Plan
from pvplan.ui import days_shown, empty, faults, numbers, places, runs, who_line
from pvplan.ui.words import LANGUAGE_NAMES, LANGUAGES, Language, say

STYLE: Final = Path(__file__).with_name("page.css")
VIEW: Final = "view"


@dataclass(frozen=True)
class View:
    """What the reader looks at: a plan, in a language, against a goal."""

    plan: Plan
    folder: Path
    run: str
    language: Language
    goal_id: str | None

    def say(self, key: str) -> str:
        """Return the words for a key in the reader's language."""
        return say(key, self.language)

    @property
    def city(self) -> pd.Series[Any]:
        """The one row of the city table."""
        return self.plan.city.iloc[0]

    @property
    def demonstration(self) -> bool:
        """Whether the run's buildings are made up."""
        return bool(_city_words(self.plan).get("demonstration", False))

    @property
    def as_of(self) -> str:
        """The day that the goals are judged on."""
        value = self.plan.meta.get("as_of")
        if value is None and len(self.plan.goals):
            value = self.plan.goals["as_of"].iloc[0]
        return numbers.day(value)


def _city_words(plan: Plan) -> Mapping[str, Any]:
    words = plan.meta.get("city")
    return words if isinstance(words, Mapping) else {}


def choose_language() -> Language:
    """Offer the languages in the sidebar; the link's ``lang`` counts on arrival."""
    if "language" not in st.session_state:
        asked = st.query_params.get("lang", "zh")
        st.session_state["language"] = asked if asked in LANGUAGES else "zh"
    st.sidebar.markdown(f"**{say('title', st.session_state['language'])}**")
    chosen = st.sidebar.segmented_control(
        "语言 Language", LANGUAGES, key="language", format_func=lambda item: LANGUAGE_NAMES[item],
        required=True,
    )  # fmt: skip
    language: Language = chosen or "zh"
    st.query_params["lang"] = language
    return language


def choose_view(language: Language) -> View | None:
    """Offer runs and goals in the sidebar and keep the choice for the page.

    Returns
    -------
    View or None
        None when no run can be shown; then the reader sees why, and what to do.
    """
    found = runs.finished_runs()
    if not found:
        empty.show(language)
        return None
    names = list(found)
    labels = {name: _run_label(name, found[name], language) for name in names}
    run = _choose("run", say("run", language), labels, names[0], language)
    folder = found[run].folder
    try:
        plan = runs.plan_of(folder)
    except PvplanError as error:
        st.error(say("broken_run", language))
        faults.listed(error.faults)
        return None
    view = View(plan, folder, run, language, _choose_goal(plan, language))
    st.session_state[VIEW] = view
    days_shown.choose(plan, run, folder, language)
    _stamp(view)
    who_line.show(language)
    return view


def _run_label(name: str, run: FinishedRun, language: Language) -> str:
    city = (run.name_zh or run.name_en) if language == "zh" else (run.name_en or run.name_zh)
    return "  ·  ".join(part for part in (city, name, run.scenario, run.as_of) if part)


def _choose_goal(plan: Plan, language: Language) -> str | None:
    if not len(plan.goals):
        return None
    goals = places.headline_rows(plan)
    names = places.distinct(
        {str(index): places.goal_name(row, language) for index, row in goals.iterrows()}
    )
    headline = str(plan.meta.get("headline_goal"))
    first = headline if headline in names else next(iter(names))
    return _choose("goal", say("goal", language), names, first, language)


def _choose(
    what: str, label: str, labels: Mapping[str, str], first: str, language: Language
) -> str:
    """Offer a choice in the sidebar; the link counts on arrival, unknown words do not.

    The choice is kept apart from the widget: Streamlit holds a selectbox by its shown words, so
    that the widget of one language knows nothing of the other.
    """
    kept = st.session_state.get(what, st.query_params.get(what))
    widget = f"{what}-{language}"
    st.session_state[widget] = kept if kept in labels else first

    def take() -> None:
        st.session_state[what] = st.session_state[widget]

    chosen = st.sidebar.selectbox(
        label, list(labels), key=widget, format_func=lambda item: labels[item], on_change=take
    )
    st.session_state[what] = st.query_params[what] = str(chosen)
    return str(chosen)


def _stamp(view: View) -> None:
    with st.sidebar:
        if view.demonstration:
            st.badge(view.say("demonstration"), color="orange")
        with st.container(key="stamp"):
            note = _city_words(view.plan).get(f"note_{view.language}")
            if note:
                st.text(str(note))
            st.text(f"{view.say('as_of')}  {view.as_of}")
            st.text(f"{view.say('fingerprint')}  {view.plan.meta.get('fingerprint', numbers.DASH)}")
        if view.plan.meta.get("warnings"):
            st.caption(view.say("warnings_count"))


def current() -> View:
    """Return what :func:`choose_view` kept; pages run only after it."""
    view = st.session_state[VIEW]
    if not isinstance(view, View):
        raise TypeError(f"session_state[{VIEW!r}] holds {type(view).__name__}; open app.py")
    return view


def heading(view: View, key: str) -> None:
    """Write a page's heading: the page, the city, and the badge where it is due."""
    with st.container(horizontal=True, vertical_alignment="center", key="heading"):
        st.subheader(view.say(key), anchor=False, width="content")
        st.text(places.name_of(view.city, view.language))
        if view.demonstration:
            st.badge(view.say("demonstration"), color="orange")


def style() -> None:
    """Add the few rules that the theme cannot state."""
    st.html(STYLE)

"""The page of the planner: a city, its assumptions, runs; runs compared; tables of one's choice."""

from __future__ import annotations

import streamlit as st

from pvplan.ui import (
    choices,
    frame,
    planner_assumed,
    planner_city,
    planner_compare,
    planner_runs,
    planner_tables,
)
from pvplan.ui.words import Language, say

PARTS = {"compute": "part_compute", "compare": "part_compare", "tables": "part_tables"}


def computing(language: Language) -> None:
    """Show the three steps to a run, and the runs that there are."""
    st.markdown(f"##### {say('step_city', language)}")
    city = planner_city.choose(language)
    st.markdown(f"##### {say('step_assumed', language)}")
    scenario = planner_assumed.choose(city, language)
    st.markdown(f"##### {say('step_run', language)}")
    planner_runs.offer(city, scenario, planner_assumed.changed(), language)
    planner_runs.listed(language)


def body() -> None:
    """Show the part of the page that the reader chose."""
    view = planner_compare.view_or_none()
    language: Language = st.session_state["language"]
    if view is None:
        st.subheader(say("page_plan", language), anchor=False)
        computing(language)
        return
    frame.heading(view, "page_plan")
    labels = {name: view.say(key) for name, key in PARTS.items()}
    part = choices.one_of(
        "part", view.say("page_plan"), labels, language, first=st.query_params.get("part"),
        segmented=True,
    )  # fmt: skip
    st.query_params["part"] = part
    if part == "compare":
        planner_compare.compare(view)
    elif part == "tables":
        planner_tables.show(view)
    else:
        computing(language)


body()

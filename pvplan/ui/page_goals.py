"""The page of the goals: what was asked, what is reached, and by which clause."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pvplan.ui import frame, numbers, places
from pvplan.ui.frame import View
from pvplan.ui.verdicts import COLOURS


def card(view: View, row: pd.Series[Any], number: int) -> None:
    """Show one goal."""
    verdict = str(row["verdict"])
    with st.container(border=True):
        head, badge = st.columns([4, 1], vertical_alignment="center")
        with head.container(key=f"goal-name-{number}"):
            st.text(places.goal_name(row, view.language))
        with badge.container(horizontal_alignment="right"):
            st.badge(view.say(f"verdict_{verdict}"), color=COLOURS[verdict])
        with st.container(key=f"goal-more-{number}"):
            place = row[f"place_{view.language}"]
            where = "" if numbers.missing(place) else f"{place}  ·  "
            st.text(f"{where}{view.say('deadline')} {numbers.day(row['deadline'])}")
        unit = str(row["unit"])
        shown = {
            "target": numbers.amount(row["target"], unit),
            "achieved": numbers.amount(row["installed"], unit),
            "gap": numbers.amount(row["gap"], unit),
            "pace_needed": numbers.megawatts(row["pace_needed_kw_per_year"]),
            "pace_trailing": numbers.megawatts(row["pace_trailing_kw_per_year"]),
        }
        for column, (key, text) in zip(st.columns(5), shown.items(), strict=True):
            column.metric(view.say(key), text)
        st.text(places.reason_of(row, view.language) or numbers.DASH)
        with st.expander(view.say("clause")):
            source(view, row)


def source(view: View, row: pd.Series[Any]) -> None:
    """Show the clause, where it stands, and how the target came about."""
    st.text(places.clause_of(row, view.language))
    checked = view.say("verified" if bool(row["verified"]) else "unverified")
    st.text(f"{view.say('document')}: {row['goal_source']} ({checked})")
    st.text(f"{view.say('method')}: {row['target_method']}")
    st.text(f"{view.say('unmatched')}: {numbers.megawatts(row['unmatched_dc_kw'])}")


def body(view: View) -> None:
    """Show a card for each goal."""
    goals = places.headline_rows(view.plan)
    if not len(goals):
        st.info(view.say("no_goals"))
        return
    st.caption(f"{view.say('goals_intro')} {view.say('as_of')}: {view.as_of}")
    for number, (_, row) in enumerate(goals.iterrows()):
        card(view, row, number)


frame.heading(frame.current(), "page_goals")
body(frame.current())

"""The page of the goals: what was asked, what is reached, by when, and by which clause."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pvplan.ui import charts, compared, explained, frame, history, numbers, panel, places, units
from pvplan.ui.frame import View
from pvplan.ui.verdicts import COLOURS
from pvplan.ui.words import say_code

EXPLAINED = {
    "target": "target_dc_kw",
    "counted": "installed_dc_kw",
    "gap": "gap_dc_kw",
    "gap_p10": "gap_p10_dc_kw",
    "gap_p90": "gap_p90_dc_kw",
    "reachable": "reachable_probability_fraction",
    "under_construction": "under_construction_dc_kw",
    "filed": "filed_dc_kw",
    "unreachable": "unreachable_dc_kw",
    "pace_needed": "pace_needed_kw_per_year",
    "pace_trailing": "pace_trailing_kw_per_year",
    "pace_trailing_36": "pace_trailing_36_kw_per_year",
    "pace_ratio": "pace_ratio",
    "attained_12": "attained_on_linear",
    "attained_36": "attained_on_linear_36",
    "attained_curve": "attained_on_logistic",
    "verdict": "verdict",
}


# The goals that a city is asked about first; a run without them shows its own first ones.
FIRST = ("industrial_1gw_2025", "industrial_full_2030")
OTHERS = "goals-others"


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
        headline(view, row)
        st.text(places.reason_of(row, view.language) or numbers.DASH)
        shown = {**capacities(row), **paces(row), **dates(view, row)}
        labels = {key: view.say(key) for key in shown}
        panel.boxes(shown, labels, key=f"facts-goal-{number}")
        if not numbers.missing(row["curve_state"]):
            st.caption(curve_told(view, row))
        below(view, row, number)


def headline(view: View, row: pd.Series[Any]) -> None:
    """Show target, achieved, gap and pace in the goal's own unit."""
    unit = str(row["unit"])
    shown = {
        "target": numbers.amount(row["target"], unit),
        "achieved": numbers.amount(row["installed"], unit),
        "gap": numbers.amount(row["gap"], unit),
        "pace_needed": numbers.capacity(row["pace_needed_kw_per_year"]),
        "pace_trailing": numbers.capacity(row["pace_trailing_kw_per_year"]),
    }
    for column, (key, text) in zip(st.columns(5), shown.items(), strict=True):
        column.metric(view.say(key), text)


def capacities(row: pd.Series[Any]) -> dict[str, str]:
    """Return what stands beside the gap: its doubt, what is coming, what no roof can hold."""
    return {
        "gap_range": numbers.capacity_between(row["gap_p10_dc_kw"], row["gap_p90_dc_kw"]),
        "reachable": numbers.percent(row["reachable_probability_fraction"]),
        "under_construction": numbers.capacity(row["under_construction_dc_kw"]),
        "filed": numbers.capacity(row["filed_dc_kw"]),
        "unreachable": numbers.capacity(row["unreachable_dc_kw"]),
    }


def paces(row: pd.Series[Any]) -> dict[str, str]:
    """Return the longer pace, and the pace against the one needed."""
    return {
        "pace_trailing_36": numbers.capacity(row["pace_trailing_36_kw_per_year"]),
        "pace_ratio": numbers.percent(row["pace_ratio"]),
    }


def dates(view: View, row: pd.Series[Any]) -> dict[str, str]:
    """Return the days on which the goal is reached, by each way of looking ahead."""
    never = view.say("never")
    return {
        "attained_12": numbers.day(row["attained_on_linear"]),
        "attained_12_range": numbers.months_between(
            row["attained_on_p10"], row["attained_on_p90"], never
        ),
        "attained_36": numbers.day(row["attained_on_linear_36"]),
        "attained_curve": numbers.day(row["attained_on_logistic"]),
        "attained_curve_range": numbers.months_between(
            row["attained_on_logistic_p10"], row["attained_on_logistic_p90"], never
        ),
    }


def curve_told(view: View, row: pd.Series[Any]) -> str:
    """Return what the logistic curve says."""
    return say_code("curve", str(row["curve_state"]), view.language)


def below(view: View, row: pd.Series[Any], number: int) -> None:
    """Show history, drivers, the clause, and where the numbers come from."""
    drivers = places.drivers_of(view.plan, str(row.name))
    ranked = len(drivers) > 0 or row.name == view.plan.meta.get("headline_goal")
    left, right = st.columns([11, 9], gap="medium") if ranked else (st.container(), None)
    with left:
        installed(view, row)
        pace(view, row)
    if right is not None:
        with right:
            survey(view, drivers)
    with st.expander(view.say("clause")):
        source(view, row)
    with st.expander(view.say("explain_goal")):
        place = f"{row.name}/{row['level']}/{row['place_id']}"
        references = {view.say(key): f"goals:{column}:{place}" for key, column in EXPLAINED.items()}
        explained.offer(view, references, f"goal-{number}")


def installed(view: View, row: pd.Series[Any]) -> None:
    """Draw what had been installed by when, with target and deadline."""
    st.markdown(f"##### {view.say('history_title')}")
    days = history.installed_by_day(view.plan, row)
    if days.empty:
        st.caption(view.say("no_history"))
        return
    chart = charts.installed_over_time(
        days, row["target_dc_kw"], pd.Timestamp(row["deadline"]), view.language
    )
    st.altair_chart(chart, alt=view.say("history_alt"))
    st.caption(view.say("history_note"))


def pace(view: View, row: pd.Series[Any]) -> None:
    """Draw what is needed a year beside what was added a year."""
    st.markdown(f"##### {view.say('pace_title')}")
    rows = history.paces(row, {key: view.say(key) for key in history.PACES})
    if rows.empty:
        st.caption(view.say("no_pace"))
        return
    st.altair_chart(charts.pace(rows, view.language), alt=view.say("pace_alt"))


def survey(view: View, drivers: pd.DataFrame) -> None:
    """Show which source of doubt, if surveyed, narrows the gap most."""
    st.markdown(f"##### {view.say('drivers_title')}")
    if not len(drivers):
        st.caption(view.say("no_drivers"))
        return
    name = "name_zh" if view.language == "zh" else "name_en"
    shown = pd.DataFrame(
        {
            "driver": drivers[name],
            "narrowing": numbers.in_capacity_unit(drivers["narrowing_kw"]),
            "variance": numbers.in_percent(drivers["variance_fraction"]),
        }
    )
    heads: dict[str, ColumnConfig | str | None] = {
        "driver": view.say("driver"),
        "narrowing": st.column_config.NumberColumn(
            f"{view.say('narrowing')} ({numbers.capacity_unit()})",
            format=units.chosen().column_format,
        ),
        "variance": st.column_config.NumberColumn(f"{view.say('variance')} (%)", format="%.1f"),
    }
    st.dataframe(
        shown, hide_index=True, column_config=heads, height="content", placeholder=numbers.DASH,
        alt=view.say("drivers_title"),
    )  # fmt: skip
    st.caption(view.say("drivers_note"))


def source(view: View, row: pd.Series[Any]) -> None:
    """Show the clause, where it stands, and how the target came about."""
    st.text(places.clause_of(row, view.language))
    checked = view.say("verified" if bool(row["verified"]) else "unverified")
    st.text(f"{view.say('document')}: {row['goal_source']} ({checked})")
    st.text(f"{view.say('owner')}: {places.text_of(row['owner']) or numbers.DASH}")
    if not numbers.missing(row["superseded_by"]):
        st.text(f"{view.say('superseded_by')}: {row['superseded_by']}")
    told = compared.target_told(view.plan, str(row.name), str(row["level"]), view.language)
    st.text(f"{view.say('method')}: {told}")
    st.text(f"{view.say('unmatched')}: {numbers.capacity(row['unmatched_dc_kw'])}")


def body(view: View) -> None:
    """Show a card for each goal."""
    goals = places.headline_rows(view.plan)
    if not len(goals):
        st.info(view.say("no_goals"))
        return
    st.caption(f"{view.say('goals_intro')} {view.say('as_of')}: {view.as_of}")
    st.caption(view.say("goals_dash"))
    for number, (_, row) in enumerate(chosen(view, goals).iterrows()):
        card(view, row, number)


def chosen(view: View, goals: pd.DataFrame) -> pd.DataFrame:
    """Return the goals whose cards are shown: the first ones, and those that the reader adds."""
    first = [goal for goal in FIRST if goal in goals.index] or list(goals.index[: len(FIRST)])
    others = {
        str(goal): places.goal_name(row, view.language)
        for goal, row in goals.drop(index=first).iterrows()
    }
    if not others:
        return goals.loc[first]
    names = places.distinct(others)
    # The goal that the reader looks at everywhere else is shown here too.
    looked_at = [view.goal_id] if view.goal_id in others else []
    widget = f"goals-others-{view.language}-{view.run}"
    kept = [goal for goal in st.session_state.get(OTHERS, looked_at) if goal in names]
    st.session_state[widget] = kept

    def take() -> None:
        st.session_state[OTHERS] = st.session_state[widget]

    added = st.multiselect(
        view.say("goals_others"), list(names), format_func=names.__getitem__, key=widget,
        on_change=take, placeholder=view.say("goals_others_hint"),
    )  # fmt: skip
    return goals.loc[[*first, *(goal for goal in names if goal in added)]]


frame.heading(frame.current(), "page_goals")
body(frame.current())

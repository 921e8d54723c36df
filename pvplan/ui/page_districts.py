"""The page of the districts and the city: totals, who is how far, and how targets were split."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from pvplan.ui import charts, compared, frame, numbers, panel, places, tables_shown
from pvplan.ui.frame import View
from pvplan.ui.words import say_code

MOST_BARS: Final = 16
LEVELS: Final = ("district", "park")


def city(view: View) -> None:
    """Show the city in total."""
    st.markdown(f"##### {view.say('city_table')}")
    figures = places.goal_at(view.plan, view.goal_id, "city", view.plan.city)
    panel.headline(view, view.city, figures.iloc[0])
    panel.facts(view, view.city)
    panel.explain_figures(view, "city", str(view.city.name))


def names_at(view: View, level: str) -> dict[str, str]:
    """Return the names of the places of a level."""
    table = view.plan.districts if level == "district" else view.plan.parks
    return places.names_of(table, view.language)


def league(view: View, level: str) -> None:
    """Show the account of every place of a level against the chosen goal."""
    rows = view.plan.gap_districts if level == "district" else view.plan.gap_parks
    rows = rows[rows["goal_id"] == view.goal_id]
    if not len(rows):
        st.info(view.say("league_none"))
        return
    method = compared.target_told(view.plan, str(view.goal_id), level, view.language)
    goal = places.headline_row(view.plan, str(view.goal_id))
    st.text(f"{places.goal_name(goal, view.language)}  ·  {view.say('method')}: {method}")
    table = tables_shown.league_table(rows, names_at(view, level), method, view.language)
    st.dataframe(
        table, hide_index=True, placeholder=numbers.DASH, alt=view.say("league_title"),
        height="content" if level == "district" else 460,
        column_config=tables_shown.column_config(view.language),
    )  # fmt: skip
    st.caption(f"{view.say('league_note')} {view.say('goals_dash')}")


def leagues(view: View) -> None:
    """Show the accounts of districts and of parks."""
    st.markdown(f"##### {view.say('league_title')}")
    league(view, "district")
    st.markdown(f"##### {view.say('league_parks_title')}")
    league(view, "park")


def districts(view: View) -> None:
    """Show roofs and energy of each district and of what lies outside all."""
    table = tables_shown.level_table(
        view.plan.districts,
        places.goal_at(view.plan, view.goal_id, "district", view.plan.districts),
        names_at(view, "district"),
    )
    table = table.sort_values("potential", ascending=False, kind="stable")
    st.markdown(f"##### {view.say('districts_table')}")
    st.caption(view.say("dc_note"))
    st.dataframe(
        table, hide_index=True, placeholder=numbers.DASH, height="content",
        column_config=tables_shown.column_config(view.language), alt=view.say("districts_table"),
    )  # fmt: skip


def comparison(view: View) -> None:
    """Show the targets by the method in use beside those by another."""
    st.markdown(f"##### {view.say('compare_title')}")
    chosen = compared.chosen_method(view.plan, view.goal_id)
    others = compared.other_methods(view.plan, view.goal_id)
    if chosen is None or not others or view.goal_id is None:
        st.info(view.say("compare_none"))
        return
    labels = {method: say_code("method", method, view.language) for method in others}
    levels = {level: view.say(f"level_{level}") for level in LEVELS}
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        other = st.selectbox(
            view.say("compare_with"), others, format_func=labels.__getitem__,
            key=f"compare-{view.goal_id}-{view.language}",
        )  # fmt: skip
    with right:
        level = st.segmented_control(
            view.say("compare_title"), list(levels), format_func=levels.__getitem__,
            required=True, default="district", key=f"compare-level-{view.language}",
            label_visibility="collapsed",
        )  # fmt: skip
    level = level or "district"
    rows = compared.side_by_side(view.plan, view.goal_id, level, other)
    table = tables_shown.compared_table(rows, names_at(view, level), view.language)
    winners_and_losers(view, rows, table, chosen, other)


def winners_and_losers(
    view: View, rows: pd.DataFrame, table: pd.DataFrame, chosen: str, other: str
) -> None:
    """Show how many places win and lose, by how much, and each of them."""
    counted = rows["outcome"].value_counts()
    with st.container(horizontal=True, key="outcomes"):
        for outcome in compared.OUTCOMES:
            st.metric(view.say(outcome), numbers.plain(counted.get(outcome, 0)), width=150)
    left_over(view, (chosen, other))
    left, right = st.columns([2, 1], gap="medium")
    with left:
        st.dataframe(
            table, hide_index=True, placeholder=numbers.DASH, alt=view.say("compare_title"),
            column_config=tables_shown.compared_config(chosen, other, view.language),
            height=460 if len(table) > MOST_BARS else "content",
        )  # fmt: skip
        st.caption(view.say("compare_note"))
    moved = table[rows["outcome"] != "same"]
    largest = moved["difference"].abs().sort_values(kind="stable").index[-MOST_BARS:]
    if len(largest):
        with right:
            drawn = moved[moved.index.isin(largest)]
            st.altair_chart(charts.differences(drawn, view.language), alt=view.say("compare_alt"))


def left_over(view: View, methods: tuple[str, str]) -> None:
    """Say where the places of a method do not sum to the goal."""
    for method in methods:
        found = compared.left_over_kw(view.plan, str(view.goal_id), method)
        for key, kilowatts in zip(("shortfall", "surplus"), found, strict=True):
            if kilowatts > 0.0:
                name = say_code("method", method, view.language)
                st.text(f"{name}  ·  {view.say(key)}: {numbers.capacity(kilowatts)}")


frame.heading(frame.current(), "page_districts")
city(frame.current())
leagues(frame.current())
comparison(frame.current())
districts(frame.current())

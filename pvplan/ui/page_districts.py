"""The page of the districts and the city."""

from __future__ import annotations

import streamlit as st

from pvplan.ui import frame, numbers, panel, places, tables_shown
from pvplan.ui.frame import View


def districts(view: View) -> None:
    """Show a row for each district and what lies outside all."""
    table = tables_shown.level_table(
        view.plan.districts,
        places.goal_at(view.plan, view.goal_id, "district", view.plan.districts),
        places.names_of(view.plan.districts, view.language),
    )
    table = table.sort_values("potential", ascending=False, kind="stable")
    st.markdown(f"##### {view.say('districts_table')}")
    st.caption(view.say("dc_note"))
    st.dataframe(
        table, hide_index=True, placeholder=numbers.DASH, height="content",
        column_config=tables_shown.column_config(view.language), alt=view.say("districts_table"),
    )  # fmt: skip


def city(view: View) -> None:
    """Show the city in total."""
    st.markdown(f"##### {view.say('city_table')}")
    figures = places.goal_at(view.plan, view.goal_id, "city", view.plan.city)
    panel.headline(view, view.city, figures.iloc[0])
    panel.facts(view, view.city)
    panel.explain_figures(view, "city", str(view.city.name))


frame.heading(frame.current(), "page_districts")
city(frame.current())
districts(frame.current())

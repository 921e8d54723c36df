"""What a park's roof capacity is: installed, being built, feasible, blocked; as one bar."""

from __future__ import annotations

from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from pvplan.ui import charts, numbers
from pvplan.ui.charts import Chart
from pvplan.ui.frame import View
from pvplan.ui.words import Language, say

# Word, column of a place [kWp], colour (Okabe and Ito) of each state, from built to unknown.
STATES: Final = (
    ("installed", "installed_total_dc_kw", "#0072b2"),
    ("under_construction", "under_construction_dc_kw", "#56b4e9"),
    ("filed", "filed_dc_kw", "#cc79a7"),
    ("feasible", "feasible_dc_kw", "#009e73"),
    ("blocked_state", "blocked_dc_kw", "#d55e00"),
    ("not_assessable_state", "not_assessable_dc_kw", "#999999"),
    ("remainder", "remainder_dc_kw", "#f0e442"),
)
BAR_PX: Final = 150
OUTLINE: Final = "#333333"


def rows_of(place: pd.Series[Any], language: Language) -> pd.DataFrame:
    """Return the states of a place's capacity: ``what``, ``amount`` in the reader's unit, ``told``.

    What is nothing, or not known, is left out.
    """
    found = [
        (say(word, language), place.get(column), colour, order)
        for order, (word, column, colour) in enumerate(STATES)
        if not numbers.missing(place.get(column)) and float(place[column]) > 0.0
    ]
    rows = pd.DataFrame(found, columns=["name", "kilowatts", "colour", "order"])
    rows["amount"] = numbers.in_capacity_unit(rows["kilowatts"])
    rows["told"] = [numbers.capacity(kw) for kw in rows["kilowatts"]]
    rows["what"] = rows["name"] + "  " + rows["told"]
    return rows


def chart(rows: pd.DataFrame, language: Language) -> Chart:
    """Draw the states as one bar; every colour stands with its words and figure."""
    colour = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(domain=list(rows["what"]), range=list(rows["colour"])),
        legend=alt.Legend(
            orient="top", columns=4, offset=4, labelLimit=260, symbolType="square",
            symbolStrokeWidth=0.5,
        ),
    )  # fmt: skip
    amount = alt.X(
        "amount:Q", title=charts.capacity_title(language), axis=alt.Axis(tickCount=6),
        scale=alt.Scale(nice=False),
    )  # fmt: skip
    tips = [alt.Tooltip("name:N", title=" "), alt.Tooltip("told:N", title=" ")]
    bar = alt.Chart(rows).mark_bar(stroke=OUTLINE, strokeWidth=0.5)
    return charts.dressed(bar.encode(x=amount, color=colour, order="order:Q", tooltip=tips), BAR_PX)


def show(view: View, park_id: str) -> None:
    """Draw the states of a park, or say that nothing can be told."""
    rows = rows_of(view.plan.parks.loc[park_id], view.language)
    st.caption(view.say("states_title"))
    if rows.empty:
        st.text(view.say("states_none"))
        return
    words = "; ".join(rows["what"])
    st.altair_chart(chart(rows, view.language), alt=f"{view.say('states_title')}: {words}")

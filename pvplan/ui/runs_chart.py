"""The chart of finished runs side by side."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pvplan.ui import charts, units
from pvplan.ui.words import Language, say

# Of viridis, far apart for colour-blind readers too; an outline tells them from any ground.
COLOURS = ("#440154", "#21918c", "#fde725", "#3b528b")


def compared(bars: pd.DataFrame, language: Language) -> charts.Chart:
    """Draw potential, installed, target and gap of each run, with P10 to P90 where known.

    Parameters
    ----------
    bars
        Of :func:`pvplan.ui.scenarios.bars`.
    language
        Of the words.
    """
    runs, whats = list(dict.fromkeys(bars["run"])), list(dict.fromkeys(bars["what"]))
    title, form = charts.capacity_title(language), units.chosen().chart_format
    place = {
        "x": alt.X("what:N", title=None, sort=whats, axis=alt.Axis(labelAngle=0)),
        "xOffset": alt.XOffset("run:N", sort=runs),
    }
    colour = alt.Color(
        "run:N", title=say("run", language), sort=runs,
        scale=alt.Scale(domain=runs, range=list(COLOURS[: len(runs)])),
        legend=alt.Legend(orient="top", direction="vertical", labelLimit=600),
    )  # fmt: skip
    tips = [
        alt.Tooltip("run:N", title=say("run", language)),
        alt.Tooltip("what:N", title=" "),
        alt.Tooltip("amount:Q", title=title, format=form),
        alt.Tooltip("low:Q", title="P10", format=form),
        alt.Tooltip("high:Q", title="P90", format=form),
    ]
    drawn = (
        alt.Chart(bars)
        .mark_bar(stroke="#333333", strokeWidth=0.6)
        .encode(**place, y=alt.Y("amount:Q", title=title), color=colour, tooltip=tips)
    )
    doubt = (
        alt.Chart(bars.dropna(subset=["low", "high"]))
        .mark_rule(color="#d1495b", strokeWidth=2)
        .encode(**place, y=alt.Y("low:Q"), y2="high:Q", tooltip=tips)
    )
    return charts.dressed(alt.layer(drawn, doubt), 300)

"""The charts: energy by month, and what is installed against potential and target."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pvplan.ui.words import Language, say

INSTALLED = "#1f5f99"
POTENTIAL = "#c9dbe9"
TARGET = "#b4450a"
Chart = alt.Chart | alt.LayerChart | alt.FacetChart
FONT = "Noto Sans SC, Source Han Sans SC, PingFang SC, Microsoft YaHei, WenQuanYi Micro Hei, Arial"


def dressed(bare: Chart, height: int) -> Chart:
    """Return a chart in the pages' font and colours, as wide as its place."""
    done: Chart = (
        bare.properties(height=height, width="container")
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(labelColor="#3b4855", titleColor="#3b4855", gridColor="#e6ebf0")
    )
    return done


def monthly_energy(months: pd.DataFrame, language: Language) -> Chart:
    """Draw the energy of twelve months.

    Parameters
    ----------
    months
        Columns ``month`` (1–12) and ``energy_mwh`` [MWh].
    language
        Of the axis titles.
    """
    month = alt.X("month:O", title=say("month_axis", language), axis=alt.Axis(labelAngle=0))
    energy = alt.Y("energy_mwh:Q", title=say("energy_axis", language), axis=alt.Axis(tickCount=4))
    tips = [
        alt.Tooltip("month:O", title=say("month_axis", language)),
        alt.Tooltip("energy_mwh:Q", title=say("energy_axis", language), format=",.1f"),
    ]
    bars = alt.Chart(months).mark_bar(color=INSTALLED, stroke="#333333", strokeWidth=0.5)
    return dressed(bars.encode(x=month, y=energy, tooltip=tips), 190)


def capacity_bar(
    potential_mw: float, installed_mw: float, target_mw: float, language: Language
) -> Chart:
    """Draw installed capacity over the potential, with the target as a line.

    Parameters
    ----------
    potential_mw, installed_mw, target_mw
        MW; a missing one (NaN) is left out of the picture.
    language
        Of the words.
    """
    words = {key: say(key, language) for key in ("potential", "installed", "target")}
    figures = pd.DataFrame(
        {
            "what": [words["potential"], words["installed"], words["target"]],
            "mw": [potential_mw, installed_mw, target_mw],
            "thick": [22, 10, 0],
        }
    ).dropna()
    axis = alt.X("mw:Q", title=say("mw_axis", language), axis=alt.Axis(tickCount=5), stack=None)
    colour = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(domain=list(words.values()), range=[POTENTIAL, INSTALLED, TARGET]),
        legend=alt.Legend(orient="top", offset=4, symbolType="square", symbolStrokeWidth=0.5),
    )
    tips = [
        alt.Tooltip("what:N", title=" "),
        alt.Tooltip("mw:Q", title=say("mw_axis", language), format=",.2f"),
    ]
    bars = (
        alt.Chart(figures[figures["thick"] > 0])
        .mark_bar(stroke="#333333", strokeWidth=0.5)
        .encode(
            x=axis, color=colour, tooltip=tips, size=alt.Size("thick:Q", scale=None, legend=None)
        )
    )
    line = (
        alt.Chart(figures[figures["thick"] == 0])
        .mark_tick(thickness=3, size=34)
        .encode(x=axis, color=colour, tooltip=tips)
    )
    return dressed(alt.layer(bars, line), 110)

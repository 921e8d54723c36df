"""The charts: energy by month, capacity against potential and target, history, comparison."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pvplan.ui import numbers, units
from pvplan.ui.words import Language, say

INSTALLED = "#2b74b5"
POTENTIAL = "#c9dbe9"
TARGET = "#b4450a"
DEADLINE = "#6b7785"
# Of PuOr: gain and loss for colour-blind readers too.
HIGHER = "#5e3c99"
LOWER = "#e08214"
BAR_PX = 24
HISTORY_PX = 260
Chart = alt.Chart | alt.LayerChart | alt.FacetChart


def dressed(bare: Chart, height: int) -> Chart:
    """Return a chart as wide as its place; font and ink are those of the reader's theme."""
    wide = bare.properties(height=height, width="container").configure_view(stroke=None)
    # Streamlit gives its ink to axes and legends, not to marks that are text.
    done: Chart = wide.configure_text(color=ink())
    return done


def ink() -> str:
    """Return the colour of text in the reader's theme."""
    theme = st.context.theme.type or "light"
    return str(st.get_option(f"theme.{theme}.textColor"))


def capacity_title(language: Language) -> str:
    """Return the title of an axis of capacities in the reader's unit."""
    return say("mw_axis", language).format(unit=numbers.capacity_unit())


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
    axis = alt.X("mw:Q", title=capacity_title(language), axis=alt.Axis(tickCount=5), stack=None)
    colour = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(domain=list(words.values()), range=[POTENTIAL, INSTALLED, TARGET]),
        legend=alt.Legend(orient="top", offset=4, symbolType="square", symbolStrokeWidth=0.5),
    )
    tips = [
        alt.Tooltip("what:N", title=" "),
        alt.Tooltip("mw:Q", title=capacity_title(language), format=units.chosen().chart_format),
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


def installed_over_time(
    history: pd.DataFrame, target_kw: float, deadline: pd.Timestamp, language: Language
) -> Chart:
    """Draw installed capacity by commissioning date, with target and deadline.

    Parameters
    ----------
    history
        Of :func:`pvplan.ui.history.installed_by_day`; not empty.
    target_kw
        kWp; a missing one (NaN) is left out of the picture.
    deadline
        Day by which it is due.
    language
        Of the words.
    """
    words = [say(key, language) for key in ("installed", "target", "deadline")]
    colour = alt.Color(
        "what:N", title=None,
        scale=alt.Scale(domain=words, range=[INSTALLED, TARGET, DEADLINE]),
        legend=alt.Legend(
            orient="top", offset=4, symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1
        ),
    )  # fmt: skip
    day = alt.X("day:T", title=None, axis=alt.Axis(format="%Y", tickCount=8))
    height = alt.Y("mw:Q", title=capacity_title(language), axis=alt.Axis(tickCount=4))
    tips = [
        alt.Tooltip("what:N", title=" "),
        alt.Tooltip("day:T", title=say("day_axis", language), format="%Y-%m-%d"),
        alt.Tooltip("mw:Q", title=capacity_title(language), format=units.chosen().chart_format),
    ]
    steps = pd.DataFrame(
        {
            "day": history["day"],
            "mw": numbers.in_capacity_unit(history["installed_dc_kw"]),
            "what": words[0],
        }
    )
    due_kw = pd.Series([target_kw])
    goal = pd.DataFrame(
        {"day": [deadline], "mw": numbers.in_capacity_unit(due_kw), "what": words[1]}
    ).dropna()
    area = alt.Chart(steps).mark_area(
        interpolate="step-after", opacity=0.25, line={"strokeWidth": 2}
    )  # fmt: skip
    level = alt.Chart(goal).mark_rule(strokeWidth=2)
    due = alt.Chart(goal.assign(what=words[2])).mark_rule(strokeDash=[4, 3], strokeWidth=1.5)
    layers = [
        area.encode(x=day, y=height, color=colour, tooltip=tips),
        level.encode(y=height, color=colour, tooltip=tips),
        due.encode(x=day, color=colour, tooltip=tips),
    ]
    return dressed(alt.layer(*layers), HISTORY_PX)


def pace(rows: pd.DataFrame, language: Language) -> Chart:
    """Draw what is needed a year beside what was added a year.

    Parameters
    ----------
    rows
        Columns ``what`` (in words), ``kind`` (``needed`` or ``added``) and ``kilowatts_per_year``
        [kW/a], in the order in which they are drawn.
    language
        Of the axis title.
    """
    unit = units.chosen()
    title = say("pace_axis", language).format(unit=unit.sign)
    drawn = rows.assign(pace=numbers.in_capacity_unit(rows["kilowatts_per_year"]))
    drawn["told"] = [numbers.capacity(kilowatts) for kilowatts in rows["kilowatts_per_year"]]
    x = alt.X("pace:Q", title=title, axis=alt.Axis(tickCount=5))
    y = alt.Y(
        "what:N", sort=None, title=None,
        axis=alt.Axis(labelLimit=190, labelOverlap=False, ticks=False, domain=False),
    )  # fmt: skip
    colour = alt.Color(
        "kind:N",
        legend=None,
        scale=alt.Scale(domain=["needed", "added"], range=[TARGET, INSTALLED]),
    )
    tips = [
        alt.Tooltip("what:N", title=" "),
        alt.Tooltip("pace:Q", title=title, format=unit.chart_format),
    ]
    bars = alt.Chart(drawn).mark_bar(stroke="#333333", strokeWidth=0.5, height={"band": 0.7})
    told = alt.Chart(drawn).mark_text(align="left", dx=5)
    layers = [
        bars.encode(x=x, y=y, color=colour, tooltip=tips),
        told.encode(x=x, y=y, text="told:N"),
    ]
    return dressed(alt.layer(*layers), BAR_PX * len(rows) + 60)


def differences(rows: pd.DataFrame, language: Language) -> Chart:
    """Draw by how much another method raises or lowers the target of each place.

    Parameters
    ----------
    rows
        Columns ``place`` (its name), ``difference`` [MW] and ``outcome`` (in words), in the
        order in which they are drawn.
    language
        Of the words.
    """
    words = [say("gains", language), say("loses", language)]
    colour = alt.Color(
        "outcome:N", title=None, scale=alt.Scale(domain=words, range=[HIGHER, LOWER]),
        legend=alt.Legend(orient="top", offset=4, symbolType="square", symbolStrokeWidth=0.5),
    )  # fmt: skip
    unit = units.chosen()
    title = f"{say('difference', language)} ({unit.sign})"
    x = alt.X("difference:Q", title=title, axis=alt.Axis(tickCount=5))
    y = alt.Y(
        "place:N", sort=None, title=None,
        axis=alt.Axis(
            labelLimit=190, labelOverlap=False, labelFlush=False, ticks=False, domain=False
        ),
    )  # fmt: skip
    tips = [
        alt.Tooltip("place:N", title=say("place", language)),
        alt.Tooltip("difference:Q", title=title, format=f"+{unit.chart_format}"),
    ]
    bars = alt.Chart(rows).mark_bar(stroke="#333333", strokeWidth=0.5, height={"band": 0.7})
    drawn = bars.encode(x=x, y=y, color=colour, tooltip=tips)
    return dressed(drawn, BAR_PX * len(rows) + 70)

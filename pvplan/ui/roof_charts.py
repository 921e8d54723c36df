"""The charts of light and loss: the horizon with the sun's paths, and the waterfall of energy."""

from __future__ import annotations

from typing import Final

import altair as alt
import numpy as np
import pandas as pd

from pvplan.tables import WATERFALL
from pvplan.ui.charts import INSTALLED, Chart, dressed
from pvplan.ui.words import LANGUAGES, Language, say

OUTLINE: Final = "#333333"
GAIN: Final = "#8ecae6"
LOSS: Final = "#e08214"
AROUND: Final = "#8b98a5"
HIGHEST: Final = "#7d8b99"
# Day of the year to colour (Okabe and Ito); the autumn equinox lies on the spring one: dashed.
SUN_DAYS: Final = {172: "#d55e00", 80: "#009e73", 266: "#cc79a7", 356: "#0072b2"}
DASHED: Final = 266
ROW_PX: Final = 21
QUARTERS: Final = {0: "north", 90: "east", 180: "south", 270: "west"}
# Pixels that the waterfall's bars leave to amount and share at their right, and to the share.
FIGURES_PX: Final = 108
SHARE_PX: Final = 48


def waterfall(steps: pd.DataFrame, unit: str, language: Language) -> Chart:
    """Draw a year's energy step by step, from horizontal irradiation down to AC.

    Parameters
    ----------
    steps, unit
        Of :func:`pvplan.ui.numbers.waterfall`; not empty.
    language
        Of the words.
    """
    place = LANGUAGES.index(language)
    names = {step: words[place] for step, words in WATERFALL.items()} | {"ac": say("ac", language)}
    kinds = {kind: say(f"step_{kind}", language) for kind in ("total", "gain", "loss")}
    rows = steps.assign(name=steps["step"].map(names), what=steps["kind"].map(kinds))
    widest = float(steps["end"].max())
    x = alt.X(
        "start:Q", title=say("year_axis", language).format(unit=unit),
        scale=alt.Scale(
            domain=[0.0, widest], range=[0, alt.expr(f"width - {FIGURES_PX}")], nice=False
        ),
        axis=alt.Axis(values=_ticks(widest), grid=True, format=",~f", labelOverlap=True),
    )  # fmt: skip
    y = alt.Y(
        "name:N",
        sort=None,
        title=None,
        axis=alt.Axis(
            labelLimit=190, labelOverlap=False, labelFlush=False, ticks=False, domain=False
        ),
    )
    colour = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(domain=list(kinds.values()), range=[INSTALLED, GAIN, LOSS]),
        legend=alt.Legend(orient="top", offset=4, symbolType="square", symbolStrokeWidth=0.5),
    )
    tips = [
        alt.Tooltip("name:N", title=" "),
        alt.Tooltip("told:N", title=unit),
        alt.Tooltip("share:N", title="%"),
    ]
    base = alt.Chart(rows).encode(y=y, tooltip=tips)
    bars = base.mark_bar(stroke=OUTLINE, strokeWidth=0.5, height={"band": 0.72}).encode(
        x=x, x2="end:Q", color=colour
    )
    figures = base.mark_text(align="right", fontSize=11)
    amounts = figures.encode(x=alt.value(alt.expr(f"width - {SHARE_PX}")), text="told:N")
    shares = figures.encode(x=alt.value(alt.expr("width")), text="share:N")
    return dressed(alt.layer(bars, amounts, shares), ROW_PX * len(rows) + 60)


def _ticks(widest: float) -> list[float]:
    """Return round values from nothing up to the longest bar."""
    power = 10.0 ** np.floor(np.log10(widest))
    step = next(factor * power for factor in (0.2, 0.5, 1.0, 2.0) if widest / (factor * power) <= 5)
    return [float(tick) for tick in np.arange(0.0, widest + step / 2.0, step) if tick <= widest]


def horizon(around: pd.DataFrame, sun: pd.DataFrame, language: Language) -> Chart:
    """Draw what stands around a roof, by compass and height, and the sun's way over it.

    Parameters
    ----------
    around
        ``azimuth``, ``elevation_deg`` (mean over the roof) and ``highest_deg`` [°].
    sun
        ``day`` of the year, ``time``, ``azimuth``, ``elevation_deg`` [°].
    language
        Of the words.
    """
    # Where the sun of the lowest noon stands, the picture has its middle.
    noons = sun.sort_values("elevation_deg").groupby("day").tail(1)
    lowest = float(noons["azimuth"].iloc[0])
    middle = 180.0 if np.cos(np.radians(lowest)) < 0.0 else 0.0
    skyline = _skyline(around, middle)
    paths = _paths(sun, middle, language)
    reach = float(np.clip(np.ceil(paths["bearing"].abs().max() / 30.0) * 30.0, 120.0, 180.0))
    words = {day: say(f"sun_{day}", language) for day in SUN_DAYS}
    mean, highest = say("horizon_mean", language), say("horizon_highest", language)
    colour = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(
            domain=[*words.values(), mean, highest],
            range=[*SUN_DAYS.values(), AROUND, HIGHEST],
        ),
        legend=alt.Legend(
            orient="top",
            columns=2,
            columnPadding=8,
            labelFontSize=11,
            symbolType="square",
            symbolStrokeWidth=0.5,
        ),
    )
    x = alt.X(
        "bearing:Q", title=say("azimuth_axis", language),
        scale=alt.Scale(domain=[-reach, reach], nice=False),
        axis=alt.Axis(
            values=list(np.arange(-reach, reach + 1.0, 30.0)),
            labelExpr=_compass(middle, language), labelOverlap=True,
        ),
    )  # fmt: skip
    y = alt.Y(
        "elevation_deg:Q", title=say("elevation_axis", language),
        scale=alt.Scale(domain=[0.0, 90.0]), axis=alt.Axis(values=[0, 15, 30, 45, 60, 75, 90]),
    )  # fmt: skip
    tips = [
        alt.Tooltip("azimuth:Q", title=say("azimuth_axis", language), format=".0f"),
        alt.Tooltip("elevation_deg:Q", title=say("elevation_axis", language), format=".1f"),
    ]
    timed = [alt.Tooltip("what:N", title=" "), alt.Tooltip("clock:N", title=say("time", language))]
    path = alt.Chart(paths).mark_line(strokeWidth=1.8, clip=True)
    path = path.encode(
        x=x, y=y, color=colour, detail="piece:N", order="order:Q", tooltip=[*timed, *tips]
    )
    hours = alt.Chart(paths[paths["hour"] != ""]).encode(x=x, y=y, tooltip=[*timed, *tips])
    named = hours.transform_filter(alt.FieldOneOfPredicate("day", [172, 356]))
    area = alt.Chart(skyline.assign(what=mean)).mark_area(
        interpolate="step", opacity=0.8, line={"color": "#5c6b79", "strokeWidth": 1}, clip=True
    )
    line = alt.Chart(skyline.assign(what=highest, elevation_deg=skyline["highest_deg"])).mark_line(
        interpolate="step", strokeWidth=1.3, strokeDash=[2, 2], clip=True
    )
    return dressed(
        alt.layer(
            path.transform_filter(alt.datum.day != DASHED),
            path.transform_filter(alt.datum.day == DASHED).mark_line(
                strokeWidth=1.8, strokeDash=[5, 4], clip=True
            ),
            hours.mark_circle(size=16, opacity=1.0, clip=True).encode(color=colour),
            named.mark_text(dy=-9, fontSize=10, clip=True).encode(text="hour:N"),
            area.encode(x=x, y=y, color=colour, tooltip=tips),
            line.mark_line(
                interpolate="step", strokeWidth=1.3, strokeDash=[2, 2], clip=True
            ).encode(x=x, y=y, color=colour, tooltip=tips),
        ),
        370,
    )


def _bearing(azimuth: pd.Series[float], middle: float) -> pd.Series[float]:
    """Return degrees clockwise from the middle of the picture, −180 to 180."""
    return (azimuth - middle + 180.0) % 360.0 - 180.0


def _skyline(around: pd.DataFrame, middle: float) -> pd.DataFrame:
    """Return the horizon from edge to edge of the picture: the first bin stands at both."""
    bearing = _bearing(around["azimuth"].astype(float), middle)
    rows = around.assign(bearing=bearing).sort_values("bearing")
    last = rows.iloc[[0]].assign(bearing=rows["bearing"].iloc[0] + 360.0)
    return pd.concat([rows, last], ignore_index=True)


def _paths(sun: pd.DataFrame, middle: float, language: Language) -> pd.DataFrame:
    """Return the sun's paths, in pieces where they leave the picture at one side for the other."""
    clock = pd.Series([time.strftime("%H:%M") for time in sun["time"]], index=sun.index, dtype=str)
    bearing = _bearing(sun["azimuth"].astype(float), middle)
    jumps = (bearing.groupby(sun["day"]).diff().abs() > 180.0).astype(int)
    return sun.assign(
        bearing=bearing,
        piece=sun["day"].astype(str) + "-" + jumps.groupby(sun["day"]).cumsum().astype(str),
        order=range(len(sun)),
        clock=clock,
        hour=clock.str[:2].str.lstrip("0").where(clock.str.endswith(":00"), ""),
        what=[say(f"sun_{day}", language) for day in sun["day"]],
    ).drop(columns="time")


def _compass(middle: float, language: Language) -> str:
    """Return the expression that names a bearing: a letter at the quarters, degrees between."""
    azimuth = f"((datum.value + {middle:.0f}) % 360 + 360) % 360"
    chain = "".join(
        f"{azimuth} == {at} ? '{say(word, language)}' : " for at, word in QUARTERS.items()
    )
    return f"{chain}{azimuth} + '°'"

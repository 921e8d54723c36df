"""The panel of one place: what could stand on its roofs, what stands there, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import streamlit as st

from pvplan.ui import charts, explained, numbers, roof_charts
from pvplan.ui.frame import View
from pvplan.ui.verdicts import COLOURS

LEVEL_OF: Final = {"parks": "park", "districts": "district", "city": "city"}
GOAL_COLUMNS: Final = {
    "target": "target_dc_kw",
    "counted": "installed_dc_kw",
    "gap": "gap_dc_kw",
}


def show(view: View, place: pd.Series[Any], figures: pd.Series[Any], name: str, more: str) -> None:
    """Show a place by name, verdict and capacities.

    Parameters
    ----------
    view
        What the reader looks at.
    place
        Its row of a level table.
    figures
        Its target, installed capacity, gap and verdict for the chosen goal.
    name, more
        Its name, and its other name and districts.
    """
    with st.container(horizontal=True, vertical_alignment="center", key="place-name", gap="small"):
        st.text(name)
        verdict = figures["verdict"]
        if not numbers.missing(verdict):
            st.badge(view.say(f"verdict_{verdict}"), color=COLOURS[str(verdict)])
    with st.container(key="place-more", gap=None):
        st.text(more)
    headline(view, place, figures)


def charts_of(view: View, place: pd.Series[Any], figures: pd.Series[Any]) -> None:
    """Draw what is installed against potential and target, and the energy by month."""
    potential, installed, target = numbers.in_capacity_unit(
        pd.Series(
            [place["capacity_dc_kw"], place["installed_total_dc_kw"], figures["target_dc_kw"]]
        )
    )
    chart = charts.capacity_bar(potential, installed, target, view.language)
    st.altair_chart(chart, alt=view.say("bullet_alt"))
    st.caption(view.say("monthly_title"))
    months = numbers.monthly_megawatt_hours(place)
    st.altair_chart(charts.monthly_energy(months, view.language), alt=view.say("monthly_title"))


def waterfall(view: View, place: pd.Series[Any]) -> None:
    """Draw where the year's energy of a place goes, from horizontal irradiation to AC."""
    steps, unit = numbers.waterfall(place)
    if steps.empty:
        st.caption(view.say("no_waterfall"))
        return
    chart = roof_charts.waterfall(steps, unit, view.language)
    st.altair_chart(chart, alt=view.say("waterfall_title"))
    st.caption(view.say("waterfall_note"))


def headline(view: View, place: pd.Series[Any], figures: pd.Series[Any]) -> None:
    """Show potential, installed, target and gap in the reader's unit."""
    shown = {
        "potential": place["capacity_dc_kw"],
        "installed": place["installed_total_dc_kw"],
        "target": figures["target_dc_kw"],
        "counted": figures["installed_dc_kw"],
        "gap": figures["gap_dc_kw"],
    }
    with st.container(key="headline"):
        columns = st.columns(len(shown), gap="xsmall")
        for column, (key, kilowatts) in zip(columns, shown.items(), strict=True):
            label = f"{view.say(key)} ({numbers.capacity_unit()})"
            column.metric(label, numbers.capacity(kilowatts, unit=""))


def facts(view: View, place: pd.Series[Any]) -> None:
    """Show the further figures of a place; label and number only, never a name."""
    shown = {
        "roof_count": numbers.plain(place["roof_count"]),
        "roof_area": numbers.plain(place["footprint_area_m2"], 0, "m²"),
        "usable_area": numbers.plain(place["usable_area_m2"], 0, "m²"),
        "density": numbers.plain(place["capacity_density_w_per_m2"], 0, "W/m²"),
        "capacity_ac": numbers.capacity(place["capacity_ac_kw"]),
        "used": numbers.percent(place["used_potential_fraction"]),
        "yearly_energy": numbers.gigawatt_hours(place["energy_ac_kwh_per_year"]),
        "specific_yield": numbers.plain(place["specific_yield_kwh_per_kw"], 0, "kWh/kWp"),
        "avoided": numbers.plain(place["avoided_tco2_per_year"], 0, "tCO₂"),
        "lcoe": numbers.plain(place["lcoe_cny_per_kwh"], 3, "CNY/kWh"),
        "payback": numbers.plain(place["payback_years"], 1, view.say("years")),
        "capex": numbers.millions(place["capex_cny"], view.say("million_cny")),
        "capacity_range": numbers.capacity_between(
            place.get("capacity_p10_dc_kw"), place.get("capacity_p90_dc_kw")
        ),
        "energy_range": numbers.gigawatt_hours_between(
            place.get("energy_p10_kwh_per_year"), place.get("energy_p90_kwh_per_year")
        ),
        "under_construction": numbers.capacity(place.get("under_construction_dc_kw")),
        "filed": numbers.capacity(place.get("filed_dc_kw")),
        "feasible": numbers.capacity(place.get("feasible_dc_kw")),
        "blocked_state": numbers.capacity(place.get("blocked_dc_kw")),
    }
    boxes(shown, {key: view.say(key) for key in shown})


def explain_figures(view: View, table: str, place_id: str) -> None:
    """Offer where each headline figure of a place comes from."""
    columns = {
        "potential": "capacity_dc_kw",
        "installed": "installed_total_dc_kw",
        "yearly_energy": "energy_ac_kwh_per_year",
        "specific_yield": "specific_yield_kwh_per_kw",
        "lcoe": "lcoe_cny_per_kwh",
        "avoided": "avoided_tco2_per_year",
    }
    references = {view.say(key): f"{table}:{column}:{place_id}" for key, column in columns.items()}
    goals, level = view.plan.goals, LEVEL_OF[table]
    of_place = (goals["level"] == level) & (goals["place_id"] == place_id)
    if (of_place & (goals["goal_id"] == view.goal_id)).any():
        row = f"{view.goal_id}/{level}/{place_id}"
        for key, column in GOAL_COLUMNS.items():
            references[view.say(key)] = f"goals:{column}:{row}"
    explained.offer(view, references, f"{table}-{place_id}")


def boxes(shown: Mapping[str, str], labels: Mapping[str, str], key: str = "facts") -> None:
    """Show figures in a frame, as many to a row as fit; label and number only, never a name."""
    with st.container(key=key, border=True):
        for name, figure in shown.items():
            st.metric(labels[name], figure)

"""The tables of parks, districts and the city as the pages show them."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pvplan.ui import numbers
from pvplan.ui.words import Language, say


def level_table(places: pd.DataFrame, figures: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Return a level table in the units that people read, one row for each place.

    Parameters
    ----------
    places
        The table of a level.
    figures
        Target, installed and gap of the chosen goal, indexed like ``places``.
    names
        The name of each place.

    Returns
    -------
    DataFrame
        Indexed by place id; columns named by the keys of the words.
    """
    return pd.DataFrame(
        {
            "place": [names[str(place_id)] for place_id in places.index],
            "potential": numbers.in_megawatts(places["capacity_dc_kw"]),
            "installed": numbers.in_megawatts(places["installed_total_dc_kw"]),
            "target": numbers.in_megawatts(figures["target_dc_kw"]),
            "counted": numbers.in_megawatts(figures["installed_dc_kw"]),
            "gap": numbers.in_megawatts(figures["gap_dc_kw"]),
            "used": numbers.in_percent(places["used_potential_fraction"]),
            "roof_count": places["roof_count"],
            "usable_area": places["usable_area_m2"],
            "yearly_energy": numbers.in_gigawatt_hours(places["energy_ac_kwh_per_year"]),
            "specific_yield": places["specific_yield_kwh_per_kw"],
            "density": places["capacity_density_w_per_m2"],
            "avoided": places["avoided_tco2_per_year"],
            "lcoe": places["lcoe_cny_per_kwh"],
            "payback": places["payback_years"],
        },
        index=places.index,
    )


UNITS = {
    "potential": ("MW", "%,.2f"),
    "installed": ("MW", "%,.2f"),
    "target": ("MW", "%,.2f"),
    "counted": ("MW", "%,.2f"),
    "gap": ("MW", "%,.2f"),
    "used": ("%", "%.1f"),
    "roof_count": ("", "%,d"),
    "usable_area": ("m²", "%,d"),
    "yearly_energy": ("GWh", "%,.2f"),
    "specific_yield": ("kWh/kWp", "%,d"),
    "density": ("W/m²", "%.0f"),
    "avoided": ("tCO₂", "%,d"),
    "lcoe": ("CNY/kWh", "%.3f"),
    "payback": ("", "%.1f"),
}


def column_config(language: Language) -> dict[str, ColumnConfig | str]:
    """Return how the columns of :func:`level_table` are headed and formatted."""
    config: dict[str, ColumnConfig | str] = {
        "place": st.column_config.TextColumn(say("place", language), pinned=True),
        "district": st.column_config.TextColumn(say("district", language)),
    }
    for key, (unit, form) in UNITS.items():
        unit_shown = say("years", language) if key == "payback" else unit
        head = f"{say(key, language)} ({unit_shown})" if unit_shown else say(key, language)
        config[key] = st.column_config.NumberColumn(head, format=form)
    return config

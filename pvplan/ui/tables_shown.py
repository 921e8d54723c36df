"""The tables of parks, districts, their gaps and their shares as the pages show them."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pvplan.ui import numbers, units
from pvplan.ui.words import Language, say, say_code


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
            "potential": numbers.in_capacity_unit(places["capacity_dc_kw"]),
            "installed": numbers.in_capacity_unit(places["installed_total_dc_kw"]),
            "target": numbers.in_capacity_unit(figures["target_dc_kw"]),
            "counted": numbers.in_capacity_unit(figures["installed_dc_kw"]),
            "gap": numbers.in_capacity_unit(figures["gap_dc_kw"]),
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


CAPACITIES = (
    "potential", "installed", "target", "counted", "gap", "under_construction", "gap_p10",
    "gap_p90",
)  # fmt: skip
UNITS = {
    "used": ("%", "%.1f"),
    "reachable": ("%", "%.1f"),
    "pace_ratio": ("%", "%.1f"),
    "rank": ("", "%d"),
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
        **{
            key: st.column_config.TextColumn(say(key, language))
            for key in ("district", "verdict", "method", "bound", "outcome")
        },
    }
    capacity = units.chosen()
    shown = dict.fromkeys(CAPACITIES, (capacity.sign, capacity.column_format)) | UNITS
    for key, (unit, form) in shown.items():
        unit_shown = say("years", language) if key == "payback" else unit
        head = f"{say(key, language)} ({unit_shown})" if unit_shown else say(key, language)
        config[key] = st.column_config.NumberColumn(head, format=form)
    return config


def league_table(
    rows: pd.DataFrame, names: dict[str, str], method: str, language: Language
) -> pd.DataFrame:
    """Return the account of places against one goal, the widest gap first.

    Parameters
    ----------
    rows
        GAP of one goal.
    names
        The name of each place.
    method
        How the targets came about, in words.
    language
        Of the words.
    """
    ranked = rows.sort_values(["rank", "place_id"], kind="stable", na_position="last")
    codes = [
        [say_code(name, str(code), language) if pd.notna(code) else None for code in ranked[name]]
        for name in ("verdict", "bound")
    ]
    places = [str(place_id) for place_id in ranked["place_id"]]
    return pd.DataFrame(
        {
            "rank": ranked["rank"].to_numpy(),
            "place": [names.get(place_id, place_id) for place_id in places],
            "verdict": codes[0],
            **{
                key: numbers.in_capacity_unit(ranked[f"{name}_dc_kw"]).to_numpy()
                for key, name in (
                    ("target", "target"), ("counted", "installed"),
                    ("under_construction", "under_construction"), ("gap", "gap"),
                    ("gap_p10", "gap_p10"), ("gap_p90", "gap_p90"),
                )
            },
            "used": numbers.in_percent(ranked["used_potential_fraction"]).to_numpy(),
            "pace_ratio": numbers.in_percent(ranked["pace_ratio"]).to_numpy(),
            "reachable": numbers.in_percent(ranked["reachable_probability_fraction"]).to_numpy(),
            "method": method,
            "bound": codes[1],
        },
        index=pd.Index(places, name="place_id"),
    )  # fmt: skip


def compared_table(rows: pd.DataFrame, names: dict[str, str], language: Language) -> pd.DataFrame:
    """Return the targets by two methods as people read them.

    Parameters
    ----------
    rows
        Of :func:`pvplan.ui.compared.side_by_side`.
    names
        The name of each place.
    language
        Of the words.
    """
    return pd.DataFrame(
        {
            "place": [names.get(str(place_id), str(place_id)) for place_id in rows.index],
            "chosen": numbers.in_capacity_unit(rows["chosen_dc_kw"]),
            "other": numbers.in_capacity_unit(rows["other_dc_kw"]),
            "difference": numbers.in_capacity_unit(rows["difference_dc_kw"]),
            "outcome": [say(str(word), language) for word in rows["outcome"]],
        },
        index=rows.index,
    )


def compared_config(chosen: str, other: str, language: Language) -> dict[str, ColumnConfig | str]:
    """Return how the columns of :func:`compared_table` are headed: each target by its method."""
    head = say("target_by", language)
    used = f"{say_code('method', chosen, language)}, {say('in_use', language)}"
    unit = units.chosen()
    form = unit.column_format
    return {
        **column_config(language),
        "chosen": st.column_config.NumberColumn(
            head.format(method=used, unit=unit.sign), format=form
        ),
        "other": st.column_config.NumberColumn(
            head.format(method=say_code("method", other, language), unit=unit.sign), format=form
        ),
        "difference": st.column_config.NumberColumn(
            f"{say('difference', language)} ({unit.sign})", format=form.replace("%", "%+")
        ),
    }

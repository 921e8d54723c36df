"""A table of a run with chosen columns and rows: what is shown of it, and what comes down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pvplan.reports.columns import SHAPES, described
from pvplan.reports.roofs import At, in_park, roofs_of
from pvplan.reports.separated import separated_bytes
from pvplan.tables import OUTSIDE_DISTRICTS, Column, Plan
from pvplan.ui import places
from pvplan.ui.words import Language

ROWS_SHOWN: Final = 100
MOST_ROOFS: Final = 300_000
# Units in which one is much: their numbers want more digits.
SMALL: Final = ("1", "CNY/kWh")
OFFERED: Final = {
    "parks": (
        "name_zh", "name_en", "roof_count", "capacity_dc_kw", "installed_total_dc_kw",
        "gap_dc_kw", "specific_yield_kwh_per_kw", "lcoe_cny_per_kwh",
    ),
    "districts": (
        "name_zh", "name_en", "roof_count", "capacity_dc_kw", "installed_total_dc_kw",
        "gap_dc_kw", "specific_yield_kwh_per_kw", "lcoe_cny_per_kwh",
    ),
    "roofs": (
        "name", "park_id", "district_id", "roof_form", "footprint_area_m2", "capacity_dc_kw",
        "energy_ac_kwh_per_year", "structure_state", "installed_dc_kw",
    ),
    "goals": (
        "goal_id", "name_zh", "name_en", "level", "place_id", "verdict", "target_dc_kw",
        "installed_dc_kw", "gap_dc_kw", "gap_p10_dc_kw", "gap_p90_dc_kw",
    ),
    "gap_parks": (
        "goal_id", "place_id", "place_zh", "place_en", "verdict", "target_dc_kw",
        "installed_dc_kw", "gap_dc_kw", "gap_p10_dc_kw", "gap_p90_dc_kw", "pace_ratio",
    ),
    "gap_districts": (
        "goal_id", "place_id", "place_zh", "place_en", "verdict", "target_dc_kw",
        "installed_dc_kw", "gap_dc_kw", "gap_p10_dc_kw", "gap_p90_dc_kw", "pace_ratio",
    ),
}  # fmt: skip
"""Each table with the columns that are chosen at first."""


@dataclass(frozen=True)
class Chosen:
    """Rows and columns of one table, as they stand in the run.

    ``table`` keeps the index of the run's table; ``columns`` describes the index where it has a
    meaning, then the columns.
    """

    name: str
    table: pd.DataFrame
    columns: tuple[Column, ...]

    @property
    def pages(self) -> int:
        """How many pages the rows fill, at least one."""
        return max(1, -(-len(self.table) // ROWS_SHOWN))

    def page(self, number: int) -> pd.DataFrame:
        """Return the rows of a page (first = 1), with the index of the run's table."""
        start = (min(max(number, 1), self.pages) - 1) * ROWS_SHOWN
        return self.table.iloc[start : start + ROWS_SHOWN]


def shown(chosen: Chosen, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as they are shown: an index with a meaning stands as the first column."""
    return rows if SHAPES[chosen.name].index is None else rows.reset_index()


def offered(plan: Plan, name: str) -> dict[str, Column]:
    """Return the columns of a table that can be chosen, by name; index and outlines left out."""
    shape = SHAPES[name]
    own = shape.index.name if shape.index is not None else None
    known = described(name, getattr(plan, name))
    return {column.name: column for column in known if column.name != own}


def label_of(column: Column, language: Language) -> str:
    """Return a column as it is chosen by: its meaning, unit and name."""
    meaning = column.zh if language == "zh" else column.en
    unit = f" [{column.unit}]" if column.unit else ""
    return f"{meaning}{unit} · {column.name}"


def choose(
    plan: Plan,
    name: str,
    columns: Sequence[str],
    *,
    district: str | None = None,
    park: str | None = None,
    goal: str | None = None,
) -> Chosen:
    """Return chosen columns of the rows of a place and a goal.

    Parameters
    ----------
    plan
        The plan.
    name
        A key of :data:`OFFERED`.
    columns
        Names of :func:`offered`.
    district, park, goal
        Ids; None does not narrow. Parks of a district are those with a roof in it.
    """
    if name == "roofs":
        kept = _roofs(plan, columns, district, park)
        return Chosen(name, kept, described(name, kept))
    rows = getattr(plan, name)
    if name in ("parks", "gap_parks"):
        rows = _of_places(rows, name, _parks(plan, district, park))
    elif name in ("districts", "gap_districts"):
        rows = _of_places(rows, name, None if district is None else {district})
    if goal is not None and "goal_id" in rows.columns and name not in ("parks", "districts"):
        rows = rows[rows["goal_id"] == goal]
    kept = pd.DataFrame(rows)[list(columns)]
    return Chosen(name, kept, described(name, kept))


def roof_count(plan: Plan, *, district: str | None = None, park: str | None = None) -> int:
    """Return how many roofs lie in a place; None does not narrow."""
    pairs = roofs_of(plan).pairs()
    for column, wanted in (("district_id", district), ("park_id", park)):
        if wanted is not None:
            pairs = pairs[pairs[column] == wanted]
    return int(pairs["roof_count"].sum())


def _roofs(
    plan: Plan, columns: Sequence[str], district: str | None, park: str | None
) -> pd.DataFrame:
    """Return columns of the roofs of a place."""
    at = in_park(park) if park is not None else None
    if district is not None and at is None:
        at = At("district_id", district)
    rows = roofs_of(plan).columns([*columns, "district_id"], at)
    if district is not None:
        rows = rows[rows["district_id"].fillna(OUTSIDE_DISTRICTS) == district]
    return rows[list(columns)]


def _parks(plan: Plan, district: str | None, park: str | None) -> set[str] | None:
    if park is not None:
        return {park}
    if district is None:
        return None
    pairs = roofs_of(plan).pairs()
    return set(pairs["park_id"][pairs["district_id"] == district].astype(str))


def _of_places(rows: pd.DataFrame, name: str, wanted: set[str] | None) -> pd.DataFrame:
    if wanted is None:
        return rows
    own = rows["place_id"].astype(str) if name.startswith("gap_") else rows.index.astype(str)
    return rows[own.isin(wanted)]


def as_csv(chosen: Chosen, fingerprint: str) -> bytes:
    """Return all chosen rows and columns as CSV; a text that looks like a formula is shielded."""
    return separated_bytes(chosen.name, chosen.table, fingerprint)


def heads(chosen: Chosen, language: Language) -> dict[str, ColumnConfig | str]:
    """Return the heading of each column, its meaning and unit, and how its numbers are written."""
    config: dict[str, ColumnConfig | str] = {}
    for column in chosen.columns:
        meaning = column.zh if language == "zh" else column.en
        head = f"{meaning} [{column.unit}]" if column.unit else meaning
        if column.kind in ("number", "count"):
            form = "%.4f" if column.unit in SMALL else "localized"
            config[column.name] = st.column_config.NumberColumn(head, format=form)
        elif column.kind == "date":
            config[column.name] = st.column_config.DateColumn(head, format="YYYY-MM-DD")
        else:
            config[column.name] = head
    return config


def row_labels(
    plan: Plan, chosen: Chosen, rows: pd.DataFrame, language: Language
) -> dict[Any, str]:
    """Return each row as people call it: its id and name, or its keys."""
    shape = SHAPES[chosen.name]
    if chosen.name == "roofs":
        names = roofs_of(plan).columns(["name"], ids=map(str, rows.index))["name"]
        named = {label: places.text_of(name) for label, name in names.loc[rows.index].items()}
        return _labelled(named)
    whole = getattr(plan, chosen.name).loc[rows.index]
    if shape.index is None:
        cells = whole[list(shape.keys)].to_numpy()
        return {
            label: " · ".join(places.text_of(cell) for cell in row)
            for label, row in zip(whole.index, cells, strict=True)
        }
    return _labelled({label: places.name_of(row, language) for label, row in whole.iterrows()})


def _labelled(names: Mapping[Any, str]) -> dict[Any, str]:
    return {label: f"{label} · {name}" if name else str(label) for label, name in names.items()}

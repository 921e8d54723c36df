"""What the map is handed of roofs: shapes and figures in one compact file, colours apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from pvplan.maps.classes import UNKNOWN, classify
from pvplan.maps.script import bounds, corners, features, script_value, with_shape
from pvplan.tables import Floats, Plan

# More roofs than this are too many to draw one by one; tiles stand for them.
MOST_FETCHED: Final = 20_000
# More than this are too many for one list.
MOST_ROOFS: Final = 3000
# The unit of the compact file, in degrees: about 0.1 m.
FINE: Final = 1e-6
# How ready a roof is: a roof that could carry PV but whose structure is to be surveyed is its own.
READINESS: Final = (
    "installed", "under_construction", "filed", "feasible", "needs_survey", "blocked",
    "not_assessable",
)  # fmt: skip
# Okabe and Ito's colours, which stay apart for colour-blind readers; patterns for the last two.
READY_COLOURS: Final = (
    "#0072b2", "#56b4e9", "#cc79a7", "#009e73", "#f0e442", "#d55e00", UNKNOWN,
)  # fmt: skip
READY_PATTERNS: Final = ("", "", "", "", "", "cross", "hatch")
ROOF_WITH: Final = "#0072b2"
ROOF_WITHOUT: Final = "#f7e7a1"
# What colours roofs; each but the first and the last is a figure with classes from the data.
COLOURS: Final = ("built", "kw", "density", "yield", "state")
# The columns of PLAN_ROOFS from which all of these are made.
TOLD_BY: Final = (
    "capacity_dc_kw", "installed_dc_kw", "footprint_area_m2", "energy_ac_kwh_per_year",
    "roof_state", "structure_state",
)  # fmt: skip
_DECIMALS: Final = {"kw": 1, "built": 1, "density": 1, "yield": 0, "state": 0}
# Smaller than any capacity that is written.
_SOMETHING: Final = 1e-9


@dataclass(frozen=True)
class RoofWords:
    """The words about roofs; ``columns`` name each figure with its unit, ``states`` the codes."""

    legend: str
    built: str
    not_built: str
    unknown: str
    columns: Mapping[str, tuple[str, str]]
    states: Mapping[str, str]


def readiness(roofs: pd.DataFrame) -> pd.Series[str]:
    """Return for each roof one of :data:`READINESS`."""
    state = roofs["roof_state"].astype(str)
    unsure = (state == "feasible") & (roofs["structure_state"] == "needs_survey")
    return state.mask(unsure, "needs_survey")


def readiness_of(roof: pd.Series[Any]) -> str:
    """Return the readiness of one row of PLAN_ROOFS."""
    return str(readiness(roof.to_frame().T).iloc[0])


def figures(roofs: pd.DataFrame) -> pd.DataFrame:
    """Return what the map colours and tells of each roof.

    Parameters
    ----------
    roofs
        PLAN_ROOFS, or its columns :data:`TOLD_BY`.

    Returns
    -------
    DataFrame
        Columns of :data:`COLOURS`: capacity [kWp], installed [kWp], capacity per gross roof area
        [W/m²], yield [kWh/kWp], and the number of :func:`readiness`; NaN where not known.
    """
    capacity = roofs["capacity_dc_kw"].astype(float)
    area = roofs["footprint_area_m2"].astype(float)
    states = {state: float(place) for place, state in enumerate(READINESS)}
    found = {
        "kw": capacity,
        "built": roofs["installed_dc_kw"].astype(float),
        "density": 1000.0 * capacity / area.where(area > 0.0),
        "yield": roofs["energy_ac_kwh_per_year"].astype(float) / capacity.where(capacity > 0.0),
        "state": readiness(roofs).map(states).astype(float),
    }
    return pd.DataFrame(found, index=roofs.index).round(_DECIMALS)


def roofs_file(roofs: gpd.GeoDataFrame) -> bytes:
    """Return roofs as the compact JSON that the browser fetches and draws.

    ``rings`` holds for each roof its rings as whole numbers of :data:`FINE` degrees: the first
    corner from ``origin``, each further one from the one before, longitude first.
    """
    west, south = (float(end) for end in roofs.total_bounds[:2]) if len(roofs) else (0.0, 0.0)
    told = figures(roofs)
    columns = {
        name: [None if np.isnan(value) else value for value in told[name].tolist()]
        for name in told.columns
    }
    written = {
        "fine": FINE,
        "origin": [west, south],
        "id": [str(index) for index in roofs.index],
        "name": [None if pd.isna(name) else str(name) for name in roofs["name"]],
        **columns,
        "rings": _rings(roofs, np.array([west, south])),
    }
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


@dataclass(frozen=True)
class ParkRoofs:
    """The roofs of a park for the map; shared by all readers, nobody changes it.

    ``content`` is what the browser fetches, None where there are too many and tiles stand for
    them; ``area`` are their corners, latitude first; ``told`` are their :func:`figures`.
    """

    content: bytes | None
    area: list[list[float]] | None
    told: pd.DataFrame

    def rows_seen(self, colours: Mapping[str, Any]) -> list[int]:
        """Return which rows of a legend some roof falls in, -1 for one without a value."""
        return _rows_seen(self.told, colours["column"], colours["breaks"])


def _rows_seen(told: pd.DataFrame, column: str, breaks: Sequence[float]) -> list[int]:
    values = told[column].to_numpy(dtype=float)
    places = np.searchsorted(breaks, values, side="right")
    return sorted({int(place) for place in np.where(np.isnan(values), -1, places)})


def park_roofs(roofs: gpd.GeoDataFrame) -> ParkRoofs:
    """Return the roofs of a park as the map needs them; at most :data:`MOST_FETCHED`."""
    drawn = with_shape(roofs).sort_values("footprint_area_m2", ascending=False)
    return ParkRoofs(roofs_file(drawn), bounds(drawn), figures(drawn))


def many_roofs(roofs: pd.DataFrame, box: Sequence[float] | None) -> ParkRoofs:
    """Return what the map needs of more roofs than it fetches: tiles show their outlines.

    Parameters
    ----------
    roofs
        Columns :data:`TOLD_BY` of PLAN_ROOFS.
    box
        West, south, east and north [°] of the roofs.
    """
    return ParkRoofs(None, corners(box), figures(roofs))


def _rings(roofs: gpd.GeoDataFrame, origin: Floats) -> list[list[list[int]]]:
    parts, of_roof = shapely.get_parts(roofs.geometry.to_numpy(), return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    corners, of_ring = shapely.get_coordinates(rings, return_index=True)
    whole = np.rint((corners - origin) / FINE).astype(np.int64)
    starts = np.flatnonzero(np.diff(of_ring, prepend=-1))
    steps = np.diff(whole, axis=0, prepend=0)
    steps[starts] = whole[starts]
    found: list[list[list[int]]] = [[] for _ in range(len(roofs))]
    # The last corner repeats the first.
    for place, ring in enumerate(np.split(steps, starts[1:])):
        found[int(of_roof[of_part[place]])].append(ring[:-1].ravel().tolist())
    return found


def roof_colours(roofs: pd.DataFrame, colour: str, words: RoofWords) -> dict[str, Any]:
    """Return how the drawing code colours roofs by a figure, and the legend.

    Parameters
    ----------
    roofs
        All roofs of the city, so that parks compare; columns :data:`TOLD_BY`.
    colour
        One of :data:`COLOURS`.
    words
        The words about roofs.
    """
    known = figures(roofs)
    if colour == "state":
        breaks: Sequence[float] = [place + 0.5 for place in range(len(READINESS) - 1)]
        rows = list(zip(READY_COLOURS, words.states.values(), READY_PATTERNS, strict=True))
    elif colour == "built":
        breaks = [_SOMETHING]
        rows = [(ROOF_WITHOUT, words.not_built, ""), (ROOF_WITH, words.built, "")]
    else:
        classes = classify(known[colour])
        breaks = classes.breaks
        rows = [(c, label, "") for c, label in zip(classes.colours, classes.labels(), strict=True)]
    name, unit = words.columns[colour]
    title = f"{words.legend}: {name}" + (f" ({unit})" if unit and colour != "built" else "")
    legend = [{"colour": c, "label": label, "pattern": pattern} for c, label, pattern in rows]
    return {
        "column": colour,
        "breaks": list(breaks),
        "rows": legend,
        "seen": _rows_seen(known, colour, breaks),
        "unknown": {"colour": UNKNOWN, "label": words.unknown, "pattern": "hatch"},
        "title": title,
        "states": list(words.states.values()),
        "columns": [[key, name, unit] for key, (name, unit) in words.columns.items()],
    }


def roofs_literal(
    plan: Plan, park_id: str, address: str, told: Mapping[str, Any], seen: Sequence[int]
) -> str:
    """Write where the roofs of a park are fetched from and how they are coloured.

    Parameters
    ----------
    plan
        The plan.
    park_id
        A park id, or the id of the row "outside parks".
    address
        Where :func:`roofs_file` is served, seen from the map's page; empty where the roofs are
        too many and the tiles stand for them.
    told
        Of :func:`roof_colours`.
    seen
        Unused rows of the legend are left out: the numbers of those in use, -1 for unknown.

    Returns
    -------
    str
        A JavaScript expression: one call of ``roofs`` in ``static/roofs.js``.
    """
    ground = with_shape(plan.parks[plan.parks.index == park_id])
    shape = features(ground, [{} for _ in ground.index])
    return script_value({**told, "address": address, "ground": shape, "seen": list(seen)})


def tiles_literal(address: str, told: Mapping[str, Any]) -> str:
    """Write where the tiles of all roofs are fetched from and how they are coloured."""
    return script_value({**told, "address": address})

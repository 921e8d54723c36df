"""The drawing of one roof: outline, usable area, obstructions, and every module by its energy.

Drawn by ``static/map.js`` as the map of parks is, and as safely; see :mod:`pvplan.maps`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from pvplan.maps import Classes, Drawing, OfflineMap, script_value
from pvplan.tables import Floats

# viridis of five for modules: dark in the shade, bright in the sun.
SUNNY: Final = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
USABLE: Final = "#e3edf5"
STANDING: Final = "#c0504d"
ROOF: Final = "#ffffff"
# A layout is drawn to the centimetre: whole numbers of 1e-7 degrees from the roof's corner.
FINE: Final = 1e-7
# Modules whose yields spread by less than this share of the best are one class, and no class is
# narrower than the second share: colours shall not make much of little.
ALIKE: Final = 0.02
NARROWEST: Final = 0.04


@dataclass(frozen=True)
class RoofWords:
    """The words on the drawing of one roof, in the reader's language."""

    legend: str
    outline: str
    usable: str
    obstructions: str
    zoom_in: str
    zoom_out: str
    whole_roof: str
    region: str
    north: str
    module: str
    module_of: str
    badge: str


@dataclass(frozen=True)
class RoofShapes:
    """What is drawn of one roof, each in any CRS; a shape that is missing is not drawn."""

    outline: gpd.GeoSeries
    usable: gpd.GeoSeries
    obstructions: gpd.GeoSeries


def graded(values: Floats) -> Classes:
    """Choose at most five classes of equal width between round numbers.

    Parameters
    ----------
    values
        Positive, any unit, none missing.

    Returns
    -------
    Classes
        The highest class has the brightest colour; fewer classes, and bright ones only, where
        the values spread little; no colour without any value.
    """
    if not len(values):
        return Classes((), ())
    least, most = float(values.min()), float(values.max())
    if most - least < ALIKE * most:
        return Classes((), SUNNY[-1:], least)
    width = max((most - least) / (len(SUNNY) - 1), NARROWEST * most)
    power = 10.0 ** np.floor(np.log10(width))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= width)
    ends = np.arange(np.floor(least / step) + 1.0, np.ceil(most / step)) * step
    breaks = tuple(float(f"{end:.6g}") for end in ends)
    return Classes(breaks, SUNNY[-1 - len(breaks) :], least)


def roof_literal(
    shapes: RoofShapes,
    modules: gpd.GeoDataFrame | None,
    yield_kwh_per_kw: pd.Series[float] | None,
    words: RoofWords,
) -> str:
    """Write one roof for :func:`roof_map`; worth keeping between two clicks.

    Parameters
    ----------
    shapes
        Outline, usable area and obstructions.
    modules
        Outlines with ``rank`` and ``energy_ac_kwh_per_year``, in any CRS; None where not known.
    yield_kwh_per_kw
        The year's energy of each module by its capacity, indexed like ``modules``.
    words
        The words on the drawing.

    Returns
    -------
    str
        A JavaScript expression.
    """
    outline, usable, standing = (
        _shown(one) for one in (shapes.outline, shapes.usable, shapes.obstructions)
    )
    legend: list[dict[str, Any]] = []
    drawn: dict[str, Any] = {"classes": [], "quads": [], "facts": []}
    west, south, east, north = (float(end) for end in outline.total_bounds)
    if modules is not None and yield_kwh_per_kw is not None and len(modules):
        values: Floats = np.asarray(yield_kwh_per_kw, dtype=np.float64)
        classes = graded(values)
        rows = zip(classes.colours, _labels(classes, values), strict=True)
        legend += [{"colour": colour, "label": label} for colour, label in rows]
        corners = shapely.get_coordinates(modules.to_crs(4326).geometry.to_numpy())
        quads = np.rint((corners - (west, south)) / FINE).astype(np.int64).reshape(len(modules), -1)
        energy = modules["energy_ac_kwh_per_year"].to_numpy(dtype=np.float64)
        facts = np.column_stack([modules["rank"], np.rint(energy), np.rint(values)])
        drawn = {
            "classes": [classes.colours.index(classes.colour(float(value))) for value in values],
            "quads": quads[:, :-2].tolist(),
            "facts": facts.astype(np.int64).tolist(),
        }
    areas = (
        (standing, STANDING, words.obstructions), (usable, USABLE, words.usable),
        (outline, ROOF, words.outline),
    )  # fmt: skip
    legend += [{"colour": colour, "label": label} for one, colour, label in areas if len(one)]
    payload = {
        "bounds": [[south, west], [north, east]],
        "origin": [west, south],
        "fine": FINE,
        "words": asdict(words),
        "legend": legend,
        "colours": {"outline": ROOF, "usable": USABLE, "obstructions": STANDING},
        "modules": {**drawn, "colours": [row["colour"] for row in legend]},
        "outline": _features(outline),
        "usable": _features(usable),
        "obstructions": _features(standing),
    }
    return script_value(payload)


def roof_map(literal: str) -> OfflineMap:
    """Draw one roof, north up, without tiles.

    Parameters
    ----------
    literal
        What :func:`roof_literal` returned.
    """
    made = OfflineMap(
        tiles=None, prefer_canvas=True, attribution_control=False, zoom_control=False,
        zoom_snap=0.25, min_zoom=14, max_zoom=25,
    )  # fmt: skip
    Drawing("roof", literal).add_to(made)
    return made


def _labels(classes: Classes, values: Floats) -> tuple[str, ...]:
    if classes.breaks:
        return classes.labels()
    # A single class is told by its ends: two digits would say too little of 1 043 kWh/kW.
    ends = dict.fromkeys(f"{end:,.0f}" for end in (values.min(), values.max()))
    return (" – ".join(ends),)


def _shown(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    present = shapes[shapes.notna() & ~shapes.is_empty]
    return present.to_crs(4326) if len(present) else gpd.GeoSeries([], crs=4326)


def _features(shapes: gpd.GeoSeries) -> list[Any]:
    rounded = shapely.transform(
        np.asarray(shapes.array, dtype=object), lambda points: (points / FINE).round() * FINE
    )
    return [
        {"type": "Feature", "properties": {}, "geometry": json.loads(geometry)}
        for geometry in shapely.to_geojson(rounded)
    ]

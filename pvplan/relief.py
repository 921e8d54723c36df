"""Horizons by a surface model: the door reads windows, the wing looks around in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from pvplan.assess import Around
from pvplan.assumptions import Assumptions, Shading
from pvplan.gather import Gathered
from pvplan.look import Terrain
from pvplan.roof import terrain
from pvplan.sources.surface_model import (
    SurfaceModel,
    check_covers,
    open_surface_model,
    place,
    windows,
)
from pvplan.tables import Floats


def relief(path: Path, crs: Any, rules: Shading) -> tuple[SurfaceModel, Terrain]:
    """Open a surface model and return it with the horizons that it gives.

    Parameters
    ----------
    path
        GeoTIFF of heights, metric CRS.
    crs
        CRS of the points that will be asked for.
    rules
        Shading: bins, cut-offs.

    Returns
    -------
    model, terrain
        ``terrain(x, y)`` gives float32 (points, bins), degrees; NaN for points
        that the model does not cover, which the prisms of the buildings then tell of.

    Raises
    ------
    InputError
        The file cannot be used.
    """
    model = open_surface_model(path)
    rules = replace(rules, max_distance_m=rules.terrain_max_distance_m)

    def seen_from(x: Floats, y: Floats) -> npt.NDArray[np.float32]:
        found = np.full((len(x), rules.azimuth_bins), np.nan, dtype=np.float32)
        if not len(x):
            return found
        placed = place(model, x, y, crs)
        for window in windows(model, placed, rules.max_distance_m):
            ready = terrain.surface(window.window.height, window.window.cell_m)
            stands = terrain.heights_at(ready, window.column, window.row)
            found[window.points] = terrain.horizons_at(
                ready,
                window.column,
                window.row,
                stands + rules.terrain_lift_m,
                rules,
                blind_m=rules.terrain_blind_cells * window.window.cell_m,
                convergence_deg=placed.convergence_deg[window.points],
            )
        return found

    return model, seen_from


def half_seen(model: SurfaceModel, buildings: gpd.GeoDataFrame, rules: Shading) -> str | None:
    """Say around how many roofs heights are missing, or None where all are known.

    Counted within ``rules.terrain_max_distance_m`` of one point of each roof on the model.
    """
    points = shapely.get_coordinates(shapely.point_on_surface(buildings.geometry.to_numpy()))
    placed = place(model, points[:, 0], points[:, 1], buildings.crs)
    reach_m, missing = rules.terrain_max_distance_m, np.zeros(len(points))
    for window in windows(model, placed, reach_m):
        ready = terrain.surface(window.window.height, window.window.cell_m)
        missing[window.points] = terrain.unseen_fraction(ready, window.column, window.row, reach_m)
    some = missing > 0.0
    if not some.any():
        return None
    return (
        f"{model.path.name}: around {int(some.sum())} of {len(buildings)} roofs"
        f" {missing[some].mean():.1%} of the ground within {reach_m:g} m has no height (beyond the"
        " rim, or missing cells); what stands there shades nothing"
    )


def with_around(gathered: Gathered, assumptions: Assumptions) -> tuple[Gathered, Around]:
    """Return what was gathered with the doubts about a surface model, and what stands around.

    Every building read shades.
    """
    casting, doubts, seen_from = gathered.files.footprints.buildings, [], None
    if gathered.surface_model is not None:
        model, seen_from = relief(gathered.surface_model, casting.crs, assumptions.shading)
        found = (
            uncovered(model, gathered.buildings),
            half_seen(model, gathered.buildings, assumptions.shading),
        )
        doubts = [doubt for doubt in found if doubt]
    doubted = replace(gathered, warnings=(*gathered.warnings, *doubts))
    return doubted, Around(casting, gathered.obstructions, seen_from)


def uncovered(model: SurfaceModel, buildings: gpd.GeoDataFrame) -> str | None:
    """Say how many roofs the model does not reach, or None where it reaches all.

    Raises
    ------
    InputError
        It reaches none.
    """
    points = shapely.get_coordinates(shapely.point_on_surface(buildings.geometry.to_numpy()))
    check_covers(model, points[:, 0], points[:, 1], buildings.crs)
    inside = place(model, points[:, 0], points[:, 1], buildings.crs).inside
    missing = int((~inside).sum())
    if not missing:
        return None
    return (
        f"{model.path.name}: {missing} of {len(buildings)} roofs lie outside the surface model;"
        " their horizons are those of the buildings' prisms"
    )

"""Chosen roofs looked at closely: every module with its energy, the horizon, the sun's paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pvplan.arrange import Task, choose, kind_of, limits, strips
from pvplan.assess import World, forms_of, places, roofs_of, site_of, surveyed_load
from pvplan.assumptions import Assumptions
from pvplan.errors import AssumptionError
from pvplan.lay_out import Block, look_at, of_block, tasks
from pvplan.light import Light
from pvplan.look import Horizons, elevations
from pvplan.roof import rows, sampling, structure, weather
from pvplan.shade import Sides, losses
from pvplan.tables import Floats, Ints
from pvplan.yield_table import Arrays, Places, ghi_ratio, yields

SUN_DAYS: Final = (80, 172, 266, 356)
"""Days of the year whose sun paths are drawn: equinoxes and solstices."""


@dataclass(frozen=True)
class Study:
    """What was found on chosen roofs; metric CRS of the buildings.

    Attributes
    ----------
    roofs
        ROOFS.
    modules
        Every module that counts, sunniest first on each roof: roof_id, module_id, rank (from 1),
        energy_ac_kwh_per_year (a roof's modules sum to its energy), surface_tilt,
        surface_azimuth, mounting, row, geometry (plan outline).
    usable
        Shape (roofs,): polygon within setbacks, without obstructions and dark places; planes
        that face away from the equator lie in it, but carry nothing.
    obstructions
        Shape (roofs,): what stands on each roof, or None.
    bearing
        Shape (roofs,): what the structure is taken to bear and what is added, in numbers:
        Chinese, and English; empty where no module stands.
    horizon
        roof_id, azimuth [° from north], elevation_deg (mean over the roof), highest_deg.
    sun
        day (of the year), time (solar order), azimuth, elevation_deg: paths over the roofs.
    """

    roofs: gpd.GeoDataFrame
    modules: gpd.GeoDataFrame
    usable: npt.NDArray[Any]
    obstructions: npt.NDArray[Any]
    bearing: tuple[npt.NDArray[Any], npt.NDArray[Any]]
    horizon: pd.DataFrame
    sun: pd.DataFrame


def study(
    known: World,
    buildings: gpd.GeoDataFrame,
    monthly_ghi_kwh_per_m2: Floats | None,
    obstructions: npt.NDArray[Any] | None = None,
) -> Study:
    """Place every module of some roofs and tell its energy.

    Parameters
    ----------
    known
        The world of the roofs' city.
    buildings, monthly_ghi_kwh_per_m2, obstructions
        As for :func:`pvplan.assess.assess`.

    Raises
    ------
    AssumptionError
        The layout method is ``screening``, which places no module.
    """
    assumptions, light = known.assumptions, known.light
    if known.scenery is None:
        raise AssumptionError(
            "layout.method: 'screening' places no modules; use --set layout.method=packed"
        )
    where = places(buildings)
    ratio = ghi_ratio(known.base, monthly_ghi_kwh_per_m2, len(buildings), assumptions)
    forms = forms_of(buildings, assumptions)
    site = site_of(known.scenery, buildings, forms[0], where, obstructions)
    block = look_at(site, known.scenery, light, assumptions)
    roofs = roofs_of(known, buildings, where, ratio, of_block(site, block, assumptions), forms)
    placed = [
        _placed(task, light, assumptions)
        for task in tasks(site, block.planes, block.region, block.roofs, assumptions)
    ]
    found = _Modules.joined([_NO_MODULES, *placed])
    energy = _energy(known, found, block, where, ratio)
    return Study(
        roofs,
        _table(found, energy, roofs, block),
        block.region,
        np.full(len(roofs), None) if obstructions is None else obstructions,
        _bearing(roofs, surveyed_load(buildings), assumptions),
        _horizon_table(block, roofs.index, assumptions),
        _sun_paths(where, known.base),
    )


def _bearing(
    roofs: gpd.GeoDataFrame, surveyed: Floats, assumptions: Assumptions
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the reasons of the roofs' structure states, Chinese and English."""
    some = roofs["mounting"].notna().to_numpy()
    told = structure.reasons(
        structure.bearing(
            roofs.loc[some, "roof_form"].to_numpy(dtype=object),
            roofs.loc[some, "completed_on"].to_numpy(dtype="datetime64[ns]"),
            roofs.loc[some, "mounting"].to_numpy(dtype=object),
            assumptions.structure,
            surveyed[some],
        )
    )
    zh, en = (np.full(len(roofs), "", dtype=object) for _ in told)
    zh[some], en[some] = told
    return zh, en


@dataclass(frozen=True)
class _Modules:
    """Modules of planes; shape (modules,). ``array`` is the position of their array's plane."""

    corners: Floats
    roof: Ints
    plane: Ints
    second: npt.NDArray[np.bool_]
    tilt: Floats
    azimuth: Floats
    racked: npt.NDArray[np.bool_]
    slant_m: Floats
    pitch_m: Floats
    mounting: npt.NDArray[Any]
    kw: Floats

    @staticmethod
    def joined(parts: list[_Modules]) -> _Modules:
        words = _Modules.__dataclass_fields__
        return _Modules(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in words})


def _placed(task: Task, light: Light, assumptions: Assumptions) -> _Modules:
    """Place the modules of every plane of one form as the packer counted them."""
    laid, packed = choose(task, light, assumptions)
    low, high = limits(task, assumptions)
    pattern = strips(task, assumptions)
    found = []
    for plane in np.flatnonzero(packed.kind >= 0):
        kind, direction = int(packed.kind[plane]), int(packed.direction[plane])
        modules = rows.modules(
            task.outline,
            int(task.roof[plane]),
            task.centre[plane],
            float(low[plane]),
            float(high[plane]),
            float(laid.turn[plane, direction]),
            float(laid.depth[plane, kind]),
            float(laid.pitch[plane, direction, kind]),
            float(laid.kinds.along_m[kind]),
            int(laid.kinds.cell_modules[kind]),
            pattern,
            int(plane),
            assumptions.layout,
        )
        light_kind = kind_of(task, laid.kinds, kind, assumptions.surfaces)
        count = len(modules.corners)
        azimuth = float(laid.azimuth[plane, direction, kind])
        # A pair's first side faces its azimuth: v or the way back, whichever that is.
        v_azimuth = task.convergence_deg[plane] - np.degrees(laid.turn[plane, direction])
        forward = np.cos(np.radians(v_azimuth - azimuth)) > 0.0
        second = modules.side == (-1 if forward else 1)
        found.append(
            _Modules(
                modules.corners,
                np.full(count, task.roof[plane]),
                np.full(count, task.plane[plane]),
                second,
                np.full(count, light_kind.tilt),
                np.where(second, azimuth + 180.0, azimuth) % 360.0,
                np.full(count, light_kind.racked),
                np.full(count, light_kind.slant_m, dtype=np.float64),
                np.full(count, light_kind.pitch_m, dtype=np.float64),
                np.full(count, laid.kinds.mounting[kind], dtype=object),
                np.full(count, assumptions.module.power_w / 1000.0),
            )
        )
    return _Modules.joined([_NO_MODULES, *found])


_NOTHING: Final = np.empty(0)
_NO_MODULES: Final = _Modules(
    np.empty((0, 4, 2)), _NOTHING.astype(np.int64), _NOTHING.astype(np.int64),
    _NOTHING.astype(bool), _NOTHING, _NOTHING, _NOTHING.astype(bool), _NOTHING, _NOTHING,
    _NOTHING.astype(object), _NOTHING,
)  # fmt: skip


def _energy(known: World, found: _Modules, block: Block, where: Places, ratio: Floats) -> Floats:
    """Return the year's energy of each module [kWh], each under the horizon of its own centre."""
    assumptions, scenery = known.assumptions, known.scenery
    if scenery is None:
        raise ValueError("a world without scenery places no modules")
    count = len(found.kw)
    centre = found.corners.mean(axis=1)
    points = sampling.Points(
        np.arange(count + 1), centre[:, 0], centre[:, 1], np.ones(count),
        np.zeros(count), np.zeros(count),
    )  # fmt: skip
    roofs = replace(block.roofs, **_of_modules(block, found.roof))
    own = np.arange(count)
    elevation = elevations(roofs, points, own, scenery, assumptions.shading)
    seen = Horizons.of_one_look(points, own, np.zeros(count), elevation)
    arrays = Arrays(
        roof=found.roof,
        tilt=found.tilt,
        azimuth=found.azimuth,
        racked=found.racked,
        slant_m=found.slant_m,
        pitch_m=found.pitch_m,
        capacity_kw=found.kw,
        dc_ac_ratio=np.full(count, assumptions.system.dc_ac_ratio),
        beam_loss=np.zeros((count, 12)),
        sky_view=np.ones(count),
    )
    sides = Sides(own, np.zeros(count, dtype=np.int64), np.zeros((count, 2)))
    lost = losses(roofs, seen, sides, arrays, known.light, assumptions.shading)
    arrays = replace(arrays, beam_loss=lost.beam_loss, sky_view=lost.sky_view)
    made = yields(known.base, where, ratio, arrays, assumptions, map, known.light.yields)
    energy: Floats = made.energy_kwh.sum(axis=1)
    return energy


def _of_modules(block: Block, roof: Ints) -> dict[str, Any]:
    names = ("usable", "own", "height_m", "parapet_m", "axis_deg", "convergence_deg", "node")
    return {name: getattr(block.roofs, name)[roof] for name in names}


def _table(
    found: _Modules, energy: Floats, roofs: gpd.GeoDataFrame, block: Block
) -> gpd.GeoDataFrame:
    """Rank the modules of each roof; keep of each array as many as count, the sunniest."""
    blocked = (roofs["capacity_blocked_dc_kw"] > 0.0).to_numpy()[found.roof]
    array = found.plane * 2 + found.second
    order = np.lexsort((np.arange(len(array)), -energy.round(6), array))
    rank = np.empty(len(array), dtype=np.int64)
    starts = np.flatnonzero(np.diff(array[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    rank[order] = np.arange(len(order)) - np.repeat(starts, counts)
    packed = block.packed
    second = np.diff(packed.plane, prepend=-1) == 0
    allowed = np.zeros(2 * (int(found.plane.max(initial=0)) + 1), dtype=np.int64)
    allowed[packed.plane * 2 + second] = packed.module_count
    kept = (rank < allowed[array]) & ~blocked
    table = gpd.GeoDataFrame(
        {
            "roof_id": roofs.index.to_numpy()[found.roof],
            "energy_ac_kwh_per_year": energy,
            "surface_tilt": found.tilt.round(3),
            "surface_azimuth": found.azimuth.round(3) % 360.0,
            "mounting": found.mounting,
            "row": _row_numbers(found),
        },
        geometry=shapely.polygons(found.corners),
        crs=roofs.crs,
    )[kept]
    # Points of the roof and centres of modules differ by a little: the roof's energy holds.
    total = table.groupby("roof_id")["energy_ac_kwh_per_year"].transform("sum")
    table["energy_ac_kwh_per_year"] *= (
        table["roof_id"].map(roofs["energy_ac_kwh_per_year"]).astype(float) / total
    )
    table = table.sort_values(
        ["roof_id", "energy_ac_kwh_per_year", "row"], ascending=[True, False, True], kind="stable"
    )
    table["rank"] = table.groupby("roof_id").cumcount() + 1
    table["module_id"] = [
        f"{roof}-{rank:05d}" for roof, rank in zip(table["roof_id"], table["rank"], strict=True)
    ]
    return table.reset_index(drop=True)


def _row_numbers(found: _Modules) -> Ints:
    """Return each module's row on its plane, from 1, by where it begins across the rows."""
    row = np.zeros(len(found.kw), dtype=np.int64)
    for plane in np.unique(found.plane):
        here = np.flatnonzero(found.plane == plane)
        side = found.corners[here, 1] - found.corners[here, 0]
        unit = side[0] / np.hypot(*side[0])
        start = found.corners[here, 0]
        across = start[:, 1] * unit[0] - start[:, 0] * unit[1]
        _, row[here] = np.unique(across.round(3), return_inverse=True)
    return row + 1


def _horizon_table(block: Block, roof_id: pd.Index[Any], assumptions: Assumptions) -> pd.DataFrame:
    """Return mean and highest horizon of each roof by azimuth; 0 where nothing stands."""
    bins, seen = assumptions.shading.azimuth_bins, block.seen
    parts = []
    for position, name in enumerate(roof_id):
        here = seen.roof == position
        elevation = seen.elevation_deg(here)
        some = here.any()
        mean = np.average(elevation, axis=0, weights=seen.points.area_m2[here]) if some else 0.0
        highest = elevation.max(axis=0) if some else 0.0
        parts.append(
            pd.DataFrame(
                {
                    "roof_id": name,
                    "azimuth": np.arange(bins) * (360.0 / bins),
                    "elevation_deg": np.broadcast_to(mean, bins),
                    "highest_deg": np.broadcast_to(highest, bins),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _sun_paths(where: Places, base: weather.Base) -> pd.DataFrame:
    """Return the sun over the roofs' mean place on the days of equinox and solstice."""
    year = base.times[0].year
    parts = []
    for day in SUN_DAYS:
        start = pd.Timestamp(year=year, month=1, day=1, tz=base.times.tz)
        times = pd.date_range(start + pd.Timedelta(days=day - 1), periods=144, freq="10min")
        sun = weather.sun_over(
            times, float(where.latitude.mean()), float(where.longitude.mean()), base.altitude_m
        )
        up = sun.apparent_zenith < 90.0
        parts.append(
            pd.DataFrame(
                {
                    "day": day,
                    "time": times[up],
                    "azimuth": sun.azimuth[up],
                    "elevation_deg": 90.0 - sun.apparent_zenith[up],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)

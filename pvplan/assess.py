"""Buildings, weather and assumptions to ROOFS: describe the planes; fill them; make the energy.

The energy of a plane is read from a table of pvlib runs. Its axes are the place (which gives
the sun), the ratio of a month's GHI to the base year's (which gives the irradiance), the tilt
and mounting, and the azimuth. Nodes lie at fixed places of each axis, so a roof's value never
depends on which other roofs are computed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from pvplan.assumptions import Assumptions, WeatherRules
from pvplan.errors import InputError
from pvplan.roof import generation, packing, surfaces, weather
from pvplan.tables import MONTHS, ROOFS, Floats, check, names, to_thousandths

Ints = npt.NDArray[np.int64]
Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@dataclass(frozen=True)
class Places:
    """Where roofs lie: arrays of shape (roofs,).

    ``longitude``, ``latitude`` in degrees, WGS84; ``convergence_deg`` of the metric CRS's grid
    north at the place.
    """

    longitude: Floats
    latitude: Floats
    convergence_deg: Floats


def places(buildings: gpd.GeoDataFrame) -> Places:
    """Return longitude, latitude and meridian convergence of each roof's representative point.

    Parameters
    ----------
    buildings
        BUILDINGS in a projected metric CRS.
    """
    crs = pyproj.CRS(buildings.crs)
    points = shapely.get_coordinates(shapely.point_on_surface(buildings.geometry.to_numpy()))
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(points[:, 0], points[:, 1])
    factors = pyproj.Proj(crs).get_factors(longitude, latitude)
    return Places(
        np.asarray(longitude, dtype=np.float64),
        np.asarray(latitude, dtype=np.float64),
        np.asarray(factors.meridian_convergence, dtype=np.float64).reshape(len(points)),
    )


def assess(
    buildings: gpd.GeoDataFrame,
    base: weather.Base,
    monthly_ghi_kwh_per_m2: Floats | None,
    assumptions: Assumptions,
    mapper: Mapper = map,
) -> gpd.GeoDataFrame:
    """Return ROOFS: what each roof can carry and yield.

    Parameters
    ----------
    buildings
        BUILDINGS, index ``roof_id``, projected metric CRS.
    base
        The base year (:func:`pvplan.roof.weather.prepare`).
    monthly_ghi_kwh_per_m2
        Shape (roofs, 12), the raster's GHI by month, or (roofs, 1) by year, in which case every
        month of the base is scaled alike; None takes the base year as it is.
    assumptions
        Surfaces, layout, module, system and weather rules are read.
    mapper
        Runs the weather nodes; any order-keeping ``map``.

    Returns
    -------
    GeoDataFrame
        ROOFS in the order and CRS of the buildings; summing columns in thousandths.

    Raises
    ------
    InputError
        The raster's GHI does not belong to the base year's climate.
    TableError
        A result breaks the contract of ROOFS.
    """
    where = places(buildings)
    planes, arrays, roof_form = _arrays(buildings, where, assumptions)
    ratio = _ghi_ratio(base, monthly_ghi_kwh_per_m2, len(buildings), assumptions)
    poa, energy = _energy_per_kw(base, where, ratio, planes, arrays, assumptions, mapper)
    roofs = _table(buildings, planes, arrays, roof_form, assumptions)
    capacity: Floats = arrays.module_count * np.float64(assumptions.module.power_w / 1000.0)
    _add_energy(roofs, planes.roof, capacity, poa, energy)
    base_ghi = base.sky.monthly_ghi()
    roofs["ghi_kwh_per_m2_per_year"] = (ratio * base_ghi[None, :]).sum(axis=1).round(3)
    roofs = roofs[["geometry", *names(ROOFS)]]
    check(roofs, ROOFS, title="roofs")
    return roofs


def _arrays(
    buildings: gpd.GeoDataFrame, where: Places, assumptions: Assumptions
) -> tuple[surfaces.Planes, packing.Arrays, tuple[Any, Any]]:
    geometry = buildings.geometry.to_numpy()
    roof_form = surfaces.roof_forms(
        buildings["roof_form"].to_numpy(dtype=object),
        buildings["use"].to_numpy(dtype=object),
        shapely.area(geometry),
        buildings["height_m"].to_numpy(dtype=np.float64),
        assumptions.surfaces,
    )
    north = where.latitude >= 0.0
    layout = assumptions.layout
    planes = surfaces.describe_planes(
        geometry, roof_form[0], where.convergence_deg, north, assumptions.surfaces, layout
    )
    # The solstice rule takes the latitude of the weather cell, as the energy takes its sun.
    _, latitude = _cells(where, assumptions.weather.cell_size_deg)
    distinct, position = np.unique(latitude[planes.roof], return_inverse=True)
    elevation, azimuth = weather.solstice_sun(
        distinct, layout.solstice_first_hour, layout.solstice_last_hour
    )
    arrays = packing.fill_planes(
        roof_form[0][planes.roof],
        planes.slope,
        planes.azimuth,
        planes.usable_area_m2,
        np.where(north, 180.0, 0.0)[planes.roof],
        packing.SolsticeSun(elevation, azimuth, position.astype(np.int64)),
        layout,
        assumptions.module,
    )
    return planes, arrays, roof_form


def _cells(where: Places, size_deg: float) -> tuple[Ints, Floats]:
    """Return the name of each roof's weather cell, (east, north) steps, and its latitude."""
    east = np.floor(where.longitude / size_deg).astype(np.int64)
    north = np.floor(where.latitude / size_deg).astype(np.int64)
    latitude: Floats = (north + 0.5) * np.float64(size_deg)
    return np.stack([east, north], axis=1), latitude


def _ghi_ratio(
    base: weather.Base, monthly_ghi: Floats | None, roofs: int, assumptions: Assumptions
) -> Floats:
    base_ghi = base.sky.monthly_ghi()
    if monthly_ghi is None:
        return np.ones((roofs, 12))
    if monthly_ghi.shape[1] == 1:
        ratio = np.repeat(monthly_ghi / base_ghi.sum(), 12, axis=1)
    else:
        ratio = monthly_ghi / base_ghi[None, :]
    rules = assumptions.weather
    wrong = (ratio < rules.min_ghi_ratio) | (ratio > rules.max_ghi_ratio) | np.isnan(ratio)
    if wrong.any():
        roof, month = np.argwhere(wrong)[0]
        raise InputError(
            f"irradiance: {int(wrong.any(axis=1).sum())} roofs have a month whose GHI is not"
            f" {rules.min_ghi_ratio:g}-{rules.max_ghi_ratio:g} times the base year's (first: roof"
            f" {roof + 1}, month {month + 1}: ratio {ratio[roof, month]:.2f}); raster and weather"
            " describe different climates, or the raster's unit is wrong"
        )
    return ratio


Tables = dict[tuple[int, int], tuple[Floats, Floats]]
"""(GHI step, class) -> irradiation and energy of the class's orientations, (orientations, 12)."""


@dataclass(frozen=True)
class _Cell:
    """A weather cell: its planes, what they need, and the four nodes around its centre."""

    members: Ints
    classes: tuple[int, ...]
    months: dict[int, npt.NDArray[np.bool_]]
    corners: tuple[tuple[tuple[int, int], float], ...]


@dataclass
class _Node:
    """A place where pvlib runs: months needed at each GHI step, and the classes."""

    place: tuple[int, int]
    months: dict[int, npt.NDArray[np.bool_]]
    classes: set[int]


def _energy_per_kw(
    base: weather.Base,
    where: Places,
    ratio: Floats,
    planes: surfaces.Planes,
    arrays: packing.Arrays,
    assumptions: Assumptions,
    mapper: Mapper,
) -> tuple[Floats, Floats]:
    """Return irradiation [kWh/m²] and energy [kWh/kW] of each plane by month, (planes, 12)."""
    rules = assumptions.weather
    low = np.floor(ratio / rules.ghi_ratio_step + 1e-9).astype(np.int64)[planes.roof]
    share = np.maximum((ratio / rules.ghi_ratio_step)[planes.roof] - low, 0.0)
    share = np.where(share < 1e-9, 0.0, share)
    orientations, kind = _classes(arrays, rules.azimuth_step_deg)
    cells = _weather_cells(where, planes.roof, kind, low, share, rules)
    nodes = _nodes(cells)
    run = partial(_run_node, base=base, orientations=orientations, assumptions=assumptions)
    tables = dict(zip(nodes, mapper(run, nodes.values()), strict=True))
    poa = np.full((len(planes.roof), 12), np.nan)
    energy = np.full((len(planes.roof), 12), np.nan)
    for cell in cells:
        for number in cell.classes:
            chosen = cell.members[kind[cell.members] == number]
            count = len(orientations[number])
            weights = generation.azimuth_weights(arrays.azimuth[chosen], count)
            for target, which in ((poa, 0), (energy, 1)):
                table = {
                    step: sum(w * tables[node][step, number][which] for node, w in cell.corners)
                    for step in cell.months
                }
                target[chosen] = _looked_up(table, weights, low[chosen], share[chosen])
    return poa, energy


def _weather_cells(
    where: Places, roof: Ints, kind: Ints, low: Ints, share: Floats, rules: WeatherRules
) -> list[_Cell]:
    names_of_cells = _cells(where, rules.cell_size_deg)[0][roof]
    distinct, position = np.unique(names_of_cells, axis=0, return_inverse=True)
    order = np.argsort(position.reshape(-1), kind="stable")
    bounds = np.searchsorted(position.reshape(-1)[order], np.arange(len(distinct) + 1))
    found = []
    for number, name in enumerate(distinct):
        members = order[bounds[number] : bounds[number + 1]]
        east, north = (name + 0.5) * rules.cell_size_deg / rules.node_size_deg
        column, row = int(np.floor(east)), int(np.floor(north))
        right, up = float(east - column), float(north - row)
        corners = (
            ((column, row), (1.0 - right) * (1.0 - up)),
            ((column + 1, row), right * (1.0 - up)),
            ((column, row + 1), (1.0 - right) * up),
            ((column + 1, row + 1), right * up),
        )
        found.append(
            _Cell(
                members,
                tuple(np.unique(kind[members]).tolist()),
                _months_by_step(low[members], share[members]),
                tuple((node, weight) for node, weight in corners if weight > 1e-12),
            )
        )
    return found


def _nodes(cells: list[_Cell]) -> dict[tuple[int, int], _Node]:
    nodes: dict[tuple[int, int], _Node] = {}
    for cell in cells:
        for place, _ in cell.corners:
            node = nodes.setdefault(place, _Node(place, {}, set()))
            node.classes.update(cell.classes)
            for step, months in cell.months.items():
                node.months[step] = node.months.get(step, np.zeros(12, dtype=bool)) | months
    return nodes


def _classes(arrays: packing.Arrays, step_deg: float) -> tuple[list[generation.Orientations], Ints]:
    """Return the orientations to compute for each class of planes, and each plane's class."""
    # Racked rows face the equator exactly and level planes face nowhere: one node each.
    fixed = arrays.racked | (arrays.tilt == 0.0)
    keys = np.stack(
        [arrays.tilt, arrays.racked, fixed, np.where(fixed, arrays.azimuth, 0.0)], axis=1
    )
    distinct, position = np.unique(keys, axis=0, return_inverse=True)
    classes = []
    for tilt, racked, is_fixed, azimuth in distinct:
        nodes = np.array([azimuth]) if is_fixed else generation.azimuth_nodes(step_deg)
        classes.append(
            generation.Orientations(
                np.full(len(nodes), tilt), nodes, np.full(len(nodes), bool(racked))
            )
        )
    return classes, position.reshape(-1).astype(np.int64)


def _months_by_step(low: Ints, share: Floats) -> dict[int, npt.NDArray[np.bool_]]:
    needed: dict[int, npt.NDArray[np.bool_]] = {}
    for steps, used in ((low, np.ones_like(low, dtype=bool)), (low + 1, share > 0.0)):
        for step in np.unique(steps[used]).tolist():
            months = (used & (steps == step)).any(axis=0)
            needed[step] = needed.get(step, np.zeros(12, dtype=bool)) | months
    return dict(sorted(needed.items()))


def _run_node(
    node: _Node,
    base: weather.Base,
    orientations: list[generation.Orientations],
    assumptions: Assumptions,
) -> Tables:
    rules = assumptions.weather
    longitude, latitude = (step * rules.node_size_deg for step in node.place)
    sun = weather.sun_over(base.times, latitude, longitude, base.altitude_m)
    tables: Tables = {}
    for step, months in sorted(node.months.items()):
        ratio = np.where(months, step * rules.ghi_ratio_step, np.nan)
        sky = weather.scaled(base, sun, ratio, rules)
        hours = months[sky.month]
        seen_sky, seen_sun = sky.at(hours), sun.at(hours)
        for number in sorted(node.classes):
            tables[step, number] = generation.monthly(
                seen_sky, seen_sun, orientations[number], assumptions.system, assumptions.module
            )
    return tables


def _looked_up(tables: dict[int, Floats], weights: Floats, low: Ints, share: Floats) -> Floats:
    """Interpolate in azimuth and GHI ratio; adds in one order, whatever the neighbours."""
    first, last = min(tables), max(tables)
    empty = np.full((weights.shape[1], 12), np.nan)
    stack = np.stack([tables.get(step, empty) for step in range(first, last + 2)])
    month = np.arange(12)[None, :]
    lower, upper = np.zeros(low.shape), np.zeros(low.shape)
    for azimuth in range(weights.shape[1]):
        weight = weights[:, azimuth, None]
        lower += weight * stack[low - first, azimuth, month]
        upper += weight * stack[low - first + 1, azimuth, month]
    found: Floats = np.where(share > 0.0, lower + share * (upper - lower), lower)
    return found


def _table(
    buildings: gpd.GeoDataFrame,
    planes: surfaces.Planes,
    arrays: packing.Arrays,
    roof_form: tuple[Any, Any],
    assumptions: Assumptions,
) -> gpd.GeoDataFrame:
    count = len(buildings)

    def total(values: npt.NDArray[Any]) -> Floats:
        return np.bincount(planes.roof, weights=values, minlength=count).astype(np.float64)

    roofs = buildings.copy()
    roofs["roof_form"], roofs["roof_form_source"] = roof_form
    roofs["footprint_area_m2"] = to_thousandths(shapely.area(buildings.geometry.to_numpy()))
    roofs["usable_area_m2"] = to_thousandths(total(planes.usable_area_m2))
    modules = total(arrays.module_count)
    roofs["module_count"] = modules.astype(np.int64)
    roofs["module_area_m2"] = to_thousandths(modules * assumptions.module.area_m2)
    roofs["plane_count"] = np.bincount(planes.roof, minlength=count)
    capacity = to_thousandths(modules * assumptions.module.power_w / 1000.0)
    roofs["capacity_dc_kw"] = capacity
    roofs["capacity_ac_kw"] = to_thousandths(capacity / assumptions.system.dc_ac_ratio)
    # The plane with most modules stands for the roof; of equals the first.
    order = np.lexsort((np.arange(len(planes.roof)), -arrays.module_count, planes.roof))
    main = order[np.searchsorted(planes.roof[order], np.arange(count))]
    roofs["surface_tilt"] = arrays.tilt[main].round(3)
    roofs["surface_azimuth"] = arrays.azimuth[main].round(3) % 360.0
    roofs["gcr"] = arrays.gcr[main].round(6)
    roofs["row_pitch_m"] = arrays.row_pitch_m[main].round(4)
    return roofs


def _add_energy(
    roofs: gpd.GeoDataFrame, roof: Ints, capacity_kw: Floats, poa: Floats, energy: Floats
) -> None:
    """Add the energy columns in place: months in thousandths, the year their exact sum."""
    year = np.zeros(len(roofs), dtype=np.int64)
    for month, name in enumerate(MONTHS):
        kwh = np.bincount(roof, weights=capacity_kw * energy[:, month], minlength=len(roofs))
        thousandths = np.rint(kwh * 1000.0).astype(np.int64)
        year += thousandths
        roofs[f"energy_ac_kwh_{name}"] = thousandths / 1000.0
    roofs["energy_ac_kwh_per_year"] = year / 1000.0
    reference = np.bincount(roof, weights=capacity_kw * poa.sum(axis=1), minlength=len(roofs))
    roofs["poa_reference_kwh_per_year"] = to_thousandths(reference)


def hourly_power(
    buildings: gpd.GeoDataFrame,
    base: weather.Base,
    monthly_ghi_kwh_per_m2: Floats | None,
    assumptions: Assumptions,
) -> pd.DataFrame:
    """Return the AC power of some roofs together, hour by hour, all of them built.

    Orientations are taken to the nearest whole degree under the roofs' mean sun and mean GHI;
    each month is then scaled to the energy that :func:`assess` finds, so both say the same.

    Parameters
    ----------
    buildings, base, monthly_ghi_kwh_per_m2, assumptions
        As for :func:`assess`.

    Returns
    -------
    DataFrame
        Index ``time``, the middle of each interval of the year; ``power_ac_kw``, mean over the
        interval, 0 where there is no light.
    """
    where = places(buildings)
    _, arrays, _ = _arrays(buildings, where, assumptions)
    roofs = assess(buildings, base, monthly_ghi_kwh_per_m2, assumptions)
    ratio = _ghi_ratio(base, monthly_ghi_kwh_per_m2, len(buildings), assumptions)
    longitude, latitude = float(where.longitude.mean()), float(where.latitude.mean())
    sun = weather.sun_over(base.times, latitude, longitude, base.altitude_m)
    sky = weather.scaled(base, sun, ratio.mean(axis=0), assumptions.weather)
    keys = np.stack([arrays.tilt, arrays.azimuth.round() % 360.0, arrays.racked], axis=1)
    distinct, position = np.unique(keys, axis=0, return_inverse=True)
    capacity = arrays.module_count * assumptions.module.power_w / 1000.0
    weight = np.bincount(position.reshape(-1), weights=capacity, minlength=len(distinct))
    power = np.zeros(len(base.times))
    for (tilt, azimuth, racked), kw in zip(distinct, weight, strict=True):
        plane = generation.Orientations(
            np.array([tilt]), np.array([azimuth]), np.array([bool(racked)])
        )
        _, of_one_kw = generation.hourly(sky, sun, plane, assumptions.system, assumptions.module)
        power += kw * of_one_kw[:, 0]
    found = np.bincount(sky.month, weights=power, minlength=12)
    wanted = np.array([roofs[f"energy_ac_kwh_{month}"].sum() for month in MONTHS])
    power *= (wanted / np.where(found > 0.0, found, 1.0))[sky.month]
    lit = pd.Series(power, index=base.times, name="power_ac_kw")
    hours = lit.reindex(base.all_times, fill_value=0.0).rename_axis("time")
    return hours.to_frame()

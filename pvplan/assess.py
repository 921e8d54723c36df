"""Buildings, weather and assumptions to ROOFS: describe the planes; fill them; make the energy."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from pvplan.assumptions import Assumptions
from pvplan.roof import generation, packing, surfaces, weather
from pvplan.tables import MONTHS, ROOFS, Floats, Ints, check, names, to_thousandths
from pvplan.yield_table import Mapper, Places, cells_of, energy_per_kw, ghi_ratio

__all__ = ["Mapper", "Places", "assess", "hourly_power", "places"]


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
    ratio = ghi_ratio(base, monthly_ghi_kwh_per_m2, len(buildings), assumptions)
    poa, energy = energy_per_kw(base, where, ratio, planes, arrays, assumptions, mapper)
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
    _, latitude = cells_of(where, assumptions.weather.cell_size_deg)
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
    ratio = ghi_ratio(base, monthly_ghi_kwh_per_m2, len(buildings), assumptions)
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

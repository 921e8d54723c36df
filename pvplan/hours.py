"""The power of some roofs hour by hour, under the same horizons as their yearly energy."""

from __future__ import annotations

from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assess import World, forms_of, places, roofs_of, site_of
from pvplan.lay_out import look_at, of_block, screened
from pvplan.roof import generation, weather
from pvplan.shade import pairs
from pvplan.tables import MONTHS, Floats, Ints, Sun
from pvplan.yield_table import ghi_ratio, kinds_of, orientations_at

HOURS_AT_ONCE: Final = 512


def hourly_power(
    known: World,
    buildings: gpd.GeoDataFrame,
    monthly_ghi_kwh_per_m2: Floats | None,
    obstructions: npt.NDArray[Any] | None = None,
) -> pd.DataFrame:
    """Return the AC power of some roofs together, hour by hour, all of them built.

    Every hour the share of modules behind the horizon loses its direct light. Orientations are
    taken to the nearest whole degree under the roofs' mean sun and mean GHI; each month is then
    scaled to the energy that :func:`pvplan.assess.assess` finds, so both say the same.

    Parameters
    ----------
    known
        The world of the roofs' city.
    buildings, monthly_ghi_kwh_per_m2, obstructions
        As for :func:`pvplan.assess.assess`.

    Returns
    -------
    DataFrame
        Index ``time``, the middle of each interval of the year; ``power_ac_kw``, mean over the
        interval, 0 where there is no light.
    """
    base, assumptions = known.base, known.assumptions
    where = places(buildings)
    ratio = ghi_ratio(base, monthly_ghi_kwh_per_m2, len(buildings), assumptions)
    forms = forms_of(buildings, assumptions)
    packed = known.scenery is not None
    if known.scenery is None:
        laid = screened(buildings.geometry.to_numpy(), forms[0], where, assumptions)
    else:
        site = site_of(known.scenery, buildings, forms[0], where, obstructions)
        block = look_at(site, known.scenery, known.light, assumptions)
        laid = of_block(site, block, assumptions)
    roofs = roofs_of(known, buildings, where, ratio, laid, forms)
    blocked = laid.structure_state[laid.arrays.roof] == "blocked"
    capacity = np.where(blocked, 0.0, laid.arrays.capacity_kw)
    longitude, latitude = float(where.longitude.mean()), float(where.latitude.mean())
    sun = weather.sun_over(base.times, latitude, longitude, base.altitude_m)
    sky = weather.scaled(base, sun, ratio.mean(axis=0), assumptions.weather)
    hidden = np.zeros((len(base.times), len(laid.arrays)))
    if packed:
        array, point = pairs(
            block.roofs, block.seen, block.sides, assumptions.shading.max_beam_loss_fraction
        )
        weight = block.seen.points.area_m2[point]
        elevation = block.seen.elevation_deg(point)
        hidden = hidden_share(elevation, weight, array, len(laid.arrays), sun)
    power = np.zeros(len(base.times))
    kinds, kind = kinds_of(laid.arrays)
    keys = np.stack([kind, laid.arrays.azimuth.round() % 360.0], axis=1)
    distinct, position = np.unique(keys, axis=0, return_inverse=True)
    for number, (which, azimuth) in enumerate(distinct):
        here = position.reshape(-1) == number
        plane = orientations_at(kinds[int(which)], np.array([azimuth]), latitude, assumptions)
        system, module = assumptions.system, assumptions.module
        _, of_one_kw = generation.hourly(sky, sun, plane, system, module, shaded=packed)
        kw = of_one_kw[:, 0] * capacity[here].sum()
        if packed:
            beam = generation.beam_hours(sky, sun, plane, system, module)
            lost = generation.part_lost(hidden[:, here], beam.bend[0])
            kw -= beam.hours[:, 0] * (lost @ capacity[here])
        power += np.maximum(kw, 0.0)
    found = np.bincount(sky.month, weights=power, minlength=12)
    wanted = np.array([roofs[f"energy_ac_kwh_{month}"].sum() for month in MONTHS])
    power *= (wanted / np.where(found > 0.0, found, 1.0))[sky.month]
    lit = pd.Series(power, index=base.times, name="power_ac_kw")
    hours = lit.reindex(base.all_times, fill_value=0.0).rename_axis("time")
    return hours.to_frame()


def hidden_share(
    horizon_deg: npt.NDArray[np.float32], weight: Floats, array: Ints, arrays: int, sun: Sun
) -> Floats:
    """Return the share of each array that lies behind the horizon, hour by hour.

    Parameters
    ----------
    horizon_deg
        Shape (pairs, bins): horizon of the points that tell of each array.
    weight, array
        Shape (pairs,): area of the point; the array it tells of, ascending.
    arrays
        Number of arrays.
    sun
        Shape (hours,).

    Returns
    -------
    ndarray, shape (hours, arrays)
        0 for arrays without points.
    """
    hours, bins = len(sun.azimuth), horizon_deg.shape[1]
    share = np.zeros((hours, arrays))
    if not len(array):
        return share
    total = np.bincount(array, weights=weight, minlength=arrays)
    starts = np.flatnonzero(np.diff(array, prepend=-1))
    elevation = 90.0 - sun.apparent_zenith
    toward = np.rint(sun.azimuth / (360.0 / bins)).astype(np.int64) % bins
    for first in range(0, hours, HOURS_AT_ONCE):
        chosen = slice(first, first + HOURS_AT_ONCE)
        behind = horizon_deg[:, toward[chosen]] > elevation[chosen]
        dark = np.add.reduceat(behind * weight[:, None], starts, axis=0)
        share[chosen, array[starts]] = (dark / total[array[starts], None]).T
    return share

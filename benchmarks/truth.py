"""How true is the energy of shaded roofs, against the exact polygon shadow of every hour?

``python -m benchmarks.truth --roofs 200`` prints JSON: differences in percent of the energy by
year and by month, over random roofs of two real old towns. The program's own recipe finds where
modules may stand and what the horizon takes there. The truth (``tests/shadows.py``) sweeps the
polygons of all taller buildings, at any distance and height, over that very place in each hour
of the year and runs pvlib's chain on what is left: with the mean light of the place on every
module, and with each module under its own light. ``--set max_points=64`` and the like change the
rules; ``--city 20000`` counts the points in a made-up city of so many buildings instead.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from benchmarks.city import write_city
from pvplan import assumptions as assuming
from pvplan import look, shade
from pvplan.assumptions import Assumptions
from pvplan.light import Light
from pvplan.roof import generation, surfaces, weather
from pvplan.sources.footprints import read_footprints
from pvplan.sources.weather import read_weather
from pvplan.tables import Floats, Ints
from pvplan.yield_table import Arrays, Places
from tests import shadows

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
TOWNS = {
    "suzhou": "bld_suzhou_oldtown/bd_demo_2.json",
    "lujiazui": "bld_shanghai_lujiazui_osm/buildings.geojson",
}
WEATHER = "wx_shanghai_cswd_epw/CHN_Shanghai.Shanghai.583620_CSWD.epw"
PLANES = (
    shadows.Plane(0.0, 180.0, True),
    shadows.Plane(5.0, 90.0, False),
    shadows.Plane(10.0, 180.0, True),
)
SEED = 20261124
SKY_STEPS = (3.0, 1.5)


@dataclass(frozen=True)
class Town:
    """Buildings, and those drawn by lot among the ones whose height the file gives.

    ``where`` is the middle of the town, once for each roof: the sun is the same for all.
    """

    buildings: gpd.GeoDataFrame
    scene: shadows.Scene
    chosen: Ints
    where: Places


@cache
def town(file: Path, roofs: int) -> Town:
    """Read a town and draw roofs by lot."""
    found = read_footprints(file, assuming.load().footprints).buildings
    west, south, east, north = found.total_bounds
    to_degrees = pyproj.Transformer.from_crs(found.crs, 4326, always_xy=True)
    place = to_degrees.transform((west + east) / 2.0, (south + north) / 2.0)
    grid_north = pyproj.Proj(found.crs).get_factors(*place).meridian_convergence
    given = np.flatnonzero((found["height_source"] == "given").to_numpy())
    chosen = np.random.default_rng(SEED).choice(given, roofs, replace=False)
    heights = found["height_m"].to_numpy(dtype=np.float64)
    scene = shadows.scene_of(found.geometry.to_numpy(), heights, grid_north)
    where = Places(*(np.full(roofs, value) for value in (*place, grid_north)))
    return Town(found, scene, chosen, where)


@cache
def base_year(data: Path) -> weather.Base:
    return weather.prepare(read_weather(data / WEATHER), assuming.load().weather)


@dataclass(frozen=True)
class House:
    """What the program says of the chosen roofs.

    ``region`` is where modules may stand, empty where nowhere; ``energy`` (roofs, planes, 12) of
    one kW DC spread over it, kWh; ``points`` how many horizons tell of each roof, (roofs,), those
    of earlier looks not counted.
    """

    region: npt.NDArray[Any]
    energy: Floats
    points: Ints


def roofs_of(place: Town, light: Light, assumptions: Assumptions, parapets: bool) -> look.Roofs:
    """Return the chosen roofs: bare, or as flat ones with setback and parapet."""
    shapes = place.buildings.geometry.to_numpy()[place.chosen]
    count = len(shapes)
    planes = surfaces.describe_planes(
        shapes,
        np.full(count, "flat_concrete", dtype=object),
        place.where.convergence_deg,
        np.ones(count, dtype=bool),
        assumptions.surfaces,
        assumptions.layout,
    )
    flat = assumptions.layout.of("flat_concrete")
    usable = surfaces.inset(shapes, flat.edge_setback_m) if parapets else shapes
    nodes, node = light.nodes_of(place.where)
    return look.Roofs(
        usable,
        place.chosen,
        place.scene.heights[place.chosen],
        np.full(count, flat.parapet_height_m if parapets else 0.0),
        planes.axis_deg,
        place.where.convergence_deg,
        node,
        nodes,
    )


def house(place: Town, data: Path, assumptions: Assumptions) -> House:
    """Run the recipe: points, horizons, the sunny region, and what arrays on it lose."""
    rules = replace(assumptions.shading, partial_factor=1.0)
    light = Light(base_year(data), assumptions)
    roofs = roofs_of(place, light, assumptions, parapets=False)
    around = look.surroundings(place.buildings, rules)
    roofs, seen = look.horizons(roofs, around, light, rules)
    region = look.sunny_region(roofs, seen, rules.max_beam_loss_fraction)
    arrays = _arrays(len(region))
    sides = shade.Sides(arrays.roof, np.zeros(len(arrays), np.int64), np.zeros((len(arrays), 2)))
    lost = shade.losses(roofs, seen, sides, arrays, light, rules)
    month = _free(data, place, assumptions)
    shape = (len(region), len(PLANES), 12)
    hidden = (1.0 - lost.sky_view).reshape(*shape[:2], 1)
    energy = month.energy[0] - month.beam * lost.beam_loss.reshape(shape) - month.sky * hidden
    return House(region, energy, np.bincount(seen.roof, minlength=len(region)))


def _arrays(roofs: int) -> Arrays:
    """Return one array of each plane on each roof."""
    count = roofs * len(PLANES)

    def each(values: list[Any]) -> Any:
        return np.tile(np.array(values), roofs)

    return Arrays(
        roof=np.repeat(np.arange(roofs), len(PLANES)),
        tilt=each([plane.tilt for plane in PLANES]),
        azimuth=each([plane.azimuth for plane in PLANES]),
        racked=each([plane.racked for plane in PLANES]),
        slant_m=np.full(count, np.nan),
        pitch_m=np.full(count, np.nan),
        capacity_kw=np.ones(count),
        dc_ac_ratio=np.ones(count),
        beam_loss=np.zeros((count, 12)),
        sky_view=np.ones(count),
    )


def _sky(data: Path, place: Town, assumptions: Assumptions) -> tuple[Any, Any]:
    """Return sky and sun over the node of light that serves the town."""
    base, rules = base_year(data), assumptions.weather
    step = rules.node_size_deg / 2.0
    longitude, latitude = (
        float(np.rint(degrees[0] / step) * step)
        for degrees in (place.where.longitude, place.where.latitude)
    )
    sun = weather.sun_over(base.times, latitude, longitude, base.altitude_m)
    return weather.scaled(base, sun, np.ones(12), rules), sun


def _free(data: Path, place: Town, assumptions: Assumptions) -> generation.Monthly:
    planes = generation.Orientations(
        np.array([plane.tilt for plane in PLANES]),
        np.array([plane.azimuth for plane in PLANES]),
        np.array([plane.racked for plane in PLANES]),
        np.full(len(PLANES), np.nan),
    )
    system = assumptions.system
    sky, sun = _sky(data, place, assumptions)
    ratios = np.array([system.dc_ac_ratio])
    return generation.monthly(sky, sun, planes, system, assumptions.module, ratios, True)


def carries(region: npt.NDArray[Any], assumptions: Assumptions) -> Ints:
    """Return the positions of roofs with room for a module."""
    module = assumptions.module
    return np.flatnonzero(shapely.area(region) >= module.length_m * module.width_m)


@dataclass(frozen=True)
class Work:
    """A roof of a town, the part of it that counts, and the steps of the sky, degrees."""

    data: Path
    file: Path
    roofs: int
    number: int
    region: Any
    sky_steps: tuple[float, float]


@cache
def _chains(data: Path, file: Path, roofs: int) -> tuple[Any, Any, tuple[shadows.Chain, ...]]:
    rules = assuming.load()
    sky, sun = _sky(data, town(file, roofs), rules)
    chains = (shadows.Chain(sky, sun, plane, rules.system, rules.module) for plane in PLANES)
    return sky, sun, tuple(chains)


def truth(work: Work) -> Floats:
    """Return three true energies of one kW DC on a region, (3, planes, 12), kWh.

    With the region's mean light on every module; with each module under its own light; and
    without any shadow.
    """
    place = town(work.file, work.roofs)
    sky, sun, chains = _chains(work.data, work.file, work.roofs)
    roof, area = int(place.chosen[work.number]), work.region
    up = 90.0 - sun.apparent_zenith
    shaded = shadows.shaded_fraction(place.scene, roof, sun.azimuth, up, area=area)
    dome = shadows.hemisphere(*work.sky_steps)
    hidden = shadows.shaded_fraction(place.scene, roof, dome.azimuth, dome.elevation, area=area)
    found = np.empty((3, len(PLANES), 12))
    for number, chain in enumerate(chains):
        view = shadows.sky_view(dome, hidden, chain.plane.tilt, chain.plane.azimuth)
        power = (
            chain.mean_light(shaded, view),
            chain.own_light(shaded, view),
            chain.own_light(np.zeros(len(shaded)), 1.0),
        )
        found[:, number] = [shadows.by_month(one, sky.month) for one in power]
    return found


def differences(said: Floats, true: Floats) -> tuple[Floats, Floats]:
    """Return the worst differences of roofs by year and by month, % of the true energy.

    Shapes (roofs, planes, 12); the worst plane and month stand for a roof, (roofs,).
    """
    year = 100.0 * (said.sum(axis=2) / true.sum(axis=2) - 1.0)
    month = 100.0 * (said / true - 1.0)
    return np.abs(year).max(axis=1), np.abs(month).max(axis=(1, 2))


def figures(said: Floats, true: Floats) -> dict[str, Any]:
    """Return the distribution of differences, %, and how many roofs are over the bar."""
    year, month = differences(said, true)
    found: dict[str, Any] = {}
    for name, worst, bar in (("year", year, 0.3), ("month", month, 1.0)):
        found[f"{name}_median"] = round(float(np.median(worst)), 3)
        found[f"{name}_p95"] = round(float(np.percentile(worst, 95)), 3)
        found[f"{name}_max"] = round(float(worst.max()), 3)
        found[f"{name}_roofs_over_{bar:g}"] = int((worst > bar).sum())
    bias = 100.0 * (said.sum() / true.sum() - 1.0)
    found["all_roofs_together"] = round(float(bias), 4)
    found["roofs_within_both"] = int(((year <= 0.3) & (month <= 1.0)).sum())
    return found


def compare(
    data: Path, roofs: int, assumptions: Assumptions, workers: int
) -> tuple[Floats, Floats, dict[str, Any]]:
    """Compare where modules stand; energies said (roofs, planes, 12), true (roofs, 3, ...)."""
    each, said, works, points = roofs // len(TOWNS), [], [], []
    for name, path in TOWNS.items():
        place = town(data / path, each)
        found = house(place, data, assumptions)
        some = carries(found.region, assumptions)
        said.append(found.energy[some])
        points.append((name, round(float(found.points.mean()), 1), len(some)))
        works += [Work(data, data / path, each, int(n), found.region[n], SKY_STEPS) for n in some]
    with Pool(workers) as pool:
        true = np.array(pool.map(truth, works, chunksize=2))
    cost = {name: {"points_per_roof": mean, "roofs_carry": many} for name, mean, many in points}
    return np.concatenate(said), true, cost


def points_in_city(data: Path, buildings: int, assumptions: Assumptions) -> dict[str, float]:
    """Return the mean points of roofs in a made-up city, without and with parapets."""
    found = {}
    with tempfile.TemporaryDirectory() as made:
        write_city(Path(made), buildings)
        place = town(Path(made) / "buildings.parquet", buildings // 10)
    light, rules = Light(base_year(data), assumptions), assumptions.shading
    around = look.surroundings(place.buildings, rules)
    for name, parapets in (("open", False), ("with_parapets", True)):
        roofs = roofs_of(place, light, assumptions, parapets)
        _, seen = look.horizons(roofs, around, light, rules)
        found[name] = round(len(seen.roof) / len(place.chosen), 1)
    return found


def _changed(assumptions: Assumptions, pairs: list[str]) -> Assumptions:
    user = {f"shading.{pair.split('=')[0]}": float(pair.split("=")[1]) for pair in pairs}
    known = assumptions.shading
    values = {
        name.removeprefix("shading."): type(getattr(known, name.removeprefix("shading.")))(value)
        for name, value in user.items()
    }
    return replace(assumptions, shading=replace(known, **values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roofs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--city", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="RULE=NUMBER")
    options = parser.parse_args()
    assumptions = _changed(assuming.load(), options.set)
    start = time.perf_counter()
    report: dict[str, Any]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # readers' remarks on the files, not the measured code
        if options.city:
            report = {"points_per_roof": points_in_city(options.data, options.city, assumptions)}
        else:
            said, true, cost = compare(options.data, options.roofs, assumptions, options.workers)
            lost = 1.0 - true[:, 0].sum(axis=2) / true[:, 2].sum(axis=2)
            report = {
                "roofs": options.roofs,
                **cost,
                "largest_shading_loss_percent": round(100.0 * float(lost.max()), 1),
                "median_shading_loss_percent": round(100.0 * float(np.median(lost)), 2),
                "against_mean_light_percent": figures(said, true[:, 0]),
                "against_own_light_percent": figures(said, true[:, 1]),
            }
    report["seconds"] = round(time.perf_counter() - start, 1)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

"""The independent truth of shading: exact polygon shadows, and pvlib hour by hour under them.

Nothing here knows of points, horizons, bins or tables. A neighbour is a prism; its shadow on the
plane of a roof is its footprint swept away from the light, which is the union of the footprint
and of one parallelogram for each edge that looks away from the light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pvlib
import shapely

from pvplan.assumptions import Module, System
from pvplan.tables import Floats, Ints, Sky, Sun

DIRECTIONS_PER_PASS = 64
LOWEST_DEG = 0.05  # light lower than this meets no plane worth speaking of
GRID_M = 1e-6  # a union that fails, as edges agree up to rounding only, snaps to a micrometre


@dataclass(frozen=True)
class CutOff:
    """Which obstacles count: none is left out by the default."""

    min_elevation_deg: float = 0.0
    max_distance_m: float = math.inf


EVERYTHING = CutOff()


@dataclass(frozen=True)
class Scene:
    """Buildings as prisms: footprints (n,) in a metric CRS and heights (n,), m.

    ``grid_north_deg`` is where the grid's north lies, clockwise from true north (the meridian
    convergence of the place).
    """

    shapes: npt.NDArray[Any]
    heights: Floats
    grid_north_deg: float
    tree: Any
    boundary: npt.NDArray[Any]


def scene_of(shapes: npt.NDArray[Any], heights: Floats, grid_north_deg: float) -> Scene:
    """Prepare a scene; the inside of every boundary lies on its left."""
    turned = shapely.orient_polygons(shapes, exterior_cw=False)
    boundary = np.empty(len(shapes), dtype=object)
    for number, shape in enumerate(turned):
        parts = shapely.get_parts(shape)
        rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(parts)]
        boundary[number] = np.concatenate([np.hstack([r[:-1], r[1:]]) for r in rings])
    tree = shapely.STRtree(shapes)
    return Scene(turned, np.asarray(heights, float), grid_north_deg, tree, boundary)


def shaders(scene: Scene, roof: int, cut: CutOff) -> Ints:
    """Return the neighbours that stand over the roof's horizon, by the cut-offs."""
    shape, rise = scene.shapes[roof], scene.heights - scene.heights[roof]
    if math.isfinite(cut.max_distance_m):
        near = scene.tree.query(shape, predicate="dwithin", distance=cut.max_distance_m)
    else:
        near = np.arange(len(scene.shapes))
    near = np.sort(near[rise[near] > 0.0])
    reach = np.full(len(near), np.inf)
    if cut.min_elevation_deg > 0.0:
        reach = rise[near] / math.tan(math.radians(cut.min_elevation_deg))
    return near[shapely.distance(shape, scene.shapes[near]) <= reach]


def open_roof(scene: Scene, roof: int) -> Any:
    """Return a roof without what a taller building's footprint covers (towers on podiums)."""
    shape = scene.shapes[roof]
    touching = scene.tree.query(shape, predicate="intersects")
    taller = touching[scene.heights[touching] > scene.heights[roof]]
    left = shapely.difference(shape, shapely.union_all(scene.shapes[taller]))
    return left if len(taller) and shapely.area(left) > 0.0 else shape


def shaded_fraction(
    scene: Scene,
    roof: int,
    azimuth: Floats,
    elevation: Floats,
    cut: CutOff = EVERYTHING,
    area: Any = None,
) -> Floats:
    """Return the share of a roof's plan area in shadow for each direction of light, (n,).

    Directions in degrees: azimuth clockwise from true north, elevation over the horizon.
    ``area`` is the part of the roof that counts; by default all of it.
    """
    area = scene.shapes[roof] if area is None else area
    neighbours = shaders(scene, roof, cut)
    fraction = np.zeros(len(azimuth))
    if not len(neighbours):
        return fraction
    middle = shapely.get_coordinates(shapely.centroid(area))[0]
    shape = shapely.transform(area, lambda xy: xy - middle)
    around = shapely.transform(scene.shapes[neighbours], lambda xy: xy - middle)
    overlap = shapely.intersection(shape, around)
    always = shapely.union_all(overlap[shapely.area(overlap) > 0.0])
    fraction[:] = shapely.area(always) / shapely.area(shape)
    shapely.prepare(shape)
    walls = _walls(scene, neighbours, roof, middle)
    corners = shapely.get_coordinates(shape)
    lit = np.flatnonzero(elevation > LOWEST_DEG)
    lit = lit[np.argsort(elevation[lit], kind="stable")]
    for first in range(0, len(lit), DIRECTIONS_PER_PASS):
        some = lit[first : first + DIRECTIONS_PER_PASS]
        away = np.radians(azimuth[some] - scene.grid_north_deg + 180.0)
        away = np.stack([np.sin(away), np.cos(away)], axis=1)
        steep = np.tan(np.radians(np.maximum(elevation[some], cut.min_elevation_deg)))
        which, pieces = _pieces(walls, away, steep, cut.max_distance_m, corners)
        touching = shapely.intersects(shape, pieces)
        which, pieces = which[touching], pieces[touching]
        covered = np.zeros(len(some), dtype=bool)
        covered[which[shapely.covers(pieces, shape)]] = True
        fraction[some[covered]] = 1.0
        rest = ~covered[which]
        which, pieces = which[rest], shapely.intersection(pieces[rest], shape)
        for number in np.unique(which):
            parts = np.append(pieces[which == number], always)
            fraction[some[number]] = shapely.area(_union(parts)) / shapely.area(shape)
    return np.minimum(fraction, 1.0)


@dataclass(frozen=True)
class _Walls:
    """Edges (e, 4) of the neighbours, m from the roof's middle; their rise over the roof and
    the distance of their building from it, (e,), m."""

    edges: Floats
    rise: Floats
    distance: Floats


def _walls(scene: Scene, neighbours: Ints, roof: int, middle: Floats) -> _Walls:
    edges = np.concatenate([scene.boundary[n] for n in neighbours]) - np.tile(middle, 2)
    count = [len(scene.boundary[n]) for n in neighbours]
    rise = scene.heights[neighbours] - scene.heights[roof]
    distance = shapely.distance(scene.shapes[roof], scene.shapes[neighbours])
    return _Walls(edges, np.repeat(rise, count), np.repeat(distance, count))


def _union(parts: npt.NDArray[Any]) -> Any:
    try:
        return shapely.union_all(parts)
    except shapely.errors.GEOSException:
        return shapely.union_all(parts, grid_size=GRID_M)


def _pieces(
    walls: _Walls, away: Floats, steep: Floats, farthest: float, corners: Floats
) -> tuple[Ints, npt.NDArray[Any]]:
    """Return the shadows that may meet the roof, with the number of their direction.

    ``away`` (d, 2) unit vectors of shadow, ``steep`` (d,) tangents of the light, ``corners`` of
    the roof. Only edges that look along the shadow sweep anything new. Shadows that cross the
    whole roof are strips; those that touch each other are joined before any polygon is made.
    """
    near = walls.distance <= np.minimum(walls.rise / steep.min(), farthest)
    edges, rise = walls.edges[near], walls.rise[near]
    length = np.minimum(rise[None, :] / steep[:, None], farthest)
    across = np.stack([away[:, 1], -away[:, 0]], axis=1)
    roof_u, roof_w = across @ corners.T, away @ corners.T
    left, right = roof_u.min(axis=1)[:, None], roof_u.max(axis=1)[:, None]
    begin, end = roof_w.min(axis=1)[:, None], roof_w.max(axis=1)[:, None]
    u0, u1 = across @ edges[:, :2].T, across @ edges[:, 2:].T
    w0, w1 = away @ edges[:, :2].T, away @ edges[:, 2:].T
    # The inside lies on the left of an edge: the edge looks along the shadow where u falls.
    meets = (u1 < u0) & (u1 < right) & (u0 > left)
    meets &= (np.minimum(w0, w1) < end) & (np.maximum(w0, w1) + length > begin)
    crosses = meets & (np.maximum(w0, w1) <= begin) & (np.minimum(w0, w1) + length >= end)
    which, edge = np.nonzero(meets & ~crosses)
    a, b = edges[edge, :2], edges[edge, 2:]
    shift = away[which] * length[which, edge][:, None]
    rings = np.stack([a, b, b + shift, a + shift, a], axis=1)
    of_strip, strip_u0, strip_u1 = _joined(crosses, u1, u0)
    one, two = strip_u0[:, None] * across[of_strip], strip_u1[:, None] * across[of_strip]
    low = away[of_strip] * (begin[of_strip] - 1.0)
    high = away[of_strip] * (end[of_strip] + 1.0)
    strips = np.stack([one + low, two + low, two + high, one + high, one + low], axis=1)
    return (
        np.concatenate([which, of_strip]),
        shapely.polygons(np.concatenate([rings, strips])),
    )


def _joined(
    crosses: npt.NDArray[np.bool_], low: Floats, high: Floats
) -> tuple[Ints, Floats, Floats]:
    """Return the strips of each direction as intervals that do not touch each other."""
    which, edge = np.nonzero(crosses)
    order = np.lexsort([low[which, edge], which])
    which, low, high = which[order], low[which, edge][order], high[which, edge][order]
    number: list[int] = []
    begin: list[float] = []
    end: list[float] = []
    for direction, u, v in zip(which.tolist(), low.tolist(), high.tolist(), strict=True):
        if number and number[-1] == direction and u <= end[-1] + 1e-9:
            end[-1] = max(end[-1], v)
        else:
            number.append(direction)
            begin.append(u)
            end.append(v)
    return np.array(number, dtype=np.int64), np.array(begin), np.array(end)


@dataclass(frozen=True)
class Hemisphere:
    """Equal steps of azimuth and elevation: the middle of each cell, and its solid angle."""

    azimuth: Floats
    elevation: Floats
    solid_angle: Floats


def hemisphere(azimuth_step_deg: float, elevation_step_deg: float) -> Hemisphere:
    azimuth = np.arange(0.5, 360.0 / azimuth_step_deg) * azimuth_step_deg
    edge = np.arange(0.0, 90.0 + 1e-9, elevation_step_deg)
    band = np.diff(np.sin(np.radians(edge))) * math.radians(azimuth_step_deg)
    middle = 0.5 * (edge[:-1] + edge[1:])
    grid_elevation, grid_azimuth = np.meshgrid(middle, azimuth, indexing="ij")
    solid = np.repeat(band, len(azimuth))
    return Hemisphere(grid_azimuth.ravel(), grid_elevation.ravel(), solid)


def sky_view(sky: Hemisphere, shaded: Floats, tilt: float, azimuth: float) -> float:
    """Return the share of a plane's own isotropic sky that its neighbours leave (mean of roof)."""
    up = np.radians(sky.elevation)
    turn = np.radians(sky.azimuth - azimuth)
    lean = math.radians(tilt)
    cosine = math.cos(lean) * np.sin(up) + math.sin(lean) * np.cos(up) * np.cos(turn)
    weight = np.maximum(cosine, 0.0) * sky.solid_angle
    return float((weight * (1.0 - shaded)).sum() / weight.sum())


@dataclass(frozen=True)
class Plane:
    """Tilt and azimuth in degrees; ``racked`` chooses the mounting's heat loss."""

    tilt: float
    azimuth: float
    racked: bool


@dataclass(frozen=True)
class Chain:
    """pvlib's own functions in the order of its ModelChain, for one plane under one sky."""

    sky: Sky
    sun: Sun
    plane: Plane
    system: System
    module: Module

    def mean_light(self, shaded: Floats, view: float) -> Floats:
        """Return AC power of one kW DC [kW] if the roof's mean light reached every module.

        Beam and circumsolar light times the lit share, isotropic light and the horizon band
        times the share of sky that is seen; light from the ground is whole.
        """
        return self._ac(self._dc(1.0 - shaded, view))

    def own_light(self, shaded: Floats, view: float) -> Floats:
        """Return AC power of one kW DC [kW] if each module has the light of its own place.

        Lit modules are hot, shaded ones cool; both feed one inverter.
        """
        lit, dark = self._dc(np.ones(len(shaded)), view), self._dc(np.zeros(len(shaded)), view)
        return self._ac((1.0 - shaded) * lit + shaded * dark)

    def _dc(self, lit: Floats, view: float) -> Floats:
        sky, sun, system, module = self.sky, self.sun, self.system, self.module
        tilt, azimuth = self.plane.tilt, self.plane.azimuth
        zenith, sun_azimuth = sun.apparent_zenith, sun.azimuth
        angle = pvlib.irradiance.aoi(tilt, azimuth, zenith, sun_azimuth)
        around_sun, elsewhere = self._diffuse()
        ground = pvlib.irradiance.get_ground_diffuse(tilt, sky.ghi, system.albedo)
        beam = np.maximum(sky.dni * np.cos(np.radians(angle)), 0.0) * lit
        diffuse = np.maximum(around_sun * lit + elsewhere * view, 0.0) + ground
        mean_iam: Any = pvlib.iam.marion_diffuse("physical", tilt)
        effective = beam * pvlib.iam.physical(angle) + diffuse * float(mean_iam["sky"])
        mounting = system.racked if self.plane.racked else system.flush
        cell = pvlib.temperature.pvsyst_cell(
            beam + diffuse,
            sky.temp_air,
            sky.wind_speed,
            u_c=mounting.heat_loss_constant_w_per_m2_k,
            u_v=mounting.heat_loss_wind_w_per_m2_k_per_m_per_s,
            module_efficiency=module.power_w / (module.length_m * module.width_m) / 1000.0,
            alpha_absorption=system.absorption_fraction,
        )
        power = pvlib.pvsystem.pvwatts_dc(effective, cell, 1.0, module.gamma_pdc)
        return np.maximum(power * self._kept()[sky.month], 0.0)

    def _diffuse(self) -> tuple[Floats, Floats]:
        """Return circumsolar light, and that of dome and horizon band."""
        sky, sun, plane = self.sky, self.sun, self.plane
        driesse = self.system.transposition_model == "perez-driesse"
        model = getattr(pvlib.irradiance, "perez_driesse" if driesse else "haydavies")
        parts = model(
            plane.tilt,
            plane.azimuth,
            sky.dhi,
            sky.dni,
            sun.dni_extra,
            sun.apparent_zenith,
            sun.azimuth,
            return_components=True,
            **({"airmass": sun.airmass} if driesse else {}),
        )
        light = {name: np.nan_to_num(part) for name, part in parts.items()}
        elsewhere = light["poa_isotropic"] + light.get("poa_horizon", 0.0)
        return light["poa_circumsolar"], elsewhere

    def _kept(self) -> Floats:
        losses = self.system.losses
        kept = np.full(12, 1.0 - self.module.first_year_degradation_fraction)
        for share in (
            losses.soiling_fraction,
            losses.unseen_shading_fraction,
            losses.snow_fraction,
            losses.mismatch_fraction,
            losses.wiring_fraction,
            losses.connections_fraction,
            losses.nameplate_fraction,
            losses.availability_fraction,
        ):
            kept = kept * (1.0 - np.asarray(share))
        return kept

    def _ac(self, power_dc: Floats) -> Floats:
        nominal = self.system.inverter_efficiency_fraction
        limit = 1.0 / (self.system.dc_ac_ratio * nominal)
        return np.maximum(np.asarray(pvlib.inverter.pvwatts(power_dc, limit, nominal)), 0.0)


def by_month(power: Floats, month: Ints) -> Floats:
    """Return energy by month, shape (12,)."""
    return np.bincount(month, weights=power, minlength=12)

"""The yield of planes, read from a table of pvlib runs.

The table's axes are the place (which gives the sun), the ratio of a month's GHI to the base
year's (which gives the irradiance), the tilt and mounting, and the azimuth. Nodes lie at fixed
places of each axis, so a roof's value never depends on which other roofs are computed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pvplan.assumptions import Assumptions, WeatherRules
from pvplan.errors import InputError
from pvplan.roof import generation, packing, surfaces, weather
from pvplan.tables import Floats, Ints

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


def cells_of(where: Places, size_deg: float) -> tuple[Ints, Floats]:
    """Return the name of each roof's weather cell, (east, north) steps, and its latitude."""
    east = np.floor(where.longitude / size_deg).astype(np.int64)
    north = np.floor(where.latitude / size_deg).astype(np.int64)
    latitude: Floats = (north + 0.5) * np.float64(size_deg)
    return np.stack([east, north], axis=1), latitude


def ghi_ratio(
    base: weather.Base, monthly_ghi: Floats | None, roofs: int, assumptions: Assumptions
) -> Floats:
    """Return each roof's monthly GHI over the base year's, shape (roofs, 12).

    Raises
    ------
    InputError
        A ratio beyond ``weather.min_ghi_ratio`` and ``max_ghi_ratio``: another climate, or unit.
    """
    base_ghi = base.sky.monthly_ghi()
    if monthly_ghi is None:
        return np.ones((roofs, 12))
    if monthly_ghi.shape[1] == 1:
        ratio = np.repeat(monthly_ghi / base_ghi.sum(), 12, axis=1)
    else:
        # A month of polar night has no light to scale.
        lit = base_ghi > 0.0
        ratio = np.where(lit, monthly_ghi / np.where(lit, base_ghi, 1.0), 1.0)
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


def energy_per_kw(
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
    names_of_cells = cells_of(where, rules.cell_size_deg)[0][roof]
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
            poa, energy = generation.monthly(
                seen_sky, seen_sun, orientations[number], assumptions.system, assumptions.module
            )
            tables[step, number] = (_night_is_zero(poa, months), _night_is_zero(energy, months))
    return tables


def _night_is_zero(values: Floats, months: npt.NDArray[np.bool_]) -> Floats:
    """Set needed months without any light to 0; months that were not asked for stay missing."""
    return np.where(np.isnan(values) & months[None, :], 0.0, values)


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
    found = np.where(share > 0.0, lower + share * (upper - lower), lower)
    # A Fourier series through almost nothing (polar winter) can swing below nothing.
    positive: Floats = np.maximum(found, 0.0)
    return positive

"""What a horizon takes: beam energy by look-up, sky view in closed form, partial shading.

A year of hours is folded once, for each orientation of a place, into a table of its beam energy
by month, sun azimuth and sun elevation, summed up in elevation. The share of a month's beam
energy that a horizon blocks is then one look-up for each azimuth bin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from pvplan.assumptions import Shading
from pvplan.tables import Floats, Ints

NODE_STEP_DEG: Final = 1.0
"""Distance of the table's elevation nodes; between them the table is linear."""

ELEVATIONS: Final = 91
"""Nodes from 0° to 90°."""

Table = npt.NDArray[np.float32]


def beam_table(
    sun_azimuth: Floats,
    sun_elevation: Floats,
    month: Ints,
    beam: Floats,
    bins: int,
) -> Table:
    """Fold hours into shares of each month's beam energy by azimuth bin, summed up in elevation.

    An hour is shared linearly between the two bins, and the two node intervals, whose middles
    lie around the sun: a horizon that bends between two bins or nodes is met half-way.

    Parameters
    ----------
    sun_azimuth, sun_elevation
        Shape (time,), degrees, of the middle of each hour.
    month
        Shape (time,), 0-11.
    beam
        Shape (time, planes), energy of beam and circumsolar light in any unit, at least 0.
    bins
        Number of azimuth bins; bin k is centred on k · 360° / bins, clockwise from north.

    Returns
    -------
    ndarray of float32, shape (planes, bins, ELEVATIONS, 12)
        Share of the month's beam energy with the sun in the bin and below the node. Over all
        bins the last node sums to 1, or to 0 in months without beam.
    """
    table = np.zeros((beam.shape[1], bins, ELEVATIONS, 12))
    total = np.zeros((beam.shape[1], 12))
    np.add.at(total.T, month, beam)
    place = np.mod(sun_azimuth, 360.0) * (bins / 360.0)
    first = np.floor(place).astype(np.int64)
    right = place - first
    # The interval below node j is centred on j - 1/2.
    level = np.clip(sun_elevation / NODE_STEP_DEG + 0.5, 1.0, ELEVATIONS - 1.0)
    node = np.minimum(np.floor(level).astype(np.int64), ELEVATIONS - 2)
    up = level - node
    _fill(
        table, np.ascontiguousarray(beam), month.astype(np.int64), first % bins,
        (first + 1) % bins, right, node, up,
    )  # fmt: skip
    share = np.cumsum(table, axis=2)
    share /= np.where(total > 0.0, total, 1.0)[:, None, None, :]
    return share.astype(np.float32)


@njit(cache=True, nogil=True)
def _fill(
    table: Any, beam: Any, month: Any, first: Any, second: Any, right: Any, node: Any, up: Any
) -> None:
    for hour in range(beam.shape[0]):
        m, low = month[hour], node[hour]
        for plane in range(beam.shape[1]):
            energy = beam[hour, plane]
            if energy <= 0.0:
                continue
            for side in range(2):
                k = second[hour] if side else first[hour]
                part = energy * (right[hour] if side else 1.0 - right[hour])
                table[plane, k, low, m] += part * (1.0 - up[hour])
                table[plane, k, low + 1, m] += part * up[hour]


def year_table(table: Table, beam: Floats) -> Table:
    """Weight the months of one orientation's table by their beam energy.

    Parameters
    ----------
    table
        Shape (bins, ELEVATIONS, 12).
    beam
        Shape (12,), each month's beam energy in any unit.

    Returns
    -------
    ndarray of float32, shape (bins, ELEVATIONS)
        Share of the year's beam energy, for :func:`year_losses`.
    """
    total = float(beam.sum())
    weight = beam / total if total > 0.0 else np.zeros(12)
    return (table.astype(np.float64) @ weight).astype(np.float32)


def year_losses(horizon: npt.NDArray[np.float32], table: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return the share of the year's beam energy that horizons block.

    Parameters
    ----------
    horizon
        Shape (points, bins), degrees.
    table
        Shape (bins, ELEVATIONS), of :func:`year_table`.

    Returns
    -------
    ndarray, shape (points,)
        NaN where a direction is unknown.
    """
    lost = np.zeros(len(horizon))
    per_step = np.diff(table, axis=1).astype(np.float32)
    at_zero = (table[:, :-1] - per_step * np.arange(table.shape[1] - 1)).astype(np.float32)
    _year_losses(np.ascontiguousarray(horizon), at_zero, per_step, lost)
    return np.minimum(lost, 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _year_losses(horizon: Any, at_zero: Any, per_step: Any, lost: Any) -> None:
    """Add up the lines that the table follows between its nodes; without branches."""
    most = np.float32(at_zero.shape[1])
    for point in range(horizon.shape[0]):
        total = unknown = 0.0
        for k in range(np.uint64(0), np.uint64(horizon.shape[1])):
            given = horizon[point, k]
            level = given / np.float32(NODE_STEP_DEG)
            level = level if level < most else most
            level = level if level > np.float32(0.0) else np.float32(0.0)
            low = np.uint32(np.int32(level))
            low = low if low < np.uint32(most) else np.uint32(most) - np.uint32(1)
            total += at_zero[k, low] + level * per_step[k, low]
            unknown += given - given
        lost[point] = total + unknown


@njit(cache=True, nogil=True)
def _above(limit: float, flat: float, toward: float) -> Any:
    """Integrate cos(incidence) · cos e over the elevations e from a limit to the zenith."""
    sine, cosine = np.sin(limit), np.cos(limit)
    return 0.5 * (flat * cosine * cosine + toward * (0.5 * np.pi - limit - sine * cosine))


@dataclass(frozen=True)
class ArrayLosses:
    """What the horizon takes from arrays of modules.

    Attributes
    ----------
    mean, worst
        Shape (arrays, 12): share of each month's beam lost, mean over the array's points; and
        under the highest horizon of them all.
    sky_view
        Shape (arrays,): share of the sky's light that the horizon leaves to the plane: each
        direction of an evenly bright sky weighs by the cosine of its incidence; the integral over
        elevation is closed (Dozier & Frew 1990, doi:10.1109/36.58986, there with angles from the
        zenith); the plane's own limit, the sky behind it, bounds it from below.
    """

    mean: Floats
    worst: Floats
    sky_view: Floats


@dataclass(frozen=True)
class Tables:
    """Tables of some orientations, and between which two of them arrays lie.

    ``share`` (orientations, bins, ELEVATIONS, 12) of :func:`beam_table`; ``bend``
    (orientations,) of :class:`pvplan.roof.generation.Beam`, 0 for a loss that is just the shaded
    share; ``first`` and ``second`` (arrays,) positions, ``weight`` (arrays,) of the second.
    """

    share: Table
    bend: Floats
    first: Ints
    second: Ints
    weight: Floats

    def of(self, arrays: Ints) -> Tables:
        """Return the tables for some of the arrays."""
        first, second, weight = self.first[arrays], self.second[arrays], self.weight[arrays]
        return replace(self, first=first, second=second, weight=weight)


def array_losses(
    horizon: npt.NDArray[np.float32],
    point: Ints,
    start: Ints,
    weight: Floats,
    facing: tuple[Floats, Floats],
    tables: Tables,
) -> ArrayLosses:
    """Return the losses of arrays, each told by many points.

    Points are first counted by elevation node in each bin, once for arrays that follow each other
    and are told by the same points; the table is then read once for each node that occurs. While
    the sun passes a node, the points with a higher horizon are in shade together, so the square of
    their share, that the bend asks for, is known too. The sky view is read between nodes as well,
    which changes it by less than 1e-4.

    Parameters
    ----------
    horizon
        Shape (points, bins), degrees.
    point, start
        ``point[start[i]:start[i + 1]]`` are the points that tell of array i.
    weight
        Of each entry of ``point``.
    facing
        Tilt and azimuth of the arrays, shape (arrays,), degrees.
    tables
        Of the arrays' orientations.

    Returns
    -------
    ArrayLosses
        No loss and the whole sky for arrays without points; NaN where a direction is unknown.
    """
    count = len(start) - 1
    mean, worst, view = np.zeros((count, 12)), np.zeros((count, 12)), np.ones(count)
    sunny = tables.share[:, :, -1, :].any(axis=(0, 2))
    first, second, between = tables.first, tables.second, tables.weight
    bend = (1.0 - between) * tables.bend[first] + between * tables.bend[second]
    tilt, azimuth = (np.radians(angle) for angle in facing)
    _of_arrays(
        horizon, point, start, weight, tilt, azimuth, tables.share, sunny, first, second, between,
        bend, mean, worst, view,
    )  # fmt: skip
    return ArrayLosses(np.minimum(mean, 1.0), np.minimum(worst, 1.0), view)


@njit(cache=True, nogil=True, error_model="numpy")
def _of_arrays(
    horizon: Any,
    point: Any,
    start: Any,
    weight: Any,
    tilt: Any,
    azimuth: Any,
    table: Any,
    sunny: Any,
    first: Any,
    second: Any,
    share: Any,
    bend: Any,
    mean: Any,
    worst: Any,
    view: Any,
) -> None:
    bins, nodes = table.shape[1], table.shape[2]
    hidden, whole = np.zeros(len(view)), np.zeros(len(view))
    held, shaded = np.zeros((bins, nodes)), np.empty((nodes, 2))
    lowest, highest = np.empty(bins, np.int32), np.empty(bins)
    # The integral of _above falls into a part of the node alone and one of the bin alone.
    rises = np.radians(np.arange(nodes) * NODE_STEP_DEG)
    up_part = 0.5 * np.cos(rises) ** 2
    side_part = 0.5 * (0.5 * np.pi - rises - np.sin(rises) * np.cos(rises))
    turned = np.arange(bins) * 2.0 * np.pi / bins
    north, east = np.cos(turned), np.sin(turned)
    level, steep = np.cos(tilt), np.sin(tilt)
    to_north, to_east = steep * np.cos(azimuth), steep * np.sin(azimuth)
    last = 0
    while last < len(view):
        array, begin, end = last, start[last], start[last + 1]
        last += 1
        while last < len(view) and _alike(point, weight, start, array, last):
            last += 1
        total = weight[begin:end].sum()
        if begin == end or total <= 0.0:
            continue
        _count(horizon, point, weight, begin, end, held, lowest, highest)
        for k in range(bins):
            unknown = np.isnan(highest[k])
            low = max(lowest[k], 1)
            top = nodes - 1 if unknown else min(int(highest[k]), nodes - 2) + 1
            _shares(held[k], low, top, total, shaded)
            for one in range(array, last):
                flat, toward = level[one], to_north[one] * north[k] + to_east[one] * east[k]
                own, above_own = 0.0, 0.5 * (flat + toward * 0.5 * np.pi)
                if toward < 0.0:
                    own = np.arctan2(-toward, flat)
                    above_own = _above(own, flat, toward)
                whole[one] += above_own
                for node in range(low, top + 1):
                    if rises[node] > own:
                        above = flat * up_part[node] + toward * side_part[node]
                        hidden[one] += shaded[node, 0] * (above_own - above)
                if unknown:
                    hidden[one], mean[one], worst[one] = np.nan, np.nan, np.nan
                elif sunny[k] and highest[k] > 0.0:
                    _darken(table[first[one], k], table[second[one], k], share[one], bend[one],
                            shaded, low, top, highest[k], mean[one], worst[one])  # fmt: skip
        for one in range(array, last):
            view[one] = 1.0 - min(hidden[one] / whole[one], 1.0)


@njit(cache=True, nogil=True)
def _alike(point: Any, weight: Any, start: Any, one: int, other: int) -> bool:
    """Return whether the same points, in the same order, tell of two arrays."""
    a, b, count = start[one], start[other], start[one + 1] - start[one]
    if start[other + 1] - b != count:
        return False
    for i in range(count):
        if point[a + i] != point[b + i] or weight[a + i] != weight[b + i]:
            return False
    return True


@njit(cache=True, nogil=True)
def _count(
    horizon: Any,
    point: Any,
    weight: Any,
    begin: int,
    end: int,
    held: Any,
    lowest: Any,
    highest: Any,
) -> None:
    """Add the points' weights to the nodes beside their horizons, bin by bin.

    Writes the lowest node that holds any, and the highest horizon in steps of nodes: NaN where
    one is unknown.
    """
    bins, last = held.shape
    lowest[:], highest[:] = last, 0.0
    for i in range(begin, end):
        row, heavy = point[i], weight[i]
        for k in range(bins):
            level = np.float64(horizon[row, k]) / NODE_STEP_DEG
            if level > 0.0:
                low = min(int(level), last - 2)
                up = min(level - low, 1.0) * heavy
                held[k, low] += heavy - up
                held[k, low + 1] += up
                lowest[k] = low if low < lowest[k] else lowest[k]
                highest[k] = level if level > highest[k] else highest[k]
            elif np.isnan(level):
                highest[k] = np.nan
    held[:, 0] = 0.0


@njit(cache=True, nogil=True)
def _shares(held: Any, low: int, top: int, total: float, shaded: Any) -> None:
    """Turn what nodes hold into shares in shade, and what the square adds; empty the nodes."""
    higher = 0.0
    for node in range(top, low - 1, -1):
        part = held[node] / total
        held[node] = 0.0
        shaded[node, 0] = part
        shaded[node, 1] = part * (2.0 * higher + part) - part
        higher += part


@njit(cache=True, nogil=True, error_model="numpy")
def _darken(
    one: Any,
    other: Any,
    share: float,
    bend: float,
    shaded: Any,
    low: int,
    top: int,
    highest: float,
    mean: Any,
    worst: Any,
) -> None:
    """Add one bin's losses, by month, of the points' mean and of the highest of them."""
    node = min(int(highest), len(one) - 2)
    up = min(highest - node, 1.0)
    for m in range(12):
        under = (1.0 - share) * one[node, m] + share * other[node, m]
        over = (1.0 - share) * one[node + 1, m] + share * other[node + 1, m]
        worst[m] += (1.0 - up) * under + up * over
    for node in range(low, top + 1):
        taken = shaded[node, 0] + bend * shaded[node, 1]
        if taken == 0.0:
            continue
        left, right = taken * (1.0 - share), taken * share
        for m in range(12):
            mean[m] += left * one[node, m] + right * other[node, m]


def partial_loss(fraction: Floats, rules: Shading, worst: Floats | float = 1.0) -> Floats:
    """Return the share of beam energy that strings lose for the share that is shaded.

    Strings lose more than their shaded modules: up to ``rules.partial_factor`` times the shaded
    share, but never more than if all modules stood where it is darkest. By the model
    "worst_point" the whole array follows its darkest place: the caller passes the losses under
    the highest horizon of the array's points as ``fraction`` and nothing is added.

    Parameters
    ----------
    fraction
        Any shape: shaded share of beam energy, mean over the array's points (not one point's).
    rules
        ``partial_model``, ``partial_factor``.
    worst
        Broadcasts to ``fraction``: losses under the highest horizon of the array's points.

    Returns
    -------
    ndarray
        Shape of ``fraction``; at most 1.
    """
    factor = rules.partial_factor if rules.partial_model == "linear" else 1.0
    lost: Floats = np.minimum(factor * fraction, np.minimum(worst, 1.0))
    return lost

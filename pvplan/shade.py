"""What the horizon takes from arrays of modules: direct light by month, and a part of the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pvplan.assumptions import Shading
from pvplan.light import Light
from pvplan.look import Horizons, Roofs
from pvplan.roof import shading
from pvplan.tables import Floats, Ints
from pvplan.yield_table import Arrays, kinds_of


@dataclass(frozen=True)
class Shaded:
    """What the horizon takes from arrays: beam_loss (arrays, 12), sky_view (arrays,)."""

    beam_loss: Floats
    sky_view: Floats


@dataclass(frozen=True)
class Sides:
    """Where arrays stand; shape (arrays,).

    ``roof`` is the position in the block; ``side`` 0 for the whole roof, 1 for the left and -1
    for the right of the axis through ``centre`` (arrays, 2).
    """

    roof: Ints
    side: Ints
    centre: Floats


def losses(
    roofs: Roofs, seen: Horizons, sides: Sides, arrays: Arrays, light: Light, rules: Shading
) -> Shaded:
    """Return the losses of arrays: area-weighted means over the sunny points on their side.

    Parameters
    ----------
    roofs, seen
        The block and its horizons.
    sides, arrays
        Where the arrays stand, and how they face.
    light, rules
        Tables; the model of partial shading.
    """
    array, point = pairs(roofs, seen, sides, rules.max_beam_loss_fraction)
    count = len(arrays)
    found = Shaded(np.zeros((count, 12)), np.ones(count))
    weight = seen.points.area_m2[point]
    start = np.searchsorted(array, np.arange(count + 1))
    kinds, kind = kinds_of(arrays)
    node = roofs.node[sides.roof]
    told = start[1:] > start[:-1]
    look = np.zeros(count, dtype=np.int64)
    look[told] = seen.look[point[start[:-1][told]]]
    for number, place in enumerate(roofs.nodes):
        for which, one in enumerate(kinds):
            here = np.flatnonzero((node == number) & (kind == which) & told)
            if not len(here):
                continue
            shares, bend, between = light.beam_tables(place, one, arrays.azimuth[here])
            tables = shading.Tables(shares, bend, *between)
            for of_look, rows in enumerate(seen.rows):
                some = np.flatnonzero(look[here] == of_look)
                chosen = here[some]
                own, begins = _runs(start, chosen)
                lost = shading.array_losses(
                    rows,
                    seen.row[point[own]],
                    begins,
                    weight[own],
                    (arrays.tilt[chosen], arrays.azimuth[chosen]),
                    tables.of(some),
                )
                mean = lost.worst if rules.partial_model == "worst_point" else lost.mean
                found.beam_loss[chosen] = shading.partial_loss(mean, rules, lost.worst)
                found.sky_view[chosen] = lost.sky_view
    return found


def _runs(start: Ints, chosen: Ints) -> tuple[Ints, Ints]:
    """Return the entries of chosen runs one after the other, and where each then begins."""
    count = start[chosen + 1] - start[chosen]
    begins = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    within = np.arange(begins[-1]) - np.repeat(begins[:-1], count)
    return np.repeat(start[chosen], count) + within, begins


def pairs(roofs: Roofs, seen: Horizons, sides: Sides, most: float) -> tuple[Ints, Ints]:
    """Return (array, point) for every sunny point that tells of an array, sorted by array."""
    roof, side, centre = sides.roof, sides.side, sides.centre
    sunny = np.flatnonzero(seen.lost <= most)
    start = np.searchsorted(seen.roof[sunny], np.arange(len(roofs.usable) + 1))
    count = (start[1:] - start[:-1])[roof]
    array = np.repeat(np.arange(len(roof)), count)
    offset = np.arange(len(array)) - np.repeat(np.cumsum(count) - count, count)
    point = sunny[start[roof[array]] + offset] if len(array) else np.empty(0, dtype=np.int64)
    angle = np.radians(roofs.axis_deg[roof[array]])
    across = (seen.points.y[point] - centre[array, 1]) * np.cos(angle) - (
        seen.points.x[point] - centre[array, 0]
    ) * np.sin(angle)
    fits = (side[array] == 0) | (np.sign(across) == side[array])
    # A side that no point fell on is told by all points of its roof.
    told = np.bincount(array[fits], minlength=len(roof)) > 0
    kept = fits | ~told[array]
    return array[kept].astype(np.int64), point[kept].astype(np.int64)

"""Footprints inside others: parts of the same roof, or towers that stand on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from pvplan.assumptions import Footprints
from pvplan.sources.cleaning import Geometries, joined
from pvplan.sources.overlaps import LEAST_SHARED_M2, NOBODY, Overlaps, holders
from pvplan.tables import Floats, Ints


@dataclass(frozen=True)
class Nested:
    """What lies inside what.

    ``held`` has shape (shapes,): position of the kept footprint that a part lies inside, -1 for
    those that are kept. ``tower`` and ``podium`` have shape (pairs,): kept footprints of which
    the first stands on the second, a storey taller or more.
    """

    held: Ints
    tower: Ints
    podium: Ints


def nested(
    shapes: Geometries, top_m: Floats, rank: Ints, pairs: Overlaps, rules: Footprints
) -> Nested:
    """Tell parts of roofs from towers on them; a tower may carry parts and towers of its own.

    Parameters
    ----------
    shapes, top_m, rank
        Shape (shapes,): valid polygons in metres; known heights, NaN elsewhere; which of two
        equally large ones is preferred: the lower, unique.
    pairs
        Pairs that share ground.
    rules
        ``contained_fraction`` and ``storey_height_m`` are read.
    """
    held = np.full(len(shapes), NOBODY, dtype=np.int64)
    among = np.arange(len(shapes))
    towers = podiums = [np.empty(0, dtype=np.int64)]
    while len(among):
        here = _within(pairs, among, len(shapes))
        holder = holders(shapes[among], rank[among], here, rules.contained_fraction)
        inside = np.flatnonzero(holder != NOBODY)
        inner, outer = among[inside], among[holder[inside]]
        stands = top_m[inner] - top_m[outer] >= rules.storey_height_m
        held[inner[~stands]] = outer[~stands]
        towers, podiums = [*towers, inner[stands]], [*podiums, outer[stands]]
        # What stands on the same roof may lie inside another that does.
        among = inner[stands]
    return Nested(held, np.concatenate(towers), np.concatenate(podiums))


def _within(pairs: Overlaps, among: Ints, count: int) -> Overlaps:
    """Return the pairs of which both are among some, by their position there."""
    place = np.full(count, NOBODY, dtype=np.int64)
    place[among] = np.arange(len(among))
    first, second = place[pairs.first], place[pairs.second]
    both = (first != NOBODY) & (second != NOBODY)
    low, high = np.minimum(first, second), np.maximum(first, second)
    return Overlaps(low[both], high[both], pairs.area_m2[both])


def without_towers(shapes: Geometries, found: Nested) -> Geometries:
    """Return the shapes less the ground of what stands on them."""
    podiums, position = np.unique(found.podium, return_inverse=True)
    left = shapes.copy()
    if len(podiums):
        # A building of several pieces may be a tower too.
        pieces, owner = shapely.get_parts(shapes[found.tower], return_index=True)
        ground = joined(pieces, position[owner], len(podiums))
        left[podiums] = shapely.difference(shapes[podiums], ground)
    return left


def shared_still(shapes: Geometries, pairs: Overlaps, found: Nested) -> Overlaps:
    """Return the pairs that share ground still, now that towers are taken from podiums."""
    cut = np.zeros(len(shapes), dtype=bool)
    cut[found.podium] = True
    again = np.flatnonzero(cut[pairs.first] | cut[pairs.second])
    area = pairs.area_m2.copy()
    first, second = shapes[pairs.first[again]], shapes[pairs.second[again]]
    area[again] = shapely.area(shapely.intersection(first, second))
    rest = area >= LEAST_SHARED_M2
    return Overlaps(pairs.first[rest], pairs.second[rest], area[rest])

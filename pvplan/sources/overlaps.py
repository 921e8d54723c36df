"""Footprints against each other: the same twice, one inside another, two that overlap."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

from pvplan.sources.cleaning import Flags, Geometries
from pvplan.tables import Floats, Ints

_DECIMALS: Final = 2  # of a metre: files that went through another program differ by less
LEAST_SHARED_M2: Final = 10.0 ** (-2 * _DECIMALS)
_QUERY_BLOCK: Final = 20_000
_THREADS: Final = 2
NOBODY: Final = -1
_MIXERS: Final = np.array([1_000_003, 998_244_353, 1_000_000_007, 1_000_000_009], dtype=np.int64)


@dataclass(frozen=True)
class Overlaps:
    """Pairs of footprints that share ground: ``first`` < ``second``, ``area_m2`` > 0."""

    first: Ints
    second: Ints
    area_m2: Floats

    def among(self, kept: Flags) -> Overlaps:
        """Return the pairs of which both are kept."""
        both = kept[self.first] & kept[self.second]
        return Overlaps(self.first[both], self.second[both], self.area_m2[both])


def twins(shapes: Geometries, rank: Ints) -> Ints:
    """Find footprints that are drawn more than once, to a centimetre.

    Parameters
    ----------
    shapes
        Valid polygons in metres.
    rank
        Which of several is preferred: the lowest, unique.

    Returns
    -------
    ndarray of int
        Position of the preferred twin; -1 for a footprint that is single or preferred.
    """
    found = np.full(len(shapes), NOBODY, dtype=np.int64)
    alike = np.flatnonzero(_share_their_bounds(shapes))
    if len(alike):
        twin = _twins(shapes[alike], rank[alike])
        found[alike] = np.where(twin == NOBODY, NOBODY, alike[twin])
    return found


def _share_their_bounds(shapes: Geometries) -> Flags:
    """Tell which footprints may be drawn more than once: bounds rounded are bounds of rounded."""
    sides = np.rint(np.round(shapely.bounds(shapes), _DECIMALS) * 10.0**_DECIMALS)
    # Four numbers in one: unlike bounds may meet in it, alike ones always do.
    key = (sides.astype(np.int64) * _MIXERS).sum(axis=1)
    order = np.argsort(key)
    same = np.flatnonzero(np.diff(key[order]) == 0)
    alike = np.zeros(len(shapes), dtype=np.bool_)
    alike[order[same]] = alike[order[same + 1]] = True
    return alike


def _twins(shapes: Geometries, rank: Ints) -> Ints:
    def rounded(places: Floats) -> Floats:
        return np.round(places, _DECIMALS) + 0.0  # no negative zero

    written = shapely.to_wkb(shapely.normalize(shapely.transform(shapes, rounded)))
    _, group = np.unique(np.asarray(written, dtype=object), return_inverse=True)
    by_rank = np.argsort(rank)
    best = np.full(int(group.max()) + 1, NOBODY, dtype=np.int64)
    best[group[by_rank[::-1]]] = by_rank[::-1]
    preferred = best[group]
    return np.where(preferred == np.arange(len(shapes)), NOBODY, preferred)


def overlapping(shapes: Geometries, least_m2: float = LEAST_SHARED_M2) -> Overlaps:
    """Find every pair that shares ground, by a spatial index.

    Parameters
    ----------
    shapes
        Valid polygons in metres.
    least_m2
        Pairs that share less count as apart.

    Returns
    -------
    Overlaps
        Pairs whose common area does not vanish at the precision of a square centimetre.
    """
    tree = shapely.STRtree(shapes)
    if len(shapes):
        tree.query(shapes[0])  # the tree is built at its first question, which one thread must ask

    def met(start: int) -> tuple[Ints, Ints, Floats]:
        block = shapes[start : start + _QUERY_BLOCK]
        first, second = tree.query(block, predicate="intersects")
        first = first + start
        once = first < second
        first, second = first[once], second[once]
        common = shapely.area(shapely.intersection(shapes[first], shapes[second]))
        real = common >= least_m2
        return first[real], second[real], common[real]

    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(met, range(0, len(shapes), _QUERY_BLOCK)))
    if not found:
        return Overlaps(*(np.empty(0, dtype=np.int64),) * 2, np.empty(0))
    return Overlaps(*(np.concatenate(column) for column in zip(*found, strict=True)))


def holders(shapes: Geometries, rank: Ints, pairs: Overlaps, fraction: float) -> Ints:
    """Find footprints that lie inside a larger one that is itself kept.

    Parameters
    ----------
    shapes
        Valid polygons in metres.
    rank
        Which of two equally large ones is preferred: the lower, unique.
    pairs
        Pairs that share ground.
    fraction
        Share of a footprint's area that must be covered.

    Returns
    -------
    ndarray of int
        Position of the footprint that holds it; -1 where it lies inside none.
    """
    area = shapely.area(shapes)
    place = np.empty(len(shapes), dtype=np.int64)
    place[np.lexsort((rank, -np.round(area, _DECIMALS)))] = np.arange(len(shapes))
    first_is_larger = place[pairs.first] < place[pairs.second]
    outer = np.where(first_is_larger, pairs.first, pairs.second)
    inner = np.where(first_is_larger, pairs.second, pairs.first)
    inside = pairs.area_m2 >= fraction * area[inner]
    outer, inner = outer[inside], inner[inside]
    order = np.lexsort((place[outer], place[inner]))
    held = np.full(len(shapes), NOBODY, dtype=np.int64)
    # Largest first, so that whether the holder is kept is settled before it is asked.
    for small, large in zip(inner[order], outer[order], strict=True):
        if held[small] == NOBODY and held[large] == NOBODY:
            held[small] = large
    return held

"""A made-up city of street blocks: sheds and small buildings that do not overlap, in metres.

Every block is a lattice of plots, turned a little; every building stays inside its plot, so none
overlaps another whatever the count. One block in four holds sheds, the others small buildings;
together about 1 600 buildings to the square kilometre. All is drawn as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

PITCH_M = (344.0, 262.0)  # of the blocks, streets included: a turned block fits inside
BLOCK_M = (300.0, 200.0)
MOST_TURN_DEG = 8.0
SHEDS = ((3, 5), (3, 7), (4, 4), (8, 5))  # plots along and across a block
HOUSES = ((14, 9), (16, 10), (18, 12), (20, 11))
SHED_SHARE = 0.25
TOWER_SHARE = 0.002

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Outlines in the unit square; a hole is cut from the last kind. Shares of each kind.
_OUTLINES: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0, 0), (1, 0), (1, 1), (0, 1)),
    ((0, 0), (1, 0), (1, 0.45), (0.5, 0.45), (0.5, 1), (0, 1)),
    ((0, 0), (1, 0), (1, 1), (0.7, 1), (0.7, 0.4), (0.3, 0.4), (0.3, 1), (0, 1)),
    ((0.3, 0), (0.7, 0), (0.7, 0.5), (1, 0.5), (1, 1), (0, 1), (0, 0.5), (0.3, 0.5)),
    ((0, 0), (1, 0), (1, 1), (0, 1)),
)
_SHARES = (0.70, 0.15, 0.07, 0.05, 0.03)
_COURT = ((0.35, 0.35), (0.35, 0.65), (0.65, 0.65), (0.65, 0.35))


@dataclass(frozen=True)
class Blocks:
    """Buildings of a city; one entry each.

    ``shapes`` polygons in metres about the middle of the city, ``shed`` flags, ``height_m``, and
    half the width and height of the ground that the blocks cover.
    """

    shapes: npt.NDArray[np.object_]
    shed: npt.NDArray[np.bool_]
    height_m: Floats
    half_m: tuple[float, float]


def draw(count: int, seed: int = 7) -> Blocks:
    """Draw ``count`` buildings, block after block from the middle of the city outward."""
    rng = np.random.default_rng(seed)
    places = _block_places(count, rng)
    is_shed = rng.random(len(places)) < SHED_SHARE
    kind = rng.integers(len(SHEDS), size=len(places))
    plots = np.where(is_shed[:, None], np.array(SHEDS)[kind], np.array(HOUSES)[kind])
    number = plots.prod(axis=1)
    enough = int(np.searchsorted(np.cumsum(number), count)) + 1
    places, is_shed, plots, number = (v[:enough] for v in (places, is_shed, plots, number))
    turn = np.radians(rng.uniform(-MOST_TURN_DEG, MOST_TURN_DEG, enough))
    block = np.repeat(np.arange(enough), number)
    within = np.arange(len(block)) - np.repeat(np.cumsum(number) - number, number)
    block, within = block[:count], within[:count]
    plot_m = np.array(BLOCK_M) / plots[block]
    column, row = within % plots[block, 0], within // plots[block, 0]
    size = plot_m * rng.uniform(0.62, 0.92, (count, 2))
    size = np.where(is_shed[block, None], np.clip(size, 20.0, 120.0), np.clip(size, 8.0, 25.0))
    corner = (np.stack([column, row], axis=1) + 0.5) * plot_m - np.array(BLOCK_M) / 2 - size / 2
    shapes = _polygons(corner, size, turn[block], places[block], rng)
    tower = rng.random(count) < TOWER_SHARE
    # Neighbours are alike: in two real towns the heights of eight neighbours differ by half as much
    # as those of the whole town (standard deviations).
    of_block = np.where(is_shed, rng.uniform(7.0, 15.0, enough), rng.uniform(6.0, 19.0, enough))
    own = np.where(is_shed[block], rng.uniform(-2.5, 2.5, count), rng.uniform(-4.0, 4.0, count))
    height = np.maximum(of_block[block] + own, 4.0)
    height = np.where(tower, rng.uniform(30.0, 60.0, count), height).round(1)
    reach = np.abs(places).max(axis=0) + np.array(PITCH_M) / 2
    return Blocks(shapes, is_shed[block], height, (float(reach[0]), float(reach[1])))


def _block_places(count: int, rng: np.random.Generator) -> Floats:
    """Return the middles of enough blocks, nearest the middle of the city first."""
    fewest = 100.0  # buildings to a block, well below the mean
    side = int(np.ceil(np.sqrt(count / fewest))) + 3
    columns = int(np.ceil(side * np.sqrt(PITCH_M[1] / PITCH_M[0]))) + 1
    rows = int(np.ceil(side * np.sqrt(PITCH_M[0] / PITCH_M[1]))) + 1
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    places = np.stack([x.ravel() - (columns - 1) / 2, y.ravel() - (rows - 1) / 2], axis=1)
    places = places * np.array(PITCH_M)
    far = np.abs(places).max(axis=1) + rng.uniform(0.0, 1e-3, len(places))
    return places[np.argsort(far)]


def _polygons(
    corner: Floats, size: Floats, turn: Floats, centre: Floats, rng: np.random.Generator
) -> npt.NDArray[np.object_]:
    count = len(corner)
    kind = rng.choice(len(_OUTLINES), size=count, p=_SHARES)
    flipped = rng.random(count) < 0.5
    shapes = np.empty(count, dtype=object)
    for number, outline in enumerate(_OUTLINES):
        at = np.flatnonzero(kind == number)
        rings = shapely.linearrings(
            _placed(np.array(outline), at, corner, size, turn, centre, flipped)
        )
        if number + 1 < len(_OUTLINES):
            shapes[at] = shapely.polygons(rings)
            continue
        courts = shapely.linearrings(
            _placed(np.array(_COURT), at, corner, size, turn, centre, flipped)
        )
        shapes[at] = shapely.polygons(rings, holes=courts[:, None])
    return shapes


def _placed(
    unit: Floats, at: Ints, corner: Floats, size: Floats, turn: Floats, centre: Floats,
    flipped: npt.NDArray[np.bool_],
) -> Floats:  # fmt: skip
    """Return rings of shape (n, points, 2): the unit outline brought to its plot."""
    share = np.where(flipped[at, None, None], 1.0 - unit[None], unit[None])
    local = corner[at, None] + share * size[at, None]
    cosine, sine = np.cos(turn[at])[:, None], np.sin(turn[at])[:, None]
    x = centre[at, None, 0] + cosine * local[..., 0] - sine * local[..., 1]
    y = centre[at, None, 1] + sine * local[..., 0] + cosine * local[..., 1]
    return np.stack([x, y], axis=-1)

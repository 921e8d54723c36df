"""How many roofs a second does the packer lay out, and how near is it to an exhaustive search?

``python -m benchmarks.packing`` prints JSON: roofs per second on one core with the full search of
candidates, and the time and modules of two grids of boxes on the same sheds. ``--exhaustive``
adds 300 random industrial shapes of each of ``--seeds`` against every angle, edge and phase.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from pvplan.assumptions import Layout, load
from pvplan.outlines import outlines
from pvplan.roof import arrangements, packing, rows, weather
from pvplan.tables import Floats

SHAPES = ("rectangle", "L", "U", "T", "H", "quadrilateral", "court")
ORIGIN = (350_000.0, 3_450_000.0)
LATITUDE = 31.2


def industrial(count: int, seed: int, setback_m: float = 1.0) -> np.ndarray[Any, Any]:
    """Return polygons of 12-200 m inside a setback, at any rotation; the kinds take turns."""
    rng = np.random.default_rng(seed)
    shapes: list[shapely.Geometry] = []
    while len(shapes) < count:
        whole = _industrial(SHAPES[len(shapes) % len(SHAPES)], rng)
        turn = rng.uniform(0.0, 180.0)
        moved = shapely.affinity.translate(shapely.affinity.rotate(whole, turn), *ORIGIN)
        inner = shapely.buffer(moved, -setback_m, join_style="mitre")
        if inner.area > 60.0:
            shapes.append(inner)
    return np.array(shapes, dtype=object)


def _industrial(kind: str, rng: np.random.Generator) -> shapely.Geometry:
    long, wide = rng.uniform(12.0, 200.0), rng.uniform(12.0, 100.0)
    a, b = rng.uniform(0.25, 0.6, 2)
    c, d = rng.uniform(0.15, 0.35, 2)
    if kind == "quadrilateral":
        shift = rng.uniform(0.0, 0.25, (4, 2)) * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + shift
        return shapely.Polygon(corners * [long, wide])
    # Parts cut from the unit square: west, south, east, north.
    cut = {
        "rectangle": [],
        "L": [(a, b, 1.0, 1.0)],
        "U": [(c, d, 1.0 - d, 1.0)],
        "T": [(0.0, 0.0, c, b), (1.0 - d, 0.0, 1.0, b)],
        "H": [(c, 0.0, 1.0 - d, c), (c, 1.0 - d, 1.0 - d, 1.0)],
        "court": [(c, c, 1.0 - d, 1.0 - d)],
    }[kind]
    scale = np.array([long, wide, long, wide])
    whole = shapely.box(0.0, 0.0, long, wide)
    for part in cut:
        whole = whole - shapely.box(*(np.array(part) * scale))
    return whole


def axes(shapes: np.ndarray[Any, Any]) -> tuple[Floats, Floats]:
    """Return centre and direction (radians) of the long side of the least rectangle around."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(shapes)).reshape(-1, 5, 2)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    longer = np.hypot(*first.T) >= np.hypot(*second.T)
    side = np.where(longer[:, None], first, second)
    return (corners[:, 0] + corners[:, 2]) / 2.0, np.arctan2(side[:, 1], side[:, 0]) % np.pi


# The exhaustive search -----------------------------------------------------------------------


def exhaustive(
    shape: shapely.Geometry,
    cells: list[tuple[float, float, float]],
    gap: float,
    angles: Floats,
    phases: int,
) -> int:
    """Return the most modules of uniform rows over all angles, edges and phases.

    ``cells``: length along the row, depth and pitch of each orientation. Each free interval of
    a row is filled on its own, as by the packer; written apart from it, in plain numpy.
    """
    points = shapely.get_coordinates(shape) - shapely.get_coordinates(shape.centroid)
    rings, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(shape)), return_index=True
    )
    step = np.flatnonzero(ring[1:] == ring[:-1])
    points = rings - shapely.get_coordinates(shape.centroid)
    begin, end = points[step], points[step + 1]
    edge = np.arctan2(*(end - begin).T[::-1])
    tried = np.unique(np.concatenate([angles, edge % np.pi, (edge + np.pi / 2) % np.pi]).round(9))
    best = 0
    for angle in tried:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        for along, depth, pitch in cells:
            best = max(best, _uniform(begin @ turn, end @ turn, along, depth, pitch, gap, phases))
    return best


def _uniform(
    begin: Floats, end: Floats, along: float, depth: float, pitch: float, gap: float, phases: int
) -> int:
    bottom, top = begin[:, 1].min(), begin[:, 1].max()
    lines = int((top - bottom) / pitch) + 1
    start = bottom + np.arange(lines) * pitch + np.arange(phases)[:, None] * pitch / phases
    cells = uniform_cells(begin, end, start.ravel(), along, depth, gap)
    return int(cells.reshape(start.shape).sum(axis=1).max())


def uniform_cells(
    begin: Floats, end: Floats, start: Floats, along: float, depth: float, gap: float
) -> np.ndarray[Any, Any]:
    """Return the modules of each band that begins at ``start``."""
    low, high = start[:, None] + 1e-6, start[:, None] + depth - 1e-6
    upward = (begin[:, 1] <= end[:, 1])[:, None]
    (u0, v0), (u1, v1) = np.where(upward, begin, end).T, np.where(upward, end, begin).T
    rise = v1 - v0
    slope = np.where(rise > 1e-9, (u1 - u0) / np.where(rise > 1e-9, rise, 1.0), 0.0)
    level = rise <= 1e-9
    left = np.where(level, u0, u0 + (np.clip(low, v0, v1) - v0) * slope)
    right = np.where(level, u1, u0 + (np.clip(high, v0, v1) - v0) * slope)
    apart = (v1 <= low) | (v0 >= high)
    middle = 0.5 * (low + high)
    crosses = ~apart & (v0 <= middle) & (middle < v1)
    least = np.where(apart, np.inf, np.minimum(left, right))
    most = np.where(apart, -np.inf, np.maximum(left, right))
    order = np.argsort(least, axis=1)
    least, most = np.take_along_axis(least, order, 1), np.take_along_axis(most, order, 1)
    inside = np.take_along_axis(crosses, order, 1).cumsum(axis=1)[:, :-1] % 2 == 1
    reach = np.maximum.accumulate(most, axis=1)[:, :-1]
    with np.errstate(invalid="ignore"):
        free = np.where(inside & np.isfinite(least[:, 1:]), least[:, 1:] - reach, 0.0)
    fit = np.floor((free + gap + 1e-6) / (along + gap)).astype(np.int64)
    return np.where(free > 0.0, fit, 0).sum(axis=1)


def open_layout(layout: Layout) -> Layout:
    """Return the layout without breaks, walkways and least sizes."""
    return replace(
        layout, max_block_m=1e5, walkway_every_m=1e5, min_run_modules=1, min_array_modules=1,
        racked_tilts_deg=(10.0,),
    )  # fmt: skip


def against_exhaustive(
    shapes: np.ndarray[Any, Any], step_deg: float, phases: int
) -> tuple[Floats, Floats]:
    """Return the modules of the packer and of the exhaustive search on each shape."""
    defaults = load()
    layout = open_layout(defaults.layout)
    rules = replace(layout.flat_concrete, mountings=("racked",))
    count = len(shapes)
    centre, axis = axes(shapes)
    kinds = arrangements.kinds_of(rules, layout, defaults.module, 0.0)
    outline = outlines(shapes)
    level = np.zeros(count)
    turn = arrangements.directions(outline, axis, True, level, layout)
    depth = arrangements.depth_m(kinds, level, layout)
    elevation, azimuth = weather.solstice_sun(np.array([LATITUDE]), 9.0, 15.0)
    south = [
        packing.row_pitch(length, np.array([10.0]), np.array([180.0]), elevation, azimuth)[0]
        for length in kinds.slant_m
    ]
    pitch = np.where(np.isfinite(turn)[..., None], np.maximum(south, depth[0] + 0.4), np.nan)
    one = np.ones(pitch.shape)
    packed = rows.pack(
        outline, np.arange(count), centre, level - np.inf, level + np.inf, turn, depth, pitch,
        one, 0.0 * one, np.ones(count), kinds, rows.strips_of(rules, None, count), layout,
    )  # fmt: skip
    cells = [(kinds.along_m[k], depth[0, k], pitch[0, 0, k]) for k in range(2)]
    angles = np.radians(np.arange(0.0, 180.0, step_deg))
    best = [exhaustive(shape, cells, layout.module_gap_m, angles, phases) for shape in shapes]
    return packed.count.astype(float), np.array(best, dtype=float)


# The benchmarks ------------------------------------------------------------------------------


def sheds(count: int, seed: int = 11) -> tuple[np.ndarray[Any, Any], Floats, Floats]:
    """Return rectangles of 20-200 m by 20-80 m at any rotation, their centres and axes."""
    rng = np.random.default_rng(seed)
    long, wide = rng.uniform(20.0, 200.0, count), rng.uniform(20.0, 80.0, count)
    long, wide = np.maximum(long, wide), np.minimum(long, wide)
    axis = rng.uniform(0.0, np.pi, count)
    corner = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    local = corner * np.stack([long, wide], axis=1)[:, None]
    cosine, sine = np.cos(axis)[:, None], np.sin(axis)[:, None]
    x = cosine * local[..., 0] - sine * local[..., 1]
    y = sine * local[..., 0] + cosine * local[..., 1]
    centre = np.array(ORIGIN) + rng.uniform(0.0, 20_000.0, (count, 2))
    return shapely.polygons(np.stack([x, y], axis=-1) + centre[:, None]), centre, axis


class Sheet:
    """Flush rows on ridge roofs: two planes of each shed, two orientations."""

    def __init__(self, shapes: np.ndarray[Any, Any], centre: Floats, axis: Floats) -> None:
        defaults = load()
        self.layout, rules = defaults.layout, defaults.layout.metal_sheet
        slope = defaults.surfaces.metal_sheet_slope_deg
        self.kinds = arrangements.kinds_of(rules, self.layout, defaults.module, slope)
        count = len(shapes)
        self.outline = outlines(shapes)
        self.polygon = np.repeat(np.arange(count), 2)
        self.centre = np.repeat(centre, 2, axis=0)
        upper = np.arange(2 * count) % 2 == 0
        ridge = rules.ridge_setback_m
        self.low = np.where(upper, ridge, -np.inf)
        self.high = np.where(upper, np.inf, -ridge)
        self.turn = np.repeat(axis, 2)[:, None]
        self.depth = arrangements.depth_m(self.kinds, np.full(2 * count, slope), self.layout)
        none = np.full((2 * count, 1, len(self.kinds.tilt)), np.nan)
        self.pitch = arrangements.pitch_m(self.depth, none, self.kinds, self.layout)
        self.value = np.ones(self.pitch.shape)
        self.strips = rows.strips_of(rules, None, 2 * count)

    def pack(self) -> rows.Packed:
        """Lay out every plane."""
        return rows.pack(
            self.outline, self.polygon, self.centre, self.low, self.high, self.turn, self.depth,
            self.pitch, self.value, 0.0 * self.value, np.ones(len(self.polygon)), self.kinds,
            self.strips, self.layout,
        )  # fmt: skip


class Concrete(Sheet):
    """Racked rows of five tilts and east-west pairs on level roofs, up to four directions.

    The value is a plain yield: higher tilts and rows nearer to the equator give more.
    """

    def __init__(self, shapes: np.ndarray[Any, Any], centre: Floats, axis: Floats) -> None:
        defaults = load()
        self.layout, rules = defaults.layout, defaults.layout.flat_concrete
        self.kinds = arrangements.kinds_of(rules, self.layout, defaults.module, 0.0)
        count, level = len(shapes), np.zeros(len(shapes))
        self.outline, self.axis = outlines(shapes), axis
        self.polygon, self.centre = np.arange(count), centre
        self.low, self.high = level - np.inf, level + np.inf
        self.turn = self.directions()
        self.depth = arrangements.depth_m(self.kinds, level, self.layout)
        mounting = self.kinds.mounting
        azimuth = arrangements.facing(self.turn, level, level + 180.0, mounting)
        self.pitch = arrangements.pitch_m(
            self.depth, self.solstice(azimuth), self.kinds, self.layout
        )
        south = np.cos(np.radians(azimuth - 180.0))
        pair = np.array(mounting) == "east_west"
        self.value = np.where(pair, 0.99, 1.0 + 0.004 * self.kinds.tilt * south)
        self.strips = rows.strips_of(rules, None, count)

    def directions(self) -> Floats:
        """Return the directions tried."""
        level = np.zeros(len(self.axis))
        return arrangements.directions(self.outline, self.axis, True, level, self.layout)

    def solstice(self, azimuth: Floats) -> Floats:
        """Return the pitch of the solstice rule."""
        elevation, sun = weather.solstice_sun(np.array([LATITUDE]), 9.0, 15.0)
        pitch = np.full(azimuth.shape, np.nan)
        for k, (tilt, slant) in enumerate(zip(self.kinds.tilt, self.kinds.slant_m, strict=True)):
            known = np.isfinite(azimuth[..., k])
            given = azimuth[..., k][known]
            flat = np.full(len(given), tilt)
            pitch[..., k][known] = packing.row_pitch(slant, flat, given, elevation, sun)
        return pitch


def boxes_one_by_one(shape: shapely.Geometry, angle: float, phases: int, gap: float) -> int:
    """Return the most modules of a plain grid: a loop over boxes, tested one at a time."""
    flat = shapely.affinity.rotate(shape, -np.degrees(angle), origin=(0.0, 0.0))
    shapely.prepare(flat)
    west, south, east, north = flat.bounds
    best = 0
    for along, depth in SIZES:
        for phase in np.arange(phases) / phases * (depth + gap):
            count = 0
            y = south + phase
            while y + depth <= north:
                x = west
                while x + along <= east:
                    count += bool(shapely.contains(flat, shapely.box(x, y, x + along, y + depth)))
                    x += along + gap
                y += depth + gap
            best = max(best, count)
    return best


def boxes_at_once(shape: shapely.Geometry, angle: float, phases: int, gap: float) -> int:
    """Return the same by arrays of boxes."""
    flat = shapely.affinity.rotate(shape, -np.degrees(angle), origin=(0.0, 0.0))
    shapely.prepare(flat)
    west, south, east, north = flat.bounds
    best = 0
    for along, depth in SIZES:
        for phase in np.arange(phases) / phases * (depth + gap):
            x, y = np.meshgrid(
                np.arange(west, east - along, along + gap),
                np.arange(south + phase, north - depth, depth + gap),
            )
            boxes = shapely.box(x, y, x + along, y + depth)
            best = max(best, int(shapely.contains(flat, boxes).sum()))
    return best


MODULE = load().module
SIZES = ((MODULE.width_m, MODULE.length_m), (MODULE.length_m, MODULE.width_m))


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the least processor time of a few runs."""
    spent = []
    for _ in range(repeats):
        begin = time.thread_time()
        work()
        spent.append(time.thread_time() - begin)
    return min(spent)


def against_boxes(count: int) -> dict[str, object]:
    """Compare one direction, two orientations and no strips with grids of boxes."""
    shapes, centre, axis = sheds(count, seed=3)
    bare = Sheet(shapes, centre, axis)
    bare.layout = open_layout(bare.layout)
    bare.polygon, bare.centre, bare.turn = np.arange(count), centre, axis[:, None]
    bare.low, bare.high = np.full(count, -np.inf), np.full(count, np.inf)
    bare.depth = np.tile(bare.kinds.slant_m, (count, 1))
    bare.pitch = bare.depth[:, None, :] + bare.layout.module_gap_m
    bare.value = np.ones(bare.pitch.shape)
    bare.strips = rows.strips_of(bare.layout.flat_concrete, None, count)
    gap = bare.layout.module_gap_m
    found = bare.pack().count
    ours = seconds(bare.pack, 20)
    counts: dict[str, list[int]] = {"loop": [], "arrays": []}
    grids = {"loop": boxes_one_by_one, "arrays": boxes_at_once}
    spent = {}
    for name, grid in grids.items():
        begin = time.thread_time()
        counts[name] = [grid(s, a, 10, gap) for s, a in zip(shapes, axis, strict=True)]
        spent[name] = time.thread_time() - begin
    return {
        "sheds": count,
        "modules": int(found.sum()),
        "microseconds_per_shed": round(ours / count * 1e6, 2),
        **{
            f"{name}_grid": {
                "modules": int(np.sum(counts[name])),
                "sheds_with_more_modules_than_ours": int((np.array(counts[name]) > found).sum()),
                "milliseconds_per_shed": round(spent[name] / count * 1e3, 3),
                "times_slower": round(spent[name] / ours),
            }
            for name in grids
        },
    }


def speed(count: int) -> dict[str, object]:
    """Return roofs per second on one core, by form, and the time of one hall of 100 x 60 m."""
    shapes, centre, axis = sheds(count)
    mixed = industrial(count, 21)
    cases = {
        "sheds, metal sheet": Sheet(shapes, centre, axis),
        "sheds, flat concrete": Concrete(shapes, centre, axis),
        "L U T H courts, metal sheet": Sheet(mixed, *axes(mixed)),
        "L U T H courts, flat concrete": Concrete(mixed, *axes(mixed)),
    }
    found: dict[str, object] = {}
    for name, case in cases.items():
        case.pack()
        spent = seconds(case.pack)
        if isinstance(case, Concrete):
            spent += seconds(case.directions)
        found[name] = {"roofs_per_second": round(count / spent),
                       "microseconds_per_roof": round(spent / count * 1e6, 1)}  # fmt: skip
    angle = np.linspace(0.0, 3.0, 500)
    hall = [shapely.affinity.rotate(shapely.box(0, 0, 100, 60), a, use_radians=True) for a in angle]
    halls = np.array(hall, dtype=object)
    for name, kind in (("metal sheet", Sheet), ("flat concrete", Concrete)):
        case = kind(halls, np.tile([50.0, 30.0], (500, 1)), angle)
        found[f"100 x 60 m, {name}, milliseconds"] = round(seconds(case.pack) / 500 * 1e3, 4)
    return found


def shares(count: int, phases: int, seed: int) -> dict[str, object]:
    """Compare the packer with every degree, edge direction and phase on random shapes."""
    found, best = against_exhaustive(industrial(count, seed), 1.0, phases)
    share = found / np.maximum(best, 1.0)
    below = np.flatnonzero(share < 0.99)
    return {
        "shapes": count,
        "total_share": round(float(found.sum() / best.sum()), 4),
        "mean_share": round(float(share.mean()), 4),
        "min_share": round(float(share.min()), 4),
        "below_99_percent": [f"{SHAPES[i % len(SHAPES)]} {i}: {found[i]:.0f} of {best[i]:.0f}"
                             for i in below],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roofs", type=int, default=3_000)
    parser.add_argument("--boxes", type=int, default=20)
    parser.add_argument("--exhaustive", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5])
    parser.add_argument("--phases", type=int, default=20)
    options = parser.parse_args()
    result: dict[str, object] = {
        "speed": speed(options.roofs), "boxes": against_boxes(options.boxes),
    }  # fmt: skip
    if options.exhaustive:
        result["exhaustive"] = {
            f"seed {seed}": shares(300, options.phases, seed) for seed in options.seeds
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

"""Rows of modules: exact on rectangles, inside every shape, and near the best there is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.packing import against_exhaustive, axes, industrial, open_layout, uniform_cells
from pvplan.assumptions import Assumptions, FormLayout, Layout, load
from pvplan.outlines import outlines
from pvplan.roof import arrangements, rows
from pvplan.roof.arrangements import Kinds
from pvplan.roof.rows import Packed, Placed, Strips
from pvplan.tables import Floats
from tests.conftest import examples

Shapes = np.ndarray[Any, Any]
seeds = st.integers(0, 2**32 - 1)
FAR = np.array([350_000.0, 3_450_000.0])


@cache
def defaults() -> Assumptions:
    return load()


def flush(layout: Layout | None = None) -> tuple[Layout, FormLayout, Kinds]:
    """The open layout, and flush modules on a level roof, portrait and landscape."""
    chosen = open_layout(defaults().layout) if layout is None else layout
    rules = replace(chosen.metal_sheet, skylight_every_m=0.0, skylight_width_m=0.0)
    return chosen, rules, arrangements.kinds_of(rules, chosen, defaults().module, 0.0)


class Case:
    """Some shapes, the directions of their rows, and what the packer finds."""

    def __init__(
        self,
        shapes: Shapes,
        turn: Floats,
        layout: Layout,
        rules: FormLayout,
        kinds: Kinds,
        strips: Strips | None = None,
        low: float = -np.inf,
        high: float = np.inf,
        pitch: Floats | None = None,
        value: Floats | None = None,
        thorough: bool = False,
    ) -> None:
        count = len(shapes)
        self.shapes, self.turn, self.kinds, self.layout = (
            shapes,
            turn.reshape(count, -1),
            kinds,
            layout,
        )
        self.outline = outlines(shapes)
        self.low, self.high = np.full(count, low), np.full(count, high)
        boxes = shapely.bounds(shapes)
        middle = 0.5 * (boxes[:, :2] + boxes[:, 2:])
        self.centre = np.where(np.isfinite(middle), middle, 0.0)
        self.depth = arrangements.depth_m(kinds, np.zeros(count), layout)
        missing = np.full((*self.turn.shape, len(kinds.tilt)), np.nan)
        given_pitch = np.where(
            np.array(kinds.mounting) == "racked", 3.2, np.nan
        ) + 0.0 * np.nan_to_num(missing)
        self.pitch = (
            arrangements.pitch_m(self.depth, given_pitch, kinds, layout) if pitch is None else pitch
        )
        self.strips = rows.strips_of(rules, None, count) if strips is None else strips
        self.value = np.ones(self.pitch.shape) if value is None else value
        self.packed = self.pack(thorough)

    def pack(self, thorough: bool = False) -> Packed:
        return rows.pack(
            self.outline, np.arange(len(self.shapes)), self.centre, self.low, self.high, self.turn,
            self.depth, self.pitch, self.value, np.zeros(self.value.shape),
            np.ones(len(self.depth)), self.kinds, self.strips, self.layout, thorough,
        )  # fmt: skip

    def placed(self, p: int) -> Placed:
        """The modules of the chosen arrangement of one plane."""
        d, k = self.packed.direction[p], self.packed.kind[p]
        return rows.modules(
            self.outline, p, self.centre[p], self.low[p], self.high[p], self.turn[p, d],
            self.depth[p, k], self.pitch[p, d, k], self.kinds.along_m[k],
            int(self.kinds.cell_modules[k]), self.strips, p, self.layout,
        )  # fmt: skip

    def local(self, p: int) -> Floats:
        """Corners of the modules in the frame (u, v) about the centre."""
        turn = self.turn[p, self.packed.direction[p]]
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return (self.placed(p).corners - self.centre[p]) @ spin

    def check(self) -> int:
        """Every module lies inside, none overlaps, their number is the counted one."""
        total = 0
        for p in np.flatnonzero(self.packed.count):
            boxes = shapely.polygons(self.placed(p).corners)
            assert len(boxes) == self.packed.count[p]
            outside = shapely.difference(boxes, self.shapes[p].buffer(1e-5, join_style="mitre"))
            assert shapely.area(outside).max() < 1e-9, self.shapes[p].wkt
            first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
            other = first < second
            shared = shapely.area(shapely.intersection(boxes[first[other]], boxes[second[other]]))
            assert shared.max(initial=0.0) < 1e-5
            total += len(boxes)
        return total


def turned(shapes: Shapes, angles: Floats) -> Shapes:
    pairs = zip(shapes, np.degrees(angles), strict=True)
    moved = [shapely.affinity.rotate(shape, angle, origin=(0, 0)) for shape, angle in pairs]
    return np.array([shapely.affinity.translate(shape, *FAR) for shape in moved], dtype=object)


def ragged(rng: np.random.Generator) -> shapely.Geometry:
    """One of many nasty shapes: stars, needles, holes, many parts, rings that touch themselves."""
    kind = rng.integers(6)
    around = np.sort(rng.uniform(0.0, 2.0 * np.pi, rng.integers(3, 14)))
    radius = rng.uniform(2.0, 30.0, len(around))
    star = shapely.Polygon(np.stack([radius * np.cos(around), radius * np.sin(around)], axis=1))
    star = star if star.is_valid else star.buffer(0)
    if kind == 0:
        return shapely.Polygon([(0, 0), (60, rng.uniform(0, 1)), (60, rng.uniform(1.0, 3.0))])
    if kind == 1:
        # The hole touches the exterior in one point; the two parts of a bow tie in another.
        apex = rng.uniform(8.0, 30.0)
        hole = [(0, 0), (10, 12), (-10, 12)]
        return shapely.Polygon([(-40, -0.0), (0, 0), (40, 0), (apex, 40), (-40, 40)], [hole])
    if kind == 2:
        tie = [
            shapely.Polygon([(0, 0), (20, -9), (25, 11)]),
            shapely.Polygon([(0, 0), (-30, -7), (-22, 16)]),
        ]
        return shapely.MultiPolygon(tie)
    holes = shapely.union_all(
        shapely.buffer(
            shapely.points(rng.uniform(-20, 20, (4, 2))), rng.uniform(0.05, 4.0, 4), quad_segs=3
        )
    )
    if kind == 3:
        return shapely.box(-28, -17, 30, 19) - holes
    if kind == 4:
        other = shapely.affinity.translate(star, 70.0, rng.uniform(-20, 20))
        return shapely.union(star, other) - holes
    return star


# ------------------------------------------------------------------------------------ rectangles


@given(seeds)
@examples(40)
def test_rectangles_hold_exactly_the_product_of_floors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout, rules, kinds = flush()
    gap, count = layout.module_gap_m, 40
    size = rng.uniform(1.0, 150.0, (count, 2))
    # Half of them fit to the last micrometre.
    exact = rng.integers(1, 30, (count, 2)) * (np.array([1.134, 2.382]) + gap) - gap
    size = np.where(np.arange(count)[:, None] % 2 == 0, size, exact)
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    case = Case(turned(shapely.box(0, 0, *size.T), angle), angle, layout, rules, kinds)
    expected = [
        np.floor((size[:, 0] + gap) / (kinds.along_m[k] + gap) + 1e-7)
        * np.floor((size[:, 1] + gap) / (kinds.slant_m[k] + gap) + 1e-7)
        for k in range(2)
    ]
    assert case.packed.count.tolist() == np.max(expected, axis=0).tolist()


def test_a_hall_of_100_by_60_metres() -> None:
    layout, rules, kinds = flush()
    case = Case(np.array([shapely.box(0, 0, 100, 60)]), np.zeros(1), layout, rules, kinds)
    assert case.packed.count[0] == max(86 * 24, 41 * 52)
    assert (case.packed.kind[0], case.packed.row_count[0]) == (1, 52)
    assert (case.packed.runner_kind[0], case.packed.runner_count[0]) == (0, 86 * 24)
    assert case.check() == 41 * 52


# ------------------------------------------------------------------------------------ inside


@given(seeds)
@examples(25)
def test_every_module_lies_inside_and_none_overlaps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout, rules, kinds = flush()
    shapes = turned(np.array([ragged(rng) for _ in range(12)]), rng.uniform(0, 6.0, 12))
    Case(shapes, rng.uniform(0.0, 6.0, (12, 2)), layout, rules, kinds).check()


@given(seeds)
@examples(12)
def test_pairs_and_racked_rows_lie_inside_by_the_default_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout = defaults().layout
    rules = layout.flat_concrete
    kinds = arrangements.kinds_of(rules, layout, defaults().module, 0.0)
    shapes = turned(np.array([ragged(rng) for _ in range(12)]), rng.uniform(0, 6.0, 12))
    case = Case(shapes, rng.uniform(0.0, 6.0, (12, 2)), layout, rules, kinds)
    case.check()
    for p in np.flatnonzero(case.packed.count):
        side = case.placed(p).side
        assert side.sum() == 0
        assert (case.kinds.cell_modules[case.packed.kind[p]] == 2) == (side != 0).all()


def test_obstructions_stay_free() -> None:
    layout, rules, kinds = flush()
    posts = shapely.union_all(
        shapely.buffer(shapely.points(np.arange(5) * 7.0, np.arange(5) * 3.0), 1.0)
    )
    roof = shapely.box(-10, -10, 40, 25)
    case = Case(np.array([roof - posts]), np.array([0.3]), layout, rules, kinds)
    boxes = shapely.polygons(case.placed(0).corners)
    assert case.check() > 300
    assert shapely.area(shapely.intersection(boxes, posts)).max() < 1e-4


# ------------------------------------------------------------------------------------ strips


def blocks(low: Floats, high: Floats, apart: float) -> Floats:
    """Lengths of the runs of intervals that lie less than ``apart`` from each other."""
    order = np.argsort(low)
    reach = np.maximum.accumulate(high[order])
    new = np.concatenate([[True], low[order][1:] - reach[:-1] > apart - 1e-5])
    begin = np.flatnonzero(new)
    end = np.concatenate([begin[1:], [len(low)]]) - 1
    return reach[end] - low[order][begin]


@given(seeds)
@examples(10)
def test_blocks_walkways_skylights_and_teeth_are_kept(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout = defaults().layout
    kinds = arrangements.kinds_of(layout.metal_sheet, layout, defaults().module, 0.0)
    count, pitch, share = 6, 8.0, 0.75
    shapes = industrial(count, seed % 10_000)
    strips = replace(
        rows.strips_of(layout.metal_sheet, None, count),
        tooth_pitch_m=np.where(np.arange(count) % 2 == 0, pitch, 0.0),
        tooth_fraction=np.full(count, share),
    )
    angle = np.where(rng.random(count) < 0.5, axes(shapes)[1], rng.uniform(0, 3, count))
    case = Case(shapes, angle, layout, layout.metal_sheet, kinds, strips)
    case.check()
    for p in np.flatnonzero(case.packed.count):
        corners = case.local(p)
        (u0, v0), (u1, v1) = corners.min(axis=1).T, corners.max(axis=1).T
        assert blocks(u0, u1, layout.fire_break_width_m).max() <= layout.max_block_m + 1e-4
        assert blocks(v0, v1, layout.walkway_width_m).max() <= layout.walkway_every_m + 1e-4
        every, width = strips.skylight_every_m[p], strips.skylight_width_m[p]
        nearest = every * (np.floor(0.5 * (u0 + u1) / every) + 0.5)
        assert np.maximum(u0 - nearest, nearest - u1).min() >= 0.5 * width - 1e-5
        if strips.tooth_pitch_m[p]:
            tooth = np.floor(0.5 * (v0 + v1) / pitch)
            assert (v0 - tooth * pitch).min() >= 0.5 * (1 - share) * pitch - 1e-5
            assert (v1 - tooth * pitch).max() <= (1 - 0.5 * (1 - share)) * pitch + 1e-5


def test_rows_wider_apart_than_a_walkway_need_none() -> None:
    layout = replace(defaults().layout, max_block_m=500.0)
    rules = replace(layout.flat_concrete, mountings=("racked",))
    layout = replace(layout, racked_tilts_deg=(10.0,), module_orientations=("portrait",))
    kinds = arrangements.kinds_of(rules, layout, defaults().module, 0.0)
    hall = np.array([shapely.box(0, 0, 30, 60)])
    depth = kinds.slant_m[0] * np.cos(np.radians(10.0))
    # Without walkways 60 m hold 24 rows at gaps of 0.1 m; four rows and a walkway take 10.29 m.
    for gap, lines in ((0.7, 19), (0.1, 23)):
        pitch = np.full((1, 1, 1), depth + gap)
        case = Case(hall, np.zeros(1), layout, rules, kinds, pitch=pitch)
        assert case.packed.row_count[0] == lines


def with_walkways(length: float, depth: float, gap: float, layout: Layout) -> int:
    """Rows in a length by hand: whole groups first, then what is left."""
    if length <= layout.walkway_every_m:
        return int((length + gap) / (depth + gap) + 1e-6)
    lines = int((layout.walkway_every_m + gap) / (depth + gap) + 1e-6)
    unit = lines * (depth + gap) - gap + layout.walkway_width_m
    groups = int((length + layout.walkway_width_m) / unit + 1e-6)
    rest = int(max(length - groups * unit + gap, 0.0) / (depth + gap) + 1e-6)
    return groups * lines + min(rest, lines)


@given(seeds)
@examples(20)
def test_a_wall_that_is_not_quite_straight_costs_no_row(seed: int) -> None:
    """Corners of real footprints are off by micrometres to centimetres."""
    rng = np.random.default_rng(seed)
    layout = replace(defaults().layout, max_block_m=1e5)
    layout, rules, kinds = flush(layout)
    gap, count = layout.module_gap_m, 6
    size = rng.uniform(15.0, 120.0, (count, 2))
    corners = shapely.get_coordinates(shapely.box(0, 0, *size.T)).reshape(count, 5, 2)
    middle = corners[:, :4].mean(axis=1, keepdims=True)
    noise = 10.0 ** rng.uniform(-5.0, np.log10(0.05), (count, 1, 1)) * rng.random((count, 4, 2))
    ragged_walls = corners[:, :4] + np.sign(corners[:, :4] - middle) * noise
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    case = Case(turned(shapely.polygons(ragged_walls), angle), angle, layout, rules, kinds)
    expected = [
        np.floor((size[:, 0] + gap) / (kinds.along_m[k] + gap))
        * [with_walkways(length, kinds.slant_m[k], gap, layout) for length in size[:, 1]]
        for k in range(2)
    ]
    assert (case.packed.count >= 0.995 * np.max(expected, axis=0)).all()


@given(seeds)
@examples(20)
def test_walkways_in_rectangles_are_where_they_cost_least(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout, rules, kinds = flush(replace(defaults().layout, max_block_m=1e5))
    gap, count = layout.module_gap_m, 10
    size = rng.uniform(11.0, 150.0, (count, 2))
    case = Case(np.array(shapely.box(0, 0, *size.T)), np.zeros(count), layout, rules, kinds)
    expected = [
        np.floor((size[:, 0] + gap) / (kinds.along_m[k] + gap) + 1e-7)
        * [with_walkways(length, kinds.slant_m[k], gap, layout) for length in size[:, 1]]
        for k in range(2)
    ]
    assert case.packed.count.tolist() == np.max(expected, axis=0).tolist()


# ------------------------------------------------------------------------------------ limits


def test_limits_cut_a_ridge_roof_in_two() -> None:
    layout, rules, kinds = flush()
    hall = turned(np.array([shapely.box(-50, -15, 50, 15)]), np.array([0.7]))
    both = [Case(hall, np.array([0.7]), layout, rules, kinds, low=low, high=high)
            for low, high in ((0.3, np.inf), (-np.inf, -0.3))]  # fmt: skip
    gap = layout.module_gap_m
    expected = max(
        int((100 + gap) / (a + gap)) * int((14.7 + gap) / (b + gap))
        for a, b in zip(kinds.along_m, kinds.slant_m, strict=True)
    )
    assert [case.packed.count[0] for case in both] == [expected, expected]
    assert both[0].local(0)[..., 1].min() >= 0.3 - 1e-5
    assert both[1].local(0)[..., 1].max() <= -0.3 + 1e-5


def test_nothing_where_nothing_is_allowed_or_too_little_fits() -> None:
    layout, rules, kinds = flush(defaults().layout)
    hall, small = shapely.box(0, 0, 30, 30), shapely.box(0, 0, 3.5, 2.4)
    shapes = np.array([None, shapely.Polygon(), hall, small, hall], dtype=object)
    pitch = np.full((5, 1, 2), 2.5)
    pitch[2] = np.inf
    turn = np.array([0.0, 0.0, 0.0, 0.0, np.nan])
    case = Case(shapes, turn, layout, rules, kinds, pitch=pitch)
    assert case.packed.kind.tolist() == [-1] * 5
    assert not case.packed.count.any() and not case.packed.score.any()
    assert (case.packed.runner_kind == -1).all()
    assert len(rows.modules(case.outline, 0, np.zeros(2), -np.inf, np.inf, 0.0, 2.4, 2.5, 1.1, 1,
                            case.strips, 0, layout).corners) == 0  # fmt: skip


def test_short_runs_are_dropped() -> None:
    layout, rules, kinds = flush()
    steps = shapely.union(shapely.box(0, 0, 1.2, 30), shapely.box(0, 0, 30, 10))
    loose = Case(np.array([steps]), np.zeros(1), layout, rules, kinds)
    strict = Case(np.array([steps]), np.zeros(1), replace(layout, min_run_modules=2), rules, kinds)
    assert strict.packed.count[0] < loose.packed.count[0]
    assert strict.local(0)[..., 1].max() <= 10.0 - 15.0 + 1e-5


# ------------------------------------------------------------------------------------ dominance


@given(seeds)
@examples(15)
def test_never_below_the_fixed_grids(seed: int) -> None:
    """Neither the boxes of a plain grid at the corner, nor uniform rows of any uniform phase."""
    rng = np.random.default_rng(seed)
    layout, rules, kinds = flush()
    gap = layout.module_gap_m
    shapes = np.array(
        [ragged(rng) if rng.random() < 0.5 else industrial(1, seed)[0] for _ in range(5)]
    )
    angle = rng.uniform(0.0, np.pi, len(shapes))
    case = Case(shapes, angle, layout, rules, kinds)
    for p, shape in enumerate(shapes):
        flat = shapely.affinity.rotate(shape, -np.degrees(angle[p]), origin=tuple(case.centre[p]))
        flat = shapely.affinity.translate(flat, *-case.centre[p])
        edges = outlines(np.array([flat])).edges
        left, bottom, right, top = flat.bounds
        for k in range(2):
            along, depth = kinds.along_m[k], kinds.slant_m[k]
            pitch = depth + gap
            x, y = np.meshgrid(np.arange(left, right, along + gap), np.arange(bottom, top, pitch))
            boxes = shapely.box(x, y, x + along, y + depth)
            assert case.packed.count[p] >= shapely.contains(flat, boxes).sum()
            phase = bottom + pitch * np.arange(rows.PHASES) / rows.PHASES
            lines = int((top - bottom) / pitch) + 1
            start = phase[:, None] + np.arange(lines) * pitch
            cells = uniform_cells(edges[:, :2], edges[:, 2:], start.ravel(), along, depth, gap)
            # Uniform rows stand a micrometre inside what the tolerances let the packer reach.
            assert case.packed.count[p] >= cells.reshape(start.shape).sum(axis=1).max()


def test_the_phase_changes_where_it_pays() -> None:
    """A hall with a step: three rows exactly below it, five exactly above."""
    layout, rules, kinds = flush(
        replace(open_layout(defaults().layout), module_orientations=("portrait",))
    )
    pitch = 2.382 + layout.module_gap_m
    low, high = 3 * pitch - 0.02, 3 * pitch + 0.9
    top = high + 5 * pitch - 0.02
    hall = shapely.Polygon(
        [(0, 0), (40, 0), (40, low), (20, low), (20, high), (50, high), (50, top), (0, top)]
    )
    case = Case(np.array([hall]), np.zeros(1), layout, rules, kinds)
    full = int(40.02 / 1.154) * 3 + int(50.02 / 1.154) * 5
    assert case.packed.count[0] == full


def test_near_the_exhaustive_search() -> None:
    """At least 99 % in total of the best over many angles, every edge and many phases."""
    packed, best = against_exhaustive(industrial(42, 5), 6.0, 12)
    share = packed / np.maximum(best, 1.0)
    print(f"of the exhaustive search: {packed.sum() / best.sum():.4f}, "
          f"mean {share.mean():.4f}, min {share.min():.4f}")  # fmt: skip
    assert packed.sum() >= 0.99 * best.sum()
    assert share.mean() >= 0.98


@pytest.mark.parametrize(
    ("seed", "chosen"),
    [
        (5, (0, 1, 2, 3, 4, 6, 61, 75, 124, 215, 236)),
        (101, (103, 150, 166)),
        (202, (26, 117)),
        (303, (63, 173, 201, 278)),
    ],
)
def test_each_shape_is_near_the_exhaustive_search(seed: int, chosen: tuple[int, ...]) -> None:
    """At least 99 % on each: one of every kind, and those of 4 x 300 that came nearest to it.

    61 of seed 5, 166 of 101 and 173 of 303 need rows along edges that differ by a few degrees
    from others; an H of seed 303 stays at 98.9 % (docs/physics/packing.md).
    """
    packed, best = against_exhaustive(industrial(300, seed)[list(chosen)], 1.0, 20)
    assert (packed >= 0.99 * best).all(), (packed, best)


def test_the_search_misses_less_than_half_a_percent() -> None:
    layout = defaults().layout
    rules = layout.flat_concrete
    kinds = arrangements.kinds_of(rules, layout, defaults().module, 0.0)
    shapes = industrial(140, 8, 1.5)
    axis = axes(shapes)[1]
    turn = np.stack([axis, axis + np.pi / 2, np.zeros(140)], axis=1)
    value = np.ones((140, 3, len(kinds.tilt))) * (1.0 + 0.004 * kinds.tilt)
    tilted = kinds.slant_m * (np.cos(np.radians(kinds.tilt)) + np.sin(np.radians(kinds.tilt)))
    pitch = arrangements.pitch_m(
        arrangements.depth_m(kinds, np.zeros(140), layout),
        np.broadcast_to(tilted, value.shape),
        kinds,
        layout,
    )
    quick = Case(shapes, turn, layout, rules, kinds, pitch=pitch, value=value)
    whole = quick.pack(thorough=True)
    assert (quick.packed.score >= 0.995 * whole.score).all()
    assert (quick.packed.runner_score <= quick.packed.score).all()
    assert quick.packed.runner_score.sum() >= 0.995 * whole.runner_score.sum()


# ------------------------------------------------------------------------------------ setbacks


def cells_at(
    shape: shapely.Geometry, turn: float, bottoms: Floats, kind: Kinds, gap: float
) -> Floats:
    """Cells of given rows, by the kernel itself."""
    edges: Floats = outlines(np.array([shape])).edges
    raw, e = np.empty((len(edges), 4)), np.empty((len(edges), 5))
    rows._turned(edges, *FAR, turn, raw)
    rows._sorted_edges(raw, e, np.empty(len(edges), dtype=np.int64))
    work = rows._scratch(len(edges), 1, len(bottoms))
    work.bands[: len(bottoms)] = bottoms
    cell = (kind.along_m[0], gap, 1)
    rows._cells_of_bands(e, len(bottoms), kind.slant_m[0], np.empty((1, 2)), 0, cell, work)
    cells: Floats = work.cells[: len(bottoms)].copy()
    return cells


@given(seeds)
@examples(60)
def test_given_rows_never_gain_from_a_larger_setback(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout, _, kinds = flush()
    shape = turned(np.array([ragged(rng)]), rng.uniform(0, 6, 1))[0]
    turn, bottoms = rng.uniform(0, 6), np.sort(rng.uniform(-80, 80, 200))
    before = np.full(200, 10**6)
    for setback in np.cumsum(rng.uniform(0.002, 0.6, 5)):
        inner = shapely.buffer(shape, -setback, join_style="mitre")
        now = cells_at(inner, turn, bottoms, kinds, layout.module_gap_m)
        assert (now <= before).all()
        before = now


def stairs(rng: np.random.Generator) -> shapely.Geometry:
    """A union of rectangles on a common base, less a rectangular court."""
    wide, tall = rng.uniform(4.0, 30.0, 4), rng.uniform(5.0, 40.0, 4)
    right = np.cumsum(wide)
    whole = shapely.union_all(shapely.box(right - wide, rng.uniform(-9, 0, 4), right, tall))
    court = shapely.box(
        right[0] + 2, 2, right[0] + 2 + rng.uniform(0.5, 9), 2 + rng.uniform(0.5, 9)
    )
    return whole - court


@given(seeds)
@examples(40)
def test_square_shapes_never_gain_from_a_larger_setback(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout, rules, kinds = flush()
    angle = rng.uniform(0, 6)
    whole = turned(np.array([stairs(rng)]), np.array([angle]))[0]
    setbacks = np.concatenate([[0.0], np.cumsum(rng.uniform(0.001, 0.3, 12))])
    shapes = shapely.buffer(whole, -setbacks, join_style="mitre")
    case = Case(shapes, np.full(len(shapes), angle), layout, rules, kinds)
    assert (np.diff(case.packed.count) <= 0).all()


@given(seeds)
@examples(40)
def test_no_shape_gains_from_a_setback_larger_by_a_quarter_metre(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout, rules, kinds = flush()
    whole = turned(np.array([ragged(rng)]), rng.uniform(0, 6, 1))[0]
    setbacks = np.concatenate([[0.0], np.cumsum(rng.uniform(0.25, 0.6, 8))])
    shapes = shapely.buffer(whole, -setbacks, join_style="mitre")
    turn = np.tile(rng.uniform(0, 6, 3), (len(shapes), 1))
    case = Case(shapes, turn, layout, rules, kinds)
    assert (np.diff(case.packed.count) <= 0).all(), case.packed.count


# ------------------------------------------------------------------------------------ batches


def test_order_and_company_change_no_bit() -> None:
    layout = defaults().layout
    rules = layout.flat_concrete
    kinds = arrangements.kinds_of(rules, layout, defaults().module, 0.0)
    shapes = np.concatenate(
        [
            industrial(21, 3),
            turned(
                np.array([ragged(np.random.default_rng(i)) for i in range(20)]), np.arange(20.0)
            ),
        ]
    )
    turn = np.random.default_rng(1).uniform(0, 3, (41, 2))
    whole = Case(shapes, turn, layout, rules, kinds).packed
    order = np.random.default_rng(2).permutation(41)
    mixed = Case(shapes[order], turn[order], layout, rules, kinds).packed
    alone = [
        Case(shapes[i : i + 1], turn[i : i + 1], layout, rules, kinds).packed for i in range(41)
    ]
    for name in (
        "direction",
        "kind",
        "count",
        "score",
        "row_count",
        "runner_kind",
        "runner_count",
        "runner_score",
    ):
        assert getattr(mixed, name).tolist() == getattr(whole, name)[order].tolist(), name
        assert [getattr(one, name)[0] for one in alone] == getattr(whole, name).tolist(), name


def test_planes_may_share_a_polygon() -> None:
    layout, rules, kinds = flush()
    hall = outlines(np.array([shapely.box(-20, -10, 20, 10), shapely.box(-5, -5, 5, 5)]))
    far = np.full(3, np.inf)
    many = rows.pack(
        hall, np.array([1, 0, 0]), np.zeros((3, 2)), -far, far, np.zeros((3, 1)),
        np.tile(kinds.slant_m, (3, 1)), np.tile(kinds.slant_m + 0.02, (3, 1, 1)),
        np.ones((3, 1, 2)), np.zeros((3, 1, 2)), np.ones(3), kinds,
        rows.strips_of(rules, None, 3), layout,
    )  # fmt: skip
    assert many.count[1] == many.count[2] > many.count[0] > 0


@pytest.mark.parametrize(("value", "kind"), [((1.0, 1.0), 1), ((1.2, 1.0), 0)])
def test_the_value_decides(value: tuple[float, float], kind: int) -> None:
    """By count landscape wins on the hall of 100 x 60 m; portrait when it is worth a fifth more."""
    layout, rules, kinds = flush()
    worth = np.array(value).reshape(1, 1, 2)
    case = Case(
        np.array([shapely.box(0, 0, 100, 60)]), np.zeros(1), layout, rules, kinds, value=worth
    )
    assert case.packed.kind[0] == kind
    assert case.packed.score[0] == pytest.approx(case.packed.count[0] * value[kind])


def test_cost_and_fixed_cost_make_the_score() -> None:
    layout, rules, kinds = flush()
    hall = outlines(np.array([shapely.box(0, 0, 100, 60)]))
    one = np.ones((1, 1, 2))
    far = np.full(1, np.inf)
    found = rows.pack(
        hall, np.zeros(1, dtype=np.int64), np.zeros((1, 2)), -far, far, np.zeros((1, 1)),
        kinds.slant_m[None], (kinds.slant_m + 0.02)[None, None], 700.0 * one,
        np.array([1800.0, 1900.0]).reshape(1, 1, 2), np.full(1, 20_000.0), kinds,
        rows.strips_of(rules, None, 1), layout,
    )  # fmt: skip
    assert found.kind[0] == 0
    assert found.score[0] == pytest.approx(2064 * 700 / (20_000 + 2064 * 1800))
    assert found.runner_score[0] == pytest.approx(2132 * 700 / (20_000 + 2132 * 1900))

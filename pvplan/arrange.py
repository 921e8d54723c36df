"""Planes of one roof form to arrays: which arrangements may be, what each is worth, the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pvplan.assumptions import Assumptions, Surfaces
from pvplan.city import economics
from pvplan.light import Light, Node
from pvplan.outlines import Outlines
from pvplan.roof import arrangements, packing, rows, structure
from pvplan.tables import Floats, Ints
from pvplan.yield_table import Arrays, Kind

Texts = npt.NDArray[Any]
NAN: Final = float("nan")


@dataclass(frozen=True)
class Task:
    """Planes of one form: arrays of shape (planes,) unless said otherwise.

    ``plane`` and ``roof`` are positions in the block; ``outline`` holds the usable polygon of
    every roof of the block; ``centre`` has shape (planes, 2); ``node`` is the position of the
    light node among ``nodes``; ``planes_of_roof`` counts those that may
    carry modules; ``unseen_fraction`` is what obstructions take that nobody drew.
    """

    form: str
    plane: Ints
    roof: Ints
    outline: Outlines
    slope: Floats
    azimuth: Floats
    axis_deg: Floats
    centre: Floats
    side: Ints
    convergence_deg: Floats
    equator_deg: Floats
    completed_on: npt.NDArray[Any]
    surveyed: Floats
    sun: packing.SolsticeSun
    node: Ints
    nodes: tuple[Node, ...]
    planes_of_roof: Ints
    unseen_fraction: Floats


@dataclass(frozen=True)
class Chosen:
    """Arrays with the plane that carries each, and what was said of the plane's choice.

    Shape (arrays,). ``arrays`` has no shading yet; ``runner_up`` names the second best
    arrangement ("" for none) and ``margin_fraction`` how much of the best score it lacks.
    """

    arrays: Arrays
    plane: Ints
    module_count: Ints
    gcr: Floats
    row_pitch_m: Floats
    mounting: Texts
    arrangement: Texts
    runner_up: Texts
    margin_fraction: Floats


def arrange(task: Task, light: Light, assumptions: Assumptions) -> Chosen:
    """Pack every plane with its best arrangement under the run's objective.

    Parameters
    ----------
    task
        Planes of one roof form.
    light
        What orientations yield.
    assumptions
        Layout, structure, module, finance.
    """
    laid, packed = choose(task, light, assumptions)
    return _arrays_of(task, laid, packed, assumptions)


def choose(task: Task, light: Light, assumptions: Assumptions) -> tuple[Candidates, rows.Packed]:
    """Return the candidates of every plane and the best of them."""
    layout = assumptions.layout
    laid = candidates(task, assumptions)
    low, high = limits(task, assumptions)
    packed = rows.pack(
        task.outline,
        task.roof,
        task.centre,
        low,
        high,
        laid.turn,
        laid.depth,
        laid.pitch,
        *_worth(task, laid, light, assumptions),
        laid.kinds,
        strips(task, assumptions),
        layout,
    )
    return laid, packed


@dataclass(frozen=True)
class Candidates:
    """What may be built on planes: kinds (K) times directions (D).

    ``turn`` (planes, D) is the direction of rows; ``azimuth`` (planes, D, K); ``depth``
    (planes, K); ``pitch`` (planes, D, K), not finite where an arrangement is not allowed.
    """

    kinds: arrangements.Kinds
    turn: Floats
    azimuth: Floats
    depth: Floats
    pitch: Floats


def candidates(task: Task, assumptions: Assumptions) -> Candidates:
    """Return every arrangement that form, structure and the solstice rule leave open."""
    layout, module = assumptions.layout, assumptions.module
    rules = layout.of(task.form)
    kinds = arrangements.kinds_of(rules, layout, module, float(task.slope[0]))
    level = task.slope[0] == 0.0
    axis = np.radians(task.axis_deg if level else _row_axis_deg(task))
    turn = arrangements.directions(
        _of_planes(task), axis, bool(level), task.convergence_deg, layout
    )
    shape = (len(task.plane), turn.shape[1], len(kinds.mounting))
    flush = np.array([mounting == "flush" for mounting in kinds.mounting])
    azimuth = np.where(
        flush,
        task.azimuth[:, None, None],
        arrangements.facing(turn, task.convergence_deg, task.equator_deg, kinds.mounting),
    )
    solstice = np.full(shape, NAN)
    racked = np.array([mounting == "racked" for mounting in kinds.mounting])
    if racked.any():
        tilt = np.radians(kinds.tilt)
        # All racked kinds face alike along a row: the shadow of a metre of height is theirs all.
        shadow = _longest_shadow(task, azimuth[:, :, int(np.argmax(racked))])
        rise = np.where(tilt > 0.0, np.sin(tilt) * shadow[:, :, None], 0.0)
        solstice = np.where(racked, kinds.slant_m * (np.cos(tilt) + rise), NAN)
    depth = arrangements.depth_m(kinds, task.slope, layout)
    pitch = arrangements.pitch_m(depth, solstice, kinds, layout)
    borne = structure.allowed(
        np.full(len(task.roof), task.form, dtype=object),
        task.completed_on,
        kinds.mounting,
        assumptions.structure,
        task.surveyed,
    )
    # Where nothing is borne the roof is packed all the same, and told as blocked.
    none: npt.NDArray[np.bool_] = ~np.asarray(borne.any(axis=1))
    borne = borne | none[:, None]
    pitch = np.where(borne[:, None, :], pitch, np.inf)
    return Candidates(kinds, turn, azimuth, depth, pitch)


def _row_axis_deg(task: Task) -> Floats:
    """Return the direction of rows on slopes: across the fall line, along the axis or square."""
    fall = 90.0 - (task.azimuth - task.convergence_deg)
    away = np.abs((fall - task.axis_deg + 90.0) % 180.0 - 90.0)
    return np.where(away > 45.0, task.axis_deg, task.axis_deg + 90.0)


def _of_planes(task: Task) -> Outlines:
    """Return the outline of each plane's roof, plane by plane."""
    edges, start = task.outline.edges, task.outline.start
    count = start[task.roof + 1] - start[task.roof]
    ends = np.cumsum(count)
    position = np.arange(int(ends[-1])) - np.repeat(ends - count, count)
    chosen = np.repeat(start[task.roof], count) + position
    return Outlines(edges[chosen], np.concatenate([[0], ends]).astype(np.int64))


def _longest_shadow(task: Task, azimuth: Floats) -> Floats:
    """Return the longest shadow along a row's normal, m for each m of height, (planes, D)."""
    shadow = np.full(azimuth.shape, np.nan)
    for column in range(azimuth.shape[1]):
        some = np.flatnonzero(np.isfinite(azimuth[:, column]))
        place = task.sun.place[some]
        # An upright row of one metre throws a shadow as long as its pitch.
        upright = np.full(len(some), 90.0)
        shadow[some, column] = packing.row_pitch(
            1.0, upright, azimuth[some, column], task.sun.elevation[place], task.sun.azimuth[place]
        )
    return shadow


def limits(task: Task, assumptions: Assumptions) -> tuple[Floats, Floats]:
    """Return how low and how high across the axis modules may stand, from the centre."""
    ridge = assumptions.layout.of(task.form).ridge_setback_m
    return np.where(task.side > 0, ridge, -np.inf), np.where(task.side < 0, -ridge, np.inf)


def strips(task: Task, assumptions: Assumptions) -> rows.Strips:
    """Return the parts of the planes that carry nothing by pattern."""
    saw = task.form == "saw_tooth"
    rules, surfaces = assumptions.layout.of(task.form), assumptions.surfaces
    return rows.strips_of(rules, surfaces if saw else None, len(task.plane))


def _worth(
    task: Task, laid: Candidates, light: Light, assumptions: Assumptions
) -> tuple[Floats, Floats, Floats]:
    """Return value and cost of a module in each candidate, and the fixed cost of each plane.

    The score of n modules is n · value / (fixed + n · cost): capacity, a year's energy, or
    energy for money (the inverse of the levelised cost, both discounted over the lifetime).
    """
    objective, finance = assumptions.layout.objective, assumptions.finance
    kw = assumptions.module.power_w / 1000.0
    flat, one = np.full(laid.pitch.shape, kw), np.ones(len(task.plane))
    if objective == "kw":
        return flat, np.zeros_like(flat), one
    value = kw * _year_yield(task, laid, light, assumptions)
    if objective == "kwh":
        return value, np.zeros_like(flat), one
    extra = economics.mounting_extra_cny_per_kw(laid.kinds.mounting, finance)
    capex = finance.capex_cny_per_kw_dc + extra
    years = economics.cost_years(finance)
    cost = kw * (capex + finance.opex_cny_per_kw_dc_per_year * years)
    value = value * economics.energy_years(finance, assumptions.module)
    fixed = finance.capex_fixed_cny_per_roof / task.planes_of_roof
    return value, np.broadcast_to(cost, flat.shape).copy(), fixed


def _year_yield(task: Task, laid: Candidates, light: Light, assumptions: Assumptions) -> Floats:
    """Return the unshaded year's yield of each candidate [kWh/kW], (planes, D, K)."""
    found = np.full(laid.azimuth.shape, np.nan)
    for number in range(len(laid.kinds.mounting)):
        for which, node in enumerate(task.nodes):
            here = task.node == which
            azimuth = laid.azimuth[here, :, number]
            some = np.isfinite(azimuth)
            kind = kind_of(task, laid.kinds, number, assumptions.surfaces)
            both = [azimuth[some]]
            if laid.kinds.mounting[number] == "east_west":
                both.append((azimuth[some] + 180.0) % 360.0)
            of_side = [light.year_yield(node, kind, side) for side in both]
            filled = np.full(azimuth.shape, np.nan)
            filled[some] = sum(of_side) / len(of_side)
            found[here, :, number] = filled
    return found


def kind_of(task: Task, kinds: arrangements.Kinds, number: int, surfaces: Surfaces) -> Kind:
    """Return the class of light of one kind of arrangement on planes of one form.

    The teeth of a saw-tooth roof shade each other as rows do that are as long as the teeth.
    """
    mounting, slope = kinds.mounting[number], float(task.slope[0])
    if mounting == "flush":
        if task.form != "saw_tooth":
            return Kind(slope, False)
        pitch = surfaces.saw_tooth_pitch_m
        slant = surfaces.saw_tooth_plan_fraction * pitch / float(np.cos(np.radians(slope)))
        return Kind(slope, False, slant, pitch)
    slanted = float(kinds.slant_m[number]) if mounting == "racked" else None
    return Kind(float(kinds.tilt[number]), True, slanted)


def _arrays_of(
    task: Task,
    laid: Candidates,
    packed: rows.Packed,
    assumptions: Assumptions,
) -> Chosen:
    """Return the arrays of the planes that carry modules; pairs give one for each side."""
    pair = np.array([m == "east_west" for m in laid.kinds.mounting])
    some = np.flatnonzero((packed.kind >= 0) & (packed.count > 0))
    two = pair[packed.kind[some]]
    sides = np.where(two, 2, 1)
    plane = np.repeat(some, sides)
    second = np.diff(plane, prepend=-1) == 0
    kind, direction = packed.kind[plane], packed.direction[plane]
    cells = packed.count[plane] // sides.repeat(sides)
    modules = np.floor(cells * (1.0 - task.unseen_fraction[plane]) + 1e-9).astype(np.int64)
    azimuth = laid.azimuth[plane, direction, kind] + np.where(second, 180.0, 0.0)
    kinds = [
        kind_of(task, laid.kinds, number, assumptions.surfaces)
        for number in range(len(laid.kinds.mounting))
    ]
    flush = np.array([m == "flush" for m in laid.kinds.mounting])[kind]
    slant = laid.kinds.slant_m[kind]
    pitch = laid.pitch[plane, direction, kind]
    ground = np.where(pair[kind], 2.0, 1.0) * slant
    arrays = Arrays(
        roof=task.roof[plane],
        tilt=np.where(flush, task.slope[plane], laid.kinds.tilt[kind]),
        azimuth=azimuth % 360.0,
        racked=~flush,
        slant_m=np.array([one.slant_m for one in kinds], dtype=np.float64)[kind],
        pitch_m=np.array([one.pitch_m for one in kinds], dtype=np.float64)[kind],
        capacity_kw=modules * np.float64(assumptions.module.power_w / 1000.0),
        dc_ac_ratio=np.full(len(plane), assumptions.system.dc_ac_ratio),
        beam_loss=np.zeros((len(plane), 12)),
        sky_view=np.ones(len(plane)),
    )
    name = _names_of(task, laid)
    runner = packed.runner_kind[plane] >= 0
    at = plane, packed.runner_direction[plane], packed.runner_kind[plane]
    best, next_best = packed.score[plane], packed.runner_score[plane]
    return Chosen(
        arrays,
        task.plane[plane],
        modules,
        np.where(flush, 1.0, np.minimum(ground / pitch, 1.0)),
        np.where(flush, NAN, pitch),
        np.array(laid.kinds.mounting, dtype=object)[kind],
        name[plane, direction, kind],
        np.where(runner, name[at], ""),
        np.where(runner, 1.0 - next_best / best, NAN),
    )


def _names_of(task: Task, laid: Candidates) -> Texts:
    """Return the words of each candidate: mounting, tilt, module orientation, row direction."""
    kinds = laid.kinds
    tilts = [
        "" if mounting == "flush" else f" {tilt:g}°"
        for mounting, tilt in zip(kinds.mounting, kinds.tilt, strict=True)
    ]
    of_kind = np.array(
        [
            f"{mounting}{tilt} {orientation} "
            for mounting, tilt, orientation in zip(
                kinds.mounting, tilts, kinds.orientation, strict=True
            )
        ],
        dtype=object,
    )
    where: Texts = np.full(laid.turn.shape, "edge", dtype=object)
    off = np.degrees(laid.turn) - task.convergence_deg[:, None]
    where[np.abs((off + 90.0) % 180.0 - 90.0) < 1e-6] = "equator"
    where[:, 0] = "axis"
    if where.shape[1] > 1:
        where[:, 1] = "across"
    return np.asarray(of_kind[None, None] + where[:, :, None])


def stacked(found: list[Chosen]) -> Chosen:
    """Return the arrays of all forms, in the order of roofs, then planes."""
    plane = np.concatenate([one.plane for one in found]) if found else np.empty(0, dtype=np.int64)
    order = np.argsort(plane, kind="stable")

    def joined(parts: list[Any], empty: Any) -> Any:
        return np.concatenate(parts)[order] if parts else empty

    words = Arrays.__dataclass_fields__
    empty = {name: np.empty((0, 12) if name == "beam_loss" else 0) for name in words}
    empty |= {"roof": np.empty(0, dtype=np.int64), "racked": np.empty(0, dtype=bool)}
    arrays = Arrays(
        **{
            name: joined([getattr(one.arrays, name) for one in found], empty[name])
            for name in words
        }
    )
    rest = [name for name in Chosen.__dataclass_fields__ if name not in ("arrays", "plane")]
    others = {name: joined([getattr(one, name) for one in found], np.empty(0)) for name in rest}
    return Chosen(arrays, plane[order], **others)

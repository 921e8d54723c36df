"""The arrangements tried on a plane: kinds of mounting, directions of rows, depth and pitch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from pvplan.assumptions import FormLayout, Layout, Module
from pvplan.outlines import Outlines
from pvplan.tables import Floats, Ints

DIRECTIONS: Final = 4
# Directions nearer than this count as one; edges within it form one cluster.
APART_DEG: Final = 2.0
# Share of the boundary that a cluster of edges needs to give a direction.
LEAST_SHARE: Final = 0.1
# Slanted outlines: how many further directions there are at most, each along one edge. An edge
# gives one where it leaves all others by half a module over its length, m (their rows end at it
# in steps), and where the wedge that lies between them is this share of the roof.
SLANTED: Final = 3
STEP_M: Final = 0.6
WEDGE_SHARE: Final = 0.01


@dataclass(frozen=True)
class Kinds:
    """The kinds of arrangement of one roof form; all of length kinds.

    Attributes
    ----------
    mounting
        ``flush``, ``racked`` or ``east_west``.
    tilt
        Tilt of the modules, degrees.
    orientation
        ``portrait`` or ``landscape``.
    along_m
        Length of a module along the row, m.
    slant_m
        Length of a row up its slope, m; of an east-west pair that of one side.
    cell_modules
        1, or 2 for an east-west pair.
    """

    mounting: tuple[str, ...]
    tilt: Floats
    orientation: tuple[str, ...]
    along_m: Floats
    slant_m: Floats
    cell_modules: Ints


def kinds_of(rules: FormLayout, layout: Layout, module: Module, slope_deg: float) -> Kinds:
    """Return the kinds that a roof form allows.

    Parameters
    ----------
    rules
        The form's layout; its ``mountings`` are taken.
    layout
        Orientations and tilts that are tried.
    module
        Size of a module.
    slope_deg
        Slope of the form's planes; the tilt of flush modules.
    """
    tilts = {
        "flush": (slope_deg,),
        "racked": layout.racked_tilts_deg,
        "east_west": (layout.east_west_tilt_deg,),
    }
    sides = {
        "portrait": (module.width_m, module.length_m),
        "landscape": (module.length_m, module.width_m),
    }
    rows = [
        (mounting, tilt, orientation, *sides[orientation], 2 if mounting == "east_west" else 1)
        for mounting in rules.mountings
        for tilt in tilts[mounting]
        for orientation in layout.module_orientations
    ]
    return Kinds(
        mounting=tuple(row[0] for row in rows),
        tilt=np.array([row[1] for row in rows], dtype=np.float64),
        orientation=tuple(row[2] for row in rows),
        along_m=np.array([row[3] for row in rows], dtype=np.float64),
        slant_m=np.array([row[4] for row in rows], dtype=np.float64),
        cell_modules=np.array([row[5] for row in rows], dtype=np.int64),
    )


def depth_m(kinds: Kinds, slope: Floats, layout: Layout) -> Floats:
    """Return the plan depth of a row, m: shape (planes, kinds).

    Flush rows lie on the plane, racked ones at their tilt; a pair is two sides and their gap.

    Parameters
    ----------
    slope
        Shape (planes,): slope of each plane, degrees.
    """
    flush = np.array([word == "flush" for word in kinds.mounting])
    tilt = np.where(flush, slope[:, None], kinds.tilt)
    side = kinds.slant_m * np.cos(np.radians(tilt))
    pair = kinds.cell_modules == 2
    depth: Floats = np.where(pair, 2.0 * side + layout.east_west_ridge_gap_m, side)
    return depth


def pitch_m(depth: Floats, solstice_pitch_m: Floats, kinds: Kinds, layout: Layout) -> Floats:
    """Return the least distance of rows in plan, m: shape (planes, directions, kinds).

    Parameters
    ----------
    depth
        Shape (planes, kinds), m.
    solstice_pitch_m
        Shape (planes, directions, kinds): pitch without shade in the solstice window; read for
        racked rows only, and infinite or missing where there is none.
    """
    mounting = np.array(kinds.mounting)
    wide = np.broadcast_to(depth[:, None, :], solstice_pitch_m.shape)
    racked = np.maximum(solstice_pitch_m, wide + layout.min_row_gap_m)
    spaced = np.where(mounting == "racked", racked, wide + layout.min_row_gap_m)
    pitch: Floats = np.where(mounting == "flush", wide + layout.module_gap_m, spaced)
    return pitch


def facing(
    turn: Floats, convergence_deg: Floats, equator_deg: Floats, mounting: tuple[str, ...]
) -> Floats:
    """Return the azimuth of the rows, degrees from true north: shape (planes, directions, kinds).

    Of the two normals of a row the one nearest the equator counts; of an east-west pair the one
    nearest east, its other side facing the opposite way.

    Parameters
    ----------
    turn
        Shape (planes, directions): direction of the rows, radians counter-clockwise from x.
    convergence_deg
        Shape (planes,): added to grid azimuths.
    equator_deg
        Shape (planes,): 180 on the northern hemisphere, 0 on the southern.
    mounting
        Shape (kinds,).
    """
    normal = (convergence_deg[:, None] - np.degrees(turn))[..., None] % 360.0
    pair = np.array([word == "east_west" for word in mounting])
    goal = np.where(pair, 90.0, equator_deg[:, None, None])
    away = np.abs((normal - goal + 180.0) % 360.0 - 180.0)
    # Ties go to the first normal, rounded so that noise cannot choose.
    azimuth: Floats = np.where(away.round(6) <= 90.0, normal, (normal + 180.0) % 360.0)
    return azimuth


@njit(cache=True, nogil=True, error_model="numpy")
def _quarter(angle: float) -> float:
    """Return the angle of a direction modulo a right angle, in [0, 90) degrees."""
    turned = np.degrees(angle) % 90.0
    return 0.0 if turned >= 90.0 else float(turned)


@njit(cache=True, nogil=True, error_model="numpy")
def _apart(first: float, second: float) -> float:
    """Return the difference of two directions modulo a right angle, degrees."""
    difference = abs(first - second)
    return min(difference, 90.0 - difference)


@njit(cache=True, nogil=True, error_model="numpy")
def _is_new(angle: float, known: Floats, n: int) -> bool:
    """Whether a direction differs from all that are known."""
    new = True
    for i in range(n):
        new &= _apart(angle, known[i]) > APART_DEG
    return new


@njit(cache=True, nogil=True, error_model="numpy")
def _dominant(edges: Floats, known: Floats, n: int, wanted: int) -> int:
    """Append to ``known`` the directions (mod 90°) of the heaviest clusters of edges."""
    bins = np.zeros(90)
    longest, angle_of = np.zeros(90), np.zeros(90)
    total = 0.0
    for i in range(len(edges)):
        du, dv = edges[i, 2] - edges[i, 0], edges[i, 3] - edges[i, 1]
        length = np.hypot(du, dv)
        if length == 0.0:
            continue
        angle = _quarter(np.arctan2(dv, du))
        # Half a degree aside, so that axis-parallel edges do not lie between two bins.
        b = int(angle + 0.5) % 90
        bins[b] += length
        total += length
        if length > longest[b] * (1.0 + 1e-9):
            longest[b], angle_of[b] = length, angle
    for _ in range(wanted):
        best, at = 0.0, -1
        for b in range(90):
            if longest[b] == 0.0:
                continue
            new = _is_new(angle_of[b], known, n)
            weight = bins[b] + bins[b - 1] + bins[(b + 1) % 90]
            if new and weight > best * (1.0 + 1e-9):
                best, at = weight, b
        if at < 0 or best < LEAST_SHARE * total:
            break
        chosen = at
        for b in (at - 1, (at + 1) % 90):
            longer = longest[b] > longest[chosen] * (1.0 + 1e-9)
            if longer and _is_new(angle_of[b], known, n):
                chosen = b
        known[n] = angle_of[chosen]
        n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _sizes(edges: Floats) -> tuple[float, float]:
    """Return the length of the boundary, m, and the area inside it, m²."""
    length, twice, x, y = 0.0, 0.0, edges[0, 0], edges[0, 1]
    for i in range(len(edges)):
        du, dv = edges[i, 2] - edges[i, 0], edges[i, 3] - edges[i, 1]
        length += np.sqrt(du * du + dv * dv)
        twice += (edges[i, 0] - x) * dv - (edges[i, 1] - y) * du
    return length, 0.5 * abs(twice)


@njit(cache=True, nogil=True, error_model="numpy")
def _lessen(edges: Floats, angle: float, step: Floats) -> None:
    """Lessen how far each edge leaves the nearest direction over its length, m, by a further one.

    Edges that leave it by less than the least step of a slanted outline count as not at all.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    for i in range(len(edges)):
        du, dv = edges[i, 2] - edges[i, 0], edges[i, 3] - edges[i, 1]
        across = abs(dv * cosine - du * sine)
        step[i] = min(step[i], across) if across > STEP_M else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _along_edges(edges: Floats, turn: Floats, given: int, step: Floats) -> None:
    """Add the directions of the longest edges at which rows of all others would end in steps."""
    step[:] = np.inf
    for d in range(given):
        if np.isfinite(turn[d]):
            _lessen(edges, turn[d], step)
    if step.max() == 0.0:
        return
    boundary, area = _sizes(edges)
    while given < len(turn):
        longest, angle = LEAST_SHARE * boundary, np.nan
        for i in range(len(edges)):
            du, dv = edges[i, 2] - edges[i, 0], edges[i, 3] - edges[i, 1]
            length = np.hypot(du, dv)
            wedge = 0.5 * step[i] * length > WEDGE_SHARE * area
            if wedge and length > longest * (1.0 + 1e-9):
                longest, angle = length, np.arctan2(dv, du) % np.pi
        if np.isnan(angle):
            return
        turn[given] = angle
        _lessen(edges, angle, step)
        given += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _directions(
    edges: Floats, start: Ints, axis: Floats, east: Floats, use_axis: bool, use_equator: bool,
    turn: Floats
) -> None:  # fmt: skip
    """Fill turn (planes, directions) for level roofs."""
    known, step = np.empty(DIRECTIONS + 1), np.empty(len(edges))
    for p in range(len(axis)):
        if not np.isfinite(axis[p]):
            continue
        if not use_axis:
            turn[p, 2] = east[p]
            continue
        own = edges[start[p] : start[p + 1]]
        base = axis[p]
        known[0] = _quarter(base)
        turn[p, 0] = base
        turn[p, 1] = base + 0.5 * np.pi
        given, n = 2, 1
        if use_equator:
            straight = _quarter(east[p])
            if _apart(straight, known[0]) > APART_DEG:
                known[n] = straight
                n += 1
                turn[p, given] = east[p]
                given += 1
        first = n
        n = _dominant(own, known, n, DIRECTIONS - given)
        for i in range(first, n):
            angle = np.radians(known[i])
            # Of two rows at right angles those nearer to true east-west.
            off = abs((angle - east[p] + 0.5 * np.pi) % np.pi - 0.5 * np.pi)
            turn[p, given] = angle if off <= 0.25 * np.pi else angle + 0.5 * np.pi
            given += 1
        if len(own):
            _along_edges(own, turn[p], DIRECTIONS, step[start[p] : start[p + 1]])


def directions(
    outline: Outlines,
    axis_rad: Floats,
    racked: bool,
    convergence_deg: Floats,
    layout: Layout,
) -> Floats:
    """Return the directions of rows that are tried: radians counter-clockwise from x.

    Flush rows on a slope run along the plane's axis. On level roofs, if ``row_directions`` holds
    "axis": the roof's axis and its normal; true east-west, if it holds "equator"; then, with
    "axis", the heaviest directions of the outline's edges (modulo 90°, the longest edge of each
    cluster standing for it, turned to the side nearer to east-west), where they differ by more
    than 2° from those before; and, of slanted outlines, up to three rows along single long edges
    that all these would meet in steps.

    Parameters
    ----------
    outline
        One polygon for each plane.
    axis_rad
        Shape (planes,): direction of the long side of the roof; missing where there is no roof.
    racked
        True for level roofs that carry racked rows or pairs.
    convergence_deg
        Shape (planes,): added to grid azimuths for true ones.
    layout
        Its ``row_directions`` are read.

    Returns
    -------
    ndarray, shape (planes, 1), or (planes, 4) to (planes, 7) as the outlines need
        NaN where fewer are tried.
    """
    turn = np.full((len(axis_rad), DIRECTIONS + SLANTED if racked else 1), np.nan)
    if not racked:
        turn[:, 0] = axis_rad
        return turn
    _directions(
        np.require(outline.edges, np.float64, ["C", "W"]),
        np.require(outline.start, np.int64, ["C", "W"]),
        np.require(axis_rad, np.float64, ["C", "W"]), np.radians(convergence_deg),
        "axis" in layout.row_directions, "equator" in layout.row_directions, turn,
    )  # fmt: skip
    used = np.flatnonzero(np.isfinite(turn[:, DIRECTIONS:]).any(axis=0))
    return turn[:, : DIRECTIONS + len(used)].copy()

"""Rows of modules on a plane: how many fit, in which arrangement, and where each module lies.

A row is a band of fixed depth; in it the free intervals are those where the whole band lies
inside the polygon, and each interval is filled with whole modules on its own. The positions of
the rows are chosen by a dynamic programme, so that the phase of the rows may change along the
roof wherever that pays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from numba import njit

from pvplan.assumptions import FormLayout, Layout, Surfaces
from pvplan.outlines import Outlines
from pvplan.tables import Floats, Ints

# Tolerances of the geometry, m: containment, and equality of two positions of a row.
TOLERANCE: Final = 1e-6
SAME: Final = 1e-7
# Uniform phases of the full and of the quick search, and the levels that may start rows.
PHASES: Final = 12
QUICK_PHASES: Final = 3
LEVELS: Final = 16
LEVELS_SQUARE: Final = 96
# Bands sampled by the estimate and their share of a row's depth; what the estimate and the quick
# search may miss of the full count (a share, and modules on small roofs). They move seconds: the
# checks of docs/physics/packing.md say how little they move the result.
SAMPLES: Final = 24
THIN: Final = 0.25
ESTIMATE_MARGIN: Final = 0.06
SLACK: Final = 10.0
QUICK_MARGIN: Final = 0.03
# Edges flatter than this against the rows start or end rows at their ends.
FLAT: Final = 0.2


_kernel: Any = njit(cache=True, nogil=True, error_model="numpy")


class Cells(Protocol):
    """What a kind of arrangement repeats along a row."""

    @property
    def along_m(self) -> Floats:
        """Length of a cell along the row, m; shape (kinds,)."""

    @property
    def cell_modules(self) -> Ints:
        """Modules of a cell: 1, or 2 for a pair; shape (kinds,)."""


@dataclass(frozen=True)
class Strips:
    """Parts of planes that carry nothing by pattern; every array has shape (planes,).

    Attributes
    ----------
    skylight_every_m, skylight_width_m
        Strips across the rows, symmetric about the plane's centre; width 0 where there are none.
    tooth_pitch_m, tooth_fraction
        Saw-tooth: distance of the teeth across the rows (0 where there are none) and the share
        of each that is opaque. Glazing is centred at the plane's centre and every pitch from it.
    """

    skylight_every_m: Floats
    skylight_width_m: Floats
    tooth_pitch_m: Floats
    tooth_fraction: Floats


@dataclass(frozen=True)
class Packed:
    """The best arrangement of each plane and the next best; arrays of shape (planes,).

    Attributes
    ----------
    direction, kind
        Position of the chosen direction and kind; -1 where no arrangement holds enough modules.
    count, row_count
        Modules and rows of the chosen arrangement.
    score
        count * value / (fixed + count * cost) of the chosen arrangement.
    runner_direction, runner_kind, runner_count, runner_score
        The best of the other arrangements (-1 and 0 where there is none).
    """

    direction: Ints
    kind: Ints
    count: Ints
    score: Floats
    row_count: Ints
    runner_direction: Ints
    runner_kind: Ints
    runner_count: Ints
    runner_score: Floats


@dataclass(frozen=True)
class Placed:
    """The modules of one plane.

    Attributes
    ----------
    corners
        Shape (modules, 4, 2): plan outline of each module in map coordinates,
        counter-clockwise from its lower left in the frame of the rows.
    side
        Shape (modules,): of a pair, 1 for the module that faces v (the rows' direction turned by
        +90°) and -1 for the one that faces -v; 0 for a single module.
    """

    corners: Floats
    side: Ints


def strips_of(rules: FormLayout, surfaces: Surfaces | None, planes: int) -> Strips:
    """Return the strips of planes of one roof form.

    Parameters
    ----------
    rules
        The form's layout; its skylight strips are taken.
    surfaces
        The teeth of a saw-tooth roof; None for other forms.
    planes
        Number of planes.
    """
    skylit = rules.skylight_every_m > 0.0 and rules.skylight_width_m > 0.0
    pitch = surfaces.saw_tooth_pitch_m if surfaces is not None else 0.0
    fraction = surfaces.saw_tooth_plan_fraction if surfaces is not None else 1.0
    return Strips(
        np.full(planes, rules.skylight_every_m if skylit else 0.0),
        np.full(planes, rules.skylight_width_m if skylit else 0.0),
        np.full(planes, pitch),
        np.full(planes, fraction),
    )


class _Rules(NamedTuple):
    """The layout rules that the kernels read."""

    block: float
    fire_break: float
    every: float
    walkway: float
    gap: float
    least_run: int
    least_array: int


class _Frame(NamedTuple):
    """A plane in the frame of one direction.

    found: v_low, v_high, square, number of levels, of strips of u, of strips of v.
    """

    edges: Floats
    levels: Floats
    along: Floats
    across: Floats
    found: Floats


class _Scratch(NamedTuple):
    """Arrays that the counts write to; nothing is kept in them from one count to the next."""

    bands: Floats
    chains: Floats
    order: Ints
    span: Floats
    active: Ints
    sums: Ints
    cells: Ints
    best: Ints
    rows: Ints


# ---------------------------------------------------------------------------------------------
# The frame of a direction: edges, levels, strips
# ---------------------------------------------------------------------------------------------


@_kernel
def _keep_level(levels: Floats, count: int, level: float, kind: int, weight: float) -> int:
    """Add a level of v (kind 1: rows may start at it, 2: end at it, 3: both)."""
    for i in range(count):
        if abs(levels[0, i] - level) <= SAME:
            levels[1, i] = float(int(levels[1, i]) | kind)
            levels[2, i] = max(levels[2, i], weight)
            return count
    if count == levels.shape[1]:
        # The lightest level gives way.
        least = 0
        for i in range(1, count):
            if levels[2, i] < levels[2, least]:
                least = i
        if levels[2, least] >= weight:
            return count
        count -= 1
        levels[:, least] = levels[:, count]
    levels[0, count], levels[1, count], levels[2, count] = level, float(kind), weight
    return count + 1


@_kernel
def _turned(edges: Floats, x: float, y: float, turn: float, raw: Floats) -> bool:
    """Write the edges in the frame (u, v); snap level and upright ones; True if all are."""
    cosine, sine = np.cos(turn), np.sin(turn)
    square = True
    for i in range(len(edges)):
        x0, y0, x1, y1 = edges[i, 0] - x, edges[i, 1] - y, edges[i, 2] - x, edges[i, 3] - y
        u0, v0 = x0 * cosine + y0 * sine, y0 * cosine - x0 * sine
        u1, v1 = x1 * cosine + y1 * sine, y1 * cosine - x1 * sine
        if abs(u1 - u0) <= TOLERANCE:
            u0 = u1 = 0.5 * (u0 + u1)
        elif abs(v1 - v0) <= TOLERANCE:
            v0 = v1 = 0.5 * (v0 + v1)
        else:
            square = False
        raw[i, 0], raw[i, 1], raw[i, 2], raw[i, 3] = u0, v0, u1, v1
    return square


@_kernel
def _levels(edges: Floats, raw: Floats, levels: Floats) -> int:
    """Collect the levels of v at which rows may start or end; return their number."""
    count = 0
    n = len(raw)
    ring = 0
    for i in range(n):
        du, dv = raw[i, 2] - raw[i, 0], raw[i, 3] - raw[i, 1]
        if abs(dv) <= FLAT * abs(du):
            # The inside lies above an edge that runs forward: rows start at it.
            kind = 1 if du > 0.0 else 2
            count = _keep_level(levels, count, raw[i, 1], kind, abs(du))
            if dv != 0.0:
                count = _keep_level(levels, count, raw[i, 3], kind, abs(du))
        last = i + 1 == n or edges[i + 1, 0] != edges[i, 2] or edges[i + 1, 1] != edges[i, 3]
        following = ring if last else i + 1
        if dv * (raw[following, 3] - raw[following, 1]) < 0.0:
            count = _keep_level(levels, count, raw[i, 3], 3, 0.5 * abs(du))
        if last:
            ring = i + 1
    return count


@_kernel
def _sorted_edges(raw: Floats, e: Floats, order: Ints) -> None:
    """Write the edges upward and sorted by their lower end: u0, v0, u1, v1, du/dv."""
    n = len(raw)
    if n <= 48:
        for i in range(n):
            low = min(raw[i, 1], raw[i, 3])
            j = i
            while j > 0 and min(raw[order[j - 1], 1], raw[order[j - 1], 3]) > low:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
    else:
        order[:n] = np.argsort(np.minimum(raw[:, 1], raw[:, 3]), kind="mergesort")
    for j in range(n):
        i = order[j]
        up = raw[i, 1] <= raw[i, 3]
        e[j, 0], e[j, 1] = (raw[i, 0], raw[i, 1]) if up else (raw[i, 2], raw[i, 3])
        e[j, 2], e[j, 3] = (raw[i, 2], raw[i, 3]) if up else (raw[i, 0], raw[i, 1])
        rise = e[j, 3] - e[j, 1]
        e[j, 4] = (e[j, 2] - e[j, 0]) / rise if rise > 0.0 else 0.0


@_kernel
def _extent(e: Floats, low: float, high: float) -> tuple[float, float, float, float]:
    """Return the extent in u and v of the polygon between two limits of v."""
    u_low, u_high, v_low, v_high = np.inf, -np.inf, np.inf, -np.inf
    for i in range(len(e)):
        if e[i, 3] < low or e[i, 1] > high:
            continue
        v0, v1 = max(e[i, 1], low), min(e[i, 3], high)
        u0 = e[i, 0] + (v0 - e[i, 1]) * e[i, 4]
        u1 = e[i, 2] - (e[i, 3] - v1) * e[i, 4]
        u_low, u_high = min(u_low, u0, u1), max(u_high, u0, u1)
        v_low, v_high = min(v_low, v0), max(v_high, v1)
    return u_low, u_high, v_low, v_high


@_kernel
def _split(strips: Floats, count: int, low: float, high: float, block: float, width: float) -> int:
    """Add strips that split an extent evenly into blocks no longer than stated."""
    if width <= 0.0 or high - low <= block:
        return count
    blocks = int(np.ceil((high - low + width - TOLERANCE) / (block + width)))
    size = (high - low - (blocks - 1) * width) / blocks
    for i in range(1, blocks):
        strips[count, 0] = low + i * size + (i - 1) * width
        strips[count, 1] = strips[count, 0] + width
        count += 1
    return count


@_kernel
def _periodic(
    strips: Floats, count: int, low: float, high: float, pitch: float, width: float
) -> int:
    """Add strips of a width centred at odd halves of a pitch, where they meet an extent."""
    if width <= 0.0 or pitch <= 0.0:
        return count
    first = int(np.floor((low - 0.5 * width) / pitch - 0.5))
    last = int(np.ceil((high + 0.5 * width) / pitch - 0.5))
    for i in range(first, last + 1):
        middle = (i + 0.5) * pitch
        if middle + 0.5 * width > low and middle - 0.5 * width < high:
            strips[count, 0], strips[count, 1] = middle - 0.5 * width, middle + 0.5 * width
            count += 1
    return count


@_kernel
def _merged(strips: Floats, count: int) -> int:
    """Sort strips and join those that meet; return their number."""
    for i in range(1, count):
        low, high = strips[i, 0], strips[i, 1]
        j = i
        while j > 0 and strips[j - 1, 0] > low:
            strips[j, 0], strips[j, 1] = strips[j - 1, 0], strips[j - 1, 1]
            j -= 1
        strips[j, 0], strips[j, 1] = low, high
    kept = 0
    for i in range(count):
        if kept and strips[i, 0] <= strips[kept - 1, 1]:
            strips[kept - 1, 1] = max(strips[kept - 1, 1], strips[i, 1])
        else:
            strips[kept, 0], strips[kept, 1] = strips[i, 0], strips[i, 1]
            kept += 1
    return kept


@_kernel
def _teeth(
    strips: Floats, count: int, low: float, high: float, pitch: float, fraction: float
) -> int:
    """Add the glazing of teeth, centred at the plane's centre and at every pitch from it."""
    start, width, shift = count, (1.0 - fraction) * pitch, 0.5 * pitch
    count = _periodic(strips, count, low + shift, high + shift, pitch, width)
    for i in range(start, count):
        strips[i, 0] -= shift
        strips[i, 1] -= shift
    merged: int = _merged(strips, count)
    return merged


# ---------------------------------------------------------------------------------------------
# One band: its free intervals and the cells they hold
# ---------------------------------------------------------------------------------------------


@_kernel
def _blocked(e: Floats, i: int, low: float, high: float) -> tuple[float, float]:
    """Return the range of u that edge i covers between two levels of v."""
    u0 = e[i, 0] if e[i, 1] >= low else e[i, 0] + (low - e[i, 1]) * e[i, 4]
    u1 = e[i, 2] if e[i, 3] <= high else e[i, 0] + (high - e[i, 1]) * e[i, 4]
    return (u0, u1) if u0 <= u1 else (u1, u0)


@_kernel
def _free(
    e: Floats, active: Ints, n: int, low: float, high: float, gap: float, span: Floats
) -> int:
    """Write the free intervals of the open band (low, high) to span[:, 3:5]; return their number.

    Every edge blocks the range of u of its piece in the band; between blocked ranges a gap lies
    inside where an odd number of edges crosses the middle of the band to its left. Intervals are
    kept apart by the gap of modules, so that cutting one in two never adds a module.
    """
    middle = 0.5 * (low + high)
    for k in range(n):
        i = active[k]
        left, right = _blocked(e, i, low, high)
        crosses = 1.0 if e[i, 1] <= middle < e[i, 3] else 0.0
        j = k
        while j > 0 and span[j - 1, 0] > left:
            span[j, 0], span[j, 1], span[j, 2] = span[j - 1, 0], span[j - 1, 1], span[j - 1, 2]
            j -= 1
        span[j, 0], span[j, 1], span[j, 2] = left, right, crosses
    count = 0
    inside = False
    reach = -np.inf
    for k in range(n):
        if inside and span[k, 0] > reach:
            begin = reach if count == 0 else max(reach, span[count - 1, 4] + gap)
            span[count, 3], span[count, 4] = begin, span[k, 0]
            count += 1
        reach = max(reach, span[k, 1])
        if span[k, 2] > 0.0:
            inside = not inside
    return count


@_kernel
def _fit(length: float, along: float, gap: float, least: int) -> int:
    """Return the whole cells that a length holds; 0 for runs shorter than the least."""
    cells = int((length + gap + TOLERANCE) / (along + gap)) if length > 0.0 else 0
    return cells if cells >= least else 0


@_kernel
def _held(
    left: float, right: float, cuts: Floats, n: int, cell: tuple[float, float, int], sums: Ints
) -> int:
    """Return the cells between two ends, less the strips; sums: cells of whole gaps so far."""
    along, gap, least = cell
    first = 0
    while first < n and cuts[first, 1] <= left:
        first += 1
    if first == n or cuts[first, 0] >= right:
        whole: int = _fit(right - left, along, gap, least)
        return whole
    last = first
    while last + 1 < n and cuts[last + 1, 0] < right:
        last += 1
    cells: int = _fit(cuts[first, 0] - left, along, gap, least) + sums[last] - sums[first]
    cells += _fit(right - cuts[last, 1], along, gap, least)
    return cells


@_kernel
def _sum_gaps(cuts: Floats, n: int, cell: tuple[float, float, int], sums: Ints) -> None:
    """Write how many cells the whole gaps up to each strip hold."""
    along, gap, least = cell
    for i in range(n):
        before = sums[i - 1] if i else 0
        sums[i] = before + (_fit(cuts[i, 0] - cuts[i - 1, 1], along, gap, least) if i else 0)


@_kernel
def _cells_of_bands(
    e: Floats, count: int, depth: float, cuts: Floats, cut: int, cell: tuple[float, float, int],
    work: _Scratch
) -> None:  # fmt: skip
    """Write the cells of each of the ascending work.bands; ``cell``: along, gap, least run."""
    bands, active, span, n = work.bands, work.active, work.span, len(e)
    waiting, alive = 0, 0
    steady, same = -np.inf, 0
    for b in range(count):
        low, high = bands[b] + TOLERANCE, bands[b] + depth - TOLERANCE
        if high <= steady:
            # Upright edges only, none begins or ends: as the band before.
            work.cells[b] = same
            continue
        while waiting < n and e[waiting, 1] < high:
            active[alive] = waiting
            alive += 1
            waiting += 1
        kept = 0
        steady = e[waiting, 1] if waiting < n else np.inf
        for k in range(alive):
            i = active[k]
            if e[i, 3] > low:
                active[kept] = i
                kept += 1
                upright = e[i, 4] == 0.0 and e[i, 1] <= low and e[i, 3] >= high
                steady = min(steady, e[i, 3]) if upright else -np.inf
        alive = kept
        free = _free(e, active, alive, low, high, cell[1], span)
        same = 0
        for k in range(free):
            same += _held(span[k, 3], span[k, 4], cuts, cut, cell, work.sums)
        work.cells[b] = same


# ---------------------------------------------------------------------------------------------
# The rows: candidate positions and the choice among them
# ---------------------------------------------------------------------------------------------


@_kernel
def _grouping(found: Floats, depth: float, pitch: float, rules: _Rules) -> tuple[int, float, float]:
    """Return rows between two walkways (0: none are needed), the step across, and the play.

    The step is that from the bottom of one row to that of the next across a walkway. The play is
    how much farther apart than the pitch two rows may be so that a full group is never deeper
    than stated.
    """
    # Rows that stand a walkway's width apart need none.
    if found[1] - found[0] <= rules.every or pitch - depth >= rules.walkway - TOLERANCE:
        return 0, pitch, 0.0
    lines = max(int((rules.every + pitch - depth + TOLERANCE) / pitch), 1)
    play = max(rules.every - (lines * pitch - (pitch - depth)), 0.0) / max(lines - 1, 1)
    return lines, depth + rules.walkway, play


@_kernel
def _row_of(chain: Floats, place: float, pitch: float, across: float) -> float:
    """Return the bottom of a row of a chain; chain: base, direction, place, last place, lines."""
    groups = np.floor(place / chain[4])
    bottom: float = chain[0] + chain[1] * (
        groups * ((chain[4] - 1.0) * pitch + across) + (place - groups * chain[4]) * pitch
    )
    return bottom


@_kernel
def _keep_chain(
    chains: Floats, count: int, base: float, upward: bool, low: float, high: float,
    pitch: float, across: float, lines: float
) -> int:  # fmt: skip
    """Add the chain of rows that begins at a base and runs up or down as far as the limits.

    Rows follow at the pitch; after ``lines`` of them (infinite: never) at the step ``across``.
    """
    reach = high - base if upward else base - low
    if base < low or base > high:
        return count
    unit = (lines - 1.0) * pitch + across
    groups = np.floor((reach + SAME) / unit) if np.isfinite(lines) else 0.0
    rest = np.floor((reach + SAME - groups * unit if groups else reach + SAME) / pitch)
    last = groups * lines + min(rest, lines - 1.0) if np.isfinite(lines) else rest
    chain = chains[count]
    chain[0], chain[1] = base, 1.0 if upward else -1.0
    chain[2], chain[3] = (0.0, last) if upward else (last, 0.0)
    chain[4] = lines if np.isfinite(lines) else 1e9
    return count + 1


@_kernel
def _merge_chains(
    chains: Floats, count: int, pitch: float, across: float, order: Ints, bands: Floats, kept: int
) -> int:
    """Append the rows of all chains, ascending and each once; return the number of bands."""
    following = np.empty(count)
    for i in range(count):
        following[i] = _row_of(chains[i], chains[i, 2], pitch, across)
        order[i] = i
    before, alive = -np.inf, count
    while alive:
        # All chains step by about the pitch, so the order of one round is nearly that of the next.
        for i in range(1, alive):
            k = order[i]
            j = i
            while j > 0 and following[order[j - 1]] > following[k]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = k
        limit = following[order[0]] + pitch
        left = 0
        for i in range(alive):
            k = order[i]
            if following[k] < limit:
                if following[k] > before + SAME:
                    bands[kept] = before = following[k]
                    kept += 1
                if chains[k, 2] == chains[k, 3]:
                    continue
                chains[k, 2] += chains[k, 1]
                following[k] = _row_of(chains[k], chains[k, 2], pitch, across)
            order[left] = k
            left += 1
        alive = left
    return kept


@_kernel
def _segment(
    low: float, high: float, found: Floats, levels: Floats, depth: float, pitch: float,
    lines: int, across: float, uniform: int, work: _Scratch, count: int
) -> int:  # fmt: skip
    """Append the candidate bottoms of rows between two levels, ascending; return their number."""
    if high - low < depth - TOLERANCE:
        return count
    chains, square = work.chains, found[2] > 0.0
    grouped = float(lines) if lines else np.inf
    # Of upright and level edges alone, rows pushed down hold at least as much.
    downward = not square or lines > 0
    top = high - depth + TOLERANCE
    m = _keep_chain(chains, 0, low, True, low, top, pitch, across, grouped)
    if downward:
        m = _keep_chain(chains, m, high - depth, False, low, top, pitch, across, grouped)
    if not square:
        for q in range(uniform):
            phase = found[0] + q * pitch / uniform - low
            phase -= pitch * np.floor(phase / pitch)
            m = _keep_chain(chains, m, low + phase, True, low, top, pitch, across, np.inf)
    for i in range(levels.shape[1]):
        level, kind = levels[0, i], int(levels[1, i])
        if kind & 1:
            m = _keep_chain(chains, m, level, True, low, top, pitch, across, grouped)
        if kind & 2 and downward:
            m = _keep_chain(chains, m, level - depth, False, low, top, pitch, across, grouped)
    kept: int = _merge_chains(chains, m, pitch, across, work.order, work.bands, count)
    return kept


@_kernel
def _bands(
    frame: _Frame, depth: float, pitch: float, lines: int, step: float, uniform: int,
    work: _Scratch
) -> int:  # fmt: skip
    """Write the candidate bottoms of rows, ascending and free of strips; return their number."""
    found, across = frame.found, frame.across
    n, cut = int(found[3]), int(found[5])
    narrow = False
    for i in range(cut):
        # Rows keep their distance across a strip narrower than the gap between them.
        narrow |= across[i, 1] - across[i, 0] < step - depth - TOLERANCE
    if not narrow:
        count, levels = 0, frame.levels[:, :n]
        for i in range(cut + 1):
            low = found[0] if i == 0 else max(found[0], across[i - 1, 1])
            high = found[1] if i == cut else min(found[1], across[i, 0])
            count = _segment(
                low, high, found, levels, depth, pitch, lines, step, uniform, work, count
            )
        return count
    joined = np.empty((3, n + 2 * cut))
    joined[:, :n] = frame.levels[:, :n]
    for i in range(cut):
        joined[0, n + 2 * i], joined[1, n + 2 * i] = across[i, 1], 1.0
        joined[0, n + 2 * i + 1], joined[1, n + 2 * i + 1] = across[i, 0], 2.0
    count = _segment(found[0], found[1], found, joined, depth, pitch, lines, step, uniform, work, 0)
    bands = work.bands
    kept = 0
    for b in range(count):
        clear = True
        for i in range(cut):
            low, high = across[i, 0] + TOLERANCE, across[i, 1] - TOLERANCE
            clear &= bands[b] >= high or bands[b] + depth <= low
        if clear:
            bands[kept] = bands[b]
            kept += 1
    return kept


@_kernel
def _choose(work: _Scratch, count: int, pitch: float) -> tuple[int, int]:
    """Choose rows no closer than the pitch that hold most; return cells and rows.

    best[i] = max(best[i + 1], cells[i] + best[after[i]]), after[i] being the first band at least
    a pitch above band i; the chosen bands are written to the front of work.rows.
    """
    bands, cells, best, after = work.bands, work.cells, work.best, work.rows
    best[count] = 0
    following = count
    for i in range(count - 1, -1, -1):
        while following - 1 > i and bands[following - 1] >= bands[i] + pitch - SAME:
            following -= 1
        after[i] = following
        best[i] = max(best[i + 1], cells[i] + best[following])
    rows, i = 0, 0
    while i < count:
        if best[i] == best[i + 1]:
            i += 1
            continue
        onward = after[i]
        after[rows] = i
        rows += 1
        i = onward
    return best[0], rows


@_kernel
def _choose_groups(
    work: _Scratch, count: int, pitch: float, lines: int, across: float, play: float
) -> tuple[int, int]:
    """Choose rows in groups of at most ``lines`` with walkways between; return cells and rows.

    best[i] is what bands i and above hold where a group begins; taken[i, r] what they hold with
    band i as row r of its group. The next row of a group lies a pitch above, or farther by no
    more than the play; that of the next group a step ``across`` or more above.
    """
    bands, cells, best = work.bands, work.cells, work.best
    taken = np.empty((count, lines), np.int32)
    best[count] = 0
    following, beyond = count, count
    for i in range(count - 1, -1, -1):
        while following - 1 > i and bands[following - 1] >= bands[i] + pitch - SAME:
            following -= 1
        while beyond - 1 > i and bands[beyond - 1] >= bands[i] + across - SAME:
            beyond -= 1
        taken[i] = best[beyond]
        j = following
        while j < count and bands[j] <= bands[i] + pitch + play + SAME:
            for r in range(lines - 1):
                taken[i, r] = max(taken[i, r], taken[j, r + 1])
            j += 1
        for r in range(lines):
            taken[i, r] += cells[i]
        best[i] = max(best[i + 1], taken[i, 0])
    rows: int = _rows_of_groups(work, count, taken, pitch, across, play)
    return best[0], rows


@_kernel
def _rows_of_groups(
    work: _Scratch, count: int, taken: Ints, pitch: float, across: float, play: float
) -> int:
    """Write the bands of the best groups to the front of work.rows; return their number."""
    bands, cells, best, rows = work.bands, work.cells, work.best, work.rows
    chosen, i, r = 0, 0, 0
    while i < count and (r > 0 or best[i] > 0):
        if r == 0 and best[i] == best[i + 1]:
            i += 1
            continue
        if cells[i]:
            rows[chosen] = i
            chosen += 1
        rest, bottom, j = taken[i, r] - cells[i], bands[i], i + 1
        while j < count and bands[j] < bottom + pitch - SAME:
            j += 1
        r += 1
        if r == taken.shape[1]:
            j = count
        while j < count and taken[j, r] != rest:
            j = j + 1 if bands[j] <= bottom + pitch + play + SAME else count
        if j == count or rest == 0 or bands[j] > bottom + pitch + play + SAME:
            j, r = i, 0
            while j < count and bands[j] < bottom + across - SAME:
                j += 1
        i = j
    return chosen


# ---------------------------------------------------------------------------------------------
# One direction of one plane, and the search over all
# ---------------------------------------------------------------------------------------------


@_kernel
def _enter(
    edges: Floats, centre: Floats, turn: float, limits: Floats, rules: _Rules, pattern: Floats,
    raw: Floats, order: Ints, frame: _Frame
) -> None:  # fmt: skip
    """Write edges, levels and strips of a direction."""
    found = frame.found
    square = _turned(edges, centre[0], centre[1], turn, raw)
    _sorted_edges(raw, frame.edges, order)
    u_low, u_high, v_low, v_high = _extent(frame.edges, limits[0], limits[1])
    found[0], found[1], found[2] = v_low, v_high, 1.0 if square else 0.0
    found[3:] = 0.0
    if not u_high > u_low or not v_high > v_low:
        found[1] = v_low
        return
    found[3] = _levels(edges, raw, frame.levels if square else frame.levels[:, :LEVELS])
    found[4] = _split(frame.along, 0, u_low, u_high, rules.block, rules.fire_break)
    found[4] = _periodic(frame.along, int(found[4]), u_low, u_high, pattern[0], pattern[1])
    found[4] = _merged(frame.along, int(found[4]))
    count = _split(frame.across, 0, v_low, v_high, rules.block, rules.fire_break)
    found[5] = _teeth(frame.across, count, v_low, v_high, pattern[2], pattern[3])


@_kernel
def _count(
    frame: _Frame, depth: float, pitch: float, along: float, rules: _Rules, uniform: int,
    work: _Scratch
) -> tuple[int, int]:  # fmt: skip
    """Return cells and rows of an arrangement; work.rows holds the positions of the rows."""
    lines, across, play = _grouping(frame.found, depth, pitch, rules)
    count = _bands(frame, depth, pitch, lines, across, uniform, work)
    cell, cuts = (along, rules.gap, rules.least_run), int(frame.found[4])
    _sum_gaps(frame.along, cuts, cell, work.sums)
    _cells_of_bands(frame.edges, count, depth, frame.along, cuts, cell, work)
    if lines:
        grouped: tuple[int, int] = _choose_groups(work, count, pitch, lines, across, play)
        return grouped
    chosen: tuple[int, int] = _choose(work, count, pitch)
    return chosen


@_kernel
def _rows_between(frame: _Frame, depth: float, pitch: float, rules: _Rules) -> float:
    """Return about how many rows fit between the strips of v."""
    found, strips, cut = frame.found, frame.across, int(frame.found[5])
    lines, across, _ = _grouping(found, depth, pitch, rules)
    gap, square = across - depth, found[2] > 0.0
    unit = (lines - 1) * pitch + across
    rows = 0.0
    for i in range(cut + 1):
        low = found[0] if i == 0 else strips[i - 1, 1]
        high = found[1] if i == cut else strips[i, 0]
        spare = gap if i == cut else min(gap, strips[i, 1] - strips[i, 0])
        length = max(high - low + spare + TOLERANCE, 0.0)
        groups = np.floor(length / unit) if lines else 0.0
        rest = length - groups * unit - (across - pitch)
        fit = max(rest, 0.0) / pitch
        # The first and the last rows of a slanted outline are rarely whole.
        slanted = not square and (i in (0, cut))
        rows += groups * lines + (np.floor(fit) if spare == gap and not slanted else fit)
    return rows


@_kernel
def _mean_cells(
    frame: _Frame, depth: float, along: float, rules: _Rules, work: _Scratch
) -> tuple[float, float]:
    """Return the mean and the most cells of a few bands spread over the plane.

    The bands are thinner than a row: rows avoid the levels at which the outline steps.
    """
    low, high, thin = frame.found[0], frame.found[1], THIN * depth
    if high - low < depth - TOLERANCE:
        return 0.0, 0.0
    for s in range(SAMPLES):
        work.bands[s] = low + (high - low - thin) * (s + 0.5) / SAMPLES
    cell, cuts = (along, rules.gap, rules.least_run), int(frame.found[4])
    _sum_gaps(frame.along, cuts, cell, work.sums)
    _cells_of_bands(frame.edges, SAMPLES, thin, frame.along, cuts, cell, work)
    total, most = 0, 0
    for s in range(SAMPLES):
        total += work.cells[s]
        most = max(most, work.cells[s])
    return total / SAMPLES, float(most)


@_kernel
def _score(count: float, value: float, cost: float, fixed: float) -> float:
    return count * value / (fixed + count * cost) if count > 0.0 else 0.0


@_kernel
def _estimate(
    frame: _Frame, depth: Floats, pitch: Floats, value: Floats, cost: Floats, fixed: float,
    along_m: Floats, cell_modules: Ints, rules: _Rules, work: _Scratch, stage: Ints, hope: Floats
) -> None:  # fmt: skip
    """Write the hope of each kind in one direction: the score of what it holds at most."""
    mean, peak = np.empty(len(stage)), np.empty(len(stage))
    plain = frame.found[2] > 0.0 and len(frame.edges) == 4
    for k in range(len(stage)):
        if stage[k] < 0:
            continue
        mean[k] = -1.0
        for j in range(k):
            if along_m[j] == along_m[k] and stage[j] >= 0:
                mean[k], peak[k] = mean[j], peak[j]
                break
        if mean[k] < 0.0:
            mean[k], peak[k] = _mean_cells(frame, depth[k], along_m[k], rules, work)
        rows = _rows_between(frame, depth[k], pitch[k], rules)
        most = mean[k] * rows * (1.0 + ESTIMATE_MARGIN)
        if not plain:
            # A rectangle is estimated well; of other outlines small ones badly, and arms may hold
            # one row more than their depth over the pitch.
            most += mean[k] + peak[k] * (1.0 - depth[k] / pitch[k]) + SLACK
        most = (most + 1.0) * cell_modules[k]
        hope[k], stage[k] = _score(most, value[k], cost[k], fixed), 0


@_kernel
def _sizes(
    edges: Floats, start: Ints, polygon: Ints, pitch: Floats, rules: _Rules, pattern: Floats
) -> tuple[int, int, int]:
    """Return how many edges, strips and bands the planes need at most."""
    most_edges, most_strips, most_bands = 1, 1, SAMPLES + 1
    for p in range(len(polygon)):
        first, end = start[polygon[p]], start[polygon[p] + 1]
        if end == first:
            continue
        most_edges = max(most_edges, end - first)
        width = edges[first:end, 0].max() - edges[first:end, 0].min()
        height = edges[first:end, 1].max() - edges[first:end, 1].min()
        reach = np.hypot(width, height)
        strips = 2.0 * reach / rules.block + 8.0
        for column in (0, 2):
            if pattern[p, column] > 0.0:
                strips += reach / pattern[p, column] + 2.0
        most_strips = max(most_strips, int(strips))
        finest = np.inf
        for each in pitch[p].flat:
            if np.isfinite(each) and each > 0.0:
                finest = min(finest, each)
        starts = 2.0 * LEVELS_SQUARE + PHASES + 4.0 + 2.0 * strips
        most_bands = max(most_bands, int((reach / finest + strips + 2.0) * starts) + 1)
    return most_edges, most_strips, most_bands


@_kernel
def _scratch(edges: int, strips: int, bands: int) -> _Scratch:
    starts = 2 * LEVELS_SQUARE + PHASES + 4 + 2 * strips
    return _Scratch(
        np.empty(bands + 1), np.empty((starts, 5)), np.empty(starts, np.int64),
        np.empty((edges + 1, 5)), np.empty(edges, np.int64), np.empty(strips, np.int64),
        np.empty(bands + 1, np.int64), np.empty(bands + 1, np.int64), np.empty(bands + 1, np.int64),
    )  # fmt: skip


@_kernel
def _search(
    edges: Floats, start: Ints, polygon: Ints, centre: Floats, limits: Floats, turn: Floats,
    depth: Floats, pitch: Floats, value: Floats, cost: Floats, fixed: Floats, along_m: Floats,
    cell_modules: Ints, rules: _Rules, pattern: Floats, thorough: bool, whole: Ints, scores: Floats
) -> None:  # fmt: skip
    """Fill whole (planes, 7): direction, kind, modules, rows, runner's direction, kind, modules."""
    planes, directions = turn.shape
    kinds = len(along_m)
    most_edges, most_strips, most_bands = _sizes(edges, start, polygon, pitch, rules, pattern)
    work = _scratch(most_edges, most_strips, most_bands)
    raw, order = np.empty((most_edges, 4)), np.empty(most_edges, np.int64)
    turned, levels = np.empty((directions, most_edges, 5)), np.empty((directions, 3, LEVELS_SQUARE))
    along, across = np.empty((directions, most_strips, 2)), np.empty((directions, most_strips, 2))
    found = np.empty((directions, 6))
    hope, stage = np.empty((directions, kinds)), np.empty((directions, kinds), np.int64)
    whole[:], scores[:] = 0, 0.0
    for p in range(planes):
        whole[p, 0] = whole[p, 1] = whole[p, 4] = whole[p, 5] = -1
        own = edges[start[polygon[p]] : start[polygon[p] + 1]]
        n = len(own)
        hope[:], stage[:] = np.inf, -1
        for d in range(directions):
            if n == 0 or not np.isfinite(turn[p, d]):
                continue
            frame = _Frame(turned[d, :n], levels[d], along[d], across[d], found[d])
            _enter(own, centre[p], turn[p, d], limits[p], rules, pattern[p], raw[:n], order, frame)
            for k in range(kinds):
                finite = np.isfinite(pitch[p, d, k]) and pitch[p, d, k] > 0.0
                if finite and value[p, d, k] > 0.0 and found[d, 1] > found[d, 0]:
                    stage[d, k] = 1
        if (stage > 0).sum() > 2 and not thorough:
            for d in range(directions):
                frame = _Frame(turned[d, :n], levels[d], along[d], across[d], found[d])
                _estimate(
                    frame, depth[p], pitch[p, d], value[p, d], cost[p, d], fixed[p], along_m,
                    cell_modules, rules, work, stage[d], hope[d],
                )  # fmt: skip
        _lead(
            turned[:, :n], levels, along, across, found, depth[p], pitch[p], value[p], cost[p],
            fixed[p], along_m, cell_modules, rules, work, stage, hope, whole[p], scores[p],
        )  # fmt: skip


@_kernel
def _lead(
    turned: Floats, levels: Floats, along: Floats, across: Floats, found: Floats, depth: Floats,
    pitch: Floats, value: Floats, cost: Floats, fixed: float, along_m: Floats, cell_modules: Ints,
    rules: _Rules, work: _Scratch, stage: Ints, hope: Floats, whole: Ints, scores: Floats
) -> None:  # fmt: skip
    """Find the best two arrangements of a plane.

    The candidate of the highest hope is counted next: with few phases (stage 0), then fully
    (stage 1). The first two that lead when fully counted (stage 2) are the best and the runner-up.
    """
    directions, kinds = stage.shape
    held = np.zeros((directions, kinds, 2), np.int64)
    place = 0
    while place < 2:
        best, d, k = 0.0, -1, -1
        for i in range(directions):
            for j in range(kinds):
                if stage[i, j] >= 0 and hope[i, j] > best:
                    best, d, k = hope[i, j], i, j
        if d < 0:
            return
        if stage[d, k] == 2:
            at = 4 * place
            whole[at], whole[at + 1], whole[at + 2] = d, k, held[d, k, 0]
            if place == 0:
                whole[3] = held[d, k, 1]
            scores[place], stage[d, k] = best, -1
            place += 1
            continue
        # Of upright and level edges the quick count is the full one.
        full = stage[d, k] == 1 or found[d, 2] > 0.0
        frame = _Frame(turned[d], levels[d], along[d], across[d], found[d])
        cells, held[d, k, 1] = _count(
            frame, depth[k], pitch[d, k], along_m[k], rules, PHASES if full else QUICK_PHASES, work
        )
        held[d, k, 0] = most = cells * cell_modules[k]
        if full:
            stage[d, k] = 2
            most = most if most >= rules.least_array else 0
            hope[d, k] = _score(most, value[d, k], cost[d, k], fixed)
        else:
            stage[d, k] = 1
            hope[d, k] = _score(
                most * (1.0 + QUICK_MARGIN) + 2 * cell_modules[k], value[d, k], cost[d, k], fixed
            )


def pack(
    outline: Outlines,
    polygon: Ints,
    centre: Floats,
    low: Floats,
    high: Floats,
    turn: Floats,
    depth: Floats,
    pitch: Floats,
    value: Floats,
    cost: Floats,
    fixed: Floats,
    kinds: Cells,
    strips: Strips,
    layout: Layout,
    thorough: bool = False,
) -> Packed:
    """Choose the best arrangement of modules for each plane.

    The score of n modules is n * value / (fixed + n * cost): value 1, fixed 1 and cost 0 look
    for the most modules; the yield of a module as value for the most energy; with the cost of a
    module and of a roof for the most energy per money. The result for a plane depends on that
    plane alone; the lock of the interpreter is released.

    Parameters
    ----------
    outline
        Usable polygons: inside the setback, less obstructions; holes and many parts allowed.
    polygon
        Shape (planes,): the polygon of each plane.
    centre
        Shape (planes, 2): origin of the frame, m.
    low, high
        Shape (planes,): limits of v from the centre, m (a ridge roof's side); infinite if none.
    turn
        Shape (planes, directions): directions of rows, radians from x; NaN where unused.
    depth
        Shape (planes, kinds): plan depth of a row, m.
    pitch
        Shape (planes, directions, kinds): least distance of row bottoms, m, at least the depth;
        not finite where the arrangement is not allowed.
    value, cost
        Shape (planes, directions, kinds): per module; values of 0 or less are not allowed.
    fixed
        Shape (planes,): cost of a plane whatever it holds.
    kinds, strips, layout
        Cells, strips that stay free, rules of rows and blocks.
    thorough
        Count every candidate with every phase (for checks: several times slower).
    """
    whole = np.empty((len(polygon), 7), dtype=np.int64)
    scores = np.empty((len(polygon), 2))
    _search(
        _own(outline.edges), _own(outline.start), _own(polygon), _own(centre),
        np.stack([low, high], axis=1).astype(np.float64), _own(turn), _own(depth), _own(pitch),
        _own(value), _own(cost), _own(fixed), _own(kinds.along_m), _own(kinds.cell_modules),
        _rules(layout), _pattern(strips), thorough, whole, scores,
    )  # fmt: skip
    return Packed(
        direction=whole[:, 0], kind=whole[:, 1], count=whole[:, 2], score=scores[:, 0],
        row_count=whole[:, 3], runner_direction=whole[:, 4], runner_kind=whole[:, 5],
        runner_count=whole[:, 6], runner_score=scores[:, 1],
    )  # fmt: skip


def _own(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array as the kernels are compiled for: contiguous and not read-only."""
    kind = np.int64 if values.dtype.kind == "i" else np.float64
    return np.require(values, kind, ["C", "W"])


def _rules(layout: Layout) -> _Rules:
    return _Rules(
        float(layout.max_block_m), float(layout.fire_break_width_m), float(layout.walkway_every_m),
        float(layout.walkway_width_m), float(layout.module_gap_m), int(layout.min_run_modules),
        int(layout.min_array_modules),
    )  # fmt: skip


def _pattern(strips: Strips) -> Floats:
    columns = [
        strips.skylight_every_m, strips.skylight_width_m, strips.tooth_pitch_m,
        strips.tooth_fraction,
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float64)


@_kernel
def _place(
    edges: Floats, centre: Floats, limits: Floats, turn: float, depth: float, pitch: float,
    along_m: float, rules: _Rules, pattern: Floats
) -> Floats:  # fmt: skip
    """Return u and v of the lower left corner of each cell of the full count."""
    n = len(edges)
    one = np.full((1, 1, 1), pitch)
    most_edges, most_strips, most_bands = _sizes(
        edges, np.array([0, n]), np.zeros(1, np.int64), one, rules, pattern
    )
    work = _scratch(most_edges, most_strips, most_bands)
    cuts, across = np.empty((most_strips, 2)), np.empty((most_strips, 2))
    frame = _Frame(np.empty((n, 5)), np.empty((3, LEVELS_SQUARE)), cuts, across, np.empty(6))
    raw, order = np.empty((n, 4)), np.empty(n, np.int64)
    _enter(edges, centre, turn, limits, rules, pattern[0], raw, order, frame)
    if not frame.found[1] > frame.found[0]:
        return np.empty((0, 2))
    cells, rows = _count(frame, depth, pitch, along_m, rules, PHASES, work)
    placed = np.empty((cells, 2))
    at, cut = 0, int(frame.found[4])
    for r in range(rows):
        bottom = work.bands[work.rows[r]]
        low, high = bottom + TOLERANCE, bottom + depth - TOLERANCE
        alive = 0
        for i in range(n):
            if frame.edges[i, 1] < high and frame.edges[i, 3] > low:
                work.active[alive] = i
                alive += 1
        free = _free(frame.edges, work.active, alive, low, high, rules.gap, work.span)
        for k in range(free):
            left, right = work.span[k, 3], work.span[k, 4]
            for i in range(cut + 1):
                begin = left if i == 0 else max(left, cuts[i - 1, 1])
                end = right if i == cut else min(right, cuts[i, 0])
                for c in range(_fit(end - begin, along_m, rules.gap, rules.least_run)):
                    placed[at, 0], placed[at, 1] = begin + c * (along_m + rules.gap), bottom
                    at += 1
    return placed[:at]


def modules(
    outline: Outlines,
    polygon: int,
    centre: Floats,
    low: float,
    high: float,
    turn: float,
    depth: float,
    pitch: float,
    along_m: float,
    cell_modules: int,
    strips: Strips,
    plane: int,
    layout: Layout,
) -> Placed:
    """Return the outline of every module of one plane in one arrangement.

    Rows and runs are those that :func:`pack` counted; runs begin at the left end (least u) of
    their free interval.

    Parameters
    ----------
    outline, polygon
        Usable polygons, and the position of the plane's own.
    centre
        Shape (2,): origin of the frame, m.
    low, high, turn, depth, pitch, along_m, cell_modules
        Of the plane and its arrangement, as given to :func:`pack`.
    strips, plane
        Strips of all planes and the plane's position in them.
    layout
        Rules of rows and blocks.
    """
    edges = _own(outline.edges)[outline.start[polygon] : outline.start[polygon + 1]]
    if not len(edges):
        return Placed(np.empty((0, 4, 2)), np.empty(0, dtype=np.int64))
    cells = _place(
        edges, _own(centre), np.array([low, high], dtype=np.float64), float(turn), float(depth),
        float(pitch), float(along_m), _rules(layout), _pattern(strips)[plane : plane + 1],
    )  # fmt: skip
    slant = (depth - (cell_modules - 1) * layout.east_west_ridge_gap_m) / cell_modules
    lift = np.stack([np.zeros(cell_modules), np.arange(cell_modules) * (depth - slant)], axis=1)
    corner = np.array([[0.0, 0.0], [along_m, 0.0], [along_m, slant], [0.0, slant]])
    local = (cells[:, None, None, :] + lift[:, None, :] + corner).reshape(-1, 4, 2)
    forward = np.array([np.cos(turn), np.sin(turn)])
    left = np.array([-forward[1], forward[0]])
    corners = centre + local[..., :1] * forward + local[..., 1:] * left
    side = np.tile([-1, 1] if cell_modules == 2 else [0], len(cells)).astype(np.int64)
    return Placed(corners, side)

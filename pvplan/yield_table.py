"""The yield of arrays, read from a table of pvlib runs.

The table's axes are the place (which gives the sun), the ratio of a month's GHI to the base
year's (which gives the irradiance), the tilt, mounting and row spacing, and the azimuth. Nodes
lie at fixed places of each axis, so a roof's value never depends on which other roofs are
computed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from pvplan.assumptions import Assumptions, WeatherRules
from pvplan.errors import InputError
from pvplan.roof import generation, packing, weather
from pvplan.tables import Floats, Ints, Sky, Sun

Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@dataclass(frozen=True)
class Places:
    """Where roofs lie: arrays of shape (roofs,).

    ``longitude``, ``latitude`` in degrees, WGS84; ``convergence_deg`` of the metric CRS's grid
    north at the place.
    """

    longitude: Floats
    latitude: Floats
    convergence_deg: Floats


def cells_of(where: Places, size_deg: float) -> tuple[Ints, Floats]:
    """Return the name of each roof's weather cell, (east, north) steps, and its latitude."""
    east = np.floor(where.longitude / size_deg).astype(np.int64)
    north = np.floor(where.latitude / size_deg).astype(np.int64)
    latitude: Floats = (north + 0.5) * np.float64(size_deg)
    return np.stack([east, north], axis=1), latitude


def ghi_ratio(
    base: weather.Base, monthly_ghi: Floats | None, roofs: int, assumptions: Assumptions
) -> Floats:
    """Return each roof's monthly GHI over the base year's, shape (roofs, 12).

    Raises
    ------
    InputError
        A ratio beyond ``weather.min_ghi_ratio`` and ``max_ghi_ratio``: another climate, or unit.
    """
    base_ghi = base.sky.monthly_ghi()
    if monthly_ghi is None:
        return np.ones((roofs, 12))
    if monthly_ghi.shape[1] == 1:
        ratio = np.repeat(monthly_ghi / base_ghi.sum(), 12, axis=1)
    else:
        # A month of polar night has no light to scale.
        lit = base_ghi > 0.0
        ratio = np.where(lit, monthly_ghi / np.where(lit, base_ghi, 1.0), 1.0)
    rules = assumptions.weather
    wrong = (ratio < rules.min_ghi_ratio) | (ratio > rules.max_ghi_ratio) | np.isnan(ratio)
    if wrong.any():
        roof, month = np.argwhere(wrong)[0]
        raise InputError(
            f"irradiance: {int(wrong.any(axis=1).sum())} roofs have a month whose GHI is not"
            f" {rules.min_ghi_ratio:g}-{rules.max_ghi_ratio:g} times the base year's (first: roof"
            f" {roof + 1}, month {month + 1}: ratio {ratio[roof, month]:.2f}); raster and weather"
            " describe different climates, or the raster's unit is wrong"
        )
    return ratio


AT_ONCE: Final = 32_768
"""Arrays looked up together: what they need stays within some tens of megabytes."""

RATIO_NODES: Final = (0.6, 0.8, 0.9, 1.0)
"""DC/AC ratios that are computed, as shares of the nominal one; no inverter is smaller."""


@dataclass(frozen=True)
class Arrays:
    """Modules that stand alike on a roof: what their yield depends on; shape (arrays,).

    Attributes
    ----------
    roof
        Position of the array's roof.
    tilt, azimuth
        Degrees (pvlib's surface_tilt, surface_azimuth).
    racked
        True where air passes under the modules (heat loss of open racks).
    slant_m
        Length of a row along its slope where rows shade each other, else NaN.
    pitch_m
        Distance of the rows in plan where the roof gives it (saw-teeth); NaN where the solstice
        rule does.
    capacity_kw
        DC capacity.
    dc_ac_ratio
        DC over AC capacity of its roof's inverters.
    beam_loss
        Shape (arrays, 12): share of each month's beam energy lost to the horizon.
    sky_view
        Share of the sky's diffuse light that the horizon leaves.
    """

    roof: Ints
    tilt: Floats
    azimuth: Floats
    racked: npt.NDArray[np.bool_]
    slant_m: Floats
    pitch_m: Floats
    capacity_kw: Floats
    dc_ac_ratio: Floats
    beam_loss: Floats
    sky_view: Floats

    def __len__(self) -> int:
        return len(self.roof)


@dataclass(frozen=True)
class Yields:
    """What the arrays yield in their first year.

    Attributes
    ----------
    energy_kwh
        Shape (arrays, 12): AC energy.
    poa_kwh
        Shape (arrays,): plane-of-array irradiation times capacity.
    steps_kwh
        Shape (arrays, len(STEPS)): from horizontal irradiation times capacity to AC energy; the
        row's sum is the year's energy.
    beam_kwh, beam_lost_kwh
        Shape (arrays,): what direct light yields without a horizon, and what the horizon takes.
    """

    energy_kwh: Floats
    poa_kwh: Floats
    steps_kwh: Floats
    beam_kwh: Floats
    beam_lost_kwh: Floats


STEPS: Final = (*generation.STEPS[:2], "horizon_beam", "horizon_sky", *generation.STEPS[2:])
"""Names of the waterfall's steps; shading by the horizon follows the transposition."""


@dataclass(frozen=True)
class Kind:
    """A class of arrays: one row of azimuth nodes serves them all; None where it has no such word.

    ``slant_m`` and ``pitch_m`` as in :class:`Arrays`. Kinds are keys: equal words, equal kinds.
    """

    tilt: float
    racked: bool
    slant_m: float | None = None
    pitch_m: float | None = None
    fixed_azimuth: float | None = None

    def azimuths(self, step_deg: float) -> Floats:
        """Return the azimuths to compute: all around, or the only one."""
        if self.fixed_azimuth is None:
            return generation.azimuth_nodes(step_deg)
        return np.array([self.fixed_azimuth])


def kinds_of(arrays: Arrays) -> tuple[tuple[Kind, ...], Ints]:
    """Return the distinct kinds of arrays and each array's kind."""
    # Level modules face nowhere, and rows that face the equator exactly are many: one node each.
    exact = arrays.racked & np.isin(arrays.azimuth, (0.0, 180.0))
    fixed = np.where(exact | (arrays.tilt == 0.0), arrays.azimuth, -1.0)
    slant, pitch = (np.where(np.isnan(w), -1.0, w) for w in (arrays.slant_m, arrays.pitch_m))
    keys = np.stack([arrays.tilt, arrays.racked, slant, pitch, fixed], axis=1)
    distinct, position = np.unique(keys, axis=0, return_inverse=True)
    kinds = tuple(
        Kind(
            float(tilt),
            bool(racked),
            *(float(word) if word >= 0.0 else None for word in rest),
        )
        for tilt, racked, *rest in distinct
    )
    return kinds, position.reshape(-1).astype(np.int64)


def orientations(kind: Kind, latitude: float, assumptions: Assumptions) -> generation.Orientations:
    """Return a kind's orientations at its azimuth nodes."""
    azimuth = kind.azimuths(assumptions.weather.azimuth_step_deg)
    return orientations_at(kind, azimuth, latitude, assumptions)


def orientations_at(
    kind: Kind, azimuth: Floats, latitude: float, assumptions: Assumptions
) -> generation.Orientations:
    """Return a kind's orientations; rows stand as the roof says, or the solstice rule."""
    rules = assumptions.layout
    tilt = np.full(len(azimuth), kind.tilt)
    gcr = np.full(len(azimuth), np.nan)
    if kind.slant_m is not None and kind.pitch_m is not None:
        gcr[:] = kind.slant_m / kind.pitch_m
    elif kind.slant_m is not None:
        elevation, sun_azimuth = weather.solstice_sun(
            np.array([latitude]), rules.solstice_first_hour, rules.solstice_last_hour
        )
        sun = (np.repeat(sky, len(azimuth), axis=0) for sky in (elevation, sun_azimuth))
        pitch = packing.row_pitch(kind.slant_m, tilt, azimuth, *sun)
        least = kind.slant_m * np.cos(np.radians(tilt)) + rules.min_row_gap_m
        gcr = kind.slant_m / np.maximum(pitch, least)
        gcr = np.where(gcr > 0.0, gcr, np.nan)
    return generation.Orientations(tilt, azimuth, np.full(len(azimuth), kind.racked), gcr)


def azimuth_nodes_and_weights(azimuth: Floats, count: int) -> tuple[Ints, Floats]:
    """Return the four nodes around each azimuth and their cubic Lagrange weights.

    Parameters
    ----------
    azimuth
        Shape (n,), degrees.
    count
        Number of equally spaced nodes, the first at 0°; 1 stands for every azimuth.

    Returns
    -------
    nodes, weights : ndarray, shape (n, 4)
        Weights sum to 1; at a node exactly one is 1.
    """
    if count == 1:
        nodes = np.zeros((len(azimuth), 4), dtype=np.int64)
        return nodes, np.tile([1.0, 0.0, 0.0, 0.0], (len(azimuth), 1))
    place = azimuth % 360.0 / (360.0 / count)
    first = np.floor(place)
    f = place - first
    weights = np.stack(
        [
            -f * (f - 1.0) * (f - 2.0) / 6.0,
            (f + 1.0) * (f - 1.0) * (f - 2.0) / 2.0,
            -(f + 1.0) * f * (f - 2.0) / 2.0,
            (f + 1.0) * f * (f - 1.0) / 6.0,
        ],
        axis=1,
    )
    nodes = (first.astype(np.int64)[:, None] + np.arange(-1, 3)) % count
    return nodes, weights


Tables = dict[tuple[int, int], Floats]
"""(GHI step, kind) -> values of the kind's azimuths by month, (azimuths, 12, quantities)."""

Known = dict[tuple[tuple[int, int], int, "Kind"], tuple[Floats, npt.NDArray[np.bool_]]]
"""(node, GHI step, kind) -> values as in Tables, and which (azimuths, 12) of them are there."""

POA, BEAM, SKY = 0, 1, 2
ENERGY: Final = slice(3, 3 + len(RATIO_NODES))
NOMINAL: Final = ENERGY.stop - 1
CLIPPING: Final = slice(ENERGY.stop, ENERGY.stop + len(RATIO_NODES))
STEP: Final = slice(CLIPPING.stop, None)


@dataclass(frozen=True)
class _Cell:
    """A weather cell: its arrays, what they need, and the four nodes around its centre.

    ``kinds`` tells which azimuth nodes of each kind are needed, ``months`` which months at each
    GHI step.
    """

    members: Ints
    kinds: dict[int, npt.NDArray[np.bool_]]
    months: dict[int, npt.NDArray[np.bool_]]
    corners: tuple[tuple[tuple[int, int], float], ...]


@dataclass
class _Node:
    """A place where pvlib runs: what the cells around it need."""

    place: tuple[int, int]
    months: dict[int, npt.NDArray[np.bool_]]
    kinds: dict[int, npt.NDArray[np.bool_]]


def yields(
    base: weather.Base,
    where: Places,
    ratio: Floats,
    arrays: Arrays,
    assumptions: Assumptions,
    mapper: Mapper,
    known: Known | None = None,
) -> Yields:
    """Return what each array yields.

    Parameters
    ----------
    base
        The base year.
    where
        Places of the roofs.
    ratio
        Shape (roofs, 12): monthly GHI over the base year's.
    arrays
        What to compute.
    assumptions
        Weather, system, module and layout rules are read.
    mapper
        Runs nodes and chunks of arrays.
    known
        What earlier calls with this base year and these assumptions computed; what this one
        computes is added. It moves no digit.
    """
    rules = assumptions.weather
    low = np.floor(ratio / rules.ghi_ratio_step + 1e-9).astype(np.int64)
    share = np.maximum(ratio / rules.ghi_ratio_step - low, 0.0)
    share = np.where(share < 1e-9, 0.0, share)
    kinds, kind = kinds_of(arrays)
    azimuths = [len(one.azimuths(rules.azimuth_step_deg)) for one in kinds]
    cells = _weather_cells(where, arrays, kind, azimuths, low, share, rules)
    nodes = _nodes(cells)
    known = {} if known is None else known
    run = partial(_run_node, base=base, kinds=kinds, assumptions=assumptions, known=known)
    tables = dict(zip(nodes, mapper(run, nodes.values()), strict=True))
    count = len(arrays)
    found = Yields(
        np.zeros((count, 12)),
        np.zeros(count),
        np.zeros((count, len(STEPS))),
        np.zeros(count),
        np.zeros(count),
    )

    def fill(chunk: tuple[_Cell, int, Ints]) -> None:
        cell, number, chosen = chunk
        table = _table_of(cell, number, tables)
        roof = arrays.roof[chosen]
        azimuth, weights = azimuth_nodes_and_weights(arrays.azimuth[chosen], table.shape[1])
        values = np.empty((len(chosen), 12, table.shape[3]))
        _look_up(table, azimuth, weights, low[roof] - min(cell.months), share[roof], values)
        _reduced(values, arrays, chosen, assumptions.system.dc_ac_ratio, found)

    for _ in mapper(fill, list(_chunks(cells, kind))):
        pass
    return found


def _chunks(cells: list[_Cell], kind: Ints) -> Iterator[tuple[_Cell, int, Ints]]:
    for cell in cells:
        of_member = kind[cell.members]
        for number in cell.kinds:
            chosen = cell.members[of_member == number]
            for first in range(0, len(chosen), AT_ONCE):
                yield cell, number, chosen[first : first + AT_ONCE]


def _table_of(cell: _Cell, number: int, tables: dict[tuple[int, int], Tables]) -> Floats:
    """Return (GHI steps, azimuths, 12, quantities) at a cell's centre; NaN where not needed."""
    first, last = min(cell.months), max(cell.months)
    shape = tables[cell.corners[0][0]][first, number].shape
    stack = np.full((last + 1 - first, *shape), np.nan)
    for step in cell.months:
        stack[step - first] = sum(
            weight * tables[node][step, number] for node, weight in cell.corners
        )
    return stack


def _reduced(values: Floats, arrays: Arrays, chosen: Ints, nominal: float, into: Yields) -> None:
    """Fill in the yields of some arrays: real DC/AC ratio, shading by the horizon, capacity."""
    of_nominal = arrays.dc_ac_ratio[chosen] / nominal
    energy = _at_ratio(values[:, :, ENERGY], of_nominal)
    steps = values[:, :, STEP]
    # Another inverter changes clipping and part-load efficiency, the last two steps.
    steps[:, :, -1] = _at_ratio(values[:, :, CLIPPING], of_nominal)
    steps[:, :, -2] = energy - steps[:, :, :-2].sum(axis=2) - steps[:, :, -1]
    # Beam and sky parts are those at the nominal ratio; clipping makes them differ by little.
    nominal_energy = values[:, :, NOMINAL]
    scale = energy / np.where(nominal_energy > 0.0, nominal_energy, 1.0)
    whole = values[:, :, BEAM] * scale
    beam = whole * arrays.beam_loss[chosen]
    sky = values[:, :, SKY] * scale * (1.0 - arrays.sky_view[chosen])[:, None]
    kept = np.maximum(energy - beam - sky, 0.0)
    kw = arrays.capacity_kw[chosen]
    into.energy_kwh[chosen] = kept * kw[:, None]
    into.beam_kwh[chosen] = whole.sum(axis=1) * kw
    into.beam_lost_kwh[chosen] = beam.sum(axis=1) * kw
    into.poa_kwh[chosen] = values[:, :, POA].sum(axis=1) * kw
    into.steps_kwh[chosen] = _waterfall(steps, energy, beam, sky, kept) * kw[:, None]


def _at_ratio(energy: Floats, of_nominal: Floats) -> Floats:
    """Interpolate energy (arrays, 12, ratios) at each array's own DC/AC ratio."""
    nodes = np.array(RATIO_NODES)
    at = np.clip(of_nominal, nodes[0], nodes[-1])
    upper = np.clip(np.searchsorted(nodes, at, side="left"), 1, len(nodes) - 1)
    share = ((at - nodes[upper - 1]) / (nodes[upper] - nodes[upper - 1]))[:, None]
    rows = np.arange(len(at))
    lower_energy, upper_energy = energy[rows, :, upper - 1], energy[rows, :, upper]
    found: Floats = lower_energy + share * (upper_energy - lower_energy)
    return found


def _waterfall(steps: Floats, energy: Floats, beam: Floats, sky: Floats, kept: Floats) -> Floats:
    """Return the year's waterfall (arrays, steps) that ends in the kept energy.

    Light lost to the horizon never reaches the later steps: each of them shrinks with the
    month's kept share, and the horizon's own steps hold what that takes from the irradiation.
    """
    share = np.where(energy > 0.0, kept / np.where(energy > 0.0, energy, 1.0), 1.0)
    later = steps[:, :, 2:] * share[:, :, None]
    on_plane = steps[:, :, :2].sum(axis=2)
    lost = kept - on_plane - later.sum(axis=2)
    both = beam + sky
    of_beam = np.where(both > 0.0, beam / np.where(both > 0.0, both, 1.0), 0.0)
    stacked = [steps[:, :, :2], (lost * of_beam)[:, :, None], (lost * (1 - of_beam))[:, :, None]]
    year: Floats = np.concatenate([*stacked, later], axis=2).sum(axis=1)
    return year


def _weather_cells(
    where: Places,
    arrays: Arrays,
    kind: Ints,
    azimuths: list[int],
    low: Ints,
    share: Floats,
    rules: WeatherRules,
) -> list[_Cell]:
    roof = arrays.roof
    names_of_cells = cells_of(where, rules.cell_size_deg)[0]
    distinct, of_roof = np.unique(names_of_cells, axis=0, return_inverse=True)
    position = of_roof.reshape(-1)[roof]
    order = np.argsort(position, kind="stable")
    bounds = np.searchsorted(position[order], np.arange(len(distinct) + 1))
    found = []
    for number, name in enumerate(distinct):
        members = order[bounds[number] : bounds[number + 1]]
        if not len(members):
            continue
        roofs = np.unique(roof[members])
        east, north = (name + 0.5) * rules.cell_size_deg / rules.node_size_deg
        column, row = int(np.floor(east)), int(np.floor(north))
        right, up = float(east - column), float(north - row)
        corners = (
            ((column, row), (1.0 - right) * (1.0 - up)),
            ((column + 1, row), right * (1.0 - up)),
            ((column, row + 1), (1.0 - right) * up),
            ((column + 1, row + 1), right * up),
        )
        found.append(
            _Cell(
                members,
                _azimuths_by_kind(arrays.azimuth[members], kind[members], azimuths),
                _months_by_step(low[roofs], share[roofs]),
                tuple((node, weight) for node, weight in corners if weight > 1e-12),
            )
        )
    return found


def _nodes(cells: list[_Cell]) -> dict[tuple[int, int], _Node]:
    nodes: dict[tuple[int, int], _Node] = {}
    for cell in cells:
        for place, _ in cell.corners:
            node = nodes.setdefault(place, _Node(place, {}, {}))
            for number, needed in cell.kinds.items():
                node.kinds[number] = node.kinds.get(number, np.zeros_like(needed)) | needed
            for step, months in cell.months.items():
                node.months[step] = node.months.get(step, np.zeros(12, dtype=bool)) | months
    return nodes


def _azimuths_by_kind(
    azimuth: Floats, kind: Ints, azimuths: list[int]
) -> dict[int, npt.NDArray[np.bool_]]:
    needed = {}
    for number in np.unique(kind).tolist():
        nodes, weights = azimuth_nodes_and_weights(azimuth[kind == number], azimuths[number])
        used = np.zeros(azimuths[number], dtype=bool)
        used[nodes[weights != 0.0]] = True
        needed[number] = used
    return needed


def _months_by_step(low: Ints, share: Floats) -> dict[int, npt.NDArray[np.bool_]]:
    needed: dict[int, npt.NDArray[np.bool_]] = {}
    for steps, used in ((low, np.ones_like(low, dtype=bool)), (low + 1, share > 0.0)):
        for step in np.unique(steps[used]).tolist():
            months = (used & (steps == step)).any(axis=0)
            needed[step] = needed.get(step, np.zeros(12, dtype=bool)) | months
    return dict(sorted(needed.items()))


def _run_node(
    node: _Node,
    base: weather.Base,
    kinds: tuple[Kind, ...],
    assumptions: Assumptions,
    known: Known,
) -> Tables:
    """Return the values at a node, computing those that are not known yet."""
    longitude, latitude = (at * assumptions.weather.node_size_deg for at in node.place)
    sun = cache(partial(weather.sun_over, base.times, latitude, longitude, base.altitude_m))
    tables: Tables = {}
    for step, months in sorted(node.months.items()):
        lacking = {}
        for number in sorted(node.kinds):
            values, there = known.get((node.place, step, kinds[number]), (None, None))
            lacks = node.kinds[number][:, None] & months
            lacks = lacks if there is None else lacks & ~there
            if values is None or lacks.any():
                lacking[number] = lacks
            else:
                tables[step, number] = values
        if lacking:
            ratio = step * assumptions.weather.ghi_ratio_step
            planes = {
                number: orientations(kinds[number], latitude, assumptions) for number in lacking
            }
            found = _computed(lacking, planes, base, sun(), ratio, assumptions)
            for number, values in found.items():
                key, lacks = (node.place, step, kinds[number]), _block(lacking[number])
                before, there = known.get(key, (values, np.zeros_like(lacks)))
                known[key] = np.where(lacks[:, :, None], values, before), there | lacks
                tables[step, number] = known[key][0]
    return tables


def _block(lacks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the azimuths of any month times the months of any azimuth: what is computed."""
    used, months = _lines(lacks)
    return used[:, None] & months


def _lines(lacks: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which azimuths and which months lack anything."""
    return np.asarray(lacks.any(axis=1)), np.asarray(lacks.any(axis=0))


def _computed(
    lacking: dict[int, npt.NDArray[np.bool_]],
    planes: dict[int, generation.Orientations],
    base: weather.Base,
    sun: Sun,
    ratio: float,
    assumptions: Assumptions,
) -> dict[int, Floats]:
    """Run pvlib under one GHI ratio; kind to (azimuths, 12, quantities), NaN elsewhere."""
    found: dict[int, Floats] = {}
    skies: dict[bytes, tuple[Sky, Sun]] = {}
    for number, lacks in lacking.items():
        used, months = _lines(lacks)
        if months.tobytes() not in skies:
            ratios = np.where(months, ratio, np.nan)
            sky = weather.scaled(base, sun, ratios, assumptions.weather)
            hours = months[sky.month]
            skies[months.tobytes()] = sky.at(hours), sun.at(hours)
        some = _quantities(*skies[months.tobytes()], planes[number].at(used), assumptions)
        found[number] = np.full((len(used), *some.shape[1:]), np.nan)
        found[number][used] = _night_is_zero(some, months)
    return found


def _quantities(
    sky: Sky, sun: Sun, planes: generation.Orientations, assumptions: Assumptions
) -> Floats:
    """Return (planes, 12, quantities): irradiation, beam part, sky part, energies, steps."""
    system = assumptions.system
    month = generation.monthly(
        sky,
        sun,
        planes,
        system,
        assumptions.module,
        dc_ac_ratios=np.array(RATIO_NODES) * system.dc_ac_ratio,
        shaded=assumptions.layout.method == "packed",
    )
    plain = [month.poa, month.beam, month.sky, *month.energy, *month.clipping]
    values: Floats = np.concatenate([np.stack(plain, axis=-1), month.steps], axis=-1)
    return values


def _night_is_zero(values: Floats, months: npt.NDArray[np.bool_]) -> Floats:
    """Set needed months without any light to 0; months that were not asked for stay missing."""
    return np.where(np.isnan(values) & months[None, :, None], 0.0, values)


@njit(cache=True, nogil=True)
def _look_up(
    table: Floats, azimuth: Ints, weights: Floats, low: Ints, share: Floats, found: Floats
) -> None:
    """Interpolate in azimuth and GHI ratio; adds in one order, whatever the neighbours.

    Shapes: table (steps, azimuths, 12, quantities); azimuth, weights (n, 4); low, share (n, 12);
    found (n, 12, quantities), filled.
    """
    quantities = table.shape[3]
    for row in range(len(found)):
        for month in range(12):
            step, rest = low[row, month], share[row, month]
            for quantity in range(quantities):
                lower = 0.0
                for node in range(4):
                    if weights[row, node] != 0.0:
                        at = azimuth[row, node]
                        lower += weights[row, node] * table[step, at, month, quantity]
                if rest > 0.0:
                    upper = 0.0
                    for node in range(4):
                        if weights[row, node] != 0.0:
                            at = azimuth[row, node]
                            upper += weights[row, node] * table[step + 1, at, month, quantity]
                    lower += rest * (upper - lower)
                found[row, month, quantity] = lower

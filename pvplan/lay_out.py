"""Roofs to arrays of modules: inset, shade, pack; one block of roofs at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely

from pvplan.arrange import Chosen, Task, arrange, stacked
from pvplan.assumptions import Assumptions
from pvplan.light import Light
from pvplan.look import Horizons, Roofs, Surroundings, horizons, sunny_region
from pvplan.outlines import outlines
from pvplan.roof import packing, structure, surfaces, weather
from pvplan.shade import Shaded, Sides, losses
from pvplan.tables import ROOF_FORMS, Floats, Ints
from pvplan.yield_table import Arrays, Mapper, Places, cells_of

Geometries = npt.NDArray[Any]
Texts = npt.NDArray[Any]
BLOCK: Final = 2_048
"""Roofs laid out together: a block's horizons stay within some hundred megabytes."""


@dataclass(frozen=True)
class Site:
    """Roofs to lay out: arrays of shape (roofs,), in the buildings' order.

    ``surveyed`` is the load that a survey allows [kN/m²], NaN where there was none;
    ``obstructions`` holds a geometry or None for each roof; it is None without such a layer.
    """

    geometry: Geometries
    roof_form: Texts
    height_m: Floats
    completed_on: npt.NDArray[Any]
    surveyed: Floats
    own: Ints
    where: Places
    obstructions: Geometries | None

    def at(self, rows: slice) -> Site:
        """Return some of the roofs."""
        where = Places(*(getattr(self.where, name)[rows] for name in _PLACE_WORDS))
        given = None if self.obstructions is None else self.obstructions[rows]
        return Site(
            self.geometry[rows], self.roof_form[rows], self.height_m[rows],
            self.completed_on[rows], self.surveyed[rows], self.own[rows], where, given,
        )  # fmt: skip


_PLACE_WORDS: Final = ("longitude", "latitude", "convergence_deg")


@dataclass(frozen=True)
class LaidOut:
    """What the packer placed.

    Attributes
    ----------
    arrays
        Modules that stand alike; their DC/AC ratio is still the nominal one.
    module_count, gcr, row_pitch_m, mounting, arrangement
        Shape (arrays,): whole modules; row length over pitch; pitch, NaN where flush; mounting;
        words of the arrangement (mounting, tilt, module orientation, row direction).
    usable_area_m2, plane_count
        Shape (roofs,): area that modules may stand on; planes of the roof.
    runner_up, margin_fraction
        Shape (roofs,): the second best arrangement of the roof's main plane in words ("" for
        none), and by how much of the best score it falls short.
    structure_state
        Shape (roofs,): words of :data:`pvplan.tables.STRUCTURE_STATES`.
    """

    arrays: Arrays
    module_count: Ints
    gcr: Floats
    row_pitch_m: Floats
    mounting: Texts
    arrangement: Texts
    usable_area_m2: Floats
    plane_count: Ints
    runner_up: Texts
    margin_fraction: Floats
    structure_state: Texts


def lay_out(
    site: Site, around: Surroundings, light: Light, assumptions: Assumptions, mapper: Mapper
) -> LaidOut:
    """Lay out every roof, block by block.

    Parameters
    ----------
    site, around
        The roofs, and what can shade them.
    light
        The sun and what orientations yield.
    assumptions
        Surfaces, layout, shading, structure, module and finance rules are read.
    mapper
        Runs the blocks.
    """
    blocks = [slice(at, at + BLOCK) for at in range(0, len(site.geometry), BLOCK)]
    run = partial(_block, site=site, around=around, light=light, assumptions=assumptions)
    return _joined(list(mapper(run, blocks)))


def _joined(parts: list[LaidOut]) -> LaidOut:
    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    first = np.cumsum([0, *(len(part.plane_count) for part in parts[:-1])])
    words = [name for name in Arrays.__dataclass_fields__ if name != "roof"]
    arrays = Arrays(
        roof=np.concatenate([p.arrays.roof + at for p, at in zip(parts, first, strict=True)]),
        **{n: np.concatenate([getattr(part.arrays, n) for part in parts]) for n in words},
    )
    rest = [name for name in LaidOut.__dataclass_fields__ if name != "arrays"]
    return LaidOut(arrays, **{name: joined(name) for name in rest})


@dataclass(frozen=True)
class Block:
    """A block of roofs with all that was found on the way: planes, horizons, region, choice."""

    planes: surfaces.Planes
    roofs: Roofs
    seen: Horizons
    region: Geometries
    packed: Chosen
    sides: Sides
    lost: Shaded


def look_at(here: Site, around: Surroundings, light: Light, assumptions: Assumptions) -> Block:
    """Describe, shade and pack the roofs of one block.

    Parameters
    ----------
    here
        The roofs.
    around, light, assumptions
        As for :func:`lay_out`.
    """
    planes = surfaces.describe_planes(
        here.geometry,
        here.roof_form,
        here.where.convergence_deg,
        here.where.latitude >= 0.0,
        assumptions.surfaces,
        assumptions.layout,
    )
    roofs = _roofs(here, planes, light, assumptions)
    roofs, seen = horizons(roofs, around, light, assumptions.shading)
    region = sunny_region(roofs, seen, assumptions.shading.max_beam_loss_fraction)
    found = [
        arrange(task, light, assumptions)
        for task in tasks(here, planes, region, roofs, assumptions)
    ]
    packed = stacked(found)
    sides = Sides(packed.arrays.roof, planes.side[packed.plane], planes.centre[packed.plane])
    lost = losses(roofs, seen, sides, packed.arrays, light, assumptions.shading)
    return Block(planes, roofs, seen, region, packed, sides, lost)


def _block(
    rows: slice, site: Site, around: Surroundings, light: Light, assumptions: Assumptions
) -> LaidOut:
    here = site.at(rows)
    return of_block(here, look_at(here, around, light, assumptions), assumptions)


def _roofs(here: Site, planes: surfaces.Planes, light: Light, assumptions: Assumptions) -> Roofs:
    layout = assumptions.layout
    usable = np.empty(len(here.geometry), dtype=object)
    parapet = np.zeros(len(usable))
    for form in ROOF_FORMS:
        chosen = here.roof_form == form
        usable[chosen] = surfaces.inset(here.geometry[chosen], layout.of(form).edge_setback_m)
        parapet[chosen] = layout.of(form).parapet_height_m
    if here.obstructions is not None:
        met = np.array([shape is not None for shape in here.obstructions], dtype=bool)
        usable[met] = shapely.difference(usable[met], here.obstructions[met])
    nodes, node = light.nodes_of(here.where)
    first = np.searchsorted(planes.roof, np.arange(len(usable)))
    return Roofs(
        usable,
        here.own,
        here.height_m,
        parapet,
        planes.axis_deg[first],
        here.where.convergence_deg,
        node,
        nodes,
    )


def tasks(
    here: Site, planes: surfaces.Planes, region: Geometries, roofs: Roofs, assumptions: Assumptions
) -> Iterator[Task]:
    """Give the planes of a block form by form: each form has its own kinds of arrangement."""
    edges = outlines(region)
    form = here.roof_form[planes.roof]
    elevation, sun_azimuth, place = _solstice(here.where, assumptions)
    unseen = _unseen(here, assumptions)
    bearing = np.bincount(planes.roof[planes.faces], minlength=len(here.geometry))
    for name in ROOF_FORMS:
        chosen = np.flatnonzero((form == name) & planes.faces)
        if not len(chosen):
            continue
        roof = planes.roof[chosen]
        yield Task(
            form=name,
            plane=chosen,
            roof=roof,
            outline=edges,
            slope=planes.slope[chosen],
            azimuth=planes.azimuth[chosen],
            axis_deg=planes.axis_deg[chosen],
            centre=planes.centre[chosen],
            side=planes.side[chosen],
            convergence_deg=here.where.convergence_deg[roof],
            equator_deg=np.where(here.where.latitude >= 0.0, 180.0, 0.0)[roof],
            completed_on=here.completed_on[roof],
            surveyed=here.surveyed[roof],
            sun=packing.SolsticeSun(elevation, sun_azimuth, place[roof]),
            node=roofs.node[roof],
            nodes=roofs.nodes,
            planes_of_roof=bearing[roof],
            unseen_fraction=unseen[roof],
        )


def _unseen(here: Site, assumptions: Assumptions) -> Floats:
    """Return the share of each roof that obstructions take which nobody has drawn.

    A roof on which at least one was drawn is taken to be surveyed; of others nothing is known.
    """
    of_form = {form: assumptions.layout.of(form).obstruction_fraction for form in ROOF_FORMS}
    unseen = np.array([of_form[form] for form in here.roof_form], dtype=np.float64)
    if here.obstructions is not None:
        unseen[[shape is not None for shape in here.obstructions]] = 0.0
    return unseen


def _solstice(where: Places, assumptions: Assumptions) -> tuple[Floats, Floats, Ints]:
    """Return the sun of the solstice window over the cells, and each roof's cell."""
    # The rule takes the latitude of the weather cell, as the energy takes its sun.
    _, latitude = cells_of(where, assumptions.weather.cell_size_deg)
    distinct, position = np.unique(latitude, return_inverse=True)
    rules = assumptions.layout
    elevation, azimuth = weather.solstice_sun(
        distinct, rules.solstice_first_hour, rules.solstice_last_hour
    )
    return elevation, azimuth, position.astype(np.int64)


def of_block(here: Site, block: Block, assumptions: Assumptions) -> LaidOut:
    """Return what the packer placed on the roofs of one block."""
    count = len(here.geometry)
    packed, lost = block.packed, block.lost
    area = shapely.area(block.region)
    area = area * (1.0 - _unseen(here, assumptions))
    # Planes that face away from the equator are no place for modules.
    planes = block.planes
    gross = np.bincount(planes.roof, weights=planes.plan_area_m2, minlength=count)
    facing = np.bincount(planes.roof, weights=planes.plan_area_m2 * planes.faces, minlength=count)
    area = area * np.where(gross > 0.0, facing / np.where(gross > 0.0, gross, 1.0), 0.0)
    arrays = replace(packed.arrays, beam_loss=lost.beam_loss, sky_view=lost.sky_view)
    main = main_array(arrays.roof, packed.module_count, count)
    # Where no module fits, the state is that of the lightest mounting.
    mountings = {form: assumptions.layout.of(form).mountings for form in ROOF_FORMS}
    mounting = structure.lightest(here.roof_form, mountings, assumptions.structure)
    mounting[main >= 0] = packed.mounting[main[main >= 0]]
    state = structure.state(
        here.roof_form, here.completed_on, mounting, assumptions.structure, here.surveyed
    )
    return LaidOut(
        arrays,
        packed.module_count,
        packed.gcr,
        packed.row_pitch_m,
        packed.mounting,
        packed.arrangement,
        area,
        np.bincount(block.planes.roof, minlength=count),
        _of_main(packed.runner_up, main, ""),
        _of_main(packed.margin_fraction, main, np.nan),
        state,
    )


def _of_main(values: npt.NDArray[Any], main: Ints, nothing: Any) -> Any:
    found = np.full(len(main), nothing, dtype=values.dtype if len(values) else None)
    some = main >= 0
    found[some] = values[main[some]]
    return found


def screened(
    geometry: Geometries, roof_form: Texts, where: Places, assumptions: Assumptions
) -> LaidOut:
    """Fill every roof by the area method: no shading, no outline of a row, shares for the rest."""
    north, layout = where.latitude >= 0.0, assumptions.layout
    planes = surfaces.describe_planes(
        geometry, roof_form, where.convergence_deg, north, assumptions.surfaces, layout
    )
    elevation, azimuth, place = _solstice(where, assumptions)
    filled = packing.fill_planes(
        roof_form[planes.roof],
        planes.slope,
        planes.azimuth,
        planes.usable_area_m2,
        np.where(north, 180.0, 0.0)[planes.roof],
        packing.SolsticeSun(elevation, azimuth, place[planes.roof]),
        layout,
        assumptions.module,
    )
    count, roofs = len(planes.roof), len(geometry)
    arrays = Arrays(
        roof=planes.roof,
        tilt=filled.tilt,
        azimuth=filled.azimuth,
        racked=filled.racked,
        slant_m=np.full(count, np.nan),
        pitch_m=np.full(count, np.nan),
        capacity_kw=filled.module_count * np.float64(assumptions.module.power_w / 1000.0),
        dc_ac_ratio=np.full(count, assumptions.system.dc_ac_ratio),
        beam_loss=np.zeros((count, 12)),
        sky_view=np.ones(count),
    )
    mounting = np.where(filled.racked, "racked", "flush").astype(object)
    nothing = np.full(roofs, "", dtype=object)
    return LaidOut(
        arrays,
        filled.module_count,
        filled.gcr,
        filled.row_pitch_m,
        mounting,
        np.full(count, "screening", dtype=object),
        np.bincount(planes.roof, weights=planes.usable_area_m2, minlength=roofs).astype(float),
        np.bincount(planes.roof, minlength=roofs),
        nothing,
        np.full(roofs, np.nan),
        np.full(roofs, "by_share", dtype=object),
    )


def main_array(roof: Ints, module_count: Ints, roofs: int) -> Ints:
    """Return each roof's array with most modules, of equals the first; -1 where none stands."""
    main = np.full(roofs, -1, dtype=np.int64)
    if not len(roof):
        return main
    order = np.lexsort((np.arange(len(roof)), -module_count, roof))
    first = np.flatnonzero(np.diff(roof[order], prepend=-1))
    main[roof[order[first]]] = order[first]
    return main

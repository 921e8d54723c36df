"""A finished run with other corrections: what they can change is computed anew, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assess import Mapper, World, assess_in
from pvplan.assumptions import Assumptions
from pvplan.city import economics, levels
from pvplan.corrected import changed
from pvplan.errors import InputError
from pvplan.gather import Gathered, Inputs, state_of
from pvplan.look import surroundings
from pvplan.plan import Findings, Measures, measure
from pvplan.record import city_of
from pvplan.registered import recorded
from pvplan.sources.corrections import NOTHING_THERE
from pvplan.tables import BUILDINGS, CLAUSE_EVIDENCE, FACTS, ROOF_FORMS, ROOFS, names

FACT_BOUNDS: Final = {fact.name: (fact.low, fact.high) for fact in FACTS}


@dataclass(frozen=True)
class Recount:
    """A city's roofs under other corrections.

    Attributes
    ----------
    changed
        Ids of the roofs that were computed anew.
    measures
        Roofs, sums by place and goals: what a whole run would find, before its doubts are drawn.
    """

    changed: pd.Index[Any]
    measures: Measures


def world_with(known: World, gathered: Gathered) -> World:
    """Return the world with the heights of these buildings; light and rules stay."""
    if known.scenery is None:
        return known
    casting = gathered.files.footprints.buildings
    if np.array_equal(casting["height_m"].to_numpy(float), known.scenery.top_m, equal_nan=True):
        return known
    scenery = surroundings(casting, known.assumptions.shading, known.scenery.terrain)
    return replace(known, scenery=scenery)


def chosen_of(gathered: Gathered, chosen: npt.NDArray[np.bool_]) -> tuple[Any, Any, Any]:
    """Return buildings, monthly GHI and obstructions of some roofs."""
    ghi = None if gathered.monthly_ghi is None else gathered.monthly_ghi[chosen]
    standing = None if gathered.obstructions is None else gathered.obstructions[chosen]
    return gathered.buildings[chosen], ghi, standing


def roofs_after(
    before: Gathered,
    after: Gathered,
    known: World,
    roofs: pd.DataFrame,
    mapper: Mapper = map,
) -> tuple[gpd.GeoDataFrame, pd.Index[Any]]:
    """Return ROOFS under other corrections, and which of them were computed anew.

    Parameters
    ----------
    before
        The city as ``roofs`` found it.
    after, known
        The city under the other corrections, and its world.
    roofs
        ROOFS found before.
    mapper
        Runs blocks of roofs and weather nodes; any order-keeping ``map``.

    Raises
    ------
    InputError
        The roofs are not those of the city.
    """
    buildings = after.buildings
    if not buildings.index.equals(pd.Index(roofs.index)):
        raise InputError("the run has other roofs than its files; run anew")
    moved = changed(state_of(before), state_of(after), known.assumptions.shading)
    own = [name for name in names(ROOFS) if name not in names(BUILDINGS)]
    facts = [*names(BUILDINGS), *(n for n in names(CLAUSE_EVIDENCE) if n in buildings.columns)]
    kept = buildings[["geometry", *facts]].join(pd.DataFrame(roofs[own]))
    if not moved.any():
        return kept, buildings.index[moved]
    fresh = assess_in(known, *chosen_of(after, moved), mapper=mapper)[kept.columns]
    whole = pd.concat([kept[~moved], fresh]).loc[buildings.index]
    return gpd.GeoDataFrame(whole, geometry="geometry", crs=buildings.crs), buildings.index[moved]


def recount(
    before: Gathered,
    after: Gathered,
    known: World,
    roofs: pd.DataFrame,
    inputs: Inputs,
    as_of: date,
    goal: str | None = None,
    mapper: Mapper = map,
) -> Recount:
    """Compute anew what other corrections change, and measure the places and goals.

    Parameters
    ----------
    before, after, known, roofs, mapper
        As for :func:`roofs_after`.
    inputs
        The files of the city.
    as_of
        The day of the finished run.
    goal
        The one goal that is measured; None: every goal.

    Raises
    ------
    InputError
        As :func:`roofs_after`.
    """
    found, moved = roofs_after(before, after, known, roofs, mapper)
    files = after.files
    findings = Findings(
        parks=files.parks.areas if files.parks else None,
        districts=files.districts.areas if files.districts else None,
        **recorded(inputs, after),
    )
    goals = tuple(one for one in known.assumptions.goals if goal in (None, one.id))
    rules = replace(known.assumptions, goals=goals)
    return Recount(moved, measure(found, findings, city_of(inputs), as_of, rules))


def alternatives(
    said: Mapping[str, tuple[str, str]], assumptions: Assumptions
) -> list[tuple[str, str]]:
    """Return what a survey may find of a roof where the files do not know: fact and value.

    Parameters
    ----------
    said
        Fact to value and source (:func:`pvplan.corrected.estimates_of`).
    assumptions
        Storeys, structure and its age limit are read.
    """
    found: list[tuple[str, str]] = []
    form, form_source = said["roof_form"]
    height, height_source = said["height_m"]
    if form_source == "inferred":
        found += [("roof_form", other) for other in ROOF_FORMS if other != form]
    if height_source != "given":
        storey = assumptions.footprints.storey_height_m
        low, high = FACT_BOUNDS["height_m"]
        found += [
            ("height_m", repr(float(np.clip(float(height) + step, low, high))))
            for step in (-storey, storey)
        ]
    loads = vars(assumptions.structure.added_load)
    heaviest = max(loads[f"{word}_kn_per_m2"] for word in assumptions.layout.of(form).mountings)
    found += [("surveyed_load_kn_per_m2", repr(load)) for load in (0.0, float(heaviest))]
    if said["obstruction"][1] == "share":
        found.append(("obstruction", NOTHING_THERE))
    if said["completed_on"][1] == "unknown":
        limit = assumptions.structure.old_before
        before = (pd.Timestamp(limit) - pd.Timedelta(days=1)).date()
        found += [("completed_on", day.isoformat()) for day in (before, limit)]
    return found


def ratios_of(roofs: pd.DataFrame, assumptions: Assumptions) -> pd.DataFrame:
    """Return the ratios of single roofs as those of places: levelised cost, payback and the rest.

    Parameters
    ----------
    roofs
        PLAN_ROOFS.
    assumptions
        Finance and module are read.
    """
    return levels.ratios(
        roofs.assign(installed_total_dc_kw=roofs["installed_dc_kw"]),
        economics.cost_years(assumptions.finance),
        economics.energy_years(assumptions.finance, assumptions.module),
    )

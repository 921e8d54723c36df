"""What a plan needs of roofs, a part of a city at a time; parts joined are the city.

Each step says of a roof what follows from the roof itself and from :class:`Ground`, which is known
of the city as a whole before any roof is summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd

from pvplan import kinds
from pvplan.assumptions import Assumptions
from pvplan.city import carbon, compliance, economics, goals
from pvplan.goal_table import OUTSIDE, City
from pvplan.installed import with_places, with_states
from pvplan.tables import COMPLIANCE, names, to_thousandths

Place = tuple[str, str, str]
"""Goal, level and place."""


@dataclass(frozen=True)
class Ground:
    """What holds for every roof of a city.

    Attributes
    ----------
    ledger
        LEDGER with its places, or None without a register.
    doubts
        RECONCILIATION.
    decisions
        What people decided of roofs (:class:`pvplan.installed.Recorded`), or None.
    local
        The assumptions with the goals that speak of the place.
    as_of
        The day.
    city
        Its id and names.
    """

    ledger: pd.DataFrame | None
    doubts: pd.DataFrame
    decisions: pd.DataFrame | None
    local: Assumptions
    as_of: date
    city: City


@dataclass(frozen=True)
class Part:
    """What a plan needs of some roofs.

    Attributes
    ----------
    kinds, flags
        Of :mod:`pvplan.kinds`.
    plants
        COMPLIANCE, by roof.
    passing
        New plants that pass their clause, for each goal over their share.
    sources
        What the roofs name as their source.
    """

    kinds: pd.DataFrame
    flags: pd.DataFrame
    plants: pd.DataFrame
    passing: Mapping[Place, goals.Plants]
    sources: frozenset[str | None]


def priced(roofs: gpd.GeoDataFrame, assumptions: Assumptions, as_of: date) -> gpd.GeoDataFrame:
    """Add money, carbon and scope to ROOFS."""
    energy = roofs["energy_ac_kwh_per_year"].to_numpy(dtype=np.float64)
    capacity = roofs["capacity_dc_kw"].to_numpy(dtype=np.float64)
    finance = assumptions.finance
    # A million rows hold three words: each is looked up once.
    words, which = np.unique(roofs["mounting"].fillna("").to_numpy(dtype=str), return_inverse=True)
    extra = economics.mounting_extra_cny_per_kw(words.tolist(), finance)[which.reshape(-1)]
    money = economics.of_roofs(
        capacity, energy, finance, assumptions.tariff, assumptions.module, extra
    )
    added = {name: to_thousandths(values) for name, values in money.items()}
    added["avoided_tco2_per_year"] = to_thousandths(carbon.avoided_tco2(energy, assumptions.carbon))
    settings = assumptions.goal_settings
    scope = goals.in_scope(roofs["use"], roofs["park_id"].notna(), settings)
    scope &= ~(roofs["completed_on"] > pd.Timestamp(as_of))
    return roofs.assign(
        in_goal_scope=scope, is_new_plant=goals.is_new(roofs["completed_on"], settings), **added
    )


def stated(roofs: gpd.GeoDataFrame, ground: Ground) -> gpd.GeoDataFrame:
    """Add places and states to priced roofs: PLAN_ROOFS."""
    used = ground.local.goal_settings.used_fraction
    return with_states(with_places(roofs), ground.ledger, ground.decisions, ground.as_of, used)


def part_of(roofs: gpd.GeoDataFrame, ground: Ground) -> Part:
    """Sum stated roofs, and hold the plants among them against their clause."""
    return Part(
        kinds=kinds.kinds_of(roofs, ground.as_of, ground.local),
        flags=kinds.flags_of(roofs, ground.ledger),
        plants=_plants(roofs, ground, ground.as_of),
        passing=_passing(roofs, ground),
        sources=frozenset(None if pd.isna(one) else str(one) for one in roofs["source"].unique()),
    )


def joined(parts: Sequence[Part]) -> Part:
    """Return the part that several make together, in any order."""
    passing: dict[Place, goals.Plants] = {}
    for part in parts:
        for place, found in part.passing.items():
            before = passing.get(place, goals.Plants(0, 0, 0))
            passing[place] = goals.Plants(
                before.count + found.count,
                before.passing + found.passing,
                before.unclear + found.unclear,
            )
    full = [part.plants for part in parts if len(part.plants)]
    plants = pd.concat(full, ignore_index=True) if full else parts[0].plants
    return Part(
        kinds=kinds.joined(part.kinds for part in parts),
        flags=pd.concat([part.flags for part in parts]).sort_index(),
        plants=plants.sort_values("roof_id", ignore_index=True),
        passing=passing,
        sources=frozenset().union(*(part.sources for part in parts)),
    )


def _plants(roofs: gpd.GeoDataFrame, ground: Ground, day: date) -> pd.DataFrame:
    """Hold the new plants, and those whose day is not known, against their clause."""
    local = ground.local
    clause = next(
        (
            goal
            for goal in local.goals
            if goal.enabled
            and (goal.scope, goal.metric) == ("new_industrial", "coverage_fraction")
            and goal.denominator == "gross_roof"
            and goal.superseded_by is None
        ),
        None,
    )
    if clause is None or clause.target is None:
        return pd.DataFrame(columns=names(COMPLIANCE))
    new = roofs["is_new_plant"] | roofs["completed_on"].isna()
    if local.compliance.date_of == "started" and "started_on" in roofs.columns:
        new |= roofs["started_on"].notna() & goals.is_new(roofs["started_on"], local.goal_settings)
    # A plant not yet completed counts toward no goal, and is told as exempt here.
    by_use = goals.in_scope(roofs["use"], roofs["park_id"] != OUTSIDE["park"][0],
                            local.goal_settings)  # fmt: skip
    found = compliance.judge(
        pd.DataFrame(roofs[by_use & new]).assign(in_goal_scope=True),
        ground.ledger,
        ground.doubts,
        local.compliance,
        target_fraction=clause.target,
        new_plant_from=local.goal_settings.new_plant_from,
        as_of=day,
    )
    return found.sort_values("roof_id", ignore_index=True)


def _passing(roofs: gpd.GeoDataFrame, ground: Ground) -> dict[Place, goals.Plants]:
    """Count the plants that pass, for each goal over their share, on its deadline once past."""
    found = {}
    for goal in ground.local.goals:
        if goal.enabled and goal.metric == "share_of_plants":
            plants = _plants(roofs, ground, min(ground.as_of, goal.deadline))
            for (level, place), counts in _counted(plants, ground.city).items():
                found[goal.id, level, place] = counts
    return found


def _counted(plants: pd.DataFrame, city: City) -> dict[tuple[str, str], goals.Plants]:
    """Count by place the plants that are judged and those that pass."""
    judged = plants[plants["state"] != "exempt"]
    found = {}
    places = {"city": pd.Series(city.id, index=judged.index), "district": judged["district_id"],
              "park": judged["park_id"]}  # fmt: skip
    for level, place in places.items():
        for name, rows in judged.groupby(place):
            states = rows["state"]
            found[level, str(name)] = goals.Plants(
                count=len(rows),
                passing=int((states == "pass").sum()),
                unclear=int((states == "insufficient_evidence").sum()),
            )
    return found

"""ROOFS, register and assumptions to the Plan: add money and carbon; sum; measure the goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from pvplan.assumptions import Assumptions
from pvplan.city import carbon, compliance, economics, goals, levels, weighting
from pvplan.doubt import doubt
from pvplan.gap_table import gap_table
from pvplan.goal_table import OUTSIDE, City, Measured, goal_table
from pvplan.installed import WGS84, Recorded, fill_places, matched, on_day, summed_kw, with_states
from pvplan.kinds import flags_of, kinds_of
from pvplan.tables import (
    COMPLIANCE,
    GAP,
    GOAL_ALLOCATION,
    GOALS,
    LEDGER,
    LEVEL_DOUBT,
    LEVEL_GOAL,
    LEVEL_HEAD,
    LEVEL_REGISTER,
    PLAN_ROOFS,
    RATIOS,
    RECONCILIATION,
    REJECTED,
    Plan,
    check,
    names,
    sum_names,
    to_thousandths,
)


@dataclass(frozen=True)
class Findings(Recorded):
    """What was read beside the roofs: areas, register, decisions, rejected rows.

    ``parks`` and ``districts`` are None where no file was given.
    """

    parks: gpd.GeoDataFrame | None = None
    districts: gpd.GeoDataFrame | None = None
    rejected: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=names(REJECTED)))


def make_plan(
    roofs: gpd.GeoDataFrame,
    findings: Findings,
    city: City,
    as_of: date,
    assumptions: Assumptions,
    meta: Mapping[str, Any],
) -> Plan:
    """Return the Plan of a city.

    Parameters
    ----------
    roofs
        ROOFS, metric CRS.
    findings
        Parks and districts in the same CRS; register rows as read; what people decided.
    city
        Its id and names.
    as_of
        Day for which goals and installed systems are stated.
    assumptions
        Money, carbon, goals, register rules, sizes of errors.
    meta
        Goes to ``Plan.meta`` with counts of the register and the headline goal added.

    Returns
    -------
    Plan
        Every table sorted by its index; geometry in EPSG:4326.

    Raises
    ------
    InputError
        The register's unit is wrong.
    TableError
        A table breaks its contract.
    """
    counted = measure(roofs, findings, city, as_of, assumptions)
    roofs, ledger, doubts, local = counted.roofs, counted.ledger, counted.findings, counted.local
    tables, measured = dict(counted.tables), counted.measured
    running = on_day(ledger, as_of, "commissioned")
    plants = _compliance(roofs, ledger, doubts, as_of, local)
    headline = goals.headline(local.goals, as_of)
    kinds, flags = counted.kinds, flags_of(roofs, ledger)
    drawn = doubt(kinds, flags, running, measured.goals, headline, as_of, local)
    goal_rows = measured.goals.assign(**drawn.goals)[names(GOALS)]
    for level, table in tables.items():
        _add_gap(table, goal_rows, level, headline)
        tables[level] = _with_doubt(table, drawn.levels[level], level)
        wanted = (*LEVEL_HEAD, *LEVEL_REGISTER, *LEVEL_GOAL, *RATIOS, *LEVEL_DOUBT)
        check(tables[level], wanted, title=level)
    gaps = {
        level: gap_table(kinds, goal_rows, measured.allocation, level)
        for level in ("park", "district")
    }
    told = (
        (roofs, PLAN_ROOFS, "roofs"), (goal_rows, GOALS, "goals"), (plants, COMPLIANCE, "clause"),
        (measured.allocation, GOAL_ALLOCATION, "allocation"), (gaps["park"], GAP, "gap_parks"),
        (gaps["district"], GAP, "gap_districts"), (doubts, RECONCILIATION, "reconciliation"),
    )  # fmt: skip
    for rows, columns, title in told:
        check(rows, columns, title=title)
    return Plan(
        roofs=_sorted(roofs[["geometry", *names(PLAN_ROOFS)]]).to_crs(WGS84),
        parks=tables["park"].to_crs(WGS84),
        districts=tables["district"].to_crs(WGS84),
        city=pd.DataFrame(tables["city"].drop(columns="geometry")),
        goals=goal_rows,
        gap_parks=gaps["park"],
        gap_districts=gaps["district"],
        allocation=measured.allocation,
        compliance=plants,
        reconciliation=doubts,
        ledger=ledger.sort_index() if ledger is not None else _no_ledger(),
        rejected=_joined([findings.rejected, counted.unmatched]),
        meta={
            **meta,
            "headline_goal": headline,
            "goals_here": [goal.id for goal in local.goals],
            "drivers": [
                {"goal_id": goal, **asdict(driver)}
                for goal, ranked in drawn.drivers.items()
                for driver in ranked
            ],
        },
    )


@dataclass(frozen=True)
class Measures:
    """What a plan says before its doubts are drawn.

    Attributes
    ----------
    roofs
        PLAN_ROOFS, metric CRS.
    kinds
        The same summed by kind (:func:`pvplan.kinds.kinds_of`).
    ledger, unmatched, findings
        As of :func:`pvplan.installed.matched`.
    tables
        Level to its sums and ratios.
    local
        The assumptions with the goals that speak of the place.
    measured
        GOALS before their doubts, and how they were split.
    """

    roofs: gpd.GeoDataFrame
    kinds: pd.DataFrame
    ledger: pd.DataFrame | None
    unmatched: pd.DataFrame
    findings: pd.DataFrame
    tables: Mapping[str, gpd.GeoDataFrame]
    local: Assumptions
    measured: Measured


def measure(
    roofs: gpd.GeoDataFrame, findings: Findings, city: City, as_of: date, assumptions: Assumptions
) -> Measures:
    """Add money and states to roofs, sum them by place, and measure the goals.

    Parameters
    ----------
    roofs, findings, city, as_of, assumptions
        As for :func:`make_plan`.
    """
    roofs = _with_money(roofs, assumptions, as_of)
    parks, districts = _areas(findings.parks, "park"), _areas(findings.districts, "district")
    ledger, unmatched, doubts = matched(roofs, findings, findings.parks, as_of, assumptions)
    fill_places(roofs, ledger, parks)
    used = assumptions.goal_settings.used_fraction
    roofs = with_states(roofs, ledger, findings.roof_decisions, as_of, used)
    running = on_day(ledger, as_of, "commissioned")
    areas = {"park": parks, "district": districts, "city": _city_row(city)}
    kinds = kinds_of(roofs, assumptions)
    tables = _levels(kinds, running, areas, _common_source(roofs), assumptions)
    for table in tables.values():
        table.set_crs(roofs.crs, inplace=True)
    local = _goals_of_place(roofs, assumptions)
    place_names = {level: tables[level] for level in ("park", "district")}
    measured = goal_table(
        kinds, flags_of(roofs, ledger), ledger, place_names, city, as_of, local,
        _passing(roofs, ledger, doubts, as_of, local, city), _amounts(findings),
    )  # fmt: skip
    return Measures(roofs, kinds, ledger, unmatched, doubts, tables, local, measured)


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    full = [table for table in tables if len(table)]
    return pd.concat(full, ignore_index=True) if full else tables[0]


def _levels(
    kinds: pd.DataFrame,
    running: pd.DataFrame | None,
    areas: Mapping[str, gpd.GeoDataFrame],
    source: str | None,
    assumptions: Assumptions,
) -> dict[str, gpd.GeoDataFrame]:
    """Sum the kinds of roofs, and give each level its table."""
    return {
        level: _level(kinds, running, level, rows, source, assumptions)
        for level, rows in areas.items()
    }


def _compliance(
    roofs: gpd.GeoDataFrame,
    ledger: pd.DataFrame | None,
    doubts: pd.DataFrame,
    as_of: date,
    local: Assumptions,
) -> pd.DataFrame:
    """Hold the new plants, and those whose day is not known, against their clause."""
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
        ledger,
        doubts,
        local.compliance,
        target_fraction=clause.target,
        new_plant_from=local.goal_settings.new_plant_from,
        as_of=as_of,
    )
    return found.sort_values("roof_id", ignore_index=True)


def _passing(
    roofs: gpd.GeoDataFrame,
    ledger: pd.DataFrame | None,
    doubts: pd.DataFrame,
    as_of: date,
    local: Assumptions,
    city: City,
) -> dict[tuple[str, str, str], goals.Plants]:
    """Count the plants that pass, for each goal over their share, on its deadline once past."""
    found = {}
    for goal in local.goals:
        if goal.enabled and goal.metric == "share_of_plants":
            day = min(as_of, goal.deadline)
            plants = _compliance(roofs, ledger, doubts, day, local)
            for (level, place), counts in _counted(plants, city).items():
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


def _amounts(findings: Findings) -> pd.DataFrame | None:
    """Return what parks need and can take, where their file says so."""
    if findings.parks is None:
        return None
    wanted = [name for name in weighting.WEIGHTS.values() if name in findings.parks.columns]
    return pd.DataFrame(findings.parks[wanted]) if wanted else None


def _with_doubt(table: gpd.GeoDataFrame, drawn: pd.DataFrame, level: str) -> gpd.GeoDataFrame:
    """Add the percentiles; a place without roofs has 0 of everything."""
    found = drawn.set_axis([table.index[0]]) if level == "city" else drawn
    return table.join(found.reindex(table.index).fillna(0.0))


def _sorted(roofs: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return roofs if roofs.index.is_monotonic_increasing else roofs.sort_index()


def _with_money(roofs: gpd.GeoDataFrame, assumptions: Assumptions, as_of: date) -> gpd.GeoDataFrame:
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


def _areas(given: gpd.GeoDataFrame | None, level: str) -> gpd.GeoDataFrame:
    word, name_zh, name_en = OUTSIDE[level]
    outside = _named_rows(word, name_zh, name_en)
    if given is None:
        return outside
    columns = ["name_zh", "name_en", "source", "geometry"]
    plain = pd.DataFrame(given[columns]).astype(object)
    return gpd.GeoDataFrame(pd.concat([plain, outside]), geometry="geometry")


def _named_rows(word: str, name_zh: str, name_en: str) -> gpd.GeoDataFrame:
    """Return one row without geometry, every column able to hold text or nothing."""
    row = {"name_zh": [name_zh], "name_en": [name_en], "source": [None], "geometry": [None]}
    return gpd.GeoDataFrame(row, index=[word], dtype=object, geometry="geometry")


def _city_row(city: City) -> gpd.GeoDataFrame:
    return _named_rows(city.id, city.name_zh, city.name_en)


def _level(
    kinds: pd.DataFrame,
    systems: pd.DataFrame | None,
    level: str,
    areas: gpd.GeoDataFrame,
    source: str | None,
    assumptions: Assumptions,
) -> gpd.GeoDataFrame:
    column = f"{level}_id"
    everywhere = pd.Series(str(areas.index[0]), index=kinds.index)
    place = everywhere if level == "city" else kinds[column]
    sums = levels.summed(kinds, place, sum_names(PLAN_ROOFS))
    sums["roof_count"] = kinds["roof_count"].groupby(place.to_numpy()).sum().reindex(sums.index)
    outside = OUTSIDE.get(level, ("",))[0]
    unlocated = None if systems is None else systems[systems["roof_id"].isna()]
    if unlocated is not None and level == "city":
        unlocated = unlocated.assign(city_id=str(areas.index[0]))
    # A system of a park without roofs may stand in no district: that row must be there too.
    listed = set() if unlocated is None else set(unlocated[column])
    wanted = sorted(set(sums.index) | (set(areas.index) - {outside}) | listed)
    sums = sums.reindex(wanted)
    empty = sums["roof_count"].isna()
    sums.loc[empty] = 0.0
    if systems is None:
        sums.loc[empty, ["installed_dc_kw", "under_construction_dc_kw", "filed_dc_kw"]] = np.nan
    sums["installed_unlocated_dc_kw"] = summed_kw(unlocated, sums.index, column)
    sums["installed_total_dc_kw"] = to_thousandths(
        sums["installed_dc_kw"] + sums["installed_unlocated_dc_kw"]
    )
    sums["roof_count"] = sums["roof_count"].astype(np.int64)
    ratios = levels.ratios(
        sums,
        economics.cost_years(assumptions.finance),
        economics.energy_years(assumptions.finance, assumptions.module),
    )
    named = areas.reindex(wanted)
    named["source"] = named["source"].where(named["source"].notna(), source)
    table = named.join(sums).join(ratios)
    table.index.name = column
    return gpd.GeoDataFrame(table, geometry="geometry")


def _common_source(roofs: gpd.GeoDataFrame) -> str | None:
    """Return the source that every roof names, if they agree."""
    sources = roofs["source"].unique()
    return str(sources[0]) if len(sources) == 1 and pd.notna(sources[0]) else None


def _goals_of_place(roofs: gpd.GeoDataFrame, assumptions: Assumptions) -> Assumptions:
    """Keep the goals whose document speaks of the place of the roofs."""
    west, south, east, north = roofs.total_bounds
    transformer = pyproj.Transformer.from_crs(roofs.crs, WGS84, always_xy=True)
    longitude, latitude = transformer.transform((west + east) / 2.0, (south + north) / 2.0)
    here = tuple(goal for goal in assumptions.goals if goal.applies_at(longitude, latitude))
    return replace(assumptions, goals=here)


def _add_gap(
    table: gpd.GeoDataFrame, goal_rows: pd.DataFrame, level: str, headline: str | None
) -> None:
    chosen = goal_rows[(goal_rows["goal_id"] == headline) & (goal_rows["level"] == level)]
    chosen = chosen.set_index("place_id")
    table["goal_id"] = headline
    shown = {
        "target_dc_kw": "target_dc_kw",
        "installed_in_scope_dc_kw": "installed_dc_kw",
        "gap_dc_kw": "gap_dc_kw",
    }
    for column, measured in shown.items():
        table[column] = chosen[measured].reindex(table.index).astype(np.float64)


def _no_ledger() -> pd.DataFrame:
    return pd.DataFrame(columns=names(LEDGER), index=pd.Index([], name="system_id"))

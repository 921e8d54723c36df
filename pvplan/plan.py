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
from pvplan.city import economics, goals, levels, weighting
from pvplan.doubt import doubt
from pvplan.gap_table import gap_table
from pvplan.goal_table import OUTSIDE, City, Measured, goal_table
from pvplan.installed import (
    WGS84,
    Recorded,
    areas_of,
    fill_places,
    matched,
    on_day,
    summed_kw,
    with_places,
)
from pvplan.kinds import totals
from pvplan.roof_part import Ground, Part, part_of, priced, stated
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
    return plan_of(measure(roofs, findings, city, as_of, assumptions), findings, meta)


def plan_of(counted: Measures, findings: Findings, meta: Mapping[str, Any]) -> Plan:
    """Return the Plan of what was measured; parameters as for :func:`make_plan`."""
    ground, part, measured = counted.ground, counted.part, counted.measured
    ledger, local, as_of = ground.ledger, ground.local, ground.as_of
    roofs, tables, doubts = counted.roofs, dict(counted.tables), ground.doubts
    running = on_day(ledger, as_of, "commissioned")
    headline = goals.headline(local.goals, as_of)
    drawn = doubt(part.kinds, part.flags, running, measured.goals, headline, as_of, local)
    goal_rows = measured.goals.assign(**drawn.goals)[names(GOALS)]
    for level, table in tables.items():
        _add_gap(table, goal_rows, level, headline)
        tables[level] = _with_doubt(table, drawn.levels[level], level)
        wanted = (*LEVEL_HEAD, *LEVEL_REGISTER, *LEVEL_GOAL, *RATIOS, *LEVEL_DOUBT)
        check(tables[level], wanted, title=level)
    gaps = {
        level: gap_table(part.kinds, goal_rows, measured.allocation, level)
        for level in ("park", "district")
    }
    told = (
        (roofs, PLAN_ROOFS, "roofs"), (goal_rows, GOALS, "goals"),
        (part.plants, COMPLIANCE, "clause"),
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
        compliance=part.plants,
        reconciliation=doubts,
        ledger=ledger.sort_index() if ledger is not None else _no_ledger(),
        rejected=_joined([findings.rejected, counted.unmatched]),
        meta={
            **meta,
            "headline_goal": headline,
            "goals_here": [goal.id for goal in local.goals],
            "roof_totals": totals(part.kinds),
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
        PLAN_ROOFS, metric CRS; without a row where they are kept elsewhere.
    ground, part
        What holds for every roof, and what was summed of them.
    unmatched
        REJECTED rows of the register (:func:`pvplan.installed.matched`).
    tables
        Level to its sums and ratios.
    measured
        GOALS before their doubts, and how they were split.
    """

    roofs: gpd.GeoDataFrame
    ground: Ground
    part: Part
    unmatched: pd.DataFrame
    tables: Mapping[str, gpd.GeoDataFrame]
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
    roofs = priced(roofs, assumptions, as_of)
    parks = areas_of_level(findings.parks, "park")
    local = goals_of_place(tuple(roofs.total_bounds), roofs.crs, assumptions)
    ledger, unmatched, doubts = matched(roofs, findings, findings.parks, as_of, local)
    fill_places(areas_of(with_places(roofs)), ledger, parks)
    ground = Ground(ledger, doubts, findings.roof_decisions, local, as_of, city)
    roofs = stated(roofs, ground)
    return measure_sums(roofs, part_of(roofs, ground), ground, unmatched, parks, findings)


def measure_sums(
    roofs: gpd.GeoDataFrame,
    part: Part,
    ground: Ground,
    unmatched: pd.DataFrame,
    parks: gpd.GeoDataFrame,
    findings: Findings,
) -> Measures:
    """Measure the goals of a city whose roofs are summed; see :class:`Measures`.

    Parameters
    ----------
    roofs, part, ground, unmatched
        As in :class:`Measures`.
    parks
        Of :func:`areas_of_level`, with their districts.
    findings
        As for :func:`make_plan`.
    """
    local, city, ledger = ground.local, ground.city, ground.ledger
    running = on_day(ledger, ground.as_of, "commissioned")
    areas = {
        "park": parks,
        "district": areas_of_level(findings.districts, "district"),
        "city": _city_row(city),
    }
    source = next(iter(part.sources)) if len(part.sources) == 1 else None
    tables = {
        level: _level(part.kinds, running, level, rows, source, local)
        for level, rows in areas.items()
    }
    for table in tables.values():
        table.set_crs(roofs.crs, inplace=True)
    found = goal_table(
        part.kinds, part.flags, ledger, {level: tables[level] for level in ("park", "district")},
        city, ground.as_of, local, dict(part.passing), _amounts(findings),
    )  # fmt: skip
    return Measures(roofs, ground, part, unmatched, tables, found)


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    full = [table for table in tables if len(table)]
    return pd.concat(full, ignore_index=True) if full else tables[0]


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


def areas_of_level(given: gpd.GeoDataFrame | None, level: str) -> gpd.GeoDataFrame:
    """Return the areas of a level, and a row for what lies outside them."""
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


def goals_of_place(
    bounds: tuple[float, float, float, float], crs: pyproj.CRS, assumptions: Assumptions
) -> Assumptions:
    """Keep the goals whose document speaks of the middle of the roofs' bounds."""
    west, south, east, north = bounds
    transformer = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True)
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

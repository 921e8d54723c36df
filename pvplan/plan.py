"""ROOFS, register and assumptions to the Plan: add money and carbon; sum; measure the goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from pvplan.assumptions import Assumptions
from pvplan.city import carbon, economics, goals, levels, reconciliation
from pvplan.goal_table import OUTSIDE, City, goal_table
from pvplan.tables import (
    GOALS,
    LEDGER,
    LEVEL_GOAL,
    LEVEL_HEAD,
    LEVEL_REGISTER,
    PLAN_ROOFS,
    RATIOS,
    Plan,
    check,
    names,
    sum_names,
    to_thousandths,
)

WGS84 = "EPSG:4326"


@dataclass(frozen=True)
class Findings:
    """What was read beside the roofs: areas, register, rejected rows; any may be missing."""

    parks: gpd.GeoDataFrame | None
    districts: gpd.GeoDataFrame | None
    register: pd.DataFrame | None
    register_file: str
    rejected: pd.DataFrame


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
        Parks and districts in the same CRS; register rows as read.
    city
        Its id and names.
    as_of
        Day for which goals and installed systems are stated.
    assumptions
        Money, carbon, goals, register rules.
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
    roofs = _with_money(roofs, assumptions)
    parks, districts = _areas(findings.parks, "park"), _areas(findings.districts, "district")
    ledger, rejected = _ledger(roofs, findings, assumptions)
    _fill_places(roofs, ledger, parks)
    installed_systems = _live(ledger, as_of)
    roofs["installed_dc_kw"] = _installed(installed_systems, roofs.index, "roof_id")
    sums = _summed_pairs(roofs)
    source = _common_source(roofs)
    areas = {"park": parks, "district": districts, "city": _city_row(city)}
    tables = {
        level: _level(sums, installed_systems, level, rows, source, assumptions)
        for level, rows in areas.items()
    }
    for table in tables.values():
        table.set_crs(roofs.crs, inplace=True)
    local = _goals_of_place(roofs, assumptions)
    place_names = {level: tables[level] for level in ("park", "district")}
    goal_rows = goal_table(roofs, ledger, place_names, city, as_of, local)
    headline = goals.headline(local.goals, as_of)
    for level, table in tables.items():
        _add_gap(table, goal_rows, level, headline)
        check(table, (*LEVEL_HEAD, *LEVEL_REGISTER, *LEVEL_GOAL, *RATIOS), title=level)
    check(roofs, PLAN_ROOFS, title="roofs")
    check(goal_rows, GOALS, title="goals")
    return Plan(
        roofs=_sorted(roofs[["geometry", *names(PLAN_ROOFS)]]).to_crs(WGS84),
        parks=tables["park"].to_crs(WGS84),
        districts=tables["district"].to_crs(WGS84),
        city=pd.DataFrame(tables["city"].drop(columns="geometry")),
        goals=goal_rows,
        ledger=ledger.sort_index() if ledger is not None else _no_ledger(),
        rejected=rejected,
        meta={**meta, "headline_goal": headline, "goals_here": [goal.id for goal in local.goals]},
    )


def _sorted(roofs: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return roofs if roofs.index.is_monotonic_increasing else roofs.sort_index()


def _with_money(roofs: gpd.GeoDataFrame, assumptions: Assumptions) -> gpd.GeoDataFrame:
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


def _ledger(
    roofs: gpd.GeoDataFrame, findings: Findings, assumptions: Assumptions
) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    register = findings.register
    if register is None:
        return None, findings.rejected
    transformer = pyproj.Transformer.from_crs(WGS84, roofs.crs, always_xy=True)
    x, y = transformer.transform(
        register["longitude"].to_numpy(dtype=np.float64),
        register["latitude"].to_numpy(dtype=np.float64),
        errcheck=False,
    )
    points = np.stack([x, y], axis=1)
    points[~np.isfinite(points)] = np.nan
    matched = reconciliation.reconcile(
        register, roofs, findings.parks, points, assumptions.register
    )
    listed = pd.DataFrame(
        {
            "input": "register",
            "file": findings.register_file,
            "row": register.loc[matched.unmatched.index, "row"],
            "id": matched.unmatched.index,
            "reason": matched.unmatched,
            "done": "unmatched",
            "detail": "kept in ledger.csv, counted in no roof and no park",
        }
    )
    return matched.ledger, pd.concat([findings.rejected, listed], ignore_index=True)


def _fill_places(
    roofs: gpd.GeoDataFrame, ledger: pd.DataFrame | None, parks: gpd.GeoDataFrame
) -> None:
    """Give every roof and placed system a park and a district, by the words for "outside"."""
    for level in ("park", "district"):
        column = f"{level}_id"
        roofs[column] = roofs[column].where(roofs[column].notna(), OUTSIDE[level][0]).astype(str)
    main = _main_district(roofs)
    parks["district_id"] = parks.index.map(main)
    if ledger is None:
        return
    placed = ledger["matched_by"] != "none"
    for level in ("park", "district"):
        column = f"{level}_id"
        if level == "district":
            by_park = ledger["park_id"].map(main).astype(object)
            ledger[column] = ledger[column].where(ledger[column].notna(), by_park)
        filled = ledger[column].where(ledger[column].notna(), OUTSIDE[level][0])
        ledger[column] = filled.where(placed, None)


def _main_district(roofs: gpd.GeoDataFrame) -> dict[str, str]:
    """Return the district that holds most roof area of each park."""
    area = roofs.groupby(["park_id", "district_id"])["footprint_area_m2"].sum().reset_index()
    order = area.sort_values(["park_id", "footprint_area_m2", "district_id"])
    return dict(zip(order["park_id"], order["district_id"], strict=True))


def _live(ledger: pd.DataFrame | None, as_of: date) -> pd.DataFrame | None:
    """Return the placed systems that run on a day; undated commissioned ones run."""
    if ledger is None:
        return None
    running = (ledger["status"] == "commissioned") & (ledger["matched_by"] != "none")
    return ledger[running & ~(ledger["commissioned_on"] > pd.Timestamp(as_of))]


def _installed(systems: pd.DataFrame | None, index: pd.Index[Any], column: str) -> pd.Series[float]:
    if systems is None:
        return pd.Series(np.nan, index=index)
    kw = np.rint(systems["capacity_dc_kw"].to_numpy(dtype=np.float64) * 1000.0).astype(np.int64)
    total = pd.Series(kw, index=systems.index).groupby(systems[column]).sum()
    return (total.reindex(index).fillna(0) / 1000.0).astype(np.float64)


def _summed_pairs(roofs: gpd.GeoDataFrame) -> pd.DataFrame:
    """Sum the roofs once, by park and district together: every level is a sum of these."""
    codes = {}
    for column in ("park_id", "district_id"):
        codes[column], codes[f"{column}s"] = pd.factorize(roofs[column], sort=True)
    width = len(codes["district_ids"])
    pair = pd.Series(codes["park_id"] * width + codes["district_id"], index=roofs.index)
    sums = levels.summed(roofs, pair, sum_names(PLAN_ROOFS))
    number = sums.index.to_numpy().astype(np.int64)
    sums["park_id"] = np.asarray(codes["park_ids"], dtype=object)[number // width]
    sums["district_id"] = np.asarray(codes["district_ids"], dtype=object)[number % width]
    return sums


def _level(
    pairs: pd.DataFrame,
    systems: pd.DataFrame | None,
    level: str,
    areas: gpd.GeoDataFrame,
    source: str | None,
    assumptions: Assumptions,
) -> gpd.GeoDataFrame:
    column = f"{level}_id"
    everywhere = pd.Series(str(areas.index[0]), index=pairs.index)
    place = everywhere if level == "city" else pairs[column]
    sums = levels.summed(pairs, place, sum_names(PLAN_ROOFS))
    sums["roof_count"] = pairs["roof_count"].groupby(place.to_numpy()).sum().reindex(sums.index)
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
        sums.loc[empty, "installed_dc_kw"] = np.nan
    sums["installed_unlocated_dc_kw"] = _installed(unlocated, sums.index, column)
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

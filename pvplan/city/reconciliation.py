"""Register rows to roofs and parks: by roof id, by coordinates, by park name; the rest is listed.

A row counts as installed only where its roof or park is known and its capacity is believable.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from pvplan.assumptions import RegisterRules
from pvplan.errors import InputError
from pvplan.tables import LEDGER, Floats, names


@dataclass(frozen=True)
class Matched:
    """The ledger, and a sentence for each row that could not be placed (index: system_id)."""

    ledger: pd.DataFrame
    unmatched: pd.Series[str]


def reconcile(
    register: pd.DataFrame,
    buildings: gpd.GeoDataFrame,
    parks: gpd.GeoDataFrame | None,
    points: Floats,
    rules: RegisterRules,
) -> Matched:
    """Find the roof, or at least the park, of each register row.

    Parameters
    ----------
    register
        Index ``system_id``; roof_id, park, capacity_dc_kw, capacity_ac_kw, status, filed_on,
        commissioned_on, source.
    buildings
        BUILDINGS in a metric CRS, index ``roof_id``.
    parks
        Parks in the same CRS, index ``park_id``, with name_zh and name_en; or None.
    points
        Shape (rows, 2): each row's coordinates in that CRS; NaN where it has none.
    rules
        Distance, and bounds of capacity per roof area.

    Returns
    -------
    Matched
        Every row of the register stands in the ledger; ``matched_by`` is ``none`` where no
        place was found or the capacity does not fit its roof.

    Raises
    ------
    InputError
        The median capacity per roof area of the matched rows shows a wrong unit.
    """
    ledger = register.copy()
    ledger["named_roof"] = ledger["roof_id"]
    at = buildings.index.get_indexer(pd.Index(ledger["roof_id"]))
    by_id = pd.Series(at >= 0, index=ledger.index)
    near = _nearest_roof(points, buildings, rules.max_distance_m)
    named = _park_by_name(ledger["park"], parks)
    named = named.where(named.notna(), _park_at(points, parks, ledger.index))
    ledger["roof_id"] = ledger["roof_id"].where(by_id, pd.Series(near, index=ledger.index))
    on_roof = ledger["roof_id"].notna()
    parks_of_roofs = ledger["roof_id"].map(buildings["park_id"])
    ledger["park_id"] = parks_of_roofs.where(on_roof, named).astype(object)
    ledger["district_id"] = ledger["roof_id"].map(buildings["district_id"]).astype(object)
    ledger["matched_by"] = np.select(
        [by_id, on_roof, ledger["park_id"].notna()], ["roof_id", "coordinates", "park"], "none"
    )
    reasons = _unplaced(ledger)
    density = _density(ledger, buildings)
    _check_unit(density, rules)
    _check_size(ledger, rules)
    large = density > rules.max_density_w_per_m2
    for (system, row), found in zip(ledger[large].iterrows(), density[large], strict=True):
        reasons[str(system)] = (
            f"capacity_dc_kw {row['capacity_dc_kw']:g} makes {found:.0f} W/m² on roof"
            f" {row['roof_id']}, above {rules.max_density_w_per_m2:g}: check unit, roof or"
            " duplicate rows"
        )
    ledger.loc[large, ["roof_id", "park_id", "district_id"]] = None
    ledger.loc[large, "matched_by"] = "none"
    unmatched = pd.Series(reasons, dtype=object).sort_index()
    return Matched(ledger[names(LEDGER)], unmatched)


def _plain(text: object) -> str:
    return "".join(unicodedata.normalize("NFKC", str(text)).casefold().split())


def _nearest_roof(points: Floats, buildings: gpd.GeoDataFrame, distance_m: float) -> list[object]:
    found: list[object] = [None] * len(points)
    known = np.flatnonzero(~np.isnan(points).any(axis=1))
    if len(known) and len(buildings):
        tree = shapely.STRtree(buildings.geometry.to_numpy())
        # The tree takes no distance of 0; a point on the roof is nearer than this.
        # Nearest to a point on a roof are the roofs that it stands on.
        places = np.asarray(shapely.points(points[known]))
        on = tree.query(places, predicate="intersects")
        off = np.setdiff1d(np.arange(len(known)), on[0])
        beside = tree.query_nearest(
            places[off], max_distance=max(distance_m, 1e-9), all_matches=True
        )
        pairs = np.concatenate([on, [off[beside[0]], beside[1]]], axis=1)
        # Of equally near roofs the first by id, whatever the order of the tree.
        ids = buildings.index.to_numpy()
        for row, roof in zip(pairs[0], ids[pairs[1]], strict=True):
            other = found[known[row]]
            found[known[row]] = roof if other is None else min(str(other), str(roof))
    return found


def _park_by_name(park: pd.Series[str], parks: gpd.GeoDataFrame | None) -> pd.Series[str]:
    bearers: dict[str, set[str]] = {}
    if parks is not None:
        for column in ("name_en", "name_zh"):
            for key, name in parks[column].items():
                if pd.notna(name):
                    bearers.setdefault(_plain(name), set()).add(str(key))
        bearers |= {_plain(key): {str(key)} for key in parks.index}
    # A name that several parks bear tells none of them.
    words = {word: next(iter(keys)) for word, keys in bearers.items() if len(keys) == 1}
    codes, named = pd.factorize(park.astype(object), use_na_sentinel=True)
    found = np.array([*(words.get(_plain(name)) for name in named), None], dtype=object)
    return pd.Series(found[codes], index=park.index, dtype=object)


def _park_at(
    points: Floats, parks: gpd.GeoDataFrame | None, index: pd.Index[Any]
) -> pd.Series[str]:
    found: list[str | None] = [None] * len(points)
    known = np.flatnonzero(~np.isnan(points).any(axis=1))
    if parks is None or not len(known):
        return pd.Series(found, index=index, dtype=object)
    tree = shapely.STRtree(parks.geometry.to_numpy())
    pairs = tree.query(shapely.points(points[known]), predicate="intersects")
    # Of parks that overlap the first by id, whatever the order of the tree.
    for row, park in zip(known[pairs[0]], parks.index.to_numpy()[pairs[1]], strict=True):
        other = found[row]
        found[row] = str(park) if other is None else min(other, str(park))
    return pd.Series(found, index=index, dtype=object)


def _unplaced(ledger: pd.DataFrame) -> dict[str, str]:
    reasons = {}
    for system, row in ledger[ledger["matched_by"] == "none"].iterrows():
        seen = [
            f"{word} '{row[column]}'"
            for column, word in (("named_roof", "roof_id"), ("park", "park"))
            if pd.notna(row[column])
        ]
        reasons[str(system)] = (
            f"no roof or park found ({', '.join(seen) or 'no roof id, no park'}; coordinates"
            " match no roof or are missing): not counted, complete the row"
        )
    return reasons


def _density(ledger: pd.DataFrame, buildings: gpd.GeoDataFrame) -> pd.Series[float]:
    """DC capacity of all commissioned systems of the row's roof over its area, W/m²."""
    area = pd.Series(shapely.area(buildings.geometry.to_numpy()), index=buildings.index)
    live = ledger["status"] == "commissioned"
    total = ledger["capacity_dc_kw"].where(live, 0.0).groupby(ledger["roof_id"]).sum()
    own = ledger["capacity_dc_kw"].where(~live, ledger["roof_id"].map(total))
    return (own * 1000.0 / ledger["roof_id"].map(area).astype(np.float64)).astype(np.float64)


def _check_unit(density: pd.Series[float], rules: RegisterRules) -> None:
    known = density.dropna()
    if not len(known):
        return
    middle = float(known.median())
    most = rules.unit_slip_factor * rules.max_density_w_per_m2
    if middle < rules.min_density_w_per_m2 or middle > most:
        remedy = "MW or 万千瓦" if middle < rules.min_density_w_per_m2 else "W"
        raise InputError(
            f"register: capacity: the median of {len(known)} matched systems is {middle:.3g} W per"
            f" m² of roof; 30-200 is usual, so the unit in the header is wrong: is it {remedy}?"
        )


def _check_size(ledger: pd.DataFrame, rules: RegisterRules) -> None:
    """Where only the park is known there is no roof to compare with: the size itself must do."""
    sizes = ledger.loc[ledger["matched_by"] == "park", "capacity_dc_kw"].dropna()
    if len(sizes) and float(sizes.median()) < rules.min_median_capacity_kw:
        raise InputError(
            f"register: capacity: the median of {len(sizes)} systems of which only the park is"
            f" known is {sizes.median():.3g} kW, below {rules.min_median_capacity_kw:g} kW: is the"
            " unit in the header wrong (MW or 万千瓦)? If they are that small:"
            " --set register.min_median_capacity_kw=0"
        )

"""A register and its roofs as arrays: what the ids, the names and the coordinates tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pvplan.assumptions import RegisterRules
from pvplan.city import datum_votes, likeness, matching
from pvplan.city.matching import ALIKE, EXACT, UNKNOWN
from pvplan.tables import Floats, Ints

Flags = npt.NDArray[np.bool_]
Near = tuple[Ints, Ints, Floats]
_OF_ROOFS: Final = ("park_id", "district_id", "capacity_dc_kw", "name", "geometry")


@dataclass(frozen=True)
class Case:
    """Register and roofs as arrays, both ordered by id.

    Attributes
    ----------
    register
        The rows, ordered by ``system_id``.
    roof_ids, districts, building_names
        Shape (roofs,): texts.
    park_ids
        Shape (parks,): ids, those named only by roofs among them.
    roofs, rows
        As :mod:`pvplan.city.matching` takes them; ``rows.park`` is the park that the row names.
    park_ratio
        Shape (rows,): how alike the park's name is, 100 the same.
    park_at
        Shape (rows,): the park that the believed coordinates lie in, or -1.
    by_id
        Rows, roofs and kind of agreement of the ids.
    lists
        Roofs of the rows that list several (position of the row: roofs, how many ids are unknown).
    ids_known
        Shape (rows,): the row's roof id is that, or like that, of a roof.
    park_area_m2, park_largest_m2
        Shape (parks,): all roofs of each park together, and the largest; 0 where none is known.
    """

    register: pd.DataFrame
    roof_ids: npt.NDArray[np.object_]
    districts: npt.NDArray[np.object_]
    building_names: npt.NDArray[np.object_]
    park_ids: npt.NDArray[np.object_]
    roofs: matching.Roofs
    rows: matching.Rows
    park_ratio: Floats
    park_at: Ints
    by_id: tuple[Ints, Ints, Ints]
    lists: Mapping[int, tuple[list[int], int]]
    ids_known: Flags
    park_area_m2: Floats
    park_largest_m2: Floats

    def own_roof(self) -> Ints:
        """Return the one roof that each row's id tells, shape (rows,), or -1."""
        rows, roofs, _ = self.by_id
        own = np.full(len(self.register), UNKNOWN)
        single = np.bincount(rows, minlength=len(own))[rows] == 1
        own[rows[single]] = roofs[single]
        return own


def case_of(
    register: pd.DataFrame, buildings: gpd.GeoDataFrame, parks: gpd.GeoDataFrame | None,
    points: Floats, rules: RegisterRules, park_hold: pd.DataFrame | None = None,
) -> Case:  # fmt: skip
    """Bring register, roofs and parks to arrays; see :func:`pvplan.reconcile.reconcile`.

    Parameters
    ----------
    register, points
        Ordered by ``system_id``.
    buildings, parks
        In any order.
    rules
        Likeness of names.
    park_hold
        Of :func:`held_by_parks`, all roofs of the city, where ``buildings`` are only some.

    Returns
    -------
    Case
    """
    wanted = [name for name in _OF_ROOFS if name in buildings]
    order = np.argsort(buildings.index.to_numpy(dtype=str), kind="stable")
    ordered = buildings[wanted].iloc[order]
    homes = ordered["park_id"].to_numpy(dtype=object)
    given = set() if parks is None else set(parks.index)
    held = {home for home in pd.unique(homes) if pd.notna(home)}
    park_ids = np.array(sorted(given | held), dtype=object)
    position = pd.Index(park_ids, dtype=object)
    area = np.asarray(shapely.area(ordered.geometry.to_numpy()), dtype=np.float64)
    potential = ordered.get("capacity_dc_kw", pd.Series(np.nan, index=ordered.index))
    roofs = matching.Roofs(
        ordered.geometry.to_numpy(), area, potential.to_numpy(dtype=np.float64),
        position.get_indexer(homes).astype(np.int64),
    )  # fmt: skip
    hold = held_by_parks(homes, area) if park_hold is None else park_hold
    hold = hold.reindex(park_ids).fillna(0.0)
    texts = register["park"].where(register["park"].notna(), "").tolist()
    named, ratio = likeness.parks_named(
        texts, _bearers(parks, park_ids), rules.generic_words, rules.name_min_ratio
    )
    by_id, lists, known = _by_id(register["roof_id"], pd.Index(ordered.index))
    rows = matching.Rows(named, register["capacity_dc_kw"].to_numpy(dtype=np.float64), points)
    titles = ordered["name"] if "name" in ordered else pd.Series("", index=ordered.index)
    return Case(
        register, ordered.index.to_numpy(dtype=object), ordered["district_id"].to_numpy(object),
        titles.where(titles.notna(), "").astype(str).to_numpy(dtype=object), park_ids, roofs, rows,
        ratio, _parks_at(points, parks, park_ids), by_id, lists, known,
        hold["area_m2"].to_numpy(dtype=np.float64), hold["largest_m2"].to_numpy(dtype=np.float64),
    )  # fmt: skip


def held_by_parks(homes: npt.NDArray[np.object_], area_m2: Floats) -> pd.DataFrame:
    """Return what the roofs of each park hold.

    Parameters
    ----------
    homes, area_m2
        Shape (roofs,): park id, missing outside of parks, and area.

    Returns
    -------
    DataFrame
        Index park id; ``area_m2``, summed in whole thousandths, and ``largest_m2``. Of parts of a
        city: sum the one, and take the most of the other.
    """
    held = pd.DataFrame({"area_m2": np.rint(area_m2 * 1000.0), "largest_m2": area_m2})
    by = held.groupby(np.asarray(homes, dtype=object)).agg({"area_m2": "sum", "largest_m2": "max"})
    return by.assign(area_m2=by["area_m2"] / 1000.0)


def _bearers(
    parks: gpd.GeoDataFrame | None, park_ids: npt.NDArray[np.object_]
) -> dict[str, set[int]]:
    bearers: dict[str, set[int]] = {}
    if parks is None:
        return bearers
    at = {str(key): position for position, key in enumerate(park_ids)}
    for column in ("name_en", "name_zh"):
        for key, name in parks[column].items():
            if pd.notna(name):
                bearers.setdefault(likeness.plain(name), set()).add(at[str(key)])
    return bearers | {likeness.plain(key): {at[str(key)]} for key in parks.index}


def _by_id(
    texts: pd.Series[Any], index: pd.Index[str]
) -> tuple[tuple[Ints, Ints, Ints], dict[int, tuple[list[int], int]], Flags]:
    """Find the roofs of the ids: exactly, else in another spelling, else one by one of a list."""
    exact = {str(key): at for at, key in enumerate(index.tolist())}
    alike: dict[str, list[int]] = {}
    told: dict[str, tuple[list[int], int]] = {}
    triples: list[tuple[int, int, int]] = []
    lists: dict[int, tuple[list[int], int]] = {}
    known = np.zeros(len(texts), dtype=bool)
    for row, raw in enumerate(texts.tolist()):
        if pd.isna(raw):
            continue
        text = str(raw)
        if text in exact:
            triples.append((row, exact[text], EXACT))
            known[row] = True
            continue
        if not alike:
            for at, key in enumerate(index.tolist()):
                alike.setdefault(likeness.id_key(key), []).append(at)
            alike.pop("", None)
        words = likeness.listed(text)
        if len(words) > 1:
            if text not in told:
                told[text] = _listed(words, exact, alike)
            lists[row] = told[text]
            known[row] = bool(told[text][0])
            continue
        found = [exact[words[0]]] if words and words[0] in exact else alike.get(
            likeness.id_key(text), []
        )  # fmt: skip
        triples += [(row, at, EXACT if words[0] in exact else ALIKE) for at in found]
        known[row] = bool(found)
    columns = np.array(triples, dtype=np.int64).reshape(-1, 3).T
    return (columns[0], columns[1], columns[2]), lists, known


def _listed(
    words: list[str], exact: Mapping[str, int], alike: Mapping[str, list[int]]
) -> tuple[list[int], int]:
    found: list[int] = []
    missing = 0
    for word in words:
        near = [exact[word]] if word in exact else alike.get(likeness.id_key(word), [])
        missing += len(near) != 1
        found += near if len(near) == 1 else []
    return sorted(set(found)), missing


def _parks_at(
    points: Floats, parks: gpd.GeoDataFrame | None, park_ids: npt.NDArray[np.object_]
) -> Ints:
    found = np.full(len(points), UNKNOWN)
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    if parks is None or not len(known):
        return found
    tree = shapely.STRtree(parks.geometry.to_numpy())
    pairs = tree.query(shapely.points(points[known]), predicate="intersects")
    position = pd.Index(park_ids, dtype=object)
    park = position.get_indexer(parks.index.to_numpy(dtype=object))[pairs[1]]
    # Of parks that overlap the first by id, whatever the order of the tree.
    order = np.argsort(-park, kind="stable")
    found[known[pairs[0]][order]] = park[order]
    return found


def nearby(case: Case, rules: RegisterRules, known: tuple[Floats, Near] | None = None) -> Near:
    """Find the roofs near each row's coordinates, as :func:`pvplan.city.matching.near_roofs`.

    Parameters
    ----------
    case
        Register and roofs.
    rules
        How far is near.
    known
        Other coordinates and what was found for them: only rows that moved are looked for.
    """
    points, distance_m = case.rows.points, rules.max_distance_m
    if known is None:
        return matching.near_roofs(points, case.roofs.tree, distance_m)
    before, found = known
    moved = ((points != before) & ~(np.isnan(points) & np.isnan(before))).any(axis=1)
    there = np.where(moved[:, None], points, np.nan)
    again, stays = matching.near_roofs(there, case.roofs.tree, distance_m), ~moved[found[0]]
    rows, roofs, distance = (
        np.concatenate([old[stays], new]) for old, new in zip(found, again, strict=True)
    )
    order = np.lexsort((roofs, rows))
    return rows[order], roofs[order], distance[order]


def vote(
    case: Case, by_place: Near, shifted: Mapping[str, Floats], rules: RegisterRules
) -> datum_votes.Verdict:  # fmt: skip
    """Let the rows tell the datum of their coordinates.

    Parameters
    ----------
    case
        Register and roofs.
    by_place
        What :func:`nearby` returns.
    shifted
        By datum: shape (rows, 2), m.
    rules
        What a clear majority is.

    Returns
    -------
    Verdict
    """
    placed = np.asarray(np.isfinite(case.rows.points).all(axis=1), dtype=bool)
    fits = fitting(case, case.rows.points, rules)
    after = {name: fitting(case, points, rules) for name, points in shifted.items()}
    verdict = datum_votes.judge(placed, fits, after, rules)
    if verdict.datum is not None:
        return verdict
    # Alone, a row without an id tells a shift only if no roof is near as it stands.
    near = np.zeros(len(case.register), dtype=bool)
    near[by_place[0]] = True
    loose = (case.own_roof() == UNKNOWN) & (near | (case.rows.park == UNKNOWN))
    return replace(verdict, of_row=np.where(loose, "", verdict.of_row))


def fitting(case: Case, points: Floats, rules: RegisterRules) -> Flags:
    """Return which rows' points fit: near their own roof, else on a roof of the park they name."""
    own = case.own_roof()
    fits = np.zeros(len(points), dtype=bool)
    there = np.isfinite(points).all(axis=1)
    told = np.flatnonzero(there & (own != UNKNOWN))
    distance = shapely.distance(shapely.points(points[told]), case.roofs.geometry[own[told]])
    fits[told] = distance <= rules.max_distance_m
    rest = np.flatnonzero(there & (own == UNKNOWN))
    rows, roofs, _ = matching.near_roofs(points[rest], case.roofs.tree, 0.0)
    park = case.rows.park[rest[rows]]
    fits[rest[rows[(park == UNKNOWN) | (park == case.roofs.park[roofs])]]] = True
    return fits


def believed(
    case: Case, verdict: datum_votes.Verdict, shifted: Mapping[str, Floats],
    parks: gpd.GeoDataFrame | None, rules: RegisterRules,
) -> Case:  # fmt: skip
    """Drop, or where the rules say so shift, the coordinates that the votes speak against.

    Parameters
    ----------
    case, shifted, parks
        As for :func:`vote`.
    verdict
        What the rows say.
    rules
        ``undo_shift``.

    Returns
    -------
    Case
        Of a shifted file only coordinates near the row's own roof stay as they are.
    """
    points = case.rows.points.copy()
    own = case.own_roof() != UNKNOWN
    if verdict.datum is None:
        points[own & (verdict.of_row != "")] = np.nan
    else:
        doubted = ~(own & fitting(case, points, rules))
        points[doubted] = shifted[verdict.datum][doubted] if rules.undo_shift else np.nan
    park_at = _parks_at(points, parks, case.park_ids)
    return replace(case, rows=replace(case.rows, points=points), park_at=park_at)

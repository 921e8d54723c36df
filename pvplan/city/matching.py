"""Which roof a register row stands on: candidates are scored, and a tie is not decided.

Each piece of evidence has a weight; pieces join as 1 - product of (1 - weight), so that more
evidence never lowers a score. What speaks against a roof multiplies the score by a factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pvplan.assumptions import RegisterRules
from pvplan.tables import Floats, Ints

UNKNOWN: Final = -1
EXACT, ALIKE, NO_ID = 2, 1, 0
TOUCH_M: Final = 1e-9
"""The least distance: the tree takes none of 0."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """What register rows say; arrays of shape (rows,).

    ``park`` is the position of the park that the row names, or -1; ``capacity_dc_kw`` may be
    NaN; ``points`` (rows, 2) in metres are NaN where unknown or not believed.
    """

    park: Ints
    capacity_dc_kw: Floats
    points: Floats


@dataclass(frozen=True)
class Roofs:
    """The roofs; arrays of shape (roofs,): outlines, area, potential (NaN unknown), park or -1."""

    geometry: npt.NDArray[np.object_]
    area_m2: Floats
    potential_kw: Floats
    park: Ints

    @cached_property
    def tree(self) -> shapely.STRtree:
        """A spatial index of the outlines."""
        return shapely.STRtree(self.geometry)


@dataclass(frozen=True)
class Choice:
    """What was found for each row; arrays of shape (rows,).

    Attributes
    ----------
    best, second
        Positions in the candidates of the best and the second roof, -1 where there is none.
    decided
        The best one is the row's roof.
    contested
        It is, by its id, but other evidence speaks for another roof.
    """

    best: Ints
    second: Ints
    decided: Flags
    contested: Flags


def near_roofs(
    points: Floats, tree: shapely.STRtree, distance_m: float
) -> tuple[Ints, Ints, Floats]:
    """Find every roof within a distance of each point.

    Parameters
    ----------
    points
        Shape (rows, 2), m; NaN has no roof.
    tree
        Index of the outlines of the roofs.
    distance_m
        Not negative.

    Returns
    -------
    rows, roofs, distance_m
        Shape (pairs,) each, ordered by row and roof; the distance is 0 on the roof.
    """
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(known) or not len(tree):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    places = np.asarray(shapely.points(points[known]))
    found = tree.query(places, predicate="dwithin", distance=max(distance_m, TOUCH_M))
    distance = np.asarray(shapely.distance(places[found[0]], tree.geometries[found[1]]))
    order = np.lexsort((found[1], found[0]))
    rows, roofs = known[found[0]][order], found[1][order].astype(np.int64)
    return rows, roofs, distance[order]


def candidates(
    by_id: tuple[Ints, Ints, Ints],
    by_place: tuple[Ints, Ints, Floats],
    by_name: tuple[Ints, Ints, Floats],
) -> pd.DataFrame:
    """Join what the ways of looking found, one row a pair of register row and roof.

    Parameters
    ----------
    by_id, by_place, by_name
        Rows, roofs, and: kind of agreement (``EXACT``, ``ALIKE``), distance [m], ratio (0-100).

    Returns
    -------
    DataFrame
        row, roof, id_kind (0 none), distance_m (NaN none), ratio (0 none), ordered by row and
        roof.
    """
    found = [
        pd.DataFrame({"row": rows, "roof": roofs, name: values})
        for name, (rows, roofs, values) in (
            ("id_kind", by_id), ("distance_m", by_place), ("ratio", by_name),
        )
    ]  # fmt: skip
    pairs = pd.concat(found, ignore_index=True)
    for name in ("id_kind", "distance_m", "ratio"):
        pairs[name] = pairs[name].astype(np.float64)
    # Each way names a pair once (the better kind of id first), so max and min only fill in.
    joined = pairs.groupby(["row", "roof"], sort=True).agg(
        id_kind=("id_kind", "max"), distance_m=("distance_m", "min"), ratio=("ratio", "max")
    )
    joined = joined.fillna({"id_kind": 0.0, "ratio": 0.0}).reset_index()
    return joined.astype({"row": np.int64, "roof": np.int64, "id_kind": np.int64})


def scored(pairs: pd.DataFrame, rows: Rows, roofs: Roofs, rules: RegisterRules) -> pd.DataFrame:
    """Score each candidate.

    Parameters
    ----------
    pairs
        As :func:`candidates` returns it.
    rows, roofs
        What both sides say.
    rules
        Weights and factors.

    Returns
    -------
    DataFrame
        ``pairs`` with ``score`` in [0, 1] and the flags ``park_agrees``, ``park_differs``,
        ``place_differs``, ``implausible`` that its reasons are told from.
    """
    row, roof = pairs["row"].to_numpy(), pairs["roof"].to_numpy()
    named, home = rows.park[row], roofs.park[roof]
    distance = pairs["distance_m"].to_numpy(dtype=np.float64)
    share = np.clip(distance / max(rules.max_distance_m, TOUCH_M), 0.0, 1.0)
    fall = rules.beside_roof_weight - rules.far_roof_weight
    place = np.where(distance <= 0.0, rules.on_roof_weight, rules.beside_roof_weight - fall * share)
    kind = pairs["id_kind"].to_numpy()
    ratio = pairs["ratio"].to_numpy(dtype=np.float64)
    agrees = (named != UNKNOWN) & (named == home)
    weights = np.stack(
        [
            np.select([kind == EXACT, kind == ALIKE], [rules.id_exact_weight,
                                                       rules.id_alike_weight], 0.0),
            np.where(np.isnan(distance), 0.0, place),
            np.where(ratio >= 100.0, rules.name_same_weight, rules.name_alike_weight * ratio / 100),
            np.where(agrees, rules.park_weight, 0.0),
        ]
    )  # fmt: skip
    differs = (named != UNKNOWN) & (named != home)
    elsewhere = np.isfinite(rows.points[row]).all(axis=1) & np.isnan(distance)
    wrong_size = _implausible(rows.capacity_dc_kw[row], roof, roofs, rules)
    against = np.where(differs, rules.contradicted_factor, 1.0)
    against = against * np.where(elsewhere, rules.contradicted_factor, 1.0)
    against = against * np.where(wrong_size, rules.implausible_factor, 1.0)
    score = (1.0 - np.prod(1.0 - weights, axis=0)) * against
    return pairs.assign(
        score=np.round(score, 6), park_agrees=agrees, park_differs=differs,
        place_differs=elsewhere, implausible=wrong_size,
    )  # fmt: skip


def _implausible(kw: Floats, roof: Ints, roofs: Roofs, rules: RegisterRules) -> Flags:
    density = kw * 1000.0 / roofs.area_m2[roof]
    wrong = (density > rules.max_density_w_per_m2) | (density < rules.min_density_w_per_m2)
    return np.asarray(wrong | (kw > rules.potential_factor * roofs.potential_kw[roof]), dtype=bool)


def choose(pairs: pd.DataFrame, count: int, rules: RegisterRules) -> Choice:
    """Choose the roof of each row.

    Parameters
    ----------
    pairs
        As :func:`scored` returns it.
    count
        Number of register rows.
    rules
        ``min_score`` and ``tie_margin``.

    Returns
    -------
    Choice
        An exact roof id wins, whatever speaks against it (then ``contested``). Otherwise the
        best candidate wins if it leads by ``tie_margin``.
    """
    score = pairs["score"].to_numpy(dtype=np.float64)
    exact = pairs["id_kind"].to_numpy() == EXACT
    usable = np.flatnonzero(exact | (score >= rules.min_score))
    # Last, the roof: the order only names the tied candidates, it decides nothing.
    order = usable[
        np.lexsort(
            (pairs["roof"].to_numpy()[usable], -score[usable], ~exact[usable],
             pairs["row"].to_numpy()[usable])
        )
    ]  # fmt: skip
    row = pairs["row"].to_numpy()[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = row[1:] != row[:-1]
    head = np.flatnonzero(first)
    best, second = np.full(count, UNKNOWN), np.full(count, UNKNOWN)
    best[row[head]] = order[head]
    follows = head[:-1][np.diff(head) > 1] if len(head) else head
    if len(head) and len(order) - head[-1] > 1:
        follows = np.append(follows, head[-1])
    second[row[follows]] = order[follows + 1]
    lead = np.where(best >= 0, score[best], 0.0) if len(score) else np.zeros(count)
    rest = np.where(second >= 0, score[second], 0.0) if len(score) else np.zeros(count)
    by_id = np.where(best >= 0, exact[best], False) if len(score) else np.zeros(count, dtype=bool)
    clear = (lead - rest >= rules.tie_margin) | (second == UNKNOWN)
    return Choice(best, second, (best >= 0) & (by_id | clear), (best >= 0) & by_id & ~clear)


_NO: Final = ("", "")


def reasons(pairs: pd.DataFrame, which: Ints, rules: RegisterRules) -> tuple[list[str], list[str]]:
    """Tell in words why candidates were scored as they were.

    Parameters
    ----------
    pairs
        As :func:`scored` returns it.
    which
        Positions of the candidates to tell of.
    rules
        Not changed; the distance limit is named.

    Returns
    -------
    zh, en
        One sentence each, for and then against.
    """
    told: tuple[list[str], list[str]] = ([], [])
    chosen = pairs.iloc[which]
    columns = ("id_kind", "distance_m", "ratio", "park_agrees", "park_differs", "place_differs",
               "implausible")  # fmt: skip
    for words in zip(*(chosen[name].tolist() for name in columns), strict=True):
        pieces = [piece for piece in _pieces(words, rules) if piece is not _NO]
        told[0].append("；".join(zh for zh, _ in pieces))
        told[1].append("; ".join(en for _, en in pieces))
    return told


def _pieces(words: tuple[Any, ...], rules: RegisterRules) -> list[tuple[str, str]]:
    kind, distance, ratio, park, other_park, elsewhere, size = words
    ids = {EXACT: ("屋顶编号一致", "same roof id"), ALIKE: ("屋顶编号规范化后一致", "like roof id")}
    place = _NO
    if distance == 0.0:
        place = ("坐标在屋顶上", "coordinates on the roof")
    elif not np.isnan(distance):
        place = (f"坐标距屋顶{distance:.1f} m", f"coordinates {distance:.1f} m from the roof")
    name = _NO
    if ratio > 0.0:
        name = (f"名称相似度{ratio:.0f}%", f"names {ratio:.0f} % alike")
    limit = f"{rules.max_distance_m:g} m"
    return [
        ids.get(kind, _NO),
        place,
        name,
        ("园区一致", "same park") if park else _NO,
        ("但园区不符", "but another park is named") if other_park else _NO,
        (f"但坐标距屋顶超过{limit}", f"but coordinates more than {limit} away") if elsewhere
        else _NO,
        ("但容量与屋顶不相称", "but the capacity does not suit the roof") if size else _NO,
    ]  # fmt: skip

"""Rows that repeat each other, and dates that cannot be."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pvplan.assumptions import RegisterRules
from pvplan.tables import Floats, Ints

Flags = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]

_NEAR_M: Final = 1e-6  # two rows at one point are near even where no distance is allowed


def duplicates(
    kw: Floats, roof: Ints, name: Ints, dates: tuple[Days, Days], points: Floats,
    rules: RegisterRules,
) -> Ints:  # fmt: skip
    """Group the rows that seem to be one system entered more than once.

    Parameters
    ----------
    kw
        Shape (rows,): capacity, NaN like nothing.
    roof
        Shape (rows,): a number for each place of roofs, -1 unknown.
    name
        Shape (rows,): a number for each name, -1 none.
    dates
        Filed on and commissioned on, shape (rows,) each; two unknown days are equal.
    points
        Shape (rows, 2), m, NaN unknown.
    rules
        ``duplicate_tolerance_fraction`` and ``max_distance_m``.

    Returns
    -------
    ndarray of int
        Shape (rows,): a number for each group of two rows or more, -1 for rows in none. Rows
        belong together if they stand on one roof, or nearer than the distance, with equal dates
        and capacity; or bear one name on one roof with equal capacity. Nothing is dropped.
    """
    count = len(kw)
    day = _codes(np.stack([dates[0].astype("i8"), dates[1].astype("i8")], axis=1))
    known = np.isfinite(kw) & (kw > 0.0)
    ends = [
        _neighbours(np.flatnonzero(known & (roof >= 0)), [roof, day], kw, rules),
        _neighbours(np.flatnonzero(known & (roof >= 0) & (name >= 0)), [roof, name], kw, rules),
        _close(np.flatnonzero(known & np.isfinite(points).all(axis=1)), day, kw, points, rules),
    ]
    one, other = (np.concatenate(side) for side in zip(*ends, strict=True))
    graph = coo_matrix((np.ones(len(one)), (one, other)), shape=(count, count))
    group = connected_components(graph, directed=False)[1] if count else np.empty(0, np.int64)
    size = np.bincount(group, minlength=1)
    return np.where(size[group] > 1, group, -1).astype(np.int64)


def _codes(keys: Ints) -> Ints:
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _neighbours(
    rows: Ints, keys: list[Ints], kw: Floats, rules: RegisterRules
) -> tuple[Ints, Ints]:
    """Join rows of equal keys whose capacities, in order, follow within the tolerance."""
    order = rows[np.lexsort((kw[rows], *(key[rows] for key in keys)))]
    first, second = order[:-1], order[1:]
    same = kw[second] - kw[first] <= rules.duplicate_tolerance_fraction * kw[second]
    for key in keys:
        same &= key[first] == key[second]
    return first[same], second[same]


def _close(
    rows: Ints, day: Ints, kw: Floats, points: Floats, rules: RegisterRules
) -> tuple[Ints, Ints]:
    """Join rows of equal dates and capacity that lie nearer than the distance."""
    nothing = (np.empty(0, np.int64), np.empty(0, np.int64))
    if len(rows) < 2:
        return nothing
    reach = max(rules.max_distance_m, _NEAR_M)
    tolerance = max(rules.duplicate_tolerance_fraction, 1e-9)
    # A cube holds the near ones: of the capacity's logarithm, the tolerance is the reach.
    logs = np.log(kw[rows]) * (reach / -np.log1p(-tolerance))
    apart = day[rows] * (10.0 * reach)
    cloud = np.column_stack([points[rows], logs, apart])
    places, which, size = np.unique(cloud, axis=0, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    pairs = cKDTree(places).query_pairs(reach * (1.0 + 1e-9), p=np.inf, output_type="ndarray")
    ordered = np.argsort(which, kind="stable")
    head = ordered[np.concatenate([[0], np.cumsum(size)[:-1]])]
    one, other = rows[head[pairs[:, 0]]], rows[head[pairs[:, 1]]]
    near = np.hypot(*(points[one] - points[other]).T) < reach
    larger = np.maximum(kw[one], kw[other])
    near &= np.abs(kw[one] - kw[other]) <= rules.duplicate_tolerance_fraction * larger
    # Equal in everything: each row with the first of its kind.
    twin = head[which]
    again = twin != np.arange(len(rows))
    return (
        np.concatenate([one[near], rows[again]]),
        np.concatenate([other[near], rows[twin[again]]]),
    )


def filed_as_commissioned(filed: Days, commissioned: Days, rules: RegisterRules) -> tuple[
    npt.NDArray[np.object_], Ints
]:  # fmt: skip
    """Find commissioning days that are filing days.

    Parameters
    ----------
    filed, commissioned
        Shape (rows,); NaT unknown.
    rules
        ``same_day_rows``.

    Returns
    -------
    kind, same_day
        Shape (rows,): ``same`` (commissioned on the day of filing), ``before`` (before it),
        ``bulk`` (on a day on which ``same_day_rows`` others were, own filing day unknown) or "";
        and how many rows have both dates on that day.
    """
    known = ~np.isnat(filed) & ~np.isnat(commissioned)
    same = known & (filed == commissioned)
    before = known & (commissioned < filed)
    days, counts = np.unique(commissioned[same], return_counts=True)
    on_day = np.zeros(len(filed), dtype=np.int64)
    if len(days):
        at = np.minimum(np.searchsorted(days, commissioned), len(days) - 1)
        met = ~np.isnat(commissioned) & (days[at] == commissioned)
        on_day[met] = counts[at[met]]
    bulk = np.isnat(filed) & (on_day >= rules.same_day_rows)
    kind = np.select([same, before, bulk], ["same", "before", "bulk"], "").astype(object)
    return kind, on_day

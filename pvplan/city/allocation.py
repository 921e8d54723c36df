"""A goal of the city to its places: whole kW, within bounds, residual exactly zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum, inf

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.errors import AssumptionError
from pvplan.tables import ALLOCATION, OUTSIDE_DISTRICTS, Floats, names

Flags = npt.NDArray[np.bool_]


def proportional(target_kw: float, weight: Floats) -> Floats:
    """Split a target in whole kW in proportion to weights (largest remainder, Hamilton).

    Parameters
    ----------
    target_kw
        Target, kW; its fraction of a kW, if any, goes to the first place of the largest weight.
    weight
        Shape (places,), not negative. The order of places settles ties.

    Returns
    -------
    ndarray, shape (places,)
        kW; sums to the target. All missing where no place has weight or the target is missing.
    """
    total = weight.sum()
    if not total > 0.0 or np.isnan(target_kw):
        return np.full(len(weight), np.nan)
    whole = int(np.floor(target_kw))
    ideal = weight / total * whole
    share: Floats = np.floor(ideal)
    left = whole - int(share.sum())
    order = np.lexsort((np.arange(len(weight)), -(ideal - share)))
    share[order[:left]] += 1.0
    share[int(weight.argmax())] += target_kw - whole
    return share


@dataclass(frozen=True)
class Allocated:
    """What each place is to hold; arrays of shape (places,), in the caller's order.

    ``kw.sum() + shortfall_kw - surplus_kw`` is the target, in whole thousandths.

    Attributes
    ----------
    kw
        Whole kW, but for the one place that takes the target's own fraction of a kW.
    at_lower, at_upper
        Whether the share stands at the place's bound; False for fixed places.
    fixed
        Whether the share was negotiated.
    shortfall_kw
        Part of the target that no place can take.
    surplus_kw
        What the lower bounds hold above the target.
    """

    kw: Floats
    at_lower: Flags
    at_upper: Flags
    fixed: Flags
    shortfall_kw: float
    surplus_kw: float


def allocate(
    target_kw: float,
    weight: Floats,
    lower_kw: Floats,
    upper_kw: Floats,
    fixed_kw: Floats | None = None,
    place_id: Sequence[str] | None = None,
) -> Allocated:
    """Split a target in whole kW in proportion to weights, within bounds.

    Each free place gets ``clip(λ weight, lower, upper)`` with the one λ that makes the target;
    λ is solved exactly, in rational numbers, between two of the sorted breakpoints
    ``lower/weight`` and ``upper/weight``. Fractions of a kW are then settled by the largest
    remainder (Hamilton), ties by the sorted ids, so that the order of places changes nothing.
    The target's own fraction of a kW goes to the place of the largest weight that has room.
    A place without weight stays at its lower bound, unless no free place has weight: then all
    free places count alike.

    Parameters
    ----------
    target_kw
        Target, kW, held to thousandths.
    weight
        Shape (places,), not negative, any unit.
    lower_kw, upper_kw
        Shape (places,), kW; inside them whole kW are used. The upper may be infinite.
    fixed_kw
        Negotiated shares, kW; NaN where none.
    place_id
        Unique ids that settle ties; by default the position.

    Returns
    -------
    Allocated
        Where the upper bounds hold less than the target, every place of weight stands at its
        upper bound and ``shortfall_kw`` is the rest; lower bounds above it likewise.

    Raises
    ------
    AssumptionError
        Listing every weight, bound or negotiated share that cannot be, and its place.

    References
    ----------
    M. L. Balinski, H. P. Young, Fair Representation, 2nd ed., Brookings, 2001 (largest remainder).
    """
    count = len(weight)
    ids = [f"{at:09d}" for at in range(count)] if place_id is None else [str(x) for x in place_id]
    given = np.full(count, np.nan) if fixed_kw is None else np.asarray(fixed_kw, dtype=np.float64)
    _refuse(target_kw, weight, lower_kw, upper_kw, given, ids)
    fixed = ~np.isnan(given)
    rest = _mils(target_kw) - sum(_mils(kw) for kw in given[fixed])
    free = sorted(np.flatnonzero(~fixed).tolist(), key=lambda at: ids[at])
    if rest < 0 or (rest and count and not free):
        told = f"negotiated shares make {(_mils(target_kw) - rest) / 1000:g} kW"
        raise AssumptionError(f"allocation: {told} of {target_kw:g} kW; change a share or free one")
    whole, broken = divmod(rest, 1000)
    weights = _whole_weights([float(weight[at]) for at in free])
    low = [-(-_mils(lower_kw[at]) // 1000) for at in free]
    room = [_cap(upper_kw[at], low[n], whole) for n, at in enumerate(free)]
    high = [cap // 1000 if weights[n] else low[n] for n, cap in enumerate(room)]
    share = [kw * 1000 for kw in _filled(whole, weights, low, high)]
    if sum(share) == whole * 1000 and broken:
        for n in sorted(range(len(free)), key=lambda n: -weights[n]):
            if weights[n] and share[n] + broken <= room[n]:
                share[n] += broken
                break
    kw = given.copy()
    kw[free] = np.array(share, dtype=np.float64) / 1000.0
    left = rest - sum(share)
    return Allocated(
        kw=kw,
        at_lower=~fixed & (np.floor(kw) <= np.ceil(lower_kw)),
        at_upper=~fixed & (kw >= np.floor(upper_kw)),
        fixed=fixed,
        shortfall_kw=max(left, 0) / 1000.0,
        surplus_kw=max(-left, 0) / 1000.0,
    )


def negotiated(target_kw: float, fraction: Floats, place_id: Sequence[str]) -> Floats:
    """Turn negotiated fractions of a target into whole kW (largest remainder).

    Parameters
    ----------
    target_kw
        Target, kW.
    fraction
        Shape (places,), 0 to 1, read as the decimal written; NaN where none was negotiated.
    place_id
        Unique ids that settle ties.

    Returns
    -------
    ndarray, shape (places,)
        kW for ``fixed_kw`` of :func:`allocate`; NaN where none. Fractions that make 1 make the
        target, its own fraction of a kW at the first place of the largest fraction.

    Raises
    ------
    AssumptionError
        A fraction outside 0 to 1, or fractions that make more than 1.
    """
    found = np.full(len(fraction), np.nan)
    held = [int(n) for n in np.argsort(np.array(place_id, dtype=str)) if not np.isnan(fraction[n])]
    wrong = [n for n in held if not 0.0 <= fraction[n] <= 1.0]
    exact = {n: Fraction(str(float(fraction[n]))) for n in held if n not in wrong}
    total = sum(exact.values(), Fraction(0))
    faults = [
        f"allocation: negotiated fraction of '{place_id[n]}' = {fraction[n]:g}; 0 to 1"
        for n in wrong
    ]
    if total > 1:
        faults.append(f"allocation: negotiated fractions make {float(total):g}; at most 1")
    if faults:
        raise AssumptionError(faults)
    target = Fraction(_mils(target_kw), 1000)
    whole = {n: exact[n] * target // 1 for n in held}
    left = int(total * target // 1) - sum(whole.values())
    for n in sorted(held, key=lambda n: -(exact[n] * target % 1))[:left]:
        whole[n] += 1
    for n in held:
        found[n] = float(whole[n])
    if held and total == 1:
        found[max(held, key=lambda n: exact[n])] += float(target % 1)
    return found


@dataclass(frozen=True)
class TwoLevel:
    """A city's goal to districts and parks: ``table`` holds ``tables.ALLOCATION``."""

    table: pd.DataFrame
    shortfall_kw: float
    surplus_kw: float


def two_level(
    target_kw: float,
    parks: pd.DataFrame,
    method: str,
    fixed_kw: Mapping[str, float] | None = None,
) -> TwoLevel:
    """Split a city's target to its districts, and each district's share to its parks.

    Parameters
    ----------
    target_kw
        Target of the city, kW.
    parks
        Columns ``district_id`` (missing: outside the districts), ``park_id`` (``outside-parks``
        once a district), ``weight``, ``lower_kw``, ``upper_kw``.
    method
        Name of the weights, for the table.
    fixed_kw
        Negotiated shares of districts, kW, by district id. A negotiated park is one whose
        bounds both are its share.

    Returns
    -------
    TwoLevel
        A row for each district, then each park; the parks of a district sum to it exactly.

    Raises
    ------
    AssumptionError
        As :func:`allocate`; a negotiated district that is unknown.
    """
    rows = parks.assign(district_id=parks["district_id"].fillna(OUTSIDE_DISTRICTS).astype(str))
    groups = {str(key): park for key, park in rows.groupby("district_id", sort=True)}
    unknown = sorted(set(fixed_kw or {}) - set(groups))
    if unknown:
        raise AssumptionError(
            f"allocation: negotiated district {', '.join(unknown)} unknown; known: "
            f"{', '.join(sorted(groups))}"
        )
    # Checked once for all parks, so that one message lists every fault.
    weight, low, high = (rows[w].to_numpy(np.float64) for w in ("weight", "lower_kw", "upper_kw"))
    ids = (rows["district_id"] + "/" + rows["park_id"].astype(str)).tolist()
    _refuse(target_kw, weight, low, high, np.full(len(rows), np.nan), ids)
    heads = pd.DataFrame([_district(park) for park in groups.values()], index=list(groups))
    heads = heads.reindex(columns=["weight", "lower_kw", "upper_kw"]).astype(np.float64)
    fixed = np.array([(fixed_kw or {}).get(key, np.nan) for key in groups], dtype=np.float64)
    shares = _of_table(target_kw, heads, list(groups), fixed)
    tables = [_rows("district", heads, list(groups), list(groups), shares)]
    for kw, (district, park) in zip(shares.kw, groups.items(), strict=True):
        park_ids = park["park_id"].astype(str).tolist()
        found = _of_table(float(kw), park, park_ids, None)
        tables.append(_rows("park", park, park_ids, [district] * len(park), found))
    table = pd.concat(tables, ignore_index=True).assign(method=method)
    return TwoLevel(table[names(ALLOCATION)], shares.shortfall_kw, shares.surplus_kw)


def compare(place_id: Sequence[str], a_kw: Floats, b_kw: Floats) -> pd.DataFrame:
    """Set two allocations of the same places side by side.

    Returns
    -------
    DataFrame
        Sorted by the difference, the winners of the second first: ``place_id``, ``a_kw``,
        ``b_kw``, ``difference_kw`` (second less first) and ``outcome`` (``gains``, ``loses``,
        ``same``) of the second.
    """
    difference = np.rint((np.asarray(b_kw) - np.asarray(a_kw)) * 1000.0) / 1000.0
    outcome = np.select([difference > 0.0, difference < 0.0], ["gains", "loses"], "same")
    table = pd.DataFrame(
        {
            "place_id": list(place_id),
            "a_kw": a_kw,
            "b_kw": b_kw,
            "difference_kw": difference + 0.0,  # no minus zero
            "outcome": outcome,
        }
    )
    order = ["difference_kw", "place_id"]
    return table.sort_values(order, ascending=[False, True], ignore_index=True)


def _mils(kw: float) -> int:
    return round(float(kw) * 1000.0)


def _cap(upper_kw: float, low: int, whole: int) -> int:
    """Return an upper bound in thousandths; more than the target is no bound."""
    return (max(low, whole) + 1) * 1000 if upper_kw == inf else _mils(upper_kw)


def _whole_weights(weight: list[float]) -> list[int]:
    """Return whole numbers in exactly the ratios of the weights; all 1 where none has weight."""
    if not any(weight):
        return [1] * len(weight)
    ratios = [value.as_integer_ratio() for value in weight]
    common = max(below for _, below in ratios)  # denominators are powers of two
    return [above * (common // below) for above, below in ratios]


def _filled(whole: int, weight: list[int], low: list[int], high: list[int]) -> list[int]:
    """Return whole kW within bounds that make the target, or the bounds that miss it."""
    if sum(low) >= whole:
        return list(low)
    if sum(high) <= whole:
        return list(high)
    events = []
    for w, a, b in zip(weight, low, high, strict=True):
        if a < b:
            events += [(Fraction(a, w), w, -a), (Fraction(b, w), -w, b)]
    base, slope = sum(low), 0
    for at, steeper, shift in sorted(events):
        if slope * at.numerator >= (whole - base) * at.denominator:
            break
        slope, base = slope + steeper, base + shift
    share, rest = [], []
    for w, a, b in zip(weight, low, high, strict=True):
        kw, remainder = divmod((whole - base) * w, slope)  # λ = (whole - base) / slope
        inside = a <= kw < b
        share.append(kw if inside else min(max(kw, a), b))
        rest.append(remainder if inside else 0)
    order = sorted(range(len(share)), key=lambda n: -rest[n])  # stable: ties by id
    for n in order[: whole - sum(share)]:
        share[n] += 1
    return share


def _refuse(
    target: float, weight: Floats, lower: Floats, upper: Floats, fixed: Floats, ids: list[str]
) -> None:
    faults = []
    if not 0.0 <= target < inf:
        faults.append(f"allocation: target {target:g} kW; give a number not below 0")
    if len(set(ids)) < len(ids):
        faults.append("allocation: place ids repeat; give each place once")
    for n, place in enumerate(ids):
        if not 0.0 <= weight[n] < inf:
            faults.append(f"allocation: weight of '{place}' = {weight[n]:g}; not below 0, finite")
        if not 0.0 <= lower[n] <= upper[n] or lower[n] == inf:
            faults.append(f"allocation: '{place}': bounds {lower[n]:g} to {upper[n]:g} kW; mend")
        elif np.ceil(lower[n]) > np.floor(upper[n]) and np.isnan(fixed[n]):
            told = f"{lower[n]:g} to {upper[n]:g} kW"
            faults.append(f"allocation: '{place}': no whole kW in {told}; round the bounds")
        elif not np.isnan(fixed[n]) and not lower[n] <= fixed[n] <= upper[n]:
            told = f"{fixed[n]:g} kW is outside {lower[n]:g} to {upper[n]:g} kW"
            faults.append(f"allocation: negotiated share of '{place}': {told}; change it")
    if faults:
        raise AssumptionError(faults)


def _district(park: pd.DataFrame) -> dict[str, float]:
    """Return weight and bounds of a district: exactly what its parks can take."""
    weight, low = park["weight"].to_numpy(np.float64), np.ceil(park["lower_kw"].to_numpy())
    high = np.floor(park["upper_kw"].to_numpy(np.float64))
    high = np.where((weight > 0.0) | ~weight.any(), high, low)
    return {"weight": fsum(weight), "lower_kw": low.sum(), "upper_kw": high.sum()}


def _of_table(target: float, rows: pd.DataFrame, ids: list[str], fixed: Floats | None) -> Allocated:
    weight, low, high = (
        rows[word].to_numpy(np.float64) for word in ("weight", "lower_kw", "upper_kw")
    )
    return allocate(target, weight, np.ceil(low), np.floor(high), fixed, ids)


def _rows(
    level: str, rows: pd.DataFrame, ids: list[str], districts: list[str], found: Allocated
) -> pd.DataFrame:
    upper = rows["upper_kw"].to_numpy(np.float64)
    return pd.DataFrame(
        {
            "level": level,
            "place_id": ids,
            "district_id": districts,
            "weight": rows["weight"].to_numpy(np.float64),
            "lower_dc_kw": rows["lower_kw"].to_numpy(np.float64),
            "upper_dc_kw": np.where(np.isinf(upper), np.nan, upper),
            "allocated_dc_kw": found.kw,
            "at_lower": found.at_lower,
            "at_upper": found.at_upper,
            "fixed": found.fixed,
        }
    )

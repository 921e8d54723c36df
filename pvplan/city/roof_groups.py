"""Roofs that share every source of error, summed: what the draws of a city start from.

Within a place (a park's part in one district) roofs of one form, height source, form source and
headroom below their bound differ only by what each has of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.errors import TableError, nearest
from pvplan.tables import FORM_SOURCES, HEIGHT_SOURCES, ROOF_FORMS, Floats, Ints

Words = npt.NDArray[np.object_]

_HEADROOM: Final = np.array([1.1, 1.25, 1.5, 2.0, 3.0, 1000.0])
"""Edges of the ratio bound / capacity that part roofs into groups; beyond the last, unbounded."""
_HEADROOMS: Final = np.array([str(part) for part in range(len(_HEADROOM) + 1)], dtype=object)
_CLASS: Final = ("park_id", "district_id", "roof_form", "height_source", "roof_form_source")


@dataclass(frozen=True)
class Roofs:
    """Roofs as the draws see them; every array has shape (roofs,).

    Attributes
    ----------
    park_id, district_id
        Where the roof lies; ``tables.OUTSIDE_PARKS`` and ``OUTSIDE_DISTRICTS`` outside.
    roof_form, height_source, roof_form_source
        Words of ``tables``.
    capacity_kw, needs_survey_kw
        Technical potential, and the part of it that awaits a structural survey, kWp.
    bound_kw
        What the roof's area could carry at most, kWp, at least ``capacity_kw``; inf: no bound.
    energy_kwh_per_year
        AC energy of the potential in a mean year.
    """

    park_id: Words
    district_id: Words
    roof_form: Words
    height_source: Words
    roof_form_source: Words
    capacity_kw: Floats
    needs_survey_kw: Floats
    bound_kw: Floats
    energy_kwh_per_year: Floats

    def of(self, rows: npt.NDArray[Any]) -> Roofs:
        """Return some of the roofs, by a mask or by their numbers."""
        return Roofs(**{name: values[rows] for name, values in vars(self).items()})


def grouped(roofs: Roofs) -> pd.DataFrame:
    """Sum the roofs of each place and class; any order of roofs gives the same digits.

    Returns
    -------
    DataFrame
        One row a group, sorted by ``park_id``, ``district_id`` and class (``roof_form``,
        ``height_source``, ``roof_form_source``, ``headroom``); ``capacity_kw`` and
        ``energy_kwh_per_year`` summed; ``needs_survey_fraction`` and ``bound_ratio`` over the
        capacity; ``capacity_weight`` and ``energy_weight``, Σx²/(Σx)²: 1 for a single roof, 1/n
        for n equal ones.

    Raises
    ------
    TableError
        Arrays of other lengths, unknown words, missing or negative values, a capacity above its
        bound or below its surveyed part; every fault is told at once.
    """
    _check(roofs)
    some = roofs.capacity_kw > 0.0
    ratio = np.full(len(some), np.inf)
    np.divide(roofs.bound_kw, roofs.capacity_kw, out=ratio, where=some)
    words = pd.DataFrame({name: getattr(roofs, name) for name in _CLASS}, dtype=object)
    words["headroom"] = _HEADROOMS[np.searchsorted(_HEADROOM, ratio)]
    first, at = _classes(words)
    groups = words.iloc[first].reset_index(drop=True)
    finite = np.where(np.isfinite(ratio), roofs.bound_kw, 0.0)
    kw, kwh, survey, bound = (
        _sums(values, at, len(groups))
        for values in (
            roofs.capacity_kw, roofs.energy_kwh_per_year, roofs.needs_survey_kw, finite
        )
    )  # fmt: skip
    bounded = (kw > 0.0) & (groups["headroom"] != str(len(_HEADROOM))).to_numpy()
    unbounded = np.full(len(groups), np.inf)
    return groups.assign(
        capacity_kw=kw,
        energy_kwh_per_year=kwh,
        needs_survey_fraction=np.divide(survey, kw, out=np.zeros(len(groups)), where=kw > 0.0),
        bound_ratio=np.maximum(np.divide(bound, kw, out=unbounded, where=bounded), 1.0),
        capacity_weight=_weights(roofs.capacity_kw, at, kw),
        energy_weight=_weights(roofs.energy_kwh_per_year, at, kwh),
    )


def _classes(words: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return the first row of each class, in the order of its words, and the class of each row."""
    code = np.zeros(len(words), dtype=np.int64)
    for name in words.columns:
        at, found = pd.factorize(words[name], sort=True)
        code = code * max(len(found), 1) + at
    number, classes = pd.factorize(code, sort=True)
    first = np.empty(len(classes), dtype=np.int64)
    first[number[::-1]] = np.arange(len(words))[::-1]
    return first, number.astype(np.int64, copy=False)


def _sums(values: Floats, at: Ints, count: int) -> Floats:
    """Return the sum of each group, in whole thousandths."""
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, at, np.rint(values * 1000.0).astype(np.int64))
    return total / 1000.0


def _weights(values: Floats, at: Ints, sums: Floats) -> Floats:
    """Return Σx²/(Σx)² of each group, whatever the order of rows."""
    whole = np.rint(values * 1000.0).astype(np.int64)
    order = np.lexsort((whole, at))
    squares = np.bincount(at[order], weights=(whole[order] / 1000.0) ** 2, minlength=len(sums))
    return np.divide(squares, sums**2, out=np.zeros(len(sums)), where=sums > 0.0)


def _check(roofs: Roofs) -> None:
    count = len(roofs.capacity_kw)
    faults = [
        f"uncertainty: {name} has {len(values)} values, capacity_kw {count}; give one per roof"
        for name, values in vars(roofs).items()
        if len(values) != count
    ]
    if faults:
        raise TableError(faults)
    for name, known in (("roof_form", ROOF_FORMS), ("height_source", HEIGHT_SOURCES),
                        ("roof_form_source", FORM_SOURCES)):  # fmt: skip
        strange = sorted(set(map(str, pd.unique(getattr(roofs, name)))) - set(known))
        faults += [
            f"uncertainty: {name}: '{word}' is unknown; {nearest(word, known)}" for word in strange
        ]
    for name in ("park_id", "district_id"):
        missing = int(pd.isna(getattr(roofs, name)).sum())
        if missing:
            faults.append(f"uncertainty: {name}: {missing} roofs without; name those outside too")
    for name in ("capacity_kw", "needs_survey_kw", "bound_kw", "energy_kwh_per_year"):
        wrong = ~(getattr(roofs, name) >= 0.0)
        if name != "bound_kw":
            wrong |= np.isinf(getattr(roofs, name))
        faults += _told(name, getattr(roofs, name), wrong, "give numbers of 0 and more")
    over = roofs.needs_survey_kw > roofs.capacity_kw
    faults += _told("needs_survey_kw", roofs.needs_survey_kw, over, "at most capacity_kw")
    above = roofs.bound_kw < roofs.capacity_kw
    faults += _told("bound_kw", roofs.bound_kw, above, "at least capacity_kw")
    if faults:
        raise TableError(faults)


def _told(name: str, values: Floats, wrong: npt.NDArray[np.bool_], remedy: str) -> list[str]:
    if not wrong.any():
        return []
    first = int(np.argmax(wrong))
    return [
        f"uncertainty: {name}: {int(wrong.sum())} roofs not usable (first: row {first} ="
        f" {values[first]}); {remedy}"
    ]

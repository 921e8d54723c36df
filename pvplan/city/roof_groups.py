"""Roofs that share every source of error, summed: what the draws of a city start from.

Within a place (a park's part in one district) roofs of one form, height source, form source and
headroom below their bound differ only by what each has of its own. Every sum is one of integers:
groups of parts of a city, summed again, are those of the city.
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
GROUP: Final = (*_CLASS, "headroom")
"""What the roofs of a group have in common."""
_LIMB: Final = 21
"""Bits of half a number that is squared: 42 hold 4e12 thousandths."""
_AT_ONCE: Final = 1 << 20
"""Numbers whose squares are summed before they leave the machine's integers."""


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
    words = pd.DataFrame({name: getattr(roofs, name) for name in _CLASS}, dtype=object)
    words["headroom"] = headroom(roofs)
    first, at = numbered(words)
    sums = {
        name: _sums(values, at, len(first))
        for name, values in {
            "capacity_kw": roofs.capacity_kw,
            "energy_kwh_per_year": roofs.energy_kwh_per_year,
            "needs_survey_kw": roofs.needs_survey_kw,
            "bound_kw": np.where(np.isfinite(roofs.bound_kw), roofs.bound_kw, 0.0),
        }.items()
    }
    return groups_of(
        words.iloc[first].assign(
            **sums,
            capacity_square=squares(roofs.capacity_kw, at, len(first)),
            energy_square=squares(roofs.energy_kwh_per_year, at, len(first)),
        )
    )


def groups_of(parts: pd.DataFrame) -> pd.DataFrame:
    """Sum what is known of parts of groups to the groups; see :func:`grouped`.

    Parameters
    ----------
    parts
        The words of :data:`GROUP`; sums ``capacity_kw``, ``energy_kwh_per_year``,
        ``needs_survey_kw`` and ``bound_kw`` (0 where unbounded); ``capacity_square`` and
        ``energy_square`` of :func:`squares`.
    """
    first, at = numbered(parts[list(GROUP)])
    groups = parts[list(GROUP)].iloc[first].reset_index(drop=True)
    kw, kwh, survey, bound = (
        _sums(parts[name].to_numpy(dtype=np.float64), at, len(groups))
        for name in ("capacity_kw", "energy_kwh_per_year", "needs_survey_kw", "bound_kw")
    )
    bounded = (kw > 0.0) & (groups["headroom"] != str(len(_HEADROOM))).to_numpy()
    unbounded = np.full(len(groups), np.inf)
    return groups.assign(
        capacity_kw=kw,
        energy_kwh_per_year=kwh,
        needs_survey_fraction=np.divide(survey, kw, out=np.zeros(len(groups)), where=kw > 0.0),
        bound_ratio=np.maximum(np.divide(bound, kw, out=unbounded, where=bounded), 1.0),
        capacity_weight=_weights(parts["capacity_square"], at, kw),
        energy_weight=_weights(parts["energy_square"], at, kwh),
    )


def headroom(roofs: Roofs) -> Words:
    """Return the class of each roof's bound over its capacity; raises as :func:`grouped`."""
    _check(roofs)
    ratio = np.full(len(roofs.capacity_kw), np.inf)
    np.divide(roofs.bound_kw, roofs.capacity_kw, out=ratio, where=roofs.capacity_kw > 0.0)
    found: Words = _HEADROOMS[np.searchsorted(_HEADROOM, ratio)]
    return found


def squares(values: Floats, at: Ints, count: int) -> Words:
    """Sum squares exactly.

    Parameters
    ----------
    values
        Shape (rows,), whole thousandths, from 0 to 4e9.
    at, count
        Group of each row, and number of groups.

    Returns
    -------
    ndarray of int, shape (count,)
        Python's integers, of squared thousandths.
    """
    whole = np.rint(values * 1000.0).astype(np.int64)
    total = np.zeros(count, dtype=object)
    for start in range(0, len(whole), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        high, low = whole[rows] >> _LIMB, whole[rows] & ((1 << _LIMB) - 1)
        for shift, product in ((2 * _LIMB, high * high), (_LIMB + 1, high * low), (0, low * low)):
            held = np.zeros(count, dtype=np.int64)
            np.add.at(held, at[rows], product)
            total += held.astype(object) * (1 << shift)
    return total


def numbered(words: pd.DataFrame) -> tuple[Ints, Ints]:
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


def _weights(square: pd.Series[Any], at: Ints, sums: Floats) -> Floats:
    """Return Σx²/(Σx)² of each group."""
    total = np.zeros(len(sums), dtype=object)
    np.add.at(total, at, square.to_numpy(dtype=object))
    whole = (sums * 1000.0) ** 2
    return np.divide(total.astype(np.float64), whole, out=np.zeros(len(sums)), where=sums > 0.0)


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

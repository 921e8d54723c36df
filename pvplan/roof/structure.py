"""Whether a roof bears modules: the load that a mounting adds against what its form and age allow.

A screening by classes, never a proof: no beam is computed, no drawing is read. It tells which
roofs may go ahead, which need a survey first, and which are taken as too weak, each with the
numbers that say so. What is not known of a roof never makes it usable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pvplan.assumptions import Structure
from pvplan.errors import AssumptionError, nearest
from pvplan.tables import ROOF_FORMS, Floats

Words = npt.NDArray[np.object_]
Flags = npt.NDArray[np.bool_]

STATES: Final = ("usable", "needs_survey", "blocked")
AGES: Final = ("new", "unknown", "old", "surveyed")
_NOISE: Final = 1e-9  # kN/m²: a product such as 1.5 × 0.6 falls short of 0.9 by its last digit
_AGE_ZH: Final = {
    "new": "",
    "unknown": "；竣工日期未知，可直接利用值按旧建筑取",
    "old": "；旧建筑，已折减",
    "surveyed": "；按结构复核",
}
_AGE_EN: Final = {
    "new": "",
    "unknown": "; completion unknown, so the sure value is that of an old roof",
    "old": "; an old roof, reduced",
    "surveyed": "; as a survey of the structure allows",
}
_SAID_ZH: Final = {
    "usable": "附加恒载 {load:.2f} kN/m²，不超过可直接利用的 {sure:.2f}{age}",
    "needs_survey": "附加恒载 {load:.2f} kN/m²，超过可直接利用的 {sure:.2f}，"
    "不超过经复核可能利用的 {possible:.2f}{age}",
    "blocked": "附加恒载 {load:.2f} kN/m²，超过经复核可能利用的 {possible:.2f}{age}",
}
_SAID_EN: Final = {
    "usable": "added load {load:.2f} kN/m² within the {sure:.2f} that is sure{age}",
    "needs_survey": "added load {load:.2f} kN/m² above the {sure:.2f} that is sure, within the"
    " {possible:.2f} that a survey may confirm{age}",
    "blocked": "added load {load:.2f} kN/m² above the {possible:.2f} that a survey may"
    " confirm{age}",
}


@dataclass(frozen=True)
class Bearing:
    """Load against allowance; every array has shape (planes,).

    Attributes
    ----------
    load
        Permanent load that the mounting adds over the roof it covers, kN/m² of plan.
    sure, possible
        Added load that the roof is taken to bear without a survey, and at most, kN/m².
    age
        ``new``, ``old``, ``unknown``, or ``surveyed`` where a survey takes the place of age.
    """

    load: Floats
    sure: Floats
    possible: Floats
    age: Words

    @property
    def state(self) -> Words:
        """``usable``, ``needs_survey`` or ``blocked``, shape (planes,)."""
        rank = 2 - (self.load <= self.possible + _NOISE) - (self.load <= self.sure + _NOISE)
        return np.array(STATES, dtype=object)[rank.astype(np.int64)]


def bearing(
    roof_form: Words,
    completed_on: npt.NDArray[np.datetime64],
    mounting: Words,
    rules: Structure,
    surveyed: Floats | None = None,
) -> Bearing:
    """Set the load that a mounting adds against what form and age of a roof are taken to allow.

    A roof completed before ``old_before`` keeps ``old_factor`` of both allowances. Of a roof of
    unknown age only the part that an old one would bear is sure; a survey may still find what a
    new one bears. What a survey of the structure allows takes the place of both allowances.

    Parameters
    ----------
    roof_form
        Shape (planes,): a word of ``tables.ROOF_FORMS``.
    completed_on
        Shape (planes,): datetime64, NaT where unknown.
    mounting
        Shape (planes,): ``flush``, ``racked`` or ``east_west``.
    rules
        Added loads, allowances, and the age from which they shrink (``structure.toml``).
    surveyed
        Shape (planes,): added load that a survey allows, kN/m², NaN where there was none.

    Returns
    -------
    Bearing
        In the order of the planes.

    Raises
    ------
    AssumptionError
        An unknown form or mounting; each is named with the nearest known one.
    """
    loads = _added_loads(rules)
    form_at = _positions("roof_form", roof_form, ROOF_FORMS)
    mounting_at = _positions("mounting", mounting, tuple(loads))
    sure = np.array([rules.of(form).sure_kn_per_m2 for form in ROOF_FORMS])[form_at]
    possible = np.array([rules.of(form).possible_kn_per_m2 for form in ROOF_FORMS])[form_at]
    days = np.asarray(completed_on).astype("datetime64[D]")
    unknown = np.isnat(days)
    old = ~unknown & (days < np.datetime64(rules.old_before, "D"))
    age = np.where(unknown, "unknown", np.where(old, "old", "new")).astype(object)
    sure = np.where(unknown | old, sure * rules.old_factor, sure)
    possible = np.where(old, possible * rules.old_factor, possible)
    if surveyed is not None:
        known = ~np.isnan(surveyed)
        sure, possible = np.where(known, surveyed, sure), np.where(known, surveyed, possible)
        age[known] = "surveyed"
    return Bearing(np.array(list(loads.values()))[mounting_at], sure, possible, age)


def state(
    roof_form: Words,
    completed_on: npt.NDArray[np.datetime64],
    mounting: Words,
    rules: Structure,
    surveyed: Floats | None = None,
) -> Words:
    """Return ``usable``, ``needs_survey`` or ``blocked`` for each plane; as :func:`bearing`.

    A load within the sure allowance is usable, within the possible one it needs a survey, above
    it is blocked.
    """
    return bearing(roof_form, completed_on, mounting, rules, surveyed).state


def lightest(roof_form: Words, mountings: Mapping[str, Sequence[str]], rules: Structure) -> Words:
    """Return the mounting of least load among those of each roof's form, shape (planes,).

    Parameters
    ----------
    roof_form
        Shape (planes,): a word of ``tables.ROOF_FORMS``.
    mountings
        The mountings that each form may carry.
    rules
        Added loads.
    """
    loads = _added_loads(rules)
    least = {form: min(words, key=loads.__getitem__) for form, words in mountings.items()}
    return np.array([least[form] for form in roof_form], dtype=object)


def allowed(
    roof_form: Words,
    completed_on: npt.NDArray[np.datetime64],
    mountings: Sequence[str],
    rules: Structure,
    surveyed: Floats | None = None,
) -> Flags:
    """Return which mountings a roof is not too weak for.

    Parameters
    ----------
    roof_form, completed_on, rules, surveyed
        As for :func:`bearing`.
    mountings
        The mountings to try.

    Returns
    -------
    ndarray of bool, shape (planes, mountings)
        False where the state would be ``blocked``.
    """
    count = len(roof_form)
    found = np.zeros((count, len(mountings)), dtype=np.bool_)
    for position, mounting in enumerate(mountings):
        tried = np.full(count, mounting, dtype=object)
        found[:, position] = state(roof_form, completed_on, tried, rules, surveyed) != "blocked"
    return found


def reasons(found: Bearing) -> tuple[Words, Words]:
    """Say load and allowance of each plane in numbers.

    Returns
    -------
    tuple of ndarray of str, each of shape (planes,)
        In Chinese and in English.
    """
    if not len(found.load):
        return np.empty(0, dtype=object), np.empty(0, dtype=object)
    age_at = _positions("age", found.age, AGES)
    numbers = np.stack([found.load, found.sure, found.possible, age_at], axis=1)
    # Few classes meet many planes: each text is made once.
    classes, position = np.unique(numbers, axis=0, return_inverse=True)
    first = np.zeros(len(classes), dtype=np.int64)
    first[position.reshape(-1)[::-1]] = np.arange(len(numbers))[::-1]
    states = found.state[first]
    told = []
    for said, ages in ((_SAID_ZH, _AGE_ZH), (_SAID_EN, _AGE_EN)):
        texts = [
            said[word].format(load=load, sure=sure, possible=possible, age=ages[AGES[int(age)]])
            for word, (load, sure, possible, age) in zip(states, classes.tolist(), strict=True)
        ]
        told.append(np.array(texts, dtype=object)[position.reshape(-1)])
    return told[0], told[1]


def _added_loads(rules: Structure) -> dict[str, float]:
    suffix = "_kn_per_m2"
    return {
        item.name.removesuffix(suffix): float(getattr(rules.added_load, item.name))
        for item in fields(rules.added_load)
    }


def _positions(name: str, words: npt.NDArray[Any], known: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return the position of each word among the known ones."""
    found = np.full(len(words), -1, dtype=np.int64)
    for position, word in enumerate(known):
        found[words == word] = position
    strange = sorted({str(word) for word in words[found < 0]})
    if strange:
        raise AssumptionError(
            [f"{name}: '{word}' is unknown; {nearest(word, known)}" for word in strange]
        )
    return found

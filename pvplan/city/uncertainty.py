"""Capacity and energy as correlated draws: what many roofs may turn out to be.

Every source of error is a factor of mean one, lognormal, with a size and a group that shares it
(``uncertainty.toml``). Roofs of a place that share every factor form one group; what each roof
has of its own is drawn once for the group, with the variance of the sum, so the cost goes with
the number of groups. The random numbers of a factor hang on the seed, the source and the
group's own name: neither the order of roofs nor the other places change them.

Formulas and measured errors: ``docs/uncertainty.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from pvplan.assumptions import Uncertainty
from pvplan.errors import TableError
from pvplan.tables import OUTSIDE_PARKS, Floats, Ints, to_thousandths

Words = npt.NDArray[np.object_]

_NAMED: Final = (
    "park_id",
    "district_id",
    "roof_form",
    "height_source",
    "roof_form_source",
    "headroom",
)
_BLOCK: Final = 500_000
"""Numbers of one array held at a time by a thread."""
_THREADS: Final = 2


@dataclass(frozen=True)
class Source:
    """One source of error: its name in the rules and what it touches.

    ``by`` is the word of a roof on which its size depends; empty where it is one size.
    """

    name: str
    touches: str
    by: str = ""


SOURCES: Final = (
    Source("usable_share", "capacity", "roof_form"),
    Source("packing", "capacity"),
    Source("module_choice", "capacity"),
    Source("park_practice", "capacity"),
    Source("roof_detail", "capacity"),
    Source("roof_form", "capacity", "roof_form_source"),
    Source("form_rule", "capacity", "roof_form_source"),
    Source("height", "capacity", "height_source"),
    Source("survey", "survey"),
    Source("irradiance", "energy"),
    Source("transposition", "energy"),
    Source("losses", "energy"),
    Source("shading", "energy", "height_source"),
    Source("interannual", "year"),
    Source("register_system", "installed"),
    Source("register_bias", "installed"),
)


@dataclass(frozen=True)
class Draws:
    """Draws at each place (a park's part in one district), whole thousandths, (draws, places).

    ``energy_kwh_per_year`` is the mean year, ``energy_single_year_kwh`` one year with its own
    weather. ``expected_kw``, shape (places,), is the mean that the capacity is drawn from: the
    capacity itself, less what structural surveys are expected not to confirm.
    """

    park_id: Words
    district_id: Words
    capacity_kw: Floats
    energy_kwh_per_year: Floats
    energy_single_year_kwh: Floats
    expected_kw: Floats


def draw(groups: pd.DataFrame, rules: Uncertainty, seed: str) -> Draws:
    """Draw capacity and energy at each place.

    ``capacity = kw · min(k · shared · own, bound) · (1 - survey · (1 - confirmed))`` for each
    roof, its mean over what the roofs of a group do not share; ``k`` restores the mean that the
    bound takes away. Energy is that capacity times the specific yield times its own factors.

    Parameters
    ----------
    groups
        Table of :func:`pvplan.city.roof_groups.grouped`.
    rules
        Sizes, sharing, number of draws.
    seed
        Any text; ``rules.seed`` in a run.

    Returns
    -------
    Draws
        Without any uncertainty each draw is the sum of the roofs, to the digit.
    """
    groups = _ordered(groups)
    place, parks, districts = _places(groups)
    capacity, energy, year = _summed(
        groups, place, rules.draws, seed, 3, lambda some, dice: _drawn(some, rules, dice)
    )
    unconfirmed = _column(groups, "needs_survey_fraction") * (1.0 - rules.survey.confirmed_fraction)
    expected = np.rint(_column(groups, "capacity_kw") * (1.0 - unconfirmed) * 1000.0)
    return Draws(
        park_id=parks,
        district_id=districts,
        capacity_kw=capacity.T,
        energy_kwh_per_year=energy.T,
        energy_single_year_kwh=year.T,
        expected_kw=np.bincount(place, weights=expected, minlength=len(parks)) / 1000.0,
    )


def draw_capacity(
    groups: pd.DataFrame, every: Sequence[Uncertainty], seed: str
) -> tuple[Words, Words, list[Floats]]:
    """Draw the capacity alone, as :func:`draw` does, by each of some rules.

    Parameters
    ----------
    groups, seed
        As in :func:`draw`.
    every
        Rules of one number of draws; their random numbers are made once.

    Returns
    -------
    tuple
        ``park_id`` and ``district_id`` of the places, and for each of the rules the draws, kWp,
        shape (draws, places).
    """
    groups = _ordered(groups)
    place, parks, districts = _places(groups)
    found = _summed(
        groups, place, every[0].draws, seed, len(every),
        lambda some, dice: (_capacity(some, rules, dice) for rules in every),
    )  # fmt: skip
    return parks, districts, [drawn.T for drawn in found]


def _ordered(groups: pd.DataFrame) -> pd.DataFrame:
    return groups.sort_values(["park_id", "district_id"], kind="stable")


@dataclass(frozen=True)
class _Dice:
    """Random numbers by their names, each made once."""

    seed: str
    draws: int
    made: dict[tuple[str, ...], Floats] = field(default_factory=dict)

    def own(self, *words: str) -> Floats:
        """Return standard normal numbers."""
        key = ("own", *words)
        if key not in self.made:
            self.made[key] = _generator(self.seed, *key).standard_normal(self.draws)
        return self.made[key]

    def even(self, *words: str) -> Floats:
        """Return one number in each equal part of (0, 1)."""
        if words not in self.made:
            self.made[words] = _even(self.draws, self.seed, *words)
        return self.made[words]


def _summed(
    groups: pd.DataFrame,
    place: Ints,
    draws: int,
    seed: str,
    count: int,
    drawn: Callable[[pd.DataFrame, _Dice], Iterable[Floats]],
) -> list[Floats]:
    """Sum some kinds of draws of the groups to their places, (places, draws) each."""
    shape = (int(place[-1]) + 1 if len(place) else 0, draws)
    found = [np.empty(shape) for _ in range(count)]

    def fill(block: tuple[slice, slice]) -> None:
        rows, places = block
        starts = np.searchsorted(place[rows], np.arange(places.start, places.stop))
        for into, values in zip(found, drawn(groups.iloc[rows], _Dice(seed, draws)), strict=True):
            whole = np.rint(values * 1000.0).astype(np.int64)
            into[places] = np.add.reduceat(whole, starts, axis=0) / 1000.0

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(fill, _blocks(place, draws)))
    return found


def _blocks(place: Ints, draws: int) -> Iterator[tuple[slice, slice]]:
    """Part the groups into rows of whole places that are held at a time."""
    count = int(place[-1]) + 1 if len(place) else 0
    starts = np.searchsorted(place, np.arange(count + 1))
    first = 0
    while first < count:
        most = starts[first] + max(_BLOCK // draws, 1)
        last = max(int(np.searchsorted(starts, most, side="right")) - 1, first + 1)
        yield slice(int(starts[first]), int(starts[last])), slice(first, last)
        first = last


def _places(groups: pd.DataFrame) -> tuple[Ints, Words, Words]:
    """Return the place of each group, and park and district of each place."""
    by = groups.groupby(["park_id", "district_id"], sort=True)
    heads = by.head(1)
    place = np.asarray(by.ngroup(), dtype=np.int64)
    return place, _words(heads, "park_id"), _words(heads, "district_id")


def _words(table: pd.DataFrame, name: str) -> Words:
    return np.asarray(table[name], dtype=object)


def _column(table: pd.DataFrame, name: str) -> Floats:
    return np.asarray(table[name], dtype=np.float64)


def _drawn(groups: pd.DataFrame, rules: Uncertainty, dice: _Dice) -> tuple[Floats, Floats, Floats]:
    """Return capacity, energy of the mean year and of a single year; (groups, draws)."""
    filled = _confirmed_part(groups, rules, dice)
    energy = _column(groups, "energy_kwh_per_year")[:, None] * filled
    weight = _column(groups, "energy_weight")
    energy *= _factor(groups, "energy", weight, rules, dice)
    year = energy * _factor(groups, "year", weight, rules, dice)
    return _column(groups, "capacity_kw")[:, None] * filled, energy, year


def _capacity(groups: pd.DataFrame, rules: Uncertainty, dice: _Dice) -> Floats:
    return _column(groups, "capacity_kw")[:, None] * _confirmed_part(groups, rules, dice)


def _confirmed_part(groups: pd.DataFrame, rules: Uncertainty, dice: _Dice) -> Floats:
    """Return the capacity of each group over its nominal one, less what no survey confirms."""
    filled = _filled(groups, rules, dice)
    survey = _column(groups, "needs_survey_fraction")
    if survey.any():
        filled *= 1.0 - survey[:, None] * (1.0 - _confirmed(groups, rules, dice))
    return filled


def _filled(words: pd.DataFrame, rules: Uncertainty, dice: _Dice) -> Floats:
    """Return the capacity of each group over its nominal one, within its bound, mean one."""
    weight, bound = _column(words, "capacity_weight"), _column(words, "bound_ratio")
    shared, shared_variance = _shared(words, "capacity", rules, dice)
    own_variance = _own_variance(words, "capacity", rules)
    common_variance = np.log1p(weight * np.expm1(own_variance))
    rest = own_variance - common_variance
    rest = np.sqrt(np.where(rest > 1e-12, rest, 0.0))
    shared += _own(words, "capacity", common_variance, dice)
    factor = np.exp(shared, out=shared)
    factor *= _restoring(bound, np.sqrt(shared_variance + own_variance))[:, None]
    return _bounded(factor, bound, rest)


def _factor(
    words: pd.DataFrame, touches: str, weight: Floats, rules: Uncertainty, dice: _Dice
) -> Floats:
    """Return an unbounded factor of mean one for each group and draw."""
    logs, _ = _shared(words, touches, rules, dice)
    variance = np.log1p(weight * np.expm1(_own_variance(words, touches, rules)))
    logs += _own(words, touches, variance, dice)
    return np.exp(logs, out=logs)


def _shared(
    words: pd.DataFrame, touches: str, rules: Uncertainty, dice: _Dice
) -> tuple[Floats, Floats]:
    """Return the logarithm of the shared factors (rows, draws) and its variance (rows,)."""
    logs = np.zeros((len(words), rules.draws))
    total = np.zeros(len(words))
    for source in SOURCES:
        shared = getattr(rules, source.name).shared
        if source.touches != touches or shared == "roof":
            continue
        variance = _variance(words, source, rules)
        if not variance.any():
            continue
        at, found = pd.factorize(_sharers(words, shared))
        normal = np.stack([special.ndtri(dice.even(source.name, key)) for key in found])
        if len(found) == 1:
            logs += np.sqrt(variance)[:, None] * normal
        else:
            logs += np.sqrt(variance)[:, None] * normal[at]
        total += variance
    logs -= 0.5 * total[:, None]
    return logs, total


def _variance(words: pd.DataFrame, source: Source, rules: Uncertainty) -> Floats:
    """Return the variance of a source's logarithm in each group: ln(1 + size²)."""
    spread = getattr(rules, source.name)
    if not source.by:
        size = np.full(len(words), getattr(spread, "relative_fraction", 0.0))
    else:
        at, found = pd.factorize(words[source.by])
        size = np.array([getattr(spread, f"{word}_fraction") for word in found])[at]
    variance: Floats = np.log1p(np.square(size))
    return variance


def _own_variance(words: pd.DataFrame, touches: str, rules: Uncertainty) -> Floats:
    own = np.zeros(len(words))
    for source in SOURCES:
        if source.touches == touches and getattr(rules, source.name).shared == "roof":
            own += _variance(words, source, rules)
    return own


def _own(words: pd.DataFrame, touches: str, variance: Floats, dice: _Dice) -> Floats:
    """Return the logarithm of what the roofs of each group do not share, (rows, draws)."""
    logs = np.zeros((len(words), dice.draws))
    names = words[[name for name in _NAMED if name in words]].itertuples(index=False)
    for row, (key, part) in enumerate(zip(names, variance, strict=True)):
        if part > 0.0:
            logs[row] = dice.own(touches, *key)
    logs *= np.sqrt(variance)[:, None]
    logs -= 0.5 * variance[:, None]
    return logs


def _sharers(words: pd.DataFrame, shared: str) -> Words:
    """Return the name of who shares an error with each group; outside parks a district does."""
    if shared == "city":
        return np.full(len(words), "city", dtype=object)
    if shared != "park":
        return _words(words, "roof_form" if shared == "form" else "district_id")
    outside = words["park_id"] == OUTSIDE_PARKS
    joined = words["park_id"] + "\x1f" + words["district_id"]
    return words["park_id"].mask(outside, joined).to_numpy(dtype=object)


def _confirmed(words: pd.DataFrame, rules: Uncertainty, dice: _Dice) -> Floats:
    """Return the share that surveys confirm, (rows, draws); a beta distribution.

    A spread beyond what a share of that mean can have counts as the widest: all or nothing.
    """
    mean = rules.survey.confirmed_fraction
    most = mean * (1.0 - mean)
    spread = min(rules.survey.spread_fraction**2, 0.999 * most)
    if spread == 0.0:
        return np.full((len(words), rules.draws), mean)
    weight = most / spread - 1.0
    at, found = pd.factorize(_sharers(words, rules.survey.shared))
    even = np.stack([dice.even("survey", key) for key in found])
    drawn = special.betaincinv(mean * weight, (1.0 - mean) * weight, even)
    share: Floats = np.asarray(drawn, dtype=np.float64)[at]
    return share


def _bounded(factor: Floats, bound: Floats, sigma: Floats) -> Floats:
    """Return E[min(factor · L, bound)] over a lognormal L of mean one; (rows, draws).

    ``x Φ(a - σ) + B Φ(-a)`` with ``a = ln(B/x)/σ + σ/2``: the partial expectation of the
    lognormal (Johnson, Kotz & Balakrishnan 1994, ch. 14). The bound itself where σ is 0.
    """
    result = np.minimum(factor, bound[:, None])
    rows = np.flatnonzero(np.isfinite(bound) & (sigma > 0.0))
    if len(rows):
        x, most, spread = factor[rows], bound[rows, None], sigma[rows, None]
        a = np.log(most / x) / spread + 0.5 * spread
        result[rows] = np.minimum(x * special.ndtr(a - spread) + most * special.ndtr(-a), most)
    return result


def _restoring(bound: Floats, sigma: Floats) -> Floats:
    """Return k ≥ 1 with E[min(k L, bound)] = 1 over a lognormal L of mean one; (rows,).

    Without a bound in reach it is exactly 1. At a bound of 1 nothing but the bound has that mean.
    """
    k = np.ones(len(bound))
    rows = np.flatnonzero((sigma > 0.0) & (np.log(bound) < 8.0 * sigma))
    most, spread = bound[rows], sigma[rows]
    low, high = np.zeros(len(rows)), np.log(most) + 0.5 * spread**2 + 9.0 * spread
    for _ in range(60):
        middle = 0.5 * (low + high)
        short = _bounded(np.exp(middle)[:, None], most, spread)[:, 0] < 1.0
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    k[rows] = np.exp(high)
    return k


def _even(count: int, *words: str) -> Floats:
    """Return one number in each of ``count`` equal parts of (0, 1), in random order."""
    generator = _generator(*words)
    even = (generator.permutation(count) + generator.random(count)) / count
    clipped: Floats = np.clip(even, 1e-12, 1.0 - 1e-12)
    return clipped


def _generator(*words: str) -> np.random.Generator:
    """Return the generator that belongs to a name: Philox keyed by its BLAKE2b digest."""
    digest = hashlib.blake2b("\x1f".join(words).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def draw_installed(
    park_id: Words, district_id: Words, installed_kw: Floats, rules: Uncertainty, seed: str
) -> tuple[Words, Words, Floats]:
    """Draw what stands at each place, from what is registered there.

    Parameters
    ----------
    park_id, district_id, installed_kw
        Of each system, shape (systems,); capacity in kWp.
    rules, seed
        As in :func:`draw`.

    Returns
    -------
    tuple
        ``park_id`` and ``district_id`` of the places (sorted), and the draws, kWp, shape
        (draws, places), whole thousandths. Their mean is the registered capacity times
        ``1 + register_late_fraction``.

    Raises
    ------
    TableError
        A missing, negative or infinite capacity, or a missing place.
    """
    wrong = ~((installed_kw >= 0.0) & np.isfinite(installed_kw))
    wrong |= pd.isna(park_id) | pd.isna(district_id)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise TableError(
            f"uncertainty: {int(wrong.sum())} systems not usable (first: row {row} ="
            f" {installed_kw[row]} kW in {park_id[row]}, {district_id[row]}); give capacities of"
            " 0 and more, and name places outside parks and districts too"
        )
    systems = pd.DataFrame({"park_id": park_id, "district_id": district_id}, dtype=object)
    at = _places(systems)[0]
    places = systems.iloc[np.unique(at, return_index=True)[1]]
    whole = np.rint(installed_kw * 1000.0)
    order = np.lexsort((whole, at))
    kw = np.bincount(at, weights=whole, minlength=len(places)) / 1000.0
    squares = np.bincount(at[order], weights=(whole[order] / 1000.0) ** 2, minlength=len(places))
    weight = np.divide(squares, kw**2, out=np.zeros(len(places)), where=kw > 0.0)
    factor = _factor(places, "installed", weight, rules, _Dice(seed, rules.draws))
    drawn = kw[:, None] * factor * (1.0 + rules.register_late_fraction)
    kept = to_thousandths(drawn).T
    return _words(places, "park_id"), _words(places, "district_id"), kept


def draw_pace(
    place: Words, mean_kw_per_year: Floats, spread_kw_per_year: Floats, draws: int, seed: str
) -> Floats:
    """Draw the pace of building at each place: lognormal, by its mean and standard deviation.

    Parameters
    ----------
    place
        Name of each place, shape (places,); its random numbers hang on it.
    mean_kw_per_year, spread_kw_per_year
        Shape (places,), kW a year, the mean to thousandths; a mean of 0 or less is drawn as 0,
        a missing one stays missing, and without a spread every draw is the mean.

    Returns
    -------
    ndarray
        Shape (draws, places).
    """
    mean = to_thousandths(np.where(mean_kw_per_year > 0.0, mean_kw_per_year, 0.0))
    relative = np.divide(spread_kw_per_year, mean, out=np.zeros(len(mean)), where=mean > 0.0)
    variance = np.log1p(np.square(relative))
    pace = np.empty((draws, len(place)))
    for at, name in enumerate(place):
        normal = special.ndtri(_even(draws, seed, "pace", name))
        pace[:, at] = mean[at] * np.exp(np.sqrt(variance[at]) * normal - 0.5 * variance[at])
    return np.where(np.isnan(mean_kw_per_year), np.nan, pace)


def without(rules: Uncertainty, source: str) -> Uncertainty:
    """Return the rules with one source known for certain, at its expected value."""
    spread = getattr(rules, source)
    sizes = {
        name: 0.0
        for name in vars(spread)
        if name.endswith("_fraction") and name != "confirmed_fraction"
    }
    return replace(rules, **{source: replace(spread, **sizes)})

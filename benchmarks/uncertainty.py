"""How long do 1 000 draws of a city take, against drawing every roof in every draw?

``python -m benchmarks.uncertainty`` prints JSON: seconds and peak memory for 100 000 roofs, the
same by the naive way (numpy, blocks of draws), and how far the percentiles of both lie apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any, Final

import numpy as np

from pvplan.assumptions import Uncertainty, load
from pvplan.city import uncertainty
from pvplan.city.likelihood import drivers, percentiles
from pvplan.city.roof_groups import Roofs, grouped
from pvplan.tables import FORM_SOURCES, HEIGHT_SOURCES, OUTSIDE_PARKS, ROOF_FORMS, Floats

DISTRICTS: Final = 16


def a_city(count: int, parks: int, seed: int = 0) -> Roofs:
    """Return roofs of mixed forms, sizes (median 150 kW) and headroom; a third outside parks."""
    rng = np.random.default_rng(seed)
    park = rng.integers(0, parks, count)
    outside = rng.random(count) < 1.0 / 3.0
    capacity = np.rint(rng.lognormal(5.0, 1.0, count) * 1000.0) / 1000.0
    survey = np.where(rng.random(count) < 0.3, capacity, 0.0)

    def picked(words: tuple[str, ...], odds: list[float]) -> Any:
        return np.array(words, dtype=object)[rng.choice(len(words), count, p=odds)]

    return Roofs(
        park_id=np.array([OUTSIDE_PARKS if out else f"P{at}" for at, out in
                          zip(park, outside, strict=True)], dtype=object),
        district_id=np.array([f"D{at % DISTRICTS}" for at in park], dtype=object),
        roof_form=picked(ROOF_FORMS, [0.4, 0.45, 0.05, 0.1]),
        height_source=picked(HEIGHT_SOURCES, [0.4, 0.3, 0.3]),
        roof_form_source=picked(FORM_SOURCES, [0.2, 0.8]),
        capacity_kw=capacity,
        needs_survey_kw=survey,
        bound_kw=np.rint(capacity * rng.uniform(1.05, 2.5, count) * 1000.0) / 1000.0,
        energy_kwh_per_year=np.rint(capacity * rng.uniform(950.0, 1100.0, count) * 1000.0) / 1000.0,
    )  # fmt: skip


def naive(roofs: Roofs, rules: Uncertainty, seed: int, block: int = 8) -> tuple[Floats, Floats]:
    """Return capacity and energy of the whole city, each roof drawn by itself in each draw."""
    rng = np.random.default_rng(seed)
    totals = [_naive_block(roofs, rules, rng, min(block, rules.draws - first))
              for first in range(0, rules.draws, block)]  # fmt: skip
    return np.concatenate([one for one, _ in totals]), np.concatenate([two for _, two in totals])


def _naive_block(
    roofs: Roofs, rules: Uncertainty, rng: np.random.Generator, draws: int
) -> tuple[Floats, Floats]:
    capacity, total = _naive_logs(roofs, rules, rng, draws, "capacity")
    bound = roofs.bound_kw / roofs.capacity_kw
    factor = np.exp(capacity) * uncertainty._restoring(bound, np.sqrt(total))
    mean = rules.survey.confirmed_fraction
    weight = mean * (1.0 - mean) / max(rules.survey.spread_fraction, 1e-9) ** 2 - 1.0
    confirmed = rng.beta(mean * weight, (1.0 - mean) * weight, (draws, 1))
    kept = 1.0 - roofs.needs_survey_kw / roofs.capacity_kw * (1.0 - confirmed)
    factor = np.minimum(factor, bound) * kept
    energy = np.exp(_naive_logs(roofs, rules, rng, draws, "energy")[0])
    return factor @ roofs.capacity_kw, (factor * energy) @ roofs.energy_kwh_per_year


def _naive_logs(
    roofs: Roofs, rules: Uncertainty, rng: np.random.Generator, draws: int, touches: str
) -> tuple[Floats, Floats]:
    place = {
        "city": np.zeros(len(roofs.park_id), dtype=np.int64),
        "form": np.unique(roofs.roof_form.astype(str), return_inverse=True)[1],
        "district": np.unique(roofs.district_id.astype(str), return_inverse=True)[1],
        "park": np.unique(
            [park if park != OUTSIDE_PARKS else f"{park} {district}" for park, district in
             zip(roofs.park_id, roofs.district_id, strict=True)], return_inverse=True)[1],
        "roof": np.arange(len(roofs.park_id)),
    }  # fmt: skip
    logs, total = np.zeros((draws, len(roofs.park_id))), np.zeros(len(roofs.park_id))
    for source in uncertainty.SOURCES:
        if source.touches != touches:
            continue
        spread = getattr(rules, source.name)
        sizes = (
            np.array([getattr(spread, f"{word}_fraction") for word in getattr(roofs, source.by)])
            if source.by
            else np.full(len(total), spread.relative_fraction)
        )
        variance = np.log1p(sizes**2)
        at = place[spread.shared]
        logs += np.sqrt(variance) * rng.standard_normal((draws, int(at.max()) + 1))[:, at]
        logs -= 0.5 * variance
        total += variance
    return logs, total


def _measured(way: str, roofs: int, parks: int) -> dict[str, Any]:
    rules, city = load().uncertainty, a_city(roofs, parks)
    begun = time.perf_counter()
    if way == "naive":
        capacity, energy = naive(city, rules, seed=1)
        found: dict[str, Any] = {}
    else:
        groups = grouped(city)
        drawn = uncertainty.draw(groups, rules, "benchmark")
        capacity, energy = drawn.capacity_kw.sum(axis=1), drawn.energy_kwh_per_year.sum(axis=1)
        found = {"groups": len(groups), "places": len(drawn.park_id)}
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    found |= {"seconds": round(seconds, 2), "peak_mb": round(peak)}
    for name, values, nominal in (
        ("capacity", capacity, city.capacity_kw.sum()),
        ("energy", energy, city.energy_kwh_per_year.sum()),
    ):
        spread = percentiles(values / nominal)
        found[name] = [round(float(p), 4) for p in (spread.p10, spread.p50, spread.p90)]
        found[f"{name}_mean"] = round(float(values.mean() / nominal), 4)
    return found


def _ranked(roofs: int, parks: int) -> dict[str, Any]:
    rules, groups = load().uncertainty, grouped(a_city(roofs, parks))

    def capacity(sizes: Uncertainty) -> Floats:
        return uncertainty.draw(groups, sizes, "benchmark").capacity_kw.sum(axis=1)

    begun = time.perf_counter()
    fixed = {
        source.name: capacity(uncertainty.without(rules, source.name))
        for source in uncertainty.SOURCES
        if source.touches in ("capacity", "survey")
    }
    ranking = drivers(capacity(rules), fixed)
    told = {each.source: round(each.narrowing_kw) for each in ranking}
    return {"seconds": round(time.perf_counter() - begun, 2), "narrowing_kw": told}


def main() -> None:
    """Measure each way in a process of its own, so that peak memory is its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roofs", type=int, default=100_000)
    parser.add_argument("--parks", type=int, default=300)
    parser.add_argument("--way", choices=["groups", "naive", "drivers"])
    given = parser.parse_args()
    if given.way == "drivers":
        print(json.dumps(_ranked(given.roofs, given.parks)))
        return
    if given.way:
        print(json.dumps(_measured(given.way, given.roofs, given.parks)))
        return
    found = {}
    for way in ("groups", "naive", "drivers"):
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.uncertainty", "--way", way,
             "--roofs", str(given.roofs), "--parks", str(given.parks)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        found[way] = json.loads(told.stdout)
    ratio = found["naive"]["seconds"] / found["groups"]["seconds"]
    print(json.dumps({"roofs": given.roofs, "draws": load().uncertainty.draws, **found,
                      "naive_over_groups": round(ratio, 1)}, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()

"""Correlated draws: unbiased, bounded, the same bits in any order, and right by brute force."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, stats

from benchmarks.uncertainty import a_city, naive
from pvplan.assumptions import Uncertainty, load
from pvplan.city import uncertainty
from pvplan.city.likelihood import (
    SOURCE_NAMES,
    attainment,
    drivers,
    percentiles,
    reachable_probability,
    summed,
)
from pvplan.city.roof_groups import Roofs, grouped
from pvplan.city.uncertainty import SOURCES, Draws, draw, draw_installed, draw_pace, without
from pvplan.errors import AssumptionError, TableError
from pvplan.tables import OUTSIDE_PARKS, Floats, to_thousandths
from tests.conftest import examples

RULES = load().uncertainty
CITY = a_city(600, 12)
LARGE = a_city(4000, 1)


def certain(rules: Uncertainty = RULES) -> Uncertainty:
    """Rules without any error: every survey confirms, everything is registered."""
    for source in SOURCES:
        rules = without(rules, source.name)
    return replace(rules, survey=replace(rules.survey, confirmed_fraction=1.0),
                   register_late_fraction=0.0)  # fmt: skip


def only(*names: str, **words: Any) -> Uncertainty:
    """The default sizes of some sources, all others certain."""
    rules = certain(replace(RULES, **words))
    return replace(rules, **{name: getattr(RULES, name) for name in names})


def sized(rules: Uncertainty, name: str, size: float, shared: str | None = None) -> Uncertainty:
    """Give every size of a source one value."""
    spread = getattr(rules, name)
    words = {item.name: size for item in fields(spread) if item.name.endswith("_fraction")}
    if name == "survey":
        words = {"spread_fraction": size}
    return replace(rules, **{name: replace(spread, **words, shared=shared or spread.shared)})


def taken(roofs: Roofs, rows: Any) -> Roofs:
    return Roofs(**{name: values[rows] for name, values in vars(roofs).items()})


def alike(count: int, capacity: float = 100.0, **words: Any) -> Roofs:
    """Equal roofs in one park, without bound or survey."""
    text = {"park_id": "P", "district_id": "D", "roof_form": "metal_sheet",
            "height_source": "given", "roof_form_source": "given"} | words  # fmt: skip
    return Roofs(
        **{name: np.full(count, word, dtype=object) for name, word in text.items()},
        capacity_kw=np.full(count, capacity),
        needs_survey_kw=np.zeros(count),
        bound_kw=np.full(count, np.inf),
        energy_kwh_per_year=np.full(count, capacity * 1000.0),
    )


def city_kw(roofs: Roofs, rules: Uncertainty, seed: str = "s") -> Floats:
    return draw(grouped(roofs), rules, seed).capacity_kw.sum(axis=1)


def width(values: Floats) -> float:
    found = percentiles(values)
    return float(found.p90 - found.p10)


# --- what is drawn -----------------------------------------------------------------------------


def test_every_source_has_a_size_and_a_name() -> None:
    sizes = {item.name for item in fields(Uncertainty)}
    sizes -= {
        "draws", "seed", "attainment_horizon_years", "pace_fraction", "register_late_fraction"
    }  # fmt: skip
    assert [source.name for source in SOURCES] == list(SOURCE_NAMES)
    assert sizes == set(SOURCE_NAMES)


def test_without_uncertainty_each_draw_is_the_sum_of_the_roofs() -> None:
    drawn = draw(grouped(CITY), certain(), "s")
    for values, nominal in (
        (drawn.capacity_kw, CITY.capacity_kw),
        (drawn.energy_kwh_per_year, CITY.energy_kwh_per_year),
        (drawn.energy_single_year_kwh, CITY.energy_kwh_per_year),
    ):
        for at, (park, district) in enumerate(zip(drawn.park_id, drawn.district_id, strict=True)):
            inside = (CITY.park_id == park) & (CITY.district_id == district)
            whole = np.rint(nominal[inside] * 1000.0).astype(np.int64).sum() / 1000.0
            assert (values[:, at] == whole).all()
    assert (drawn.expected_kw == drawn.capacity_kw[0]).all()


def test_the_levels_hold_the_same_kilowatts_in_each_draw() -> None:
    drawn = draw(grouped(CITY), RULES, "s")
    parks = summed(drawn.capacity_kw, drawn.park_id, sorted(set(drawn.park_id)))
    districts = summed(drawn.capacity_kw, drawn.district_id, sorted(set(drawn.district_id)))
    city = summed(drawn.capacity_kw, np.full(len(drawn.park_id), "city", dtype=object), ["city"])
    for level in (parks, districts):
        exact = np.rint(level * 1000.0).astype(np.int64).sum(axis=1)
        assert (exact == np.rint(city[:, 0] * 1000.0).astype(np.int64)).all()
    assert (summed(drawn.capacity_kw, drawn.park_id, ["nowhere"]) == 0.0).all()


def test_two_levels_of_error_give_the_analytic_spread() -> None:
    """n equal roofs, one shared and one own factor: cv² = (1 + s²)(1 + o²/n) - 1 exactly."""
    n, shared, own = 400, 0.15, 0.4
    rules = sized(sized(certain(replace(RULES, draws=40_000)), "usable_share", shared),
                  "roof_detail", own)  # fmt: skip
    kw = city_kw(alike(n), rules) / (n * 100.0)
    cv = np.sqrt((1.0 + shared**2) * (1.0 + own**2 / n) - 1.0)
    assert kw.mean() == pytest.approx(1.0, abs=0.002)
    assert kw.std() == pytest.approx(cv, rel=0.02)
    sigma = np.sqrt(np.log1p(cv**2))
    law = stats.lognorm(sigma, scale=np.exp(-0.5 * sigma**2))
    found = percentiles(kw)
    assert [found.p10, found.p50, found.p90] == pytest.approx(law.ppf([0.1, 0.5, 0.9]), abs=0.004)
    # Taken as independent, the same errors would shrink to a twelfth of what they are.
    alone = np.sqrt(((1.0 + shared**2) * (1.0 + own**2) - 1.0) / n)
    assert width(kw) > 6.0 * (2.0 * 1.2816 * alone)


def test_shared_errors_do_not_shrink_with_the_number_of_roofs_and_own_ones_do() -> None:
    shared, own = only("packing"), only("roof_detail")
    few, many = alike(25), alike(2500)
    assert width(city_kw(many, shared)) == pytest.approx(100.0 * width(city_kw(few, shared)), 1e-6)
    ratio = width(city_kw(many, own)) / width(city_kw(few, own))
    assert ratio == pytest.approx(10.0, rel=0.1)


def test_the_wider_an_error_is_shared_the_wider_the_city() -> None:
    city = taken(CITY, slice(None))
    open_ended = replace(city, bound_kw=np.full(len(city.bound_kw), np.inf))
    widths = [
        width(city_kw(open_ended, sized(certain(), "packing", 0.2, shared)))
        for shared in ("city", "form", "district", "park", "roof")
    ]
    assert widths[0] == max(widths)
    assert widths[-1] == min(widths)
    assert widths == sorted(widths, reverse=True)


def test_brute_force_agrees() -> None:
    """Each of 2 000 roofs drawn by itself, 4 000 times, against the groups."""
    roofs = a_city(2000, 30, seed=3)
    rules = replace(RULES, draws=4000)
    drawn = draw(grouped(roofs), rules, "s")
    truths = naive(roofs, rules, seed=7, block=50)
    mine = (drawn.capacity_kw.sum(axis=1), drawn.energy_kwh_per_year.sum(axis=1))
    for values, truth in zip(mine, truths, strict=True):
        # The mean of 4 000 naive draws is itself uncertain by 0.2 %.
        assert values.mean() == pytest.approx(truth.mean(), rel=0.008)
        assert values.std() == pytest.approx(truth.std(), rel=0.06)
        for part, other in zip(vars(percentiles(values)).values(),
                               vars(percentiles(truth)).values(), strict=True):  # fmt: skip
            assert part == pytest.approx(other, rel=0.015)


def test_brute_force_agrees_where_roofs_are_unequal_and_few() -> None:
    """Twelve roofs of one class, one of them half of the sum: the own errors matter."""
    sizes = np.array([500.0, *np.linspace(10.0, 90.0, 11)])
    roofs = replace(alike(12, roof_form_source="inferred"), capacity_kw=sizes,
                    bound_kw=1.3 * sizes, energy_kwh_per_year=1000.0 * sizes)  # fmt: skip
    rules = replace(RULES, draws=20_000)
    mine, truth = city_kw(roofs, rules), naive(roofs, rules, seed=1, block=1000)[0]
    assert mine.mean() == pytest.approx(truth.mean(), rel=0.005)
    assert mine.std() == pytest.approx(truth.std(), rel=0.08)
    for part, other in zip(vars(percentiles(mine)).values(), vars(percentiles(truth)).values(),
                           strict=True):  # fmt: skip
        assert part == pytest.approx(other, rel=0.02)


def test_the_truth_lies_inside_as_often_as_it_should() -> None:
    """Cities drawn by brute force fall between P10 and P90 four times in five."""
    roofs = taken(CITY, slice(0, 200))
    found = percentiles(city_kw(roofs, RULES))
    truth = naive(roofs, replace(RULES, draws=3000), seed=11, block=300)[0]
    inside = float(((truth >= found.p10) & (truth <= found.p90)).mean())
    assert inside == pytest.approx(0.8, abs=0.04)
    assert float((truth <= found.p90).mean()) == pytest.approx(0.9, abs=0.03)


# --- order, parts, seed ------------------------------------------------------------------------


def assert_same(one: Draws, other: Draws) -> None:
    for name, values in vars(one).items():
        assert np.array_equal(values, getattr(other, name)), name


@examples(10)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_roofs_changes_no_bit(seed: int) -> None:
    rules = replace(RULES, draws=100)
    shuffled = taken(CITY, np.random.default_rng(seed).permutation(len(CITY.capacity_kw)))
    assert_same(draw(grouped(CITY), rules, "s"), draw(grouped(shuffled), rules, "s"))


@examples(10)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_roofs_changes_no_bit_of_the_sums(seed: int) -> None:
    """Hundreds of roofs to a group: squares added in another order would show in last digits."""
    shuffled = taken(LARGE, np.random.default_rng(seed).permutation(len(LARGE.capacity_kw)))
    assert grouped(shuffled).equals(grouped(LARGE))


def test_a_place_alone_gets_the_bits_that_it_gets_among_others() -> None:
    rules = replace(RULES, draws=101)
    whole = draw(grouped(CITY), rules, "s")
    for at, (park, district) in enumerate(zip(whole.park_id, whole.district_id, strict=True)):
        part = taken(CITY, (CITY.park_id == park) & (CITY.district_id == district))
        alone = draw(grouped(part), rules, "s")
        assert (alone.park_id, alone.district_id) == ([park], [district])
        assert np.array_equal(alone.capacity_kw[:, 0], whole.capacity_kw[:, at])
        assert np.array_equal(alone.energy_kwh_per_year[:, 0], whole.energy_kwh_per_year[:, at])
        assert np.array_equal(
            alone.energy_single_year_kwh[:, 0], whole.energy_single_year_kwh[:, at]
        )


def test_blocks_and_the_order_of_groups_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = grouped(CITY)
    whole = draw(groups, RULES, "s")
    monkeypatch.setattr(uncertainty, "_BLOCK", 1)
    assert_same(whole, draw(groups, RULES, "s"))
    assert_same(whole, draw(groups.iloc[::-1], RULES, "s"))


def test_the_seed_decides() -> None:
    groups = grouped(CITY)
    assert_same(draw(groups, RULES, "a"), draw(groups, RULES, "a"))
    assert (draw(groups, RULES, "a").capacity_kw != draw(groups, RULES, "b").capacity_kw).any()


def test_the_inputs_stay_as_they_are() -> None:
    before = {name: values.copy() for name, values in vars(CITY).items()}
    groups = grouped(CITY)
    kept = groups.copy()
    draw(groups, RULES, "s")
    assert groups.equals(kept)
    assert all(np.array_equal(values, before[name]) for name, values in vars(CITY).items())


def test_outside_parks_a_district_shares_what_a_park_shares() -> None:
    rules = only("park_practice")
    roofs = taken(CITY, CITY.park_id == OUTSIDE_PARKS)
    drawn = draw(grouped(replace(roofs, bound_kw=np.full(len(roofs.bound_kw), np.inf))), rules, "s")
    assert len(drawn.park_id) > 5
    related = np.corrcoef(drawn.capacity_kw.T)[~np.eye(len(drawn.park_id), dtype=bool)]
    assert np.abs(related).max() < 0.2


# --- bounds, bias, single sources --------------------------------------------------------------


@examples(25)
@given(
    bound=st.floats(1.0, 4.0), shared=st.floats(0.0, 0.5), own=st.floats(0.0, 0.5),
    count=st.integers(1, 30),
)  # fmt: skip
def test_no_draw_exceeds_the_roof_and_the_mean_stays(
    bound: float, shared: float, own: float, count: int
) -> None:
    roofs = replace(alike(count), bound_kw=to_thousandths(np.full(count, 100.0 * bound)))
    rules = sized(sized(certain(), "packing", shared), "roof_detail", own)
    kw = city_kw(roofs, rules)
    assert kw.max() <= roofs.bound_kw.sum() + 0.001
    error = 4.0 * kw.std() / np.sqrt(len(kw)) + 1e-3 * roofs.capacity_kw.sum()
    assert kw.mean() == pytest.approx(roofs.capacity_kw.sum(), abs=error)


@examples(30)
@given(x=st.floats(0.2, 3.0), bound=st.floats(1.0, 4.0), sigma=st.floats(0.02, 0.8))
def test_the_bounded_mean_is_the_integral(x: float, bound: float, sigma: float) -> None:
    def under(z: float) -> float:
        return min(x * np.exp(sigma * z - 0.5 * sigma**2), bound) * stats.norm.pdf(z)

    kink = float(np.clip((np.log(bound / x) + 0.5 * sigma**2) / sigma, -9.0, 9.0))
    truth = integrate.quad(under, -10.0, kink)[0] + integrate.quad(under, kink, 10.0)[0]
    found = uncertainty._bounded(np.array([[x]]), np.array([bound]), np.array([sigma]))[0, 0]
    assert found == pytest.approx(truth, rel=1e-6)
    k = uncertainty._restoring(np.array([bound]), np.array([sigma]))
    kept = uncertainty._bounded(k[:, None], np.array([bound]), np.array([sigma]))[0, 0]
    assert kept == pytest.approx(1.0, abs=1e-9)
    assert k[0] >= 1.0


def test_a_roof_that_is_full_stays_full() -> None:
    roofs = replace(alike(3), bound_kw=np.full(3, 100.0))
    kw = city_kw(roofs, replace(RULES, survey=certain().survey))
    assert kw == pytest.approx(300.0, abs=0.01)


def test_surveys_take_away_what_they_are_expected_to_and_never_add() -> None:
    roofs = replace(alike(10), needs_survey_kw=np.full(10, 40.0))
    drawn = draw(grouped(roofs), replace(certain(), survey=RULES.survey, draws=20_000), "s")
    mean, spread = RULES.survey.confirmed_fraction, RULES.survey.spread_fraction
    assert drawn.expected_kw == pytest.approx(1000.0 - 400.0 * (1.0 - mean))
    assert drawn.capacity_kw.mean() == pytest.approx(drawn.expected_kw[0], rel=1e-3)
    assert drawn.capacity_kw.std() == pytest.approx(400.0 * spread, rel=0.01)
    assert drawn.capacity_kw.max() <= 1000.0
    assert drawn.capacity_kw.min() >= 600.0
    every = replace(RULES.survey, confirmed_fraction=1.0)
    assert (city_kw(roofs, replace(certain(), survey=every)) == 1000.0).all()
    nothing = replace(RULES.survey, confirmed_fraction=0.5, spread_fraction=0.6)
    widest = city_kw(roofs, replace(certain(), survey=nothing))
    assert ((widest < 601.0) | (widest > 999.0)).mean() > 0.95


@pytest.mark.parametrize(
    "name", [source.name for source in SOURCES if source.touches in ("capacity", "survey")]
)
def test_a_larger_error_never_narrows_the_capacity(name: str) -> None:
    roofs = replace(CITY, bound_kw=np.full(len(CITY.bound_kw), np.inf))
    sizes = (0.0, 0.1, 0.2, 0.3)
    widths = [width(city_kw(roofs, sized(RULES, name, size))) for size in sizes]
    alone = [width(city_kw(roofs, sized(certain(replace(RULES, survey=RULES.survey)), name, size)))
             for size in sizes]  # fmt: skip
    if name == "survey":
        half = replace(certain().survey, confirmed_fraction=0.5)
        alone = [width(city_kw(roofs, sized(replace(certain(), survey=half), name, size)))
                 for size in sizes]  # fmt: skip
    assert alone == sorted(alone)
    assert alone[0] == 0.0
    assert alone[-1] > 0.0
    # Beside the other errors a small one drowns in the noise of 1 000 draws.
    assert widths[-1] > widths[0] * 0.98


@pytest.mark.parametrize("name", ["irradiance", "transposition", "losses", "shading"])
def test_a_larger_error_of_the_yield_widens_energy_and_leaves_capacity(name: str) -> None:
    narrow, wide = (draw(grouped(CITY), sized(certain(), name, size), "s") for size in (0.05, 0.15))
    assert np.array_equal(narrow.capacity_kw, wide.capacity_kw)
    assert width(wide.energy_kwh_per_year.sum(axis=1)) > width(
        narrow.energy_kwh_per_year.sum(axis=1)
    )


def test_one_year_of_weather_widens_a_single_year_alone() -> None:
    drawn = draw(grouped(CITY), only("interannual"), "s")
    mean, single = (
        values.sum(axis=1) for values in (drawn.energy_kwh_per_year, drawn.energy_single_year_kwh)
    )
    assert width(mean) == 0.0
    cv = RULES.interannual.relative_fraction
    assert single.std() / single.mean() == pytest.approx(cv, rel=0.01)
    assert single.mean() == pytest.approx(mean.mean(), rel=1e-4)


def test_guessed_heights_and_forms_are_wider_than_given_ones() -> None:
    for source, word, known, guessed in (
        ("height", "height_source", "given", "default"),
        ("roof_form", "roof_form_source", "given", "inferred"),
    ):
        rules = only(source)
        sure = width(city_kw(alike(1, **{word: known}), rules))
        assert width(city_kw(alike(1, **{word: guessed}), rules)) > 2.0 * sure


def test_what_roofs_have_of_their_own_in_shade_is_not_what_they_have_in_area() -> None:
    drawn = draw(grouped(alike(1)), only("roof_detail", "shading"), "s")
    per_kw = drawn.energy_kwh_per_year[:, 0] / drawn.capacity_kw[:, 0]
    assert per_kw.std() > 0.0
    assert abs(np.corrcoef(per_kw, drawn.capacity_kw[:, 0])[0, 1]) < 0.15


def test_single_roofs_follow_a_lognormal_by_hand() -> None:
    """One roof of 100 kW, packing 20 %: σ² = ln 1.04, P10 = 100 exp(-σ²/2 - 1.28155 σ) = 76.27."""
    found = percentiles(city_kw(alike(1), sized(certain(), "packing", 0.2)))
    assert [found.p10, found.p50, found.p90] == pytest.approx([76.27, 98.06, 126.07], abs=0.4)


def test_roofs_without_capacity_and_no_roofs_at_all() -> None:
    empty = replace(alike(2), capacity_kw=np.zeros(2), energy_kwh_per_year=np.zeros(2),
                    bound_kw=np.zeros(2))  # fmt: skip
    assert (city_kw(empty, RULES) == 0.0).all()
    none = draw(grouped(taken(CITY, slice(0, 0))), RULES, "s")
    assert none.capacity_kw.shape == (RULES.draws, 0)


def test_every_fault_of_the_roofs_is_told_at_once() -> None:
    bad = replace(
        alike(3, roof_form="flat_concret", height_source="guess"),
        capacity_kw=np.array([100.0, np.nan, -1.0]),
        needs_survey_kw=np.array([200.0, 0.0, 0.0]),
        bound_kw=np.array([50.0, np.inf, np.inf]),
    )
    with pytest.raises(TableError) as told:
        grouped(bad)
    text = str(told.value)
    for part in ("flat_concrete", "height_source", "capacity_kw: 2 roofs", "row 1 = nan",
                 "needs_survey_kw", "bound_kw: 1 roofs"):  # fmt: skip
        assert part in text
    nowhere = replace(alike(2), park_id=np.array(["P", None], dtype=object))
    with pytest.raises(TableError, match="park_id: 1 roofs without"):
        grouped(nowhere)
    with pytest.raises(TableError, match="energy_kwh_per_year has 1 values"):
        grouped(replace(alike(3), energy_kwh_per_year=np.ones(1)))


def test_who_shares_an_error_is_a_known_word() -> None:
    with pytest.raises(AssumptionError, match="park"):
        load(user={"uncertainty.packing.shared": "parks"})


# --- the register ------------------------------------------------------------------------------


def test_installed_capacity_is_drawn_around_the_register() -> None:
    park = np.array(["B", "A", "A"], dtype=object)
    district = np.array(["D", "D", "D"], dtype=object)
    kw = np.array([500.0, 100.0, 300.0])
    parks, districts, drawn = draw_installed(park, district, kw, certain(), "s")
    assert (list(parks), list(districts)) == (["A", "B"], ["D", "D"])
    assert (drawn == [400.0, 500.0]).all()
    late = replace(certain(), register_late_fraction=0.1)
    assert draw_installed(park, district, kw, late, "s")[2][0] == pytest.approx([440.0, 550.0])
    rules = replace(RULES, draws=20_000)
    many = draw_installed(park, district, kw, rules, "s")[2]
    own, shared = RULES.register_system.relative_fraction, RULES.register_bias.relative_fraction
    cv = np.sqrt((1.0 + shared**2) * (1.0 + own**2 * (1.0 + 9.0) / 16.0) - 1.0)
    assert many[:, 0].std() / 400.0 == pytest.approx(cv, rel=0.03)
    assert many.mean(axis=0) == pytest.approx([400.0, 500.0], rel=0.003)
    order = [2, 0, 1]
    again = draw_installed(park[order], district[order], kw[order], rules, "s")[2]
    assert np.array_equal(many, again)
    with pytest.raises(TableError, match="row 1 = nan"):
        draw_installed(park, district, np.array([1.0, np.nan, 1.0]), rules, "s")
    with pytest.raises(TableError, match=r"row 2 = 300\.0 kW in A, None"):
        draw_installed(park, np.array(["D", "D", None], dtype=object), kw, rules, "s")


# --- what the draws say ------------------------------------------------------------------------


@examples(60)
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)),
                  elements=st.floats(-1e9, 1e9) | st.just(float("inf"))))  # fmt: skip
def test_percentiles_never_cross_and_are_draws(values: Floats) -> None:
    found = percentiles(values)
    assert (found.p10 <= found.p50).all()
    assert (found.p50 <= found.p90).all()
    for part in vars(found).values():
        assert all(part[at] in values[:, at] for at in range(values.shape[1]))
    assert np.array_equal(percentiles(values[::-1]).p90, found.p90)


def test_percentiles_by_hand() -> None:
    found = percentiles(np.arange(1.0, 1001.0))
    assert (found.p10, found.p50, found.p90) == (100.0, 500.0, 900.0)
    found = percentiles(np.array([[3.0, np.nan], [1.0, 1.0], [2.0, 2.0]]))
    assert (found.p10[0], found.p50[0], found.p90[0]) == (1.0, 2.0, 3.0)
    assert np.isnan([found.p10[1], found.p50[1], found.p90[1]]).all()


def test_the_chance_that_a_target_fits() -> None:
    capacity = np.array([[80.0, 10.0], [100.0, 10.0], [120.0, 10.0], [140.0, 10.0]])
    installed = np.array([[0.0, 20.0]] * 4)
    assert list(reachable_probability(100.0, capacity, installed)) == [0.75, 0.0]
    assert list(reachable_probability(np.array([141.0, 20.0]), capacity, installed)) == [0.0, 1.0]
    chance = reachable_probability(np.array([np.nan, 1.0]), capacity, installed)
    assert np.isnan(chance[0])
    assert chance[1] == 1.0
    assert list(reachable_probability(capacity, capacity, 0.0 * installed)) == [1.0, 1.0]
    falling = [reachable_probability(kw, capacity, installed)[0] for kw in range(70, 150)]
    assert falling == sorted(falling, reverse=True)


def test_full_installation_moves_with_its_own_target() -> None:
    """The target is the potential itself: what stands is certain, so the gap is as wide as it."""
    capacity = city_kw(CITY, RULES)
    installed = 0.2 * CITY.capacity_kw.sum()
    assert width(capacity - installed) == pytest.approx(width(capacity))


def test_dates_of_attainment_by_hand() -> None:
    gap = np.array([[100.0, -5.0, 100.0, 100.0, np.nan]] * 4)
    pace = np.array([[p, 0.0, 0.0, 10.0 if p < 100.0 else 1.0, 1.0]
                     for p in (25.0, 50.0, 100.0, 200.0)])  # fmt: skip
    found = attainment(gap, pace, date(2026, 1, 1), horizon_years=50.0)
    days = [np.datetime64("2026-01-01") + np.timedelta64(d, "D") for d in (183, 366, 1461)]
    assert [found.p10[0], found.p50[0], found.p90[0]] == days
    assert [found.p10[1], found.p90[1]] == [np.datetime64("2026-01-01")] * 2
    assert np.isnat([found.p10[2], found.p90[2], found.p90[3], found.p50[4]]).all()
    assert found.p50[3] == np.datetime64("2036-01-02")
    assert list(found.within_horizon_fraction[:4]) == [1.0, 1.0, 0.0, 0.5]
    assert np.isnan(found.within_horizon_fraction[4])


@examples(30)
@given(st.floats(-1e6, 1e6), st.floats(0.0, 1e6), st.floats(0.0, 1e6))
def test_dates_never_cross(gap: float, mean: float, spread: float) -> None:
    pace = draw_pace(np.array(["A"], dtype=object), np.array([mean]), np.array([spread]), 100, "s")
    found = attainment(np.full((100, 1), gap), pace, date(2026, 11, 22), 50.0)
    late = np.datetime64("2999-01-01", "D")
    order = [late if np.isnat(part[0]) else part[0].astype("datetime64[D]")
             for part in (found.p10, found.p50, found.p90)]  # fmt: skip
    assert order == sorted(order)


def test_pace_is_drawn_by_mean_and_spread() -> None:
    place = np.array(["A", "B", "C", "D"], dtype=object)
    mean, spread = np.array([100.0, 100.0, 0.0, np.nan]), np.array([0.0, 30.0, 5.0, 1.0])
    pace = draw_pace(place, mean, spread, 20_000, "s")
    assert (pace[:, 0] == 100.0).all()
    assert pace[:, 1].mean() == pytest.approx(100.0, rel=1e-3)
    assert pace[:, 1].std() == pytest.approx(30.0, rel=0.01)
    assert (pace[:, 2] == 0.0).all()
    assert np.isnan(pace[:, 3]).all()
    alone = draw_pace(place[1:2], mean[1:2], spread[1:2], 20_000, "s")
    assert np.array_equal(alone[:, 0], pace[:, 1])


def test_drivers_name_what_a_survey_would_narrow_most() -> None:
    groups = grouped(CITY)
    rules = sized(RULES, "packing", 0.4)

    def kw(sizes: Uncertainty) -> Floats:
        return draw(groups, sizes, "s").capacity_kw.sum(axis=1)

    ranked = drivers(kw(rules), {name: kw(without(rules, name)) for name in SOURCE_NAMES})
    assert ranked[0].source == "packing"
    assert (ranked[0].name_zh, ranked[0].name_en) == SOURCE_NAMES["packing"]
    assert ranked[0].narrowing_kw > 0.0
    assert 0.3 < ranked[0].variance_fraction < 1.0
    told = {each.source: each for each in ranked}
    for idle in ("irradiance", "interannual", "register_bias"):
        assert told[idle].narrowing_kw == 0.0
        assert told[idle].variance_fraction == 0.0
    assert [each.narrowing_kw for each in ranked] == sorted(
        (each.narrowing_kw for each in ranked), reverse=True
    )
    with pytest.raises(TableError, match="did you mean 'packing'"):
        drivers(kw(rules), {"pakcing": kw(rules)})
    assert drivers(np.ones(5), {"packing": np.ones(5)})[0].variance_fraction == 0.0


def test_drivers_by_hand() -> None:
    """Two equal errors: each alone leaves 1/√2 of the spread; half of the variance goes."""
    first, second = np.meshgrid(np.linspace(-1.0, 1.0, 41), np.linspace(-1.0, 1.0, 41))
    gap, one = (first + second).ravel(), first.ravel()
    ranked = drivers(gap, {"survey": one, "packing": 2.0 * gap, "usable_share": 0.0 * gap})
    assert [each.source for each in ranked] == ["usable_share", "survey", "packing"]
    assert [each.variance_fraction for each in ranked] == pytest.approx([1.0, 0.5, 0.0])
    shares = [each.narrowing_kw / width(gap) for each in ranked]
    assert shares == pytest.approx([1.0, 1.0 - np.sqrt(0.5), 0.0])

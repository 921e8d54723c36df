"""Assumptions: each value sourced, bounded, layered in one order, and in the fingerprint."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan import assumptions as assuming
from pvplan.assumptions import DEFAULTS, GOAL_METRICS, GOAL_SCOPES, Assumptions, load
from pvplan.errors import AssumptionError
from pvplan.tables import ROOF_FORMS
from tests.conftest import examples

ENTRIES = load().entries
NUMBERS = [key for key, entry in ENTRIES.items() if isinstance(entry.value, int | float)
           and not isinstance(entry.value, bool)]  # fmt: skip
KEY = "finance.capex_cny_per_kw_dc"


# --- the defaults ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ENTRIES)
def test_every_default_says_where_it_comes_from(key: str) -> None:
    entry = ENTRIES[key]
    assert entry.unit
    assert entry.source
    assert isinstance(entry.verified, bool)
    assert entry.zh
    assert entry.en
    assert entry.layer == "default"


@pytest.mark.parametrize("key", NUMBERS)
def test_every_number_has_bounds_and_lies_within(key: str) -> None:
    entry = ENTRIES[key]
    assert entry.low is not None
    assert entry.high is not None
    assert isinstance(entry.value, int | float)
    assert entry.low <= entry.value <= entry.high
    assert entry.low < entry.high
    # The unit in the name is the unit beside the value.
    tails = {"_m": "m", "_m2": "m²", "_deg": "°", "_fraction": "1", "_km": "km", "_w": "W",
             "_years": "a", "_per_m2": "kWh/m²", "_tco2_per_mwh": "tCO₂/MWh",
             "_cny_per_kwh": "CNY/kWh", "_w_per_m2": "W/m²", "_kn_per_m2": "kN/m²"}  # fmt: skip
    longest = max((tail for tail in tails if key.endswith(tail)), key=len, default=None)
    if longest and key != "finance.discount_rate_fraction":
        assert entry.unit == tails[longest]


@pytest.mark.parametrize("key", NUMBERS)
def test_bounds_are_inclusive_and_hold(key: str) -> None:
    low, high = ENTRIES[key].low, ENTRIES[key].high
    assert low is not None
    assert high is not None
    for value in (low, high):
        assert load(user={key: value}).entries[key].value == value


@pytest.mark.parametrize(
    "beyond",
    [lambda low, _: low - 0.5, lambda _, high: high + 0.5,
     *(lambda _low, _high, value=value: value for value in (float("nan"), float("inf"), "much"))],
    ids=["below", "above", "nan", "inf", "word"],
)  # fmt: skip
def test_what_lies_beyond_its_bounds_is_refused_by_name(beyond: Callable[..., Any]) -> None:
    with pytest.raises(AssumptionError) as caught:
        load(user={key: beyond(ENTRIES[key].low, ENTRIES[key].high) for key in NUMBERS})
    assert len(caught.value.faults) == len(NUMBERS)
    for key, fault in zip(NUMBERS, caught.value.faults, strict=True):
        assert fault.startswith(f"{key}: ")


def test_counts_are_whole_numbers() -> None:
    whole = [key for key in NUMBERS if isinstance(ENTRIES[key].value, int)]
    assert whole == [
        "finance.lifetime_years", "layout.min_array_modules", "layout.min_run_modules",
        "shading.azimuth_bins", "shading.first_points", "shading.max_points", "uncertainty.draws",
    ]  # fmt: skip
    with pytest.raises(AssumptionError, match="whole number"):
        load(user={"finance.lifetime_years": 24.5})
    assert load(user={"finance.lifetime_years": "30"}).finance.lifetime_years == 30


def test_words_with_choices_take_no_other() -> None:
    chosen = {key: entry.choices for key, entry in ENTRIES.items() if entry.choices}
    assert set(chosen) == {
        "allocation.method", "carbon.purpose", "compliance.area_definition", "compliance.date_of",
        "layout.method", "layout.module_orientations", "layout.objective",
        "layout.row_directions", "shading.partial_model", "system.bifacial_model",
        "system.transposition_model", "weather.decomposition_model",
        *(f"layout.{form}.{word}" for form in ROOF_FORMS for word in ("mounting", "mountings")),
        *(key for key in ENTRIES if key.startswith("uncertainty.") and key.endswith(".shared")),
    }  # fmt: skip
    for key, choices in chosen.items():
        value = ENTRIES[key].value
        assert set(value if isinstance(value, tuple) else [value]) <= set(choices)
        for choice in choices:
            load(user={key: choice})
    with pytest.raises(AssumptionError, match="did you mean 'racked'"):
        load(user={"layout.metal_sheet.mounting": "Racked"})
    with pytest.raises(AssumptionError, match="did you mean 'haydavies'"):
        load(user={"system.transposition_model": "hay-davies"})
    with pytest.raises(AssumptionError, match="did you mean 'east_west'"):
        load(user={"layout.flat_concrete.mountings": "racked,eastwest"})


def test_every_value_reaches_the_typed_assumptions() -> None:
    given = load(user={"system.losses.soiling_fraction": 0.07})
    assert given.system.losses.soiling_fraction == (0.07,) * 12
    given = load(user={"goals.settings.new_plant_from": "2023-06-01"})
    assert given.goal_settings.new_plant_from == date(2023, 6, 1)
    given = load(user={"carbon.purpose": "mee_shanghai_2022"})
    assert given.carbon.factor_tco2_per_mwh == 0.5849
    assert load(user={"carbon.purpose": "national_2023"}).carbon.factor_tco2_per_mwh == 0.5306
    assert load().carbon.factor_tco2_per_mwh == 0.42


def test_a_list_names_at_least_one() -> None:
    for key, entry in ENTRIES.items():
        if isinstance(entry.value, tuple):
            for nothing in ("", " , ", []):
                with pytest.raises(AssumptionError, match="name at least one"):
                    load(user={key: nothing})


def test_inverters_are_listed_smallest_first() -> None:
    for sizes in ("50,20", "20,20,50"):
        with pytest.raises(AssumptionError, match="the smallest first"):
            load(user={"system.inverter_sizes_kw": sizes})


def test_lists_are_read_with_or_without_blanks() -> None:
    given = load(user={"goals.settings.industrial_uses": "factory, mill ,厂房"})
    assert given.goal_settings.industrial_uses == ("factory", "mill", "厂房")
    assert load(city={"surfaces.sheet_uses": ["a", "b"]}).surfaces.sheet_uses == ("a", "b")


def test_truths_are_read_from_words() -> None:
    key = "goals.settings.unknown_use_in_park_counts"
    assert load(user={key: "false"}).goal_settings.unknown_use_in_park_counts is False
    assert load(user={key: True}).goal_settings.unknown_use_in_park_counts is True
    with pytest.raises(AssumptionError, match="true or false"):
        load(user={key: "maybe"})


# --- layers ------------------------------------------------------------------------------------


def test_layers_lie_over_each_other_in_one_order() -> None:
    scenarios = {"mine": {"name_zh": "甲", "name_en": "mine", "set": {KEY: 2600.0}}}
    city, user = {KEY: 3200.0}, {KEY: "2800"}
    steps: list[tuple[dict[str, Any], float, str]] = [
        ({}, 3000.0, "default"),
        ({"city": city}, 3200.0, "city"),
        ({"city": city, "city_scenarios": scenarios}, 3200.0, "city"),
        ({"city": city, "city_scenarios": scenarios, "scenario": "mine"}, 2600.0, "scenario"),
        ({"city": city, "city_scenarios": scenarios, "scenario": "mine", "user": user},
         2800.0, "user"),
        ({"city": city, "user": user}, 2800.0, "user"),
    ]  # fmt: skip
    for words, value, layer in steps:
        given = load(**words)
        assert given.finance.capex_cny_per_kw_dc == value
        assert given.entries[KEY].layer == layer
        assert given.entries["module.power_w"].layer == "default"


def test_bundled_scenarios_do_what_they_say() -> None:
    assert set(assuming.scenario_names()) == {
        "low_cost_2026", "national_carbon", "steep_racks", "surveyed_roofs",
    }  # fmt: skip
    assert load(scenario="low_cost_2026").finance.capex_cny_per_kw_dc == 2550.0
    assert load(scenario="national_carbon").carbon.purpose == "mee_shanghai_2022"
    steep = load(scenario="steep_racks").layout
    assert steep.flat_concrete.racked_tilt_deg == 20.0
    assert (steep.flat_concrete.mountings, steep.racked_tilts_deg) == (("racked",), (20.0,))
    surveyed = load(scenario="surveyed_roofs").structure
    for form in ("flat_concrete", "metal_sheet", "saw_tooth", "pitched"):
        assert surveyed.of(form).sure_kn_per_m2 == 5.0


def test_loading_changes_no_layer_that_it_was_given() -> None:
    city, user = {KEY: 3200.0}, {"goals.industrial_1gw_2025.target": 5.0}
    load(city=city, user=user)
    assert city == {KEY: 3200.0}
    assert user == {"goals.industrial_1gw_2025.target": 5.0}
    assert load().finance.capex_cny_per_kw_dc == 3000.0
    assert goal(load(), "industrial_1gw_2025").target == 1e6


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("finance.capex_cny_per_kw", KEY),
        ("modul.power_w", "module.power_w"),
        ("system.losses.soilng_fraction", "system.losses.soiling_fraction"),
        ("goals.industrial_1gw_2025.targt", "goals.industrial_1gw_2025.target"),
        ("goals.industrial_1gw_2026.target", "goals.industrial_1gw_2025.target"),
    ],
)
def test_an_unknown_key_names_the_nearest(key: str, near: str) -> None:
    with pytest.raises(AssumptionError) as caught:
        load(user={key: 1.0})
    assert f"'{key}'" in str(caught.value)
    assert f"did you mean '{near}'?" in str(caught.value)


def test_an_unknown_scenario_names_the_nearest() -> None:
    with pytest.raises(AssumptionError, match="did you mean 'steep_racks'"):
        load(scenario="steep_rack")


def test_every_fault_of_every_layer_is_told_at_once() -> None:
    with pytest.raises(AssumptionError) as caught:
        load(
            city={"finance.nothing": 1, "module.power_w": 5},
            user={KEY: "x", "weather.cell_size_deg": 99},
        )
    assert len(caught.value.faults) == 4


def test_sets_of_the_command_line() -> None:
    assert assuming.parse_sets([f"{KEY}=2800", "a = b=c "]) == {KEY: "2800", "a": "b=c"}
    with pytest.raises(AssumptionError) as caught:
        assuming.parse_sets(["novalue", "x=1", "neither"])
    assert len(caught.value.faults) == 2


# --- the fingerprint ---------------------------------------------------------------------------


def other_value(key: str) -> Any:
    entry = ENTRIES[key]
    if isinstance(entry.value, bool):
        return not entry.value
    if isinstance(entry.value, int):
        return entry.value + 1
    if isinstance(entry.value, float):
        assert entry.low is not None
        assert entry.high is not None
        return entry.low if entry.value != entry.low else entry.high
    if isinstance(entry.value, tuple):
        if isinstance(entry.value[0], float):
            return [entry.low]
        return [entry.choices[-1]] if entry.choices else ["something"]
    if entry.choices:
        return next(choice for choice in entry.choices if choice != entry.value)
    return "2030-01-01" if entry.unit == "date" else "another"


def test_the_fingerprint_changes_with_any_value() -> None:
    seen = {load().fingerprint(): "defaults"}
    for key in ENTRIES:
        found = load(user={key: other_value(key)}).fingerprint()
        assert found not in seen, (key, seen.get(found))
        seen[found] = key


def test_the_fingerprint_changes_with_any_goal() -> None:
    known = {load().fingerprint()}
    for key, value in (
        ("goals.industrial_1gw_2025.enabled", "false"),
        ("goals.industrial_1gw_2025.target", 999_999.0),
        ("goals.industrial_1gw_2025.deadline", "2026-12-31"),
        ("goals.city_7gw_2030.enabled", "true"),
        ("goals.city_7gw_2030.applies_within", "1,2,3,4"),
    ):
        found = load(user={key: value}).fingerprint()
        assert found not in known
        known.add(found)


@examples(15)
@given(st.permutations([KEY, "module.power_w", "tariff.self_consumption_fraction",
                        "goals.city_7gw_2030.enabled"]))  # fmt: skip
def test_the_fingerprint_does_not_change_with_order_or_layer(order: list[str]) -> None:
    values = {KEY: 2800, "module.power_w": 600, "tariff.self_consumption_fraction": 0.5,
              "goals.city_7gw_2030.enabled": True}  # fmt: skip
    expected = load(user=values).fingerprint()
    assert load(user={key: values[key] for key in order}).fingerprint() == expected
    assert load(city={key: values[key] for key in order}).fingerprint() == expected
    as_text = {key: str(values[key]) for key in order}
    assert load(user=as_text).fingerprint() == expected
    assert len(expected) == 16


# --- goals -------------------------------------------------------------------------------------


def goal(given: Assumptions, goal_id: str) -> assuming.Goal:
    return next(item for item in given.goals if item.id == goal_id)


def test_goals_carry_clause_source_and_deadline() -> None:
    for item in load().goals:
        assert item.clause_zh
        assert item.clause_en
        assert item.document
        assert item.scope in GOAL_SCOPES
        assert item.metric in GOAL_METRICS
        assert item.target is not None or item.metric == "full_installation"
        assert item.applies_at(121.47, 31.23)
        assert not item.applies_at(114.06, 22.54)  # Shenzhen
        assert (item.metric == "added_dc_kw") == (item.baseline is not None)
        assert (item.level == "district") == (item.place_id is not None)
    clause = goal(load(), "industrial_1gw_2025")
    assert (clause.target, clause.unit, clause.deadline) == (1e6, "kWp", date(2025, 12, 31))
    assert goal(load(), "new_plants_half_roof").target == 0.5
    assert goal(load(), "city_4500mw_2027").target == 4.5e6


def test_a_goal_can_be_changed_by_any_layer() -> None:
    given = load(
        city={"goals.industrial_1gw_2025.target": 5000.0},
        user={
            "goals.industrial_1gw_2025.deadline": "2027-06-30",
            "goals.industrial_full_2030.enabled": "false",
            "goals.city_7gw_2030.enabled": "true",
            "goals.city_7gw_2030.applies_within": "100, 20, 130, 50",
        },
    )
    changed = goal(given, "industrial_1gw_2025")
    assert (changed.target, changed.deadline) == (5000.0, date(2027, 6, 30))
    assert not goal(given, "industrial_full_2030").enabled
    assert goal(given, "city_7gw_2030").applies_within == (100.0, 20.0, 130.0, 50.0)
    untouched = replace(changed, target=1e6, deadline=date(2025, 12, 31))
    assert untouched == goal(load(), "industrial_1gw_2025")


@pytest.mark.parametrize(
    ("word", "value", "told"),
    [
        ("target", -1, "not negative"),
        ("target", "all", "a number"),
        ("deadline", "31.12.2025", "YYYY-MM-DD"),
        ("scope", "everything", "existing_industrial"),
        ("metric", "kw", "installed_dc_kw"),
        ("level", "cities", "district"),
        ("enabled", "perhaps", "true or false"),
        ("applies_within", "1,2,3", "west, south"),
        ("applies_within", "130,20,100,50", "west, south"),
    ],
)
def test_a_goal_that_cannot_be_read_is_refused(word: str, value: Any, told: str) -> None:
    with pytest.raises(AssumptionError, match=told) as caught:
        load(user={f"goals.industrial_1gw_2025.{word}": value})
    assert "industrial_1gw_2025" in str(caught.value)


def test_a_share_in_percent_is_refused() -> None:
    with pytest.raises(AssumptionError, match=r"50 % is 0\.5"):
        load(user={"goals.new_plants_half_roof.target": 50})


def test_every_file_of_defaults_is_read() -> None:
    stems = {path.stem for path in DEFAULTS.glob("*.toml")}
    read = {key.split(".")[0] for key in ENTRIES} | {"scenarios"}
    assert stems == read
    goals = tomllib.loads((DEFAULTS / "goals.toml").read_text(encoding="utf-8"))
    assert {item.id for item in load().goals} == set(goals) - {"settings"}

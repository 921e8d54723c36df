"""The recipe of the plan on the toy city: every number worked by hand, four laws, no register."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import affinity

from pvplan import plan as recipe
from pvplan.assumptions import Assumptions, load
from pvplan.city import levels
from pvplan.errors import InputError
from pvplan.roof_part import Ground, Part
from pvplan.tables import (
    GOALS,
    LEDGER,
    LEVEL_GOAL,
    LEVEL_HEAD,
    LEVEL_REGISTER,
    OUTSIDE_DISTRICTS,
    OUTSIDE_PARKS,
    PLAN_ROOFS,
    RATIOS,
    Plan,
    check,
    exact_sum,
    names,
    sum_names,
    to_thousandths,
)
from tests import toy

EXISTING = ["r01", "r02", "r03", "r04", "r05", "r06", "r07", "r09", "r10"]
NEW = ["r08"]
PARK = {"P1": ["r01", "r02", "r03", "r04", "r05"], "P2": ["r06", "r07", "r08", "r09"],
        OUTSIDE_PARKS: ["r10", "r11", "r12"]}  # fmt: skip
DISTRICT = {"D1": ["r01", "r02", "r03", "r04", "r05", "r06", "r10"],
            "D2": ["r07", "r08", "r09", "r11", "r12"]}  # fmt: skip
ON_ROOFS = {"r01": 50.0, "r02": 100.125, "r06": 200.0, "r07": 20.0, "r08": 300.0, "r11": 8.0}
UNLOCATED = {"P1": 30.5, "P2": 12.0}
# Existing industry: by-id 50, by-point 100.125, late 200, undated 20, two parks 30.5 and 12.
IN_SCOPE = {"toy": 412.625, "P1": 180.625, "P2": 232.0, OUTSIDE_PARKS: 0.0, "D1": 380.625,
            "D2": 32.0}  # fmt: skip
BY_2025 = {"toy": 192.625, "P1": 180.625, "P2": 12.0, OUTSIDE_PARKS: 0.0, "D1": 180.625, "D2": 12.0}


def given(**targets: Any) -> Assumptions:
    return load(user={f"goals.{key.replace('__', '.')}": value for key, value in targets.items()})


def goal_rows(plan: Plan, goal_id: str) -> pd.DataFrame:
    return plan.goals[plan.goals["goal_id"] == goal_id].set_index("place_id")


def unconserved(plan: Plan) -> list[str]:
    """Law one: Σ roofs = Σ parks = Σ districts = city in every column that sums, exactly."""
    faults = []
    columns = [*sum_names(PLAN_ROOFS), *sum_names(LEVEL_REGISTER), "roof_count"]
    for name in columns:
        totals = {
            "parks": exact_sum(plan.parks[name].astype(float)),
            "districts": exact_sum(plan.districts[name].astype(float)),
            "city": exact_sum(plan.city[name].astype(float)),
        }
        if name in plan.roofs:
            totals["roofs"] = exact_sum(plan.roofs[name].astype(float))
        if len(set(totals.values())) > 1:
            faults.append(f"{name}: {totals}")
    if plan.city["roof_count"].iloc[0] != len(plan.roofs):
        faults.append("roof_count")
    return faults


# --- contracts ---------------------------------------------------------------------------------


def test_every_table_keeps_its_contract(toy_city_plan: Plan) -> None:
    plan = toy_city_plan
    check(plan.roofs, PLAN_ROOFS, title="roofs")
    check(plan.goals, GOALS, title="goals")
    check(plan.ledger, LEDGER, title="ledger")
    summing = [column for column in PLAN_ROOFS if column.sums]
    for table, key in (
        (plan.parks, "park_id"), (plan.districts, "district_id"), (plan.city, "city_id"),
    ):  # fmt: skip
        head = (*LEVEL_HEAD, *summing, *LEVEL_REGISTER, *RATIOS, *LEVEL_GOAL)
        check(table, head, title=key)
        assert table.index.name == key
        assert table.index.is_monotonic_increasing
        assert table.index.is_unique
    assert plan.roofs.index.is_monotonic_increasing
    for table in (plan.roofs, plan.parks, plan.districts):
        assert table.crs == "EPSG:4326"
    assert list(plan.parks.index) == ["P1", "P2", OUTSIDE_PARKS]
    assert list(plan.districts.index) == ["D1", "D2"]
    assert list(plan.city.index) == ["toy"]


def test_inputs_are_left_alone() -> None:
    roofs, found = toy.roofs(), toy.findings()
    assert found.parks is not None
    assert found.register is not None
    before = roofs.copy(), found.parks.copy(), found.register.copy()
    toy.plan(found, of_roofs=roofs)
    pd.testing.assert_frame_equal(pd.DataFrame(roofs), pd.DataFrame(before[0]))
    pd.testing.assert_frame_equal(pd.DataFrame(found.parks), pd.DataFrame(before[1]))
    pd.testing.assert_frame_equal(found.register, before[2])


# --- conservation ------------------------------------------------------------------------------


def test_what_is_summed_is_conserved(toy_city_plan: Plan) -> None:
    assert unconserved(toy_city_plan) == []


def test_the_law_sees_a_thousandth(toy_city_plan: Plan) -> None:
    for table, name in (("parks", "capacity_dc_kw"), ("districts", "installed_total_dc_kw"),
                        ("city", "energy_ac_kwh_07"), ("roofs", "npv_cny")):  # fmt: skip
        changed = getattr(toy_city_plan, table).copy()
        changed.iloc[0, changed.columns.get_loc(name)] += 0.001
        assert unconserved(replace(toy_city_plan, **{table: changed})) != []


def test_the_law_sees_a_roof_lost_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    right = recipe.part_of

    def forgetful(roofs: gpd.GeoDataFrame, ground: Ground) -> Part:
        return right(roofs[roofs.index != "r11"], ground)

    monkeypatch.setattr(recipe, "part_of", forgetful)
    assert unconserved(toy.plan()) != []


def test_a_park_without_roofs_keeps_its_systems() -> None:
    """Its district is not known from roofs, and yet no kilowatt may be lost on that level."""
    rows = toy.register({**toy.SYSTEMS, "early": (None, "空园区", None, 5.5, "commissioned",
                                                  "2021-05-05")})  # fmt: skip
    plan = toy.plan(toy.findings(rows=rows, with_empty_park=True))
    assert unconserved(plan) == []
    empty = plan.parks.loc["P3"]
    assert empty["roof_count"] == 0
    assert empty["installed_total_dc_kw"] == 5.5
    assert empty["capacity_dc_kw"] == 0.0
    assert empty[names(RATIOS)].isna().all()
    assert plan.city["installed_total_dc_kw"].iloc[0] == 726.125
    assert plan.districts["installed_total_dc_kw"].sum() == 726.125
    shown = goal_rows(plan, "industrial_full_2030")
    for level in ("park", "district"):
        assert exact_sum(shown.loc[shown["level"] == level, "installed_dc_kw"]) == 418.125


def test_a_park_without_roofs_and_systems_is_shown_with_zeros() -> None:
    plan = toy.plan(toy.findings(with_empty_park=True))
    assert unconserved(plan) == []
    assert plan.parks.loc["P3", "installed_total_dc_kw"] == 0.0
    assert plan.parks.loc["P3", "name_zh"] == "空园区"


def test_without_parks_and_districts_everything_lies_outside() -> None:
    roofs = toy.roofs().assign(park_id=None, district_id=None)
    found = replace(toy.findings(), parks=None, districts=None)
    plan = toy.plan(found, of_roofs=roofs)
    assert list(plan.parks.index) == [OUTSIDE_PARKS]
    assert list(plan.districts.index) == [OUTSIDE_DISTRICTS]
    assert unconserved(plan) == []
    assert plan.parks.loc[OUTSIDE_PARKS, "name_en"] == "outside parks"


def test_neither_order_of_roofs_nor_of_rows_changes_a_digit(toy_city_plan: Plan) -> None:
    order = np.random.default_rng(6).permutation(12)
    found = toy.findings(rows=toy.register().iloc[::-1])
    mixed = toy.plan(found, of_roofs=toy.roofs().iloc[order])
    for table in ("roofs", "parks", "districts", "city", "goals", "ledger", "rejected"):
        pd.testing.assert_frame_equal(
            pd.DataFrame(getattr(mixed, table)),
            pd.DataFrame(getattr(toy_city_plan, table)),
            check_exact=True,
        )


# --- installed ---------------------------------------------------------------------------------


def test_installed_by_hand(toy_city_plan: Plan) -> None:
    plan = toy_city_plan
    found = plan.roofs["installed_dc_kw"]
    assert found.to_dict() == {roof: ON_ROOFS.get(roof, 0.0) for roof in plan.roofs.index}
    for place, roofs in {**PARK, **DISTRICT}.items():
        table = plan.parks if place in PARK else plan.districts
        on_roofs = sum(ON_ROOFS.get(roof, 0.0) for roof in roofs)
        assert table.loc[place, "installed_dc_kw"] == on_roofs, place
    unlocated = plan.parks["installed_unlocated_dc_kw"]
    assert unlocated.to_dict() == {"P1": 30.5, "P2": 12.0, OUTSIDE_PARKS: 0.0}
    # P1 lies in D1; of P2 more roof lies in D2 than in D1, so its row without a roof goes there.
    assert plan.districts["installed_unlocated_dc_kw"].to_dict() == {"D1": 30.5, "D2": 12.0}
    assert plan.parks["district_id"].to_dict() == {"P1": "D1", "P2": "D2", OUTSIDE_PARKS: "D1"}
    assert plan.city.loc["toy", "installed_total_dc_kw"] == 720.625


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2020, 1, 1), 20.0),  # only the undated one
        (date(2024, 4, 30), 20.0 + 8.0 + 12.0 + 30.5 + 300.0),
        (date(2024, 5, 1), 20.0 + 8.0 + 12.0 + 30.5 + 300.0 + 50.0),
        (date(2025, 12, 31), 520.625),
        (date(2026, 11, 30), 720.625),
        (date(2026, 12, 1), 745.625),
    ],
)
def test_installed_is_stated_for_the_day(as_of: date, expected: float) -> None:
    plan = toy.plan(as_of=as_of)
    assert plan.city.loc["toy", "installed_total_dc_kw"] == expected
    assert unconserved(plan) == []


def test_what_matched_nothing_is_listed_and_counts_nowhere(toy_city_plan: Plan) -> None:
    listed = toy_city_plan.rejected
    assert listed["id"].tolist() == ["lost"]
    row = listed.iloc[0]
    assert (row["input"], row["file"], row["done"]) == ("register", "register.csv", "unmatched")
    assert row["row"] == list(toy.SYSTEMS).index("lost") + 1
    assert len(toy_city_plan.ledger) == len(toy.SYSTEMS)
    lost = toy_city_plan.ledger.loc["lost"]
    assert lost[["roof_id", "park_id", "district_id"]].isna().all()
    placed = toy_city_plan.ledger.drop(index="lost")
    assert placed[["park_id", "district_id"]].notna().all().all()


def test_a_wrong_unit_stops_the_plan() -> None:
    rows = toy.register()
    rows["capacity_dc_kw"] /= 1000.0
    with pytest.raises(InputError, match="MW"):
        toy.plan(toy.findings(rows=rows))


# --- goals -------------------------------------------------------------------------------------


def test_scope_of_the_roofs(toy_city_plan: Plan) -> None:
    roofs = toy_city_plan.roofs
    scope = roofs["in_goal_scope"]
    assert list(roofs.index[scope & ~roofs["is_new_plant"]]) == EXISTING
    assert list(roofs.index[scope & roofs["is_new_plant"]]) == NEW


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (192.0, "met"),
        (192.625, "met"),
        (193.0, "not_assessable"),  # the undated 20 kW may have come in time
        (212.0, "not_assessable"),
        (219.625, "not_assessable"),  # and the 7 kW without a place may lie here
        (219.626, "not_assessable"),  # and the 40 kW retired since may still have run
        (259.625, "not_assessable"),
        (259.626, "missed"),
        (412.0, "missed"),  # reached since, but by the system of March 2026
        (1e6, "missed"),
    ],
)
def test_after_the_deadline_only_what_came_in_time_counts(target: float, expected: str) -> None:
    plan = toy.plan(assumptions=given(industrial_1gw_2025__target=target))
    row = goal_rows(plan, "industrial_1gw_2025").loc["toy"]
    assert row["verdict"] == expected
    assert row["installed_dc_kw"] == 412.625
    assert row["gap_dc_kw"] == pytest.approx(target - 412.625, abs=6e-4)
    assert row["unmatched_dc_kw"] == 7.0
    assert np.isnan(row["pace_needed_kw_per_year"])
    if target == 412.0:
        assert "reached since" in row["reason_en"]
    elif target in (219.626, 259.625):
        assert "retired since an unknown day" in row["reason_en"]


def test_installed_of_a_goal_by_place(toy_city_plan: Plan) -> None:
    rows = goal_rows(toy_city_plan, "industrial_1gw_2025")
    assert rows["installed_dc_kw"].to_dict() == IN_SCOPE
    words = rows["reason_en"].to_dict()
    for place, kw in BY_2025.items():
        assert words[place].startswith(f"{kw / 1000:.1f} MW commissioned by 2025-12-31")


def test_the_target_is_split_by_usable_roof_area(toy_city_plan: Plan) -> None:
    """Largest remainder by fractions, from the roofs' own areas, where nothing bounds a share."""
    words = {"goals.industrial_1gw_2025.target": 5000.0, "allocation.method": "usable_area",
             "allocation.use_lower_bound": False, "allocation.use_upper_bound": False}  # fmt: skip
    plan = toy.plan(assumptions=load(user=words))
    roofs = plan.roofs.loc[EXISTING]
    weight: dict[tuple[str, str], Fraction] = {}
    for _, roof in roofs.iterrows():
        pair = (roof["park_id"], roof["district_id"])
        area = Fraction(round(roof["usable_area_m2"] * 1000), 1000)
        weight[pair] = weight.get(pair, Fraction(0)) + area
    total = sum(weight.values(), Fraction(0))
    ideal = {pair: area / total * 5000 for pair, area in weight.items()}
    share = {pair: int(value) for pair, value in ideal.items()}
    by_rest = sorted(ideal, key=lambda pair: share[pair] - ideal[pair])
    for pair in by_rest[: 5000 - sum(share.values())]:
        share[pair] += 1
    rows = goal_rows(plan, "industrial_1gw_2025")
    for place in (*PARK, *DISTRICT):
        expected = sum(kw for pair, kw in share.items() if place in pair)
        assert rows.loc[place, "target_dc_kw"] == expected, place
    assert rows.loc["toy", "target_dc_kw"] == 5000.0


@pytest.mark.parametrize(
    "goal_id", ["industrial_1gw_2025", "industrial_full_2030", "existing_half_coverage_2025",
                "new_plants_half_roof"],
)  # fmt: skip
def test_targets_installed_and_gaps_add_up_over_places(goal_id: str) -> None:
    plan = toy.plan(assumptions=given(industrial_1gw_2025__target=2000.0))
    rows = goal_rows(plan, goal_id)
    for name in ("target_dc_kw", "installed_dc_kw", "gap_dc_kw"):
        by_level = {
            level: exact_sum(rows.loc[rows["level"] == level, name].fillna(0.0))
            for level in ("city", "district", "park")
        }
        assert len(set(by_level.values())) == 1, (name, by_level)
    gap = to_thousandths(rows["target_dc_kw"] - rows["installed_dc_kw"])
    assert np.array_equal(gap, rows["gap_dc_kw"].to_numpy(), equal_nan=True)


def test_what_no_place_can_hold_is_told_where_the_target_is_beyond_the_roofs(
    toy_city_plan: Plan,
) -> None:
    rows = goal_rows(toy_city_plan, "industrial_1gw_2025")
    potential = toy_city_plan.roofs["capacity_dc_kw"].loc[EXISTING]
    assert rows.loc["toy", "target_dc_kw"] == 1e6
    assert rows.loc["toy", "unreachable_dc_kw"] == 1e6 - exact_sum(potential)
    for places in (PARK, DISTRICT):
        shares = rows.loc[list(places), "target_dc_kw"]
        # Whole kW: each part of a park in a district gives up its fraction.
        assert 0.0 <= exact_sum(potential) - shares.sum() < 4.0
        for place, roofs in places.items():
            here = [roof for roof in roofs if roof in EXISTING]
            assert shares[place] <= exact_sum(potential.loc[here])


def test_full_installation_means_the_technical_potential(toy_city_plan: Plan) -> None:
    rows = goal_rows(toy_city_plan, "industrial_full_2030")
    capacity = toy_city_plan.roofs["capacity_dc_kw"]
    assert rows.loc["toy", "target_dc_kw"] == exact_sum(capacity.loc[EXISTING])
    for place, roofs in {**PARK, **DISTRICT}.items():
        here = [roof for roof in roofs if roof in EXISTING]
        assert rows.loc[place, "target_dc_kw"] == exact_sum(capacity.loc[here]), place
    days = (date(2030, 12, 31) - toy.AS_OF).days
    assert days == 1500
    needed = rows.loc["toy", "gap_dc_kw"] * 365.25 / 1500
    assert rows.loc["toy", "pace_needed_kw_per_year"] == pytest.approx(needed, abs=6e-4)
    # In the 365 days before 22 November 2026: 31 December 2025 and 1 March 2026.
    assert rows.loc["toy", "pace_trailing_kw_per_year"] == 300.125
    assert rows.loc["toy", "verdict"] == "behind"
    assert needed > 300.125


def test_coverage_by_hand(toy_city_plan: Plan) -> None:
    density = 0.62 / (2.382 * 1.134)
    new = goal_rows(toy_city_plan, "new_plants_half_roof").loc["toy"]
    assert new["target"] == 0.5
    assert new["target_dc_kw"] == pytest.approx(0.5 * 7200.0 * density, abs=6e-4)
    assert new["installed_dc_kw"] == 300.0
    assert new["installed"] == pytest.approx(300.0 / density / 7200.0, abs=1e-6)
    assert new["gap"] == pytest.approx(0.5 - new["installed"], abs=1e-6)
    assert new["verdict"] == "missed"
    existing = goal_rows(toy_city_plan, "existing_half_coverage_2025").loc["toy"]
    area = toy_city_plan.roofs.loc[EXISTING, "footprint_area_m2"].sum()
    assert existing["target_dc_kw"] == pytest.approx(0.5 * area * density, abs=0.01)
    assert existing["installed"] == pytest.approx(412.625 / density / area, abs=1e-6)


def test_new_plants_met_when_half_covered() -> None:
    enough = 0.5 * 7200.0 * 0.62 / (2.382 * 1.134)
    for kw, expected in ((enough + 0.5, "met"), (enough - 30.0, "missed")):
        systems = {**toy.SYSTEMS, "new-plant": ("r08", None, None, round(kw, 3), "commissioned",
                                                "2023-09-01")}  # fmt: skip
        plan = toy.plan(toy.findings(rows=toy.register(systems)))
        assert goal_rows(plan, "new_plants_half_roof").loc["toy", "verdict"] == expected


def test_a_goal_for_all_pv_of_the_city_is_not_judged_by_roofs_of_industry(
    toy_city_plan: Plan,
) -> None:
    rows = goal_rows(toy_city_plan, "city_4500mw_2027")
    assert list(rows.index) == ["toy"]
    row = rows.loc["toy"]
    assert (row["verdict"], row["target_dc_kw"]) == ("not_assessable", 4.5e6)
    assert row["installed_dc_kw"] == 720.625
    met = toy.plan(assumptions=given(city_4500mw_2027__target=700.0))
    assert goal_rows(met, "city_4500mw_2027").loc["toy", "verdict"] == "met"


def test_a_goal_of_a_district_is_shown_where_the_district_is() -> None:
    elsewhere = toy.plan(assumptions=given(minhang_192mw_2025__enabled="true"))
    assert goal_rows(elsewhere, "minhang_192mw_2025").empty
    here = toy.plan(
        assumptions=given(minhang_192mw_2025__enabled="true", minhang_192mw_2025__place_id="D1")
    )
    rows = goal_rows(here, "minhang_192mw_2025")
    assert list(rows.index) == ["D1"]
    # Added after 2020-12-31 in D1: 50, 100.125, 200 and 30.5.
    assert rows.loc["D1", "installed_dc_kw"] == 380.625
    assert rows.loc["D1", "verdict"] == "not_assessable"


@pytest.mark.parametrize(
    ("target", "expected"),
    [(312.0, "met"), (320.0, "not_assessable"), (332.0, "not_assessable"), (332.5, "missed")],
)
def test_an_undated_system_may_have_been_added_in_time(target: float, expected: str) -> None:
    """D2 added 12 + 300 kW from 2021 to 2025; 20 kW more bear no date."""
    plan = toy.plan(
        assumptions=given(
            minhang_192mw_2025__enabled="true",
            minhang_192mw_2025__place_id="D2",
            minhang_192mw_2025__scope="industrial",
            minhang_192mw_2025__target=target,
        )
    )
    row = goal_rows(plan, "minhang_192mw_2025").loc["D2"]
    assert row["installed_dc_kw"] == 312.0
    assert row["verdict"] == expected


def test_a_target_of_zero_and_switched_off_goals_do_not_stop_a_run() -> None:
    plan = toy.plan(assumptions=given(industrial_1gw_2025__target=0.0))
    rows = goal_rows(plan, "industrial_1gw_2025")
    assert (rows.loc["toy", "target_dc_kw"], rows.loc["toy", "verdict"]) == (0.0, "not_assessable")
    assert rows["target_dc_kw"].tolist() == [0.0] * len(rows)
    off = toy.plan(assumptions=given(industrial_1gw_2025__enabled="false"))
    assert goal_rows(off, "industrial_1gw_2025").empty


def test_a_target_below_what_stands_makes_every_place_meet_its_share() -> None:
    """300 of 412.625 kW: shares stand at what runs, rounded up; no place owes the rounding."""
    day = date(2025, 6, 30)
    plan = toy.plan(as_of=day, assumptions=given(industrial_1gw_2025__target=100.0))
    rows = goal_rows(plan, "industrial_1gw_2025")
    assert rows.loc["toy", "verdict"] == "met"
    there = rows["installed_dc_kw"].drop("toy")
    assert rows["target_dc_kw"].drop("toy").to_dict() == np.ceil(there).to_dict()
    assert set(rows.loc[there.index[there > 0.0], "verdict"]) == {"met"}
    split = plan.allocation[plan.allocation["goal_id"] == "industrial_1gw_2025"]
    for _, method in split.groupby("method"):
        shares = method.loc[method["level"] == "district", "allocated_dc_kw"].sum()
        first = method.iloc[0]
        assert shares + first["shortfall_dc_kw"] - first["surplus_dc_kw"] == 100.0
        assert first["surplus_dc_kw"] > 0.0


def test_what_is_built_after_a_deadline_moves_no_target_of_the_past() -> None:
    words = given(industrial_1gw_2025__target=400.0)
    then = goal_rows(toy.plan(as_of=date(2025, 12, 31), assumptions=words), "industrial_1gw_2025")
    now = goal_rows(toy.plan(assumptions=words), "industrial_1gw_2025")
    assert then["target_dc_kw"].to_dict() == now["target_dc_kw"].to_dict()
    assert now.loc["P2", "installed_dc_kw"] > then.loc["P2", "installed_dc_kw"]


def decided(state: str, review_on: str | None = None) -> pd.DataFrame:
    """What people decided of r03."""
    return pd.DataFrame(
        {"state": [state], "reason": ["屋面锈蚀"], "evidence": ["report 12"],
         "review_on": [review_on]},
        index=["r03"],
    )  # fmt: skip


def test_full_installation_asks_for_no_blocked_roof_but_for_one_whose_review_is_overdue() -> None:
    goal = "industrial_full_2030"
    plain = goal_rows(toy.plan(), goal)
    kw = toy.plan().roofs.loc["r03", "feasible_dc_kw"]
    assert kw > 0.0
    for review, less in (("2027-06-01", kw), (None, kw), ("2026-01-01", 0.0)):
        findings = replace(toy.findings(), roof_decisions=decided("blocked", review))
        plan = toy.plan(findings)
        rows = goal_rows(plan, goal)
        for place in ("toy", "P1", "D1"):
            owed = plain.loc[place, "target_dc_kw"] - less
            assert rows.loc[place, "target_dc_kw"] == pytest.approx(owed, abs=1e-6), (review, place)
        assert rows.loc["P2", "target_dc_kw"] == plain.loc["P2", "target_dc_kw"]
        roof = plan.roofs.loc["r03"]
        if less:
            assert (roof["roof_state"], roof["blocked_dc_kw"]) == ("blocked", kw)
        else:
            assert (roof["roof_state"], roof["not_assessable_dc_kw"]) == ("not_assessable", kw)
            assert "overdue" in roof["state_reason_en"]


def test_full_installation_is_met_when_every_roof_is_used_or_blocked() -> None:
    """Systems of 85 % of each roof's potential: the rest is a remainder that nobody owes."""
    potential = toy.plan().roofs["capacity_dc_kw"]
    systems = {
        f"s-{roof}": (roof, None, None, round(0.85 * kw, 3), "commissioned", "2029-06-01")
        for roof, kw in potential.loc[EXISTING].items() if kw > 0.0
    }  # fmt: skip
    whole = toy.findings(rows=toy.register(systems))
    row = goal_rows(toy.plan(whole, as_of=date(2031, 1, 31)), "industrial_full_2030").loc["toy"]
    assert (row["verdict"], row["gap_dc_kw"], row["unreachable_dc_kw"]) == ("met", 0.0, 0.0)
    systems.pop(next(iter(systems)))
    less = toy.findings(rows=toy.register(systems))
    row = goal_rows(toy.plan(less, as_of=date(2031, 1, 31)), "industrial_full_2030").loc["toy"]
    assert row["verdict"] == "missed"
    assert row["gap_dc_kw"] == potential.loc[EXISTING[0]]


def test_a_stale_filing_beside_a_full_roof_owes_nothing() -> None:
    potential = toy.plan().roofs["capacity_dc_kw"]
    systems = {
        f"s-{roof}": (roof, None, None, kw, "commissioned", "2029-06-01")
        for roof, kw in potential.loc[EXISTING].items() if kw > 0.0
    }  # fmt: skip
    systems["stale"] = ("r03", None, None, 90.0, "filed", None)
    plan = toy.plan(toy.findings(rows=toy.register(systems)), as_of=date(2029, 12, 31))
    row = goal_rows(plan, "industrial_full_2030").loc["toy"]
    assert (row["verdict"], row["gap_dc_kw"]) == ("met", 0.0)
    assert (row["gap_p10_dc_kw"], row["gap_p90_dc_kw"] >= 0.0) == (0.0, True)


def test_the_draws_of_full_installation_are_never_below_nothing_and_add_up() -> None:
    """r03 is blocked, r01 full: only the open roofs' capacity is uncertain."""
    plan = toy.plan(replace(toy.findings(), roof_decisions=decided("blocked")))
    rows = goal_rows(plan, "industrial_full_2030")
    assert (rows["gap_p10_dc_kw"].dropna() >= 0.0).all()
    assert rows.loc["toy", "gap_p10_dc_kw"] < rows.loc["toy", "gap_dc_kw"]
    assert rows.loc["toy", "gap_dc_kw"] < rows.loc["toy", "gap_p90_dc_kw"]
    plain = goal_rows(toy.plan(), "industrial_full_2030")
    width, before = (
        table.loc["toy", "gap_p90_dc_kw"] - table.loc["toy", "gap_p10_dc_kw"]
        for table in (rows, plain)
    )
    assert width < before


def test_systems_of_a_park_without_roofs_in_scope_fill_no_other_park() -> None:
    """A park of new plants alone, and 5 MW of which only that park is known."""
    given_rows = toy.register({**toy.SYSTEMS, "lone": (None, "P2", None, 500.0, "commissioned",
                                                       "2024-03-01")})  # fmt: skip
    roofs = toy.roofs()
    roofs.loc[roofs["park_id"] == "P2", "completed_on"] = pd.Timestamp("2023-01-01")
    plan = toy.plan(toy.findings(rows=given_rows), of_roofs=roofs)
    rows = goal_rows(plan, "industrial_full_2030")
    parks = rows.loc[["P1", "P2", OUTSIDE_PARKS], "gap_dc_kw"]
    assert (parks >= 0.0).all()
    assert rows.loc["toy", "gap_dc_kw"] == pytest.approx(exact_sum(parks), abs=1e-6)


def test_more_than_its_potential_on_one_roof_hides_no_empty_roof() -> None:
    potential = toy.plan().roofs["capacity_dc_kw"]
    full = {"s1": ("r01", None, None, round(1.1 * potential["r01"], 3), "commissioned",
                   "2024-06-01")}  # fmt: skip
    plan = toy.plan(toy.findings(rows=toy.register(full)))
    row = goal_rows(plan, "industrial_full_2030").loc["P1"]
    free = exact_sum(potential.loc[[r for r in PARK["P1"] if r in EXISTING and r != "r01"]])
    assert row["gap_dc_kw"] == pytest.approx(free, abs=1e-6)


def test_a_plant_not_yet_completed_counts_toward_no_goal() -> None:
    """r08 is completed in 2023: before that day no new plant owes anything."""
    completed = toy.plan().roofs.loc["r08", "completed_on"]
    before = (completed - pd.Timedelta(days=1)).date()
    early = toy.plan(as_of=before)
    assert not early.roofs.loc["r08", "in_goal_scope"]
    assert goal_rows(early, "new_plants_half_roof").loc["toy", "verdict"] == "not_assessable"
    listed = early.compliance.set_index("roof_id")
    assert listed.loc["r08", "state"] == "exempt"
    later = toy.plan(as_of=completed.date())
    assert later.roofs.loc["r08", "in_goal_scope"]


def test_the_gap_table_closes_its_account() -> None:
    plan = toy.plan()
    for table in (plan.gap_parks, plan.gap_districts):
        begun = table[["installed_on_roofs_dc_kw", "under_construction_on_roofs_dc_kw",
                       "filed_on_roofs_dc_kw"]].sum(axis=1)  # fmt: skip
        rest = table[["feasible_dc_kw", "blocked_dc_kw", "not_assessable_dc_kw",
                      "remainder_dc_kw"]].sum(axis=1)  # fmt: skip
        whole = table["potential_dc_kw"] + table["over_potential_dc_kw"]
        assert np.allclose(whole, begun + rest, atol=1e-6)


def test_draws_do_not_move_with_what_has_no_bearing_on_them() -> None:
    """One seed for every run: another fingerprint moves no percentile."""
    one, other = (toy.plan(), toy.plan())
    percentiles = [name for name in one.goals.columns if "_p10" in name or "_p90" in name]
    assert one.goals[percentiles].equals(other.goals[percentiles])
    moved = toy.plan(assumptions=load(user={"uncertainty.seed": "another"}))
    assert not moved.goals["gap_p90_dc_kw"].equals(one.goals["gap_p90_dc_kw"])


def test_what_the_register_does_not_cover_has_no_chance_and_no_date(toy_city_plan: Plan) -> None:
    row = goal_rows(toy_city_plan, "city_4500mw_2027").loc["toy"]
    assert np.isnan(row["reachable_probability_fraction"])
    assert pd.isna(row["attained_on_p10"])
    full = goal_rows(toy_city_plan, "industrial_full_2030").loc["toy"]
    assert full["reachable_probability_fraction"] == 1.0


def test_levels_show_the_headline_goal(toy_city_plan: Plan) -> None:
    assert toy_city_plan.meta["headline_goal"] == "industrial_full_2030"
    rows = goal_rows(toy_city_plan, "industrial_full_2030")
    for table in (toy_city_plan.parks, toy_city_plan.districts, toy_city_plan.city):
        assert set(table["goal_id"]) == {"industrial_full_2030"}
        for place, shown in table.iterrows():
            assert shown["target_dc_kw"] == rows.loc[place, "target_dc_kw"]
            assert shown["installed_in_scope_dc_kw"] == rows.loc[place, "installed_dc_kw"]
            assert shown["gap_dc_kw"] == rows.loc[place, "gap_dc_kw"]
    earlier = toy.plan(as_of=date(2025, 6, 30))
    assert set(earlier.parks["goal_id"]) == {"industrial_1gw_2025"}


def test_before_the_deadline_the_verdict_is_by_pace() -> None:
    # 50 + 30.5 + 12 + 20 are there; 50 kW came in the last year, with the 20 kW undated up to 70.
    for target, expected in ((162.0, "on_track"), (180.0, "not_assessable"), (190.0, "behind")):
        given_target = given(industrial_1gw_2025__target=target)
        plan = toy.plan(as_of=date(2024, 12, 31), assumptions=given_target)
        row = goal_rows(plan, "industrial_1gw_2025").loc["toy"]
        assert row["installed_dc_kw"] == 112.5
        gap = target - 112.5
        assert row["gap_dc_kw"] == gap
        assert row["pace_needed_kw_per_year"] == pytest.approx(gap * 365.25 / 365, abs=6e-4)
        assert row["pace_trailing_kw_per_year"] == 50.0
        assert row["pace_ratio"] == pytest.approx(50.0 / (gap * 365.25 / 365), abs=1e-5)
        linear = pd.Timestamp(2024, 12, 31) + pd.Timedelta(days=np.ceil(gap / 50.0 * 365.25))
        assert row["attained_on_linear"] == linear
        assert row["verdict"] == expected


# --- without a register ------------------------------------------------------------------------


def test_without_a_register_nothing_is_zero() -> None:
    plan = toy.plan(toy.findings(with_register=False, with_empty_park=True))
    assert plan.roofs["installed_dc_kw"].isna().all()
    for table in (plan.parks, plan.districts, plan.city):
        for name in (
            *names(LEVEL_REGISTER), "installed_dc_kw", "used_potential_fraction", "gap_dc_kw",
            "installed_in_scope_dc_kw",
        ):  # fmt: skip
            assert table[name].isna().all(), name
    assert set(plan.goals["verdict"]) == {"not_assessable"}
    for name in ("installed", "gap", "installed_dc_kw", "gap_dc_kw", "unmatched_dc_kw",
                 "pace_needed_kw_per_year", "pace_trailing_kw_per_year"):  # fmt: skip
        assert plan.goals[name].isna().all(), name
    assert plan.goals["reason_en"].str.len().min() > 0
    city = goal_rows(plan, "industrial_1gw_2025").loc["toy"]
    assert city["target_dc_kw"] == 1e6  # the target is known all the same
    assert len(plan.ledger) == 0
    assert list(plan.ledger.columns) == names(LEDGER)
    check(plan.parks, LEVEL_REGISTER, title="parks")


def test_an_empty_register_says_zero() -> None:
    """Nothing installed is a statement; no register is none."""
    plan = toy.plan(toy.findings(rows=toy.register().iloc[:0]))
    assert (plan.roofs["installed_dc_kw"] == 0.0).all()
    assert plan.city["installed_total_dc_kw"].iloc[0] == 0.0
    row = goal_rows(plan, "industrial_1gw_2025").loc["toy"]
    assert (row["verdict"], row["installed_dc_kw"]) == ("missed", 0.0)
    assert unconserved(plan) == []


# --- money, carbon, ratios ---------------------------------------------------------------------


def test_money_and_carbon_by_hand(toy_city_plan: Plan) -> None:
    roof = toy_city_plan.roofs.loc["r01"]
    kw, kwh = roof["capacity_dc_kw"], roof["energy_ac_kwh_per_year"]
    price = 0.8 * 0.7853 + 0.2 * 0.4155
    extra = {"racked": 150.0, "east_west": 100.0}[roof["mounting"]]
    assert roof["capex_cny"] == pytest.approx((3000.0 + extra) * kw, abs=6e-4)
    flush = toy_city_plan.roofs.loc["r02"]
    assert flush["capex_cny"] == pytest.approx(3000.0 * flush["capacity_dc_kw"], abs=6e-4)
    assert roof["opex_cny_per_year"] == pytest.approx(45.0 * kw, abs=6e-4)
    assert roof["revenue_cny_per_year"] == pytest.approx(price * kwh, abs=6e-4)
    assert roof["avoided_tco2_per_year"] == pytest.approx(0.42 * kwh / 1000.0, abs=6e-4)
    worth = -(3000.0 + extra) * kw + sum(
        (price * kwh * (1 - 0.004) ** (year - 1) - 45.0 * kw) / 1.06**year for year in range(1, 26)
    )
    assert roof["npv_cny"] == pytest.approx(worth, abs=6e-4)


def test_ratios_are_of_the_sums(toy_city_plan: Plan) -> None:
    for place, roofs in PARK.items():
        here, shown = toy_city_plan.roofs.loc[roofs], toy_city_plan.parks.loc[place]
        energy, capacity = here["energy_ac_kwh_per_year"].sum(), here["capacity_dc_kw"].sum()
        assert shown["specific_yield_kwh_per_kw"] == pytest.approx(energy / capacity, abs=1e-5)
        area = here["footprint_area_m2"].sum()
        assert shown["coverage_fraction"] == pytest.approx(
            here["module_area_m2"].sum() / area, abs=1e-6
        )
        used = (here["installed_dc_kw"].sum() + UNLOCATED.get(place, 0.0)) / capacity
        assert shown["used_potential_fraction"] == pytest.approx(used, abs=1e-6)
    built = toy_city_plan.roofs[toy_city_plan.roofs["capacity_dc_kw"] > 0]
    mean = (built["energy_ac_kwh_per_year"] / built["capacity_dc_kw"]).mean()
    assert abs(toy_city_plan.city["specific_yield_kwh_per_kw"].iloc[0] - mean) > 0.1


def test_averaged_ratios_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = levels.ratios

    def averaged(sums: pd.DataFrame, *years: float) -> pd.DataFrame:
        found = right(sums, *years)
        return found.assign(specific_yield_kwh_per_kw=found["specific_yield_kwh_per_kw"].mean())

    monkeypatch.setattr(levels, "ratios", averaged)
    with pytest.raises(AssertionError):
        test_ratios_are_of_the_sums(toy.plan())


# --- sources and places ------------------------------------------------------------------------


def test_demonstration_is_carried_to_every_row(toy_city_plan: Plan) -> None:
    for table in (toy_city_plan.roofs, toy_city_plan.parks, toy_city_plan.districts,
                  toy_city_plan.city, toy_city_plan.ledger):  # fmt: skip
        assert set(table["source"]) == {"demonstration"}


@pytest.mark.parametrize("other", [None, np.nan, "survey"])
def test_sources_that_differ_are_not_made_one(other: Any) -> None:
    roofs = toy.roofs()
    roofs["source"] = roofs["source"].astype(object)
    roofs.loc["r12", "source"] = other
    plan = toy.plan(of_roofs=roofs)
    assert pd.isna(plan.city["source"].iloc[0])
    assert pd.isna(plan.parks.loc[OUTSIDE_PARKS, "source"])
    assert plan.parks.loc["P1", "source"] == "demonstration"


@pytest.mark.parametrize("missing", [None, np.nan])
def test_no_source_at_all_stays_unknown(missing: Any) -> None:
    for kind in (object, "str"):
        roofs = toy.roofs().assign(source=pd.Series([missing] * 12, dtype=kind).to_numpy())
        assert pd.isna(toy.plan(of_roofs=roofs).city["source"].iloc[0])


def moved(roofs: gpd.GeoDataFrame, east: float, north: float) -> gpd.GeoDataFrame:
    shapes = [affinity.translate(shape, east, north) for shape in roofs.geometry]
    return roofs.set_geometry(shapes, crs=roofs.crs)


def test_goals_of_another_place_are_not_applied() -> None:
    roofs = moved(toy.roofs(), 0.0, 400_000.0).assign(park_id=None, district_id=None)
    plan = toy.plan(replace(toy.findings(), parks=None, districts=None), of_roofs=roofs)
    assert plan.goals.empty
    assert list(plan.goals.columns) == names(GOALS)
    assert plan.meta["goals_here"] == []
    assert plan.meta["headline_goal"] is None
    for table in (plan.parks, plan.districts, plan.city):
        assert table[["goal_id", "target_dc_kw", "gap_dc_kw"]].isna().all().all()
    assert plan.city["installed_total_dc_kw"].notna().all()
    assert unconserved(plan) == []


def test_goals_here_are_those_of_shanghai(toy_city_plan: Plan) -> None:
    assert "industrial_1gw_2025" in toy_city_plan.meta["goals_here"]
    assert set(toy_city_plan.goals["goal_id"]) == {
        "industrial_1gw_2025", "industrial_full_2030", "new_plants_half_roof",
        "existing_half_coverage_2025", "city_4500mw_2027",
    }  # fmt: skip


def test_geometry_comes_out_in_degrees_where_it_was(toy_city_plan: Plan) -> None:
    longitude, latitude = toy.degrees(0.0, 0.0)
    centre = toy_city_plan.roofs.loc["r01", "geometry"].centroid
    assert centre.x == pytest.approx(longitude, abs=1e-6)
    assert centre.y == pytest.approx(latitude, abs=1e-6)
    assert toy_city_plan.parks.loc[OUTSIDE_PARKS, "geometry"] is None


@pytest.mark.parametrize("count", [150, pytest.param(1500, marks=pytest.mark.long)])
def test_many_parks_keep_the_sums(count: int) -> None:
    """Parks of 8 roofs each."""
    roofs = pd.concat([toy.roofs()] * (count * 8 // toy.ROOF_COUNT))
    roofs.index = pd.Index([f"r{number:06d}" for number in range(len(roofs))], name="roof_id")
    roofs["park_id"] = [f"p{number // 8:04d}" for number in range(len(roofs))]
    shape = toy.parks().geometry.iloc[0]
    keys = pd.Index(sorted(set(roofs["park_id"])), name="park_id")
    words = pd.DataFrame({"name_zh": keys, "name_en": keys, "source": "x"}, index=keys)
    areas = gpd.GeoDataFrame(words.astype(object), geometry=[shape] * len(keys), crs=toy.CRS)
    plan = toy.plan(replace(toy.findings(), parks=areas), of_roofs=roofs)
    assert len(plan.parks) == count
    assert unconserved(plan) == []
    assert recipe.OUTSIDE["park"][0] not in plan.parks.index

"""The pages in every state, without a browser: what they show, and that they show text as text."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pvplan.city.weighting import WEIGHTS
from pvplan.errors import InputError
from pvplan.reports.behind import behind
from pvplan.reports.output import FILES as RUN_FILES
from pvplan.reports.output import write_plan
from pvplan.reports.phrases import with_chinese
from pvplan.reports.runfile import sha256_of
from pvplan.tables import (
    CURVE_STATES,
    DEMONSTRATION,
    FORM_SOURCES,
    GAP,
    MOUNTINGS,
    OUTSIDE_PARKS,
    REJECTED,
    ROOF_FORMS,
    STRUCTURE_STATES,
    VERDICTS,
    WATERFALL,
    Plan,
    waterfall_name,
)
from pvplan.ui import (
    charts,
    compared,
    history,
    jobs,
    limited,
    looks,
    numbers,
    places,
    roof_charts,
    roof_words,
    runs,
    work_lists,
)
from pvplan.ui.verdicts import COLOURS
from pvplan.ui.words import LANGUAGE_NAMES, LANGUAGES, WORDS, say, say_code
from pvplan.ui.work_lists import LISTS
from tests.conftest import ROOT, each_language
from tests.plans import toy_plan
from tests.shown import (
    DRIVERS,
    HOSTILE,
    app_at,
    hostile_plan,
    ledger_plan,
    plan_without_register,
    plan_without_work,
)

PAGES = ("map", "roof", "goals", "districts", "plan", "work", "checks", "files")
# Keys made of a code that a table holds; every code has its word (test_every_code_…).
CODED = (
    "mounting_", "module_", "rows_", "form_", "state_", "sun_", "step_",
    "outline_", "usable_", "obstructions_",
)  # fmt: skip
UI = sorted((ROOT / "pvplan" / "ui").glob("*.py"))
Opened = Callable[..., AppTest]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of finished runs: plain, hostile, without a register, with nothing left, empty."""
    root = tmp_path_factory.mktemp("shown")
    plans = {
        "plain": toy_plan(), "hostile": hostile_plan(), "bare": plan_without_register(),
        "ledger": ledger_plan(), "done": plan_without_work(),
    }  # fmt: skip
    for name, plan in plans.items():
        write_plan(plan, root / name / "toy")
    write_plan(plans["plain"], root / "two" / "older")
    write_plan(plans["bare"], root / "two" / "newer")
    (root / "empty").mkdir()
    return {name: root / name for name in (*plans, "two", "empty")}


@pytest.fixture
def opened(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Opened:
    def open_page(folder: str, page: str = "map", **link: str) -> AppTest:
        monkeypatch.setenv("PVPLAN_RUNS", str(folders.get(folder, folder)))
        # Every goal's card, not the first ones alone.
        goals = list(toy_plan().goals["goal_id"].unique())
        return app_at(page, link, **{"goals-others": goals})

    return open_page


def texts(app: AppTest) -> list[str]:
    return [element.value for element in app.text]


def metrics(app: AppTest) -> dict[str, str]:
    return {element.label: element.value for element in app.metric}


def in_markup(app: AppTest) -> str:
    """Return everything that the browser would read as Markdown."""
    kinds = (app.markdown, app.caption, app.subheader, app.warning, app.error, app.info)
    values = [str(element.value) for kind in kinds for element in kind]
    labels = [
        element.label for kind in (app.metric, app.selectbox, app.expander) for element in kind
    ]
    return "\n".join([*values, *labels, *(element.value for element in app.metric)])


def test_without_a_run_the_page_offers_the_bundled_city_and_the_command(opened: Opened) -> None:
    app = opened("empty")
    assert [button.label for button in app.button] == [say("compute", "zh")]
    assert "python -m pvplan run" in app.code[0].value
    assert not app.metric


def test_a_runs_folder_that_does_not_exist_is_no_fault(opened: Opened, tmp_path: Path) -> None:
    app = opened(str(tmp_path / "nowhere"), lang="en")
    assert [button.label for button in app.button] == [say("compute", "en")]


def test_the_city_is_shown_first_with_the_headline_goal(opened: Opened) -> None:
    app = opened("plain")
    city = toy_plan().city.iloc[0]
    shown = metrics(app)
    assert "示例市" in texts(app)
    assert shown["可装容量 (MW)"] == numbers.capacity(city["capacity_dc_kw"], unit="")
    assert shown["差距 (MW)"] == numbers.capacity(city["gap_dc_kw"], unit="")
    assert shown["静态回收期"] == numbers.DASH
    assert any("0123456789abcdef" in text for text in texts(app))
    assert any("2026-11-22" in text for text in texts(app))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_speaks_both_languages_and_wears_the_badge(
    opened: Opened, page: str, language: Any
) -> None:
    app = opened("plain", page, lang=language)
    own = "\n".join(element.value for element in (*app.markdown, *app.subheader, *app.caption))
    badge = say(DEMONSTRATION, language)
    assert sum(badge in element.value for element in app.main.markdown) >= 1
    assert say(f"page_{page}", language) in own
    if language == "en":
        words = own.replace(badge, "").replace(LANGUAGE_NAMES["zh"], "")
        assert not re.search(r"[\u4e00-\u9fff]", words)


def test_a_park_in_the_link_is_opened(opened: Opened) -> None:
    app = opened("plain", park="P1", lang="en")
    park = toy_plan().parks.loc["P1"]
    shown = metrics(app)
    assert "Lingang `new` area" in texts(app)
    assert shown["Potential (MW)"] == numbers.capacity(park["capacity_dc_kw"], unit="")
    assert shown["Gap (MW)"] == numbers.capacity(park["gap_dc_kw"], unit="")
    assert shown["Roofs"] == str(park["roof_count"])
    assert app.query_params["park"] == "P1"


def test_an_unknown_park_in_the_link_is_told_and_the_city_shown(opened: Opened) -> None:
    app = opened("plain", park=HOSTILE[0])
    assert [warning.value for warning in app.warning] == [say("unknown_park", "zh")]
    assert HOSTILE[0] in texts(app)
    assert "示例市" in texts(app)
    assert "park" not in app.query_params


def test_choosing_a_park_in_the_box_changes_every_figure(opened: Opened) -> None:
    app = opened("plain")
    before = metrics(app)
    app.selectbox(key="park-zh").set_value("P2").run()
    after = metrics(app)
    assert not app.exception
    park = toy_plan().parks.loc["P2"]
    assert after["可装容量 (MW)"] == numbers.capacity(park["capacity_dc_kw"], unit="")
    assert after["可装容量 (MW)"] != before["可装容量 (MW)"]
    assert app.query_params["park"] == "P2"


def test_the_row_outside_parks_can_be_chosen(opened: Opened) -> None:
    app = opened("plain", park=OUTSIDE_PARKS)
    assert say("outside_parks", "zh") in texts(app)
    assert metrics(app)["屋顶数"] == str(toy_plan().parks.loc[OUTSIDE_PARKS, "roof_count"])


def test_without_a_register_the_gap_is_a_dash_and_the_page_says_why(opened: Opened) -> None:
    app = opened("bare", park="P1")
    shown = metrics(app)
    assert shown["差距 (MW)"] == shown["已装容量 (MW)"] == numbers.DASH
    assert shown["可装容量 (MW)"] != numbers.DASH
    assert say("gap_not_assessable", "zh") in [caption.value for caption in app.caption]
    assert say("gap_not_assessable", "zh") not in [c.value for c in opened("plain").caption]


def test_a_goal_that_is_not_split_to_parks_has_no_gap_by_park(opened: Opened) -> None:
    app = opened("plain", goal="city_7gw_2030", park="P1")
    assert metrics(app)["差距 (MW)"] == numbers.DASH
    assert say("gap_not_assessable", "zh") in [caption.value for caption in app.caption]


def test_language_changes_at_a_click(opened: Opened) -> None:
    app = opened("plain", park="P1")
    assert "可装容量 (MW)" in metrics(app)
    app.selectbox(key="goal-zh").set_value("city_7gw_2030").run()
    app.segmented_control(key="language").set_value("en").run()
    assert "Potential (MW)" in metrics(app)
    assert "Lingang `new` area" in texts(app)
    assert app.selectbox(key="goal-en").value == "city_7gw_2030"
    assert app.query_params["lang"] == "en"


def test_another_run_can_be_chosen_and_the_newest_comes_first(opened: Opened) -> None:
    app = opened("two")
    assert app.selectbox(key="run-zh").value == "newer"
    assert metrics(app)["已装容量 (MW)"] == numbers.DASH
    app.selectbox(key="run-zh").set_value("older").run()
    assert metrics(app)["已装容量 (MW)"] != numbers.DASH


def test_a_link_to_another_run_opens_it(opened: Opened) -> None:
    assert opened("two", run="older").selectbox(key="run-zh").value == "older"
    assert opened("two", run="never").selectbox(key="run-zh").value == "newer"


def test_a_run_that_was_tampered_with_is_refused_in_words(opened: Opened, tmp_path: Path) -> None:
    write_plan(toy_plan(), tmp_path / "toy")
    parks = tmp_path / "toy" / "parks.csv"
    parks.write_bytes(parks.read_bytes() + b"\n")
    app = opened(str(tmp_path))
    assert [error.value for error in app.error] == [say("broken_run", "zh")]
    assert any("parks.csv" in text for text in texts(app))
    assert not app.metric


@each_language
@pytest.mark.parametrize("page", PAGES)
def test_no_text_of_a_file_is_read_as_markup(opened: Opened, page: str, language: str) -> None:
    app = opened("hostile", page, lang=language, park="P1")
    markup = in_markup(app)
    for name in HOSTILE:
        assert name not in markup
    assert not re.search(r"onerror|outside\.example|7\*7|pwned", markup)
    assert any(name in text for name in HOSTILE for text in texts(app))


def test_goals_show_verdict_reason_clause_and_source(opened: Opened) -> None:
    app = opened("plain", "goals")
    badges = "\n".join(element.value for element in app.main.markdown)
    for verdict in ("missed", "behind", "not_assessable"):
        assert say(f"verdict_{verdict}", "zh") in badges
    shown = texts(app)
    assert "期限已过" in shown
    assert "推动既有工业厂房在可利用屋顶面积安装光伏" in shown
    assert any("上海市工业领域碳达峰实施方案 九" in text for text in shown)
    assert [box.label for box in app.expander] == 3 * [
        say("clause", "zh"), say("explain_goal", "zh"),
    ]  # fmt: skip
    assert metrics(app)["目标值"] == "50.0 %"


def test_rejected_rows_are_counted_and_listed(opened: Opened) -> None:
    counted, listed = (element.value for element in opened("plain", "checks").dataframe)
    assert list(counted["count"]) == [1, 1]
    assert list(listed["input"]) == [say("input_buildings", "zh"), say("input_register", "zh")]
    assert list(listed["id"].fillna("")) == ["=7", ""]


def test_rows_of_one_kind_are_counted_together(opened: Opened, tmp_path: Path) -> None:
    plan = toy_plan()
    reasons = ["no roof 'r1' (row '7')", "no roof 'r2' (row '8')"]
    rejected = with_chinese(
        plan.rejected.assign(input="register", done="unmatched", reason=reasons)
    )
    write_plan(replace(plan, rejected=rejected), tmp_path / "toy")
    counted, listed = (element.value for element in opened(str(tmp_path), "checks").dataframe)
    assert list(counted["count"]) == [2]
    assert list(counted["reason"]) == ["no roof '…' (row '…')"]
    assert list(listed["reason"]) == reasons


def test_warnings_of_the_run_are_shown(opened: Opened) -> None:
    assert "• <b>no register</b>" in texts(opened("plain", "checks"))


def test_every_file_of_the_run_is_offered(opened: Opened) -> None:
    app = opened("plain", "files")
    offered = [text for text in texts(app) if any(text.endswith(name) for name in RUN_FILES)]
    assert len(offered) == len(RUN_FILES)


def test_tables_show_all_parks_with_the_widest_gap_first(opened: Opened) -> None:
    table = opened("plain").dataframe[0].value
    plan = toy_plan()
    assert set(table.index) == set(plan.parks.index)
    assert list(table["gap"]) == sorted(table["gap"], reverse=True)
    for park_id, row in table.iterrows():
        assert row["gap"] * 1000.0 == pytest.approx(plan.parks.loc[park_id, "gap_dc_kw"])
    districts = opened("plain", "districts").dataframe[-1].value
    assert set(districts.index) == set(plan.districts.index)


# --- the gap ledger -----------------------------------------------------------------------------


def all_metrics(app: AppTest, label: str) -> list[str]:
    return [element.value for element in app.metric if element.label == label]


def tables(app: AppTest) -> list[pd.DataFrame]:
    return [element.value for element in app.dataframe]


def captions(app: AppTest) -> list[str]:
    return [element.value for element in app.caption]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_goal_shows_doubt_pace_and_dates_and_dashes_for_what_is_not_known(
    opened: Opened, language: Any
) -> None:
    app = opened("ledger", "goals", lang=language)
    assert all_metrics(app, say("reachable", language)) == ["75.0 %", "75.0 %", numbers.DASH]
    assert all_metrics(app, say("pace_ratio", language)) == [numbers.DASH, "50.0 %", numbers.DASH]
    assert all_metrics(app, say("attained_12", language))[1] == "2031-02-03"
    range_of = all_metrics(app, say("attained_12_range", language))
    assert range_of == [numbers.DASH, f"2030-02 – {say('never', language)}", numbers.DASH]
    assert all_metrics(app, say("pace_trailing_36", language)) == 3 * ["0.01 MW"]
    assert all_metrics(app, say("under_construction", language)) == 3 * ["0.00 MW"]
    gap = toy_plan().city.iloc[0]["gap_dc_kw"]
    assert all_metrics(app, say("gap_range", language))[0] == numbers.capacity_between(gap, gap)
    assert captions(app).count(say("curve_too_short", language)) == 3


def test_what_narrows_the_gap_stands_on_the_card_of_its_goal() -> None:
    plan = ledger_plan()
    assert list(places.drivers_of(plan, "industrial_1gw_2025")["narrowing_kw"]) == [1250.0]
    assert places.drivers_of(plan, "city_7gw_2030").empty
    named = [{**driver, "goal_id": "city_7gw_2030"} for driver in DRIVERS]
    other = replace(plan, meta={**plan.meta, "drivers": named})
    assert places.drivers_of(other, "industrial_1gw_2025").empty
    assert list(places.drivers_of(other, "city_7gw_2030")["name_en"]) == ["Usable share"]
    assert places.drivers_of(toy_plan(), "industrial_1gw_2025").empty


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_survey_that_helps_most_is_shown_once(opened: Opened, language: Any) -> None:
    app = opened("ledger", "goals", lang=language)
    titles = [element.value for element in app.markdown]
    assert titles.count(f"##### {say('drivers_title', language)}") == 1
    (shown,) = (table for table in tables(app) if "narrowing" in table)
    assert shown.to_numpy().tolist() == [[DRIVERS[0][f"name_{language}"], 1.25, 75.0]]


def dated_ledger(plan: Plan) -> Plan:
    """Put five systems into the ledger, of which three are on the line."""
    roof = plan.roofs.index[0]
    ledger = plan.ledger.iloc[[0, 0, 0, 0, 0]].assign(
        roof_id=[roof, roof, None, roof, roof], capacity_dc_kw=[10.1, 20.2, 30.3, 40.4, 50.5],
        status=["commissioned", "commissioned", "commissioned", "retired", "commissioned"],
        commissioned_on=pd.to_datetime(
            ["2024-05-01", "2020-01-01", "2024-05-01", "2019-01-01", None]
        ),
    ).set_axis([f"S{number}" for number in range(5)])  # fmt: skip
    return replace(plan, ledger=ledger.rename_axis("system_id"))


def test_what_was_installed_by_when_worked_by_hand() -> None:
    plan = dated_ledger(toy_plan())
    goal = plan.goals.iloc[0]
    steps = history.installed_by_day(plan, goal)
    assert [str(day)[:10] for day in steps["day"]] == ["2020-01-01", "2024-05-01", "2026-11-22"]
    assert list(steps["installed_dc_kw"]) == [20.2, 60.6, 60.6]
    assert set(history.counted_systems(plan, goal).index) == {"S0", "S1", "S2", "S4"}
    new_only = history.counted_systems(plan, goal.replace("existing_industrial", "new_industrial"))
    assert new_only.empty
    earlier = goal.copy()
    earlier["as_of"] = pd.Timestamp("2021-01-01")
    assert set(history.counted_systems(plan, earlier).index) == {"S1", "S4"}


def test_the_line_ends_at_what_the_explanation_sums() -> None:
    plan = dated_ledger(toy_plan())
    for _, goal in plan.goals[plan.goals["installed_dc_kw"].notna()].iterrows():
        _, total = behind(plan, "systems", goal)
        systems = history.counted_systems(plan, goal)["capacity_dc_kw"]
        assert systems.sum() == pytest.approx(total)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_history_is_drawn_with_target_and_deadline(language: Any) -> None:
    plan = dated_ledger(toy_plan())
    goal = plan.goals.iloc[0]
    steps = history.installed_by_day(plan, goal)
    for target in (goal["target_dc_kw"], math.nan):
        drawn = charts.installed_over_time(steps, target, goal["deadline"], language).to_dict()
        assert len(drawn["layer"]) == 3
    assert history.installed_by_day(plan_without_register(), goal).empty


def test_two_methods_side_by_side_worked_by_hand() -> None:
    goal = "industrial_1gw_2025"
    plan = toy_plan()
    rows = plan.allocation[plan.allocation["level"] == "park"]
    parts = [rows.assign(place_id="P2", district_id=name) for name in ("310112", "310115")]
    parts = [part.assign(difference_dc_kw=[0.0, -2.5]) for part in parts]
    split = replace(plan, allocation=pd.concat([plan.allocation, *parts], ignore_index=True))
    assert compared.chosen_method(split, goal) == "technical_potential"
    assert compared.other_methods(split, goal) == ["usable_area"]
    found = compared.side_by_side(split, goal, "park", "usable_area")
    assert list(found.index) == ["P1", "P2"]
    assert found.loc["P1"].tolist() == [40.0, 45.0, 5.0, "gains"]
    assert found.loc["P2"].tolist() == [80.0, 90.0, -5.0, "loses"]
    assert compared.chosen_method(split, "city_7gw_2030") is None
    assert compared.other_methods(split, "city_7gw_2030") == []


def test_the_method_is_named_beside_every_target() -> None:
    plan = toy_plan()
    goal = "industrial_1gw_2025"
    assert compared.target_told(plan, goal, "park", "zh") == "全市目标按权重分解：技术可装容量"
    assert compared.target_told(plan, goal, "city", "en") == say("basis_stated", "en")
    half = compared.target_told(plan, "new_plants_half_roof", "park", "en")
    assert half == say("basis_gross", "en")
    strange = replace(plan, goals=plan.goals.assign(metric="unheard of"))
    assert compared.target_told(strange, "city_7gw_2030", "park", "zh") == "stated"
    bare = replace(plan, allocation=plan.allocation.iloc[:0])
    assert compared.target_told(bare, goal, "park", "zh") == say("basis_stated", "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_districts_and_parks_stand_in_a_league(opened: Opened, language: Any) -> None:
    app = opened("ledger", "districts", lang=language)
    plan = ledger_plan()
    districts, parks = tables(app)[:2]
    assert list(districts["rank"]) == [1, 2]
    assert list(districts.index) == [plan.districts.index[1], plan.districts.index[0]]
    assert list(districts["gap_p10"]) == [0.1, 0.1]
    assert set(districts["verdict"]) == {say("verdict_missed", language)}
    assert set(districts["bound"]) == {say("bound_lower", language)}
    assert set(parks.index) == set(plan.gap_parks["place_id"])
    told = compared.target_told(plan, "industrial_1gw_2025", "park", language)
    assert set(districts["method"]) == set(parks["method"]) == {told}


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_methods_are_compared_by_district_and_by_park(opened: Opened, language: Any) -> None:
    app = opened("ledger", "districts", lang=language)
    for level in ("district", "park"):
        app.segmented_control(key=f"compare-level-{language}").set_value(level).run()
        assert not app.exception
        table = tables(app)[2]
        assert list(table["difference"]) == [0.005]
        assert list(table["outcome"]) == [say("gains", language)]
        assert metrics(app)[say("gains", language)] == "1"
        assert metrics(app)[say("loses", language)] == "0"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", LISTS)
def test_every_work_list_is_shown_in_words_and_comes_down(
    opened: Opened, key: str, language: Any
) -> None:
    app = opened("plain", "work", lang=language)
    app.segmented_control(key=f"work-list-{language}").set_value(key).run()
    assert not app.exception
    work, plan = LISTS[key], runs.plan_of(runs.runs_folder() / "toy")
    rows = work_lists.rows_of(plan, work)
    assert f"{say('count', language)}  {len(rows)}" in texts(app)
    (shown,) = tables(app)
    assert len(shown) == len(rows)
    for name in work_lists.CODES.keys() & set(shown.columns):
        words = {say_code(work_lists.CODES[name], code, language) for code in rows[name]}
        assert set(shown[name]) == words
        assert bool(re.search(r"[\u4e00-\u9fff]", "".join(words))) == (language == "zh")
    parks = set(places.names_of(plan.parks, language).values())
    assert set(shown["park_id"].dropna()) <= parks
    kinds = work_lists.kinds_of(work, rows)
    assert sum(kinds.values()) == len(rows)
    for kind, count in kinds.items():
        app.pills(key=f"work-kind-{key}-{language}").set_value(kind).run()
        assert not app.exception
        assert len(tables(app)[0]) == count
        assert len(app.get("download_button")) == 1


def test_the_work_of_one_park_comes_down_as_it_is_shown(opened: Opened) -> None:
    app = opened("plain", "work")
    app.selectbox(key="work-park-zh").set_value("P1").run()
    app.segmented_control(key="work-list-zh").set_value("unstarted").run()
    plan = runs.plan_of(runs.runs_folder() / "toy")
    rows = work_lists.rows_of(plan, LISTS["unstarted"], "P1")
    shown = tables(app)[0]
    assert list(shown["roof_id"]) == list(rows.index)
    assert set(rows["park_id"]) == {"P1"}
    assert list(rows["feasible_dc_kw"]) == sorted(rows["feasible_dc_kw"], reverse=True)
    assert set(rows["roof_state"]) == {"feasible"}
    # List and park stay when the language changes.
    app.segmented_control(key="language").set_value("en").run()
    assert not app.exception
    assert app.selectbox(key="work-park-en").value == "P1"
    assert list(tables(app)[0]["roof_id"]) == list(rows.index)


def test_plants_that_fail_come_first_and_those_that_pass_last() -> None:
    rows = work_lists.rows_of(toy_plan(), LISTS["clause"])
    assert list(rows["state"]) == ["fail", "insufficient_evidence", "pass"]
    rows = work_lists.rows_of(toy_plan(), LISTS["register"], kind="unit_w")
    assert list(rows["severity"]) == ["doubt"]


def test_a_file_is_named_safely_whatever_an_id_holds() -> None:
    for text in (*HOSTILE, "../../etc/passwd", "a/b\\c:d*e?f", "x" * 500):
        stem = places.file_stem(text)
        assert re.fullmatch(r"[\w-]{1,80}", stem)
    assert places.file_stem("张江-1") == "张江-1"


@each_language
@pytest.mark.parametrize("key", LISTS)
def test_hostile_work_is_letters(opened: Opened, key: str, language: Any) -> None:
    app = opened("hostile", "work", lang=language)
    app.segmented_control(key=f"work-list-{language}").set_value(key).run()
    app.selectbox(key=f"work-park-{language}").set_value("P1").run()
    assert not app.exception
    assert not re.search(r"onerror|outside\.example|7\*7|pwned", in_markup(app))
    cells = {str(cell) for table in tables(app) for cell in table.to_numpy().ravel()}
    assert cells & set(HOSTILE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_with_nothing_in_it_says_so_on_every_page(opened: Opened, language: Any) -> None:
    assert infos(opened("done", "goals", lang=language)) == [say("no_goals", language)]
    assert infos(opened("done", "districts", lang=language)) == [
        say("league_none", language), say("league_none", language), say("compare_none", language),
    ]  # fmt: skip
    app = opened("done", "work", lang=language)
    for key in LISTS:
        app.segmented_control(key=f"work-list-{language}").set_value(key).run()
        assert not app.exception
        assert infos(app) == [say(f"work_{key}_none", language)]
        assert not app.get("download_button")


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_register_goals_and_districts_still_stand(opened: Opened, language: Any) -> None:
    app = opened("bare", "goals", lang=language)
    assert captions(app).count(say("no_history", language)) == 3
    assert not opened("bare", "districts", lang=language).exception
    app = opened("plain", "districts", lang=language, goal="city_7gw_2030")
    assert infos(app).count(say("league_none", language)) == 2


# --- where a number comes from ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "link", "key"),
    [
        ("map", {"park": "P1"}, "explain-parks-P1"),
        ("districts", {}, "explain-city-toy"),
        ("goals", {}, "explain-goal-0"),
    ],
)
def test_every_number_offered_is_explained(
    opened: Opened, page: str, link: dict[str, str], key: str
) -> None:
    app = opened("ledger", page, **link)
    offered = app.pills(key=f"{key}-zh").options
    assert len(offered) >= 9
    for option in offered:
        app.pills(key=f"{key}-zh").set_value(option).run()
        assert not app.exception, option
        assert any(re.match(r"(parks|city|goals)\.csv:", text) for text in texts(app)), option
        assert sum(text.endswith("0123456789abcdef") for text in texts(app)) >= 2, option


def test_what_an_older_run_cannot_explain_is_said(opened: Opened) -> None:
    app = opened("plain", "districts", lang="en")
    app.pills(key="explain-city-toy-en").set_value("Levelised cost").run()
    assert not app.exception
    assert say("explain_lacks", "en") in captions(app)
    assert "city:lcoe_cny_per_kwh:toy  ·  derived" in texts(app)


def test_an_explanation_says_what_was_verified(opened: Opened) -> None:
    app = opened("ledger", "goals", lang="en")
    app.pills(key="explain-goal-0-en").set_value("Verdict").run()
    shown = next(table for table in tables(app) if "verified" in table)
    assert set(shown["verified"]) <= {say("verified", "en"), say("unverified", "en")}
    badges = "\n".join(element.value for element in app.main.markdown)
    assert re.search(r"sources? (not )?verified|no source verified", badges)


# --- looking up ---------------------------------------------------------------------------------


def test_names_fall_back_to_the_other_language_and_then_to_the_id() -> None:
    place = pd.Series({"name_zh": "甲", "name_en": None}, name="a")
    assert places.name_of(place, "en") == "甲"
    assert places.name_of(pd.Series({"name_zh": None, "name_en": " "}, name="b"), "zh") == "b"
    assert places.name_of(pd.Series(name=OUTSIDE_PARKS, dtype=object), "en") == "Outside parks"


def test_places_of_one_name_are_told_apart_by_their_id() -> None:
    names = {"a": "东区", "b": "西区", "c": "东区"}
    assert places.distinct(names) == {"a": "东区  ·  a", "b": "西区", "c": "东区  ·  c"}


def test_each_of_two_parks_of_one_name_can_be_chosen(opened: Opened) -> None:
    app = opened("hostile", lang="en")
    for park_id in ("P1", "P2"):
        app.selectbox(key="park-en").set_value(park_id).run()
        assert app.query_params["park"] == park_id


def test_a_park_across_districts_names_both_most_roofs_first() -> None:
    plan = toy_plan()
    inside = plan.roofs[plan.roofs["park_id"] == "P1"]["district_id"]
    order = inside.value_counts().index
    names = places.names_of(plan.districts, "zh")
    expected = "、".join(names[district] for district in order)
    assert places.districts_of_parks(plan, "zh")["P1"] == expected


def test_figures_of_a_goal_come_from_its_own_rows() -> None:
    plan = toy_plan()
    own = places.goal_at(plan, "industrial_1gw_2025", "park", plan.parks)
    assert own["gap_dc_kw"].equals(plan.parks["gap_dc_kw"])
    assert set(own["verdict"]) == {"missed"}
    other = places.goal_at(plan, "city_7gw_2030", "park", plan.parks)
    assert other[["target_dc_kw", "gap_dc_kw"]].isna().all(axis=None)
    unsplit = replace(plan, goals=plan.goals[plan.goals["level"] == "city"])
    table = places.goal_at(unsplit, "industrial_1gw_2025", "park", plan.parks)
    for own_name, name in places.LEVEL_FIGURES.items():
        assert table[name].equals(plan.parks[own_name])
    assert places.goal_at(plan, None, "park", plan.parks)["gap_dc_kw"].isna().all()


def test_a_goal_is_shown_once_at_its_highest_level() -> None:
    rows = places.headline_rows(toy_plan())
    assert list(rows.index) == ["industrial_1gw_2025", "city_7gw_2030", "new_plants_half_roof"]
    assert set(rows["level"]) == {"city"}


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kilowatts", "shown"),
    [(0.0, "0.00 MW"), (1234.0, "1.23 MW"), (-1234.0, "−1.23 MW"), (12_345.0, "12.3 MW"),
     (1_234_567.0, "1,234.6 MW"), (-0.4, "0.00 MW"), (math.nan, "—"), (None, "—")],
)  # fmt: skip
def test_kilowatts_are_read_as_megawatts(kilowatts: float | None, shown: str) -> None:
    assert numbers.capacity(kilowatts) == shown


def test_amounts_follow_the_unit_of_the_row() -> None:
    assert numbers.amount(1_000_000.0, "kWp") == "1,000.0 MW"
    assert numbers.amount(0.5, "1") == "50.0 %"
    assert numbers.amount(3.0, "m²") == "3.0 m²"
    assert numbers.amount(np.nan, "1") == "—"
    assert numbers.day(pd.Timestamp("2025-12-31")) == "2025-12-31"
    assert numbers.day(pd.NaT) == "—"
    assert numbers.gigawatt_hours(2_500_000.0) == "2.50 GWh"
    assert numbers.file_size(1500) == "2 kB"
    assert numbers.file_size(400) == "400 B"
    assert numbers.capacity_between(1_500.0, 25_000.0) == "1.50 – 25.0 MW"
    assert numbers.capacity_between(np.nan, None) == "—"
    assert numbers.gigawatt_hours_between(1.5e6, np.nan) == "1.5 – —"
    assert numbers.gigawatt_hours_between(None, None) == "—"
    early, late = pd.Timestamp("2030-02-28"), pd.Timestamp("2031-12-01")
    assert numbers.months_between(early, late, "never") == "2030-02 – 2031-12"
    assert numbers.months_between(early, pd.NaT, "never") == "2030-02 – never"
    assert numbers.months_between(pd.NaT, pd.NaT, "never") == "—"
    assert numbers.millions(2_500_000.0, "M") == "2.5 M"


# --- words --------------------------------------------------------------------------------------


def test_every_word_has_both_languages() -> None:
    for key, (zh, en) in WORDS.items():
        assert zh.strip(), key
        assert en.strip(), key
        assert re.search(r"[\u4e00-\u9fff]", zh), key
        if key != DEMONSTRATION:
            assert not re.search(r"[\u4e00-\u9fff]", en), key


def test_every_word_is_used_and_every_used_word_exists() -> None:
    sources = [path.read_text("utf-8") for path in UI if not path.stem.startswith("words")]
    code = "\n".join([*sources, (ROOT / "app.py").read_text("utf-8")])
    used = set(re.findall(r"[\"']([a-z_0-9]+)[\"']", code))
    used |= {f"page_{page}" for page in PAGES} | {f"verdict_{verdict}" for verdict in VERDICTS}
    values = {column.name: column.values for column in REJECTED}
    used |= {f"{name}_{value}" for name in ("input", "done") for value in values[name]}
    used |= {key for key in WORDS if key.startswith(CODED)}
    used |= {f"work_{key}{end}" for key in LISTS for end in ("", "_note", "_none")}
    for work in LISTS.values():
        values = {name: column.values for name, column in work_lists.columns_of(work).items()}
        coded = [name for name in (*work.shown, work.kind) if name in work_lists.CODES]
        used |= {f"{work_lists.CODES[name]}_{code}" for name in coded for code in values[name]}
    used |= {f"method_{method}" for method in WEIGHTS} | {f"curve_{word}" for word in CURVE_STATES}
    bounds = next(column.values for column in GAP if column.name == "bound")
    used |= {f"bound_{word}" for word in bounds} | {"level_district", "level_park"}
    assert set(WORDS) - used == set()
    said = set(re.findall(r"say\(\s*\"([a-z_0-9]+)\"", code))
    assert said <= set(WORDS)


def test_every_verdict_has_a_word_and_a_colour() -> None:
    assert set(COLOURS) == set(VERDICTS)
    assert all(f"verdict_{verdict}" in WORDS for verdict in VERDICTS)


# --- one roof -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_a_roof_has_its_word(language: Any) -> None:
    for mounting in MOUNTINGS:
        tilt = "" if mounting == "flush" else " 7.5°"
        for orientation in ("portrait", "landscape"):
            for rows in ("axis", "across", "equator", "edge"):
                code = f"{mounting}{tilt} {orientation} {rows}"
                words = roof_words.arrangement(code, language)
                assert tilt.strip() in words
                assert not re.search(r"_|portrait axis|landscape edge", words)
                assert bool(re.search(r"[\u4e00-\u9fff]", words)) == (language == "zh")
    assert all(f"state_{state}" in WORDS for state in STRUCTURE_STATES)
    assert all(f"form_{form}" in WORDS for form in (*ROOF_FORMS, *FORM_SOURCES))
    assert all(f"sun_{day}" in WORDS for day in roof_charts.SUN_DAYS)


def test_arrangements_in_words_worked_by_hand() -> None:
    def words(code: Any, language: Any = "zh") -> str:
        return roof_words.arrangement(code, language)

    assert words("east_west 10° landscape axis") == "东西双坡 10°，组件横放，成排沿屋面长轴"
    assert words("flush portrait axis", "en") == (
        "flush with the roof, modules upright (portrait), rows along the roof axis"
    )
    assert words("screening", "en") == say("by_area", "en")
    assert words(None) == words(float("nan")) == words("") == numbers.DASH
    assert words("glued 3° portrait axis") == "glued 3° portrait axis"
    assert words(HOSTILE[0]) == HOSTILE[0]
    roof = pd.Series({"arrangement_runner_up": "screening", "arrangement_margin_fraction": 0.0357})
    assert roof_words.runner_up(roof, "zh").endswith("（少 3.6 %）")
    assert roof_words.runner_up(pd.Series(dtype=object), "en") == numbers.DASH


def test_a_waterfall_ends_at_the_energy_of_its_place() -> None:
    plan = toy_plan()
    for place in (plan.roofs.iloc[0], plan.parks.iloc[0], plan.city.iloc[0]):
        steps, unit = numbers.waterfall(place)
        factor = {"kWh": 1.0, "MWh": 1e3, "GWh": 1e6}[unit]
        energy = place["energy_ac_kwh_per_year"]
        assert steps["end"].iloc[-1] * factor == pytest.approx(energy, abs=1e-3)
        assert list(steps["step"]) == [*WATERFALL, "ac"]
        assert list(steps["start"].iloc[1:-1]) == list(steps["end"].iloc[:-2])
        assert steps["share"].iloc[0] == "100.0 %"
        assert roof_charts.waterfall(steps, unit, "zh").to_dict()


def test_a_waterfall_worked_by_hand() -> None:
    steps = dict.fromkeys((waterfall_name(step) for step in WATERFALL), 0.0)
    steps |= {"waterfall_horizontal_kwh": 2e6, "waterfall_transposition_kwh": 1e5,
              "waterfall_soiling_kwh": -5e4, "waterfall_clipping_kwh": 0.01}  # fmt: skip
    rows, unit = numbers.waterfall(pd.Series(steps))
    shown = rows.set_index("step")
    assert unit == "MWh"
    assert list(shown.loc["transposition", ["told", "share", "kind"]]) == [
        "+100.0",
        "+5.0 %",
        "gain",
    ]
    assert list(shown.loc["soiling", ["told", "share", "kind"]]) == ["−50.0", "−2.5 %", "loss"]
    assert list(shown.loc["clipping", ["told", "share"]]) == ["0.0", "0.0 %"]
    assert list(shown.loc["ac", ["start", "told", "share"]]) == [0.0, "2,050.0", "102.5 %"]
    assert numbers.waterfall(pd.Series(steps).drop("waterfall_snow_kwh"))[0].empty
    assert numbers.waterfall(pd.Series(steps) * 0.0)[0].empty


def sun_over(noon_azimuth: float) -> pd.DataFrame:
    """A sun that climbs to 60° in June and 30° in December, seen from either hemisphere."""
    turn = np.linspace(-90.0, 90.0, 13)
    days = {172: 60.0, 80: 45.0, 266: 45.0, 356: 30.0}
    times = pd.date_range("2022-01-01 06:00", periods=13, freq="1h", tz="Asia/Shanghai")
    return pd.concat(
        [
            pd.DataFrame(
                {"day": day, "time": times, "azimuth": (noon_azimuth + turn) % 360.0,
                 "elevation_deg": high * np.cos(np.radians(turn))}
            )
            for day, high in days.items()
        ],
        ignore_index=True,
    )  # fmt: skip


@pytest.mark.parametrize(("noon", "middle"), [(180.0, "南"), (0.0, "北")])
def test_the_horizon_has_the_noon_of_winter_in_its_middle(noon: float, middle: str) -> None:
    around = pd.DataFrame(
        {"azimuth": np.arange(72) * 5.0, "elevation_deg": 3.0, "highest_deg": 5.0}
    )
    drawn = roof_charts.horizon(around, sun_over(noon), "zh").to_dict()
    axis = drawn["layer"][0]["encoding"]["x"]
    assert axis["scale"]["domain"] == [-120.0, 120.0]
    shift = re.search(r"datum.value \+ (\d+)", axis["axis"]["labelExpr"])
    assert shift is not None
    assert float(shift[1]) == noon
    assert f"== {noon:.0f} ? '{middle}'" in axis["axis"]["labelExpr"]
    paths = drawn["datasets"][drawn["layer"][0]["data"]["name"]]
    assert {row["bearing"] for row in paths if row["clock"] == "12:00"} == {0.0}
    skyline = drawn["datasets"][drawn["layer"][4]["data"]["name"]]
    bearings = [row["bearing"] for row in skyline]
    assert bearings == sorted(bearings)
    assert bearings[-1] - bearings[0] == 360.0


def infos(app: AppTest) -> list[str]:
    return [element.value for element in app.info]


def test_a_roof_in_the_link_is_shown_with_the_figures_of_the_run(opened: Opened) -> None:
    app = opened("plain", "roof", roof="R000001", lang="en")
    roof = toy_plan().roofs.loc["R000001"]
    shown = metrics(app)
    assert shown["Potential"] == numbers.plain(roof["capacity_dc_kw"], 1, "kWp")
    assert shown["Modules"] == numbers.plain(roof["module_count"])
    assert shown["Sky view"] == "98.7 %"
    assert say("state_needs_survey", "en") in texts(app)
    assert roof_words.arrangement("flush portrait axis", "en") in texts(app)
    assert (app.query_params["park"], app.query_params["roof"]) == ("P1", "R000001")
    assert app.selectbox(key="park-of-roof-en").value == "P1"
    # No city folder belongs to the toy run: the page says so, with the command that helps.
    assert infos(app) == [say("no_folder", "en")]
    assert "python -m pvplan layout" in app.code[0].value


def test_without_a_roof_in_the_link_the_largest_of_the_park_is_shown(opened: Opened) -> None:
    plan = toy_plan()
    app = opened("plain", "roof", park="P2")
    own = plan.roofs[plan.roofs["park_id"] == "P2"]["capacity_dc_kw"]
    assert app.query_params["roof"] == own.idxmax()
    box = app.selectbox(key="roof-of-roof-zh")
    assert box.options[0].endswith(numbers.plain(own.max(), 1, "kWp"))
    assert len(box.options) == len(own)


def test_an_unknown_roof_in_the_link_is_told_and_another_shown(opened: Opened) -> None:
    # The map is opened first: it tells what it does not know; then the page shows another roof.
    app = opened("plain", roof=HOSTILE[0])
    assert [warning.value for warning in app.warning] == [say("unknown_in_link", "zh")]
    assert HOSTILE[0] in "".join(texts(app))
    app.switch_page("pvplan/ui/page_roof.py").run()
    assert app.query_params["roof"] in toy_plan().roofs.index


def test_choosing_park_and_roof_in_the_boxes_changes_the_figures(opened: Opened) -> None:
    plan = toy_plan()
    app = opened("plain", "roof", roof="R000001")
    app.selectbox(key="park-of-roof-zh").set_value("P2").run()
    own = plan.roofs[plan.roofs["park_id"] == "P2"]["capacity_dc_kw"]
    assert app.query_params["roof"] == own.idxmax()
    app.selectbox(key="roof-of-roof-zh").set_value(own.idxmin()).run()
    assert not app.exception
    assert metrics(app)["可装容量"] == numbers.plain(own.min(), 1, "kWp")
    app.segmented_control(key="language").set_value("en").run()
    assert metrics(app)["Potential"] == numbers.plain(own.min(), 1, "kWp")


def test_a_run_by_areas_says_that_it_placed_no_module(opened: Opened, tmp_path: Path) -> None:
    plan = toy_plan()
    roofs = plan.roofs.assign(
        arrangement="screening", arrangement_runner_up=None, structure_state="by_share"
    )
    write_plan(replace(plan, roofs=roofs), tmp_path / "toy")
    app = opened(str(tmp_path), "roof", lang="en")
    assert infos(app) == [say("screening_run", "en")]
    assert {say("by_area", "en"), say("state_by_share", "en")} <= set(texts(app))


def test_a_run_of_an_older_program_shows_dashes(opened: Opened, tmp_path: Path) -> None:
    plan = toy_plan()
    new = [
        name
        for name in plan.roofs.columns
        if re.match("waterfall|arrangement|structure|sky_view|beam_sh|capacity_[nb]", name)
    ]
    older = {
        name: getattr(plan, name).drop(columns=new, errors="ignore")
        for name in ("roofs", "parks", "districts", "city")
    }  # fmt: skip
    write_plan(replace(plan, **older), tmp_path / "toy")
    app = opened(str(tmp_path), "roof", lang="en")
    shown = metrics(app)
    assert shown["Sky view"] == shown["Needs a survey"] == numbers.DASH
    assert texts(app).count(numbers.DASH) == 3
    assert say("no_waterfall", "en") in [caption.value for caption in app.caption]


def test_the_map_page_leads_to_the_roofs_and_shows_the_waterfall(opened: Opened) -> None:
    app = opened("plain", park="P1", lang="en")
    assert say("waterfall_title", "en") in [box.label for box in app.expander]
    assert say("waterfall_note", "en") in [caption.value for caption in app.caption]
    links = [element.proto.label for element in app.main.get("page_link")]
    assert links == [say("roofs_of_park", "en")]
    assert not opened("plain", lang="en").main.get("page_link")


# --- close looks --------------------------------------------------------------------------------


def made_up_study(roof: str) -> Any:
    """What a close look at a roof finds: three modules, a horizon, the sun."""
    import types

    import geopandas as gpd
    from shapely.geometry import box

    east, north, crs = 352_000.0, 3_453_000.0, "EPSG:32651"
    modules = gpd.GeoDataFrame(
        {
            "roof_id": roof, "module_id": [f"{roof}-{at}" for at in (1, 2, 3)],
            "rank": [1, 2, 3], "energy_ac_kwh_per_year": [620.0, 600.0, 420.0],
            "surface_tilt": 10.0, "surface_azimuth": 180.0, "mounting": "racked", "row": 1,
        },
        geometry=[box(east + x, north, east + x + 1.1, north + 2.3) for x in (0, 2, 4)], crs=crs,
    )  # fmt: skip
    outline = box(east - 3, north - 3, east + 12, north + 8)
    roofs = gpd.GeoDataFrame(
        {"capacity_dc_kw": [1.86], "module_count": [3]}, geometry=[outline],
        index=pd.Index([roof], name="roof_id"), crs=crs,
    )  # fmt: skip
    return types.SimpleNamespace(
        roofs=roofs, modules=modules,
        usable=np.array([outline.buffer(-1.5)], dtype=object),
        obstructions=np.array([None], dtype=object),
        bearing=(np.array(["附加恒载 0.50 kN/m²"]), np.array(["added load 0.50 kN/m²"])),
        horizon=pd.DataFrame(
            {"azimuth": np.arange(72) * 5.0, "elevation_deg": 2.0, "highest_deg": 4.0}
        ),
        sun=sun_over(180.0),
    )  # fmt: skip


@dataclass(frozen=True)
class SomeInputs:
    """As much of a city's inputs as a look changes."""

    parks: str | None = "parks"
    districts: str | None = "districts"
    register: str | None = "register"
    irradiance: str | None = "irradiance"
    obstructions: str | None = "obstructions"
    surface_model: str | None = None
    corrections: str | None = None
    crs: Any = None


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], list[Any]]:
    """Put a made-up city in the place of the bundled one; returns what it was opened with."""
    import sys
    import types

    def put(study: Callable[..., Any]) -> list[Any]:
        opened_with: list[Any] = []

        def open_city(inputs: Any, *, user: Any, progress: Callable[[str], None], near: Any) -> Any:
            assert near is None  # this run holds its roofs
            opened_with.append((inputs, user))
            progress("read")
            return types.SimpleNamespace(study=study)

        for name, word, made in (
            ("run", "inputs_of_folder", lambda _folder: SomeInputs()),
            ("opened", "open_city", open_city),
        ):
            module = types.ModuleType(f"pvplan.{name}")
            setattr(module, word, made)
            monkeypatch.setitem(sys.modules, f"pvplan.{name}", module)
        monkeypatch.setattr(looks, "folder_of", lambda _plan: Path("city"))
        st.cache_resource.clear()
        st.cache_data.clear()
        return opened_with

    return put


def looked_at(opened: Opened, folder: str, roof_id: str, **link: str) -> AppTest:
    app = opened(folder, "roof", roof=roof_id, **link)
    job = looks.ask(toy_plan(), Path("city"), roof_id)
    assert job.outcome is not None
    job.outcome.exception(timeout=30)
    app.run()
    assert not app.exception
    return app


def test_a_close_look_brings_modules_horizon_and_files(opened: Opened, looking: Any) -> None:
    opened_with = looking(made_up_study)
    app = looked_at(opened, "plain", "R000001", lang="en")
    assert "added load 0.50 kN/m²" in [text.value for text in app.text]
    assert say("horizon_note", "en") in [caption.value for caption in app.caption]
    assert [button.label for button in app.get("download_button")] == [
        say("layout_geojson", "en"), say("layout_dxf", "en"),
    ]  # fmt: skip
    # The run counted other modules than the program draws now: the page says so.
    assert [warning.value for warning in app.warning] == [f"{say('other_layout', 'en')} 3"]
    app.run()
    ((inputs, user),) = opened_with
    assert user == {"module.power_w": 620.0}
    assert (inputs.parks, inputs.register, inputs.obstructions) == (None, None, None)


def test_a_look_that_fails_names_every_fault_and_can_be_tried_again(
    opened: Opened, looking: Any
) -> None:
    failing = [InputError([HOSTILE[0], "--roof: 'x' is unknown"])]

    def study(roof: str) -> Any:
        if failing:
            raise failing.pop()
        return made_up_study(roof)

    looking(study)
    app = looked_at(opened, "plain", "R000002")
    assert [error.value for error in app.error] == [say("look_failed", "zh")]
    assert {HOSTILE[0], "--roof: 'x' is unknown"} <= set(texts(app))
    app.button[0].click().run()
    app = looked_at(opened, "plain", "R000002")
    assert not app.error


def test_the_layout_comes_down_as_geojson_and_dxf() -> None:
    import json

    import geopandas as gpd

    study = made_up_study("R1")

    def of_roof(shapes: Any) -> gpd.GeoSeries:
        return gpd.GeoSeries(shapes, index=study.roofs.index, crs=study.roofs.crs)

    look = looks.Look(
        study.roofs.iloc[0], {"zh": "", "en": ""}, study.modules,
        of_roof(study.roofs.geometry.to_numpy()), of_roof(study.usable),
        of_roof(study.obstructions), study.horizon, study.sun,
    )  # fmt: skip
    written = json.loads(looks.geojson(look, toy_plan()))
    assert len(written["features"]) == 3
    assert written["pvplan"]["fingerprint"] == "0123456789abcdef"
    assert looks.dxf(look, toy_plan()).lstrip().startswith(b"0")


def test_the_bundled_city_is_known_by_its_files_only() -> None:
    folder = runs.BUNDLED_CITY
    files = [
        {"role": role, "file": name, "sha256": sha256_of(folder / name)}
        for role, name in (("buildings", "buildings.geojson"), ("weather", "weather.csv"))
    ]
    plan = toy_plan()

    def of(city: str, inputs: Any) -> Path | None:
        meta = {**plan.meta, "city": {"id": city}, "inputs": inputs}
        return looks.folder_of(replace(plan, meta=meta))

    assert of("shanghai", files) == folder
    assert of("toy", files) is None
    assert of("shanghai", []) is None
    assert of("shanghai", [{**files[0], "sha256": "ab" * 32}]) is None
    assert of("shanghai", [*files, {"role": "register", "file": "../no.csv", "sha256": ""}]) is None


# --- the code of the pages ----------------------------------------------------------------------


def test_pages_import_only_what_a_face_may() -> None:
    allowed = {
        "run",
        "opened",
        "maps",
        "reports",
        "ledger",
        "assumptions",
        "tables",
        "errors",
        "ui",
    }
    for path in [*UI, ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = (
                [node.module or ""] if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else []
            )  # fmt: skip
            for name in names:
                parts = name.split(".")
                if parts[0] == "pvplan" and len(parts) > 1:
                    # The file of what people correct is written by a page.
                    if name == "pvplan.sources.corrections":
                        continue
                    assert parts[1] in allowed, f"{path.name}: {name}"


def test_pages_never_ask_for_html() -> None:
    for path in [*UI, ROOT / "app.py"]:
        code = path.read_text("utf-8")
        assert "unsafe_allow" not in code, path.name
        for call in re.findall(r"st\.html\((.*?)\)", code):
            assert call == "STYLE", path.name
        for call in re.findall(r"\.markdown\((.*)\)", code):
            assert re.fullmatch(r"f\"(##### |\*\*)\{(view\.)?say\('[a-z_]+'.*\)\}(\*\*)?\"", call)


# --- runs and jobs ------------------------------------------------------------------------------


def test_a_run_that_is_computed_anew_is_read_anew(tmp_path: Path) -> None:
    write_plan(toy_plan(), tmp_path / "toy")
    first = runs.plan_of(tmp_path / "toy")
    assert runs.plan_of(tmp_path / "toy") is first
    write_plan(plan_without_register(), tmp_path / "toy")
    assert runs.plan_of(tmp_path / "toy").parks["gap_dc_kw"].isna().all()


def _finish(job: jobs.Job) -> None:
    assert job.outcome is not None
    job.outcome.exception(timeout=30)


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Plan]], None]:
    """Put another recipe in the place of the real one."""

    def put(work: Callable[..., Plan]) -> None:
        def compute(words: list[str], _: Path, __: Any, tell: Any, *___: Any) -> None:
            out = next(word for word in words if word.startswith("--out="))
            work(Path(words[0]), Path(out.removeprefix("--out=")), words, tell)

        monkeypatch.setattr(limited, "compute", compute)
        st.cache_resource.clear()

    return put


def test_the_button_computes_and_the_page_then_shows_the_run(
    recipe: Any, opened: Opened, tmp_path: Path
) -> None:
    def work(city: Path, out: Path, as_of: Any, progress: Callable[[str], None]) -> Plan:
        assert city == runs.BUNDLED_CITY
        progress("roofs")
        plan = toy_plan()
        write_plan(plan, out)
        return plan

    recipe(work)
    app = opened(str(tmp_path / "runs"))
    app.button[0].click().run()
    job = jobs.find(tmp_path / "runs" / "shanghai")
    if job is not None:
        _finish(job)
    app.run()
    assert not app.exception
    assert "示例市" in texts(app)
    assert not app.button


def test_a_run_that_fails_names_every_fault_and_can_be_tried_again(
    recipe: Any, opened: Opened, tmp_path: Path
) -> None:
    def work(*_: Any) -> Plan:
        raise InputError([HOSTILE[0], "weather.csv: 8761 rows"])

    recipe(work)
    app = opened(str(tmp_path / "runs"))
    app.button[0].click().run()
    job = jobs.find(tmp_path / "runs" / "shanghai")
    assert job is not None
    _finish(job)
    app.run()
    assert [error.value for error in app.error] == [say("compute_failed", "zh")]
    assert {HOSTILE[0], "weather.csv: 8761 rows"} <= set(texts(app))
    assert len(app.button) == 1


def test_a_fault_of_the_program_shows_no_inner_words(
    recipe: Any, opened: Opened, tmp_path: Path
) -> None:
    def work(*_: Any) -> Plan:
        raise ZeroDivisionError("secret")

    recipe(work)
    app = opened(str(tmp_path / "runs"))
    app.button[0].click().run()
    job = jobs.find(tmp_path / "runs" / "shanghai")
    assert job is not None
    _finish(job)
    app.run()
    assert say("unexpected", "zh") in texts(app)
    assert not any("secret" in text for text in texts(app))


def test_one_folder_is_computed_once_at_a_time(recipe: Any, tmp_path: Path) -> None:
    import datetime
    import threading

    gate, calls = threading.Event(), []

    def work(city: Path, out: Path, as_of: Any, progress: Callable[[str], None]) -> Plan:
        calls.append(out)
        gate.wait(20)
        return toy_plan()

    recipe(work)
    day = datetime.date(2026, 11, 22)
    first = jobs.start(jobs.Order(tmp_path, tmp_path / "out", day))
    second = jobs.start(jobs.Order(tmp_path, tmp_path / "out", day))
    assert first is second
    assert first.running
    gate.set()
    _finish(first)
    assert calls == [tmp_path / "out"]
    assert not first.running
    jobs.forget(tmp_path / "out")
    assert jobs.find(tmp_path / "out") is None

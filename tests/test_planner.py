"""The planner's page without a browser: cities, assumptions, runs, comparison, tables."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pvplan.assumptions import load
from pvplan.reports.output import FILES, write_plan
from pvplan.reports.reading import read_plan
from pvplan.reports.separated import FINGERPRINT, plain_bytes
from pvplan.tables import Plan
from pvplan.ui import (
    assumed_form,
    bundle,
    chosen_columns,
    desks,
    limited,
    numbers,
    runs,
    scenarios,
    watched,
)
from pvplan.ui.words import LANGUAGES, WORDS, say
from tests.plans import NASTY, toy_plan
from tests.shown import app_at, hostile_plan, ledger_plan

Opened = Callable[..., AppTest]


def cheaper_plan() -> Plan:
    """Return the toy plan with another cost and less of it, as another scenario."""
    plan = ledger_plan()
    city = plan.city.assign(
        capacity_dc_kw=plan.city["capacity_dc_kw"] + 1000.0, capex_cny=plan.city["capex_cny"] / 2.0
    )
    entries = [
        {**entry, "value": 3.0 if number == 0 else entry["value"]}
        for number, entry in enumerate(plan.meta["assumptions"])
    ]
    meta = {**plan.meta, "assumptions": entries, "fingerprint": "fedcba9876543210"}
    return replace(plan, city=city, meta=meta)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("planned")
    write_plan(ledger_plan(), root / "runs" / "first")
    write_plan(cheaper_plan(), root / "runs" / "second")
    write_plan(hostile_plan(), root / "hostile" / "toy")
    (root / "empty").mkdir()
    return root


@pytest.fixture
def opened(folders: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Opened:
    monkeypatch.setenv("PVPLAN_DESKS", str(tmp_path / "desks"))
    monkeypatch.delenv("PVPLAN_CITIES", raising=False)
    st.cache_resource.clear()

    def open_page(folder: str = "runs", **link: str) -> AppTest:
        monkeypatch.setenv("PVPLAN_RUNS", str(folders / folder))
        return app_at("plan", link, patience_s=90)

    return open_page


def texts(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in app.text)


def settled(app: AppTest, done: Callable[[], bool]) -> AppTest:
    import time

    for _ in range(100):
        if done():
            break
        time.sleep(0.1)
    app.run()
    assert not app.exception, app.exception
    return app


# --- assumptions --------------------------------------------------------------------------------


def test_every_assumption_has_a_topic_and_every_topic_a_word() -> None:
    entries = assumed_form.base().entries
    topics = {assumed_form.topic_of(key) for key in entries}
    assert topics == set(assumed_form.TOPICS)
    assert set(assumed_form.TOPICS.values()) <= set(WORDS)
    assert set(load().entries) <= set(entries)
    assert sum(len(assumed_form.found_by(entries, topic, "")) for topic in topics) == len(entries)


def test_a_search_finds_words_of_both_languages_and_units() -> None:
    entries = assumed_form.base().entries
    for search in ("单位投资", "CAPITAL cost", "finance.capex_cny_per_kw_dc"):
        found = [entry.key for entry in assumed_form.found_by(entries, None, search)]
        assert "finance.capex_cny_per_kw_dc" in found
    assert assumed_form.found_by(entries, "tariff", "capex") == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_out_of_bounds_is_refused_and_the_bounds_are_named(language: Any) -> None:
    entry = assumed_form.base().entries["finance.capex_cny_per_kw_dc"]
    for typed in ("99999", "-1", "nan", "inf", "1e999", "__import__('os')", "=1+1", "2500; x"):
        fault = assumed_form.fault_of(entry, typed, language)
        assert fault is not None
        assert f"{entry.low:g}" in fault
        assert f"{entry.high:g}" in fault
        assert typed in fault
    assert assumed_form.fault_of(entry, "2500", language) is None
    assert assumed_form.fault_of(entry, "9" * 500, language)


@pytest.mark.long
def test_every_default_can_be_typed_as_it_is_shown() -> None:
    for entry in assumed_form.base().entries.values():
        typed = assumed_form.as_text(entry.value)
        assert assumed_form.same(entry, typed), entry.key
        if typed:
            assert assumed_form.fault_of(entry, typed, "en") is None, entry.key


def test_a_scenario_is_the_base_that_changes_are_held_against() -> None:
    plain, cheap = assumed_form.base(), assumed_form.base(None, "low_cost_2026")
    key = "finance.capex_cny_per_kw_dc"
    assert plain.entries[key].value != cheap.entries[key].value
    assert cheap.entries[key].layer == "scenario"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_typed_value_counts_and_can_be_taken_back(opened: Opened, language: Any) -> None:
    app = opened(lang=language)
    key = "finance.capex_cny_per_kw_dc"
    app.text_input(key=f"value-{key}").set_value("99999").run()
    assert [error.value for error in app.error] == [say("value_refused", language)]
    assert "500 … 20000 CNY/kW" in texts(app)
    assert app.session_state["assumed-changed"] == {}
    app.text_input(key=f"value-{key}").set_value("2500").run()
    assert not app.error
    assert app.session_state["assumed-changed"] == {key: "2500"}
    assert f"{key} = 2500" in texts(app)
    app.button(key=f"reset-{key}").click().run()
    assert app.session_state["assumed-changed"] == {}
    assert app.text_input(key=f"value-{key}").value == "3000"
    assert not app.exception


def test_changes_outlive_another_topic_and_another_language(opened: Opened) -> None:
    app = opened()
    app.text_input(key="value-finance.opex_cny_per_kw_dc_per_year").set_value("55").run()
    app.selectbox(key="topic-zh").set_value("goals").run()
    goal = next(
        box
        for box in app.selectbox
        if str(box.key).endswith("cover50_2030.enabled")
        or (str(box.key).startswith("value-goals.") and str(box.key).endswith(".enabled"))
    )
    before = goal.value
    goal.set_value("false" if before == "true" else "true").run()
    assert len(app.session_state["assumed-changed"]) == 2
    app.segmented_control(key="language").set_value("en").run()
    assert len(app.session_state["assumed-changed"]) == 2
    assert app.selectbox(key="topic-en").value == "goals"
    app.button(key="reset-all").click().run()
    assert app.session_state["assumed-changed"] == {}


# --- runs ---------------------------------------------------------------------------------------


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Put a quick recipe in the place of the real one, and keep the words that it got."""
    asked: list[list[str]] = []

    def compute(words: list[str], _: Path, __: Any, tell: Any, *___: Any) -> None:
        asked.append(list(words))
        tell("assess 5/12")
        out = next(word.removeprefix("--out=") for word in words if word.startswith("--out="))
        write_plan(cheaper_plan(), Path(out))

    monkeypatch.setattr(limited, "compute", compute)
    return asked


def test_a_run_is_made_of_scenario_and_changes_and_is_the_visitors_own(
    opened: Opened, computed: list[list[str]], tmp_path: Path
) -> None:
    app = opened(lang="en")
    app.selectbox(key="scenario-en").set_value("low_cost_2026").run()
    app.text_input(key="value-finance.lifetime_years").set_value("20").run()
    app.text_input(key="run-name").set_value("../../ =cmd|x").run()
    app.button(key="compute-city").click().run()
    (desk,) = (tmp_path / "desks").iterdir()
    out = desk / "runs" / "cmd-x"
    settled(app, (out / "run.json").is_file)
    (words,) = computed
    assert words[0] == str(runs.BUNDLED_CITY)
    assert "--scenario=low_cost_2026" in words
    assert "--set=finance.lifetime_years=20" in words
    assert f"--out={out}" in words
    settled(app, lambda: True)
    assert app.query_params["run"] in ("own/cmd-x", ["own/cmd-x"])
    assert app.button(key="show-own/cmd-x").label == "Show"
    # Another visitor does not see it, and the folder for all does not hold it.
    other = opened(lang="en")
    labels = [str(option) for box in other.selectbox for option in box.options]
    assert not [label for label in labels if "cmd-x" in label]
    # The same visitor does after a reload: the link holds the secret.
    again = opened(lang="en", desk=desk.name)
    assert again.button(key="show-own/cmd-x")
    app.button(key="remove-own/cmd-x").click().run()
    assert not out.exists()


def test_a_run_that_breaks_down_is_told_in_words(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*_: Any) -> None:
        raise limited.Broken("memory")

    monkeypatch.setattr(limited, "compute", compute)
    app = opened()
    app.button(key="compute-city").click().run()
    settled(app, lambda: True)
    assert say("broken_memory", "zh") in texts(app)


def test_without_any_run_the_planner_can_still_compute(opened: Opened) -> None:
    app = opened("empty", lang="en")
    assert app.button(key="compute-city").label == "Compute"
    assert say("page_plan", "en") in [element.value for element in app.subheader]


def test_the_owners_cities_are_offered(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("here", "broken"):
        (tmp_path / "cities" / name).mkdir(parents=True)
    here = tmp_path / "cities" / "here"
    (here / "b.geojson").write_text("{}")
    (here / "city.toml").write_text(
        '[city]\nname_zh = "甲市"\nname_en = "City A"\n[inputs]\nbuildings = "b.geojson"\n'
        '[assumptions]\n"finance.capex_cny_per_kw_dc" = 2222.0\n'
        '[scenarios.own]\nname_zh = "甲"\nname_en = "own one"\nset = {}\n'
    )
    (tmp_path / "cities" / "broken" / "city.toml").write_text("[city")
    monkeypatch.setenv("PVPLAN_CITIES", str(tmp_path / "cities"))
    app = opened(lang="en")
    box = app.selectbox(key="plan-city-en")
    assert [option for option in box.options if "City A" in option]
    assert not [option for option in box.options if "broken" in option]
    box.set_value("1").run()
    assert "own one" in app.selectbox(key="scenario-en").options
    assert app.text_input(key="value-finance.capex_cny_per_kw_dc").value == "2222"


def test_an_upload_that_is_refused_says_why_as_text(opened: Opened) -> None:
    app = opened(lang="en")
    app.selectbox(key="plan-city-en").set_value("uploaded").run()
    assert app.button(key="compute-city").disabled
    assert say("upload_buildings_first", "en") in [element.value for element in app.info]
    name = "<img src=x onerror=alert(1)>.geojson"
    app.file_uploader(key="upload-buildings-0").set_value((name, b"<OGRVRT>", "")).run()
    assert not app.exception
    assert say("upload_refused", "en") in [error.value for error in app.error]
    assert name in texts(app)
    app.file_uploader(key="upload-buildings-1").set_value((name, b"{}", "")).run()
    assert not app.error
    assert f"✓ {name}" in texts(app)
    assert not app.button(key="compute-city").disabled
    app.text_input(key="crs-buildings-en").set_value("mars").run()
    assert "EPSG:4326" in texts(app)
    app.selectbox(key="datum-buildings-en").set_value("gcj02").run()
    app.button(key="drop-buildings").click().run()
    assert app.button(key="compute-city").disabled


def test_stages_are_told_in_words() -> None:
    for language in LANGUAGES:
        assert watched.stage_told("assess 5/12", language).startswith(say("stage_assess", language))
        assert "5 / 12" in watched.stage_told("assess 5/12", language)
        assert watched.stage_told("plan.gpkg", language).endswith("plan.gpkg")
        assert watched.stage_told("", language) == say("stage_start", language)
    assert watched.share_done("assess 3/12") == pytest.approx(0.25)
    assert watched.share_done("plan") is None


# --- comparison ---------------------------------------------------------------------------------


def test_runs_side_by_side_worked_by_hand() -> None:
    plans = {"a": ledger_plan(), "b": cheaper_plan()}
    goal = str(plans["a"].goals["goal_id"].iloc[0])
    table = scenarios.city_table(plans, goal, "en")
    first = plans["a"].city["capacity_dc_kw"].iloc[0] / 1000.0
    assert table.loc["potential", "a"] == pytest.approx(first)
    assert table.loc["potential", "b"] == pytest.approx(first + 1.0)
    told = scenarios.told(table, "en").set_index("quantity")
    assert told.loc["Potential", "Δ b"] == "+1.00"
    half = numbers.plain(-plans["a"].city["capex_cny"].iloc[0] / 2e6, 1)
    assert told.loc["Cost of all potential", "Δ b"] == half
    apart = scenarios.assumed_apart(plans, "en")
    assert len(apart) == 1
    assert (apart["a"].iloc[0], apart["b"].iloc[0]) == ("2", "3")
    assert scenarios.assumed_apart({"a": plans["a"], "c": plans["a"]}, "en").empty
    drawn = scenarios.bars(table, "en")
    assert set(drawn["run"]) == {"a", "b"}
    assert len(drawn) == 8


@pytest.mark.parametrize("level", ["district", "park"])
def test_places_side_by_side_come_down_without_formulas(level: str) -> None:
    plans = {"=cmd|'/c calc'!A0": hostile_plan(), "+b": cheaper_plan()}
    table = scenarios.level_table(plans, level, None, "en")
    places = plans["+b"].parks if level == "park" else plans["+b"].districts
    assert set(places.index.astype(str)) <= set(table["place_id"].astype(str))
    text = plain_bytes(table.assign(place=[NASTY[1]] * len(table))).decode("utf-8-sig")
    for line in text.splitlines():
        for cell in line.split(","):
            assert not cell.strip('"').startswith(("=", "+", "@")), cell
    heads = plain_bytes(pd.DataFrame({"=x": ["=y"], "ok": [-1.5]})).decode("utf-8-sig")
    assert heads.splitlines() == ["'=x,ok", "'=y,-1.5"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_compares_two_runs(opened: Opened, language: Any) -> None:
    app = opened(lang=language, part="compare")
    assert len(app.multiselect[0].value) == 2
    table = app.dataframe[0].value
    assert say("potential", language) in list(table["quantity"])
    assert any(str(column).startswith("Δ ") for column in table.columns)
    app.multiselect[0].set_value([]).run()
    assert say("compare_needs_two", language) in [element.value for element in app.info]


# --- tables -------------------------------------------------------------------------------------


def test_columns_and_rows_are_chosen() -> None:
    plan = toy_plan(250)
    chosen = chosen_columns.choose(
        plan, "roofs", ["name", "capacity_dc_kw"], district="310115", park="P1"
    )
    rows = plan.roofs[(plan.roofs["district_id"] == "310115") & (plan.roofs["park_id"] == "P1")]
    assert list(chosen.table.columns) == ["name", "capacity_dc_kw"]
    assert list(chosen.table.index) == list(rows.index)
    every = chosen_columns.choose(plan, "roofs", ["name"])
    assert every.pages == 3
    assert [len(every.page(number)) for number in (0, 1, 2, 3, 99)] == [100, 100, 100, 50, 50]
    parks = chosen_columns.choose(plan, "parks", ["roof_count"], district="310115")
    assert set(parks.table.index) <= set(plan.parks.index)
    goals = chosen_columns.choose(plan, "goals", ["verdict"], goal="none")
    assert len(goals.table) == 0
    assert goals.pages == 1


def test_only_a_page_of_a_large_table_is_shown_and_all_of_it_comes_down() -> None:
    plan = toy_plan(1000)
    chosen = chosen_columns.choose(plan, "roofs", ["name", "capacity_dc_kw"])
    assert len(chosen.page(1)) == chosen_columns.ROWS_SHOWN
    lines = chosen_columns.as_csv(chosen, "0123").decode("utf-8-sig")
    table = pd.read_csv(io.StringIO(lines), dtype=str)
    assert list(table.columns) == ["roof_id", "name", "capacity_dc_kw", FINGERPRINT]
    assert len(table) == 1000
    assert not table["name"].dropna().str.match(r"[=+@]").any()


@pytest.mark.parametrize("name", list(chosen_columns.OFFERED))
def test_every_cell_offered_has_a_reference(name: str) -> None:
    from pvplan.reports.explain import explain, reference_of

    plan = ledger_plan()
    columns = [c for c in chosen_columns.OFFERED[name] if c in chosen_columns.offered(plan, name)]
    chosen = chosen_columns.choose(plan, name, columns)
    labels = chosen_columns.row_labels(plan, chosen, chosen.page(1), "en")
    assert list(labels) == list(chosen.page(1).index)
    label = next(iter(labels))
    for column in columns:
        found = explain(plan, reference_of(plan, name, column, label), depth=0)
        assert found.reference.split(":")[1] == column


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_chosen_columns_and_explains_a_cell(opened: Opened, language: Any) -> None:
    app = opened(lang=language, part="tables")
    columns = next(box for box in app.multiselect if str(box.key).startswith("columns-parks"))
    columns.set_value(["capacity_dc_kw"]).run()
    assert list(app.dataframe[0].value.columns) == ["park_id", "capacity_dc_kw"]
    row = next(box for box in app.selectbox if str(box.key).startswith("cell-row"))
    row.set_value("P1").run()
    column = next(box for box in app.selectbox if str(box.key).startswith("cell-column"))
    column.set_value("capacity_dc_kw").run()
    assert not app.exception
    assert "parks.csv:capacity_dc_kw:P1" in texts(app)


def test_hostile_names_are_letters_in_every_part(opened: Opened) -> None:
    for part in ("compute", "compare", "tables"):
        app = opened("hostile", part=part, lang="en")
        kinds = (app.markdown, app.caption, app.subheader, app.error, app.info)
        for kind in kinds:
            for element in kind:
                assert "onerror" not in str(element.value)
                assert "](https://outside" not in str(element.value)


# --- downloads, cities, folders -----------------------------------------------------------------


def test_all_files_come_in_one_zip(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folders / "runs" / "first"
    with zipfile.ZipFile(io.BytesIO(bundle.zipped(folder, FILES))) as archive:
        assert {Path(name).name for name in archive.namelist()} == set(FILES)
        for name in FILES:
            assert archive.read(f"first/{name}") == (folder / name).read_bytes()
    monkeypatch.setattr(bundle, "MOST_BYTES", 10)
    assert bundle.size_of(folder, FILES) is None


def test_a_run_of_ones_own_is_known_as_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVPLAN_DESKS", str(tmp_path / "desks"))
    assert runs.is_private(desks.root() / "x" / "runs" / "y")
    assert not runs.is_private(tmp_path / "runs" / "y")


def test_a_finished_plan_reads_back_for_the_comparison(folders: Path) -> None:
    found = read_plan(folders / "runs" / "second")
    assert found.meta["fingerprint"] == "fedcba9876543210"

"""The page of one roof: facts estimated and actual, the form, and what the corrections change."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pvplan.opened import open_city
from pvplan.reports.output import write_plan
from pvplan.run import inputs_of_folder, run_city, write_run
from pvplan.sources.corrections import append_corrections, read_corrections, rows_of
from pvplan.tables import FACTS, Plan, names
from pvplan.ui import facts, looks, park_states, people, runs
from pvplan.ui.words import LANGUAGES, WORDS, say
from tests.conftest import ROOT
from tests.plans import toy_plan
from tests.shown import HOSTILE, hostile_plan
from tests.test_facts import AS_OF, folder, row

__all__ = ["folder"]

Opened = Callable[..., AppTest]
ROOF = "R000001"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Open the page of a roof of some plan; its runs folder is the test's own."""
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.setenv("PVPLAN_RUNS", str(tmp_path))

    def open_page(plan: Plan | None = None, roof: str = ROOF, lang: str = "en") -> AppTest:
        if plan is not None:
            write_plan(plan, tmp_path / "toy")
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.query_params["lang"], app.query_params["roof"] = lang, roof
        app.run()
        app.session_state["roof"] = roof
        app.switch_page("pvplan/ui/page_roof.py").run()
        assert not app.exception, app.exception
        return app

    return open_page


def file_of(tmp_path: Path, plan: Plan) -> Path:
    return facts.file_of(plan, tmp_path / "toy")


def choose_fact(app: AppTest, fact: str, language: str = "en") -> AppTest:
    box = app.selectbox(key=f"fact-{language}")
    box.set_value(fact).run()
    assert not app.exception, app.exception
    return app


def button(app: AppTest, word: str, language: Any = "en") -> Any:
    return next(one for one in app.button if one.label == say(word, language))


def texts(app: AppTest) -> list[str]:
    return [element.value for element in app.text]


def shown(app: AppTest, head: str) -> pd.DataFrame:
    return next(frame.value for frame in app.dataframe if head in frame.value.columns)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_has_its_form(opened: Opened, language: Any) -> None:
    app = opened(toy_plan(), lang=language)
    for fact in names(FACTS):
        choose_fact(app, fact, language)
        assert button(app, "record_it", language)
    table = shown(app, "estimate_from")
    assert table["fact"].tolist() == [say(facts.NAMES[fact], language) for fact in names(FACTS)]


def test_a_height_is_recorded_with_estimate_name_and_evidence(
    opened: Opened, tmp_path: Path
) -> None:
    plan = toy_plan()
    app = choose_fact(opened(plan), "height_m")
    app.number_input(key=f"value-height_m-{ROOF}-en").set_value(23.5)
    app.text_area(key=f"evidence-height_m-{ROOF}").set_value(HOSTILE[0])
    button(app, "record_it").click().run()
    assert not app.exception, app.exception
    assert say("recorded_done", "en") in [one.value for one in app.success]
    (kept,) = rows_of(file_of(tmp_path, plan)).to_dict("records")
    assert (kept["roof_id"], kept["fact"], kept["value"]) == (ROOF, "height_m", "23.5")
    assert kept["evidence"] == HOSTILE[0]
    assert float(kept["estimate"]) == plan.roofs.loc[ROOF, "height_m"]
    assert kept["estimate_source"] == plan.roofs.loc[ROOF, "height_source"]
    assert kept["recorded_by"]
    row_shown = shown(app, "estimate_from").set_index("fact").loc[say("fact_height", "en")]
    assert row_shown["actual"] == "23.5 m"
    assert row_shown["estimate"] != "23.5 m"
    # The city of this run is not at hand: it says so, and how to count the correction.
    assert say("recount_no_folder", "en") in [one.value for one in app.info]
    assert any("--corrections" in code.value for code in app.code)
    button(app, "take_fact_back").click().run()
    assert len(rows_of(file_of(tmp_path, plan))) == 2
    assert read_corrections(file_of(tmp_path, plan)).holding.empty
    assert say("recount_no_folder", "en") not in [one.value for one in app.info]


def test_without_evidence_or_value_nothing_is_written(opened: Opened, tmp_path: Path) -> None:
    app = choose_fact(opened(toy_plan()), "surveyed_load_kn_per_m2")
    button(app, "record_it").click().run()
    assert say("grounds_needed", "en") in [one.value for one in app.error]
    app.text_area(key=f"evidence-surveyed_load_kn_per_m2-{ROOF}").set_value("report 7")
    button(app, "record_it").click().run()
    assert say("value_needed", "en") in [one.value for one in app.error]
    assert not file_of(tmp_path, toy_plan()).exists()


def test_an_outline_of_no_corners_is_refused(opened: Opened, tmp_path: Path) -> None:
    app = choose_fact(opened(toy_plan()), "obstruction")
    app.session_state["kept-obstruction-kind"] = "outline"
    app.run()
    app.text_area(key=f"outline-{ROOF}").set_value("121.1 x")
    app.text_area(key=f"evidence-obstruction-{ROOF}").set_value("photograph 3")
    button(app, "record_it").click().run()
    assert say("outline_wrong", "en") in [one.value for one in app.error]
    assert not file_of(tmp_path, toy_plan()).exists()


def test_who_may_not_write_sees_why_and_no_form(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "current", lambda: people.Person("", "viewer", "shared"))
    app = opened(toy_plan())
    assert not [one for one in app.button if one.label == say("record_it", "en")]
    assert shown(app, "estimate_from") is not None
    with pytest.raises(people.NotAllowedError):
        facts.record(Path("never"), ROOF, "height_m", "9", "x", ("", ""))
    assert not Path("never").exists()


def test_a_broken_file_is_told_and_the_page_still_stands(opened: Opened, tmp_path: Path) -> None:
    path = file_of(tmp_path, toy_plan())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe not a table")
    app = opened(toy_plan())
    assert say("corrections_broken", "en") in [one.value for one in app.error]
    assert app.metric


def test_hostile_words_stay_words(opened: Opened, tmp_path: Path) -> None:
    plan = hostile_plan()
    roof_id = str(plan.roofs["capacity_dc_kw"].idxmax())
    append_corrections(
        file_of(tmp_path, plan),
        [row(roof_id, "name", word[:200], evidence=word, recorded_by=word) for word in HOSTILE],
    )
    app = opened(plan, roof_id)
    kinds = (app.markdown, app.caption, app.info, app.error, app.success)
    marked = "\n".join(str(one.value) for kind in kinds for one in kind)
    assert not [word for word in HOSTILE if word in marked]
    assert shown(app, "actual_by")["actual_by"].isin(HOSTILE).any()


def test_a_city_of_a_strange_name_keeps_its_own_file(tmp_path: Path) -> None:
    plan = toy_plan()
    for name in ("../../etc/passwd", "a/b", "上海", ""):
        strange = replace(plan, meta={**plan.meta, "city": {"id": name}})
        path = facts.file_of(strange, tmp_path / "toy")
        assert path.parent == runs.runs_folder() / facts.FOLDER


def test_states_of_a_park_sum_to_what_stands_and_could(tmp_path: Path) -> None:
    park = toy_plan().parks.iloc[0]
    rows = park_states.rows_of(park, "en")
    columns = [column for _, column, _ in park_states.STATES]
    assert rows["kilowatts"].sum() == pytest.approx(park[columns].astype(float).sum())
    assert not rows["what"].duplicated().any()


def test_every_source_of_a_fact_has_its_word() -> None:
    assert set(facts.NAMES) == set(names(FACTS))
    assert set(facts.NAMES.values()) | set(facts.FROM.values()) <= set(WORDS)


# --- with the city at hand ----------------------------------------------------------------------


@pytest.mark.long
def test_the_recount_on_the_page_is_the_full_run(
    folder: Path, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = run_city(inputs_of_folder(folder), as_of=AS_OF)
    write_run(plan, tmp_path / "toy")
    monkeypatch.setenv("PVPLAN_CITIES", str(folder))
    path = file_of(tmp_path, plan)
    append_corrections(path, [row("b02", "roof_form", "flat_concrete")])
    app = opened(None, "b02")
    for _ in range(60):
        if app.table and any("survey_if" in frame.value.columns for frame in app.dataframe):
            break
        time.sleep(0.5)
        app.run()
    assert not app.exception, app.exception
    inputs = replace(inputs_of_folder(folder), corrections=path)
    whole = run_city(inputs, as_of=AS_OF)
    table = app.table[0].value
    expected = facts.compared(
        plan.roofs.loc["b02", list(COLUMNS)].to_dict(),
        whole.roofs.loc["b02", list(COLUMNS)].to_dict(),
        "en",
    )
    pd.testing.assert_frame_equal(table, expected)
    # The survey tries every form but the one that is known now.
    tried = shown(app, "survey_if")
    assert say("fact_roof_form", "en") not in tried["fact"].tolist()
    assert say("fact_load", "en") in tried["fact"].tolist()


COLUMNS = ("capacity_dc_kw", "energy_ac_kwh_per_year")


def test_a_look_with_corrections_is_not_the_look_of_the_run(folder: Path) -> None:
    city = open_city(inputs_of_folder(folder))
    rows = pd.DataFrame(
        [row("b02", "roof_form", "flat_concrete")], index=pd.RangeIndex(1, 2), dtype=object
    )
    before, after = city.study(roof="b02"), city.corrected(rows).study(roof="b02")
    assert len(before.modules) != len(after.modules)
    assert looks._state(None) == ""
    assert looks._state(rows) != looks._state(rows.iloc[:0])

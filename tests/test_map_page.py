"""The page of the map without a browser: what the link, the choosers and the way back do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pvplan.reports.output import write_plan
from pvplan.tables import OUTSIDE_PARKS, Plan
from pvplan.ui import map_figures, map_tiles, numbers
from pvplan.ui.words import LANGUAGES, say
from tests.conftest import ROOT
from tests.plans import toy_plan
from tests.shown import HOSTILE, app_at, hostile_plan, ledger_plan, plan_without_register

Opened = Callable[..., AppTest]
CALL = re.compile(r'pvplan\.(\w+)\(\w+, JSON\.parse\("((?:[^"\\]|\\.)*)"\)')


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("mapped")
    plans = {
        "plain": toy_plan(), "ledger": ledger_plan(), "bare": plan_without_register(),
        "hostile": hostile_plan(),
    }  # fmt: skip
    for name, plan in plans.items():
        write_plan(plan, root / name / "toy")
    return {name: root / name for name in plans}


@pytest.fixture
def opened(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Opened:
    def open_page(folder: str, **link: str) -> AppTest:
        monkeypatch.setenv("PVPLAN_RUNS", str(folders[folder]))
        return app_at("map", link)

    return open_page


def drawn(app: AppTest) -> dict[str, Any]:
    """Return what the map was handed, by function of the drawing code."""
    (component,) = [
        element for element in app.main.get("component_instance")
        if "st_folium" in element.proto.component_name
    ]  # fmt: skip
    arguments = json.loads(component.proto.json_args)
    script = arguments["script"] + arguments["feature_group"]
    return {name: json.loads(json.loads(f'"{text}"')) for name, text in CALL.findall(script)}


def texts(app: AppTest) -> list[str]:
    return [element.value for element in app.text]


def warnings(app: AppTest) -> list[str]:
    return [element.value for element in app.warning]


def metrics(app: AppTest) -> dict[str, str]:
    return {element.label: element.value for element in app.metric}


# --- what colours the places --------------------------------------------------------------------


def test_the_city_is_first_seen_by_the_gap_of_its_parks(opened: Opened) -> None:
    app = opened("plain")
    found, plan = drawn(app), toy_plan()
    assert found["places"]["level"] == "park"
    assert found["places"]["legend"]["title"] == "差距（MW）"
    for park_id in ("P1", "P2"):
        gap = numbers.capacity(plan.parks.loc[park_id, "gap_dc_kw"], unit="")
        assert found["places"]["places"][park_id]["label"] == gap
    assert found["view"]["bounds"] is None
    assert "roofs" not in found
    assert app.query_params["colour"] == "gap"
    assert app.query_params["level"] == "park"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("colour", ["gap", "used", "pace", "potential"])
@pytest.mark.parametrize("level", ["district", "park"])
def test_each_colour_has_a_legend_with_its_unit_and_a_value_at_each_place(
    opened: Opened, colour: str, level: str, language: Any
) -> None:
    goal = "industrial_1gw_2025" if colour != "pace" else "city_7gw_2030"
    found = drawn(opened("ledger", colour=colour, level=level, lang=language, goal=goal))
    plan = ledger_plan()
    table = map_figures.table_of(plan, level)
    shown = colour
    if colour == "pace":
        # The goal has no account by park or district: the potential stands for it.
        shown = "potential"
    told = found["places"]
    assert told["level"] == level
    title = say(map_figures.LEGENDS[shown], language).format(unit="MW")
    assert told["legend"]["title"] == title
    assert re.search(r"MW|%", title)
    assert set(told["places"]) == {str(i) for i in table.index[table.geometry.notna()]}
    for place_id, place in told["places"].items():
        row = table.loc[place_id]
        if shown == "used":
            share = float(row["used_potential_fraction"])
            assert place["label"] == numbers.percent(share).removesuffix(" %")
        if shown == "potential":
            assert place["label"] == numbers.capacity(row["capacity_dc_kw"], unit="")


def test_the_pace_is_told_in_per_cent_where_it_is_known(opened: Opened, tmp_path: Path) -> None:
    plan = ledger_plan()
    gap = plan.gap_parks.assign(pace_ratio=[0.25, 0.5, np.nan][: len(plan.gap_parks)])
    write_plan(replace(plan, gap_parks=gap), tmp_path / "toy")
    rows = gap.set_index("place_id")["pace_ratio"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PVPLAN_RUNS", str(tmp_path))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        app.query_params["colour"] = "pace"
        app.query_params["goal"] = str(gap["goal_id"].iloc[0])
        app.run()
        told = drawn(app)["places"]
    assert told["legend"]["title"] == say("pace_legend", "zh")
    for park_id, place in told["places"].items():
        missing = np.isnan(rows[park_id])
        assert place["pattern"] == ("hatch" if missing else "")
        wanted = numbers.DASH if missing else f"{100 * rows[park_id]:.1f}"
        assert place["label"] == wanted


def test_where_nothing_is_known_the_potential_is_drawn_and_the_page_says_so(
    opened: Opened,
) -> None:
    for colour, word in (("used", "used_not_assessable"), ("gap", "gap_not_assessable")):
        app = opened("bare", colour=colour)
        assert drawn(app)["places"]["legend"]["title"] == "可装容量（MW）"
        assert say(word, "zh") in [caption.value for caption in app.caption]
    assert say("used_not_assessable", "zh") not in [c.value for c in opened("plain").caption]


def test_the_choosers_change_the_map_and_the_link(opened: Opened) -> None:
    app = opened("plain")
    app.segmented_control(key="map-colour-zh").set_value("used").run()
    assert drawn(app)["places"]["legend"]["title"] == say("used_legend", "zh")
    assert app.query_params["colour"] == "used"
    app.segmented_control(key="map-level-zh").set_value("district").run()
    assert drawn(app)["places"]["level"] == "district"
    assert app.query_params["level"] == "district"
    app.segmented_control(key="language").set_value("en").run()
    assert drawn(app)["places"]["legend"]["title"] == say("used_legend", "en")
    assert app.segmented_control(key="map-level-en").value == "district"


# --- districts, parks, roofs --------------------------------------------------------------------


def test_a_district_in_the_link_shows_its_figures_and_its_parks_only(opened: Opened) -> None:
    app, plan = opened("ledger", district="310112"), ledger_plan()
    inside = map_figures.parks_in(plan, "310112")
    own = plan.roofs[plan.roofs["district_id"] == "310112"]
    assert inside == set(own["park_id"])
    row = plan.districts.loc["310112"]
    assert "闵行区" in texts(app)
    assert metrics(app)["可装容量 (MW)"] == numbers.capacity(row["capacity_dc_kw"], unit="")
    assert set(app.dataframe[0].value.index) == inside
    found = drawn(app)
    assert found["places"]["level"] == "park"
    dimmed = {place for place, told in found["places"]["places"].items() if told["dimmed"]}
    assert dimmed == {"P1", "P2"} - inside
    assert found["places"]["around"] == "310112"
    west, south, east, north = plan.districts.geometry["310112"].bounds
    assert found["view"]["bounds"] == [[south, west], [north, east]]


def test_back_from_a_park_to_its_district_and_to_the_city(opened: Opened) -> None:
    app = opened("ledger", district="310112", park="P1")
    assert app.query_params["park"] == "P1"
    before = drawn(app)["view"]["serial"]
    app.button(key="back-district").click().run()
    assert "park" not in app.query_params
    assert app.query_params["district"] == "310112"
    assert "闵行区" in texts(app)
    assert drawn(app)["view"]["serial"] > before
    app.button(key="back-city").click().run()
    assert "district" not in app.query_params
    assert "示例市" in texts(app)
    assert drawn(app)["view"]["bounds"] is None
    assert set(app.dataframe[0].value.index) == set(toy_plan().parks.index)


def test_a_park_brings_its_roofs_in_a_file_of_their_own(opened: Opened) -> None:
    app, plan = opened("plain", park="P1", roofs="kw"), toy_plan()
    roofs = drawn(app)["roofs"]
    assert roofs["address"].startswith("../../media/")
    assert roofs["column"] == "kw"
    assert roofs["title"] == "屋顶: 可装容量 (kWp)"
    west, south, east, north = plan.parks.geometry["P1"].bounds
    assert drawn(app)["view"]["bounds"] == [[south, west], [north, east]]
    app.segmented_control(key="map-roofs-zh").set_value("state").run()
    found = drawn(app)["roofs"]
    seen = [found["rows"][place]["label"] for place in found["seen"]]
    assert seen == [say(f"ready_{word}", "zh") for word in ("feasible", "needs_survey", "blocked")]
    assert app.query_params["roofs"] == "state"


def test_a_park_without_an_outline_is_shown_by_its_roofs(opened: Opened) -> None:
    plan = toy_plan()
    view = drawn(opened("plain", park=OUTSIDE_PARKS))["view"]
    west, south, *_ = plan.roofs[plan.roofs["park_id"] == OUTSIDE_PARKS].total_bounds
    assert view["bounds"][0] == [south, west]


def test_a_roof_in_the_link_is_told_and_leads_to_its_page(opened: Opened) -> None:
    plan = toy_plan()
    roof_id = plan.roofs.index[plan.roofs["park_id"] == "P1"][2]
    app = opened("plain", park="P1", roof=str(roof_id), lang="en")
    roof = plan.roofs.loc[roof_id]
    told = " ".join(texts(app))
    assert numbers.plain(roof["capacity_dc_kw"], 1, "kWp") in told
    assert say("ready_blocked", "en") in told
    links = [element.proto.label for element in app.main.get("page_link")]
    assert links == [say("open_roof", "en"), say("roofs_of_park", "en")]
    assert drawn(app)["view"]["roof"] == roof_id
    assert say("click_a_roof", "en") not in [caption.value for caption in app.caption]


@pytest.mark.parametrize("key", ["district", "roof", "colour", "level", "roofs", "all"])
def test_what_the_link_asks_in_vain_is_told_and_left_out(opened: Opened, key: str) -> None:
    app = opened("plain", **{key: HOSTILE[0]})
    assert warnings(app) == [say("unknown_in_link", "zh")]
    assert HOSTILE[0] in texts(app)
    assert app.query_params.get(key, "") != HOSTILE[0]
    assert "示例市" in texts(app)


def test_going_back_in_the_browser_is_followed(opened: Opened) -> None:
    app = opened("plain")
    app.selectbox(key="park-zh").set_value("P2").run()
    assert app.query_params["park"] == "P2"
    # The browser's way back brings the link of before.
    del app.query_params["park"]
    app.run()
    assert "示例市" in texts(app)
    assert "park" not in app.query_params
    app.query_params["park"] = "P1"
    before = drawn(app)["view"]["serial"]
    app.run()
    assert metrics(app)["屋顶数"] == str(toy_plan().parks.loc["P1", "roof_count"])
    assert drawn(app)["view"]["serial"] > before


def test_hostile_names_reach_the_map_as_letters_only(opened: Opened) -> None:
    app = opened("hostile", park="P1")
    assert drawn(app)["places"]["places"]["P1"]["lines"][0] == HOSTILE[0]
    (component,) = app.main.get("component_instance")
    arguments = json.loads(component.proto.json_args)
    for name in HOSTILE[:4]:
        assert name not in arguments["script"] + arguments["feature_group"]


# --- all roofs of the city ----------------------------------------------------------------------


def test_all_roofs_come_as_tiles_made_beside_the_run(opened: Opened, tmp_path: Path) -> None:
    plan = toy_plan()
    folder = tmp_path / "toy"
    write_plan(plan, folder)
    job = map_tiles.ask(plan, folder)
    assert job.outcome is not None
    path = job.outcome.result(timeout=120)
    assert path.parent == folder / "map"
    assert path.read_bytes()[:7] == b"PMTiles"
    assert set(gpd.read_file(path)["id"]) == set(plan.roofs.index)
    assert map_tiles.ask(plan, folder) is job
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PVPLAN_RUNS", str(tmp_path))
        patch.setattr(map_tiles, "path_of", lambda _plan, _folder: path)
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        app.query_params["all"] = "1"
        app.run()
        found = drawn(app)
    assert found["tiles"]["address"].startswith("../../media/")
    assert "roofs" not in found
    assert app.query_params["all"] == "1"


def test_other_roofs_have_other_tiles(tmp_path: Path) -> None:
    plan = toy_plan()
    outputs = {"roofs.parquet": {"sha256": "ab" * 32}}
    first = map_tiles.path_of(replace(plan, meta={**plan.meta, "outputs": outputs}), tmp_path)
    assert first != map_tiles.path_of(plan, tmp_path)
    assert first.parent == tmp_path / "map"


def test_tiles_that_cannot_be_written_are_told_in_words(tmp_path: Path) -> None:
    plan: Plan = toy_plan()
    job = map_tiles.ask(plan, tmp_path / "nowhere")
    assert job.outcome is not None
    assert job.outcome.exception(timeout=120) is not None
    assert job.faults
    assert str(tmp_path) not in job.faults[0]
    map_tiles.forget(plan, tmp_path / "nowhere")


def test_a_wrong_setting_of_the_ground_is_told_and_no_tile_asked_for(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PVPLAN_TILES", "javascript:alert(1)//{z}/{x}/{y}")
    app = opened("plain")
    assert say("tiles_setting", "zh") in warnings(app)
    assert drawn(app)["base"]["tiles"] is None

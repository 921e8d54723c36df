"""Every page of a run in parts shows what it shows of the same run in one piece."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pvplan.reports import reading
from pvplan.reports.output import ROOF_PARTS, write_plan
from pvplan.tables import OUTSIDE_PARKS, Plan
from pvplan.ui import bundle, looks, planner_tables, runs, work_lists
from pvplan.ui.chosen_columns import OFFERED
from pvplan.ui.words import LANGUAGES, Language, say
from pvplan.ui.work_lists import LISTS
from tests.plans import parted
from tests.shown import app_at, ledger_plan
from tests.test_map_page import drawn

# What the page says in other words of a run in parts.
OTHERWISE = {
    "no_folder": "look_in_parts",
    "no_city_folder": "day_in_parts",
    "recount_no_folder": "recount_in_parts",
}
KINDS = ("text", "caption", "markdown", "info", "warning", "error", "metric", "badge", "code")
CHOICES = ("selectbox", "segmented_control", "multiselect", "toggle")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("shown")
    plan = ledger_plan()
    write_plan(plan, root / "whole" / "toy")
    write_plan(parted(plan, root), root / "parts" / "toy")
    assert len(list((root / "parts" / "toy" / ROOF_PARTS).iterdir())) == 4
    return {name: root / name for name in ("whole", "parts")}


def shown(app: AppTest, language: Language) -> dict[str, Any]:
    """Return all that a page tells, in the words of a run in one piece."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        for element in app.main.get(kind):
            told = (getattr(element, "label", ""), str(element.value))
            found.setdefault(kind, []).append(told)
    for kind in CHOICES:
        found[kind] = [(one.label, str(one.value)) for one in app.main.get(kind)]
        found[f"{kind}-options"] = [list(getattr(one, "options", [])) for one in app.main.get(kind)]
    found["tables"] = [table.value for table in app.dataframe]
    for one, other in OTHERWISE.items():
        found["info"] = [
            (label, say(one, language) if words == say(other, language) else words)
            for label, words in found.get("info", [])
        ]
    return found


def alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for left, right in zip(one.pop("tables"), other.pop("tables"), strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(left), pd.DataFrame(right))
    assert one == other


PAGES = [
    ("map", {}), ("map", {"park": "P1"}), ("map", {"park": OUTSIDE_PARKS, "roofs": "kw"}),
    ("map", {"district": "310115"}), ("map", {"roof": "r03"}), ("map", {"roof": "r-none"}),
    ("roof", {}), ("roof", {"park": "P2"}), ("roof", {"roof": "r05"}), ("roof", {"roof": "r-no"}),
    ("goals", {}), ("districts", {}), ("checks", {}), ("plan", {}), ("plan", {"part": "compare"}),
]  # fmt: skip
STATES = [
    *(("plan", {"kept-part": "tables", "kept-table": name}) for name in OFFERED),
    *(("work", {"kept-work-list": name}) for name in LISTS),
]


@pytest.mark.parametrize(
    ("page", "link", "state"),
    [
        *((*page, {}) for page in PAGES),
        *(
            pytest.param(page, {}, state, marks=[pytest.mark.long] if number % 4 else [])
            for number, (page, state) in enumerate(STATES)
        ),
    ],
)
def test_a_page_shows_the_same(
    folders: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    page: str,
    link: dict[str, str],
    state: dict[str, str],
) -> None:
    language: Language = LANGUAGES[len(page + str(link) + str(state)) % 2]
    found = []
    for folder in folders.values():
        monkeypatch.setenv("PVPLAN_RUNS", str(folder))
        app = app_at(page, {**link, "lang": language}, **state)
        told = shown(app, language)
        if page == "map":
            told["map"] = drawn(app)
            for call in told["map"].values():
                call.pop("address", None)
        found.append(told)
    if state.get("kept-work-list") in ("unstarted", "blocked"):
        assert len(found[0]["tables"][0]) > 0
    alike(*found)


def test_a_page_never_holds_the_roofs(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    kept = reading.read_plan

    def read(folder: Path) -> Plan:
        plans.append(kept(folder))
        return plans[-1]

    monkeypatch.setattr("pvplan.ui.runs.read_plan", read)
    runs._read.clear()
    for door in (looks, work_lists):
        monkeypatch.setattr(door, "held", lambda _: pytest.fail("a page holds all roofs"))
    monkeypatch.setenv("PVPLAN_RUNS", str(folders["parts"]))
    app_at("map", {"park": "P1", "roof": "r03"})
    app_at("roof", {"roof": "r03"})
    for name in LISTS:
        app_at("work", {"lang": "zh"}, **{"kept-work-list": name})
    assert plans
    assert all(len(plan.roofs) == 0 and plan.roof_parts for plan in plans)


@pytest.mark.parametrize("language", LANGUAGES)
def test_more_rows_than_a_page_may_hold_ask_for_a_place(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, language: Language
) -> None:
    monkeypatch.setattr(planner_tables, "MOST_ROOFS", 5)
    monkeypatch.setenv("PVPLAN_RUNS", str(folders["parts"]))
    kept = {"kept-part": "tables", "kept-table": "roofs"}
    app = app_at("plan", {"lang": language}, **kept)
    words = say("too_many_rows", language).format(count="12", most="5")
    assert words in [info.value for info in app.info]
    monkeypatch.setattr(planner_tables, "MOST_ROOFS", 12)
    app.run()
    assert len(app.dataframe[0].value) == 12


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_say_where_the_roofs_are(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, language: Language
) -> None:
    monkeypatch.setenv("PVPLAN_RUNS", str(folders["parts"]))
    app = app_at("files", {"lang": language})
    told = [text.value for text in app.text]
    assert any(words.endswith(f"{ROOF_PARTS}/") for words in told)
    assert say("files_count", language).format(count="4") in told
    folder = folders["parts"] / "toy"
    names = [f"{ROOF_PARTS}/{file.name}" for file in (folder / ROOF_PARTS).iterdir()]
    with zipfile.ZipFile(io.BytesIO(bundle.zipped(folder, ["run.json", *names]))) as archive:
        assert set(archive.namelist()) == {f"toy/{name}" for name in ("run.json", *names)}

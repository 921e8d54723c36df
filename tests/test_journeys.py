"""Three people, two languages, the bundled city, no internet: what they read is what the run wrote.

The district official, the park manager and the planner each go their way through the pages in a
real browser; every figure they meet is compared with the files of the run. Pictures of each stop
stay in ``artefacts``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pvplan.tables import VERDICTS
from pvplan.ui import numbers, places
from pvplan.ui.words import Language, say
from tests.conftest import each_language
from tests.test_browser import BUNDLED_ROOF, PATIENCE_MS, Shown, browser, served, visiting

pytestmark = pytest.mark.browser
__all__ = ["browser"]
PARK = "caohejing"
FULL = "industrial_full_2030"
FILLS_THE_FRAME = """() => {
    const city = L.latLngBounds(window.map.pv.payload.bounds);
    const zoom = window.map.getZoom();
    return window.map.getBounds().contains(city) && window.map.getBoundsZoom(city) - zoom < 1; }"""


@pytest.fixture(scope="module")
def address(bundled_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("journeys") / "runs"
    with served(shutil.copytree(bundled_run.parent, home)) as found:
        yield found


@pytest.fixture
def shown(browser: Any, address: str) -> Iterator[Shown]:
    with visiting(browser, address) as page:
        yield page


def written(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", encoding="utf-8-sig")


def of_place(folder: Path, name: str, key: str, place: str) -> pd.Series[Any]:
    table = written(folder, name)
    return table[table[key] == place].iloc[0]


def reads_as(shown: Shown, row: pd.Series[Any], language: Language) -> None:
    """Hold the headline of the place on the page against its row of a file."""
    figures = {
        "potential": "capacity_dc_kw", "installed": "installed_total_dc_kw",
        "target": "target_dc_kw", "gap": "gap_dc_kw",
    }  # fmt: skip
    for word, column in figures.items():
        label = f"{say(word, language)} (MW)"
        assert shown.metric(label) == numbers.capacity(row[column], unit=""), column


def badge(shown: Shown, language: Language) -> None:
    assert shown.page.get_by_text(say("demonstration", language)).first.is_visible()
    assert shown.page.get_by_test_id("stException").count() == 0


def go(shown: Shown, page: str, language: Language) -> None:
    shown.page.get_by_role("link", name=say(f"page_{page}", language), exact=True).first.click()
    shown.page.wait_for_url(f"**/{page}?*", timeout=PATIENCE_MS)
    shown.settle(with_map=page == "map")
    shown.rest()
    badge(shown, language)


@each_language
def test_the_district_official(shown: Shown, bundled_run: Path, language: Language) -> None:
    """From the city's verdict to a district, its parks, the goals and the work lists."""
    city = written(bundled_run, "city").iloc[0]
    shown.open(f"/?lang={language}&goal={FULL}")
    shown.wait_for_place(str(city[f"name_{language}"]))
    reads_as(shown, city, language)
    badge(shown, language)
    shown.rest()
    assert shown.frame.evaluate(FILLS_THE_FRAME)
    shown.keep(f"official-1-city-{language}")
    shown.page.get_by_role("radio", name=say("map_district", language), exact=True).click()
    shown.page.wait_for_url("**level=district*", timeout=PATIENCE_MS)
    shown.settle()
    shown.rest()
    shown.keep(f"official-2-districts-{language}")
    go(shown, "goals", language)
    goals = written(bundled_run, "goals")
    row = goals[(goals["goal_id"] == FULL) & (goals["level"] == "city")].iloc[0]
    assert row["verdict"] in VERDICTS
    assert shown.page.get_by_text(say(f"verdict_{row['verdict']}", language)).count() > 0
    gap = numbers.capacity_between(row["gap_p10_dc_kw"], row["gap_p90_dc_kw"])
    assert shown.page.get_by_text(gap, exact=True).count() > 0
    shown.keep(f"official-3-goals-{language}")
    go(shown, "districts", language)
    shown.keep(f"official-4-league-{language}")
    go(shown, "work", language)
    shown.keep(f"official-5-work-{language}")


@each_language
def test_the_park_manager(shown: Shown, bundled_run: Path, language: Language) -> None:
    """From the park's gap to one of its roofs, every module on it, and what a survey changes."""
    park = of_place(bundled_run, "parks", "park_id", PARK)
    shown.open(f"/?lang={language}&goal={FULL}&park={PARK}&roofs=state")
    shown.wait_for_place(str(park[f"name_{language}"]))
    reads_as(shown, park, language)
    shown.frame.wait_for_function(
        f"() => window.map.pv.drawn === {int(park['roof_count'])}", timeout=PATIENCE_MS
    )
    shown.rest()
    shown.keep(f"manager-1-park-{language}")
    shown.open(f"/roof?lang={language}&roof={BUNDLED_ROOF}", with_map=False)
    shown.page.get_by_test_id("stDownloadButton").first.wait_for(timeout=3 * PATIENCE_MS)
    shown.settle()
    shown.rest()
    roof = pd.read_parquet(bundled_run / "roofs.parquet").set_index("roof_id").loc[BUNDLED_ROOF]
    assert shown.metric(say("potential", language)) == numbers.plain(
        roof["capacity_dc_kw"], 1, "kWp"
    )
    assert shown.metric(say("modules", language)) == numbers.plain(roof["module_count"])
    badge(shown, language)
    shown.keep(f"manager-2-roof-{language}")
    ground = shown.page.locator("[data-testid=stMain]")
    ground.evaluate("(box) => box.scrollTo(0, box.scrollHeight)")
    shown.rest()
    shown.keep(f"manager-3-facts-{language}")


@each_language
def test_the_planner(shown: Shown, bundled_run: Path, language: Language) -> None:
    """From the assumptions to a table of one's own, which comes down as the run wrote it."""
    shown.open(f"/plan?lang={language}", with_map=False)
    badge(shown, language)
    shown.rest()
    shown.keep(f"planner-1-compute-{language}")
    shown.open(f"/plan?lang={language}&part=tables", with_map=False)
    shown.page.get_by_test_id("stDataFrame").first.wait_for(timeout=PATIENCE_MS)
    shown.rest()
    shown.keep(f"planner-2-tables-{language}")
    with shown.page.expect_download() as coming:
        shown.page.get_by_test_id("stDownloadButton").first.get_by_role("button").click()
    table = pd.read_csv(coming.value.path(), encoding="utf-8-sig")
    truth = written(bundled_run, "parks").set_index("park_id")
    assert set(table["park_id"]) == set(truth.index)
    shared = [name for name in table.columns if name in truth.columns]
    assert len(shared) > 2
    for name in shared:
        expected = truth.loc[table["park_id"], name].reset_index(drop=True)
        pd.testing.assert_series_equal(table[name], expected, check_names=False)


def test_names_of_the_journeys_are_those_of_the_city(bundled_run: Path) -> None:
    parks = written(bundled_run, "parks").set_index("park_id")
    assert PARK in parks.index
    assert places.name_of(parks.loc[PARK], "zh")
    assert FULL in set(written(bundled_run, "goals")["goal_id"])

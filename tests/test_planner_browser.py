"""The planner's journey in a real browser without internet: upload, compute, compare, privacy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely

from pvplan.reports.output import write_plan
from pvplan.ui.words import say
from tests.conftest import each_language
from tests.shown import HOSTILE, ledger_plan
from tests.test_browser import PATIENCE_MS, browser, rest, served  # noqa: F401 - a fixture
from tests.vector_files import house, write_geojson

pytestmark = pytest.mark.browser
LONG_MS = 4 * PATIENCE_MS


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("planner")
    write_plan(ledger_plan(), root / "runs" / "ledger")
    patch = pytest.MonkeyPatch()
    patch.setenv("PVPLAN_DESKS", str(root / "desks"))
    with served(root / "runs") as found:
        yield found
    patch.undo()


class Visitor:
    """One browser of one visitor: what it asked for outside, and whether anything ran."""

    def __init__(self, browser: Any, address: str) -> None:  # noqa: F811
        self.context = browser.new_context(viewport={"width": 1300, "height": 1200})
        self.page, self.address, self.outside = self.context.new_page(), address, []
        self.page.route("**/*", self._inside)

    def _inside(self, route: Any) -> None:
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def open(self, link: str) -> None:
        self.page.goto(link if link.startswith("http") else f"{self.address}{link}")
        self.rest()

    def rest(self) -> None:
        rest(self.page)

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(label, exact=True).first.click()
        self.page.get_by_role("option", name=option, exact=True).click()
        self.rest()

    def upload(self, role: str, path: Path) -> None:
        self.page.locator(f".st-key-role-{role} input[type=file]").set_input_files(path)
        self.rest()

    def reads(self, text: str, timeout: int = PATIENCE_MS) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=timeout)


@pytest.fixture
def visitor(browser: Any, address: str) -> Iterator[Visitor]:  # noqa: F811
    shown = Visitor(browser, address)
    yield shown
    assert shown.outside == []
    assert "pwned" not in shown.page.title()
    shown.context.close()


@pytest.mark.long
def test_a_planner_uploads_computes_and_compares(
    visitor: Visitor,
    browser: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    said = [{"name": HOSTILE[number % len(HOSTILE)]} for number in range(6)]
    shapes = [house(100 * number, 0, 40, 40) for number in range(6)]
    roofs = write_geojson(tmp_path / "roofs.geojson", shapes, said)
    parks = write_geojson(
        tmp_path / "parks.geojson", [shapely.unary_union(shapes).envelope], [{"name": HOSTILE[0]}]
    )
    trick = tmp_path / "trick.geojson"
    trick.write_text(json.dumps({"x": "<OGRVRTDataSource><SrcDataSource>/etc/passwd"}))
    visitor.open("/plan?lang=en")
    visitor.choose(say("city_to_compute", "en"), say("own_city", "en"))
    visitor.upload("buildings", trick)
    visitor.reads(say("refused_order", "en"))
    visitor.upload("buildings", roofs)
    visitor.reads("✓ roofs.geojson")
    visitor.upload("parks", parks)
    visitor.reads("✓ parks.geojson")
    visitor.page.screenshot(path="artefacts/planner-upload.png", full_page=True)
    box = visitor.page.locator(".st-key-value-finance-capex_cny_per_kw_dc input").first
    box.fill("99999")
    box.press("Enter")
    visitor.reads("500 … 20000 CNY/kW")
    box.fill("2500")
    box.press("Enter")
    visitor.rest()
    visitor.page.get_by_label(say("run_name", "en"), exact=True).fill("mine")
    visitor.page.get_by_label(say("run_name", "en"), exact=True).press("Enter")
    visitor.rest()
    visitor.page.locator(".st-key-compute-city button").click()
    visitor.page.locator(".st-key-job-mine").wait_for(timeout=PATIENCE_MS)
    visitor.page.reload()  # the run goes on, and is found again
    visitor.page.locator("[class*='st-key-show-own']").wait_for(timeout=LONG_MS)
    assert "run=own%2Fmine" in visitor.page.url
    for page in ("map", "files", "plan"):
        visitor.open(f"/{page}?{visitor.page.url.split('?', 1)[1]}")
        assert "run=own%2Fmine" in visitor.page.url
    link = visitor.page.url
    # Another browser with the very same link sees nothing of it.
    other = Visitor(browser, visitor.address)
    other.open(link)
    assert "own" not in other.page.url
    assert "desk=" not in other.page.url
    other.open("/plan?lang=en")
    other.choose(say("city_to_compute", "en"), say("own_city", "en"))
    assert other.page.get_by_text("✓ roofs.geojson").count() == 0
    other.context.close()


@each_language
def test_tables_are_chosen_and_a_cell_is_explained(visitor: Visitor, language: Any) -> None:
    visitor.open(f"/plan?lang={language}&part=tables")
    visitor.page.get_by_label(say("row", language), exact=True).first.click()
    visitor.page.get_by_role("option").first.click()
    visitor.rest()
    visitor.page.get_by_label(say("column", language), exact=True).first.click()
    visitor.page.get_by_role("option", name="capacity_dc_kw").first.click()
    visitor.rest()
    visitor.reads("parks.csv:capacity_dc_kw:")
    visitor.page.screenshot(path=f"artefacts/planner-tables-{language}.png", full_page=True)

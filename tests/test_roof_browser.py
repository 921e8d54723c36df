"""The park manager corrects a roof in a real browser: written once, recounted, and only words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pvplan.reports.output import write_plan
from pvplan.run import inputs_of_folder, run_city
from pvplan.sources.corrections import rows_of
from pvplan.tables import Plan
from pvplan.ui import numbers
from pvplan.ui.words import Language, say
from tests import test_browser as browsing
from tests.shown import HOSTILE
from tests.test_browser import PATIENCE_MS, Shown, browser
from tests.test_facts import AS_OF, folder

__all__ = ["browser", "folder"]

pytestmark = pytest.mark.browser
ROOF = "b05"


@pytest.fixture(scope="module")
def finished(folder: Path) -> Plan:
    """A run of a small city whose files are at hand."""
    return run_city(inputs_of_folder(folder), as_of=AS_OF)


@pytest.fixture
def home(finished: Plan, tmp_path: Path) -> Path:
    write_plan(finished, tmp_path / "toy")
    return tmp_path


@pytest.fixture
def app(home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of its own: what one test writes, no other sees."""
    monkeypatch.setenv("PVPLAN_CITIES", str(folder))
    with browsing.served(home) as address:
        yield address


@pytest.mark.long
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_roof_is_corrected_and_its_park_recounted(
    app: str, browser: Any, home: Path, folder: Path, finished: Plan, language: Language
) -> None:
    with browsing.visiting(browser, app) as shown:
        shown.open(f"/roof?lang={language}&roof={ROOF}")
        note = HOSTILE[0]
        _fill(shown, "height_m", "31", note, language)
        box = shown.page.locator(".st-key-recount")
        box.locator("table").first.wait_for(timeout=PATIENCE_MS)
        path = home / "corrections" / "small.csv"
        (kept,) = rows_of(path).to_dict("records")
        assert (kept["roof_id"], kept["value"], kept["evidence"]) == (ROOF, "31.0", note)
        inputs = replace(inputs_of_folder(folder), corrections=path)
        whole = run_city(inputs, as_of=AS_OF)
        text = box.inner_text()
        for plan in (finished, whole):
            roof, park = plan.roofs.loc[ROOF], plan.parks.loc["p"]
            assert numbers.plain(roof["capacity_dc_kw"], 1, "kWp") in text
            assert numbers.megawatt_hours(park["energy_ac_kwh_per_year"]) in text
        assert say("not_in_run", language) in text
        shown.keep(f"roof-corrected-{language}")
        assert shown.page.title() != "pwned"


def _fill(shown: Shown, fact: str, value: str, note: str, language: Language) -> None:
    """Choose a fact and record a value by the keyboard."""
    page = shown.page
    # The city is read first; the survey's table is the last to come, then the page rests.
    page.locator(".st-key-layout-geojson").wait_for(timeout=3 * PATIENCE_MS)
    page.get_by_role("heading", name=say("survey_title", language)).wait_for(timeout=PATIENCE_MS)
    page.wait_for_function(
        "(word) => !document.body.innerText.includes(word)", timeout=PATIENCE_MS,
        arg=say("survey_looking", language),
    )  # fmt: skip
    shown.settle()
    label = say("fact_height", language)
    box = page.get_by_label(say("which_fact", language))
    until = time.monotonic() + PATIENCE_MS / 1000.0
    while time.monotonic() < until:
        box.click()
        option = page.get_by_role("option", name=label)
        browsing.rest(page)
        if option.count():
            break
    option.click()
    shown.settle()
    form = page.get_by_test_id("stForm")
    form.get_by_role("spinbutton").fill(value)
    form.get_by_role("textbox").fill(note)
    # What is typed counts once the box is left.
    page.keyboard.press("Tab")
    browsing.rest(page)
    form.get_by_role("button", name=say("record_it", language)).press("Enter")

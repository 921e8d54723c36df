"""The map in a real browser: districts, parks, roofs one by one and as tiles, and no internet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box

from pvplan.reports.output import write_plan
from pvplan.sources.coordinates import wgs84_to_gcj02
from pvplan.tables import Plan
from pvplan.ui import map_tiles, numbers
from pvplan.ui.words import say
from tests.conftest import each_language
from tests.plans import toy_plan
from tests.shown import HOSTILE, hostile_plan
from tests.test_browser import PATIENCE_MS, Shown, browser, served, visiting

pytestmark = pytest.mark.browser
__all__ = ["browser"]

COLOURS = """() => Object.fromEntries(Object.values(window.map._layers)
    .filter((layer) => layer.feature && layer.feature.properties.kind === "roof")
    .map((layer) => [layer.feature.properties.id, layer.options.fillColor]))"""
PAINTED = """() => [...document.querySelectorAll(".leaflet-pv-tiles-pane canvas")].map((cloth) => {
    const data = cloth.getContext("2d").getImageData(0, 0, cloth.width, cloth.height).data;
    let painted = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at] > 0) painted += 1;
    return painted; }).reduce((a, b) => a + b, 0)"""
LEGEND = "() => document.querySelector('.pv-legend').innerText"
SEEN = """() => Object.values(window.map._layers)
    .filter((layer) => layer.feature && layer.options.interactive !== false)
    .map((layer) => layer.feature.properties.kind)"""


def town() -> Plan:
    """Return the toy plan with roofs that stand in their parks and are large enough to click."""
    plan = toy_plan(60)
    roofs = plan.roofs.copy()
    corners = {"P1": (121.42, 31.09), "P2": (121.545, 31.03)}
    shapes = []
    for number, park_id in enumerate(roofs["park_id"]):
        east, north = corners.get(park_id, (121.7, 31.1))
        east, north = east + number % 8 * 0.002, north + number // 8 * 0.002
        shapes.append(box(east, north, east + 0.001, north + 0.001))
    return replace(plan, roofs=roofs.set_geometry(shapes, crs=4326))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("mapped")
    write_plan(town(), root / "toy")
    write_plan(hostile_plan(), root / "hostile")
    write_plan(toy_plan(8000), root / "many")
    with served(root) as found:
        yield found


@pytest.fixture
def shown(browser: Any, address: str) -> Iterator[Shown]:
    with visiting(browser, address) as page:
        yield page


def wait_for_roofs(shown: Shown, count: int) -> None:
    shown.frame.wait_for_function(f"() => window.map.pv.drawn === {count}", timeout=PATIENCE_MS)


def pixel_of(shown: Shown, longitude: float, latitude: float) -> tuple[float, float]:
    point = shown.frame.evaluate(
        "([east, north]) => { const p = window.map.latLngToContainerPoint([north, east]);"
        " return [p.x, p.y]; }", [longitude, latitude],
    )  # fmt: skip
    corner = shown.page.locator("iframe").first.bounding_box()
    return corner["x"] + point[0], corner["y"] + point[1]


def click_place(shown: Shown, shape: Any) -> None:
    inside = shape.representative_point()
    shown.page.mouse.click(*pixel_of(shown, inside.x, inside.y))


def test_a_click_on_a_district_shows_its_parks_and_one_on_a_park_its_roofs(shown: Shown) -> None:
    plan = town()
    shown.open("/?run=toy&level=district&lang=en")
    assert set(shown.frame.evaluate(SEEN)) == {"district"}
    click_place(shown, plan.districts.geometry["310112"])
    shown.wait_for_place("Minhang")
    shown.rest()
    assert "district=310112" in shown.page.url
    assert "park" in set(shown.frame.evaluate(SEEN))
    assert "district" not in set(shown.frame.evaluate(SEEN))
    inside = shown.frame.evaluate("() => { const b = window.map.getBounds();"
                                  " return [b.getWest(), b.getEast()]; }")  # fmt: skip
    west, _, east, _ = plan.districts.geometry["310112"].bounds
    assert inside[0] <= west
    assert inside[1] >= east
    x, y = pixel_of(shown, 121.42, 31.15)
    shown.page.mouse.click(x, y)
    shown.wait_for_place("Lingang `new` area")
    own = plan.roofs.index[plan.roofs["park_id"] == "P1"]
    wait_for_roofs(shown, len(own))
    assert shown.roofs_drawn() == sorted(own)
    assert "district=310112" in shown.page.url
    shown.page.get_by_role("button", name="← The district").click()
    shown.wait_for_place("Minhang")
    shown.page.go_back()
    shown.wait_for_place("Lingang `new` area")
    shown.rest()
    assert "park=P1" in shown.page.url


@pytest.mark.long
def test_a_click_on_a_roof_tells_it_and_leads_to_its_page(shown: Shown) -> None:
    plan = town()
    own = plan.roofs[plan.roofs["park_id"] == "P1"]
    shown.open("/?run=toy&park=P1&lang=en&roofs=state")
    wait_for_roofs(shown, len(own))
    before = shown.frame.evaluate("() => window.map.getZoom()")
    for place in (3, 5, 3):
        roof_id = str(own.index[place])
        click_place(shown, own.geometry.iloc[place])
        words = numbers.plain(own["capacity_dc_kw"].iloc[place], 1, "kWp")
        shown.page.locator(".st-key-picked-roof").get_by_text(words).wait_for(timeout=PATIENCE_MS)
        shown.page.wait_for_url(f"**roof={roof_id}*", timeout=PATIENCE_MS)
    # A roof is marked where it stands: the reader's view is left alone.
    assert shown.frame.evaluate("() => window.map.getZoom()") == before
    shown.page.locator(".st-key-picked-roof").get_by_text("Open this roof").click()
    shown.page.wait_for_url(f"**/roof?**roof={own.index[3]}*", timeout=PATIENCE_MS)


@pytest.mark.long
def test_roofs_take_the_colour_of_what_is_asked_and_the_legend_its_unit(shown: Shown) -> None:
    plan = town()
    own = plan.roofs[plan.roofs["park_id"] == "P1"]
    shown.open("/?run=toy&park=P1&lang=en")
    wait_for_roofs(shown, len(own))
    colours = shown.frame.evaluate(COLOURS)
    built = {roof_id for roof_id, colour in colours.items() if colour == "#0072b2"}
    assert built == set(own.index[own["installed_dc_kw"] > 0.0])
    for words, unit in (("kWp", "(kWp)"), ("W/m²", "(W/m²)"), ("Yield", "(kWh/kWp)")):
        shown.page.get_by_role("radio", name=words, exact=True).click()
        shown.frame.wait_for_function(
            "(unit) => document.querySelector('.pv-legend').innerText.includes(unit)", arg=unit,
            timeout=PATIENCE_MS,
        )  # fmt: skip
    shown.page.get_by_role("radio", name="State", exact=True).click()
    shown.frame.wait_for_function(
        "() => document.querySelector('.pv-legend').innerText.includes('needs a survey')",
        timeout=PATIENCE_MS,
    )
    shown.rest()
    assert len(set(shown.frame.evaluate(COLOURS).values())) == 3
    shown.keep("roofs-by-state")


def test_panning_never_asks_the_server(shown: Shown) -> None:
    shown.open("/?run=toy&park=P1")
    shown.rest(1500)
    sent: list[str] = []
    shown.page.on("websocket", lambda socket: sent.append(socket.url))
    runs = shown.page.evaluate(
        """() => { window.runs = 0; new MutationObserver((changes) => changes.forEach((change) => {
            if (change.target.dataset.testScriptState === "running") window.runs += 1; }))
            .observe(document.querySelector("[data-testid=stApp]"), { attributes: true });
            return 0; }"""
    )
    assert runs == 0
    x, y = pixel_of(shown, 121.42, 31.12)
    shown.page.mouse.move(x, y)
    shown.page.mouse.down()
    shown.page.mouse.move(x + 90, y + 60, steps=6)
    shown.page.mouse.up()
    shown.frame.evaluate("() => { window.map.zoomIn(1); }")
    shown.rest(1500)
    assert shown.page.evaluate("() => window.runs") == 0


@pytest.mark.long
def test_thousands_of_roofs_of_a_park_are_all_drawn(shown: Shown) -> None:
    plan = toy_plan(8000)
    count = int((plan.roofs["park_id"] == "P1").sum())
    shown.open("/?run=many&park=P1")
    wait_for_roofs(shown, count)
    assert len(shown.roofs_drawn()) == count > 3000


def test_all_roofs_come_as_tiles_and_a_click_finds_one(shown: Shown) -> None:
    plan = town()
    shown.open("/?run=toy&lang=en")
    before = shown.frame.evaluate("() => window.map.getZoom()")
    shown.page.get_by_text("Show all roofs of the city").click()
    shown.frame.wait_for_function(
        "() => Object.values(window.map._layers).some((layer) => layer.options.archive)",
        timeout=PATIENCE_MS,
    )
    # A layer that is seen from near only does not take the view with it.
    assert shown.frame.evaluate("() => window.map.getZoom()") == before
    roof = plan.roofs[plan.roofs["park_id"] == "P2"].iloc[1]
    middle = roof.geometry.centroid
    assert "Zoom in to see the roofs" in shown.frame.locator("body").inner_text()
    shown.frame.evaluate(
        "([east, north]) => { window.map.setView([north, east], 16); }", [middle.x, middle.y]
    )
    shown.rest()
    assert "Zoom in to see the roofs" not in shown.frame.locator("body").inner_text()
    shown.frame.wait_for_function(f"() => ({PAINTED})() > 1000", timeout=PATIENCE_MS)
    shown.keep("tiles")
    shown.page.mouse.click(*pixel_of(shown, middle.x, middle.y))
    shown.page.wait_for_url(f"**roof={roof.name}*", timeout=PATIENCE_MS)
    shown.settle()
    words = numbers.plain(roof["capacity_dc_kw"], 1, "kWp")
    shown.page.locator(".st-key-picked-roof").get_by_text(words).wait_for(timeout=PATIENCE_MS)
    assert "park=P2" in shown.page.url
    assert abs(shown.frame.evaluate("() => window.map.getZoom()") - 16) < 0.01


def test_hostile_names_of_roofs_and_labels_are_letters(shown: Shown) -> None:
    plan = hostile_plan()
    shown.open("/?run=hostile&park=P1")
    own = plan.roofs[plan.roofs["park_id"] == "P1"]
    wait_for_roofs(shown, len(own))
    inside = own.geometry.iloc[-1].representative_point()
    shown.frame.evaluate(
        "([east, north]) => { window.map.setView([north, east], 18); }", [inside.x, inside.y]
    )
    x, y = pixel_of(shown, inside.x, inside.y)
    shown.page.mouse.move(x - 2, y)
    shown.page.mouse.move(x, y)
    shown.frame.locator(".leaflet-tooltip .name").wait_for()
    assert shown.frame.locator(".leaflet-tooltip .name").inner_text() == HOSTILE[0]
    shown.page.mouse.click(x, y)
    shown.page.locator(".st-key-picked-roof").wait_for(timeout=PATIENCE_MS)
    for frame in shown.page.frames:
        assert frame.evaluate("() => document.querySelectorAll('img[src=x]').length") == 0
    assert shown.page.title() != "pwned"


@each_language
def test_the_map_can_be_used_on_a_phone(browser: Any, address: str, language: Any) -> None:
    with visiting(browser, address) as shown:
        shown.page.set_viewport_size({"width": 390, "height": 844})
        shown.open(f"/?run=toy&park=P1&lang={language}")
        shown.rest()
        legend = shown.frame.locator(".pv-legend")
        assert not legend.evaluate("(box) => box.open")
        legend.locator("summary").click()
        assert say("roofs_legend", language) in legend.inner_text()
        width = shown.frame.evaluate("() => document.documentElement.scrollWidth")
        assert width <= 390
        box = shown.page.locator("iframe").first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        shown.keep(f"map-phone-{language}")


@pytest.mark.long
def test_a_ground_that_does_not_answer_leaves_a_note(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plan(town(), tmp_path / "toy")
    monkeypatch.setenv("PVPLAN_TILES", "/tiles/{z}/{x}/{y}.png")
    with served(tmp_path) as address, visiting(browser, address) as shown:
        shown.open("/?run=toy&lang=en")
        shown.frame.locator(".pv-credit").get_by_text("plain ground").wait_for(timeout=PATIENCE_MS)
        assert shown.frame.locator(".leaflet-tile-pane img").count() == 0


@pytest.mark.long
def test_a_ground_that_answers_is_drawn_with_its_credit(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plan(town(), tmp_path / "toy")
    monkeypatch.setenv("PVPLAN_TILES", "/app/static/icon.png?{z}/{x}/{y}")
    monkeypatch.setenv("PVPLAN_TILES_CREDIT", HOSTILE[0])
    with served(tmp_path) as address, visiting(browser, address) as shown:
        shown.open("/?run=toy")
        shown.frame.locator(".leaflet-tile-pane img").first.wait_for(timeout=PATIENCE_MS)
        assert shown.frame.locator(".pv-credit").inner_text() == HOSTILE[0]


def test_chinese_pictures_are_shifted_as_chinese_files_are(shown: Shown) -> None:
    shown.open("/?run=toy")
    places = [[121.4737, 31.2304], [116.4074, 39.9042], [87.6, 43.8]]
    expected = np.column_stack(wgs84_to_gcj02(*np.transpose(places)))
    found = shown.frame.evaluate(
        """(places) => places.map(([east, north]) => {
            const moved = pvplan.offset(L.latLng(north, east));
            return [moved.lng, moved.lat];
        })""",
        places,
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_tiles_of_the_run_are_not_in_the_public_folder(address: str) -> None:
    assert map_tiles.FOLDER != "static"
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{address}/app/static/map/roofs.pmtiles", timeout=10)  # noqa: S310

"""The app in a real browser without internet: clicks on the map, hostile names, English."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from pvplan.opened import open_city
from pvplan.reports.output import write_plan
from pvplan.reports.reading import read_plan
from pvplan.reports.runfile import sha256_of
from pvplan.run import inputs_of_folder
from pvplan.tables import ROOFS, Plan, names
from pvplan.ui import numbers, runs, work_lists
from tests.conftest import ROOT, absent, once
from tests.plans import toy_plan
from tests.shown import HOSTILE, hostile_plan, ledger_plan

pytestmark = pytest.mark.browser

CHROMIUM = Path(os.environ.get("PVPLAN_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
ARTEFACTS = ROOT / "artefacts"
IMAGES = ROOT / "docs" / "images"
PATIENCE_MS = 60_000
QUIET_MS = 400
BUNDLED_ROOF = "caohejing-0148"  # a pitched roof among taller buildings
RESTING = "[data-testid=stApp][data-test-script-state=notRunning]"
# Ends when nothing of a document has changed for a while.
QUIET = """([quiet_ms, limit_ms]) => new Promise((done, fail) => {
    const watch = new MutationObserver(() => { clearTimeout(timer); timer = begin(); });
    const end = (tell) => () => { watch.disconnect(); clearTimeout(limit); tell(); };
    const begin = () => setTimeout(end(done), quiet_ms);
    const limit = setTimeout(end(() => fail(new Error("never at rest"))), limit_ms);
    let timer = begin();
    watch.observe(document,
        { subtree: true, childList: true, attributes: true, characterData: true });
})"""


@dataclass
class Shown:
    """A page of the app, and the addresses outside this machine that it asked for."""

    page: Any
    address: str
    outside: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def open(self, link: str = "/", *, with_map: bool = True) -> None:
        self.page.goto(f"{self.address}{link}")
        self.settle(with_map=with_map)

    def settle(self, *, with_map: bool = True) -> None:
        self.page.wait_for_selector(RESTING, timeout=PATIENCE_MS)
        if with_map:
            self.page.frame_locator("iframe").locator(".leaflet-container").wait_for(
                timeout=PATIENCE_MS
            )
            self.frame.wait_for_function("() => window.map")

    def rest(self, quiet_ms: int = QUIET_MS) -> None:
        """Wait until the app rests and neither the page nor a frame in it changes any more."""
        rest(self.page, quiet_ms)

    @property
    def frame(self) -> Any:
        return self.page.locator("iframe").element_handle().content_frame()

    def pixel(self, park_id: str) -> tuple[float, float]:
        """Return where the middle of a park is drawn, in pixels of the page."""
        point = self.frame.evaluate(
            """(id) => {
                for (const layer of Object.values(window.map._layers)) {
                    const feature = layer.feature;
                    if (feature && feature.properties.kind === "park"
                        && feature.properties.id === id) {
                        const point = window.map.latLngToContainerPoint(layer.getCenter());
                        const box = window.map.getContainer().getBoundingClientRect();
                        return [point.x + box.left, point.y + box.top];
                    }
                }
                return null;
            }""",
            park_id,
        )
        assert point is not None, f"{park_id} is not on the map"
        corner = self.page.locator("iframe").first.bounding_box()
        return corner["x"] + point[0], corner["y"] + point[1]

    def click_park(self, park_id: str) -> None:
        # The whole city first: after a click the map shows one park only.
        self.frame.locator("button.pv-home").click()
        self.rest()
        self.page.mouse.click(*self.pixel(park_id))

    def wait_for_place(self, name: str) -> None:
        place = self.page.locator(".st-key-place-name [data-testid=stText]").first
        self.page.wait_for_function(
            "([box, name]) => box.textContent.trim() === name", arg=[place.element_handle(), name],
            timeout=PATIENCE_MS,
        )  # fmt: skip
        self.settle()

    def metric(self, label: str) -> str:
        labelled = self.page.get_by_test_id("stMetric").filter(
            has=self.page.get_by_test_id("stMetricLabel").get_by_text(label, exact=True)
        )
        return str(labelled.first.get_by_test_id("stMetricValue").inner_text()).strip()

    def roofs_drawn(self) -> list[str]:
        return sorted(
            self.frame.evaluate(
                """() => Object.values(window.map._layers)
                    .filter((layer) => layer.feature && layer.feature.properties.kind === "roof")
                    .map((layer) => layer.feature.properties.id)"""
            )
        )

    def keep(self, name: str) -> bytes:
        ARTEFACTS.mkdir(exist_ok=True)
        return bytes(self.page.screenshot(path=ARTEFACTS / f"{name}.png"))


def rest(page: Any, quiet_ms: int = QUIET_MS) -> None:
    """Wait until the app rests and neither the page nor a frame in it changes any more."""
    from playwright.sync_api import Error

    end = time.monotonic() + PATIENCE_MS / 1000.0
    while True:
        page.wait_for_selector(RESTING, timeout=PATIENCE_MS)
        frames = page.frames
        try:
            for frame in frames:
                frame.evaluate(QUIET, [quiet_ms, PATIENCE_MS])
                frame.evaluate("() => document.fonts.ready.then(() => null)")
        except Error:
            # A frame that is replaced meanwhile takes its answer with it.
            if time.monotonic() > end:
                raise
        else:
            # What a frame said last may have set the app to work again.
            if page.locator(RESTING).count() and page.frames == frames:
                return
            assert time.monotonic() < end, "never at rest"


@contextmanager
def served(runs: Path) -> Iterator[str]:
    """Serve the app on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=ROOT, env={**os.environ, "PVPLAN_RUNS": str(runs)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(server, address)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_up(server: subprocess.Popen[bytes], address: str) -> None:
    for _ in range(240):
        assert server.poll() is None, "the app's server ended at once"
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):  # noqa: S310
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.25)
    pytest.fail("the app's server did not come up in 60 s")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        absent(f"no browser at {CHROMIUM} (install chromium, or name it in PVPLAN_CHROMIUM)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of finished runs; read it only."""

    def fill(root: Path) -> None:
        write_plan(toy_plan(), root / "toy")
        write_plan(hostile_plan(), root / "hostile")
        write_plan(ledger_plan(), root / "ledger")
        write_plan(with_bundled_roof(toy_plan()), root / "bundled")

    return once(tmp_path_factory, "finished", fill)


@pytest.fixture(scope="module")
def address(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(shutil.copytree(finished, tmp_path_factory.mktemp("served") / "runs")) as found:
        yield found


@pytest.fixture(scope="module")
def bundled(finished: Path) -> Plan:
    return read_plan(finished / "bundled")


def with_bundled_roof(plan: Plan) -> Plan:
    """Return the plan with one roof of the bundled city, as a run of that city has it."""
    folder = runs.BUNDLED_CITY
    study = open_city(inputs_of_folder(folder)).study(roof=BUNDLED_ROOF)
    found = study.roofs.to_crs(4326).iloc[0]
    place = plan.roofs.index[0]
    columns = {name: plan.roofs[name].astype(object) for name in names(ROOFS)}
    for name in set(columns) - {"park_id", "district_id"}:
        columns[name].loc[place] = found[name]
    roofs = plan.roofs.assign(**columns)
    roofs.loc[[place], "geometry"] = [found.geometry]
    files = ("buildings.geojson", "parks.geojson", "weather.csv", "irradiance.tif")
    inputs = [
        {"role": name.split(".")[0], "file": name, "sha256": sha256_of(folder / name)}
        for name in files
    ]
    meta = {**plan.meta, "city": {**plan.meta["city"], "id": folder.name}, "assumptions": []}
    return replace(
        plan, roofs=roofs.rename(index={place: BUNDLED_ROOF}).rename_axis("roof_id"),
        meta={**meta, "inputs": inputs, "fingerprint": "fedcba9876543210"},
    )  # fmt: skip


@contextmanager
def visiting(
    browser: Any, address: str, size: tuple[int, int] = (1440, 900), scheme: str = "light"
) -> Iterator[Shown]:
    """Open a window of a size and a colour scheme that can reach only the app's own server."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="zh-CN", accept_downloads=True,
        color_scheme=scheme,
    )  # fmt: skip
    shown = Shown(context.new_page(), address)

    def pass_on(route: Any) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            shown.outside.append(route.request.url)
            route.abort()

    context.route("**/*", pass_on)
    shown.page.on("pageerror", lambda error: shown.faults.append(str(error)))
    shown.page.on("dialog", lambda dialog: (shown.faults.append("dialog"), dialog.dismiss()))
    yield shown
    context.close()
    assert shown.outside == []
    assert shown.faults == []


@pytest.fixture
def shown(browser: Any, address: str) -> Iterator[Shown]:
    with visiting(browser, address) as page:
        yield page


def parks_file(plan: Plan, tmp_path: Path) -> pd.DataFrame:
    write_plan(plan, tmp_path / "again")
    return pd.read_csv(tmp_path / "again" / "parks.csv", encoding="utf-8-sig", index_col="park_id")


def test_a_click_on_a_park_shows_its_own_numbers_and_roofs(shown: Shown, tmp_path: Path) -> None:
    plan = toy_plan()
    parks = parks_file(plan, tmp_path)
    shown.open("/?run=toy")
    assert shown.roofs_drawn() == []
    seen = []
    # There and back: the third click falls on a polygon that was clicked before.
    for park_id in ("P1", "P2", "P1"):
        shown.click_park(park_id)
        shown.wait_for_place(plan.parks.loc[park_id, "name_zh"])
        row = parks.loc[park_id]
        figures = {
            "可装容量 (MW)": numbers.capacity(row["capacity_dc_kw"], unit=""),
            "已装容量 (MW)": numbers.capacity(row["installed_total_dc_kw"], unit=""),
            "目标值 (MW)": numbers.capacity(row["target_dc_kw"], unit=""),
            "差距 (MW)": numbers.capacity(row["gap_dc_kw"], unit=""),
            "屋顶数": str(row["roof_count"]),
            "等效利用小时": numbers.plain(row["specific_yield_kwh_per_kw"], 0, "kWh/kWp"),
        }
        assert {label: shown.metric(label) for label in figures} == figures
        own = plan.roofs.index[plan.roofs["park_id"] == park_id]
        shown.rest()
        assert shown.roofs_drawn() == sorted(own)
        assert f"park={park_id}" in shown.page.url
        seen.append(tuple(figures.values()))
    assert seen[0] == seen[2] != seen[1]
    shown.keep("clicked")


@pytest.mark.long
def test_a_link_to_a_park_opens_it_and_reload_keeps_it(shown: Shown) -> None:
    name = toy_plan().parks.loc["P1", "name_zh"]
    shown.open("/?run=toy&park=P1")
    shown.wait_for_place(name)
    shown.page.reload()
    shown.wait_for_place(name)


@pytest.mark.long
def test_english_at_a_click_keeps_park_and_goal(shown: Shown) -> None:
    shown.open("/?run=toy&park=P1&goal=city_7gw_2030")
    shown.page.get_by_text("English", exact=True).click()
    shown.page.get_by_text("All parks", exact=True).wait_for()
    shown.wait_for_place("Lingang `new` area")
    shown.page.frame_locator("iframe").get_by_text("Show whole city").wait_for()
    shown.rest()
    shown.wait_for_place("Lingang `new` area")
    assert shown.metric("Potential (MW)")
    assert "lang=en" in shown.page.url
    assert "goal=city_7gw_2030" in shown.page.url
    assert "DEMONSTRATION" in shown.frame.locator(".pv-badge").inner_text()
    words = shown.frame.locator("body").inner_text()
    assert "Roofs" in words
    assert "without PV" in words
    shown.keep("english")


@pytest.mark.long
def test_the_whole_city_comes_back(shown: Shown) -> None:
    shown.open("/?run=toy&lang=en")
    zoom = "() => window.map.getZoom()"
    before = shown.frame.evaluate(zoom)
    shown.click_park("P1")
    shown.wait_for_place("Lingang `new` area")
    shown.frame.wait_for_function(f"() => window.map.getZoom() > {before}")
    box = shown.page.get_by_role("combobox").last
    box.focus()
    shown.page.keyboard.type("Whole")
    shown.page.keyboard.press("Enter")
    shown.wait_for_place("Toy city")
    shown.frame.wait_for_function(f"() => window.map.getZoom() === {before}")
    assert shown.roofs_drawn() == []
    # The polygon that was clicked last can be clicked again.
    shown.click_park("P1")
    shown.wait_for_place("Lingang `new` area")


@pytest.mark.long
def test_the_wheel_moves_the_page_until_the_map_is_taken(shown: Shown) -> None:
    shown.open("/?run=toy")
    zoom = shown.frame.evaluate("() => window.map.getZoom()")
    x, y = shown.pixel("P1")
    shown.page.mouse.move(x, y)
    shown.page.mouse.wheel(0, 400)
    shown.rest()
    assert shown.frame.evaluate("() => window.map.getZoom()") == zoom


def test_the_keyboard_reaches_a_park_without_the_map(shown: Shown) -> None:
    shown.open("/?run=toy&lang=en")
    box = shown.page.get_by_role("combobox").last
    box.focus()
    shown.page.keyboard.type("Lingang")
    shown.page.keyboard.press("Enter")
    shown.wait_for_place("Lingang `new` area")


@pytest.mark.long
def test_a_row_of_the_table_is_the_same_as_a_click(shown: Shown) -> None:
    plan = toy_plan()
    order = plan.parks.sort_values(["gap_dc_kw", "capacity_dc_kw"], ascending=False)
    shown.open("/?run=toy&lang=en")
    for row in (0, 1):
        table = shown.page.get_by_test_id("stDataFrame").first
        table.scroll_into_view_if_needed()
        shown.rest()
        # Cells are painted: the box that chooses a row stands at its left, 35 px for each row.
        corner = table.bounding_box()
        shown.page.mouse.click(corner["x"] + 16, corner["y"] + 35 * (row + 1.5))
        park_id = str(order.index[row])
        shown.page.wait_for_url(f"**park={park_id}*", timeout=PATIENCE_MS)
        shown.settle()
        own = plan.roofs.index[plan.roofs["park_id"] == park_id]
        shown.rest()
        assert shown.roofs_drawn() == sorted(own)
    shown.keep("table")


def test_hostile_names_are_letters_everywhere(shown: Shown) -> None:
    shown.open("/?run=hostile")
    x, y = shown.pixel("P1")
    shown.page.mouse.move(x - 3, y)
    shown.page.mouse.move(x, y)
    shown.frame.locator(".leaflet-tooltip .name").wait_for()
    assert shown.frame.locator(".leaflet-tooltip .name").inner_text() == HOSTILE[0]
    shown.page.mouse.click(x, y)
    shown.wait_for_place(HOSTILE[0])
    for page in ("roof", "goals", "districts", "work", "checks", "files"):
        shown.open(f"/{page}?run=hostile", with_map=False)
        shown.page.get_by_text("示范数据").first.wait_for()
    marks = "() => [window.pwned, document.querySelectorAll('img[src=x]').length]"
    for frame in shown.page.frames:
        assert frame.evaluate(marks) == [None, 0]
    assert shown.page.evaluate("() => window.pwned") is None
    assert shown.page.title() != "pwned"


MODULES = """() => Object.values(window.map._layers)
    .filter((layer) => layer.feature && layer.feature.properties.kind === "module")
    .map((layer) => [layer.feature.properties.rank, layer.getBounds().getCenter()])"""


RESIZED = """(width) => {
  map.getContainer().style.width = width;
  map.invalidateSize({ animate: false });
  document.querySelector(".pv-home").click();
  return map.getZoom() + map.getCenter().lat;
}"""


def test_one_roof_is_drawn_with_every_module_and_its_files_come_down(
    shown: Shown, bundled: Plan
) -> None:
    roof = bundled.roofs.loc[BUNDLED_ROOF]
    shown.open(f"/roof?run=bundled&roof={BUNDLED_ROOF}", with_map=False)
    files = shown.page.get_by_test_id("stDownloadButton")
    told = shown.page.get_by_test_id("stAlert")
    files.first.or_(told.first).wait_for(timeout=2 * PATIENCE_MS)
    assert told.all_inner_texts() == []
    shown.settle()
    shown.frame.locator(".pv-card.strip").wait_for()
    shown.rest()
    drawn = shown.frame.evaluate(MODULES)
    assert sorted(rank for rank, _ in drawn) == list(range(1, int(roof["module_count"]) + 1))
    inside = shapely.contains_xy(
        roof.geometry, [place["lng"] for _, place in drawn], [place["lat"] for _, place in drawn]
    )
    assert inside.all()
    assert shown.metric("组件数") == str(roof["module_count"])
    assert "≥" in shown.frame.locator(".pv-card.strip").inner_text()
    assert "DEMONSTRATION" in shown.frame.locator(".pv-badge").inner_text()
    # A frame has no size for a moment: the roof waits for it, and is seen whole once it has.
    for width in ("0px", "90px", ""):
        assert np.isfinite(shown.frame.evaluate(RESIZED, width)), width
    # Horizon, waterfall and months are drawn; nothing is written over the sun's paths.
    assert shown.page.locator("[data-testid=stVegaLiteChart] svg, canvas.marks").count() >= 3
    shown.keep("roof")
    for number, ending in enumerate((".geojson", ".dxf")):
        with shown.page.expect_download() as coming:
            files.nth(number).get_by_role("button").click()
        assert coming.value.suggested_filename == f"{BUNDLED_ROOF}{ending}"
        assert Path(coming.value.path()).stat().st_size > 10_000


@pytest.mark.long
@pytest.mark.parametrize("page", ["goals", "districts", "work"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_of_the_gap_ledger_open_without_the_internet(
    shown: Shown, page: str, language: str
) -> None:
    shown.open(f"/{page}?run=ledger&lang={language}", with_map=False)
    shown.page.get_by_test_id("stDataFrame").first.wait_for(timeout=PATIENCE_MS)
    shown.rest()
    assert shown.page.get_by_test_id("stException").count() == 0
    if page == "goals":
        assert shown.page.locator("[data-testid=stVegaLiteChart] svg, canvas.marks").count() >= 1
    shown.keep(f"{page}-{language}")


def test_the_work_of_a_park_comes_down_under_a_safe_name(shown: Shown) -> None:
    shown.open("/work?run=ledger&lang=en", with_map=False)
    shown.page.get_by_text("Roofs not started", exact=True).click()
    shown.page.get_by_text("Roofs that could carry PV").wait_for()
    box = shown.page.get_by_role("combobox").last
    box.focus()
    shown.page.keyboard.type("Lingang")
    shown.page.keyboard.press("Enter")
    rows = work_lists.rows_of(ledger_plan(), work_lists.LISTS["unstarted"], "P1")
    shown.page.get_by_text(f"Rows  {len(rows)}", exact=True).wait_for(timeout=PATIENCE_MS)
    shown.settle(with_map=False)
    shown.keep("work")
    with shown.page.expect_download() as coming:
        shown.page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    assert coming.value.suggested_filename == "unstarted-P1.csv"
    written = pd.read_csv(coming.value.path(), encoding="utf-8-sig", index_col="roof_id")
    assert list(written.index) == list(rows.index)
    assert set(written["run_fingerprint"].astype(str).str.zfill(16)) == {"0123456789abcdef"}


@pytest.mark.long
def test_the_map_leads_to_a_roof_of_the_chosen_park(shown: Shown) -> None:
    shown.open("/?run=toy&lang=en&park=P2")
    shown.page.get_by_text("Look at single roofs of this park").click()
    shown.page.wait_for_url("**park=P2*roof=R*", timeout=PATIENCE_MS)
    shown.settle()
    shown.page.get_by_text("python -m pvplan layout").wait_for()


def test_a_file_of_the_run_comes_down_byte_for_byte(shown: Shown, tmp_path: Path) -> None:
    shown.open("/files?run=toy", with_map=False)
    button = shown.page.locator(".st-key-download-parks-csv").get_by_role("button")
    with shown.page.expect_download() as coming:
        button.click()
    assert coming.value.suggested_filename == "parks.csv"
    write_plan(toy_plan(), tmp_path / "again")
    expected = (tmp_path / "again" / "parks.csv").read_bytes()
    assert Path(coming.value.path()).read_bytes() == expected


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 101), ("evil.example", 403)])
def test_only_the_own_name_opens_a_session(address: str, host: str, status: int) -> None:
    # A page elsewhere whose name is made to point at this machine must not reach the app.
    port = int(address.rsplit(":", maxsplit=1)[1])
    asked = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(asked.encode())
        answer = line.recv(64).decode(errors="replace")
    assert answer.startswith(f"HTTP/1.1 {status}")


@pytest.mark.skipif(
    os.environ.get("PVPLAN_SCREENSHOTS") != "1", reason="pictures only with PVPLAN_SCREENSHOTS=1"
)
def test_pictures_of_the_bundled_city(browser: Any, tmp_path: Path) -> None:
    import datetime

    from pvplan.run import run_folder

    city = ROOT / "data" / "rooftops" / "shanghai"
    plan = run_folder(city, tmp_path / "shanghai", datetime.date(2026, 11, 22), lambda _stage: None)
    widest = plan.parks[plan.parks.geometry.notna()]["gap_dc_kw"].idxmax()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with served(tmp_path) as address, visiting(browser, address) as shown:
        for language in ("zh", "en"):
            shown.open(f"/?lang={language}")
            shown.rest()
            (IMAGES / f"map-{language}.png").write_bytes(shown.keep(f"map-{language}"))
        shown.open(f"/?lang=zh&park={widest}")
        shown.rest()
        (IMAGES / "park-zh.png").write_bytes(shown.keep("park-zh"))
        shown.open(f"/roof?lang=zh&roof={BUNDLED_ROOF}", with_map=False)
        shown.page.get_by_test_id("stDownloadButton").first.wait_for(timeout=2 * PATIENCE_MS)
        shown.rest()
        (IMAGES / "roof-zh.png").write_bytes(shown.keep("roof-zh"))
        shown.open("/goals?lang=en", with_map=False)
        shown.rest()
        (IMAGES / "goals-en.png").write_bytes(shown.keep("goals-en"))

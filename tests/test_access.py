"""Access, widths, font and policy in a real browser: both languages, both themes, three sizes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.test_browser import (
    PATIENCE_MS,
    Shown,
    address,
    browser,
    finished,
    shown,
    visiting,
)

__all__ = ["address", "browser", "finished", "shown"]  # fixtures
pytestmark = pytest.mark.browser

AXE = next((ROOT / "tests" / "vendor").glob("axe-core-*")) / "axe.min.js"
PAGES = ("", "goals", "roof", "districts", "plan", "work", "checks", "files")
DESKTOP, TABLET, PHONE = (1440, 900), (1024, 768), (390, 844)
# 甪 is not in GB 2312: at weight 600 it comes from the file of weight 400.
RARE = "泖港镇甪直"

GRAVE = """async () => {
    const found = await axe.run(document, { iframes: false, resultTypes: ["violations"] });
    return found.violations.filter((rule) => ["serious", "critical"].includes(rule.impact))
        .flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: `
            + node.any.map((check) => check.message).join("; ")));
}"""

# Streamlit fades what an earlier run left; contrast counts once that is over.
STILL = """() => !document.querySelector("[data-stale=true]")
    && document.getAnimations().every((move) => move.playState !== "running"
        || move.effect.getTiming().iterations === Infinity)"""

# Whole texts only: cut by their own box, spilling out of their frame, or beyond the window.
BROKEN = """() => {
    const found = [];
    const spoken = (part) => !part.closest("[data-testid=stIconMaterial], [aria-hidden=true]");
    const frames = "button, [data-testid=stMetric], [data-testid=stBadge], [data-testid=stAlert]";
    const kinds = `${frames}, [data-testid=stText], [role=tab], [data-testid=stTopNavLink],
        [data-testid=stCaptionContainer], [data-testid=stMarkdownContainer], summary`;
    const skipped = "[data-testid=stSelectbox], [data-testid=stElementToolbar]";
    for (const kind of document.querySelectorAll(kinds)) {
        const box = kind.getBoundingClientRect();
        if (box.right <= 0 || !box.width || kind.closest(skipped)) continue;
        if (kind.closest("[data-testid=stSidebar]") && box.left < 0) continue;
        const words = kind.textContent.trim().slice(0, 50);
        for (const part of [kind, ...kind.querySelectorAll("*")]) {
            const cuts = ["hidden", "clip"].includes(getComputedStyle(part).overflowX);
            if (!part.textContent.trim() || !spoken(part) || part.tagName === "INPUT") continue;
            if (cuts && part.clientWidth && part.scrollWidth > part.clientWidth + 1) {
                found.push(`cut: ${words}`);
            }
        }
        if (box.right > innerWidth + 1) found.push(`outside: ${words}`);
        if (!kind.matches(frames)) continue;
        const texts = document.createTreeWalker(kind, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            if (!spoken(texts.currentNode.parentElement)) continue;
            const range = document.createRange();
            range.selectNodeContents(texts.currentNode);
            const right = range.getBoundingClientRect().right;
            if (right > box.right + 1.5) found.push(`spilt: ${words}`);
        }
    }
    const grounds = "html, body, .stApp, [data-testid=stMain], [data-testid=stMainBlockContainer]";
    for (const ground of document.querySelectorAll(grounds)) {
        if (ground.scrollWidth > ground.clientWidth + 1) found.push(`scrolls: ${ground.tagName}`);
    }
    return [...new Set(found)];
}"""


def settled(shown: Shown, page: str, language: str) -> None:
    shown.open(f"/{page}?run=ledger&lang={language}", with_map=page == "")
    shown.rest()
    shown.page.wait_for_function(STILL, timeout=PATIENCE_MS)


def grave(frame: Any) -> list[str]:
    frame.evaluate(AXE.read_text(encoding="utf-8"))
    return lasting(lambda: frame.evaluate(GRAVE))


def lasting(check: Callable[[], list[str]]) -> list[str]:
    """Return what a check still finds after some seconds: charts follow a new width late."""
    for _ in range(5):
        found = list(check())
        if not found:
            break
        time.sleep(1.5)
    return found


@pytest.mark.parametrize(
    ("language", "scheme"),
    [
        ("zh", "light"),
        pytest.param("en", "light", marks=pytest.mark.long),
        pytest.param("zh", "dark", marks=pytest.mark.long),
        pytest.param("en", "dark", marks=pytest.mark.long),
    ],
)
def test_no_grave_finding_and_no_broken_width(
    browser: Any, address: str, language: str, scheme: str
) -> None:
    found = {}
    with visiting(browser, address, scheme=scheme) as shown:
        for page in PAGES:
            settled(shown, page, language)
            for number, frame in enumerate(shown.page.frames):
                found[f"{page} {number}"] = grave(frame)
            for size in (DESKTOP, TABLET, PHONE) if scheme == "light" else ():
                shown.page.set_viewport_size({"width": size[0], "height": size[1]})
                shown.rest()
                found[f"{page} {size[0]} px"] = lasting(lambda: shown.page.evaluate(BROKEN))
                shown.keep(f"look-{page or 'map'}-{language}-{size[0]}")
            if scheme == "dark":
                shown.keep(f"look-{page or 'map'}-{language}-dark")
            shown.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    assert {place: faults for place, faults in found.items() if faults} == {}


@pytest.mark.long
def test_the_checks_see_a_breach(shown: Shown) -> None:
    settled(shown, "checks", "zh")
    shown.page.evaluate(
        """() => {
            const main = document.querySelector("[data-testid=stMainBlockContainer]");
            const box = document.createElement("button");
            box.style.cssText = "width: 30px; overflow: hidden; white-space: nowrap; color: #ccc;"
                + "background: #fff";
            box.textContent = "some words that do not fit";
            main.append(box, document.createElement("img"));
        }"""
    )
    rules = {found.split(":")[0] for found in grave(shown.page.main_frame)}
    assert rules == {"image-alt", "color-contrast"}
    broken = {found.split(":")[0] for found in shown.page.evaluate(BROKEN)}
    assert broken == {"cut", "spilt"}


@pytest.mark.parametrize(
    ("language", "pages"),
    [
        ("en", ("", "roof")),
        pytest.param("en", PAGES, marks=pytest.mark.long),
        pytest.param("zh", PAGES, marks=pytest.mark.long),
    ],
)
def test_a_phone_starts_with_the_page_and_nothing_beyond_its_edge(
    browser: Any, address: str, language: str, pages: tuple[str, ...]
) -> None:
    found = {}
    with visiting(browser, address, PHONE) as shown:
        for page in pages:
            settled(shown, page, language)
            found[page] = lasting(lambda: shown.page.evaluate(BROKEN))
            sidebar = shown.page.get_by_test_id("stSidebar").bounding_box()
            assert sidebar is None or sidebar["x"] + sidebar["width"] <= 0.0
            for table in shown.page.get_by_test_id("stDataFrame").all():
                assert table.bounding_box()["width"] <= PHONE[0]
            shown.keep(f"phone-{page or 'map'}-{language}")
    assert {page: faults for page, faults in found.items() if faults} == {}


def fonts_of(shown: Shown, selector: str, *, in_map: bool = False) -> dict[str, bool]:
    """Return the fonts that the browser drew an element with, and whether the app served them."""
    session = shown.page.context.new_cdp_session(shown.page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument", {"depth": -1, "pierce": True})["root"]
    if in_map:
        root = next(node["contentDocument"] for node in nodes(root) if node["nodeName"] == "IFRAME")
    node = session.send("DOM.querySelector", {"nodeId": root["nodeId"], "selector": selector})
    used = session.send("CSS.getPlatformFontsForNode", {"nodeId": node["nodeId"]})["fonts"]
    return {font["familyName"]: font["isCustomFont"] for font in used}


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("children", []):
        yield from nodes(child)


WRITE = """([into, words]) => ["400", "600"].forEach((weight) => {
    const line = document.createElement("div");
    line.className = `probe-${weight}`;
    line.style.fontWeight = weight;
    line.textContent = words;
    document.querySelector(into).append(line);
})"""


def test_chinese_is_drawn_with_the_apps_own_font_on_page_chart_and_map(shown: Shown) -> None:
    settled(shown, "", "zh")
    shown.page.evaluate(WRITE, ["[data-testid=stMainBlockContainer]", RARE])
    shown.frame.evaluate(WRITE, [".leaflet-container", RARE])
    shown.rest()
    for weight in ("400", "600"):
        for in_map in (False, True):
            used = fonts_of(shown, f".probe-{weight}", in_map=in_map)
            assert used, "nothing was drawn"
            assert all(used.values()), f"weight {weight}, map {in_map}: {used}"
            assert all("Noto Sans SC" in family for family in used)
    assert all(fonts_of(shown, "[data-testid=stVegaLiteChart] svg text").values())


def test_the_page_says_its_language_and_so_do_streamlits_own_words(shown: Shown) -> None:
    settled(shown, "goals", "zh")
    shown.page.wait_for_function("() => document.documentElement.lang === 'zh-CN'")
    shown.page.get_by_test_id("stMainMenu").click()
    menu = shown.page.get_by_test_id("stMainMenuPopover")
    menu.get_by_text("深色").wait_for()
    assert "Dark" not in menu.inner_text()
    shown.page.keyboard.press("Escape")
    shown.page.get_by_text("English", exact=True).click()
    shown.page.wait_for_function("() => document.documentElement.lang === 'en'")
    shown.rest()
    shown.page.get_by_test_id("stMainMenu").click()
    menu.get_by_text("Dark").wait_for()
    assert "深色" not in menu.inner_text()


def test_the_readers_theme_reaches_page_map_and_charts(shown: Shown) -> None:
    settled(shown, "", "en")
    assert not shown.frame.evaluate("() => document.body.classList.contains('pv-dark')")
    shown.page.get_by_test_id("stMainMenu").click()
    shown.page.get_by_test_id("stMainMenuPopover").get_by_text("Dark").click()
    shown.page.keyboard.press("Escape")
    shown.page.wait_for_function(
        "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor"
        " === 'rgb(17, 24, 32)'"
    )
    shown.settle()
    shown.frame.wait_for_function("() => document.body.classList.contains('pv-dark')")
    ink = shown.page.evaluate(
        "() => getComputedStyle(document.querySelector('[data-testid=stVegaLiteChart] svg text'))"
        ".fill"
    )
    assert min(int(part) for part in ink[4:-1].split(",")) > 120, ink
    shown.keep("theme-dark")


REFUSED = """(what) => new Promise((told) => {
    document.addEventListener("securitypolicyviolation",
        (event) => told(event.effectiveDirective), { once: true });
    if (what === "img-src") new Image().src = "https://outside.invalid/x.png";
    else fetch("https://outside.invalid/x").catch(() => null);
    setTimeout(() => told("nothing refused"), 5000);
})"""


def test_the_browser_refuses_what_lies_outside_on_page_and_map(shown: Shown) -> None:
    """The fixture sees no request: the browser stopped both before they left."""
    settled(shown, "", "zh")
    for frame in (shown.page, shown.frame):
        for what in ("img-src", "connect-src"):
            assert frame.evaluate(REFUSED, what) == what


def test_a_table_offers_no_export_that_leaves_formulas_armed(shown: Shown) -> None:
    settled(shown, "work", "zh")
    table = shown.page.get_by_test_id("stDataFrame").first
    table.hover()
    toolbar = shown.page.get_by_test_id("stElementToolbar").first
    toolbar.get_by_label("选择显示的列: 清单").wait_for()
    assert toolbar.get_by_label("Download as CSV").is_hidden()

"""Units, theme, words, font and headers: what every page shares, without a browser."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import logging
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import altair as alt
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pvplan import maps
from pvplan.reports.output import write_plan
from pvplan.ui import charts, faults, ground, headers, numbers, units
from pvplan.ui.words import LANGUAGES, WORDS
from pvplan.ui.words_look import STREAMLIT_WORDS
from tests.conftest import ROOT
from tests.plans import toy_plan
from tests.shown import app_at

UI = sorted((ROOT / "pvplan" / "ui").glob("*.py"))
STATIC = ROOT / "static"
FONT = next((STATIC / "vendor").glob("noto-sans-sc-*"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The toy city's row of the city table, and the app on its run."""
    write_plan(toy_plan(), tmp_path / "toy")
    monkeypatch.setenv("PVPLAN_RUNS", str(tmp_path))
    return toy_plan().city.iloc[0]


def opened(page: str, **link: str) -> AppTest:
    return app_at(page, link)


def potential(app: AppTest) -> tuple[str, str]:
    """Return label and value of the first figure of the page."""
    return app.metric[0].label, app.metric[0].value


# --- units


@pytest.mark.parametrize(
    ("unit", "label", "kilowatts", "decimals"),
    [("mw", "可装容量 (MW)", 1e3, 2), ("gw", "可装容量 (GW)", 1e6, 4),
     ("wankw", "可装容量 (万千瓦)", 1e4, 3)],
)  # fmt: skip
def test_the_links_unit_is_that_of_figures_and_tables(
    city: Any, unit: str, label: str, kilowatts: float, decimals: int
) -> None:
    app = opened("districts", run="toy", unit=unit)
    value = city["capacity_dc_kw"] / kilowatts
    shown = units.UNITS[unit].far if value >= 10.0 else decimals
    assert potential(app) == (label, f"{value:,.{shown}f}")
    sign = units.UNITS[unit].sign
    heads = {head for table in app.dataframe for head in labels_of(table)}
    assert f"差距 ({sign})" in heads
    others = {other.sign for other in units.UNITS.values()} - {sign}
    assert not [head for head in heads if any(f"({other})" in head for other in others)]


def labels_of(table: Any) -> list[str]:
    columns = json.loads(table.proto.columns).values()
    return [str(column["label"]) for column in columns if "label" in column]


def test_a_table_holds_the_numbers_of_its_unit(city: Any) -> None:
    plan = toy_plan()
    app = opened("districts", run="toy", unit="gw", lang="en")
    table = next(
        found.value for found in app.dataframe if {"potential", "usable_area"} <= set(found.value)
    )
    total = plan.districts["capacity_dc_kw"].sum() / 1e6
    assert table["potential"].sum() == pytest.approx(total)


def test_the_unit_is_kept_between_pages_and_comes_back_with_chinese(city: Any) -> None:
    app = opened("districts", run="toy", unit="wankw")
    app.switch_page("pvplan/ui/page_goals.py").run()
    app.switch_page("pvplan/ui/page_districts.py").run()
    assert potential(app)[0] == "可装容量 (万千瓦)"
    assert app.query_params["unit"] in ("wankw", ["wankw"])
    app.session_state["language"] = "en"
    app.run()
    assert potential(app)[0] == "Potential (MW)"
    app.session_state["language"] = "zh"
    app.run()
    assert potential(app)[0] == "可装容量 (万千瓦)"


@pytest.mark.parametrize("asked", ["kg", "<img src=x>", ""])
def test_an_unknown_unit_in_the_link_is_mw(city: Any, asked: str) -> None:
    app = opened("districts", run="toy", unit=asked)
    assert potential(app)[0] == "可装容量 (MW)"


def test_capacities_are_written_with_their_sign_and_ranges_once() -> None:
    assert numbers.capacity(12_345.6) == "12.3 MW"
    assert numbers.capacity(-1_234.5) == "−1.23 MW"
    assert numbers.capacity(None) == numbers.DASH
    assert numbers.capacity_between(1e3, 2e4) == "1.00 – 20.0 MW"


# --- words


def test_every_word_is_there_in_both_languages() -> None:
    for key, told in WORDS.items():
        assert len(told) == len(LANGUAGES)
        assert all(words.strip() for words in told), key
        forms = [set(re.findall(r"\{(\w*)\}", words)) for words in told]
        assert forms[0] == forms[1], f"{key}: the languages take other values"


def test_english_words_hold_no_chinese_but_the_badge() -> None:
    mixed = {key for key, told in WORDS.items() if CHINESE.search(told[1])}
    assert mixed == {"demonstration"}


def test_streamlits_own_words_are_still_its_own() -> None:
    """A word that Streamlit no longer writes is dead weight: an update would leave English."""
    scripts = Path(st.__file__).parent / "static" / "static" / "js"
    written = "".join(path.read_text(encoding="utf-8") for path in scripts.glob("*.js"))
    for english, chinese in STREAMLIT_WORDS.items():
        assert CHINESE.search(chinese), english
        literal = [f"{mark}{english}{mark}" for mark in "`\"'"]
        # Two are put together: a size or a deed stands in a hole.
        literal += [f"}}{english[2:]}`"] if english.startswith("{}") else []
        literal += ["`Press Enter to ${"] if english.startswith("Press Enter") else []
        assert any(form in written for form in literal), english


# Calls whose first argument, and these keywords, a reader sees.
SHOWN = {
    "badge", "button", "caption", "checkbox", "date_input", "dialog", "download_button",
    "error", "expander", "file_uploader", "form_submit_button", "header", "info",
    "link_button", "markdown", "metric", "multiselect", "number_input", "page_link", "pills",
    "popover", "progress", "radio", "segmented_control", "selectbox", "select_slider",
    "slider", "spinner", "status", "subheader", "success", "tabs", "text", "text_area",
    "text_input", "title", "toast", "toggle", "warning", "write", "TextColumn", "NumberColumn",
    "DateColumn", "CheckboxColumn", "Column", "SelectboxColumn",
}  # fmt: skip
CHARTED = {"X", "Y", "Color", "Axis", "Legend", "Shape", "Tooltip"}
SEEN = {"label", "help", "placeholder", "alt", "title", "body"}
# Signs that both languages write alike, and the one label that speaks both.
ALIKE = {"MW", "GWh", "kW", "kWp", "kWh", "m", "s", "P10", "P50", "P90"}
BOTH = {"语言 Language"}


def bare_words(path: Path) -> Iterator[str]:
    """Return the words that a file shows without asking the words module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        owner = getattr(getattr(node.func, "value", None), "id", "").lower()
        if called not in SHOWN | CHARTED or "log" in owner:
            continue
        first = node.args[:1] if called in SHOWN and called != "page_link" else []
        for shown in (*first, *(word.value for word in node.keywords if word.arg in SEEN)):
            parts = shown.values if isinstance(shown, ast.JoinedStr) else [shown]
            for part in parts:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    letters = part.value.strip(" ()*#·:/")
                    if re.search(r"[^\W\d_]", letters) and letters not in ALIKE | BOTH:
                        yield f"{path.name}:{node.lineno} {called}({part.value!r})"


@pytest.mark.parametrize("path", [*UI, ROOT / "app.py"], ids=lambda path: path.stem)
def test_no_page_shows_a_word_of_its_own(path: Path) -> None:
    assert list(bare_words(path)) == []


def test_the_search_for_bare_words_finds_them(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text(
        'st.text("Hello")\nst.metric(f"Gap {unit}", "1")\nst.button(say("ok"), help="more")\n'
        'alt.X("day:T", title="Day")\nst.text(f"{name} kWp")\nst.markdown("##### ")\n'
    )
    assert [found.split(" ", 1)[1] for found in bare_words(page)] == [
        "text('Hello')", "metric('Gap ')", "button('more')", "X('Day')"
    ]  # fmt: skip


# --- theme and font


def config() -> dict[str, Any]:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_ink_and_links_stand_out_on_every_ground(theme: str) -> None:
    colours = config()["theme"][theme]
    grounds = [colours["backgroundColor"], colours["secondaryBackgroundColor"]]
    grounds += [colours["sidebar"]["backgroundColor"]]
    for ink in ("textColor", "linkColor", "primaryColor"):
        for behind in grounds:
            assert contrast(colours[ink], behind) >= 4.5, (theme, ink, behind)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_in_charts_are_in_the_ink_of_the_theme(
    theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = property(lambda _: SimpleNamespace(type=theme))
    monkeypatch.setattr(type(st.context), "theme", chosen)
    rows = pd.DataFrame({"what": ["needed"], "pace_mw": [3.0], "told": ["3 MW"]})
    drawn = charts.dressed(alt.Chart(rows).mark_text().encode(text="told:N"), 50).to_dict()
    assert drawn["config"]["text"]["color"] == config()["theme"][theme]["textColor"]


def test_the_style_sheet_leaves_colours_to_the_theme() -> None:
    sheet = (ROOT / "pvplan" / "ui" / "page.css").read_text(encoding="utf-8")
    rules = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\b(rgba?|hsla?)\(", rules)


def test_config_and_style_sheet_name_the_same_font_files() -> None:
    faces = {
        (face["family"], face["weight"], face["url"].removeprefix("app/static/"))
        for face in config()["theme"]["fontFaces"]
    }
    sheet = (STATIC / "fonts.css").read_text(encoding="utf-8")
    found = re.findall(r"font-family: '([^']+)'; font-weight: (\d+);[^}]*?url\('([^']+)'\)", sheet)
    assert faces == set(found)
    assert all((STATIC / path).is_file() for _, _, path in found)


def test_the_font_is_the_one_that_its_note_describes_and_small_enough() -> None:
    note = (FONT / "VERSION").read_text(encoding="utf-8")
    files = sorted(FONT.glob("*.woff2"))
    assert len(files) == 2
    for path in files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in note
        assert path.stat().st_size <= 2_000_000
    assert "OFL" in note
    assert "SIL OPEN FONT LICENSE" in (FONT / "LICENSE").read_text(encoding="utf-8")
    assert FONT.name.removeprefix("noto-sans-sc-") in note


# --- headers and faults


def answered(path: str = "/", **options: Any) -> dict[bytes, list[bytes]]:
    """Return what the middleware makes of an answer with two cookies."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        start = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": start})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        scope = {"type": "http", "path": path, "method": "GET"}
        await headers.Headers(application, **options)(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    found: dict[bytes, list[bytes]] = {}
    for name, value in sent[0]["headers"]:
        found.setdefault(name, []).append(value)
    return found


def test_every_answer_says_what_may_be_loaded_and_keeps_its_cookies() -> None:
    found = answered()
    assert found[b"set-cookie"] == [b"a=1", b"b=2"]
    assert found[b"cache-control"] == [b"no-cache"]
    [told] = found[b"content-security-policy"]
    assert b"default-src 'self'" in told
    assert b"http" not in told
    assert found[b"x-content-type-options"] == [b"nosniff"]


def test_only_what_never_changes_is_kept_by_the_browser() -> None:
    kept = answered("/app/static/vendor/leaflet-1.9.4/leaflet.js")[b"cache-control"]
    assert kept == [headers.FOR_A_YEAR]
    assert answered("/app/static/map.js")[b"cache-control"] == [b"no-cache"]


def test_the_policy_admits_the_tile_server_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ground.TILES, raising=False)
    assert headers.hosts_asked_for() == []
    monkeypatch.setenv(ground.TILES, "https://tiles.example/{z}/{x}/{y}.png")
    assert headers.hosts_asked_for() == ["https://tiles.example"]
    [told] = answered(pictures_from=headers.hosts_asked_for())[b"content-security-policy"]
    assert told.count(b"https://tiles.example") == 1
    monkeypatch.setenv(ground.TILES, "/tiles/{z}/{x}/{y}.png")
    assert headers.hosts_asked_for() == []
    monkeypatch.setenv(ground.TILES, "nothing known")
    assert headers.hosts_asked_for() == []


def test_each_subdomain_of_a_tile_server_is_named() -> None:
    server = maps.TileServer(("https://t{s}.example/{z}/{x}/{y}",), "01", "", False, 18)
    assert headers.picture_hosts(server) == ["https://t0.example", "https://t1.example"]


def test_a_fault_is_logged_and_told_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def page() -> None:
        from pvplan.ui import faults

        assert faults.tell(ValueError("secret"))

    with caplog.at_level(logging.ERROR, logger=faults.LOGGER.name):
        app = AppTest.from_function(page).run()
    assert [element.value for element in app.error] == [WORDS["unexpected"][0]]
    assert "secret" in caplog.text

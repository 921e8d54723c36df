"""The map: hostile names stay letters, nothing comes from outside, classes cover the values."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from pvplan import maps
from pvplan.errors import InputError
from pvplan.maps import one_roof, tiles
from pvplan.maps.roofs import readiness
from pvplan.reports.roofs import in_park, roofs_of
from pvplan.tables import OUTSIDE_PARKS, Plan
from tests.conftest import ROOT
from tests.plans import toy_plan
from tests.shown import HOSTILE, hostile_plan

WORDS = maps.MapWords(
    zoom_in="放大", zoom_out="缩小", whole_city="返回全市", region="地图",
    badge="示范数据 DEMONSTRATION", legend="图例", no_tiles="无底图", loading="载入",
    not_loaded="未载入", zoom_for_roofs="放大",
)  # fmt: skip
ROOFS = maps.RoofWords(
    legend="屋顶", built="已有", not_built="尚无", unknown="不明",
    columns={key: (f"列{key}", "kWp") for key in maps.COLOURS},
    states={state: f"状态{state}" for state in maps.READINESS},
)  # fmt: skip
SIGNS_OF_CODE = re.compile(r"[<>`{}$%#&'_]")


def handed_over(script: str) -> list[Any]:
    """Decode every literal of a script the way JavaScript does."""
    literals = re.findall(r'JSON\.parse\("((?:[^"\\]|\\.)*)"\)', script)
    return [json.loads(json.loads(f'"{literal}"')) for literal in literals]


def page_of(plan: Plan, server: maps.TileServer | None = None) -> str:
    """Return the whole page that folium makes of a map of the city."""
    names = {
        "park": {str(index): str(name) for index, name in plan.parks["name_zh"].items()},
        "district": {str(index): str(name) for index, name in plan.districts["name_zh"].items()},
    }
    made = maps.city_map(maps.city_literal(plan, names, WORDS, server=server))
    return str(made.get_root().render())


def base_of(plan: Plan) -> Any:
    return handed_over(page_of(plan))[0]


def places_of(plan: Plan, values: pd.Series | None = None) -> Any:
    parks = plan.parks[plan.parks.geometry.notna()]
    told = plan.parks["gap_dc_kw"] / 1000.0 if values is None else values
    literal = maps.places_literal(
        maps.Coloured(
            "park", told.reindex(parks.index), "差距（MW）", "无数据",
            {str(index): "1" for index in parks.index},
            {str(index): (str(row["name_zh"]),) for index, row in parks.iterrows()},
        )
    )  # fmt: skip
    return handed_over(literal)[0]


def roofs_file(plan: Plan, park_id: str) -> Any:
    content = maps.park_roofs(roofs_of(plan).of(in_park(park_id))).content
    assert content is not None
    return json.loads(content)


def outlines(file: Any, number: int) -> Any:
    """Return a roof of the compact file the way the browser reads it."""
    rings = [np.cumsum(np.array(ring).reshape(-1, 2), axis=0) for ring in file["rings"][number]]
    return [ring * file["fine"] + np.array(file["origin"]) for ring in rings]


words = st.text() | st.text("{}%#<>&'\"`$_\\/\n\u2028a1", min_size=1)


@given(
    st.recursive(words, lambda some: st.lists(some) | st.dictionaries(words, some), max_leaves=6)
)
def test_any_text_crosses_unchanged_and_without_a_sign_of_code(value: Any) -> None:
    literal = maps.script_value(value)
    inner = literal.removeprefix('JSON.parse("').removesuffix('")')
    assert inner.isascii()
    assert not SIGNS_OF_CODE.search(inner)
    assert "\n" not in inner
    assert handed_over(literal) == [value]


def test_a_missing_number_cannot_slip_into_a_script() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        maps.script_value({"gap": float("nan")})


def test_hostile_names_are_no_part_of_the_page_and_no_template() -> None:
    # render() runs what folium makes of the names through Jinja a second time.
    plan = hostile_plan()
    calls = [("places", maps.places_literal(maps.Coloured(
        "park", plan.parks["gap_dc_kw"], HOSTILE[3], HOSTILE[2],
        dict.fromkeys(plan.parks.index, HOSTILE[1]), dict.fromkeys(plan.parks.index, HOSTILE[:3]),
    )))]  # fmt: skip
    group = maps.shown_group(calls)
    made = maps.city_map("{}")
    group.add_to(made)
    page = page_of(plan)
    for text in (page, str(made.get_root().render())):
        for name in HOSTILE[:4]:
            assert name not in text
    labels = handed_over(page)[0]["labels"]
    assert {label["text"] for label in labels["district"]} == {HOSTILE[3], HOSTILE[0]}
    assert {label["text"] for label in labels["park"]} == set(HOSTILE[:2])


def test_nothing_of_the_page_comes_from_another_host() -> None:
    page = page_of(toy_plan())
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert len(loaded) == len(maps.CityMap.default_js) + len(maps.CityMap.default_css)
    for address in loaded:
        assert (ROOT / "static" / address.removeprefix(maps.STATIC)).is_file()


@pytest.mark.parametrize("name", ["leaflet-1.9.4", "pmtiles-4.5.0"])
def test_what_is_not_ours_is_the_published_one(name: str) -> None:
    folder = ROOT / "static" / "vendor" / name
    noted = dict(
        reversed(line.split()) for line in (folder / "VERSION").read_text().splitlines()
        if re.match(r"[0-9a-f]{64} ", line)
    )  # fmt: skip
    scripts = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css")}
    assert set(noted) == scripts != set()
    for file, digest in noted.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    assert "Copyright" in (folder / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["map.js", "roofs.js"])
def test_the_drawing_code_writes_text_and_never_markup(name: str) -> None:
    code = (ROOT / "static" / name).read_text(encoding="utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in code
    assert "http" not in code


def test_folium_is_met_in_one_file_only() -> None:
    users = [
        path.relative_to(ROOT).as_posix() for path in (ROOT / "pvplan").rglob("*.py")
        if re.search(r"^\s*(import|from) (folium|branca)\b", path.read_text("utf-8"), re.M)
    ]  # fmt: skip
    assert users == ["pvplan/maps/__init__.py"]


def test_every_park_with_an_outline_is_drawn_in_the_colour_of_its_class() -> None:
    plan = toy_plan()
    base, told = base_of(plan), places_of(plan)
    parks = [feature["properties"] for feature in base["shapes"]["park"]["features"]]
    assert parks == [{"kind": "park", "id": "P1"}, {"kind": "park", "id": "P2"}]
    assert OUTSIDE_PARKS not in json.dumps([base, told])
    classes = maps.classify(plan.parks["gap_dc_kw"].drop(OUTSIDE_PARKS) / 1000.0)
    for park_id in ("P1", "P2"):
        gap = plan.parks.loc[park_id, "gap_dc_kw"] / 1000.0
        assert told["places"][park_id]["colour"] == classes.colour(gap)
        assert told["places"][park_id]["lines"] == [plan.parks.loc[park_id, "name_zh"]]
    assert told["legend"]["title"] == "差距（MW）"
    assert [row["label"] for row in told["legend"]["rows"]] == list(classes.labels())
    south, west = base["bounds"][0]
    assert (west, south) == (121.39, 31.0)


def test_a_park_without_a_value_looks_different_and_the_legend_says_so() -> None:
    told = places_of(toy_plan(), pd.Series({"P1": 3.0}))
    first, second = told["places"]["P1"], told["places"]["P2"]
    assert (first["pattern"], second["pattern"]) == ("", "hatch")
    assert second["colour"] == maps.UNKNOWN != first["colour"]
    assert told["legend"]["rows"][-1] == {
        "colour": maps.UNKNOWN, "label": "无数据", "pattern": "hatch",
    }  # fmt: skip


def test_larger_districts_come_first_so_that_their_labels_stay() -> None:
    labels = base_of(toy_plan())["labels"]["district"]
    assert [label["text"] for label in labels] == ["浦东新区", "闵行区"]


def test_the_view_is_the_place_that_was_chosen() -> None:
    plan = toy_plan()
    west, south, east, north = plan.parks.geometry.loc["P2"].bounds
    area = maps.around(plan, "park", "P2")
    assert area == [[south, west], [north, east]]
    assert maps.around(plan, "park", OUTSIDE_PARKS) is None
    first, second = (maps.view_literal(area, serial, "r1") for serial in (1, 2))
    assert first != second
    assert handed_over(first)[0] == {"bounds": area, "serial": 1, "roof": "r1"}


def test_coordinates_are_rounded_to_a_tenth_of_a_metre() -> None:
    plan = toy_plan()
    fine = gpd.GeoDataFrame(
        plan.parks.drop(columns="geometry"), crs=plan.parks.crs,
        geometry=[box(121.123456789, 31.123456789, 121.2, 31.2), None, None],
    )  # fmt: skip
    shapes = base_of(replace(plan, parks=fine))["shapes"]["park"]
    ring = shapes["features"][0]["geometry"]["coordinates"][0]
    assert [121.123457, 31.123457] in ring


# --- roofs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("park_id", ["P1", OUTSIDE_PARKS])
def test_the_file_of_a_park_holds_each_of_its_roofs_where_it_stands(park_id: str) -> None:
    plan = toy_plan()
    file = roofs_file(plan, park_id)
    own = plan.roofs[plan.roofs["park_id"] == park_id]
    assert set(file["id"]) == set(own.index)
    assert list(own.loc[file["id"], "footprint_area_m2"]) == sorted(
        own["footprint_area_m2"], reverse=True
    )
    for number, roof_id in enumerate(file["id"]):
        shape = own.geometry[roof_id]
        rings = outlines(file, number)
        parts = getattr(shape, "geoms", [shape])
        assert len(rings) == len(parts)
        for ring, part in zip(rings, parts, strict=True):
            np.testing.assert_allclose(ring, part.exterior.coords[:-1], atol=0.51e-6)
        assert file["kw"][number] == round(own.loc[roof_id, "capacity_dc_kw"], 1)
        assert file["built"][number] == round(own.loc[roof_id, "installed_dc_kw"], 1)
        yearly = own.loc[roof_id, "energy_ac_kwh_per_year"] / own.loc[roof_id, "capacity_dc_kw"]
        assert file["yield"][number] == pytest.approx(yearly, abs=0.5)
    south, west = maps.park_roofs(own).area[0]
    assert [west, south] == list(own.total_bounds[:2])


def test_a_hole_of_a_roof_stays_open() -> None:
    plan = toy_plan()
    yard = box(121.4, 31.1, 121.401, 31.101).difference(box(121.4002, 31.1002, 121.4008, 31.1008))
    roofs = plan.roofs.copy()
    roofs.loc[[roofs.index[0]], "geometry"] = [yard]
    file = roofs_file(replace(plan, roofs=roofs), "P1")
    rings = outlines(file, file["id"].index(roofs.index[0]))
    assert len(rings) == 2
    np.testing.assert_allclose(rings[1], yard.interiors[0].coords[:-1], atol=0.51e-6)


def test_what_is_not_known_of_a_roof_is_no_number() -> None:
    plan = toy_plan()
    unknown = replace(plan, roofs=plan.roofs.assign(installed_dc_kw=np.nan))
    assert set(roofs_file(unknown, "P1")["built"]) == {None}
    told = maps.roof_colours(unknown.roofs, "built", ROOFS)
    assert told["seen"] == [-1]
    assert told["unknown"]["label"] == "不明"


def test_more_roofs_than_can_be_drawn_are_told_without_outlines() -> None:
    roofs = roofs_of(toy_plan()).of(in_park("P1"))
    drawn = maps.park_roofs(roofs)
    many = maps.many_roofs(pd.DataFrame(roofs[list(maps.TOLD_BY)]), roofs.total_bounds)
    assert many.content is None
    assert drawn.content is not None
    assert many.area == drawn.area
    pd.testing.assert_frame_equal(many.told.loc[drawn.told.index], drawn.told)


def test_a_roof_that_bears_pv_only_after_a_survey_is_its_own_state() -> None:
    roofs = (
        toy_plan()
        .roofs.iloc[:5]
        .assign(
            roof_state=["feasible", "feasible", "installed", "blocked", "not_assessable"],
            structure_state=["usable", "needs_survey", "needs_survey", "needs_survey", "usable"],
        )
    )
    assert list(readiness(roofs)) == [
        "feasible", "needs_survey", "installed", "blocked", "not_assessable",
    ]  # fmt: skip
    assert [maps.readiness_of(roof) for _, roof in roofs.iterrows()] == list(readiness(roofs))
    told = maps.roof_colours(roofs, "state", ROOFS)
    seen = [told["rows"][place]["label"] for place in told["seen"]]
    assert seen == [f"状态{maps.READINESS[place]}" for place in (0, 3, 4, 5, 6)]
    assert [row["pattern"] for row in told["rows"]][-2:] == ["cross", "hatch"]
    assert len({row["colour"] for row in told["rows"]}) == len(maps.READINESS)


@pytest.mark.parametrize("colour", maps.COLOURS)
def test_every_roof_falls_in_a_row_of_the_legend(colour: str) -> None:
    plan = toy_plan()
    told = maps.roof_colours(plan.roofs, colour, ROOFS)
    assert len(told["rows"]) == len(told["breaks"]) + 1
    own = maps.park_roofs(roofs_of(plan).of(in_park("P1")))
    assert set(own.rows_seen(told)) <= set(told["seen"]) <= set(range(len(told["rows"])))
    literal = maps.roofs_literal(plan, "P1", "../../media/x.json", told, own.rows_seen(told))
    payload = handed_over(literal)[0]
    assert payload["column"] == colour
    assert len(payload["ground"]["features"]) == 1
    if colour == "built":
        installed = plan.roofs["installed_dc_kw"].to_numpy() > 0.0
        rows = np.searchsorted(told["breaks"], plan.roofs["installed_dc_kw"], side="right")
        assert list(rows == 1) == list(installed)


def test_tiles_hold_every_roof_and_are_written_whole(tmp_path: Path) -> None:
    plan = toy_plan(60)
    older = tmp_path / "map" / "roofs-old-1.pmtiles"
    older.parent.mkdir()
    older.write_bytes(b"old")
    path = tmp_path / "map" / "roofs-new-1.pmtiles"
    tiles.write_tiles([plan.roofs[:25], plan.roofs[25:]], path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    read = gpd.read_file(path).drop_duplicates("id").set_index("id")
    assert set(read.index) == set(plan.roofs.index)
    kilowatts = plan.roofs["capacity_dc_kw"].round(1)
    np.testing.assert_allclose(read["kw"].astype(float), kilowatts[read.index], atol=1e-3)


# --- the ground ---------------------------------------------------------------------------------


def test_no_tiles_are_asked_for_unless_they_are_chosen() -> None:
    assert maps.chosen("") is None
    assert maps.chosen("none") is None
    assert base_of(toy_plan())["tiles"] is None
    server = maps.chosen("amap")
    assert server is not None
    assert server.gcj02
    assert handed_over(page_of(toy_plan(), server))[0]["tiles"]["attribution"] == "© 高德地图"


def test_a_key_goes_into_the_address_and_nowhere_else() -> None:
    server = maps.chosen("tianditu", "a&b{x}")
    assert server is not None
    assert all("tk=a%26b%7Bx%7D" in layer for layer in server.layers)
    with pytest.raises(InputError, match="asks its users for a key"):
        maps.chosen("tianditu")


@pytest.mark.parametrize(
    "address",
    ["https://tiles.example/{z}/{x}/{y}.png", "/tiles/{z}/{x}/{y}.png", "http://t{s}/{z}/{x}/{y}"],
)
def test_an_own_address_may_be_given(address: str) -> None:
    server = maps.chosen(address, credit="ours")
    assert server is not None
    assert (server.layers, server.attribution, server.gcj02) == ((address,), "ours", False)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)//{z}/{x}/{y}", "file:///{z}/{x}/{y}", "//outside/{z}/{x}/{y}",
        "data:image/png,/{z}{x}{y}", "https://a/{z}/{x}", "https:///{z}/{x}/{y}",
        "https://a/{z}/{x}/{y}/{cookie}", "/\\outside/{z}/{x}/{y}", "osmm",
    ],
)  # fmt: skip
def test_an_unsound_address_of_tiles_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="PVPLAN_TILES"):
        maps.chosen(address)


numbers = st.lists(st.floats(-500, 500) | st.just(float("nan")), max_size=40)


@given(numbers)
def test_classes_cover_every_value_once(values: list[float]) -> None:
    series = pd.Series(values, dtype=float)
    classes = maps.classify(series)
    present = series.dropna()
    if present.empty:
        assert classes.colours == ()
        return
    assert list(classes.breaks) == sorted(set(classes.breaks))
    assert len(classes.colours) == len(classes.breaks) + 1 == len(classes.labels()) <= 5
    assert len(set(classes.colours)) == len(classes.colours)
    for value in present:
        assert classes.colour(value) in classes.colours
    if present.min() < 0:
        assert 0.0 in classes.breaks
        past, due = classes.colour(-1e-9), classes.colour(0.0)
        assert past in maps.DIVERGING[:2]
        assert due == maps.DIVERGING[2]


def test_classes_worked_by_hand() -> None:
    rising = maps.classify(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert rising.breaks == (2.0, 3.0, 4.0, 5.0)
    assert rising.labels() == ("< 2", "2 – 3", "3 – 4", "4 – 5", "≥ 5")
    assert rising.colour(1.99) == maps.SEQUENTIAL[0]
    assert rising.colour(2.0) == maps.SEQUENTIAL[1]
    assert rising.colour(99.0) == maps.SEQUENTIAL[4]
    past = maps.classify(pd.Series([-4.0, -2.0, 0.0, 3.0, 6.0]))
    assert past.breaks == (-3.0, 0.0, 2.0, 4.0)
    assert past.labels() == ("< −3", "−3 – 0", "0 – 2", "2 – 4", "≥ 4")
    assert past.colours == maps.DIVERGING
    same = maps.classify(pd.Series([7.0, 7.0]))
    assert (same.breaks, same.labels()) == ((), ("≈ 7",))


# --- one roof -----------------------------------------------------------------------------------

ROOF_WORDS = one_roof.RoofWords(
    legend="年发电量", outline="轮廓", usable="可用", obstructions="障碍物", zoom_in="放大",
    zoom_out="缩小", whole_roof="整个屋顶", region=HOSTILE[2], north="北", module=HOSTILE[0],
    module_of=HOSTILE[1], badge=HOSTILE[3],
)  # fmt: skip
EAST, NORTH = 352_000.0, 3_453_000.0


def metric(*shapes: Any) -> gpd.GeoSeries:
    return gpd.GeoSeries(list(shapes), crs="EPSG:32651")


def modules_of(energies: list[float]) -> gpd.GeoDataFrame:
    outlines = [box(EAST + 2.0 * at, NORTH, EAST + 2.0 * at + 1.1, NORTH + 2.3)
                for at in range(len(energies))]  # fmt: skip
    columns = {"rank": range(1, len(energies) + 1), "energy_ac_kwh_per_year": energies}
    return gpd.GeoDataFrame(columns, geometry=outlines, crs="EPSG:32651")


def roof_shapes(*standing: Any) -> one_roof.RoofShapes:
    outline = box(EAST - 3.0, NORTH - 3.0, EAST + 30.0, NORTH + 9.0)
    return one_roof.RoofShapes(
        metric(outline), metric(outline.buffer(-1.5)), metric(*(standing or (None,)))
    )


def test_one_roof_shows_every_module_where_it_lies_in_the_colour_of_its_yield() -> None:
    modules = modules_of([620.0, 500.0, 310.0])
    literal = one_roof.roof_literal(
        roof_shapes(box(EAST, NORTH + 4.0, EAST + 2.0, NORTH + 5.0)), modules,
        modules["energy_ac_kwh_per_year"] / 0.62, ROOF_WORDS,
    )  # fmt: skip
    payload = handed_over(one_roof.roof_map(literal).get_root().render())[0]
    assert payload["modules"]["facts"] == [[1, 620, 1000], [2, 500, 806], [3, 310, 500]]
    west, south = payload["origin"]
    corners = modules.to_crs(4326).geometry.iloc[1].exterior.coords[:-1]
    places = np.array(payload["modules"]["quads"][1]).reshape(4, 2) * payload["fine"]
    np.testing.assert_allclose(places + np.array([west, south]), corners, atol=0.51e-7)
    shades = [payload["modules"]["colours"][at] for at in payload["modules"]["classes"]]
    assert shades == [one_roof.SUNNY[4], one_roof.SUNNY[4], one_roof.SUNNY[2]]
    labels = [row["label"] for row in payload["legend"]]
    assert labels == ["< 600", "600 – 800", "≥ 800", "障碍物", "可用", "轮廓"]
    assert [len(payload[key]) for key in ("outline", "usable", "obstructions")] == [1, 1, 1]


def test_one_roof_without_modules_is_its_outline() -> None:
    nothing = gpd.GeoSeries([], crs="EPSG:4326")
    plan = toy_plan()
    shapes = one_roof.RoofShapes(plan.roofs.geometry.iloc[[0]], nothing, nothing)
    payload = handed_over(one_roof.roof_literal(shapes, None, None, ROOF_WORDS))[0]
    assert payload["modules"]["quads"] == payload["usable"] == payload["obstructions"] == []
    assert [row["label"] for row in payload["legend"]] == ["轮廓"]
    west, south, east, north = plan.roofs.geometry.iloc[0].bounds
    assert payload["bounds"] == [[south, west], [north, east]]


def test_hostile_words_are_no_part_of_the_drawing_of_a_roof() -> None:
    modules = modules_of([620.0])
    literal = one_roof.roof_literal(
        roof_shapes(), modules, modules["energy_ac_kwh_per_year"], ROOF_WORDS
    )
    page = one_roof.roof_map(literal).get_root().render()
    for name in HOSTILE[:4]:
        assert name not in page
    assert handed_over(page)[0]["words"]["module"] == HOSTILE[0]
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)


@given(st.lists(st.floats(1.0, 2000.0), min_size=1, max_size=30))
def test_yields_are_graded_between_round_numbers_and_little_is_not_made_much(
    values: list[float],
) -> None:
    array = np.array(values)
    classes = one_roof.graded(array)
    assert 1 <= len(classes.colours) == len(classes.breaks) + 1 <= len(one_roof.SUNNY)
    assert classes.colours[-1] == one_roof.SUNNY[-1]
    assert all(array.min() < end <= array.max() for end in classes.breaks)
    widths = np.diff(classes.breaks)
    assert (widths >= one_roof.NARROWEST * array.max() * 0.999).all()
    np.testing.assert_allclose(widths, widths[:1].repeat(len(widths)), rtol=1e-4)
    if array.max() - array.min() < one_roof.ALIKE * array.max():
        assert classes.breaks == ()


def test_grades_worked_by_hand() -> None:
    shaded = one_roof.graded(np.array([430.0, 744.0]))
    assert shaded.breaks == (500.0, 600.0, 700.0)
    assert shaded.labels() == ("< 500", "500 – 600", "600 – 700", "≥ 700")
    assert one_roof.graded(np.array([1018.0, 1030.0])).breaks == ()
    assert one_roof.graded(np.array([])).colours == ()


def test_static_files_hold_nothing_else() -> None:
    # Whoever reaches the server can read this folder.
    top = sorted(path.name for path in Path(ROOT / "static").iterdir())
    assert top == ["fonts.css", "icon.png", "map.css", "map.js", "roofs.js", "vendor"]

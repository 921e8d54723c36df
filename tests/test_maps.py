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
from pvplan.maps import one_roof
from pvplan.tables import OUTSIDE_PARKS, Plan
from tests.conftest import ROOT
from tests.plans import toy_plan
from tests.shown import HOSTILE, hostile_plan

WORDS = maps.MapWords(
    legend="差距（MW）", unknown="无数据", zoom_in="放大", zoom_out="缩小", whole_city="返回全市",
    region="地图", badge="示范数据 DEMONSTRATION", roofs="屋顶", roof_with="已有",
    roof_without="尚无", roof_unknown="不明",
)  # fmt: skip
SIGNS_OF_CODE = re.compile(r"[<>`{}$%#&'_]")


def handed_over(script: str) -> list[Any]:
    """Decode every literal of a script the way JavaScript does."""
    literals = re.findall(r'JSON\.parse\("((?:[^"\\]|\\.)*)"\)', script)
    return [json.loads(json.loads(f'"{literal}"')) for literal in literals]


def drawn(plan: Plan, values: pd.Series | None = None) -> maps.OfflineMap:
    return maps.parks_map(
        plan,
        plan.parks["gap_dc_kw"] / 1000.0 if values is None else values,
        {str(index): [str(row["name_zh"])] for index, row in plan.parks.iterrows()},
        {str(index): str(name) for index, name in plan.districts["name_zh"].items()},
        WORDS,
    )


def roofs_payload(plan: Plan, park_id: str) -> Any:
    captions = {str(roof_id): [str(roof_id)] for roof_id in plan.roofs.index}
    return handed_over(maps.roofs_literal(plan, park_id, captions, WORDS))[0]


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
    page = drawn(hostile_plan()).get_root().render()
    for name in HOSTILE:
        assert name not in page
    payload = handed_over(page)[0]
    lines = [park["properties"]["lines"][0] for park in payload["parks"]["features"]]
    assert lines == list(HOSTILE[:2])
    assert {label["text"] for label in payload["labels"]} == {HOSTILE[3], HOSTILE[0]}


def test_nothing_of_the_page_comes_from_another_host() -> None:
    page = drawn(toy_plan()).get_root().render()
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert len(loaded) == len(maps.OfflineMap.default_js) + len(maps.OfflineMap.default_css)
    for address in loaded:
        assert (ROOT / "static" / address.removeprefix(maps.STATIC)).is_file()


def test_leaflet_is_the_published_one() -> None:
    folder = ROOT / "static" / "vendor" / "leaflet-1.9.4"
    noted = dict(
        reversed(line.split()) for line in (folder / "VERSION").read_text().splitlines()
        if re.match(r"[0-9a-f]{64} ", line)
    )  # fmt: skip
    assert set(noted) == {"leaflet.js", "leaflet.css"}
    for name, digest in noted.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "Copyright" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_the_drawing_code_writes_text_and_never_markup() -> None:
    code = (ROOT / "static" / "map.js").read_text(encoding="utf-8")
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
    payload = handed_over(drawn(plan).get_root().render())[0]
    parks = payload["parks"]["features"]
    assert [park["properties"]["id"] for park in parks] == ["P1", "P2"]
    assert OUTSIDE_PARKS not in json.dumps(payload)
    classes = maps.classify(plan.parks["gap_dc_kw"].drop(OUTSIDE_PARKS) / 1000.0)
    for park in parks:
        gap = plan.parks.loc[park["properties"]["id"], "gap_dc_kw"] / 1000.0
        assert park["properties"]["colour"] == classes.colour(gap)
    assert [row["label"] for row in payload["legend"]] == list(classes.labels())
    south, west = payload["bounds"][0]
    assert (west, south) == (121.39, 31.0)


def test_a_park_without_a_value_looks_different_and_the_legend_says_so() -> None:
    plan = toy_plan()
    payload = handed_over(drawn(plan, pd.Series({"P1": 3.0})).get_root().render())[0]
    first, second = (park["properties"] for park in payload["parks"]["features"])
    assert (first["unknown"], second["unknown"]) == (False, True)
    assert second["colour"] == maps.UNKNOWN != first["colour"]
    assert payload["legend"][-1] == {
        "colour": maps.UNKNOWN, "label": WORDS.unknown, "unknown": True,
    }  # fmt: skip


def test_larger_districts_come_first_so_that_their_labels_stay() -> None:
    labels = handed_over(drawn(toy_plan()).get_root().render())[0]["labels"]
    assert [label["text"] for label in labels] == ["浦东新区", "闵行区"]


def test_roofs_of_a_park_carry_the_colour_of_what_stands_on_them() -> None:
    plan = toy_plan()
    payload = roofs_payload(plan, "P1")
    own = plan.roofs[plan.roofs["park_id"] == "P1"]
    colours = {
        roof["properties"]["id"]: roof["properties"]["colour"]
        for roof in payload["roofs"]["features"]
    }
    assert set(colours) == set(own.index)
    for roof_id, installed in own["installed_dc_kw"].items():
        expected = maps.ROOF_WITH if installed > 0 else maps.ROOF_WITHOUT
        assert colours[str(roof_id)] == expected
    unknown = replace(plan, roofs=plan.roofs.assign(installed_dc_kw=np.nan))
    assert roofs_payload(unknown, "P1")["legend"] == [
        {"colour": maps.UNKNOWN, "label": WORDS.roof_unknown}
    ]


def test_roofs_outside_parks_can_be_shown_although_there_is_no_outline() -> None:
    plan = toy_plan()
    payload = roofs_payload(plan, OUTSIDE_PARKS)
    outside = plan.roofs[plan.roofs["park_id"] == OUTSIDE_PARKS]
    assert len(payload["roofs"]["features"]) == len(outside) > 0
    assert payload["ground"]["features"] == []
    west, south, *_ = outside.total_bounds
    assert payload["bounds"][0] == [south, west]


def test_of_too_many_roofs_the_largest_are_drawn() -> None:
    plan = toy_plan(maps.MOST_ROOFS * 2 + 60)
    own = plan.roofs[plan.roofs["park_id"] == "P1"]
    assert len(own) > maps.MOST_ROOFS
    shown = roofs_payload(plan, "P1")["roofs"]["features"]
    ids = [roof["properties"]["id"] for roof in shown]
    assert len(ids) == maps.MOST_ROOFS
    left_out = own.drop(ids)["footprint_area_m2"]
    assert left_out.max() <= own.loc[ids, "footprint_area_m2"].min()


def test_coordinates_are_rounded_to_a_tenth_of_a_metre() -> None:
    plan = toy_plan()
    fine = gpd.GeoDataFrame(
        plan.parks.drop(columns="geometry"), crs=plan.parks.crs,
        geometry=[box(121.123456789, 31.123456789, 121.2, 31.2), None, None],
    )  # fmt: skip
    payload = handed_over(drawn(replace(plan, parks=fine)).get_root().render())[0]
    ring = payload["parks"]["features"][0]["geometry"]["coordinates"][0]
    assert [121.123457, 31.123457] in ring


def test_choosing_the_same_park_again_is_a_new_drawing() -> None:
    first, second = maps.roofs_group("{}", 1), maps.roofs_group("{}", 2)
    assert first.options != second.options


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
    assert top == ["icon.png", "map.css", "map.js", "vendor"]

"""Obstructions: clearance by hand, every row accounted for, and which roof they stand on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import Affine

from pvplan import tables
from pvplan.assumptions import Assumptions, Layout, load
from pvplan.errors import AssumptionError, InputError
from pvplan.gather import BUNDLED, Inputs, gather
from pvplan.record import record
from pvplan.reports.phrases import in_chinese
from pvplan.sources.coordinates import wgs84_to_gcj02
from pvplan.sources.obstructions import (
    ObstructionFile,
    by_roof,
    placement_doubts,
    read_obstructions,
)
from tests.conftest import examples
from tests.vector_files import EAST, METRIC, NORTH, house, ring, write_geojson

CRS = pyproj.CRS.from_epsg(METRIC)
RULES = load(
    user={
        "layout.obstruction_clearance_m": "0.5",
        "layout.obstruction_clearance_per_height": "1.5",
    }
).layout


def spot(x: float, y: float) -> shapely.Point:
    return shapely.Point(EAST + x, NORTH + y)


def read(path: Path, rules: Layout = RULES, **options: Any) -> ObstructionFile:
    found = read_obstructions(path, metric=CRS, rules=rules, **options)
    counts, shapes = found.counts, found.shapes
    assert counts["rows_read"] == counts["rows_used"] + counts["rows_rejected"]
    assert counts["rows_used"] == len(shapes)
    assert shapes.index.is_unique
    assert shapes.crs == CRS
    assert shapely.is_valid(shapes.geometry).all()
    assert not shapely.is_empty(shapes.geometry).any()
    assert (shapes["height_m"] >= 0.0).all()
    tables.check(found.rejected, tables.REJECTED, title="rejected")
    assert (found.rejected["input"] == "obstructions").all()
    missing = [reason for reason in found.rejected["reason"] if in_chinese(reason) is None]
    assert missing == []
    return found


def reasons(found: ObstructionFile) -> list[tuple[int, str]]:
    return list(zip(found.rejected["row"], found.rejected["reason"], strict=True))


def test_clearances_by_hand(tmp_path: Path) -> None:
    path = write_geojson(
        tmp_path / "o.geojson",
        [spot(50, 50), house(0, 0, 4, 2), house(10, 0, 4, 2), house(20, 0, 4, 2), spot(90, 90)],
        [
            {"kind": "vent", "radius_m": 1.0, "height_m": 2.0, "roof_id": 7},
            {"kind": "stair_head", "height_m": 3},
            {"kind": "采光带"},
            {"kind": "equipment", "height_m": None},
            {"kind": "Skylight (dome)", "radius_m": "0.5", "height_m": "0.3"},
        ],
    )
    found = read(path)
    shapes = found.shapes
    vent = shapes.geometry[1]
    assert vent.bounds[2] - vent.bounds[0] == pytest.approx(2 * 4.5 * 1.0048, rel=1e-3)
    assert shapely.covers(vent, spot(50, 50).buffer(4.5 - 1e-6, quad_segs=64))
    assert vent.area == pytest.approx(np.pi * 4.5**2, rel=0.01)
    # 3 m high: 0.5 + 1.5 × 3 = 5 m on every side, with mitred corners.
    assert shapes.geometry[2].area == pytest.approx(14.0 * 12.0, rel=1e-6)
    assert shapes.geometry[3].area == pytest.approx(8.0, rel=1e-6)  # a skylight keeps its outline
    assert shapes.geometry[4].area == pytest.approx(5.0 * 3.0, rel=1e-6)
    assert shapes.geometry[5].area == pytest.approx(np.pi * 0.25, rel=0.01)
    assert shapes["roof_id"].tolist() == ["7", None, None, None, None]
    assert shapes["height_m"].tolist() == [2.0, 3.0, 0.0, 0.0, 0.3]
    assert shapes["kind"].tolist()[1] == "stair_head"
    assert found.counts["skylights"] == 2
    assert found.warnings == (
        "o.geojson: 1 of 5 obstructions have no height: 0 m is taken, so that only 0.5 m around"
        " them stay free",
    )


def test_every_row_that_cannot_be_is_named(tmp_path: Path) -> None:
    line = shapely.LineString([(EAST, NORTH), (EAST + 5, NORTH)])
    path = write_geojson(
        tmp_path / "o.geojson",
        [
            spot(0, 0), spot(1, 0), spot(2, 0), spot(3, 0), spot(4, 0), house(0), house(40), line,
            None, house(80, 0, 2, 2), spot(9, 9), ring((0, 0), (9, 9), (9, 0), (0, 9), (0, 0)),
            house(80, 0, 2, 2), shapely.Point(), house(80, 0, 2, 2),
        ],
        [
            {}, {"radius_m": 101}, {"radius_m": -1}, {"radius_m": "wide"}, {"radius_m": 0},
            {"height_m": -0.5}, {"height_m": 2000}, {"height_m": 1}, {"height_m": 1},
            {"height_m": 1, "radius_m": -3}, {"radius_m": 2, "height_m": "tall"}, {"height_m": 1},
            {"height_m": 1}, {"radius_m": 1, "height_m": 1}, {"height_m": 1, "roof_id": "b"},
        ],
    )  # fmt: skip
    found = read(path)
    assert reasons(found) == [
        (1, "a point without radius_m"),
        (2, "radius_m 101 m is above 100 m; check the unit"),
        (3, "radius_m -1 m is below 0"),
        (4, "radius_m 'wide' is not a number; write metres"),
        (5, "radius_m 0 makes no obstruction"),
        (6, "height_m -0.5 m is below 0"),
        (7, "height_m 2000 m is above 100 m; check the unit"),
        (8, "LineString, not a polygon"),
        (9, "the row has no geometry"),
        (11, "height_m 'tall' is not a number; write metres"),
        (12, "Self-intersection"),
        (13, "repeats row 10 exactly"),
        (14, "the row has no geometry"),
    ]
    assert found.shapes.index.tolist() == [10, 12, 15]
    assert found.counts["rows_altered"] == 1
    assert in_chinese("height_m 'tall' is not a number; write metres") == (
        "height_m 的值“tall”不是数字，请填写米数"
    )


def test_points_that_are_nowhere_are_named(tmp_path: Path) -> None:
    places = [(121.4, 31.2), (121.4, 91.0), (121.4, np.inf), (121.5, 31.2)]
    shapes = [shapely.Point(*place) for place in places] + [shapely.Point()]
    rows = gpd.GeoDataFrame({"radius_m": 1.0, "height_m": 0.0}, geometry=shapes, crs=4326,
                            index=range(5))  # fmt: skip
    rows.to_parquet(tmp_path / "o.parquet")
    found = read(tmp_path / "o.parquet")
    assert found.shapes.index.tolist() == [1, 4]
    assert reasons(found) == [
        (2, "a coordinate lies beyond ±180/±90 degrees"),
        (3, "a coordinate lies beyond ±180/±90 degrees"),
        (5, "the geometry is empty"),
    ]
    metric = rows.iloc[[0, 3]].to_crs(METRIC)
    metric.loc[9] = [1.0, 0.0, shapely.Point(np.inf, NORTH)]
    metric.to_parquet(tmp_path / "m.parquet")
    assert reasons(read(tmp_path / "m.parquet")) == [(3, "a coordinate is not a number")]


def test_a_file_without_any_obstruction_is_refused(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "o.geojson", [spot(0, 0), spot(1, 0)])
    with pytest.raises(InputError, match=r"none of 2 rows .* \(2 × a point without radius_m\)"):
        read(path)
    with pytest.raises(AssumptionError, match="did you mean 'gcj02'"):
        read(write_geojson(path, [house(0)]), datum="gcj2")
    with pytest.raises(InputError, match=r"did you mean 'o\.geojson'"):
        read(tmp_path / "oo.geojson")


def test_several_points_of_one_row_are_one_obstruction(tmp_path: Path) -> None:
    both = shapely.MultiPoint([spot(0, 0), spot(30, 0)])
    found = read(write_geojson(tmp_path / "o.geojson", [both], [{"radius_m": 1, "height_m": 0}]))
    assert found.shapes.geometry[1].geom_type == "MultiPolygon"
    assert found.shapes.geometry[1].area == pytest.approx(2 * np.pi * 1.5**2, rel=0.01)


def test_datum_layer_and_formats(tmp_path: Path) -> None:
    rows = gpd.GeoDataFrame(
        {"radius": [1.0], "height": [2.0], "kind": ["vent"]}, geometry=[spot(5, 5)], crs=METRIC
    )
    degrees = rows.to_crs(4326)
    moved = shapely.transform(
        degrees.geometry.to_numpy(), lambda xy: np.column_stack(wgs84_to_gcj02(xy[:, 0], xy[:, 1]))
    )
    degrees.set_geometry(gpd.GeoSeries(moved, crs=4326)).to_file(tmp_path / "gcj.geojson")
    rows.to_file(tmp_path / "two.gpkg", layer="vents")
    rows.to_file(tmp_path / "two.gpkg", layer="fans")
    rows.to_file(tmp_path / "o.shp")
    rows.to_parquet(tmp_path / "o.parquet")
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        rows.set_crs(None, allow_override=True).to_file(tmp_path / "bare.gpkg")
    found = [
        read(tmp_path / "gcj.geojson", datum="gcj02"),
        read(tmp_path / "two.gpkg", layer="vents"),
        read(tmp_path / "o.shp"),
        read(tmp_path / "o.parquet"),
        read(tmp_path / "bare.gpkg", crs=f"EPSG:{METRIC}"),
    ]
    for file in found:
        assert file.shapes.geometry[1].centroid.distance(spot(5, 5)) < 1e-3
        assert file.shapes.geometry[1].area == pytest.approx(np.pi * 4.5**2, rel=0.01)
    with pytest.raises(InputError, match="holds 2 layers"):
        read(tmp_path / "two.gpkg")


def table(shapes: list[Any], roof_ids: list[str | None] | None = None) -> gpd.GeoDataFrame:
    index = pd.RangeIndex(1, len(shapes) + 1, name="row")
    named = pd.Series(roof_ids or [None] * len(shapes), index, dtype=object)
    return gpd.GeoDataFrame({"roof_id": named}, geometry=shapes, index=index, crs=METRIC)


def roofs(*shapes: shapely.Polygon) -> gpd.GeoDataFrame:
    index = pd.Index([f"r{at}" for at in range(len(shapes))], name="roof_id", dtype=object)
    return gpd.GeoDataFrame(geometry=list(shapes), index=index, crs=METRIC)


def test_obstructions_find_their_roofs() -> None:
    buildings = roofs(house(0), house(20), house(100), house(200))
    given = table(
        [
            house(15, 0, 10, 5), house(18, 3, 10, 5), house(105, 5, 5, 5), house(60),
            house(190, 0, 99, 99),
        ],
        [None, "r1", "gone", None, None],
    )  # fmt: skip
    found = by_roof(given, buildings)
    assert found[0].equals(house(15, 0, 10, 5))
    assert found[1].equals(house(15, 0, 10, 5).union(house(18, 3, 10, 5)))
    assert found[2].equals(house(105, 5, 5, 5))
    assert found[3].equals(house(190, 0, 99, 99))
    assert placement_doubts(given, buildings, found, "o.gpkg") == [
        "o.gpkg: 1 of 5 obstructions meet no roof (first: row 4) and change nothing; check file"
        " and datum",
        "o.gpkg: 1 obstructions name a roof that is not there (first: 'gone') and are placed by"
        " where they lie",
        "o.gpkg: 1 roofs lie wholly under obstructions (first: 'r3') and carry no module; is it"
        " the right file?",
    ]
    nowhere = table([house(900)])
    assert by_roof(nowhere, buildings).tolist() == [None] * 4
    assert len(placement_doubts(nowhere, buildings, by_roof(nowhere, buildings), "o")) == 1
    with pytest.raises(InputError, match="same CRS"):
        by_roof(given.to_crs(4326), buildings)


BOXES = st.lists(
    st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 8)] * 2), min_size=1, max_size=12
)


@examples(60)
@given(places=BOXES, plans=BOXES, order=st.randoms(use_true_random=False), owned=st.booleans())
def test_the_join_agrees_with_every_pair_tried(
    places: Any, plans: Any, order: Any, owned: bool
) -> None:
    buildings = roofs(*(house(*plan) for plan in plans))
    drawn = [house(x + 0.3, y + 0.3, w, h) for x, y, w, h in places]
    named = [order.choice([None, *buildings.index]) if owned else None for _ in drawn]
    given_here = table(drawn, named)
    found = by_roof(given_here, buildings)
    for name, roof, held in zip(buildings.index, buildings.geometry, found, strict=True):
        own = [
            shape
            for shape, wanted in zip(drawn, named, strict=True)
            if shape.intersects(roof) and wanted in (None, name)
        ]
        if not own:
            assert held is None
        else:
            united = shapely.union_all(own)
            assert held.is_valid
            assert held.symmetric_difference(united).area < 1e-6
            left = roof.difference(held)
            assert left.area == pytest.approx(roof.difference(united).area, abs=1e-6)
    shuffled = order.sample(range(len(drawn)), len(drawn))
    turned = by_roof(given_here.iloc[shuffled], buildings.iloc[::-1])[::-1]
    assert shapely.to_wkb(turned).tolist() == shapely.to_wkb(found).tolist()


@examples(40)
@given(
    corners=st.lists(st.tuples(*[st.integers(0, 30)] * 2), min_size=3, max_size=6, unique=True),
    height=st.floats(0.0, 5.0),
)
def test_no_clearance_is_shorter_than_stated(
    tmp_path_factory: pytest.TempPathFactory, corners: Any, height: float
) -> None:
    outline = shapely.convex_hull(shapely.MultiPoint([(EAST + x, NORTH + y) for x, y in corners]))
    if outline.geom_type != "Polygon" or outline.area < 1.0:
        return
    path = tmp_path_factory.mktemp("o") / "o.geojson"
    write_geojson(path, [outline], [{"height_m": height}])
    wide = read(path).shapes.geometry[1]
    reach = 0.5 + 1.5 * height
    assert shapely.covers(wide.buffer(1e-3), outline.buffer(reach, quad_segs=64))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Three roofs near Shanghai; the middle one lies beside the irradiance raster."""
    folder = tmp_path_factory.mktemp("city")
    shapes = [house(0, 0, 60, 60), house(40_000, 0, 60, 60), house(200, 0, 60, 60)]
    roofs_file = write_geojson(folder / "b.geojson", shapes, [{"id": f"b{at}"} for at in range(3)])
    west, south, east, north = gpd.GeoSeries([house(-500, -500, 2000, 2000)], crs=METRIC).to_crs(
        4326
    ).total_bounds  # fmt: skip
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    place = Affine((east - west) / 8, 0.0, west, 0.0, (south - north) / 8, north)
    with rasterio.open(
        folder / "g.tif", "w", width=8, height=8, transform=place, **profile
    ) as file:
        file.write(np.full((8, 8), 1300.0, dtype="float32"), 1)
    write_geojson(
        folder / "o.geojson",
        [spot(230, 30), spot(40_030, 30), spot(600, 600), spot(0, 0)],
        [{"radius_m": 2, "height_m": 1}] * 3 + [{"radius_m": -2}],
    )
    (folder / "dsm.tif").write_bytes(b"heights")
    return Inputs(
        roofs_file,
        irradiance=folder / "g.tif",
        irradiance_unit="kwh_per_m2_per_year",
        weather=BUNDLED / "shanghai" / "weather.csv",
        obstructions=folder / "o.geojson",
        surface_model=folder / "dsm.tif",
    )


def test_obstructions_are_gathered_beside_the_roofs_that_are_left(
    city: Inputs, assumptions: Assumptions
) -> None:
    found = gather(city, assumptions, lambda _: None)
    assert found.buildings.index.tolist() == ["b0", "b2"]
    assert found.obstructions is not None
    assert found.obstructions[0] is None
    reach = 2.0 + assumptions.layout.obstruction_clearance_m
    reach += assumptions.layout.obstruction_clearance_per_height
    assert found.obstructions[1].area == pytest.approx(np.pi * reach**2, rel=0.01)
    assert found.surface_model == city.surface_model
    assert found.files.obstructions is not None
    assert len(found.files.obstructions.rejected) == 1
    assert [text for text in found.warnings if "meet no roof" in text] == [
        "o.geojson: 2 of 3 obstructions meet no roof (first: row 2) and change nothing; check"
        " file and datum"
    ]
    bare = gather(replace(city, obstructions=None, surface_model=None), assumptions, lambda _: None)
    assert bare.obstructions is bare.surface_model is bare.files.obstructions is None


def test_both_files_move_the_fingerprint(city: Inputs, assumptions: Assumptions) -> None:
    found = gather(city, assumptions, lambda _: None)

    def fingerprint(inputs: Inputs) -> str:
        about = record(inputs, found, assumptions, date(2026, 11, 22))
        assert {"obstructions", "surface_model"} <= {item["role"] for item in about["inputs"]}
        assert about["counts"]["obstructions_rows_read"] == 4
        return str(about["fingerprint"])

    seen = [fingerprint(city), fingerprint(city)]
    assert seen[0] == seen[1]
    for role in ("obstructions", "surface_model"):
        path = getattr(city, role)
        other = path.with_name(f"other_{path.name}")
        other.write_bytes(path.read_bytes() + b" ")
        seen.append(fingerprint(replace(city, **{role: other})))
    seen.append(fingerprint(replace(city, datum={"obstructions": "gcj02"})))
    assert len(set(seen)) == 4

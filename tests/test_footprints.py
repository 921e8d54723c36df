"""Footprints: every row is used or rejected with a reason, whatever the file looks like."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from pvplan import assumptions, tables
from pvplan.errors import AssumptionError, InputError
from pvplan.sources.coordinates import wgs84_to_gcj02
from pvplan.sources.footprints import FootprintFile, read_footprints
from pvplan.sources.vectors import read_vector
from tests.conftest import examples
from tests.vector_files import frame, house, ring, write_features, write_geojson

RULES = assumptions.load().footprints
OFTEN_WRONG = replace(RULES, max_bad_height_fraction=1.0)


def read(path: Path, rules: assumptions.Footprints = RULES, **options: Any) -> FootprintFile:
    found = read_footprints(path, rules, **options)
    check_laws(found)
    return found


def check_laws(found: FootprintFile) -> None:
    """Nothing is lost, and every table keeps its contract."""
    counts, rejected, buildings = found.counts, found.rejected, found.buildings
    assert counts["rows_read"] == counts["rows_used"] + counts["rows_rejected"]
    added, merged = counts["pieces_added"], counts["pieces_merged"]
    assert counts["roofs"] == counts["rows_used"] + added - merged == len(buildings)
    refused = rejected[rejected["done"] == "rejected"]
    assert refused["row"].is_unique
    assert len(refused) == counts["rows_rejected"]
    assert list(rejected.columns) == tables.names(tables.REJECTED)
    tables.check(rejected, tables.REJECTED, title="rejected")
    columns = [c for c in tables.BUILDINGS if c.name not in ("park_id", "district_id")]
    tables.check(buildings, columns, title="buildings")
    assert buildings.index.is_unique
    assert buildings.index.is_monotonic_increasing
    assert buildings.crs.is_projected
    assert shapely.is_valid(buildings.geometry).all()
    assert (buildings.area >= RULES.min_area_m2).all()
    sources = buildings["height_source"].value_counts()
    assert all(counts[f"height_{name}"] == sources.get(name, 0) for name in tables.HEIGHT_SOURCES)


def reasons(found: FootprintFile, done: str) -> dict[int, str]:
    some = found.rejected[found.rejected["done"] == done]
    return {int(row): str(text) for row, text in zip(some["row"], some["reason"], strict=True)}


def by_height(tmp_path: Path, heights: Sequence[Any], **options: Any) -> FootprintFile:
    path = write_geojson(
        tmp_path / "b.geojson",
        [house(50.0 * place) for place in range(len(heights))],
        [{"roof_id": f"b{place}", "height": value} for place, value in enumerate(heights)],
    )
    return read(path, **options)


def test_a_plain_file_by_hand(tmp_path: Path) -> None:
    path = write_geojson(
        tmp_path / "b.geojson",
        [house(0), house(100), house(200)],
        [
            {
                "编号": "b",
                "名称": "一车间",
                "高度": 8,
                "层数": 2,
                "用途": "厂房",
                "竣工日期": "2019年5月",
            },
            {"编号": "a", "名称": None, "高度": None, "层数": "3层", "屋面形式": "彩钢瓦"},
            {"编号": 12, "building": "yes", "竣工日期": 2023},
        ],
    )
    found = read(path)
    buildings = found.buildings
    assert list(buildings.index) == ["12", "a", "b"]
    assert list(buildings["height_m"]) == [10.0, 12.0, 8.0]
    assert list(buildings["height_source"]) == ["default", "floors", "given"]
    assert list(buildings["use"]) == ["unknown", "unknown", "厂房"]
    assert buildings["name"].isna().tolist() == [True, True, False]
    assert buildings["roof_form"].tolist() == [None, "metal_sheet", None]
    days = buildings["completed_on"]
    assert str(days["b"].date()) == "2019-05-01"
    assert str(days["12"].date()) == "2023-01-01"
    assert pd.isna(days["a"])
    assert set(buildings["source"]) == {"b.geojson"}
    assert buildings.crs.to_epsg() == 32651
    assert np.allclose(buildings.area, 600.0, rtol=1e-6)
    assert found.counts["rows_altered"] == 1  # "3层"


def test_geometry_that_is_no_roof_is_rejected_with_its_reason(tmp_path: Path) -> None:
    shapes = [
        house(0),
        shapely.Point(350_000, 3_450_000),
        shapely.LineString([(350_000, 3_450_000), (350_010, 3_450_000)]),
        None,
        shapely.Polygon(),
        house(100, width=2.0, depth=3.0),
        house(200, width=0.8, depth=100.0),
    ]
    said = reasons(read(write_geojson(tmp_path / "b.geojson", shapes)), "rejected")
    assert said == {
        2: "Point, not a polygon",
        3: "LineString, not a polygon",
        4: "the row has no geometry",
        5: "the geometry is empty",
        6: "sliver: area 6.00 m² is below 10 m²",
        7: "sliver: mean width 0.79 m is below 1 m",
    }


def test_wild_coordinates_cost_only_their_row(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "b.geojson", [house(100.0 * place) for place in range(6)])
    rows = gpd.read_file(path)
    corners = shapely.get_coordinates(rows.geometry.iloc[1])
    corners[1] = np.nan
    shapes = [*rows.geometry]
    with np.errstate(invalid="ignore"):
        shapes[1] = shapely.Polygon(corners)
    shapes[2] = shapely.box(0.0, 95.0, 0.1, 95.1)
    shapes[3] = shapely.box(0.0, 0.0, 0.1, 0.1)
    gpd.GeoDataFrame(geometry=shapes, crs=4326).to_parquet(tmp_path / "b.parquet")
    assert reasons(read(tmp_path / "b.parquet"), "rejected") == {
        2: "a coordinate is not a number",
        3: "a coordinate lies beyond ±180/±90 degrees",
        4: "too far away: WGS 84 / UTM zone 51N is wrong there by more than 2% of area",
    }


def test_a_self_crossing_ring_is_repaired_and_noted(tmp_path: Path) -> None:
    bow_tie = ring((0, 0), (20, 20), (20, 0), (0, 20), (0, 0))
    found = read(write_geojson(tmp_path / "b.geojson", [bow_tie, house(100)]))
    assert list(found.buildings.index) == ["row-000001_1", "row-000001_2", "row-000002"]
    assert np.allclose(found.buildings.area[:2], 100.0, rtol=1e-6)
    notes = found.rejected
    assert set(notes["reason"]) == {"Self-intersection", "2 separate polygons in one row"}
    assert set(notes["done"]) == {"altered"}


def test_a_ring_without_area_is_rejected(tmp_path: Path) -> None:
    flat = ring((0, 0), (20, 0), (0, 0), (0, 0))
    found = read(write_geojson(tmp_path / "b.geojson", [flat, house(100)]))
    assert "no area is left" in reasons(found, "rejected")[1]


def test_neighbours_in_one_multipolygon_stay_apart(tmp_path: Path) -> None:
    # Shared walls make the MultiPolygon invalid; its buildings must not melt into one.
    terrace = shapely.MultiPolygon([house(0), house(20), house(40), house(60, width=0.1)])
    assert not terrace.is_valid
    found = read(write_geojson(tmp_path / "b.geojson", [terrace], [{"id": "t", "height": 9}]))
    assert list(found.buildings.index) == ["t_1", "t_2", "t_3"]
    assert (found.buildings["height_m"] == 9.0).all()
    assert found.counts["pieces_added"] == 2
    assert found.counts["pieces_left_out"] == 1
    lost = found.rejected[found.rejected["id"] == "t_4"]
    assert lost["detail"].tolist() == ["this part of the row was left out"]


def test_names_of_parts_never_meet_other_ids(tmp_path: Path) -> None:
    pair = shapely.MultiPolygon([house(0), house(50)])
    said = [{"id": "a"}, {"id": "a_1"}]
    found = read(write_geojson(tmp_path / "b.geojson", [pair, house(100)], said))
    assert list(found.buildings.index) == ["a_1", "a__1", "a__2"]


def test_pieces_with_one_id_become_one_building(tmp_path: Path) -> None:
    path = write_geojson(
        tmp_path / "b.geojson",
        [house(0), house(20), house(200), house(300)],
        [
            {"osm_id": 5.0, "height": 10, "use": "workshop"},
            {"osm_id": 5.0, "height": 14},
            {"osm_id": 5.0, "use": "office"},
            {"osm_id": 6.0},
        ],
    )
    found = read(path)
    assert list(found.buildings.index) == ["5", "6"]
    one = found.buildings.loc["5"]
    assert one.geometry.geom_type == "MultiPolygon"
    assert len(one.geometry.geoms) == 2  # the two that touch are one polygon
    assert one.geometry.area == pytest.approx(1800.0, rel=1e-6)
    assert (one["height_m"], one["use"]) == (14.0, "office")
    assert found.counts["pieces_merged"] == 2
    details = found.rejected["detail"].unique()
    assert details.tolist() == [
        "united into one building; height_m: 10 | 14, the largest kept; "
        "use: office | workshop, that of the largest piece kept"
    ]


@pytest.mark.parametrize("value", [0, 1, "x"])
def test_a_column_that_says_the_same_everywhere_is_no_id(tmp_path: Path, value: int | str) -> None:
    shapes, said = [house(0), house(100)], [{"Id": value}, {"Id": value}]
    path = write_geojson(tmp_path / "b.geojson", shapes, said)
    found = read(path)
    assert list(found.buildings.index) == ["row-000001", "row-000002"]
    assert any("Id: says the same in every row" in text for text in found.warnings)
    trusted = read(path, field_map={"roof_id": "Id"})
    assert list(trusted.buildings.index) == [str(value)]
    assert any("--map roof_id=" in text for text in trusted.warnings)


def test_rows_without_an_id_are_named_by_number(tmp_path: Path) -> None:
    said = [{"id": "row-000002"}, {"id": None}, {"id": 0}, {"id": 0}]
    path = write_geojson(tmp_path / "b.geojson", [house(50.0 * x) for x in range(4)], said)
    assert list(read(path).buildings.index) == [
        "row--000002", "row--000003", "row--000004", "row-000002",
    ]  # fmt: skip
    none = read(path, field_map={"roof_id": ""}).buildings.index
    assert list(none) == [f"row-00000{row}" for row in (1, 2, 3, 4)]


def test_duplicates_and_parts_inside_are_rejected(tmp_path: Path) -> None:
    heights = (None, 5, None, 20, None, 1)
    turned = shapely.Polygon(house(0).exterior.coords[2:5] + house(0).exterior.coords[1:3])
    path = write_geojson(
        tmp_path / "b.geojson",
        [house(0), turned, house(100), house(105, 5, 5, 5), house(118, 0, 10, 30), house(300)],
        [{"id": name, "height": h} for name, h in zip("zabcde", heights, strict=True)],
    )
    found = read(path)
    # Of twins, the one that knows its height stays; an outline takes the height of its parts.
    assert reasons(found, "rejected") == {
        1: "the same polygon as 'a'",
        4: "lies inside 'b', where its area is counted",
    }
    assert found.buildings["height_m"].to_dict() == {"a": 5.0, "b": 20.0, "d": 10.0, "e": 1.0}
    assert [text for text in found.warnings if "1 pairs of footprints overlap by 60.0 m²" in text]


def test_a_part_of_a_part_is_judged_by_what_is_kept(tmp_path: Path) -> None:
    # c lies in b and b in a; c must name a roof that is kept.
    shapes = [house(0, 0, 40, 40), house(2, 2, 30, 30), house(4, 4, 10, 10)]
    path = write_geojson(tmp_path / "b.geojson", shapes, [{"id": name} for name in "abc"])
    assert set(reasons(read(path), "rejected").values()) == {
        "lies inside 'a', where its area is counted"
    }


def test_a_tower_stands_on_its_podium_and_takes_its_ground(tmp_path: Path) -> None:
    """A crown on a tower on a podium, a low part of the podium, a tower that leaves a thin rim."""
    shapes = [
        house(0, 0, 60, 40), house(5, 5, 20, 20), house(10, 10, 10, 10), house(40, 10, 10, 10),
        house(100, 0, 20, 20), house(100.2, 0.2, 19.6, 19.6),
    ]  # fmt: skip
    rows = [
        {"id": "podium", "height": 12}, {"id": "tower", "height": None, "floors": 15},
        {"id": "crown", "height": 90}, {"id": "plant", "height": 14},
        {"id": "shop", "height": 5}, {"id": "flats", "height": 30},
    ]  # fmt: skip
    found = read(write_geojson(tmp_path / "b.geojson", shapes, rows))
    area = found.buildings.area.round(1).to_dict()
    assert area == {"podium": 2000.0, "tower": 300.0, "crown": 100.0, "flats": 384.2}
    assert found.buildings["height_m"].to_dict() == {
        "podium": 12.0, "tower": 60.0, "crown": 90.0, "flats": 30.0,
    }  # fmt: skip
    assert reasons(found, "rejected") == {
        4: "lies inside 'podium', where its area is counted",
        5: "taller 'flats' stands on it; of the rest: sliver: mean width 0.20 m is below 1 m",
    }
    noted = reasons(found, "altered")
    assert noted[1] in {"'tower' stands on it and is taller", "'crown' stands on it and is taller"}
    assert noted[2] == "'crown' stands on it and is taller"
    assert not [text for text in found.warnings if "overlap" in text]


def test_heights_as_people_write_them(tmp_path: Path) -> None:
    given_heights = ["12m", "12.5 米", "１０", "8", 7, " ", None, "无", "0", "30 ft"]
    found = by_height(tmp_path, given_heights)
    heights = found.buildings["height_m"].tolist()
    assert heights == pytest.approx([12.0, 12.5, 10.0, 8.0, 7.0, 10, 10, 10, 10, 9.144])
    assert found.counts["height_given"] == 6
    assert reasons(found, "altered") == {
        1: "height written with a unit",
        2: "height written with a unit",
        9: "height 0",
        10: "height written with a unit",
    }
    assert "height = 12m, read as 12" in found.rejected["detail"].tolist()


@pytest.mark.parametrize(
    ("value", "counted"),
    [(-2, "1 below 0"), (9999, "1 above 900"), ("high", "1 not a number"), ("far", "not a")],
)
def test_impossible_heights_refuse_the_file_or_are_noted(
    tmp_path: Path, value: Any, counted: str
) -> None:
    heights = [12, value, 0, None, 15]
    with pytest.raises(InputError) as caught:
        by_height(tmp_path, heights)
    said = str(caught.value)
    for part in ("b.geojson: height: 1 of 3", counted, "row 2, id 'b1'", "--map height_m=OTHER"):
        assert part in said
    assert str(value) in said
    found = by_height(tmp_path, heights, rules=OFTEN_WRONG)
    assert found.buildings["height_source"].tolist() == ["given", *["default"] * 3, "given"]
    assert reasons(found, "altered") == {2: "impossible height", 3: "height 0"}


def test_one_slip_among_many_is_noted_not_fatal(tmp_path: Path) -> None:
    found = by_height(tmp_path, [12.0] * 39 + [-2.0])
    assert reasons(found, "altered") == {40: "impossible height"}
    assert found.counts["height_default"] == 1


def test_faults_of_height_and_floors_come_together(tmp_path: Path) -> None:
    said = [{"height": -1, "floors": 4000}, {"height": -1, "floors": 3}]
    path = write_geojson(tmp_path / "b.geojson", [house(0), house(100)], said)
    with pytest.raises(InputError) as caught:
        read_footprints(path, RULES)
    assert len(caught.value.faults) == 2
    assert "floors: 1 of 2" in caught.value.faults[1]


def test_words_that_are_not_known_are_noted(tmp_path: Path) -> None:
    forms = ["gabled", "flat", "锯齿形", "Saw-Tooth", "dome", None]
    dates = ["2019-05", "2019/5/1", "20190501", "2019-02-30", "C19", "2019-05-01T00:00:00"]
    path = write_geojson(
        tmp_path / "b.geojson",
        [house(50.0 * x) for x in range(6)],
        [{"roof:shape": f, "start_date": d} for f, d in zip(forms, dates, strict=True)],
    )
    found = read(path)
    assert found.buildings["roof_form"].tolist() == [
        "pitched", "flat_concrete", "saw_tooth", "saw_tooth", None, None,
    ]  # fmt: skip
    days = found.buildings["completed_on"].dt.strftime("%Y-%m-%d").tolist()
    assert days[:3] == ["2019-05-01"] * 3
    assert pd.isna(days[3:5]).all()
    assert days[5] == "2019-05-01"
    altered = found.rejected[["row", "reason"]].to_numpy().tolist()
    assert altered == [[4, "not a date"], [5, "not a date"], [5, "unknown roof form"]]


def test_the_field_map_goes_first_and_names_what_is_wrong(tmp_path: Path) -> None:
    said = [{"height": 5, "H": 9, "levels": 2}]
    path = write_geojson(tmp_path / "b.geojson", [house(0)], said)
    assert read(path).buildings["height_m"].tolist() == [5.0]
    assert read(path, field_map={"height_m": "H"}).buildings["height_m"].tolist() == [9.0]
    with pytest.raises(AssumptionError) as caught:
        read_footprints(path, RULES, field_map={"heigth_m": "H", "floors": "level"})
    assert "did you mean 'height_m'" in caught.value.faults[0]
    assert "did you mean 'levels'" in caught.value.faults[1]
    with pytest.raises(InputError, match="did you mean 'levels'"):
        read_footprints(path, RULES, field_map={"floors": "level"})


def test_a_file_without_any_roof_says_why(tmp_path: Path) -> None:
    points = [shapely.Point(350_000, 3_450_000)] * 3
    path = write_geojson(tmp_path / "b.geojson", points)
    with pytest.raises(InputError, match=r"none of 3 rows .*3 × Point, not a polygon"):
        read_footprints(path, RULES)


def test_a_shifted_file_lands_in_place(tmp_path: Path) -> None:
    truth = write_geojson(tmp_path / "b.geojson", [house(0)])
    rows = gpd.read_file(truth)
    moved = shapely.transform(
        rows.geometry.to_numpy(), lambda xy: np.column_stack(wgs84_to_gcj02(xy[:, 0], xy[:, 1]))
    )
    gpd.GeoDataFrame(geometry=moved, crs=4326).to_file(tmp_path / "s.gpkg")
    metric = pyproj.CRS.from_epsg(32651)
    right = read(truth, metric=metric).buildings.geometry.iloc[0]
    found = read(tmp_path / "s.gpkg", datum="gcj02", metric=metric).buildings.geometry.iloc[0]
    wrong = read(tmp_path / "s.gpkg", metric=metric).buildings.geometry.iloc[0]
    assert shapely.hausdorff_distance(found, right) < 0.01
    assert shapely.hausdorff_distance(wrong, right) > 300.0


def test_an_open_ring_is_noted(tmp_path: Path) -> None:
    place = shapely.geometry.mapping(frame([house(0)]).geometry.iloc[0])
    corners = [list(corner) for corner in place["coordinates"][0]][:-1]
    shape = {"type": "Polygon", "coordinates": [corners]}
    feature = {"type": "Feature", "properties": {"id": "a"}, "geometry": shape}
    found = read(write_features(tmp_path / "b.geojson", [feature]))
    assert reasons(found, "altered") == {1: "a ring does not close"}
    assert found.buildings.area.iloc[0] == pytest.approx(600.0, rel=1e-6)


SHAPES = st.one_of(
    st.builds(
        house,
        st.integers(0, 8).map(lambda step: 15.0 * step),
        st.integers(0, 3).map(lambda step: 20.0 * step),
        st.sampled_from([0.5, 15.0, 30.0]),
        st.sampled_from([2.0, 20.0, 40.0]),
    ),
    st.builds(
        lambda x: ring((x, 0), (x + 20, 20), (x + 20, 0), (x, 20), (x, 0)), st.integers(0, 50)
    ),
    st.builds(
        lambda x, n: shapely.MultiPolygon([house(x + 25.0 * part, 90.0) for part in range(n)]),
        st.integers(0, 60),
        st.integers(1, 3),
    ),
    st.builds(
        lambda x: shapely.GeometryCollection([house(x, 150.0), shapely.Point(350_000, 3_450_000)]),
        st.integers(0, 50),
    ),
    st.sampled_from([None, shapely.Point(350_000, 3_450_000), shapely.Polygon()]),
)
ROWS = st.tuples(
    SHAPES,
    st.sampled_from(["a", "b", "a_1", "c", None, 0, 7, 7.0]),
    st.sampled_from([None, 0, 5, 12.5, "9m", "-3", "tall", 9999]),
    st.sampled_from([None, 2, "3层", -1]),
    st.sampled_from([None, "工业", "yes", "office"]),
)


def written(path: Path, rows: Sequence[tuple[Any, ...]]) -> Path:
    said: list[Mapping[str, Any]] = [
        {"id": name, "height": height, "floors": floors, "use": use}
        for _, name, height, floors, use in rows
    ]
    return write_geojson(path, [row[0] for row in rows], said)


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, min_size=1, max_size=14))
def test_no_row_is_lost_whatever_the_file_holds(tmp_path: Path, rows: list[Any]) -> None:
    path = written(tmp_path / "b.geojson", rows)
    try:
        found = read(path, OFTEN_WRONG)
    except InputError as error:
        assert str(error).startswith("b.geojson: ")
        return
    again = read(path, OFTEN_WRONG)
    pd.testing.assert_frame_equal(found.rejected, again.rejected)
    ground = shapely.union_all(found.buildings.geometry.to_numpy())
    assert ground.area <= found.buildings.area.sum() + 1e-6


@examples(20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, min_size=2, max_size=10), order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(tmp_path: Path, rows: list[Any], order: Any) -> None:
    named = [
        (shape, f"n{place}" if name in (None, 0) else name, *rest)
        for place, (shape, name, *rest) in enumerate(rows)
    ]
    shuffled = list(named)
    order.shuffle(shuffled)
    by_id = {"roof_id": "id"}  # a column that happens to say the same everywhere is meant too
    try:
        first = read(written(tmp_path / "1.geojson", named), OFTEN_WRONG, field_map=by_id)
    except InputError:
        return
    second = read(written(tmp_path / "2.geojson", shuffled), OFTEN_WRONG, field_map=by_id)
    assert first.counts == second.counts
    columns = ["name", "height_m", "height_source", "use"]
    pd.testing.assert_frame_equal(first.buildings[columns], second.buildings[columns])
    assert np.allclose(first.buildings.area, second.buildings.area, rtol=1e-9)


def test_lujiazui_every_row_is_accounted_for(shared_data: Path) -> None:
    path = shared_data / "bld_shanghai_lujiazui_osm" / "buildings.geojson"
    found = read(path)
    assert found.counts["rows_read"] == 1981
    assert len(found.buildings) <= 1450
    assert sum("Point" in text for text in reasons(found, "rejected").values()) == 409
    assert found.buildings["height_m"].max() == 632.0
    assert set(found.buildings["source"]) == {"openstreetmap.org"}
    # What was merged, or left out as part of another, still stands on the same ground.
    rows = read_vector(path, title="b").to_crs(32651)
    drawn = rows[rows.geom_type == "Polygon"].geometry.make_valid()
    ground = shapely.union_all(drawn.to_numpy()).area
    kept = shapely.union_all(found.buildings.geometry.to_numpy()).area
    assert kept == pytest.approx(ground, rel=0.002)
    overlap = found.buildings.area.sum() - kept
    assert overlap == pytest.approx(2629.1, abs=5.0)


def test_nanshan_multipolygons_become_roofs(shared_data: Path) -> None:
    found = read(shared_data / "bld_shenzhen_nanshan" / "nanshan-building.geojson")
    assert found.counts["rows_used"] == found.counts["rows_read"] == 10
    assert 5430 <= found.counts["roofs"] <= 5445
    assert found.buildings.crs.to_epsg() == 32649
    assert found.counts["height_given"] == found.counts["roofs"]
    assert found.buildings.area.max() == pytest.approx(43_077.0, rel=0.01)


def test_suzhou_and_siping_have_no_usable_id(shared_data: Path) -> None:
    suzhou = read(shared_data / "bld_suzhou_oldtown" / "bd_demo_2.json")
    assert suzhou.counts["rows_read"] == 3076
    assert suzhou.counts["pieces_merged"] == 0  # its Id is 0 in every row
    assert suzhou.buildings.area.median() == pytest.approx(300.0, rel=0.05)
    siping = read(shared_data / "bld_shanghai_siping_cityscope" / "Buildings.shp")
    assert siping.counts["rows_read"] == 553
    assert siping.counts["height_default"] == siping.counts["roofs"]
    assert siping.buildings.area.median() == pytest.approx(549.0, rel=0.02)


def test_twenty_thousand_footprints_take_seconds(tmp_path: Path) -> None:
    count, side = 20_000, 142
    place = np.arange(count)
    x, y = 300_000.0 + (place % side) * 60.0, 3_440_000.0 + (place // side) * 60.0
    rows = gpd.GeoDataFrame(
        {"id": place, "height": 9.0}, geometry=shapely.box(x, y, x + 40.0, y + 30.0), crs=32651
    )
    rows.to_parquet(tmp_path / "b.parquet")
    start = time.perf_counter()
    found = read_footprints(tmp_path / "b.parquet", RULES)
    assert found.counts["roofs"] == count
    assert time.perf_counter() - start < 8.0  # measured: 0.5 s; quadratic work takes minutes


def test_what_a_file_says_for_the_check_of_new_plants_is_read(tmp_path: Path) -> None:
    said = [
        {"开工日期": "2021-11-30", "其他可再生能源": "地源热泵"},
        {"其他可再生能源": "没有", "豁免理由": "文物建筑"},
        {"其他可再生能源": "无"},  # read as nothing said: it could be either
    ]
    shapes = [house(50.0 * x) for x in range(3)]
    found = read(write_geojson(tmp_path / "b.geojson", shapes, said)).buildings
    days = found["started_on"].dt.strftime("%Y-%m-%d")
    assert days.iloc[0] == "2021-11-30"
    assert days.iloc[1:].isna().all()
    assert found["other_renewable"].tolist() == ["地源热泵", "没有", None]
    assert found["exempt_reason"].tolist() == [None, "文物建筑", None]
    tables.check(found, tables.CLAUSE_EVIDENCE, title="buildings")

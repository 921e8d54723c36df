"""Parks and districts: ids, names, datum, and the area that a roof belongs to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pvplan import tables
from pvplan.errors import AssumptionError, InputError
from pvplan.sources.boundaries import AreaFile, largest_overlap, read_areas
from pvplan.sources.coordinates import wgs84_to_bd09, wgs84_to_gcj02
from pvplan.sources.vectors import read_vector
from tests.conftest import ROOT, examples
from tests.vector_files import METRIC, house, ring, write_geojson

CRS = pyproj.CRS.from_epsg(METRIC)
DATAV = Path("adm_shanghai_districts_datav") / "310000_geojson_full.json"
CENTRES = {
    "黄浦区": (121.4791, 31.2179),
    "徐汇": (121.4348, 31.1648),
    "浦东新区": (121.7456, 31.0898),
}


def read(path: Path, kind: Any = "park", **options: Any) -> AreaFile:
    found = read_areas(path, kind, metric=CRS, **options)
    counts, areas = found.counts, found.areas
    assert counts["rows_read"] == (
        counts["rows_used"] + counts["rows_rejected"] + counts["rows_not_selected"]
    )
    assert counts["areas"] == counts["rows_used"] - counts["rows_merged"] == len(areas)
    assert areas.index.name == f"{kind}_id"
    assert areas.index.is_unique
    assert areas.index.is_monotonic_increasing
    assert areas.crs == CRS
    assert shapely.is_valid(areas.geometry).all()
    tables.check(found.rejected, tables.REJECTED, title="rejected")
    assert (found.rejected["input"] == f"{kind}s").all()
    return found


def test_parks_by_hand(tmp_path: Path) -> None:
    path = write_geojson(
        tmp_path / "p.geojson",
        [house(0, 0, 400, 400), house(900, 0, 400, 400), house(400, 0, 100, 400), None],
        [
            {"园区编号": "p2", "园区名称": "金桥", "name_en": "Jinqiao", "district_id": 310115},
            {"园区编号": "p1", "备注": "rough"},
            {"园区编号": "p2", "园区名称": "金桥东"},
            {"园区编号": "p9"},
        ],
    )
    found = read(path)
    assert list(found.areas.index) == ["p1", "p2"]
    park = found.areas.loc["p2"]
    assert (park["name_zh"], park["name_en"], park["district_id"]) == ("金桥", "Jinqiao", "310115")
    assert park.geometry.geom_type == "Polygon"
    assert park.geometry.area == pytest.approx(200_000.0, rel=1e-6)
    assert found.areas.loc["p1", "note"] == "rough"
    assert pd.isna(found.areas.loc["p1", "name_zh"])
    said = found.rejected[["row", "id", "reason", "done"]].to_numpy().tolist()
    assert said == [
        [1, "p2", "2 rows share this id", "altered"],
        [3, "p2", "2 rows share this id", "altered"],
        [4, "p9", "the row has no geometry", "rejected"],
    ]


def test_a_crossing_outline_is_repaired_and_kept_whole(tmp_path: Path) -> None:
    bow_tie = ring((0, 0), (200, 200), (200, 0), (0, 200), (0, 0))
    found = read(write_geojson(tmp_path / "p.geojson", [bow_tie]))
    assert list(found.areas.index) == ["row-000001"]
    assert found.areas.geometry.iloc[0].geom_type == "MultiPolygon"
    assert found.rejected["reason"].tolist() == ["Self-intersection"]


def test_where_takes_rows_and_counts_the_rest(tmp_path: Path) -> None:
    path = write_geojson(
        tmp_path / "p.geojson",
        [house(x * 100.0) for x in range(4)],
        [{"Class": 3}, {"Class": 3}, {"Class": 10}, {"Class": None}],
    )
    found = read(path, where="Class = 3.0")
    assert list(found.areas.index) == ["row-000001", "row-000002"]
    assert found.counts["rows_not_selected"] == 2
    assert "2 of 4 rows not selected by Class = 3.0" in found.warnings[-1]
    assert list(read(path, where="Class!=3").areas.index) == ["row-000003", "row-000004"]
    with pytest.raises(InputError, match="did you mean 'Class'"):
        read(path, where="class=3")
    with pytest.raises(InputError, match="selects no row; Class holds: 10, 3"):
        read(path, where="Class=4")
    with pytest.raises(InputError, match="write COLUMN=VALUE"):
        read(path, where="Class > 3")


def test_faults_name_the_remedy(tmp_path: Path) -> None:
    line = shapely.LineString([(350_000, 3_450_000), (350_100, 3_450_000)])
    path = write_geojson(tmp_path / "p.geojson", [line], [{"title": "x"}])
    with pytest.raises(InputError, match="none of 1 rows holds a polygon"):
        read(path)
    with pytest.raises(InputError, match="did you mean 'title'"):
        read(path, field_map={"name_zh": "titel"})
    with pytest.raises(AssumptionError, match="did you mean 'name_zh'"):
        read(path, field_map={"name_hz": "title"})
    with pytest.raises(AssumptionError, match="did you mean 'gcj02'"):
        read(path, datum="gcj2")
    with pytest.raises(InputError, match="not in metres"):
        read_areas(path, "park", metric=pyproj.CRS.from_epsg(4326))


def districts(path: Path, shift: Any, **words: Any) -> Path:
    """Write districts around trusted centroids, in a datum that the file does not declare."""
    middles = gpd.GeoSeries(gpd.points_from_xy(*np.array(list(CENTRES.values())).T), crs=4326)
    shapes = middles.to_crs(METRIC).buffer(3000.0).to_crs(4326)
    if shift is not None:
        moved = shapely.transform(
            shapes.to_numpy(), lambda xy: np.column_stack(shift(xy[:, 0], xy[:, 1]))
        )
        shapes = gpd.GeoSeries(moved, crs=4326)
    names = [{"name": name, **words} for name in CENTRES]
    return write_geojson(path, shapes.to_crs(METRIC), names)


@pytest.mark.parametrize("stated", ["wgs84", "gcj02", "bd09", "cgcs2000"])
@pytest.mark.parametrize("real", ["wgs84", "gcj02", "bd09"])
def test_a_datum_that_is_not_the_stated_one_is_named(
    tmp_path: Path, stated: str, real: str
) -> None:
    shift = {"wgs84": None, "gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}[real]
    path = districts(tmp_path / "d.geojson", shift)
    warnings = read(path, "district", datum=stated).warnings
    if real == {"cgcs2000": "wgs84"}.get(stated, stated):
        assert warnings == ()
    else:
        assert f"--districts-datum {real}" in warnings[-1]


def test_other_outlines_prove_nothing_but_columns_do(tmp_path: Path) -> None:
    shapes = [house(0, 0, 900, 900)]
    path = write_geojson(tmp_path / "d.geojson", shapes, [{"name": "浦东新区"}])
    assert read(path, "district").warnings == ()
    signed = [{"adcode": 440305, "name": "南山区", "childrenNum": 0, "acroutes": [100000]}]
    path = write_geojson(tmp_path / "v.geojson", shapes, signed)
    assert "DataV.GeoAtlas" in read(path, "district").warnings[-1]
    assert read(path, "district", datum="gcj02").warnings == ()
    here = gpd.GeoSeries(shapes, crs=METRIC).centroid.to_crs(4326).iloc[0]
    trusted = {"440305": (here.x, here.y)}  # the same file, proved to lie right
    assert read(path, "district", city_centroids=trusted).warnings == ()


def table(shapes: list[Any], names: list[str]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=shapes, index=pd.Index(names, dtype=object), crs=METRIC)


def test_the_larger_share_wins_and_equal_shares_go_by_id() -> None:
    areas = table(
        [house(0, 0, 100, 100), house(100, 0, 100, 100), house(0, 0, 100, 100)], ["b", "c", "a"]
    )
    roofs = table(
        [house(10), house(90, 0, 30), house(70, 0, 60), house(200, 0), house(500)],
        ["inside", "more in c", "half", "touching", "far"],
    )
    found = largest_overlap(roofs, areas)
    assert found.to_dict() == {
        "inside": "a", "more in c": "c", "half": "a", "touching": None, "far": None,
    }  # fmt: skip
    with pytest.raises(InputError, match="same CRS"):
        largest_overlap(roofs.to_crs(4326), areas)


BOXES = st.lists(
    st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 6)] * 2), min_size=1, max_size=12
)


@examples(30)
@given(roofs=BOXES, areas=BOXES, order=st.randoms(use_true_random=False))
def test_the_join_agrees_with_every_pair_tried(roofs: Any, areas: Any, order: Any) -> None:
    small = table([house(x, y, w, h) for x, y, w, h in roofs], [f"r{i}" for i in range(len(roofs))])
    large = table([house(x, y, w, h) for x, y, w, h in areas], [f"p{i}" for i in range(len(areas))])
    found = largest_overlap(small, large)
    for name, shape in small.geometry.items():
        shares = {
            place: round(zone.intersection(shape).area, 6) for place, zone in large.geometry.items()
        }
        best = max(shares.values())
        wanted = min((place for place, share in shares.items() if share == best), default=None)
        assert found[name] == (wanted if best > 0 else None)
    shuffled = order.sample(range(len(small)), len(small))
    again = largest_overlap(small.iloc[shuffled], large.iloc[::-1])
    pd.testing.assert_series_equal(again.reindex(found.index), found)


def test_areas_elsewhere_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A city of many parks is joined part by part: each part pays for the parks around it only."""
    near = [house(100.0 * at, 0, 90, 90) for at in range(4)]
    far = [house(100.0 * at, 50_000, 90, 90) for at in range(500)]
    ids = [f"a{at:03d}" for at in range(504)]
    roofs = table([house(10), house(115), house(385), house(60_000)], ["a", "b", "c", "far"])
    inner = largest_overlap(roofs.iloc[:3], table(near, ids[:4]))
    assert inner.to_dict() == {"a": "a000", "b": "a001", "c": "a003"}
    drawn: list[int] = []
    lines = shapely.linestrings

    def counted(points: Any) -> Any:
        drawn.append(len(points))
        return lines(points)

    monkeypatch.setattr(shapely, "linestrings", counted)
    found = largest_overlap(roofs.iloc[:3], table([*far, *near], [*ids[4:], *ids[:4]]))
    pd.testing.assert_series_equal(found, inner)
    # Of the 16 edges of the four near, those that the roofs' box meets; of the far none.
    assert 0 < sum(drawn) <= 16
    every = largest_overlap(roofs, table([*far, *near], [*ids[4:], *ids[:4]]))
    assert every["far"] is None
    nobody = largest_overlap(roofs.iloc[:0], table(near, ids[:4]))
    assert nobody.empty and nobody.dtype == object


def test_datav_districts_are_known_to_be_shifted(shared_data: Path) -> None:
    raw = read(shared_data / DATAV, "district")
    assert raw.counts["areas"] == 16
    assert "looks like gcj02, not wgs84" in raw.warnings[-1]
    right = read(shared_data / DATAV, "district", datum="gcj02")
    assert right.warnings == ()
    assert right.areas.loc["310115", "name_zh"] == "浦东新区"
    # The western border of Pudong runs in the Huangpu, as OpenStreetMap (true WGS84) draws it.
    water = read_vector(shared_data / "bld_shanghai_lujiazui_osm" / "water.geojson", title="w")
    shapes = water.to_crs(CRS).geometry
    river = shapely.union_all(shapes[shapes.geom_type.str.endswith("Polygon")].make_valid())
    window = shapely.box(121.48024, 31.22643, 121.52085, 31.25095)
    seen = shapely.box(*gpd.GeoSeries([window], crs=4326).to_crs(CRS).total_bounds)

    def share_in_river(found: AreaFile) -> float:
        border = found.areas.geometry["310115"].boundary.intersection(seen)
        return border.intersection(river).length / border.length

    assert share_in_river(raw) < 0.5
    assert share_in_river(right) > 0.95


def test_waigaoqiao_measures_what_its_source_says(shared_data: Path) -> None:
    folder = shared_data / "park_shanghai_osm_admin_refs"
    park = read(folder / "subscopes.wgs84.json").areas
    assert list(park.index) == ["subscope_waigaoqiao_ftz_10_34"]
    assert "外高桥" in park["name_zh"].iloc[0]
    assert park.area.iloc[0] / 1e6 == pytest.approx(10.16, abs=0.01)
    towns = read(folder / "admin-references.wgs84.json").areas
    assert towns.area["sector_zhangjiang"] / 1e6 == pytest.approx(46.0, abs=0.1)


def test_industrial_land_of_xinwu_by_class(shared_data: Path) -> None:
    path = shared_data / "park_wuxi_xinwu_landuse" / "xinwu_land_use.gpkg"
    found = read(path, where="Class=3")
    assert found.counts["areas"] == 435
    assert found.counts["rows_not_selected"] == 2033 - 435
    # The file measures in the neighbouring zone (EPSG:32650), which stretches by 0.1 % here.
    assert found.areas.area.sum() / 1e6 == pytest.approx(75.295, rel=0.002)
    roofs = table([house(0)], ["shanghai"])
    assert largest_overlap(roofs, found.areas).isna().all()


SIDE_BY_SIDE = """
from concurrent.futures import ThreadPoolExecutor
import geopandas as gpd, numpy as np, shapely
from pvplan.sources.boundaries import largest_overlap

def parks():
    turn = np.linspace(0.0, 2.0 * np.pi, 4000, endpoint=False)
    away = 900.0 + 80.0 * np.random.default_rng(1).random((12, 4000))
    rings = [np.c_[2000 * (k % 4) + r * np.cos(turn), 2000 * (k // 4) + r * np.sin(turn)]
             for k, r in enumerate(away)]
    names = [f"P{k}" for k in range(12)]
    return gpd.GeoDataFrame(geometry=shapely.polygons(rings), index=names, crs=32651)

west, south = np.random.default_rng(2).uniform(-1000.0, 7000.0, (2, 3000))
roofs = shapely.box(west, south, west + 15.0, south + 12.0)
quarters = [gpd.GeoDataFrame(geometry=roofs[first::4], crs=32651) for first in range(4)]
alone = [largest_overlap(quarter, parks()) for quarter in quarters]
for _ in range(20):
    shared = parks()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda quarter: largest_overlap(quarter, shared), quarters))
    assert all(one.equals(other) for one, other in zip(alone, found))
print("the same", sum(int(one.notna().sum()) for one in alone))
"""


def test_parts_that_are_joined_side_by_side_find_the_same_parks() -> None:
    """Parks that two threads asked at once ended the program; so it runs in one of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    assert int(done.stdout.removeprefix("the same ")) > 1000

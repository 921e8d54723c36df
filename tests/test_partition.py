"""A partition says what its file says: every roof, row, count and word, however small the parts."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from pvplan import assumptions, partition_roofs, partition_spill, tiles
from pvplan.__main__ import main
from pvplan.assumptions import Footprints
from pvplan.errors import InputError, OutputError
from pvplan.partition import partition
from pvplan.partition_rows import Told
from pvplan.sources import vectors
from pvplan.sources.footprints import FootprintFile, read_footprints
from pvplan.sources.partitions import ABOUT, Partition, open_partition
from tests.conftest import examples
from tests.vector_files import EAST, NORTH, frame, house, ring, write_features, write_geojson

ROOT = Path(__file__).resolve().parents[1]
RULES = assumptions.load().footprints
OFTEN_WRONG = replace(RULES, max_bad_height_fraction=1.0)


@contextmanager
def piecemeal(rows: int) -> Iterator[None]:
    """Read, compare and set aside so few rows at a time that every seam is met."""
    with (
        patch.object(vectors, "BATCH_ROWS", rows),
        patch.object(partition_roofs, "ROWS_TOGETHER", rows),
        patch.object(partition_spill, "ROWS_OF_NOTES", rows),
        patch.object(partition_roofs, "ROWS_OF_NOTES", rows),
        patch.object(partition_spill, "BUFFER_BYTES", 2000),
    ):
        yield


def made(
    path: Path, out: Path, rules: Footprints = RULES, *, most: int = 3, **told: Any
) -> Partition:
    partition(path, out, rules, Told(**told), rows_per_part=most)
    return open_partition(out)


def check_same(one: FootprintFile, other: FootprintFile) -> None:
    """All that a footprint file is, to the last bit and the kind of every column."""
    mine, theirs = one.buildings, other.buildings
    assert str(mine.crs) == str(theirs.crs)
    assert mine.crs == theirs.crs
    assert shapely.to_wkb(mine.geometry.to_numpy()).tolist() == (
        shapely.to_wkb(theirs.geometry.to_numpy()).tolist()
    )
    flat = [pd.DataFrame(frame.drop(columns="geometry")) for frame in (mine, theirs)]
    pd.testing.assert_frame_equal(*flat, check_exact=True)
    nothing = [[[word is None for word in table[c]] for c in table] for table in flat]
    assert nothing[0] == nothing[1]
    pd.testing.assert_frame_equal(one.rejected, other.rejected, check_exact=True)
    assert one.counts == other.counts
    assert list(one.counts) == list(other.counts)
    assert one.warnings == other.warnings


def check_parts(found: Partition, most: int) -> None:
    """Every roof lies in the cell of its representative point, and the folder says so."""
    assert sum(part.roofs for part in found.parts) == found.about.counts["roofs"]
    for part in found.parts:
        roofs = found.roofs_of(part.name)
        assert len(roofs) == part.roofs
        assert part.roofs <= most or part.name.startswith(f"{tiles.LEVELS}-")
        assert roofs.index.is_monotonic_increasing
        assert part.bounds == tuple(roofs.total_bounds)
        assert part.top_m == roofs["height_m"].max()
        level, column, row = (int(word) for word in part.name.split("-"))
        points = shapely.get_coordinates(shapely.point_on_surface(roofs.geometry.to_numpy()))
        cell = np.floor((points + tiles.SIDE_M / 2) / (tiles.SIDE_M / 2**level)).astype(int)
        assert (cell == [column, row]).all()


def check_exact(path: Path, out: Path, rules: Footprints, rows: int, **told: Any) -> None:
    """Both ways give the same, or refuse the file with the same words."""
    words = {word: value for word, value in told.items() if word != "metric"}
    try:
        whole = read_footprints(path, rules, metric=told.get("metric"), **words)
    except InputError as error:
        with piecemeal(rows), pytest.raises(InputError) as refused:
            made(path, out, rules, most=rows, **told)
        assert refused.value.faults == error.faults
        assert not out.exists()
        return
    with piecemeal(rows):
        found = made(path, out, rules, most=rows, **told)
    check_same(found.whole(), whole)
    check_parts(found, rows)


# ---- exactness: real files ----------------------------------------------------------------------


@pytest.mark.parametrize("most", [1000, 100_000])
def test_the_bundled_city_is_the_same_in_parts(tmp_path: Path, most: int) -> None:
    path = ROOT / "data" / "rooftops" / "shanghai" / "buildings.geojson"
    found = made(path, tmp_path / "out", most=most)
    assert (len(found.parts) > 10) == (most == 1000)
    check_same(found.whole(), read_footprints(path, RULES))
    check_parts(found, most)


@pytest.mark.parametrize(
    "name",
    [
        "bld_shanghai_lujiazui_osm/buildings.geojson",
        "bld_shanghai_siping_cityscope/Buildings.shp",
        "park_wuxi_xinwu_landuse/xinwu_land_use.gpkg",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in (
                "bld_suzhou_oldtown/bd_demo_2.json",
                "bld_shenzhen_nanshan/nanshan-building.geojson",
            )
        ),
    ],
)
def test_files_of_many_hands_are_the_same_in_parts(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    path = shared_data / name
    for rows, datum in ((400, "wgs84"), (20_000, "gcj02")):
        with piecemeal(rows):
            found = made(path, tmp_path / f"{rows}", most=rows, datum=datum)
        check_same(found.whole(), read_footprints(path, RULES, datum=datum))
        check_parts(found, rows)


def test_the_toy_city_is_the_same_in_parts(toy_buildings: gpd.GeoDataFrame, tmp_path: Path) -> None:
    rows = toy_buildings.drop(columns=["park_id", "district_id"]).reset_index()
    for kind in ("gpkg", "fgb", "parquet"):
        path = tmp_path / f"toy.{kind}"
        rows.to_parquet(path) if kind == "parquet" else rows.to_file(path)
        for few in (1, 100):
            check_exact(path, tmp_path / f"{kind}-{few}", RULES, few)


# ---- exactness: what a file may hold ------------------------------------------------------------


def chain(x: float, links: int) -> list[shapely.Polygon]:
    """Footprints each of which overlaps the next: no part holds them all."""
    return [house(x + 15.0 * link, 200.0, 20.0, 12.0) for link in range(links)]


def nest(x: float, depth: int) -> list[shapely.Polygon]:
    """Footprints each inside the one before."""
    return [
        house(x + 4.0 * at, -200.0 + 4.0 * at, 60.0 - 8.0 * at, 60.0 - 8.0 * at)
        for at in range(depth)
    ]


SHAPES = st.one_of(
    st.builds(
        lambda x, y, w, d: [house(x, y, w, d)],
        st.sampled_from([0.0, 5.0, 10.0, 40.0, 300.0, 2000.0]),
        st.sampled_from([0.0, 3.0, 35.0]),
        st.sampled_from([0.5, 3.0, 20.0, 45.0]),
        st.sampled_from([10.0, 30.0]),
    ),
    st.builds(
        lambda x: [shapely.MultiPolygon([house(x), house(x + 60.0, 5.0), house(x + 500.0)])],
        st.sampled_from([0.0, 20.0, 60.0]),
    ),
    st.builds(chain, st.sampled_from([0.0, 7.0]), st.integers(2, 5)),
    st.builds(nest, st.sampled_from([0.0, 30.0]), st.integers(2, 4)),
    st.just([ring((0, 0), (20, 20), (20, 0), (0, 20), (0, 0))]),
    st.just([ring((0, 0), (30, 0), (0, 0), (0, 0))]),
    st.just([shapely.Point(EAST, NORTH)]),
    st.just([shapely.GeometryCollection([house(80.0), shapely.Point(EAST, NORTH)])]),
)
IDS = st.sampled_from(["a", "a_1", "a__1", "b", "b", "c", "0", "row-000002", None, "无", " a "])
HEIGHTS = st.sampled_from([None, "6", "8.5", "12m", "30", "45", "0", "-3", "tall", "99999"])
FLOORS = st.sampled_from([None, 1, 2, 40, 0])
NAMES = st.sampled_from([None, "北楼", "南楼", "-"])


@st.composite
def files(draw: st.DrawFn) -> list[tuple[Any, dict[str, Any]]]:
    drawn = draw(st.lists(SHAPES, min_size=1, max_size=9))
    rows: list[tuple[Any, dict[str, Any]]] = []
    for shapes in drawn:
        for shape in shapes:
            said = {"id": draw(IDS), "height": draw(HEIGHTS), "name": draw(NAMES),
                    "名称": draw(NAMES), "floors": draw(FLOORS)}  # fmt: skip
            rows.append((shape, said))
    return draw(st.permutations(rows))


def write(rows: list[tuple[Any, dict[str, Any]]], folder: Path, kind: str) -> Path:
    path = folder / f"b.{kind}"
    if kind == "geojson":
        return write_geojson(path, [shape for shape, _ in rows], [said for _, said in rows])
    said = pd.DataFrame([words for _, words in rows])
    columns = {name: said[name].astype(object).where(said[name].notna(), None) for name in said}
    columns["floors"] = said["floors"].astype("Int64")
    table = frame([shape for shape, _ in rows], **columns)
    if kind == "parquet":
        table.to_parquet(path, row_group_size=3)
    else:
        table.to_file(path, engine="pyogrio")
    return path


@examples(30, suppress_health_check=[HealthCheck.too_slow])
@given(
    files(),
    st.sampled_from(["geojson", "gpkg", "fgb", "parquet"]),
    st.sampled_from([2, 5]),
    st.sampled_from([RULES, OFTEN_WRONG, replace(OFTEN_WRONG, min_area_m2=0.0, min_width_m=0.0)]),
)
def test_whatever_a_file_holds_its_parts_say_the_same(
    rows: list[tuple[Any, dict[str, Any]]], kind: str, few: int, rules: Footprints
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(rows, Path(folder), kind)
        check_exact(path, Path(folder) / "out", rules, few)


def test_a_chain_longer_than_a_part_is_judged_as_one(tmp_path: Path) -> None:
    """Each inside the next larger one, across many parts: only the largest is kept."""
    shapes = [house(0.0, 0.0, 40.0 + 3.0 * at, 40.0) for at in range(20)]
    towers = [house(5.0 * at, 10.0, 4.0, 8.0) for at in range(8)]
    said = [{"id": f"n{at:02d}", "height": 10.0} for at in range(20)]
    said += [{"id": f"t{at}", "height": 30.0} for at in range(8)]
    path = write_geojson(tmp_path / "b.geojson", [*shapes, *towers], said)
    check_exact(path, tmp_path / "out", RULES, 1)
    whole = open_partition(tmp_path / "out").whole()
    assert [name for name in whole.buildings.index if name.startswith("n")] == ["n19"]
    assert whole.counts["roofs"] == 9


def test_rows_far_apart_that_share_an_id_are_one_building(tmp_path: Path) -> None:
    shapes = [house(3000.0 * (at % 3) + 40.0 * at) for at in range(12)]
    said = [{"id": f"x{at % 5}", "height": at, "name": f"n{at}"} for at in range(12)]
    path = write_geojson(tmp_path / "b.geojson", shapes, said)
    check_exact(path, tmp_path / "out", RULES, 2)
    assert open_partition(tmp_path / "out").about.counts["pieces_merged"] == 7


def test_united_rows_meet_where_no_roof_begins(tmp_path: Path) -> None:
    """Buildings of rows far apart overlap in a stretch of the curve that holds no roof's corner."""
    places: list[tuple[Any, str, str | None]] = [
        (house(10.0, 0.0, 45.0, 10.0), "a_1", "6"),
        (house(37.0, 200.0, 20.0, 12.0), "row-000002", "8.5"),
        (house(15.0, 200.0, 20.0, 12.0), "0", "6"),
        (house(2000.0, 0.0, 45.0, 30.0), "row-000002", "45"),
        (house(30.0, 200.0, 20.0, 12.0), "b", "-3"),
        (shapely.GeometryCollection([house(80.0), shapely.Point(EAST, NORTH)]), "a__1", "6"),
        (house(7.0, 200.0, 20.0, 12.0), "无", "45"),
        (ring((0.0, 0.0), (20.0, 20.0), (20.0, 0.0), (0.0, 20.0)), "c", "45"),
        (house(0.0, 200.0, 20.0, 12.0), "0", None),
        (house(22.0, 200.0, 20.0, 12.0), "无", "45"),
        (house(45.0, 200.0, 20.0, 12.0), "b", "45"),
    ]
    floors = [0, None, 1, None, 1, 2, 0, 2, None, 0, 40]
    rows = [
        (shape, {"id": name, "height": height, "floors": count})
        for (shape, name, height), count in zip(places, floors, strict=True)
    ]
    path = write(rows, tmp_path, "parquet")
    rules = replace(OFTEN_WRONG, min_area_m2=0.0, min_width_m=0.0)
    for few in (1, 2, 3):
        check_exact(path, tmp_path / f"{few}", rules, few)
    assert "pairs of footprints overlap" in open_partition(tmp_path / "2").about.warnings[0]


def test_numbers_beside_gaps_keep_their_digits(tmp_path: Path) -> None:
    """An identifier of many digits is no float, whether or not a row of its batch has none."""
    large = 9_007_199_254_740_993
    table = frame([house(60.0 * at) for at in range(5)])
    table["id"] = pd.array([large, large - 1, None, large + 1, 5], dtype="Int64")
    for kind in ("parquet", "gpkg"):
        path = tmp_path / f"b.{kind}"
        table.to_parquet(path) if kind == "parquet" else table.to_file(path)
        check_exact(path, tmp_path / kind, RULES, 2)
        roofs = open_partition(tmp_path / kind).whole().buildings.index
        assert set(roofs) == {str(large - 1), str(large), str(large + 1), "5", "row-000003"}


@pytest.mark.parametrize(
    "ids", [[7, 7, 3, 7], ["w1", "w1", "w2", 4], [None, None, 5, 6], [0, 1, 2, 3]]
)
def test_identifiers_beside_the_properties_are_kept(tmp_path: Path, ids: list[Any]) -> None:
    """GDAL alters numbers that come twice, which shows only once all rows were read."""
    shapes = [house(60.0 * at) for at in range(4)]
    check_exact(write_geojson(tmp_path / "b.geojson", shapes, ids=ids), tmp_path / "out", RULES, 1)


def test_a_ring_that_does_not_close_is_closed_in_its_batch(tmp_path: Path) -> None:
    features = json.loads(frame([house(60.0 * at) for at in range(6)]).to_json())["features"]
    features[4]["geometry"]["coordinates"][0].pop()
    path = write_features(tmp_path / "b.geojson", features)
    check_exact(path, tmp_path / "out", RULES, 2)
    assert open_partition(tmp_path / "out").rejected()["row"].tolist() == [5]


@pytest.mark.parametrize(
    "said",
    [
        {"datum": "gcj02"},
        {"metric": pyproj.CRS("EPSG:4549")},
        {"field_map": {"height_m": "H", "roof_id": ""}},
        {"crs": "EPSG:4490"},
    ],
)
def test_what_the_reader_is_told_holds_for_parts(tmp_path: Path, said: dict[str, Any]) -> None:
    words = [{"id": f"b{at}", "H": at + 3.0, "height": 5} for at in range(9)]
    path = write_geojson(tmp_path / "b.geojson", [house(45.0 * at) for at in range(9)], words)
    check_exact(path, tmp_path / "out", RULES, 2, **said)


@pytest.mark.parametrize("kind", ["shp", "zip", "kml"])
def test_every_other_format_is_the_same_too(tmp_path: Path, kind: str) -> None:
    table = frame([house(45.0 * at) for at in range(7)], name=[f"{at}号楼" for at in range(7)],
                  height=[3.5 * at + 1.0 for at in range(7)])  # fmt: skip
    path = tmp_path / f"b.{kind}"
    if kind == "kml":
        table.to_file(path, driver="KML")
    else:
        table.to_file(tmp_path / "b.shp", encoding="gb18030")
        (tmp_path / "b.cpg").unlink()
    if kind == "zip":
        shutil.make_archive(str(tmp_path / "b"), "zip", tmp_path, ".")
    check_exact(path, tmp_path / "out", RULES, 2)


@pytest.mark.parametrize(
    "fault",
    ["too many slips", "nothing usable", "degrees for metres", "no rows", "no column"],
)
def test_a_file_is_refused_with_the_same_words(tmp_path: Path, fault: str) -> None:
    shapes: list[Any] = [house(45.0 * at) for at in range(9)]
    said = [{"height": 10.0 * at - 35.0} for at in range(9)] if fault == "too many slips" else None
    told: dict[str, Any] = {}
    if fault == "nothing usable":
        shapes = [shapely.Point(EAST, NORTH), house(0, 0, 1, 1), house(50, 0, 0.2, 90)]
    if fault == "degrees for metres":
        told["crs"] = "EPSG:32651"
    if fault == "no rows":
        shapes = []
    if fault == "no column":
        told["field_map"] = {"height_m": "absent"}
    check_exact(
        write_geojson(tmp_path / "b.geojson", shapes, said), tmp_path / "out", RULES, 2, **told
    )
    assert not (tmp_path / "out").exists()


# ---- the reader ---------------------------------------------------------------------------------


@pytest.fixture
def grid(tmp_path: Path) -> tuple[Path, Path]:
    """A file of 60 houses of heights 1…60 m, and its partition in parts of 4."""
    shapes = [house(60.0 * (at % 10), 70.0 * (at // 10)) for at in range(60)]
    said = [{"id": f"g{at:02d}", "height": at + 1} for at in range(60)]
    path = write_geojson(tmp_path / "grid.geojson", shapes, said)
    made(path, tmp_path / "grid", most=4)
    return path, tmp_path / "grid"


def test_a_window_holds_the_roofs_that_meet_it(grid: tuple[Path, Path]) -> None:
    found = open_partition(grid[1])
    every = found.whole().buildings
    for box in ((EAST, NORTH, EAST + 130.0, NORTH + 90.0), tuple(every.total_bounds), (0, 0, 1, 1)):
        west, south, east, north = box
        sides = every.bounds
        wanted = every[
            (sides["minx"] <= east) & (sides["maxx"] >= west)
            & (sides["miny"] <= north) & (sides["maxy"] >= south)
        ]  # fmt: skip
        roofs = found.near(box)
        pd.testing.assert_frame_equal(pd.DataFrame(roofs), pd.DataFrame(wanted))
        assert roofs.crs == every.crs


def test_a_roof_is_found_by_its_id(grid: tuple[Path, Path]) -> None:
    found = open_partition(grid[1])
    every = found.whole().buildings
    for roof in every.index[::7]:
        assert found.bounds_of(roof) == tuple(every.loc[[roof]].total_bounds)
    assert found.bounds_of("nobody's") is None


def test_a_window_reads_no_part_that_cannot_matter(grid: tuple[Path, Path]) -> None:
    found = open_partition(grid[1])
    read: list[str] = []
    content = Partition._content

    def noting(self: Partition, part: Any) -> bytes:
        read.append(part.name)
        return content(self, part)

    with patch.object(Partition, "_content", noting):
        found.near((EAST, NORTH, EAST + 30.0, NORTH + 30.0))
    assert 0 < len(read) < 4
    assert len(read) < len(found.parts)


def test_a_part_is_geoparquet_that_others_read(grid: tuple[Path, Path]) -> None:
    found = open_partition(grid[1])
    part = found.parts[0]
    path = grid[1] / f"{part.name}.parquet"
    told = json.loads(pq.read_metadata(path).metadata[b"geo"])
    assert "bbox" in told["columns"]["geometry"]["covering"]
    west, south, *_ = part.bounds
    read = gpd.read_parquet(path, bbox=(west, south, west + 1.0, south + 1.0))
    assert 0 < len(read) < part.roofs
    whole = gpd.read_parquet(path)
    assert whole.crs == found.crs
    assert list(whole.columns) == list(found.roofs_of(part.name).columns)


def test_cells_are_those_of_tiles(grid: tuple[Path, Path]) -> None:
    found = open_partition(grid[1])
    city = found.whole().buildings
    cut = tiles.cut(city, city, assumptions.load().shading, 4)
    assert [tile.name for tile in cut] == [part.name for part in found.parts]


# ---- faults -------------------------------------------------------------------------------------


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as refused:
        open_partition(folder).whole()
    return str(refused.value)


def test_a_part_that_is_cut_swapped_or_gone_is_named(grid: tuple[Path, Path]) -> None:
    folder = grid[1]
    one, other = (folder / f"{part.name}.parquet" for part in open_partition(folder).parts[:2])
    content = one.read_bytes()
    for wrong in (content[:-100], other.read_bytes(), content + b"x"):
        one.write_bytes(wrong)
        assert f"{one.name}: is not the file" in refusal(folder)
        with pytest.raises(InputError, match="partition` again"):
            open_partition(folder).near(open_partition(folder).parts[0].bounds)
    one.unlink()
    assert f"{one.name}: cannot be read" in refusal(folder)
    one.write_bytes(content)
    (folder / "rejected.parquet").write_bytes(b"")
    assert "rejected.parquet" in refusal(folder)


def test_words_that_were_changed_are_no_partition(grid: tuple[Path, Path]) -> None:
    text = (grid[1] / ABOUT).read_text(encoding="utf-8")
    (grid[1] / ABOUT).write_text(text.replace('"roofs": 60', '"roofs": 59'), encoding="utf-8")
    assert "was changed" in refusal(grid[1])
    (grid[1] / ABOUT).write_text(text[:200], encoding="utf-8")
    assert "is not whole" in refusal(grid[1])
    said = json.loads(text)
    said["parts"][0]["name"] = "../elsewhere"
    body = {word: value for word, value in said.items() if word != "sha256"}
    written = json.dumps(body, sort_keys=True).encode()
    said["sha256"] = hashlib.sha256(written).hexdigest()
    (grid[1] / ABOUT).write_text(json.dumps(said), encoding="utf-8")
    assert "that are no cells" in refusal(grid[1])
    (grid[1] / ABOUT).write_text('{"kind": "other"}', encoding="utf-8")
    assert "of another kind" in refusal(grid[1])


def test_what_stands_there_is_not_overwritten(grid: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious.txt").write_text("x", encoding="utf-8")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for place in (tmp_path / "other", tmp_path / "file"):
        with pytest.raises(InputError, match="is no partition"):
            made(grid[0], place)
    assert (tmp_path / "other" / "precious.txt").read_text(encoding="utf-8") == "x"
    assert (tmp_path / "file").read_text(encoding="utf-8") == "x"


def test_a_partition_is_replaced_whole_or_not_at_all(grid: tuple[Path, Path]) -> None:
    path, folder = grid
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(InputError):
        partition(path, folder, RULES, Told(field_map={"height_m": "absent"}))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    made(path, folder, most=4)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert len(made(path, folder, most=100).parts) == 1
    assert len(list(folder.iterdir())) == 3
    assert not [entry for entry in folder.parent.iterdir() if entry.name.startswith(".")]


def test_a_writer_that_is_killed_leaves_nothing_to_read(tmp_path: Path) -> None:
    shapes = [house(60.0 * (at % 40), 70.0 * (at // 40)) for at in range(1600)]
    path = write_geojson(tmp_path / "b.geojson", shapes)
    words = [sys.executable, "-m", "pvplan", "partition", str(path), str(tmp_path / "out")]
    running = subprocess.Popen([*words, "--rows-per-part", "2"], cwd=ROOT, env=os.environ)
    try:
        for _ in range(600):
            begun = list(tmp_path.glob(".out.*/*.parquet"))
            if len(begun) > 3 or running.poll() is not None:
                break
            time.sleep(0.05)
        assert running.poll() is None
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert not (tmp_path / "out").exists()
    for left in tmp_path.glob(".out.*"):
        with pytest.raises(InputError, match="no partition"):
            open_partition(left)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "b.geojson", [house(0), house(60)])

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        patch("pvplan.partition.write_part", full),
        pytest.raises(OutputError, match="No space left on device"),
    ):
        partition(path, tmp_path / "out", RULES, Told())
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.geojson"]


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "b.geojson", [house(0), house(60)])

    def meddle(word: str) -> None:
        if word.startswith("comparing"):
            path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")

    with pytest.raises(InputError, match="changed while it was read"):
        partition(path, tmp_path / "out", RULES, Told(), progress=meddle)
    assert not (tmp_path / "out").exists()


def test_a_run_of_other_rules_or_words_is_refused(grid: tuple[Path, Path]) -> None:
    found = open_partition(grid[1])
    found.refuse_other(RULES)
    found.refuse_other(RULES, datum="wgs84", metric=found.crs)
    for said, word in (
        ({"datum": "gcj02"}, "made with datum wgs84, this run says gcj02"),
        ({"crs": "EPSG:4490"}, "made with crs not stated"),
        ({"layer": "roofs"}, "layer"),
        ({"field_map": {"height_m": "H"}}, "map"),
        ({"metric": pyproj.CRS("EPSG:4549")}, "is in EPSG:32651"),
    ):
        with pytest.raises(InputError, match=word):
            found.refuse_other(RULES, **said)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"footprints.min_area_m2 = 10.0, this run has 20.0"):
        found.refuse_other(replace(RULES, min_area_m2=20.0))
    with (
        patch("pvplan.sources.partitions.reader_sha256", lambda: "other"),
        pytest.raises(InputError, match="another version of the reader"),
    ):
        found.refuse_other(RULES)


# ---- the command and the run --------------------------------------------------------------------


def run(*words: Any) -> int:
    return main([str(word) for word in words])


def test_a_run_of_a_partition_writes_the_same_bytes(tmp_path: Path) -> None:
    city = ROOT / "data" / "rooftops" / "shanghai"
    rows = gpd.read_file(city / "buildings.geojson").iloc[:150]
    rows.to_file(tmp_path / "roofs.geojson", driver="GeoJSON")
    day = ("--as-of", "2026-01-01", "--parks", city / "parks.geojson")
    said = ("--buildings-datum", "cgcs2000")
    source, folder = tmp_path / "roofs.geojson", tmp_path / "folder"
    assert run("partition", source, folder, "--rows-per-part", 40, "--datum", "cgcs2000") == 0
    assert len(open_partition(folder).parts) > 3
    assert run("run", "--buildings", source, *said, *day, "--out", tmp_path / "one") == 0
    assert run("run", "--buildings", folder, *day, "--out", tmp_path / "two") == 0
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in names:
        mine, theirs = ((tmp_path / place / name).read_bytes() for place in ("one", "two"))
        if name != "run.json":  # which says how many seconds it took
            assert mine == theirs, name
    one, two = (
        json.loads((tmp_path / place / "run.json").read_text(encoding="utf-8"))
        for place in ("one", "two")
    )
    for about in (one, two):
        about.pop("seconds", None)
    assert one == two


def test_a_city_folder_may_name_a_partition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled = ROOT / "data" / "rooftops" / "shanghai"
    city = tmp_path / "city"
    city.mkdir()
    rows = gpd.read_file(bundled / "buildings.geojson").iloc[:60]
    rows.to_file(tmp_path / "roofs.geojson", driver="GeoJSON")
    words = '[city]\nid = "c"\nmetric_crs = "EPSG:32651"\n[inputs]\nbuildings = "roofs"\n'
    (city / "city.toml").write_text(words, encoding="utf-8")
    assert run("run", city, "--out", tmp_path / "out") == 2
    (city / "city.toml").write_text(words.replace('"roofs"', '"city.toml"'), encoding="utf-8")
    assert run("partition", tmp_path / "roofs.geojson", city / "roofs", "--city", city) == 0
    (city / "city.toml").write_text(words, encoding="utf-8")
    assert run("run", city, "--as-of", "2026-01-01", "--out", tmp_path / "out") == 0
    capsys.readouterr()
    other = ("--set", "footprints.min_area_m2=25", "--out", tmp_path / "out")
    assert run("run", city, *other) == 2
    assert "footprints.min_area_m2 = 10.0, this run has 25.0" in capsys.readouterr().err
    (city / "city.toml").write_text(words.replace("32651", "4549"), encoding="utf-8")
    assert run("run", city, "--out", tmp_path / "out") == 2
    assert "this run's metric CRS is EPSG:4549" in capsys.readouterr().err


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_geojson(tmp_path / "b.geojson", [house(0), house(60)])
    for words, told in (
        ((path, tmp_path / "out", "--rows-per-part", 0), "give 1 or more"),
        ((tmp_path, tmp_path / "out"), "is a folder"),
        ((tmp_path / "c.geojson", tmp_path / "out"), "did you mean 'b.geojson'?"),
        ((path, tmp_path / "no" / "out"), "there is no folder"),
        ((path, tmp_path / "out", "--map", "height"), "write COLUMN=FIELD"),
        ((path, tmp_path / "out", "--metric-crs", "EPSG:x"), "is no known CRS"),
        ((path, tmp_path / "out", "--metric-crs", "EPSG:4326"), "is not in metres"),
    ):
        assert run("partition", *words) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run("partition", path, tmp_path / "out") == 0
    assert "2 屋顶 roofs in 1 parts" in capsys.readouterr().out

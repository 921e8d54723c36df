"""The one way in for vector files: formats, safety, CRS and units."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from pvplan.errors import InputError
from pvplan.sources.vectors import read_vector
from tests.vector_files import frame, house, write_features, write_geojson

ROOT = Path(__file__).resolve().parents[1]


def refusal(path: str | Path, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        read_vector(path, title=Path(path).name, **options)  # type: ignore[arg-type]
    return str(caught.value)


def zipped(folder: Path, shape: str, target: str = "shape.zip") -> Path:
    with zipfile.ZipFile(folder / target, "w") as archive:
        for part in folder.glob(f"{shape}.*"):
            if part.suffix != ".zip":
                archive.write(part, f"inner/{part.name}")
    return folder / target


@pytest.mark.parametrize("name", ["a.geojson", "a.json", "a.gpkg", "a.fgb", "a.parquet", "a.shp"])
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = frame([house(0), house(100), house(200)], tag=["x", "y", "z"])
    path = tmp_path / name
    if name.endswith("parquet"):
        rows.to_parquet(path)
    elif name.endswith("json"):
        rows.to_file(path, driver="GeoJSON")
    elif name.endswith("fgb"):
        rows.to_file(path, SPATIAL_INDEX="NO")
    else:
        rows.to_file(path)
    found = read_vector(path, title=name)
    assert list(found.index) == [1, 2, 3]
    assert list(found["tag"]) == ["x", "y", "z"]
    assert found.crs.to_epsg() == 4326
    assert (shapely.hausdorff_distance(found.geometry, rows.geometry.to_numpy()) < 1e-6).all()


def test_kml_is_read_in_two_dimensions(tmp_path: Path) -> None:
    path = tmp_path / "park.kml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
        "<Document><Placemark><name>园区</name><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        "121.5,31.2,4 121.51,31.2,4 121.51,31.21,4 121.5,31.2,4"
        "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>",
        encoding="utf-8",
    )
    found = read_vector(path, title="park.kml")
    assert found["Name"].tolist() == ["园区"]
    assert not shapely.has_z(found.geometry.iloc[0])
    linked = tmp_path / "linked.kml"
    linked.write_text(path.read_text("utf-8").replace("<Placemark>", "<NetworkLink/><Placemark>"))
    assert "outside the file" in refusal(linked)


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_chinese_texts_of_a_zipped_shapefile_without_cpg(tmp_path: Path, encoding: str) -> None:
    rows = frame([house(0), house(100)], 名称=["上海第一机床厂", "仓库"])
    rows.to_file(tmp_path / "厂房.shp", encoding=encoding)
    (tmp_path / "厂房.cpg").unlink()
    table = tmp_path / "厂房.dbf"
    plain = bytearray(table.read_bytes())
    plain[29] = 0
    table.write_bytes(plain)
    for path in (zipped(tmp_path, "厂房"), tmp_path / "厂房.shp"):
        assert read_vector(path, title="z")["名称"].tolist() == ["上海第一机床厂", "仓库"]


def test_a_zip_must_hold_one_whole_shapefile(tmp_path: Path) -> None:
    frame([house(0)], tag=["x"]).to_file(tmp_path / "one.shp")
    frame([house(0)], tag=["y"]).to_file(tmp_path / "two.shp")
    both = zipped(tmp_path, "*")
    assert "--layer one" in refusal(both)
    assert read_vector(both, layer="two", title="z")["tag"].tolist() == ["y"]
    assert "did you mean 'two'" in refusal(both, layer="tow")
    (tmp_path / "one.dbf").unlink()
    assert "without .dbf" in refusal(tmp_path / "one.shp")
    nothing = tmp_path / "nothing.zip"
    with zipfile.ZipFile(nothing, "w") as archive:
        archive.writestr("readme.txt", "x")
    assert "no shapefile (readme.txt)" in refusal(nothing)
    nothing.write_bytes(b"PK\x03\x04 broken")
    assert "zip it again" in refusal(nothing)


VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{}</SrcDataSource>'
    "</OGRVRTLayer></OGRVRTDataSource>"
)


def test_texts_that_point_elsewhere_are_refused(tmp_path: Path) -> None:
    secret = write_geojson(tmp_path / "secret.geojson", [house(0)])
    dressed = tmp_path / "dressed.geojson"
    dressed.write_text(VRT.format(secret))
    assert "does not hold GeoJSON" in refusal(dressed)
    hidden = tmp_path / "hidden.geojson"
    hidden.write_text(json.dumps({"type": "FeatureCollection", "x": VRT.format(secret)}))
    assert pyogrio.list_layers(secret).shape[0] == 1  # what it points to could be read
    assert "points to other files" in refusal(hidden)
    hidden.write_text('{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline"}')
    assert "points to other files" in refusal(hidden)


def test_gdal_itself_no_longer_knows_the_drivers_that_follow_texts(tmp_path: Path) -> None:
    secret = write_geojson(tmp_path / "secret.geojson", [house(0)])
    (tmp_path / "a.vrt").write_text(VRT.format(secret))
    program = (
        "import sys, pvplan.sources, pyogrio\n"
        "left = {'OGR_VRT', 'WFS', 'OAPIF', 'HTTP', 'CSW'} & set(pyogrio.list_drivers())\n"
        "try:\n    pyogrio.read_info(sys.argv[1])\n"
        "except pyogrio.errors.DataSourceError:\n    print('refused', left)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.vrt")],
        capture_output=True, text=True, cwd=ROOT, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert said.stdout.strip() == "refused set()"
    assert said.stderr == ""


@pytest.mark.parametrize(
    "address",
    ["https://example.org/a.geojson", "/vsicurl/http://example.org/a.gpkg", "WFS:http://x"],
)
def test_addresses_are_no_files(address: str) -> None:
    assert "not a local file" in refusal(address)


def test_files_that_are_not_there_or_not_what_they_say(tmp_path: Path) -> None:
    write_geojson(tmp_path / "buildings.geojson", [house(0)])
    assert "did you mean 'buildings.geojson'?" in refusal(tmp_path / "building.geojson")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "empty.gpkg").touch()
    assert "empty (0 bytes)" in refusal(tmp_path / "empty.gpkg")
    (tmp_path / "a.txt").write_text("x")
    assert "'.txt' is no known vector format" in refusal(tmp_path / "a.txt")
    (tmp_path / "a.gpkg").write_text("no database")
    assert "does not hold GeoPackage" in refusal(tmp_path / "a.gpkg")
    whole = (tmp_path / "buildings.geojson").read_text()
    (tmp_path / "cut.geojson").write_text(whole[:-30])
    assert "cannot be read as GeoJSON" in refusal(tmp_path / "cut.geojson")
    (tmp_path / "topo.json").write_text(
        '{"type":"Topology","objects":{"a":{"type":"GeometryCollection","geometries":[]}},"arcs":[]}'
    )
    assert "not GeoJSON" in refusal(tmp_path / "topo.json")


def test_files_without_rows_or_geometry(tmp_path: Path) -> None:
    assert "holds no rows" in refusal(write_features(tmp_path / "none.geojson", []))
    bare = write_features(
        tmp_path / "bare.geojson", [{"type": "Feature", "properties": {"a": 1}, "geometry": None}]
    )
    assert "geometry" in refusal(bare)
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "table.parquet")
    assert "cannot be read as GeoParquet" in refusal(tmp_path / "table.parquet")
    pyogrio.write_dataframe(pd.DataFrame({"a": [1]}), tmp_path / "table.gpkg")
    assert "no geometry column" in refusal(tmp_path / "table.gpkg")


def test_a_missing_crs_is_asked_for(tmp_path: Path) -> None:
    rows = frame([house(0)], tag=["x"])
    rows.to_file(tmp_path / "a.shp")
    (tmp_path / "a.prj").unlink()
    assert "has no CRS; state it: --crs EPSG:4326" in refusal(tmp_path / "a.shp")
    assert read_vector(tmp_path / "a.shp", crs="EPSG:4326", title="a").crs.to_epsg() == 4326
    assert "no known CRS" in refusal(tmp_path / "a.shp", crs="EPSG:99999999")
    assert "neither degrees nor a map projection" in refusal(tmp_path / "a.shp", crs="EPSG:4978")
    rows.set_crs(None, allow_override=True).to_parquet(tmp_path / "a.parquet")
    assert "has no CRS" in refusal(tmp_path / "a.parquet")


def test_metres_given_as_degrees_and_degrees_as_metres(tmp_path: Path) -> None:
    metres = frame([house(0), house(100)]).to_crs(32651).set_crs(4326, allow_override=True)
    metres.to_file(tmp_path / "m.gpkg")
    said = refusal(tmp_path / "m.gpkg")
    assert "2 of 2 rows lie beyond ±180/±90" in said
    assert "row 1 at x = 350000" in said
    assert "--crs EPSG:32651" in said
    assert len(read_vector(tmp_path / "m.gpkg", crs="EPSG:32651", title="m")) == 2
    degrees = frame([house(0)]).set_crs(32651, allow_override=True)
    degrees.to_file(tmp_path / "d.gpkg")
    assert "they look like degrees: --crs EPSG:4326" in refusal(tmp_path / "d.gpkg")
    swapped = gpd.GeoDataFrame(geometry=[shapely.box(31.1, 121.4, 31.2, 121.5)], crs=4326)
    swapped.to_file(tmp_path / "s.gpkg")
    assert "longitude and latitude look swapped" in refusal(tmp_path / "s.gpkg")


def test_the_only_polygon_layer_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "city.gpkg"
    frame([shapely.Point(350_000, 3_450_000)], tag=["p"]).to_file(path, layer="stations")
    frame([house(0)], tag=["roof"]).to_file(path, layer="roofs")
    assert read_vector(path, title="city")["tag"].tolist() == ["roof"]
    frame([house(0)], tag=["park"]).to_file(path, layer="parks")
    said = refusal(path)
    assert "stations, roofs, parks" in said
    assert "--layer parks" in said
    assert read_vector(path, layer="parks", title="city")["tag"].tolist() == ["park"]
    assert "did you mean 'roofs'" in refusal(path, layer="roof")


@pytest.mark.parametrize("ids", [[7, 7, 3], ["w1", "w1", "w2"], [0, 1, 2], [5, 4, 3]])
def test_identifiers_beside_the_properties_are_kept(tmp_path: Path, ids: list[int | str]) -> None:
    path = write_geojson(tmp_path / "a.geojson", [house(0), house(50), house(100)], ids=ids)
    assert read_vector(path, title="a")["id"].tolist() == ids


def test_no_identifier_is_invented(tmp_path: Path) -> None:
    path = write_geojson(tmp_path / "a.geojson", [house(0), house(50)])
    assert "id" not in read_vector(path, title="a").columns


def test_one_open_ring_does_not_cost_the_file(tmp_path: Path) -> None:
    whole = frame([house(0), house(100)])
    features = json.loads(whole.to_json())["features"]
    features[1]["geometry"]["coordinates"][0].pop()
    for feature in features:
        feature.pop("id")
    found = read_vector(write_features(tmp_path / "a.geojson", features), title="a")
    assert found.attrs["closed_rows"] == (2,)
    assert shapely.is_valid(found.geometry).all()
    assert found.geometry.iloc[1].equals(whole.geometry.iloc[1])

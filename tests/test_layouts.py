"""Layouts on disk: read back by other programs, sunniest first, same bytes, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ezdxf
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from ezdxf.document import Drawing

from pvplan.errors import OutputError, TableError
from pvplan.reports.layouts import LAYERS, PROPERTIES, write_layout_dxf, write_layout_geojson

CRS = "EPSG:32651"
EAST, NORTH = 350_000.0, 3_450_000.0
META = {
    "fingerprint": "0123456789abcdef",
    "as_of": "2026-11-22",
    "city": {"name_zh": "上海", "name_en": "Shanghai", "demonstration": True},
}


def box(x: float, y: float, width: float, depth: float) -> shapely.Polygon:
    return shapely.box(EAST + x, NORTH + y, EAST + x + width, NORTH + y + depth)


def modules(roof: str = "金桥甲", count: int = 6) -> gpd.GeoDataFrame:
    at = np.arange(count)
    return gpd.GeoDataFrame(
        {
            "roof_id": pd.Series([roof] * count, dtype=object),
            "module_id": pd.Series([f"{roof}-{n:03d}" for n in at], dtype=object),
            "rank": at[::-1] + 1,
            "energy_ac_kwh_per_year": 500.25 + at,
            "surface_tilt": 15.0,
            "surface_azimuth": 180.0,
            "mounting": "racked",
            "row": at // 3,
        },
        geometry=[box(2 + 1.2 * (n % 3), 2 + 3.0 * (n // 3), 1.134, 2.2) for n in at],
        crs=CRS,
    )


def layers() -> tuple[gpd.GeoSeries, gpd.GeoSeries, gpd.GeoSeries]:
    roof = box(0.25, 0.5, 12, 12)
    usable = roof.buffer(-1.0, join_style="mitre").difference(box(8, 8, 1, 1))
    both = shapely.MultiPolygon([box(8, 8, 1, 1), box(10, 10, 0.5, 0.5)])
    index = pd.Index(["金桥甲"], name="roof_id")
    return tuple(gpd.GeoSeries([shape], index, crs=CRS) for shape in (roof, usable, both))


def drawn(path: Path, table: gpd.GeoDataFrame | None = None, meta: Any = META) -> Drawing:
    write_layout_dxf(modules() if table is None else table, *layers(), path, meta)
    found = ezdxf.readfile(path)
    audit = found.audit()
    assert not audit.has_errors
    assert not audit.has_fixes
    return found


def texts(found: Drawing) -> list[str]:
    return [entity.dxf.text for entity in found.modelspace().query("TEXT")]


# ---- GeoJSON -------------------------------------------------------------------------------------


def test_geojson_reads_back_in_order_of_the_sun(tmp_path: Path) -> None:
    path = tmp_path / "l.geojson"
    given = modules()
    write_layout_geojson(given, path, META)
    content = json.loads(path.read_text(encoding="utf-8"))
    head = content["pvplan"]
    assert head["fingerprint"] == META["fingerprint"]
    assert head["demonstration"] is True
    assert head["city"] == "上海"
    assert head["module_count"] == 6
    assert head["layout_crs"] == CRS
    assert head["energy_ac_kwh_per_year"] == pytest.approx(6 * 500.25 + 15)
    back = gpd.read_file(path)
    assert back.crs == "EPSG:4326"
    assert back["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert back["energy_ac_kwh_per_year"].is_monotonic_decreasing
    assert set(back.columns) == {*PROPERTIES, "geometry"}
    metric = back.to_crs(CRS).set_index("module_id").geometry
    moved = metric.hausdorff_distance(given.set_index("module_id").geometry.reindex(metric.index))
    assert moved.max() < 1e-3
    for feature in content["features"]:  # RFC 7946: counter-clockwise, closed
        ring = feature["geometry"]["coordinates"][0]
        assert ring[0] == ring[-1]
        assert shapely.LinearRing(ring).is_ccw


def test_several_roofs_are_sorted_as_one(tmp_path: Path) -> None:
    both = pd.concat(
        [modules("a", 2), modules("b", 2).assign(energy_ac_kwh_per_year=[1.0, 500.25])]
    )
    for given in (both, both.iloc[::-1]):
        write_layout_geojson(given, tmp_path / "l.geojson", META)
        back = gpd.read_file(tmp_path / "l.geojson")
        assert back["module_id"].tolist() == ["a-001", "b-001", "a-000", "b-000"]


def test_geojson_keeps_any_text_and_what_is_missing(tmp_path: Path) -> None:
    given = modules('</script>"\\\n名\udcff', 2)
    given["energy_ac_kwh_per_year"] = [np.nan, 3.0]
    path = tmp_path / "l.geojson"
    write_layout_geojson(given, path, {})
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["pvplan"]["demonstration"] is False
    found = [feature["properties"] for feature in content["features"]]
    assert [row["energy_ac_kwh_per_year"] for row in found] == [3.0, None]
    assert {row["roof_id"] for row in found} == {'</script>"\\\n名?'}
    write_layout_geojson(modules().iloc[:0], path, META)
    assert json.loads(path.read_text(encoding="utf-8"))["features"] == []


# ---- DXF -----------------------------------------------------------------------------------------


def test_dxf_reads_back_in_metres(tmp_path: Path) -> None:
    found = drawn(tmp_path / "l.dxf")
    given = modules()
    assert found.header["$INSUNITS"] == 6
    assert found.dxfversion == "AC1032"  # R2018
    assert set(LAYERS) <= {layer.dxf.name for layer in found.layers}
    lines = list(found.modelspace().query("LWPOLYLINE"))
    assert all(line.closed for line in lines)
    count = pd.Series([line.dxf.layer for line in lines]).value_counts().to_dict()
    assert count == {"PV_MODULES": 6, "OBSTRUCTIONS": 2, "SETBACK": 2, "ROOF": 1}
    shapes = {
        dict(_pairs(line))["module_id"]: shapely.Polygon(
            [(x + EAST, y + NORTH) for x, y in line.get_points("xy")]
        )
        for line in found.modelspace().query('LWPOLYLINE[layer=="PV_MODULES"]')
    }
    for name, shape in given.set_index("module_id").geometry.items():
        assert shape.hausdorff_distance(shapes[name]) < 1e-3
    assert list(shapes) == [f"金桥甲-{n:03d}" for n in range(5, -1, -1)]


def _pairs(line: Any) -> list[tuple[str, Any]]:
    values = [tag.value for tag in line.get_xdata("PVPLAN") if tag.code != 1001]
    return list(zip(values[::2], values[1::2], strict=True))


def test_dxf_tells_module_roof_and_place(tmp_path: Path) -> None:
    found = drawn(tmp_path / "l.dxf")
    first = found.modelspace().query('LWPOLYLINE[layer=="PV_MODULES"]').first
    assert dict(_pairs(first)) == {
        "rank": "1", "roof_id": "金桥甲", "module_id": "金桥甲-005", "row": "1",
        "mounting": "racked", "energy_ac_kwh_per_year": 505.25, "surface_tilt": 15.0,
        "surface_azimuth": 180.0,
    }  # fmt: skip
    said = texts(found)
    assert said[0] == "金桥甲: 6 块组件 modules, 3016 kWh/年 kWh/yr"
    assert "示范数据 DEMONSTRATION DATA" in said
    assert "上海 2026-11-22 0123456789abcdef" in said
    assert "CRS: EPSG:32651" in said
    assert "east = x + 350000 m, north = y + 3450000 m" in said
    told = dict(found.header.custom_vars.properties)
    assert told["fingerprint"] == META["fingerprint"]
    assert told["demonstration"] == "True"
    assert told["city"] == "上海"
    assert {entity.dxf.layer for entity in found.modelspace().query("TEXT")} == {"TEXT"}
    plain = drawn(tmp_path / "p.dxf", meta={})
    assert "示范数据 DEMONSTRATION DATA" not in texts(plain)


def test_what_a_file_holds_commands_no_cad_program(tmp_path: Path) -> None:
    evil = "a\n0\nLINE\r%%d \\U+4E2D ^J " + "长" * 400
    odd = pd.Series(["m\x00\udc80"], dtype=object)  # a half surrogate: of a file's name
    table = modules(evil, 1).assign(mounting=odd, energy_ac_kwh_per_year=np.nan)
    outlines, usable, _ = layers()
    named = outlines.set_axis(pd.Index([evil], name="roof_id"))
    nothing = gpd.GeoSeries([None, shapely.Polygon()], crs=CRS)
    write_layout_dxf(table, named, usable, nothing, tmp_path / "l.dxf", META)
    found = ezdxf.readfile(tmp_path / "l.dxf")
    assert not found.audit().has_errors
    assert not list(found.modelspace().query("LINE"))
    label = texts(found)[0]
    assert label.startswith("a 0 LINE ％％d ＼U+4E2D ＾J 长长")
    assert label.endswith("…")
    assert len(label.encode()) <= 255
    words = dict(_pairs(found.modelspace().query('LWPOLYLINE[layer=="PV_MODULES"]').first))
    assert words["mounting"] == "m ?"
    assert "energy_ac_kwh_per_year" not in words  # missing is not 0


def test_no_module_is_still_a_drawing(tmp_path: Path) -> None:
    found = drawn(tmp_path / "l.dxf", modules().iloc[:0])
    assert texts(found)[0] == "金桥甲: 0 块组件 modules, 0 kWh/年 kWh/yr"
    none = gpd.GeoSeries([], crs=CRS)
    write_layout_dxf(modules().iloc[:0], none, none, none, tmp_path / "e.dxf", META)
    assert not ezdxf.readfile(tmp_path / "e.dxf").audit().has_errors


# ---- both ----------------------------------------------------------------------------------------


def write(kind: str, path: Path, table: gpd.GeoDataFrame) -> None:
    if kind == "dxf":
        write_layout_dxf(table, *layers(), path, META)
    else:
        write_layout_geojson(table, path, META)


@pytest.mark.parametrize("kind", ["dxf", "geojson"])
def test_the_same_layout_gives_the_same_bytes_in_any_order(tmp_path: Path, kind: str) -> None:
    write(kind, tmp_path / "one", modules())
    write(kind, tmp_path / "two", modules().iloc[[3, 1, 0, 5, 4, 2]])
    one = (tmp_path / "one").read_bytes()
    assert one == (tmp_path / "two").read_bytes()
    assert b"\r" not in one
    write(kind, tmp_path / "two", modules().assign(surface_tilt=14.0))
    assert one != (tmp_path / "two").read_bytes()
    assert not ezdxf.options.write_fixed_meta_data_for_testing


@pytest.mark.parametrize("kind", ["dxf", "geojson"])
def test_what_cannot_be_written_leaves_what_stood_there(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write(kind, tmp_path / "none" / "l", modules())
    (tmp_path / "l").write_text("before")
    for path in (tmp_path / "l" / "below", tmp_path / ("x" * 250), tmp_path):
        with pytest.raises(OutputError, match="cannot be written"):
            write(kind, path, modules())
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OutputError, match="No space left"):
        write(kind, tmp_path / "l", modules())
    assert [entry.name for entry in tmp_path.iterdir()] == ["l"]
    assert (tmp_path / "l").read_text() == "before"


@pytest.mark.parametrize("kind", ["dxf", "geojson"])
def test_a_table_that_is_no_layout_is_refused_with_every_fault(tmp_path: Path, kind: str) -> None:
    with pytest.raises(TableError, match="rank: the column is missing"):
        write(kind, tmp_path / "l", modules().drop(columns="rank"))
    broken = modules().assign(module_id="m").to_crs(4326)
    broken.loc[0, "geometry"] = None
    broken.loc[1, "geometry"] = shapely.Point(0, 0)
    with pytest.raises(TableError) as caught:
        write(kind, tmp_path / "l", broken)
    assert len(caught.value.faults) == 3
    assert "geometry: no polygon without holes: 2 rows (first: roof '金桥甲'" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_layers_in_another_crs_are_refused(tmp_path: Path) -> None:
    outlines, usable, held = layers()
    with pytest.raises(TableError) as caught:
        write_layout_dxf(
            modules(), outlines.to_crs(4326), usable, held.to_crs(32650), tmp_path / "l", META
        )
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["roof", "obstructions"]

"""What strangers upload: every trick ends in a sentence, and what is read is read in limits."""

from __future__ import annotations

import io
import json
import sqlite3
import stat
import struct
import threading
import time
import tomllib
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from pvplan.errors import InputError, PvplanError
from pvplan.reports.reading import read_plan
from pvplan.sources.vectors import read_vector
from pvplan.ui import archives, desks, jobs, limited, uploads
from pvplan.ui.limited import Broken, Limits
from pvplan.ui.refusals import Refusal
from pvplan.ui.words import LANGUAGES, WORDS
from tests.shown import HOSTILE
from tests.vector_files import frame, house, write_geojson

NAMES = (*HOSTILE, "=cmd|'/c calc'!A0")
DAY = date(2026, 11, 22)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    folder.mkdir()
    return folder


def refused(city: Path, role: str, name: str, content: bytes, **told: str) -> Refusal:
    """Return why a file is refused; nothing of it may be left."""
    before = sorted(path.relative_to(city) for path in city.rglob("*"))
    with pytest.raises(Refusal) as caught:
        uploads.take(city, role, name, io.BytesIO(content), told)
    assert sorted(path.relative_to(city) for path in city.rglob("*")) == before
    for language in LANGUAGES:
        assert name in caught.value.told(language)
    return caught.value


def footprints(tmp_path: Path, name: str = "roofs.geojson", count: int = 6, **columns: Any) -> Path:
    """Write some houses where the bundled climate knows the sun."""
    shapes = [house(100 * number, 0, 40, 40) for number in range(count)]
    said = [{name: values[row] for name, values in columns.items()} for row in range(count)]
    return write_geojson(tmp_path / name, shapes, said)


# --- first bytes and sizes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "name", "content", "key"),
    [
        ("buildings", "a.geojson", b"", "refused_empty"),
        ("buildings", "a.exe", b"MZ", "refused_ending"),
        ("buildings", "a", b"{}", "refused_ending"),
        ("buildings", "a.geojson", b"<OGRVRTDataSource/>", "refused_magic"),
        ("buildings", "a.geojson", b'{"x": "<OGRVRTDataSource>"}', "refused_order"),
        ("buildings", "a.geojson", b'{"type": "gdal_streamed_alg"}', "refused_order"),
        ("buildings", "a.geojson", b'{"type": "FeatureCollection\x00"}', "refused_magic"),
        ("buildings", "a.kml", b"<kml><NetworkLink/></kml>", "refused_order"),
        (
            "buildings",
            "a.kml",
            b"<!DOCTYPE kml [<!ENTITY x SYSTEM 'file:///etc/x'>]>",
            "refused_order",
        ),
        ("buildings", "a.gpkg", b"PK\x03\x04", "refused_magic"),
        ("parks", "a.parquet", b"{}", "refused_magic"),
        ("irradiance", "a.tif", b"<VRTDataset/>", "refused_magic"),
        ("irradiance", "a.vrt", b"<VRTDataset/>", "refused_ending"),
        ("surface_model", "a.tif", b"\x89PNG", "refused_magic"),
        ("weather", "a.epw", b"hello", "refused_magic"),
        ("weather", "a.csv", b"a,b\x00", "refused_magic"),
        ("register", "a.csv", b"," * 1_000_000 + b"\n1\n", "refused_columns"),
        ("register", "a.csv", b"x" * 1_000_000, "refused_columns"),
        ("register", "a.xlsx", b"PK\x03\x04", "refused_ending"),
    ],
)
def test_what_is_not_what_it_says_is_refused(
    city: Path, role: str, name: str, content: bytes, key: str
) -> None:
    assert refused(city, role, name, content).key == key


def test_every_refusal_has_its_words() -> None:
    code = "".join(
        Path(module.__file__).read_text("utf-8")
        for module in (uploads, archives)
        if module.__file__
    )
    import re

    keys = set(re.findall(r"\"(refused_[a-z_]+)\"", code))
    assert len(keys) > 15
    assert keys <= set(WORDS)


def test_a_file_and_all_files_have_a_size(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "most_of_one", lambda: 1000)
    monkeypatch.setattr(uploads, "most_of_all", lambda: 1500)
    body = b'{"type": "FeatureCollection"}'
    assert refused(city, "parks", "a.geojson", body + b" " * 1000).key == "refused_size"
    uploads.take(city, "parks", "a.geojson", io.BytesIO(body + b" " * 900))
    assert refused(city, "buildings", "b.geojson", body + b" " * 900).key == "refused_total"
    # In the place of the first it fits.
    uploads.take(city, "parks", "b.geojson", io.BytesIO(body + b" " * 950))
    assert uploads.held(city)["parks"].name == "b.geojson"


def test_a_full_disk_is_no_place_for_uploads(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "FREE_BYTES", 10**18)
    assert refused(city, "buildings", "a.geojson", b"{}").key == "refused_disk"


@pytest.mark.parametrize("name", [f"{name}.geojson" for name in NAMES])
def test_no_name_of_a_file_becomes_a_path(city: Path, name: str) -> None:
    item = uploads.take(city, "buildings", name, io.BytesIO(b"{}"))
    assert item.file == "buildings/buildings.geojson"
    assert [p.name for p in city.rglob("*.geojson")] == ["buildings.geojson"]
    uploads.write_city(city, name)
    told = tomllib.loads((city / "city.toml").read_text("utf-8"))
    assert told["inputs"]["buildings"] == item.file
    assert told["city"]["name_zh"] == name[: uploads.MOST_NAME].strip()


@pytest.mark.parametrize(
    "name", ['"\n[inputs]\nbuildings = "/etc/passwd"\n', "\\", '"""', "\U0001f600\x07\x7f"]
)
def test_the_name_of_a_city_is_only_its_name(city: Path, name: str) -> None:
    uploads.take(city, "buildings", "a.geojson", io.BytesIO(b"{}"))
    uploads.write_city(city, name)
    told = tomllib.loads((city / "city.toml").read_text("utf-8"))
    assert set(told) == {"city", "inputs"}
    assert told["inputs"] == {
        "buildings": "buildings/buildings.geojson", "datum": {"buildings": "wgs84"}
    }  # fmt: skip


def test_how_a_file_is_read_is_told_and_checked(city: Path) -> None:
    uploads.take(city, "buildings", "a.gpkg", io.BytesIO(b"SQLite format 3\x00"))
    uploads.read_as(city, "buildings", {"datum": "gcj02", "crs": "epsg:4549", "layer": "--set=x"})
    words = uploads.write_city(city, "x")
    assert words == ("--crs=buildings=EPSG:4549", "--layer=buildings=--set=x")
    for told in ({"crs": "/vsicurl/http://x"}, {"crs": "EPSG:4326 --out=/"}, {"datum": "mars"}):
        with pytest.raises(Refusal):
            uploads.read_as(city, "buildings", told)
    assert uploads.held(city)["buildings"].crs == "EPSG:4549"
    uploads.drop(city, "buildings")
    assert not list(city.glob("buildings*"))


# --- zips ---------------------------------------------------------------------------------------


def shape_zip(
    tmp_path: Path, *, stem: str = "厂房", extra: tuple[tuple[str, bytes], ...] = ()
) -> bytes:
    frame([house(0, 0, 40, 40)], 名称=["=cmd|x"]).to_file(tmp_path / "shape.shp", encoding="UTF-8")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(tmp_path.glob("shape.*")):
            archive.write(part, f"inner/{stem}{part.suffix}")
        for name, content in extra:
            archive.writestr(name, content)
    return packed.getvalue()


def test_a_zip_is_unpacked_under_our_own_names(city: Path, tmp_path: Path) -> None:
    packed = shape_zip(tmp_path, extra=(("readme.txt", b"x"), ("__MACOSX/inner/._厂房.shp", b"x")))
    item = uploads.take(city, "buildings", "厂房.zip", io.BytesIO(packed))
    assert item.file == "buildings/buildings.shp"
    there = {path.name for path in (city / "buildings").iterdir()}
    assert there == {f"buildings.{end}" for end in ("shp", "shx", "dbf", "prj", "cpg")}
    assert read_vector(city / item.file, title="x")["名称"].tolist() == ["=cmd|x"]


def with_entry(**changed: Any) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("a.shp")
        for name, value in changed.items():
            setattr(entry, name, value)
        archive.writestr(entry, b"/etc/passwd")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (with_entry(filename="../a.shp"), "refused_zip_path"),
        (with_entry(filename="/etc/a.shp"), "refused_zip_path"),
        (with_entry(filename="x/..\\..\\a.shp"), "refused_zip_path"),
        (with_entry(filename="C:\\a.shp"), "refused_zip_path"),
        (with_entry(external_attr=(stat.S_IFLNK | 0o777) << 16), "refused_zip_link"),
        (with_entry(filename="b.zip"), "refused_zip_nested"),
        (with_entry(filename="b.vrt"), "refused_zip_nested"),
        (with_entry(filename="a.txt"), "refused_zip_no_shape"),
        (with_entry(), "refused_zip_parts"),
        (b"PK\x03\x04 broken", "refused_zip_broken"),
    ],
)
def test_a_zip_that_leads_elsewhere_is_refused(city: Path, content: bytes, key: str) -> None:
    assert refused(city, "buildings", "a.zip", content).key == key


def test_a_zip_bomb_is_refused_before_it_is_unpacked(city: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for end in ("shp", "shx", "dbf"):
            archive.writestr(f"a.{end}", b"\x00" * 30_000_000)
    start = time.monotonic()
    assert refused(city, "buildings", "a.zip", packed.getvalue()).key == "refused_zip_bomb"
    assert time.monotonic() - start < 5.0


def test_a_member_that_holds_more_than_it_says_is_refused(city: Path, tmp_path: Path) -> None:
    packed = bytearray(shape_zip(tmp_path))
    at = packed.find(b"PK\x01\x02")
    while at >= 0:  # the sizes of the list of members, made small
        packed[at + 24 : at + 28] = struct.pack("<I", 7)
        at = packed.find(b"PK\x01\x02", at + 1)
    assert refused(city, "buildings", "a.zip", bytes(packed)).key == "refused_zip_broken"


def test_a_zip_that_lists_thousands_is_refused_unread(city: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(3000):
            archive.writestr(f"{number}.txt", b"")
    assert refused(city, "buildings", "a.zip", packed.getvalue()).key == "refused_zip_members"


def test_of_several_shapefiles_one_must_be_meant(city: Path, tmp_path: Path) -> None:
    packed = shape_zip(tmp_path, extra=(("b.shp", b"x"),))
    why = refused(city, "buildings", "a.zip", packed)
    assert why.key == "refused_zip_many"
    assert why.details["layers"] == "b, 厂房"
    uploads.take(city, "buildings", "a.zip", io.BytesIO(packed), {"layer": "厂房"})


# --- the door behind ----------------------------------------------------------------------------


@pytest.mark.parametrize("far", [0, 70_000])
@pytest.mark.parametrize("order", ["gdal_streamed_alg", "gdal\\u005fstreamed_alg"])
def test_a_recipe_far_down_a_file_reads_nothing(tmp_path: Path, far: int, order: str) -> None:
    secret = write_geojson(tmp_path / "secret.geojson", [house(0)], [{"tag": "secret"}])
    line = json.dumps(f"gdal vector pipeline ! read {secret} ! write streamed")
    path = tmp_path / "a.geojson"
    path.write_text(f'{{"pad": "{"x" * far}", "type": "{order}", "command_line": {line}}}')
    with pytest.raises(InputError):
        read_vector(path, title="a.geojson")


def test_a_geopackage_whose_layer_is_a_question_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    frame([house(0)], tag=["x"]).to_file(path, layer="roofs")
    assert len(read_vector(path, title="a.gpkg")) == 1
    with sqlite3.connect(path) as base:
        base.execute("CREATE VIEW trick AS SELECT * FROM roofs, (SELECT load_extension('/x'))")
        base.execute("UPDATE gpkg_contents SET table_name = 'trick', identifier = 'trick'")
        base.execute("UPDATE gpkg_geometry_columns SET table_name = 'trick'")
    base.close()
    with pytest.raises(InputError, match="a view"):
        read_vector(path, title="a.gpkg")


def test_a_geopackage_with_a_foreign_virtual_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    frame([house(0)], tag=["x"]).to_file(path, layer="roofs")
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA writable_schema = ON")
        base.execute(
            "INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0,"
            " 'CREATE VIRTUAL TABLE v USING VirtualOGR(''/etc/passwd'')')"
        )
    base.close()
    with pytest.raises(InputError, match="virtual table"):
        read_vector(path, title="a.gpkg")


# --- a process of its own -----------------------------------------------------------------------


def run(city: Path, out: Path, limits: Limits | None = None, **user: str) -> list[str]:
    """Run an uploaded city in its own process; return the stages."""
    order = jobs.Order(city, out, DAY, None, user, uploads.write_city(city, "x"))
    stages: list[str] = []
    limited.compute(order.words, city, limits or Limits(300), stages.append, threading.Event())
    return stages


def test_an_uploaded_city_is_computed_with_the_planners_values(city: Path, tmp_path: Path) -> None:
    path = footprints(tmp_path, name_zh=list(NAMES[:6]))
    uploads.take(city, "buildings", "x.geojson", io.BytesIO(path.read_bytes()))
    stages = run(city, tmp_path / "out", **{"finance.capex_cny_per_kw_dc": "2500"})
    assert {"read", "assess", "assess 6/6", "plan", "run.json"} <= set(stages)
    plan = read_plan(tmp_path / "out")
    assert len(plan.roofs) == 6
    assert plan.meta["city"]["name_zh"] == "x"
    changed = {e["key"]: e["value"] for e in plan.meta["assumptions"] if e["layer"] == "user"}
    assert changed == {"finance.capex_cny_per_kw_dc": 2500.0}


@pytest.mark.parametrize(
    "content",
    [
        b'{"type":"FeatureCollection","features":' + b"[" * 300_000 + b"]" * 300_000 + b"}",
        b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null}]}',
        b"{",
        b'{"type":"FeatureCollection","features":[' + b'{"a":' * 100_000,
    ],
)
def test_a_broken_geojson_ends_in_a_sentence(city: Path, tmp_path: Path, content: bytes) -> None:
    uploads.take(city, "buildings", "x.geojson", io.BytesIO(content))
    with pytest.raises(PvplanError) as caught:
        run(city, tmp_path / "out")
    assert all(fault.startswith("buildings.geojson: ") for fault in caught.value.faults)
    files = uploads.held(city)
    assert uploads.owner_names(caught.value.faults[0], files).startswith("x.geojson: ")
    assert not (tmp_path / "out").exists()


def test_a_run_that_takes_too_much_memory_is_told_so(city: Path, tmp_path: Path) -> None:
    path = footprints(tmp_path)
    uploads.take(city, "buildings", "x.geojson", io.BytesIO(path.read_bytes()))
    with pytest.raises(Broken, match="memory"):
        run(city, tmp_path / "out", Limits(300, 120))


def test_a_run_that_takes_too_long_is_ended(city: Path, tmp_path: Path) -> None:
    path = footprints(tmp_path)
    uploads.take(city, "buildings", "x.geojson", io.BytesIO(path.read_bytes()))
    with pytest.raises(Broken, match="time"):
        run(city, tmp_path / "out", Limits(0.5))
    assert not limited._running


def _script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    """Put a small program in the place of a run."""
    path = tmp_path / "program.py"
    path.write_text(body)
    real = limited._watched

    def watched(_: list[str], *rest: Any) -> Any:
        import sys

        return real([sys.executable, str(path)], *rest)

    monkeypatch.setattr(limited, "_watched", watched)


def _end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> Exception | None:
    _script(monkeypatch, tmp_path, body)
    try:
        limited.compute([], tmp_path, Limits(20), lambda _: None, threading.Event())
    except (Broken, PvplanError) as error:
        return error
    return None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import os; os.kill(os.getpid(), 9)", "memory"),
        ("import os; os.kill(os.getpid(), 11)", "crash"),
        ("import os; os.abort()", "crash"),
        ("raise MemoryError", "memory"),
        ("raise ZeroDivisionError('secret')", "crash"),
        ("print('x' * 10_000_000, file=__import__('sys').stderr); raise SystemExit(1)", "crash"),
        ("print('[' * 100_000, file=__import__('sys').stderr); raise SystemExit(2)", "crash"),
    ],
)
def test_how_a_process_can_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, why: str
) -> None:
    error = _end(monkeypatch, tmp_path, body)
    assert isinstance(error, Broken)
    assert error.why == why


def test_the_process_knows_no_secret_of_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PVPLAN_DATABASE_URL", "postgresql://user:secret@host/base")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    body = (
        "import json, os, sys\n"
        "told = [name for name in os.environ if 'secret' in os.environ[name]]\n"
        "told += [os.environ['OGR_SKIP'], os.environ['TMPDIR']]\n"
        "[print(json.dumps({'fault': word}), file=sys.stderr) for word in told]\n"
        "sys.exit(2)\n"
    )
    error = _end(monkeypatch, tmp_path, body)
    assert isinstance(error, PvplanError)
    skipped, scratch = error.faults
    assert "OGR_VRT" in skipped
    assert scratch == str(tmp_path)


# --- the line -----------------------------------------------------------------------------------


def _order(folder: Path, name: str, owner: str = "me") -> jobs.Order:
    return jobs.Order(folder / "city", folder / "runs" / name, DAY, owner=owner)


def test_one_run_at_a_time_and_the_others_wait_in_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    st.cache_resource.clear()
    gate, began = threading.Event(), threading.Semaphore(0)
    done: list[str] = []

    def compute(words: list[str], *_: Any) -> None:
        began.release()
        assert gate.wait(20)
        done.append(next(word for word in words if word.startswith("--out=")))

    monkeypatch.setattr(limited, "compute", compute)
    orders = [_order(tmp_path, name) for name in "abc"]
    started = [jobs.start(order) for order in orders]
    assert began.acquire(timeout=20)
    assert jobs.start(orders[0]) is started[0]
    assert [job.waiting for job in started] == [False, True, True]
    assert [jobs.ahead(order.out) for order in orders] == [0, 1, 2]
    assert not jobs.room_for("me")
    assert jobs.room_for("another")
    jobs.cancel(orders[1].out)
    assert started[1].broken == "stopped"
    assert jobs.ahead(orders[2].out) == 1
    gate.set()
    assert started[2].outcome is not None
    started[2].outcome.result(timeout=20)
    assert [Path(word).name for word in done] == ["a", "c"]
    assert set(jobs.of_owner("me")) == {order.out for order in orders}
    jobs.start(_order(tmp_path, "d"))
    assert set(jobs.of_owner("me")) == {tmp_path / "runs" / "d"}


def test_a_run_that_goes_on_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    st.cache_resource.clear()
    _script(monkeypatch, tmp_path, "import time; time.sleep(60)")
    (tmp_path / "runs").mkdir()
    order = _order(tmp_path, "a")
    job = jobs.start(order)
    for _ in range(200):
        if not job.waiting:
            break
        time.sleep(0.05)
    jobs.cancel(order.out)
    assert job.outcome is not None
    job.outcome.exception(timeout=20)
    assert job.broken == "stopped"


def test_faults_do_not_tell_where_files_stand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    st.cache_resource.clear()
    order = _order(tmp_path, "a")

    def compute(*_: Any) -> None:
        raise PvplanError([f"{order.city}/parks/parks.gpkg: x", f"{order.out}: cannot be written"])

    monkeypatch.setattr(limited, "compute", compute)
    job = jobs.start(order)
    assert job.outcome is not None
    job.outcome.exception(timeout=20)
    assert job.faults == ("parks/parks.gpkg: x", "a: cannot be written")


# --- desks --------------------------------------------------------------------------------------


def test_desks_that_nobody_uses_are_removed(tmp_path: Path) -> None:
    import os

    st.cache_resource.clear()
    for name in ("A" * 32, "B" * 32, "other"):
        (tmp_path / name).mkdir()
    old = time.time() - 13 * 3600.0
    for name in ("A" * 32, "other"):
        os.utime(tmp_path / name, (old, old))
    assert desks.sweep(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["B" * 32, "other"]


def test_the_folder_of_desks_is_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVPLAN_DESKS", str(tmp_path / "desks"))
    assert stat.S_IMODE(desks.root().stat().st_mode) == 0o700
    (tmp_path / "desks").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "desks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PvplanError, match="PVPLAN_DESKS"):
        desks.root()


def test_the_server_looks_at_bytes_alone() -> None:
    """Nothing that takes or queues an upload can read a map, a table or a pickle."""
    import ast

    for module in (uploads, archives, desks, jobs, limited):
        assert module.__file__
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        nodes = list(ast.walk(tree))
        names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        imported = [node for node in nodes if isinstance(node, ast.Import)]
        names |= {alias.name for node in imported for alias in node.names}
        readers = ("geopandas", "pyogrio", "rasterio", "pandas", "pickle", "pvplan.sources")
        assert not [name for name in names if name.startswith(readers)]

"""Tiles in an object store: a real one, reached by URL, with workers that share no folder."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import fsspec
import pytest
from upath import UPath

from pvplan import depot
from pvplan.__main__ import main
from pvplan.errors import InputError
from pvplan.run import Inputs, Tiling
from tests.conftest import ROOT
from tests.tiling import (
    AS_OF,
    Cluster,
    assert_same_bytes,
    cluster_in,
    dense_town,
    needs_proc,
    piece_of,
    run_of,
    started,
    until,
)

BUCKET = "tiles"
MOST = 40
KEYS = {
    "AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_DEFAULT_REGION": "us-east-1",
}  # fmt: skip


class Store:
    """An S3 server of this machine, a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self.begin()

    def begin(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet)
        until(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", self._port)) == 0

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    found = Store()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": found.address}.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").mkdir(BUCKET)
        yield found
        found.end()


@pytest.fixture
def tiles(store: Store, tmp_path: Path) -> UPath:
    found = depot.place_of(f"s3://{BUCKET}/{tmp_path.name}")
    assert isinstance(found, UPath)
    return found


@pytest.fixture(scope="module")
def town(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The densest 120 buildings of an old town: some five tiles of 40 roofs."""
    return piece_of(dense_town(shared_data), tmp_path_factory.mktemp("town"), 120)


@pytest.fixture(scope="module")
def whole(town: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    run_of(town, out)
    return out


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("dask")) as found:
        yield found


@pytest.mark.long
def test_processes_keep_their_tiles_in_a_store(
    town: Inputs, whole: Path, tiles: UPath, tmp_path: Path
) -> None:
    run_of(town, tmp_path / "out", Tiling(tiles, workers=2, roofs_per_tile=MOST))
    assert_same_bytes(tmp_path / "out", whole)
    files = depot.files_in(tiles, ".parquet")
    assert len(files) > 3
    # Nothing but finished tiles stays, and they are not computed again.
    assert sorted(path.name for path in tiles.rglob("*") if path.is_file()) == [
        file.name for file in files
    ]
    written = {file.name: file.stat().st_mtime for file in files}
    damaged = files[1]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    run_of(town, tmp_path / "again", Tiling(tiles, workers=1, roofs_per_tile=MOST))
    assert_same_bytes(tmp_path / "again", whole)
    after = {file.name: file.stat().st_mtime for file in depot.files_in(tiles, ".parquet")}
    assert {name for name in written if after[name] != written[name]} == {damaged.name}


@pytest.mark.long
@needs_proc
def test_workers_of_a_cluster_share_nothing_but_the_store(
    town: Inputs, whole: Path, tiles: UPath, scheduler: Cluster, tmp_path: Path
) -> None:
    scheduler.add(2)
    told = started(
        town, tmp_path / "out", "--dask", scheduler.address, "--tiles", str(tiles),
        "--roofs-per-tile", str(MOST),
    )  # fmt: skip
    assert told.end() == 0, told.lines
    assert_same_bytes(tmp_path / "out", whole)
    assert len(depot.files_in(tiles, ".parquet")) > 3
    assert not (tmp_path / "out.tiles").exists()


def test_a_run_in_parts_keeps_its_roofs_here_and_its_tiles_there(
    town: Inputs, tiles: UPath, tmp_path: Path
) -> None:
    parts, out = tmp_path / "parts", tmp_path / "out"
    assert main(["partition", str(town.buildings), str(parts), "--rows-per-part", "60"]) == 0
    words = ["--weather", str(town.weather), "--as-of", AS_OF.isoformat(), "--workers", "1"]
    run = ["run", "--buildings", str(parts), "--in-parts", "yes", *words]
    assert main([*run, "--out", str(out), "--tiles", str(tiles)]) == 0
    assert len(list((out / "roofs").glob("*.parquet"))) > 1
    assert depot.files_in(tiles, ".parquet")
    assert not [path for path in tmp_path.iterdir() if path not in (parts, out)]
    here = tmp_path / "here"
    assert main([*run, "--out", str(here)]) == 0
    names = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(here) for path in here.rglob("*") if path.is_file())
    for name in names:
        assert (here / name).read_bytes() == (out / name).read_bytes(), name


def refused(town: Inputs, out: Path, tiles: str) -> int:
    words = ["--weather", str(town.weather), "--as-of", AS_OF.isoformat(), "--workers", "1"]
    run = ["run", "--buildings", str(town.buildings), "--out", str(out), *words]
    return main([*run, "--tiles", tiles])


def test_a_store_that_does_not_answer_is_told_first(
    town: Inputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(depot, "_PAUSE_S", 0.0)
    monkeypatch.setattr("pvplan.run.gather", lambda *_: pytest.fail("read before the store"))
    fsspec.filesystem("s3").clear_instance_cache()
    assert refused(town, tmp_path / "out", "s3://tiles/none") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "s3://tiles/none: cannot be used" in told
    assert "made-up" not in told
    assert not list(tmp_path.iterdir())


def test_a_bucket_that_is_not_there_is_told_first(
    town: Inputs,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fsspec.filesystem("s3").clear_instance_cache()
    monkeypatch.setattr(depot, "_PAUSE_S", 0.0)
    monkeypatch.setattr("pvplan.run.gather", lambda *_: pytest.fail("read before the store"))
    assert refused(town, tmp_path / "out", "s3://no-such-bucket/tiles") == 2
    assert "see that the bucket is there" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://me:secret@host/tiles", "no object store"),
        ("simplecache::s3://me:secret@bucket/tiles", "no object store"),
        ("memory://secret", "no object store"),
        ("s3://bucket/tiles?key=secret", "leave credentials out"),
        ("s3://AKIA:sec/secret@bucket/tiles", "leave credentials out"),
        ("s3://AKIA:sec#secret@bucket/tiles", "leave credentials out"),
        ("s3://bucket/tiles[1]/secret", "leave credentials out"),
        ("s3://bucket//secret", "leave credentials out"),
        ("s3://", "leave credentials out"),
    ],
)
def test_an_address_that_cannot_serve_is_refused_without_its_secret(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        depot.place_of(text)
    assert "secret" not in str(raised.value)
    with pytest.raises(SystemExit):
        main(["run", str(ROOT), "--out", "out", "--tiles", text])


def test_a_store_whose_library_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InputError, match=r"gs://bucket/tiles: cannot be used .*gcsfs"):
        depot.place_of("gs://bucket/tiles")


def test_a_folder_is_a_folder(tmp_path: Path) -> None:
    place = depot.settled(depot.place_of(f"file://{tmp_path / 'a' / 'b'}"))
    assert place == tmp_path / "a" / "b"
    assert not depot.is_remote(place)
    depot.write_whole(place / "x.parquet", b"1")
    with depot.folder_apart(place, "inputs-") as inputs:
        depot.write_whole(inputs / "y.parquet", b"2")
        assert depot.read(inputs / "y.parquet") == b"2"
    assert [path.name for path in depot.files_in(place, ".parquet")] == ["x.parquet"]
    assert [path.name for path in Path(place).iterdir()] == ["x.parquet"]
    with pytest.raises(OSError, match=r"z\.parquet"):
        depot.read(place / "z.parquet")


def test_roofs_of_a_run_in_parts_need_a_folder_of_this_machine() -> None:
    with pytest.raises(InputError, match="need a folder"):
        _ = Tiling(depot.place_of("s3://tiles/roofs"), in_parts=True).here


def test_a_store_that_fails_once_is_asked_again(
    store: Store, tiles: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.filesystem("s3").clear_instance_cache()
    monkeypatch.setattr(depot, "_PAUSE_S", 3.0)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    depot.refuse_unusable(tiles)
    place = depot.settled(tiles)
    file = place / "x.parquet"
    depot.write_whole(file, b"1")
    assert depot.read(file) == b"1"
    assert depot.size_bytes(file) == 1
    with pytest.raises(FileNotFoundError, match="not in the store"):
        depot.read(place / "y.parquet")
    store.end()
    Timer(1.0, store.begin).start()
    with pytest.raises(FileNotFoundError, match="not in the store"):
        depot.read(file)  # the store that answers again remembers nothing

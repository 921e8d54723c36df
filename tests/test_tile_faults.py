"""Real workers, of this machine and of a Dask cluster, and what befalls them: the same bytes."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pvplan import crews, run
from pvplan.__main__ import _in_words, _Pace
from pvplan.errors import InputError
from pvplan.reports.reading import read_plan
from pvplan.run import Inputs, Tiling, run_city
from tests.conftest import ROOT
from tests.tiling import (
    AS_OF,
    Cluster,
    Here,
    Run,
    assert_same_bytes,
    cluster_in,
    crew,
    dense_town,
    fill_disk,
    held_bytes,
    needs_proc,
    piece_of,
    run_of,
    spawned,
    started,
    until,
)

pytestmark = needs_proc
MOST = "40"


@pytest.fixture(scope="module")
def town(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The densest 400 buildings of an old town: some fifteen tiles of 40 roofs."""
    return piece_of(dense_town(shared_data), tmp_path_factory.mktemp("town"), 400)


@pytest.fixture(scope="module")
def whole(town: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of a run in one piece."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run_of(town, out)
    return out


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("dask")) as found:
        yield found


@pytest.fixture
def cluster(scheduler: Cluster) -> Iterator[Cluster]:
    """A scheduler to which a test adds workers."""
    yield scheduler
    scheduler.dismiss()


@dataclass
class Many:
    """Runs of the town on many workers that keep their tiles in one folder."""

    town: Inputs
    folder: Path

    @property
    def tiles(self) -> Path:
        return self.folder / "tiles"

    def start(self, out: str, *workers: str, **settings: float) -> Run:
        words = ("--tiles", str(self.tiles), "--roofs-per-tile", MOST)
        return started(self.town, self.folder / out, *workers, *words, **settings)

    def files(self) -> dict[str, int]:
        """Every tile's file with the time of its writing."""
        return {path.name: path.stat().st_mtime_ns for path in self.tiles.glob("*.parquet")}

    def inputs(self) -> dict[str, Path]:
        """Tile to its folder of input files, for tiles under way whose files are all there."""
        folders = self.tiles.glob("inputs-*/*")
        return {path.name: path for path in folders if (path / "casting.parquet").exists()}


@pytest.fixture
def many(town: Inputs, tmp_path: Path) -> Many:
    return Many(town, tmp_path)


def assert_done(told: Run, out: Path, whole: Path) -> None:
    assert told.end() == 0, told.lines
    assert not [note for note in told.told("note") if "given up" in note]
    assert_same_bytes(out, whole)


def assert_goes_on(many: Many, done: dict[str, int], told: Run, whole: Path) -> None:
    """A run that ends well and computes no tile again that was done."""
    assert_done(told, many.folder / "out", whole)
    reused, every = (int(word) for word in told.told("tiles")[0].split("/"))
    assert 0 < len(done) <= reused < every
    now = many.files()
    assert done.items() <= now.items()
    assert len(now) == every


# ---- processes of this machine ----------------------------------------------------------------


def test_processes_that_are_killed_cost_no_digit(many: Many, whole: Path) -> None:
    """Both workers die, then the run itself; the next goes on from the tiles that were done."""
    killed = many.start("killed", "--workers", "2")
    killed.some_done()
    for worker in spawned(killed.process.pid):
        os.kill(worker, signal.SIGKILL)
    killed.wait_for("note", "the workers are gone")
    killed.some_done()
    left = spawned(killed.process.pid)
    killed.kill()
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in left))
    assert not (many.folder / "killed").exists()
    done = many.files()
    assert_goes_on(many, done, many.start("out", "--workers", "2"), whole)


# ---- workers of a cluster ---------------------------------------------------------------------


@pytest.mark.long
def test_a_worker_without_memory_loses_its_tiles_to_another(
    many: Many, whole: Path, cluster: Cluster
) -> None:
    ((_, good),) = cluster.add().items()
    # A loaded program fits; a tile at work does not, and the nanny ends the worker.
    ((address, process),) = cluster.add(limit_bytes=int(held_bytes(good) * 1.15 / 0.95)).items()
    told = many.start("out", "--dask", cluster.address)
    assert_done(told, many.folder / "out", whole)
    assert not Path(f"/proc/{process}").exists()
    assert address not in cluster.processes()


def test_a_worker_with_a_full_disk_loses_its_tiles_to_another(
    many: Many, whole: Path, cluster: Cluster
) -> None:
    ((full, process),) = cluster.add().items()
    cluster.add()
    fill_disk(process)
    told = many.start("out", "--dask", cluster.address)
    assert_done(told, many.folder / "out", whole)
    notes = told.told("note")
    failed = [note for note in notes if "OSError: File too large" in note]
    assert failed
    assert all(f"(on {full})" in note for note in failed)
    tiles = [re.findall(r"tile (\S+) is", note)[0] for note in failed]
    assert len(tiles) == len(set(tiles)), "a tile came back to the worker that it failed on"


@pytest.mark.long
def test_where_the_only_worker_has_a_full_disk_the_run_says_so(
    many: Many, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_crew", lambda *_: crew(Here()))
    run_of(many.town, many.folder / "first", Tiling(many.tiles, roofs_per_tile=int(MOST)))
    ((full, process),) = cluster.add().items()
    fill_disk(process)
    # All is done but one tile.
    sorted(many.tiles.glob("*.parquet"))[0].unlink()
    told = many.start("out", "--dask", cluster.address)
    assert told.end() == 0
    (warning,) = (word for word in told.told("warning") if word.startswith("incomplete"))
    assert warning.startswith("incomplete: 1 of ")
    plan = read_plan(many.folder / "out")
    lost = plan.rejected[plan.rejected["reason"].str.startswith("tile ")]
    assert plan.meta["incomplete"] == {"tiles": 1, "roofs": len(lost)}
    assert set(lost["detail"]) == {
        f"OSError: File too large (on {full}); run again: finished tiles are kept"
    }
    # Nothing is done: there is no result at all.
    for path in many.tiles.glob("*.parquet"):
        path.unlink()
    told = many.start("none", "--dask", cluster.address)
    assert told.end() == 2
    (fault,) = told.told("fault")
    assert fault == f"no tile could be computed: OSError: File too large (on {full})"
    assert not (many.folder / "none").exists()


def test_a_worker_that_neither_works_nor_dies_loses_its_tiles_to_another(
    many: Many, cluster: Cluster, whole: Path
) -> None:
    stopped, _ = cluster.add(2).values()
    told = many.start("out", "--dask", cluster.address, _LATE_S=3.0, _LATE_TIMES=2.0)
    told.some_done()
    os.kill(stopped, signal.SIGSTOP)
    assert_done(told, many.folder / "out", whole)
    assert [note for note in told.told("note") if "is tried elsewhere" in note]


@pytest.mark.long
def test_all_workers_are_killed_and_new_ones_take_over(
    many: Many, whole: Path, cluster: Cluster
) -> None:
    """Once while Dask still waits for workers, once after the run has given that up."""
    told = many.start("out", "--dask", cluster.address, _SILENT_S=6)
    cluster.add(2)
    told.some_done()
    for process in cluster.processes().values():
        cluster.kill(process)
    new = cluster.add()
    told.some_done()
    for process in new.values():
        cluster.kill(process)
    told.wait_for("note", "no worker at")
    cluster.add()
    assert_done(told, many.folder / "out", whole)


@pytest.mark.long
def test_a_cluster_without_workers_ends_a_run_in_words(
    many: Many, whole: Path, cluster: Cluster
) -> None:
    ((_, process),) = cluster.add().items()
    told = many.start("out", "--dask", cluster.address, _SILENT_S=3, DESERTED_S=2)
    told.some_done()
    cluster.kill(process)
    assert told.end() == 2
    assert f"no worker at {cluster.address}: waiting for one, 2 s at most" in told.told("note")
    (fault,) = told.told("fault")
    assert f"the scheduler at '{cluster.address}' has had no worker for 2 s" in fault
    assert "finished tiles are kept" in fault
    assert not (many.folder / "out").exists()
    assert_goes_on(many, many.files(), many.start("out", "--workers", "1"), whole)


def test_a_scheduler_that_starts_anew_at_its_address_is_joined_again(
    many: Many, whole: Path, cluster: Cluster
) -> None:
    cluster.add()
    told = many.start("out", "--dask", cluster.address)
    told.some_done()
    cluster.kill(cluster.scheduler.pid)
    cluster.begin(same_address=True)
    cluster.add()
    told.wait_for("note", "the workers are gone")
    assert_done(told, many.folder / "out", whole)


@pytest.mark.long
def test_a_run_whose_scheduler_dies_goes_on_with_another_one(
    many: Many, whole: Path, cluster: Cluster
) -> None:
    cluster.add()
    told = many.start("out", "--dask", cluster.address, PATIENCE_S=8)
    told.some_done()
    cluster.kill(cluster.scheduler.pid)
    assert told.end() == 2
    (fault,) = told.told("fault")
    assert f"no scheduler answers at '{cluster.address}'" in fault
    assert not (many.folder / "out").exists()
    done = many.files()
    cluster.begin()
    cluster.add()
    assert_goes_on(many, done, many.start("out", "--dask", cluster.address), whole)


@pytest.mark.long
def test_a_run_on_a_cluster_that_is_killed_goes_on_in_the_next(
    many: Many, whole: Path, cluster: Cluster
) -> None:
    cluster.add(2)
    killed = many.start("killed", "--dask", cluster.address)
    killed.some_done()
    killed.some_done()
    killed.kill()
    assert not (many.folder / "killed").exists()
    done = many.files()
    assert_goes_on(many, done, many.start("out", "--dask", cluster.address), whole)


@pytest.mark.long
def test_input_files_that_are_cut_while_their_tile_waits_are_written_anew(
    many: Many, whole: Path, cluster: Cluster
) -> None:
    ((_, process),) = cluster.add().items()
    told = many.start("out", "--dask", cluster.address)
    told.some_done()
    os.kill(process, signal.SIGSTOP)

    def settled() -> bool:
        """Whether two are under way: one that the worker may have read already, one that waits.

        What is done is cleared, and the next is written, a moment after the worker was stopped.
        """
        before = set(many.inputs())
        time.sleep(1.0)
        return len(before) >= 2 and set(many.inputs()) == before

    until(settled)
    for folder in many.inputs().values():
        path = folder / "roofs.parquet"
        path.write_bytes(path.read_bytes()[:-100])
    os.kill(process, signal.SIGCONT)
    told.wait_for("note", r"tried again: OSError: roofs\.parquet does not hold the bytes")
    assert_done(told, many.folder / "out", whole)


def test_a_scheduler_that_does_not_answer_is_named(
    town: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "PATIENCE_S", 1)
    tiling = Tiling(tmp_path / "tiles", address="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match=r"no scheduler answers at 'tcp://127.0.0.1:9'"):
        run_city(town, as_of=AS_OF, tiling=tiling)


# ---- who tries what others failed at ----------------------------------------------------------


def test_another_machine_comes_before_another_worker_and_that_before_the_same() -> None:
    there = ["tcp://a:1", "tcp://a:2", "tcp://b:1"]
    assert crews._others({"tcp://a:1"}, there) == ["tcp://b:1"]
    assert crews._others({"tcp://a:1", "tcp://b:1"}, there) == ["tcp://a:2"]
    assert crews._others({"tcp://a:1"}, there[:2]) == ["tcp://a:2"]
    assert crews._others(set(there), there) is None
    assert crews._others({"tcp://gone:1"}, []) is None


@dataclass(frozen=True)
class Errand:
    """A task that fails, or waits for its worker's death, where it is told to."""

    name: str
    fails_on: int = 0
    dies_on: int = 0
    takes_s: float = 0.0


def run_errand(errand: Errand) -> int:
    if os.getpid() == errand.fails_on:
        raise OSError("no room")
    if os.getpid() == errand.dies_on:
        signal.pause()
    time.sleep(errand.takes_s)
    return os.getpid()


def test_a_try_waits_for_no_worker_that_left(cluster: Cluster) -> None:
    """It is sent to the others; when these die it goes to whoever is there, even the first."""
    ((first, process),) = cluster.add().items()
    with crews._cluster(cluster.address, lambda _: None) as workers:
        fault = workers.submit(run_errand, Errand("x", fails_on=process)).exception(60)
        assert isinstance(fault, OSError)
        assert fault.__notes__ == [f"on {first}"]
        ((_, second),) = cluster.add().items()
        tries = [workers.submit(run_errand, Errand("x")) for _ in range(8)]
        assert {done.result(60) for done in tries} == {second}
        every = [workers.submit(run_errand, Errand(str(number))) for number in range(8)]
        assert {done.result(60) for done in every} == {process, second}
        waits = workers.submit(run_errand, Errand("x", dies_on=second))
        cluster.kill(second)
        assert waits.result(60) == process


def test_a_worker_called_stuck_is_asked_again_where_no_other_works(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow tile may have brought it that name; the one that is left never answers."""
    monkeypatch.setattr(crews, "_LATE_S", 1.0)
    (good, working), (_, halted) = cluster.add(2).items()
    with crews._cluster(cluster.address, lambda _: None) as workers:
        workers._stuck.add(good)
        os.kill(halted, signal.SIGSTOP)
        assert workers.submit(run_errand, Errand("x")).result(60) == working


def test_a_task_that_is_slow_everywhere_comes_to_its_end(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "_LATE_S", 1.0)
    workers_there = set(cluster.add(2).values())
    with crews._cluster(cluster.address, lambda _: None) as workers:
        slow = workers.submit(run_errand, Errand("x", takes_s=3.0))
        assert slow.result(60) in workers_there


# ---- what a person sees -----------------------------------------------------------------------


def test_pace_counts_what_was_done_since_the_start() -> None:
    now = 100.0
    pace = _Pace(lambda: now)
    assert pace.read("gather") == {"stage": "gather"}
    assert pace.read("tiles 2/10") is None
    first = pace.read("assess 400/2000")
    assert first == {"stage": "assess 400/2000", "tiles": "2/10"}
    now = 110.0
    assert pace.read("tiles 4/10") is None
    second = pace.read("assess 800/2000")
    assert second is not None
    assert second == {
        "stage": "assess 800/2000", "tiles": "4/10", "roofs_per_s": 40.0, "left_s": 30,
    }  # fmt: skip
    assert _in_words(second) == "assess 800/2000 · tiles 4/10 · 40.0 roofs/s · 30 s left"
    assert _in_words({**second, "left_s": 754}).endswith(" · 12 min left")
    now = 112.0
    alone = _Pace(lambda: now)
    assert alone.read("assess 5/12") == {"stage": "assess 5/12"}


@pytest.mark.long
def test_dashboard_and_pace_reach_the_terminal(many: Many, cluster: Cluster) -> None:
    cluster.add()
    master, slave = pty.openpty()
    words = ["--buildings", many.town.buildings, "--weather", many.town.weather]
    words += ["--as-of", AS_OF, "--out", many.folder / "out", "--dask", cluster.address]
    process = subprocess.Popen(
        [sys.executable, "-m", "pvplan", "run", *map(str, words), "--roofs-per-tile", MOST],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=slave,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm"},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    try:
        while more := os.read(master, 65536):
            shown += more
    except OSError:  # the terminal is closed where nobody writes any more
        pass
    os.close(master)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"note: Dask dashboard: http://127\.0\.0\.1:\d+/status\r\n", text)
    assert re.search(r"assess \d+/\d+ · tiles \d+/\d+ · [\d.]+ roofs/s · \d+ s left", text)

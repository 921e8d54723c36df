"""Tiles: cut by place, seen with all that shades them, and a run by tiles is the run in one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.scale import address_in
from pvplan import run, tile_run
from pvplan.__main__ import main
from pvplan.assumptions import Assumptions, load
from pvplan.errors import InputError
from pvplan.reports.phrases import in_chinese
from pvplan.roof.weather import Base
from pvplan.run import Inputs, Tiling, inputs_of_folder, run_city
from pvplan.sources.corrections import append_corrections
from pvplan.tile_run import NOTE, TRIES, City, Crew, assess_tiles, roofs_found
from pvplan.tile_work import MADE, Shared, Task, differences, head_of, program, read_found, work
from pvplan.tiles import LEVELS, Tile, cut
from tests import toy
from tests.conftest import ROOT
from tests.tiling import (
    AS_OF,
    Cluster,
    Here,
    assert_same_bytes,
    cluster_in,
    crew,
    dense_town,
    needs_proc,
    piece_of,
    run_of,
)

RULES = load().shading


def assessed(
    city: City, tiles: list[Tile], by: Crew, folder: Path, progress: Callable[[str], None]
) -> Any:
    """What :func:`assess_tiles` returns, and the roofs of it."""
    cut_so = replace(city, cut=tiles)
    found = assess_tiles(cut_so, by, folder, progress)
    return SimpleNamespace(**vars(found), roofs=roofs_found(cut_so, found))


# ---- cutting ----------------------------------------------------------------------------------


def squares(places: Any, height_m: Any) -> gpd.GeoDataFrame:
    """Squares of 10 m around places."""
    x, y = np.asarray(places, dtype=float).T
    shapes = shapely.box(x - 5.0, y - 5.0, x + 5.0, y + 5.0)
    ids = pd.Index([f"r{number:04d}" for number in range(len(x))], name="roof_id")
    heights = np.broadcast_to(np.asarray(height_m, dtype=float), len(x))
    return gpd.GeoDataFrame({"height_m": heights}, geometry=shapes, index=ids, crs="EPSG:32651")


places_in_a_plane = st.lists(
    st.tuples(st.floats(3e5, 4e5), st.floats(3.4e6, 3.5e6)), min_size=1, max_size=60
)


@given(places=places_in_a_plane, most=st.integers(1, 20))
@example(places=[(300000.0, 3499968.0), (300000.0, 3499999.9999999995)], most=1)
def test_every_roof_lies_in_the_one_tile_that_its_place_names(places: Any, most: int) -> None:
    roofs = squares(places, 9.0)
    tiles = cut(roofs, roofs, RULES, most)
    assert sorted(np.concatenate([tile.roofs for tile in tiles])) == list(range(len(roofs)))
    assert len({tile.name for tile in tiles}) == len(tiles)
    points = shapely.get_coordinates(shapely.point_on_surface(roofs.geometry.to_numpy()))
    for tile in tiles:
        level, column, row = (int(part) for part in tile.name.split("-"))
        side = 2.0**26 / 2**level
        # As the name is made: a point that lies less than a rounding below a border is beyond it.
        within = (np.floor((points + 2.0**25) / side) == [column, row]).all(axis=1)
        assert np.array_equal(np.flatnonzero(within), tile.roofs)
        assert len(tile.roofs) <= most or level == LEVELS
        assert np.isin(tile.roofs, tile.casting).all()


def test_a_tile_keeps_its_name_whatever_stands_elsewhere() -> None:
    rng = np.random.default_rng(3)
    here, there = rng.uniform(0.0, 900.0, (50, 2)), rng.uniform(5_000.0, 9_000.0, (400, 2))
    alone = cut(squares(here, 9.0), squares(here, 9.0), RULES, 20)
    both = squares(np.concatenate([here, there]), 9.0)
    names = {tile.name for tile in cut(both, both, RULES, 20)}
    assert len(alone) > 2
    assert {tile.name for tile in alone} <= names


def test_the_halo_is_as_wide_as_the_shadow_of_what_stands_there() -> None:
    # Under 3 degrees 40 m of rise matter up to 763 m away, and nothing farther than 3 000 m.
    reach = 40.0 / np.tan(np.radians(RULES.min_elevation_deg))
    roofs = squares([(0.0, 0.0)], 10.0)
    others = squares([(0, 0), (reach, 0), (reach + 20, 0), (2_990, 0), (3_020, 0)],
                     [10.0, 50.0, 50.0, 900.0, 900.0])  # fmt: skip
    (tile,) = cut(roofs, others, RULES, 5)
    assert tile.casting.tolist() == [0, 1, 3]
    assert cut(roofs, squares([(0, 0), (20, 0)], [10.0, 9.0]), RULES, 5)[0].casting.tolist() == [0]


def test_a_tile_holds_one_roof_at_least() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        cut(squares([(0, 0)], 9.0), squares([(0, 0)], 9.0), RULES, 0)


# ---- the same figures -------------------------------------------------------------------------


def toy_city(assumptions: Assumptions, base: Base) -> City:
    """The toy city with a tower beside each end, so that tiles shade each other."""
    buildings = toy.buildings()
    west, south, east, _ = buildings.total_bounds
    tower = buildings.iloc[:2].copy()
    tower.index = pd.Index(["tower-a", "tower-b"], name="roof_id")
    tower["height_m"] = 90.0
    tower.geometry = [
        shapely.box(west, south - 60, west + 50, south - 30),
        shapely.box(east, south - 60, east + 50, south - 30),
    ]
    every = pd.concat([buildings, tower])
    shared = Shared("toy", program(), base, assumptions, str(buildings.crs), None)
    return City(every, every, toy.monthly_ghi(len(every)), None, shared, [])


def found_by(city: City, most: int, folder: Path) -> pd.DataFrame:
    tiles = cut(city.buildings, city.casting, RULES, most)
    found = assessed(city, tiles, crew(Here()), folder, lambda _: None)
    assert not found.failed
    assert len(tiles) == found.tries
    return found.roofs.loc[city.buildings.index]


@pytest.fixture(scope="module")
def toys(assumptions: Assumptions, toy_base: Base) -> City:
    return toy_city(assumptions, toy_base)


@pytest.fixture(scope="module")
def in_one(toys: City, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return found_by(toys, 10_000, tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def done(toys: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished tiles of 3 roofs at most; do not change them."""
    folder = tmp_path_factory.mktemp("done")
    tiles = cut(toys.buildings, toys.casting, RULES, 3)
    assessed(toys, tiles, crew(Here()), folder, lambda _: None)
    return folder


def test_a_roof_alone_in_its_tile_is_what_it_is_in_the_city(
    toys: City, in_one: pd.DataFrame, tmp_path: Path
) -> None:
    pd.testing.assert_frame_equal(found_by(toys, 1, tmp_path), in_one, check_exact=True)


def test_a_tower_outside_a_tile_shades_inside_it(
    toys: City, in_one: pd.DataFrame, tmp_path: Path
) -> None:
    """Without its halo a tile comes out brighter: the test above can fail."""
    tiles = cut(toys.buildings, toys.casting, RULES, 1)
    blind = [replace(tile, casting=tile.roofs) for tile in tiles]
    found = assessed(toys, blind, crew(Here()), tmp_path, lambda _: None).roofs
    lost, bare = in_one["beam_shading_fraction"], found["beam_shading_fraction"].loc[in_one.index]
    assert (lost > bare + 0.001).any()
    assert not (lost < bare - 1e-9).any()


def test_what_a_file_holds_comes_back_as_it_was(
    toys: City, in_one: pd.DataFrame, tmp_path: Path
) -> None:
    direct = tile_run_of(toys, tmp_path)
    pd.testing.assert_frame_equal(direct, in_one, check_exact=True)
    assert list(direct.columns) == list(MADE)


def tile_run_of(city: City, folder: Path) -> pd.DataFrame:
    """Assess in one piece, without files."""
    from pvplan.assess import Around, assess

    whole = assess(
        city.buildings, city.shared.base, city.monthly_ghi, city.shared.assumptions, map,
        Around(city.casting),
    )  # fmt: skip
    return pd.DataFrame(whole[list(MADE)])


@pytest.fixture(scope="module")
def dense(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """900 roofs of an old town, wall to wall."""
    return piece_of(dense_town(shared_data), tmp_path_factory.mktemp("town"), 900)


@pytest.fixture(scope="module")
def old_town(dense: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dense") / "out"
    run_of(dense, out)
    return out


@pytest.mark.parametrize(
    ("most", "least_tiles"),
    [
        pytest.param(100_000, 1, marks=pytest.mark.long),
        (180, 7),
        pytest.param(22, 64, marks=pytest.mark.long),
    ],
)
def test_an_old_town_in_tiles_is_the_same_bytes(
    dense: Inputs,
    old_town: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    least_tiles: int,
) -> None:
    monkeypatch.setattr(run, "_crew", lambda *_: crew(Here()))
    run_of(dense, tmp_path / "out", Tiling(tmp_path / "tiles", roofs_per_tile=most))
    assert len(list((tmp_path / "tiles").glob("*.parquet"))) >= least_tiles
    assert_same_bytes(tmp_path / "out", old_town)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Dask scheduler, and the workers that tests have added to it so far."""
    with cluster_in(tmp_path_factory.mktemp("dask")) as found:
        yield found


def toy_files(folder: Path) -> Inputs:
    """The toy city as a file, with the bundled base year."""
    path = folder / "toy.geojson"
    columns = ["height_m", "roof_form", "use", "geometry"]
    toy.buildings()[columns].reset_index().to_crs("EPSG:4326").to_file(path, driver="GeoJSON")
    return Inputs(buildings=path, weather=toy.WEATHER_FILE)


def bundled_piece(folder: Path) -> Inputs:
    """400 of the 10 320 buildings of the bundled city, with parks, register and raster."""
    return piece_of(inputs_of_folder(ROOT / "data" / "rooftops" / "shanghai"), folder, 400)


@needs_proc
@pytest.mark.parametrize(
    ("made", "cuts"),
    [
        (toy_files, {12: 1, 2: 7, 1: 12}),
        pytest.param(bundled_piece, {400: 1, 90: 7, 5: 64}, marks=pytest.mark.long),
    ],
)
def test_a_city_is_the_same_bytes_in_tiles_in_processes_and_on_a_cluster(
    made: Callable[[Path], Inputs],
    cuts: dict[int, int],
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = made(tmp_path)
    run_of(inputs, tmp_path / "whole")
    middle = sorted(cuts)[1]
    if not cluster.processes():
        cluster.add(2)
    for name, tiling in {
        "processes": Tiling(tmp_path / "p", 2, roofs_per_tile=middle),
        "cluster": Tiling(tmp_path / "c", address=cluster.address, roofs_per_tile=middle),
    }.items():
        run_of(inputs, tmp_path / name, tiling)
        assert_same_bytes(tmp_path / name, tmp_path / "whole")
    monkeypatch.setattr(run, "_crew", lambda *_: crew(Here()))
    for most, least_tiles in cuts.items():
        tiles = tmp_path / f"tiles-{most}"
        run_of(inputs, tmp_path / f"out-{most}", Tiling(tiles, roofs_per_tile=most))
        assert len(list(tiles.glob("*.parquet"))) >= least_tiles
        assert_same_bytes(tmp_path / f"out-{most}", tmp_path / "whole")


@pytest.mark.long
@needs_proc
def test_a_dense_piece_is_the_same_bytes_on_one_two_and_four_workers(
    dense: Inputs, cluster: Cluster, tmp_path: Path
) -> None:
    piece = piece_of(dense, tmp_path, 300)
    run_of(piece, tmp_path / "whole")
    cluster.dismiss()
    for more, count in ((1, 1), (1, 2), (2, 4)):
        cluster.add(more)
        assert len(cluster.processes()) == count
        tiles = tmp_path / f"tiles-{count}"
        tiling = Tiling(tiles, address=cluster.address, roofs_per_tile=40)
        run_of(piece, tmp_path / f"out-{count}", tiling)
        assert len(list(tiles.glob("*.parquet"))) >= 8
        assert_same_bytes(tmp_path / f"out-{count}", tmp_path / "whole")


def test_all_else_that_a_run_is_given_reaches_the_tiles(
    dense: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Corrections, obstructions and a surface model: in tiles the same bytes as in one."""
    words = [
        ("row-000010", "roof_form", "metal_sheet"),
        ("row-000010", "surveyed_load_kn_per_m2", "0.6"),
        ("row-000020", "height_m", "41"),
        ("row-000030", "obstruction", "none"),
    ]
    kept = dict.fromkeys(("estimate", "estimate_source", "evidence", "recorded_by"), "-")
    when = {"recorded_at": "2026-11-01T00:00:00Z"}
    append_corrections(
        tmp_path / "c.csv",
        [{"roof_id": roof, "fact": fact, "value": value, **kept, **when}
         for roof, fact, value in words],
    )  # fmt: skip
    # Part of the town only: prisms tell of the rest.
    blocks = np.random.default_rng(5).uniform(2.0, 30.0, (60, 50)).astype(np.float32)
    heights = np.kron(blocks, np.ones((10, 10), dtype=np.float32))
    corner = Affine(2.0, 0.0, 271_500.0, 0.0, -2.0, 3_466_200.0)
    profile = {"driver": "GTiff", "count": 1, "height": 600, "width": 500, "dtype": "float32"}
    with rasterio.open(
        tmp_path / "dsm.tif", "w", **profile, crs="EPSG:32651", transform=corner
    ) as raster:
        raster.write(heights[None])
        raster.set_band_unit(1, "m")
    piece = piece_of(dense, tmp_path, 300)
    inputs = replace(piece, corrections=tmp_path / "c.csv", surface_model=tmp_path / "dsm.tif")
    plan = run_of(inputs, tmp_path / "one")
    assert plan.meta["counts"]["corrections_rows_used"] == 4
    monkeypatch.setattr(run, "_crew", lambda *_: crew(Here()))
    run_of(inputs, tmp_path / "many", Tiling(tmp_path / "tiles", roofs_per_tile=90))
    assert_same_bytes(tmp_path / "many", tmp_path / "one")


# ---- going on, and faults ---------------------------------------------------------------------


def test_finished_tiles_are_never_computed_again(
    toys: City, in_one: pd.DataFrame, tmp_path: Path
) -> None:
    tiles = cut(toys.buildings, toys.casting, RULES, 3)
    told: list[str] = []
    first = assessed(toys, tiles, crew(Here()), tmp_path, told.append)
    anew: list[str] = []
    again = assessed(toys, tiles, crew(Here()), tmp_path, anew.append)
    assert (first.reused, first.tries) == (0, len(tiles))
    assert (again.reused, again.tries) == (len(tiles), 0)
    roofs = len(toys.buildings)
    assert told[:2] == [f"tiles 0/{len(tiles)}", f"assess 0/{roofs}"]
    assert told[-2:] == [f"tiles {len(tiles)}/{len(tiles)}", f"assess {roofs}/{roofs}"]
    assert anew == told[-2:], "what was there already is told at once"
    pd.testing.assert_frame_equal(again.roofs.loc[in_one.index], in_one, check_exact=True)
    # Another identity finds none of these files.
    other = replace(toys, shared=replace(toys.shared, key="other"))
    assert assessed(other, tiles, crew(Here()), tmp_path, lambda _: None).reused == 0
    assert not list(tmp_path.glob("**/.*")), "no half-written file is left"
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.parametrize("spoil", ["cut", "flipped", "empty", "other"])
def test_a_spoiled_tile_file_is_computed_again(
    toys: City, in_one: pd.DataFrame, done: Path, tmp_path: Path, spoil: str
) -> None:
    tiles = cut(toys.buildings, toys.casting, RULES, 3)
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    files = sorted(tmp_path.glob("*.parquet"))
    data = bytearray(files[0].read_bytes())
    if spoil == "cut":
        data = data[: len(data) // 2]
    elif spoil == "flipped":
        data[len(data) // 4] ^= 0xFF
    files[0].write_bytes({"empty": b"", "other": files[1].read_bytes()}.get(spoil, bytes(data)))
    again = assessed(toys, tiles, crew(Here()), tmp_path, lambda _: None)
    assert (again.reused, again.tries) == (len(tiles) - 1, 1)
    pd.testing.assert_frame_equal(again.roofs.loc[in_one.index], in_one, check_exact=True)


def test_a_tile_that_fails_once_is_tried_again(
    toys: City, in_one: pd.DataFrame, tmp_path: Path
) -> None:
    tiles = cut(toys.buildings, toys.casting, RULES, 3)
    met: list[str] = []

    def once(task: Task) -> None:
        met.append(task.name)
        if task.name == tiles[1].name and met.count(task.name) < TRIES:
            raise MemoryError("no room")

    told: list[str] = []
    found = assessed(toys, tiles, crew(Here(once)), tmp_path, told.append)
    assert found.tries == len(tiles) + TRIES - 1
    again = f"{NOTE}tile {tiles[1].name} is tried again: MemoryError: no room"
    assert [word for word in told if word.startswith(NOTE)] == [again] * (TRIES - 1)
    assert not found.failed
    pd.testing.assert_frame_equal(found.roofs.loc[in_one.index], in_one, check_exact=True)


def test_input_files_that_are_cut_are_written_anew(
    toys: City, in_one: pd.DataFrame, tmp_path: Path
) -> None:
    tiles = cut(toys.buildings, toys.casting, RULES, 3)
    met: list[str] = []

    def cut_once(task: Task) -> None:
        if not met:
            met.append(task.name)
            path = Path(str(task.inputs)) / "roofs.parquet"
            path.write_bytes(path.read_bytes()[:-100])

    told: list[str] = []
    found = assessed(toys, tiles, crew(Here(cut_once)), tmp_path, told.append)
    (again,) = [word for word in told if word.startswith(NOTE)]
    assert f"tile {met[0]} is tried again: OSError: roofs.parquet does not hold the bytes" in again
    assert not found.failed
    pd.testing.assert_frame_equal(found.roofs.loc[in_one.index], in_one, check_exact=True)


@pytest.mark.parametrize(("fault", "tries"), [(OSError("disk full"), TRIES), (InputError("x"), 1)])
def test_a_tile_that_always_fails_is_given_up_and_named(
    toys: City, in_one: pd.DataFrame, tmp_path: Path, fault: Exception, tries: int
) -> None:
    tiles = cut(toys.buildings, toys.casting, RULES, 3)
    bad = tiles[0]

    def always(task: Task) -> None:
        if task.name == bad.name:
            raise fault

    found = assessed(toys, tiles, crew(Here(always)), tmp_path, lambda _: None)
    assert found.failed == {bad.name: f"{type(fault).__name__}: {fault}"}
    assert found.tries == len(tiles) - 1 + tries
    ids = toys.buildings.index[bad.roofs]
    assert sorted([*found.roofs.index, *ids]) == sorted(toys.buildings.index)
    listed = tile_run.unfinished(replace(toys, cut=tiles), found.failed, "b.geojson")
    assert sorted(listed["id"]) == sorted(ids)
    assert in_chinese(listed["reason"].iloc[0]) == f"图块 {bad.name} 未能计算"
    rest = found.roofs.index
    pd.testing.assert_frame_equal(found.roofs, in_one.loc[rest], check_exact=True)


def test_only_who_dies_alone_is_blamed(toys: City, tmp_path: Path) -> None:
    """One tile kills every worker that takes it; those under way with it are all computed."""
    tiles = cut(toys.buildings, toys.casting, RULES, 1)
    opened = 0

    class Mortal(Here):
        dead = False

        def submit(self, fn: Any, /, *words: Any, **named: Any) -> Future[Any]:
            self.dead = self.dead or words[0].name == tiles[1].name
            if self.dead:
                raise BrokenExecutor("gone")
            return super().submit(fn, *words, **named)

    @contextmanager
    def anew() -> Iterator[Executor]:
        nonlocal opened
        opened += 1
        yield Mortal()

    found = assessed(toys, tiles, Crew(anew, 2), tmp_path, lambda _: None)
    assert list(found.failed) == [tiles[1].name]
    assert len(found.roofs) == len(toys.buildings) - len(tiles[1].roofs)
    assert opened >= TRIES + 1


class Flat(Here):
    """Workers that are all gone after so many tasks."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.left = tasks

    def submit(self, fn: Any, /, *words: Any, **named: Any) -> Future[Any]:
        self.left -= 1
        if self.left < 0:
            raise BrokenExecutor("gone")
        return super().submit(fn, *words, **named)


@pytest.mark.parametrize(("tasks", "given_up"), [(2, False), (0, True)])
def test_a_cluster_that_is_lost_again_and_again_costs_tries_and_comes_to_an_end(
    toys: City, tmp_path: Path, tasks: int, given_up: bool
) -> None:
    """Where each death is told of its tile, many go on at once after the loss of all."""
    tiles = cut(toys.buildings, toys.casting, RULES, 1)

    @contextmanager
    def anew() -> Iterator[Executor]:
        yield Flat(tasks)

    told: list[str] = []
    found = assessed(toys, tiles, Crew(anew, 2, names_the_dead=True), tmp_path, told.append)
    assert bool(found.failed) is given_up
    assert found.tries <= TRIES * len(tiles)
    assert any(word.startswith(f"{NOTE}the workers are gone") for word in told)


def test_a_run_without_a_tile_says_that_it_is_incomplete(
    dense: Inputs, old_town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing: list[str] = []

    def first(task: Task) -> None:
        if not failing or task.name in failing:
            failing[:] = [task.name]
            raise MemoryError("no room")

    tiling = Tiling(tmp_path / "tiles", roofs_per_tile=300)
    monkeypatch.setattr(run, "_crew", lambda *_: crew(Here(first)))
    plan = run_of(dense, tmp_path / "out", tiling)
    whole = gpd.read_parquet(old_town / "roofs.parquet")
    lost = plan.rejected[plan.rejected["reason"].str.startswith("tile ")]
    assert plan.meta["incomplete"] == {"tiles": 1, "roofs": len(lost)}
    assert sorted([*lost["id"], *plan.roofs.index]) == sorted(whole["roof_id"])
    assert any(warning.startswith("incomplete: 1 of ") for warning in plan.meta["warnings"])
    # What was lost is all that the next run computes, and then nothing is missing.
    monkeypatch.setattr(run, "_crew", lambda *_: crew(Here()))
    run_of(dense, tmp_path / "again", tiling)
    assert_same_bytes(tmp_path / "again", old_town)
    # A run that lacks roofs lends none to another day.
    assert run._roofs_of(plan, run.gather(dense, load(), lambda _: None), plan.meta) is None


def test_no_tile_at_all_is_an_error(
    dense: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: Task) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(run, "_crew", lambda *_: crew(Here(never)))
    with pytest.raises(InputError, match="no tile could be computed: OSError: no space left"):
        run_city(dense, as_of=AS_OF, tiling=Tiling(tmp_path / "tiles"))


def test_a_scheduler_s_file_is_read_when_it_is_whole(tmp_path: Path) -> None:
    """A scheduler makes its file and fills it a moment later: both moments were met."""
    file = tmp_path / "scheduler.json"
    assert address_in(file) == ""
    for written in ("", '{"type": "Scheduler", "addr', '{"type": "Scheduler"}'):
        file.write_text(written, encoding="utf-8")
        assert address_in(file) == ""
    file.write_text('{"type": "Scheduler", "address": "tcp://127.0.0.1:1"}', encoding="utf-8")
    assert address_in(file) == "tcp://127.0.0.1:1"


def test_a_worker_of_another_version_computes_nothing(toys: City, tmp_path: Path) -> None:
    other = replace(toys.shared, program={**program(), "numba": "0.1"})
    tiles = cut(toys.buildings, toys.casting, RULES, 1_000)
    found = assessed(replace(toys, shared=other), tiles, crew(Here()), tmp_path, lambda _: None)
    assert "for 0.1; install the same versions" in next(iter(found.failed.values()))
    assert differences(program(), program()) == ""


# ---- words and files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers", "0"], "--workers: 0; give 1 or more"),
        (["--workers", "2", "--dask", "tcp://h:1"], "give one"),
        (["--workers", "1", "--roofs-per-tile", "0"], "--roofs-per-tile: 0; give 1 or more"),
    ],
)
def test_workers_that_cannot_be_are_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city = ROOT / "data" / "rooftops" / "shanghai"
    assert main(["run", str(city), "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err.replace("\n", " ")


def test_a_tile_is_what_its_files_say(toys: City, tmp_path: Path) -> None:
    """The work of one tile by itself: files in, one file out, nothing else left."""
    (tile,) = cut(toys.buildings, toys.casting, RULES, 1_000)
    assert isinstance(tile, Tile)
    ghi = toys.monthly_ghi
    digests = tile_run.write_inputs(tmp_path / "in", toys.buildings, toys.casting, ghi, None)
    task = Task(tile.name, tmp_path / "in", digests, tmp_path, "found", toys.shared)
    out = work(task)
    assert read_found(out, head_of(toys.buildings.index)) is not None
    assert read_found(out, head_of(toys.buildings.index[::-1])) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name, "in"]
    assert work(task) == out
    # An input that is not what was written is no input.
    spoiled = tmp_path / "in" / "roofs.parquet"
    spoiled.write_bytes(spoiled.read_bytes()[:-1])
    with pytest.raises(OSError, match=r"roofs\.parquet does not hold the bytes"):
        work(task)

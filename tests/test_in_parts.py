"""A city in parts: never held, and every figure the same as in one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest

from pvplan import estimate as estimating
from pvplan.__main__ import main
from pvplan.assumptions import load
from pvplan.errors import InputError
from pvplan.estimate import Sample
from pvplan.installed import Recorded, matched
from pvplan.partition import partition
from pvplan.partition_rows import Told
from pvplan.register_near import Wanted
from pvplan.reports.output import FILES, ROOF_PARTS, write_plan
from pvplan.reports.reading import read_plan
from pvplan.reports.roofs import held
from pvplan.run import BUNDLED, Inputs, Tiling, inputs_of_folder, run_city, write_run
from pvplan.sources.partitions import open_partition
from tests import toy
from tests.conftest import once

AS_OF = date(2026, 11, 22)
WITHOUT_ROOFS = [name for name in FILES if name.endswith(".csv")]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The east of the bundled city (demonstration data): 600 roofs, its register, its parks."""

    def fill(folder: Path) -> None:
        shutil.copytree(BUNDLED / "shanghai", folder / "shanghai")
        inputs = inputs_of_folder(folder / "shanghai")
        roofs = gpd.read_file(inputs.buildings)
        order = roofs.geometry.bounds["minx"].argsort()
        few = roofs.iloc[order[-600:]].sort_index()
        inputs.buildings.unlink()
        few.to_file(inputs.buildings)

    return once(tmp_path_factory, "east", fill) / "shanghai"


@pytest.fixture(scope="module")
def parted_city(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, its buildings cut into parts of at most 80."""

    def fill(folder: Path) -> None:
        copy = folder / "shanghai"
        shutil.copytree(city, copy)
        inputs = inputs_of_folder(copy)
        assert inputs.city is not None
        rules = load(city=inputs.city.assumptions).footprints
        told = Told(datum=inputs.datum.get("buildings", "wgs84"))
        about = partition(inputs.buildings, copy / "buildings", rules, told, rows_per_part=80)
        assert len(about.parts) > 8
        words = (copy / "city.toml").read_text("utf-8")
        words = words.replace(f'"{inputs.buildings.name}"', '"buildings"')
        (copy / "city.toml").write_text(words, "utf-8")

    return once(tmp_path_factory, "east-parted", fill) / "shanghai"


@pytest.fixture(scope="module")
def parted(parted_city: Path) -> Inputs:
    inputs = inputs_of_folder(parted_city)
    assert inputs.buildings == parted_city / "buildings"
    return inputs


@pytest.fixture(scope="module")
def whole(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    write_run(run_city(inputs_of_folder(city), as_of=AS_OF), out)
    return out


def in_parts(inputs: Inputs, work: Path, **more: Any) -> Path:
    tiling = Tiling(work / "tiles", workers=2, in_parts=True, **more)
    write_run(run_city(inputs, as_of=AS_OF, tiling=tiling), work / "out")
    return work / "out"


@pytest.fixture(scope="module")
def parts_out(parted: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run in parts, beside its tiles: a copy, for a page may write beside it."""
    made = once(tmp_path_factory, "east-run", lambda folder: in_parts(parted, folder))
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("parts") / "run")) / "out"


def test_a_city_in_parts_is_the_same_city(whole: Path, parts_out: Path) -> None:
    for name in WITHOUT_ROOFS:
        assert (parts_out / name).read_bytes() == (whole / name).read_bytes(), name
    told = [json.loads((folder / "run.json").read_text("utf-8")) for folder in (whole, parts_out)]
    outputs = [meta.pop("outputs") for meta in told]
    assert told[0] == told[1]
    assert outputs[0]["plan.gpkg"]["outlines_sha256"] == outputs[1]["plan.gpkg"]["outlines_sha256"]
    files = sorted((parts_out / ROOF_PARTS).iterdir())
    assert len(files) > 8
    roofs = pd.concat([gpd.read_parquet(file) for file in files]).sort_values("roof_id")
    in_one = gpd.read_parquet(whole / "roofs.parquet")
    pd.testing.assert_frame_equal(
        pd.DataFrame(roofs.reset_index(drop=True)), pd.DataFrame(in_one), check_exact=True
    )


def test_a_run_in_parts_is_read_back_as_the_plan_it_was(whole: Path, parts_out: Path) -> None:
    one, other = (read_plan(folder) for folder in (whole, parts_out))
    pd.testing.assert_frame_equal(pd.DataFrame(one.roofs), pd.DataFrame(held(other)))
    pd.testing.assert_frame_equal(pd.DataFrame(one.parks), pd.DataFrame(other.parks))


def test_a_changed_part_is_not_read_back(parts_out: Path, tmp_path: Path) -> None:
    shutil.copytree(parts_out, tmp_path / "run")
    victim = sorted((tmp_path / "run" / ROOF_PARTS).iterdir())[2]
    victim.write_bytes(victim.read_bytes()[:-7])
    with pytest.raises(InputError, match=victim.name):
        read_plan(tmp_path / "run")


@pytest.mark.long
def test_without_a_register_nothing_stands_anywhere(
    city: Path, parted: Inputs, whole: Path, parts_out: Path, tmp_path: Path
) -> None:
    one = replace(inputs_of_folder(city), register=None)
    write_run(run_city(one, as_of=AS_OF, reuse=read_plan(whole)), tmp_path / "whole")
    shutil.copytree(parts_out.parent / "tiles", tmp_path / "tiles")
    out = in_parts(replace(parted, register=None), tmp_path)
    for name in WITHOUT_ROOFS:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_finished_tiles_serve_the_next_run(parted: Inputs, parts_out: Path, tmp_path: Path) -> None:
    shutil.copytree(parts_out.parent / "tiles", tmp_path / "tiles")
    told: list[str] = []
    tiling = Tiling(tmp_path / "tiles", workers=1, in_parts=True)
    plan = run_city(parted, as_of=AS_OF, tiling=tiling, progress=told.append)
    assert len(plan.roof_parts) == len(list((parts_out / ROOF_PARTS).iterdir()))
    assert not list((tmp_path / "tiles").glob("inputs-*"))
    write_plan(plan, tmp_path / "out")
    for name in WITHOUT_ROOFS:
        assert (tmp_path / "out" / name).read_bytes() == (parts_out / name).read_bytes(), name


def test_roofs_in_parts_and_in_one_take_each_other_s_place(
    whole: Path, parts_out: Path, parted: Inputs, tmp_path: Path
) -> None:
    plan = read_plan(whole)
    out = tmp_path / "out"
    shutil.copytree(parts_out, out)
    write_plan(plan, out)
    assert not (out / ROOF_PARTS).exists()
    assert len(read_plan(out).roofs) == len(plan.roofs)
    parts = [Path(shutil.copy(file, tmp_path)) for file in (parts_out / ROOF_PARTS).iterdir()]
    write_plan(replace(plan, roofs=plan.roofs[:0], roof_parts=tuple(parts)), out)
    assert not (out / "roofs.parquet").exists()
    assert len(held(read_plan(out))) == len(plan.roofs)


def test_a_part_that_is_cut_is_named(parted: Inputs, tmp_path: Path) -> None:
    folder = tmp_path / "buildings"
    shutil.copytree(parted.buildings, folder)
    victim = folder / f"{open_partition(folder).parts[3].name}.parquet"
    victim.write_bytes(victim.read_bytes()[:-100])
    with pytest.raises(InputError, match=victim.name):
        in_parts(replace(parted, buildings=folder), tmp_path)
    assert not (tmp_path / "out").exists()


def test_what_asks_for_the_whole_is_refused_in_parts(parted: Inputs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corrections: .*--in-parts"):
        in_parts(replace(parted, corrections=tmp_path / "c.csv"), tmp_path)


def test_the_command_line_goes_in_parts_when_asked(
    parted_city: Path, parts_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    out = tmp_path / "out"
    shutil.copytree(parts_out.parent / "tiles", tmp_path / "tiles")
    words = ["run", str(parted_city), "--as-of", str(AS_OF)]
    words += ["--in-parts", "yes", "--tiles", str(tmp_path / "tiles"), "--out", str(out)]
    assert main(words) == 0
    assert "600 roofs" in capsys.readouterr().out
    for name in WITHOUT_ROOFS:
        assert (out / name).read_bytes() == (parts_out / name).read_bytes(), name


# ---- what it will take ------------------------------------------------------------------------


def sampled(seconds: tuple[float, ...], roofs: tuple[int, ...]) -> Sample:
    return Sample({}, roofs, seconds)


@pytest.mark.parametrize(
    ("seconds", "roofs", "told_s"),
    [
        # 4 s to start, 1 s for 1 000 roofs: 100 000 roofs take 104 s.
        ((6.0, 10.0), (2_000, 6_000), 104.0),
        # One round: its own pace.
        ((5.0,), (1_000,), 500.0),
        # Noise made the longer round the shorter: its own pace, without a start.
        ((9.0, 6.0), (2_000, 6_000), 106.0 + 1.0),
    ],
)
def test_a_start_is_paid_once(
    seconds: tuple[float, ...], roofs: tuple[int, ...], told_s: float
) -> None:
    assert estimating._seconds_of(sampled(seconds, roofs), 100_000) == pytest.approx(told_s)


@pytest.mark.long
def test_an_estimate_tells_of_all_and_keeps_what_it_found(
    parted_city: Path, parts_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two tiles are left to be computed: both are, and nothing else is written."""
    tiles = tmp_path / "tiles"
    shutil.copytree(parts_out.parent / "tiles", tiles)
    every = sorted(tiles.glob("*.parquet"))
    for file in every[1::5][:2]:
        file.unlink()
    words = ["run", str(parted_city), "--as-of", str(AS_OF), "--out", str(tmp_path / "out")]
    words += ["--in-parts", "yes", "--tiles", str(tiles), "--workers", "1"]
    assert main([*words, "--estimate"]) == 0
    said = capsys.readouterr().out
    assert f"600 roofs in {len(every)} tiles with 1 workers" in said
    assert "from 2 tiles" in said
    assert "GB are free" in said
    assert not (tmp_path / "out").exists()
    assert sorted(tiles.glob("*.parquet")) == every
    assert main([*words, "--estimate"]) == 2
    assert "every tile is finished" in capsys.readouterr().err


def test_an_estimate_asks_for_parts(city: Path, tmp_path: Path, capsys: Any) -> None:
    words = ["run", str(city), "--out", str(tmp_path / "out"), "--workers", "1", "--estimate"]
    assert main(words) == 2
    assert "partition" in capsys.readouterr().err


# ---- a register and the roofs it may speak of -----------------------------------------------


def test_a_register_finds_the_same_roofs_among_those_it_may_speak_of() -> None:
    """The toy city's rows: by id, in another spelling, by name, by place, by park alone."""
    from pvplan.register_case import held_by_parks
    from pvplan.sources.coordinates import gcj02_to_wgs84

    roofs = toy.roofs()
    far = roofs.copy()
    far.geometry = far.geometry.translate(30_000.0, 0.0)
    far.index = pd.Index([f"far-{key}" for key in far.index], name="roof_id")
    far[["park_id", "name"]] = None
    city = gpd.GeoDataFrame(pd.concat([roofs, far]))
    rows = toy.register()
    recorded = Recorded(
        register=rows,
        register_file="register.csv",
        shifted={"gcj02": gcj02_to_wgs84(rows["longitude"].to_numpy(float),
                                         rows["latitude"].to_numpy(float))},
    )  # fmt: skip
    rules = load()
    wanted = Wanted(recorded, city.crs, rules.register).of(city, city.geometry.to_numpy())
    assert wanted.any()
    assert not wanted[len(roofs) :].any()
    hold = held_by_parks(city["park_id"].to_numpy(object), city.geometry.area.to_numpy())
    every = matched(city, recorded, toy.parks(), AS_OF, rules)
    some = matched(city[wanted], recorded, toy.parks(), AS_OF, rules, hold)
    for one, other in zip(every, some, strict=True):
        pd.testing.assert_frame_equal(one, other)

"""The command line against slips of its users: said plainly, nothing misleading, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import Affine
from rich.console import Console

from pvplan.__main__ import main
from pvplan.reports.terminal import goal_table, park_table
from pvplan.run import inputs_of_folder
from pvplan.sources.coordinates import wgs84_to_gcj02
from pvplan.tables import Plan

ROOT = Path(__file__).resolve().parents[1]
SIDE, STEP = 0.0005, 0.001  # degrees: roofs of some 48 × 55 m, 96 × 111 m apart
WEST, SOUTH = 121.40, 31.18
ROOFS = 12
Say = Callable[..., tuple[int, str, str]]


def roof(number: int) -> shapely.Polygon:
    west, south = WEST + STEP * (number % 4), SOUTH + STEP * (number // 4)
    return shapely.box(west, south, west + SIDE, south + SIDE)


@pytest.fixture
def buildings(tmp_path: Path) -> Path:
    ids = [f"b{number}" for number in range(ROOFS)]
    table = gpd.GeoDataFrame(
        {"id": ids, "use": "industrial", "height": 10.0, "roof_form": "metal_sheet"},
        geometry=[roof(number) for number in range(ROOFS)],
        crs="EPSG:4326",
    )
    path = tmp_path / "b.geojson"
    table.to_file(path)
    return path


@pytest.fixture
def parks(tmp_path: Path) -> Path:
    outline = shapely.box(WEST - STEP, SOUTH - STEP, WEST + 4 * STEP, SOUTH + 4 * STEP)
    path = tmp_path / "parks.geojson"
    names = {"id": ["p", "q"], "name_zh": ["甲", "乙"]}
    gpd.GeoDataFrame(
        names, geometry=[outline, shapely.affinity.translate(outline, 0.2)], crs="EPSG:4326"
    ).to_file(path)
    return path


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command that writes ``out``; return its code, what it printed, what it warned of."""

    def run(*words: str | Path, command: str = "run", day: str | None = "2026-11-22"):
        given = [str(word) for word in words]
        if "--out" not in given:
            given += ["--out", str(tmp_path / "out")]
        if command == "run" and day:
            given += ["--as-of", day]
        code = main([command, *given])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


# ---- the same fingerprint means the same bytes ---------------------------------------------------


def fingerprint(folder: Path) -> str:
    return str(json.loads((folder / "run.json").read_text(encoding="utf-8"))["fingerprint"])


def test_every_part_of_a_shapefile_moves_the_fingerprint(tmp_path: Path, say: Say) -> None:
    seen = []
    for height in (6.0, 60.0):
        rows = gpd.GeoDataFrame({"height": [height]}, geometry=[roof(0)], crs="EPSG:4326")
        rows.to_file(tmp_path / "b.shp")
        assert say("--buildings", tmp_path / "b.shp")[0] == 0
        seen.append(fingerprint(tmp_path / "out"))
    listed = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["inputs"]
    files = {item["file"] for item in listed if item["role"] == "buildings"}
    assert {"b.shp", "b.shx", "b.dbf", "b.prj"} <= files
    assert seen[0] != seen[1]


@pytest.fixture
def city(tmp_path: Path, buildings: Path) -> Callable[[str], Path]:
    """Write a city folder around the buildings, with more lines for its city.toml."""
    folder = tmp_path / "city"
    folder.mkdir()
    buildings.rename(folder / "b.geojson")

    def write(words: str) -> Path:
        text = f'{words}\n[inputs]\nbuildings = "b.geojson"\n'
        (folder / "city.toml").write_text(text, encoding="utf-8")
        return folder

    return write


def test_every_word_of_a_city_moves_the_fingerprint(
    city: Callable[[str], Path], tmp_path: Path, say: Say
) -> None:
    words = ("[city]", '[city]\nname_zh = "乙"', '[city]\nmetric_crs = "EPSG:4549"')
    seen = set()
    for word in words:
        assert say(city(word))[0] == 0
        seen.add(fingerprint(tmp_path / "out"))
    assert len(seen) == len(words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("city = 3", "city.toml: city = 3: write it as a table"),
        ('[city]\nmetric_crs = "EPSG:99"', "city.toml: city.metric_crs: 'EPSG:99' is no known"),
        ('[city]\ndemonstration = "no"', "city.demonstration = 'no': write true or false"),
        ("[scenarios]\nmine = 3", "scenarios.mine = 3: write it as a table"),
        ('[inputs.datum]\nroofs = "gcj02"\n[assumptions]', "inputs.datum.roofs: unknown"),
    ],
)
def test_a_city_folder_that_is_not_as_meant_is_told(
    city: Callable[[str], Path], say: Say, words: str, told: str
) -> None:
    folder = city(words)
    if "[inputs.datum]" in words:
        text = '[inputs]\nbuildings = "b.geojson"\n[inputs.datum]\nroofs = "gcj02"\n'
        (folder / "city.toml").write_text(text, encoding="utf-8")
    code, _, warned = say(folder)
    assert (code, told in warned) == (2, True), warned


def test_the_datum_of_a_city_is_not_that_of_a_file_given_instead(
    city: Callable[[str], Path], parks: Path, tmp_path: Path, say: Say
) -> None:
    folder = city("")
    (folder / "p.geojson").write_bytes(parks.read_bytes())
    lines = '[inputs]\nbuildings = "b.geojson"\nparks = "p.geojson"\n[inputs.datum]\n'
    (folder / "city.toml").write_text(lines + 'parks = "gcj02"\n', encoding="utf-8")
    for words, datum in (((), {"parks": "gcj02"}), (("--parks", parks), {})):
        assert say(folder, *words)[0] == 0
        run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
        assert run["told"]["datum"] == datum


def test_a_city_names_its_obstructions_and_surface_model(
    city: Callable[[str], Path], tmp_path: Path, say: Say
) -> None:
    folder = city("")
    (folder / "o.geojson").write_text("{}", encoding="utf-8")
    (folder / "dsm.tif").write_bytes(b"II*")
    lines = (
        '[inputs]\nbuildings = "b.geojson"\nobstructions = "o.geojson"\n'
        'surface_model = "dsm.tif"\n[inputs.datum]\nobstructions = "gcj02"\n'
    )
    (folder / "city.toml").write_text(lines, encoding="utf-8")
    inputs = inputs_of_folder(folder)
    assert inputs.obstructions == (folder / "o.geojson").resolve()
    assert inputs.surface_model == (folder / "dsm.tif").resolve()
    assert inputs.datum == {"obstructions": "gcj02"}
    (folder / "city.toml").write_text(lines.replace("obstructions =", "obstruction ="), "utf-8")
    code, _, warned = say(folder)
    assert code == 2
    assert "inputs.obstruction: unknown; did you mean 'obstructions'?" in warned
    assert "inputs.datum.obstruction: unknown; did you mean 'obstructions'?" in warned


# ---- what would mislead is said ------------------------------------------------------------------


def register(tmp_path: Path, **columns: object) -> Path:
    path = tmp_path / "register.csv"
    rows = {"system_id": [f"s{number}" for number in range(ROOFS)], "status": "commissioned"}
    pd.DataFrame({**rows, "commissioned_on": "2024-05-01", **columns}).to_csv(path, index=False)
    return path


def places() -> tuple[np.ndarray, np.ndarray]:
    middles = shapely.get_coordinates([roof(number).centroid for number in range(ROOFS)])
    return middles[:, 0], middles[:, 1]


def test_a_register_in_another_datum_is_doubted(buildings: Path, tmp_path: Path, say: Say) -> None:
    true = dict(zip(("longitude", "latitude"), places(), strict=True))
    moved = dict(zip(("longitude", "latitude"), wgs84_to_gcj02(*places()), strict=True))
    doubt = f"look like gcj02, not wgs84: 0 of {ROOFS} lie on a roof as stated, {ROOFS} as gcj02"
    for where, words, doubted in (
        (true, (), False),
        (moved, (), True),
        (moved, ("--register-datum", "gcj02"), False),
    ):
        file = register(tmp_path, capacity_dc_kw=100.0, **where)
        code, _, warned = say("--buildings", buildings, "--register", file, *words)
        assert code == 0
        assert (doubt in warned) == doubted, warned


def test_more_installed_than_a_park_can_carry_is_doubted(
    buildings: Path, parks: Path, tmp_path: Path, say: Say
) -> None:
    for kilowatts, doubted in ((100.0, False), (5_000.0, True)):
        file = register(tmp_path, capacity_dc_kw=kilowatts, park="甲")
        words = ("--buildings", buildings, "--parks", parks, "--register", file)
        code, _, warned = say(*words)
        assert code == 0
        assert ("more on 1 parks than their roofs can carry (first: 'p'" in warned) == doubted


def test_rows_that_are_not_used_are_counted_aloud(
    buildings: Path, tmp_path: Path, say: Say
) -> None:
    file = register(tmp_path, capacity_dc_kw=[100.0] * (ROOFS - 1) + [-1.0], roof_id="b0")
    warned = say("--buildings", buildings, "--register", file)[2]
    assert f"register.csv: 1 of {ROOFS} rows are not used: rejected.csv" in warned
    assert "b.geojson" not in warned


def raster(path: Path, value: float, *, west: float = WEST - 1, size: float = 2.0) -> Path:
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    place = Affine(size / 20, 0.0, west, 0.0, -0.1, SOUTH + 1)
    with rasterio.open(path, "w", width=20, height=20, transform=place, **profile) as file:
        file.write(np.full((20, 20), value, dtype="float32"), 1)
    return path


def test_a_unit_that_was_only_inferred_is_said(buildings: Path, tmp_path: Path, say: Say) -> None:
    file = raster(tmp_path / "g.tif", 3.6)
    inferred = say("--buildings", buildings, "--irradiance", file)[2]
    assert "g.tif: its unit is not stated; kwh_per_m2_per_day is the only one" in inferred
    run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert run["weather"]["irradiance"]["unit_source"] == "range"
    words = ("--irradiance-unit", "kwh_per_m2_per_day")
    stated = say("--buildings", buildings, "--irradiance", file, *words)[2]
    assert "unit is not stated" not in stated


def test_roofs_beside_the_raster_are_counted_aloud(
    buildings: Path, tmp_path: Path, say: Say
) -> None:
    # The raster reaches half a pixel beyond its east edge: to two of the four columns of roofs.
    file = raster(tmp_path / "g.tif", 1300.0, west=WEST + 1.2 * STEP - 20 * STEP, size=20 * STEP)
    code, _, warned = say("--buildings", buildings, "--irradiance", file)
    assert code == 0
    roofs = gpd.read_parquet(tmp_path / "out" / "roofs.parquet")
    assert len(roofs) == ROOFS // 2
    assert f"no irradiance here in g.tif: {ROOFS - len(roofs)} roofs are left out" in warned


def test_parks_that_overlap_are_named(
    buildings: Path, parks: Path, tmp_path: Path, say: Say
) -> None:
    table = gpd.read_file(parks)
    table.loc[1, "geometry"] = shapely.affinity.translate(table.geometry[0], STEP)
    table.to_file(tmp_path / "both.geojson")
    told = "both.geojson: 1 pairs of parks overlap (the most 'p' and 'q'"
    assert told in say("--buildings", buildings, "--parks", tmp_path / "both.geojson")[2]
    assert "pairs of parks overlap" not in say("--buildings", buildings, "--parks", parks)[2]


def test_a_goal_beyond_the_files_is_said_to_be_the_citys(buildings: Path, say: Say) -> None:
    warned = say("--buildings", buildings, "--set", "footprints.default_use=industrial")[2]
    assert "goal industrial_1gw_2025 asks for 1,000.00 MW" in warned
    assert "if the files hold a part of the city only" in warned


def test_a_rule_that_leaves_no_room_on_any_roof_of_a_form_is_named(
    buildings: Path, tmp_path: Path, say: Say
) -> None:
    table = gpd.read_file(buildings)
    table.loc[:3, "roof_form"] = "flat_concrete"
    table.to_file(tmp_path / "forms.geojson")
    words = ("--buildings", tmp_path / "forms.geojson")
    # A window that opens before sunrise leaves racked rows no pitch; pairs would still stand.
    racked = ("--set", "layout.flat_concrete.mountings=racked")
    bare = say(*words, *racked, "--set", "layout.solstice_first_hour=6")[2]
    assert "none of 4 roofs of the form flat_concrete carries a module" in bare
    assert "metal_sheet carries" not in bare
    assert "carries a module" not in say(*words)[2]


def test_the_summary_shows_shares_in_per_cent(buildings: Path, tmp_path: Path, say: Say) -> None:
    file = register(tmp_path, capacity_dc_kw=100.0, roof_id=[f"b{n}" for n in range(ROOFS)])
    assert say("--buildings", buildings, "--register", file)[0] == 0
    sheet = openpyxl.load_workbook(tmp_path / "out" / "plan.xlsx")["Summary"]
    rows = {row[0]: row for row in sheet.iter_rows(values_only=True) if row[0]}
    city = pd.read_csv(tmp_path / "out" / "city.csv", encoding="utf-8-sig").iloc[0]
    used = rows["已用潜力比例"]
    assert used[2:4] == (pytest.approx(100.0 * city["used_potential_fraction"]), "%")
    goals = pd.read_csv(tmp_path / "out" / "goals.csv", encoding="utf-8-sig")
    share = goals[(goals["unit"] == "1") & (goals["level"] == "city")].iloc[0]
    assert rows[share["name_zh"]][4] == 100.0 * share["target"]
    assert rows[share["name_zh"]][7] == "%"


def test_words_on_a_file_that_is_not_there_are_refused(buildings: Path, say: Say) -> None:
    words = ("--parks-where", "a=b", "--irradiance-unit", "w_per_m2", "--weather-label", "end")
    code, _, warned = say("--buildings", buildings, *words)
    assert code == 2
    for option in ("--parks-where a=b", "--irradiance-unit w_per_m2", "--weather-label end"):
        assert f"error: {option}: there is no " in warned


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_beyond_reason_is_refused(buildings: Path, say: Say, day: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        say("--buildings", buildings, day=day)


def obstructions(path: Path, *places: tuple[float, float]) -> Path:
    """Write vents of 1 m radius; places in degrees from the first roof's corner."""
    points = [shapely.Point(WEST + x, SOUTH + y) for x, y in places]
    table = gpd.GeoDataFrame({"radius_m": [1.0] * len(points)}, geometry=points, crs="EPSG:4326")
    table.to_file(path)
    return path


def test_obstructions_that_fit_no_roof_are_said(buildings: Path, tmp_path: Path, say: Say) -> None:
    middle = (SIDE / 2, SIDE / 2)
    file = obstructions(tmp_path / "o.geojson", middle, (1.5 * SIDE, 1.5 * SIDE), middle)
    code, _, warned = say("--buildings", buildings, "--obstructions", file)
    assert code == 0
    assert "o.geojson: 1 of 2 obstructions meet no roof (first: row 2)" in warned
    assert "o.geojson: 2 of 2 obstructions have no height: 0 m is taken" in warned
    run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert run["counts"]["obstructions_rows_read"] == 3
    assert run["counts"]["obstructions_rows_rejected"] == 1
    assert [item["role"] for item in run["inputs"] if item["file"] == "o.geojson"] == [
        "obstructions"
    ]


def test_obstructions_and_surface_models_that_are_not_there_are_told(
    buildings: Path, say: Say
) -> None:
    for option, name in (("--obstructions", "o.gpkg"), ("--surface-model", "dsm.tif")):
        code, _, warned = say("--buildings", buildings, option, buildings.parent / name)
        assert (code, "does not exist; " in warned, f"error: {name}: " in warned) == (2, True, True)


# ---- the output ----------------------------------------------------------------------------------


def test_a_bad_output_is_told_before_anything_is_computed(
    buildings: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pvplan.__main__.run_city", lambda *_, **__: pytest.fail("computed"))
    for out, told in (
        (buildings, "is a file; give a folder"),
        (buildings / "below", "Not a directory"),
        (buildings.parent / ("x" * 300), "name too long"),
    ):
        code, _, warned = say("--buildings", buildings, "--out", out)
        assert (code, told in warned) == (2, True), warned


def test_hours_that_cannot_be_written_say_why_and_doubts_are_told(
    buildings: Path, parks: Path, tmp_path: Path, say: Say
) -> None:
    words = ("--buildings", buildings, "--parks", parks, "--park", "p", "--out")
    code, _, warned = say(*words, tmp_path / "none" / "p.csv", command="hourly")
    assert code == 2
    assert "non-existent" in warned
    assert "None" not in warned
    code, _, warned = say(*words, tmp_path / "p.csv", command="hourly")
    assert code == 0
    assert "no weather given: the bundled base year" in warned


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("grid", [goal_table, park_table])
def test_no_terminal_cuts_a_number(
    toy_city_plan: Plan, grid: Callable[[Plan], object], width: int
) -> None:
    table = grid(toy_city_plan)
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as taken:
        console.print(table.rich(width))
    shown = taken.get()
    assert max(len(line) for line in shown.splitlines()) <= width
    for row in table.rows:
        for cell, numeric in zip(row, table.numeric, strict=True):
            assert not numeric or " ".join(cell.split()) in " ".join(shown.split()), cell


def test_what_a_file_holds_does_not_command_the_terminal(tmp_path: Path, say: Say) -> None:
    rows = gpd.GeoDataFrame(
        {"id": ["\x1b[31mred", "b"], "height": ["tall", "wide"]},
        geometry=[roof(0), roof(1)],
        crs="EPSG:4326",
    )
    rows.to_file(tmp_path / "evil.geojson")
    code, _, warned = say("--buildings", tmp_path / "evil.geojson")
    assert code == 2
    assert "31mred" in warned
    assert "\x1b" not in warned


# ---- as a process --------------------------------------------------------------------------------


# A process that was begun in the background of a shell hears no SIGINT, nor do its children.
HEARS = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"


def process(*words: str | Path, code: str = "", **streams: object) -> subprocess.Popen[str]:
    program = ["-c", code] if code else ["-m", "pvplan"]
    command = [sys.executable, *program, *(str(word) for word in words)]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, encoding="utf-8", errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **streams,
    )  # fmt: skip


def test_a_terminal_without_chinese_and_a_reader_that_leaves_end_no_run(
    buildings: Path, tmp_path: Path
) -> None:
    words = ("run", "--buildings", buildings, "--out", tmp_path / "out")
    plain = process(*words, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    gone = process("columns")
    gone.stdout.close()
    _, warned = plain.communicate(timeout=60)
    assert (plain.returncode, "Traceback" in warned) == (0, False), warned
    assert (tmp_path / "out" / "run.json").exists()
    assert (gone.wait(timeout=60), gone.stderr.read()) == (0, "")
    gone.stderr.close()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_a_signal_amid_writing_leaves_nothing(
    buildings: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """The workbook is not written before the signal came: a writer of any pace is met amid it."""
    code = (
        f"{HEARS} import time; from pvplan.reports import output;"
        "output.write_workbook = lambda *_: time.sleep(300);"
        "from pvplan.__main__ import start; sys.exit(start())"
    )
    home = tmp_path / "home"
    home.mkdir()
    running = process("run", "--buildings", buildings, "--out", home / "out", code=code)
    while running.poll() is None and not any(home.iterdir()):
        time.sleep(0.001)
    running.send_signal(number)
    _, warned = running.communicate(timeout=60)
    assert running.returncode == 130, warned
    assert "interrupted" in warned
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_a_signal_after_the_end_changes_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """What was done is told as done, also where the signal comes while the process ends."""
    code = (
        f"{HEARS} import atexit, os; from pvplan.__main__ import start;"
        f"atexit.register(os.kill, os.getpid(), {int(number)}); sys.exit(start())"
    )
    running = process("columns", code=code)
    _, warned = running.communicate(timeout=60)
    assert (running.returncode, warned) == (0, "")

"""What goes out: one number has one value everywhere, whole files or none, nothing executes."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from rich.console import Console

from pvplan.errors import InputError, OutputError, TableError
from pvplan.reports import output, sheets
from pvplan.reports.cells import Part, body
from pvplan.reports.columns import SHAPES, canonical, described, tables_of
from pvplan.reports.output import FILES, write_plan
from pvplan.reports.reading import list_runs, read_plan, read_summary
from pvplan.reports.separated import numbered, plain_number, read_separated, separated_bytes
from pvplan.reports.sheets import HEADING_ROWS, SHEET_ROWS
from pvplan.reports.terminal import goal_table, park_table, show
from pvplan.tables import Column, Plan
from tests.plans import NASTY, toy_plan

LEVELS = ("parks", "districts")
SHEETS = (
    "Goals", "Gap by park", "Gap by district", "Allocation", "Clause check", "Reconciliation",
    "Parks", "Districts", "Roofs",
)  # fmt: skip


@pytest.fixture(scope="module")
def plan() -> Plan:
    return toy_plan()


@pytest.fixture(scope="module")
def folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    write_plan(plan, out)
    return out


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def sheet_table(folder: Path, name: str) -> pd.DataFrame:
    book = openpyxl.load_workbook(folder / "plan.xlsx", read_only=True)
    rows = list(book[name].iter_rows(min_row=HEADING_ROWS, values_only=True))
    book.close()
    return pd.DataFrame(rows[1:], columns=list(rows[0]), dtype=object)


def numbers(name: str, table: pd.DataFrame) -> list[str]:
    return [column.name for column in described(name, table) if column.kind in ("number", "count")]


def same_numbers(left: Any, right: Any) -> bool:
    a, b = (pd.to_numeric(pd.Series(list(side))).to_numpy(float) for side in (left, right))
    return a.shape == b.shape and bool(((a == b) | (np.isnan(a) & np.isnan(b))).all())


# one number, one value


def test_a_run_that_is_read_back_equals_the_plan_that_was_written(plan: Plan, folder: Path) -> None:
    back = read_plan(folder)
    for name, table in tables_of(canonical(plan)).items():
        assert_frame_equal(
            pd.DataFrame(table), pd.DataFrame(tables_of(back)[name]), check_exact=True
        )
        if SHAPES[name].spatial:
            assert getattr(back, name).crs == "EPSG:4326"
    meta = {key: value for key, value in back.meta.items() if key != "outputs"}
    assert meta == json.loads(json.dumps(dict(plan.meta)))


def test_canonical_form_changes_no_number_and_is_its_own_canonical_form(plan: Plan) -> None:
    once = canonical(plan)
    for name, table in tables_of(plan).items():
        for column in numbers(name, table):
            if column in table.columns:
                assert same_numbers(table[column], tables_of(once)[name][column])
        assert_frame_equal(
            pd.DataFrame(tables_of(canonical(once))[name]), pd.DataFrame(tables_of(once)[name])
        )


@pytest.mark.parametrize("name", LEVELS)
def test_one_number_has_one_value_in_csv_sheet_and_geopackage(
    plan: Plan, folder: Path, name: str
) -> None:
    table = tables_of(canonical(plan))[name]
    cells = pd.read_csv(folder / f"{name}.csv", encoding="utf-8-sig")
    sheet = sheet_table(folder, name.capitalize())
    layer = pyogrio.read_dataframe(folder / "plan.gpkg", layer=name)
    placed = table[table.geometry.notna()]
    assert len(layer) == len(placed) == len(table) - (name == "parks")
    for column in numbers(name, table):
        assert same_numbers(cells[column], table[column]), column
        assert same_numbers(sheet[column], table[column]), column
        assert same_numbers(layer[column], placed[column]), column


def test_one_number_has_one_value_in_parquet_sheet_and_geopackage(plan: Plan, folder: Path) -> None:
    roofs = canonical(plan).roofs
    parquet = gpd.read_parquet(folder / "roofs.parquet")
    sheet = sheet_table(folder, "Roofs")
    layer = pyogrio.read_dataframe(folder / "plan.gpkg", layer="roofs")
    assert parquet.crs == layer.crs == "EPSG:4326"
    assert list(parquet["roof_id"]) == sorted(plan.roofs.index) == list(layer["roof_id"])
    for column in numbers("roofs", roofs):
        assert same_numbers(parquet[column], roofs[column]), column
        assert same_numbers(layer[column], roofs[column]), column
        if not re.match("energy_ac_kwh_[0-9]|waterfall_", column):  # told in a note of the sheet
            assert same_numbers(sheet[column], roofs[column]), column
    assert {str(day) for day in parquet["completed_on"].dropna()} == {"2015-06-30"}


def test_roofs_go_out_sorted_whatever_their_order(plan: Plan, folder: Path, tmp_path: Path) -> None:
    shuffled = replace(plan, roofs=plan.roofs.sample(frac=1, random_state=1))
    write_plan(shuffled, tmp_path / "out")
    new = (tmp_path / "out" / "roofs.parquet").read_bytes()
    assert new == (folder / "roofs.parquet").read_bytes()


def test_columns_that_the_dictionary_does_not_know_come_back_too(
    plan: Plan, tmp_path: Path
) -> None:
    roofs = plan.roofs.assign(extra=range(len(plan.roofs)))
    city = plan.city.assign(shade_fraction=0.125, remark="=1", seen=True)
    write_plan(replace(plan, roofs=roofs, city=city), tmp_path / "out")
    back = read_plan(tmp_path / "out")
    assert list(back.roofs["extra"]) == list(range(len(roofs)))
    assert back.city.iloc[0][["shade_fraction", "remark", "seen"]].tolist() == [0.125, "=1", True]


def test_tables_without_rows_go_out_and_come_back(plan: Plan, tmp_path: Path) -> None:
    empty = replace(
        plan,
        parks=plan.parks[plan.parks.geometry.isna()],
        districts=plan.districts.iloc[:0],
        goals=plan.goals.iloc[:0],
        ledger=plan.ledger.iloc[:0],
        rejected=plan.rejected.iloc[:0],
    )
    write_plan(empty, tmp_path / "out")
    back = read_plan(tmp_path / "out")
    for name, table in tables_of(canonical(empty)).items():
        assert_frame_equal(pd.DataFrame(table), pd.DataFrame(tables_of(back)[name]))
    assert str(goal_table(back)).startswith("目标 Goals")


def test_what_no_sheet_can_hold_is_refused_before_anything_is_written(
    plan: Plan, tmp_path: Path
) -> None:
    roofs = pd.concat([plan.roofs, plan.roofs.iloc[[3]]])
    city = plan.city.assign(payback_years=np.inf)
    with pytest.raises(TableError) as caught:
        write_plan(replace(plan, roofs=roofs, city=city), tmp_path / "out")
    assert len(caught.value.faults) == 2
    assert "'R000003'" in caught.value.faults[0]
    assert "payback_years" in caught.value.faults[1]
    assert list(tmp_path.iterdir()) == []


# whole or not at all


FAILURES: list[Any] = [OSError(errno.ENOSPC, "full"), KeyboardInterrupt, RuntimeError]


def failing(failure: Any, after: Callable[..., Any] | None = None) -> Callable[..., None]:
    def fail(*words: Any, **more: Any) -> None:
        if after is not None:
            after(*words, **more)
        raise failure

    return fail


@pytest.mark.parametrize("failure", FAILURES, ids=["full", "interrupt", "fault"])
@pytest.mark.parametrize(
    "writer",
    [
        "write_workbook",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("write_parquet", "write_separated", "write_geopackage", "write_run_file")
        ),
    ],
)
def test_a_failing_writer_leaves_what_stood_before(
    plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch, writer: str, failure: Any
) -> None:
    before = bytes_of(folder)
    fresh = folder.parent / "deep" / "below" / "new"
    monkeypatch.setattr(output, writer, failing(failure, getattr(output, writer)))
    for out in (folder, fresh):
        with pytest.raises((OutputError, KeyboardInterrupt, RuntimeError)) as caught:
            write_plan(plan, out)
        if isinstance(failure, OSError):
            assert str(out) in str(caught.value)
            assert "free some space" in str(caught.value)
        else:
            assert caught.type is failure
    assert bytes_of(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    "at",
    [pytest.param(at, marks=[pytest.mark.long] if at % 5 else []) for at in range(2 * len(FILES))],
)
def test_an_interrupt_between_any_two_moves_puts_the_old_files_back(
    plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before = bytes_of(folder)
    newer = replace(plan, meta={**plan.meta, "fingerprint": "f" * 16})
    move, moves = Path.replace, iter(range(1000))

    def interrupted(self: Path, target: Path) -> Path:
        moved = move(self, target)
        if next(moves) == at:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_plan(newer, folder)
    assert bytes_of(folder) == before


def test_run_json_goes_first_and_comes_last(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_plan(plan, out)
    move, seen = Path.replace, []

    def watched(self: Path, target: Path) -> Path:
        seen.append((out / "run.json").exists())
        return move(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_plan(plan, out)
    assert seen == [True] + [False] * (2 * len(FILES) - 1)


def test_files_of_others_stay_and_an_earlier_run_is_replaced(plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "parks.csv").write_text("old")
    told: list[str] = []
    paths = write_plan(plan, out, progress=told.append)
    assert [path.name for path in paths] == list(FILES)
    assert sorted(told) == sorted(FILES)
    assert all(path.is_file() for path in paths)
    assert (out / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "notes.txt"])
    assert read_plan(out).meta["fingerprint"] == plan.meta["fingerprint"]


def test_an_output_that_is_a_file_or_lies_below_one_is_refused(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(OutputError, match="is a file; give a folder"):
        write_plan(plan, file)
    with pytest.raises(OutputError, match=r"file/out: cannot be written .*give another folder"):
        write_plan(plan, file / "out")
    (tmp_path / "out" / "plan.gpkg").mkdir(parents=True)
    with pytest.raises(OutputError, match="is a folder, and a run writes a file"):
        write_plan(plan, tmp_path / "out")
    assert file.read_text() == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(plan: Plan, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="out: cannot be written"):
        write_plan(plan, tmp_path / "out")
    tmp_path.chmod(0o700)


def test_a_layer_without_its_index_is_not_taken_for_whole(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = pyogrio.write_arrow

    def as_on_a_full_disk(*words: Any, **more: Any) -> None:
        write(*words, **{**more, "layer_options": {"SPATIAL_INDEX": "NO"}})

    monkeypatch.setattr(pyogrio, "write_arrow", as_on_a_full_disk)
    with pytest.raises(OutputError, match="see that there is space left"):
        write_plan(plan, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_file_held_open_elsewhere_is_told(
    plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", failing(PermissionError(errno.EACCES, "held")))
    before = bytes_of(folder)
    with pytest.raises(OutputError, match="close the files of an earlier run"):
        write_plan(plan, folder)
    assert bytes_of(folder) == before


# the same bytes


def test_the_same_plan_gives_the_same_bytes(
    plan: Plan, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    slower = replace(plan, meta={**plan.meta, "seconds": {"read": 9.0}})
    write_plan(slower, tmp_path / "elsewhere")
    old, new = bytes_of(folder), bytes_of(tmp_path / "elsewhere")
    assert {name for name in FILES if old[name] != new[name]} == {"run.json"}
    core = zipfile.ZipFile(io.BytesIO(new["plan.xlsx"])).read("docProps/core.xml").decode()
    assert "2026-11-22" in core


# nothing executes, nothing is lost


def test_text_that_looks_like_a_formula_is_text_in_the_workbook(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "plan.xlsx")
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert kinds <= {"s", "n", "b", "d", "inlineStr"}
    assert "f" not in kinds
    roofs = sheet_table(folder, "Roofs")["name"]
    # openpyxl leaves _xHHHH_, by which the format writes control characters, as it stands
    shown = [name and name.replace("_x000D_", "\r").replace("_x005F_", "_") for name in roofs]
    assert shown == list(NASTY)


def test_the_workbook_holds_no_markup_of_the_input(folder: Path) -> None:
    book = zipfile.ZipFile(folder / "plan.xlsx")
    xml = "".join(book.read(name).decode() for name in book.namelist() if "sheet" in name.lower())
    assert "<img" not in xml
    assert "<b>no register" not in xml
    assert "<f>" not in xml
    assert not re.search(r"<r>\s*<t>", xml)
    assert "hyperlink" not in xml


def test_text_that_looks_like_a_formula_is_shielded_in_csv(folder: Path) -> None:
    text = (folder / "goals.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbfgoal_id,name_zh")
    assert "存量厂房光伏".encode() in text
    for path in folder.glob("*.csv"):
        for row in pd.read_csv(path, dtype="str", encoding="utf-8-sig").to_numpy().ravel():
            assert not re.match("[=+@\t\r\n]|-(?![0-9.])", str(row)), (path.name, row)
    parks = pd.read_csv(folder / "parks.csv", encoding="utf-8-sig", index_col="park_id")
    assert parks.loc["P2", "name_en"] == "'=cmd|'/c calc'!A0"


LETTERS = st.characters(exclude_categories=("Cs",))


@given(st.lists(st.text(LETTERS) | st.from_regex("'*[=+@\t\r\n＝-]x?"), min_size=1, max_size=8))
def test_any_text_comes_back_from_csv_and_none_starts_a_formula(texts: list[str]) -> None:
    table = pd.DataFrame({"name_zh": texts}, index=[f"P{n}" for n in range(len(texts))])
    held = canonical_city(table)
    stream = io.BytesIO(separated_bytes("city", held))
    raw = pd.read_csv(
        io.BytesIO(stream.getvalue()), dtype="str", encoding="utf-8-sig",
        keep_default_na=False, na_values=[""],
    )  # fmt: skip
    assert not raw["name_zh"].dropna().str.match("[=+@\t\r\n＝-]").any()
    back = read_separated(io.BytesIO(stream.getvalue()))  # type: ignore[arg-type]
    assert list(back["name_zh"].fillna("")) == texts


def canonical_city(table: pd.DataFrame) -> pd.DataFrame:
    table.index.name = "city_id"
    return table.assign(name_zh=table["name_zh"].astype("str").mask(table["name_zh"] == ""))


@given(st.lists(st.floats(allow_infinity=False), min_size=1, max_size=30))
def test_any_number_comes_back_from_csv_and_from_a_sheet(values: list[float]) -> None:
    index = pd.Index([f"C{n}" for n in range(len(values))], name="city_id")
    table = pd.DataFrame({"lcoe_cny_per_kwh": values}, index=index)
    stream = io.BytesIO(separated_bytes("city", table))
    cells = read_separated(io.BytesIO(stream.getvalue()))  # type: ignore[arg-type]
    column = Column("lcoe_cny_per_kwh", "number", "", "", "")
    back = numbered(cells, (column,))["lcoe_cny_per_kwh"]
    assert same_numbers(back, values)
    xml = "".join(body(Part((column,), (table["lcoe_cny_per_kwh"],)), [0], 0))
    seen = [float(text) for text in re.findall("<v>([^<]+)</v>", xml)]
    assert seen == [value for value in values if not np.isnan(value)]


@given(st.floats(allow_infinity=False))
def test_a_number_printed_plainly_reads_back_the_same(value: float) -> None:
    digits = plain_number(value)
    assert "e" not in digits
    assert digits == "" if np.isnan(value) else float(digits) == value


def test_every_sheet_says_what_it_is(plan: Plan, folder: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(folder / "plan.xlsx")
    expected = ["Summary", *SHEETS, "Assumptions", "Data dictionary"]
    assert book.sheetnames == expected
    for sheet in book:
        top = " ".join(str(cell.value) for row in sheet["A1:C2"] for cell in row)
        assert "DEMONSTRATION DATA" in top, sheet.title
        assert sheet.freeze_panes is not None
        if sheet.title != "Summary":
            assert plan.meta["fingerprint"] in top
            assert sheet.auto_filter.ref == f"A{HEADING_ROWS}:{sheet.dimensions.split(':')[1]}"
    zh, en, machine = ([cell.value for cell in row] for row in book["Parks"]["A3:AQ5"])
    at = machine.index("capacity_dc_kw")
    assert (zh[at], en[at]) == ("可装容量(直流) [kWp]", "Technical potential, DC [kWp]")
    assert book["Goals"]["H6"].is_date
    real = replace(plan, meta={**plan.meta, "city": {"id": "x", "demonstration": False}})
    write_plan(real, tmp_path / "out")
    assert "DEMONSTRATION" not in str(
        [list(s.values) for s in openpyxl.load_workbook(tmp_path / "out" / "plan.xlsx")]
    )


def test_the_dictionary_describes_every_column_of_every_table(plan: Plan, folder: Path) -> None:
    rows = sheet_table(folder, "Data dictionary")
    told = set(zip(rows["table"], rows["column"], strict=True))
    for name, table in tables_of(plan).items():
        columns = {str(column) for column in table.columns if column != "geometry"}
        assert {(name, column) for column in columns} <= told
    assert rows["zh"].str.len().gt(0).all()


def test_a_table_too_long_for_a_sheet_is_named_not_cut(
    folder: Path, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SHEET_ROWS + HEADING_ROWS <= 1_048_576  # the most that Excel holds
    monkeypatch.setattr(sheets, "SHEET_ROWS", len(plan.roofs) - 1)
    write_plan(plan, tmp_path / "out")
    rows = sheet_table(tmp_path / "out", "Roofs")
    assert len(rows) == 1
    assert "12 rows exceed" in rows.iloc[0, 0]
    assert "roofs.parquet" in rows.iloc[0, 0]
    assert len(sheet_table(tmp_path / "out", "Parks")) == 3


def test_every_row_of_a_long_table_stands_in_its_own_line() -> None:
    count = 4_321
    columns = (Column("n", "count", "", "", ""), Column("x", "number", "", "", "", nullable=True))
    x = pd.Series(np.where(np.arange(count) % 7, np.arange(count) / 3, np.nan))
    xml = "".join(body(Part(columns, (pd.Series(range(count)), x)), [1, 2], HEADING_ROWS))
    found = re.findall(r'<row r="(\d+)"><c r="A(\d+)" s="1"><v>(\d+)</v></c>', xml)
    assert [(int(a), int(b), int(c)) for a, b, c in found] == [
        (n + HEADING_ROWS + 1, n + HEADING_ROWS + 1, n) for n in range(count)
    ]
    values = {int(a): float(b) for a, b in re.findall(r'r="B(\d+)" s="2"><v>([^<]+)', xml)}
    assert values == {
        n + HEADING_ROWS + 1: value for n, value in enumerate(x.tolist()) if value == value
    }


# reading back

UNREAD = ("run.json", "plan.xlsx", "lineage.json")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] if number % 4 else [])
        for number, name in enumerate(name for name in FILES if name not in UNREAD)
    ],
)
def test_a_changed_or_missing_file_is_refused_by_name(
    plan: Plan, tmp_path: Path, name: str
) -> None:
    write_plan(plan, tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:-9] + b"123456789")
    if name == "plan.gpkg":
        (tmp_path / name).write_bytes(b"no GeoPackage")
    with pytest.raises(InputError, match=rf"{re.escape(name)}: was changed after the run"):
        read_plan(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=rf"{re.escape(name)}: is missing; .*run again"):
        read_plan(tmp_path)


def test_a_geopackage_that_was_only_looked_at_still_reads_but_not_one_that_was_edited(
    plan: Plan, tmp_path: Path
) -> None:
    import sqlite3

    write_plan(plan, tmp_path)
    base = sqlite3.connect(tmp_path / "plan.gpkg", isolation_level=None)
    base.execute("pragma journal_mode = wal")  # what a desktop GIS does on opening
    base.close()
    assert len(read_plan(tmp_path).parks) == 3
    parks = pyogrio.read_dataframe(tmp_path / "plan.gpkg", layer="parks")
    moved = parks.set_geometry(parks.translate(0.001))
    pyogrio.write_dataframe(moved, tmp_path / "plan.gpkg", layer="parks", driver="GPKG")
    with pytest.raises(InputError, match=r"plan\.gpkg: was changed"):
        read_plan(tmp_path)


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=r"run\.json is missing.*run again"):
            read_plan(folder)
    for text in ("{", "[]", "{}", '"x"'):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(InputError, match=r"run\.json: .*run again"):
            read_summary(tmp_path)


def test_run_json_is_json_whatever_the_meta_holds(plan: Plan, tmp_path: Path) -> None:
    odd = {"nan": np.float64("nan"), "day": pd.Timestamp("2026-11-22"), "count": np.int64(3),
           "file": "\udcb9\udca4.geojson", "path": Path("x"), "several": ("a", "b")}  # fmt: skip
    half = "half a pair \udcb9"
    meta = {**plan.meta, "weather": odd, "counts": odd, "warnings": [half]}
    meta["assumptions"] = [{"key": half, "value": ("a", "b"), "source": half}]
    roofs = plan.roofs.assign(name=pd.Series([half] * 12, index=plan.roofs.index, dtype=object))
    write_plan(replace(plan, roofs=roofs, meta=meta), tmp_path / "out")
    assert set(read_plan(tmp_path / "out").roofs["name"]) == {"half a pair ?"}
    weather = json.loads((tmp_path / "out" / "run.json").read_bytes())["weather"]
    assert weather["nan"] is None
    assert weather["count"] == 3
    assert weather["day"].startswith("2026-11-22")
    assert weather["file"] == "\udcb9\udca4.geojson"
    assert weather["several"] == ["a", "b"]


def test_finished_runs_are_listed_newest_first_and_unfinished_ones_are_not(
    plan: Plan, tmp_path: Path
) -> None:
    for at, name in enumerate(["old", "deep/er/new", "newest", "unfinished", ".hidden"]):
        write_plan(replace(plan, meta={**plan.meta, "scenario": name}), tmp_path / name)
        os.utime(tmp_path / name / "run.json", (at, at))
    (tmp_path / "unfinished" / "run.json").unlink()
    (tmp_path / "run.json").write_text('{"not": "ours"}')
    assert [run.scenario for run in list_runs(tmp_path)] == []
    (tmp_path / "run.json").unlink()
    runs = list_runs(tmp_path)
    assert [run.scenario for run in runs] == ["newest", "deep/er/new", "old"]
    assert runs[0].folder == tmp_path / "newest"
    assert (runs[0].name_zh, runs[0].demonstration) == ("示例市", True)
    assert list_runs(tmp_path / "missing") == ()


# the terminal


def test_columns_line_up_by_the_width_a_terminal_gives_them(plan: Plan) -> None:
    from rich.cells import cell_len

    lines = str(park_table(plan)).splitlines()
    rule = next(line for line in lines if set(line) == {"-", " "})
    ends = [len(part) for part in re.findall(r"\s*-+", rule)]
    stops = np.cumsum(ends)
    for line in lines[1:]:
        if re.search(r"[0-9] %$", line):
            assert cell_len(line) == stops[-1], line
    assert "示范数据 DEMONSTRATION DATA" in lines[0]


def test_parks_come_by_gap_then_outside_then_the_city(plan: Plan) -> None:
    rows = [row[0].split("\n")[-1] for row in park_table(plan).rows]
    assert rows == ["Lingang `new` area", "=cmd|'/c calc'!A0", "outside parks", "City total"]
    gaps = [float(row[7]) for row in park_table(plan).rows[:2]]
    assert gaps == sorted(gaps, reverse=True)
    city = plan.city.iloc[0]
    assert park_table(plan).rows[-1][2] == f"{city['capacity_dc_kw'] / 1000:,.2f}"
    short = [row[0] for row in park_table(plan, most=1).rows]
    assert "1 more parks: see parks.csv" in short[1]
    unknown = plan.parks.assign(gap_dc_kw=[np.nan, 1.0, 1.0])
    last = park_table(replace(plan, parks=unknown)).rows
    assert last[0][0].endswith("calc'!A0")
    assert last[1][7] == "–"


def test_goals_show_verdict_and_never_a_zero_for_what_is_not_known(plan: Plan) -> None:
    rows = goal_table(plan).rows
    assert [row[-1] for row in rows] == [
        "未达成 missed", "落后 behind", "无法评估 not assessable",
    ]  # fmt: skip
    assert rows[2][3:6] == ("50.0 %", "–", "–")
    assert "3 rows for districts and parks" in goal_table(plan).foot


@pytest.mark.parametrize("terminal", [True, False])
def test_names_are_neither_markup_nor_commands_of_the_terminal(plan: Plan, terminal: bool) -> None:
    parks = plan.parks.assign(name_zh="[bold red]a[/]\x1b[2J\x07", name_en="[/nothing] \u202e x")
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=200, color_system=None)
    show(replace(plan, parks=parks), console)
    text = stream.getvalue()
    assert "[bold red]a[/]" in text
    assert "[/nothing]" in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert ("│" in text) is terminal
    assert "全市合计" in text

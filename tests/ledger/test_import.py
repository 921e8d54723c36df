"""An import records what differs, once, with its reasons; the rest it leaves alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pvplan import assumptions
from pvplan.errors import InputError
from pvplan.ledger import Ledger, Who, open_ledger
from pvplan.sources.register import RegisterFile, read_register
from tests.conftest import ROOT
from tests.ledger.registers import ME, at, counted, kw, register

BUNDLED = ROOT / "data" / "rooftops" / "shanghai"


def read(path: Path) -> RegisterFile:
    return read_register(path, assumptions.load().register, dc_ac_ratio=1.25)


def test_the_same_file_again_changes_nothing(ledger: Ledger) -> None:
    """The whole bundled register, as its reader gives it."""
    rows = read(next(BUNDLED.glob("register*.csv"))).rows
    first = ledger.import_rows(rows, ME)
    assert (first.added, first.changed, first.unchanged) == (len(rows), 0, 0)
    before, digest = counted(ledger), ledger.digest()
    assert before["system_entry"] == len(rows) > 1000
    for order in (rows, rows[::-1]):
        again = ledger.import_rows(order, ME, complete=True)
        assert (again.added, again.changed, again.unchanged) == (0, 0, len(rows))
        assert again.batch_id is None and again.differences.empty
    assert (counted(ledger), ledger.digest()) == (before, digest)


def test_what_comes_out_is_what_went_in(ledger: Ledger) -> None:
    rows = read(next(BUNDLED.glob("register*.csv"))).rows
    ledger.import_rows(rows, ME)
    expected = rows.sort_index().assign(row=range(1, len(rows) + 1))
    found = ledger.systems()
    pd.testing.assert_frame_equal(*(
        table.astype(object).where(table.notna(), None) for table in (found, expected)
    ))  # fmt: skip
    for name in ("capacity_dc_kw", "longitude", "filed_on", "commissioned_on", "row"):
        assert found[name].dtype == rows[name].dtype, name


def test_an_empty_ledger_gives_a_table_of_the_same_columns(ledger: Ledger) -> None:
    empty = ledger.systems()
    ledger.import_rows(
        register({"a": {"roof_id": "r", "filed_on": pd.Timestamp("2024-01-01")}}), ME
    )
    full = ledger.systems()
    assert empty.empty and empty.columns.tolist() == full.columns.tolist()
    assert empty.index.name == full.index.name == "system_id"
    for name in ("capacity_dc_kw", "capacity_ac_kw", "longitude", "filed_on", "commissioned_on"):
        assert empty[name].dtype == full[name].dtype, name


def test_every_row_is_counted_and_every_difference_is_told(ledger: Ledger) -> None:
    ledger.import_rows(register({"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}), ME)
    rows = register({"a": 1.0, "b": {"capacity_dc_kw": 2.5, "park": "金桥"}, "e": 5.0})
    found = ledger.import_rows(rows, ME)
    assert (found.added, found.changed, found.unchanged) == (1, 1, 1)
    assert (found.withdrawn, found.missing) == (0, 2)
    assert found.differences.to_dict("records") == [
        {"system_id": "b", "what": "changed",
         "changes": "park: – → 金桥; capacity_dc_kw: 2.0 → 2.5"},
        {"system_id": "e", "what": "added", "changes": ""},
        {"system_id": "c", "what": "missing", "changes": ""},
        {"system_id": "d", "what": "missing", "changes": ""},
    ]  # fmt: skip
    assert kw(ledger.systems()) == {"a": 1.0, "b": 2.5, "c": 3.0, "d": 4.0, "e": 5.0}
    found = ledger.import_rows(rows, ME, complete=True)
    assert (found.unchanged, found.withdrawn, found.missing) == (3, 2, 0)
    assert kw(ledger.systems()) == {"a": 1.0, "b": 2.5, "e": 5.0}
    # A system that was withdrawn is neither withdrawn again nor missing.
    found = ledger.import_rows(rows, ME, complete=True)
    assert (found.withdrawn, found.missing, found.batch_id) == (0, 0, None)
    back = ledger.import_rows(register({"c": 3.0}), ME)
    assert (back.added, back.missing) == (1, 3)
    assert ledger.history("c")["changes"].tolist() == ["added", "withdrawn", "added"]


def test_a_dry_run_tells_all_and_writes_nothing(ledger: Ledger) -> None:
    ledger.import_rows(register({"a": 1.0, "b": 2.0}), ME)
    before, digest = counted(ledger), ledger.digest()
    rows = register({"a": 1.5, "c": 3.0})
    looked = ledger.import_rows(rows, ME, complete=True, dry_run=True)
    assert (counted(ledger), ledger.digest()) == (before, digest)
    done = ledger.import_rows(rows, ME, complete=True)
    assert done.batch_id == 2 and looked.batch_id is None
    pd.testing.assert_frame_equal(looked.differences, done.differences)


def test_another_file_that_says_the_same_changes_nothing(ledger: Ledger) -> None:
    """The reader gives each row its file's name as source: that is no fact of the system."""
    ledger.import_rows(register({"a": {"source": "2025Q1.csv"}}), Who("x", "", "2025Q1.csv"))
    again = ledger.import_rows(register({"a": {"source": "2025Q2.csv"}}), Who("x", ""))
    assert (again.unchanged, again.batch_id) == (1, None)
    assert ledger.systems()["source"].tolist() == ["2025Q1.csv"]
    ledger.import_rows(register({"a": {"capacity_dc_kw": 1.0, "source": "2025Q3.csv"}}), ME)
    assert ledger.systems()["source"].tolist() == ["2025Q3.csv"]
    assert ledger.history("a")["changes"].tolist() == ["added", "capacity_dc_kw: 100.0 → 1.0"]


def test_a_batch_tells_who_why_and_which_file(ledger: Ledger) -> None:
    who = Who("李伟", "季度登记 Q1", "登记.csv", "ab" * 32)
    ledger.import_rows(register({"a": 1.0}), who, now=at("2025-04-10"))
    ledger.record_roof("r", "feasible", ME, now=at("2025-04-11"))
    first, second = ledger.batches().to_dict("records")
    assert first == {
        "batch_id": 1, "made_at": pd.Timestamp(at("2025-04-10")), "kind": "import",
        "made_by": "李伟", "reason": "季度登记 Q1", "source": "登记.csv", "sha256": "ab" * 32,
    }  # fmt: skip
    assert (second["batch_id"], second["kind"], second["made_by"]) == (2, "roof", ME.by)
    past = ledger.history("a").iloc[0]
    assert (past["made_by"], past["reason"]) == ("李伟", "季度登记 Q1")
    assert (past["batch_source"], past["sha256"]) == ("登记.csv", "ab" * 32)
    with pytest.raises(InputError, match="system 'b' was never recorded"):
        ledger.history("b")


# --- windows ----------------------------------------------------------------------------------


def test_a_file_of_a_quarter_leaves_the_other_days_alone(ledger: Ledger) -> None:
    ledger.import_rows(register({"a": 1.0}), ME)
    q2 = {"valid_from": date(2025, 4, 1), "valid_to": date(2025, 7, 1)}
    assert ledger.import_rows(register({"a": 2.0}), ME, **q2).changed == 1
    assert ledger.import_rows(register({"a": 2.0}), ME, **q2).unchanged == 1
    for day, watts in (("2025-03-31", 1.0), ("2025-04-01", 2.0), ("2025-06-30", 2.0),
                       ("2025-07-01", 1.0)):  # fmt: skip
        assert kw(ledger.systems(None, date.fromisoformat(day))) == {"a": watts}
    # Told is what differs from the last of the days spoken of.
    later = ledger.import_rows(register({"a": 3.0}), ME, valid_from=date(2025, 5, 1), dry_run=True)
    assert later.differences["changes"].tolist() == ["capacity_dc_kw: 1.0 → 3.0"]
    # For ever is more than a quarter: what holds on a part of the days only is a change.
    assert ledger.import_rows(register({"a": 2.0}), ME).changed == 1
    assert ledger.import_rows(register({"a": 2.0}), ME, **q2).unchanged == 1


def test_a_complete_file_withdraws_what_stood_on_any_day_of_its_window(ledger: Ledger) -> None:
    """Also a system that was gone before the window's last day."""
    ledger.import_rows(
        register({"a": 1.0}), ME, valid_from=date(2025, 1, 1), valid_to=date(2025, 3, 1)
    )
    year = {"valid_from": date(2025, 1, 1), "valid_to": date(2026, 1, 1)}
    found = ledger.import_rows(register({"b": 1.0}), ME, complete=True, **year)
    assert (found.added, found.withdrawn) == (1, 1)
    assert kw(ledger.systems(None, date(2025, 2, 1))) == {"b": 1.0}
    again = ledger.import_rows(register({"b": 1.0}), ME, complete=True, **year)
    assert (again.unchanged, again.withdrawn, again.batch_id) == (1, 0, None)


def test_a_window_up_to_the_last_day_of_all_is_not_until_further_notice(ledger: Ledger) -> None:
    window = {"valid_from": date.min, "valid_to": date.max}
    ledger.import_rows(register({"a": 1.0}), ME, **window)
    assert kw(ledger.systems(None, date(9999, 12, 30))) == {"a": 1.0}
    assert kw(ledger.systems(None, date.max)) == kw(ledger.systems()) == {}
    assert ledger.history("a")["valid_to"].dt.year.tolist() == [9999]
    assert ledger.import_rows(register({"a": 1.0}), ME).changed == 1
    assert kw(ledger.systems(None, date.max)) == kw(ledger.systems()) == {"a": 1.0}


# --- what no database shall hold --------------------------------------------------------------


def test_every_fault_is_told_and_nothing_is_written(ledger: Ledger) -> None:
    rows = register({
        "a": np.inf, "b": {"capacity_ac_kw": -1.0}, "c\0": {"name": "half \ud800 pair"}, "d": 1e10,
    })  # fmt: skip
    rows = pd.concat([rows, rows.iloc[:1]])
    with pytest.raises(InputError) as error:
        ledger.import_rows(
            rows, Who("x", "\udcff"), valid_from=date(2025, 1, 1), valid_to=date(2025, 1, 1)
        )
    assert list(error.value.faults) == [
        "register: id 'a' stands twice",
        "register: capacity_dc_kw: 3 rows outside 0 to 1e+09 kW (first: system 'a' = inf)",
        "register: capacity_ac_kw: 1 rows outside 0 to 1e+09 kW (first: system 'b' = -1)",
        "register: system_id: 'c\\x00' holds a zero or a broken character; give it in its own"
        " encoding",
        "register: name: 'half \\ud800 pair' holds a zero or a broken character; give it in its"
        " own encoding",
        "reason: '\\udcff' holds a zero or a broken character; give it in its own encoding",
        "valid from 2025-01-01 until before 2025-01-01: no day lies between",
    ]
    with pytest.raises(InputError, match="needs a name: who says so"):
        ledger.import_rows(register({"a": 1.0}), Who("  ", "why"))
    assert set(counted(ledger).values()) == {0}


def test_ids_are_taken_to_the_letter(ledger: Ledger) -> None:
    """Neither case nor space nor normal form makes two systems one, on any database."""
    ids = ["a", "A", "a ", " a", "é", "e\u0301", "ａ", "ß", "ss", "1", "01"]
    ledger.import_rows(register({key: number + 1.0 for number, key in enumerate(ids)}), ME)
    assert kw(ledger.systems()) == {key: number + 1.0 for number, key in enumerate(ids)}
    assert ledger.systems().index.tolist() == sorted(ids)
    assert ledger.import_rows(register({"A": 2.0, "E\u0301": 1.0}), ME).unchanged == 1


def test_numbers_come_back_as_they_went_in(ledger: Ledger) -> None:
    """Whole watts to a terawatt; coordinates to the last bit."""
    degrees = [0.1 + 0.2, 121.47370000000001, -0.0, 5e-324, 179.99999999999997, np.nan]
    power = [0.001, 0.3, 812.345, 999_999_999.999, 1e9, 60546674.758]
    ledger.import_rows(register({
        str(number): {"longitude": one, "capacity_dc_kw": two}
        for number, (one, two) in enumerate(zip(degrees, power, strict=True))
    }), ME)  # fmt: skip
    found = ledger.systems()
    assert found["longitude"].tolist()[:5] == degrees[:5] and np.isnan(found["longitude"].iloc[5])
    assert found["capacity_dc_kw"].tolist() == power
    assert found["capacity_ac_kw"].isna().all()


def test_an_exported_register_read_again_changes_nothing(where: str, tmp_path: Path) -> None:
    """The facts survive the way through a file, but for what a file of ours does not say."""
    path = tmp_path / "register.csv"
    path.write_text(
        "system_id,name,roof_id,park,longitude,latitude,capacity_kw,status,filed_on,commissioned_on\n"
        's1,"一号, ""A""",r1,金桥,121.61,31.25,812.5,commissioned,2022-03-01,2022-11-30\n'
        "s2,,,Zhangjiang,,,90.001,filed,2024-01-05,\n",
        encoding="utf-8",
    )
    with open_ledger(where, create=True) as ledger:
        ledger.import_rows(read(path).rows, ME)
        out = ledger.systems().drop(columns=["row", "capacity_basis"]).reset_index()
        out.to_csv(tmp_path / "again.csv", index=False, date_format="%Y-%m-%d")
        again = ledger.import_rows(read(tmp_path / "again.csv").rows, ME)
    assert again.differences["changes"].tolist() == ["capacity_basis: unstated → dc"] * 2

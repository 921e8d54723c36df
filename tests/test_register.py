"""The register of installed systems: spellings, units, datums, dates; no row is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from pvplan import assumptions
from pvplan.errors import InputError
from pvplan.sources import register_fields
from pvplan.sources.coordinates import wgs84_to_bd09, wgs84_to_gcj02
from pvplan.sources.register import RegisterFile, read_register
from pvplan.tables import LEDGER, REJECTED, STATUSES, names
from tests.conftest import examples

RULES = assumptions.load().register
HEAD = "system_id,roof_id,park,longitude,latitude,capacity_dc_kw,status,filed_on,commissioned_on\n"


def read(folder: Path, text: str, *, encoding: str = "utf-8", datum: str = "wgs84") -> RegisterFile:
    path = folder / "register.csv"
    path.write_bytes(text.encode(encoding))
    return read_register(path, RULES, datum=datum, dc_ac_ratio=1.25)


def balanced(found: RegisterFile) -> None:
    """Assert that no row is lost and the tables keep their contract."""
    counts = found.counts
    assert counts["rows_in"] == counts["rows_used"] + counts["rows_rejected"]
    assert counts["rows_used"] == len(found.rows) == found.rows.index.nunique()
    rejected = found.rejected[found.rejected["done"] == "rejected"]
    assert rejected["row"].is_unique and found.rows["row"].is_unique
    assert not set(rejected["row"]) & set(found.rows["row"])
    assert list(found.rejected.columns) == names(REJECTED)
    assert (found.rows["capacity_dc_kw"] > 0).all() and found.rows["status"].isin(STATUSES).all()


def test_a_plain_register(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        HEAD + "s1,r7,金桥,121.61,31.25,812.5,commissioned,2022-03-01,2022-11-30\n"
        "s2,,Zhangjiang,,,90,under_construction,2024/1/5,\n",
    )
    balanced(found)
    assert found.rows.index.tolist() == ["s1", "s2"]
    first, second = found.rows.loc["s1"], found.rows.loc["s2"]
    assert (first["roof_id"], first["park"], first["capacity_dc_kw"]) == ("r7", "金桥", 812.5)
    assert (first["longitude"], first["latitude"]) == (121.61, 31.25)
    assert first["filed_on"] == pd.Timestamp("2022-03-01")
    assert first["commissioned_on"] == pd.Timestamp("2022-11-30")
    assert (first["capacity_basis"], first["row"], first["source"]) == ("dc", 1, "register.csv")
    assert second["filed_on"] == pd.Timestamp("2024-01-05") and pd.isna(second["commissioned_on"])
    assert pd.isna(second["roof_id"]) and np.isnan(second["longitude"])
    # An AC capacity that nobody stated is missing, not computed.
    assert found.rows["capacity_ac_kw"].isna().all()
    assert found.rejected.empty and found.warnings == ()
    # Every ledger column that a file can state is there.
    found_by_matching = {"park_id", "district_id", "matched_by", "match_score", "match_zh",
                         "match_en", "part_of", "possible_dc_kw"}  # fmt: skip
    assert set(names(LEDGER)) - set(found.rows.columns) == found_by_matching


# --- header: units, DC and AC -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "basis", "kw_of_one"),
    [
        ("capacity_dc_kw", "dc", 1.0),
        ("capacity_ac_kw", "ac", 1.0),
        ("capacity_kw", "unstated", 1.0),
        ("capacity_w", "unstated", 1e-3),
        ("capacity [MW]", "unstated", 1e3),
        ("Capacity (kWp)", "dc", 1.0),
        ("capacity MWp", "dc", 1e3),
        ("capacity_kWac", "ac", 1.0),
        ("DC capacity in W", "dc", 1e-3),
        ("装机容量(万千瓦)", "unstated", 1e4),
        ("装机容量（万 kW）", "unstated", 1e4),
        ("容量（kW）", "unstated", 1.0),
        ("容量（ＭＷ）", "unstated", 1e3),
        ("交流侧装机容量(千瓦)", "ac", 1.0),
        ("直流容量/兆瓦", "dc", 1e3),
        ("装机容量kWp", "dc", 1.0),
    ],
)
def test_unit_and_basis_stand_in_the_header(
    tmp_path: Path, column: str, basis: str, kw_of_one: float
) -> None:
    found = read(tmp_path, f"id,{column},status\na,2.5,并网\n")
    ratio = 1.25 if basis == "ac" else 1.0
    row = found.rows.loc["a"]
    assert row["capacity_dc_kw"] == pytest.approx(2.5 * kw_of_one * ratio, rel=1e-15)
    assert row["capacity_basis"] == basis
    if basis == "ac":
        assert row["capacity_ac_kw"] == pytest.approx(2.5 * kw_of_one, rel=1e-15)
    said = " ".join(found.warnings)
    assert ("neither DC nor AC" in said) == (basis == "unstated")
    assert ("multiplied by the DC/AC ratio" in said) == (basis == "ac")


@pytest.mark.parametrize(
    ("columns", "pattern"),
    [
        ("id,capacity,status", r"'capacity' names no unit; write it into the name"),
        ("id,装机容量,状态", r"'装机容量' names no unit"),
        ("id,容量(kW/MW),状态", r"names several units"),
        ("id,storage capacity (kWh),status", r"no capacity column among 'id', 'storage"),
        ("id,变压器容量(kVA),状态", r"no capacity column"),
        ("id,capacity_kw,容量(kW)", r"'capacity_kw' and '容量\(kW\)' both hold capacity"),
        ("id,项目编号,capacity_kw", r"'id' and '项目编号' both hold system_id"),
    ],
)
def test_headers_that_leave_the_capacity_open(tmp_path: Path, columns: str, pattern: str) -> None:
    with pytest.raises(InputError, match=rf"register\.csv: .*{pattern}"):
        read(tmp_path, f"{columns}\n1,2,3\n")


def test_dc_is_believed_before_ac_and_both_are_kept(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "id,capacity_ac_kw,capacity_dc_kw,storage capacity (kWh)\na,80,100,5\nb,80,,5\nc,x,100,5\n",
    )
    balanced(found)
    assert found.rows["capacity_dc_kw"].tolist() == [100.0, 100.0, 100.0]
    assert found.rows["capacity_ac_kw"].tolist()[:2] == [80.0, 80.0]
    assert np.isnan(found.rows.loc["c", "capacity_ac_kw"])
    assert found.rows["capacity_basis"].tolist() == ["dc", "ac", "dc"]
    assert found.rejected[["row", "done"]].to_numpy().tolist() == [[3, "altered"]]
    assert any("columns not used: 'storage capacity (kWh)'" in text for text in found.warnings)


def test_unused_columns_name_what_they_may_mean(tmp_path: Path) -> None:
    found = read(tmp_path, "id,capacity_dc_kw,statsu\na,1,并网\n")
    assert "columns not used: 'statsu' (did you mean 'status'?)" in " ".join(found.warnings)


# --- spelling of the file ---------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str, encoding: str) -> None:
    lines = [
        "项目编号,园区名称,装机容量(万千瓦),状态,并网日期",
        "沪一,张江,0.05,已并网,2023年4月1日",
    ]
    text = "\r\n".join(lines).replace(",", delimiter) + "\r\n"
    found = read(tmp_path, text, encoding=encoding)
    row = found.rows.loc["沪一"]
    assert (row["park"], row["capacity_dc_kw"], row["status"]) == ("张江", 500.0, "commissioned")
    assert row["commissioned_on"] == pd.Timestamp("2023-04-01")


def test_torn_rows_are_rejected_and_short_ones_filled(tmp_path: Path) -> None:
    found = read(tmp_path, 'id,capacity_dc_kw,park\na,1,x\nb,1,234,y\n\n,,\nc,2\nd,3,"p, q"\n')
    balanced(found)
    assert found.rows.index.tolist() == ["a", "c", "d"] and found.rows.loc["d", "park"] == "p, q"
    assert found.rejected["reason"].tolist() == ["4 cells where the header has 3; quote commas"]
    assert found.rejected["id"].tolist() == ["b"]
    assert found.rows["row"].tolist() == [1, 5, 6] and found.counts["rows_in"] == 4


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (b"", "the file is empty"),
        (b"id,capacity_kw\n", "no rows below the header"),
        (b"\xff\xfe\x00\xd8id", "neither UTF-8 nor GB18030"),
        (b'id,capacity_kw\na,"1\n', "capacity|no"),
    ],
)
def test_files_that_are_no_register(tmp_path: Path, content: bytes, pattern: str) -> None:
    path = tmp_path / "register.csv"
    path.write_bytes(content)
    if pattern == "capacity|no":
        found = read_register(path, RULES, dc_ac_ratio=1.2)
        balanced(found)
        return
    with pytest.raises(InputError, match=rf"register\.csv: .*{pattern}"):
        read_register(path, RULES, dc_ac_ratio=1.2)


def test_a_register_of_nothing_usable_still_accounts_for_its_rows(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD.replace("roof_id", "roof_area_m2") + "a,1,,,,x,,,\nb,1,,,,,,,\n")
    balanced(found)
    assert found.rows.empty and len(found.rejected) == 2
    assert found.rows.index.name == "system_id" and "status" in found.rows


def test_an_absent_file_and_an_unknown_datum(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: cannot be opened"):
        read_register(tmp_path / "absent.csv", RULES, dc_ac_ratio=1.2)
    with pytest.raises(InputError, match=r"'gcj2' is unknown; did you mean 'gcj02'"):
        read(tmp_path, HEAD, datum="gcj2")


# --- rows -------------------------------------------------------------------------------------


def test_bad_capacities_are_rejected_with_row_and_value(tmp_path: Path) -> None:
    bad = ["-2", "0", "NaN", "500kW", "1,200", "inf", "", "2e9", "0x1F"]
    lines = [f's{i},"{value}",并网' for i, value in enumerate(bad)]
    found = read(tmp_path, "id,capacity_dc_kw,status\n" + "\n".join([*lines, "ok,5,并网"]))
    balanced(found)
    assert found.rows.index.tolist() == ["ok"]
    reasons = found.rejected["reason"].tolist()
    assert found.rejected["row"].tolist() == list(range(1, 10))
    assert "capacity -2 is not above 0" in reasons[0] and "0 is not above 0" in reasons[1]
    assert all(f"'{bad[i]}' is not a plain number" in reasons[i] for i in (2, 3, 4, 5, 8))
    assert reasons[6] == "no capacity" and "above 1e+06; check the unit" in reasons[7]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("已并网", "commissioned"),
        ("在建", "under_construction"),
        ("已备案", "filed"),
        ("已拆除", "retired"),
        ("Under Construction", "under_construction"),
        ("GRID-CONNECTED", "commissioned"),
        *((status, status) for status in STATUSES),
    ],
)
def test_status_words(tmp_path: Path, word: str, status: str) -> None:
    found = read(tmp_path, f"id,capacity_dc_kw,状态\na,1,{word}\n")
    assert found.rows.loc["a", "status"] == status


def test_an_unknown_status_is_rejected_and_a_missing_one_follows_the_date(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "id,capacity_dc_kw,status,commissioned_on\na,1,comissioned,\nb,1,,2024-05-01\nc,1,,\n",
    )
    balanced(found)
    assert found.rows["status"].to_dict() == {"b": "commissioned", "c": "filed"}
    assert "did you mean 'commissioned'?" in found.rejected["reason"].iloc[0]
    assert any("2 rows without a status" in text for text in found.warnings)


def test_duplicates(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "id,capacity_dc_kw,park\na,1,x\na,1,x\na,2,x\nb,bad,x\nb,3,x\n,4,x\n,4,x\n,5,x\nrow-0008,6,x\n",
    )
    balanced(found)
    # The row of id b with an unusable capacity does not stand in the way of the usable one.
    assert found.rows["capacity_dc_kw"].to_dict() == {
        "a": 1.0, "b": 3.0, "row-0006": 4.0, "row-0008-2": 5.0, "row-0008": 6.0,
    }  # fmt: skip
    reasons = dict(zip(found.rejected["row"], found.rejected["reason"], strict=True))
    assert reasons[2] == "repeats row 1 exactly" and reasons[7] == "repeats row 6 exactly"
    assert reasons[3] == "id 'a' is that of row 1, with other content"


def test_coordinates_come_to_wgs84(tmp_path: Path) -> None:
    lon, lat = np.array([121.5, 121.61]), np.array([31.2, 31.25])
    shifts = {"wgs84": lambda x, y: (x, y), "cgcs2000": lambda x, y: (x, y),
              "gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}  # fmt: skip
    for datum, shift in shifts.items():
        x, y = shift(lon, lat)
        lines = "".join(f"s{i},1,{x[i]!r},{y[i]!r}\n".replace("np.float64(", "").replace(")", "")
                        for i in range(2))  # fmt: skip
        found = read(tmp_path, "id,capacity_dc_kw,经度,纬度\n" + lines + "none,1,,\n", datum=datum)
        # 1e-6 degrees are 0.1 m.
        np.testing.assert_allclose(found.rows["longitude"].to_numpy()[:2], lon, atol=1e-6)
        np.testing.assert_allclose(found.rows["latitude"].to_numpy()[:2], lat, atol=1e-6)
        assert found.rows.loc["none", ["longitude", "latitude"]].isna().all()


def test_impossible_coordinates_are_left_out_and_said(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "id,capacity_dc_kw,lon,lat\na,1,31.2,121.5\nb,1,121.5,\nc,1,east,31\nd,1,0,0\ne,1,350000,3400000\n",
    )
    balanced(found)
    assert found.rows["longitude"].isna().all() and len(found.rows) == 5
    assert found.rejected["done"].tolist() == ["altered"] * 5
    assert "exchanged?" in found.rejected["reason"].iloc[0]
    assert "'350000', '3400000' are no place" in found.rejected["reason"].iloc[4]
    assert found.counts["rows_altered"] == 5
    assert any("5 rows name no roof, park or coordinates" in text for text in found.warnings)


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("2024-03-15", "2024-03-15"),
        ("2024/3/15", "2024-03-15"),
        ("2024.3.15", "2024-03-15"),
        ("2024年3月15日", "2024-03-15"),
        ("20240315", "2024-03-15"),
        ("2024-03-15 10:30:00", "2024-03-15"),
        ("2024/3/15 0:00", "2024-03-15"),
        ("2024-03-15T08:00", "2024-03-15"),
        ("2024年3月", "2024-03-01"),
        ("45292", None),
        ("15/03/2024", None),
        ("2024-02-30", None),
        ("1979-12-31", None),
        ("2101-01-01", None),
        ("soon", None),
    ],
)
def test_dates(word: str, day: str | None) -> None:
    found, remark = register_fields.date_of(word)
    assert (None if found is None else f"{found:%Y-%m-%d}") == day
    assert bool(remark) == (day is None or day.endswith("-01"))


def test_dates_that_cannot_be_are_left_out_and_said(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "id,capacity_dc_kw,status,filed_on,commissioned_on\n"
        "a,1,并网,2024-05-01,2024-04-01\nb,1,并网,2024-05-01,2201-01-01\nc,1,在建,2024-05-01,2024-06-01\n",
    )
    balanced(found)
    a = found.rows.loc["a"]
    assert pd.isna(a["filed_on"]) and a["commissioned_on"] == pd.Timestamp("2024-04-01")
    assert pd.isna(found.rows.loc["b", "commissioned_on"])
    assert found.rejected["done"].tolist() == ["altered", "altered"]
    assert "2024-04-01 before filed_on 2024-05-01" in found.rejected["reason"].iloc[0]
    said = " ".join(found.warnings)
    assert "1 commissioned rows have no commissioning date" in said
    assert "1 rows have a commissioning date but are filed or under construction" in said


# --- capacity against the roof area that the register states ----------------------------------


def test_a_system_larger_than_its_roof_is_rejected(tmp_path: Path) -> None:
    found = read(
        tmp_path, "id,capacity_dc_kw,屋顶面积(m²)\na,150,1000\nb,300,1000\nc,100,\nd,80,800\n"
    )
    balanced(found)
    assert found.rows.index.tolist() == ["a", "c", "d"]
    assert "300 kW is more than 230 W per m² of its roof of 1000 m²" in found.rejected["reason"][0]


@pytest.mark.parametrize(("column", "factor"), [("capacity_kw", 1e-3), ("capacity_kw", 1e3)])
def test_a_wrong_unit_shows_against_the_roof_areas(
    tmp_path: Path, column: str, factor: float
) -> None:
    lines = "".join(f"s{i},{(100 + i) * factor},1000\n" for i in range(9))
    with pytest.raises(
        InputError, match=r"register\.csv: capacity: the median is .*unit in the hea"
    ):
        read(tmp_path, f"id,{column},roof_area_m2\n{lines}")


# --- the law ----------------------------------------------------------------------------------

CELLS = st.sampled_from(["", "a", "b", "1", "250.5", "-3", "x", "并网", "2024-05-01", "999", "1e9"])


@examples(80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELLS, min_size=6, max_size=10), min_size=1, max_size=12))
def test_rows_in_are_rows_used_plus_rows_rejected(tmp_path: Path, rows: list[list[str]]) -> None:
    text = HEAD + "".join(",".join(row) + "\n" for row in [*rows, ["last"] + [""] * 4 + ["7"]])
    found = read(tmp_path, text)
    balanced(found)
    assert found.counts["rows_in"] == sum(any(row) for row in rows) + 1
    assert "last" in found.rows.index

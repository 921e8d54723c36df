"""Planted faults of a register are found, clean rows are left alone, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from pvplan.assumptions import load
from pvplan.errors import InputError
from pvplan.reconcile import Context, Matched, reconcile
from pvplan.sources.coordinates import bd09_to_wgs84, gcj02_to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from pvplan.sources.footprints import read_footprints
from pvplan.sources.register import read_register
from pvplan.tables import FINDINGS, LEDGER, RECONCILIATION, check, exact_sum
from tests import toy
from tests.conftest import examples

RULES = load().register
AS_OF = date(2026, 11, 22)
DEGREES = toy.pyproj.Transformer.from_crs(toy.CRS, "EPSG:4326", always_xy=True)
METRES = toy.pyproj.Transformer.from_crs("EPSG:4326", toy.CRS, always_xy=True)
SIDE, GAP_M = 8, 120.0


def metric(longitude: Any, latitude: Any) -> Any:
    """Points in the toy's CRS, NaN where there is no place."""
    x, y = METRES.transform(np.asarray(longitude), np.asarray(latitude), errcheck=False)
    points = np.stack([x, y], axis=1)
    points[~np.isfinite(points)] = np.nan
    return points


def sheds() -> gpd.GeoDataFrame:
    """64 sheds of 3000-5940 m² on a grid, 16 in each of four parks, each with its name."""
    number = np.arange(SIDE * SIDE)
    x, y = toy.EAST + GAP_M * (number % SIDE), toy.NORTH + GAP_M * (number // SIDE)
    width = 50.0 + 49.0 * number / number[-1]
    park = [f"P{2 * (one // SIDE // 4) + one % SIDE // 4}" for one in number]
    area = width * 60.0
    return gpd.GeoDataFrame(
        {
            "name": [f"{'甲乙丙丁'[int(home[1])]}公司{one}号厂房" for one, home in enumerate(park)],
            "park_id": park, "district_id": "D1", "capacity_dc_kw": np.round(area * 0.12, 3),
        },
        geometry=shapely.box(x, y, x + width, y + 60.0), crs=toy.CRS,
        index=pd.Index([f"R-{one:03d}" for one in number], name="roof_id"),
    )  # fmt: skip


def parks() -> gpd.GeoDataFrame:
    half = GAP_M * SIDE / 2
    corners = [(0, 0), (half, 0), (0, half), (half, half)]
    return gpd.GeoDataFrame(
        {"name_zh": ["金桥工业园区", "莘庄工业区", "康桥工业区", "嘉定工业区"], "name_en": None},
        geometry=[box(toy.EAST + e, toy.NORTH + n, toy.EAST + e + half, toy.NORTH + n + half)
                  for e, n in corners],
        crs=toy.CRS, index=pd.Index([f"P{one}" for one in range(4)], name="park_id"),
    )  # fmt: skip


def clean(roofs: gpd.GeoDataFrame, seed: int = 0) -> pd.DataFrame:
    """A true row for each roof: 40-110 W/m², filed 60-200 days before it ran."""
    rng = np.random.default_rng(seed)
    count = len(roofs)
    middle = shapely.centroid(roofs.geometry.to_numpy())
    longitude, latitude = DEGREES.transform(shapely.get_x(middle), shapely.get_y(middle))
    filed = np.datetime64("2014-01-01") + rng.permutation(4000)[:count]
    commissioned = filed + rng.integers(60, 200, count)
    names_of = dict(zip(parks().index, parks()["name_zh"], strict=True))
    kw = np.round(rng.uniform(40, 110, count) * roofs.geometry.area.to_numpy() / 1000.0, 1)
    return pd.DataFrame(
        {
            "roof_id": roofs.index.to_numpy(dtype=object),
            "park": roofs["park_id"].map(names_of).to_numpy(dtype=object),
            "name": roofs["name"].to_numpy(dtype=object),
            "longitude": longitude, "latitude": latitude, "capacity_dc_kw": kw,
            "capacity_ac_kw": np.nan, "capacity_basis": "dc", "status": "commissioned",
            "filed_on": filed.astype("datetime64[ns]"),
            "commissioned_on": commissioned.astype("datetime64[ns]"),
            "source": "planted", "row": np.arange(1, count + 1),
        },
        index=pd.Index([f"s{one:03d}" for one in range(count)], name="system_id", dtype=object),
    )  # fmt: skip


def run(
    rows: pd.DataFrame, roofs: gpd.GeoDataFrame | None = None, rules: Any = RULES,
    decisions: pd.DataFrame | None = None, homes: gpd.GeoDataFrame | None = None,
) -> Matched:  # fmt: skip
    lon, lat = rows["longitude"].to_numpy(float), rows["latitude"].to_numpy(float)
    shifted = {
        name: metric(*undo(lon, lat))
        for name, undo in (("gcj02", gcj02_to_wgs84), ("bd09", bd09_to_wgs84))
    }
    found = reconcile(
        rows, sheds() if roofs is None else roofs, parks() if homes is None else homes,
        metric(lon, lat), rules, Context(AS_OF, shifted, decisions, 1.2),
    )  # fmt: skip
    check(found.findings, RECONCILIATION, title="findings")
    check(found.ledger, LEDGER, title="ledger")
    whole = found.ledger["part_of"].where(found.ledger["part_of"].notna(), found.ledger.index)
    assert sorted(set(whole)) == sorted(rows.index)
    for system, parts in found.ledger.groupby(whole)["capacity_dc_kw"]:
        assert exact_sum(parts) == np.rint(rows.loc[system, "capacity_dc_kw"] * 1000) / 1000
    return found


def kinds(found: Matched) -> dict[str, set[str]]:
    """Findings by system."""
    told = found.findings[found.findings["system_id"].notna()]
    return {str(key): set(rows["finding"]) for key, rows in told.groupby("system_id")}


def test_clean_rows_raise_nothing() -> None:
    found = run(clean(sheds()))
    assert found.findings.empty and found.unmatched.empty
    assert found.ledger["roof_id"].tolist() == sheds().index.tolist()
    assert set(found.ledger["matched_by"]) == {"roof_id"}
    # Id .98, on the roof .9, same name .8 and same park .3: 1 - .02 x .1 x .2 x .7.
    assert found.ledger["match_score"].tolist() == [pytest.approx(0.99972)] * 64
    first = found.ledger.iloc[0]
    assert (
        first["match_en"] == "same roof id; coordinates on the roof; names 100 % alike; same park"
    )
    assert first["match_zh"] == "屋顶编号一致；坐标在屋顶上；名称相似度100%；园区一致"


# --- planted faults ----------------------------------------------------------------------------


def _w(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, "capacity_dc_kw"] *= 1000.0
    return "unit_w"


def _mw(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, "capacity_dc_kw"] = np.round(rows.loc[key, "capacity_dc_kw"] / 1000.0, 4)
    return "unit_mw"


def _10mw(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, "capacity_dc_kw"] /= 10_000.0
    return "unit_10mw"


def _shift(rows: pd.DataFrame, key: str) -> str:
    lon, lat = wgs84_to_gcj02(rows.loc[[key], "longitude"], rows.loc[[key], "latitude"])
    rows.loc[key, ["longitude", "latitude"]] = lon[0], lat[0]
    return "gcj02"


def _same_day(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, "commissioned_on"] = rows.loc[key, "filed_on"]
    return "filed_as_commissioned"


def _swapped(rows: pd.DataFrame, key: str) -> str:
    day = rows.loc[key, "filed_on"]
    rows.loc[key, "filed_on"] = rows.loc[key, "commissioned_on"]
    rows.loc[key, "commissioned_on"] = day
    return "filed_as_commissioned"


def _no_date(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, "commissioned_on"] = pd.NaT
    return "no_date"


def _future(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, "commissioned_on"] = pd.Timestamp("2027-01-01")
    return "future_date"


def _large(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, "capacity_dc_kw"] *= 8.0  # 320-880 W/m²
    return "larger_than_roof"


def _ac(rows: pd.DataFrame, key: str) -> str:
    """The roof's potential is 600 kW: 500 kW x 1.2."""
    rows.loc[key, ["capacity_dc_kw", "capacity_basis"]] = 500.0, "unstated"
    return "ac_for_dc"


def _lost(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, ["roof_id", "park", "name"]] = "nowhere", "火星园区", None
    rows.loc[key, ["longitude", "latitude"]] = np.nan
    return "unmatched"


def _twice(rows: pd.DataFrame, key: str) -> str:
    again = rows.loc[[key]].rename(index={key: f"{key}-again"})
    again["capacity_dc_kw"] = np.round(again["capacity_dc_kw"] * 1.004, 1)
    rows.loc[f"{key}-again"] = again.iloc[0]
    return "duplicate"


def _own_id(rows: pd.DataFrame, key: str) -> str:
    """A typing error in the id alone: the row is still placed, and nothing is told."""
    rows.loc[key, "roof_id"] = f" ｒ_{int(key[1:])} "
    return ""


def _no_id(rows: pd.DataFrame, key: str) -> str:
    rows.loc[key, ["roof_id", "name"]] = None
    return ""


def _name_alone(rows: pd.DataFrame, key: str) -> str:
    """No id, no place, one wrong sign in the name."""
    rows.loc[key, ["roof_id"]] = None
    rows.loc[key, ["longitude", "latitude"]] = np.nan
    rows.loc[key, "name"] = str(rows.loc[key, "name"]).replace("厂房", "厂方")
    return ""


FAULTS = (_w, _mw, _10mw, _shift, _same_day, _swapped, _no_date, _future, _large, _lost, _twice,
          _own_id, _no_id, _name_alone)  # fmt: skip
ONE_PLACE = sheds().index.tolist()


@given(
    seed=st.integers(0, 10_000),
    planted=st.dictionaries(st.integers(0, 63), st.sampled_from(FAULTS), max_size=16),
)
@examples(30)
def test_every_planted_fault_is_found_and_nothing_else(seed: int, planted: Any) -> None:
    rows = clean(sheds(), seed)
    wanted: dict[str, set[str]] = {}
    for number, plant in planted.items():
        key = f"s{number:03d}"
        word = plant(rows, key)
        for system in (key, f"{key}-again") if plant is _twice else (key,):
            wanted[system] = {word} if word else set()
    found = run(rows)
    told = kinds(found)
    exact = {key: words for key, words in wanted.items() if words}
    for system, words in exact.items():
        got = told.pop(system)
        # A roof below 31.6 W/m² would leave it open which unit slipped; these are above.
        assert words <= got, (system, words, got)
        extra = got - words
        assert extra <= ({"duplicate", "larger_than_roof"} if "again" in system else set()) | (
            {"larger_than_roof"} if "duplicate" in words else set()
        ), (system, got)
    assert told == {}  # precision: no finding on a clean row
    for system, row in found.ledger.iterrows():
        if row["matched_by"] not in ("none", "park"):
            assert row["roof_id"] == ONE_PLACE[int(str(system)[1:4])]
    errors = found.findings[found.findings["severity"] == "error"]["system_id"]
    assert set(errors) == set(found.unmatched.index)


@given(order=st.permutations(range(64)), seed=st.integers(0, 50))
@examples(10)
def test_the_order_of_rows_and_roofs_changes_nothing(order: list[int], seed: int) -> None:
    rows = clean(sheds(), seed)
    for number, plant in enumerate(FAULTS):
        plant(rows, f"s{3 * number:03d}")
    rows.loc["s060", "roof_id"] = "R-060、R-061；R-062"
    first = run(rows)
    mixed = rows.iloc[[*order, *range(64, len(rows))][::-1]]
    second = run(mixed, sheds().iloc[order], homes=parks().iloc[::-1])
    pd.testing.assert_frame_equal(first.findings, second.findings)
    pd.testing.assert_frame_equal(first.ledger, second.ledger.loc[first.ledger.index])
    pd.testing.assert_series_equal(first.unmatched, second.unmatched)


def test_suggested_capacities_by_hand() -> None:
    """R-000 has 3000 m²: 300 kW make 100 W/m²."""
    for stated, word, better, severity in (
        (300_000.0, "unit_w", 300.0, "error"),
        (0.3, "unit_mw", 300.0, "doubt"),
        (0.03, "unit_10mw", 300.0, "doubt"),
        (3_000_000.0, "unit_10mw", 300.0, "error"),
    ):
        rows = clean(sheds())
        rows.loc["s000", "capacity_dc_kw"] = stated
        found = run(rows)
        told = found.findings.iloc[0]
        assert len(found.findings) == 1
        assert (told["finding"], told["severity"], told["row"]) == (word, severity, 1)
        assert (told["stated_kw"], told["suggested_kw"]) == (stated, pytest.approx(better))
        counts = found.ledger.loc["s000", "matched_by"] != "none"
        assert counts == (severity == "doubt")


def test_an_ac_rating_is_suspect_only_where_the_basis_is_unstated() -> None:
    """A roof of 5000 m² holds 600 kW DC: 500 kW are five inverters of 100 kW."""
    roofs = sheds()
    roofs.loc["R-020", "capacity_dc_kw"] = 600.0
    rows = clean(roofs)
    _ac(rows, "s020")
    told = run(rows, roofs).findings
    assert told[["finding", "suggested_kw"]].to_numpy().tolist() == [["ac_for_dc", 600.0]]
    for column, value in (("capacity_basis", "dc"), ("capacity_dc_kw", 501.0)):
        other = rows.copy()
        other.loc["s020", column] = value
        assert run(other, roofs).findings.empty


def test_a_slip_does_not_condemn_its_neighbour_on_the_roof() -> None:
    rows = clean(sheds())
    rows.loc["s001", "roof_id"] = "R-000"
    rows.loc["s001", ["longitude", "latitude"]] = rows.loc["s000", ["longitude", "latitude"]]
    rows.loc[["s000", "s001"], "capacity_dc_kw"] = [200.0, 200_000.0]
    found = run(rows)
    assert found.ledger.loc["s000", "roof_id"] == "R-000"
    assert kinds(found)["s001"] == {"unit_w"} and "s000" not in kinds(found)


# --- several roofs, several systems --------------------------------------------------------------


def test_a_system_over_several_roofs_by_hand() -> None:
    """100 kW over potentials 1 : 2 : 4 are 14.286, 28.571 and 57.143 kW."""
    roofs = sheds()
    roofs.loc[["R-000", "R-001", "R-002"], "capacity_dc_kw"] = [100.0, 200.0, 400.0]
    rows = clean(roofs).drop(index=["s001", "s002"])
    rows.loc["s000", ["roof_id", "capacity_dc_kw", "capacity_ac_kw"]] = (
        "R-000；r2、R-1",
        100.0,
        80.0,
    )
    found = run(rows, roofs)
    parts = found.ledger[found.ledger["part_of"] == "s000"]
    assert parts.index.tolist() == ["s000#1", "s000#2", "s000#3"]
    assert parts["roof_id"].tolist() == ["R-000", "R-001", "R-002"]
    assert parts["capacity_dc_kw"].tolist() == [14.286, 28.571, 57.143]
    assert exact_sum(parts["capacity_ac_kw"]) == 80.0
    assert found.findings.empty


def test_a_list_with_an_unknown_roof_counts_at_the_park() -> None:
    rows = clean(sheds())
    rows.loc["s000", "roof_id"] = "R-000;R-999"
    rows.loc["s004", "roof_id"] = "R-004;R-000;R-999"  # of two parks: the one named
    found = run(rows)
    assert found.ledger.loc[["s000", "s004"], "matched_by"].tolist() == ["park", "park"]
    assert found.ledger.loc[["s000", "s004"], "park_id"].tolist() == ["P0", "P1"]
    assert kinds(found) == {"s000": {"ambiguous"}, "s004": {"ambiguous"}}


def test_phases_of_one_roof_are_no_duplicates() -> None:
    rows = clean(sheds())
    rows.loc["s001", ["roof_id", "name", "longitude", "latitude"]] = rows.loc[
        "s000", ["roof_id", "name", "longitude", "latitude"]
    ]
    rows.loc["s001", "capacity_dc_kw"] = rows.loc["s000", "capacity_dc_kw"] * 1.05
    found = run(rows)
    assert found.ledger.loc[["s000", "s001"], "roof_id"].tolist() == ["R-000", "R-000"]
    assert found.findings.empty


def test_a_chain_of_near_points_is_one_group_and_a_pin_of_many_is_quick() -> None:
    rows = clean(sheds())
    rows.loc[["s000", "s001", "s002"], ["roof_id", "name"]] = None
    rows["capacity_dc_kw"] = 250.0
    rows.loc[["s000", "s001", "s002"], ["filed_on", "commissioned_on"]] = pd.Timestamp("2020-01-01")
    x = toy.EAST + np.array([10.0, 35.0, 60.0])
    lon, lat = DEGREES.transform(x, np.full(3, toy.NORTH - 10.0))
    rows.loc[["s000", "s001", "s002"], "longitude"] = lon
    rows.loc[["s000", "s001", "s002"], "latitude"] = lat
    told = run(rows).findings
    groups = told[told["finding"] == "duplicate"].set_index("system_id")["reason_en"]
    assert list(groups.index) == ["s000", "s001", "s002"]
    assert "s001, s002" in groups["s000"]
    pinned = pd.concat([rows.iloc[:1]] * 3000)
    pinned.index = pd.Index([f"t{one:04d}" for one in range(3000)], name="system_id")
    pinned["latitude"] -= 0.1
    pinned["park"] = None
    pinned["capacity_dc_kw"] = 1.0 + np.arange(3000) * 0.05
    assert len(run(pinned).ledger) == 3000


# --- datums ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("datum", "shift"), [("gcj02", wgs84_to_gcj02), ("bd09", wgs84_to_bd09)])
def test_a_shifted_file_is_told_with_numbers_and_not_shifted(datum: str, shift: Any) -> None:
    rows = clean(sheds())
    rows.loc[rows.index[:32], ["roof_id", "name"]] = None
    rows["longitude"], rows["latitude"] = shift(rows["longitude"], rows["latitude"])
    found = run(rows)
    told = found.findings.iloc[0]
    assert (told["finding"], told["system_id"], told["severity"]) == ("gcj02", None, "doubt")
    assert f"64 as {datum.upper()}" in told["reason_en"] and "64 行有坐标" in told["reason_zh"]
    by = found.ledger["matched_by"].tolist()
    assert by == ["park"] * 32 + ["roof_id"] * 32  # no coordinate is used as it stands
    undone = run(rows, rules=replace(RULES, undo_shift=True))
    assert undone.ledger["roof_id"].tolist() == sheds().index.tolist()
    assert undone.findings.iloc[0]["severity"] == "note"


def test_a_file_in_wgs84_is_not_called_shifted() -> None:
    rows = clean(sheds())
    rows[["roof_id", "name"]] = None
    found = run(rows)
    assert found.findings.empty
    assert set(found.ledger["matched_by"]) == {"coordinates"}


# --- ties, decisions ---------------------------------------------------------------------------


def test_an_id_against_its_place_counts_and_is_listed() -> None:
    rows = clean(sheds())
    rows.loc["s000", "roof_id"] = "R-063"
    found = run(rows)
    assert found.ledger.loc["s000", "roof_id"] == "R-063"
    told = found.findings.set_index("system_id").loc["s000"]
    assert (told["finding"], told["roof_id"], told["severity"]) == ("ambiguous", "R-000", "doubt")


def test_ids_alike_to_two_roofs_are_not_decided() -> None:
    roofs = sheds().rename(index={"R-001": "r.0"})
    rows = clean(sheds()).drop(index=["s001"])
    rows.loc["s000", ["roof_id", "park", "name"]] = "R 0", None, None
    rows.loc["s000", ["longitude", "latitude"]] = np.nan
    found = run(rows, roofs)
    assert kinds(found) == {"s000": {"ambiguous"}}
    row = found.ledger.loc["s000"]
    assert (row["matched_by"], row["park_id"], row["roof_id"]) == ("park", "P0", None)
    split = roofs.assign(park_id=roofs["park_id"].where(roofs.index != "r.0", "P3"))
    row = run(rows, split).ledger.loc["s000"]
    assert (row["matched_by"], row["park_id"]) == ("none", None)


def decided(*rows: tuple[Any, Any, Any, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["system_id", "roof_id", "park_id", "decision"])


def test_decisions_override_every_score() -> None:
    rows = clean(sheds()).drop(index=["s005", "s006"])
    told = decided(
        ("s000", "R-005", None, "accepted"), ("s000", "R-006", None, "accepted"),
        ("s001", "R-001", None, "rejected"), ("s002", None, "P3", "accepted"),
        ("s003", "R-gone", None, "accepted"), ("left", "R-009", None, "accepted"),
    )  # fmt: skip
    found = run(rows, decisions=told)
    ledger = found.ledger
    assert ledger.loc[["s000#1", "s000#2"], "roof_id"].tolist() == ["R-005", "R-006"]
    assert set(ledger.loc[["s000#1", "s000#2"], "matched_by"]) == {"decision"}
    assert (ledger.loc["s001", "matched_by"], ledger.loc["s001", "park_id"]) == ("park", "P0")
    assert (ledger.loc["s002", "matched_by"], ledger.loc["s002", "park_id"]) == ("decision", "P3")
    assert ledger.loc["s003", "matched_by"] == "none"
    assert kinds(found) == {"s003": {"unmatched"}}


def test_bad_decisions_are_listed_together() -> None:
    told = decided(
        ("s000", "R-005", None, "perhaps"), ("s001", None, None, "accepted"),
        ("s002", "R-002", None, "accepted"), ("s002", "R-002", None, "rejected"),
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        run(clean(sheds()), decisions=told)
    assert len(caught.value.faults) == 3
    assert all("decisions: row" in fault for fault in caught.value.faults)


def test_names_of_parks_without_their_common_words() -> None:
    rows = clean(sheds()).iloc[:3]
    rows = rows.assign(roof_id=None, name=None, longitude=np.nan, latitude=np.nan)
    rows["park"] = ["上海金桥园区", "金山工业园区", "莘庄工业园"]
    ledger = run(rows).ledger
    assert ledger["park_id"].tolist() == ["P0", None, "P1"]
    assert ledger["match_score"].iloc[0] == pytest.approx(0.594)


def test_more_than_all_roofs_of_the_park() -> None:
    rows = clean(sheds())
    rows.loc["s000", ["roof_id", "name"]] = None
    rows.loc["s000", ["longitude", "latitude"]] = np.nan
    for kw, word, matched_by in (
        (400_000.0, "unit_w", "none"), (20_000.0, "larger_than_roof", "none"),
    ):  # fmt: skip
        rows.loc["s000", "capacity_dc_kw"] = kw
        found = run(rows)
        assert kinds(found) == {"s000": {word}}
        assert found.ledger.loc["s000", "matched_by"] == matched_by
        # What it may yet add is no more than the roofs can hold.
        most = RULES.max_density_w_per_m2 * sheds().area.sum() / 1000.0
        assert found.ledger.loc["s000", "possible_dc_kw"] <= most


def test_a_row_that_repeats_another_in_every_fact_counts_once_unless_a_person_accepts_it() -> None:
    rows = clean(sheds())
    twin = rows.loc[["s000"]].rename(index={"s000": "s000-again"})
    twice = pd.concat([rows, twin])
    found = run(twice)
    assert found.ledger.loc["s000", "matched_by"] != "none"
    assert found.ledger.loc["s000-again", "matched_by"] == "none"
    assert "not counted" in found.unmatched["s000-again"]
    kept = found.findings[found.findings["system_id"] == "s000"]
    assert kept["severity"].tolist() == ["note"]
    assert found.ledger.loc["s000-again", "possible_dc_kw"] == 0.0
    # Even where both together are more than the roof can hold.
    full = rows.copy()
    area = sheds().area.loc[str(rows.loc["s000", "roof_id"])]
    full.loc["s000", "capacity_dc_kw"] = round(0.15 * area, 3)
    both = pd.concat([full, full.loc[["s000"]].rename(index={"s000": "s000-again"})])
    ledger = run(both).ledger
    assert ledger.loc["s000", "matched_by"] != "none"
    assert ledger.loc["s000-again", "matched_by"] == "none"
    other = pd.concat([rows, twin.assign(commissioned_on=pd.Timestamp("2025-02-03"))])
    assert run(other).ledger.loc["s000-again", "matched_by"] != "none"
    accepted = pd.DataFrame(
        {"system_id": ["s000-again"], "roof_id": [found.ledger.loc["s000", "roof_id"]],
         "park_id": [None], "decision": ["accepted"]}
    )  # fmt: skip
    assert run(twice, decisions=accepted).ledger.loc["s000-again", "matched_by"] == "decision"


# --- real files --------------------------------------------------------------------------------


def test_the_bundled_register_is_clean() -> None:
    folder = Path(__file__).resolve().parents[2] / "data/rooftops/shanghai"
    rows = read_register(folder / "register.csv", RULES, dc_ac_ratio=1.2).rows
    roofs = gpd.read_file(folder / "buildings.geojson").to_crs(toy.CRS).set_index("id")
    roofs = roofs.assign(park_id=None, district_id=None, name=None)
    homes = gpd.read_file(folder / "parks.geojson").to_crs(toy.CRS).set_index("id")
    found = run(rows, roofs, homes=homes)
    counts = found.ledger["matched_by"].value_counts().to_dict()
    assert counts == {"roof_id": 1048, "park": 58, "coordinates": 34, "none": 10}
    assert found.findings["finding"].tolist() == ["unmatched"] * 10
    bare = rows.assign(roof_id=None, park=None)
    bare["longitude"], bare["latitude"] = wgs84_to_gcj02(bare["longitude"], bare["latitude"])
    told = run(bare, roofs, homes=homes)
    assert told.findings.iloc[0]["reason_en"].startswith("of 1082 rows with coordinates 213 fit")
    assert set(told.ledger["matched_by"]) == {"none"}


def test_planted_systems_on_real_roofs(shared_data: Path) -> None:
    """Nanshan's crowded roofs: rows by place alone, of which every one near one roof is right."""
    file = shared_data / "bld_shenzhen_nanshan/nanshan-building.geojson"
    read = read_footprints(file, load().footprints).buildings.to_crs("EPSG:32650")
    roofs = read.assign(park_id=None, district_id=None)
    inside = roofs.geometry.representative_point()
    points = np.stack([inside.x, inside.y], axis=1)
    rows = pd.DataFrame(
        {"roof_id": None, "park": None, "capacity_dc_kw": roofs.geometry.area.to_numpy() * 0.06,
         "capacity_ac_kw": np.nan, "status": "commissioned", "filed_on": pd.NaT,
         "commissioned_on": pd.Timestamp("2022-05-06"), "source": "planted"},
        index=pd.Index([f"s{one:05d}" for one in range(len(roofs))], name="system_id"),
    )  # fmt: skip
    rows["filed_on"] = pd.to_datetime(rows["filed_on"])
    found = reconcile(rows, roofs, None, points, RULES)
    right = found.ledger["roof_id"].to_numpy() == roofs.index.to_numpy()
    placed = found.ledger["roof_id"].notna().to_numpy()
    assert (right | ~placed).all()
    assert placed.mean() > 0.99
    assert set(found.findings["finding"]) <= {"ambiguous", "duplicate"}


def test_the_findings_are_a_closed_set() -> None:
    assert len(set(FINDINGS)) == 12

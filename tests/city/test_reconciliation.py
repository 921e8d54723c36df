"""Register rows to roofs and parks: by id, by place, by name; what does not fit is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
from shapely import affinity
from shapely.geometry import box

from pvplan.assumptions import load
from pvplan.errors import InputError
from pvplan.reconcile import Matched, reconcile
from pvplan.tables import LEDGER, names
from tests import toy

RULES = load().register


def matched(
    systems: dict[str, Any],
    buildings: gpd.GeoDataFrame | None = None,
    parks: gpd.GeoDataFrame | str | None = "toy",
    rules: Any = RULES,
) -> Matched:
    rows = toy.register(systems)
    to_grid = pyproj.Transformer.from_crs("EPSG:4326", toy.CRS, always_xy=True)
    x, y = to_grid.transform(
        rows["longitude"].to_numpy(), rows["latitude"].to_numpy(), errcheck=False
    )
    points = np.stack([x, y], axis=1)
    points[~np.isfinite(points)] = np.nan
    roofs = toy.buildings() if buildings is None else buildings
    areas = toy.parks() if isinstance(parks, str) else parks
    return reconcile(rows, roofs, areas, points, rules)


def system(
    roof: Any = None, park: Any = None, point: Any = None, kw: float = 50.0,
    status: str = "commissioned", day: Any = "2024-01-01",
) -> Any:  # fmt: skip
    return (roof, park, point, kw, status, day)


def test_every_row_stands_in_the_ledger_once() -> None:
    found = matched(toy.SYSTEMS)
    assert sorted(found.ledger.index) == sorted(toy.SYSTEMS)
    assert list(found.ledger.columns) == names(LEDGER)
    assert set(found.unmatched.index) == set(
        found.ledger.index[found.ledger["matched_by"] == "none"]
    )


def test_the_roof_id_wins() -> None:
    """Over coordinates on another roof and the name of another park."""
    found = matched({"a": system("r01", "Lingang Area", (6100.0, 0.0))}).ledger.loc["a"]
    assert (found["roof_id"], found["park_id"], found["district_id"]) == ("r01", "P1", "D1")
    assert found["matched_by"] == "roof_id"


@pytest.mark.parametrize(
    ("east", "roof"),
    [(0.0, "r01"), (29.9, "r01"), (40.0, "r01"), (59.0, "r01"), (61.0, None)],
)
def test_coordinates_match_the_nearest_roof_within_thirty_metres(east: float, roof: Any) -> None:
    """r01 ends 30 m east of the origin, so 60 m is the last place that is near."""
    found = matched({"a": system(point=(east, 0.0))}, parks=None).ledger.loc["a"]
    assert (found["roof_id"] if roof else pd.isna(found["roof_id"])) == (roof or True)
    assert found["matched_by"] == ("coordinates" if roof else "none")


def test_the_distance_is_a_rule() -> None:
    wide = load(user={"register.max_distance_m": 100.0}).register
    none = load(user={"register.max_distance_m": 0.0}).register
    systems = {"near": system(point=(61.0, 0.0)), "on": system(point=(0.0, 0.0))}
    assert matched(systems, parks=None, rules=wide).ledger["roof_id"].tolist() == ["r01", "r01"]
    found = matched(systems, parks=None, rules=none).ledger
    assert found["matched_by"].tolist() == ["none", "coordinates"]


def test_of_equally_near_roofs_none_is_chosen_but_their_park() -> None:
    """A tie is listed, not decided; both roofs stand in one park, and there it counts."""
    shapes = [box(0, 0, 30, 20), box(10, 0, 40, 20)]  # both hold the point
    moved = [affinity.translate(shape, toy.EAST, toy.NORTH) for shape in shapes]
    for chosen in ([0, 1], [1, 0]):
        roofs = toy.buildings().iloc[chosen].set_geometry(
            [moved[number] for number in chosen], crs=toy.CRS
        )  # fmt: skip
        found = matched({"a": system(point=(20.0, 10.0), kw=5.0)}, roofs, None)
        row = found.ledger.loc["a"]
        assert (row["roof_id"], row["park_id"], row["matched_by"]) == (None, "P1", "park")
        told = found.findings.set_index("finding").loc["ambiguous"]
        assert (told["roof_id"], told["severity"], told["system_id"]) == ("r01", "doubt", "a")
        assert "r01" in told["reason_en"] and "r02" in told["reason_zh"]


@pytest.mark.parametrize(
    "name",
    ["张江高科技园区", " 张江 高科技园区 ", "Zhangjiang Hi-Tech", "ZHANGJIANG hi-tech", "P1", "p1",
     "Ｚhangjiang　Hi-Tech"],
)  # fmt: skip
def test_park_names_match_in_either_language_and_width(name: str) -> None:
    found = matched({"a": system(park=name)}).ledger.loc["a"]
    assert (found["park_id"], found["matched_by"]) == ("P1", "park")
    assert pd.isna(found["roof_id"])


def test_park_names_with_full_width_brackets_match() -> None:
    found = matched({"a": system(park="临港(新片区)")}).ledger.loc["a"]
    assert found["park_id"] == "P2"


def test_a_name_that_two_parks_bear_matches_neither() -> None:
    twins = toy.parks()
    twins["name_zh"] = "同名园区"
    systems = {
        "by-name": system(park="同名园区"),
        "by-place": system(park="同名园区", point=(550.0, -90.0)),
        "by-id": system(park="P2"),
        "by-other": system(park="Lingang Area"),
    }
    for parks in (twins, twins.iloc[::-1]):
        found = matched(systems, parks=parks)
        assert found.ledger["park_id"].tolist()[1:] == ["P1", "P2", "P2"]
        assert found.ledger.loc["by-name", "matched_by"] == "none"
        assert "同名园区" in found.unmatched["by-name"]


def test_of_overlapping_parks_the_first_by_id() -> None:
    both = toy.parks().set_geometry([toy.parks().geometry.iloc[0]] * 2, crs=toy.CRS)
    for parks in (both, both.iloc[::-1]):
        found = matched({"a": system(point=(550.0, -90.0))}, parks=parks)
        assert found.ledger.loc["a", "park_id"] == "P1"


def test_coordinates_inside_a_park_but_on_no_roof_match_the_park() -> None:
    found = matched({"a": system(point=(550.0, -90.0))}).ledger.loc["a"]
    assert (found["park_id"], found["matched_by"]) == ("P1", "park")


def test_an_unknown_roof_falls_back_to_place_and_park() -> None:
    found = matched(
        {
            "point": system("r99", None, (0.0, 0.0)),
            "park": system("r99", "张江高科技园区", None),
            "neither": system("r99", "火星园区", None, 7.0),
        }
    )
    assert found.ledger["matched_by"].tolist() == ["coordinates", "park", "none"]
    text = found.unmatched["neither"]
    assert "r99" in text
    assert "火星园区" in text
    assert list(found.unmatched.index) == ["neither"]


def test_a_row_without_any_place_says_so() -> None:
    found = matched({"a": system()})
    assert "no roof id, no park" in found.unmatched["a"]
    assert found.ledger.loc["a", ["roof_id", "park_id", "district_id"]].isna().all()


def test_a_system_larger_than_its_roof_counts_nowhere() -> None:
    """r01 has 1800 m²: 230 W/m² are 414 kW."""
    fits = matched({"a": system("r01", kw=413.9), "b": system("r02", kw=100.0)})
    assert fits.unmatched.empty
    found = matched({"a": system("r01", kw=414.1), "b": system("r02", kw=100.0)})
    assert list(found.unmatched.index) == ["a"]
    assert "230 W/m² on roof r01" in found.unmatched["a"]
    row = found.ledger.loc["a"]
    assert row["matched_by"] == "none"
    assert row[["roof_id", "park_id", "district_id"]].isna().all()
    assert row["capacity_dc_kw"] == 414.1
    assert found.ledger.loc["b", "matched_by"] == "roof_id"


def test_systems_of_one_roof_are_weighed_together() -> None:
    both = {"a": system("r01", kw=250.0), "twice": system("r01", kw=250.0, day="2024-02-03")}
    found = matched({**both, "other": system("r02", kw=100.0)})
    assert sorted(found.unmatched.index) == ["a", "twice"]
    assert all("duplicate" in text for text in found.unmatched)
    assert found.ledger.loc["other", "matched_by"] == "roof_id"


def test_only_running_systems_are_weighed_together() -> None:
    """A retired system was replaced; a filed one may extend: neither overloads the roof."""
    found = matched(
        {
            "now": system("r01", kw=300.0),
            "old": system("r01", kw=300.0, status="retired"),
            "plan": system("r01", kw=300.0, status="filed", day=None),
        }
    )
    assert found.unmatched.empty


def test_megawatts_labelled_kilowatts_are_refused() -> None:
    systems = {
        name: (roof, park, point, kw / 1000.0, status, day)
        for name, (roof, park, point, kw, status, day) in toy.SYSTEMS.items()
    }
    with pytest.raises(InputError, match="MW") as caught:
        matched(systems)
    assert "unit in the header" in str(caught.value)


def test_watts_labelled_kilowatts_are_refused() -> None:
    systems = {
        name: (roof, park, point, kw * 1000.0, status, day)
        for name, (roof, park, point, kw, status, day) in toy.SYSTEMS.items()
    }
    with pytest.raises(InputError, match=r"is it W\?"):
        matched(systems)


def test_megawatts_are_refused_where_only_the_park_is_known() -> None:
    key = str(toy.parks().index[0])
    small = {f"s{n}": system(park=key, kw=1.04) for n in range(3)}
    with pytest.raises(InputError, match=r"only the park is known is 1\.04 kW"):
        matched(small)
    told = matched(small, rules=replace(RULES, min_median_capacity_kw=0.0))
    assert set(told.ledger["matched_by"]) == {"park"}


def test_one_small_system_is_not_a_wrong_unit() -> None:
    found = matched({**toy.SYSTEMS, "small": system("r08", kw=0.5)})
    assert found.ledger.loc["small", "matched_by"] == "roof_id"


def test_an_empty_register_and_no_parks() -> None:
    rows = toy.register({"a": system("r01")}).iloc[:0]
    found = reconcile(rows, toy.buildings(), None, np.empty((0, 2)), RULES)
    assert len(found.ledger) == 0
    assert found.unmatched.empty


def test_the_register_is_left_alone() -> None:
    rows = toy.register()
    before = rows.copy()
    points = np.full((len(rows), 2), np.nan)
    reconcile(rows, toy.buildings(), toy.parks(), points, RULES)
    pd.testing.assert_frame_equal(rows, before)


def test_the_order_of_roofs_and_rows_does_not_matter() -> None:
    names_now = list(toy.SYSTEMS)
    backwards = {name: toy.SYSTEMS[name] for name in names_now[::-1]}
    first = matched(toy.SYSTEMS)
    second = matched(backwards, toy.buildings().iloc[::-1])
    pd.testing.assert_frame_equal(first.ledger, second.ledger.loc[names_now])
    pd.testing.assert_series_equal(first.unmatched, second.unmatched)

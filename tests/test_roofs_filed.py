"""Roofs in the files of a run in parts are the roofs that a plan would hold."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from pvplan.errors import InputError
from pvplan.reports import roofs as filed
from pvplan.reports.columns import SHAPES, canonical, described
from pvplan.reports.explain import explain, reference_of
from pvplan.reports.output import write_plan
from pvplan.reports.reading import read_plan
from pvplan.reports.roofs import At, held, in_park, roof_of, roofs_of
from pvplan.tables import OUTSIDE_DISTRICTS, OUTSIDE_PARKS, Plan
from pvplan.ui import chosen_columns, history, map_tiles, places, work_lists
from pvplan.ui.work_lists import LISTS
from tests import toy
from tests.conftest import ROOT
from tests.plans import parted, toy_plan
from tests.test_explain import recorded

KNOWN = {
    "ui": {"chosen_columns.py": 3, "work_lists.py": 1},
    "maps": {},
    "reports": {"output.py": 2, "roofs.py": 2, "columns.py": 1, "spatial.py": 1, "explain.py": 8},
}
"""How often the doors and faces ask a plan for a table by name or for the roofs that it holds:
writers of files, and code in which roofs of a run in parts went another way before."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Plan]:
    """A plan of 300 roofs, some in no park or district, that holds them; and one that does not."""
    plan = toy_plan(300)
    roofs = plan.roofs.copy()
    roofs.loc[roofs.index[::7], "district_id"] = None
    roofs.loc[roofs.index[::5], "capacity_dc_kw"] = np.nan
    mixed = replace(plan, roofs=gpd.GeoDataFrame(roofs.sample(frac=1.0, random_state=3)))
    return canonical(mixed), parted(mixed, tmp_path_factory.mktemp("filed"))


PLACES = [
    None, in_park("P1"), in_park("P2"), in_park(OUTSIDE_PARKS), in_park("nowhere"),
    At("district_id", "310115"), At("district_id", OUTSIDE_DISTRICTS),
]  # fmt: skip


@pytest.mark.parametrize("at", PLACES)
def test_a_place_has_the_same_roofs(both: tuple[Plan, Plan], at: At | None) -> None:
    one, other = (roofs_of(plan) for plan in both)
    assert one.count(at) == other.count(at)
    words = ["capacity_dc_kw", "name", "completed_on", "in_goal_scope", "park_id", "name"]
    columns = one.columns(words, at)
    pd.testing.assert_frame_equal(columns, other.columns(words, at), check_exact=True)
    assert list(columns.index) == sorted(columns.index)
    if at is not None:
        whole = pd.DataFrame(one.of(at))
        assert len(whole) == one.count(at)
        pd.testing.assert_frame_equal(whole, pd.DataFrame(other.of(at)), check_exact=True)
    box, around = one.bounds(at), other.bounds(at)
    assert (box is None) == (around is None)
    if box is not None and around is not None:
        assert all(around[side] <= box[side] for side in (0, 1))
        assert all(around[side] >= box[side] for side in (2, 3))


def test_the_whole_city_has_the_same_places_and_box(both: tuple[Plan, Plan]) -> None:
    one, other = (roofs_of(plan) for plan in both)
    pd.testing.assert_frame_equal(one.pairs(), other.pairs())
    assert one.pairs()["roof_count"].sum() == 300
    assert one.bounds() == pytest.approx(other.bounds(), abs=0.0)
    pd.testing.assert_frame_equal(pd.DataFrame(held(both[0])), pd.DataFrame(held(both[1])))


def test_roofs_are_found_by_their_ids(both: tuple[Plan, Plan]) -> None:
    one, other = (roofs_of(plan) for plan in both)
    ids = [str(index) for index in both[0].roofs.index[[200, 3, 77]]]
    pd.testing.assert_frame_equal(pd.DataFrame(one.rows(ids)), pd.DataFrame(other.rows(ids)))
    assert list(other.rows(ids).index) == sorted(ids)
    for known in (one, other):
        assert known.known([*ids, "r-none", ""]) == set(ids)
        assert known.known([]) == set()
        with pytest.raises(KeyError, match="r-none"):
            known.rows([ids[0], "r-none"])
    pd.testing.assert_series_equal(*(roof_of(plan, ids[0]) for plan in both))
    some = [*ids, "r-none"]
    for at in (None, in_park("P1")):
        found = one.columns(["name"], at, some)
        pd.testing.assert_frame_equal(found, other.columns(["name"], at, some))
        assert set(found.index) <= set(ids)
    assert list(other.columns(["name"], None, some).index) == sorted(ids)
    assert len(other.columns(["name"], None, [])) == 0


def test_ids_that_share_a_number_are_told_apart(
    both: tuple[Plan, Plan], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(filed, "_numbers", lambda ids: np.zeros(len(ids), np.uint64))
    roofs = roofs_of(parted(both[0], tmp_path))
    ids = [str(index) for index in both[0].roofs.index[[5, 6, 7, 8, 9]]]
    assert list(roofs.rows(ids).index) == sorted(ids)
    assert roofs.known([*ids, "r-none"]) == set(ids)


def test_a_file_of_another_run_or_none_is_refused(tmp_path: Path) -> None:
    plan = parted(toy_plan(40), tmp_path)
    other = replace(plan, meta={**plan.meta, "fingerprint": "f" * 16})
    with pytest.raises(InputError, match=r"part-\d.parquet: belongs to another run"):
        roofs_of(other).count()
    roofs = roofs_of(plan)
    assert roofs.count() == 40
    plan.roof_parts[1].unlink()
    with pytest.raises(InputError, match=r"part-1.parquet: cannot be read"):
        roofs.bounds()
    with pytest.raises(InputError, match=r"part-1.parquet: cannot be read"):
        roofs_of(plan).columns(["name"])


def test_a_finished_run_keeps_its_roofs_when_it_is_written_elsewhere(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_plan(parted(toy_plan(40), tmp_path), first)
    assert not list(tmp_path.glob("*.parquet"))  # what no run holds yet is moved, not copied
    before = read_plan(first)
    assert len(before.roofs) == 0
    assert len(before.roof_parts) == 4
    write_plan(before, second)
    for folder in (first, second):
        pd.testing.assert_frame_equal(
            pd.DataFrame(held(read_plan(folder))), pd.DataFrame(canonical(toy_plan(40)).roofs)
        )


@pytest.mark.parametrize(("rows", "step"), [(1, 5), pytest.param(2, 1, marks=pytest.mark.long)])
def test_every_number_is_explained_alike(tmp_path: Path, rows: int, step: int) -> None:
    plan = recorded(toy.plan())
    other = parted(plan, tmp_path, 3)
    for name in SHAPES:
        for column in list(described(name, getattr(plan, name)))[::step]:
            for label in getattr(plan, name).index[:rows]:
                reference = reference_of(plan, name, column.name, label)
                told = [explain(each, reference, depth=0).as_json() for each in (plan, other)]
                assert told[0] == told[1], reference
    with pytest.raises(InputError, match="no row 'r-none'"):
        explain(other, "roofs:capacity_dc_kw:r-none")


@pytest.mark.parametrize("park", [None, "P1", OUTSIDE_PARKS])
@pytest.mark.parametrize("district", [None, "310115", OUTSIDE_DISTRICTS])
def test_chosen_rows_are_the_same(
    both: tuple[Plan, Plan], park: str | None, district: str | None
) -> None:
    columns = ["district_id", "capacity_dc_kw"]
    one, other = (
        chosen_columns.choose(plan, "roofs", columns, district=district, park=park) for plan in both
    )
    pd.testing.assert_frame_equal(one.table, other.table)
    assert one.columns == other.columns
    count = chosen_columns.roof_count(both[1], district=district, park=park)
    assert count == len(one.table) > 0
    assert chosen_columns.offered(both[0], "roofs") == chosen_columns.offered(both[1], "roofs")
    labels = [
        chosen_columns.row_labels(plan, chosen, chosen.page(1), "zh")
        for plan, chosen in zip(both, (one, other), strict=True)
    ]
    assert labels[0] == labels[1]


def test_parks_of_a_district_keep_what_lies_outside_parks(both: tuple[Plan, Plan]) -> None:
    for plan in (toy_plan(), *both):
        inside = plan.roofs if len(plan.roofs) else held(plan)
        wanted = set(inside["park_id"][inside["district_id"] == "310115"].fillna(OUTSIDE_PARKS))
        chosen = chosen_columns.choose(plan, "parks", ["roof_count"], district="310115")
        assert set(chosen.table.index) == wanted & set(plan.parks.index)
        assert OUTSIDE_PARKS in chosen.table.index


@pytest.mark.parametrize("key", list(LISTS))
@pytest.mark.parametrize("park", ["", "P1", OUTSIDE_PARKS])
def test_work_lists_are_the_same(both: tuple[Plan, Plan], key: str, park: str) -> None:
    one, other = both
    work = LISTS[key]
    counts = work_lists.counts_of(one, work, park)
    assert counts == work_lists.counts_of(other, work, park)
    for kind in (None, *counts):
        left, right = (work_lists.rows_of(plan, work, park, kind) for plan in both)
        assert len(left) == (sum(counts.values()) if kind is None else counts[kind])
        pd.testing.assert_frame_equal(left[list(right.columns)], right)
        words = [work_lists.in_words(work, rows, {}, "zh") for rows in (left, right)]
        pd.testing.assert_frame_equal(*words)
    assert sum(counts.values()) > 0 or park or work.table != "roofs"


def test_a_list_of_a_run_in_parts_shows_the_largest(
    both: tuple[Plan, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_lists, "MOST_ROOFS", 5)
    work_lists._in_files.clear()
    work = LISTS["unstarted"]
    every, some = (work_lists.rows_of(plan, work) for plan in both)
    assert list(some.index) == list(every.index[:5])
    assert work_lists.counts_of(both[1], work) == work_lists.counts_of(both[0], work)
    work_lists._in_files.clear()


def test_history_and_districts_are_the_same(both: tuple[Plan, Plan]) -> None:
    one, other = both
    for _, goal in one.goals.iterrows():
        pd.testing.assert_frame_equal(
            history.counted_systems(one, goal), history.counted_systems(other, goal)
        )
    for _, goal in places.headline_rows(one).iterrows():  # as the page of the goals has them
        added = goal.copy()
        added["metric"] = "added_dc_kw"
        found = [history.counted_systems(plan, added) for plan in both]
        pd.testing.assert_frame_equal(*found)
    assert places.districts_of_parks(one, "zh") == places.districts_of_parks(other, "zh")


def test_tiles_of_parts_hold_every_roof(both: tuple[Plan, Plan], tmp_path: Path) -> None:
    found = []
    for plan, name in zip(both, ("whole", "parts"), strict=True):
        write_plan(plan if not plan.roof_parts else parted(both[0], tmp_path), tmp_path / name)
        again = read_plan(tmp_path / name)
        path = map_tiles.path_of(again, tmp_path / name)
        job = map_tiles.ask(again, tmp_path / name)
        assert job.outcome is not None
        assert job.outcome.result(timeout=120) == path
        read = gpd.read_file(path).drop_duplicates("id").set_index("id").sort_index()
        found.append(pd.DataFrame(read.drop(columns="geometry")))
    pd.testing.assert_frame_equal(*found)
    assert set(found[0].index) == set(both[0].roofs.index)


def reads_held_roofs(path: Path) -> list[int]:
    """Return the lines of a file that ask something called "plan" for its roofs, or for a table."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr == "roofs":
            home = node.value
            name = home.attr if isinstance(home, ast.Attribute) else getattr(home, "id", "")
            if name in ("plan", "_plan", "again", "finished"):
                found.append(node.lineno)
        asks = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "getattr"
        if asks and ast.unparse(node.args[0]) in ("plan", "view.plan", "_plan"):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("door", ["ui", "maps", "reports"])
def test_no_page_asks_a_plan_for_roofs_that_it_may_not_hold(door: str) -> None:
    files = sorted((ROOT / "pvplan" / door).rglob("*.py"))
    assert len(files) > 5
    lines = {file.name: len(reads_held_roofs(file)) for file in files}
    assert {name: count for name, count in lines.items() if count} == KNOWN[door]

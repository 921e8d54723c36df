"""Kinds of roofs: sums that no cut of a city changes, and all that a plan is made of."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan import plan as recipe
from pvplan.assumptions import load
from pvplan.city.roof_groups import squares
from pvplan.errors import TableError
from pvplan.kinds import KEYS, SUMS, flags_of, joined, kinds_of
from pvplan.reports.columns import canonical
from pvplan.roof_part import Ground, Part
from pvplan.roof_part import joined as joined_parts
from pvplan.tables import Plan, exact_sum
from tests import toy
from tests.conftest import examples

RULES, DAY = load(), toy.AS_OF


@pytest.fixture(scope="module")
def roofs() -> pd.DataFrame:
    """PLAN roofs of the toy city, many times over with other capacities."""
    few = pd.DataFrame(toy.plan().roofs)
    rng = np.random.default_rng(5)
    many = pd.concat([few] * 40, ignore_index=True)
    many.index = pd.Index([f"r{number:04d}" for number in range(len(many))], name="roof_id")
    for name in ("capacity_dc_kw", "energy_ac_kwh_per_year", "npv_cny", "footprint_area_m2"):
        many[name] = np.round(many[name] * rng.uniform(0.5, 1.0, len(many)), 3)
    many["capacity_needs_survey_dc_kw"] = 0.0
    return many


@examples(30)
@given(cuts=st.lists(st.integers(0, 480), max_size=6), turned=st.booleans(), data=st.data())
def test_kinds_of_parts_joined_are_those_of_the_whole(
    roofs: pd.DataFrame, cuts: list[int], turned: bool, data: st.DataObject
) -> None:
    mixed = roofs.iloc[data.draw(st.permutations(range(len(roofs))))] if turned else roofs
    edges = [0, *sorted(cuts), len(roofs)]
    parts = [mixed[a:b] for a, b in pairwise(edges) if b > a]
    found = joined([kinds_of(part, DAY, RULES) for part in reversed(parts)])
    pd.testing.assert_frame_equal(found, kinds_of(roofs, DAY, RULES), check_exact=True)


def test_kinds_hold_every_roof_and_every_sum(roofs: pd.DataFrame) -> None:
    kinds = kinds_of(roofs, DAY, RULES)
    assert kinds["roof_count"].sum() == len(roofs)
    assert not kinds.duplicated(list(KEYS)).any()
    for name in (name for name in SUMS if name in roofs.columns):
        assert exact_sum(kinds[name]) == exact_sum(roofs[name]), name
    assert len(kinds) < len(roofs) / 4


def test_a_missing_amount_is_missing_in_its_kind_alone(roofs: pd.DataFrame) -> None:
    holed = roofs.copy()
    holed.iloc[3, holed.columns.get_loc("filed_dc_kw")] = np.nan
    halves = [kinds_of(holed[:200], DAY, RULES), kinds_of(holed[200:], DAY, RULES)]
    for kinds in (kinds_of(holed, DAY, RULES), joined(halves)):
        assert kinds["filed_dc_kw"].isna().sum() == 1


@given(st.lists(st.integers(0, 4 * 10**12), min_size=1, max_size=50))
def test_squares_are_exact(whole: list[int]) -> None:
    values = np.array(whole, dtype=np.float64) / 1000.0
    at = np.arange(len(whole)) % 3
    found = squares(values, at, 3)
    read = np.rint(values * 1000.0).astype(np.int64).tolist()
    assert found.tolist() == [sum(x * x for x in read[n::3]) for n in range(3)]


def test_flags_are_those_of_roofs_with_systems(roofs: pd.DataFrame) -> None:
    ledger = pd.DataFrame({"roof_id": ["r0003", None, "r0007", "r0003", "gone"]})
    found = flags_of(roofs, ledger)
    assert list(found.index) == ["r0003", "r0007"]
    assert found.equals(roofs.loc[found.index, list(found.columns)])
    assert flags_of(roofs, None).empty


def test_an_unknown_word_is_told(roofs: pd.DataFrame) -> None:
    with pytest.raises(TableError, match="thatched"):
        kinds_of(roofs.assign(roof_form="thatched"), DAY, RULES)


def test_a_plan_knows_its_roofs_by_what_was_summed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan whose roofs were summed part by part is the plan of the whole."""
    whole, right = canonical(toy.plan()), recipe.part_of

    def by_parts(roofs: gpd.GeoDataFrame, ground: Ground) -> Part:
        return joined_parts([right(roofs[n::5], ground) for n in reversed(range(5))])

    monkeypatch.setattr(recipe, "part_of", by_parts)
    tiled = canonical(toy.plan())
    for name in (field.name for field in fields(Plan) if field.name != "meta"):
        pd.testing.assert_frame_equal(
            pd.DataFrame(getattr(tiled, name)), pd.DataFrame(getattr(whole, name)),
            check_exact=True,
        )  # fmt: skip
    assert tiled.meta == whole.meta

"""What is done to many rows at once says what doing it row by row would say."""

from __future__ import annotations

import re
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import blocks
from pvplan.sources import chunks
from pvplan.sources.attributes import agreed
from pvplan.sources.boundaries import largest_overlap
from pvplan.sources.chunks import in_chunks
from pvplan.sources.cleaning import row_ids
from pvplan.sources.fields import coded_texts, field_table, texts, worded
from pvplan.sources.overlaps import NOBODY, overlapping, twins
from tests.conftest import examples

CRS = "EPSG:32651"
NOTHING = [str(word) for word in field_table()["missing"]["any"]]
WORDS = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="a \t\u3000\u00a0\x1c,层", max_size=6),
    st.sampled_from([*NOTHING, " NULL ", "None", "无 "]),
    st.none(),
)


@pytest.mark.parametrize("count", [0, 1, 7, 20, 21])
def test_chunks_come_back_in_order(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_CHUNK", 3)
    first, second = np.arange(count), np.arange(count) * 10
    sizes: list[int] = []

    def added(one: Any, other: Any) -> Any:
        sizes.append(len(one))
        return one + other

    assert in_chunks(added, first, second).tolist() == [11 * number for number in range(count)]
    assert sum(sizes) == count
    assert count < 6 or max(sizes) == 3


def _as_said(value: str | None) -> str | None:
    plain = "" if value is None else re.sub(r"\s+", " ", value).strip()
    return None if plain.casefold() in NOTHING else plain


@given(st.lists(WORDS, min_size=1, max_size=20))
def test_texts_are_tidied_word_by_word(values: list[str | None]) -> None:
    wanted = [_as_said(value) for value in values]
    for dtype in ("str", object):
        written = pd.Series(values, dtype=dtype)
        assert texts(written).tolist() == wanted
        codes, words = coded_texts(written)
        assert worded(codes, words).tolist() == wanted


def test_what_is_alike_to_a_hash_stays_apart() -> None:
    mixed = pd.Series([1, True, 1.0, "1", [2], None], dtype=object)
    assert texts(mixed).tolist() == ["1", "True", "1", "1", "[2]", None]
    assert texts(pd.Series([3.0, np.nan, 0.5])).tolist() == ["3", None, "0.5"]


@given(st.lists(st.sampled_from(["a", "b", "0", None]), min_size=1, max_size=8))
def test_a_column_of_one_word_is_no_identifier(values: list[str | None]) -> None:
    numbers = pd.RangeIndex(1, len(values) + 1)
    rows = pd.DataFrame({"id": pd.Series(values, index=numbers, dtype="str")})
    zeros = values.count("0") > 1
    meant = [None if value is None or (value == "0" and zeros) else value for value in values]
    ids, passed = row_ids(rows, ["id"], trusted=False, title="t")
    useless = set(meant) == {None} or (len(meant) > 1 and len(set(meant)) == 1)
    assert bool(passed) == useless
    for row, value in zip(rows.index, meant, strict=True):
        assert ids[row] == (f"row-{row:06d}" if useless or value is None else value)


@given(st.permutations(range(6)))
def test_units_of_one_piece_say_what_it_says(unit: list[int]) -> None:
    values = pd.Series(["a", None, "c", "d", None, "f"], dtype=object)
    whole = agreed(values, np.array(unit), np.ones(6), 6)
    # A second, smaller piece that says nothing asks for the way of units of several pieces.
    more = pd.concat([values, pd.Series([None], dtype=object)])
    several = agreed(more, np.array([*unit, 0]), np.array([*np.ones(6), 0.1]), 6)
    assert pd.Series(whole).isna().tolist() == pd.Series(several).isna().tolist()
    assert [v for v in whole if v is not None] == [v for v in several if isinstance(v, str)]


def _drawn(corners: list[tuple[int, int, int]]) -> np.ndarray[Any, Any]:
    return np.array(
        [shapely.box(x / 100, y / 100, x / 100 + size, y / 100 + 1) for x, y, size in corners],
        dtype=object,
    )


CORNERS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 2))


@given(st.lists(CORNERS, max_size=14), st.randoms())
def test_twins_are_those_that_are_drawn_alike(corners: list[Any], dice: Any) -> None:
    shapes = _drawn(corners)
    rank = list(range(len(shapes)))
    dice.shuffle(rank)
    found = twins(shapes, np.array(rank, dtype=np.int64))
    for at, corner in enumerate(corners):
        alike = [other for other, same in enumerate(corners) if same == corner]
        best = min(alike, key=lambda other: rank[other])
        assert found[at] == (NOBODY if best == at else best)


def _zones() -> gpd.GeoDataFrame:
    """A ring, what it leaves open, an L, and two islands of one zone; some overlap."""
    hole = shapely.box(300, 300, 600, 600)
    shapes = [
        shapely.box(0, 0, 900, 900).difference(hole),
        shapely.box(350, 320, 600, 640),
        shapely.box(850, 0, 1500, 1000).difference(shapely.box(1100, 300, 1600, 1100)),
        shapely.union(shapely.box(1150, 400, 1300, 700), shapely.box(1320, 650, 1500, 900)),
    ]
    return gpd.GeoDataFrame(
        geometry=shapes, index=pd.Index(["z", "a", "m", "i"], name="park_id"), crs=CRS
    )


@examples(15)
@given(st.integers(0, 2**32 - 1))
def test_the_largest_overlap_is_the_largest_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-100, 1600, 150), rng.uniform(-100, 1100, 150)
    reach = rng.choice([5.0, 30.0, 200.0, 500.0], 150)
    one = shapely.box(x, y, x + reach, y + rng.uniform(5, 100, 150))
    other = shapely.box(x + 2 * reach, y, x + 2.5 * reach, y + 20)
    shapes = np.where(rng.random(150) < 0.3, shapely.union(one, other), one)
    roofs = gpd.GeoDataFrame(geometry=shapes, crs=CRS)
    zones = _zones()
    found = largest_overlap(roofs, zones)
    for shape, zone in zip(shapes, found, strict=True):
        common = zones.geometry.intersection(shape).area.round(4)
        assert (zone is None) == (common.max() == 0.0)
        assert zone is None or common[zone] == common.max()


def test_a_made_up_city_is_one_that_can_be() -> None:
    count = 12_000
    city = blocks.draw(count)
    assert len(city.shapes) == len(city.height_m) == count
    assert shapely.is_valid(city.shapes).all()
    assert not len(overlapping(city.shapes).area_m2)
    assert city.height_m.min() >= 4.0
    assert city.height_m.max() <= 60.0
    ground_m2 = shapely.convex_hull(shapely.multipoints(shapely.centroid(city.shapes))).area
    assert 1_300 < count / (ground_m2 / 1e6) < 2_500
    again = blocks.draw(count)
    assert shapely.equals_exact(city.shapes, again.shapes, 0.0).all()

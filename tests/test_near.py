"""Close looks at a city in parts: what is near is read, and every figure is that of the city."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import streamlit as st
from streamlit.testing.v1 import AppTest

from pvplan.errors import InputError
from pvplan.gather import Inputs
from pvplan.opened import OpenCity, hourly_of_park, open_city, sources_of, write_layout
from pvplan.reports.reading import read_plan
from pvplan.reports.roofs import held
from pvplan.run import inputs_of_folder
from pvplan.sources.corrections import (
    HEAD,
    Obstruction,
    append_corrections,
    write_obstruction,
)
from pvplan.sources.partitions import Partition, open_partition
from pvplan.tables import Plan
from pvplan.ui import days, facts, looks
from pvplan.ui.words import say
from tests.shown import app_at
from tests.test_in_parts import city, parted, parted_city, parts_out

__all__ = ["city", "parted", "parted_city", "parts_out"]


@pytest.fixture(scope="module")
def whole(city: Path) -> OpenCity:
    return open_city(inputs_of_folder(city))


@pytest.fixture(scope="module")
def plan(parts_out: Path) -> Plan:
    return read_plan(parts_out)


@pytest.fixture(scope="module")
def roofs(plan: Plan) -> gpd.GeoDataFrame:
    return held(plan)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the parts that are read; a partition that is read whole is a fault."""
    found: list[str] = []
    content = Partition._content

    def noting(self: Partition, part: Any) -> bytes:
        found.append(part.name)
        return content(self, part)

    monkeypatch.setattr(Partition, "_content", noting)
    monkeypatch.setattr(Partition, "whole", lambda _: pytest.fail("the city was read whole"))
    return found


def near_of(inputs: Inputs, roofs: gpd.GeoDataFrame, roof: str) -> OpenCity:
    return open_city(inputs, near=tuple(roofs.loc[[roof]].total_bounds))


def some(roofs: gpd.GeoDataFrame) -> list[str]:
    """The lowest and the highest roof, and some between."""
    order = roofs.sort_values("height_m").index
    return [order[at] for at in (0, 150, 300, 450, -1)]


def said(roof: str, fact: str, value: str, row: int = 1) -> pd.DataFrame:
    words = dict.fromkeys(HEAD, "-") | {
        "roof_id": roof, "fact": fact, "value": value, "recorded_at": "2026-11-22T10:00:00+08:00",
    }  # fmt: skip
    return pd.DataFrame([words], index=pd.Index([row], name="row"), dtype=object)


def alike(one: OpenCity, other: OpenCity, roof: str) -> pd.Series[Any]:
    """Hold every figure and every module of a roof against another city's; return the figures."""
    figures = one.figures(roof)
    pd.testing.assert_series_equal(figures, other.figures(roof), check_exact=True)
    left, right = one.study(roof=roof), other.study(roof=roof)
    for word in ("modules", "horizon", "sun"):
        pd.testing.assert_frame_equal(
            pd.DataFrame(getattr(left, word)), pd.DataFrame(getattr(right, word)), check_exact=True
        )
    assert shapely.equals_exact(left.usable, right.usable).all()
    assert left.bearing[1].tolist() == right.bearing[1].tolist()
    return figures


def test_a_roof_looked_at_closely_is_that_of_the_city(
    parted: Inputs, whole: OpenCity, roofs: gpd.GeoDataFrame
) -> None:
    for roof in some(roofs):
        near = near_of(parted, roofs, roof)
        assert len(near.gathered.buildings) < 10
        figures = alike(near, whole, roof)
        assert figures["capacity_dc_kw"] == pytest.approx(roofs.loc[roof, "capacity_dc_kw"], 1e-6)
        assert near.estimates(roof) == whole.estimates(roof)


def test_what_a_survey_may_find_is_the_same(
    parted: Inputs, whole: OpenCity, roofs: gpd.GeoDataFrame
) -> None:
    roof = roofs["capacity_dc_kw"].idxmax()
    nothing = said(roof, "name", "x")[:0]
    one = near_of(parted, roofs, roof).outlook(roof, nothing)
    pd.testing.assert_frame_equal(one, whole.outlook(roof, nothing), check_exact=True)
    assert len(set(one["capacity_dc_kw"])) > 1


def test_a_neighbour_that_a_correction_makes_a_tower_shades_too(
    parted: Inputs, whole: OpenCity, roofs: gpd.GeoDataFrame
) -> None:
    """What stands near counts however low the files say it is."""
    roof = str(roofs["capacity_dc_kw"].idxmax())
    metric = roofs.to_crs(whole.gathered.buildings.crs)
    own = metric.geometry[roof]
    south = metric[metric.geometry.centroid.y < own.centroid.y - 100.0]
    tower = str(south.distance(own).idxmin())
    # Nothing of its own height reaches that far: it stands in the sun's way only as a tower.
    rows = said(tower, "height_m", "300")
    near = near_of(parted, roofs, roof)
    plain, tall = near.figures(roof), alike(near.corrected(rows), whole.corrected(rows), roof)
    assert tall["beam_shading_fraction"] > plain["beam_shading_fraction"] + 0.01


def test_only_parts_that_are_near_are_read(
    parted: Inputs, roofs: gpd.GeoDataFrame, read: list[str]
) -> None:
    box = tuple(roofs.loc[[some(roofs)[2]]].total_bounds)
    open_city(parted, near=box, user={"shading.max_distance_m": 100.0})
    parts = open_partition(parted.buildings).parts
    assert 0 < len(set(read)) < len(parts) / 2


def test_an_obstruction_beside_a_roof_stays_there(
    parted: Inputs, whole: OpenCity, roofs: gpd.GeoDataFrame
) -> None:
    """Its clearance reaches over the neighbour, but what is drawn names its own roof."""
    roof = str(roofs["capacity_dc_kw"].idxmax())
    metric = roofs.to_crs(whole.gathered.buildings.crs)
    apart = metric.distance(metric.geometry[roof]).drop(roof)
    beside = str(apart[apart > 0.0].idxmin())
    middle = roofs.geometry[beside].representative_point()
    rows = said(beside, "obstruction", write_obstruction(Obstruction(middle, 2.0, 200.0)))
    near = near_of(parted, roofs, roof)
    assert beside in near.corrected(rows).gathered.files.footprints.buildings.index
    alike(near.corrected(rows), whole.corrected(rows), roof)


@pytest.mark.usefixtures("read")
def test_hours_of_a_park_are_the_same(
    city: Path, parted: Inputs, roofs: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    park = roofs["park_id"].value_counts().drop("outside-parks", errors="ignore").index[0]
    hourly_of_park(inputs_of_folder(city), park, tmp_path / "one.csv")
    hourly_of_park(parted, park, tmp_path / "other.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


@pytest.mark.usefixtures("read")
@pytest.mark.parametrize("of", ["roof", pytest.param("park", marks=pytest.mark.long)])
def test_a_layout_of_a_roof_and_of_a_park_is_the_same(
    city: Path, parted: Inputs, roofs: gpd.GeoDataFrame, tmp_path: Path, of: str
) -> None:
    park = str(roofs["park_id"].value_counts().drop("outside-parks", errors="ignore").index[-1])
    asked = {of: {"roof": some(roofs)[3], "park": park}[of]}
    one, _ = write_layout(inputs_of_folder(city), tmp_path / "one.geojson", **asked)
    other, _ = write_layout(parted, tmp_path / "other.geojson", **asked)
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other), check_exact=True)
    assert len(one) > 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"roof": "nobody's"}, "--roof: 'nobody's' is unknown in buildings"),
        ({"park": "nobody's"}, "--park: 'nobody's' is unknown"),
    ],
)
def test_an_unknown_place_is_named(
    parted: Inputs, tmp_path: Path, asked: dict[str, str], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        write_layout(parted, tmp_path / "l.geojson", **asked)
    with pytest.raises(InputError, match="buildings: no roof lies there"):
        open_city(parted, near=(120.0, 30.0, 120.001, 30.001))


def test_sources_are_those_of_a_partition_only(
    city: Path, parted_city: Path, tmp_path: Path
) -> None:
    assert len(sources_of(parted_city)) == 1
    assert sources_of(city) == set()
    assert sources_of(tmp_path) == set()
    damaged = tmp_path / "damaged"
    shutil.copytree(parted_city, damaged)
    (damaged / "buildings" / "partition.json").write_text("{", encoding="utf-8")
    assert sources_of(damaged) == set()


# ---- the page of a roof -------------------------------------------------------------------------


@pytest.fixture
def roof(roofs: gpd.GeoDataFrame) -> str:
    return some(roofs)[3]


@pytest.fixture
def opened(parts_out: Path, roof: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open the page of the roof with a city folder at hand."""
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.setenv("PVPLAN_RUNS", str(parts_out.parent))

    def open_page(city: Path) -> AppTest:
        monkeypatch.setenv("PVPLAN_CITIES", str(city))
        return app_at("roof", {"roof": roof, "lang": "en"}, patience_s=120)

    return open_page


def told(app: AppTest) -> list[str]:
    return [str(one.value) for one in app.info]


@pytest.mark.usefixtures("read")
def test_the_page_draws_the_modules_of_a_run_in_parts(
    opened: Callable[..., AppTest],
    parted_city: Path,
    plan: Plan,
    roofs: gpd.GeoDataFrame,
    roof: str,
) -> None:
    app = opened(parted_city)
    job = looks.ask(plan, parted_city, roof)
    assert job.outcome is not None
    look = job.outcome.result(timeout=120)
    assert len(look.modules) == roofs.loc[roof, "module_count"] > 0
    app.run()
    assert not app.exception, app.exception
    assert say("layout_geojson", "en") in [one.label for one in app.get("download_button")]
    assert say("look_in_parts", "en") not in told(app)
    assert not app.warning
    outlook = looks.ask_outlook(plan, parted_city, roof, said(roof, "name", "x")[:0])
    assert outlook.outcome is not None
    assert np.isfinite(outlook.outcome.result(timeout=120).ratios["lcoe_cny_per_kwh"])


@pytest.mark.usefixtures("read")
def test_what_needs_the_whole_city_is_told(
    opened: Callable[..., AppTest], parts_out: Path, parted_city: Path, plan: Plan, roof: str
) -> None:
    path = facts.file_of(plan, parts_out)
    path.parent.mkdir(exist_ok=True)
    rows = said(roof, "height_m", "31")
    append_corrections(path, rows.to_dict("records"))
    try:
        app = opened(parted_city)
        assert say("recount_in_parts", "en") in told(app)
    finally:
        path.unlink()
    # Its modules are drawn with the correction; another day would need the whole city.
    corrected = looks.ask(plan, parted_city, roof, rows)
    assert corrected.outcome is not None
    assert corrected.outcome.result(timeout=120).roof["height_m"] == 31.0
    assert looks.folder_of(plan) == parted_city
    assert days.city_folder(plan) is None


def test_without_its_partition_a_run_in_parts_is_not_looked_at(
    opened: Callable[..., AppTest], city: Path, plan: Plan, roofs: gpd.GeoDataFrame
) -> None:
    """The file that the partition was made from would be read whole: it does not serve."""
    app = opened(city)
    assert say("look_in_parts", "en") in told(app)
    assert looks.folder_of(plan) is None
    assert looks.folder_of(replace(plan, roof_parts=(), roofs=roofs)) == city


def test_a_run_in_one_piece_knows_its_partition_too(
    city: Path,
    parted_city: Path,
    plan: Plan,
    roofs: gpd.GeoDataFrame,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "shanghai"
    shutil.copytree(parted_city, folder)
    file = folder / inputs_of_folder(city).buildings.name
    monkeypatch.setenv("PVPLAN_CITIES", str(folder))
    in_one = replace(plan, roof_parts=(), roofs=roofs)
    assert looks.folder_of(in_one) == folder
    # What city.toml names decides, whatever else lies there.
    file.write_text("another city", encoding="utf-8")
    assert looks.folder_of(in_one) == folder
    file.unlink()
    assert looks.folder_of(in_one) == folder
    inputs = [
        {**noted, "sha256": "0" * 64} if noted["role"] == "buildings" else noted
        for noted in plan.meta["inputs"]
    ]
    other = {**plan.meta, "inputs": inputs}
    assert looks.folder_of(replace(in_one, meta=other)) is None
    shutil.copyfile(city / file.name, file)
    assert looks.folder_of(replace(in_one, meta=other)) is None

"""Corrections of roofs' facts: kept beside the estimates, used by runs, recounted like a run."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from pvplan.__main__ import main
from pvplan.corrected import correct
from pvplan.errors import InputError
from pvplan.gather import state_of
from pvplan.opened import OpenCity, open_city
from pvplan.reports.phrases import in_chinese
from pvplan.run import inputs_of_folder, run_city
from pvplan.sources.corrections import (
    HEAD,
    NOTHING_THERE,
    Obstruction,
    append_corrections,
    fault_of,
    holding,
    read_corrections,
    read_obstruction,
    rows_of,
    write_obstruction,
)
from pvplan.tables import CORRECTED, FACTS, PLAN_ROOFS, ROOFS, Plan, names

AS_OF = date(2026, 11, 22)
CRS = "EPSG:32651"
EAST, NORTH = 352_000.0, 3_453_000.0
SIDE = 4


def row(roof_id: str, fact: str, value: str, **words: str) -> dict[str, str]:
    said = dict.fromkeys(HEAD, "") | {
        "roof_id": roof_id, "fact": fact, "value": value, "recorded_by": "Li",
        "recorded_at": "2026-11-22T10:00:00+08:00", "evidence": "as-built drawing 12",
    }  # fmt: skip
    return said | words


def degrees(x: float, y: float) -> shapely.Point:
    point = gpd.GeoSeries([shapely.Point(EAST + x, NORTH + y)], crs=CRS).to_crs("EPSG:4326")
    return point.iloc[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen roofs close together, one far away; a register, obstructions and a park."""
    place = tmp_path_factory.mktemp("corrected") / "city"
    place.mkdir()
    shapes = [shapely.box(0, 0, 60, 40 + 10 * (n % 3)) for n in range(SIDE * SIDE)]
    shapes = [
        shapely.affinity.translate(
            shapely.affinity.rotate(shape, 7.0 * n),
            EAST + 90 * (n % SIDE),
            NORTH + 80 * (n // SIDE),
        )
        for n, shape in enumerate(shapes)
    ]
    shapes.append(shapely.box(EAST + 6000, NORTH, EAST + 6080, NORTH + 50))
    count = len(shapes)
    gpd.GeoDataFrame(
        {
            "id": [f"b{n:02d}" for n in range(count)],
            "use": "industrial",
            "height": [8.0 + 3.0 * (n % 5) for n in range(count)],
            "completed_on": [None if n % 2 else "2015-01-01" for n in range(count)],
            "roof_form": [None if n % 3 else "flat_concrete" for n in range(count)],
        },
        geometry=shapes, crs=CRS,
    ).to_crs("EPSG:4326").to_file(place / "b.geojson")  # fmt: skip
    park = shapely.box(EAST - 100, NORTH - 100, EAST + 500, NORTH + 500)
    gpd.GeoDataFrame({"id": ["p"], "name_zh": ["甲"]}, geometry=[park], crs=CRS).to_crs(
        "EPSG:4326"
    ).to_file(place / "parks.geojson")
    gpd.GeoDataFrame(
        {"radius_m": [3.0], "height_m": [1.0]}, geometry=[degrees(30, 20)], crs="EPSG:4326"
    ).to_file(place / "o.geojson")
    pd.DataFrame(
        {"system_id": ["s1", "s2"], "roof_id": ["b01", "b05"], "capacity_dc_kw": [40.0, 90.0],
         "status": "commissioned", "commissioned_on": ["2024-06-01", "2025-02-01"]}
    ).to_csv(place / "r.csv", index=False)  # fmt: skip
    (place / "city.toml").write_text(
        '[city]\nid = "small"\nname_zh = "小城"\nname_en = "Small"\nmetric_crs = "EPSG:32651"\n'
        '[inputs]\nbuildings = "b.geojson"\nparks = "parks.geojson"\nregister = "r.csv"\n'
        'obstructions = "o.geojson"\n',
        encoding="utf-8",
    )
    return place


WORDS: list[dict[str, str]] = [
    row("b05", "height_m", "31"),
    row("b02", "roof_form", "flat_concrete"),
    row("b03", "surveyed_load_kn_per_m2", "0.6"),
    row("b07", "completed_on", "1990-05-01"),
    row("b09", "obstruction", NOTHING_THERE),
    row("b00", "name", "1号厂房"),
    row("b00", "renewal_year", "2031"),
]


@pytest.fixture(scope="module")
def plain(folder: Path) -> Plan:
    return run_city(inputs_of_folder(folder), as_of=AS_OF)


@pytest.fixture(scope="module")
def city(folder: Path) -> OpenCity:
    return open_city(inputs_of_folder(folder))


def words_with_obstruction(city: OpenCity) -> list[dict[str, str]]:
    middle = city.gathered.buildings.geometry["b10"].representative_point()
    there = gpd.GeoSeries([middle], crs=CRS).to_crs("EPSG:4326").iloc[0]
    return [*WORDS, row("b10", "obstruction", write_obstruction(Obstruction(there, 4.0, 2.0)))]


def told(rows: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="row"), dtype=object)


@pytest.fixture(scope="module")
def whole(folder: Path, city: OpenCity, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A full run with the corrections."""
    path = tmp_path_factory.mktemp("words") / "corrections.csv"
    append_corrections(path, words_with_obstruction(city))
    inputs = replace(inputs_of_folder(folder), corrections=path)
    return run_city(inputs, as_of=AS_OF)


def test_what_is_recounted_equals_a_full_run_digit_for_digit(
    plain: Plan, city: OpenCity, whole: Plan
) -> None:
    after = city.corrected(told(words_with_obstruction(city)))
    found = after.recount(city, pd.DataFrame(plain.roofs), AS_OF)
    roofs = found.measures.roofs
    for column in names(PLAN_ROOFS):
        ours, theirs = roofs[column], whole.roofs[column]
        same = (ours == theirs) | (ours.isna() & theirs.isna())
        assert same.all(), f"{column}: {list(roofs.index[~same])}"
    measured = found.measures.measured.goals.set_index(["goal_id", "level", "place_id"])
    run = whole.goals.set_index(["goal_id", "level", "place_id"])
    pd.testing.assert_series_equal(measured["gap_dc_kw"], run["gap_dc_kw"])
    for column in ("capacity_dc_kw", "energy_ac_kwh_per_year", "feasible_dc_kw"):
        assert found.measures.tables["park"].loc["p", column] == whole.parks.loc["p", column]


def test_only_what_can_change_is_computed_anew(plain: Plan, city: OpenCity) -> None:
    form = city.corrected(told([row("b02", "roof_form", "flat_concrete")]))
    assert list(form.recount(city, pd.DataFrame(plain.roofs), AS_OF).changed) == ["b02"]
    tall = city.corrected(told([row("b05", "height_m", "31")]))
    moved = tall.recount(city, pd.DataFrame(plain.roofs), AS_OF).changed
    assert {"b05", "b01", "b09", "b06"} <= set(moved)
    assert "b16" not in moved
    back = city.corrected(told([row("b05", "height_m", "31"), row("b05", "height_m", "")]))
    assert not len(back.recount(city, pd.DataFrame(plain.roofs), AS_OF).changed)


def test_one_goal_alone_is_measured_as_among_all(plain: Plan, city: OpenCity) -> None:
    after = city.corrected(told([row("b02", "roof_form", "flat_concrete")]))
    every = after.recount(city, pd.DataFrame(plain.roofs), AS_OF).measures.measured.goals
    goal = str(every["goal_id"].iloc[-1])
    alone = after.recount(city, pd.DataFrame(plain.roofs), AS_OF, goal).measures.measured.goals
    wanted = every[every["goal_id"] == goal].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, wanted, check_dtype=False)
    assert len(every) > len(alone)


def test_a_taller_neighbour_takes_light_from_those_around(plain: Plan, whole: Plan) -> None:
    lost = whole.roofs["beam_shading_fraction"] - plain.roofs["beam_shading_fraction"]
    assert lost["b09"] > 0.0
    assert lost["b05"] <= 0.0


def test_each_fact_changes_what_it_should(plain: Plan, whole: Plan) -> None:
    before, after = plain.roofs, whole.roofs
    height, form = ["height_m", "height_source"], ["roof_form", "roof_form_source"]
    assert after.loc["b05", height].tolist() == [31.0, CORRECTED]
    assert before.loc["b02", form].tolist() == ["metal_sheet", "inferred"]
    assert after.loc["b02", form].tolist() == ["flat_concrete", CORRECTED]
    assert before.loc["b03", "structure_state"] == "needs_survey"
    assert after.loc["b03", "structure_state"] == "usable"
    assert after.loc["b03", "capacity_needs_survey_dc_kw"] == 0.0
    assert after.loc["b07", "completed_on"] == pd.Timestamp("1990-05-01")
    # The share that stood for what nobody had drawn is given back.
    assert after.loc["b09", "usable_area_m2"] > before.loc["b09", "usable_area_m2"]
    assert after.loc["b00", "name"] == "1号厂房"
    far = [frame.loc["b16", names(ROOFS)].dropna() for frame in (before, after)]
    pd.testing.assert_series_equal(*far)


def test_estimate_and_actual_stand_in_the_record_of_the_run(whole: Plan) -> None:
    kept = {(one["roof_id"], one["fact"]): one for one in whole.meta["corrections"]}
    height = kept["b05", "height_m"]
    assert (height["estimate"], height["estimate_source"], height["value"]) == (
        "8.0", "given", "31",
    )  # fmt: skip
    assert height["recorded_by"] == "Li"
    assert kept["b02", "roof_form"]["estimate_source"] == "inferred"
    assert kept["b09", "obstruction"]["estimate_source"] == "share"
    roles = {noted["role"] for noted in whole.meta["inputs"]}
    assert "corrections" in roles
    counts = whole.meta["counts"]
    assert counts["corrections_rows_read"] == len(kept) == counts["corrections_rows_used"]


def test_a_run_without_corrections_has_another_fingerprint(plain: Plan, whole: Plan) -> None:
    assert plain.meta["fingerprint"] != whole.meta["fingerprint"]
    assert plain.meta["corrections"] == []


# --- the file -----------------------------------------------------------------------------------


def test_the_file_only_grows_and_the_last_word_holds(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "c.csv"
    append_corrections(path, [row("b1", "height_m", "12")])
    first = path.read_bytes()
    append_corrections(path, [row("b1", "height_m", "14", recorded_by="Wang")])
    append_corrections(path, [row("b2", "height_m", "9"), row("b2", "height_m", "")])
    assert path.read_bytes().startswith(first)
    found = read_corrections(path)
    assert found.holding[["roof_id", "value", "recorded_by"]].to_numpy().tolist() == [
        ["b1", "14", "Wang"]
    ]
    assert dict(found.counts) == {
        "rows_read": 4, "rows_used": 1, "rows_superseded": 3, "rows_rejected": 0,
    }  # fmt: skip


def test_obstructions_gather_until_a_word_clears_them() -> None:
    one, two = (f"POINT (121.{n} 31.2); radius_m=2" for n in (1, 2))
    said = [row("b1", "obstruction", value) for value in (one, two)]
    assert len(holding(told(said), "c").holding) == 2
    cleared = [*said, row("b1", "obstruction", NOTHING_THERE)]
    assert holding(told(cleared), "c").holding["value"].tolist() == [NOTHING_THERE]
    taken_back = [*cleared, row("b1", "obstruction", ""), row("b1", "obstruction", two)]
    assert holding(told(taken_back), "c").holding["value"].tolist() == [two]


@pytest.mark.parametrize("order", [("none", "point"), ("point", "none")])
def test_what_is_added_after_nothing_stood_there_stands(
    folder: Path, city: OpenCity, tmp_path: Path, order: tuple[str, str]
) -> None:
    point = words_with_obstruction(city)[-1]
    said = {"none": row("b10", "obstruction", NOTHING_THERE), "point": point}
    append_corrections(tmp_path / "c.csv", [said[one] for one in order])
    inputs = replace(inputs_of_folder(folder), corrections=tmp_path / "c.csv")
    gathered = open_city(inputs).gathered
    assert gathered.obstructions is not None
    place = gathered.buildings.index.get_loc("b10")
    assert gathered.obstructions[place].is_empty == (order[-1] == "none")


def test_text_comes_back_as_it_was_and_is_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    notes = [
        "=cmd|' /C calc'!A0",
        "'=1+1",
        '"quoted", with comma',
        "<img src=x onerror=1>",
        "多行\n文字",
    ]
    append_corrections(path, [row("b1", "name", "x", evidence=note) for note in notes])
    assert rows_of(path)["evidence"].tolist() == notes
    assert ",=cmd" not in path.read_text(encoding="utf-8-sig")


def test_many_writers_lose_no_row(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"

    def write(writer: int) -> None:
        for number in range(8):
            append_corrections(path, [row(f"b{writer}", "height_m", str(10 + number))])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows_of(path).groupby("roof_id").size().tolist() == [8] * 4


BAD = {
    "colour": "red", "roof_form": "dome", "height_m": "0.2", "surveyed_load_kn_per_m2": "nan",
    "completed_on": "2019-13-01", "renewal_year": "2030.5", "obstruction": "POINT (121 31)",
}  # fmt: skip


@pytest.mark.parametrize(("fact", "value"), BAD.items())
def test_what_cannot_be_is_refused_before_it_is_written(
    tmp_path: Path, fact: str, value: str
) -> None:
    path = tmp_path / "c.csv"
    with pytest.raises(InputError):
        append_corrections(path, [row("b1", "name", "good"), row("b1", fact, value)])
    assert not path.exists()
    assert in_chinese(fault_of(row("b1", fact, value)))


@pytest.mark.parametrize(
    "value",
    [
        "LINESTRING (121 31, 122 32)", "POINT (nan 31); radius_m=2", "POINT (121 31); radius_m=1e9",
        "POINT (221 31); radius_m=2", "POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))", "POINT EMPTY", "x",
        "POINT (121 31); radius=2", "POLYGON ((0 0, 1 1",
        shapely.to_wkt(shapely.Point(121, 31).buffer(1, quad_segs=200)),
    ],
)  # fmt: skip
def test_an_obstruction_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(InputError):
        read_obstruction(value)


def test_an_obstruction_comes_back_as_it_was_written() -> None:
    for given in (
        Obstruction(shapely.Point(121.4461234, 31.2020001), 2.5, 1.0),
        Obstruction(shapely.box(121.1, 31.1, 121.2, 31.2)),
    ):
        back = read_obstruction(write_obstruction(given))
        assert back is not None
        assert shapely.equals_exact(back.shape, given.shape)
        assert (back.radius_m, back.height_m) == (given.radius_m, given.height_m)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"), (b"a,b\n1,2\n", "columns are missing"), (b"\xff\xfe\x00", "UTF-8"),
        (",".join(HEAD).encode() + b'\n"open', "no CSV"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_corrections(path)


# --- the command --------------------------------------------------------------------------------


def test_the_command_uses_a_file_and_accounts_for_every_row(folder: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "c.csv", tmp_path / "out"
    append_corrections(
        path,
        [
            row("b05", "height_m", "20"), row("b05", "height_m", "21"), row("b77", "height_m", "9"),
            row("b01", "obstruction", "POINT (120.0 30.0); radius_m=2"),
        ],
    )  # fmt: skip
    text = path.read_text(encoding="utf-8-sig")
    path.write_text(text + text.splitlines()[1].replace("20", "2000") + "\n", encoding="utf-8")
    words = ["run", str(folder), "--corrections", str(path), "--as-of", "2026-11-22"]
    assert main([*words, "--out", str(out)]) == 0
    meta = json.loads((out / "run.json").read_text(encoding="utf-8"))
    counts = {key: n for key, n in meta["counts"].items() if key.startswith("corrections_")}
    assert counts == {
        "corrections_rows_read": 5, "corrections_rows_used": 1,
        "corrections_rows_superseded": 1, "corrections_rows_rejected": 3,
    }  # fmt: skip
    rejected = pd.read_csv(out / "rejected.csv")
    refused = rejected[rejected["input"] == "corrections"]
    assert sorted(refused["row"]) == [3, 4, 5]
    assert refused["reason_zh"].notna().all()
    assert [one["value"] for one in meta["corrections"]] == ["21"]
    roofs = gpd.read_parquet(out / "roofs.parquet").set_index("roof_id", drop=False)
    assert roofs.loc["b05", "height_source"] == CORRECTED


def test_a_city_folder_may_name_its_corrections(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "city"
    place.mkdir()
    for file in folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    append_corrections(place / "c.csv", [row("b05", "height_m", "20")])
    toml = (place / "city.toml").read_text(encoding="utf-8")
    (place / "city.toml").write_text(toml + 'corrections = "c.csv"\n', encoding="utf-8")
    opened = open_city(inputs_of_folder(place))
    assert opened.gathered.buildings.loc["b05", "height_m"] == 20.0
    assert opened.gathered.files.footprints.buildings.loc["b05", "height_m"] == 20.0


def test_every_fact_has_a_range_or_words() -> None:
    for fact in FACTS:
        if fact.kind in ("number", "count"):
            assert fact.low is not None
            assert fact.high is not None


def test_an_obstruction_stays_on_the_roof_that_it_names(city: OpenCity) -> None:
    """Also where that roof is not among those that are assessed, but only stands beside them."""
    state, rules = state_of(city.gathered), city.world.assumptions
    middle = state.buildings.geometry["b11"].representative_point()
    there = gpd.GeoSeries([middle], crs=CRS).to_crs("EPSG:4326").iloc[0]
    word = write_obstruction(Obstruction(there, 4.0, 90.0))
    rows = holding(told([row("b11", "obstruction", word)]), "c.csv")
    one = replace(state, buildings=state.buildings.loc[["b10", "b11"]], obstructions=None)
    one = replace(one, drawn=None)
    beside, own = correct(one, rows, rules, "c.csv").obstructions
    assert beside is None
    assert own.intersects(state.buildings.geometry["b10"])  # its clearance reaches that far
    alone = replace(one, buildings=one.buildings.loc[["b10"]])
    found = correct(alone, rows, rules, "c.csv")
    assert found.obstructions.tolist() == [None]
    assert found.used.rejected.empty


def test_estimates_tell_value_and_source(city: OpenCity) -> None:
    told_of = city.estimates("b02")
    assert list(told_of) == names(FACTS)
    assert told_of["roof_form"] == ("metal_sheet", "inferred")
    assert told_of["height_m"] == ("14.0", "given")
    assert told_of["completed_on"] == ("2015-01-01", "given")
    assert told_of["obstruction"][1] == "share"
    assert city.estimates("b00")["obstruction"][1] == "given"


def test_figures_of_one_roof_are_those_of_the_run(city: OpenCity, plain: Plan) -> None:
    row_of = city.figures("b06")
    for column in ("capacity_dc_kw", "energy_ac_kwh_per_year", "beam_shading_fraction"):
        assert row_of[column] == plain.roofs.loc["b06", column]
    ratios = city.ratios(pd.DataFrame(plain.roofs))
    assert np.isfinite(ratios.loc["b06", "lcoe_cny_per_kwh"])


def test_a_recount_refuses_the_roofs_of_another_city(city: OpenCity, plain: Plan) -> None:
    with pytest.raises(InputError, match="other roofs"):
        city.recount(city, pd.DataFrame(plain.roofs.iloc[1:]), AS_OF)

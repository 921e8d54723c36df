"""Whole runs: the bundled city, the four laws across its files, real input, bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from pvplan.__main__ import main
from pvplan.reports.reading import read_plan
from pvplan.run import BUNDLED, Inputs, inputs_of_folder, run_city, write_run
from pvplan.tables import MONTHS, OUTSIDE_PARKS, PLAN_ROOFS, Plan, sum_names

AS_OF = date(2026, 11, 22)
CSWD = "wx_shanghai_cswd_epw/CHN_Shanghai.Shanghai.583620_CSWD.epw"
LUJIAZUI = "bld_shanghai_lujiazui_osm/buildings.geojson"
DATAV = "adm_shanghai_districts_datav/310000_geojson_full.json"
NANSHAN = "bld_shenzhen_nanshan/nanshan-building.geojson"
XINWU = "park_wuxi_xinwu_landuse/xinwu_land_use.gpkg"


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    out = tmp_path_factory.mktemp("run") / "shanghai"
    plan = run_city(inputs_of_folder(BUNDLED / "shanghai"), as_of=AS_OF)
    return write_run(plan, out), out


def csv(out: Path, name: str) -> pd.DataFrame:
    words = {"park_id": str, "district_id": str, "place_id": str}
    return pd.read_csv(out / name, encoding="utf-8-sig", index_col=0, dtype=words)


def thousandths(values: pd.Series) -> int:
    return int(np.rint(values.to_numpy(dtype=float) * 1000.0).astype(np.int64).sum())


# ---- the first law: conservation, across every file -------------------------------------------


@pytest.fixture(scope="module")
def written(bundled: tuple[Plan, Path]) -> dict[str, pd.DataFrame]:
    """Tables of the run's files: roofs, levels, and the levels' layers of the GeoPackage."""
    out = bundled[1]
    levels = ("parks", "districts")
    layers = {
        f"layer {level}": gpd.read_file(out / "plan.gpkg", layer=level).set_index(
            f"{level[:-1]}_id"
        )
        for level in levels
    }
    tables = {level: csv(out, f"{level}.csv") for level in (*levels, "city")}
    return {"roofs": gpd.read_parquet(out / "roofs.parquet"), **tables, **layers}


@pytest.mark.parametrize("column", sum_names(PLAN_ROOFS))
def test_every_sum_is_the_same_at_every_level(
    bundled: tuple[Plan, Path], written: dict[str, pd.DataFrame], column: str
) -> None:
    roofs, city = written["roofs"], written["city"]
    assert thousandths(roofs[column]) == thousandths(city[column])
    for level in ("parks", "districts"):
        table, layer = written[level], written[f"layer {level}"]
        assert thousandths(table[column]) == thousandths(city[column])
        both = layer.index.intersection(table.index)
        assert (layer.loc[both, column] == table.loc[both, column]).all()
        by_place = roofs.groupby(f"{level[:-1]}_id")[column].apply(thousandths)
        assert dict(by_place.items()) == {
            k: thousandths(table.loc[[k], column]) for k in by_place.index
        }
    assert thousandths(bundled[0].roofs[column]) == thousandths(city[column])


def test_ratios_come_from_sums(bundled: tuple[Plan, Path]) -> None:
    parks = csv(bundled[1], "parks.csv")
    built = parks[parks["capacity_dc_kw"] > 0]
    expected = built["energy_ac_kwh_per_year"] / built["capacity_dc_kw"]
    assert np.allclose(built["specific_yield_kwh_per_kw"], expected, atol=1e-6)
    months = sum(parks[f"energy_ac_kwh_{month}"] for month in MONTHS)
    assert np.allclose(months, parks["energy_ac_kwh_per_year"], atol=1e-3)


def test_the_gap_is_target_less_installed_everywhere(bundled: tuple[Plan, Path]) -> None:
    goals = csv(bundled[1], "goals.csv").reset_index()
    known = goals["gap_dc_kw"].notna()
    difference = goals["target_dc_kw"] - goals["installed_dc_kw"] - goals["gap_dc_kw"]
    assert known.any()
    assert difference[known].abs().max() < 2e-3
    for (goal, level), group in goals[goals["level"] != "city"].groupby(["goal_id", "level"]):
        city = goals[(goals["goal_id"] == goal) & (goals["level"] == "city")].iloc[0]
        assert abs(group["target_dc_kw"].sum() - city["target_dc_kw"]) < 1e-2, (goal, level)
        assert thousandths(group["installed_dc_kw"]) == thousandths(
            goals.loc[[city.name], "installed_dc_kw"]
        )


# ---- the third law: nothing is lost ------------------------------------------------------------


def test_rows_in_are_rows_used_and_rows_rejected(bundled: tuple[Plan, Path]) -> None:
    counts = bundled[0].meta["counts"]
    assert counts["buildings_rows_read"] == (
        counts["buildings_rows_used"] + counts["buildings_rows_rejected"]
    )
    register = pd.read_csv(BUNDLED / "shanghai" / "register.csv")
    refused = bundled[0].rejected.query("input == 'register' and done == 'rejected'")
    assert len(bundled[0].ledger) + len(refused) == len(register)
    unmatched = bundled[0].rejected.query("done == 'unmatched'")
    assert len(unmatched) == (bundled[0].ledger["matched_by"] == "none").sum() > 0


# ---- the second law: splitting and shuffling change nothing -------------------------------------


@pytest.mark.long
def test_half_the_roofs_in_another_order_keep_every_digit(
    bundled: tuple[Plan, Path], tmp_path: Path
) -> None:
    city = tmp_path / "city"
    shutil.copytree(BUNDLED / "shanghai", city)
    content = json.loads((city / "buildings.geojson").read_text(encoding="utf-8"))
    content["features"] = content["features"][::-2]
    (city / "buildings.geojson").write_text(json.dumps(content), encoding="utf-8")
    # Without half of the buildings less is in the shade; the area method knows no neighbour.
    screening = {"layout.method": "screening"}
    half = run_city(inputs_of_folder(city), as_of=AS_OF, mapper=map, user=screening)
    whole = run_city(inputs_of_folder(BUNDLED / "shanghai"), as_of=AS_OF, user=screening)
    # A system whose roof is gone may be found to stand on its neighbour.
    moved = ("installed_dc_kw", "under_construction_dc_kw", "filed_dc_kw", "feasible_dc_kw",
             "remainder_dc_kw", "over_potential_dc_kw")  # fmt: skip
    columns = [c for c in sum_names(PLAN_ROOFS) if c not in moved]
    same = whole.roofs.loc[half.roofs.index, columns]
    assert 4000 < len(half.roofs) < len(bundled[0].roofs)
    pd.testing.assert_frame_equal(half.roofs[columns], same, check_exact=True)


# ---- the fourth law: same inputs, same fingerprint, same bytes ----------------------------------


def test_the_same_run_writes_the_same_bytes(bundled: tuple[Plan, Path], bundled_run: Path) -> None:
    again = read_plan(bundled_run)
    assert again.meta["fingerprint"] == bundled[0].meta["fingerprint"]
    for path in sorted(bundled[1].iterdir()):
        assert path.read_bytes() == (bundled_run / path.name).read_bytes(), path.name


@pytest.mark.long
def test_any_assumption_moves_the_fingerprint(bundled: tuple[Plan, Path]) -> None:
    inputs = inputs_of_folder(BUNDLED / "shanghai")
    other = run_city(inputs, as_of=AS_OF, user={"finance.capex_cny_per_kw_dc": "2800"})
    assert other.meta["fingerprint"] != bundled[0].meta["fingerprint"]
    city, was = other.city.iloc[0], bundled[0].city.iloc[0]
    saved = 200.0 * was["capacity_dc_kw"]
    assert city["capex_cny"] == pytest.approx(was["capex_cny"] - saved, rel=1e-9)
    assert city["energy_ac_kwh_per_year"] == was["energy_ac_kwh_per_year"]


# ---- the numbers are believable ----------------------------------------------------------------


def test_the_bundled_city_is_believable(bundled: tuple[Plan, Path]) -> None:
    plan = bundled[0]
    city = plan.city.iloc[0]
    assert 1_000_000 < city["capacity_dc_kw"] < 15_000_000
    assert 950 < city["specific_yield_kwh_per_kw"] < 1_130
    assert 0.74 < city["performance_ratio_fraction"] < 0.84
    assert 60 < city["capacity_density_w_per_m2"] < 150
    assert plan.roofs["capacity_dc_kw"].div(plan.roofs["footprint_area_m2"]).max() < 0.21
    assert set(plan.roofs["source"]) == {"demonstration"}
    assert OUTSIDE_PARKS in plan.parks.index
    verdicts = plan.goals[plan.goals["level"] == "city"].set_index("goal_id")["verdict"]
    assert verdicts["industrial_1gw_2025"] == "missed"
    assert verdicts["industrial_full_2030"] in ("behind", "on_track")
    assert verdicts["city_4500mw_2027"] == "not_assessable"


def test_what_is_read_back_is_what_was_found(bundled: tuple[Plan, Path]) -> None:
    again = read_plan(bundled[1])
    columns = sum_names(PLAN_ROOFS)
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.roofs[columns]),
        pd.DataFrame(bundled[0].roofs[columns]),
        check_exact=True,
        check_index_type=False,
    )
    assert again.meta["fingerprint"] == bundled[0].meta["fingerprint"]


# ---- real input --------------------------------------------------------------------------------


def test_dirty_footprints_with_districts_in_a_wrong_datum(shared_data: Path) -> None:
    inputs = Inputs(
        shared_data / LUJIAZUI, districts=shared_data / DATAV, weather=shared_data / CSWD
    )
    wrong = run_city(inputs, as_of=AS_OF)
    right = run_city(
        Inputs(
            inputs.buildings,
            districts=inputs.districts,
            weather=inputs.weather,
            datum={"districts": "gcj02"},
        ),
        as_of=AS_OF,
    )
    counts = right.meta["counts"]
    assert counts["buildings_rows_read"] == 1981
    assert counts["buildings_rows_used"] + counts["buildings_rows_rejected"] == 1981
    assert 1000 < len(right.roofs) <= 1450
    assert any("--districts-datum gcj02" in warning for warning in wrong.meta["warnings"])
    assert not any("--districts-datum" in warning for warning in right.meta["warnings"])
    assert any("0.953 × GHI" in warning for warning in right.meta["warnings"])
    assert right.meta["weather"]["redecomposed"]
    # The Oriental Pearl tower stands in Pudong, whichever side 480 m would put it.
    pearl = gpd.GeoSeries([shapely.Point(121.4952, 31.2419)], crs="EPSG:4326").to_crs(32651)
    near = right.roofs.to_crs(32651).distance(pearl.iloc[0]).idxmin()
    assert right.roofs.loc[near, "district_id"] == "310115"
    assert (right.districts["roof_count"] != wrong.districts["roof_count"]).any()


def test_another_city_runs_with_weather_and_is_refused_without(shared_data: Path) -> None:
    with pytest.raises(Exception, match="no bundled climate covers") as caught:
        run_city(Inputs(shared_data / NANSHAN), as_of=AS_OF)
    assert "--weather" in str(caught.value)
    weather = shared_data / "wx_east_asia_epw" / "TWN_Taipei.466960_IWEC.epw"
    plan = run_city(Inputs(shared_data / NANSHAN, weather=weather), as_of=AS_OF)
    assert plan.meta["counts"]["buildings_rows_read"] == 10
    assert len(plan.roofs) > 5400
    assert plan.goals.empty
    assert plan.city["installed_dc_kw"].isna().all()
    assert any("km from the roofs" in warning for warning in plan.meta["warnings"])


def test_parks_elsewhere_are_said_to_overlap_nothing(shared_data: Path) -> None:
    siping = shared_data / "bld_shanghai_siping_cityscope" / "Buildings.shp"
    plan = run_city(Inputs(siping, parks=shared_data / XINWU, parks_where="Class=3"), as_of=AS_OF)
    assert any("none of the 435 overlaps any roof" in w for w in plan.meta["warnings"])
    assert plan.parks.loc[OUTSIDE_PARKS, "roof_count"] == len(plan.roofs)
    assert any("bundled base year" in w for w in plan.meta["warnings"])


# ---- bad input: an error that names file, value and remedy; nothing half written ----------------


def squares(count: int = 3, **columns: object) -> gpd.GeoDataFrame:
    shapes = [
        shapely.box(121.5 + 0.001 * n, 31.2, 121.5005 + 0.001 * n, 31.2004) for n in range(count)
    ]
    rows = {"id": [f"b{n}" for n in range(count)], **columns}
    return gpd.GeoDataFrame(rows, geometry=shapes, crs="EPSG:4326")


def stop(capsys: pytest.CaptureFixture[str], out: Path, *words: str | Path) -> str:
    """Run the command line, expect a mendable fault, return its text."""
    assert main(["run", *map(str, words), "--out", str(out)]) == 2
    assert not out.exists()
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("height", "seen"),
    [([10.0, -2.0, 8.0], "-2"), ([9999.0, 10.0, 8.0], "9999"), (["ten", "9", "8"], "ten")],
)
def test_impossible_heights_stop_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], height: list[object], seen: str
) -> None:
    path = tmp_path / "b.geojson"
    squares(height=height).to_file(path)
    text = stop(capsys, tmp_path / "out", "--buildings", path)
    assert "b.geojson" in text
    assert seen in text
    assert "height" in text


def test_a_crossing_ring_is_mended_and_listed(tmp_path: Path) -> None:
    path = tmp_path / "b.geojson"
    bow = shapely.Polygon([(121.5, 31.2), (121.5005, 31.2004), (121.5005, 31.2), (121.5, 31.2004)])
    rows = squares()
    rows.loc[0, "geometry"] = bow
    rows.to_file(path)
    assert main(["run", "--buildings", str(path), "--out", str(tmp_path / "out")]) == 0
    rejected = csv(tmp_path / "out", "rejected.csv").reset_index()
    assert (rejected["done"] == "altered").any()


UNKNOWN: list[tuple[list[str], str]] = [
    (["--set", "finance.capex_cny_per_kw=1"], "finance.capex_cny_per_kw_dc"),
    (["--set", "finance.capex_cny_per_kw_dc=cheap"], "a number"),
    (["--set", "module.power_w"], "key=value"),
    (["--scenario", "low_cost"], "low_cost_2026"),
    (["--map", "height=H"], "height_m"),
    (["--map", "height_m=Hoehe"], "Hoehe"),
]


@pytest.mark.parametrize(("words", "remedy"), UNKNOWN, ids=lambda item: str(item)[:40])
def test_unknown_words_name_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], remedy: str
) -> None:
    path = tmp_path / "b.geojson"
    squares(H=[9.0, 8.0, 7.0]).to_file(path)
    assert remedy in stop(capsys, tmp_path / "out", "--buildings", path, *words)


def test_nothing_to_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--buildings" in stop(capsys, tmp_path / "out")
    assert "city.toml" in stop(capsys, tmp_path / "out", tmp_path)
    assert "nowhere.geojson" in stop(
        capsys, tmp_path / "out", "--buildings", tmp_path / "nowhere.geojson"
    )


def test_a_register_in_the_wrong_unit_stops_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, register = tmp_path / "b.geojson", tmp_path / "r.csv"
    squares().to_file(path)
    register.write_text(
        "system_id,roof_id,capacity_dc_kw,status,commissioned_on\n"
        + "".join(f"s{n},b{n},0.1{n},commissioned,2020-01-01\n" for n in range(3)),
        encoding="utf-8",
    )
    text = stop(capsys, tmp_path / "out", "--buildings", path, "--register", register)
    assert "MW" in text
    assert "unit" in text


def edited_epw(source: Path, target: Path, edit: Callable[[list[str]], list[str]]) -> Path:
    lines = source.read_text(encoding="latin-1").splitlines()
    target.write_text("\n".join(lines[:8] + edit(lines[8:])) + "\n", encoding="latin-1")
    return target


@pytest.mark.parametrize(
    ("edit", "seen"),
    [
        (lambda rows: [*rows, rows[-1]], "8761"),
        (lambda rows: rows[:4000] + rows[4010:], "8750"),
    ],
    ids=["one row too many", "a gap"],
)
def test_a_year_must_be_whole(
    shared_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    edit: Callable[[list[str]], list[str]],
    seen: str,
) -> None:
    path = tmp_path / "b.geojson"
    squares().to_file(path)
    epw = edited_epw(shared_data / CSWD, tmp_path / "w.epw", edit)
    text = stop(capsys, tmp_path / "out", "--buildings", path, "--weather", epw)
    assert "w.epw" in text
    assert seen in text.replace(" ", "").replace(",", "")


def test_weather_of_the_other_hemisphere_is_refused(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.geojson"
    squares().to_file(path)
    lines = (shared_data / CSWD).read_text(encoding="latin-1").splitlines()
    place = lines[0].split(",")
    place[6] = str(-float(place[6]))
    epw = tmp_path / "south.epw"
    epw.write_text("\n".join([",".join(place), *lines[1:]]) + "\n", encoding="latin-1")
    text = stop(capsys, tmp_path / "out", "--buildings", path, "--weather", epw)
    assert "south.epw" in text


def test_a_raster_that_misses_the_city_is_an_error(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.geojson"
    squares().to_file(path)
    raster = shared_data / "ras_gsa_benin" / "GHI.tif"
    text = stop(capsys, tmp_path / "out", "--buildings", path, "--irradiance", raster)
    assert "GHI.tif" in text
    assert "km" in text


def test_an_interrupt_leaves_the_old_result(
    bundled: tuple[Plan, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(bundled[1], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pvplan.__main__.write_run", interrupted)
    path = tmp_path / "b.geojson"
    squares().to_file(path)
    assert main(["run", "--buildings", str(path), "--out", str(out)]) == 130
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = capsys.readouterr().out
    for word in ("--irradiance-unit", "--weather-label", "--districts-datum", "kWp", "default"):
        assert word in text
    assert main(["assumptions"]) == 0
    listed = capsys.readouterr().out
    assert "finance.capex_cny_per_kw_dc = 3000.0 [CNY/kW]" in listed


# ---- hourly, on request ------------------------------------------------------------------------


def test_the_hours_of_a_park_sum_to_its_months(bundled: tuple[Plan, Path], tmp_path: Path) -> None:
    out = tmp_path / "hours.csv"
    words = [str(BUNDLED / "shanghai"), "--park", "zhangjiang", "--out", str(out)]
    assert main(["hourly", *words]) == 0
    power = pd.read_csv(out, encoding="utf-8-sig", index_col=0)["power_ac_kw"]
    assert len(power) == 8760
    park = bundled[0].parks.loc["zhangjiang"]
    months = power.groupby(power.index.str[5:7]).sum()
    for month in MONTHS:
        assert months[month] == pytest.approx(park[f"energy_ac_kwh_{month}"], rel=1e-6)
    assert power.max() <= park["capacity_ac_kw"] * 1.001
    assert (power[power.index.str[11:13].isin(["00", "01", "02", "22", "23"])] == 0.0).all()


def test_an_unknown_park_names_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "hours.csv"
    words = [str(BUNDLED / "shanghai"), "--park", "zangjiang", "--out", str(out)]
    assert main(["hourly", *words]) == 2
    assert "zhangjiang" in capsys.readouterr().err
    assert not out.exists()

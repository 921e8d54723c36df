"""From planes to modules and shade: what the recipes of layout, shading and close looks promise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import rasterio.features
import shapely
from rasterio.transform import Affine
from shapely import affinity
from shapely.geometry import Point, box

from pvplan.__main__ import main
from pvplan.assess import Around, World, assess, assess_in, inverters_kw, world
from pvplan.assumptions import Assumptions, load
from pvplan.errors import AssumptionError
from pvplan.relief import half_seen, relief, uncovered
from pvplan.study import Study, study
from pvplan.tables import WATERFALL, waterfall_name
from pvplan.yield_table import STEPS
from tests import toy

FAST = {"system.transposition_model": "haydavies"}
FORMS = ["r01", "r02", "r03", "r04"]


def quick(**user: Any) -> Assumptions:
    """Hay-Davies, and what a test changes; dots are written as double underscores."""
    return load(user={**FAST, **{key.replace("__", "."): value for key, value in user.items()}})


def chosen(*ids: str) -> gpd.GeoDataFrame:
    return toy.buildings().loc[list(ids)]


def found(roofs: gpd.GeoDataFrame, around: Around | None = None, **user: Any) -> gpd.GeoDataFrame:
    return assess(roofs, toy.base(), None, quick(**user), around=around)


def tower(x: float, y: float, height: float) -> gpd.GeoDataFrame:
    """One more building, near the first roof of the toy city."""
    row = chosen("r09").copy()
    row.index = ["tower"]
    row.index.name = "roof_id"
    row["height_m"] = height
    shape = affinity.translate(box(-15, -15, 15, 15), toy.EAST + x, toy.NORTH + y)
    return row.set_geometry([shape], crs=row.crs)


def beside(roofs: gpd.GeoDataFrame, *others: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return pd.concat([roofs, *others])


@pytest.fixture(scope="module")
def known() -> World:
    return world(toy.base(), quick(), toy.buildings())


@pytest.fixture(scope="module")
def looked(known: World) -> Study:
    return study(known, chosen(*FORMS), None)


# --- what is laid out ----------------------------------------------------------------------------


def test_every_objective_is_best_at_what_it_asks() -> None:
    roofs = chosen("r01", "r05", "r10")
    by = {goal: found(roofs, layout__objective=goal) for goal in ("kw", "kwh", "lcoe")}
    capacity = {goal: table["capacity_dc_kw"].sum() for goal, table in by.items()}
    energy = {goal: table["energy_ac_kwh_per_year"].sum() for goal, table in by.items()}
    assert capacity["kw"] >= max(capacity.values()) - 1e-6
    # Shading is not part of the choice, so a per mille of energy may lie between choices.
    assert energy["kwh"] >= max(energy.values()) * 0.999
    each = {goal: energy[goal] / capacity[goal] for goal in by}
    assert each["lcoe"] > each["kw"]


def test_arrangement_and_runner_up_are_named_with_their_margin() -> None:
    table = found(chosen(*FORMS))
    assert table.loc["r01", "mounting"] in ("racked", "east_west")
    assert (table.loc[["r02", "r03", "r04"], "mounting"] == "flush").all()
    assert (table["arrangement"] != table["arrangement_runner_up"]).all()
    assert table["arrangement_margin_fraction"].between(0.0, 1.0).all()


def test_a_roof_too_weak_carries_nothing_and_says_how_much() -> None:
    weak = {
        "structure__metal_sheet__sure_kn_per_m2": 0.0,
        "structure__metal_sheet__possible_kn_per_m2": 0.0,
    }
    sound, blocked = found(chosen("r01", "r02")), found(chosen("r01", "r02"), **weak)
    assert list(blocked["structure_state"]) == [sound["structure_state"].iloc[0], "blocked"]
    assert blocked.loc["r02", "capacity_dc_kw"] == 0.0
    assert blocked.loc["r02", "energy_ac_kwh_per_year"] == 0.0
    assert blocked.loc["r02", "capacity_blocked_dc_kw"] == sound.loc["r02", "capacity_dc_kw"] > 0.0
    assert blocked.loc["r01", "capacity_dc_kw"] == sound.loc["r01", "capacity_dc_kw"]


def test_a_mounting_too_heavy_gives_way_to_a_lighter_one() -> None:
    heavy = {"structure__added_load__east_west_kn_per_m2": 4.9}
    assert found(chosen("r01"), layout__objective="kw")["mounting"].iloc[0] == "east_west"
    lighter = found(chosen("r01"), layout__objective="kw", **heavy)
    assert lighter["mounting"].iloc[0] == "racked"


def test_given_obstructions_take_the_place_of_the_share() -> None:
    roofs = chosen("r01", "r02")
    tiny, middle = (Point(toy.EAST, toy.NORTH).buffer(radius) for radius in (0.01, 8.0))
    plain = found(roofs)
    clear = found(roofs, Around(obstructions=np.array([tiny, None])))
    assert clear["capacity_dc_kw"].iloc[0] > plain["capacity_dc_kw"].iloc[0]
    assert clear["usable_area_m2"].iloc[0] == pytest.approx(57.0 * 27.0, rel=0.02)
    # On the other roof nothing was drawn: it may not have been looked at.
    assert clear["capacity_dc_kw"].iloc[1] == plain["capacity_dc_kw"].iloc[1]
    roofs = chosen("r01")
    some = found(roofs, Around(obstructions=np.array([middle])))
    assert some["capacity_dc_kw"].iloc[0] < clear["capacity_dc_kw"].iloc[0]
    whole = found(roofs, Around(obstructions=np.array([roofs.geometry.iloc[0]])))
    assert whole["module_count"].iloc[0] == 0
    assert whole["capacity_dc_kw"].iloc[0] == 0.0
    assert whole["mounting"].iloc[0] is None


def test_inverters_are_real_sizes_within_the_ratio() -> None:
    system = load().system
    given = np.array([0.0, 2.48, 6.0, 149.9, 150.0, 150.1, 10_000.0])
    ac = inverters_kw(given, system)
    assert list(ac[:5]) == [0.0, 3.0, 5.0, 125.0, 125.0]
    assert ac[5] == 2 * 80.0  # 125.1 kW wanted: two of at least 62.6
    assert np.all(given[1:] / ac[1:] <= system.dc_ac_ratio + 1e-9)
    assert ac[6] == 67 * 125.0


# --- shade ---------------------------------------------------------------------------------------


def test_a_taller_neighbour_never_helps_and_nearer_hurts_more() -> None:
    roofs = chosen("r01")
    energies = [
        found(roofs, Around(beside(roofs, tower(0.0, -distance, 60.0))))
        for distance in (400.0, 120.0, 50.0)
    ]
    free = found(roofs)["energy_ac_kwh_per_year"].iloc[0]
    year = [table["energy_ac_kwh_per_year"].iloc[0] for table in energies]
    assert free >= year[0] > year[1] > year[2] > 0.0
    shade = [table["beam_shading_fraction"].iloc[0] for table in energies]
    assert shade == sorted(shade)
    assert energies[2]["sky_view_fraction"].iloc[0] < 0.95


def test_a_low_neighbour_changes_nothing() -> None:
    roofs = chosen("r01")
    beneath = found(roofs, Around(beside(roofs, tower(0.0, -50.0, 11.9))))
    pd.testing.assert_frame_equal(pd.DataFrame(beneath), pd.DataFrame(found(roofs)))


def test_dark_places_carry_no_modules() -> None:
    roofs = chosen("r01")
    around = Around(beside(roofs, tower(20.0, -32.0, 90.0)))
    dark, free = found(roofs, around), found(roofs)
    assert 0 < dark["module_count"].iloc[0] < free["module_count"].iloc[0]
    allowed = found(roofs, around, shading__max_beam_loss_fraction=1.0)
    assert allowed["module_count"].iloc[0] == free["module_count"].iloc[0]
    each = [
        t["energy_ac_kwh_per_year"].iloc[0] / t["capacity_dc_kw"].iloc[0] for t in (dark, allowed)
    ]
    assert each[0] > each[1]


def test_what_lies_under_a_taller_building_is_no_roof() -> None:
    roofs = chosen("r01")
    over = beside(roofs, tower(20.0, 0.0, 13.0))
    covered = found(roofs, Around(over))
    assert covered["usable_area_m2"].iloc[0] < found(roofs)["usable_area_m2"].iloc[0] * 0.75


def test_modules_stay_off_the_ground_of_taller_buildings_with_a_surface_model(
    tmp_path: Path,
) -> None:
    roofs = chosen("r01")
    over = beside(roofs, tower(20.0, 0.0, 13.0))
    rules = quick()
    model, seen_from = relief(surface(tmp_path / "dsm.tif", over), roofs.crs, rules.shading)
    assert uncovered(model, roofs) is None
    known = world(toy.base(), rules, over, seen_from)
    modules = study(known, roofs, None).modules
    assert len(modules) > 100
    assert modules.intersection(over.geometry.iloc[1]).area.max() < 1e-6


def test_a_building_that_covers_little_is_cut_out_too() -> None:
    """A stair tower between all points of the first look."""
    roofs = chosen("r01")
    stairs = tower(0.0, 0.0, 60.0).set_geometry([box(0, 0, 3, 3)], crs=roofs.crs)
    stairs = (
        stairs.translate(toy.EAST + 4.0, toy.NORTH + 3.0)
        .to_frame("geometry")
        .join(stairs.drop(columns="geometry"))
    )
    known = world(toy.base(), quick(), beside(roofs, gpd.GeoDataFrame(stairs, crs=roofs.crs)))
    modules = study(known, roofs, None).modules
    assert modules.intersection(stairs.geometry.iloc[0]).area.max() < 1e-6


def test_a_close_look_says_the_load_in_numbers(looked: Study) -> None:
    zh, en = looked.bearing
    states = looked.roofs["structure_state"]
    assert all("kN/m²" in text for text in zh)
    assert ["survey" in text for text in en] == list(states != "usable")


def test_teeth_of_a_saw_tooth_roof_shade_each_other() -> None:
    roofs = chosen("r03")
    assert found(roofs)["roof_form"].iloc[0] == "saw_tooth"
    near = found(roofs)["waterfall_rows_kwh"].iloc[0]
    far = found(roofs, surfaces__saw_tooth_plan_fraction=0.4)["waterfall_rows_kwh"].iloc[0]
    energy = found(roofs)["energy_ac_kwh_per_year"].iloc[0]
    assert -0.06 * energy < near < -0.002 * energy
    assert near < far < 0.0


def test_a_block_without_any_plane_for_modules_is_told_as_such() -> None:
    alone = chosen("r03")
    small = alone.set_geometry(alone.geometry.scale(0.02, 0.02))
    table = found(small)
    assert table["capacity_dc_kw"].iloc[0] == 0.0
    assert table["energy_ac_kwh_per_year"].iloc[0] == 0.0


def test_partial_shade_costs_more_than_its_share() -> None:
    roofs = chosen("r01")
    around = Around(beside(roofs, tower(0.0, -45.0, 60.0)))
    losses = [
        -found(roofs, around, **words)["waterfall_horizon_beam_kwh"].iloc[0]
        for words in (
            {"shading__partial_factor": 1.0},
            {"shading__partial_factor": 1.5},
            {"shading__partial_model": "worst_point"},
        )
    ]
    assert losses[0] < losses[1] <= losses[2]
    assert losses[1] <= 1.5 * losses[0] * 1.001


def test_the_waterfall_adds_up_exactly(known: World) -> None:
    table = assess_in(known, toy.buildings(), toy.monthly_ghi(12))
    steps = table[[waterfall_name(step) for step in WATERFALL]].to_numpy(dtype=np.float64)
    thousandths = np.rint(steps * 1000.0).astype(np.int64).sum(axis=1)
    energy = np.rint(table["energy_ac_kwh_per_year"].to_numpy() * 1000.0).astype(np.int64)
    assert np.array_equal(thousandths, energy)
    assert tuple(WATERFALL) == STEPS
    # What takes light away is never a gain.
    for step in ("horizon_beam", "horizon_sky", "rows", "incidence", "soiling", "inverter"):
        assert (table[waterfall_name(step)] <= 0.001).all(), step
    shaded = table["beam_shading_fraction"] > 0.001
    assert shaded.any()
    assert (table.loc[shaded, "waterfall_horizon_beam_kwh"] < 0.0).all()


# --- a surface model -----------------------------------------------------------------------------


def surface(path: Path, roofs: gpd.GeoDataFrame, cell_m: float = 1.0) -> Path:
    """Write the prisms of some buildings as a surface model around the first roof."""
    west, north, size = toy.EAST - 400.0, toy.NORTH + 400.0, int(800 / cell_m)
    transform = Affine(cell_m, 0.0, west, 0.0, -cell_m, north)
    pairs = zip(roofs.geometry, roofs["height_m"], strict=True)
    height = rasterio.features.rasterize(
        pairs, (size, size), transform=transform, fill=4.0, dtype="float32"
    )
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=1, dtype="float32",
        crs=roofs.crs, transform=transform,
    ) as raster:  # fmt: skip
        raster.write(height, 1)
        raster.units = ("m",)
    return path


def test_a_surface_model_of_prisms_says_what_the_prisms_say(tmp_path: Path) -> None:
    roofs = chosen("r01")
    all_of_them = beside(roofs, tower(0.0, -60.0, 60.0))
    bare = {"layout__flat_concrete__parapet_height_m": 0.0}
    rules = quick(**bare)
    model, seen_from = relief(surface(tmp_path / "dsm.tif", all_of_them), roofs.crs, rules.shading)
    assert uncovered(model, roofs) is None
    by_surface = found(roofs, Around(all_of_them, terrain=seen_from), **bare)
    by_prisms = found(roofs, Around(all_of_them), **bare)
    column = "beam_shading_fraction"
    assert by_prisms[column].iloc[0] > 0.02
    assert by_surface[column].iloc[0] == pytest.approx(by_prisms[column].iloc[0], rel=0.06)
    assert by_surface["energy_ac_kwh_per_year"].iloc[0] == pytest.approx(
        by_prisms["energy_ac_kwh_per_year"].iloc[0], rel=0.01
    )


def test_roofs_beyond_a_surface_model_are_counted_and_told_by_prisms(tmp_path: Path) -> None:
    roofs = chosen("r01", "r09")
    path = surface(tmp_path / "dsm.tif", roofs)
    model, seen_from = relief(path, roofs.crs, quick().shading)
    assert "1 of 2 roofs lie outside" in str(uncovered(model, roofs))
    # The raster is 800 m wide: all of the ground within 100 m of its middle, and not within 1 km.
    near = replace(quick().shading, terrain_max_distance_m=100.0)
    assert half_seen(model, roofs, near) is None
    far = replace(near, terrain_max_distance_m=1000.0)
    assert "around 1 of 2 roofs 84.0% of the ground within 1000 m" in str(
        half_seen(model, roofs, far)
    )
    table = found(roofs, Around(terrain=seen_from))
    alone = found(roofs)
    assert table.loc["r09", "energy_ac_kwh_per_year"] == alone.loc["r09", "energy_ac_kwh_per_year"]


# --- close looks ---------------------------------------------------------------------------------


def test_modules_are_those_that_were_counted(looked: Study) -> None:
    counted = looked.modules.groupby("roof_id").size()
    assert counted.to_dict() == looked.roofs["module_count"].to_dict()
    for roof, own in looked.modules.groupby("roof_id"):
        assert list(own["rank"]) == list(range(1, len(own) + 1))
        assert own["energy_ac_kwh_per_year"].is_monotonic_decreasing
        total = looked.roofs.loc[roof, "energy_ac_kwh_per_year"]
        assert own["energy_ac_kwh_per_year"].sum() == pytest.approx(total, rel=1e-9)
    assert looked.modules["module_id"].is_unique


def test_modules_lie_within_the_usable_polygon_and_apart(looked: Study) -> None:
    usable = dict(zip(looked.roofs.index, looked.usable, strict=True))
    for roof, own in looked.modules.groupby("roof_id"):
        shapes = own.geometry.to_numpy()
        assert shapely.covers(shapely.buffer(usable[roof], 1e-4), shapes).all()
        first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        distinct = first < second
        overlap = shapely.area(
            shapely.intersection(shapes[first[distinct]], shapes[second[distinct]])
        )
        assert overlap.max(initial=0.0) < 1e-6


def test_pairs_face_both_ways() -> None:
    every = {"layout__objective": "kw", "layout__flat_concrete__obstruction_fraction": 0.0}
    known = world(toy.base(), quick(**every), chosen("r01"))
    modules = study(known, chosen("r01"), None).modules
    assert set(modules["mounting"]) == {"east_west"}
    sides = modules.groupby("surface_azimuth").size()
    assert len(sides) == 2
    assert abs(np.diff(sides.index)[0]) == pytest.approx(180.0, abs=0.01)
    assert sides.iloc[0] == sides.iloc[1]
    # Of a pair the module that faces one way stands on that side.
    one, other = (modules[modules["surface_azimuth"] == side].centroid for side in sides.index)
    toward = np.radians(sides.index[0])
    apart = (one.x.mean() - other.x.mean()) * np.sin(toward)
    apart += (one.y.mean() - other.y.mean()) * np.cos(toward)
    assert 1.0 < apart < 2.5


def test_modules_near_a_wall_yield_less() -> None:
    roofs = chosen("r01")
    beneath = beside(roofs, tower(-25.0, -40.0, 40.0))
    modules = study(world(toy.base(), quick(), beneath), roofs, None).modules
    distance = modules.geometry.centroid.distance(Point(toy.EAST - 25.0, toy.NORTH - 25.0))
    energy = modules["energy_ac_kwh_per_year"].to_numpy()
    near, far = np.argsort(distance.to_numpy())[:20], np.argsort(distance.to_numpy())[-20:]
    assert energy[near].mean() < 0.97 * energy[far].mean()


def test_horizon_and_sun_paths_are_drawn_in_degrees(looked: Study, known: World) -> None:
    bins = known.assumptions.shading.azimuth_bins
    assert (looked.horizon.groupby("roof_id").size() == bins).all()
    assert (looked.horizon["highest_deg"] >= looked.horizon["elevation_deg"] - 1e-4).all()
    noon = looked.sun.groupby("day")["elevation_deg"].max()
    assert noon.loc[172] == pytest.approx(90.0 - 31.2 + 23.44, abs=0.3)
    assert noon.loc[356] == pytest.approx(90.0 - 31.2 - 23.44, abs=0.3)


def test_screening_places_no_modules() -> None:
    screening = quick(layout__method="screening")
    with pytest.raises(AssumptionError, match=r"layout\.method=packed"):
        study(world(toy.base(), screening, chosen("r01")), chosen("r01"), None)


# --- the command ---------------------------------------------------------------------------------


def test_the_layout_command_writes_a_roof_and_names_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city = str(toy.WEATHER_FILE.parent)
    roof = json.loads((toy.WEATHER_FILE.parent / "buildings.geojson").read_text("utf-8"))
    known = roof["features"][0]["properties"]["id"]
    out = tmp_path / "roof.geojson"
    assert main(["layout", city, "--roof", known, "--out", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    drawn = json.loads(out.read_text("utf-8"))
    assert f"{len(drawn['features'])} modules on 1 roofs" in said
    energy = [one["properties"]["energy_ac_kwh_per_year"] for one in drawn["features"]]
    assert energy == sorted(energy, reverse=True)
    assert drawn["pvplan"]["fingerprint"]
    assert main(["layout", city, "--roof", f"{known}x", "--out", str(out)]) == 2
    assert f"did you mean '{known}'" in " ".join(capsys.readouterr().err.split())
    assert main(["layout", city, "--roof", known, "--out", str(tmp_path / "roof.pdf")]) == 2
    assert "neither F.geojson nor F.dxf" in " ".join(capsys.readouterr().err.split())

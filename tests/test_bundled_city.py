"""The bundled city: reproducible to the byte, honest about itself, and true to the facts."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import geopandas as gpd
import numpy as np
import pandas as pd
import pvlib
import pytest
import rasterio
import shapely

CITY = Path(__file__).resolve().parents[1] / "data" / "rooftops" / "shanghai"
GENERATED = (
    "parks.geojson",
    "districts.geojson",
    "buildings.geojson",
    "register.csv",
    "irradiance.tif",
    "weather.csv",
)
METRIC_CRS = "EPSG:32651"
MONTHS = range(1, 13)


@pytest.fixture(scope="module")
def parks() -> gpd.GeoDataFrame:
    return gpd.read_file(CITY / "parks.geojson").to_crs(METRIC_CRS).set_index("id")


@pytest.fixture(scope="module")
def districts() -> gpd.GeoDataFrame:
    return gpd.read_file(CITY / "districts.geojson").set_index("id")


@pytest.fixture(scope="module")
def buildings() -> gpd.GeoDataFrame:
    return gpd.read_file(CITY / "buildings.geojson").to_crs(METRIC_CRS).set_index("id")


@pytest.fixture(scope="module")
def register() -> pd.DataFrame:
    return pd.read_csv(CITY / "register.csv", parse_dates=["filed_on", "commissioned_on"])


@pytest.fixture(scope="module")
def stations() -> pd.DataFrame:
    return pd.read_csv(CITY / "facts" / "stations.csv", comment="#").set_index("station")


@pytest.fixture(scope="module")
def monthly() -> pd.DataFrame:
    return pd.read_csv(CITY / "facts" / "baoshan_monthly.csv", comment="#").set_index("month")


@pytest.fixture(scope="module")
def hours() -> pd.DataFrame:
    """The base year with the sun of the middle of each hour, computed here anew."""
    weather = pd.read_csv(CITY / "weather.csv", comment="#")
    middle = pd.DatetimeIndex(pd.to_datetime(weather["time"])) - pd.Timedelta(minutes=30)
    sun = pvlib.solarposition.spa_python(middle, 31.40, 121.45, 6.7)
    weather["month"] = middle.month
    weather["cos_zenith"] = np.maximum(np.cos(np.radians(sun["zenith"].to_numpy())), 0.0)
    # By day number: with an index pvlib 0.16 calls what pandas 3.1 deprecates.
    weather["dni_extra"] = pvlib.irradiance.get_extra_radiation(middle.day_of_year.to_numpy())
    return weather


@pytest.fixture(scope="module")
def raster_maker() -> Iterator[ModuleType]:
    sys.path.insert(0, str(CITY))
    try:
        yield importlib.import_module("generator.raster")
    finally:
        sys.path.remove(str(CITY))


def station_ghi(stations: pd.DataFrame, station: int) -> np.ndarray:
    columns = [f"ghi_{month:02d}_kwh_per_m2" for month in MONTHS]
    return stations.loc[station, columns].to_numpy(float)


def read_pixel(longitude_deg: float, latitude_deg: float) -> np.ndarray:
    """Twelve months of the pixel, found by counting rows from the north."""
    with rasterio.open(CITY / "irradiance.tif") as raster:
        row = int((31.95 - latitude_deg) / 0.05)
        column = int((longitude_deg - 120.80) / 0.05)
        return np.asarray(raster.read()[:, row, column], dtype=float)


# --- reproduction -----------------------------------------------------------------------------


def test_the_generator_reproduces_the_committed_bytes(tmp_path: Path) -> None:
    # Neither the folder nor locale, time zone or hash seed may matter.
    subprocess.run(
        [sys.executable, "-W", "error", str(CITY / "generate.py"), "--out", str(tmp_path)],
        check=True,
        cwd=tmp_path,
        env={"PYTHONHASHSEED": "77", "LC_ALL": "C", "TZ": "America/Lima"},
        timeout=120,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(GENERATED)
    changed = [n for n in GENERATED if (tmp_path / n).read_bytes() != (CITY / n).read_bytes()]
    assert not changed, f"generate.py no longer writes the committed bytes of {changed}"


def test_the_city_file_names_every_generated_file_and_its_datum() -> None:
    city = tomllib.loads((CITY / "city.toml").read_text(encoding="utf-8"))
    inputs = dict(city["inputs"])
    datum = inputs.pop("datum")
    assert sorted(inputs.values()) == sorted(GENERATED)
    assert set(datum.values()) == {"wgs84"}
    assert city["city"]["demonstration"] is True
    assert city["city"]["metric_crs"] == METRIC_CRS


def test_the_files_stay_small() -> None:
    assert (CITY / "buildings.geojson").stat().st_size < 5_000_000
    assert sum((CITY / name).stat().st_size for name in GENERATED) < 6_000_000


# --- honesty ----------------------------------------------------------------------------------


def test_every_row_says_that_it_is_a_demonstration(
    parks: gpd.GeoDataFrame,
    districts: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    register: pd.DataFrame,
) -> None:
    for table in (parks, districts, buildings, register):
        assert (table["source"] == "demonstration").all()
    assert "# source: demonstration" in (CITY / "weather.csv").read_text(encoding="utf-8")
    assert parks["note_zh"].str.contains("示意轮廓").all()
    assert districts["note_zh"].str.contains("非行政界线").all()


def test_parks_that_hold_a_sample_or_a_core_say_so(parks: gpd.GeoDataFrame) -> None:
    sampled = parks["blocks_filled_fraction"] < 0.98
    assert parks.loc[sampled, "note_en"].str.contains("a sample").all()
    known = parks["area_known_km2"].notna()
    core = known & ((parks["area_outline_km2"] - parks["area_known_km2"]).abs() > 0.02)
    assert 0 < core.sum() < known.sum()
    assert parks.loc[core, "note_en"].str.contains("schematic core").all()


# --- parks and districts ----------------------------------------------------------------------


def test_parks_are_the_real_ones_at_their_places(parks: gpd.GeoDataFrame) -> None:
    facts = pd.read_csv(CITY / "facts" / "parks.csv", comment="#").set_index("id")
    assert len(parks) >= 45
    assert list(parks.index) == list(facts.index)
    assert parks["name_zh"].is_unique
    assert (parks["name_zh"] == facts["name_zh"]).all()
    pins = gpd.GeoSeries(
        gpd.points_from_xy(facts["longitude_deg"], facts["latitude_deg"]),
        index=facts.index,
        crs="EPSG:4326",
    ).to_crs(METRIC_CRS)
    # A pin lies in its outline, on the edge that it marks, or no farther off than its own error.
    assert parks.geometry.distance(pins).max() < 2000.0
    assert (parks["place_shift_m"] <= 2000).all()


def test_outlines_have_the_area_they_state_and_keep_apart(parks: gpd.GeoDataFrame) -> None:
    # The UTM scale factor makes areas in the metric CRS up to 0.1 % smaller than on the ground.
    assert np.allclose(parks.area / 1e6, parks["area_outline_km2"], atol=6e-4)
    assert parks.is_valid.all()
    corners = parks.geometry.count_coordinates() - 1
    assert corners.between(5, 9).all()
    first, second = parks.sindex.query(parks.geometry, predicate="dwithin", distance=100.0)
    assert (first == second).all()


def test_districts_are_a_partition(districts: gpd.GeoDataFrame) -> None:
    assert len(districts) == 16
    assert districts["area_land_km2"].sum() == pytest.approx(6340.50)
    assert districts.is_valid.all()
    assert shapely.coverage_is_valid(districts.geometry.to_numpy())
    whole = shapely.coverage_union_all(districts.geometry.to_numpy())
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 0


def test_parks_lie_in_their_district_except_those_that_straddle(
    parks: gpd.GeoDataFrame, districts: gpd.GeoDataFrame
) -> None:
    cells = districts.to_crs(METRIC_CRS)
    own = cells.geometry.loc[parks["district_id"]].set_axis(parks.index)
    inside = parks.intersection(own).area / parks.area
    straddling = {"caohejing": "310112", "chemical-industry-park": "310120"}
    assert inside.drop(list(straddling)).min() > 1.0 - 1e-6
    for park_id, other in straddling.items():
        shared = parks.geometry[park_id].intersection(cells.geometry[other]).area
        assert 0.5 < inside[park_id] < 0.8
        assert inside[park_id] + shared / parks.area[park_id] == pytest.approx(1.0, abs=1e-6)


# --- buildings --------------------------------------------------------------------------------


def test_each_roof_lies_in_exactly_its_park(
    parks: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame
) -> None:
    named = buildings.index.str.rsplit("-", n=1).str[0]
    roofs, touched = parks.sindex.query(buildings.geometry, predicate="intersects")
    assert (named[roofs] == parks.index[touched]).all()
    assert len(roofs) == (named != "outside").sum()
    mine = parks.geometry.loc[named[roofs]].to_numpy()
    assert shapely.within(buildings.geometry.to_numpy()[roofs], mine).all()
    assert 140 <= (named == "outside").sum() <= 160
    assert set(parks.index) <= set(named)


def test_roofs_are_valid_and_keep_their_distance(buildings: gpd.GeoDataFrame) -> None:
    assert len(buildings) >= 8000
    assert buildings.index.is_unique
    assert buildings.is_valid.all()
    assert (buildings.geom_type == "Polygon").all()
    # 8 m less what rounding to 1 cm can take.
    first, second = buildings.sindex.query(buildings.geometry, predicate="dwithin", distance=7.95)
    assert (first == second).all()


def test_roofs_lie_in_a_district(buildings: gpd.GeoDataFrame, districts: gpd.GeoDataFrame) -> None:
    whole = shapely.coverage_union_all(districts.to_crs(METRIC_CRS).geometry.to_numpy())
    assert buildings.within(whole).all()


def test_buildings_look_like_an_industrial_city(
    parks: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame
) -> None:
    area = buildings.area
    assert area.between(200, 30_000).all()
    assert 2000 < area.median() < 3500
    assert (area > 10_000).sum() > 200
    park = buildings.index.str.rsplit("-", n=1).str[0]
    cover = area.groupby(park).sum().drop("outside") / parks.area
    full = parks["blocks_filled_fraction"] == 1.0
    assert full.sum() >= 8
    assert cover[full].between(0.24, 0.36).all()
    assert cover.max() < 0.36
    plain = buildings.geometry.count_coordinates() == 5
    assert 0.5 < plain.mean() < 0.85
    assert (buildings.geometry.count_interior_rings() > 0).sum() >= 20


def test_the_record_of_buildings_has_the_gaps_it_promises(buildings: gpd.GeoDataFrame) -> None:
    assert set(buildings["roof_form"].dropna()) == {
        "flat_concrete",
        "metal_sheet",
        "saw_tooth",
        "pitched",
    }
    assert set(buildings["use"]) == {"workshop", "warehouse", "office", "laboratory", "dormitory"}
    assert buildings["height"].dropna().between(7, 46).all()
    no_height = buildings["height"].isna()
    no_floors = buildings["floors"].isna()
    assert 0.04 < (no_height & ~no_floors).mean() < 0.06
    assert 0.01 < (no_height & no_floors).mean() < 0.03
    assert not (no_floors & ~no_height).any()
    assert 0.03 < buildings["roof_form"].isna().mean() < 0.05
    completed = pd.to_datetime(buildings["completed_on"])
    assert 0.05 < completed.isna().mean() < 0.07
    assert completed.min() >= pd.Timestamp("1990-01-01")
    assert completed.max() <= pd.Timestamp("2025-12-31")
    assert 0.08 <= (completed >= "2022-01-01").mean() <= 0.12


# --- register ---------------------------------------------------------------------------------


def test_the_register_is_plausible_for_the_roofs_it_names(
    register: pd.DataFrame, buildings: gpd.GeoDataFrame
) -> None:
    assert register["system_id"].is_unique
    assert 900 <= len(register) <= 1200
    on_roof = register[register["roof_id"].isin(buildings.index)]
    w_per_m2 = on_roof.groupby("roof_id")["capacity_dc_kw"].sum() * 1000.0
    w_per_m2 = w_per_m2 / buildings.area.loc[w_per_m2.index]
    assert w_per_m2.between(15, 130).all()
    completed = pd.to_datetime(buildings["completed_on"]).loc[on_roof["roof_id"]].to_numpy()
    assert not (completed > on_roof["commissioned_on"].to_numpy()).any()
    placed = on_roof[on_roof["longitude"].notna()]
    spots = gpd.GeoSeries(
        gpd.points_from_xy(placed["longitude"], placed["latitude"]), crs="EPSG:4326"
    ).to_crs(METRIC_CRS)
    roofs = buildings.geometry.loc[placed["roof_id"]].to_numpy()
    assert shapely.distance(spots.to_numpy(), roofs).max() < 0.2


def test_the_register_grows_and_falls_short_of_the_goal(register: pd.DataFrame) -> None:
    commissioned = register[register["status"] == "commissioned"]
    by_2025 = commissioned[commissioned["commissioned_on"] <= "2025-12-31"]
    assert 450_000 < by_2025["capacity_dc_kw"].sum() < 600_000
    per_year = commissioned.groupby(commissioned["commissioned_on"].dt.year).size()
    assert per_year.loc[2012] < per_year.loc[2017] < per_year.loc[2021] < per_year.loc[2024]
    assert (
        pd.Timestamp("2026-10-01")
        <= commissioned["commissioned_on"].max()
        <= pd.Timestamp("2026-10-31")
    )
    ahead = register["status"].isin(["filed", "under construction"])
    assert (register["commissioned_on"].isna() == ahead).all()
    assert (register["filed_on"] < register["commissioned_on"])[~ahead].all()
    assert set(register["status"]) == {"filed", "under construction", "commissioned", "retired"}


def test_the_register_has_the_flaws_of_real_ones(
    register: pd.DataFrame, buildings: gpd.GeoDataFrame, parks: gpd.GeoDataFrame
) -> None:
    no_roof, no_park = register["roof_id"].isna(), register["park"].isna()
    no_place = register["longitude"].isna()
    unknown = ~no_roof & ~register["roof_id"].isin(buildings.index)
    assert 0.03 < (no_roof & no_place & ~no_park).mean() < 0.055
    assert 0.01 < (no_roof & no_park & ~no_place).mean() < 0.035
    assert 0.005 < (unknown & no_park & no_place).mean() < 0.02
    assert set(register["park"].dropna()) <= set(parks["name_zh"])


# --- irradiance raster ------------------------------------------------------------------------


def test_the_raster_carries_its_units_and_lies_on_the_absolute_grid() -> None:
    with rasterio.open(CITY / "irradiance.tif") as raster:
        assert raster.count == 12
        assert set(raster.dtypes) == {"float32"}
        assert raster.crs.to_epsg() == 4326
        assert raster.nodata == -9999.0
        assert raster.tags()["units"] == "kWh/m2/month"
        assert raster.tags()["variable"] == "GHI"
        assert "China Daily Solar Radiation Dataset" in raster.tags()["source"]
        assert raster.descriptions == tuple(f"GHI {month:02d}" for month in MONTHS)
        assert raster.transform.e < 0.0
        edges = np.array(raster.bounds) / 0.05
        assert np.allclose(edges, np.round(edges), atol=1e-6)
        assert np.allclose(raster.bounds, (120.80, 30.60, 122.30, 31.95))


def test_the_raster_holds_the_stations_where_they_stand(stations: pd.DataFrame) -> None:
    for station, row in stations.drop([58354, 58457]).iterrows():
        pixel = read_pixel(row["longitude_deg"], row["latitude_deg"])
        assert np.abs(pixel - station_ghi(stations, int(str(station)))).max() < 1.5, station


def test_the_raster_is_the_right_way_up() -> None:
    with rasterio.open(CITY / "irradiance.tif") as raster:
        sampled = next(iter(raster.sample([(121.50, 31.66)])))
    chongming, xuhui = read_pixel(121.50, 31.66), read_pixel(121.43, 31.20)
    fengxian = read_pixel(121.50, 30.88)
    assert np.allclose(sampled, chongming)
    assert chongming.sum() > xuhui.sum() + 90.0
    # North and south differ most in July, the south being sunnier: a flipped raster shows it.
    assert fengxian[6] > chongming[6] + 10.0


def test_raster_nodata_is_what_lies_beyond_fifty_kilometres(stations: pd.DataFrame) -> None:
    with rasterio.open(CITY / "irradiance.tif") as raster:
        months = raster.read()
    empty = (months == -9999.0).all(axis=0)
    assert ((months == -9999.0).any(axis=0) == empty).all()
    latitude = 31.95 - 0.05 * (np.arange(27) + 0.5)
    longitude = 120.80 + 0.05 * (np.arange(30) + 0.5)
    nearest = np.full(empty.shape, np.inf)
    for _, row in stations.iterrows():
        north = (latitude[:, None] - row["latitude_deg"]) * 110.9
        east = (longitude[None, :] - row["longitude_deg"]) * 111.3 * np.cos(np.radians(31.2))
        nearest = np.minimum(nearest, np.hypot(north, east))
    clear = np.abs(nearest - 50.0) > 0.5
    assert (empty == (nearest > 50.0))[clear].all()
    filled = months[:, ~empty]
    assert ((filled > 45.0) & (filled < 170.0)).all()


def test_the_raster_covers_every_roof(buildings: gpd.GeoDataFrame) -> None:
    spots = buildings.representative_point().to_crs("EPSG:4326")
    with rasterio.open(CITY / "irradiance.tif") as raster:
        january = raster.read(1)
    rows = ((31.95 - spots.y) / 0.05).astype(int)
    columns = ((spots.x - 120.80) / 0.05).astype(int)
    assert (january[rows, columns] > 0.0).all()


def test_the_interpolation_is_the_best_of_those_compared(raster_maker: ModuleType) -> None:
    stations = pd.read_csv(CITY / "facts" / "stations.csv", comment="#")
    rmse = {
        name: float(np.sqrt((raster_maker.leave_one_out(stations, method) ** 2).mean()))
        for name, method in raster_maker.METHODS.items()
    }
    print({name: round(error, 1) for name, error in rmse.items()})
    assert min(rmse, key=lambda name: rmse[name]) == raster_maker.METHOD
    # The figures that the README states.
    assert rmse[raster_maker.METHOD] == pytest.approx(50.6, abs=0.05)
    assert rmse["inverse distance, power 2"] == pytest.approx(52.8, abs=0.05)
    assert rmse["nearest station"] == pytest.approx(61.1, abs=0.05)


def test_inverse_distance_by_hand(raster_maker: ModuleType) -> None:
    places = np.array([[0.0, 0.0], [3000.0, 0.0]])
    values = np.array([[10.0], [100.0]])
    found = raster_maker.inverse_distance(2.0)(places, values, np.array([[1000.0, 0.0]]))
    # Weights 1/1 and 1/4: (10 + 25) / 1.25.
    assert found[0, 0] == pytest.approx(28.0)


# --- base year --------------------------------------------------------------------------------


def test_the_weather_file_is_a_whole_year_of_hours() -> None:
    lines = (CITY / "weather.csv").read_text(encoding="utf-8").splitlines()
    head = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    assert head["format"] == "pvplan weather 1"
    assert (head["latitude"], head["longitude"]) == ("31.4000", "121.4500")
    assert (head["timezone"], head["label"]) == ("+08:00", "end")
    body = [line for line in lines if not line.startswith("#")]
    assert body[0] == "time,ghi,dni,dhi,temp_air,wind_speed"
    times = pd.DatetimeIndex([line.split(",", 1)[0] for line in body[1:]])
    assert len(times) == 8760
    assert times[0] == pd.Timestamp("2022-01-01T01:00+08:00")
    assert (np.diff(times.asi8) == np.diff(times.asi8)[0]).all()
    assert times[1] - times[0] == pd.Timedelta(hours=1)


def test_monthly_irradiation_is_the_stations(hours: pd.DataFrame, stations: pd.DataFrame) -> None:
    found = hours.groupby("month")["ghi"].sum().to_numpy() / 1000.0
    assert np.abs(found / station_ghi(stations, 58362) - 1.0).max() < 0.001


def test_monthly_diffuse_share_temperature_and_wind(
    hours: pd.DataFrame, monthly: pd.DataFrame
) -> None:
    by_month = hours.groupby("month")
    share = by_month["dhi"].sum() / by_month["ghi"].sum()
    measured = monthly["dhi_kwh_per_m2"] / monthly["ghi_kwh_per_m2"]
    assert (share - measured).abs().max() < 0.005
    assert (by_month["temp_air"].mean() - monthly["temp_air_degc"]).abs().max() < 0.05
    assert (by_month["wind_speed"].mean() - monthly["wind_speed_m_per_s"]).abs().max() < 0.05


def test_the_components_close(hours: pd.DataFrame) -> None:
    rest = hours["dni"] * hours["cos_zenith"] + hours["dhi"] - hours["ghi"]
    assert rest.abs().max() < 0.06


def test_no_hour_breaks_physics(hours: pd.DataFrame) -> None:
    assert not hours.isna().any().any()
    assert (hours[["ghi", "dni", "dhi", "wind_speed"]] >= 0.0).all().all()
    night = hours["cos_zenith"] == 0.0
    assert (hours.loc[night, ["ghi", "dni", "dhi"]] == 0.0).all().all()
    # Rayleigh scattering alone takes a tenth of the beam at sea level.
    assert (hours["dni"] < 0.9 * hours["dni_extra"]).all()
    outside = hours["dni_extra"] * hours["cos_zenith"]
    assert (hours["ghi"] < 0.9 * outside + 0.06).all()
    assert (hours["dhi"] <= hours["ghi"] + 0.06).all()
    high_sun = hours["cos_zenith"] > 0.2
    assert (hours["dhi"] / hours["ghi"])[high_sun].min() > 0.08
    assert hours["temp_air"].between(-12, 42).all()
    assert hours["wind_speed"].max() < 20.0


def test_the_year_has_clear_and_dull_days_as_a_real_one(hours: pd.DataFrame) -> None:
    day = np.arange(8760) // 24
    outside = (hours["dni_extra"] * hours["cos_zenith"]).groupby(day).sum()
    clearness = hours["ghi"].groupby(day).sum() / outside
    assert clearness.min() < 0.10
    assert clearness.max() > 0.65
    assert 0.15 < clearness.std() < 0.25
    assert 0.1 < clearness.autocorr() < 0.5
    # The label is the end of the hour: the middles of the hours, weighted by the light, balance
    # about solar noon, 11:54 at this longitude; a wrong label would move it by half an hour.
    balance = np.average(np.arange(8760) % 24 + 0.5, weights=hours["ghi"])
    assert balance == pytest.approx(11.9, abs=0.15)


def test_clear_hours_hold_less_diffuse_light_than_dull_ones(hours: pd.DataFrame) -> None:
    up = hours[hours["cos_zenith"] > 0.3]
    clearness = up["ghi"] / (up["dni_extra"] * up["cos_zenith"])
    fraction = (up["dhi"] / up["ghi"]).groupby(pd.cut(clearness, [0, 0.2, 0.4, 0.6, 0.8])).mean()
    assert (np.diff(fraction) < -0.1).all()
    assert fraction.iloc[0] > 0.95
    assert fraction.iloc[-1] < 0.30

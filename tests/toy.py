"""The toy city: 12 roofs, 2 parks and outsiders, 2 districts, a tower, a small register.

Everything is what the readers of ``pvplan/sources`` would return, built in code; the weather is
the bundled base year. No network, no files besides that year.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pvlib
import pyproj
import shapely
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from pvplan import assumptions as assuming
from pvplan.assess import assess
from pvplan.assumptions import Assumptions
from pvplan.goal_table import City
from pvplan.plan import Findings, make_plan
from pvplan.roof import weather
from pvplan.sources.weather import read_weather
from pvplan.tables import REJECTED, Floats, Plan, Weather, names

WEATHER_FILE = Path(__file__).resolve().parents[1] / "data/rooftops/shanghai/weather.csv"
CRS = "EPSG:32651"
EAST, NORTH = 352_000.0, 3_453_000.0  # 121.446° E, 31.202° N
CITY = City("toy", "示例市", "Toy city")
AS_OF = date(2026, 11, 22)
GHI_SEED = 20261122
ROOF_COUNT = 12


def _rectangle(x: float, y: float, length: float, width: float, turned: float = 0.0) -> Polygon:
    """A rectangle about (x, y), turned anticlockwise by degrees; metres from the toy's origin."""
    shape = box(-length / 2, -width / 2, length / 2, width / 2)
    return affinity.translate(affinity.rotate(shape, turned), EAST + x, NORTH + y)


def _with_court(x: float, y: float) -> Polygon:
    ring = box(-40, -25, 40, 25).difference(box(-15, -8, 15, 8))
    return affinity.translate(affinity.rotate(ring, 12.0), EAST + x, NORTH + y)


def _twins(x: float, y: float) -> MultiPolygon:
    return MultiPolygon([_rectangle(x, y, 40, 20), _rectangle(x + 60, y + 5, 30, 20)])


# roof: shape, park, district, form, use, completed on, height
_ROOFS: dict[str, tuple[BaseGeometry, Any, Any, Any, Any, Any, float]] = {
    "r01": (_rectangle(0, 0, 60, 30), "P1", "D1", "flat_concrete", "industrial", "2010-06-30", 12),
    "r02": (_rectangle(200, 0, 80, 40, 20), "P1", "D1", None, "industrial", None, 9),
    "r03": (_rectangle(0, 200, 70, 45, -35), "P1", "D1", "saw_tooth", "workshop", "1998-01-01", 8),
    "r04": (_rectangle(200, 200, 30, 12, 70), "P1", "D1", "pitched", "dormitory", None, 10),
    "r05": (_with_court(400, 100), "P1", "D1", None, None, "2015-03-01", 14),
    "r06": (_rectangle(5200, 0, 100, 50, -8), "P2", "D1", None, "warehouse", "2005-01-01", 11),
    "r07": (_twins(5900, 0), "P2", "D2", "flat_concrete", "industrial", "2021-12-31", 15),
    "r08": (_rectangle(6100, 0, 120, 60, 5), "P2", "D2", "metal_sheet", "industrial",
            "2023-05-01", 13),
    "r09": (_rectangle(6300, 0, 30, 30), "P2", "D2", "flat_concrete", "office", "2012-01-01", 120),
    "r10": (_rectangle(0, 3000, 50, 25, 45), None, "D1", "flat_concrete", "industrial", None, 10),
    "r11": (_rectangle(9000, 3000, 40, 14, 30), None, "D2", "pitched", "residential",
            "2001-01-01", 18),
    "r12": (_rectangle(9200, 3000, 2.5, 2.5), None, "D2", "flat_concrete", None, None, 4),
}  # fmt: skip


def buildings() -> gpd.GeoDataFrame:
    """BUILDINGS as the run hands them to ``assess``: metric CRS, park and district joined."""
    shape, park, district, form, use, completed, height = zip(*_ROOFS.values(), strict=True)
    index = pd.Index(list(_ROOFS), name="roof_id", dtype=object)

    def texts(values: Any) -> pd.Series:
        return pd.Series(list(values), index=index, dtype=object)

    table = pd.DataFrame(
        {
            "name": texts([f"roof {key}" for key in _ROOFS]),
            "height_m": np.array(height, dtype=np.float64),
            "height_source": texts(["given"] * 12),
            "roof_form": texts(form),
            "use": texts(use),
            "completed_on": pd.to_datetime(pd.Series(list(completed), index=index)),
            "source": texts(["demonstration"] * 12),
            "park_id": texts(park),
            "district_id": texts(district),
        },
        index=index,
    )
    return gpd.GeoDataFrame(table, geometry=list(shape), crs=CRS)


def _areas(kind: str, rows: dict[str, tuple[str, str, BaseGeometry]]) -> gpd.GeoDataFrame:
    zh, en, shapes = zip(*rows.values(), strict=True)
    index = pd.Index(list(rows), name=f"{kind}_id", dtype=object)
    columns = {"name_zh": list(zh), "name_en": list(en), "source": "demonstration"}
    table = pd.DataFrame(columns, index=index).astype(object)
    return gpd.GeoDataFrame(table, geometry=list(shapes), crs=CRS)


def _box(west: float, south: float, east: float, north: float) -> Polygon:
    return box(EAST + west, NORTH + south, EAST + east, NORTH + north)


def parks(*, with_empty: bool = False) -> gpd.GeoDataFrame:
    """Two parks, the second across the border of the districts; on request one without roofs."""
    rows = {
        "P1": ("张江高科技园区", "Zhangjiang Hi-Tech", _box(-100, -100, 600, 400)),
        "P2": ("临港（新片区）", "Lingang Area", _box(5000, -200, 6500, 200)),
    }
    if with_empty:
        rows["P3"] = ("空园区", "Empty Park", _box(1000, 1000, 1500, 1500))
    return _areas("park", rows)


def districts() -> gpd.GeoDataFrame:
    """Two districts that meet inside the second park."""
    return _areas(
        "district",
        {
            "D1": ("东区", "East", _box(-2000, -2000, 5500, 5000)),
            "D2": ("西区", "West", _box(5500, -2000, 12000, 5000)),
        },
    )


def degrees(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a point given in metres from the toy's origin."""
    transformer = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    found: tuple[float, float] = transformer.transform(EAST + x, NORTH + y)
    return found


# system: roof id, park, point, kW, status, commissioned on
SYSTEMS: dict[str, tuple[Any, Any, Any, float, str, Any]] = {
    "by-id": ("r01", None, None, 50.0, "commissioned", "2024-05-01"),
    "by-point": (None, None, (240.0, 45.0), 100.125, "commissioned", "2025-12-31"),
    "late": ("r06", None, None, 200.0, "commissioned", "2026-03-01"),
    "park-only": (None, "张江高科技园区", None, 30.5, "commissioned", "2023-01-15"),
    "park-border": (None, "lingang area", None, 12.0, "commissioned", "2022-07-01"),
    "undated": ("r07", None, None, 20.0, "commissioned", None),
    "future": ("r10", None, None, 25.0, "commissioned", "2026-12-01"),
    "filed": ("r03", None, None, 90.0, "filed", None),
    "retired": ("r01", None, None, 40.0, "retired", "2012-01-01"),
    "lost": ("r99", "nowhere", None, 7.0, "commissioned", "2020-01-01"),
    "new-plant": ("r08", None, None, 300.0, "commissioned", "2023-09-01"),
    "home": ("r11", None, None, 8.0, "commissioned", "2021-01-01"),
}


def register(systems: dict[str, tuple[Any, Any, Any, float, str, Any]] | None = None) -> Any:
    """Register rows as ``read_register`` returns them."""
    chosen = SYSTEMS if systems is None else systems
    index = pd.Index(list(chosen), name="system_id", dtype=object)
    rows = []
    for roof, park, point, kw, status, day in chosen.values():
        longitude, latitude = degrees(*point) if point else (np.nan, np.nan)
        rows.append((roof, park, longitude, latitude, kw, kw / 1.2, "dc", status, None, day))
    columns = ["roof_id", "park", "longitude", "latitude", "capacity_dc_kw", "capacity_ac_kw",
               "capacity_basis", "status", "filed_on", "commissioned_on"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns, index=index)
    for column in ("roof_id", "park"):
        table[column] = table[column].astype(object)
    for column in ("filed_on", "commissioned_on"):
        table[column] = pd.to_datetime(table[column])
    return table.assign(source="demonstration", row=np.arange(1, len(table) + 1))


@cache
def base_weather() -> Weather:
    """The bundled base year."""
    return read_weather(WEATHER_FILE)


@cache
def base() -> weather.Base:
    """The bundled base year, prepared."""
    return weather.prepare(base_weather(), assuming.load().weather)


def clear_year(label: str = "end", latitude: float = 31.2, share: float = 1.0) -> Weather:
    """Hourly means of a clear year's 5-minute values, labelled at the start or end of the hour.

    ``share`` of the clear sky's irradiance; true by construction, sun and irradiance alike.
    """
    minutes = pd.date_range("2025-01-01 00:02:30", periods=365 * 288, freq="5min", tz="Etc/GMT-8")
    position = pvlib.location.Location(latitude, 121.47, altitude=5.0).get_solarposition(minutes)
    sky = share * pvlib.clearsky.haurwitz(position["apparent_zenith"])["ghi"].to_numpy()
    cosine = np.maximum(np.cos(np.radians(position["apparent_zenith"].to_numpy())), 0.0)
    dni = np.where(cosine > 0.02, 0.85 * sky / np.maximum(cosine, 0.02), 0.0)
    means = {
        name: values.reshape(-1, 12).mean(axis=1)
        for name, values in (("ghi", sky), ("dni", dni), ("dhi", 0.15 * sky))
    }
    hours = pd.date_range("2025-01-01 00:00", periods=8760, freq="h", tz="Etc/GMT-8")
    if label == "end":
        hours = hours + pd.Timedelta(hours=1)
    hourly = pd.DataFrame({**means, "temp_air": 15.0, "wind_speed": 2.0}, index=hours)
    return Weather(hourly, label, latitude, 121.47, 5.0, "clear days")  # type: ignore[arg-type]


def monthly_ghi(count: int, seed: int = GHI_SEED) -> Floats:
    """GHI of places by month within 10 % of the base year's, as a raster would give it."""
    factor = np.random.default_rng(seed).uniform(0.9, 1.1, (count, 12))
    found: Floats = base().sky.monthly_ghi()[None, :] * factor
    return found


@cache
def _default_roofs() -> gpd.GeoDataFrame:
    return assess(buildings(), base(), monthly_ghi(12), assuming.load())


def roofs() -> gpd.GeoDataFrame:
    """ROOFS of the toy city by the default assumptions."""
    return _default_roofs().copy()


def findings(
    *,
    rows: Any = None,
    with_register: bool = True,
    with_empty_park: bool = False,
) -> Findings:
    """What the run reads beside the buildings."""
    return Findings(
        parks=parks(with_empty=with_empty_park),
        districts=districts(),
        register=(register() if rows is None else rows) if with_register else None,
        register_file="register.csv",
        rejected=pd.DataFrame(columns=names(REJECTED)),
    )


def plan(
    found: Findings | None = None,
    *,
    as_of: date = AS_OF,
    assumptions: Assumptions | None = None,
    of_roofs: gpd.GeoDataFrame | None = None,
) -> Plan:
    """The Plan of the toy city."""
    return make_plan(
        roofs() if of_roofs is None else of_roofs,
        findings() if found is None else found,
        CITY,
        as_of,
        assumptions or assuming.load(),
        {"warnings": [], "counts": {}},
    )


def random_shape(rng: np.random.Generator, x: float, y: float) -> BaseGeometry:
    """A rectangle, an L, a ring or two bodies, turned at random, about a point in the CRS."""
    length, width = rng.uniform(25, 140), rng.uniform(14, 60)
    body = box(-length / 2, -width / 2, length / 2, width / 2)
    kind = rng.integers(4)
    if kind == 1:
        body = body.difference(box(0, 0, length, width))
    elif kind == 2:
        body = body.difference(box(-length / 6, -width / 6, length / 5, width / 7))
    elif kind == 3:
        second = affinity.translate(box(0, 0, length / 2, width), length, 3)
        body = shapely.union_all([body, second])
    return affinity.translate(affinity.rotate(body, rng.uniform(0, 180), origin=(0, 0)), x, y)


def random_buildings(
    count: int,
    seed: int,
    *,
    within: tuple[float, float, float, float] = (120.86, 30.68, 122.1, 31.86),
) -> gpd.GeoDataFrame:
    """BUILDINGS of every form, anywhere in Shanghai (west, south, east, north in degrees)."""
    rng = np.random.default_rng(seed)
    west, south, east, north = within
    transformer = pyproj.Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    x, y = transformer.transform(rng.uniform(west, east, count), rng.uniform(south, north, count))
    forms = ["flat_concrete", "metal_sheet", "saw_tooth", "pitched"]
    shapes = [random_shape(rng, *point) for point in zip(x, y, strict=True)]
    table = pd.DataFrame(
        {
            "name": None,
            "height_m": rng.uniform(5, 30, count),
            "height_source": "given",
            "roof_form": [forms[number % 4] for number in range(count)],
            "use": "industrial",
            "completed_on": pd.NaT,
            "source": "generated",
            "park_id": None,
            "district_id": None,
        },
        index=pd.Index([f"b{number:04d}" for number in range(count)], name="roof_id"),
    )
    table["completed_on"] = pd.to_datetime(table["completed_on"])
    return gpd.GeoDataFrame(table, geometry=shapes, crs=CRS)

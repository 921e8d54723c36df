"""A whole run: read, join, assess, plan; and write. Knows files and how many workers there are."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

import pvplan
from pvplan import assumptions as assuming
from pvplan.assess import Mapper, Places, assess, places
from pvplan.assumptions import Assumptions, WeatherRules
from pvplan.errors import AssumptionError, InputError, nearest
from pvplan.goal_table import City
from pvplan.plan import Findings, make_plan
from pvplan.reports.output import write_plan
from pvplan.roof import weather as roof_weather
from pvplan.sources.boundaries import AreaFile, largest_overlap, read_areas
from pvplan.sources.city_folder import CityFolder, lending_cities, read_city_folder
from pvplan.sources.footprints import FootprintFile, read_footprints
from pvplan.sources.rasters import check_covers, coverage, open_irradiance, sample_monthly
from pvplan.sources.register import RegisterFile, read_register
from pvplan.sources.weather import read_weather
from pvplan.sources.weather_closure import label_scan
from pvplan.tables import REJECTED, Floats, Plan, Weather, names

Progress = Callable[[str], None]
BUNDLED: Final = Path(pvplan.__file__).resolve().parents[1] / "data" / "rooftops"
WORKERS: Final = 2


@dataclass(frozen=True)
class Inputs:
    """The files of a run, and what their reader must be told.

    Attributes
    ----------
    buildings, parks, districts, irradiance, weather, register
        Files; only buildings are needed.
    datum
        Role to ``wgs84``, ``gcj02``, ``bd09`` or ``cgcs2000``.
    crs
        Role to CRS, where a file does not say.
    field_map
        Target column to column of the buildings file.
    parks_where
        Filter of the parks file, such as ``Class=3``.
    irradiance_unit, weather_label
        Where the files do not say or say it wrongly.
    city
        The city folder they come from, or None.
    """

    buildings: Path
    parks: Path | None = None
    districts: Path | None = None
    irradiance: Path | None = None
    weather: Path | None = None
    register: Path | None = None
    datum: Mapping[str, str] = field(default_factory=dict)
    crs: Mapping[str, str] = field(default_factory=dict)
    field_map: Mapping[str, str] = field(default_factory=dict)
    parks_where: str | None = None
    irradiance_unit: str | None = None
    weather_label: str | None = None
    city: CityFolder | None = None


def inputs_of_folder(folder: Path) -> Inputs:
    """Return the inputs that a city folder names."""
    city = read_city_folder(folder)
    return Inputs(**city.files, datum=city.datum, city=city)  # type: ignore[arg-type]


def run_folder(folder: Path, out: Path, as_of: date, progress: Progress | None = None) -> Plan:
    """Run a city folder with its own assumptions and write every output file."""
    inputs = inputs_of_folder(folder)
    plan = run_city(inputs, as_of=as_of, progress=progress)
    return write_run(plan, out, progress)


def write_run(plan: Plan, out: Path, progress: Progress | None = None) -> Plan:
    """Write a plan's files and return the plan with the seconds that writing took."""
    start = time.perf_counter()
    write_plan(plan, out, progress=progress)
    seconds = {**plan.meta["seconds"], "write": round(time.perf_counter() - start, 3)}
    return replace(plan, meta={**plan.meta, "seconds": seconds})


def run_city(
    inputs: Inputs,
    *,
    as_of: date,
    scenario: str | None = None,
    user: Mapping[str, Any] | None = None,
    mapper: Mapper | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Read the inputs, assess the roofs, measure the goals.

    Parameters
    ----------
    inputs
        Files.
    as_of
        Day for which goals and installed systems are stated.
    scenario, user
        Named set of differences, and the user's own.
    mapper
        Runs the weather nodes; two threads by default.
    progress
        Called with a word when a stage begins.

    Returns
    -------
    Plan

    Raises
    ------
    PvplanError
        Any fault of inputs or assumptions; nothing is written.
    """
    clock = _Clock(progress or (lambda _: None))
    city = inputs.city
    assumptions = assuming.load(
        city=city.assumptions if city else None,
        city_scenarios=city.scenarios if city else None,
        scenario=scenario,
        user=user,
    )
    with clock.stage("read"):
        read = _read(inputs, assumptions, clock.progress)
    with clock.stage("join"):
        buildings, apart = _joined(read)
    with clock.stage("climate"):
        where = places(buildings)
        climate = _climate(inputs, where, assumptions)
        buildings, ghi, outside = _covered(buildings, climate, inputs)
    with clock.stage("assess"), ThreadPoolExecutor(WORKERS) as workers:
        roofs = assess(buildings, climate.base, ghi, assumptions, mapper or workers.map)
    with clock.stage("plan"):
        rejected = [read.footprints.rejected, outside]
        rejected += [area.rejected for area in (read.parks, read.districts) if area]
        rejected += [read.register.rejected] if read.register else []
        findings = Findings(
            parks=read.parks.areas if read.parks else None,
            districts=read.districts.areas if read.districts else None,
            register=read.register.rows if read.register else None,
            register_file=inputs.register.name if inputs.register else "",
            rejected=_stacked(rejected),
        )
        meta = _meta(inputs, read, climate, assumptions, as_of, scenario)
        meta["warnings"] += apart
        plan = make_plan(roofs, findings, _city(inputs), as_of, assumptions, meta)
    return replace(plan, meta=_closed_meta(plan, clock))


class _Clock:
    """Tells stages and keeps their wall seconds."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.progress(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)


@dataclass(frozen=True)
class _Read:
    footprints: FootprintFile
    parks: AreaFile | None
    districts: AreaFile | None
    register: RegisterFile | None


def _read(inputs: Inputs, assumptions: Assumptions, progress: Progress) -> _Read:
    metric = pyproj.CRS(inputs.city.metric_crs) if inputs.city and inputs.city.metric_crs else None
    footprints = read_footprints(
        inputs.buildings,
        assumptions.footprints,
        datum=_datum(inputs, "buildings"),
        crs=inputs.crs.get("buildings"),
        metric=metric,
        field_map=inputs.field_map,
        progress=progress,
    )
    metric = footprints.buildings.crs
    areas: dict[str, AreaFile | None] = {}
    kinds: dict[str, Literal["park", "district"]] = {"parks": "park", "districts": "district"}
    for role, kind in kinds.items():
        path = getattr(inputs, role)
        areas[role] = path and read_areas(
            path,
            kind,
            datum=_datum(inputs, role),
            crs=inputs.crs.get(role),
            metric=metric,
            where=inputs.parks_where if role == "parks" else None,
        )
    register = inputs.register and read_register(
        inputs.register,
        assumptions.register,
        datum=_datum(inputs, "register"),
        dc_ac_ratio=assumptions.system.dc_ac_ratio,
    )
    return _Read(footprints, areas["parks"], areas["districts"], register or None)


def _datum(inputs: Inputs, role: str) -> Any:
    known = ("wgs84", "gcj02", "bd09", "cgcs2000")
    datum = inputs.datum.get(role, "wgs84")
    if datum not in known:
        raise AssumptionError(f"datum of {role}: '{datum}' is unknown; {nearest(datum, known)}")
    return datum


def _joined(read: _Read) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Give each roof its park and district; say so where a layer lies apart from every roof."""
    buildings = read.footprints.buildings.copy()
    apart = []
    for kind, areas in (("park", read.parks), ("district", read.districts)):
        column = f"{kind}_id"
        if areas is None:
            buildings[column] = pd.Series([None] * len(buildings), buildings.index, dtype=object)
            continue
        buildings[column] = largest_overlap(buildings, areas.areas)
        if buildings[column].isna().all():
            apart_m = shapely.distance(
                shapely.box(*buildings.total_bounds), shapely.box(*areas.areas.total_bounds)
            )
            apart.append(
                f"{kind}s: none of the {len(areas.areas)} overlaps any roof (their bounds lie"
                f" {apart_m / 1000.0:.1f} km from those of the roofs): every roof is outside"
                f" {kind}s; check file and datum"
            )
    return buildings, apart


@dataclass(frozen=True)
class _Climate:
    base: roof_weather.Base
    raster: Any
    report: Mapping[str, Any]
    warnings: tuple[str, ...]
    files: Mapping[str, Path]


def _climate(inputs: Inputs, where: Places, assumptions: Assumptions) -> _Climate:
    """Open raster and weather, the bundled ones where the run brings none and they cover it."""
    raster_file, weather_file = inputs.irradiance, inputs.weather
    warnings: list[str] = []
    if weather_file is None:
        lender = _lender(where, assumptions)
        weather_file = lender.files["weather"]
        raster_file = raster_file or lender.files.get("irradiance")
        warnings.append(
            f"no weather given: the bundled base year of {lender.name_en} is used"
            + ("" if inputs.irradiance else ", with its irradiance raster")
        )
    weather = read_weather(weather_file, label=inputs.weather_label)
    scan = label_scan(weather)
    if scan.warning:
        warnings.append(f"{weather_file.name}: {scan.warning}")
    warnings += _distance_warning(weather, weather_file, where, assumptions.weather)
    base = roof_weather.prepare(weather, assumptions.weather)
    if base.report["redecomposed"]:
        warnings.append(
            f"{weather_file.name}: DNI·cos z + DHI = {base.report['closure_ratio']:.3f} × GHI does"
            f" not close; beam and diffuse were made anew from GHI by"
            f" {base.report['decomposition_model']}"
        )
    raster = raster_file and open_irradiance(
        raster_file, assumptions.irradiance, unit=inputs.irradiance_unit
    )
    files = {"weather": weather_file} | ({"irradiance": raster_file} if raster_file else {})
    report = {**base.report, "scan": asdict(scan), "file": weather_file.name}
    return _Climate(base, raster or None, report, tuple(warnings), files)


def _lender(where: Places, assumptions: Assumptions) -> CityFolder:
    seen = []
    for city in lending_cities(BUNDLED):
        if "irradiance" not in city.files:
            continue
        raster = open_irradiance(city.files["irradiance"], assumptions.irradiance)
        if coverage(raster, where.longitude, where.latitude) == 1.0:
            return city
        seen.append(city.name_en)
    raise InputError(
        f"weather: none given, and no bundled climate covers all roofs (longitude"
        f" {where.longitude.min():.3f} to {where.longitude.max():.3f}, latitude"
        f" {where.latitude.min():.3f} to {where.latitude.max():.3f}; bundled:"
        f" {', '.join(seen) or 'none'}); give --weather FILE.epw of the place"
    )


def _distance_warning(
    weather: Weather, file: Path, where: Places, rules: WeatherRules
) -> list[str]:
    """Warn of weather from afar; refuse that of another climate."""
    longitude, latitude = float(np.median(where.longitude)), float(np.median(where.latitude))
    metres = pyproj.Geod(ellps="WGS84").inv(
        weather.longitude, weather.latitude, longitude, latitude
    )[2]
    told = (
        f"{file.name}: its place ({weather.latitude:.2f}°, {weather.longitude:.2f}°) lies"
        f" {metres / 1000.0:.0f} km from the roofs ({latitude:.2f}°, {longitude:.2f}°)"
    )
    if weather.latitude * latitude < 0.0:
        raise InputError(f"{told}, on the other hemisphere: use weather of the place")
    if metres / 1000.0 > rules.refused_distance_km:
        raise InputError(
            f"{told}, above {rules.refused_distance_km:g} km: use weather of the place, or --set"
            " weather.refused_distance_km=…"
        )
    far = metres / 1000.0 > rules.max_distance_km
    return [f"{told}: yields are those of that place, not of the roofs"] if far else []


def _covered(
    buildings: gpd.GeoDataFrame, climate: _Climate, inputs: Inputs
) -> tuple[gpd.GeoDataFrame, Floats | None, pd.DataFrame]:
    """Sample the raster; roofs where it has no value are rejected, all of them is an error."""
    nothing = pd.DataFrame(columns=names(REJECTED))
    if climate.raster is None:
        return buildings, None, nothing
    where = places(buildings)
    check_covers(climate.raster, where.longitude, where.latitude)
    ghi = sample_monthly(climate.raster, where.longitude, where.latitude)
    missing = np.isnan(ghi).any(axis=1)
    listed = pd.DataFrame(
        {
            "input": "buildings",
            "file": inputs.buildings.name,
            "row": pd.NA,
            "id": buildings.index[missing],
            "reason": f"no irradiance here in {climate.raster.path.name}",
            "done": "rejected",
            "detail": "no yield without irradiance: use a raster that covers the roof",
        },
        columns=names(REJECTED),
    )
    return buildings[~missing], ghi[~missing], listed


def _stacked(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    full = [table for table in tables if len(table)]
    if not full:
        return pd.DataFrame(columns=names(REJECTED))
    return pd.concat(full, ignore_index=True)[names(REJECTED)]


def _city(inputs: Inputs) -> City:
    if inputs.city is None:
        return City(inputs.buildings.stem, inputs.buildings.stem, inputs.buildings.stem)
    return City(inputs.city.id, inputs.city.name_zh, inputs.city.name_en)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _meta(
    inputs: Inputs,
    read: _Read,
    climate: _Climate,
    assumptions: Assumptions,
    as_of: date,
    scenario: str | None,
) -> dict[str, Any]:
    used = {role: getattr(inputs, role) for role in ("buildings", "parks", "districts", "register")}
    used |= {"irradiance": climate.files.get("irradiance"), "weather": climate.files["weather"]}
    files = [
        {"role": role, "file": path.name, "sha256": _digest(path), "bytes": path.stat().st_size}
        for role, path in sorted(used.items())
        if path is not None
    ]
    told = {
        "datum": dict(inputs.datum),
        "crs": dict(inputs.crs),
        "field_map": dict(inputs.field_map),
        "parks_where": inputs.parks_where,
        "irradiance_unit": inputs.irradiance_unit,
        "weather_label": inputs.weather_label,
    }
    city, plain = inputs.city, _city(inputs)
    named = [area for area in (read.parks, read.districts, read.register) if area]
    warnings = [*read.footprints.warnings, *climate.warnings]
    warnings += [warning for area in named for warning in area.warnings]
    code = _code_version()
    key = [assumptions.fingerprint(), files, told, as_of.isoformat(), code]
    return {
        "fingerprint": hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16],
        "assumptions_fingerprint": assumptions.fingerprint(),
        "as_of": as_of.isoformat(),
        "city": {
            "id": plain.id,
            "name_zh": plain.name_zh,
            "name_en": plain.name_en,
            "demonstration": bool(city and city.demonstration),
            "note_zh": city.note_zh if city else "",
            "note_en": city.note_en if city else "",
        },
        "scenario": scenario,
        "inputs": files,
        "told": told,
        "metric_crs": str(read.footprints.buildings.crs),
        "assumptions": [asdict(entry) for entry in assumptions.entries.values()],
        "goals": [asdict(goal) for goal in assumptions.goals],
        "counts": {f"buildings_{key}": count for key, count in read.footprints.counts.items()}
        | ({f"register_{k}": n for k, n in read.register.counts.items()} if read.register else {}),
        "warnings": warnings,
        "weather": dict(climate.report),
        "code_version": code,
        "versions": _versions(),
    }


def _code_version() -> str:
    """Return the version with a digest of the package's own files: any change shows."""
    digest = hashlib.sha256()
    package = Path(pvplan.__file__).parent
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.toml")]):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{pvplan.__version__}+{digest.hexdigest()[:8]}"


def _versions() -> dict[str, str]:
    packages = ("geopandas", "numpy", "pandas", "pvlib", "pyogrio", "pyproj", "rasterio", "shapely")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


def _closed_meta(plan: Plan, clock: _Clock) -> dict[str, Any]:
    doubts = []
    roofs = plan.roofs
    unknown = int((~roofs["in_goal_scope"]).sum())
    if unknown:
        doubts.append(
            f"{unknown} of {len(roofs)} roofs do not count toward industrial goals (outside parks"
            " with unknown or other use, or in a park with a use that is not industrial); where a"
            " file holds plants only, --set footprints.default_use=industrial"
        )
    if not plan.meta["goals_here"]:
        doubts.append("the goals on file speak of another place: none is measured here")
    unmatched = int((plan.rejected["done"] == "unmatched").sum())
    if unmatched:
        doubts.append(f"{unmatched} register rows have no place and count nowhere: rejected.csv")
    counts = {
        **plan.meta["counts"],
        "roofs": len(roofs),
        "parks": len(plan.parks),
        "districts": len(plan.districts),
        "ledger": len(plan.ledger),
        "rejected": int((plan.rejected["done"] == "rejected").sum()),
        "altered": int((plan.rejected["done"] == "altered").sum()),
        "unmatched": unmatched,
    }
    return {
        **plan.meta,
        "counts": counts,
        "warnings": [*plan.meta["warnings"], *doubts],
        "seconds": clock.seconds,
    }

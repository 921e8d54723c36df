"""Files to what a run computes with: read, join, and find the climate; every doubt is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

import pvplan
from pvplan import corrected
from pvplan.assess import Places, places
from pvplan.assumptions import Assumptions, WeatherRules
from pvplan.assumptions import load as load_assumptions
from pvplan.errors import AssumptionError, InputError, nearest
from pvplan.ledger import open_ledger
from pvplan.roof import weather as roof_weather
from pvplan.sources.boundaries import AreaFile, largest_overlap, read_areas
from pvplan.sources.city_folder import CityFolder, lending_cities, read_city_folder
from pvplan.sources.coordinates import DATUMS, Bounds, named_crs
from pvplan.sources.corrections import CorrectionFile, read_corrections
from pvplan.sources.footprints import FootprintFile, read_footprints
from pvplan.sources.formats import local_file
from pvplan.sources.misregistration import register_warning
from pvplan.sources.obstructions import (
    ObstructionFile,
    by_roof,
    placement_doubts,
    read_obstructions,
)
from pvplan.sources.partitions import Partition, is_partition, open_partition, source_of
from pvplan.sources.rasters import check_covers, coverage, open_irradiance, sample_monthly
from pvplan.sources.register import RegisterFile, read_register
from pvplan.sources.weather import read_weather
from pvplan.sources.weather_closure import Closure, label_scan, noon_warning
from pvplan.tables import REJECTED, Floats, Weather, names

Progress = Callable[[str], None]
Installed = tuple["RegisterFile | None", "Known | None"]
Scanned = tuple[Weather, Closure]
_KINDS: Final = ("park", "district")
BUNDLED: Final = Path(pvplan.__file__).resolve().parents[1] / "data" / "rooftops"


@dataclass(frozen=True)
class KnownLedger:
    """A ledger of installed systems, and what of it is read.

    Attributes
    ----------
    where
        SQLite file, or URL of a database; a password in it is never shown.
    as_known_on
        Only what was known by the end of this day (UTC+8) counts; None: all of it.
    """

    where: str = field(repr=False)
    as_known_on: date | None = None


@dataclass(frozen=True)
class Known:
    """What a ledger says: its digest, and what people decided of matches and roofs."""

    digest: str
    decisions: pd.DataFrame
    roof_decisions: pd.DataFrame


@dataclass(frozen=True)
class Inputs:
    """The files of a run, and what their reader must be told.

    Attributes
    ----------
    buildings, parks, districts, irradiance, weather, register, obstructions, surface_model
        Files; only buildings are needed. A surface model is a GeoTIFF of heights.
    corrections
        What people corrected of roofs' facts (:mod:`pvplan.sources.corrections`).
    datum
        Role to ``wgs84``, ``gcj02``, ``bd09`` or ``cgcs2000``.
    crs, layer
        Role to CRS, and to layer, where a file does not say.
    field_map
        Target column to column of the buildings file.
    parks_where
        Filter of the parks file, such as ``Class=3``.
    irradiance_unit, weather_label
        Where the files do not say or say it wrongly.
    city
        The city folder they come from, or None.
    ledger
        Takes the place of the register's file, or None.
    """

    buildings: Path
    parks: Path | None = None
    districts: Path | None = None
    irradiance: Path | None = None
    weather: Path | None = None
    register: Path | None = None
    obstructions: Path | None = None
    surface_model: Path | None = None
    corrections: Path | None = None
    datum: Mapping[str, str] = field(default_factory=dict)
    crs: Mapping[str, str] = field(default_factory=dict)
    layer: Mapping[str, str] = field(default_factory=dict)
    field_map: Mapping[str, str] = field(default_factory=dict)
    parks_where: str | None = None
    irradiance_unit: str | None = None
    weather_label: str | None = None
    city: CityFolder | None = None
    ledger: KnownLedger | None = None


def inputs_of_folder(folder: Path) -> Inputs:
    """Return the inputs that a city folder names."""
    city = read_city_folder(folder)
    return Inputs(**city.files, datum=city.datum, city=city)  # type: ignore[arg-type]


def assumptions_of(
    inputs: Inputs, scenario: str | None, user: Mapping[str, Any] | None
) -> Assumptions:
    """Return the assumptions of a run: those of the city folder, a scenario, the user's own."""
    city = inputs.city
    return load_assumptions(
        city=city.assumptions if city else None,
        city_scenarios=city.scenarios if city else None,
        scenario=scenario,
        user=user,
    )


@dataclass(frozen=True)
class Files:
    """What each door found; None where no file was given."""

    footprints: FootprintFile
    parks: AreaFile | None
    districts: AreaFile | None
    register: RegisterFile | None
    obstructions: ObstructionFile | None
    known: Known | None = None
    corrections: CorrectionFile | None = None


@dataclass(frozen=True)
class Gathered:
    """What the files say, ready for the recipes.

    Attributes
    ----------
    buildings
        BUILDINGS with park and district, metric CRS.
    monthly_ghi
        The raster's GHI, (roofs, 12) or (roofs, 1) kWh/m², or None without a raster.
    files
        What each door found, with its counts, warnings and rejected rows.
    climate
        Base year and what is known of it.
    outside
        REJECTED rows: roofs that the raster does not reach.
    warnings
        Doubts about the files, each by itself and how they fit each other.
    obstructions
        Shape (roofs,): what no module may stand on, with clearance, None where nothing is given
        for a roof; None without a file of obstructions.
    surface_model
        GeoTIFF of the heights of the place, or None.
    """

    buildings: gpd.GeoDataFrame
    monthly_ghi: Floats | None
    files: Files
    climate: Climate
    outside: pd.DataFrame
    warnings: tuple[str, ...]
    obstructions: npt.NDArray[np.object_] | None = None
    surface_model: Path | None = None


def gather(
    inputs: Inputs, assumptions: Assumptions, progress: Progress, as_of: date | None = None
) -> Gathered:
    """Read every file of a run, join roofs to areas, and find the climate of the place.

    Parameters
    ----------
    inputs
        Files.
    assumptions
        Rules of the doors.
    progress
        Called with a word when a stage begins.
    as_of
        The day that a ledger is asked of; None: until further notice.

    Raises
    ------
    InputError, AssumptionError
        A file cannot be used, or no weather covers the place.
    """
    progress("read")
    with ThreadPoolExecutor(1) as aside:
        register, weather = read_aside(aside, inputs, assumptions, as_of)
        files = _read(inputs, assumptions, progress, register)
        progress("join")
        tree = shapely.STRtree(files.footprints.buildings.geometry.to_numpy())
        buildings, apart = with_areas(files, tree)
        doubted = aside.submit(
            register_doubt, inputs, files, files.footprints.buildings.geometry, tree
        )
        progress("climate")
        where = places(buildings)
        climate = climate_of(inputs, where, assumptions, weather)
        buildings, ghi, outside = covered(buildings, where, climate, inputs)
        doubts = doubted.result()
    said = doubts_of_files(files, climate, outside, inputs, as_of)
    obstructions, misplaced = _obstructions_on(buildings, files, inputs)
    warnings = (*said, *apart, *doubts, *misplaced)
    gathered = Gathered(
        buildings, ghi, files, climate, outside, warnings, obstructions, inputs.surface_model
    )
    if inputs.corrections is None:
        return gathered
    found = read_corrections(inputs.corrections)
    return with_corrections(gathered, found, assumptions, inputs.corrections.name)


def read_aside(
    aside: Executor, inputs: Inputs, assumptions: Assumptions, as_of: date | None
) -> tuple[Future[Installed], Future[Scanned] | None]:
    """Begin to read what is installed, and the weather, beside the buildings."""
    register = aside.submit(_register, inputs, assumptions, as_of)
    if inputs.weather is None:
        return register, None
    return register, aside.submit(_scanned, inputs.weather, inputs.weather_label)


def doubts_of_files(
    files: Files, climate: Climate, outside: pd.DataFrame, inputs: Inputs, as_of: date | None
) -> list[str]:
    """Return what the doors doubt, and how many roofs no raster reaches."""
    doors = (
        files.footprints, climate, files.parks, files.districts, files.register, files.obstructions,
    )  # fmt: skip
    said = [warning for door in doors if door for warning in door.warnings]
    if files.known is not None and files.register is None:
        said.append(_nothing_known(inputs, as_of))
    if len(outside):
        said.append(
            f"{outside['reason'].iloc[0]}: {len(outside)} roofs are left out (rejected.csv)"
        )
    return said


def state_of(gathered: Gathered) -> corrected.City:
    """Return the buildings and what stands on them."""
    files = gathered.files
    return corrected.City(
        files.footprints.buildings, gathered.buildings, gathered.obstructions, files.obstructions
    )


def with_corrections(
    gathered: Gathered, found: CorrectionFile, assumptions: Assumptions, title: str
) -> Gathered:
    """Put corrections in the place of what the files say.

    Parameters
    ----------
    gathered
        What the files say, without corrections.
    found
        The corrections that hold.
    assumptions
        Rules of forms and of clearance around obstructions.
    title
        What messages call the file of corrections.
    """
    told = corrected.correct(state_of(gathered), found, assumptions, title)
    files = gathered.files
    footprints = replace(files.footprints, buildings=told.every)
    return replace(
        gathered,
        buildings=told.buildings,
        obstructions=told.obstructions,
        files=replace(files, footprints=footprints, corrections=told.used),
    )


def _read(
    inputs: Inputs,
    assumptions: Assumptions,
    progress: Progress,
    installed: Future[Installed],
) -> Files:
    if inputs.surface_model:
        local_file(inputs.surface_model, title=inputs.surface_model.name)
    if is_partition(inputs.buildings):
        footprints = partition_of(inputs, assumptions).whole()
    else:
        footprints = read_footprints(
            inputs.buildings,
            assumptions.footprints,
            datum=_datum(inputs, "buildings"),
            crs=inputs.crs.get("buildings"),
            layer=inputs.layer.get("buildings"),
            metric=metric_of(inputs),
            field_map=inputs.field_map,
            progress=progress,
        )
    return beside(footprints, inputs, assumptions, installed)


def partition_of(inputs: Inputs, assumptions: Assumptions) -> Partition:
    """Open the partition that a run's buildings are, and hold it against what the run says.

    Raises
    ------
    InputError
        No partition, or one of other footprint rules, datum, CRS, layer or fields.
    """
    found = open_partition(inputs.buildings)
    found.refuse_other(
        assumptions.footprints,
        datum=_datum(inputs, "buildings") if "buildings" in inputs.datum else None,
        crs=inputs.crs.get("buildings"),
        layer=inputs.layer.get("buildings"),
        metric=metric_of(inputs),
        field_map=inputs.field_map,
    )
    return found


def as_from_file(inputs: Inputs) -> Inputs:
    """Return inputs as if the file that a partition was made from were given, read as it was."""
    if not is_partition(inputs.buildings):
        return inputs
    about = open_partition(inputs.buildings).about
    said = {
        "datum": about.datum if about.datum != "wgs84" else None,
        "crs": about.crs,
        "layer": about.layer,
    }
    words = {
        word: {**({"buildings": value} if value else {}), **getattr(inputs, word)}
        for word, value in said.items()
    }
    return replace(
        inputs,
        **words,  # type: ignore[arg-type]
        field_map=dict(about.field_map),
        buildings=Path(about.source),
    )


def beside(
    footprints: FootprintFile,
    inputs: Inputs,
    assumptions: Assumptions,
    installed: Future[Installed],
) -> Files:
    """Read what lies beside the buildings, in their CRS."""
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
            layer=inputs.layer.get(role),
            metric=metric,
            where=inputs.parks_where if role == "parks" else None,
        )
    register, known = installed.result()
    obstructions = inputs.obstructions and read_obstructions(
        inputs.obstructions,
        metric=metric,
        rules=assumptions.layout,
        datum=_datum(inputs, "obstructions"),
        crs=inputs.crs.get("obstructions"),
        layer=inputs.layer.get("obstructions"),
    )
    return Files(
        footprints, areas["parks"], areas["districts"], register, obstructions or None, known
    )


def _register(inputs: Inputs, assumptions: Assumptions, as_of: date | None) -> Installed:
    """Read the installed systems from a ledger, or from a file."""
    if inputs.ledger is not None:
        when = inputs.ledger.as_known_on, as_of
        with open_ledger(inputs.ledger.where) as ledger:
            seen = ledger.seen(*when)
        rows, known = seen.systems, Known(seen.digest, seen.matches, seen.roof_states)
        if rows.empty:
            return None, known
        counts = {"rows_in": len(rows), "rows_used": len(rows), "rows_rejected": 0}
        nothing = pd.DataFrame(columns=names(REJECTED))
        return RegisterFile(rows, nothing, counts, ()), known
    if inputs.register is None:
        return None, None
    read = read_register(
        inputs.register,
        assumptions.register,
        datum=_datum(inputs, "register"),
        dc_ac_ratio=assumptions.system.dc_ac_ratio,
    )
    return read, None


def _nothing_known(inputs: Inputs, as_of: date | None) -> str:
    """Say that a ledger held no system: that is not the same as nothing being installed."""
    known = inputs.ledger.as_known_on if inputs.ledger else None
    by = f" as known on {known}" if known else ""
    return (
        f"ledger: no system is recorded for {as_of or 'today'}{by}: what is installed is not known,"
        " and gaps are not assessable; `register import` records a file"
    )


def metric_of(inputs: Inputs) -> pyproj.CRS | None:
    """Return the metric CRS that a city folder states, or None."""
    stated = inputs.city.metric_crs if inputs.city else None
    return named_crs(stated, "city.toml: city.metric_crs")


def _datum(inputs: Inputs, role: str) -> Any:
    datum = inputs.datum.get(role, "wgs84")
    if datum not in DATUMS:
        raise AssumptionError(f"datum of {role}: '{datum}' is unknown; {nearest(datum, DATUMS)}")
    return datum


def with_areas(read: Files, tree: shapely.STRtree) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Give each roof its park and district; say so where a layer lies apart from every roof."""
    buildings = joined_to_areas(read.footprints.buildings, read, tree)
    met = {kind for kind in _KINDS if buildings[f"{kind}_id"].notna().any()}
    return buildings, apart_from_all(read, met, bounds_of(buildings))


def joined_to_areas(
    roofs: gpd.GeoDataFrame, read: Files, tree: shapely.STRtree | None = None
) -> gpd.GeoDataFrame:
    """Give each of some roofs its park and district."""
    buildings = roofs.copy()
    for kind, areas in (("park", read.parks), ("district", read.districts)):
        column = f"{kind}_id"
        if areas is None:
            buildings[column] = pd.Series([None] * len(buildings), buildings.index, dtype=object)
        else:
            buildings[column] = largest_overlap(buildings, areas.areas, tree)
    return buildings


def bounds_of(roofs: gpd.GeoDataFrame) -> Bounds:
    """Return west, south, east and north of some roofs, m."""
    west, south, east, north = map(float, roofs.total_bounds)
    return west, south, east, north


def apart_from_all(read: Files, met: set[str], bounds: Bounds) -> list[str]:
    """Say which layers lie apart from every roof.

    Parameters
    ----------
    read
        Parks and districts.
    met
        Of ``park`` and ``district`` those of which any roof has one.
    bounds
        Of all roofs, m.
    """
    apart = []
    for kind, areas in (("park", read.parks), ("district", read.districts)):
        if areas is None or kind in met:
            continue
        apart_m = shapely.distance(shapely.box(*bounds), shapely.box(*areas.areas.total_bounds))
        apart.append(
            f"{kind}s: none of the {len(areas.areas)} overlaps any roof (their bounds lie"
            f" {apart_m / 1000.0:.1f} km from those of the roofs): every roof is outside"
            f" {kind}s; check file and datum"
        )
    return apart


def register_doubt(
    inputs: Inputs, read: Files, roofs: gpd.GeoSeries, tree: shapely.STRtree | None = None
) -> list[str]:
    """Say so where the register's coordinates meet far more roofs under another datum.

    Parameters
    ----------
    inputs, read
        Register, and what its reader was told.
    roofs
        At least all that lie at a coordinate, under any datum.
    tree
        Index of their outlines, where the caller has one.
    """
    # A ledger holds WGS84: its rows were brought there when they were imported.
    if read.register is None or inputs.register is None or inputs.ledger is not None:
        return []
    doubt = register_warning(read.register.rows, _datum(inputs, "register"), roofs, tree)
    return [f"{inputs.register.name}: {doubt}"] if doubt else []


def _obstructions_on(
    buildings: gpd.GeoDataFrame, read: Files, inputs: Inputs
) -> tuple[npt.NDArray[np.object_] | None, list[str]]:
    """Give each roof its obstructions; say so where they fit no roof."""
    if read.obstructions is None or inputs.obstructions is None:
        return None, []
    shapes = read.obstructions.shapes
    found = by_roof(shapes, buildings)
    return found, placement_doubts(shapes, buildings, found, inputs.obstructions.name)


@dataclass(frozen=True)
class Climate:
    """The base year, the raster, and what was said of them."""

    base: roof_weather.Base
    raster: Any
    report: Mapping[str, Any]
    warnings: tuple[str, ...]
    files: Mapping[str, Path]


def _scanned(file: Path, label: str | None) -> Scanned:
    weather = read_weather(file, label=label)
    return weather, label_scan(weather)


def climate_of(
    inputs: Inputs,
    where: Places,
    assumptions: Assumptions,
    given: Future[Scanned] | None,
) -> Climate:
    """Open raster and weather, the bundled ones where the run brings none and they cover it.

    Parameters
    ----------
    inputs, assumptions
        Files and rules.
    where
        The roofs, or corners around them.
    given
        The run's own weather, on its way; or None.

    Raises
    ------
    InputError
        No weather of the place, or one from another climate.
    """
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
    weather, scan = given.result() if given else _scanned(weather_file, inputs.weather_label)
    warnings += [
        f"{weather_file.name}: {doubt}" for doubt in (scan.warning, noon_warning(weather)) if doubt
    ]
    warnings += _distance_warning(weather, weather_file, where, assumptions.weather)
    base = roof_weather.prepare(weather, assumptions.weather)
    if base.report["redecomposed"]:
        warnings.append(
            f"{weather_file.name}: DNI·cos z + DHI = {base.report['closure_ratio']:.3f} × GHI does"
            f" not close; beam and diffuse were made anew from GHI by"
            f" {base.report['decomposition_model']}"
        )
    files = {"weather": weather_file}
    report = {**base.report, "scan": asdict(scan), "file": weather_file.name}
    raster = None
    if raster_file:
        files["irradiance"] = raster_file
        raster = open_irradiance(raster_file, assumptions.irradiance, unit=inputs.irradiance_unit)
        words = ("unit", "unit_source", "bands", "source")
        report["irradiance"] = {word: getattr(raster, word) for word in words}
        if raster.unit_source == "range":
            warnings.append(
                f"{raster_file.name}: its unit is not stated; {raster.unit} is the only one whose"
                f" values are plausible and is taken (--irradiance-unit {raster.unit} states it)"
            )
    return Climate(base, raster, report, tuple(warnings), files)


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
    longitude, latitude = (
        float(degrees.min() + degrees.max()) / 2.0 for degrees in (where.longitude, where.latitude)
    )
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


def covered(
    buildings: gpd.GeoDataFrame, where: Places, climate: Climate, inputs: Inputs
) -> tuple[gpd.GeoDataFrame, Floats | None, pd.DataFrame]:
    """Sample the raster; roofs where it has no value are rejected, all of them is an error."""
    nothing = pd.DataFrame(columns=names(REJECTED))
    if climate.raster is None:
        return buildings, None, nothing
    ghi = sample_monthly(climate.raster, where.longitude, where.latitude)
    missing = np.isnan(ghi).any(axis=1)
    if missing.all():
        check_covers(climate.raster, where.longitude, where.latitude)
    if not missing.any():
        return buildings, ghi, nothing
    listed = pd.DataFrame(
        {
            "input": "buildings",
            "file": source_of(inputs.buildings).name,
            "row": pd.NA,
            "id": buildings.index[missing],
            "reason": f"no irradiance here in {climate.raster.path.name}",
            "done": "rejected",
            "detail": "no yield without irradiance: use a raster that covers the roof",
        },
        columns=names(REJECTED),
    )
    return buildings[~missing], ghi[~missing], listed


def stacked(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return REJECTED tables one after the other."""
    full = [table for table in tables if len(table)]
    if not full:
        return pd.DataFrame(columns=names(REJECTED))
    return pd.concat(full, ignore_index=True)[names(REJECTED)]

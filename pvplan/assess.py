"""Buildings, weather and assumptions to ROOFS: describe the planes; fill them; make the energy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from pvplan.assumptions import Assumptions, System
from pvplan.lay_out import LaidOut, Site, lay_out, main_array, screened
from pvplan.light import Light
from pvplan.look import Surroundings, Terrain, surroundings
from pvplan.roof import surfaces, weather
from pvplan.tables import (
    CLAUSE_EVIDENCE,
    CORRECTED,
    MONTHS,
    ROOFS,
    Floats,
    check,
    names,
    to_thousandths,
    waterfall_name,
)
from pvplan.yield_table import (
    STEPS,
    Arrays,
    Mapper,
    Places,
    Yields,
    ghi_ratio,
    yields,
)

__all__ = ["Around", "Mapper", "Places", "World", "assess", "assess_in", "places", "world"]


def places(buildings: gpd.GeoDataFrame) -> Places:
    """Return longitude, latitude and meridian convergence of each roof's representative point.

    Parameters
    ----------
    buildings
        BUILDINGS in a projected metric CRS.
    """
    crs = pyproj.CRS(buildings.crs)
    points = shapely.get_coordinates(shapely.point_on_surface(buildings.geometry.to_numpy()))
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(points[:, 0], points[:, 1])
    factors = pyproj.Proj(crs).get_factors(longitude, latitude)
    return Places(
        np.asarray(longitude, dtype=np.float64),
        np.asarray(latitude, dtype=np.float64),
        np.asarray(factors.meridian_convergence, dtype=np.float64).reshape(len(points)),
    )


@dataclass(frozen=True)
class Around:
    """What stands on and around the roofs, beyond the roofs that are assessed.

    Attributes
    ----------
    buildings
        Every building that can shade, the assessed ones too: geometry in their CRS, height_m.
        None takes the assessed buildings themselves.
    obstructions
        Shape (roofs,): geometry to keep free, or None; None altogether without such a layer, in
        which case a share of every roof stands for them.
    terrain
        Horizons by a surface model, in place of the buildings' prisms.
    """

    buildings: gpd.GeoDataFrame | None = None
    obstructions: npt.NDArray[Any] | None = None
    terrain: Terrain | None = None


def assess(
    buildings: gpd.GeoDataFrame,
    base: weather.Base,
    monthly_ghi_kwh_per_m2: Floats | None,
    assumptions: Assumptions,
    mapper: Mapper = map,
    around: Around | None = None,
) -> gpd.GeoDataFrame:
    """Return ROOFS: what each roof can carry and yield.

    Parameters
    ----------
    buildings
        BUILDINGS, index ``roof_id``, projected metric CRS.
    base
        The base year (:func:`pvplan.roof.weather.prepare`).
    monthly_ghi_kwh_per_m2
        Shape (roofs, 12), the raster's GHI by month, or (roofs, 1) by year, in which case every
        month of the base is scaled alike; None takes the base year as it is.
    assumptions
        Surfaces, layout, shading, structure, module, system, finance and weather rules are read.
    mapper
        Runs blocks of roofs and weather nodes; any order-keeping ``map``.
    around
        What shades the roofs or stands on them.

    Returns
    -------
    GeoDataFrame
        ROOFS in the order and CRS of the buildings; summing columns in thousandths.

    Raises
    ------
    InputError
        The raster's GHI does not belong to the base year's climate.
    TableError
        A result breaks the contract of ROOFS.
    """
    around = around or Around()
    casting = buildings if around.buildings is None else around.buildings
    known = world(base, assumptions, casting, around.terrain)
    return assess_in(known, buildings, monthly_ghi_kwh_per_m2, around.obstructions, mapper)


@dataclass(frozen=True)
class World:
    """What is the same for every roof of a city: climate, rules, light, and what casts shade.

    ``scenery`` is None where the layout method is ``screening``, which knows no shade.
    """

    base: weather.Base
    assumptions: Assumptions
    light: Light
    scenery: Surroundings | None


def world(
    base: weather.Base,
    assumptions: Assumptions,
    casting: gpd.GeoDataFrame,
    terrain: Terrain | None = None,
) -> World:
    """Return the world of some buildings; made once, it serves many looks at its roofs.

    Parameters
    ----------
    base, assumptions
        As for :func:`assess`.
    casting, terrain
        ``buildings`` and ``terrain`` of :class:`Around`.
    """
    packed = assumptions.layout.method == "packed"
    scenery = surroundings(casting, assumptions.shading, terrain) if packed else None
    return World(base, assumptions, Light(base, assumptions), scenery)


def assess_in(
    known: World,
    buildings: gpd.GeoDataFrame,
    monthly_ghi_kwh_per_m2: Floats | None,
    obstructions: npt.NDArray[Any] | None = None,
    mapper: Mapper = map,
) -> gpd.GeoDataFrame:
    """Return ROOFS of buildings in a known world; see :func:`assess`."""
    assumptions = known.assumptions
    where = places(buildings)
    ratio = ghi_ratio(known.base, monthly_ghi_kwh_per_m2, len(buildings), assumptions)
    forms = forms_of(buildings, assumptions)
    if known.scenery is None:
        laid = screened(buildings.geometry.to_numpy(), forms[0], where, assumptions)
    else:
        site = site_of(known.scenery, buildings, forms[0], where, obstructions)
        laid = lay_out(site, known.scenery, known.light, assumptions, mapper)
    return roofs_of(known, buildings, where, ratio, laid, forms, mapper)


def roofs_of(
    known: World,
    buildings: gpd.GeoDataFrame,
    where: Places,
    ratio: Floats,
    laid: LaidOut,
    forms: tuple[Any, Any],
    mapper: Mapper = map,
) -> gpd.GeoDataFrame:
    """Return ROOFS of buildings whose modules are laid out: add inverters and energy; check."""
    laid = with_inverters(laid, len(buildings), known.assumptions)
    found = yields(
        known.base, where, ratio, laid.arrays, known.assumptions, mapper, known.light.yields
    )
    roofs = _table(buildings, laid, forms, known.assumptions)
    _add_energy(roofs, laid.arrays, found)
    base_ghi = known.base.sky.monthly_ghi()
    roofs["ghi_kwh_per_m2_per_year"] = (ratio * base_ghi[None, :]).sum(axis=1).round(3)
    roofs = in_order(roofs)
    check(roofs, ROOFS, title="roofs")
    return roofs


def in_order(roofs: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the columns of ROOFS, and what is known of the clause, in the contract's order."""
    evidence = [name for name in names(CLAUSE_EVIDENCE) if name in roofs.columns]
    return roofs[["geometry", *names(ROOFS), *evidence]]


def forms_of(buildings: gpd.GeoDataFrame, assumptions: Assumptions) -> tuple[Any, Any]:
    """Return the form of each roof, and whether it was given, inferred or corrected."""
    form, source = surfaces.roof_forms(
        buildings["roof_form"].to_numpy(dtype=object),
        buildings["use"].to_numpy(dtype=object),
        shapely.area(buildings.geometry.to_numpy()),
        buildings["height_m"].to_numpy(dtype=np.float64),
        assumptions.surfaces,
    )
    if "roof_form_corrected" in buildings.columns:
        source[buildings["roof_form_corrected"].to_numpy(dtype=bool)] = CORRECTED
    return form, source


def surveyed_load(buildings: gpd.GeoDataFrame) -> Floats:
    """Return the added load that a survey allows [kN/m²], NaN where there was none."""
    if "surveyed_load_kn_per_m2" not in buildings.columns:
        return np.full(len(buildings), np.nan)
    load: Floats = buildings["surveyed_load_kn_per_m2"].to_numpy(dtype=np.float64)
    return load


def site_of(
    scenery: Surroundings,
    buildings: gpd.GeoDataFrame,
    roof_form: Any,
    where: Places,
    obstructions: npt.NDArray[Any] | None,
) -> Site:
    """Return the roofs as the packer takes them."""
    return Site(
        buildings.geometry.to_numpy(),
        roof_form,
        buildings["height_m"].to_numpy(dtype=np.float64),
        buildings["completed_on"].to_numpy(dtype="datetime64[ns]"),
        surveyed_load(buildings),
        scenery.index.get_indexer(buildings.index).astype(np.int64),
        where,
        obstructions,
    )


def with_inverters(laid: LaidOut, roofs: int, assumptions: Assumptions) -> LaidOut:
    """Give each roof's arrays the DC/AC ratio of real inverters."""
    arrays = laid.arrays
    capacity: Floats = np.bincount(arrays.roof, weights=arrays.capacity_kw, minlength=roofs).astype(
        float
    )
    ac = inverters_kw(capacity, assumptions.system)
    ratio = capacity / np.where(ac > 0.0, ac, 1.0)
    return replace(laid, arrays=replace(arrays, dc_ac_ratio=ratio[arrays.roof]))


def inverters_kw(capacity_dc_kw: Floats, system: System) -> Floats:
    """Return the AC capacity of the inverters that serve a DC capacity.

    Equal inverters, as few as the largest size allows, of the smallest size that keeps the DC/AC
    ratio at or below the nominal one.

    Parameters
    ----------
    capacity_dc_kw
        Shape (roofs,).
    system
        ``dc_ac_ratio``, ``inverter_sizes_kw``.

    Returns
    -------
    ndarray, shape (roofs,)
        kW; 0 where there is no capacity.
    """
    sizes = np.array(system.inverter_sizes_kw)
    wanted = capacity_dc_kw / system.dc_ac_ratio
    units = np.maximum(np.ceil(wanted / sizes[-1] - 1e-9), 1.0)
    each = sizes[np.minimum(np.searchsorted(sizes, wanted / units - 1e-9), len(sizes) - 1)]
    found: Floats = np.where(capacity_dc_kw > 0.0, units * each, 0.0)
    return found


def _table(
    buildings: gpd.GeoDataFrame, laid: LaidOut, forms: tuple[Any, Any], assumptions: Assumptions
) -> gpd.GeoDataFrame:
    count, arrays = len(buildings), laid.arrays
    roofs = buildings.copy()
    roofs["roof_form"], roofs["roof_form_source"] = forms
    roofs["footprint_area_m2"] = to_thousandths(shapely.area(buildings.geometry.to_numpy()))
    roofs["usable_area_m2"] = to_thousandths(laid.usable_area_m2)
    roofs["plane_count"] = laid.plane_count
    roofs["structure_state"] = laid.structure_state
    placed = np.bincount(arrays.roof, weights=laid.module_count, minlength=count)
    blocked = laid.structure_state == "blocked"
    modules = np.where(blocked, 0.0, placed)
    kw = assumptions.module.power_w / 1000.0
    roofs["module_count"] = modules.astype(np.int64)
    roofs["module_area_m2"] = to_thousandths(modules * assumptions.module.area_m2)
    roofs["capacity_dc_kw"] = capacity = to_thousandths(modules * kw)
    roofs["capacity_ac_kw"] = to_thousandths(inverters_kw(capacity, assumptions.system))
    survey = laid.structure_state == "needs_survey"
    roofs["capacity_needs_survey_dc_kw"] = np.where(survey, capacity, 0.0)
    roofs["capacity_blocked_dc_kw"] = to_thousandths(np.where(blocked, placed * kw, 0.0))
    _add_main(roofs, laid)
    return roofs


def _add_main(roofs: gpd.GeoDataFrame, laid: LaidOut) -> None:
    """Add in place what the array with most modules says of its roof."""
    arrays, main = laid.arrays, main_array(laid.arrays.roof, laid.module_count, len(roofs))
    some = main >= 0

    def of_main(values: npt.NDArray[Any], nothing: Any) -> Any:
        if not len(values):
            return np.full(len(roofs), nothing)
        chosen = values[main]
        chosen[~some] = nothing
        return chosen

    roofs["surface_tilt"] = of_main(arrays.tilt, np.nan).round(3)
    roofs["surface_azimuth"] = of_main(arrays.azimuth, np.nan).round(3) % 360.0
    roofs["gcr"] = of_main(laid.gcr, 0.0).round(6)
    roofs["row_pitch_m"] = of_main(laid.row_pitch_m, np.nan).round(4)
    roofs["mounting"] = of_main(laid.mounting, None)
    roofs["arrangement"] = of_main(laid.arrangement, None)
    roofs["arrangement_runner_up"] = [word or None for word in laid.runner_up]
    roofs["arrangement_margin_fraction"] = np.clip(laid.margin_fraction, 0.0, 1.0).round(6)


def _add_energy(roofs: gpd.GeoDataFrame, arrays: Arrays, found: Yields) -> None:
    """Add the energy columns in place: thousandths; months and steps each sum to the year."""
    count = len(roofs)
    blocked = (roofs["structure_state"] == "blocked").to_numpy()

    def total(values: Floats) -> npt.NDArray[np.int64]:
        summed = np.bincount(arrays.roof, weights=values, minlength=count)
        return np.rint(np.where(blocked, 0.0, summed) * 1000.0).astype(np.int64)

    year = np.zeros(count, dtype=np.int64)
    for month, name in enumerate(MONTHS):
        thousandths = total(found.energy_kwh[:, month])
        year += thousandths
        roofs[f"energy_ac_kwh_{name}"] = thousandths / 1000.0
    roofs["energy_ac_kwh_per_year"] = year / 1000.0
    roofs["poa_reference_kwh_per_year"] = total(found.poa_kwh) / 1000.0
    steps = [total(found.steps_kwh[:, number]) for number in range(len(STEPS))]
    # Rounding to thousandths is settled in the largest step, so that the steps sum exactly.
    steps[0] += year - sum(steps)
    for step, thousandths in zip(STEPS, steps, strict=True):
        roofs[waterfall_name(step)] = thousandths / 1000.0
    roofs["sky_view_fraction"] = _share(arrays, arrays.sky_view * arrays.capacity_kw, None, count)
    roofs["beam_shading_fraction"] = _share(arrays, found.beam_lost_kwh, found.beam_kwh, count)


def _share(arrays: Arrays, part: Floats, whole: Floats | None, roofs: int) -> Floats:
    """Return each roof's part over whole (the capacity where None), NaN where it has no array."""
    below = arrays.capacity_kw if whole is None else whole
    bottom = np.bincount(arrays.roof, weights=below, minlength=roofs)
    top = np.bincount(arrays.roof, weights=part, minlength=roofs)
    share: Floats = np.clip(top / np.where(bottom > 0.0, bottom, np.nan), 0.0, 1.0).round(6)
    return share

"""What a run assumes: typed, frozen values and the entries they came from.

Units stand in the names; defaults, sources and bounds in ``defaults/*.toml``;
:mod:`pvplan.assumptions` lays the layers over each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, Final, Literal

from pvplan.errors import AssumptionError

Value = float | int | str | bool | tuple[str, ...] | tuple[float, ...]
Layer = Literal["default", "city", "scenario", "user"]


@dataclass(frozen=True)
class Entry:
    """One assumption: its value, unit, meaning, bounds, source, and which layer set it."""

    key: str
    value: Value
    unit: str
    source: str
    verified: bool
    zh: str
    en: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    layer: Layer = "default"


@dataclass(frozen=True)
class Footprints:
    """How rows of a footprint file become buildings (``footprints.toml``)."""

    storey_height_m: float
    default_height_m: float
    max_height_m: float
    max_bad_height_fraction: float
    min_area_m2: float
    min_width_m: float
    contained_fraction: float
    default_use: str


@dataclass(frozen=True)
class Surfaces:
    """How a footprint becomes planes (``surfaces.toml``)."""

    sheet_min_area_m2: float
    sheet_max_height_m: float
    sheet_uses: tuple[str, ...]
    metal_sheet_slope_deg: float
    saw_tooth_slope_deg: float
    saw_tooth_plan_fraction: float
    saw_tooth_pitch_m: float
    pitched_slope_deg: float


@dataclass(frozen=True)
class FormLayout:
    """What of a plane of one roof form can carry modules (``layout.toml``).

    The packer reads ``mountings``, the setbacks, the skylight strips, ``obstruction_fraction``
    and ``max_azimuth_from_equator_deg``; the screening method reads ``mounting``,
    ``racked_tilt_deg``, ``edge_setback_m`` and the shares.
    """

    mountings: tuple[str, ...]
    edge_setback_m: float
    ridge_setback_m: float
    parapet_height_m: float
    skylight_every_m: float
    skylight_width_m: float
    mounting: str
    racked_tilt_deg: float
    obstruction_fraction: float
    skylight_fraction: float
    walkway_fraction: float
    load_excluded_fraction: float
    array_fill_fraction: float
    max_azimuth_from_equator_deg: float

    @property
    def usable_fraction(self) -> float:
        """Share of the area inside the setback that is usable (screening)."""
        return (
            (1.0 - self.obstruction_fraction)
            * (1.0 - self.skylight_fraction)
            * (1.0 - self.walkway_fraction)
            * (1.0 - self.load_excluded_fraction)
        )


@dataclass(frozen=True)
class Layout:
    """The layout rules of every roof form, and those of all (``layout.toml``)."""

    flat_concrete: FormLayout
    metal_sheet: FormLayout
    saw_tooth: FormLayout
    pitched: FormLayout
    method: str
    objective: str
    module_orientations: tuple[str, ...]
    row_directions: tuple[str, ...]
    racked_tilts_deg: tuple[float, ...]
    east_west_tilt_deg: float
    module_gap_m: float
    min_row_gap_m: float
    east_west_ridge_gap_m: float
    walkway_every_m: float
    walkway_width_m: float
    max_block_m: float
    fire_break_width_m: float
    min_run_modules: int
    min_array_modules: int
    obstruction_clearance_m: float
    obstruction_clearance_per_height: float
    solstice_first_hour: float
    solstice_last_hour: float

    def of(self, roof_form: str) -> FormLayout:
        """Return the rules of one roof form."""
        rules: FormLayout = getattr(self, roof_form)
        return rules


@dataclass(frozen=True)
class Shading:
    """How neighbours shade a roof (``shading.toml``)."""

    azimuth_bins: int
    min_elevation_deg: float
    max_distance_m: float
    far_field_factor: float
    point_spacing_m: float
    first_points: int
    max_points: int
    refine_above_fraction: float
    max_beam_loss_fraction: float
    partial_model: str
    partial_factor: float
    terrain_max_distance_m: float
    terrain_lift_m: float
    terrain_blind_cells: float


@dataclass(frozen=True)
class AddedLoad:
    """Permanent load that each mounting adds to the roof it covers (``structure.toml``)."""

    flush_kn_per_m2: float
    racked_kn_per_m2: float
    east_west_kn_per_m2: float


@dataclass(frozen=True)
class Allowance:
    """Permanent load that a roof form is taken to bear beyond its own (``structure.toml``)."""

    sure_kn_per_m2: float
    possible_kn_per_m2: float


@dataclass(frozen=True)
class Structure:
    """When a roof bears modules, needs a survey, or does not bear them (``structure.toml``)."""

    added_load: AddedLoad
    flat_concrete: Allowance
    metal_sheet: Allowance
    saw_tooth: Allowance
    pitched: Allowance
    old_before: date
    old_factor: float

    def of(self, roof_form: str) -> Allowance:
        """Return the allowance of one roof form."""
        rules: Allowance = getattr(self, roof_form)
        return rules


@dataclass(frozen=True)
class Module:
    """One PV module (``module.toml``); ``gamma_pdc`` in 1/°C as in pvlib."""

    power_w: float
    length_m: float
    width_m: float
    gamma_pdc: float
    first_year_degradation_fraction: float
    degradation_fraction_per_year: float

    @property
    def area_m2(self) -> float:
        """Area of one module, m²."""
        return self.length_m * self.width_m


@dataclass(frozen=True)
class Mounting:
    """Heat-loss factors u_c and u_v of pvlib.temperature.pvsyst_cell."""

    heat_loss_constant_w_per_m2_k: float
    heat_loss_wind_w_per_m2_k_per_m_per_s: float


@dataclass(frozen=True)
class Losses:
    """Itemised DC losses; they multiply (``system.toml``).

    ``soiling_fraction`` holds the twelve months; a single number stands for all of them.
    ``shading_fraction`` is the flat share of screening, ``unseen_shading_fraction`` what remains
    once horizons and rows are computed.
    """

    soiling_fraction: tuple[float, ...]
    shading_fraction: float
    unseen_shading_fraction: float
    snow_fraction: float
    mismatch_fraction: float
    wiring_fraction: float
    connections_fraction: float
    nameplate_fraction: float
    availability_fraction: float

    def __post_init__(self) -> None:
        given = self.soiling_fraction
        if len(given) == 1:
            object.__setattr__(self, "soiling_fraction", given * 12)
        elif len(given) != 12:
            raise AssumptionError(
                f"system.losses.soiling_fraction: {len(given)} numbers ({given}); give 12, one for"
                " each month from January, or one for all months"
            )


@dataclass(frozen=True)
class System:
    """From light on the plane to alternating current (``system.toml``)."""

    transposition_model: str
    albedo: float
    absorption_fraction: float
    bifacial_model: str
    bifaciality_fraction: float
    row_clearance_m: float
    dc_ac_ratio: float
    inverter_sizes_kw: tuple[float, ...]
    inverter_efficiency_fraction: float
    flush: Mounting
    racked: Mounting
    losses: Losses

    def __post_init__(self) -> None:
        sizes = self.inverter_sizes_kw
        if list(sizes) != sorted(set(sizes)):
            told = ", ".join(f"{size:g}" for size in sizes)
            raise AssumptionError(
                f"system.inverter_sizes_kw: {told}; give each size once, the smallest first"
            )


@dataclass(frozen=True)
class WeatherRules:
    """How hourly weather is checked, repaired and scaled (``weather.toml``)."""

    closure_tolerance_fraction: float
    decomposition_model: str
    cell_size_deg: float
    node_size_deg: float
    ghi_ratio_step: float
    azimuth_step_deg: float
    min_ghi_ratio: float
    max_ghi_ratio: float
    max_distance_km: float
    refused_distance_km: float
    clear_sky_aod700: float
    clear_sky_precipitable_water_cm: float


@dataclass(frozen=True)
class IrradianceRules:
    """Plausible range of an irradiance raster (``irradiance.toml``)."""

    year_low_kwh_per_m2: float
    year_high_kwh_per_m2: float
    month_low_kwh_per_m2: float
    month_high_kwh_per_m2: float


@dataclass(frozen=True)
class RegisterRules:
    """When a register row is believed (``register.toml``)."""

    max_density_w_per_m2: float
    min_density_w_per_m2: float
    unit_slip_factor: float
    min_median_capacity_kw: float
    max_distance_m: float
    id_exact_weight: float
    id_alike_weight: float
    on_roof_weight: float
    beside_roof_weight: float
    far_roof_weight: float
    name_same_weight: float
    name_alike_weight: float
    park_weight: float
    park_only_weight: float
    contradicted_factor: float
    implausible_factor: float
    min_score: float
    tie_margin: float
    name_min_ratio: float
    generic_words: tuple[str, ...]
    potential_factor: float
    slip_min_w_per_m2: float
    typical_w_per_m2: float
    ac_ratings_kw: tuple[float, ...]
    ac_tolerance_fraction: float
    duplicate_tolerance_fraction: float
    same_day_rows: float
    shifted_share: float
    shifted_min_rows: float
    undo_shift: bool


@dataclass(frozen=True)
class Spread:
    """Relative standard deviation of one source, and who shares its error (``uncertainty.toml``).

    ``shared`` is ``city``, ``form``, ``district``, ``park`` or ``roof``, here and below.
    """

    relative_fraction: float
    shared: str


@dataclass(frozen=True)
class SpreadByForm:
    """Relative standard deviations of a source by roof form (``uncertainty.toml``)."""

    flat_concrete_fraction: float
    metal_sheet_fraction: float
    saw_tooth_fraction: float
    pitched_fraction: float
    shared: str


@dataclass(frozen=True)
class SpreadByFormSource:
    """Relative standard deviations by the source of the roof form (``uncertainty.toml``)."""

    given_fraction: float
    inferred_fraction: float
    shared: str


@dataclass(frozen=True)
class SpreadByHeightSource:
    """Relative standard deviations by the source of the height (``uncertainty.toml``)."""

    given_fraction: float
    floors_fraction: float
    default_fraction: float
    shared: str


@dataclass(frozen=True)
class SurveyOutcome:
    """Share of the capacity awaiting a structural survey that it confirms (``uncertainty.toml``).

    A beta distribution of this mean and standard deviation.
    """

    confirmed_fraction: float
    spread_fraction: float
    shared: str


@dataclass(frozen=True)
class Uncertainty:
    """How wrong each source may be (``uncertainty.toml``)."""

    draws: int
    seed: str
    attainment_horizon_years: float
    pace_fraction: float
    usable_share: SpreadByForm
    packing: Spread
    module_choice: Spread
    park_practice: Spread
    roof_detail: Spread
    roof_form: SpreadByFormSource
    form_rule: SpreadByFormSource
    height: SpreadByHeightSource
    survey: SurveyOutcome
    irradiance: Spread
    transposition: Spread
    losses: Spread
    shading: SpreadByHeightSource
    interannual: Spread
    register_system: Spread
    register_bias: Spread
    register_late_fraction: float


@dataclass(frozen=True)
class Finance:
    """Cost and time (``finance.toml``)."""

    capex_cny_per_kw_dc: float
    capex_racked_extra_cny_per_kw_dc: float
    capex_east_west_extra_cny_per_kw_dc: float
    capex_fixed_cny_per_roof: float
    opex_cny_per_kw_dc_per_year: float
    discount_rate_fraction: float
    lifetime_years: int


@dataclass(frozen=True)
class Tariff:
    """What a kilowatt-hour earns (``tariff.toml``)."""

    self_consumption_fraction: float
    retail_price_cny_per_kwh: float
    export_price_cny_per_kwh: float

    @property
    def mean_price_cny_per_kwh(self) -> float:
        """Price of the mix of own use and export."""
        own = self.self_consumption_fraction
        return own * self.retail_price_cny_per_kwh + (1.0 - own) * self.export_price_cny_per_kwh


@dataclass(frozen=True)
class CarbonFactors:
    """Electricity emission factors by purpose, tCO₂/MWh (``carbon.toml``)."""

    shanghai_reporting_tco2_per_mwh: float
    mee_shanghai_2022_tco2_per_mwh: float
    national_2023_tco2_per_mwh: float


@dataclass(frozen=True)
class Carbon:
    """Purpose and factors of the avoided emissions (``carbon.toml``)."""

    purpose: str
    factors: CarbonFactors

    @property
    def factor_tco2_per_mwh(self) -> float:
        """The factor that the purpose chooses."""
        return float(getattr(self.factors, f"{self.purpose}_tco2_per_mwh"))


@dataclass(frozen=True)
class GoalSettings:
    """Which roofs the goals speak of (``goals.toml``, settings)."""

    new_plant_from: date
    industrial_uses: tuple[str, ...]
    industrial_uses_outside_parks: tuple[str, ...]
    unknown_use_in_park_counts: bool
    used_fraction: float


@dataclass(frozen=True)
class AllocationRules:
    """How a goal of the city is split to its places (``allocation.toml``)."""

    method: str
    use_lower_bound: bool
    use_upper_bound: bool
    negotiated: tuple[str, ...]


@dataclass(frozen=True)
class ModuleDensity:
    """Power per module area by year of commissioning (``compliance.toml``)."""

    from_year: tuple[float, ...]
    low_w_per_m2: tuple[float, ...]
    mode_w_per_m2: tuple[float, ...]
    high_w_per_m2: tuple[float, ...]
    undated_w_per_m2: tuple[float, ...]


@dataclass(frozen=True)
class ComplianceRules:
    """How a new plant is held against its clause (``compliance.toml``)."""

    date_of: str
    area_definition: str
    min_pass_probability_fraction: float
    density: ModuleDensity


GOAL_SCOPES: Final = ("existing_industrial", "new_industrial", "industrial", "all")
GOAL_LEVELS: Final = ("city", "district")
GOAL_DENOMINATORS: Final = {
    "installed_dc_kw": ("mw",),
    "full_installation": ("usable_roof",),
    "coverage_fraction": ("gross_roof", "usable_roof"),
    "added_dc_kw": ("mw",),
    "share_of_plants": ("share_of_plants",),
}
"""Each metric with the denominators it can be measured against."""
GOAL_METRICS: Final = tuple(GOAL_DENOMINATORS)


@dataclass(frozen=True)
class Goal:
    """One goal with its clause (``goals.toml``).

    Attributes
    ----------
    target
        None where it is derived.
    document_date
        Day of the document; None where the text read does not state it.
    owner
        Who answers for it, as the text read names it, or that it names none.
    source
        Where the document was read.
    superseded_by
        Id of the goal that replaced it; it stays in every table with a note.
    """

    id: str
    enabled: bool
    name_zh: str
    name_en: str
    clause_zh: str
    clause_en: str
    document: str
    scope: str
    level: str
    metric: str
    denominator: str
    target: float | None
    unit: str
    deadline: date
    owner: str
    source: str
    verified: bool
    note: str = ""
    document_date: date | None = None
    superseded_by: str | None = None
    place_id: str | None = None
    baseline: date | None = None
    applies_within: tuple[float, ...] = (-180.0, -90.0, 180.0, 90.0)

    def applies_at(self, longitude: float, latitude: float) -> bool:
        """Whether the document speaks of a place (degrees, WGS84)."""
        west, south, east, north = self.applies_within
        return west <= longitude <= east and south <= latitude <= north


@dataclass(frozen=True)
class Assumptions:
    """Every assumption of a run, typed, with the entries they came from."""

    footprints: Footprints
    surfaces: Surfaces
    layout: Layout
    shading: Shading
    structure: Structure
    module: Module
    system: System
    weather: WeatherRules
    irradiance: IrradianceRules
    register: RegisterRules
    uncertainty: Uncertainty
    finance: Finance
    tariff: Tariff
    carbon: Carbon
    goal_settings: GoalSettings
    allocation: AllocationRules
    compliance: ComplianceRules
    goals: tuple[Goal, ...]
    scenario: str | None = None
    entries: Mapping[str, Entry] = field(default_factory=dict, repr=False)

    def fingerprint(self) -> str:
        """SHA-256 over every value and every goal, in one stated order (16 hex digits)."""
        payload = {
            "values": {key: self.entries[key].value for key in sorted(self.entries)},
            "goals": [_plain(goal) for goal in self.goals],
        }
        text = json.dumps(payload, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(goal: Goal) -> dict[str, Any]:
    return {item.name: getattr(goal, item.name) for item in fields(goal)}

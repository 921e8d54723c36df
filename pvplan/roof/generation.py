"""Weather, plane and array to AC energy: pvlib's chain over arrays of (time, plane).

The chain is that of ``pvlib.modelchain.ModelChain`` with transposition by Perez-Driesse or
Hay-Davies, physical IAM on the beam and its diffuse mean (Marion 2017) on the rest, PVsyst cell
temperature, PVWatts DC, itemised losses by month and the PVWatts inverter. Rows that stand one
behind the other shade each other; every row is taken as shaded, the first too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pvlib
from pvlib.bifacial import infinite_sheds

from pvplan.assumptions import Module, System
from pvplan.tables import Floats, Selection, Sky, Sun

PLANES_AT_ONCE: Final = 16
"""Planes of a block: a year's daylight hours of 16 planes stay within a core's cache."""

LOSSES: Final = (
    "soiling", "shading", "snow", "mismatch", "wiring", "connections", "nameplate",
    "degradation", "availability",
)  # fmt: skip
"""Losses that take a share of a month's DC energy, in the waterfall's order."""

STEPS: Final = (
    "horizontal", "transposition", "rows", "incidence", "rear", "temperature", *LOSSES,
    "inverter", "clipping",
)  # fmt: skip
"""The loss waterfall: energy on the level, then what each step adds or takes."""

PART_SHADE: Final = 0.6
"""Share of direct light at which the loss of part shade is read; see :attr:`Beam.bend`."""

INVERTER_REFERENCE: Final = 0.9637
INVERTER_CURVE: Final = (-0.0162, 0.9858, -0.0059)
"""PVWatts v5, NREL/TP-6A20-62641: reference efficiency, and AC over load ζ: aζ² + bζ + c."""


@dataclass(frozen=True)
class Orientations:
    """Orientations to compute, per kW of DC capacity; arrays of shape (planes,).

    ``tilt`` and ``azimuth`` in degrees; ``racked`` chooses the mounting's heat loss; ``gcr`` is
    the row's length over the pitch of parallel rows that face one way, NaN where no row stands
    before another (flush, level, east-west pairs).
    """

    tilt: Floats
    azimuth: Floats
    racked: npt.NDArray[np.bool_]
    gcr: Floats

    def __len__(self) -> int:
        return len(self.tilt)

    def at(self, chosen: Selection | slice) -> Orientations:
        """Return some of the orientations."""
        return Orientations(
            self.tilt[chosen], self.azimuth[chosen], self.racked[chosen], self.gcr[chosen]
        )


@dataclass(frozen=True)
class Monthly:
    """A year of one kW DC, month by month; NaN in months without an hour.

    Attributes
    ----------
    poa
        Shape (planes, 12): irradiation on the front before any shading, kWh/m².
    energy
        Shape (ratios, planes, 12): AC energy at each DC/AC ratio, kWh.
    clipping
        Shape (ratios, planes, 12): the step "clipping" at each DC/AC ratio, kWh, at most 0.
    beam
        Shape (planes, 12): AC energy lost if beam and circumsolar light were blocked, kWh.
    sky
        Shape (planes, 12): AC energy lost if the rest of the sky's light were blocked, kWh.
    steps
        Shape (planes, 12, steps): the waterfall :data:`STEPS`, kWh; its sum is the AC energy at
        the ratio ``system.dc_ac_ratio``.
    """

    poa: Floats
    energy: Floats
    clipping: Floats
    beam: Floats
    sky: Floats
    steps: Floats


@dataclass(frozen=True)
class _Light:
    """Light on a block of planes, W/m², shape (time, planes).

    ``_lit`` after the shade of rows, ``_in`` after reflection at the glass too; ``beam`` with
    circumsolar light, ``sky`` without; ``rear`` times bifaciality.
    """

    poa: Floats
    beam_lit: Floats
    beam_in: Floats
    sky_lit: Floats
    sky_in: Floats
    ground_lit: Floats
    ground_in: Floats
    rear: Floats | None

    @property
    def effective(self) -> Floats:
        """What the cells turn into power."""
        front = self.beam_in + self.sky_in + self.ground_in
        return front if self.rear is None else front + self.rear

    @property
    def absorbed(self) -> Floats:
        """What warms the cells."""
        front = self.beam_lit + self.sky_lit + self.ground_lit
        return front if self.rear is None else front + self.rear

    def without_beam(self, share: float) -> tuple[Floats, Floats]:
        """Return what is effective and what is absorbed with a share of the beam blocked."""
        return self.effective - share * self.beam_in, self.absorbed - share * self.beam_lit

    @property
    def stages(self) -> tuple[Floats, ...]:
        """Light on the plane, after the shade of rows, behind the glass, with the rear."""
        return (
            self.poa,
            self.beam_lit + self.sky_lit + self.ground_lit,
            self.beam_in + self.sky_in + self.ground_in,
            self.effective,
        )


@dataclass(frozen=True)
class _Chain:
    """What turns a block's light into power, arrays that broadcast to (time, planes)."""

    heating: Floats
    temp_air: Floats
    gamma_pdc: float
    kept: Floats
    efficiency: float

    def cells_kw(self, effective: Floats, absorbed: Floats) -> Floats:
        """Return the cells' DC power, before the losses of :data:`LOSSES`."""
        power: Floats = pvlib.pvsystem.pvwatts_dc(
            effective, self.temp_air + self.heating * absorbed, 1.0, self.gamma_pdc
        )
        return np.maximum(power, 0.0)

    def dc_kw(self, effective: Floats, absorbed: Floats) -> Floats:
        """Return DC power at the inverter."""
        return self.cells_kw(effective, absorbed) * self.kept

    def unclipped_kw(self, power_dc: Floats, ratio: float) -> Floats:
        """Return AC power of an inverter without a limit of power."""
        square, slope, constant = INVERTER_CURVE
        limit_dc = 1.0 / (ratio * self.efficiency)
        share = self.efficiency / INVERTER_REFERENCE
        power = power_dc * (power_dc * (square * share / limit_dc) + slope * share)
        return np.maximum(power + constant * share * limit_dc, 0.0)

    def ac_kw(self, power_dc: Floats, ratio: float) -> Floats:
        """Return AC power."""
        return np.minimum(self.unclipped_kw(power_dc, ratio), 1.0 / ratio)


def hourly(
    sky: Sky, sun: Sun, planes: Orientations, system: System, module: Module, shaded: bool = False
) -> tuple[Floats, Floats]:
    """Return plane-of-array irradiance and AC power of one kW DC, hour by hour.

    Parameters
    ----------
    sky, sun
        Arrays of shape (time,).
    planes
        Shape (planes,).
    system, module
        Models, losses, heat-loss factors; temperature coefficient, degradation.
    shaded
        As for :func:`monthly`.

    Returns
    -------
    poa_global, power_ac_kw : ndarray, shape (time, planes)
        W/m² before any shading, and kW for each kW DC, in the first year.
    """
    light = _light(sky, sun, planes, system, module, shaded)
    chain = _chain(sky, planes, system, module, shaded)
    power_dc = chain.dc_kw(light.effective, light.absorbed)
    return light.poa, chain.ac_kw(power_dc, system.dc_ac_ratio)


@dataclass(frozen=True)
class Beam:
    """What direct and circumsolar light yields.

    Attributes
    ----------
    hours
        Shape (time, planes): AC energy of one kW DC that an hour loses without it, kWh, at least
        0: the weights of a shading table.
    bend
        Shape (planes,): clipping and temperature make the loss of the first modules in shade
        smaller than that of the last, so a share x in shade takes ``x * (1 + bend * (x - 1))`` of
        the hour's energy: the parabola through nothing, the loss at :data:`PART_SHADE` and the
        loss of all; one number for the year.
    """

    hours: Floats
    bend: Floats


def beam_hours(sky: Sky, sun: Sun, planes: Orientations, system: System, module: Module) -> Beam:
    """Return the AC energy of direct and circumsolar light; it is that left by the rows before.

    Parameters
    ----------
    sky, sun, planes, system, module
        As for :func:`hourly`.
    """
    hours, bend = np.empty((len(sky.ghi), len(planes))), np.zeros(len(planes))
    for block in _blocks(planes):
        light = _light(sky, sun, planes.at(block), system, module, shaded=True)
        chain = _chain(sky, planes.at(block), system, module, shaded=True)
        whole, some, none = (
            chain.ac_kw(chain.dc_kw(*light.without_beam(share)), system.dc_ac_ratio)
            for share in (0.0, PART_SHADE, 1.0)
        )
        hours[:, block] = lost = np.maximum(whole - none, 0.0)
        year, part = lost.sum(axis=0), np.maximum(whole - some, 0.0).sum(axis=0)
        straight = np.where(year > 0.0, PART_SHADE * year, 1.0)
        bend[block] = np.where(year > 0.0, 1.0 - part / straight, 0.0) / (1.0 - PART_SHADE)
    return Beam(hours, bend)


def part_lost(share: Floats, bend: Floats | float) -> Floats:
    """Return what a share of the direct light in shade takes of its energy; see :class:`Beam`."""
    lost: Floats = share * (1.0 + bend * (share - 1.0))
    return lost


def monthly(
    sky: Sky,
    sun: Sun,
    planes: Orientations,
    system: System,
    module: Module,
    dc_ac_ratios: Floats,
    shaded: bool,
) -> Monthly:
    """Return irradiation, AC energy and the loss waterfall of one kW DC, month by month.

    Parameters
    ----------
    sky, sun
        Arrays of shape (time,), hours of a month together.
    planes, system, module
        As for :func:`hourly`.
    dc_ac_ratios
        Shape (ratios,): kW DC for each kW AC of the inverter.
    shaded
        Whether shading is computed: rows shade each other by ``planes.gcr``, and
        ``losses.unseen_shading_fraction`` is taken off. Otherwise (screening) the flat
        ``losses.shading_fraction`` stands for neighbours and rows alike.

    Returns
    -------
    Monthly
        Without the horizon. A plane's values do not depend on its neighbours in the input.
    """
    count = len(planes)
    found = Monthly(
        *(np.full((count, 12), np.nan),
          np.full((len(dc_ac_ratios), count, 12), np.nan),
          np.full((len(dc_ac_ratios), count, 12), np.nan),
          np.full((count, 12), np.nan),
          np.full((count, 12), np.nan),
          np.full((count, 12, len(STEPS)), np.nan))
    )  # fmt: skip
    months, starts = np.unique(sky.month, return_index=True)
    level = np.add.reduceat(sky.ghi, starts) / 1000.0
    kept = kept_fractions(system, module, shaded)[:, months]

    def summed(hours: Floats) -> Floats:
        """Sum an array (time, planes) by month to (planes, months)."""
        return np.add.reduceat(hours, starts, axis=0).T

    for block in _blocks(planes):
        light = _light(sky, sun, planes.at(block), system, module, shaded)
        chain = _chain(sky, planes.at(block), system, module, shaded)
        effective, absorbed = light.effective, light.absorbed
        cells = chain.cells_kw(effective, absorbed)
        power_dc = cells * chain.kept
        for number, ratio in enumerate(dc_ac_ratios.tolist()):
            unlimited = chain.unclipped_kw(power_dc, ratio)
            energy = summed(np.minimum(unlimited, 1.0 / ratio))
            found.energy[number][block, months] = energy
            found.clipping[number][block, months] = energy - summed(unlimited)
        nominal = system.dc_ac_ratio
        unlimited = chain.unclipped_kw(power_dc, nominal)
        energy = summed(np.minimum(unlimited, 1.0 / nominal))
        dark = chain.dc_kw(*light.without_beam(1.0))
        sunny = chain.dc_kw(effective - light.sky_in, absorbed - light.sky_lit)
        found.beam[block, months] = energy - summed(chain.ac_kw(dark, nominal))
        found.sky[block, months] = energy - summed(chain.ac_kw(sunny, nominal))
        on_plane = [summed(stage) / 1000.0 for stage in light.stages]
        found.poa[block, months] = on_plane[0]
        levels = [np.broadcast_to(level, energy.shape), *on_plane, summed(cells)]
        for share in kept:
            levels.append(levels[-1] * share[None, :])
        steps = np.stack([*levels, summed(unlimited), energy], axis=-1)
        steps[..., 1:] = np.diff(steps, axis=-1)
        found.steps[block, months] = steps
    return found


def kept_fractions(system: System, module: Module, shaded: bool) -> Floats:
    """Return what each loss leaves of DC power, by month.

    Parameters
    ----------
    system, module
        Itemised losses; the first year's degradation.
    shaded
        As for :func:`monthly`.

    Returns
    -------
    ndarray, shape (losses, 12)
        In the order of :data:`LOSSES`.
    """
    losses = system.losses
    lost = {
        "shading": losses.unseen_shading_fraction if shaded else losses.shading_fraction,
        "degradation": module.first_year_degradation_fraction,
    }
    kept = np.empty((len(LOSSES), 12))
    for row, name in enumerate(LOSSES):
        kept[row] = 1.0 - np.asarray(
            lost[name] if name in lost else getattr(losses, f"{name}_fraction")
        )
    return kept


def diffuse_iam(tilt: Floats) -> Floats:
    """Return the mean IAM of sky-diffuse light by tilt.

    Marion 2017, doi:10.1016/j.solener.2017.02.048.

    Parameters
    ----------
    tilt
        Shape (planes,), degrees.

    Returns
    -------
    ndarray, shape (planes,)
        With pvlib's physical IAM; used for ground-reflected light too, which is little on roofs.
    """
    distinct, position = np.unique(tilt, return_inverse=True)
    mean: Floats = np.array([_diffuse_iam_at(float(angle)) for angle in distinct])[position]
    return mean


@cache
def _diffuse_iam_at(tilt: float) -> float:
    return float(pvlib.iam.marion_integrate(pvlib.iam.physical, tilt, "sky"))


def _blocks(planes: Orientations) -> Iterator[slice]:
    for first in range(0, len(planes), PLANES_AT_ONCE):
        yield slice(first, min(first + PLANES_AT_ONCE, len(planes)))


def _chain(sky: Sky, planes: Orientations, system: System, module: Module, shaded: bool) -> _Chain:
    # The PVsyst model is linear in the light: its rise for 1 W/m² is computed once.
    heating = pvlib.temperature.pvsyst_cell(
        1.0,
        0.0,
        sky.wind_speed[:, None],
        u_c=_of_mounting(planes, system, "heat_loss_constant_w_per_m2_k"),
        u_v=_of_mounting(planes, system, "heat_loss_wind_w_per_m2_k_per_m_per_s"),
        module_efficiency=module.power_w / module.area_m2 / 1000.0,
        alpha_absorption=system.absorption_fraction,
    )
    kept = kept_fractions(system, module, shaded).prod(axis=0)[sky.month]
    return _Chain(
        np.asarray(heating),
        sky.temp_air[:, None],
        module.gamma_pdc,
        kept[:, None],
        system.inverter_efficiency_fraction,
    )


def _of_mounting(planes: Orientations, system: System, name: str) -> Floats:
    racked, flush = getattr(system.racked, name), getattr(system.flush, name)
    chosen: Floats = np.where(planes.racked, racked, flush)[None, :]
    return chosen


def _light(
    sky: Sky, sun: Sun, planes: Orientations, system: System, module: Module, shaded: bool
) -> _Light:
    tilt, azimuth = planes.tilt[None, :], planes.azimuth[None, :]
    zenith, sun_azimuth = sun.apparent_zenith[:, None], sun.azimuth[:, None]
    projection = pvlib.irradiance.aoi_projection(tilt, azimuth, zenith, sun_azimuth)
    direct = np.maximum(sky.dni[:, None] * projection, 0.0)
    around, dome = _sky_diffuse(sky, sun, tilt, azimuth, system)
    ground = pvlib.irradiance.get_ground_diffuse(tilt, sky.ghi[:, None], system.albedo)
    poa = direct + around + dome + ground
    rear = None
    if shaded:
        rows = np.flatnonzero(np.isfinite(planes.gcr))
        if len(rows):
            sunny, open_sky = _row_shares(sun, planes.at(rows))
            direct[:, rows] *= sunny
            around[:, rows] *= sunny
            dome[:, rows] *= open_sky
        rear = _rear(sky, sun, planes, system, module)
    glass = diffuse_iam(planes.tilt)[None, :]
    beam_in = direct * pvlib.iam.physical(np.degrees(np.arccos(projection))) + around * glass
    return _Light(poa, direct + around, beam_in, dome, dome * glass, ground, ground * glass, rear)


def _sky_diffuse(
    sky: Sky, sun: Sun, tilt: Floats, azimuth: Floats, system: System
) -> tuple[Floats, Floats]:
    """Return circumsolar light, and that of dome and horizon, on each plane."""
    dni, dhi, extra = sky.dni[:, None], sky.dhi[:, None], sun.dni_extra[:, None]
    zenith, sun_azimuth = sun.apparent_zenith[:, None], sun.azimuth[:, None]
    if system.transposition_model == "haydavies":
        parts: Any = pvlib.irradiance.haydavies(
            tilt, azimuth, dhi, dni, extra, zenith, sun_azimuth, return_components=True
        )
    else:
        parts = pvlib.irradiance.perez_driesse(
            tilt, azimuth, dhi, dni, extra, zenith, sun_azimuth, sun.airmass[:, None],
            return_components=True,
        )  # fmt: skip
    around = np.nan_to_num(parts["poa_circumsolar"])
    # pvlib keeps the sum from falling below 0: the dome bears it.
    return around, np.nan_to_num(parts["poa_sky_diffuse"]) - around


def _row_shares(sun: Sun, rows: Orientations) -> tuple[Floats, Floats]:
    """Return the share of the beam (time, rows) and of the sky (1, rows) that rows leave.

    Anderson & Jensen 2024, doi:10.1063/5.0202220; Passias & Källbäck 1984,
    doi:10.1016/0379-6787(84)90017-6. Linear: a row loses the share of its length in shadow.
    """
    with np.errstate(divide="ignore"):
        shaded = pvlib.shading.shaded_fraction1d(
            sun.apparent_zenith[:, None],
            sun.azimuth[:, None],
            axis_azimuth=(rows.azimuth - 90.0)[None, :],
            shaded_row_rotation=rows.tilt[None, :],
            collector_width=rows.gcr[None, :],
            pitch=1.0,
        )
    masking = pvlib.shading.masking_angle_passias(rows.tilt, rows.gcr)
    return 1.0 - shaded, 1.0 - pvlib.shading.sky_diffuse_passias(masking)[None, :]


def _rear(
    sky: Sky, sun: Sun, planes: Orientations, system: System, module: Module
) -> Floats | None:
    """Return light on the rear times bifaciality, W/m²; None where it is not asked for."""
    rows = np.flatnonzero(planes.racked & np.isfinite(planes.gcr))
    if system.bifacial_model == "off" or not len(rows):
        return None
    rear = np.zeros((len(sky.ghi), len(planes)))
    for row in rows:
        tilt, gcr = planes.tilt[row], planes.gcr[row]
        # Only height over pitch matters; a row is taken one upright module long.
        height = system.row_clearance_m + 0.5 * module.length_m * np.sin(np.radians(tilt))
        found = infinite_sheds.get_irradiance_poa(
            180.0 - tilt, (planes.azimuth[row] + 180.0) % 360.0, sun.apparent_zenith,
            sun.azimuth, gcr, height, module.length_m / gcr, sky.ghi, sky.dhi, sky.dni,
            system.albedo,
        )  # fmt: skip
        rear[:, row] = np.nan_to_num(found["poa_global"]) * system.bifaciality_fraction
    return rear


def azimuth_nodes(step_deg: float) -> Floats:
    """Return equally spaced azimuths from north, an even number, at most a step apart."""
    count = 2 * int(np.ceil(180.0 / step_deg - 1e-9))
    return np.arange(count, dtype=np.float64) * (360.0 / count)

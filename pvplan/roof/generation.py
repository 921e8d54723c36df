"""Weather, plane and array to AC energy: pvlib's chain over arrays of (time, plane).

The chain is that of ``pvlib.modelchain.ModelChain`` with transposition by Perez-Driesse or
Hay-Davies, physical IAM on the beam and its diffuse mean (Marion 2017) on the rest, PVsyst cell
temperature, PVWatts DC, constant losses and the PVWatts inverter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pvlib

from pvplan.assumptions import Module, System
from pvplan.tables import Floats, Selection, Sky, Sun

PLANES_AT_ONCE: Final = 16
"""Planes of a block: a year's daylight hours of 16 planes stay within a core's cache."""

ABSORPTION_FRACTION: Final = 0.9
"""Share of light that a module absorbs: pvlib's and PVsyst's default."""


@dataclass(frozen=True)
class Orientations:
    """Orientations to compute, per kW of DC capacity; arrays of shape (planes,).

    ``tilt`` and ``azimuth`` in degrees, ``racked`` chooses the mounting's heat loss.
    """

    tilt: Floats
    azimuth: Floats
    racked: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tilt)

    def at(self, chosen: Selection | slice) -> Orientations:
        """Return some of the orientations."""
        return Orientations(self.tilt[chosen], self.azimuth[chosen], self.racked[chosen])


def hourly(
    sky: Sky, sun: Sun, planes: Orientations, system: System, module: Module
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

    Returns
    -------
    poa_global, power_ac_kw : ndarray, shape (time, planes)
        W/m², and kW for each kW DC, in the first year.
    """
    tilt, azimuth = planes.tilt[None, :], planes.azimuth[None, :]
    beam, diffuse = _on_plane(sky, sun, tilt, azimuth, system)
    poa_global = beam + diffuse
    aoi = pvlib.irradiance.aoi(tilt, azimuth, sun.apparent_zenith[:, None], sun.azimuth[:, None])
    effective = beam * pvlib.iam.physical(aoi) + diffuse * diffuse_iam(planes.tilt)[None, :]
    temp_cell = pvlib.temperature.pvsyst_cell(
        poa_global,
        sky.temp_air[:, None],
        sky.wind_speed[:, None],
        u_c=_of_mounting(planes, system, "heat_loss_constant_w_per_m2_k"),
        u_v=_of_mounting(planes, system, "heat_loss_wind_w_per_m2_k_per_m_per_s"),
        module_efficiency=module.power_w / module.area_m2 / 1000.0,
        alpha_absorption=ABSORPTION_FRACTION,
    )
    power_dc = pvlib.pvsystem.pvwatts_dc(effective, temp_cell, 1.0, module.gamma_pdc)
    power_dc = power_dc * kept_fraction(system, module)
    efficiency = system.inverter_efficiency_fraction
    limit_dc_kw = 1.0 / (system.dc_ac_ratio * efficiency)
    power_ac = pvlib.inverter.pvwatts(np.maximum(power_dc, 0.0), limit_dc_kw, efficiency)
    return poa_global, np.maximum(np.asarray(power_ac), 0.0)


def kept_fraction(system: System, module: Module) -> float:
    """Return what the itemised losses and the first year's degradation leave of DC power."""
    return system.losses.kept_fraction * (1.0 - module.first_year_degradation_fraction)


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


def _of_mounting(planes: Orientations, system: System, name: str) -> Floats:
    racked, flush = getattr(system.racked, name), getattr(system.flush, name)
    chosen: Floats = np.where(planes.racked, racked, flush)[None, :]
    return chosen


def _on_plane(
    sky: Sky, sun: Sun, tilt: Floats, azimuth: Floats, system: System
) -> tuple[Floats, Floats]:
    zenith, sun_azimuth = sun.apparent_zenith[:, None], sun.azimuth[:, None]
    projection = pvlib.irradiance.aoi_projection(tilt, azimuth, zenith, sun_azimuth)
    dni, dhi, extra = sky.dni[:, None], sky.dhi[:, None], sun.dni_extra[:, None]
    beam: Any = np.maximum(dni * projection, 0.0)
    if system.transposition_model == "haydavies":
        diffuse = pvlib.irradiance.haydavies(tilt, azimuth, dhi, dni, extra, zenith, sun_azimuth)
    else:
        diffuse = pvlib.irradiance.perez_driesse(
            tilt, azimuth, dhi, dni, extra, zenith, sun_azimuth, sun.airmass[:, None]
        )
    ground = pvlib.irradiance.get_ground_diffuse(tilt, sky.ghi[:, None], system.albedo)
    return beam, np.nan_to_num(diffuse) + ground


def monthly(
    sky: Sky, sun: Sun, planes: Orientations, system: System, module: Module
) -> tuple[Floats, Floats]:
    """Return plane-of-array irradiation and AC energy of one kW DC, month by month.

    Parameters
    ----------
    sky, sun
        Arrays of shape (time,), hours of a month together.
    planes, system, module
        As for :func:`hourly`.

    Returns
    -------
    poa_kwh_per_m2, energy_kwh_per_kw : ndarray, shape (planes, 12)
        NaN in months that have no hour here. A plane's values do not depend on its neighbours
        in the input.
    """
    poa = np.full((len(planes), 12), np.nan)
    energy = np.full((len(planes), 12), np.nan)
    months, starts = np.unique(sky.month, return_index=True)
    for first in range(0, len(planes), PLANES_AT_ONCE):
        block = slice(first, first + PLANES_AT_ONCE)
        irradiance, power = hourly(sky, sun, planes.at(block), system, module)
        poa[block, months] = np.add.reduceat(irradiance, starts, axis=0).T / 1000.0
        energy[block, months] = np.add.reduceat(power, starts, axis=0).T
    return poa, energy


def azimuth_nodes(step_deg: float) -> Floats:
    """Return equally spaced azimuths from north, an even number, at most a step apart."""
    count = 2 * int(np.ceil(180.0 / step_deg - 1e-9))
    return np.arange(count, dtype=np.float64) * (360.0 / count)


def azimuth_weights(azimuth: Floats, nodes: int) -> Floats:
    """Return the weights of trigonometric interpolation between equally spaced azimuths.

    A year's energy is a smooth periodic function of azimuth, so few nodes suffice.

    Parameters
    ----------
    azimuth
        Shape (n,), degrees.
    nodes
        An even number of nodes, the first at 0°; or 1, which stands for every azimuth.

    Returns
    -------
    ndarray, shape (n, nodes)
        Rows sum to 1; exactly one weight is 1 at a node.
    """
    if nodes == 1:
        return np.ones((len(azimuth), 1))
    offset = np.radians(azimuth[:, None] - np.arange(nodes) * (360.0 / nodes))
    order = np.arange(1, nodes // 2)
    waves = 2.0 * np.cos(offset[..., None] * order).sum(axis=-1)
    weights: Floats = (1.0 + waves + np.cos(offset * (nodes // 2))) / nodes
    return weights

"""Planes and a module to module counts, by the area method.

Modules fill the usable area: flush planes up to their fill share, racked planes in rows whose
pitch keeps the winter-solstice rule. Whole modules only. The method knows no outline of a row,
so it is a screening value; watts per square metre are its result, never its input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pvplan.assumptions import Layout, Module
from pvplan.tables import Floats


@dataclass(frozen=True)
class Arrays:
    """What a plane carries; every array has shape (planes,).

    Attributes
    ----------
    tilt, azimuth
        Module orientation, degrees (pvlib's surface_tilt, surface_azimuth).
    racked
        True where modules stand in tilted rows.
    gcr
        Row length over pitch; 1 where flush, 0 where no pitch keeps the rule.
    row_pitch_m
        Distance of rows; NaN where flush, or where no pitch keeps the rule.
    module_count
        Whole modules.
    """

    tilt: Floats
    azimuth: Floats
    racked: npt.NDArray[np.bool_]
    gcr: Floats
    row_pitch_m: Floats
    module_count: npt.NDArray[np.int64]


@dataclass(frozen=True)
class SolsticeSun:
    """The sun through the solstice window over a few places, and the place of each plane.

    ``elevation``, ``azimuth``: shape (places, times), degrees; ``place``: shape (planes,).
    """

    elevation: Floats
    azimuth: Floats
    place: npt.NDArray[np.int64]

    def at(self, chosen: npt.NDArray[np.bool_]) -> SolsticeSun:
        """Return the sun over some planes only."""
        return SolsticeSun(self.elevation, self.azimuth, self.place[chosen])


def _pitches(row_length_m: float, tilt: Floats, azimuth: Floats, sun: SolsticeSun) -> Floats:
    """Return the pitch of each row, computed once for each distinct place and orientation."""
    keys, position = np.unique(
        np.stack([sun.place.astype(np.float64), tilt, azimuth], axis=1), axis=0, return_inverse=True
    )
    place = keys[:, 0].astype(np.int64)
    distinct = row_pitch(
        row_length_m, keys[:, 1], keys[:, 2], sun.elevation[place], sun.azimuth[place]
    )
    found: Floats = distinct[position.reshape(-1)]
    return found


def row_pitch(
    row_length_m: float,
    tilt: Floats,
    azimuth: Floats,
    sun_elevation: Floats,
    sun_azimuth: Floats,
) -> Floats:
    """Return the pitch at which no row shades the next while the sun is in the given places.

    For a sun at elevation a and azimuth A, a row of slant length L, tilt B and azimuth R throws
    a shadow of L sin B cos(A - R) / tan a along its own normal; the pitch is L cos B plus the
    longest such shadow. Over 9:00-15:00 of the winter solstice this is the rule of GB 50797-2012.

    Parameters
    ----------
    row_length_m
        Slant length of a row.
    tilt, azimuth
        Shape (planes,): row orientation, degrees.
    sun_elevation, sun_azimuth
        Shape (planes, times), degrees.

    Returns
    -------
    ndarray, shape (planes,)
        Pitch, m; infinite where the sun stands at or below the horizon within the window.
    """
    up = sun_elevation > 0.0
    along = np.cos(np.radians(sun_azimuth - azimuth[:, None]))
    reach = along / np.tan(np.radians(np.where(up, sun_elevation, 45.0)))
    longest = np.maximum(np.where(up, reach, np.inf).max(axis=1), 0.0)
    slope = np.radians(tilt)
    # Level rows cast no shadow, even where the longest one is without end.
    rise = np.sin(slope) * np.where(tilt > 0.0, longest, 0.0)
    pitch: Floats = row_length_m * (np.cos(slope) + rise)
    return pitch


def fill_planes(
    roof_form: npt.NDArray[np.object_],
    slope: Floats,
    azimuth: Floats,
    usable_area_m2: Floats,
    equator: Floats,
    sun: SolsticeSun,
    layout: Layout,
    module: Module,
) -> Arrays:
    """Fill each plane with whole modules by its form's mounting.

    Parameters
    ----------
    roof_form, slope, azimuth, usable_area_m2
        Shape (planes,): form, slope and azimuth [°], usable plan area [m²].
    equator
        Shape (planes,): 180 on the northern hemisphere, 0 on the southern; racked rows face it.
    sun
        The sun of the solstice window over each plane.
    layout, module
        Mounting, tilt, fill; size of the module. Racked rows hold one module upright.

    Returns
    -------
    Arrays
        In the order of the planes.
    """
    rules = [layout.of(form) for form in roof_form]
    racked = np.array([rule.mounting == "racked" for rule in rules], dtype=bool)
    fill = np.array([rule.array_fill_fraction for rule in rules])
    tilt = np.where(racked, [rule.racked_tilt_deg for rule in rules], slope)
    facing = np.where(racked, equator, azimuth)
    pitch = np.full(len(tilt), np.nan)
    pitch[racked] = _pitches(module.length_m, tilt[racked], facing[racked], sun.at(racked))
    gcr = np.where(racked, module.length_m / pitch, 1.0)
    # A flush plane is longer than its plan by 1 / cos(slope); rows are spaced in plan.
    surface = np.where(racked, usable_area_m2, usable_area_m2 / np.cos(np.radians(slope)))
    count = np.floor(surface * gcr * fill / module.area_m2 + 1e-9).astype(np.int64)
    # Where no pitch keeps the rule there is no row: its pitch is missing.
    return Arrays(tilt, facing, racked, gcr, np.where(np.isfinite(pitch), pitch, np.nan), count)

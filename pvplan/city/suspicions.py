"""Capacities that cannot be: units slipped in single rows, AC for DC, larger than the roof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pvplan.assumptions import RegisterRules
from pvplan.errors import InputError
from pvplan.tables import Floats, Ints

Flags = npt.NDArray[np.bool_]

# What a stated figure is multiplied by if it was given in another unit than its column's.
TOO_LARGE: Final = (("unit_w", 1e-3), ("unit_10mw", 1e-4))
TOO_SMALL: Final = (("unit_mw", 1e3), ("unit_10mw", 1e4))


@dataclass(frozen=True)
class Slips:
    """Shape (rows,): the finding, or "" where there is none; the capacity it suggests, kW."""

    finding: npt.NDArray[np.object_]
    suggested_kw: Floats


def unit_slips(kw: Floats, area_m2: Floats, rules: RegisterRules) -> Slips:
    """Find single rows whose capacity fits their roof in another unit only.

    Parameters
    ----------
    kw
        Shape (rows,): DC capacity as stated.
    area_m2
        Shape (rows,): area of the roof, or roofs, of the row; NaN unknown.
    rules
        Believed densities; of several corrections the one nearest to ``typical_w_per_m2`` in
        orders of magnitude is taken.

    Returns
    -------
    Slips
        ``unit_w`` and ``unit_10mw`` above the believed density, ``unit_mw`` and ``unit_10mw``
        below it. A 万千瓦 slip may go either way: by the header's unit or by the row's.
    """
    density = kw * 1000.0 / area_m2
    finding = np.full(len(kw), "", dtype=object)
    suggested = np.full(len(kw), np.nan)
    nearest = np.full(len(kw), np.inf)
    sides = (
        (density > rules.max_density_w_per_m2, TOO_LARGE),
        (density < rules.min_density_w_per_m2, TOO_SMALL),
    )
    for outside, corrections in sides:
        for word, factor in corrections:
            mended = density * factor
            with np.errstate(divide="ignore", invalid="ignore"):
                away = np.abs(np.log(mended / rules.typical_w_per_m2))
            fits = (mended >= rules.slip_min_w_per_m2) & (mended <= rules.max_density_w_per_m2)
            taken = outside & fits & (away < nearest)
            finding[taken], nearest[taken] = word, away[taken]
            suggested[taken] = kw[taken] * factor
    return Slips(finding, suggested)


def beyond_park(
    kw: Floats, roofs_area_m2: Floats, largest_area_m2: Floats, rules: RegisterRules
) -> Slips:
    """Find rows of which only the park is known and that all its roofs cannot hold.

    Parameters
    ----------
    kw, roofs_area_m2, largest_area_m2
        Shape (rows,): capacity; area of all roofs of the park, and of its largest; NaN unknown.
    rules
        As for :func:`unit_slips`; ``unit_slip_factor`` parts a slip from a park of which not
        every roof is known.

    Returns
    -------
    Slips
        ``unit_w`` far above what the park's roofs hold if a thousandth fits its largest roof,
        else ``larger_than_roof``.
    """
    density = kw * 1000.0 / roofs_area_m2
    large = density > rules.max_density_w_per_m2
    far = density > rules.max_density_w_per_m2 * rules.unit_slip_factor
    slip = far & (kw / largest_area_m2 <= rules.max_density_w_per_m2)
    finding = np.select([slip, large], ["unit_w", "larger_than_roof"], "").astype(object)
    return Slips(finding, np.where(slip, kw / 1000.0, np.nan))


def densities(kw: Floats, roof: Ints, live: Flags, area_m2: Floats) -> Floats:
    """Return the density that a system makes on its roof with all others that run there.

    Parameters
    ----------
    kw, roof, live
        Shape (parts,): capacity; position of the roof; whether the system runs. A system that
        does not run is weighed alone: it may be replaced by, or extend, the others.
    area_m2
        Shape (roofs,).

    Returns
    -------
    ndarray
        Shape (parts,), W per m² of roof.
    """
    total = np.zeros(len(area_m2))
    # In one order, so that the order of the rows changes no digit.
    order = np.lexsort((kw, roof))
    np.add.at(total, roof[order], np.where(live & np.isfinite(kw), kw, 0.0)[order])
    own: Floats = np.where(live, total[roof], kw) * 1000.0 / area_m2[roof]
    return own


def ac_for_dc(
    kw: Floats, unstated: Flags, potential_kw: Floats, dc_ac_ratio: float, rules: RegisterRules
) -> Flags:
    """Find capacities that are an AC rating: whole inverters, and DC fits by the DC/AC ratio.

    Parameters
    ----------
    kw, unstated, potential_kw
        Shape (rows,): capacity; whether the file says neither AC nor DC; DC potential of the
        row's roof, NaN unknown.
    dc_ac_ratio
        DC capacity per AC capacity.
    rules
        ``ac_ratings_kw`` and ``ac_tolerance_fraction``.

    Returns
    -------
    ndarray of bool
        The capacity is a whole number of one usual rating, misses the roof's DC potential, and
        meets it when multiplied by the ratio.
    """
    ratings = np.asarray(rules.ac_ratings_kw)
    units = np.maximum(np.rint(kw[:, None] / ratings), 1.0)
    off = np.abs(units * ratings - kw[:, None]).min(axis=1) if len(kw) else np.empty(0)
    near = rules.ac_tolerance_fraction * potential_kw
    whole = off < 1e-6 * np.maximum(kw, 1.0)
    meets = np.abs(kw * dc_ac_ratio - potential_kw) <= near
    return np.asarray(unstated & whole & meets & (np.abs(kw - potential_kw) > near), dtype=bool)


def check_unit(density: Floats, rules: RegisterRules) -> None:
    """Refuse a file whose unit is wrong as a whole.

    Parameters
    ----------
    density
        W per m² of roof of the matched rows, NaN unknown.
    rules
        Believed densities.

    Raises
    ------
    InputError
        The median shows a wrong unit in the header.
    """
    known = density[np.isfinite(density)]
    if not len(known):
        return
    middle = float(np.median(known))
    most = rules.unit_slip_factor * rules.max_density_w_per_m2
    if middle < rules.min_density_w_per_m2 or middle > most:
        remedy = "MW or 万千瓦" if middle < rules.min_density_w_per_m2 else "W"
        raise InputError(
            f"register: capacity: the median of {len(known)} matched systems is {middle:.3g} W per"
            f" m² of roof; 30-200 is usual, so the unit in the header is wrong: is it {remedy}?"
        )


def check_size(kw: Floats, rules: RegisterRules) -> None:
    """Refuse tiny systems where only parks are known: there is no roof to compare with.

    Parameters
    ----------
    kw
        Capacities of the rows of which only the park is known, NaN unknown.
    rules
        ``min_median_capacity_kw``.

    Raises
    ------
    InputError
        The median is below it.
    """
    sizes = kw[np.isfinite(kw)]
    if len(sizes) and float(np.median(sizes)) < rules.min_median_capacity_kw:
        raise InputError(
            f"register: capacity: the median of {len(sizes)} systems of which only the park is"
            f" known is {np.median(sizes):.3g} kW, below {rules.min_median_capacity_kw:g} kW: is"
            " the unit in the header wrong (MW or 万千瓦)? If they are that small:"
            " --set register.min_median_capacity_kw=0"
        )

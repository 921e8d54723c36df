"""What a solar raster holds and in which unit: from its words, from the user, or from its range.

A factor of 365 stands between two rasters of the same name, so a unit is never assumed: it is
given, or written in the file's tags, or the only one in which the values make sense, and in
every case the converted values must be plausible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from pvplan.assumptions import IrradianceRules, read_toml
from pvplan.errors import InputError, nearest
from pvplan.tables import Floats

Quantity = Literal["ghi", "pvout"]
UnitSource = Literal["given", "tags", "range"]

# A typical year has 365 days: 8760 hours, as in every weather file.
DAYS: Final[Floats] = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.float64)
_WORDS: Final[dict[str, Any]] = read_toml(Path(__file__).with_name("raster_words.toml"))


def unit_names(quantity: Quantity) -> tuple[str, ...]:
    """Return the names of the units in which a quantity may be given."""
    energy_of_kw = quantity == "pvout"
    return tuple(name for name in _WORDS["units"] if ("_per_kw_" in name) == energy_of_kw)


def factors(unit: str, bands: int) -> Floats:
    """Return what turns a band's values into kWh per m² (or kWp) and month, or year.

    Parameters
    ----------
    unit
        A name of :func:`unit_names`.
    bands
        12 (January to December) or 1 (the year).

    Returns
    -------
    ndarray, shape (bands,)
    """
    days = DAYS if bands == 12 else np.array([DAYS.sum()])
    if unit.endswith("_per_day"):
        return days
    if unit == "w_per_m2":
        return np.asarray(days * 24.0 / 1000.0)
    if unit.endswith("_per_year"):
        return np.asarray(days / DAYS.sum())
    return np.ones(12) if bands == 12 else np.array([12.0])


def bounds(quantity: Quantity, bands: int, rules: IrradianceRules) -> tuple[float, float]:
    """Return the plausible values of a band, in kWh per m² (or kWp) and month, or year."""
    if quantity == "pvout":
        low, high = float(_WORDS["pvout"]["year_low"]), float(_WORDS["pvout"]["year_high"])
        # No month outshines a fifth of the year, and none is believed to be without any sun.
        return (low, high) if bands == 1 else (0.0, high / 5.0)
    if bands == 1:
        return rules.year_low_kwh_per_m2, rules.year_high_kwh_per_m2
    return rules.month_low_kwh_per_m2, rules.month_high_kwh_per_m2


def plain(text: str) -> str:
    """Return text in the spelling that the patterns expect."""
    return re.sub(r"\^|\*\*|[<>/]sup>", "", text.lower().replace("²", "2").replace("⁻", "-"))


def quantities_in(text: str) -> set[str]:
    """Return the quantities that a text names."""
    table: dict[str, list[str]] = _WORDS["quantities"]
    return {name for name, patterns in table.items() if _found(patterns, plain(text))}


def units_in(text: str, quantity: Quantity) -> set[str]:
    """Return the units that a text names."""
    table: dict[str, dict[str, Any]] = _WORDS["units"]
    return {name for name in unit_names(quantity) if _found(table[name]["patterns"], plain(text))}


def _found(patterns: list[str], text: str) -> bool:
    return any(re.search(pattern, text) for pattern in patterns)


def stated_unit(
    name: str, unit_fields: tuple[str, ...], tags: Mapping[str, str], quantity: Quantity
) -> str | None:
    """Return the unit that the file states of itself.

    Parameters
    ----------
    name
        File name, for the message.
    unit_fields
        Texts whose only purpose is to state the unit (GDAL's unit type of each band).
    tags
        Every other text of the file.
    quantity
        What is looked for.

    Raises
    ------
    InputError
        Two different units, or a unit field with a unit unknown here.
    """
    fields = sorted({text.strip() for text in unit_fields if text and text.strip()})
    known = ", ".join(unit_names(quantity))
    foreign = [text for text in fields if not units_in(text, quantity)]
    if foreign:
        raise InputError(
            f"{name}: unit {foreign[0]!r} is not one that is read here ({known}); convert the "
            f"raster, or name the right unit with --irradiance-unit"
        )
    found = set().union(*(units_in(text, quantity) for text in fields)) if fields else set()
    if not found:
        found = set().union(*(units_in(text, quantity) for text in tags.values()), set())
    if len(found) > 1:
        raise InputError(
            f"{name}: tags name several units ({', '.join(sorted(found))}); say which one holds "
            f"with --irradiance-unit"
        )
    return found.pop() if found else None


def checked_given(unit: str, quantity: Quantity) -> str:
    """Return the unit the user gave.

    Raises
    ------
    InputError
        Unknown name; the nearest is named.
    """
    if unit not in unit_names(quantity):
        raise InputError(
            f"--irradiance-unit: '{unit}' is unknown; {nearest(unit, unit_names(quantity))}"
        )
    return unit


def inferred_unit(name: str, quantity: Quantity, medians: Floats) -> str:
    """Return the only unit in which the values make sense.

    Parameters
    ----------
    name
        File name, for the message.
    quantity
        What the raster holds.
    medians
        Median of the valid values of each band, as they stand in the file, shape (bands,).

    Raises
    ------
    InputError
        No unit fits, or several do.
    """
    middle = float(medians.mean())
    fitting = []
    for unit in unit_names(quantity):
        low, high = _WORDS["units"][unit]["typical"]
        # A month "per year" is too odd to be guessed; it has to be stated.
        if low <= middle <= high and not (medians.size == 12 and unit.endswith("_per_year")):
            fitting.append(unit)
    if len(fitting) == 1:
        return fitting[0]
    fits = f"fits {' and '.join(fitting)}" if fitting else "fits no known unit"
    raise InputError(
        f"{name}: the unit is not stated and the median {middle:.4g} {fits}; "
        f"name it with --irradiance-unit ({', '.join(unit_names(quantity))})"
    )


def check_plausible(
    name: str, unit: str, quantity: Quantity, medians: Floats, rules: IrradianceRules
) -> None:
    """Raise when the values, read in this unit, are not those of a place on Earth.

    Parameters
    ----------
    name
        File name, for the message.
    unit
        The unit believed so far.
    quantity
        What the raster holds.
    medians
        Median of the valid values of each band, as they stand in the file, shape (bands,).
    rules
        Plausible range.

    Raises
    ------
    InputError
        The converted medians lie outside the plausible range; a unit that would fit is named.
    """
    if _fits(unit, quantity, medians, rules):
        return
    bands = medians.size
    low, high = bounds(quantity, bands, rules)
    seen = medians * factors(unit, bands)
    span = "year" if bands == 1 else "month"
    others = [
        f"{other} (factor {factors(other, bands).sum() / factors(unit, bands).sum():.4g})"
        for other in unit_names(quantity)
        if other != unit and _fits(other, quantity, medians, rules)
    ]
    advice = f"looks like {' or '.join(others)} labelled {unit}" if others else "no unit fits"
    raise InputError(
        f"{name}: band medians {medians.min():.4g} to {medians.max():.4g}, read as {unit}, are "
        f"{seen.min():.4g} to {seen.max():.4g} kWh a {span}, outside the plausible "
        f"{low:g} to {high:g}: {advice}; name the right unit with --irradiance-unit"
    )


def _fits(unit: str, quantity: Quantity, medians: Floats, rules: IrradianceRules) -> bool:
    converted = medians * factors(unit, medians.size)
    low, high = bounds(quantity, medians.size, rules)
    year_low, year_high = bounds(quantity, 1, rules)
    in_range = bool((converted >= low).all() and (converted <= high).all())
    return in_range and year_low <= float(converted.sum()) <= year_high

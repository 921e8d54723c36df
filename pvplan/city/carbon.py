"""Avoided emissions by the factor that the purpose of the statement chooses."""

from __future__ import annotations

from pvplan.assumptions import Carbon
from pvplan.tables import Floats


def avoided_tco2(energy_kwh: Floats, carbon: Carbon) -> Floats:
    """Return the emissions that a year's energy avoids, tCO₂, shape as given [kWh]."""
    return energy_kwh / 1000.0 * carbon.factor_tco2_per_mwh

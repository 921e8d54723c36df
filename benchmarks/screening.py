"""How far is the area method from the packer, by roof form?

``python -m benchmarks.screening [--folder CITY]`` runs a city folder by both methods and prints a
table: roofs, W/m² of gross roof, specific yield, and the bias of screening (screening over packed,
less one) of capacity and of energy.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

import pandas as pd

from pvplan.run import inputs_of_folder, run_city

BUNDLED = Path(__file__).resolve().parents[1] / "data" / "rooftops" / "shanghai"
COLUMNS = ["capacity_dc_kw", "energy_ac_kwh_per_year", "footprint_area_m2"]


def by_form(folder: Path, method: str) -> pd.DataFrame:
    """Return sums by roof form, and of all roofs."""
    user = {"layout.method": method}
    roofs = run_city(inputs_of_folder(folder), as_of=date(2026, 11, 22), user=user).roofs
    sums = roofs.groupby("roof_form")[COLUMNS].sum()
    sums.loc["all"] = sums.sum()
    sums["roofs"] = roofs.groupby("roof_form").size().reindex(sums.index).fillna(len(roofs))
    return sums


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=BUNDLED)
    folder = parser.parse_args().folder
    packed, screened = by_form(folder, "packed"), by_form(folder, "screening")
    table = pd.DataFrame({"roofs": packed["roofs"].astype(int)})
    for name, sums in (("packed", packed), ("screening", screened)):
        table[f"{name} W/m²"] = 1000.0 * sums["capacity_dc_kw"] / sums["footprint_area_m2"]
        table[f"{name} kWh/kWp"] = sums["energy_ac_kwh_per_year"] / sums["capacity_dc_kw"]
    for name, column in (("capacity", "capacity_dc_kw"), ("energy", "energy_ac_kwh_per_year")):
        table[f"bias {name} %"] = 100.0 * (screened[column] / packed[column] - 1.0)
    print(table.round(1).to_string())


if __name__ == "__main__":
    main()

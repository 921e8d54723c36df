"""Generate the demonstration city of Shanghai: `python data/rooftops/shanghai/generate.py`.

Writes parks.geojson, districts.geojson, buildings.geojson, register.csv, irradiance.tif and
weather.csv. The same code, facts and seed give the same bytes. What is real and what is invented
is told in README.md beside this file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from generator import (
    districts,
    geojson,
    outsiders,
    parks,
    raster,
    register,
    roofs,
    weather,
)
from generator.facts import read_choices, read_fact_table

HERE = Path(__file__).resolve().parent


def generate(out: Path) -> None:
    """Write the six generated files of the city into the folder `out`, which must exist."""
    choices = read_choices()
    drawn_parks = parks.draw_parks(read_fact_table("parks"), choices)
    district_rows = read_fact_table("districts")
    cells = districts.draw_districts(district_rows, drawn_parks, choices)

    filled = {park.park_id: roofs.fill_park(park, choices) for park in drawn_parks}
    all_roofs = [roof for in_park, _ in filled.values() for roof in in_park]
    all_roofs += outsiders.scatter_outsiders(drawn_parks, choices)

    geojson.write_polygons(
        out / "parks.geojson",
        "parks",
        ((parks.describe(park, filled[park.park_id][1]), park.outline) for park in drawn_parks),
    )
    geojson.write_polygons(
        out / "districts.geojson",
        "districts",
        (
            (districts.describe(row), cells[str(row["adcode"])])
            for _, row in district_rows.iterrows()
        ),
    )
    geojson.write_polygons(
        out / "buildings.geojson",
        "buildings",
        ((roofs.describe(roof), roof.plan) for roof in all_roofs),
    )
    systems = register.draw_register(all_roofs, drawn_parks, choices)
    register.write_register(out / "register.csv", systems)

    stations = read_fact_table("stations")
    raster.write_raster(out / "irradiance.tif", raster.interpolate(stations))
    base_year = weather.base_year(stations, read_fact_table("baoshan_monthly"), choices)
    weather.write_base_year(out / "weather.csv", base_year)


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description="Generate the demonstration city of Shanghai.")
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder to write into (default: this one)"
    )
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    generate(out)
    print(f"wrote 6 files to {out}")


if __name__ == "__main__":
    main()

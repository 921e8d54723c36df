"""Command line: ``python -m pvplan partition FILE OUT``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pvplan import assumptions
from pvplan.errors import AssumptionError
from pvplan.partition import ROWS_PER_PART, partition
from pvplan.partition_rows import Told
from pvplan.reports.words import one_line
from pvplan.sources.city_folder import CityFolder, read_city_folder
from pvplan.sources.coordinates import DATUMS, named_crs

Progress = Callable[[str], None]


def add_command(commands: Any) -> None:
    """Add the command to the parser's."""
    command = commands.add_parser(
        "partition",
        help="convert a building file of any size, once, to a folder that runs read in parts",
        description="Read a building file batch by batch, clean it by the rules of a run, and write"
        " a folder of GeoParquet, cut by place; `run --buildings OUT` reads it as it reads the"
        " file, to the same bytes.",
    )
    command.add_argument(
        "file", type=Path, metavar="F",
        help="footprints: GeoJSON, GeoPackage, shapefile (.shp or zipped), GeoParquet,"
        " FlatGeobuf, KML",
    )  # fmt: skip
    command.add_argument(
        "out", type=Path, metavar="OUT",
        help="folder to write, whole or not at all; a partition there is replaced",
    )  # fmt: skip
    command.add_argument(
        "--rows-per-part", type=int, default=ROWS_PER_PART, metavar="N",
        help=f"roofs of a part at most (default: {ROWS_PER_PART})",
    )  # fmt: skip
    words = command.add_argument_group("how to read it")
    words.add_argument(
        "--datum", choices=DATUMS, default=None,
        help="datum of the file (default: that of the city folder's buildings, else wgs84)",
    )  # fmt: skip
    words.add_argument(
        "--crs", default=None, metavar="EPSG:N",
        help="CRS of the file, where it does not say or says it wrongly",
    )  # fmt: skip
    words.add_argument(
        "--layer", default=None, metavar="NAME", help="layer, where the file holds several"
    )
    words.add_argument(
        "--map", action="append", default=[], metavar="COLUMN=FIELD", dest="maps",
        help="field of the file for one of our columns, e.g. height_m=H [m]; may be repeated",
    )  # fmt: skip
    words.add_argument(
        "--metric-crs", default=None, metavar="EPSG:N",
        help="projected CRS of the result (default: the city folder's, else the UTM zone)",
    )  # fmt: skip
    words.add_argument(
        "--city", type=Path, default=None, metavar="FOLDER",
        help="city folder of the runs: its assumptions, datum of buildings and metric CRS hold",
    )  # fmt: skip
    assumed = command.add_argument_group("assumptions")
    assumed.add_argument(
        "--scenario", default=None, metavar="NAME", help="named set of differences (default: none)"
    )
    assumed.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="sets",
        help="replace one assumption; only footprints.… matter here",
    )  # fmt: skip


def run_command(
    options: argparse.Namespace, console: Console, errors: Console, report: Progress
) -> None:
    """Write a partition and say what it holds.

    Raises
    ------
    InputError, AssumptionError
        The file, a word or the place to write cannot be used.
    """
    city = read_city_folder(options.city) if options.city else None
    assumed = assumptions.load(
        city=city.assumptions if city else None,
        city_scenarios=city.scenarios if city else None,
        scenario=options.scenario,
        user=assumptions.parse_sets(options.sets),
    )
    about = partition(
        options.file,
        options.out,
        assumed.footprints,
        _told(options, city),
        rows_per_part=options.rows_per_part,
        progress=report,
    )
    for warning in about.warnings:
        _say(errors, f"warning: {warning}", style="yellow")
    counts = about.counts
    _say(
        console,
        f"{about.source}: {counts['rows_read']} 行 rows = {counts['rows_used']} 采用 used +"
        f" {counts['rows_rejected']} 未采用 rejected; {counts['roofs']} 屋顶 roofs in"
        f" {len(about.parts)} parts; written to {options.out}",
    )


def _told(options: argparse.Namespace, city: CityFolder | None) -> Told:
    datum = options.datum or (city.datum.get("buildings") if city else None) or "wgs84"
    if datum not in DATUMS:
        raise AssumptionError(f"datum of buildings: '{datum}' is unknown; use {', '.join(DATUMS)}")
    stated = options.metric_crs or (city.metric_crs if city else None)
    return Told(
        datum,
        options.crs,
        options.layer,
        named_crs(stated, "metric CRS"),
        fields_named(options.maps),
    )


def fields_named(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``COLUMN=FIELD`` words: our column to the file's field."""
    faults = [
        f"--map {pair}: write COLUMN=FIELD, e.g. height_m=H" for pair in pairs if "=" not in pair
    ]
    if faults:
        raise AssumptionError(faults)
    return dict(pair.split("=", 1) for pair in pairs)


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(one_line(text), style=style, markup=False, highlight=False, soft_wrap=True)

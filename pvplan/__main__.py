"""Command line: ``python -m pvplan run``."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

# GDAL reads this once, when it is loaded: no driver that follows a file's text elsewhere.
from pvplan import (
    assumptions,
    explain_command,
    partition_command,
    register_command,
    sources,  # noqa: F401  (its import sets OGR_SKIP)
)
from pvplan.depot import Place, clear, is_remote, place_of
from pvplan.errors import AssumptionError, InputError, PvplanError
from pvplan.estimate import told
from pvplan.ledger import DATABASE_URL
from pvplan.opened import hourly_of_park, write_layout
from pvplan.reports.dictionary import columns_markdown
from pvplan.reports.output import ROOF_PARTS, refuse_unusable
from pvplan.reports.reading import read_plan
from pvplan.reports.terminal import show
from pvplan.reports.words import one_line
from pvplan.run import (
    HELD_ROOFS,
    ROOFS_PER_TILE,
    WORKERS,
    Inputs,
    KnownLedger,
    Tiling,
    estimate_run,
    inputs_of_folder,
    run_city,
    too_large_to_hold,
    write_run,
)
from pvplan.run import Progress as Report
from pvplan.sources.city_folder import ROLES as FILES
from pvplan.sources.coordinates import DATUMS
from pvplan.sources.raster_units import unit_names
from pvplan.tile_run import NOTE

ROLES: Final = ("buildings", "parks", "districts", "register", "obstructions")
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # of --as-of: beyond lies a slip of the pen
_COUNTED: Final = re.compile(r"(tiles|assess) (\d+)/(\d+)")
EXAMPLES: Final = """examples:
  python -m pvplan run data/rooftops/shanghai --out runs/shanghai
  python -m pvplan run --buildings roofs.gpkg --parks parks.geojson --weather place.epw --out runs/x
  python -m pvplan run --buildings osm.geojson --districts datav.json --districts-datum gcj02 \\
      --weather place.epw --set finance.capex_cny_per_kw_dc=2800 --out runs/y
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    main = argparse.ArgumentParser(
        prog="python -m pvplan",
        description="工业园区屋顶光伏：潜力、目标与差距 · Rooftop PV on industrial parks:"
        " potential, goals and gaps.",
    )
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="compute a city: capacity and yield of every roof, gap of every park",
        description="Compute what each roof, park and district can install [kWp] and yield"
        " [kWh/a], and set it against the goals. Needs only --buildings, or a city folder.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_inputs(run)
    _add_wording(run)
    result = run.add_argument_group("result")
    result.add_argument(
        "--out", type=Path, required=True, help="folder for the result; made if missing"
    )
    result.add_argument(
        "--as-of",
        type=_day,
        default=None,
        metavar="YYYY-MM-DD",
        help="day for which goals and installed systems are stated (default: the day of"
        " --as-known-on where given, else today)",
    )
    result.add_argument(
        "--progress",
        choices=("bar", "json"),
        default="bar",
        help='json: one object a line on the error stream, {"stage": …}, {"note": …},'
        ' {"warning": …} or {"fault": …}, for a program that watches; a stage may tell tiles,'
        " roofs_per_s and left_s (default: bar)",
    )
    result.add_argument(
        "--reuse",
        type=Path,
        default=None,
        metavar="RUN",
        help="folder of a finished run of the same files, assumptions and program: its roofs are"
        " taken over, goals and register judged anew (default: none)",
    )
    _add_workers(run)
    _add_assumptions(run)
    hourly = commands.add_parser(
        "hourly",
        help="compute the AC power of one park hour by hour",
        description="Compute the mean AC power [kW] of every hour of the year of one park, all"
        " its roofs built; each month sums to the park's energy in a run.",
    )
    _add_inputs(hourly)
    _add_wording(hourly)
    result = hourly.add_argument_group("result")
    result.add_argument("--park", required=True, metavar="ID", help="park id, as in parks.csv")
    result.add_argument(
        "--out", type=Path, required=True, metavar="F.csv", help="CSV file for the result"
    )
    _add_assumptions(hourly)
    layout = commands.add_parser(
        "layout",
        help="place every module of a roof or a park: GeoJSON and DXF",
        description="Write the outline of every module of one roof, or of all roofs of a park,"
        " with its yearly energy [kWh], sunniest first.",
    )
    _add_inputs(layout)
    _add_wording(layout)
    result = layout.add_argument_group("result")
    which = result.add_mutually_exclusive_group(required=True)
    which.add_argument("--roof", metavar="ID", help="roof id, as in roofs.csv")
    which.add_argument("--park", metavar="ID", help="park id, as in parks.csv")
    result.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="F",
        help="F.geojson (EPSG:4326) or F.dxf (metres)",
    )
    _add_assumptions(layout)
    explain_command.add_command(commands)
    register_command.add_command(commands)
    partition_command.add_command(commands)
    commands.add_parser(
        "assumptions",
        help="list every assumption: key, default, unit, source",
        description="List every assumption with its default, unit, meaning, source and whether"
        " it was verified.",
    )
    commands.add_parser(
        "columns",
        help="list every column of the result: unit, meaning (Markdown)",
        description="List every column of the result with unit and meaning, as Markdown.",
    )
    return main


def _add_assumptions(command: argparse.ArgumentParser) -> None:
    assumed = command.add_argument_group("assumptions")
    assumed.add_argument(
        "--scenario",
        default=None,
        metavar="NAME",
        help=f"named set of differences: {', '.join(assumptions.scenario_names())}, or the city"
        " folder's own (default: none)",
    )
    assumed.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="sets",
        help="replace one assumption, e.g. finance.capex_cny_per_kw_dc=2800 [CNY/kW]; may be"
        " repeated; keys, units and defaults: python -m pvplan assumptions",
    )


def _add_workers(run: argparse.ArgumentParser) -> None:
    many = run.add_argument_group("many workers")
    many.add_argument(
        "--workers",
        type=int,
        default=None,
        metavar="N",
        help="assess tile by tile in so many processes (default: in this one)",
    )
    many.add_argument(
        "--dask",
        default=None,
        metavar="ADDRESS",
        help="assess tile by tile on the workers of a Dask cluster, e.g. tcp://host:8786",
    )
    many.add_argument(
        "--tiles",
        type=_place,
        default=None,
        metavar="FOLDER",
        help="keep the file of each finished tile here, which every worker must see: a run that"
        " ended early goes on from them (default: OUT.tiles, removed when all is done); also a"
        " place of an object store, such as s3://BUCKET/TILES",
    )
    many.add_argument(
        "--in-parts",
        choices=("auto", "yes", "no"),
        default="auto",
        help="never hold the city: buildings that `partition` wrote are read, assessed, planned and"
        f" written part by part; its roofs stand in OUT/{ROOF_PARTS} (auto: above"
        f" {HELD_ROOFS} roofs; obstructions, a surface model, corrections and --reuse hold it)",
    )
    many.add_argument(
        "--estimate",
        action="store_true",
        help="tell how long a run in parts will take, how much memory and disk, from some of its"
        " tiles; they are kept for the run, nothing else is written",
    )
    many.add_argument(
        "--roofs-per-tile",
        type=int,
        default=ROOFS_PER_TILE,
        metavar="N",
        help=f"roofs of a tile at most (default: {ROOFS_PER_TILE})",
    )


def _tiling(options: argparse.Namespace, inputs: Inputs) -> Tiling | None:
    """Return how to assess tile by tile, None where nothing asks for it."""
    in_parts = options.in_parts == "yes" or (
        options.in_parts == "auto" and options.reuse is None and too_large_to_hold(inputs)
    )
    given = (options.workers, options.dask, options.tiles)
    if not in_parts and all(word is None for word in given):
        return None
    if options.workers is not None and options.dask is not None:
        raise InputError("--workers and --dask: give one; the cluster has workers of its own")
    for name in ("workers", "roofs_per_tile"):
        given = getattr(options, name)
        if given is not None and given < 1:
            raise InputError(f"--{name.replace('_', '-')}: {given}; give 1 or more")
    folder = options.tiles or options.out.with_name(f"{options.out.name}.tiles")
    workers = options.workers or WORKERS
    return Tiling(folder, workers, options.dask, options.roofs_per_tile, in_parts)


@contextmanager
def _with_scratch(tiling: Tiling | None, out: Path) -> Iterator[Tiling | None]:
    """Give tiles in a store a folder here for roofs not yet written, of a name of its own."""
    if tiling is None or not tiling.in_parts or not is_remote(tiling.folder):
        yield tiling
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.roofs-", dir=out.parent) as scratch:
        yield dataclasses.replace(tiling, scratch=Path(scratch))


def _add_inputs(run: argparse.ArgumentParser) -> None:
    files = run.add_argument_group("input files")
    files.add_argument(
        "city", nargs="?", type=Path, help="city folder with a city.toml; its files are used"
    )
    files.add_argument(
        "--buildings",
        type=Path,
        metavar="F",
        help="footprints: GeoJSON, GeoPackage, shapefile (.shp or zipped), GeoParquet,"
        " FlatGeobuf, KML; or a folder that `partition` wrote",
    )
    files.add_argument("--parks", type=Path, metavar="F", help="park polygons (default: none)")
    files.add_argument(
        "--districts", type=Path, metavar="F", help="district polygons (default: none)"
    )
    files.add_argument(
        "--irradiance",
        type=Path,
        metavar="F.tif",
        help="GeoTIFF of GHI, 1 band (year) or 12 (months) (default: the bundled raster where it"
        " covers every roof and no weather is given, else the weather's own GHI)",
    )
    files.add_argument(
        "--weather",
        type=Path,
        metavar="F.epw",
        help="hourly year: EPW, PVGIS TMY (JSON, CSV, EPW), NASA POWER CSV, TMY3, or our CSV"
        " (default: the bundled base year where its raster covers every roof)",
    )
    files.add_argument(
        "--register",
        type=Path,
        metavar="F.csv",
        help="installed systems; the header states the unit (W, kW, MW, 万千瓦) (default: none,"
        " then gaps are not assessable)",
    )
    files.add_argument(
        "--ledger",
        metavar="F.db|URL",
        help="ledger of installed systems in place of a register's file (`register import` makes"
        " one); default: $PVPLAN_DATABASE_URL where --as-known-on is given",
    )
    files.add_argument(
        "--as-known-on",
        type=_day,
        default=None,
        metavar="YYYY-MM-DD",
        help="take only what the ledger knew by the end of this day, UTC+8 (default: all of it)",
    )
    files.add_argument(
        "--obstructions",
        type=Path,
        metavar="F",
        help="what stands on roofs: points with radius_m, or polygons; height_m, kind (skylight,"
        " equipment, …) and roof_id where known (default: none, then a share of each roof)",
    )
    files.add_argument(
        "--corrections",
        type=Path,
        metavar="F.csv",
        help="what people found of roofs' facts (form, height, load, obstructions, completion),"
        " in place of the estimates; both are kept (default: none)",
    )
    files.add_argument(
        "--surface-model",
        type=Path,
        metavar="F.tif",
        help="GeoTIFF of the heights of ground, buildings and trees [m], for shading (default:"
        " none, then the buildings shade each other)",
    )


def _add_wording(run: argparse.ArgumentParser) -> None:
    words = run.add_argument_group("how to read them")
    words.add_argument(
        "--datum", choices=DATUMS, default=None, help="datum of every vector file (default: wgs84)"
    )
    for role in ROLES:
        words.add_argument(
            f"--{role}-datum", choices=DATUMS, default=None, help=f"datum of the {role} alone"
        )
    words.add_argument(
        "--crs",
        action="append",
        default=[],
        metavar="[ROLE=]EPSG:N",
        help="CRS of the buildings file, where it does not say or says it wrongly;"
        " parks=EPSG:N, districts=EPSG:N or obstructions=EPSG:N for those; may be repeated",
    )
    words.add_argument(
        "--layer",
        action="append",
        default=[],
        metavar="[ROLE=]NAME",
        help="layer of the buildings file, where it holds several; parks=NAME,"
        " districts=NAME or obstructions=NAME for those; may be repeated",
    )
    words.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        dest="maps",
        help="field of the buildings file for one of our columns, e.g. height_m=H [m]; may be"
        " repeated",
    )
    words.add_argument(
        "--parks-where",
        default=None,
        metavar="FIELD=VALUE",
        help="take only these rows of the parks file, e.g. Class=3 (default: all)",
    )
    words.add_argument(
        "--irradiance-unit",
        choices=unit_names("ghi"),
        default=None,
        help="unit of the raster, where its tags do not say (kWh/m² per day, month or year, or"
        " mean W/m²)",
    )
    words.add_argument(
        "--weather-label",
        choices=("start", "middle", "end", "instant"),
        default=None,
        help="where in its hour a time stands (default: the format's own rule)",
    )


def _place(text: str) -> Place:
    try:
        return place_of(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _day(text: str) -> date:
    day = register_command.day(text)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise argparse.ArgumentTypeError(
            f"'{text}' does not lie in {_FIRST_YEAR}..{_LAST_YEAR}; write YYYY-MM-DD"
        )
    return day


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; 0 when done, 2 for a fault that a person can mend, 130 when interrupted."""
    options = parser().parse_args(words)
    console = Console()
    errors = Console(stderr=True)
    try:
        if options.command == "assumptions":
            _list_assumptions(console)
        elif options.command == "columns":
            console.file.write(columns_markdown())
        elif options.command == "explain":
            explain_command.run_command(options, console)
        elif options.command == "register":
            register_command.run_command(options, console, errors)
        else:
            works = {"hourly": _hourly, "layout": _layout, "partition": _partition}
            works.get(options.command, _run)(options, console, errors)
    except PvplanError as error:
        for fault in error.faults:
            if getattr(options, "progress", "bar") == "json":
                _tell(errors, fault=fault)
            else:
                _say(errors, f"error: {fault}", style="red")
        return 2
    except KeyboardInterrupt:
        _say(errors, "interrupted: a result is there whole, or what stood there before")
        return 130
    return 0


def _say(console: Console, text: str, style: str | None = None) -> None:
    """Print a line as it is: what a file holds is neither markup nor a terminal's command."""
    console.print(one_line(text), style=style, markup=False, highlight=False, soft_wrap=True)


def _tell(errors: Console, **told: object) -> None:
    """Write one line for a program that watches."""
    errors.file.write(json.dumps(told) + "\n")
    errors.file.flush()


def _run(options: argparse.Namespace, console: Console, errors: Console) -> None:
    inputs = _inputs(options)
    refuse_unusable(options.out)
    as_of = options.as_of or options.as_known_on or date.today()  # noqa: DTZ011 (the reader's day)
    watched = options.progress == "json"
    tiling = _tiling(options, inputs)
    if options.estimate:
        _estimate(options, inputs, as_of, tiling, console, errors)
        return
    with _told(errors, watched=watched) as report, _with_scratch(tiling, options.out) as tiled:
        plan = run_city(
            inputs,
            as_of=as_of,
            scenario=options.scenario,
            user=assumptions.parse_sets(options.sets),
            progress=report,
            reuse=read_plan(options.reuse) if options.reuse else None,
            tiling=tiled,
        )
        plan = write_run(plan, options.out, report)
    if tiling and options.tiles is None and "incomplete" not in plan.meta:
        clear(tiling.folder)
    for warning in plan.meta["warnings"]:
        if watched:
            _tell(errors, warning=warning)
        else:
            _say(errors, f"warning: {warning}", style="yellow")
    show(plan, console)
    seconds = sum(plan.meta["seconds"].values())
    _say(
        console,
        f"{plan.meta['counts']['roofs']} roofs in {seconds:.1f} s; written to {options.out}"
        f" (fingerprint {plan.meta['fingerprint']})",
    )


def _estimate(
    options: argparse.Namespace,
    inputs: Inputs,
    as_of: date,
    tiling: Tiling | None,
    console: Console,
    errors: Console,
) -> None:
    if tiling is None or not tiling.in_parts:
        raise InputError(
            "--estimate: tells of runs in parts: cut the buildings with `python -m pvplan"
            " partition`, and say --in-parts yes where they are few"
        )
    quiet = options.progress == "json"
    with _told(errors, watched=quiet) as report, _with_scratch(tiling, options.out) as tiled:
        assert tiled is not None  # noqa: S101 - given one, it gives one
        found = estimate_run(
            inputs,
            as_of=as_of,
            tiling=tiled,
            scenario=options.scenario,
            user=assumptions.parse_sets(options.sets),
            progress=report,
        )
        lines = told(found, tiled.folder, tiled.here)
    for line in lines:
        _say(console, line)


def _hourly(options: argparse.Namespace, console: Console, errors: Console) -> None:
    with _told(errors) as report:
        power = hourly_of_park(
            _inputs(options),
            options.park,
            options.out,
            scenario=options.scenario,
            user=assumptions.parse_sets(options.sets),
            progress=report,
        )
    for warning in power.attrs["warnings"]:
        _say(errors, f"warning: {warning}", style="yellow")
    _say(
        console,
        f"{options.park}: {power['power_ac_kw'].sum() / 1000.0:,.1f} MWh AC a year, peak"
        f" {power['power_ac_kw'].max() / 1000.0:,.2f} MW; written to {options.out}",
    )


def _layout(options: argparse.Namespace, console: Console, errors: Console) -> None:
    with _told(errors) as report:
        modules, warnings = write_layout(
            _inputs(options),
            options.out,
            roof=options.roof,
            park=options.park,
            scenario=options.scenario,
            user=assumptions.parse_sets(options.sets),
            progress=report,
        )
    for warning in warnings:
        _say(errors, f"warning: {warning}", style="yellow")
    energy = modules["energy_ac_kwh_per_year"].sum() / 1000.0
    _say(
        console,
        f"{len(modules)} modules on {modules['roof_id'].nunique()} roofs,"
        f" {energy:,.1f} MWh AC a year; written to {options.out}",
    )


def _partition(options: argparse.Namespace, console: Console, errors: Console) -> None:
    with _told(errors) as report:
        partition_command.run_command(options, console, errors, report)


def _inputs(options: argparse.Namespace) -> Inputs:
    given = {name: getattr(options, name) for name in FILES if getattr(options, name) is not None}
    if options.city is None and "buildings" not in given:
        raise InputError("run: nothing to read; give a city folder or --buildings FILE")
    base = inputs_of_folder(options.city) if options.city else Inputs(given["buildings"])
    # The datum that a city folder states is that of its own files, not of one given instead.
    datum = {role: name for role, name in base.datum.items() if role not in given}
    for role in ROLES:
        chosen = getattr(options, f"{role}_datum") or options.datum
        if chosen:
            datum[role] = chosen
    inputs = dataclasses.replace(
        base,
        **given,
        datum=datum,
        crs=_by_role(options.crs),
        layer=_by_role(options.layer),
        field_map=partition_command.fields_named(options.maps),
        parks_where=options.parks_where,
        irradiance_unit=options.irradiance_unit,
        weather_label=options.weather_label,
        ledger=_ledger(options),
    )
    _refuse_idle(inputs)
    return inputs


def _ledger(options: argparse.Namespace) -> KnownLedger | None:
    """Return the ledger of a run; a blank, or the day of knowledge alone, means the server's."""
    where = options.ledger
    if where == "" or (where is None and options.as_known_on is not None):
        where = os.environ.get(DATABASE_URL)
        if not where:
            asked = "--ledger" if options.ledger == "" else "--as-known-on"
            raise InputError(
                f"{asked}: there is no ledger that it speaks of; give --ledger F.db, or set"
                f" {DATABASE_URL}"
            )
    if where is None:
        return None
    if options.register is not None:
        raise InputError("--register and --ledger: give one of them; import the file first")
    return KnownLedger(where, options.as_known_on)


def _refuse_idle(inputs: Inputs) -> None:
    """Refuse words on how to read a file that was not given: they would change nothing."""
    pairs = (
        ("--parks-where", inputs.parks_where, "--parks", inputs.parks),
        ("--irradiance-unit", inputs.irradiance_unit, "--irradiance", inputs.irradiance),
        ("--weather-label", inputs.weather_label, "--weather", inputs.weather),
    )
    faults = [
        f"{option} {word}: there is no {file} that it speaks of; give one, or leave it out"
        for option, word, file, given in pairs
        if word is not None and given is None
    ]
    if faults:
        raise AssumptionError(faults)


def _by_role(words: Sequence[str]) -> dict[str, str]:
    """Read ``[ROLE=]VALUE`` words; without a role the buildings are meant."""
    found = {}
    for word in words:
        role, separator, value = word.partition("=")
        named = bool(separator) and role in ROLES
        found[role if named else "buildings"] = value if named else word
    return found


class _Pace:
    """Reads ``tiles DONE/ALL`` and ``assess DONE/ALL``: how fast it goes, and how long it takes.

    What is done when the first count comes, such as the tiles of an earlier run, took no time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tiles: dict[str, object] = {}
        self._begun: tuple[int, float] | None = None

    def read(self, stage: str) -> dict[str, object] | None:
        """Return a stage with what is known of its pace; None where it waits for the next word."""
        found = _COUNTED.fullmatch(stage)
        if found is None:
            return {"stage": stage}
        done, every = int(found[2]), int(found[3])
        if found[1] == "tiles":
            self._tiles = {"tiles": f"{done}/{every}"}
            return None
        first, start = self._begun = self._begun or (done, self._clock())
        seconds = self._clock() - start
        told = {"stage": stage, **self._tiles}
        if done == first or seconds <= 0.0:
            return told
        pace = (done - first) / seconds
        return {**told, "roofs_per_s": round(pace, 1), "left_s": round((every - done) / pace)}


def _in_words(told: dict[str, object]) -> str:
    """Return a stage and its pace for people."""
    words = [str(told["stage"])]
    if "tiles" in told:
        words.append(f"tiles {told['tiles']}")
    if "left_s" in told:
        minutes, seconds = divmod(int(str(told["left_s"])), 60)
        left = f"{minutes} min" if minutes else f"{seconds} s"
        words += [f"{told['roofs_per_s']} roofs/s", f"{left} left"]
    return " · ".join(words)


@contextmanager
def _told(errors: Console, *, watched: bool = False) -> Iterator[Report]:
    """Show stages as they begin, and notes; stages are silent where nobody watches."""
    pace = _Pace()
    with _shown(errors, watched=watched) as show_stage:

        def report(word: str) -> None:
            if not word.startswith(NOTE):
                told = pace.read(word)
                if told is not None:
                    show_stage(told)
            elif watched:
                _tell(errors, note=word.removeprefix(NOTE))
            else:
                _say(errors, word)

        yield report


@contextmanager
def _shown(errors: Console, *, watched: bool) -> Iterator[Callable[[dict[str, object]], None]]:
    """Show stages as lines for a program, as a bar for people, or not at all."""
    if watched:
        yield lambda told: _tell(errors, **told)
        return
    if not errors.is_terminal:
        yield lambda _: None
        return
    # A narrow bar: how far it is, and how long it takes, has to stand beside it.
    columns = (TextColumn("{task.description}"), BarColumn(8), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("start", total=None)
        yield lambda told: bar.update(task, description=_in_words(told))


def _list_assumptions(console: Console) -> None:
    for entry in assumptions.load().entries.values():
        state = "verified" if entry.verified else "unverified"
        console.print(
            f"{entry.key} = {entry.value} [{entry.unit}]  {entry.zh}; {entry.en}"
            f"  ({state}: {entry.source})",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _stopped(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def start() -> int:
    """Run the command as a process of its own: its streams, its signals, its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show Chinese shall not end a run that is written already.
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _stopped)  # cleans up as Ctrl-C does
    try:
        code = main()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # what is done is done: its code tells so
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has gone; nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(start())

"""Corrections of roofs' facts: where a city keeps them, how they read, and who writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import shapely
import streamlit as st

from pvplan.errors import InputError
from pvplan.reports.roofs import roofs_of
from pvplan.sources.corrections import (
    HEAD,
    NOTHING_THERE,
    Obstruction,
    append_corrections,
    holding,
    read_obstruction,
    rows_of,
)
from pvplan.tables import CORRECTED, Plan
from pvplan.ui import desks, looks, numbers, people, places, runs
from pvplan.ui.words import Language, say

FOLDER: Final = "corrections"
NAMES: Final = {
    "roof_form": "fact_roof_form",
    "height_m": "fact_height",
    "surveyed_load_kn_per_m2": "fact_load",
    "obstruction": "fact_obstruction",
    "completed_on": "fact_completed_on",
    "renewal_year": "fact_renewal_year",
    "name": "fact_name",
}
FROM: Final = {
    "given": "from_given",
    "floors": "from_floors",
    "default": "from_default",
    "inferred": "from_inferred",
    "class": "from_class",
    "share": "from_share",
    "unknown": "from_unknown",
}
RECORDED_ONLY: Final = ("renewal_year", "name")
STEM: Final = 40
Estimates = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Known:
    """What is recorded of a city: every row, the oldest first, and those that hold."""

    path: Path
    rows: pd.DataFrame
    held: pd.DataFrame

    def of(self, roof_id: str) -> pd.DataFrame:
        """Return the words that hold of one roof."""
        return self.held[self.held["roof_id"] == roof_id]


def file_of(plan: Plan, folder: Path) -> Path:
    """Return the file of corrections of a run's city: everybody's, or the visitor's own."""
    city = str((plan.meta.get("city") or {}).get("id") or FOLDER)
    stem = places.file_stem(city)[:STEM]
    if stem != city:
        stem = f"{stem}-{hashlib.sha256(city.encode()).hexdigest()[:8]}"
    home = runs.runs_folder()
    if runs.is_private(folder):
        desk = desks.current()
        home = folder.parent if desk is None else desk.folder
        # Uploaded cities have one name; their buildings tell them apart.
        read = {str(noted.get("role")): noted for noted in plan.meta.get("inputs") or ()}
        stem = f"{stem}-{str(read.get('buildings', {}).get('sha256', ''))[:8]}"
    return home / FOLDER / f"{stem}.csv"


def known(path: Path) -> Known:
    """Read what is recorded; nothing where there is no file yet.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    if not path.exists():
        return Known(path, *_nothing())
    told = path.stat()
    return Known(path, *_read(str(path), told.st_mtime_ns, told.st_size))


def _nothing() -> tuple[pd.DataFrame, pd.DataFrame]:
    none = pd.DataFrame(columns=list(HEAD), dtype=object)
    return none, none


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(path: str, stamp: int, size: int) -> tuple[pd.DataFrame, pd.DataFrame]:  # noqa: ARG001
    rows = rows_of(Path(path))
    return rows, holding(rows, Path(path).name).holding


def pending(plan: Plan, held: pd.DataFrame) -> set[str]:
    """Return the roofs of which other words hold today than the run counted."""
    keys = ["roof_id", "fact", "value"]
    today, then = (
        {tuple(row) for row in rows[keys].astype(str).to_numpy().tolist()}
        for rows in (held, looks.recorded_in(plan))
    )
    here = {str(row[0]) for row in today ^ then}
    return roofs_of(plan).known(here)


def record(
    path: Path, roof_id: str, fact: str, value: str, evidence: str, estimate: tuple[str, str]
) -> None:
    """Record an actual value, or take the words on a fact back where it is empty.

    Parameters
    ----------
    path
        Of :func:`file_of`.
    roof_id, fact, value, evidence
        What is said, and on what grounds.
    estimate
        Value and source that it replaces; they are kept beside it.

    Raises
    ------
    PvplanError
        The reader may not write, gave no name, or says what cannot be.
    """
    person = people.writer()
    row = {
        "roof_id": roof_id, "fact": fact, "value": value, "estimate": estimate[0],
        "estimate_source": estimate[1], "evidence": evidence.strip(), "recorded_by": person.name,
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    append_corrections(path, [row])


def estimates_of(plan: Plan, roof: pd.Series[Any]) -> dict[str, tuple[str, str]]:
    """Return the estimates as a run tells them; what it corrected comes from its record."""
    form, height = roof.get("roof_form"), roof.get("height_m")
    found = {
        "roof_form": (str(form), str(roof.get("roof_form_source"))),
        "height_m": (str(height), str(roof.get("height_source"))),
        "surveyed_load_kn_per_m2": ("", "class"),
        "obstruction": ("", "share"),
        "completed_on": _plain(roof.get("completed_on"), numbers.day),
        "renewal_year": ("", "unknown"),
        "name": _plain(roof.get("name"), str),
    }
    counted = looks.recorded_in(plan)
    own = counted[counted["roof_id"] == str(roof.name)]
    for row in own.to_dict("records"):
        found[str(row["fact"])] = (str(row["estimate"]), str(row["estimate_source"]))
    return found


def _plain(value: Any, write: Any) -> tuple[str, str]:
    return ("", "unknown") if numbers.missing(value) else (str(write(value)), "given")


def told(fact: str, value: str, language: Language) -> str:
    """Return a fact's value as people read it, a dash where it is not known."""
    if value == "":
        return numbers.DASH
    if fact == "roof_form":
        return say(f"form_{value}", language)
    if fact == "height_m":
        return numbers.plain(float(value), 1, "m")
    if fact == "surveyed_load_kn_per_m2":
        return numbers.plain(float(value), 2, "kN/m²")
    return _obstruction(value, language) if fact == "obstruction" else value


def told_or_bare(fact: str, value: str, language: Language) -> str:
    """Return a value as :func:`told`, and as it stands where it is none of the fact's."""
    try:
        return told(fact, value, language)
    except (InputError, ValueError, KeyError):
        return value


def moment(at: str) -> str:
    """Return the moment of a record to the minute, UTC."""
    return f"{at[:16].replace('T', ' ')} UTC" if at else ""


def _obstruction(value: str, language: Language) -> str:
    if value == NOTHING_THERE:
        return say("nothing_stands", language)
    try:
        return say("share_of_roof", language).format(share=numbers.percent(float(value)))
    except ValueError:
        pass
    given = read_obstruction(value)
    if given is None:
        return numbers.DASH
    middle = shapely.centroid(given.shape)
    place = f"{numbers.plain(middle.x, 6)}, {numbers.plain(middle.y, 6)}"
    sizes = [
        f"{say(word, language)} {numbers.plain(size, 1)}"
        for word, size in (("radius", given.radius_m), ("height_of_obstruction", given.height_m))
        if size is not None
    ]
    kind = "point_at" if given.shape.geom_type == "Point" else "outline_drawn"
    return "  ·  ".join([say(kind, language), place, *sizes])


def point(longitude: float, latitude: float, radius_m: float, height_m: float) -> Obstruction:
    """Return an obstruction about a point, WGS84."""
    return Obstruction(shapely.Point(longitude, latitude), radius_m, height_m)


def outline(text: str, height_m: float) -> Obstruction | None:
    """Return an obstruction by its corners, a line each; None where they are none."""
    try:
        corners = [
            [float(word) for word in _words(line)] for line in text.splitlines() if line.strip()
        ]
        if any(len(corner) != len("xy") for corner in corners):
            return None
        return Obstruction(shapely.Polygon(corners), None, height_m)
    except (ValueError, shapely.errors.GEOSException):
        return None


def _words(line: str) -> list[str]:
    return line.replace(",", " ").replace("，", " ").split()


def table(known_of_roof: pd.DataFrame, estimates: Estimates, language: Language) -> pd.DataFrame:
    """Return the facts of a roof, estimated and actual, in words.

    Parameters
    ----------
    known_of_roof
        The words that hold of it.
    estimates
        Fact to value and source.
    language
        Of the words.
    """
    rows = []
    for fact, name in NAMES.items():
        value, source = estimates[fact]
        said = known_of_roof[known_of_roof["fact"] == fact]
        known_source = FROM.get(source)
        rows.append(
            {
                "fact": say(name, language),
                "estimate": told(fact, value, language),
                "estimate_from": numbers.DASH if source == CORRECTED or known_source is None
                else say(known_source, language),
                "actual": "；".join(told(fact, one, language) for one in said["value"]),
                "actual_by": _last(said, "recorded_by"),
                "actual_at": moment(_last(said, "recorded_at")),
                "grounds": _last(said, "evidence"),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _last(said: pd.DataFrame, column: str) -> str:
    return str(said[column].iloc[-1]) if len(said) else ""


def survey(outlook: pd.DataFrame, language: Language) -> pd.DataFrame:
    """Return what a survey would change, a row for each thing that it may find.

    Parameters
    ----------
    outlook
        Of :meth:`pvplan.opened.OpenCity.outlook`.
    language
        Of the words.
    """
    now, tried = outlook.iloc[0], outlook.iloc[1:]
    rows = [
        {
            "fact": say(NAMES[str(row["fact"])], language),
            "survey_if": told(str(row["fact"]), str(row["value"]), language),
            "capacity_then": row["capacity_dc_kw"],
            "capacity_change": row["capacity_dc_kw"] - now["capacity_dc_kw"],
            "energy_then": row["energy_ac_kwh_per_year"] / 1000.0,
            "structure_then": say(f"structure_{row['structure_state']}", language),
        }
        for row in tried.to_dict("records")
    ]
    return pd.DataFrame(rows)


def compared(
    before: Mapping[str, Any], after: Mapping[str, Any], language: Language
) -> pd.DataFrame:
    """Return figures of the run and with corrections, as they are read; index: what they are.

    Parameters
    ----------
    before, after
        ``capacity_dc_kw`` [kWp], ``energy_ac_kwh_per_year`` [kWh] and, of a place,
        ``gap_dc_kw`` [kWp]; a missing one is a dash.
    language
        Of the words.
    """
    kinds: dict[str, tuple[str, Callable[[Any], str]]] = {
        "capacity_dc_kw": ("potential", lambda kw: numbers.plain(kw, 1, "kWp")),
        "energy_ac_kwh_per_year": ("yearly_energy", numbers.megawatt_hours),
        "gap_dc_kw": ("gap", lambda kw: numbers.plain(kw, 1, "kWp")),
    }
    rows = {}
    for column, (name, write) in kinds.items():
        if column in before:
            one, other = before[column], after[column]
            moved = numbers.DASH if pd.isna(one) or pd.isna(other) else write(other - one)
            signed = moved if moved[0] in f"{numbers.MINUS}{numbers.DASH}" else f"+{moved}"
            rows[say(name, language)] = [write(one), write(other), signed]
    heads = [say(word, language) for word in ("in_the_run", "with_corrections", "change")]
    return pd.DataFrame.from_dict(rows, orient="index", columns=heads)

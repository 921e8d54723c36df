"""The day that the reader looks at: as of which day, as known on which; another day is computed.

A run for another day reads the same files with the same assumptions, beside the run shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import streamlit as st

from pvplan.errors import InputError, PvplanError
from pvplan.ledger import DATABASE_URL
from pvplan.reports.reading import read_summary
from pvplan.tables import Plan
from pvplan.ui import deciding, desks, jobs, looks, people, runs
from pvplan.ui.jobs import Order

WANTED: Final = "days-wanted"
OWNER: Final = "days"
JUDGED: Final = ("register", "ledger")
DIFFERING: Final = (
    "assumptions_fingerprint", "told", "metric_crs", "city", "scenario", "code_version",
)  # fmt: skip
SUFFIX: Final = re.compile(
    r"(-as-of-\d{4}-\d\d-\d\d)?(-ledger)?(-known-\d{4}-\d\d-\d\d)?(-[0-9a-f]{8})?$"
)


@dataclass(frozen=True)
class Days:
    """What a run speaks of.

    Attributes
    ----------
    as_of
        The day that the goals are judged on.
    known_on
        The last day of knowledge; None: all that is known.
    ledger
        Whether installed systems come from the ledger.
    """

    as_of: date
    known_on: date | None = None
    ledger: bool = False


def of_run(meta: Mapping[str, Any]) -> Days | None:
    """Return the days of a run, None where it does not tell them."""
    try:
        as_of = date.fromisoformat(str(meta.get("as_of")))
        told = meta.get("as_known_on")
        known_on = None if told is None else date.fromisoformat(str(told))
    except ValueError:
        return None
    return Days(as_of, known_on, "ledger" in dict(_files(meta)))


def same_question(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two runs read the same files with the same assumptions, whatever the day."""
    if any(one.get(word) != other.get(word) for word in DIFFERING):
        return False
    first, second = dict(_files(one)), dict(_files(other))
    if "ledger" in first or "ledger" in second:
        for files in (first, second):
            for role in JUDGED:
                files.pop(role, None)
    return first == second


def _files(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{f.get('role')}", f"{f.get('sha256')}") for f in meta.get("inputs") or ()]


def find(plan: Plan, wanted: Days) -> str | None:
    """Return the finished run of the same files and assumptions for some days, None for none.

    A run of the ledger counts only where the ledger still says the same.
    """
    for name, run in runs.finished_runs().items():
        if run.as_of != wanted.as_of.isoformat():
            continue
        try:
            meta = read_summary(run.folder)
            if of_run(meta) == wanted and same_question(plan.meta, meta) and _fresh(meta, wanted):
                return name
        except PvplanError:
            continue
    return None


def _fresh(meta: Mapping[str, Any], wanted: Days) -> bool:
    if not wanted.ledger:
        return True
    if deciding.where() is None:
        return False
    with deciding.opened() as ledger:
        digest = ledger.digest(wanted.known_on, wanted.as_of)
    return dict(_files(meta))["ledger"] == digest


def folder_for(run: str, folder: Path, plan: Plan, wanted: Days) -> Path:
    """Return where a run for other days is written: beside the one shown, named after it.

    Parameters
    ----------
    run, folder, plan
        The run shown: its name, where it stands, what it found.
    wanted
        The days.

    Raises
    ------
    InputError
        The run shown is the runs folder itself, so that nothing can stand beside it.
    """
    root = desks.root() if runs.is_private(folder) else runs.runs_folder()
    place = folder.resolve()
    if place == root.resolve() or not place.is_relative_to(root.resolve()):
        raise InputError(f"{run}: stands where no other run can stand beside it")
    ledger = "-ledger" if wanted.ledger else ""
    known = f"-known-{wanted.known_on.isoformat()}" if wanted.known_on else ""
    stem = SUFFIX.sub("", place.name)
    out = place.parent / f"{stem}-as-of-{wanted.as_of.isoformat()}{ledger}{known}"
    if out == place or (out.exists() and not _ours(out, plan)):
        out = out.with_name(f"{out.name}-{str(plan.meta.get('fingerprint'))[:8]}")
    return out


def _ours(out: Path, plan: Plan) -> bool:
    try:
        return same_question(plan.meta, read_summary(out))
    except PvplanError:
        return False


def city_folder(plan: Plan) -> Path | None:
    """Return the city folder whose files the run read, None where it is not at hand.

    None also for a run in parts: another day would hold its whole city.
    """
    return None if plan.roof_parts else looks.folder_of(plan)


def order(plan: Plan, run: str, folder: Path, wanted: Days) -> Order:
    """Return what computes a run for other days.

    Raises
    ------
    InputError
        The files are not at hand, or the folder has others now; no ledger is named.
    """
    city = city_folder(plan)
    if city is None:
        raise InputError(f"{run}: its files are not at hand")
    _check_roles(city, plan.meta)
    words, environment = _words_of(plan.meta), {}
    if wanted.ledger:
        address = deciding.where()
        if runs.is_private(folder):
            raise InputError(f"{run}: files of one visitor are never read beside the ledger")
        if address is None:
            raise InputError(f"no ledger is named here; the server's owner sets {DATABASE_URL}")
        environment = {DATABASE_URL: _whole(address)}
        words.append("--ledger=")
        if wanted.known_on is not None:
            words.append(f"--as-known-on={wanted.known_on.isoformat()}")
    out = folder_for(run, folder, plan, wanted)
    scenario, desk = plan.meta.get("scenario"), desks.current()
    owner = desk.owner if desk is not None and runs.is_private(folder) else OWNER
    return Order(
        city, out, wanted.as_of, str(scenario) if scenario else None, _own_values(plan.meta),
        (*words, f"--reuse={folder.resolve()}"), owner, environment,
    )  # fmt: skip


def _whole(address: str) -> str:
    """Return the ledger's address as it is understood from another folder."""
    return address if "://" in address else str(Path(address).resolve())


def _check_roles(city: Path, meta: Mapping[str, Any]) -> None:
    """Refuse where the city folder names other kinds of files than the run read."""
    # Imported here: the recipe loads much that a reader of finished runs never needs.
    from pvplan.run import inputs_of_folder

    inputs = inputs_of_folder(city)
    apart = {*JUDGED, *looks.LENT}
    roles = {"buildings", *looks.OPTIONAL} - apart
    there = {role for role in roles if getattr(inputs, role, None) is not None}
    read = {role for role, _ in _files(meta)} - apart
    if there != read:
        names = ", ".join(sorted(there ^ read))
        raise InputError(f"{city.name}: the folder and the run differ in: {names}")


def _own_values(meta: Mapping[str, Any]) -> dict[str, str]:
    entries = meta.get("assumptions") or []
    own = (entry for entry in entries if entry.get("layer") == "user")
    return {str(entry["key"]): _text(entry["value"]) for entry in own}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(_text(part) for part in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words_of(meta: Mapping[str, Any]) -> list[str]:
    """Return the words of the command line that tell a run how to read its files."""
    told = meta.get("told") or {}
    words = [f"--{role}-datum={name}" for role, name in (told.get("datum") or {}).items()]
    for option in ("crs", "layer"):
        words += [f"--{option}={role}={name}" for role, name in (told.get(option) or {}).items()]
    words += [f"--map={column}={name}" for column, name in (told.get("field_map") or {}).items()]
    for option in ("parks_where", "irradiance_unit", "weather_label"):
        if told.get(option) is not None:
            words.append(f"--{option.replace('_', '-')}={told[option]}")
    return words


def want(run: str, days: Days) -> None:
    """Note which days the reader wants to see instead of those of a run."""
    st.session_state[WANTED] = (run, days)


def wanted(run: str, shown: Days) -> Days:
    """Return the days that the reader wants to see, those of the run where nothing else."""
    kept = st.session_state.get(WANTED)
    return kept[1] if kept is not None and kept[0] == run else shown


def start(plan: Plan, run: str, folder: Path, days: Days) -> None:
    """Put the run for other days in the line.

    Raises
    ------
    NotAllowedError
        The reader may not write where all read.
    InputError
        See :func:`order`; too many runs are in the line.
    """
    if not runs.is_private(folder):
        people.writer()
    asked = order(plan, run, folder, days)
    if not jobs.room_for(asked.owner):
        raise InputError(f"{jobs.MOST_OF_ONE} runs are in the line; wait for one of them")
    jobs.start(asked)


def name_of(out: Path) -> str:
    """Return the name under which a finished run is chosen."""
    folder = out.resolve()
    if runs.is_private(folder):
        return f"{runs.OWN}{folder.name}"
    return folder.relative_to(runs.runs_folder().resolve()).as_posix()

"""A city folder: ``city.toml`` names its files, datums, place and differences from the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pvplan.assumptions import read_toml
from pvplan.errors import InputError, nearest
from pvplan.sources.partitions import is_partition

ROLES: Final = (
    "buildings", "parks", "districts", "irradiance", "weather", "register", "obstructions",
    "surface_model", "corrections",
)  # fmt: skip
TABLES: Final = {
    "city": {
        "id",
        "name_zh",
        "name_en",
        "metric_crs",
        "demonstration",
        "note_zh",
        "note_en",
    },
    "inputs": {*ROLES, "datum"},
    "climate": {"use_when_missing"},
    "assumptions": None,
    "scenarios": None,
}


@dataclass(frozen=True)
class CityFolder:
    """What a city folder says.

    Attributes
    ----------
    folder
        Where it stands.
    id, name_zh, name_en, note_zh, note_en
        Words for people.
    demonstration
        Whether its buildings are made up.
    metric_crs
        CRS for areas and distances, or None for the UTM zone of the place.
    files
        Role (``buildings``, ``parks``, …) to file.
    datum
        Role to datum.
    lends_climate
        Whether raster and weather may stand in for runs that bring none.
    assumptions, scenarios
        Differences from the defaults; further scenarios.
    """

    folder: Path
    id: str
    name_zh: str
    name_en: str
    note_zh: str
    note_en: str
    demonstration: bool
    metric_crs: str | None
    files: Mapping[str, Path]
    datum: Mapping[str, str] = field(default_factory=dict)
    lends_climate: bool = False
    assumptions: Mapping[str, Any] = field(default_factory=dict)
    scenarios: Mapping[str, Any] = field(default_factory=dict)


def read_city_folder(folder: Path) -> CityFolder:
    """Read ``city.toml`` of a folder.

    Raises
    ------
    InputError
        No ``city.toml``; an unknown word in it (the nearest known is named) or an entry of the
        wrong kind; a file that is missing or lies outside the folder. Buildings may be a
        partition.
    AssumptionError
        ``city.toml`` is not TOML.
    """
    path = folder / "city.toml"
    if not path.is_file():
        raise InputError(
            f"{folder}: no city.toml there; give a city folder, or files by --buildings …"
        )
    content = read_toml(path)
    faults = _not_as_meant(content)
    if faults:
        raise InputError(faults)
    faults = _unknown_words(content)
    city, inputs = content.get("city", {}), content.get("inputs", {})
    files: dict[str, Path] = {}
    for role in ROLES:
        if role in inputs:
            file = (folder / str(inputs[role])).resolve()
            if not file.is_relative_to(folder.resolve()):
                faults.append(f"city.toml: inputs.{role}: '{inputs[role]}' leaves the folder")
            elif not (file.is_file() or (role == "buildings" and is_partition(file))):
                faults.append(f"city.toml: inputs.{role}: '{inputs[role]}' is not there")
            files[role] = file
    if "buildings" not in files:
        faults.append("city.toml: inputs.buildings: missing; name the file of footprints")
    if faults:
        raise InputError(faults)
    name = str(city.get("id", folder.name))
    return CityFolder(
        folder=folder,
        id=name,
        name_zh=str(city.get("name_zh", name)),
        name_en=str(city.get("name_en", name)),
        note_zh=str(city.get("note_zh", "")),
        note_en=str(city.get("note_en", "")),
        demonstration=bool(city.get("demonstration", False)),
        metric_crs=city.get("metric_crs"),
        files=files,
        datum=inputs.get("datum", {}),
        lends_climate=bool(content.get("climate", {}).get("use_when_missing", False)),
        assumptions=_dotted(content.get("assumptions", {})),
        scenarios=content.get("scenarios", {}),
    )


def _not_as_meant(content: Mapping[str, Any]) -> list[str]:
    """Name the entries that are of another kind than this file's reader takes."""
    tables = {table: content.get(table, {}) for table in TABLES}
    faults = [
        f"city.toml: {table} = {value!r}: write it as a table, [{table}]"
        for table, value in tables.items()
        if not isinstance(value, dict)
    ]
    if faults:
        return faults
    inner = {"inputs.datum": tables["inputs"].get("datum", {})}
    inner |= {f"scenarios.{name}": value for name, value in tables["scenarios"].items()}
    faults += [
        f"city.toml: {name} = {value!r}: write it as a table, [{name}]"
        for name, value in inner.items()
        if not isinstance(value, dict)
    ]
    flags = {
        "city.demonstration": tables["city"].get("demonstration", False),
        "climate.use_when_missing": tables["climate"].get("use_when_missing", False),
    }
    faults += [
        f"city.toml: {name} = {value!r}: write true or false, without quotes"
        for name, value in flags.items()
        if not isinstance(value, bool)
    ]
    return faults


def _unknown_words(content: Mapping[str, Any]) -> list[str]:
    faults = [
        f"city.toml: [{table}]: unknown; {nearest(table, TABLES)}"
        for table in content
        if table not in TABLES
    ]
    for table, words in TABLES.items():
        if words is not None:
            faults += [
                f"city.toml: {table}.{word}: unknown; {nearest(word, words)}"
                for word in content.get(table, {})
                if word not in words
            ]
    faults += [
        f"city.toml: inputs.datum.{role}: unknown; {nearest(role, ROLES)}"
        for role in content.get("inputs", {}).get("datum", {})
        if role not in ROLES
    ]
    return faults


def _dotted(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as dotted keys, so that both ways of writing TOML mean the same."""
    flat: dict[str, Any] = {}
    for word, value in table.items():
        if isinstance(value, dict):
            flat |= _dotted(value, f"{prefix}{word}.")
        else:
            flat[f"{prefix}{word}"] = value
    return flat


def lending_cities(root: Path) -> list[CityFolder]:
    """Return the city folders below a root that lend their climate, sorted by folder name."""
    if not root.is_dir():
        return []
    cities = [
        read_city_folder(path.parent) for path in sorted(root.glob("*/city.toml")) if path.is_file()
    ]
    return [city for city in cities if city.lends_climate and "weather" in city.files]

"""Imports only look down: the drawing of the house holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pvplan"

WORDS = {
    "pvplan", "pvplan.errors", "pvplan.tables", "pvplan.outlines", "pvplan.assumptions",
    "pvplan.assumed",
}  # fmt: skip
RECIPES = {
    "pvplan.assess", "pvplan.yield_table", "pvplan.light", "pvplan.look", "pvplan.shade",
    "pvplan.arrange",
    "pvplan.lay_out", "pvplan.hours", "pvplan.study", "pvplan.plan", "pvplan.goal_table",
    "pvplan.goal_split", "pvplan.gap_table", "pvplan.doubt", "pvplan.installed",
    "pvplan.placement", "pvplan.reconcile", "pvplan.register_case", "pvplan.weighing",
    "pvplan.worklist",
    "pvplan.goal_view",
    "pvplan.kinds", "pvplan.roof_part", "pvplan.register_near",
}  # fmt: skip
SCALE = {
    "pvplan.run",
    "pvplan.crews",
    "pvplan.opened",
    "pvplan.depot",
    "pvplan.registered",
    "pvplan.gather",
    "pvplan.record",
    "pvplan.relief",
    "pvplan.corrected",
    "pvplan.recount",
    "pvplan.tiles",
    "pvplan.tile_work",
    "pvplan.tile_run",
    "pvplan.gather_parts",
    "pvplan.in_parts",
    "pvplan.estimate",
    "pvplan.partition",
    "pvplan.partition_rows",
    "pvplan.partition_roofs",
    "pvplan.partition_spill",
}
COMMANDS = {"pvplan.explain_command", "pvplan.partition_command", "pvplan.register_command"}
HEAVY = {
    "streamlit": ("app", "pvplan.ui"),
    "streamlit_folium": ("app", "pvplan.ui"),
    "folium": ("pvplan.maps",),
    "branca": ("pvplan.maps",),
    "rasterio": ("pvplan.sources",),
    "dask": ("pvplan.crews",),
    "distributed": ("pvplan.crews",),
    "upath": ("pvplan.depot",),
    "fsspec": ("pvplan.depot",),
    "sqlalchemy": ("pvplan.ledger",),
    "alembic": ("pvplan.ledger",),
    "rapidfuzz": ("pvplan.city.likeness",),
    "pvlib": ("pvplan.roof.weather", "pvplan.roof.generation", "pvplan.sources.weather"),
}
IMPURE = {"open", "print", "input", "exec", "eval", "compile"}
IMPURE_MODULES = {"os", "sys", "io", "time", "socket", "subprocess", "random", "pathlib", "logging"}
CLOCKS = {"today", "now", "utcnow", "read_csv", "read_file", "read_parquet", "to_csv", "to_file"}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted([*PACKAGE.rglob("*.py"), ROOT / "app.py"]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            assert all(alias.name != "*" for alias in node.names), f"{path.name}: import *"
            module = node.module or ""
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield whole if whole in MODULES else module


def within(name: str, *places: str) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def allowed(name: str) -> set[str]:
    """What of pvplan a module may import, by its floor."""
    words = set(WORDS)
    wings = {m for m in MODULES if within(m, "pvplan.roof", "pvplan.city")}
    doors = {m for m in MODULES if within(m, "pvplan.sources", "pvplan.reports", "pvplan.maps")}
    doors |= {m for m in MODULES if within(m, "pvplan.ledger")}
    if name == "pvplan.outlines":
        return {"pvplan.errors", "pvplan.tables"}
    if name == "pvplan" or name in WORDS:
        return {"pvplan.errors"} | ({"pvplan.assumed"} if name == "pvplan.assumptions" else set())
    if within(name, "pvplan.roof", "pvplan.city"):
        return words
    for door in ("pvplan.sources", "pvplan.reports", "pvplan.maps", "pvplan.ledger"):
        if within(name, door):
            return words | {m for m in MODULES if within(m, door)}
    if name in RECIPES:
        return words | wings | RECIPES
    if name in SCALE:
        return words | wings | doors | RECIPES | SCALE
    if within(name, "pvplan.ui", "app"):
        faces = {m for m in MODULES if within(m, "pvplan.ui", "pvplan.reports", "pvplan.maps")}
        # What people write: the ledger, and the file of corrections.
        recipes = {"pvplan.run", "pvplan.opened"}
        return words | faces | recipes | {"pvplan.ledger", "pvplan.sources.corrections"}
    if name in COMMANDS:
        return words | doors | {"pvplan.run", "pvplan.partition", "pvplan.partition_rows"}
    if name == "pvplan.__main__":
        return words | doors | SCALE | COMMANDS
    raise AssertionError(f"{name}: no place in the house")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_only_look_down(name: str) -> None:
    for target in imports_of(MODULES[name]):
        if within(target, "pvplan"):
            assert target in allowed(name) or target == name, f"{name} imports {target}"
        assert not within(target, "app", "tests"), f"{name} imports {target}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_heavy_friends_have_one_door(name: str) -> None:
    for target in imports_of(MODULES[name]):
        places = HEAVY.get(target.split(".")[0])
        if places is not None:
            fits = within(name, *places) or any(
                name.startswith(place) for place in places if place == "pvplan.sources.weather"
            )
            assert fits, f"{name} imports {target}"


PURE = sorted(m for m in MODULES if within(m, "pvplan.roof", "pvplan.city") or m in RECIPES)


@pytest.mark.parametrize("name", PURE)
def test_wings_and_recipes_are_pure(name: str) -> None:
    """No file, no clock, no environment, no output, no state of the process."""
    for target in imports_of(MODULES[name]):
        assert target.split(".")[0] not in IMPURE_MODULES, f"{name} imports {target}"
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in IMPURE, f"{name} calls {node.func.id}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCKS, f"{name} calls .{node.func.attr}"
        assert not isinstance(node, ast.Global), f"{name} changes a global"


@pytest.mark.parametrize("wing", ["pvplan.roof", "pvplan.city"])
def test_siblings_of_a_wing_never_meet(wing: str) -> None:
    for name in (m for m in MODULES if within(m, wing) and m != wing):
        for target in imports_of(MODULES[name]):
            assert not within(target, "pvplan.roof", "pvplan.city"), f"{name} imports {target}"


def test_the_rules_see_a_breach(tmp_path: Path) -> None:
    """The test itself can fail: a wing that opens a door is noticed."""
    breach = tmp_path / "breach.py"
    breach.write_text("from pvplan.sources import rasters\nimport os\n", encoding="utf-8")
    assert "pvplan.sources.rasters" not in allowed("pvplan.roof.surfaces")
    assert set(imports_of(breach)) == {"pvplan.sources.rasters", "os"}


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of a machine and no registry host stands in any text file."""
    suffixes = {".py", ".toml", ".md", ".txt", ".lock", ".json", ".yml", ".css", ".csv"}
    skipped = {".venv", ".git", "runs", "artefacts", ".mypy_cache", ".ruff_cache", "vendor"}
    words = ["/" + "work/", "/" + "root/", "/" + "home/", "pypi" + "-more", "index" + "-url"]
    for path in ROOT.rglob("*"):
        if path.suffix in suffixes and not skipped.intersection(path.parts) and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            for word in words:
                assert word not in text, f"{path.relative_to(ROOT)} holds {word}"

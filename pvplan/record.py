"""What ``run.json`` says of a run: fingerprint, inputs, assumptions, counts, warnings, versions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import pvplan
from pvplan.assumptions import Assumptions
from pvplan.city import economics
from pvplan.gather import Gathered, Inputs, as_from_file
from pvplan.goal_table import City
from pvplan.reports.runfile import sha256_of
from pvplan.reports.words import megawatts
from pvplan.sources.partitions import is_partition, open_partition, source_of
from pvplan.sources.shapefiles import files_of
from pvplan.tables import Plan

PACKAGES: Final = (
    "ezdxf", "geopandas", "numba", "numpy", "pandas", "pvlib", "pyogrio", "pyproj", "rasterio",
    "shapely", "sqlalchemy", "rapidfuzz", "scipy",
)  # fmt: skip


# Roles whose file is the one given; the weather and the raster may be lent.
_FILES: Final = (
    "buildings", "parks", "districts", "register", "obstructions", "surface_model", "corrections",
)  # fmt: skip


def city_of(inputs: Inputs) -> City:
    """Return the city of a run: that of its folder, else named after the buildings file."""
    if inputs.city is None:
        name = source_of(inputs.buildings).stem
        return City(name, name, name)
    return City(inputs.city.id, inputs.city.name_zh, inputs.city.name_en)


def record(
    inputs: Inputs, gathered: Gathered, assumptions: Assumptions, as_of: date
) -> dict[str, Any]:
    """Return the record of a run before its results: everything that they depend on.

    The fingerprint covers every assumption, every input's bytes, what the reader was told, the
    city's own words, the metric CRS, the day, and the program's own files.
    """
    climate, found = gathered.climate, gathered.files
    used = {role: getattr(inputs, role) for role in _FILES}
    if found.known:
        used["register"] = None
    used |= {"irradiance": climate.files.get("irradiance"), "weather": climate.files["weather"]}
    files = [
        {"role": role, **file}
        for role, given in sorted(used.items())
        if given is not None
        for file in _recorded(given)
    ]
    if found.known:
        # Its content alone: where it stands changes no figure.
        files.append({"role": "ledger", "file": "ledger", "sha256": found.known.digest, "bytes": 0})
    said = as_from_file(inputs)
    told = {
        "datum": dict(said.datum),
        "crs": dict(said.crs),
        "layer": dict(said.layer),
        "field_map": dict(said.field_map),
        "parks_where": inputs.parks_where,
        "irradiance_unit": inputs.irradiance_unit,
        "weather_label": inputs.weather_label,
    }
    city, plain, code = inputs.city, city_of(inputs), code_version()
    metric = str(gathered.buildings.crs)
    words = {
        "id": plain.id,
        "name_zh": plain.name_zh,
        "name_en": plain.name_en,
        "demonstration": bool(city and city.demonstration),
        "note_zh": city.note_zh if city else "",
        "note_en": city.note_en if city else "",
    }
    days = [as_of.isoformat(), _as_known_on(inputs)]
    key = [assumptions.fingerprint(), files, told, words, metric, days, code]
    counts = {f"buildings_{name}": count for name, count in found.footprints.counts.items()}
    if found.register:
        counts |= {f"register_{name}": count for name, count in found.register.counts.items()}
    if found.obstructions:
        counts |= {f"obstructions_{name}": n for name, n in found.obstructions.counts.items()}
    if found.corrections:
        counts |= {f"corrections_{name}": n for name, n in found.corrections.counts.items()}
    kept = found.corrections.holding.to_dict("records") if found.corrections else []
    return {
        "fingerprint": hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16],
        "assumptions_fingerprint": assumptions.fingerprint(),
        "as_of": as_of.isoformat(),
        "as_known_on": _as_known_on(inputs),
        "city": words,
        "scenario": assumptions.scenario,
        "inputs": files,
        "told": told,
        "metric_crs": metric,
        "assumptions": [asdict(entry) for entry in assumptions.entries.values()],
        "derived": derived(assumptions),
        "goals": [asdict(goal) for goal in assumptions.goals],
        "counts": counts,
        "corrections": kept,
        "warnings": list(gathered.warnings),
        "weather": dict(climate.report),
        "code_version": code,
        "versions": {
            "python": platform.python_version(),
            **libraries(),
        },
    }


def made_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run's roofs depend on: files, what was told of them, assumptions, program."""
    words = ("assumptions_fingerprint", "told", "metric_crs", "code_version")
    return {word: about.get(word) for word in words} | {"files": _roof_files(about)}


def _roof_files(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return role and digest of the files that roofs are made of."""
    judged = ("register", "ledger")
    return sorted((f["role"], f["sha256"]) for f in about["inputs"] if f["role"] not in judged)


def _recorded(given: Path) -> list[dict[str, Any]]:
    """Return name, digest and size of the files behind a path: of a partition, its source's."""
    if is_partition(given):
        return [asdict(file) for file in open_partition(given).about.files]
    return [
        {"file": path.name, "sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in files_of(given)
    ]


def _as_known_on(inputs: Inputs) -> str | None:
    known = inputs.ledger.as_known_on if inputs.ledger else None
    return None if known is None else known.isoformat()


def derived(assumptions: Assumptions) -> dict[str, dict[str, Any]]:
    """Return the quantities that a run derives from its assumptions, each with unit and formula."""
    finance, module = assumptions.finance, assumptions.module
    years = "y = 1…lifetime_years, r = discount_rate_fraction"
    found: dict[str, tuple[float, str, str]] = {
        "cost_years": (economics.cost_years(finance), "a", f"Σ (1 + r)^-y, {years}"),
        "energy_years": (
            economics.energy_years(finance, module),
            "a",
            f"Σ (1 - d)^(y-1) (1 + r)^-y, {years}, d = degradation_fraction_per_year",
        ),
        "mean_price_cny_per_kwh": (
            assumptions.tariff.mean_price_cny_per_kwh,
            "CNY/kWh",
            "self_consumption_fraction × retail price + the rest × export price",
        ),
        "carbon_factor_tco2_per_mwh": (
            assumptions.carbon.factor_tco2_per_mwh,
            "tCO₂/MWh",
            "the factor of carbon.purpose",
        ),
        "module_density_kw_per_m2": (
            module.power_w / module.area_m2 / 1000.0,
            "kW/m²",
            "module.power_w / module.area_m2 / 1000",
        ),
    }
    return {
        key: {"value": value, "unit": unit, "source": formula, "zh": "由参数导出", "en": "derived"}
        for key, (value, unit, formula) in found.items()
    }


def code_version() -> str:
    """Return the version with a digest of the package's own files: any change shows."""
    digest = hashlib.sha256()
    package = Path(pvplan.__file__).parent
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.toml")]):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{pvplan.__version__}+{digest.hexdigest()[:8]}"


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that figures depend on."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def close(plan: Plan, seconds: dict[str, float]) -> dict[str, Any]:
    """Return the record with what the result shows: counts, doubts, wall seconds of each stage."""
    total = dict(plan.meta["roof_totals"])
    doubts = _unused_rows(plan)
    if total["ahead"]:
        doubts.append(
            f"{total['ahead']} of {total['roofs']} plants are completed after the day: they count"
            " toward no goal yet"
        )
    if total["out_of_scope"]:
        doubts.append(
            f"{total['out_of_scope']} of {total['roofs']} roofs do not count toward industrial"
            " goals (outside parks with unknown or other use, or in a park with a use that is not"
            " industrial); where a file holds plants only, --set footprints.default_use=industrial"
        )
    if not plan.meta["goals_here"]:
        doubts.append("the goals on file speak of another place: none is measured here")
    lost = plan.rejected["done"] == "unmatched"
    strange = int((lost & (plan.rejected["input"] == "ledger")).sum())
    if strange:
        doubts.append(f"{strange} decisions of the ledger name no roof of the buildings")
    unmatched = int(lost.sum()) - strange
    if unmatched:
        doubts.append(f"{unmatched} register rows have no place and count nowhere: rejected.csv")
    doubts += [
        *_bare_forms(total["bare_forms"]),
        *_overfull_parks(plan),
        *_oversized_goals(plan, total["possible_dc_kw"]),
    ]
    counts = {
        **plan.meta["counts"],
        "roofs": total["roofs"],
        "parks": len(plan.parks),
        "districts": len(plan.districts),
        "ledger": len(plan.ledger),
        "rejected": int((plan.rejected["done"] == "rejected").sum()),
        "altered": int((plan.rejected["done"] == "altered").sum()),
        "unmatched": unmatched,
    }
    return {
        **{key: value for key, value in plan.meta.items() if key != "roof_totals"},
        "counts": counts,
        "warnings": [*plan.meta["warnings"], *doubts],
        "seconds": seconds,
    }


def _unused_rows(plan: Plan) -> list[str]:
    """Say how many rows of each file are not used at all."""
    lost = plan.rejected[(plan.rejected["done"] == "rejected") & plan.rejected["row"].notna()]
    read = {
        "buildings": "buildings_rows_read",
        "register": "register_rows_in",
        "obstructions": "obstructions_rows_read",
        "corrections": "corrections_rows_read",
    }
    doubts = []
    for (role, file), rows in lost.groupby(["input", "file"], sort=True):
        total = plan.meta["counts"].get(read.get(str(role), ""))
        of = f" of {total}" if total is not None else ""
        doubts.append(f"{file}: {rows['row'].nunique()}{of} rows are not used: rejected.csv")
    return doubts


def _bare_forms(sizes: dict[str, int]) -> list[str]:
    """Name the roof forms of which no roof carries any module: a rule that leaves no room."""
    return [
        f"none of {size} roofs of the form {form} carries a module (0 kW): they are too"
        " small, or the rules of layout leave no room (rows free of winter shade need a sun at"
        " those hours): --set layout.…"
        for form, size in sizes.items()
    ]


def _overfull_parks(plan: Plan) -> list[str]:
    """Name the parks that hold more than their roofs can carry: a wrong unit or a wrong place."""
    parks = plan.parks
    over = parks[parks["installed_total_dc_kw"] > parks["capacity_dc_kw"]]
    if over.empty:
        return []
    place, row = next(iter(over.iterrows()))
    return [
        f"the register puts more on {len(over)} parks than their roofs can carry (first:"
        f" '{place}', {megawatts(row['installed_total_dc_kw'])} MW installed,"
        f" {megawatts(row['capacity_dc_kw'])} MW possible): check its unit and park names"
    ]


def _oversized_goals(plan: Plan, possible: float) -> list[str]:
    """Name the goals of a city that ask for more than the roofs at hand can carry, kWp."""
    rows = plan.goals[(plan.goals["level"] == "city") & (plan.goals["scope"] != "all")]
    stated = rows[rows["metric"] == "installed_dc_kw"]
    over = stated[stated["target_dc_kw"] > possible]
    return [
        f"goal {row['goal_id']} asks for {megawatts(row['target_dc_kw'])} MW, the roofs that count"
        f" toward it can carry {megawatts(possible)} MW: if the files hold a part of the city only,"
        " its verdict and its split to parks are not those of the city"
        for row in over.to_dict("records")
    ]

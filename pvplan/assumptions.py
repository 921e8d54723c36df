"""Assumptions as data: defaults < city < scenario < user, each value with unit and source.

Every number of policy, tariff, cost or design stands in ``defaults/*.toml`` as
``{value, unit, source, verified}`` under a dotted key, ``FILE.KEY``. A city folder, a named
scenario and the command line may replace values, never invent keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from pvplan.assumed import (
    GOAL_DENOMINATORS,
    GOAL_LEVELS,
    GOAL_METRICS,
    GOAL_SCOPES,
    AddedLoad,
    AllocationRules,
    Allowance,
    Assumptions,
    Carbon,
    CarbonFactors,
    ComplianceRules,
    Entry,
    Finance,
    Footprints,
    FormLayout,
    Goal,
    GoalSettings,
    IrradianceRules,
    Layer,
    Layout,
    Losses,
    Module,
    ModuleDensity,
    Mounting,
    RegisterRules,
    Shading,
    Spread,
    SpreadByForm,
    SpreadByFormSource,
    SpreadByHeightSource,
    Structure,
    Surfaces,
    SurveyOutcome,
    System,
    Tariff,
    Uncertainty,
    Value,
    WeatherRules,
)
from pvplan.errors import AssumptionError, nearest

__all__ = [
    "AddedLoad",
    "AllocationRules",
    "Allowance",
    "Assumptions",
    "Carbon",
    "CarbonFactors",
    "ComplianceRules",
    "Entry",
    "Finance",
    "Footprints",
    "FormLayout",
    "Goal",
    "GoalSettings",
    "IrradianceRules",
    "Layout",
    "Losses",
    "Module",
    "ModuleDensity",
    "Mounting",
    "RegisterRules",
    "Shading",
    "Spread",
    "SpreadByForm",
    "SpreadByFormSource",
    "SpreadByHeightSource",
    "Structure",
    "Surfaces",
    "SurveyOutcome",
    "System",
    "Tariff",
    "Uncertainty",
    "Value",
    "WeatherRules",
    "load",
    "parse_sets",
    "read_toml",
    "scenario_names",
]

DEFAULTS: Final = Path(__file__).parent / "defaults"
T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    AssumptionError
        The file is not TOML, or cannot be read; names file and place.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AssumptionError(
            f"{path.name}: cannot be read as TOML ({error}); mend the file"
        ) from (error)


def _entries_below(prefix: str, table: Mapping[str, Any]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for name, value in table.items():
        key = f"{prefix}.{name}"
        if not isinstance(value, dict):
            raise AssumptionError(f"{key}: an assumption needs value, unit, source and verified")
        if "value" not in value:
            found.update(_entries_below(key, value))
            continue
        known = {item.name for item in fields(Entry)} - {"key", "layer"}
        unknown = set(value) - known
        missing = {"value", "unit", "source", "verified", "zh", "en"} - set(value)
        if unknown or missing:
            raise AssumptionError(f"{key}: unknown {sorted(unknown)}, missing {sorted(missing)}")
        words = {**value, "value": _value(value["value"])}
        words["choices"] = tuple(value.get("choices", ()))
        found[key] = Entry(key=key, **words)
    return found


def _value(raw: Any) -> Value:
    if not isinstance(raw, list | tuple):
        plain: Value = raw
        return plain
    if raw and all(isinstance(item, int | float) for item in raw):
        return tuple(float(item) for item in raw)
    return tuple(str(item) for item in raw)


GOAL_WORDS: Final = frozenset(item.name for item in fields(Goal)) - {"id"}
_GOAL_NEEDS: Final = tuple(
    item.name
    for item in fields(Goal)
    if item.default is MISSING and item.name not in ("id", "target", "scope", "metric", "level")
)


def _default_layers() -> tuple[dict[str, Entry], dict[str, dict[str, Any]], dict[str, Any]]:
    entries: dict[str, Entry] = {}
    goals: dict[str, dict[str, Any]] = {}
    scenarios: dict[str, Any] = {}
    for path in sorted(DEFAULTS.glob("*.toml")):
        content = read_toml(path)
        if path.stem == "scenarios":
            scenarios = content
        elif path.stem == "goals":
            entries.update(_entries_below("goals.settings", content.pop("settings")))
            goals = content
        else:
            entries.update(_entries_below(path.stem, content))
    return entries, goals, scenarios


def load(
    *,
    city: Mapping[str, Any] | None = None,
    city_scenarios: Mapping[str, Any] | None = None,
    scenario: str | None = None,
    user: Mapping[str, Any] | None = None,
) -> Assumptions:
    """Lay the defaults, a city's, a scenario's and the user's values over each other.

    Parameters
    ----------
    city
        Differences of a city folder: dotted key to value.
    city_scenarios
        Further scenarios: name to ``{"name_zh", "name_en", "set": {dotted key: value}}``.
    scenario
        Name of the scenario to use.
    user
        Differences given by the user: dotted key to value or to its text.

    Returns
    -------
    Assumptions
        Typed values with their entries.

    Raises
    ------
    AssumptionError
        Unknown key or scenario (the nearest known is named), wrong type, out of range.
    """
    entries, goals, scenarios = _default_layers()
    scenarios = {**scenarios, **(city_scenarios or {})}
    layers: list[tuple[Layer, Mapping[str, Any]]] = [("city", city or {})]
    if scenario is not None:
        if scenario not in scenarios:
            raise AssumptionError(
                f"--scenario: '{scenario}' is unknown; {nearest(scenario, scenarios)}"
            )
        layers.append(("scenario", scenarios[scenario].get("set", {})))
    layers.append(("user", user or {}))
    faults: list[str] = []
    for layer, differences in layers:
        for key, raw in differences.items():
            try:
                _lay(entries, goals, key, raw, layer)
            except AssumptionError as error:
                faults.extend(error.faults)
    if faults:
        raise AssumptionError(faults)
    return _typed(entries, goals, scenario)


def scenario_names(city_scenarios: Mapping[str, Any] | None = None) -> dict[str, tuple[str, str]]:
    """Return scenario id to (Chinese name, English name)."""
    scenarios = {**_default_layers()[2], **(city_scenarios or {})}
    return {key: (item["name_zh"], item["name_en"]) for key, item in scenarios.items()}


def _lay(
    entries: dict[str, Entry],
    goals: dict[str, dict[str, Any]],
    key: str,
    raw: Any,
    layer: Layer,
) -> None:
    if key in entries:
        entry = entries[key]
        entries[key] = replace(entry, value=_coerced(entry, raw), layer=layer)
        return
    head, _, word = key.rpartition(".")
    goal_id = head.removeprefix("goals.")
    if head.startswith("goals.") and goal_id in goals and word in GOAL_WORDS:
        goals[goal_id] = {**goals[goal_id], word: _coerced_goal(key, word, raw)}
        return
    known = [*entries, *(f"goals.{goal}.{w}" for goal in goals for w in ("enabled", "target"))]
    raise AssumptionError(f"{layer}: assumption '{key}' is unknown; {nearest(key, known)}")


def _coerced(entry: Entry, raw: Any) -> Value:
    fault = f"{entry.key}: {raw!r} is not usable"
    if isinstance(entry.value, bool):
        return _boolean(raw, fault)
    if isinstance(entry.value, tuple):
        return _coerced_list(entry, _listed(raw), fault)
    if isinstance(entry.value, str):
        if entry.choices and raw not in entry.choices:
            raise AssumptionError(f"{fault}; {nearest(str(raw), entry.choices)}")
        return str(raw)
    number = _bounded(entry, raw, fault)
    if isinstance(entry.value, int) and not number.is_integer():
        raise AssumptionError(f"{fault}: a whole number [{entry.unit}] is needed")
    return int(number) if isinstance(entry.value, int) else number


def _bounded(entry: Entry, raw: Any, fault: str) -> float:
    number = _number(raw, fault, entry.unit)
    low, high = entry.low, entry.high
    if (low is not None and number < low) or (high is not None and number > high):
        raise AssumptionError(f"{fault}: must lie between {low:g} and {high:g} {entry.unit}")
    return number


def _coerced_list(entry: Entry, words: list[str], fault: str) -> Value:
    """Return a list of numbers, of words, or of words out of the entry's choices."""
    if not words:
        raise AssumptionError(f"{fault}: name at least one")
    if isinstance(entry.value, tuple) and entry.value and isinstance(entry.value[0], float):
        return tuple(_bounded(entry, word, fault) for word in words)
    for word in words:
        if entry.choices and word not in entry.choices:
            raise AssumptionError(f"{fault}; {nearest(word, entry.choices)}")
    return tuple(words)


def _listed(raw: Any) -> list[str]:
    words = raw if isinstance(raw, list | tuple) else str(raw).split(",")
    return [word for word in (str(word).strip() for word in words) if word]


def _boolean(raw: Any, fault: str) -> bool:
    words = {"true": True, "false": False, "1": True, "0": False}
    if str(raw).lower() not in words:
        raise AssumptionError(f"{fault}: must be true or false")
    return words[str(raw).lower()]


def _number(raw: Any, fault: str, unit: str) -> float:
    try:
        number = float(raw)
    except (TypeError, ValueError):
        number = float("nan")
    if not abs(number) < float("inf"):
        raise AssumptionError(f"{fault}: a number [{unit}] is needed")
    return number


def _coerced_goal(key: str, word: str, raw: Any) -> Any:
    fault = f"{key}: {raw!r} is not usable"
    if word in ("enabled", "verified"):
        return _boolean(raw, fault)
    if word == "target":
        number = _number(raw, fault, "the goal's own")
        if number < 0:
            raise AssumptionError(f"{fault}: a target is not negative")
        return number
    if word == "applies_within":
        edges = [_number(edge, fault, "°") for edge in _listed(raw)]
        if len(edges) != 4 or edges[0] > edges[2] or edges[1] > edges[3]:
            raise AssumptionError(f"{fault}: give west, south, east, north [° WGS84]")
        return edges
    return str(raw)


def _goal(goal_id: str, words: Mapping[str, Any]) -> Goal:
    faults = [
        f"goals.{goal_id}.{word}: unknown; {nearest(word, GOAL_WORDS)}"
        for word in words
        if word not in GOAL_WORDS
    ]
    if words.get("scope") not in GOAL_SCOPES:
        faults.append(f"goals.{goal_id}.scope: {words.get('scope')!r}; one of {GOAL_SCOPES}")
    if words.get("metric") not in GOAL_METRICS:
        faults.append(f"goals.{goal_id}.metric: {words.get('metric')!r}; one of {GOAL_METRICS}")
    fitting = GOAL_DENOMINATORS.get(str(words.get("metric")), ())
    if fitting and words.get("denominator") not in fitting:
        faults.append(
            f"goals.{goal_id}.denominator: {words.get('denominator')!r}; one of {fitting}"
        )
    if words.get("metric") == "added_dc_kw" and "baseline" not in words:
        faults.append(f"goals.{goal_id}.baseline: missing; additions count from a day")
    faults += [f"goals.{goal_id}.{word}: missing" for word in _GOAL_NEEDS if word not in words]
    if words.get("level") not in GOAL_LEVELS:
        faults.append(f"goals.{goal_id}.level: {words.get('level')!r}; one of {GOAL_LEVELS}")
    if words.get("metric") == "share_of_plants" and words.get("scope") != "new_industrial":
        faults.append(
            f"goals.{goal_id}.scope: {words.get('scope')!r}; the clause is checked on new plants,"
            " so a share of plants needs scope new_industrial"
        )
    share = words.get("metric") in ("coverage_fraction", "share_of_plants")
    if share and words.get("target", 0.0) > 1.0:
        faults.append(f"goals.{goal_id}.target: {words['target']:g} is above 1; 50 % is 0.5")
    if faults:
        raise AssumptionError(faults)
    dates = {
        word: _date(f"goals.{goal_id}.{word}", words[word])
        for word in ("deadline", "baseline", "document_date")
        if word in words
    }
    within = tuple(float(edge) for edge in words.get("applies_within", Goal.applies_within))
    given = {**words, **dates, "applies_within": within}
    return Goal(id=goal_id, **{"target": None, **given})


def _goals(given: Mapping[str, Mapping[str, Any]]) -> tuple[Goal, ...]:
    """Return every goal; a goal that replaced another must be known, and the chain must end."""
    found = {goal_id: _goal(goal_id, words) for goal_id, words in given.items()}
    faults = []
    for goal in found.values():
        key, successor, seen = f"goals.{goal.id}.superseded_by", goal.superseded_by, {goal.id}
        if successor is not None and successor not in found:
            faults.append(f"{key}: goal '{successor}' is unknown; {nearest(successor, found)}")
        while successor in found:
            if successor in seen:
                faults.append(f"{key}: '{goal.superseded_by}' leads back to '{successor}'")
                break
            seen.add(successor)
            successor = found[successor].superseded_by
    if faults:
        raise AssumptionError(faults)
    return tuple(found.values())


def _date(key: str, raw: Any) -> date:
    try:
        return date.fromisoformat(str(raw))
    except ValueError as error:
        raise AssumptionError(f"{key}: {raw!r} is not a date; write YYYY-MM-DD") from error


def _built(kind: type[T], prefix: str, entries: Mapping[str, Entry], used: set[str]) -> T:
    hints = get_type_hints(kind)
    words: dict[str, Any] = {}
    for item in fields(kind):  # type: ignore[arg-type]
        key = f"{prefix}.{item.name}"
        hint = hints[item.name]
        if is_dataclass(hint):
            words[item.name] = _built(hint, key, entries, used)  # type: ignore[arg-type]
            continue
        if key not in entries:
            raise AssumptionError(f"{key}: missing in the defaults")
        used.add(key)
        words[item.name] = _as(hint, entries[key])
    return kind(**words)


def _as(hint: Any, entry: Entry) -> Any:
    if hint is date:
        return _date(entry.key, entry.value)
    if get_origin(hint) is tuple and get_args(hint):
        return entry.value
    return hint(entry.value)


def _typed(
    entries: dict[str, Entry], goals: Mapping[str, Mapping[str, Any]], scenario: str | None
) -> Assumptions:
    groups: dict[str, tuple[type[Any], str]] = {
        "footprints": (Footprints, "footprints"),
        "surfaces": (Surfaces, "surfaces"),
        "layout": (Layout, "layout"),
        "shading": (Shading, "shading"),
        "structure": (Structure, "structure"),
        "module": (Module, "module"),
        "system": (System, "system"),
        "weather": (WeatherRules, "weather"),
        "irradiance": (IrradianceRules, "irradiance"),
        "register": (RegisterRules, "register"),
        "uncertainty": (Uncertainty, "uncertainty"),
        "finance": (Finance, "finance"),
        "tariff": (Tariff, "tariff"),
        "carbon": (Carbon, "carbon"),
        "goal_settings": (GoalSettings, "goals.settings"),
        "allocation": (AllocationRules, "allocation"),
        "compliance": (ComplianceRules, "compliance"),
    }
    used: set[str] = set()
    built = {name: _built(kind, key, entries, used) for name, (kind, key) in groups.items()}
    idle = sorted(set(entries) - used)
    if idle:
        raise AssumptionError(f"assumptions that nothing reads: {', '.join(idle)}")
    return Assumptions(
        **built,
        goals=_goals(goals),
        scenario=scenario,
        entries=dict(sorted(entries.items())),
    )


def parse_sets(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``key=value`` words of the command line.

    Raises
    ------
    AssumptionError
        A word without ``=``.
    """
    faults = [f"--set {pair}: write key=value" for pair in pairs if "=" not in pair]
    if faults:
        raise AssumptionError(faults)
    return {key.strip(): value.strip() for key, _, value in (pair.partition("=") for pair in pairs)}

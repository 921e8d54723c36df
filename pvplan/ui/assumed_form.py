"""What a planner may assume: every entry with its words, searched by topic, typed with bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pvplan import assumptions as assuming
from pvplan.assumptions import Assumptions, Entry
from pvplan.errors import AssumptionError
from pvplan.ui.words import Language, say

TOPICS: Final = {
    "footprints": "topic_footprints",
    "surfaces": "topic_surfaces",
    "layout": "topic_layout",
    "structure": "topic_structure",
    "shading": "topic_shading",
    "module": "topic_module",
    "system": "topic_system",
    "weather": "topic_weather",
    "irradiance": "topic_irradiance",
    "register": "topic_register",
    "finance": "topic_finance",
    "tariff": "topic_tariff",
    "carbon": "topic_carbon",
    "goals": "topic_goals",
    "allocation": "topic_allocation",
    "compliance": "topic_compliance",
    "uncertainty": "topic_uncertainty",
}
"""Each file of the defaults with its word."""
GOAL_WORDS: Final = {
    "enabled": "goal_enabled",
    "target": "goal_target",
    "deadline": "goal_deadline",
}
MOST_TEXT: Final = 400


@dataclass(frozen=True)
class Base:
    """What stands before the planner changes anything: defaults, the city's, a scenario's.

    ``entries`` holds the assumptions and, as further entries, whether each goal is on, its
    target and its deadline.
    """

    entries: Mapping[str, Entry]


def base(city: Any = None, scenario: str | None = None) -> Base:
    """Lay the layers below the planner's over each other.

    Parameters
    ----------
    city
        The city folder (its ``assumptions`` and ``scenarios`` count), or None.
    scenario
        Named set of differences.

    Raises
    ------
    AssumptionError
        Unknown scenario, or a layer that is out of range.
    """
    own = dict(city.assumptions) if city is not None else {}
    further = dict(city.scenarios) if city is not None else {}
    found = assuming.load(city=own, city_scenarios=further, scenario=scenario)
    return Base({**found.entries, **_of_goals(found)})


def scenario_names(further: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the scenarios that can be chosen, the city's own among them: id to zh and en."""
    return assuming.scenario_names(further)


def _of_goals(found: Assumptions) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for goal in found.goals:
        values: dict[str, tuple[Any, str]] = {"enabled": (goal.enabled, "bool")}
        if goal.target is not None:
            values["target"] = (float(goal.target), goal.unit)
        values["deadline"] = (goal.deadline.isoformat(), "date")
        for word, (value, unit) in values.items():
            key = f"goals.{goal.id}.{word}"
            entries[key] = Entry(
                key=key, value=value, unit=unit, source=goal.source, verified=goal.verified,
                zh=f"{goal.name_zh}：{say(GOAL_WORDS[word], 'zh')}",
                en=f"{goal.name_en}: {say(GOAL_WORDS[word], 'en')}",
                low=0.0 if word == "target" else None,
            )  # fmt: skip
    return entries


def topic_of(key: str) -> str:
    """Return the topic of a key: the file that it stands in."""
    return key.partition(".")[0]


def found_by(entries: Mapping[str, Entry], topic: str | None, search: str) -> list[Entry]:
    """Return the entries of a topic (None: of all) that hold every word of a search."""
    words = search.casefold().split()
    found = []
    for key, entry in entries.items():
        if topic is not None and topic_of(key) != topic:
            continue
        text = f"{key} {entry.zh} {entry.en} {entry.unit} {entry.source}".casefold()
        if all(word in text for word in words):
            found.append(entry)
    return found


def as_text(value: Any) -> str:
    """Return a value as it is typed: lists with commas, true and false, no needless digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item) for item in value)
    return "" if value is None else str(value)


def bounds(entry: Entry) -> str:
    """Return the bounds of an entry as people read them; empty where there are none."""
    if entry.choices:
        return " | ".join(entry.choices)
    if entry.low is None and entry.high is None:
        return ""
    low = "−∞" if entry.low is None else as_text(entry.low)
    high = "∞" if entry.high is None else as_text(entry.high)
    return f"{low} … {high}"


def fault_of(entry: Entry, typed: str, language: Language) -> str | None:
    """Return why a typed value cannot be used, or None.

    Parameters
    ----------
    entry
        What is meant.
    typed
        The text.
    language
        Of the sentence.
    """
    if len(typed) > MOST_TEXT:
        return say("value_too_long", language).format(most=MOST_TEXT)
    try:
        assuming.load(user={entry.key: typed})
    except AssumptionError as error:
        if entry.low is None and entry.high is None:
            return "; ".join(error.faults)
        where = f"{bounds(entry)} {'' if entry.unit == '1' else entry.unit}".strip()
        return say("value_out_of_bounds", language).format(seen=typed, bounds=where)
    return None


def same(entry: Entry, typed: str) -> bool:
    """Tell whether a typed value is the one that stands already."""
    return _plain(typed) == _plain(as_text(entry.value))


def _plain(text: str) -> list[str]:
    return [_number(word.strip()) for word in text.strip().split(",")]


def _number(word: str) -> str:
    try:
        return as_text(float(word))
    except ValueError:
        return word

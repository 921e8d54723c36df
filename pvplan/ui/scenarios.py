"""Finished runs side by side: what each found, how it differs from the first, what it assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from pvplan.tables import Plan
from pvplan.ui import numbers, places
from pvplan.ui.assumed_form import GOAL_WORDS, as_text
from pvplan.ui.words import Language, say, say_code

# Word of the row, column of the city's or the goal's row, how it is turned.
CITY_ROWS: Final = (
    ("potential", "capacity_dc_kw", "capacity"),
    ("potential_p10", "capacity_p10_dc_kw", "capacity"),
    ("potential_p90", "capacity_p90_dc_kw", "capacity"),
    ("installed", "installed_total_dc_kw", "capacity"),
)
GOAL_ROWS: Final = (
    ("target", "target_dc_kw", "capacity"),
    ("counted", "installed_dc_kw", "capacity"),
    ("gap", "gap_dc_kw", "capacity"),
    ("gap_p10", "gap_p10_dc_kw", "capacity"),
    ("gap_p90", "gap_p90_dc_kw", "capacity"),
)
MONEY_ROWS: Final = (
    ("yearly_energy", "energy_ac_kwh_per_year", "energy"),
    ("specific_yield", "specific_yield_kwh_per_kw", "kWh/kWp"),
    ("lcoe", "lcoe_cny_per_kwh", "CNY/kWh"),
    ("capex", "capex_cny", "money"),
    ("avoided", "avoided_tco2_per_year", "tCO₂"),
)
TURNED: Final[Mapping[str, Callable[[pd.Series[Any]], pd.Series[float]]]] = {
    "capacity": numbers.in_capacity_unit,
    "energy": numbers.in_gigawatt_hours,
    "money": numbers.in_millions,
}
DECIMALS: Final = {"lcoe": 4, "specific_yield": 1, "avoided": 0, "capex": 1}
LEVEL_ROWS: Final = (
    ("potential", "capacity_dc_kw"),
    ("installed", "installed_total_dc_kw"),
    ("target", "target_dc_kw"),
    ("gap", "gap_dc_kw"),
)


def city_table(plans: Mapping[str, Plan], goal_id: str | None, language: Language) -> pd.DataFrame:
    """Return what each run found for the city.

    Parameters
    ----------
    plans
        Label to plan; the first is the one that the others are held against.
    goal_id
        The goal that target and gap speak of.
    language
        Of the words.

    Returns
    -------
    DataFrame
        One row for each quantity, index its word; ``unit``, ``decimals``, then a column of
        numbers for each run, in the unit of the row.
    """
    cities = [plan.city.iloc[0] for plan in plans.values()]
    rows = [_row(cities, plans, line, language) for line in CITY_ROWS]
    goals = [_goal_row(plan, goal_id) for plan in plans.values()]
    rows += [_row(goals, plans, line, language) for line in GOAL_ROWS]
    rows += [_row(cities, plans, line, language) for line in MONEY_ROWS]
    return pd.DataFrame(rows).set_index("quantity")


def _row(
    found: Sequence[pd.Series[Any]],
    labels: Iterable[str],
    line: tuple[str, str, str],
    language: Language,
) -> dict[str, Any]:
    word, column, kind = line
    units = {
        "capacity": numbers.capacity_unit(), "energy": "GWh", "money": say("million_cny", language)
    }  # fmt: skip
    values = pd.Series([figures.get(column) for figures in found], dtype=object)
    turned = TURNED[kind](values) if kind in TURNED else pd.to_numeric(values, errors="coerce")
    return {
        "quantity": word, "unit": units.get(kind, kind), "decimals": DECIMALS.get(word, 2),
        **dict(zip(labels, turned.astype(float), strict=True)),
    }  # fmt: skip


def _goal_row(plan: Plan, goal_id: str | None) -> pd.Series[Any]:
    rows = plan.goals[(plan.goals["goal_id"] == goal_id) & (plan.goals["level"] == "city")]
    return pd.Series(dtype=object) if rows.empty else rows.iloc[0]


def told(table: pd.DataFrame, language: Language) -> pd.DataFrame:
    """Return :func:`city_table` as it is read: numbers with separators, then the differences."""
    labels = [name for name in table.columns if name not in ("unit", "decimals")]
    rows = []
    for word, row in table.iterrows():
        decimals = int(row["decimals"])
        shown = {"quantity": say(str(word), language), "unit": row["unit"]}
        shown |= {label: numbers.plain(row[label], decimals) for label in labels}
        for label in labels[1:]:
            apart = row[label] - row[labels[0]]
            sign = "+" if round(apart, decimals) > 0.0 else ""
            shown[difference_of(label)] = f"{sign}{numbers.plain(apart, decimals)}"
        rows.append(shown)
    return pd.DataFrame(rows)


def difference_of(label: str) -> str:
    """Return the heading of a run's differences from the first."""
    return f"Δ {label}"


def verdicts(plans: Mapping[str, Plan], language: Language) -> pd.DataFrame:
    """Return each goal's verdict in each run; empty where a run does not have the goal."""
    columns: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    for label, plan in plans.items():
        columns[label] = {}
        for goal_id, row in places.headline_rows(plan).iterrows():
            columns[label][str(goal_id)] = say_code("verdict", str(row["verdict"]), language)
            names[str(goal_id)] = places.goal_name(row, language)
    found = pd.DataFrame(columns)
    found.insert(0, "goal", [names[str(goal)] for goal in found.index])
    return found


def assumed_apart(plans: Mapping[str, Plan], language: Language) -> pd.DataFrame:
    """Return what the runs assume differently: key, meaning, unit, and each run's value."""
    known = {label: _values(plan) for label, plan in plans.items()}
    keys = list(dict.fromkeys(key for values in known.values() for key in values))
    rows = []
    for key in keys:
        told_values = [as_text(values.get(key, {}).get("value")) for values in known.values()]
        if len(set(told_values)) > 1:
            entry = next(values[key] for values in known.values() if key in values)
            rows.append(
                {
                    "key": key,
                    "meaning": str(entry.get(language, "")),
                    "unit": str(entry.get("unit", "")),
                    **dict(zip(known, told_values, strict=True)),
                }
            )
    return pd.DataFrame(rows)


def _values(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """Return every assumption of a run, with its goals, day and program as further ones."""
    values = {str(entry["key"]): entry for entry in plan.meta.get("assumptions") or ()}
    for goal in plan.meta.get("goals") or ():
        for word in GOAL_WORDS:
            key = f"goals.{goal['id']}.{word}"
            values[key] = {
                "value": goal.get(word), "unit": goal.get("unit") if word == "target" else "",
                "zh": goal.get("name_zh"), "en": goal.get("name_en"),
            }  # fmt: skip
    for word, key in (("as_of", "run_as_of"), ("code_version", "run_code_version")):
        values[word] = {
            "value": plan.meta.get(word), "unit": "",
            "zh": say(key, "zh"), "en": say(key, "en"),
        }  # fmt: skip
    return values


def level_table(
    plans: Mapping[str, Plan], level: str, goal_id: str | None, language: Language
) -> pd.DataFrame:
    """Return potential, installed, target and gap of each place in each run, with differences.

    Parameters
    ----------
    plans
        Label to plan; the first is the one that the others are held against.
    level
        ``district`` or ``park``.
    goal_id
        The goal that target and gap speak of.
    language
        Of the headings.

    Returns
    -------
    DataFrame
        One row for each place: ``place_id``, ``place``, then capacities in the
        reader's unit, by quantity and run.
    """
    first = next(iter(plans.values()))
    index = _places(first, level).index
    for plan in plans.values():
        index = index.union(_places(plan, level).index, sort=False)
    names: dict[str, str] = {}
    for plan in plans.values():
        names |= places.names_of(_places(plan, level), language)
    found: pd.DataFrame = pd.DataFrame(
        {"place_id": index, "place": [names[str(place)] for place in index]}
    )
    unit = numbers.capacity_unit()
    for word, column in LEVEL_ROWS:
        start = _level_column(first, level, goal_id, column).reindex(index)
        for label, plan in plans.items():
            values = _level_column(plan, level, goal_id, column).reindex(index)
            head = f"{say(word, language)} ({unit})"
            found[f"{head} · {label}"] = numbers.in_capacity_unit(values).to_numpy()
            if plan is not first:
                apart = numbers.in_capacity_unit(values.sub(start))
                found[f"{head} · {difference_of(label)}"] = apart.to_numpy()
    return found


def _places(plan: Plan, level: str) -> pd.DataFrame:
    table: pd.DataFrame = plan.districts if level == "district" else plan.parks
    return table


def _level_column(plan: Plan, level: str, goal_id: str | None, column: str) -> pd.Series[float]:
    table = _places(plan, level)
    if column in ("target_dc_kw", "gap_dc_kw"):
        table = places.goal_at(plan, goal_id, level, table)
    values: pd.Series[float] = pd.to_numeric(table[column], errors="coerce").astype(float)
    return values


def bars(table: pd.DataFrame, language: Language) -> pd.DataFrame:
    """Return the bars of a chart, long: ``what``, ``run``, ``amount``, ``low``, ``high``."""
    labels = [name for name in table.columns if name not in ("unit", "decimals")]
    rows = [
        {
            "what": say(word, language), "run": label, "amount": table.loc[word, label],
            "low": table.loc[f"{word}_p10", label] if f"{word}_p10" in table.index else None,
            "high": table.loc[f"{word}_p90", label] if f"{word}_p90" in table.index else None,
        }
        for word in ("potential", "installed", "target", "gap")
        for label in labels
    ]  # fmt: skip
    found = pd.DataFrame(rows)
    for name in ("amount", "low", "high"):
        found[name] = pd.to_numeric(found[name], errors="coerce").astype(float)
    return found

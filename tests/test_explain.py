"""Any number of a run can be taken apart, and what is shown gives the number again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pvplan import __main__ as command
from pvplan.assumptions import load
from pvplan.errors import InputError
from pvplan.record import derived
from pvplan.reports.columns import SHAPES, canonical, described
from pvplan.reports.explain import evaluate, explain, reference_of
from pvplan.reports.lineage import GAPS, Origin, lineage, names_in, origin_of, origins
from pvplan.reports.output import write_plan
from pvplan.sources.city_folder import ROLES
from pvplan.tables import Column, Plan
from tests import toy


def recorded(plan: Plan) -> Plan:
    """The plan with the record that a run gives it."""
    assumed = load()
    words = {
        "fingerprint": "0123456789abcdef",
        "as_of": date(2026, 11, 22),
        "city": {"id": "toy", "name_zh": "示例市", "name_en": "Toy city", "demonstration": True},
        "assumptions": [asdict(entry) for entry in assumed.entries.values()],
        "derived": derived(assumed),
        "goals": [asdict(goal) for goal in assumed.goals],
        "inputs": [{"role": "register", "file": "register.csv", "sha256": "ab" * 32, "bytes": 1}],
    }
    return canonical(replace(plan, meta={**plan.meta, **words}))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return recorded(toy.plan())


def columns(plan: Plan) -> Iterator[tuple[str, Column]]:
    for name in SHAPES:
        for column in described(name, getattr(plan, name)):
            yield name, column


def test_every_column_of_every_table_says_where_it_comes_from(plan: Plan) -> None:
    silent = [f"{name}.{column.name}" for name, column in columns(plan)
              if origin_of(name, column) in (None, Origin())]  # fmt: skip
    assert silent == []


def test_no_origin_names_a_thing_that_is_not_there(plan: Plan) -> None:
    keys = set(load().entries)
    for table, found in origins().items():
        groups = {"level": ("parks", "districts", "city"), "gap": GAPS}
        shapes = groups.get(table, (table,))
        known = {column.name for name in shapes for column in described(name, getattr(plan, name))}
        for column, origin in found.items():
            if not set("*?[") & set(column):
                assert column in known, f"{table}.{column} is no column"
            wanted = [*(word for word in names_in(origin.formula) if "." not in word)]
            assert set(wanted) | set(origin.columns) <= known, f"{table}.{column}"
            assert set(origin.files) <= {*ROLES, "ledger"}, f"{table}.{column}"
            for word in [*(w for w in names_in(origin.formula) if "." in w), *origin.assumes]:
                if word.startswith("derived."):
                    assert word.removeprefix("derived.") in plan.meta["derived"]
                elif word != "goal":
                    assert any(k == word or k.startswith(f"{word}.") for k in keys), word


@pytest.mark.parametrize("rows", [2, pytest.param(None, marks=pytest.mark.long)])
def test_every_number_is_the_one_that_its_formula_gives(plan: Plan, rows: int | None) -> None:
    """Of the first rows of each table, or of all."""
    checked = set()
    for name, column in columns(plan):
        for label in getattr(plan, name).index[:rows]:
            found = explain(plan, reference_of(plan, name, column.name, label), depth=0)
            assert found.agrees is not False, f"{found.reference}: {found.recomputed}"
            if found.agrees:
                checked.add(f"{name}.{column.name}")
    assert len(checked) > 150
    assert {"parks.gap_dc_kw", "parks.lcoe_cny_per_kwh", "roofs.capacity_dc_kw"} <= checked


def test_a_number_that_was_changed_is_seen(plan: Plan) -> None:
    parks = plan.parks.copy()
    parks.loc["P1", "specific_yield_kwh_per_kw"] += 1.0
    parks.loc["P1", "capacity_dc_kw"] += 1.0
    wrong = replace(plan, parks=parks)
    assert explain(plan, "parks:specific_yield_kwh_per_kw:P1").agrees is True
    assert explain(wrong, "parks:specific_yield_kwh_per_kw:P1").agrees is False
    assert explain(wrong, "parks:capacity_dc_kw:P1").agrees is False


def test_a_gap_is_taken_apart_down_to_its_roofs_and_systems(plan: Plan) -> None:
    found = explain(plan, "parks.csv:gap_kw:P1")
    assert found.reference == "parks.csv:gap_dc_kw:P1"
    assert found.value == plan.parks.loc["P1", "gap_dc_kw"]
    assert (found.unit, found.agrees, found.demonstration) == ("kWp", True, True)
    assert found.run_fingerprint == "0123456789abcdef"
    references = {each.reference for each in walked(found)}
    assert "parks.csv:target_dc_kw:P1" in references
    headline = plan.meta["headline_goal"]
    assert f"goals.csv:gap_dc_kw:{headline}/park/P1" in references


def walked(found: Any) -> Iterator[Any]:
    yield found
    for each in found.inputs:
        yield from walked(each)


def test_a_sum_shows_its_rows_the_largest_first(plan: Plan) -> None:
    found = explain(plan, "districts:capacity_dc_kw:D1")
    assert found.rows is not None
    inside = plan.roofs[plan.roofs["district_id"] == "D1"]["capacity_dc_kw"]
    assert found.rows.count == len(inside)
    assert [value for _, value in found.rows.shown] == sorted(inside, reverse=True)[:10]
    assert found.formula == "Σ roofs.capacity_dc_kw"


def test_a_price_shows_its_sources_and_whether_they_were_verified(plan: Plan) -> None:
    found = explain(plan, "roofs:opex_cny_per_year:r01")
    (entry,) = found.assumptions
    assert entry["key"] == "finance.opex_cny_per_kw_dc_per_year"
    assert {"value", "unit", "source", "verified", "layer"} <= set(entry)


def test_a_row_of_the_goals_is_named_by_its_keys_or_by_the_place_alone(plan: Plan) -> None:
    headline = plan.meta["headline_goal"]
    whole = explain(plan, f"goals:target_dc_kw:{headline}/park/P2")
    alone = explain(plan, "goals:target_dc_kw:P2")
    assert whole.value == alone.value
    assert whole.reference == f"goals.csv:target_dc_kw:{headline}/park/P2"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("parks", "write TABLE:COLUMN:ROW"),
        ("parks:gap_dc_kw", "write TABLE:COLUMN:ROW"),
        ("parcs.csv:gap_dc_kw:P1", "did you mean 'parks'?"),
        ("parks.csv:gap_dc:P1", "did you mean 'gap_dc_kw'?"),
        ("parks.csv:gap_dc_kw:P7", "no row 'P7'"),
        ("goals:gap_dc_kw:industrial_full/park/P1", "did you mean 'industrial_full_2030'?"),
    ],
)
def test_a_reference_that_names_nothing_is_refused(plan: Plan, reference: str, said: str) -> None:
    with pytest.raises(InputError, match=r".") as raised:
        explain(plan, reference)
    assert said in str(raised.value)


def test_formulas_are_arithmetic_and_nothing_else() -> None:
    names = {"a": 6.0, "b.c": 3.0}
    assert evaluate("a / b.c - 1", names.__getitem__) == 1.0
    assert evaluate("(a + 2) * b.c", names.__getitem__) == 24.0
    assert evaluate("a / 0", names.__getitem__) != evaluate("a / 0", names.__getitem__)
    with pytest.raises(ValueError, match="not a name"):
        evaluate("__import__('os')", names.__getitem__)


def test_the_lineage_beside_the_exports_holds_every_column(plan: Plan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "lineage.json").read_text(encoding="utf-8"))
    assert found == json.loads(json.dumps(lineage(plan)))
    assert found["demonstration"] is True
    for name, column in columns(plan):
        said = found["tables"][name]["columns"][column.name]
        assert said["unit"] == column.unit
        assert set(said) & {"formula", "from_columns", "sum_over", "same_as", "rule_en"}
    assert found["assumptions"]["module.power_w"]["source"]


def test_the_command_prints_and_gives_json(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    write_plan(plan, out)
    assert command.main(["explain", f"{out}/parks.csv:gap_kw:P1"]) == 0
    told = capsys.readouterr().out
    assert "DEMONSTRATION" in told
    assert "parks.csv:gap_dc_kw:P1" in told
    assert command.main(["explain", "parks.csv:gap_kw:P1", "--run", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["agrees"] is True
    assert found["value"] == plan.parks.loc["P1", "gap_dc_kw"]
    assert command.main(["explain", "parks.csv:gap_kw:P9", "--run", str(out)]) == 2
    assert "no row 'P9'" in capsys.readouterr().err

"""The clause of new plants: never a pass on missing evidence."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvplan.assumptions import load
from pvplan.city.compliance import area_per_kw, area_quantile, judge, pass_probability
from pvplan.tables import COMPLIANCE, check

RULES = load().compliance
PER_KW = area_per_kw(RULES.density)


def verdict(kw: float | None, status: str = "commissioned", **roof: Any) -> pd.Series[Any]:
    row = {
        "name": "A", "park_id": "P", "district_id": "D", "completed_on": pd.Timestamp("2023-05-01"),
        "footprint_area_m2": 2000.0, "module_area_m2": 1400.0, "gcr": 0.8, "surface_tilt": 0.0,
        "in_goal_scope": True, "other_renewable": "no", **roof,
    }  # fmt: skip
    ledger = pd.DataFrame(
        {
            "roof_id": ["r"], "park_id": ["P"], "capacity_dc_kw": [kw], "status": [status],
            "commissioned_on": [pd.Timestamp("2024-03-01")],
        },
        index=["s"],
    )  # fmt: skip
    found = judge(
        pd.DataFrame([row], index=["r"]), ledger if kw is not None else ledger.iloc[:0], None,
        RULES, target_fraction=0.5, new_plant_from=date(2022, 1, 1), as_of=date(2025, 6, 30),
    )  # fmt: skip
    check(found, COMPLIANCE, title="compliance")
    return found.iloc[0]


def test_by_hand() -> None:
    """1000 m² are required; the median of 1000/235, 1000/223, 1000/205 is 4.5320 m²/kWp."""
    low, mode, high = 1000 / 235, 1000 / 223, 1000 / 205
    median = high - np.sqrt(0.5 * (high - low) * (high - mode))
    found = verdict(200.0)
    assert found["pv_area_m2"] == pytest.approx(200 * median, abs=1e-3)
    assert found["missing_dc_kw"] == pytest.approx(1000 / median - 200, abs=1e-3)
    assert (found["state"], found["area_state"], found["renewable_state"]) == (
        "fail",
        "fail",
        "pass",
    )
    assert found["reachable"]
    assert verdict(240.0)["state"] == "pass"
    assert verdict(None)["renewable_state"] == "fail"


@pytest.mark.parametrize(
    ("given_row", "told"),
    [
        ({"completed_on": pd.NaT}, "completion"),
        ({"footprint_area_m2": np.nan}, "roof area"),
        ({"status": "filed"}, "only filed"),
    ],
)
def test_what_lacks_is_told_and_never_passes(given_row: dict[str, Any], told: str) -> None:
    found = verdict(400.0, **given_row)
    assert found["state"] == "insufficient_evidence"
    assert told in found["missing_en"]


def test_exempt() -> None:
    found = verdict(400.0, completed_on=pd.Timestamp("2015-01-01"))
    assert (found["state"], found["missing_en"]) == ("exempt", None)


@given(st.lists(st.floats(0.0, 500.0), min_size=7, max_size=7).filter(lambda kw: sum(kw) > 1.0))
def test_the_probability_inverts_the_quantiles(kws: list[float]) -> None:
    kw = np.array([kws])
    for quantile in (0.05, 0.3, 0.5, 0.8, 0.95):
        needed = area_quantile(kw, PER_KW, quantile)
        chance = pass_probability(kw, np.zeros(1), needed, PER_KW)
        assert chance == pytest.approx([1.0 - quantile], abs=1e-6)
        assert pass_probability(kw * 1.1, np.zeros(1), needed, PER_KW) >= chance - 1e-9


def test_doubts_of_the_register_never_pass() -> None:
    roof = pd.DataFrame(
        {
            "name": "A", "park_id": "P", "district_id": "D", "footprint_area_m2": 2000.0,
            "completed_on": pd.Timestamp("2023-05-01"), "module_area_m2": 1400.0, "gcr": 0.8,
            "surface_tilt": 0.0, "in_goal_scope": True,
        },
        index=["r"],
    )  # fmt: skip
    ledger = pd.DataFrame(
        {
            "roof_id": ["r"], "park_id": ["P"], "capacity_dc_kw": [400.0],
            "status": ["commissioned"], "commissioned_on": [pd.Timestamp("2023-06-01")],
        },
        index=["s"],
    )  # fmt: skip
    unit = pd.DataFrame({"finding": ["unit_w"], "system_id": ["s"], "roof_id": [None]})
    days = {
        "target_fraction": 0.5, "new_plant_from": date(2022, 1, 1), "as_of": date(2025, 6, 30),
    }  # fmt: skip
    cases = {
        "unit": (ledger, unit),
        "no PV register": (None, None),
        "capacity unknown": (ledger.assign(capacity_dc_kw=np.nan), None),
        "day unknown": (ledger.assign(commissioned_on=pd.NaT), None),
        "not matched": (ledger.assign(roof_id=None), None),
    }
    for told, (register, findings) in cases.items():
        found = judge(roof, register, findings, RULES, **days).iloc[0]  # type: ignore[arg-type]
        assert found["state"] == "insufficient_evidence", told
        assert told in found["missing_en"]
    assert judge(roof, ledger, None, RULES, **days).iloc[0]["state"] == "pass"  # type: ignore[arg-type]
    # What stands on another roof of the park, or runs only later, cannot stand here.
    for elsewhere in (
        ledger.assign(roof_id="old"), ledger.assign(commissioned_on=pd.Timestamp("2025-07-01")),
    ):  # fmt: skip
        found = judge(roof, elsewhere, None, RULES, **days).iloc[0]  # type: ignore[arg-type]
        assert (found["area_state"], found["state"]) == ("fail", "fail")


def test_words_of_renewables_and_exemptions_are_read_as_meant() -> None:
    words = {
        "heat pump": "yes", "地源热泵": "yes", "是": "yes", "no": "no", "ＮＯ": "no", "没有": "no",
        "N": "no", "0": "no", "unknown": "unknown", "不详": "unknown", "": "unknown",
    }  # fmt: skip
    roofs = pd.DataFrame(
        {
            "name": "A", "park_id": "P", "district_id": "D", "footprint_area_m2": 2000.0,
            "completed_on": pd.Timestamp("2023-05-01"), "module_area_m2": 1400.0, "gcr": 0.8,
            "surface_tilt": 0.0, "in_goal_scope": True, "other_renewable": list(words),
        },
        index=[f"r{n}" for n in range(len(words))],
    )  # fmt: skip
    nothing = pd.DataFrame(
        {"roof_id": [], "park_id": [], "capacity_dc_kw": [], "status": [], "commissioned_on": []}
    )
    days = {
        "target_fraction": 0.5, "new_plant_from": date(2022, 1, 1), "as_of": date(2025, 6, 30),
    }  # fmt: skip
    found = judge(roofs, nothing, None, RULES, **days)  # type: ignore[arg-type]
    state = {"yes": "pass", "no": "fail", "unknown": "insufficient_evidence"}
    assert found["renewable_state"].tolist() == [state[word] for word in words.values()]
    reasons = {
        "0": False,
        "false": False,
        "否": False,
        "unknown": False,
        "1": False,
        "文物建筑": True,
    }
    exempt = roofs.iloc[: len(reasons)].assign(exempt_reason=list(reasons))
    found = judge(exempt, nothing, None, RULES, **days)  # type: ignore[arg-type]
    assert (found["state"] == "exempt").tolist() == list(reasons.values())

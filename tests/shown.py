"""Plans for the tests of map and pages: hostile names, no register, and where to write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from pvplan.reports.lineage import names_in, origins
from pvplan.tables import Plan
from tests.conftest import ROOT
from tests.plans import toy_plan

# Each would leave a mark, or reach outside, if anything took it for more than letters.
HOSTILE = (
    "<img src=x onerror=\"window.top.document.title='pwned'\">",
    "`${window.top.document.title='pwned'}`",
    "\"]};window.top.document.title='pwned';//</script><script>window.top.pwned=1</script>",
    "{{ 7*7 }}{% raw %}{# gone #}",
    "![x](https://outside.example/x.png) [link](javascript:alert(1)) **bold** :red[red]",
    "drawnItems map_div2 alert(coords); _a1",
)


DRIVERS = [
    {"source": "usable_share", "name_zh": "屋面可利用比例", "name_en": "Usable share",
     "narrowing_kw": 1250.0, "variance_fraction": 0.75},
    {"source": "height", "name_zh": "建筑高度", "name_en": "Building heights",
     "narrowing_kw": 0.0, "variance_fraction": 0.0},
]  # fmt: skip


def app_at(page: str, link: Mapping[str, str], *, patience_s: int = 60, **state: Any) -> AppTest:
    """Open the app at one of its pages, as a link and a session's state ask for it."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=patience_s)
    for name, value in link.items():
        app.query_params[name] = value
    for name, value in state.items():
        app.session_state[name] = value
    app.run()
    if page != "map":
        app.switch_page(f"pvplan/ui/page_{page}.py").run()
    assert not app.exception, app.exception
    return app


def ledger_plan() -> Plan:
    """Return the toy plan with accounts of the districts, and a ranking of what is in doubt."""
    plan = toy_plan()
    districts = plan.districts.index
    rows = plan.gap_parks.head(len(districts)).assign(
        place_id=list(districts), rank=[2.0, 1.0], gap_p10_dc_kw=100.0, gap_p90_dc_kw=300.0
    )
    (known,) = plan.meta["goals"]
    goals = [{**known, "id": goal_id} for goal_id in plan.goals["goal_id"].unique()]
    meta = {
        **plan.meta, **_assumed(), "headline_goal": known["id"], "drivers": DRIVERS, "goals": goals,
    }  # fmt: skip
    return replace(plan, gap_districts=rows.reset_index(drop=True), meta=meta)


def _assumed() -> dict[str, Any]:
    """Return every assumption and derived quantity that a formula of the tables names."""
    formulas = [rule.formula for columns in origins().values() for rule in columns.values()]
    words = sorted({word for formula in formulas for word in names_in(formula) if "." in word})
    entries = [
        {"key": word, "value": 2.0, "unit": "1", "zh": "参数", "en": "parameter", "source": "made",
         "verified": number % 2 == 0, "layer": "default"}
        for number, word in enumerate(words)
    ]  # fmt: skip
    start = "derived."
    derived = {
        entry["key"].removeprefix(start): entry
        for entry in entries
        if entry["key"].startswith(start)
    }
    return {"assumptions": entries, "derived": derived}


def plan_without_work() -> Plan:
    """Return the toy plan where nothing is left to do, and no goal is enabled."""
    plan = plan_without_register()
    return replace(
        plan,
        roofs=plan.roofs.assign(roof_state="installed"),
        goals=plan.goals.iloc[:0],
        gap_parks=plan.gap_parks.iloc[:0],
        gap_districts=plan.gap_districts.iloc[:0],
        allocation=plan.allocation.iloc[:0],
        compliance=plan.compliance.iloc[:0],
        reconciliation=plan.reconciliation.iloc[:0],
    )


def hostile_plan() -> Plan:
    """Return the toy plan with every text of a file replaced by something hostile."""
    plan = ledger_plan()
    park_zh = dict(zip(plan.parks.index, (HOSTILE[0], HOSTILE[1], HOSTILE[2]), strict=True))
    goals = plan.goals.assign(
        name_zh=HOSTILE[0], name_en=HOSTILE[4], clause_zh=HOSTILE[2], clause_en=HOSTILE[1],
        reason_zh=HOSTILE[0], reason_en=HOSTILE[3], goal_source=HOSTILE[4],
        target_method=HOSTILE[0], owner=HOSTILE[4], superseded_by=HOSTILE[2], metric="unheard of",
    )  # fmt: skip
    said = {"reason_zh": HOSTILE[0], "reason_en": HOSTILE[4]}
    missing = {"missing_zh": HOSTILE[2], "missing_en": HOSTILE[1]}
    state = {"state_reason_zh": HOSTILE[4], "state_reason_en": HOSTILE[0]}
    drivers = [{**DRIVERS[0], "name_zh": HOSTILE[0], "name_en": HOSTILE[4]}]
    warnings = list(HOSTILE)
    city = {"id": "toy", "name_zh": HOSTILE[4], "name_en": HOSTILE[0], "demonstration": True}
    return replace(
        plan,
        parks=plan.parks.assign(
            name_zh=[park_zh[park] for park in plan.parks.index], name_en=HOSTILE[4]
        ),
        districts=plan.districts.assign(name_zh=[HOSTILE[3], HOSTILE[0]], name_en=HOSTILE[5]),
        city=plan.city.assign(name_zh=HOSTILE[4], name_en=HOSTILE[0]),
        roofs=plan.roofs.rename(index={plan.roofs.index[0]: HOSTILE[0]})
        .rename_axis("roof_id")
        .assign(**state, state_evidence=HOSTILE[4], name=HOSTILE[0]),
        goals=goals,
        gap_parks=plan.gap_parks.assign(**said, place_zh=HOSTILE[0], target_method=HOSTILE[4]),
        gap_districts=plan.gap_districts.assign(**said, place_zh=HOSTILE[0]),
        allocation=plan.allocation.assign(
            method=[HOSTILE[0] if chosen else HOSTILE[4] for chosen in plan.allocation["is_chosen"]]
        ),
        compliance=plan.compliance.assign(**said, **missing, name=HOSTILE[0]),
        reconciliation=plan.reconciliation.assign(**said, system_id=HOSTILE[4]),
        rejected=plan.rejected.assign(reason=HOSTILE[0], detail=HOSTILE[4]),
        meta={
            **plan.meta, "warnings": warnings, "city": {**city, "note_zh": HOSTILE[0]},
            "drivers": drivers,
        },
    )  # fmt: skip


def plan_without_register() -> Plan:
    """Return the toy plan as a run without a register leaves it: no installed, no gap."""
    plan = toy_plan()
    blank = dict.fromkeys(
        ("installed_dc_kw", "installed_unlocated_dc_kw", "installed_total_dc_kw",
         "used_potential_fraction", "gap_dc_kw"), np.nan,
    )  # fmt: skip
    levels = {name: getattr(plan, name).assign(**blank) for name in ("parks", "districts", "city")}
    goals = plan.goals.assign(
        installed=np.nan, gap=np.nan, installed_dc_kw=np.nan, gap_dc_kw=np.nan,
        verdict="not_assessable",
    )  # fmt: skip
    return replace(
        plan, **levels, goals=goals, roofs=plan.roofs.assign(installed_dc_kw=np.nan),
        ledger=plan.ledger.iloc[:0],
    )  # fmt: skip

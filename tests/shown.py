"""Plans for the tests of map and pages: hostile names, no register, and where to write them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pvplan.tables import Plan
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


def hostile_plan() -> Plan:
    """Return the toy plan with every text of a file replaced by something hostile."""
    plan = toy_plan()
    park_zh = dict(zip(plan.parks.index, (HOSTILE[0], HOSTILE[1], HOSTILE[2]), strict=True))
    goals = plan.goals.assign(
        name_zh=HOSTILE[0], name_en=HOSTILE[4], clause_zh=HOSTILE[2], clause_en=HOSTILE[1],
        reason_zh=HOSTILE[0], reason_en=HOSTILE[3], goal_source=HOSTILE[4],
        target_method=HOSTILE[0],
    )  # fmt: skip
    warnings = list(HOSTILE)
    city = {"id": "toy", "name_zh": HOSTILE[4], "name_en": HOSTILE[0], "demonstration": True}
    return replace(
        plan,
        parks=plan.parks.assign(
            name_zh=[park_zh[park] for park in plan.parks.index], name_en=HOSTILE[4]
        ),
        districts=plan.districts.assign(name_zh=[HOSTILE[3], HOSTILE[0]], name_en=HOSTILE[5]),
        city=plan.city.assign(name_zh=HOSTILE[4], name_en=HOSTILE[0]),
        roofs=plan.roofs.rename(index={plan.roofs.index[0]: HOSTILE[0]}).rename_axis("roof_id"),
        goals=goals,
        rejected=plan.rejected.assign(reason=HOSTILE[0], detail=HOSTILE[4]),
        meta={**plan.meta, "warnings": warnings, "city": {**city, "note_zh": HOSTILE[0]}},
    )


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

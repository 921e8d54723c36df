"""The columns of every output file as Markdown, from the one place that defines them."""

from __future__ import annotations

from typing import Final

from pvplan.tables import (
    COMPLIANCE,
    GAP,
    GOAL_ALLOCATION,
    GOALS,
    LEDGER,
    LEVEL_DOUBT,
    LEVEL_GOAL,
    LEVEL_HEAD,
    LEVEL_REGISTER,
    PLAN_ROOFS,
    RATIOS,
    RECONCILIATION,
    REJECTED_TOLD,
    Column,
)

SECTIONS: Final[tuple[tuple[str, str, tuple[Column, ...]], ...]] = (
    ("roofs.parquet", "one row for each roof, index `roof_id`, EPSG:4326", PLAN_ROOFS),
    (
        "parks.csv, districts.csv, city.csv",
        "one row for each place: these, then the summing columns of the roofs (S), then the ratios",
        (*LEVEL_HEAD, *LEVEL_REGISTER, *RATIOS, *LEVEL_GOAL, *LEVEL_DOUBT),
    ),
    ("goals.csv", "one row for each goal, level and place", GOALS),
    (
        "gap_parks.csv, gap_districts.csv",
        "the account of each park and district: one row for each goal and place; a goal's roofs",
        GAP,
    ),
    (
        "allocation.csv",
        "how each goal of the city is split: one row for each goal, method, level and place",
        GOAL_ALLOCATION,
    ),
    (
        "compliance.csv",
        "new plants, and those whose day is not known, against their clause",
        COMPLIANCE,
    ),
    ("reconciliation.csv", "what register and roofs do not agree on", RECONCILIATION),
    ("ledger.csv", "one row for each row of the register, index `system_id`", LEDGER),
    (
        "rejected.csv",
        "rows of the inputs that were rejected, altered or not matched",
        REJECTED_TOLD,
    ),
)


def columns_markdown() -> str:
    """Return every column with unit, meaning and whether it sums."""
    lines = ["# Columns", "", "S: sums exactly from roofs to parks, districts and city.", ""]
    lines += ["Every table ends with `run_fingerprint`, the run that the row belongs to.", ""]
    for title, note, columns in SECTIONS:
        lines += [f"## {title}", "", f"{note[0].upper()}{note[1:]}.", ""]
        lines += ["| Column | Unit | 中文 | Meaning | S |", "|---|---|---|---|---|"]
        lines += [
            f"| `{column.name}` | {column.unit} | {column.zh} | {_meaning(column)} |"
            f" {'S' if column.sums else ''} |"
            for column in columns
        ]
        lines.append("")
    return "\n".join(lines)


def _meaning(column: Column) -> str:
    return f"{column.en}: {', '.join(column.values)}" if column.values else column.en

"""Which columns each table that goes out carries, and the one form in which they are held.

Everything that is written, and everything that is read back, passes through
:func:`canonical`: text is ``str`` with missing as NaN, numbers are float64, counts int64 (or
``Int64`` where one is missing), dates datetime64, flags bool (``boolean`` where they may be
missing). So a file that is read back equals the plan that was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
from pandas.api import types

from pvplan.errors import TableError
from pvplan.reports.runfile import jsonable
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
    Kind,
    Plan,
)

KINDS: Final[tuple[str, ...]] = get_args(Kind)
DATE_TYPE: Final = "datetime64[s]"
LEVEL: Final = (
    *LEVEL_HEAD,
    *(column for column in PLAN_ROOFS if column.sums),
    *LEVEL_REGISTER,
    *RATIOS,
    *LEVEL_GOAL,
    *LEVEL_DOUBT,
)


@dataclass(frozen=True)
class Shape:
    """What one table of a plan is called, is indexed by, holds, and where it is found.

    ``keys`` name the columns that tell the rows of a table without an index apart.
    """

    name: str
    index: Column | None
    columns: tuple[Column, ...]
    zh: str
    en: str
    where: str
    spatial: bool = False
    keys: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file that holds the whole table."""
        return "roofs.parquet" if self.name == "roofs" else f"{self.name}.csv"


def _id(name: str, zh: str, en: str) -> Column:
    return Column(name, "text", "", zh, en)


SHAPES: Final = {
    shape.name: shape
    for shape in (
        Shape("roofs", _id("roof_id", "屋顶编号", "Roof id"), (*PLAN_ROOFS, *RATIOS),
              "屋顶", "Roofs", "roofs.parquet; plan.gpkg: roofs; plan.xlsx: Roofs", spatial=True),
        Shape("parks", _id("park_id", "园区编号", "Park id"), LEVEL,
              "园区", "Parks", "parks.csv; plan.gpkg: parks; plan.xlsx: Parks", spatial=True),
        Shape("districts", _id("district_id", "区编号", "District id"), LEVEL,
              "区", "Districts", "districts.csv; plan.gpkg: districts; plan.xlsx: Districts",
              spatial=True),
        Shape("city", _id("city_id", "城市编号", "City id"), LEVEL,
              "全市", "City", "city.csv; plan.xlsx: Summary"),
        Shape("goals", None, GOALS, "目标", "Goals", "goals.csv; plan.xlsx: Goals",
              keys=("goal_id", "level", "place_id")),
        Shape("gap_parks", None, GAP, "园区差距台账", "Gap by park",
              "gap_parks.csv; plan.xlsx: Gap by park", keys=("goal_id", "place_id")),
        Shape("gap_districts", None, GAP, "各区差距台账", "Gap by district",
              "gap_districts.csv; plan.xlsx: Gap by district", keys=("goal_id", "place_id")),
        Shape("allocation", None, GOAL_ALLOCATION, "目标分解", "Allocation",
              "allocation.csv; plan.xlsx: Allocation",
              keys=("goal_id", "method", "level", "district_id", "place_id")),
        Shape("compliance", None, COMPLIANCE, "新建厂房条款核查", "Clause check",
              "compliance.csv; plan.xlsx: Clause check", keys=("roof_id",)),
        Shape("reconciliation", None, RECONCILIATION, "登记核对", "Reconciliation",
              "reconciliation.csv; plan.xlsx: Reconciliation",
              keys=("finding", "system_id", "roof_id")),
        Shape("ledger", _id("system_id", "系统编号", "System id"), LEDGER,
              "登记册", "Register", "ledger.csv"),
        Shape("rejected", None, REJECTED_TOLD, "未用数据行", "Rows not used as given",
              "rejected.csv", keys=("input", "row", "reason")),
    )
}  # fmt: skip


def tables_of(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return the tables of a plan by name, in the order of :data:`SHAPES`."""
    return {name: getattr(plan, name) for name in SHAPES}


def described(name: str, table: pd.DataFrame) -> tuple[Column, ...]:
    """Return what is known of each column of a table, index first, geometry left out.

    Parameters
    ----------
    name
        Name of the table, a key of :data:`SHAPES`.
    table
        The table; a column that the dictionary does not know is described by its type.
    """
    shape = SHAPES[name]
    known = {column.name: column for column in shape.columns}
    head = () if shape.index is None else (shape.index,)
    body = (str(word) for word in table.columns if word != "geometry")
    return (*head, *(known.get(word) or _guessed(word, table[word]) for word in body))


def _guessed(name: str, values: pd.Series[Any]) -> Column:
    kind: Kind = "text"
    if types.is_bool_dtype(values.dtype):
        kind = "flag"
    elif types.is_integer_dtype(values.dtype):
        kind = "count"
    elif types.is_float_dtype(values.dtype):
        kind = "number"
    elif types.is_datetime64_any_dtype(values.dtype):
        kind = "date"
    return Column(name, kind, "", "(未说明)", "(not described)", nullable=True)


def unknown_kinds(plan: Plan) -> dict[str, dict[str, str]]:
    """Return the columns the dictionary does not know: table to column to kind.

    ``run.json`` keeps them, because a CSV file cannot say what its columns hold.
    """
    found: dict[str, dict[str, str]] = {}
    for name, table in tables_of(plan).items():
        known = {column.name for column in SHAPES[name].columns}
        extra: dict[str, str] = {
            item.name: item.kind for item in described(name, table)[_heads(name) :]
        }
        strange = {word: kind for word, kind in extra.items() if word not in known}
        if strange:
            found[name] = strange
    return found


def _heads(name: str) -> int:
    return 0 if SHAPES[name].index is None else 1


def canonical(plan: Plan) -> Plan:
    """Return the plan in the one form in which it is written and read back.

    Tables with an index are sorted by it; empty text is missing text where it may be missing;
    a MultiPolygon of one part is that Polygon; ``meta`` holds what JSON knows. No number is
    changed.

    Raises
    ------
    TableError
        A number is infinite, which no sheet can hold, or an id stands twice; all are listed.
    """
    faults = [fault for name, table in tables_of(plan).items() for fault in _faults(name, table)]
    if faults:
        raise TableError(faults)
    words: dict[str, Any] = {}
    for name, table in tables_of(plan).items():
        columns = described(name, table)[_heads(name) :]
        words[name] = canonical_table(name, table, columns)
    return replace(plan, **words, meta=jsonable(plan.meta))


def _faults(name: str, table: pd.DataFrame) -> list[str]:
    faults: list[str] = []
    if SHAPES[name].index is not None and table.index.has_duplicates:
        twice = table.index[table.index.duplicated()]
        faults.append(f"{name}: {len(twice)} ids stand twice (first: '{twice[0]}')")
    for word, values in table.items():
        if not types.is_numeric_dtype(values.dtype) or types.is_bool_dtype(values.dtype):
            continue
        wrong = np.isinf(values.to_numpy(dtype=np.float64, na_value=np.nan))
        if wrong.any():
            first = table.index[int(wrong.argmax())]
            count = int(wrong.sum())
            faults.append(f"{name}: {word}: {count} rows infinite (first: '{first}'); NaN is meant")
    return faults


def canonical_table(
    name: str, table: pd.DataFrame, columns: tuple[Column, ...]
) -> pd.DataFrame | gpd.GeoDataFrame:
    """Return one table in its written form (see :func:`canonical`); outlines where it has any."""
    shape = SHAPES[name]
    series = {column.name: _typed(table[column.name], column) for column in columns}
    if shape.spatial and "geometry" in table.columns:
        shapes = _single(gpd.GeoSeries(table["geometry"], crs="EPSG:4326"))
        held = gpd.GeoDataFrame({**series, "geometry": shapes}, index=table.index)
    else:
        held = pd.DataFrame(series, index=table.index)
    if shape.index is None:
        return held.reset_index(drop=True)
    held.index = pd.Index(_text(pd.Series(held.index)), name=shape.index.name)
    return held if held.index.is_monotonic_increasing else held.sort_index(kind="stable")


def _single(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    lone = (shapes.geom_type == "MultiPolygon") & (shapes.count_geometries() == 1)
    if not lone.any():
        return shapes
    parts = [shape.geoms[0] if one else shape for shape, one in zip(shapes, lone, strict=True)]
    return gpd.GeoSeries(parts, index=shapes.index, crs=shapes.crs)


def _typed(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    if column.kind == "text":
        text = _text(values)
        return text.mask(text == "") if column.nullable else text.fillna("")
    if column.kind == "date":
        return pd.to_datetime(values).astype(DATE_TYPE)
    if column.kind == "flag":
        return values.astype("boolean" if column.nullable else bool)
    number = pd.to_numeric(values)
    if column.kind == "count" and _whole(number):
        return number.astype("Int64" if number.isna().any() else "int64")
    return number.astype("float64")


def _whole(number: pd.Series[Any]) -> bool:
    present = number.dropna().to_numpy(dtype=np.float64)
    return bool(np.equal(present, np.rint(present)).all())


def _text(values: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return values.astype("str")
    except UnicodeEncodeError:  # half a surrogate pair, as in a file name of unknown encoding
        return values.map(encodable, na_action="ignore").astype("str")


def encodable(text: object) -> str:
    """Return text that UTF-8 can hold; what it cannot hold becomes ``?``."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def columns_read(
    name: str, words: list[str], extra: Mapping[str, Mapping[str, str]]
) -> tuple[Column, ...]:
    """Return what is known of columns read from a file, by their names.

    Parameters
    ----------
    name
        Name of the table.
    words
        The column names, index and geometry left out.
    extra
        What :func:`unknown_kinds` said when the file was written.
    """
    known = {column.name: column for column in SHAPES[name].columns}
    kinds = extra.get(name, {})
    found: list[Column] = []
    for word in words:
        kind: Any = kinds.get(word, "text")
        found.append(known.get(word) or Column(word, kind, "", "", "", nullable=True))
    return tuple(found)

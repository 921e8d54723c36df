"""From rows in metres to roofs: set aside by place, compared with all that they overlap.

What becomes of a footprint depends on those that it shares ground with, on theirs, and so on. Each
such company is cleaned together, by the same functions as a whole file; what shares ground with
nothing is cleaned with its surroundings.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyproj
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pvplan.assumptions import Footprints
from pvplan.partition_rows import (
    Hashes,
    Metres,
    Rows,
    curve,
    finest_cells,
    joint_of,
    pick,
    repeated,
)
from pvplan.partition_spill import ROWS_OF_NOTES, Notes, Spill, as_frame
from pvplan.sources.footprints import (
    AGREED,
    DATES,
    buildings_of,
    facts_of_roofs,
    fates_of,
    tops_of,
)
from pvplan.sources.overlaps import LEAST_SHARED_M2, NOBODY, overlapping, twins
from pvplan.sources.roofs import (
    Roofs,
    Shared,
    notes_left_out,
    roofs_of,
    slivers,
    without_repeats,
)
from pvplan.tables import Floats, Ints
from pvplan.tiles import LEVELS, cells_of, interleaved, leaves

Progress = Callable[[str], None]

ROWS_TOGETHER: Final = 20_000
"""Footprints that are compared at a time, and rows of shared identifiers."""
_ROOM_M: Final = 0.02  # twins are drawn alike to a centimetre only
_TEXTS: Final = tuple(name for name in AGREED if name not in DATES)
_RECORD: Final = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("shared", pa.bool_()),
        ("row", pa.int64()),
        ("part", pa.int64()),
        ("parts", pa.int64()),
        ("unit_id", pa.string()),
        ("label", pa.string()),
        ("rows", pa.list_(pa.int64())),
        ("informed", pa.int64()),
        ("geometry", pa.binary()),
        ("height_m", pa.float64()),
        ("floors", pa.float64()),
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.timestamp("s")) for name in DATES),
    ]
)
_VISIT: Final = pa.schema([("ordinal", pa.int64()), ("geometry", pa.binary())])
_FATE: Final = pa.schema(
    [
        ("row", pa.int64()),
        ("part", pa.int64()),
        ("unit_id", pa.string()),
        ("label", pa.string()),
        ("alive", pa.bool_()),
        ("area_m2", pa.float64()),
        ("reason", pa.string()),
    ]
)


class Places:
    """The plane cut into stretches of a Z-curve, each with at most so many footprints.

    Parameters
    ----------
    codes
        Shape (footprints,): where they lie on the curve.
    most
        Footprints of a stretch.
    """

    def __init__(self, codes: Ints, most: int) -> None:
        code = np.sort(codes)
        self._starts = [
            int(code[first]) >> 2 * (LEVELS - level) << 2 * (LEVELS - level)
            for level, first, _ in leaves(code, most)
        ] or [0]
        self._array = np.array(self._starts, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._starts)

    def of(self, corners: Floats) -> Ints:
        """Return the stretch that each place lies in; what lies before the first is in it."""
        place = np.searchsorted(self._array, curve(corners), side="right") - 1
        return np.maximum(place, 0).astype(np.int64)

    def met(self, bounds: Floats) -> tuple[Ints, Ints]:
        """Return the stretches that boxes meet: position of the box, and stretch, by turns.

        Only boxes that meet more than one are named.
        """
        low, high = self.of(bounds[:, :2]), self.of(bounds[:, 2:])
        # Places of a box lie on the curve between its south-west and its north-east corner.
        several = np.flatnonzero(low != high)
        cells = [np.column_stack(finest_cells(bounds[several][:, at])) for at in ([0, 1], [2, 3])]
        boxes: list[int] = []
        stretches: list[int] = []
        for box, first, last in zip(several.tolist(), *(c.tolist() for c in cells), strict=True):
            found = self._crossed(first, last)
            boxes += [box] * len(found)
            stretches += found
        return np.array(boxes, dtype=np.int64), np.array(stretches, dtype=np.int64)

    def _crossed(self, low: list[int], high: list[int]) -> list[int]:
        """Return the stretches that a box of the finest cells meets."""
        found: set[int] = set()
        waiting = [(0, 0, 0, LEVELS)]
        while waiting:
            column, row, code, depth = waiting.pop()
            span = 1 << 2 * depth
            first = max(bisect_right(self._starts, code) - 1, 0)
            last = max(bisect_right(self._starts, code + span - 1) - 1, 0)
            if first == last:
                found.add(first)
                continue
            half = 1 << (depth - 1)
            for quarter in range(4):
                west, south = column + half * (quarter & 1), row + half * (quarter >> 1)
                apart = west > high[0] or west + half <= low[0]
                if not (apart or south > high[1] or south + half <= low[1]):
                    waiting.append((west, south, code + quarter * (span >> 2), depth - 1))
        return sorted(found)


@dataclass
class Laid:
    """All roofs before they are compared, set aside by the stretch that they lie in.

    Attributes
    ----------
    own, visiting
        By stretch: the roofs whose corner lies there, and the shapes of others that reach in.
    stretch_of
        Shape (roofs,): the stretch of each.
    """

    own: Spill
    visiting: Spill
    stretch_of: Ints


def lay(metres: Metres, crs: pyproj.CRS, work: Path, notes: Notes, tell: Progress) -> Laid:
    """Make roofs of rows, and set them aside by place.

    Parameters
    ----------
    metres
        Usable rows.
    crs
        Of the rows.
    work
        Folder for what is set aside.
    notes
        Takes what becomes of rows.
    tell
        Called with words on how far it is.
    """
    places = Places(metres.codes, ROWS_TOGETHER)
    shared = repeated(metres.hashes)
    joint = joint_of(metres, shared, crs)
    layer = _Layer(places, work, crs, metres, joint, notes)
    piles = max(1, -(-_count_shared(metres.hashes, shared) // ROWS_TOGETHER))
    together: Spill | None = None
    done = 0
    for table in metres.spool.tables():
        place = pick(table, shared)
        if (place >= 0).any():
            together = together or Spill(work / "together.arrow", table.schema)
            mine = table.filter(pa.array(place >= 0))
            together.add(mine, place[place >= 0] % piles)
        layer.add(table.filter(pa.array(place < 0)))
        done += table.num_rows
        tell(f"placing {done}/{metres.spool.rows}")
    if together is not None:
        for pile in together.stored():
            layer.add(together.read(pile))
        together.remove()
    return layer.laid()


def _count_shared(hashes: Hashes, shared: Hashes) -> int:
    return int(np.isin(hashes, shared).sum())


class _Layer:
    def __init__(
        self, places: Places, work: Path, crs: pyproj.CRS, metres: Metres, joint: str, notes: Notes
    ) -> None:
        self._places, self._crs, self._metres = places, crs, metres
        self._joint, self._notes = joint, notes
        self._own = Spill(work / "own.arrow", _RECORD)
        self._visiting = Spill(work / "visiting.arrow", _VISIT)
        self._stretches = [np.empty(0, dtype=np.int64)]
        self._roofs = 0

    def add(self, table: pa.Table) -> None:
        if not table.num_rows:
            return
        rows = Rows.of(table, self._metres, self._crs)
        laid, notes = roofs_of(rows.parts, rows.ids, rows.said, self._joint)
        self._notes.add(notes)
        facts = facts_of_roofs(laid, rows.said, rows.areas_m2)
        ordinal = np.arange(self._roofs, self._roofs + len(laid.shapes))
        self._roofs += len(laid.shapes)
        bounds = shapely.bounds(laid.shapes) + np.array([-1, -1, 1, 1]) * _ROOM_M
        stretch = self._places.of(bounds[:, :2])
        self._stretches.append(stretch)
        records = _records(laid, facts, ordinal)
        self._own.add(records, stretch)
        box, met = self._places.met(bounds)
        away = met != stretch[box]
        seen = records.select(_VISIT.names).take(pa.array(box[away]))
        self._visiting.add(seen, met[away])

    def laid(self) -> Laid:
        return Laid(self._own, self._visiting, np.concatenate(self._stretches))


def _records(laid: Roofs, facts: pd.DataFrame, ordinal: Ints) -> pa.Table:
    """Return what must be known of each roof to compare it with others."""
    count = len(laid.unit_ids)
    size = np.bincount(laid.unit_of_row, minlength=count)
    order = np.argsort(laid.unit_of_row, kind="stable")
    rows_of_unit = np.split(laid.rows[order], np.cumsum(size)[:-1])
    part = pd.Series(laid.unit).groupby(laid.unit).cumcount().to_numpy() + 1
    columns = {
        "ordinal": ordinal,
        "shared": size[laid.unit] > 1,
        "row": np.array([rows[-1] for rows in rows_of_unit], dtype=np.int64)[laid.unit],
        "part": part,
        "parts": np.bincount(laid.unit, minlength=count)[laid.unit],
        "unit_id": laid.unit_ids[laid.unit],
        "label": laid.labels,
        "rows": [rows_of_unit[unit].tolist() for unit in laid.unit],
        "informed": laid.informed,
        "geometry": shapely.to_wkb(laid.shapes),
        **{name: facts[name].to_numpy() for name in facts.columns},
    }
    return pa.table({f.name: pa.array(columns[f.name], f.type, from_pandas=True) for f in _RECORD})


@dataclass
class Outcome:
    """What comes of comparing roofs.

    Attributes
    ----------
    counts
        Sums of ``fates_of`` over the units that were compared.
    shared
        Ground that roofs share still.
    fates
        Roofs of rows with several, by stretch of notes.
    """

    fates: Spill
    counts: dict[str, int] = field(default_factory=dict)
    shared: list[Shared] = field(default_factory=list)

    def count(self, roofs: Roofs) -> None:
        """Add what became of some units."""
        for name, number in fates_of(roofs).items():
            self.counts[name] = self.counts.get(name, 0) + number


def cleaned(
    laid: Laid, rules: Footprints, title: str, crs: pyproj.CRS, notes: Notes, outcome: Outcome,
    work: Path, tell: Progress,
) -> Iterator[gpd.GeoDataFrame]:  # fmt: skip
    """Compare all roofs, and give those that are kept, as BUILDINGS, stretch by stretch.

    Parameters
    ----------
    laid
        All roofs.
    rules, title
        As of ``read_footprints``.
    crs
        Of the roofs.
    notes, outcome
        Take what becomes of rows and roofs.
    work
        Folder for what is set aside.
    tell
        Called with words on how far it is.
    """
    stretches = laid.own.stored()
    moved, home = _companies(laid, rules, tell)
    called = Spill(work / "called.arrow", _RECORD)
    for stretch in np.unique(laid.stretch_of[moved]).tolist():
        table = laid.own.read(stretch)
        place = _place_in(table["ordinal"].to_numpy(), moved)
        called.add(table.filter(pa.array(place >= 0)), home[place[place >= 0]])
    for done, stretch in enumerate(stretches):
        tell(f"comparing {done}/{len(stretches)} places")
        own = laid.own.read(stretch)
        stays = _place_in(own["ordinal"].to_numpy(), moved) < 0
        table = pa.concat_tables([own.filter(pa.array(stays)), called.read(stretch)])
        if table.num_rows:
            yield _compared(table, rules, title, crs, notes, outcome)
    called.remove()


def _place_in(ordinals: Ints, moved: Ints) -> Ints:
    """Return the position of each among the moved, which ascend; -1 for what is not."""
    if not len(moved):
        return np.full(len(ordinals), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(moved, ordinals), len(moved) - 1)
    return np.where(moved[place] == ordinals, place, -1).astype(np.int64)


def _companies(laid: Laid, rules: Footprints, tell: Progress) -> tuple[Ints, Ints]:
    """Find roofs that share ground across stretches, and the one stretch to compare them in.

    Returns
    -------
    ndarray of int, ndarray of int
        Roofs that must go to another stretch, ascending, and that stretch.
    """
    # United rows may begin where none of them does: some stretches are visited only.
    stretches = sorted({*laid.own.stored(), *laid.visiting.stored()})
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for done, stretch in enumerate(stretches):
        tell(f"meeting {done}/{len(stretches)} places")
        pairs.append(_pairs(laid, stretch, rules))
    met = np.concatenate(pairs)
    member, place = np.unique(met, return_inverse=True)
    if not len(member):
        return member, member
    one, other = place.reshape(met.shape).T
    links = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), (len(member),) * 2)
    _, company = connected_components(links, directed=False)
    # The first of a company, in ascending order, says where all of it is compared.
    _, first = np.unique(company, return_index=True)
    home = laid.stretch_of[member[first]][company]
    away = home != laid.stretch_of[member]
    return member[away], home[away]


def _pairs(laid: Laid, stretch: int, rules: Footprints) -> Ints:
    """Return pairs of roofs that share ground in a stretch, or are drawn alike: shape (pairs, 2).

    Of two that meet, both are here where the south-west corner of what they share lies.
    """
    tables = [laid.own.read(stretch).select(_VISIT.names), laid.visiting.read(stretch)]
    table = pa.concat_tables(tables).sort_by("ordinal")
    ordinal = table["ordinal"].to_numpy()
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    real = slivers(shapes, rules) == ""
    ordinal, shapes = ordinal[real], shapes[real]
    met = overlapping(shapes, LEAST_SHARED_M2 / 2.0)
    twin = twins(shapes, np.arange(len(shapes)))
    alike = np.flatnonzero(twin != NOBODY)
    first = np.concatenate([met.first, alike])
    second = np.concatenate([met.second, twin[alike]])
    return np.column_stack([ordinal[first], ordinal[second]])


def _compared(
    table: pa.Table, rules: Footprints, title: str, crs: pyproj.CRS, notes: Notes, outcome: Outcome
) -> gpd.GeoDataFrame:
    records = as_frame(table)
    # As they stand in a whole file: rows that stand alone, then units of several by their id.
    by_id = records["unit_id"].where(records["shared"], "").to_numpy(dtype=object).astype(str)
    row = np.where(records["shared"], 0, records["row"])
    order = np.lexsort((records["part"], by_id, row, records["shared"]))
    records = records.iloc[order].reset_index(drop=True)
    laid = _roofs(records)
    facts = records[["height_m", "floors", *AGREED]]
    found = without_repeats(laid, tops_of(facts, rules), rules)
    notes.add([found.notes])
    outcome.shared.append(replace(found.shared, area_m2=found.shared.area_m2.copy()))
    _settle(found.roofs, found.reason, records, notes, outcome)
    return buildings_of(found.roofs, facts, rules, title, crs)


def _roofs(records: pd.DataFrame) -> Roofs:
    unit, unit_ids = pd.factorize(records["unit_id"], sort=True)
    first = records.drop_duplicates("unit_id")
    rows = first["rows"].explode()
    return Roofs(
        shapes=shapely.from_wkb(records["geometry"].to_numpy()),
        labels=records["label"].to_numpy(dtype=object),
        unit=unit.astype(np.int64),
        alive=np.ones(len(records), dtype=np.bool_),
        unit_ids=np.asarray(unit_ids, dtype=object),
        rows=rows.to_numpy(dtype=np.int64),
        unit_of_row=unit[rows.index.to_numpy()].astype(np.int64),
        informed=records["informed"].to_numpy(),
        holder=np.full(len(records), NOBODY, dtype=np.int64),
    )


def _settle(
    roofs: Roofs,
    reason: np.ndarray[Any, np.dtype[np.object_]],
    records: pd.DataFrame,
    notes: Notes,
    outcome: Outcome,
) -> None:
    """Account for the units that are all here; set aside the roofs of rows with several."""
    area_m2 = shapely.area(roofs.shapes)
    several = records["parts"].to_numpy() > 1
    apart = np.zeros(len(roofs.unit_ids), dtype=np.bool_)
    apart[roofs.unit[several]] = True
    here = roofs.of_units(~apart)
    notes.add(notes_left_out(here, reason[~several], area_m2[~several]))
    outcome.count(here)
    fates = {
        "row": records["row"].to_numpy()[several],
        "part": records["part"].to_numpy()[several],
        "unit_id": records["unit_id"].to_numpy()[several],
        "label": roofs.labels[several],
        "alive": roofs.alive[several],
        "area_m2": area_m2[several],
        "reason": reason[several],
    }
    table = pa.table({f.name: pa.array(fates[f.name], f.type) for f in _FATE})
    outcome.fates.add(table, fates["row"] // ROWS_OF_NOTES)


def fates_spill(work: Path) -> Spill:
    """Return where the roofs of rows with several are set aside."""
    return Spill(work / "fates.arrow", _FATE)


def settle_several(outcome: Outcome, stretch: int) -> list[pd.DataFrame]:
    """Account for the rows with several roofs in a stretch of the file; return notes on them."""
    table = outcome.fates.read(stretch)
    if not table.num_rows:
        return []
    fates = as_frame(table).sort_values(["row", "part"], ignore_index=True)
    unit, unit_ids = pd.factorize(fates["unit_id"], sort=True)
    first = fates.drop_duplicates("unit_id").index.to_numpy()
    roofs = Roofs(
        shapes=np.empty(len(fates), dtype=object),
        labels=fates["label"].to_numpy(dtype=object),
        unit=unit.astype(np.int64),
        alive=fates["alive"].to_numpy(dtype=np.bool_),
        unit_ids=np.asarray(unit_ids, dtype=object),
        rows=fates["row"].to_numpy()[first],
        unit_of_row=unit[first].astype(np.int64),
        informed=np.zeros(len(fates), dtype=np.int64),
        holder=np.full(len(fates), NOBODY, dtype=np.int64),
    )
    outcome.count(roofs)
    return notes_left_out(
        roofs, fates["reason"].to_numpy(dtype=object), fates["area_m2"].to_numpy()
    )


@dataclass(frozen=True)
class Cells:
    """Roofs of a partition by cell: names and first codes of the cells, in Z-order."""

    names: tuple[str, ...]
    starts: Ints

    @staticmethod
    def of(codes: Ints, most: int) -> Cells:
        """Cut the places of roofs, on the Z-curve, into cells of at most so many."""
        code = np.sort(codes)
        names, starts = [], []
        for level, first, _ in leaves(code, most):
            shift = LEVELS - level
            start = int(code[first]) >> 2 * shift
            column, row = _apart(start), _apart(start >> 1)
            names.append(f"{level:02d}-{column:07d}-{row:07d}")
            starts.append(start << 2 * shift)
        return Cells(tuple(names), np.array(starts, dtype=np.int64))

    def place(self, codes: Ints) -> Ints:
        """Return the position of the cell that holds each."""
        return np.searchsorted(self.starts, codes, side="right").astype(np.int64) - 1


def _apart(code: int) -> int:
    """Return every second bit of a place on a Z-curve: its column."""
    return sum(((code >> 2 * bit) & 1) << bit for bit in range(LEVELS))


def codes_of(buildings: gpd.GeoDataFrame) -> Ints:
    """Return the place of each roof's representative point on the Z-curve."""
    return interleaved(*cells_of(shapely.point_on_surface(buildings.geometry.to_numpy())))


def coded(buildings: gpd.GeoDataFrame) -> pa.Table:
    """Return BUILDINGS as they are set aside, with ``roof_id`` and ``code``."""
    columns: Mapping[str, Any] = {
        "code": codes_of(buildings),
        "roof_id": buildings.index.to_numpy(dtype=object),
        **{name: buildings[name].to_numpy() for name in _BUILDING.names[2:] if name != "geometry"},
        "geometry": shapely.to_wkb(buildings.geometry.to_numpy()),
    }
    return pa.table(
        {f.name: pa.array(columns[f.name], f.type, from_pandas=True) for f in _BUILDING}
    )


_BUILDING: Final = pa.schema(
    [
        ("code", pa.int64()),
        ("roof_id", pa.string()),
        ("geometry", pa.binary()),
        ("name", pa.string()),
        ("height_m", pa.float64()),
        ("height_source", pa.string()),
        ("roof_form", pa.string()),
        ("use", pa.string()),
        ("completed_on", pa.timestamp("s")),
        ("source", pa.string()),
        ("started_on", pa.timestamp("s")),
        ("other_renewable", pa.string()),
        ("exempt_reason", pa.string()),
    ]
)
BUILDING: Final = _BUILDING


def uncoded(table: pa.Table, crs: pyproj.CRS) -> gpd.GeoDataFrame:
    """Return BUILDINGS that were set aside, sorted by ``roof_id``."""
    found = as_frame(table).drop(columns="code").set_index("roof_id")
    shapes = shapely.from_wkb(found.pop("geometry").to_numpy())
    found["height_source"] = found["height_source"].astype("str")
    frame = gpd.GeoDataFrame(found, geometry=shapes, crs=crs)
    columns = [name for name in _BUILDING.names if name not in ("code", "roof_id")]
    return frame[columns].sort_index()

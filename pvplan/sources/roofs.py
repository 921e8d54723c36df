"""From rows to roofs: pieces of one building united, several in one row set apart, repeats out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count as count_from
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pvplan.assumptions import Footprints
from pvplan.sources.cleaning import Flags, Geometries, joined
from pvplan.sources.overlaps import NOBODY, Overlaps, overlapping, twins
from pvplan.sources.rejections import noted
from pvplan.sources.towers import nested, shared_still, without_towers
from pvplan.tables import Floats, Ints

_COMPARED: Final = ("height_m", "floors", "name", "roof_form", "use", "completed_on")


@dataclass(frozen=True)
class Roofs:
    """Roofs, and the rows that they came from by way of a unit: all rows that share an id.

    Attributes
    ----------
    shapes, labels, unit
        For each roof: polygon, identifier, and position of its unit.
    alive
        For each roof: whether it is kept.
    unit_ids
        For each unit: its identifier.
    rows, unit_of_row
        For each row: its number and the position of its unit.
    informed
        For each roof: how much its rows say of the height (2 height, 1 floors, 0 nothing).
    holder
        For each roof: position of the roof that it lies inside, or repeats; -1 for none.
    """

    shapes: Geometries
    labels: npt.NDArray[np.object_]
    unit: Ints
    alive: Flags
    unit_ids: npt.NDArray[np.object_]
    rows: Ints
    unit_of_row: Ints
    informed: Ints
    holder: Ints

    def of_units(self, wanted: Flags) -> Roofs:
        """Return the roofs of some units alone; ``wanted`` has shape (units,)."""
        number = np.cumsum(wanted) - 1
        mine, rows = wanted[self.unit], wanted[self.unit_of_row]
        return Roofs(
            shapes=self.shapes[mine],
            labels=self.labels[mine],
            unit=number[self.unit[mine]],
            alive=self.alive[mine],
            unit_ids=self.unit_ids[wanted],
            rows=self.rows[rows],
            unit_of_row=number[self.unit_of_row[rows]],
            informed=self.informed[mine],
            holder=np.full(int(mine.sum()), NOBODY, dtype=np.int64),
        )


def roofs_of(
    parts: gpd.GeoSeries, ids: pd.Series[Any], said: pd.DataFrame, joint: str | None = None
) -> tuple[Roofs, list[pd.DataFrame]]:
    """Unite the rows that share an id, and set apart the polygons of a row that stands alone.

    Parameters
    ----------
    parts
        Valid Polygons in metres; the index is the row number, several times for a MultiPolygon.
    ids
        Identifier of each row.
    said
        What the rows say; only used to note where united rows disagree.
    joint
        What stands between an id and the number of a part; None: the shortest run of ``_`` by
        which no part is called like another row here.

    Returns
    -------
    Roofs, list of DataFrame
        All roofs, alive; and notes on the rows that were united or set apart.
    """
    unit_of_row, unit_ids = pd.factorize(ids, sort=True)
    count = len(unit_ids)
    alone = np.bincount(unit_of_row, minlength=count)[unit_of_row] == 1
    polygons, row_of_part = parts.to_numpy(), ids.index.get_indexer(parts.index)
    together = ~alone[row_of_part]
    shared = np.unique(unit_of_row[~alone])
    position = np.searchsorted(shared, unit_of_row[row_of_part[together]])
    united = joined(polygons[together], position, len(shared))
    single, single_row = polygons[~together], row_of_part[~together]
    unit = np.concatenate([unit_of_row[single_row], shared])
    several = np.bincount(single_row, minlength=len(ids)) > 1
    labels = _labels(unit_ids, unit, single_row, several, joint)
    informed = np.where(said["height_m"].notna(), 2, np.where(said["floors"].notna(), 1, 0))
    of_unit = np.zeros(count, dtype=np.int64)
    np.maximum.at(of_unit, unit_of_row, informed)
    laid = Roofs(
        shapes=np.concatenate([single, united]),
        labels=labels,
        unit=unit,
        alive=np.ones(len(unit), dtype=np.bool_),
        unit_ids=np.asarray(unit_ids, dtype=object),
        rows=ids.index.to_numpy(),
        unit_of_row=unit_of_row,
        informed=of_unit[unit],
        holder=np.full(len(unit), NOBODY, dtype=np.int64),
    )
    return laid, [_notes_apart(laid, several), _notes_together(laid, said, ~alone)]


def _labels(
    unit_ids: pd.Index[Any], unit: Ints, single_row: Ints, several: Flags, joint: str | None
) -> npt.NDArray[np.object_]:
    labels = np.asarray(unit_ids, dtype=object)[unit]
    at = np.flatnonzero(several[single_row])
    if not len(at):
        return labels
    number = pd.Series(single_row[at]).groupby(single_row[at]).cumcount().to_numpy() + 1
    taken = set(unit_ids)
    for length in count_from(1):
        named = part_labels(labels[at], number, joint or "_" * length)
        if joint is not None or taken.isdisjoint(named):
            break
    labels[at] = named
    return labels


def part_labels(ids: Iterable[str], parts: Iterable[int], joint: str) -> list[str]:
    """Return what the parts of rows are called, by the row's id and the number of the part."""
    return [f"{name}{joint}{part}" for name, part in zip(ids, parts, strict=True)]


def _notes_apart(laid: Roofs, several: Flags) -> pd.DataFrame:
    ids = laid.unit_ids[laid.unit_of_row]
    parts = np.bincount(laid.unit, minlength=len(laid.unit_ids))[laid.unit_of_row]
    return noted(
        laid.rows[several], ids[several], done="altered",
        reason=[f"{count} separate polygons in one row" for count in parts[several]],
        detail="each became a roof",
    )  # fmt: skip


def _notes_together(laid: Roofs, said: pd.DataFrame, shared: Flags) -> pd.DataFrame:
    unit = laid.unit_of_row[shared]
    size = np.bincount(laid.unit_of_row, minlength=len(laid.unit_ids))
    disagreed = _disagreements(said[shared], unit)
    return noted(
        laid.rows[shared], laid.unit_ids[unit], done="altered",
        reason=[f"{size[one]} rows share this id" for one in unit],
        detail=[f"united into one building{disagreed.get(one, '')}" for one in unit],
    )  # fmt: skip


def _disagreements(said: pd.DataFrame, unit: Ints) -> dict[Any, str]:
    told: dict[Any, str] = {}
    for column in _COMPARED:
        seen = pd.DataFrame({"unit": unit, "value": said[column].to_numpy()}).dropna()
        seen = seen.drop_duplicates()
        several = seen[seen["unit"].duplicated(keep=False)]
        kept = "the largest" if column in ("height_m", "floors") else "that of the largest piece"
        for one, values in several.groupby("unit")["value"].agg(list).to_dict().items():
            words = " | ".join(sorted(_written(value) for value in values))
            told[one] = f"{told.get(one, '')}; {column}: {words}, {kept} kept"
    return told


def _written(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Shared:
    """Ground that kept roofs share: the area of each pair, m², and the pair that shares most."""

    area_m2: Floats
    most: tuple[float, str, str] | None

    @staticmethod
    def of(pairs: Overlaps, labels: npt.NDArray[np.object_]) -> Shared:
        """Gather pairs of roofs; of equal areas, that of the lesser names counts as most."""
        if not len(pairs.area_m2):
            return Shared(pairs.area_m2, None)
        largest = np.flatnonzero(pairs.area_m2 == pairs.area_m2.max())
        named = (sorted((labels[pairs.first[at]], labels[pairs.second[at]])) for at in largest)
        one, other = min(named)
        return Shared(pairs.area_m2, (float(pairs.area_m2.max()), one, other))


def shared_warning(found: Iterable[Shared], title: str) -> tuple[str, ...]:
    """Say how much ground is counted twice; nothing where none is."""
    gathered = [one for one in found if one.most is not None]
    if not gathered:
        return ()
    count = sum(len(one.area_m2) for one in gathered)
    # Summed exactly, so that the order of the pairs does not matter.
    area_m2 = math.fsum(area for one in gathered for area in one.area_m2)
    _, name, other = min((-one.most[0], *one.most[1:]) for one in gathered if one.most)
    return (
        f"{title}: {count} pairs of footprints overlap by {area_m2:.1f} m² in all, which is counted"
        f" twice (most of all '{name}' and '{other}')",
    )


@dataclass(frozen=True)
class Compared:
    """Roofs set against each other.

    Attributes
    ----------
    roofs
        With ``alive`` and ``holder`` set, podiums without the ground of towers.
    reason
        Why a roof is left out; an empty text where it is kept.
    notes
        On podiums, whose ground is counted with the towers on them.
    shared
        Ground that roofs share still.
    """

    roofs: Roofs
    reason: npt.NDArray[np.object_]
    notes: pd.DataFrame
    shared: Shared


def without_repeats(laid: Roofs, top_m: Floats, rules: Footprints) -> Compared:
    """Leave out slivers, footprints drawn twice, and footprints inside another.

    A footprint inside another that is known to be a storey taller or more stays: it is a tower,
    and its ground is taken from the other's.

    Parameters
    ----------
    laid
        All roofs.
    top_m
        Shape (roofs,): height that each roof's own rows say, m; NaN where they say none.
    rules
        Smallest area and width, the share that counts as inside, the height of a storey.
    """
    reason = slivers(laid.shapes, rules)
    # Units stand in the order of their ids: only labels that are no ids must be sorted.
    plain = (laid.labels == laid.unit_ids[laid.unit]).all()
    by_label = laid.unit if plain else laid.labels.astype(str)
    rank = np.empty(len(laid.labels), dtype=np.int64)
    rank[np.lexsort((by_label, -laid.informed))] = np.arange(len(laid.labels))

    holder = laid.holder.copy()

    def strike(found: Ints, among: Ints, why: str) -> None:
        hit = found != NOBODY
        holder[among[hit]] = among[found[hit]]
        reason[among[hit]] = [why.format(other) for other in laid.labels[among[found[hit]]]]

    left = np.flatnonzero(reason == "")
    strike(twins(laid.shapes[left], rank[left]), left, "the same polygon as '{}'")
    left = np.flatnonzero(reason == "")
    pairs = overlapping(laid.shapes[left])
    found = nested(laid.shapes[left], top_m[left], rank[left], pairs, rules)
    strike(found.held, left, "lies inside '{}', where its area is counted")
    shapes = laid.shapes.copy()
    shapes[left] = without_towers(laid.shapes[left], found)
    podium, tower = left[found.podium], left[found.tower]
    reason[podium] = slivers(shapes[podium], rules)
    carried = reason[podium] == ""
    gone, at = np.unique(podium[~carried], return_index=True)
    reason[gone] = [
        f"taller '{name}' stands on it; of the rest: {why}"
        for name, why in zip(laid.labels[tower[~carried][at]], reason[gone], strict=True)
    ]
    kept = replace(laid, shapes=shapes, alive=reason == "", holder=holder)
    notes = _notes_podiums(kept, podium[carried], tower[carried])
    rest = shared_still(shapes[left], pairs.among(reason[left] == ""), found)
    return Compared(kept, reason, notes, Shared.of(rest, laid.labels[left]))


def _notes_podiums(kept: Roofs, podium: Ints, tower: Ints) -> pd.DataFrame:
    row_of_unit = np.zeros(len(kept.unit_ids), dtype=np.int64)
    row_of_unit[kept.unit_of_row] = kept.rows
    return noted(
        row_of_unit[kept.unit[podium]], kept.labels[podium], done="altered",
        reason=[f"'{name}' stands on it and is taller" for name in kept.labels[tower]],
        detail="its ground is counted there",
    )  # fmt: skip


def slivers(shapes: Geometries, rules: Footprints) -> npt.NDArray[np.object_]:
    """Say of polygons in metres that are too small or too thin why; an empty text else."""
    area, rim = shapely.area(shapes), shapely.length(shapes)
    width = np.divide(2.0 * area, rim, out=np.zeros_like(area), where=rim > 0.0)
    reason = np.full(len(shapes), "", dtype=object)
    thin, small = width < rules.min_width_m, area < rules.min_area_m2
    reason[thin] = [
        f"sliver: mean width {value:.2f} m is below {rules.min_width_m:g} m"
        for value in width[thin]
    ]
    reason[small] = [
        f"sliver: area {value:.2f} m² is below {rules.min_area_m2:g} m²" for value in area[small]
    ]
    return reason


def notes_left_out(
    kept: Roofs, reason: npt.NDArray[np.object_], area_m2: Floats
) -> list[pd.DataFrame]:
    """Reject the rows of which nothing is left; note the parts that a row lost.

    Parameters
    ----------
    kept
        Roofs, all parts of a row among them.
    reason, area_m2
        Shape (roofs,): why a roof is left out, and the area of each.
    """
    count = len(kept.unit_ids)
    alive = np.bincount(kept.unit[kept.alive], minlength=count) > 0
    # Of a row that lost all its parts, the largest part says why.
    dead = np.flatnonzero(~kept.alive)
    by_size = dead[np.argsort(area_m2[dead], kind="stable")]
    why = np.full(count, "", dtype=object)
    why[kept.unit[by_size]] = reason[by_size]
    gone = ~alive[kept.unit_of_row]
    unit = kept.unit_of_row[gone]
    lost = dead[alive[kept.unit[dead]]]
    row_of_unit = np.zeros(count, dtype=np.int64)
    row_of_unit[kept.unit_of_row] = kept.rows
    return [
        noted(kept.rows[gone], kept.unit_ids[unit], reason=why[unit], done="rejected"),
        noted(row_of_unit[kept.unit[lost]], kept.labels[lost], reason=reason[lost], done="altered",
              detail="this part of the row was left out"),
    ]  # fmt: skip

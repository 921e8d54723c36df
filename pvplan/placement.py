"""Where the rows of a register stand: ids, names and places to candidates, and one choice a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import RegisterRules
from pvplan.city import likeness, matching
from pvplan.city.matching import UNKNOWN
from pvplan.errors import InputError
from pvplan.register_case import Case, Near
from pvplan.tables import Floats, Ints

Flags = npt.NDArray[np.bool_]
DECISIONS: Final = ("accepted", "rejected")


@dataclass(frozen=True)
class Placement:
    """What was found for each row; arrays of shape (rows,).

    ``spots`` holds the roofs of each row that has any; ``park`` is a position or -1 and
    ``counted`` tells that roof, park or "outside every park" is known. ``matched_by`` as in
    LEDGER. ``district`` is known beside it where a tie's roofs share one. ``rival`` is a candidate
    (position in ``pairs``) that was not taken, or -1.
    """

    pairs: pd.DataFrame
    choice: matching.Choice
    spots: dict[int, list[int]]
    park: Ints
    district: npt.NDArray[np.object_]
    counted: Flags
    matched_by: npt.NDArray[np.object_]
    score: Floats
    zh: npt.NDArray[np.object_]
    en: npt.NDArray[np.object_]
    ambiguous: Flags
    rival: Ints


def place(
    case: Case, by_place: Near, decisions: pd.DataFrame | None, rules: RegisterRules
) -> Placement:
    """Score every candidate and choose.

    Parameters
    ----------
    case
        With the coordinates that are believed.
    by_place
        The roofs near these (:func:`pvplan.register_case.nearby`).
    decisions
        See :class:`pvplan.reconcile.Context`.
    rules
        Weights and thresholds.

    Returns
    -------
    Placement

    Raises
    ------
    InputError
        A decision cannot be read; all of them are listed.
    """
    count = len(case.register)
    accepted, refused, refused_parks = _decisions(decisions, case)
    home = case.rows.park.copy()
    home[home == UNKNOWN] = case.park_at[home == UNKNOWN]
    by_name = _by_name(case, by_place, home, rules)
    pairs = matching.candidates(case.by_id, by_place, by_name)
    keys = zip(pairs["row"].tolist(), pairs["roof"].tolist(), strict=True)
    listed = pairs["row"].isin(case.lists).to_numpy()
    keep = [key not in refused for key in keys] if refused else np.ones(len(pairs), dtype=bool)
    pairs = pairs[np.asarray(keep, dtype=bool) & ~listed].reset_index(drop=True)
    pairs = matching.scored(pairs, case.rows, case.roofs, rules)
    choice = matching.choose(pairs, count, rules)
    found = _chosen(case, pairs, choice, rules)
    _listed_rows(found, case, refused, rules)
    _refused_parks(found, refused_parks)
    _parks_only(found, case, home, refused_parks, rules)
    _accepted(found, accepted)
    return found


def _by_name(case: Case, by_place: Near, home: Ints, rules: RegisterRules) -> Near:
    """Compare names: with the roofs found otherwise, else with those of the row's park."""
    own = case.register.get("name", pd.Series(None, index=case.register.index, dtype=object))
    # An id that is no roof's may be a building's name.
    text = own.where(own.notna() | pd.Series(case.ids_known, index=own.index),
                     case.register["roof_id"])  # fmt: skip
    words = text.where(text.notna(), "").astype(str).to_numpy(dtype=object)
    titled = case.building_names != ""
    rows = np.concatenate([case.by_id[0], by_place[0]])
    roofs = np.concatenate([case.by_id[1], by_place[1]])
    named = (words[rows] != "") & titled[roofs]
    both = np.unique(np.stack([rows[named], roofs[named]], axis=1), axis=0)
    alike = likeness.ratios(words[both[:, 0]].tolist(), case.building_names[both[:, 1]].tolist())
    sure = alike >= rules.name_min_ratio
    lost = np.setdiff1d(np.flatnonzero((words != "") & (home != UNKNOWN)), rows)
    near = np.flatnonzero(titled & (case.roofs.park != UNKNOWN)) if len(lost) else lost
    who, which, ratio = likeness.most_alike(
        words[lost].tolist(), home[lost], case.building_names[near].tolist(),
        case.roofs.park[near], rules.name_min_ratio,
    )  # fmt: skip
    return (
        np.concatenate([both[sure, 0], lost[who]]),
        np.concatenate([both[sure, 1], near[which]]),
        np.concatenate([alike[sure], ratio]),
    )


def _chosen(
    case: Case, pairs: pd.DataFrame, choice: matching.Choice, rules: RegisterRules
) -> Placement:
    count = len(case.register)
    sure = np.flatnonzero(choice.decided)
    at = choice.best[sure]
    roof = pairs["roof"].to_numpy()
    zh, en = (np.full(count, None, dtype=object) for _ in range(2))
    zh[sure], en[sure] = matching.reasons(pairs, at, rules)
    score = np.full(count, np.nan)
    score[sure] = pairs["score"].to_numpy()[at]
    kind = pairs["id_kind"].to_numpy()[at] > 0
    near = pairs["distance_m"].notna().to_numpy()[at]
    by = np.full(count, "none", dtype=object)
    by[sure] = np.select([kind, near], ["roof_id", "coordinates"], "name")
    park = np.full(count, UNKNOWN)
    park[sure] = case.roofs.park[roof[at]]
    spots = {int(row): [int(one)] for row, one in zip(sure, roof[at], strict=True)}
    tied = (choice.best >= 0) & ~choice.decided
    rival = np.where(tied, choice.best, np.where(choice.contested, choice.second, UNKNOWN))
    counted = choice.decided.copy()
    found = Placement(
        pairs,
        choice,
        spots,
        park,
        np.full(count, None, dtype=object),
        counted,
        by,
        score,
        zh,
        en,
        tied | choice.contested,
        rival,
    )
    _tied_within_a_park(found, case, tied, rules)
    return found


def _tied_within_a_park(found: Placement, case: Case, tied: Flags, rules: RegisterRules) -> None:
    """Count a tie at the park that all its candidates share; "outside" is such a park too."""
    if not tied.any():
        return
    row, score = found.pairs["row"].to_numpy(), found.pairs["score"].to_numpy()
    best = np.where(found.choice.best >= 0, score[found.choice.best], np.nan)
    level = np.flatnonzero(tied[row] & (score > best[row] - rules.tie_margin))
    seen: dict[int, set[tuple[int, str | None]]] = {}
    roofs = found.pairs["roof"].to_numpy()[level].tolist()
    for who, roof in zip(row[level].tolist(), roofs, strict=True):
        home = case.districts[roof]
        seen.setdefault(who, set()).add(
            (int(case.roofs.park[roof]), None if pd.isna(home) else str(home))
        )
    for who, homes in seen.items():
        parks, districts = {park for park, _ in homes}, {district for _, district in homes}
        if len(districts) == 1:
            found.district[who] = next(iter(districts))
        # Outside every park the district must do.
        if len(parks) == 1 and (len(districts) == 1 or UNKNOWN not in parks):
            why = ("几处屋顶同样可能，均在此园区", "roofs of this park are equally likely")
            _at_park(found, who, parks.pop(), float(best[who]), why)


def _at_park(
    found: Placement, row: int, park: int, score: float, why: tuple[str, str]
) -> None:  # fmt: skip
    found.park[row], found.counted[row], found.matched_by[row] = park, True, "park"
    found.score[row] = round(score, 6)
    found.zh[row], found.en[row] = why


def _listed_rows(
    found: Placement, case: Case, refused: set[tuple[int, int]], rules: RegisterRules
) -> None:
    """Place the rows that list several roofs: on all of them, if each is known."""
    for row, (every, missing) in case.lists.items():
        roofs = [roof for roof in every if (row, roof) not in refused]
        parks = {int(case.roofs.park[roof]) for roof in roofs}
        if roofs and not missing:
            found.spots[row] = roofs
            found.counted[row], found.matched_by[row] = True, "roof_id"
            found.score[row] = rules.id_exact_weight
            found.park[row] = parks.pop() if len(parks) == 1 else UNKNOWN
            found.zh[row] = f"登记列出{len(roofs)}处屋顶，均已找到"
            found.en[row] = f"{len(roofs)} roofs are listed and all are known"
        elif roofs:
            found.ambiguous[row] = True
            if len(parks) == 1:
                why = (f"所列屋顶有{missing}处未找到", f"{missing} of the roofs listed are unknown")
                _at_park(found, row, parks.pop(), rules.park_only_weight, why)


def _refused_parks(found: Placement, refused: Iterable[tuple[int, int]]) -> None:
    for row, park in refused:
        if found.matched_by[row] == "park" and found.park[row] == park and park != UNKNOWN:
            found.park[row], found.counted[row], found.matched_by[row] = UNKNOWN, False, "none"
            found.zh[row] = found.en[row] = None


def _parks_only(
    found: Placement, case: Case, home: Ints, refused: Iterable[tuple[int, int]],
    rules: RegisterRules,
) -> None:  # fmt: skip
    """Count at its park each row whose roof is unknown."""
    no = set(refused)
    for row in np.flatnonzero(~found.counted & (home != UNKNOWN)).tolist():
        if (row, int(home[row])) in no:
            continue
        ratio = case.park_ratio[row]
        if case.rows.park[row] == UNKNOWN:
            why = ("坐标在园区内", "coordinates in the park")
        elif ratio >= likeness.SAME:
            why = ("园区名称一致", "same park name")
        else:
            why = (f"园区名称相似度{ratio:.0f}%", f"park names {ratio:.0f} % alike")
        share = ratio / likeness.SAME if case.rows.park[row] != UNKNOWN else 1.0
        _at_park(found, row, int(home[row]), rules.park_only_weight * share, why)


Decided = dict[int, tuple[list[int], int]]


def _decisions(
    decisions: pd.DataFrame | None, case: Case
) -> tuple[Decided, set[tuple[int, int]], set[tuple[int, int]]]:
    """Return accepted roofs and park by row, refused pairs of row and roof, of row and park."""
    accepted: Decided = {}
    refused: tuple[set[tuple[int, int]], set[tuple[int, int]]] = (set(), set())
    if decisions is None or not len(decisions):
        return accepted, *refused
    at = {str(key): row for row, key in enumerate(case.register.index)}
    roof_at = {str(key): roof for roof, key in enumerate(case.roof_ids)}
    park_at = {str(key): park for park, key in enumerate(case.park_ids)}
    said: dict[tuple[object, ...], str] = {}
    faults: list[str] = []
    columns = ("system_id", "roof_id", "park_id", "decision")
    for number, (system, roof, park, word) in enumerate(
        zip(*(decisions[name].tolist() for name in columns), strict=True), start=1
    ):
        pair = (str(system), None if pd.isna(roof) else str(roof),
                None if pd.isna(park) or pd.notna(roof) else str(park))  # fmt: skip
        fault = _fault(pair, word, said)
        if fault is not None:
            faults.append(f"decisions: row {number}: {fault}")
            continue
        said[pair] = word
        row = at.get(pair[0])
        if row is None:
            continue  # the system left the register: there is nothing to decide
        spot = roof_at.get(pair[1], UNKNOWN) if pair[1] is not None else UNKNOWN
        home = park_at.get(pair[2], UNKNOWN) if pair[2] is not None else UNKNOWN
        if word == "accepted":
            roofs, where = accepted.setdefault(row, ([], UNKNOWN))
            accepted[row] = (roofs + [spot] * (pair[1] is not None), max(where, home))
        else:
            refused[0].add((row, spot))
            refused[1].add((row, home))
    if faults:
        raise InputError(faults)
    return accepted, *refused


def _fault(
    pair: tuple[str, str | None, str | None], word: object, said: dict[tuple[object, ...], str]
) -> str | None:
    if word not in DECISIONS:
        return f"decision '{word}' is unknown; write {' or '.join(DECISIONS)}"
    if pair[1] is None and pair[2] is None:
        return f"system '{pair[0]}': neither roof_id nor park_id; name one"
    if said.get(pair, word) != word:
        return f"system '{pair[0]}' with '{pair[1] or pair[2]}' is both accepted and rejected"
    return None


def _accepted(found: Placement, accepted: Decided) -> None:
    for row, (roofs, park) in accepted.items():
        gone = UNKNOWN in roofs or (not roofs and park == UNKNOWN)
        found.spots.pop(row, None)
        found.ambiguous[row], found.rival[row] = False, UNKNOWN
        found.counted[row] = not gone
        found.matched_by[row] = "none" if gone else "decision"
        found.score[row] = np.nan if gone else 1.0
        found.park[row] = UNKNOWN if gone or roofs else park
        found.zh[row] = "人工确认的屋顶或园区已不存在" if gone else "人工确认"
        found.en[row] = (
            "the roof or park that a person accepted is not there"
            if gone
            else "a person's decision"
        )
        if roofs and not gone:
            found.spots[row] = sorted(set(roofs))

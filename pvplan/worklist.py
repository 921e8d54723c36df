"""What is suspect in a register: one row a finding, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pvplan.assumptions import RegisterRules
from pvplan.city import likeness, repeats
from pvplan.city.datum_votes import Verdict
from pvplan.city.matching import UNKNOWN
from pvplan.placement import Placement
from pvplan.register_case import Case
from pvplan.tables import FINDINGS, RECONCILIATION, Ints, names
from pvplan.weighing import Parts, WorkList, weigh

SHOWN: Final = 5  # of the rows that repeat each other, so many are named


def told(
    case: Case, found: Placement, parts: Parts, verdict: Verdict, candidates: Ints,
    as_of: date | None, dc_ac_ratio: float | None, rules: RegisterRules,
) -> tuple[pd.DataFrame, dict[int, str], dict[int, float]]:  # fmt: skip
    """Tell every finding.

    Parameters
    ----------
    case, found, parts
        The register, where it stands, and its systems by roof.
    verdict, candidates
        Of the datum, and shape (rows,): the roof that the shifted coordinates fit, or -1.
    as_of, dc_ac_ratio
        None: not looked at.
    rules
        What is believed.

    Returns
    -------
    table, errors, possible
        RECONCILIATION, ordered by system and kind; for each row (position) that counts nowhere
        the sentence that says why, in English; and where that is not all of its capacity, what
        it may yet add when it is mended, kW.

    Raises
    ------
    InputError
        The unit of the whole file is wrong.
    """
    gathered = WorkList(case, found)
    errors: dict[int, str] = {}
    spot, title = _spots(gathered)
    again = _twins(gathered, spot, title)
    weigh(gathered, parts, errors, again, dc_ac_ratio, rules)
    possible = {
        at: float(found["suggested_kw"])
        for at, found in zip(gathered.at, gathered.rows, strict=True)
        if at in errors and found["suggested_kw"] is not None
    } | dict.fromkeys(again, 0.0)
    _places(gathered, errors)
    _datums(gathered, verdict, candidates, rules)
    _repeats(gathered, errors, again, (spot, title), rules)
    _dates(gathered, as_of, rules)
    table = pd.DataFrame(gathered.rows, columns=names(RECONCILIATION))
    rank = {word: number for number, word in enumerate(FINDINGS)}
    keys = pd.DataFrame(
        {"system": table["system_id"].astype(str), "rank": table["finding"].map(rank)}
    )
    table = table.iloc[np.lexsort((keys["rank"], keys["system"]))] if len(table) else table
    table = pd.concat([_file_row(verdict, rules), table], ignore_index=True)
    for name in ("row", "score", "stated_kw", "suggested_kw"):
        table[name] = table[name].astype(np.float64)
    for name in (
        "finding",
        "system_id",
        "roof_id",
        "park_id",
        "reason_zh",
        "reason_en",
        "severity",
    ):
        words = table[name].astype(object)
        table[name] = words.where(words.notna(), None)
    return table[names(RECONCILIATION)], errors, possible


def _places(into: WorkList, errors: dict[int, str]) -> None:
    case, found = into.case, into.found
    roof_of, score_of = found.pairs["roof"].to_numpy(), found.pairs["score"].to_numpy()
    for row in np.flatnonzero(found.ambiguous).tolist():
        rival, best = int(found.rival[row]), int(found.choice.best[row])
        counted = bool(found.counted[row])
        if row in found.spots:
            other, own = case.roof_ids[roof_of[rival]], case.roof_ids[found.spots[row][0]]
            why = (f"屋顶编号为 {own}，但坐标、名称或园区更符合 {other}",
                   f"the id says roof {own}, but place, name or park suit {other}")  # fmt: skip
        elif rival == UNKNOWN:
            missing = case.lists[row][1]
            why = (f"所列屋顶有{missing}处未找到，容量未分摊到屋顶",
                   f"{missing} of the roofs listed are unknown: not parted")  # fmt: skip
        else:
            second = int(found.choice.second[row])
            one, other = (case.roof_ids[roof_of[at]] for at in (best, second))
            why = (f"屋顶 {one} 与 {other} 同样可能，需人工确认",
                   f"roofs {one} and {other} are equally likely: decide by hand")  # fmt: skip
        if rival == UNKNOWN:
            into.add("ambiguous", row, why, "doubt" if counted else "error")
        else:
            into.add("ambiguous", row, why, "doubt" if counted else "error",
                     roof=int(roof_of[rival]), score=float(score_of[rival]))  # fmt: skip
        if not counted:
            errors[row] = why[1]
    words = {name: case.register[name].tolist() for name in ("roof_id", "park")}
    for row in np.flatnonzero(~found.counted & ~found.ambiguous).tolist():
        why = _unplaced({name: texts[row] for name, texts in words.items()})
        if found.en[row] is not None:
            why = (str(found.zh[row]), str(found.en[row]))
        into.add("unmatched", row, why, "error")
        errors[row] = why[1]


def _unplaced(words: Mapping[str, Any]) -> tuple[str, str]:
    seen = [f"{word} '{text}'" for word, text in words.items() if pd.notna(text)]
    what = ", ".join(seen) or "no roof id, no park"
    return (
        f"找不到对应的屋顶或园区（{what}；坐标缺失或附近没有屋顶）：未计入，请补全该行",
        f"no roof or park found ({what}; coordinates match no roof or are missing): not counted,"
        " complete the row",
    )


def _datums(into: WorkList, verdict: Verdict, candidates: Ints, rules: RegisterRules) -> None:
    for row in np.flatnonzero(verdict.of_row != "").tolist():
        datum, roof = verdict.of_row[row], int(candidates[row])
        place = f" {into.case.roof_ids[roof]}" if roof != UNKNOWN else ""
        why = (
            f"坐标只有按 {datum.upper()} 纠偏后才落在屋顶{place}上",
            f"the coordinates fit a roof{place} only if they are {datum.upper()}, not WGS84",
        )
        used = rules.undo_shift and verdict.datum is not None
        into.add("gcj02", row, why, "note" if used else "doubt",
                 roof=roof if roof != UNKNOWN else None)  # fmt: skip


def _file_row(verdict: Verdict, rules: RegisterRules) -> pd.DataFrame:
    columns = names(RECONCILIATION)
    if verdict.datum is None:
        return pd.DataFrame(columns=columns)
    total, plain, after, only = verdict.counts
    datum = verdict.datum.upper()
    done = ("已自动纠偏", "the shift was undone") if rules.undo_shift else (
        f"坐标未采用，请以 --datum {verdict.datum} 重新读取",
        f"they are not used: read the register with --datum {verdict.datum}",
    )  # fmt: skip
    row: dict[str, Any] = dict.fromkeys(columns)
    row |= {
        "finding": "gcj02",
        "score": round(after / total, 6),
        "reason_zh": f"{total} 行有坐标：按 WGS84 相符 {plain} 行，按 {datum} 相符 {after} 行，"
        f"仅按 {datum} 相符 {only} 行；{done[0]}",
        "reason_en": f"of {total} rows with coordinates {plain} fit as WGS84, {after} as {datum},"
        f" {only} only as {datum}; {done[1]}",
        "severity": "note" if rules.undo_shift else "doubt",
    }
    return pd.DataFrame([row], columns=columns)


def _spots(into: WorkList) -> tuple[Ints, Ints]:
    """Return a number for the roofs and one for the name of each row, -1 for none."""
    register = into.case.register
    spot = np.full(len(register), UNKNOWN)
    places: dict[tuple[int, ...], int] = {}
    for row, roofs in into.found.spots.items():
        spot[row] = places.setdefault(tuple(roofs), len(places))
    words = register.get("name", pd.Series(None, index=register.index, dtype=object))
    title = pd.factorize(words.where(words.notna()).map(likeness.plain, na_action="ignore"))[0]
    return spot, title.astype(np.int64)


def _repeats(
    into: WorkList, errors: dict[int, str], again: Mapping[int, int],
    known: tuple[Ints, Ints], rules: RegisterRules,
) -> None:  # fmt: skip
    case, (spot, title) = into.case, known
    group = repeats.duplicates(
        case.rows.capacity_dc_kw, spot, title, _days(case.register), case.rows.points, rules
    )
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(group >= 0).tolist():
        members.setdefault(int(group[row]), []).append(row)
    for rows in members.values():
        for row in rows:
            if row in again:
                first_id = into.systems[again[row]]
                why = (
                    f"与 {first_id} 的屋顶、名称、容量和日期完全相同：未计入，确非重复的请人工确认",
                    f"the same roof, name, capacity and days as {first_id}: not counted; accept it"
                    " by hand if it is another system",
                )
                into.add("duplicate", row, why, "error")
                errors.setdefault(row, why[1])
                continue
            others = [other for other in rows if other != row and other not in again]
            if not others:
                why = ("另有相同的登记项，只计此项", "entered again in other rows: this one counts")
                into.add("duplicate", row, why, "note")
                continue
            first = [into.systems[other] for other in others[:SHOWN]]
            into.add("duplicate", row, _repeat_words(first, len(others)), "doubt")


def _twins(into: WorkList, spot: Ints, title: Ints) -> dict[int, int]:
    """Return the rows that repeat an earlier one in every fact, each with the first of its kind.

    What a person accepted is no repetition; nor is a row without a day, or without a roof.
    """
    filed, commissioned = _days(into.case.register)
    kw, status = into.case.rows.capacity_dc_kw, into.case.register["status"].tolist()
    first: dict[tuple[Any, ...], int] = {}
    found = {}
    known = (spot >= 0) & ~np.isnat(commissioned) & (into.found.matched_by != "decision")
    rows = np.flatnonzero(known)
    # Few rows share roof, capacity and day: only these are compared in full.
    same = pd.DataFrame({"spot": spot, "kw": kw, "day": commissioned}).iloc[rows]
    for row in rows[same.duplicated(keep=False).to_numpy()].tolist():
        facts = (int(spot[row]), int(title[row]), float(kw[row]), status[row], str(filed[row]),
                 str(commissioned[row]), str(into.case.rows.points[row]))  # fmt: skip
        if facts in first:
            found[row] = first[facts]
        else:
            first[facts] = row
    return found


def _repeat_words(others: Sequence[str], count: int) -> tuple[str, str]:
    shown = ", ".join(others)
    more = count - len(others)
    return (
        f"与 {shown}{f' 等 {count} 行' if more > 0 else ''} 的位置、容量和日期"
        "（或名称）相同，可能重复登记；均已计入",
        f"same place, capacity and dates (or name) as {shown}"
        f"{f' and {more} more' if more > 0 else ''}: may be one system entered again; all count",
    )


def _days(register: pd.DataFrame) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.datetime64]]:
    filed, commissioned = (
        register[name].to_numpy(dtype="datetime64[D]") for name in ("filed_on", "commissioned_on")
    )
    return filed, commissioned


def _dates(into: WorkList, as_of: date | None, rules: RegisterRules) -> None:
    filed, commissioned = _days(into.case.register)
    live = (into.case.register["status"] == "commissioned").to_numpy(dtype=bool)
    kind, on_day = repeats.filed_as_commissioned(filed, commissioned, rules)
    for row in np.flatnonzero(kind != "").tolist():
        why = _day_words(str(kind[row]), commissioned[row], filed[row], int(on_day[row]))
        into.add("filed_as_commissioned", row, why, "doubt")
    for row in np.flatnonzero(live & np.isnat(commissioned)).tolist():
        why = ("已并网但无并网日期：计入，但不计入增速",
               "commissioned, but no date: it counts, but in no pace")  # fmt: skip
        into.add("no_date", row, why, "doubt")
    if as_of is None:
        return
    today = np.datetime64(as_of, "D")
    for row in np.flatnonzero((commissioned > today) | (filed > today)).tolist():
        day = commissioned[row] if commissioned[row] > today else filed[row]
        why = (f"日期 {day} 晚于评估日期 {today}", f"{day} lies after the day of the plan, {today}")
        # Of a day in the past the register simply knows more.
        into.add("future_date", row, why, "note")


def _day_words(
    kind: str, commissioned: np.datetime64, filed: np.datetime64, on_day: int
) -> tuple[str, str]:
    if kind == "before":
        return (f"并网日期 {commissioned} 早于备案日期 {filed}，两者可能填反",
                f"commissioned on {commissioned}, before its filing on {filed}")  # fmt: skip
    if kind == "bulk":
        return (f"{commissioned} 当日有 {on_day} 行备案即并网，该日期可能是备案日期",
                f"{on_day} rows were filed and commissioned on {commissioned}: it may be the day of"
                " filing")  # fmt: skip
    return (f"并网日期与备案日期同为 {commissioned}（当日共 {on_day} 行），可能误用备案日期",
            f"commissioned on the day of filing, {commissioned} ({on_day} rows on that day): the"
            " day of filing may stand for it")  # fmt: skip

"""What is said of rows stands in Chinese too."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from pvplan.assumptions import load
from pvplan.reports.phrases import TABLE, in_chinese, with_chinese
from pvplan.sources.footprints import read_footprints
from pvplan.sources.register import read_register
from pvplan.tables import REJECTED, REJECTED_TOLD, names

PHRASES = tomllib.loads(TABLE.read_text(encoding="utf-8"))["phrase"]
FILES = (
    "bld_shanghai_lujiazui_osm/buildings.geojson",
    "bld_shenzhen_nanshan/nanshan-building.geojson",
    "bld_suzhou_oldtown/bd_demo_2.json",
    "bld_shanghai_siping_cityscope/Buildings.shp",
)


@pytest.mark.parametrize("file", FILES)
def test_every_reason_of_real_files_has_chinese(shared_data: Path, file: str) -> None:
    reasons = read_footprints(shared_data / file, load().footprints).rejected["reason"].unique()
    assert len(reasons)
    assert [reason for reason in reasons if in_chinese(reason) is None] == []


def test_every_reason_of_a_bad_register_has_chinese(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "system_id,roof_id,capacity_dc_kw,status,filed_on,commissioned_on\n"
        "a,r,100,commissioned,2020-01-01,2020-02-01\n"
        "a,r,200,commissioned,2020-01-01,2020-02-01\n"
        "a,r,100,commissioned,2020-01-01,2020-02-01\n"
        "b,r,many,commissioned,,2020-02-01\n"
        "c,r,-5,commissioned,,2020-02-01\n"
        "d,r,,commissioned,,2020-02-01\n"
        "e,r,100,dreaming,,2020-02-01\n"
        "f,r,100,commissioned,2021-05-05,2020-02-01\n"
        "g,r,100,commissioned,,2020-02\n"
        "h,r,100,commissioned,,soon\n"
        "i,r,100,commissioned,,1890-02-01\n",
        encoding="utf-8",
    )
    rejected = read_register(path, load().register, dc_ac_ratio=1.2).rejected
    assert len(rejected) >= 9
    assert [reason for reason in rejected["reason"] if in_chinese(reason) is None] == []


@pytest.mark.parametrize(("english", "chinese"), PHRASES)
def test_a_phrase_uses_the_groups_it_has(english: str, chinese: str) -> None:
    groups = re.compile(english).groups
    used = {int(number) for number in re.findall(r"\{(\d)\}", chinese)}
    assert used <= set(range(1, groups + 1))
    assert re.search("[\u4e00-\u9fff]", chinese)


def test_values_are_put_in_as_they_are() -> None:
    assert in_chinese("the same polygon as '{1} 'x' <b>'") == "与“{1} 'x' <b>”的图形完全相同"
    assert in_chinese("something new") is None


def test_a_reason_without_a_phrase_stays_english() -> None:
    row = {"input": "register", "file": "r.csv", "row": 1, "id": "a", "reason": "something new",
           "done": "rejected", "detail": None}  # fmt: skip
    told = with_chinese(pd.DataFrame([row])[names(REJECTED)])
    assert list(told.columns) == names(REJECTED_TOLD)
    assert list(told["reason_zh"]) == ["something new"]

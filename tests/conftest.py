"""What the tests share: the real files, where present."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import pytest
from hypothesis import settings

from pvplan.assumptions import Assumptions, load
from pvplan.roof.weather import Base
from pvplan.tables import Plan
from tests import toy

ROOT = Path(__file__).resolve().parents[1]
# Examples are not timed: benchmarks are.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def absent(reason: str) -> None:
    """Skip, or fail where the run must be complete (PVPLAN_COMPLETE=1)."""
    if os.environ.get("PVPLAN_COMPLETE") == "1":
        pytest.fail(f"must not be skipped here: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real test files beside the repository (or $PVPLAN_SHARED_DATA)."""
    folder = Path(os.environ.get("PVPLAN_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        absent(f"real test files are not beside the repository ({folder.name} is missing)")
    return folder


@pytest.fixture(scope="session")
def assumptions() -> Assumptions:
    """Every default."""
    return load()


@pytest.fixture(scope="session")
def toy_base() -> Base:
    """The bundled base year, prepared."""
    return toy.base()


@pytest.fixture
def toy_buildings() -> gpd.GeoDataFrame:
    """BUILDINGS of the toy city (12 roofs)."""
    return toy.buildings()


@pytest.fixture
def toy_roofs() -> gpd.GeoDataFrame:
    """ROOFS of the toy city by the defaults."""
    return toy.roofs()


@pytest.fixture(scope="session")
def toy_city_plan() -> Plan:
    """The Plan of the toy city by the defaults; do not change it."""
    return toy.plan()

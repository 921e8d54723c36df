"""What the tests share: the real files, where present."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from hypothesis import settings

from pvplan import gather
from pvplan.assumptions import Assumptions, load
from pvplan.roof.weather import Base
from pvplan.run import BUNDLED, run_folder
from pvplan.tables import Plan
from tests import toy

ROOT = Path(__file__).resolve().parents[1]
# No example is timed. By default few, the same in every run; --hypothesis-profile thorough: many.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=33)
settings.register_profile("thorough", deadline=None, derandomize=False, max_examples=300)
settings.load_profile("ci")


def examples(count: int, **more: Any) -> settings:
    """Let a property be tried on a third of ``count`` examples; in profile ``thorough`` thrice."""
    few = settings.get_current_profile_name() == "ci"
    return settings(max_examples=max(5, count // 3) if few else 3 * count, **more)


# A matrix over languages costs one in make test; test_ui shows every page in both.
each_language = pytest.mark.parametrize(
    "language", ["zh", pytest.param("en", marks=pytest.mark.long)]
)


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


def once(tmp: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """Return a folder that is filled once for all processes that test; read it only."""
    root = tmp.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, filled = root / name, root / f"{name}.filled"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not filled.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            filled.touch()
    return folder


@pytest.fixture(scope="session")
def bundled_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the bundled city's run; read it only."""

    def fill(folder: Path) -> None:
        run_folder(BUNDLED / "shanghai", folder / "shanghai", date(2026, 11, 22))

    return once(tmp_path_factory, "bundled", fill) / "shanghai"


@pytest.fixture(scope="session", autouse=True)
def weather_once() -> Iterator[None]:
    """Read and scan weather of the same bytes once: nearly every run takes the bundled year."""
    scanned, kept = gather._scanned, dict[tuple[Path, bytes, str | None], Any]()

    def remembered(file: Path, label: str | None) -> Any:
        if not file.is_file():
            return scanned(file, label)
        key = (file, file.read_bytes(), label)
        if key not in kept:
            kept[key] = scanned(file, label)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "_scanned", remembered)
        yield


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

"""Light over a place under the base year: what orientations yield, and what a horizon takes.

Places are nodes at fixed steps of longitude and latitude, so what a roof gets never depends on
which other roofs are computed with it. Tables are made when first asked for, and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, Final, TypeVar

import numpy as np

from pvplan.assumptions import Assumptions
from pvplan.roof import generation, shading, weather
from pvplan.tables import Floats, Ints, Sky, Sun
from pvplan.yield_table import (
    Kind,
    Known,
    Places,
    azimuth_nodes_and_weights,
    orientations,
)

T = TypeVar("T")
LEVEL: Final = Kind(0.0, False, fixed_azimuth=180.0)
Node = tuple[int, int]


class Light:
    """The sun of a base year, its sky at a GHI ratio of 1, and tables made from both.

    Parameters
    ----------
    base
        The base year.
    assumptions
        Weather, system, module, layout and shading rules are read.
    """

    def __init__(self, base: weather.Base, assumptions: Assumptions) -> None:
        self._base = base
        self._assumptions = assumptions
        self._made: dict[Any, Any] = {}
        self._lock = Lock()
        self.yields: Known = {}
        """What orientations yield at the nodes computed so far (pvplan.yield_table)."""

    @property
    def places(self) -> int:
        """How many places something is kept of."""
        return len({key[0] for key in list(self.yields)})

    def nodes_of(self, where: Places) -> tuple[tuple[Node, ...], Ints]:
        """Return the light nodes that roofs use, and each roof's position among them."""
        step = self._step_deg
        place = np.stack([np.rint(where.longitude / step), np.rint(where.latitude / step)], axis=1)
        distinct, position = np.unique(place.astype(np.int64), axis=0, return_inverse=True)
        nodes = tuple((int(east), int(north)) for east, north in distinct)
        return nodes, position.reshape(-1).astype(np.int64)

    @property
    def _step_deg(self) -> float:
        return self._assumptions.weather.node_size_deg / 2.0

    def level_year(self, node: Node) -> Any:
        """Return the share of a year's beam on a level plane by azimuth bin and elevation."""

        def make() -> Any:
            sky, sun = self._sky(node)
            up = np.maximum(np.cos(np.radians(sun.apparent_zenith)), 0.0)
            beam = (sky.dni * up)[:, None]
            months = self._table(sky, sun, beam)[0]
            weight: Floats = np.bincount(sky.month, weights=beam[:, 0], minlength=12).astype(float)
            return shading.year_table(months, weight)

        return self._once(("level", node), make)

    def year_yield(self, node: Node, kind: Kind, azimuth: Floats) -> Floats:
        """Return the year's AC energy of one kW of a kind at some azimuths [kWh/kW]."""
        count = len(kind.azimuths(self._assumptions.weather.azimuth_step_deg))
        nodes, weights = azimuth_nodes_and_weights(azimuth, count)
        energy = np.zeros(count)
        used = np.unique(nodes[weights != 0.0])
        made = self._each(("yield", node, kind), used, partial(self._energies, node, kind))
        energy[used] = made
        found: Floats = (energy[nodes] * weights).sum(axis=1)
        return found

    def _energies(self, node: Node, kind: Kind, chosen: Ints) -> list[float]:
        sky, sun = self._sky(node)
        month = generation.monthly(
            sky,
            sun,
            orientations(kind, self._latitude(node), self._assumptions).at(chosen),
            self._assumptions.system,
            self._assumptions.module,
            dc_ac_ratios=np.array([self._assumptions.system.dc_ac_ratio]),
            shaded=True,
        )
        energy: list[float] = np.nansum(month.energy[0], axis=1).tolist()
        return energy

    def beam_tables(
        self, node: Node, kind: Kind, azimuth: Floats
    ) -> tuple[Any, Floats, tuple[Ints, Ints, Floats]]:
        """Return shading tables of a kind, and between which two of them each azimuth lies.

        Parameters
        ----------
        node, kind
            Place and kind.
        azimuth
            Shape (n,), degrees.

        Returns
        -------
        tables, bend, (first, second, share)
            float32 (tables, bins, elevations, 12); (tables,), as in :class:`generation.Beam`;
            (n,) positions and the weight of the second.
        """
        count = len(kind.azimuths(self._assumptions.weather.azimuth_step_deg))
        place = azimuth % 360.0 / (360.0 / count) if count > 1 else np.zeros(len(azimuth))
        first = np.floor(place).astype(np.int64) % count
        second, share = (first + 1) % count, place - np.floor(place)
        used = np.unique(np.concatenate([first, second[share > 0.0]]))
        made = self._each(("beam", node, kind), used, partial(self._beams, node, kind))
        at = np.minimum(np.searchsorted(used, second), len(used) - 1)
        tables, bend = zip(*made, strict=True)
        between = (np.searchsorted(used, first), at.astype(np.int64), share)
        return np.stack(tables), np.array(bend), between

    def _beams(self, node: Node, kind: Kind, chosen: Ints) -> list[Any]:
        sky, sun = self._sky(node)
        planes = orientations(kind, self._latitude(node), self._assumptions).at(chosen)
        system, module = self._assumptions.system, self._assumptions.module
        beam = generation.beam_hours(sky, sun, planes, system, module)
        return list(zip(self._table(sky, sun, beam.hours), beam.bend.tolist(), strict=True))

    def _each(self, key: Any, chosen: Ints, make: Callable[[Ints], list[T]]) -> list[T]:
        """Return one value for each chosen azimuth node, made together where they are new."""
        with self._lock:
            new = [int(one) for one in chosen if (key, int(one)) not in self._made]
        made = make(np.array(new, dtype=np.int64)) if new else []
        with self._lock:
            for one, value in zip(new, made, strict=True):
                self._made.setdefault((key, one), value)
            return [self._made[key, int(one)] for one in chosen]

    def _table(self, sky: Sky, sun: Sun, beam: Floats) -> Any:
        elevation = 90.0 - sun.apparent_zenith
        bins = self._assumptions.shading.azimuth_bins
        return shading.beam_table(sun.azimuth, elevation, sky.month, beam, bins)

    def _latitude(self, node: Node) -> float:
        return node[1] * self._step_deg

    def _sky(self, node: Node) -> tuple[Sky, Sun]:
        def make() -> tuple[Sky, Sun]:
            base, rules = self._base, self._assumptions.weather
            longitude = node[0] * self._step_deg
            sun = weather.sun_over(base.times, self._latitude(node), longitude, base.altitude_m)
            return weather.scaled(base, sun, np.ones(12), rules), sun

        return self._once(("sky", node), make)

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        """Make a value when first asked for; two threads may make it twice, never differently."""
        with self._lock:
            if key in self._made:
                found: T = self._made[key]
                return found
        value = make()
        with self._lock:
            kept: T = self._made.setdefault(key, value)
        return kept

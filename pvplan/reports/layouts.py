"""Every module of chosen roofs, drawn: GeoJSON for maps, DXF for designers. Sunniest first.

Both name the run they belong to, hold no clock, and are written whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TextIO

import ezdxf
import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from ezdxf.document import Drawing
from ezdxf.enums import TextEntityAlignment
from ezdxf.filemanagement import new
from ezdxf.layouts.layout import Modelspace

from pvplan.errors import OutputError, TableError
from pvplan.reports.columns import encodable
from pvplan.reports.runfile import jsonable
from pvplan.reports.words import BANNER, one_line
from pvplan.tables import Floats

NUMBERS: Final = ("energy_ac_kwh_per_year", "surface_tilt", "surface_azimuth")
TEXTS: Final = ("roof_id", "module_id", "mounting")
PROPERTIES: Final = ("rank", *TEXTS, "row", *NUMBERS)
LAYERS: Final = {"PV_MODULES": 5, "ROOF": 7, "SETBACK": 3, "OBSTRUCTIONS": 1, "TEXT": 8}
"""Layer to colour (AutoCAD's index)."""
APPLICATION: Final = "PVPLAN"
_DEGREE_DECIMALS: Final = 9  # 0.1 mm
_METRE_DECIMALS: Final = 4
_METRES: Final = 6  # $INSUNITS
_TEXT_M: Final = 1.0  # height of letters
_LONGEST_TEXT: Final = 252  # bytes, before the mark of a cut: an XDATA string holds 255
_COMMAND: Final = re.compile("%%|\\\\(?=[UM]\\+)")
_OPTIONS: Any = ezdxf.options  # type: ignore[attr-defined]
_FIXED: Final = threading.Lock()


def write_layout_geojson(modules: gpd.GeoDataFrame, path: Path, meta: Mapping[str, Any]) -> None:
    """Write modules as GeoJSON (RFC 7946): EPSG:4326, sunniest first, one module to a line.

    Parameters
    ----------
    modules
        Projected CRS in metres. Columns roof_id, module_id (unique on its roof), rank (1 = the
        sunniest of its roof), energy_ac_kwh_per_year, surface_tilt and surface_azimuth [°],
        mounting, row, geometry (a Polygon without holes, in plan).
    path
        The file.
    meta
        Of the run: ``fingerprint``, ``as_of``, ``city`` with ``demonstration``. They stand in the
        member ``pvplan`` beside the features.

    Raises
    ------
    TableError
        A column is missing, or a module has no such outline.
    OutputError
        The file cannot be written; what stood there before still stands.
    """
    ordered = _checked(modules)
    degrees = shapely.orient_polygons(ordered.to_crs(4326).geometry.to_numpy(), exterior_cw=False)
    rounded = shapely.transform(degrees, lambda places: np.round(places, _DEGREE_DECIMALS))
    head = {**_about(ordered, meta), "layout_crs": ordered.crs.to_string()}
    with _whole(path) as staged, staged.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write('{"type": "FeatureCollection",\n')
        stream.write(f'"pvplan": {_json(head)},\n"features": [')
        for at, (words, shape) in enumerate(zip(_properties(ordered), rounded, strict=True)):
            told = f'"properties": {_json(words)}, "geometry": {_polygon(shape)}'
            stream.write(f'{"," if at else ""}\n{{"type": "Feature", {told}}}')
        stream.write("\n]}\n")


def write_layout_dxf(
    modules: gpd.GeoDataFrame,
    outlines: gpd.GeoSeries,
    usable: gpd.GeoSeries,
    obstructions: gpd.GeoSeries,
    path: Path,
    meta: Mapping[str, Any],
) -> None:
    """Write modules and what bounds them as a drawing in metres (DXF R2018, UTF-8).

    Layers are those of :data:`LAYERS`; each ring is a closed LWPOLYLINE. A module carries the name
    and value of each of :data:`PROPERTIES` as XDATA of :data:`APPLICATION`. The drawing's origin
    is moved to whole metres near the roofs; a text says by how much, and in which CRS.

    Parameters
    ----------
    modules, meta
        As for :func:`write_layout_geojson`.
    outlines, usable, obstructions
        Roofs (indexed by ``roof_id``, which is written on them), what of them is inside the
        setback, and what stands on them; in the CRS of the modules. Missing ones are left out.
    path
        The file.

    Raises
    ------
    TableError, OutputError
        As for :func:`write_layout_geojson`; or a layer lies in another CRS.
    """
    ordered = _checked(modules)
    layers = {"ROOF": outlines, "SETBACK": usable, "OBSTRUCTIONS": obstructions}
    _check_crs(ordered, layers)
    origin = _origin([ordered.geometry, *layers.values()])
    # The option stands for the whole library: fixed times and identifiers in place of the clock's.
    with _FIXED, _fixed_identity():
        drawing = _drawing()
        space = drawing.modelspace()
        for layer, shapes in layers.items():
            for ring in _rings(shapes.to_numpy(), origin):
                space.add_lwpolyline(ring, close=True, dxfattribs={"layer": layer})
        _add_modules(space, ordered, origin)
        _add_texts(drawing, ordered, outlines, origin, meta)
        _show_all(drawing, [ordered.geometry, *layers.values()], origin)
        with _whole(path) as staged, _letters(staged, drawing.output_encoding) as stream:
            drawing.write(stream)


def _checked(modules: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return modules by falling energy, over all roofs; equals by rank on their roof and id."""
    lacking = [name for name in (*PROPERTIES, "geometry") if name not in modules.columns]
    if lacking:
        raise TableError([f"modules: {name}: the column is missing" for name in lacking])
    faults = []
    if modules.crs is None or not modules.crs.is_projected:
        faults.append("modules: the CRS is not a projected one in metres")
    shapes = modules.geometry.to_numpy()
    whole = (shapely.get_type_id(shapes) == 3) & ~shapely.is_empty(shapes)  # 3: Polygon
    whole &= shapely.get_num_interior_rings(shapes) == 0
    faults += _said(modules, ~whole, "geometry: no polygon without holes")
    faults += _said(modules, modules.duplicated(["roof_id", "module_id"]), "module_id: comes twice")
    if faults:
        raise TableError(faults)
    texts = {name: modules[name].map(encodable, na_action="ignore") for name in TEXTS}
    plain = modules.assign(**texts)
    keys = plain[["rank", "roof_id", "module_id"]].reset_index(drop=True)
    keys.insert(1, "shade", -plain["energy_ac_kwh_per_year"].to_numpy(dtype=np.float64))
    order = keys.sort_values(["shade", "rank", "roof_id", "module_id"]).index
    return plain.iloc[order.to_numpy()]


def _said(modules: gpd.GeoDataFrame, wrong: npt.ArrayLike, what: str) -> list[str]:
    flags = np.asarray(wrong, dtype=np.bool_)
    if not flags.any():
        return []
    first = modules.iloc[int(np.argmax(flags))]
    return [
        f"modules: {what}: {int(flags.sum())} rows (first: roof '{first['roof_id']}', module"
        f" '{first['module_id']}')"
    ]


def _check_crs(modules: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoSeries]) -> None:
    faults = [
        f"{name.lower()}: lies in {shapes.crs}, the modules in {modules.crs}; bring them together"
        for name, shapes in layers.items()
        if shapes.crs != modules.crs
    ]
    if faults:
        raise TableError(faults)


def _about(modules: gpd.GeoDataFrame, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file says of itself."""
    city = meta.get("city", {})
    return {
        "fingerprint": str(meta.get("fingerprint", "")),
        "demonstration": bool(city.get("demonstration", False)),
        "as_of": str(meta.get("as_of", "")),
        "city": str(city.get("name_zh") or city.get("name_en") or ""),
        "module_count": len(modules),
        "energy_ac_kwh_per_year": float(np.nansum(modules["energy_ac_kwh_per_year"])),
        "units": {"surface_tilt": "°", "surface_azimuth": "° clockwise from north", "rank": "1"},
    }


def _properties(modules: gpd.GeoDataFrame) -> Iterable[dict[str, Any]]:
    columns = [modules[name].tolist() for name in PROPERTIES]
    for values in zip(*columns, strict=True):
        yield dict(zip(PROPERTIES, values, strict=True))


def _polygon(shape: shapely.Polygon) -> str:
    places = shapely.get_coordinates(shape).tolist()
    return json.dumps({"type": "Polygon", "coordinates": [places]})


def _json(value: Any) -> str:
    return encodable(json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False))


@contextmanager
def _letters(path: Path, encoding: str) -> Iterator[TextIO]:
    with path.open("w", encoding=encoding, errors="dxfreplace", newline="\n") as stream:
        yield stream


@contextmanager
def _fixed_identity() -> Iterator[None]:
    before = _OPTIONS.write_fixed_meta_data_for_testing
    _OPTIONS.write_fixed_meta_data_for_testing = True
    try:
        yield
    finally:
        _OPTIONS.write_fixed_meta_data_for_testing = before


def _drawing() -> Drawing:
    drawing = new("R2018", units=_METRES)
    drawing.header["$MEASUREMENT"] = 1  # metric
    drawing.appids.add(APPLICATION)
    # Both fonts come with AutoCAD; the second holds the Chinese letters.
    drawing.styles.add(APPLICATION, font="gbenor.shx", dxfattribs={"bigfont": "gbcbig.shx"})
    for name, colour in LAYERS.items():
        drawing.layers.add(name, color=colour)
    return drawing


def _origin(layers: Iterable[gpd.GeoSeries]) -> Floats:
    """Return the whole metres below everything drawn: a CAD program's digits are few."""
    bounds = _bounds(layers)
    return np.floor(bounds[:2]) if np.isfinite(bounds).all() else np.zeros(2)


def _bounds(layers: Iterable[gpd.GeoSeries]) -> Floats:
    boxes = np.concatenate([shapely.bounds(layer.to_numpy()) for layer in layers])
    placed = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(placed):
        return np.full(4, np.nan)
    return np.concatenate([placed[:, :2].min(axis=0), placed[:, 2:].max(axis=0)])


def _rings(shapes: npt.NDArray[Any], origin: Floats) -> Iterator[list[tuple[float, float]]]:
    """Yield the corners of every ring, each once, in metres from the drawing's origin."""
    for ring in shapely.get_rings(shapely.get_parts(shapes)):
        places = np.round(shapely.get_coordinates(ring)[:-1] - origin, _METRE_DECIMALS)
        yield [(x, y) for x, y in places.tolist()]


def _add_modules(space: Modelspace, modules: gpd.GeoDataFrame, origin: Floats) -> None:
    rings = _rings(modules.geometry.to_numpy(), origin)
    for ring, words in zip(rings, _properties(modules), strict=True):
        drawn = space.add_lwpolyline(ring, close=True, dxfattribs={"layer": "PV_MODULES"})
        told: list[tuple[int, Any]] = []
        for name in (name for name in PROPERTIES if pd.notna(words[name])):
            number = name in NUMBERS
            told += [
                (1000, name),
                (1040, float(words[name])) if number else (1000, _plain(words[name])),
            ]
        drawn.set_xdata(APPLICATION, told)


def _plain(text: object) -> str:
    """Return text as one short line in which no program finds a command of its own."""
    words = _COMMAND.sub(
        lambda found: {"%%": "％％"}.get(found[0], "＼"), one_line(encodable(text))
    )
    coded = words.replace("^", "＾").encode()
    if len(coded) <= _LONGEST_TEXT:
        return coded.decode()
    return f"{coded[:_LONGEST_TEXT].decode(errors='ignore')}…"


def _add_texts(
    drawing: Drawing,
    modules: gpd.GeoDataFrame,
    outlines: gpd.GeoSeries,
    origin: Floats,
    meta: Mapping[str, Any],
) -> None:
    """Name each roof with its modules and energy, and say below the drawing what it is."""
    space = drawing.modelspace()
    attributes = {"layer": "TEXT", "style": APPLICATION}
    energy = modules.groupby("roof_id")["energy_ac_kwh_per_year"].agg(["size", "sum"])
    drawn = outlines[outlines.notna() & ~outlines.is_empty]
    for name, place in zip(drawn.index, drawn.representative_point(), strict=True):
        held = encodable(name) in energy.index
        count, total = energy.loc[encodable(name)] if held else (0, 0.0)
        words = _plain(f"{name}: {count:.0f} 块组件 modules, {total:.0f} kWh/年 kWh/yr")
        text = space.add_text(words, height=_TEXT_M, dxfattribs=attributes)
        at = np.round(np.array([place.x, place.y]) - origin, _METRE_DECIMALS)
        text.set_placement(tuple(at.tolist()), align=TextEntityAlignment.MIDDLE_CENTER)
    about = _about(modules, meta)
    lines = [
        f"{about['city']} {about['as_of']} {about['fingerprint']}".strip(),
        f"{about['module_count']} 块组件 modules,"
        f" {about['energy_ac_kwh_per_year']:.0f} kWh/年 kWh/yr",
        f"CRS: {modules.crs.to_string()}",
        f"east = x + {origin[0]:.0f} m, north = y + {origin[1]:.0f} m",
    ]
    if about["demonstration"]:
        lines.insert(0, BANNER)
    for word in ("fingerprint", "demonstration", "as_of", "city"):
        drawing.header.custom_vars.append(word, _plain(about[word]))
    for number, line in enumerate(lines):
        text = space.add_text(_plain(line), height=_TEXT_M, dxfattribs=attributes)
        text.set_placement((0.0, -2.0 * _TEXT_M * (number + 1)))


def _show_all(drawing: Drawing, layers: Iterable[gpd.GeoSeries], origin: Floats) -> None:
    """Let a program open the drawing with everything in sight."""
    bounds = _bounds(layers)
    if not np.isfinite(bounds).all():
        return
    low, high = bounds[:2] - origin, bounds[2:] - origin
    middle, extent = ((low + high) / 2.0).tolist(), float((high - low).max())
    drawing.set_modelspace_vport(height=extent + 10.0 * _TEXT_M, center=tuple(middle))


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Yield a hidden file beside the path, and put it in its place when it is whole."""
    staged = path.with_name(f".{path.name}.writing-{secrets.token_hex(6)}")
    try:
        yield staged
        with staged.open("rb+") as stream:
            os.fsync(stream.fileno())  # a full disk may show only now
        staged.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise OutputError(
            f"{path}: cannot be written ({why}); see that its folder is there, may be written and"
            " has space, or give another file"
        ) from error
    finally:
        with suppress(OSError):  # a name too long, or below a file: nothing was made
            staged.unlink(missing_ok=True)

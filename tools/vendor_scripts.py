"""Takes the map's scripts from npm: ``python tools/vendor_scripts.py [leaflet=1.9.4 …]``.

Without a version the ones below are taken again, which leaves the tree as it was. A new version
gets a folder of its own: set it below and in ``pvplan/maps/__init__.py``, and drop the older
folder. It wants npm.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "static" / "vendor"


@dataclass(frozen=True)
class Script:
    """What of a package is served: files by their path in it, and what they are owed."""

    version: str
    files: tuple[str, ...]
    licence: str
    note: str


SCRIPTS = {
    "leaflet": Script(
        "1.9.4", ("LICENSE", "dist/leaflet.js", "dist/leaflet.css", "dist/images/"),
        "BSD-2-Clause", "dist/leaflet.js, dist/leaflet.css,\ndist/images and LICENSE",
    ),
    "pmtiles": Script(
        "4.5.0", ("dist/pmtiles.js",), "BSD-3-Clause",
        "dist/pmtiles.js; it holds fflate (MIT).\nThe package carries no licence file; LICENSE is "
        "the one of its source\n(https://github.com/protomaps/PMTiles)",
    ),
}  # fmt: skip
NOTE = """{name} {version}, taken unchanged from the npm package of that name and version
(https://www.npmjs.com/package/{name}/v/{version}): {note}
({licence}). The app serves it itself, so no map asks another host.

sha256
"""


def unpacked(package: tarfile.TarFile, files: tuple[str, ...], folder: Path) -> list[Path]:
    """Write the named files of a package into a folder, without its ``dist``."""
    written = []
    for member in package.getmembers():
        path = member.name.partition("/")[2]
        wanted = any(path == file or (file[-1] == "/" and path.startswith(file)) for file in files)
        stream = package.extractfile(member) if wanted and member.isfile() else None
        if stream is None:
            continue
        target = folder / path.removeprefix("dist/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stream.read())
        written.append(target)
    return sorted(written)


def take(name: str, script: Script) -> None:
    """Fetch one package and write its files and what they are."""
    folder = VENDOR / f"{name}-{script.version}"
    with tempfile.TemporaryDirectory() as place:
        words = ["npm", "pack", "--silent", f"{name}@{script.version}", "--pack-destination", place]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        (packed,) = Path(place).glob("*.tgz")
        with tarfile.open(packed) as package:
            written = unpacked(package, script.files, folder)
    note = NOTE.format(name=name, version=script.version, note=script.note, licence=script.licence)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in reversed(written)
        if path.suffix in (".js", ".css")
    ]
    (folder / "VERSION").write_text(note + "".join(lines), encoding="utf-8")
    if not (folder / "LICENSE").is_file():
        sys.exit(f"{folder}: put its LICENSE here")


def main() -> None:
    """Take every package, each at the version below or the one asked for."""
    asked = dict(word.split("=", maxsplit=1) for word in sys.argv[1:])
    for name, script in SCRIPTS.items():
        version = asked.get(name, script.version)
        take(name, Script(version, script.files, script.licence, script.note))


if __name__ == "__main__":
    main()

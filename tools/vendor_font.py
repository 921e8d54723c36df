"""Makes the app's Chinese web font anew from npm: ``python tools/vendor_font.py [VERSION]``.

It wants npm, and ``pip install fonttools brotli``. @fontsource cuts Noto Sans SC into about a
hundred slices; a table's canvas is drawn once and would not be drawn again for a late slice, so
the slices become one file: every glyph at weight 400, those of GB 2312 at weight 600. A name that
holds a rarer character is written at 600 with the glyph of 400 (``fonts.css``). Takes four minutes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from fontTools import subset
from fontTools.merge import Merger
from fontTools.ttLib import TTFont

PACKAGE = "@fontsource/noto-sans-sc"
VERSION = "5.3.0"
VENDOR = Path(__file__).resolve().parents[1] / "static" / "vendor"
# What a screen font can do without; the slices disagree on them and could not be merged.
DROPPED = ("GSUB", "GPOS", "GDEF", "BASE", "STAT", "prep", "gasp", "vhea", "vmtx")
# Latin, signs, arrows; Chinese punctuation; full-width forms.
SIGNS = (range(0x20, 0x2C00), range(0x3000, 0x3100), range(0xFF00, 0xFFF0))


def gb2312() -> set[int]:
    """Return the code points of GB 2312 and the signs."""
    found = {point for signs in SIGNS for point in signs}
    for first in range(0xA1, 0xF8):
        for second in range(0xA1, 0xFF):
            found.update(map(ord, bytes([first, second]).decode("gb2312", errors="ignore")))
    return found


def fetch(version: str, folder: Path) -> Path:
    """Fetch the package by the npm client; return where it was unpacked."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed")
    order = [npm, "pack", "--silent", f"{PACKAGE}@{version}"]
    subprocess.run(order, cwd=folder, check=True)  # noqa: S603 - no shell
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"


def whole(package: Path, weight: int, folder: Path) -> TTFont:
    """Merge the slices of a weight."""
    slices = []
    for number, path in enumerate(sorted(package.glob(f"files/*-{weight}-normal.woff2"))):
        font = TTFont(path)
        font.flavor = None
        for table in DROPPED:
            if table in font:
                del font[table]
        slices.append(folder / f"{weight}-{number}.ttf")
        font.save(slices[-1])
    return Merger().merge([str(path) for path in slices])


def write(font: TTFont, points: set[int], path: Path) -> None:
    """Write the glyphs of some code points as woff2."""
    options = subset.Options(flavor="woff2", hinting=False, layout_features=[])
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=points)
    chosen.subset(font)
    font.flavor = "woff2"
    font.save(path)


def main() -> None:
    """Make both files, and note the version and the sums."""
    version = sys.argv[1] if len(sys.argv) > 1 else VERSION
    target = VENDOR / f"noto-sans-sc-{version}"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        package = fetch(version, folder)
        shutil.copy(package / "LICENSE", target / "LICENSE")
        for weight in (400, 600):
            font = whole(package, weight, folder)
            every = set(font.getBestCmap())
            points = every if weight == 400 else every & gb2312()
            write(font, points, target / f"noto-sans-sc-{weight}.woff2")
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"
        for path in sorted(target.glob("*.woff2"))
    ]
    told = (
        f"Noto Sans SC, merged by tools/vendor_font.py from the slices of the npm package\n"
        f"{PACKAGE} {version} (OFL-1.1, see LICENSE). The app serves it itself.\n\nsha256\n"
    )
    (target / "VERSION").write_text(told + "\n".join(sums) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Cuts the two font files beside this script out of @fontsource-variable/archivo. Run once per font version:

    apt-get install -y python3-fonttools python3-brotli
    /usr/bin/python3 src/lib/ui/fonts/subset.py

Weight is kept from 400 to 700 and width from 100 to 112: nothing on screen uses more, and the unused
part of the two axes is more than a third of the file. The Welsh letters are a file of their own, which a
browser fetches only when a page shows one of them. Together they must stay within 60 KB.
"""

from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[3] / "node_modules/@fontsource-variable/archivo/files"

LATIN = [
    *range(0x20, 0x7F),
    *range(0xA0, 0x100),
    *map(ord, "ŒœŸ–—‘’‚“”„•…′″€™−"),
]
WELSH = [*map(ord, "ŴŵŶŷẀẁẂẃẄẅỲỳ")]

for name, source, letters, features in (
    ("archivo-latin", "archivo-latin-standard-normal", LATIN, ["kern", "tnum", "liga", "ccmp", "rvrn"]),
    ("archivo-welsh", "archivo-latin-ext-standard-normal", WELSH, ["kern", "ccmp", "rvrn"]),
):
    font = TTFont(SOURCE / f"{source}.woff2")
    font = instantiateVariableFont(font, {"wght": (400, 400, 700), "wdth": (100, 100, 112)})
    options = Options(layout_features=features, flavor="woff2", name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14])
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=letters)
    subsetter.subset(font)
    font.flavor = "woff2"
    target = HERE / f"{name}.woff2"
    font.save(target)
    print(target.name, target.stat().st_size, "bytes")

"""`python -m novic_ros.training.mini.stamps FOLDER`: labelled pictures to calibrate the embedded model on.

Tux Paint's stamps (Debian package `tuxpaint-stamps-default`; GPL, public domain and Creative Commons, see its
copyright file) hold photos of animals, fruit, tools, instruments and vehicles, cut out. They are not ImageNet's,
about a third shows one of ImageNet's kinds, and nobody judges this package by them. Each is put on white and on a
blurred piece of a demo photo, into `FOLDER/white` and `FOLDER/photo`, with a truth.json made from WordNet.
`stamps.tsv` says what they show: file, offset of the WordNet synset, its first word, further right words. Nothing is
trained on these pictures but the four numbers of the calibrator.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from rich.progress import track

from novic_ros.vocabulary import VocabularyError
from novic_ros.vocabulary.hierarchy import WordNet

__all__ = ["STAMPS", "Stamp", "compose", "main", "read_stamps", "truth_record"]

STAMPS = Path(__file__).with_name("stamps.tsv")
SHARE = 0.85  # of the picture's height or width that the object takes
BLUR = 5  # pixels


@dataclass(frozen=True)
class Stamp:
    """One cut-out photo: its file below the stamps' folder, the synset that it shows, and further right words."""

    file: str
    synset: str
    more: tuple[str, ...] = ()


def read_stamps(path: Path = STAMPS) -> list[Stamp]:
    """The table of stamps. Raises VocabularyError for a line that is none."""
    stamps = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split("\t")
        if len(fields) != 4 or not fields[1].isdigit() or len(fields[1]) != 8:
            raise VocabularyError(f"{path}: expected file, offset, word and further words in line {number}, "
                                  f"got {line!r}")
        stamps.append(Stamp(fields[0], fields[1], tuple(word for word in fields[3].split(",") if word)))
    return stamps


def truth_record(wordnet: WordNet, offset: str, more: Sequence[str] = ()) -> dict:
    """What a picture of a synset shows, as `novic evaluate` reads it (evaluation/scores.py)."""
    up = wordnet.ancestors(offset)
    below = _children(wordnet)
    near = [o for child in below.get(offset, ()) for o in (child, *below.get(child, ()))]

    def words(offsets) -> list[str]:
        return sorted({word.lower() for o in offsets for word in wordnet.synsets[o].words})

    steps = range(1, max(up.values()) + 1)
    return {"category": offset, "synonyms": sorted({*words([offset]), *(word.lower() for word in more)}),
            "hypernyms": [words(o for o, distance in up.items() if distance == step) for step in steps],
            "hyponyms": words(near)}


def compose(stamp: Image.Image, background: Image.Image | None, random: np.random.Generator) -> Image.Image:
    """A cut-out RGBA photo in the middle of a 4:3 (or 3:4, or nearly square) picture; background None: white."""
    stamp = stamp.convert("RGBA")
    stamp = stamp.crop(stamp.getchannel("A").getbbox())
    width, height = stamp.size
    size = (400, 300) if width > height else (300, 400)
    if max(width, height) < 1.25 * min(width, height):
        size = (360, 320)
    scale = SHARE * min(size[0] / width, size[1] / height)
    stamp = stamp.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.LANCZOS)
    if background is None:
        picture = Image.new("RGB", size, "white")
    else:
        picture = _piece(background, size, random).filter(ImageFilter.GaussianBlur(BLUR))
    picture.paste(stamp, ((size[0] - stamp.width) // 2, (size[1] - stamp.height) // 2), stamp)
    return picture


def main(argv: list[str] | None = None) -> int:
    """Write both folders; 0, or 2 if stamps, WordNet or backgrounds are missing."""
    parser = argparse.ArgumentParser(prog="python -m novic_ros.training.mini.stamps",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder to write")
    parser.add_argument("--stamps", type=Path, default=Path("/usr/share/tuxpaint/stamps"), help="default %(default)s")
    parser.add_argument("--backgrounds", type=Path, default=Path("demo_photos"), help="photos; default %(default)s")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="default %(default)s")
    args = parser.parse_args(argv)
    try:
        wordnet, stamps = WordNet.read(args.wordnet), read_stamps()
        missing = [stamp.file for stamp in stamps if not (args.stamps / stamp.file).is_file()]
        if missing:
            raise VocabularyError(f"{args.stamps}: expected Tux Paint's stamps, {len(missing)} of {len(stamps)} are "
                                  f"missing, the first is {missing[0]}; apt-get install tuxpaint-stamps-default")
        photos = [Image.open(path).convert("RGB") for path in sorted(args.backgrounds.glob("*.jpg"))]
        if not photos:
            raise VocabularyError(f"{args.backgrounds}: expected JPEG photos for backgrounds, found none")
    except VocabularyError as error:
        print(f"stamps: {error}", file=sys.stderr)
        return 2
    truths = {stamp: truth_record(wordnet, stamp.synset, stamp.more) for stamp in stamps}
    for kind in ("white", "photo"):
        random = np.random.default_rng(0)
        (args.folder / kind).mkdir(parents=True, exist_ok=True)
        records = []
        for stamp in track(stamps, kind, disable=not sys.stderr.isatty()):
            background = None if kind == "white" else photos[random.integers(len(photos))]
            file = stamp.file.replace("/", "_").removesuffix(".png") + ".jpg"
            picture = compose(Image.open(args.stamps / stamp.file), background, random)
            picture.save(args.folder / kind / file, quality=92)
            records.append({"file": file, **truths[stamp]})
        (args.folder / kind / "truth.json").write_text(json.dumps(records) + "\n", encoding="utf-8")
    print(f"{args.folder}: {len(stamps)} pictures of {len({stamp.synset for stamp in stamps})} kinds, twice")
    return 0


def _piece(photo: Image.Image, size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """A random piece of a photo, about a third of it wide, at this size."""
    width = min(photo.width, max(size[0], min(photo.size) // 3))
    height = min(photo.height, width * size[1] // size[0])
    left, top = random.integers(photo.width - width + 1), random.integers(photo.height - height + 1)
    return photo.crop((left, top, left + width, top + height)).resize(size)


_below: dict[int, dict[str, list[str]]] = {}


def _children(wordnet: WordNet) -> dict[str, list[str]]:
    """Offset -> the synsets directly below it; made once for each WordNet."""
    if id(wordnet) not in _below:
        children: dict[str, list[str]] = {}
        for synset in wordnet.synsets.values():
            for above in synset.hypernyms:
                children.setdefault(above, []).append(synset.offset)
        _below[id(wordnet)] = children
    return _below[id(wordnet)]


if __name__ == "__main__":
    sys.exit(main())

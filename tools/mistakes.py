"""Ten typical mistakes of the embedded model, as one picture and as lines for its card.

Labels the photos of a table (tab-separated: photo, what is there, words that would be right, why the model errs), draws
what it says about each, and prints a Markdown table. Made again after every training: a photo that is no longer named
wrongly is reported, so that nothing is shown as a mistake that is none. It chooses no photos.
"""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from novic_ros import images
from novic_ros.cli.contact_sheet import Tile, draw_contact_sheet
from novic_ros.labeller import ImageLabeller, LabellerError
from novic_ros.vocabulary import canonical

__all__ = ["Mistake", "jpeg_below", "main", "read_table"]

ROOT = Path(__file__).resolve().parents[1]
WIDTH, MOST_BYTES = 1600, 300_000  # of the picture


@dataclass(frozen=True)
class Mistake:
    """A photo, what it shows, the canonical words that would be right for it, and why another one is said."""

    photo: Path
    here: str
    right: frozenset[str]
    why: str


def read_table(path: Path, root: Path = ROOT) -> list[Mistake]:
    """The table's lines, photos relative to `root`. Raises ValueError that names the line."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 4 or not all(fields):
            raise ValueError(f"{path}: expected photo, what is there, right words and why in line {number}, got "
                             f"{line!r}")
        found.append(Mistake(root / fields[0], fields[1], frozenset(map(canonical, fields[2].split(","))), fields[3]))
    if not found:
        raise ValueError(f"{path}: expected at least one photo, found none")
    return found


def jpeg_below(picture: Image.Image, most: int = MOST_BYTES) -> bytes:
    """The picture as JPEG of at most so many bytes, as good as that allows. Raises ValueError where nothing does."""
    for quality in range(90, 20, -5):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=quality, optimize=True)
        if data.tell() <= most:
            return data.getvalue()
    raise ValueError(f"picture: expected it to fit into {most} bytes, {data.tell()} are needed; show fewer photos")


def main(argv: list[str] | None = None) -> int:
    """Draw and print; 0, 1 if a photo is named rightly, 2 if something given cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", type=Path, default=ROOT / "docs/mistakes/mistakes.tsv", help="default %(default)s")
    parser.add_argument("--model", default="novic_mini", help="name or folder (default %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/mistakes.jpg", help="default %(default)s")
    args = parser.parse_args(argv)
    try:
        mistakes = read_table(args.table)
        labeller = ImageLabeller(args.model)
        frames = [images.from_file(mistake.photo) for mistake in mistakes]
        labels = [labeller.label([frame])[0] for frame in frames]
    except (OSError, ValueError, images.ImageError, LabellerError) as error:
        print(f"mistakes: {error}", file=sys.stderr)
        return 2
    tiles = [Tile(frame, f"here: {mistake.here}", found) for frame, mistake, found in zip(frames, mistakes, labels)]
    sheet = draw_contact_sheet(tiles, f"{len(tiles)} typical mistakes of {labeller.model_name}",
                               "What it says about photos that it names wrongly, how sure it is, and its next guesses.",
                               "Photos: public domain and CC0, see docs/mistakes/CREDITS.md.", columns=5)
    sheet = sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width)), Image.Resampling.LANCZOS)
    args.output.write_bytes(jpeg_below(sheet))

    print("| there is | it says | score | why |\n|---|---|---|---|")
    right = []
    for mistake, found in zip(mistakes, labels):
        said = f"{found.best.text} | {found.best.score:.2f}" if found.best else "nothing |"
        print(f"| {mistake.here} | {said} | {mistake.why} |")
        if found.best and canonical(found.best.text) in mistake.right:
            right.append(f"{mistake.photo.name} ({found.best.text})")
    if right:
        print(f"mistakes: named rightly, so choose other photos: {', '.join(right)}", file=sys.stderr)
    return 1 if right else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m novic_ros.training.mini.hypernyms FOLDER`: write the table of hypernyms for the decoder in a model folder.

Needs WordNet and wordfreq, as the training of the embedded model does; the table itself needs neither. For another
encoder than the embedded one, `--no-classes`: its nouns then mean their most frequent sense.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from novic_ros.decoding import DecodingError, load
from novic_ros.training.mini import sources
from novic_ros.vocabulary import VocabularyError
from novic_ros.vocabulary.ancestors import HYPERNYMS_FILE
from novic_ros.vocabulary.ancestors_build import build_ancestors
from novic_ros.vocabulary.hierarchy import WordNet

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Write the table; 0, or 2 if the folder holds no decoder or WordNet is missing."""
    parser = argparse.ArgumentParser(prog="python -m novic_ros.training.mini.hypernyms",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="model folder with a decoder")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="default %(default)s")
    parser.add_argument("--no-classes", action="store_true", help="the encoder does not know ImageNet's classes")
    args = parser.parse_args(argv)
    try:
        nouns = load(args.folder, "cpu").nouns
        classes = () if args.no_classes else sources.imagenet_classes()
        table = build_ancestors(WordNet.read(args.wordnet), nouns, sources.zipf_frequency, classes)
        table.save(args.folder)
    except (DecodingError, VocabularyError) as error:
        print(f"hypernyms: {error}", file=sys.stderr)
        return 2
    path = args.folder / HYPERNYMS_FILE
    print(f"{path}: {len(table.nouns)} nouns with {len(table.begin) - 1} meanings, of which {len(table.said)} may be "
          f"said for those below them; {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

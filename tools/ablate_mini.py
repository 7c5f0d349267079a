"""What each choice about the embedded model's decoder is worth.

Every variant changes one thing of `MiniRecipe` and is trained with several seeds, much shorter than the model that
ships; then it names the vectors of labelled photos, as does the nearest noun in the same text space. It goes on where
it was stopped. Combinations of a recipe's fields are `novic ablate`'s business; this one is for the embedded model,
whose noise and head start are its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from novic_ros import decoding, embedding, images
from novic_ros.evaluation.hierarchy_scores import Truth, hierarchical_score
from novic_ros.evaluation.truth_files import read_truths
from novic_ros.training.ablation import Interval
from novic_ros.training.ablation_report import write_report
from novic_ros.training.mini.build import MiniBuild, MiniRecipe

__all__ = ["VARIANTS", "Photos", "main"]

VARIANTS: dict[str, dict] = {
    "as shipped": {},
    "random start": {"near_nouns": False},
    "rotation noise only": {"heard": 0.0, "confused": 0.0, "unsure": 0.0},
    "no heard vectors": {"heard": 0.0},
    "no confused vectors": {"confused": 0.0},
    "40 % confused vectors": {"confused": 0.4},
    "60 % confused vectors": {"confused": 0.6, "heard": 0.1},
    "no unsure vectors": {"unsure": 0.0},
    "rotation to 20 degrees": {"most_degrees": 20.0},
    "rotation to 60 degrees": {"most_degrees": 60.0},
    "15 % two nouns": {"paired": 0.15},
    "one caption": {"captions": 1},
    "128 wide": {"hidden_dim": 128, "feedfwd_dim": 512},
    "256 wide": {"hidden_dim": 256, "feedfwd_dim": 1024},
    "1 layer": {"num_layers": 1},
}
console = Console(highlight=False)


@dataclass(frozen=True)
class Photos:
    """Labelled photos as the encoder sees them: vectors [N, F] of unit length and N truths."""

    name: str
    vectors: torch.Tensor
    truths: Sequence[Truth]

    @classmethod
    def read(cls, name: str, folders: Sequence[Path], encoder: embedding.Embedder) -> Photos:
        """All photos of the folders, each of which holds a truth.json, seen with two looks."""
        work = [(folder / name, truth) for folder in folders
                for name, (truth, _) in read_truths(folder / "truth.json").items()]
        vectors = []
        for path, _ in track(work, f"looking at {name}", console=console, transient=True):
            picture = [images.from_file(path)]
            middle, whole = encoder.preprocess(picture), encoder.preprocess(picture, whole=True)
            vectors.append(encoder.embed_pixels(middle).averaged_with(encoder.embed_pixels(whole)).vectors)
        return cls(name, torch.cat(vectors), [truth for _, truth in work])

    def scores(self, words: Sequence[str]) -> dict[str, float]:
        """Mean score and share of exact words, one word per photo."""
        found = [hierarchical_score(word, truth) for word, truth in zip(words, self.truths, strict=True)]
        return {f"{self.name} score": sum(found) / len(found),
                f"{self.name} exact": sum(score == 1 for score in found) / len(found)}


def main(argv: list[str] | None = None) -> int:
    """Train what is missing, measure, write ablation.json, .md and .png into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/novic_mini"), help="the folder with the encoder")
    parser.add_argument("--work", type=Path, default=Path("build/train_mini"), help="where nouns and text space lie")
    parser.add_argument("--output", type=Path, default=Path("build/ablate_mini"))
    parser.add_argument("--photos", nargs="+", action="append", required=True, metavar=("NAME", "FOLDER"),
                        help="labelled photos to judge by, a name and one or more folders; can be given again")
    parser.add_argument("--steps", type=int, default=2000, help="of each training (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each variant (default %(default)s)")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    args = parser.parse_args(argv)
    torch.set_num_threads(1)

    encoder = embedding.load(f"local:{args.model}", "cpu")
    sets = [Photos.read(name, [Path(folder) for folder in folders], encoder) for name, *folders in args.photos]
    names = list(dict.fromkeys(["as shipped", *args.variants]))
    runs = [(name, seed) for seed in range(1, args.seeds + 1) for name in names]
    figures: dict[str, list[dict[str, float]]] = {}
    for name, seed in runs:
        recipe = replace(MiniRecipe(seed=seed, decoder_steps=args.steps), **VARIANTS[name])
        figures.setdefault(name, []).append(_figures(recipe, args, sets, f"{name}, seed {seed}"))
    build = MiniBuild(MiniRecipe(), args.work, args.output)
    nearest = _nearest(build, sets)
    rows = [{"settings": {"variant": name}, "figures": {
        key: _summary([one[key] for one in figures[name]]) for key in figures[name][0]}} for name in names]
    rows.append({"settings": {"variant": "nearest noun, no decoder"},
                 "figures": {key: _summary([value]) for key, value in nearest.items()}})
    results = {"recipe": f"the embedded model's decoder, {args.steps} steps", "varied": {"variant": names},
               "seeds": args.seeds, "interval": "95 %, Student's t over seeds", "rows": rows}
    console.print("written " + ", ".join(map(str, write_report(results, args.output))))
    return 0


def _figures(recipe: MiniRecipe, args: argparse.Namespace, sets: Sequence[Photos], what: str) -> dict[str, float]:
    """Train one decoder, unless its result is there, and measure it."""
    folder = args.output / what.replace(" ", "_").replace(",", "")
    done = folder / "figures.json"
    if done.exists():
        return json.loads(done.read_text())
    build = MiniBuild(recipe, args.work, folder)
    losses: list[float] = []

    def on_step(step: int, loss: float) -> None:
        losses.append(loss)
        if step % 250 == 0:
            console.print(f"{what}: step {step} of {recipe.decoder_steps}, loss {_tail(losses):.3f}")

    build.train_decoder(on_step, folder / "decoder.pt")
    decoder = decoding.load(folder, "cpu")
    figures = {"loss": _tail(losses)}
    for photos in sets:
        rows = [row for part in photos.vectors.split(16) for row in decoder.decode(part)]
        figures |= photos.scores([row[0].text for row in rows])
    unfinished = folder / "figures.part"
    unfinished.write_text(json.dumps(figures))
    unfinished.replace(done)
    (folder / "decoder.pt").unlink()
    return figures


def _tail(losses: Sequence[float]) -> float:
    last = losses[-200:]
    return sum(last) / len(last)


def _nearest(build: MiniBuild, sets: Sequence[Photos]) -> dict[str, float]:
    vectors, found = build.text_space().mean_noun_vectors, {}
    for photos in sets:
        best = (photos.vectors @ vectors.T).argmax(1).tolist()
        found |= photos.scores([build.nouns[noun].text for noun in best])
    return found


def _summary(values: list[float]) -> dict:
    interval = Interval.of(values)
    return {"values": values, "mean": interval.mean, "half_width": interval.half}


if __name__ == "__main__":
    sys.exit(main())

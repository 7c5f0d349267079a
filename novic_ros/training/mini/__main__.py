"""`python -m novic_ros.training.mini`: rebuild the embedded model from the packages that it is made of.

The text tower trains in a second process beside the decoder, one thread each, so that two cores are used well.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from novic_ros.training.mini.build import MiniBuild, MiniRecipe

console = Console()


def main(argv: list[str] | None = None) -> int:
    """Build the model folder; 0 when it is complete."""
    parser = argparse.ArgumentParser(prog="python -m novic_ros.training.mini", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("models/novic_mini"), help="the model folder to write")
    parser.add_argument("--work", type=Path, default=Path("build/train_mini"), help="intermediate results, resumable")
    parser.add_argument("--only", choices=("text-tower", "decoder"), help="run one of the two trainings")
    for field in fields(MiniRecipe):
        kind = {"action": argparse.BooleanOptionalAction} if isinstance(field.default, bool) else {
            "type": type(field.default)}
        parser.add_argument("--" + field.name.replace("_", "-"), **kind, default=field.default,
                            help="default %(default)s")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    torch.set_num_threads(1 if args.only else 2)

    recipe = MiniRecipe(**{field.name: getattr(args, field.name) for field in fields(MiniRecipe)})
    build = MiniBuild(recipe, args.work, args.output)
    began = time.monotonic()
    if args.only:
        _train(build, args.only)
        return 0

    console.rule("nouns and text space")
    console.print(f"{len(build.nouns)} nouns from WordNet")
    with _progress() as progress:
        bar = progress.add_task("sentences", total=build.text_count())
        build.text_space(lambda count: progress.advance(bar, count))
    build.write_config()
    build.cache()

    console.rule("text tower and object decoder")
    again = [sys.executable, "-m", "novic_ros.training.mini", *(argv if argv is not None else sys.argv[1:])]
    log_file = args.work / "text_tower.log"
    with log_file.open("w") as log:
        text_tower = subprocess.Popen([*again, "--only", "text-tower"], stdout=log, stderr=subprocess.STDOUT)
        try:
            torch.set_num_threads(1)
            _train(build, "decoder")
            if text_tower.wait():
                console.print(f"[red]the text tower's training failed; see {log_file}")
                return 1
        finally:
            text_tower.terminate()
    console.print(log_file.read_text().strip().splitlines()[-1])
    build.write_encoder()
    right, tried = build.reproduced()
    console.print(f"{right} of {tried} nouns come back first from their own clean vectors")
    console.rule(f"{args.output} is complete after {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def _train(build: MiniBuild, which: str) -> None:
    steps = build.recipe.text_steps if which == "text-tower" else build.recipe.decoder_steps
    with _progress() as progress:
        bar = progress.add_task(which, total=steps)
        smooth = None

        def on_step(done: int, loss: float) -> None:
            nonlocal smooth
            smooth = loss if smooth is None else 0.99 * smooth + 0.01 * loss
            progress.update(bar, completed=done, description=f"{which} loss {smooth:.3f}")
            if not console.is_terminal and done % 500 == 0:
                console.print(f"{which}: step {done} of {steps}, loss {smooth:.3f}")

        if which == "text-tower":
            report = build.train_text_tower(on_step)
        else:
            build.train_decoder(on_step)
            report = {}
    if report:
        console.print("; ".join(f"{template!r}: {hits} of {tried} nouns nearest to themselves, mean cosine {cosine:.2f}"
                                for template, (hits, tried, cosine) in report.items()), soft_wrap=True)


def _progress() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                    TimeRemainingColumn(), console=console)


if __name__ == "__main__":
    sys.exit(main())

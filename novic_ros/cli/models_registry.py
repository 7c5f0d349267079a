"""`novic models list` and `novic models get TAG`: the models known by name, and how they come onto this machine.

`get` fetches a release, checks it, takes the checkpoint out and has `decoding` convert it; only when all of that went
well does the model's folder appear, in one step. `list` never touches the network. The encoder that belongs to a model
is not fetched here: open_clip does that when the model is used for the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path, PurePosixPath

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from novic_ros.model_store import cache_folder, installed_models
from novic_ros.model_store.archive import ArchiveError, check_archive, extract_member
from novic_ros.model_store.download import Downloaded, DownloadError, download
from novic_ros.model_store.registry import KnownModel, RegistryError, known_model, known_models

__all__ = ["add_registry_parsers", "run_get", "run_list"]

SHOWN_SCORE = "World-H"


def add_registry_parsers(subparsers) -> None:
    """Add `list` and `get` to the parser of `novic models`."""
    shown = subparsers.add_parser("list", help="the models known by name, and which are here",
                                  description="List the models known by name, and which are here. No network is used.")
    shown.add_argument("--json", action="store_true", help="print everything known about them as JSON instead")
    shown.set_defaults(run=run_list)
    get = subparsers.add_parser("get", help="fetch a released model",
                                description="Fetch a released model, check it and convert it, into $NOVIC_CACHE or "
                                            "~/.cache/novic_ros/models. After an interruption it goes on where it was.")
    get.add_argument("tag", metavar="TAG", help="the model's tag, see `novic models list`")
    get.add_argument("--url", help="fetch from this address, for example a mirror's, instead of the authors'")
    get.add_argument("--keep-download", action="store_true", help="keep the fetched archive too")
    get.set_defaults(run=run_get)


def run_list(args: argparse.Namespace) -> int:
    """Print the models; 0, or 2 if a registry file is wrong."""
    try:
        known = known_models()
    except RegistryError as error:
        return _fail("list", error, 2)
    present = installed_models()
    rows = [_row(model, present.get(tag)) for tag, model in known.items()]
    rows += [_own_row(tag, folder) for tag, folder in sorted(present.items()) if tag not in known]
    if args.json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
        return 0
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("tag", style="bold", no_wrap=True)
    table.add_column("embedder", overflow="fold")
    table.add_column("F", justify="right")
    table.add_column(SHOWN_SCORE, justify="right")
    table.add_column("licence", overflow="fold")
    table.add_column("where", overflow="fold")
    for row in rows:
        score = f"{row['scores'][SHOWN_SCORE]:.2f}" if SHOWN_SCORE in row["scores"] else "-"
        table.add_row(row["tag"], escape(row["embedder"]), str(row["width"] or "?"), score, escape(row["licence"]),
                      escape(row["where"]))
    console = Console(highlight=False)
    console.print(table)
    if any(row["scores"] for row in rows):
        console.print(f"[dim]{SHOWN_SCORE} is in percent, as its authors published it; --json has more scores and "
                      "their sources.[/]")
    return 0


def run_get(args: argparse.Namespace) -> int:
    """Have a model here; 0 if it is, 1 if it could not be fetched, 2 for an unknown tag."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        model = known_model(args.tag)
    except RegistryError as error:
        return _fail("get", error, 2)
    present = installed_models().get(model.tag)
    if present:
        console.print(f"{model.tag} is already here: {escape(str(present))}")
        return 0
    if model.release is None:
        return _fail("get", f"{model.tag} comes with novic_ros, but its folder is not here; install novic_ros again", 1)
    console.print(f"{model.tag}: {escape(model.summary)}\n[yellow]Licence: {escape(model.licence_remark)}[/]")
    archive = cache_folder() / "downloads" / model.release.archive
    try:
        fetched = _fetch(model, args.url or model.release.url, archive, console)
        folder = _install(model, archive, console)
    except KeyboardInterrupt:
        console.print("What has arrived is kept; the same command goes on from there.")
        raise
    except (DownloadError, ArchiveError, _ConversionError) as error:
        return _fail("get", error, 1)
    except OSError as error:
        return _fail("get", f"cannot write to {cache_folder()}: {error.strerror}; free some space there, or set "
                            "NOVIC_CACHE to a folder on another disk", 1)
    if not args.keep_download:
        fetched.path.unlink(missing_ok=True)
    console.print(f"[green]{model.tag} is here:[/] {escape(str(folder))}")
    console.print(f"Its encoder, {escape(model.embedder)}, is fetched when it is used for the first time: run "
                  f"`novic label IMAGE --model {model.tag}` once while there is a network.")
    return 0


def _row(model: KnownModel, folder: Path | None) -> dict:
    """What `list` says about a known model, as JSON; folder: where it lies, if it is here."""
    release = model.release and {"url": model.release.url, "member": model.release.member, "size": model.release.size,
                                 "sha256": model.release.sha256, "remark": model.release.remark}
    return {"tag": model.tag, "summary": model.summary, "embedder": model.embedder, "width": model.width,
            "scores": dict(model.scores), "score_source": model.score_source, "licence": model.licence,
            "licence_remark": model.licence_remark, "where": _where(model, folder),
            "folder": str(folder) if folder else None, "release": release}


def _own_row(tag: str, folder: Path) -> dict:
    """The same for a model that is here, but in no registry file: one that was trained or imported."""
    try:
        description = json.loads((folder / "decoder.json").read_text(encoding="utf-8"))
        embedder, width = str(description["embedder"]), int(description["architecture"]["embed_dim"])
        summary = "not in the registry"
    except (OSError, ValueError, KeyError, TypeError) as error:
        embedder, width, summary = "?", None, f"decoder.json cannot be read: {error}"
    return {"tag": tag, "summary": summary, "embedder": embedder, "width": width, "scores": {}, "score_source": "",
            "licence": "?", "licence_remark": "", "where": _place(folder), "folder": str(folder), "release": None}


def _where(model: KnownModel, folder: Path | None) -> str:
    if folder is None:
        return "missing" if model.embedded else "not downloaded"
    return "embedded" if model.embedded and _place(folder) != "in cache" else _place(folder)


def _place(folder: Path) -> str:
    return "in cache" if folder.parent == Path(os.path.abspath(cache_folder())) else str(folder)


def _fetch(model: KnownModel, url: str, archive: Path, console: Console) -> Downloaded:
    """The archive, with a progress bar where somebody looks at it."""
    release = model.release
    bar = Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
                   TimeRemainingColumn(), console=console, transient=True)
    with bar if console.is_terminal else nullcontext():
        task = bar.add_task(release.archive, total=None)
        result = download(url, archive, size=release.size, sha256=release.sha256,
                          verify=lambda path: check_archive(path, release.member),
                          progress=lambda here, total: bar.update(task, completed=here, total=total))
    came = f"fetched {result.fetched:,} bytes" if result.fetched else "found it here, nothing was fetched"
    console.print(f"{escape(release.archive)}: {result.size:,} bytes, {came}")
    console.print({
        "published": "Its SHA-256 is the published one.",
        "recorded": f"Its SHA-256 is the one recorded at its first use, in {escape(str(archive))}.sha256.",
        "first use": f"No checksum is published for it. Its SHA-256, {result.sha256}, was recorded in "
                     f"{escape(str(archive))}.sha256, and later downloads must have the same.",
    }[result.check])
    return result


class _ConversionError(ValueError):
    """The checkpoint could not be turned into a model, or is another one than the registry says."""


def _install(model: KnownModel, archive: Path, console: Console) -> Path:
    """Take the checkpoint out, convert it beside its place, and move the finished folder there."""
    place = Path(os.path.abspath(cache_folder() / model.tag))
    again = f"The archive is kept; to fetch it anew, delete it and {archive}.sha256"
    with tempfile.TemporaryDirectory(prefix=f".{model.tag}.", dir=place.parent) as scratch:
        checkpoint, folder = Path(scratch, PurePosixPath(model.release.member).name), Path(scratch, "model")
        with console.status("converting") if console.is_terminal else nullcontext():
            extract_member(archive, model.release.member, checkpoint)
            try:
                convert(checkpoint, folder)
                description = json.loads((folder / "decoder.json").read_text(encoding="utf-8"))
                came = (description["embedder"], description["architecture"]["embed_dim"])
            except (ValueError, KeyError, TypeError) as error:
                reason = " ".join(str(error).replace(scratch + os.sep, "").split())
                raise _ConversionError(f"{archive} cannot be converted: {reason}. {again}") from error
            if came != (model.embedder, model.width):
                raise _ConversionError(f"{archive} holds a decoder for {came[0]} with F = {came[1]}, expected one for "
                                       f"{model.embedder} with F = {model.width}. {again}")
        os.rename(folder, place)  # a folder that is there already is never overwritten, unless it is empty
    return place


def convert(checkpoint: Path, folder: Path) -> None:
    """Turn an authors' checkpoint file into a model folder. Raises ValueError."""
    from novic_ros.decoding import import_checkpoint

    import_checkpoint(checkpoint, folder)


def _fail(command: str, error: object, code: int) -> int:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"novic models {command}: {escape(str(error))}")
    return code

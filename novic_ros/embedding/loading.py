"""From a spec string to a ready `Embedder`: finds the model, lets open_clip build it, reads the weights that
are needed.

Specs: `novic_mini` (the embedded model), `openclip:ORG/NAME` (a model on the hub, by open_clip's `hf-hub:`),
    `local:DIR`
(a folder with open_clip_config.json and weights). open_clip builds the model in every case; this file only
spares a robot the text half of a local safetensors file and turns every failure into one `EmbeddingError`.
NOT a model downloader of its own, and it never runs code from a model folder.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from novic_ros import model_store
from novic_ros.embedding import conse_tower, cpu_tower, hub, weights
from novic_ros.embedding.embedder import Embedder
from novic_ros.embedding.errors import EmbeddingError
from novic_ros.embedding.preprocess import Preprocessor
from novic_ros.embedding.quiet import quietly, without_progress_bars
from novic_ros.embedding.tokenizer import CLIP_END, CLIP_SIZE, Tokenizer

CONFIG_FILE = "open_clip_config.json"
_GRAMMAR = "novic_mini, openclip:ORG/NAME or local:DIR"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# What open_clip, timm and torch raise for a configuration or a checkpoint that they cannot use.
_BUILD_ERRORS = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(OSError, EOFError, ImportError, pickle.UnpicklingError),
)


@dataclass(frozen=True)
class _Source:
    """Where a model comes from: open_clip's name for it, its folder (None: the hub) and its checked configuration."""

    name: str
    folder: Path | None
    config: dict[str, Any]

    @property
    def width(self) -> int:
        return self.config["model_cfg"]["embed_dim"]

    @property
    def has_conse_tower(self) -> bool:
        return self.config["model_cfg"]["vision_cfg"].get("timm_model_name") == conse_tower.TOWER_NAME

    @property
    def norm_is_evidence(self) -> bool:
        return self.config.get(conse_tower.CONFIG_KEY, {}).get("evidence") == "norm"


def load(spec: str, device: str | torch.device = "auto", threads: int | None = None) -> Embedder:
    """Load an image-text encoder.

    Args:
        spec: "novic_mini" (the embedded model), "openclip:ORG/NAME" (a hub model, downloaded on first use) or
            "local:DIR".
        device: "auto" (a CUDA device if there is one, else the CPU), or a torch device such as "cpu" or
            "cuda:0".
        threads: number of CPU threads that torch may use, in the whole process; None leaves it as it is.

    Returns:
        An embedder with its image half in memory. fp32, whatever the dtype on disk.

    Raises:
        EmbeddingError: a bad spec, device or thread count; a model that cannot be found, fetched, built or
            read.
    """
    target = _choose_device(device)
    if threads is not None:
        if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
            raise EmbeddingError(f"expected threads as a whole number of at least 1, got {threads!r}")
        torch.set_num_threads(threads)
    kind, name = _parse_spec(spec)
    with quietly():
        _prepare_libraries()  # apart, as the hub client sets up its logging when it is first imported
    with quietly():
        if kind == "openclip":
            return _load_from_hub(spec, name, target)
        return _load_from_folder(spec, _find_folder(kind, name), target)


def load_tokenizer(spec: str, size: int | None = None, special_ids: Sequence[int] = ()) -> Tokenizer:
    """The tokenizer of an encoder, without the encoder.

    Args:
        spec: as for `load`. Where `size` and `special_ids` are those of CLIP's byte pairs, which come with open_clip,
            it is not looked at, so that it may name an encoder out of reach.
        size: how many ids the tokenizer must have; None: any number.
        special_ids: the ids that end and pad a text.

    Raises:
        EmbeddingError: a bad spec, files that cannot be found or read, or a tokenizer of another size.
    """
    with quietly():
        _prepare_libraries()
    if size == CLIP_SIZE and (not special_ids or CLIP_END in special_ids):
        import open_clip

        return Tokenizer(open_clip.SimpleTokenizer())
    kind, name = _parse_spec(spec)
    with quietly(), without_progress_bars():
        if kind == "openclip":
            hub.fetch_config(name, CONFIG_FILE)  # says what is wrong, where open_clip would try something else
            tokenizer = Tokenizer(_open_clip_tokenizer(spec, f"hf-hub:{name}"))
        else:
            tokenizer = Tokenizer(_open_clip_tokenizer(spec, f"local-dir:{_find_folder(kind, name)}"))
    if size is not None and tokenizer.size != size:
        raise EmbeddingError(
            f"expected a tokenizer of {size} ids, that of {spec} has {tokenizer.size}: it belongs to another encoder"
        )
    return tokenizer


def _open_clip_tokenizer(spec: str, name: str) -> Callable[[list[str]], torch.Tensor]:
    """open_clip's tokenizer for a model by open_clip's name for it; `spec` is for the error."""
    import open_clip

    try:
        with quietly():
            return open_clip.get_tokenizer(name)
    except _BUILD_ERRORS as error:
        raise EmbeddingError(
            f"the tokenizer of {spec} cannot be loaded ({type(error).__name__}: {_first_line(error)}): "
            "check that its files are in the model folder and that transformers is installed"
        ) from error


def _parse_spec(spec: str) -> tuple[str, str]:
    """The kind of spec ("mini", "openclip", "local") and what follows the colon."""
    if spec == "novic_mini":
        return "mini", spec
    kind, colon, name = spec.partition(":") if isinstance(spec, str) else ("", "", "")
    if not colon or kind not in ("openclip", "local") or not name.strip():
        raise EmbeddingError(f"expected an encoder as {_GRAMMAR}, got {spec!r}")
    if kind == "openclip" and not _HUB_NAME.fullmatch(name):
        raise EmbeddingError(
            f"expected a hub model as openclip:ORG/NAME (openclip:timm/ViT-B-16-SigLIP), got {spec!r}"
        )
    return kind, name


def _choose_device(device: str | torch.device) -> torch.device:
    """The torch device for a device argument, checked to exist."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).cpu()
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        raise EmbeddingError(
            f"expected device auto, cpu, cuda or cuda:N (torch finds {torch.cuda.device_count()} CUDA devices "
            f"here), got {device!r} ({_first_line(error)}): use auto or cpu"
        ) from error
    return chosen


def _prepare_libraries() -> None:
    """Import open_clip and what it needs, with the embedded model's tower known to timm."""
    try:
        conse_tower.register()
        import open_clip  # noqa: F401
    except (ImportError, RuntimeError) as error:
        raise EmbeddingError(
            f"the encoder libraries cannot be imported ({error}): install open_clip_torch, and the torchvision "
            "that belongs to this torch"
        ) from error


def _find_folder(kind: str, name: str) -> Path:
    """The model folder of a local spec."""
    if kind == "mini":
        try:
            return model_store.find_model(name).resolve()
        except model_store.ModelNotFound as error:
            raise EmbeddingError(str(error)) from error
    folder = Path(name).expanduser().resolve()
    if not folder.is_dir():
        raise EmbeddingError(
            f"expected a model folder at {folder}, found none: mend the path in local:{name}"
        )
    return folder


def _read_config(path: Path) -> dict[str, Any]:
    """open_clip_config.json, checked as far as this package relies on it."""
    if not path.is_file():
        raise EmbeddingError(
            f"expected {path}, found no such file: a model folder needs one beside its weights"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise EmbeddingError(f"expected a JSON object in {path}, could not read one ({error})") from error
    model = config.get("model_cfg") if isinstance(config, dict) else None
    if not isinstance(model, dict) or not all(
        isinstance(model.get(key), dict) for key in ("vision_cfg", "text_cfg")
    ):
        raise EmbeddingError(
            f"expected model_cfg with vision_cfg and text_cfg in {path}, as open_clip writes it"
        )
    if not isinstance(model.get("embed_dim"), int) or model["embed_dim"] < 1:
        raise EmbeddingError(f"expected a positive embed_dim in {path}, got {model.get('embed_dim')!r}")
    ours = config.get(conse_tower.CONFIG_KEY, {})
    if not isinstance(ours, dict) or ours.get("evidence") not in (None, "norm"):
        raise EmbeddingError(
            f'expected "evidence": "norm" or none under "{conse_tower.CONFIG_KEY}" in {path}, got {ours!r}'
        )
    return config


def _load_from_folder(spec: str, folder: Path, device: torch.device) -> Embedder:
    """An embedder from a model folder, reading its image half only where the weights are in one safetensors file."""
    source = _Source(f"local-dir:{folder}", folder, _read_config(folder / CONFIG_FILE))
    file = weights.find_safetensors(folder)
    if file is None:
        return _whole(spec, source, device)
    model = _build(source, with_weights=False)
    misfit = weights.misfit(model, file)
    # Older tensor names and position tables, which open_clip converts, and towers that are not told apart by name.
    if misfit or "multimodal_cfg" in source.config["model_cfg"]:
        suspect = f"{file} does not fit its {CONFIG_FILE} ({misfit})" if misfit else ""
        return _whole(spec, source, device, suspect)

    read = weights.read_part(model, file, weights.is_image_part)
    tower, preprocessor = model.visual, Preprocessor.from_open_clip(model.visual.preprocess_cfg)
    del model  # and with it the text half, which holds random numbers

    def load_text_encoder() -> Callable[[torch.Tensor], torch.Tensor]:
        with quietly():
            model = _build(source, with_weights=False)
        embedder.weight_bytes_read += weights.read_part(model, file, weights.is_text_part)
        del model.visual
        return model.to(device).encode_text

    encoder = _image_encoder(tower, source, preprocessor, device)
    embedder = _embedder(spec, source, device, preprocessor, encoder, load_text_encoder)
    embedder.weight_bytes_read = read
    return embedder


def _load_from_hub(spec: str, name: str, device: torch.device) -> Embedder:
    """An embedder from a hub model, fetched by open_clip into the hub client's cache on first use."""
    with without_progress_bars():
        config = _read_config(hub.fetch_config(name, CONFIG_FILE))
        return _whole(spec, _Source(f"hf-hub:{name}", None, config), device)


def _whole(spec: str, source: _Source, device: torch.device, suspect: str = "") -> Embedder:
    """An embedder whose model open_clip fetched and read whole. `suspect`: the likely reason where it cannot."""
    try:
        model = _build(source, with_weights=True)
    except EmbeddingError as error:
        if not suspect:
            raise
        raise EmbeddingError(f"{suspect}: take both from the same model") from error
    preprocessor = Preprocessor.from_open_clip(model.visual.preprocess_cfg)
    if source.has_conse_tower:
        encoder = _image_encoder(model.visual, source, preprocessor, device)
    else:
        encoder = model.to(device).encode_image
    return _embedder(spec, source, device, preprocessor, encoder, lambda: model.to(device).encode_text)


def _build(source: _Source, with_weights: bool) -> torch.nn.Module:
    """Let open_clip build the model in evaluation mode on the CPU, with all of its weights or with random ones."""
    import open_clip

    try:
        model = open_clip.create_model(
            source.name,
            load_weights=with_weights,
            require_pretrained=with_weights,  # else open_clip goes on with random weights where it finds none
            pretrained_image=False,
            pretrained_text=False,
            device="cpu",
        )
    except _BUILD_ERRORS as error:
        where = source.folder / CONFIG_FILE if source.folder else source.name.partition(":")[2]
        raise EmbeddingError(
            f"open_clip cannot {'load' if with_weights else 'build'} the model described by {where} "
            f"({type(error).__name__}: {_first_line(error)}): check its configuration and weights"
        ) from error
    return model.eval().requires_grad_(False)


def _image_encoder(
    tower: torch.nn.Module, source: _Source, preprocessor: Preprocessor, device: torch.device
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A loaded image tower on its device, in its fastest exact form."""
    if device.type == "cpu":
        tower = tower.to(memory_format=torch.channels_last)
        if source.has_conse_tower:
            tower = cpu_tower.for_cpu(tower, preprocessor.height, preprocessor.width)
    else:
        tower = tower.to(device)
    if source.has_conse_tower:
        conse_tower.trunk_of(tower).classifier.with_classes = True
    return tower


def _embedder(
    spec: str,
    source: _Source,
    device: torch.device,
    preprocessor: Preprocessor,
    image_encoder: Callable[[torch.Tensor], torch.Tensor],
    load_text_encoder: Callable[[], Callable[[torch.Tensor], torch.Tensor]],
) -> Embedder:
    """The parts put together."""
    return Embedder(
        spec=spec,
        width=source.width,
        device=device,
        preprocessor=preprocessor,
        image_encoder=image_encoder,
        load_text_encoder=load_text_encoder,
        load_tokenizer=lambda: _open_clip_tokenizer(spec, source.name),
        norm_is_evidence=source.norm_is_evidence,
    )


def _first_line(error: Exception) -> str:
    """The first line of an error's text, or its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

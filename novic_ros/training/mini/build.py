"""The steps that make the embedded model's folder, each a function of files that earlier steps left in a work folder.

Every step skips itself when its result is there, and the two trainings resume from their checkpoints, so an interrupted
build goes on where it stopped. The order of steps and the command line are in `__main__.py`; what a step computes is in
the files beside this one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from novic_ros.decoding import load
from novic_ros.decoding.checkpoint import Checkpoint, save_slim
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.decoding.tokens import TokenVocabulary
from novic_ros.embedding import conse_tower
from novic_ros.embedding.torchvision_compat import ensure_importable
from novic_ros.training.batches import NounBatches
from novic_ros.training.captions import TEMPLATES
from novic_ros.training.embedding_cache import EmbeddingCache, write_cache
from novic_ros.training.mini import sources
from novic_ros.training.mini.classifier_noise import ClassifierNoise, Shares
from novic_ros.training.mini.initialise import start_near_nouns
from novic_ros.training.mini.text_space import CAPTIONS, TextSpace, build_text_space
from novic_ros.training.mini.text_tower import HELD_OUT_TEMPLATES, nearest_noun_rate, train_text_tower
from novic_ros.training.trainer import TrainingRun, train
from novic_ros.vocabulary import canonical
from novic_ros.vocabulary.hierarchy import WordNet
from novic_ros.vocabulary.selection import Noun, select_nouns

__all__ = ["MiniBuild", "MiniRecipe"]

log = logging.getLogger(__name__)
SPEC = "novic_mini"
OnStep = Callable[[int, float], None]


@dataclass(frozen=True)
class MiniRecipe:
    """Everything that can be chosen about the embedded model; the defaults made the committed files."""

    seed: int = 1
    decoder_steps: int = 30_000
    decoder_batch: int = 64
    decoder_rate: float = 1.5e-3
    hidden_dim: int = 192
    feedfwd_dim: int = 768
    num_layers: int = 3
    num_heads: int = 4
    prefix_length: int = 4
    near_nouns: bool = True  # the head start of initialise.py; else the random weights of the paper
    captions: int = len(CAPTIONS)  # of each noun in the cache, the first so many
    heard: float = Shares.heard  # shares of the vectors that classifier_noise.py makes, and its strongest rotation
    confused: float = Shares.confused
    unsure: float = Shares.unsure
    paired: float = Shares.paired
    most_degrees: float = Shares.most_degrees
    text_steps: int = 10_000
    text_width: int = 192
    text_layers: int = 3
    text_heads: int = 4
    context_length: int = 32


class MiniBuild:
    """work: folder for intermediate results; output: the model folder."""

    def __init__(self, recipe: MiniRecipe, work: Path, output: Path):
        self.recipe, self.work, self.output = recipe, work, output
        work.mkdir(parents=True, exist_ok=True)
        output.mkdir(parents=True, exist_ok=True)

    # -- nouns and their vectors ---------------------------------------------------------------------------------

    @cached_property
    def wordnet(self) -> WordNet:
        return WordNet.read()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return sources.imagenet_classes()

    @cached_property
    def nouns(self) -> list[Noun]:
        """The vocabulary, chosen once and then read back."""
        path = self.work / "nouns.json"
        if not path.exists():
            nouns, dropped = select_nouns(self.wordnet, sources.zipf_frequency, self.classes)
            log.info("%d nouns; dropped: %s", len(nouns), dict(dropped))
            path.write_text(json.dumps([asdict(noun) for noun in nouns]))
        return [Noun(**fields) for fields in json.loads(path.read_text())]

    def text_space(self, on_texts: Callable[[int], None] | None = None) -> TextSpace:
        path = self.work / "text_space.safetensors"
        if not path.exists():
            space = build_text_space(self.wordnet, self.nouns, self.classes, sources.sentence_encoder(on_texts))
            save_file({"noun_vectors": space.noun_vectors, "class_table": space.class_table}, path)
        return TextSpace(**load_file(path))

    def text_count(self) -> int:
        """How many sentences `text_space` embeds."""
        offsets = {noun.synset for noun in self.nouns} | set(self.classes)
        synsets = {above for offset in offsets for above in self.wordnet.ancestors(offset)}
        return 2 * len(synsets) + len(CAPTIONS) * (len(self.nouns) + len(self.classes))

    def noun_weights(self) -> torch.Tensor:
        """How often each noun is trained on, relative: common words and the classifier's own classes more often."""
        zipf = torch.tensor([noun.zipf for noun in self.nouns])
        own = torch.tensor([1.5 if noun.required else 1.0 for noun in self.nouns])
        return (0.5 * (zipf - 2.5)).exp().clamp(0.4, 4.0) * own

    # -- the encoder folder --------------------------------------------------------------------------------------

    def write_config(self) -> None:
        recipe = self.recipe
        config = conse_tower.build_open_clip_config(
            embed_dim=self.text_space().class_table.shape[1], text_width=recipe.text_width,
            text_layers=recipe.text_layers, text_heads=recipe.text_heads, context_length=recipe.context_length)
        (self.output / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")

    def untrained_encoder(self) -> tuple[torch.nn.Module, Callable]:
        """(open_clip model from the folder's configuration with random weights, its tokenizer)."""
        ensure_importable()
        import open_clip

        conse_tower.register()
        torch.manual_seed(self.recipe.seed)
        name = f"local-dir:{self.output.resolve()}"
        return open_clip.create_model(name, load_weights=False), open_clip.get_tokenizer(name)

    def train_text_tower(self, on_step: OnStep | None = None) -> dict:
        """Distil the text tower; returns how well captions land, trained and held-out templates."""
        model, tokenize = self.untrained_encoder()
        targets = self.text_space().mean_noun_vectors
        words = [noun.text for noun in self.nouns]
        train_text_tower(model.text, tokenize, words, targets, self.noun_weights(), self.recipe.text_steps,
                         seed=self.recipe.seed, checkpoint=self.work / "text_tower.pt", on_step=on_step)
        save_file({name: tensor.contiguous() for name, tensor in model.text.state_dict().items()},
                  self.work / "text_tower.safetensors")

        def encode(texts):
            parts = [model.encode_text(tokenize(texts[i:i + 256]), normalize=True) for i in range(0, len(texts), 256)]
            return torch.cat(parts).float()

        report = {template: nearest_noun_rate(encode, words, targets, template)
                  for template in (TEMPLATES[3], *HELD_OUT_TEMPLATES)}
        (self.work / "text_tower.json").write_text(json.dumps(report))
        return report

    def write_encoder(self) -> None:
        """Image tower, class table and text tower into one float16 file in open_clip's format."""
        model, _ = self.untrained_encoder()
        conse_tower.load_lite2_weights(model, sources.classifier_weights())
        conse_tower.set_class_table(model, self.text_space().class_table)
        model.text.load_state_dict(load_file(self.work / "text_tower.safetensors"))
        tensors = {name: tensor.half() if tensor.is_floating_point() else tensor
                   for name, tensor in model.state_dict().items()}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()},
                  self.output / "open_clip_model.safetensors")

    # -- the object decoder --------------------------------------------------------------------------------------

    def tokens(self) -> tuple[TokenVocabulary, list[list[int]]]:
        """Compact vocabulary of CLIP's byte pairs and every noun in it."""
        ensure_importable()
        from open_clip import SimpleTokenizer

        tokenizer = SimpleTokenizer()
        full = [tokenizer.encode(canonical(noun.text)) for noun in self.nouns]
        vocabulary = TokenVocabulary.of(full, tokenizer.decoder, tokenizer.eot_token_id, tokenizer.vocab_size)
        return vocabulary, [vocabulary.compact(ids) for ids in full]

    def cache(self) -> EmbeddingCache:
        """Every noun under every caption as one row."""
        captions = self.recipe.captions
        path = self.work / ("embeddings.cache" if captions == len(CAPTIONS) else f"embeddings_{captions}.cache")
        if not path.exists():
            vectors = self.text_space().noun_vectors[:captions].flatten(0, 1).numpy()
            order = np.argsort(np.random.default_rng(self.recipe.seed).permutation(len(vectors)))
            parts = ((vectors[rows], rows % len(self.nouns)) for rows in np.array_split(order, 100))
            unfinished = path.with_suffix(".part")
            write_cache(unfinished, [noun.text for noun in self.nouns], SPEC, *vectors.shape, parts, seed=None)
            unfinished.replace(path)
        return EmbeddingCache.open(path, SPEC)

    def train_decoder(self, on_step: OnStep | None = None, checkpoint: Path | None = None) -> None:
        """Train the object decoder and write it in the slim format; `checkpoint` is the file to resume from."""
        recipe, space = self.recipe, self.text_space()
        vocabulary, noun_tokens = self.tokens()
        torch.manual_seed(recipe.seed)
        model = ObjectDecoder(Architecture(
            embed_dim=space.class_table.shape[1], vocab_size=len(vocabulary), max_tokens=max(map(len, noun_tokens)),
            hidden_dim=recipe.hidden_dim, feedfwd_dim=recipe.feedfwd_dim, num_layers=recipe.num_layers,
            num_heads=recipe.num_heads, prefix_length=recipe.prefix_length, dropout=0.0))
        if recipe.near_nouns:
            start_near_nouns(model, space.mean_noun_vectors, noun_tokens)
        run = TrainingRun(recipe.decoder_steps, recipe.decoder_rate, betas=(0.9, 0.98), weight_decay=0.02,
                          warm_up=0.05, bfloat16=True, checkpoint_every=1000)
        train(model, self._batches(space, noun_tokens), run, checkpoint or self.work / "decoder.pt", on_step)
        provenance = {"made_by": "make train-mini", "recipe": asdict(recipe), "torch": torch.__version__}
        save_slim(self.output, Checkpoint(model, SPEC, tuple(noun.text for noun in self.nouns),
                                          tuple(map(tuple, noun_tokens)), vocabulary, NounTrie.build(noun_tokens),
                                          provenance))

    def _batches(self, space: TextSpace, noun_tokens: list[list[int]]) -> NounBatches:
        recipe = self.recipe
        class_weights = list(sources.classifier_weights().values())[-2].float()
        shares = Shares(recipe.heard, recipe.confused, recipe.unsure, recipe.paired, recipe.most_degrees)
        noise = ClassifierNoise(space.class_table, class_weights, conse_tower.TEMPERATURE, self.wordnet, self.nouns,
                                self.classes, shares)
        return NounBatches(self.cache(), noun_tokens, recipe.decoder_steps, recipe.decoder_batch,
                           weights=self.noun_weights().tolist(), noise=noise, seed=recipe.seed)

    def reproduced(self, every: int = 20) -> tuple[int, int]:
        """How many nouns the finished decoder names from their own clean vectors, of every so many: (right, tried)."""
        decoder = load(self.output, "cpu")
        tried = range(0, len(self.nouns), every)
        found = decoder.decode(self.text_space().mean_noun_vectors[list(tried)])
        return sum(row[0].text == self.nouns[noun].text for noun, row in zip(tried, found)), len(tried)

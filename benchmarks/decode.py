"""How fast the object decoder speaks, beside plain dense beam search: one thread, released NOVIC architecture.

Random weights sharpened until the searches are as decided as a trained decoder's, WordNet nouns in CLIP's byte pairs,
64 vectors. A decoder of 43,000 nouns, guided by 3,000 of them and by all, and one of 3,000, whose token vocabulary is
smaller. Every figure is CPU milliseconds per image (process time, the least of several rounds); peer and package take
turns in one run. Prints a table and, as its last line, one JSON object. Run: python benchmarks/decode.py
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and torch start their threads

import torch
from peers.dense_beam import dense_beam_search

from novic_ros import decoding
from novic_ros.decoding import NounDecoder
from novic_ros.decoding.checkpoint import Checkpoint, save_slim
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.decoding.tokens import TokenVocabulary
from novic_ros.embedding.torchvision_compat import ensure_importable
from novic_ros.vocabulary import canonical
from novic_ros.vocabulary.hierarchy import WordNet

NOUNS, FEW, IMAGES, WIDTH = 43_000, 3_000, 64, 512
BEAM, GREEDY = "beam_k10_vnone_gp_t1_a0", "greedy_k1_vnone_gp_t1_a0"


def make_checkpoint(nouns: int = NOUNS) -> Checkpoint:
    """The released architecture over some of WordNet's nouns, with sharpened random weights."""
    ensure_importable()
    from open_clip import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    texts = list(dict.fromkeys(filter(None, map(canonical, WordNet.read().senses))))[::2][:nouns]
    ids = [tokenizer.encode(text) for text in texts]
    vocabulary = TokenVocabulary.of(ids, tokenizer.decoder, end_id=tokenizer.eot_token_id)
    tokens = tuple(tuple(vocabulary.compact(row)) for row in ids)
    torch.manual_seed(0)
    model = ObjectDecoder(Architecture(WIDTH, len(vocabulary), max(map(len, tokens)))).eval()
    model.norm.weight.data.mul_(1.5)
    return Checkpoint(model, "none", tuple(texts), tokens, vocabulary, NounTrie.build(tokens))


def cpu_ms(calls, images: int, rounds: int) -> list[float]:
    """Least CPU milliseconds per image of each call, over rounds in which they take turns."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for which, call in enumerate(calls):
            start = time.process_time()
            call()
            best[which] = min(best[which], time.process_time() - start)
    return [1000 * seconds / images for seconds in best]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=IMAGES, help="how many vectors")
    args = parser.parse_args()
    torch.set_num_threads(1)
    vectors = torch.nn.functional.normalize(torch.randn(args.images, WIDTH), dim=-1)

    rows = []
    for known, nouns in ((FEW, FEW), (NOUNS, FEW), (NOUNS, NOUNS)):
        if not rows or known != rows[-1]["vocabulary"]:
            checkpoint = make_checkpoint(known)
            decoder = NounDecoder(checkpoint)
            columns = checkpoint.model.arch.max_tokens
            dense = torch.tensor([[*row, *[0] * (columns - len(row))] for row in checkpoint.noun_tokens])
        start = time.perf_counter()
        decoder.set_guide(checkpoint.nouns[:nouns])
        swap = time.perf_counter() - start
        for batch in (1, 16):
            for name, k in ((GREEDY, 1), (BEAM, 10)):
                ours, peer = cpu_ms([
                    lambda d=decoder, b=batch, n=name: [d.decode(part, n) for part in vectors.split(b)],
                    lambda b=batch, c=checkpoint, d=dense[:nouns], k=k:
                        [dense_beam_search(c.model, part, d, k) for part in vectors.split(b)],
                ], args.images, args.rounds)
                rows.append({"vocabulary": known, "nouns": nouns, "batch": batch, "search": name, "ms": round(ours, 2),
                             "dense_ms": round(peer, 1), "ratio": round(peer / ours, 1), "swap_s": round(swap, 2)})
                print("{nouns:6} of {vocabulary:6} nouns, batch {batch:2}, {search:26} {ms:8.2f} ms, "
                      "dense {dense_ms:8.1f} ms, {ratio:5.1f} x".format(**rows[-1]), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        save_slim(Path(folder), checkpoint)
        start = time.perf_counter()
        decoding.load(folder, "cpu")
        load = time.perf_counter() - start
    print(f"guide swap of {NOUNS} nouns {rows[-1]['swap_s']} s, slim load {load:.2f} s")
    ms = {(row["nouns"], row["batch"], row["search"]): row["ms"] for row in rows if row["vocabulary"] == NOUNS}
    growth = {f"batch {batch} {name}": round(ms[NOUNS, batch, name] / ms[FEW, batch, name], 3)
              for batch in (1, 16) for name in (GREEDY, BEAM)}
    print(json.dumps({"benchmark": "decode", "rows": rows, "cost_43000_over_3000": growth, "load_s": round(load, 3),
                      "token_vocabulary": checkpoint.model.arch.vocab_size, "threads": 1,
                      "torch": torch.__version__}))


if __name__ == "__main__":
    main()

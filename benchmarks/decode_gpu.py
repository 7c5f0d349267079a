"""How fast the object decoder speaks on a GPU: recorded as CUDA graphs, without them, and plain dense beam search.

The checkpoint and the searches are those of `decode.py`. Every figure is wall milliseconds per image, from vectors on
the GPU to nouns, the least of several rounds taken in turns. Prints a table and, as its last line, one JSON object.
Run: python benchmarks/decode_gpu.py (or with --device cpu --images 16, where the graphs are left out, to try it)
"""

import argparse
import json
import platform
import time

import torch
from decode import BEAM, FEW, GREEDY, NOUNS, WIDTH, make_checkpoint
from peers.dense_beam import dense_beam_search

from novic_ros.decoding import NounDecoder
from novic_ros.decoding.cuda_decoder import CudaDecoder

BATCHES = (1, 16, 64, 256)


def wall_ms(call, images: int, device: str) -> float:
    """Wall milliseconds per image of one `call()`."""
    start = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - start) / images


def main() -> None:
    """Measure and print, or say that there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=256, help="the largest batch, and images per measurement")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print(json.dumps({"benchmark": "decode_gpu", "skipped": "torch finds no NVIDIA GPU"}))
        return
    checkpoint = make_checkpoint()
    eager = NounDecoder(checkpoint, args.device)
    ways = {"eager": eager}
    if args.device == "cuda":
        eager._model = CudaDecoder(checkpoint.model, record=None)
        ways["graphs"] = NounDecoder(checkpoint, "cuda")
    columns = checkpoint.model.arch.max_tokens
    dense = torch.tensor([[*row, *[0] * (columns - len(row))] for row in checkpoint.noun_tokens], device=args.device)
    vectors = torch.nn.functional.normalize(torch.randn(args.images, WIDTH), dim=-1).to(args.device)

    rows = []
    for nouns in (FEW, NOUNS):
        for decoder in ways.values():
            decoder.set_guide(checkpoint.nouns[:nouns])
        for batch in (size for size in BATCHES if size <= args.images):
            for name, k in ((GREEDY, 1), (BEAM, 10)):
                some = vectors[:max(batch, min(args.images, 8 * batch))]
                parts = some.split(batch)
                calls = {way: lambda d=d, n=name, p=parts: [d.decode(part, n) for part in p]
                         for way, d in ways.items()}
                few = some[:max(batch, 16)].split(min(batch, 16))  # in larger batches the masks take too much memory
                calls["dense"] = lambda p=few, n=nouns, k=k: [dense_beam_search(checkpoint.model, part, dense[:n], k)
                                                             for part in p]
                counts = {way: len(some) for way in ways} | {"dense": sum(map(len, few))}
                for way, call in calls.items():
                    wall_ms(call, counts[way], args.device)  # records the graphs
                least = {way: min(wall_ms(call, counts[way], args.device) for _ in range(args.rounds))
                         for way, call in calls.items()}
                rows.append({"nouns": nouns, "batch": batch, "search": name,
                             **{f"{way}_ms": round(ms, 3) for way, ms in least.items()}})
                print(f"{nouns:6} nouns, batch {batch:3}, {name:26}",
                      ", ".join(f"{way} {ms:8.3f} ms" for way, ms in least.items()), flush=True)
    device = torch.cuda.get_device_name() if args.device == "cuda" else platform.processor() or "cpu"
    print(json.dumps({"benchmark": "decode_gpu", "device": device, "torch": torch.__version__,
                      "cuda": torch.version.cuda, "rows": rows}))


if __name__ == "__main__":
    main()

"""How long a camera frame takes to become a message on `labels`, and what the node costs, over real DDS.

A camera process sends 640x480 pictures at 30 Hz, raw and as JPEG, with the shipped Fast DDS profile; the node runs in
a process of its own, on the embedded model and on a null model that says the same of everything at once. What it takes
with the null model is the node's own time: both ways through DDS, conversion (JPEG's too) and messages. Then the camera
is ten times faster than a model that takes a third of a second, and than the embedded model: how old do results get?

Latency runs from just before the camera publishes until the subscriber has the message, by this machine's monotonic
clock. CPU is that of the node's process, in percent of one core. It does NOT measure labels' quality, nor networks.
Prints a table and, as its last line, one JSON object. Run: python benchmarks/node.py [--seconds N]
"""

import argparse
import json
import time

from rig import NODE, ONE_THREAD, PHOTOS, Ignored, harness, machine, percentiles, robot

RATE, WARM_UP = 30.0, 2.0
SLEEP = 10 / RATE  # seconds per frame of the model that is ten times too slow
TOPICS = {"jpeg": "image/compressed", "raw": "image"}
TRANSPORTS = {"jpeg": "compressed", "raw": "raw"}


def run(kind: str, model: str, rate: float, seconds: float, delay: float = 0.0) -> dict:
    """Let one camera send for a while; what came of it."""
    arrivals = harness().Arrivals()
    heard = {"labels": arrivals, "classification": Ignored(), "label": Ignored()}
    with robot(heard) as made:
        options = ["-p", f"image_transport:={TRANSPORTS[kind]}", "-p", "diagnostics_period:=1.0"]
        if model == "null":
            node = made.start(*options, NOVIC_TEST_NULL="1", NOVIC_TEST_DELAY=str(delay), **ONE_THREAD)
        else:
            options += ["-p", f"model:={model}", "-p", "device:=cpu"]
            node = made.start(*options, command=NODE, **ONE_THREAD)
        camera = made.cameras(TOPICS[kind], "--transport", TRANSPORTS[kind], "--rate", str(rate),
                              "--size", "640", "480", "--photos", str(PHOTOS), **ONE_THREAD)
        camera.go(120.0)
        time.sleep(WARM_UP)
        begin, cpu = time.monotonic_ns(), node.cpu_seconds()
        time.sleep(seconds)
        end, cpu = time.monotonic_ns(), node.cpu_seconds() - cpu
        _, _, values = made.status(lambda *_: True, "anything")
        memory = node.memory_mb()
        (frames,) = camera.sent().values()
    left = {f"{TOPICS[kind]} {frame.number}": frame.left for frame in frames}
    ages = [(came - left[message.header.frame_id]) * 1e-6 for came, message in arrivals if begin <= came < end]
    sent = sum(begin <= frame.left < end for frame in frames)
    took = (end - begin) * 1e-9
    stages = {key: float(values[f"{key} p50 (ms)"])
              for key in ("wait", "convert", "preprocess", "embed", "decode", "publish", "total")}
    return {"camera_hz": round(sent / took, 1), "results_hz": round(len(ages) / took, 1),
            "latency_ms": percentiles(ages), "cpu_percent": round(100 * cpu / took, 1),
            "memory_mb": round(memory), "stages_p50_ms": stages}


def busy_ms(result: dict) -> float:
    """Milliseconds that the node spends on a frame once it has taken it: the sum of its stages' medians."""
    stages = result["stages_p50_ms"]
    return sum(milliseconds for stage, milliseconds in stages.items() if stage not in ("wait", "total"))


def line(name: str, result: dict) -> None:
    """One row of the table."""
    print("{:24} {camera_hz:7} {results_hz:8} {p50:8} {p95:8} {p99:8} {max:8} {cpu_percent:6} {memory_mb:6}".format(
        name, **result["latency_ms"], **result), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="per measurement (default %(default)s)")
    parser.add_argument("--model", default="novic_mini", help='beside the null model; "": none (default %(default)s)')
    args = parser.parse_args()

    print(f"640x480 at {RATE:g} Hz, {args.seconds:g} s each; latency in ms, CPU in % of one core, memory in MB")
    print(f"{'':24} {'sent/s':>7} {'result/s':>8} {'p50':>8} {'p95':>8} {'p99':>8} {'max':>8} {'CPU':>6} {'memory':>6}")
    results, overload = {}, {}
    models = ("null", args.model) if args.model else ("null",)
    for model in models:
        for kind in TOPICS:
            name = f"{kind} {model}"
            results[name] = run(kind, model, RATE, args.seconds)
            line(name, results[name])
    for model in models:
        null = model == "null"
        service = 1e3 * SLEEP if null else busy_ms(results[f"jpeg {model}"])
        rate = 1e4 / service
        found = run("jpeg", model, rate, args.seconds, SLEEP if null else 0.0)
        took = busy_ms(found) + (service if null else 0.0)  # in this very run
        overload[model] = {**found, "service_ms": round(took, 1), "bound_ms": round(2 * took + 1e3 / rate, 1)}
        line(f"10x overload {model}", found)
        print(f"{'':24} service time {took:.1f} ms, bound {overload[model]['bound_ms']} ms")
    own = {kind: results[f"{kind} null"]["latency_ms"]["p50"] for kind in TOPICS}
    print(f"the node's own time, p50: JPEG {own['jpeg']} ms (bound 3), raw {own['raw']} ms (bound 5)")
    jpegs = [path.stat().st_size for path in PHOTOS.glob("*.jpg")]
    print(json.dumps({"benchmark": "node", "seconds": args.seconds, "size": [640, 480],
                      "jpeg_kb": round(sum(jpegs) / len(jpegs) / 1000), "own_p50_ms": own,
                      "results": results, "overload": overload, "threads": 1, "machine": machine()}))


if __name__ == "__main__":
    main()

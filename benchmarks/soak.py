"""Runs the node for long at the full input rate, does it all kinds of harm, and looks for what leaks or gets lost.

A camera process sends 640x480 JPEGs at 30 Hz, every fiftieth of them broken, and boxes for every tenth. Every few
seconds comes the next fault of a list: a killed camera, a storm of parameters, a transition, a broken vocabulary file,
a publisher with other QoS and so on. It prints, and writes as JSON into benchmarks/results, named by processor and
versions:

* frames: by the camera's log, by the node's counters and by what was heard; lost results are those that the node
  counted as published and that this listener did not hear, invented ones those that nobody sent or that came twice;
* memory: the slope of the node's resident memory after warm-up, in MB per hour, with its 95 % interval; the model is
  freed and loaded again during warm-up only;
* the age of results, from leaving the camera to being heard, and how many lines the node logged.

Exit code 1 if a result was lost or invented, the frames do not add up, the node ended or printed a traceback, or memory
surely grows by more than 1 MB/h (judged from 10 minutes on). It does NOT look at what the labels say.
Run: python benchmarks/soak.py [--minutes N]
"""

import argparse
import datetime
import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

from rig import NODE, ONE_THREAD, PHOTOS, Ignored, harness, machine, percentiles, robot
from rig.faults import FAULTS
from rig.trend import slope_with_interval

RESULTS = Path(__file__).resolve().parent / "results"
RATE, BAD_EVERY = 30.0, 50  # frames per second, and every how many is bad
WARM_UP = 0.25  # share of the run that the memory's slope leaves out
# What the C library keeps of a model differs by megabytes from load to load; test_cycles_live.py looks at that instead.
ONLY_IN_WARM_UP = ("model reloaded",)
BOUND_MB_PER_HOUR, JUDGED_FROM_MINUTES = 1.0, 10.0


class Heard:
    """Stands for the list of heard `labels`: keeps what is needed to add up, and no message."""

    def __init__(self):
        self.came: dict[tuple[str, int], int] = {}  # frame id and stamp -> nanoseconds of the monotonic clock
        self.total = self.disordered = 0
        self._last = -1

    def append(self, message: Any) -> None:
        """Called with every message, as soon as it is there."""
        now, header = time.monotonic_ns(), message.header
        number = int(header.frame_id.split()[1])
        self.came[header.frame_id, header.stamp.sec * 10**9 + header.stamp.nanosec] = now
        self.total += 1
        self.disordered += number <= self._last
        self._last = number


class Soak:
    """The node, its camera, and what was seen so far; the faults in rig/faults.py act on it."""

    def __init__(self, made: Any, model: str):
        self.robot, self.model, self.harness = made, model, harness()
        options = ["-p", "image_transport:=compressed", "-p", "diagnostics_period:=1.0", "-p", "crop.enabled:=true"]
        if model == "null":
            self.node = made.start(*options, NOVIC_TEST_NULL="1", NOVIC_TEST_WEIGHTS="50", **ONE_THREAD)
        else:
            self.node = made.start(*options, "-p", f"model:={model}", "-p", "device:=cpu", command=NODE, **ONE_THREAD)
        self.memory: list[tuple[float, float]] = []  # (seconds, MB)
        self.frames: list[Any] = []  # sent by cameras that are gone
        self.deaf = 0  # frames sent while the node was told not to listen
        self.start_camera()

    def start_camera(self) -> None:
        """A camera whose numbers go on where the last one's ended."""
        first = str(1 + self.frames[-1].number if self.frames else 0)
        self.camera = self.robot.cameras(
            "image/compressed", "--rate", str(RATE), "--first", first, "--bad-every", str(BAD_EVERY), "--boxes",
            "--size", "640", "480", "--photos", str(PHOTOS), **ONE_THREAD)  # fmt: skip
        self.camera.go(120.0)

    def end_camera(self, kill: bool = False) -> None:
        """Stop the camera, or let it crash."""
        end = self.camera.kill if kill else self.camera.stop
        end()
        self.frames += next(iter(self.camera.sent().values()), [])
        self.robot.nodes.remove(self.camera)

    def sent(self) -> int:
        """Frames sent so far."""
        return len(self.frames) + len(next(iter(self.camera.sent().values()), []))

    def watch(self, until: float) -> None:
        """Note the node's memory twice a second until then."""
        while time.monotonic() < until:
            self.memory.append((time.monotonic(), self.node.memory_mb()))
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))


def run(soak: Soak, minutes: float, pause: float) -> dict[str, int]:
    """Inject faults, some seconds apart, until the time is over; how often each.

    During warm-up they come four times as quickly, so that what is taken once has been taken when it ends.
    """
    done = dict.fromkeys(FAULTS, 0)
    begin = time.monotonic()
    end, warm = begin + 60 * minutes, begin + WARM_UP * 60 * minutes
    for name in itertools.cycle(FAULTS):
        warming_up = time.monotonic() < warm
        if name in ONLY_IN_WARM_UP and not warming_up:
            continue
        soak.watch(min(end, time.monotonic() + (pause / 4 if warming_up else pause)))
        if time.monotonic() >= end:
            break
        FAULTS[name](soak)
        done[name] += 1
    return done


def key_of(frame: Any) -> tuple[str, int]:
    """Frame id and stamp, as in the headers."""
    return f"image/compressed {frame.number}", frame.stamp


def ages_ms(soak: Soak, heard: Heard) -> list[float]:
    """From leaving the camera to being heard, of every result."""
    return [(heard.came[key_of(f)] - f.left) * 1e-6 for f in soak.frames if key_of(f) in heard.came]


def add_up(soak: Soak, heard: Heard) -> dict[str, Any]:
    """Every frame's fate, once the camera is silent."""
    soak.end_camera()
    _, _, values = soak.robot.status(lambda _l, _m, values: values["inside"] == "0", "that no frame is inside")
    counts = {key: int(values[key]) for key in ("received", "processed", "replaced by a newer frame", "dropped")}
    deadline = time.monotonic() + 5.0  # for results that are still on their way here
    while heard.total < counts["processed"] and time.monotonic() < deadline:
        time.sleep(0.05)
    unknown = heard.came.keys() - {key_of(frame) for frame in soak.frames}
    return {
        "sent": len(soak.frames), **counts,
        **{key: int(value) for key, value in values.items() if key.startswith(("dropped: ", "boxes skipped: "))},
        "not received": len(soak.frames) - counts["received"], "sent while told not to listen": soak.deaf,
        "heard": heard.total, "lost results": counts["processed"] - heard.total,
        "invented results": len(unknown) + heard.total - len(heard.came), "out of order": heard.disordered,
    }  # fmt: skip


def verdict(result: dict[str, Any]) -> list[str]:
    """What is wrong, a sentence each."""
    frames, memory = result["frames"], result["memory"]
    wrong = [f"{frames[key]} {key}" for key in ("lost results", "invented results", "out of order") if frames[key]]
    if frames["not received"] < 0:
        wrong.append(f"{-frames['not received']} frames were received that nobody sent")
    if result["tracebacks"]:
        wrong.append(f"{result['tracebacks']} tracebacks in the node's log")
    if result["exit_code"] != 0:
        wrong.append(f"the node ended with exit code {result['exit_code']}")
    if result["minutes"] >= JUDGED_FROM_MINUTES and memory["interval_mb_per_hour"][0] > BOUND_MB_PER_HOUR:
        wrong.append(f"memory grows by more than {BOUND_MB_PER_HOUR:g} MB/h")
    return wrong


def soak_for(minutes: float, model: str, pause: float) -> dict[str, Any]:
    """The whole run; everything that was found."""
    heard = Heard()
    with robot({"labels": heard, "classification": Ignored(), "label": Ignored()}) as made:
        soak = Soak(made, model)
        began = time.monotonic()
        faults = run(soak, minutes, pause)
        frames = add_up(soak, heard)
        exit_code = soak.node.stop()
        log = soak.node.output
    settled = [(t, mb) for t, mb in soak.memory if t - began >= WARM_UP * 60 * minutes]
    slope, low, high = slope_with_interval([t / 3600 for t, _ in settled], [mb for _, mb in settled])
    return {
        "benchmark": "soak", "minutes": minutes, "model": model, "camera_hz": RATE, "size": [640, 480],
        "frames": frames, "faults": faults,
        "memory": {"first_mb": round(settled[0][1], 1), "last_mb": round(settled[-1][1], 1),
                   "slope_mb_per_hour": round(slope, 2), "interval_mb_per_hour": [round(low, 2), round(high, 2)],
                   "left_out_minutes": round(WARM_UP * minutes, 2), "samples": len(settled)},
        "age_ms": percentiles(ages_ms(soak, heard), 1), "log_lines": len(log.splitlines()),
        "tracebacks": log.count("Traceback"), "exit_code": exit_code, "machine": machine(),
    }  # fmt: skip


def file_name(result: dict[str, Any]) -> str:
    """Named by device and versions, so that another machine's result lies beside this one's."""
    about = result["machine"]
    words = f"soak {result['model']} {about['cpu']} {about['cores']} cores python{about['python']} {about['ros']}"
    return re.sub(r"[^a-z0-9.]+", "_", words.lower()).strip("_") + ".json"


def show(result: dict[str, Any]) -> None:
    """The same for people."""
    for name, value in {**result["frames"], "age (ms)": result["age_ms"], "log lines": result["log_lines"]}.items():
        print(f"{name:32} {value}")
    memory = result["memory"]
    low, high = memory["interval_mb_per_hour"]
    print(f"memory, MB{'':22} {memory['first_mb']} after {memory['left_out_minutes']:g} minutes, {memory['last_mb']} "
          f"at the end: {memory['slope_mb_per_hour']} MB/h (95 %: {low} to {high})")
    print(f"faults: {', '.join(f'{count} x {name}' for name, count in result['faults'].items() if count)}")


def main() -> int:
    """Soak, print, write the file; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default %(default)s)")
    parser.add_argument("--model", default="novic_mini", help='"null": says the same at once (default %(default)s)')
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between faults (default %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result (default %(default)s)")
    args = parser.parse_args()
    result = soak_for(args.minutes, args.model, args.pause)
    result["date"] = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    result["wrong"] = verdict(result)
    args.results.mkdir(parents=True, exist_ok=True)
    path = args.results / file_name(result)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(result)
    print(f"wrote {path}; " + ("wrong: " + "; ".join(result["wrong"]) if result["wrong"] else "nothing is wrong"))
    print(json.dumps(result))
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())

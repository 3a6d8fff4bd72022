"""What training on several replicas and workers costs, and what it would gain on real machines.

    python benchmarks/scaling.py                  # about ten minutes on two cores
    python benchmarks/scaling.py --works dcgan --rounds 9

Measured: the time of a step on one device; on logical devices of the same processors; and in worker
processes on this machine. The batch of each replica stays the same (weak scaling). Logical devices
share the cores, so that n replicas cannot be faster than n steps one after the other; `overhead` is
the time of a step of n replicas over that of n single steps, minus one. With two cores that says
what the sums over replicas, their threads and the division of the data cost, and no more.

Each way trains in a process of its own, in turns; a figure is the median over the rounds.

Computed: bytes of gradients of a step, and how long a ring of n machines takes to sum them over
links of some speeds, 2 (n - 1) / n times the bytes over the speed of a link (Patarasuk and Yuan
2009, section 3).
"""

import argparse
import json
import os
import pathlib
import platform
import socket
import statistics
import subprocess
import sys
import time
from importlib import metadata

HERE = pathlib.Path(__file__).parent
WORKS = {
    "perceptron": ("vanilla", (8, 8, 1), 100, {"preset": "relu"}),
    "dcgan": ("dcgan", (32, 32, 3), 32, {"width": 32}),
    "r3gan": ("r3gan", (28, 28, 1), 32, {}),
}
WAYS = ("one device", "2 devices", "4 devices", "2 workers")
LINKS = {"PCIe 4.0 x16": 25e9, "NVLink (A100)": 300e9, "10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9}


def replicas_of(way: str) -> int:
    return 1 if way == "one device" else int(way.split()[0])


# In a process of its own: trains on demand.


def serve(work: str, way: str) -> None:
    """Answers each line on standard input with the seconds of a step."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import contextlib

    import numpy as np
    import tensorflow as tf

    import kgan

    strategy = None
    if way.endswith("workers"):
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    elif (count := replicas_of(way)) > 1:
        one = tf.config.LogicalDeviceConfiguration()
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [one] * count)
        strategy = tf.distribute.MirroredStrategy([f"CPU:{place}" for place in range(count)])
    family, shape, batch, options = WORKS[work]
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        gan = kgan.models.find(family)(image_shape=shape, seed=0, **options)
        gan.compile(jit_compile=False, steps_per_execution=1)
    batch *= replicas_of(way)
    images = np.random.default_rng(0).uniform(-1, 1, (batch, *shape)).astype("float32")
    data = tf.data.Dataset.from_tensors(images).repeat()

    def train(steps):
        begun = time.perf_counter()
        gan.fit(data, steps_per_epoch=steps, verbose=0)
        return (time.perf_counter() - begun) / steps

    train(2)
    weights = [np.prod(v.shape) for player in gan.players for v in player.variables]
    print(json.dumps({"bytes": int(4 * sum(weights))}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": train(int(line))}), flush=True)


class Way:
    """The process, or the processes, of one way to train."""

    def __init__(self, work: str, way: str):
        self.way = way
        environments = [{}]
        if way.endswith("workers"):
            environments = _cluster(replicas_of(way))
        self.running = [
            subprocess.Popen(
                [sys.executable, __file__, "--serve", work, way],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=os.environ | environment,
            )
            for environment in environments
        ]
        self.bytes = self._answer()["bytes"]

    def _answer(self) -> dict:
        answers = [json.loads(process.stdout.readline()) for process in self.running]
        return answers[0]

    def seconds(self, steps: int) -> float:
        for process in self.running:
            process.stdin.write(f"{steps}\n")
            process.stdin.flush()
        return self._answer()["seconds"]

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


def _cluster(count: int) -> list[dict[str, str]]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    hosts = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes]
    for probe in probes:
        probe.close()
    task = {"cluster": {"worker": hosts}}
    return [
        {"TF_CONFIG": json.dumps(task | {"task": {"type": "worker", "index": index}})}
        for index in range(count)
    ]


def measured(work: str, rounds: int, seconds: float) -> dict:
    """Returns the medians of all ways, in seconds a step, and the bytes of the gradients."""
    ways = {}
    try:
        for way in WAYS:
            ways[way] = Way(work, way)
        steps = {way: max(2, int(seconds / one.seconds(3))) for way, one in ways.items()}
        times = {way: [] for way in ways}
        for _ in range(rounds):
            for way, one in ways.items():
                times[way].append(one.seconds(steps[way]))
        return {
            "bytes": ways[WAYS[0]].bytes,
            "seconds": {way: statistics.median(found) for way, found in times.items()},
            # Of the same round: the machine's speed changes from one to the next.
            "overhead": {
                way: statistics.median(
                    several / (replicas_of(way) * one) - 1
                    for several, one in zip(found, times["one device"], strict=True)
                )
                for way, found in times.items()
            },
        }
    finally:
        for one in ways.values():
            one.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each way in each round")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(*given.serve)
        return
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("tensorflow", "keras"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, {versions}\n")
    print("| work | " + " | ".join(f"{way}, ms a step" for way in WAYS) + " |")
    print("| --- " * (len(WAYS) + 1) + "|")
    found = {}
    for work in given.works.split(","):
        found[work] = measured(work, given.rounds, given.seconds)
        cells = [
            f"{1000 * found[work]['seconds'][way]:.1f}"
            + (f" (overhead {found[work]['overhead'][way]:.0%})" if replicas_of(way) > 1 else "")
            for way in WAYS
        ]
        print(f"| {work} | " + " | ".join(cells) + " |", flush=True)
    print("\n| work | gradients, MB a step | " + " | ".join(LINKS) + " |")
    print("| --- " * (len(LINKS) + 2) + "|")
    for work, figures in found.items():
        cells = []
        for name, speed in LINKS.items():
            machines = 8 if "Gbit" not in name else 32
            moved = 2 * (machines - 1) / machines * figures["bytes"]
            cells.append(f"{1000 * moved / speed:.3g} ms ({machines})")
        print(f"| {work} | {figures['bytes'] / 1e6:.2f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

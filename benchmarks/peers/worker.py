"""A process that trains on demand: reads a number of steps, writes the seconds they took."""

import importlib
import json
import os
import resource
import sys
import time

import numpy as np

from peers.works import WORKS

PEERS = {
    "kgan": ("peers.in_keras", "Kgan", "auto"),
    "kgan without XLA": ("peers.in_keras", "Kgan", "plain"),
    "kgan with XLA": ("peers.in_keras", "Kgan", "xla"),
    "convolutions alone": ("peers.in_keras", "Convolutions", ""),
    "Keras example": ("peers.in_keras", "KerasExample", ""),
    "classic loop": ("peers.classic", "Classic", ""),
    "PyTorch": ("peers.in_torch", "Trainer", "eager"),
    "PyTorch, channels last": ("peers.in_torch", "Trainer", "channels_last"),
    "PyTorch, compiled": ("peers.in_torch", "Trainer", "compiled"),
}
# Number of samples. They are noise, because speed does not depend on what they show.
SAMPLES = 2048


def memory() -> float:
    """Returns the memory of the process, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def main():
    name, peer, threads, precision, device = sys.argv[1:]
    # Standard output carries the answers, so what libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = WORKS[name]
    module, kind, form = PEERS[peer]
    trainer = getattr(importlib.import_module(module), kind)
    data = np.random.default_rng(0).random((SAMPLES, *work.sample), dtype=np.float32)
    before = memory()
    start = time.perf_counter()
    trainer = trainer(work, data, form, int(threads), precision, device)
    trainer.run(2)
    print(
        json.dumps({"start": time.perf_counter() - start, "parameters": trainer.parameters}),
        file=answers,
        flush=True,
    )
    for line in sys.stdin:
        start = time.perf_counter()
        trainer.run(int(line))
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
        # On a GPU the memory of the process says little.
        peak = trainer.memory() or peak
        print(json.dumps({"seconds": seconds, "memory": peak}), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Measures how long kgan takes to begin, each case in a fresh process.

    python benchmarks/start.py
    python benchmarks/start.py --rounds 7 --cases import largest

Cases:

- import: `import kgan, keras` with what every program uses (`kgan.GAN`), and within it what the
  import of TensorFlow and Keras alone takes
- largest: making and compiling the family with the most layers, `CycleGAN()`, and within `compile`
  what Keras takes to build the optimizers
- picture: `kgan train` until the first picture of samples is on disk

"Ours" is what is left without TensorFlow's and Keras's own share. The seconds of the processor, of
all threads together, hardly depend on other programs; those of the clock do. Medians of the rounds.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

_CLOCKS = """
import json, os, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
marks, begun = {}, (time.process_time(), time.perf_counter())
def mark(name):
    global begun
    now = time.process_time(), time.perf_counter()
    marks[name] = [b - a for a, b in zip(begun, now)]
    begun = time.process_time(), time.perf_counter()
"""
_IMPORT = """
import tensorflow, keras
mark("TensorFlow and Keras")
import kgan
kgan.GAN, kgan.data, kgan.callbacks, kgan.models.DCGAN
mark("ours: kgan")
"""
_LARGEST = """
import keras, kgan
kgan.models.CycleGAN
mark("imports")
gan = kgan.models.CycleGAN()
mark("CycleGAN()")
spent = [0.0, 0.0]
build = keras.optimizers.Adam.build
def timed(self, variables):
    start = time.process_time(), time.perf_counter()
    build(self, variables)
    spent[0] += time.process_time() - start[0]
    spent[1] += time.perf_counter() - start[1]
keras.optimizers.Adam.build = timed
gan.compile()
mark("compile()")
marks["of it Keras's optimizers"] = spent
marks["ours: the rest of compile()"] = [a - b for a, b in zip(marks["compile()"], spent)]
"""
_PICTURE = """
import tensorflow, keras
mark("TensorFlow and Keras")
from kgan.callbacks import ImageSnapshot
from kgan.cli import main
from kgan import training
from kgan.training import model
class Drawn(BaseException): pass
fit = model.AdversarialModel.fit
def begins(self, *given, **more):
    mark("ours: the data and the model")
    return fit(self, *given, **more)
model.AdversarialModel.fit = begins
end = ImageSnapshot.on_train_batch_end
def draws(self, *given, **more):
    before = len(os.listdir(folder)) if os.path.isdir(folder) else 0
    end(self, *given, **more)
    if os.path.isdir(folder) and len(os.listdir(folder)) > before:
        mark("from fit to the first picture")
        raise Drawn
ImageSnapshot.on_train_batch_end = draws
folder = os.path.join(sys.argv[1], "samples")
out, sys.stdout = sys.stdout, sys.stderr
try:
    main(["train", "--quiet", "--out", sys.argv[1]])
except Drawn:
    pass
sys.stdout = out
"""
CASES = {"import": _IMPORT, "largest": _LARGEST, "picture": _PICTURE}


def once(code: str) -> dict[str, list[float]]:
    """Runs a case in a fresh process; returns (processor's seconds, clock's) by part."""
    root = str(pathlib.Path(__file__).parents[1])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        words = [
            sys.executable,
            "-c",
            f"{_CLOCKS}{code}\nprint(json.dumps(marks))",
            f"{folder}/run",
        ]
        done = subprocess.run(
            words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
        )
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found: dict[str, list] = {name: [] for name in arguments.cases}
    for number in range(arguments.rounds):
        for name in arguments.cases:
            found[name].append(once(CASES[name]))
            print(f"round {number + 1}: {name}", file=sys.stderr, flush=True)
    print("| case | part | s of the processor | of the clock |")
    print("| --- | --- | --- | --- |")
    for name, rounds in found.items():
        for part in rounds[0]:
            processor, clock = (
                statistics.median(one[part][place] for one in rounds) for place in (0, 1)
            )
            print(f"| {name} | {part} | {processor:.2f} | {clock:.2f} |")


if __name__ == "__main__":
    main()

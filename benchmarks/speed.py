"""Compares kgan's speed with other ways to do the same with the same networks on one machine.

    pip install -e '.[speed]'
    python benchmarks/speed.py --short                      # all works within ten minutes
    python benchmarks/speed.py --works dcgan-28 --rounds 15
    python benchmarks/speed.py --precision float32 bfloat16 --works dcgan-64
    python benchmarks/speed.py --device gpu --dry-run       # what is there, and what lacks
    python benchmarks/speed.py --device gpu

Every peer trains the same layers with the same batch, optimizer and precision, in its own process
with the same cores. They train in turns: in every round each trains for some seconds while the
others wait. A ratio is the median over the rounds of kgan's speed divided by the peer's in the same
round. Start-up and compilation are timed separately. Peers (`benchmarks/peers`):

- kgan: `gan.fit` with its own choice of XLA; and with XLA always off or on
- convolutions alone: those of kgan's step and their gradients on noise, one after the other; how
  fast a step would be if nothing else took time
- Keras example: a `train_step` in the style of the Keras examples
- classic loop: a session and a `feed_dict` for each update, as in the tutorials of TensorFlow 1
- PyTorch: eager, with channels last, and compiled by `torch.compile`; in half precision by autocast

Other works draw 10,000 images (PyTorch under `inference_mode`), and measure the Fréchet distance of
10,000 images and 10,000 others by the features of one network (2,000 with `--short`).

With `--device gpu` all of it runs on the first GPU, in float32 and bfloat16, with and without XLA.
It first says what is there and what lacks; nobody has run it so far.

What is measured is kept after each work, in `speed.part.json`: the same command goes on after an
interruption. At the end the table goes to `speed.md`, all figures to `speed.json`.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

# `before.py` takes these from here.
from peers.machine import gpu, versions
from peers.measuring import Peer, calibrated, compare, suits, table  # noqa: F401
from peers.worker import PEERS
from peers.works import WORKS

HERE = pathlib.Path(__file__).parent
FORMS = ("kgan without XLA", "kgan with XLA", "convolutions alone")
# Those that matter most come first: the last are left out where there is no time.
ORDER = (
    *("kgan", "PyTorch", "PyTorch, channels last", "Keras example", "classic loop"),
    *("PyTorch, compiled", *FORMS),
)
SHORT_MINUTES = 10.0


def planned(arguments) -> list[tuple[str, str, list[str]]]:
    """Returns (work, precision, names of the peers) of everything that is to be measured."""
    found = []
    for precision in arguments.precision:
        for name in arguments.works:
            work = WORKS[name]
            names = [n for n in ORDER if suits(work, n) and n in arguments.peers]
            if precision != "float32":
                # They are about float32.
                left_out = ("Keras example", "classic loop", "convolutions alone")
                names = [n for n in names if n not in left_out]
            found.append((name, precision, names))
    return found


def key(name, precision) -> str:
    """Returns the name of a work in the results."""
    return name if precision == "float32" else f"{name}, {precision}"


def kept(place, settings) -> dict:
    """Returns the results of an interrupted run of the same command, or none."""
    try:
        found = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}
    return found["works"] if found.get("settings") == settings else {}


def store(place, content) -> None:
    """Writes a file as a whole."""
    part = place.with_suffix(".writing")
    part.write_text(content)
    os.replace(part, place)


def measured(arguments, plan, say, until) -> dict:
    """Measures what is planned and not yet kept; returns the results of all."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    place = arguments.out / "speed.part.json"
    names = ("peers", "rounds", "seconds", "threads", "device", "minutes", "short")
    settings = {name: getattr(arguments, name) for name in names} | {"machine": versions()}
    works = kept(place, settings)
    results = {
        "machine": settings["machine"],
        "date": datetime.date.today().isoformat(),
        "settings": settings,
        "peak": _peak(arguments),
        "works": works,
    }
    left = [each for each in plan if key(*each[:2]) not in works]
    if len(left) < len(plan):
        say(f"{len(plan) - len(left)} works are measured already ({place})")
    for number, (name, precision, names) in enumerate(left):
        now = time.monotonic()
        # What a work leaves of its part of the time is for the others.
        end = now + (until - now) / (len(left) - number)
        options = argparse.Namespace(**{**vars(arguments), "precision": precision})
        works[key(name, precision)] = compare(WORKS[name], names, options, say, end)
        store(place, json.dumps(results, indent=1) + "\n")
        say(f"{key(name, precision)} done, {len(left) - number - 1} works left")
    place.unlink(missing_ok=True)
    return results


def _peak(arguments) -> dict | None:
    """Returns the largest GFLOP/s of a product of matrices and of a convolution; None on a GPU."""
    if arguments.device == "gpu":
        return None
    peak = subprocess.run(
        [sys.executable, HERE / "peers" / "peak.py", str(arguments.threads)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    return json.loads(peak.stdout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--peers", nargs="+", choices=PEERS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="training time of each peer in a round"
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="at most 5 rounds of 2 seconds within ten minutes, and kgan only with its own choice",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        help="the time for all works together: each has its part, with at least 3 rounds, and in "
        "half of the time that is left the last peers are left out",
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=("float32", "bfloat16", "float16"),
        help="default: float32, and on a GPU bfloat16 too",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be measured")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="threads of each process"
    )
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results")
    arguments = parser.parse_args()
    on_gpu = arguments.device == "gpu"
    if arguments.short:
        arguments.rounds, arguments.seconds = 5, 2.0
        arguments.minutes = arguments.minutes or SHORT_MINUTES
    if arguments.precision is None:
        arguments.precision = ["float32", "bfloat16"] if on_gpu else ["float32"]
    arguments.peers = arguments.peers or [
        name for name in PEERS if not (arguments.short and name in FORMS)
    ]
    begun = time.monotonic()
    until = begun + 60 * arguments.minutes if arguments.minutes else float("inf")

    def say(text):
        seconds = time.monotonic() - begun
        print(f"[{seconds // 60:2.0f}:{seconds % 60:02.0f}] {text}", flush=True)

    plan = planned(arguments)
    lacks = []
    if on_gpu:
        there, lacks = gpu(any(name.startswith("PyTorch") for name in arguments.peers))
        print("\n".join([*there, *(f"Lacking: {each}" for each in lacks)]))
    if arguments.dry_run:
        print("\n".join(f"{key(*each[:2])}: {'; '.join(each[2])}" for each in plan))
    if arguments.dry_run or lacks:
        sys.exit(1 if lacks else 0)
    results = measured(arguments, plan, say, until)
    text = table(results)
    print(text)
    store(arguments.out / "speed.json", json.dumps(results, indent=1) + "\n")
    store(arguments.out / "speed.md", text)


if __name__ == "__main__":
    main()

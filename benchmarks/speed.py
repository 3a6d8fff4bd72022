"""Compares kgan's training speed with other ways to train the same networks on one machine.

    pip install -e '.[speed]'
    python benchmarks/speed.py --short           # within ten minutes
    python benchmarks/speed.py --works dcgan-28 --rounds 15

Every peer trains the same layers with the same batch, optimizer and precision, in its own process
with the same cores. They train in turns: in every round each trains for some seconds while the
others wait. A ratio is the median over the rounds of kgan's speed divided by the peer's in the same
round. Start-up and compilation are timed separately. Peers (`benchmarks/peers`):

- kgan: `gan.fit` with its own choice of XLA; and with XLA always off or on
- Keras example: a `train_step` in the style of the Keras examples
- classic loop: a session and a `feed_dict` for each update, as in the tutorials of TensorFlow 1
- PyTorch: eager, with channels last, and compiled by `torch.compile`

The table goes to `benchmarks/results/speed.md`, all figures to `speed.json` beside it.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
from importlib import metadata

from peers.worker import PEERS
from peers.works import WORKS

HERE = pathlib.Path(__file__).parent
FORMS = ("kgan without XLA", "kgan with XLA")


class Peer:
    """A process that trains on demand; it imports kgan from the folder `kgan`, if one is given."""

    def __init__(self, work, name, threads, kgan=None):
        self.name = name
        folders = [str(HERE), *([str(kgan)] if kgan else []), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(folders),
            "OMP_NUM_THREADS": str(threads),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "peers.worker", work.name, name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if not os.environ.get("KGAN_SHOW_ERRORS") else None,
            text=True,
            env=environment,
        )
        self.ready = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            said = self.process.stderr.read() if self.process.stderr else ""
            raise ChildProcessError(said.strip().splitlines()[-1] if said.strip() else "it ended")
        return json.loads(line)

    def train(self, steps) -> float:
        """Trains for `steps` steps and returns the steps a second."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        self.last = self._answer()
        return steps / self.last["seconds"]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def suits(work, name) -> bool:
    """Returns whether a peer can train the work."""
    if name == "classic loop":
        return len(work.sample) == 1
    if name == "Keras example":
        return work.method == "logistic"
    return name != "PyTorch, channels last" or len(work.sample) == 3


def compare(work, names, rounds, seconds, threads) -> dict:
    """Returns the speeds of all peers at one work, round by round."""
    peers, figures = [], {}
    for name in names:
        try:
            peers.append(Peer(work, name, threads))
        except ChildProcessError as error:
            print(f"{work.name}: {name} does not run here: {error}", flush=True)
            figures[name] = {"error": str(error)}
    counts = {peer.ready["parameters"] for peer in peers}
    if len(counts) != 1:
        raise SystemExit(f"{work.name}: the networks differ, with {counts} parameters.")
    steps = {peer: calibrated(peer, seconds) for peer in peers}
    speeds = {peer: [] for peer in peers}
    for number in range(rounds):
        # Another peer begins each round, because a core that is hot from training is slower.
        for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
            speeds[peer].append(peer.train(steps[peer]))
    for peer in peers:
        figures[peer.name] = {
            "steps_per_second": speeds[peer],
            "start": peer.ready["start"],
            "memory": peer.last["memory"],
        }
        peer.end()
    return {
        "peers": figures,
        "parameters": counts.pop(),
        "gflop": work.arithmetic() / 1e9,
        "batch": work.batch,
    }


def calibrated(peer, seconds) -> int:
    """Returns how many steps a peer takes in `seconds`; compiles all that is left to compile."""
    steps, taken = 2, 0.0
    for _ in range(12):
        taken = steps / peer.train(steps)
        if taken > 0.6 * seconds:
            # Measured again, because the first time may include compilation.
            taken = steps / peer.train(steps)
        if taken > 0.6 * seconds:
            break
        steps = math.ceil(steps * min(8.0, seconds / taken))
        # A multiple of 100, so that fit can run several steps an execution.
        steps = math.ceil(steps / 100) * 100 if steps > 100 else steps
    return steps


def ratio(kgan, peer) -> float:
    """Returns the median over the rounds of kgan's speed divided by the peer's."""
    pairs = zip(kgan["steps_per_second"], peer["steps_per_second"], strict=True)
    return statistics.median(one / other for one, other in pairs)


def table(results) -> str:
    """Returns the results as Markdown."""
    peak = results["peak"]
    lines = [
        f"{results['machine']}; {results['date']}.",
        "",
        f"The machine's peak: {peak['matrix']:.0f} GFLOP/s in a product of matrices, "
        f"{peak['convolution']:.0f} in a convolution.",
    ]
    for name, work in results["works"].items():
        kgan = work["peers"].get("kgan", {})
        top = peak["matrix"] if name.startswith("mlp") else peak["convolution"]
        lines += [
            "",
            f"**{name}**: batch {work['batch']}, {work['parameters']:,} parameters, "
            f"{work['gflop']:.3g} GFLOP a step",
            "",
            "| | steps/s | range | kgan over it | share of the peak | start, s | memory, MiB |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for peer, figures in work["peers"].items():
            if "error" in figures:
                lines.append(f"| {peer} | does not run | | | | | |")
                continue
            speeds = figures["steps_per_second"]
            middle = statistics.median(speeds)
            beside = f"{ratio(kgan, figures):.2f}" if "start" in kgan and peer != "kgan" else ""
            lines.append(
                f"| {peer} | {middle:.3g} | {min(speeds):.3g} to {max(speeds):.3g} | {beside} | "
                f"{middle * work['gflop'] / top:.0%} | {figures['start']:.1f} | "
                f"{figures['memory']:.0f} |"
            )
    return "\n".join(lines) + "\n"


def versions() -> str:
    found = [f"{platform.machine()}, {os.cpu_count()} cores", f"Python {platform.python_version()}"]
    for package in ("kgan", "tensorflow", "keras", "torch"):
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} is not installed")
    return ", ".join(found)


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
        help="5 rounds of 2 seconds, and kgan only with its own choice",
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="threads of each process"
    )
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.rounds, arguments.seconds = 5, 2.0
    names = arguments.peers or [name for name in PEERS if not (arguments.short and name in FORMS)]
    peak = subprocess.run(
        [sys.executable, HERE / "peers" / "peak.py", str(arguments.threads)],
        check=True,
        capture_output=True,
        text=True,
    )
    results = {
        "machine": versions(),
        "date": datetime.date.today().isoformat(),
        "peak": json.loads(peak.stdout),
        "works": {},
    }
    for name in arguments.works:
        work = WORKS[name]
        suitable = [peer for peer in names if suits(work, peer)]
        results["works"][name] = compare(
            work, suitable, arguments.rounds, arguments.seconds, arguments.threads
        )
        print(f"{name} done", flush=True)
    text = table(results)
    print(text)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "speed.json").write_text(json.dumps(results, indent=1) + "\n")
    (arguments.out / "speed.md").write_text(text)


if __name__ == "__main__":
    main()

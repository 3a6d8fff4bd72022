"""Peers that train, draw or measure in turns, each in a process of its own."""

import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

from peers.worker import PEERS

HERE = pathlib.Path(__file__).parents[1]
# Of the time of a work, the part in which peers are started; what is not by then is left out.
STARTING = 0.6
LEAST_ROUNDS = 3


class Peer:
    """A process that works on demand; it imports kgan from the folder `kgan`, if one is given."""

    def __init__(self, work, name, threads, kgan=None, precision="float32", device="cpu"):
        self.name = name
        folders = [str(HERE), *([str(kgan)] if kgan else []), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(folders),
            "OMP_NUM_THREADS": str(threads),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        if device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "peers.worker",
                work.name,
                name,
                str(threads),
                precision,
                device,
            ],
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
        """Takes `steps` steps and returns the steps a second."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        self.last = self._answer()
        return steps / self.last["seconds"]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def suits(work, name) -> bool:
    """Returns whether a peer can do the work."""
    if work.task != "train" and name not in ("kgan", *(n for n in PEERS if n.startswith("PyT"))):
        return False
    if name == "convolutions alone":
        # Several updates of the discriminator are a loop, in which they are not counted.
        return len(work.sample) == 3 and work.discriminator_steps == 1
    if name == "classic loop":
        return len(work.sample) == 1
    if name == "Keras example":
        return work.method == "logistic"
    if name == "PyTorch, compiled" and (work.method != "logistic" or work.task == "frechet"):
        # It has no second derivatives, and compiles whole networks, not their features.
        return False
    return name != "PyTorch, channels last" or len(work.sample) == 3


def compare(work, names, settings, say, until=math.inf) -> dict:
    """Returns the speeds of all peers at one work, round by round.

    Args:
        work: the `Work`.
        names: names of the peers, those first that matter most.
        settings: `rounds`, `seconds`, `threads`, `precision`, `device`, and `short` for a fifth of
            the images of works that do not train.
        say: prints a line of progress.
        until: when to be done, by `time.monotonic`. With little time there are fewer rounds, not
            below three, and the last of the peers are left out.
    """
    begun = time.monotonic()
    last_start = begun + STARTING * (until - begun)
    peers, figures = [], {}
    for place, name in enumerate(names):
        if place > 1 and time.monotonic() > last_start:
            figures[name] = {"error": "left out: there was no time"}
            continue
        try:
            peer = Peer(
                work,
                name,
                settings.threads,
                precision=settings.precision,
                device=settings.device,
            )
        except ChildProcessError as error:
            say(f"{work.name}: {name} does not run here: {error}")
            figures[name] = {"error": str(error)}
            continue
        peers.append(peer)
        say(f"{work.name}: {name} started in {peer.ready['start']:.1f} s")
    counts = {peer.ready["parameters"] for peer in peers}
    if len(counts) > 1:
        raise SystemExit(f"{work.name}: the networks differ, with {counts} parameters.")
    fixed = work.steps // 5 if settings.short else work.steps
    steps = {peer: fixed or calibrated(peer, settings.seconds) for peer in peers}
    if fixed:
        # The first pass traces, and compiles for the batches of this size.
        for peer in peers:
            peer.train(fixed // 4)
    speeds = {peer: [] for peer in peers}
    taken = 0.0
    for number in range(settings.rounds):
        if number >= LEAST_ROUNDS and time.monotonic() + taken > until:
            break
        start = time.monotonic()
        # Another peer begins each round, because a core that is hot from training is slower.
        shift = number % max(1, len(peers))
        for peer in peers[shift:] + peers[:shift]:
            speeds[peer].append(peer.train(steps[peer]))
        taken = time.monotonic() - start
        shown = ", ".join(f"{peer.name} {speeds[peer][-1]:.3g}" for peer in peers)
        say(f"{work.name}: round {number + 1}: {shown} steps/s")
    for peer in peers:
        figures[peer.name] = {
            "steps_per_second": speeds[peer],
            "start": peer.ready["start"],
            "memory": peer.last["memory"],
        }
        peer.end()
    return {
        "peers": figures,
        "parameters": counts.pop() if counts else 0,
        "gflop": work.arithmetic() / 1e9,
        "batch": work.batch,
        "task": work.task,
        "precision": settings.precision,
        "images": 100 * fixed,
        "seconds": round(time.monotonic() - begun, 1),
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
    lines = [f"{results['machine']}; {results['date']}."]
    if peak:
        lines += [
            "",
            f"The machine's peak: {peak['matrix']:.0f} GFLOP/s in a product of matrices, "
            f"{peak['convolution']:.0f} in a convolution.",
        ]
    for name, work in results["works"].items():
        kgan = work["peers"].get("kgan", {})
        top = peak["matrix" if name.startswith("mlp") else "convolution"] if peak else math.inf
        lines += [
            "",
            f"**{name}**: {TASKS[work['task']].format(**work)}",
            "",
            "| | steps/s | range | kgan over it | share of the peak | start, s | memory, MiB |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for peer, figures in work["peers"].items():
            if "error" in figures:
                why = "left out" if "no time" in figures["error"] else "does not run"
                lines.append(f"| {peer} | {why} | | | | | |")
                continue
            speeds = figures["steps_per_second"]
            middle = statistics.median(speeds)
            beside = f"{ratio(kgan, figures):.2f}" if "start" in kgan and peer != "kgan" else ""
            share = f"{middle * work['gflop'] / top:.0%}" if work["task"] == "train" else ""
            lines.append(
                f"| {peer} | {middle:.3g} | {min(speeds):.3g} to {max(speeds):.3g} | {beside} | "
                f"{share} | {figures['start']:.1f} | {figures['memory']:.0f} |"
            )
    return "\n".join(lines) + "\n"


TASKS = {
    "train": "batch {batch}, {parameters:,} parameters, {gflop:.3g} GFLOP a step, {precision}",
    "generate": "images in batches of {batch}; a step draws 100, {precision}",
    "frechet": "the Fréchet distance of images and as many others, in batches of {batch}; a step "
    "takes 100 of each, {precision}",
}

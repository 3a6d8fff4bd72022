"""Compares the training speed of this checkout with that of an earlier commit.

    python benchmarks/before.py HEAD~20
    python benchmarks/before.py v0.1.0 --works dcgan-28 --rounds 15

Both train the works of `benchmarks/speed.py` by `gan.fit`, once with kgan's own choice of XLA and
once with XLA off. Each has its own process with the same cores, and they train in turns. A ratio is
the median over the rounds of the present speed divided by the earlier speed of the same round.
Ratios of 0.97 and more are within the noise of these machines.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import subprocess
import tempfile

from peers.works import WORKS
from speed import HERE, Peer, calibrated, versions

FORMS = ("kgan", "kgan without XLA")


@contextlib.contextmanager
def checkout(commit):
    """Yields a temporary folder with the repository at a commit."""
    root = HERE.parent
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder, "before")
        git = ["git", "-C", str(root), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def compared(work, form, before, rounds, seconds, threads) -> dict:
    """Returns the speeds of both commits at one work, round by round, and their start-up times."""
    peers = {
        "before": Peer(work, form, threads, before),
        "now": Peer(work, form, threads, HERE.parent),
    }
    steps = calibrated(peers["before"], seconds)
    calibrated(peers["now"], seconds)
    speeds = {name: [] for name in peers}
    for number in range(rounds):
        # The order alternates, because a core that is hot from the other's training is slower.
        for name in list(peers)[:: 1 if number % 2 else -1]:
            speeds[name].append(peers[name].train(steps))
    for peer in peers.values():
        peer.end()
    return {**speeds, "start": {name: peer.ready["start"] for name, peer in peers.items()}}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit", help="the commit to compare with")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="training time of each commit in a round"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="threads of each process"
    )
    arguments = parser.parse_args()
    print(f"{versions()}; before is {arguments.commit}\n")
    print("| work | form | before, steps/s | now | now over before | range | start, s |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with checkout(arguments.commit) as before:
        for name in arguments.works:
            for form in arguments.forms:
                found = compared(
                    WORKS[name],
                    form,
                    before,
                    arguments.rounds,
                    arguments.seconds,
                    arguments.threads,
                )
                ratios = [now / old for now, old in zip(found["now"], found["before"], strict=True)]
                print(
                    f"| {name} | {form} | {statistics.median(found['before']):.3g} | "
                    f"{statistics.median(found['now']):.3g} | {statistics.median(ratios):.3f} | "
                    f"{min(ratios):.2f} to {max(ratios):.2f} | "
                    f"{found['start']['before']:.1f}, {found['start']['now']:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

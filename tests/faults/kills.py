"""Kills trainings at named and at random moments, resumes them, and compares the results.

    python tests/faults/kills.py --kills 300

trains every family by library and by command line: once unbroken, and then again and again, each
time killed (SIGKILL) one to three times and resumed until it ends. The run folder must then equal
the unbroken one file by file but for times, and the variables bit by bit. A table counts the
outcomes by kind of moment; the exit status is 1 if a run differs.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import keras
import matplotlib  # noqa: F401  as are the next ones, so that a fork need not import it
import sklearn.datasets  # noqa: F401
import tensorflow_datasets  # noqa: F401
from kill_works import COMMANDS, LIBRARY, train, words
from run_folders import differences

import kgan
import kgan.cli.commands
import kgan.cli.training
from kgan.callbacks import checkpoint_files, image_snapshot, tensorboard
from kgan.cli import watchers
from kgan.pictures import files as picture_files
from kgan.runs import folder

SECONDS = 300


def die(*ignored, **also):
    os.kill(os.getpid(), signal.SIGKILL)


def half_a_state(call, model, path):
    path.write_bytes(b"half of a state")
    die()


def half_a_picture(call, path, write):
    write(Path(path).with_name(f".{Path(path).name}.{os.getpid()}.part"))
    die()


def before(call, *arguments, **options):
    die()


def after(call, *arguments, **options):
    call(*arguments, **options)
    die()


# By kind of moment: the function in whose call the process is killed, and how.
MOMENTS = {
    "within a checkpoint's state": (checkpoint_files, "save_state", half_a_state),
    "before a checkpoint's name": (checkpoint_files, "_put", before),
    "after a checkpoint": (checkpoint_files, "write_checkpoint", after),
    "before a row": (watchers.History, "on_epoch_end", before),
    "after a row": (watchers.History, "on_epoch_end", after),
    "before a logger's row": (keras.callbacks.CSVLogger, "on_epoch_end", before),
    "after a logger's row": (keras.callbacks.CSVLogger, "on_epoch_end", after),
    "before a picture": (image_snapshot.ImageSnapshot, "draw_now", before),
    "within a picture": (picture_files, "write_whole", half_a_picture),
    "after TensorBoard's epoch": (tensorboard.TensorBoard, "on_epoch_end", after),
    "before the animation": (image_snapshot.ImageSnapshot, "_animate", before),
    "before the model": (kgan.cli.training, "finish", before),
    "before the SavedModel": (kgan.cli.training, "write_saved_model", before),
    "before a config": (folder.RunFolder, "write_config", before),
}
ANY = "at any time"


def watch(moment: str | None, number: int, counts: collections.Counter) -> None:
    """Wraps the functions of all moments: kills at the given call of one, and counts the calls."""
    for name, (owner, function, how) in MOMENTS.items():
        call = getattr(owner, function)

        def wrapped(*arguments, _name=name, _call=call, _how=how, **options):
            counts[_name] += 1
            if _name == moment and counts[_name] == number:
                return _how(_call, *arguments, **options)
            return _call(*arguments, **options)

        setattr(owner, function, wrapped)


def start(work, log: Path, moment: str | None = None, number: int = 0) -> int:
    """Runs `work` in a fork of this process, which has not used TensorFlow yet."""
    process = os.fork()
    if process:
        return process
    status, counts = 1, collections.Counter()
    try:
        opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, 1)
        os.dup2(opened, 2)
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        warnings.simplefilter("ignore")
        watch(moment, number, counts)
        work()
        status = 0
    except SystemExit as stop:
        status = stop.code or 0
    except BaseException:
        traceback.print_exc()
    Path(f"{log}.counts").write_text(json.dumps(counts))
    os._exit(status if isinstance(status, int) else 1)


def wait(process: int, seconds: float = SECONDS) -> int:
    """Waits for a process, and kills it after so many seconds; returns its status as a shell's."""
    end = time.monotonic() + seconds
    while not (done := os.waitpid(process, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(process, signal.SIGKILL)
            end = float("inf")
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(done[1])


class Work:
    """A family that is trained in one of two ways: once unbroken, then with kills."""

    def __init__(self, family: str, by: str, place: Path):
        self.family, self.by, self.place = family, by, place / f"{family}-{by}"
        self.unbroken = self.place / "unbroken"
        self.unbroken.parent.mkdir(parents=True)
        begun = time.monotonic()
        if self.run(self.unbroken, resume=False) != 0:
            raise RuntimeError(f"The unbroken run failed:\n{self.log(self.unbroken).read_text()}")
        self.seconds = time.monotonic() - begun
        counts = Path(f"{self.log(self.unbroken)}.counts")
        self.counts = {k: n for k, n in json.loads(counts.read_text()).items() if n}

    def log(self, out: Path) -> Path:
        return out.with_suffix(".log")

    def run(self, out: Path, resume: bool, moment=None, number=0, seconds=SECONDS) -> int:
        """Trains into `out`, or goes on with it; returns the status."""

        def work():
            if self.by == "library":
                out.mkdir(exist_ok=True)
                train(self.family, out)
            elif resume and (out / "config.json").exists():
                kgan.cli.commands.main(["train", "--resume", "--quiet", "--out", str(out)])
            else:
                kgan.cli.commands.main(words(self.family, out, self.place))

        return wait(start(work, self.log(out), moment, number), seconds)

    def moments(self, chance: random.Random) -> list[tuple[str, int, float]]:
        """Chooses one to three kills: kind of moment, number of the call, seconds."""
        kills = []
        for _ in range(chance.choice((1, 2, 3))):
            kind = chance.choice([ANY, *sorted(self.counts)])
            number = 0 if kind == ANY else chance.randint(1, self.counts[kind])
            until = chance.uniform(0.05, 1.0) * self.seconds if kind == ANY else SECONDS
            kills.append((kind, number, until))
        return kills

    def kill(self, kills) -> tuple[int, list[str]]:
        """Kills a run at the given moments and resumes it; returns its kills and what differs."""
        out = self.place / "killed"
        shutil.rmtree(out, ignore_errors=True)
        self.log(out).unlink(missing_ok=True)
        killed = 0
        for kind, number, seconds in kills:
            status = self.run(out, killed > 0, None if kind == ANY else kind, number, seconds)
            if status == 0:
                break
            if status != -signal.SIGKILL:
                return killed, [f"ended with {status}: {self.said(out)}"]
            killed += 1
        else:
            status = self.run(out, resume=True)
            already = "steps already" in self.said(out)
            if status != 0 and not already:
                return killed, [f"did not resume, {status}: {self.said(out)}"]
        return killed, differences(self.unbroken, out)

    def said(self, out: Path) -> str:
        return self.log(out).read_text()[-3000:]


def main(words_given=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=30, help="how many kills")
    parser.add_argument("--families", help="names with commas between; default: all")
    parser.add_argument("--by", choices=("library", "command"), help="default: both")
    parser.add_argument("--moments", help="kinds of moments with commas between, for all runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="ends after so many")
    given = parser.parse_args(words_given)
    kinds = [(f, "command") for f in COMMANDS] + [(f, "library") for f in LIBRARY]
    if given.by:
        kinds = [kind for kind in kinds if kind[1] == given.by]
    if given.families:
        kinds = [kind for kind in kinds if kind[0] in given.families.split(",")]
    chance, begun = random.Random(given.seed), time.monotonic()
    chance.shuffle(kinds)
    outcomes = collections.defaultdict(collections.Counter)
    different = runs = done = 0
    # For each family that is left, its share of the kills that are left.
    with tempfile.TemporaryDirectory() as place:
        for left, (family, by) in zip(range(len(kinds), 0, -1), kinds, strict=True):
            if time.monotonic() - begun > given.seconds:
                break
            until = done + -(-(given.kills - done) // left)
            if until == done:
                break
            try:
                work = Work(family, by, Path(place))
            except RuntimeError as error:
                different += 1
                print(f"{family} by {by}: {error}", flush=True)
                continue
            tries = 0
            while done < until and tries < 3 * (until - done) + 3:
                kills = work.moments(chance)
                if given.moments:
                    chosen = given.moments.split(",")[runs % len(given.moments.split(","))]
                    kills = [(chosen, chance.randint(1, work.counts.get(chosen, 1)), SECONDS)]
                killed, wrong = work.kill(kills[: until - done])
                runs, done, tries = runs + 1, done + killed, tries + 1
                for kind, _, _ in kills[: max(killed, 1)]:
                    outcome = "different" if wrong else "identical" if killed else "not reached"
                    outcomes[kind][outcome] += 1
                if wrong:
                    different += 1
                    print(f"{family} by {by}, {kills}:", *wrong[:8], sep="\n    ", flush=True)
            shutil.rmtree(work.place)
            so_far = f"{done} kills of {runs} runs so far, {different} different"
            print(f"{family} by {by}: {so_far}, {time.monotonic() - begun:.0f} s", flush=True)
    columns = ("identical", "different", "not reached")
    print(f"{'killed':30}", *(f"{column:>12}" for column in columns))
    for kind, counted in sorted(outcomes.items()):
        print(f"{kind:30}", *(f"{counted[column]:12}" for column in columns))
    print(f"{done} kills of {runs} runs, {different} different; {time.monotonic() - begun:.0f} s")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())

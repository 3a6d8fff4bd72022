"""Trains several recipes on a folder of pictures, each for the same time, and tables how good.

    python benchmarks/recipes.py photos/ --minutes 5
    python benchmarks/recipes.py crops/ --held-out more_crops/ --recipes r3gan dcgan --size 64

It is what the rules of `kgan/models/recipe/rules.py` rest on. The pictures of `--held-out`, by
default a tenth of the folder, are not trained on; as many samples are generated and compared with
them. The features are those of kgan's classifier of CIFAR-10, which resizes to 32x32, so that sizes
can be compared with each other, and figures not with published FIDs. A few seconds of each training
are timed first, so that the schedules end with its minutes, which are those of the processor: with
TF_NUM_INTRAOP_THREADS=1 a busy machine gives the same table, later. The table and a sheet of 64
samples of each recipe are written into `--out`.
"""

import argparse
import json
import os
import pathlib
import platform
import time
from dataclasses import dataclass, field

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

import kgan
from kgan import pictures
from kgan.training import timing


@dataclass(frozen=True)
class Candidate:
    """A recipe that is tried.

    Attributes:
        family: name in `kgan.models.CATALOGUE`.
        options: options of the family; `classes="all"` means the folder's.
        compile: arguments of `compile`.
        batch_size: samples in a batch; None means the family's.
        size: side of the pictures; None means that of the command line.
    """

    family: str
    options: dict = field(default_factory=dict)
    compile: dict = field(default_factory=dict)
    batch_size: int | None = None
    size: int | None = None


_NARROW = {"width": 32, "discriminator_steps": 1}
CANDIDATES = {
    "r3gan": Candidate("r3gan"),
    "r3gan-batch16": Candidate("r3gan", batch_size=16),
    "r3gan-batch32": Candidate("r3gan", batch_size=32),
    "r3gan-augment": Candidate("r3gan", compile={"augment": "diffaugment"}),
    "r3gan-augment-batch16": Candidate("r3gan", {}, {"augment": "diffaugment"}, 16),
    "r3gan-classes": Candidate("r3gan", {"classes": "all"}),
    "r3gan-classes-batch16": Candidate("r3gan", {"classes": "all"}, batch_size=16),
    "r3gan-64px": Candidate("r3gan", batch_size=16, size=64),
    "sngan": Candidate("sngan", _NARROW),
    "sngan-augment": Candidate("sngan", _NARROW, {"augment": "diffaugment", "ema": 0.99}),
    "sngan-average": Candidate("sngan", _NARROW, {"ema": 0.99}),
    "dcgan": Candidate("dcgan"),
    "dcgan-narrow": Candidate("dcgan", {"width": 32}),
    "vanilla": Candidate("vanilla"),
}


def trained(given, name: str) -> dict[str, float]:
    """Returns the figures of one training, and writes its sheet."""
    keras.utils.set_random_seed(given.seed)
    candidate = CANDIDATES[name]
    family = kgan.models.find(candidate.family)
    size = candidate.size or given.size
    batch = candidate.batch_size or family.recipe()[0]
    split = "train" if given.held_out else "train[:90%]"
    data = kgan.data.load(given.folder, split=split, size=size, batch_size=batch)
    options = dict(candidate.options)
    if options.get("classes") == "all":
        options["classes"] = data.info.classes

    def made():
        return family.for_data(data.info, seed=given.seed, **options)

    begun = time.process_time()
    gan = made()
    gan.compile(**candidate.compile)
    timed = timing.measure(gan, data, 0.05 * 60 * given.minutes, time.process_time)
    left = 60 * given.minutes - (time.process_time() - begun) - timed.start
    gan = made()
    gan.training_steps = max(10, int(left / timed.step))
    gan.compile(**candidate.compile)
    epochs = -(-gan.training_steps // data.info.steps_per_epoch)
    gan.fit(data, epochs=epochs, verbose=0)
    seconds = time.process_time() - begun
    held_out = kgan.data.load(
        given.held_out or given.folder,
        split="train" if given.held_out else "train[90%:]",
        size=size,
        labels="classes" in options,
        batch_size=50,
        drop_remainder=False,
    )
    names = ("frechet_distance", "kernel_distance", "precision", "recall", "coverage")
    metrics = [kgan.metrics.get(metric, extractor="cifar10") for metric in names]
    figures = gan.evaluate(held_out, metrics=metrics, verbose=0)
    chosen = {"labels": [i % gan.classes for i in range(64)]} if gan.classes else {}
    sheet = pictures.grid(gan.generate(64, seed=1, **chosen), value_range=gan.data_range)
    pictures.save_png(given.out / f"recipes-{given.name}-{name}.png", sheet)
    measured = {metric: float(figures[metric]) for metric in names}
    return {"size": size, "batch": batch, "steps": gan.steps_taken, "seconds": seconds} | measured


def table(results: dict, given) -> str:
    """Returns the table of the figures."""
    columns = list(next(iter(results.values())))
    lines = [
        f"`{given.name}`, {given.minutes:g} minutes of the processor a recipe, "
        f"TF_NUM_INTRAOP_THREADS={os.environ.get('TF_NUM_INTRAOP_THREADS', 'unset')}. Features of "
        "kgan's `cifar10` extractor, not FID.",
        "",
        f"| recipe | {' | '.join(name.replace('_', ' ') for name in columns)} |",
        f"| --- |{' --- |' * len(columns)}",
    ]
    for name, figures in results.items():
        lines.append(f"| {name} | {' | '.join(f'{value:.4g}' for value in figures.values())} |")
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    return "\n".join([*lines, "", f"{platform.machine()}, {versions}, kgan {kgan.__version__}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--held-out", type=pathlib.Path, help="a folder of other such pictures")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipes", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    default = pathlib.Path(__file__).parent / "results"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    given = parser.parse_args()
    given.folder = given.folder.expanduser().resolve()
    given.name = given.folder.name
    given.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in given.recipes:
        results[name] = trained(given, name)
        print(name, json.dumps(results[name]), flush=True)
        (given.out / f"recipes-{given.name}.md").write_text(table(results, given) + "\n")
    print(table(results, given))


if __name__ == "__main__":
    main()

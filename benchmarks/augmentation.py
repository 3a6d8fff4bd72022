"""Trains on few images with and without augmentation, and measures against held-out images.

    TFDS_DATA_DIR=... python benchmarks/augmentation.py                  # 500 digits of MNIST
    TFDS_DATA_DIR=... python benchmarks/augmentation.py --data cifar10 --split "train[:10%]" \\
        --model sngan --option width=32 --option discriminator_steps=1 --learning-rate 4e-4 \\
        --steps 12000 --every 2000

    python benchmarks/augmentation.py --data drawings/ --split "train[:90%]" \\
        --held-out "train[90%:]" --size 32 --model r3gan

For each seed and each augmentation the same model takes the same steps on the same images. The
Fréchet distance is that of as many samples as `--held-out` has images. The features are kgan's
own (`digits`, `cifar10` or `colour`), so that the figures cannot be compared with published FIDs.
A sheet of 100 samples of each training is written beside the table, `augmentation-DATA.md`, into
`--out`; so is `augmentation-DATA.json`, with every training that has ended: the same command goes
on from there.
"""

import argparse
import json
import os
import pathlib
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import kgan
from kgan import pictures

EXTRACTORS = {"mnist": "digits", "cifar10": "cifar10"}
FIGURES = ("frechet_distance", "precision", "recall", "d_real", "d_fake")


def trained(given, augmentation: str, seed: int) -> dict:
    """Returns the figures, minutes and course of one training, and writes its sheet."""
    keras.utils.set_random_seed(seed)

    def load(split, batch_size, **options):
        options |= {"labels": False, "size": given.size, "drop_remainder": split == given.split}
        return kgan.data.load(given.data, split=split, batch_size=batch_size, **options)

    data, held_out = load(given.split, given.batch_size), load(given.held_out, 250)
    options = dict(pair.split("=") for pair in given.option)
    options = {name: int(value) if value.isdigit() else value for name, value in options.items()}
    gan = kgan.models.find(given.model).for_data(data.info, seed=seed, **options)
    gan.training_steps = given.steps
    rates = {}
    if given.learning_rate is not None:
        # The family's own optimizers, at a constant rate.
        usual = gan.defaults()
        for player in ("d_optimizer", "g_optimizer"):
            config = usual[player].get_config() | {"learning_rate": given.learning_rate}
            rates[player] = type(usual[player]).from_config(config)
    gan.compile(augment=None if augmentation == "none" else augmentation, ema=given.ema, **rates)
    extractor = given.extractor or EXTRACTORS.get(given.data, "auto")
    measured = [
        kgan.metrics.FrechetDistance(extractor),
        kgan.metrics.Recall(extractor=extractor),
        kgan.metrics.Precision(extractor=extractor),
    ]
    seconds, course, figures = 0.0, [], {}
    for stop in [*range(given.every, given.steps, given.every), given.steps]:
        begun = time.perf_counter()
        while gan.steps_taken < stop:
            missing = stop - gan.steps_taken
            each = min(missing, data.info.steps_per_epoch)
            # An epoch that is cut short is the last one.
            gan.fit(data, epochs=missing // each, steps_per_epoch=each, verbose=0)
        seconds += time.perf_counter() - begun
        figures = gan.evaluate(held_out, metrics=measured, verbose=0)
        course.append([stop, float(figures["frechet_distance"])])
        print(augmentation, seed, *course[-1], f"{seconds / 60:.1f} minutes", flush=True)
    sheet = pictures.grid(gan.generate(100, seed=1), value_range=gan.data_range)
    pictures.save_png(given.out / f"{given.name}-{augmentation}-{seed}.png", sheet)
    kept = {name: float(figures[name]) for name in FIGURES}
    return kept | {"minutes": seconds / 60, "course": course}


def table(results: dict, given) -> str:
    """Returns the table of means and standard deviations over the seeds."""
    seeds = max(len(runs) for runs in results.values())
    lines = [
        f"{given.model} on {given.split} of {pathlib.Path(given.data).name}, {given.steps} steps "
        f"of {given.batch_size}, {seeds} seeds; against {given.held_out}. kgan's own features, not "
        "FID.",
        "",
        "| augmentation | Fréchet distance | precision | recall | d_real | d_fake | minutes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in results.items():
        columns = [[run[key] for run in runs.values()] for key in (*FIGURES, "minutes")]
        cells = [f"{np.mean(column):.3g} ± {np.std(column):.2g}" for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    steps = [stop for stop, _ in next(iter(next(iter(results.values())).values()))["course"]]
    if len(steps) > 1:
        head = " | ".join(f"{stop:,}" for stop in steps)
        lines += ["", "The mean Fréchet distance after so many steps:", "",
                  f"| augmentation | {head} |", "| --- " * (len(steps) + 1) + "|"]  # fmt: skip
        for name, runs in results.items():
            values = np.mean([[value for _, value in run["course"]] for run in runs.values()], 0)
            lines.append(f"| {name} | " + " | ".join(f"{value:.3g}" for value in values) + " |")
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}, Python"
    lines += ["", f"{platform.processor() or platform.machine()}, {versions} "
              f"{platform.python_version()}."]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="mnist", help="a name or a folder")
    parser.add_argument("--split", default="train[:500]")
    parser.add_argument("--held-out", default="test")
    parser.add_argument("--size", type=int)
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--every", type=int, default=10**9, help="steps between measurements")
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--learning-rate", type=float, help="in place of the family's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--augmentations", nargs="+", default=["none", "diffaugment", "adaptive"])
    parser.add_argument("--extractor")
    default = pathlib.Path(__file__).parent / "results"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    given.name = f"augmentation-{pathlib.Path(given.data).name}"
    kept = given.out / f"{given.name}.json"
    settings = {
        name: value
        for name, value in vars(given).items()
        if name not in ("out", "seeds", "augmentations", "name", "data")
    }
    found = json.loads(kept.read_text()) if kept.exists() else {"settings": settings, "runs": {}}
    # Tables of before there was such a choice.
    found["settings"].setdefault("learning_rate", None)
    if found["settings"] != settings:
        parser.error(f"{kept} holds trainings with other settings; give another --out.")
    for seed in range(given.seeds):
        for name in given.augmentations:
            runs = found["runs"].setdefault(name, {})
            if str(seed) in runs:
                continue
            runs[str(seed)] = trained(given, name, seed)
            print(seed, name, json.dumps(runs[str(seed)]), flush=True)
            kept.write_text(json.dumps(found, indent=1) + "\n")
    text = table(found["runs"], given)
    print(text)
    (given.out / f"{given.name}.md").write_text(text + "\n")


if __name__ == "__main__":
    main()

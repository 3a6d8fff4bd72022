"""Trains on few images with and without augmentation, and measures against held-out images.

    TFDS_DATA_DIR=... python benchmarks/augmentation.py                  # 500 digits of MNIST
    TFDS_DATA_DIR=... python benchmarks/augmentation.py --data cifar10 --split "train[:10%]" \\
        --model sngan --steps 5000

For each seed and each augmentation the same model takes the same steps on the same images. The
Fréchet distance is that of as many samples as `--held-out` has images. The features are kgan's own
(`digits` or `cifar10`), so that the figures cannot be compared with published FIDs. A sheet of 100
samples of each training is written beside the table, `augmentation-DATA.md`, into `--out`.
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


def trained(given, augmentation: str, seed: int) -> tuple[dict[str, float], float]:
    """Returns (figures, seconds) of one training, and writes its sheet."""
    keras.utils.set_random_seed(seed)
    data = kgan.data.load(given.data, split=given.split, labels=False, batch_size=given.batch_size)
    held_out = kgan.data.load(given.data, split=given.held_out, labels=False, batch_size=250)
    gan = kgan.models.find(given.model).for_data(data.info, seed=seed)
    gan.compile(augment=None if augmentation == "none" else augmentation, ema=given.ema)
    begun = time.perf_counter()
    epochs = -(-given.steps // data.info.steps_per_epoch)
    gan.fit(data, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - begun
    extractor = given.extractor or EXTRACTORS.get(given.data, "auto")
    measured = [
        kgan.metrics.FrechetDistance(extractor),
        kgan.metrics.Recall(extractor=extractor),
        kgan.metrics.Precision(extractor=extractor),
    ]
    figures = gan.evaluate(held_out, metrics=measured, verbose=0)
    sheet = pictures.grid(gan.generate(100, seed=1), value_range=gan.data_range)
    pictures.save_png(given.out / f"augmentation-{given.data}-{augmentation}-{seed}.png", sheet)
    names = ("frechet_distance", "precision", "recall", "d_real", "d_fake")
    return {name: float(figures[name]) for name in names}, seconds


def table(results: dict, given) -> str:
    """Returns the table of means and standard deviations over the seeds."""
    lines = [
        f"{given.model} on {given.split} of {given.data}, {given.steps} steps of "
        f"{given.batch_size}, {given.seeds} seeds; against {given.held_out}. kgan's own features, "
        "not FID.",
        "",
        "| augmentation | Fréchet distance | precision | recall | d_real | d_fake | minutes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in results.items():
        columns = [[run[key] for run in runs] for key in runs[0]]
        cells = [f"{np.mean(column):.3g} ± {np.std(column):.2g}" for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}, Python"
    lines += ["", f"{platform.processor() or platform.machine()}, {versions} "
              f"{platform.python_version()}."]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--split", default="train[:500]")
    parser.add_argument("--held-out", default="test")
    parser.add_argument("--model", default="dcgan")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--augmentations", nargs="+", default=["none", "diffaugment"])
    parser.add_argument("--extractor")
    default = pathlib.Path(__file__).parent / "results"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, list] = {name: [] for name in given.augmentations}
    for seed in range(given.seeds):
        for name in given.augmentations:
            figures, seconds = trained(given, name, seed)
            results[name].append(figures | {"minutes": seconds / 60})
            print(seed, name, json.dumps(results[name][-1]), flush=True)
    text = table(results, given)
    print(text)
    (given.out / f"augmentation-{given.data}.md").write_text(text + "\n")


if __name__ == "__main__":
    main()

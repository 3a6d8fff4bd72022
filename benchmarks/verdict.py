"""What the verdict's measure of quality says of pictures with known faults.

    TFDS_DATA_DIR=... python benchmarks/verdict.py cifar10 crops/ drawings/ --run runs/drawings

`kgan.metrics.verdict` has words for the Fréchet distance beyond that of training pictures, as a
share of the variance of the real ones. This prints that share, by the `colour` features at 32x32,
for pictures of each source with faults that are known, and for three draws of each run's samples:
by them the bounds of the words were chosen.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import kgan
from kgan.metrics.frechet import frechet_distance
from kgan.metrics.reading import read_features

SIDE, MOST = 32, 500


def pictures(source: str) -> np.ndarray:
    """Returns pictures `(count, 32, 32, 3)` in [-1, 1], in a fixed random order."""
    data = kgan.data.load(
        source, size=SIDE, channels=3, batch_size=100, labels=False, drop_remainder=False, seed=0
    )
    return np.concatenate([batch.numpy() for batch in data])


def moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and the covariance of the features of images."""
    features = read_features(images.astype("float32"), "colour", (-1.0, 1.0))[0].astype("float64")
    return features.mean(0), np.cov(features.T)


def blurred(images: np.ndarray, width: int) -> np.ndarray:
    """Averages squares of so many pixels."""
    kernel = tf.ones((width, width, 3, 1)) / width**2
    return tf.nn.depthwise_conv2d(images, kernel, (1, 1, 1, 1), "SAME").numpy()


def faults(images: np.ndarray, others: np.ndarray) -> dict[str, np.ndarray]:
    """Returns images with each kind of fault, by its name."""
    rng = np.random.default_rng(0)
    left = np.arange(SIDE)[:, None] < SIDE // 2
    tiles = images.reshape(-1, 4, 8, 4, 8, 3).swapaxes(2, 3).reshape(-1, 16, 8, 8, 3)
    shuffled = tiles[:, rng.permutation(16)].reshape(-1, 4, 4, 8, 8, 3).swapaxes(2, 3)
    return {
        "none: what chance makes": images,
        "noise of 0.05": np.clip(images + rng.normal(0, 0.05, images.shape), -1, 1),
        "noise of 0.2": np.clip(images + rng.normal(0, 0.2, images.shape), -1, 1),
        "blurred over 2 pixels": blurred(images, 2),
        "blurred over 5 pixels": blurred(images, 5),
        "left halves of others": np.where(left, others, images),
        "shuffled tiles": shuffled.reshape(images.shape),
        "two superposed": (images + others) / 2,
        "noise alone": rng.uniform(-1, 1, images.shape),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sources", nargs="+", help="data sets or folders")
    parser.add_argument("--run", help="a run of kgan train on the last source")
    given = parser.parse_args()
    print("| pictures | fault | share |\n| --- | --- | --- |")
    for source in given.sources:
        images = pictures(source)
        third = min(MOST, len(images) // 3)
        real, training, third_part = (images[i * third : (i + 1) * third] for i in range(3))
        shown = faults(third_part, training)
        if given.run and source == given.sources[-1]:
            gan = kgan.load(os.path.join(given.run, "gan.keras"))
            shown |= {f"draw {i} of the run": gan.generate(third, seed=i) for i in range(3)}
        of_real = moments(real)
        least = frechet_distance(*of_real, *moments(training))
        for name, faulty in shown.items():
            share = (frechet_distance(*of_real, *moments(faulty)) - least) / np.trace(of_real[1])
            print(f"| {third} of {os.path.basename(source.rstrip('/'))} | {name} | {share:.2g} |")


if __name__ == "__main__":
    main()

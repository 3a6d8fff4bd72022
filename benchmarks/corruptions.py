"""Judges extractors by how well their distances follow known corruptions of pictures.

    python benchmarks/corruptions.py --emoji FOLDER --photographs FOLDER

Needs CIFAR-10 of TensorFlow Datasets (in the folder TFDS_DATA_DIR); the two folders are those that
`benchmarks/colour.py` was given, and may be left out. Measures pictures that the extractor `colour`
was not trained on: the test split of CIFAR-10 (32x32), 64x64 crops of the photographs kept aside,
and the drawings kept aside, on white (64x64). One half of a set is corrupted and compared with the
other half, which is not; the drawings, which are few, with those that were trained on. At severity
0 the second half is as it was, which gives the floor.

Prints, in Markdown, for each kind of corruption the Fréchet distances as multiples of the floor and
their rank correlation with the severity (Spearman), and the precision and recall of noise.
"""

import argparse
import io
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import colour as training
import keras
import numpy as np
import PIL.Image
import tensorflow as tf

from kgan.metrics import extractors
from kgan.metrics.extractors import colour
from kgan.metrics.neighbours import manifold

SEED = 0
EXTRACTORS = ("colour", "cifar10", "values", "random")


def blurred(images, severity, rng):
    """Blurs by a Gaussian whose standard deviation is a share of the side."""
    deviation = severity * images.shape[1]
    return training.blur(tf.constant(images), deviation).numpy()


def noisy(images, severity, rng):
    """Adds Gaussian noise of this standard deviation."""
    return images + severity * rng.normal(size=images.shape)


def holed(images, severity, rng):
    """Blackens this share of the 64 blocks of each picture."""
    count, side = len(images), images.shape[1] // 8
    chosen = rng.random((count, 64)).argsort(1) < round(64 * severity)
    holes = chosen.reshape(count, 8, 8, 1).repeat(side, 1).repeat(side, 2)
    return np.where(holes, 0.0, images)


def recoloured(images, severity, rng):
    """Turns the hue by an angle, in degrees, as NTSC's chroma plane is turned."""
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    angle = np.radians(severity)
    turn = np.eye(3)
    turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return images @ (np.linalg.inv(to_yiq) @ turn @ to_yiq).T


def compressed(images, severity, rng):
    """Stores as JPEG and reads back; the severity is 100 less the quality."""
    found = []
    for image in (images * 255).round().astype("uint8"):
        file = io.BytesIO()
        PIL.Image.fromarray(image).save(file, "JPEG", quality=100 - severity)
        found.append(np.asarray(PIL.Image.open(file)))
    return np.stack(found) / 255


def mixed(images, severity, rng):
    """Lays another picture of the set over each, with this weight."""
    return (1 - severity) * images + severity * np.roll(images, 1, axis=0)


def repeated(images, severity, rng):
    """Drops this share of the pictures; the others are repeated in their place."""
    kept = max(1, round(len(images) * (1 - severity)))
    return images[np.arange(len(images)) % kept]


# The function and the severities of each kind of corruption.
CORRUPTIONS = {
    "blur": (blurred, (0.01, 0.02, 0.03, 0.05, 0.08)),
    "noise": (noisy, (0.02, 0.05, 0.1, 0.2, 0.4)),
    "removed blocks": (holed, (1 / 64, 3 / 64, 6 / 64, 12 / 64, 24 / 64)),
    "hue": (recoloured, (10, 20, 45, 90, 150)),
    "JPEG": (compressed, (20, 40, 60, 80, 95)),
    "mixing": (mixed, (0.05, 0.1, 0.2, 0.35, 0.5)),
    "fewer pictures": (repeated, (0.5, 0.75, 0.9, 0.95, 0.98)),
}


def corrupted(images, kind, severity, seed=SEED):
    """Returns images `(count, height, width, 3)` in [0, 1] corrupted in one way."""
    change, _ = CORRUPTIONS[kind]
    changed = change(images, severity, np.random.default_rng(seed))
    return changed.clip(0, 1).astype("float32")


def noises(images, rng):
    """Returns noise of three kinds, as many pictures as there are."""
    mean, shape = images.mean((0, 1, 2)), images.shape
    faint = mean + 0.05 * rng.normal(size=shape)
    alike = mean + images.std((0, 1, 2)) * rng.normal(size=shape)
    found = {"uniform noise": rng.uniform(size=shape), "noise of their mean and spread": alike}
    found["faint noise about their mean"] = faint
    return {name: noise.clip(0, 1).astype("float32") for name, noise in found.items()}


def sets(arguments):
    """Yields (name, reference pictures, pictures to corrupt), float32 in [0, 1]."""
    images = training.cifar10("test")[0][: arguments.count] / np.float32(255)
    yield "CIFAR-10, test", images[::2], images[1::2]
    if arguments.photographs:
        whole = training.pictures(arguments.photographs, "train[80%:]", size=320, channels=3)
        half = training.pictures(arguments.photographs, "train[80%:]", size=160, channels=3)
        tiles = np.concatenate([tiled(whole), tiled(half)]) / np.float32(255)
        kept = np.random.default_rng(SEED).permutation(len(tiles))[: arguments.count]
        tiles = tiles[np.sort(kept)]
        yield "photographs, 64x64 crops", tiles[::2], tiles[1::2]
    if arguments.emoji:
        parts = []
        for split in ("train[:90%]", "train[90%:]"):
            drawings = training.pictures(arguments.emoji, split, size=64, channels=4)
            white = np.full((len(drawings), 3), 255.0)
            parts.append(training.on_ground(drawings, white) / np.float32(255))
        yield "drawings, on white", parts[0][: arguments.count], parts[1]


def tiled(photographs, side=64):
    """Cuts photographs into squares side by side."""
    down, across = (length // side for length in photographs.shape[1:3])
    cut = photographs[:, : down * side, : across * side]
    cut = cut.reshape(-1, down, side, across, side, 3).swapaxes(2, 3)
    return cut.reshape(-1, side, side, 3)


def features_by(name):
    """Returns a function from images in [0, 1] to float64 features `(count, width)`."""
    if name == "random":
        keras.utils.set_random_seed(SEED)
        network = colour.network()

        def extract(images):
            return network(colour.frame(tf.constant(images)), training=False)
    else:

        def extract(images):
            extractor = extractors.get(name, images.shape[1:])
            extractor.prepare(images.shape[1:], (0, 1))
            return extractor(images).features

    def features(images):
        parts = [extract(images[i : i + 250]) for i in range(0, len(images), 250)]
        return np.concatenate(parts).astype("float64")

    return features


def distance(left, right):
    """Returns the Fréchet distance between features.

    The trace of the root of the product of two covariances is the sum of the singular values of
    the product of the centred features, so that it is computed for any width.
    """
    middles = left.mean(0), right.mean(0)
    left, right = (
        (rows - middle) / np.sqrt(len(rows) - 1)
        for rows, middle in zip((left, right), middles, strict=True)
    )
    if left.shape[1] < len(left):
        # The same for narrow features, in which the product is smaller.
        left, right = (np.linalg.qr(rows, mode="r") for rows in (left, right))
    shared = np.linalg.svd(left @ right.T, compute_uv=False).sum()
    return ((middles[0] - middles[1]) ** 2).sum() + (left**2).sum() + (right**2).sum() - 2 * shared


def rank_correlation(values):
    """Returns Spearman's rank correlation of values, all different, with their positions."""
    ranks = np.argsort(np.argsort(values))
    return float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1])


def judged(features, real, other):
    """Returns the floor, and by kind of corruption the distances, floor first."""
    reference = features(real)
    floor = distance(reference, features(other))
    found = {}
    for kind, (_, severities) in CORRUPTIONS.items():
        changed = (corrupted(other, kind, severity) for severity in severities)
        found[kind] = [floor, *(distance(reference, features(images)) for images in changed)]
    return floor, found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emoji", help="the folder of drawings of benchmarks/colour.py")
    parser.add_argument("--photographs", help="the folder of photographs of benchmarks/colour.py")
    parser.add_argument("--extractors", nargs="+", default=EXTRACTORS, metavar="NAME")
    parser.add_argument("--count", type=int, default=1000, help="pictures of a set, at most")
    parser.add_argument("--out", type=pathlib.Path, help="a Markdown file to write to as well")
    arguments = parser.parse_args()
    lines = []

    def say(line):
        print(line, flush=True)
        lines.append(line)

    for name, real, other in sets(arguments):
        say(f"\n### {name}: {len(real)} against {len(other)}\n")
        say("| corruption | severities | " + " | ".join(arguments.extractors) + " |")
        say("| --- | --- |" + " --- |" * len(arguments.extractors))
        by = {each: features_by(each) for each in arguments.extractors}
        found = {each: judged(features, real, other) for each, features in by.items()}
        floors = " | ".join(f"{floor:.4g}" for floor, _ in found.values())
        say(f"| none: the floor | | {floors} |")
        for kind, (_, severities) in CORRUPTIONS.items():
            cells = [
                " ".join(f"{value / floor:.3g}" for value in distances[kind][1:])
                + f" ({rank_correlation(distances[kind]):.2f})"
                for floor, distances in found.values()
            ]
            levels = " ".join(f"{severity:.2g}" for severity in severities)
            say(f"| {kind} | {levels} | {' | '.join(cells)} |")
        means = [
            np.mean([rank_correlation(row) for row in distances.values()])
            for _, distances in found.values()
        ]
        say("| mean rank correlation | | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
        fakes = {"as they are": other} | noises(real, np.random.default_rng(SEED))
        for label, fake in fakes.items():
            fake = fake[: len(other)]
            pairs = [
                manifold(features(real[: len(fake)]), features(fake), (3,))[3]
                for features in by.values()
            ]
            cells = " | ".join(f"{row['precision']:.3f}, {row['recall']:.3f}" for row in pairs)
            say(f"| precision, recall: {label} | | {cells} |")
    if arguments.out:
        arguments.out.write_text("\n".join(lines).lstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Trains the network of the extractor `colour`, which kgan ships.

    python benchmarks/colour.py --emoji FOLDER --photographs FOLDER

Needs CIFAR-10 of TensorFlow Datasets (in the folder TFDS_DATA_DIR), a folder of small drawings with
alpha, whose sub-folders are classes (the shipped weights: 1,906 emoji of Noto), and a folder of
photographs (the shipped weights: BSD100). A tenth of the drawings and a fifth of the photographs
are kept aside for `benchmarks/corruptions.py`, and so is the test split of CIFAR-10. Without
`--out` the file is written where kgan loads it from.
"""

import argparse
import os
import pathlib
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import kgan
from kgan.metrics.extractors import colour, shipped

SEED = 0
PAIRS, STEPS, RATE, DECAY = 128, 400, 3e-3, 0.05
# The rate falls along a cosine that would end at 0 after this many steps for one of the training.
FALL = 1.75
# Pairs of a batch that are corrupted copies of its first pictures, by the kind of corruption.
CORRUPTED = 10
# The share of each source in a batch.
SHARES = {"cifar10": 0.45, "photographs": 0.25, "drawings": 0.18, "noise": 0.12}
TEMPERATURE, CLASSES_WEIGHT = 0.2, 0.5


def cifar10(split):
    """Returns images `(count, 32, 32, 3)` and labels of CIFAR-10, in the order of the data set."""
    data = kgan.data.load("cifar10", split=split, batch_size=500, value_range=None, shuffle=False)
    images, labels = zip(*data.as_numpy_iterator(), strict=True)
    return np.concatenate(images).astype("uint8"), np.concatenate(labels)


def pictures(folder, split, **settings):
    """Returns the pictures of a part of a folder, uint8 `(count, height, width, channels)`."""
    data = kgan.data.load(
        folder,
        split=split,
        batch_size=50,
        value_range=None,
        shuffle=False,
        drop_remainder=False,
        labels=False,
        **settings,
    )
    return np.concatenate(list(data.as_numpy_iterator())).astype("uint8")


def framed(images):
    """Returns images as the network reads them, uint8 `(count, 64, 64, 3)`."""
    parts = [
        np.asarray(colour.frame(tf.constant(images[i : i + 500], tf.float32)))
        for i in range(0, len(images), 500)
    ]
    return np.concatenate(parts).clip(0, 255).round().astype("uint8")


def crops(photographs, count, rng):
    """Cuts squares of random size, from 64 pixels to the whole, out of photographs."""
    found = []
    height, width = photographs.shape[1:3]
    for index in np.arange(count) % len(photographs):
        side = int(64 * (min(height, width) / 64) ** rng.uniform())
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        found.append(framed(photographs[index : index + 1, top : top + side, left : left + side]))
    return np.concatenate(found)


def on_ground(drawings, grounds):
    """Lays RGBA drawings on grounds `(count, 3)`."""
    alpha = drawings[..., 3:] / 255
    laid = drawings[..., :3] * alpha + grounds[:, None, None] * (1 - alpha)
    return laid.round().astype("uint8")


def noise(count, rng):
    """Draws coloured noise `(count, 64, 64, 3)` whose spectrum falls with the frequency.

    The amplitude is the frequency to a power from 0 (white) to -2 (clouds), as in Baradad et al.
    2021, Learning to see by looking at noise.
    """
    side = colour.SIDE
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)) * side
    frequency[0, 0] = 1.0
    found = np.empty((count, side, side, 3))
    for image in found:
        spectrum = np.fft.rfft2(rng.normal(size=(side, side, 3)), axes=(0, 1))
        falling = frequency ** -rng.uniform(0, 2)
        falling[0, 0] = 0.0
        image[:] = np.fft.irfft2(spectrum * falling[..., None], (side, side), axes=(0, 1))
        grey = rng.uniform()
        image[:] = grey * image.mean(2, keepdims=True) + (1 - grey) * image
        image *= rng.uniform(0.05, 0.4) / image.std()
        image += rng.uniform(0.2, 0.8, 3)
    return (found.clip(0, 1) * 255).round().astype("uint8")


def pools(arguments, rng):
    """Returns the training pictures of each source, and the labels of CIFAR-10."""
    images, labels = cifar10("train")
    photographs = pictures(arguments.photographs, "train[:80%]", size=320, channels=3)
    drawings = pictures(arguments.emoji, "train[:90%]", size=colour.SIDE, channels=4)
    white = np.full((len(drawings), 3), 255.0)
    grounds = rng.uniform(0, 255, white.shape)
    found = {
        "cifar10": framed(images),
        "photographs": crops(photographs, 60 * len(photographs), rng),
        "drawings": np.concatenate([on_ground(drawings, white), on_ground(drawings, grounds)]),
        "noise": noise(1500, rng),
    }
    return found, labels


def batches(found, labels, steps, rng):
    """Yields (uint8 pictures `(pairs, 64, 64, 3)`, labels `(pairs,)`, -1 outside of CIFAR-10)."""
    fresh = PAIRS - 3 * CORRUPTED
    counts = {name: round(share * fresh) for name, share in SHARES.items()}
    counts["cifar10"] += fresh - sum(counts.values())
    for _ in range(steps):
        chosen = {n: rng.choice(len(found[n]), k, replace=False) for n, k in counts.items()}
        rows = np.concatenate([found[name][index] for name, index in chosen.items()])
        known = np.full(PAIRS, -1, "int32")
        known[: counts["cifar10"]] = labels[chosen["cifar10"]]
        order = rng.permutation(fresh)
        rows, known[:fresh] = rows[order], known[:fresh][order]
        yield np.concatenate([rows, rows[: 3 * CORRUPTED]]), known


@tf.function
def views(pictures, seed):
    """Returns two views of each picture, `(2 * pairs, 64, 64, 3)` in [0, 1].

    The last pictures of the batch are first blurred, covered with noise or shifted in colour: such
    a copy is another picture, whose views differ from those of the original. A view is a crop, at
    times mirrored. It keeps colour and sharpness, which the features shall see.
    """
    pictures = tf.cast(pictures, tf.float32) / 255
    kept, blurred, noisy, tinted = tf.split(
        pictures, [PAIRS - 3 * CORRUPTED, CORRUPTED, CORRUPTED, CORRUPTED]
    )
    unit = tf.random.stateless_uniform((CORRUPTED, 2, 1, 1), seed)
    noisy += tf.random.stateless_normal(noisy.shape, seed + 1) * (0.02 + 0.3 * unit[:, :1] ** 2)
    gain = tf.random.stateless_uniform((CORRUPTED, 1, 1, 3), seed + 2, -1.0, 1.0)
    shift = tf.random.stateless_uniform((CORRUPTED, 1, 1, 3), seed + 3, -1.0, 1.0)
    tinted = tinted * (1 + 0.4 * gain) + 0.25 * shift
    changed = tf.concat([kept, blur(blurred, 0.4 + 2.6 * unit[0, 1, 0, 0]), noisy, tinted], 0)
    changed = tf.clip_by_value(changed, 0.0, 1.0)
    unit = tf.random.stateless_uniform((5, 2 * PAIRS), seed + 4)
    side = tf.sqrt(0.35 + 0.65 * unit[0])
    high, wide = side * (1 - 0.15 * unit[1]), side
    top, left = unit[2] * (1 - high), unit[3] * (1 - wide)
    mirrored = unit[4] < 0.5
    ends = left + wide
    left, right = tf.where(mirrored, ends, left), tf.where(mirrored, left, ends)
    boxes = tf.stack([top, left, top + high, right], 1)
    rows = tf.tile(tf.range(PAIRS), [2])
    return tf.image.crop_and_resize(changed, boxes, rows, (colour.SIDE, colour.SIDE))


def blur(images, deviation):
    """Blurs images by a Gaussian of this standard deviation, in pixels."""
    reach = 8
    kernel = tf.exp(-(tf.range(-reach, reach + 1.0) ** 2) / (2 * deviation**2))
    kernel = tf.tile((kernel / tf.reduce_sum(kernel))[:, None, None, None], [1, 1, 3, 1])
    padded = tf.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "REFLECT")
    padded = tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
    return tf.nn.depthwise_conv2d(padded, tf.transpose(kernel, (1, 0, 2, 3)), [1] * 4, "VALID")


def contrast(vectors):
    """Returns the loss of SimCLR (Chen et al. 2020, equation 1) for two views of each picture."""
    vectors = tf.math.l2_normalize(vectors, 1)
    alike = tf.matmul(vectors, vectors, transpose_b=True) / TEMPERATURE
    alike -= 1e9 * tf.eye(2 * PAIRS)
    other = tf.roll(tf.range(2 * PAIRS), PAIRS, 0)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(other, alike))


def heads(network):
    """Returns a model that adds to the features what only the training needs.

    Its outputs are vectors that the views of a picture share, and the scores of CIFAR-10's classes.
    """
    features = network.output
    x = keras.layers.Dense(256, activation="relu")(features)
    vectors = keras.layers.Dense(64)(x)
    scores = keras.layers.Dense(10)(keras.layers.ReLU()(features))
    return keras.Model(network.input, [vectors, scores])


def train(network, found, labels, steps, rng, out):
    """Trains the network by AdamW; the rate rises at first, then falls to 0.42 of the highest."""
    model = heads(network)
    fall = round(FALL * steps)
    warm = fall // 20
    schedule = keras.optimizers.schedules.CosineDecay(
        RATE / 100, fall - warm, warmup_target=RATE, warmup_steps=warm
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=DECAY)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(images, known):
        with tf.GradientTape() as tape:
            vectors, scores = model(images, training=True)
            alike = contrast(vectors)
            twice = tf.concat([known, known], 0)
            errors = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(twice, 0), scores)
            labelled = tf.cast(twice >= 0, tf.float32)
            classes = tf.reduce_sum(errors * labelled) / tf.reduce_sum(labelled)
            loss = alike + CLASSES_WEIGHT * classes
        right = tf.cast(tf.argmax(scores, 1, tf.int32) == twice, tf.float32)
        accuracy = tf.reduce_sum(right) / tf.reduce_sum(labelled)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return tf.stack([alike, classes, accuracy])

    start, logs = time.perf_counter(), []
    for number, (rows, known) in enumerate(batches(found, labels, steps, rng), 1):
        seed = tf.constant([SEED, 10 * number], tf.int64)
        logs.append(step(views(rows, seed), tf.constant(known)).numpy())
        if number % 50 == 0 or number == steps:
            alike, classes, accuracy = np.mean(logs, axis=0)
            logs = []
            print(
                f"step {number} of {steps}, {time.perf_counter() - start:.0f} s: contrast "
                f"{alike:.3f}, classes {classes:.3f}, accuracy {accuracy:.3f}",
                flush=True,
            )
            network.save_weights(out.with_suffix(".weights.h5"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emoji", required=True, help="a folder of drawings with alpha")
    parser.add_argument("--photographs", required=True, help="a folder of photographs")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=pathlib.Path, help="an .npz file")
    arguments = parser.parse_args()
    out = arguments.out or shipped.weights_path("colour")
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}, kgan {kgan.__version__}"

    keras.utils.set_random_seed(SEED)
    rng = np.random.default_rng(SEED)
    network = colour.network()
    found, labels = pools(arguments, rng)
    counts = {name: len(images) for name, images in found.items()}
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; {versions}; pictures {counts}; "
        f"{network.count_params()} parameters",
        flush=True,
    )
    train(network, found, labels, arguments.steps, rng, out)
    facts = {"pictures": counts, "steps": arguments.steps, "pairs": PAIRS, "seed": SEED}
    shipped.write(out, network, facts | {"versions": versions})


if __name__ == "__main__":
    main()

"""Trains the two small classifiers that kgan ships as feature extractors.

    python benchmarks/classifiers.py digits
    python benchmarks/classifiers.py cifar10 --epochs 40 --out cifar10.npz

Needs MNIST or CIFAR-10 of TensorFlow Datasets (in the folder TFDS_DATA_DIR). Prints the accuracy of
the stored weights on the test split, with the machine and the versions. Without `--out` the file is
written where kgan loads it from.
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
from kgan.metrics.extractors import classifiers

SEED = 0


def digits(images, labels, seed):
    """Augments MNIST: slightly rotated, scaled and shifted; a third redrawn in 8x8 pixels.

    The training set has only digits. A network that is also trained to be uncertain about other
    images maps them to one point amid the features of digits, so that noise gets a precision of 1.
    """
    images = transformed(images, seed, turn=0.17, scale=0.12, shift=2.0)
    coarse = classifiers.digit_frame(redrawn(images, seed + 1))
    chance = tf.random.stateless_uniform((len(images), 1, 1, 1), seed + 2)
    return tf.where(chance < 1 / 3, coarse, images), tf.one_hot(labels, 10)


def redrawn(images, seed):
    """Redraws digits in 8x8 pixels, as Alpaydin and Kaynak's digits were made.

    The bounding box becomes a 32x32 bitmap, whose black pixels are counted in 4x4 blocks.
    """
    count = len(images)
    rows, columns = (tf.reduce_max(images, (axis, 3)) > 0.3 for axis in (2, 1))
    top, left = (tf.reduce_min(tf.where(i, tf.range(28.0), 27.0), 1) for i in (rows, columns))
    bottom, right = (tf.reduce_max(tf.where(i, tf.range(28.0), 0.0), 1) for i in (rows, columns))
    unit = tf.random.stateless_uniform((5, count), seed)
    high = (bottom - top + 1) / 2
    # A 1 with a flag and a foot is rare in MNIST: some narrow digits are stretched to imitate it.
    wide = tf.maximum(high * (0.6 + 0.8 * unit[0]), (right - left + 1) * 0.6)
    high *= 0.95 + 0.15 * unit[1]
    down, across = (bottom + top) / 2, (left + right) / 2 + (unit[2] - 0.5) * wide / 4
    boxes = tf.stack([down - high, across - wide, down + high, across + wide], 1) / 27
    bitmap = tf.image.crop_and_resize(images, boxes, tf.range(count), (32, 32))
    bitmap = tf.cast(bitmap > 0.05 + 0.5 * unit[3][:, None, None, None], tf.float32)
    thick = unit[4][:, None, None, None] < 0.5
    bitmap = tf.where(thick, tf.nn.max_pool2d(bitmap, 2, 1, "SAME"), bitmap)
    return tf.nn.avg_pool2d(bitmap, 4, 4, "VALID")


def cifar10(images, labels, seed):
    """Augments CIFAR-10: flips, shifts of up to 4 pixels, and a blank square of 10x10 pixels."""
    count, side = len(images), 32
    images = tf.image.stateless_random_flip_left_right(images, seed)
    images = transformed(images, seed + 1, turn=0.0, scale=0.1, shift=4.0)
    corner = tf.random.stateless_uniform((count, 2, 1), seed + 2, -5, side - 5, tf.int32)
    inside = tf.math.logical_and(tf.range(side) >= corner, tf.range(side) < corner + 10)
    hole = tf.logical_and(inside[:, 0, :, None], inside[:, 1, None, :])[..., None]
    return tf.where(hole, 0.5, images), tf.one_hot(labels, 10)


def transformed(images, seed, turn, scale, shift):
    """Rotates, scales and shifts each image at random.

    Args:
        images: `(batch, height, width, channels)`, square, in [0, 1].
        seed: seed of the random numbers.
        turn: the largest rotation, in radians.
        scale: the largest relative change of height and of width.
        shift: the largest shift, in pixels.
    """
    count, middle = len(images), (images.shape[1] - 1) / 2
    unit = tf.random.stateless_uniform((5, count), seed, -1.0, 1.0)
    angle, wide, high = unit[0] * turn, 1 + unit[1] * scale, 1 + unit[2] * scale
    a, b = wide * tf.cos(angle), -high * tf.sin(angle)
    c, d = wide * tf.sin(angle), high * tf.cos(angle)
    across = middle - a * middle - b * middle + unit[3] * shift
    down = middle - c * middle - d * middle + unit[4] * shift
    none = tf.zeros(count)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, across, c, d, down, none, none], 1),
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT" if images.shape[-1] == 1 else "REFLECT",
    )


# Data set, augmentation, epochs, batch size, learning rate, weight decay, label smoothing.
RECIPES = {
    "digits": ("mnist", digits, 14, 128, 3e-3, 0.02, 0.0),
    "cifar10": ("cifar10", cifar10, 40, 64, 3e-3, 0.1, 0.05),
}


def arrays(name, split):
    """Returns images in [0, 1] and labels, in the order of the data set."""
    data = kgan.data.load(
        name, split=split, batch_size=500, value_range=(0, 1), shuffle=False, drop_remainder=False
    )
    images, labels = zip(*data.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def train(network, images, labels, change, epochs, batch, rate, decay, smoothing):
    """Trains the logits by AdamW.

    The learning rate rises for a twentieth of the steps and then falls to 0 by a cosine.
    """
    steps = len(images) // batch
    seeds = tf.data.Dataset.counter().map(lambda n: tf.stack([tf.constant(SEED, tf.int64), 9 * n]))
    data = tf.data.Dataset.from_tensor_slices((images, labels))
    data = data.shuffle(len(images), seed=SEED).repeat().batch(batch, drop_remainder=True)
    data = tf.data.Dataset.zip(data, seeds).map(
        lambda pair, seed: change(*pair, seed), num_parallel_calls=2
    )
    warm = epochs * steps // 20
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 100, epochs * steps - warm, warmup_target=rate, warmup_steps=warm
    )
    model = keras.Model(network.input, network.output[1])
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=decay),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
        metrics=["accuracy"],
        jit_compile=True,
        steps_per_execution=20,
    )
    model.fit(data.prefetch(8), epochs=epochs, steps_per_epoch=steps, verbose=2)


def measured(network, images, labels):
    """Returns the accuracy and the statistics of the features.

    These are the mean of each class `(classes, width)` and the pooled standard deviation within
    the classes `(width,)`.
    """
    features, logits = network.predict(images, batch_size=500, verbose=0)
    means = np.stack([features[labels == k].mean(axis=0) for k in range(logits.shape[1])])
    spread = np.sqrt(((features - means[labels]) ** 2).mean(axis=0))
    return float((logits.argmax(1) == labels).mean()), means, spread


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("classifier", choices=list(RECIPES))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--out", type=pathlib.Path, help="an .npz file")
    arguments = parser.parse_args()
    name, change, epochs, *rest = RECIPES[arguments.classifier]
    epochs = arguments.epochs or epochs
    out = arguments.out or classifiers.weights_path(arguments.classifier)
    out.parent.mkdir(parents=True, exist_ok=True)
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}, kgan {kgan.__version__}"

    keras.utils.set_random_seed(SEED)
    network = classifiers.network(arguments.classifier)
    images, labels = arrays(name, "train")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; {versions}; {len(images)} images of {name}"
        f", {network.count_params()} parameters",
        flush=True,
    )
    start = time.perf_counter()
    train(network, images, labels, change, epochs, *rest)
    print(f"{epochs} epochs in {time.perf_counter() - start:.0f} s")

    classifiers.save(network, out, {}, (), ())
    network = classifiers.load(arguments.classifier, out)
    unseen, truth = arrays(name, "test")
    facts = {"data": name, "train": len(images), "test": len(unseen), "epochs": epochs}
    facts |= {"seed": SEED, "versions": versions}
    facts["accuracy"], means, spread = measured(network, unseen, truth)
    if arguments.classifier == "digits":
        small, truth = arrays("digits", "all")
        small = classifiers.digit_frame(small).numpy()
        facts["accuracy_8x8"], _, _ = measured(network, small, truth)
    classifiers.save(network, out, facts, means, spread)
    print(facts)


if __name__ == "__main__":
    main()

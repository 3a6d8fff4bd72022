"""The handwritten digits that come with scikit-learn: real data that needs no network."""

import numpy as np

from kgan.data.info import Source
from kgan.data.splits import bounds, parse
from kgan.errors import unknown

# Samples of each class in the test part: 10 x 30 of the 1,797.
_TEST_PER_CLASS = 30


def read(split: str = "train") -> Source:
    """Reads the 1,797 digits, grey images of 8x8 pixels: 1,497 in "train", 300 in "test".

    From Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository 1998 (its test set, by 43 writers, as in
    `sklearn.datasets.load_digits`). There each pixel counts the inked pixels of a 4x4 block,
    0..16; here it is scaled to 0..255.

    The test part is the same in every run: 30 samples of each class, evenly spaced in the order
    of the data set.

    Args:
        split: "train", "test", "all", or a slice of one.

    Returns:
        A `Source` of uint8 images `(samples, 8, 8, 1)` in 0..255 with labels 0 to 9.

    Raises:
        InputError: for an unknown split.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = np.round(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype("uint8")
    test = np.zeros(len(labels), bool)
    for label in range(10):
        members = np.flatnonzero(labels == label)
        spaced = np.linspace(0, len(members) - 1, _TEST_PER_CLASS).round().astype(int)
        test[members[spaced]] = True

    parts = {"train": ~test, "test": test, "all": np.ones_like(test)}
    name = parse(split)[0]
    if name not in parts:
        raise unknown("split of 'digits':", name, parts)
    part = np.flatnonzero(parts[name])
    part = part[bounds(split, len(part))]
    return Source(
        name="digits",
        split=split,
        values=images[part],
        labels=labels[part].astype("int32"),
        class_names=tuple("0123456789"),
        range=(0.0, 255.0),
    )

"""The handwritten digits that scikit-learn carries: real data without network."""

import numpy as np

from kgan.data.info import Source
from kgan.data.splits import bounds, parse
from kgan.errors import unknown

# Of each class, the samples of the test part: 10 x 30 of the 1,797.
_TEST_PER_CLASS = 30


def read(split: str = "train") -> Source:
    """1,797 digits, 8x8 grey, 43 writers; "train" has 1,497 of them, "test" 300, "all" all.

    From Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository 1998 (its test set, as in `sklearn.datasets.load_digits`). Each
    pixel counts the ink in a 4x4 block, 0..16; it is stored as 0..255.

    The test part is the same in every run: 30 samples of each class, evenly spaced in
    the order of the collection.
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

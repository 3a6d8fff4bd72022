"""The data sets that have a name. This module does not import TensorFlow."""

BUILT_IN = {
    "digits": "1,797 real handwritten digits, 8x8 grey, from scikit-learn; needs no network",
    "ring": "2-D points: 8 Gaussians on a circle, the mode-collapse test of the PacGAN paper",
    "grid": "2-D points: 25 Gaussians on a 5x5 grid, from the same paper",
    "stacked_mnist": "three MNIST digits as the colours of an image, 28x28x3: 1,000 modes",
}

# A few of the several hundred that TensorFlow Datasets knows.
WELL_KNOWN = {
    "mnist": "70,000 handwritten digits, 28x28 grey (TensorFlow Datasets)",
    "fashion_mnist": "70,000 pieces of clothing, 28x28 grey (TensorFlow Datasets)",
    "cifar10": "60,000 small photographs in 10 classes, 32x32 colour (TensorFlow Datasets)",
}


def sources() -> list[tuple[str, str]]:
    """Returns the named data sets as `(name, one-line description)`, the built-in ones first.

    `kgan.data.load` also takes any other name of TensorFlow Datasets, the path of a folder of
    images or of an `.npz` file, and arrays.
    """
    return [*BUILT_IN.items(), *WELL_KNOWN.items()]

"""Stacked MNIST: three digits as the channels of one image, with 1,000 modes to count."""

from collections.abc import Callable

import numpy as np

from kgan import arguments
from kgan.data import memory
from kgan.data.info import Modes, Source
from kgan.data.splits import bounds, parse
from kgan.data.stores import Stacked
from kgan.errors import InputError, unknown

NAME = "stacked_mnist"

# PacGAN trains on 128,000 stacks, and evaluates a generator on 26,000 of its samples.
SAMPLES = {"train": 128_000, "test": 26_000}

_CLASSES = 10


def read(
    digits_of: Callable[[str], Source],
    split: str = "train",
    *,
    of: str = "mnist",
    seed: int = 0,
    n: int | None = None,
) -> Source:
    """Draws `n` stacks of three digits, independently and with replacement.

    Metz et al. 2017, "Unrolled generative adversarial networks"; Srivastava et al. 2017, VEEGAN;
    Lin et al. 2018, PacGAN, section 4.2. The label is 100 a + 10 b + c for the digits a, b and c
    in the red, green and blue channel. The modes are not equally likely, because MNIST's digits
    are not; their shares are `modes.probabilities`.

    Only the three indices of each stack are stored, a function of (seed, split, n). Stacks of
    "train" consist of digits from "train", and those of "test" of digits from "test".

    Args:
        digits_of: a function that returns the grey digits of "train" or "test", in memory.
        split: "train", "test" or a slice of one.
        of: the name of the digits, for messages.
        seed: seed of the draw.
        n: number of stacks; None takes 128,000 for "train" and 26,000 for "test", as in PacGAN.

    Returns:
        A `Source` whose store yields uint8 images `(height, width, 3)`.

    Raises:
        InputError: if the digits cannot be read, or are not grey images in ten classes, and for
            an unknown split.
    """
    part = parse(split)[0]
    if part not in SAMPLES:
        raise unknown(f"split of {NAME!r}:", part, SAMPLES)
    n = SAMPLES[part] if n is None else arguments.integer("n", n)
    memory.must_fit(40 * n, f"Drawing n={n} stacks", "Give a smaller n.")
    digits = _digits(digits_of, part, of)
    # Each part has a random stream of its own, as in `mixtures`.
    random = np.random.default_rng([seed, part == "test"])
    stacks = random.integers(digits.size, size=(n, 3), dtype="int32")[bounds(split, n)]
    places = np.array([_CLASSES**2, _CLASSES, 1], "int32")
    labels = digits.labels[stacks] @ places
    shares = np.bincount(digits.labels, minlength=_CLASSES) / digits.size
    return Source(
        name=NAME,
        split=split,
        open=lambda labelled: Stacked(digits.values, stacks, labels if labelled else None),
        size=len(stacks),
        shape=(*digits.shape[:2], 3),
        labels=labels,
        class_names=tuple(f"{mode:03}" for mode in range(_CLASSES**3)),
        range=digits.range or (0.0, 255.0),
        modes=Modes(np.einsum("a,b,c->abc", shares, shares, shares).ravel()),
    )


def _digits(digits_of, part, of) -> Source:
    try:
        digits = digits_of(part)
    except InputError as error:
        hint = f' {NAME!r} also stacks the 8x8 digits of scikit-learn: of="digits".'
        raise InputError(f"{error}{'' if of == 'digits' else hint}") from error
    classes = 0
    if digits.labels is not None and digits.size:
        classes = len(digits.class_names) or int(digits.labels.max()) + 1
    if classes != _CLASSES or digits.values.ndim != 4 or digits.values.dtype != np.uint8:
        raise InputError(
            f"{NAME!r} stacks labelled images of ten digits with pixels in 0..255; {of!r} has "
            f"{classes} classes, shape {digits.shape} and dtype {digits.values.dtype}. Take "
            'of="mnist" or of="digits".'
        )
    return digits

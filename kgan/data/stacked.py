"""Stacked MNIST: three digits as the colours of one image, 1,000 modes that can be counted."""

from collections.abc import Callable

import numpy as np

from kgan import arguments
from kgan.data.info import Modes, Source
from kgan.data.splits import bounds, parse
from kgan.data.stores import Stacked
from kgan.errors import InputError, unknown

NAME = "stacked_mnist"

# PacGAN trains on 128,000 stacks, and judges a generator by 26,000 of its samples.
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
    """`n` stacks of three digits that are drawn at random, each by itself and with replacement.

    Metz et al. 2017, "Unrolled generative adversarial networks"; Srivastava et al. 2017, VEEGAN;
    Lin et al. 2018, PacGAN, section 4.2. The label is 100 a + 10 b + c for the digits a, b and c
    in the red, green and blue channel. The modes are not quite equally likely, for neither are
    MNIST's digits; `modes.probabilities` tells.

    Nothing is stored but which three digits make a stack, a function of (seed, split, n). The
    train part is drawn from the digits' train part, and test from test.

    Args:
        digits_of: from "train" or "test" to the grey digits of that part, in memory.
        split: "train", "test" or a slice of one.
        of: what the digits are called.
        seed: of the draw.
        n: stacks; 128,000 of train and 26,000 of test if left out.

    Raises:
        InputError: digits that cannot be read, or are not grey images in ten classes.
    """
    part = parse(split)[0]
    if part not in SAMPLES:
        raise unknown(f"split of {NAME!r}:", part, SAMPLES)
    n = SAMPLES[part] if n is None else arguments.integer("n", n)
    digits = _digits(digits_of, part, of)
    # A stream of its own for each part, as mixtures have.
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

"""What the discriminator sees of images."""

from typing import Any

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.augment.adaptive import Adaptive
from kgan.augment.base import get, suited
from kgan.errors import InputError
from kgan.typing import ArrayLike, Range


def preview(
    images: ArrayLike,
    augmentation: Any = "diffaugment",
    *,
    draws: int = 7,
    seed: int = 0,
    value_range: Range = (-1.0, 1.0),
    p: float | None = None,
) -> np.ndarray:
    """Returns images beside several draws of what the discriminator sees of them.

    ```python
    rows = kgan.augment.preview(next(iter(photos)), "diffaugment", draws=7)
    sheet = kgan.pictures.draw(rows.reshape(-1, *rows.shape[2:]), value_range=(-1, 1), columns=8)
    ```

    Args:
        images: `(n, height, width, channels)`.
        augmentation: as `compile(augment=...)` takes it.
        draws: how often each image is changed.
        seed: the same seed gives the same draws.
        value_range: of the images.
        p: the probability of each change, for `Adaptive`, which begins a training with 0. None
            takes the one that it has.

    Returns:
        float32 array `(n, 1 + draws, height, width, channels)`, the image itself first. Values may
        leave the range, as they do in training.

    Raises:
        InputError: if the samples are not images, or an argument is none of those above.
    """
    given = get(augmentation)
    found = suited(given, arguments.interval("value_range", value_range))
    draws = arguments.integer("draws", draws)
    seed = arguments.integer("seed", seed, least=0) % 2**31
    values = arguments.array("images", images, (4,)).astype("float32")
    if isinstance(given, Adaptive) and isinstance(found, Adaptive):
        found.begin_at(float(given.p) if p is None else p)
    elif p is not None:
        raise InputError(
            "p is the probability of the changes of Adaptive; the others make theirs to each "
            f"image. Leave p out, or take 'adaptive'; got {augmentation!r}."
        )
    samples = tf.constant(values)
    seen = [samples] + [found(samples, tf.constant([seed, draw])) for draw in range(draws)]
    return tf.stack(seen, axis=1).numpy()

"""DiffAugment: colours, translation and cutout."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from kgan import arguments, random, replicas
from kgan.augment.base import Augmentation, images_of
from kgan.errors import InputError
from kgan.typing import Config, Tensor


@keras.saving.register_keras_serializable("kgan")
class DiffAugment(Augmentation):
    """Changes colours, moves and covers parts of images: Zhao et al. 2020, sections 3 and 4.

    Differentiable augmentation for data-efficient GAN training. For `compile(augment=...)`: the
    discriminator sees real and generated images with these changes, so that it cannot learn a few
    real ones by heart, and the generator is trained through them. The changes are as likely for
    both kinds, and so generated images do not take them over.

    - "color": brightness, b uniform in ±0.5 is added (for values in [-1, 1]); saturation, the
      distance of a pixel's channels from their mean is multiplied by s in [0, 2]; contrast, the
      distance of the values from the image's mean is multiplied by c in [0.5, 1.5].
    - "translation": a shift by up to 1/8 of each side; what comes in is the middle of the range.
    - "cutout": a square of half of each side, at any place, takes the middle of the range.

    Shifts are products with matrices of zeros and ones, whose derivatives of any order are right
    under every compiler.

    Args:
        policy: which of the three, applied in the order above.
        value_range: of the images; None means that of the model, or (-1, 1) outside of one.

    Raises:
        InputError: for an unknown name, or none.
    """

    def __init__(
        self,
        policy: Sequence[str] = ("color", "translation", "cutout"),
        value_range: tuple[float, float] | None = None,
    ):
        given = [policy] if isinstance(policy, str) else policy
        given = arguments.listing("policy", given, f"some of {', '.join(map(repr, _CHANGES))}")
        wrong = [name for name in given if not isinstance(name, str) or name not in _CHANGES]
        if wrong or not given:
            raise InputError(
                f"policy takes some of {', '.join(map(repr, _CHANGES))}; got {policy!r}."
            )
        self.policy = tuple(name for name in _CHANGES if name in given)
        if value_range is not None:
            value_range = arguments.interval("value_range", value_range, or_else="None")
        self.value_range = value_range

    def suited(self, value_range: tuple[float, float] | None) -> "DiffAugment":
        if self.value_range is not None or value_range is None:
            return self
        return type(self)(self.policy, value_range)

    def __call__(self, samples: Tensor, seed: Tensor) -> Tensor:
        samples = images_of(self, samples)
        low, high = self.value_range or (-1.0, 1.0)
        middle, half = (low + high) / 2, (high - low) / 2
        # Three numbers for each change, whether it is made or not.
        count = 3 * len(_CHANGES)
        drawn = replicas.rows(
            tf.shape(samples)[0], lambda number: random.uniform([number, count], seed)
        )
        changed = (samples - middle) / half
        for name, numbers in zip(_CHANGES, tf.split(drawn, len(_CHANGES), axis=1), strict=True):
            if name in self.policy:
                changed = _CHANGES[name](changed, numbers)
        return changed * half + middle

    def get_config(self) -> Config:
        return {"policy": list(self.policy), "value_range": self.value_range}


def _color(images, drawn):
    """Changes brightness, saturation and contrast of images whose range is [-1, 1]."""
    if images.shape[-1] in (2, 4):  # the last channel is alpha
        colours = _color(images[..., :-1], drawn)
        return tf.concat([colours, images[..., -1:]], -1)
    bright, saturated, contrast = (
        tf.cast(part, images.dtype)[:, None, None] for part in tf.split(drawn, 3, axis=1)
    )
    images += bright - 0.5
    grey = tf.reduce_mean(images, 3, keepdims=True)
    images = grey + (images - grey) * 2.0 * saturated
    mean = tf.reduce_mean(images, [1, 2, 3], keepdims=True)
    return mean + (images - mean) * (contrast + 0.5)


def _translation(images, drawn):
    """Shifts images by whole pixels, up to an eighth of each side."""
    for axis, equation in ((1, "bij,bjwc->biwc"), (2, "bij,bhjc->bhic")):
        size = tf.shape(images)[axis]
        most = tf.cast(tf.cast(size, tf.float32) / 8 + 0.5, tf.int32)
        shifts = tf.cast(drawn[:, axis - 1] * tf.cast(2 * most + 1, tf.float32), tf.int32) - most
        # Row i holds a one where it takes its pixels from, or only zeros.
        sources = tf.range(size)[None] - shifts[:, None]
        chosen = tf.one_hot(sources, size, dtype=images.dtype)
        moved = tf.einsum(equation, chosen, images)
        moved.set_shape(images.shape)
        images = moved
    return images


def _cutout(images, drawn):
    """Covers a rectangle of half of each side; its centre is anywhere in the image."""
    kept = None
    for axis in (1, 2):
        size = tf.shape(images)[axis]
        side = tf.cast(tf.cast(size, tf.float32) / 2 + 0.5, tf.int32)
        places = tf.cast(size + 1 - side % 2, tf.float32)
        first = tf.cast(drawn[:, axis - 1] * places, tf.int32) - side // 2
        along = tf.range(size)[None] - first[:, None]
        inside = (along >= 0) & (along < side)
        inside = inside[:, :, None] if axis == 1 else inside[:, None]
        kept = inside if kept is None else kept & inside
    return images * tf.cast(~kept, images.dtype)[..., None]


_CHANGES = {"color": _color, "translation": _translation, "cutout": _cutout}

"""Augmentation with a probability that follows the discriminator."""

from typing import Any

import keras
import tensorflow as tf

from kgan import arguments, random, replicas
from kgan.augment.base import Augmentation, Chain, get, suited
from kgan.augment.diffaugment import DiffAugment
from kgan.errors import InputError
from kgan.typing import Config, Tensor

# Between two changes of p: Karras et al. 2020, section 3.
_UPDATES = 4.0
# Real images from p = 0 to p = 1: appendix C.1.
_IMAGES = 500_000
# The same, as a share of a training: short ones end before the paper's speed has moved p.
_SHARE = 0.1


@keras.saving.register_keras_serializable("kgan")
class Adaptive(Augmentation):
    """Augments with a probability that follows how much the discriminator overfits.

    Karras et al. 2020, Training generative adversarial networks with limited data, section 3. Each
    change is made to each image with the probability p, independently. r_t is the mean sign of the
    scores of real images, over 4 updates: near 0 while the discriminator cannot tell them from
    generated ones, near 1 when it knows them by heart. If it is above the target, p rises, else it
    falls, at a speed that `updates` or `images` sets. `compile` logs both, as `augment_p` and
    `augment_r`.

    The sign must mean "real", as with `non_saturating`, `minimax` and `hinge`. Under `wasserstein`
    and `relativistic` a constant may be added to all scores, and r_t says nothing: `compile` warns.

    Args:
        augmentation: what is applied; the parts of a list and of `DiffAugment` count as changes
            of their own. The paper's has geometric and colour changes that kgan lacks.
        target: the value that r_t is held at, in (0, 1). The paper's 0.6 suits StyleGAN2's
            discriminator. Under spectral normalization r_t is near 0.2 while all is well, and with
            a target of 0.6 p rises only after the samples have become worse. `augment_r` in the
            logs of a training tells where it lies.
        images: how many real images p takes from 0 to 1; the paper has 500,000, in trainings of
            25 millions. None leaves it to `updates`.
        most: the largest p. Above 0.8 changes leak into generated images (section 2.2).
        updates: the same in updates of the discriminator. With neither, `compile` takes a tenth of
            the updates in the model's `training_steps`; outside of a model it is 500,000 images.

    Raises:
        InputError: for a value out of its range, an unknown augmentation, or if both `images` and
            `updates` are given.
    """

    logs = ("augment_p", "augment_r")

    def __init__(
        self,
        augmentation: Any = "diffaugment",
        target: float = 0.2,
        images: int | None = None,
        most: float = 0.8,
        updates: int | None = None,
    ):
        self.augmentation = get(augmentation)
        self.target = arguments.fraction("target", target)
        if images is not None and updates is not None:
            raise InputError(
                "images and updates both say how fast p moves; give one of them; got "
                f"images={images!r} and updates={updates!r}."
            )
        self.images = None if images is None else arguments.integer("images", images)
        self.updates = None if updates is None else arguments.integer("updates", updates)
        self.most = arguments.number("most", most, above=0, most=1)
        # p, r_t, and the sum and number of the means that the next r_t is made of.
        self._state = keras.Variable(
            [0.0, 0.0, 0.0, 0.0], dtype="float32", trainable=False, aggregation="none", name="state"
        )

    @property
    def p(self) -> Any:
        """The probability of each change, a scalar tensor."""
        return tf.convert_to_tensor(self._state.value)[0]

    def begin_at(self, p: float) -> None:
        """Sets the probability of each change, from which it adapts.

        Raises:
            InputError: if `p` is not in [0, 1].
        """
        self._state.assign([arguments.number("p", p, least=0, most=1), 0.0, 0.0, 0.0])

    def suited(self, value_range: tuple[float, float] | None) -> "Adaptive":
        # Anew, so that each compilation begins without augmentation.
        inner = suited(self.augmentation, value_range)
        return type(self)(inner, self.target, self.images, self.most, self.updates)

    def lasting(self, updates: int | None) -> "Adaptive":
        if updates is None or self.images is not None or self.updates is not None:
            return self
        share = max(1, round(_SHARE * updates))
        return type(self)(self.augmentation, self.target, None, self.most, share)

    def __call__(self, samples: Tensor, seed: Tensor) -> Tensor:
        samples = tf.convert_to_tensor(samples)
        parts = _parts(self.augmentation)
        drawn = replicas.rows(
            tf.shape(samples)[0], lambda count: random.uniform([count, len(parts)], seed)
        )
        for place, part in enumerate(parts):
            own_seed = tf.convert_to_tensor(seed, tf.int32) ^ tf.constant([0, 0x2ADA1 + place])
            chosen = tf.reshape(drawn[:, place] < self.p, [-1, *[1] * (len(samples.shape) - 1)])
            samples = tf.where(chosen, part(samples, own_seed), samples)
        return samples

    def observe(self, real_scores: Any) -> dict[str, Tensor]:
        replicas.must_be_mirrored(self._state, "Adaptive")
        scores = [
            replicas.whole(tf.cast(part, tf.float32)) for part in tf.nest.flatten(real_scores)
        ]
        mean = tf.add_n([tf.reduce_mean(tf.sign(part)) for part in scores]) / len(scores)
        batch = tf.cast(tf.shape(scores[0])[0], tf.float32)
        p, r, total, count = tf.unstack(tf.convert_to_tensor(self._state.value))
        total, count = total + mean, count + 1.0
        due = count >= _UPDATES
        r = tf.where(due, total / count, r)
        if self.updates is None:
            seen = count * batch / (self.images or _IMAGES)
        else:
            seen = count / self.updates
        moved = p + tf.sign(r - self.target) * seen
        p = tf.where(due, tf.clip_by_value(moved, 0.0, self.most), p)
        rest = tf.where(due, tf.zeros(2), tf.stack([total, count]))
        self._state.assign(tf.stack([p, r, rest[0], rest[1]]))
        return {"augment_p": p, "augment_r": r}

    def get_config(self) -> Config:
        return {
            "augmentation": keras.saving.serialize_keras_object(self.augmentation),
            "target": self.target,
            "images": self.images,
            "most": self.most,
            "updates": self.updates,
        }


def _parts(augmentation) -> list:
    """Returns the changes that an augmentation is made of."""
    if isinstance(augmentation, Chain):
        return [one for part in augmentation.augmentations for one in _parts(part)]
    if isinstance(augmentation, DiffAugment):
        return [DiffAugment(name, augmentation.value_range) for name in augmentation.policy]
    return [augmentation]

"""Penalties: terms that regularize the discriminator.

`R1`, `R2`, `GradientPenalty` and `Dragan` penalise the gradient of the scores with respect to the
samples; its squared norm is summed over all axes of a sample and averaged over the batch. `LeCam`
keeps scores close to moving averages of them, and `Consistency` keeps the scores of an image and
of its augmented copy close to each other.

All of them raise an `InputError` for an argument out of range, such as a negative weight; `LeCam`
and `Consistency` also for another player than the discriminator.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments, packs, replicas
from kgan import augment as augmentations
from kgan.errors import InputError, unknown
from kgan.terms import Term, Turn
from kgan.terms import get as get_term
from kgan.typing import Config, Tensor, Tensors


def squared_gradient_norm(turn: Turn, samples: Tensors) -> Tensors:
    """Returns ‖∇D(x)‖² of each sample.

    Args:
        turn: the `Turn` whose `score` is differentiated.
        samples: samples, `(batch, ...)`, or a structure with those of each network of the
            discriminator.

    Returns:
        A tensor `(batch,)`, at least float32, that can be differentiated again; or a structure
        of them.
    """
    samples = tf.nest.map_structure(tf.convert_to_tensor, samples)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(samples)
        # A sample's score does not depend on the other samples (batch statistics apart), so the
        # gradient of the sum holds the gradients of all samples.
        total = sum(ops.sum(scores) for scores in tf.nest.flatten(turn.score(samples)))
    return tf.nest.map_structure(_squared_norms, tape.gradient(total, samples))


def _squared_norms(gradients):
    # Squares overflow in float16; float64 is kept.
    gradients = ops.cast(gradients, keras.backend.result_type(gradients.dtype, "float32"))
    return ops.sum(ops.square(gradients), axis=tuple(range(1, len(gradients.shape))))


def _strength(name, value):
    # A negative weight would reward what the term penalises.
    if arguments.is_function(value) or isinstance(value, dict):
        return value
    return arguments.number(name, value, least=0, or_else="a schedule")


def _summed(function, *structures):
    """Returns the sum of a function over the networks' parts of structures."""
    return sum(map(function, *map(tf.nest.flatten, structures)))


def _slope_penalty(target, turn, samples):
    """Returns E(‖∇D(x)‖ - target)², summed over a discriminator's networks."""

    def of_one(squared):
        # The derivative of the square root is infinite at 0, the norm for a constant critic.
        return ops.mean(ops.square(ops.sqrt(squared + 1e-12) - target))

    return _summed(of_one, squared_gradient_norm(turn, samples))


@keras.saving.register_keras_serializable("kgan")
class R1(Term):
    """R1, γ/2 E‖∇D(x)‖² on real samples (Mescheder et al. 2018, equation 9).

    Args:
        gamma: γ, a number of at least 0 or a schedule of the training step.
        every: 16 is the lazy R1 of Karras et al. 2020, section 3.1; see `kgan.Term`.
        name, **kwargs: as in `kgan.Term`.
    """

    def __init__(
        self, gamma: float | Callable = 10.0, every: int = 1, name: str | None = None, **kwargs: Any
    ):
        super().__init__(weight=_strength("gamma", gamma), every=every, name=name, **kwargs)

    kind = "real"

    def __call__(self, turn: Turn) -> Tensor:
        if turn.slopes is None:
            norms = squared_gradient_norm(turn, getattr(turn, self.kind))
        else:
            norms = tf.nest.map_structure(_squared_norms, turn.slopes(self.kind))
        return 0.5 * _summed(ops.mean, norms)

    def get_config(self) -> Config:
        config = super().get_config()
        return {"gamma": config.pop("weight"), **config}


@keras.saving.register_keras_serializable("kgan")
class R2(R1):
    """R2, γ/2 E‖∇D(x̂)‖² on generated samples (Mescheder et al. 2018, equation 10).

    Args:
        gamma: γ, a number of at least 0 or a schedule of the training step.
        every, name, **kwargs: see `kgan.Term`.
    """

    kind = "fake"


@keras.saving.register_keras_serializable("kgan")
class GradientPenalty(Term):
    """The gradient penalty of WGAN-GP (Gulrajani et al. 2017, equation 3).

    λ E(‖∇D(x̃)‖ - 1)², where x̃ is drawn uniformly from the line between a real and a generated
    sample. It pulls the norm of the gradient on those lines towards 1. Do not use it with batch
    normalization in the critic (section 4 of the paper): then a score depends on the whole batch.

    Args:
        weight: λ, 10 in the paper; a number of at least 0 or a schedule of the training step.
        every, name, **kwargs: see `kgan.Term`.
    """

    def __init__(
        self,
        weight: float | Callable = 10.0,
        every: int = 1,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(weight=_strength("weight", weight), every=every, name=name, **kwargs)

    def __call__(self, turn: Turn) -> Tensor:
        def between(real, fake):
            # Some families score several generated samples for each real one.
            times = ops.shape(fake)[0] // ops.shape(real)[0]
            if not (isinstance(times, int) and times == 1):
                real = ops.tile(real, (times, *[1] * (len(real.shape) - 1)))
            mix = turn.uniform(real, one_each=True)
            return real + mix * (ops.cast(fake, real.dtype) - real)

        return _slope_penalty(1.0, turn, tf.nest.map_structure(between, turn.real, turn.fake))


@keras.saving.register_keras_serializable("kgan")
class Dragan(Term):
    """The gradient penalty of DRAGAN (Kodali et al. 2017, section 2.3).

    λ E(‖∇D(x + δ)‖ - k)² over real samples x. It constrains the discriminator near the real
    samples only, not near the generated ones, and works with any loss.

    The paper has normal noise δ ~ N(0, cI), with a c that depends on the data. This class uses the
    noise of the authors' code, as other implementations do, because it adapts to the data:
    δ = u · spread · std(x) · ε, with std(x) over all numbers in the batch, ε uniform in [0, 1) for
    each number of a sample, and u uniform in [0, 1) for each sample. It is not centred: it only
    increases values.

    Args:
        weight: λ, 10 in the authors' code; a number of at least 0 or a schedule of the training
            step.
        spread: the scale of δ, in standard deviations of the batch; 0.5 in the authors' code.
        k: the target for the norm of the gradient, 1 in the authors' code.
        every, name, **kwargs: see `kgan.Term`.
    """

    joins_replicas = True

    def __init__(
        self,
        weight: float | Callable = 10.0,
        spread: float = 0.5,
        k: float = 1.0,
        every: int = 1,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(weight=_strength("weight", weight), every=every, name=name, **kwargs)
        self.spread = arguments.number("spread", spread, above=0)
        self.k = arguments.number("k", k, least=0)

    def __call__(self, turn: Turn) -> Tensor:
        def around(real):
            real = tf.convert_to_tensor(real)
            noise = turn.uniform(real)
            reach = self.spread * self._deviation(real)
            scale = turn.uniform(real, one_each=True) * reach
            return real + scale * noise

        return _slope_penalty(self.k, turn, tf.nest.map_structure(around, turn.real))

    def _deviation(self, real):
        if replicas.count() == 1:
            return tf.math.reduce_std(real)
        return tf.sqrt(replicas.moments(real, list(range(len(real.shape))))[1])

    def get_config(self) -> Config:
        return {**super().get_config(), "spread": self.spread, "k": self.k}


@keras.saving.register_keras_serializable("kgan")
class LeCam(Term):
    """LeCam regularization, for little data (Tseng et al. 2021, section 3.2, equation 5).

    λ (E‖D(x) - α_F‖² + E‖D(G(z)) - α_R‖²), where α_R and α_F are exponential moving averages of
    the mean scores of real and of generated samples. The scores of each kind are pulled towards
    the average of the other kind, so that the two cannot diverge.

    As in the authors' code, the averages include the scores of the current batch. They are
    corrected for their start at 0, and no gradient flows through them. The authors' code counts
    the first difference only if D(x) > α_F, and the second only if D(G(z)) < α_R; here, as in the
    paper, both always count.

    The averages are state of this object and saved with the model. Give each model its own.

    Args:
        weight: λ, a number of at least 0 or a schedule of the training step. It depends on the
            scale of the scores: the authors' scripts use 0.3 for BigGAN with the hinge loss on
            CIFAR, and 1e-6 for StyleGAN2 on CIFAR.
        decay: decay of the averages per update of the discriminator, in [0, 1); 0.99 in the paper.
            A lazy term applies decay^every at each update that computes it.
        start: the training step from which the term has its weight; before, it is 0 and only the
            averages are updated. 1000 in the authors' BigGAN code.
        every, name, **kwargs: see `kgan.Term`.
    """

    joins_replicas = True

    def __init__(
        self,
        weight: float | Callable = 0.3,
        decay: float = 0.99,
        start: int = 0,
        every: int = 1,
        name: str | None = None,
        **kwargs: Any,
    ):
        name = "lecam" if name is None else name
        super().__init__(weight=_strength("weight", weight), every=every, name=name, **kwargs)
        _check_player(self)
        self.decay = arguments.fraction("decay", decay)
        self.start = arguments.integer("start", start, least=0)
        # Weighted sums of both kinds of scores, and the sum of the weights.
        self._sums = keras.Variable(
            [0.0, 0.0, 0.0], dtype="float32", trainable=False, aggregation="none", name="sums"
        )

    @property
    def averages(self) -> Any:
        """(α_R, α_F), a tensor of shape `(2,)`; zeros before the first update."""
        return _averages(tf.convert_to_tensor(self._sums.value))

    def __call__(self, turn: Turn) -> Tensor:
        real_average, fake_average = tf.unstack(_averages(self._observe(turn)))
        return _mean_square(turn.real_scores, fake_average) + _mean_square(
            turn.fake_scores, real_average
        )

    def _observe(self, turn):
        """Updates the sums by the scores of a turn, and returns them."""
        scores = turn.real_scores, turn.fake_scores
        means = [
            tf.reduce_mean([tf.reduce_mean(tf.cast(s, tf.float32)) for s in tf.nest.flatten(kind)])
            for kind in scores
        ]
        means = tf.stop_gradient(tf.stack([*means, 1.0]))
        replicas.must_be_mirrored(self._sums, "LeCam")
        means = replicas.mean(means)
        # The slices of an accumulated batch make one update; a lazy term replaces several.
        updates = self.every / getattr(turn.gan, "accumulation_steps", 1)
        sums = tf.convert_to_tensor(self._sums.value)
        updated = means + self.decay**updates * (sums - means)
        # Scores that overflow once would otherwise stay in the averages.
        updated = tf.where(tf.reduce_all(tf.math.is_finite(means)), updated, sums)
        self._sums.assign(updated)
        return updated

    def weight_at(self, step: Tensor) -> Any:
        weight = super().weight_at(step)
        return ops.where(step >= self.start, weight, 0.0) if self.start else weight

    def get_config(self) -> Config:
        return {**super().get_config(), "decay": self.decay, "start": self.start}


def _averages(sums):
    return tf.math.divide_no_nan(sums[:2], sums[2])


def _check_player(term):
    if term.player != "discriminator":
        raise InputError(
            f"{type(term).__name__} regularizes the discriminator; got player={term.player!r}."
        )


def _mean_square(scores, others):
    """Returns the mean squared difference of scores from other scores or from one number."""
    parts = tf.nest.flatten(scores)
    others = tf.nest.flatten(others) if tf.nest.is_nested(others) else [others] * len(parts)
    return sum(
        ops.mean(ops.square(part - ops.cast(other, part.dtype)))
        for part, other in zip(parts, others, strict=True)
    )


@keras.saving.register_keras_serializable("kgan")
class Consistency(Term):
    """Consistency regularization: CR-GAN (Zhang et al. 2020, section 2.2, equation 3).

    λ E‖D(x) - D(T(x))‖² on real images, where T is a random augmentation that keeps their content.
    It costs one more forward pass of the discriminator.

    With `fake_weight` it also covers generated images: balanced consistency regularization, bCR
    (Zhao et al. 2021, algorithm 1), at the cost of another forward pass. CR-GAN can teach the
    generator to make augmented images (section 4.1 of that paper); bCR prevents it.

    T is by default `[Flip(), Shift(4)]` of `kgan.augment`, as that paper has it for images of 32
    pixels. **Flips are wrong for digits, text and other images that change their meaning when
    mirrored: use `augment="shift"`.**

    Args:
        weight: λ, 10 in the paper; a number of at least 0 or a schedule of the training step.
        fake_weight: λ_fake, a number of at least 0; 0 in CR-GAN, 10 in bCR. The log holds the sum
            of both parts.
        augment: T: a `kgan.augment` object, its name, a list of them, or a function
            `(samples, seed) -> samples`; required if the samples are not images.
        every, name, **kwargs: see `kgan.Term`.
    """

    def __init__(
        self,
        weight: float | Callable = 10.0,
        fake_weight: float = 0.0,
        augment: Any = None,
        every: int = 1,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(weight=_strength("weight", weight), every=every, name=name, **kwargs)
        _check_player(self)
        self.fake_weight = arguments.number("fake_weight", fake_weight, least=0)
        if augment is None:
            augment = [augmentations.Flip(), augmentations.Shift(4)]
        self.augment = augmentations.get(augment)

    def __call__(self, turn: Turn) -> Tensor:
        real = self._squared_change(turn, turn.real, turn.real_scores)
        value = ops.cast(super().weight_at(turn.gan.iterations), real.dtype) * real
        if self.fake_weight:
            fake = self._squared_change(turn, turn.fake, turn.fake_scores)
            value += self.fake_weight * fake
        return value

    def _squared_change(self, turn, samples, scores):
        def changed(part):
            pack, seed = turn.gan.pack_size, turn.gan.joint_seed()
            if pack == 1:
                return self.augment(part, seed)
            return packs.grouped(self.augment(packs.parted(part), seed), pack)

        return _mean_square(scores, turn.score(tf.nest.map_structure(changed, samples)))

    def weight_at(self, step: Tensor) -> Any:
        # `__call__` applies both weights itself.
        return 1.0

    def get_config(self) -> Config:
        augment = keras.saving.serialize_keras_object(self.augment)
        return {**super().get_config(), "fake_weight": self.fake_weight, "augment": augment}


BUILT_IN = {
    "r1": R1,
    "r2": R2,
    "gradient_penalty": GradientPenalty,
    "dragan": Dragan,
    "lecam": LeCam,
    "consistency": Consistency,
}


def get(penalty: "str | dict | Term") -> Term:
    """Returns the penalty of a given name with its default weight, or the object itself.

    A plain function of a `kgan.terms.Turn` becomes a term of the discriminator.

    Raises:
        InputError: for an unknown name, or something that is not a term.
    """
    if isinstance(penalty, str):
        if penalty not in BUILT_IN:
            raise unknown("penalty", penalty, BUILT_IN)
        return BUILT_IN[penalty]()
    return get_term(penalty, player="discriminator")

"""Penalties: terms that keep the discriminator smooth, calm or unmoved by what does not matter.

`R1`, `R2`, `GradientPenalty` and `Dragan` penalise the gradient of the scores with respect to the
samples; its squared norm is summed over all axes of a sample and averaged over the batch. `LeCam`
holds the scores near their averages, and `Consistency` those of an image near those of its
augmented copy.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kgan import arguments, random, replicas
from kgan import augment as augmentations
from kgan.errors import InputError, unknown
from kgan.terms import Term, Turn
from kgan.terms import get as get_term
from kgan.typing import Config, Tensor, Tensors


def squared_gradient_norm(turn: Turn, samples: Tensors) -> Tensors:
    """‖∇D(x)‖² of each sample, shape `(batch,)`, at least float32; differentiable once more.

    Of a structure of samples, one for each of a discriminator's networks, it is a structure.
    """
    samples = tf.nest.map_structure(tf.convert_to_tensor, samples)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(samples)
        # A sample's scores do not depend on its neighbours' (save through batch statistics),
        # so the gradient of the sum holds every sample's own.
        total = sum(ops.sum(scores) for scores in tf.nest.flatten(turn.score(samples)))
    return tf.nest.map_structure(_squared_norms, tape.gradient(total, samples))


def _squared_norms(gradients):
    # Squares overflow in float16; float64 stays what it is.
    gradients = ops.cast(gradients, keras.backend.result_type(gradients.dtype, "float32"))
    return ops.sum(ops.square(gradients), axis=tuple(range(1, len(gradients.shape))))


def _strength(name, value):
    # A negative one would reward what it is to penalise.
    if callable(value) or isinstance(value, dict):
        return value
    return arguments.number(name, value, least=0, or_else="a schedule")


def _one_each(turn, samples):
    """A uniform number in [0, 1) for each sample, to be broadcast against it."""
    shape = tf.concat([tf.shape(samples)[:1], tf.ones([len(samples.shape) - 1], tf.int32)], 0)
    return tf.cast(random.uniform(shape, turn.gan.next_seed()), samples.dtype)


def _summed(function, *structures):
    """The sum of what a function makes of each network's part of structures."""
    return sum(map(function, *map(tf.nest.flatten, structures)))


def _slope_of(target, turn, samples):
    """E(‖∇D(x)‖ - target)², summed over a discriminator's networks."""

    def of_one(squared):
        # The square root's slope is infinite at 0, where a dead critic starts.
        return ops.mean(ops.square(ops.sqrt(squared + 1e-12) - target))

    return _summed(of_one, squared_gradient_norm(turn, samples))


@keras.saving.register_keras_serializable("kgan")
class R1(Term):
    """R1, γ/2 E‖∇D(x)‖² on real samples (Mescheder et al. 2018, equation 9).

    Args:
        gamma: γ, a number or a schedule of the training step.
        every: 16 is the lazy R1 of Karras et al. 2020, section 3.1; see `kgan.Term`.
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
        gamma: γ, a number or a schedule of the training step.
        every: see `kgan.Term`.
    """

    kind = "fake"


@keras.saving.register_keras_serializable("kgan")
class GradientPenalty(Term):
    """The gradient penalty of WGAN-GP (Gulrajani et al. 2017, equation 3).

    λ E(‖∇D(x̃)‖ - 1)², where x̃ lies at a uniform random place on the line between a real and a
    generated sample. It asks for a slope of 1 along those lines. Do not use it with batch
    normalization in the critic (section 4 there): then a score depends on the whole batch.

    Args:
        weight: λ, 10 in the paper; a number or a schedule.
        every: see `kgan.Term`.
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
            # Some discriminators see several generated samples for each real one.
            times = ops.shape(fake)[0] // ops.shape(real)[0]
            if not (isinstance(times, int) and times == 1):
                real = ops.tile(real, (times, *[1] * (len(real.shape) - 1)))
            mix = _one_each(turn, real)
            return real + mix * (ops.cast(fake, real.dtype) - real)

        return _slope_of(1.0, turn, tf.nest.map_structure(between, turn.real, turn.fake))


@keras.saving.register_keras_serializable("kgan")
class Dragan(Term):
    """The gradient penalty of DRAGAN (Kodali et al. 2017, section 2.3).

    λ E(‖∇D(x + δ)‖ - k)² over real samples x. It looks around the real samples alone, and so
    leaves the discriminator free where the generator's samples are; the loss is any.

    The paper writes normal noise δ ~ N(0, cI) with a c to be set for the data. Here it is the
    noise of its authors' code, which other implementations took over and which adapts to the
    data: δ = u · spread · std(x) · ε, with std(x) that of all numbers in the batch, ε uniform in
    [0, 1) for each number of a sample, and u uniform in [0, 1) for each sample. It is not centred:
    samples move towards higher values.

    Args:
        weight: λ, 10 in the authors' code; a number or a schedule.
        spread: how far to look, in standard deviations of the batch.
        k: the slope asked for, 1 in the authors' code.
        every: see `kgan.Term`.
    """

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
            noise = random.uniform(tf.shape(real), turn.gan.next_seed())
            reach = self.spread * tf.math.reduce_std(real)
            return real + _one_each(turn, real) * reach * tf.cast(noise, real.dtype)

        return _slope_of(self.k, turn, tf.nest.map_structure(around, turn.real))

    def get_config(self) -> Config:
        return {**super().get_config(), "spread": self.spread, "k": self.k}


@keras.saving.register_keras_serializable("kgan")
class LeCam(Term):
    """LeCam regularization, for little data (Tseng et al. 2021, section 3.2, equation 5).

    λ (E‖D(x) - α_F‖² + E‖D(G(z)) - α_R‖²), where α_R and α_F are exponential moving averages of
    the mean scores of real and of generated samples. The scores of either kind are drawn towards
    where those of the other have been, and cannot run apart.

    As in the authors' code the averages hold the scores at hand already, and an average of few
    scores is not drawn to its start at 0. No gradient flows through them. Their code counts a
    difference only while D(x) > α_F and α_R > D(G(z)), which is where scores should be; here, as
    in the paper, it counts always.

    The averages are state of this object, saved with the model. Give each model its own.

    Args:
        weight: λ, a number or a schedule. It depends on the scores' scale: the authors' scripts
            take 0.3 for BigGAN with the hinge loss on CIFAR, and 1e-6 for StyleGAN2 there.
        decay: of the averages, for one update of the discriminator; 0.99 in the paper. A lazy
            term forgets as much in one go as it would have in those it left out.
        start: the training step from which on it counts, 1000 in the authors' BigGAN code. The
            averages gather before.
        every: see `kgan.Term`.
    """

    def __init__(
        self,
        weight: float | Callable = 0.3,
        decay: float = 0.99,
        start: int = 0,
        every: int = 1,
        name: str | None = None,
        **kwargs: Any,
    ):
        name = name or "lecam"
        super().__init__(weight=_strength("weight", weight), every=every, name=name, **kwargs)
        _of_the_discriminator(self)
        self.decay = arguments.fraction("decay", decay)
        self.start = arguments.integer("start", start, least=0)
        # Weighted sums of both kinds of scores, and the sum of the weights. Not aggregated over
        # replicas: that would be an all-reduce in a condition, where lazy terms are computed.
        self._sums = keras.Variable(
            [0.0, 0.0, 0.0], dtype="float32", trainable=False, aggregation="none", name="sums"
        )

    @property
    def averages(self) -> Any:
        """(α_R, α_F), a tensor; zeros before the first score."""
        return _quotients(tf.convert_to_tensor(self._sums.value))

    def __call__(self, turn: Turn) -> Tensor:
        real_average, fake_average = tf.unstack(_quotients(self._observe(turn)))
        return _mean_square(turn.real_scores, fake_average) + _mean_square(
            turn.fake_scores, real_average
        )

    def _observe(self, turn):
        """The sums moved by the scores of a turn; they are kept."""
        scores = turn.real_scores, turn.fake_scores
        means = [
            tf.reduce_mean([tf.reduce_mean(tf.cast(s, tf.float32)) for s in tf.nest.flatten(kind)])
            for kind in scores
        ]
        means = tf.stop_gradient(tf.stack([*means, 1.0]))
        replicas.must_be_mirrored(self._sums, "LeCam")
        # A lazy term is inside a condition, which cannot hold this: its replicas go each by
        # their own scores.
        if self.every == 1:
            means = replicas.mean(means)
        # Slices of an accumulated batch share one update; a lazy term stands for several.
        updates = self.every / getattr(turn.gan, "accumulation_steps", 1)
        sums = tf.convert_to_tensor(self._sums.value)
        moved = means + self.decay**updates * (sums - means)
        # A step whose scores overflowed is left out, and must not be remembered for good.
        moved = tf.where(tf.reduce_all(tf.math.is_finite(means)), moved, sums)
        self._sums.assign(moved)
        return moved

    def weight_at(self, step: Tensor) -> Any:
        weight = super().weight_at(step)
        return ops.where(step >= self.start, weight, 0.0) if self.start else weight

    def get_config(self) -> Config:
        return {**super().get_config(), "decay": self.decay, "start": self.start}


def _quotients(sums):
    return tf.math.divide_no_nan(sums[:2], sums[2])


def _of_the_discriminator(term):
    if term.player != "discriminator":
        raise InputError(
            f"{type(term).__name__} regularizes the discriminator; got player={term.player!r}."
        )


def _mean_square(scores, others):
    """The mean square of what scores differ by from others, or from one number."""
    parts = tf.nest.flatten(scores)
    others = tf.nest.flatten(others) if tf.nest.is_nested(others) else [others] * len(parts)
    return sum(
        ops.mean(ops.square(part - ops.cast(other, part.dtype)))
        for part, other in zip(parts, others, strict=True)
    )


@keras.saving.register_keras_serializable("kgan")
class Consistency(Term):
    """Consistency regularization: CR-GAN (Zhang et al. 2020, section 2.2, equation 3).

    λ E‖D(x) - D(T(x))‖² on real images, T a random change that leaves what they show as it was.
    It costs one more forward pass of the discriminator.

    With `fake_weight` also on generated ones: balanced consistency regularization, bCR (Zhao et
    al. 2021, algorithm 1). CR-GAN can teach the generator to make augmented images (section 4.1
    there); bCR mends that.

    T is by default `[Flip(), Shift(4)]` of `kgan.augment`, as for the images of 32 pixels there.
    **A flip is wrong for digits, text and whatever else is another thing in a mirror: give
    `augment="shift"`.**

    Args:
        weight: λ, 10 in the paper; a number or a schedule.
        fake_weight: λ_fake, a number; 0 in CR-GAN, 10 in bCR. The log is of both together.
        augment: T: a `kgan.augment` object, its name, a list of them, or a function
            `(samples, seed) -> samples`; needed where the samples are no images.
        every: see `kgan.Term`.
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
        _of_the_discriminator(self)
        self.fake_weight = arguments.number("fake_weight", fake_weight, least=0)
        if augment is None:
            augment = [augmentations.Flip(), augmentations.Shift(4)]
        self.augment = augmentations.get(augment)

    def __call__(self, turn: Turn) -> Tensor:
        change = self._change(turn, turn.real, turn.real_scores)
        value = ops.cast(super().weight_at(turn.gan.iterations), change.dtype) * change
        if self.fake_weight:
            value += self.fake_weight * self._change(turn, turn.fake, turn.fake_scores)
        return value

    def _change(self, turn, samples, scores):
        augmented = tf.nest.map_structure(
            lambda part: self.augment(part, turn.gan.next_seed()), samples
        )
        return _mean_square(scores, turn.score(augmented))

    def weight_at(self, step: Tensor) -> Any:
        # There are two, and they are in the value.
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
    """The penalty with that name at its paper's strength, or the object itself.

    A plain function of a `kgan.terms.Turn` becomes a term of the discriminator.

    Raises:
        InputError: for an unknown name, or what is no term.
    """
    if isinstance(penalty, str):
        if penalty not in BUILT_IN:
            raise unknown("penalty", penalty, BUILT_IN)
        return BUILT_IN[penalty]()
    return get_term(penalty, player="discriminator")

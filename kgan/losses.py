"""Losses of the generator and the discriminator: one class per paper, on raw scores.

Notation in the docstrings: D(x) is the raw score (logit) of a real sample, D(x̂) that of a
generated one, σ the logistic sigmoid, ζ(t) = log(1 + eᵗ) the softplus, E the mean over the
batch (and over patches, where a discriminator scores patches).
"""

import keras
from keras import ops

from kgan import arguments
from kgan.errors import InputError, unknown
from kgan.typing import Config, Self, Tensor


class Loss:
    """The losses of the discriminator and the generator on raw scores; the base class.

    Override `discriminator` and `generator`. Both take the raw scores of a batch of real and
    of generated samples, of shape `(batch, 1)` or `(batch, ..., 1)` for patches, and return a
    scalar.

    Args:
        discriminator_weight: factor on the discriminator's loss. 0.5 gives the mean over one
            joint batch of real and generated samples instead of the sum of two means; Isola et
            al. 2017 (section 3.3) use it to slow the discriminator down.

    Raises:
        InputError: if the weight is not positive.
    """

    # Whether `generator` uses `real_scores`; if not, they are not computed.
    generator_uses_real = False

    def __init__(self, discriminator_weight: float = 1.0):
        self.discriminator_weight = arguments.number(
            "discriminator_weight", discriminator_weight, above=0
        )

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Returns the discriminator's loss, without `discriminator_weight`, a scalar."""
        raise NotImplementedError

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        """Returns the generator's loss, a scalar."""
        raise NotImplementedError

    def get_config(self) -> Config:
        return {"discriminator_weight": self.discriminator_weight}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


class _LabelledLoss(Loss):
    """A loss with a target for real samples, `real_label`: one-sided label smoothing."""

    def __init__(self, real_label: float = 1.0, discriminator_weight: float = 1.0):
        super().__init__(discriminator_weight)
        self.real_label = arguments.number("real_label", real_label, above=0, most=1)

    def get_config(self) -> Config:
        return {**super().get_config(), "real_label": self.real_label}


class _CrossEntropy(_LabelledLoss):
    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        real = ops.mean(ops.softplus(real_scores) - self.real_label * real_scores)
        return real + ops.mean(ops.softplus(fake_scores))


@keras.saving.register_keras_serializable("kgan")
class Minimax(_CrossEntropy):
    """The original, saturating minimax loss (Goodfellow et al. 2014, equation 1).

    V(D, G) = E log σ(D(x)) + E log(1 - σ(D(x̂))); the discriminator maximises it, the generator
    minimises its second term:

        discriminator:  E ζ(-D(x)) + E ζ(D(x̂))        = -V
        generator:      -E ζ(D(x̂))

    At the equilibrium σ(D) = 1/2 everywhere and V = -log 4.

    Args:
        real_label: the discriminator's target for real samples, in (0, 1]; 1 is no smoothing.
            With 0.9 (one-sided label smoothing, Salimans et al. 2016, section 3.4) its first
            term becomes the cross-entropy with that label, E[ζ(D(x)) - 0.9 D(x)].
        discriminator_weight: see `Loss`.
    """

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        return -ops.mean(ops.softplus(fake_scores))


@keras.saving.register_keras_serializable("kgan")
class NonSaturating(_CrossEntropy):
    """The generator maximises log σ(D(x̂)) (Goodfellow et al. 2014, section 3).

        discriminator:  E ζ(-D(x)) + E ζ(D(x̂))
        generator:      E ζ(-D(x̂))

    This is binary cross-entropy on logits with labels 1 (real) and 0 (generated), the
    generator's with label 1. Its gradient does not vanish if the discriminator is confident.

    Args:
        real_label: as in `Minimax`; it affects the discriminator's loss only.
        discriminator_weight: see `Loss`.
    """

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        return ops.mean(ops.softplus(-fake_scores))


@keras.saving.register_keras_serializable("kgan")
class LeastSquares(_LabelledLoss):
    """LSGAN (Mao et al. 2017, equation 9 with a = 0, b = c = 1).

        discriminator:  1/2 E (D(x) - real_label)² + 1/2 E D(x̂)²
        generator:      1/2 E (D(x̂) - 1)²

    Args:
        real_label: the target of real scores, in (0, 1]; below 1 it is one-sided smoothing.
        discriminator_weight: see `Loss`.
    """

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        real = ops.mean(ops.square(real_scores - self.real_label))
        return 0.5 * (real + ops.mean(ops.square(fake_scores)))

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        return 0.5 * ops.mean(ops.square(fake_scores - 1.0))


@keras.saving.register_keras_serializable("kgan")
class Hinge(Loss):
    """The hinge loss (Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17).

        discriminator:  E max(0, 1 - D(x)) + E max(0, 1 + D(x̂))
        generator:      -E D(x̂)

    Args:
        discriminator_weight: see `Loss`.
    """

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return ops.mean(ops.relu(1.0 - real_scores)) + ops.mean(ops.relu(1.0 + fake_scores))

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        return -ops.mean(fake_scores)


@keras.saving.register_keras_serializable("kgan")
class Wasserstein(Loss):
    """The critic's loss of WGAN (Arjovsky et al. 2017, equation 3 and algorithm 1).

        critic:     E D(x̂) - E D(x)
        generator:  -E D(x̂)

    Minus the critic's loss estimates the Wasserstein-1 distance, up to a factor, if the critic
    is Lipschitz: clip its weights, or add `kgan.penalties.GradientPenalty`.

    Args:
        discriminator_weight: see `Loss`.
    """

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return ops.mean(fake_scores) - ops.mean(real_scores)

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        return -ops.mean(fake_scores)


@keras.saving.register_keras_serializable("kgan")
class Relativistic(Loss):
    """The relativistic pairing loss (Jolicoeur-Martineau 2019; R3GAN, Huang et al. 2024, eq. 2).

    The score of each generated sample is compared with that of one real sample:

        discriminator:  E ζ(D(x̂) - D(x))
        generator:      E ζ(D(x) - D(x̂))

    Its landscape has no local minima at which modes are dropped (Sun et al. 2020). It converges
    locally only with zero-centred gradient penalties (Huang et al. 2024, section 2.2), so use it
    with `kgan.penalties.R1` and `R2`.

    Args:
        discriminator_weight: see `Loss`.
    """

    generator_uses_real = True

    def discriminator(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return ops.mean(ops.softplus(fake_scores - real_scores))

    def generator(self, fake_scores: Tensor, real_scores: Tensor = None) -> Tensor:
        if real_scores is None:
            raise InputError("The relativistic generator loss needs real_scores; got None.")
        return ops.mean(ops.softplus(real_scores - fake_scores))


BUILT_IN = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
    "relativistic": Relativistic,
}


def get(loss: "str | dict | Loss") -> Loss:
    """Returns the loss of a given name or serialized config, or the object itself.

    Raises:
        InputError: for an unknown name, or an object that is not a `Loss`.
    """
    if isinstance(loss, str):
        if loss not in BUILT_IN:
            raise unknown("loss", loss, BUILT_IN)
        return BUILT_IN[loss]()
    if isinstance(loss, dict):
        loss = arguments.config("loss", loss)
    if not (hasattr(loss, "discriminator") and hasattr(loss, "generator")):
        raise InputError(
            f"loss must be one of {', '.join(BUILT_IN)} or a kgan.losses.Loss; got {loss!r}. "
            "A Keras loss scores predictions against targets and cannot judge two players."
        )
    return loss

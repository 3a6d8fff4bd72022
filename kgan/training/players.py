"""The players that a training step updates, in a list of any length."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf


@dataclass
class Player:
    """A player: the networks that it trains, its loss and its optimizer.

    Attributes:
        name: "discriminator", "generator" or another. Terms with this `player` are added to its
            loss.
        plays: the forward pass, `(real, condition, generated, earlier) -> (loss, Turn)`, with a
            scalar loss that is differentiable with respect to `variables`. `generated` holds the
            samples that both players share, a `Generated`, or is None if the player generates its
            own. `earlier` holds the latest turns of this training step by the name of the player.
        networks: the networks that it trains. Their layer state (batch-norm averages, spectral
            vectors) changes only in updates of this player.
        variables: the variables that it trains; empty if all its layers are frozen.
        updates: number of its updates per training step, each on a batch of its own.
        prefix: the first part of the names of its logs and its optimizer: "d" for `d_loss` and
            `d_optimizer`. By default the first letter of the name.
        optimizer: its Keras optimizer, set by `compile`.
        count: the number of its updates so far, an int64 variable, set by `compile`.
        fault: the first update that was left out and is not reported yet, an int64 variable set
            by `compile`; see `kgan.training.guard`.
    """

    name: str
    plays: Callable[..., tuple[Any, Any]]
    networks: list = field(default_factory=list)
    variables: list = field(default_factory=list)
    updates: int = 1
    prefix: str = ""
    optimizer: Any = None
    count: Any = None
    fault: Any = None

    def __post_init__(self):
        self.prefix = self.prefix or self.name[0]

    @property
    def player(self) -> str:
        """The name, under the attribute that families of kgan 0.1.0 use in `observe`."""
        return self.name

    @property
    def loss_scaling(self) -> bool:
        """Whether the optimizer scales losses, and skips updates while it adjusts the scale."""
        return isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)


@dataclass
class Generated:
    """Samples that both players share: one forward pass of the generator per step.

    Attributes:
        latents: what the generator was fed.
        samples: the generated samples, `(batch, ...)`.
        own_losses: the generator's regularization losses, a scalar.
        tape: the tape of the forward pass, for the gradients of the generator.
        changes: pairs (variable, new value) of the generator's layer state, which its update
            applies.
    """

    latents: Any
    samples: Any
    own_losses: Any
    tape: tf.GradientTape
    changes: list

    @property
    def outputs(self):
        return (self.samples, self.own_losses)


class Optimizers:
    """The value of `gan.optimizer`, with a learning rate that Keras callbacks can change.

    Reading `learning_rate` returns the generator's. Setting it multiplies the rates of all players
    by the same factor, so that `ReduceLROnPlateau` and `LearningRateScheduler` keep the ratio of
    the learning rates.

    Args:
        optimizers: the optimizers by the prefix of their player.
    """

    def __init__(self, optimizers: dict[str, keras.optimizers.Optimizer]):
        # Keras callbacks would find an attribute `optimizers`, and set the same rate for each.
        self._of = dict(optimizers)
        self.built = True
        self._ratios = dict.fromkeys(self._of, 1.0)
        self._update_ratios()

    def _leader(self):
        return self._of.get("g") or next(reversed(self._of.values()))

    def _update_ratios(self):
        # Ratios cannot be computed from a rate of zero, with which some warm-ups begin.
        rates = {prefix: rate_of(optimizer) for prefix, optimizer in self._of.items()}
        leading = rate_of(self._leader())
        if leading and all(rates.values()):
            self._ratios = {prefix: rate / leading for prefix, rate in rates.items()}

    def __getattr__(self, name):
        # `d_optimizer` and the like, as on the model.
        if name.endswith("_optimizer") and name[:-10] in vars(self).get("_of", ()):
            return self._of[name[:-10]]
        raise AttributeError(
            f"gan.optimizer has no attribute {name!r}: it stands for one optimizer per player, "
            f"{', '.join(f'gan.{prefix}_optimizer' for prefix in vars(self).get('_of', ()))}. "
            "Use one of those."
        )

    @property
    def variables(self):
        return [v for optimizer in self._of.values() for v in optimizer.variables]

    @property
    def iterations(self):
        return self._leader().iterations

    @property
    def learning_rate(self):
        return self._leader().learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._update_ratios()
        for prefix, optimizer in self._of.items():
            optimizer.learning_rate = float(value) * self._ratios[prefix]


def rate_of(optimizer) -> float:
    """Returns the present learning rate of an optimizer."""
    return float(optimizer.learning_rate.numpy())

"""Who plays: a game is a list of players, of any length."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf


@dataclass
class Player:
    """One player: what it trains, and how it plays.

    Attributes:
        name: "discriminator", "generator" or another; terms of that `player` join its loss.
        plays: `(real, condition, generated, earlier) -> (loss, Turn)`: one forward pass on a batch,
            differentiable in `variables`. `generated` is a `Generated` that both players share,
            or None to draw anew; `earlier` are the latest turns of this step by player.
        networks: those that it trains; what their layers keep (batch-norm averages, spectral
            vectors) moves in this player's turn alone.
        variables: what its turn updates; empty where the player is frozen and only looks on.
        updates: how often it plays in a step, each time on samples of its own.
        prefix: what its logs and its optimizer's name begin with: "d" for `d_loss` and
            `d_optimizer`. By default the first letter of the name.
        optimizer: what updates the variables; `compile` settles it.
        count: how many updates it has made, an int64 variable.
    """

    name: str
    plays: Callable[..., tuple[Any, Any]]
    networks: list = field(default_factory=list)
    variables: list = field(default_factory=list)
    updates: int = 1
    prefix: str = ""
    optimizer: Any = None
    count: Any = None

    def __post_init__(self):
        self.prefix = self.prefix or self.name[0]

    @property
    def player(self) -> str:
        """The name, as families of kgan 0.1.0 ask for it in `observe`."""
        return self.name

    @property
    def loss_scaling(self) -> bool:
        """Whether the optimizer scales losses, and leaves updates out to find its scale."""
        return isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)


@dataclass
class Generated:
    """Samples that both players share: one forward pass of the generator a step.

    Attributes:
        latents: what the generator was fed.
        samples: what it made of them.
        own_losses: its regularizers on the way, a scalar.
        tape: the recording of how, to be played back in the generator's turn.
        changes: what its layers would have written, which is the generator's to keep.
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
    """Stands at `gan.optimizer`, so that Keras callbacks find a learning rate to turn.

    Reading `learning_rate` gives the generator's. Setting it multiplies the rates of all players
    by the same factor, so that `ReduceLROnPlateau` and `LearningRateScheduler` keep the ratio of
    the time scales.
    """

    def __init__(self, optimizers: dict[str, keras.optimizers.Optimizer]):
        # Not `optimizers`: Keras's callbacks would find them there and give each the same rate.
        self._of = dict(optimizers)
        self.built = True
        self._ratios = dict.fromkeys(self._of, 1.0)
        self._remember()

    def _leader(self):
        return self._of.get("g") or next(reversed(self._of.values()))

    def _remember(self):
        # A rate of zero, as some warm-ups begin with, leaves no ratio to read: keep the last.
        of = {prefix: _rate(optimizer) for prefix, optimizer in self._of.items()}
        leading = _rate(self._leader())
        if leading and all(of.values()):
            self._ratios = {prefix: rate / leading for prefix, rate in of.items()}

    def __getattr__(self, name):
        # `d_optimizer` and the like, as on the model.
        if name.endswith("_optimizer") and name[:-10] in vars(self).get("_of", ()):
            return self._of[name[:-10]]
        raise AttributeError(name)

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
        self._remember()
        for prefix, optimizer in self._of.items():
            optimizer.learning_rate = float(value) * self._ratios[prefix]


def _rate(optimizer) -> float:
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))

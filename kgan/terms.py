"""What a player must please beside its loss."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from kgan import arguments
from kgan.errors import InputError
from kgan.typing import Config, Self, Tensor, Tensors

# The players of most games; a family may have more.
PLAYERS = ("discriminator", "generator")


@dataclass
class Turn:
    """What a term may look at: one player's turn on one batch.

    Attributes:
        gan: the model.
        real: real samples, `(batch, ...)`.
        fake: generated samples; in the discriminator's turn no gradient flows through them.
        latents: what the generator was fed.
        condition: what stands beside the samples (labels, say), or None.
        real_scores: raw scores of `real`, float32; None in a generator's turn whose loss does
            not need them.
        fake_scores: raw scores of `fake`, float32.
        real_heads, fake_heads: what further heads of the discriminator say of both, where it has
            such, as the family's `judge` returns it; else None.
        slopes: a function from "real" or "fake" to the gradient of the sum of those scores for
            those samples, `(batch, ...)`, differentiable once more, from the very pass that made
            the scores; None where a turn does not offer it.
        earlier: the latest turns of this training step, by the name of the player.
    """

    gan: Any
    real: Any
    fake: Any
    latents: Any
    condition: Any
    real_scores: Any
    fake_scores: Any
    real_heads: Any = None
    fake_heads: Any = None
    slopes: Callable[[str], Any] | None = field(default=None, repr=False, compare=False)
    earlier: dict = field(default_factory=dict, repr=False, compare=False)

    def score(self, samples: Tensors, condition: Tensors = None) -> Tensors:
        """Raw scores of other samples, of shape `(batch, ...)`, in training mode.

        The networks' layer state (batch-norm averages and the like) stays as it is, so
        that a term may score as often as it likes. Scores are conditioned on the turn's own
        condition unless another is given.
        """
        condition = self.condition if condition is None else condition
        with self.gan.state_kept():
            return self.gan.score(samples, condition, training=True)

    def generate(self, latents: Tensors, condition: Tensors = None) -> Tensors:
        """Samples from other latents, in training mode, layer state kept as with `score`."""
        condition = self.condition if condition is None else condition
        with self.gan.state_kept():
            return self.gan.forward(latents, condition, training=True)


class Term:
    """Something a player minimises beside its loss; the base class of penalties and your own.

    Override `__call__`: it gets a `Turn` and returns a scalar, which is multiplied by `weight`,
    added to the player's loss and logged under `name`. A term that runs its own forward pass
    does so through `turn.score` and `turn.generate`.

    A lazy term (`every` = k > 1) is computed every k-th update of its player, with k times its
    weight, so that its mean strength is that of the term computed always (Karras et al. 2020,
    section 3.1). Its gradient joins that update; where Karras et al. take a separate optimizer
    step for it and correct Adam's settings for k + 1 steps in place of k, here the number of
    steps stays, and with it Adam's settings.

    Args:
        weight: a number, or a schedule (`keras.optimizers.schedules`) of the training step.
        every: compute it every so many updates of its player.
        name: its name in the logs; the class's in snake case by default.
        player: "discriminator", "generator" or a further player of the game, whose loss it joins.

    Example:

    ```python
    @keras.saving.register_keras_serializable()
    class KeepBright(kgan.Term):
        player = "generator"

        def __call__(self, turn):
            return keras.ops.mean(keras.ops.relu(0.1 - turn.fake))

    gan.compile(terms=[KeepBright(weight=5.0)])
    ```
    """

    player = "discriminator"

    def __init__(
        self,
        weight: float | Callable = 1.0,
        every: int = 1,
        name: str | None = None,
        player: str | None = None,
    ):
        if isinstance(weight, dict):
            weight = keras.saving.deserialize_keras_object(weight)
        if not callable(weight):
            weight = arguments.number("weight", weight, or_else="a schedule")
        self.weight = weight
        self.every = arguments.integer("every", every)
        self.name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()
        self.player = player or self.player
        if not isinstance(self.player, str):
            raise InputError(
                "A term's player is the name of one, such as 'discriminator' or 'generator'; got "
                f"{self.player!r}."
            )

    def __call__(self, turn: Turn) -> Tensor:
        raise NotImplementedError

    def weight_at(self, step: Tensor) -> Any:
        """The weight at a training step, a scalar."""
        return self.weight(step) if callable(self.weight) else self.weight

    def get_config(self) -> Config:
        weight = self.weight
        if callable(weight):
            weight = keras.saving.serialize_keras_object(weight)
        return {"weight": weight, "every": self.every, "name": self.name, "player": self.player}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


@keras.saving.register_keras_serializable("kgan")
class FunctionTerm(Term):
    """A function of a `Turn` as a term; what `compile(terms=[...])` makes of plain functions."""

    def __init__(self, function: Callable, name: str | None = None, **kwargs: Any):
        if isinstance(function, dict):
            function = keras.saving.deserialize_keras_object(function)
        if isinstance(function, str):
            found = keras.saving.get_registered_object(function)
            if found is None:
                raise InputError(
                    f"The term {function!r} was a lambda, which no file can hold. Load with "
                    f"custom_objects={{{function!r}: function}}, or with compile=False."
                )
            name, function = name or function, found
        # A lambda has no name worth logging.
        super().__init__(name=name or _name_of(function), **kwargs)
        self.function = function

    def __call__(self, turn: Turn) -> Tensor:
        return self.function(turn)

    def get_config(self) -> Config:
        # By the name that it is logged under: a file with code in it would not be safe to load.
        function = self.name
        if getattr(self.function, "__name__", "") != "<lambda>":
            function = keras.saving.serialize_keras_object(self.function)
        return {**super().get_config(), "function": function}


def _name_of(function) -> str:
    name = getattr(function, "__name__", type(function).__name__.lower())
    return name.replace("<lambda>", "term")


def get(term: Any, player: str = "generator") -> Term:
    """A term from a `Term`, its serialized config, or a function of a `Turn`.

    Args:
        term: any of them.
        player: whose loss a plain function joins.

    Raises:
        InputError: for anything else.
    """
    if isinstance(term, dict):
        return keras.saving.deserialize_keras_object(term)
    if isinstance(term, Term):
        return term
    if callable(term):
        return FunctionTerm(term, player=player)
    raise InputError(f"A term is a kgan.Term or a function of a turn; got {term!r}.")

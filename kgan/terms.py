"""Terms: what a player minimises in addition to its loss."""

import builtins
import dis
import json
import math
import re
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, random
from kgan.errors import InputError
from kgan.typing import Config, Self, Tensor, Tensors

# The players of most families; a family may have more.
PLAYERS = ("discriminator", "generator")


@dataclass
class Turn:
    """One player's forward pass on one batch, as terms and `observe` get it.

    Attributes:
        gan: the model.
        real: real samples, `(batch, ...)`; of a model with `pack` = m > 1, here and in all that
            follows but the latents, packs of samples `(packs, m, ...)`.
        fake: generated samples, `(batch, ...)`; in the discriminator's turn no gradient flows
            through them.
        latents: what the generator was fed.
        condition: what the samples are conditioned on, such as labels `(batch,)`, or None.
        real_scores: raw scores of `real`, at least float32; None in the generator's turn if its
            loss does not use them.
        fake_scores: raw scores of `fake`, at least float32.
        real_heads, fake_heads: the outputs of further heads of the discriminator for `real` and
            `fake`, as the family's `judge` returns them, or None.
        slopes: a function from "real" or "fake" to the gradient of the sum of those scores with
            respect to those samples, `(batch, ...)`. It reuses the forward pass that computed the
            scores, and can be differentiated again. None if a turn does not provide it.
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
        """Returns raw scores of samples `(batch, ...)`, in training mode, augmented if the
        discriminator's are.

        The networks' layer state (such as batch-norm averages) is not changed, so that a term may
        call this any number of times.

        Args:
            samples: the samples to score.
            condition: what they are conditioned on; None means the turn's own condition.
        """
        condition = self.condition if condition is None else condition
        with self.gan.state_kept():
            return self.gan.score(*self.gan.augmented(samples, condition), training=True)

    def uniform(self, samples: Tensor, one_each: bool = False) -> Tensor:
        """Draws numbers from [0, 1) in the shape and dtype of samples.

        They do not depend on the number of replicas.

        Args:
            samples: `(batch, ...)`.
            one_each: whether to draw one number for each sample, `(batch, 1, ..., 1)`.
        """
        sizes = tf.shape(samples)
        rest = tf.ones_like(sizes[1:]) if one_each else sizes[1:]
        drawn = self.gan.per_sample(
            sizes[0], lambda count, seed: random.uniform(tf.concat([[count], rest], 0), seed)
        )
        return tf.cast(drawn, samples.dtype)

    def generate(self, latents: Tensors, condition: Tensors = None) -> Tensors:
        """Returns samples for latents, in training mode; `condition` and state as in `score`."""
        condition = self.condition if condition is None else condition
        with self.gan.state_kept():
            return self.gan.forward(latents, condition, training=True)


class Term:
    """A quantity that a player minimises in addition to its loss; the base class of penalties.

    Override `__call__`: it gets a `Turn` and returns a scalar, which is multiplied by `weight`,
    added to the player's loss and logged under `name`. A term that needs another forward pass
    calls `turn.score` or `turn.generate`.

    A lazy term (`every` = k > 1) is computed at every k-th update of its player, with k times its
    weight, so that its mean strength equals that of a term computed at every update (Karras et al.
    2020, section 3.1). Karras et al. take a separate optimizer step for it, and correct Adam's
    settings for k + 1 steps instead of k. Here its gradient is added to that of the update, so
    that the number of steps and Adam's settings stay the same.

    Args:
        weight: a number, or a schedule (`keras.optimizers.schedules`) of the training step.
        every: the term is computed at every `every`-th update of its player.
        name: its name in the logs; by default the class name in snake case.
        player: the player to whose loss it is added: "discriminator", "generator" or the name of
            a further player.

    Raises:
        InputError: if `weight` is neither a number nor a schedule, `every` is not a positive
            integer, or `player` is not a name.

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
    # Whether it uses the samples of other replicas, and so cannot be computed in a condition.
    joins_replicas = False

    def __init__(
        self,
        weight: float | Callable = 1.0,
        every: int = 1,
        name: str | None = None,
        player: str | None = None,
    ):
        if isinstance(weight, dict):
            weight = arguments.config("weight", weight)
        if not arguments.is_function(weight):
            weight = arguments.number("weight", weight, or_else="a schedule")
        self.weight = weight
        self.every = arguments.integer("every", every)
        if name is not None and not isinstance(name, str):
            raise InputError(f"The name of a term must be a text or None; got {name!r}.")
        self.name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()
        self.player = self.player if player is None else player
        if not isinstance(self.player, str):
            raise InputError(
                "A term's player is the name of one, such as 'discriminator' or 'generator'; got "
                f"{self.player!r}."
            )

    def __call__(self, turn: Turn) -> Tensor:
        raise NotImplementedError

    def weight_at(self, step: Tensor) -> Any:
        """Returns the weight at a training step, a scalar."""
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
    """A term that calls a function of a `Turn`; `compile(terms=[...])` wraps plain functions so.

    Args:
        function: takes a `Turn` and returns a scalar.
        name: its name in the logs; by default that of the function.
        **kwargs: as in `Term`.

    Raises:
        InputError: if a saved lambda is not found among the registered or custom objects.
    """

    def __init__(self, function: Callable, name: str | None = None, **kwargs: Any):
        if isinstance(function, str) or _is_code(function):
            name = function if isinstance(function, str) else name
            function = keras.saving.get_registered_object(name) or _run_code(function, name)
        elif isinstance(function, dict):
            function = arguments.config("function", function)
        if not arguments.is_function(function):
            raise InputError(f"A term's function takes a kgan.terms.Turn; got {function!r}.")
        super().__init__(name=_name_of(function) if name is None else name, **kwargs)
        self.function = function

    def __call__(self, turn: Turn) -> Tensor:
        return self.function(turn)

    def get_config(self) -> Config:
        if getattr(self.function, "__name__", "") == "<lambda>":
            function = _code_of(self.function) or self.name
        else:
            function = keras.saving.serialize_keras_object(self.function)
        return {**super().get_config(), "function": function}


# A lambda is saved as its code, which Keras runs with `safe_mode=False` alone, or, where it uses
# objects that no file holds, by its name in the logs.


def _is_code(function) -> bool:
    return isinstance(function, dict) and function.get("class_name") == "__lambda__"


def _code_of(function) -> dict | None:
    try:
        with warnings.catch_warnings():
            # `compile` has warned already.
            warnings.simplefilter("ignore")
            code = keras.saving.serialize_keras_object(function)
        json.dumps(code)
        return code
    except (OSError, TypeError, ValueError):
        return None


def _run_code(function, name):
    """Returns a saved lambda, or raises an `InputError` that says how to load it."""
    remedy = f"load with custom_objects={{{name!r}: function}}, or with compile=False."
    if isinstance(function, str):
        raise InputError(f"The term {name!r} was a lambda, which the file does not hold: {remedy}")
    try:
        found = keras.saving.deserialize_keras_object(function)
    except Exception as error:
        raise InputError(
            f"The term {name!r} was a lambda, which is code that loading would run. If you trust "
            f"the file, load it with safe_mode=False; or {remedy}"
        ) from error
    # The names under which these are usually imported: a file holds the code, not what it uses.
    usual = {"keras": keras, "ops": keras.ops, "tf": tf, "np": np, "math": math}
    around = found.__globals__ | usual
    found = types.FunctionType(
        found.__code__, around, "<lambda>", found.__defaults__, found.__closure__
    )
    known = {*around, *dir(builtins)}
    unknown = sorted(
        str(step.argval)
        for step in dis.get_instructions(found)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval not in known
    )
    if unknown:
        raise InputError(
            f"The term {name!r} was a lambda that uses {', '.join(unknown)}, which no file holds: "
            f"{remedy}"
        )
    return found


def _name_of(function) -> str:
    # "<lambda>" is not a name for a log.
    name = getattr(function, "__name__", type(function).__name__.lower())
    return name.replace("<lambda>", "term")


def get(term: Any, player: str = "generator") -> Term:
    """Returns a term from a `Term`, its serialized config, or a function of a `Turn`.

    Args:
        term: any of them.
        player: the player to whose loss a plain function is added.

    Raises:
        InputError: for anything else.
    """
    if isinstance(term, dict):
        return arguments.config("term", term)
    if isinstance(term, Term):
        return term
    if arguments.is_function(term):
        return FunctionTerm(term, player=player)
    raise InputError(f"A term is a kgan.Term or a function of a turn; got {term!r}.")

"""What a model draws at random and what it counts, as parts of its saved state."""

import contextlib
import random
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kgan import arguments, replicas
from kgan.training import state
from kgan.typing import Tensor


class _Counters:
    """Counters that Keras does not track: `EarlyStopping` restores weights, but not counters."""

    def __init__(self):
        self.iterations = _counter("iterations")
        self.evaluated_batches = _counter("evaluated_batches")
        # Whether training uses XLA: 1 or 0, and -1 while it is undecided.
        self.xla = _counter("xla")


def _counter(name):
    return keras.Variable(
        0, dtype="int64", trainable=False, aggregation="only_first_replica", name=name
    )


class Drawing(keras.Model):
    """The seeds and the counters of a model.

    Attributes:
        seed: the seed of everything that the model draws at random.
    """

    def begin_drawing(self, seed: int | None) -> None:
        """Makes the seed generators and counters; without a seed, Python's `random` draws one."""
        self.seed = random.randrange(2**31) if seed is None else arguments.seed(seed)
        # Two seed generators, so that drawing samples does not change the training.
        self._training_seeds = keras.random.SeedGenerator(self.seed)
        self._sampling_seeds = keras.random.SeedGenerator(self.seed + 1)
        self._counters = _Counters()

    @property
    def iterations(self) -> keras.Variable:
        """Training steps since the model was created, an int64 variable saved with it."""
        return self._counters.iterations

    @property
    def steps_taken(self) -> int:
        """The number in `iterations`."""
        return int(self._counters.iterations.numpy())

    @property
    def evaluated_batches(self) -> keras.Variable:
        """Batches of the running evaluation so far, an int64 variable."""
        return self._counters.evaluated_batches

    @property
    def xla_choice(self) -> int:
        """Whether `jit_compile="auto"` has chosen XLA: 1 or 0, and -1 while it is undecided."""
        return int(self._counters.xla.numpy())

    @xla_choice.setter
    def xla_choice(self, value):
        self._counters.xla.assign(value)

    def counts(self) -> dict[str, keras.Variable]:
        """Returns the counters that are saved with the model, by name."""
        counts = {"iterations": self.iterations, "xla": self._counters.xla}
        return counts | {f"updates/{player.prefix}": player.count for player in self.players}

    def next_seed(self) -> Tensor:
        """Returns a new seed for training, int32 of shape `(2,)`, another one on each replica.

        `per_sample` draws numbers that do not depend on the number of replicas.
        """
        return replicas.seed_per_replica(self.joint_seed())

    def joint_seed(self) -> Tensor:
        """Returns a new seed for training as `next_seed` does, the same on all replicas."""
        return ops.cast(self._training_seeds.next(), "int32")

    def per_sample(self, count: int | Tensor, draw: Callable[[Any, Tensor], Any]) -> Any:
        """Draws random numbers for each sample of a batch in training.

        They depend on the place of a sample in the batch, not on the number of replicas that
        share it.

        Args:
            count: how many samples this replica has, or a multiple of it.
            draw: a function of a number and a seed that returns tensors of that many rows.

        Returns:
            What `draw` returns, with `count` rows.
        """
        seed = self.joint_seed()
        return replicas.rows(count, lambda rows: draw(rows, seed))

    def state_kept(self) -> contextlib.AbstractContextManager:
        """Returns a context in which calls of layers do not change their state.

        Batch-norm averages and spectral-norm vectors can be read, and what layers write to them
        is discarded. Seed generators do advance: otherwise the next player would draw the same
        latents and Dropout masks.
        """
        return state.dropped(self)

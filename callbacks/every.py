"""When something that recurs is due."""

from kgan import arguments
from kgan.errors import InputError


class Every:
    """Every n epochs or every n training steps, also with `steps_per_execution > 1`.

    With several steps an execution a callback sees only some of the steps; what is due
    every n steps is then due at the first sight of a step at or past a multiple of n.
    Steps are counted from the model's birth, so that a resumed run keeps the beat.

    Args:
        epochs: Every so many epochs. With neither given: every epoch.
        steps: Every so many training steps.

    Raises:
        InputError: Both are given, or one is no positive whole number.

    Example:

    >>> every = Every(steps=10)
    >>> every.start(0)
    >>> [step for step in (3, 6, 9, 12, 15, 18, 21) if every.step_due(step)]
    [12, 21]
    """

    def __init__(self, epochs: int | None = None, steps: int | None = None):
        if epochs is not None and steps is not None:
            raise InputError(
                "Give every_epochs or every_steps, not both. "
                f"Received: every_epochs={epochs}, every_steps={steps}."
            )
        self.epochs = 1 if epochs is None and steps is None else epochs
        self.steps = steps
        for name, value in (("every_epochs", self.epochs), ("every_steps", steps)):
            if value is not None:
                arguments.integer(name, value)
        self._seen = 0

    def start(self, iterations: int) -> None:
        """Takes `iterations` as already seen: a resumed run owes nothing for its past."""
        self._seen = iterations

    def step_due(self, iterations: int) -> bool:
        """Whether a multiple of `steps` was crossed since the last call."""
        if self.steps is None:
            return False
        crossed = iterations // self.steps > self._seen // self.steps
        self._seen = iterations
        return crossed

    def epoch_due(self, epoch: int) -> bool:
        """Whether it is due at the end of `epoch`, which Keras counts from 0."""
        return self.epochs is not None and (epoch + 1) % self.epochs == 0

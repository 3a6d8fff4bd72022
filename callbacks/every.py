"""A schedule of callbacks: every n epochs or every n training steps."""

from kgan import arguments
from kgan.errors import InputError


class Every:
    """Tells when something is due that happens every n epochs or every n training steps.

    With `steps_per_execution > 1` a callback is called after some of the steps only; it is then
    due at the first call at or past a multiple of n. Steps are counted over the whole life of
    the model, so that a resumed run keeps to the same multiples.

    Args:
        epochs: Number of epochs between two times. If neither is given: 1.
        steps: Number of training steps between two times.

    Raises:
        InputError: If both are given, or one is no positive integer.

    Example:

    ```python
    every = Every(steps=10)
    every.start(0)
    [step for step in (3, 6, 9, 12, 15, 18, 21) if every.step_due(step)]  # 12 and 21
    ```
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
        """Starts after `iterations` steps; multiples up to there are not due any more."""
        self._seen = iterations

    def step_due(self, iterations: int) -> bool:
        """Returns whether a multiple of `steps` was reached or passed since the last call."""
        if self.steps is None:
            return False
        crossed = iterations // self.steps > self._seen // self.steps
        self._seen = iterations
        return crossed

    def get_state(self) -> dict[str, int]:
        """Returns the state, for a callback that saves it with its own."""
        return {"seen": self._seen}

    def set_state(self, state: dict[str, int]) -> None:
        """Restores what `get_state` returned."""
        self._seen = int(state["seen"])

    def epoch_due(self, epoch: int) -> bool:
        """Returns whether it is due at the end of `epoch`, which Keras counts from 0."""
        return self.epochs is not None and (epoch + 1) % self.epochs == 0

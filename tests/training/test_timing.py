"""How long a step takes, by a clock that the test turns."""

import numpy as np

import kgan
from kgan.training import timing


class Clock:
    """A second passes at each look."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def test_steps_are_timed_after_the_first():
    data = kgan.data.from_arrays(
        np.zeros((24, 8, 8, 1), "float32"), batch_size=8, value_range=(-1, 1), source_range=(-1, 1)
    )
    gan = kgan.models.VanillaGAN((8, 8, 1), preset="relu", seed=0)
    gan.compile(jit_compile=False, steps_per_execution=1)
    found = timing.measure(gan, data, 5.0, Clock())
    # A look before, and one after each step.
    assert found.step == 1.0 and found.steps == 5 and found.start == 0.0
    assert gan.steps_taken == 6
    assert data.position.epoch == 0


def test_three_steps_are_timed_at_least():
    data = kgan.data.from_arrays(np.zeros((8, 2), "float32"), batch_size=8)
    gan = kgan.models.VanillaGAN((2,), seed=0)
    gan.compile(jit_compile=False, steps_per_execution=1)
    assert timing.measure(gan, data, 0.0).steps == 3

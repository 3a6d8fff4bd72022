"""The callback that ends a training by the clock."""

import numpy as np
import pytest

import kgan
from kgan.callbacks import time_limit


@pytest.fixture
def data():
    return kgan.data.from_arrays(np.zeros((16, 2), "float32"), batch_size=8)


@pytest.fixture
def gan():
    gan = kgan.models.VanillaGAN((2,), seed=0)
    gan.compile(jit_compile=False, steps_per_execution=1)
    return gan


def test_fit_ends_at_the_end_of_the_step_in_which_the_time_is_up(gan, data, monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: 10.0 * next(now))
    limit = kgan.callbacks.TimeLimit(minutes=1)
    gan.fit(data, epochs=100, verbose=0, callbacks=[limit])
    # Begun at 0 s; the sixth step ends at 60 s.
    assert gan.steps_taken == 6 and limit.reached


def test_the_time_may_have_begun_before(gan, data, monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: 10.0 * next(now))
    gan.fit(data, epochs=100, verbose=0, callbacks=[kgan.callbacks.TimeLimit(1, begun=-30.0)])
    # The first step ends at 0 s, the fourth at 30 s.
    assert gan.steps_taken == 4


def test_a_training_that_ends_before_is_not_touched(gan, data):
    limit = kgan.callbacks.TimeLimit(minutes=5)
    gan.fit(data, epochs=2, verbose=0, callbacks=[limit])
    assert gan.steps_taken == 4 and not limit.reached


def test_a_time_is_positive():
    with pytest.raises(kgan.InputError, match="minutes"):
        kgan.callbacks.TimeLimit(0)

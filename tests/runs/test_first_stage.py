"""`first-stage.weights.h5`: damaged weights are not loaded, and the network keeps its own."""

import keras
import numpy as np
import pytest

from kgan.runs import first_stage


def network(seed, units=3):
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, kernel_initializer=keras.initializers.GlorotNormal(seed)),
            keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotNormal(seed)),
        ]
    )


@pytest.fixture
def path(tmp_path):
    first_stage.save(tmp_path / "first-stage.weights.h5", network(1))
    return tmp_path / "first-stage.weights.h5"


def same(one, other):
    return all(map(np.array_equal, one.get_weights(), other.get_weights()))


def test_each_damage_is_noticed_or_loads_the_same(path):
    whole = path.read_bytes()
    numbers = np.random.default_rng(0)
    damaged = [whole[: len(whole) // 2], b"", b"PK", whole[:-1]]
    for place in numbers.integers(0, len(whole), 40):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        damaged.append(bytes(flipped))
    outcomes, loaded = set(), network(2)
    saved, own = network(1), network(2)
    for content in damaged:
        path.write_bytes(content)
        loaded.set_weights(own.get_weights())
        problem = first_stage.load(path, loaded)
        outcomes.add(problem is None)
        assert same(loaded, saved if problem is None else own), problem
    assert outcomes == {True, False}


def test_weights_of_before_load_and_others_do_not(path, tmp_path):
    network(1).save_weights(tmp_path / "before.weights.h5")
    loaded = network(2)
    assert first_stage.load(tmp_path / "before.weights.h5", loaded) is None
    assert same(loaded, network(1))
    other = network(2, units=5)
    assert first_stage.load(path, other) is not None
    assert same(other, network(2, units=5))

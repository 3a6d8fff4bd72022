"""The order of what a training step computes, and the loop of several turns of a player."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.training import repeating, state
from kgan.training.execution import loops

SAMPLES = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")


def small(**settings):
    keras.utils.set_random_seed(3)
    generator = keras.Sequential(
        [
            keras.Input((3,)),
            # A bias before batch normalization has no gradient but rounding.
            keras.layers.Dense(7, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(4),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="leaky_relu"),
            keras.layers.Dropout(0.3, seed=5),
            kgan.layers.SpectralNormalization(keras.layers.Dense(8)),
            keras.layers.Dense(1),
        ]
    )
    gan = kgan.GAN(generator, discriminator, latents=3, seed=0)
    settings = {"jit_compile": False, "shared_forward": False} | settings
    if callable(settings.get("penalties")):
        # LeCam's averages belong to one model.
        settings["penalties"] = settings["penalties"]()
    gan.compile(**settings)
    return gan


def graph_of(gan, batch=12):
    step = loops.train_step(gan, xla=False)
    return step.get_concrete_function(tf.constant(SAMPLES[:batch])).graph


def generator_passes(graph):
    """The products of latents with the generator's first kernel, in the order of their turns."""
    return [
        op
        for op in graph.get_operations()
        if op.type == "MatMul"
        and op.inputs[1].shape == (3, 7)
        and not (op.get_attr("transpose_a") or op.get_attr("transpose_b"))
    ]


def updates_before(op):
    """The number of updates (each a branch, or several a loop) that an operation waits for."""
    seen, left, updates = set(), [op], set()
    while left:
        op = left.pop()
        if op in seen:
            continue
        seen.add(op)
        if op.type in ("If", "StatelessIf", "While"):
            updates.add(op)
        left += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
    return len(updates)


@pytest.mark.parametrize(("steps", "expected"), [(2, [0, 1, 2]), (3, [1, 2])])
def test_each_turn_generates_its_samples_after_the_turn_before(steps, expected):
    gan = small(discriminator_steps=steps)
    # All at once they would take the memory of all. Those of all but the last of three or more
    # updates are in the loop.
    assert [updates_before(op) for op in generator_passes(graph_of(gan))] == expected


def test_more_updates_make_no_larger_graph():
    sizes = [
        len(graph_of(small(discriminator_steps=steps)).as_graph_def().SerializeToString())
        for steps in (3, 6)
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def trained(settings, rows=48, **fit):
    gan = small(**settings)
    logs = gan.fit(SAMPLES[:rows], batch_size=4, epochs=2, shuffle=False, verbose=0, **fit).history
    return gan, logs


@pytest.mark.parametrize(
    "settings",
    [
        {
            "loss": "wasserstein",
            "penalties": ["gradient_penalty"],
            "discriminator_steps": 4,
            "steps_per_execution": 2,
            "log_gradient_norms": True,
        },
        {
            "loss": "hinge",
            "penalties": lambda: [kgan.penalties.R1(1.0, every=3), kgan.penalties.LeCam(0.1)],
            "discriminator_steps": 3,
            "ema": 0.9,
            "accumulation_steps": 2,
        },
        {"discriminator_steps": 4, "jit_compile": True},
    ],
    ids=["wasserstein", "lazy", "xla"],
)
def test_a_loop_of_turns_computes_what_the_turns_one_by_one_do(settings, monkeypatch):
    one, logs = trained(settings)
    monkeypatch.setattr(repeating, "LEAST", 100)
    other, same_logs = trained(settings)
    assert logs.keys() == same_logs.keys()
    for name in logs:
        np.testing.assert_allclose(logs[name], same_logs[name], rtol=2e-5, atol=1e-6, err_msg=name)
    values, same = state.variables(one), state.variables(other)
    assert values.keys() == same.keys()
    for name, value in values.items():
        np.testing.assert_allclose(value, same[name], rtol=2e-5, atol=1e-6, err_msg=name)


def test_a_turn_in_the_loop_that_is_not_finite_is_left_out():
    gan = small(discriminator_steps=4)
    samples = SAMPLES.copy()
    # The second of the four updates of the first step.
    samples[5] = np.nan
    # `fit` would refuse them.
    loops.train_step(gan, xla=False)(tf.constant(samples[:16]))
    assert all(np.isfinite(np.asarray(v)).all() for v in gan.discriminator.variables)
    assert int(gan.counts()["updates/d"]) == 3

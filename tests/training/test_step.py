"""The order of what a training step computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.training.execution import loops


def generator_passes(graph, kernel_shape):
    """The products of matrices with the generator's first kernel, in the order of their turns."""
    found = [
        op
        for op in graph.get_operations()
        if op.type == "MatMul"
        and op.inputs[1].shape == kernel_shape
        and not op.get_attr("transpose_a")
    ]
    return [op for op in found if not op.get_attr("transpose_b")]


def updates_before(op):
    """The number of updates (each a branch of its own) that an operation waits for."""
    seen, left, updates = set(), [op], set()
    while left:
        op = left.pop()
        if op in seen:
            continue
        seen.add(op)
        if op.type in ("If", "StatelessIf"):
            updates.add(op)
        left += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
    return len(updates)


@pytest.mark.parametrize("loss", ["wasserstein", "relativistic"])
def test_each_turn_generates_its_samples_after_the_turn_before(loss):
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(7), keras.layers.Dense(4)])
    discriminator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    gan = kgan.GAN(generator, discriminator, latents=3)
    gan.compile(loss=loss, discriminator_steps=3, shared_forward=False, jit_compile=False)
    samples = np.zeros((12, 4), "float32")
    gan.fit(samples, batch_size=4, epochs=1, verbose=0)
    graph = loops.train_step(gan, xla=False).get_concrete_function(tf.constant(samples)).graph
    passes = generator_passes(graph, (3, 7))
    # All at once they would take the memory of all.
    assert [updates_before(op) for op in passes] == [0, 1, 2, 3]

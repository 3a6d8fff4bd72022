"""The operations that the speed benchmark counts, against TensorFlow's own count."""

import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from peers import in_keras, works

    yield in_keras, works
    for name in [name for name in sys.modules if name.split(".")[0] == "peers"]:
        del sys.modules[name]


def operations(function, *specs):
    """Floating-point operations of products and convolutions in a graph."""
    graph = function.get_concrete_function(*specs).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    options["show_name_regexes"] = [".*MatMul.*", ".*conv.*", ".*Conv2D.*"]
    with graph.as_default():
        found = tf.compat.v1.profiler.profile(graph, options=options)
    return sum(node.total_float_ops if not node.children else 0 for node in _leaves(found))


def _leaves(node):
    yield node
    for child in node.children:
        yield from _leaves(child)


@pytest.mark.parametrize("name", ["mlp-100", "dcgan-28", "dcgan-64"])
def test_a_pass_is_counted_as_tensorflow_counts_it(peers, name):
    in_keras, works = peers
    work = works.WORKS[name]
    keras.utils.set_random_seed(0)
    for layers, shape in ((work.generator, (work.latent,)), (work.discriminator, work.sample)):
        network = in_keras.network(layers, shape)
        graph = tf.function(lambda x, network=network: network(x, training=False))
        spec = tf.TensorSpec((1, *shape))
        counted, _ = works.forward(layers, shape)
        tf_count = operations(graph, spec)
        assert tf_count == pytest.approx(2 * counted, rel=0.02)

"""The benchmarks of speed and quality: what they count, keep and find lacking."""

import argparse
import dataclasses
import math
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from peers import in_keras, works

    yield in_keras, works
    for name in [name for name in sys.modules if name.split(".")[0] in ("peers", "speed")]:
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


def test_the_convolutions_alone_are_those_of_a_step(peers):
    in_keras, works = peers
    work = dataclasses.replace(works.WORKS["dcgan-64"], batch=2)
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    data = np.zeros((2, *work.sample), "float32")
    peer = in_keras.Convolutions(work, data, "", threads)
    graph = peer.calls.get_concrete_function(*peer.noise).graph
    total = 0
    for op in graph.get_operations():
        if op.type in in_keras.CONVOLUTIONS:
            # The smaller feature map and the kernel, whichever of the three is computed.
            small = op.outputs[0] if op.type == "Conv2D" else op.inputs[2]
            kernel = op.outputs[0] if op.type.endswith("Filter") else op.inputs[1]
            total += 2 * small.shape.num_elements() * math.prod(kernel.shape[:3])
    # All but one percent of this step's arithmetic is convolutions.
    assert total == pytest.approx(work.arithmetic(), rel=0.01)
    peer.run(1)


def test_an_interrupted_run_goes_on_with_the_work_that_is_missing(peers, tmp_path, monkeypatch):
    import speed

    arguments = argparse.Namespace(
        works=["mlp-100", "dcgan-28"], precision=["float32"], peers=["kgan", "classic loop"],
        rounds=5, seconds=2.0, threads=2, device="cpu", minutes=10.0, short=True, out=tmp_path,
    )  # fmt: skip
    plan = speed.planned(arguments)
    # The classic loop has no convolutions.
    assert plan == [
        ("mlp-100", "float32", ["kgan", "classic loop"]),
        ("dcgan-28", "float32", ["kgan"]),
    ]
    asked = []

    def compare(work, names, settings, say, until):
        asked.append(work.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {"of": work.name}

    monkeypatch.setattr(speed, "compare", compare)
    monkeypatch.setattr(speed, "_peak", lambda arguments: None)
    with pytest.raises(KeyboardInterrupt):
        speed.measured(arguments, plan, print, math.inf)
    results = speed.measured(arguments, plan, print, math.inf)
    assert asked == ["mlp-100", "dcgan-28", "dcgan-28"]
    assert set(results["works"]) == {"mlp-100", "dcgan-28"}
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_drawing_and_measuring_in_turns_with_other_libraries(peers):
    in_keras, works = peers
    layers = ("dense", 64), ("reshape", 8, 8, 1), ("sigmoid",)
    judge = ("conv", 4, 3, 2), ("leaky_relu",), ("max_pool",), ("dense", 1)
    data = np.random.default_rng(0).random((90, 8, 8, 1), dtype=np.float32)
    work = works.Work("tiny", 20, 3, (8, 8, 1), layers, judge, task="frechet", steps=1)
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    ours = in_keras.Kgan(work, data, "auto", threads)
    assert ours.generate(50).shape == (50, 8, 8, 1)
    distance = ours.frechet(60)
    assert 0 <= distance < 0.1 and ours.frechet(60) == pytest.approx(distance)
    torch = pytest.importorskip("torch", reason="PyTorch is of the extra `speed`")
    from peers import in_torch

    theirs = in_torch.Trainer(work, data, "channels_last", 1)
    for layer, other in zip(
        [la for la in ours.model.discriminator.layers if la.weights],
        [la for la in theirs.discriminator if getattr(la, "weight", None) is not None],
        strict=True,
    ):
        kernel, bias = (torch.tensor(np.asarray(v)) for v in layer.get_weights())
        order = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
        with torch.no_grad():
            other.weight.copy_(kernel.permute(*order))
            other.bias.copy_(bias)
    with torch.inference_mode():
        assert theirs.generate(50).shape == (50, 8, 8, 1)
        # PyTorch pads the other side of a stride, so that the features differ a little.
        assert theirs.frechet(60) == pytest.approx(distance, abs=0.02)


@pytest.mark.slow
def test_a_training_of_the_quality_board_is_resumed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import quality

    try:
        options = {"variant": "minimax"}
        short, long = (
            quality.Entry("minimax", "vanilla", options, "digits", steps, minutes=1)
            for steps in (20, 40)
        )
        first, _ = quality.train(short, 0, 60, tmp_path)
        again, clock = quality.train(long, 0, 60, tmp_path)
        assert [int(gan.iterations) for gan in (first, again)] == [20, 40]
        assert clock.before > 0
        # A finished one is loaded as it is.
        finished, _ = quality.train(long, 0, 60, tmp_path)
        for own, kept in zip(finished.generator.weights, again.generator.weights, strict=True):
            np.testing.assert_array_equal(own, kept)
    finally:
        sys.modules.pop("quality", None)

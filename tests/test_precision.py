"""The precision that networks compute in: made, saved, loaded, refused and chosen by it."""

import keras
import numpy as np
import pytest

import kgan
from kgan import bridge, precision
from kgan.models.recipe import fitting
from kgan.models.recipe.plans import Plan
from kgan.training.timing import Timing

FAMILIES = {
    "vanilla": {"image_shape": (8, 8, 1)},
    "dcgan": {"image_shape": (8, 8, 1), "width": 4},
    "wgan": {"image_shape": (8, 8, 1), "width": 4},
    "pix2pix": {"image_shape": (16, 16, 1), "width": 4},
}


def computes_in(gan):
    """The dtypes in which the layers of a model's networks compute."""
    layers = [layer for network in gan.networks.values() for layer in bridge.layers_within(network)]
    return {layer.compute_dtype for layer in layers if layer.weights}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_made_for_a_precision_and_made_again_for_it(name):
    family = kgan.models.find(name)
    gan = family(**FAMILIES[name], precision="bfloat16")
    assert computes_in(gan) == {"bfloat16", "float32"}
    assert keras.config.dtype_policy().name == "float32"
    weights = [v for network in gan.networks.values() for v in network.trainable_variables]
    assert {v.dtype for v in weights} == {"float32"}
    again = family.from_config(gan.get_config())
    assert again.precision == "bfloat16" and computes_in(again) == computes_in(gan)
    usual = family(**FAMILIES[name])
    assert computes_in(usual) == {"float32"} and "precision" not in usual.get_config()


def test_a_model_keeps_its_precision_where_keras_has_another(tmp_path):
    """Made by Keras's policy or by the argument, it is loaded as it was."""
    images = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        by_policy = kgan.models.DCGAN((8, 8, 1), width=4, seed=0)
        exact = kgan.models.DCGAN((8, 8, 1), width=4, seed=0, precision="float32")
    finally:
        keras.config.set_dtype_policy("float32")
    assert by_policy.precision == "bfloat16" and computes_in(exact) == {"float32"}
    by_policy.compile(run_eagerly=True, ema=0.9)
    by_policy.fit(images, batch_size=8, epochs=1, verbose=0)
    by_policy.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert loaded.precision == "bfloat16" and computes_in(loaded) == computes_in(by_policy)
    np.testing.assert_array_equal(loaded.generate(2, seed=0), by_policy.generate(2, seed=0))
    assert loaded.generate(2, seed=0).dtype == np.float32
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert computes_in(kgan.models.DCGAN.from_config(exact.get_config())) == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_subclass_may_give_it():
    class Half(kgan.models.DCGAN):
        def __init__(self, **settings):
            super().__init__((8, 8, 1), width=4, precision="float16", **settings)

    gan = Half()
    assert gan.precision == "float16" and "float16" in computes_in(gan)
    gan.compile()
    assert all(player.loss_scaling for player in gan.players)


def test_what_is_no_precision_is_refused_and_changes_nothing():
    with pytest.raises(kgan.InputError, match=r"precision must be 'float32' or .*got 'half'"):
        kgan.models.DCGAN(precision="half")
    with pytest.raises(kgan.InputError, match="image_shape"):
        kgan.models.DCGAN((9, 9), precision="bfloat16")
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("processor: 0\nflags\t: fpu amx_bf16 avx512_bf16\n", True),
        ("processor: 0\nflags\t: fpu avx512_bf16\n", False),
        ("Features: fp asimd\n", False),
        (None, False),
    ],
)
def test_matrix_units_are_read_from_the_processor(tmp_path, monkeypatch, text, found):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(precision, "_PROCESSOR", tmp_path / "cpuinfo")
    precision.has_bfloat16_units.cache_clear()
    try:
        assert precision.has_bfloat16_units() is found
    finally:
        precision.has_bfloat16_units.cache_clear()


@pytest.mark.parametrize(
    ("units", "half", "chosen", "line"),
    [
        (True, 0.5, "bfloat16", "0.5 s a step, in float32 1"),
        (True, 0.95, None, "bfloat16 0.95 s a step"),
        (False, 0.5, None, None),
    ],
)
def test_the_recipe_takes_bfloat16_where_it_is_measured_faster(
    monkeypatch, units, half, chosen, line
):
    monkeypatch.setattr(fitting.precision, "has_bfloat16_units", lambda: units)
    monkeypatch.setattr(fitting.bridge, "has_gpu", lambda: False)
    gan = kgan.models.VanillaGAN((8, 8, 1))
    asked = []

    def again(name):
        asked.append(name)
        return Timing(half, 2.0, 9)

    plan, timed = fitting.precise(Plan(None, 5, (), "vanilla"), gan, Timing(1.0, 2.0, 9), again)
    assert plan.options.get("precision") == chosen
    assert timed.step == (half if chosen else 1.0)
    assert asked == (["bfloat16"] if units else [])
    assert [choice.name for choice in plan.choices] == (["precision"] if line else [])
    assert line is None or line in plan.choices[0].reason
    given = Plan(None, 5, (), "vanilla", options={"precision": "float32"})
    assert fitting.precise(given, gan, timed, again)[0] is given


@pytest.mark.slow
def test_digits_drawn_in_bfloat16_are_as_good():
    """The distance to real digits after a short training, in both precisions from one seed."""
    test = kgan.data.load("digits", split="test", drop_remainder=False)
    found = {}
    for name in ("float32", "bfloat16"):
        data = kgan.data.load("digits", batch_size=64, seed=0)
        gan = kgan.models.VanillaGAN((8, 8, 1), preset="stable", seed=0, precision=name)
        gan.training_steps = 1000
        gan.compile(jit_compile=False)
        gan.fit(data, epochs=1000 // data.info.steps_per_epoch, verbose=0)
        figures = gan.evaluate(test, metrics=["frechet_distance"], verbose=0)
        found[name] = figures["frechet_distance"]
    # Two seeds of float32 differ by a tenth and more at this length.
    assert found["bfloat16"] < 1.3 * found["float32"], found

"""LAPGAN: the pyramid, the training of each level, and sampling from coarse to fine."""

import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.models.lapgan import LAPGAN, gaussian_pyramid, laplacian_pyramid, reconstructed


def digits(classes=False, **settings):
    return kgan.data.load("digits", batch_size=64, size=16, labels=bool(classes), **settings)


def small(**settings):
    return LAPGAN((16, 16, 1), **({"width": 4, "units": 32, "seed": 0} | settings))


@pytest.mark.parametrize("shape", [(2, 32, 48, 3), (1, 28, 28, 1)])
def test_the_pyramid_is_invertible_to_float_precision(shape):
    images = tf.random.normal(shape)
    bands = laplacian_pyramid(images, 2)
    assert [band.shape[1] for band in bands] == [shape[1], shape[1] // 2, shape[1] // 4]
    np.testing.assert_allclose(reconstructed(bands), images, atol=1e-6)
    # Each level alone shows nothing of a constant but the coarsest.
    flat = laplacian_pyramid(tf.ones(shape), 2)
    np.testing.assert_allclose(np.abs(flat[0]).max(), 0, atol=1e-6)
    np.testing.assert_allclose(flat[2], 1, atol=1e-6)


def test_a_level_is_told_the_true_level_below():
    gan = small()
    images = next(iter(digits()))
    real, condition = gan.unpack(images)
    np.testing.assert_array_equal(real[1], gaussian_pyramid(images, 1)[1])
    latents = gan.draw(64, tf.constant([0, 1]))
    made = gan.forward(latents, condition)
    band = made[0] - condition["enlarged"][0]
    # A fresh network's band is small beside the image that it is added to.
    assert np.abs(band).mean() < 0.5 * np.abs(condition["enlarged"][0]).mean()
    alone = gan.forward(latents)
    assert alone.shape == made[0].shape
    assert np.abs(alone - made[0]).mean() > 0.1


def test_levels_train_apart():
    """The gradient of a level's loss reaches that level's networks alone."""
    gan = small()
    gan.compile()
    real, condition = gan.unpack(next(iter(digits())))
    latents = gan.draw(64, tf.constant([0, 1]))
    with tf.GradientTape(persistent=True) as tape:
        scores = gan.score(gan.forward(latents, condition), condition)
        losses = [gan.loss.generator(part) for part in scores]
    for level, loss in enumerate(losses):
        for other in range(2):
            network = getattr(gan, f"generator_{other}")
            gradients = tape.gradient(loss, network.trainable_variables)
            assert all((g is not None) == (level == other) for g in gradients)
    assert len(real) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "preset"), [(0, "paper"), (10, "paper"), (10, "narrow")])
def test_it_learns_digits_and_comes_back(classes, preset, tmp_path):
    options = {"classes": classes, "width": 8, "preset": preset}
    options["units"] = None if preset == "narrow" else 128
    gan = small(**options)
    gan.training_steps = 25 * 23
    gan.compile(jit_compile=False)
    data = digits(classes)
    gan.fit(data, epochs=25, verbose=0)
    real = np.concatenate([b[0] if classes else b for b in data])
    samples = gan.generate(200, seed=1)
    fresh = small(**options).generate(200, seed=1)
    to_the_mean = [np.abs(part.mean(0) - real.mean(0)).mean() for part in (samples, fresh)]
    assert to_the_mean[0] < 0.5 * to_the_mean[1]
    assert -1 <= samples.min() <= samples.max() <= 1
    gan.save(tmp_path / "gan.keras")
    again = kgan.load(tmp_path / "gan.keras")
    for model in (gan, again):
        model.fit(digits(classes), epochs=1, verbose=0)
    for one, other in zip(gan.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    gan.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    if classes:
        labels = np.arange(5, dtype="int32")
        made = served.sample(tf.constant(labels), 3)
        np.testing.assert_allclose(made, gan.generate(5, labels=labels, seed=3), atol=1e-5)
    else:
        np.testing.assert_allclose(served.sample(5, 3), gan.generate(5, seed=3), atol=1e-5)
    figures = gan.evaluate(
        digits(classes, split="test"), verbose=0, metrics=[kgan.metrics.Diversity()]
    )
    assert 0.3 < figures["diversity"] < 1.5


def test_levels_go_down_to_eight_pixels_a_side():
    assert [LAPGAN((side, side, 1), width=1, units=2).levels for side in (8, 28, 32, 64)] == [
        0,
        2,
        2,
        3,
    ]


def test_the_number_of_levels_is_a_choice():
    for levels in (0, 1, 2):
        gan = LAPGAN((8, 8, 1), width=2, units=4, seed=0, levels=levels)
        assert (gan.levels, len(gan.networks)) == (levels, 2 * (levels + 1))
        assert gan.generator_0.output_shape[1:] == (8, 8, 1)
        coarsest = getattr(gan, f"generator_{levels}").output_shape[1]
        assert coarsest == 8 >> levels
        assert gan.generate(2).shape == (2, 8, 8, 1)
        assert LAPGAN.from_config(gan.get_config()).levels == levels
    with pytest.raises(InputError, match="levels is 3, .* 2 times"):
        LAPGAN((8, 8, 1), levels=3)


def test_the_narrow_preset_spends_its_arithmetic_on_the_coarser_levels():
    gan = LAPGAN((32, 32, 1), classes=3, width=4, levels=2, preset="narrow")
    # The first, three blocks of two, and the band; at the coarsest level three.
    expected = {0: [4] * 7 + [1], 1: [8] * 7 + [1], 2: [16, 8, 1]}
    for level, channels in expected.items():
        network = getattr(gan, f"generator_{level}")
        assert [x.filters for x in network.layers if type(x).__name__ == "Conv2D"] == channels
    gan.training_steps = 100
    gan.compile()
    assert [(type(x), x.weight) for x in gan.terms] == [(kgan.penalties.R1, 0.1)]
    rates = [float(opt.learning_rate) for opt in (gan.d_optimizer, gan.g_optimizer)]
    np.testing.assert_allclose(rates, [1e-3, 1e-3], rtol=1e-6)
    again = LAPGAN.from_config(gan.get_config())
    assert (again.preset, again.width, again.units) == ("narrow", 4, None)
    # What was saved before there were presets has the paper's networks.
    old = small().get_config()
    assert old.pop("preset") == "paper"
    assert LAPGAN.from_config(old).preset == "paper"
    assert (LAPGAN().width, LAPGAN().units) == (64, 1200)
    with pytest.raises(InputError, match="units is 8, and the preset 'narrow'"):
        LAPGAN(preset="narrow", units=8)
    # Without finer levels there is a level of `width` channels.
    assert LAPGAN((8, 8, 1), width=4, preset="narrow", levels=0).generate(2).shape == (2, 8, 8, 1)


def test_bad_input_gets_a_message():
    with pytest.raises(InputError, match="30x30"):
        LAPGAN((30, 30, 1))
    with pytest.raises(InputError, match="one network"):
        small().export("x.keras")
    gan = small(classes=10)
    gan.compile()
    with pytest.raises(InputError, match="no labels"):
        gan.fit(digits())
    gan = small()
    gan.compile()
    with pytest.raises(InputError, match="samples of shape"):
        gan.fit(kgan.data.load("digits"))

"""DCGAN: the rules and settings of its paper, and that it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import latents, losses
from kgan.errors import InputError
from kgan.models.dcgan import DCGAN


def test_settings_are_the_papers():
    gan = DCGAN()
    gan.compile()
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert type(optimizer) is keras.optimizers.Adam
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
    assert (type(gan.loss), gan.loss.real_label) == (losses.NonSaturating, 1.0)
    assert (gan.terms, gan.average, gan.discriminator_steps) == ((), None, 1)
    assert not gan.joint_batch
    assert (type(gan.latents), gan.latents.shape) == (latents.Uniform, (100,))
    assert (gan.latents.low, gan.latents.high) == (-1.0, 1.0)
    assert gan.data_range == (-1.0, 1.0)
    assert gan.sample_shape == (28, 28, 1)
    assert DCGAN.recipe() == (128, 11_700)


def test_the_architecture_keeps_the_papers_rules():
    gan = DCGAN((64, 64, 3), width=8)
    kinds = {role: [type(x).__name__ for x in net.layers] for role, net in gan.networks.items()}
    for names in kinds.values():
        assert not any("Pool" in name or "UpSampling" in name for name in names)
        # The first of the generator, the last of the discriminator.
        assert names.count("Dense") == 1
    assert kinds["generator"][1] == "Dense"
    assert kinds["discriminator"][-1] == "Dense"
    assert kinds["generator"].count("Conv2DTranspose") == 4
    assert kinds["generator"].count("BatchNormalization") == 4
    assert kinds["generator"].count("ReLU") == 4
    assert kinds["discriminator"].count("Conv2D") == 4
    assert kinds["discriminator"].count("BatchNormalization") == 3
    slopes = [x.negative_slope for x in gan.discriminator.layers if hasattr(x, "negative_slope")]
    assert slopes == pytest.approx([0.2] * 4)
    # Eight times the width at 4x4: 1,024 for the authors' 128.
    assert gan.generator.layers[2].output.shape == (None, 4, 4, 64)
    assert gan.generator.layers[-1].activation.__name__ == "tanh"


@pytest.mark.slow
def test_it_learns_what_digits_look_like_and_comes_back(tmp_path):
    gan = DCGAN((8, 8, 1), latent_size=16, width=8, seed=3)
    gan.compile(jit_compile=False)
    data = kgan.data.load("digits", batch_size=64)
    real = np.concatenate([batch[0] for batch in data])

    def likeness():
        """Of the mean image, whose strokes avoid the corners."""
        samples = gan.generate(256, seed=0)
        return np.corrcoef(samples.mean(0).ravel(), real.mean(0).ravel())[0, 1]

    assert abs(likeness()) < 0.5
    gan.fit(data, epochs=18, verbose=0)
    assert likeness() > 0.8
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert (type(loaded), loaded.latent_size, loaded.width) == (DCGAN, 16, 8)
    samples = gan.generate(4, seed=1)
    np.testing.assert_allclose(loaded.generate(4, seed=1), samples, atol=1e-6)
    loaded.fit(data, epochs=1, verbose=0)
    gan.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    noise = np.random.default_rng(0).uniform(-1, 1, (3, 16)).astype("float32")
    np.testing.assert_allclose(
        served.serve(tf.constant(noise)), gan.generate(latents=noise), atol=1e-5
    )


def test_options_that_make_no_network_are_refused_at_once():
    with pytest.raises(InputError, match="size=32"):
        DCGAN((30, 30, 1))
    with pytest.raises(InputError, match="positive integers"):
        DCGAN((2,))
    with pytest.raises(InputError, match="width must be"):
        DCGAN(width=0)
    with pytest.raises(InputError, match="latent_size must be"):
        DCGAN(latent_size=1.5)


def test_every_instance_names_its_layers_alike():
    """TensorFlow's optimizer of graphs goes by names: others would train to other last digits."""
    keras.layers.Conv2D(1, 1)
    gans = [DCGAN((8, 8, 1), width=4) for _ in range(3)]
    named = [[[la.name for la in net.layers] for net in gan.networks.values()] for gan in gans]
    assert named[0] == named[1] == named[2]
    assert "conv2d" in named[0][1]
    # A layer that is made later joins those of an instance, as transfer learning has it.
    trunk = gans[2].discriminator
    new = [keras.layers.Conv2D(2, 1)(trunk.layers[-3].output), keras.layers.Dense(2)(trunk.output)]
    keras.Model(trunk.inputs, new)

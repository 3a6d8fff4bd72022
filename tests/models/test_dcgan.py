"""DCGAN: the rules and settings of its paper, and that it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import latents, losses
from kgan.errors import InputError
from kgan.models.dcgan import DCGAN
from kgan.models.wgan import WGAN, WGANGP


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


def sides(network, kind):
    """The sides of the feature maps of the layers of a kind."""
    found = [layer for layer in network.layers if type(layer).__name__ == kind]
    return [layer.output.shape[1:3] for layer in found]


def receptive_field(layers):
    """How many pixels of a side an output sees: Araujo et al. 2019, equation 2."""
    field, step = 1, 1
    for layer in layers:
        field += (layer.kernel_size[0] - 1) * step
        step *= layer.strides[0]
    return field


@pytest.mark.parametrize("family", [DCGAN, WGAN, WGANGP])
def test_an_output_of_the_discriminator_sees_the_most_of_a_digit(family):
    gan = family((28, 28, 1), width=4)
    # Gulrajani et al. 2017, gan_mnist.py: 4, 8 cut to 7, 14, 28.
    assert sides(gan.discriminator, "Conv2D") == [(14, 14), (7, 7), (4, 4)]
    assert sides(gan.generator, "Conv2DTranspose") == [(8, 8), (14, 14), (28, 28)]
    assert sides(gan.generator, "Cropping2D") == [(7, 7)]
    convolutions = [x for x in gan.discriminator.layers if hasattr(x, "kernel_size")]
    assert receptive_field(convolutions) == 22
    # Such as a user measures it: what changes an output at the middle.
    images = tf.Variable(np.random.default_rng(0).normal(size=(1, 28, 28, 1)), dtype="float32")
    until = keras.Model(gan.discriminator.inputs, convolutions[-1].output)
    with tf.GradientTape() as tape:
        value = until(images, training=False)[0, 1, 1, 0]
    seen = np.flatnonzero(np.abs(tape.gradient(value, images)[0, :, :, 0]).max(1))
    if family is not WGANGP:  # whose normalization looks at the whole sample
        assert np.ptp(seen) + 1 == 22

    shallow = family((28, 28, 1), width=4, halvings=2)
    assert sides(shallow.discriminator, "Conv2D") == [(14, 14), (7, 7)]
    assert not sides(shallow.generator, "Cropping2D")
    # Models of before there was a choice have as many, and are read as they were.
    config = shallow.get_config()
    assert config.pop("halvings") == 2
    again = family.from_config(config)
    assert again.halvings == 2
    for own, other in zip(again.networks.values(), shallow.networks.values(), strict=True):
        assert [w.shape for w in own.weights] == [w.shape for w in other.weights]
    assert family.from_config(gan.get_config()).halvings == 3
    with pytest.raises(InputError, match="can be halved 4 times"):
        family((28, 28, 1), halvings=5)


def test_a_family_of_ones_own_on_dcgan_comes_back():
    class Small(DCGAN):
        """Takes less than DCGAN, as a user's class of before `halvings` may."""

        def __init__(self, image_shape=(8, 8, 1), width=4, seed=None, name=None):
            super().__init__(image_shape, width=width, seed=seed, name=name)

        def get_config(self):
            return {"image_shape": self.image_shape, "width": self.width}

    again = Small.from_config(Small(width=6).get_config())
    assert (type(again), again.width, again.halvings) == (Small, 6, 1)
    assert DCGAN.from_config({"width": 4}).halvings == 3


def test_the_narrow_preset_has_two_time_scales_and_an_average():
    gan = DCGAN(preset="narrow")
    gan.training_steps = 100
    gan.compile()
    assert (gan.width, gan.average.decay, DCGAN.recipe(preset="narrow").batch_size) == (
        32,
        0.999,
        128,
    )
    for optimizer, first in ((gan.d_optimizer, 2e-4), (gan.g_optimizer, 1e-3)):
        schedule = keras.optimizers.schedules.deserialize(optimizer.get_config()["learning_rate"])
        assert [float(schedule(step)) for step in (0, 100)] == pytest.approx([first, first / 10])
        assert optimizer.beta_1 == 0.5
    assert DCGAN.from_config(gan.get_config()).preset == "narrow"


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

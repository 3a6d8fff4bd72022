"""Extractors over keras.applications, with random weights in a file and no network."""

import random
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.errors import InputError
from kgan.metrics import extractors
from kgan.metrics.extractors.applications import NETWORKS, Application

SIZE = 32


@pytest.fixture(scope="module")
def network():
    """The network by hand, images in -1..1 to features."""
    model = keras.applications.MobileNet(
        weights=None, include_top=False, pooling="avg", input_shape=(SIZE, SIZE, 3)
    )
    # Without statistics of any data the features of fresh weights would vanish.
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    noise = np.random.default_rng(0).uniform(-1, 1, (16, SIZE, SIZE, 3))
    model(noise.astype("float32"), training=True)
    return model


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture(scope="module")
def ready(weights):
    """Prepares an extractor once for each range."""
    made = {}

    def make(value_range, channels=3):
        key = value_range, channels
        if key not in made:
            made[key] = Application("mobilenet", weights=weights, size=SIZE)
            made[key].prepare((40, 48, channels), value_range)
        return made[key]

    return make


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(size=(3, 40, 48, 3)).astype("float32")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("kgan.metrics.extractors.applications.online", lambda: False)
    return tmp_path / "models"


def test_features_are_the_networks(ready, network, images):
    found = ready((0.0, 1.0))(images)
    resized = tf.image.resize(images, (SIZE, SIZE), antialias=True)
    np.testing.assert_allclose(found.features, network(resized * 2 - 1), rtol=1e-3, atol=1e-3)
    assert found.features.shape == (3, 1024)
    assert found.logits is None
    assert np.std(found.features, axis=0).max() > 1e-3


def test_any_range_says_the_same(ready, images):
    found = ready((0.0, 1.0))(images).features
    signed = tf.function(ready((-1, 1)))(images * 2 - 1).features
    np.testing.assert_allclose(signed, found, rtol=1e-3, atol=1e-3)


def test_grey_images_are_repeated(ready, images):
    grey = images[..., :1]
    found = ready((0.0, 1.0), 1)(grey).features
    np.testing.assert_allclose(found, ready((0.0, 1.0))(grey.repeat(3, -1)).features)


def test_broken_samples_stay_broken(ready, images):
    # Of a size that needs no resizing, which would spread them.
    images = images[:, :SIZE, :SIZE]
    images[1, 0, 0, 0], images[2, 1, 1, 1] = np.nan, np.inf
    found = np.asarray(ready((0.0, 1.0))(images).features)
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True]
    assert np.isfinite(found[0]).all()


def test_names_tell_weights_and_size(ready):
    assert Application("mobilenet").name == "mobilenet"
    assert Application("mobilenet", size=224).name == "mobilenet"
    assert Application("mobilenet", size=96).name == "mobilenet@96"
    name = ready((0.0, 1.0)).name
    assert name.startswith("mobilenet@32-") and name == ready((-1, 1)).name


def test_it_heeds_no_policy_and_leaves_the_random_numbers(weights, float64, images):
    # Keras takes the seeds of its generators from there.
    before = random.getstate()
    extractor = Application("mobilenet", weights=weights, size=SIZE)
    extractor.prepare((40, 48, 3), (0, 1))
    assert random.getstate() == before
    assert extractor(images).features.dtype == "float32"
    assert keras.config.dtype_policy().name == "float64"


def test_every_network_is_there():
    for name, network in NETWORKS.items():
        assert callable(getattr(keras.applications, network.function))
        assert callable(getattr(keras.applications, network.module).preprocess_input)
        assert Application(name).name == name
    assert "not the network of the canonical FID" in Application("keras_inception_v3").description


def test_configuration(weights):
    assert isinstance(extractors.get("mobilenet_v2", (32, 32, 3)), Application)
    saved = keras.saving.serialize_keras_object(Application("vgg16", weights=weights, size=64))
    loaded = keras.saving.deserialize_keras_object(saved)
    assert loaded.get_config() == {"network": "vgg16", "weights": str(weights), "size": 64}


def test_without_a_network(offline):
    with pytest.raises(InputError) as caught:
        Application("mobilenet").prepare((32, 32, 3), (0, 1))
    for word in (str(offline), "mobilenet_1_0_", "no network", "weights=", "'digits'", "'colour'"):
        assert word in str(caught.value)


def test_downloads_that_fail(offline, monkeypatch):
    def fail(**_):
        raise Exception("URL fetch failure on somewhere: 404 -- Not Found")

    # Keras finds its file, or not, by itself.
    offline.mkdir()
    (offline / "mobilenet_1_0_224_tf_no_top.h5").touch()
    monkeypatch.setattr(keras.applications, "MobileNet", fail)
    with pytest.raises(InputError, match="downloading them failed: URL fetch failure"):
        Application("mobilenet").prepare((32, 32, 3), (0, 1))


def test_weights_that_fit_in_part_are_refused(weights, monkeypatch):
    def load(*_):
        warnings.warn("Skipping nested container", stacklevel=2)

    monkeypatch.setattr(keras.Model, "load_weights", load)
    with pytest.raises(InputError, match="does not hold weights of 'mobilenet'"):
        Application("mobilenet", weights, SIZE).prepare((8, 8, 3), (0, 1))


def test_what_does_not_fit(weights, tmp_path):
    with pytest.raises(InputError, match="Did you mean 'mobilenet"):
        Application("mobilnet")
    with pytest.raises(InputError, match="random ones"):
        Application("mobilenet", weights=None)
    with pytest.raises(InputError, match="There is no file"):
        Application("mobilenet", weights="gone.weights.h5").prepare((32, 32, 3), (0, 1))
    with pytest.raises(InputError, match="does not hold weights of 'vgg16'"):
        Application("vgg16", weights=weights, size=SIZE).prepare((32, 32, 3), (0, 1))
    (tmp_path / "some.weights.h5").write_bytes(b"no weights")
    with pytest.raises(InputError, match="does not hold weights of 'mobilenet'"):
        Application("mobilenet", tmp_path / "some.weights.h5", SIZE).prepare((8, 8, 3), (0, 1))
    with pytest.raises(InputError, match="cannot be built for 16x16 pixels"):
        Application("mobilenet", weights=weights, size=16).prepare((32, 32, 3), (0, 1))
    for shape in ((2,), (8, 8), (8, 8, 4)):
        with pytest.raises(InputError, match="cannot read samples of shape"):
            Application("mobilenet").prepare(shape, (0, 1))
    with pytest.raises(InputError, match="must know the range"):
        Application("mobilenet").prepare((8, 8, 3), None)

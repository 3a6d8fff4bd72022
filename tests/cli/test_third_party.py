"""Families, metrics and extractors of other packages are used by name like kgan's own."""

import json
import sys

import keras
import numpy as np
import pytest
from command_line import command, done, refused

import kgan
from kgan.errors import InputError
from kgan.metrics import extractors
from kgan.metrics.named import METRICS
from kgan.models import CATALOGUE
from kgan.registry import Entry, Registry

THEIRS = """
import keras
from keras import layers

import kgan


@keras.saving.register_keras_serializable("theirs")
class Perceptrons(kgan.GAN):
    training_steps = 4

    def __init__(self, image_shape=(8, 8, 1), width=8, seed=None, name=None):
        generator = keras.Sequential(
            [keras.Input((4,)), layers.Dense(64, "tanh"), layers.Reshape(image_shape)]
        )
        discriminator = keras.Sequential(
            [keras.Input(image_shape), layers.Flatten(), layers.Dense(width), layers.Dense(1)]
        )
        super().__init__(generator, discriminator, seed=seed, name=name)
        self.settings = {"image_shape": image_shape, "width": width}

    def get_config(self):
        return {**self.settings, "seed": self.seed, "name": self.name}


@keras.saving.register_keras_serializable("theirs")
class Brightness(keras.metrics.Mean):
    def __init__(self, name="brightness"):
        super().__init__(name)

    def update_state(self, real, fake):
        super().update_state(keras.ops.mean(fake))


class Means(kgan.metrics.Extractor):
    name = "means"

    def __call__(self, samples):
        return kgan.metrics.Features(keras.ops.mean(samples, axis=(1, 3)))
"""
POINTS = """
[kgan.families]
perceptrons = theirs:Perceptrons
lost = nowhere:Lost
vanilla = theirs:Perceptrons

[kgan.metrics]
brightness = theirs:Brightness

[kgan.extractors]
means = theirs:Means
"""


@pytest.fixture
def registries(monkeypatch):
    """The registries, which are as before after the test."""
    found = CATALOGUE, METRICS, extractors.EXTRACTORS
    for registry in found:
        len(registry)
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    return found


@pytest.fixture
def installed(registries, tmp_path, monkeypatch):
    """A package that names its own by entry points."""
    package = tmp_path / "packages"
    about = package / "theirs-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    (package / "theirs.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(package)
    with pytest.warns(UserWarning, match="'vanilla' of the package theirs is left out"):
        CATALOGUE.discover()
    METRICS.discover()
    extractors.EXTRACTORS.discover()
    yield
    sys.modules.pop("theirs", None)


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_an_installed_package_trains_and_is_measured(tmp_path):
    assert "perceptrons  the package theirs" in done("models")
    said = done("models", "perceptrons")
    assert "the package theirs" in said and "theirs:Perceptrons, in another package" in said
    assert json.loads(done("models", "--json"))[-2]["class"] == "theirs.Perceptrons"
    assert kgan.models.find("vanilla") is kgan.models.VanillaGAN
    assert "cannot be loaded" in refused("train", "lost", "--out", tmp_path / "run")
    assert "Did you mean 'perceptrons'?" in refused("train", "perceptron", "--out", tmp_path / "a")
    run = tmp_path / "run"
    done("train", "perceptrons", "-O", "width=5", "--steps", 4, "--quiet", "--out", run)
    words = ("-m", "brightness", "-m", "frechet_distance", "--extractor", "means")
    result = command("evaluate", run, *words)
    assert result.status == 0, result.err
    record = json.loads((run / "evaluations.json").read_text())[-1]
    assert -1 < record["figures"]["brightness"] < 1
    assert record["rests_on"]["frechet_distance"]["extractor"] == "means"
    assert type(kgan.load(run / "gan.keras")).__name__ == "Perceptrons"


class Least(keras.metrics.Mean):
    """The darkest pixel."""

    def update_state(self, real, fake):
        super().update_state(keras.ops.min(fake))


class Pixels(kgan.metrics.Extractor):
    """The first pixels."""

    name = "pixels"

    def __call__(self, samples):
        return kgan.metrics.Features(samples[:, :2, 0, 0])


@pytest.mark.usefixtures("registries")
def test_what_is_registered_goes_by_its_name():
    kgan.models.register("mine", kgan.models.DCGAN, "Nobody", "squares")
    assert kgan.models.find("Mine") is kgan.models.DCGAN
    assert "mine         Nobody\n             takes squares" in done("models")
    kgan.metrics.register("least", Least)
    extractors.register("pixels", Pixels)
    kgan.metrics.register("least", Least)
    assert "pixels" in extractors.names()
    real = np.random.default_rng(0).uniform(-1, 1, (200, 8, 8, 1)).astype("float32")
    metrics = ["least", kgan.metrics.get("frechet_distance", extractor="pixels")]
    figures = kgan.metrics.measure(metrics, real, real[::-1], value_range=(-1, 1))
    assert figures["frechet_distance"] == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match="Unknown metric 'lest'. Did you mean 'least'"):
        kgan.metrics.get("lest")
    with pytest.raises(InputError, match="a metric named 'psnr' already"):
        kgan.metrics.register("psnr", Least)
    with pytest.raises(InputError, match="an extractor named 'auto' already"):
        extractors.register("auto", Pixels)


def test_a_registry_without_what_it_names():
    registry = Registry("thing", "kgan.tests", [Entry("here", "json:loads")])
    registry.register("there", "json:nothing")
    assert registry.find("here").load() is json.loads
    with pytest.raises(InputError, match="json has no 'nothing'"):
        registry.find("there").load()
    with pytest.warns(UserWarning, match="'there' is registered"):
        registry.load_all()
    with pytest.raises(InputError, match="a non-empty string"):
        registry.register(3, json)

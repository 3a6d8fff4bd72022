"""Files in other formats, run here by their own runtimes, without kgan's code for that."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from skimage.metrics import peak_signal_noise_ratio
from test_matrix import FAMILIES

import kgan
from kgan.cli.commands import cli
from kgan.errors import InputError
from kgan.inference import exporting
from kgan.inference.formats import checking, names, served
from kgan.inference.seeds import seed_pair
from kgan.runs import RunFolder, trained

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
litert = pytest.importorskip(
    "ai_edge_litert.interpreter", reason="the extra litert is not installed"
)


@pytest.fixture(scope="module")
def conditional():
    """A conditional model whose average is apart from its weights."""
    gan = kgan.models.ACGAN((8, 8, 1), classes=3, width=6, latent_size=4)
    for weight in gan.generator.trainable_variables:
        # An untrained generator's samples are all the same grey.
        weight.assign(weight * 8)
    gan.compile(ema=0.5)
    for weight in gan.generator.trainable_variables:
        weight.assign(weight * 0.5)
    return gan


@pytest.fixture(scope="module")
def digits():
    return trained(RunFolder.find("digits"))


def by_onnx(path, **inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def by_litert(path, **inputs):
    run = litert.Interpreter(model_path=str(path)).get_signature_runner("serve")
    return run(**inputs)["samples" if "samples" in run.get_output_details() else "output_0"]


def test_float32_equals_the_saved_model(conditional, tmp_path):
    latents = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    labels = np.array([0, 1, 2, 1, 0], "int32")
    conditional.export(tmp_path / "saved", verbose=False)
    serve = tf.saved_model.load(str(tmp_path / "saved")).signatures["serve"]
    expected = next(iter(serve(latents=latents, labels=labels).values())).numpy()
    assert np.ptp(expected) > 0.5

    prices = [conditional.export(tmp_path / name) for name in ("x.onnx", "x.tflite", "x.keras")]
    assert [price.format for price in prices] == ["onnx", "litert", "keras"]
    for run, name in ((by_onnx, "x.onnx"), (by_litert, "x.tflite")):
        made = run(tmp_path / name, latents=latents, labels=labels)
        np.testing.assert_allclose(made, expected, rtol=0, atol=1e-4)
    alone = keras.saving.load_model(tmp_path / "x.keras")
    np.testing.assert_allclose(alone([latents, labels]), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("suffix", [".onnx", pytest.param(".tflite", marks=pytest.mark.slow)])
def test_the_price_of_int8_is_true(digits, tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    price = digits.export(path, precision="int8")
    assert price.bytes == path.stat().st_size < 0.35 * 4 * digits.generator.count_params()
    run = by_onnx if suffix == ".onnx" else by_litert

    latents = digits.draw(64, seed_pair(served.JUDGEMENT)).numpy()
    made, truth = run(path, latents=latents), digits.generate(latents=latents)
    assert price.psnr == pytest.approx(peak_signal_noise_ratio(truth, made, data_range=2), abs=0.01)
    assert price.largest == pytest.approx(np.abs(made - truth).max(), rel=1e-3)
    # Nor is it one of the samples by which it was measured.
    others = digits.latents_of(range(200))
    found = peak_signal_noise_ratio(
        digits.generate(latents=others), run(path, latents=others), data_range=2
    )
    assert found == pytest.approx(price.psnr, abs=1.5)
    assert 30 < price.psnr < 50 and price.record()["psnr"] == price.psnr


@pytest.mark.slow
def test_float16_halves_the_file_and_keeps_the_samples(digits, tmp_path):
    sizes = {}
    for precision in ("float32", "float16"):
        for name in ("x.onnx", "x.tflite", "x.keras", "saved"):
            price = digits.export(tmp_path / name, format=names.by_suffix(name) or "savedmodel",
                                  precision=precision)  # fmt: skip
            sizes[name, precision] = price.bytes
            assert price.psnr > 60
    for name in ("x.onnx", "x.tflite", "x.keras", "saved"):
        assert sizes[name, "float16"] < 0.55 * sizes[name, "float32"]
    alone = keras.saving.load_model(tmp_path / "x.keras")
    assert {weight.dtype for weight in alone.weights} == {"float32"}
    sample = tf.saved_model.load(str(tmp_path / "saved")).signatures["sample"]
    made = next(iter(sample(count=tf.constant(4), seed=tf.constant(3, tf.int64)).values()))
    np.testing.assert_allclose(made, digits.generate(4, seed=3), atol=2e-3)


def test_an_int8_saved_model_stores_whole_numbers_and_calculates_in_float32(conditional, tmp_path):
    price = conditional.export(tmp_path / "saved", format="savedmodel", precision="int8")
    stored = tf.train.load_checkpoint(str(tmp_path / "saved" / "variables" / "variables"))
    kinds = stored.get_variable_to_dtype_map()
    whole = [name for name, kind in kinds.items() if kind == tf.int8]
    kernels = [w for w in conditional.generator.weights if len(w.shape) > 1]
    assert sorted(np.prod(stored.get_tensor(name).shape) for name in whole) == sorted(
        np.prod(kernel.shape) for kernel in kernels
    )
    # The same by hand, on the averaged weights: the largest of a channel is 127.
    copy = exporting.averaged_copy(conditional.generator, conditional.average)
    for weight in copy.weights:
        values = weight.numpy()
        if values.ndim > 1:
            step = np.abs(values).max(tuple(range(values.ndim - 1))) / 127
            weight.assign(np.rint(values / np.where(step > 0, step, 1)) * step)
    latents, labels = conditional.latents_of(range(6)), np.arange(6, dtype="int32") % 3
    serve = tf.saved_model.load(str(tmp_path / "saved")).signatures["serve"]
    made = next(iter(serve(latents=latents, labels=labels).values())).numpy()
    np.testing.assert_allclose(made, copy([latents, labels]), atol=1e-5)
    truth = conditional.generate(latents=latents, labels=labels)
    assert 0 < np.abs(made - truth).max() < 0.3 and 30 < price.psnr < 60


def test_a_saved_model_holds_each_weight_once(tmp_path):
    class Noise(keras.layers.Layer):
        """Noise at each call, of training or not, with a state of its own."""

        def __init__(self):
            super().__init__()
            self.seeds = keras.random.SeedGenerator(3)

        def call(self, inputs):
            return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seeds)

    generator = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(500), Noise(), keras.layers.Dense(300)]
    )
    gan = kgan.GAN(generator, keras.Sequential([keras.Input((300,)), keras.layers.Dense(1)]))
    gan.compile(loss="hinge")
    for ema in (None, 0.5):
        gan.compile(loss="hinge", ema=ema)
        gan.export(tmp_path / "saved", verbose=False)
        serve = tf.saved_model.load(str(tmp_path / "saved")).signatures["serve"]
        assert next(iter(serve(latents=tf.ones((2, 4))).values())).shape == (2, 300)
        weights = sum(w.numpy().nbytes for w in generator.weights)
        (values,) = (tmp_path / "saved" / "variables").glob("*.data*")
        assert weights <= values.stat().st_size < 1.1 * weights


def test_a_file_that_ruins_the_samples_is_not_kept(tmp_path):
    ring = trained(RunFolder.find("ring"))
    path = tmp_path / "ring.onnx"
    path.write_bytes(b"of before")
    with pytest.raises(InputError, match=r"onnx in int8 ruins .* need 50 dB.*--force"):
        ring.export(path, precision="int8")
    assert path.read_bytes() == b"of before" and len(list(tmp_path.iterdir())) == 1
    price = ring.export(path, precision="int8", force=True)
    assert price.psnr < checking.LEAST_OF_POINTS
    # Why the bound is: most points leave their mode.
    modes, latents = kgan.data.load("ring", batch_size=10).info.modes, ring.latents_of(range(500))

    def near(points):
        apart = np.linalg.norm(points[:, None] - np.asarray(modes.centres), axis=2).min(1)
        return np.mean(apart < 3 * modes.spread)

    assert near(ring.generate(latents=latents)) > 0.95
    assert near(by_onnx(path, latents=latents)) < 0.6


def test_psnr_is_that_of_others():
    truth = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 1)).astype("float32")
    noisy = truth + np.float32(0.1)
    expected = peak_signal_noise_ratio(truth, noisy, data_range=2)
    assert checking.psnr(noisy, truth, 2.0) == pytest.approx(expected, abs=1e-3)
    assert checking.psnr(truth, truth, 2.0) == math.inf


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "run"), [(".onnx", by_onnx), (".tflite", by_litert)])
def test_a_translator_takes_images_of_any_size(tmp_path, suffix, run):
    gan = kgan.models.CycleGAN((8, 8, 1), width=2, blocks=1)
    with pytest.raises(InputError, match=r"a2b and b2a.*endpoint"):
        gan.export(tmp_path / f"x{suffix}")
    gan.export(tmp_path / f"x{suffix}", endpoint="b2a")
    images = np.random.default_rng(0).uniform(-1, 1, (2, 21, 26, 1)).astype("float32")
    made = run(tmp_path / f"x{suffix}", images=images)
    np.testing.assert_allclose(made, gan.translate(images, "b2a"), atol=1e-4)
    with pytest.raises(InputError, match="representative"):
        gan.export(tmp_path / f"y{suffix}", endpoint="b2a", precision="int8")


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "preset"), [("float32", "narrow"), ("bfloat16", "paper")])
def test_a_pyramid_of_generators_is_one_file(tmp_path, precision, preset):
    options = {"preset": preset, "units": 32 if preset == "paper" else None}
    gan = kgan.models.LAPGAN((16, 16, 1), classes=3, width=4, precision=precision, **options)
    gan.compile(ema=0.5)
    seen = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32")
    gan.fit(seen, np.arange(8) % 3, batch_size=4, epochs=2, verbose=0)
    latents, labels = gan.latents_of(range(6)), np.arange(6, dtype="int32") % 3
    exact = gan
    if precision != "float32":
        # The same weights, the averaged ones.
        exact = type(gan).from_config(gan.get_config() | {"precision": "float32"})
        means = {id(weight): mean for weight, mean in gan.average.pairs()}
        for own, other in zip(exact.networks.values(), gan.networks.values(), strict=True):
            for weight, given in zip(own.weights, other.weights, strict=True):
                weight.assign(means.get(id(given), given))
    truth = exact.generate(latents=latents, labels=labels)
    for suffix, run in ((".onnx", by_onnx), (".tflite", by_litert)):
        gan.export(tmp_path / f"x{suffix}")
        made = run(tmp_path / f"x{suffix}", latents=latents, labels=labels)
        np.testing.assert_allclose(made, truth, atol=1e-4)
    assert gan.export(tmp_path / "x.html").largest <= 1e-3
    with pytest.raises(InputError, match=r"one network.*draws with 2"):
        gan.export(tmp_path / "x.keras")


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_in_other_formats(name, tmp_path):
    data, options = FAMILIES[name]
    gan = kgan.models.find(name).for_data(data().info, seed=1, **options)
    chosen = {"endpoint": "b2a"} if name == "cyclegan" else {}
    for target, precision in (("x.onnx", "float32"), ("x.tflite", "float32"), ("x", "float16")):
        price = gan.export(tmp_path / target, precision=precision, **chosen)
        assert price.largest <= (1e-4 if precision == "float32" else 5e-3)
    assert gan.export(tmp_path / "x.html", **chosen).largest <= 1e-3


@pytest.mark.parametrize("precision", ["float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_a_model_of_half_precision_calculates_in_float32_elsewhere(tmp_path, precision):
    gan = kgan.models.DCGAN((8, 8, 1), width=4, latent_size=4, precision=precision)
    for weight in gan.generator.trainable_variables:
        # The larger the weights, the more is lost by half precision.
        weight.assign(weight * 16)
    gan.compile(ema=0.5)
    full = kgan.models.DCGAN((8, 8, 1), width=4, latent_size=4, precision="float32")
    for mine, theirs in zip(full.generator.weights, gan.generator.weights, strict=True):
        mine.assign(theirs)
    for weight in gan.generator.trainable_variables:
        weight.assign(weight * 0.5)  # not the average
    latents = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    expected = full.generate(latents=latents)
    assert np.abs(gan.generate(latents=latents) - expected).max() > 2e-4
    for run, name in ((by_onnx, "x.onnx"), (by_litert, "x.tflite")):
        assert gan.export(tmp_path / name).largest < 1e-4
        np.testing.assert_allclose(run(tmp_path / name, latents=latents), expected, atol=1e-4)
    assert gan.generator.compute_dtype == precision


def test_names_are_those_that_users_guess():
    assert {names.format_of(n) for n in ("tflite", "LiteRT", ".tflite")} == {"litert"}
    assert names.format_of("saved_model") == "savedmodel" and names.format_of("html") == "web"
    assert names.precision_of("half", "onnx") == "float16"
    with pytest.raises(InputError, match=r"'onxx'.*onnx"):
        names.format_of("onxx")
    with pytest.raises(InputError, match=r"keras is written in float32.*int8 take savedmodel or"):
        names.precision_of("int8", "keras")


def test_a_missing_package_is_named_with_its_command(monkeypatch, digits, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"ai-edge-litert: pip install 'kgan\[litert\]'"):
        digits.export(tmp_path / "x.tflite")
    assert not list(tmp_path.iterdir())


def test_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        return CliRunner().invoke(cli, ["export", "digits", *words])

    assert "leave one out" in str(run("-o", "x.onnx", "--format", "litert").exception)
    found = run("--format", "onnx", "--precision", "int8", "--measure", "0", "--json")
    assert found.exit_code == 0, found.output
    facts = json.loads(found.stdout)
    assert facts["path"] == "digits-int8.onnx" and facts["frechet"] is None
    again = run("--format", "onnx", "--precision", "int8")
    assert "already exists" in str(again.exception) and again.exit_code


@pytest.mark.slow
def test_the_change_in_frechet_distance_is_true(digits, tmp_path):
    from kgan.evaluation.prices import with_distance

    path = tmp_path / "x.onnx"
    real = kgan.data.load("digits", split="test", batch_size=100, shuffle=False)
    price = digits.export(
        path, precision="int8", judge=lambda price, run: with_distance(price, run, digits, real)
    )
    latents = digits.draw(2000, seed_pair(0)).numpy()
    made = by_onnx(path, latents=latents).clip(-1, 1)
    for samples, found in zip((digits.generate(latents=latents), made), price.frechet, strict=True):
        expected = kgan.compare(samples, "digits", "frechet_distance", split="test", count=2000)
        assert found == pytest.approx(expected.figures["frechet_distance"], rel=1e-3)
    assert price.frechet[0] != price.frechet[1] and price.extractor == "digits"

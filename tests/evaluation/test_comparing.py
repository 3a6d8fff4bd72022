"""`kgan.compare`: its figures against others computed here, and every kind of source."""

import json

import keras
import numpy as np
import pytest
import scipy.linalg
from sources import generator, write_folder

import kgan
from kgan.evaluation.comparing import Comparison

SIMPLE = {"metrics": ["frechet_distance"], "extractor": "values"}


def in_range(images):
    """Pixels 0..255 as float32 values in [-1, 1], as data has them, flattened, in float64.

    Distances between whole numbers are often equal, and the rounding tells which lies within.
    """
    flat = images.reshape(len(images), -1).astype("float32")
    return (flat / np.float32(255) * np.float32(2) - np.float32(1)).astype("float64")


def frechet(a, b):
    """Dowson and Landau's formula with SciPy's root of a matrix."""
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)


def kernel(a, b):
    """The unbiased squared MMD by its definition, pair by pair."""

    def k(x, y):
        return (x @ y / len(x) + 1) ** 3

    n, m = len(a), len(b)
    within_a = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_b = sum(k(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_a + within_b - 2 * np.mean([[k(x, y) for y in b] for x in a])


def manifolds(a, b, k):
    """Precision, recall, density and coverage of `a` against `b`, by brute force."""

    def apart(x, y):
        return np.linalg.norm(x[:, None] - y[None], axis=2)

    radius_a, radius_b = (np.sort(apart(x, x), axis=1)[:, k] for x in (a, b))
    within = apart(b, a)
    inside = within <= radius_b[:, None]
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": (within <= radius_a[None]).any(axis=1).mean(),
        "density": inside.sum() / k / len(a),
        "coverage": inside.any(axis=1).mean(),
    }


def test_figures_of_two_folders_are_those_computed_independently(folders):
    a_folder, b_folder, a, b = folders
    found = kgan.compare(a_folder, b_folder, extractor="values")
    a, b = in_range(a), in_range(b)
    assert found.figures["frechet_distance"] == pytest.approx(frechet(a, b), rel=1e-6)
    three, five = manifolds(a, b, 3), manifolds(a, b, 5)
    for name, expected in (
        ("precision", three["precision"]),
        ("recall", three["recall"]),
        ("density", five["density"]),
        ("coverage", five["coverage"]),
    ):
        assert found.figures[name] == pytest.approx(expected, abs=1e-6), name
    assert (found.a["samples"], found.b["samples"]) == (50, 70)
    assert found.rests_on["recall"] == {"extractor": "values", "real": 70, "fake": 50}
    assert isinstance(found, Comparison) and found.floor == {}


def test_the_kernel_distance_is_that_of_its_definition(tmp_path, pixels):
    a, b = pixels(40, 1), pixels(40, 2)
    one, other = write_folder(tmp_path / "a", a), write_folder(tmp_path / "b", b)
    found = kgan.compare(one, other, ["kernel_distance"], extractor="values")
    expected = kernel(in_range(a), in_range(b))
    assert found.figures["kernel_distance"] == pytest.approx(expected, rel=1e-6)


def test_figures_over_a_network_are_those_of_its_features(tmp_path, pixels):
    a, b = pixels(40, 1, (28, 28, 1)), pixels(30, 2, (28, 28, 1))
    one, other = write_folder(tmp_path / "a", a), write_folder(tmp_path / "b", b)
    network = kgan.metrics.extractors.get("digits", (28, 28, 1))
    network.prepare((28, 28, 1), (0, 255))
    x, y = (np.asarray(network(images).features, "float64") for images in (a, b))
    with pytest.warns(UserWarning, match="unlike those"):
        found = kgan.compare(one, other)
    assert found.rests_on["coverage"]["extractor"] == "digits"
    assert found.rests_on["coverage"]["caveat"].startswith("means little")
    assert found.figures["recall"] == pytest.approx(manifolds(x, y, 3)["recall"], abs=1e-6)
    mine = kgan.metrics.frechet_distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))
    assert found.figures["frechet_distance"] == pytest.approx(mine, rel=1e-5)


def test_the_floor_is_one_half_of_the_reference_against_the_other(folders):
    a, b, *_ = folders
    found = kgan.compare(a, b, **SIMPLE, floor=True)
    shuffled = kgan.data.load(str(b), split="all", batch_size=70, seed=0)
    rows = np.asarray(next(iter(shuffled)), "float64").reshape(70, -1)
    assert found.halves == (35, 35)
    mean = [part.mean(0) for part in (rows[:35], rows[35:])]
    spread = [np.cov(part.T) for part in (rows[:35], rows[35:])]
    mine = kgan.metrics.frechet_distance(mean[0], spread[0], mean[1], spread[1])
    assert found.floor["frechet_distance"] == pytest.approx(mine, rel=1e-6)
    # A metric that looks at the first samples alone has halves of these.
    few = kgan.metrics.Diversity("values", most=20)
    part = kgan.compare(a, b, [few], floor=True).floor["diversity"]
    distances = [
        np.linalg.norm(half[:, None] - half[None], axis=2).sum()
        for half in (rows[:10], rows[10:20])
    ]
    assert part == pytest.approx(distances[0] / distances[1], rel=1e-5)
    with pytest.raises(kgan.InputError, match="two halves"):
        kgan.compare(a, np.zeros((3, 6, 6, 1), "uint8") + 9, **SIMPLE, floor=True)


@pytest.fixture
def sources(folders, files, gan, tmp_path):
    """A source of each kind, of images of 6x6 pixels."""
    a_folder, b_folder, a, _ = folders
    np.savez(tmp_path / "a.npz", images=a, labels=np.arange(50) % 3)
    np.save(tmp_path / "a.npy", a)
    data = kgan.data.load(a, batch_size=20, drop_remainder=False)
    kgan.metrics.Statistics.of(data, "values").save(tmp_path / "stats.npz")
    found = {
        "folder": a_folder,
        "npz": tmp_path / "a.npz",
        "npy": tmp_path / "a.npy",
        "array": a,
        "pair": (a, np.arange(50) % 3),
        "dataset": data,
        "statistics file": tmp_path / "stats.npz",
        "statistics": kgan.metrics.Statistics.of(data, "values"),
        "gan": gan,
        "network": gan.generator,
        "gan file": files / "gan.keras",
        "network file": files / "generator.keras",
        "saved model": files / "saved_model",
        "onnx": files / "generator.onnx",
    }
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        del found["onnx"]
    return found, b_folder


def test_the_kinds_of_samples_are_measured_alike(sources):
    found, b = sources
    same = ("folder", "npz", "npy", "array", "pair", "dataset", "statistics file", "statistics")
    figures = {k: kgan.compare(found[k], b, **SIMPLE).figures["frechet_distance"] for k in same}
    assert len({round(value, 4) for value in figures.values()}) == 1, figures
    # The distance is the same from either side.
    for kind in ("npz", "statistics"):
        turned = kgan.compare(b, found[kind], **SIMPLE).figures["frechet_distance"]
        assert turned == pytest.approx(figures[kind], rel=1e-4)


@pytest.mark.slow
def test_the_kinds_of_generators_draw_the_same_distribution(sources, gan):
    found, b = sources
    kinds = ["gan", "network", "gan file", "network file", "saved model", "onnx"]
    mine = gan.generate(2000, seed=5)
    for kind in [kind for kind in kinds if kind in found]:
        result = kgan.compare(found[kind], mine, **SIMPLE, count=2000)
        assert result.a["samples"] == 2000
        # Two samples of one distribution: a 40th of the distance to the folder's images.
        far = kgan.compare(found[kind], b, **SIMPLE).figures["frechet_distance"]
        assert result.figures["frechet_distance"] < far / 40, kind
        # Of the reference's 70 samples there is no more to compare with.
        assert kgan.compare(found[kind], b, **SIMPLE).a["samples"] == 70
        reverse = kgan.compare(b, found[kind], **SIMPLE)
        assert (reverse.b["samples"], reverse.cached) == (70, False)


@pytest.mark.slow
def test_every_kind_is_measured_against_every_other(sources):
    found, _ = sources
    for one, a in found.items():
        for other, b in found.items():
            result = kgan.compare(a, b, **SIMPLE)
            assert np.isfinite(result.figures["frechet_distance"]), (one, other)
            assert json.dumps(result.record())


def test_the_samples_of_a_model_are_those_of_generate(gan, folders):
    found = kgan.compare(gan, folders[1], **SIMPLE, seed=11)
    mine = gan.generate(70, seed=11)
    again = kgan.compare(mine, folders[1], **SIMPLE)
    assert found.figures["frechet_distance"] == pytest.approx(
        again.figures["frechet_distance"], rel=1e-5
    )


def test_data_beside_a_generator_is_brought_to_its_shape(gan, tmp_path, pixels):
    large = write_folder(tmp_path / "large", pixels(40, 1, (12, 15, 3)))
    assert np.isfinite(kgan.compare(gan, large, **SIMPLE).figures["frechet_distance"])
    assert np.isfinite(kgan.compare(large, gan, **SIMPLE).figures["frechet_distance"])
    with pytest.raises(kgan.InputError, match=r"\(6, 6, 1\).*\(5, 5, 1\).*size=5"):
        kgan.compare(gan, large, **SIMPLE, size=5)


def test_a_generator_with_channels_first_and_values_up_to_255_is_read(tmp_path, pixels):
    inputs = keras.Input((4,))
    made = keras.layers.Reshape((6, 6, 3))(
        keras.layers.Dense(108, activation="sigmoid")(inputs) * 255.0
    )
    model = keras.Model(inputs, keras.layers.Permute((3, 1, 2))(made))
    reference = write_folder(tmp_path / "b", pixels(40, 1, (6, 6, 3)))
    found = kgan.compare(model, reference, **SIMPLE)
    latents = kgan.latents.Normal((4,)).sample(40, np.array([0, 0], "int32"))
    images = np.moveaxis(np.asarray(model(latents)), 1, -1)
    mine = kgan.compare(np.rint(images).astype("uint8"), reference, **SIMPLE)
    assert found.figures["frechet_distance"] == pytest.approx(
        mine.figures["frechet_distance"], rel=0.2
    )


def test_points_are_measured_in_their_own_values(tmp_path):
    points = np.random.default_rng(0).normal(size=(300, 2)).astype("float32") * 9
    np.savez(tmp_path / "points.npz", x=points)
    names = ["frechet_distance", "mode_coverage"]
    found = kgan.compare(tmp_path / "points.npz", "ring", names, count=300)
    assert found.figures["frechet_distance"] > 100
    assert 0 <= found.figures["modes"] <= 8
    exact = kgan.compare("ring", "ring", "mode_coverage", count=4000)
    assert exact.figures["modes"] == 8
    assert exact.figures["high_quality"] == pytest.approx(0.989, abs=0.01)


def test_a_conditional_generator_is_asked_for_the_classes_of_the_reference(tmp_path, pixels):
    latents, labels = keras.Input((4,)), keras.Input((), dtype="int32")
    one_hot = keras.ops.one_hot(labels, 3)
    joined = keras.layers.Concatenate()([latents, one_hot])
    # The first pixel tells the class.
    flat = keras.layers.Dense(36, activation="tanh")(joined)
    model = keras.Model([latents, labels], keras.layers.Reshape((6, 6, 1))(flat))
    images = pixels(60, 1)
    numbers = np.array([0] * 45 + [1] * 15)
    numbers[0] = 2
    seen = []
    whole = model.call
    model.call = lambda inputs, **kw: (seen.append(np.asarray(inputs[1])), whole(inputs, **kw))[1]
    kgan.compare(model, (images, numbers), **SIMPLE)
    asked = np.concatenate(seen[1:])
    assert len(asked) == 60 and set(asked) <= {0, 1, 2}
    assert 30 <= (asked == 0).sum() <= 55
    with pytest.raises(kgan.InputError, match="Give classes=N"):
        kgan.compare(model, images, **SIMPLE)
    seen.clear()
    kgan.compare(model, images, **SIMPLE, classes=3)
    assert (np.bincount(np.concatenate(seen[1:])) == 20).all()


def test_every_metric_of_pairs_needs_partners(folders, gan, tmp_path, pixels):
    a, b, a_pixels, b_pixels = folders
    images = pixels(12, 1, (16, 16, 3))
    noisy = np.clip(images.astype(int) + 8, 0, 255).astype("uint8")
    one, other = write_folder(tmp_path / "one", noisy), write_folder(tmp_path / "two", images)
    found = kgan.compare(one, other, ["psnr", "ssim"])
    mine = kgan.metrics.psnr(images, noisy, value_range=(0, 255))
    assert found.figures["psnr"] == pytest.approx(float(np.mean(mine)), rel=1e-5)
    assert found.rests_on["ssim"] == {"real": 12, "fake": 12}
    with pytest.raises(kgan.InputError, match="20 have no partner"):
        kgan.compare(a, b, ["psnr"])
    with pytest.raises(kgan.InputError, match="50 samples and"):
        kgan.compare(a_pixels, b_pixels, ["psnr"])
    with pytest.raises(kgan.InputError, match="has none"):
        kgan.compare(gan, b, ["psnr"])


def test_metrics_get_what_they_need(folders, gan, pixels):
    a, b, a_pixels, _ = folders
    with pytest.raises(kgan.InputError, match="--training SOURCE"):
        kgan.compare(a, b, ["memorisation"], extractor="values")
    found = kgan.compare(a, b, ["memorisation"], extractor="values", training=a_pixels)
    # Every sample is a training sample.
    assert found.figures["memorisation"] == 1.0 and found.figures["memorisation_ratio"] == 0.0
    fresh = kgan.compare(a, b, ["memorisation"], extractor="values", training=pixels(50, 5))
    assert fresh.figures["memorisation"] < 0.95
    with pytest.raises(kgan.InputError, match="has no labels"):
        kgan.compare(pixels(9, 1, (28, 28, 1)), "digits", ["classifier_accuracy"], size=28)
    labelled = pixels(9, 1, (28, 28, 1)), np.arange(9) % 3
    with pytest.raises(kgan.InputError, match="labels of 3 classes"):
        kgan.compare(labelled, "digits", ["classifier_accuracy"], size=28)
    with pytest.raises(kgan.InputError, match="'ring', 'grid'"):
        kgan.compare(a, b, ["mode_coverage"])
    with pytest.raises(kgan.InputError, match="needs a classifier"):
        kgan.compare(a, b, ["inception_score"], extractor="values")


@pytest.mark.slow
def test_metrics_over_a_classifier_know_the_labels_of_both_sides():
    names = ["classifier_accuracy", "inception_score"]
    found = kgan.compare("digits", "digits", names, floor=True)
    network = kgan.metrics.extractors.get("digits", (8, 8, 1))
    network.prepare((8, 8, 1), (-1, 1))
    data = kgan.data.load("digits", split="train", batch_size=1497)
    images, labels = next(iter(data))
    right = np.argmax(network(images).logits, axis=1) == np.asarray(labels)
    assert found.figures["classifier_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    assert found.a["split"] == "train" and found.b["split"] == "test"
    assert found.floor["classifier_accuracy"] > 0.9
    assert 7 < found.figures["inception_score"] <= 10 and found.floor["inception_score"] > 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"a": "nowhere/"}, "There is no folder or file nowhere/"),
        ({"a": "nothing.onnx"}, "There is no file"),
        ({"a": "nothing.npz"}, "There is no folder or file"),
        ({"b": "emnisst"}, "Unknown dataset"),
        ({"b": "empty"}, "No images in the folder"),
        ({"b": "wide"}, r"\(6, 6, 1\).*\(6, 9, 1\).*Give size=6"),
        ({"b": "colour"}, r"Give channels=3"),
        ({"a": 7}, "A source is a folder"),
        ({"a": "damaged.npz"}, "damaged.npz cannot be read"),
        ({"a": "broken.keras"}, "broken.keras"),
        ({"a": "saved"}, "cannot be loaded"),
        ({"metrics": ["fretchet_distance"]}, "frechet_distance"),
        ({"metrics": [7]}, "metrics or their names"),
        ({"extractor": "nothing"}, "Known: "),
        ({"count": 0}, "count"),
        ({"split": "[]"}, "split"),
        ({"b": "stats.npz", "metrics": ["recall"]}, "only frechet_distance"),
        ({"b": "stats.npz", "floor": True}, "have no halves"),
        ({"b": "wide.npz"}, "9 features"),
        ({"latents": "cauchy", "a": "net"}, "normal or uniform"),
        ({"metrics": "memorisation", "training": "nothing/"}, "There is no folder"),
    ],
)
def test_bad_input_is_answered(folders, tmp_path, pixels, words, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "wide", pixels(5, 1, (6, 9, 1)))
    write_folder(tmp_path / "colour", pixels(5, 1, (6, 6, 3)))
    (tmp_path / "damaged.npz").write_bytes(b"PK nothing")
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"nothing")
    np.savez(tmp_path / "stats.npz", mu=np.zeros(36), sigma=np.eye(36))
    np.savez(tmp_path / "wide.npz", mu=np.zeros(9), sigma=np.eye(9))
    settings = {"a": "a", "b": "b", "extractor": "values", **words}
    if settings["a"] == "net":
        settings["a"] = generator()
    with pytest.raises(kgan.InputError, match=message):
        kgan.compare(**settings)


def test_statistics_of_two_extractors_are_not_compared(tmp_path):
    one = kgan.metrics.Statistics(np.zeros(4), np.eye(4), 9, "digits")
    other = kgan.metrics.Statistics(np.ones(4), np.eye(4), 9, "values")
    with pytest.raises(kgan.InputError, match="Compute both with one"):
        kgan.compare(one, other)
    same = kgan.metrics.Statistics(np.ones(4), 4 * np.eye(4), None, None)
    assert kgan.compare(one, same).figures["frechet_distance"] == pytest.approx(8.0)


def test_samples_against_themselves_are_called_that(folders):
    a, *_ = folders
    with pytest.warns(UserWarning, match="samples of its own"):
        found = kgan.compare(a, a, **SIMPLE)
    assert found.figures["frechet_distance"] == pytest.approx(0.0, abs=1e-6)
    apart = kgan.compare(a, a, **SIMPLE, split_a="train[:50%]", split="train[50%:]")
    assert apart.figures["frechet_distance"] > 0.1
    assert apart.a["samples"] == apart.b["samples"] == 25


def test_a_metric_of_ones_own_gets_samples_or_features(folders):
    class Brightness(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="brightness")
            self.total = self.add_variable((), "zeros", name="total")

        def update_state(self, real, fake):
            self.total.assign_add(keras.ops.mean(fake) - keras.ops.mean(real))

        def result(self):
            return self.total.value

    class MeanShift(kgan.metrics.FeatureMetric):
        keeps = {"real": "moments", "fake": "moments"}

        def compute(self):
            return np.linalg.norm(self.kept("real").mean() - self.kept("fake").mean())

    _, _, a, b = folders
    a, b = a[:50], b[:50]
    found = kgan.compare(a, b, [Brightness(), MeanShift("values", name="shift")])
    x, y = in_range(a), in_range(b)
    assert found.figures["brightness"] == pytest.approx(x.mean() - y.mean(), abs=1e-5)
    assert found.figures["shift"] == pytest.approx(np.linalg.norm(x.mean(0) - y.mean(0)), rel=1e-5)

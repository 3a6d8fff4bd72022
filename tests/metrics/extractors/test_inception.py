"""The Inception extractor on a small graph of the same structure and age as the real one."""

import hashlib
import http.server
import io
import tarfile
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.errors import InputError
from kgan.metrics import extractors
from kgan.metrics.extractors import inception
from kgan.metrics.extractors.inception import Inception

SIDE, CLASSES = 12, 7
PARTS = ("moving_mean", "moving_variance", "beta", "gamma")


def make(width=24, scaled=False, lacking="", unfrozen=False):
    """A frozen graph and its weights: images to 12x12, a 1x1 convolution, pool_3, softmax."""
    random = np.random.default_rng(0)
    weights = {
        "conv/conv2d_params": random.normal(size=(1, 1, 3, width)),
        "conv/batchnorm/moving_mean": random.normal(size=width),
        "conv/batchnorm/moving_variance": random.uniform(0.5, 2.0, width),
        "conv/batchnorm/beta": random.normal(size=width),
        "conv/batchnorm/gamma": random.uniform(0.5, 2.0, width),
        "softmax/weights": random.normal(size=(width, CLASSES)),
    }
    weights = {name: value.astype("float32") for name, value in weights.items()}
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        held = {name: tf.constant(value, name=name) for name, value in weights.items()}
        image = v1.placeholder(tf.float32, (None, None, 3), name="Cast")
        x = tf.expand_dims(image, 0, name="ExpandDims")
        x = v1.image.resize_bilinear(x, (SIDE, SIDE), name="ResizeBilinear")
        x = tf.multiply(tf.subtract(x, 128.0, name="Sub"), 0.0078125, name="Mul")
        x = tf.nn.conv2d(x, held["conv/conv2d_params"], 1, "VALID", name="conv/Conv2D")
        x = tf.identity(x, name="conv/batchnorm")
        with tf.control_dependencies([tf.debugging.check_numerics(x, "", "conv/CheckNumerics")]):
            x = tf.identity(x, name="conv/control_dependency")
        if unfrozen:
            x = x + v1.get_variable("bias", width, use_resource=False)
        x = tf.nn.avg_pool2d(tf.nn.relu(x, name="conv"), SIDE, 1, "VALID", name="pool_3")
        x = tf.reshape(x, (1, width), name="pool_3/_reshape")
        if lacking != "softmax":
            x = tf.matmul(x, held["softmax/weights"], name="softmax/logits/MatMul")
            tf.nn.softmax(x + 1.0, name="softmax")
        # With the static shapes of a batch of one, as the real file notes them.
        made = graph.as_graph_def(add_shapes=True)
    made.versions.producer = 8
    for node in made.node:
        if node.name == "conv/batchnorm":
            node.op = "BatchNormWithGlobalNormalization"
            node.input.extend(f"conv/batchnorm/{part}" for part in PARTS)
            node.attr["variance_epsilon"].f = 1e-3
            node.attr["scale_after_normalization"].b = scaled
        if node.name == lacking:
            node.name = "elsewhere"
    return made.SerializeToString(), weights


def by_hand(pixels, weights, scaled=False):
    """Features and logits of images in 0..255, in NumPy."""
    _, height, width, _ = pixels.shape
    x = pixels.astype("float32")
    for axis, size in ((1, height), (2, width)):
        # TensorFlow's bilinear resizing of 2015: pixels sit at their upper left corners.
        place = np.arange(SIDE) * size / SIDE
        low = place.astype(int)
        high = np.minimum(low + 1, size - 1)
        share = (place - low).reshape((-1, 1, 1) if axis == 1 else (-1, 1))
        x = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
    x = (x - 128) * 0.0078125 @ weights["conv/conv2d_params"][0, 0]
    mean, variance, beta, gamma = (weights[f"conv/batchnorm/{part}"] for part in PARTS)
    x = (x - mean) / np.sqrt(variance + 1e-3) * (gamma if scaled else 1.0) + beta
    features = np.maximum(x, 0.0).mean((1, 2))
    return features, features @ weights["softmax/weights"]


def archived(graph, name=f"./{inception.FILE}"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for each, data in (("LICENSE", b"Apache"), (name, graph)):
            entry = tarfile.TarInfo(each)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache of the test's own, no network, and no variable set."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("KGAN_INCEPTION", raising=False)
    monkeypatch.setattr(inception, "URL", "http://127.0.0.1:1/inception-2015-12-05.tgz")
    return tmp_path / "keras" / "kgan"


@pytest.fixture(scope="module")
def small():
    return make()


@pytest.fixture
def file(tmp_path, small):
    path = tmp_path / "small.pb"
    path.write_bytes(small[0])
    return path


@pytest.fixture
def real(small, monkeypatch):
    """Takes the small graph for the one of 2015-12-05."""
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(small[0]).hexdigest())


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (5, 6, 9, 3)).astype("uint8")


def prepared(path, shape=(6, 9, 3), value_range=(0, 255)):
    extractor = Inception(path, canonical=False)
    extractor.prepare(shape, value_range)
    return extractor


@pytest.mark.parametrize(("width", "scaled"), [(24, True), (3000, False)])
def test_features_and_logits_are_those_of_the_graph(tmp_path, pixels, width, scaled):
    graph, weights = make(width, scaled)
    (tmp_path / "graph.pb").write_bytes(graph)
    found = prepared(tmp_path / "graph.pb")(pixels)
    features, logits = by_hand(pixels, weights, scaled)
    np.testing.assert_allclose(found.features, features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-3, atol=1e-3)


def test_samples_are_looked_at_as_images_of_bytes(file, pixels):
    found = prepared(file)(pixels).features
    unit = pixels.astype("float32") / 255
    np.testing.assert_array_equal(prepared(file, value_range=(0, 1))(unit).features, found)
    signed = prepared(file, value_range=(-1, 1))
    np.testing.assert_array_equal(signed(unit * 2 - 1).features, found)
    # What saving as a file would round off or clip makes no difference.
    np.testing.assert_array_equal(signed(unit * 2 - 1 + 0.003).features, found)
    white = np.full((1, 6, 9, 3), 1.0, "float32")
    np.testing.assert_array_equal(signed(white * 3).features, signed(white).features)


def test_grey_images_are_repeated(file, pixels):
    grey = pixels[..., :1]
    found = prepared(file, (6, 9, 1))(grey).features
    np.testing.assert_array_equal(found, prepared(file)(grey.repeat(3, -1)).features)


def test_batches_of_any_size_in_a_graph_and_eagerly(file, pixels):
    extractor = Inception(file, canonical=False)

    @tf.function
    def look(samples):
        extractor.prepare((6, 9, 3), (0, 255))
        return extractor(samples)

    whole = look(pixels)
    for count in (1, 2, 5):
        for part in (look(pixels[:count]), extractor(pixels[:count])):
            np.testing.assert_allclose(part.features, whole.features[:count], rtol=1e-5)
            assert part.features.shape == (count, 24) and part.logits.shape == (count, CLASSES)


def test_large_weights_stay_out_of_the_graphs_that_use_them(tmp_path, pixels):
    graph, weights = make(3000)
    (tmp_path / "wide.pb").write_bytes(graph)
    extractor = prepared(tmp_path / "wide.pb")
    outer = tf.function(lambda: extractor(pixels)).get_concrete_function().graph.as_graph_def()
    assert outer.ByteSize() < weights["conv/conv2d_params"].nbytes


def test_under_a_strategy(file, pixels):
    extractor = prepared(file)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    found = strategy.run(tf.function(lambda: extractor(pixels).features))
    np.testing.assert_allclose(found, extractor(pixels).features, rtol=1e-5)


def test_broken_samples_stay_broken(file, pixels):
    samples = pixels.astype("float32")
    samples[1, 2, 2, 0], samples[3, 0, 0, 1] = np.nan, np.inf
    found = prepared(file)(samples)
    for part in found:
        assert np.isnan(part).all(axis=1).tolist() == [False, True, False, True, False]
        assert np.isfinite(np.asarray(part)[[0, 2, 4]]).all()


def test_only_the_graph_of_2015_is_called_inception(file, small, real, monkeypatch, pixels):
    extractor = Inception(file)
    extractor.prepare((6, 9, 3), (0, 255))
    assert extractor.name == "inception"
    assert prepared(file).name == "inception"
    monkeypatch.setattr(inception, "SHA256", "0" * 64)
    with pytest.raises(InputError, match="is not the Inception graph of 2015-12-05"):
        Inception(file).prepare((6, 9, 3), (0, 255))
    digest = hashlib.sha256(small[0]).hexdigest()
    assert prepared(file).name == f"inception-{digest[:8]}"


def test_a_process_holds_one_network(file):
    first, second = prepared(file), prepared(file)
    assert first._network is second._network


def test_configuration(file):
    assert isinstance(extractors.get("inception", (32, 32, 3)), Inception)
    saved = keras.saving.serialize_keras_object(Inception(file, canonical=False))
    loaded = keras.saving.deserialize_keras_object(saved)
    assert loaded.get_config() == {"path": str(file), "canonical": False}


def test_archives(tmp_path, small, monkeypatch, real):
    path = tmp_path / "some.tgz"
    path.write_bytes(archived(small[0]))
    monkeypatch.setenv("KGAN_INCEPTION", str(path))
    extractor = Inception()
    extractor.prepare((6, 9, 3), (0, 255))
    assert extractor.name == "inception"
    for data, said in (
        (archived(small[0])[:-2000], "is damaged"),
        (archived(small[0])[:5], "is damaged"),
        (archived(small[0], "other.pb"), f"holds no {inception.FILE}"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=said):
            Inception().prepare((6, 9, 3), (0, 255))


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (b"\x0b no graph", "is no frozen graph"),
        (b"", "lacks ExpandDims:0 and pool_3:0"),
        (make(lacking="pool_3")[0], "lacks pool_3:0"),
        (make(lacking="ExpandDims")[0], "lacks ExpandDims:0"),
        (make(lacking="conv")[0], "is no frozen graph"),
        (make(unfrozen=True)[0], "not a constant"),
    ],
)
def test_other_files(tmp_path, graph, said):
    path = tmp_path / "other.pb"
    path.write_bytes(graph)
    with pytest.raises(InputError, match=said):
        prepared(path)


def test_without_classes(tmp_path, pixels):
    path = tmp_path / "short.pb"
    path.write_bytes(make(lacking="softmax")[0])
    assert prepared(path)(pixels).logits is None


def test_samples_that_do_not_fit(file):
    for shape in ((2,), (8, 8), (8, 8, 4)):
        with pytest.raises(InputError, match="cannot read samples of shape"):
            prepared(file, shape)
    with pytest.raises(InputError, match="must know the range"):
        prepared(file, value_range=None)


def test_no_file_and_no_network(home, monkeypatch, tmp_path):
    with pytest.raises(InputError) as caught:
        Inception().prepare((32, 32, 3), (-1, 1))
    for word in (str(home), inception.URL, "KGAN_INCEPTION", "path=", "'digits'", "'colour'"):
        assert word in str(caught.value)
    monkeypatch.setenv("KGAN_INCEPTION", str(tmp_path / "gone.pb"))
    with pytest.raises(InputError, match=r"gone.pb', which KGAN_INCEPTION names"):
        Inception().prepare((32, 32, 3), (-1, 1))
    with pytest.raises(InputError, match="which path names"):
        Inception("nowhere.pb").prepare((32, 32, 3), (-1, 1))


@pytest.fixture
def serve(monkeypatch):
    """Serves an archive under the URL; `promised` is the length that the server tells."""
    servers = []

    def start(data, promised=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(promised or len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        servers.append(http.server.HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{servers[-1].server_port}/inception-2015-12-05.tgz"
        monkeypatch.setattr(inception, "URL", url)

    monkeypatch.setenv("no_proxy", "*")
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_download(serve, small, real, home, monkeypatch):
    serve(archived(small[0]))
    Inception().prepare((6, 9, 3), (0, 255))
    assert [path.name for path in home.iterdir()] == [inception.FILE]
    assert (home / inception.FILE).read_bytes() == small[0]
    monkeypatch.setattr(inception, "URL", "http://127.0.0.1:1/gone")
    Inception().prepare((6, 9, 3), (0, 255))


def test_downloads_that_fail_leave_nothing(serve, small, real, home, monkeypatch):
    archive = archived(small[0])
    for data, promised, said in (
        (archive[:-100], len(archive), "cannot be downloaded"),
        (archive[:-100], None, "is damaged"),
        (archived(small[0] + b" "), None, "is not the Inception graph"),
    ):
        serve(data, promised)
        with pytest.raises(InputError, match=said):
            Inception().prepare((6, 9, 3), (0, 255))
        assert not home.exists()
    serve(archive)
    monkeypatch.setattr(
        inception.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(InputError, match="full"):
        Inception().prepare((6, 9, 3), (0, 255))
    assert not home.exists()

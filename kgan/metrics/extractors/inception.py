"""The Inception network of the canonical FID and Inception Score, read from its published file."""

import hashlib
import http.client
import io
import os
import sys
import tarfile
import urllib.request
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from keras import ops

from kgan.disk.writing import replace
from kgan.errors import InputError
from kgan.metrics.extractors.base import Extractor, Features
from kgan.metrics.extractors.images import (
    ALTERNATIVES,
    READS,
    keras_home,
    need_images,
    need_range,
    propagate_nan,
    to_range,
)
from kgan.typing import Config, Range, Shape, Tensors

URL = "https://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
FILE = "classify_image_graph_def.pb"
# The SHA-256 of FILE (95,673,916 bytes), the same in the archive and in OpenAI's mirror.
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"

_IMAGES, _POOL, _SCORES = "ExpandDims", "pool_3", "softmax/logits/MatMul"
_TIMEOUT = 30.0  # seconds without a byte
_LARGE_CONSTANT = 10_000  # bytes


class _Network(NamedTuple):
    digest: str
    function: Any  # from images `(batch, h, w, 3)` in 0..255 to `(batch, 1, 1, width)`
    scores: Any  # the weights of the class scores, `(width, classes)`, or None


# By path, time and size of the file, so that a process holds the weights once.
_loaded: dict[tuple, _Network] = {}


@keras.saving.register_keras_serializable("kgan")
class Inception(Extractor):
    """Inception v3 as trained in 2015, the network of the canonical FID.

    Features `(batch, 2048)`, the output of the last pooling, and logits `(batch, 1008)`, without
    bias as in the code of the Inception Score. Images of any size with 1 or 3 channels are
    rounded to 0..255, as if saved as files; the graph itself resizes them to 299x299.

    The file is read from `path`, else from the environment variable KGAN_INCEPTION, else from
    `~/.keras/kgan` (or `$KERAS_HOME/kgan`). If it is not there, 85 MB are downloaded to that
    folder.

    Args:
        path: path of `classify_image_graph_def.pb`, or of the `.tgz` that holds it.
        canonical: whether to accept only the file of 2015-12-05, by its SHA-256. With False any
            frozen graph with nodes of the same names is accepted. After `prepare` the name of
            the extractor then ends in the first digits of the SHA-256.

    Raises:
        InputError: by `prepare`, if the file cannot be read or downloaded or is another one, the
            samples are not images with 1 or 3 channels, or their range is unknown.

    Sources: Szegedy et al. 2016, Rethinking the Inception architecture for computer vision;
    Salimans et al. 2016, Improved techniques for training GANs; Heusel et al. 2017, GANs trained
    by a two time-scale update rule converge to a local Nash equilibrium.
    """

    name = "inception"
    description = "Inception v3 of 2015-12-05, the network of the canonical FID"

    def __init__(self, path: str | os.PathLike | None = None, canonical: bool = True):
        self.path = None if path is None else os.fspath(path)
        self.canonical = canonical
        if not canonical:
            self.name = "inception-unread"
        self._range: tuple[float, float] | None = None
        self._network: _Network | None = None

    def prepare(self, sample_shape: Shape, value_range: Range | None) -> None:
        need_images(self.name, sample_shape, (1, 3), READS)
        self._range = need_range(self.name, value_range)
        if self._network is None:
            self._network = _load(_find(self.path), self.canonical)
            same = self._network.digest == SHA256
            self.name = "inception" if same else f"inception-{self._network.digest[:8]}"

    def __call__(self, samples: Tensors) -> Features:
        given = to_range(samples, self._range, (0.0, 255.0))
        images = ops.clip(ops.round(given), 0.0, 255.0)
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        features = propagate_nan(given, tf.squeeze(self._network.function(images), (1, 2)))
        scores = self._network.scores
        return Features(features, None if scores is None else features @ scores)

    def get_config(self) -> Config:
        return {"path": self.path, "canonical": self.canonical}


def _find(path: str | None) -> Path:
    """Returns the file to read, and downloads it if need be."""
    given, source = path, "path"
    if path is None:
        given, source = os.environ.get("KGAN_INCEPTION"), "KGAN_INCEPTION"
    if given:
        found = Path(given).expanduser()
        if found.is_file():
            return found
        raise InputError(
            f"There is no file {given!r}, which {source} names as the Inception graph. It is "
            f"{FILE}, or the archive {URL} that holds it. {ALTERNATIVES}"
        )
    cache = keras_home() / "kgan"
    for found in (cache / FILE, cache / URL.rpartition("/")[2]):
        if found.is_file():
            return found
    try:
        return _download(cache)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            "The Inception graph of the canonical FID is not on this machine (KGAN_INCEPTION is "
            f"not set, and {cache} does not hold {FILE}), and it cannot be downloaded: {error}. "
            f"Fetch {URL} elsewhere and put it into that folder, or point KGAN_INCEPTION or "
            f"Inception(path=...) to it. {ALTERNATIVES}"
        ) from error


def _download(cache: Path) -> Path:
    """Downloads the archive and writes its graph to `cache`, never a part of it."""
    print(f"Downloading {URL} (85 MB) to {cache}", file=sys.stderr)
    with urllib.request.urlopen(URL, timeout=_TIMEOUT) as response:
        graph = _unpacked(response.read(), URL)
    _check(_digest(graph), URL)
    replace(cache / FILE, lambda part: part.write_bytes(graph))
    return cache / FILE


def _unpacked(data: bytes, source) -> bytes:
    """Returns the bytes of the graph, from its archive or as they are."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name == FILE:
                    return archive.extractfile(member).read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{source} is damaged ({error}). Fetch {URL} again.") from error
    raise InputError(f"The archive {source} holds no {FILE}. Fetch {URL}.")


def _digest(graph: bytes) -> str:
    return hashlib.sha256(graph).hexdigest()


def _check(digest: str, source) -> None:
    """Raises an `InputError` for any other graph than that of 2015-12-05."""
    if digest != SHA256:
        raise InputError(
            f"{source} is not the Inception graph of 2015-12-05: its SHA-256 is {digest} instead "
            f"of {SHA256}, and figures over another network don't compare with published ones. "
            f"Fetch {URL} again, or use this one nevertheless, under the name "
            f"'inception-{digest[:8]}', with extractor=Inception(path=..., canonical=False)."
        )


def _load(path: Path, canonical: bool) -> _Network:
    """Returns the network in a file, which each process reads once."""
    try:
        state = path.stat()
        key = (path.resolve(), state.st_mtime_ns, state.st_size)
        graph = None if key in _loaded else _unpacked(path.read_bytes(), path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    digest = _loaded[key].digest if graph is None else _digest(graph)
    if canonical:
        _check(digest, path)
    if graph is not None:
        try:
            _loaded[key] = _network(graph, digest)
        except (DecodeError, LookupError, ValueError, tf.errors.OpError) as error:
            raise InputError(f"{path} is no frozen graph of Inception: {error}") from error
    return _loaded[key]


def _network(data: bytes, digest: str) -> _Network:
    """Imports the network from the bytes of its graph; errors say what the graph lacks."""
    nodes = {node.name: node for node in tf.compat.v1.GraphDef.FromString(data).node}
    missing = [f"{name}:0" for name in (_IMAGES, _POOL) if name not in nodes]
    if missing:
        raise LookupError(f"it lacks {' and '.join(missing)}.")
    graph, weights = _images_to_pool(nodes)
    # The first batch of a metric may be traced inside a tf.function.
    with tf.init_scope():
        weights = {f"{name}:0": tf.constant(value) for name, value in weights.items()}

        def run(images):
            # Captured tensors are shared; constants would be copied into every calling graph.
            inputs = {name: tf.identity(value) for name, value in weights.items()}
            inputs[f"{_IMAGES}:0"] = images
            return tf.graph_util.import_graph_def(graph, inputs, [f"{_POOL}:0"])[0]

        shape = tf.TensorSpec((None, None, None, 3), tf.float32)
        function = tf.compat.v1.wrap_function(run, [shape])
        scores = nodes.get(_SCORES)
        if scores is not None:
            scores = tf.constant(_constant(nodes, scores.input[1]))
    found = function.outputs[0].shape
    if found.rank != 4 or found[1:3] != (1, 1):
        raise ValueError(f"its {_POOL}:0 has the shape {found} instead of (batch, 1, 1, width).")
    return _Network(digest, function, scores)


def _images_to_pool(nodes: dict):
    """Returns the graph from images to pool, and separately the large constants that it reads.

    Control inputs are left out: they run checks that stop at the first NaN, and that wait for
    the device after every layer. The shapes noted in the file are left out as well, because they
    are those of a batch of 1.
    """
    graph, weights, wanted, seen = tf.compat.v1.GraphDef(), {}, [_POOL], {_IMAGES}
    graph.versions.producer = tf.version.GRAPH_DEF_VERSION
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        node = nodes[name]
        if node.op in ("Placeholder", "Variable", "VariableV2", "VarHandleOp"):
            raise ValueError(f"its node {name} is a {node.op}, not a constant.")
        if node.op == "Const" and node.ByteSize() > _LARGE_CONSTANT:
            weights[name] = _constant(nodes, name)
            continue
        new = graph.node.add(name=name, op=node.op)
        new.input.extend(each for each in node.input if not each.startswith("^"))
        for key, value in node.attr.items():
            if not key.startswith("_"):
                new.attr[key].CopyFrom(value)
        if node.op == "BatchNormWithGlobalNormalization":
            _modernize(graph, new)
        wanted += [_source(each) for each in new.input if _source(each) in nodes]
    return graph, weights


def _modernize(graph, node) -> None:
    """Replaces a batch normalization of 2015, which TensorFlow does not accept in functions."""
    images, mean, variance, beta, gamma = node.input
    epsilon, scaled = node.attr["variance_epsilon"].f, node.attr["scale_after_normalization"].b
    if not scaled:
        gamma = f"{node.name}/ones"
    floats = tf.float32.as_datatype_enum
    node.op = "FusedBatchNormV3"
    del node.input[:]
    node.input.extend([images, gamma, beta, mean, variance])
    node.attr.clear()
    node.attr["T"].type = node.attr["U"].type = floats
    node.attr["epsilon"].f, node.attr["is_training"].b = epsilon, False
    if not scaled:
        graph.node.add(name=gamma, op="OnesLike", input=[mean]).attr["T"].type = floats


def _constant(nodes: dict, name: str) -> np.ndarray:
    """Returns the value of a constant, which identities may follow."""
    node = nodes[_source(name)]
    while node.op == "Identity":
        node = nodes[_source(node.input[0])]
    if node.op != "Const":
        raise ValueError(f"its node {node.name} is a {node.op}, not a constant.")
    return tf.make_ndarray(node.attr["value"].tensor)


def _source(name: str) -> str:
    """Returns the name of the node of an input such as "split:1"."""
    return name.partition(":")[0]

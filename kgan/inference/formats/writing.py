"""Writes a generator in a format: the file, what it makes in its own runtime, and the price."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kgan import arguments
from kgan.disk import marks, writing
from kgan.errors import InputError
from kgan.inference import exporting
from kgan.inference.formats import checking, keras_file, litert_file, names, onnx_file, served
from kgan.inference.formats.checking import Price

CALIBRATED_WITH = 128
# Images by which a page's weights are rounded; the network runs on all of them at once.
ROUNDED_WITH = 4


def write(
    gan: Any,
    filepath: Any,
    format: str,
    precision: str | None = None,
    *,
    force: bool = False,
    endpoint: str | None = None,
    representative: Any = None,
    judge: Callable[..., Price] | None = None,
    title: str = "",
    class_names: Any = (),
) -> Price:
    """Writes a generator, and keeps the file only if it makes the model's samples.

    Args:
        gan: the model.
        filepath: the file; a folder for a SavedModel, and for a web page without ".html".
        format: see `names.FORMATS`; other spellings are known.
        precision: see `names.PRECISIONS`; None takes float32, and float16 for a web page.
        force: whether to keep a file that ruins the samples.
        endpoint: "a2b" or "b2a" of CycleGAN.
        representative: images `(n, height, width, channels)` in the data's range for a model that
            starts from images: int8 measures the ranges of activations by them, and the file is
            judged by them.
        judge: completes the price by what takes data: gets the price and the function that runs
            the file.
        title, class_names: of a web page; see `web.writing.write`.

    Returns:
        The price, see `checking.Price`.

    Raises:
        InputError: if the format or precision does not exist or does not suit the model, a package
            is missing, or the file would ruin the samples. What was at `filepath` stays.
    """
    format = names.format_of(format)
    precision = names.precision_of(precision, format)
    force = arguments.flag("force", force)
    names.check_installed(format)
    target = Path(arguments.utf8_path("filepath", filepath))
    if format == names.WEB:
        from kgan.inference.formats.web import writing as web

        web.check(gan)
    if len(gan.endpoints()) > 1 and format == names.SAVED_MODEL and endpoint is None:
        endpoint = next(iter(gan.endpoints()))
    elsewhere = format in (names.ONNX, names.LITERT, names.WEB)
    serves = served.of(served.in_float32(gan) if elsewhere else gan, endpoint)
    # A SavedModel calculates in float32, and has no ranges to measure.
    measured = precision == "int8" and format != names.SAVED_MODEL
    if measured and serves.from_images and representative is None:
        if gan.examples is None:
            raise InputError(
                "int8 measures the ranges of activations on images: give representative=images, "
                "an array (n, height, width, channels) in the data's range."
            )
        representative = gan.examples[1 if serves.name == "b2a" else 0]
    trials: dict[str, np.ndarray] = {}
    if measured or format == names.WEB:
        count = ROUNDED_WITH if serves.from_images and format == names.WEB else CALIBRATED_WITH
        trials = serves.trials(count, served.CALIBRATION, representative)

    found: list[Price] = []

    def write_one(part: Path) -> None:
        run = _written(gan, serves, part, format, precision, trials, title, class_names)
        price = checking.priced(serves, run, part, format, precision, representative)
        if not force:
            rank = 3 if serves.from_images else len(gan.sample_shape)
            checking.check(price, gan, rank)
        if judge is not None:
            price = judge(price, run)
        found.append(price)

    if target.is_dir() and any(target.iterdir()):
        check = marks.check_page if format == names.WEB else marks.check_saved_model
        check(target)
    writing.replace(target, write_one)
    return dataclasses.replace(found[0], path=str(target))


def _written(
    gan, serves, part: Path, format, precision, trials, title, class_names
) -> Callable[..., np.ndarray]:
    """Writes a file, and returns the function that runs it."""
    if format == names.SAVED_MODEL:
        _write_saved_model(gan, part, precision)
        return saved_model_runner(part, serves)
    if format == names.KERAS:
        keras_file.write(serves, part, precision)
        return keras_file.runner(part, serves)
    if format == names.LITERT:
        litert_file.write(serves, part, precision, trials)
        return litert_file.runner(part, serves)
    if format == names.ONNX:
        onnx_file.write(serves, part, precision, trials)
        return onnx_file.runner(part, serves)
    from kgan.inference.formats.web import rounding
    from kgan.inference.formats.web import writing as web

    network = rounding.network(serves, precision, trials)
    web.write(gan, serves, part, network, class_names, title)
    # The page runs this network by the same runtime, compiled for browsers.
    session = onnx_file.session(network)
    return lambda **inputs: session.run(["samples"], inputs)[0]


def _write_saved_model(gan, part, precision):
    if precision == "float32":
        gan.export(part, verbose=False)
        return
    rounded = served.Rounded(exporting.networks_of(gan.endpoints()), gan.average, precision)
    endpoints = {
        name: (call, list(inputs))
        for name, (call, inputs, _) in gan.endpoints(rounded.scope, drawn=True).items()
    }
    exporting.write_saved_model(part, endpoints, rounded.stored)


def saved_model_runner(path: Path, serves: served.Served) -> Callable[..., np.ndarray]:
    """Returns a function from inputs by name to samples, by TensorFlow, without kgan's classes."""
    loaded = tf.saved_model.load(str(path))
    function = loaded.signatures[serves.name]

    def run(**inputs):
        made = function(**{name: tf.constant(each) for name, each in inputs.items()})
        # TensorFlow drops what is loaded when nobody holds it.
        assert loaded is not None
        return next(iter(made.values())).numpy()

    return run

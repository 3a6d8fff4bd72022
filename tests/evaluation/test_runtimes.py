"""Generators in files of other runtimes than TensorFlow, as `gan.export` writes them."""

import sys

import numpy as np
import pytest

import kgan

SIMPLE = {"metrics": ["frechet_distance"], "extractor": "values", "count": 400}


def distance(path, samples, **options):
    found = kgan.compare(path, samples, **SIMPLE | options)
    assert found.a["samples"] == 400
    return found.figures["frechet_distance"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "module"), [(".onnx", "onnxruntime"), (".tflite", "ai_edge_litert")]
)
@pytest.mark.parametrize("classes", [0, 3])
def test_what_was_exported_draws_the_models_distribution(suffix, module, classes, tmp_path):
    pytest.importorskip(module)
    gan = kgan.models.ConditionalGAN((8, 8, 1), classes=3, width=8, seed=0)
    if not classes:
        gan = kgan.models.VanillaGAN((8, 8, 1), variant="relu", seed=0)
    for weight in gan.generator.trainable_variables:
        weight.assign(weight * 3)
    gan.export(tmp_path / f"generator{suffix}")
    labels = np.arange(400) % 3 if classes else None
    mine = gan.generate(400, seed=7, labels=labels)
    reference = (mine, labels) if classes else mine
    found = distance(tmp_path / f"generator{suffix}", reference)
    turned = (-mine, labels) if classes else -mine
    assert found < distance(tmp_path / f"generator{suffix}", turned) / 10
    # As far as two draws of the model itself are, within what chance makes.
    own = gan.generate(400, seed=8, labels=labels)
    assert found < 3 * kgan.compare(own, mine, **SIMPLE).figures["frechet_distance"]


@pytest.mark.parametrize(
    ("suffix", "needed"), [("onnx", "onnxruntime"), ("tflite", "ai-edge-litert")]
)
def test_a_file_says_what_it_needs(suffix, needed, tmp_path, monkeypatch):
    (tmp_path / f"net.{suffix}").write_bytes(b"nothing")
    for module in ("onnxruntime", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(kgan.InputError, match=f"pip install {needed}"):
        kgan.compare(tmp_path / f"net.{suffix}", "digits")


def test_a_damaged_file_is_refused(tmp_path):
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "net.tflite").write_bytes(b"nothing")
    with pytest.raises(kgan.InputError, match="cannot be read as a LiteRT file"):
        kgan.compare(tmp_path / "net.tflite", "digits")

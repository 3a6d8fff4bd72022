"""The requests of docs/serving.md, as TensorFlow Serving makes tensors of them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import kgan

PAGE = Path(__file__).parents[3] / "docs" / "serving.md"
REQUESTS = [
    json.loads(block)
    for block in re.findall(
        r"^```json\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """An unconditional and a conditional model of four latents, and the signatures of both."""
    found = {}
    for classes in (0, 3):
        gan = kgan.models.R3GAN((8, 8, 1), classes=classes, latent_size=4)
        folder = tmp_path_factory.mktemp("served")
        gan.export(folder, verbose=False)
        found[bool(classes)] = gan, tf.saved_model.load(str(folder))
    return found


def answer(loaded, request):
    """The part of the answer under "outputs": one output stands there without its name.

    Serving's columnar format (its RESTful API, "Specifying input tensors in column format"): each
    input is a tensor of the type that the signature says.
    """
    assert request.keys() == {"signature_name", "inputs"}
    signature = loaded.signatures[request["signature_name"]]
    wanted = signature.structured_input_signature[1]
    assert request["inputs"].keys() == wanted.keys()
    given = {
        name: tf.constant(value, wanted[name].dtype) for name, value in request["inputs"].items()
    }
    for name, tensor in given.items():
        assert wanted[name].shape.is_compatible_with(tensor.shape)
    outputs = signature(**given)
    assert len(outputs) == 1
    return json.loads(json.dumps(next(iter(outputs.values())).numpy().tolist()))


@pytest.mark.parametrize("request_of", REQUESTS, ids=lambda r: "-".join(r["inputs"]))
def test_a_request_of_the_page_is_answered(served, request_of):
    inputs = request_of["inputs"]
    gan, loaded = served["labels" in inputs]
    made = answer(loaded, request_of)
    if request_of["signature_name"] == "sample":
        number = {"labels": inputs["labels"]} if "labels" in inputs else {"n": inputs["count"]}
        expected = gan.generate(seed=inputs["seed"], **number)
    else:
        labels = np.array(inputs["labels"]) if "labels" in inputs else None
        expected = gan.generate(latents=np.array(inputs["latents"], "float32"), labels=labels)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_the_page_has_a_request_of_each_kind():
    kinds = {(each["signature_name"], "labels" in each["inputs"]) for each in REQUESTS}
    assert kinds == {(name, labels) for name in ("serve", "sample") for labels in (True, False)}

"""`.npz` files of metrics and of data: damage is named, and what a metric holds is not lost."""

import contextlib
import json
import zipfile

import numpy as np
import pytest

import kgan
from kgan.data.arrays import read_npz
from kgan.errors import InputError


@pytest.mark.parametrize("compressed", [True, False])
def test_each_bit_of_an_npz_file(tmp_path, compressed):
    path = tmp_path / "data.npz"
    arrays = {"x": np.arange(128.0).reshape(32, 4), "y": np.arange(32)}
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    whole = path.read_bytes()
    refused = 0
    # All bits of the headers of archive and arrays, and some of the content.
    places = [*range(0, 260), *range(260, len(whole), 9)]
    for place in places:
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        refused += 1
        with contextlib.suppress(InputError):
            found = read_npz(path, "train", batch_size=8)
            np.testing.assert_array_equal(found.values, arrays["x"])
            refused -= 1
    assert refused > len(places) // 2
    path.write_bytes(whole[:-10])
    with pytest.raises(InputError, match=r"data\.npz"):
        read_npz(path, "train", batch_size=8)


@pytest.fixture
def metric():
    metric = kgan.metrics.FrechetDistance(extractor="values")
    samples = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    metric.update_state(samples, samples + 1.0)
    return metric


@pytest.mark.parametrize(
    "changes",
    [
        {"real/scatter": np.zeros((2, 3))},
        {"real/scatter": np.array(["a"])},
        {"real/mean": None},
        {"fake/count": np.array("many")},
        {"facts": np.array("[" * 100_000)},
        {"facts": np.array(json.dumps({"sides": 3, "extractor": 4}))},
    ],
)
def test_a_damaged_state_leaves_the_metrics_own(metric, tmp_path, changes):
    before = metric.result()
    metric.save_state(tmp_path / "state.npz")
    with np.load(tmp_path / "state.npz") as file:
        arrays = dict(file) | changes
    np.savez(tmp_path / "state.npz", **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(InputError, match=r"state\.npz"):
        metric.load_state(tmp_path / "state.npz")
    assert metric.result() == before


def test_damaged_statistics_are_named(tmp_path):
    path = tmp_path / "statistics.npz"
    kgan.metrics.Statistics(np.zeros(3), np.eye(3), 20, "values").save(path)
    with np.load(path) as file:
        arrays = dict(file)
    for changes in ({"count": np.arange(3)}, {"mu": np.array(["a", "b", "c"])}, {"sigma": None}):
        changed = {k: v for k, v in (arrays | changes).items() if v is not None}
        np.savez(path, **changed)
        with pytest.raises(InputError, match=r"statistics\.npz"):
            kgan.metrics.Statistics.load(path)
    # An array whose header says that it is shorter than it is.
    np.savez(path, **arrays)
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held["mu.npy"] = held["mu.npy"].replace(b"(3,)", b"(2,)")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="shorter than its file"):
        kgan.metrics.Statistics.load(path)

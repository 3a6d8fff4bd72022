import numpy as np
import pytest
import tensorflow as tf

import kgan.data
from kgan import data
from kgan.data import arrays
from kgan.errors import InputError


def images(samples=20, channels=1):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (samples, 6, 6, channels)).astype("uint8")


def whole(dataset):
    """The only batch."""
    (batch,) = dataset
    return batch


def test_values_left_as_they_are():
    points = np.random.default_rng(0).normal(size=(10, 3)) * 9
    dataset = kgan.data.from_arrays(points, batch_size=10, shuffle=False)
    np.testing.assert_array_equal(whole(dataset), points.astype("float32"))
    assert dataset.info.value_range is None
    assert kgan.data.from_arrays(images()).info.value_range == (0, 255)


def test_bytes_scaled():
    given = images()
    dataset = kgan.data.from_arrays(given, batch_size=20, value_range=(-1, 1), shuffle=False)
    np.testing.assert_allclose(whole(dataset), given / 127.5 - 1, atol=1e-6)
    assert dataset.info.value_range == (-1, 1)


@pytest.mark.parametrize(
    ("given", "source_range"),
    [
        (images() / 255.0, None),
        (images() / 127.5 - 1, None),
        (images().astype("float64"), None),
        (images().astype("int64"), None),
        (images() / 15.0, (0, 17)),
    ],
)
def test_other_ranges_end_in_the_same_place(given, source_range):
    dataset = kgan.data.from_arrays(
        given, batch_size=20, value_range=(0, 1), source_range=source_range, shuffle=False
    )
    np.testing.assert_allclose(whole(dataset), images() / 255.0, atol=1e-5)


def test_unclear_range_is_refused():
    with pytest.raises(InputError, match="source_range="):
        kgan.data.from_arrays(images() / 16.0, value_range=(-1, 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_values_are_found_and_named(bad):
    values = np.zeros((10_000, 2), "float32")
    values[5123, 1] = bad
    values[7000, 0] = bad
    with pytest.raises(InputError, match=r"Sample 5123 \(batch 51 .*" + str(bad)):
        kgan.data.from_arrays(values, batch_size=100)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1, 2], [3]], "same shape"),
        (np.array(["a", "b"]), "must be numbers"),
        (np.array([1 + 2j]), "must be numbers"),
        (3.0, "single value"),
        (np.zeros((0, 4, 4, 1)), "empty"),
    ],
)
def test_what_is_no_array_of_samples(given, message):
    with pytest.raises(InputError, match=message):
        kgan.data.from_arrays(given)


@pytest.mark.parametrize(
    ("given", "expected", "names"),
    [
        ([2, 0, 1], [2, 0, 1], ()),
        (np.array([[2], [0], [1]]), [2, 0, 1], ()),
        ([2.0, 0.0, 1.0], [2, 0, 1], ()),
        (np.eye(3)[[2, 0, 1]], [2, 0, 1], ()),
        (["sea", "air", "land"], [2, 0, 1], ("air", "land", "sea")),
    ],
)
def test_labels_of_many_forms(given, expected, names):
    dataset = kgan.data.from_arrays(np.zeros((3, 2)), given, batch_size=3, shuffle=False)
    _, labels = whole(dataset)
    assert labels.numpy().dtype == np.int32
    assert labels.numpy().tolist() == expected
    assert (dataset.info.classes, dataset.info.class_names) == (3, names)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0, 1], "3 samples but 2 labels"),
        ([0.5, 1, 2], "class numbers"),
        ([-1, 0, 1], "class numbers"),
        ([np.nan, 0, 1], "class numbers"),
        (np.ones((3, 2)), "class numbers"),
        ([None, {}, "x"], "class numbers"),
    ],
)
def test_bad_labels(given, message):
    with pytest.raises(InputError, match=message):
        kgan.data.from_arrays(np.zeros((3, 2)), given)


def test_compact_keeps_numbers():
    assert arrays.compact(np.array([0, 255])).dtype == np.uint8
    assert arrays.compact(np.array([0, 256])).dtype == np.float32
    assert arrays.compact(np.array([True])).dtype == np.uint8
    assert arrays.compact(np.array([0.5], "float64")).dtype == np.float32


@pytest.mark.parametrize(
    "names", [("x_train", "y_train"), ("images", "labels"), ("arr_0", "arr_1")]
)
def test_npz(tmp_path, names):
    path = tmp_path / "data.npz"
    np.savez(path, **{names[0]: images(), names[1]: np.arange(20) % 4})
    for source in (path, str(path)):
        dataset = kgan.data.load(source, batch_size=20, shuffle=False)
        samples, labels = whole(dataset)
        np.testing.assert_allclose(samples, images() / 127.5 - 1, atol=1e-6)
        assert labels.numpy().tolist() == (np.arange(20) % 4).tolist()


def test_npz_splits(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, x_train=images()[:15], x_test=images()[15:])
    assert kgan.data.load(path, split="test", batch_size=1).info.size == 5
    assert kgan.data.load(path, split="train[:10]", batch_size=1).info.size == 10
    with pytest.raises(InputError, match=r"'valid'.*x_train, x_test"):
        kgan.data.load(path, split="valid")


def test_broken_npz(tmp_path):
    path = tmp_path / "data.npz"
    path.write_bytes(b"PK no archive")
    with pytest.raises(InputError, match=r"cannot be read as an \.npz"):
        kgan.data.load(path)
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(InputError, match="Its arrays are: weights"):
        kgan.data.load(path)
    np.savez(path, images=np.array([{}], object))
    with pytest.raises(InputError, match=r"cannot be read as an \.npz"):
        kgan.data.load(path)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_mapped_file_stays_on_disk_and_gives_the_same_batches(tmp_path, dtype):
    values = np.random.default_rng(0).integers(0, 256, (70, 4, 4, 1)).astype(dtype)
    labels = np.arange(70) % 3
    path = tmp_path / "images.npy"
    np.save(path, values)
    settings = {"batch_size": 16, "value_range": (-1, 1), "source_range": (0, 255), "seed": 5}
    settings["drop_remainder"] = False
    mapped = np.load(path, mmap_mode="r")
    for kept, read in (
        (
            data.from_arrays(values, labels, **settings),
            data.from_arrays(mapped, labels, **settings),
        ),
        (data.from_arrays(values, **settings), data.load(str(path), **settings)),
    ):
        assert read.element_spec == kept.element_spec
        for one, other in zip(kept, read, strict=True):
            for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
                np.testing.assert_array_equal(a, b)
    part = data.load(str(path), split="train[:20]", **settings)
    assert part.info.size == 20
    (tmp_path / "broken.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match=r"cannot be read as an \.npy file"):
        data.load(str(tmp_path / "broken.npy"))


@pytest.mark.parametrize("descr", [b"('<f4'", b"'<f4' \\", b"{[]: 1}", b"-'<f4'", b"'<f4\x00'"])
def test_a_damaged_header_of_an_npy_file(descr, tmp_path):
    """NumPy reads the header as a literal of Python; what is none fails in many ways."""
    path = tmp_path / "a.npy"
    np.save(path, np.ones((4, 2), "float32"))
    whole = path.read_bytes()
    header = whole[10:128].rstrip().replace(b"'<f4'", descr)
    path.write_bytes(whole[:10] + header.ljust(117) + b"\n" + whole[128:])
    with pytest.raises(InputError, match=r"cannot be read as an \.npy file"):
        data.load(path)


def test_classes_are_those_of_the_whole(tmp_path):
    samples = np.linspace(-1, 1, 40, dtype="float32").reshape(20, 2)
    numbers = np.arange(20) // 2
    for labels in (numbers, np.eye(12)[numbers], np.array(list("abcdefghij"))[numbers]):
        expected = 12 if labels.ndim == 2 else 10
        for split in ("train[:50%]", "train[:2]", "train"):
            data = kgan.data.load((samples, labels), split=split, batch_size=2)
            assert data.info.classes == expected, (labels.dtype, split)
    np.savez(tmp_path / "sorted.npz", x_train=samples, y_train=numbers)
    assert (
        kgan.data.load(tmp_path / "sorted.npz", split="train[:50%]", batch_size=2).info.classes
        == 10
    )
    assert kgan.data.load((samples, numbers), labels=False, batch_size=2).info.classes == 0


def test_extremes_of_arrays_are_refused():
    samples = np.ones((4, 2))
    with pytest.raises(InputError, match="hold no numbers"):
        kgan.data.from_arrays(samples[:, :0], batch_size=2)
    with pytest.raises(InputError, match=r"labels of 4 samples reach 7000000: .*identifiers"):
        kgan.data.from_arrays(samples, [0, 1, 2, 7_000_000], batch_size=2)
    with pytest.raises(InputError, match="Labels must be class numbers"):
        kgan.data.from_arrays(samples[:0], np.zeros((0, 0)), batch_size=2)
    samples[2, 1] = 1e300
    with pytest.raises(InputError, match=r"Sample 2 .*holds 1e\+300 at position \(1,\)"):
        kgan.data.from_arrays(samples, batch_size=2)

"""Random arrays, array files and folders: each loads right, or an `InputError` says why not.

`KGAN_FUZZ=5000 pytest -m slow tests/fuzz/test_inputs.py` tries as many of each.
"""

import io
import os
import pathlib
import tempfile
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import kgan.data
from kgan.errors import InputError

SHORT, LONG = 15, int(os.environ.get("KGAN_FUZZ", "500"))


def tried(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples == SHORT,
        suppress_health_check=list(HealthCheck),
    )


def both_ways(*strategies):
    """Makes a short test and a long one, marked slow, of a check that takes one value of each."""

    def decorate(check):
        short = tried(SHORT)(given(*strategies)(check))
        return short, pytest.mark.slow(tried(LONG)(given(*strategies)(check)))

    return decorate


def first_batch(source, **options):
    """The first batch of a dataset, or None if it was refused with a sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = kgan.data.load(source, **options)
        except InputError:
            return None
        batch = next(iter(dataset))
    samples = (batch[0] if isinstance(batch, tuple) else batch).numpy()
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    if dataset.info.value_range is not None:
        low, high = dataset.info.value_range
        slack = 1e-3 * (high - low)
        assert samples.min() >= low - slack and samples.max() <= high + slack
    return batch


ANY_ARRAY = arrays.arrays(
    st.one_of(
        arrays.floating_dtypes(),
        arrays.integer_dtypes(),
        arrays.unsigned_integer_dtypes(),
        arrays.boolean_dtypes(),
        arrays.complex_number_dtypes(),
        st.sampled_from([np.dtype("U3"), np.dtype("M8[s]"), np.dtype("O")]),
    ),
    arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6),
)
OPTIONS = st.fixed_dictionaries(
    {"batch_size": st.sampled_from([1, 2, 3])},
    optional={
        "size": st.sampled_from([None, 1, 4, (3, 7), 10**7]),
        "channels": st.sampled_from([None, 1, 3, 4]),
        "value_range": st.sampled_from([None, (-1, 1), (0, 1)]),
        "split": st.sampled_from(["train", "train[:2]", "train[50%:]", "test", "all"]),
        "labels": st.booleans(),
        "drop_remainder": st.booleans(),
        "cache": st.sampled_from([True, False, "auto"]),
    },
)


@both_ways(ANY_ARRAY, st.one_of(st.none(), ANY_ARRAY), OPTIONS)
def checked_arrays(samples, labels, options):
    options = {name: value for name, value in options.items() if name != "cache"}
    first_batch(samples if labels is None else (samples, labels), **options)


test_arrays, test_many_arrays = checked_arrays


@both_ways(
    st.sampled_from(["npy", "npz"]),
    st.lists(st.tuples(st.integers(0, 1200), st.integers(1, 255)), max_size=4),
    st.integers(0, 1200),
)
def checked_damage(kind, flips, length):
    stream, values = io.BytesIO(), np.arange(120, dtype="float32").reshape(20, 6) / 120
    if kind == "npy":
        np.save(stream, values)
    else:
        np.savez_compressed(stream, images=values, labels=np.arange(20) % 2)
    content = bytearray(stream.getvalue())
    for place, bits in flips:
        content[place % len(content)] ^= bits
    if length < len(content) and not flips:
        content = content[:length]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, f"a.{kind}")
        path.write_bytes(content)
        # A flipped bit of an .npy file may make any number of its values.
        options = {} if kind == "npz" else {"value_range": None}
        first_batch(path, batch_size=2, **options)
        assert path.read_bytes() == content


test_damaged_array_files, test_many_damaged_array_files = checked_damage


def png(size, mode):
    stream = io.BytesIO()
    values = np.random.default_rng(sum(size)).integers(0, 256, (*size, 4)).astype("uint8")
    image = Image.fromarray(values)
    if mode == "I;16":
        image = Image.fromarray(values[..., 0].astype("uint16") * 16)
    else:
        image = image.convert("RGB").convert(mode)
    image.save(stream, "PNG")
    return stream.getvalue()


IMAGES = st.builds(
    png,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.sampled_from(["L", "RGB", "P", "1", "RGBA", "LA", "I;16"]),
)
CONTENTS = st.one_of(
    IMAGES,
    st.builds(lambda image, length: image[:length], IMAGES, st.integers(0, 90)),
    st.binary(max_size=40),
    st.sampled_from(["pipe", "link to itself", "link to the top", "link to nowhere", "folder"]),
)
NAMES = st.builds(
    lambda folders, stem, suffix: "/".join([*folders, stem + suffix]),
    st.lists(st.sampled_from(["a", "b", "train", "-c", "é\n"]), max_size=2),
    st.sampled_from(["1", "2", "3", ".hidden", "--x", "ü"]),
    st.sampled_from([".png", ".PNG", ".jpg", ".tif", ".txt", ""]),
)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "pipe":
        os.mkfifo(path)
    elif content == "folder":
        path.mkdir()
    else:
        path.symlink_to(
            {"itself": path, "top": path.parent, "nowhere": "gone"}[content.split()[-1]]
        )


@both_ways(st.dictionaries(NAMES, CONTENTS, max_size=8), OPTIONS)
def checked_folders(files, options):
    with tempfile.TemporaryDirectory() as root:
        written = {}
        for name, content in files.items():
            path = pathlib.Path(root, name)
            try:
                write(path, content)
            except (FileExistsError, NotADirectoryError):  # a name that is a folder's
                continue
            written[path] = content
        first_batch(root, **options)
        for path, content in written.items():
            if isinstance(content, bytes):
                assert path.read_bytes() == content


if hasattr(os, "mkfifo"):
    test_folders, test_many_folders = checked_folders

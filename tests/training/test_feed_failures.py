"""What fails within a data pipeline is one sentence for the user, and what never ends is said."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import checks
from kgan.errors import InputError
from kgan.training.feed import failures


def batch(side=2, count=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, side)).astype("float32")


class Lost(keras.utils.PyDataset):
    """Its third batch cannot be read, or has another shape."""

    def __init__(self, third):
        super().__init__()
        self.third = third

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.third() if index == 2 else batch(seed=index)


def lose():
    raise FileNotFoundError("img_0042.png")


def generated(third):
    for index in range(4):
        yield third() if index == 2 else batch(seed=index)


def from_generator(third, sides=2):
    return tf.data.Dataset.from_generator(
        lambda: generated(third), output_signature=tf.TensorSpec((None, sides))
    )


def from_function(third):
    def read(index):
        return third() if index == 2 else batch(seed=int(index))

    data = tf.data.Dataset.range(4).map(lambda i: tf.numpy_function(read, [i], tf.float32))
    return data.map(lambda values: tf.reshape(values, (-1, 2)))


def wide():
    return batch(side=3)


LOST = r"Reading the next batch of the data failed: FileNotFoundError: img_0042\.png \(.*in lose\)"
WIDE = r"has the shape \(8, 3\); expected \(None, 2\), by the networks or the first batch"


FAILURES = {
    "lost": (lambda: Lost(lose), LOST),
    "wide": (lambda: Lost(wide), WIDE),
    "lost, tf": (lambda: from_generator(lose), LOST),
    "wide, tf": (lambda: from_generator(wide), WIDE),
    "wide, free": (lambda: from_generator(wide, sides=None), WIDE),
    "lost, plain": (lambda: generated(lose), LOST),
    "lost, numpy": (lambda: from_function(lose), LOST),
}


def check_failure(gan, name):
    data, message = FAILURES[name]
    before = int(gan.iterations)
    with pytest.raises(InputError, match=message) as error:
        gan.fit(data(), verbose=0)
    said = str(error.value)
    assert said.endswith(f"The weights are as they were after step {before + 2}.")
    assert "\n" not in said


@pytest.mark.parametrize("how", [{"steps_per_execution": 3}, {"run_eagerly": True}], ids=str)
def test_a_batch_that_cannot_be_read_is_one_sentence(gan, how):
    gan.compile(jit_compile=False, **how)
    for name in ("lost", "wide, free"):
        check_failure(gan, name)


@pytest.mark.slow
@pytest.mark.parametrize("steps_per_execution", [1, 3])
@pytest.mark.parametrize("name", FAILURES)
def test_from_every_kind_of_data_and_in_every_execution(gan, name, steps_per_execution):
    gan.compile(jit_compile=False, steps_per_execution=steps_per_execution)
    check_failure(gan, name)


def test_from_every_kind_of_data(gan):
    gan.compile(run_eagerly=True)
    for name in FAILURES:
        check_failure(gan, name)


def test_damaged_records_and_missing_files(gan, tmp_path):
    path = str(tmp_path / "a.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for _ in range(8):
            writer.write(batch(count=1).tobytes())
    content = bytearray(pathlib.Path(path).read_bytes())
    content[-20] ^= 255
    pathlib.Path(path).write_bytes(content)
    gan.compile(run_eagerly=True)

    def decoded(path):
        values = tf.data.TFRecordDataset(path)
        return values.map(lambda v: tf.reshape(tf.io.decode_raw(v, tf.float32), (2,))).batch(2)

    with pytest.raises(InputError, match="failed: DataLossError: corrupted record at"):
        gan.fit(decoded(path), verbose=0)
    with pytest.raises(InputError, match="failed: NotFoundError: .*missing"):
        gan.fit(decoded(str(tmp_path / "missing")), verbose=0)
    with pytest.raises(InputError, match="failed: NotFoundError: .*missing"):
        gan.evaluate(decoded(str(tmp_path / "missing")), verbose=0)


def test_other_errors_are_not_blamed_on_the_data(gan):
    assert failures.explained(tf.errors.InvalidArgumentError(None, None, "MatMul failed")) is None


def test_samples_of_different_sizes_within_a_batch(gan):
    data = tf.data.Dataset.from_generator(
        lambda: (np.zeros(side, "float32") for side in [2] * 20 + [3]),
        output_signature=tf.TensorSpec((None,)),
    )
    gan.compile(run_eagerly=True)
    with pytest.raises(InputError, match="Cannot batch tensors with different shapes"):
        gan.fit(data.batch(8), verbose=0)


def test_endless_data_needs_a_number_of_steps(gan, points):
    class Endless(keras.utils.PyDataset):
        @property
        def num_batches(self):
            return None

        def __getitem__(self, index):
            return points[:8]

    gan.compile(run_eagerly=True)
    finite = tf.data.Dataset.from_tensor_slices(points[:32]).batch(8)
    for endless in (finite.repeat(), finite.repeat().map(lambda x: x), Endless()):
        with pytest.raises(InputError, match="repeats without end.*Give steps_per_epoch"):
            gan.fit(endless, verbose=0)
        with pytest.raises(InputError, match="repeats without end.*validation_steps"):
            gan.fit(finite, validation_data=endless, verbose=0)
        with pytest.raises(InputError, match="repeats without end.*Give steps "):
            gan.evaluate(endless, verbose=0)
    assert int(gan.iterations) == 0
    gan.fit(
        finite.repeat(),
        steps_per_epoch=3,
        validation_data=finite.repeat(),
        validation_steps=2,
        verbose=0,
    )
    assert int(gan.iterations) == 3


@pytest.mark.parametrize("kind", ["dataset", "sequence", "generator"])
def test_empty_batches_are_left_out_of_every_kind_of_data(gan, kind):
    sizes = (0, 8, 0, 8)

    class Sizes(keras.utils.PyDataset):
        def __len__(self):
            return len(sizes)

        def __getitem__(self, index):
            return batch(count=sizes[index])

    made = (batch(count=count) for count in sizes)
    data = {
        "sequence": Sizes,
        "generator": lambda: made,
        "dataset": lambda: tf.data.Dataset.from_generator(
            lambda: (batch(count=count) for count in sizes),
            output_signature=tf.TensorSpec((None, 2)),
        ),
    }[kind]()
    gan.compile(run_eagerly=True)
    history = gan.fit(data, verbose=0).history
    assert int(gan.iterations) == 2
    assert np.isfinite(history["d_loss"]).all()


def test_what_is_no_batch_is_refused(gan):
    gan.compile(run_eagerly=True)
    for batches in ([3.0], [()], ["text"]):
        with pytest.raises(InputError):
            gan.fit((each for each in batches), verbose=0)


@pytest.mark.parametrize("name", ["discriminator_steps", "accumulation_steps"])
def test_a_step_is_bounded(gan, name):
    with pytest.raises(InputError, match=f"{name} must be at most 1000; got 1000000000"):
        gan.compile(**{name: 10**9})


def conditional():
    latents, label = keras.Input((3,)), keras.Input((), dtype="int32")
    joined = keras.layers.Concatenate()([latents, keras.layers.Embedding(3, 2)(label)])
    generator = keras.Model([latents, label], keras.layers.Dense(2)(joined))
    sample, label = keras.Input((2,)), keras.Input((), dtype="int32")
    joined = keras.layers.Concatenate()([sample, keras.layers.Embedding(3, 2)(label)])
    discriminator = keras.Model([sample, label], keras.layers.Dense(1)(joined))
    gan = kgan.GAN(generator, discriminator, classes=3)
    gan.compile(run_eagerly=True)
    return gan


def refused(gan, labels, message):
    data = tf.data.Dataset.from_tensor_slices((batch(count=16), labels)).batch(8)
    with pytest.raises(InputError, match=message):
        gan.fit(data, verbose=0)


def test_rows_of_labels_are_one_hot_in_every_batch():
    gan = conditional()
    for row in ([1, 1, 0], [0, 0, 0], [0.5, 0.5, 0], [0.9, 0.05, 0.05], [2, 0, 0]):
        rows = np.eye(3, dtype="float32")[np.arange(16) % 3]
        rows[0] = row
        refused(gan, rows, "^Rows of labels.*must be one-hot.*choose it")
    assert int(gan.iterations) == 0
    rows = np.roll(rows, 12, axis=0)
    refused(gan, rows, "^Batch 1: Rows of labels.*must be one-hot")
    assert int(gan.iterations) == 1


def test_ids_beyond_int32_do_not_wrap():
    gan = conditional()
    for dtype, value in (("int64", 2**32 + 1), ("uint64", 2**32 + 1), ("uint32", 2**32 - 1)):
        ids = np.arange(16).astype(dtype) % 3
        ids[0] = value
        refused(gan, ids, r"^The labels lie in 0\.\.2147483647;")
        with pytest.raises(InputError, match="Labels must be class numbers"):
            kgan.data.from_arrays(batch(count=16), ids)
    refused(gan, np.roll(ids, 12), r"^Batch 1: The labels lie in 0\.\.2147483647;")


def test_the_advice_on_labels_fits_them():
    assert "classes=5" in checks.wrong_label(0, 4, 3)
    for ends in ((-1, 1), (-1, 7), (0, 2**31 - 1)):
        assert "classes=" not in checks.wrong_label(*ends, 3)

"""The order of the data, the position in it, and their use in `fit`."""

import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan.data


def numbered(samples=50, batch_size=5, **settings):
    """A dataset whose samples are their own indices."""
    return kgan.data.from_arrays(
        np.arange(samples, dtype="float32")[:, None], batch_size=batch_size, **settings
    )


def indices(dataset):
    return [int(value) for batch in dataset for value in np.ravel(batch)]


def test_an_epoch_holds_every_sample_once_in_a_mixed_order():
    epoch = indices(numbered())
    assert sorted(epoch) == list(range(50))
    assert epoch != sorted(epoch)


def test_order_is_a_function_of_seed_and_epoch():
    first, second = numbered(seed=3), numbered(seed=3)
    keras.utils.set_random_seed(99)  # must not matter
    epochs = [indices(first) for _ in range(3)]
    keras.utils.set_random_seed(1)
    assert epochs == [indices(second) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert indices(numbered(seed=4)) != epochs[0]


def test_shuffle_is_uniform():
    """Over many epochs each sample comes first about equally often."""
    dataset = numbered(samples=5, batch_size=5).repeat(1000)
    first = np.bincount(indices(dataset)[::5], minlength=5)
    # Binomial: mean 200, standard deviation 13.
    assert (abs(first - 200) < 60).all()


def test_seek_enters_an_epoch_in_the_middle():
    dataset = numbered()
    epochs = [indices(dataset) for _ in range(5)]
    dataset.position.seek(epoch=3, skip_batches=7)
    assert indices(dataset) == epochs[3][7 * 5 :]
    assert indices(dataset) == epochs[4]


def test_a_running_iterator_is_not_disturbed():
    dataset = numbered()
    epochs = [indices(dataset) for _ in range(2)]
    dataset.position.seek(0)
    iterator = iter(dataset)
    start = np.ravel(next(iterator)).tolist()
    dataset.position.seek(7)
    rest = [int(value) for batch in iterator for value in np.ravel(batch)]
    assert start + rest == epochs[0]
    assert dataset.position.epoch == 7


def test_repeat_goes_on_to_new_epochs():
    dataset = numbered()
    epochs = indices(dataset) + indices(dataset)
    dataset.position.seek(0)
    assert indices(dataset.repeat(2)) == epochs


def test_without_shuffle_the_order_is_kept():
    dataset = numbered(shuffle=False)
    assert indices(dataset) == list(range(50))
    dataset.position.seek(0, 8)
    assert indices(dataset) == list(range(40, 50))


@pytest.mark.parametrize(("drop", "sizes"), [(False, [20, 20, 10]), (True, [20, 20])])
def test_last_batch(drop, sizes):
    dataset = numbered(batch_size=20, drop_remainder=drop)
    assert [len(batch) for batch in dataset] == sizes
    assert len(dataset) == dataset.info.steps_per_epoch == len(sizes)
    static = dataset.element_spec.shape[0]
    assert static == (20 if drop else None)


def test_one_sample():
    assert indices(numbered(samples=1, batch_size=1)) == [0]


def test_labels_stay_with_their_samples():
    samples = np.arange(40, dtype="float32")[:, None]
    dataset = kgan.data.from_arrays(samples, np.arange(40), batch_size=8)
    for batch, labels in dataset:
        assert labels.dtype == tf.int32
        np.testing.assert_array_equal(batch[:, 0], labels)


def test_it_is_a_dataset_that_composes():
    dataset = numbered()
    assert isinstance(dataset, tf.data.Dataset)
    doubled = dataset.map(lambda batch: 2 * batch)
    assert sorted(indices(doubled)) == list(range(0, 100, 2))


class Recorder(keras.Model):
    """Counts and sums what `fit` feeds it."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.built = True

    def call(self, inputs):
        return inputs

    def train_step(self, batch):
        self.seen.extend(np.ravel(batch).astype(int).tolist())
        return {"loss": 0.0}


def test_fit_reads_one_epoch_after_another():
    dataset = numbered()
    epochs = [indices(dataset) for _ in range(3)]
    dataset.position.seek(1)
    model = Recorder()
    model.compile(run_eagerly=True)
    history = model.fit(dataset, epochs=2, verbose=0)
    assert model.seen == epochs[1] + epochs[2]
    assert history.params["steps"] == 10


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_fit_entered_in_the_middle_of_an_epoch():
    dataset = numbered()
    epochs = [indices(dataset) for _ in range(3)]
    dataset.position.seek(1, skip_batches=6)
    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(dataset, epochs=2, verbose=0)
    assert model.seen == epochs[1][30:] + epochs[2]


@pytest.mark.slow
def test_two_replicas_share_the_batches():
    """In a process of its own: devices can be split only before TensorFlow starts."""
    script = """
        import numpy as np, tensorflow as tf, kgan.data
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        samples = np.arange(40, dtype="float32")[:, None]
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            dataset = kgan.data.from_arrays(samples, batch_size=8)
        plain = [[int(v) for v in np.ravel(batch)] for batch in dataset]
        dataset.position.seek(0, skip_batches=2)
        distributed = strategy.experimental_distribute_dataset(dataset)
        for expected in (plain[2:], None):
            steps = [strategy.experimental_local_results(batch) for batch in distributed]
            assert all([len(part) for part in step] == [4, 4] for step in steps)
            seen = [[int(v) for part in step for v in np.ravel(part)] for step in steps]
            assert expected is None or seen == expected, (seen, expected)
        assert sorted(sum(seen, [])) == list(range(40))
        assert dataset.position.epoch == 2
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_nothing_waits_for_the_tuning_thread_at_the_end_of_an_epoch():
    # The wait itself is seen by the clock alone, and no test goes by that.
    assert not kgan.data.load("digits").options().autotune.enabled

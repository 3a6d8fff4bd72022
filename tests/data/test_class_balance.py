"""Each class equally often, in an order that is a function of (seed, epoch)."""

import numpy as np
import pytest
from PIL import Image

import kgan.data
from kgan.errors import InputError

# Samples of classes 0, 1, 2 and 4; no sample is of class 3.
COUNTS = {0: 57, 1: 3, 2: 20, 4: 1}
LABELS = np.repeat(list(COUNTS), list(COUNTS.values())).astype("int32")
# Each sample is its own number.
SAMPLES = np.arange(len(LABELS), dtype="float32")[:, None]


def load(source=(SAMPLES, LABELS), batch_size=8, **settings):
    return kgan.data.load(
        source, batch_size=batch_size, value_range=None, balance="classes", **settings
    )


def epoch(dataset):
    samples, labels = (np.concatenate(part) for part in zip(*dataset, strict=True))
    return samples[:, 0].astype(int), labels


@pytest.mark.parametrize("settings", [{}, {"drop_remainder": False}, {"shuffle": False}])
def test_each_class_comes_equally_often(settings):
    dataset = load(**settings)
    assert (dataset.info.balance, dataset.info.size) == ("classes", 81)
    for _ in range(3):
        places, labels = epoch(dataset)
        assert len(places) == (81 if "drop_remainder" in settings else 80)
        # The label is that of the sample.
        np.testing.assert_array_equal(LABELS[places], labels)
        found = np.bincount(labels, minlength=5)
        assert found[3] == 0 and np.ptp(found[[0, 1, 2, 4]]) <= 1
        # The classes are mixed: not in turns.
        turns = (labels[4:] == labels[:-4]).mean()
        assert turns == 1 if "shuffle" in settings else turns < 0.6


def test_all_samples_of_a_class_come_before_one_comes_again():
    dataset = load(batch_size=9, drop_remainder=False)
    read = np.concatenate([epoch(dataset)[0] for _ in range(6)])
    for number, count in COUNTS.items():
        times = np.bincount(read, minlength=81)[number == LABELS]
        assert times.sum() >= 6 * 81 // 4 and np.ptp(times) <= 1, number
        assert len(times) == count
    # The first epoch reads some of the large class, and not those that stand first.
    first = {place for place in read[:81] if LABELS[place] == 0}
    assert len(first) in (20, 21) and max(first) > 30


def test_the_order_is_a_function_of_seed_and_epoch():
    first = [epoch(dataset)[0].tolist() for dataset in [load()] for _ in range(4)]
    assert len({tuple(one) for one in first}) == 4
    again = load()
    again.position.seek(2, skip_batches=3)
    assert epoch(again)[0].tolist() == first[2][24:]
    assert epoch(again)[0].tolist() == first[3]
    assert epoch(load(seed=1))[0].tolist() != first[0]


@pytest.mark.parametrize("cache", [True, False])
def test_folders(tmp_path, cache):
    for name, count in (("many", 9), ("few", 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            pixels = np.full((4, 4), 100 * (name == "many") + 10 * number, "uint8")
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    dataset = load(tmp_path, batch_size=5, cache=cache, seed=3)
    images, labels = (np.concatenate(part) for part in zip(*dataset, strict=True))
    assert np.bincount(labels).tolist() == [5, 5]
    assert ((images[:, 0, 0, 0] >= 100) == (labels == 1)).all()
    kept = load(tmp_path, batch_size=5, seed=3)
    np.testing.assert_array_equal(images, np.concatenate([batch for batch, _ in kept]))
    plain = kgan.data.load(tmp_path, batch_size=5)
    assert plain.info.balance is None


def test_what_cannot_be_balanced_is_refused():
    with pytest.raises(InputError, match="has no labels"):
        load(SAMPLES)
    with pytest.raises(InputError, match="labels=False"):
        load(labels=False)
    with pytest.raises(InputError, match="balance"):
        kgan.data.load((SAMPLES, LABELS), balance="colours", value_range=None)
    found = kgan.data.from_arrays(SAMPLES, LABELS, batch_size=8, balance="classes")
    assert found.info.balance == "classes"

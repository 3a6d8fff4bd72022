"""Pairs and unpaired domains: which images are paired, in what order, and the errors."""

import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.errors import InputError


def numbered(count, height=4, width=6, channels=1):
    """uint8 images that hold their own number, with a dark left half."""
    images = np.arange(count, dtype="uint8")[:, None, None, None] + 100
    images = np.broadcast_to(images, (count, height, width, channels)).copy()
    images[:, :, : width // 2] = 0
    return images


def numbers(batch):
    """Which images a batch of `numbered` ones holds, and whether each is mirrored."""
    values = batch.numpy()[:, 0, :, 0].round().astype(int)
    return (values.max(1) - 100).tolist(), (values[:, 0] > 0).tolist()


def test_pairs_stay_together_in_a_new_order_each_epoch_and_are_mirrored_alike():
    images = numbered(20)
    data = kgan.data.pairs(images, images + 0, batch_size=4, value_range=(0, 255), flip=True)
    epochs, mirrored = [], []
    for _ in range(2):
        seen = []
        for inputs, targets in data:
            assert numbers(inputs) == numbers(targets)
            seen += numbers(inputs)[0]
            mirrored += numbers(inputs)[1]
        assert sorted(seen) == list(range(20))
        epochs.append(seen)
    assert epochs[0] != epochs[1]
    assert 8 < sum(mirrored) < 32
    data.position.seek(1, 2)
    rest = [n for inputs, _ in data for n in numbers(inputs)[0]]
    assert rest == epochs[1][8:]
    assert data.info.shapes == {"input": (4, 6, 1), "target": (4, 6, 1)}


def test_the_smaller_domain_begins_anew_and_in_another_order():
    data = kgan.data.domains(numbered(10), numbered(4), batch_size=2, value_range=(0, 255), seed=3)
    assert int(data.cardinality()) == 5
    a, b = [], []
    for _ in range(2):
        for left, right in data:
            a += numbers(left)[0]
            b += numbers(right)[0]
    assert sorted(a[:10]) == sorted(a[10:]) == list(range(10))
    rounds = [b[start : start + 4] for start in range(0, 20, 4)]
    assert all(sorted(one) == [0, 1, 2, 3] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    data.position.seek(1, 3)
    assert [n for _, right in data for n in numbers(right)[0]] == b[16:]


def test_values_are_scaled_each_from_its_own_range():
    floats = np.linspace(0, 1, 2 * 16, dtype="float32").reshape(2, 4, 4, 1)
    data = kgan.data.pairs((floats * 255).astype("uint8"), floats, batch_size=2, shuffle=False)
    inputs, targets = next(iter(data))
    np.testing.assert_allclose(targets, floats * 2 - 1, atol=1e-6)
    np.testing.assert_allclose(inputs, targets, atol=0.01)


def folder_of(path, names, size=(8, 8)):
    path.mkdir(parents=True)
    for place, name in enumerate(names):
        pixels = np.full((size[1], size[0], 3), 10 * place, "uint8")
        pixels[:, size[0] // 2 :] += 5
        Image.fromarray(pixels).save(path / f"{name}.png")


def test_pairs_from_two_sub_folders_go_by_name(tmp_path):
    folder_of(tmp_path / "train" / "A", ["x", "y", "z"])
    folder_of(tmp_path / "train" / "B", ["z", "y", "x"])
    data = kgan.data.pairs(tmp_path, shuffle=False, value_range=(0, 255))
    found = [(int(a[0, 0, 0, 0]), int(b[0, 0, 0, 0])) for a, b in data]
    # The files of B are named in reverse: partners hold equal names, not equal places.
    assert found == [(0, 20), (10, 10), (20, 0)]
    (tmp_path / "train" / "B" / "x.png").unlink()
    with pytest.raises(InputError, match=r"Without a partner: x\."):
        kgan.data.pairs(tmp_path)


def test_pairs_from_halves_of_files(tmp_path):
    folder_of(tmp_path / "both", ["1", "2"], size=(16, 8))
    data = kgan.data.pairs(tmp_path / "both", shuffle=False, value_range=(0, 255))
    assert data.info.shapes == {"input": (8, 8, 3), "target": (8, 8, 3)}
    assert [(int(a[0, 0, 0, 0]), int(b[0, 0, 0, 0])) for a, b in data] == [(0, 5), (10, 15)]
    swapped = kgan.data.pairs(tmp_path / "both", shuffle=False, value_range=(0, 255), swap=True)
    assert [int(a[0, 0, 0, 0]) for a, _ in swapped] == [5, 15]
    small = kgan.data.pairs(tmp_path / "both", size=4)
    assert small.info.shapes["input"] == (4, 4, 3)


def test_domains_from_the_folders_of_cyclegans_data(tmp_path):
    folder_of(tmp_path / "trainA", ["1", "2", "3"])
    folder_of(tmp_path / "trainB", ["1", "2"])
    folder_of(tmp_path / "testA", ["1"])
    folder_of(tmp_path / "testB", ["1"])
    assert kgan.data.domains(tmp_path).info.size == 3
    assert kgan.data.domains(tmp_path, split="test").info.size == 1
    both = kgan.data.domains(tmp_path / "trainA", tmp_path / "trainB", size=4)
    assert both.info.shapes == {"a": (4, 4, 3), "b": (4, 4, 3)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: kgan.data.pairs(numbered(3), numbered(4)), "3 inputs and 4 targets"),
        (lambda _: kgan.data.pairs(numbered(3), numbered(3, 8)), "4x6 pixels and the targets 8x6"),
        (lambda _: kgan.data.pairs(numbered(3)), "two arrays"),
        (lambda _: kgan.data.pairs(np.zeros((3, 4), "uint8"), numbered(3)), "expected images"),
        (lambda path: kgan.data.pairs(path), "No pairs in the folder"),
        (lambda path: kgan.data.pairs(path / "none"), "There is no folder"),
        (lambda path: kgan.data.domains(path), "no two domains"),
        (lambda _: kgan.data.domains(numbered(3)), "two sources"),
        (lambda _: kgan.data.domains(numbered(3), np.zeros((4, 2))), "Domain b holds samples"),
    ],
)
def test_bad_input_gets_a_message(tmp_path, make, message):
    with pytest.raises(InputError, match=message):
        make(tmp_path)


@pytest.mark.parametrize("kind", ["pairs", "domains"])
def test_a_missing_side_is_named(tmp_path, kind):
    folder_of(tmp_path / "A", ["1"])
    with pytest.raises(InputError, match="no sub-folder 'B' beside the other"):
        getattr(kgan.data, kind)(tmp_path)


def test_files_that_are_no_two_halves(tmp_path):
    folder_of(tmp_path / "x", ["1"])
    with pytest.raises(InputError, match="no two halves side by side"):
        kgan.data.pairs(tmp_path / "x")


def test_halves_are_cut_before_they_are_resized(tmp_path):
    """Two halves of 30x40 at 15x15: the middle of each, and not of both together."""
    left = np.zeros((30, 40, 3), "uint8")
    left[:, 5:35] = 200
    right = 255 - left
    Image.fromarray(np.concatenate([left, right], 1)).save(tmp_path / "0.png")
    given, wanted = next(iter(kgan.data.pairs(tmp_path, size=15, value_range=(0, 255))))
    np.testing.assert_allclose(given, 200, atol=15)
    np.testing.assert_allclose(given + wanted, 255, atol=1)
    grey, _ = next(iter(kgan.data.pairs(tmp_path, size=15, channels=1)))
    assert grey.shape[-1] == 1


def test_a_photo_is_no_pair_whatever_its_size_shall_be(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "0.png")
    with pytest.raises(InputError, match="no two halves"):
        kgan.data.pairs(tmp_path, size=16)


def test_parts_may_lie_within_the_sides(tmp_path):
    for side, level in (("A", 10), ("B", 90)):
        for part, count in (("train", 3), ("test", 2)):
            (tmp_path / side / part).mkdir(parents=True)
            for place in range(count):
                Image.new("RGB", (8, 8), (level,) * 3).save(tmp_path / side / part / f"{place}.png")
    assert kgan.data.pairs(tmp_path).info.size == 3
    assert kgan.data.pairs(tmp_path, split="test").info.size == 2


def test_masks_say_their_range():
    masks = np.random.default_rng(0).integers(0, 2, (4, 8, 8, 1)).astype("uint8")
    with pytest.raises(InputError, match="source_range"):
        kgan.data.pairs(masks, masks)
    given, _ = next(iter(kgan.data.pairs(masks, 1 - masks, source_range=(0, 1), batch_size=4)))
    assert set(np.unique(given)) == {-1.0, 1.0}

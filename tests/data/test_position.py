import pytest

from kgan.data.position import Position
from kgan.errors import InputError


def test_each_start_moves_to_the_next_epoch():
    position = Position(steps_per_epoch=10)
    assert [position.start().tolist() for _ in range(3)] == [[0, 0], [1, 0], [2, 0]]


def test_seek_sets_the_next_start_only():
    position = Position(steps_per_epoch=10)
    position.seek(epoch=4, skip_batches=7)
    assert (position.epoch, position.skip_batches) == (4, 7)
    assert position.start().tolist() == [4, 7]
    assert position.start().tolist() == [5, 0]


def test_skips_carry_over_to_later_epochs():
    position = Position(steps_per_epoch=10)
    position.seek(0, skip_batches=25)
    assert position.start().tolist() == [2, 5]
    position.seek(3, skip_batches=10)
    assert position.start().tolist() == [4, 0]


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (1.5, 0), ("3", 0), (True, 0)])
def test_bad_places_are_refused(place):
    with pytest.raises(InputError, match="an integer"):
        Position(10).seek(*place)

import pytest
from stand_in import StandIn

import kgan
from kgan.callbacks import Every, ImageSnapshot


def test_steps_are_due_where_a_multiple_is_crossed():
    every = Every(steps=10)
    every.start(0)
    assert [s for s in range(3, 34, 3) if every.step_due(s)] == [12, 21, 30]


def test_a_resumed_run_keeps_the_beat():
    every = Every(steps=10)
    every.start(17)
    assert [s for s in range(18, 42) if every.step_due(s)] == [20, 30, 40]


def test_epochs_are_due_after_every_nth():
    every = Every(epochs=3)
    assert [epoch for epoch in range(8) if every.epoch_due(epoch)] == [2, 5]
    assert not Every(steps=2).epoch_due(1)
    assert Every().epoch_due(0)


@pytest.mark.parametrize(
    "given",
    [{"epochs": 1, "steps": 1}, {"epochs": 0}, {"steps": -3}, {"steps": 2.5}, {"epochs": True}],
)
def test_bad_beats_are_refused(given):
    with pytest.raises(kgan.InputError):
        Every(**given)


def test_with_several_steps_an_execution(tmp_path):
    model = StandIn(steps=12).ready(steps_per_execution=3)
    model.run(2, ImageSnapshot(tmp_path, every_steps=5, gif=False, count=4))
    drawn = [int(path.stem.removeprefix("step-")) for path in sorted(tmp_path.glob("*.png"))]
    assert drawn == [0, 6, 12, 15, 21, 24]

"""How many steps a time holds, and the model of `auto`."""

import numpy as np
import pytest

import kgan
from kgan.models.recipe import fitting
from kgan.models.recipe.plans import Plan
from kgan.training.timing import Timing


def bare(minutes):
    return Plan(None, minutes, (), "r3gan", batch_size=8)


def test_steps_fill_the_time_that_is_left():
    # 600 s less 100 spent, 20 for the end and 30 to start: 450 s, of which callbacks take a part.
    plan = fitting.fitted(bare(10), Timing(0.5, 30.0, 9), spent=100, closing=20)
    assert 0.9 * 900 <= plan.steps <= 900
    assert plan.seconds == pytest.approx(480, rel=0.01)
    assert "2 steps a second" in plan.choices[-1].reason


def test_no_more_steps_than_help():
    plan = fitting.fitted(bare(10), Timing(0.1, 0.0, 9), most=1000)
    assert plan.steps == 1000
    assert plan.seconds == pytest.approx(100, rel=0.1)


def test_too_short_a_time_says_what_would_do():
    with pytest.raises(kgan.InputError, match=r"minutes=1 is too short.*at least (\d+) minutes"):
        fitting.fitted(bare(1), Timing(2.0, 30.0, 3), spent=10, closing=20)


def test_seconds_to_time():
    assert fitting.seconds_to_time(1) == 3 and fitting.seconds_to_time(600) == 30
    assert fitting.seconds_to_time(10) == pytest.approx(18)


def pictures(count=32):
    values = np.random.default_rng(0).integers(0, 255, (count, 8, 8, 3), "uint8")
    return kgan.data.load(values, batch_size=8)


def test_auto_returns_a_compiled_model_with_its_plan():
    data = pictures()
    gan = kgan.models.auto(data, steps=6, seed=3)
    assert isinstance(gan, kgan.models.R3GAN) and gan.image_shape == (8, 8, 3)
    assert gan.plan.steps == gan.training_steps == 6
    assert gan.plan.batch_size == 8 and gan.plan.epochs(data.info) == 2
    assert [term.name for term in gan.terms] == ["r1", "r2"]
    # Few pictures, and a long time to learn them by heart.
    assert gan.augment is not None
    assert gan.plan.choices[-1].name == "expect"


def test_auto_keeps_what_is_given():
    gan = kgan.models.auto(
        pictures().info, steps=6, family="vanilla", compile={"ema": 0.9, "augment": None}
    )
    assert isinstance(gan, kgan.models.VanillaGAN) and gan.augment is None
    assert gan.average is not None
    with pytest.raises(kgan.InputError, match="options="):
        kgan.models.auto(pictures(), steps=6, width=3)


def test_auto_times_steps_without_touching_model_or_data(monkeypatch):
    seen = []

    def measure(model, dataset, seconds):
        seen.append(tuple(next(iter(dataset))[0].shape))
        dataset.position.seek(0)
        return Timing(0.1, 2.0, 5)

    monkeypatch.setattr(fitting.timing, "measure", measure)
    monkeypatch.setattr(fitting.precision, "has_bfloat16_units", lambda: False)
    data = pictures()
    gan = kgan.models.auto(data, minutes=0.5, family="vanilla", seed=1)
    assert gan.steps_taken == 0 and data.position.epoch == 0
    assert gan.plan.steps == gan.training_steps == int(0.95 * 28 / 0.1)
    # Of the facts alone, with noise of the same shape.
    of_info = kgan.models.auto(data.info, minutes=0.5, family="vanilla")
    assert of_info.plan.steps == gan.plan.steps
    assert seen == [(8, 8, 3)] * 2

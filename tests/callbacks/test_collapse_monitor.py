import csv
import math
import warnings

import keras
import numpy as np
import pytest
from stand_in import StandIn

import kgan
from kgan.callbacks import CollapseMonitor, findings
from kgan.callbacks.trouble import levels

Adam = keras.optimizers.Adam
REAL = np.random.default_rng(0).normal(size=(300, 4)).astype("float32")
CALM = {"d_loss": 1.0, "g_loss": 0.7, "d_real": 0.5, "d_fake": -0.5}
# In short runs trouble has to show in short time.
SHORT = {"every_steps": 10, "least_steps": 40, "warmup": 50}


class Scripted(StandIn):
    """Logs, and spreads its samples, as the script says for each epoch."""

    def __init__(self, script, loss=None, **settings):
        super().__init__(**settings)
        self.script = [CALM | logs for logs in script]
        self.ready()
        self.loss = loss and kgan.losses.get(loss)

    def _now(self):
        return self.script[max(int(self.iterations) - 1, 0) // self.steps]

    def train_step(self, data):
        self.iterations.assign_add(1)
        return {name: value for name, value in self._now().items() if name != "spread"}

    def generate(self, count, seed=None):
        return REAL[:count] * self._now().get("spread", 1.0)

    def watched_by(self, monitor, epochs=None, *callbacks):
        """(events, history) of a run with this monitor."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            history = self.run(epochs or len(self.script), monitor, *callbacks)
        return monitor.events, history.history


def monitor(**settings):
    defaults = {"data": REAL, "count": 64, "patience": 2, "least_steps": 0, "warmup": 0}
    return CollapseMonitor(**defaults | settings)


def spreads(*values):
    return [{"spread": value} for value in values]


@pytest.fixture(scope="module")
def digits():
    return kgan.data.load("digits")


def networks(width=64):
    generator = [keras.layers.Dense(width, activation="relu") for _ in range(2)]
    discriminator = [keras.layers.Dense(width, activation="leaky_relu") for _ in range(2)]
    return (
        keras.Sequential(
            [
                keras.Input((16,)),
                *generator,
                keras.layers.Dense(64, activation="tanh"),
                keras.layers.Reshape((8, 8, 1)),
            ]
        ),
        keras.Sequential(
            [keras.Input((8, 8, 1)), keras.layers.Flatten(), *discriminator, keras.layers.Dense(1)]
        ),
    )


def fit(gan, data, steps, monitor):
    """Trains, with warnings of the monitor's that are errors unless they are expected."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="After step")
        gan.fit(data, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[monitor])


# Trainings.


def test_a_generator_that_learns_too_fast_collapses(digits):
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(Adam(1e-4), Adam(1e-2), jit_compile=False)
    monitor = CollapseMonitor(digits, stop=True, **SHORT)
    with pytest.warns(UserWarning, match="mode collapse"):
        gan.fit(digits, steps_per_epoch=1000, epochs=1, verbose=0, callbacks=[monitor])
    (event,) = monitor.events
    assert event["kind"] == "collapse"
    assert event["epoch"] == 0
    assert event["step"] == int(gan.iterations) < 400
    assert "g_optimizer" in event["message"]


def test_a_discriminator_that_learns_too_fast_wins(digits):
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(Adam(2e-3), Adam(1e-5), loss="minimax", log_gradient_norms=True, jit_compile=False)
    monitor = CollapseMonitor(digits, stop="discriminator_won", **SHORT)
    with pytest.warns(UserWarning, match="discriminator has won"):
        gan.fit(digits, steps_per_epoch=1000, epochs=1, verbose=0, callbacks=[monitor])
    (event,) = monitor.events
    assert event["step"] == int(gan.iterations) < 400
    assert "% of the gradient that an undecided discriminator would give" in event["message"]
    assert "norm of its gradient" in event["message"]
    assert "non_saturating" in event["message"]


def test_a_critic_without_bounds_diverges(digits):
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(Adam(3e-2), Adam(3e-2), loss="wasserstein", jit_compile=False)
    monitor = CollapseMonitor(every_steps=20, least_steps=40, stop={"divergence"})
    with pytest.warns(UserWarning, match="training diverges"):
        gan.fit(digits, steps_per_epoch=400, epochs=1, verbose=0, callbacks=[monitor])
    assert int(gan.iterations) < 400


@pytest.mark.slow
def test_a_healthy_run_on_digits_is_silent(digits):
    gan = kgan.models.VanillaGAN.for_data(digits.info, seed=1)
    gan.compile(jit_compile=False)
    monitor = CollapseMonitor(digits, **SHORT)
    fit(gan, digits, 100, monitor)
    assert monitor.events == []
    assert gan.history.history["diversity"][0] > 0.8


def test_a_healthy_run_on_points_is_silent():
    ring = kgan.data.load("ring", batch_size=64)
    gan = kgan.models.VanillaGAN.for_data(ring.info, variant="points", seed=1)
    gan.compile(jit_compile=False)
    monitor = CollapseMonitor(ring, **SHORT)
    fit(gan, ring, 100, monitor)
    assert monitor.events == []
    assert gan.history.history["diversity"][0] == pytest.approx(1.0, abs=0.2)


# Collapse.


def test_a_fall_is_said_once_and_again_after_it_was_over():
    script = spreads(1, 0.1, 0.1, 0.1, 0.1, 1, 0.1, 0.1)
    with pytest.warns(UserWarning, match="mode collapse") as said:
        Scripted(script).run(8, found := monitor(warmup=1000))
    assert [event["epoch"] for event in found.events] == [2, 7]
    assert [event["step"] for event in found.events] == [15, 40]
    messages = [str(warning.message) for warning in said]
    assert [m for m in messages if "After" in m] == [e["message"] for e in found.events]
    assert found.events[0]["message"].startswith("After step 15 (epoch 3): mode collapse.")


def test_a_fall_must_last():
    script = spreads(1, 0.1, 1, 0.1, 1, 0.1, 0.1, 0.1)
    assert len(Scripted(script).watched_by(monitor())[0]) == 1
    assert not Scripted(script).watched_by(monitor(least_steps=11))[0]
    assert len(Scripted(script).watched_by(monitor(least_steps=10))[0]) == 1
    assert not Scripted(script).watched_by(monitor(patience=4))[0]


def test_an_untrained_generator_has_its_warmup():
    assert not Scripted(spreads(*[0.1] * 4, 1, 1)).watched_by(monitor(warmup=21))[0]
    # A low start is no fall: it was never at twice the threshold.
    assert not Scripted(spreads(0.1, 0.5, 0.1, 0.1)).watched_by(monitor(warmup=21))[0]
    (event,), _ = Scripted(spreads(*[0.1] * 6)).watched_by(monitor(warmup=21))
    assert event["epoch"] == 5


def test_a_handful_drawn_over_and_over(monkeypatch):
    model = Scripted([{}] * 4)
    few = np.tile(REAL[:8], (8, 1))
    monkeypatch.setattr(model, "generate", lambda count, seed: few[:count])
    (event,), history = model.watched_by(monitor())
    assert "a few drawn over and over" in event["message"]
    assert min(history["diversity"]) > 0.6


def test_figures_join_the_logs(tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    model = Scripted(spreads(1, 0.8, 0.6, 0.4))
    _, history = model.watched_by(monitor(every_epochs=2), None, logger)
    expected = [math.nan, 0.8, 0.8, 0.4]
    np.testing.assert_allclose(history["diversity"], expected, atol=0.1)
    np.testing.assert_allclose(history["diversity_nearest"], expected, atol=0.1)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = [float(row["diversity"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(rows, history["diversity"])


def test_without_data_only_collapse_goes_unwatched(capsys):
    script = [{"spread": 0.1, "d_loss": 1e-4, "d_real": 9.0, "d_fake": -9.0}] * 3
    (event,), history = Scripted(script, "minimax").watched_by(monitor(data=None))
    assert event["kind"] == "discriminator_won"
    assert "diversity" not in history
    assert "does not watch for mode collapse" in capsys.readouterr().out


def test_data_is_left_as_it_was_and_brought_to_the_range_of_the_model(digits, gan):
    digits.position.seek(3, 4)
    gan = kgan.models.VanillaGAN.for_data(digits.info, variant="minimax")
    found = CollapseMonitor(digits)
    found.set_model(gan)
    found.on_train_begin()
    assert (digits.position.epoch, digits.position.skip_batches) == (3, 4)
    assert (found._real.min(), found._real.max()) == (0.0, 1.0)
    assert found._real.shape == (256, 64)


def test_arrays_in_the_order_of_their_classes():
    ordered = np.repeat(np.arange(100.0, dtype="float32"), 100)[:, None] * np.ones(4, "float32")
    found = CollapseMonitor(ordered, count=50)
    found.set_model(Scripted([{}]))
    found.on_train_begin()
    assert np.ptp(found._real) > 50


# A discriminator that has won.


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (kgan.losses.Minimax(), (0.0, 2 * math.log(2))),
        (kgan.losses.NonSaturating(), (0.0, 2 * math.log(2))),
        (kgan.losses.LeastSquares(), (0.0, 0.25)),
        (kgan.losses.LeastSquares(real_label=0.9), (0.0, 0.2025)),
        (kgan.losses.Hinge(), (0.0, 2.0)),
        (kgan.losses.Relativistic(), (0.0, math.log(2))),
        # The entropies of its labels: 0.9 and 0; 0.9 + 0 on average 0.45.
        (kgan.losses.Minimax(real_label=0.9), (0.3251, 1.3763)),
    ],
)
def test_the_least_loss_and_that_of_an_undecided_discriminator(loss, expected):
    assert levels(loss)[:2] == pytest.approx(expected, abs=1e-3)


def test_a_loss_without_a_least_value_is_not_judged():
    assert levels(kgan.losses.Wasserstein()) is None
    assert levels(None) is None
    script = [{"d_loss": -50.0}] * 4
    assert not Scripted(script, "wasserstein").watched_by(monitor())[0]


def test_it_is_judged_by_its_own_loss_and_weight():
    smooth = kgan.losses.NonSaturating(real_label=0.9, discriminator_weight=0.5)
    won = {"d_real": 2.2, "d_fake": -8.0}
    (event,), _ = Scripted([won | {"d_loss": 0.165}] * 3, smooth).watched_by(monitor())
    assert event["kind"] == "discriminator_won"
    # This loss is not at fault: it keeps its slope.
    assert "learns little from a discriminator so certain" in event["message"]
    assert "non_saturating" not in event["message"]
    assert not Scripted([won | {"d_loss": 0.2}] * 3, smooth).watched_by(monitor())[0]


# Divergence.


@pytest.mark.parametrize(
    ("logs", "says"),
    [
        ({"g_loss": math.nan}, "g_loss is nan"),
        ({"d_loss": math.inf, "d_fake": -2e4}, "d_loss is inf, the mean score d_fake is -2e+04"),
    ],
)
def test_what_is_not_finite_is_said_at_once(logs, says):
    (event,), _ = Scripted([{}, logs, logs]).watched_by(monitor(patience=5))
    assert (event["kind"], event["epoch"]) == ("divergence", 1)
    assert says in event["message"]


@pytest.mark.parametrize(
    ("logs", "says"),
    [
        ({"d_real": 3e4}, "the mean score d_real is 3e+04"),
        ({"d_loss": -300.0}, "d_loss is -300, where 2 was usual"),
        ({"spread": 20.0}, "times as far apart as real ones"),
    ],
)
def test_what_grows_beyond_measure_is_said_when_it_lasts(logs, says):
    calm = {"d_loss": 2.0}
    events, _ = Scripted([calm] * 3 + [logs] * 3).watched_by(monitor())
    assert [(e["kind"], e["epoch"]) for e in events] == [("divergence", 4)]
    assert says in events[0]["message"]
    assert not Scripted([calm] * 3 + [logs, calm] * 2).watched_by(monitor())[0]


def test_what_is_kept_of_past_losses_does_not_grow(monkeypatch):
    monkeypatch.setattr(findings, "MOST_PAST", 3)
    watching = monitor()
    Scripted([{"d_loss": float(loss)} for loss in range(8)]).watched_by(watching)
    assert watching.get_state()["past_losses"]["d_loss"] == [5.0, 6.0, 7.0]


def test_samples_that_are_not_finite_have_no_diversity(monkeypatch):
    model = Scripted([{}] * 3)
    monkeypatch.setattr(model, "generate", lambda count, seed: np.full((count, 4), np.nan))
    _, history = model.watched_by(monitor())
    assert np.isnan(history["diversity"]).all()


# The run.


def test_stop_ends_the_run_for_the_kinds_it_names():
    script = spreads(1, 0.1, 0.1, 0.1, 0.1)
    for stop, epochs in ((True, 3), ({"collapse"}, 3), ({"divergence"}, 5), (False, 5)):
        events, history = Scripted(script).watched_by(monitor(stop=stop))
        assert len(history["diversity"]) == epochs
        assert ("Training stops here." in events[0]["message"]) == (epochs == 3)


def test_logs_are_taken_since_the_last_check(monkeypatch):
    model, checked = Scripted([{}]), []
    found = monitor(data=None, every_steps=10)
    found.set_model(model)
    found.on_train_begin()
    monkeypatch.setattr(found, "_check", checked.append)
    model.iterations.assign(100)
    found.on_epoch_begin(0)
    for step, mean in ((105, 1.0), (110, 1.0), (120, 0.75), (140, 0.5)):
        model.iterations.assign(step)
        found.on_train_batch_end(step, {"d_loss": mean, "val_d_loss": 7.0})
    assert checked == [{"d_loss": pytest.approx(mean)} for mean in (1.0, 0.5, 0.25)]


def test_several_steps_an_execution_and_a_run_that_goes_on(gan, points):
    found = CollapseMonitor(points, every_steps=6, count=32)
    steps, check = [], found._check
    found._check = lambda logs: (steps.append(int(gan.iterations)), check(logs))
    gan.compile(jit_compile=False, steps_per_execution=4)
    for first in (0, 2):
        gan.fit(
            points, batch_size=32, epochs=first + 2, initial_epoch=first, verbose=0,
            callbacks=[found],
        )  # fmt: skip
    assert steps == [8, 12, 20, 24, 32]
    assert len(gan.history.history["diversity"]) == 2


@pytest.mark.parametrize(
    "given",
    [
        {"every_epochs": 1, "every_steps": 1},
        {"count": 1},
        {"patience": 0},
        {"warmup": -1},
        {"least_steps": 1.5},
        {"diversity": 1.0},
        {"nearest": "low"},
        {"won": True},
        {"stop": {"colapse"}},
        {"stop": "everything"},
    ],
)
def test_bad_arguments(given):
    with pytest.raises(kgan.InputError):
        CollapseMonitor(REAL, **given)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (REAL[:, :3], "shape"),
        (REAL[:1], "two real samples"),
        (iter([]), "no samples"),
        (3, "array"),
    ],
)
def test_bad_data_is_refused_before_training(data, match):
    model = Scripted([{}])
    with pytest.raises(kgan.InputError, match=match):
        model.run(1, monitor(data=data))
    assert int(model.iterations) == 0

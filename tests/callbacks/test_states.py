"""The state of callbacks: how it is saved, and that a resumed run decides as the unbroken one."""

import json
import math
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

import kgan
from kgan.callbacks import Checkpoint, CollapseMonitor, Every, ImageSnapshot, TensorBoard, latest
from kgan.callbacks.event_files import EventFiles
from kgan.callbacks.states import packed, resumable, unpacked
from kgan.pictures import save_png
from kgan.training.execution import choice

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from run_folders import differences

POINTS = np.random.default_rng(0).normal(size=(48, 2)).astype("float32")


class Longest(keras.callbacks.Callback):
    """A user's callback with state: the steps of each epoch, and how often it was called."""

    def __init__(self):
        super().__init__()
        self.steps, self.inside = [], 0

    def on_epoch_begin(self, epoch, logs=None):
        self.inside = 0

    def on_train_batch_end(self, batch, logs=None):
        self.inside += 1

    def on_epoch_end(self, epoch, logs=None):
        self.steps.append(self.inside)

    def get_state(self):
        return {"steps": self.steps, "inside": self.inside}

    def set_state(self, state):
        self.steps, self.inside = list(state["steps"]), state["inside"]


class Script(keras.callbacks.Callback):
    """A figure that is best in the second epoch."""

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = [5.0, 3.0, 4.0, 4.5, 4.0, 4.0, 4.0][epoch]


class Broken(Exception):
    pass


class Break(keras.callbacks.Callback):
    """Breaks a fit off: in a step, at the end of an epoch, or by a stop in a step."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.iterations)
        # After a checkpoint within the epoch.
        if self.how == "in a step" and step == 17:
            raise Broken
        if self.how == "by a stop" and step == 17:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if self.how == "at an epoch's end" and epoch == 2:
            raise Broken


def gan():
    # As in a new process, layers are numbered from the start: their names are in the logs.
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    generator = keras.Sequential([keras.Input((3,)), layers.Dense(8, "relu"), layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), layers.Dense(8), layers.Dense(1)])
    gan = kgan.GAN(generator, discriminator, seed=5)
    gan.compile(
        keras.optimizers.Adam(1e-2),
        keras.optimizers.Adam(1e-2),
        jit_compile=False,
        steps_per_execution=1,
    )
    return gan


def fit(out, how=None, resume=False, patience=3):
    """Trains with every kind of callback; returns the model and what the callbacks decided."""
    model, longest = gan(), Longest()
    stopping = keras.callbacks.EarlyStopping(
        "score", mode="min", patience=patience, restore_best_weights=True
    )
    monitor = CollapseMonitor(POINTS, every_steps=2, count=16, least_steps=0, warmup=0, patience=2)
    callbacks = [
        Script(),
        stopping,
        # The checkpoint need not be the last, nor the first.
        Checkpoint(out / "checkpoints", every_steps=4, resume=resume),
        monitor,
        longest,
        keras.callbacks.ReduceLROnPlateau("score", mode="min", patience=1, factor=0.5),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate),
        keras.callbacks.ModelCheckpoint(
            str(out / "best.weights.h5"), "score", mode="min", save_best_only=True,
            save_weights_only=True,
        ),
        Break(how),
        keras.callbacks.CSVLogger(str(out / "log.csv")),
        ImageSnapshot(out / "samples", every_steps=5, count=16, size=100),
        TensorBoard(out / "logs", update_freq=3, samples_freq=0),
    ]  # fmt: skip
    out.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        # The monitor's, which the test compares.
        warnings.simplefilter("ignore")
        try:
            model.fit(POINTS, batch_size=8, epochs=7, verbose=0, callbacks=callbacks)
        except Broken:
            return None
    model.save_weights(out / "final.weights.h5")
    rates = [float(o.learning_rate) for o in (model.d_optimizer, model.g_optimizer)]
    return {
        "stopped": (stopping.best, stopping.best_epoch, stopping.stopped_epoch),
        "rates": rates,
        "steps": longest.steps,
        "events": monitor.events,
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "run"
    return out, fit(out)


@pytest.mark.parametrize(
    "how",
    [
        "in a step",
        pytest.param("by a stop", marks=pytest.mark.slow),
        pytest.param("at an epoch's end", marks=pytest.mark.slow),
    ],
)
def test_a_resumed_run_decides_and_writes_as_the_unbroken_one(unbroken, tmp_path, how):
    folder, decided = unbroken
    assert decided["stopped"] == (3.0, 1, 4) and decided["steps"] == [6] * 5
    fit(tmp_path / "run", how)
    assert fit(tmp_path / "run", resume=True) == decided
    assert differences(folder, tmp_path / "run") == []


@pytest.mark.slow
def test_a_training_that_early_stopping_ended_stays_ended(unbroken, tmp_path, capsys):
    folder = unbroken[0]
    (tmp_path / "run").mkdir()
    (folder / "checkpoints").rename(tmp_path / "run" / "checkpoints")
    try:
        model, stopping = gan(), keras.callbacks.EarlyStopping("score", mode="min", patience=3)
        checkpoint = Checkpoint(tmp_path / "run" / "checkpoints", resume=True)
        model.fit(POINTS, batch_size=8, epochs=7, verbose=0, callbacks=[checkpoint, stopping])
        assert int(model.iterations) == 30 and stopping.best == 3.0
        assert "EarlyStopping had ended this training" in capsys.readouterr().out
        # More patience lets it go on.
        model, stopping = gan(), keras.callbacks.EarlyStopping("score", mode="min", patience=9)
        checkpoint = Checkpoint(tmp_path / "run" / "checkpoints", resume=True)
        callbacks = [checkpoint, Script(), stopping]
        model.fit(POINTS, batch_size=8, epochs=6, verbose=0, callbacks=callbacks)
        assert int(model.iterations) == 36 and stopping.wait == 4
    finally:
        (tmp_path / "run" / "checkpoints").rename(folder / "checkpoints")


@pytest.mark.slow
def test_a_fit_that_begins_within_its_epochs_resumes_with_the_same_samples(tmp_path):
    class At(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.iterations) == 9:
                raise Broken

    def trained(broken, resume=False):
        model = gan()
        if not resume:
            # Two steps, and then epochs of six.
            model.fit(POINTS[:32], batch_size=16, verbose=0)
        callbacks = [Checkpoint(tmp_path / str(broken), every_steps=3, resume=resume)]
        callbacks += [At()] if broken and not resume else []
        try:
            model.fit(POINTS, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
        except Broken:
            return None
        return [np.asarray(weight) for weight in model.weights]

    expected = trained(False)
    trained(True)
    assert latest(tmp_path / "True").note["steps_in_epoch"] == 4
    for one, other in zip(expected, trained(True, resume=True), strict=True):
        np.testing.assert_array_equal(one, other)

    # With other epochs the place is not known, and the user is told.
    for saved in (tmp_path / "True").glob("step-0000014"):
        saved.rename(tmp_path / "later")
    callbacks = [Checkpoint(tmp_path / "True", resume=True)]
    with pytest.warns(UserWarning, match="an epoch of 6 steps, and an epoch now has 3"):
        gan().fit(POINTS, batch_size=16, epochs=3, verbose=0, callbacks=callbacks)


@pytest.mark.slow
def test_a_resumed_run_calls_its_callbacks_after_the_same_steps(tmp_path, monkeypatch):
    def steps(seconds, epochs):
        monkeypatch.setattr(choice, "_seconds_per_step", lambda *ignored: seconds)
        model = gan()
        model.compile(jit_compile=False)
        callbacks = [Checkpoint(tmp_path, resume=True)]
        model.fit(POINTS, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks)
        return model.steps_per_execution

    # Two of a twentieth of a second make a tenth; a faster machine would take six at once.
    assert steps(0.05, 4) == 2
    assert steps(0.001, 5) == 2
    assert latest(tmp_path).iterations == 30


def test_states_on_disk(tmp_path):
    bfloat16 = np.asarray(keras.ops.cast(np.linspace(0, 1, 3), "bfloat16"))
    state = {
        "none": None,
        "figures": [1, 2.5, True, "text", math.nan, -math.inf, np.float32(0.1), np.int64(3)],
        "arrays": {"of": [np.arange(6).reshape(2, 3), bfloat16, np.array(2.0)]},
        "tensor": keras.ops.ones((2,)),
    }
    arrays = {}
    text = json.dumps(packed(state, arrays, "0"), allow_nan=False)
    np.savez(tmp_path / "arrays.npz", **arrays)
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as file:
        found = unpacked(json.loads(text), dict(file))
    assert found["figures"][:4] == [1, 2.5, True, "text"] and found["none"] is None
    assert math.isnan(found["figures"][4]) and found["figures"][5] == -math.inf
    assert found["figures"][6:] == [float(np.float32(0.1)), 3]
    np.testing.assert_array_equal(found["arrays"]["of"][0], [[0, 1, 2], [3, 4, 5]])
    assert found["arrays"]["of"][1].dtype == bfloat16.dtype
    np.testing.assert_array_equal(found["arrays"]["of"][1], bfloat16)
    assert found["arrays"]["of"][2].shape == ()
    np.testing.assert_array_equal(found["tensor"], [1.0, 1.0])


@pytest.mark.parametrize("held", [object(), {1: 2}, {"$array": 1}, np.array([None])])
def test_a_state_that_cannot_be_saved_is_found_before_training(tmp_path, held):
    class Odd(Longest):
        def get_state(self):
            return {"held": held}

    model = gan()
    with pytest.raises(kgan.InputError, match="Odd/held is"):
        model.fit(POINTS, batch_size=8, verbose=0, callbacks=[Checkpoint(tmp_path), Odd()])
    assert int(model.iterations) == 0


def test_names_of_callbacks_and_another_quantity(tmp_path, capsys):
    stopping = keras.callbacks.EarlyStopping
    assert list(resumable([stopping(), Longest(), stopping()])) == [
        "EarlyStopping", "Longest", "EarlyStopping_1",
    ]  # fmt: skip
    for monitor in ("d_loss", "g_loss"):
        callbacks = [Checkpoint(tmp_path, resume=True), stopping(monitor, mode="min")]
        gan().fit(POINTS, batch_size=8, epochs=1, verbose=0, callbacks=callbacks)
    assert "EarlyStopping begins anew: it watches 'g_loss'" in capsys.readouterr().out


class Scaled(keras.layers.Layer):
    """A layer with a weight that has no dimensions, as attention has."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return self.scale * inputs


def test_best_weights_without_dimensions_are_restored(tmp_path):
    """NumPy takes them for numbers, which Keras then refused as weights at the end of a fit."""
    layers = keras.layers

    def stopped(epochs):
        keras.utils.set_random_seed(2)
        model = kgan.GAN(
            keras.Sequential([keras.Input((3,)), layers.Dense(2), Scaled()]),
            keras.Sequential([keras.Input((2,)), layers.Dense(1)]),
            seed=1,
        )
        model.compile()
        # The first epoch stays the best.
        best = keras.callbacks.EarlyStopping(
            "d_loss", mode="max", patience=9, restore_best_weights=True
        )
        best.monitor_op = lambda value, other: False
        saved = Checkpoint(tmp_path, every_epochs=1, resume=True)
        model.fit(POINTS, batch_size=16, epochs=epochs, verbose=0, callbacks=[best, saved])
        return model, best

    model, _ = stopped(2)
    first = model.get_weights()
    model, best = stopped(3)
    # A checkpoint of the resumed run holds them as one of the unbroken run does.
    arrays, before = {}, {}
    assert packed(best.best_weights, arrays, "") == packed(first, before, "")
    for ours, theirs in zip(model.get_weights(), first, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_damaged_arrays_of_callbacks_are_noticed(tmp_path):
    stopping = keras.callbacks.EarlyStopping("d_loss", mode="min", restore_best_weights=True)
    callbacks = [Checkpoint(tmp_path), stopping]
    gan().fit(POINTS, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
    path = tmp_path / "step-0000012" / "callbacks.npz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="callbacks.npz has changed"):
        assert latest(tmp_path).iterations == 6


@pytest.mark.slow
def test_pictures_and_events_of_others_are_left_alone(tmp_path):
    snapshot = ImageSnapshot(tmp_path / "mine", every_steps=2, count=4, size=50)
    gan().fit(POINTS, batch_size=8, verbose=0, callbacks=[Checkpoint(tmp_path / "c"), snapshot])
    theirs = tmp_path / "theirs" / "step-0000099.png"
    theirs.parent.mkdir()
    before = save_png(theirs, np.zeros((4, 4, 3), "uint8")).read_bytes()
    snapshot = ImageSnapshot(tmp_path / "theirs", every_steps=2, count=4, size=50)
    callbacks = [Checkpoint(tmp_path / "c", resume=True), snapshot]
    gan().fit(POINTS, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
    assert theirs.read_bytes() == before

    train = tmp_path / "logs" / "train"
    train.mkdir(parents=True)
    names = ["a", "b.kgan-1", "c.kgan-1", "d.kgan-2"]
    for name in names:
        (train / f"events.out.tfevents.{name}").write_bytes(b"0123456789")
    EventFiles(tmp_path / "logs", ".kgan-1").cut({"train/events.out.tfevents.b.kgan-1": 4})
    left = {path.name.removeprefix("events.out.tfevents."): path for path in train.iterdir()}
    assert {name: path.stat().st_size for name, path in left.items()} == {
        "a": 10, "b.kgan-1": 4, "d.kgan-2": 10,
    }  # fmt: skip


def test_a_schedule_keeps_its_place():
    every, other = Every(steps=10), Every(steps=10)
    every.start(0)
    assert every.step_due(12)
    other.set_state(every.get_state())
    assert not other.step_due(19) and other.step_due(20)

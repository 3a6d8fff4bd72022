import json
import signal
import warnings

import h5py
import keras
import numpy as np
import pytest
from stand_in import StandIn

import kgan
from kgan import records
from kgan.callbacks import Checkpoint, find_checkpoints, latest


def steps_in(folder):
    return [saved.iterations for saved in find_checkpoints(folder)]


def arrays(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if hasattr(item, "dtype") else None
        )
    return found


def test_keeps_the_newest(tmp_path):
    StandIn().ready().run(6, Checkpoint(tmp_path, keep=2))
    assert steps_in(tmp_path) == [25, 30]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-0000025", "step-0000030"]


def test_keeps_every_n_steps_and_the_last(tmp_path):
    StandIn().ready().run(3, Checkpoint(tmp_path, every_steps=4, keep=None))
    assert steps_in(tmp_path) == [4, 8, 12, 15]
    note = find_checkpoints(tmp_path)[1].note
    assert (note["epoch"], note["epoch_complete"], note["steps_in_epoch"]) == (1, False, 3)
    assert note["logs"]["g_loss"] == 2.0
    assert set(note["versions"]) == {"kgan", "keras", "tensorflow"}


def test_keeps_the_best_beside_the_newest(tmp_path):
    checkpoint = Checkpoint(tmp_path, keep=1, monitor="quality", mode="max")
    StandIn(script=[1.0, 5.0, 3.0, 2.0, 4.0]).ready().run(5, checkpoint)
    assert steps_in(tmp_path) == [10, 25]
    assert checkpoint.best().note["value"] == 5.0


def test_a_new_best_is_kept_though_none_is_due(tmp_path):
    checkpoint = Checkpoint(tmp_path, every_epochs=4, keep=1, monitor="quality", mode="min")
    StandIn(script=[3.0, 1.0, 2.0, 4.0]).ready().run(4, checkpoint)
    assert steps_in(tmp_path) == [10, 20]


def test_the_best_survives_a_resume(tmp_path):
    script = [1.0, 5.0, 3.0, 4.0]
    settings = {"keep": 1, "monitor": "quality", "mode": "max", "resume": True}
    StandIn(script=script).ready().run(3, Checkpoint(tmp_path, **settings))
    StandIn(script=script).ready().run(4, Checkpoint(tmp_path, **settings))
    assert steps_in(tmp_path) == [10, 20]


def test_not_a_number_is_never_the_best(tmp_path):
    checkpoint = Checkpoint(tmp_path, keep=1, monitor="quality", mode="min")
    StandIn(script=[float("nan"), 2.0, float("nan")]).ready().run(3, checkpoint)
    assert checkpoint.best().iterations == 10
    json.loads((checkpoint.best().path / "state.json").read_text(), parse_constant=pytest.fail)


def test_the_direction_follows_from_the_name_or_must_be_given(tmp_path):
    checkpoint = Checkpoint(tmp_path / "a", monitor="val_frechet_distance")
    with pytest.warns(UserWarning, match="val_frechet_distance"):
        StandIn().ready().run(1, checkpoint)
    assert checkpoint.mode == "min"
    with pytest.raises(kgan.InputError, match="mode='min' or mode='max'"):
        StandIn().ready().run(1, Checkpoint(tmp_path / "b", monitor="wobble"))


def test_resume_goes_on_where_it_stopped(tmp_path, capsys):
    StandIn().ready().run(2, Checkpoint(tmp_path))
    model = StandIn().ready()
    history = model.run(5, Checkpoint(tmp_path, resume=True))
    assert history.epoch == [2, 3, 4]
    assert model.level() == int(model.iterations) == 25
    assert "10 steps, after 2 epochs" in capsys.readouterr().out
    # The past must not leak into the next fit.
    assert model.run(1).epoch == [0]


@pytest.mark.parametrize("enters", [True, False])
def test_resume_in_the_middle_of_an_epoch(tmp_path, enters, capsys):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.iterations) == 8:
                raise KeyboardInterrupt

    model, checkpoint = StandIn().ready(), Checkpoint(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        model.run(3, checkpoint, Stop())
    assert checkpoint.save_now().name == "step-0000008"

    seen = []

    class Feeder(keras.callbacks.Callback):
        """What kgan's own pipelines do: enter the epoch where the step counter stands."""

        def on_epoch_begin(self, epoch, logs=None):
            seen.append((epoch, self.model.resume_within_epoch))
            self.model.resume_within_epoch &= not enters

    resumed = StandIn().ready()
    resumed.run(3, Feeder(), Checkpoint(tmp_path, every_steps=2, keep=None, resume=True))
    assert seen == [(1, True), (2, False)]
    note = {saved.iterations: saved.note for saved in find_checkpoints(tmp_path)}[10]
    # Data that cannot be entered in mid-epoch gives the whole epoch again.
    expected = (2, 0) if enters else (1, 2)
    assert (note["epoch"], note["steps_in_epoch"]) == expected
    assert ("cannot be entered" in capsys.readouterr().out) == (not enters)


def test_a_stop_in_mid_epoch_is_remembered(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.iterations) == 7

    StandIn().ready().run(3, Stop(), Checkpoint(tmp_path))
    note = latest(tmp_path).note
    assert (note["iterations"], note["epoch"], note["epoch_complete"]) == (7, 1, False)


def test_resume_deletes_what_a_killed_process_did_not(tmp_path):
    StandIn().ready().run(3, Checkpoint(tmp_path, keep=None))
    StandIn().ready().run(3, Checkpoint(tmp_path, keep=2, resume=True))
    assert steps_in(tmp_path) == [10, 15]


def test_resume_without_checkpoints_says_so(tmp_path, capsys):
    model = StandIn().ready()
    model.run(1, Checkpoint(tmp_path / "new", resume=True))
    assert "starting from the beginning" in capsys.readouterr().out
    assert model.level() == 5


def rewrite(note):
    """Changes an entry of `state.json` in different ways, as text."""
    yield note.replace('"steps_in_epoch": 0', '"steps_in_epoch": null')
    yield note.replace('"steps_in_epoch": 0', '"steps_in_epoch": 3')
    yield note.replace('"epoch": 3', '"epoch": 1')
    yield note.replace('"epoch": 3', '"epoch": 3, "epoch": 3')
    yield note.replace('"format": 1', '"format": 0')
    # Of before, without a checksum.
    before = {k: v for k, v in json.loads(note).items() if k not in ("format", "checksum")}
    for name in ("epoch", "steps_in_epoch", "iterations", "size"):
        for value in (None, -1, 1.5, "1", True, []):
            yield json.dumps(before | {name: value})
        yield json.dumps({k: v for k, v in before.items() if k != name})
    yield json.dumps(before | {"value": "much"})
    yield json.dumps(before | {"mode": 3, "versions": []})
    yield json.dumps(before | {"iterations": 10})
    yield "[" * 100_000
    yield "[]"


def test_each_change_of_a_note_is_damage_and_a_note_of_before_is_whole(tmp_path):
    StandIn().ready().run(3, Checkpoint(tmp_path, monitor="d_loss", mode="min"))
    newest = find_checkpoints(tmp_path)[-1]
    path = newest.path / "state.json"
    whole = path.read_text()
    changes = list(rewrite(whole))
    assert whole not in changes and len(changes) == 38
    for changed in changes:
        path.write_text(changed)
        with pytest.warns(UserWarning, match="Skipping the damaged checkpoint"):
            assert latest(tmp_path).iterations == 10, changed
    before = json.loads(whole)
    del before["format"], before["checksum"]
    path.write_text(json.dumps(before))
    assert latest(tmp_path).iterations == 15
    # A value that may be the best does not stand if its checkpoint is damaged.
    path.write_text(json.dumps(before | {"value": -1e9}))
    checkpoint = Checkpoint(tmp_path, monitor="d_loss", mode="min")
    assert checkpoint.best().iterations == 15
    newest.weights.write_bytes(newest.weights.read_bytes()[:-1])
    assert checkpoint.best().iterations != 15


def test_a_checkpoint_of_a_newer_version_is_neither_read_nor_passed_over(tmp_path):
    StandIn().ready().run(2, Checkpoint(tmp_path))
    newest = find_checkpoints(tmp_path)[-1]
    newer = records.signed(newest.note | {"versions": {"kgan": "7.1"}}) | {"format": 2}
    newer["checksum"] = records.checksum(newer)
    (newest.path / "state.json").write_text(json.dumps(newer))
    with pytest.raises(kgan.InputError, match=r"by kgan 7\.1 in format 2.*Update kgan"):
        StandIn().ready().run(3, Checkpoint(tmp_path, resume=True))
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-0000005", "step-0000010"]


def test_folders_with_odd_names_are_no_checkpoints(tmp_path):
    StandIn().ready().run(1, Checkpoint(tmp_path))
    for name in ("step-\u00b2", "step-\u0663", "step-", "step-x", "step--1"):
        (tmp_path / name).mkdir()
    assert [saved.iterations for saved in find_checkpoints(tmp_path)] == [5]
    assert latest(tmp_path).iterations == 5


def test_a_newest_of_other_networks_falls_back(tmp_path):
    StandIn().ready().run(2, Checkpoint(tmp_path))
    StandIn(width=8).ready().run(3, Checkpoint(tmp_path / "other"))
    foreign = find_checkpoints(tmp_path / "other")[-1].path
    foreign.rename(tmp_path / foreign.name)
    model = StandIn().ready()
    with pytest.warns(UserWarning, match=r"step-0000015 does not fit.*step-0000010 is taken"):
        model.run(3, Checkpoint(tmp_path, resume=True))
    assert model.level() == 15
    assert (tmp_path / "damaged-step-0000015").is_dir()


@pytest.mark.parametrize("damage", ["cut", "bit", "note"])
def test_a_damaged_newest_falls_back(tmp_path, damage):
    StandIn().ready().run(3, Checkpoint(tmp_path))
    newest = find_checkpoints(tmp_path)[-1]
    content = bytearray(newest.weights.read_bytes())
    if damage == "cut":
        newest.weights.write_bytes(content[:-100])
    elif damage == "bit":
        content[len(content) // 2] ^= 1
        newest.weights.write_bytes(content)
    else:
        (newest.path / "state.json").write_text("{")
    model = StandIn().ready()
    with pytest.warns(UserWarning, match="step-0000015"):
        history = model.run(3, Checkpoint(tmp_path, keep=1, resume=True))
    assert history.epoch == [2]
    assert model.level() == 15
    assert latest(tmp_path).iterations == 15
    assert (tmp_path / "damaged-step-0000015").is_dir()


def test_all_damaged_is_an_error_and_no_fresh_start(tmp_path):
    StandIn().ready().run(1, Checkpoint(tmp_path))
    find_checkpoints(tmp_path)[0].weights.unlink()
    with pytest.warns(match="damaged"), pytest.raises(kgan.InputError, match="None of the 1"):
        StandIn().ready().run(1, Checkpoint(tmp_path, resume=True))


@pytest.mark.parametrize("other", [{"width": 8}, {"optimizer": keras.optimizers.SGD}])
def test_a_checkpoint_of_other_networks_changes_nothing(tmp_path, other):
    StandIn().ready().run(1, Checkpoint(tmp_path))
    model = StandIn(width=other.get("width", 4))
    model.ready(optimizer=other.get("optimizer", keras.optimizers.Adam))
    before = [weight.numpy() for weight in model.weights]
    with pytest.raises(kgan.InputError, match=r"does not fit.*step|step.*does not fit"):
        model.run(3, Checkpoint(tmp_path, resume=True))
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.weights, strict=True))
    assert int(model.iterations) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000005"]


def test_a_failed_load_is_taken_back(tmp_path, monkeypatch):
    StandIn().ready().run(1, Checkpoint(tmp_path))
    model = StandIn().ready()
    load = model.load_weights

    def fail(path):
        load(path)
        if "step-" in path:
            raise ValueError("in the middle")

    monkeypatch.setattr(model, "load_weights", fail)
    with pytest.raises(kgan.InputError, match="in the middle"):
        model.run(2, Checkpoint(tmp_path, resume=True))
    assert model.level() == 0


def test_another_run_is_not_overwritten(tmp_path):
    StandIn().ready().run(2, Checkpoint(tmp_path))
    with pytest.raises(kgan.InputError, match="another run"):
        StandIn().ready().run(1, Checkpoint(tmp_path))
    assert steps_in(tmp_path) == [5, 10]
    StandIn().ready().run(1, Checkpoint(tmp_path, overwrite=True))
    assert steps_in(tmp_path) == [5]


def test_a_second_fit_of_the_same_model_goes_on(tmp_path):
    model, checkpoint = StandIn().ready(), Checkpoint(tmp_path)
    model.run(1, checkpoint)
    model.run(1, checkpoint)
    assert steps_in(tmp_path) == [5, 10]


def test_an_unwritable_folder_is_found_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    model = StandIn().ready()
    with pytest.raises(kgan.InputError, match="file"):
        model.run(1, Checkpoint(tmp_path / "file" / "checkpoints"))
    assert int(model.iterations) == 0


@pytest.mark.parametrize(
    "given",
    [
        {"every_epochs": 1, "every_steps": 1},
        {"every_steps": 0},
        {"keep": 0},
        {"mode": "best"},
        {"resume": True, "overwrite": True},
    ],
)
def test_bad_arguments(tmp_path, given):
    with pytest.raises(kgan.InputError):
        Checkpoint(tmp_path, **given)


@pytest.mark.slow
def test_a_real_gan_resumed_equals_the_unbroken_run(tmp_path):
    points = np.random.default_rng(0).normal(size=(48, 2)).astype("float32")

    def gan():
        keras.utils.set_random_seed(0)
        layers = keras.layers
        generator = keras.Sequential(
            [keras.Input((3,)), layers.Dense(8, "relu"), layers.Dropout(0.1), layers.Dense(2)]
        )
        discriminator = keras.Sequential(
            [keras.Input((2,)), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(1)]
        )
        gan = kgan.GAN(generator, discriminator, seed=5)
        gan.compile(ema=0.9, jit_compile=False)
        return gan

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.iterations) == 9

    unbroken, broken, resumed = gan(), gan(), gan()
    unbroken.fit(points, batch_size=8, epochs=3, verbose=0)
    broken.fit(points, batch_size=8, epochs=3, verbose=0, callbacks=[Stop(), Checkpoint(tmp_path)])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        checkpoint = Checkpoint(tmp_path, resume=True)
        resumed.fit(points, batch_size=8, epochs=3, verbose=0, callbacks=[checkpoint])
    assert int(resumed.iterations) == int(unbroken.iterations) == 18
    states = []
    for number, model in enumerate((unbroken, resumed)):
        model.save_weights(tmp_path / f"{number}.weights.h5")
        states.append(arrays(tmp_path / f"{number}.weights.h5"))
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name], err_msg=name)
    np.testing.assert_array_equal(unbroken.generate(4, seed=1), resumed.generate(4, seed=1))


def test_overwriting_keeps_a_users_files(tmp_path):
    StandIn().ready().run(2, Checkpoint(tmp_path))
    notes = tmp_path / "step-0000010" / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(kgan.InputError, match=r"notes\.txt"):
        StandIn().ready().run(1, Checkpoint(tmp_path, overwrite=True))
    assert steps_in(tmp_path) == [5, 10]
    # Neither is it thinned out.
    StandIn().ready().run(5, Checkpoint(tmp_path, keep=1, resume=True))
    assert steps_in(tmp_path) == [10, 25]
    assert notes.read_text() == "mine"


def test_a_fit_that_fails_releases_the_folder_and_the_signals(tmp_path, gan, points):
    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert (tmp_path / ".kgan.lock").exists()
            assert signal.getsignal(signal.SIGTERM) != before
            raise RuntimeError

    before = signal.getsignal(signal.SIGTERM)
    gan.compile(jit_compile=False)
    with pytest.raises(RuntimeError):
        gan.fit(points, verbose=0, callbacks=[Checkpoint(tmp_path), Fail()])
    assert signal.getsignal(signal.SIGTERM) == before
    assert not any(tmp_path.iterdir())

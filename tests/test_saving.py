"""Saving, resuming bit for bit, and serving without kgan."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import kgan
from kgan.errors import InputError


def state(gan):
    """Every number of a training state, by name."""
    found = {f"model/{i}": v.numpy() for i, v in enumerate(gan.variables)}
    found["iterations"] = gan.iterations.numpy()
    for name, optimizer in (("d", gan.d_optimizer), ("g", gan.g_optimizer)):
        found |= {f"{name}/{i}": v.numpy() for i, v in enumerate(optimizer.variables)}
    return found


def assert_same(one, two):
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


@pytest.fixture
def made(networks):
    """Makes a GAN with everything that has state: Dropout, batch norm, average, schedules."""

    def make():
        keras.utils.set_random_seed(5)
        gan = kgan.GAN(*networks(batch_norm=True, dropout=0.3))
        gan.compile(
            keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1e-3, 5, 0.9)),
            keras.optimizers.RMSprop(1e-3),
            loss=kgan.losses.NonSaturating(real_label=0.9),
            penalties=[kgan.penalties.R1(1.0, every=3), "gradient_penalty"],
            ema=0.9,
            jit_compile=False,
        )
        return gan

    return make


def test_a_broken_run_equals_the_unbroken_one_bit_for_bit(made, points, tmp_path):
    whole = made()
    whole.fit(points, batch_size=32, epochs=2, verbose=0)
    broken = made()
    broken.fit(points, batch_size=32, epochs=1, verbose=0)
    broken.save(tmp_path / "gan.keras")
    resumed = kgan.load(tmp_path / "gan.keras")
    assert_same(state(resumed), state(broken))
    resumed.fit(points, batch_size=32, epochs=1, verbose=0)
    assert_same(state(resumed), state(whole))


@pytest.mark.slow
def test_so_it_does_in_a_new_process_on_a_dataset_with_xla(points, tmp_path):
    script = """
import sys, keras, kgan
keras.utils.set_random_seed(1)
data = kgan.data.load("digits", batch_size=128, seed=3)
path, epochs = sys.argv[1], int(sys.argv[2])
if sys.argv[3] == "new":
    gan = kgan.models.VanillaGAN((8, 8, 1), "stable")
    gan.compile()
else:
    gan = kgan.load(path)
gan.fit(data, epochs=epochs, verbose=0)
gan.save(path)
"""
    whole, broken = tmp_path / "whole.keras", tmp_path / "broken.keras"
    for path, epochs, start in ((whole, 2, "new"), (broken, 1, "new"), (broken, 1, "old")):
        subprocess.run([sys.executable, "-c", script, path, str(epochs), start], check=True)
    assert_same(state(kgan.load(whole)), state(kgan.load(broken)))


@pytest.mark.slow
def test_keras_backup_and_restore_resumes_too(made, points, tmp_path):
    whole = made()
    whole.fit(points, batch_size=32, epochs=3, verbose=0)

    class Crash(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("power cut")

    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(RuntimeError, match="power cut"):
        made().fit(points, batch_size=32, epochs=3, verbose=0, callbacks=[backup, Crash()])
    resumed = made()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    resumed.fit(points, batch_size=32, epochs=3, verbose=0, callbacks=[backup])
    assert_same(state(resumed), state(whole))


@keras.saving.register_keras_serializable("test")
class Remembering(kgan.Term):
    """A term with state, as LeCam's averages are."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.average = keras.Variable(0.0, trainable=False, name="average")

    def __call__(self, turn):
        self.average.assign(0.9 * self.average + 0.1 * keras.ops.mean(turn.real_scores))
        return 0.0 * keras.ops.mean(turn.real_scores)


@keras.saving.register_keras_serializable("test")
class Balanced(kgan.GAN):
    """A family with a variable of its own, as BEGAN's k is."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.k = self.add_weight(name="k", shape=(), initializer="zeros", trainable=False)


def test_state_of_terms_and_of_families_is_saved(networks, points, tmp_path):
    gan = Balanced(*networks())
    gan.compile(terms=[Remembering()], jit_compile=False)
    gan.fit(points, batch_size=32, verbose=0)
    gan.k.assign(0.7)
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert float(loaded.k) == pytest.approx(0.7)
    assert float(gan.terms[0].average) != 0.0
    assert float(loaded.terms[0].average) == float(gan.terms[0].average)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"discriminator_steps": 2}])
def test_a_run_resumed_within_an_epoch_of_any_length_equals_the_unbroken(
    made, settings, points, tmp_path
):
    class Cut(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.iterations) == 8:
                raise KeyboardInterrupt

    def fit(gan, *callbacks):
        # Eight batches a pass, five steps an epoch: epochs and passes go their own ways.
        data = kgan.data.from_arrays(points, batch_size=32, seed=4)
        gan.fit(data, epochs=3, steps_per_epoch=5, verbose=0, callbacks=list(callbacks))

    def fresh():
        gan = made()
        gan.compile(**settings, jit_compile=False)
        return gan

    whole, broken, resumed = fresh(), fresh(), fresh()
    fit(whole)
    folder = tmp_path / "checkpoints"
    with pytest.raises(KeyboardInterrupt):
        fit(broken, kgan.callbacks.Checkpoint(folder, every_steps=1), Cut())
    fit(resumed, kgan.callbacks.Checkpoint(folder, every_steps=1, resume=True))
    assert int(whole.iterations) == int(resumed.iterations) == 15
    assert_same(state(resumed), state(whole))


def test_compile_settings_come_back(made, tmp_path):
    made().save(tmp_path / "gan.keras")
    gan = kgan.load(tmp_path / "gan.keras")
    assert gan.loss.real_label == 0.9
    assert [(t.name, t.every) for t in gan.terms] == [("r1", 3), ("gradient_penalty", 1)]
    assert gan.average.decay == 0.9
    assert gan.generate(5, seed=1).shape == (5, 2)
    bare = kgan.load(tmp_path / "gan.keras", compile=False)
    assert not bare.compiled


def test_full_training_state_goes_through_weights_alone(made, points, tmp_path):
    gan = made()
    gan.fit(points, batch_size=32, verbose=0)
    gan.save_weights(tmp_path / "state.weights.h5")
    other = made()
    other.load_weights(tmp_path / "state.weights.h5")
    assert_same(state(other), state(gan))


@pytest.mark.slow
def test_the_saved_model_serves_where_kgan_cannot_be_imported(made, points, tmp_path):
    gan = made()
    gan.fit(points, batch_size=32, verbose=0)
    raw = [w.numpy() for w in gan.generator.weights]
    gan.export(tmp_path / "serving")
    for before, after in zip(raw, gan.generator.weights, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    latents = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    np.save(tmp_path / "latents.npy", latents)
    script = f"""
import sys, json
sys.modules["kgan"] = None
import numpy as np, tensorflow as tf
model = tf.saved_model.load(r"{tmp_path / "serving"}")
served = model.serve(np.load(r"{tmp_path / "latents.npy"}")).numpy().tolist()
named = model.signatures["serve"](latents=np.load(r"{tmp_path / "latents.npy"}"))
drawn = model.sample(tf.constant(4), tf.constant(9, tf.int64)).numpy().tolist()
assert "kgan.gan" not in sys.modules
print(json.dumps([served, drawn, sorted(model.signatures)]))
"""
    answer = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    served, drawn, signatures = json.loads(answer.stdout.splitlines()[-1])
    np.testing.assert_allclose(served, gan.generate(latents=latents), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(drawn, gan.generate(4, seed=9), rtol=1e-5, atol=1e-6)
    assert {"serve", "sample"} <= set(signatures)


def test_what_load_refuses(tmp_path, networks):
    with pytest.raises(InputError, match="no file"):
        kgan.load(tmp_path / "nothing.keras")
    (tmp_path / "torn.keras").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="cannot be read"):
        kgan.load(tmp_path / "torn.keras")
    networks()[0].save(tmp_path / "generator.keras")
    with pytest.raises(InputError, match="not a GAN"):
        kgan.load(tmp_path / "generator.keras")


def test_summary_counts_both_networks(gan, capsys):
    gan.compile()
    lines = []
    gan.summary(print_fn=lines.append)
    text = "\n".join(str(line) for line in lines)
    assert "generator" in text
    assert "discriminator" in text


class Unserializable(keras.Model):
    """A network without `get_config`, as in most tutorials."""

    def __init__(self, width):
        super().__init__()
        self.last = keras.layers.Dense(width)

    def call(self, inputs):
        return self.last(inputs)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_save_that_fails_leaves_the_old_file(gan, networks, tmp_path, monkeypatch):
    gan.compile()
    gan.save(tmp_path / "gan.keras")
    gan.save_weights(tmp_path / "gan.weights.h5")
    gan.save(tmp_path / "unzipped", zipped=False)
    gan.export(tmp_path / "serving")
    before = files(tmp_path)
    other = kgan.GAN(Unserializable(2), networks()[1], latents=3)
    other.compile()
    with pytest.raises(InputError, match="gan.keras.*get_config"):
        other.save(tmp_path / "gan.keras")

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gan, "save_own_variables", full)
    monkeypatch.setattr("tensorflow.saved_model.save", full)
    for write, name in (
        (gan.save, "gan.keras"),
        (gan.save_weights, "gan.weights.h5"),
        (lambda path: gan.save(path, zipped=False), "unzipped"),
        (gan.export, "serving"),
    ):
        with pytest.raises(OSError, match=name):
            write(tmp_path / name)
    assert files(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {
        "gan.keras", "gan.weights.h5", "unzipped", "serving",
    }  # fmt: skip


def test_saving_takes_the_names_of_its_formats(gan, tmp_path, monkeypatch):
    gan.compile()
    for write, name in (
        (gan.save, "gan.h5"),
        (gan.save, "gan"),
        (gan.save_weights, "gan.h5"),
        (gan.save, 3),
    ):
        with pytest.raises(InputError, match="filepath" if name == 3 else r"\.weights\.h5"):
            write(name)
    gan.save_weights("gan.weights.json", max_shard_size=1)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["gan.weights.json", "gan_00000.weights.h5"]
    gan.load_weights("gan.weights.json")
    gan.save(str(tmp_path / "gan.keras"))
    before = files(tmp_path)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    gan.save("gan.keras", overwrite=False)
    assert files(tmp_path) == before


def test_saving_makes_no_optimizers(gan, tmp_path, monkeypatch):
    """Keras makes one for each that it saves or loads, and its variables are never freed."""
    gan.compile()
    keras.utils.clear_session()
    gan.save_weights(tmp_path / "a.weights.h5")
    made = []
    monkeypatch.setattr(
        keras.optimizers.Optimizer, "__init__", lambda *values, **named: made.append(values)
    )
    gan.save_weights(tmp_path / "b.weights.h5")
    gan.load_weights(tmp_path / "b.weights.h5")
    gan.save(tmp_path / "c.keras")
    assert made == []


def test_an_export_replaces_its_own_alone(gan, tmp_path):
    for _ in range(2):
        gan.export(tmp_path / "serving")
    (tmp_path / "serving" / "thesis.txt").write_text("x")
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"thesis\.txt"):
        gan.export(tmp_path / "serving")
    gan.save(tmp_path / "serving2", zipped=False)
    (tmp_path / "serving2" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"notes\.txt"):
        gan.save(tmp_path / "serving2", zipped=False)
    assert before.items() <= files(tmp_path).items()


def test_damaged_weights_are_not_loaded(networks, points, tmp_path):
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(jit_compile=False)
    gan.fit(points, batch_size=64, verbose=0, callbacks=[kgan.callbacks.Checkpoint(tmp_path)])
    weights = kgan.callbacks.latest(tmp_path).weights
    gan.save_weights(tmp_path / "own.weights.h5")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    before = gan.generate(2, seed=0)
    with pytest.raises(kgan.InputError, match=r"state\.weights\.h5 has changed.*latest"):
        gan.load_weights(weights)
    os.truncate(tmp_path / "own.weights.h5", 900)
    with pytest.raises(kgan.InputError, match=r"own\.weights\.h5 cannot be read"):
        gan.load_weights(tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(gan.generate(2, seed=0), before)

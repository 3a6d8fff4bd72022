import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from stand_in import StandIn
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

import kgan
from kgan.callbacks import TensorBoard


class Events:
    """The events of one run, read by TensorBoard's own reader."""

    def __init__(self, folder):
        self.reader = EventAccumulator(str(folder), size_guidance={"tensors": 0})
        self.reader.Reload()
        self.tags = set(self.reader.Tags()["tensors"])

    def plugin(self, tag):
        return self.reader.SummaryMetadata(tag).plugin_data.plugin_name

    def steps(self, tag):
        return [event.step for event in self.reader.Tensors(tag)]

    def values(self, tag):
        return [tensor_util.make_ndarray(e.tensor_proto) for e in self.reader.Tensors(tag)]

    def scalars(self, tag):
        assert self.plugin(tag) == "scalars"
        return [float(value) for value in self.values(tag)]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """The logs of a real GAN: 3 epochs of 4 steps, with everything on."""
    folder = tmp_path_factory.mktemp("logs")
    images = np.tanh(np.random.default_rng(0).normal(size=(32, 4, 4, 1))).astype("float32")
    layers = keras.layers
    generator = keras.Sequential(
        [keras.Input((3,)), layers.Dense(16, "tanh", name="dense"), layers.Reshape((4, 4, 1))]
    )
    discriminator = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1, name="dense")]
    )
    gan = kgan.GAN(generator, discriminator, seed=1)
    gan.compile(
        keras.optimizers.Adam(0.004),
        keras.optimizers.Adam(0.001),
        penalties=[kgan.penalties.R1(1.0)],
        jit_compile=False,
    )
    callback = TensorBoard(
        folder, histogram_freq=2, write_images=True, write_steps_per_second=True, update_freq=5
    )
    history = gan.fit(
        images, batch_size=8, epochs=3, verbose=0, validation_data=images, callbacks=[callback]
    )
    return Events(folder / "train"), Events(folder / "validation"), history.history


def test_scalars_of_epochs(logs):
    train, validation, history = logs
    for name in ("d_loss", "g_loss", "d_real", "d_fake", "r1"):
        assert train.scalars(f"epoch_{name}") == pytest.approx(history[name])
        assert train.steps(f"epoch_{name}") == [0, 1, 2]
    assert validation.scalars("epoch_d_loss") == pytest.approx(history["val_d_loss"])
    assert validation.steps("evaluation_g_loss_vs_iterations") == [4, 8, 12]
    assert min(train.scalars("epoch_steps_per_second")) > 0


def test_learning_rates(logs):
    train = logs[0]
    assert train.scalars("epoch_d_learning_rate") == pytest.approx([0.004] * 3)
    assert train.scalars("epoch_g_learning_rate") == pytest.approx([0.001] * 3)


def test_scalars_of_steps(logs):
    train = logs[0]
    for name in ("d_loss", "g_loss", "r1", "d_learning_rate", "steps_per_second"):
        assert train.steps(f"batch_{name}") == [5, 10]
        assert np.isfinite(train.scalars(f"batch_{name}")).all()


def test_pictures_of_samples(logs):
    train = logs[0]
    assert train.plugin("preview/samples") == "images"
    assert train.steps("preview/samples") == [0, 1, 2]
    width, height, png = train.values("preview/samples")[-1][:3]
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.size == (int(width), int(height))
        assert picture.width == picture.height > 150


def test_histograms_of_both_networks(logs):
    train = logs[0]
    for network, size in (("generator", 3 * 16), ("discriminator", 16)):
        tag = f"{network}/dense/kernel/histogram"
        assert tag in train.tags, sorted(t for t in train.tags if "histogram" in t)
        assert train.plugin(tag) == "histograms"
        assert train.steps(tag) == [0, 2]
        assert train.values(tag)[0][:, 2].sum() == size
        assert train.plugin(f"{network}/dense/kernel/image") == "images"


def test_the_networks_layers(logs):
    for name in ("generator", "discriminator"):
        assert logs[0].plugin(name) == "graph_keras_model"
        assert b"Dense" in logs[0].values(name)[0].item()


def test_several_steps_an_execution_and_a_resumed_count(tmp_path):
    model = StandIn(steps=12).ready(steps_per_execution=3)
    model.iterations.assign(100)
    model.run(1, TensorBoard(tmp_path, update_freq=5, samples_freq=0))
    train = Events(tmp_path / "train")
    assert train.steps("batch_d_loss") == [106, 112]
    assert "preview/samples" not in train.tags


def test_only_epochs_by_default_and_on_the_disk_after_each(tmp_path):
    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert Events(tmp_path / "train").steps("epoch_g_loss") == list(range(epoch + 1))

    StandIn().ready().run(2, TensorBoard(tmp_path, samples_freq=2), Look())
    train = Events(tmp_path / "train")
    assert train.steps("preview/samples") == [1]
    assert not [tag for tag in train.tags if tag.startswith("batch_") or "histogram" in tag]


def test_finish_after_an_interruption(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    callback = TensorBoard(tmp_path, update_freq="batch")
    model = StandIn().ready()
    with pytest.raises(KeyboardInterrupt):
        model.run(1, callback, Interrupt())
    callback.finish()
    assert Events(tmp_path / "train").steps("batch_d_loss") == [1]
    model.run(1, callback)
    # Two files of the same second are read in the order of their names, not of their writing.
    assert sorted(Events(tmp_path / "train").steps("batch_d_loss")) == [1, 2, 3, 4, 5, 6]


def test_profile(tmp_path):
    StandIn().ready().run(1, TensorBoard(tmp_path, profile_batch=(2, 3)))
    assert list(tmp_path.rglob("*.xplane.pb"))


def test_an_unwritable_folder_is_found_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    model = StandIn().ready()
    with pytest.raises(kgan.InputError, match="file"):
        model.run(1, TensorBoard(tmp_path / "file" / "logs"))
    assert int(model.iterations) == 0


def test_a_full_disk_is_one_clear_error(tmp_path, monkeypatch):
    model, callback = StandIn().ready(), TensorBoard(tmp_path)

    def full():
        raise tf.errors.ResourceExhaustedError(
            None, None, "No space left; Could not flush events file."
        )

    callback.set_model(model)
    monkeypatch.setattr(callback._train_writer, "flush", full)
    with pytest.raises(kgan.InputError, match="Free some space"):
        callback.on_epoch_end(0, {"g_loss": 1.0})


@pytest.mark.parametrize(
    "given",
    [
        {"update_freq": "step"},
        {"update_freq": 0},
        {"histogram_freq": -1},
        {"samples_freq": -1},
        {"count": 0},
        {"profile_batch": (3, 2)},
        {"log_dir": "caf\udce9"},
    ],
)
def test_bad_arguments(tmp_path, given):
    with pytest.raises(kgan.InputError):
        TensorBoard(**{"log_dir": tmp_path, **given})

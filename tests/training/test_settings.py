"""`compile`: an error changes nothing, and a plain function may serve as a penalty or term."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "hing"},
        {"penalties": ["r9"]},
        {"metrics": ["nothing"]},
        {"d_optimizer": "adm"},
        {"ema": 2.0},
        {"terms": [kgan.penalties.R1(name="d_loss")]},
        {"discriminator_steps": 0},
        {"optimizers": {"encoder": "adam"}},
        {"jit_compile": "yes"},
        {"terms": [kgan.Term(player="critic", name="lost")]},
    ],
)
def test_a_compile_that_is_refused_leaves_all_as_it_was(wrong, networks, points):
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(loss="hinge", penalties=["r1"], ema=0.9, run_eagerly=True)

    def settings():
        return [gan.loss, gan.average, gan.d_optimizer, gan.logs, *gan.terms, *gan.players]

    kept = settings()
    given = {"discriminator_steps": 3, "joint_batch": True} | wrong
    with pytest.raises(InputError):
        gan.compile(**given)
    assert [id(thing) for thing in settings()] == [id(thing) for thing in kept]
    assert gan.discriminator_steps == 1 and gan.joint_batch is False and gan.run_eagerly
    gan.fit(points[:64], batch_size=32, verbose=0)
    assert int(gan.iterations) == 2


def test_a_function_among_the_penalties_is_the_discriminators(networks, points):
    def drift(turn):
        return 1e-3 * keras.ops.mean(keras.ops.square(turn.real_scores))

    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(penalties=[drift], terms=[lambda turn: keras.ops.mean(turn.fake)], run_eagerly=True)
    assert [(term.name, term.player) for term in gan.terms] == [
        ("drift", "discriminator"),
        ("term", "generator"),
    ]


@pytest.mark.filterwarnings("ignore:The term")
def test_a_lambda_comes_back_by_name(networks, points, tmp_path):
    term = lambda turn: keras.ops.mean(turn.fake)  # noqa: E731
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(terms=[term], run_eagerly=True)
    gan.save(tmp_path / "gan.keras")
    with pytest.raises(InputError, match="was a lambda.*custom_objects"):
        kgan.load(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras", custom_objects={"term": term})
    assert loaded.terms[0].function is term


@pytest.mark.filterwarnings("ignore:The term", "ignore:The object being serialized")
def test_a_lambda_is_run_by_safe_mode_false_alone(networks, points, tmp_path):
    def of(*terms, last=()):
        generator, discriminator = networks()
        gan = kgan.GAN(
            keras.Sequential([keras.Input((3,)), generator, *last]), discriminator, seed=1
        )
        gan.compile(terms=terms, run_eagerly=True)
        gan.save(tmp_path / "gan.keras")
        return gan

    def load(**how):
        return kgan.load(tmp_path / "gan.keras", **how)

    of(lambda turn: 3.0 * keras.ops.mean(turn.fake**2))
    with pytest.raises(InputError, match="is code that loading would run.*safe_mode=False"):
        load()
    loaded = load(safe_mode=False)
    turn = SimpleNamespace(fake=np.array([1.0, 3.0], "float32"))
    assert float(loaded.terms[0](turn)) == 15.0
    loaded.fit(points[:64], batch_size=32, verbose=0)
    # By its name in the logs, with what it uses around it.
    loaded.save(tmp_path / "gan.keras")
    assert float(load(safe_mode=False).terms[0](turn)) == 15.0

    elsewhere = networks
    of(lambda turn: elsewhere(turn))
    with pytest.raises(InputError, match="custom_objects"):
        load(safe_mode=False)
    of(lambda turn: asserted(turn.fake))  # noqa: F821
    with pytest.raises(InputError, match="uses asserted, which no file holds"):
        load(safe_mode=False)

    gan = of(last=[keras.layers.Lambda(lambda x: 2.0 * x)])
    with pytest.raises(InputError, match="holds a lambda.*safe_mode=False"):
        load()
    np.testing.assert_array_equal(
        load(safe_mode=False).generate(3, seed=0), gan.generate(3, seed=0)
    )
    of(last=[keras.layers.Lambda(lambda x: tf.identity(x))])
    with pytest.raises(InputError, match="name 'tf' is not defined"):
        load(safe_mode=False)


@pytest.mark.parametrize("asked", [False, None])
def test_keras_own_layers_and_adam_by_an_argument_and_by_the_environment(
    asked, networks, points, monkeypatch
):
    from kgan.training.execution import loops

    if asked is None:
        monkeypatch.setenv("KGAN_ACCELERATE", "0")
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile("adam", "adam", accelerate=asked, jit_compile=False)
    assert gan.accelerate is False
    graph = loops.train_step(gan, False).get_concrete_function(tf.zeros((32, 2))).graph
    assert "ResourceApplyAdam" not in str(graph.as_graph_def())
    monkeypatch.delenv("KGAN_ACCELERATE", raising=False)
    gan.compile("adam", "adam", jit_compile=False)
    graph = loops.train_step(gan, False).get_concrete_function(tf.zeros((32, 2))).graph
    assert "ResourceApplyAdam" in str(graph.as_graph_def())


def test_a_callback_list_and_a_generator_that_ends(networks, points):
    gan = kgan.GAN(*networks(), seed=1)
    gan.compile(run_eagerly=True)
    seen = []
    callbacks = keras.callbacks.CallbackList(
        [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))]
    )
    batches = (points[start : start + 32] for start in range(0, 96, 32))
    held_out = (points[start : start + 32] for start in range(0, 64, 32))
    with pytest.warns(UserWarning, match="ran out in epoch 1 of 5"):
        history = gan.fit(batches, epochs=5, verbose=0, callbacks=callbacks).history
    assert seen == [0] and int(gan.iterations) == 3
    # Validation sees the same batches again.
    history = gan.fit(points, batch_size=64, epochs=3, verbose=0, validation_data=held_out).history
    assert len(history["val_d_loss"]) == 3 and np.isfinite(history["val_d_loss"]).all()
    assert 0.0 not in history["val_d_real"]


def test_an_undeclared_log_is_named(networks, points):
    class Talks(kgan.GAN):
        def observe(self, player, loss, turn):
            super().observe(player, loss, turn)
            self.logs.track("extra", loss)

    gan = Talks(*networks(), seed=1)
    gan.compile(run_eagerly=True)
    with pytest.raises(InputError, match="log 'extra'.*game_logs"):
        gan.fit(points[:32], batch_size=32, verbose=0)


def test_white_images_in_float16_train(networks):
    gan = kgan.GAN(*networks(sample_shape=(32, 32, 4)), data_range=(-1, 1), seed=1)
    gan.compile(run_eagerly=True)
    white = np.ones((32, 32, 32, 4), "float16")
    gan.fit(tf.data.Dataset.from_tensor_slices(white).batch(32), verbose=0)
    assert int(gan.iterations) == 1

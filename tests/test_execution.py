"""The choices of XLA and of the steps an execution, and that they change no number."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import bridge
from kgan.training.execution import adam, loops
from kgan.training.execution import choice as execution


def dataset(points, batch=32):
    return tf.data.Dataset.from_tensor_slices(points).batch(batch, drop_remainder=True)


class Steps(keras.callbacks.Callback):
    """Keeps the steps at which it was asked."""

    def __init__(self, between=None):
        super().__init__()
        self.steps_between, self.seen = between, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(int(self.model.iterations))


@pytest.fixture
def slow_enough(monkeypatch):
    """As if a step took 10 ms with XLA and 20 without; the trial itself is run."""
    real = execution._seconds_per_step

    def seconds(model, data, xla, steps=1):
        real(model, data, xla, steps)
        return 0.01 if xla else 0.02

    monkeypatch.setattr(execution, "_seconds_per_step", seconds)
    monkeypatch.setattr(execution, "_LEAST_SECONDS_FOR_XLA", 0.1)
    monkeypatch.setattr(execution, "_xla_may_help", lambda model: True)


def trained(networks, points, epochs=4, **settings):
    keras.utils.set_random_seed(3)
    gan = kgan.GAN(*networks(batch_norm=True, dropout=0.3), seed=0)
    gan.compile(penalties=[kgan.penalties.R1(1.0, every=3)], ema=0.9, **settings)
    history = gan.fit(points, batch_size=32, epochs=epochs, verbose=0)
    return gan, history.history


def state(gan):
    return [v.numpy() for v in [*gan.variables, *gan.d_optimizer.variables, gan.iterations]]


@pytest.mark.slow
def test_the_trial_leaves_no_trace_and_resumes_bit_for_bit(
    networks, points, slow_enough, monkeypatch, tmp_path
):
    monkeypatch.setattr(execution, "_xla_may_help", lambda model: False)
    tried, history = trained(networks, points)
    assert tried.steps_per_execution == 4 and tried.jit_compile is False
    told, plain = trained(networks, points, jit_compile=False, steps_per_execution=1)
    assert history == plain
    for a, b in zip(state(tried), state(told), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_xla_is_taken_where_it_is_faster_and_kept(networks, points, slow_enough, tmp_path):
    gan, _ = trained(networks, points)
    assert gan.jit_compile is True and gan.steps_per_execution == 4
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    assert loaded.xla_choice == 1
    loaded.fit(points, batch_size=32, epochs=1, verbose=0)
    assert loaded.jit_compile is True
    gan.compile()
    assert gan.xla_choice == -1 and not gan.jit_compile


@pytest.mark.slow
def test_a_run_goes_on_as_its_checkpoint_began(networks, points, tmp_path):
    """Though the decision comes with the state, after the fit has begun."""
    for begins in (True, False):
        gan = kgan.GAN(*networks(), seed=0)
        gan.compile()
        if begins:
            gan.xla_choice = 1
        callback = kgan.callbacks.Checkpoint(tmp_path, resume=not begins)
        gan.fit(dataset(points), epochs=2 if begins else 4, verbose=0, callbacks=[callback])
        assert gan.jit_compile is True and gan.xla_choice == 1
    assert int(gan.iterations) == 4 * 8


@pytest.mark.slow
def test_xla_is_not_tried_in_short_trainings(networks, points, slow_enough, monkeypatch):
    monkeypatch.setattr(execution, "_LEAST_SECONDS_FOR_XLA", 10.0)
    gan, _ = trained(networks, points)
    assert gan.jit_compile is False and gan.xla_choice == -1


@pytest.mark.slow
def test_xla_takes_the_same_steps(networks, points):
    """Latents included: the random numbers are the same."""

    def run(jit, steps):
        keras.utils.set_random_seed(3)
        gan = kgan.GAN(*networks(batch_norm=True), seed=0)
        gan.compile(penalties=["gradient_penalty"], jit_compile=jit, steps_per_execution=steps)
        history = gan.fit(points, batch_size=32, epochs=2, verbose=0).history
        return [*state(gan), gan.generate(5, seed=1), *history.values()]

    plain = run(False, 1)
    for steps in (1, 4, 5):
        for a, b in zip(run(True, steps), plain, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("most", "per_epoch", "endless", "every", "taken", "expected"),
    [
        (50, 600, False, [], 0, 50),
        (50, 937, False, [], 0, 50),  # a prime: the last execution is shorter
        (50, 13, False, [], 0, 13),
        (50, 64, False, [], 0, 32),  # of one length
        (50, 937, True, [], 0, 1),  # only Keras counts, in executions
        (50, 600, False, [500], 0, 50),
        (50, 600, False, [1], 0, 1),
        (50, 600, False, [70], 0, 10),
        (50, 937, False, [1874], 0, 50),  # every other epoch
        (50, 600, False, [500], 25, 25),  # from where a run goes on
        (50, 600, True, [], 25, 50),
        (50, None, False, [], 0, 50),
        (50, None, False, [500], 0, 1),
    ],
)
def test_how_many_steps_an_execution(most, per_epoch, endless, every, taken, expected):
    assert execution._steps(most, per_epoch, endless, every, taken) == expected


def test_who_looks_at_steps(tmp_path):
    callbacks = [
        (keras.callbacks.TerminateOnNaN(), []),
        (keras.callbacks.ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True), []),
        (
            keras.callbacks.ModelCheckpoint(
                tmp_path / "b.weights.h5", save_weights_only=True, save_freq=40
            ),
            [40],
        ),
        (keras.callbacks.BackupAndRestore(tmp_path), []),
        (keras.callbacks.LambdaCallback(on_epoch_end=print), []),
        (keras.callbacks.LambdaCallback(on_train_batch_end=print), [1]),
        (keras.callbacks.EarlyStopping("d_loss"), []),
        (keras.callbacks.TensorBoard(tmp_path, update_freq="batch"), [1]),
        (kgan.callbacks.TensorBoard(tmp_path), []),
        (kgan.callbacks.TensorBoard(tmp_path, update_freq=30), [30]),
        (kgan.callbacks.TensorBoard(tmp_path, profile_batch=(3, 5)), [1]),
        (kgan.callbacks.ImageSnapshot(tmp_path, every_steps=25), [25]),
        (kgan.callbacks.ImageSnapshot(tmp_path), []),
        (kgan.callbacks.Checkpoint(tmp_path, every_steps=35), [35]),
        (Steps(), []),
        (Steps(15), [15]),
    ]
    for callback, expected in callbacks:
        assert execution.intervals(callback) == expected, callback
    assert execution.intervals([c for c, _ in callbacks[1:3]]) == [40]
    assert execution.intervals(None) == []


def test_callbacks_see_the_steps_they_ask_for(networks, points):
    for between, expected in ((None, [8, 16, 24]), (4, list(range(4, 25, 4))), (1, range(1, 25))):
        gan = kgan.GAN(*networks())
        gan.compile()
        watch = Steps(between)
        gan.fit(dataset(points), epochs=3, verbose=0, callbacks=[watch])
        assert watch.seen == list(expected)


@pytest.mark.parametrize("batch", [23, 36])
def test_all_of_the_data_is_seen_once_an_epoch(networks, points, batch, monkeypatch):
    """Also where executions do not divide it, and in validation."""
    monkeypatch.setattr(execution, "_MOST_STEPS", 3)
    gan = kgan.GAN(*networks())
    gan.compile()
    gan.fit(
        dataset(points, batch),
        epochs=3,
        verbose=0,
        validation_data=dataset(points, batch).repeat(),
        validation_steps=4,
    )
    assert gan.steps_per_execution == 3
    assert int(gan.iterations) == 3 * (256 // batch)
    # Endless data whose epochs Keras counts.
    gan.fit(dataset(points, batch).repeat(), epochs=2, steps_per_epoch=25, verbose=0)
    assert int(gan.iterations) == 3 * (256 // batch) + 50


def test_training_uses_the_faster_kernels_and_gives_them_back():
    seen = []

    class Watched(keras.layers.Layer):
        def call(self, x):
            seen.append(["call" in vars(layer) for layer in (up, norm)])
            return x

    up, norm = keras.layers.Conv2DTranspose(1, 4, 2, "same"), keras.layers.BatchNormalization()
    generator = keras.Sequential([keras.Input((2, 2, 3)), up, norm, Watched()])
    discriminator = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    gan = kgan.GAN(generator, discriminator, latents=(2, 2, 3))
    images = np.zeros((64, 4, 4, 1), "float32")
    for settings, expected in (
        ({"jit_compile": True}, [True, False]),
        ({"jit_compile": False}, [not bridge.onednn(), True]),
        ({"run_eagerly": True}, [not bridge.onednn(), True]),
    ):
        gan.compile(**settings)
        seen.clear()
        gan.fit(images, batch_size=32, verbose=0)
        assert seen and all(each == expected for each in seen), settings
        assert not {"call"} & {*vars(up), *vars(norm)}


def test_adam_is_one_operation_a_weight_and_equals_keras(networks, points, monkeypatch):
    from kgan import optimizers

    def run(usual):
        if usual:
            monkeypatch.setattr(adam, "_is_plain", lambda optimizer: False)
        keras.utils.set_random_seed(3)
        gan = kgan.GAN(*networks(), seed=0)
        gan.compile(
            keras.optimizers.AdamW(1e-2, beta_1=0.5, weight_decay=0.1, clipnorm=0.5),
            optimizers.ScheduledAdam(
                keras.optimizers.schedules.ExponentialDecay(1e-2, 5, 0.9),
                beta_1=0.0,
                beta_2=keras.optimizers.schedules.PolynomialDecay(0.9, 10, 0.99),
            ),
            jit_compile=False,
        )
        gan.fit(points, batch_size=32, epochs=2, verbose=0)
        graph = loops.train_step(gan, False).get_concrete_function(tf.zeros((32, 2)))
        text = str(graph.graph.as_graph_def())
        return text.count('op: "ResourceApplyAdam"'), state(gan)

    count, ours = run(False)
    none, theirs = run(True)
    assert (count, none) == (8, 0)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("jit", [pytest.param(True, marks=pytest.mark.slow), False])
def test_an_update_that_is_not_finite_leaves_all_as_it_was(networks, points, jit):
    class Poison(kgan.Term):
        """Infinite in the third step."""

        def __call__(self, turn):
            third = tf.equal(turn.gan.iterations.value, 2)
            return tf.reduce_mean(turn.real_scores) * tf.where(third, np.inf, 1.0)

    def run(steps, **settings):
        keras.utils.set_random_seed(3)
        gan = kgan.GAN(*networks(), seed=0)
        gan.compile(terms=[Poison()], jit_compile=jit, **settings)
        gan.fit(dataset(points).take(steps), epochs=1, verbose=0)
        return gan

    with pytest.warns(UserWarning, match="1 of 6 updates were left out"):
        three = run(3)
    two = run(2)
    for one, other in ((three.discriminator, two.discriminator),):
        for a, b in zip(one.variables, other.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    for a, b in zip(three.d_optimizer.variables, two.d_optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert int(three.g_optimizer.iterations) == 3

"""What one process with two replicas does."""

import contextlib
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import replicas
from kgan.training import state


def values(gan):
    return {name: np.asarray(v.numpy()) for name, v in state.variables(gan).items()}


def assert_close(one, other, atol=1e-6, ignore=()):
    one, other = values(one), values(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        if not name.startswith(tuple(ignore)):
            np.testing.assert_allclose(other[name], value, atol=atol, rtol=0, err_msg=name)


@pytest.fixture
def pair(two, networks):
    """Makes the same GAN on one device and on two replicas, compiled by a function."""

    def make(compile=lambda gan: gan.compile(), **settings):
        made = []
        for strategy in (None, two):
            keras.utils.set_random_seed(1)
            with contextlib.nullcontext() if strategy is None else strategy.scope():
                gan = kgan.GAN(*networks(**settings), seed=1)
                compile(gan)
            made.append(gan)
        return made

    return make


def by(optimizer, **further):
    return lambda gan: gan.compile(
        optimizer(), optimizer(), **({"jit_compile": False, "steps_per_execution": 1} | further)
    )


def sgd():
    return keras.optimizers.SGD(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.RMSprop(1e-3, clipnorm=0.1),
        pytest.param(
            lambda: keras.optimizers.AdamW(1e-3, clipvalue=0.01, epsilon=1e-3),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda: keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_optimizers_get_the_gradient_of_the_whole_batch(pair, points, optimizer):
    one, several = pair(by(optimizer, log_gradient_norms=True))
    logs = [gan.fit(points, batch_size=64, epochs=2, verbose=0).history for gan in (one, several)]
    assert_close(one, several, 2e-6)
    for name, figures in logs[0].items():
        np.testing.assert_allclose(logs[1][name], figures, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_keras_own_layers_and_adam(pair, points):
    adam = lambda: keras.optimizers.Adam(1e-3, epsilon=1e-3)  # noqa: E731
    one, several = pair(by(adam, accelerate=False), dropout=0.3, batch_norm=True)
    with several.distribute_strategy.scope():
        several.synchronized = one.synchronized = True
    for gan in (one, several):
        gan.fit(points, batch_size=64, verbose=0)
    assert_close(one, several)


@pytest.mark.slow
def test_batches_that_cannot_be_divided_are_whole_on_each(pair, points):
    """Of 65 points in batches of 16 the last one has a single point."""
    one, several = pair(by(sgd), batch_norm=True)
    several.synchronized = True
    data = tf.data.Dataset.from_tensor_slices(points[:65]).batch(16)
    history = [gan.fit(data, validation_data=data, verbose=0).history for gan in (one, several)]
    assert several.steps_taken == 5
    assert_close(one, several)
    for name, figures in history[0].items():
        np.testing.assert_allclose(history[1][name], figures, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_statistics_of_a_users_networks_are_averaged(pair, points):
    """Each replica normalizes by its own part, unless a layer has `synchronized=True`."""
    _, several = pair(by(sgd), batch_norm=True)
    several.fit(points, batch_size=64, verbose=0)
    moving = [w for w in several.generator.weights if "moving" in w.path]
    assert moving
    for weight in moving:
        copies = [copy.numpy() for copy in weight.value.values]
        np.testing.assert_array_equal(*copies)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["diffaugment", "adaptive"])
def test_augmentation_of_the_whole_batch(pair, name):
    images = np.random.default_rng(0).uniform(-1, 1, (48, 8, 8, 3)).astype("float32")
    augmented = by(sgd, augment=name, penalties=["r1"], joint_batch=True)
    one, several = pair(augmented, sample_shape=(8, 8, 3))
    for gan in (one, several):
        gan.fit(images, batch_size=16, verbose=0)
    assert_close(one, several)


@pytest.mark.slow
def test_steps_of_an_execution(pair, points):
    one, several = pair(by(sgd, steps_per_execution=3))
    for gan in (one, several):
        gan.fit(points, batch_size=32, verbose=0)
    assert several.steps_taken == 8
    assert_close(one, several)


@pytest.mark.slow
def test_eagerly_and_on_one_batch(pair, points):
    one, several = pair(by(sgd, run_eagerly=True, discriminator_steps=2))
    for gan in (one, several):
        gan.fit(points[:64], batch_size=16, verbose=0)
        logs = gan.train_on_batch(points[:32], return_dict=True)
    assert np.isfinite(logs["d_loss"])
    assert several.steps_taken == 3
    assert_close(one, several)


@pytest.mark.slow
def test_float16_and_what_is_not_finite(two, networks, points):
    """A replica with a NaN in its part: no replica makes the update."""
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            with two.scope():
                gan = kgan.GAN(*networks(), seed=1, data_range=None)
                loud = kgan.terms.FunctionTerm(
                    lambda turn: tf.reduce_mean(
                        tf.where(turn.real[:, :1] > 50.0, np.nan, 0.0) * turn.real_scores
                    ),
                    name="loud",
                    player="discriminator",
                )
                gan.compile(sgd(), keras.optimizers.RMSprop(1e-3), terms=[loud], ema=0.9)
        finally:
            keras.config.set_dtype_policy("float32")
        for player in gan.players if policy == "mixed_float16" else ():
            player.optimizer.dynamic_scale.assign(8.0)
        gan.fit(points[:64], batch_size=32, verbose=0)
        before, counts = values(gan), [int(player.count.numpy()) for player in gan.players]
        assert counts == [2, 2]
        spoiled = points[:32].copy()
        spoiled[-1] = 100.0
        with pytest.warns(UserWarning, match="1 of 2 updates were left out"):
            gan.fit(spoiled, batch_size=32, verbose=0)
        after = values(gan)
        assert [int(player.count.numpy()) for player in gan.players] == [2, 3]
        for name in before:
            if name.startswith("discriminator"):
                np.testing.assert_array_equal(before[name], after[name], err_msg=name)
        assert any(
            not np.array_equal(before[name], after[name])
            for name in before
            if name.startswith("generator")
        )


def test_figures_are_those_of_one_device(pair, points):
    @keras.saving.register_keras_serializable("test")
    class FarFake(keras.metrics.Mean):
        """A plain Keras metric, whose counts are summed over the replicas."""

        def update_state(self, real, fake):
            return super().update_state(tf.norm(fake, axis=1))

    metrics = lambda: ["frechet_distance", kgan.metrics.Recall(k=3), FarFake(name="far")]  # noqa: E731
    one, several = pair(lambda gan: gan.compile(metrics=metrics(), jit_compile=False))
    # The last batch has 17 samples.
    data = tf.data.Dataset.from_tensor_slices(points[:113]).batch(32)
    figures = [gan.evaluate(data, verbose=0) for gan in (one, several)]
    assert figures[0].keys() == figures[1].keys()
    for name, figure in figures[0].items():
        assert figures[1][name] == pytest.approx(figure, rel=1e-4), name
    counts = several.evaluation_metrics[0].report()
    assert (counts["real"], counts["fake"]) == (113, 113)


def test_a_users_own_numbers_differ_between_replicas(two, networks):
    with two.scope():
        gan = kgan.GAN(*networks(), seed=1)
    drawn = tf.function(lambda: two.run(lambda: gan.draw(4, gan.next_seed())))()
    first, second = (part.numpy() for part in two.experimental_local_results(drawn))
    assert np.abs(first - second).max() > 0.1


def test_rows_are_those_of_the_whole_batch(two):
    """In blocks, such as real and generated samples in one batch."""
    numbers = tf.reshape(tf.range(24.0), [12, 2])

    def run(divided):
        with replicas.working_on(divided), replicas.samples(tf.constant(3)):
            mine = replicas.rows(tf.constant(6), lambda count: numbers[:count])
            return mine, replicas.whole(mine)

    for divided, count in ((True, 12), (False, 6)):
        found = tf.function(lambda d: two.run(run, (d,)), autograph=False)(tf.constant(divided))
        parts, wholes = (two.experimental_local_results(part) for part in found)
        for whole in wholes:
            np.testing.assert_array_equal(whole, numbers[:count])
        if divided:
            np.testing.assert_array_equal(parts[0][:3], numbers[:3])
            np.testing.assert_array_equal(parts[1][:3], numbers[3:6])
            np.testing.assert_array_equal(parts[1][3:], numbers[9:])


def test_the_deviation_of_a_batch_and_its_gradient(two):
    """MinibatchStdDev over two replicas has the values and gradients of one."""
    features = tf.random.stateless_normal([8, 3], [1, 2])
    layer = kgan.layers.MinibatchStdDev(group_size=4)

    def loss(inputs):
        return tf.reduce_sum(layer(inputs)[:, -1] * tf.reduce_sum(inputs**2, 1))

    with tf.GradientTape() as tape:
        tape.watch(features)
        value = loss(features)
    expected = tape.gradient(value, features)

    def run():
        place = tf.distribute.get_replica_context().replica_id_in_sync_group * 4
        part = features[place : place + 4]
        with replicas.working_on(tf.constant(True)), tf.GradientTape() as tape:
            tape.watch(part)
            value = loss(part)
        return tape.gradient(value, part)

    found = two.experimental_local_results(tf.function(lambda: two.run(run), autograph=False)())
    np.testing.assert_allclose(tf.concat(found, 0), expected, rtol=1e-4)


@pytest.mark.slow
def test_callbacks_resume_and_one_device_goes_on(pair, points, tmp_path):
    def callbacks(folder, resume):
        return [
            kgan.callbacks.Checkpoint(folder / "steps", every_steps=2, resume=resume),
            kgan.callbacks.ImageSnapshot(folder / "pictures", count=4, overwrite=True),
            kgan.callbacks.TensorBoard(folder / "logs", count=4),
            kgan.callbacks.CollapseMonitor(points, count=16),
            kgan.callbacks.Guard("roll_back", folder=folder / "steps"),
            keras.callbacks.CSVLogger(folder / "log.csv"),
        ]

    runs = {}
    for name in ("unbroken", "resumed"):
        folder = tmp_path / name
        folder.mkdir()
        one, several = pair(by(sgd))
        if name == "unbroken":
            several.fit(
                points, batch_size=32, epochs=3, verbose=0, callbacks=callbacks(folder, False)
            )
            runs[name] = several
            continue
        several.fit(points, batch_size=32, epochs=1, verbose=0, callbacks=callbacks(folder, False))
        one.fit(points, batch_size=32, epochs=3, verbose=0, callbacks=callbacks(folder, True))
        runs[name] = one
    assert_close(runs["unbroken"], runs["resumed"], ignore=("xla",))
    folders = [
        {path.relative_to(tmp_path / name).as_posix() for path in (tmp_path / name).rglob("*")}
        for name in runs
    ]
    events = [{path for path in folder if "tfevents" not in path} for folder in folders]
    assert events[0] == events[1]
    report = kgan.transfer.warm_start(pair()[1], runs["unbroken"])
    assert report.iterations == 24


@pytest.mark.slow
def test_saving_exporting_and_loading(pair, points, tmp_path):
    _, several = pair(by(sgd, ema=0.9))
    several.fit(points, batch_size=32, verbose=0)
    several.save(tmp_path / "gan.keras")
    several.export(tmp_path / "served", verbose=False)
    loaded = kgan.load(tmp_path / "gan.keras")
    assert_close(several, loaded, 0.0)
    samples = several.generate(4, seed=2)
    np.testing.assert_allclose(loaded.generate(4, seed=2), samples, atol=1e-6)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.sample(4, 2), samples, atol=1e-6)


@pytest.mark.slow
def test_what_is_said(two, networks, points):
    outside = kgan.GAN(*networks())
    with two.scope(), pytest.raises(kgan.InputError, match="outside the scope"):
        outside.compile()
    with two.scope():
        gan = kgan.GAN(*networks())
        gan.compile()
    with pytest.warns(UserWarning, match="cannot be divided evenly among 2 replicas"):
        gan.fit(points[:10], batch_size=5, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gan.fit(points[:16], batch_size=8, verbose=0)


@pytest.mark.slow
def test_data_that_the_user_has_divided(two, networks, points):
    with two.scope():
        gan = kgan.GAN(*networks())
        gan.compile(jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices(points[:64]).batch(16)
    gan.fit(two.experimental_distribute_dataset(data), epochs=2, verbose=0)
    assert gan.steps_taken == 8
    gan.fit(
        two.distribute_datasets_from_function(lambda context: data.unbatch().batch(8)), verbose=0
    )
    assert gan.steps_taken == 12


@pytest.mark.slow
def test_packs_and_their_penalty_are_those_of_one_device(two):
    data = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")
    made = []
    for strategy in (None, two):
        keras.utils.set_random_seed(1)
        with contextlib.nullcontext() if strategy is None else strategy.scope():
            gan = kgan.models.WGANGP((8, 8, 1), width=4, pack=2, seed=1)
            sgd = (keras.optimizers.SGD(1e-2) for _ in range(2))
            gan.compile(*sgd, discriminator_steps=1, augment="diffaugment", jit_compile=False)
        gan.fit(tf.data.Dataset.from_tensor_slices(data).batch(8), epochs=1, verbose=0)
        made.append(gan)
    assert_close(*made)

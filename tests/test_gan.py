"""The training step and the interface of the model, on networks small enough to check by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import losses
from kgan.errors import InputError
from kgan.training.gradients import gradients


def weights(network):
    return [w.numpy() for w in network.weights]


def changed(before, after):
    return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


def dataset(points, batch=32):
    return tf.data.Dataset.from_tensor_slices(points).batch(batch, drop_remainder=True)


# One player's turn.


@pytest.mark.parametrize("player", [0, 1])
def test_a_turn_changes_its_own_player_only_while_both_train(player, networks, points, take_turn):
    gan = kgan.GAN(*networks(batch_norm=True, dropout=0.3))
    modes = {"generator": set(), "discriminator": set()}
    for role, network in gan.networks.items():
        original = network.call

        def watched(*args, original=original, role=role, training=None, **kwargs):
            modes[role].add(training)
            return original(*args, training=training, **kwargs)

        network.call = watched
    gan.compile("adam", "adam", penalties=["r1", kgan.penalties.R2(every=2)], jit_compile=False)
    own, other = [gan.discriminator, gan.generator][:: 1 if player == 0 else -1]
    optimizer = [gan.d_optimizer, gan.g_optimizer][1 - player]
    before, slots = weights(other), [v.numpy() for v in optimizer.variables]
    own_before = weights(own)
    # Dropout's seed moves on with each use; averages and weights do not.
    take_turn(gan, gan.players[player].name, tf.constant(points[:32]))
    assert not any(changed(before, weights(other)))
    assert not any(changed(slots, [v.numpy() for v in optimizer.variables]))
    assert all(changed(own_before, weights(own)))
    assert modes == {"generator": {True}, "discriminator": {True}}


def test_the_other_players_batch_statistics_are_of_the_batch_at_hand(networks, points):
    """Inference mode in the other's turn would leave states alone too, and be wrong."""
    gan = kgan.GAN(*networks(batch_norm=True))
    gan.compile(jit_compile=False)
    norm = gan.discriminator.layers[2]
    norm.moving_mean.assign(norm.moving_mean + 100.0)
    with gan.state_kept():
        _, turn = gan.generator_plays(tf.constant(points[:32]), None)
        # Of the same batch statistics as before.
        expected = gan.discriminator(turn.fake, training=True)
    np.testing.assert_allclose(turn.fake_scores, expected, rtol=1e-5)


@pytest.mark.parametrize("loss", list(losses.BUILT_IN))
@pytest.mark.parametrize("player", [0, 1])
def test_gradients_equal_finite_differences(loss, player, networks, points, float64):
    gan = kgan.GAN(*networks(width=4), seed=3)
    gan.compile(loss=loss, penalties=["r1", "gradient_penalty"], jit_compile=False)
    real = tf.constant(points[:8].astype("float64"))
    player = gan.players[player]

    def again(function):
        gan._training_seeds.state.assign([3, 0])
        return function()

    def objective():
        value, turn = player.plays(real, None, None, {})
        terms = [t for t in gan.terms if t.player == player.name]
        return float(value + sum(t.weight * t(turn) for t in terms))

    analytic = again(lambda: gradients(gan, player, real, None)).gradients
    for variable, gradient in zip(player.variables, analytic, strict=True):
        start, index = variable.numpy(), tuple(0 for _ in variable.shape)
        sides = []
        for step in (1e-5, -1e-5):
            moved = start.copy()
            moved[index] += step
            variable.assign(moved)
            sides.append(again(objective))
        variable.assign(start)
        difference = (sides[0] - sides[1]) / 2e-5
        assert float(gradient[index]) == pytest.approx(difference, rel=1e-5, abs=1e-8)


def test_each_discriminator_step_gets_fresh_reals_and_latents(networks):
    seen, latents = [], []

    class Watching(kgan.GAN):
        def score(self, samples, condition=None, training=False):
            if training:
                seen.append(samples)
            return super().score(samples, condition, training)

        def draw(self, count, seed, truncation=None):
            latents.append(super().draw(count, seed, truncation))
            return latents[-1]

    gan = Watching(*networks())
    gan.compile(discriminator_steps=3, jit_compile=False, run_eagerly=True)
    real = np.arange(24, dtype="float32").reshape(12, 2)
    del seen[:], latents[:]
    gan.train_step(tf.constant(real))
    reals = np.concatenate(seen[0:6:2])
    np.testing.assert_array_equal(reals, real)
    assert len(latents) == 4
    assert len({tuple(np.ravel(z)) for z in latents}) == 4
    assert (int(gan.d_optimizer.iterations), int(gan.g_optimizer.iterations)) == (3, 1)


def test_fit_feeds_several_discriminator_steps_whole_batches(gan, points):
    gan.compile(discriminator_steps=4, jit_compile=False)
    gan.fit(dataset(points, 16), epochs=2, verbose=0)
    assert int(gan.iterations) == 2 * 256 // (16 * 4)
    assert int(gan.d_optimizer.iterations) == 32


def test_accumulation_equals_the_whole_batch(networks, points):
    results = []
    for slices in (1, 4):
        keras.utils.set_random_seed(11)
        gan = kgan.GAN(*networks(), latents=Repeating((3,)), seed=1)
        gan.compile(
            keras.optimizers.SGD(0.1),
            keras.optimizers.SGD(0.1),
            penalties=["r1"],
            accumulation_steps=slices,
            jit_compile=False,
        )
        gan.fit(dataset(points), epochs=1, verbose=0)
        results.append(np.concatenate([w.numpy().ravel() for w in gan.trainable_variables]))
    np.testing.assert_allclose(results[0], results[1], rtol=2e-4, atol=1e-6)


@keras.saving.register_keras_serializable("test")
class Repeating(kgan.latents.Latents):
    """The same eight latents over and over, so that slices of a batch see what the batch sees."""

    def sample(self, count, seed, truncation=None):
        eight = np.random.default_rng(1).normal(size=(8, *self.shape)).astype("float32")
        return tf.tile(eight, [-(-count // 8), 1])[:count]


def test_a_shared_forward_gives_the_gradients_of_two(networks, points):
    results = []
    for shared in (False, True):
        keras.utils.set_random_seed(5)
        gan = kgan.GAN(*networks(), latents=Repeating((3,)), seed=1)
        gan.compile(
            keras.optimizers.SGD(0.1),
            keras.optimizers.SGD(0.1),
            shared_forward=shared,
            terms=[spread],
            jit_compile=False,
        )
        gan.fit(dataset(points), epochs=1, verbose=0)
        results.append(np.concatenate([w.numpy().ravel() for w in gan.trainable_variables]))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4, atol=1e-6)


def spread(turn):
    return -keras.ops.mean(keras.ops.std(turn.fake, axis=0))


def test_a_shared_forward_moves_batch_norm_once(networks, points):
    gan = kgan.GAN(*networks(batch_norm=True))
    gan.compile(shared_forward=True, jit_compile=False)
    norm = gan.generator.layers[1]
    gan.fit(dataset(points[:32]), epochs=1, verbose=0)
    # One move of momentum 0.99 from variance 1: 0.99 + 0.01 v.
    assert np.all(norm.moving_variance.numpy() >= 0.99)


# Terms.


def test_a_lazy_penalty_has_the_mean_strength_of_an_eager_one(networks, points):
    """With plain gradient descent at a fixed point, k steps of either sum to the same."""
    totals = {}
    for every in (1, 4):
        keras.utils.set_random_seed(5)
        gan = kgan.GAN(*networks(), seed=1)
        frozen = keras.optimizers.SGD(0.0)
        gan.compile(
            frozen, keras.optimizers.SGD(0.0), penalties=[kgan.penalties.R1(3.0, every=every)]
        )
        player = gan.players[0]
        real, total = tf.constant(points[:16]), 0.0
        gan.loss = losses.Loss()
        gan.loss.discriminator = lambda real_scores, fake_scores: 0.0 * tf.reduce_sum(real_scores)
        for step in range(8):
            player.count.assign(step)
            found = gradients(gan, player, real, None).gradients
            total += np.concatenate([np.ravel(g) for g in found if g is not None])
        totals[every] = total
    np.testing.assert_allclose(totals[1], totals[4], rtol=1e-4, atol=1e-6)


def test_a_lazy_penalty_is_logged_from_the_steps_it_was_due(gan, points):
    gan.compile(
        keras.optimizers.SGD(0.0),
        keras.optimizers.SGD(0.0),
        penalties=[
            kgan.penalties.R1(2.0, every=1, name="always"),
            kgan.penalties.R1(2.0, every=3, name="seldom"),
        ],
        jit_compile=False,
    )
    history = gan.fit(dataset(points[:32], 32).repeat(6), epochs=1, verbose=0).history
    assert history["seldom"][0] == pytest.approx(history["always"][0], rel=1e-4)
    assert history["always"][0] > 0


def test_a_users_term_steers_the_generator(networks, points):
    """A term with a target of its own must move the samples there, through fit."""
    gan = kgan.GAN(*networks())

    class Near(kgan.Term):
        player = "generator"

        def __call__(self, turn):
            return keras.ops.mean(keras.ops.square(turn.generate(turn.latents) - 5.0))

    gan.compile("adam", keras.optimizers.Adam(0.05), terms=[Near(weight=10.0)], jit_compile=False)
    history = gan.fit(dataset(points), epochs=20, verbose=0).history
    np.testing.assert_allclose(gan.generate(200).mean(0), [5, 5], atol=0.5)
    assert history["near"][-1] < 0.1 * history["near"][0]


def test_term_weights_follow_schedules(gan, points):
    ramp = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.0, 1.0])
    gan.compile(penalties=[kgan.penalties.R1(gamma=ramp)], jit_compile=False)
    history = gan.fit(dataset(points[:128]), epochs=2, verbose=0).history
    assert history["r1"][0] == 0.0
    assert history["r1"][1] > 0.0


# Updates.


def test_clipping_bounds_the_update(gan, points, take_turn):
    gan.compile(
        keras.optimizers.SGD(1.0, global_clipnorm=1e-3), keras.optimizers.SGD(1.0, clipvalue=1e-5)
    )
    before = [weights(network) for network in (gan.discriminator, gan.generator)]
    take_turn(gan, "discriminator", tf.constant(points))
    take_turn(gan, "generator", tf.constant(points))
    moved = [
        np.concatenate([np.ravel(a - b) for a, b in zip(old, weights(network), strict=True)])
        for old, network in zip(before, (gan.discriminator, gan.generator), strict=True)
    ]
    assert np.linalg.norm(moved[0]) == pytest.approx(1e-3, rel=1e-2)
    assert np.abs(moved[1]).max() <= 1.01e-5


def test_a_non_finite_update_is_left_out(gan, points):
    gan.compile(terms=[lambda_term], jit_compile=False)
    gan.fit(dataset(points[:64]), epochs=1, verbose=0)
    assert all(np.isfinite(w).all() for w in weights(gan.generator))
    assert int(gan.g_optimizer.iterations) == 1
    assert int(gan.d_optimizer.iterations) == 2


def lambda_term(turn):
    """NaN at every step but the first."""
    step = keras.ops.cast(turn.gan.iterations, "float32")
    return keras.ops.mean(turn.fake) * keras.ops.sqrt(0.5 - step)


def test_gradient_norms_are_logged_on_request(gan, points):
    gan.compile(log_gradient_norms=True, jit_compile=False)
    history = gan.fit(dataset(points), epochs=1, verbose=0).history
    assert history["d_gradient_norm"][0] > 0
    assert history["g_gradient_norm"][0] > 0


def test_float16_gets_loss_scaling_for_both_players(networks, points):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        gan = kgan.GAN(*networks())
        gan.compile(penalties=["r1"], jit_compile=False)
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(gan.d_optimizer, keras.optimizers.LossScaleOptimizer)
    history = gan.fit(dataset(points), epochs=3, verbose=0).history
    assert np.isfinite(history["d_loss"][-1])
    assert all(np.isfinite(w).all() for w in weights(gan.generator))


def test_regularizers_of_a_network_count(points):
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    discriminator = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1e3))]
    )
    gan = kgan.GAN(generator, discriminator)
    gan.compile(keras.optimizers.Adam(0.05), "adam", jit_compile=False)
    gan.fit(dataset(points), epochs=10, verbose=0)
    assert np.abs(gan.discriminator.weights[0].numpy()).max() < 0.1


@pytest.mark.parametrize("role", ["generator", "discriminator"])
@pytest.mark.filterwarnings("error:Epoch")
def test_a_frozen_player_looks_on(role, networks, points):
    gan = kgan.GAN(*networks(batch_norm=True))
    gan.networks[role].trainable = False
    gan.compile(penalties=[kgan.penalties.R1(every=2)], jit_compile=False)
    before = weights(gan.networks[role])
    history = gan.fit(dataset(points), epochs=1, verbose=0).history
    assert not any(changed(before, weights(gan.networks[role])))
    assert history["d_loss"][0] > 0
    assert history["g_loss"][0] > 0


# The average.


def test_the_average_holds_batch_statistics_and_is_what_generates(networks, points):
    gan = kgan.GAN(*networks(batch_norm=True))
    gan.compile(ema=0.5, jit_compile=False)
    start = weights(gan.generator)
    gan.fit(dataset(points[:64]), epochs=1, verbose=0)
    # Two updates with decay min(0.5, (1 + t) / (10 + t)): 0.1 and 2/11.
    raw = weights(gan.generator)
    averaged = [a.numpy() for _, a in gan.average.pairs()]
    assert any(changed(raw, averaged)) and any(changed(start, averaged))
    latents = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    by_average = gan.generate(latents=latents)
    for weight, value in zip(gan.generator.weights, averaged, strict=True):
        weight.assign(value)
    np.testing.assert_allclose(by_average, gan.generator(latents, training=False), rtol=1e-5)


def test_the_average_follows_its_recursion(networks, points):
    gan = kgan.GAN(*networks())
    # Rates so high that one step more or less in the average would show.
    adam = [keras.optimizers.Adam(0.05), keras.optimizers.Adam(0.05)]
    gan.compile(*adam, ema=0.3, jit_compile=False)
    expected, history = weights(gan.generator), []

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            history.append(weights(self.model.generator))

    gan.fit(dataset(points), epochs=1, verbose=0, callbacks=[Record()])
    for step, now in enumerate(history):
        decay = min(0.3, (1 + step) / (10 + step))
        expected = [decay * e + (1 - decay) * w for e, w in zip(expected, now, strict=True)]
    for value, (_, average) in zip(expected, gan.average.pairs(), strict=True):
        np.testing.assert_allclose(average.numpy(), value, rtol=1e-4, atol=1e-6)


# Seeds and sampling.


def test_a_seeded_run_repeats(networks, points):
    runs = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        gan = kgan.GAN(*networks(dropout=0.2))
        gan.compile(jit_compile=False)
        gan.fit(points, batch_size=32, epochs=2, verbose=0)
        runs.append(weights(gan))
    assert not any(changed(*runs))


def test_generate_is_a_function_of_its_seed(gan):
    one = gan.generate(10, seed=3)
    np.testing.assert_array_equal(one, gan.generate(10, seed=3))
    np.testing.assert_allclose(one, gan.generate(10, seed=3, batch_size=4), rtol=1e-5, atol=1e-6)
    assert not np.allclose(one, gan.generate(10, seed=4))
    assert not np.allclose(gan.generate(10), gan.generate(10))
    assert one.shape == (10, 2) and one.dtype == np.float32
    np.testing.assert_array_equal(gan.generate(2, seed=2**40 + 1), gan.generate(2, seed=2**40 + 1))


def test_sampling_does_not_disturb_training(networks, points):
    runs = []
    for look in (False, True):
        keras.utils.set_random_seed(3)
        gan = kgan.GAN(*networks(dropout=0.2))
        gan.compile(jit_compile=False)

        class Look(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.generate(3)
                self.model.preview(4)

        held_out = points[:64] if look else None
        gan.fit(
            points,
            batch_size=32,
            epochs=2,
            verbose=0,
            callbacks=[Look()] if look else None,
            validation_data=held_out,
        )
        runs.append(weights(gan))
    assert not any(changed(*runs))


def test_predict_takes_latents(gan):
    latents = np.ones((5, 3), "float32")
    expected = gan.generate(latents=latents)
    np.testing.assert_allclose(gan.predict(latents, verbose=0), expected, rtol=1e-6)


# Evaluation.


class MeanDistance(keras.metrics.Mean):
    """Distance of the means of real and generated samples; counts how often it is asked."""

    asked = 0

    def update_state(self, real, fake):
        difference = keras.ops.mean(real, axis=0) - keras.ops.mean(fake, axis=0)
        super().update_state(keras.ops.norm(difference))

    def result(self):
        if not tf.inside_function():
            MeanDistance.asked += 1
        return super().result()


def test_metrics_are_reported_by_fit_and_evaluate_and_asked_once(gan, points, tmp_path):
    MeanDistance.asked = 0
    gan.compile(metrics=[MeanDistance(name="distance")], jit_compile=False)
    best = tmp_path / "best.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(
        str(best), monitor="val_distance", mode="min", save_best_only=True
    )
    held_out = dataset(points[:64], 32)
    history = gan.fit(
        points,
        batch_size=32,
        epochs=3,
        verbose=0,
        validation_data=held_out,
        callbacks=[checkpoint, keras.callbacks.EarlyStopping("val_distance", mode="min")],
    ).history
    assert MeanDistance.asked == 3
    assert best.exists()
    assert "distance" not in history
    again = gan.evaluate(held_out, verbose=0)
    assert set(again) == {"distance", "d_loss", "g_loss", "d_real", "d_fake"}
    assert again["distance"] == pytest.approx(history["val_distance"][-1], rel=1e-5)
    assert gan.evaluate(held_out, verbose=0) == again


def test_evaluation_scores_held_out_samples(gan, points):
    gan.compile(jit_compile=False)
    expected = float(np.mean(gan.discriminator(points[:64])))
    assert gan.evaluate(points[:64], batch_size=32, verbose=0)["d_real"] == pytest.approx(
        expected, rel=1e-4
    )


# Keras callbacks find what they look for.


def test_learning_rate_callbacks_keep_the_two_time_scales(gan, points):
    gan.compile(keras.optimizers.Adam(4e-4), keras.optimizers.Adam(1e-4), jit_compile=False)
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    gan.fit(points, batch_size=64, epochs=2, verbose=0, callbacks=[halve])
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(1e-4)
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(2.5e-5)


def test_steps_per_execution_changes_no_number(networks, points):
    runs = []
    for steps in (1, 3):
        keras.utils.set_random_seed(3)
        gan = kgan.GAN(*networks())
        gan.compile(steps_per_execution=steps, jit_compile=False)
        gan.fit(dataset(points), epochs=2, verbose=0)
        runs.append(weights(gan))
        assert int(gan.iterations) == 16
    for a, b in zip(*runs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_xla_and_plain_steps_agree(networks, points):
    """Given the same latents: XLA draws other numbers for a seed."""
    runs = []
    for jit in (False, True):
        keras.utils.set_random_seed(3)
        gan = kgan.GAN(*networks(batch_norm=True), latents=Repeating(3))
        # Adam would turn the rounding of a vanishing gradient into a whole step.
        sgd = [keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1)]
        gan.compile(*sgd, penalties=[kgan.penalties.R1(1.0, every=2)], ema=0.9, jit_compile=jit)
        gan.fit(dataset(points), epochs=1, verbose=0)
        runs.append([*weights(gan.generator), *weights(gan.discriminator)])
    for a, b in zip(*runs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_auto_jit_falls_back_where_a_layer_cannot_compile(points):
    class Python(keras.layers.Layer):
        def call(self, x):
            y = tf.numpy_function(lambda a: a, [x], tf.float32)
            y.set_shape(x.shape)
            return x + 0.0 * tf.stop_gradient(y)

    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), Python(), keras.layers.Dense(1)])
    gan = kgan.GAN(generator, discriminator)
    gan.compile()
    gan.fit(dataset(points), epochs=1, verbose=0)
    assert gan.jit_compile is False
    assert int(gan.iterations) == 8


# Any sample, any Keras input.


@pytest.mark.parametrize("shape", [(2,), (12, 1), (6, 6, 3), (3, 3, 3, 1)])
def test_any_shape_trains(shape, networks):
    gan = kgan.GAN(*networks(sample_shape=shape))
    gan.compile(jit_compile=False)
    gan.fit(np.random.rand(64, *shape).astype("float32"), batch_size=32, verbose=0)
    assert gan.generate(3).shape == (3, *shape)


def test_fit_takes_what_keras_takes(gan, points):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            return points[32 * index : 32 * (index + 1)], np.zeros(32)

    gan.compile(jit_compile=False)
    labels = np.zeros(256)
    taken = [
        (points, {"y": labels, "batch_size": 32}),
        (tf.constant(points), {"batch_size": 32}),
        (tf.data.Dataset.from_tensor_slices((points, labels)).batch(32), {}),
        (Batches(), {}),
        ((points[i : i + 32] for i in range(0, 256, 32)), {}),
    ]
    for count, (data, options) in enumerate(taken, 1):
        gan.fit(data, verbose=0, **options)
        assert int(gan.iterations) == 8 * count
    gan.fit(dataset(points), epochs=2, steps_per_epoch=11, verbose=0)
    assert int(gan.iterations) == 8 * len(taken) + 22


def test_any_two_networks_one_optimizer_object_is_refused(gan):
    shared = keras.optimizers.Adam()
    with pytest.raises(InputError, match="its own"):
        gan.compile(shared, shared)


# What families and users build on.


def test_a_vector_is_refused_where_a_scalar_belongs(gan, points):
    gan.compile(terms=[lambda turn: turn.fake * 0.0], jit_compile=False)
    with pytest.raises(InputError, match="The term 'term' must be a scalar"):
        gan.fit(dataset(points), verbose=0)

    class PerSample(losses.NonSaturating):
        def generator(self, fake_scores, real_scores=None):
            return keras.ops.softplus(-fake_scores)

    gan.compile(loss=PerSample(), jit_compile=False)
    with pytest.raises(InputError, match="The generator's loss must be a scalar"):
        gan.fit(dataset(points), verbose=0)


def test_embeddings_go_through_accumulation_and_lazy_terms(networks):
    discriminator = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Lambda(lambda x: keras.ops.cast(x > 0, "int32")),
            keras.layers.Embedding(2, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    gan = kgan.GAN(networks(sample_shape=(4,))[0], discriminator)

    @keras.saving.register_keras_serializable("test")
    class Weights(kgan.Term):
        def __call__(self, turn):
            return keras.ops.mean(turn.score(turn.real) ** 2)

    gan.generator.trainable = False
    gan.compile(terms=[Weights(every=2)], accumulation_steps=2, jit_compile=False)
    before = discriminator.layers[1].embeddings.numpy()
    gan.fit(np.random.randn(64, 4).astype("float32"), batch_size=16, verbose=0)
    assert changed([before], [discriminator.layers[1].embeddings.numpy()])[0]


def test_a_lazy_term_draws_latents_of_its_own(gan, points):
    drawn = []

    class Look(kgan.Term):
        def __call__(self, turn):
            drawn.append(turn.latents)
            return keras.ops.mean(turn.fake)

    gan.compile(terms=[Look(every=2)], run_eagerly=True)
    player = gan.players[0]
    original = player.plays

    def watched(*args):
        loss, turn = original(*args)
        drawn.append(turn.latents)
        return loss, turn

    player.plays = watched
    gan.train_step(tf.constant(points[:8]))
    # Of the turn, of the pass that the term is computed on, and what the term saw.
    assert len(drawn) == 3
    assert not np.allclose(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[1], drawn[2])


def test_two_critics_see_the_whole_batch_each(networks, points):
    """Players that play once a step share its batch; they are no repeats of one."""
    seen = []

    class TwoCritics(kgan.GAN):
        def defaults(self):
            return super().defaults() | {"c_optimizer": "sgd"}

        def make_players(self):
            first, generator = super().make_players()
            second = self.player("critic", self.discriminator_plays)
            second.networks, second.variables = first.networks, first.variables
            return [first, second, generator]

        def discriminator_plays(self, real, *others):
            seen.append(real.shape[0])
            return super().discriminator_plays(real, *others)

    gan = TwoCritics(*networks())
    gan.compile(run_eagerly=True)
    gan.train_step(tf.constant(points[:8]))
    assert seen == [8, 8]
    assert [int(p.count) for p in gan.players] == [1, 1, 1]


def test_regularizers_count_under_a_shared_forward_too(networks, points):
    results = []
    for shared in (False, True):
        keras.utils.set_random_seed(5)
        generator = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(2, activity_regularizer=keras.regularizers.L2(1.0)),
            ]
        )
        gan = kgan.GAN(generator, networks()[1], latents=Repeating(3), seed=1)
        sgd = [keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01)]
        gan.compile(*sgd, shared_forward=shared, jit_compile=False)
        gan.fit(dataset(points), verbose=0)
        results.append(gan.generator.weights[0].numpy())
    np.testing.assert_allclose(*results, rtol=1e-4)


def test_restoring_the_best_weights_does_not_turn_back_the_clock(gan, points):
    gan.compile(keras.optimizers.Adam(0.1), keras.optimizers.Adam(0.1), jit_compile=False)
    stop = keras.callbacks.EarlyStopping(
        "val_d_loss", mode="max", patience=2, restore_best_weights=True
    )
    gan.fit(points, batch_size=32, epochs=6, verbose=0, validation_data=points, callbacks=[stop])
    assert int(gan.iterations) == int(gan.g_optimizer.iterations)


def test_a_rate_from_a_schedule_by_epoch_is_the_generators(gan, points):
    gan.compile(keras.optimizers.Adam(4e-4), keras.optimizers.Adam(1e-4), jit_compile=False)
    rates = iter([0.0, 5e-5])
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: next(rates))
    gan.fit(points, batch_size=64, epochs=2, verbose=0, callbacks=[schedule])
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(5e-5)
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(2e-4)


def test_a_run_that_learns_nothing_stops_and_says_so(gan, points):
    @keras.saving.register_keras_serializable("test")
    def never(turn):
        return keras.ops.mean(turn.fake_scores) * np.nan

    gan.compile(terms=[kgan.terms.FunctionTerm(never, player="generator")], jit_compile=False)
    with pytest.warns(UserWarning, match="8 of 16 updates were left out"):
        gan.fit(dataset(points), verbose=0)
    gan.compile(
        terms=[kgan.terms.FunctionTerm(never, name=p, player=p) for p in kgan.terms.PLAYERS],
        jit_compile=False,
    )
    with pytest.raises(InputError, match="Every update of epoch 0 was left out"):
        gan.fit(dataset(points), epochs=3, verbose=0)


def test_a_metric_that_xla_cannot_compile_is_no_obstacle(gan, points):
    class InPython(keras.metrics.Mean):
        def update_state(self, real, fake):
            mean = tf.numpy_function(lambda a: a.mean(), [fake], tf.float32)
            mean.set_shape(())
            super().update_state(mean)

    gan.compile(metrics=[InPython(name="mean")])
    # As if XLA had been found faster.
    gan.xla_choice = 1
    history = gan.fit(dataset(points), verbose=0, validation_data=dataset(points)).history
    assert gan.jit_compile is True
    assert np.isfinite(history["val_mean"][0])


def test_samples_leave_half_precision_networks_in_full(networks):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        gan = kgan.GAN(*networks())
    finally:
        keras.config.set_dtype_policy("float32")
    assert gan.generate(2).dtype == np.float32

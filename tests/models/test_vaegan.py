"""VAE/GAN: the paper's settings, its three losses, the variables of each update, and encoding."""

import re

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf
from keras import ops

import kgan
from kgan.callbacks.logger import learning_rates
from kgan.errors import InputError
from kgan.models import VAEGAN, vaegan
from kgan.training import state
from kgan.training.gradients import gradients

SMALL = {"latent_size": 3, "width": 4}


def small(seed=1, **options):
    return VAEGAN((8, 8, 1), **SMALL | options, seed=seed)


@pytest.fixture
def gan():
    gan = small()
    gan.compile(jit_compile=False)
    return gan


@pytest.fixture
def images():
    """Bars of some brightness in one of three places, `(48, 8, 8, 1)`."""
    random = np.random.default_rng(0)
    images = np.full((48, 8, 8, 1), -1, "float32")
    places = [(slice(0, 3), slice(None)), (slice(None), slice(3, 5)), (slice(6, 8), slice(0, 5))]
    for image, kind, shade in zip(
        images, random.integers(0, 3, 48), random.uniform(-0.5, 1, 48), strict=True
    ):
        image[places[kind]] = shade
    return images


def player(gan, name):
    return next(player for player in gan.players if player.name == name)


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def test_settings_are_those_of_the_paper():
    gan = VAEGAN((28, 28, 1))
    assert gan.latents.shape == (128,)
    assert [v.shape[1:] for v in gan.encoder.outputs] == [(128,), (128,)]
    seen = layers_of(gan.encoder, keras.layers.Conv2D)
    assert [layer.filters for layer in seen] == [64, 128]
    assert len(layers_of(gan.encoder, keras.layers.BatchNormalization)) == 2
    # A sample's features are its own.
    assert not layers_of(gan.discriminator, keras.layers.BatchNormalization)
    assert gan.discriminator.outputs[1].shape == (None, 7, 7, 128)
    gan.compile()
    assert [p.name for p in gan.players] == ["encoder", "generator", "discriminator"]
    for p in gan.players:
        assert isinstance(p.optimizer, keras.optimizers.RMSprop)
        assert float(p.optimizer.learning_rate) == pytest.approx(3e-4)
    assert len({id(p.optimizer) for p in gan.players}) == 3
    assert VAEGAN.recipe() == (64, 37_500)


# The mathematics.


def test_the_prior_term_is_the_divergence_by_numerical_integration():
    means = np.array([[0.3, -1.2], [0.0, 2.0], [-0.5, 0.1]])
    log_variances = np.array([[-1.0, 0.4], [0.0, -3.0], [1.1, 0.2]])

    def of_one(mean, log_variance):
        p, q = scipy.stats.norm(mean, np.exp(log_variance / 2)), scipy.stats.norm()
        reach = (mean - 12 * p.std(), mean + 12 * p.std())
        return scipy.integrate.quad(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), *reach)[0]

    expected = np.vectorize(of_one)(means, log_variances).sum(1).mean()
    found = vaegan.divergence(*(tf.constant(v, tf.float32) for v in (means, log_variances)))
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert float(vaegan.divergence(tf.zeros((4, 3)), tf.zeros((4, 3)))) == 0


def test_the_likelihood_is_that_of_a_gaussian_of_variance_1():
    random = np.random.default_rng(0)
    features, others = random.normal(size=(2, 5, 2, 2, 3)).astype("float32")
    density = scipy.stats.norm(others, 1).logpdf(features).sum((1, 2, 3)).mean()
    constant = 12 * np.log(2 * np.pi) / 2
    assert float(vaegan.unlikeness(features, others)) == pytest.approx(
        -density - constant, rel=1e-5
    )
    assert vaegan.unlikeness(tf.cast(features, "float16"), others).dtype == tf.float32


def test_codes_are_drawn_from_the_gaussians_that_the_encoder_names():
    mean = np.repeat([[0.5, -2.0]], 20_000, 0).astype("float32")
    log_variance = np.repeat([[0.4, -1.5]], 20_000, 0).astype("float32")
    codes = vaegan.drawn(mean, log_variance, tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(codes.mean(0), mean[0], atol=0.03)
    np.testing.assert_allclose(codes.var(0), np.exp(log_variance[0]), rtol=0.05)
    again = vaegan.drawn(mean, log_variance, tf.constant([1, 2])).numpy()
    np.testing.assert_array_equal(codes, again)


def test_the_gradient_goes_through_the_draw_by_finite_differences():
    random = np.random.default_rng(0)
    mean, log_variance = random.normal(size=(2, 4, 3))
    seed = tf.constant([3, 4])
    matrix = tf.constant(random.normal(size=(3, 3)), tf.float32)

    def value(mean, log_variance):
        codes = vaegan.drawn(tf.cast(mean, tf.float32), tf.cast(log_variance, tf.float32), seed)
        return tf.reduce_sum(tf.sin(codes @ matrix))

    told = [tf.constant(mean, tf.float32), tf.constant(log_variance, tf.float32)]
    with tf.GradientTape() as tape:
        tape.watch(told)
        loss = value(*told)
    found = tape.gradient(loss, told)
    for which in range(2):
        expected = np.zeros((4, 3))
        for place in np.ndindex(4, 3):
            step = np.zeros((4, 3))
            step[place] = 1e-2
            up, down = ([mean, log_variance], [mean, log_variance])
            up = [v + step if n == which else v for n, v in enumerate(up)]
            down = [v - step if n == which else v for n, v in enumerate(down)]
            expected[place] = (float(value(*up)) - float(value(*down))) / 2e-2
        np.testing.assert_allclose(found[which], expected, atol=5e-3)


def test_the_adversarial_loss_counts_both_kinds_in_full():
    real, reconstructed, sampled = np.random.default_rng(0).normal(size=(3, 6, 1))

    def sigmoid(scores):
        return 1 / (1 + np.exp(-scores))

    expected = -np.log(sigmoid(real)).mean()
    expected -= np.log(1 - sigmoid(reconstructed)).mean() + np.log(1 - sigmoid(sampled)).mean()
    loss = vaegan.ReconstructedAndSampled()
    both = ops.convert_to_tensor(np.concatenate([reconstructed, sampled]))
    found = loss.discriminator(ops.convert_to_tensor(real), both)
    assert float(found) == pytest.approx(expected)
    expected = -np.log(sigmoid(reconstructed)).mean() - np.log(sigmoid(sampled)).mean()
    assert float(loss.generator(both)) == pytest.approx(expected)


# Whose turn it is.


def test_a_turn_moves_its_own_player_only(gan, images, take_turn):
    real = tf.constant(images[:8])

    def values():
        return {name: np.array(v) for name, v in state.variables(gan).items()}

    for p in gan.players:
        before = values()
        take_turn(gan, p.name, real)
        after = values()
        moved = {k for k in before if not np.array_equal(before[k], after[k])}
        own = {k for k in before if k.split("/")[0] in (p.name, f"{p.prefix}_optimizer")}
        own = {k for k in own if not k.endswith("learning_rate")}
        assert moved - own == {"seeds/training", f"updates/{p.prefix}"}
        # All of its weights, slots and averages.
        assert own <= moved


def test_the_encoder_learns_from_the_prior_and_the_likelihood_alone(gan, images):
    real = tf.constant(images[:8])
    # The seed of the turn's codes, which gan.joint_seed() would give.
    seed = kgan.models.VAEGAN.joint_seed
    said = []
    gan.joint_seed = lambda: said.append(seed(gan)) or said[-1]
    found = gradients(gan, player(gan, "encoder"), real, None)
    weights = gan.encoder.trainable_variables
    with tf.GradientTape() as tape, state.dropped(gan):
        mean, log_variance = gan.encoder(real, training=True)
        codes = vaegan.drawn(mean, log_variance, said[0])
        fake = gan.generator(codes, training=True)
        apart = gan.discriminator(real, training=True)[1] - gan.discriminator(fake)[1]
        prior = tf.reduce_mean(
            tf.reduce_sum(mean**2 + tf.exp(log_variance) - 1 - log_variance, 1) / 2
        )
        likelihood = tf.reduce_sum(apart**2) / 2 / 8
        loss = prior + likelihood
    assert float(found.loss) == pytest.approx(float(loss), rel=1e-5)
    for ours, theirs in zip(found.gradients, tape.gradient(loss, weights), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)
    # The scores have no say: the head that makes them may be anything.
    for weight in gan.discriminator.layers[-1].weights:
        weight.assign(weight + 3.0)
    gan.joint_seed = lambda: said[0]
    again = gradients(gan, player(gan, "encoder"), real, None)
    for ours, theirs in zip(found.gradients, again.gradients, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_generators_loss_is_gamma_times_the_likelihood_and_the_adversarial_part(gan, images):
    gan.gamma = 2.0
    loss, turn = gan.generator_plays(tf.constant(images[:8]), None)
    assert turn.fake.shape == (16, 8, 8, 1)
    adversarial = sum(
        tf.reduce_mean(tf.math.softplus(-turn.fake_scores[part]))
        for part in (slice(0, 8), slice(8, 16))
    )
    likelihood = tf.reduce_sum((turn.real_heads - turn.fake_heads[:8]) ** 2) / 16
    assert float(loss) == pytest.approx(float(adversarial + 2 * likelihood), rel=1e-5)
    # The first half of what the generator was fed are codes of the images, the rest is noise.
    log_variance = gan.encoder(images[:8], training=True)[1] - 40
    gan.encoder.layers[-1].bias.assign_sub([40.0] * 3)
    assert float(tf.reduce_max(log_variance)) < -30
    _, turn = gan.generator_plays(tf.constant(images[:8]), None)
    mean = gan.encoder(images[:8], training=True)[0]
    np.testing.assert_allclose(turn.latents[:8], mean, atol=1e-5)
    assert np.std(turn.latents[8:]) > 0.5


# What may be asked of it in `compile` and `fit`.

SETTINGS = [
    {"accumulation_steps": 2, "log_gradient_norms": True},
    {"discriminator_steps": 2, "ema": 0.9},
    {"joint_batch": True, "shared_forward": True},
    {"loss": "hinge", "penalties": ["r1", "gradient_penalty", "lecam"]},
    {"optimizers": {"encoder": "sgd"}, "d_optimizer": "adam", "accelerate": False},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings))
def test_it_trains_with_any_setting(images, settings):
    gan = small()
    gan.compile(run_eagerly=True, **settings)
    before = [np.array(w) for w in gan.encoder.get_weights()]
    history = gan.fit(images[:16], batch_size=8, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["e_loss"][0] == pytest.approx(
        history["reconstruction"][0] + history["prior"][0], rel=1e-4
    )
    updates = {p.name: int(p.count) for p in gan.players}
    steps = int(gan.iterations)
    critics = settings.get("discriminator_steps", 1)
    assert updates == {"encoder": steps, "generator": steps, "discriminator": critics * steps}
    assert any((a != b).any() for a, b in zip(before, gan.encoder.get_weights(), strict=True))
    if "log_gradient_norms" in settings:
        assert history["e_gradient_norm"][0] > 0


def test_accumulation_finds_the_gradients_of_the_whole_batch(gan, images):
    for network in (gan.encoder, gan.generator):
        for layer in layers_of(network, keras.layers.BatchNormalization):
            # Batch statistics are a slice's.
            layer.trainable = False
    gan.joint_seed = lambda: tf.constant([5, 6])
    # The same halves, with the same noise: each slice of the batch is the batch.
    real = tf.constant(np.concatenate([images[:8], images[:8]]))
    found = {}
    for slices, batch in ((1, real[:8]), (2, real)):
        gan.compile(jit_compile=False, accumulation_steps=slices)
        found[slices] = [gradients(gan, p, batch, None) for p in gan.players]
    for one, two in zip(found[1], found[2], strict=True):
        assert float(one.loss) == pytest.approx(float(two.loss), rel=1e-5)
        for a, b in zip(one.gradients, two.gradients, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_it_trains_in_half_precision(images, policy):
    keras.config.set_dtype_policy(policy)
    try:
        gan = small()
    finally:
        keras.config.set_dtype_policy("float32")
    gan.compile(run_eagerly=True)
    history = gan.fit(images[:16], batch_size=8, verbose=0).history
    assert np.isfinite(history["e_loss"]).all()
    scaled = isinstance(player(gan, "encoder").optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    assert gan.encode(images[:2]).dtype == gan.reconstruct(images[:2]).dtype == np.float32


@pytest.mark.slow
def test_xla_computes_the_same(images):
    histories = []
    for xla in (False, True):
        keras.utils.set_random_seed(3)
        gan = small()
        gan.compile(jit_compile=xla)
        histories.append(gan.fit(images, batch_size=8, shuffle=False, verbose=0).history)
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=2e-2, atol=1e-3)


def test_a_bad_batch_leaves_all_players_as_they_were(gan, images):
    bad = images[:8].copy()
    bad[0, 0, 0] = np.nan
    names = ("encoder/", "generator/", "discriminator/", "e_optimizer/", "updates/")
    before = {k: np.array(v) for k, v in state.variables(gan).items() if k.startswith(names)}
    gan.train_step(tf.constant(bad))
    for name, value in before.items():
        np.testing.assert_array_equal(value, state.variables(gan)[name], err_msg=name)


def test_losses_that_pair_scores_are_refused(gan):
    with pytest.raises(InputError, match="takes no loss that pairs their scores"):
        gan.compile(loss="relativistic")
    assert isinstance(gan.loss, vaegan.ReconstructedAndSampled)


def test_a_term_may_join_the_encoders_loss(gan, images):
    def small_codes(turn):
        return ops.mean(ops.square(turn.latents))

    term = kgan.terms.FunctionTerm(small_codes, player="encoder")
    gan.compile(terms=[term], run_eagerly=True)
    assert "small_codes" in gan.fit(images[:8], batch_size=8, verbose=0).history
    with pytest.raises(InputError, match="players are encoder, generator, discriminator"):
        gan.compile(terms=[kgan.terms.FunctionTerm(small_codes, player="decoder")])
    with pytest.raises(InputError, match="decoder"):
        gan.compile(optimizers={"decoder": "adam"})


# Codes and pictures.


@pytest.mark.slow
def test_it_learns_to_reconstruct_and_says_so(images):
    gan = small(width=8, gamma=0.1)
    fast = {p: keras.optimizers.RMSprop(2e-3) for p in ("encoder", "generator", "discriminator")}
    gan.compile(optimizers=fast, jit_compile=False)
    many = np.concatenate([images] * 8)
    gan.fit(many, batch_size=32, epochs=20, verbose=0)
    codes = gan.encode(images, batch_size=7)
    assert codes.shape == (48, 3) and codes.dtype == np.float32
    again = gan.reconstruct(images, batch_size=7)
    assert again.shape == images.shape and -1 <= again.min() <= again.max() <= 1
    np.testing.assert_allclose(again, gan.generate(latents=codes), atol=1e-5)
    error = np.square(again - images).mean()
    assert error < 0.4 * np.square(images - images.mean(0)).mean()


def test_reconstructions_are_the_averages(images):
    gan = small()
    gan.compile(ema=0.5, run_eagerly=True)
    gan.fit(images[:16], batch_size=8, verbose=0)
    codes = gan.encode(images[:4])
    np.testing.assert_allclose(gan.reconstruct(images[:4]), gan.generate(latents=codes), atol=1e-6)
    assert not np.allclose(gan.generator(codes), gan.reconstruct(images[:4]))


def test_previews_show_originals_above_reconstructions(gan, images):
    assert list(gan.preview(16)) == ["samples"]
    gan.compile(run_eagerly=True)
    gan.fit(images[:8], batch_size=8, verbose=0, validation_data=images[::-1])
    np.testing.assert_array_equal(gan.examples, images[::-1][:32])
    shown = gan.preview(64)
    assert [len(v) for v in shown.values()] == [64, 64]
    sheet = shown["reconstructions"]
    np.testing.assert_array_equal(sheet[:8], gan.examples[:8])
    np.testing.assert_allclose(sheet[8:16], gan.reconstruct(gan.examples[:8]), atol=1e-6)
    np.testing.assert_array_equal(sheet[16:24], gan.examples[8:16])
    # Rows are full though there are few; what a user sets stays.
    gan.examples = images[:3]
    gan.fit(images[:8], batch_size=8, verbose=0)
    np.testing.assert_array_equal(gan.preview(5)["reconstructions"][:4], images[[0, 1, 2, 0]])


def test_the_first_images_of_any_data_are_kept(images):
    for data in (tf.data.Dataset.from_tensor_slices(images).batch(8), images, tf.constant(images)):
        gan = small()
        np.testing.assert_array_equal(gan._first(data)[:8], images[:8])
    bytes_ = tf.data.Dataset.from_tensor_slices((images, np.zeros(48))).batch(8)
    np.testing.assert_array_equal(gan._first(bytes_), images[:8])
    assert gan._first(iter([images])) is None


def test_looking_at_the_data_first_changes_no_training(images):
    arrays = []
    for examples in (None, images):
        keras.utils.set_random_seed(3)
        gan = small()
        gan.examples = examples
        gan.compile(run_eagerly=True)
        gan.fit(kgan.data.load(images, batch_size=8, seed=4), verbose=0, steps_per_epoch=2)
        arrays.append(gan.encoder.get_weights())
    for one, other in zip(*arrays, strict=True):
        np.testing.assert_array_equal(one, other)


# State.


def batches(images):
    return tf.data.Dataset.from_tensor_slices(images).batch(8)


def same_state(gan, other):
    found, expected = state.variables(gan), state.variables(other)
    assert {"encoder/dense/kernel", "updates/e"} <= expected.keys()
    assert any(name.startswith("e_optimizer/") for name in found)
    # Slots are called after layers, which every model numbers afresh.
    for (name, value), (other_name, other_value) in zip(
        found.items(), expected.items(), strict=True
    ):
        assert re.sub(r"_\d+", "", name) == re.sub(r"_\d+", "", other_name)
        np.testing.assert_array_equal(value, other_value, err_msg=name)


@pytest.mark.slow
def test_it_comes_back_and_goes_on_as_if_unbroken(images, tmp_path):
    def fresh():
        keras.utils.set_random_seed(3)
        gan = small()
        gan.compile(ema=0.9, discriminator_steps=2, jit_compile=False)
        return gan

    whole, broken = fresh(), fresh()
    whole.fit(batches(images), epochs=2, verbose=0, shuffle=False)
    broken.fit(batches(images), epochs=1, verbose=0, shuffle=False)
    broken.save(tmp_path / "gan.keras")
    for variable in state.variables(broken).values():
        variable.assign(tf.ones_like(variable))
    again = kgan.load(tmp_path / "gan.keras")
    assert (again.gamma, again.width, again.latents.shape) == (0.001, 4, (3,))
    assert type(player(again, "encoder").optimizer) is keras.optimizers.RMSprop
    again.fit(batches(images), epochs=2, initial_epoch=1, verbose=0, shuffle=False)
    same_state(again, whole)
    np.testing.assert_array_equal(again.encode(images), whole.encode(images))


def test_evaluation_and_export(gan, images, tmp_path):
    figures = gan.evaluate(images, metrics=["precision"], batch_size=16, verbose=0)
    assert {"d_loss", "g_loss", "d_real", "d_fake", "precision"} == figures.keys()
    assert all(np.isfinite(list(figures.values())))
    gan.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    codes = gan.encode(images[:4])
    np.testing.assert_allclose(served.serve(codes), gan.reconstruct(images[:4]), atol=1e-5)


def test_the_checkpoint_and_the_rates_of_three(gan, images, tmp_path):
    watchers = [
        kgan.callbacks.Checkpoint(tmp_path / "checkpoints"),
        kgan.callbacks.ImageSnapshot(tmp_path / "samples", count=16),
    ]
    gan.compile(run_eagerly=True)
    gan.fit(images, batch_size=8, verbose=0, callbacks=watchers)
    names = {path.name for path in (tmp_path / "samples").iterdir()}
    assert {"step-0000006-samples.png", "step-0000006-reconstructions.png"} <= names
    fresh = small(seed=9)
    fresh.compile(jit_compile=False)
    fresh.load_weights(kgan.callbacks.latest(tmp_path / "checkpoints").weights)
    same_state(fresh, gan)
    assert set(learning_rates(gan)) == {f"{p}_learning_rate" for p in "egd"}


def test_bad_input_gets_a_message(gan, images):
    for ask in (gan.encode, gan.reconstruct):
        with pytest.raises(InputError, match=r"expected \(n, 8, 8, 1\), with n of 1 or more"):
            ask(np.zeros((2, 9, 8, 1)))
        with pytest.raises(InputError, match="with n of 1 or more"):
            ask(images[:0])
        with pytest.raises(InputError, match="batch_size must be a positive integer"):
            ask(images, batch_size=0)
    with pytest.raises(InputError, match="gamma must be a number of at least 0"):
        small(gamma=-1)
    with pytest.raises(InputError, match="width must be a positive integer"):
        small(width=0)
    with pytest.raises(InputError, match="cannot be made by doubling"):
        VAEGAN((9, 9, 1))

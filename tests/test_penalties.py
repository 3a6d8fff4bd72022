"""Penalties by value: against closed forms and against finite differences of their gradient."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import augment, penalties
from kgan.errors import InputError
from kgan.terms import Turn


class Bilinear(keras.layers.Layer):
    """Scores D(x) = w·x + a/2 ‖x‖², whose gradient with respect to x is w + a x."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), initializer="random_normal", name="w")
        self.a = self.add_weight(shape=(), initializer="ones", name="a")

    def call(self, x):
        return x @ self.w + 0.5 * self.a * keras.ops.sum(x**2, axis=-1, keepdims=True)


@pytest.fixture
def quadratic(networks):
    discriminator = keras.Sequential([keras.Input((2,)), Bilinear()])
    return kgan.GAN(networks()[0], discriminator)


def turn(gan, real, fake):
    return Turn(gan, tf.constant(real), tf.constant(fake), None, None, None, None)


def test_values_equal_the_closed_form(quadratic, points):
    w = quadratic.discriminator.layers[-1].w.numpy().ravel()
    fake = points[::-1] * 0.5
    where = turn(quadratic, points, fake)
    expected = {
        penalties.R1: 0.5 * np.mean(np.sum((w + points) ** 2, 1)),
        penalties.R2: 0.5 * np.mean(np.sum((w + fake) ** 2, 1)),
    }
    for penalty, value in expected.items():
        np.testing.assert_allclose(penalty()(where), value, rtol=1e-5)


def test_gradient_penalty_looks_between_real_and_generated(quadratic, points):
    quadratic.discriminator.layers[-1].w.assign([[0.0], [0.0]])
    # With w = 0 the slope at a point is its distance from the origin.
    real, fake = np.full((4096, 2), 3.0, "float32"), np.full((4096, 2), 1.0, "float32")
    value = float(penalties.GradientPenalty()(turn(quadratic, real, fake)))
    # E(√2 (1 + 2u) - 1)² over u uniform in [0, 1]: a = √2 - 1, b = 2√2, a² + ab + b²/3.
    a, b = np.sqrt(2) - 1, 2 * np.sqrt(2)
    assert value == pytest.approx(a**2 + a * b + b**2 / 3, rel=0.03)


def test_gradient_penalty_of_a_dead_critic_has_a_finite_gradient(quadratic):
    layer = quadratic.discriminator.layers[-1]
    layer.w.assign([[0.0], [0.0]])
    layer.a.assign(0.0)
    zeros = np.zeros((4, 2), "float32")
    with tf.GradientTape() as tape:
        value = penalties.GradientPenalty()(turn(quadratic, zeros, zeros))
    gradients = tape.gradient(value, quadratic.discriminator.trainable_variables)
    assert all(np.isfinite(g).all() for g in gradients)


class Watching(Turn):
    """A turn that keeps the samples it scores."""

    def score(self, samples, condition=None):
        self.scored = samples
        return super().score(samples, condition)


def test_dragan_looks_around_real_samples(networks):
    discriminator = keras.Sequential([keras.Input((64,)), Bilinear()])
    gan = kgan.GAN(networks(sample_shape=(64,))[0], discriminator)
    layer = discriminator.layers[-1]
    layer.w.assign(tf.zeros((64, 1)))
    real = np.random.default_rng(1).normal(3.0, 2.0, (1024, 64)).astype("float32")
    where = Watching(gan, tf.constant(real), None, None, None, None, None)
    value = float(penalties.Dragan(spread=0.25, k=5.0)(where))
    # With w = 0 the slope at a point is its distance from the origin.
    around = where.scored.numpy()
    slopes = np.linalg.norm(around, axis=1)
    assert value == pytest.approx(np.mean((slopes - 5.0) ** 2), rel=1e-5)
    # u ε with both uniform in [0, 1): a sample's mean is u / 2, and so uniform in [0, 1/2).
    noise = (around - real) / (0.25 * real.std())
    assert noise.min() > -1e-5 and 0.97 < noise.max() < 1.0 + 1e-5
    means = noise.mean(axis=1)
    assert means.mean() == pytest.approx(0.25, abs=0.02)
    assert means.std() == pytest.approx(0.5 / np.sqrt(12), rel=0.1)
    # A linear critic has one slope everywhere.
    layer.a.assign(0.0)
    layer.w.assign(tf.fill((64, 1), 0.5))
    assert float(penalties.Dragan()(where)) == pytest.approx((4.0 - 1.0) ** 2, rel=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        penalties.R1,
        penalties.R2,
        penalties.GradientPenalty,
        lambda: penalties.Dragan(spread=2.0, k=0.3),
        lambda: penalties.Consistency(2.0, fake_weight=3.0, augment=["flip", augment.Shift(1)]),
    ],
    ids=["r1", "r2", "gradient_penalty", "dragan", "consistency"],
)
def test_second_derivatives_equal_finite_differences(make, networks, points, float64):
    gan = kgan.GAN(*networks(width=5, sample_shape=(4, 4, 1)), seed=1)
    real = points[:64].astype("float64").reshape(8, 4, 4, 1)
    fake = points[64:128].astype("float64").reshape(8, 4, 4, 1) * 0.3
    penalty = make()

    def value():
        # The same draws for every evaluation.
        gan._training_seeds.state.assign([5, 0])
        return penalty(scored(gan, real, fake))

    with tf.GradientTape() as tape:
        total = value()
    kernel = gan.discriminator.trainable_variables[0]
    analytic = tape.gradient(total, kernel).numpy()
    for index in [(0, 0), (1, 3)]:
        difference = finite_difference(value, kernel, index)
        assert analytic[index] == pytest.approx(difference, rel=1e-6)


def finite_difference(value, kernel, index):
    start = kernel.numpy()
    sides = []
    for step in (1e-5, -1e-5):
        moved = start.copy()
        moved[index] += step
        kernel.assign(moved)
        sides.append(float(value()))
    kernel.assign(start)
    return (sides[0] - sides[1]) / 2e-5


def scored(gan, real, fake):
    real, fake = tf.constant(real), tf.constant(fake)
    return Turn(gan, real, fake, None, None, gan.score(real), gan.score(fake))


@keras.saving.register_keras_serializable("test")
def add_one(samples, seed):
    return samples + 1.0


@pytest.mark.parametrize("penalty", [penalties.R1(), penalties.Consistency(augment=add_one)])
def test_a_penalty_leaves_batch_statistics_alone(penalty, networks, points):
    gan = kgan.GAN(*networks(batch_norm=True))
    before = [v.numpy() for v in gan.discriminator.non_trainable_weights]
    penalty(scored(gan, points, points))
    for old, now in zip(before, gan.discriminator.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, now.numpy())


def test_consistency_equals_the_closed_form(networks, points):
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    gan = kgan.GAN(networks()[0], discriminator)
    discriminator.layers[-1].kernel.assign([[2.0], [0.5]])
    where = scored(gan, points, points * 0.5)
    # D(x + 1) - D(x) = 2.5 everywhere, and D(2 x) - D(x) = D(x).
    weight = keras.optimizers.schedules.PolynomialDecay(3.0, 10, end_learning_rate=3.0)
    for settings, strength in (({"weight": weight}, 3.0), ({"fake_weight": 5.0}, 15.0)):
        penalty = penalties.Consistency(augment=add_one, **settings)
        value = float(penalty.weight_at(0) * penalty(where))
        assert value == pytest.approx(strength * 2.5**2, rel=1e-5)
    penalty = penalties.Consistency(0.0, 4.0, augment=lambda samples, seed: 2.0 * samples)
    scores = points @ [2.0, 0.5]
    assert float(penalty(where)) == pytest.approx(4.0 * np.mean((0.5 * scores) ** 2), rel=1e-5)


def test_consistency_flips_and_shifts_images_unless_told_otherwise(networks):
    flip, shift = penalties.Consistency().augment.augmentations
    assert (flip.probability, shift.pixels) == (0.5, 4)
    assert penalties.Consistency(augment="shift").augment.pixels == 4


# LeCam.


def test_lecam_equals_the_formula_over_averages_by_hand():
    random = np.random.default_rng(2)
    penalty = penalties.LeCam(decay=0.8)
    assert penalty.averages.numpy().tolist() == [0.0, 0.0]
    history = []
    for step in range(6):
        # Scores of patches; a score each is the same with one patch.
        real, fake = random.normal(2.0, 1.0, (2, 4, 3, 3, 1)).astype("float32")
        history.append((real.mean(), fake.mean()))
        weights = 0.8 ** np.arange(step, -1, -1)
        real_average, fake_average = weights @ history / weights.sum()
        expected = np.mean((real - fake_average) ** 2) + np.mean((fake - real_average) ** 2)
        where = Turn(None, None, None, None, None, tf.constant(real), tf.constant(fake))
        assert float(penalty(where)) == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(penalty.averages, (real_average, fake_average), rtol=1e-5)
    # What is not finite is left out.
    before = penalty.averages.numpy()
    nothing = tf.fill((4, 1), np.nan)
    penalty(Turn(None, None, None, None, None, nothing, tf.ones((4, 1))))
    np.testing.assert_array_equal(penalty.averages, before)


def test_no_gradient_flows_through_the_averages_of_lecam(networks, points, float64):
    gan = kgan.GAN(*networks(width=5))
    real, fake = points[:8].astype("float64"), points[8:16].astype("float64") * 0.3
    penalty = penalties.LeCam(decay=0.5)
    with tf.GradientTape() as tape:
        value = penalty(scored(gan, real, fake))
    kernel = gan.discriminator.trainable_variables[0]
    analytic = tape.gradient(value, kernel).numpy()
    real_average, fake_average = penalty.averages.numpy().astype("float64")

    def held():
        where = scored(gan, real, fake)
        return tf.reduce_mean((where.real_scores - fake_average) ** 2) + tf.reduce_mean(
            (where.fake_scores - real_average) ** 2
        )

    for index in [(0, 0), (1, 3)]:
        assert analytic[index] == pytest.approx(finite_difference(held, kernel, index), rel=1e-6)


class Note(kgan.Term):
    """Keeps the mean scores of the turns it sees; for eager runs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def __call__(self, turn):
        self.seen.append([np.mean(turn.real_scores), np.mean(turn.fake_scores)])
        return 0.0


@pytest.mark.parametrize("every", [1, 3])
def test_the_averages_of_lecam_follow_the_scores_of_a_run(every, networks, points):
    gan = kgan.GAN(*networks())
    penalty, note = penalties.LeCam(decay=0.8, every=every), Note(every=every)
    gan.compile(penalties=[penalty, note], run_eagerly=True)
    gan.fit(points, batch_size=32, verbose=0)
    # Lazy ones at steps 0, 3 and 6.
    assert len(note.seen) == {1: 8, 3: 3}[every]
    weights = 0.8 ** (every * np.arange(len(note.seen))[::-1])
    expected = weights @ note.seen / weights.sum()
    np.testing.assert_allclose(penalty.averages, expected, rtol=1e-4)
    assert (np.std(note.seen, axis=0) > 1e-3).all()


@pytest.mark.parametrize(
    ("every", "settings"),
    [
        (1, {"accumulation_steps": 2, "run_eagerly": True}),
        (2, {"accumulation_steps": 2, "jit_compile": False}),
    ],
)
def test_the_averages_of_lecam_forget_at_one_pace_however_they_are_computed(
    every, settings, networks, points
):
    gan = kgan.GAN(*networks())
    penalty = penalties.LeCam(decay=0.9, every=every)
    frozen = [keras.optimizers.SGD(0.0) for _ in range(2)]
    gan.compile(*frozen, penalties=[penalty], **settings)
    same = np.repeat(points[:1], 64, axis=0)
    gan.fit(same, batch_size=16, verbose=0)
    score = float(tf.reduce_mean(gan.score(same)))
    assert float(penalty.averages[0]) == pytest.approx(score, rel=1e-5)
    # Four updates of the discriminator.
    assert float(penalty._sums[2]) == pytest.approx(1.0 - 0.9**4, rel=1e-5)


def test_lecam_starts_when_told(networks, points):
    gan = kgan.GAN(*networks())
    penalty = penalties.LeCam(weight=2.0, start=3)
    assert [float(penalty.weight_at(step)) for step in (2, 3)] == [0.0, 2.0]
    gan.compile(penalties=[penalty], run_eagerly=True)
    first = gan.fit(points[:96], batch_size=32, verbose=0).history["lecam"][0]
    assert first == 0.0
    assert penalty.averages[0] != 0.0
    assert gan.fit(points[:96], batch_size=32, verbose=0).history["lecam"][0] > 0.0


def test_a_run_with_lecam_resumes_as_if_unbroken(networks, points, tmp_path):
    gan = kgan.GAN(*networks(), seed=3)
    lecams = ["lecam", penalties.LeCam(decay=0.5, every=2, name="lazy")]
    gan.compile(penalties=lecams, jit_compile=False)
    gan.fit(points, batch_size=64, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    runs = [model.fit(points, batch_size=64, verbose=0).history for model in (gan, loaded)]
    assert runs[0] == runs[1]
    for ours, theirs in zip(gan.terms, loaded.terms, strict=True):
        assert float(tf.reduce_min(tf.abs(ours._sums))) > 0.0
        np.testing.assert_array_equal(ours._sums.numpy(), theirs._sums.numpy())


REPLICAS = """
import json
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import kgan

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    gan = kgan.GAN(generator, keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    frozen = [keras.optimizers.SGD(0.0) for _ in range(2)]
    lazy = kgan.penalties.LeCam(decay=0.5, every=2, name="lazy")
    gan.compile(*frozen, penalties=["lecam", lazy], jit_compile=False)
# One replica's samples differ from the other's.
points = np.repeat(np.float32([[1, 0], [0, 5]]), 4, axis=0)
data = tf.data.Dataset.from_tensors(points).repeat(3)
gan.fit(data, verbose=0)
sums = [
    [v.numpy().tolist() for v in strategy.experimental_local_results(term._sums.value)]
    for term in gan.terms
]
scores = gan.score(points).numpy().ravel().tolist()

outside = kgan.penalties.LeCam()
with strategy.scope():
    gan.compile(penalties=[outside], jit_compile=False)
try:
    gan.fit(data, verbose=0)
except kgan.InputError as error:
    refused = str(error)
print(json.dumps([sums, scores, refused]))
"""


@pytest.mark.slow
def test_replicas_share_the_averages_of_lecam():
    answer = subprocess.run(
        [sys.executable, "-c", REPLICAS], check=True, capture_output=True, text=True
    )
    (sums, lazy), scores, refused = json.loads(answer.stdout.splitlines()[-1])
    assert sums[0] == sums[1]
    assert sums[0][0] / sums[0][2] == pytest.approx(np.mean(scores), rel=1e-4)
    assert sums[0][2] == pytest.approx(1 - 0.99**3, rel=1e-4)
    # A lazy term goes by the joint batch as well: steps 0 and 2, two updates each.
    assert lazy[0] == lazy[1]
    assert lazy[0][0] / lazy[0][2] == pytest.approx(np.mean(scores), rel=1e-4)
    assert lazy[0][2] == pytest.approx(1 - 0.5**4, rel=1e-4)
    assert "inside `with strategy.scope():`" in refused


@pytest.mark.slow
def test_all_go_through_fit_and_xla(networks):
    shape = (8, 8, 1)
    gan = kgan.GAN(*networks(sample_shape=shape))
    lecam = penalties.LeCam(every=2, decay=0.9)
    balanced = penalties.Consistency(fake_weight=10.0, every=2)
    gan.compile(penalties=["dragan", lecam, balanced], jit_compile=True)
    images = np.random.default_rng(0).normal(size=(64, *shape)).astype("float32")
    history = gan.fit(images, batch_size=16, verbose=0).history
    for name in ("dragan", "lecam", "consistency"):
        assert 0.0 < history[name][0] < np.inf
    assert float(lecam._sums[2]) == pytest.approx(1.0 - 0.9**4, rel=1e-5)


def test_names_weights_and_schedules_survive_serialization():
    schedule = keras.optimizers.schedules.CosineDecay(10.0, 100)
    penalty = penalties.R1(gamma=schedule, every=16, name="lazy")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(penalty))
    assert (copy.every, copy.name) == (16, "lazy")
    assert float(copy.weight_at(50)) == pytest.approx(float(schedule(50)))
    with pytest.raises(InputError, match="Did you mean .*'r1'"):
        penalties.get("r3")
    with pytest.raises(InputError, match="must be a number of at least 0"):
        penalties.R1(-1.0)
    with pytest.raises(InputError, match="weight must be a number"):
        penalties.GradientPenalty(float("nan"))


def test_settings_survive_serialization():
    schedule = keras.optimizers.schedules.CosineDecay(10.0, 100)
    given = [
        penalties.Dragan(schedule, spread=2.0, k=0.0, every=4),
        penalties.LeCam(0.01, decay=0.9, start=1000, every=2, name="calm"),
        penalties.Consistency(3.0, fake_weight=2.0, augment=["shift", add_one]),
    ]
    for penalty in given:
        copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(penalty))
        assert type(copy) is type(penalty)
        assert copy.get_config() == penalty.get_config()
    assert (copy.fake_weight, copy.augment.augmentations[1]) == (2.0, add_one)
    names = [penalties.get(name).name for name in ("dragan", "lecam", "consistency")]
    assert names == ["dragan", "lecam", "consistency"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: penalties.Dragan(-1.0), "weight must be a number of at least 0"),
        (lambda: penalties.Dragan(spread=0.0), "spread must be a positive number"),
        (lambda: penalties.Dragan(k=-1.0), "k must be a number of at least 0"),
        (lambda: penalties.LeCam(decay=1.0), r"decay must be a number in \[0, 1\)"),
        (lambda: penalties.LeCam(start=0.5), "start must be an integer"),
        (lambda: penalties.LeCam(player="generator"), "regularizes the discriminator"),
        (lambda: penalties.Consistency(fake_weight=float("nan")), "fake_weight must be a number"),
        (lambda: penalties.Consistency(player="generator"), "regularizes the discriminator"),
        (lambda: penalties.Consistency(augment="flop"), "Did you mean 'flip'"),
    ],
)
def test_senseless_arguments_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_consistency_of_what_is_no_image_asks_for_a_function(gan, points):
    gan.compile(penalties=["consistency"])
    with pytest.raises(InputError, match="Give a function \\(samples, seed\\)"):
        gan.fit(points, batch_size=32, verbose=0)
    gan.compile(penalties=[penalties.Consistency(augment=add_one)], run_eagerly=True)
    assert gan.fit(points, batch_size=32, verbose=0).history["consistency"][0] > 0.0

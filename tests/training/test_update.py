"""An update changes everything of its player or nothing, in every precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.training import state


def everything(gan):
    return {name: np.array(v) for name, v in state.variables(gan).items()}


def moved(before, after):
    return {
        name
        for name, value in after.items()
        if not np.array_equal(value, before[name], equal_nan=True)
    }


@keras.saving.register_keras_serializable("test")
class Poisoned(kgan.latents.Normal):
    """Latents that hold a NaN in one step."""

    def sample(self, count, seed, truncation=None):
        latents = super().sample(count, seed, truncation)
        return latents * tf.cast(self.factor, latents.dtype)

    factor = tf.constant(1.0)


@pytest.mark.parametrize(
    ("policy", "jit"),
    [
        ("float32", False),
        ("mixed_float16", False),
        ("mixed_bfloat16", False),
        pytest.param("mixed_float16", True, marks=pytest.mark.slow),
        pytest.param("float32", True, marks=pytest.mark.slow),
        pytest.param("mixed_bfloat16", True, marks=pytest.mark.slow),
    ],
)
def test_a_forward_pass_that_is_not_finite_changes_nothing(policy, jit, networks, points):
    """Batch-norm averages and the generator's average would hold the NaN for good."""
    keras.config.set_dtype_policy(policy)
    try:
        gan = kgan.GAN(*networks(batch_norm=True), latents=Poisoned(3), seed=1)
    finally:
        keras.config.set_dtype_policy("float32")
    gan.latents.factor = tf.Variable(1.0, trainable=False)
    gan.compile(ema=0.9, penalties=["r1", "lecam"], jit_compile=jit, steps_per_execution=1)
    for player in gan.players if policy == "mixed_float16" else ():
        player.optimizer.dynamic_scale.assign(8.0)
    data = tf.data.Dataset.from_tensor_slices(points[:64]).batch(32, drop_remainder=True)
    gan.fit(data, verbose=0)
    before = everything(gan)
    images = gan.generate(4, seed=0)
    gan.latents.factor.assign(np.nan)
    one = tf.data.Dataset.from_tensor_slices(points[:32]).batch(32, drop_remainder=True)
    if policy == "mixed_float16":
        with pytest.warns(UserWarning, match="2 of 2 updates were left out"):
            gan.fit(one, verbose=0)
    else:
        with pytest.raises(kgan.InputError, match="Every update of epoch 0 was left out"):
            gan.fit(one, verbose=0)
    changed = moved(before, everything(gan))
    # Seeds and the step go on; loss scaling looks for another scale.
    rest = {n for n in changed if not n.startswith(("seeds/", "iterations", "latents/"))}
    assert {n for n in rest if "dynamic_scale" not in n and "step_counter" not in n} == set()
    gan.latents.factor.assign(1.0)
    np.testing.assert_array_equal(gan.generate(4, seed=0), images)
    gan.fit(data, verbose=0)
    assert np.isfinite(gan.generate(4, seed=0)).all()


def test_keras_own_accumulation_is_no_left_out_update(networks, points, recwarn):
    gan = kgan.GAN(*networks(), seed=1)
    adam = [keras.optimizers.Adam(1e-3, gradient_accumulation_steps=8) for _ in range(2)]
    gan.compile(*adam, jit_compile=False)
    gan.fit(points, batch_size=32, epochs=3, verbose=0)
    assert not [w for w in recwarn if "left out" in str(w.message)]
    assert int(gan.g_optimizer.iterations) == 3
    assert [int(player.count) for player in gan.players] == [24, 24]


def test_an_activity_regularizer_counts_for_both_passes(points):
    """Of real and of generated samples; each pass clears what Keras knows of the one before."""
    dense = keras.layers.Dense(1, activity_regularizer=keras.regularizers.L2(1.0))
    discriminator = keras.Sequential([keras.Input((2,)), dense])
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    gan = kgan.GAN(generator, discriminator, seed=1)
    gan.compile(run_eagerly=True)
    loss, turn = gan.discriminator_plays(tf.constant(points[:8]), None)
    plain = gan.discriminator_loss(turn.real_scores, turn.fake_scores)
    scores = np.concatenate([turn.real_scores, turn.fake_scores])
    # Keras divides each pass's sum by its batch.
    expected = np.sum(np.square(scores)) / 8
    assert float(loss - plain) == pytest.approx(expected, rel=1e-4)

"""`Guard`: what happens when a number in training is not finite, and what is said of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.callbacks import Checkpoint, Guard
from kgan.errors import InputError
from kgan.training import guard


def poisoned(networks, steps, player="generator", **settings):
    """A GAN with a term that is NaN in the given steps, counted from 1."""

    @tf.function(autograph=False)
    def poison(turn):
        now = turn.gan.iterations.value + 1
        bad = tf.reduce_any(tf.equal(now, tf.constant(steps, tf.int64)))
        scores = turn.fake_scores
        return tf.reduce_mean(scores) * tf.where(bad, np.nan, 0.0)

    @keras.saving.register_keras_serializable("test")
    class Poison(kgan.Term):
        def __call__(self, turn):
            return poison.python_function(turn)

    gan = kgan.GAN(*networks(), seed=1)
    terms = [Poison(player=player, name="poison")]
    gan.compile(terms=terms, jit_compile=False, **settings)
    return gan


def fit(gan, points, *callbacks, epochs=1):
    return gan.fit(points, batch_size=32, epochs=epochs, callbacks=list(callbacks), verbose=0)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_stop_ends_training_and_names_the_step_the_player_and_the_term(player, networks, points):
    gan = poisoned(networks, [3], player, steps_per_execution=1)
    watch = Guard("stop")
    with pytest.warns(UserWarning, match=f"the {player} in step 3 .*the term 'poison'") as said:
        history = fit(gan, points, watch, epochs=4)
    assert len(said) == 1 and len(history.epoch) == 1 and int(gan.iterations) == 3
    assert [int(p.count) for p in gan.players] == ([3, 2] if player == "generator" else [2, 3])
    assert len(watch.faults) == 1 and "step 3" in watch.faults[0]
    assert np.isfinite(gan.generate(4)).all()


@pytest.mark.parametrize("jit", [False, True])
def test_the_step_is_known_within_an_execution_of_several(jit, networks, points):
    gan = poisoned(networks, [2, 3, 7], steps_per_execution=4)
    if jit:
        gan.compile(terms=gan.terms, jit_compile=True, steps_per_execution=4)
    watch = Guard("skip")
    with pytest.warns(UserWarning, match="step 2 .*Training goes on") as said:
        fit(gan, points, watch, epochs=2)
    # One warning for an epoch of eight steps; the first fault of each execution.
    assert len(said) == 1 and [fault.split(" was")[0] for fault in watch.faults] == [
        "The update of the generator in step 2",
        "The update of the generator in step 7",
    ]
    assert [int(player.count) for player in gan.players] == [16, 13]


def test_without_it_the_warning_at_the_end_of_the_epoch_names_them_too(networks, points):
    gan = poisoned(networks, [5])
    with pytest.warns(UserWarning, match="1 of 16 updates were left out.*generator in step 5"):
        fit(gan, points)
    assert guard.take(gan) == []


def test_what_was_not_finite_is_named(networks, points, take_turn):
    gan = kgan.GAN(*networks(batch_norm=True), seed=1)
    gan.compile(penalties=["r1"], run_eagerly=True)
    real = tf.constant(points[:8])
    take_turn(gan, "discriminator", real)
    assert guard.take(gan) == []
    take_turn(gan, "discriminator", real * np.nan)
    assert [fault.what for fault in guard.take(gan)] == ["its loss"]
    gan.r1 = gan.terms[0].weight
    gan.terms[0].weight = np.inf
    take_turn(gan, "discriminator", real)
    assert [fault.what for fault in guard.take(gan)] == ["the term 'r1'"]

    def plays(*batch, original=gan.players[1].plays, **how):
        loss, turn = original(*batch, **how)
        # sqrt(x²) has the derivative 0 / 0 at 0, where its value is finite.
        weight = gan.generator.trainable_variables[0]
        return loss + tf.reduce_sum(tf.sqrt(tf.square(weight - tf.stop_gradient(weight)))), turn

    gan.players[1].plays = plays
    take_turn(gan, "generator", real)
    assert [fault.what for fault in guard.take(gan)] == ["its gradients"]
    assert gan.players[1].count.numpy() == 0


def test_roll_back_restores_the_checkpoint_and_lowers_both_rates(networks, points, tmp_path):
    gan = poisoned(networks, [13], ema=0.9, steps_per_execution=1)
    weights, seen = {}, []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights[int(gan.iterations)] = [np.array(w) for w in gan.generator.weights]
            seen.append(float(gan.g_optimizer.learning_rate))

    watch = Guard("roll_back", folder=tmp_path, factor=0.25)
    with pytest.warns(UserWarning, match="step 13 .*Rollback 1 of 3: .*checkpoint after 8 steps"):
        fit(gan, points, Checkpoint(tmp_path), watch, Watch(), epochs=2)
    assert watch.rollbacks == 1 and int(gan.iterations) == 16
    for at_8, at_12, after in zip(weights[8], weights[12], weights[13], strict=True):
        np.testing.assert_array_equal(after, at_8)
        assert not np.array_equal(after, at_12)
    rates = [float(player.optimizer.learning_rate) for player in gan.players]
    assert rates == pytest.approx([2e-4 / 4, 2e-4 / 4]) and seen[11:14] == [seen[0], *rates]
    assert int(gan.g_optimizer.iterations) == 8 + 3
    # The counters go on: the steps are not repeated, and lazy terms keep their rhythm.
    assert [int(player.count) for player in gan.players] == [16, 15]


def test_roll_back_gives_up_after_its_times(networks, points, tmp_path):
    gan = poisoned(networks, [2, 4, 5], steps_per_execution=1)
    watch = Guard("roll_back", folder=tmp_path / "none_yet", times=2)
    with pytest.warns(UserWarning, match="was left out") as said:
        fit(gan, points, watch, epochs=3)
    assert [("no checkpoint was saved yet" in str(w.message)) for w in said] == [True, True, False]
    assert "step 5 was left out" in str(said[2].message) and "stops here" in str(said[2].message)
    assert int(gan.iterations) == 5
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(2e-4 / 4)


def test_loss_scaling_that_searches_is_no_fault(networks, points):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        gan = kgan.GAN(*networks(), seed=1)
    finally:
        keras.config.set_dtype_policy("float32")
    gan.compile(jit_compile=False, steps_per_execution=1)
    for player in gan.players:
        player.optimizer.dynamic_scale.assign(2.0**60)
    watch = Guard("stop")
    fit(gan, points, watch)
    assert watch.faults == [] and int(gan.iterations) == 8
    assert int(gan.players[0].count) < 8


def test_what_it_refuses(networks, points, tmp_path):
    for wrong, message in [
        ({"action": "rollback"}, "Did you mean 'roll_back'"),
        ({"action": 3}, "Unknown action of Guard 3"),
        ({"action": "roll_back"}, "takes a folder"),
        ({"folder": tmp_path}, "for action='roll_back' only"),
        ({"action": "roll_back", "folder": 3}, "folder must be a path; got 3"),
        ({"factor": 0}, "factor must be a number in"),
        ({"factor": 1.5}, "factor must be a number in"),
        ({"times": 0}, "times must be a positive integer"),
    ]:
        with pytest.raises(InputError, match=message):
            Guard(**wrong)
    gan = kgan.GAN(*networks())
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    gan.compile(keras.optimizers.Adam(schedule), run_eagerly=True)
    with pytest.raises(InputError, match="that of the discriminator is a schedule"):
        fit(gan, points, Guard("roll_back", folder=tmp_path))
    gan.compile(skip_nonfinite=False, run_eagerly=True)
    with pytest.raises(InputError, match="skip_nonfinite=False"):
        fit(gan, points, Guard())
    assert int(gan.iterations) == 0

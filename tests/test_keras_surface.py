"""What `keras.Model`, its optimizers and its callbacks offer: each works on a GAN, or says why not.

The tables name every public method, argument, optimizer and callback of Keras. What a release of
Keras adds fails here until it is served or refused.
"""

import importlib.util
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.training import calls, out_of_memory, surface


def made(**settings):
    keras.utils.set_random_seed(3)
    dense, inputs = keras.layers.Dense, keras.Input
    generator = keras.Sequential([inputs((3,)), dense(4), dense(2)], name="first")
    discriminator = keras.Sequential([inputs((2,)), dense(4, "tanh"), dense(1)], name="second")
    gan = kgan.GAN(generator, discriminator, seed=1)
    gan.compile(**{"jit_compile": False, **settings})
    return gan


@pytest.fixture(scope="module")
def trained():
    gan = made()
    gan.fit(POINTS, batch_size=8, verbose=0)
    return gan


POINTS = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
LATENTS = np.ones((5, 3), "float32")
SYMBOLIC = keras.KerasTensor((5, 3))


def _weights_return(gan):
    gan.set_weights([2 * weight for weight in gan.get_weights()])
    gan.set_state_tree(gan.get_state_tree())
    return True


# Every public method and property of `keras.Model`: a use of it on a trained GAN, whose result is
# true. Those in `surface.REFUSED` raise an `InputError`.
METHODS = {
    "add_variable": lambda gan: gan.add_variable(shape=(), initializer="zeros", name="v") == 0,
    "add_weight": lambda gan: gan.add_weight(shape=(), initializer="zeros", name="w") == 0,
    "build": lambda gan: gan.build((None, 3)) is None,
    "build_from_config": lambda gan: gan.build_from_config(gan.get_build_config()) is None,
    "call": lambda gan: gan.call(LATENTS).shape == (5, 2),
    "compile": lambda gan: made(run_eagerly=True).run_eagerly,
    "compile_from_config": lambda gan: (
        _copied(gan).compile_from_config(gan.get_compile_config()) is None
    ),
    "compute_dtype": lambda gan: gan.compute_dtype == "float32",
    "compute_mask": lambda gan: gan.compute_mask(LATENTS, None) is None,
    "compute_output_spec": lambda gan: gan.compute_output_spec(SYMBOLIC).shape == (5, 2),
    "count_params": lambda gan: gan.count_params() > 40,
    "distribute_strategy": lambda gan: gan.distribute_strategy.num_replicas_in_sync == 1,
    "dtype": lambda gan: gan.dtype == "float32",
    "dtype_policy": lambda gan: gan.dtype_policy.name == "float32",
    "evaluate": lambda gan: np.isfinite(gan.evaluate(POINTS, verbose=0)["d_loss"]),
    "export": lambda gan: _exported(gan).sample(3, 1).shape == (3, 2),
    "fit": lambda gan: "g_loss" in gan.fit(POINTS, batch_size=8, verbose=0).history,
    "from_config": lambda gan: _copied(gan).sample_shape == (2,),
    "get_build_config": lambda gan: gan.get_build_config() is not False,
    "get_compile_config": lambda gan: "d_optimizer" in gan.get_compile_config(),
    "get_config": lambda gan: "generator" in gan.get_config(),
    "get_layer": lambda gan: (
        gan.get_layer("generator") is gan.get_layer("first") is gan.generator
        and gan.get_layer(index=1) is gan.discriminator
    ),
    "get_metrics_result": lambda gan: "d_loss" in gan.get_metrics_result(),
    "get_quantization_layer_structure": lambda gan: (
        gan.get_quantization_layer_structure("int8") is None
    ),
    "get_state_tree": lambda gan: "trainable_variables" in gan.get_state_tree(),
    "get_weights": _weights_return,
    "jit_compile": lambda gan: gan.jit_compile is False,
    "layers": lambda gan: gan.layers == [gan.generator, gan.discriminator],
    "load_own_variables": lambda gan: _loads_its_own(gan),
    "load_weights": lambda gan: gan.load_weights(_saved(gan)) is None,
    "losses": lambda gan: gan.losses == [],
    "make_predict_function": lambda gan: gan.make_predict_function() is not False,
    "make_test_function": lambda gan: gan.make_test_function() is not False,
    "make_train_function": lambda gan: gan.make_train_function() is not False,
    "metrics": lambda gan: len(gan.metrics) == 1,
    "metrics_names": lambda gan: gan.metrics_names == ["logs"],
    "metrics_variables": lambda gan: len(gan.metrics_variables) == 2,
    "non_trainable_variables": lambda gan: len(gan.non_trainable_variables) == 2,
    "non_trainable_weights": lambda gan: gan.non_trainable_weights == [],
    "path": lambda gan: "gan" in gan.path,
    "predict": lambda gan: gan.predict(LATENTS, verbose=0).shape == (5, 2),
    "predict_on_batch": lambda gan: gan.predict_on_batch(LATENTS).shape == (5, 2),
    "predict_step": lambda gan: gan.predict_step((LATENTS,)).shape == (5, 2),
    "quantization_mode": lambda gan: gan.quantization_mode is None,
    "rematerialized_call": lambda gan: gan.rematerialized_call(gan.call)(LATENTS).shape == (5, 2),
    "reset_metrics": lambda gan: gan.reset_metrics() is None,
    "run_eagerly": lambda gan: gan.run_eagerly is False,
    "save": lambda gan: gan.save("gan.keras") is None and kgan.load("gan.keras").compiled,
    "save_own_variables": lambda gan: _loads_its_own(gan),
    "save_weights": lambda gan: _saved(gan),
    "set_state_tree": _weights_return,
    "set_weights": _weights_return,
    "stateless_call": lambda gan: (
        gan.stateless_call(gan.trainable_variables, gan.non_trainable_variables, LATENTS)[0].shape
        == (5, 2)
    ),
    "summary": lambda gan: gan.summary(print_fn=lambda *line, **options: None) is None,
    "supports_masking": lambda gan: gan.supports_masking is False,
    "symbolic_call": lambda gan: gan.symbolic_call(SYMBOLIC).shape == (5, 2),
    "test_on_batch": lambda gan: np.isfinite(gan.test_on_batch(POINTS)).all(),
    "test_step": lambda gan: "d_loss" in gan.test_step(tf.constant(POINTS)),
    "to_json": lambda gan: keras.models.model_from_json(gan.to_json()).sample_shape == (2,),
    "train_on_batch": lambda gan: np.isfinite(gan.train_on_batch(POINTS)).all(),
    "train_step": lambda gan: "d_loss" in gan.train_step(tf.constant(POINTS)),
    "trainable": lambda gan: gan.trainable,
    "trainable_variables": lambda gan: len(gan.trainable_variables) >= 8,
    "trainable_weights": lambda gan: len(gan.trainable_weights) >= 8,
    "variable_dtype": lambda gan: gan.variable_dtype == "float32",
    "variables": lambda gan: len(gan.variables) >= 10,
    "weights": lambda gan: len(gan.weights) >= 8,
}
# What says nothing of a GAN, or fails on every subclassed Keras model in the same way.
AS_IN_KERAS = {
    "compute_output_shape",
    "distribute_reduction_method",
    "input",
    "input_dtype",
    "input_spec",
    "loss",
    "output",
    "quantized_build",
    "quantized_call",
}


def _copied(gan):
    return kgan.GAN.from_config(gan.get_config())


def _exported(gan):
    gan.export("served", verbose=False)
    _kept.append(tf.saved_model.load("served"))
    return _kept[-1]


# TensorFlow does not keep a loaded model alive for its functions.
_kept = []


def _saved(gan):
    gan.save_weights("state.weights.h5")
    return "state.weights.h5"


def _loads_its_own(gan):
    store = {}
    gan.save_own_variables(store)
    gan.load_own_variables(store)
    return "iterations" in store


def test_every_method_of_a_keras_model_works_or_says_what_to_use(trained):
    public = {name for name in dir(keras.Model) if not name.startswith("_")}
    assert public - METHODS.keys() - AS_IN_KERAS - surface.REFUSED.keys() == set()
    wrong = []
    for name, use in METHODS.items():
        if name in public and name != "from_config" and not use(trained):
            wrong.append(name)
    assert wrong == []
    for name in surface.REFUSED:
        with pytest.raises(InputError, match=f"{name} has no meaning for a GAN: .+"):
            getattr(trained, name)("int8")


@pytest.mark.parametrize(
    "method", ["compile", "fit", "evaluate", "train_on_batch", "test_on_batch"]
)
def test_every_argument_of_keras_is_taken_or_refused_with_what_to_use(method, trained):
    call = getattr(trained, method)
    data = {} if method == "compile" else {"x": POINTS}
    keras_has = inspect.signature(getattr(keras.Model, method)).parameters.keys() - {"kwargs"}
    assert keras_has <= inspect.signature(getattr(kgan.GAN, method)).parameters.keys()
    refused = keras_has & calls.WITHOUT_MEANING.keys()
    for name in refused:
        with pytest.raises(InputError, match=f"{name}.* has no meaning for a GAN"):
            call(**data, **{name: [1.0]})
    if method == "compile":
        assert len(refused) == 4
        made(**dict.fromkeys(refused))
    with pytest.raises((TypeError, ValueError), match="surprise"):
        call(**data, surprise=1)


# The loop of tutorials.


@pytest.mark.parametrize("how", [{"run_eagerly": True}, {}])
def test_train_on_batch_takes_the_step_of_fit(how):
    by_fit, by_hand = made(**how), made(**how)
    by_fit.fit(tf.data.Dataset.from_tensor_slices(POINTS).batch(8), verbose=0)
    logs = [by_hand.train_on_batch(part, return_dict=True) for part in (POINTS[:8], POINTS[8:])]
    for one, other in zip(by_fit.weights, by_hand.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert int(by_hand.iterations) == 2
    assert [int(player.count) for player in by_hand.players] == [2, 2]
    # The mean over an epoch is that of its steps; each call reports its own step alone.
    mean = np.mean([log["d_loss"] for log in logs])
    assert by_fit.history.history["d_loss"][0] == pytest.approx(mean, rel=1e-5)
    assert logs[0]["d_loss"] != logs[1]["d_loss"]
    values = by_hand.train_on_batch(POINTS)
    assert len(values) == len(logs[0]) and all(isinstance(value, float) for value in values)


def test_train_on_batch_with_labels_and_several_updates():
    label = keras.Input((), dtype="int32")
    both = [keras.Input((3,)), label]
    embedded = keras.layers.Embedding(4, 3)(label)
    generator = keras.Model(both, keras.layers.Dense(2)(both[0] + embedded))
    both = [keras.Input((2,)), label]
    joined = keras.layers.Concatenate()([both[0], keras.layers.Embedding(4, 2)(label)])
    gan = kgan.GAN(generator, keras.Model(both, keras.layers.Dense(1)(joined)), classes=4, seed=1)
    gan.compile(discriminator_steps=2, run_eagerly=True)
    labels = np.arange(16) % 4
    logs = gan.train_on_batch(POINTS.astype("float64"), labels, return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    assert [int(player.count) for player in gan.players] == [2, 1]
    assert gan.test_on_batch((POINTS, labels), return_dict=True).keys() == logs.keys()
    for wrong, message in [
        ((POINTS,), "conditioned on 4 classes"),
        ((POINTS, labels + 1), "labels lie in 1..4"),
        ((POINTS, labels[:-1]), r"different lengths: \(16, 2\), \(15,\)"),
        ((POINTS[:15], labels[:15]), "does not divide into 2 equal parts"),
        ((POINTS.astype("int32"), labels), "expected floating-point"),
        ((POINTS * np.nan, labels), "NaN"),
        ((POINTS[:, :1], labels), "samples of shape"),
        ((iter([POINTS]), labels), "must be one batch"),
        ((None, labels), "must be one batch"),
        (("points", labels), "of numbers; got ndarray"),
        ((["points"] * 16, labels), "of numbers; got ndarray"),
    ]:
        with pytest.raises(InputError, match=message):
            gan.train_on_batch(*wrong)
    assert int(gan.iterations) == 1


# A lack of memory.


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
def test_a_lack_of_memory_gives_advice_in_one_sentence(jit):
    """An allocation that no machine can make, in a term of the discriminator."""

    def huge(turn):
        size = tf.cast(turn.gan.iterations.value + 1, tf.int64) * 2**46
        return tf.reduce_sum(tf.random.stateless_uniform([size], [0, 1])) * 0.0

    gan = made(terms=[huge], run_eagerly=not jit)
    for call in (gan.fit, gan.train_on_batch):
        with pytest.raises(InputError, match=r"more memory .*batch_size.*accumulation_steps=") as e:
            call(POINTS, batch_size=8, verbose=0) if call == gan.fit else call(POINTS)
        assert len(str(e.value)) < 300 and e.value.__suppress_context__
    with (
        pytest.raises(InputError, match=r"Sampling .*smaller batch_size"),
        out_of_memory.advice("Sampling", out_of_memory.SAMPLING),
    ):
        np.zeros((1 << 50,))
    with pytest.raises(tf.errors.ResourceExhaustedError), out_of_memory.advice("It", "."):
        raise tf.errors.ResourceExhaustedError(None, None, "a file; No space left on device")


# Optimizers.

SPECIAL = {"Optimizer", "OptimizerMap", "MultiOptimizer", "LossScaleOptimizer"}


def test_every_optimizer_trains():
    names = {name for name in dir(keras.optimizers) if name[0].isupper()} - SPECIAL
    assert len(names) > 10
    names = [*sorted(names), "SGD"]
    for pair in zip(names[::2], names[1::2], strict=False):
        one, other = (getattr(keras.optimizers, name)(1e-3) for name in pair)
        gan = made(d_optimizer=one, g_optimizer=other, run_eagerly=True)
        before = [np.array(weight) for weight in gan.weights]
        gan.train_on_batch(POINTS)
        moved = [not np.array_equal(a, b) for a, b in zip(before, gan.weights, strict=True)]
        assert all(moved), pair


@pytest.mark.parametrize(
    "options",
    [
        {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2},
        {"weight_decay": 0.01},
        {"clipnorm": 1.0},
        {"global_clipnorm": 1.0},
        {"clipvalue": 1.0},
        {"loss_scale_factor": 8.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_every_option_of_optimizers_trains(options):
    gan = made(
        d_optimizer=keras.optimizers.Adam(1e-2, **options),
        g_optimizer=keras.optimizers.SGD(1e-2, **options),
        run_eagerly=True,
    )
    gan.fit(POINTS, batch_size=8, epochs=2, verbose=0)
    assert [int(player.count) for player in gan.players] == [4, 4]


@pytest.mark.parametrize("scaled", [False, True])
def test_the_average_of_an_optimizer_is_in_the_weights_after_fit(scaled):
    """As in Keras, where `fit` ends with `finalize_variable_values`."""

    def averaging():
        inner = keras.optimizers.Adam(1e-1, use_ema=True, ema_momentum=0.5)
        return keras.optimizers.LossScaleOptimizer(inner, 1.0) if scaled else inner

    gan = made(d_optimizer=averaging(), g_optimizer=averaging(), run_eagerly=True)
    seen = []
    weight = gan.generator.trainable_variables[0]
    gan.fit(POINTS, batch_size=8, epochs=0, verbose=0)
    start = np.array(weight)
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(weight.numpy())
    )
    gan.fit(POINTS, batch_size=8, verbose=0, callbacks=[watch])
    # Without an update there is no average, and the first weights are no part of it.
    assert np.abs(start).max() > 0
    np.testing.assert_allclose(weight, (seen[0] + seen[1]) / 2, rtol=1e-5)


def test_one_optimizer_for_several_networks_is_refused_by_a_sentence(trained):
    for name in ("apply", "apply_gradients", "get_config", "loss_scale_factor"):
        with pytest.raises(AttributeError, match="gan.d_optimizer, gan.g_optimizer"):
            getattr(trained.optimizer, name)
    assert trained.optimizer.learning_rate == trained.g_optimizer.learning_rate


# Callbacks.

CALLBACKS = {
    "BackupAndRestore": lambda: keras.callbacks.BackupAndRestore("backup"),
    "Callback": lambda: keras.callbacks.Callback(),
    "CSVLogger": lambda: keras.callbacks.CSVLogger("log.csv"),
    "EarlyStopping": lambda: keras.callbacks.EarlyStopping(
        "val_g_loss", mode="min", restore_best_weights=True
    ),
    "History": lambda: keras.callbacks.History(),
    "LambdaCallback": lambda: keras.callbacks.LambdaCallback(),
    "LearningRateScheduler": lambda: keras.callbacks.LearningRateScheduler(lambda epoch, r: r / 2),
    "ModelCheckpoint": lambda: keras.callbacks.ModelCheckpoint(
        "best.keras", "val_g_loss", mode="min", save_best_only=True
    ),
    "ProgbarLogger": lambda: keras.callbacks.ProgbarLogger(),
    "ReduceLROnPlateau": lambda: keras.callbacks.ReduceLROnPlateau(
        "val_g_loss", mode="min", patience=1, min_delta=1e6
    ),
    "TensorBoard": lambda: keras.callbacks.TensorBoard("events"),
    "TerminateOnNaN": lambda: keras.callbacks.TerminateOnNaN(),
}
# They need a package or a server, and see nothing of a GAN that `ModelCheckpoint` does not see.
OUTSIDE = {"OrbaxCheckpoint": "orbax", "RemoteMonitor": "requests"}


def test_every_callback_of_keras_works_or_says_what_to_use():
    public = {name for name in dir(keras.callbacks) if name[0].isupper()}
    assert public - CALLBACKS.keys() - OUTSIDE.keys() == {"CallbackList", "SwapEMAWeights"}
    gan = made(run_eagerly=True)
    fit = {"epochs": 2, "validation_data": POINTS, "batch_size": 8, "verbose": 0}
    together = keras.callbacks.CallbackList([make() for make in CALLBACKS.values()])
    assert len(gan.fit(POINTS, callbacks=together, **fit).epoch) == 2
    # The scheduler halved both rates twice, the plateau once more by a tenth.
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert float(optimizer.learning_rate) == pytest.approx(2e-4 / 4 / 10)
    with pytest.raises(InputError, match=r"compile\(ema=0.999\)"):
        gan.fit(POINTS, callbacks=[keras.callbacks.SwapEMAWeights()], **fit)
    with pytest.raises(InputError, match="keras.callbacks.Callback objects; got 'stop'"):
        gan.fit(POINTS, callbacks=["stop"], **fit)


@pytest.mark.skipif(not importlib.util.find_spec("orbax"), reason="needs orbax-checkpoint")
def test_orbax_checkpoints_hold_the_weights():
    gan = made()
    gan.fit(POINTS, callbacks=[keras.callbacks.OrbaxCheckpoint("orbax")], batch_size=8, verbose=0)


def test_terminate_on_nan_stops_at_the_first_update_that_is_left_out():
    """Keras's own looks at a log named "loss", which a GAN does not have."""

    def poison(turn):
        return tf.reduce_mean(turn.fake_scores) / tf.cast(turn.gan.iterations.value < 2, "float32")

    gan = made(terms=[poison], steps_per_execution=1)
    with pytest.warns(UserWarning, match="generator in step 3 was left out: the term 'poison'"):
        history = gan.fit(
            np.tile(POINTS, (8, 1)),
            batch_size=8,
            epochs=3,
            verbose=0,
            callbacks=[keras.callbacks.TerminateOnNaN()],
        )
    assert len(history.epoch) == 1 and int(gan.iterations) == 3
    assert np.isfinite(gan.generate(4)).all()


# Networks as tutorials make them.


def test_a_player_that_was_frozen_is_reported():
    dense, inputs = keras.layers.Dense, keras.Input
    generator = keras.Sequential([inputs((3,)), dense(2)])
    discriminator = keras.Sequential([inputs((2,)), dense(1)])
    discriminator.trainable = False
    gan = kgan.GAN(generator, discriminator)
    with pytest.warns(UserWarning, match="discriminator has no weights to train: it was frozen"):
        gan.compile()
    discriminator.trainable = True
    gan.compile()
    assert len(gan.players[0].variables) == 2


@pytest.mark.parametrize("last", ["linear", "cast", "identity", "flatten"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_an_activation_before_layers_that_change_no_value_is_found(activation, last):
    end = {
        "linear": keras.layers.Activation("linear", dtype="float32"),
        "cast": lambda x: keras.ops.cast(x, "float32"),
        "identity": keras.layers.Identity(),
        "flatten": keras.layers.Flatten(),
    }[last]
    x = keras.Input((2,))
    generator = keras.Model(x, end(keras.layers.Dense(2, activation=activation)(x)))
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    gan = kgan.GAN(generator, discriminator)
    assert gan.data_range == {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}[activation]
    if activation == "sigmoid":
        x = keras.Input((2,))
        with pytest.raises(InputError, match="ends in a sigmoid"):
            kgan.GAN(generator, keras.Model(x, end(keras.layers.Dense(1, activation)(x))))

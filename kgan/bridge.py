"""The only file that uses private names of Keras and TensorFlow.

Each is looked up once, when this module is imported, and each has a plain way to do without it:
a release that drops one of them costs speed, or a message that is less precise, and nothing else.
"""

import contextlib
import functools
import os
from typing import Any

import keras
import tensorflow as tf

try:
    from keras.src.models.functional import Functional
except ImportError:  # no network counts as functional, and its last layer stays unknown
    Functional = ()

try:
    from tensorflow.python.framework.config import is_op_determinism_enabled
except ImportError:

    def is_op_determinism_enabled() -> bool:
        """Whether TensorFlow was told to be deterministic; it cannot be asked here."""
        return os.environ.get("TF_DETERMINISTIC_OPS") in ("1", "true")


try:
    from tensorflow.python.util import _pywrap_util_port
except ImportError:
    _pywrap_util_port = None

_FLATTENS = hasattr(keras.layers.Layer, "_flatten_layers")
_ADAM_STEP = all(
    hasattr(keras.optimizers.Adam, name) for name in ("_backend_update_step", "_get_variable_index")
)


def onednn() -> bool:
    """Whether TensorFlow computes by oneDNN, which it decides by the processor."""
    try:
        return bool(_pywrap_util_port.IsMklEnabled())
    except AttributeError:
        return os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1"


# Networks.


def layers_within(layer: keras.layers.Layer, recursive: bool = True) -> list[keras.layers.Layer]:
    """All layers that a layer holds; with `recursive` itself and those within others too."""
    if _FLATTENS:
        return list(layer._flatten_layers(include_self=recursive, recursive=recursive))
    if not recursive:
        return list(getattr(layer, "layers", ()))
    below = (layers_within(part) for part in getattr(layer, "layers", ()))
    return [layer, *(part for parts in below for part in parts)]


def is_functional(network) -> bool:
    """Whether a network is a graph of layers, whose last layer is known."""
    return isinstance(network, (keras.Sequential, Functional))


def last_layer(network, passing: tuple = ()) -> keras.layers.Layer | None:
    """The layer that makes a network's first output; those of the classes `passing` are skipped.

    None where the network does not say: it is subclassed, or not built.
    """
    if not is_functional(network) or not network.built:
        return None
    try:
        tensor = network.outputs[0]
        while True:
            layer, node, _ = tensor._keras_history
            if not isinstance(layer, passing):
                return layer
            tensor = layer._inbound_nodes[node].input_tensors[0]
    except (AttributeError, IndexError, TypeError):
        return None


def activity_losses(network) -> list:
    """What activity regularizers and `add_loss` say of a network's latest pass, scalars."""
    # `Layer.losses` would add the weight regularizers, and cannot read weights where writes are
    # held back.
    layers = layers_within(network)
    if all(hasattr(layer, "_losses") for layer in layers):
        return [loss for layer in layers for loss in layer._losses]
    regularized = sum(getattr(v, "regularizer", None) is not None for v in network.variables)
    return network.losses[: len(network.losses) - regularized]


def untrack(model: keras.Model, layer: keras.layers.Layer) -> None:
    """Makes a model forget a layer that was one of its attributes, with its variables."""
    with contextlib.suppress(AttributeError):
        was_locked = model._tracker.locked
        model._tracker.unlock()
        model._tracker.untrack(layer)
        if was_locked:
            model._tracker.lock()


def plain_variable(variable):
    """The TensorFlow variable behind one of Keras's."""
    return getattr(variable, "_value", variable.value)


# Tracing.


def variables_of(function) -> list[tuple[tf.Tensor, tf.DType]]:
    """(resource handle, dtype) of each variable that a concrete function captures."""
    found = []
    for captured in function.captured_inputs:
        held = getattr(captured, "_handle_data", None)
        if captured.dtype == tf.resource and held is not None and held.shape_and_type:
            found.append((captured, tf.as_dtype(held.shape_and_type[0].dtype)))
    return found


def not_warned_of_retracing(function):
    """A `tf.function` that is not warned of: TensorFlow counts traces by name, over all models."""
    function._omit_frequent_tracing_warning = True
    return function


# Keras's evaluation and callbacks.


def traces_batches(callback) -> bool:
    """Whether Keras's TensorBoard profiles single batches."""
    return bool(getattr(callback, "_should_trace", False))


def cached_evaluation(kwargs: dict) -> bool:
    """Whether `evaluate` is called by `fit`, with data that is prepared already."""
    return bool(kwargs.get("_use_cached_eval_dataset"))


class EvaluatesByResults(keras.Model):
    """A model that is asked `get_metrics_result` once an evaluation is over.

    Keras would go by the names in the logs of a step, which cannot tell the figures of a metric
    that has several. A release that asks elsewhere returns those logs.

    Attributes:
        evaluating: whether an evaluation is going on.
    """

    evaluating = False

    def _get_metrics_result_or_logs(self, logs):
        if self.evaluating:
            return self.get_metrics_result()
        return super()._get_metrics_result_or_logs(logs)


def first_epoch(model) -> int | None:
    """The epoch that a callback has made `fit` begin with; None where none has."""
    return getattr(model, "_initial_epoch", None)


def begin_with_epoch(model, epoch: int | None) -> None:
    """Makes a `fit` that begins just now go on with an epoch, counted from 0; None takes it back.

    Where Keras does not ask for it, `fit` counts its epochs itself.
    """
    model._initial_epoch = epoch


def direction(metric) -> str | None:
    """`"up"` or `"down"`, the way in which a Keras metric is better; None where it does not say."""
    found = getattr(metric, "_direction", None)
    return found if found in ("up", "down") else None


class KerasTensorBoard(keras.callbacks.TensorBoard):
    """Keras's TensorBoard with public names for what a subclass replaces and uses.

    A release that does not ask for `epoch_logs`, `write_weights` or `write_networks` writes what
    Keras writes; one that keeps its writers elsewhere gets files beside its own.
    """

    # What a subclass gives.

    def epoch_logs(self) -> dict:
        """Further logs of an epoch, by name."""
        raise NotImplementedError

    def write_weights(self, epoch: int) -> None:
        """Writes the weights, every `histogram_freq` epochs."""
        raise NotImplementedError

    def write_networks(self) -> None:
        """Writes the model's layers, when training begins."""
        raise NotImplementedError

    def _collect_learning_rate(self, logs):
        return logs | self.epoch_logs()

    def _log_weights(self, epoch):
        self.write_weights(epoch)

    def _write_keras_model_summary(self):
        self.write_networks()

    # What it uses.

    def writer(self, run: str) -> Any:
        """The summary writer of the run "train" or "validation"."""
        name = {"train": "_train_writer", "validation": "_val_writer"}[run]
        if hasattr(keras.callbacks.TensorBoard, name):
            return getattr(self, name)
        made: dict = self.__dict__.setdefault("writers_beside", {})
        if run not in made:
            made[run] = tf.summary.create_file_writer(os.path.join(self.log_dir, run))
        return made[run]

    def open_writers(self) -> list:
        """The writers that were used so far."""
        beside = vars(self).get("writers_beside", {})
        return [*getattr(self, "_writers", {}).values(), *beside.values()]

    def leave_writer(self) -> bool:
        """Makes the writer the default one that was so before; False where none is left."""
        if not getattr(self, "_prev_summary_state", None):
            return False
        self._pop_writer()
        return True

    def stop_profile(self) -> None:
        """Ends the profile of a batch, where one is being written."""
        if getattr(self, "_is_tracing", False):
            self._stop_trace()

    def close_writers(self) -> None:
        """Closes the files; a later use opens others."""
        for writer in self.open_writers():
            writer.close()
        self._writers: dict = {}
        self.__dict__.pop("writers_beside", None)

    def write_weight_image(self, weight: Any, tag: str, epoch: int) -> None:
        """Writes a weight as a picture, where Keras can."""
        if hasattr(self, "_log_weight_as_image"):
            self._log_weight_as_image(weight, tag, epoch)


# Adam.


def can_replace_adam(optimizer) -> bool:
    """Whether `adam_step` and `adam_slots` work with this optimizer."""
    return _ADAM_STEP and hasattr(optimizer, "_momentums") and hasattr(optimizer, "_velocities")


@contextlib.contextmanager
def adam_step(optimizer, step):
    """Within, `optimizer.apply` updates by `step(gradients, variables, learning_rate)`."""
    # Past Keras, which tracks what is set on an optimizer.
    vars(optimizer)["_backend_update_step"] = step
    try:
        yield
    finally:
        del vars(optimizer)["_backend_update_step"]


def adam_slots(optimizer, variable) -> tuple:
    """(first moment, second moment) of a variable."""
    place = optimizer._get_variable_index(variable)
    return optimizer._momentums[place], optimizer._velocities[place]


@functools.cache
def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))

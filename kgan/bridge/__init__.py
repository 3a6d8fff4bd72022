"""The only place that uses private names of Keras and TensorFlow.

Each is looked up once, when this module is imported, and each has a fallback: if a release drops
one of them, kgan loses speed or the precision of a message, and nothing else.
"""

import collections
import contextlib
import functools
import os
from typing import Any

import keras
import tensorflow as tf

from kgan.bridge.callbacks import (  # noqa: F401  for those who import this package
    KerasTensorBoard,
    begin_with_epoch,
    callback_state,
    direction,
    first_epoch,
    has_ended_training,
    profiles_batches,
    set_callback_state,
)

try:
    from keras.src.models.functional import Functional
except ImportError:  # then no network counts as functional, and no last layer is known
    Functional = ()

try:
    from keras.src.ops.nn import OneHot
except ImportError:  # then labels that pass through it cannot be mixed
    OneHot = ()

try:
    from tensorflow.python.framework.config import is_op_determinism_enabled
except ImportError:

    def is_op_determinism_enabled() -> bool:
        """Returns whether the environment makes TensorFlow's operations deterministic."""
        return os.environ.get("TF_DETERMINISTIC_OPS") in ("1", "true")


try:
    from tensorflow.python.util import _pywrap_util_port
except ImportError:
    _pywrap_util_port = None

try:
    from tensorflow.python.pywrap_tfe import TFE_ClearScalarCache
except ImportError:

    def TFE_ClearScalarCache() -> None:
        """Does nothing."""


try:
    from keras.src.backend.common import global_state
    from keras.src.saving.saving_lib import get_attr_skipset
except ImportError:
    global_state = get_attr_skipset = None

_FLATTENS = hasattr(keras.layers.Layer, "_flatten_layers")
_ADAM_STEP = all(
    hasattr(keras.optimizers.Adam, name) for name in ("_backend_update_step", "_get_variable_index")
)


def onednn() -> bool:
    """Returns whether TensorFlow uses oneDNN, which depends on the processor."""
    try:
        return bool(_pywrap_util_port.IsMklEnabled())
    except AttributeError:
        return os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1"


def numpy_function(function, inputs: list, dtypes):
    """`tf.numpy_function`, whose Python function lives as long as the graphs that call it.

    TensorFlow keeps such a function, with the arrays that it closes over, in the program's default
    graph until the program ends: every dataset and metric ever made would stay in memory.

    Args:
        function: takes and returns NumPy arrays.
        inputs: tensors for it.
        dtypes: of what it returns: a dtype, or a list of them.
    """
    graphs = [tf.compat.v1.get_default_graph()]
    while getattr(graphs[-1], "outer_graph", None) not in (None, *graphs):
        graphs.append(graphs[-1].outer_graph)
    result = tf.numpy_function(function, inputs, dtypes)
    kept = getattr(graphs[-1], "_py_funcs_used_in_graph", None)
    if kept and (len(graphs) > 1 or tf.executing_eagerly()):
        registered = kept.pop()
        for graph in graphs[:-1]:
            graph._kgan_functions = [*getattr(graph, "_kgan_functions", []), registered]
    return result


def forget_numbers() -> None:
    """Empties TensorFlow's cache of the tensors that were made of Python numbers.

    TensorFlow 2.21 keeps a tensor for every int and float that was converted outside a graph,
    some 700 bytes each, until the process ends: for the number of a step, a learning rate, a seed.
    """
    TFE_ClearScalarCache()


# Networks.


def layers_within(layer: keras.layers.Layer, recursive: bool = True) -> list[keras.layers.Layer]:
    """Returns the layers that a layer holds.

    With `recursive` the list also holds the layer itself and the layers nested within others.
    """
    if _FLATTENS:
        return list(layer._flatten_layers(include_self=recursive, recursive=recursive))
    if not recursive:
        return list(getattr(layer, "layers", ()))
    below = (layers_within(part) for part in getattr(layer, "layers", ()))
    return [layer, *(part for parts in below for part in parts)]


def operations_within(network) -> list:
    """Returns the layers within a network, and the operations that its graphs hold as nodes."""
    found = layers_within(network)
    for layer in list(found):
        if isinstance(layer, Functional):
            found.extend(part for part in layer.operations if part not in found)
    return found


def is_functional(network) -> bool:
    """Returns whether a network is a graph of layers, so that its last layer is known."""
    return isinstance(network, (keras.Sequential, Functional))


def is_one_hot(operation) -> bool:
    """Returns whether an operation of a network's graph is `keras.ops.one_hot`."""
    return isinstance(operation, OneHot)


def last_layer(network, passing: Any = lambda layer: False) -> keras.layers.Layer | None:
    """Returns the layer that produces a network's first output.

    Args:
        network: a Keras model.
        passing: a function of a layer that returns whether to skip it.

    Returns:
        A layer, or None if it cannot be determined: the network is subclassed or not built.
    """
    if not is_functional(network) or not network.built:
        return None
    try:
        tensor = network.outputs[0]
        while True:
            layer, node, _ = tensor._keras_history
            if not passing(layer):
                return layer
            tensor = layer._inbound_nodes[node].input_tensors[0]
    except (AttributeError, IndexError, TypeError):
        return None


@contextlib.contextmanager
def names_from_the_start():
    """In this context Keras numbers the names of layers as in a new program.

    TensorFlow's optimizer of graphs goes by the order of names, in which 10 comes before 9: it adds
    the terms of a sum in another order in `conv2d_10` than in `conv2d_26`, and so a model that is
    made a second time would train to other last digits.
    """
    if global_state is None:
        yield
        return
    key = "object_name_uids"
    before = global_state.get_global_attribute(key) or {}
    inside = collections.defaultdict(int)
    global_state.set_global_attribute(key, inside)
    try:
        yield
    finally:
        # A layer that is made later may join these in one model, which wants distinct names.
        for name, number in before.items():
            inside[name] = max(number, inside[name])
        global_state.set_global_attribute(key, inside)


def activity_losses(network) -> list:
    """Returns the losses of activity regularizers and `add_loss` of a network's latest call."""
    # `Layer.losses` would add the weight regularizers, and cannot read weights inside a
    # `StatelessScope`.
    layers = layers_within(network)
    if all(hasattr(layer, "_losses") for layer in layers):
        return [loss for layer in layers for loss in layer._losses]
    regularized = sum(getattr(v, "regularizer", None) is not None for v in network.variables)
    return network.losses[: len(network.losses) - regularized]


def untrack(model: keras.Model, layer: keras.layers.Layer) -> None:
    """Stops a model from tracking a layer that was one of its attributes, and its variables."""
    with contextlib.suppress(AttributeError):
        was_locked = model._tracker.locked
        model._tracker.unlock()
        model._tracker.untrack(layer)
        if was_locked:
            model._tracker.lock()


def plain_variable(variable):
    """Returns the `tf.Variable` that a `keras.Variable` wraps."""
    return getattr(variable, "_value", variable.value)


# Tracing.


def variables_of(function) -> list[tuple[tf.Tensor, tf.DType]]:
    """Returns (resource handle, dtype) of each variable that a concrete function captures."""
    found = []
    for captured in function.captured_inputs:
        held = getattr(captured, "_handle_data", None)
        if captured.dtype == tf.resource and held is not None and held.shape_and_type:
            found.append((captured, tf.as_dtype(held.shape_and_type[0].dtype)))
    return found


def without_retracing_warning(function):
    """Returns a `tf.function` for which TensorFlow does not warn of frequent retracing.

    TensorFlow counts traces by the function's name, so that several models together exceed its
    limit though each is traced once.
    """
    function._omit_frequent_tracing_warning = True
    return function


def distributed_to_keras(kind: type) -> type:
    """Names a class so that Keras takes its objects as data of `tf.distribute`."""
    kind.__name__, kind.__module__ = "DistributedDataset", "tensorflow.python.kgan"
    return kind


# Keras's evaluation.


def cached_evaluation(kwargs: dict) -> bool:
    """Returns whether `fit` calls `evaluate`, with data that is already prepared."""
    return bool(kwargs.get("_use_cached_eval_dataset"))


class EvaluatesByResults(keras.Model):
    """A model whose `evaluate` returns `get_metrics_result()`.

    Keras compares the names in a step's logs with those of the metrics, which fails for a metric
    that returns several values. A Keras release without the private hook returns the step's logs.

    Attributes:
        evaluating: whether an evaluation is running.
    """

    evaluating = False

    # Networks are built; under a strategy Keras would call the model on a batch to build it.
    def _maybe_symbolic_build(self, iterator=None, data_batch=None): ...

    def _get_metrics_result_or_logs(self, logs):
        if self.evaluating:
            return self.get_metrics_result()
        return super()._get_metrics_result_or_logs(logs)


# Saving.


def remember_what_is_not_saved() -> None:
    """Spares Keras the making of an optimizer for every optimizer that it saves.

    Keras looks for what it does not save under another name than it stores it under, and so makes
    an example of every object's class anew. An optimizer's variables leave 70 KiB that are never
    freed (Keras 3.15.1 on TensorFlow 2.21): each checkpoint made the process larger.
    """
    if global_state is None:
        return
    for kind in ("Layer", "Functional", "Sequential", "Metric", "Optimizer", "Loss"):
        name = f"saving_attr_skiplist_{kind}"
        if global_state.get_global_attribute(name) is None:
            global_state.set_global_attribute(name, get_attr_skipset(kind))


# Adam.


def can_replace_adam(optimizer) -> bool:
    """Returns whether `adam_step` and `adam_slots` work with an optimizer."""
    return _ADAM_STEP and hasattr(optimizer, "_momentums") and hasattr(optimizer, "_velocities")


@contextlib.contextmanager
def adam_step(optimizer, step):
    """In this context `optimizer.apply` calls `step(gradients, variables, learning_rate)`."""
    # In the instance dictionary: Keras tracks attributes that are set as usual.
    vars(optimizer)["_backend_update_step"] = step
    try:
        yield
    finally:
        # Another replica, traced in turns with this one, may have ended it already.
        vars(optimizer).pop("_backend_update_step", None)


@contextlib.contextmanager
def gradients_are_summed(optimizers):
    """In this context optimizers take gradients that are sums over the replicas already.

    A Keras release without this method would sum them once more.
    """
    owners = [getattr(each, "inner_optimizer", each) for each in optimizers]
    for owner in owners:
        vars(owner)["_all_reduce_sum_gradients"] = lambda pairs: pairs
    try:
        yield
    finally:
        for owner in owners:
            vars(owner).pop("_all_reduce_sum_gradients", None)


def adam_slots(optimizer, variable) -> tuple:
    """Returns (first moment, second moment) of a variable."""
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]


@functools.cache
def has_gpu() -> bool:
    """Returns whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))

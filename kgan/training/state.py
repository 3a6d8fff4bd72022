"""Every variable of a training, by a stable name: the one place that knows them all.

Saving, loading, what the other player's turn must not touch, putting back after a trial and the
size of a checkpoint are all questions to this module. Names are paths:

- `generator/dense/kernel`: weights and layer state of a network, by its role;
- `average/...`, `history_a/...`: of other layers that are attributes of the model;
- `d_optimizer/...`: of each player's optimizer;
- `seeds/training`, `seeds/sampling`, `seeds/generator/0`: of seed generators;
- `terms/lecam/...`, `loss/...`, `latents/...`: what the parts of the game hold, anywhere in them;
- `own/...`: variables that are attributes of the model itself;
- `updates/d`, `iterations`, `xla`: counts.

Keras saves networks, optimizers and layers by its own walk over the model's attributes. The rest
is in `beside_keras`, and goes into the model's own part of a file.
"""

import contextlib
import re
import threading
import types
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import bridge
from kgan.errors import InputError

_SEED = "seed_generator_state"


def variables(model) -> dict[str, Any]:
    """All variables of a training, by name."""
    found, taken = {}, set()

    def add(prefix, these, **how):
        for name, variable in named(these, prefix, **how).items():
            if id(variable) not in taken and variable.name != _SEED:
                taken.add(id(variable))
                found[name] = variable

    for role, network in model.networks.items():
        add(role, network.variables)
    for name, layer in _attributes(model, keras.layers.Layer):
        add(name, layer.variables)
    for player in model.players:
        add(f"{player.prefix}_optimizer", player.optimizer.variables, of_slots=True)
    found |= beside_keras(model)
    taken |= {id(v) for v in found.values()}
    add("others", model.variables)
    return found


def beside_keras(model) -> dict[str, Any]:
    """The variables that Keras does not save by itself, by name."""
    found = dict(model.counts())
    found |= seeds(model)
    found |= named(_own(model), "own")
    known = {id(v) for v in [*model.variables, *found.values()]}
    for name, part in model.stateful_parts().items():
        for path, variable in held_by(part, known | {id(model)}):
            known.add(id(variable))
            found[f"{name}{path}"] = variable
    return found


def seeds(model) -> dict[str, Any]:
    """The state of every seed generator of a model and its networks, Dropout's for instance."""
    found = {
        f"seeds/{name.strip('_').removesuffix('_seeds')}": generator.state
        for name, generator in _attributes(model, keras.random.SeedGenerator)
    }
    taken = {id(v) for v in found.values()}
    holders = {**model.networks, "others": model}
    for role, holder in holders.items():
        states = [v for v in holder.variables if v.name == _SEED and id(v) not in taken]
        taken |= {id(v) for v in states}
        # By place: Keras numbers their names afresh in every process.
        found |= {f"seeds/{role}/{place}": v for place, v in enumerate(states)}
    return found


def _own(model) -> list:
    """Variables of the model itself, which are none of its layers'."""
    layers = bridge.layers_within(model, recursive=False)
    within = {id(v) for layer in layers for v in layer.variables}
    return [v for v in model.variables if id(v) not in within and v.name != _SEED]


def _attributes(model, kind):
    networks = {id(network) for network in model.networks.values()}
    for name, value in sorted(vars(model).items()):
        if isinstance(value, kind) and id(value) not in networks:
            yield name, value


def named(these, prefix: str, of_slots: bool = False) -> dict[str, Any]:
    """Variables by names that are the same in every process that builds the same layers.

    Keras numbers layers in the order in which a process makes them (`dense_7`); here they are
    counted from the start of each network. The names of an optimizer's slots have such numbers
    within them (`of_slots`).
    """
    layers, found = {}, {}
    for variable in these:
        path = getattr(variable, "path", variable.name).split("/")
        layer, kind = "/".join(path[:-1]), re.sub(r":\d+$", "", path[-1])
        if of_slots:
            kind = re.sub(r"_\d+(?=_|$)", "", kind)
        if layer not in layers:
            base = re.sub(r"_\d+$", "", path[-2]) if len(path) > 1 else ""
            taken = set(layers.values())
            layers[layer] = _free(base, taken)
        full = "/".join(part for part in (prefix, layers[layer], kind) if part)
        found[_free(full, found)] = variable
    return found


def _free(name: str, taken) -> str:
    """The name, with a number behind it where it is taken."""
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


# What an object holds.

# Nothing of the user's is within these, and some hold the whole process.
_CLOSED = (str, bytes, int, float, bool, type, np.ndarray, np.generic, tf.Tensor, tf.DType)
_CLOSED += (types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


def is_variable(thing) -> bool:
    """Whether it is a variable of Keras's or TensorFlow's."""
    return isinstance(thing, (keras.Variable, tf.Variable))


def held_by(thing, passed: set[int], path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, variable) of all that an object holds: in attributes, lists, dictionaries, layers.

    Args:
        thing: a term, a loss, latents, an augmentation; or something within one.
        passed: the `id` of what is not to be entered or named again.
        path: of `thing`.
    """
    if thing is None or id(thing) in passed or isinstance(thing, _CLOSED):
        return
    passed.add(id(thing))
    if is_variable(thing):
        yield path, thing
    elif isinstance(thing, keras.random.SeedGenerator):
        yield f"{path}/seed", thing.state
    elif isinstance(thing, (keras.layers.Layer, keras.optimizers.Optimizer, tf.Module)):
        for name, variable in named(thing.variables, path).items():
            if id(variable) not in passed:
                passed.add(id(variable))
                yield name, variable
    elif isinstance(thing, keras.metrics.Metric):
        yield from held_by(list(thing.variables), passed, path)
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from held_by(value, passed, f"{path}/{key}")
    elif isinstance(thing, (list, tuple)):
        for place, value in enumerate(thing):
            yield from held_by(value, passed, f"{path}/{place}")
    elif not type(thing).__module__.startswith(("tensorflow.", "keras.src.")):
        for name, value in sorted(getattr(thing, "__dict__", {}).items()):
            yield from held_by(value, passed, f"{path}/{name.strip('_')}")


# Saving and loading what Keras leaves out.


def _stored(name: str) -> str:
    # A slash would make a group of its own in the file.
    return name.replace("/", ".")


def save(model, store) -> None:
    """Writes what Keras leaves out into the model's own part of a file."""
    for name, variable in beside_keras(model).items():
        store[_stored(name)] = np.asarray(variable)


def load(model, store) -> None:
    """Reads what `save` wrote, by name; says what is missing and what is left over.

    Raises:
        InputError: for a variable of another shape than the file's.
    """
    present = set(store.keys())
    if any(re.fullmatch(r"(seed|own|part|content)_[\d_]+", name) for name in present):
        _load_by_place(model, store, present)
        return
    wanted = {_stored(name): variable for name, variable in beside_keras(model).items()}
    for name in sorted(present & wanted.keys()):
        _assign(wanted[name], store[name], name)
    _follow_optimizers(model, present)
    # Without `compile` a model has no terms and plays with nobody.
    missing = sorted(wanted.keys() - present) if model.compiled else []
    left_over = sorted(present - wanted.keys()) if model.compiled else []
    if missing or left_over:
        said = [f"it lacks {', '.join(missing)}, which keep their present values"] * bool(missing)
        said += [f"it holds {', '.join(left_over)}, which this model has not"] * bool(left_over)
        warnings.warn(
            f"The file's state is not that of this model: {'; '.join(said)}. Compile with the same "
            "loss, penalties and terms, under the same names, to go on as before.",
            stacklevel=2,
        )


def _assign(variable, value, name):
    value = np.asarray(value)
    if tuple(value.shape) != tuple(variable.shape):
        raise InputError(
            f"The file holds {name} with shape {tuple(value.shape)}; this model's has shape "
            f"{tuple(variable.shape)}. Build and compile the model as it was saved."
        )
    variable.assign(value)


def _load_by_place(model, store, present) -> None:
    """Reads files of kgan 0.1.0 before the state had names: what counts there is the order."""
    wanted = dict(model.counts())
    wanted |= {
        f"seed_{place}": v for place, v in enumerate(v for v in model.variables if v.name == _SEED)
    }
    own = sorted(_own(model), key=lambda v: not v.trainable)
    wanted |= {f"own_{place}": v for place, v in enumerate(own)}
    parts = model.stateful_parts()
    content = parts.get("content")
    if isinstance(content, keras.Model):
        wanted |= {f"content_{place}": v for place, v in enumerate(content.weights)}
    if model.compiled:
        for place, part in enumerate((model.loss, *model.terms)):
            held = [v for v in vars(part).values() if isinstance(v, keras.Variable)]
            wanted |= {f"part_{place}_{number}": v for number, v in enumerate(held)}
    for name, variable in wanted.items():
        if name in present:
            _assign(variable, store[name], name)
    _follow_optimizers(model, present)


def _follow_optimizers(model, present) -> None:
    """Where a file does not count updates, the optimizers do; they are loaded after this."""
    if not any(name.startswith("updates") for name in present):
        model.updates_are_unknown = True


# Holding back what a step would write.


class _Scopes(threading.local):
    """The scopes that hold writes back now, in this thread, the innermost last."""

    def __init__(self):
        self.open = []


_scopes = _Scopes()


class Changes:
    """What was written within `held_back`: `pairs` of a variable and its new value."""

    def __init__(self):
        self.pairs = []


@contextlib.contextmanager
def held_back(model) -> Iterator[Changes]:
    """Within, variables are read and written as ever, but nothing outside sees the writes.

    When it ends, the `Changes` that it yields hold every variable that was written, with its
    last value. Scopes may be nested; an inner one starts from the values of the outer one.
    Plain `tf.Variable` objects know nothing of it; see `plain_variables`.
    """
    candidates = _written_by_layers(model)
    outer = _scopes.open[-1] if _scopes.open else None
    begin = []
    if outer is not None:
        values = ((v, outer.get_current_value(v)) for v in candidates)
        begin = [(v, value) for v, value in values if value is not None]
    changes = Changes()
    with keras.StatelessScope(begin) as scope:
        before = {id(v): scope.get_current_value(v) for v, _ in begin}
        _scopes.open.append(scope)
        try:
            yield changes
        finally:
            _scopes.open.pop()
    for variable in candidates:
        value = scope.get_current_value(variable)
        if value is not None and value is not before.get(id(variable)):
            changes.pairs.append((variable, value))


def _written_by_layers(model) -> list:
    """Keras's variables that may change beside the optimizers' work."""
    trained = {id(v) for network in model.networks.values() for v in network.trainable_variables}
    optimizers = {id(v) for player in model.players for v in player.optimizer.variables}
    known = {id(v): v for v in [*model.variables, *beside_keras(model).values()]}
    return [
        v
        for v in known.values()
        if isinstance(v, keras.Variable) and id(v) not in trained and id(v) not in optimizers
    ]


def plain_variables(model) -> list[tf.Variable]:
    """Variables of TensorFlow's own that terms and the like hold; they write at once."""
    return [v for v in beside_keras(model).values() if not isinstance(v, keras.Variable)]


@contextlib.contextmanager
def dropped(model) -> Iterator[None]:
    """Within, layers run in training mode, and what they write to their state is dropped.

    Seed generators move on, or the next draw would repeat this one's latents and Dropout masks.
    """
    with held_back(model) as changes:
        yield
    seeds_moved(model, changes)


def seeds_moved(model, changes: Changes) -> list[tuple]:
    """Lets seed generators move on now, whatever becomes of the rest; returns the rest."""
    of_seeds = {id(v) for v in model.variables if v.name == _SEED}
    rest = []
    for variable, value in changes.pairs:
        if id(variable) in of_seeds:
            variable.assign(value)
        else:
            rest.append((variable, value))
    return rest


# Putting back, and size.


@contextlib.contextmanager
def put_back(function) -> Iterator[None]:
    """Within, a traced function may run; then all that it can change is as it was.

    Args:
        function: a concrete function of TensorFlow's.
    """
    handles = bridge.variables_of(function)
    kept = [
        (handle, tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype).numpy())
        for handle, dtype in handles
    ]
    try:
        yield
    finally:
        for handle, value in kept:
            tf.raw_ops.AssignVariableOp(resource=handle, value=value)


def size(model) -> int:
    """Bytes of all variables."""
    shapes = ((v.shape, tf.as_dtype(v.dtype).size) for v in variables(model).values())
    return sum(int(np.prod(shape)) * each for shape, each in shapes)

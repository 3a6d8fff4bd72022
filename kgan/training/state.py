"""The state of training: every variable, by a stable name.

This module saves and loads the state, discards what a player must not change, restores variables
after a trial run, and computes the size of a checkpoint. Names are paths:

- `generator/dense/kernel`: weights and layer state of a network, by its role;
- `average/...`, `history_a/...`: variables of other layers that are attributes of the model;
- `d_optimizer/...`: variables of each player's optimizer;
- `seeds/training`, `seeds/sampling`, `seeds/generator/0`: states of seed generators;
- `terms/lecam/...`, `loss/...`, `latents/...`: variables anywhere in terms, losses and latents;
- `own/...`: variables that are attributes of the model itself;
- `updates/d`, `iterations`, `xla`: counters.

Keras itself saves the networks, optimizers and layers among the model's attributes. The other
variables are returned by `beside_keras`, and saved in the model's own part of a file.
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
    """Returns all variables of training, by name."""
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
    """Returns the variables that Keras does not save itself, by name."""
    found = dict(model.counts())
    found |= seeds(model)
    found |= named(_own_variables(model), "own")
    known = {id(v) for v in [*model.variables, *found.values()]}
    for name, part in model.stateful_parts().items():
        for path, variable in variables_in(part, known | {id(model)}):
            known.add(id(variable))
            found[f"{name}{path}"] = variable
    return found


def seeds(model) -> dict[str, Any]:
    """Returns the state of every seed generator in a model, such as those of Dropout, by name."""
    found = {
        f"seeds/{name.strip('_').removesuffix('_seeds')}": generator.state
        for name, generator in _attributes(model, keras.random.SeedGenerator)
    }
    taken = {id(v) for v in found.values()}
    holders = {**model.networks, "others": model}
    for role, holder in holders.items():
        states = [v for v in holder.variables if v.name == _SEED and id(v) not in taken]
        taken |= {id(v) for v in states}
        # By position: Keras numbers their names differently in every process.
        found |= {f"seeds/{role}/{place}": v for place, v in enumerate(states)}
    return found


def _own_variables(model) -> list:
    """Returns the variables that are attributes of the model itself, not of its layers."""
    layers = bridge.layers_within(model, recursive=False)
    within = {id(v) for layer in layers for v in layer.variables}
    return [v for v in model.variables if id(v) not in within and v.name != _SEED]


def _attributes(model, kind):
    networks = {id(network) for network in model.networks.values()}
    for name, value in sorted(vars(model).items()):
        if isinstance(value, kind) and id(value) not in networks:
            yield name, value


def named(these, prefix: str, of_slots: bool = False) -> dict[str, Any]:
    """Returns variables by names that are the same in every process that builds the same layers.

    Keras numbers layers in the order in which a process creates them (`dense_7`). Here they are
    numbered within each network.

    Args:
        these: the variables.
        prefix: the first part of all names.
        of_slots: whether the variables are those of an optimizer, whose names contain such numbers.
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
            layers[layer] = _unused(base, taken)
        full = "/".join(part for part in (prefix, layers[layer], kind) if part)
        found[_unused(full, found)] = variable
    return found


def _unused(name: str, taken) -> str:
    """Returns the name, with a number appended if it is taken."""
    number, unused = 0, name
    while unused in taken:
        number += 1
        unused = f"{name}_{number}"
    return unused


# The variables in an object.

# Objects that are not searched: they hold no variables, or refer to the whole process.
_NOT_SEARCHED = (str, bytes, int, float, bool, type, np.ndarray, np.generic, tf.Tensor, tf.DType)
_NOT_SEARCHED += (types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


def is_variable(thing) -> bool:
    """Returns whether an object is a Keras or TensorFlow variable."""
    return isinstance(thing, (keras.Variable, tf.Variable))


def variables_in(thing, seen: set[int], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (path, variable) for the variables in attributes, lists, dictionaries and layers.

    Args:
        thing: a term, a loss, latents, an augmentation, or an object within one.
        seen: the `id` of objects that are skipped; those that are visited are added.
        path: the path of `thing`.
    """
    if thing is None or id(thing) in seen or isinstance(thing, _NOT_SEARCHED):
        return
    seen.add(id(thing))
    if is_variable(thing):
        yield path, thing
    elif isinstance(thing, keras.random.SeedGenerator):
        yield f"{path}/seed", thing.state
    elif isinstance(thing, (keras.layers.Layer, keras.optimizers.Optimizer, tf.Module)):
        for name, variable in named(thing.variables, path).items():
            if id(variable) not in seen:
                seen.add(id(variable))
                yield name, variable
    elif isinstance(thing, keras.metrics.Metric):
        yield from variables_in(list(thing.variables), seen, path)
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from variables_in(value, seen, f"{path}/{key}")
    elif isinstance(thing, (list, tuple)):
        for place, value in enumerate(thing):
            yield from variables_in(value, seen, f"{path}/{place}")
    elif not type(thing).__module__.startswith(("tensorflow.", "keras.src.")):
        for name, value in sorted(getattr(thing, "__dict__", {}).items()):
            yield from variables_in(value, seen, f"{path}/{name.strip('_')}")


# Saving and loading the variables that Keras does not save.


def _stored(name: str) -> str:
    # A slash would create a group in the file.
    return name.replace("/", ".")


def save(model, store) -> None:
    """Writes the variables that Keras does not save into the model's own part of a file."""
    for name, variable in beside_keras(model).items():
        store[_stored(name)] = np.asarray(variable)


def load(model, store) -> None:
    """Reads what `save` wrote, by name; warns of variables that are missing or left over.

    Raises:
        InputError: if a variable has another shape than in the file.
    """
    present = set(store.keys())
    if any(re.fullmatch(r"(seed|own|part|content)_[\d_]+", name) for name in present):
        _load_by_place(model, store, present)
        return
    wanted = {_stored(name): variable for name, variable in beside_keras(model).items()}
    for name in sorted(present & wanted.keys()):
        _assign(wanted[name], store[name], name)
    _note_missing_counts(model, present)
    # A model that is not compiled has no terms and no players yet.
    missing = sorted(wanted.keys() - present) if model.compiled else []
    left_over = sorted(present - wanted.keys()) if model.compiled else []
    if missing or left_over:
        said = [f"it lacks {', '.join(missing)}, which keep their present values"] * bool(missing)
        said += [f"it holds {', '.join(left_over)}, which this model lacks"] * bool(left_over)
        warnings.warn(
            f"The file's state does not match this model: {'; '.join(said)}. To resume training "
            "exactly, compile with the same loss, penalties and terms, under the same names.",
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
    """Reads files of kgan 0.1.0 from before the state had names, by the order of variables."""
    wanted = dict(model.counts())
    wanted |= {
        f"seed_{place}": v for place, v in enumerate(v for v in model.variables if v.name == _SEED)
    }
    own = sorted(_own_variables(model), key=lambda v: not v.trainable)
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
    _note_missing_counts(model, present)


def _note_missing_counts(model, present) -> None:
    """Notes that a file has no counts of updates.

    They are then taken from the optimizers, which Keras loads later.
    """
    if not any(name.startswith("updates") for name in present):
        model.updates_are_unknown = True


# Holding back what layers, terms and latents write in a step.


class _Scopes(threading.local):
    """The active scopes of `held_back` in this thread, the innermost last."""

    def __init__(self):
        self.open = []


_scopes = _Scopes()


class Changes:
    """What was written within `held_back`: `pairs` of a variable and its new value."""

    def __init__(self):
        self.pairs = []


@contextlib.contextmanager
def held_back(model) -> Iterator[Changes]:
    """In this context writes to Keras variables are visible, but are discarded at its end.

    At its end, the `Changes` that it yields holds every variable that was written, with its last
    value. Contexts may be nested; an inner one starts with the values of the outer one. Plain
    `tf.Variable` objects are not held back; see `plain_variables`.
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
    """Returns the Keras variables that something other than an optimizer may change."""
    trained = {id(v) for network in model.networks.values() for v in network.trainable_variables}
    optimizers = {id(v) for player in model.players for v in player.optimizer.variables}
    known = {id(v): v for v in [*model.variables, *beside_keras(model).values()]}
    return [
        v
        for v in known.values()
        if isinstance(v, keras.Variable) and id(v) not in trained and id(v) not in optimizers
    ]


def plain_variables(model) -> list[tf.Variable]:
    """Returns the plain `tf.Variable` objects of terms and other parts, which write at once."""
    return [v for v in beside_keras(model).values() if not isinstance(v, keras.Variable)]


@contextlib.contextmanager
def dropped(model) -> Iterator[None]:
    """In this context what layers write to their state is discarded.

    Seed generators advance: otherwise the next draw would repeat latents and Dropout masks.
    """
    with held_back(model) as changes:
        yield
    advance_seeds(model, changes)


def advance_seeds(model, changes: Changes) -> list[tuple]:
    """Applies the changes of seed generators at once, and returns the other changes."""
    of_seeds = {id(v) for v in model.variables if v.name == _SEED}
    rest = []
    for variable, value in changes.pairs:
        if id(variable) in of_seeds:
            variable.assign(value)
        else:
            rest.append((variable, value))
    return rest


# Restoring variables, and the size of the state.


@contextlib.contextmanager
def restored_afterwards(function) -> Iterator[None]:
    """Restores every variable that a traced function uses at the end of this context.

    Args:
        function: a TensorFlow concrete function.
    """
    handles = bridge.variables_of(function)
    saved = [
        (handle, tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype).numpy())
        for handle, dtype in handles
    ]
    try:
        yield
    finally:
        for handle, value in saved:
            tf.raw_ops.AssignVariableOp(resource=handle, value=value)


def size(model) -> int:
    """Returns the size of all variables in bytes."""
    shapes = ((v.shape, tf.as_dtype(v.dtype).size) for v in variables(model).values())
    return sum(int(np.prod(shape)) * each for shape, each in shapes)

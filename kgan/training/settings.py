"""The arguments of `compile`, checked together before any of them is set."""

import os
import warnings
from dataclasses import dataclass
from typing import Any

import keras

from kgan import arguments, augment, bridge, checks, losses, penalties, terms
from kgan.errors import InputError, unknown
from kgan.training import second_derivatives
from kgan.training.averaging import WeightAverage
from kgan.training.logs import Logs
from kgan.training.players import Player

# Arguments of `compile` whose default is in the model's `defaults()`, optimizers apart.
_WITH_PAPER_DEFAULT = (
    "loss",
    "penalties",
    "discriminator_steps",
    "joint_batch",
    "shared_forward",
    "ema",
)

SWITCH = "KGAN_ACCELERATE"

# A training step holds all of its updates and slices, in its graph and as batches in memory. Papers
# take at most 100 (Arjovsky et al. 2017, in the authors' code).
_MOST_REPEATS = 1000


@dataclass
class Settings:
    """The settings of a compiled model, checked against each other and against the model.

    Attributes:
        players: the players in the order of their updates, each with its optimizer, built.
        loss: the loss of both players.
        game_terms: the terms of the family.
        given_terms: the terms given to `compile`, penalties included.
        logs: the running means of a training step.
        metrics: the metrics of evaluations.
        average: the average of the generator's weights, or None.
        arguments: arguments of `compile` that lead to the same settings, for
            `get_compile_config`.

    The other fields are the arguments of `compile` of the same name.
    """

    players: list[Player]
    loss: losses.Loss
    game_terms: tuple
    given_terms: tuple
    logs: Logs
    metrics: tuple
    average: WeightAverage | None
    accumulation_steps: int
    discriminator_steps: int
    joint_batch: bool
    augment: Any
    shared_forward: bool
    log_gradient_norms: bool
    skip_nonfinite: bool
    accelerate: bool
    run_eagerly: bool
    steps_per_execution: int | str
    jit_compile: bool | str
    arguments: dict[str, Any]

    @property
    def terms(self) -> tuple:
        """All terms that players minimise in addition to their losses."""
        return (*self.game_terms, *self.given_terms)


def checked(model, given: dict[str, Any]) -> Settings:
    """Returns the settings of a model for arguments of `compile`; it does not change the model.

    Args:
        model: the model.
        given: the arguments by name; None means the paper's default.

    Raises:
        InputError: for an unknown name, or settings that contradict each other.
    """
    defaults = model.defaults()
    chosen = {
        name: defaults[name] if given[name] is None else given[name] for name in _WITH_PAPER_DEFAULT
    }
    loss = losses.get(chosen["loss"])
    model.check_loss(loss)
    discriminator_steps = arguments.integer(
        "discriminator_steps", chosen["discriminator_steps"], most=_MOST_REPEATS
    )
    accumulation_steps = arguments.integer(
        "accumulation_steps", given["accumulation_steps"], most=_MOST_REPEATS
    )
    shared_forward = arguments.flag("shared_forward", chosen["shared_forward"])
    run_eagerly = arguments.flag("run_eagerly", given["run_eagerly"])
    if shared_forward and (discriminator_steps > 1 or accumulation_steps > 1):
        raise InputError(
            "shared_forward makes one batch of samples a step; it cannot go with "
            f"discriminator_steps={discriminator_steps} and "
            f"accumulation_steps={accumulation_steps}. Set both to 1 or turn it off."
        )
    if not _is(given["steps_per_execution"], "auto"):
        arguments.integer("steps_per_execution", given["steps_per_execution"], or_else="'auto'")
    if not _is(given["jit_compile"], "auto"):
        arguments.boolean("jit_compile", given["jit_compile"], or_else="'auto'")
    if run_eagerly and given["jit_compile"] is True:
        raise InputError("run_eagerly runs no graph that jit_compile could compile; set only one.")
    augmentation = _augmentation(model, given["augment"], loss, discriminator_steps)
    game_terms = tuple(model.game_terms())
    given_terms = (
        *(penalties.get(penalty) for penalty in checks.listed(chosen["penalties"])),
        *(terms.get(term) for term in checks.listed(given["terms"])),
    )
    players = _players(model, defaults, given, discriminator_steps)
    for term in (*game_terms, *given_terms):
        _check_term(term, players)
    second_derivatives.check(model, (*game_terms, *given_terms), augmentation)
    norms = [f"{player.prefix}_gradient_norm" for player in players]
    logs = Logs(
        [
            *model.evaluated_logs,
            *(
                name
                for player in players
                if (name := f"{player.prefix}_loss") not in model.evaluated_logs
            ),
            *model.game_logs,
            *(term.name for term in (*game_terms, *given_terms)),
            *getattr(augmentation, "logs", ()),
            *(norms if arguments.flag("log_gradient_norms", given["log_gradient_norms"]) else ()),
        ]
    )
    metrics = checks.metrics(checks.listed(given["metrics"]), model.evaluated_logs)
    ema = None if chosen["ema"] is None or _is(chosen["ema"], 0) else chosen["ema"]
    average = WeightAverage(model.networks_of("generator"), ema) if ema is not None else None
    same_arguments = given | chosen | {
        "loss": loss,
        # Without the terms of the family, which `compile` adds again.
        "penalties": list(given_terms),
        "terms": [],
        "metrics": list(metrics),
        "ema": ema or 0,
        "d_optimizer": None,
        "g_optimizer": None,
        "optimizers": {player.name: player.optimizer for player in players},
    }  # fmt: skip
    # Left out if there is none, so that earlier releases read the file.
    if augmentation is None:
        del same_arguments["augment"]
    else:
        same_arguments["augment"] = augmentation
    for player in players:
        if player.prefix in ("d", "g"):
            same_arguments[f"{player.prefix}_optimizer"] = player.optimizer
            del same_arguments["optimizers"][player.name]
    return Settings(
        players=players,
        loss=loss,
        game_terms=game_terms,
        given_terms=given_terms,
        logs=logs,
        metrics=metrics,
        average=average,
        accumulation_steps=accumulation_steps,
        discriminator_steps=discriminator_steps,
        joint_batch=arguments.flag("joint_batch", chosen["joint_batch"]),
        augment=augmentation,
        shared_forward=shared_forward,
        log_gradient_norms=arguments.flag("log_gradient_norms", given["log_gradient_norms"]),
        skip_nonfinite=arguments.flag("skip_nonfinite", given["skip_nonfinite"]),
        accelerate=accelerates(given["accelerate"]),
        run_eagerly=run_eagerly,
        steps_per_execution=given["steps_per_execution"],
        jit_compile=given["jit_compile"],
        arguments=same_arguments,
    )


def _is(value, text_or_number) -> bool:
    """Returns whether a value of any type equals a text or a number."""
    return isinstance(value, (str, int, float)) and value == text_or_number


def accelerates(given: bool | None) -> bool:
    """Returns `given`; if it is None, what the environment variable `KGAN_ACCELERATE` says."""
    if given is None:
        return os.environ.get(SWITCH, "1").lower() not in ("0", "false", "off", "no")
    return arguments.flag("accelerate", given, or_else="None")


def _augmentation(model, given, loss, discriminator_steps):
    """Returns what the discriminator's images are changed by, or None."""
    if given is None:
        return None
    found = augment.get(given)
    if not model.can_augment:
        raise InputError(
            f"{type(model).__name__} cannot train with augment=: its discriminator sees more than "
            "whole images of one size, which would not change alike."
        )
    shape = getattr(model, "sample_shape", None)
    built_in = isinstance(found, augment.Augmentation)
    if built_in and isinstance(shape, tuple) and len(shape) != 3:
        raise InputError(
            f"augment changes images, (height, width, channels); this model's samples have the "
            f"shape {shape}. Leave it out, or give a function (samples, seed) that suits them."
        )
    if not built_in:
        return found
    if "augment_r" in found.logs and isinstance(loss, (losses.Wasserstein, losses.Relativistic)):
        warnings.warn(
            f"Adaptive augmentation follows the signs of the real scores, which mean nothing under "
            f"{type(loss).__name__}: a constant may be added to all scores. Take "
            "augment='diffaugment', or another loss.",
            stacklevel=4,
        )
    steps = getattr(model, "training_steps", None)
    updates = None if steps is None else steps * discriminator_steps
    return found.suited(model.data_range).lasting(updates)


def _check_term(term, players) -> None:
    names = [player.name for player in players]
    if term.player not in names:
        raise InputError(
            f"The term {term.name!r} is for the player {term.player!r}; this model's players are "
            f"{', '.join(names)}."
        )
    function = getattr(term, "function", None)
    if getattr(function, "__name__", "") == "<lambda>":
        warnings.warn(
            f"The term {term.name!r} is a lambda, which is code. A model saved with it loads by "
            f"kgan.load(..., custom_objects={{{term.name!r}: function}}), or with safe_mode=False. "
            "A function with a name, registered with keras.saving.register_keras_serializable, "
            "needs no such help.",
            stacklevel=5,
        )


def _players(model, defaults, given, discriminator_steps) -> list[Player]:
    """Returns the players of a model, with optimizers built for the variables that they train."""
    players = model.make_players()
    if discriminator_steps > 1 and not any(p.name == "discriminator" for p in players):
        raise InputError("discriminator_steps is set, but this model has no discriminator.")
    by_name = given["optimizers"] or {}
    if not isinstance(by_name, dict):
        raise InputError(
            "optimizers must be a dictionary from the name of a player to its optimizer, such as "
            f"{{'encoder': 'adam'}}; got {by_name!r}."
        )
    by_name = dict(by_name)
    for name in by_name:
        if name not in [player.name for player in players]:
            raise unknown("player in optimizers:", name, [player.name for player in players])
    float16 = any(
        layer.compute_dtype == "float16"
        for network in model.networks.values()
        for layer in bridge.layers_within(network)
    )
    used = {}
    prefixes = [player.prefix for player in players]
    if len(set(prefixes)) < len(prefixes):
        raise InputError(
            f"Two players have the same prefix of logs and optimizers: {', '.join(prefixes)}. "
            "Give each `kgan.Player` its own prefix."
        )
    for player in players:
        if player.name == "discriminator":
            player.updates = discriminator_steps
        key = f"{player.prefix}_optimizer"
        if given.get(key) is not None and player.name in by_name:
            raise InputError(f"The optimizer of the {player.name} is given twice; give one.")
        optimizer = by_name.get(player.name)
        optimizer = given.get(key) if optimizer is None else optimizer
        optimizer = defaults[key] if optimizer is None else optimizer
        if not isinstance(optimizer, str) and id(optimizer) in used:
            raise InputError(
                "The players share one optimizer object; its moments belong to one set of "
                "weights. Give each player its own."
            )
        used[id(optimizer)] = optimizer
        player.optimizer = _optimizer(optimizer, float16)
        # Keras does not load the state of an optimizer that is not built.
        player.optimizer.build(list({id(v): v for v in player.variables}.values()))
        player.count = keras.Variable(
            0, dtype="int64", trainable=False, aggregation="only_first_replica", name="updates"
        )
        player.fault = keras.Variable(
            [0, 0], dtype="int64", trainable=False, aggregation="only_first_replica", name="fault"
        )
    return players


def _optimizer(optimizer, float16: bool):
    """Returns an optimizer for one player, with loss scaling if the networks use float16."""
    if isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built:
        # Its slots belong to other variables; `compile` starts with new ones.
        optimizer = type(optimizer).from_config(optimizer.get_config())
    try:
        optimizer = keras.optimizers.get(optimizer)
    except (ValueError, TypeError):
        names = [name.lower() for name in dir(keras.optimizers) if name[0].isupper()]
        raise unknown("optimizer", optimizer, names) from None
    if float16 and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer

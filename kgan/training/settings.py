"""The arguments of `compile`: checked as a whole, and only then set."""

import os
import warnings
from dataclasses import dataclass
from typing import Any

import keras

from kgan import arguments, bridge, checks, losses, penalties, terms
from kgan.errors import InputError, unknown
from kgan.training.averaging import WeightAverage
from kgan.training.logs import Logs
from kgan.training.players import Player

# What a model's `defaults` answer where `compile` is told nothing.
_PAPERS = ("loss", "penalties", "discriminator_steps", "joint_batch", "shared_forward", "ema")

SWITCH = "KGAN_ACCELERATE"


@dataclass
class Settings:
    """How a game is trained; every field has been checked against the others and the model.

    Attributes:
        players: in the order in which they play, each with its optimizer, built.
        loss: what scores are judged by.
        game_terms: those of the family; `given_terms` those of `compile`, penalties included.
        logs: the running means of a step.
        metrics: of evaluations.
        average: the generator's, or None.
        arguments: what `compile` takes to come to the same, for `get_compile_config`.

    The other fields are those arguments.
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
        """All that players minimise beside their losses."""
        return (*self.game_terms, *self.given_terms)


def checked(model, given: dict[str, Any]) -> Settings:
    """The settings of a model by the arguments of `compile`; the model stays as it is.

    Args:
        model: the game.
        given: the arguments by name; None means the paper's.

    Raises:
        InputError: for an unknown name, or settings that cannot go together.
    """
    papers = model.defaults()
    asked = {name: papers[name] if given[name] is None else given[name] for name in _PAPERS}
    loss = losses.get(asked["loss"])
    model.check_loss(loss)
    discriminator_steps = arguments.integer("discriminator_steps", asked["discriminator_steps"])
    accumulation_steps = arguments.integer("accumulation_steps", given["accumulation_steps"])
    shared_forward = bool(asked["shared_forward"])
    if shared_forward and (discriminator_steps > 1 or accumulation_steps > 1):
        raise InputError(
            "shared_forward makes one batch of samples a step; it cannot go with "
            f"discriminator_steps={discriminator_steps} and "
            f"accumulation_steps={accumulation_steps}. Set both to 1 or turn it off."
        )
    if given["steps_per_execution"] != "auto":
        arguments.integer("steps_per_execution", given["steps_per_execution"], or_else="'auto'")
    if given["jit_compile"] != "auto":
        arguments.boolean("jit_compile", given["jit_compile"], or_else="'auto'")
    if given["run_eagerly"] and given["jit_compile"] is True:
        raise InputError("run_eagerly runs no graph that jit_compile could compile; give one.")
    game_terms = tuple(model.game_terms())
    given_terms = (
        *(penalties.get(penalty) for penalty in checks.listed(asked["penalties"])),
        *(terms.get(term) for term in checks.listed(given["terms"])),
    )
    players = _players(model, papers, given, discriminator_steps)
    for term in (*game_terms, *given_terms):
        _check_term(term, players)
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
            *(norms if given["log_gradient_norms"] else ()),
        ]
    )
    metrics = checks.metrics(checks.listed(given["metrics"]), model.evaluated_logs)
    ema = asked["ema"] or None
    average = WeightAverage(model.networks_of("generator"), ema) if ema is not None else None
    again = given | asked | {
        "loss": loss,
        # The game's own come with the family.
        "penalties": list(given_terms),
        "terms": [],
        "metrics": list(metrics),
        "ema": ema or 0,
        "d_optimizer": None,
        "g_optimizer": None,
        "optimizers": {player.name: player.optimizer for player in players},
    }  # fmt: skip
    for player in players:
        if player.prefix in ("d", "g"):
            again[f"{player.prefix}_optimizer"] = player.optimizer
            del again["optimizers"][player.name]
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
        joint_batch=bool(asked["joint_batch"]),
        shared_forward=shared_forward,
        log_gradient_norms=bool(given["log_gradient_norms"]),
        skip_nonfinite=bool(given["skip_nonfinite"]),
        accelerate=accelerates(given["accelerate"]),
        run_eagerly=bool(given["run_eagerly"]),
        steps_per_execution=given["steps_per_execution"],
        jit_compile=given["jit_compile"],
        arguments=again,
    )


def accelerates(asked: bool | None) -> bool:
    """Whether faster forms of layers and of Adam are taken: as asked, else by the environment."""
    if asked is None:
        return os.environ.get(SWITCH, "1").lower() not in ("0", "false", "off", "no")
    return bool(asked)


def _check_term(term, players) -> None:
    names = [player.name for player in players]
    if term.player not in names:
        raise InputError(
            f"The term {term.name!r} joins the loss of player {term.player!r}; this game's players "
            f"are {', '.join(names)}."
        )
    function = getattr(term, "function", None)
    if getattr(function, "__name__", "") == "<lambda>":
        warnings.warn(
            f"The term {term.name!r} is a lambda, which no file can hold. A model saved with it "
            f"loads by kgan.load(..., custom_objects={{{term.name!r}: function}}). A function with "
            "a name, registered with keras.saving.register_keras_serializable, needs no such help.",
            stacklevel=5,
        )


def _players(model, papers, given, discriminator_steps) -> list[Player]:
    """The players of a model with optimizers of their own, built for what they train."""
    players = model.make_players()
    if discriminator_steps > 1 and not any(p.name == "discriminator" for p in players):
        raise InputError("discriminator_steps counts a player that this game has not.")
    asked = dict(given["optimizers"] or {})
    for name in asked:
        if name not in [player.name for player in players]:
            raise unknown("player in optimizers:", name, [player.name for player in players])
    float16 = any(
        layer.compute_dtype == "float16"
        for network in model.networks.values()
        for layer in bridge.layers_within(network)
    )
    taken = {}
    prefixes = [player.prefix for player in players]
    if len(set(prefixes)) < len(prefixes):
        raise InputError(
            f"Two players' logs and optimizers begin alike: {', '.join(prefixes)}. Give each "
            "`kgan.Player` a prefix of its own."
        )
    for player in players:
        if player.name == "discriminator":
            player.updates = discriminator_steps
        key = f"{player.prefix}_optimizer"
        if given.get(key) is not None and player.name in asked:
            raise InputError(f"The optimizer of the {player.name} is given twice; give one.")
        optimizer = asked.get(player.name)
        optimizer = given.get(key) if optimizer is None else optimizer
        optimizer = papers[key] if optimizer is None else optimizer
        if not isinstance(optimizer, str) and id(optimizer) in taken:
            raise InputError(
                "The players share one optimizer object; its moments belong to one set of "
                "weights. Give each player its own."
            )
        taken[id(optimizer)] = optimizer
        player.optimizer = _optimizer(optimizer, float16)
        # Unbuilt optimizers are left out when a saved model is loaded.
        player.optimizer.build(list({id(v): v for v in player.variables}.values()))
        player.count = keras.Variable(
            0, dtype="int64", trainable=False, aggregation="only_first_replica", name="updates"
        )
    return players


def _optimizer(optimizer, float16: bool):
    """An optimizer of one player's own, with loss scaling where the networks run in float16."""
    if isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built:
        # Its slots belong to other variables; compile starts the game anew.
        optimizer = type(optimizer).from_config(optimizer.get_config())
    try:
        optimizer = keras.optimizers.get(optimizer)
    except (ValueError, TypeError):
        names = [name.lower() for name in dir(keras.optimizers) if name[0].isupper()]
        raise unknown("optimizer", optimizer, names) from None
    if float16 and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer

"""The arguments of Keras's methods: those without a meaning for a GAN, and checks of the others."""

from typing import Any

import keras

from kgan import arguments
from kgan.errors import InputError
from kgan.training import feed

_WEIGHTS = (
    "the losses are means over the samples of a batch. To give a class or a sample more weight, "
    "let it occur more often in the data, for instance by tf.data.Dataset.sample_from_datasets"
)
# Arguments of Keras's methods that a GAN gives no meaning to, and what to use instead.
WITHOUT_MEANING = {
    "optimizer": "a GAN has an optimizer for each player. Use d_optimizer= and g_optimizer=",
    "loss_weights": (
        "the weight of a term is its own argument, such as kgan.penalties.R1(gamma=10.0) or "
        "kgan.Term(weight=0.1)"
    ),
    "weighted_metrics": "samples have no weights. Use metrics=",
    "auto_scale_loss": (
        "losses are scaled where networks compute in float16. For another scale pass "
        "keras.optimizers.LossScaleOptimizer as d_optimizer= and g_optimizer="
    ),
    "class_weight": _WEIGHTS,
    "sample_weight": _WEIGHTS,
}


def refuse(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """Returns those arguments of a method that have a meaning for a GAN.

    Raises:
        InputError: if one of the others is not None.
    """
    for name, instead in WITHOUT_MEANING.items():
        if given.get(name) is not None:
            raise InputError(f"{method}({name}=) has no meaning for a GAN: {instead}.")
    return {name: value for name, value in given.items() if name not in WITHOUT_MEANING}


def checked(**given: Any) -> None:
    """Checks those arguments of `fit` and `evaluate` that Keras reads without a check.

    Raises:
        InputError: for a value that Keras would fail on, or misread.
    """
    for name, least in (("epochs", 0), ("initial_epoch", 0)):
        if name in given:
            arguments.integer(name, given[name], least)
    for name in (
        "batch_size",
        "steps_per_epoch",
        "steps",
        "validation_steps",
        "validation_batch_size",
    ):
        if given.get(name) is not None:
            arguments.integer(name, given[name], or_else="None")
    if "validation_split" in given:
        arguments.fraction("validation_split", given["validation_split"])
    every = given.get("validation_freq", 1)
    for epoch in every if isinstance(every, (list, tuple, set)) else [every]:
        arguments.integer("validation_freq", epoch, or_else="a list of epochs")
    verbose = given.get("verbose", 0)
    if not isinstance(verbose, bool):
        arguments.choice("verbose", verbose, ("auto", 0, 1, 2))
    for name in ("shuffle", "return_dict"):
        if name in given:
            arguments.flag(name, given[name])
    for callback in feed.callback_list(given.get("callbacks")):
        if not isinstance(callback, keras.callbacks.Callback):
            raise InputError(
                f"callbacks must be keras.callbacks.Callback objects; got {callback!r}."
            )
        if isinstance(callback, keras.callbacks.SwapEMAWeights):
            raise InputError(
                "SwapEMAWeights swaps the weights of one optimizer, and a GAN has several. Use "
                "compile(ema=0.999): evaluation, callbacks, generate and export then use the "
                "averaged generator."
            )

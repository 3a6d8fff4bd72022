"""What `keras.Model` offers beside `fit`: served for a GAN, or refused with what to use instead.

Keras's methods assume one output, one loss and one optimizer. What a GAN cannot give them a
meaning for raises an `InputError` that names the way of a GAN; tests/test_keras_surface.py walks
all of them.
"""

import itertools
import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kgan import arguments, checks, replicas
from kgan.errors import InputError
from kgan.training import calls, feed, frozen, guard, out_of_memory
from kgan.training.calls import refuse
from kgan.training.evaluation import EvaluatedModel
from kgan.training.execution import choice, loops
from kgan.typing import ArrayLike

_LOSSES = (
    "its losses are those of its players, discriminator_loss(real_scores, fake_scores) and "
    "generator_loss(fake_scores). Add to them by compile(terms=)"
)
# Methods that a GAN gives no meaning to, and what to use instead.
REFUSED = {
    "add_loss": "pass a function of a kgan.terms.Turn to compile(terms=)",
    "add_metric": "pass metrics to compile(metrics=)",
    "compiled_loss": _LOSSES,
    "compiled_metrics": "evaluate(data) computes the metrics of compile(metrics=)",
    "compute_loss": _LOSSES,
    "stateless_compute_loss": _LOSSES,
    "compute_metrics": "evaluate(data) computes the metrics of compile(metrics=)",
    "quantize": "quantize a copy of what is served: keras.models.clone_model(gan.generator), with "
    "set_weights(gan.generator.get_weights())",
}


def has_trainable_players(players) -> None:
    """Warns of a player that trains nothing because its networks were frozen."""
    for player in players:
        if not player.variables and any(network.weights for network in player.networks):
            warnings.warn(
                f"The {player.name} has no weights to train: it was frozen by trainable = False. "
                "kgan lets each player train its own weights only, so that nothing need be frozen "
                f"by hand: set gan.{player.name}.trainable = True and compile again, unless it is "
                "meant to stay as it is.",
                stacklevel=4,
            )


def _refused(name: str) -> Any:
    def method(self, *args: Any, **kwargs: Any) -> Any:
        raise InputError(f"{name} has no meaning for a GAN: {REFUSED[name]}.")

    method.__name__ = name
    method.__doc__ = f"Raises an `InputError`: {REFUSED[name]}."
    return method


class KerasSurface(EvaluatedModel):
    """The methods of `keras.Model` that train, test or predict one batch, and those refused."""

    def train_on_batch(
        self,
        x: Any,
        y: ArrayLike = None,
        sample_weight: ArrayLike = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> "dict[str, float] | list":
        """Takes one training step, of all players, on one batch of real samples.

        With `discriminator_steps=k` the batch is divided into k equal parts, one for each update
        of the discriminator. The step is that of `fit`; a `fit` is faster, and can be resumed.

        Args:
            x: the real samples `(batch, ...)`, or what one element of a dataset holds.
            y: labels `(batch,)`, for conditional models.
            sample_weight, class_weight: must be None.
            return_dict: False returns a list in the order of the sorted names.

        Returns:
            The losses, scores and terms of this step alone, floats by name.

        Raises:
            InputError: if the batch does not fit the model. The weights are not changed then.
        """
        self._require_ready("train_on_batch")
        return_dict = arguments.flag("return_dict", return_dict)
        refuse("train_on_batch", {"sample_weight": sample_weight, "class_weight": class_weight})
        batch = feed.one_batch(self, x, y)
        parts = max(player.updates for player in self.players) * self.accumulation_steps
        size = int(tf.nest.flatten(batch)[0].shape[0])
        if size % parts:
            raise InputError(
                f"A batch of {size} samples does not divide into {parts} equal parts, "
                "discriminator_steps times accumulation_steps. Give a multiple of that."
            )
        with (
            out_of_memory.advice("A training step", out_of_memory.TRAINING),
            feed.data_errors(self),
        ):
            choice.apply_restored_choice(self)
            self.reset_metrics()
            if choice.applies_to(self):
                logs = loops.train_step(self, bool(self.jit_compile))(batch)
            else:
                self.make_train_function()
                data = tf.data.Dataset.from_tensor_slices(batch).batch(size)
                if not replicas.trains_on_one_device(self):
                    data = replicas.divided(self.distribute_strategy, data, parts)
                logs = self.train_function(iter(data))
        for fault in guard.take(self):
            warnings.warn(str(fault), stacklevel=2)
        return _results({name: float(np.mean(log)) for name, log in logs.items()}, return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: ArrayLike = None,
        sample_weight: ArrayLike = None,
        return_dict: bool = False,
    ) -> "dict[str, float] | list":
        """Returns losses, mean scores and metrics of one batch, as `evaluate` computes them.

        Args:
            x, y: as in `train_on_batch`.
            sample_weight: must be None.
            return_dict: False returns a list in the order of the sorted names.

        Raises:
            InputError: if the batch does not fit the model.
        """
        self._require_compiled("test_on_batch")
        return_dict = arguments.flag("return_dict", return_dict)
        refuse("test_on_batch", {"sample_weight": sample_weight})
        batch = feed.one_batch(self, x, y)
        results = self.evaluate(tf.data.Dataset.from_tensors(batch), verbose=0, return_dict=True)
        return _results(results, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Returns what `call` makes of `x`, batch by batch; for most models samples of latents.

        The arguments are those of `keras.Model.predict`. `generate` also draws the latents.

        Raises:
            InputError: if `x` is neither arrays nor a dataset, or the latents have another shape.
        """
        calls.checked(batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
        with out_of_memory.advice("Prediction", out_of_memory.SAMPLING):
            return super().predict(
                self._inputs(x), batch_size, verbose=verbose, steps=steps, callbacks=callbacks
            )

    def predict_on_batch(self, x: Any) -> Any:
        """Returns what `call` makes of one batch, `x`; see `predict`."""
        return super().predict_on_batch(self._inputs(x, streams=False))

    def _inputs(self, x, streams=True):
        """Returns the inputs of `predict`, arrays of numbers or a dataset, after checking them."""
        kinds = (tf.data.Dataset, keras.utils.PyDataset)
        if streams and (isinstance(x, kinds) or replicas.is_distributed(x)):
            return x
        if streams and hasattr(x, "__next__"):
            for first in x:
                return (batch for batch in itertools.chain([first], x))
            raise InputError("x yields no batches: the generator is empty, or was used before.")

        def array(part):
            return part if tf.is_tensor(part) else arguments.array("x", part)

        kept = isinstance(x, (list, tuple)) and len(x) > 0 and all(np.ndim(part) for part in x)
        if isinstance(x, dict) and not hasattr(self, "latents"):
            return {name: array(part) for name, part in x.items()}
        parts = [array(part) for part in x] if kept and getattr(self, "classes", 0) else [array(x)]
        latents = getattr(getattr(self, "latents", None), "shape", None)
        if latents is not None and not checks.same_shape(tuple(parts[0].shape[1:]), latents):
            raise InputError(
                f"x must be latents of shape (n, {', '.join(map(str, latents))}); got one of "
                f"shape {tuple(parts[0].shape)}."
            )
        return parts if len(parts) > 1 else parts[0]

    def get_layer(self, name: str | None = None, index: int | None = None) -> keras.layers.Layer:
        """Returns a network by its role, such as "generator", its own name, or its index."""
        networks: Any = getattr(self, "networks", {})
        if (name is None) == (index is None):
            raise InputError("get_layer takes the name of a network or its index; give one.")
        if index is not None:
            return self.layers[arguments.choice("index", index, range(len(self.layers)))]
        by_name = {layer.name: layer for layer in self.layers} | networks
        return by_name[arguments.choice("name", name, by_name, of="get_layer")]

    def _require_ready(self, method):
        """Raises an `InputError` unless `compile` was called for the layers as they are."""
        self._require_compiled(method)
        if frozen.frozen(self.networks) != self._frozen:
            raise InputError(
                "Layers were frozen or freed since `compile()`. Call it again: the optimizers are "
                "built for the weights that are not frozen."
            )

    def _take_averages(self):
        """Lets optimizers with `use_ema=True` put their averages into the weights, as Keras does.

        An optimizer that has made no update has averaged nothing yet.
        """
        for player in self.players:
            optimizer = player.optimizer
            if int(optimizer.iterations.numpy()):
                optimizer.finalize_variable_values(player.variables)

    add_loss = _refused("add_loss")
    add_metric = _refused("add_metric")
    compiled_loss = _refused("compiled_loss")
    compiled_metrics = property(_refused("compiled_metrics"))
    compute_loss = _refused("compute_loss")
    compute_metrics = _refused("compute_metrics")
    stateless_compute_loss = _refused("stateless_compute_loss")
    quantize = _refused("quantize")


def _results(logs, return_dict):
    return logs if return_dict else [logs[name] for name in sorted(logs)]

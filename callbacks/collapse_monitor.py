"""Warnings of mode collapse, of a discriminator that has won, and of divergence."""

import math
import warnings
from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import InputError, unknown
from kgan.metrics.diversity import diversity as compare
from kgan.metrics.reading import read_features
from kgan.typing import ExtractorLike, Logs

from .every import Every
from .trouble import Trouble, levels, slope

KINDS = ("collapse", "discriminator_won", "divergence")

# Signs of divergence: a mean score beyond this; a loss beyond this many times its median (at least
# 1); samples this many times as far apart as real ones.
MOST_SCORE, MOST_GROWTH, MOST_DIVERSITY = 1e4, 100.0, 10.0
# The losses of so many checks make their median: all of a long training would fill its checkpoints.
MOST_PAST = 1000


class CollapseMonitor(keras.callbacks.Callback):
    """Warns of mode collapse, of a discriminator that has won, and of divergence.

    - `collapse`: the distances between generated samples show that they are all alike, or that a
      few are drawn over and over; see `kgan.metrics.Diversity`. The samples of an untrained
      generator are alike too, so the first `warmup` steps do not count, unless both distances
      were once at twice their thresholds and have fallen since.
    - `discriminator_won`: the discriminator's loss is near its least possible value. A loss
      without a least value, such as Wasserstein's, is not checked. Weight regularizers add to the
      loss and so can hide a win.
    - `divergence`: losses or scores that are NaN or infinite; mean scores beyond 10,000; losses
      beyond 100 times their median in the last 1,000 checks, and beyond 100; samples more than
      ten times as far apart as real ones.

    Each must last for `patience` checks and `least_steps` steps, except NaN and infinity. The
    warning is given once, by `warnings.warn`, and again only if the condition ended in between.
    `events` lists the warnings: dictionaries of `kind`, `epoch` (from 0), `step` and `message`.

    `diversity` and `diversity_nearest` are added to the epoch's logs, for `History` and the
    callbacks after this one in the list: the latest figures, NaN before the first check.

    Args:
        data: Real samples: a dataset, whose `position` is restored after reading, or an array.
            Without data, mode collapse is not checked.
        every_epochs: Number of epochs between checks. The default is 1.
        every_steps: Number of training steps between checks, instead.
        count: Number of real and of generated samples to compare.
        seed: Seed of the latents, which are the same at each check.
        extractor: Computes the features of the samples; see `kgan.metrics.FeatureMetric`.
        value_range: (low, high) of the samples; None means the model's `data_range`.
        patience: Number of consecutive checks that a condition must last before the warning.
        least_steps: Number of training steps that it must last as well, because the losses of
            two players oscillate.
        warmup: Training steps, counted over the whole life of the model, before which low
            diversity is taken for a lack of training.
        diversity: Mean distance between samples, relative to that between real ones, below which
            the samples have collapsed.
        nearest: Median distance to the nearest other sample, relative to that of real ones,
            below which the samples have collapsed as well.
        won: The discriminator has won if its loss is below this fraction of the way from the
            least possible loss to the loss of an undecided discriminator.
        stop: Whether to end training after a warning: True, or the kinds that end it.

    Raises:
        InputError: In the constructor, for invalid arguments. When training begins, if the data
            cannot be read or has another shape than the samples.

    Example:

    ```python
    monitor = kgan.callbacks.CollapseMonitor(dataset, stop={"divergence"})
    gan.fit(dataset, epochs=50, callbacks=[monitor])
    print(monitor.events)
    ```
    """

    def __init__(
        self,
        data: Any = None,
        every_epochs: int | None = None,
        every_steps: int | None = None,
        count: int = 256,
        seed: int = 0,
        extractor: ExtractorLike = "values",
        value_range: tuple[float, float] | None = None,
        patience: int = 3,
        least_steps: int = 1000,
        warmup: int = 5000,
        diversity: float = 0.3,
        nearest: float = 0.01,
        won: float = 0.02,
        stop: bool | str | set = False,
    ):
        super().__init__()
        self.data = data
        self.every = Every(every_epochs, every_steps)
        self.count = arguments.integer("count", count, least=2)
        self.seed = arguments.integer("seed", seed, None)
        self.extractor = extractor
        self.value_range = value_range
        self.patience = arguments.integer("patience", patience)
        self.least_steps = arguments.integer("least_steps", least_steps, least=0)
        self.warmup = arguments.integer("warmup", warmup, least=0)
        self.diversity = arguments.fraction("diversity", diversity)
        self.nearest = arguments.fraction("nearest", nearest)
        self.won = arguments.fraction("won", won)
        if value_range is not None:
            arguments.interval("value_range", value_range, or_else="None")
        if isinstance(stop, bool) or stop is None:
            stop = KINDS if stop else ()
        kinds = [stop] if isinstance(stop, str) else stop
        kinds = arguments.listing("stop", kinds, "True, False, or kinds of trouble")
        for kind in kinds:
            if not isinstance(kind, str) or kind not in KINDS:
                raise unknown("kind of trouble in stop", kind, KINDS)
        self.stop = set(kinds)
        self.events = []
        self._watched = None

    def on_train_begin(self, logs: Logs = None) -> None:
        # A second fit of the same model continues the run.
        if self._watched is self.model:
            return
        self.events = []
        self._troubles = {kind: Trouble() for kind in KINDS}
        self._was_diverse = False
        self._figures = (math.nan, math.nan)
        self._past_losses = {"d_loss": [], "g_loss": []}
        self._begun, self._before = self.model.steps_taken, (0, {})
        self._levels = levels(getattr(self.model, "loss", None))
        self._real = None
        if self.data is None:
            print("CollapseMonitor has no data: it does not watch for mode collapse.")
        else:
            self._read()
        self._watched = self.model

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch
        self._begun = self.model.steps_taken
        self._before = (0, {})
        self.every.start(self._begun)

    # Checks use means over many steps, so it need not be called after an exact number of steps.
    steps_between = None

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self.every.step_due(self.model.steps_taken):
            return
        # Logs are means since the epoch began; the check needs the means since the last check.
        taken, means = self.model.steps_taken - self._begun, _numbers(logs)
        past, before = self._before
        self._before = taken, means
        self._check(
            {
                name: (mean * taken - before.get(name, 0.0) * past) / (taken - past)
                for name, mean in means.items()
            }
        )

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.every.epoch_due(epoch):
            self._check(_numbers(logs))
        if self._real is not None and logs is not None:
            for name, figure in zip(("diversity", "diversity_nearest"), self._figures, strict=True):
                logs.setdefault(name, figure)

    def get_state(self) -> dict[str, Any]:
        """Returns what has been seen so far, with the warnings; see `Resumable`."""
        return {
            "every": self.every.get_state(),
            "events": self.events,
            "troubles": {kind: trouble.get_state() for kind, trouble in self._troubles.items()},
            "was_diverse": bool(self._was_diverse),
            "figures": [float(figure) for figure in self._figures],
            "past_losses": self._past_losses,
            "begun": self._begun,
            "before": self._before,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what `get_state` returned."""
        self.every.set_state(state["every"])
        self.events = state["events"]
        for kind, trouble in state["troubles"].items():
            self._troubles[kind].set_state(trouble)
        self._was_diverse = state["was_diverse"]
        self._figures = tuple(state["figures"])
        self._past_losses = state["past_losses"]
        self._begun, self._before = state["begun"], tuple(state["before"])

    def _read(self):
        data, shape = self.data, self.model.generate(1, seed=self.seed).shape[1:]
        if hasattr(data, "shape"):
            # Arrays may be sorted by class.
            chosen = np.random.default_rng(0).permutation(len(data))[: self.count]
            data = np.asarray(data)[chosen]
        value_range = self.value_range or self.model.data_range
        self._real, self._network = read_features(
            data, self.extractor, value_range, self.count, shape
        )
        if len(self._real) < 2:
            raise InputError("CollapseMonitor needs two real samples or more, and got one.")

    def _check(self, logs):
        step = self.model.steps_taken
        if self._real is not None:
            samples = self.model.generate(len(self._real), seed=self.seed)
            self._figures = (math.nan, math.nan)
            if np.isfinite(samples).all():
                self._figures = compare(self._real, read_features(samples, self._network)[0])
        finite = np.isfinite(list(logs.values())).all()
        for kind, message in (
            ("collapse", self._collapse(step)),
            ("discriminator_won", self._won(logs)),
            ("divergence", self._divergence(logs)),
        ):
            certain = kind == "divergence" and not finite
            lasting = (0, 0) if certain else (self.patience, self.least_steps)
            if self._troubles[kind].should_warn(message, step, *lasting):
                self._warn(kind, step, message)

    def _warn(self, kind, step, message):
        message = f"After step {step} (epoch {self._epoch + 1}): {message}"
        if kind in self.stop:
            message += " Training stops here."
            self.model.stop_training = True
        self.events.append({"kind": kind, "epoch": self._epoch, "step": step, "message": message})
        warnings.warn(message, stacklevel=2)

    # Each of these returns the message of a warning, or None or an empty list if all is well.

    def _collapse(self, step):
        mean, nearest = self._figures
        self._was_diverse |= mean >= 2 * self.diversity and nearest >= 2 * self.nearest
        if not self._was_diverse and step < self.warmup:
            return None
        if mean < self.diversity:
            seen = f"are all alike, on average {_percent(mean)} as far apart as real ones"
        elif nearest < self.nearest:
            seen = (
                "are a few drawn over and over: the distance to the nearest other one is "
                f"{_percent(nearest)} of that between real ones"
            )
        else:
            return None
        return (
            f"mode collapse. The generated samples {seen}. A generator in this state moves from "
            "one such sample to the next, and the discriminator follows it. Try a lower learning "
            "rate of g_optimizer, loss='relativistic' with penalties=['r1', 'r2'], or larger "
            "batches."
        )

    def _won(self, logs):
        if self._levels is None or not {"d_loss", "d_real", "d_fake"} <= logs.keys():
            return None
        least, undecided, score = self._levels
        share = logs["d_loss"] / self.model.loss.discriminator_weight - least
        share = max(share / (undecided - least), 0.0)
        if not share < self.won:
            return None
        part = slope(self.model.loss, logs["d_fake"], logs["d_real"])
        part /= slope(self.model.loss, score, score) or math.nan
        norm = logs.get("g_gradient_norm")
        norm = "" if norm is None else f" (norm of its gradient: {norm:.2g})"
        learns, first = "learns little from a discriminator so certain", ""
        if part < 0.1:
            learns = (
                f"gets, at their mean score, {_percent(part)} of the gradient that an undecided "
                "discriminator would give"
            )
            first = "loss='non_saturating', "
        return (
            f"the discriminator has won. Its loss is {_percent(share)} of the way from the least "
            f"possible ({least:.3f}) to that of an undecided one ({undecided:.3f}): it tells all "
            f"generated samples from real ones. The generator {learns}{norm}. Try {first}"
            "penalties=['r1'], a lower learning rate of d_optimizer, or label smoothing, as in "
            "loss=kgan.losses.NonSaturating(real_label=0.9)."
        )

    def _divergence(self, logs):
        seen = [f"{name} is {value}" for name, value in logs.items() if not math.isfinite(value)]
        for name, past in self._past_losses.items():
            size = abs(logs.get(name, math.nan))
            usual = max(float(np.median(past)), 1.0) if past else math.inf
            if MOST_GROWTH * usual < size < math.inf:
                seen.append(f"{name} is {logs[name]:.3g}, where {usual:.3g} was usual")
            elif math.isfinite(size):
                past.append(size)
                del past[:-MOST_PAST]
        for name in ("d_real", "d_fake"):
            if MOST_SCORE < abs(logs.get(name, 0.0)) < math.inf:
                seen.append(f"the mean score {name} is {logs[name]:.3g}")
        if self._figures[0] > MOST_DIVERSITY:
            seen.append(f"samples are {self._figures[0]:.3g} times as far apart as real ones")
        return seen and (
            f"training diverges: {', '.join(seen)}. It rarely recovers from that. Go back to "
            "an earlier checkpoint, and lower the learning rates, clip the gradients "
            "(global_clipnorm=1.0 of the optimizers), or restrain the discriminator: "
            "penalties=['gradient_penalty'] with the Wasserstein loss, ['r1'] with others."
        )


def _percent(share):
    return f"{100 * share:.2g} %"


def _numbers(logs):
    """Returns the players' logs as numbers; several workers log arrays of shape (1,)."""
    return {name: float(np.mean(v)) for name, v in (logs or {}).items() if name[:2] in ("d_", "g_")}

"""Warnings of mode collapse, divergence and other trouble, with what to change."""

import math
import warnings
from typing import Any

import keras
import numpy as np

from kgan import arguments
from kgan.errors import unknown
from kgan.inference.seeds import seed_pair
from kgan.metrics.diversity import diversity as compare
from kgan.metrics.reading import read_features
from kgan.typing import ExtractorLike, Logs

from .every import Every
from .findings import (
    MOST_PAST,
    Past,
    Seen,
    checkerboard,
    clipping,
    collapse,
    discriminator_dead,
    discriminator_won,
    divergence,
    memorised,
    overfitting,
    standstill,
)
from .references import Reference
from .remedies import REMEDIES, STYLES, advice, rates
from .trouble import Trouble, levels

KINDS = tuple(REMEDIES)
# What each kind of trouble may follow from.
FOLLOWS = {
    "standstill": {"collapse", "discriminator_won", "discriminator_dead", "divergence"},
    "memorised": {"collapse", "divergence"},
    "overfitting": {"collapse", "divergence"},
    "checkerboard": {"collapse", "divergence"},
    "clipping": {"collapse", "divergence"},
}


class CollapseMonitor(keras.callbacks.Callback):
    """Warns of mode collapse, of divergence and of other trouble, and says what to change.

    - `collapse`: the distances between generated samples show that they are all alike, or that a
      few are drawn over and over; see `kgan.metrics.Diversity`. The samples of an untrained
      generator are alike too, so the first `warmup` steps do not count, unless both distances
      were once at twice their thresholds and have fallen since.
    - `discriminator_won`: the discriminator's loss is near its least possible value. A loss
      without a least value, such as Wasserstein's, is not checked. Weight regularizers add to the
      loss and so can hide a win.
    - `discriminator_dead`: the discriminator gives all samples, real and generated, the same score.
    - `divergence`: losses or scores that are NaN or infinite; mean scores beyond 10,000; losses
      beyond 100 times their median in the last 1,000 checks, and beyond 100; samples more than
      ten times as far apart as real ones.
    - `standstill`: the samples of the same latents have moved by less than 1 % of the distance
      between real ones in `least_steps` steps (100 at least), and are far from the real ones.
    - `memorised`: the samples lie much nearer to a training picture than new pictures do, and
      much nearer to it than to other training pictures; among up to 2,000 training pictures.
    - `overfitting`: with `held_out`, the discriminator scores held-out pictures like generated
      ones (r_v above 0.5; Karras et al. 2020, section 3, equation 1), and the samples do not get
      nearer to them in the last third of the training, of six checks or more.
    - `checkerboard`: after `warmup` steps, a peak in the spectrum of the samples at a period of
      two or four pixels that is ten times as high as that of real images.
    - `clipping`: after `warmup` steps, a quarter more of the values at the ends of the range.

    The last four need images. What each means and what helps is the table of docs/troubles.md.

    Each must last for `patience` checks and `least_steps` steps, except NaN and infinity. The
    warning is given once, by `warnings.warn`, and again only if the condition ended in between.
    `events` lists the warnings: dictionaries of `kind`, `epoch` (from 0), `step`, `message`, and
    the parts of the message: `evidence`, and `advice` by style.

    `diversity` and `diversity_nearest` are added to the epoch's logs, for `History` and the
    callbacks after this one in the list: the latest figures, NaN before the first check.

    Args:
        data: Real samples: a dataset, whose `position` is restored after reading, or an array.
            Without data, only the losses are checked. A conditional model's overfitting needs
            the labels too: a labelled dataset, or (array, labels).
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
        held_out: Real samples that the model is not trained on, of the same kinds as `data`.
        style: Whose words the advice is in: "python", arguments of `compile`; or "command",
            options of `kgan train`.

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
        held_out: Any = None,
        style: str = "python",
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
        self.held_out = held_out
        self.style = arguments.choice("style", style, STYLES, of="CollapseMonitor")
        self.events = []
        self._watched = None

    def on_train_begin(self, logs: Logs = None) -> None:
        # A second fit of the same model continues the run.
        if self._watched is self.model:
            return
        self.events = []
        self._troubles = {kind: Trouble() for kind in KINDS}
        self._past, self._figures = Past(), (math.nan, math.nan)
        self._begun, self._before = self.model.steps_taken, (0, {})
        self._levels = levels(getattr(self.model, "loss", None))
        self._real = self._reference = self._labels = None
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

    @property
    def distances(self) -> list[tuple[int, float]]:
        """(step, energy distance to real samples) of the checks so far, 1,000 at most.

        The real samples are those held out, or training samples if fewer than 20 are.
        """
        past = self._past.distances if self._watched is not None else []
        return [(int(step), float(distance)) for step, distance in past]

    def get_state(self) -> dict[str, Any]:
        """Returns what has been seen so far, with the warnings; see `Resumable`."""
        return {
            "every": self.every.get_state(),
            "events": self.events,
            "troubles": {kind: trouble.get_state() for kind, trouble in self._troubles.items()},
            "was_diverse": self._past.was_diverse,
            "figures": [float(figure) for figure in self._figures],
            "past_losses": self._past.losses,
            "sketches": self._past.sketches,
            "away": self._past.distances,
            "begun": self._begun,
            "before": self._before,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what `get_state` returned."""
        self.every.set_state(state["every"])
        self.events = state["events"]
        for kind, trouble in state["troubles"].items():
            self._troubles[kind].set_state(trouble)
        self._figures = tuple(state["figures"])
        # Checkpoints of earlier releases do not have the last two; their `distances` were always
        # those to training samples.
        self._past = Past(
            state["was_diverse"],
            state["past_losses"],
            state.get("sketches", []),
            state.get("away", []),
        )
        self._begun, self._before = state["begun"], tuple(state["before"])

    def _read(self):
        data, shape = self.data, self.model.generate(1, seed=self.seed).shape[1:]
        value_range = self.value_range or self.model.data_range
        self._reference = Reference(
            data, self.held_out, self.count, self.extractor, value_range, shape
        )
        self._real = self._reference.features

    def _see(self, logs):
        """Returns what the findings judge."""
        seen = Seen(self.model, self.model.steps_taken, logs, self._reference)
        self._figures = (math.nan, math.nan)
        if self._real is None:
            return seen
        if getattr(self.model, "classes", 0) and self._labels is None:
            # Those that `generate` draws itself, known so that the samples can be scored.
            pair = seed_pair(self.seed)
            self._labels = np.asarray(self.model.draw_labels(len(self._real), pair))
        given = {} if self._labels is None else {"labels": self._labels}
        samples = self.model.generate(len(self._real), seed=self.seed, **given)
        if np.isfinite(samples).all():
            seen.samples, seen.labels = samples, self._labels
            seen.features = read_features(samples, self._reference.network)[0]
            self._figures = seen.figures = compare(self._real, seen.features)
            self._past.distances.append([seen.step, self._reference.distance(seen.features)])
            del self._past.distances[:-MOST_PAST]
        return seen

    def _check(self, logs):
        seen = self._see(logs)
        certain = not np.isfinite(list(logs.values())).all()
        lasting = (self.patience, self.least_steps)
        # In this order: what follows from an earlier finding is not said as well.
        present = set()
        for kind, found, needed in (
            ("collapse", collapse(seen, self._past, self), lasting),
            ("discriminator_won", discriminator_won(seen, self._levels, self.won), lasting),
            ("discriminator_dead", discriminator_dead(seen), lasting),
            (
                "divergence",
                divergence(seen, self._past, self._levels),
                (0, 0) if certain else lasting,
            ),
            # It looks back over `least_steps` itself.
            ("standstill", standstill(seen, self._past, self.least_steps), (self.patience, 0)),
            ("memorised", memorised(seen), lasting),
            ("overfitting", overfitting(seen, self._past), lasting),
            ("checkerboard", checkerboard(seen, self.warmup), lasting),
            ("clipping", clipping(seen, self.warmup), lasting),
        ):
            found = None if present & FOLLOWS.get(kind, set()) else found
            present |= {kind} if found else set()
            trouble = self._troubles[kind]
            if trouble.should_warn(found, seen.step, *needed):
                self._warn(kind, seen.step, *found, trouble.since)

    def _warn(self, kind, step, evidence, way, since):
        remedy = REMEDIES[kind]
        fill = rates(self.model, since)
        message = (
            f"After step {step} (epoch {self._epoch + 1}): {remedy.name}. {evidence} "
            f"{remedy.cause} {advice(kind, way, self.style, fill)}"
        )
        if kind in self.stop:
            message += " Training stops here."
            self.model.stop_training = True
        self.events.append(
            {
                "kind": kind,
                "epoch": self._epoch,
                "step": step,
                "message": message,
                "evidence": evidence,
                "advice": {style: advice(kind, way, style, fill) for style in STYLES},
            }
        )
        warnings.warn(message, stacklevel=2)


def _numbers(logs):
    """Returns the players' logs as numbers; several workers log arrays of shape (1,)."""
    return {name: float(np.mean(v)) for name, v in (logs or {}).items() if name[:2] in ("d_", "g_")}

"""Loads the dataset that a family takes, by the data settings of a command line."""

from kgan.cli import settings as given_settings
from kgan.data import kinds
from kgan.errors import InputError


def load(model_class, settings: dict, split: str, batch_size: int, measuring=None):
    """Returns the dataset of a run.

    Args:
        model_class: the family.
        settings: settings of the run.
        split: part of the data.
        batch_size: samples in a batch.
        measuring: the model to measure, which gets every sample in its own value range; None
            loads data to train on.

    Raises:
        InputError: if the data cannot be loaded, or the family takes one source and not two.
    """
    kind = kinds.of(model_class)
    if settings.get("data_b") and not kind.two_sources:
        raise InputError(
            f"--data-b is the second domain of a model between two; {model_class.__name__} takes "
            "one source."
        )
    common = {"split": split, "batch_size": batch_size, "seed": settings["seed"]}
    if measuring is not None and measuring.data_range is not None:
        common["value_range"] = measuring.data_range
    options = given_settings.model_options(settings, model_class)
    return kind.load(
        kinds.Wanted(
            family=model_class,
            source=settings["data"],
            source_b=settings.get("data_b"),
            common=common,
            size=settings["size"],
            channels=settings["channels"],
            data_dir=settings["data_dir"],
            scale=options.get("scale", 4),
            training=measuring is None,
            # Runs of earlier releases have neither.
            background=settings.get("background"),
            balance=settings.get("balance") if measuring is None else None,
            # Runs of earlier releases do not have it.
            mirror=measuring is None and bool(settings.get("mirror")),
        )
    )


def reference(dataset):
    """Returns up to 2000 real points `(n, 1)` or `(n, 2)` to draw behind generated ones."""
    import numpy as np

    if len(dataset.info.sample_shape) != 1 or dataset.info.sample_shape[0] > 2:
        return None
    drawn = []
    for batch in dataset:
        drawn.append((batch[0] if isinstance(batch, tuple) else batch).numpy())
        if sum(map(len, drawn)) >= 2000:
            break
    dataset.position.seek(0)
    return np.concatenate(drawn)[:2000]

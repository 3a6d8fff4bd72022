"""From the data settings of a command line to the dataset that a family takes."""

from pathlib import Path

from kgan import data
from kgan.cli import settings as given_settings
from kgan.errors import InputError

# What `kgan.data` has for each kind of data that a family reads.
KINDS = ("samples", "pairs", "domains", "crops")


def load(model_class, settings: dict, split: str, batch_size: int, measuring=None):
    """The dataset of a run.

    Args:
        model_class: the family; its `reads` is one of `KINDS`.
        settings: of the run.
        split: part of the data.
        batch_size: samples in a batch.
        measuring: the model that is measured on it, in order and to the last sample; None where
            one is trained.
    """
    kind, source = model_class.reads, settings["data"]
    common = {"split": split, "batch_size": batch_size, "seed": settings["seed"]}
    if measuring is not None and measuring.data_range is not None:
        common["value_range"] = measuring.data_range
    training = measuring is None
    if kind != "domains" and settings.get("data_b"):
        raise InputError(
            f"--data-b is the second domain of a model between two; {model_class.__name__} takes "
            "one source."
        )
    if kind == "samples":
        return data.load(
            source,
            **common,
            size=settings["size"],
            channels=settings["channels"],
            data_dir=settings["data_dir"],
            drop_remainder=training,
        )
    if kind == "domains":
        return data.domains(
            source,
            settings.get("data_b"),
            **common,
            size=settings["size"],
            channels=settings["channels"],
            data_dir=settings["data_dir"],
            flip=False,
            shuffle=training,
            drop_remainder=training,
        )
    if not Path(source).expanduser().is_dir():
        raise InputError(
            f"{model_class.__name__} takes {model_class.takes}; --data is a folder that holds "
            f"them, and there is no folder {source!r}."
        )
    if kind == "pairs":
        return data.pairs(
            source,
            **common,
            size=settings["size"],
            channels=settings["channels"],
            shuffle=training,
            drop_remainder=training,
        )
    size = settings["size"]
    if isinstance(size, (list, tuple)):
        raise InputError("Crops are square: --size takes one number.")
    del common["batch_size"]
    options = given_settings.model_options(settings, model_class)
    return data.crops(
        source,
        **common,
        batch_size=batch_size,
        scale=options.get("scale", 4),
        size=(size or 96) if training else None,
        channels=settings["channels"] or 3,
    )

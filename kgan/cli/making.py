"""Makes the model and the data of a run from its settings."""

from typing import Any

import click

from kgan.cli import planning
from kgan.cli import settings as given_settings


def made(settings: dict, config: dict | None = None) -> tuple[Any, Any, dict]:
    """Returns (the model, its dataset, the settings with a split).

    Args:
        settings: of the run.
        config: of the model of a run that is resumed, which may be of an earlier kgan with other
            defaults.
    """
    import keras

    from kgan import models
    from kgan.cli import reading

    model_class = models.find(settings["model"])
    options = given_settings.model_options(settings, model_class)
    if config is not None:
        options = model_class.former_options(config) | options
    # Checked before the data, which may take long to load.
    given_settings.compile_arguments(settings)
    batch_size, _ = model_class.recipe(**options)
    keras.utils.set_random_seed(settings["seed"])
    settings, said = planning.held_out(settings, settings["batch_size"] or batch_size)
    if said:
        click.echo(said)

    def load(batch_size):
        batch_size = settings["batch_size"] or batch_size
        return reading.load(model_class, settings, settings["split"], batch_size)

    dataset = load(batch_size)
    gan = model_class.for_data(dataset.info, seed=settings["seed"], **options)
    if gan.batch_size != batch_size and not settings["batch_size"]:
        # Some families have another batch size for points than for images.
        dataset = load(gan.batch_size)
    return gan, dataset, settings


def compile_as(gan, settings: dict) -> None:
    """Compiles a model by the settings; schedules end with its `training_steps`."""
    arguments = given_settings.compile_arguments(settings)
    gan.compile(**arguments, optimizers=given_settings.optimizers(settings, gan))


def trial(settings: dict) -> tuple[Any, Any, dict]:
    """Returns what `made` does, with the model compiled as the run's will be.

    The settings have one more entry, `usual_steps`: those of the family for such data.
    """
    gan, dataset, settings = made(settings)
    settings = settings | {"usual_steps": gan.training_steps}
    gan.training_steps = settings["steps"]
    compile_as(gan, settings)
    return gan, dataset, settings


def warm_started(gan, settings: dict, warm: bool):
    """Loads the weights of another run and freezes layers; returns the report, or None."""
    from kgan import transfer

    if warm:
        return transfer.warm_start(gan, settings["warm_start"], freeze=settings["freeze"] or 0)
    if settings["freeze"]:
        transfer.freeze(gan.networks["discriminator"], settings["freeze"])
    return None

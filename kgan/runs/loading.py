"""Loading what `gan.save` wrote."""

import pathlib
import re
import tempfile
import warnings
import zipfile
from typing import Any

import keras
import numpy as np

from kgan import (  # noqa: F401
    arguments,
    augment,
    gan,
    latents,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    penalties,
    pretrained,
    records,
    terms,
)
from kgan.callbacks.checkpoint_files import layout, save_state
from kgan.errors import InputError
from kgan.runs import hub
from kgan.training.model import AdversarialModel
from kgan.typing import PathLike


def load(
    filepath: PathLike,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> AdversarialModel:
    """Loads a model saved with `gan.save(filepath)`, ready to continue training.

    The networks, the optimizers with their moments, the average, the seeds and the compile
    settings are restored as they were saved.

    Args:
        filepath: a `.keras` file; or, where there is no such file, the name of a trained model
            that kgan carries (`kgan.pretrained.names()`); or `hf://OWNER/NAME` for one on the
            Hugging Face hub, which takes `pip install "kgan[hub]"`. Loading such a one runs no
            code: a `Lambda` layer, or a class that is not registered, is refused.
        custom_objects: your own classes and functions by name, if they are not registered with
            `keras.saving.register_keras_serializable`.
        compile: False leaves out the optimizers, the compile settings and the average, so that
            `generate` uses the generator as it was last trained.
        safe_mode: as in `keras.saving.load_model`: True refuses a file with a `lambda`, which is
            code that loading would run.

    Raises:
        InputError: if there is no such file, it is damaged or incomplete, a newer version of kgan
            wrote it, its weights hold NaN or Inf, it holds a `lambda`, or it holds no GAN.
    """
    if hub.is_place(filepath):
        if not safe_mode:
            raise InputError(
                f"A file from the hub is not loaded with safe_mode=False, which would run the code "
                f"of others. Download gan.keras of {filepath}, look at it, and load that file."
            )
        with keras.saving.custom_object_scope(custom_objects or {}):
            filepath = hub.fetch(str(filepath)) / "gan.keras"
    path = pathlib.Path(arguments.path("filepath", filepath))
    carried = None if path.exists() else pretrained.folder(str(path))
    if carried is not None:
        path = carried / "gan.keras"
    if not path.is_file():
        within = path / "gan.keras"
        hint = f" It is a folder; load {str(within)!r}." if within.is_file() else ""
        raise InputError(f"There is no file {str(path)!r} to load.{hint}")
    models.register_all()
    metrics.register_all()
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"{str(path)!r} cannot be read: it is no `.keras` file, or incomplete.{_way_out(path)}"
        )
    _check_archive(path)
    try:
        with warnings.catch_warnings():
            # An optimizer whose variables are missing; `_check_complete` says so.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            loaded = keras.saving.load_model(
                path, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode
            )
    except Exception as error:
        raise InputError(f"{str(path)!r} cannot be loaded: {_reason(error)}") from error
    if not isinstance(loaded, AdversarialModel):
        raise InputError(f"{str(path)!r} holds a {type(loaded).__name__}, not a GAN.")
    _check_complete(path, loaded)
    check_finite(loaded, path)
    return loaded


def _reason(error: Exception) -> str:
    """Returns why Keras could not load a file, and what to do."""
    said = str(error)
    if isinstance(error, InputError):
        return said
    if "lambda" in said and "safe_mode" in said:
        return (
            "it holds a lambda, which is code that loading would run. If you trust the file, load "
            "it with safe_mode=False; or give a function in its place: "
            "custom_objects={'name': function}."
        )
    if isinstance(error, NameError):
        name = re.search(r"name '\w+' is not defined", said)
        return (
            f"{name[0] if name else said}, as a lambda in it expects: a file holds the code of a "
            "lambda, and not what it uses. Take a function with a name, registered with "
            "keras.saving.register_keras_serializable, and save the model again."
        )
    return (
        f"{said}\nClasses and functions of your own must be registered with "
        "keras.saving.register_keras_serializable first, or given as "
        "custom_objects={'Name': Class}."
    )


def _check_archive(path: pathlib.Path) -> None:
    """Raises an `InputError` for a damaged file, or one of a newer version."""
    problem = records.archive_problem(path)
    if problem is not None:
        raise InputError(f"{str(path)!r} is damaged: {problem}.{_way_out(path)}")
    with zipfile.ZipFile(path) as archive:
        lacking = {"config.json", "model.weights.h5"} - set(archive.namelist())
        if lacking:
            raise InputError(
                f"{str(path)!r} is no `.keras` file, or incomplete: it lacks "
                f"{' and '.join(sorted(lacking))}.{_way_out(path)}"
            )
        try:
            config = records.parse(archive.read("config.json"))
        except ValueError as error:
            raise InputError(
                f"{str(path)!r} is damaged: its config.json cannot be read: {error}."
                f"{_way_out(path)}"
            ) from error
    build = config.get("build_config") if isinstance(config, dict) else None
    if isinstance(build, dict):
        records.check_format(path, build.get("format"), build.get("kgan"))


def _way_out(path: pathlib.Path) -> str:
    """Returns what else may hold the model, as a sentence after a space."""
    if (path.parent / "checkpoints").is_dir():
        return (
            " The run's checkpoints are beside it: `kgan generate` takes the newest whole one, and "
            "`kgan train --resume` writes this file anew."
        )
    return " Save the model again, or take a copy of the file."


def _check_complete(path: pathlib.Path, loaded: AdversarialModel) -> None:
    """Raises an `InputError` if a file lacks arrays that the model in it has.

    Keras leaves an optimizer as it is if its variables are missing.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            spare = pathlib.Path(folder) / "state.weights.h5"
            # Checks that there is room: HDF5 without any ends the process.
            save_state(loaded, spare)
            needed = layout(spare).keys()
            spare.unlink()
            with zipfile.ZipFile(path) as archive:
                held = layout(archive.extract("model.weights.h5", folder)).keys()
    except OSError:
        # No room to compare; what was loaded stays as good as it is.
        return
    # Those under vars/ are the model's own, which warns of differences itself.
    missing = sorted(name for name in needed - held if not name.startswith("vars/"))
    if missing:
        parts = ", ".join(sorted({name.partition("/")[0] for name in missing}))
        raise InputError(
            f"{str(path)!r} is incomplete: it lacks {len(missing)} arrays of {parts}. To use the "
            f"networks alone, load it with compile=False.{_way_out(path)}"
        )


def check_finite(loaded: AdversarialModel, path: pathlib.Path) -> None:
    """Raises an `InputError` if a network or average loaded from `path` holds NaN or Inf."""
    weights = [(role, weight) for role, one in loaded.networks.items() for weight in one.weights]
    if loaded.average is not None:
        weights += [("average", mean) for _, mean in loaded.average.pairs()]
    for role, weight in weights:
        if (
            keras.backend.is_float_dtype(weight.dtype)
            and not np.isfinite(keras.ops.convert_to_numpy(weight).astype("float32")).all()
        ):
            raise InputError(
                f"{str(path)!r} holds NaN or Inf in {weight.path} of the {role}: its training "
                "diverged, or it is damaged. Take an earlier state. To look into it, "
                "keras.saving.load_model loads it as it is."
            )

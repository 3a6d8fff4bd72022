"""The model of a run in its newest state that is whole."""

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import kgan
from kgan.errors import InputError
from kgan.runs.folder import RunFolder

if TYPE_CHECKING:
    from kgan.training.model import AdversarialModel


def trained(run: RunFolder) -> "AdversarialModel":
    """Loads the model of a run in its newest state: the finished model or a later checkpoint.

    Where the newest is damaged, the newest that is whole is loaded, with a warning that says so.

    Raises:
        InputError: if there is no run, nothing of it is saved yet, or nothing of it is whole.
    """
    config = run.config()

    # Imported here, so that reading a run's records does not load TensorFlow.
    from kgan import callbacks

    states: list[tuple[int, bool, Callable[[], AdversarialModel]]] = [
        (saved.iterations, False, functools.partial(_rebuilt, config, saved))
        for saved in callbacks.find_checkpoints(run.checkpoints)
    ]
    if run.model.is_file():
        # Without a record of its end, the finished model is the last resort.
        states.append(
            (config.get("finished_steps", -1), True, functools.partial(_finished, run, config))
        )
    if not states:
        raise InputError(
            f"{run.path} has no saved state yet; let `kgan train` reach its first checkpoint."
        )
    problems = []
    for steps, finished, load in sorted(states, key=lambda state: state[:2], reverse=True):
        try:
            gan = load()
        except InputError as error:
            problems.append(str(error))
            continue
        if problems:
            taken = f"{run.model}" if finished else f"the checkpoint after {steps} steps"
            warnings.warn(f"{' '.join(problems)} Taking {taken} instead.", stacklevel=2)
        return gan
    raise InputError(
        f"Nothing that {run.path} has saved can be loaded. {' '.join(problems)} Train again, with "
        "--overwrite or in another folder."
    )


def _finished(run: RunFolder, config: dict) -> "AdversarialModel":
    """Loads the finished model of a run; warns if it is none of that run."""
    gan = kgan.load(run.model)
    if not gan.compiled:  # one that kgan carries has its networks alone
        gan.compile_from_config(config["compile"])
    steps = config.get("finished_steps")
    if steps is not None and gan.steps_taken != steps:
        warnings.warn(
            f"{run.model} was trained for {gan.steps_taken} steps, and the run for {steps}: "
            "it has been replaced since. It is used as it is.",
            stacklevel=3,
        )
    return gan


def _rebuilt(config: dict, saved) -> "AdversarialModel":
    """Builds the model of a run, and loads a checkpoint into it.

    Raises:
        InputError: if the checkpoint is damaged or does not fit, or the model cannot be built.
    """
    from kgan import models
    from kgan.runs.loading import check_finite

    problem = saved.problem()
    if problem is not None:
        raise InputError(f"The checkpoint {saved.path} is damaged: {problem}.")
    try:
        gan = models.find(config["settings"]["model"]).from_config(config["model"])
        gan.compile_from_config(config["compile"])
    except Exception as error:
        raise InputError(
            f"The model of {saved.path} cannot be built from the run's config.json: "
            f"{_first_line(error)} It may be damaged, or written by another version."
        ) from error
    try:
        gan.load_weights(saved.weights)
    except Exception as error:
        raise InputError(
            f"The checkpoint {saved.path} does not fit the model in the run's config.json: "
            f"{_first_line(error)}"
        ) from error
    check_finite(gan, saved.path)
    return gan


def _first_line(error) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if line.endswith(".") else f"{line}."

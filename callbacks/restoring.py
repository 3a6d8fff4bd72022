"""Loading a checkpoint into a model, which stays unchanged if the checkpoint does not fit."""

import tempfile
import warnings
from pathlib import Path

import keras

from kgan.errors import InputError
from kgan.training import workers

from .checkpoint_files import (
    UNFINISHED,
    SavedState,
    find_checkpoints,
    layout,
    save_state,
    whole,
)
from .folders import cannot_write


class DoesNotFit(InputError):
    """A checkpoint of other networks or optimizers."""


def load_same(model: keras.Model, folder: Path, steps: int) -> SavedState:
    """Loads the checkpoint that the first worker has loaded; returns it.

    Raises:
        InputError: If this worker does not see it, or it does not fit.
    """
    found = [saved for saved in find_checkpoints(folder) if saved.iterations == steps]
    if not found or found[0].problem() is not None:
        raise InputError(
            f"This worker does not find the checkpoint after {steps} steps in {folder}, from which "
            "the first worker resumes. Give all workers a folder that they share."
        )
    load_if_it_fits(model, found[0])
    return found[0]


def load_newest(model: keras.Model, folder: Path) -> SavedState | None:
    """Loads the newest undamaged checkpoint that fits `model`; returns it, or None if none is left.

    It warns of each checkpoint that is damaged or of other networks.

    Raises:
        InputError: If checkpoints are undamaged and none fits; the model is unchanged.
    """
    unfit = None
    for saved in whole(folder, stacklevel=5):
        try:
            load_if_it_fits(model, saved)
        except DoesNotFit as error:
            unfit = unfit or (saved, error)
            continue
        if unfit is not None:
            warnings.warn(f"{unfit[1]} {saved.path} is taken instead.", stacklevel=5)
        return saved
    if unfit is not None:
        raise unfit[1]
    return None


def load_if_it_fits(model: keras.Model, saved: SavedState) -> None:
    """Loads the training state of `saved` into `model`.

    Keras loads array by array until one does not fit, and skips an optimizer of another kind
    with a warning. So the present state is first written beside the checkpoint: its layout is
    compared with the checkpoint's, and it is restored if loading fails.

    Raises:
        InputError: If the checkpoint does not fit (`DoesNotFit`) or there is no room for the
            present state; the model is unchanged.
    """
    spare = saved.path.with_name(f"{UNFINISHED}spare.weights.h5")
    elsewhere = None
    if not workers.writes(model):
        elsewhere = tempfile.TemporaryDirectory()
        spare = Path(elsewhere.name, spare.name)
    try:
        save_state(model, spare)
        difference = _difference(layout(saved.weights), layout(spare))
        if difference is None:
            try:
                model.load_weights(str(saved.weights))
                return
            except Exception as error:
                model.load_weights(str(spare))
                difference = str(error)
    except OSError as error:
        raise cannot_write(spare, error) from error
    finally:
        spare.unlink(missing_ok=True)
        if elsewhere is not None:
            elsewhere.cleanup()
    raise DoesNotFit(
        f"The checkpoint {saved.path} does not fit this model: {difference} It was made with "
        "other networks or optimizers; build the model as it was then, or start another run in "
        "another folder. The model is unchanged."
    )


def _difference(theirs: dict, ours: dict) -> str | None:
    """Returns the first difference between two layouts of weights as a sentence, or None."""
    for name in sorted(theirs.keys() | ours.keys()):
        # Arrays under vars/ are the model's own, and it handles differences: kgan may add some.
        if theirs.get(name) != ours.get(name) and not name.startswith("vars/"):
            held, expected = (_described(of, name) for of in (theirs, ours))
            return f"under {name!r} it holds {held}, the model {expected}."
    return None


def _described(arrays: dict, name: str) -> str:
    return f"shape {arrays[name]}" if name in arrays else "nothing"

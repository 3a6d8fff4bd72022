"""Loading a checkpoint into a model, or leaving the model alone."""

import keras

from kgan.errors import InputError

from .checkpoint_files import UNFINISHED, SavedState, layout, save_state
from .folders import cannot_write


def load_if_it_fits(model: keras.Model, saved: SavedState) -> None:
    """Loads the training state of `saved` into `model`.

    Keras would load what fits, array by array, until one does not, and would pass over an
    optimizer of another kind with a warning. So the present state is first written beside
    the checkpoint: it says what the model expects, and brings it back if loading fails.

    Raises:
        InputError: The checkpoint does not fit; the model is unchanged. Or there is no room.
    """
    spare = saved.path.with_name(f"{UNFINISHED}spare.weights.h5")
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
    raise InputError(
        f"The checkpoint {saved.path} does not fit this model: {difference} It was made with "
        "other networks or optimizers; build the model as it was then, or start another run in "
        "another folder. The model is unchanged."
    )


def _difference(theirs: dict, ours: dict) -> str | None:
    """What differs between the layouts of two files of weights, in a sentence, or None."""
    for name in sorted(theirs.keys() | ours.keys()):
        # The model's own few numbers are its to judge: a later kgan may keep more of them.
        if theirs.get(name) != ours.get(name) and not name.startswith("vars/"):
            held, expected = (_described(of, name) for of in (theirs, ours))
            return f"under {name!r} it holds {held}, the model {expected}."
    return None


def _described(arrays: dict, name: str) -> str:
    return f"shape {arrays[name]}" if name in arrays else "nothing"

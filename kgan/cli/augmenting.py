"""`kgan augment`: draws what the discriminator will see of a data set."""

from pathlib import Path
from typing import Any

from kgan.disk import marks
from kgan.errors import InputError

# The probability of each change that the adaptive form is shown with; it begins a training with 0.
_P = 0.5


def draw(
    source: str,
    augmentation: str,
    *,
    p: float | None,
    count: int,
    draws: int,
    seed: int,
    out: Path,
    overwrite: bool,
    **data_settings: Any,
) -> str:
    """Writes a picture of images, each beside several draws of its augmentation.

    Args:
        source: the data, as `kgan train --data` takes it.
        augmentation: its name, as `kgan train --augment` takes it.
        p: the probability of each change, for "adaptive"; None takes a half.
        count: rows of the picture, one for each image.
        draws: how often each image is changed.
        seed: of the choice of images and of the draws.
        out: a `.png` file.
        overwrite: whether to replace it.
        **data_settings: arguments of `kgan.data.load`.

    Returns:
        The message for the user.

    Raises:
        InputError: if the picture cannot be written, or the data cannot be augmented.
    """
    if out.suffix.lower() != ".png":
        raise InputError(f"-o takes FILE.png; got {out.name!r}.")
    marks.check_free(out, overwrite)
    from kgan import augment, data, pictures
    from kgan.pictures.files import write_png
    from kgan.pictures.grids import GUTTER

    found = augment.get(augmentation)
    adaptive = isinstance(found, augment.Adaptive)
    if p is not None and not adaptive:
        raise InputError(
            "-p is the probability of the changes of --augment adaptive; the others make theirs to "
            f"each image. Leave it out; got --augment {augmentation}."
        )
    dataset: Any = data.load(
        source, batch_size=count, seed=seed, labels=False, drop_remainder=False, **data_settings
    )
    value_range = dataset.info.value_range or (-1.0, 1.0)
    rows = augment.preview(
        next(iter(dataset)).numpy(),
        found,
        draws=draws,
        seed=seed,
        value_range=value_range,
        p=(_P if p is None else p) if adaptive else None,
    )
    picture = pictures.draw(
        rows.reshape(-1, *rows.shape[2:]), value_range=value_range, columns=1 + draws
    )
    # A white line parts the images from what is made of them.
    column = (picture.shape[1] - GUTTER) // (1 + draws)
    picture[:, column : column + GUTTER] = 255
    write_png(out, picture, command="augment")
    how = f"{augmentation} at p={_P if p is None else p:g}" if adaptive else augmentation
    return (
        f"A picture of {len(rows)} images of {dataset.info.name} in {out}: each on the left, and "
        f"{draws} draws of {how} beside it (--seed {seed} draws them again)"
    )

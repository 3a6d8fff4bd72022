"""What the pictures of a data set are like: the facts that a recipe is chosen by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kgan.data.info import DataInfo
from kgan.errors import InputError

# Pictures that are looked at, and the side that they are reduced to for it.
_MOST = 4000
_SIDE = 16
# With fewer pictures a rule that tells left from right is no evidence.
_LEAST_FOR_SIDES = 60
# Of pictures with values of a standard deviation of 1: below it two look the same.
_TWIN = 0.05


@dataclass(frozen=True)
class Facts:
    """What is known of a data set.

    Attributes:
        kind: "points", "images", "pairs", "domains", or "other" for samples of another shape.
        name: of the data set.
        count: training samples.
        shape: of one sample.
        classes: the number of classes; 0 without labels.
        rarest: samples of the rarest class; 0 if they were not counted.
        looked_at: how many pictures the following were found from; 0 if none were looked at.
        alike: the share of the pictures' variance that their mean has, 0 to 1: near 0 for
            photographs of anything, above 0.2 for faces or digits that are centred.
        sided: the share of pictures that a rule learned from others tells from their mirror
            images: 0.5 for photographs, near 1 for digits or text.
        twins: the share of pictures that are nearly the same as another.
    """

    kind: str
    name: str
    count: int
    shape: tuple[int, ...]
    classes: int = 0
    rarest: int = 0
    looked_at: int = 0
    alike: float | None = None
    sided: float | None = None
    twins: float | None = None

    @property
    def side(self) -> int:
        """The longer side of the images; 0 for others."""
        return max(self.shape[:2]) if len(self.shape) == 3 else 0


def info_of(data: Any) -> DataInfo:
    """Returns the `info` of a dataset of `kgan.data`, or the info itself.

    Raises:
        InputError: for anything else.
    """
    info = data if isinstance(data, DataInfo) else getattr(data, "info", None)
    if not isinstance(info, DataInfo):
        raise InputError(
            "data must be a dataset of kgan.data, as kgan.data.load(...) returns it, or its info; "
            f"got {type(data).__name__}."
        )
    return info


def of(data: Any) -> Facts:
    """Returns the facts about a dataset of `kgan.data`, or about its `info` alone.

    A dataset is read once, up to a few thousand samples, and set back to where it was.
    """
    info = info_of(data)
    kind = _kind(info)
    known = Facts(kind, info.name, info.size, info.sample_shape, info.classes)
    if data is info or kind != "images":
        return known
    before = data.position.epoch, data.position.skip_batches
    pictures, labels = _looked_at(data, info)
    data.position.seek(*before)
    counted = len(pictures) == info.size and info.classes
    rarest = int(np.bincount(labels, minlength=info.classes).min()) if counted else 0
    return Facts(
        kind,
        info.name,
        info.size,
        info.sample_shape,
        info.classes,
        rarest,
        len(pictures),
        alike(pictures),
        sided(pictures),
        twins(pictures),
    )


def _kind(info) -> str:
    for kind, role in (("pairs", "target"), ("domains", "b"), ("crops", "low")):
        if role in info.shapes:
            return kind
    return {1: "points", 3: "images"}.get(len(info.sample_shape), "other")


def _looked_at(data, info):
    """Returns pictures `(count, side, side, channels)` of at most 16 pixels, and their labels."""
    height, width, _ = info.sample_shape
    size = min(_SIDE, height), min(_SIDE, width)
    pictures, labels, count = [], [], 0
    for batch in data:
        samples, *rest = batch if isinstance(batch, tuple) else (batch,)
        pictures.append(tf.image.resize(samples, size, method="area").numpy())
        labels += [part.numpy() for part in rest[:1]]
        count += len(pictures[-1])
        if count >= _MOST:
            break
    return np.concatenate(pictures), np.concatenate(labels) if labels else np.zeros(0, "int32")


def alike(pictures: np.ndarray) -> float:
    """Returns the share of the pictures' variance that their mean picture has, 0 to 1.

    Args:
        pictures: `(count, height, width, channels)`.
    """
    around = pictures - pictures.mean((0, 1, 2))
    total = np.square(around).mean()
    # The mean of n pictures that have nothing in common still has an n-th of their variance.
    chance = total / len(pictures)
    return float(np.clip((np.square(around.mean(0)).mean() - chance) / max(total, 1e-9), 0, 1))


def sided(pictures: np.ndarray) -> float | None:
    """Returns how many of the pictures a linear rule tells from their mirror images, 0.5 to 1.

    The rule is learned from every other picture and tried on the rest. What a linear rule can
    tell by is the difference of a picture from its mirror image, so it sees shading from one side
    and digits, and not, say, text at any place. None for fewer than 60 pictures.
    """
    if len(pictures) < _LEAST_FOR_SIDES:
        return None
    half = pictures.shape[2] // 2
    apart = (pictures - pictures[:, :, ::-1])[:, :, :half].reshape(len(pictures), -1)
    learned, tried = apart[::2].astype("float64"), apart[1::2].astype("float64")
    # Fisher's discriminant of x and -x, with a ridge that suits few pictures.
    spread = learned.T @ learned / len(learned)
    ridge = 0.1 * np.trace(spread) / len(spread) + 1e-9
    rule = np.linalg.solve(spread + ridge * np.eye(len(spread)), learned.mean(0))
    scores = tried @ rule
    # Pictures that are their own mirror images tell nothing.
    scores = scores[np.abs(scores) > 1e-9]
    return float(max(0.5, (scores > 0).mean())) if len(scores) else 0.5


def twins(pictures: np.ndarray) -> float:
    """Returns the share of up to 1,000 pictures that are nearly the same as another of them."""
    few = pictures[:1000].reshape(min(len(pictures), 1000), -1).astype("float64")
    few = few / max(few.std(), 1e-9)
    squares = np.square(few).sum(1)
    distances = squares[:, None] + squares[None] - 2 * few @ few.T
    np.fill_diagonal(distances, np.inf)
    return float((distances.min(1) / few.shape[1] < _TWIN**2).mean()) if len(few) > 1 else 0.0

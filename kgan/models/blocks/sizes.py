"""Which sizes of images networks can make. This module does not import TensorFlow."""

import itertools
from dataclasses import dataclass

from kgan import arguments
from kgan.errors import InputError


@dataclass(frozen=True)
class Plan:
    """How an image grows from a small base by doublings.

    Attributes:
        base: (height, width) of the smallest feature map; the shorter side has 4 to 7 pixels.
        doublings: how often both sides double on the way to the image.
        channels: of the image.
    """

    base: tuple[int, int]
    doublings: int
    channels: int

    @property
    def halvings(self) -> int:
        """How often the image is halved until its shorter side has 3 or 4 pixels: 7 halve to 4."""
        return self.doublings + (min(self.base) > 4)


def plan(image_shape) -> Plan:
    """Returns the plan of a network for an image shape: 32 = 4·2³, 28 = 7·2², 28x56 = (7x14)·2².

    Raises:
        InputError: if the shape is not that of an image, or cannot be made by doubling a base of 4
            to 7 pixels.
    """
    height, width, channels = image_shape = arguments.image_shape(image_shape)
    doublings = 0
    while height % 2 == width % 2 == 0 and min(height, width) >= 8:
        height, width, doublings = height // 2, width // 2, doublings + 1
    if not doublings or not 4 <= min(height, width) <= 7:
        height, width = nearest_size(*image_shape[:2])
        raise InputError(
            f"Images of {image_shape[0]}x{image_shape[1]} cannot be made by doubling a base of 4 "
            "to 7 pixels, as strided convolutions do. Powers of two from 8 on, 24, 28, 40, 48 and "
            "the like can: resize the images, for instance with "
            f"size={height if height == width else (height, width)}."
        )
    return Plan((height, width), doublings, channels)


def halvings(image_shape, given: int | None) -> int:
    """Returns how often a network halves an image: `given`, or until 3 or 4 pixels are left.

    Raises:
        InputError: as `plan`; or if fewer than 2 pixels of the shorter side would be left.
    """
    sizes = plan(image_shape)
    if given is None:
        return sizes.halvings
    given = arguments.integer("halvings", given)
    most = sizes.doublings + (2 if min(sizes.base) > 4 else 1)
    if given > most:
        raise InputError(
            f"Images of {image_shape[0]}x{image_shape[1]} can be halved {most} times, which "
            f"leaves 2 pixels of the shorter side; got halvings={given}."
        )
    return given


def halved(image_shape, times: int) -> list[tuple[int, int]]:
    """Returns (height, width) of an image and of its maps; odd sides are rounded up."""
    height, width = image_shape[:2]
    return [(-(-height // 2**k), -(-width // 2**k)) for k in range(times + 1)]


def nearest_size(height, width):
    """Returns the nearest size made by doubling a base whose shorter side has 4 to 7 pixels."""
    for doublings in itertools.count(1):
        base = [max(4, round(side / 2**doublings)) for side in (height, width)]
        if min(base) <= 7:
            return [side * 2**doublings for side in base]


def checked_image_shape(image_shape) -> tuple[int, int, int]:
    """Returns `image_shape` as three positive integers.

    Raises:
        InputError: for another shape, or sides that 4 does not divide.
    """
    height, width, channels = arguments.image_shape(image_shape)
    if height % 4 or width % 4:
        near = tuple(max(4, 4 * round(side / 4)) for side in (height, width))
        raise InputError(
            f"Images of {height}x{width} cannot be halved twice, as the networks do. Resize "
            f"them, for instance with size={near}."
        )
    return height, width, channels

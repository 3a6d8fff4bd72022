"""Writes PNG and GIF files, never a part of one."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from kgan import arguments, records
from kgan.disk import marks, writing
from kgan.errors import InputError

WIDEST_FRAME = 800


def save_png(path: str | os.PathLike, picture: np.ndarray) -> Path:
    """Writes a picture as a PNG file.

    The folder is created if it does not exist. Until the file is complete, an old file stays in
    its place.

    Args:
        path: The file to write.
        picture: uint8 array `(height, width, 3)`, or `(height, width, 4)` with opacity.

    Returns:
        The path of the file.

    Raises:
        InputError: The file cannot be written.
    """
    return write_png(path, picture)


def write_png(path: str | os.PathLike, picture: np.ndarray, command: str = "") -> Path:
    """Writes a PNG file like `save_png`, which names the command of kgan that wrote it.

    By that name a later run of the command knows which files it may replace.
    """
    mark = PngImagePlugin.PngInfo()
    mark.add_text("Software", f"{marks.PROGRAM} {command}".rstrip())
    image = _of_pixels(picture, "picture")
    image = image if image.mode == "RGBA" else image.convert("RGB")
    return write_whole(path, lambda temporary: image.save(temporary, "PNG", pnginfo=mark))


def save_gif(
    path: str | os.PathLike,
    frames: Sequence[np.ndarray | str | os.PathLike],
    duration: int = 120,
    hold: int = 1500,
) -> Path:
    """Writes pictures as an animated GIF that repeats forever.

    Args:
        path: The file to write; its folder is created if it does not exist.
        frames: uint8 arrays `(height, width, 3)`, or paths of image files. Damaged files are
            left out, with a warning that names them. All frames are resized to the size of the
            last one, or, if that is wider than 800 pixels, to a width of 800.
        duration: Milliseconds that each frame is shown.
        hold: Milliseconds that the last frame is shown.

    Returns:
        The path of the file.

    Raises:
        InputError: There are no frames, none can be read, a duration is below 10 milliseconds, or
            the file cannot be written.
    """
    path = arguments.path("path", path)
    frames = arguments.listing("frames", frames, "pictures or paths of pictures")
    if not frames:
        raise InputError(f"There are no frames to animate in {path}.")
    # A GIF holds hundredths of a second in 16 bits.
    for name, value in (("duration", duration), ("hold", hold)):
        arguments.number(f"{name}, in milliseconds,", value, least=10, most=655_350)
    last = next(_readable(reversed(frames)), None)
    if last is None:
        raise InputError(f"None of the frames to animate in {path} can be read.")
    shrink = min(1.0, WIDEST_FRAME / last.width)
    size = (max(1, round(last.width * shrink)), max(1, round(last.height * shrink)))

    # Each frame is reduced to a palette at once, which takes a third of the memory.
    images = [
        frame.resize(size, Image.Resampling.LANCZOS if shrink < 1 else None).quantize(255)
        for frame in _readable(frames)
    ]
    durations = [duration] * (len(images) - 1) + [hold]

    def write(temporary: Path) -> None:
        images[0].save(
            temporary,
            "GIF",
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            disposal=1,
            comment=marks.PROGRAM,
        )

    return write_whole(path, write)


def _readable(frames) -> Iterator[Image.Image]:
    """Yields the frames; warns of files that cannot be read."""
    for frame in frames:
        if not isinstance(frame, str | os.PathLike):
            yield _of_pixels(frame).convert("RGB")
            continue
        try:
            with Image.open(frame) as image:
                opened = image.convert("RGB")
        except records.DAMAGE as error:
            warnings.warn(
                f"{frame} is left out of the GIF: it cannot be read ({error}).", stacklevel=4
            )
        else:
            yield opened


def _of_pixels(frame, name: str = "frames") -> Image.Image:
    """Returns the picture of an array; `name` is the argument that holds it."""
    pixels = arguments.array(name, frame, (2, 3))
    if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (3,), (4,)) or not pixels.size:
        raise InputError(
            f"{name} must be uint8 pictures (height, width, 3), such as kgan.pictures.draw makes "
            f"of samples; got dtype {pixels.dtype} and shape {pixels.shape}."
        )
    return Image.fromarray(pixels)


def write_whole(path: str | os.PathLike, write: Callable[[Path], None]) -> Path:
    """Writes a file as a whole or not at all, by a function that is given a path; returns its path.

    Raises:
        InputError: if it cannot be written.
    """
    path = Path(arguments.path("path", path))
    try:
        # Nobody loses a training for a picture, so none waits until the disk has it.
        writing.replace(path, write, flush=False)
    except OSError as error:
        advice = writing.remedy(error, "Free some space there or choose another place.")
        raise InputError(f"Cannot write {path}: {error.strerror or error}. {advice}") from error
    return path

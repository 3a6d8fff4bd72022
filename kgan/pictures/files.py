"""PNG and GIF files, written whole or not at all."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kgan.errors import InputError

WIDEST_FRAME = 800


def save_png(path: str | os.PathLike, picture: np.ndarray) -> Path:
    """Writes a picture `(height, width, 3)`, uint8, as a PNG file.

    The folder is made if need be. A reader sees the old file or the new one, never a
    part of one.

    Raises:
        InputError: The file cannot be written.
    """
    return _write_whole(path, lambda temporary: Image.fromarray(picture).save(temporary, "PNG"))


def save_gif(
    path: str | os.PathLike,
    frames: Sequence[np.ndarray | str | os.PathLike],
    duration: int = 120,
    hold: int = 1500,
) -> Path:
    """Writes pictures as an animated GIF that repeats for ever.

    Args:
        path: The file to write, whole or not at all.
        frames: Pictures `(height, width, 3)`, uint8, or paths of image files. All take
            the size of the last; frames wider than 800 pixels are shrunk to that.
        duration: Milliseconds a frame.
        hold: Milliseconds of the last frame, which shows how it ended.

    Raises:
        InputError: There is no frame, or the file cannot be written.
    """
    if not len(frames):
        raise InputError(f"There are no frames to animate in {path}.")
    if duration < 10 or hold < 10:
        raise InputError(f"duration and hold are milliseconds. Received: {duration}, {hold}.")
    last = _opened(frames[-1])
    shrink = min(1.0, WIDEST_FRAME / last.width)
    size = (max(1, round(last.width * shrink)), max(1, round(last.height * shrink)))

    # Palette images at once: sixty of them take a third of the memory.
    images = [
        _opened(frame).resize(size, Image.Resampling.LANCZOS if shrink < 1 else None).quantize(255)
        for frame in frames
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
        )

    return _write_whole(path, write)


def _opened(frame) -> Image.Image:
    if isinstance(frame, str | os.PathLike):
        with Image.open(frame) as image:
            return image.convert("RGB")
    return Image.fromarray(np.asarray(frame)).convert("RGB")


def _write_whole(path: str | os.PathLike, write: Callable[[Path], None]) -> Path:
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. Free some space there or choose "
            "another place."
        ) from error
    finally:
        # A path below a file fails here too, with the error that is already on its way.
        if os.path.lexists(temporary):
            temporary.unlink()
    return path

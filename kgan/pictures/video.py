"""Frames of moving pictures, and MP4 files of them."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.pictures.checks import checked_range, checked_size, drawable
from kgan.pictures.files import write_whole
from kgan.pictures.grids import CHECKERBOARD, to_rgb
from kgan.typing import PathLike


def frames(
    images: np.ndarray, value_range: tuple[float, float] | None = None, size: int = 256
) -> np.ndarray:
    """Converts images to the frames of an animation, enlarged without blur.

    Args:
        images: `(n, height, width, channels)`; see `to_rgb` for the channels. Transparent parts
            show a checkerboard.
        value_range: `(low, high)`, black and white; see `draw`.
        size: intended width in pixels: smaller images are enlarged by the whole factor that comes
            nearest, larger ones keep their size.

    Returns:
        uint8 array `(n, height, width, 3)`.

    Raises:
        InputError: if `images` is no such array.
    """
    size, value_range = checked_size(size), checked_range(value_range)
    images = to_rgb(drawable("images", images, (4,)), value_range, CHECKERBOARD)
    zoom = max(1, round(size / images.shape[2]))
    return images.repeat(zoom, axis=1).repeat(zoom, axis=2)


def check_video() -> None:
    """Raises an `InputError` if the package that writes videos is missing."""
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        raise InputError(
            'Videos need the package imageio-ffmpeg: pip install "kgan[video]". A .gif needs '
            "nothing."
        )


def save_video(
    path: PathLike, frames: Sequence[np.ndarray] | np.ndarray, fps: float = 25.0
) -> Path:
    """Writes frames as an MP4 file (H.264) that browsers and players show.

    Needs the extra `video`, which brings FFmpeg.

    Args:
        path: the file to write; its folder is created if it does not exist.
        frames: uint8 arrays `(height, width, 3)` of one size. An odd last row or column is
            repeated, because the format counts pixels in pairs.
        fps: frames a second.

    Returns:
        The path of the file.

    Raises:
        InputError: there are no frames, they are no such arrays, FFmpeg is missing or fails, or
            the file cannot be written.
    """
    path = Path(arguments.path("path", path))
    fps = arguments.number("fps", fps, above=0, most=1000)
    frames = arguments.array("frames", frames, (4,))
    if frames.dtype != np.uint8 or frames.shape[3:] != (3,) or not frames.size:
        raise InputError(
            f"frames must be uint8 pictures (n, height, width, 3); got dtype {frames.dtype} and "
            f"shape {frames.shape}."
        )
    check_video()
    import imageio_ffmpeg

    height, width = frames.shape[1:3]
    frames = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")

    def write(part: Path) -> None:
        file = imageio_ffmpeg.write_frames(
            str(part),
            (frames.shape[2], frames.shape[1]),
            fps=fps,
            codec="libx264",
            quality=8,
            macro_block_size=2,
            # What the part is called does not tell its format; the index in front lets a player
            # begin before it has the whole file.
            output_params=["-f", "mp4", "-movflags", "+faststart"],
        )
        try:
            file.send(None)
            for frame in frames:
                file.send(np.ascontiguousarray(frame))
        finally:
            file.close()

    return write_whole(path, write)

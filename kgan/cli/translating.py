"""`kgan translate` and `kgan upscale`: a trained run applied to a user's own images."""

import functools
from pathlib import Path

import numpy as np

from kgan.cli.terminal import working
from kgan.data import kinds
from kgan.disk import marks
from kgan.errors import InputError
from kgan.runs import RunFolder, trained
from kgan.runs.files import replace


def translate(run: RunFolder, source: str, direction, out, overwrite: bool) -> str:
    """Translates the images of a file or a folder, and writes them as PNG.

    Args:
        run: a trained run.
        source: an image file, or a folder of images.
        direction: "a2b" or "b2a" for a model with two directions; None means "a2b".
        out: a `.png` file or a folder; None puts it beside `source`.
        overwrite: whether to replace what is at `out`.

    Returns:
        The message for the user.

    Raises:
        InputError: if the run does not translate images, or a file cannot be read or written.
    """
    files, target = _files(source, out, overwrite, "translate", "translated")
    gan, kind = _trained(run, "translate", "translate")
    options = {}
    if kind.directions:
        options["direction"] = direction or "a2b"
    elif direction:
        raise InputError("This run translates one way; leave --direction out.")
    channels = gan.networks[next(iter(gan.networks))].input_shape[-1]

    def convert(pixels):
        low, high = gan.data_range
        scaled = pixels[None] / np.float32(255) * (high - low) + low
        return gan.translate(scaled.astype(np.float32), **options)[0]

    _write_converted(files, target, "translate", channels, convert, gan.data_range)
    return f"{_count(files)} translated into {target}"


def upscale(run: RunFolder, source: str, out, tile: int, overwrite: bool) -> str:
    """Enlarges the images of a file or a folder, and writes them as PNG.

    Args:
        run: a trained run.
        source: an image file, or a folder of images.
        out: a `.png` file or a folder; None puts it beside `source`.
        tile: side of the tiles, in pixels, in which large images are processed.
        overwrite: whether to replace what is at `out`.

    Returns:
        The message for the user.

    Raises:
        InputError: if the run does not enlarge images, or a file cannot be read or written.
    """
    files, target = _files(source, out, overwrite, "upscale", "upscaled")
    gan, _ = _trained(run, "upscale", "enlarge")

    def convert(pixels):
        return gan.upscale(pixels, tile=tile)

    _write_converted(files, target, "upscale", gan.channels, convert, (0, 255))
    return f"{_count(files)} made {gan.scale} times larger, in {target}"


def _trained(run: RunFolder, command: str, verb: str):
    """Returns the model of a run and its kind of data, which must be the one of the command."""
    with working("loading TensorFlow and the run"):
        gan = trained(run)
    kind = kinds.of(gan)
    if kind.command != command:
        raise InputError(
            f"The run {run.path} does not {verb} images; it was trained for {kind}. "
            f"`kgan {kind.command}` draws from it."
        )
    return gan, kind


def _files(source: str, out, overwrite: bool, command: str, suffix: str):
    """Returns the images to convert, with the name of each result, and the target path."""
    from kgan.data import folder

    path = Path(source).expanduser().resolve()
    if path.is_file():
        files = [path]
    elif path.is_dir():
        files = folder.find(path)
        if not files:
            raise InputError(f"No images in the folder {source}.")
    else:
        raise InputError(f"There is no file or folder {source} (looked for {path.absolute()}).")
    single = path.is_file()
    if out is None:
        target = path.with_name(f"{path.stem}-{suffix}{'.png' if single else ''}")
    else:
        target = Path(out).expanduser()
    if single != (target.suffix.lower() == ".png"):
        raise InputError(
            f"-o takes a FILE.png for one image and a folder for a folder; got {target.name!r}."
        )
    if target.resolve() == path:
        raise InputError(f"-o is {source} itself, whose images would be lost. Take another place.")
    check = functools.partial(marks.check_pictures, command=command)
    marks.check_free(target, overwrite, None if single else check)
    return _named(files, path), target


def _named(files, root: Path) -> dict[Path, Path]:
    """Returns each file's name within the target: its path below `root`, ending in `.png`.

    Two files that would get the same name keep their own suffix before `.png`.
    """
    names = {path: path.relative_to(root).with_suffix(".png") for path in files if path != root}
    taken = [str(name) for name in names.values()]
    return {
        path: name if taken.count(str(name)) == 1 else name.with_name(f"{path.name}.png")
        for path, name in names.items()
    } or {root: Path(root.name)}


def _write_converted(files, target: Path, command, channels, convert, value_range) -> None:
    """Reads each file as uint8 `(height, width, channels)`, converts it and writes it as PNG."""
    from kgan import pictures
    from kgan.data import images
    from kgan.pictures.files import write_png

    def converted(path):
        try:
            pixels = images.read(path, channels)
        except Exception as error:  # Pillow's decoders raise errors of many kinds
            raise InputError(f"{path} cannot be read as an image: {error}") from None
        found = convert(pixels)[None]
        to_pixels = pictures.to_rgba if found.shape[-1] == 4 else pictures.to_rgb
        return to_pixels(found, value_range)[0]

    if target.suffix.lower() == ".png":
        write_png(target, converted(next(iter(files))), command)
        return

    def write(folder):
        for path, name in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_png(folder / name, converted(path), command)

    replace(target, write)


def _count(files) -> str:
    return "1 image" if len(files) == 1 else f"{len(files)} images"

"""`kgan translate` and `kgan upscale`: a trained run at work on a user's own files."""

from pathlib import Path

import numpy as np

from kgan.data import kinds
from kgan.errors import InputError
from kgan.runs import RunFolder, trained
from kgan.runs.files import check_free, replace


def translate(run: RunFolder, source: str, direction, out, overwrite: bool) -> str:
    """Translates the images of a file or a folder; returns what to tell the user."""
    files, target = _files(source, out, overwrite, "translated")
    gan, kind = _trained(run, "translate", "translate")
    options = {}
    if kind.directions:
        options["direction"] = direction or "a2b"
    elif direction:
        raise InputError("This run translates one way; leave --direction out.")
    channels = gan.networks[next(iter(gan.networks))].input_shape[-1]

    def made(pixels):
        low, high = gan.data_range
        given = pixels[None] / np.float32(255) * (high - low) + low
        return gan.translate(given.astype(np.float32), **options)[0]

    _work(files, target, channels, made, gan.data_range)
    return f"{_count(files)} translated into {target}"


def upscale(run: RunFolder, source: str, out, tile: int, overwrite: bool) -> str:
    """Enlarges the images of a file or a folder; returns what to tell the user."""
    files, target = _files(source, out, overwrite, "upscaled")
    gan, _ = _trained(run, "upscale", "enlarge")
    _work(files, target, gan.channels, lambda pixels: gan.upscale(pixels, tile=tile), (0, 255))
    return f"{_count(files)} made {gan.scale} times larger, in {target}"


def _trained(run: RunFolder, command: str, verb: str):
    """The model of a run, and the kind of data that it reads, which must be the command's."""
    gan = trained(run)
    kind = kinds.of(gan)
    if kind.command != command:
        raise InputError(
            f"The run {run.path} does not {verb} images; it was trained for {kind}. "
            f"`kgan {kind.command}` draws from it."
        )
    return gan, kind


def _files(source: str, out, overwrite: bool, suffix: str):
    """The files to work on, and where what is made of them goes: a file or a folder."""
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
    check_free(target, overwrite, Path.is_file if single else _is_pictures)
    return _named(files, path), target


def _named(files, root: Path) -> dict[Path, Path]:
    """What each file's picture is called within the target; files in folders keep theirs."""
    names = {path: path.relative_to(root).with_suffix(".png") for path in files if path != root}
    taken = [str(name) for name in names.values()]
    return {
        path: name if taken.count(str(name)) == 1 else name.with_name(f"{path.name}.png")
        for path, name in names.items()
    } or {root: Path(root.name)}


def _is_pictures(folder: Path) -> bool:
    """Whether a folder holds pictures as these commands write them, and nothing else."""
    return folder.is_dir() and all(
        path.is_dir() or path.suffix == ".png" for path in folder.rglob("*")
    )


def _work(files, target: Path, channels: int, made, value_range) -> None:
    from kgan import pictures
    from kgan.data import images

    def one(path):
        try:
            pixels = images.read(path, channels)
        except Exception as error:  # Pillow's decoders raise errors of many kinds
            raise InputError(f"{path} cannot be read as an image: {error}") from None
        return pictures.to_rgb(made(pixels)[None], value_range)[0]

    if target.suffix.lower() == ".png":
        pictures.save_png(target, one(next(iter(files))))
        return

    def write(folder):
        for path, name in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            pictures.save_png(folder / name, one(path))

    replace(target, write)


def _count(files) -> str:
    return "1 image" if len(files) == 1 else f"{len(files)} images"

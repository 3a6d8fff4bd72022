"""What a text names as data: a data set, a folder or a file; found without TensorFlow."""

import difflib
import functools
import os
from pathlib import Path

from kgan.data import catalog
from kgan.errors import InputError


@functools.cache
def names() -> list[str]:
    """Returns all names of TensorFlow Datasets, without their configurations."""
    # Slow to import, and so only when it is needed.
    import tensorflow_datasets as tfds

    return tfds.list_builders(with_community_datasets=False)


def knows(name: str) -> bool:
    """Whether a name, also one like "cycle_gan/horse2zebra" or "mnist:3.0.1", is known."""
    return name.split("/")[0].split(":")[0] in names()


def path_of(source: object) -> Path | None:
    """Returns the folder, .npz or .npy file that `source` names; None for a name or arrays.

    A bare name, without a slash, is a data set of TensorFlow Datasets if there is one of that
    name, and else a folder in the working directory.

    Raises:
        InputError: if there is no such folder or file, or the file is of another format.
    """
    if isinstance(source, os.PathLike):
        bare = False
    elif isinstance(source, str) and source != "digits":
        bare = "/" not in source and os.sep not in source and not source.startswith((".", "~"))
    else:
        return None
    path = Path(source).expanduser()
    is_array_file = path.suffix.lower() in (".npz", ".npy")
    if (path.is_dir() and not bare) or (is_array_file and path.is_file()):
        return path
    # A name may hold a slash, as "cycle_gan/horse2zebra" does.
    if isinstance(source, str) and not source.startswith((".", "~", "/", os.sep)) and knows(source):
        return None
    if path.is_dir():
        return path
    if path.is_file():
        raise InputError(
            f"{source} is a file, but not an .npz file of arrays. Give the folder that holds the "
            "images, or an .npz or .npy file."
        )
    if path.exists():
        raise InputError(
            f"{source} is a pipe, device or socket. Give a folder of images, or an .npz or .npy "
            "file."
        )
    if is_array_file or not bare:
        kind = "file" if is_array_file else "folder"
        raise InputError(
            f"There is no {kind} {source} (looked for {path.absolute()}). Expected a folder of "
            "images, an .npz file, or a data set by name, like 'digits'."
        )
    return None


def unknown_name(name: str) -> InputError:
    """Returns an error that names the nearest names, not all of the several hundred."""
    known = [*catalog.BUILT_IN, *names()]
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    around = _beside()
    close = difflib.get_close_matches(name, around, n=1, cutoff=0.7)
    meant = [f"the {around[each]} {each!r} here" for each in close] or [repr(each) for each in near]
    hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
    return InputError(
        f"Unknown dataset {name!r}.{hint} Known: {', '.join(catalog.BUILT_IN)}, the {len(names())} "
        "names of TensorFlow Datasets (https://www.tensorflow.org/datasets/catalog), or the path "
        "of a folder of images or an .npz file."
    )


def _beside() -> dict[str, str]:
    """Returns what could be data in the working folder: "folder" or "file" by name."""
    try:
        entries = sorted(os.scandir("."), key=lambda entry: entry.name)
    except OSError:
        return {}
    folders = {entry.name: "folder" for entry in entries if entry.is_dir()}
    return folders | {e.name: "file" for e in entries if e.name.endswith((".npz", ".npy"))}

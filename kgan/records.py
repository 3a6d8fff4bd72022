"""Records in JSON: the number of their format, their checksum, and reading them back.

Everything that kgan writes to disk has the same format number. docs/format.md describes the
format; a change that an earlier release would read wrongly increases the number.
"""

import contextlib
import hashlib
import json
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kgan
from kgan.errors import InputError
from kgan.typing import PathLike

if TYPE_CHECKING:
    import numpy as np

# The format that this release writes, and the newest that it reads. Files of kgan 0.1.0 from
# before the number existed have none; they are read as they were.
FORMAT = 1

# What zip archives, arrays of NumPy and compressed streams raise when they are damaged: the
# standard library raises `RuntimeError` and `NotImplementedError` for flags that have flipped, and
# NumPy reads an array's header as a literal of Python, whose tokens and types can be wrong.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    AttributeError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
    RuntimeError,
    MemoryError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def read(path: Path, way_out: str) -> Any:
    """Returns the content of a JSON file.

    Args:
        path: the file.
        way_out: what the user can do if the file is damaged, a sentence.

    Raises:
        InputError: if it cannot be read, is no JSON, or names an entry twice.
    """
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. {way_out}") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}. {way_out}") from error


def parse(content: bytes) -> Any:
    """Returns what JSON text says; raises a `ValueError` if it is damaged."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("its lists and entries are nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it holds bytes that are no text") from None


def _unique(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has two entries {twice!r}")
    return found


def signed(record: dict, apart: Iterable[str] = ()) -> dict:
    """Returns a record with the number of its format and its checksum.

    Args:
        record: what is to be written as JSON.
        apart: names, within `record["settings"]`, of entries that the checksum leaves out.
    """
    record = {"format": FORMAT} | record | {"format": FORMAT}
    return record | {"checksum": checksum(record, apart)}


def checksum(record: dict, apart: Iterable[str] = ()) -> str:
    """Returns the SHA-256 checksum of a record; its entry `checksum` is left out."""
    # As JSON reads it back: tuples are lists, and all names are text.
    content = json.loads(json.dumps(record))
    content.pop("checksum", None)
    if isinstance(content.get("settings"), dict):
        content["settings"] = {k: v for k, v in content["settings"].items() if k not in set(apart)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def stamp() -> dict:
    """Returns the number of the format and the version of kgan, for a file of a model."""
    return {"format": FORMAT, "kgan": kgan.__version__}


def check_format(path: Path, number: Any, version: Any = None) -> None:
    """Checks that this release reads the format of a file.

    Args:
        path: the file.
        number: the number that it states; None if it states none.
        version: the version of kgan that it states.

    Raises:
        InputError: if a newer version wrote it, or the number is damaged.
    """
    if number is None:
        return
    if not is_count(number) or number < 1:
        raise InputError(f"{path} is damaged: it states the format {number!r}.")
    if number > FORMAT:
        by = f"kgan {version}" if isinstance(version, str) else "a newer kgan"
        raise InputError(
            f"{path} was written by {by} in format {number}; this version of kgan reads formats "
            f"up to {FORMAT}. Update kgan: pip install --upgrade kgan."
        )


def is_count(value: Any) -> bool:
    """Returns whether a value read from JSON is an integer of at least 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@contextlib.contextmanager
def checked_weights(path: PathLike) -> Iterator[None]:
    """A context in which a file of weights is loaded; one of a checkpoint is verified before.

    Raises:
        InputError: if it is damaged.
    """
    path = Path(path)
    note = path.with_name("state.json")
    if path.name == "state.weights.h5" and note.is_file():
        said = read(note, f"Take another checkpoint; {path.name} cannot be verified without it.")
        expected = said.get("sha256") if isinstance(said, dict) else None
        if path.is_file() and file_checksum(path) != expected:
            raise InputError(
                f"{path} has changed since it was written (other checksum). Take another "
                "checkpoint: kgan.callbacks.latest finds the newest whole one."
            )
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(
            f"{path} cannot be read as a file of weights, or is damaged: {error}. Take another "
            "one, or save the weights again."
        ) from error


def file_checksum(path: Path) -> str:
    """Returns the SHA-256 checksum of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_npz(path: Path) -> dict[str, "np.ndarray"]:
    """Returns the arrays of an `.npz` file by name; raises one of `DAMAGE` if it is damaged."""
    with zipfile.ZipFile(path) as archive:
        return {
            name.removesuffix(".npy"): read_array(archive, name)
            for name in archive.namelist()
            if name.endswith(".npy")
        }


def read_array(archive: zipfile.ZipFile, name: str) -> "np.ndarray":
    """Returns the array in a file `name` of an archive; raises one of `DAMAGE` if it is damaged.

    `numpy.load` stops reading where the array's own header says that it ends, so that the archive's
    checksum is not verified if the header is damaged.
    """
    # `kgan --help` does not wait for NumPy.
    import numpy as np

    with archive.open(name) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError(f"the array {name!r} is shorter than its file")
    return array


def archive_problem(path: Path) -> str | None:
    """Verifies the checksums in a zip archive; returns what is wrong, or None."""
    if not path.is_file():
        return "it is missing"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                return f"it holds two files {twice!r}"
            damaged = archive.testzip()
    except DAMAGE as error:
        return f"it is no complete archive ({error})"
    return None if damaged is None else f"its {damaged} has changed (other checksum)"

"""What kgan wrote, told by a mark that it left there, and what may be replaced.

A picture carries the mark in itself, a SavedModel in a file beside its own that lists them. What
kgan 0.1 wrote before there were marks is told by its kind: every file has the name and the first
bytes of one that kgan writes. Where users have such files too, as folders of pictures of any name,
what has no mark is not kgan's.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from kgan.disk.writing import PART
from kgan.errors import InputError

# The text of a PNG or GIF that names its program begins with this.
PROGRAM = "kgan"
# In a SavedModel's folder.
LIST = ".kgan.json"
# Of a model card.
CARD = "README.md"

_SAVED_MODEL = re.compile(
    r"saved_model\.pb|fingerprint\.pb|variables/variables\.(index|data-\d{5}-of-\d{5})"
)
_PAGE = r"index\.html|(runtime|generator|page)\.js|runtime-licences\.txt"
# What begins a file of the kind: a user's notes may have any name.
_BEGINS = {".png": b"\x89PNG\r\n\x1a\n", ".gif": b"GIF8", ".npz": b"PK"}
_CHECKPOINT = r"(damaged-|\.replaced-|\.unfinished-(\d+-)?)?step-\d+"
_STATE = r"(\.unfinished-)?(state\.[\w.]+|callbacks\.npz)"
# What `kgan train` leaves in the folders of a run.
_RUN = {
    "samples": r"(step-\d{7,}|growth)(-[\w-]+)?\.(png|gif)",
    "checkpoints": rf"{_CHECKPOINT}/{_STATE}|\.unfinished-[\w.-]+\.h5|\.kgan\.[a-z]+",
    "loggers": r"(wandb|mlflow)\.json|wandb/.*",
    "logs": r"(train|validation)/(events\.out\.tfevents\..*|plugins/.*)|plugins/.*",
}


def program(picture: Path) -> str:
    """Returns what a PNG or GIF names as the program that made it; "" if it names none."""
    from PIL import Image

    try:
        with Image.open(picture) as image:
            named = image.info.get("Software") or image.info.get("comment") or ""
    except Exception:  # Pillow's decoders raise errors of many kinds
        return ""
    return named.decode("latin-1") if isinstance(named, bytes) else str(named)


def check_own(picture: Path, command: str, option: str) -> None:
    """Checks that a picture is not there yet, or that the command of kgan wrote it.

    Raises:
        InputError: if it is there and something else; `option` is the one that names it.
    """
    if picture.exists() and program(picture) != f"{PROGRAM} {command}":
        raise InputError(
            f"{picture} exists and is no picture that `kgan {command}` wrote, so it is left as it "
            f"is. Choose another file with {option}."
        )


def check_pictures(folder: Path, command: str, older: str | None = None) -> None:
    """Checks that a folder holds only pictures that a command of kgan wrote.

    Args:
        folder: the folder.
        command: the command, such as "translate".
        older: pattern of the names of pictures without a mark that are its, too.

    Raises:
        InputError: if it holds anything else; the message names a file of that.
    """
    unmarked = []
    for path, name in _files(folder):
        if path.suffix == ".png" and program(path) == f"{PROGRAM} {command}":
            continue
        unmarked.append((path, name))
    if unmarked and older is not None and all(_older(each, name, older) for each, name in unmarked):
        return
    if unmarked:
        raise not_kgans(folder, unmarked[0][1])


def check_saved_model(folder: Path) -> None:
    """Checks that a folder holds a SavedModel that kgan wrote, and nothing else.

    Raises:
        InputError: if it holds anything else; the message names a file of that.
    """
    try:
        listed = json.loads((folder / LIST).read_text(encoding="utf-8"))["files"]
        listed = dict(listed)
    except (OSError, ValueError, TypeError, KeyError):
        listed = None
    files = list(_files(folder))
    if listed is None and not (folder / "fingerprint.pb").is_file():
        # Another program's, or none: kgan's have one.
        first = next((name for _, name in files), ".")
        raise not_kgans(folder, first)
    for path, name in files:
        if name == CARD and is_own_card(path):
            continue
        ours = _SAVED_MODEL.fullmatch(name) if listed is None else name in listed
        if not ours and name != LIST:
            raise not_kgans(folder, name)
        if listed and name in listed and path.stat().st_size != listed[name]:
            raise not_kgans(folder, name, "has changed since kgan wrote it")


def check_unzipped(folder: Path) -> None:
    """Checks that a folder holds a model as `save(zipped=False)` writes it, and nothing else.

    Raises:
        InputError: if it holds anything else; the message names a file of that.
    """
    for path, name in _files(folder):
        if not _older(path, name, r"(config|metadata)\.json|model\.weights\.h5|assets/.*"):
            raise not_kgans(folder, name)


def check_page(folder: Path) -> None:
    """Checks that a folder holds a web page as `export` writes it, and nothing else.

    Raises:
        InputError: if it holds anything else; the message names a file of that.
    """
    for path, name in _files(folder):
        if not _older(path, name, _PAGE):
            raise not_kgans(folder, name)


def mark_saved_model(folder: Path) -> None:
    """Lists the files of a SavedModel in it, with their sizes."""
    import kgan

    listed = {
        name: path.stat().st_size for path, name in _files(folder) if name not in (LIST, CARD)
    }
    text = json.dumps({"program": PROGRAM, "version": kgan.__version__, "files": listed}, indent=1)
    (folder / LIST).write_text(text + "\n", encoding="utf-8")


def signed_card(text: str) -> str:
    """Returns the text of a model card with kgan's mark, which holds its checksum."""
    return f"{text}\n<!-- kgan {_digest(text)} -->\n"


def is_own_card(path: Path) -> bool:
    """Returns whether kgan wrote a `README.md`, and nobody has changed it since."""
    try:
        text, separator, mark = path.read_bytes().decode().rpartition("\n<!-- kgan ")
    except (OSError, ValueError):
        return False
    return bool(separator) and mark.strip() == f"{_digest(text)} -->"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def check_run(run: Path) -> None:
    """Checks that the folders of a run hold nothing but what `kgan train` writes there.

    Raises:
        InputError: if one holds anything else; the message names a file of that.
    """
    for part, pattern in _RUN.items():
        for path, name in _files(run / part):
            # Weights & Biases links to its latest run.
            links = part == "loggers" and path.is_symlink() and re.fullmatch(pattern, name)
            if not links and not _older(path, name, pattern):
                raise not_kgans(run, f"{part}/{name}")
    if (run / "saved_model").is_dir():
        check_saved_model(run / "saved_model")


def check_checkpoint(folder: Path) -> None:
    """Checks that the folder of a checkpoint holds nothing else.

    Raises:
        InputError: if it holds anything else; the message names a file of that.
    """
    for path, name in _files(folder):
        if "/" in name or not _older(path, name, _STATE):
            raise not_kgans(folder, name)


def is_snapshot(picture: Path) -> bool:
    """Returns whether a picture is one that `ImageSnapshot` drew, by its mark or its kind."""
    return program(picture).startswith(PROGRAM) or _older(picture, picture.name, _RUN["samples"])


def check_free(target: Path, overwrite: bool, check: Callable[[Path], None] | None = None) -> None:
    """Checks that a file or folder may be written.

    Args:
        target: file or folder to be written; an empty folder counts as free.
        overwrite: whether what is there may be replaced.
        check: raises an `InputError` if a folder holds what kgan did not write. None if a file
            is to be written: the user has named that one file, which is replaced if it is of its
            kind.

    Raises:
        InputError: if the target exists and may not be replaced; the message says what to do.
    """
    if not target.exists() or (target.is_dir() and check and not any(target.iterdir())):
        return
    if not overwrite:
        raise InputError(f"{target} already exists; choose another -o or add --overwrite.")
    if check and target.is_dir():
        check(target)
    elif check or not _older(target.resolve(), target.name, ".*"):
        kind = "a folder" if check else f"a {target.suffix} file"
        raise InputError(
            f"{target} exists and holds something else than would be written: it is not {kind}. "
            "--overwrite does not replace that. Choose another -o."
        )


def not_kgans(folder: Path, name: str, why: str = "is not known to be kgan's") -> InputError:
    """Returns the error for a folder that is not replaced because of one file in it."""
    return InputError(
        f"{folder} holds something else than would be written: {name} {why}. A folder is replaced "
        "only if kgan wrote all that is in it. Move that file away, or choose another folder."
    )


def _files(folder: Path):
    """Yields path and name within the folder of all that is in it but folders; links are files."""
    for above, folders, names in os.walk(folder):
        linked = [name for name in folders if (Path(above) / name).is_symlink()]
        for name in sorted([*names, *linked]):
            path = Path(above) / name
            inside = path.relative_to(folder)
            # A write that a crash cut off.
            if not any(part.startswith(PART) for part in inside.parts):
                yield path, inside.as_posix()


def _older(path: Path, name: str, pattern: str) -> bool:
    """Returns whether a file without a mark is of a kind that kgan writes."""
    if path.is_symlink() or not path.is_file() or not re.fullmatch(pattern, name):
        return False
    begins = _BEGINS.get(path.suffix.lower())
    if begins is None or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        return file.read(len(begins)) == begins

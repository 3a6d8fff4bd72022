"""Features of reference samples on disk, found again by the content of the samples."""

import contextlib
import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import kgan
from kgan import records
from kgan.disk import writing
from kgan.metrics.extractors import Extractor
from kgan.metrics.sides import SideFeatures
from kgan.typing import Range, Shape

# A change that an earlier release would read wrongly increases it.
_FORMAT = 1
_ENDING = ".features.npz"
# The cache keeps to this size: what was used longest ago is deleted.
MOST_BYTES = 4 * 1024**3
# Larger features take as long to read as to compute.
_LARGEST = 1024**3
# Features of one network on one machine differ by rounding: threads sum in different orders.
_RTOL, _ATOL = 1e-3, 1e-4


def folder() -> Path:
    """Returns the folder of the cache.

    `$KGAN_CACHE`, else `$XDG_CACHE_HOME/kgan`, else `~/.cache/kgan`.
    """
    own, users = os.environ.get("KGAN_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own).expanduser()
    return (Path(users) if users else Path.home() / ".cache") / "kgan"


def key(**facts: Any) -> str:
    """Returns the name of an entry, from all that its features depend on."""
    written = {"format": _FORMAT, "kgan": kgan.__version__, **facts}
    text = json.dumps(written, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def probe(extractor: Extractor, shape: Shape, value_range: Range | None) -> np.ndarray:
    """Returns the features of two fixed samples, which tell one network from another."""
    low, high = value_range or (-1.0, 1.0)
    # Lines of a few pixels' width, because networks see little in noise.
    waves = np.sin(np.arange(2 * int(np.prod(shape))) * 0.37).reshape(2, *shape)
    samples = (low + (high - low) * (waves + 1.0) / 2.0).astype("float32")
    return np.array(extractor(samples).features)


def load(name: str, expected: np.ndarray) -> tuple[SideFeatures, dict] | None:
    """Returns the features of an entry and the facts about its samples; None if there is none.

    Args:
        name: the result of `key`.
        expected: the result of `probe` for the extractor in use.
    """
    path = folder() / f"{name}{_ENDING}"
    if not path.is_file():
        return None
    try:
        arrays = records.read_npz(path)
        facts = records.parse(str(arrays["facts"]).encode())
        rows = {
            kind.removeprefix("rows/"): array
            for kind, array in arrays.items()
            if kind.startswith("rows/")
        }
        sizes = {len(array) for array in rows.values()}
        if sizes != {facts["samples"]} or any(array.ndim != 2 for array in rows.values()):
            raise ValueError("its arrays have other lengths than it says")
        found, strangeness = arrays["probe"], facts["strangeness"]
        facts["shape"] = tuple(facts["shape"])
    except records.DAMAGE as error:
        warnings.warn(
            f"The cached features in {path} are damaged ({error}); they are computed anew.",
            stacklevel=2,
        )
        return None
    scale = float(np.abs(expected).max(initial=1.0))
    if found.shape != expected.shape or not np.allclose(
        found, expected, rtol=_RTOL, atol=_ATOL * scale
    ):
        # Another network of this name.
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return SideFeatures(rows, arrays.get("labels"), strangeness), facts


def store(name: str, probed: np.ndarray, found: SideFeatures, facts: dict) -> None:
    """Writes an entry, never a part of one; where that fails, a warning says so.

    Args:
        name: the result of `key`.
        probed: the result of `probe`.
        found: the features.
        facts: about the samples, ready for JSON.
    """
    size = sum(array.nbytes for array in found.rows.values())
    if size > _LARGEST or not all(np.isfinite(array).all() for array in found.rows.values()):
        return
    facts = facts | {"samples": found.count, "strangeness": found.strangeness}
    arrays: dict[str, Any] = {f"rows/{kind}": array for kind, array in found.rows.items()}
    arrays |= {"probe": probed, "facts": np.array(json.dumps(facts))}
    if found.labels is not None:
        arrays["labels"] = found.labels

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, **arrays)

    try:
        writing.replace(folder() / f"{name}{_ENDING}", write, flush=False)
        _prune()
    except OSError as error:
        warnings.warn(
            f"The features of the reference could not be kept in {folder()}: "
            f"{error.strerror or error}. KGAN_CACHE names another folder.",
            stacklevel=2,
        )


def _prune() -> None:
    """Deletes the entries used longest ago, until the cache has its size."""
    entries = []
    for path in folder().glob(f"*{_ENDING}"):
        with contextlib.suppress(OSError):
            status = path.stat()
            entries.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries)[:-1]:
        if total <= MOST_BYTES:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size

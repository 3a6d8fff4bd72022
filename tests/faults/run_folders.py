"""Compares two run folders file by file, but for times."""

import csv
import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np

# What may differ between an unbroken run and a resumed one.
TIMES = {"started", "resumed", "machine", "steps_per_execution"}
CHECKSUMS = {"size", "sha256", "arrays_sha256", "checksum"}


def differences(one: Path, other: Path, atol: float = 0.0) -> list[str]:
    """Returns what differs between two run folders, as sentences.

    Args:
        one, other: the folders.
        atol: how far numbers may be apart. If it is not 0, only the tags and steps of event files
            are compared.
    """
    found = []
    ours, theirs = (_files(folder) for folder in (one, other))
    for name in sorted(ours ^ theirs):
        found.append(f"{name} is only in {'the first' if name in ours else 'the second'}")
    for name in sorted(ours & theirs):
        first, second = _content(one / name), _content(other / name)
        if not _equal(first, second, atol):
            found.append(f"{name} differs{_where(first, second)}")
    points = [_points(folder) for folder in (one, other)]
    for run in sorted(points[0].keys() | points[1].keys()):
        before, after = (of.get(run, {}) for of in points)
        found += [
            f"logs: {run} {key} is there {len(after.get(key, []))} times, unbroken {len(values)}"
            if len(values) != len(after.get(key, []))
            else f"logs: {run} {key} has another value"
            for key, values in {**{key: [] for key in after}, **before}.items()
            if (len(values) != len(after.get(key, [])) if atol else values != after.get(key, []))
        ]
    return found


def _files(folder: Path) -> set[str]:
    """Returns the files that are compared; event files are compared by their points.

    The report and the model cards tell of times and places, and of what the other files hold.
    """
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    told = ("report.html", "README.md")
    return {p for p in paths if "events.out.tfevents" not in p and not p.endswith(told)}


def _content(path: Path):
    """Returns the content of a file in a form that can be compared."""
    if path.name.endswith(".h5"):
        return _arrays(path)
    if path.suffix == ".npz":
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as file:
            arrays = _arrays(io.BytesIO(file.read("model.weights.h5")))
            return arrays, _flat(json.loads(file.read("config.json")))
    if "saved_model" in path.parts:
        # TensorFlow writes other bytes each time.
        return None
    if path.suffix == ".csv":
        rows = list(csv.reader(path.read_text().splitlines()))
        return [rows[0], *([_number(cell) for cell in row] for row in rows[1:])]
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        if not isinstance(content, dict):
            return content
        content = {k: v for k, v in content.items() if k not in TIMES | CHECKSUMS}
        for states in (content, content.get("within", {})):
            # How far its files are written: a resumed run has more of them.
            states.get("callbacks", {}).pop("TensorBoard", None)
        return content
    return path.read_bytes()


def _flat(config, path: str = "") -> dict:
    """Returns the values of nested dictionaries and lists by their paths.

    Keras numbers objects that stand at several places by their addresses: those are left out.
    """
    if not isinstance(config, (dict, list)) or not config:
        return {path: config}
    pairs = config.items() if isinstance(config, dict) else enumerate(config)
    return {
        k: v
        for key, value in pairs
        if key != "shared_object_id"
        for k, v in _flat(value, f"{path}/{key}").items()
    }


def _number(cell: str):
    try:
        return float(cell)
    except ValueError:
        return cell


def _arrays(file) -> dict[str, np.ndarray]:
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(file, "r") as opened:
        opened.visititems(visit)
    return found


def _equal(one, other, atol=0.0) -> bool:
    if one is None or other is None:
        return one is other
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(
            _equal(*pair, atol) for pair in zip(one, other, strict=True)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k], atol) for k in one)
    if isinstance(one, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if atol and one.dtype.kind in "fc":
            return bool(np.allclose(one, other, rtol=0, atol=atol, equal_nan=True))
        return np.array_equal(one, other, one.dtype.kind in "fc")
    if atol and isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= atol or (one != one and other != other)
    return one == other or (one != one and other != other)


def _where(one, other) -> str:
    if isinstance(one, tuple):
        one, other = next(pair for pair in zip(one, other, strict=True) if not _equal(*pair))
    if not isinstance(one, dict):
        return ""
    keys = [k for k in {**one, **other} if not _equal(one.get(k), other.get(k))]
    if len(keys) == 1 and isinstance(one.get(keys[0]), (dict, int, float, str, list)):
        return f": {keys[0]}: {str(one[keys[0]])[:300]} and {str(other.get(keys[0]))[:300]}"
    return f": {', '.join(keys[:4])}"


def _points(folder: Path) -> dict[str, dict]:
    """Returns, for each log folder, the values of every (tag, step) in its event files."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, dict] = {}
    for path in sorted(folder.rglob("*events.out.tfevents*")):
        run = found.setdefault(path.parent.relative_to(folder).as_posix(), {})
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                content = value.tensor.SerializeToString(deterministic=True)
                run.setdefault((value.tag, event.step), []).append(content)
    # A file without a point says nothing.
    return {run: points for run, points in found.items() if points}

"""Trained runs on the Hugging Face hub: sending them there, and loading them from there.

Takes `pip install "kgan[hub]"`. The address of the hub is `HF_ENDPOINT`, as in all programs on
`huggingface_hub`; the token is that of `hf auth login`, or `HF_TOKEN`.
"""

import contextlib
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from kgan import records
from kgan.errors import InputError
from kgan.runs import configuration

if TYPE_CHECKING:
    from kgan.runs.folder import RunFolder

SCHEME = "hf://"
_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# What a `.keras` file of kgan's holds.
_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
_PLAIN = ("history.csv", "losses.png", "evaluations.json")


def is_place(path: Any) -> bool:
    """Returns whether it is of the form `hf://OWNER/NAME`."""
    return isinstance(path, str) and path.startswith(SCHEME)


def fetch(place: str) -> Path:
    """Downloads a run to the hub's cache, and returns the folder that it is in.

    What was downloaded before is found without network.

    Args:
        place: `hf://OWNER/NAME`, or `hf://OWNER/NAME@REVISION` for a branch, tag or commit.

    Raises:
        InputError: if it is not there or not reachable, is no run of kgan's, or would run code when
            loaded.
    """
    name, _, revision = place.removeprefix(SCHEME).partition("@")
    _check_name(name, f"{SCHEME}OWNER/NAME")
    hub = _library()
    wanted = {"repo_id": name, "revision": revision or None, "endpoint": _endpoint()}
    with _said(name):
        model = Path(hub.hf_hub_download(filename="gan.keras", **wanted))
        # Of the same commit, even if the branch has moved since.
        wanted["revision"] = model.parent.name
        config = Path(hub.hf_hub_download(filename="config.json", **wanted))
    check_model(model, place)
    check_codeless(configuration.read(config), place)
    return model.parent


def push(
    run: "RunFolder",
    name: str,
    licence: str | None = None,
    private: bool = False,
    saved_model: bool = False,
    checkpoints: bool = False,
) -> str:
    """Uploads a trained run, and returns its address.

    Sent are `gan.keras`, `config.json` (without the folders of this machine), a model card, the
    newest sheet of samples, `history.csv`, `losses.png` and `evaluations.json`; never data.

    Args:
        run: the run.
        name: OWNER/NAME there; it is made if it is not there.
        licence: of the model; see `kgan.runs.card.card`.
        private: whether one that is made can be seen by its owner alone.
        saved_model: whether to send the SavedModel, which loads without kgan.
        checkpoints: whether to send the checkpoints, to go on training.

    Raises:
        InputError: if the run has no finished model, or the hub does not take it.
    """
    _check_name(name, "OWNER/NAME")
    hub = _library()
    files = chosen(run, licence, name.partition("/")[2], saved_model, checkpoints)
    operations = [
        hub.CommitOperationAdd(place, content if isinstance(content, bytes) else str(content))
        for place, content in files.items()
    ]
    api = hub.HfApi(endpoint=_endpoint(), library_name="kgan")
    with _said(name):
        api.create_repo(name, private=private or None, exist_ok=True)
        _keep_card(hub, name, files)
        operations = [each for each in operations if each.path_in_repo in files]
        api.create_commit(name, operations, commit_message="A run of kgan")
    return f"{SCHEME}{name}"


def chosen(
    run: "RunFolder", licence: str | None, name: str, saved_model: bool, checkpoints: bool
) -> dict[str, bytes | Path]:
    """Returns what `push` sends: the content, or the file with it, by its place there.

    Raises:
        InputError: if there is no finished model, or no SavedModel where one is asked for.
    """
    from kgan.disk import marks
    from kgan.runs.card import card

    config = run.config()
    if not run.model.is_file():
        raise InputError(
            f"{run.path} has no finished model; let `kgan train --resume` finish it first."
        )
    text = json.dumps(configuration.signed(_without_folders(config)), indent=2) + "\n"
    files: dict[str, bytes | Path] = {
        "gan.keras": run.model,
        "config.json": text.encode(),
        marks.CARD: marks.signed_card(card(run, licence, name)).encode(),
    }
    files |= {plain: run.path / plain for plain in _PLAIN if (run.path / plain).is_file()}
    sheets = sorted(run.samples.glob("step-*.png"))
    if sheets:
        files["samples.png"] = sheets[-1]
    for folder, asked, way_out in (
        (run.saved_model, saved_model, f"`kgan export {run.path}` writes it."),
        (run.checkpoints, checkpoints, "Leave the checkpoints out."),
    ):
        if not asked:
            continue
        if not folder.is_dir():
            raise InputError(f"{folder} is not there. {way_out}")
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(run.path)
            hidden = any(part.startswith(".") for part in inside.parts)
            if path.is_file() and not path.is_symlink() and not hidden:
                files[inside.as_posix()] = path
    return files


def check_model(path: Path, place: str) -> None:
    """Checks a downloaded `.keras` file before anything of it is loaded.

    Raises:
        InputError: if it is damaged, or holds anything that would be code: a `Lambda` layer, or
            a class or function that neither Keras, kgan nor the user's program has registered.
    """
    problem = records.archive_problem(path)
    if problem is not None:
        raise InputError(f"gan.keras of {place} is damaged: {problem}. Download it again.")
    with zipfile.ZipFile(path) as archive:
        foreign = sorted(set(archive.namelist()) - _MEMBERS)
        if foreign:
            raise InputError(f"gan.keras of {place} holds {foreign[0]!r}; it is not loaded.")
        try:
            config = records.parse(archive.read("config.json"))
        except (KeyError, ValueError) as error:
            raise InputError(f"gan.keras of {place} is no model of Keras: {error}.") from error
    check_codeless(config, place)


def check_codeless(config: Any, place: str) -> None:
    """Checks that a configuration names only what is registered, and no `Lambda`.

    Raises:
        InputError: if it names anything else.
    """
    import keras

    from kgan import metrics, models

    models.register_all()
    metrics.register_all()
    for each in _objects(config):
        kind, module = each.get("class_name"), each.get("module")
        registered = each.get("registered_name")
        if kind in ("Lambda", "__lambda__") or module == "__lambda__":
            raise InputError(
                f"{place} holds a Lambda layer or a lambda, which is code of others that loading "
                "would run. It is refused. If you trust its author, download gan.keras and load "
                "the file with kgan.load(FILE, safe_mode=False)."
            )
        if kind is None or "config" not in each:
            continue
        named = each["config"] if kind == "function" else None
        name = named if isinstance(named, str) else registered or kind
        # Those of the user's scopes too.
        found = (keras.saving.get_registered_object(one) for one in (name, registered) if one)
        if _is_keras(module, kind) or any(one is not None for one in found):
            continue
        raise InputError(
            f"{place} holds {name!r} of {module or 'no module'}, which is not registered here. It "
            "is refused. Import the package that has it, or whose classes are registered with "
            "keras.saving.register_keras_serializable, first."
        )


def _is_keras(module: Any, kind: str) -> bool:
    if kind in (
        "__tensor__",
        "__numpy__",
        "__bytes__",
        "__ellipsis__",
        "__slice__",
        "__typespec__",
    ):
        return True
    if module is None:
        return True  # a plain dictionary with such keys, which Keras does not look up by a module
    if not isinstance(module, str):
        return False
    return module == "keras" or module.startswith("keras.") or module == "builtins"


def _objects(value: Any) -> Iterator[dict]:
    """Yields all dictionaries within a configuration."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _without_folders(config: dict) -> dict:
    """Returns a configuration with the names of files and folders alone, not where they lie."""

    def bare(value):
        if isinstance(value, dict):
            return {name: bare(each) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [bare(each) for each in value]
        absolute = isinstance(value, str) and (
            Path(value).is_absolute() or PureWindowsPath(value).is_absolute()
        )
        return PureWindowsPath(value).name if absolute else value

    return bare({name: value for name, value in config.items() if name != "checksum"})


def _keep_card(hub: Any, name: str, files: dict[str, bytes | Path]) -> None:
    """Leaves out the card where there is one that kgan did not write."""
    from kgan.disk import marks

    try:
        there = hub.hf_hub_download(name, marks.CARD, endpoint=_endpoint(), force_download=True)
    except hub.errors.EntryNotFoundError:
        return
    if not marks.is_own_card(Path(there)):
        files.pop(marks.CARD)


def _check_name(name: str, form: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(f"A model on the hub is named {form}; got {name!r}.")


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise InputError(
            'The hub takes the package huggingface_hub: pip install "kgan[hub]".'
        ) from None
    import huggingface_hub.errors

    return huggingface_hub


@contextlib.contextmanager
def _said(name: str) -> Iterator[None]:
    """A context in which the hub's errors are sentences."""
    errors = _library().errors
    try:
        yield
    except errors.GatedRepoError as error:
        raise InputError(
            f"{name!r} is open only to those whom its owner lets in: ask on its page, then log in "
            "with `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise InputError(
            f"There is no model {name!r} on the hub, or it is private: check the name, and for a "
            "private one log in with `hf auth login` or set HF_TOKEN."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InputError(f"{name!r} has no such revision (the part after @).") from error
    except errors.LocalEntryNotFoundError as error:
        raise InputError(
            f"{name!r} is not on this machine, and the hub cannot be reached: check the network "
            "(and HF_HUB_OFFLINE, HF_ENDPOINT)."
        ) from error
    except errors.EntryNotFoundError as error:
        raise InputError(
            f"{name!r} is no run of kgan's: it lacks gan.keras or config.json."
        ) from error
    except (errors.LocalTokenNotFoundError, errors.HfHubHTTPError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (None, 401, 403):
            raise InputError(
                f"The hub does not let you write {name!r}: log in with `hf auth login`, or set "
                "HF_TOKEN to a token that may write there."
            ) from error
        raise InputError(f"The hub refused {name!r}: {_line(error)}") from error
    except InputError:
        raise
    except Exception as error:
        # Of the program below the hub's client, which is another one from version to version.
        beneath = type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3"))
        # After a failed connection some versions try once more by a client that they have closed.
        beneath = beneath or "client has been closed" in str(error)
        if beneath or isinstance(error, (errors.OfflineModeIsEnabled, ConnectionError)):
            raise InputError(
                f"The hub cannot be reached for {name!r}: check the network (and HF_HUB_OFFLINE, "
                "HF_ENDPOINT)."
            ) from error
        raise


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

"""Runs on a hub: sent to it and loaded from it by the real client, over HTTP on this machine."""

import io
import json
import pathlib
import shutil
import sys
import zipfile

import numpy as np
import pytest
from local_hub import serving

import kgan
from kgan.runs import RunFolder, hub

huggingface_hub = pytest.importorskip(
    "huggingface_hub", reason='needs huggingface_hub: pip install "kgan[hub]"'
)
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "format1" / "run"


@pytest.fixture
def server(tmp_path, monkeypatch):
    with serving() as it:
        monkeypatch.setenv("HF_ENDPOINT", it.url)
        monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield it


@pytest.fixture
def run(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["settings"]["data"] = "/home/someone/secret/faces.npz"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return RunFolder(tmp_path / "run")


def test_a_run_goes_to_the_hub_and_comes_back(server, run, tmp_path):
    assert hub.push(run, "someone/digits", licence="mit") == "hf://someone/digits"
    sent = server.repositories["someone/digits"]
    assert set(sent) == {
        *("gan.keras", "config.json", "README.md", "history.csv", "evaluations.json")
    }
    # Where the data lay is nobody's business.
    assert not any(b"/home/someone" in content for content in sent.values())
    assert b"license: mit" in sent["README.md"]

    expected = kgan.load(run.model).generate(4, seed=1)
    loaded = kgan.load("hf://someone/digits")
    np.testing.assert_array_equal(loaded.generate(4, seed=1), expected)
    found = RunFolder.find("hf://someone/digits")
    assert found.is_carried and found.config()["settings"]["data"] == "faces.npz"

    # A card that somebody has written or changed stays.
    sent["README.md"] += b"\nOur own words."
    hub.push(run, "someone/digits", checkpoints=True)
    assert sent["README.md"].endswith(b"Our own words.")
    assert "checkpoints/step-0000006/state.weights.h5" in sent


def changed(model: bytes, change) -> bytes:
    """A `.keras` file with another configuration."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(model)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return out.getvalue()


def add(what):
    return lambda config: config["config"].update(extra=[{"deep": what}])


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"module": "keras.layers", "class_name": "Lambda", "config": {}}, "Lambda"),
        ({"class_name": "__lambda__", "config": {"value": "4wEA"}}, "code of others"),
        (
            {"module": "os", "class_name": "function", "config": "system"},
            "'system' of os, which is not registered",
        ),
        (
            {"module": "theirs", "class_name": "Odd", "config": {}, "registered_name": "x>Odd"},
            "'x>Odd' of theirs",
        ),
    ],
)
def test_what_would_run_code_is_refused(server, run, what, said):
    hub.push(run, "someone/bad")
    files = server.repositories["someone/bad"]
    files["gan.keras"] = changed(files["gan.keras"], add(what))
    with pytest.raises(kgan.InputError, match=said):
        kgan.load("hf://someone/bad")


def test_what_goes_wrong_is_a_sentence(server, run, monkeypatch):
    hub.push(run, "someone/digits")
    kgan.load("hf://someone/digits")
    server.repositories["someone/hidden"] = {}
    server.private.add("someone/hidden")
    with pytest.raises(
        kgan.InputError, match="no model 'someone/hidden' on the hub, or it is priv"
    ):
        kgan.load("hf://someone/hidden")
    with pytest.raises(kgan.InputError, match="no such revision"):
        kgan.load("hf://someone/digits@v9")
    with pytest.raises(kgan.InputError, match="is named hf://OWNER/NAME; got 'digits'"):
        kgan.load("hf://digits")
    with pytest.raises(kgan.InputError, match="safe_mode=False"):
        kgan.load("hf://someone/digits", safe_mode=False)
    server.repositories["someone/empty"] = {"notes.txt": b"none"}
    with pytest.raises(kgan.InputError, match="no run of kgan's"):
        kgan.load("hf://someone/empty")
    server.refuses = True
    with pytest.raises(kgan.InputError, match="hf auth login"):
        hub.push(run, "someone/digits")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    # The client tries again, later and later.
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    with pytest.raises(kgan.InputError, match="cannot be reached"):
        kgan.load("hf://someone/other")
    # What was downloaded before needs no network.
    assert kgan.load("hf://someone/digits").steps_taken == 6
    with pytest.raises(kgan.InputError, match="cannot be reached"):
        hub.push(run, "someone/other")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(kgan.InputError, match=r'pip install "kgan\[hub\]"'):
        kgan.load("hf://someone/digits")

"""`kgan train --devices`, `--workers` and `kgan launch`."""

import json
import multiprocessing.pool
import os
import signal
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import pytest
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
sys.path.insert(0, str(Path(__file__).parent))
from command_line import refused
from processes import cluster
from run_folders import differences

from kgan.cli import scaling

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

TRAIN = ["train", "vanilla", "--preset", "relu", "--batch-size", "100", "--quiet", "--no-report"]
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def start(*words, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "kgan", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | QUIET | environment,
    )


def ended(process, seconds=300):
    said = process.communicate(timeout=seconds)[0]
    assert process.returncode == 0, said[-3000:]
    return said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--devices", "0"], "--devices takes a number of devices, or all; got '0'"),
        (["--devices", "two"], "got 'two'"),
        (["--devices", "1000"], "at most 64"),
        (["--index", "0"], "give both"),
        (["--workers", "a:1,b:2"], "give both"),
        (["--workers", "a:1,b", "--index", "0"], "got 'b'"),
        (["--workers", "a:1,a:1", "--index", "0"], "names a worker twice"),
        (["--workers", "a:1,b:2", "--index", "2"], "got 2 of 2"),
    ],
)
def test_what_is_refused(words, said, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for command in (["train"], ["evaluate", "run"]):
        assert said in refused(*command, *words)
    assert "TF_CONFIG" not in os.environ


@pytest.mark.parametrize("text", ["{", "[]", '{"cluster": {"worker": ["a:1", "b:2"]}}'])
def test_a_malformed_tf_config(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    assert "TF_CONFIG must hold JSON" in refused("train")


def test_launch_starts_what_several_workers_do():
    assert "got 'models'" in refused("launch", "--", "models")


@pytest.mark.slow
def test_two_workers_fill_the_folder_of_one_process(tmp_path):
    """File by file, but for rounding."""
    words = [*TRAIN, "--steps", "6", "--snapshot-every", "3", "--checkpoint-every", "3"]
    alone = start(*words, "--out", tmp_path / "alone")
    said = ended(start("launch", "-n", "2", "--", *words, "--out", tmp_path / "workers"))
    ended(alone)
    assert differences(tmp_path / "alone", tmp_path / "workers", 1e-4) == []
    # The first worker speaks for all.
    assert all(line.startswith("[0] ") for line in said.splitlines() if line.strip())


@pytest.mark.slow
def test_devices_and_evaluation(tmp_path):
    words = [*TRAIN, "--steps", "20", "--snapshot-every", "10", "--checkpoint-every", "5"]
    ended(start(*words, "--out", tmp_path / "alone"))
    ended(start(*words, "--out", tmp_path / "devices", "--devices", "2"))
    assert differences(tmp_path / "alone", tmp_path / "devices", 1e-4) == []
    run = tmp_path / "alone"
    measure = ["evaluate", run, "--extractor", "values", "-n", "77"]
    ended(start(*measure))
    ended(start(*measure, "--devices", "2"))
    ended(start("launch", "-n", "2", "--", *measure))
    records = json.loads((run / "evaluations.json").read_text())
    assert len(records) == 3
    for record in records[1:]:
        assert record["rests_on"] == records[0]["rests_on"]
        for name, figure in records[0]["figures"].items():
            # The spread over the subsets of one subset is unknown.
            expected = None if figure is None else pytest.approx(figure, rel=1e-4, abs=1e-6)
            assert record["figures"][name] == expected, name


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_worker_that_is_killed_ends_the_others_and_all_resume(killed, tmp_path):
    words = [*TRAIN, "--steps", "200", "--checkpoint-every", "10", "--snapshot-every", "100"]
    ended(start(*words, "--out", tmp_path / "unbroken"))
    out = tmp_path / "run"
    first = [start(*words, "--out", out, **environment) for environment in cluster(2)]
    deadline = time.monotonic() + 200
    while not (out / "checkpoints/step-0000030").is_dir():
        assert time.monotonic() < deadline and all(p.poll() is None for p in first)
        time.sleep(0.1)
    first[killed].send_signal(signal.SIGKILL)
    left = first[1 - killed]
    said = left.communicate(timeout=120)[0]
    assert left.returncode == 1, said[-2000:]
    assert "Another worker has ended" in said and "--resume" in said
    assert "Traceback" not in said
    first[killed].communicate()
    resumed = [start(*words, "--out", out, "--resume", **each) for each in cluster(2)]
    assert "Resuming from" in ended(resumed[0])
    ended(resumed[1])
    assert differences(tmp_path / "unbroken", out, 1e-3) == []


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_all_after_the_same_step(tmp_path):
    words = [*TRAIN, "--steps", "3000", "--checkpoint-every", "1000", "--out", tmp_path / "run"]
    running = [start(*words, **environment) for environment in cluster(2)]
    deadline = time.monotonic() + 200
    while not (tmp_path / "run/samples/step-0000000.png").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running[1].send_signal(signal.SIGTERM)
    said = [process.communicate(timeout=120)[0] for process in running]
    assert running[1].returncode == 143, said[1][-2000:]
    assert "the state is saved" in said[0]
    assert len(list((tmp_path / "run/checkpoints").glob("step-*"))) == 1


def test_devices_of_a_process_that_has_started():
    tf.constant(1)
    assert "for a new process" in refused("train", "--devices", "2")


def test_a_pool_that_has_lost_its_pipe_is_silent_and_other_errors_are_not(monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "__unraisablehook__", reported.append)
    for place, error in (
        (multiprocessing.pool.Pool.__del__, OSError(9, "Bad file descriptor")),
        (multiprocessing.pool.Pool.__del__, ValueError("a bug")),
        (tempfile.TemporaryFile, OSError(9, "Bad file descriptor")),
    ):
        scaling._unraisable(types.SimpleNamespace(object=place, exc_value=error))
    assert [(type(each.exc_value), each.object) for each in reported] == [
        (ValueError, multiprocessing.pool.Pool.__del__),
        (OSError, tempfile.TemporaryFile),
    ]

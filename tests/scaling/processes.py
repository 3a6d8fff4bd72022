"""Starts the programs of these tests in processes of their own, alone or as workers."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def program(name: str, *words, seconds: float = 400) -> None:
    """Runs one of the programs in this folder, which must end well."""
    _end_well([_start(name, words, {})], seconds)


def workers(count: int, name: str, *words, own=lambda index: (), seconds: float = 400) -> None:
    """Runs a program in several workers, which must all end well.

    Args:
        count: how many.
        name: the program.
        *words: its arguments.
        own: a function of a worker's index that returns further arguments of it.
        seconds: how long they may take.
    """
    environments = cluster(count)
    running = [
        _start(name, (*words, *own(index)), environment)
        for index, environment in enumerate(environments)
    ]
    _end_well(running, seconds)


def cluster(count: int) -> list[dict[str, str]]:
    """Returns the environment of each of several workers on this machine."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes]
    return [
        {
            "TF_CONFIG": json.dumps(
                {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
            )
        }
        for index in range(count)
    ]


def _start(name, words, environment):
    command = [sys.executable, str(HERE / name), *map(str, words)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )


def _end_well(running, seconds):
    said = []
    try:
        for process in running:
            said.append(process.communicate(timeout=seconds)[0])
    finally:
        for process in running:
            process.kill()
    statuses = [process.returncode for process in running]
    assert statuses == [0] * len(running), "\n".join(text[-3000:] for text in said)


def read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def apart(one: dict, other: dict) -> dict[str, float]:
    """Returns the greatest difference of each array of two states that have the same names."""
    assert one.keys() == other.keys()
    return {
        name: float(np.abs(one[name].astype("float64") - other[name].astype("float64")).max())
        for name in one
        if one[name].size
    }

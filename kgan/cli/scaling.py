"""Several devices and several workers: the strategy of a command, and trials on one machine."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import click

from kgan import signals
from kgan.errors import InputError

# How long the other workers of a launch have to end when one has ended with an error.
_GRACE_SECONDS = 30


def strategy(devices: str | None, workers: str | None, index: int | None):
    """Returns the `tf.distribute` strategy that a command line asks for, or None for one device.

    Args:
        devices: a number of devices, or "all"; without a GPU, of logical CPU devices.
        workers: `host:port` of every worker, with commas between.
        index: which of them this process is, from 0.

    Raises:
        InputError: if the machine has fewer devices, or the workers are not well described.
    """
    if (workers is None) != (index is None):
        raise InputError("--workers names all workers and --index which one this is; give both.")
    if workers is not None:
        _set_cluster(workers, index)
    cluster = _cluster()
    if devices is None and len(cluster) < 2:
        return None
    import tensorflow as tf

    sys.unraisablehook = _unraisable
    gpus = tf.config.list_physical_devices("GPU")
    count = _count(devices, len(gpus))
    try:
        return _made(len(cluster), count, gpus)
    except RuntimeError as error:
        raise InputError(
            "--devices and --workers are for a new process: TensorFlow has started in this one "
            "already."
        ) from error


def _unraisable(shown) -> None:
    """Reports an error that Python cannot raise, unless a thread pool has lost its pipe.

    The pools of `tf.distribute` live until Python ends, and now and then one is deleted after the
    pipe that it reports to, which would print a traceback behind the last message.
    """
    of_pool = getattr(shown.object, "__qualname__", "") == "Pool.__del__"
    if not (of_pool and isinstance(shown.exc_value, OSError)):
        sys.__unraisablehook__(shown)


def _made(processes: int, count: int, gpus: list):
    """Makes the strategy of so many processes, each with `count` devices; 0 takes all GPUs."""
    import tensorflow as tf

    from kgan import replicas

    if gpus and count:
        tf.config.set_visible_devices(gpus[:count], "GPU")
    if processes > 1:
        if count and not gpus:
            raise InputError(
                "--devices with several workers needs GPUs: without one, each worker has one "
                "device, its processors."
            )
        return replicas.of_workers()
    if count < 2:
        return None
    if gpus:
        return replicas.mirrored([f"GPU:{place}" for place in range(count)])
    cpu = tf.config.list_physical_devices("CPU")[0]
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [one] * count)
    click.echo(f"No GPU here: {count} logical devices share the processors, as a trial.", err=True)
    return replicas.mirrored([f"CPU:{place}" for place in range(count)])


def _count(devices, gpus: int) -> int:
    if devices is None:
        return 0
    if devices == "all":
        return gpus or 1
    if not devices.isdecimal() or not devices.isascii() or int(devices) < 1:
        raise InputError(f"--devices takes a number of devices, or all; got {devices!r}.")
    if gpus and int(devices) > gpus:
        raise InputError(f"--devices {devices}: this machine has {gpus} GPUs.")
    if int(devices) > 64:
        raise InputError(
            f"--devices {devices}: without a GPU at most 64 logical devices make sense."
        )
    return int(devices)


def _set_cluster(workers: str, index: int) -> None:
    hosts = [host.strip() for host in workers.split(",")]
    for host in hosts:
        name, separator, port = host.rpartition(":")
        if not (name and separator and port.isdecimal() and 0 < int(port) < 65536):
            raise InputError(f"--workers takes host:port,host:port; got {host!r} in {workers!r}.")
    if len(set(hosts)) < len(hosts):
        raise InputError(f"--workers names a worker twice: {workers!r}.")
    if index >= len(hosts):
        raise InputError(
            f"--index counts the workers from 0; got {index} of {len(hosts)} in {workers!r}."
        )
    os.environ["TF_CONFIG"] = json.dumps(
        {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
    )


def _cluster() -> list:
    """Returns the workers in the environment variable TF_CONFIG; an empty list if it is not set.

    Raises:
        InputError: if it is malformed.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        return []
    try:
        found = json.loads(text)
        cluster = found.get("cluster", {})
        workers = [*cluster.get("chief", []), *cluster.get("worker", [])]
        if workers:
            found["task"]["type"], int(found["task"]["index"])
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InputError(
            'The environment variable TF_CONFIG must hold JSON as {"cluster": {"worker": '
            '["host:port", ...]}, "task": {"type": "worker", "index": 0}}; got '
            f"{text!r}. Unset it to train on this machine alone."
        ) from None
    return workers


def scope(found) -> contextlib.AbstractContextManager:
    """Returns the scope of a strategy in which a model is made; of None, an empty context."""
    return contextlib.nullcontext() if found is None else found.scope()


@contextlib.contextmanager
def quiet_unless_first(found):
    """In this context only the first worker prints its progress; all of them print errors."""
    if found is None:
        yield
        return
    from kgan import replicas

    if replicas.is_chief(found):
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


# Trials on one machine.


def launch(count: int, words: list[str]) -> int:
    """Runs `kgan WORDS` in several workers on this machine; returns the exit status.

    Their output has the number of the worker before each line. If one ends with an error, the
    others get SIGTERM, and SIGKILL half a minute later.

    Raises:
        InputError: for another command than `train` and `evaluate`.
    """
    if words[0] not in ("train", "evaluate"):
        raise InputError(
            f"kgan launch starts `train` or `evaluate` in several workers; got {words[0]!r}."
        )
    hosts = ",".join(f"127.0.0.1:{port}" for port in _free_ports(count))
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "kgan", *words, "--workers", hosts, "--index", str(place)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment | {"PYTHONUNBUFFERED": "1"},
        )
        for place in range(count)
    ]
    printing = [
        threading.Thread(target=_relay, args=(place, process.stdout), daemon=True)
        for place, process in enumerate(running)
    ]
    for thread in printing:
        thread.start()

    def pass_on(number, frame):
        # Ctrl-C reaches the workers by itself: they are of the terminal's group.
        if number != signal.SIGINT:
            _send(running, number)

    with (
        signals.handled([signal.SIGINT], pass_on),
        signals.handled(signals.ENDING, pass_on, (signals.interrupt, signal.SIG_DFL)),
    ):
        status = _wait(running)
    for thread in printing:
        thread.join(timeout=5)
    return status


def _wait(running) -> int:
    """Waits for all processes; returns the status of the first that ended with an error, or 0."""
    status, deadline = 0, float("inf")
    while any(process.poll() is None for process in running):
        ended = [process.returncode for process in running if process.poll() is not None]
        if not status and (bad := [code for code in ended if code]):
            status, deadline = bad[0], time.monotonic() + _GRACE_SECONDS
            _send(running, signal.SIGTERM)
        if time.monotonic() > deadline:
            _send(running, signal.SIGKILL)
        time.sleep(0.1)
    status = status or next((p.returncode for p in running if p.returncode), 0)
    return 128 - status if status < 0 else status


def _send(running, number) -> None:
    for process in running:
        if process.poll() is None:
            process.send_signal(number)


def _relay(place: int, lines) -> None:
    for line in lines:
        with contextlib.suppress(OSError):
            click.echo(f"[{place}] {line.rstrip()}")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]

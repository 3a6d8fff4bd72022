"""Locks between real processes."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from kgan.disk import locks
from kgan.errors import InputError

HOLDS = """
import pathlib, sys, time
from kgan.disk import locks
print(locks.acquire(pathlib.Path(sys.argv[1]), ""), flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `tmp_path`."""
    words = [sys.executable, "-c", HOLDS, str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "None\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_told_who_holds_it(tmp_path, holder):
    with pytest.raises(InputError) as refusal:
        locks.acquire(tmp_path, "Wait until it ends.")
    message = str(refusal.value)
    assert f"process {holder.pid} on {socket.gethostname()}, since 20" in message
    assert message.endswith("Wait until it ends.")


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert f"process {holder.pid} on" in locks.acquire(tmp_path, "")
    locks.release(tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_process_may_take_its_own_lock_again(tmp_path):
    for _ in range(2):
        assert locks.acquire(tmp_path, "") is None
    locks.release(tmp_path)
    assert (tmp_path / locks.LOCK).exists()
    locks.release(tmp_path)
    locks.release(tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")
def test_a_forked_process_does_not_release_its_parents_lock(tmp_path):
    locks.acquire(tmp_path, "")
    child = os.fork()
    if child == 0:
        locks.release(tmp_path)
        os._exit(0)
    os.waitpid(child, 0)
    code = HOLDS.replace("time.sleep(60)", "")
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert f"process {os.getpid()}" in other.stderr
    locks.release(tmp_path)


def test_rewriting_takes_turns(tmp_path):
    code = """
import pathlib, sys
from kgan.disk import locks
file = pathlib.Path(sys.argv[1])
for _ in range(50):
    with locks.briefly(file):
        file.write_text(str(int(file.read_text()) + 1))
"""
    file = tmp_path / "count"
    file.write_text("0")
    both = [subprocess.Popen([sys.executable, "-c", code, str(file)]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert file.read_text() == "100"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_where_there_are_no_locks_the_user_is_warned(tmp_path, monkeypatch):
    def unsupported(*arguments, **more):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("filelock.FileLock.acquire", unsupported)
    with pytest.warns(UserWarning, match="cannot be locked.*no other process"):
        assert locks.acquire(tmp_path, "") is None
    start = time.monotonic()
    with locks.briefly(tmp_path / "file"):
        assert time.monotonic() - start < 5

"""The progress bar, on a terminal and in a file; and standard error without chatter."""

import io
import os
import sys
import threading

import pytest

from kgan.cli import progress, quiet


class Model:
    """Stands in for a GAN: a step counter."""

    steps_taken = 0


class Out(io.StringIO):
    """A standard output that is a terminal, or is not, or is gone."""

    def __init__(self, terminal=False, gone=False):
        super().__init__()
        self.terminal, self.gone = terminal, gone

    def isatty(self):
        return self.terminal

    def write(self, text):
        if self.gone:
            raise BrokenPipeError
        return super().write(text)


@pytest.fixture
def watch(monkeypatch):
    """Runs 100 steps of 0.25 s each, and returns what was printed."""

    def run(out, columns=60):
        now = [0.0]
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
        monkeypatch.setenv("COLUMNS", str(columns))
        bar = progress.Progress(100)
        model = Model()
        bar.set_model(model)
        bar.on_train_begin()
        # The first step takes long: it is compiled.
        now[0] = 5.0
        for step in range(1, 101):
            now[0] += 0.25
            model.steps_taken = step
            bar.on_train_batch_end(step - 1, {"d_fake": 0.5, "d_loss": 1.0, "g_loss": 2.0})
        bar.on_train_end()
        bar.close()
        return out.getvalue()

    return run


def test_in_a_file_it_is_a_line_now_and_then(watch):
    lines = watch(Out()).splitlines()
    assert 2 <= len(lines) <= 5
    assert "\r" not in "".join(lines)
    losses = "d_loss 1.000  g_loss 2.000  d_fake 0.500"
    assert lines[-1] == f"[{'#' * 24}] 100/100  4.0 steps/s  {losses}"
    # What is left is told from the speed without the compilation.
    done = int(lines[0].split("] ")[1].split("/")[0])
    assert f"4.0 steps/s  0:{int((100 - done) / 4):02} left" in lines[0]


def test_on_a_terminal_it_is_one_line_that_fits(watch):
    shown = watch(Out(terminal=True))
    assert shown.count("\n") == 1 and shown.endswith("\n")
    frames = shown.rstrip("\n").split("\r\033[K")[1:]
    assert len(frames) > 50
    assert all(len(frame) < 60 for frame in frames)
    assert "preparing" in frames[0]
    assert "d_loss" in frames[-1]


def test_training_goes_on_where_nobody_listens(watch):
    watch(Out(gone=True))


@pytest.mark.parametrize(("seconds", "clock"), [(5, "0:05"), (65.9, "1:05"), (3661, "1:01:01")])
def test_the_clock(seconds, clock):
    assert progress._clock(seconds) == clock


def test_chatter_is_kept_off_standard_error_and_nothing_else():
    reader, writer = os.pipe()
    back, out = os.pipe()
    thread = threading.Thread(target=quiet._forward, args=(reader, out))
    thread.start()
    for part in (
        b"WARNING: All log messages before absl::InitializeLog() is called\n",
        b"I0000 00:00:1 port.cc] oneDNN\n",
        b"E0000 00:00:1 cuda\nError: yours, in ",
        b"two parts\n",
        b"10%\r20%\r",
        b"no end of line",
    ):
        os.write(writer, part)
    os.close(writer)
    thread.join(timeout=5)
    with os.fdopen(back, "rb") as forwarded:
        assert forwarded.read() == b"Error: yours, in two parts\n10%\r20%\rno end of line"

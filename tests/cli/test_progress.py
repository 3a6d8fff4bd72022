"""The progress bar, on a terminal and in a file; and standard error without chatter."""

import io
import json
import math
import os
import re
import sys
import threading
import warnings

import pytest

from kgan.cli import progress, quiet, terminal
from kgan.cli.log_file import LogFile
from kgan.cli.messages import plain_warnings
from kgan.cli.reports import Reports
from kgan.errors import InputError


class Model:
    """Stands in for a GAN: a step counter."""

    steps_taken = 0


class Out(io.StringIO):
    """A standard output that is a terminal, or is not, or is gone."""

    def __init__(self, terminal=False, gone=False):
        super().__init__()
        self.terminal, self.gone = terminal, gone

    encoding = "utf-8"

    def isatty(self):
        return self.terminal

    def write(self, text):
        if self.gone:
            raise BrokenPipeError
        return super().write(text)


@pytest.fixture
def watch(monkeypatch):
    """Runs 100 steps of 0.25 s each after 5 s of compilation, and returns what was printed.

    `at` is called after every step, with the bar.
    """

    def run(
        out,
        columns=60,
        at=lambda step, bar: None,
        reports=None,
        seconds=lambda step: 0.25,
        ends=None,
    ):
        now = [100.0]
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setenv("COLUMNS", str(columns))
        bar = progress.Progress(100, reports, clock=lambda: now[0], ends=ends)
        model = Model()
        bar.set_model(model)
        bar.begin()
        at(0, bar)
        bar.on_train_begin()
        now[0] += 5.0
        for step in range(1, 101):
            now[0] += seconds(step)
            model.steps_taken = step
            bar.on_train_batch_end(step - 1, {"d_fake": 0.5, "d_loss": 1.0, "g_loss": 2.0})
            at(step, bar)
        bar.on_epoch_end(0, {"d_fake": 0.5, "d_loss": 1.0, "g_loss": 2.0})
        bar.on_train_end()
        bar.close()
        return out.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    return run


def drawn(bar, columns):
    """The line as it stands on a terminal of so many columns."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=columns, force_terminal=False)
    console.print(bar._line._row())
    return console.file.getvalue().rstrip("\n")


def test_in_a_file_it_is_a_line_now_and_then(watch):
    lines = watch(Out()).splitlines()
    assert 2 <= len(lines) <= 5
    assert "\r" not in "".join(lines) and "\033" not in "".join(lines)
    losses = "d_loss 1.000  g_loss 2.000  d_fake 0.500"
    assert lines[-1] == f"[{'#' * 24}] 100/100  4.0 steps/s  {losses}"
    # What is left is told from the speed without the compilation.
    done = int(lines[0].split("] ")[1].split("/")[0])
    assert f"4.0 steps/s  0:{int((100 - done) / 4):02} left" in lines[0]


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_on_a_terminal_it_is_one_line_that_fits(watch, columns):
    lines = []
    out = Out(terminal=True)

    def look(step, bar):
        if step in (0, 50, 100):
            lines.append(drawn(bar, columns))

    shown = watch(out, columns, look)
    assert all("\n" not in line and len(line) < columns for line in lines)
    assert "compiling the step" in lines[0]
    assert "50/100" in lines[1] and "0:12 left" in lines[1]
    # Whole parts or none: what does not fit is left out.
    words = ("4.0 steps/s", "d_loss 1.000", "g_loss 2.000", "d_fake 0.500")
    fits = [word for word in words if word in lines[1]]
    assert fits == list(words[: len(fits)])
    assert len(fits) == {40: 1, 60: 2, 80: 3, 120: 4, 200: 4}[columns]
    assert "100/100" in lines[2] and "left" not in lines[2]
    # It ends with a line of its own, and the cursor is shown again.
    assert shown.endswith("\n\033[?25h") and shown.count("\033[?25h") == 1


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_erase_gets_plain_lines(watch, monkeypatch, term):
    monkeypatch.setenv("TERM", term)
    shown = watch(Out(terminal=True))
    assert "\033" not in shown and "\r" not in shown
    assert "100/100" in shown


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_are_left_out_where_they_are_not_wanted(watch, monkeypatch, no_color):
    monkeypatch.setenv("NO_COLOR", no_color)
    shown = watch(Out(terminal=True))
    colours = re.findall(r"\033\[[0-9;]*3[0-9][0-9;]*m", shown)
    assert bool(colours) is not bool(no_color)


def test_the_time_left_follows_the_speed_of_the_latest_minute():
    pace = progress.Pace(1000)
    assert pace.left() is None and not pace.begun
    # A compilation of 50 s ends with the first step, and does not count.
    pace.tick(50.0, 1)
    assert pace.begun and pace.speed() is None
    for step in range(2, 202):
        pace.tick(50.0 + (step - 1) * 0.5, step)
    assert pace.speed() == pytest.approx(2.0)
    assert pace.left() == pytest.approx((1000 - 201) / 2)
    # The machine becomes four times as slow.
    for step in range(1, 41):
        pace.tick(150.0 + step * 2, 201 + step)
    assert pace.speed() == pytest.approx(0.5, rel=0.02)
    assert pace.left() == pytest.approx((1000 - 241) / 0.5, rel=0.02)


def test_training_goes_on_where_nobody_listens(watch):
    watch(Out(gone=True))
    watch(Out(terminal=True, gone=True))


def test_what_is_printed_meanwhile_stands_above_the_line(monkeypatch):
    out = Out(terminal=True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys, "stdout", out)
    path = "a/path/that/is/longer/than/the/terminal"
    with terminal.working("loading"):
        print("Resuming from", path, end=".\n")
        print("half", end="")
        with terminal.working("another"):
            pass
    assert sys.stdout is out
    # Not broken by kgan: a terminal breaks it, and copies it whole.
    assert f"Resuming from {path}.\n" in out.getvalue()
    assert out.getvalue().endswith("half") and "another" not in out.getvalue()
    assert "loading 0:00" in re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", out.getvalue())


def test_nothing_moves_without_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Out())
    with terminal.working("loading"):
        print("done")
    assert sys.stdout.getvalue() == "done\n"


def test_a_warning_does_not_stand_behind_the_line(monkeypatch, capfd):
    monkeypatch.setenv("TERM", "xterm")
    out = Out(terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    with terminal.working("loading"), plain_warnings():
        before = len(out.getvalue())
        warnings.warn("mode collapse", stacklevel=1)
        assert out.getvalue()[before:].startswith("\r\033[2K")
    assert capfd.readouterr().err == "Warning: mode collapse\n"


@pytest.mark.parametrize(("seconds", "clock"), [(5, "0:05"), (65.9, "1:05"), (3661, "1:01:01")])
def test_the_clock(seconds, clock):
    assert terminal.clock(seconds) == clock


def test_reports_are_one_object_a_line(watch):
    stream, out = io.StringIO(), Out(terminal=True)
    watch(out, reports=Reports(stream))
    assert out.getvalue() == ""
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["progress", "progress", "progress", "epoch",
                                                    "progress"]  # fmt: skip
    assert events[0]["steps_per_second"] == 4.0 and events[0]["total_steps"] == 100
    assert events[0]["seconds_left"] == pytest.approx((100 - events[0]["step"]) / 4)
    assert events[-2]["epoch"] == 0 and events[-2]["logs"]["d_loss"] == 1.0


def test_a_report_has_null_for_what_json_cannot_say():
    stream = io.StringIO()
    Reports(stream).progress(1, 2, None, math.inf, {"d_loss": math.nan, "g_loss": 1.0})
    assert json.loads(stream.getvalue(), parse_constant=lambda word: 1 / 0) == {
        **{"event": "progress", "step": 1, "total_steps": 2, "steps_per_second": None},
        **{"seconds_left": None, "logs": {"d_loss": None, "g_loss": 1.0}},
    }
    Reports(Out(gone=True)).progress(1, 2, None, None, {})


def test_a_training_that_the_clock_ends_counts_to_its_end(watch):
    # It takes 5 + 25 s from 100.0 on; the clock allows 60, so that half of it is over at the end.
    lines = watch(Out(terminal=False), columns=100, ends=160.0).splitlines()
    assert "step 20 " in lines[0] and "50.0" not in lines[0] and "0:50 left" in lines[0]
    assert lines[0].startswith("[####....")
    assert "step 100 " in lines[-1] and "0:30 left" in lines[-1]
    assert lines[-1].startswith(f"[{'#' * 12}{'.' * 12}]")


def test_a_log_file_holds_what_is_said_with_times(watch, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TERM", "xterm")
    path = tmp_path / "log.txt"
    path.write_text("2026-11-28 09:00:00 earlier\n")
    out = Out(terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    with LogFile(str(path)):
        print("Loading", end=" ")
        print("digits ...")
        print("to standard error", file=sys.stderr)
        now = [0.0]
        bar = progress.Progress(100, clock=lambda: now[0])
        model = Model()
        bar.set_model(model)
        bar.begin()
        bar.on_train_begin()
        for step in (50, 100):
            now[0], model.steps_taken = step / 4, step
            bar.on_train_batch_end(step, {"d_loss": 1.0})
        print("above the line")
        bar.on_train_end()
        print("no end", end="")
    assert sys.stdout is out
    lines = path.read_text().splitlines()
    assert lines[0].endswith(" earlier")
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in lines[1:])
    said = [line[20:] for line in lines[1:]]
    assert said[:2] == ["Loading digits ...", "to standard error"]
    assert said[-3:-1][0] == "above the line" and "100/100" in said[-2] and said[-1] == "no end"
    assert any("50/100" in line for line in said)
    assert "\033" not in path.read_text() and "━" not in path.read_text()
    assert "above the line" in out.getvalue() and "Loading digits" in out.getvalue()
    assert capsys.readouterr().err == "to standard error\n"


def test_a_log_file_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="--log-file takes a file in a folder that is there"):
        LogFile(str(tmp_path / "nowhere" / "log.txt"))


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


def test_a_file_that_is_no_log_is_left_as_it_is(tmp_path):
    for name, held in (("a.npy", b"\x93NUMPY"), ("thesis.txt", b"Chapter 1\n")):
        (tmp_path / name).write_bytes(held)
        with pytest.raises(InputError, match="is no log, and nothing was appended"):
            LogFile(str(tmp_path / name))
        assert (tmp_path / name).read_bytes() == held
    # An empty file, and a log, which goes on.
    (tmp_path / "log.txt").touch()
    for _ in range(2):
        with LogFile(str(tmp_path / "log.txt")) as log:
            log.note("said")
    assert (tmp_path / "log.txt").read_text().count(" said\n") == 2

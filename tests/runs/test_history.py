"""`history.csv`: every figure is in the column of its name, whichever logs an epoch has."""

import math

import numpy as np
import pytest

from kgan import pictures
from kgan.runs import RunFolder


def test_rows_stay_under_their_names(tmp_path):
    run = RunFolder(tmp_path)
    run.add_to_history(0, 10, {"d_loss": 1.5, "g_loss": 2.5})
    run.add_to_history(1, 20, {"d_loss": 1.0, "g_loss": 2.0, "r1": 0.5})
    run.add_to_history(2, 30, {"g_loss": 3.0, "d_loss": 0.25})
    run.add_to_history(3, 40, {"val_d_loss": 9.0, "r1": math.nan, "g_loss": 4.0, "d_loss": 0.5})
    assert run.history.read_text().splitlines() == [
        "epoch,step,d_loss,g_loss,r1,val_d_loss",
        "0,10,1.5,2.5,,",
        "1,20,1.0,2.0,0.5,",
        "2,30,0.25,3.0,,",
        "3,40,0.5,4.0,nan,9.0",
    ]
    assert run.rows()[1] == {
        "epoch": "1", "step": "20", "d_loss": "1.0", "g_loss": "2.0", "r1": "0.5", "val_d_loss": "",
    }  # fmt: skip
    assert not list(tmp_path.glob(".part-*"))
    assert pictures.loss_plot(run.rows()).dtype == np.uint8
    run.trim_history(2)
    assert run.history.read_text().splitlines()[0] == "epoch,step,d_loss,g_loss,r1,val_d_loss"
    assert [row["epoch"] for row in run.rows()] == ["0", "1"]
    run.trim_history(0)
    assert not run.history.exists()


def test_a_file_whose_columns_had_shifted_can_be_gone_on_with(tmp_path):
    run = RunFolder(tmp_path)
    run.history.write_text("epoch,step,d_loss\n0,10,1.5\n1,20,1.0,0.5\n2,30\n")
    run.trim_history(3)
    run.add_to_history(3, 40, {"d_loss": 0.5})
    assert [row["d_loss"] for row in run.rows()] == ["1.5", "1.0", "", "0.5"]


HEAD = b"epoch,step,d_loss\r\n"
ROWS = [b"0,10,1.5\r\n", b"1,20,1.0\r\n", b"2,30,0.5\r\n"]


@pytest.mark.parametrize(
    ("content", "epochs", "said"),
    [
        (HEAD + b"".join(ROWS)[:-6], ["0", "1"], "last line was cut"),
        (HEAD + b"x,y\r\n" + b"".join(ROWS), ["0", "1", "2"], "Line 2 is no epoch's"),
        (HEAD + b'"\r\n' + b"".join(ROWS), ["0", "1", "2"], "Line 2"),
        (HEAD + b"\x00\xff\r\n" + b"".join(ROWS), ["0", "1", "2"], "Line 2"),
        (HEAD + ROWS[0] + ROWS[0] + ROWS[1], ["0", "1"], "Line 3"),
        (HEAD + ROWS[0] + "\u00b2,20,1.0\r\n".encode() + ROWS[2], ["0", "2"], "Line 3"),
        (HEAD + ROWS[0] + b"1,20,1.x\r\n" + ROWS[2], ["0", "2"], "Line 3"),
        (HEAD + ROWS[0] + b"9" * 5000 + b",20,1\r\n" + ROWS[2], ["0", "2"], "Line 3"),
        (HEAD + ROWS[0] + b"1" * 200_000 + b"\r\n" + ROWS[2], ["0", "2"], "Line 3"),
        (b"".join(ROWS), [], "does not name the columns"),
        (b"epoch,step,d_l\xff\r\n" + b"".join(ROWS), [], "does not name the columns"),
        (b"", [], "empty"),
        (b"epoch,st", [], "empty, or was cut"),
    ],
)
def test_damaged_lines_are_left_out_said_and_kept_aside(tmp_path, content, epochs, said):
    run = RunFolder(tmp_path)
    run.history.write_bytes(content)
    with pytest.warns(UserWarning, match=said):
        assert [row["epoch"] for row in run.rows()] == epochs
    with pytest.warns(UserWarning, match=f"{said}.*damaged-history.csv"):
        run.trim_history(2)
    assert (tmp_path / "damaged-history.csv").read_bytes() == content
    run.add_to_history(2, 30, {"d_loss": 0.25})
    kept = [epoch for epoch in epochs if int(epoch) < 2]
    assert [row["epoch"] for row in run.rows()] == [*kept, "2"]
    assert pictures.loss_plot(run.rows()).dtype == np.uint8

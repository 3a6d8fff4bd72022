"""`--json` and `--log-file`: what other programs read."""

import json

from command_line import SHORT, command, done

import kgan


def events(said):
    """The objects on standard output, one a line."""
    return [json.loads(line) for line in said.splitlines()]


def test_a_run_in_json_and_in_a_log_file(tmp_path):
    run, log = tmp_path / "run", tmp_path / "log.txt"
    result = command(*SHORT, "--out", run, "--json", "--log-file", log)
    assert result.status == 0, result.err
    told = events(result.out)
    assert told[0] == {
        **{"event": "start", "run": str(run), "model": "vanilla", "data": "digits"},
        **{"samples": 1497, "batch_size": 100, "total_steps": 20},
    }
    epochs = [each for each in told if each["event"] == "epoch"]
    # The second epoch is broken off after its sixth step.
    assert [(each["epoch"], each["step"]) for each in epochs] == [(0, 14), (1, 20)]
    assert set(epochs[0]["logs"]) >= {"d_loss", "g_loss", "d_real", "d_fake"}
    end = told[-1]
    assert (end["event"], end["status"], end["step"]) == ("end", "finished", 20)
    assert kgan.load(end["model"]).steps_taken == 20
    files = [path for path in run.rglob("*") if path.is_file()]
    assert end["bytes"] == sum(path.stat().st_size for path in files) > 10**5
    # What is meant for people goes elsewhere, and into the file.
    size = f"{end['bytes'] / 1e6:.1f} MB in {run}"
    assert "Loading digits ..." in result.err and size in result.err
    lines = [line[20:] for line in log.read_text().splitlines()]
    assert lines[0] == "Loading digits ..." and any(size in line for line in lines)

    # An error is in the file too, which is appended to.
    result = command(*SHORT, "--out", run, "--log-file", log)
    assert result.status == 1 and "holds a run already" in result.err
    last = log.read_text().splitlines()[-1]
    assert last[20:].startswith("Error: ") and "--resume" in last
    assert "Loading digits" in log.read_text()

    picture = tmp_path / "grid.png"
    drawn = json.loads(done("generate", run, "-n", 4, "--seed", 3, "-o", picture, "--json"))
    assert drawn == {
        **{"out": str(picture), "count": 4, "shape": [8, 8, 1], "seed": 3, "classes": None},
        "steps": 20,
    }
    assert picture.is_file()

"""`kgan evaluate`: the figures, how they were measured, and where they are stored."""

import json

import numpy as np
import pytest
from command_line import command, contents, refused

import kgan


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    """A short run on points."""
    run = tmp_path_factory.mktemp("runs") / "ring"
    words = ("--variant", "points", "--data", "ring", "--batch-size", 64, "--steps", 40)
    assert command("train", "vanilla", *words, "--out", run, "--quiet").status == 0
    return run


def test_figures_are_printed_and_stored_with_what_they_rest_on(ring):
    result = command("evaluate", ring, "-n", 1500, "--floor")
    assert result.status == 0, result.err
    record = json.loads((ring / "evaluations.json").read_text())[-1]
    assert (record["step"], record["split"], record["trained_on_it"]) == (40, "test", False)
    assert record["rests_on"]["frechet_distance"] == {
        "extractor": "values",
        "real": 1500,
        "fake": 1500,
    }
    assert record["versions"]["kgan"] == kgan.__version__
    for name, value in record["figures"].items():
        # The spread of modes is unknown where no sample is near one.
        if name in record["rests_on"] and value is not None:
            assert f"{value:.4g}" in result.out, name
    assert "1500 generated, 1500 real; values" in result.out
    assert record["floor"]["modes"] == 8
    assert record["floor"]["frechet_distance"] < record["figures"]["frechet_distance"]
    again = command("evaluate", ring, "-n", 1500, "-m", "frechet_distance")
    assert again.status == 0
    records = json.loads((ring / "evaluations.json").read_text())
    assert len(records) >= 2
    assert records[-1]["figures"]["frechet_distance"] == record["figures"]["frechet_distance"]
    assert records[-1]["rests_on"].keys() == {"frechet_distance"}


def test_the_figures_are_those_of_python(run):
    result = command("evaluate", run, "-m", "precision", "-m", "frechet_distance")
    assert result.status == 0, result.err
    assert "300 samples" in result.err
    record = json.loads((run / "evaluations.json").read_text())[-1]
    gan = kgan.load(run / "gan.keras")
    test = kgan.data.load("digits", split="test", batch_size=250, drop_remainder=False)
    found = gan.evaluate(test, verbose=0, metrics=["frechet_distance"])
    assert record["figures"]["frechet_distance"] == pytest.approx(found["frechet_distance"])
    assert record["rests_on"]["precision"]["extractor"] == "digits"


def test_measuring_what_was_trained_on_is_called_that(ring):
    result = command("evaluate", ring, "-n", 1500, "--split", "train[:5000]", "-m", "recall")
    assert result.status == 0
    assert "the model was trained on" in result.err
    assert json.loads((ring / "evaluations.json").read_text())[-1]["trained_on_it"]


def test_memorisation_compares_with_what_the_run_was_trained_on(run):
    result = command("evaluate", run, "-m", "memorisation", "--floor")
    assert result.status == 0, result.err
    record = json.loads((run / "evaluations.json").read_text())[-1]
    # Training samples are copies; what the model draws is near none of them.
    assert record["floor"]["memorisation"] > 0.99
    assert record["figures"]["memorisation"] < 0.4
    assert record["rests_on"]["memorisation"]["training"] == 1497


def test_modes_are_counted_where_the_data_knows_them(ring, run):
    result = command("evaluate", ring, "-n", 1500, "-m", "mode_coverage")
    assert result.status == 0, result.err
    assert json.loads((ring / "evaluations.json").read_text())[-1]["rests_on"].keys() >= {"modes"}
    assert "'ring', 'grid'" in refused("evaluate", run, "-m", "mode_coverage")


def test_a_reference_stands_in_for_real_samples(ring, tmp_path):
    data = kgan.data.load("ring", split="test", batch_size=500)
    kgan.metrics.Statistics.of(data, "values").save(tmp_path / "ring.npz")
    words = ("-n", 1500, "-m", "frechet_distance", "--reference", tmp_path / "ring.npz")
    result = command("evaluate", ring, *words)
    assert result.status == 0, result.err
    assert "100000 real" in result.out and "ring.npz" in result.out


def test_bad_input_has_one_message_and_stores_nothing(ring, tmp_path):
    before = contents(ring)
    np.savez(tmp_path / "wide.npz", mu=np.zeros(9), sigma=np.eye(9))
    for words, message in (
        (("-m", "fretchet_distance"), "frechet_distance"),
        (("--extractor", "nothing"), "Known: "),
        (("--extractor", "digits"), "handwritten digits"),
        (("-m", "recall", "--reference", tmp_path / "wide.npz"), "frechet_distance"),
        (("-m", "frechet_distance", "--reference", tmp_path / "wide.npz"), "9 features"),
        (("-m", "frechet_distance", "--reference", tmp_path / "none.npz"), "no file"),
        (("--split", "nothing"), "split"),
    ):
        assert message in refused("evaluate", ring, *words), words
    assert "holds no run" in refused("evaluate", tmp_path)
    assert command("evaluate", ring, "-n", 0).status == 2
    assert contents(ring) == before


def test_figures_are_printed_before_they_cannot_be_stored(ring, monkeypatch):
    before = contents(ring)

    def full(*arguments, **options):
        raise OSError(28, "No space left on device", str(ring / "evaluations.json"))

    monkeypatch.setattr("kgan.runs.folder.replace", full)
    result = command("evaluate", ring, "-n", 300, "-m", "frechet_distance")
    assert result.status == 1
    assert "frechet_distance" in result.out and "300 generated" in result.out
    assert "Stored" not in result.out
    assert result.err.startswith("Error: ") and "evaluations.json: No space" in result.err
    assert contents(ring) == before


def test_few_samples_are_said_to_vary():
    from kgan.cli import reporting

    def table(count, name="frechet_distance"):
        report = {name: {"extractor": "digits", "fake": count, "real": count}}
        return reporting.table({name: 2.0}, {}, report, ("generated", "real"))

    assert "Over 191 samples a Fréchet distance changes" in table(191)
    assert "from draw to draw" not in table(10_000) + table(191, "recall")

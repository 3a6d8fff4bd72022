"""`kgan evaluate A B`, and what the options do for one run and for two sources."""

import json

import numpy as np
import pytest
from command_line import command, contents, done, refused
from PIL import Image

import kgan

QUICK = ("-m", "frechet_distance", "--extractor", "values")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def two(pictures):
    """Two folders of 8x8 colour images."""
    return pictures("one", 40), pictures("two", 60, ((8, 8),))


def figures(*words) -> dict:
    result = command("evaluate", *words, "--json")
    assert result.status == 0, result.err
    return json.loads(result.out)


def test_two_folders_are_compared_as_in_python(two, cache):
    a, b = two
    result = command("evaluate", a, b, *QUICK, "-m", "recall", "--floor", "-n", 50, "--seed", 3)
    assert result.status == 0, result.err
    found = kgan.compare(
        a, b, ["frechet_distance", "recall"], extractor="values", floor=True, count=50, seed=3
    )
    assert found.cached and len(list(cache.iterdir())) == 1
    assert f"{a} (folder of images, 40 samples)" in result.out
    assert f"against {b} (folder of images, 50 samples)" in result.out
    assert f"{found.figures['frechet_distance']:.4g}" in result.out
    assert f"{found.floor['recall']:.4g}" in result.out
    assert "40 measured, 50 real; values" in result.out
    assert "25 samples of the reference against 25 others" in result.out
    assert "Stored" not in result.out


def test_json_is_all_that_is_printed(two, run):
    a, b = two
    found = figures(a, b, *QUICK, "--floor", "--no-cache")
    assert found["a"] == {
        "name": str(a),
        "kind": "folder of images",
        "split": None,
        "samples": 40,
    }
    assert found["figures"].keys() == {"frechet_distance"} == found["floor"].keys()
    assert found["versions"]["kgan"] == kgan.__version__ and not found["cached"]
    one = figures(run, "-m", "diversity")
    assert one["figures"]["diversity"] > 0 and one["split"] == "test"
    assert json.loads((run / "evaluations.json").read_text())[-1]["figures"] == one["figures"]


def test_a_run_is_measured_against_anything_and_keeps_the_record(run):
    result = command("evaluate", run, "digits", *QUICK, "--split", "test", "--floor")
    assert result.status == 0, result.err
    assert "Stored in" in result.out
    stored = json.loads((run / "evaluations.json").read_text())[-1]
    alone = figures(run, *QUICK)
    # The latents differ; the data and the model are the same.
    assert stored["figures"]["frechet_distance"] == pytest.approx(
        alone["figures"]["frechet_distance"], rel=0.2
    )
    assert (stored["step"], stored["data"], stored["split"]) == (20, "digits", "test")
    assert stored["floor_of"] == "halves" and not stored["trained_on_it"]
    flattered = command("evaluate", run, "digits", *QUICK, "--split", "train")
    assert "the figures flatter it" in flattered.err
    assert json.loads((run / "evaluations.json").read_text())[-1]["trained_on_it"]
    # What it exported is the same generator.
    served = figures(run / "saved_model", "digits", *QUICK, "--split", "test")
    assert served["a"]["kind"] == "SavedModel" and served["a"]["samples"] == 300
    assert served["figures"]["frechet_distance"] == pytest.approx(
        alone["figures"]["frechet_distance"], rel=0.2
    )


def test_the_floor_is_never_the_training_data_against_itself(run):
    alone = figures(run, *QUICK, "--floor", "--split", "train", "-n", 400)
    assert alone["trained_on_it"] and alone["floor_of"] == "halves"
    assert alone["floor"]["frechet_distance"] > 0.05
    assert alone["rests_on"]["frechet_distance"]["real"] == 400
    shown = command("evaluate", run, *QUICK, "--floor", "--split", "train", "-n", 400)
    assert "one half of the real samples against the other half" in shown.out
    assert " half " in shown.out and "training samples in place" not in shown.out
    held_out = figures(run, *QUICK, "--floor")
    assert held_out["floor_of"] == "training"


@pytest.mark.slow
def test_every_metric_goes_by_its_name_with_what_it_needs_of_the_run(run):
    for name in ("memorisation", "inception_score", "kernel_distance", "density", "coverage"):
        found = figures(run, "digits", "-m", name, "--split", "test")
        assert found["figures"][name] is not None, name
    alone = figures(run, "digits", "-m", "memorisation", "--split", "test")
    assert alone["rests_on"]["memorisation"]["training"] == 1497
    for name in ("psnr", "ssim"):
        assert "its own target" in refused("evaluate", run, "-m", name)
        assert "its own target" in refused("evaluate", run, "digits", "-m", name)
    assert "'ring', 'grid'" in refused("evaluate", run, "digits", "-m", "mode_coverage")
    assert "no labels" in refused("evaluate", run, "digits", "-m", "classifier_accuracy")


def test_neighbours_are_drawn(run, two, tmp_path):
    result = command("evaluate", run, *QUICK, "--neighbours", tmp_path / "near.png")
    assert result.status == 0, result.err
    assert "of 1,000 samples, the 10 that lie nearest" in result.out
    assert "1,497 to its right" in result.out
    picture = np.asarray(Image.open(tmp_path / "near.png"))
    assert picture.ndim == 3 and (picture[:, 44:58] == 230).any()
    a, b = two
    assert "--training SOURCE" in refused("evaluate", a, b, *QUICK, "--neighbours", "x.png")
    out = ("--neighbours", tmp_path / "two.png", "--training", a, "--json")
    result = command("evaluate", a, b, *QUICK, *out)
    assert json.loads(result.out)["figures"] and "40 samples" in result.err
    assert "Distances: 0 to 0. The 10 of as many" in result.err  # all of them are training images
    # The user's own picture stays; one that this command drew is replaced.
    Image.new("RGB", (3, 3)).save(tmp_path / "mine.png")
    before = (tmp_path / "mine.png").read_bytes()
    said = refused("evaluate", run, *QUICK, "--neighbours", tmp_path / "mine.png")
    assert "no picture that `kgan evaluate` wrote" in said
    assert (tmp_path / "mine.png").read_bytes() == before
    assert command("evaluate", a, b, *QUICK, *out).status == 0
    assert "FILE.png" in refused("evaluate", run, "--neighbours", "near.gif")


def test_features_that_mean_nothing_are_marked_in_the_line(pictures, run):
    a, b = pictures("large", 20, ((24, 24),)), pictures("other", 20, ((24, 24),))
    said = command("evaluate", a, b, "-m", "recall", "--extractor", "values").out
    line = next(line for line in said.splitlines() if line.startswith("recall"))
    assert line.endswith("values; pixel values: they do not see what pictures show")
    assert "pixel values" not in command("evaluate", run, *QUICK).out  # 8x8
    assert "cannot read" in refused("evaluate", a, b, "--extractor", "digits")


def test_options_that_do_not_go_together_are_refused_at_once(run, two, tmp_path):
    before = contents(run)
    a, b = two
    for words, message in (
        ((run, "--size", 8), "--size is for two sources"),
        ((run, "--split-a", "train"), "--split-a is for two sources"),
        ((run, "--training", a), "--training is for two sources"),
        ((run, "--range", 0, 1), "--range is for two sources"),
        ((a, b, "--data", "digits"), "--data is for a run alone"),
        ((a, b, "--reference", "x.npz"), "--reference is for a run alone"),
        ((a, b, "--devices", 2), "without B"),
        ((a, b, "-m", "nothing"), "Unknown metric"),
        ((a, tmp_path / "none"), "There is no folder"),
        ((a,), "holds no run"),
        ((a, "digits", *QUICK), "--channels 3"),
    ):
        assert message in refused("evaluate", *words), words
    assert command("evaluate").status == 2
    assert contents(run) == before


def test_a_statistics_file_stands_on_either_side(two, tmp_path):
    a, b = two
    data = kgan.data.load(str(b), batch_size=60)
    kgan.metrics.Statistics.of(data, "values").save(tmp_path / "b.npz")
    whole = figures(a, b, *QUICK)["figures"]["frechet_distance"]
    found = figures(a, tmp_path / "b.npz")
    assert found["figures"]["frechet_distance"] == pytest.approx(whole, rel=1e-5)
    assert found["rests_on"]["frechet_distance"]["real"] == 60
    turned = figures(tmp_path / "b.npz", a)
    assert turned["figures"]["frechet_distance"] == pytest.approx(whole, rel=1e-5)
    assert done("evaluate", tmp_path / "b.npz", tmp_path / "b.npz")

"""`kgan train --precision`: in the run's record, its model, and what a resumed run may change."""

import pytest
from command_line import config, done, refused

import kgan

RELU = ("train", "vanilla", "--preset", "relu", "--batch-size", 50)


@pytest.mark.slow
def test_a_run_keeps_its_precision(tmp_path):
    run = tmp_path / "run"
    done(*RELU, "--precision", "bfloat16", "--steps", 2, "--quiet", "--out", run)
    assert "precision=bfloat16" in config(run)["settings"]["options"]
    assert config(run)["model"]["precision"] == "bfloat16"
    gan = kgan.load(run / "gan.keras")
    assert gan.precision == "bfloat16"
    assert {layer.compute_dtype for layer in gan.generator.layers} == {"bfloat16", "float32"}
    said = refused("train", "vanilla", "--resume", "--precision", "float32", "--out", run)
    assert "precision=bfloat16" in said and "--resume cannot change it" in said

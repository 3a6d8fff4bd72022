"""Commands that print information only, and how fast they answer."""

import subprocess
import sys

import pytest
from command_line import done

import kgan

ASK = """
import sys
from kgan.cli.commands import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
slow = {"tensorflow", "keras", "sklearn", "matplotlib", "tensorflow_datasets", "rich"}
slow &= set(sys.modules)
assert not slow, slow
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], ["train", "generate", "evaluate", "export", "models", "datasets"]),
        (["--version"], [kgan.__version__]),
        (["train", "--help"], ["--resume", "--overwrite", "--data", "digits"]),
        (["generate", "--help"], ["--seed", ".npz"]),
        (["evaluate", "--help"], ["--metric", "--floor", "--extractor"]),
        (["export", "--help"], ["SavedModel"]),
        (["models"], ["vanilla", "Goodfellow et al. 2014"]),
        (["models", "r3gan"], ["latent_size", "narrow", "R1(gamma 1 to 0.3)", "Huang et al. 2024"]),
        (["models", "r3gan", "--json"], ['"latent_size"']),
        (["datasets"], ["digits", "ring", "mnist"]),
    ],
)
def test_answers_do_not_wait_for_tensorflow(words, said):
    answer = subprocess.run(
        [sys.executable, "-c", ASK, *words], capture_output=True, text=True, check=True
    )
    assert answer.stderr == ""
    for word in said:
        assert word in answer.stdout
    # No text was cut short.
    assert "...\n" not in answer.stdout.partition("\n")[2]


def test_python_m_kgan_is_the_command():
    answer = subprocess.run(
        [sys.executable, "-m", "kgan", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split()[-1] == kgan.__version__


def test_every_model_and_named_data_set_is_listed():
    from kgan.data import sources
    from kgan.models import CATALOGUE

    listed = done("models")
    assert all(name in listed for name in CATALOGUE)
    listed = done("datasets")
    assert all(name in listed for name, _ in sources())

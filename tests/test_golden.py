"""Golden files of an earlier release: the present code loads and resumes them, and draws the same.

See `golden/README.md`. The numbers are compared with those of that release, up to the rounding that
differs between machines.
"""

import json
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from golden import face, make

import kgan

GOLDEN = Path(__file__).parent / "golden"
RUNS = [name for name, family in make.FAMILIES.items() if family.train]
# Ways of computing the same (with oneDNN and without, its code for other processors, one thread,
# Keras's own layers and Adam in place of kgan's faster ones) differed by up to a third of this for
# CycleGAN, whose normalization of few pixels enlarges rounding, and by less than a tenth for the
# others.
RTOL, ATOL = 1e-4, 1e-5
# Of optimizers' variables: moments are of gradients, some of them nothing but rounding.
OF_MOMENTS = 1e-3, 1e-4


@pytest.fixture(scope="module", params=make.FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def copy(tmp_path):
    """Copies a golden folder or file, for the files stay as they are."""

    def made(*names):
        source, target = GOLDEN.joinpath(*names), tmp_path / names[-1]
        return Path((shutil.copytree if source.is_dir() else shutil.copy)(source, target))

    return made


def assert_as_expected(name, found, beginning):
    """All that was expected under names with this beginning was found, and is the same."""
    with np.load(GOLDEN / name / "expected.npz") as file:
        expected = {key: file[key] for key in file.files if key.startswith(beginning)}
    assert expected
    # A later release may log more.
    assert expected.keys() <= found.keys()
    apart = {key: error(key, found[key], value) for key, value in expected.items()}
    assert {key: most for key, most in apart.items() if not most <= 1.0} == {}


def error(key, found, expected) -> float:
    """How far numbers are from the expected ones, in tolerances; infinite for other shapes."""
    rtol, atol = OF_MOMENTS if key.endswith("_optimizer") else (RTOL, ATOL)
    if found.shape != expected.shape or (np.isnan(found) != np.isnan(expected)).any():
        return np.inf
    allowed = atol + rtol * np.abs(expected)
    if make.is_digest(expected):
        size, _, magnitude = expected[:, :3].T
        # Rounding in a sum of many grows with the largest of them, and so it is with gradients.
        allowed += rtol * (magnitude / size)[:, None]
        allowed[:, 0] = 0.5
        allowed[:, 1:3] = (rtol * magnitude + atol * np.sqrt(size))[:, None]
    return float(np.nanmax(np.abs(found - expected) / allowed, initial=0.0))


# They take longest.
SLOW = pytest.mark.slow
EACH = [
    pytest.param(name, marks=SLOW if name in ("cyclegan", "began", "conditional") else [])
    for name in make.FAMILIES
]


@pytest.mark.parametrize("name", EACH)
def test_a_file_draws_and_trains_on(name, copy):
    assert_as_expected(name, make.of_file(name, copy(name, "gan.keras")), "file/")


@pytest.mark.parametrize("name", EACH)
def test_a_checkpoint_draws_and_is_resumed(name, copy):
    found = make.of_checkpoint(name, copy(name, "checkpoints"))
    assert_as_expected(name, found, "checkpoint/")


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_read(name, copy):
    found = make.of_run(copy(name, "run"))
    for state in ("finished", "built"):
        if state == "built" or not make.FAMILIES[name].broken_off:
            assert_as_expected(name, found, f"run/{state}/")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "conditional" else SLOW) for n in RUNS]
)
def test_a_run_is_resumed_by_the_command_line(name, copy, tmp_path):
    make.FAMILIES[name].write_data(tmp_path)
    run = copy(name, "run")
    found = make.resumed_run(run, tmp_path)
    np.testing.assert_array_equal(found["run/resumed/history/step"], [4, 8, 10])
    assert_as_expected(name, found, "run/resumed/")
    assert json.loads((run / "config.json").read_text())["finished_steps"] == make.LONGER


# The public face.


@pytest.fixture(scope="module")
def before():
    return json.loads((GOLDEN / "public_face.json").read_text(encoding="utf-8"))


# What is written otherwise today, and takes all that it took: `observe` is called by place;
# `preset` and `variant` are one; `--lr` is `--learning-rate`; the catalogue is a mapping still; the
# rest are attributes of models.
WRITTEN_ANEW = re.compile(
    r".*\.observe took|kgan\.models\.\w+\.recipe took|kgan\.models\.(Vanilla|Conditional)GAN took"
    r"|kgan\.models\.CATALOGUE was dict|kgan\.models\.VanillaGAN\.settings is gone"
    r"|kgan train: variant was"
    # What is not given is the preset's.
    r"|kgan\.models\.(DCGAN|LAPGAN) took .*width=64"
    # A shorter name beside it.
    r"|kgan train: learning_rate was .*'--learning-rate', '--lr'"
)


def test_nothing_of_the_public_face_is_lost(before):
    lost = [sentence for sentence in face.lost(before) if not WRITTEN_ANEW.match(sentence)]
    assert lost == []


def test_what_is_written_anew_takes_what_it_took(tmp_path):
    models = kgan.models
    gan = models.VanillaGAN((8, 8, 1), "relu", 8)
    assert gan.variant == "relu" and gan.settings.batch_size == gan.batch_size == 100
    assert models.VanillaGAN((8, 8, 1), variant="minimax").variant == "minimax"
    assert models.ConditionalGAN((8, 8, 1), 3, "paper", 4).variant == "paper"
    assert models.ConditionalGAN.recipe(variant="paper") == (100, 288_000)
    assert models.VanillaGAN.recipe("points") == (256, 10_000)
    assert models.BEGAN.recipe(preset="narrow") == (16, 10_000)
    assert models.R3GAN.recipe() == (64, 10_000)
    assert dict(models.CATALOGUE)["dcgan"].class_name == "DCGAN"
    assert "dcgan" in models.CATALOGUE and len(list(models.CATALOGUE.values())) >= 15

    class Old(kgan.GAN):
        """As families of the earlier release override it."""

        seen = ()

        def observe(self, phase, loss, turn):
            super().observe(phase, loss, turn)
            self.seen = (*self.seen, phase.player, phase.prefix)

    keras.utils.set_random_seed(0)
    old = Old(
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]),
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]),
    )
    old.compile(run_eagerly=True)
    old.fit(np.zeros((8, 2), "float32"), batch_size=8, verbose=0)
    assert old.seen == ("discriminator", "d", "generator", "g")

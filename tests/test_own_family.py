"""The family of docs/your_own_family.md runs as printed there, and has all that a family has."""

import pathlib
import re

import numpy as np
import pytest

import kgan

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "your_own_family.md"


@pytest.fixture
def blocks():
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_page_runs(blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    family, use, third, its_use = blocks
    run(family, names)
    run(use, names)
    gan = names["gan"]
    assert gan.discriminator.input_shape == (None, 8, 8, 2)
    real = next(iter(names["dataset"]))[0]
    # One score for two samples, each with the one half a batch further on.
    assert gan.score(real).shape == (32, 1)
    together = np.concatenate([real[:1], real[32:33]], axis=-1)
    np.testing.assert_allclose(gan.score(real)[:1], gan.discriminator(together), rtol=1e-4)
    test = kgan.data.load("digits", split="test", batch_size=64)
    figures = gan.evaluate(test, metrics=["frechet_distance"], verbose=0)
    fresh = names["PacGAN"]()
    fresh.compile(jit_compile=False)
    before = fresh.evaluate(test, metrics=["frechet_distance"], verbose=0)
    assert figures["frechet_distance"] < 0.5 * before["frechet_distance"]
    loaded = kgan.load("pacgan.keras")
    np.testing.assert_allclose(loaded.generate(4, seed=1), gan.generate(4, seed=1), atol=1e-6)
    run(third, names)
    run(its_use, names)
    check_the_third_player(names)


def run(block, names):
    block = block.replace("compile()", "compile(jit_compile=False)")
    block = block.replace("compile(optimizers", "compile(jit_compile=False, optimizers")
    exec(compile(block, str(PAGE), "exec"), names)


def check_the_third_player(names):
    gan, images, again = (names[name] for name in ("gan", "images", "again"))
    player = gan.players[-1]
    assert (player.name, player.prefix, player.networks) == ("encoder", "e", [gan.encoder])
    assert float(gan.e_optimizer.learning_rate) == pytest.approx(2e-3)
    # The encoder finds images again; how far others are apart is the measure.
    apart = np.square(images - np.roll(images, 1, axis=0)).mean()
    assert np.square(again - images).mean() < 0.3 * apart
    gan.save("invertible.keras")
    loaded = kgan.load("invertible.keras")
    np.testing.assert_allclose(loaded.encoder(images), gan.encoder(images), atol=1e-6)


def test_the_class_stays_a_page(blocks):
    lines = [line for line in blocks[0].splitlines() if line.strip()]
    assert len(lines) <= 45, len(lines)


def test_the_table_names_methods_that_are_there(blocks):
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)", row)]
    assert len(names) > 9
    missing = [name for name in names if not hasattr(kgan.GAN, name)]
    assert not missing

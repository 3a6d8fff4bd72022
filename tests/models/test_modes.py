"""The standard tests of mode collapse, on kgan's own models: every mode must be found."""

import pytest

import kgan


def coverage(family, name, steps, batch_size=128, seed=0, **options):
    """Mode coverage of 10,000 samples after so many steps, as `kgan.metrics` counts it."""
    data = kgan.data.load(name, batch_size=batch_size)
    gan = family.for_data(data.info, seed=seed, **options)
    gan.training_steps = steps
    gan.compile(steps_per_execution=50)
    gan.fit(data, epochs=steps // 100, steps_per_epoch=100, verbose=0)
    real = kgan.data.load(name, split="test", n=10_000, batch_size=500, drop_remainder=False)
    found = kgan.metrics.ModeCoverage(data.info.modes, least=5)
    return gan.evaluate(real, metrics=[found], verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "options", "steps"),
    [
        (kgan.models.VanillaGAN, {"variant": "points"}, 1500),
        pytest.param(kgan.models.R3GAN, {}, 800, marks=pytest.mark.slow),
    ],
    ids=["vanilla", "r3gan"],
)
def test_every_mode_of_the_ring_is_found(family, options, steps):
    figures = coverage(family, "ring", steps, **options)
    assert figures["modes"] == 8
    assert figures["high_quality"] > 0.4
    # Not points sitting on the centres.
    assert figures["mode_spread"] > 0.3


@pytest.mark.parametrize(
    ("name", "modes"),
    [
        pytest.param("ring", 8, marks=pytest.mark.campaign),
        pytest.param("grid", 25, marks=pytest.mark.slow),
    ],
)
def test_r3gan_fills_every_mode_as_wide_as_it_is(name, modes):
    steps = kgan.models.R3GAN((2,)).training_steps
    figures = coverage(kgan.models.R3GAN, name, steps, batch_size=256)
    assert figures["modes"] == modes
    assert figures["high_quality"] > 0.93
    assert 0.65 < figures["mode_spread"] < 1.3

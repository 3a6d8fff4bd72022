"""The standard tests of mode collapse, on what ships: every mode must be found."""

import numpy as np
import pytest

import kgan


@pytest.mark.parametrize(("name", "steps", "share"), [("ring", 1500, 0.5), ("grid", 4000, 0.05)])
def test_the_points_variant_finds_every_mode(name, steps, share, tmp_path):
    data = kgan.data.load(name, batch_size=128)
    modes = data.info.modes
    gan = kgan.models.VanillaGAN.for_data(data.info, variant="points")
    gan.training_steps = steps
    gan.compile(steps_per_execution=50)
    gan.fit(data, epochs=steps // 100, steps_per_epoch=100, verbose=0)
    samples = gan.generate(10_000, seed=0)
    distance = np.linalg.norm(samples[:, None] - modes.centres, axis=-1)
    # High-quality samples are those within 3 standard deviations of a mode.
    fine = distance.min(1) < 3 * modes.spread
    counts = np.bincount(distance.argmin(1)[fine], minlength=len(modes.centres))
    assert counts.min() >= 5, counts
    assert fine.mean() >= share
    # Not points sitting on the centres: the spread is neither collapsed nor a blur.
    assert 0.2 * modes.spread < distance.min(1)[fine].mean() < 3 * modes.spread

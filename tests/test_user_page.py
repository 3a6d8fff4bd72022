"""A page of user code on real MNIST, with a dataset built by hand from TensorFlow Datasets."""

import os
import pathlib

import keras
import numpy as np
import pytest
from keras import layers

import kgan

DATA = os.environ.get("TFDS_DATA_DIR", "")


@pytest.mark.skipif(
    not DATA or not (pathlib.Path(DATA) / "mnist").is_dir(),
    reason="needs MNIST in TensorFlow Datasets' format; TFDS_DATA_DIR names no folder with it",
)
def test_a_page_of_user_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    import tensorflow_datasets as tfds

    def scaled(example):
        return keras.ops.cast(example["image"], "float32") / 127.5 - 1.0

    train, test = tfds.load("mnist", split=["train[:2000]", "test[:500]"])
    dataset = train.map(scaled).shuffle(2000, seed=1).batch(50, drop_remainder=True)
    holdout = test.map(scaled).batch(50)

    generator = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(784, activation="tanh"),
            layers.Reshape((28, 28, 1)),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(1),
        ]
    )
    gan = kgan.GAN(generator, discriminator)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
        loss="hinge",
        penalties=[kgan.penalties.R1(0.1)],
        metrics=[kgan.metrics.FrechetDistance()],
    )
    history = gan.fit(
        dataset,
        epochs=8,
        validation_data=holdout,
        verbose=0,
        callbacks=[
            kgan.callbacks.ImageSnapshot("samples", every_epochs=1),
            kgan.callbacks.Checkpoint("checkpoints", every_epochs=2),
            kgan.callbacks.TensorBoard("logs"),
        ],
    )
    distances = history.history["val_frechet_distance"]
    assert len(distances) == 8
    assert distances[-1] < 0.97 * distances[0]
    assert gan.evaluate(holdout, verbose=0)["frechet_distance"] == pytest.approx(distances[-1])
    images = gan.generate(16, seed=0)
    gan.save("gan.keras")
    np.testing.assert_array_equal(kgan.load("gan.keras").generate(16, seed=0), images)
    gan.export("serving/")
    # MNIST's pixels have mean -0.74 on this scale; noise of a fresh generator is near 0.
    assert images.mean() < -0.35
    assert len(list(pathlib.Path("samples").glob("*.png"))) == 9
    assert pathlib.Path("serving/saved_model.pb").is_file()

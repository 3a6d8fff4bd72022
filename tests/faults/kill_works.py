"""What the harness of kills trains: every family in a tiny form, by library and command line.

A run has 18 steps in epochs of seven or fewer, so that it ends within an epoch. Fewer than 20 steps
are executed one by one, so that two runs call their callbacks after the same steps.
"""

import keras
import numpy as np
from PIL import Image

import kgan

STEPS = 18
EVERY = ("--checkpoint-every", "4", "--snapshot-every", "5")

# The words of the command line after `kgan train`.
COMMANDS = {
    "points": ("vanilla", "--variant", "points", "--data", "ring", "--batch-size", "1500"),
    "vanilla": ("vanilla", "--variant", "relu", "--ema", "0.9"),
    "conditional": ("conditional", "-O", "width=4"),
    "dcgan": ("dcgan", "-O", "width=4"),
    "wgan": ("wgan", "-O", "width=4"),
    "wgan-gp": ("wgangp", "-O", "width=4"),
    "began": ("began", "-O", "width=4"),
    "acgan": ("acgan", "-O", "width=8"),
    "infogan": ("infogan", "-O", "width=4"),
    "sngan": ("sngan", "-O", "width=8"),
    "sagan": ("sagan", "-O", "width=4"),
    "r3gan": ("r3gan", "-O", "preset=narrow"),
    "vaegan": ("vaegan", "-O", "width=4"),
    "lapgan": ("lapgan", "-O", "width=4", "-O", "units=16"),
    "srgan": ("srgan", "-O", "width=4", "-O", "blocks=1", "-O", "content=pixels"),
}


def words(family: str, out, folder) -> list[str]:
    """Returns the words of a command line that trains a family into `out`.

    Args:
        family: a name in `COMMANDS`.
        out: the run folder.
        folder: where data may be made that the family reads from files.
    """
    found = ["train", *COMMANDS[family], "--steps", str(STEPS), *EVERY, "--quiet"]
    if family == "srgan":
        found += ["--data", str(pictures(folder / "pictures")), "--batch-size", "4"]
    elif "--data" not in found:
        found += ["--data", "digits", "--batch-size", "240"]
    return [*found, "--out", str(out)]


def pictures(folder):
    """Makes a folder of small pictures, once."""
    if not folder.exists():
        folder.mkdir(parents=True)
        values = np.random.default_rng(0)
        for index in range(28):
            image = values.integers(0, 255, (96, 96, 3), "uint8")
            Image.fromarray(image).save(folder / f"{index:02}.png")
    return folder


def _digits(batch_size=32, **options):
    return kgan.data.load("digits", batch_size=batch_size, seed=3, split="train[:200]", **options)


def _images(count, side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3)).astype("uint8")


def _of(name, data, compiled=None, **options):
    gan = getattr(kgan.models, name).for_data(data.info, seed=7, **options)
    gan.training_steps = STEPS
    gan.compile(**(compiled or {}))
    return gan, data


def _own():
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, "relu"),
            layers.BatchNormalization(),
            layers.Dense(64, "tanh"),
            layers.Reshape((8, 8, 1)),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(16, "relu"),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
    gan = kgan.GAN(generator, discriminator, seed=7)
    gan.compile(
        keras.optimizers.Adam(1e-3, global_clipnorm=1.0),
        keras.optimizers.AdamW(1e-3),
        penalties=[kgan.penalties.R1(1.0, every=4), kgan.penalties.LeCam(0.3)],
        ema=0.9,
    )
    return gan, _digits(labels=False)


LIBRARY = {
    "own": _own,
    "vanilla": lambda: _of("VanillaGAN", _digits(), {"ema": 0.9}, latent_size=8),
    "conditional": lambda: _of("ConditionalGAN", _digits(), latent_size=8, width=4),
    "dcgan": lambda: _of("DCGAN", _digits(), latent_size=8, width=4),
    "wgan": lambda: _of("WGAN", _digits(8), latent_size=8, width=4),
    "wgan-gp": lambda: _of("WGANGP", _digits(8), latent_size=8, width=4),
    "began": lambda: _of("BEGAN", _digits(), latent_size=8, width=4, lambda_k=0.1),
    "acgan": lambda: _of("ACGAN", _digits(), latent_size=8, width=8),
    "infogan": lambda: _of("InfoGAN", _digits(), noise_size=8, width=4),
    "sngan": lambda: _of("SNGAN", _digits(16), latent_size=8, width=8, discriminator_steps=2),
    "sagan": lambda: _of("SAGAN", _digits(), latent_size=8, width=4),
    "r3gan": lambda: _of("R3GAN", _digits(), preset="narrow"),
    "vaegan": lambda: _of("VAEGAN", _digits(), latent_size=8, width=4),
    "lapgan": lambda: _of("LAPGAN", _digits(), latent_size=8, width=4, units=16),
    "srgan": lambda: _of(
        "SRGAN",
        kgan.data.crops(list(_images(8, 24)), scale=2, size=16, batch_size=4, per_image=3, seed=3),
        width=4,
        blocks=1,
        content="pixels",
    ),
    "pix2pix": lambda: _of(
        "Pix2Pix",
        kgan.data.pairs(_images(20, 16, 1), _images(20, 16, 2), batch_size=3, flip=True, seed=3),
        width=4,
    ),
    "cyclegan": lambda: _of(
        "CycleGAN",
        kgan.data.domains(_images(20, 16, 1), _images(14, 16, 2), batch_size=3, flip=True, seed=3),
        width=4,
        blocks=1,
        pool=5,
    ),
}


def _monitor(data):
    return kgan.callbacks.CollapseMonitor(data, every_steps=2, count=16, warmup=0, least_steps=0)


def train(family: str, out) -> None:
    """Trains a family by the library with every kind of callback, or resumes its training."""
    keras.utils.set_random_seed(1)
    gan, data = LIBRARY[family]()
    schedules = isinstance(
        gan.g_optimizer.get_config()["learning_rate"], dict
    )  # which no callback may change
    per_epoch = max(1, data.info.steps_per_epoch // max(p.updates for p in gan.players))
    gan.fit(
        data,
        epochs=-(-STEPS // per_epoch),
        verbose=0,
        callbacks=[
            kgan.callbacks.Checkpoint(out / "checkpoints", every_steps=4, resume=True),
            # A family that translates images has no samples from latents to compare.
            *([_monitor(data)] if hasattr(gan, "generate") else []),
            keras.callbacks.EarlyStopping(
                "g_loss", mode="min", patience=2, restore_best_weights=True
            ),
            keras.callbacks.ModelCheckpoint(
                str(out / "best.weights.h5"),
                monitor="d_loss",
                mode="max",
                save_best_only=True,
                save_weights_only=True,
            ),
            *(
                []
                if schedules
                else [
                    keras.callbacks.ReduceLROnPlateau("d_loss", mode="max", patience=1, factor=0.7),
                    keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.95 * rate),
                ]
            ),
            keras.callbacks.CSVLogger(str(out / "log.csv")),
            kgan.callbacks.ImageSnapshot(out / "samples", every_steps=5, count=4, overwrite=True),
            kgan.callbacks.TensorBoard(
                out / "logs", update_freq=3, histogram_freq=2, samples_freq=2, count=4
            ),
        ],
    )
    gan.save_weights(out / "final.weights.h5")

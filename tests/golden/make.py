"""Makes the golden files: what a release saves, and the results of resuming from it.

    python tests/golden/make.py FOLDER

writes `public_face.json` and a folder for each family:

- `gan.keras`, saved after an epoch of training;
- `checkpoints/`, written by `kgan.callbacks.Checkpoint` and stopped before the end of an epoch;
- `run/`, written by `kgan train`, without its logs, pictures and SavedModel;
- `expected.npz`: the samples that this release draws from each, and its results when it resumes.

It uses the public interface alone, so that a later release can run it too. `tests/test_golden.py`
imports the families, the data and the functions from here, so that it measures in the same way.
"""

import csv
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from PIL import Image

import kgan
import kgan.optimizers
from kgan.cli import main
from kgan.runs import RunFolder, trained

BATCH = 4
# Steps in an epoch; after so many a checkpoint is left, and a run of the command line ends.
EPOCH, STOPPED, LONGER = 4, 6, 10
# What of a run folder is kept.
RUN = ("config.json", "history.csv", "gan.keras", "checkpoints")
# How many values of a variable are kept as they are.
FIRST = 8
NO_PICTURES = ("--snapshot-every", 1000)


# The data, of a generator of numbers that NumPy has promised never to change.


def images(count: int, seed: int, side: int = 8) -> np.ndarray:
    """Grey images of a bright patch each, uint8 `(count, side, side, 1)`."""
    numbers = np.random.RandomState(seed)
    made = numbers.randint(0, 100, (count, side, side, 1))
    for image, (row, column) in zip(made, numbers.randint(0, side - 2, (count, 2)), strict=True):
        image[row : row + 3, column : column + 3] += 150
    return made.astype("uint8")


def labels(count: int) -> np.ndarray:
    """Classes 0 to 9 in turn."""
    return np.arange(count) % 10


def write_npz(folder: Path, count: int, side: int = 8) -> None:
    """The data of a run as an `.npz` file, with labels."""
    np.savez(folder / "data.npz", images=images(count, 0, side), labels=labels(count))


def write_domains(folder: Path) -> None:
    """The data of a run as a folder of two domains."""
    for seed, (domain, count) in enumerate([("trainA", EPOCH), ("trainB", EPOCH - 1)]):
        (folder / "domains" / domain).mkdir(parents=True)
        for number, image in enumerate(images(count, seed, 16)):
            Image.fromarray(image[..., 0]).save(folder / "domains" / domain / f"{number}.png")


def samples(count: int, side: int = 8, with_labels: bool = False):
    """A dataset of the same images."""
    known = labels(count) if with_labels else None
    return kgan.data.from_arrays(
        images(count, 0, side), known, batch_size=BATCH, value_range=(-1.0, 1.0), seed=5
    )


def domains():
    """A dataset of two domains, of which the second is the smaller."""
    return kgan.data.domains(images(EPOCH, 0, 16), images(EPOCH - 1, 1, 16), seed=5)


# The families.


@dataclass(frozen=True)
class Family:
    """A family at its smallest, and how its golden files are made.

    Attributes:
        build: makes the compiled model.
        data: makes the dataset.
        train: words of `kgan train`; empty where the command line cannot train it.
        write_data: writes what `train` reads into a folder.
        broken_off: whether the run is kept as one without its finished model.
        stopped: the step after which the checkpoint is left.
    """

    build: Callable
    data: Callable
    train: tuple = ()
    write_data: Callable | None = None
    broken_off: bool = False
    stopped: int = STOPPED


def vanilla():
    gan = kgan.models.VanillaGAN((4, 4, 1), variant="minimax", latent_size=4, seed=21)
    gan.compile(jit_compile=False)
    return gan


def conditional():
    """An average, a term at every other step, a term with state, two discriminator steps."""
    gan = kgan.models.ConditionalGAN((8, 8, 1), latent_size=8, width=4, seed=22)
    gan.compile(
        *(keras.optimizers.Adam(2e-3, beta_1=0.5) for _ in range(2)),
        ema=0.9,
        penalties=[kgan.penalties.R1(1.0, every=2), kgan.penalties.LeCam(0.3, decay=0.9)],
        discriminator_steps=2,
        jit_compile=False,
    )
    return gan


def cyclegan():
    """Several networks a player, and pools that are full before the epoch ends."""
    gan = kgan.models.CycleGAN((16, 16, 1), width=2, blocks=1, pool=2, patch_depth=1, seed=23)
    gan.compile(*(_adam() for _ in range(2)), jit_compile=False)
    return gan


def _adam():
    # Biases before a normalization have no gradient but rounding, which differs between machines;
    # a smaller epsilon would make steps of it.
    rate = kgan.optimizers.ConstantThenLinear(1e-3, 12)
    return keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-2)


def began():
    """A loss with state."""
    gan = kgan.models.BEGAN((8, 8, 1), latent_size=4, width=2, preset="narrow", seed=24)
    gan.training_steps = 12
    gan.compile(jit_compile=False)
    return gan


@keras.saving.register_keras_serializable("golden")
class Levelled(kgan.GAN):
    """A user's family, with a weight of the model's own that learns from each turn."""

    game_logs = ("level",)

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.level = self.add_weight(shape=(), initializer="zeros", trainable=False, name="level")

    def observe(self, phase, loss, turn):
        super().observe(phase, loss, turn)
        if phase.player == "generator":
            self.level.assign(0.9 * self.level + keras.ops.mean(turn.fake))
            self.logs.track("level", self.level)


def own():
    """Networks of a user's: Dropout, batch and spectral normalization, unlike optimizers."""
    generator = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(negative_slope=0.2),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(64, activation="tanh"),
            keras.layers.Reshape((8, 8, 1)),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            kgan.layers.SpectralNormalization(
                keras.layers.Conv2D(4, 3, 2, "same", activation="leaky_relu")
            ),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )
    gan = Levelled(generator, discriminator, latents=kgan.latents.Uniform(4), seed=25)
    gan.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.ExponentialDecay(1e-3, 5, 0.5), global_clipnorm=1.0
        ),
        keras.optimizers.SGD(0.05, momentum=0.5),
        loss="hinge",
        penalties=[
            kgan.penalties.GradientPenalty(1.0),
            kgan.penalties.Consistency(1.0, augment="shift"),
        ],
        ema=0.5,
        accumulation_steps=2,
        log_gradient_norms=True,
        jit_compile=False,
    )
    return gan


def _command(*words, data: str) -> tuple:
    every = ("--checkpoint-every", STOPPED, *NO_PICTURES)
    return ("train", *words, "--data", data, "--steps", STOPPED, *every)


FAMILIES = {
    "vanilla": Family(
        vanilla,
        lambda: samples(EPOCH * BATCH, side=4),
        _command(
            *("vanilla", "--variant", "minimax", "-O", "latent_size=4", "--batch-size", BATCH),
            *("--ema", 0.9),
            data="data.npz",
        ),
        lambda folder: write_npz(folder, EPOCH * BATCH, side=4),
    ),
    "conditional": Family(
        conditional,
        lambda: samples(2 * EPOCH * BATCH, with_labels=True),
        _command(
            *("conditional", "-O", "latent_size=8", "-O", "width=4", "--batch-size", BATCH),
            *("--ema", 0.9, "--penalty", "r1=1", "--penalty", "lecam", "--discriminator-steps", 2),
            data="data.npz",
        ),
        lambda folder: write_npz(folder, 2 * EPOCH * BATCH),
    ),
    "cyclegan": Family(
        cyclegan,
        domains,
        _command(
            *("cyclegan", "-O", "width=2", "-O", "blocks=1", "-O", "pool=2", "-O", "patch_depth=1"),
            data="domains",
        ),
        write_domains,
        broken_off=True,
    ),
    "began": Family(
        began,
        lambda: samples(EPOCH * BATCH),
        _command(
            *("began", "-O", "preset=narrow", "-O", "latent_size=4", "-O", "width=2"),
            *("--batch-size", BATCH),
            data="data.npz",
        ),
        lambda folder: write_npz(folder, EPOCH * BATCH),
        broken_off=True,
        # One checkpoint is of the end of an epoch.
        stopped=EPOCH,
    ),
    "own": Family(own, lambda: samples(EPOCH * BATCH)),
}


# What is measured.


def drawn(gan) -> dict[str, np.ndarray]:
    """What a model draws: of a given seed, and next of its own; it moves its sampling seeds."""
    if hasattr(gan, "translate"):
        return {way: gan.translate(images(2, 9, 16) / 127.5 - 1.0, way) for way in ("a2b", "b2a")}
    told = {"labels": [0, 3, 7, 9]} if gan.classes else {}
    return {"seeded": gan.generate(4, seed=3, **told), "next": gan.generate(4, **told)}


def digest(variables) -> np.ndarray:
    """A row a variable: its size, sum, sum of magnitudes, and first values; NaN where it ends."""
    rows = []
    for variable in variables:
        values = np.asarray(variable, "float64").ravel()
        first = np.full(FIRST, np.nan)
        first[: values[:FIRST].size] = values[:FIRST]
        rows.append([values.size, values.sum(), np.abs(values).sum(), *first])
    return np.array(rows)


def is_digest(array: np.ndarray) -> bool:
    """Whether an array is one that `digest` made."""
    return array.ndim == 2 and array.shape[1] == 3 + FIRST


def state(gan) -> dict[str, np.ndarray]:
    """Digests of all that training has moved. Averages show in what the model draws, seeds too."""
    found = {role: digest(network.weights) for role, network in gan.networks.items()}
    found |= {
        player: digest(getattr(gan, player).variables) for player in ("d_optimizer", "g_optimizer")
    }
    return found | {"iterations": np.array(int(gan.iterations))}


def trained_on(gan, data, callbacks=(), epochs: int = 1) -> dict[str, np.ndarray]:
    """Trains, and measures the logs and what became of the model."""
    history = gan.fit(data, epochs=epochs, verbose=0, callbacks=list(callbacks)).history
    logs = {f"logs/{name}": np.array(values) for name, values in history.items()}
    return logs | state(gan) | drawn(gan)


def of_file(name: str, path: Path) -> dict[str, np.ndarray]:
    """What a `.keras` file draws, and where an epoch more takes it."""
    gan = kgan.load(path)
    found = {f"file/{key}": value for key, value in drawn(gan).items()}
    more = trained_on(gan, FAMILIES[name].data())
    return found | {f"file/resumed/{key}": value for key, value in more.items()}


def of_checkpoint(name: str, folder: Path) -> dict[str, np.ndarray]:
    """What a checkpoint draws, and where a `fit` that resumes it ends.

    Args:
        name: of the family.
        folder: a copy of the checkpoints, to which the `fit` adds its own.
    """
    family = FAMILIES[name]
    gan = family.build()
    gan.load_weights(kgan.callbacks.latest(folder).weights)
    found = {f"checkpoint/{key}": value for key, value in drawn(gan).items()}
    # Nothing but the checkpoint may say where it goes on.
    gan = family.build()
    resume = kgan.callbacks.Checkpoint(folder, keep=1, resume=True)
    more = trained_on(gan, family.data(), [resume], epochs=2)
    return found | {f"checkpoint/resumed/{key}": value for key, value in more.items()}


def of_run(folder: Path) -> dict[str, np.ndarray]:
    """What the models of a run draw: the finished one, and the one built from its checkpoint.

    Args:
        folder: a copy of the run; its finished model is deleted, as if it was broken off.
    """
    run, found = RunFolder(folder), {}
    if run.model.is_file():
        found = {f"run/finished/{key}": value for key, value in drawn(trained(run)).items()}
        run.model.unlink()
    return found | {f"run/built/{key}": value for key, value in drawn(trained(run)).items()}


def resumed_run(folder: Path, data: Path) -> dict[str, np.ndarray]:
    """Where `kgan train --resume` takes a run: the columns of its history, and what it draws.

    Args:
        folder: a copy of the run, which is changed.
        data: the folder in which the data of the run lies.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["settings"]["data"] = str(data / config["settings"]["data"])
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    kgan_command("train", "--resume", "--out", folder, "--steps", LONGER, *NO_PICTURES)
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # Each log by its name, so that a later release may have more of them.
    columns = {
        f"history/{name}": np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]
    }
    found = columns | drawn(trained(RunFolder(folder)))
    return {f"run/resumed/{key}": value for key, value in found.items()}


def kgan_command(*words) -> None:
    """Runs `kgan WORDS` in this process, without a progress bar."""
    status = None
    try:
        main([*map(str, words), "--quiet"])
    except SystemExit as stop:
        status = stop.code
    if status != 0:
        raise RuntimeError(f"kgan {' '.join(map(str, words))} ended with status {status}.")


# The making.


class StopAfter(keras.callbacks.Callback):
    """Ends a `fit` after so many steps of the model's life, as Ctrl-C would."""

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.iterations) >= self.steps:
            self.model.stop_training = True


def make(name: str, folder: Path) -> None:
    """Makes the golden files of a family."""
    family = FAMILIES[name]
    folder.mkdir(parents=True)
    keras.utils.set_random_seed(31)
    gan = family.build()
    gan.fit(family.data(), verbose=0)
    gan.save(folder / "gan.keras")

    keras.utils.set_random_seed(32)
    checkpoint = kgan.callbacks.Checkpoint(folder / "checkpoints", keep=1)
    family.build().fit(
        family.data(), epochs=2, verbose=0, callbacks=[StopAfter(family.stopped), checkpoint]
    )

    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary).resolve()
        if family.train:
            family.write_data(data)
            words = [data / w if w in ("data.npz", "domains") else w for w in family.train]
            kgan_command(*words, "--seed", 33, "--out", data / "run")
            _keep(data / "run", folder / "run", data)
            if family.broken_off:
                RunFolder(folder / "run").model.unlink()
        np.savez_compressed(folder / "expected.npz", **_expected(name, folder, data))


def _keep(run: Path, target: Path, data: Path) -> None:
    """Copies what is kept of a run; its data goes by a name without a folder."""
    target.mkdir()
    for name in RUN:
        copy = shutil.copytree if (run / name).is_dir() else shutil.copy
        copy(run / name, target / name)
    for earlier in kgan.callbacks.find_checkpoints(target / "checkpoints")[:-1]:
        shutil.rmtree(earlier.path)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    config["settings"]["data"] = Path(config["settings"]["data"]).relative_to(data).as_posix()
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _expected(name, folder, temporary):
    keras.utils.set_random_seed(34)
    found = of_file(name, folder / "gan.keras")
    found |= of_checkpoint(name, shutil.copytree(folder / "checkpoints", temporary / "checkpoints"))
    if FAMILIES[name].train:
        found |= of_run(shutil.copytree(folder / "run", temporary / "read"))
        found |= resumed_run(shutil.copytree(folder / "run", temporary / "resumed"), temporary)
    return found


if __name__ == "__main__":
    from face import face

    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    chosen = sys.argv[2:] or [*FAMILIES, "face"]
    for one in chosen:
        if one == "face":
            text = json.dumps(face(), indent=1, ensure_ascii=False)
            (target / "public_face.json").write_text(text + "\n", encoding="utf-8")
        else:
            shutil.rmtree(target / one, ignore_errors=True)
            make(one, target / one)
        print(one)

"""Small trainings of every family, on one device or under a strategy, whose state is saved.

    python tests/scaling/works.py OUT --families vanilla,cyclegan --replicas 2

trains in this process and writes `OUT/FAMILY.npz`: every variable of the state, by name, and the
logs. With TF_CONFIG set the process is one worker of several. A process that trains under a
strategy also checks that its replicas hold the same, bit for bit.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
import tensorflow as tf
from test_matrix import FAMILIES, _crops, _domains, _pairs, _samples

import kgan
from kgan.training import state

SIDE = 8
# Batches of 12, and a last one of 2, which three replicas cannot share evenly.
COUNT, BATCH = 38, 12
STEPS = 20


def images(channels=1, side=SIDE, seed=0, count=COUNT):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, side, side, channels)).astype("uint8")


def settings():
    """The data and the options of each family, which keep it small."""
    loads = {
        _samples: lambda: kgan.data.from_arrays(
            images(), np.arange(COUNT) % 2, batch_size=BATCH, seed=1, drop_remainder=False
        ),
        _pairs: lambda: kgan.data.pairs(images(seed=1), images(seed=2), batch_size=BATCH, seed=1),
        _domains: lambda: kgan.data.domains(
            images(seed=1), images(seed=2), batch_size=BATCH, seed=1
        ),
        _crops: lambda: kgan.data.crops(
            list(images(3, 16, count=6)), scale=2, size=SIDE, batch_size=BATCH, per_image=4, seed=1
        ),
    }
    found = {name: (loads[data], options) for name, (data, options) in FAMILIES.items()}
    labelled, options = found["r3gan"]
    return found | {"r3gan with classes": (labelled, options | {"classes": 2})}


# What families are trained with beside their papers' settings, so that each kind of computation
# over the whole batch is used by one of them.
FURTHER = {
    "vanilla": {"penalties": ["lecam", "dragan"], "ema": 0.9},
    "dcgan": {"penalties": ["consistency"], "joint_batch": True},
    "acgan": {"accumulation_steps": 2},
    "sngan": {"discriminator_steps": 2},
    "r3gan": {"ema": 0.9},
}

# Plain gradient descent: Adam's first steps turn the rounding of a small gradient into a step of
# full size. The rates are so small that rounding does not grow: CycleGAN's normalization of few
# pixels enlarges a relative change of 1e-7 a thousandfold in three steps of 0.01.
RATES = {"vanilla": 1e-2, "cyclegan": 1e-5}


def train(name, strategy=None, steps=STEPS, callbacks=(), optimizer=None, **also):
    """Trains a small model of a family; returns (model, history)."""
    load, options = settings()[name]
    data = load()
    keras.utils.set_random_seed(3)
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        gan = kgan.models.find(name.split()[0]).for_data(data.info, seed=1, **options)
        gan.training_steps = STEPS
        rate = RATES.get(name, 1e-3)
        make = optimizer or (lambda: keras.optimizers.SGD(rate, global_clipnorm=1.0))
        optimizers = {player.name: make() for player in gan.make_players()}
        # A paper's five updates of the critic a step would take more data.
        further = {"discriminator_steps": 1} | FURTHER.get(name, {}) | also
        gan.compile(optimizers=optimizers, jit_compile=False, **further)
    per_step = max(player.updates for player in gan.players)
    batches = int(data.cardinality())
    epochs = max(1, -(-steps // (batches // per_step)))
    history = gan.fit(data, epochs=epochs, verbose=0, callbacks=list(callbacks)).history
    return gan, history


def state_of(gan, history=None) -> dict[str, np.ndarray]:
    """Returns every variable of a model and its logs by name."""
    found = {name: np.asarray(v.numpy()) for name, v in state.variables(gan).items()}
    logs = {f"logs/{name}": np.asarray(values) for name, values in (history or {}).items()}
    return found | logs


def replicas_apart(gan) -> list[str]:
    """Returns the names of variables that are not equal on all replicas of this process."""
    different = []
    for name, variable in state.variables(gan).items():
        copies = [part.numpy() for part in getattr(variable.value, "values", ())]
        if any(not np.array_equal(copies[0], copy, equal_nan=True) for copy in copies):
            different.append(name)
    return different


def strategy_of(replicas: int):
    """Returns the strategy of this process: of several workers, several replicas, or None."""
    if os.environ.get("TF_CONFIG"):
        return tf.distribute.MultiWorkerMirroredStrategy()
    if replicas == 1:
        return None
    cpu = tf.config.list_physical_devices("CPU")[0]
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [one] * replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{place}" for place in range(replicas)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--families", default="all")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--checkpoints", type=Path, help="where each family keeps and resumes")
    given = parser.parse_args()
    strategy = strategy_of(given.replicas)
    names = list(settings()) if given.families == "all" else given.families.split(",")
    given.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        watching = []
        if given.checkpoints:
            folder = given.checkpoints / name.replace(" ", "-")
            watching = [kgan.callbacks.Checkpoint(folder, every_steps=5, resume=True)]
        gan, history = train(name, strategy, given.steps, watching)
        if apart := replicas_apart(gan):
            raise SystemExit(f"{name}: replicas differ in {apart[:5]}")
        np.savez(given.out / f"{name}.npz", **state_of(gan, history))


if __name__ == "__main__":
    main()

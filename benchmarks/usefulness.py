"""What balancing by kgan does to a rare class, beside copying it and shifting it.

    TFDS_DATA_DIR=... python benchmarks/usefulness.py

Of each digit of MNIST's training split the first `--per-class` pictures are taken, and of the digit
`--rare` only `--few`. For each of `--generators` seeds a conditional model of kgan is trained on
them, and `kgan.balance` draws what the rare class lacks. Then the small classifier of
`kgan.metrics.usefulness` is trained on each of these, with `--seeds` seeds, and tested on the
10,000 pictures of the test split, which neither has seen:

- the real pictures alone; with the rare class copied; with shifts of up to 3 pixels; with both;
- the real pictures and what kgan drew for the rare class; the same with shifts.

Every training of the classifier takes the same number of steps. Figures are mean and standard
deviation over all its trainings. It writes `usefulness.md`, `usefulness.json` and, for each
generator, a sheet of the kept samples of the rare class into `--out`; what is finished there is not
repeated unless `--again` is given. A second call with another `--family` adds to the table:

    python benchmarks/usefulness.py --family conditional --width 32 --steps 6000 --augment none \\
        --feed real --generators 1
"""

import argparse
import json
import os
import pathlib
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import kgan
from kgan import pictures
from kgan.metrics.small_classifier import copied, plain_augmentation
from kgan.metrics.usefulness_metric import compare

# The settings of all trainings of the classifier, and further ones of the generator.
OF_CLASSIFIER = ("rare", "few", "per_class", "seeds", "classifier_steps")
OF_GENERATOR = ("family", "width", "steps", "augment", "feed", "ema")


def arrays(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns images in [-1, 1] and labels, in the order of the data set."""
    data = kgan.data.load("mnist", split=split, batch_size=500, shuffle=False, drop_remainder=False)
    images, labels = zip(*data.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels).astype("int64")


def unequal(images, labels, given) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first pictures of each class, few of the rare one."""
    rows = [
        np.flatnonzero(labels == each)[: given.few if each == given.rare else given.per_class]
        for each in range(10)
    ]
    rows = np.concatenate(rows)
    return images[rows], labels[rows]


def trained(given, images, labels, seed: int) -> tuple[kgan.GAN, float]:
    """Returns a conditional model, trained on the pictures, and the seconds that it took."""
    keras.utils.set_random_seed(seed)
    if given.feed == "copies":
        rows = copied(labels)
        images, labels = images[rows], labels[rows]
    data = kgan.data.from_arrays(
        images,
        labels,
        batch_size=64,
        value_range=(-1.0, 1.0),
        source_range=(-1.0, 1.0),
        seed=seed,
        drop_remainder=True,
    )
    options = {"width": given.width} | ({} if given.family == "conditional" else {"classes": 10})
    gan = kgan.models.find(given.family).for_data(data.info, seed=seed, **options)
    augment = None if given.augment == "none" else given.augment
    # Five of the discriminator's, as some papers have it, would take five times as long.
    gan.compile(ema=given.ema, augment=augment, discriminator_steps=1)
    begun = time.perf_counter()
    gan.fit(data, epochs=-(-given.steps // data.info.steps_per_epoch), verbose=0)
    return gan, time.perf_counter() - begun


def kept(given, images, labels, seed: int) -> tuple[kgan.GAN, float]:
    """As `trained`; a model that was trained by the same settings before is loaded."""
    if given.work is None:
        return trained(given, images, labels, seed)
    of = (*OF_GENERATOR, "rare", "few", "per_class")
    named = "-".join(str(getattr(given, name)) for name in of)
    path = given.work / f"{named}-{seed}.keras"
    if not path.exists():
        gan, seconds = trained(given, images, labels, seed)
        given.work.mkdir(parents=True, exist_ok=True)
        gan.save(path)
        path.with_suffix(".json").write_text(json.dumps(seconds))
    return kgan.load(path), json.loads(path.with_suffix(".json").read_text())


def plain(given, images, labels, tested) -> dict[str, list]:
    """Returns, by what the classifier was trained on, [recall of the rare class, accuracy]."""
    rows, shift = copied(labels), plain_augmentation("auto", images.shape[1:])
    repeated = images[rows], labels[rows]
    sets = {
        "real": (images, labels, None),
        "copies": (*repeated, None),
        "shifts": (images, labels, shift),
        "copies and shifts": (*repeated, shift),
    }
    return figures(given, sets, tested)


def by_kgan(given, images, labels, tested, seed: int) -> dict[str, list]:
    """As `plain`, with what kgan drew, of one seed of the generator; and how it was drawn."""
    gan, seconds = kept(given, images, labels, seed)
    more = kgan.balance(gan, (images, labels), confidence=given.confidence, seed=seed)
    sheet = pictures.grid(more.samples[:100], value_range=(-1.0, 1.0), columns=20)
    pictures.save_png(given.out / f"usefulness-{given.family}-{seed}.png", sheet)
    together, shift = more.with_real(), plain_augmentation("auto", images.shape[1:])
    sets = {
        "balanced by kgan": (*together, None),
        "balanced by kgan, and shifts": (*together, shift),
    }
    drawn = {name: int(getattr(more, name)[given.rare]) for name in ("drawn", "rejected", "lacked")}
    drawn["variety"] = round(float(more.variety[given.rare]), 3)
    return figures(given, sets, tested) | {"sampling": drawn | {"seconds": round(seconds)}}


def figures(given, sets, tested) -> dict[str, list]:
    report = compare(sets, tested, given.seeds, given.classifier_steps)
    found = {}
    for name in sets:
        rare, accuracy = report.recall[name][:, given.rare], report.accuracy[name]
        found[name] = [[float(a), float(b)] for a, b in zip(rare, accuracy, strict=True)]
        print(f"{name:30} {rare.mean():.3f} {accuracy.mean():.4f}", flush=True)
    return found


def row(name: str, pairs: list) -> str:
    """Returns a row of the table: means and standard deviations of all trainings."""
    rare, accuracy = np.transpose(pairs)
    return (
        f"| {name} | {len(pairs)} | {rare.mean():.3f} ± {rare.std():.3f} | "
        f"{accuracy.mean():.4f} ± {accuracy.std():.4f} |"
    )


def table(stored: dict) -> str:
    """Returns the table of all that is stored, and how it was measured."""
    settings = stored["settings"]
    lines = [
        f"| trained on | trainings | recall of the rare class, {settings['rare']} | accuracy |",
        "| --- | --- | --- | --- |",
        *(row(name, pairs) for name, pairs in stored["plain"].items()),
    ]
    notes = [
        f"MNIST, {settings['per_class']} pictures of each class and {settings['few']} of the class "
        f"{settings['rare']}, tested on 10,000. Classifier: {settings['classifier_steps']} steps "
        f"of 64, {settings['seeds']} seeds for each training set; the spread is over all trainings."
    ]
    for generator in stored["generators"].values():
        of, runs = generator["settings"], list(generator["runs"].values())
        for name in (name for name in runs[0] if name != "sampling"):
            pairs = [pair for run in runs for pair in run[name]]
            lines.append(row(f"{name} ({of['family']})", pairs))
        drawn = "; ".join(
            f"{run['sampling']['rejected']} of {run['sampling']['drawn']} samples rejected, "
            f"variety {run['sampling']['variety']}, after {run['sampling']['seconds']} s of "
            f"training"
            for run in runs
        )
        copies = " and copies of the rare ones" if of["feed"] == "copies" else ""
        notes.append(
            f"`{of['family']}`: width {of['width']}, {of['steps']} steps of 64, augment="
            f"{of['augment']}, on the real pictures{copies}; {len(runs)} "
            f"seed{'s' if len(runs) > 1 else ''}: {drawn}."
        )
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}, kgan {kgan.__version__}"
    notes.append(
        f"{platform.machine()}, {os.cpu_count()} cores that other work shared, Python "
        f"{platform.python_version()}, {versions}."
    )
    return "\n".join([*lines, "", "\n\n".join(notes)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rare", type=int, default=8)
    parser.add_argument("--few", type=int, default=50)
    parser.add_argument("--per-class", type=int, default=300)
    parser.add_argument("--family", default="sngan")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--augment", default="diffaugment")
    parser.add_argument(
        "--feed", choices=["real", "copies"], default="copies", help="what the generator trains on"
    )
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--confidence", type=float, default=0.5)
    parser.add_argument("--generators", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--classifier-steps", type=int, default=400)
    parser.add_argument("--work", type=pathlib.Path, help="a folder for the trained generators")
    parser.add_argument("--again", action="store_true")
    default = pathlib.Path(__file__).parent / "results"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "usefulness.json"
    stored = json.loads(path.read_text()) if path.exists() and not given.again else {}
    settings = {name: getattr(given, name) for name in OF_CLASSIFIER}
    if stored.get("settings") != settings:
        stored = {"settings": settings, "plain": {}, "generators": {}}
    images, labels = unequal(*arrays("train"), given)
    tested = arrays("test")

    def store() -> None:
        path.write_text(json.dumps(stored, indent=1) + "\n")

    if not stored["plain"]:
        stored["plain"] = plain(given, images, labels, tested)
        store()
    of = {name: getattr(given, name) for name in (*OF_GENERATOR, "confidence")}
    key = "-".join(map(str, of.values()))
    runs = stored["generators"].setdefault(key, {"settings": of, "runs": {}})["runs"]
    for seed in range(given.generators):
        if str(seed) not in runs:
            runs[str(seed)] = by_kgan(given, images, labels, tested, seed)
            store()
    text = table(stored)
    print(text)
    (given.out / "usefulness.md").write_text(text + "\n")


if __name__ == "__main__":
    main()

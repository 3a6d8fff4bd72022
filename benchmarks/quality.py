"""The quality board: trains every family for a given time and measures its samples.

    python benchmarks/quality.py --short                   # 5 minutes a model, over 3 seeds
    python benchmarks/quality.py --seconds 1800            # half an hour a seed
    python benchmarks/quality.py --models stable --seeds 5

Each training ends after `--seconds`, counted from the end of its first step, or after the steps
that the board states for it, whichever comes first. If the time is shorter than the board's, the
steps are reduced in proportion, and the schedules end with them. `TF_NUM_INTRAOP_THREADS=1` limits
a training to one core, so that several can run side by side; `--merge` combines their results.

Then as many samples are generated as the test split holds, and measured against it. The row "real"
has the same number of training images in their place: the floor. Figures are mean ± standard
deviation over the seeds.

Conditional models are also measured class by class: the least and the mean over the classes of
recall and coverage, against the test images of the class. For InfoGAN the code agreement is the
fraction of samples whose categorical code agrees with the digit, for the best pairing of codes and
digits.

It writes into `benchmarks/results/`: `quality.md` (the table), `quality.json`, a sheet of samples
for each model (for VAE/GAN also test images above their reconstructions) and `side_by_side.png`
with 64 samples of every unconditional MNIST model. Finished trainings are not repeated, and an
interrupted one is resumed from its last checkpoint under `--work`; `--again` starts all again.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import time
from dataclasses import dataclass, field

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import scipy.optimize
import tensorflow as tf
from PIL import Image, ImageDraw

import kgan
from kgan import callbacks, metrics, models, pictures
from kgan.runs.files import replace


@dataclass(frozen=True)
class Entry:
    """A row of the board.

    Attributes:
        name: name on the command line and in the table.
        model: name in `kgan.models.CATALOGUE`.
        options: options of the model.
        data: name of the data set.
        steps: steps of a full training, at which its schedules end.
        minutes: time of a full training; with less time the steps are reduced in proportion.
        xla: `jit_compile` of the training; False for models for which "auto" is slower.
    """

    name: str
    model: str
    options: dict = field(default_factory=dict)
    data: str = "mnist"
    steps: int = 10_000
    minutes: float = 30.0
    xla: bool | str = "auto"

    @property
    def extractor(self) -> str:
        """Name of the extractor that computes the features."""
        return EXTRACTORS.get(self.data, "auto")

    def steps_in(self, seconds: float) -> int:
        """Returns the number of steps of a training of that length."""
        return max(10, round(self.steps * min(1.0, seconds / 60 / self.minutes)))


BOARD = [
    Entry("stable", "vanilla", {"variant": "stable"}, steps=12_000, minutes=8),
    Entry("relu", "vanilla", {"variant": "relu"}, steps=60_000, minutes=5),
    Entry("leaky_relu", "vanilla", {"variant": "leaky_relu"}, steps=300_000, minutes=20),
    Entry("joint_batch", "vanilla", {"variant": "joint_batch"}, steps=46_800, minutes=6),
    Entry("minimax", "vanilla", {"variant": "minimax"}, steps=60_000, minutes=4),
    Entry("dcgan", "dcgan", {"preset": "narrow"}, steps=8000, minutes=20),
    # The papers' rates, on networks that halve digits twice; see `kgan.models.DCGAN`.
    Entry("dcgan-paper", "dcgan", {"width": 32, "halvings": 2}, steps=8000, minutes=10),
    Entry("wgan", "wgan", {"width": 32, "halvings": 2}, steps=5000, minutes=15, xla=False),
    Entry("wgangp", "wgangp", {"preset": "narrow"}, steps=6000, minutes=20, xla=False),
    Entry(
        "wgangp-paper", "wgangp", {"width": 32, "halvings": 2}, steps=4000, minutes=20, xla=False
    ),
    Entry("began", "began", {"preset": "narrow"}, steps=8000, minutes=10),
    Entry("infogan", "infogan", {"width": 16}, steps=10_000, minutes=12),
    Entry("vaegan", "vaegan", {"width": 16, "latent_size": 16}, steps=8000, minutes=10),
    Entry("sngan", "sngan", {"width": 32, "discriminator_steps": 1}, steps=5000, xla=False),
    Entry("sagan", "sagan", {"width": 16}, steps=5000),
    Entry("r3gan", "r3gan"),
    Entry("lapgan", "lapgan", {"preset": "narrow"}, xla=False),
    Entry("lapgan-paper", "lapgan", {"width": 32, "units": 600}, steps=6000, xla=False),
    Entry("conditional", "conditional", steps=6000, minutes=10),
    Entry("acgan", "acgan", {"width": 32}, steps=8000, minutes=10, xla=False),
    Entry(
        "sngan-projection",
        "sngan",
        {"width": 32, "discriminator_steps": 1, "classes": 10},
        steps=5000,
        xla=False,
    ),
    Entry("r3gan-conditional", "r3gan", {"classes": 10}),
    Entry("points-ring", "vanilla", {"variant": "points"}, "ring", minutes=3),
    Entry("points-grid", "vanilla", {"variant": "points"}, "grid", minutes=3),
    *(
        Entry(
            f"minimax-{data}",
            "vanilla",
            {"variant": "minimax", "output": "linear"},
            data,
            20_000,
            3,
        )
        for data in ("ring", "grid")
    ),
    Entry("r3gan-ring", "r3gan", {"preset": "points"}, "ring", steps=12_000, minutes=5),
    # A wider spread within the modes, for fewer samples of high quality.
    Entry(
        "r3gan-ring-latents4",
        "r3gan",
        {"preset": "points", "latent_size": 4},
        "ring",
        steps=12_000,
        minutes=5,
    ),
    Entry("r3gan-grid", "r3gan", {"preset": "points"}, "grid", steps=12_000, minutes=5),
    Entry("minimax-stacked", "vanilla", {"variant": "minimax"}, "stacked_mnist", 60_000, 5),
    Entry(
        "minimax-stacked-pack2",
        "vanilla",
        {"variant": "minimax", "pack": 2},
        "stacked_mnist",
        60_000,
        5,
    ),
    Entry(
        "minimax-stacked-pack4",
        "vanilla",
        {"variant": "minimax", "pack": 4},
        "stacked_mnist",
        60_000,
        5,
    ),
    Entry("r3gan-stacked", "r3gan", {}, "stacked_mnist", steps=15_000, minutes=60),
    Entry("dcgan-cifar10", "dcgan", {"width": 32}, "cifar10", steps=6000),
    # The paper's five discriminator updates: with one, the samples are all alike on this data.
    Entry("sngan-cifar10", "sngan", {"width": 32}, "cifar10", steps=1500, xla=False),
    Entry("r3gan-cifar10", "r3gan", {}, "cifar10", steps=5000),
]
# Extractors that were trained on images of the same kind as the data.
EXTRACTORS = {"stacked_mnist": "stacked_digits", "cifar10": "cifar10"}
# Named in the head of the column, because distances of different features are not comparable.
FEATURES = {
    "digits": "kgan's digits features; not FID",
    "cifar10": "kgan's cifar10 features; not FID",
    "values": "of the points themselves; not FID",
}

COLUMNS = {
    "frechet_distance": "Fréchet distance",
    "kernel_distance": "kernel distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "diversity": "diversity",
    "classifier_accuracy": "class accuracy",
    "least_recall": "recall in a class, least",
    "mean_recall": "mean",
    "least_coverage": "coverage in a class, least",
    "mean_coverage": "mean",
    "code_agreement": "code agreement",
    "modes": "modes",
    "high_quality": "high quality",
    "mode_spread": "spread of modes",
    "mode_kl": "KL of modes",
}
SAMPLES = 10_000


class Clock(keras.callbacks.Callback):
    """Ends a training after a number of steps or seconds, including those before an interruption.

    Args:
        steps: the most steps in all.
        seconds: the most seconds in all.
        file: JSON file that keeps the seconds spent, and the family's own logs by epoch.
    """

    def __init__(self, steps, seconds, file):
        super().__init__()
        self.steps = steps
        self.seconds = seconds
        self.file = file
        kept = json.loads(file.read_text()) if file.is_file() else {}
        self.before = kept.get("seconds", 0.0)
        self.game = kept.get("game", [])
        self.start = None

    @property
    def spent(self):
        """Seconds of training so far."""
        return self.before + (time.perf_counter() - self.start if self.start else 0.0)

    def on_train_batch_end(self, batch, logs=None):
        if self.start is None:
            # The first step is mostly compilation.
            self.start = time.perf_counter()
        if self.spent >= self.seconds or int(self.model.iterations) >= self.steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.game.append({name: float(logs[name]) for name in self.model.game_logs})
        # The checkpoint beside this file is of the same moment or slightly older.
        text = json.dumps({"seconds": self.spent, "game": self.game})
        replace(self.file, lambda part: part.write_text(text))


def load(entry, split, **options):
    """Loads a split of the entry's data."""
    return kgan.data.load(entry.data, split=split, **options)


def test_part(entry, value_range):
    """Loads the samples that figures are measured against."""
    options = {"n": SAMPLES} if entry.data in ("ring", "grid") else {}
    return load(
        entry, "test", batch_size=250, value_range=value_range, drop_remainder=False, **options
    )


def measures(entry, info):
    """Returns the metrics that suit the data."""
    if entry.data == "stacked_mnist":
        return [metrics.ModeCoverage(info.modes)]
    names = ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")
    found = [metrics.get(name, extractor=entry.extractor) for name in names]
    if info.modes is not None:
        found.append(metrics.ModeCoverage(info.modes))
    else:
        found.append(metrics.Diversity())
    return found


def within_classes(entry, gan, test):
    """Returns the least and the mean recall and coverage over the classes.

    The samples of each class are measured against its test samples.
    """
    real, labels = (np.concatenate(part) for part in zip(*test.as_numpy_iterator(), strict=True))
    figures = {}
    for label in range(gan.classes):
        of_class = real[labels == label]
        found = metrics.measure(
            [metrics.get(name, extractor=entry.extractor) for name in ("recall", "coverage")],
            of_class,
            gan.generate(len(of_class), labels=label, seed=label),
            value_range=gan.data_range,
        )
        for name, value in found.items():
            figures.setdefault(name, []).append(value)
    return {
        f"{kind}_{name}": float(reduce(values))
        for name, values in figures.items()
        for kind, reduce in (("least", np.min), ("mean", np.mean))
    }


def code_agreement(gan):
    """Returns the fraction of samples whose categorical code agrees with the classifier's digit."""
    categories = gan.latents.categorical[0]
    counts = np.zeros((categories, 10))
    classifier = metrics.extractors.Digits()
    classifier.prepare(gan.sample_shape, gan.data_range)
    for category in range(categories):
        images = gan.generate(1000, categorical=category, seed=category)
        seen = np.argmax(classifier(images).logits, axis=-1)
        counts[category] = np.bincount(seen, minlength=10)
    rows, columns = scipy.optimize.linear_sum_assignment(-counts)
    return float(counts[rows, columns].sum() / counts.sum())


def train(entry, seed, seconds, work):
    """Trains or resumes an entry; returns the model and the clock with its seconds and logs."""
    keras.utils.set_random_seed(seed)
    family = models.find(entry.model)
    batch_size, _ = family.recipe(**entry.options)
    data = load(entry, "train", batch_size=batch_size, seed=seed)
    gan = family.for_data(data.info, seed=seed, **entry.options)
    gan.training_steps = entry.steps_in(seconds)
    gan.compile(steps_per_execution=10, jit_compile=entry.xla)
    work.mkdir(parents=True, exist_ok=True)
    clock = Clock(gan.training_steps, seconds, work / "spent.json")
    saved = callbacks.latest(work / "checkpoints") if clock.before else None
    if saved and (clock.before >= seconds or saved.iterations >= clock.steps):
        gan.load_weights(saved.weights)
    else:
        saving = callbacks.Checkpoint(
            work / "checkpoints",
            every_steps=5000,
            resume=clock.before > 0,
            overwrite=clock.before == 0,
        )
        gan.fit(data, epochs=10**6, verbose=0, callbacks=[saving, clock])
    return gan, clock


def result(entry, seed, seconds, work):
    """Trains an entry, draws its samples and returns its figures."""
    gan, clock = train(entry, seed, seconds, work)
    test = test_part(entry, gan.data_range or (-1.0, 1.0))
    found = measures(entry, test.info)
    if gan.classes:
        found.append(metrics.ClassifierAccuracy(extractor=entry.extractor))
    figures = gan.evaluate(test, verbose=0, metrics=found)
    if gan.classes:
        figures |= within_classes(entry, gan, test)
    if entry.model == "infogan":
        figures["code_agreement"] = code_agreement(gan)
    points = len(test.info.sample_shape) == 1
    if entry.model == "vaegan":
        # Reconstructs test images, which it was not trained on.
        gan.examples = next(iter(test))[0].numpy()
    reference = next(iter(test.unbatch().batch(2000)))[0] if points else None
    sheets = [
        pictures.draw(
            samples, value_range=gan.data_range, reference=reference, columns=gan.preview_columns
        )
        for samples in gan.preview(2000 if points else 64).values()
    ]
    pictures.save_png(work / "samples.png", np.concatenate(sheets, axis=1))
    return {
        "figures": {name: figures[name] for name in COLUMNS if name in figures},
        "rests_on": found[0].report(),
        "steps": int(gan.iterations),
        "seconds": clock.spent,
        "cores": cores(),
        # Means over the first and over the last epoch.
        "game": [clock.game[0], clock.game[-1]] if gan.game_logs and clock.game else [],
    }


def side_by_side(results, out):
    """Draws the sheets of the unconditional MNIST models on one page, each with its name."""
    entries = [
        entry
        for entry in BOARD
        if entry.data == "mnist"
        and entry.name in results["models"]
        and "classes" not in entry.options
        and not models.find(entry.model).needs_labels
        and (out / f"{entry.name}.png").is_file()
    ]
    if not entries:
        return
    side, caption, across = 240, 18, 5
    down = -(-len(entries) // across)
    page = Image.new("RGB", (across * (side + 8), down * (side + caption + 8)), "white")
    draw = ImageDraw.Draw(page)
    for place, entry in enumerate(entries):
        left, top = place % across * (side + 8), place // across * (side + caption + 8)
        with Image.open(out / f"{entry.name}.png") as sheet:
            samples = sheet.convert("RGB")
            if sheet.width >= 2 * sheet.height:
                # The left one of two sheets shows the samples.
                samples = samples.crop((0, 0, sheet.width // 2, sheet.height))
            page.paste(samples.resize((side, side)), (left, top + caption))
        draw.text((left + 2, top + 3), entry.name, fill="black")
    page.save(out / "side_by_side.png")


def floor(entry):
    """Measures as many training samples in place of generated ones."""
    test = test_part(entry, (-1.0, 1.0))
    training = load(entry, "train", batch_size=250, seed=1)
    return metrics.measure(measures(entry, test.info), test, training, test.info.size)


def cores() -> int:
    """Returns the number of cores of a training."""
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS") or os.cpu_count())


def machine():
    """Returns the machine and the versions as a line of text."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, kgan {kgan.__version__}"
    )


def table(results) -> str:
    """Returns the board as Markdown, with a table for each data set."""
    lines = []
    for data in dict.fromkeys(entry.data for entry in BOARD):
        rows = [entry for entry in BOARD if entry.data == data and entry.name in results["models"]]
        if not rows:
            continue
        real = results["floors"][data]
        of_rows = [next(iter(results["models"][row.name].values()))["figures"] for row in rows]
        columns = [name for name in COLUMNS if any(name in figures for figures in of_rows)]
        rests = next(iter(results["models"][rows[0].name].values()))["rests_on"]
        lines += [
            f"**{data}**: {rests['fake']} generated samples"
            + (f" against {rests['real']} of the test part" if "real" in rests else "")
            + f", extractor `{rests['extractor']}`",
            "",
            "| model | seeds | steps | seconds | cores | "
            f"{' | '.join(_head(name, rests['extractor']) for name in columns)} |",
            "| --- " * (len(columns) + 5) + "|",
        ]
        for entry in rows:
            runs = list(results["models"][entry.name].values())
            cells = [
                _spread([run["figures"].get(name, np.nan) for run in runs]) for name in columns
            ]
            steps = np.mean([run["steps"] for run in runs])
            seconds = np.mean([run["seconds"] for run in runs])
            lines.append(
                f"| {entry.name} | {len(runs)} | {steps:.0f} | {seconds:.0f} | "
                f"{runs[0]['cores']} | {' | '.join(cells)} |"
            )
        cells = [_figure(real[name]) if name in real else "" for name in columns]
        lines += [f"| *real* | | | | | {' | '.join(cells)} |", ""]
    head = f"Mean ± standard deviation over the seeds; {results['machine']}."
    return "\n".join([head, "", *lines])


def _head(name, extractor):
    """Returns the heading of a column."""
    if name == "frechet_distance":
        return f"{COLUMNS[name]} ({FEATURES.get(extractor, f'{extractor} features')})"
    return COLUMNS[name]


def _spread(values):
    values = [value for value in values if np.isfinite(value)]
    if not values:
        return "-"
    if len(values) == 1:
        return _figure(values[0])
    return f"{_figure(np.mean(values))} ± {np.std(values, ddof=1):.2g}"


def _figure(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def write(results, out):
    """Writes the figures and the table."""
    text, board = json.dumps(results, indent=1) + "\n", table(results)
    replace(out / "quality.json", lambda part: part.write_text(text))
    replace(out / "quality.md", lambda part: part.write_text(board))


def merge(results, folders, out):
    """Adds rows and sheets of other runs of this script, from other cores or machines."""
    for folder in folders:
        other = json.loads((folder / "quality.json").read_text())
        results["floors"] = other["floors"] | results["floors"]
        results["models"] |= other["models"]
        for sheet in folder.glob("*.png"):
            shutil.copy(sheet, out / sheet.name)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [entry.name for entry in BOARD]
    parser.add_argument("--models", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=600.0, help="time of each training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="5 minutes a model, over all seeds")
    parser.add_argument("--again", action="store_true", help="repeat finished trainings")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("quality-runs"))
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "results"
    )
    parser.add_argument(
        "--merge",
        nargs="+",
        type=pathlib.Path,
        default=[],
        metavar="OUT",
        help="combine the results in these folders; trains nothing",
    )
    arguments = parser.parse_args()
    seconds = 300.0 / arguments.seeds if arguments.short else arguments.seconds
    arguments.out.mkdir(parents=True, exist_ok=True)
    file = arguments.out / "quality.json"
    results = json.loads(file.read_text()) if file.is_file() else {}
    results = {"machine": machine(), "models": {}, "floors": {}} | results
    results["machine"] = machine()
    merge(results, arguments.merge, arguments.out)
    for entry in [] if arguments.merge else BOARD:
        if entry.name not in arguments.models:
            continue
        if entry.data not in results["floors"]:
            results["floors"][entry.data] = floor(entry)
        runs = results["models"].setdefault(entry.name, {})
        for seed in range(arguments.seeds):
            key, work = f"{seed}", arguments.work / f"{entry.name}-{seconds:.0f}s-{seed}"
            budget = {"budget": seconds, "options": entry.options}
            if arguments.again:
                shutil.rmtree(work, ignore_errors=True)
            elif key in runs and {name: runs[key][name] for name in budget} == budget:
                continue
            runs[key] = budget | result(entry, seed, seconds, work)
            keras.backend.clear_session()
            print(f"{entry.name}, seed {seed}: {runs[key]}", flush=True)
            write(results, arguments.out)
        # Drops runs of more seeds than asked for, which would mix with these.
        results["models"][entry.name] = dict(sorted(list(runs.items())[: arguments.seeds]))
        sheet = arguments.work / f"{entry.name}-{seconds:.0f}s-0" / "samples.png"
        if sheet.is_file():  # elsewhere, if the first seed was trained in another place
            shutil.copy(sheet, arguments.out / f"{entry.name}.png")
    write(results, arguments.out)
    side_by_side(results, arguments.out)
    print(table(results))


if __name__ == "__main__":
    main()

"""Makes the trained models that kgan carries: `kgan generate digits`, `R3GAN.from_preset("ring")`.

    TFDS_DATA_DIR=... python benchmarks/presets.py               # all of them
    TFDS_DATA_DIR=... python benchmarks/presets.py mnist ring

Each is trained by `kgan train` as its row says, measured by `kgan evaluate --floor`, and written to
`kgan/pretrained/NAME/`: the settings of the run, the networks in float16 without the optimizers (of
an averaged generator the average), the last picture of samples, and the figures of the model as it
was before and is now. A training that was interrupted goes on from its last checkpoint under
`--work`; one that has ended is not repeated. `--again NAME` trains anew.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from kgan.inference.formats import keras_file
from kgan.runs import RunFolder, configuration

HOME = pathlib.Path(__file__).parent.parent / "kgan" / "pretrained"

MNIST = "MNIST, by Yann LeCun and Corinna Cortes: CC BY-SA 3.0"
DIGITS = "the UCI handwritten digits that come with scikit-learn: CC BY 4.0"
INKED = "MNIST, half of it in blue on yellow, by Yann LeCun and Corinna Cortes: CC BY-SA 3.0"
PHOTOGRAPHS = (
    "photographs that come with scikit-image and scikit-learn: astronaut (NASA) and rocket "
    "(SpaceX), public domain; coffee (Rachel Michetti), CC0; china and flower (danielbuechele "
    "and vultilion), CC BY 2.0"
)
DRAWN = "points that kgan draws itself: no licence"

# Name: the words of `kgan train`, what it is, and the data with its licence.
ROWS = {
    "digits": (
        "vanilla --data digits -O preset=stable --steps 12000",
        "handwritten digits of 8x8, by two perceptrons",
        DIGITS,
    ),
    "mnist": (
        "r3gan --data mnist --steps 10000",
        "handwritten digits of 28x28",
        MNIST,
    ),
    "mnist-classes": (
        "r3gan --data mnist -O classes=10 --steps 10000",
        "handwritten digits of 28x28, of a digit that you choose",
        MNIST,
    ),
    "mnist-infogan": (
        "infogan --data mnist -O width=16 --steps 10000",
        "handwritten digits of 28x28, with codes that it found by itself",
        MNIST,
    ),
    "mnist-ink": (
        "cyclegan --data ink -O width=16 -O blocks=3 -O identity=0 --batch-size 8 --steps 6000",
        "handwritten digits of 28x28, white on black, in blue ink on yellow paper; and back",
        INKED,
    ),
    "photographs-x4": (
        "srgan --data photographs -O preset=narrow -O content=pixels --steps 800",
        "photographs, enlarged four times",
        PHOTOGRAPHS,
    ),
    "ring": (
        "r3gan --data ring -O preset=points --steps 12000",
        "points in the plane, in eight groups on a circle",
        DRAWN,
    ),
    "grid": (
        "r3gan --data grid -O preset=points --steps 12000",
        "points in the plane, in twenty-five groups on a grid",
        DRAWN,
    ),
}
# How models that start from images are used.
USES = {
    "cyclegan": "Translate: kgan translate {name} FILE|FOLDER, and back: --direction b2a",
    "srgan": "Enlarge: kgan upscale {name} FILE|FOLDER",
}
# What a card keeps of an evaluation.
_KEPT = ("step", "split", "figures", "floor", "versions")
# What a run's settings say of the machine or of this program, and not of the model.
_NOT_KEPT = ("out", "workers", "devices")


def run(*words: str, at: pathlib.Path, out: int | None = None) -> str:
    """Runs `kgan` in the folder `at`; returns what it printed to a pipe `out`."""
    print("$ kgan", *words, flush=True)
    command = [sys.executable, "-m", "kgan", *words]
    return subprocess.run(command, check=True, text=True, stdout=out, cwd=at).stdout


def evaluated(folder: pathlib.Path, at: pathlib.Path) -> dict:
    """Returns the record of `kgan evaluate`."""
    words = ["evaluate", str(folder.absolute()), "--json"]
    settings = json.loads((folder / "config.json").read_text())["settings"]
    if settings["model"] not in USES:
        words.append("--floor")
    return json.loads(run(*words, at=at, out=subprocess.PIPE))


def ink(folder: pathlib.Path) -> None:
    """Writes two domains of MNIST digits: as they are, and others in blue on yellow."""
    from from_images import arrays, recoloured

    import kgan

    for split, count in (("train", 20_000), ("test", 2000)):
        grey, _ = arrays("mnist", f"{split}[:{count}]")
        halves = grey[: count // 2].repeat(3, -1), recoloured(grey[count // 2 :])
        for domain, images in zip("AB", halves, strict=True):
            place = folder / f"{split}{domain}"
            place.mkdir(parents=True)
            for number, image in enumerate(np.round(images * 255).astype("uint8")):
                kgan.pictures.save_png(place / f"{number:05}.png", image)


def photographs(folder: pathlib.Path) -> None:
    """Writes five photographs to train on, and one to measure with."""
    import skimage.data
    import sklearn.datasets

    found = {name: getattr(skimage.data, name)() for name in ("astronaut", "coffee", "rocket")}
    for name in ("china", "flower"):
        found[name] = sklearn.datasets.load_sample_image(f"{name}.jpg")
    for part, images in {"train": found, "test": {"chelsea": skimage.data.chelsea()}}.items():
        (folder / part).mkdir(parents=True)
        for name, image in images.items():
            Image.fromarray(image).save(folder / part / f"{name}.png")


# What is written before a training, by the name of its folder.
WRITTEN = {"ink": ink, "photographs": photographs}


def networks_alone(source: pathlib.Path, target: pathlib.Path) -> str:
    """Writes a model's networks to `target`; where there is an average, it is the generator.

    Returns the name of its class.
    """
    import kgan

    gan = kgan.load(source)
    if gan.average is not None:
        for weight, mean in gan.average.pairs():
            weight.assign(mean)
    alone = type(gan).from_config(gan.get_config())
    for role, network in gan.networks.items():
        for weight, value in zip(alone.networks[role].weights, network.weights, strict=True):
            weight.assign(value)
    alone.iterations.assign(gan.iterations)
    alone.save(target)
    keras_file.halve(target)
    return type(gan).__name__


def packed(name: str, trained: pathlib.Path, home: pathlib.Path) -> None:
    """Writes what the package carries of a run."""
    words, title, data = ROWS[name]
    before = evaluated(trained, trained.parent)
    made = home / f".{name}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    class_name = networks_alone(trained / "gan.keras", made / "gan.keras")
    config = json.loads((trained / "config.json").read_text())
    for key in _NOT_KEPT:
        config["settings"].pop(key, None)
    config["settings"]["data_dir"] = None
    # A folder that this program has written, where `kgan evaluate` finds it again.
    config["settings"]["data"] = pathlib.Path(config["settings"]["data"]).name
    config.pop("checksum", None)
    signed = json.dumps(configuration.signed(config), indent=2) + "\n"
    (made / "config.json").write_text(signed)
    card = {
        "class": class_name,
        "title": title,
        "data": data,
        "command": f"kgan train {words}",
        "trained": {key: before[key] for key in _KEPT},
    }
    if config["settings"]["model"] in USES:
        card["use"] = USES[config["settings"]["model"]].format(name=name)
    after = evaluated(made, trained.parent)
    card["carried"] = after["figures"]
    (made / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    # A folder within the package gets no record of its own.
    RunFolder(made).add_evaluation(after)
    pictured = max((trained / "samples").glob("step-*.png"))
    (made / "samples").mkdir()
    shutil.copyfile(pictured, made / "samples" / pictured.name)
    shutil.rmtree(home / name, ignore_errors=True)
    made.rename(home / name)
    size = sum(file.stat().st_size for file in (home / name).rglob("*.*")) / 2**20
    print(f"{name}: {size:.2f} MiB", json.dumps(card["carried"]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*ROWS, []], default=list(ROWS))
    parser.add_argument("--work", type=pathlib.Path, default="runs/presets")
    parser.add_argument("--home", type=pathlib.Path, default=HOME)
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    for name in given.names or ROWS:
        folder = given.work / name
        if given.again:
            shutil.rmtree(folder, ignore_errors=True)
        given.work.mkdir(parents=True, exist_ok=True)
        words = ROWS[name][0].split()
        source = words[words.index("--data") + 1]
        if source in WRITTEN and not (given.work / source).is_dir():
            part = given.work / f".{source}"
            shutil.rmtree(part, ignore_errors=True)
            WRITTEN[source](part)
            part.rename(given.work / source)
        if not (folder / "gan.keras").is_file():
            begun = (folder / "checkpoints").is_dir()
            words = ["--resume"] if begun else [*words, "--seed", "0"]
            run("train", *words, "--out", str(folder.absolute()), at=given.work)
        packed(name, folder, given.home)


if __name__ == "__main__":
    main()

"""Makes command lines with words that do not belong there, in a folder with a user's files.

Each command must end with status 0, or with a status of its own and one message, within a minute;
and no file that the user brought may change. A case is determined by its number, so that
`python tests/fuzz/commands.py 3000 --first 5000` runs other cases than the first 3,000.
"""

import argparse
import collections
import contextlib
import gc
import hashlib
import inspect
import io
import os
import pathlib
import random
import shutil
import sys
import tempfile
import traceback
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import click
import numpy as np
from calls import SECONDS, limited
from PIL import Image

import kgan
from kgan.cli.commands import cli, main

# Words for any option. "RUN", "PICTURES" and so on are places of `make_folder`.
HOSTILE = [
    "", " ", "-", "--", "-1", "0", "1", "2", "1.5", "nan", "inf", "-inf", "1e400", "10**9",
    "99999999999999999999999", "0x10", "sixteen", "None", "null", "true", "[]", "{}", "=", "a=b",
    "a/b", "a\nb", "a\tb", "caf\udce9", "é", "²", "٣", "--help", "-h", "--quiet", "--overwrite",
    "~", "~nobody", "$HOME", "*", "..", ".", "/", "/dev/null", "/proc/self/mem", "/proc/not/there",
    "con", "x" * 300, "'", '"', "; ls", "${x}", "%s", "{0}", "\x1b[31m",
]  # fmt: skip
PLACES = [
    "run", "run/gan.keras", "run/config.json", "run/checkpoints", "run/samples", "run/saved_model",
    "conditional", "conditional/gan.keras", "translator", "enlarger",
    "bare", "bare/config.json", "pictures", "pictures/cats", "pictures/cats/0.png",
    "arrays.npz", "images.npy", "labels.npy", "text.txt", "text.npz", "text.keras", "text.png",
    "empty", "precious", "precious/saved_model", "loop", "dangling", "locked.png", "new", "new.png",
    "new.npz", "new/deep/down", "run/new", "pictures/new.png", "arrays.npz/x", "pictures/",
]  # fmt: skip
# What may be right for an option, beside what its own type says.
SENSIBLE = {
    "model": ["vanilla", "dcgan", "wgangp", "r3gan", "conditional", "cyclegan", "pix2pix", "srgan",
              "lapgan", "began", "infogan", "vaegan", "acgan", "sngan", "sagan", "vanila"],
    "data": ["digits", "pictures", "arrays.npz", "ring", "grid", "images.npy", "mnist"],
    "data_b": ["digits", "pictures"],
    "epochs": ["1", "2"], "steps": ["1", "2", "3"], "batch_size": ["2", "8", "1000000"],
    "seed": ["0", "7", "4294967295", "4294967296"], "freeze": ["1", "2", "999"],
    "out": ["new", "new.png", "new.npz"], "warm_start": ["run", "run/gan.keras", "conditional"],
    "options": ["preset=relu", "width=2", "latent_size=3", "preset=", "=1", "image_shape=[8,8,1]",
                "depth=[[[[", "seed=1"],
    "preset": ["relu", "stable", "narrow", "points"],
    "loss": ["hinge", "wasserstein", "least_squares", "relativistic"],
    "penalties": ["r1", "r1=10", "gradient_penalty", "lecam=1", "dragan=", "consistency=0.1"],
    "split": ["train", "test", "train[:50%]", "train[:4]", "train[:", "train[5:2]", "all"],
    "size": ["8", "8x8", "8x16", "4x4x4", "100000", "0x8"], "ema": ["0", "0.9", "1"],
    "discriminator_steps": ["1", "2", "1000000000"], "accumulation_steps": ["1", "2", "7"],
    "snapshot_every": ["1", "2"], "checkpoint_every": ["1", "2"], "data_dir": ["empty", "text.txt"],
    "count": ["1", "4", "10", "999999999"], "labels": ["0", "1", "cats", "99", "-1"],
    "truncation": ["0.5", "1", "1e-30"], "run": ["run", "conditional", "bare", "translator"],
    "images": ["pictures", "pictures/cats", "pictures/cats/0.png"], "direction": ["a2b", "b2a"],
    "metrics": ["frechet_distance", "precision", "diversity", "kernel_distance", "psnr",
                "recall", "ssim", "mode_coverage", "memorisation", "classifier_accuracy"],
    "extractor": ["values", "digits", "auto", "inception", "vgg19"],
    "reference": ["arrays.npz", "run/gan.keras"], "tile": ["1", "8", "192"],
}  # fmt: skip
# Values of a model's own options.
OPTIONS = [
    "0", "1", "2", "3", "4", "8", "-1", "0.5", "1e-30", "1e30", "NaN", "Infinity", "null", "true",
    "[]", "[1]", "[2, 3]", "[[1]]", "{}", '"8"', "text", "pixels", "relu",
]  # fmt: skip
# Where a fault would harm the machine itself, if the superuser runs this.
SYSTEM = {"/", "/dev/null", "/proc/self/mem"}
# Large numbers of these are a long training, and no fault. So are the networks of a paper, which
# the presets leave out.
LONG = {"steps", "epochs"}
NUMBERS = ["0", "1", "2", "3", "5", "8", "1", "2", "16", "300"]
SHARES = ["0", "0.5", "1", "2", "1e-30", "1e30", "0.001", "0.9"]
SMALL = ["--batch-size", "8", "--steps", "2", "--out", "new"]
GREY = ["--data", "pictures", "--size", "8", "--channels", "1", *SMALL]
VANILLA = ["vanilla", "--preset", "relu", *GREY]
CONDITIONAL = ["conditional", "-O", "width=2", *GREY]
# Lines that are right: runs of a few steps of tiny networks on few pictures, and their use.
VALID = {
    "train": [
        *[VANILLA] * 4,
        CONDITIONAL,
        ["dcgan", "-O", "width=2", *GREY],
        *([family, "-O", "width=4", *GREY] for family in ("wgan", "wgangp", "began", "infogan")),
        *([family, "-O", "width=8", *GREY] for family in ("acgan", "sngan", "sagan", "vaegan")),
        ["lapgan", "-O", "width=4", "-O", "units=8", *GREY],
        ["r3gan", "-O", "preset=narrow", *GREY],
        ["r3gan", "-O", "preset=points", "--data", "ring", *SMALL],
        ["vanilla", "--preset", "relu", "--data", "arrays.npz", *SMALL],
        [*VANILLA, "--warm-start", "run", "--freeze", "1"],
        ["--resume", "--steps", "3", "--out", "run"],
        ["--resume", "--steps", "3", "--out", "conditional"],
        [*VANILLA, "--overwrite", "--out", "run"],
    ],
    "generate": [
        ["run", "-n", "4", "-o", "new.png"],
        ["run", "-n", "4", "-o", "new", "--seed", "1"],
        ["conditional", "-n", "4", "-o", "new.npz", "--label", "cats"],
    ],
    "evaluate": [
        ["run", "--extractor", "values", "-n", "20"],
        ["run", "--extractor", "values", "-n", "20", "-m", "precision", "--split", "train[:50%]"],
        ["conditional", "--extractor", "values", "-n", "20", "--floor"],
    ],
    "export": [["run", "-o", "new"], ["conditional"], ["run", "--overwrite"]],
    "translate": [["translator", "pictures/cats", "-o", "new"], ["translator", "pictures"]],
    "upscale": [["enlarger", "pictures/cats/0.png"], ["enlarger", "pictures", "-o", "new"]],
    "augment": [["pictures", "-o", "new.png", "-n", "2", "--draws", "2", "--size", "8"]],
    "models": [[]],
    "datasets": [[]],
}
OFTEN = ["train"] * 25 + ["generate"] * 10 + ["evaluate"] * 8 + ["export"] * 5
OFTEN += ["translate"] * 5 + ["upscale"] * 5
# Runs of the template, in place of `--out new`. The last two take half a minute.
RUNS = {"run": VANILLA[:-1], "conditional": CONDITIONAL[:-1]}
SLOW_RUNS = {
    "translator": ["cyclegan", "-O", "blocks=1", "-O", "width=2", "--data", "pictures/cats",
                   "--data-b", "pictures/dogs", *SMALL[:-1]],
    "enlarger": ["srgan", "-O", "blocks=1", "-O", "width=2", "-O", "scale=2", "-O",
                 "content=pixels", "--data", "pictures", "--size", "16", *SMALL[:-1]],
}  # fmt: skip


def run_line(*words) -> tuple[int, str, str, BaseException | None]:
    """Returns (status, output, errors, an exception that was not answered) of a command line."""
    # As Python opens them on a machine of UTF-8.
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", "strict", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)
    status, unanswered = 0, None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            with limited(SECONDS):
                main(list(words))
        except SystemExit as stop:
            status = stop.code
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            unanswered = error
    said, answered = (stream.buffer.getvalue().decode() for stream in (out, err))
    return status, said, answered, unanswered


def make_folder(folder: pathlib.Path, slow: bool) -> None:
    """Fills the working folder: runs, data, and files that kgan has no business with."""
    values = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / "pictures" / name).mkdir(parents=True)
        for index in range(12):
            pixels = values.integers(0, 255, (16, 16, 3), "uint8")
            Image.fromarray(pixels).save(folder / f"pictures/{name}/{index}.png")
    images = values.uniform(-1, 1, (32, 8, 8, 1)).astype("float32")
    np.savez(folder / "arrays.npz", x=images, y=np.arange(32) % 2)
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", np.arange(32))
    for name in ("text.txt", "text.npz", "text.keras", "text.png"):
        (folder / name).write_text("not what its name says\n")
    (folder / "empty").mkdir()
    # Looks like a SavedModel, and holds the user's thesis.
    (folder / "precious/saved_model").mkdir(parents=True)
    (folder / "precious/saved_model/saved_model.pb").write_bytes(b"mine")
    (folder / "precious/thesis.txt").write_text("Three years of work.\n")
    (folder / "bare").mkdir()
    (folder / "bare/config.json").write_text("{}")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "dangling").symlink_to(folder / "gone")
    shutil.copy(folder / "pictures/cats/0.png", folder / "locked.png")
    (folder / "locked.png").chmod(0)
    for name, words in {**RUNS, **(SLOW_RUNS if slow else {})}.items():
        status, _, err, unanswered = run_line("train", *words, name, "--quiet")
        assert status == 0, err or unanswered


def fingerprints(folder: pathlib.Path) -> dict[str, str]:
    """Returns what every file, folder and link holds, by its path."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = pathlib.Path(place, name)
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = os.readlink(path)
            elif path.is_file():
                found[key] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                found[key] = "a folder"
    return found


def line(seed: int) -> list[str]:
    """Returns the command line of a number."""
    chance = random.Random(seed)
    name = chance.choice(OFTEN + sorted(VALID))
    words = list(chance.choice(VALID[name]))
    for _ in range(chance.choice((1, 1, 2, 2, 3, 4))):
        words = _changed(chance, cli.commands[name], words)
    if chance.random() < 0.02:
        name = chance.choice(["", "trian", "--version", "--nothing", "-h", "\x00", *HOSTILE])
    return [name, *words]


def _changed(chance, command, words):
    """Returns the words with one option added, or one word replaced, dropped or doubled."""
    what = chance.random()
    if what < 0.95 and command.params:
        # What is a matter of the model is tried more often.
        often = [p for p in command.params if p.name in ("options", "penalties", "loss")]
        parameter = chance.choice([*command.params, *often, *often])
        value = _value(chance, parameter, words)
        if isinstance(parameter, click.Argument):
            return [value, *words[1:]] if words else [value]
        option = chance.choice(parameter.opts)
        if option in words and chance.random() < 0.8:
            place = words.index(option)
            kept = words[:place] + words[place + 1 + (not parameter.is_flag) :]
        else:
            kept = words
        return [*kept, option] if parameter.is_flag else [*kept, option, value]
    place = chance.randrange(len(words) + 1)
    if what < 0.97:
        return words[:place] + words[place + 1 :]
    if what < 0.985:
        return [*words[:place], chance.choice(HOSTILE + PLACES), *words[place:]]
    return words[:place] + words[place : place + 1] * 2 + words[place + 1 :]


def _value(chance, parameter, words):
    pool = SENSIBLE.get(parameter.name, [])
    if parameter.name == "options" and words and words[0] in kgan.models.CATALOGUE:
        known = inspect.signature(kgan.models.find(words[0])).parameters
        return f"{chance.choice(sorted(known))}={chance.choice(OPTIONS)}"
    narrow = True
    if parameter.type.name.startswith("integer"):
        pool = pool + NUMBERS if parameter.name not in LONG else pool
    elif parameter.type.name.startswith("float"):
        pool = pool + SHARES
    elif isinstance(parameter.type, click.Choice):
        pool = list(parameter.type.choices)
    else:
        narrow = False
    kind = chance.random()
    # Another word for a number dies early.
    if pool and kind < (0.93 if narrow else 0.7):
        return chance.choice(pool)
    if kind < 0.9 and parameter.name not in LONG:
        return chance.choice(PLACES)
    word = chance.choice(HOSTILE)
    if word in SYSTEM and parameter.name == "out":
        return "new"
    return "1" if parameter.name in LONG and word.isdecimal() and len(word) > 3 else word


def finding(status, out, err, unanswered) -> str | None:
    """Returns what is wrong with the end of a command, or None."""
    if unanswered is not None:
        frames = [
            frame
            for frame in traceback.extract_tb(unanswered.__traceback__)
            if "/kgan/" in frame.filename or "/callbacks/" in frame.filename
        ]
        place = f"{pathlib.Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return f"{type(unanswered).__name__} at {place}: {str(unanswered).splitlines()[:1]}"
    if "Traceback" in err or "Traceback" in out:
        return "prints a traceback"
    if status == 0:
        return None
    said = [text for text in err.splitlines() if text.startswith("Error: ")]
    if len(said) != 1:
        return f"status {status} with {len(said)} messages"
    if len(err) > 4000:
        return f"a message of {len(err)} characters"
    return None


def _restore(template, folder, before, after):
    """Puts the folder back to what it was; returns which of the user's files had changed."""
    harmed = []
    for key in {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}:
        root = key.split(os.sep)[0]
        if key in before and root not in RUNS | SLOW_RUNS:
            harmed.append(key)
    if before != after:
        for entry in folder.iterdir():
            if entry.is_symlink() or entry.is_file():
                entry.unlink()
            else:
                shutil.rmtree(entry)
        shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)
    return harmed


def _tidy(working):
    """Removes what a line left in the folder around the working one; returns what it changed."""
    around = working.parent
    for entry in around.iterdir():
        if entry.name not in ("working", "letter.txt"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    letter = around / "letter.txt"
    kept = letter.exists() and letter.read_text() == "Dear kgan,\n"
    letter.write_text("Dear kgan,\n")
    return [] if kept else ["../letter.txt"]


def run(
    numbers, folder: pathlib.Path, slow: bool = True
) -> tuple[dict[str, list[str]], collections.Counter]:
    """Runs the lines of these numbers in an empty folder; returns (findings, statuses).

    Args:
        numbers: of the lines.
        folder: an empty one.
        slow: also trains the runs that translate and enlarge.
    """
    # The folder around the working one is `..`, and one of the user's too.
    template, working = folder / "template", folder / "around/working"
    working.mkdir(parents=True)
    (folder / "around/letter.txt").write_text("Dear kgan,\n")
    found, statuses = collections.defaultdict(list), collections.Counter()
    with contextlib.chdir(working), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_folder(working, slow)
        shutil.copytree(working, template, symlinks=True)
        before = fingerprints(working)
        for number in numbers:
            words = line(number)
            end = run_line(*words)
            statuses[end[0]] += 1
            wrong = finding(*end)
            after = fingerprints(working)
            harmed = _restore(template, working, before, after) + _tidy(working)
            if harmed:
                found[f"changed {sorted(harmed)[:3]}"].append(f"{number}: kgan {words}")
            if wrong:
                found[f"{words[0]!r}: {wrong}"].append(f"{number}: kgan {words}")
            if number % 50 == 0:
                gc.collect()
    return found, statuses


def _bound_memory() -> None:
    """Makes a line that eats memory end in an error of its own, before the machine ends others."""
    with contextlib.suppress(ImportError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (12 * 2**30, resource.RLIM_INFINITY))


def main_program() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=int, nargs="?", default=300, help="how many (300)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (0)")
    given = parser.parse_args()
    _bound_memory()
    with tempfile.TemporaryDirectory() as folder:
        found, statuses = run(
            range(given.first, given.first + given.cases), pathlib.Path(folder).resolve()
        )
    for where, lines in sorted(found.items()):
        print(f"{where}\n    {len(lines)} times, such as {lines[0]}")
    ended = ", ".join(f"{count} with status {status}" for status, count in sorted(statuses.items()))
    print(f"kgan {kgan.__version__}: {given.cases} command lines ({ended}), {len(found)} findings.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main_program())

"""Makes calls of kgan's public classes and functions with values that do not belong there.

Each call must work, or raise an error that speaks to the user: an `InputError`; a `TypeError` or
`ValueError` that Python or the public call itself raises, naming the argument; or an `OSError`
that names its file. An error from the depths is a finding. A case is determined by its number, so
that `python tests/fuzz/calls.py 5000 --first 20000` runs other cases than the first 5,000.
"""

import argparse
import collections
import contextlib
import inspect
import math
import os
import pathlib
import random
import signal
import sys
import tempfile
import traceback
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf

import kgan
from kgan.errors import InputError

SECONDS = 60

# Values for any argument. Sizes stay small: what a machine has room for is no matter of types.
HOSTILE = {
    "None": None,
    "True": True,
    "empty text": "",
    "text": "sixteen",
    "digits": "16",
    "dashes": "--help",
    "newline": "a\nb",
    "slash": "a/b",
    "NUL": "a\0b",
    "not UTF-8": "caf\udce9",
    "bytes": b"\xff\x00",
    "negative": -1,
    "zero": 0,
    "fraction": 1.5,
    "NaN": math.nan,
    "infinity": math.inf,
    "huge": 10**30,
    "huge negative": -(10**30),
    "complex": 1j,
    "empty tuple": (),
    "tuple": (1,),
    "pair": (1, 2),
    "pair backwards": (2, 1),
    "negative pair": (-1, 2),
    "pair of text": ("a", "b"),
    "pair of NaN": (math.nan, math.nan),
    "nested": ((1, 2), (3,)),
    "empty list": [],
    "list of None": [None],
    "list of text": ["sixteen"],
    "dictionary": {},
    "config": {"class_name": "Nothing", "config": {}},
    "set": {1, 2},
    "object": object(),
    "class": int,
    "function": lambda *values, **named: None,
    "array": np.ones((2, 2), "float32"),
    "empty array": np.zeros((0, 2), "float32"),
    "array of NaN": np.full((4, 2), np.nan, "float32"),
    "array of text": np.array(["a", "b"]),
    "array of objects": np.array([None, {}], dtype=object),
    "NumPy number": np.float32(0.5),
    "tensor": tf.constant([1.0, 2.0]),
    "layer": keras.layers.Flatten(),
    "generator": (number for number in ()),
    "path": pathlib.Path("nowhere/at/all"),
}

IMAGES = np.linspace(-1, 1, 4 * 8 * 8).astype("float32").reshape(4, 8, 8, 1)
POINTS = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
SMALL = {"image_shape": (8, 8, 1), "width": 2}


def networks():
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    return generator, keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def sequence(shape, *layers, **options):
    return keras.Sequential([keras.Input(shape), *layers], **options)


def functional(shape, function):
    inputs = keras.Input(shape)
    return keras.Model(inputs, function(inputs))


class Surprising(keras.Model):
    """A network that returns what a function makes of its inputs."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


dense = keras.layers.Dense
# Networks for either player, some of which make a GAN.
NETWORKS = {
    "(3,) to (2,)": lambda: sequence((3,), dense(2)),
    "(2,) to (1,)": lambda: sequence((2,), dense(1)),
    "(3,) to (1,)": lambda: sequence((3,), dense(1)),
    "(2,) to (2,)": lambda: sequence((2,), dense(2)),
    "two outputs": lambda: functional((3,), lambda x: [dense(2)(x), dense(1)(x)]),
    "two outputs by name": lambda: functional((3,), lambda x: {"a": dense(2)(x), "b": dense(1)(x)}),
    "two scores": lambda: functional((2,), lambda x: [dense(1)(x), dense(1)(x)]),
    "two inputs": lambda: keras.Model(
        [i := keras.Input((3,)), j := keras.Input((3,))], dense(2)(i + j)
    ),
    "inputs by name": lambda: keras.Model({"z": (i := keras.Input((3,), name="z"))}, dense(2)(i)),
    "not built": lambda: keras.Sequential([dense(2)]),
    "empty": lambda: keras.Sequential([]),
    "no weights": lambda: sequence((2,), keras.layers.Flatten()),
    "integers": lambda: functional((3,), lambda x: keras.ops.cast(dense(2)(x), "int32")),
    "sigmoid": lambda: sequence((2,), dense(1, activation="sigmoid")),
    "softmax": lambda: sequence((2,), dense(2, activation="softmax")),
    "no score axis": lambda: functional((2,), lambda x: dense(1)(x)[:, 0]),
    "one score of all": lambda: functional((2,), lambda x: keras.ops.mean(dense(1)(x))),
    "unknown sizes": lambda: sequence((None, 3), dense(2)),
    "lengths": lambda: sequence((None, 2), keras.layers.GlobalAveragePooling1D(), dense(1)),
    "NaN": lambda: functional((2,), lambda x: dense(1)(x) * float("nan")),
    "returns None": lambda: Surprising(lambda inputs: None),
    "returns a tuple": lambda: Surprising(lambda inputs: (inputs, inputs)),
    "returns a text": lambda: Surprising(lambda inputs: "sample"),
    "returns NumPy": lambda: Surprising(lambda inputs: np.zeros((2, 2), "float32")),
    "returns its input": lambda: Surprising(lambda inputs: inputs),
    "images": lambda: sequence((3,), dense(64), keras.layers.Reshape((8, 8, 1))),
    "scores of patches": lambda: sequence((8, 8, 1), keras.layers.Conv2D(1, 3)),
    "scores of three": lambda: sequence((2,), dense(3)),
    "float16": lambda: sequence((3,), dense(2, dtype="mixed_float16")),
    "float64": lambda: sequence((3,), dense(2, dtype="float64")),
    "text as input": lambda: keras.Model(i := keras.Input((), dtype="string"), i),
    "frozen": lambda: sequence((2,), dense(1), trainable=False),
    "embedding": lambda: sequence((3,), keras.layers.Embedding(4, 2)),
}
# What functions that the user gives may return.
RETURNS = {
    "None": lambda *_: None,
    "a number": lambda *_: 0.5,
    "NaN": lambda *_: float("nan"),
    "a text": lambda *_: "loss",
    "a vector": lambda *_: tf.ones([3]),
    "an empty tensor": lambda *_: tf.ones([0]),
    "integers": lambda *_: tf.constant(3),
    "complex": lambda *_: tf.constant(1j),
    "a dictionary": lambda *_: {"a": tf.constant(1.0)},
    "a list": lambda *_: [tf.constant(1.0)],
    "NumPy": lambda *_: np.zeros((), "float32"),
    "a class": lambda *_: int,
    "too few arguments": lambda: 0.0,
    "a scalar": lambda *_: tf.constant(1.0),
    "not callable": "loss",
}


def train(generator, discriminator, classes=0):
    """Makes, compiles and trains a GAN of any networks for one step."""
    gan = kgan.GAN(generator(), discriminator(), classes=classes)
    gan.compile(run_eagerly=True)
    shape = tuple(size or 4 for size in gan.sample_shape)
    data = (np.zeros((4, *shape), "float32"), np.zeros(4, int) if classes else None)
    gan.fit(*data, batch_size=4, verbose=0)
    gan.generate(2)


def train_with(
    term=RETURNS["a scalar"],
    penalty=RETURNS["a scalar"],
    weight=RETURNS["a number"],
    ema=RETURNS["a number"],
    generator_loss=RETURNS["a scalar"],
    latents=None,
    rate=RETURNS["a number"],
):
    """Trains a GAN for one step with functions of the user's."""

    class Loss(kgan.losses.Loss):
        discriminator = staticmethod(lambda real, fake: tf.reduce_mean(fake))
        generator = staticmethod(
            lambda fake, real=None: tf.reduce_mean(fake) + generator_loss(fake, real)
        )

    class Latents(kgan.latents.Latents):
        def sample(self, count, seed, truncation=None):
            return tf.zeros([count, 3]) if latents is None else latents(count, seed)

    class Rate(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return rate(step)

    gan = kgan.GAN(*networks(), latents=Latents(3))
    gan.compile(
        keras.optimizers.SGD(Rate()),
        terms=[kgan.terms.FunctionTerm(term, name="term", player="generator", weight=weight)],
        penalties=[penalty],
        ema=ema,
        loss=Loss(),
        run_eagerly=True,
    )
    gan.fit(POINTS, batch_size=8, verbose=0)


def start_from(family="dcgan", source="vanilla", freeze=0):
    """Starts a model of a family from another's weights."""
    kgan.transfer.warm_start(small(family), small(source), freeze=freeze)


def small(family):
    """Returns a small model of a family."""
    kind = kgan.models.find(family)
    has = inspect.signature(kind).parameters
    options = {"image_shape": (8, 8, 1), "width": 2, "latent_size": 4, "blocks": 1, "units": 4}
    options |= {"content": "pixels", "preset": "minimax" if family == "vanilla" else None}
    return kind(**{k: v for k, v in options.items() if k in has and v is not None})


def balanced(data, to=None, confidence=0.0, seed=0, steps=1, class_names=()):
    return kgan.balance(
        small("conditional"),
        data,
        to=to,
        confidence=confidence,
        seed=seed,
        steps=steps,
        class_names=class_names,
    )


def of_family(family, method, **valid):
    """Returns (a method of a small model of a family, valid arguments)."""
    kept = []

    def call(**arguments):
        if not kept:
            kept.append(small(family))
        return getattr(kept[0], method)(**arguments)

    call.__signature__ = inspect.signature(getattr(kgan.models.find(family), method))
    return call, valid


FAMILIES = {name: name for name in kgan.models.CATALOGUE}
# Values for arguments of which more is known than that they exist.
POOLS = {
    ("networks", "generator"): NETWORKS,
    ("networks", "discriminator"): NETWORKS,
    ("networks", "classes"): {"none": 0, "three": 3},
    ("warm start", "family"): FAMILIES,
    ("warm start", "source"): FAMILIES,
    **{("functions", name): RETURNS for name in inspect.signature(train_with).parameters},
    # The class around it is the user's, and so is an error of its line.
    ("functions", "latents"): {
        k: v for k, v in RETURNS.items() if k not in ("too few arguments", "not callable")
    },
}


class Game:
    """A small GAN, made once and compiled anew for each call of a method that may change it."""

    made = None

    @classmethod
    def of(cls, method):
        def call(**arguments):
            if cls.made is None:
                cls.made = kgan.GAN(*networks(), seed=1)
            if method != "compile":
                cls.made.compile(run_eagerly=True)
            result = getattr(cls.made, method)(**arguments)
            if method == "compile":
                # What `compile` takes must also train, or say in training what is wrong.
                cls.made.run_eagerly = True
                cls.made.fit(POINTS, batch_size=4, steps_per_epoch=1, verbose=0)
            return result

        call.__signature__ = inspect.signature(getattr(kgan.GAN, method))
        call.__name__ = method
        return call


def read(function):
    """Returns a function of data that also reads the first batch of what it returns."""

    def call(**arguments):
        for _ in function(**arguments).take(1):
            return

    call.__signature__ = inspect.signature(function)
    return call


def targets() -> dict:
    """Returns (a callable, valid arguments for it) by the name of each public call."""
    found = {}
    statistics = {"mu": np.zeros(2), "sigma": np.eye(2)}
    valid = {
        "augment.get": {"augmentation": "flip"},
        "augment.preview": {"images": IMAGES, "draws": 2},
        "callbacks.Checkpoint": {"folder": "run"},
        "callbacks.ImageSnapshot": {"folder": "run"},
        "callbacks.find_checkpoints": {"folder": "run"},
        "callbacks.latest": {"folder": "run"},
        "latents.Codes": {"noise": 2},
        "latents.Latents": {"shape": 3},
        "latents.Normal": {"shape": 3},
        "latents.Uniform": {"shape": 3},
        "latents.get": {"latents": 3},
        "latents.interpolate": {"start": POINTS[0], "end": POINTS[1]},
        "layers.ConditionalBatchNormalization": {"classes": 3},
        "layers.EqualizedLearningRate": {"layer": keras.layers.Dense(2)},
        "layers.History": {"size": 2, "shape": (2,)},
        "layers.SpectralNormalization": {"layer": keras.layers.Dense(2)},
        "losses.get": {"loss": "hinge"},
        "metrics.KerasModel": {"model": networks()[0]},
        "metrics.Statistics": statistics,
        "metrics.frechet_distance": {f"{k}_{n}": v for k, v in statistics.items() for n in (1, 2)},
        "metrics.get": {"metric": "precision"},
        "metrics.inception_score": {"probabilities": np.full((20, 2), 0.5)},
        "metrics.kernel_distance": {"real": POINTS, "fake": POINTS, "subset_size": 4},
        "metrics.manifold": {"real": POINTS, "fake": POINTS + 1},
        "metrics.usefulness": {
            **dict.fromkeys(("real", "generated", "held_out"), (POINTS, np.arange(16) % 2)),
            "seeds": 1,
            "steps": 1,
        },
        "metrics.measure": {
            "metrics": [kgan.metrics.Diversity()],
            "real": [POINTS],
            "fake": [POINTS],
        },
        "metrics.psnr": {"real": IMAGES, "fake": IMAGES / 2},
        "metrics.ssim": {"real": np.tile(IMAGES, (1, 2, 2, 1)), "fake": np.ones((4, 16, 16, 1))},
        "metrics.truncation_curve": {
            "generate": lambda n, **how: POINTS[:n],
            "real": POINTS,
            "extractor": "values",
            "truncations": (1.0, None),
        },
        "models.find": {"name": "dcgan"},
        "models.ConditionalGAN": SMALL,
        "models.CycleGAN": {**SMALL, "blocks": 1, "pool": 2},
        "models.LAPGAN": {**SMALL, "units": 4},
        "models.R3GAN": {"image_shape": (2,)},
        "models.SRGAN": {"width": 2, "blocks": 1, "content": "pixels"},
        "models.VanillaGAN": {"image_shape": (2,), "preset": "points"},
        "optimizers.ConstantThenLinear": {"rate": 0.1, "steps": 10},
        "optimizers.HalfLife": {"steps": 10},
        "penalties.get": {"penalty": "r1"},
        "pictures.draw": {"samples": IMAGES},
        "pictures.grid": {"images": IMAGES},
        "pictures.histogram": {"values": POINTS[:, 0]},
        "pictures.lines": {"signals": POINTS},
        "pictures.loss_plot": {"history": {"d_loss": [1.0, 2.0]}},
        "pictures.save_gif": {"path": "a.gif", "frames": [np.zeros((4, 4, 3), "uint8")]},
        "pictures.save_png": {"path": "a.png", "picture": np.zeros((4, 4, 3), "uint8")},
        "pictures.scatter": {"points": POINTS},
        "pictures.to_rgb": {"images": IMAGES},
        "pictures.to_rgba": {"images": np.zeros((2, 4, 4, 4), "float32")},
        "pictures.truncation_plot": {"rows": [{"truncation": 1.0, "precision": 1, "recall": 1}]},
        "terms.FunctionTerm": {"function": lambda turn: 0.0},
        "terms.get": {"term": kgan.Term(player="generator")},
        "transfer.find": {"source": "run"},
        "transfer.freeze": {"network": networks()[0], "layers": 1},
        "transfer.unfreeze": {"network": networks()[0]},
        "transfer.warm_start": {
            "gan": kgan.GAN(*networks(), seed=1),
            "source": kgan.GAN(*networks(), seed=2),
        },
    }
    data = {
        "data.crops": {"source": np.tile(IMAGES, (1, 2, 2, 3)), "scale": 2, "size": 8},
        "data.domains": {"a": IMAGES, "b": IMAGES},
        "data.from_arrays": {"samples": POINTS, "batch_size": 4},
        "data.load": {"source": "ring", "n": 100},
        "data.pairs": {"inputs": IMAGES, "targets": IMAGES},
    }
    # Plain records, the state of a step, and what changes the registries of this process.
    skipped = {
        "callbacks.SavedState", "data.DataInfo", "data.Modes", "models.Family", "terms.Turn",
        "transfer.Part", "transfer.Transfer", "metrics.Features", "metrics.register",
        "models.register", "models.CATALOGUE", "penalties.squared_gradient_norm",
        "metrics.extractors", "augment.Augmentation", "augment.Chain", "metrics.Extractor",
        "data.sources", "metrics.FeatureMetric", "data.Position",
        "callbacks.Resumable",
    }  # fmt: skip
    for part in kgan.__all__:
        module = getattr(kgan, part)
        if not inspect.ismodule(module):
            continue
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if name[0] != "_" and getattr(value, "__module__", None) == module.__name__
        ]
        for name in names:
            full, value = f"{part}.{name}", getattr(module, name)
            if full in skipped or not callable(value):
                continue
            if full in data:
                found[full] = read(value), data[full]
            elif part == "models" and inspect.isclass(value) and full not in valid:
                has = inspect.signature(value).parameters
                found[full] = value, {k: v for k, v in SMALL.items() if k in has}
            else:
                found[full] = value, valid.get(full, {})
    generator, discriminator = networks()
    found["GAN"] = kgan.GAN, {"generator": generator, "discriminator": discriminator}
    found["Term"] = kgan.Term, {"player": "generator"}
    found["load"] = kgan.load, {"filepath": "nothing.keras"}
    unequal = {"data": (IMAGES[[0, 1, 2, 3, 0, 1, 2]], np.array([0, 0, 0, 0, 1, 1, 1])), "steps": 1}
    found["balance"] = balanced, unequal
    found["GAN.compile"] = Game.of("compile"), {}
    found["GAN.fit"] = Game.of("fit"), {"x": POINTS, "batch_size": 8, "verbose": 0}
    found["GAN.evaluate"] = Game.of("evaluate"), {"x": POINTS, "batch_size": 8, "verbose": 0}
    found["GAN.train_on_batch"] = Game.of("train_on_batch"), {"x": POINTS}
    found["GAN.test_on_batch"] = Game.of("test_on_batch"), {"x": POINTS}
    found["GAN.generate"] = Game.of("generate"), {"n": 2}
    found["GAN.preview"] = Game.of("preview"), {"count": 2}
    networks_of = {"generator": NETWORKS["(3,) to (2,)"], "discriminator": NETWORKS["(2,) to (1,)"]}
    found["networks"] = train, networks_of
    found["functions"] = train_with, {}
    found["warm start"] = start_from, {}
    found["InfoGAN.generate"] = of_family("infogan", "generate", n=2)
    found["InfoGAN.recover"] = of_family("infogan", "recover", images=IMAGES)
    found["VAEGAN.encode"] = of_family("vaegan", "encode", images=IMAGES)
    found["VAEGAN.reconstruct"] = of_family("vaegan", "reconstruct", images=IMAGES)
    found["Pix2Pix.translate"] = of_family("pix2pix", "translate", images=IMAGES)
    found["CycleGAN.translate"] = of_family("cyclegan", "translate", images=IMAGES)
    photos = np.tile(IMAGES, (1, 1, 1, 3))
    found["SRGAN.upscale"] = of_family("srgan", "upscale", images=photos)
    found["ConditionalGAN.generate"] = of_family("conditional", "generate", n=2)
    found["ConditionalGAN.preview"] = of_family("conditional", "preview")
    found["GAN.export"] = Game.of("export"), {"filepath": "served"}
    found["GAN.predict"] = Game.of("predict"), {"x": np.zeros((2, 3), "float32"), "verbose": 0}
    found["GAN.predict_on_batch"] = Game.of("predict_on_batch"), {"x": np.zeros((2, 3), "float32")}
    found["GAN.get_layer"] = Game.of("get_layer"), {"name": "generator"}
    return found


def cases(seed: int, made: dict):
    """Returns (name, callable, arguments, what was replaced by what) of the case of a number."""
    chance = random.Random(seed)
    # Those that stand for many calls are tried more often.
    often = [name for name in sorted(made) if "." not in name or name.startswith("GAN.")]
    name = chance.choice(sorted(made) + 2 * often)
    function, valid = made[name]
    parameters = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and parameter.name != "self"
    ]
    count = 0 if not parameters else chance.choice((1, 1, 1, 2))
    chosen = chance.sample(parameters, min(count, len(parameters)))
    pools = {parameter: POOLS.get((name, parameter), HOSTILE) for parameter in chosen}
    replaced = {parameter: chance.choice(sorted(pool)) for parameter, pool in pools.items()}
    values = {parameter: pools[parameter][value] for parameter, value in replaced.items()}
    return name, function, valid | values, replaced


def finding(error: BaseException, names) -> str | None:
    """Returns where an error came from if it does not speak to the user, else None."""
    if isinstance(error, InputError):
        return None
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    if not frames:
        # Python's own: an argument that is unexpected or missing.
        return None
    inner = frames[-1]
    own = [f for f in frames if "/kgan/" in f.filename or "/callbacks/" in f.filename]
    shallow = len(frames) == 1 or inner.filename.endswith(("kgan/arguments.py", "kgan/errors.py"))
    if isinstance(error, (TypeError, ValueError)):
        if shallow and any(name in str(error) for name in names):
            return None
    elif isinstance(error, OSError) and error.filename is not None:
        return None
    place = own[-1] if own else inner
    return f"{type(error).__name__} at {pathlib.Path(place.filename).name}:{place.lineno}"


@contextlib.contextmanager
def limited(seconds: int):
    """In this context a call that does not return in time raises a `TimeoutError`."""

    def late(*_):
        raise TimeoutError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(numbers, made: dict | None = None) -> dict[str, list[str]]:
    """Runs the cases of these numbers; returns the findings: the calls by what went wrong."""
    made = targets() if made is None else made
    found = collections.defaultdict(list)
    for number in numbers:
        name, function, arguments, replaced = cases(number, made)
        said = ", ".join(f"{parameter}={value}" for parameter, value in replaced.items())
        try:
            with warnings.catch_warnings(), limited(SECONDS):
                warnings.simplefilter("ignore")
                function(**arguments)
        except Exception as error:
            where = finding(error, replaced)
            if where is not None:
                reason = (str(error).strip() or "no message").splitlines()[0][:120]
                found[f"{name}: {where}"].append(f"case {number}: {said} ({reason})")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=int, nargs="?", default=1000, help="how many (1000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (0)")
    parser.add_argument("--only", help="calls whose name holds this text")
    given = parser.parse_args()
    made = {k: v for k, v in targets().items() if given.only is None or given.only in k}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        found = run(range(given.first, given.first + given.cases), made)
    for where, calls in sorted(found.items()):
        print(f"{where}\n    {len(calls)} times, such as {calls[0]}")
    print(f"{given.cases} calls, {len(found)} findings.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

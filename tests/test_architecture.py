"""The rules of the architecture: which module may import which, and what belongs in one place.

Each rule is a function of the source text, which is not run. A test beside each rule shows that it
finds a violation.
"""

import ast
import importlib
import inspect
import pathlib
import textwrap
from collections.abc import Iterator

import keras
import pytest

import kgan

ROOT = pathlib.Path(__file__).resolve().parents[1]

# From the ground up. A module knows those below it; of its own level those named underneath.
LEVELS = (
    # What everything may use.
    {
        "arguments",
        "bridge",
        "disk",
        "errors",
        "online",
        "precision",
        "pretrained",
        "random",
        "records",
        "registry",
        "replicas",
        "signals",
        "typing",
    },
    # Know TensorFlow and Keras, and nothing of a GAN.
    {
        "augment",
        "data",
        "latents",
        "layers",
        "losses",
        "metrics",
        "optimizers",
        "packs",
        "penalties",
        "pictures",
        "terms",
    },
    {"checks", "inference", "training"},
    {"game"},
    {"gan"},
    {"models"},
    # Know a model's public face.
    {"callbacks", "evaluation", "runs", "transfer"},
    {"playground", "reports"},
    {"cli"},
    {"__main__"},
)
SIDEWAYS = {
    "arguments": {"errors", "precision"},
    "disk": {"errors"},
    "pretrained": {"arguments", "errors"},
    "random": {"errors"},
    "records": {"errors", "typing"},
    "registry": {"errors"},
    "replicas": {"bridge", "errors"},
    "metrics": {"augment"},
    "penalties": {"augment", "packs", "terms"},
    "training": {"checks"},
    "inference": {"checks", "training"},
    "transfer": {"runs"},
    "evaluation": {"runs"},
    "runs": {"callbacks"},
}

# Families whose papers build on another's: {"kgan.models.one": {"kgan.models.other"}}.
BUILDS_ON: dict[str, set[str]] = {}

MOST_LINES = 400

# What Keras asks of a metric by a private name; it is set, and read in the bridge alone.
ASKED_BY_KERAS = {"_direction"}


def read_sources() -> dict[str, str]:
    """The source of every module of kgan, by the name that it is imported by."""
    found = {}
    for folder in ("kgan", "callbacks"):
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if folder == "callbacks":
                parts = ("kgan", *parts)
            # A package ends in a point: imports within it are relative to itself.
            name = ".".join(parts)
            found[name.replace("__init__", "") if parts[-1] == "__init__" else name] = (
                path.read_text(encoding="utf-8")
            )
    return found


SOURCES = read_sources()


def imports(name: str, tree: ast.Module, modules: set[str], inside: bool = True) -> Iterator[str]:
    """The modules of kgan that a module imports; `inside` functions too."""
    package = name.rpartition(".")[0].split(".")
    for node in ast.walk(tree) if inside else at_module_level(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("kgan"))
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            if not origin.startswith("kgan"):
                continue
            for alias in node.names:
                whole = f"{origin}.{alias.name}"
                public = origin == "kgan" and alias.name in kgan.__all__
                yield whole if whole in modules or public else origin
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "kgan"
            and node.attr in kgan.__all__
        ):
            yield f"kgan.{node.attr}"


def at_module_level(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and chain(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from at_module_level(child)


def graph(sources: dict[str, str], inside: bool) -> dict[str, set[str]]:
    """The imports of every module, packages by their plain names."""
    modules = {name.rstrip(".") for name in sources}
    found = {}
    for name, source in sources.items():
        targets = set()
        for target in imports(name, ast.parse(source), modules, inside):
            # `kgan.load` and its like are lent by the package.
            lent = kgan._OBJECTS.get(target.removeprefix("kgan."), target)
            targets.add(lent)
        found[name.rstrip(".")] = targets - {name.rstrip(".")}
    return found


def part_of(module: str) -> str:
    """The part of the house that a module belongs to; "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imports_upwards(sources: dict[str, str]) -> list[str]:
    """Imports of what stands above, or beside without being named."""
    level = {part: place for place, parts in enumerate(LEVELS) for part in parts}
    found = []
    for name, targets in graph(sources, inside=True).items():
        part = part_of(name)
        for target in sorted(targets):
            other = part_of(target)
            if "" in (part, other) or part == other:
                continue
            if unknown := {part, other} - level.keys():
                found.append(f"{unknown.pop()} has no level")
            elif level[other] > level[part]:
                found.append(f"{name} imports {target} from above")
            elif level[other] == level[part] and other not in SIDEWAYS.get(part, ()):
                found.append(f"{name} imports {target} from beside")
    return found


def families_that_know_others(sources: dict[str, str]) -> list[str]:
    """Families that import a family their paper does not build on, and blocks that import one."""
    families = {
        name
        for name in sources
        if name.startswith("kgan.models.")
        and not name.endswith(".")
        and ".blocks" not in name
        # What chooses among the families.
        and ".recipe." not in name
    }
    return [
        f"{name} imports {target}"
        for name, targets in graph(sources, inside=True).items()
        if name in families or name.startswith("kgan.models.blocks")
        for target in sorted(targets & families - BUILDS_ON.get(name, set()))
    ]


def circles(sources: dict[str, str]) -> list[list[str]]:
    """Modules that import each other when they are imported, packages on the way included."""
    edges = {}
    for name, targets in graph(sources, inside=False).items():
        edges[name] = set()
        for target in targets:
            parts = target.split(".")
            passed = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
            # Whoever is inside a package has it begun already.
            edges[name] |= {p for p in passed if not f"{name}.".startswith(f"{p}.")}
    found, done = [], set()

    def visit(name, path):
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done and name in edges:
            for target in sorted(edges[name]):
                visit(target, [*path, name])
            done.add(name)

    for name in sorted(edges):
        visit(name, [])
    return found


def chain(node: ast.AST) -> str:
    """`a.b.c` of an expression, calls left out; what is no name stands as nothing."""
    if isinstance(node, ast.Call):
        return chain(node.func)
    if isinstance(node, ast.Attribute):
        return f"{chain(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def mentions(sources: dict[str, str], wanted: tuple[str, ...], home: str) -> list[str]:
    """Where names such as `tf.distribute` are used or imported outside their home."""
    found = []
    for name, source in sources.items():
        if name == home or name.startswith(f"{home}."):
            continue
        for node in ast.walk(ast.parse(source)):
            names = []
            if isinstance(node, ast.Attribute):
                names = [chain(node)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            hits = {w for n in names for w in wanted if f"{n}.".startswith(f"{w}.")}
            found += [f"{name}:{node.lineno} uses {hit}" for hit in sorted(hits)]
    return found


def distributes(sources: dict[str, str]) -> list[str]:
    """Uses of `tf.distribute` outside of `kgan.replicas`."""
    names = ("tf.distribute", "tensorflow.distribute", "keras.distribution")
    return mentions(sources, names, home="kgan.replicas")


def looks_inside_keras(sources: dict[str, str]) -> list[str]:
    """Imports of what Keras and TensorFlow do not publish, outside of the bridge."""
    names = ("keras.src", "tensorflow.python", "tf.python")
    return mentions(sources, names, home="kgan.bridge")


def imports_private_names(sources: dict[str, str]) -> list[str]:
    """Imports of names with an underscore from another file of kgan."""
    return [
        f"{name}:{node.lineno} imports {alias.name}"
        for name, source in sources.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith("kgan"))
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.endswith("__")
    ]


def is_private(name: str) -> bool:
    return name.startswith("_") and name != "_" and not name.endswith("__")


def own_private_names(source: str) -> set[str]:
    """Private names that a class gives its objects: methods, attributes of class and `self`."""
    found = set()
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and chain(node.value) in ("self", "cls", "super"):
            found.add(node.attr)
    return {name for name in found if is_private(name)}


def taken_from_keras(kind: type) -> set[str]:
    """Private names of a Keras class that a class of kgan, derived from it, uses for itself."""
    found = set()
    for base in kind.__mro__:
        if base.__module__.startswith("keras.src"):
            found |= {name for name in vars(base) if is_private(name)}
            found |= own_private_names(inspect.getsource(base))
    return (found & own_private_names(inspect.getsource(kind))) - ASKED_BY_KERAS


def too_long(sources: dict[str, str]) -> list[str]:
    """Files of more than `MOST_LINES` lines."""
    lengths = {name: source.count("\n") for name, source in sources.items()}
    return [f"{name} has {n} lines" for name, n in lengths.items() if n > MOST_LINES]


RULES = {
    imports_upwards: {
        "kgan.losses": "def loss():\n    from kgan.training import step\n",
        "kgan.training.model": "import kgan\nkgan.GAN\n",
        "kgan.metrics.paired": "from kgan.data import info\n",
        "kgan.surprise": "from kgan import losses\n",
        "callbacks.": "from kgan.cli import commands\n",
    },
    families_that_know_others: {
        "kgan.models.one": "from kgan.models import other, blocks\n",
        "kgan.models.other": "import kgan.models.one\n",
        "kgan.models.blocks.": "from .. import one\n",
    },
    circles: {
        "kgan.data.": "from kgan.data.one import this\n",
        "kgan.data.one": "from . import other\n",
        "kgan.data.other": "from kgan import layers\n",
        "kgan.layers.": "if True:\n    from kgan.data import one\n",
    },
    distributes: {
        "kgan.one": "import tensorflow as tf\ntf.distribute.get_strategy()\n",
        "kgan.other": "from tensorflow import distribute\n",
    },
    looks_inside_keras: {
        "kgan.one": "def inside():\n    from keras.src.models import functional\n",
        "kgan.other": "import keras\nkeras.src.models\n",
        "kgan.third": "from tensorflow.python import util\n",
    },
    imports_private_names: {"kgan.one": "from .other import _this\n"},
    too_long: {"kgan.one": "\n" * (MOST_LINES + 1)},
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_kgan_keeps_the_rule(rule):
    assert rule(SOURCES) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_every_breach_of_it(rule):
    breaches = {name.replace("callbacks.", "kgan.callbacks."): s for name, s in RULES[rule].items()}
    found = str(rule(breaches))
    for name in breaches:
        assert name.rstrip(".") in found or part_of(name) in found, name


def test_what_is_allowed_is_no_breach():
    allowed = {
        "kgan.replicas": "import tensorflow as tf\ntf.distribute.get_strategy()\n",
        "kgan.bridge": "from keras.src.models import functional\n",
        "kgan.gan": "import kgan\nprint(kgan.__version__, kgan.Term)\nself.distribute_strategy\n",
        "kgan.runs.folder": "def f():\n    import kgan\n    kgan.load\n",
        "kgan.data.": "from kgan.data.one import this\n",
        "kgan.data.one": "from kgan.data import other\n",
        "kgan.data.other": "def f():\n    from kgan.data import one\n",
    }
    assert [rule(allowed) for rule in RULES] == [[] for _ in RULES]


def test_every_module_is_read():
    assert len(SOURCES) > 150
    assert {"kgan.", "kgan.callbacks.", "kgan.callbacks.checkpoint", "kgan.gan"} <= SOURCES.keys()


def test_the_neighbours_that_know_each_other_form_no_circle():
    assert not circles(
        {
            f"kgan.{part}": "\n".join(f"import kgan.{other}" for other in others)
            for part, others in SIDEWAYS.items()
        }
    )


class _Shadowing(keras.layers.Layer):
    def _lock(self):
        self._tracker = None


@pytest.mark.slow
def test_no_class_takes_a_private_name_of_the_keras_class_that_it_derives_from():
    assert taken_from_keras(_Shadowing) == {"_lock", "_tracker"}
    kinds = {
        kind
        for name in SOURCES
        if name != "kgan.__main__" and not f"{name}.".startswith("kgan.bridge.")
        for kind in vars(importlib.import_module(name.rstrip("."))).values()
        if inspect.isclass(kind) and kind.__module__ == name.rstrip(".")
    }
    assert len(kinds) > 100
    assert {kind: names for kind in kinds if (names := taken_from_keras(kind))} == {}

"""The public interface is annotated, and a user's type checker sees the annotations."""

import ast
import importlib
import importlib.util
import inspect
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator

import pytest

import kgan

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Packages whose names are loaded when first used: a type checker is told of them apart.
LAZY = ("kgan", "kgan.data", "kgan.metrics", "kgan.metrics.extractors", "kgan.models")


def published(module) -> Iterator[object]:
    """The public classes and functions of a module, and of public modules in it."""
    names = getattr(module, "__all__", None)
    for name in names or vars(module):
        value = getattr(module, name)
        own = getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
        if isinstance(value, types.ModuleType) and names:
            yield from published(value)
        elif names or own:
            yield value


def functions(value) -> Iterator[tuple[str, types.FunctionType]]:
    """A function, or the public methods of a class and of those of kgan that it derives from."""
    if inspect.isfunction(value):
        yield f"{value.__module__}.{value.__qualname__}", value
    for kind in value.__mro__ if inspect.isclass(value) else ():
        if not kind.__module__.startswith("kgan"):
            continue
        for name, member in vars(kind).items():
            if name.startswith("_") and name not in ("__init__", "__call__"):
                continue
            member = getattr(member, "fget", None) or getattr(member, "__func__", member)
            # A dataclass writes its own `__init__`, of annotated fields.
            if inspect.isfunction(member) and member.__module__.startswith("kgan"):
                yield f"{kind.__module__}.{kind.__qualname__}.{name}", member


def unsaid(function) -> list[str]:
    """Parameters without annotation, those that are None unsaid, and `return` without one."""
    signature = inspect.signature(function)
    found = []
    for place, (name, parameter) in enumerate(signature.parameters.items()):
        written = str(parameter.annotation)
        if parameter.annotation is parameter.empty:
            if place or name not in ("self", "cls"):
                found.append(name)
        elif parameter.default is None and not re.search(r"\bNone\b|\bAny\b|\bobject\b", written):
            found.append(f"{name}, which may be None")
    if signature.return_annotation is signature.empty and function.__name__ != "__init__":
        found.append("return")
    return found


def test_every_public_function_says_what_it_takes_and_returns():
    faces = [kgan, importlib.import_module("kgan.runs")]
    found = {name: f for face in faces for value in published(face) for name, f in functions(value)}
    assert len(found) > 500
    assert {name: missing for name, f in found.items() if (missing := unsaid(f))} == {}


def test_what_is_unsaid_is_found():
    def breach(self, said: int, other, late: int = None, free: int | None = None, **rest):  # noqa: RUF013
        pass

    assert unsaid(breach) == ["other", "late, which may be None", "rest", "return"]


@pytest.mark.parametrize("name", LAZY)
def test_a_type_checker_knows_the_names_that_are_loaded_late(name):
    module = importlib.import_module(name)
    told = {}
    for node in ast.parse(pathlib.Path(module.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            imports = [n for n in node.body if isinstance(n, ast.ImportFrom)]
            told |= {a.asname: n.module for n in imports for a in n.names if a.asname}
    late = {n for n in module.__all__ if n not in vars(module) or n in told}
    assert told.keys() == late
    for exported in told:
        assert getattr(module, exported) is not None


PROGRAM = """
    import numpy as np
    import kgan

    data = kgan.data.load("digits", batch_size=64)
    dcgan = kgan.models.DCGAN.for_data(data.info)
    reveal_type(dcgan)
    reveal_type(dcgan.generate(4, seed=0))
    gan = kgan.GAN(dcgan.generator, dcgan.discriminator, latents=100)
    gan.compile(loss=kgan.losses.Hinge(), penalties=[kgan.penalties.R1(10.0)], ema=0.999)
    gan.fit(data, epochs=1, callbacks=[kgan.callbacks.Checkpoint("run", monitor=None)])
    reveal_type(gan.iterations)
    reveal_type(kgan.metrics.measure)
    gan.fit(data, epochs="three")
    gan.fit(data, epoch=3)
    gan.compile(discriminator_steps=0.5)
    kgan.GAN(dcgan.generator)
    kgan.models.DCGAN(width="64")
    kgan.penalties.R1(every="often")
    kgan.callbacks.Checkpoint(folder=3)
    kgan.metrics.FrechetDistance(value_range=1.0)
    kgan.models.VGAN()
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="takes mypy")
def test_mypy_sees_a_users_mistakes(tmp_path):
    # As a wheel has it. Found by MYPYPATH, for the checker to look at one copy alone.
    package = tmp_path / "site" / "kgan"
    plain = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kgan", package, ignore=plain)
    shutil.copytree(ROOT / "callbacks", package / "callbacks", ignore=plain, dirs_exist_ok=True)
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nignore_missing_imports = true\n[mypy-kgan.*]\nignore_errors = true\n"
    )
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "program.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    lines = [line for line in answer.stdout.splitlines() if line.startswith("program.py")]
    said = {int(line.split(":")[1]): line for line in reversed(lines)}
    assert 'Revealed type is "kgan.models.dcgan.DCGAN"' in said[7], answer.stdout
    assert "ndarray" in said[8]
    assert "dict[str, float]" in said[13] or "dict[builtins.str, builtins.float]" in said[13]
    mistakes = {number: line for number, line in said.items() if "error:" in line}
    assert sorted(mistakes) == list(range(14, 23)), answer.stdout

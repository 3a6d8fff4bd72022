"""The README's table of versions says what pyproject.toml allows."""

import importlib.metadata
import pathlib
import re

import pytest

import kgan

# Python has it since 3.11.
tomllib = pytest.importorskip("tomllib")

ROOT = pathlib.Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").is_file(), reason="the tests lie outside a checkout or sdist"
)


def numbers(version):
    return tuple(map(int, re.findall(r"\d+", version)))


def ranges():
    """Returns (the oldest version, the first that is too new or None) by the name in the table."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = [*project["dependencies"], f"python {project['requires-python']}"]
    found = {}
    for need in needs:
        name, bounds = re.match(r"([\w-]+)\s*(.*)", need).groups()
        newest = re.search(r"<([\d.]+)", bounds)
        found[name] = (re.search(r">=([\d.]+)", bounds)[1], newest and newest[1])
    return found


def rows():
    """Returns (oldest, newest) as the README has them, by name in small letters."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.split("| oldest version | newest version |", 1)[1].split("\n\n")[0]
    return {
        name.lower(): (oldest, newest)
        for name, oldest, newest in re.findall(r"^\| (\w+) \| (\S+) \| (\S+) \|$", table, re.M)
    }


@pytest.mark.parametrize("name", ["python", "tensorflow", "keras", "numpy"])
def test_the_readme_says_what_pyproject_allows(name):
    least, limit = ranges()[name]
    oldest, newest = rows()[name]
    assert oldest == least
    if limit is None:
        assert newest == "any"
    elif len(numbers(limit)) == 1:
        assert newest == f"{numbers(limit)[0] - 1}.x"
    else:
        major, minor = numbers(limit)
        assert newest == f"{major}.{minor - 1}"


@pytest.mark.parametrize("name", ["tensorflow", "keras", "numpy"])
def test_the_installed_version_is_in_the_table(name):
    least, limit = ranges()[name]
    installed = numbers(importlib.metadata.version(name))
    assert numbers(least) <= installed
    assert limit is None or installed < numbers(limit)


def test_the_first_line_of_the_readme_has_the_same_versions_of_python():
    oldest, newest = rows()["python"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python {oldest} to {newest}." in text


def test_the_citation_names_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {kgan.__version__}\n" in text

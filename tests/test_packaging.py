"""kgan as a user installs it: a checkout without links, an editable install, an sdist, a wheel."""

import os
import pathlib
import shutil
import site
import subprocess
import sys
import tarfile
import textwrap
import venv
import zipfile

import pytest

import kgan

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Of the files that the package carries.
KINDS = {".py", ".typed", ".npz", ".json", ".keras", ".j2", ".css", ".js", ".xz", ".txt", ".png"}

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").is_file(), reason="the tests lie outside a checkout or sdist"
)

# What a user's script does first; it prints where kgan came from.
SCRIPT = """
    import pickle
    import kgan

    assert len(kgan.data.load("digits", batch_size=64).info.sample_shape) == 3
    every = kgan.callbacks.Every(steps=10)
    assert type(every).__module__ == "kgan.callbacks.every"
    assert type(pickle.loads(pickle.dumps(every))) is kgan.callbacks.Every
    import kgan.callbacks.trouble
    import kgan.callbacks.checkpoint_files as files
    assert files.latest is kgan.callbacks.latest
    print(kgan.__file__)
    print(kgan.callbacks.trouble.__file__)
"""


def build(kind, project, folder):
    """Builds `project` as pip does, and returns the file that came of it."""
    code = f"import sys, hatchling.build as b; print(b.build_{kind}(sys.argv[1]))"
    folder.mkdir(exist_ok=True)
    answer = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=project, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return folder / answer.stdout.split()[-1]


class Environment:
    """A virtual environment with what kgan needs, and without kgan.

    Attributes:
        packages: its site-packages.
    """

    def __init__(self, folder):
        venv.create(folder, with_pip=False)
        self.python = next(path for path in folder.glob("*/python*") if path.stem == "python")
        self.packages = next(folder.glob("**/site-packages"))
        # Folders named in a .pth file are searched last, and .pth files within them not at all:
        # an editable install beside the dependencies stays out.
        folders = dict.fromkeys([*site.getsitepackages(), *sys.path])
        lines = [path for path in folders if path and (pathlib.Path(path) / "keras").is_dir()]
        (self.packages / "~dependencies.pth").write_text("\n".join(lines), encoding="utf-8")

    def run(self, script):
        """Runs a script as `python script.py`; returns the lines that it printed."""
        left_out = {"PYTHONPATH", "PYTHONHOME"}
        answer = subprocess.run(
            [self.python, script],
            cwd=script.parent,
            env={name: value for name, value in os.environ.items() if name not in left_out},
            capture_output=True,
            text=True,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "environment")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The unpacked sdist."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", ROOT, folder)) as archive:
        archive.extractall(folder)
    return folder / f"kgan-{kgan.__version__}"


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel, built from the sdist."""
    return build("wheel", sdist, tmp_path_factory.mktemp("wheel"))


def write_script(folder):
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    return script


def without_links(folder):
    """A copy of the checkout in which every link is a small text file, as Git for Windows has it.

    Of everything that the package is built from.
    """
    for name in ("kgan", "callbacks"):
        shutil.copytree(
            ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    for link in [path for path in folder.rglob("*") if path.is_symlink()]:
        target = os.readlink(link)
        link.unlink()
        link.write_text(target)
    return folder


@pytest.mark.slow
def test_from_a_checkout_without_links(environment, tmp_path):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    script = write_script(without_links(checkout))
    package, module = environment.run(script)
    assert pathlib.Path(package).samefile(checkout / "kgan" / "__init__.py")
    assert pathlib.Path(module).samefile(checkout / "callbacks" / "trouble.py")


@pytest.mark.slow
def test_from_an_editable_install_with_the_checkout_beside_the_script(environment, tmp_path):
    home = tmp_path / "home"
    checkout = home / "kgan"
    checkout.mkdir(parents=True)
    without_links(checkout)
    with zipfile.ZipFile(build("editable", checkout, tmp_path / "built")) as archive:
        archive.extractall(environment.packages)
    package, module = environment.run(write_script(home))
    assert pathlib.Path(package).samefile(checkout / "kgan" / "__init__.py")
    assert pathlib.Path(module).samefile(checkout / "callbacks" / "trouble.py")


@pytest.mark.slow
def test_from_an_sdist(environment, sdist):
    package, module = environment.run(write_script(sdist))
    assert pathlib.Path(package).samefile(sdist / "kgan" / "__init__.py")
    assert pathlib.Path(module).samefile(sdist / "callbacks" / "trouble.py")


@pytest.mark.slow
def test_from_a_wheel(environment, wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(environment.packages)
    # A folder of the user's, of the same name, is nobody's business.
    (tmp_path / "callbacks").mkdir()
    for folder in (tmp_path / "callbacks", environment.packages / "callbacks"):
        folder.mkdir(exist_ok=True)
        (folder / "trouble.py").write_text("raise AssertionError('not of kgan')")
    package, module = environment.run(write_script(tmp_path))
    assert pathlib.Path(package).parent.samefile(environment.packages / "kgan")
    assert pathlib.Path(module).parent.samefile(environment.packages / "kgan" / "callbacks")


def test_a_folder_that_is_not_ours_is_not_taken(tmp_path):
    shutil.copytree(ROOT / "kgan" / "callbacks", tmp_path / "kgan" / "callbacks")
    shutil.copy(ROOT / "kgan" / "__init__.py", tmp_path / "kgan")
    (tmp_path / "callbacks").mkdir()
    (tmp_path / "callbacks" / "checkpoint.py").write_text("raise AssertionError('not of kgan')")
    answer = subprocess.run(
        [sys.executable, "-c", "import kgan.callbacks"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert answer.stderr.splitlines()[-1].startswith("ImportError: kgan.callbacks has its modules")


def test_a_wheel_is_whole(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = f"kgan-{kgan.__version__}.dist-info"
        commands = archive.read(f"{info}/entry_points.txt").decode()
    packed = {name for name in names if not name.startswith(info)}
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kgan").rglob("*")
        if path.suffix in KINDS and ".ipynb_checkpoints" not in path.parts
    }
    modules = {f"kgan/callbacks/{path.name}" for path in (ROOT / "callbacks").glob("*.py")}
    assert packed == files | modules
    assert {"kgan/py.typed", "kgan/metrics/extractors/weights/digits.npz"} <= packed
    assert f"{info}/licenses/LICENSE" in names
    assert "kgan = kgan.cli:main" in commands


def test_an_sdist_has_all_that_is_committed(sdist):
    answer = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if answer.returncode or not (ROOT / ".git").exists():
        pytest.skip("no git, or no repository")
    committed = [name for name in answer.stdout.split("\0") if (ROOT / name).is_file()]
    assert len(committed) > 100
    assert [name for name in committed if not (sdist / name).is_file()] == []


def test_no_file_is_a_link():
    for name in ("kgan", "callbacks", "tests", "notebooks", "benchmarks", "docs"):
        assert [path for path in (ROOT / name).rglob("*") if path.is_symlink()] == []

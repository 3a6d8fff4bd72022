"""The notebooks run from top to bottom, and are committed with their outputs."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))

# A lesson is read on the web: what is much larger loads slowly there.
MOST_BYTES = 1_200_000

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


class ThisInterpreter(KernelManager):
    """The kernel of the interpreter that runs the tests, whatever is registered elsewhere."""

    @property
    def kernel_spec(self):
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def errors(notebook):
    return [
        output
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "error"
    ]


def shown(cell):
    """What a cell shows the reader, by kind; the log of the machine it runs on is no part of it."""
    return {
        output.get("name") or next(iter(sorted(output.get("data", {}))), output.output_type)
        for output in cell.outputs
        if output.get("name") != "stderr"
    }


@pytest.mark.slow
def test_runs_from_top_to_bottom(path, tmp_path):
    committed = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs = []
    # Figures are drawn as a reader's notebook draws them, whatever the tests draw with.
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment |= {"KGAN_NOTEBOOK_QUICK": "1", "KERAS_BACKEND": "tensorflow"}

    client = NotebookClient(
        notebook,
        kernel_manager_class=ThisInterpreter,
        resources={"metadata": {"path": str(tmp_path)}},
        timeout=300,
    )
    client.execute(env=environment)  # raises at the first cell that fails

    assert not errors(notebook)
    for run, kept in zip(code_cells(notebook), code_cells(committed), strict=True):
        assert shown(run) == shown(kept), f"committed without its output:\n{run.source}"


def test_is_committed_as_executed(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)

    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "run it anew, from top to bottom"
    assert not errors(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert path.stat().st_size < MOST_BYTES


def test_shows_no_noise(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        for output in cell.outputs:
            text = str(output.get("text", ""))
            assert output.get("name") != "stderr", f"the log of the machine it ran on:\n{text}"
            assert "WARNING" not in text, f"a warning:\n{text}"

"""Tests do not depend on the folder they are started in, where a user may have trained."""

import os
import pathlib
import subprocess
import sys

import pytest

import kgan

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def folder_of_the_module():
    return pathlib.Path.cwd()


def test_each_test_works_in_a_folder_of_its_own(tmp_path):
    assert pathlib.Path.cwd().samefile(tmp_path)
    assert not list(tmp_path.iterdir())


def test_so_do_the_fixtures_that_many_share(folder_of_the_module):
    assert folder_of_the_module != CHECKOUT
    assert CHECKOUT not in folder_of_the_module.parents


def test_python_started_by_a_test_imports_the_same_package():
    code = "import kgan; print(kgan.__file__)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert os.path.samefile(answer.stdout.strip(), kgan.__file__)

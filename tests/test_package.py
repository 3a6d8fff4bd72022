"""Importing the package: lazily, and with the backend that it needs."""

import os
import subprocess
import sys

import pytest

import kgan


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment
    )


def test_importing_kgan_waits_for_nothing():
    answer = run(
        "import kgan, sys; dir(kgan); print([m for m in ('tensorflow', 'keras', 'matplotlib', "
        "'tensorflow_datasets', 'sklearn') if m in sys.modules])"
    )
    assert answer.stdout.strip() == "[]", answer.stderr


def test_every_public_name_loads():
    for name in kgan.__all__:
        assert getattr(kgan, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'DCGAN2'"):
        _ = kgan.DCGAN2


def test_another_backend_is_named_at_import():
    answer = run("import kgan; kgan.GAN", KERAS_BACKEND="numpy")
    assert answer.returncode != 0
    assert "KERAS_BACKEND=tensorflow" in answer.stderr.splitlines()[-1]

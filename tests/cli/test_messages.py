"""The library's messages with the spelling of the command line, and errors of the system."""

import errno
import io
import sys
import warnings

import click
import pytest

from kgan.cli.messages import any_text, failure, in_options, plain_warnings

OPTIONS = {"batch_size", "size", "split", "resume", "overwrite", "data_dir", "options"}


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Use batch_size=20 or less.", "Use --batch-size 20 or less."),
        ("Use batch_size=20 or less, or drop_remainder=False.", "Use --batch-size 20 or less."),
        ("like size=64 or size=(64, 96).", "like --size 64 or --size 64x96."),
        ('take split="train[:9]" and', 'take --split "train[:9]" and'),
        ("overwrite=True instead of resume=True", "--overwrite instead of --resume"),
        ("Point data_dir or TFDS_DATA_DIR to", "Point --data-dir or TFDS_DATA_DIR to"),
        # Plain words, options of the model and of Python, and options already stay.
        ("The size of a split", "The size of a split"),
        ("latent_size=3 and my_batch_size=4", "latent_size=3 and my_batch_size=4"),
        ("Use --size 4 or -O size=3", "Use --size 4 or -O size=3"),
        ("a file or NAME=VALUE.", "a file or NAME=VALUE."),
    ],
)
def test_python_spelling_becomes_options(said, heard):
    assert in_options(said, OPTIONS) == heard


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), 1, "a.png: No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "a.png"), 1, "a.png: Permission"),
        (KeyboardInterrupt(), 130, "Stopped."),
        (click.Abort(), 130, "Stopped."),
        (click.UsageError("wrong"), 2, "wrong"),
    ],
)
def test_foreseen_errors_are_one_message(error, status, said, capsys):
    assert failure(error, OPTIONS) == status
    assert said in capsys.readouterr().err


def test_unforeseen_errors_are_left_to_python():
    assert failure(ValueError("a bug"), OPTIONS) is None
    assert failure(OSError("h5py has no errno"), OPTIONS) is None


def test_text_that_an_encoding_lacks_is_shown(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "latin-1", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    with any_text():
        click.echo("in café €\udce9")
    assert stream.buffer.getvalue() == b"in caf\xe9 \\u20ac\\udce9\n"
    assert stream.errors == "strict"


def test_warnings_are_sentences_said_once(capsys):
    with plain_warnings():
        for _ in range(2):
            warnings.warn("The file is damaged.", stacklevel=1)
    assert capsys.readouterr().err == "Warning: The file is damaged.\n"

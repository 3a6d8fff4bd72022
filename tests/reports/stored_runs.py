"""What a run's folder holds, read without kgan."""

import csv

import numpy as np
from PIL import Image


def history(run):
    """The rows of a run's `history.csv`."""
    with (run / "history.csv").open() as file:
        return list(csv.DictReader(file))


def pixels(path):
    """A picture as an array."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))

"""The Python of the documentation runs, page by page, on small data and with few steps.

docs/your_own_family.md and docs/the_step.md have tests of their own.
"""

import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.training.model import AdversarialModel

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {"your_own_family.md", "the_step.md"}
FENCE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = {
    page.name: FENCE.findall(page.read_text(encoding="utf-8"))
    for page in PAGES
    if page.name not in ELSEWHERE
}


def folder(path, count, size, classes=()):
    """A folder of random pictures."""
    numbers = np.random.default_rng(0)
    for place in range(count):
        target = path / classes[place % len(classes)] if classes else path
        target.mkdir(parents=True, exist_ok=True)
        pixels = numbers.integers(0, 256, (size, size, 3), dtype="uint8")
        Image.fromarray(pixels).save(target / f"{place}.png")


def digits(**options):
    return kgan.data.load("digits", batch_size=16, **options)


def given(name):
    """What a page takes as given, by name; its folders are made."""
    found = {"kgan": kgan, "keras": keras}
    if name in ("measuring.md", "your_pictures.md"):
        folder(Path("photos"), 24, 32, ["cats", "dogs"])
    if name == "measuring.md":
        folder(Path("generated"), 24, 32)
    if name == "pictures.md":
        folder(Path("stickers"), 64, 64)
    if name in ("formats.md", "serving.md", "report.md"):
        shutil.copytree(ROOT / "tests" / "golden" / "vanilla" / "run", "runs/vanilla-digits")
    if name == "serving.md":
        kgan.load("runs/vanilla-digits/gan.keras").export("runs/vanilla-digits/saved_model")
    if name in ("reliability.md", "troubles.md"):
        gan = kgan.models.VanillaGAN((8, 8, 1), preset="stable")
        gan.compile()
        found |= {"gan": gan, "dataset": digits(), "test": digits(split="test")}
    return found


# What they need is not at hand, or takes minutes. They must still be Python.
UNTESTED = {
    "usefulness.md": "it trains many classifiers; tests/metrics has it",
    "from_images.md": "its data sets are downloads; tests/models has their families",
    "scaling.md": "tests/scaling/inside has a process with several devices",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, blocks in BLOCKS.items() if blocks])
def test_its_blocks_run_in_order(name, tmp_path, monkeypatch):
    if name in UNTESTED:
        for place, block in enumerate(BLOCKS[name]):
            compile(block, f"{name}, block {place + 1}", "exec")
        return
    monkeypatch.chdir(tmp_path)
    fit = AdversarialModel.fit

    def short(self, x=None, **options):
        options |= {"epochs": min(options.get("epochs", 1), options.get("initial_epoch", 0) + 1)}
        return fit(self, x, **options | {"steps_per_epoch": 2, "verbose": 0})

    monkeypatch.setattr(AdversarialModel, "fit", short)
    names = given(name)
    for place, block in enumerate(BLOCKS[name]):
        exec(compile(block, f"{name}, block {place + 1}", "exec"), names)


def test_every_page_is_looked_at():
    assert set(UNTESTED) <= {name for name, blocks in BLOCKS.items() if blocks}
    assert all((ROOT / "docs" / name).is_file() for name in ELSEWHERE)

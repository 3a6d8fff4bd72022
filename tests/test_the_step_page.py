"""The page on the step shows the code that runs."""

import inspect
import pathlib
import re

import pytest

from kgan.training import step

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "the_step.md"


@pytest.mark.parametrize("name", ["train_step", "discriminator_plays", "generator_plays"])
def test_the_page_holds_the_code(name):
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert inspect.getsource(getattr(step, name)).strip() in blocks

"""Command lines with words that do not belong there are answered, and harm nobody's files."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import commands


@pytest.mark.slow
def test_some_command_lines(tmp_path):
    # Those that train take longer.
    slow = [number for number in range(60) if "train" in commands.line(number)[:1]]
    numbers = [
        *slow[:1],
        *(number for number in (*range(10), *range(20, 25)) if number not in slow),
    ]
    found, statuses = commands.run(numbers, tmp_path, slow=False)
    assert found == {}
    # All kinds of ends are tried.
    assert statuses[0] and statuses[1] and statuses[2]


@pytest.mark.campaign
def test_three_hundred_command_lines(tmp_path):
    found, _ = commands.run(range(1000, 1300), tmp_path)
    assert found == {}


def test_a_file_that_is_changed_is_noticed(tmp_path):
    before = {"text.txt": "1", "run/gan.keras": "2"}
    template, folder = tmp_path / "template", tmp_path / "around/working"
    for place in (template, folder):
        place.mkdir(parents=True)
        (place / "text.txt").write_text("mine")
    after = {"text.txt": "3", "run/gan.keras": "4", "new": "5"}
    assert commands._restore(template, folder, before, after) == ["text.txt"]
    assert commands._tidy(folder) == ["../letter.txt"]
    (folder.parent / "new").mkdir()
    assert commands._tidy(folder) == []
    assert [path.name for path in sorted(folder.parent.iterdir())] == ["letter.txt", "working"]


def test_an_end_without_one_message_is_noticed():
    assert commands.finding(1, "", "Error: no.\nError: no.\n", None) is not None
    assert commands.finding(0, "", "Traceback (most recent call last)", None) is not None
    assert commands.finding(None, "", "", ValueError("deep")) is not None
    assert commands.finding(1, "", "Error: this is how it is.\n", None) is None

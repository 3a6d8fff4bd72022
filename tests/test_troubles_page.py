"""The page on troubles is made of the table in the code, and its pictures are there."""

import importlib.util
import pathlib
import re

from kgan.callbacks import remedies

ROOT = pathlib.Path(__file__).parents[1]


def test_page_and_code_have_one_table():
    spec = importlib.util.spec_from_file_location("troubles", ROOT / "benchmarks" / "troubles.py")
    troubles = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(troubles)
    written = (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")
    assert written == troubles.page()
    for kind, remedy in remedies.REMEDIES.items():
        (row,) = [line for line in written.splitlines() if line.startswith(f"| `{kind}` |")]
        assert remedy.symptom in row and remedy.cause in row
    pictures = re.findall(r"\]\((troubles/\w+\.png)\)", written)
    assert len(pictures) == len(list((ROOT / "docs" / "troubles").glob("*.png"))) >= 1
    for picture in pictures:
        assert 0 < (ROOT / "docs" / picture).stat().st_size < 60_000

"""Damaged files of a run fall back or are answered in one message; see `damage.py`."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "faults_damage", Path(__file__).with_name("damage.py")
)
damage = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(damage)


def wrong(found) -> list[str]:
    found = list(found)
    assert len({case.outcome for case in found if case.right}) > 1
    return [str(case) for case in found if not case.right]


@pytest.mark.slow
def test_no_damage_is_loaded_silently_wrong_or_ends_raw():
    assert wrong(damage.cases(20)) == []


@pytest.mark.slow
def test_nor_is_any_of_many():
    assert wrong(damage.cases(100, first=20)) == []


@pytest.mark.slow
def test_a_damaged_run_resumes_as_the_unbroken_one_or_is_refused():
    assert wrong(damage.cases(8, first=1000, resume=True)) == []

"""Replicas and workers take the steps of one device with the whole batch, and hold the same."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from processes import apart, program, read, workers

# LeCam, DRAGAN and an average.
SOME = ["vanilla"]
# Batch normalization, augmentation and a joint batch; classes; pools of images, and a structure of
# images for each domain.
MORE = [*SOME, "dcgan", "r3gan with classes", "cyclegan"]
FAMILIES = 17
TOLERANCE = 1e-5


def trained(out, names, *words):
    program("works.py", out, "--families", ",".join(names), *words, seconds=1500)
    return out


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The states of some families after training on one device."""
    return trained(tmp_path_factory.mktemp("alone"), SOME)


@pytest.fixture(scope="module")
def all_alone(tmp_path_factory):
    """The states of all families after training on one device."""
    return trained(tmp_path_factory.mktemp("alone"), ["all"])


def assert_equal(out, alone, names, logs=True):
    for name in names:
        states = [read(folder / f"{name}.npz") for folder in (out, alone)]
        if not logs:
            states = [{k: v for k, v in s.items() if not k.startswith("logs/")} for s in states]
        found = apart(*states)
        assert {k: v for k, v in found.items() if not v <= TOLERANCE} == {}, name


@pytest.mark.slow
def test_two_replicas(alone, tmp_path):
    assert_equal(trained(tmp_path, SOME, "--replicas", 2), alone, SOME)


@pytest.mark.parametrize(
    ("replicas", "names"),
    [
        pytest.param(2, ["all"], marks=pytest.mark.slow),
        # An odd number, over which a batch divides unevenly.
        pytest.param(3, MORE, marks=pytest.mark.slow),
        pytest.param(3, ["all"], marks=pytest.mark.campaign),
    ],
)
def test_families_on_replicas(replicas, names, all_alone, tmp_path):
    trained(tmp_path, names, "--replicas", replicas)
    names = [path.stem for path in tmp_path.glob("*.npz")]
    assert len(names) in (FAMILIES, len(MORE))
    assert_equal(tmp_path, all_alone, names)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 3])
def test_a_checkpoint_resumes_on_another_number_of_replicas(replicas, all_alone, tmp_path):
    names = [name for name in MORE if name != "dcgan"]
    words = ["--checkpoints", tmp_path / "checkpoints"]
    trained(tmp_path / "broken", names, "--replicas", 2, "--steps", 8, *words)
    trained(tmp_path / "resumed", names, "--replicas", replicas, *words)
    # The history is that of the epochs since.
    assert_equal(tmp_path / "resumed", all_alone, names, logs=False)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "names"), [(2, ["all"]), (3, MORE)])
def test_workers(count, names, all_alone, tmp_path):
    words = ["--families", ",".join(names)]
    workers(count, "works.py", *words, own=lambda index: [tmp_path / f"{index}"], seconds=1500)
    names = [path.stem for path in (tmp_path / "0").glob("*.npz")]
    assert len(names) in (FAMILIES, len(MORE))
    assert_equal(tmp_path / "0", all_alone, names)
    for index in range(1, count):
        for name in names:
            states = [read(tmp_path / f"{worker}/{name}.npz") for worker in (0, index)]
            # Bit for bit.
            assert not any(apart(*states).values()), (index, name)

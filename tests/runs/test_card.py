"""Model cards: what they say, in the form that the hub reads, and what they never replace."""

import json
import pathlib
import shutil

import pytest

import kgan
from kgan import records
from kgan.disk import marks
from kgan.runs import RunFolder, card

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "format1" / "run"


@pytest.fixture
def run(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "digits")
    run = RunFolder(tmp_path / "digits")
    record = {
        "step": 7,
        "data": "mnist",
        "split": "test",
        "trained_on_it": False,
        "figures": {"frechet_distance": 2.5, "precision": None},
        "floor": {"frechet_distance": 0.5},
        "floor_of": "training",
        "rests_on": {"frechet_distance": {"fake": 300, "real": 200, "extractor": "digits"}},
    }
    run.evaluations.write_text(json.dumps([*run.evaluated(), records.signed(record)]))
    return run


def test_the_metadata_are_what_the_hub_reads(run):
    hub = pytest.importorskip("huggingface_hub", reason='pip install "kgan[hub]"')
    made = hub.ModelCard(card.card(run, licence="mit", name="ones-and-zeros"))
    assert (made.data.license, made.data.library_name) == ("mit", "kgan")
    assert made.data.model_name == "ones-and-zeros"
    (result,) = made.data.eval_results  # of the newest state alone
    assert (result.metric_type, result.metric_value) == ("frechet_distance", 2.5)
    assert (result.dataset_name, result.dataset_split) == ("mnist", "test")
    assert result.metric_args == {
        **{"extractor": "digits", "generated": 300, "real": 200, "floor": 0.5},
        **{"floor_of": "training", "step": 7},
    }
    # Written by the hub's own classes it says the same.
    again = hub.ModelCardData(**made.data.to_dict(), ignore_metadata_errors=False)
    assert again.to_dict()["model-index"] == made.data.to_dict()["model-index"]
    assert "| frechet_distance | 2.5 | 0.5 | 300 generated, 200 real | digits | mnist, test |" in (
        made.text
    )


def test_a_card_is_replaced_only_if_kgan_wrote_it_and_keeps_its_licence(run):
    card.refresh(run)
    assert "The licence of this model is unknown" in run.card.read_text()
    card.refresh(run, "cc-by-4.0")
    card.refresh(run)
    text = run.card.read_text()
    assert "license: cc-by-4.0" in text and marks.is_own_card(run.card)
    run.card.write_text(text.replace("# digits", "# Ours"))
    card.refresh(run, "mit")
    assert "# Ours" in run.card.read_text()
    run.clear()
    assert run.card.is_file()
    with pytest.raises(kgan.InputError, match="one word"):
        card.card(run, "my licence")


def test_a_savedmodel_with_a_card_may_be_replaced_and_with_notes_not(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    marks.mark_saved_model(tmp_path)
    card.write("A card.", tmp_path)
    marks.check_saved_model(tmp_path)
    (tmp_path / marks.CARD).write_text("Notes of our own.")
    with pytest.raises(kgan.InputError, match=r"README.md is not known to be kgan's"):
        marks.check_saved_model(tmp_path)

"""What may be replaced: what kgan wrote, and nothing beside it."""

import json

import numpy as np
import pytest
from PIL import Image

from kgan import pictures
from kgan.disk import marks
from kgan.errors import InputError
from kgan.pictures.files import write_png

GREY = np.zeros((4, 4, 3), "uint8")
SAMPLES = r"sample-\d+(-class\d+)?\.png"


@pytest.fixture
def saved_model(tmp_path):
    """A folder with the files of a SavedModel that kgan marked."""
    folder = tmp_path / "serving"
    (folder / "variables").mkdir(parents=True)
    (folder / "assets").mkdir()
    for name in ("saved_model.pb", "fingerprint.pb", "variables/variables.index"):
        (folder / name).write_text("x")
    (folder / "variables" / "variables.data-00000-of-00001").write_text("x")
    marks.mark_saved_model(folder)
    return folder


def refused(check, folder, name, *arguments, **options):
    with pytest.raises(InputError) as refusal:
        check(folder, *arguments, **options)
    assert f" {name} " in str(refusal.value)


def test_a_picture_names_the_command_that_wrote_it(tmp_path):
    write_png(tmp_path / "a.png", GREY, "translate")
    pictures.save_png(tmp_path / "b.png", GREY)
    pictures.save_gif(tmp_path / "c.gif", [GREY, GREY])
    Image.fromarray(GREY).save(tmp_path / "d.png")
    (tmp_path / "e.png").write_text("x")
    found = [marks.program(tmp_path / name) for name in ("a.png", "b.png", "c.gif", "d.png")]
    assert found == ["kgan translate", "kgan", "kgan", ""]
    assert marks.program(tmp_path / "e.png") == ""


def test_pictures_of_another_command_or_a_user_are_not_replaced(tmp_path):
    folder = tmp_path / "made"
    write_png(folder / "sub" / "a.png", GREY, "translate")
    marks.check_pictures(folder, "translate")
    refused(marks.check_pictures, folder, "sub/a.png", "upscale")
    Image.fromarray(GREY).save(folder / "mine.png")
    refused(marks.check_pictures, folder, "mine.png", "translate")
    (folder / "mine.png").unlink()
    (folder / "b.png").symlink_to(folder / "sub" / "a.png")
    (folder / "c").symlink_to(tmp_path)
    marks.check_pictures(tmp_path / "none", "translate")
    refused(marks.check_pictures, folder, "c", "translate")


def test_pictures_of_an_earlier_release_are_known_by_their_kind(tmp_path):
    for number in range(3):
        Image.fromarray(GREY).save(tmp_path / f"sample-{number}.png")
    marks.check_pictures(tmp_path, "generate", older=SAMPLES)
    refused(marks.check_pictures, tmp_path, "sample-0.png", "generate")
    (tmp_path / "sample-3.png").write_text("a user's notes")
    with pytest.raises(InputError):
        marks.check_pictures(tmp_path, "generate", older=SAMPLES)


@pytest.mark.parametrize("marked", [True, False])
def test_a_saved_model_with_anything_else_is_not_replaced(saved_model, marked):
    if not marked:  # as of an earlier release
        (saved_model / marks.LIST).unlink()
    marks.check_saved_model(saved_model)
    for name in ("thesis.txt", "assets/vocabulary.txt", "variables/mine.index"):
        (saved_model / name).write_text("x")
        refused(marks.check_saved_model, saved_model, name)
        (saved_model / name).unlink()
    # What a user deleted is missed by nobody.
    (saved_model / "variables" / "variables.index").unlink()
    marks.check_saved_model(saved_model)
    if marked:
        (saved_model / "saved_model.pb").write_text("the user's own")
        refused(marks.check_saved_model, saved_model, "saved_model.pb")
        (saved_model / marks.LIST).write_text("torn")
        marks.check_saved_model(saved_model)
    (saved_model / "fingerprint.pb").unlink()
    (saved_model / marks.LIST).unlink(missing_ok=True)
    refused(marks.check_saved_model, saved_model, "saved_model.pb")


@pytest.mark.parametrize(
    "name",
    [
        "samples/mine.png",
        "samples/step-0000020.png",
        "checkpoints/best.weights.h5",
        "checkpoints/step-0000006/notes.txt",
        "logs/train/notes.txt",
        "saved_model/notes.txt",
    ],
)
def test_a_run_is_not_deleted_with_a_users_file(tmp_path, saved_model, name):
    run = tmp_path / "run"
    run.mkdir()
    saved_model.rename(run / "saved_model")
    step, events = run / "checkpoints" / "step-0000006", run / "logs" / "train"
    for folder in (step, events):
        folder.mkdir(parents=True)
    (step / "state.weights.h5").write_bytes(b"damaged")
    (step / "state.json").write_text(json.dumps({}))
    (events / "events.out.tfevents.17.host").write_bytes(b"x")
    write_png(run / "samples" / "step-0000006.png", GREY)
    pictures.save_gif(run / "samples" / "growth.gif", [GREY])
    (run / "notes.txt").write_text("beside what is deleted")
    marks.check_run(run)
    (run / name).write_text("x")
    refused(marks.check_run, run, name.removeprefix("saved_model/"))


def test_a_single_file_is_replaced_by_its_kind_alone(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("thesis")
    (tmp_path / "c.png").touch()  # of a write that was cut off
    (tmp_path / "d.png").mkdir()
    with pytest.raises(InputError, match="--overwrite"):
        marks.check_free(tmp_path / "a.png", overwrite=False)
    for name in "ac":
        marks.check_free(tmp_path / f"{name}.png", overwrite=True)
    for name in "bd":
        with pytest.raises(InputError, match="something else"):
            marks.check_free(tmp_path / f"{name}.png", overwrite=True)
    with pytest.raises(InputError, match="not a folder"):
        marks.check_free(tmp_path / "b.png", True, marks.check_saved_model)
    marks.check_free(tmp_path / "d.png", False, marks.check_saved_model)

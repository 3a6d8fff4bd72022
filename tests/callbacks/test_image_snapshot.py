import keras
import numpy as np
import pytest
from PIL import Image
from stand_in import StandIn

import kgan
from kgan.callbacks import Checkpoint, ImageSnapshot


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def frames(path):
    with Image.open(path) as gif:
        return gif.n_frames


def test_pictures_before_during_and_after(tmp_path):
    StandIn().ready().run(5, ImageSnapshot(tmp_path, every_epochs=2, count=9))
    steps = [0, 10, 20, 25]
    assert names(tmp_path) == ["growth.gif", *(f"step-{step:07d}.png" for step in steps)]
    assert frames(tmp_path / "growth.gif") == 4
    with Image.open(tmp_path / "step-0000025.png") as picture:
        assert picture.mode == "RGB"
        assert picture.width == picture.height > 40  # nine images, three a row
    first, last = (np.asarray(Image.open(tmp_path / f"step-00000{s}.png")) for s in ("00", "25"))
    assert (first != last).any()


def test_equal_seeds_draw_equal_latents(tmp_path):
    model = StandIn().ready()
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        snapshot = ImageSnapshot(tmp_path / folder, seed=seed, count=4)
        snapshot.set_model(model)
        snapshot.draw_now()
    a, b, c = ((tmp_path / f / "step-0000000.png").read_bytes() for f in "abc")
    assert a == b
    assert a != c


def test_a_resumed_run_animates_the_whole_run(tmp_path):
    def callbacks():
        # The checkpoint last, so that it restores after the snapshot has begun.
        return (
            ImageSnapshot(tmp_path / "samples", count=4),
            Checkpoint(tmp_path / "checkpoints", resume=True),
        )

    StandIn().ready().run(3, *callbacks())
    before = (tmp_path / "samples" / "step-0000000.png").stat().st_mtime_ns
    StandIn().ready().run(5, *callbacks())
    assert frames(tmp_path / "samples" / "growth.gif") == 6
    assert (tmp_path / "samples" / "step-0000000.png").stat().st_mtime_ns == before


def test_long_runs_are_thinned_to_sixty_frames(tmp_path):
    StandIn().ready().run(31, ImageSnapshot(tmp_path, every_steps=1, count=1, size=16))
    assert len(list(tmp_path.glob("*.png"))) == 156
    assert frames(tmp_path / "growth.gif") == 60


def test_finish_after_an_interruption(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.iterations) == 8:
                raise KeyboardInterrupt

    snapshot = ImageSnapshot(tmp_path, count=4)
    with pytest.raises(KeyboardInterrupt):
        StandIn().ready().run(3, Interrupt(), snapshot)
    snapshot.finish()
    pictures = [f"step-000000{step}.png" for step in (0, 5, 8)]
    assert names(tmp_path) == ["growth.gif", *pictures]


def test_several_previews_have_files_of_their_own(tmp_path, monkeypatch):
    model = StandIn().ready()
    rows = {"there": np.zeros((3, 4, 4, 3)), "and back": np.ones((3, 9))}
    monkeypatch.setattr(model, "preview", lambda count, seed: rows)
    model.run(1, ImageSnapshot(tmp_path))
    assert names(tmp_path) == [
        "growth-and_back.gif",
        "growth-there.gif",
        "step-0000000-and_back.png",
        "step-0000000-there.png",
        "step-0000005-and_back.png",
        "step-0000005-there.png",
    ]


def test_pictures_of_another_run_are_not_mixed_in(tmp_path):
    StandIn().ready().run(3, ImageSnapshot(tmp_path, count=4))
    with pytest.raises(kgan.InputError, match="another run"):
        StandIn().ready().run(1, ImageSnapshot(tmp_path, count=4))
    StandIn().ready().run(1, ImageSnapshot(tmp_path, count=4, overwrite=True))
    assert names(tmp_path) == ["growth.gif", "step-0000000.png", "step-0000005.png"]


def test_an_unwritable_folder_is_found_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    model = StandIn().ready()
    with pytest.raises(kgan.InputError, match="file"):
        model.run(1, ImageSnapshot(tmp_path / "file" / "samples"))
    assert int(model.iterations) == 0


@pytest.mark.parametrize(
    "given", [{"every_epochs": 1, "every_steps": 1}, {"count": 0}, {"columns": 0}, {"size": 3}]
)
def test_bad_arguments(tmp_path, given):
    with pytest.raises(kgan.InputError):
        ImageSnapshot(tmp_path, **given)


def test_a_real_gan_of_points(tmp_path):
    points = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    gan = kgan.GAN(generator, discriminator, seed=1)
    gan.compile(ema=0.9, jit_compile=False, steps_per_execution=2)
    snapshot = ImageSnapshot(tmp_path, every_steps=3, reference=points)
    gan.fit(points, batch_size=4, epochs=1, verbose=0, callbacks=[snapshot])
    assert names(tmp_path) == ["growth.gif", *(f"step-000000{s}.png" for s in (0, 4, 6, 8))]


@pytest.mark.parametrize("name", ["step-0000010.png", "step-12.png", "growth.gif"])
def test_a_users_file_is_never_lost(tmp_path, name):
    # Of an earlier release: without a mark, and of the kind.
    Image.fromarray(np.zeros((4, 4, 3), "uint8")).save(tmp_path / "step-0000015.png")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / name).write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(kgan.InputError, match=name):
            StandIn().ready().run(1, ImageSnapshot(tmp_path, count=4, overwrite=overwrite))
    (tmp_path / name).unlink()
    StandIn().ready().run(1, ImageSnapshot(tmp_path, count=4, overwrite=True))
    assert names(tmp_path) == ["growth.gif", "notes.txt", "step-0000000.png", "step-0000005.png"]

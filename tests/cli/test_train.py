"""`kgan train`: the content of a run folder, and the protection of an earlier run."""

import csv
import json

import numpy as np
import pytest
from command_line import SHORT, TRAIN, assert_same_state, command, config, contents, done, refused
from PIL import Image

import kgan


def test_a_run_folder_holds_all_of_a_run(finished):
    assert {path.name for path in finished.iterdir()} == {
        "config.json", "history.csv", "losses.png", "gan.keras",
        "samples", "checkpoints", "logs", "saved_model", "README.md",
    }  # fmt: skip
    assert sorted(path.name for path in (finished / "samples").iterdir()) == [
        "growth.gif",
        "step-0000000.png",
        "step-0000010.png",
        "step-0000020.png",
    ]
    assert sorted(path.name for path in (finished / "checkpoints").iterdir()) == [
        "step-0000018",
        "step-0000020",
    ]
    for path in (finished / "losses.png", *finished.glob("samples/*")):
        with Image.open(path) as image:
            image.verify()
    gan = kgan.load(finished / "gan.keras")
    assert int(gan.iterations) == 20
    assert gan.generate(2, seed=0).shape == (2, 8, 8, 1)
    with (finished / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("0", "14"), ("1", "20")]
    # The monitor of collapse looks on, and what it sees is kept.
    names = ("d_loss", "g_loss", "diversity", "diversity_nearest")
    assert all(np.isfinite(float(row[name])) for row in rows for name in names)


@pytest.mark.slow
def test_config_says_how_to_repeat_the_run(finished, tmp_path):
    said = config(finished)
    assert said["total_steps"] == said["finished_steps"] == 20
    assert said["versions"].keys() == {"kgan", "tensorflow", "keras", "numpy", "python"}
    assert said["versions"]["kgan"] == kgan.__version__
    words = ["train", said["settings"].pop("model")]
    lists = {"options": "-O", "penalties": "--penalty", "log_to": "--log-to"}
    for name, value in said["settings"].items():
        option = lists.get(name, f"--{name.replace('_', '-')}")
        for one in value if name in lists else [value]:
            # A flag that was not given is False.
            words += [] if one is None or one is False else [option, one]
    done(*words, "--out", tmp_path / "again")
    assert_same_state(finished, tmp_path / "again")
    assert config(tmp_path / "again")["settings"] == config(finished)["settings"]


def test_settings_reach_the_game(prepared):
    job = prepared(
        *TRAIN, "--epochs", 2, "--batch-size", 40, "--loss", "hinge", "--penalty", "r1=2.5",
        "--learning-rate", 0.01, "--clip-norm", 5, "--ema", 0.9, "--discriminator-steps", 3,
        "--accumulation-steps", 2, "-O", "latent_size=7", "--split", "test", "--channels", 3,
        "--size", "6x4", "--seed", 3,
    )  # fmt: skip
    gan, info = job.gan, job.dataset.info
    assert type(gan.loss) is kgan.losses.Hinge
    assert [(type(term), term.get_config()["gamma"]) for term in gan.terms] == [
        (kgan.penalties.R1, 2.5)
    ]
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(0.01)
    assert gan.g_optimizer.global_clipnorm == 5
    assert (gan.discriminator_steps, gan.accumulation_steps, gan.latent_size) == (3, 2, 7)
    assert (gan.seed, gan.variant) == (3, "relu")
    assert gan.average is not None
    assert (info.sample_shape, info.size, info.batch_size) == ((6, 4, 3), 300, 40)
    # Two epochs of 7 batches, three a step.
    assert (job.per_epoch, job.total) == (2, 4)


def test_without_a_model_it_is_the_stable_form_under_runs(prepared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # An empty folder is as good as none.
    (tmp_path / "runs" / "vanilla-digits").mkdir(parents=True)
    job = prepared("train")
    assert job.gan.variant == "stable"
    assert job.run.path.as_posix() == "runs/vanilla-digits"
    assert job.total % job.per_epoch == 0


def test_points_signals_and_folders_are_data(tmp_path, prepared, pictures, monkeypatch):
    monkeypatch.chdir(tmp_path)
    signals = np.sin(np.ones((120, 1)) * np.arange(20.0)).astype("float32")
    np.savez("signals.npz", x_train=signals)
    pictures(sizes=((8, 8), (8, 10)))
    ring = prepared(*TRAIN, "--data", "ring")
    assert (ring.gan.sample_shape, ring.gan.data_range) == ((2,), None)
    signal = prepared(*TRAIN, "--data", "signals.npz")
    assert signal.gan.sample_shape == (20,)
    assert signal.run.path.as_posix() == "runs/vanilla-signals"
    assert signal.settings["data"] == str(tmp_path / "signals.npz")
    folder = prepared(*TRAIN, "--data", "pictures", "--size", "6x8")
    assert folder.gan.sample_shape == (6, 8, 3)
    # A data set's name comes before a folder's.
    (tmp_path / "digits").mkdir()
    assert prepared(*TRAIN, "--data", "digits").settings["data"] == "digits"


class TestAnEarlierRun:
    def test_is_not_touched_by_a_plain_second_run(self, run):
        before = contents(run)
        message = refused(*SHORT, "--out", run)
        assert "--resume" in message and "--overwrite" in message
        assert contents(run) == before

    def test_is_deleted_by_overwrite_alone(self, run, monkeypatch):
        (run / "notes.txt").write_text("mine")
        # What comes after the last step is pointed out, too: losses that are no numbers.
        monkeypatch.setattr(
            "kgan.runs.RunFolder.add_to_history",
            lambda run, *row: run.history.write_text("epoch,step,d_loss,g_loss\n0,2,nan,nan\n"),
        )
        result = command(*TRAIN, "--steps", 2, "--overwrite", "--out", run, "--quiet")
        assert result.status == 0
        assert result.err.startswith("Warning: the losses are no longer finite")
        assert config(run)["total_steps"] == 2
        assert not (run / "checkpoints" / "step-0000020").exists()
        assert not (run / "samples" / "step-0000020.png").exists()
        assert (run / "notes.txt").read_text() == "mine"

    @pytest.mark.parametrize(
        "words",
        [
            ("--data", "digitz"),
            ("--loss", "hing"),
            ("--batch-size", 5000),
            # These two are found out by `fit` alone.
            ("--accumulation-steps", 3),
            ("--discriminator-steps", 100),
        ],
    )
    def test_stays_whole_where_overwriting_is_refused(self, run, words):
        before = contents(run)
        refused(*SHORT, "--overwrite", "--out", run, *words)
        assert contents(run) == before

    def test_stays_whole_where_the_first_step_cannot_be_built(self, run, monkeypatch):
        before = contents(run)

        def fails(*arguments, **options):
            raise kgan.InputError("This network cannot be differentiated.")

        monkeypatch.setattr("kgan.training.feed.training_data", fails)
        assert "differentiated" in refused(*SHORT, "--overwrite", "--out", run)
        assert contents(run) == before


class TestTheFolder:
    def test_is_not_made_for_input_that_is_refused(self, tmp_path):
        refused(*SHORT, "--data", "digitz", "--out", tmp_path / "a" / "run")
        refused(*SHORT, "--accumulation-steps", 3, "--out", tmp_path / "a" / "run")
        assert not any(tmp_path.iterdir())

    @pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
    def test_of_someone_else_is_left_alone(self, tmp_path, overwrite):
        (tmp_path / "samples").mkdir()
        (tmp_path / "samples" / "thesis.txt").write_text("years of work")
        assert "no run" in refused(*SHORT, "--out", tmp_path, *overwrite)
        # Other programs have such a file too.
        (tmp_path / "config.json").write_text('{"settings": {}}')
        refused(*SHORT, "--out", tmp_path, *overwrite)
        assert (tmp_path / "samples" / "thesis.txt").exists()

    def test_cannot_lie_where_a_file_is(self, tmp_path):
        (tmp_path / "file").write_text("")
        for out in (tmp_path / "file", tmp_path / "file" / "below"):
            assert f"{tmp_path / 'file'} is a file" in refused(*SHORT, "--out", out)

    def test_must_be_writable(self, tmp_path, monkeypatch):
        # The superuser may write anywhere, so the system's refusal is played.
        def forbidden(*arguments, **more):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.TemporaryFile", forbidden)
        message = refused(*SHORT, "--out", tmp_path / "run")
        assert "Permission denied" in message and "--out" in message


def test_a_damaged_configuration_is_named(run):
    text = (run / "config.json").read_text()
    for damaged in (text[:100], "[]", json.dumps({"settings": {}})):
        (run / "config.json").write_text(damaged)
        before = contents(run)
        for words in (
            ["generate", run],
            ["export", run, "--overwrite"],
            ["train", "--resume", "--out", run],
            ["train", "--overwrite", "--out", run],
        ):
            assert "config.json" in refused(*words)
        assert contents(run) == before


def test_only_one_of_two_ways_to_say_one_thing():
    assert "give one" in refused("train", "--steps", 3, "--epochs", 3)
    assert "give one" in refused("train", "--resume", "--overwrite")


def test_the_decay_of_sngan_counts_the_updates_the_command_line_asks_for(prepared):
    job = prepared(
        "train", "sngan", "--steps", 30, "--discriminator-steps", 2,
        "-O", "width=4", "-O", "latent_size=3",
    )  # fmt: skip
    decays = [o.get_config()["learning_rate"] for o in (job.gan.d_optimizer, job.gan.g_optimizer)]
    assert [decay["config"]["decay_steps"] for decay in decays] == [60, 30]

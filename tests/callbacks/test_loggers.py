"""Loggers: what reaches them, how a run goes on there, and that their failures end no training."""

import json

import numpy as np
import pytest

import kgan
from kgan.callbacks import Checkpoint, Logger


def gan_and_data():
    rng = np.random.default_rng(0)
    data = rng.uniform(-1, 1, (40, 8, 8, 1)).astype("float32")
    gan = kgan.models.VanillaGAN(image_shape=(8, 8, 1), latent_size=4, seed=1)
    gan.compile()
    return gan, data


class Kept(Logger):
    """Keeps what it is told; fails where it is told to."""

    kind = "kept"

    def __init__(self, fails=(), **options):
        super().__init__(**options)
        self.fails, self.told = fails, []

    def _tell(self, what, *more):
        if what in self.fails:
            raise ConnectionError("the line is dead\nmore")
        self.told.append((what, *more))

    def start(self, identity):
        self._tell("start", identity)
        return identity or "new"

    def config(self, settings):
        self._tell("config", settings)

    def scalars(self, values, step):
        self._tell("scalars", values, step)

    def picture(self, name, image, step):
        self._tell("picture", name, image.shape[-1], image.dtype.name, step)

    def end(self, status):
        self._tell("end", status)


def fit(gan, data, callbacks, epochs):
    return gan.fit(data, batch_size=10, epochs=epochs, verbose=0, callbacks=callbacks)


@pytest.mark.slow
def test_what_is_logged_and_how_a_run_goes_on(tmp_path):
    gan, data = gan_and_data()
    first = Kept(folder=tmp_path / "log", settings={"a": 1}, every_steps=3, pictures_every=2)
    fit(gan, data, [Checkpoint(tmp_path / "saved", every_epochs=1), first], 2)
    kinds = [each[0] for each in first.told]
    assert first.told[:2] == [("start", None), ("config", {"a": 1})]
    assert kinds[-1] == "end" and first.told[-1] == ("end", "finished")
    epochs = {
        each[2]: each[1] for each in first.told if each[0] == "scalars" and "epoch" in each[1]
    }
    assert list(epochs) == [4, 8]
    assert {"d_loss", "g_loss", "d_real", "d_learning_rate", "epoch"} <= set(epochs[8])
    within = [each[2] for each in first.told if each[0] == "scalars" and "batch/d_loss" in each[1]]
    assert within == [3, 6]
    pictures = [each for each in first.told if each[0] == "picture"]
    assert pictures == [("picture", "samples", 3, "uint8", 8)]

    # Killed after it had logged more than the latest checkpoint holds: nothing is logged twice.
    file = tmp_path / "log" / "kept.json"
    assert json.loads(file.read_text()) == {"run": "new", "reached": {"epoch": 8, "batch": 6}}
    file.write_text(json.dumps({"run": "mine", "reached": {"epoch": 12, "batch": -1}}))
    gan, data = gan_and_data()
    again = Kept(folder=tmp_path / "log", settings={"a": 1}, resume=True)
    fit(gan, data, [Checkpoint(tmp_path / "saved", every_epochs=1, resume=True), again], 4)
    assert again.told[0] == ("start", "mine")
    assert [each[2] for each in again.told if each[0] == "scalars"] == [16]
    assert not [each for each in again.told if each[0] == "config"]


def test_a_failure_is_said_once_and_ends_no_training(tmp_path):
    gan, data = gan_and_data()
    methods = ("start", "config", "picture", "scalars", "end")
    loggers = {each: Kept(folder=tmp_path / each, fails=(each,)) for each in methods}
    with pytest.warns(
        UserWarning, match="Kept failed and is left out .*: the line is dead"
    ) as told:
        history = fit(gan, data, list(loggers.values()), 2)
    assert len(history.history["d_loss"]) == 2
    assert len([each for each in told if "left out" in str(each.message)]) == len(methods)
    assert [each[0] for each in loggers["start"].told] == []
    assert [each[0] for each in loggers["scalars"].told] == ["start", "config", "picture"]


@pytest.mark.slow
def test_weights_and_biases_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason='needs wandb: pip install "kgan[wandb]"')
    monkeypatch.setenv("WANDB_MODE", "offline")
    gan, data = gan_and_data()
    logger = kgan.callbacks.WandB("tries", folder=tmp_path, settings={"model": "vanilla"})
    fit(gan, data, [logger], 2)
    again = kgan.callbacks.WandB("tries", folder=tmp_path, resume=True)
    fit(gan, data, [again], 1)
    assert again.identity == logger.identity
    (first, second) = sorted(tmp_path.glob(f"wandb/offline-run-*/run-{logger.identity}.wandb"))
    # The client's own records, which `wandb sync` sends: a name a field, as text.
    kept = first.read_bytes()
    for name in (b"d_loss", b"g_learning_rate", b"preview/samples", b"vanilla"):
        assert name in kept
    assert len(list(first.parent.rglob("*.png"))) == 2
    assert b"d_loss" in second.read_bytes()


@pytest.mark.slow
def test_mlflow_in_a_file(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason='needs mlflow: pip install "kgan[mlflow]"')
    pytest.importorskip("sqlalchemy", reason='needs sqlalchemy: pip install "kgan[mlflow]"')
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    client.create_experiment("tries", artifact_location=(tmp_path / "artifacts").as_uri())
    gan, data = gan_and_data()
    settings = {"model": "vanilla", "data": {"shape": [8, 8, 1]}, "nothing": None}
    options = {"tracking_uri": uri, "folder": tmp_path / "log"}
    logger = kgan.callbacks.MLflow("tries", settings=settings, **options)
    fit(gan, data, [logger], 2)
    again = kgan.callbacks.MLflow("tries", resume=True, **options)
    fit(gan, data, [again], 1)
    assert again.identity == logger.identity
    run = client.get_run(logger.identity)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"model": "vanilla", "data.shape": "[8, 8, 1]"}
    points = client.get_metric_history(logger.identity, "d_loss")
    assert [point.step for point in points] == [4, 8, 12]
    images = [path for path in tmp_path.rglob("*") if path.suffix in (".png", ".webp")]
    assert len([path for path in images if path.suffix == ".png"]) == 3


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(kgan.InputError, match=r'pip install "kgan\[wandb\]"'):
        kgan.callbacks.WandB()

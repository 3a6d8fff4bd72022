"""Logs to MLflow."""

import math
from typing import Any

import numpy as np

from kgan import arguments

from .logger import Logger, flat
from .weights_and_biases import need

# The longest value that MLflow's stores take of a parameter, and the most in one call.
_LONGEST, _MOST = 500, 100


class MLflow(Logger):
    """Logs figures, pictures and settings to MLflow; takes `pip install "kgan[mlflow]"`.

    A run of the user's own program that is active in MLflow is not touched. Figures that are not
    finite are left out.

    Args:
        experiment: the experiment there, made if it is not there; None means
            `MLFLOW_EXPERIMENT_NAME`, or "Default".
        name: how the run is called there; None lets MLflow choose.
        tracking_uri: where it logs, such as `http://host:5000`, `sqlite:///mlflow.db`; None means
            `MLFLOW_TRACKING_URI`, or MLflow's default.
        **options: those of `Logger`.

    Raises:
        InputError: if the package is not installed.

    Example:

    ```python
    logger = kgan.callbacks.MLflow("digits", folder="run/loggers")
    gan.fit(dataset, epochs=20, callbacks=[logger])
    ```
    """

    kind = "mlflow"

    def __init__(
        self,
        experiment: str | None = None,
        name: str | None = None,
        tracking_uri: str | None = None,
        **options: Any,
    ):
        super().__init__(**options)
        given = {"experiment": experiment, "name": name, "tracking_uri": tracking_uri}
        for argument, value in given.items():
            if value is not None:
                arguments.text(argument, value)
        self.experiment, self.run_name, self.tracking_uri = experiment, name, tracking_uri
        need("mlflow", "mlflow", type(self).__name__)
        self._client: Any = None

    def start(self, identity: str | None) -> str | None:
        import os

        import mlflow

        self._client = client = mlflow.MlflowClient(self.tracking_uri)
        if identity is not None:
            client.update_run(identity, status="RUNNING")
            return identity
        wanted = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "Default"
        found = client.get_experiment_by_name(wanted)
        number = client.create_experiment(wanted) if found is None else found.experiment_id
        return client.create_run(number, run_name=self.run_name).info.run_id

    def config(self, settings: dict[str, Any]) -> None:
        from mlflow.entities import Param

        pairs = [
            Param(name, str(value)[:_LONGEST])
            for name, value in flat(settings).items()
            if value is not None
        ]
        for first in range(0, len(pairs), _MOST):
            self._client.log_batch(self.identity, params=pairs[first : first + _MOST])
        self._client.log_dict(self.identity, settings, "settings.json")

    def scalars(self, values: dict[str, float], step: int) -> None:
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        figures = [
            Metric(name, value, now, step) for name, value in values.items() if math.isfinite(value)
        ]
        self._client.log_batch(self.identity, metrics=figures)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        from PIL import Image

        self._client.log_image(
            self.identity, Image.fromarray(image), key=f"preview/{name}", step=step
        )

    def end(self, status: str) -> None:
        self._client.set_terminated(self.identity, "FINISHED" if status == "finished" else "FAILED")

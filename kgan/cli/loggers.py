"""`kgan train --log-to`: the loggers of a run."""

from typing import Any


def wanted(job: Any, epochs: int, count: int, reference: Any) -> list[Any]:
    """Returns the loggers that a run asks for.

    Args:
        job: a `kgan.cli.training.Job`.
        epochs: of the run; a tenth of them have a picture.
        count: number of samples in a picture.
        reference: real points to draw behind generated ones, or None.

    Raises:
        InputError: if a package is missing; the message says how to install it.
    """
    # Runs of earlier releases do not have it.
    names = job.settings.get("log_to") or []
    if not names:
        return []
    from kgan import callbacks

    kinds: dict[str, Any] = {"wandb": callbacks.WandB, "mlflow": callbacks.MLflow}
    return [
        kinds[name](
            name=job.run.path.resolve().name,
            folder=job.run.loggers,
            settings=job.settings | {"total_steps": job.total},
            pictures_every=max(1, epochs // 10),
            count=count,
            reference=reference,
            resume=job.resume,
        )
        for name in dict.fromkeys(names)
    ]

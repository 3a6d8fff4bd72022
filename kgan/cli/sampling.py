"""`kgan generate`: from a run folder to samples on disk."""

import numpy as np

from kgan.cli.run_folder import RunFolder
from kgan.errors import InputError


def trained(run: RunFolder):
    """The model of a run: the finished one, or the newest checkpoint of one that was stopped.

    Raises:
        InputError: where there is no run, or nothing of it is saved yet.
    """
    config = run.config()

    import keras

    import kgan
    from kgan import callbacks, models

    saved = callbacks.latest(run.checkpoints) if run.checkpoints.is_dir() else None
    finished = run.model.is_file() and (
        saved is None or run.model.stat().st_mtime >= saved.weights.stat().st_mtime
    )
    if finished:
        return kgan.load(run.model)
    if saved is None:
        raise InputError(
            f"{run.path} has no saved state yet; let `kgan train` reach its first checkpoint."
        )
    model_class = models.find(config["settings"]["model"])
    gan = model_class.from_config(config["model"])
    gan.compile_from_config(config["compile"])
    keras.Model.load_weights(gan, saved.weights)
    return gan


def write_samples(run: RunFolder, count, seed, truncation, out) -> str:
    """Generates and writes; returns what to tell the user."""
    if out.suffix not in ("", ".png", ".npz"):
        raise InputError(
            f"-o takes FILE.png (a grid), FILE.npz (an array) or a folder; got {out.name!r}."
        )
    gan = trained(run)

    from kgan import pictures

    samples = gan.generate(count, seed=seed, truncation=truncation)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npz":
        np.savez_compressed(out, samples=samples)
        return f"{count} samples of shape {samples.shape[1:]} in {out}"
    if out.suffix == ".png":
        pictures.save_png(out, pictures.draw(samples, value_range=gan.data_range))
        return f"A grid of {count} samples in {out}"
    if samples.ndim != 4:
        raise InputError(
            f"Single files are for images; these samples have shape {samples.shape[1:]}. "
            "Take -o FILE.npz or -o FILE.png."
        )
    out.mkdir(exist_ok=True)
    digits = len(str(count - 1))
    for index, image in enumerate(pictures.to_rgb(samples, gan.data_range)):
        pictures.save_png(out / f"{index:0{digits}}.png", image)
    return f"{count} images in {out}"

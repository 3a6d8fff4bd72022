"""`kgan interpolate`, `kgan directions` and `kgan project`: latents at work, written to disk."""

import random
from pathlib import Path
from typing import Any

import numpy as np

from kgan.cli.sampling import class_index, from_latents
from kgan.cli.terminal import working
from kgan.disk import marks
from kgan.errors import InputError
from kgan.runs import RunFolder
from kgan.runs.files import replace


def write_walk(
    run: RunFolder,
    out: Path,
    overwrite: bool,
    *,
    seeds: list[int],
    latents: str | None,
    labels: list[str],
    steps: int,
    spherical: bool | None,
    loop: bool,
    truncation: float | None,
    fps: float,
) -> tuple[str, dict]:
    """Writes the way from sample to sample.

    Args:
        run: a trained run.
        out: a `.gif` or `.mp4` file, a `.png` file for a strip, or an `.npz` file.
        overwrite: whether to replace it.
        seeds: of the samples to pass; none draws four.
        latents: an `.npz` file with latents to pass instead, such as `write_projection` writes.
        labels: classes by name or number, one for all or one a sample.
        steps, spherical, loop, truncation: as in `gan.walk`.
        fps: frames a second.

    Returns:
        The message for the user, and the same as a dictionary for JSON.

    Raises:
        InputError: if `out` cannot be written, or the run has no such walk.
    """
    _check_out(out, (".gif", ".mp4", ".png", ".npz"), overwrite)
    if out.suffix.lower() == ".mp4":
        from kgan.pictures.video import check_video

        check_video()
    if latents is not None and (seeds or truncation is not None):
        raise InputError("--latents are the samples to pass; leave --seed and --truncation out.")
    points = None if latents is None else _read_latents(latents)
    if len(points if latents is not None else seeds or range(4)) == 1 and len(labels) < 2:
        raise InputError("A walk leads from sample to sample; give --seed, or --label, twice.")
    gan, config = _generator(run)
    classes = _classes(gan, config, labels)
    if latents is None and not seeds:
        one = len(classes or ()) > 1
        numbers = random.SystemRandom()
        seeds = [numbers.randrange(2**31) for _ in range(len(classes) if one else 4)]
    if latents is not None and classes is None and gan.classes:
        raise InputError("This model is conditioned on a class; give --label.")
    with working("drawing samples"):
        samples = gan.walk(
            seeds if latents is None else None,
            latents=points,
            labels=classes,
            steps=steps,
            spherical=spherical,
            loop=loop,
            truncation=truncation,
        )
    _write_frames(out, samples, gan.data_range, fps, loop, steps)
    facts = {"out": str(out), "frames": len(samples), "shape": list(samples.shape[1:])}
    facts |= {"seeds": None if latents else seeds, "classes": classes, "steps": gan.steps_taken}
    if latents is not None:
        return f"{len(samples)} frames in {out}", facts
    again = " ".join(f"--seed {seed}" for seed in seeds)
    return f"{len(samples)} frames in {out} ({again} draws them again)", facts


def write_directions(
    run: RunFolder,
    out: Path,
    overwrite: bool,
    *,
    count: int,
    seed: int | None,
    label: str | None,
    columns: int,
    strength: float,
) -> tuple[str, dict]:
    """Draws what moving one sample along each direction of variation does, a row each.

    Args:
        run: a trained run.
        out: a `.png` file; or an `.npz` file, which gets the vectors, strengths and samples.
        overwrite: whether to replace it.
        count: number of directions.
        seed: of the sample; None draws one.
        label: its class, for conditional models; None takes the first.
        columns: samples in a row.
        strength: how far the sample is moved, both ways.

    Returns:
        The message for the user, and the same as a dictionary for JSON.

    Raises:
        InputError: if `out` cannot be written, or the run has no directions.
    """
    _check_out(out, (".png", ".npz"), overwrite)
    gan, config = _generator(run)
    labels = _classes(gan, config, [label] if label is not None else [])
    if labels is None and gan.classes:
        labels = [0]
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    with working("drawing samples"):
        found = gan.directions(count)
        amounts = np.linspace(-strength, strength, columns)
        start = np.repeat(gan.latents_of([seed]), columns, 0)
        rows = [found.moved(start, np.outer(amounts, np.eye(len(found))[i])) for i in range(count)]
        latents = np.concatenate(rows[: len(found)])
        samples = gan.generate(latents=latents, labels=labels and labels[0])
    if out.suffix.lower() == ".png":
        _write_picture(out, samples, gan.data_range, columns, "directions")
    else:
        _write_arrays(
            out,
            samples=samples.reshape(len(found), columns, *samples.shape[1:]),
            amounts=amounts,
            vectors=found.vectors,
            strengths=found.strengths,
            names=np.array(found.names),
        )
    strengths = [None if np.isnan(each) else round(float(each), 6) for each in found.strengths]
    facts = {"out": str(out), "names": found.names, "strengths": strengths, "seed": seed}
    facts |= {"classes": labels, "amounts": amounts.tolist(), "steps": gan.steps_taken}
    return (
        f"{len(found)} directions in {out}, a row each: {', '.join(found.names)} "
        f"(--seed {seed} draws them again)",
        facts,
    )


def write_projection(
    run: RunFolder,
    images: list[str],
    out: Path,
    overwrite: bool,
    *,
    latents: Path | None,
    label: str | None,
    steps: int,
    starts: int,
    seed: int,
) -> tuple[str, dict]:
    """Finds the samples closest to images, and draws each image beside its sample.

    Args:
        run: a trained run.
        images: image files; they are cut and resized to the size of the run's samples.
        out: a `.png` file.
        overwrite: whether to replace it, and `latents`.
        latents: an `.npz` file for the latents that were found, or None.
        label: the class, for conditional models; None looks for it.
        steps, starts, seed: as in `gan.project`.

    Returns:
        The message for the user, and the same as a dictionary for JSON.

    Raises:
        InputError: if a file cannot be read or written, or the run makes no images.
    """
    _check_out(out, (".png",), overwrite)
    if latents is not None:
        _check_out(latents, (".npz",), overwrite, "--latents")
    for image in images:
        if not Path(image).is_file():
            raise InputError(f"There is no file {image} (looked for {Path(image).absolute()}).")
    gan, config = _generator(run)
    if len(gan.sample_shape) != 3 or gan.sample_shape[-1] not in (1, 3, 4) or not gan.data_range:
        raise InputError(
            f"Images are projected by a run that makes images; this one makes {gan.sample_shape}."
        )
    labels = _classes(gan, config, [label] if label is not None else [])
    wanted = np.stack([_read_image(path, gan) for path in images])
    with working("looking for latents"):
        found = gan.project(
            wanted, labels=labels and labels[0], steps=steps, starts=starts, seed=seed
        )
    pairs = np.stack([wanted, found.samples], 1).reshape(-1, *wanted.shape[1:])
    _write_picture(out, pairs, gan.data_range, 2, "project")
    if latents is not None:
        labelled = {} if found.labels is None else {"labels": found.labels}
        _write_arrays(latents, latents=found.latents, samples=found.samples, **labelled)
    facts: dict[str, Any] = {
        "out": str(out),
        "latents": None if latents is None else str(latents),
        "images": [
            {
                "image": image,
                "distance": round(float(distance), 6),
                "error": round(float(error), 6),
                "class": None if found.labels is None else int(found.labels[place]),
            }
            for place, (image, distance, error) in enumerate(
                zip(images, found.distances, found.errors, strict=True)
            )
        ],
    }
    said = [f"{each['image']}: distance {each['distance']:.3f}" for each in facts["images"]]
    lines = "\n".join(f"{line} (0 is equal, 2 a sample at random)" for line in said)
    return f"{lines}\nEach image beside the closest sample in {out}", facts


def _check_out(out: Path, suffixes: tuple[str, ...], overwrite: bool, option: str = "-o") -> None:
    if out.suffix.lower() not in suffixes:
        kinds_of_file = " or ".join(f"FILE{suffix}" for suffix in suffixes)
        raise InputError(f"{option} takes {kinds_of_file}; got {out.name!r}.")
    marks.check_free(out, overwrite)


def _generator(run: RunFolder) -> tuple[Any, dict]:
    """Returns the model of a run, which must start from latents, and the run's configuration."""
    config = run.config()
    return from_latents(run), config


def _classes(gan, config, labels: list[str]) -> list[int] | None:
    names = config.get("data", {}).get("class_names", ())
    return [class_index(label, names, gan.classes) for label in labels] or None


def _read_latents(path: str) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["latents"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(
            f"--latents takes an .npz file with an array `latents`, as `kgan project --latents` "
            f"writes it; {path} is none: {error}"
        ) from None


def _read_image(path: str, gan) -> np.ndarray:
    """Returns an image file as a sample of the model, in the data's range."""
    from kgan.data import images

    height, width, channels = gan.sample_shape
    try:
        pixels = images.read(Path(path), channels, (height, width))
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many kinds
        raise InputError(f"{path} cannot be read as an image: {error}") from None
    low, high = gan.data_range
    return pixels.astype(np.float32) / 255 * (high - low) + low


def _write_frames(out: Path, samples, value_range, fps: float, loop: bool, steps: int) -> None:
    from kgan import pictures
    from kgan.pictures.video import frames, save_video

    suffix = out.suffix.lower()
    if suffix == ".npz":
        _write_arrays(out, samples=samples)
        return
    if suffix == ".png":
        # A line from each sample to the next; without a loop the last sample has its own.
        _write_picture(out, samples, value_range, min(steps, 12) if loop else None, "interpolate")
        return
    if samples.ndim == 4:
        moving = frames(samples, value_range)
    else:
        moving = np.stack(
            [pictures.draw(sample[None], value_range=value_range, size=320) for sample in samples]
        )
    if suffix == ".mp4":
        save_video(out, moving, fps)
        return
    duration = max(20, round(1000 / fps))
    pictures.save_gif(out, list(moving), duration=duration, hold=duration if loop else 800)


def _write_picture(out: Path, samples, value_range, columns, command: str) -> None:
    from kgan import pictures
    from kgan.pictures.files import write_png

    picture = pictures.draw(samples, value_range=value_range, columns=columns)
    write_png(out, picture, command=command)


def _write_arrays(out: Path, **arrays: Any) -> None:
    def write(part: Path) -> None:
        # Given a path, NumPy would append .npz to a name that ends in .NPZ.
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)

    replace(out, write)

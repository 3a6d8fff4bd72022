"""Trains one model in several precisions from the same seeds; compares samples and speed.

    python benchmarks/precision.py                 # MNIST, DCGAN, three seeds
    python benchmarks/precision.py --data digits --family vanilla --steps 2000 --seeds 0 1 2

Each training ends after a number of steps, the same in all precisions, so that the samples can be
compared; the seconds that it took are reported beside. Samples are measured against the test split
with kgan's own extractors (no canonical FID). Precisions take turns. Each result is kept when it is
there, in `precision.json` in the folder `--out`: the same command goes on after an interruption.
"""

import argparse
import json
import os
import pathlib
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import kgan

METRICS = ("frechet_distance", "precision", "recall")


def trained(arguments, precision: str, seed: int) -> dict[str, float]:
    """Returns the figures of one training."""
    family = kgan.models.find(arguments.family)
    options = {} if arguments.width is None else {"width": arguments.width}
    data = kgan.data.load(arguments.data, batch_size=arguments.batch_size, seed=seed)
    gan = family.for_data(data.info, seed=seed, precision=precision, **options)
    gan.training_steps = arguments.steps
    gan.compile()
    begun = time.monotonic()
    epochs, rest = divmod(arguments.steps, data.info.steps_per_epoch)
    gan.fit(data, epochs=epochs, verbose=0)
    if rest:
        gan.fit(data, epochs=1, steps_per_epoch=rest, verbose=0)
    seconds = time.monotonic() - begun
    test = kgan.data.load(arguments.data, split="test", drop_remainder=False)
    figures = gan.evaluate(test, metrics=list(METRICS), verbose=0)
    return {name: float(figures[name]) for name in METRICS} | {"seconds": seconds}


def table(results: dict[str, dict], precisions, seeds) -> str:
    """Returns the figures of all seeds, and their mean, as Markdown."""
    names = (*METRICS, "seconds")
    lines = [f"| precision | seed | {' | '.join(names)} |", f"| --- | --- |{' --- |' * len(names)}"]
    for precision in precisions:
        found = [(seed, results[f"{precision} {seed}"]) for seed in seeds
                 if f"{precision} {seed}" in results]  # fmt: skip
        means = {name: statistics.fmean(one[name] for _, one in found) for name in names if found}
        for seed, one in [*found, *([("mean", means)] if found else [])]:
            figures = " | ".join(f"{one[name]:.4g}" for name in names)
            lines.append(f"| {precision} | {seed} | {figures} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--family", default="dcgan")
    parser.add_argument("--width", type=int)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("precision-runs"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    place = arguments.out / "precision.json"
    settings = {
        name: getattr(arguments, name)
        for name in ("data", "family", "width", "batch_size", "steps")
    }
    kept = json.loads(place.read_text()) if place.exists() else {}
    results = kept["results"] if kept.get("settings") == settings else {}
    for seed in arguments.seeds:
        for precision in arguments.precisions:
            name = f"{precision} {seed}"
            if name not in results:
                results[name] = trained(arguments, precision, seed)
                part = place.with_suffix(".writing")
                part.write_text(json.dumps({"settings": settings, "results": results}, indent=1))
                os.replace(part, place)
            print(f"{name}: {results[name]}", flush=True)
    print(table(results, arguments.precisions, arguments.seeds))


if __name__ == "__main__":
    main()

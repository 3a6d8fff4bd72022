"""What each format and precision of `kgan export` costs: writes the table of docs/formats.md.

    python benchmarks/formats.py digits ring RUN...

Each argument is a trained run, or a model that kgan carries. Every file is run by its own runtime;
the Fréchet distance is to the test data of the run, 2,000 samples of the same latents for the model
and the file. A file that `kgan export` would refuse is in the table too, and marked.
"""

import argparse
import json
import platform
import tempfile
from pathlib import Path

from kgan.cli.evaluation import real_samples
from kgan.errors import InputError
from kgan.evaluation import prices
from kgan.inference.formats import checking, names
from kgan.runs import RunFolder, trained

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "formats.json"
PAGE = ROOT / "docs" / "formats.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def measure(name: str) -> dict:
    """Returns the prices of a run in all formats and precisions."""
    run = RunFolder.find(name)
    gan, config = trained(run), run.config()
    real, split = real_samples(config["settings"], None, None, gan)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for format in names.FORMATS:
            for precision in sorted(names.POSSIBLE[format], key=names.PRECISIONS.index):
                if (format, precision) == ("web", "float32"):
                    continue
                target = Path(folder) / f"{format}-{precision}{names.SUFFIXES[format]}"
                price = gan.export(
                    target,
                    format=format,
                    precision=precision,
                    force=True,
                    judge=lambda price, run: prices.with_distance(
                        price, run, gan, real, force=True
                    ),
                )
                record = price.record() | {"path": target.name, "refused": refused(price, gan)}
                print(f"{name}: {price}{' (refused)' * record['refused']}", flush=True)
                found.append(record)
    return {
        "model": type(gan).__name__,
        "classes": gan.classes,
        "sample_shape": list(gan.sample_shape),
        "parameters": sum(n.count_params() for n in gan.networks_of("generator")),
        "steps": int(gan.steps_taken),
        "data": config["settings"]["data"],
        "split": split,
        "prices": found,
    }


def refused(price, gan) -> bool:
    """Whether `kgan export` keeps such a file only with --force."""
    try:
        checking.check(price, gan, len(gan.sample_shape))
    except InputError:
        return True
    return price.frechet[1] > prices.MOST_GROWTH * price.frechet[0]


def table(results: dict) -> str:
    """Returns the page's table."""
    lines = []
    for name, run in results["runs"].items():
        of = f", {run['classes']} classes" if run["classes"] else ""
        shape = " x ".join(map(str, run["sample_shape"]))
        first = run["prices"][0]
        lines += [
            f"**{name}**: {run['model']}{of}, samples of {shape}, {run['parameters']:,} "
            f"parameters, {run['steps']:,} steps; Fréchet distance to {run['data']} "
            f"({run['split']}) with the extractor {first['extractor']}: "
            f"{first['frechet'][0]:.3g}.",
            "",
            "| format | precision | size | PSNR, dB | largest difference | ms a sample | Fréchet "
            "distance | |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for price in run["prices"]:
            before, after = price["frechet"]
            psnr = "equal" if price["psnr"] is None else f"{price['psnr']:.1f}"
            cells = [
                price["format"],
                price["precision"],
                checking.size_of(price["bytes"]),
                psnr,
                f"{price['largest']:.1g}",
                f"{price['milliseconds']:.2g}",
                f"{after:.3g} ({100 * (after / before - 1):+.1f} %)",
                "refused" if price["refused"] else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines.append(f"Measured on {results['machine']}; the size of a web page is with its runtime.")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", help="none: only write the table anew")
    given = parser.parse_args().runs
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"runs": {}}
    for name in given:
        results["runs"][RunFolder.find(name).path.name] = measure(name)
        results["machine"] = f"{platform.machine()}, {platform.system()}, two cores"
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    PAGE.write_text(f"{head}{BEGIN}\n{table(results)}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()

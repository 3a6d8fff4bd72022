"""Provokes each kind of trouble, draws it beside its cure, and writes the page docs/troubles.md.

    python benchmarks/troubles.py            # trains all, about five minutes; then the page
    python benchmarks/troubles.py --page     # the page alone

The trainings are those of tests/callbacks/troubled.py, which the tests use too.
"""

import argparse
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "callbacks")]

PAGE = ROOT / "docs" / "troubles.md"
PICTURES = ROOT / "docs" / "troubles"

HEAD = """# Troubles and what helps

`kgan train` watches every training that starts from latents, and warns of what it finds, with the
figures and the options to change. In Python the callback does it:

```python
monitor = kgan.callbacks.CollapseMonitor(dataset, held_out=test)
gan.fit(dataset, epochs=50, callbacks=[monitor])
for event in monitor.events:
    print(event["message"])
```

A finding is said once, and again only if it ended in between. What follows from another finding is
not said as well: samples of a generator that has collapsed stand still, too. Each piece of advice
is tested: a training that is built to fail in this way fails, and the same training with the advice
does not (`tests/callbacks/test_troubles.py`). `RATE` stands for a number that the message
states. Pictures: left with the trouble, right the same training with the advice, after as many
steps (`python benchmarks/troubles.py`).
"""

TAIL = """
- The rate is a quarter of the generator's, at most 2e-4, or, for samples that stand still, ten
  times the generator's, at least 2e-4.
- A dead discriminator needs a rate as low as a collapse does, for both players.
- Whoever augments already is told to end earlier, at the step at which the trouble was first seen:
  `--steps N`, or `epochs=1 and steps_per_epoch=N of fit`. More pictures help more.
- A discriminator that has won under a loss whose slope vanishes (`minimax`) needs another loss as
  well; a critic without a least loss (`wasserstein`) needs `gradient_penalty` in place of `r1`. The
  message says which.
- Overfitting is seen with held-out pictures only, and said when the samples have not come nearer to
  them in the last third of the training. Copies are looked for among up to 2,000 training
  pictures, patterns in images of 12 pixels a side or more, in the first `warmup` steps neither
  patterns nor clipped colours.
- Samples that go round in circles are not told from samples that move on.
"""


def table() -> str:
    """Returns the table of the page, from the table in the code."""
    from kgan.callbacks.remedies import REMEDIES

    fill = {"lower": "RATE", "higher": "RATE", "before": "N"}
    lines = [
        "| kind | symptom | picture | cause | Python | command line |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, remedy in REMEDIES.items():
        way = next(iter(remedy.ways.values()))
        python, command = (
            text if way.built else f"`{text}`"
            for text in (way.python.format(**fill), way.command.format(**fill))
        )
        drawn = (PICTURES / f"{kind}.png").is_file()
        picture = f"![{remedy.name}](troubles/{kind}.png)" if drawn else "not drawn"
        lines.append(
            f"| `{kind}` | {remedy.symptom} | {picture} | {remedy.cause} | {python} | {command} |"
        )
    return "\n".join(lines)


def page() -> str:
    """Returns the text of docs/troubles.md."""
    return f"{HEAD}\n{table()}\n{TAIL}"


def draw(run) -> None:
    """Trains a run with its trouble and with the advice; writes the picture of both."""
    import keras
    import troubled

    from kgan import pictures

    # As the tests have it: the networks' first weights are drawn by Keras's own generator.
    keras.utils.set_random_seed(7)
    ill, monitor = run.fit()
    event = next(event for event in monitor.events if event["kind"] == run.kind)
    print(event["message"], flush=True)
    if run.kind == "checkerboard":
        cured, after = run.fit(networks=troubled.convolutional(transposed=False))
    else:
        written = event["advice"]["python"].removeprefix("Try compile(").removesuffix(").")
        cured, after = run.fit(eval(f"dict({written})", {"keras": keras, "dict": dict}))
    left = [event["kind"] for event in after.events]
    print(f"With the advice the monitor finds {', '.join(left) or 'nothing'}.\n", flush=True)
    sheets = [
        pictures.draw(gan.generate(16, seed=0), value_range=(-1, 1), columns=4, size=120)
        for gan in (ill, cured)
    ]
    gap = np.full((sheets[0].shape[0], 12, 3), 255, "uint8")
    PICTURES.mkdir(exist_ok=True)
    pictures.save_png(PICTURES / f"{run.kind}.png", np.hstack([sheets[0], gap, sheets[1]]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--page", action="store_true", help="write the page alone")
    parser.add_argument("--kind", action="append", help="draw this kind; all without it")
    given = parser.parse_args()
    if not given.page:
        import troubled

        for run in troubled.RUNS:
            if given.kind is None or run.kind in given.kind:
                draw(run)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

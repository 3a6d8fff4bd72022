"""Sets kgan's figures beside published ones: writes docs/published.md.

    python benchmarks/published.py

kgan's own come from `benchmarks/results/quality.json` and `from_images.json`, which
`benchmarks/quality.py` and `benchmarks/from_images.py` write; nothing is trained here. The
published ones are typed off the sources that the page names.
"""

import json
import pathlib
import statistics
import textwrap

RESULTS = pathlib.Path(__file__).parent / "results"
PAGE = pathlib.Path(__file__).parent.parent / "docs" / "published.md"

# Modes, high quality in %, reverse KL, by Lin et al. 2018, table 1: means of ten trials.
PACGAN = {
    "ring": [
        ("GAN", 6.3, 98.2, 0.45),
        ("ALI", 6.6, 97.6, 0.36),
        ("PacGAN2", 7.9, 95.6, 0.07),
        ("PacGAN4", 7.8, 95.9, 0.07),
    ],
    "grid": [
        ("GAN", 17.3, 94.8, 0.70),
        ("ALI", 24.1, 95.7, 0.14),
        ("PacGAN2", 23.8, 91.3, 0.13),
        ("PacGAN4", 24.8, 93.6, 0.04),
    ],
}
# Modes and KL on 26,000 samples.
STACKED = [
    ("R3GAN", 1000, 0.029, "Huang et al. 2024"),
    ("PacDCGAN2", 1000, 0.06, "Lin et al. 2018"),
    ("StyleGAN2", 940, 0.42, "as Huang et al. 2024 give it"),
    ("WGAN-GP", 959, 0.73, "as Huang et al. 2024 give it"),
]
# PSNR in dB at x4 on the luma of Set5 and Set14; Lim et al. 2017 and the papers that they quote.
ENLARGED = [
    ("bicubic", 28.42, 26.00),
    ("SRCNN", 30.48, 27.50),
    ("VDSR", 31.35, 28.01),
    ("SRResNet", 32.05, 28.49),
    ("EDSR", 32.46, 28.80),
]
# FID with 10,000 samples, the best of a search over 100 settings: Lucic et al. 2018, table 2.
LUCIC = [
    ("minimax GAN", 9.8, 72.7),
    ("non-saturating GAN", 6.8, 58.5),
    ("least squares", 7.8, 87.1),
    ("WGAN", 6.7, 55.2),
    ("WGAN-GP", 20.3, 55.8),
    ("DRAGAN", 7.6, 69.8),
    ("BEGAN", 13.1, 71.4),
]
# FID on 50,000 images of CIFAR-10: Lee & Town 2020, the baselines of mimicry.
MIMICRY = [
    ("WGAN-GP", 22.29),
    ("SNGAN", 16.77),
    ("SSGAN", 14.65),
    ("InfoMax-GAN", 15.12),
    ("cGAN with projection", 10.84),
]


def ours(models: dict, name: str) -> tuple[list[dict], str]:
    """Returns the figures of a row of the board over its seeds, and how it was trained."""
    runs = list(models[name].values())
    seconds = statistics.mean(run["seconds"] for run in runs)
    cores = runs[0].get("cores", 1)
    on = f"{cores} core{'s' if cores > 1 else ''}"
    seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
    return [run["figures"] for run in runs], f"{seeds}, {seconds:.0f} s on {on}"


def mean(runs: list[dict], figure: str) -> float:
    return statistics.mean(run[figure] for run in runs)


def table(head: str, rows: list) -> list[str]:
    columns = head.count("|") + 1
    cells = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return ["", f"| {head} |", "| --- " * columns + "|", *cells]


def mixtures(models: dict) -> list[str]:
    lines = []
    for data, count in (("ring", 8), ("grid", 25)):
        rows = [
            (f"{name} (Lin et al.)", modes, quality, kl, "10 trials")
            for name, modes, quality, kl in PACGAN[data]
        ]
        for title, name in (
            ("kgan, R3GAN", f"r3gan-{data}"),
            ("kgan, `vanilla`, preset `points`", f"points-{data}"),
        ):
            runs, how = ours(models, name)
            quality = f"{100 * mean(runs, 'high_quality'):.1f}"
            kl = f"{mean(runs, 'mode_kl'):.4f}"
            rows.append((f"**{title}**", f"{mean(runs, 'modes'):g}", quality, kl, how))
        lines += ["", f"The {data}, {count} modes:"]
        lines += table("model | modes | high quality, % | KL | trials", rows)
    return lines


def aims(models: dict, floors: dict, enlarged: dict) -> list[str]:
    """Returns the table of what kgan's figures were, are and were meant to be."""

    def now(name, figure="frechet_distance"):
        return f"{mean(ours(models, name)[0], figure):.3g}"

    plain, classes = (ours(models, name)[0] for name in ("r3gan", "r3gan-conditional"))
    floor = floors["mnist"]["frechet_distance"]
    least = mean(classes, "least_recall") / mean(plain, "recall")
    spreads = [run["mode_spread"] for run in ours(models, "r3gan-ring-latents4")[0]]
    inside = sum(0.8 <= spread <= 1.2 for spread in spreads)
    cifar = ("sngan-cifar10", "dcgan-cifar10", "r3gan-cifar10")
    rows = [
        (
            "R3GAN on MNIST, Fréchet distance as a multiple of its floor",
            "3",
            "3.9",
            f"{mean(plain, 'frechet_distance') / floor:.1f}",
            "time: it still falls when the half hour ends; the carried model `mnist`, after 67 "
            "minutes, has 3.5",
        ),
        (
            "R3GAN with classes: least recall in a class, of that without classes",
            "0.8",
            "0.69",
            f"{least:.2f}",
            "not found; class accuracy is "
            f"{100 * mean(classes, 'classifier_accuracy'):.1f} %, where 98.5 was meant",
        ),
        (
            "R3GAN on Stacked MNIST, KL of the modes",
            "0.06",
            "0.19",
            now("r3gan-stacked", "mode_kl"),
            "not time: 15,000 steps in place of 8,600 end at 0.0647. Packing and wider networks "
            "were not tried",
        ),
        (
            "R3GAN on the ring, spread of the modes, latents of four numbers",
            "0.8 to 1.2 in all seeds",
            "0.66 to 0.87",
            f"{min(spreads):.2f} to {max(spreads):.2f}, {inside} of {len(spreads)} seeds inside",
            "nothing; with the preset's two latents it is "
            f"{now('r3gan-ring', 'mode_spread')}, for more samples of high quality",
        ),
        (
            "LAPGAN on MNIST",
            "5",
            "18.9",
            now("lapgan"),
            "nothing; the paper's networks and rates, 18.9, are held back by dropout at the "
            "coarsest level and shallow networks at the next",
        ),
        ("DCGAN on MNIST", "4", "11.2", now("dcgan"), "nothing; with the paper's rates 11.2"),
        ("WGAN-GP on MNIST", "4", "11.2", now("wgangp"), "nothing; with the paper's rates 11.2"),
        (
            "BEGAN on MNIST",
            "4",
            "16",
            now("began"),
            "not found; its 8,000 steps take seven minutes, and longer trainings were not measured",
        ),
        (
            "SRGAN `narrow`, first stage, PSNR on Set5 in dB",
            "31.3",
            "30.91",
            f"{enlarged['first']['psnr']:.2f}",
            "time and width: 800 steps of narrow networks fit in half an hour",
        ),
        (
            "CIFAR-10, the best of three families",
            "1.5",
            "2.0",
            f"{min(mean(ours(models, name)[0], 'frechet_distance') for name in cifar):.3g}",
            "time: the three stop after 15 to 21 minutes, and an hour was not measured",
        ),
    ]
    single = sorted(name for name in models if len(models[name]) == 1)
    return [
        "## What kgan aims at",
        "",
        "Each of these rows is trained and measured by `python benchmarks/quality.py --models ROW "
        "--seconds N`, with the rows and seconds of the board (`benchmarks/results/quality.md`), "
        "and SRGAN by `python benchmarks/from_images.py`. Without another word a figure is the "
        "Fréchet distance by kgan's own features.",
        *table("what | aim | at first | now | what it lacks", rows),
        "",
        f"The board has one seed of these rows, whose figures may be luck: "
        f"{', '.join(f'`{name}`' for name in single)}.",
    ]


def page() -> str:
    """Returns the page."""
    board = json.loads((RESULTS / "quality.json").read_text())
    models = board["models"]
    least = board["floors"]["stacked_mnist"]["mode_kl"]
    enlarged = json.loads((RESULTS / "from_images.json").read_text())["srgan"]
    stacked = [(f"{name} ({source})", modes, kl, "") for name, modes, kl, source in STACKED]
    for title, name in (
        ("kgan, R3GAN", "r3gan-stacked"),
        ("kgan, `vanilla`, preset `minimax`", "minimax-stacked"),
    ):
        runs, how = ours(models, name)
        kl = f"{mean(runs, 'mode_kl'):.3f}"
        stacked.append((f"**{title}**", f"{mean(runs, 'modes'):g}", kl, how))
    photographs = [(name, five, fourteen, "") for name, five, fourteen in ENLARGED]
    minutes = f"{enlarged['seconds'] / 60:.0f} minutes on a core, trained on BSD100"
    for stage in ("first", "second"):
        psnr = f"{enlarged[stage]['psnr']:.2f}"
        title = f"**kgan, SRGAN `narrow`, {stage} stage**"
        photographs.append((title, psnr, "not measured", minutes))
    lines = [
        "# Published figures beside kgan's",
        "",
        "Figures of two programs can be compared only where they were taken alike. This page sets "
        "published tables beside kgan's, and says of each what is alike and what is not. "
        "`python benchmarks/published.py` writes it from the results in `benchmarks/results/`.",
        "",
        "## Mixtures of Gaussians",
        "",
        "Lin et al. 2018, PacGAN, table 1, in the settings of Srivastava et al. 2017. A sample is "
        "of high quality within three standard deviations of the nearest centre. Their KL is that "
        "of the shares of the modes among generated samples from those among real ones; ours is "
        "the same, over the samples of high quality alone, from the true shares. Their networks "
        "have two hidden layers of 400 units and train for 400 epochs over 100,000 points "
        "with latents of two numbers; kgan's differ, and so these rows say what a user "
        "of kgan gets, not which method is better.",
        *mixtures(models),
        "",
        "kgan finds every mode in every trial, and its KL is lower by an order of magnitude. "
        "The samples of its `vanilla` are of high quality less often than theirs on the grid, "
        "and its modes are narrower than the true ones (`mode_spread` on the board).",
        "",
        "## Stacked MNIST",
        "",
        "Three digits as the colours of one image: 1,000 modes, counted by a classifier over "
        "26,000 samples. Every paper trains a classifier of its own, as kgan does: 26,000 real "
        f"test stacks score 1,000 modes and a KL of {least:.3f} with it.",
        *table("model | modes | KL | trained", stacked),
        "",
        "kgan's R3GAN finds all modes, as the best of the papers do. Its KL is close to that of "
        "PacDCGAN2 and above that of the paper's R3GAN, whose networks are wide and trained for "
        "many hours on GPUs.",
        "",
        "## Enlarging photographs four times",
        "",
        "PSNR in dB on the luma, with four pixels cut from each border. The published models "
        "were trained for days on 91 to 800 photographs or on ImageNet: Dong et al. 2016, Kim et "
        "al. 2016, Ledig et al. 2017, Lim et al. 2017 (whose table 2 lists the others too).",
        *table("model | Set5 | Set14 | trained", photographs),
        "",
        "The second, adversarial stage has a lower PSNR by design (Ledig et al. 2017, table 2).",
        "",
        "## MNIST and CIFAR-10, with Inception",
        "",
        "kgan's own tables use its small extractors, whose distances are on another scale. The "
        "figures below are FIDs with the Inception network, and **kgan has none to set beside "
        "them**: the network's weights are a download of 85 MB. Where you have them, this command "
        "measures any run as they did, with as many samples as there are real images:",
        "",
        "    kgan evaluate runs/mnist -m frechet_distance --extractor inception -n 10000",
        "",
        "Lucic et al. 2018, table 2: 10,000 samples, the best of a hundred settings of each "
        "method.",
        *table("method | MNIST | CIFAR-10", LUCIC),
        "",
        "Lee & Town 2020 (mimicry): 50,000 samples, 100,000 steps of 64, residual networks.",
        *table("method | CIFAR-10", MIMICRY),
        "",
        *aims(models, board["floors"], enlarged),
    ]
    wrapped = (
        textwrap.wrap(line, 100, break_on_hyphens=False)
        if line and line[0] not in "|# "
        else [line]
        for line in lines
    )
    return "\n".join(part for parts in wrapped for part in parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}")

"""What can go wrong in a training: how it shows, why it happens, and which arguments to change.

One table, which the messages of `CollapseMonitor` and the page docs/troubles.md are made of. Each
piece of advice is written for Python and for the command line.
"""

from dataclasses import dataclass
from typing import Any

# Of Radford et al. 2016, section 4. Rates far above it are the usual cause of a collapse.
USUAL_RATE = 2e-4


@dataclass(frozen=True)
class Way:
    """One or two arguments to change.

    Attributes:
        python: arguments of `compile`, as Python writes them, with the placeholders of `rates`.
        command: options of `kgan train`.
        built: whether `python` says what to build the networks of, and `command` which model to
            train, because no argument of `compile` helps.
    """

    python: str
    command: str
    built: bool = False


@dataclass(frozen=True)
class Remedy:
    """A kind of trouble.

    Attributes:
        kind: its name in `CollapseMonitor.events`.
        name: what a message calls it.
        symptom: what a user sees.
        cause: why it happens.
        ways: what helps, by name. The first one is for a run with its usual settings.
    """

    kind: str
    name: str
    symptom: str
    cause: str
    ways: dict[str, Way]


_SLOWER = Way("g_optimizer=keras.optimizers.Adam({lower})", "--learning-rate {lower}")
_AUGMENT = Way('augment="diffaugment"', "--augment diffaugment")
_SHORTER = Way("epochs=1 and steps_per_epoch={before} of fit", "--steps {before}", built=True)

REMEDIES = {
    remedy.kind: remedy
    for remedy in (
        Remedy(
            "collapse",
            "mode collapse",
            "All samples are alike, or a few are drawn over and over.",
            "A generator in this state moves from one such sample to the next, and the "
            "discriminator follows it.",
            {"rate": _SLOWER},
        ),
        Remedy(
            "discriminator_won",
            "the discriminator has won",
            "`d_loss` is near its least possible value, and the samples hardly get better.",
            "A discriminator that is certain of every sample gives the generator little to learn "
            "from.",
            {
                "penalty": Way('penalties=["r1"]', "--penalty r1"),
                "loss": Way(
                    'loss="non_saturating", penalties=["r1"]',
                    "--loss non_saturating --penalty r1",
                ),
            },
        ),
        Remedy(
            "discriminator_dead",
            "the discriminator is dead",
            "`d_loss` no longer moves, `d_real` and `d_fake` are equal, and the samples do not get "
            "better.",
            "Its units no longer answer to what it sees, as the steps were too long. No gradient "
            "reaches either player, so that it does not recover: go back to an earlier checkpoint, "
            "or start anew.",
            {
                "rate": Way(
                    "d_optimizer=keras.optimizers.Adam({lower}), "
                    "g_optimizer=keras.optimizers.Adam({lower})",
                    "--learning-rate {lower}",
                )
            },
        ),
        Remedy(
            "divergence",
            "training diverges",
            "Losses or scores grow without end, or are NaN; the samples are noise or one colour.",
            "It rarely recovers from that: nothing bounds the discriminator's scores, or the steps "
            "are too long. Go back to an earlier checkpoint, or start anew.",
            {
                "r1": Way(
                    'penalties=["r1"], d_optimizer=keras.optimizers.Adam({lower}), '
                    "g_optimizer=keras.optimizers.Adam({lower})",
                    "--penalty r1 --learning-rate {lower}",
                ),
                "critic": Way(
                    'penalties=["gradient_penalty"], d_optimizer=keras.optimizers.Adam({lower}), '
                    "g_optimizer=keras.optimizers.Adam({lower})",
                    "--penalty gradient_penalty --learning-rate {lower}",
                ),
            },
        ),
        Remedy(
            "standstill",
            "the samples stand still",
            "The samples of the same latents stay as they are, far from the real ones.",
            "The generator's updates are too small, or no gradient reaches it.",
            {
                "rate": Way(
                    "g_optimizer=keras.optimizers.Adam({higher})", "--learning-rate {higher}"
                )
            },
        ),
        Remedy(
            "memorised",
            "pictures are memorised",
            "The samples are training pictures, or nearly.",
            "The discriminator knows each of so few training pictures, and the generator copies "
            "them.",
            {"augment": _AUGMENT, "shorter": _SHORTER},
        ),
        Remedy(
            "overfitting",
            "the discriminator overfits",
            "The discriminator scores pictures that are held out from training like generated "
            "ones, and the samples no longer get better.",
            "It knows the training pictures by heart, so that its scores no longer say what is "
            "real.",
            {"augment": _AUGMENT, "shorter": _SHORTER},
        ),
        Remedy(
            "checkerboard",
            "a pattern of pixels",
            "A fine grid or checkerboard lies over the samples.",
            "Transposed convolutions write to some pixels more often than to others (Odena et al. "
            "2016).",
            {
                "upsample": Way(
                    "kgan.layers.Upsample() and keras.layers.Conv2D, in place of "
                    "keras.layers.Conv2DTranspose",
                    "kgan train r3gan",
                    built=True,
                )
            },
        ),
        Remedy(
            "clipping",
            "the colours are clipped",
            "Large parts of the samples are at the ends of the range: pure black, white or "
            "colours.",
            "The generator's last activation is saturated, so that hardly any gradient passes it.",
            {"rate": _SLOWER},
        ),
    )
}

STYLES = ("python", "command")


def rates(model: Any, since: int | None = None) -> dict[str, str]:
    """Returns what stands for the placeholders of the advice, for a model as it is compiled.

    - `lower`: a quarter of the generator's learning rate, at most the usual 2e-4;
    - `higher`: ten times the generator's learning rate, at least the usual 2e-4;
    - `before`: `since`, the step at which the trouble was first seen.
    """
    rate = rate_of_generator(model) or USUAL_RATE
    return {
        "lower": f"{min(rate / 4, USUAL_RATE):.2g}",
        "higher": f"{max(rate * 10, USUAL_RATE):.2g}",
        "before": str(since or 1),
    }


def rate_of_generator(model: Any) -> float | None:
    """Returns the present learning rate of the player "generator"; None without one."""
    for player in getattr(model, "players", ()):
        if player.name == "generator" and getattr(player, "optimizer", None) is not None:
            return float(player.optimizer.learning_rate.numpy())
    return None


def advice(kind: str, way: str, style: str, fill: dict[str, str]) -> str:
    """Returns the sentence that says what to change.

    Args:
        kind: of `REMEDIES`.
        way: of the remedy's `ways`.
        style: "python" or "command".
        fill: what `rates` returns.
    """
    found = REMEDIES[kind].ways[way]
    text = getattr(found, style).format(**fill)
    if found.built:
        return f"Try {text}."
    return f"Try compile({text})." if style == "python" else f"Start again with {text}."

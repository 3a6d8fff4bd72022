"""What is chosen for which data, and why: the table that `kgan.models.auto` reads.

A row is a choice, its value, the condition on which it is taken, and the reason that is printed.
For each choice the first row counts whose condition holds. What is behind them:

- families and classes: the quality board, `benchmarks/results/quality.md`;
- sizes: R3GAN shows 83 pictures of 32x32 a second and 33 of 64x64 on a core of a Xeon with AVX-512;
- batches and augmentation: `benchmarks/recipes.py`, which trains candidates on a folder for some
  minutes each. On 1,715 drawings of 32x32 R3GAN came to a Fréchet distance (cifar10 features) of
  3.0 after 312 steps of 64, of 3.9 after 321 steps of 16, which cost a quarter, and of 5.7 after
  208 steps of 64 under diffaugment: short trainings need steps, and no augmentation. From how many
  passes on augmentation pays differs: SNGAN on 500 digits was ahead with it from 350 passes on, in
  each of two seeds, and DCGAN not in 1,280 (`benchmarks/augmentation.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kgan.models.recipe.facts import Facts


@dataclass(frozen=True)
class Known:
    """What a rule may ask.

    Attributes:
        facts: about the data.
        minutes: of the training.
        cores: processor cores of the machine; a GPU counts as 64.
        side: the longest side that the files of a folder allow; 0 if they are not known.
        family: the chosen family.
    """

    facts: Facts
    minutes: float
    cores: int
    side: int = 0
    family: str = ""

    @property
    def kind(self) -> str:
        """The kind of the data."""
        return self.facts.kind

    @property
    def passes(self) -> float:
        """About how often each picture will be seen: a core takes 40 of 32x32 a second."""
        return 40 * 60 * self.minutes * self.cores / self.facts.count

    @property
    def symmetric(self) -> bool:
        """Whether mirror images could not be told from the pictures, beyond chance."""
        facts = self.facts
        if facts.sided is None:
            return False
        # Two standard deviations of the share of a fair coin, in as many throws.
        return facts.sided < 0.5 + (facts.looked_at / 2) ** -0.5


@dataclass(frozen=True)
class Rule:
    """A row of the table.

    Attributes:
        choice: what is chosen.
        value: what it is, or a function of what is known.
        when: the condition.
        reason: why; `{...}` are attributes of the facts. What has none is not mentioned.
    """

    choice: str
    value: Any
    when: Callable[[Known], bool]
    reason: str


# Families that can be conditioned on a class.
WITH_CLASSES = ("r3gan", "sngan", "sagan", "lapgan")


def _always(known):
    return True


RULES = (
    # Sizes, of folders of larger pictures.
    Rule("size", 64, lambda k: k.side >= 64 and k.minutes * k.cores >= 480,
         "there is time for it; each picture takes 3 times as long as at 32x32"),
    Rule("size", 32, lambda k: k.side >= 64,
         "at 64x64 each picture takes 3 times as long, for which these minutes are too few"),
    Rule("size", 32, lambda k: k.side >= 32, "the pictures are not much larger"),
    Rule("size", 16, lambda k: k.side >= 16, "the pictures are not much larger"),
    Rule("size", 8, _always, "the pictures are not much larger"),

    # Families.
    Rule("family", "pix2pix", lambda k: k.kind == "pairs", "it learns from pairs"),
    Rule("family", "cyclegan", lambda k: k.kind == "domains", "it learns from two domains"),
    Rule("family", "r3gan", lambda k: k.kind == "points",
         "98 % of its points lie in a mode of the ring, and 92 % of vanilla's"),
    Rule("family", "r3gan", _always,
         "of all families the nearest to real digits, and near the best on photographs"),

    # Classes.
    Rule("classes", 0, lambda k: k.kind != "images" or k.family not in WITH_CLASSES, ""),
    Rule("classes", 0, lambda k: k.facts.classes < 2, ""),
    Rule("classes", 0, lambda k: k.facts.classes > 100,
         "{classes} classes are more than small networks tell apart"),
    Rule("classes", 0, lambda k: 0 < k.facts.rarest < 50,
         "the rarest has {rarest} pictures, which would be learned by heart"),
    Rule("classes", lambda k: k.facts.classes, _always,
         "labels help (Fréchet distance on digits 0.42, without 0.54); --label asks for one"),

    # Batches.
    Rule("batch", None, lambda k: k.family != "r3gan", ""),
    Rule("batch", 256, lambda k: k.kind == "points", "points are cheap"),
    Rule("batch", 16, lambda k: k.passes * k.facts.count < 100_000,
         "more steps in the time: a step of 64 taught hardly more in these few minutes"),
    Rule("batch", 64, _always, "the family's own"),

    # Augmentation of what the discriminator sees.
    Rule("augment", None, lambda k: k.kind != "images", ""),
    Rule("augment", "diffaugment", lambda k: k.passes >= 350,
         "each picture is seen often enough to be learned by heart without it"),
    Rule("augment", None, _always, "up to 350 passes over the pictures it slows the training"),

    # Mirror images.
    Rule("mirror", False, lambda k: k.kind != "images", ""),
    Rule("mirror", True, lambda k: k.symmetric,
         "mirror images cannot be told from the pictures: twice as many to learn from"),
    Rule("mirror", False, lambda k: k.facts.sided is not None,
         "{sided:.0%} of the pictures can be told from their mirror images"),
    Rule("mirror", False, _always, "it is not known whether they may be mirrored"),

    # Penalties, and the average of the generator's weights that draws the samples.
    Rule("penalties", "R1 and R2", lambda k: k.family == "r3gan", "R3GAN's, falling to the end"),
    Rule("penalties", None, _always, ""),
    Rule("average", "1/40 of the steps", lambda k: k.family == "r3gan", "R3GAN's half-life"),
    Rule("average", None, _always, ""),
)  # fmt: skip


def chosen(choice: str, known: Known) -> tuple[Any, str]:
    """Returns (value, reason) of the first row for a choice whose condition holds."""
    rule = next(rule for rule in RULES if rule.choice == choice and rule.when(known))
    value = rule.value(known) if callable(rule.value) else rule.value
    return value, rule.reason.format(**vars(known.facts))


# What to expect: of few samples first, then by how many pictures the discriminator will have seen.
EXPECTED = (
    (lambda facts, shown: facts.kind == "points", "points near the modes"),
    (lambda facts, shown: facts.kind in ("pairs", "domains"),
     "translations of the right colours; details need hours"),
    (lambda facts, shown: facts.count < 100, "repeats of the pictures themselves: they are few"),
    (lambda facts, shown: shown < 10_000, "blots in the right colours"),
    (lambda facts, shown: (facts.alike or 0) > 0.25 and shown > 30_000,
     "pictures of the same kind, with faults"),
    (lambda facts, shown: shown < 100_000, "shapes and colours like theirs; few have a name"),
    (lambda facts, shown: True, "the light, colours and places of the pictures; few have a name"),
)  # fmt: skip


def expectation(facts: Facts, shown: int) -> str:
    """Returns what the samples will be like, in a sentence.

    Args:
        facts: about the data.
        shown: how many pictures the discriminator will have seen, repeats included.
    """
    return next(text for when, text in EXPECTED if when(facts, shown))

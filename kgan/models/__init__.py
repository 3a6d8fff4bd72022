"""The model families: one file per paper."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgan.registry import Entry, Registry

if TYPE_CHECKING:
    from kgan.game import Game
    from kgan.models.acgan import ACGAN as ACGAN
    from kgan.models.began import BEGAN as BEGAN
    from kgan.models.conditional import ConditionalGAN as ConditionalGAN
    from kgan.models.cyclegan import CycleGAN as CycleGAN
    from kgan.models.dcgan import DCGAN as DCGAN
    from kgan.models.infogan import InfoGAN as InfoGAN
    from kgan.models.lapgan import LAPGAN as LAPGAN
    from kgan.models.pix2pix import Pix2Pix as Pix2Pix
    from kgan.models.r3gan import R3GAN as R3GAN
    from kgan.models.recipe.fitting import auto as auto
    from kgan.models.recipe.plans import Plan as Plan
    from kgan.models.recipe.plans import plan as plan
    from kgan.models.sagan import SAGAN as SAGAN
    from kgan.models.sngan import SNGAN as SNGAN
    from kgan.models.srgan import SRGAN as SRGAN
    from kgan.models.vaegan import VAEGAN as VAEGAN
    from kgan.models.vanilla import VanillaGAN as VanillaGAN
    from kgan.models.wgan import WGAN as WGAN
    from kgan.models.wgan import WGANGP as WGANGP


@dataclass(frozen=True)
class Family:
    """An entry of the catalogue: what `kgan models` prints without loading TensorFlow.

    Attributes:
        name: as on the command line.
        class_name: the class in `kgan.models`.
        module: the module of the class.
        paper: who proposed it, and where.
        data: what data it takes.
        target: the class, or its location as "module:Class".
        sides: location of the function that refuses sizes which it cannot make; empty if it takes
            any, or if that depends on its options.
    """

    name: str
    class_name: str
    module: str
    paper: str
    data: str
    target: Any = None
    sides: str = ""

    def __post_init__(self):
        if self.target is None:
            object.__setattr__(self, "target", f"{self.module}:{self.class_name}")

    def load(self) -> type["Game"]:
        """Imports and returns the class."""
        return Entry(self.name, self.target).load()


_PLAN = "kgan.models.blocks.sizes:plan"
_QUARTERS = "kgan.models.blocks.sizes:checked_image_shape"
_SIZES = "images whose sides are 4 to 7 times a power of two (8, 28, 32, 64, ...)"

_OWN = (
    Family(
        "vanilla",
        "VanillaGAN",
        "kgan.models.vanilla",
        "Goodfellow et al. 2014, Generative adversarial nets",
        "small images of any shape; labels are ignored",
    ),
    Family(
        "conditional",
        "ConditionalGAN",
        "kgan.models.conditional",
        "Mirza & Osindero 2014, Conditional generative adversarial nets",
        "small labelled images",
    ),
    Family(
        "dcgan",
        "DCGAN",
        "kgan.models.dcgan",
        "Radford et al. 2016, Unsupervised representation learning with deep convolutional "
        "generative adversarial networks",
        _SIZES,
        sides=_PLAN,
    ),
    Family(
        "wgan",
        "WGAN",
        "kgan.models.wgan",
        "Arjovsky et al. 2017, Wasserstein generative adversarial networks",
        f"{_SIZES}; points",
        sides=_PLAN,
    ),
    Family(
        "wgangp",
        "WGANGP",
        "kgan.models.wgan",
        "Gulrajani et al. 2017, Improved training of Wasserstein GANs",
        f"{_SIZES}; points",
        sides=_PLAN,
    ),
    Family(
        "began",
        "BEGAN",
        "kgan.models.began",
        "Berthelot et al. 2017, BEGAN: boundary equilibrium generative adversarial networks",
        _SIZES,
        sides=_PLAN,
    ),
    Family(
        "acgan",
        "ACGAN",
        "kgan.models.acgan",
        "Odena et al. 2017, Conditional image synthesis with auxiliary classifier GANs",
        f"labelled {_SIZES}",
        sides=_PLAN,
    ),
    Family(
        "infogan",
        "InfoGAN",
        "kgan.models.infogan",
        "Chen et al. 2016, InfoGAN: interpretable representation learning by information "
        "maximizing generative adversarial nets",
        _SIZES,
        sides=_PLAN,
    ),
    Family(
        "vaegan",
        "VAEGAN",
        "kgan.models.vaegan",
        "Larsen et al. 2016, Autoencoding beyond pixels using a learned similarity metric",
        _SIZES,
        sides=_PLAN,
    ),
    Family(
        "sngan",
        "SNGAN",
        "kgan.models.sngan",
        "Miyato et al. 2018, Spectral normalization for GANs; with classes: Miyato & Koyama "
        "2018, cGANs with projection discriminator",
        f"{_SIZES}; labels with -O classes=N",
        sides=_PLAN,
    ),
    Family(
        "sagan",
        "SAGAN",
        "kgan.models.sagan",
        "Zhang et al. 2019, Self-attention generative adversarial networks",
        f"{_SIZES}; labels with -O classes=N",
        sides=_PLAN,
    ),
    Family(
        "r3gan",
        "R3GAN",
        "kgan.models.r3gan",
        "Huang et al. 2024, The GAN is dead; long live the GAN! A modern GAN baseline",
        f"{_SIZES}; points; labels with -O classes=N",
        sides=_PLAN,
    ),
    Family(
        "lapgan",
        "LAPGAN",
        "kgan.models.lapgan",
        "Denton et al. 2015, Deep generative image models using a Laplacian pyramid of "
        "adversarial networks",
        "images whose sides are multiples of 4; labels with -O classes=N",
        sides=_QUARTERS,
    ),
    Family(
        "srgan",
        "SRGAN",
        "kgan.models.srgan",
        "Ledig et al. 2017, Photo-realistic single image super-resolution using a generative "
        "adversarial network",
        "photographs of any sizes, larger than a crop",
    ),
    Family(
        "pix2pix",
        "Pix2Pix",
        "kgan.models.pix2pix",
        "Isola et al. 2017, Image-to-image translation with conditional adversarial networks",
        "pairs of images whose sides are multiples of 4",
        sides=_QUARTERS,
    ),
    Family(
        "cyclegan",
        "CycleGAN",
        "kgan.models.cyclegan",
        "Zhu et al. 2017, Unpaired image-to-image translation using cycle-consistent "
        "adversarial networks",
        "two domains of images whose sides are multiples of 4",
        sides=_QUARTERS,
    ),
)


def _family(name, target, paper="", data="what its documentation says"):
    if isinstance(target, str):
        module, _, class_name = target.partition(":")
    else:
        module, class_name = target.__module__, target.__name__
    return Family(name, class_name, module, paper, data, target)


CATALOGUE = Registry("model", "kgan.families", _OWN, _family)

# What chooses among them, in `kgan.models.recipe`.
_CHOOSING = {"Plan": "plans", "auto": "fitting", "plan": "plans"}

__all__ = sorted(
    ["CATALOGUE", "Family", "find", "register", *_CHOOSING, *(f.class_name for f in _OWN)]
)


def entry(name: str) -> Family:
    """Returns the entry of a family by its name in the catalogue.

    Raises:
        InputError: for an unknown name; the message suggests similar ones.
    """
    lower = str(name).lower()
    return CATALOGUE.find(lower if lower in CATALOGUE else name)


def find(name: str) -> "type[Game]":
    """Returns the class of a family by its name in the catalogue.

    Raises:
        InputError: for an unknown name; the message suggests similar ones.
    """
    return entry(name).load()


def register(
    name: str, family: type["Game"] | str, paper: str = "", data: str | None = None
) -> None:
    """Adds a family of your own to the catalogue, so that `kgan train` finds it.

    A package whose users run `kgan` declares it under the entry points `kgan.families` instead;
    see `kgan.registry`.

    Args:
        name: as on the command line.
        family: a subclass of `kgan.GAN` or `kgan.game.Game`, or its location as "module:Class".
        paper: who proposed it, and where.
        data: what data it takes.

    Raises:
        InputError: if the name is taken.
    """
    CATALOGUE.register(name, family, paper)
    if data is not None:
        CATALOGUE[name] = _family(name, family, paper, data)


def register_all() -> None:
    """Imports every family, so that saved models find their classes."""
    CATALOGUE.load_all()


if not TYPE_CHECKING:  # hidden from type checkers, which would else accept misspelt names

    def __getattr__(name: str) -> Any:
        for family in _OWN:
            if family.class_name == name:
                return family.load()
        if name in _CHOOSING:
            return getattr(importlib.import_module(f"kgan.models.recipe.{_CHOOSING[name]}"), name)
        raise AttributeError(f"module 'kgan.models' has no attribute {name!r}")

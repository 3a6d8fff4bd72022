"""Every family checks every option before it builds a network; the error names the option."""

import inspect

import keras
import pytest

from kgan.errors import InputError
from kgan.models import CATALOGUE, find

INTEGER = ("typo", "-1", "8", -1, 0.5, float("nan"), [1], True, {})
NUMBER = ("typo", "-1", "0.5", -1, float("nan"), float("inf"), [1], True, {})
NAME = ("typo", "-1", 0.5, -1, float("nan"), [1], True, {})
SHAPE = ("typo", 8, 0.5, None, (8, 8, 0), (8, 8, -1), (8, 8, 0.5), (8, 8, True), {}, ())

# What each option is, what more it refuses beside that, and whether None is fine.
OPTIONS = {
    "adversarial_weight": (NUMBER, (), True),
    "attention": (INTEGER, (3,), True),
    "blocks": (INTEGER, (0,), True),
    "categorical": (("typo", "-1", -1, 0.5, 1, float("nan"), [1], [0.5], True, {}), (), False),
    "categorical_weight": (NUMBER, (), False),
    "channels": (INTEGER, (0, 2, 4), False),
    "classes": (INTEGER, (1,), True),
    "clip": (NUMBER, (0,), False),
    "content": (NAME, (), False),
    "content_weight": (NUMBER, (), False),
    "continuous": (INTEGER, (), False),
    "continuous_weight": (NUMBER, (), False),
    "cycle": (NUMBER, (), False),
    "discriminator_steps": (INTEGER, (0,), False),
    "dropout": (NUMBER, (1,), False),
    "gamma": (NUMBER, (0, 1.5), True),
    "halvings": (INTEGER, (0, 9), True),
    "identity": (NUMBER, (), False),
    "image_shape": (SHAPE, (), False),
    "input_channels": (INTEGER, (0,), True),
    "l1": (NUMBER, (), False),
    "lambda_k": (NUMBER, (), True),
    "latent_size": (INTEGER, (0,), False),
    "levels": (INTEGER, (-1, 3), True),
    "name": ((0.5, -1, float("nan"), [1], True, {}, "a/b", ""), (), True),
    "noise_size": (INTEGER, (), False),
    "output": (NAME, (), True),
    "pack": (INTEGER, (0,), False),
    "patch_depth": (INTEGER, (0,), True),
    "pool": (INTEGER, (), False),
    "precision": (NAME, (), True),
    "preset": (NAME, (), True),
    "scale": (INTEGER, (0, 3, 8), False),
    "seed": (("typo", "-1", 0.5, float("nan"), [1], True, {}), (), True),
    "units": (INTEGER, (0,), False),
    "variant": (NAME, (), True),
    "width": (INTEGER, (0,), False),
}

# Where a word means another thing in one family.
OPTIONS_OF = {("vaegan", "gamma"): (NUMBER, (), False)}


def options(family):
    """The constructor's own options."""
    return [name for name in inspect.signature(find(family).__init__).parameters if name != "self"]


CASES = [(family, option) for family in CATALOGUE for option in options(family)]


@pytest.fixture
def no_networks(monkeypatch):
    """Fails where a layer is made."""

    def built(self, *arguments, **settings):
        raise AssertionError("a network is built before the options are checked")

    monkeypatch.setattr(keras.layers.Conv2D, "__init__", built)
    monkeypatch.setattr(keras.layers.Dense, "__init__", built)


@pytest.mark.parametrize(("family", "option"), CASES)
def test_bad_values_are_refused_by_name(family, option, no_networks):
    bad, more, none = OPTIONS_OF.get((family, option), OPTIONS[option])
    make = find(family)
    usual = inspect.signature(make.__init__).parameters[option].default
    # Where None is the default it is fine, and else where the table says so.
    nothing = () if usual is None or none else (None,)
    for value in (*bad, *more, *nothing):
        with pytest.raises(InputError) as refused:
            make(**{option: value})
        assert option in str(refused.value) or option in _SPOKEN, str(refused.value)
        assert repr(value) in str(refused.value) or option in _SPOKEN, str(refused.value)


# Said in a sentence of its own.
_SPOKEN = ("image_shape", "classes", "categorical", "variant")


def test_every_kind_of_option_is_known():
    assert {option for _, option in CASES} <= OPTIONS.keys()

"""What is said of the families without loading them is true of them."""

import inspect
import json
import re
from pathlib import Path

import pytest
from family_settings import SMALL, of_family

import kgan
from kgan.data import kinds
from kgan.errors import InputError
from kgan.models.outline import outline

OWN = [family for family in kgan.models.CATALOGUE.values() if family.module.startswith("kgan.")]
each = pytest.mark.parametrize("family", OWN, ids=lambda family: family.name)


@each
def test_the_options_are_those_of_the_constructor(family):
    known = outline(family)
    taken = {
        name: parameter
        for name, parameter in inspect.signature(family.load().__init__).parameters.items()
        if name not in ("self", "seed", "name", "image_shape")
    }
    assert [option.name for option in known.options] == list(taken)
    for option in known.options:
        assert option.default == repr(taken[option.name].default)
        assert option.type == inspect.formatannotation(taken[option.name].annotation).replace(
            "collections.abc.", ""
        )
        assert len(option.meaning) > 5, option.name


@each
def test_the_presets_the_batch_and_the_data_are_those_of_the_class(family):
    known, made = outline(family), family.load()
    assert (known.batch_size, known.training_steps) == (made.batch_size, made.training_steps)
    assert known.reads == kinds.of(made).name
    assert known.takes == getattr(made, "takes", "")
    presets = getattr(made, "presets", {})
    assert list(known.presets) == list(presets)
    assert known.preset == (made.usual if presets else "")
    for name, settings in presets.items():
        written = known.presets[name]
        assert written["batch_size"] == str(settings.batch_size)
        assert written["training_steps"] == str(settings.steps)
        for field in written.keys() - {"batch_size", "training_steps"}:
            value = getattr(settings, field)
            if isinstance(value, (int, float, str, tuple, type(None))):
                assert written[field] == repr(value), field


@each
def test_the_settings_of_training_are_those_that_the_families_return(family):
    stored = json.loads(Path(kgan.models.__file__).with_name("settings.json").read_text())
    assert stored[family.name] == of_family(family), "run `python tests/models/family_settings.py`"
    assert list(stored) == [each.name for each in OWN]


def test_the_settings_of_training_by_hand():
    def of(name):
        return outline(kgan.models.entry(name)).settings

    assert of("dcgan")["paper"]["g_optimizer"] == "Adam 0.0002, beta_1 0.5, beta_2 0.999"
    assert of("wgangp")["paper"]["penalties"] == "GradientPenalty(weight 10)"
    assert of("r3gan")["narrow"]["penalties"] == "R1(gamma 1 to 0.3), R2(gamma 1 to 0.3)"
    assert of("vanilla")["joint_batch"]["loss"].startswith("NonSaturating(")


@each
@pytest.mark.parametrize("side", [28, 30, 32])
def test_a_size_is_refused_if_the_family_cannot_make_it(family, side):
    check = outline(family).side_check()
    if check is None:
        return
    known = inspect.signature(family.load().__init__).parameters
    options = {name: value for name, value in SMALL.items() if name in known}
    try:
        check((side, side, 3))
    except InputError as said:
        with pytest.raises(InputError, match=f"^{re.escape(str(said))}$"):
            family.load()(image_shape=(side, side, 3), **options)
    else:
        assert side in outline(family).squares()
        # The smallest of them are made; the others by the same rule.
        if family.name in ("dcgan", "pix2pix", "lapgan"):
            family.load()(image_shape=(side, side, 3), **options)


@each
def test_what_a_family_takes_is_not_refused(family):
    known = outline(family)
    defaults = {
        option.name: inspect.signature(family.load().__init__).parameters[option.name].default
        for option in known.options
    }
    known.check(defaults)
    for name in known.presets:
        known.check({"preset": name})


@pytest.mark.parametrize(
    ("name", "option", "value", "said"),
    [
        ("dcgan", "width", "abc", "width must be a positive integer; got 'abc'."),
        ("dcgan", "width", 0, "width must be a positive integer; got 0."),
        ("acgan", "dropout", 1, r"dropout must be a number in \[0, 1\); got 1."),
        ("acgan", "classes", 1, "One class tells nothing apart"),
        ("srgan", "scale", 3, "scale must be 2 or 4; got 3."),
        ("began", "gamma", "half", "gamma must be a number; got 'half'."),
        ("wgan", "width", 2.5, "width must be an integer; got 2.5."),
        ("r3gan", "preset", "narow", "Unknown preset of R3GAN 'narow'. Did you mean 'narrow'"),
        ("r3gan", "classes", True, "classes must be a positive integer or 0 for none; got True."),
    ],
)
def test_a_value_that_no_family_could_take_is_refused(name, option, value, said):
    family = kgan.models.entry(name)
    with pytest.raises(InputError, match=said):
        outline(family).check({option: value})
    shape = {} if name == "srgan" else {"image_shape": (8, 8, 1)}
    with pytest.raises(InputError):
        family.load()(**shape, **{option: value})


def test_a_family_of_another_package_is_not_read():
    theirs = kgan.models.Family("theirs", "Theirs", "their_package", "Them", "anything")
    assert outline(theirs) is None

"""The kinds of data, which a family names by an object or, as in earlier releases, by a word."""

import pytest

import kgan
from kgan.data import kinds
from kgan.errors import InputError


def test_a_kind_is_its_word():
    assert kgan.GAN.reads == "samples" and kgan.GAN.reads != "pairs"
    assert kgan.models.Pix2Pix.reads == "pairs"
    assert kgan.models.CycleGAN.reads == "domains"
    assert kgan.models.SRGAN.reads == "crops"
    assert f"{kinds.CROPS}" == "crops" and kinds.CROPS in ("pairs", "crops")
    assert {"crops": 1}[kinds.CROPS] == 1
    assert kinds.CROPS != kinds.PAIRS and kinds.CROPS != 3


def test_a_family_may_say_a_word():
    class Mine(kgan.models.Pix2Pix):
        reads = "pairs"

    assert kinds.of(Mine) is kinds.PAIRS
    Mine.reads = "pears"
    with pytest.raises(InputError, match="Mine.reads is one of samples, pairs, domains, crops"):
        kinds.of(Mine)

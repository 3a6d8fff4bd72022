"""What the page shows of a model, and whom it lets in, without a page."""

import numpy as np
import pytest

import kgan
from kgan.errors import InputError
from kgan.playground import serving
from kgan.playground.shown import Shown


@pytest.fixture(scope="module")
def shown():
    return Shown(kgan.models.ACGAN((8, 8, 1), classes=3, width=6, latent_size=4))


def test_samples_are_those_that_generate_makes(shown):
    drawn = shown.samples(5, 4, 2, None)
    assert [caption for _, caption in drawn] == ["5", "6", "7", "8"]
    expected = kgan.pictures.frames(shown.gan.generate(1, seed=7, labels=2), (-1, 1), 128)
    np.testing.assert_array_equal(drawn[2][0], expected[0])
    assert drawn[0][0].shape == (128, 128, 3)
    in_turn = shown.samples(5, 4, None, None)
    assert [caption for _, caption in in_turn] == ["2 · 5", "0 · 6", "1 · 7", "2 · 8"]


def test_directions_move_a_sample_and_a_way_meets_its_ends(shown):
    still = shown.moved(5, 0, None, [0.0] * len(shown.directions))
    way = shown.between((5, 6), 0, None, 4)
    np.testing.assert_array_equal(way[0], still)
    np.testing.assert_array_equal(way[-1], shown.moved(6, 0, None, []))
    assert (shown.moved(5, 0, None, [4.0]) != still).any()
    assert (shown.moved(5, 0, 0.3, []) != still).any()


def test_uploads_are_translated_and_enlarged():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 12, 3), np.uint8)
    translator = Shown(kgan.models.CycleGAN((8, 8, 1), width=2, blocks=1))
    one, other = (translator.converted(pixels, way) for way in ("a2b", "b2a"))
    assert one.shape == (16, 12, 3) and (one != other).any()
    enlarger = Shown(kgan.models.SRGAN(width=4, blocks=1, content="pixels"))
    assert enlarger.converted(pixels).shape == (64, 48, 3)
    with pytest.raises(InputError, match="up to 2048"):
        enlarger.converted(np.zeros((2049, 1, 3), np.uint8))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_loopback_is_known(host):
    assert serving.is_loopback(host)
    assert not serving.is_loopback("0.0.0.0") and not serving.is_loopback("example.com")


def test_a_run_that_is_not_there_is_refused_before_anything_is_served():
    pytest.importorskip("gradio", reason="the playground is the extra `play`")
    with pytest.raises(InputError, match="holds no run"):
        kgan.play("nowhere")
    with pytest.raises(InputError, match="port"):
        kgan.play("nowhere", port=70000)

"""The verdict: its words against samples whose quality is known, without any training."""

import dataclasses

import keras
import numpy as np
import pytest

import kgan
from kgan.metrics import judgement, verdict


@dataclasses.dataclass
class Source:
    """A model that draws what it was given."""

    samples: np.ndarray
    data_range: tuple | None = (-1.0, 1.0)

    def generate(self, count, seed=None):
        return self.samples[np.arange(count) % len(self.samples)]


@pytest.fixture(scope="module")
def digits():
    data = kgan.data.load("digits", shuffle=False, drop_remainder=False)
    images = np.concatenate([batch[0].numpy() for batch in data])
    images = images[np.random.default_rng(0).permutation(len(images))]
    return images[:300], images[500:600], images[700:1000]


def judged(samples, digits, **settings):
    return verdict(Source(samples), digits[0], digits[1], count=100, **settings)


def test_real_digits_are_good_varied_and_no_copies(digits):
    found = judged(digits[2], digits)
    assert found.good.startswith("close to real ones")
    assert found.varied.startswith("nearly as varied")
    assert found.memorised.startswith("no more than by chance")
    assert found.figures["precision"] > 0.7
    assert str(found).splitlines() == list(found.lines) and len(found.lines) == 4


def test_with_few_held_out_the_halves_of_the_training_samples_are_compared(digits):
    few = verdict(Source(digits[2]), digits[0], digits[1][:25], count=200)
    assert "to 150 training samples" in few.good and few.good.startswith("close to real ones")
    # Copies are told by the held-out ones all the same.
    assert "of 300 training samples" in few.memorised and "of held-out samples do" in few.memorised


def test_noise_is_never_called_good(digits):
    noise = np.random.default_rng(1).uniform(-1, 1, (100, 8, 8, 1)).astype("float32")
    found = judged(noise, digits)
    assert found.good.startswith("not like real ones")
    assert found.varied.startswith("not varied")
    assert found.figures["precision"] < 0.05


@pytest.mark.slow
def test_few_digits_over_and_over_are_not_varied(digits):
    found = judged(digits[2][:3], digits)
    assert found.varied.startswith(("not varied", "much less varied"))
    assert found.figures["precision"] > 0.6


@pytest.mark.slow
def test_copies_are_noticed_and_blurred_images_are_none(digits):
    rng = np.random.default_rng(0)
    copies = digits[0][:100] + rng.normal(0, 0.05, (100, 8, 8, 1)).astype("float32")
    assert judged(copies, digits).memorised.startswith("mostly: ")
    half = np.concatenate([copies[:20], digits[2][:80]])
    assert judged(half, digits).memorised.startswith("in part: ")
    blurred = np.stack([digits[0][rng.choice(300, 5)].mean(axis=0) for _ in range(100)])
    assert judged(blurred, digits).memorised.startswith("no more than by chance")


@pytest.mark.slow
def test_without_held_out_data_copies_are_not_judged(digits):
    found = verdict(Source(digits[2]), digits[0], count=100)
    assert "nothing was held out" in found.memorised
    assert found.good.startswith("close to real ones") and "training samples" in found.good


@pytest.mark.slow
def test_noise_in_colour_is_not_called_good():
    """Pixels alone gave such noise a precision of 0.92."""
    rng = np.random.default_rng(0)
    places = np.linspace(-1, 1, 16)
    slopes = rng.normal(size=(200, 2, 1, 1, 3))
    scenes = slopes[:, 0] * places[None, :, None, None] + slopes[:, 1] * places[None, None, :, None]
    scenes = np.tanh(scenes).astype("float32")
    noise = np.clip(rng.normal(0, 0.6, (80, 16, 16, 3)), -1, 1).astype("float32")
    found = verdict(Source(noise), scenes[:80], scenes[80:160], count=80)
    assert found.good.startswith("not like real ones")
    assert "colour features" in found.good
    assert found.figures["precision"] < 0.05
    alpha = np.concatenate([scenes, np.ones((200, 16, 16, 1), "float32")], axis=-1)
    seen = verdict(Source(alpha[160:]), alpha[:80], alpha[80:160], count=40)
    assert "colour features" in seen.good


@pytest.mark.slow
def test_halves_of_two_pictures_are_not_called_close_to_real_ones():
    """Colours and textures are right, and nothing is drawn."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:32, 0:32] / 31
    pictures = []
    for _ in range(450):
        place, radius, colour = (
            rng.uniform(0.3, 0.7, 2),
            rng.uniform(0.15, 0.4),
            rng.uniform(-1, 1, 3),
        )
        inside = (y - place[0]) ** 2 + (x - place[1]) ** 2 < radius**2
        pictures.append(np.where(inside[..., None], colour, 1.0))
    pictures = np.array(pictures, "float32")
    train, new, others = np.split(pictures, 3)
    real = verdict(Source(others), train, new, count=150)
    left = np.arange(32)[None, None, :, None] < 16
    halves = np.where(left, others, np.roll(others, 1, axis=0))
    torn = verdict(Source(halves), train, new, count=150)
    assert real.good.startswith("close to real ones")
    assert not torn.good.startswith("close to real ones")


def test_points_are_judged_by_their_values():
    rng = np.random.default_rng(0)
    train, new, drawn = (rng.normal(size=(300, 2)).astype("float32") for _ in range(3))
    found = verdict(Source(drawn, None), train, new, count=300)
    assert found.good.startswith("close to real ones")
    assert "by their values" in found.good
    assert verdict(Source(drawn + 5, None), train, new, count=300).good.startswith("not like")


def test_images_that_no_extractor_reads_are_not_judged_by_their_pixels():
    narrow = np.random.default_rng(0).uniform(-1, 1, (60, 4, 4, 1)).astype("float32")
    found = verdict(Source(narrow), narrow[:30], narrow[30:], count=30)
    assert found.good.startswith("was not measured. ")
    assert "precision" not in found.figures


def test_tiny_data_and_broken_samples_have_a_verdict(digits):
    found = verdict(Source(digits[2]), digits[0][:9], digits[1][:3])
    assert "20 are needed" in found.good
    assert found.memorised.startswith("cannot be told from 9 training and 3 held-out")
    assert "NaN" in judged(np.full((5, 8, 8, 1), np.nan, "float32"), digits).good


@pytest.mark.parametrize(
    ("course", "word"),
    [
        (lambda t: 1 / (1 + 5 * t), "probably helps: "),
        (lambda t: 1 + t, "does not help: "),
        (lambda t: 1 + 0 * t, "hardly helps: "),
    ],
)
def test_the_last_third_tells_whether_to_train_longer(course, word):
    rng = np.random.default_rng(0)
    steps = np.arange(100, 3100, 100)
    distances = [(step, course(step / 3000) + rng.normal(0, 0.005)) for step in steps]
    figures = {}
    said = judgement._longer(distances, figures)
    assert said.startswith(word)
    last = [value for step, value in distances if step >= 2000]
    assert len(last) == 11 and "11 measurements" in said
    expected = np.mean(last[-5:]) / np.mean(last[:5]) - 1
    assert figures["distance_change"] == pytest.approx(expected)
    assert judgement._longer(distances[:2], {}).startswith("cannot be told")


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "float16"])
def test_samples_that_a_falling_rate_holds_still_say_nothing_of_longer(precision):
    gan = kgan.models.VanillaGAN((8, 8, 1), variant="relu", precision=precision, seed=0)
    falling = keras.optimizers.schedules.PolynomialDecay(1e-3, 100, end_learning_rate=1e-4)
    gan.compile(g_optimizer=keras.optimizers.Adam(falling))
    inner = getattr(gan.g_optimizer, "inner_optimizer", gan.g_optimizer)
    flat = [(step, 1.0) for step in range(100, 3100, 100)]
    down = [(step, 1 / step) for step in range(100, 3100, 100)]
    data = np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("float32")

    def longer(course):
        return verdict(gan, data, distances=course, count=20).longer

    assert longer(flat).startswith("hardly helps: ")
    inner.iterations.assign(100)
    assert longer(flat).startswith("cannot be told: ")
    assert "had fallen to 10 % of its first" in longer(flat)
    # What falls all the same helps all the more.
    assert longer(down).startswith("probably helps: ")


def test_what_draws_no_samples_is_answered():
    with pytest.raises(kgan.InputError, match="gan must be a model with generate"):
        verdict("runs/photos", np.zeros((40, 8, 8, 1)))


def test_a_distance_of_zero_is_said_to_be_the_least():
    figures = {}
    course = [(step, 0.0 if step % 300 else 0.01) for step in range(100, 3100, 100)]
    said = judgement._longer(course, figures)
    assert said.startswith("hardly helps: ") and "was 0 in 7 of 11 measurements" in said
    assert figures["distance_change"] == 0.0

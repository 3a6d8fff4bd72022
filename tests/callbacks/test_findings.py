"""What the monitor finds in samples and scores that have it by construction, without training."""

import re
import warnings

import numpy as np
import pytest
from stand_in import StandIn

import kgan
from kgan.callbacks import CollapseMonitor, findings

RNG = np.random.default_rng(0)
# Soft colours: far from the ends of the range.
IMAGES = np.tanh(RNG.normal(0, 0.4, (120, 16, 16, 1))).astype("float32")
NEW = np.tanh(RNG.normal(0, 0.4, (60, 16, 16, 1))).astype("float32")


class Drawn(StandIn):
    """Draws what it is told, and scores a sample by what it is told."""

    sample_shape = (16, 16, 1)
    classes = 0

    def __init__(self, samples, scores=()):
        super().__init__(width=1)
        self.ready()
        self.samples, self.scores, self.loss = samples, scores, None

    def generate(self, count, seed=None, labels=None):
        return self.samples[:count]

    def unpack(self, data):
        return data, None

    def score(self, samples, condition=None, training=False):
        known, firsts = dict(self.scores), [float(sample[0, 0, 0]) for sample in samples]
        return np.array([known.get(first, first) for first in firsts])[:, None]


def watched(model, checks=4, every=100, **settings):
    """The monitor after some checks, with the model's samples as they are."""
    found = CollapseMonitor(
        settings.pop("data", IMAGES), count=60, patience=2, least_steps=100, warmup=0, **settings
    )
    found.set_model(model)
    found.on_train_begin()
    found.on_epoch_begin(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="After step")
        for _ in range(checks):
            model.iterations.assign_add(every)
            found._check({"d_loss": 1.0})
    return found


def kinds(monitor):
    return [event["kind"] for event in monitor.events]


def test_new_real_images_show_nothing():
    assert kinds(watched(Drawn(NEW))) == []


def test_copies_are_memorised_and_said_in_the_words_of_the_user():
    copies = IMAGES[:60] + RNG.normal(0, 0.02, (60, 16, 16, 1)).astype("float32")
    found = watched(Drawn(copies), held_out=None, style="command")
    assert kinds(found) == ["memorised"]
    (event,) = found.events
    assert event["message"].endswith("Start again with --augment diffaugment.")
    assert event["advice"]["python"] == 'Try compile(augment="diffaugment").'
    assert "other training pictures" in event["evidence"]
    against = watched(Drawn(copies), held_out=NEW).events[0]["evidence"]
    assert "held-out pictures" in against


def test_clipped_colours():
    found = watched(Drawn(np.sign(NEW)))
    assert "clipping" in kinds(found)
    event = next(event for event in found.events if event["kind"] == "clipping")
    assert event["evidence"].startswith("1e+02 % of the samples' values")
    assert "clipping" not in kinds(watched(Drawn(np.sign(NEW)), data=np.sign(IMAGES)))


def test_a_checkerboard():
    board = np.indices((16, 16)).sum(axis=0) % 2 * 2.0 - 1.0
    found = watched(Drawn(np.clip(NEW * 0.5 + 0.4 * board[None, ..., None], -0.95, 0.95)))
    assert kinds(found)[0] == "checkerboard"
    assert "kgan.layers.Upsample()" in found.events[0]["message"]


def test_standing_still_far_away_and_what_a_checkpoint_keeps_of_it():
    model = Drawn(NEW * 0.5 + 0.4)
    found = watched(model)
    assert kinds(found) == ["standstill"]
    assert "moved by 0 %" in found.events[0]["evidence"]
    state = found.get_state()
    assert len(state["sketches"]) <= 10 and len(found.distances) == 4
    other = watched(Drawn(NEW * 0.5 + 0.4), checks=0)
    other.set_state(state)
    assert other.distances == found.distances and other.events == found.events


def test_distances_are_those_to_held_out_samples_where_there_are_enough():
    model, brighter = Drawn(IMAGES[:60]), np.clip(NEW + 0.4, -1, 1)
    away = [
        watched(model, checks=1, held_out=held_out).distances[0][1]
        for held_out in (None, brighter[:19], brighter[:20])
    ]
    assert away[0] == away[1] == 0 and away[2] > 0.1


def test_a_state_of_an_earlier_release_is_read():
    state = watched(Drawn(NEW)).get_state()
    del state["sketches"]
    # Of training samples, whatever was held out.
    state["distances"] = state.pop("away")
    state["troubles"] = {
        kind: state["troubles"][kind] for kind in ("collapse", "discriminator_won", "divergence")
    }
    found = watched(Drawn(NEW), checks=0)
    found.set_state(state)
    assert found.distances == []


class Approaching(Drawn):
    """Draws new samples at each check, `away(check)` brighter than real ones."""

    def __init__(self, samples, scores, away):
        super().__init__(samples, scores)
        self.away, self.check = away, 0

    def generate(self, count, seed=None, labels=None):
        self.check += 1
        rng = np.random.default_rng(self.check)
        drawn = np.tanh(rng.normal(self.away(self.check), 0.4, self.samples.shape))
        # By which the sample is scored.
        drawn[:, 0, 0] = self.samples[:, 0, 0]
        return drawn[:count].astype("float32")


def scored(fake, of_new):
    """The scores of training, held-out and generated samples, by their first value."""
    return [
        (float(sample[0, 0, 0]), value + RNG.normal(0, 0.1))
        for samples, value in ((IMAGES, 1.0), (NEW, of_new), (fake, -1.0))
        for sample in samples
    ]


@pytest.mark.parametrize(
    ("of_new", "away", "checks", "expected"),
    [
        (-1.0, lambda check: 0.1, 30, ["overfitting"]),
        (-1.0, lambda check: 0.05 + 0.002 * check, 30, ["overfitting"]),
        # Too few checks to tell.
        (-1.0, lambda check: 0.1, 12, []),
        # They still get better.
        (-1.0, lambda check: 0.2 - 0.004 * check, 30, []),
        # They could not be better.
        (-1.0, lambda check: 0.0, 30, []),
        (1.0, lambda check: 0.1, 30, []),
    ],
)
def test_an_overfitting_discriminator(of_new, away, checks, expected):
    fake = np.tanh(RNG.normal(0, 0.4, (60, 16, 16, 1))).astype("float32")
    found = watched(Approaching(fake, scored(fake, of_new), away), checks, held_out=NEW)
    assert kinds(found) == expected
    if expected:
        evidence = found.events[0]["evidence"]
        r_v = re.search(r"r_v is ([\d.]+) \(", evidence).group(1)
        assert float(r_v) == pytest.approx(1.0, abs=0.05)
        begin, end = re.search(r"distance ([\d.]+), then ([\d.]+)\)", evidence).groups()
        assert float(begin) == pytest.approx(float(end), rel=0.5) and float(begin) > 0


@pytest.mark.parametrize(("spread", "expected"), [(1e-8, ["discriminator_dead"]), (1e-4, [])])
def test_a_discriminator_that_scores_all_alike_is_dead(spread, expected):
    firsts = [float(sample[0, 0, 0]) for sample in (*IMAGES, *NEW)]
    scores = [(first, 0.25 + spread * first) for first in firsts]
    assert kinds(watched(Drawn(NEW, scores), checks=3)) == expected


def test_samples_stand_still_before_a_dead_discriminator():
    still = NEW * 0.5 + 0.4
    scores = [(float(sample[0, 0, 0]), 0.0) for sample in (*IMAGES, *still)]
    assert kinds(watched(Drawn(still))) == ["standstill"]
    assert kinds(watched(Drawn(still, scores))) == ["discriminator_dead"]


def test_a_conditional_model_is_scored_with_its_labels():
    gan = kgan.models.ConditionalGAN((8, 8, 1), classes=3, width=4, seed=0)
    gan.compile(jit_compile=False)
    images, labels = RNG.uniform(-1, 1, (80, 8, 8, 1)).astype("float32"), np.arange(80) % 3
    found = CollapseMonitor((images, labels), count=20, held_out=(images[40:], labels[40:]))
    found.set_model(gan)
    found.on_train_begin()
    seen = found._see({})
    np.testing.assert_array_equal(seen.samples, gan.generate(20, seed=0))
    scores = findings._scores(seen, *found._reference.held_out)
    chosen = np.random.default_rng(0).permutation(40)[:20]
    expected = gan.score(images[40:][chosen], labels[40:][chosen].astype("int32"))
    np.testing.assert_allclose(scores, np.asarray(expected)[:, 0], rtol=1e-5)
    assert findings._scores(seen, images, None) is None


def test_bad_settings():
    with pytest.raises(kgan.InputError, match="style"):
        CollapseMonitor(IMAGES, style="words")
    with pytest.raises(kgan.InputError, match="held_out has samples of shape"):
        watched(Drawn(NEW), held_out=NEW[:, :8])

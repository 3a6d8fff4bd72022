"""What the rules choose for which data, and how a plan reads."""

import numpy as np
import pytest

import kgan
from kgan.models.recipe import plans, rules
from kgan.models.recipe.facts import Facts


def photos(**changes):
    of = {"kind": "images", "name": "photos", "count": 2000, "shape": (32, 32, 3)}
    looked = {"looked_at": 2000, "alike": 0.01, "sided": 0.5, "twins": 0.0}
    return Facts(**(of | looked | changes))


def line(plan, name):
    return next((choice for choice in plan.choices if choice.name == name), None)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(plans, "_cores", lambda: 2)


def test_photographs():
    plan = plans.plan(photos(), 30)
    assert (plan.family, plan.options, plan.mirror) == ("r3gan", {}, True)
    assert plan.compile == {}
    assert "slows the training" in line(plan, "augment").reason


def test_few_pictures_are_augmented_and_many_are_not():
    assert plans.plan(photos(count=200), 30).compile == {"augment": "diffaugment"}
    # A GPU or a long training shows them often too.
    assert plans.plan(photos(), 600).compile == {"augment": "diffaugment"}


def test_mirror_follows_what_was_found():
    assert not plans.plan(photos(sided=0.66), 30).mirror
    assert "66%" in line(plans.plan(photos(sided=0.66), 30), "mirror").reason
    # 0.56 of 50 pictures may be chance, and of 1,000 is not.
    assert plans.plan(photos(sided=0.56, looked_at=100), 30).mirror
    assert not plans.plan(photos(sided=0.56), 30).mirror
    assert not plans.plan(photos(sided=None), 30).mirror


@pytest.mark.parametrize(
    ("classes", "rarest", "expected"),
    [(9, 85, {"classes": 9}), (200, 60, {}), (9, 12, {}), (1, 2000, {}), (9, 0, {"classes": 9})],
)
def test_classes(classes, rarest, expected):
    assert plans.plan(photos(classes=classes, rarest=rarest), 30).options == expected


def test_a_batch_is_no_larger_than_the_data():
    assert plans.plan(photos(count=10), 30).batch_size == 8
    assert plans.plan(photos(), 30).batch_size == rules.chosen("batch", known(photos()))[0]


def known(facts, minutes=30.0, side=0, family="r3gan"):
    return rules.Known(facts, minutes, 2, side, family)


def test_points_pairs_and_domains():
    points = plans.plan(Facts("points", "ring", 1000, (2,)), 30)
    assert (points.family, points.batch_size, points.mirror) == ("r3gan", 256, False)
    assert plans.plan(photos(kind="pairs"), 30).family == "pix2pix"
    assert plans.plan(photos(kind="domains"), 30).family == "cyclegan"


def test_what_is_given_is_kept_and_said():
    plan = plans.plan(
        photos(classes=9, rarest=85), 30, family="sngan", options={"classes": 0, "width": 16},
        compile={"augment": None, "ema": 0.9}, batch_size=5, mirror=False,
    )  # fmt: skip
    assert (plan.family, plan.batch_size, plan.mirror) == ("sngan", 5, False)
    assert plan.options == {"classes": 0, "width": 16}
    assert plan.compile == {"augment": None, "ema": 0.9}
    kept = [choice.name for choice in plan.choices if choice.reason == plans.GIVEN]
    assert kept == ["family", "classes", "batch", "augment", "mirror"]


def test_too_few_and_other_samples_are_refused():
    with pytest.raises(kgan.InputError, match=r"too few samples to train on \(3\)"):
        plans.plan(photos(count=3), 30)
    with pytest.raises(kgan.InputError, match=r"kgan\.GAN"):
        plans.plan(photos(kind="other", shape=(8, 8, 8, 1)), 30)
    with pytest.raises(kgan.InputError, match="minutes"):
        plans.plan(photos(), 0)


def test_sizes():
    def chosen(sizes, minutes=30):
        value, choice = plans.size(sizes, minutes)
        return value, choice.reason

    assert chosen([(28, 28)] * 5)[0] is None
    assert chosen([(64, 64)] * 5)[0] == 32
    assert chosen([(64, 64)] * 5, 600)[0] is None
    assert chosen([(480, 640)] * 5, 600)[0] == 64
    mixed = chosen([(480, 640), (200, 300), (100, 100)])
    assert mixed[0] == 32 and "3 sizes" in mixed[1] and "middle" in mixed[1]
    # Of sides that no doublings make.
    assert chosen([(30, 30)] * 5)[0] == 16
    assert chosen([(9, 9)] * 5)[0] == 8
    # One picture of ten may be smaller.
    assert chosen([(20, 20), *[(64, 64)] * 19])[0] == 32
    with pytest.raises(kgan.InputError, match="no pictures"):
        plans.size([], 30)


def test_every_choice_has_a_last_row_that_always_holds():
    for choice in {rule.choice for rule in rules.RULES}:
        last = [rule for rule in rules.RULES if rule.choice == choice][-1]
        assert last.when(known(photos())), choice
    assert rules.EXPECTED[-1][0](photos(), 1)


def test_a_printed_plan_has_a_line_for_each_choice_and_its_reason():
    plan = plans.plan(photos(classes=9, rarest=85), 30)
    text = str(plan)
    assert max(map(len, text.splitlines())) <= 100
    names = [line.split()[0] for line in text.splitlines() if not line.startswith(" ")]
    assert names == [choice.name for choice in plan.choices]
    words = " ".join(text.split())
    assert all(" ".join(choice.reason.split()) in words for choice in plan.choices)
    assert plan.record()["choices"][1] == {
        "name": "family", "value": "r3gan", "reason": line(plan, "family").reason,
    }  # fmt: skip


def test_expectations_rise_with_what_was_shown():
    said = [rules.expectation(photos(), shown) for shown in (1000, 50_000, 10**6)]
    assert len(set(said)) == 3
    assert "repeats" in rules.expectation(photos(count=20), 10**6)
    assert np.all([rules.expectation(photos(count=20), shown) for shown in (1, 10**7)])


@pytest.mark.parametrize("data", ["photos", 3, np.zeros((40, 8, 8, 1)), {"info": 1}])
def test_what_is_no_dataset_of_kgan_is_answered(data):
    for function in (kgan.models.plan, kgan.models.auto):
        with pytest.raises(kgan.InputError, match="data must be a dataset of kgan.data"):
            function(data)

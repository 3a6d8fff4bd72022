"""CycleGAN: its terms by hand, its history buffer, and that it learns a mapping without pairs."""

import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.errors import InputError
from kgan.models.cyclegan import Cycle, CycleGAN, Identity
from kgan.terms import Turn


def domains(batch_size=4, **settings):
    """Digits, 8x8, and the negatives of other ones."""
    digits = next(iter(kgan.data.load("digits", batch_size=128, value_range=(0, 1))))[0].numpy()
    settings = {"batch_size": batch_size, "seed": 0} | settings
    return kgan.data.domains(digits[:64], 1 - digits[64:], **settings)


def small(**settings):
    return CycleGAN((8, 8, 1), **({"width": 4, "blocks": 1, "seed": 0} | settings))


def test_settings_are_the_papers():
    gan = CycleGAN((32, 32, 3), width=2)
    gan.training_steps = 100
    gan.compile()
    assert type(gan.loss) is kgan.losses.LeastSquares
    real, fake = (
        {"a": tf.ones((2, 3, 3, 1)), "b": tf.zeros((2, 3, 3, 1))},
        tf.fill((2, 3, 3, 1), 3.0),
    )
    fake = {"a": fake, "b": -fake}
    # Section 4: E (D(G(x)) - 1)^2, and half of E (D(y) - 1)^2 + E D(G(x))^2, of both domains.
    assert float(gan.generator_loss(fake)) == 4 + 16
    assert float(gan.discriminator_loss(real, fake)) == 0.5 * (9 + 1 + 9)
    assert [(term.name, term.weight) for term in gan.terms] == [("cycle", 10.0), ("identity", 5.0)]
    rate = gan.g_optimizer.get_config()["learning_rate"]["config"]
    assert rate == {"rate": 2e-4, "steps": 100}
    schedule = kgan.optimizers.ConstantThenLinear(**rate)
    np.testing.assert_allclose(
        [schedule(step) for step in (0, 50, 75, 100)], [2e-4, 2e-4, 1e-4, 0.0], rtol=1e-6
    )
    assert (gan.pool, gan.blocks, CycleGAN((256, 256, 3), width=1).blocks) == (50, 6, 9)
    assert [term.name for term in small(identity=0).game_terms()] == ["cycle"]
    assert [term.name for term in small(cycle=0).game_terms()] == ["identity"]
    assert small(cycle=0, identity=0).game_terms() == []


def test_terms_are_the_means_of_the_equations():
    gan = small()
    a, b = (tf.random.uniform((3, 8, 8, 1), -1, 1) for _ in range(2))
    real = {"a": a, "b": b}
    fake = gan.forward(None, real)
    turn = Turn(gan, real, fake, None, real, None, None)
    ab, ba = gan.generator_ab, gan.generator_ba
    cycle = np.abs(ba(ab(a)) - a).mean() + np.abs(ab(ba(b)) - b).mean()
    identity = np.abs(ab(b) - b).mean() + np.abs(ba(a) - a).mean()
    assert float(Cycle()(turn)) == pytest.approx(cycle, rel=1e-5)
    assert float(Identity()(turn)) == pytest.approx(identity, rel=1e-5)


def test_the_history_fills_and_then_half_of_what_is_shown_is_older():
    gan = small(pool=10)

    def shown(value, count=5):
        images = tf.fill((count, 8, 8, 1), float(value))
        return gan.shown({"a": images, "b": -images})

    for value in (1, 2):
        seen = shown(value)
        assert set(seen["a"].numpy()[:, 0, 0, 0]) == {value}
    old = 0
    for value in range(3, 43):
        seen = {domain: part.numpy()[:, 0, 0, 0] for domain, part in shown(value).items()}
        assert set(seen["a"]) <= set(range(1, value + 1))
        assert set(seen["b"]) <= set(range(-value, 0))
        old += (seen["a"] != value).sum()
    assert 70 < old < 130
    assert int(gan.history_a.count) == int(gan.history_b.count) == 10


def test_each_turn_trains_both_of_a_players_networks_and_no_other(take_turn):
    gan = small()
    gan.compile(jit_compile=False)
    data = domains()
    before = {role: [w.numpy() for w in net.weights] for role, net in gan.networks.items()}
    batch = next(iter(data))
    for player in gan.players:
        take_turn(gan, player.name, *gan.unpack(batch))
        for role, net in gan.networks.items():
            moved = any(
                np.abs(w.numpy() - b).max() > 0
                for w, b in zip(net.weights, before[role], strict=True)
            )
            assert moved == role.startswith(player.name)
        before = {role: [w.numpy() for w in net.weights] for role, net in gan.networks.items()}


def train(epochs):
    gan = small(width=8, identity=0)
    gan.compile(jit_compile=False)
    gan.fit(domains(), epochs=epochs, verbose=0)
    return gan


@pytest.fixture(scope="module")
def trained():
    return train(epochs=1)


@pytest.mark.slow
def test_it_learns_a_mapping_without_pairs():
    trained = train(epochs=25)
    digits = next(iter(kgan.data.load("digits", split="test", batch_size=64)))[0].numpy()
    there = trained.translate(digits)
    assert np.abs(there + digits).mean() < 0.5 * np.abs(digits + digits).mean()
    # Always saying black is off by 0.6.
    assert np.abs(trained.translate(there, "b2a") - digits).mean() < 0.42


@pytest.mark.slow
def test_a_resumed_run_equals_the_unbroken_one_and_the_history_with_it(trained, tmp_path):
    trained.save(tmp_path / "gan.keras")
    again = kgan.load(tmp_path / "gan.keras")
    for model in (trained, again):
        model.fit(domains(), epochs=1, verbose=0)
    assert any("history" in v.path for v in trained.variables)
    for one, other in zip(trained.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_it_serves_both_directions_at_any_size(trained, tmp_path):
    trained.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    images = np.random.default_rng(0).uniform(-1, 1, (1, 10, 13, 1)).astype("float32")
    for direction in ("a2b", "b2a"):
        made = getattr(served, direction)(images)
        np.testing.assert_allclose(made, trained.translate(images, direction), atol=1e-6)


def test_bad_input_gets_a_message(trained):
    with pytest.raises(InputError, match="direction"):
        trained.translate(np.zeros((1, 8, 8, 1), "float32"), "a2c")
    with pytest.raises(InputError, match="has one"):
        CycleGAN.for_data(kgan.data.load("digits").info)
    digits = np.ones((8, 8, 8, 1), "uint8") * 9
    with pytest.raises(InputError, match="bring both to one"):
        CycleGAN.for_data(kgan.data.domains(digits, digits.repeat(3, -1)).info)
    with pytest.raises(InputError, match="pool"):
        small(pool=-1)
    with pytest.raises(InputError, match="cycle"):
        small(cycle=-1)

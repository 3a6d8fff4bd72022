"""Every family with every option of `compile`: each pair trains, or `compile` says why not.

Networks are tiny and steps run eagerly, except for XLA, so that all pairs run in minutes.
"""

import functools

import keras
import numpy as np
import pytest

import kgan
import kgan.training.state
from kgan.errors import InputError

SIDE = 8


def _images(count=8, channels=1, side=SIDE, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, side, side, channels)).astype("uint8")


def _samples():
    return kgan.data.from_arrays(_images(), np.arange(8) % 2, batch_size=4, seed=1)


def _pairs():
    return kgan.data.pairs(_images(seed=1), _images(seed=2), batch_size=4, seed=1)


def _domains():
    return kgan.data.domains(_images(seed=1), _images(seed=2), batch_size=4, seed=1)


def _crops():
    photos = list(_images(4, 3, 16))
    return kgan.data.crops(photos, scale=2, size=SIDE, batch_size=4, per_image=2, seed=1)


# The data of each family, and options that keep it small.
FAMILIES = {
    "vanilla": (_samples, {"preset": "minimax", "latent_size": 4}),
    "conditional": (_samples, {"latent_size": 4, "width": 2}),
    "dcgan": (_samples, {"latent_size": 4, "width": 2}),
    "wgan": (_samples, {"latent_size": 4, "width": 2}),
    "wgangp": (_samples, {"latent_size": 4, "width": 2}),
    "began": (_samples, {"latent_size": 4, "width": 2}),
    "acgan": (_samples, {"latent_size": 4, "width": 6}),
    "infogan": (_samples, {"noise_size": 2, "categorical": 2, "continuous": 1, "width": 2}),
    "vaegan": (_samples, {"latent_size": 4, "width": 2}),
    "sngan": (_samples, {"latent_size": 4, "width": 4}),
    "sagan": (_samples, {"latent_size": 4, "width": 8}),
    "r3gan": (_samples, {"latent_size": 4}),
    "lapgan": (_samples, {"latent_size": 4, "width": 2, "units": 4}),
    "srgan": (_crops, {"width": 2, "blocks": 1, "content": "pixels"}),
    "pix2pix": (_pairs, {"width": 2}),
    "cyclegan": (_domains, {"width": 2, "blocks": 1, "pool": 3}),
}

# Those with large networks take as long as all others, and the same code is behind them.
LARGE = ("cyclegan", "pix2pix", "sagan", "sngan", "srgan")
FROM_IMAGES = ("cyclegan", "pix2pix", "srgan")
SOME = [pytest.param(name, marks=pytest.mark.slow if name in LARGE else []) for name in FAMILIES]
# Of families that are alike to what saves them, one is tried at once.
FEW = [
    pytest.param(
        name,
        marks=[] if name in ("vanilla", "conditional", "lapgan", "vaegan") else pytest.mark.slow,
    )
    for name in FAMILIES
]
CONDITIONAL = {"sngan", "sagan", "r3gan", "lapgan"}

# Options that leave each other alone are tried together: a pair trains where its company trains.
OPTIONS = {
    "defaults": {},
    "r1, average, accumulation": {
        "penalties": ["r1"],
        "ema": 0.9,
        "accumulation_steps": 2,
        "shared_forward": False,
    },
    "lazy r1, joint batch": {
        "penalties": [kgan.penalties.R1(1.0, every=2)],
        "joint_batch": True,
        "shared_forward": False,
    },
    "gradient penalty, two discriminator steps": {
        "penalties": ["gradient_penalty"],
        "discriminator_steps": 2,
        "shared_forward": False,
    },
    "shared forward": {"shared_forward": True, "discriminator_steps": 1},
}
# Tried in the slow tests.
FURTHER = {
    "lecam, dragan": {"penalties": ["lecam", "dragan"]},
    "diffaugment": {"augment": "diffaugment", "penalties": ["r1"]},
    "consistency": {"penalties": [kgan.penalties.Consistency(augment="shift")]},
    "gradient norms": {"log_gradient_norms": True},
    "another loss": {"loss": "least_squares"},
    "a loss of pairs": {"loss": "relativistic"},
}
# What is refused, by a sentence that says why.
REFUSED = {
    ("began", "another loss"): "reconstruction errors",
    ("began", "a loss of pairs"): "reconstruction errors",
    ("vaegan", "a loss of pairs"): "pairs their scores",
    ("vaegan", "diffaugment"): "cannot train with augment=",
    ("lapgan", "diffaugment"): "cannot train with augment=",
}


def test_every_family_is_here():
    assert set(FAMILIES) == set(kgan.models.CATALOGUE)


@pytest.fixture(scope="module")
def made():
    """Families are made once, and compiled anew for each option."""
    kept = {}

    def make(name, **further):
        key = name, *further.items(), keras.config.dtype_policy().name
        if key not in kept:
            options = FAMILIES[name][1] | further
            gan = kgan.models.find(name).for_data(_data(name).info, seed=1, **options)
            gan.training_steps = 10
            kept[key] = gan
        return kept[key]

    return make


@functools.cache
def _data(name):
    """The data of a family, made once: two batches an epoch."""
    return FAMILIES[name][0]()


def _trained(gan, name, steps=1, **settings):
    gan.compile(**{"run_eagerly": True, "jit_compile": False} | settings)
    before = {role: [w.numpy() for w in net.weights] for role, net in gan.networks.items()}
    begun = int(gan.iterations)
    history = gan.fit(_data(name), epochs=1, steps_per_epoch=steps, verbose=0).history
    assert int(gan.iterations) - begun == steps
    for log in ("d_loss", "g_loss"):
        assert np.isfinite(history[log]).all(), log
    for player in gan.players:
        assert int(player.count) == steps * player.updates
    for role, network in gan.networks.items():
        moved = (
            np.abs(w - b).max() for w, b in zip(network.get_weights(), before[role], strict=True)
        )
        assert max(moved) > 0, role
    return history


def _fewer(name, settings):
    """Families that take five batches a step take two, of which the data has as many."""
    if name in ("wgan", "wgangp", "sngan") and "discriminator_steps" not in settings:
        return {"discriminator_steps": 1}
    return {}


@pytest.mark.parametrize(
    "option",
    [*OPTIONS, *(pytest.param(option, marks=pytest.mark.slow) for option in FURTHER)],
)
@pytest.mark.parametrize("name", FAMILIES)
def test_each_pair_trains_or_is_refused(name, option, made):
    settings = (OPTIONS | FURTHER)[option]
    gan = made(name)
    if (name, option) in REFUSED:
        with pytest.raises(InputError, match=REFUSED[name, option]):
            _trained(gan, name, **_fewer(name, settings), **settings)
        return
    # A lazy term rests at the second step.
    steps = 2 if "lazy" in option else 1
    history = _trained(gan, name, steps, **_fewer(name, settings), **settings)
    for term in gan.terms:
        assert np.isfinite(history[term.name]).all(), term.name


@pytest.mark.parametrize("classes", [pytest.param(0, marks=pytest.mark.slow), 2])
@pytest.mark.parametrize("name", [p for p in SOME if p.values[0] not in FROM_IMAGES])
def test_it_is_watched_for_trouble(name, classes, made):
    if classes and name not in CONDITIONAL:
        pytest.skip("The family is not conditional by this argument.")
    gan = made(name, **({"classes": 2} if classes else {}))
    gan.compile(run_eagerly=True, jit_compile=False)
    monitor = kgan.callbacks.CollapseMonitor(
        _data(name), every_steps=1, count=8, warmup=0, held_out=_data(name)
    )
    gan.fit(_data(name), epochs=1, steps_per_epoch=1, verbose=0, callbacks=[monitor])
    assert len(monitor.distances) == 1 and np.isfinite(monitor.distances[0][1])


@pytest.mark.parametrize("name", sorted(CONDITIONAL))
def test_classes(name, made):
    gan = made(name, classes=2)
    _trained(gan, name, **_fewer(name, {}), penalties=["r1"], joint_batch=True)
    assert gan.generate(2, labels=1, seed=0).shape == (2, SIDE, SIDE, 1)


@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", SOME)
def test_half_precision(name, policy, made):
    keras.config.set_dtype_policy(policy)
    try:
        gan = made(name)
        settings = _fewer(name, {})
        gan.compile(run_eagerly=True, jit_compile=False, ema=0.9, penalties=["r1"], **settings)
        for player in gan.players:
            if policy == "mixed_float16":
                # The first scale that is tried may be too large; that is another test's.
                player.optimizer.dynamic_scale.assign(2.0**4)
        history = gan.fit(_data(name), epochs=1, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite([history["d_loss"], history["g_loss"]]).all()
    assert all(int(player.count) > 0 for player in gan.players)


def _drawn(gan):
    if hasattr(gan, "generate"):
        return gan.generate(2, seed=3)
    low = _images(2, 3, 4 if gan.reads == "crops" else SIDE)[
        ..., : 3 if gan.reads == "crops" else 1
    ]
    return gan.translate(low.astype("float32") / 127.5 - 1)


@pytest.mark.parametrize("name", FEW)
def test_evaluate_save_load_and_resume(name, made, tmp_path):
    settings = _fewer(name, {})
    gan = made(name)
    lecam = kgan.penalties.LeCam(0.1)
    gan.compile(run_eagerly=True, jit_compile=False, ema=0.9, penalties=[lecam], **settings)
    data = FAMILIES[name][0]()
    gan.fit(data, steps_per_epoch=1, verbose=0)
    figures = gan.evaluate(data, metrics=[kgan.metrics.Diversity(extractor="values")], verbose=0)
    assert {"d_loss", "g_loss", "diversity"} <= figures.keys()
    gan.save(tmp_path / "gan.keras")
    loaded = kgan.load(tmp_path / "gan.keras")
    np.testing.assert_array_equal(_drawn(loaded), _drawn(gan))
    histories = [
        g.fit(FAMILIES[name][0](), steps_per_epoch=1, verbose=0).history for g in (gan, loaded)
    ]
    assert histories[0] == histories[1]
    states = [
        {name: np.asarray(v) for name, v in kgan.training.state.variables(g).items()}
        for g in (gan, loaded)
    ]
    assert states[0].keys() == states[1].keys()
    for variable, value in states[0].items():
        np.testing.assert_array_equal(states[1][variable], value, err_msg=variable)


# Compiling takes seconds for each; two have most layers that others have.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("vanilla", "lapgan") else pytest.mark.slow)
        for name in FAMILIES
    ],
)
def test_xla(name, made):
    gan = made(name)
    _trained(gan, name, run_eagerly=False, jit_compile=True, **_fewer(name, {}))

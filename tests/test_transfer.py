"""Warm starts from the weights of another run, and frozen layers."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kgan
from kgan import transfer
from kgan.errors import InputError


def values(network):
    return [w.numpy() for w in network.weights]


def state(gan):
    """Every number of a training state."""
    of = (gan.variables, gan.d_optimizer.variables, gan.g_optimizer.variables, [gan.iterations])
    return [np.asarray(v) for variables in of for v in variables]


def assert_equal(one, two):
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def images(size, width=4):
    """A convolutional pair that doubles a base of 2x2 until it has `size`."""
    doublings = int(np.log2(size // 2))
    wide = width * 2 ** (doublings - 1)
    parts = [layers.Dense(4 * wide), layers.Reshape((2, 2, wide))]
    for place in range(1, doublings):
        parts += [
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(wide // 2**place, 4, 2, "same"),
        ]
    parts += [layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh")]
    generator = keras.Sequential([keras.Input((3,)), *parts])
    parts = []
    for place in range(doublings):
        parts += [layers.Conv2D(width * 2**place, 4, 2, "same"), layers.LeakyReLU()]
    discriminator = keras.Sequential(
        [keras.Input((size, size, 1)), *parts, layers.Flatten(), layers.Dense(1)]
    )
    return kgan.GAN(generator, discriminator)


def told(size, out, classes, width=8):
    """A network over `[inputs, labels]`."""
    inputs, labels = keras.Input((size,)), keras.Input((), dtype="int32")
    known = layers.Embedding(classes, 4)(labels)
    hidden = layers.Dense(width, activation="relu")(layers.Concatenate()([inputs, known]))
    return keras.Model([inputs, labels], layers.Dense(out)(hidden))


@keras.saving.register_keras_serializable("test")
class Block(layers.Layer):
    """A layer of layers, which Keras loads without knowing that they are frozen."""

    def build(self, shape):
        self.dense = layers.Dense(shape[-1])
        self.norm = layers.BatchNormalization()
        self.dense.build(shape)
        self.norm.build(shape)
        self.gain = self.add_weight(shape=(), initializer="ones", name="gain")

    def call(self, inputs, training=False):
        return self.gain * self.norm(self.dense(inputs), training=training) + inputs


def with_blocks(width=4):
    """A discriminator of points: a nested model, then blocks."""
    inner = keras.Sequential([keras.Input((2,)), layers.Dense(width), layers.ReLU()], name="first")
    x = inner(points := keras.Input((2,)))
    x = Block(name="one")(x)
    x = Block(name="two")(x)
    return keras.Model(points, layers.Dense(1, name="score")(x))


@pytest.fixture
def trained(networks, points):
    """Six steps of a GAN with batch normalization, Dropout and an average."""
    gan = kgan.GAN(*networks(batch_norm=True, dropout=0.3), seed=1)
    gan.compile("adam", "adam", ema=0.9, run_eagerly=True)
    gan.fit(points, batch_size=40, verbose=0)
    return gan


class TestTheSameNetworks:
    def test_begin_as_the_source_looks_and_nothing_else_comes_along(self, trained, networks):
        gan = kgan.GAN(*networks(batch_norm=True, dropout=0.3), seed=2)
        gan.compile("adam", "adam", ema=0.5, run_eagerly=True)
        seeds = [v.numpy() for v in gan.variables if v.name == "seed_generator_state"]
        moments = [v.numpy() for v in gan.optimizer.variables]
        report = transfer.warm_start(gan, trained)
        assert not report.fresh and not report.left_over and report.averaged
        # Numbers of Keras's differ, and order tells.
        assert report.loaded[0].layer != report.loaded[0].source
        assert_equal(values(gan.discriminator), values(trained.discriminator))
        averaged = [average.numpy() for _, average in trained.average.pairs()]
        assert_equal(values(gan.generator), averaged)
        assert_equal([average.numpy() for _, average in gan.average.pairs()], averaged)
        assert_equal([gan.generate(4, seed=0)], [trained.generate(4, seed=0)])
        assert_equal([v.numpy() for v in gan.variables if "seed_gen" in v.name], seeds)
        assert_equal([v.numpy() for v in gan.optimizer.variables], moments)
        assert int(gan.iterations) == 0

    def test_go_on_from_a_file_or_with_the_raw_weights(self, trained, networks, tmp_path):
        trained.save(tmp_path / "gan.keras")
        gan = kgan.GAN(*networks(batch_norm=True, dropout=0.3))
        report = transfer.warm_start(gan, str(tmp_path / "gan.keras"))
        assert_equal([gan.generate(4, seed=0)], [trained.generate(4, seed=0)])
        assert (report.iterations, report.source) == (6, str(tmp_path / "gan.keras"))
        report = transfer.warm_start(gan, trained, average=False)
        assert not report.averaged
        assert_equal(values(gan.generator), values(trained.generator))


class TestChangedNetworks:
    def test_of_other_classes_lose_what_knows_the_class(self):
        source = kgan.GAN(told(2, 2, 3), told(2, 1, 3), classes=3)
        gan = kgan.GAN(told(2, 2, 5), told(2, 1, 5), classes=5)
        report = transfer.warm_start(gan, source)
        assert [(p.network, p.weights, p.source_weights) for p in report.fresh] == [
            (role, (("embeddings", (5, 4)),), (("embeddings", (3, 4)),))
            for role in ("generator", "discriminator")
        ]
        assert_equal(values(gan.generator)[1:], values(source.generator)[1:])
        said = str(report)
        assert "generator: 2 of 3 layers, 74 of 94 values" in said
        assert re.search(
            r"stays fresh: embedding\S* embeddings \(5, 4\): embedding\S* of the source has "
            r"embeddings \(3, 4\)",
            said,
        )

    @pytest.mark.parametrize(("before", "after"), [(16, 32), (32, 16)])
    def test_of_another_size_keep_what_is_near_the_images(self, before, after):
        """Channels double from the images inwards, so shapes tell the places apart."""
        source, gan = images(before), images(after)
        report = transfer.warm_start(gan, source)
        common = min(before, after)
        depth = int(np.log2(common // 2))
        ours, theirs = values(gan.discriminator), values(source.discriminator)
        assert_equal(ours[: 2 * depth], theirs[: 2 * depth])
        convolutions = 2 * (depth - 1)
        ours, theirs = (
            [w.numpy() for w in of.generator.weights if "transpose" in w.path]
            for of in (gan, source)
        )
        assert_equal(ours[-convolutions - 2 :], theirs[-convolutions - 2 :])
        assert all(p.weights == p.source_weights for p in report.loaded)
        heads = [p for p in report.fresh if p.network == "discriminator" and "dense" in p.layer]
        assert len(heads) == 1

    def test_of_another_width_are_no_shift_of_each_other(self):
        """The second convolution of one has the shapes of the first's next, and another task."""
        source, gan = images(16, width=4), images(16, width=8)
        before = values(gan)
        with pytest.raises(InputError, match="No layer's weights fit; the model is unchanged") as e:
            transfer.warm_start(gan, source)
        assert "kernel (4, 4, 8, 16)" in str(e.value)
        assert_equal(values(gan), before)

    def test_with_more_of_equal_layers_keep_the_first_of_a_discriminator(self):
        def pair(hidden):
            def network(out):
                equal = [layers.Dense(2) for _ in range(hidden)]
                return keras.Sequential([keras.Input((2,)), *equal, layers.Dense(out)])

            return kgan.GAN(network(2), network(1))

        source, gan = pair(2), pair(4)
        report = transfer.warm_start(gan, source)
        assert len(report.loaded) == 6
        ours, theirs = values(gan.discriminator), values(source.discriminator)
        assert_equal(ours[:4] + ours[-2:], theirs)
        # The generator's last layers are the ones that draw.
        assert_equal(values(gan.generator)[-6:], values(source.generator))

    def test_go_by_the_names_that_a_user_gave(self):
        def pair(names):
            blocks = [layers.Dense(2, name=name) for name in names]
            return kgan.GAN(
                keras.Sequential([keras.Input((2,)), *blocks]),
                keras.Sequential([keras.Input((2,)), layers.Dense(1)]),
            )

        source = pair(["block_1", "block_2", "block_3"])
        gan = pair(["block_3", "block_1", "another"])
        report = transfer.warm_start(gan, source)
        for name in ("block_1", "block_3"):
            ours, theirs = gan.generator.get_layer(name), source.generator.get_layer(name)
            assert_equal(ours.get_weights(), theirs.get_weights())
        assert [p.layer for p in report.fresh] == ["another"]
        assert [p.source for p in report.left_over] == ["block_2"]
        assert "left over in the source: block_2 kernel (2, 2), bias (2,)" in str(report)
        # Where none of them is known it is the order that tells.
        gan = pair(["a", "b", "c"])
        assert len(transfer.warm_start(gan, source).loaded) == 4
        assert_equal(values(gan.generator), values(source.generator))

    def test_do_not_take_a_shift_for_a_scale(self):
        def pair(**options):
            return kgan.GAN(
                keras.Sequential([keras.Input((2,)), layers.BatchNormalization(**options)]),
                keras.Sequential([keras.Input((2,)), layers.Dense(1)]),
            )

        report = transfer.warm_start(pair(scale=False), pair(center=False))
        assert [p.network for p in report.loaded] == ["discriminator"]
        assert "beta (2,)" in str(report) and "gamma (2,)" in str(report)

    def test_load_what_belongs_together_or_none_of_it(self, networks):
        """A gain says nothing of other layers than it scaled, nor a spectral norm of a kernel."""
        source = kgan.GAN(networks()[0], with_blocks())
        report = transfer.warm_start(kgan.GAN(networks()[0], with_blocks(5)), source)
        assert {p.network for p in report.loaded} == {"generator"}
        report = transfer.warm_start(kgan.GAN(networks()[0], with_blocks()), source)
        assert len(report.loaded) == 2 + 1 + 2 * 3 + 1 and not report.fresh

        def normed(size):
            wrapped = keras.layers.SpectralNormalization(layers.Dense(4))
            return kgan.GAN(
                networks(sample_shape=(size,))[0],
                keras.Sequential([keras.Input((size,)), wrapped, layers.Dense(1)]),
            )

        report = transfer.warm_start(normed(3), normed(2))
        assert ["dense" in p.layer for p in report.loaded if p.network == "discriminator"] == [True]

    def test_within_nested_models_are_found_part_by_part(self):
        def dense(count):
            return [layers.Dense(2) for _ in range(count)]

        def pair(mapping, drawing):
            inner = keras.Sequential([keras.Input((2,)), *dense(mapping)], name="mapping")
            x = inner(latent := keras.Input((2,)))
            for layer in dense(drawing):
                x = layer(x)
            return kgan.GAN(
                keras.Model(latent, x), keras.Sequential([keras.Input((2,)), layers.Dense(1)])
            )

        source, gan = pair(1, 2), pair(2, 4)
        report = transfer.warm_start(gan, source)
        ours, theirs = (of.generator.get_layer("mapping").get_weights() for of in (gan, source))
        assert_equal(ours[-2:], theirs)
        assert_equal(values(gan.generator)[-4:], values(source.generator)[-4:])
        assert [p.layer.startswith("mapping/") for p in report.fresh] == [True, False, False]


class TestRefused:
    def test_sources(self, gan, tmp_path):
        before = values(gan)
        with pytest.raises(InputError, match=r"no file .*nowhere.keras"):
            transfer.warm_start(gan, tmp_path / "nowhere.keras")
        with pytest.raises(InputError, match="holds no run"):
            transfer.warm_start(gan, tmp_path)
        (tmp_path / "notes.txt").write_text("")
        with pytest.raises(InputError, match="no `.keras` file"):
            transfer.warm_start(gan, tmp_path / "notes.txt")
        with pytest.raises(InputError, match="got 3"):
            transfer.warm_start(gan, 3)
        with pytest.raises(InputError, match="load weights into"):
            transfer.warm_start(gan.generator, gan)
        assert_equal(values(gan), before)

    def test_weights_that_are_no_numbers(self, networks, gan):
        before = values(gan)
        source = kgan.GAN(*networks())
        source.discriminator.weights[0].assign(np.full((2, 16), np.nan))
        with pytest.raises(InputError, match="NaN"):
            transfer.warm_start(gan, source)
        assert_equal(values(gan), before)

    def test_a_model_that_has_been_trained(self, gan, networks):
        gan.iterations.assign(6)
        with pytest.raises(InputError, match="trained for 6 steps already"):
            transfer.warm_start(gan, kgan.GAN(*networks()))

    def test_freezing_what_was_not_loaded_or_too_late(self, gan, networks):
        source = kgan.GAN(*networks(width=8))
        source.discriminator.layers[-1].bias.assign([3.0])
        with pytest.raises(InputError, match=r"No layer"):
            transfer.warm_start(gan, source)
        generator, _ = networks()
        other = kgan.GAN(generator, networks(width=8)[1])
        before = values(gan)
        with pytest.raises(InputError, match=r"drawn at random.*: dense"):
            transfer.warm_start(gan, other, freeze=1)
        assert_equal(values(gan), before)
        assert all(layer.trainable for layer in gan.discriminator.layers)
        gan.compile()
        with pytest.raises(InputError, match="before `compile`"):
            transfer.warm_start(gan, kgan.GAN(*networks()), freeze=1)


def ids(variables):
    return {id(v) for v in variables}


class TestFreezing:
    def test_takes_the_first_layers_with_weights(self):
        network = with_blocks()
        assert transfer.freeze(network, 2) == [f"first/{network.layers[1].layers[0].name}", "one"]
        trained = ids(network.trainable_variables)
        free = [*network.get_layer("two").trainable_variables, *network.get_layer("score").weights]
        assert trained == ids(free)
        transfer.unfreeze(network)
        assert len(network.trainable_variables) == 14

    def test_goes_with_a_warm_start(self, networks):
        source, gan = kgan.GAN(*networks()), kgan.GAN(*networks())
        report = transfer.warm_start(gan, source, freeze=1)
        _, first, second = gan.discriminator.layers
        assert report.frozen == (first.name,) and f"frozen in the discriminator: {first.name}" in (
            str(report)
        )
        assert (first.trainable, second.trainable) == (False, True)

    def test_is_refused_where_it_makes_no_sense(self):
        network = with_blocks()
        for count in (0, -1, 1.5, True, "2"):
            with pytest.raises(InputError, match="number of layers"):
                transfer.freeze(network, count)
        with pytest.raises(InputError, match="asked for 4 layers, and .* has 4"):
            transfer.freeze(network, 4)
        with pytest.raises(InputError, match="no weights yet"):
            transfer.freeze(keras.Sequential([layers.Dense(1)]), 1)
        with pytest.raises(InputError, match=r"a keras.Model"):
            transfer.freeze(network.get_layer("one"), 1)
        assert all(layer.trainable for layer in network.layers)

    def test_keeps_them_and_trains_the_others_through_them(self, networks, points):
        generator, _ = networks()
        gan = kgan.GAN(generator, with_blocks(), seed=1)
        transfer.freeze(gan.discriminator, 2)
        gan.compile("adam", "adam", penalties=["r1"], run_eagerly=True)
        before = values(gan.discriminator)
        drawn = values(generator)
        gan.fit(points, batch_size=64, verbose=0)
        frozen = ids(gan.discriminator.non_trainable_variables)
        moved = {
            id(w)
            for w, old in zip(gan.discriminator.weights, before, strict=True)
            if not np.array_equal(w, old)
        }
        kept = [*gan.discriminator.get_layer("first").weights]
        kept += gan.discriminator.get_layer("one").weights
        assert not moved & ids(kept)
        assert moved == ids(gan.discriminator.weights) - ids(kept)
        assert ids(kept) <= frozen
        assert not any(np.array_equal(a, b) for a, b in zip(drawn, values(generator), strict=True))

    def test_does_not_change_what_the_generator_learns_from(self, networks, points):
        gan = kgan.GAN(*networks(), seed=1)
        free = _generator_gradients(gan, points)
        transfer.freeze(gan.discriminator, 1)
        assert_equal(_generator_gradients(gan, points), free)

    def test_after_compile_asks_for_another(self, gan, points):
        gan.compile(run_eagerly=True)
        transfer.freeze(gan.discriminator, 1)
        before = values(gan)
        with pytest.raises(InputError, match="frozen or freed since `compile"):
            gan.fit(points, verbose=0)
        assert_equal(values(gan), before)
        gan.compile(run_eagerly=True)
        gan.fit(points, batch_size=128, verbose=0)
        transfer.unfreeze(gan.discriminator)
        with pytest.raises(InputError, match="Call it again"):
            gan.fit(points, verbose=0)


def _generator_gradients(gan, points):
    gan.compile(run_eagerly=True)
    gan._training_seeds.state.assign([3, 0])
    with tf.GradientTape() as tape:
        loss, _ = gan.generator_plays(tf.constant(points[:32]), None)
    return [g.numpy() for g in tape.gradient(loss, gan.generator.trainable_variables)]


class TestAFrozenRun:
    def test_of_a_family_goes_on_bit_for_bit(self, tmp_path):
        """A family builds its networks anew when it is loaded."""
        random = np.random.default_rng(0)
        samples = random.uniform(-1, 1, (96, 4, 4, 1)).astype("float32")

        def made():
            keras.utils.set_random_seed(5)
            gan = kgan.models.VanillaGAN((4, 4, 1), "relu", latent_size=4)
            transfer.freeze(gan.discriminator, 2)
            gan.compile(ema=0.9, run_eagerly=True)
            return gan

        whole = made()
        whole.fit(samples, batch_size=32, epochs=2, verbose=0)
        broken = made()
        broken.fit(samples, batch_size=32, epochs=1, verbose=0)
        broken.save(tmp_path / "gan.keras")
        resumed = kgan.load(tmp_path / "gan.keras")
        assert [layer.trainable for layer in resumed.discriminator.layers] == [
            layer.trainable for layer in broken.discriminator.layers
        ]
        assert_equal(state(resumed), state(broken))
        resumed.fit(samples, batch_size=32, epochs=1, verbose=0)
        assert_equal(state(resumed), state(whole))

    def test_of_a_layer_of_layers_is_loaded_as_it_was(self, networks, points, tmp_path):
        gan = kgan.GAN(networks()[0], with_blocks())
        transfer.freeze(gan.discriminator, 2)
        gan.compile("adam", "adam", run_eagerly=True)
        gan.fit(points, batch_size=128, verbose=0)
        gan.save(tmp_path / "gan.keras")
        loaded = kgan.load(tmp_path / "gan.keras")
        assert len(loaded.discriminator.trainable_variables) == 7
        assert_equal(state(loaded), state(gan))
        loaded.fit(points, batch_size=128, verbose=0)
        kept = [*loaded.discriminator.get_layer("first").weights]
        kept += loaded.discriminator.get_layer("one").weights
        old = [*gan.discriminator.get_layer("first").weights]
        old += gan.discriminator.get_layer("one").weights
        assert_equal([w.numpy() for w in kept], [w.numpy() for w in old])

    def test_is_saved_as_it_was_compiled(self, gan, points, tmp_path):
        """Frozen afterwards, a layer has moments that must be found again."""
        gan.compile("adam", "adam", run_eagerly=True)
        gan.fit(points, batch_size=128, verbose=0)
        transfer.freeze(gan.discriminator, 1)
        gan.save(tmp_path / "gan.keras")
        loaded = kgan.load(tmp_path / "gan.keras")
        assert all(layer.trainable for layer in loaded.discriminator.layers)
        assert_equal(state(loaded), state(gan))

"""R3GAN (Huang et al. 2024): the relativistic pairing loss, R1, R2, plain residual networks."""

import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from kgan import arguments, packs, penalties
from kgan.game import Recipe
from kgan.gan import GAN
from kgan.latents import Normal
from kgan.layers import Downsample, PixelShuffle, PixelUnshuffle, Upsample
from kgan.models.blocks import presets
from kgan.models.blocks.sizes import plan
from kgan.optimizers import HalfLife, ScheduledAdam
from kgan.typing import Config


@dataclass(frozen=True)
class Preset(presets.Preset):
    """The sizes and the schedules of one preset.

    Attributes:
        widths: channels of the stages, from the smallest feature map to the largest; further
            stages have the last one's.
        blocks: residual blocks per stage.
        expansion: factor of the channels within a block.
        group: channels per group of the 3x3 convolutions; None means one group.
        patch: side of the squares of pixels that the networks process as channels.
        latent_size: length of a latent.
        gamma: strength of R1 and R2, at the start and the end.
        rate: learning rate of both players' Adam, at the start and the end.
        output: activation of the generator's last layer.
    """

    widths: tuple[int, ...]
    blocks: int
    expansion: int
    group: int | None
    patch: int
    latent_size: int
    gamma: tuple[float, float]
    rate: tuple[float, float]
    output: str = "linear"


PRESETS = {
    # Appendix, the CIFAR-10 column: 96 groups of the 1,536 channels within a block.
    "paper": Preset(Recipe(512, 200_000), (768,), 2, 2, 16, 1, 64, (0.05, 0.005), (2e-4, 5e-5)),
    "narrow": Preset(
        Recipe(64, 10_000), (96, 48), 1, 1, None, 2, 64, (1.0, 0.3), (2e-3, 2e-4), "tanh"
    ),
    "points": Preset(Recipe(256, 12_000), (128,), 3, 1, None, 1, 2, (0.05, 0.005), (1e-3, 0.0)),
}


@keras.saving.register_keras_serializable("kgan")
class R3GAN(presets.WithPresets, GAN):
    """Huang et al. 2024, The GAN is dead; long live the GAN! A modern GAN baseline.

    The relativistic pairing loss with R1 and R2 at every step (section 2), on residual networks
    without normalization (section 3.3): blocks of a 1x1, a 3x3 and a 1x1 convolution with leaky
    ReLU between them, whose initial scale does not depend on their number (fix-up: the last
    convolution of a block starts at 0). The paper's schedules end after 20 million images; here
    they end with the training, and the half-life of the generator's average is a fortieth of it,
    as in the paper's setting for FFHQ.

    ========  =======================================  ========================  ===============
    preset    networks                                 learning rate; gamma      batch
    ========  =======================================  ========================  ===============
    paper     768 channels, 2 blocks a stage, groups   2e-4 to 5e-5;             512
              of 16, expansion 2 (CIFAR-10)            0.05 to 0.005
    narrow    for CPUs, see `PRESETS`                  2e-3 to 2e-4; 1 to 0.3     64
    points    dense layers of 128, 3 blocks            1e-3 to 0; 0.05 to 0.005  256
    ========  =======================================  ========================  ===============

    In all presets Adam's beta_1 is 0, and its beta_2 rises from 0.9 to 0.99. The last two are
    ours. `narrow` has plain convolutions in place of grouped ones, which are slow on CPUs. It
    processes 2x2 squares of pixels as channels, because at full size so narrow a network would
    spend most of its time on a few channels. It ends in a tanh: if pixels lie at the ends of their
    range, as in drawings, the discriminator recognizes a linear output by its noise there.
    `points` has 2 latents; on the ring 4 spread the samples within the modes by 0.90 of the true
    spread in place of 0.77, and 95.7 % of them, not 98.4 %, lie near a mode
    (`benchmarks/quality.py`).

    Args:
        image_shape: (height, width, channels), or `(dimensions,)` of points.
        classes: number of classes that both networks are conditioned on, or 0; see `kgan.GAN`.
        preset: one of the names above; None means "narrow" for images and "points" for points.
        latent_size: length of a latent; None means the preset's.
        seed, name, pack: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for an unknown preset, an option out of its range, or a size that cannot be
            made by doubling a base of 4 to 7 pixels.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        classes: int = 0,
        preset: str | None = None,
        latent_size: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        pack: int = 1,
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        pack = arguments.integer("pack", pack)
        image_shape = arguments.image_shape(image_shape, points=True)
        points = len(image_shape) == 1
        settings = PRESETS["points" if points and preset is None else self.named(preset)]
        latent_size = settings.latent_size if latent_size is None else latent_size
        latent_size = arguments.integer("latent_size", latent_size)
        classes = arguments.classes(classes)
        super().__init__(
            _generator(settings, image_shape, latent_size, classes),
            _discriminator(settings, packs.folded_shape(image_shape, pack), classes),
            latents=Normal(latent_size),
            data_range=None if points else (-1.0, 1.0),
            classes=classes,
            seed=seed,
            name=name,
            pack=pack,
        )
        self.image_shape = image_shape
        self.preset = preset
        self.latent_size = latent_size
        self.train_as(settings)

    presets, usual = PRESETS, "narrow"
    batch_size, training_steps = PRESETS[usual].recipe

    def defaults(self) -> dict[str, Any]:
        steps, settings = self.training_steps, self.settings

        def cosine(start, end):
            return keras.optimizers.schedules.CosineDecay(start, steps, alpha=end / start)

        adam = {"learning_rate": cosine(*settings.rate), "beta_1": 0.0, "beta_2": cosine(0.9, 0.99)}
        gamma = cosine(*settings.gamma)
        return super().defaults() | {
            "d_optimizer": ScheduledAdam(**adam),
            "g_optimizer": ScheduledAdam(**adam),
            "loss": "relativistic",
            "penalties": [penalties.R1(gamma), penalties.R2(gamma)],
            "ema": HalfLife(steps / 40, warm_up=steps),
        }

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "classes": self.classes,
            "preset": self.preset,
            "latent_size": self.latent_size,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()


def _scaled(gain):
    """Returns normal weights of variance gain²/fan-in, or zeros for a gain of 0."""
    if not gain:
        return keras.initializers.Zeros()
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")


def _activation():
    return layers.LeakyReLU(negative_slope=0.2)


def _block(x, settings, stages):
    """Returns x + convolutions(x), with dense layers if x are points."""
    # This gain keeps the variance of the sum over all blocks (Zhang et al. 2019, Fixup, section 3).
    gain = math.sqrt(2 / (1 + 0.2**2)) * (settings.blocks * stages) ** (-1 / (2 * 3 - 2))
    width = x.shape[-1] * settings.expansion
    if len(x.shape) == 2:
        y = _activation()(layers.Dense(width, kernel_initializer=_scaled(gain))(_activation()(x)))
        return layers.Add()([x, layers.Dense(x.shape[-1], kernel_initializer=_scaled(0))(y)])
    groups = width // settings.group if settings.group else 1
    y = _activation()(layers.Conv2D(width, 1, kernel_initializer=_scaled(gain))(x))
    y = layers.Conv2D(width, 3, padding="same", groups=groups, kernel_initializer=_scaled(gain))(y)
    y = layers.Conv2D(x.shape[-1], 1, use_bias=False, kernel_initializer=_scaled(0))(
        _activation()(y)
    )
    return layers.Add()([x, y])


def _linear(x, width, always=False):
    """Applies a 1x1 convolution, or a dense layer to points, if the width changes or `always`."""
    if x.shape[-1] == width and not always:
        return x
    if len(x.shape) == 2:
        return layers.Dense(width, kernel_initializer=_scaled(1))(x)
    return layers.Conv2D(width, 1, use_bias=False, kernel_initializer=_scaled(1))(x)


@keras.saving.register_keras_serializable("kgan")
class Basis(layers.Layer):
    """Converts vectors to feature maps or back, with one learned map of weights per channel.

    A vector's entries scale the learned maps. The other way round, an entry is the sum of its
    feature map weighted by the learned map, in place of pooling.

    - input and output: `(batch, channels)` and `(batch, height, width, channels)`, or reversed

    Args:
        size: (height, width) of the maps.
        analyse: False converts vectors to maps, True maps to vectors.
    """

    def __init__(self, size, analyse=False, **kwargs):
        super().__init__(**kwargs)
        self.size, self.analyse = tuple(size), analyse

    def build(self, input_shape):
        stddev = 1 / math.sqrt(math.prod(self.size)) if self.analyse else 1.0
        self.maps = self.add_weight(
            shape=(*self.size, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=stddev),
            name="maps",
        )

    def call(self, inputs):
        if self.analyse:
            return ops.sum(inputs * self.maps, axis=(1, 2))
        return inputs[:, None, None, :] * self.maps

    def compute_output_shape(self, input_shape):
        maps = () if self.analyse else self.size
        return (input_shape[0], *maps, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "analyse": self.analyse}


@keras.saving.register_keras_serializable("kgan")
class Octaves(layers.Layer):
    """Appends to points their sines and cosines of wavelengths 16, 8, ... (Tancik et al. 2020).

    - input: `(batch, dimensions)`
    - returns: `(batch, (1 + 2 · count) · dimensions)`

    A dense network learns low frequencies first, but a mode is narrow compared with the distance
    to the next: without these features the discriminator does not resolve its width. Amplitudes
    fall by a factor of 2^0.4 per octave, since short waves would otherwise dominate.
    """

    count = 9

    def call(self, inputs):
        parts = [inputs]
        for octave in range(self.count):
            angle = inputs * (math.pi * 2.0 ** (octave - 3))
            parts += [2 ** (-0.4 * octave) * wave(angle) for wave in (ops.sin, ops.cos)]
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], (1 + 2 * self.count) * input_shape[-1])


def _stages(settings, image_shape):
    """Returns the size of the smallest map, and the channels of each stage, smallest map first."""
    height, width, channels = image_shape
    if height % settings.patch or width % settings.patch:
        plan(image_shape)
    sizes = plan((height, width, channels))
    doublings = sizes.doublings - (settings.patch.bit_length() - 1)
    widths = [
        settings.widths[min(stage, len(settings.widths) - 1)] for stage in range(doublings + 1)
    ]
    return sizes.base, widths


def _embedded(labels, classes, width):
    stddev = 1 / math.sqrt(classes)
    return layers.Embedding(
        classes, width, embeddings_initializer=keras.initializers.RandomNormal(stddev=stddev)
    )(labels)


def _generator(settings, image_shape, latent_size, classes):
    latents = keras.Input((latent_size,), name="latents")
    labels = keras.Input((), dtype="int32", name="labels") if classes else None
    x = latents
    if classes:
        x = layers.Concatenate()([x, _embedded(labels, classes, latent_size)])
    if len(image_shape) == 1:
        x = _linear(x, settings.widths[0], always=True)
        for _ in range(settings.blocks):
            x = _block(x, settings, 1)
        samples = layers.Dense(image_shape[0], kernel_initializer=_scaled(1))(_activation()(x))
    else:
        base, widths = _stages(settings, image_shape)
        x = Basis(base)(_linear(x, widths[0], always=True))
        for stage, width in enumerate(widths):
            if stage:
                x = _linear(Upsample(border="zeros")(x), width)
            for _ in range(settings.blocks):
                x = _block(x, settings, len(widths))
        pixels = image_shape[2] * settings.patch**2
        samples = layers.Conv2D(pixels, 1, kernel_initializer=_scaled(1), dtype="float32")(x)
        samples = PixelShuffle(settings.patch, dtype="float32")(samples)
        if settings.output != "linear":
            samples = layers.Activation(settings.output, dtype="float32")(samples)
    return keras.Model([latents, labels] if classes else latents, samples, name="generator")


def _discriminator(settings, image_shape, classes):
    samples = keras.Input(image_shape, name="samples")
    labels = keras.Input((), dtype="int32", name="labels") if classes else None
    if len(image_shape) == 1:
        x = _linear(Octaves()(samples), settings.widths[0], always=True)
        for _ in range(settings.blocks):
            x = _block(x, settings, 1)
        x = _activation()(x)
    else:
        base, widths = _stages(settings, image_shape)
        x = _linear(PixelUnshuffle(settings.patch)(samples), widths[-1], always=True)
        for stage in reversed(range(len(widths))):
            for _ in range(settings.blocks):
                x = _block(x, settings, len(widths))
            if stage:
                x = _linear(Downsample(border="zeros")(x), widths[stage - 1])
        x = Basis(base, analyse=True)(x)
    if classes:
        # The projection of the features on the embedding of the class (Miyato & Koyama 2018).
        width = x.shape[-1]
        x = layers.Dense(width, use_bias=False, kernel_initializer=_scaled(1))(x)
        score = layers.Dot(axes=1)([x, _embedded(labels, classes, width)])
    else:
        score = layers.Dense(1, use_bias=False, kernel_initializer=_scaled(1))(x)
    return keras.Model([samples, labels] if classes else samples, score, name="discriminator")

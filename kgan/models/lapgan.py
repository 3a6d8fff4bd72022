"""LAPGAN (Denton et al. 2015): a GAN for each level of a Laplacian pyramid."""

import itertools
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from kgan import arguments, checks, penalties
from kgan.errors import InputError
from kgan.game import Game, Recipe
from kgan.inference.sampling import LatentSampling
from kgan.latents import Uniform
from kgan.layers import Downsample, Upsample
from kgan.models.blocks import levels as networks_of
from kgan.models.blocks import presets
from kgan.models.blocks.image_networks import halvings
from kgan.models.blocks.sizes import checked_image_shape
from kgan.typing import Config, Tensor, Tensors

# The shorter side of the coarsest level has at most this many pixels (section 3.1).
COARSEST = 8


def gaussian_pyramid(images, levels: int) -> list:
    """Returns I_0 to I_K, `(batch, height, width, channels)`, each half the size of the last.

    Args:
        images: I_0; 2^levels divides its sides.
        levels: K.
    """
    pyramid = [images]
    for _ in range(levels):
        pyramid.append(Downsample()(pyramid[-1]))
    return pyramid


def laplacian_pyramid(images, levels: int) -> list:
    """Returns h_0 to h_K (equation 3): each level minus the next one enlarged; h_K is I_K."""
    gaussian = gaussian_pyramid(images, levels)
    bands = [fine - Upsample()(coarse) for fine, coarse in itertools.pairwise(gaussian)]
    return [*bands, gaussian[-1]]


def reconstructed(bands: list):
    """Returns the images of a Laplacian pyramid: I_k = u(I_k+1) + h_k (equation 4)."""
    images = bands[-1]
    for band in reversed(bands[:-1]):
        images = Upsample()(images) + band
    return images


@dataclass(frozen=True)
class Preset(presets.Preset):
    """The networks and the training of one preset.

    Attributes:
        width: channels of the finest level's convolutions.
        units: of a dense layer of the coarsest generator; None: convolutions.
        blocks: residual blocks of the finer generators; 0: the paper's three convolutions.
        rates: learning rates of the discriminators' and the generators' Adam.
        cosine: final learning rate of a cosine decay over the training, as a fraction of the
            first; None keeps the rates constant.
        gamma: of the penalty R1; 0 leaves it out.
        ema: decay of the generators' average; None has none.
    """

    width: int
    units: int | None
    blocks: int
    rates: tuple[float, float]
    cosine: float | None
    gamma: float
    ema: float | None


PRESETS = {
    "paper": Preset(Recipe(128, 20_000), 64, 1200, 0, (2e-4, 2e-4), None, 0.0, None),
    "narrow": Preset(Recipe(64, 10_000), 16, None, 3, (1e-3, 1e-3), 0.1, 0.1, 0.999),
}


@keras.saving.register_keras_serializable("kgan")
class LAPGAN(presets.WithPresets, LatentSampling, Game):
    """Denton et al. 2015, Deep generative image models using a Laplacian pyramid of adversarial
    networks.

    The coarsest level, 4 to 8 pixels a side, is a GAN of dense layers (section 4.1: 1,200 units in
    the generator, 600 in the discriminator, which has dropout). Every finer level is a conditional
    GAN: its generator takes the enlarged image of the level below and a plane of noise, and returns
    the missing band; its discriminator takes the band added to the enlarged image (section 3.2).
    Convolutional networks have 3 layers in a generator and 2 in a discriminator. If there are
    classes, a dense layer turns the label into a further plane of the input.

    All levels are trained at once, each on its own loss. Sampling proceeds from coarse to fine,
    each level conditioned on the sample of the level below.

    Deviations: Adam in place of SGD with a growing momentum; a level's image is clipped to the
    data's range, since a discriminator would otherwise recognize it by the noise around black and
    white; kernels are 5x5.

    The preset "narrow" is ours, for trainings of minutes on a CPU. With the paper's networks three
    things hold digits back: the finest band, which is easy to draw, takes nearly all of the time;
    how the strokes run is decided at 14x14, where three convolutions do not suffice; and the
    dropout of the coarsest discriminator hides from it what varies. So the finer generators have 3
    residual blocks of two 3x3 convolutions, their discriminators 4 convolutions, and the coarsest
    networks 3 convolutions in place of dense layers; the finest level has `width` channels, and
    coarser ones twice as many as the one above. There is batch normalization in all generators,
    and no dropout: the penalty R1 holds the discriminators back in its place. The rates fall to a
    tenth along a cosine, and the generators are averaged.

    Args:
        image_shape: (height, width, channels); 4 divides the sides.
        classes: number of classes that all networks are conditioned on, or 0; see `kgan.GAN`.
        latent_size: length of the coarsest level's noise.
        width: channels of the convolutions, in "narrow" of the finest level's; less is faster. None
            takes the preset's, 64 or 16.
        units: of a dense layer of the coarsest generator; its discriminator has half as many. None
            means 1,200; "narrow" has none.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.
        levels: number of levels beside the coarsest, each twice as large as the one below; 0
            leaves a GAN of dense layers. None means as many as make the coarsest 4 to 8 pixels.
        preset: "paper" or "narrow".

    Raises:
        InputError: for sizes that 4 does not divide, `levels` that cannot be halved, `units` of
            "narrow", or an option out of its range.
    """

    # A level's condition is an image of another range than its band.
    can_augment = False
    presets, usual = PRESETS, "paper"
    batch_size, training_steps = PRESETS[usual].recipe

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        classes: int = 0,
        latent_size: int = 100,
        width: int | None = None,
        units: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        precision: str | None = None,
        levels: int | None = None,
        preset: str = "paper",
    ):
        preset = self.named(preset)
        settings = PRESETS[preset]
        arguments.precision(precision)
        super().__init__(seed=seed, name=name)
        self.image_shape = self.sample_shape = checked_image_shape(image_shape)
        self.classes = arguments.classes(classes)
        self.latent_size = arguments.integer("latent_size", latent_size)
        self.width = arguments.integer("width", settings.width if width is None else width)
        self.units = settings.units if units is None else arguments.integer("units", units)
        if units is not None and settings.units is None:
            raise InputError(
                f"units is {units}, and the preset {preset!r} has convolutions in place of the "
                "dense layers of that many units. Leave units out; width sets the channels."
            )
        self.data_range = (-1.0, 1.0)
        height, image_width, channels = self.image_shape
        self.levels = _levels(levels, height, image_width)
        sizes = [(height >> level, image_width >> level) for level in range(self.levels + 1)]
        # A plane of noise per level, and the vector of the coarsest level last.
        self.noise = [*(h * w for h, w in sizes[:-1]), self.latent_size]
        self.latents = Uniform(sum(self.noise))
        for level, size in enumerate(sizes):
            pair = self._pair(level, (*size, channels), settings)
            setattr(self, f"generator_{level}", pair[0])
            setattr(self, f"discriminator_{level}", pair[1])
        self.preset = preset
        self.train_as(settings)
        self.built = True

    def _pair(self, level, shape, settings):
        """Returns the generator and the discriminator of a level."""
        if settings.blocks:
            # As much arithmetic in each level: the finest would take nearly all of it.
            width = self.width << min(level, max(0, self.levels - 1))
            if level < self.levels:
                return networks_of.residual(shape, self.classes, width, settings.blocks)
            return networks_of.coarsest(shape, self.classes, self.latent_size, width)
        if level < self.levels:
            return networks_of.convolutional(shape, self.classes, self.width)
        return networks_of.dense(shape, self.classes, self.latent_size, self.units)

    def defaults(self) -> dict[str, Any]:
        """Returns the settings of the preset."""
        settings = self.settings
        d_rate, g_rate = settings.rates
        return super().defaults() | {
            "d_optimizer": presets.adam(d_rate, 0.5, self.training_steps, settings.cosine),
            "g_optimizer": presets.adam(g_rate, 0.5, self.training_steps, settings.cosine),
            "penalties": [penalties.R1(settings.gamma)] if settings.gamma else [],
            "ema": settings.ema,
        }

    @property
    def networks(self) -> dict[str, keras.Model]:
        return {
            f"{player}_{level}": getattr(self, f"{player}_{level}")
            for player in ("generator", "discriminator")
            for level in range(self.levels + 1)
        }

    def draw(self, count: int | Tensor, seed: Tensor, truncation: float | None = None) -> Tensors:
        """Draws the noise of all levels, `(count, n)`."""
        return self.latents.sample(count, seed, truncation)

    def unpack(self, data: Any) -> tuple[Any, Any]:
        """Returns (images of all levels, the condition: enlarged images and labels)."""
        images, *rest = data if isinstance(data, (tuple, list)) else (data,)
        labels = checks.labels(rest[0] if rest else None, self.classes) if self.classes else None
        pyramid = gaussian_pyramid(images, self.levels)
        enlarged = tuple(Upsample()(image) for image in pyramid[1:])
        return tuple(pyramid), {"enlarged": enlarged, "labels": labels}

    def examined(self, real: Tensors, condition: Tensors = None) -> list[tuple]:
        return [("data", real[0], self.image_shape)]

    def labels_of(self, condition: Tensors) -> Tensor | None:
        return condition["labels"]

    def forward(
        self, latents: Tensors, condition: Tensors = None, training: bool = False
    ) -> Tensors:
        """Returns images of all levels, or the finest images if the condition has no real ones.

        Args:
            latents: see `draw`.
            condition: the condition of `unpack`, on whose enlarged real images each level is
                conditioned; or labels `(batch,)` or None, and each level is conditioned on the
                generated image of the level below.
            training: whether layers are in training mode.
        """
        on_real = isinstance(condition, dict)
        labels = condition["labels"] if on_real else condition
        bounds = [sum(self.noise[:level]) for level in range(self.levels + 2)]
        images = [None] * (self.levels + 1)
        for level in reversed(range(self.levels + 1)):
            noise = latents[:, bounds[level] : bounds[level + 1]]
            below = ()
            if level < self.levels:
                enlarged = (
                    condition["enlarged"][level] if on_real else Upsample()(images[level + 1])
                )
                noise = ops.reshape(noise, (-1, *enlarged.shape[1:3], 1))
                below = (enlarged,)
            inputs = [*below, noise, *(() if labels is None else (labels,))]
            images[level] = getattr(self, f"generator_{level}")(inputs, training=training)
        return tuple(images) if on_real else images[0]

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        labels = condition["labels"]
        return tuple(
            ops.cast(
                getattr(self, f"discriminator_{level}")(
                    images if labels is None else [images, labels], training=training
                ),
                "float32",
            )
            for level, images in enumerate(samples)
        )

    def measured(
        self, real: Tensors, fake: Tensors, latents: Tensors, condition: Tensors = None
    ) -> tuple[Any, Any]:
        """Returns the finest real images, and images generated from noise alone."""
        return real[0], self.sample(latents, condition["labels"])

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "classes": self.classes,
            "latent_size": self.latent_size,
            "width": self.width,
            "units": self.units,
            "levels": self.levels,
            "preset": self.preset,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()


def _levels(given, height, width):
    """Returns the number of levels beside the coarsest one."""
    most = halvings(height, width)
    if given is None:
        usual = 0
        while min(height, width) >> usual > COARSEST and usual < most:
            usual += 1
        return usual
    levels = arguments.integer("levels", given, least=0)
    if levels > most or min(height, width) >> levels < 2:
        raise InputError(
            f"levels is {levels}, and images of {height}x{width} can be halved "
            f"{min(most, min(height, width).bit_length() - 2)} times, to 2 pixels a side at least."
        )
    return levels

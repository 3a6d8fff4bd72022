"""SRGAN (Ledig et al. 2017): super-resolution of photographs, trained in two stages."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from kgan import arguments
from kgan.data import kinds
from kgan.data.info import DataInfo
from kgan.errors import InputError
from kgan.game import Recipe
from kgan.inference.tiles import in_tiles, tile_sizes
from kgan.layers import PixelShuffle, Upsample
from kgan.models.blocks import presets
from kgan.models.blocks.content import Content, VGG19Features, content_features, vgg19_available
from kgan.models.blocks.image_to_image import ImageToImage, first_samples
from kgan.terms import Term
from kgan.training import feed
from kgan.typing import ArrayLike, Config, Self, Tensor, Tensors


@dataclass(frozen=True)
class Preset(presets.Preset):
    """The sizes of one preset.

    Attributes:
        width: channels of the first layer of both networks.
        blocks: residual blocks of the generator.
        normalized: whether the generator has batch normalization.
    """

    width: int
    blocks: int
    normalized: bool


PRESETS = {
    "paper": Preset(Recipe(16, 200_000), 64, 16, True),
    "narrow": Preset(Recipe(16, 200_000), 32, 8, False),
}


@keras.saving.register_keras_serializable("kgan")
class SRGAN(presets.WithPresets, ImageToImage):
    """Ledig et al. 2017, Photo-realistic single image super-resolution using a generative
    adversarial network.

    `pretrain` first trains a network of residual blocks and pixel shuffle (SRResNet) on the squared
    error of pixels. `fit` then trains it against a discriminator: its loss is a content loss on
    the features of a frozen network, plus 1e-3 times the adversarial loss (equation 3). Settings
    of section 3.2: Adam 1e-4; 16 crops of 96x96 per batch; 10^6 steps of the first stage; 10^5
    steps of the second, and another 10^5 at a tenth of the rate.

    Two presets. `paper` has 16 blocks of 64 channels with batch normalization. `narrow` is ours,
    for CPUs: 8 blocks of 32 channels without normalization, whose output is added to an
    interpolation of the input; the first stage minimises absolute errors at a rate of 1e-3.

    The paper's discriminator ends in dense layers and takes crops of one size; here global average
    pooling precedes them, so that whole images can be evaluated.

    Args:
        scale: 2 or 4.
        channels: channels of the images, 1 or 3.
        preset: "paper" or "narrow".
        content: what is compared: "vgg19", features of VGG19, whose weights (80 MB) Keras
            downloads; a function or a model from images in [-1, 1] to features; "pixels"; or
            "auto", VGG19 if its weights can be loaded, else pixels after a warning.
        content_weight: weight of the content loss.
        adversarial_weight: weight of the generator's adversarial loss; None means the paper's
            1e-3 for features, and 4e-4 for pixels, with which the generator draws patterns at 1e-3.
        width, blocks: sizes of the networks, as in `Preset`; None means the preset's.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for an unknown scale, preset or content, or another option out of its range.

    Example:

    ```python
    photos = kgan.data.crops("photos/", scale=4)
    gan = kgan.models.SRGAN(scale=4, preset="narrow")
    gan.pretrain(photos, epochs=50)
    gan.compile()
    gan.fit(photos, epochs=20)
    large = gan.upscale(small)
    ```
    """

    reads, takes = kinds.CROPS, "images and their reductions (kgan.data.crops)"
    presets, usual = PRESETS, "narrow"
    batch_size, training_steps = PRESETS[usual].recipe
    synchronized = True
    preview_columns = 3

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        preset: str = "narrow",
        content: str | Callable = "auto",
        content_weight: float = 1.0,
        adversarial_weight: float | None = None,
        width: int | None = None,
        blocks: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        precision: str | None = None,
    ):
        arguments.precision(precision)
        super().__init__(seed=seed, name=name)
        self.scale = scale = arguments.choice("scale", scale, (2, 4))
        self.channels = channels = arguments.choice("channels", channels, (1, 3))
        self.preset = self.named(preset)
        settings = PRESETS[self.preset]
        self.train_as(settings)
        self.normalized = settings.normalized
        self.width = arguments.integer("width", settings.width if width is None else width)
        self.blocks = arguments.integer("blocks", settings.blocks if blocks is None else blocks)
        if not callable(content):
            known = ("auto", "vgg19", "pixels")
            content = arguments.choice("content", content, known, or_else="a function of images")
        self._content = lambda: content
        self._loading, self._clips = False, True
        self.content_weight = arguments.number("content_weight", content_weight, least=0)
        weight = adversarial_weight
        if weight is not None:
            weight = arguments.number("adversarial_weight", weight, least=0, or_else="None")
        self.adversarial_weight = weight
        self.sample_shape, self.data_range = (None, None, channels), (-1.0, 1.0)
        self.generator = _generator(scale, channels, self.width, self.blocks, self.normalized)
        self.discriminator = _discriminator(channels, self.width)
        self.built = True

    @classmethod
    def for_data(cls, info: DataInfo, **options: Any) -> Self:
        """Returns the model for a dataset of `kgan.data.crops`; raises for other data."""
        if "low" not in info.shapes:
            raise InputError(
                f"SRGAN takes images beside their reductions, and {info.name!r} has none: "
                f"{cls.takes}."
            )
        low, high = info.shapes["low"], info.shapes["high"]
        options = {"scale": high[0] // low[0] if low[0] else 4, "channels": high[-1]} | options
        return cls(**options)

    @property
    def networks(self) -> dict[str, keras.Model]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def defaults(self) -> dict[str, Any]:
        half = self.training_steps // 2

        def adam():
            rate = keras.optimizers.schedules.PiecewiseConstantDecay([half], [1e-4, 1e-5])
            return keras.optimizers.Adam(rate)

        own = {"d_optimizer": adam(), "g_optimizer": adam(), "shared_forward": True}
        return super().defaults() | own

    def game_terms(self) -> list[Term]:
        content = self._content()
        if content == "auto":
            # Decided once, so that a training resumed on another machine compares the same.
            content = found = "vgg19" if vgg19_available() else "pixels"
            self._content = lambda: found
        features = content_features(content)
        if features is not None and content == "vgg19" and not self._loading:
            features.prepare()
        return [Content(features, weight=self.content_weight, name="content")]

    @property
    def generator_share(self) -> float:
        """The weight of the adversarial loss beside the content loss."""
        if self.adversarial_weight is not None:
            return self.adversarial_weight
        return 4e-4 if self._features() is None else 1e-3

    def generator_loss(self, fake_scores: Tensors, real_scores: Tensors = None) -> Tensor:
        return self.generator_share * super().generator_loss(fake_scores, real_scores)

    def _features(self):
        """Returns the features of the compiled content term; None for pixels."""
        return next(term.features for term in self.terms if isinstance(term, Content))

    def compile_from_config(self, config: Config) -> None:
        # A model that is loaded only to upscale images needs no VGG19.
        self._loading = True
        try:
            super().compile_from_config(config)
        finally:
            self._loading = False

    def fit(self, x: Any = None, y: ArrayLike = None, **kwargs: Any) -> keras.callbacks.History:
        """As `kgan.GAN.fit`; `x` is a dataset of `kgan.data.crops`."""
        if self.compiled and isinstance(self._features(), VGG19Features):
            self._features().prepare()
        return super().fit(x, y, **kwargs)

    def stateful_parts(self) -> dict[str, Any]:
        # A network given as `content` is serialized without its weights.
        content = self._content()
        parts = {"content": content} if isinstance(content, keras.Model) else {}
        return super().stateful_parts() | parts

    def unpack(self, data: Any) -> tuple[Any, Any]:
        low, high = self.two_parts(data)
        return high, low

    def examined(self, real: Tensors, condition: Tensors = None) -> list[tuple]:
        return [
            ("low-resolution part of the data", condition, self.sample_shape),
            ("high-resolution part of the data", real, self.sample_shape),
        ]

    def forward(
        self, latents: Tensors, condition: Tensors = None, training: bool = False
    ) -> Tensors:
        return self.generator(condition, training=training)

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        return ops.cast(self.discriminator(samples, training=training), "float32")

    def pretrain(
        self, dataset: tf.data.Dataset, epochs: int = 1, steps: int | None = None, **options: Any
    ) -> keras.callbacks.History:
        """Trains the first stage: the generator alone, on pixel errors, by Keras's `fit`.

        Args:
            dataset: a dataset like those of `kgan.data.crops`.
            epochs: number of epochs.
            steps: length of the learning rate's schedule in `narrow`; None means all batches.
            **options: options of `keras.Model.fit`, such as `callbacks`.

        Returns:
            A `keras.callbacks.History`.
        """
        dataset = feed.rescaled(dataset, self.data_range)
        if self.examples is None:
            self.examples = first_samples(dataset)
        rate, loss = 1e-4, "mse"
        if self.preset == "narrow":
            total = steps or epochs * max(1, int(dataset.cardinality()))
            rate, loss = keras.optimizers.schedules.CosineDecay(1e-3, total, 0.01), "mae"
        # A separate model over the same layers: an optimizer of the generator itself would be
        # saved with it.
        stage = keras.Model(self.generator.inputs, self.generator.outputs)
        stage.compile(keras.optimizers.Adam(rate), loss=loss, jit_compile=False)
        return stage.fit(dataset, epochs=epochs, shuffle=False, **options)

    def first_stage_steps(self, total: int) -> int:
        """Returns the steps of the first stage for `total` of the second: five times as many."""
        return 5 * total

    @property
    def reach(self) -> int:
        """The distance, in input pixels, up to which an output pixel depends on the input."""
        ends = 4 if self.normalized else 1
        return ends + 2 * self.blocks + 1 + math.ceil(2 + ends / self.scale)

    def upscale(
        self,
        images: ArrayLike,
        tile: int | None = 192,
        overlap: int | None = None,
        batch_size: int = 4,
    ) -> np.ndarray:
        """Returns images `scale` times larger.

        Images larger than a tile are processed in overlapping tiles, so that memory stays small.
        With the default overlap the result equals that of the whole image.

        Args:
            images: `(n, height, width, channels)`, or one image without n; uint8 or in [-1, 1].
            tile: side of a tile in input pixels, raised to three times `reach` if `overlap` is
                None; None processes whole images.
            overlap: input pixels that a tile includes beyond its own part, on each side; None
                means `reach`. Less is faster, but tiles may then differ where they meet.
            batch_size: number of images or tiles in a batch.

        Returns:
            An array of as many dimensions; uint8 for uint8 images, else float32 in [-1, 1].

        Raises:
            InputError: for images of another shape or range, or an option out of its range.
        """
        images = arguments.array("images", images)
        tile, overlap = tile_sizes(tile, overlap, self.reach)
        if images.ndim == 3:
            return self.upscale(images[None], tile, overlap, batch_size)[0]
        if images.dtype == np.uint8:
            upscaled = self.upscale(images / np.float32(127.5) - 1, tile, overlap, batch_size)
            return np.round((upscaled + 1) * 127.5).astype(np.uint8)
        images = self.checked_images(images, self.generator)
        height, width = images.shape[1:3]
        if tile is None or max(height, width) <= tile:
            return self._run(self.generator, images, batch_size)
        return in_tiles(
            lambda part: self._run(self.generator, part, batch_size),
            images, tile, overlap, self.scale,
        )  # fmt: skip

    translate = upscale

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        return self.forward(None, inputs, training) if training else self.sample(None, inputs)

    def _side_by_side(self):
        low, high = self.examples
        bicubic = np.asarray(tf.image.resize(low, high.shape[1:3], "bicubic")).clip(-1, 1)
        return [bicubic, self.upscale(low), high]

    def get_config(self) -> Config:
        content = self._content()
        if callable(content):
            content = keras.saving.serialize_keras_object(content)
        return {
            "scale": self.scale,
            "channels": self.channels,
            "preset": self.preset,
            "content": content,
            "content_weight": self.content_weight,
            "adversarial_weight": self.adversarial_weight,
            "width": self.width,
            "blocks": self.blocks,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        if isinstance(config["content"], dict):
            config["content"] = keras.saving.deserialize_keras_object(config["content"])
        return cls(**config)


def _generator(scale, channels, width, blocks, normalized):
    """Builds SRResNet: k9n64s1, blocks of k3n64s1, k3n256s1 and a pixel shuffle per doubling."""

    def activation():
        if normalized:
            return layers.PReLU(shared_axes=(1, 2))
        return layers.LeakyReLU(negative_slope=0.2)

    def convolution(x, filters, size=3):
        return layers.Conv2D(filters, size, padding="same")(x)

    def normalization(x):
        return layers.BatchNormalization(momentum=0.9)(x) if normalized else x

    images = keras.Input((None, None, channels))
    first = x = activation()(convolution(images, width, 9 if normalized else 3))
    for _ in range(blocks):
        y = activation()(normalization(convolution(x, width)))
        x = layers.Add()([x, normalization(convolution(y, width))])
    x = layers.Add()([first, normalization(convolution(x, width))])
    doublings = int(math.log2(scale))
    for _ in range(doublings):
        # Large maps cost most of the time; without normalization they have fewer channels.
        width = width if normalized else max(1, width // 2)
        x = activation()(PixelShuffle(2)(convolution(x, 4 * width)))
    x = layers.Conv2D(channels, 9 if normalized else 3, padding="same", dtype="float32")(x)
    if not normalized:
        # The network learns the difference to an interpolation of the input.
        enlarged = images
        for _ in range(doublings):
            enlarged = Upsample()(enlarged)
        x = layers.Add(dtype="float32")([x, enlarged])
    return keras.Model(images, x, name="generator")


def _discriminator(channels, width):
    """Builds convolutions k3n64s1 to k3n512s2, eight, then global pooling and dense layers."""
    x = images = keras.Input((None, None, channels))
    for index in range(8):
        filters = width * 2 ** (index // 2)
        x = layers.Conv2D(filters, 3, 1 + index % 2, "same")(x)
        if index:
            x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.LeakyReLU(negative_slope=0.2)(layers.Dense(16 * width)(x))
    return keras.Model(images, layers.Dense(1, dtype="float32")(x), name="discriminator")

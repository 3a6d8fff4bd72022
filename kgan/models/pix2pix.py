"""Pix2Pix (Isola et al. 2017): a conditional GAN that translates an image to its counterpart."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kgan import arguments, losses
from kgan.data import kinds
from kgan.data.info import DataInfo
from kgan.errors import InputError
from kgan.models.blocks import image_networks, sizes
from kgan.models.blocks.image_to_image import ImageToImage
from kgan.terms import Term
from kgan.typing import ArrayLike, Config, Self, Tensors


@keras.saving.register_keras_serializable("kgan")
class Pixel(Term):
    """The mean absolute difference of a generated image and its target (equation 3).

    It is logged multiplied by its weight, λ.
    """

    player = "generator"

    def __call__(self, turn):
        return ops.mean(ops.abs(turn.real - turn.fake))


@keras.saving.register_keras_serializable("kgan")
class Pix2Pix(ImageToImage):
    """Isola et al. 2017, Image-to-image translation with conditional adversarial networks.

    A U-Net translates an input image; a discriminator of patches scores the input together with
    its target or its translation (equations 1 to 4, section 3). Settings of section 3.3:
    the non-saturating loss, half of it for the discriminator; L1 with λ = 100; Adam 2e-4 with
    beta_1 0.5; batches of one pair.

    Normalization is per image, like batch normalization in batches of one. Dropout, the paper's
    only noise, is active in training only, so that an input always has the same output; the paper
    finds that it hardly changes the output (section 3.1). It is left out of U-Nets of fewer than
    7 levels, for images smaller than 128 pixels.

    Args:
        image_shape: (height, width, channels) of the targets; 4 divides the sides.
        input_channels: of the input images; None means as many as the targets have.
        width: channels of the first layer of both networks, the paper's 64; less is faster.
        l1: λ, the weight of the L1 term.
        patch_depth: layers of stride 2 in the discriminator; None chooses by the size; 3
            gives the paper's patches of 70x70.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for sizes that 4 does not divide, or an option out of its range.

    Example:

    ```python
    pairs = kgan.data.pairs("facades", size=256, flip=True)
    gan = kgan.models.Pix2Pix((256, 256, 3))
    gan.compile()
    gan.fit(pairs, epochs=200)
    images = gan.translate(labels)
    ```
    """

    reads, takes = kinds.PAIRS, "pairs of images (kgan.data.pairs)"
    batch_size = 1
    # 200 epochs of the 400 facades.
    training_steps = 80_000

    def __init__(
        self,
        image_shape: tuple[int, ...] = (256, 256, 3),
        input_channels: int | None = None,
        width: int = 64,
        l1: float = 100.0,
        patch_depth: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        precision: str | None = None,
    ):
        arguments.precision(precision)
        super().__init__(seed=seed, name=name)
        height, image_width, channels = sizes.checked_image_shape(image_shape)
        input_channels = channels if input_channels is None else input_channels
        self.input_channels = arguments.integer("input_channels", input_channels)
        self.width = arguments.integer("width", width)
        if patch_depth is None:
            patch_depth = image_networks.patch_depth(height, image_width)
        self.patch_depth = arguments.integer("patch_depth", patch_depth)
        self.l1 = arguments.number("l1", l1, least=0)
        self.image_shape = self.sample_shape = (height, image_width, channels)
        self.data_range = (-1.0, 1.0)
        levels = image_networks.halvings(height, image_width)
        self.stride = 2**levels
        self.generator = image_networks.unet(self.input_channels, channels, self.width, levels)
        inputs = keras.Input((None, None, self.input_channels))
        images = keras.Input((None, None, channels))
        both = layers.Concatenate()([inputs, images])
        scores = image_networks.patch_scores(both, self.width, self.patch_depth)
        self.discriminator = keras.Model([images, inputs], scores)
        self.built = True

    @classmethod
    def for_data(cls, info: DataInfo, **options: Any) -> Self:
        """Returns the model for a dataset of `kgan.data.pairs`.

        Raises:
            InputError: for other data.
        """
        if "input" not in info.shapes:
            raise InputError(
                f"Pix2Pix takes pairs of images, and {info.name!r} has none: {cls.takes}."
            )
        options = {"input_channels": info.shapes["input"][-1]} | options
        return cls(image_shape=info.sample_shape, **options)

    @property
    def networks(self) -> dict[str, keras.Model]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def defaults(self) -> dict[str, Any]:
        return super().defaults() | {
            "loss": losses.NonSaturating(discriminator_weight=0.5),
            # Both players share one translation, as in the authors' code.
            "shared_forward": True,
        }

    def game_terms(self) -> list[Term]:
        return [Pixel(weight=self.l1, name="l1")]

    def unpack(self, data: Any) -> tuple[Any, Any]:
        inputs, targets = self.two_parts(data)
        return targets, inputs

    def examined(self, real: Tensors, condition: Tensors = None) -> list[tuple]:
        height, width = self.image_shape[:2]
        return [
            ("input", condition, (height, width, self.input_channels)),
            ("target", real, self.image_shape),
        ]

    def forward(
        self, latents: Tensors, condition: Tensors = None, training: bool = False
    ) -> Tensors:
        return self.generator(condition, training=training)

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        return ops.cast(self.discriminator([samples, condition], training=training), "float32")

    def translate(self, images: ArrayLike, batch_size: int = 8) -> np.ndarray:
        """Translates images, with the generator's averaged weights if there are any.

        Args:
            images: `(n, height, width, input_channels)` in [-1, 1], of any size.
            batch_size: number of images in a batch.

        Returns:
            A float32 array `(n, height, width, channels)` in [-1, 1].

        Raises:
            InputError: for another number of channels or range.
        """
        return self._run(self.generator, images, batch_size)

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        return self.forward(None, inputs, training) if training else self.sample(None, inputs)

    preview_columns = 3

    def _side_by_side(self):
        inputs, targets = self.examples
        outputs = self.translate(inputs)
        channels = outputs.shape[-1]
        shown = inputs if inputs.shape[-1] == channels else _grey(inputs, channels)
        return [shown, outputs, targets]

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "input_channels": self.input_channels,
            "width": self.width,
            "l1": self.l1,
            "patch_depth": self.patch_depth,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()


def _grey(images, channels):
    """Returns the mean over the channels of images, repeated as `channels` channels."""
    return images.mean(-1, keepdims=True).repeat(channels, -1)

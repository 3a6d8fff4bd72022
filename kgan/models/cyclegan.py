"""CycleGAN (Zhu et al. 2017): two inverse translations, learned from unpaired images."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kgan import arguments, losses
from kgan.data import kinds
from kgan.data.info import DataInfo
from kgan.errors import InputError
from kgan.layers import History
from kgan.models.blocks import image_networks, sizes
from kgan.models.blocks.image_to_image import ImageToImage
from kgan.optimizers import ConstantThenLinear
from kgan.terms import Term
from kgan.typing import ArrayLike, Config, Self, Tensor, Tensors

DIRECTIONS = {"a2b": ("a", "b"), "b2a": ("b", "a")}


@keras.saving.register_keras_serializable("kgan")
class Cycle(Term):
    """‖G_ba(G_ab(a)) - a‖ + ‖G_ab(G_ba(b)) - b‖, means of absolute values (equation 2)."""

    player = "generator"

    def __call__(self, turn):
        return _distance(turn.generate(None, turn.fake), turn.real)


@keras.saving.register_keras_serializable("kgan")
class Identity(Term):
    """‖G_ab(b) - b‖ + ‖G_ba(a) - a‖: an image already in a domain stays as it is (section 5.2)."""

    player = "generator"

    def __call__(self, turn):
        swapped = {"a": turn.real["b"], "b": turn.real["a"]}
        return _distance(turn.generate(None, swapped), turn.real)


def _distance(fake, real):
    return sum(ops.mean(ops.abs(fake[domain] - real[domain])) for domain in ("a", "b"))


@keras.saving.register_keras_serializable("kgan")
class CycleGAN(ImageToImage):
    """Zhu et al. 2017, Unpaired image-to-image translation using cycle-consistent adversarial nets.

    Two generators, from domain a to b and back, and a discriminator of patches for each domain.
    Least squares loss, half of it for the discriminators (sections 3.1 and 4); cycle term with
    λ = 10 and identity term with λ/2; discriminators see a history of 50 generated images
    (section 4); Adam 2e-4 with beta_1 0.5, whose rate decays linearly to 0 over the second half
    of the training; batches of one image of each domain.

    Each player's two networks are trained in one update, as in the authors' code, which however
    updates the generators first.

    Args:
        image_shape: (height, width, channels) of both domains; 4 divides the sides.
        width: channels of the first layer of all networks, the paper's 64; less is faster.
        blocks: residual blocks of a generator; None means 9 from 256 pixels on, else 6.
        cycle, identity: weights of the terms; 0 leaves a term out. Without the identity term a
            translation changes colours more readily; without the cycle nothing ties it to the
            image that it is of.
        pool: number of generated images in each discriminator's history; 0 for none.
        patch_depth: as in `kgan.models.Pix2Pix`.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for sizes that 4 does not divide, or an option out of its range.

    Example:

    ```python
    data = kgan.data.domains("cycle_gan/horse2zebra", size=128, flip=True)
    gan = kgan.models.CycleGAN((128, 128, 3))
    gan.compile()
    gan.fit(data, epochs=200)
    zebras = gan.translate(horses, "a2b")
    ```
    """

    reads, takes = kinds.DOMAINS, "images of two domains (kgan.data.domains)"
    signatures = "a2b(images) and b2a(images)"
    stride = 4
    batch_size = 1
    # 200 epochs of the 1,334 zebras.
    training_steps = 266_800

    def __init__(
        self,
        image_shape: tuple[int, ...] = (256, 256, 3),
        width: int = 64,
        blocks: int | None = None,
        cycle: float = 10.0,
        identity: float = 5.0,
        pool: int = 50,
        patch_depth: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        precision: str | None = None,
    ):
        arguments.precision(precision)
        super().__init__(seed=seed, name=name)
        self.image_shape = self.sample_shape = sizes.checked_image_shape(image_shape)
        height, image_width, channels = self.image_shape
        self.width = arguments.integer("width", width)
        blocks = (9 if min(height, image_width) >= 256 else 6) if blocks is None else blocks
        self.blocks = arguments.integer("blocks", blocks)
        if patch_depth is None:
            patch_depth = image_networks.patch_depth(height, image_width)
        self.patch_depth = arguments.integer("patch_depth", patch_depth)
        self.cycle = arguments.number("cycle", cycle, least=0)
        self.identity = arguments.number("identity", identity, least=0)
        self.pool = arguments.integer("pool", pool, least=0)
        self.data_range = (-1.0, 1.0)
        for name in ("generator_ab", "generator_ba"):
            setattr(self, name, image_networks.resnet(channels, channels, self.width, self.blocks))
        for name in ("discriminator_a", "discriminator_b"):
            images = keras.Input((None, None, channels))
            scores = image_networks.patch_scores(images, self.width, self.patch_depth)
            setattr(self, name, keras.Model(images, scores))
        if self.pool:
            self.history_a, self.history_b = (
                History(self.pool, self.image_shape) for _ in range(2)
            )
        self.built = True

    @classmethod
    def for_data(cls, info: DataInfo, **options: Any) -> Self:
        """Returns the model for a dataset of `kgan.data.domains`.

        Raises:
            InputError: for data of one domain, or domains of different image shapes.
        """
        if "a" not in info.shapes:
            raise InputError(
                f"CycleGAN takes two domains of images, and {info.name!r} has one: {cls.takes}."
            )
        if info.shapes["a"] != info.shapes["b"]:
            raise InputError(
                f"The images of the domains have shapes {info.shapes['a']} and "
                f"{info.shapes['b']}; bring both to one by size= and channels=."
            )
        return cls(image_shape=info.sample_shape, **options)

    @property
    def networks(self) -> dict[str, keras.Model]:
        roles = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
        return {role: getattr(self, role) for role in roles}

    def defaults(self) -> dict[str, Any]:
        def adam():
            rate = ConstantThenLinear(2e-4, self.training_steps)
            return keras.optimizers.Adam(rate, beta_1=0.5)

        return super().defaults() | {
            "d_optimizer": adam(),
            "g_optimizer": adam(),
            "loss": losses.LeastSquares(),
            "shared_forward": True,
        }

    def generator_loss(self, fake_scores: Tensors, real_scores: Tensors = None) -> Tensor:
        # `LeastSquares` halves the generator's squares, section 4 does not; the weights of the
        # terms are relative to the paper's.
        scale = 2.0 if isinstance(self.loss, losses.LeastSquares) else 1.0
        return scale * super().generator_loss(fake_scores, real_scores)

    def game_terms(self) -> list[Term]:
        terms: list[Term] = []
        if self.cycle:
            terms.append(Cycle(weight=self.cycle, name="cycle"))
        if self.identity:
            terms.append(Identity(weight=self.identity, name="identity"))
        return terms

    def unpack(self, data: Any) -> tuple[Any, Any]:
        a, b = self.two_parts(data)
        return {"a": a, "b": b}, {"a": a, "b": b}

    def examined(self, real: Tensors, condition: Tensors = None) -> list[tuple]:
        return [(f"domain {name}", real[name], self.image_shape) for name in ("a", "b")]

    def forward(
        self, latents: Tensors, condition: Tensors = None, training: bool = False
    ) -> Tensors:
        return {
            "a": self.generator_ba(condition["b"], training=training),
            "b": self.generator_ab(condition["a"], training=training),
        }

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        return {
            "a": ops.cast(self.discriminator_a(samples["a"], training=training), "float32"),
            "b": ops.cast(self.discriminator_b(samples["b"], training=training), "float32"),
        }

    def shown(self, fake: Tensors, condition: Tensors = None) -> Tensors:
        """Returns each generated image or, with probability 1/2, an older one from the history."""
        if not self.pool:
            return fake
        seed = self.joint_seed()
        return {
            "a": self.history_a(fake["a"], seed),
            "b": self.history_b(fake["b"], seed + tf.constant([0, 1], tf.int32)),
        }

    def measured(
        self, real: Tensors, fake: Tensors, latents: Tensors, condition: Tensors = None
    ) -> tuple[Any, Any]:
        """Returns the images of domain b, and the translations of domain a to it."""
        return real["b"], fake["b"]

    def translate(
        self, images: ArrayLike, direction: str = "a2b", batch_size: int = 8
    ) -> np.ndarray:
        """Translates images to the other domain, with the averaged weights if there are any.

        Args:
            images: `(n, height, width, channels)` in [-1, 1], of any size.
            direction: "a2b" or "b2a".
            batch_size: number of images in a batch.

        Returns:
            A float32 array `(n, height, width, channels)` in [-1, 1].

        Raises:
            InputError: for another direction, number of channels or range.
        """
        direction = arguments.choice("direction", direction, DIRECTIONS)
        return self._run(
            self.networks[f"generator_{direction.replace('2', '')}"], images, batch_size
        )

    def call(self, inputs: Tensors, training: bool = False) -> Tensors:
        """Returns both translations of `{"a": images, "b": images}`, by their target domain."""
        return self.forward(None, inputs, training) if training else self.sample(None, inputs)

    preview_columns = 6

    def _side_by_side(self):
        a, b = self.examples
        ab, ba = self.translate(a, "a2b"), self.translate(b, "b2a")
        return [a, ab, self.translate(ab, "b2a"), b, ba, self.translate(ba, "a2b")]

    def served(self) -> dict[str, keras.Model]:
        """Returns both generators, by direction."""
        return {"a2b": self.generator_ab, "b2a": self.generator_ba}

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "width": self.width,
            "blocks": self.blocks,
            "cycle": self.cycle,
            "identity": self.identity,
            "pool": self.pool,
            "patch_depth": self.patch_depth,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()

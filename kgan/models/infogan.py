"""InfoGAN (Chen et al. 2016): latents with codes in them that a head learns to read back."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kgan import arguments
from kgan.errors import InputError
from kgan.gan import GAN
from kgan.inference.sampling import seed_pair
from kgan.latents import Codes
from kgan.models.blocks import auxiliary, strided
from kgan.terms import Term
from kgan.typing import ArrayLike, Config, Tensors


@keras.saving.register_keras_serializable("kgan")
class InfoGAN(GAN):
    """Chen et al. 2016, InfoGAN: interpretable representation learning.

    Some of the latents are codes: categories and numbers. A head Q on the discriminator's features
    reads them back from generated samples, and the generator keeps them readable. It is told no
    labels, yet on MNIST its ten categories become digits, more or less.

    Networks and settings are those of appendix C.1 for MNIST and of the authors' code: Adam of
    beta_1 0.5, 2e-4 for the discriminator and 1e-3 for the generator and the head; batches of 128,
    5,000 steps. Continuous codes are factored Gaussians of deviation 1 about the mean that the
    head says, as in that code for MNIST (appendix C has it say the deviation, too).

    Equation 6 has the generator and Q minimise -λ L_I, so the head is trained in the generator's
    turn; their code trains it in the discriminator's. The features that it reads are Q's as well,
    and trained in the discriminator's turn, which therefore has the term, too, as in their code.

    Deviations: λ is 1 for categorical codes, but 0.1 for continuous ones, for which section 6 asks
    for less; their code has 1 for both, and then the continuous codes took over more of a digit's
    shape here, and the categories told less. Leaky ReLUs of the convolutions have slope 0.2, as
    all such networks here, and those of dense layers the paper's 0.1. Images lie in [-1, 1], by
    tanh, where theirs lie in [0, 1], by a sigmoid.

    Args:
        image_shape: (height, width, channels); see `kgan.models.strided.plan` for what sizes.
        noise_size: how many of the latents are no code.
        categorical: the number of categories of each categorical code: `(10,)`, `(10, 2)`, or 10.
        continuous: how many continuous codes, uniform in [-1, 1).
        width: channels of the largest feature maps; the dense layers go by it. Less is faster.
        categorical_weight, continuous_weight: λ of either kind of codes.
        seed, name: as in `kgan.GAN`.

    Raises:
        InputError: for a size that no doublings of 4 to 7 make, or no code at all.

    Example:

    ```python
    gan = kgan.models.InfoGAN((28, 28, 1), width=16)
    gan.compile()
    gan.fit(kgan.data.load("mnist", batch_size=128), epochs=10)
    images = gan.generate(16, categorical=3, continuous={0: np.linspace(-2, 2, 16)})
    gan.recover(images)["categorical"][0].argmax(1)  # array([3, 3, ...])
    ```
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        noise_size: int = 62,
        categorical: int | Iterable[int] = (10,),
        continuous: int = 2,
        width: int = 64,
        categorical_weight: float = 1.0,
        continuous_weight: float = 0.1,
        seed: int | None = None,
        name: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        image_shape = arguments.image_shape(image_shape)
        width = arguments.integer("width", width)
        weights = [
            arguments.number("categorical_weight", categorical_weight, least=0),
            arguments.number("continuous_weight", continuous_weight, least=0),
        ]
        noise_size = arguments.integer("noise_size", noise_size, least=0)
        codes = Codes(noise_size, categorical, continuous)
        if codes.shape == (codes.noise,):
            raise InputError("InfoGAN needs a code: categorical=(10,), continuous=2, or both.")
        super().__init__(
            _generator(codes, image_shape, width),
            _discriminator(image_shape, width),
            latents=codes,
            seed=seed,
            name=name,
        )
        # Q, without the layers that it shares with the discriminator.
        self.head = _head(codes, self.discriminator.output_shape[1][1:], width)
        self.image_shape = image_shape
        self.width = width
        self.categorical_weight, self.continuous_weight = weights

    batch_size = 128
    # 50 epochs of 100 batches in the authors' code.
    training_steps = 5_000

    @property
    def networks(self) -> dict[str, keras.Model]:
        return super().networks | {"head": self.head}

    def defaults(self) -> dict[str, Any]:
        return super().defaults() | {
            "d_optimizer": keras.optimizers.Adam(2e-4, beta_1=0.5),
            "g_optimizer": keras.optimizers.Adam(1e-3, beta_1=0.5),
            "loss": "non_saturating",
        }

    def game_terms(self) -> list[Term]:
        weights = self.categorical_weight, self.continuous_weight
        return [
            auxiliary.Information(*weights, name="d_information", player="discriminator"),
            auxiliary.Information(*weights, name="g_information", player="generator"),
        ]

    def trained_by(self, player: str) -> list:
        own = super().trained_by(player)
        return own + self.head.trainable_variables if player == "generator" else own

    def judge(
        self, samples: Tensors, condition: Tensors = None, training: bool = False
    ) -> tuple[Any, Any]:
        scores, features = self.discriminator(samples, training=training)
        return scores, features

    def score(self, samples: Tensors, condition: Tensors = None, training: bool = False) -> Tensors:
        return self.judge(samples, training=training)[0]

    def recover(self, images: ArrayLike, batch_size: int = 256) -> dict:
        """What the head takes the codes of images to be; the images may be real ones.

        Args:
            images: `(n, height, width, channels)`, in the data's range.
            batch_size: images looked at in one go.

        Returns:
            A dictionary of arrays: "categorical", for each categorical code the probabilities
            `(n, categories)`; "continuous", the means `(n, continuous)`.
        """

        def said(features):
            logits, means = auxiliary.split(self.latents, self.head(features, training=False))
            return {"categorical": [ops.softmax(each) for each in logits], "continuous": means}

        return auxiliary.read(self, images, said, batch_size)

    def generate(
        self,
        n: int | None = None,
        *,
        categorical: Any = None,
        continuous: Any = None,
        **options: Any,
    ) -> np.ndarray:
        """New samples, as `kgan.GAN.generate` makes them, with codes of your choice.

        Args:
            n: how many; may be left out where latents or one of the codes say it.
            categorical, continuous: codes that are not to be drawn; see
                `kgan.latents.Codes.with_codes`. They replace those of `latents`, too.
            **options: `latents`, `seed`, `truncation` and `batch_size` of `kgan.GAN.generate`.
        """
        latents = options.pop("latents", None)
        if latents is None and not categorical is continuous is None:
            latents = self._drawn(n, (categorical, continuous), **options)
        if latents is not None:
            latents = self.latents.with_codes(latents, categorical, continuous)
        return super().generate(n, latents=latents, **options)

    def _drawn(self, n, told, seed=None, truncation=None, **_):
        """Latents for `generate`, as many as the codes told ask for."""
        values = [v for each in told for v in (each.values() if isinstance(each, dict) else [each])]
        sizes = [len(v) for v in values if np.ndim(v)]
        if n is None and not sizes:
            raise InputError("generate needs a number of samples: `generate(16, categorical=3)`.")
        seed = self._sampling_seeds.next() if seed is None else seed_pair(seed)
        n = arguments.integer("n", sizes[0] if n is None else n)
        return self.draw(n, ops.cast(seed, "int32"), truncation)

    @property
    def preview_columns(self) -> int:
        """One for each category of the first categorical code; 8 where there is none."""
        return min(self.latents.categorical[0], 32) if self.latents.categorical else 8

    def preview(self, count: int = 64, seed: int = 0) -> dict[str, np.ndarray]:
        """Samples for callbacks to draw: along a row one code varies, and all else is held.

        It is the first categorical code or, where there is none, the first continuous one, from
        -2 to 2 as in figure 2.
        """
        columns = min(self.preview_columns, count)
        rows = count // columns
        rest = np.repeat(self.draw(rows, seed_pair(seed)), columns, axis=0)
        if self.latents.categorical:
            code = {"categorical": np.tile(np.arange(columns), rows)}
        else:
            code = {"continuous": np.tile(np.linspace(-2, 2, columns), rows)}
        return {"samples": self.generate(latents=rest, **code)}

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "noise_size": self.latents.noise,
            "categorical": self.latents.categorical,
            "continuous": self.latents.continuous,
            "width": self.width,
            "categorical_weight": self.categorical_weight,
            "continuous_weight": self.continuous_weight,
            "seed": self.seed,
            "name": self.name,
        }


def _dense(x, units, activation):
    x = layers.Dense(units, use_bias=False, kernel_initializer=strided.weights())(x)
    return activation(strided.batch_normalization()(x))


def _generator(codes, image_shape, width):
    latents = keras.Input(codes.shape)
    x = _dense(latents, 16 * width, layers.ReLU())
    images = strided.generated(x, image_shape, width, strided.batch_normalization)
    return keras.Model(latents, images, name="generator")


def _discriminator(image_shape, width):
    """Scores, and the features that the head reads."""
    images = keras.Input(image_shape)
    x = layers.Flatten()(strided.features(images, width, strided.batch_normalization))
    x = _dense(x, 16 * width, layers.LeakyReLU(negative_slope=0.1))
    score = layers.Dense(1, kernel_initializer=strided.weights(), dtype="float32")(x)
    return keras.Model(images, [score, x], name="discriminator")


def _head(codes, shape, width):
    features = keras.Input(shape)
    x = _dense(features, 2 * width, layers.LeakyReLU(negative_slope=0.1))
    units = sum(codes.categorical) + codes.continuous
    said = layers.Dense(units, kernel_initializer=strided.weights(), dtype="float32")(x)
    return keras.Model(features, said, name="head")

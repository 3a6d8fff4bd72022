"""InfoGAN (Chen et al. 2016): latents with codes that a head learns to recover from samples."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kgan import arguments
from kgan.errors import InputError
from kgan.gan import GAN
from kgan.inference.seeds import seed_pair
from kgan.latents import Codes
from kgan.models.blocks import auxiliary, strided
from kgan.terms import Term
from kgan.typing import ArrayLike, Config, Tensors


@keras.saving.register_keras_serializable("kgan")
class InfoGAN(GAN):
    """Chen et al. 2016, InfoGAN: interpretable representation learning.

    Some of the latents are codes: categories and numbers. A head Q on the discriminator's features
    learns to recover them from generated samples, and the generator learns to keep them
    recoverable. No labels are used, yet on MNIST the ten categories come close to the digits.

    Networks and settings are those of appendix C.1 for MNIST and of the authors' code: Adam of
    beta_1 0.5, 2e-4 for the discriminator and 1e-3 for the generator and the head; batches of 128,
    5,000 steps. For continuous codes Q is a factored Gaussian of standard deviation 1 around the
    mean that the head returns, as in that code for MNIST (in appendix C the head also returns the
    deviation).

    In equation 6 the generator and Q minimise -λ L_I, so the head is trained in the generator's
    update; the authors' code trains it in the discriminator's. Its input, the discriminator's
    features, also belongs to Q and is trained in the discriminator's update, whose loss therefore
    has the term too, as in their code.

    Deviations: λ is 1 for categorical codes, but 0.1 for continuous ones, for which section 6 asks
    for a smaller λ. Their code has 1 for both; in trainings here the continuous codes then
    determined more of a digit's shape, and the categories less. Leaky ReLUs after convolutions
    have slope 0.2, as in all such networks here, and those after dense layers the paper's 0.1.
    Images are in [-1, 1], by tanh; theirs are in [0, 1], by a sigmoid.

    Args:
        image_shape: (height, width, channels); see `kgan.models.blocks.sizes.plan` for the sizes.
        noise_size: number of latents that are not codes.
        categorical: the number of categories of each categorical code: `(10,)`, `(10, 2)`, or 10.
        continuous: number of continuous codes, uniform in [-1, 1).
        width: channels of the largest feature maps; the dense layers scale with it. Less is
            faster.
        categorical_weight, continuous_weight: λ of each kind of code.
        seed, name: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, an option
            out of its range, or no codes.

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
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
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

    synchronized = True
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
        """Returns the codes that the head predicts for generated or real images.

        Args:
            images: `(n, height, width, channels)`, in the data's range.
            batch_size: number of images in a batch.

        Returns:
            A dictionary: "categorical", a list with the probabilities `(n, categories)` of each
            categorical code; "continuous", the means `(n, continuous)`. All are float32 arrays.

        Raises:
            InputError: for images of another shape, or no images.
        """

        def predictions(features):
            logits, means = auxiliary.split(self.latents, self.head(features, training=False))
            return {"categorical": [ops.softmax(each) for each in logits], "continuous": means}

        return auxiliary.read(self, images, predictions, batch_size)

    def generate(
        self,
        n: int | None = None,
        *,
        categorical: Any = None,
        continuous: Any = None,
        **options: Any,
    ) -> np.ndarray:
        """Generates samples as `kgan.GAN.generate` does, with codes of your choice.

        Args:
            n: number of samples; may be left out if `latents` or a code has a length.
            categorical, continuous: codes to use in place of drawn ones; see
                `kgan.latents.Codes.with_codes`. They also replace the codes in `latents`.
            **options: `latents`, `seed`, `truncation` and `batch_size` of `kgan.GAN.generate`.
        """
        latents = options.pop("latents", None)
        if latents is None and not categorical is continuous is None:
            latents = self._draw_latents(n, (categorical, continuous), **options)
        if latents is not None:
            latents = self.latents.with_codes(latents, categorical, continuous)
        return super().generate(n, latents=latents, **options)

    def _draw_latents(self, n, codes, seed=None, truncation=None, **_):
        """Draws latents for `generate`: n, or as many as the chosen codes have values."""
        values = [
            v for code in codes for v in (code.values() if isinstance(code, dict) else [code])
        ]
        values = [arguments.array("A code", value) for value in values if value is not None]
        sizes = [len(value) for value in values if value.ndim]
        if n is None and not sizes:
            raise InputError("generate needs a number of samples: `generate(16, categorical=3)`.")
        seed = self._sampling_seeds.next() if seed is None else seed_pair(seed)
        n = arguments.integer("n", sizes[0] if n is None else n)
        return self.draw(n, ops.cast(seed, "int32"), truncation)

    @property
    def preview_columns(self) -> int:
        """One for each category of the first categorical code, up to 32; 8 if there is none."""
        return min(self.latents.categorical[0], 32) if self.latents.categorical else 8

    def preview(self, count: int = 64, seed: int = 0) -> dict[str, np.ndarray]:
        """Returns samples for callbacks to draw: along a row one code varies, the rest is fixed.

        The code is the first categorical one or, if there is none, the first continuous one, from
        -2 to 2 as in figure 2.

        Args:
            count: maximum number of samples; rows are full.
            seed: seed of the other latents.

        Returns:
            {"samples": images `(n, height, width, channels)`}, row by row.
        """
        count = arguments.integer("count", count)
        self.check_count(count)
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
        } | self._shared_config()


def _dense(x, units, activation):
    x = layers.Dense(units, use_bias=False, kernel_initializer=strided.weights())(x)
    return activation(strided.batch_normalization()(x))


def _generator(codes, image_shape, width):
    latents = keras.Input(codes.shape)
    x = _dense(latents, 16 * width, layers.ReLU())
    images = strided.generated(x, image_shape, width, strided.batch_normalization)
    return keras.Model(latents, images, name="generator")


def _discriminator(image_shape, width):
    """Builds a network from images to scores and the features that the head takes."""
    images = keras.Input(image_shape)
    x = layers.Flatten()(strided.features(images, width, strided.batch_normalization))
    x = _dense(x, 16 * width, layers.LeakyReLU(negative_slope=0.1))
    score = layers.Dense(1, kernel_initializer=strided.weights(), dtype="float32")(x)
    return keras.Model(images, [score, x], name="discriminator")


def _head(codes, shape, width):
    features = keras.Input(shape)
    x = _dense(features, 2 * width, layers.LeakyReLU(negative_slope=0.1))
    units = sum(codes.categorical) + codes.continuous
    outputs = layers.Dense(units, kernel_initializer=strided.weights(), dtype="float32")(x)
    return keras.Model(features, outputs, name="head")

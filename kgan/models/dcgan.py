"""DCGAN (Radford et al. 2016): convolutional networks with batch normalization."""

import keras

from kgan import arguments, packs
from kgan.gan import GAN
from kgan.latents import Uniform
from kgan.models.blocks import strided
from kgan.typing import Config


@keras.saving.register_keras_serializable("kgan")
class DCGAN(GAN):
    """Radford et al. 2016, Unsupervised representation learning with deep convolutional GANs.

    The rules of section 3: strided convolutions in place of pooling, transposed ones in the
    generator; batch normalization in both networks, except in the generator's output layer and
    the discriminator's input layer; no hidden dense layer; ReLU and a last tanh in the generator,
    leaky ReLU in the discriminator. The settings of section 4, whose optimizers are those of
    `kgan.GAN`: N(0, 0.02) weights, slope 0.2, Adam with 2e-4 and beta_1 0.5, batches of 128.
    Latents are 100 numbers, uniform in [-1, 1) (figure 1). Real and generated samples are
    normalized in separate batches.

    Kernels are 4x4, as in the third author's code (dcgan.torch), not 5x5 as in figure 1: the
    stride divides 4, so that every pixel is covered equally, and they cost a third less.

    Args:
        image_shape: (height, width, channels): powers of two from 8 on, 28x28, 24x48 and the
            like.
        latent_size: length of a latent.
        width: channels of the largest feature maps; they double at each halving of the size. The
            authors' code has 64 for MNIST, and for 64x64 scenes and faces 128, which doubles to
            1,024.
        seed, name, pack: as in `kgan.GAN`.
        precision: of the networks: float32, bfloat16, float16 (both mixed). None: Keras's policy.

    Raises:
        InputError: for a size that cannot be made by doubling a base of 4 to 7 pixels, or another
            shape.
    """

    synchronized = True
    batch_size = 128
    # 25 epochs of MNIST, as in the authors' code for faces.
    training_steps = 11_700

    def __init__(
        self,
        image_shape: tuple[int, ...] = (28, 28, 1),
        latent_size: int = 100,
        width: int = 64,
        seed: int | None = None,
        name: str | None = None,
        pack: int = 1,
        precision: str | None = None,
    ):
        arguments.seed_and_name(seed, name)
        arguments.precision(precision)
        pack = arguments.integer("pack", pack)
        image_shape = arguments.image_shape(image_shape)
        latent_size = arguments.integer("latent_size", latent_size)
        width = arguments.integer("width", width)
        latents = keras.Input((latent_size,), name="latents")
        images = keras.Input(packs.folded_shape(image_shape, pack), name="images")
        super().__init__(
            keras.Model(
                latents,
                strided.generated(latents, image_shape, width, strided.batch_normalization),
                name="generator",
            ),
            keras.Model(
                images,
                strided.score(strided.features(images, width, strided.batch_normalization)),
                name="discriminator",
            ),
            latents=Uniform(latent_size),
            seed=seed,
            name=name,
            pack=pack,
        )
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.width = width

    def get_config(self) -> Config:
        return {
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "width": self.width,
            "seed": self.seed,
            "name": self.name,
        } | self._shared_config()

"""The works: networks and what is done with them, described so that every framework can build them.

A network is a tuple of layers, each a tuple of its name and its sizes:

    ("dense", units)  ("reshape", height, width, channels)  ("flatten",)
    ("conv", channels, kernel, stride)  ("up", channels, kernel)   transposed, of stride 2
    ("batch_norm",)  ("relu",)  ("leaky_relu",)  ("tanh",)  ("sigmoid",)  ("max_pool",)   global

Convolutions keep the height and width, or halve them with stride 2. In a network with batch
normalization only the last layer has a bias.
"""

import math
from dataclasses import dataclass

SLOPE = 0.2
RATE, BETA_1, BETA_2, EPSILON = 2e-4, 0.5, 0.999, 1e-7


@dataclass(frozen=True)
class Work:
    """A pair of networks and how it is trained.

    Attributes:
        name: name on the command line and in the table.
        batch: batch size of an update.
        latent: length of the latents.
        sample: shape of a sample, channels last.
        generator, discriminator: the networks, as tuples of layers.
        method: "logistic" (non-saturating), "wgan_gp" or "r3gan" (relativistic, R1 and R2).
        discriminator_steps: discriminator updates for each generator update.
        task: "train", "generate" (images of the generator), or "frechet" (the Fréchet distance by
            the features of the discriminator's last hidden layer).
        steps: steps of a round; 0 for as many as take some seconds. A step of a task that does
            not train is 100 images.
    """

    name: str
    batch: int
    latent: int
    sample: tuple
    generator: tuple
    discriminator: tuple
    method: str = "logistic"
    discriminator_steps: int = 1
    task: str = "train"
    steps: int = 0

    def arithmetic(self) -> float:
        """Returns the floating-point operations of a training step, from the layers' products.

        A forward pass takes F, the gradient for the inputs F, and that for the weights F; the
        gradient for the inputs of a first layer is only counted if it is used. A gradient penalty
        takes a forward pass, the gradient for the samples, and the gradients of both for the
        weights and the values in between: 6 F in all.
        """
        g, g_first = forward(self.generator, (self.latent,))
        d, d_first = forward(self.discriminator, self.sample)
        d_update = 2 * (3 * d - d_first)
        if self.method == "wgan_gp":
            d_update += 6 * d
        if self.method == "r3gan":
            d_update += 2 * (3 * d + d_first)
        generated = 1 if self.method == "logistic" else 1 + self.discriminator_steps
        g_update = 2 * d + (2 * g - g_first) + (d if self.method == "r3gan" else 0)
        products = self.discriminator_steps * d_update + generated * g + g_update
        return 2 * self.batch * products


def forward(network, shape) -> tuple[float, float]:
    """Returns the multiplications of one sample's forward pass, and those of its first layer."""
    counts = []
    for kind, *sizes in network:
        if kind == "dense":
            counts.append(math.prod(shape) * sizes[0])
            shape = (sizes[0],)
        elif kind == "reshape":
            shape = tuple(sizes)
        elif kind == "flatten":
            shape = (math.prod(shape),)
        elif kind == "max_pool":
            shape = shape[-1:]
        elif kind == "conv":
            filters, kernel, stride = sizes
            height, width = (-(-side // stride) for side in shape[:2])
            counts.append(height * width * kernel**2 * shape[2] * filters)
            shape = (height, width, filters)
        elif kind == "up":
            filters, kernel = sizes
            counts.append(math.prod(shape) * kernel**2 * filters)
            shape = (2 * shape[0], 2 * shape[1], filters)
    return float(sum(counts)), float(counts[0])


def _digits(normalized=False):
    """Returns the networks of the Keras example's DCGAN for 28x28 digits."""
    generator = (
        ("dense", 7 * 7 * 128),
        ("leaky_relu",),
        ("reshape", 7, 7, 128),
        ("up", 128, 4),
        ("leaky_relu",),
        ("up", 128, 4),
        ("leaky_relu",),
        ("conv", 1, 7, 1),
        ("sigmoid",),
    )
    discriminator = (
        ("conv", 64, 3, 2),
        ("leaky_relu",),
        ("conv", 128, 3, 2),
        ("leaky_relu",),
        ("max_pool",),
        ("dense", 1),
    )
    return generator, discriminator


def _radford(width=64, kernel=5):
    """Returns the DCGAN of Radford et al. 2016 for 64x64 images, with the authors' widths."""
    generator = [("dense", 4 * 4 * 8 * width), ("reshape", 4, 4, 8 * width)]
    generator += [("batch_norm",), ("relu",)]
    for factor in (4, 2, 1):
        generator += [("up", factor * width, kernel), ("batch_norm",), ("relu",)]
    generator += [("up", 3, kernel), ("tanh",)]
    discriminator = [("conv", width, kernel, 2), ("leaky_relu",)]
    for factor in (2, 4, 8):
        discriminator += [("conv", factor * width, kernel, 2), ("batch_norm",), ("leaky_relu",)]
    return tuple(generator), (*discriminator, ("flatten",), ("dense", 1))


def _perceptrons(units=128):
    hidden = (("dense", units), ("relu",)) * 2
    return (*hidden, ("dense", 784), ("sigmoid",)), (*hidden, ("dense", 1))


WORKS = {
    work.name: work
    for work in (
        Work("mlp-100", 100, 100, (784,), *_perceptrons()),
        Work("mlp-32", 32, 100, (784,), *_perceptrons()),
        Work("dcgan-28", 64, 128, (28, 28, 1), *_digits()),
        Work("dcgan-64", 32, 100, (64, 64, 3), *_radford()),
        Work("wgan-gp", 64, 128, (28, 28, 1), *_digits(), "wgan_gp", 5),
        Work("r3gan", 64, 128, (28, 28, 1), *_digits(), "r3gan"),
        Work("generate-28", 250, 128, (28, 28, 1), *_digits(), task="generate", steps=100),
        Work("generate-64", 250, 100, (64, 64, 3), *_radford(), task="generate", steps=100),
        Work("frechet-28", 250, 128, (28, 28, 1), *_digits(), task="frechet", steps=100),
    )
}

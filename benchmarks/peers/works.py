"""What is trained: networks and games in words that every framework can build from.

A network is a tuple of layers, each a tuple of its name and its sizes:

    ("dense", units)  ("reshape", height, width, channels)  ("flatten",)
    ("conv", channels, kernel, stride)  ("up", channels, kernel)   a transposed one of stride 2
    ("batch_norm",)  ("relu",)  ("leaky_relu",)  ("tanh",)  ("sigmoid",)  ("max_pool",)   of all

Convolutions keep the size, or halve it with stride 2; only the last layer of a work's networks
has a bias where a normalization follows the others.
"""

import math
from dataclasses import dataclass

SLOPE = 0.2
RATE, BETA_1, BETA_2, EPSILON = 2e-4, 0.5, 0.999, 1e-7


@dataclass(frozen=True)
class Work:
    """A pair of networks and how it is trained.

    Attributes:
        batch: samples a player sees a turn.
        latent: length of the noise.
        sample: shape of a sample, channels last.
        game: "logistic" (non-saturating), "wgan_gp" or "r3gan" (relativistic, R1 and R2).
        discriminator_steps: turns of the discriminator for one of the generator.
    """

    name: str
    batch: int
    latent: int
    sample: tuple
    generator: tuple
    discriminator: tuple
    game: str = "logistic"
    discriminator_steps: int = 1

    def arithmetic(self) -> float:
        """Floating-point operations of one training step, from the layers' multiplications.

        Of a pass forward F, of the gradient for inputs and of that for weights F each; where no
        one needs the gradient for the inputs of a first layer, it is not counted. A penalty is
        a pass forward, the gradient for the sample, and once more the gradient of both, for
        the weights and for what lies between: 6 F in all, its own pass included.
        """
        g, g_first = forward(self.generator, (self.latent,))
        d, d_first = forward(self.discriminator, self.sample)
        turn = 2 * (3 * d - d_first)
        if self.game == "wgan_gp":
            turn += 6 * d
        if self.game == "r3gan":
            turn += 2 * (3 * d + d_first)
        generated = 1 if self.game == "logistic" else 1 + self.discriminator_steps
        last = 2 * d + (2 * g - g_first) + (d if self.game == "r3gan" else 0)
        return 2 * self.batch * (self.discriminator_steps * turn + generated * g + last)


def forward(network, shape) -> tuple[float, float]:
    """(multiplications of a pass of one sample, those of the first layer that has any)."""
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
    """The Keras example's DCGAN for 28x28 digits."""
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
    """Radford et al. 2016 for 64x64 images, with the widths of the authors' code."""
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
    )
}

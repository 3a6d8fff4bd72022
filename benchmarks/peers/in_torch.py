"""PyTorch, as an experienced user writes it.

One forward pass of the generator serves both updates if the loss allows it; the discriminator is
frozen in the generator's update; gradients are set to None; Adam is the fused one.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from peers.works import BETA_1, BETA_2, EPSILON, RATE, SLOPE

GAMMA, LAMBDA = 10.0, 10.0


def network(layers, shape):
    """Returns an `nn.Sequential` of the layers, channels first; see `peers.works`."""
    made = []
    normalized = any(kind == "batch_norm" for kind, *_ in layers)
    last = max(i for i, (kind, *_) in enumerate(layers) if kind in ("dense", "conv", "up"))
    size = shape
    for place, (kind, *sizes) in enumerate(layers):
        bias = not normalized or place == last
        if kind == "dense":
            made.append(nn.Linear(_product(size), sizes[0], bias=bias))
            size = (sizes[0],)
        elif kind == "reshape":
            height, width, channels = sizes
            made.append(nn.Unflatten(1, (channels, height, width)))
            size = tuple(sizes)
        elif kind == "flatten":
            made.append(nn.Flatten())
            size = (_product(size),)
        elif kind == "conv":
            filters, kernel, stride = sizes
            made.append(nn.Conv2d(size[2], filters, kernel, stride, kernel // 2, bias=bias))
            size = (-(-size[0] // stride), -(-size[1] // stride), filters)
        elif kind == "up":
            filters, kernel = sizes
            padding = (kernel - 1) // 2
            made.append(
                nn.ConvTranspose2d(
                    size[2], filters, kernel, 2, padding, 2 * padding + 2 - kernel, bias=bias
                )
            )
            size = (2 * size[0], 2 * size[1], filters)
        elif kind == "batch_norm":
            made.append((nn.BatchNorm2d if len(size) == 3 else nn.BatchNorm1d)(size[-1]))
        elif kind == "max_pool":
            made += [nn.AdaptiveMaxPool2d(1), nn.Flatten()]
            size = size[-1:]
        else:
            made.append(
                {
                    "relu": nn.ReLU,
                    "leaky_relu": lambda: nn.LeakyReLU(SLOPE),
                    "tanh": nn.Tanh,
                    "sigmoid": nn.Sigmoid,
                }[kind]()
            )
    return nn.Sequential(*made)


def _product(shape):
    result = 1
    for side in shape:
        result *= side
    return result


def penalty(discriminator, samples):
    """Returns the gradient of the scores with respect to the samples, and the scores."""
    samples = samples.detach().requires_grad_(True)
    scores = discriminator(samples)
    (gradient,) = torch.autograd.grad(scores.sum(), samples, create_graph=True)
    return gradient, scores


class Trainer:
    """Trains a work; `run(n)` takes n steps.

    Args:
        work: a `Work`.
        data: samples `(n, ...)`, channels last.
        form: "eager", "channels_last" or "compiled".
        threads: threads to compute with.
        precision: "float32", or "bfloat16" or "float16" for automatic mixed precision.
        device: "cpu" or "gpu".
    """

    def __init__(self, work, data, form, threads, precision="float32", device="cpu"):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.work, self.precision = work, precision
        self.device = "cuda" if device == "gpu" else "cpu"
        self.scaler = torch.amp.GradScaler(self.device, enabled=precision == "float16")
        self.data = torch.from_numpy(data)
        self.generator = network(work.generator, (work.latent,)).to(self.device)
        self.discriminator = network(work.discriminator, work.sample).to(self.device)
        if self.data.ndim == 4:
            self.data = self.data.permute(0, 3, 1, 2).contiguous()
            if form != "eager":
                self.data = self.data.to(memory_format=torch.channels_last)
                self.generator.to(memory_format=torch.channels_last)
                self.discriminator.to(memory_format=torch.channels_last)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), RATE, (BETA_1, BETA_2), EPSILON, fused=True)
            for net in (self.discriminator, self.generator)
        ]
        self.parameters = sum(
            p.numel() for net in (self.generator, self.discriminator) for p in net.parameters()
        )
        self.make, self.judge = self.generator, self.discriminator
        if form == "compiled":
            self.make, self.judge = torch.compile(self.generator), torch.compile(self.discriminator)
        if precision != "float32":
            self.make, self.judge = self._mixed(self.make), self._mixed(self.judge)
        if self.device == "cuda":
            self.data = self.data.pin_memory()
        self.order = iter(())

    def _mixed(self, network):
        """Returns a network that computes in half precision and returns float32."""
        dtype = getattr(torch, self.precision)

        def run(samples):
            with torch.autocast(self.device, dtype=dtype):
                made = network(samples)
            return made.float()

        return run

    def batch(self):
        """Returns the next batch of real samples; each pass is shuffled."""
        for part in self.order:
            if len(part) == self.work.batch:
                return self.data[part].to(self.device, non_blocking=True)
        self.order = iter(torch.randperm(len(self.data)).split(self.work.batch))
        return self.batch()

    def noise(self):
        return torch.randn(self.work.batch, self.work.latent, device=self.device)

    def run(self, steps):
        if self.work.task == "train":
            for _ in range(steps):
                getattr(self, self.work.method)()
        else:
            with torch.inference_mode():
                getattr(self, self.work.task)(100 * steps)
        if self.device == "cuda":
            torch.cuda.synchronize()

    def memory(self):
        """Returns the largest memory of the device so far, in MiB; None for that of the process."""
        if self.device == "cpu":
            return None
        return torch.cuda.max_memory_allocated() / 2**20

    def generate(self, count):
        """Draws images as NumPy arrays, channels last."""
        self.generator.eval()
        made = []
        for begin in range(0, count, self.work.batch):
            noise = self.noise()[: count - begin]
            made.append(self.make(noise).permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(made)

    def frechet(self, count):
        """Returns the Fréchet distance of two sets of images, by statistics of their features."""
        features = self.discriminator.eval()[:-1]
        if self.precision != "float32":
            features = self._mixed(features)
        sides = []
        for side in range(2):
            total = outer = 0.0
            for begin in range(0, count, self.work.batch):
                size = min(self.work.batch, count - begin)
                place = (begin + side * len(self.data) // 2) % (len(self.data) - size)
                found = features(self.data[place : place + size].to(self.device)).double()
                total, outer = total + found.sum(0), outer + found.T @ found
            mean = total / count
            sides.append(
                (mean, outer / (count - 1) - torch.outer(mean, mean) * count / (count - 1))
            )
        (mean, spread), (other_mean, other_spread) = sides
        values, vectors = torch.linalg.eigh(spread)
        root = vectors * values.clamp(min=0).sqrt() @ vectors.T
        both = torch.linalg.eigvalsh(root @ other_spread @ root).clamp(min=0).sqrt().sum()
        apart = (mean - other_mean).square().sum()
        return float(apart + torch.trace(spread) + torch.trace(other_spread) - 2 * both)

    def _update(self, optimizer, loss):
        optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(optimizer)
        self.scaler.update()

    def logistic(self):
        d_optimizer, g_optimizer = self.optimizers
        fake = self.make(self.noise())
        real_scores, fake_scores = self.judge(self.batch()), self.judge(fake.detach())
        loss = functional.softplus(-real_scores).mean() + functional.softplus(fake_scores).mean()
        self._update(d_optimizer, loss)
        self.discriminator.requires_grad_(False)
        self._update(g_optimizer, functional.softplus(-self.judge(fake)).mean())
        self.discriminator.requires_grad_(True)

    def wgan_gp(self):
        d_optimizer, g_optimizer = self.optimizers
        for _ in range(self.work.discriminator_steps):
            real = self.batch()
            with torch.no_grad():
                fake = self.make(self.noise())
            mix = torch.rand(len(real), *[1] * (real.ndim - 1), device=self.device)
            gradient, _ = penalty(self.judge, mix * real + (1 - mix) * fake)
            norms = gradient.flatten(1).norm(dim=1)
            loss = self.judge(fake).mean() - self.judge(real).mean()
            self._update(d_optimizer, loss + LAMBDA * ((norms - 1) ** 2).mean())
        self.discriminator.requires_grad_(False)
        self._update(g_optimizer, -self.judge(self.make(self.noise())).mean())
        self.discriminator.requires_grad_(True)

    def r3gan(self):
        d_optimizer, g_optimizer = self.optimizers
        real = self.batch()
        with torch.no_grad():
            fake = self.make(self.noise())
        real_gradient, real_scores = penalty(self.judge, real)
        fake_gradient, fake_scores = penalty(self.judge, fake)
        penalties = sum(
            0.5 * GAMMA * gradient.flatten(1).square().sum(1).mean()
            for gradient in (real_gradient, fake_gradient)
        )
        loss = functional.softplus(fake_scores - real_scores).mean() + penalties
        self._update(d_optimizer, loss)
        self.discriminator.requires_grad_(False)
        with torch.no_grad():
            real_scores = self.judge(real)
        fake_scores = self.judge(self.make(self.noise()))
        self._update(g_optimizer, functional.softplus(real_scores - fake_scores).mean())
        self.discriminator.requires_grad_(True)

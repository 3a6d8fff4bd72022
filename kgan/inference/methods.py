"""The methods of a model that is fed latents beside `generate`: walks, directions, projection."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kgan.inference import exploring
from kgan.latents import Directions
from kgan.typing import ArrayLike, ExtractorLike

if TYPE_CHECKING:
    from kgan.inference.projecting import Projection


class Exploring:
    """The part of a model that explores its latents.

    It is a mixin, and uses `draw`, `generate`, `latents` and `networks_of` of the model.
    """

    def walk(
        self,
        seeds: Sequence[int] | None = None,
        *,
        latents: ArrayLike = None,
        labels: int | Sequence[int] | None = None,
        steps: int = 30,
        spherical: bool | None = None,
        loop: bool = False,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Generates the samples on the way from sample to sample.

        Args:
            seeds: seeds of the samples to pass: `generate(1, seed=seed)` is passed for each.
            latents: latents to pass instead, `(n, *latent_shape)`.
            labels: for conditional models, the class of all, or one for each sample passed. From
                class to class the weights of both are mixed, linearly. With one sample and several
                labels only the class changes. None takes those that `generate` draws with the
                seeds.
            steps: number of samples from one to the next, the next one left out.
            spherical: see `kgan.latents.interpolate`; None means True for normal latents and
                False for all others.
            loop: whether the walk leads back to its beginning, without repeating it.
            truncation: as in `generate`, of the latents that are drawn by seeds.

        Returns:
            A float array `(frames, *sample_shape)` in the data's range.

        Raises:
            InputError: for fewer than two samples to pass, labels that are missing or do not
                exist, or a generator whose classes cannot be mixed.
        """
        return exploring.walk(
            self,
            seeds,
            latents=latents,
            labels=labels,
            steps=steps,
            spherical=spherical,
            loop=loop,
            truncation=truncation,
        )

    def directions(self, count: int = 10) -> Directions:
        """Returns directions along which the samples vary most.

        Closed-form factorization of the weights of the layer that takes the latents (Shen & Zhou
        2021, section 3.2), of the averaged generator if there is one. Where the latents hold
        continuous codes, as in InfoGAN, those come first, and the others leave all codes alone.

        Args:
            count: how many; at most as many as a latent has numbers.

        Raises:
            InputError: if the model has several generators, its latents are no vectors, or no
                layer with a kernel takes them.

        Example:

        ```python
        found = gan.directions(3)
        start = gan.latents_of([7])
        images = gan.generate(latents=found.moved(start, [2.0, 0.0, -1.0]))
        ```
        """
        return exploring.directions(self, count)

    def latents_of(self, seeds: Sequence[int], truncation: float | None = None) -> np.ndarray:
        """Returns the latents from which `generate(1, seed=seed)` makes its sample, for each seed.

        Returns:
            A float32 array `(n, *latent_shape)`.

        Raises:
            InputError: for no seeds, or seeds that are no integers.
        """
        return exploring.drawn(self, seeds, truncation)

    def project(
        self,
        images: ArrayLike,
        *,
        labels: ArrayLike = None,
        steps: int = 200,
        starts: int = 4,
        seed: int = 0,
        extractor: ExtractorLike = "auto",
        feature_weight: float = 1.0,
        learning_rate: float = 0.05,
    ) -> "Projection":
        """Finds latents whose samples are close to given images; see `Projection`.

        Of 64 drawn latents for each start the closest are optimised with Adam, and the best is
        kept. The distance is the mean squared difference of the numbers plus `feature_weight`
        times that of an extractor's features, each divided by its mean between the image and
        drawn samples: 2 is as far as any sample, 0 is equal.

        The latents stay where the distribution draws them: normal ones within 3 standard
        deviations, uniform ones in their interval, categories at a category.

        Args:
            images: `(n, *sample_shape)`, in the data's range.
            labels: for conditional models, the class of all or one an image; None tries classes
                at random and keeps the best.
            steps: steps of Adam.
            starts: how many latents are optimised for each image.
            seed: the same seed gives the same result on the same machine.
            extractor: as in the metrics; "values" leaves features out.
            feature_weight: weight of the features; 0 leaves them out.
            learning_rate: Adam's, in the latents' own unit.

        Raises:
            InputError: for images of another shape, or an argument out of its range.
        """
        from kgan.inference import projecting

        options: dict[str, Any] = {
            "steps": steps,
            "starts": starts,
            "seed": seed,
            "extractor": extractor,
            "feature_weight": feature_weight,
            "learning_rate": learning_rate,
        }
        return projecting.project(self, images, labels, **options)

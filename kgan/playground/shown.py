"""What the page shows of a model: pictures of its samples, without any page."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kgan import pictures
from kgan.data import kinds
from kgan.errors import InputError
from kgan.pictures.video import frames
from kgan.runs import RunFolder, trained

# The width in pixels at which single pictures and those of a gallery are drawn.
WIDTH, SMALL = 384, 128
# The longest side of pictures that are sent to be translated or enlarged.
LARGEST = 2048


class Shown:
    """A model, or the newest state of a run, and the pictures that a page asks for.

    Every method may be called from several threads; one computes at a time.

    Args:
        source: a model, or the folder of a run.

    Attributes:
        gan: the model.
        title: what to call it.
        kind: the kind of data that it reads, `kgan.data.kinds.Kind`.
        class_names: names of its classes, or [].
        directions: its `kgan.latents.Directions`, or None where it has none.
    """

    def __init__(self, source: Any):
        self._lock = threading.Lock()
        self.run = source if isinstance(source, RunFolder) else None
        self.config = self.run.config() if self.run else {}
        self.gan: Any = None
        self._take(source if self.run is None else trained(self.run))
        self.title = self.run.path.resolve().name if self.run else type(self.gan).__name__

    def _take(self, gan):
        self.gan = gan
        self.kind = kinds.of(gan)
        self.directions = None
        if not self.kind.from_images:
            try:
                self.directions = gan.directions(6)
            except InputError:
                # Without them the page has no sliders.
                self.directions = None

    @property
    def state(self) -> str:
        """What is shown, in a line."""
        shape = " x ".join(map(str, getattr(self.gan, "sample_shape", ())))
        steps = f"{int(self.gan.steps_taken):,} steps"
        parts = [type(self.gan).__name__, f"trained for {steps}", shape and f"samples of {shape}"]
        return ", ".join(part for part in parts if part)

    @property
    def class_names(self) -> list[str]:
        count = getattr(self.gan, "classes", 0)
        names = list(self.config.get("data", {}).get("class_names", ()))[:count]
        return names + [str(number) for number in range(len(names), count)]

    @property
    def largest_truncation(self) -> float:
        """The truncation beyond which there is none to speak of."""
        from kgan.latents import Normal

        return 3.0 if isinstance(self.gan.latents, Normal) else 1.0

    def reload(self) -> str:
        """Loads the newest state of the run again, and returns `state`."""
        if self.run is not None:
            found = trained(self.run)
            with self._lock:
                self._take(found)
        return self.state

    def samples(
        self, seed: int, count: int, label: int | None, truncation: float | None
    ) -> list[tuple[np.ndarray, str]]:
        """Returns pictures with captions, of the samples with seeds from `seed` on."""
        seeds = [seed + place for place in range(count)]
        with self._lock:
            labels = self._labels(seeds, label)
            made = self.gan.generate(latents=self.gan.latents_of(seeds, truncation), labels=labels)
        drawn = self._drawn(made, SMALL)
        captions = [str(each) for each in seeds]
        if labels is not None and label is None:
            names = self.class_names
            captions = [f"{names[i]} · {c}" for c, i in zip(captions, labels, strict=True)]
        return list(zip(drawn, captions, strict=True))

    def moved(
        self, seed: int, label: int | None, truncation: float | None, amounts: Sequence[float]
    ) -> np.ndarray:
        """Returns the picture of a sample moved along the directions."""
        with self._lock:
            latents = self.gan.latents_of([seed], truncation)
            if self.directions is not None and len(amounts):
                latents = self.directions.moved(latents, np.asarray(amounts, float))
            made = self.gan.generate(latents=latents, labels=self._labels([seed], label))
        return self._drawn(made, WIDTH)[0]

    def between(
        self, seeds: tuple[int, int], label: int | None, truncation: float | None, steps: int
    ) -> np.ndarray:
        """Returns the pictures on the way from one sample to another, `steps + 1`."""
        with self._lock:
            labels = self._labels(seeds, label)
            made = self.gan.walk(
                list(seeds),
                labels=None if labels is None else labels.tolist(),
                steps=steps,
                truncation=truncation,
            )
        return np.stack(self._drawn(made, WIDTH))

    def converted(self, pixels: np.ndarray, direction: str | None = None) -> np.ndarray:
        """Returns an uploaded picture translated, or enlarged.

        Args:
            pixels: uint8 `(height, width, 3)`.
            direction: of a model that translates both ways.

        Raises:
            InputError: for a side of more than 2048 pixels.
        """
        if max(pixels.shape[:2]) > LARGEST:
            raise InputError(
                f"The picture has {pixels.shape[0]} x {pixels.shape[1]} pixels; the page takes up "
                f"to {LARGEST} a side. `kgan {self.kind.command}` takes any."
            )
        network = next(iter(self.gan.networks.values()))
        channels = network.input_shape[-1]
        pixels = _with_channels(pixels, channels)
        with self._lock:
            if self.kind.command == "upscale":
                return pictures.to_rgb(self.gan.upscale(pixels)[None], (0, 255))[0]
            low, high = self.gan.data_range
            scaled = (pixels[None] / np.float32(255) * (high - low) + low).astype(np.float32)
            options = {"direction": direction} if self.kind.directions else {}
            return pictures.to_rgb(self.gan.translate(scaled, **options), self.gan.data_range)[0]

    def _labels(self, seeds, label) -> np.ndarray | None:
        """Returns the class of each sample: the chosen one, or each in turn by its seed."""
        if not self.gan.classes:
            return None
        if label is None:
            return np.array([seed % self.gan.classes for seed in seeds])
        return np.full(len(seeds), label)

    def _drawn(self, samples, width) -> list[np.ndarray]:
        if samples.ndim == 4:
            return list(frames(samples, self.gan.data_range, width))
        draw: Callable[..., np.ndarray] = pictures.draw
        limits = self.gan.data_range
        if limits is None:
            largest = float(np.abs(samples).max()) or 1.0
            limits = (-largest, largest)
        return [draw(sample[None], value_range=limits, size=width) for sample in samples]


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    from PIL import Image

    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    found = np.asarray(Image.fromarray(pixels).convert(mode))
    return found[..., None] if channels == 1 else found

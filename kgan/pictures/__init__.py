"""Pictures of samples: grids of images, scatter plots of points, curves of signals.

The package uses NumPy, Matplotlib and Pillow, but neither TensorFlow nor any GAN. Every
picture is a uint8 array `(height, width, 3)`, of `to_rgba` with opacity `(height, width, 4)`. It
can be written to a PNG file, an animated GIF or TensorBoard.

Example:

```python
samples = gan.generate(64, seed=7)
kgan.pictures.save_png("grid.png", kgan.pictures.draw(samples, value_range=gan.data_range))
```
"""

import numpy as np

from kgan import arguments
from kgan.errors import InputError
from kgan.pictures.checks import checked_columns, checked_range, checked_size
from kgan.pictures.curves import truncation_plot
from kgan.pictures.files import save_gif, save_png
from kgan.pictures.grids import grid, to_rgb, to_rgba
from kgan.pictures.plots import histogram, lines, loss_plot, scatter
from kgan.pictures.rows import neighbours
from kgan.pictures.video import frames, save_video

__all__ = [
    "draw",
    "frames",
    "grid",
    "histogram",
    "lines",
    "loss_plot",
    "neighbours",
    "save_gif",
    "save_png",
    "save_video",
    "scatter",
    "to_rgb",
    "to_rgba",
    "truncation_plot",
]

# A sample (length, channels) with more channels is drawn as a grey image without a channel axis:
# more curves would not be legible.
MOST_CURVES = 8


def draw(
    samples: np.ndarray,
    *,
    value_range: tuple[float, float] | None = None,
    columns: int | None = None,
    size: int | None = None,
    reference: np.ndarray | None = None,
) -> np.ndarray:
    """Draws samples in the way that suits their shape.

    | shape of `samples` | drawn as |
    | --- | --- |
    | `(n, height, width, channels)` | a grid of images; see `grid` for the channels |
    | `(n, height, width)`, more than 8 wide | a grid of grey images |
    | `(n, length, channels)`, up to 8 channels | curves, a panel for each sample |
    | `(n, length)`, longer than 2 | curves, a panel for each sample |
    | `(n, 2)` | a scatter of points |
    | `(n, 1)` or `(n,)` | a histogram |
    | `(n, depth, height, width, channels)` | a grid of the middle slices of voxels |

    Args:
        samples: Array of any real dtype, whose first axis counts the samples.
        value_range: `(low, high)` of the data: black and white in images, the limits of the
            axes in plots. None takes the full range of an integer dtype, and otherwise the
            range that the samples span.
        columns: Images in a row. None makes the grid about square.
        size: Intended width in pixels; None takes 640. Small images are enlarged by a whole
            factor to come near it; large images are not reduced.
        reference: Real samples, drawn in grey behind points and histograms. The axes then
            cover the reference only, so that successive pictures can be compared.

    Returns:
        uint8 array `(picture height, picture width, 3)`.

    Raises:
        InputError: There are no samples, their shape is none of those above, or an
            argument is invalid.
    """
    samples = arguments.array("samples", samples)
    if samples.size == 0 or samples.ndim == 0:
        raise InputError(f"There is nothing to draw: the samples have shape {samples.shape}.")
    columns = checked_columns(columns)
    size = checked_size(640 if size is None else size)
    value_range = checked_range(value_range)

    match samples.ndim:
        case 1:
            return histogram(samples, value_range, size, reference)
        case 2 if samples.shape[1] == 1:
            return histogram(samples[:, 0], value_range, size, reference)
        case 2 if samples.shape[1] == 2:
            return scatter(samples, value_range, size, reference)
        case 2:
            return lines(samples[:, :, None], value_range, size)
        case 3 if samples.shape[2] <= MOST_CURVES:
            return lines(samples, value_range, size)
        case 3:
            return grid(samples[..., None], value_range, columns, size)
        case 4:
            return grid(samples, value_range, columns, size)
        case 5:
            return grid(samples[:, samples.shape[1] // 2], value_range, columns, size)
    raise InputError(
        f"Samples of shape {samples.shape[1:]} cannot be drawn: kgan draws images "
        "(height, width, channels), points (2,), signals (length,) or (length, channels), "
        "and voxels (depth, height, width, channels)."
    )

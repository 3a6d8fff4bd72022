"""Pictures of samples: grids of images, scatters of points, curves of signals.

Knows NumPy, Matplotlib and Pillow; nothing of TensorFlow, and nothing of a GAN.
Every drawing is a uint8 array `(height, width, 3)`, so that one array can go into
a PNG file, an animated GIF or TensorBoard.

Example:

```python
samples = gan.generate(64, seed=7)
kgan.pictures.save_png("grid.png", kgan.pictures.draw(samples, value_range=gan.data_range))
```
"""

import numpy as np

from kgan.errors import InputError
from kgan.pictures.curves import truncation_plot
from kgan.pictures.files import save_gif, save_png
from kgan.pictures.grids import grid, to_rgb
from kgan.pictures.plots import histogram, lines, loss_plot, scatter

__all__ = [
    "draw",
    "grid",
    "histogram",
    "lines",
    "loss_plot",
    "save_gif",
    "save_png",
    "scatter",
    "to_rgb",
    "truncation_plot",
]

# Beyond this many channels a sample (length, channels) is read as a grey image without its
# channel axis: curves that many would not be legible in any case.
MOST_CURVES = 8


def draw(
    samples: np.ndarray,
    *,
    value_range: tuple[float, float] | None = None,
    columns: int | None = None,
    size: int | None = None,
    reference: np.ndarray | None = None,
) -> np.ndarray:
    """Draws samples as what their shape says they are.

    | shape of `samples` | drawn as |
    | --- | --- |
    | `(n, height, width, channels)` | a grid of images; see `grid` for what channels mean |
    | `(n, height, width)`, more than 8 wide | a grid of grey images |
    | `(n, length, channels)`, up to 8 channels | curves, one panel a sample |
    | `(n, length)`, longer than 2 | curves, one panel a sample |
    | `(n, 2)` | a scatter of points |
    | `(n, 1)` or `(n,)` | a histogram |
    | `(n, depth, height, width, channels)` | a grid of the middle slices of voxels |

    Args:
        samples: Array, the first axis counts the samples. Any real dtype.
        value_range: `(low, high)` of the data. It maps to black and white in images, and
            bounds the axes elsewhere. None: the full range of an integer dtype; the
            range that the samples span otherwise.
        columns: Images a row. None makes the grid about square.
        size: Width in pixels to aim for; None takes 640. Small images are enlarged by a
            whole factor to come near it; nothing is shrunk.
        reference: Real samples, drawn in grey behind points and histograms; the axes
            then cover them, whatever the samples do, so that successive pictures compare.

    Returns:
        uint8 array `(picture height, picture width, 3)`.

    Raises:
        InputError: There are no samples, their shape is none of those above, or an
            argument makes no sense.
    """
    samples = np.asarray(samples)
    if samples.size == 0 or samples.ndim == 0:
        raise InputError(f"There is nothing to draw: the samples have shape {samples.shape}.")
    if samples.dtype.kind not in "biuf":
        # bfloat16 is not a kind that NumPy knows, yet converts well.
        try:
            samples = samples.astype(np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"Samples of dtype {samples.dtype} cannot be drawn.") from error
    if columns is not None and columns < 1:
        raise InputError(f"columns must be at least 1. Received: columns={columns}.")
    size = 640 if size is None else size
    if size < 16:
        raise InputError(f"size must be at least 16 pixels. Received: size={size}.")
    if value_range is not None and not value_range[0] < value_range[1]:
        raise InputError(f"value_range must be (low, high). Received: {value_range}.")

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

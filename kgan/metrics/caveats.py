"""Says where the features of an extractor mean little for the samples at hand."""

from typing import Any

from kgan.typing import Shape

# A mean strangeness above this: to the digit classifier MNIST has 0.8 and scikit-learn's digits
# 1.6; grey photographs and noise have 5, and black digits on white 4.
STRANGENESS_LIMIT = 2.2
# The largest side of images whose pixel values are still a fair description: scikit-learn's digits
# have 8x8 pixels.
LARGEST_OF_VALUES = 16
# The side to which kgan's classifier of CIFAR-10 resizes, and the side from which most of an
# image is lost in that.
CIFAR10_SIDE, MUCH_LARGER = 32, 96


def caveat(extractor: Any, sample_shape: Shape, strangeness: float | None = None) -> str:
    """Returns why features mean little for samples, to stand beside a figure; "" if nothing does.

    Args:
        extractor: a prepared `kgan.metrics.Extractor`.
        sample_shape: shape of one sample.
        strangeness: the mean of `Extractor.strangeness` over the real samples; None if unknown.
    """
    images = len(sample_shape) == 3 and None not in sample_shape
    side = max(sample_shape[:2]) if images else 0
    if extractor.name == "values" and side > LARGEST_OF_VALUES:
        return "pixel values: they do not see what pictures show"
    if strangeness is not None and strangeness > STRANGENESS_LIMIT:
        return f"means little: these samples are unlike those that {extractor.name!r} was made for"
    if extractor.name == "cifar10" and side >= MUCH_LARGER:
        return f"sees these images at {CIFAR10_SIDE}x{CIFAR10_SIDE} pixels"
    return ""

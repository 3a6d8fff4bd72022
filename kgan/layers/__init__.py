"""Layers that GANs need and Keras lacks; they fit into any Keras model."""

from kgan.layers.attention import SelfAttention
from kgan.layers.history import History
from kgan.layers.normalization import ConditionalBatchNormalization
from kgan.layers.padding import ReflectionPadding2D
from kgan.layers.resampling import Downsample, PixelShuffle, PixelUnshuffle, Upsample
from kgan.layers.statistics import MinibatchStdDev
from kgan.layers.weights import EqualizedLearningRate, SpectralNormalization

__all__ = [
    "ConditionalBatchNormalization",
    "Downsample",
    "EqualizedLearningRate",
    "History",
    "MinibatchStdDev",
    "PixelShuffle",
    "PixelUnshuffle",
    "ReflectionPadding2D",
    "SelfAttention",
    "SpectralNormalization",
    "Upsample",
]

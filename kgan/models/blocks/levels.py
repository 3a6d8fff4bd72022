"""The networks of LAPGAN: a generator and a discriminator for one level of a pyramid.

Each function returns such a pair. The coarsest level's generator takes `[noise, labels]`, every
other one `[enlarged image of the level below, plane of noise, labels]`; a discriminator takes
`[image, labels]`. Where there are no classes there are no labels.
"""

import keras
from keras import layers, ops

from kgan.models.blocks.strided import batch_normalization


def dense(shape, classes, latent_size, units) -> tuple[keras.Model, keras.Model]:
    """Builds the pair of a coarsest level of dense layers (Denton et al. 2015, section 4.1).

    Args:
        shape: (height, width, channels) of the level.
        classes: number of classes that the networks are conditioned on, or 0.
        latent_size: length of the noise.
        units: of a layer of the generator; the discriminator has half as many, and dropout.
    """
    noise = keras.Input((latent_size,))
    inputs = [noise]
    if classes:
        inputs.append(keras.Input((), dtype="int32"))
    one_hot = [ops.one_hot(label, classes) for label in inputs[1:]]
    x = layers.Concatenate()([noise, *one_hot]) if one_hot else noise
    for _ in range(2):
        x = layers.Dense(units, "relu")(x)
    x = layers.Dense(shape[0] * shape[1] * shape[2], "tanh", dtype="float32")(x)
    generator = keras.Model(inputs, layers.Reshape(shape)(x))
    images = keras.Input(shape)
    inputs = [images, *(keras.Input((), dtype="int32") for _ in one_hot)]
    x = layers.Flatten()(images)
    if one_hot:
        x = layers.Concatenate()([x, ops.one_hot(inputs[1], classes)])
    for _ in range(2):
        x = layers.Dense(max(1, units // 2))(x)
        x = layers.Dropout(0.5)(layers.LeakyReLU(negative_slope=0.2)(x))
    return generator, keras.Model(inputs, layers.Dense(1, dtype="float32")(x))


def convolutional(shape, classes, width) -> tuple[keras.Model, keras.Model]:
    """Builds the pair of a finer level: 3 convolutions and 2 (section 4.1).

    Args:
        shape, classes: as in `dense`.
        width: channels of the convolutions.
    """
    inputs, x = _given(shape, classes)
    for _ in range(2):
        x = layers.ReLU()(_convolution(x, width, 5))
    generator = _adds_a_band(inputs, x)
    inputs, x = _scored(shape, classes)
    for _ in range(2):
        x = layers.LeakyReLU(negative_slope=0.2)(_convolution(x, width, 5, 2))
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    return generator, keras.Model(inputs, layers.Dense(1, dtype="float32")(x))


def coarsest(shape, classes, latent_size, width) -> tuple[keras.Model, keras.Model]:
    """Builds the pair of a coarsest level of convolutions, with a normalized generator.

    Args:
        shape, classes, latent_size: as in `dense`.
        width: channels of the last feature maps of the generator, and the first of the
            discriminator; others have twice as many.
    """
    inputs = [keras.Input((latent_size,))]
    x = inputs[0]
    if classes:
        inputs.append(keras.Input((), dtype="int32"))
        x = layers.Concatenate()([x, ops.one_hot(inputs[1], classes)])
    x = layers.Dense(shape[0] * shape[1] * 2 * width, use_bias=False)(x)
    x = layers.ReLU()(batch_normalization()(x))
    x = layers.Reshape((*shape[:2], 2 * width))(x)
    for channels in (2 * width, width):
        x = layers.ReLU()(batch_normalization()(_convolution(x, channels, 3, use_bias=False)))
    x = layers.Conv2D(shape[2], 3, padding="same", activation="tanh", dtype="float32")(x)
    generator = keras.Model(inputs, x)
    inputs, x = _scored(shape, classes)
    for channels, strides in ((width, 1), (2 * width, 2), (2 * width, 1)):
        x = layers.LeakyReLU(negative_slope=0.2)(_convolution(x, channels, 3, strides))
    x = layers.Flatten()(x)
    return generator, keras.Model(inputs, layers.Dense(1, dtype="float32")(x))


def residual(shape, classes, width, blocks) -> tuple[keras.Model, keras.Model]:
    """Builds a deeper pair of a finer level, with batch normalization in the generator.

    A generator of three convolutions draws the band 7x7 to 14x14 of digits badly, however wide
    it is: what is unknown there is the course of whole strokes.

    Args:
        shape, classes: as in `dense`.
        width: channels of the generator; the discriminator has from half to twice as many.
        blocks: residual blocks of two convolutions in the generator.
    """

    def normalized(x, size):
        return batch_normalization()(_convolution(x, width, size, use_bias=False))

    inputs, x = _given(shape, classes)
    x = layers.ReLU()(normalized(x, 5))
    for _ in range(blocks):
        inner = layers.ReLU()(normalized(x, 3))
        x = layers.ReLU()(layers.Add()([x, normalized(inner, 3)]))
    generator = _adds_a_band(inputs, x)
    inputs, x = _scored(shape, classes)
    for channels, size, strides in (
        (max(1, width // 2), 3, 1),
        (width, 4, 2),
        (width, 3, 1),
        (2 * width, 4, 2),
    ):
        x = layers.LeakyReLU(negative_slope=0.2)(_convolution(x, channels, size, strides))
    x = layers.Flatten()(x)
    return generator, keras.Model(inputs, layers.Dense(1, dtype="float32")(x))


def _given(shape, classes):
    """Returns a generator's inputs and their planes, concatenated."""
    inputs = [keras.Input(shape), keras.Input((*shape[:2], 1))]
    return inputs, layers.Concatenate()([*inputs, *_label_plane(classes, shape, inputs)])


def _scored(shape, classes):
    """Returns a discriminator's inputs and their planes, concatenated."""
    inputs = [keras.Input(shape)]
    planes = _label_plane(classes, shape, inputs)
    return inputs, layers.Concatenate()([*inputs[:1], *planes]) if planes else inputs[0]


def _adds_a_band(inputs, x):
    """Returns the generator that adds a band to the enlarged image, within the data's range."""
    image = inputs[0] + _convolution(x, inputs[0].shape[-1], 5)
    return keras.Model(inputs, ops.clip(ops.cast(image, "float32"), -1.0, 1.0))


def _label_plane(classes, shape, inputs):
    """Returns [the label as a plane of an image's size], or [] if there are no classes.

    The label's input is appended to `inputs`.
    """
    if not classes:
        return []
    label = keras.Input((), dtype="int32")
    inputs.append(label)
    plane = layers.Dense(shape[0] * shape[1])(ops.one_hot(label, classes))
    return [layers.Reshape((*shape[:2], 1))(plane)]


def _convolution(x, filters, size, strides=1, use_bias=True):
    return layers.Conv2D(filters, size, strides, "same", use_bias=use_bias)(x)

"""The content loss of super-resolution, on features of a frozen network or on pixels."""

import warnings

import keras
from keras import ops

from kgan.errors import InputError
from kgan.terms import Term

# VGG19 takes BGR levels in 0..255, minus these means of ImageNet.
VGG_MEANS = (103.939, 116.779, 123.68)
# Features are divided by this, so that their errors are comparable to those of pixels (Ledig et
# al. 2017, section 3.2).
VGG_SCALE = 12.75


class VGG19Features:
    """φ_5,4 of Ledig et al. 2017, section 2.2.1: VGG19 up to the ReLU of its last convolution."""

    network = None

    def prepare(self):
        """Loads the network, whose weights (80 MB) Keras downloads once.

        Raises:
            InputError: if the weights cannot be loaded.
        """
        if self.network is not None:
            return
        try:
            whole = keras.applications.VGG19(include_top=False, weights="imagenet")
        except Exception as error:  # a download fails in many ways
            raise InputError(
                f"VGG19's weights cannot be loaded: {error}. Without a network, give another "
                'content, such as "pixels".'
            ) from None
        self.network = keras.Model(whole.input, whole.get_layer("block5_conv4").output)
        self.network.trainable = False

    def __call__(self, images):
        """Returns features of images with 1 or 3 channels, in [-1, 1].

        Args:
            images: `(batch, height, width, channels)`; the features are a 16th as high and wide.
        """
        self.prepare()
        levels = (images + 1.0) * 127.5
        if levels.shape[-1] == 1:
            levels = ops.repeat(levels, 3, axis=-1)
        return self.network(levels[..., ::-1] - ops.array(VGG_MEANS)) / VGG_SCALE


def vgg19_available() -> bool:
    """Returns whether VGG19's weights can be loaded; warns if they cannot."""
    try:
        VGG19Features().prepare()
    except InputError:
        warnings.warn(
            "VGG19's weights cannot be loaded, so the content loss compares pixels; samples will "
            "be smoother. Connect to a network once, or give content= a model of your own.",
            stacklevel=2,
        )
        return False
    return True


@keras.saving.register_keras_serializable("kgan")
class Content(Term):
    """The mean squared difference of an image and its target (Ledig et al. 2017, equations 4, 5).

    Args:
        features: function from images to the features that are compared; None compares pixels.
        **kwargs: as in `kgan.Term`.
    """

    player = "generator"

    def __init__(self, features=None, **kwargs):
        super().__init__(**kwargs)
        # Held in a function, since Keras would save a network in an attribute with the model.
        self._features = lambda: features

    @property
    def features(self):
        """The function from images to the features that are compared; None for pixels."""
        return self._features()

    def __call__(self, turn):
        features = self.features
        real, fake = turn.real, turn.fake
        if features is not None:
            real, fake = features(real), features(fake)
        return ops.mean(ops.square(real - fake))


def content_features(content):
    """Returns the `features` of a `Content` for "vgg19", "pixels" or a function."""
    if content == "pixels":
        return None
    return content if callable(content) else VGG19Features()

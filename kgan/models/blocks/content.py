"""What super-resolution compares beside the game: features of a frozen network, or pixels."""

import warnings

import keras
from keras import ops

from kgan.errors import InputError
from kgan.terms import Term

# VGG19's inputs: BGR in 0..255 about the means of ImageNet.
VGG_MEANS = (103.939, 116.779, 123.68)
# Section 2.2.1: features are divided by it, so that their errors are of the size of pixels'.
VGG_SCALE = 12.75


class VGG19Features:
    """φ_5,4 of section 2.2.1: what VGG19 says of an image after the last convolution's ReLU."""

    network = None

    def prepare(self):
        """Loads the network, whose weights (80 MB) Keras downloads once.

        Raises:
            InputError: where they cannot be had.
        """
        if self.network is not None:
            return
        try:
            whole = keras.applications.VGG19(include_top=False, weights="imagenet")
        except Exception as error:  # a download fails in many ways
            raise InputError(
                f"VGG19's weights cannot be had: {error}. Without a network, give another "
                'content, such as "pixels".'
            ) from None
        self.network = keras.Model(whole.input, whole.get_layer("block5_conv4").output)
        self.network.trainable = False

    def __call__(self, images):
        """Features of RGB images in [-1, 1]."""
        self.prepare()
        levels = (images + 1.0) * 127.5
        if levels.shape[-1] == 1:
            levels = ops.repeat(levels, 3, axis=-1)
        return self.network(levels[..., ::-1] - ops.array(VGG_MEANS)) / VGG_SCALE


def vgg19_available() -> bool:
    """Whether VGG19's weights can be loaded here; warns where they cannot."""
    try:
        VGG19Features().prepare()
    except InputError:
        warnings.warn(
            "VGG19's weights cannot be had, so the content loss compares pixels; samples will "
            "be smoother. Connect to a network once, or give content= a model of your own.",
            stacklevel=2,
        )
        return False
    return True


@keras.saving.register_keras_serializable("kgan")
class Content(Term):
    """The mean squared difference of an image and its target (equations 4 and 5).

    Args:
        features: from images to what is compared; None compares the pixels.
        **kwargs: as in `kgan.Term`.
    """

    player = "generator"

    def __init__(self, features=None, **kwargs):
        super().__init__(**kwargs)
        # Behind a function: as an attribute a network would be saved with the model.
        self._features = lambda: features

    @property
    def features(self):
        """What is compared, as a function of images; None for the pixels themselves."""
        return self._features()

    def __call__(self, turn):
        features = self.features
        real, fake = turn.real, turn.fake
        if features is not None:
            real, fake = features(real), features(fake)
        return ops.mean(ops.square(real - fake))


def content_features(content):
    """From images to what a content loss compares: "vgg19", "pixels" (None) or a function."""
    if content == "pixels":
        return None
    return content if callable(content) else VGG19Features()

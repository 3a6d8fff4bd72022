"""How a model's networks are made: with the same names every time, and for a precision."""

import contextlib
import functools
import inspect

from kgan import arguments, bridge, precision

# The argument of a family's constructor that says what its networks compute in.
_ARGUMENT = "precision"


def made_alike(make):
    """Returns an `__init__` that makes the networks of every instance alike.

    Layers get the same names each time. If `__init__` has an argument `precision`, its layers are
    made for it, and the attribute `precision` of the model is what to save with it.
    """
    signature = inspect.signature(make)
    takes_precision = _ARGUMENT in signature.parameters

    @functools.wraps(make)
    def make_alike(self, *args, **kwargs):
        given = None
        if takes_precision:
            # Arguments that do not fit are for `make` to refuse.
            with contextlib.suppress(TypeError):
                given = signature.bind_partial(self, *args, **kwargs).arguments.get(_ARGUMENT)
        with precision.scope(arguments.precision(given)):
            if vars(self).get("_is_being_made"):
                # An `__init__` that calls that of its base goes on with the names it has begun.
                make(self, *args, **kwargs)
            else:
                vars(self)["_is_being_made"] = True
                try:
                    with bridge.names_from_the_start():
                        make(self, *args, **kwargs)
                finally:
                    del vars(self)["_is_being_made"]
            if takes_precision:
                # Keras's policy may be another when the model is loaded.
                self.precision = given or precision.mixed()

    # Keras looks at the arguments of what it calls, and not through the wrapper.
    make_alike.__signature__ = signature
    return make_alike


def takes_precision(model) -> bool:
    """Returns whether a model's family makes its networks for a precision that is given."""
    return _ARGUMENT in inspect.signature(type(model).__init__).parameters

"""Advice in place of TensorFlow's stack when the memory does not suffice."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from kgan.errors import InputError

TRAINING = (
    "Use a smaller batch_size, compile(accumulation_steps=) to process each batch in slices, or "
    'keras.config.set_dtype_policy("mixed_bfloat16") before the networks are built'
)
SAMPLING = "Use a smaller batch_size"


@contextlib.contextmanager
def advice(what: str, remedy: str) -> Iterator[None]:
    """In this context a lack of memory raises an `InputError` with advice.

    Args:
        what: what is done, such as "Training".
        remedy: what helps, in words without a full stop.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        # A full disk raises the same error.
        if "memory" not in str(error).lower() and "oom" not in str(error).lower():
            raise
        raise InputError(f"{what} takes more memory than there is. {remedy}.") from None
    except MemoryError:
        raise InputError(f"{what} takes more memory than there is. {remedy}.") from None

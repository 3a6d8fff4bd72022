"""What networks compute in: float32, or a half precision mixed with it.

In a half precision the layers compute with 16 bits and keep their weights in float32; scores,
losses, penalties and last layers are float32 always. These are the dtype policies of Keras by
shorter names.
"""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

# By name, Keras's dtype policy.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}

_PROCESSOR = Path("/proc/cpuinfo")


@contextlib.contextmanager
def scope(name: str | None) -> Iterator[None]:
    """A context in which layers are made for a precision; None leaves Keras's policy as it is."""
    if name is None:
        yield
        return
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[name])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def mixed() -> str | None:
    """Returns the half precision that layers are made for by now; None for any other policy."""
    import keras

    policy = keras.config.dtype_policy().name
    return next((name for name in ("bfloat16", "float16") if POLICIES[name] == policy), None)


@functools.cache
def has_bfloat16_units() -> bool:
    """Returns whether the processor multiplies matrices of bfloat16 by units of their own (AMX).

    Processors that have bfloat16 as instructions for vectors alone (AVX-512) are not faster by it:
    docs/performance.md has figures. What does not say so, as systems other than Linux, has none.
    """
    try:
        text = _PROCESSOR.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return "amx_bf16" in flags.split()

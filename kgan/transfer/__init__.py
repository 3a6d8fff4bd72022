"""Transfer learning: starting from the weights of another run, and freezing layers."""

from kgan.transfer.freezing import freeze, unfreeze
from kgan.transfer.warm_start import Part, Transfer, find, warm_start

__all__ = ["Part", "Transfer", "find", "freeze", "unfreeze", "warm_start"]

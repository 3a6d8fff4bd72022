"""The engine: what happens between `fit` and the weights. Start at `step.py`; see docs/the_step.md.

Its names are private to kgan; what users and families need is in `kgan.gan` and in the modules of
the top level.
"""

"""The training engine. Start reading at `step.py`, or at docs/the_step.md.

Its names are private to kgan. What users and families need is in `kgan.gan` and in the top-level
modules.
"""

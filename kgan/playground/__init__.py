"""A local page to explore a trained model: `kgan play RUN`, or `kgan.play(gan)`.

The page is built with Gradio, the extra `play`.
"""

from kgan.playground.serving import check_installed, play

__all__ = ["check_installed", "play"]

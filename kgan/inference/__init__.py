"""Inference: samples of a trained model in this process, in tiles, or in a SavedModel."""

"""From a trained model to samples: in this process, in tiles, or in a SavedModel."""

"""The same adversarial training by kgan and by others, each in its own process."""

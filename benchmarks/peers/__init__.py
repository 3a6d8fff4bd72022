"""The same adversarial training by kgan and by others, each in a process of its own."""

"""Networks, terms and base classes that several families share."""

"""A page that draws samples in a browser, without a server and without a network."""

"""What networks and games of several families are built of; no family of its own."""

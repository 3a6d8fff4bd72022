"""Reports on runs: one HTML file of a run, or of several side by side, that needs no network."""

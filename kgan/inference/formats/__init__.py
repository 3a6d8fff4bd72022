"""A generator in the formats of other programs: written, run there, compared, and priced."""

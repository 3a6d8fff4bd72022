"""A recipe from the data: family, settings and length of a training, with the reasons.

- `facts`: what is found out about the data;
- `rules`: the table of what is chosen for which data, and why;
- `plans`: what was chosen, line by line;
- `fitting`: steps that fit a time, and `kgan.models.auto`.
"""

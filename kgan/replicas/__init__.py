"""All uses of `tf.distribute`: how many replicas train, which samples each has, sums over them.

A batch is divided evenly among the replicas. One that cannot be divided evenly, such as a short
last one, goes to every replica as a whole: all of them then compute the same, and the mean over
the replicas is right without weights. Random numbers are drawn for the samples of all replicas,
and each takes those of its own (`rows`), so that a training does not depend on their number.

On one device the functions return their input unchanged, so that the rest of kgan is written as
for one device.
"""

from kgan.replicas.data import (
    divided,
    is_distributed,
    with_mark,
)
from kgan.replicas.place import (
    adds_up,
    count,
    gathered,
    mean,
    moments,
    of,
    rows,
    samples,
    seed_per_replica,
    total,
    whole,
    working_on,
)
from kgan.replicas.strategies import (
    any_process,
    from_chief,
    has_several_workers,
    is_chief,
    mirrored,
    must_be_in_scope,
    must_be_mirrored,
    of_workers,
    trains_on_one_device,
    under_strategy,
)

__all__ = [
    "adds_up",
    "any_process",
    "count",
    "divided",
    "from_chief",
    "gathered",
    "has_several_workers",
    "is_chief",
    "is_distributed",
    "mean",
    "mirrored",
    "moments",
    "must_be_in_scope",
    "must_be_mirrored",
    "of",
    "of_workers",
    "rows",
    "samples",
    "seed_per_replica",
    "total",
    "trains_on_one_device",
    "under_strategy",
    "whole",
    "with_mark",
    "working_on",
]

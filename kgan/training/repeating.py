"""Several turns of one player: a loop, which is traced and kept in memory once for all of them."""

from collections.abc import Callable

import tensorflow as tf

from kgan import replicas

# A loop that is run once is no shorter.
LEAST = 2


def repeat(game, play: Callable, begin: int, end: int) -> None:
    """Plays the turns from `begin` to the one before `end`, in order.

    Args:
        game: the model.
        play: takes the number of a turn: an integer, or a scalar int32 tensor in the loop. What it
            writes to variables and logs is kept, what it returns is not.
        begin, end: the first turn, and the one after the last.
    """
    # A loop cannot hold sums over the replicas.
    if end - begin < LEAST or tf.executing_eagerly() or replicas.under_strategy():
        for place in range(begin, end):
            play(place)
        return

    def body(place, *sums):
        with game.logs.apart() as logged:
            play(place)
        return place + 1, *(a + b for a, b in zip(sums, logged(), strict=True))

    start = tf.constant(begin), *game.logs.no_sums()
    _, *sums = tf.while_loop(lambda place, *_: place < end, body, start, parallel_iterations=1)
    game.logs.add(sums)

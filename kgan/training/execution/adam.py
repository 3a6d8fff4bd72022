"""Adam by a single TensorFlow operation, which computes Keras's numbers faster.

Keras computes Adam's update by a dozen operations for each variable. They read and write each
number a dozen times, and in a small network launching them takes longer than the arithmetic.
"""

import functools

import keras
import tensorflow as tf

from kgan import bridge
from kgan.optimizers import ScheduledAdam


def apply(optimizer, gradients, variables, accelerate: bool = True, where=None) -> None:
    """Calls `optimizer.apply(gradients, variables)` if a scalar condition is true.

    Args:
        optimizer: a Keras optimizer; only Adam without AMSGrad has a faster form.
        gradients, variables: in the same order; a gradient may be None.
        accelerate: whether the faster form may be used.
        where: None, or a scalar bool tensor, for optimizers for which `can_skip` is true. If it is
            false, nothing changes: the learning rate is then 0 and the betas are 1.
    """
    if where is not None:
        gradients = [None if g is None else tf.where(where, g, tf.zeros_like(g)) for g in gradients]
    if (accelerate or where is not None) and _is_plain(optimizer):
        with bridge.adam_step(optimizer, functools.partial(_step, optimizer, where)):
            optimizer.apply(gradients, variables)
    else:
        optimizer.apply(gradients, variables)
    if where is not None:
        optimizer.iterations.assign_sub(tf.cast(~where, optimizer.iterations.dtype))


def can_skip(optimizer, accelerate: bool = True) -> bool:
    """Returns whether `apply` takes a condition for this optimizer."""
    return (
        accelerate
        and _is_plain(optimizer)
        and not optimizer.weight_decay
        and not optimizer.use_ema
        and not optimizer.gradient_accumulation_steps
    )


def _is_plain(optimizer) -> bool:
    return (
        type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW, ScheduledAdam)
        and not optimizer.amsgrad
        and bridge.can_replace_adam(optimizer)
    )


def _step(optimizer, where, gradients, variables, learning_rate) -> None:
    """Applies Adam (Kingma and Ba 2015, algorithm 1, reordered as at the end of section 2)."""
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    betas = [
        tf.cast(beta(optimizer.iterations) if callable(beta) else beta, tf.float32)
        for beta in (optimizer.beta_1, optimizer.beta_2)
    ]
    powers = [tf.pow(beta, step) for beta in betas]
    if where is not None:
        betas = [tf.where(where, beta, 1.0) for beta in betas]
        learning_rate = tf.where(where, learning_rate, 0.0)
    for gradient, variable in zip(gradients, variables, strict=True):
        slots = bridge.adam_slots(optimizer, variable)
        handles = [
            (v.value if isinstance(v, keras.Variable) else v).handle for v in (variable, *slots)
        ]
        dtype = variable.dtype
        beta_1_power, beta_2_power, rate, beta_1, beta_2, epsilon = (
            tf.cast(number, dtype) for number in (*powers, learning_rate, *betas, optimizer.epsilon)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=handles[0],
            m=handles[1],
            v=handles[2],
            beta1_power=beta_1_power,
            beta2_power=beta_2_power,
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=tf.cast(gradient, dtype),
        )

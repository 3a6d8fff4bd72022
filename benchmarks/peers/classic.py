"""The loop of the classic tutorials: a graph, a session, and one `feed_dict` for each update."""

import math

import numpy as np
import tensorflow.compat.v1 as tf

from peers.works import BETA_1, BETA_2, EPSILON, RATE


class Classic:
    """Trains a work of dense layers; `run(n)` takes n steps."""

    def __init__(self, work, data, form, threads, precision="float32", device="cpu"):
        tf.disable_eager_execution()
        tf.disable_resource_variables()
        self.work, self.data = work, data
        self.random = np.random.default_rng(0)
        self.noise = tf.placeholder(tf.float32, (None, work.latent))
        self.real = tf.placeholder(tf.float32, (None, *work.sample))
        with tf.variable_scope("generator"):
            fake = _network(work.generator, self.noise)
        with tf.variable_scope("discriminator"):
            real_scores = _network(work.discriminator, self.real)
        with tf.variable_scope("discriminator", reuse=True):
            fake_scores = _network(work.discriminator, fake)
        self.d_loss = tf.reduce_mean(tf.nn.softplus(-real_scores)) + tf.reduce_mean(
            tf.nn.softplus(fake_scores)
        )
        self.g_loss = tf.reduce_mean(tf.nn.softplus(-fake_scores))
        self.updates = [
            tf.train.AdamOptimizer(RATE, BETA_1, BETA_2, EPSILON).minimize(
                loss, var_list=tf.trainable_variables(scope)
            )
            for loss, scope in ((self.d_loss, "discriminator"), (self.g_loss, "generator"))
        ]
        self.parameters = sum(math.prod(v.shape.as_list()) for v in tf.trainable_variables())
        config = tf.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
        )
        self.session = tf.Session(config=config)
        self.session.run(tf.global_variables_initializer())
        self.order, self.place = self.random.permutation(len(data)), 0

    def memory(self):
        """Returns None: the memory of the process counts."""

    def run(self, steps):
        batch = self.work.batch
        for _ in range(steps):
            if self.place + batch > len(self.order):
                self.order, self.place = self.random.permutation(len(self.data)), 0
            real = self.data[self.order[self.place : self.place + batch]]
            self.place += batch
            noise = self.random.normal(size=(batch, self.work.latent))
            fed = {self.noise: noise, self.real: real}
            self.session.run([self.updates[0], self.d_loss], fed)
            fed = {self.noise: self.random.normal(size=(batch, self.work.latent))}
            self.session.run([self.updates[1], self.g_loss], fed)


def _network(layers, x):
    for place, (kind, *sizes) in enumerate(layers):
        if kind == "dense":
            inputs = x.shape.as_list()[-1]
            limit = math.sqrt(6 / (inputs + sizes[0]))
            kernel = tf.get_variable(
                f"kernel_{place}",
                (inputs, sizes[0]),
                initializer=tf.random_uniform_initializer(-limit, limit),
            )
            bias = tf.get_variable(f"bias_{place}", sizes[:1], initializer=tf.zeros_initializer())
            x = tf.matmul(x, kernel) + bias
        else:
            x = {"relu": tf.nn.relu, "sigmoid": tf.nn.sigmoid}[kind](x)
    return x

"""kgan, and a `train_step` in the style of the Keras examples, over the same Keras networks."""

import keras
import tensorflow as tf
from keras import layers

from kgan.training.execution import loops
from peers.works import BETA_1, BETA_2, EPSILON, RATE, SLOPE


def network(spec, shape):
    """Returns a Keras model of the layers in `spec`; see `peers.works`."""
    normalized = any(kind == "batch_norm" for kind, *_ in spec)
    last = max(i for i, (kind, *_) in enumerate(spec) if kind in ("dense", "conv", "up"))
    x = inputs = keras.Input(shape)
    for place, (kind, *sizes) in enumerate(spec):
        bias = {"use_bias": not normalized or place == last}
        # The last layers are float32 in every precision, as Keras advises.
        ends = {"dtype": "float32"} if place >= last and kind != "conv" and kind != "up" else {}
        x = {
            "dense": lambda *s: layers.Dense(*s, **bias, **ends),  # noqa: B023
            "reshape": lambda *s: layers.Reshape(s),
            "flatten": layers.Flatten,
            "conv": lambda *s: layers.Conv2D(*s, padding="same", **bias),  # noqa: B023
            "up": lambda f, k: layers.Conv2DTranspose(f, k, 2, "same", **bias),  # noqa: B023
            "batch_norm": layers.BatchNormalization,
            "relu": layers.ReLU,
            "leaky_relu": lambda: layers.LeakyReLU(negative_slope=SLOPE),
            "tanh": lambda: layers.Activation("tanh", **ends),  # noqa: B023
            "sigmoid": lambda: layers.Activation("sigmoid", **ends),  # noqa: B023
            "max_pool": layers.GlobalMaxPooling2D,
        }[kind](*sizes)(x)
    return keras.Model(inputs, x)


def adam():
    return keras.optimizers.Adam(RATE, BETA_1, BETA_2, EPSILON)


class _Trainer:
    """Trains a work by `fit`; `run(n)` takes n steps."""

    def __init__(self, work, data, form, threads, precision="float32", device="cpu"):
        if threads != tf.config.threading.get_intra_op_parallelism_threads():
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.device = device
        if precision != "float32":
            keras.config.set_dtype_policy(f"mixed_{precision}")
        keras.utils.set_random_seed(0)
        self.work = work
        generator = network(work.generator, (work.latent,))
        discriminator = network(work.discriminator, work.sample)
        self.parameters = sum(
            weight.shape.num_elements()
            for net in (generator, discriminator)
            for weight in net.trainable_variables
        )
        self.model = self.made(generator, discriminator, form)
        self.data = self.fed(data)

    def run(self, steps):
        self.model.fit(self.data, epochs=1, steps_per_epoch=steps, verbose=0)

    def memory(self):
        """Returns the largest memory of the device so far, in MiB; None for that of the process."""
        if self.device == "cpu":
            return None
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20


class _StopAtOnce(keras.callbacks.Callback):
    """Ends a training after its first execution."""

    steps_between = None

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


class Kgan(_Trainer):
    """Trains by kgan's `fit`. Form "plain" is without XLA, "xla" with it, "auto" kgan's choice."""

    def made(self, generator, discriminator, form):
        import kgan

        gan = kgan.GAN(generator, discriminator, data_range=None, seed=0)
        settings = {
            "logistic": {"loss": "non_saturating", "shared_forward": True},
            "wgan_gp": {
                "loss": "wasserstein",
                "penalties": [kgan.penalties.GradientPenalty(10.0)],
                "discriminator_steps": self.work.discriminator_steps,
            },
            "r3gan": {
                "loss": "relativistic",
                "penalties": [kgan.penalties.R1(10.0), kgan.penalties.R2(10.0)],
            },
        }[self.work.method]
        xla = "auto" if form == "auto" else form == "xla"
        gan.compile(adam(), adam(), **settings, jit_compile=xla)
        return gan

    def run(self, steps):
        if self.work.task != "train":
            getattr(self, self.work.task)(100 * steps)
            return
        if not int(self.model.iterations):
            # The announced length makes fit choose XLA and the steps an execution as in a long
            # training; it makes these choices at the start.
            stop = _StopAtOnce()
            self.model.fit(
                self.data, epochs=10_000, steps_per_epoch=100, verbose=0, callbacks=[stop]
            )
        super().run(steps)

    def generate(self, count):
        """Draws images as NumPy arrays."""
        return self.model.generate(count, batch_size=self.work.batch)

    def frechet(self, count):
        """Returns the Fréchet distance of two sets of images by a metric of kgan."""
        import kgan

        if self.metric is None:
            judge = self.model.discriminator
            features = keras.Model(judge.inputs[0], judge.layers[-1].input)
            self.metric = kgan.metrics.FrechetDistance(features)
            self.metric.prepare(self.work.sample, (0.0, 1.0), {})
            self.update = tf.function(self.metric.update_state)
        self.metric.reset_state()
        for begin in range(0, count, self.work.batch):
            size = min(self.work.batch, count - begin)
            place = begin % (len(self.raw) - size)
            other = (begin + len(self.raw) // 2) % (len(self.raw) - size)
            self.update(self.raw[place : place + size], self.raw[other : other + size])
        return float(self.metric.result())

    def fed(self, data):
        import kgan

        self.raw, self.metric = tf.constant(data), None
        return kgan.data.from_arrays(
            data, batch_size=self.work.batch, value_range=None, drop_remainder=True
        )


class Convolutions(Kgan):
    """The convolutions of kgan's training step and their gradients alone, one after the other."""

    def made(self, generator, discriminator, form):
        gan = super().made(generator, discriminator, "plain")
        batch = tf.zeros((self.work.batch, *self.work.sample))
        graph = loops.train_step(gan, xla=False).get_concrete_function(batch).graph
        needed, left = set(), [*(tensor.op for tensor in graph.outputs), *graph.control_outputs]
        while left:
            op = left.pop()
            if op not in needed:
                needed.add(op)
                left += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
        # The rest is left out by TensorFlow too: gradients for the samples, which nothing uses.
        nodes = [op for op in graph.get_operations() if op in needed and op.type in CONVOLUTIONS]
        self.calls = tf.function(lambda *given: _in_turn(nodes, given), autograph=False)
        shapes = [[tensor.shape for tensor in CONVOLUTIONS[op.type](op)] for op in nodes]
        self.noise = [[tf.random.normal(shape) for shape in pair] for pair in shapes]
        return gan

    def run(self, steps):
        for _ in range(steps):
            done = self.calls(*self.noise)
        done.numpy()


# The inputs of each kind of convolution that are numbers, not sizes.
CONVOLUTIONS = {
    "Conv2D": lambda op: op.inputs,
    "Conv2DBackpropInput": lambda op: op.inputs[1:],
    "Conv2DBackpropFilter": lambda op: [op.inputs[0], op.inputs[2]],
}


def _in_turn(nodes, given):
    """Returns a sum of one number of each convolution; each begins when the last one has ended."""
    total = tf.zeros(())
    for op, pair in zip(nodes, given, strict=True):
        form = {
            "strides": op.get_attr("strides"),
            "padding": op.get_attr("padding").decode(),
            "explicit_paddings": op.get_attr("explicit_paddings"),
            "dilations": op.get_attr("dilations"),
            "data_format": op.get_attr("data_format").decode(),
        }
        with tf.control_dependencies([total]):
            if op.type == "Conv2D":
                y = tf.raw_ops.Conv2D(input=pair[0], filter=pair[1], **form)
            elif op.type == "Conv2DBackpropInput":
                y = tf.raw_ops.Conv2DBackpropInput(
                    input_sizes=op.outputs[0].shape, filter=pair[0], out_backprop=pair[1], **form
                )
            else:
                y = tf.raw_ops.Conv2DBackpropFilter(
                    input=pair[0],
                    filter_sizes=op.outputs[0].shape,
                    out_backprop=pair[1],
                    **form,
                )
        total += tf.reshape(y, [-1])[0]
    return total


class KerasExample(_Trainer):
    """The `train_step` of the Keras examples: the generator runs twice, labels are noisy."""

    def made(self, generator, discriminator, form):
        model = _Example(generator, discriminator, self.work)
        model.compile(adam(), adam(), keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    def fed(self, data):
        dataset = tf.data.Dataset.from_tensor_slices(data).shuffle(len(data))
        return dataset.batch(self.work.batch, drop_remainder=True).prefetch(2).repeat()


class _Example(keras.Model):
    def __init__(self, generator, discriminator, work):
        super().__init__()
        self.generator, self.discriminator, self.work = generator, discriminator, work
        self.seeds = keras.random.SeedGenerator(0)
        self.d_metric = keras.metrics.Mean(name="d_loss")
        self.g_metric = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    @property
    def metrics(self):
        return [self.d_metric, self.g_metric]

    def train_step(self, real):
        batch = tf.shape(real)[0]
        noise = keras.random.normal((batch, self.work.latent), seed=self.seeds)
        both = tf.concat([self.generator(noise), real], axis=0)
        labels = tf.concat([tf.ones((batch, 1)), tf.zeros((batch, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(both))
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))
        noise = keras.random.normal((batch, self.work.latent), seed=self.seeds)
        with tf.GradientTape() as tape:
            scores = self.discriminator(self.generator(noise))
            g_loss = self.loss_fn(tf.zeros((batch, 1)), scores)
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))
        self.d_metric.update_state(d_loss)
        self.g_metric.update_state(g_loss)
        return {"d_loss": self.d_metric.result(), "g_loss": self.g_metric.result()}

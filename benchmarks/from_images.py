"""Measures the families that start from an image, on data whose true targets are known.

    python benchmarks/from_images.py pix2pix            # MNIST from its edges
    python benchmarks/from_images.py cyclegan           # MNIST, and other digits of it recoloured
    python benchmarks/from_images.py srgan --train photos/ --test set5/

`pix2pix` compares its PSNR with that of the mean training image. `cyclegan` translates test digits
between two domains whose mapping is known, and measures the error of the translation and whether
kgan's classifier gives it the same class. `srgan` trains its first stage, then its second. It
compares the PSNR and SSIM of both on whole images with bicubic enlargement, and the strength of
their edges with that of the true ones.

Each writes its figures to `from_images.json` and a picture, both into `benchmarks/results/`.
"""

import argparse
import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import kgan
from kgan import callbacks, metrics, models, pictures
from kgan.runs.files import replace

# The colours that black and white become in CycleGAN's second domain.
PAPER, INK = np.array([0.95, 0.85, 0.60]), np.array([0.15, 0.20, 0.55])


class Until(keras.callbacks.Callback):
    """Ends a training `seconds` after the end of its first step, which is mostly compilation."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.start = seconds, None

    def on_train_batch_end(self, batch, logs=None):
        self.start = self.start or time.perf_counter()
        if time.perf_counter() - self.start > self.seconds:
            self.model.stop_training = True


def arrays(name, split):
    """Returns all images in [0, 1] and all labels of a split."""
    data = kgan.data.load(
        name, split=split, value_range=(0, 1), shuffle=False, drop_remainder=False
    )
    return tuple(np.concatenate(part) for part in zip(*data.as_numpy_iterator(), strict=True))


def edges(images):
    """Returns the length of Sobel's gradient of the luma, clipped to [0, 1]."""
    luma = tf.reduce_mean(images, -1, keepdims=True)
    length = tf.norm(tf.image.sobel_edges(luma), axis=-1)
    return np.clip(length, 0, 1).astype("float32")


def pix2pix(arguments, work):
    """Trains Pix2Pix to draw MNIST digits, padded to 32x32, from their edges."""
    border = ((0, 0), (2, 2), (2, 2), (0, 0))
    real, held_out = (np.pad(arrays("mnist", part)[0], border) for part in ("train", "test[:2000]"))
    data = kgan.data.pairs(edges(real), real, batch_size=16)
    test = kgan.data.pairs(edges(held_out), held_out, batch_size=50, shuffle=False)
    gan = models.Pix2Pix.for_data(data.info, width=32, seed=0)
    gan.compile()
    gan.fit(data, epochs=10**6, verbose=0, callbacks=watchers(arguments, work))
    figures = gan.evaluate(test, verbose=0, metrics=["psnr"])
    mean = np.broadcast_to(real.mean(0), held_out.shape)
    of_the_mean = metrics.psnr(held_out, mean, value_range=(0, 1))
    gan.examples = tuple(part.numpy()[:16] for part in next(iter(test)))
    return gan, {"psnr": figures["psnr"], "psnr_of_the_mean": float(np.mean(of_the_mean))}


def recoloured(grey):
    """Returns grey digits `(n, height, width, 1)` in [0, 1] in the colours of the second domain."""
    return (PAPER + grey * (INK - PAPER)).astype("float32")


def cyclegan(arguments, work):
    """Trains CycleGAN between MNIST digits and other MNIST digits in blue on yellow."""
    digits, _ = arrays("mnist", "train")
    held_out, labels = arrays("mnist", "test[:1000]")
    half = len(digits) // 2
    a, b = digits[:half].repeat(3, -1), recoloured(digits[half:])
    data = kgan.data.domains(a, b, batch_size=8)
    gan = models.CycleGAN.for_data(data.info, width=16, blocks=3, identity=0.0, seed=0)
    gan.training_steps = arguments.steps or 6000
    gan.compile()
    gan.fit(
        data,
        epochs=1,
        steps_per_epoch=gan.training_steps,
        verbose=0,
        callbacks=watchers(arguments, work),
    )
    grey, ink = held_out.repeat(3, -1), recoloured(held_out)
    there = (gan.translate(grey * 2 - 1, "a2b") + 1) / 2
    back = (gan.translate(ink * 2 - 1, "b2a") + 1) / 2
    classifier = metrics.extractors.Digits()
    classifier.prepare((28, 28, 1), (0.0, 1.0))
    # For the classifier: converted to grey by projecting on the line between the two colours.
    line = INK - PAPER
    seen = {
        "a2b": np.clip(((there - PAPER) @ line / (line @ line))[..., None], 0, 1),
        "b2a": back.mean(-1, keepdims=True),
    }
    figures = {
        "a2b_error": float(np.abs(there - ink).mean()),
        "b2a_error": float(np.abs(back - grey).mean()),
    }
    for direction, images in seen.items():
        found = np.argmax(classifier(tf.constant(images, tf.float32)).logits, -1)
        figures[f"{direction}_class_kept"] = float((found == labels).mean())
    gan.examples = (grey[:10] * 2 - 1, ink[10:20] * 2 - 1)
    return gan, figures


def srgan(arguments, work):
    """Trains SRGAN to enlarge photographs four times, and measures it on whole test images."""
    data = kgan.data.crops(arguments.train, scale=4, size=96, batch_size=16, per_image=16)
    test = kgan.data.crops(arguments.test, scale=4, size=None)
    gan = models.SRGAN(scale=4, preset="narrow", content=arguments.content, seed=0)
    first, second = 0.75 * arguments.seconds, 0.25 * arguments.seconds
    steps = arguments.steps or 6000
    gan.pretrain(
        data,
        epochs=max(1, steps // data.info.steps_per_epoch),
        steps=steps,
        verbose=0,
        callbacks=[Until(first)],
    )
    measured = [metrics.PSNR(crop=4), metrics.SSIM(crop=4)]
    gan.training_steps = max(1, steps // 10)
    gan.compile()
    figures = {"first": only(gan.evaluate(test, verbose=0, metrics=measured)) | edge(gan, test)}
    sheet(gan, test, work / "srgan-first.png")
    replace(work / "srgan-first.keras", gan.save)
    gan.fit(
        data,
        epochs=1,
        steps_per_epoch=gan.training_steps,
        verbose=0,
        callbacks=[Until(second)],
    )
    figures["second"] = only(gan.evaluate(test, verbose=0, metrics=measured)) | edge(gan, test)
    plain = [
        metrics.psnr(
            high, tf.clip_by_value(tf.image.resize(low, high.shape[1:3], "bicubic"), -1, 1), crop=4
        )
        for low, high in test
    ]
    figures["bicubic"] = {"psnr": float(np.mean(plain))}
    sheet(gan, test, work / "srgan.png")
    return gan, figures


def only(figures):
    return {name: figures[name] for name in ("psnr", "ssim")}


def edge(gan, test):
    """Returns the mean length of the gradients, divided by that of the true images."""
    ratios = [
        edges(gan.upscale(low.numpy()) / 8).mean() / edges(high.numpy() / 8).mean()
        for low, high in test
    ]
    return {"edges": float(np.mean(ratios))}


def sheet(gan, test, path):
    """Draws crops of the test images: bicubic, generated, true."""
    parts = [(low.numpy()[0], high.numpy()[0]) for low, high in test]
    low = np.stack([low[:48, :48] for low, _ in parts])
    high = np.stack([high[:192, :192] for _, high in parts])
    gan.examples = (low, high)
    picture = pictures.draw(gan.preview(64)["samples"], value_range=(-1, 1), columns=3)
    pictures.save_png(path, picture)


def watchers(arguments, work):
    return [Until(arguments.seconds), callbacks.ImageSnapshot(work / "rows", overwrite=True)]


JOBS = {"pix2pix": pix2pix, "cyclegan": cyclegan, "srgan": srgan}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="+", choices=JOBS)
    parser.add_argument("--seconds", type=float, default=1800.0, help="the most for each training")
    parser.add_argument("--steps", type=int, help="of each training; schedules end there")
    parser.add_argument("--train", help="folder of photographs, for srgan")
    parser.add_argument("--test", help="folder of other photographs, for srgan")
    parser.add_argument("--content", default="auto", help="network of srgan's content loss")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("quality-runs"))
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "results"
    )
    arguments = parser.parse_args()
    if "srgan" in arguments.jobs and not (arguments.train and arguments.test):
        parser.error("srgan needs --train and --test, two folders of photographs.")
    arguments.out.mkdir(parents=True, exist_ok=True)
    file = arguments.out / "from_images.json"
    for job in arguments.jobs:
        keras.utils.set_random_seed(0)
        work = arguments.work / job
        work.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        gan, figures = JOBS[job](arguments, work)
        figures |= {
            "steps": int(gan.iterations),
            "seconds": round(time.perf_counter() - started),
            "cores": int(os.environ.get("TF_NUM_INTRAOP_THREADS") or os.cpu_count()),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
        replace(work / "gan.keras", gan.save)
        print(f"{job}: {json.dumps(figures)}", flush=True)
        results = json.loads(file.read_text()) if file.is_file() else {}
        text = json.dumps(results | {job: figures}, indent=1) + "\n"
        replace(file, lambda part, text=text: part.write_text(text))
        picture = pictures.draw(
            gan.preview(96)["samples"], value_range=(-1, 1), columns=gan.preview_columns
        )
        pictures.save_png(arguments.out / f"{job}.png", picture)


if __name__ == "__main__":
    main()

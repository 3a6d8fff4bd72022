"""The main job, measured by a classifier that was not trained on generated digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import kgan


@pytest.mark.slow
def test_the_stable_variant_draws_every_digit_so_that_a_classifier_is_sure():
    pixels, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        pixels / 16.0, labels, test_size=0.3, random_state=0
    )
    classifier = SVC(probability=True, random_state=0, C=5).fit(seen, seen_labels)
    assert classifier.score(unseen, unseen_labels) > 0.98

    def sure(images):
        chances = classifier.predict_proba(images.reshape(len(images), -1))
        shares = np.bincount(chances.argmax(1), minlength=10) / len(images)
        return (chances.max(1) > 0.8).mean(), shares

    data = kgan.data.load("digits", batch_size=64)
    gan = kgan.models.VanillaGAN((8, 8, 1), "stable")
    gan.compile(steps_per_execution=23)
    gan.fit(data, epochs=522, verbose=0)
    share, classes = sure((gan.generate(1000, seed=1) + 1) / 2)
    # Of real digits it had not seen, the classifier is sure of 93 %; of noise, of none.
    assert share > 0.65, share
    assert classes.min() > 0.05, classes
    assert classes.max() < 0.17, classes

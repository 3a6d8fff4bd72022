"""These tests run in a process with two logical devices; see `test_on_two_devices`."""

import os

import pytest
import tensorflow as tf

if "KGAN_DEVICES" in os.environ:
    _CPU = tf.config.list_physical_devices("CPU")[0]
    _COUNT = int(os.environ["KGAN_DEVICES"])
    tf.config.set_logical_device_configuration(
        _CPU, [tf.config.LogicalDeviceConfiguration()] * _COUNT
    )
else:
    collect_ignore_glob = ["*"]


@pytest.fixture(scope="session")
def two():
    """A strategy of two replicas; one for all tests, as a program has one."""
    return tf.distribute.MirroredStrategy([f"CPU:{place}" for place in range(_COUNT)])

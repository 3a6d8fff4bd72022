"""Each kind of trouble is provoked, and the same run with the printed advice does not show it."""

import inspect
import re
import shlex

import keras
import pytest
import troubled

import kgan
from kgan.callbacks import remedies
from kgan.cli import settings as given_settings
from kgan.cli.commands.training import train

RUNS = {run.kind: run for run in troubled.RUNS}
WAYS = [(kind, way) for kind, remedy in remedies.REMEDIES.items() for way in remedy.ways]
# Where `--learning-rate` changes more than the advice for Python does.
BOTH_RATES = ("collapse", "standstill", "clipping")


def as_python(advice: str) -> dict:
    """The arguments of `compile` that a piece of advice names."""
    written = re.fullmatch(r"Try compile\((.*)\)\.", advice).group(1)
    return eval(f"dict({written})", {"keras": keras, "kgan": kgan, "dict": dict})


def parsed(advice: str) -> dict:
    """The settings of the command line that a piece of advice names."""
    words = re.fullmatch(r"Start again with (.*)\.", advice).group(1)
    context = train.make_context("train", shlex.split(words))
    settings = dict(context.params)
    settings["penalties"] = list(settings["penalties"])
    return settings


def as_command(advice: str, gan) -> dict:
    """The arguments of `compile` that the command line makes of a piece of advice."""
    settings = parsed(advice)
    found = given_settings.compile_arguments(settings)
    found = {name: value for name, value in found.items() if value is not None}
    if settings["learning_rate"]:
        players = given_settings.optimizers(settings, gan)
        found |= {"d_optimizer": players["discriminator"], "g_optimizer": players["generator"]}
    return found


def test_there_is_a_run_for_every_kind():
    assert list(RUNS) == list(remedies.REMEDIES) == list(kgan.callbacks.collapse_monitor.KINDS)


@pytest.mark.parametrize(("kind", "way"), WAYS)
def test_advice_names_what_exists_and_both_forms_say_the_same(kind, way):
    fill = {"lower": "0.0001", "higher": "0.0002", "before": "700"}
    python, command = (remedies.advice(kind, way, style, fill) for style in remedies.STYLES)
    if kind == "checkerboard":
        family = re.fullmatch(r"Try kgan train (\w+)\.", command).group(1)
        assert family in kgan.models.CATALOGUE
        for name in re.findall(r"kgan\.layers\.(\w+)", python):
            assert hasattr(kgan.layers, name)
        return
    if way == "shorter":
        assert parsed(command.replace("Try", "Start again with"))["steps"] == 700
        names = re.findall(r"(\w+)=", python)
        assert names == ["epochs", "steps_per_epoch"]
        assert set(names) <= set(inspect.signature(kgan.GAN.fit).parameters)
        return
    gan = kgan.GAN(*troubled.dense(4))
    asked, made = as_python(python), as_command(command, gan)
    assert set(asked) <= set(inspect.signature(kgan.GAN.compile).parameters)
    gan.compile(**asked)
    loss, terms = type(gan.loss), [term.get_config() for term in gan.terms]
    rate = float(gan.g_optimizer.learning_rate)
    gan.compile(**made | ({} if "g_optimizer" in made else {"g_optimizer": gan.g_optimizer}))
    assert type(gan.loss) is loss
    assert [term.get_config() for term in gan.terms] == terms
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(rate)
    assert ("augment" in asked) == (gan.augment is not None)


def test_rates_are_those_of_the_model():
    gan = kgan.GAN(*troubled.dense(4))
    gan.compile(g_optimizer=keras.optimizers.Adam(1e-4), d_optimizer=keras.optimizers.Adam(1.0))
    assert remedies.rates(gan, 300) == {"lower": "2.5e-05", "higher": "0.001", "before": "300"}
    gan.compile(g_optimizer=keras.optimizers.Adam(1e-2))
    assert remedies.rates(gan)["lower"] == "0.0002"


def seen(monitor) -> set:
    return {event["kind"] for event in monitor.events}


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNS)
def test_the_printed_advice_cures(kind):
    run = RUNS[kind]
    gan, monitor = run.fit()
    event = next(event for event in monitor.events if event["kind"] == kind)
    assert event["advice"]["python"] in event["message"]
    assert event["evidence"] in event["message"]
    if kind == "checkerboard":
        assert "kgan.layers.Upsample" in event["message"]
        _, cured = run.fit(networks=troubled.convolutional(transposed=False))
        assert kind not in seen(cured)
        return
    _, cured = run.fit(as_python(event["advice"]["python"]))
    assert kind not in seen(cured)
    if kind in BOTH_RATES:
        _, cured = run.fit(as_command(event["advice"]["command"], gan))
        assert kind not in seen(cured)


@pytest.mark.slow
def test_whoever_augments_already_is_told_to_end_earlier():
    run = RUNS["overfitting"]
    _, monitor = run.fit({"augment": lambda samples, seed: samples}, style="command")
    event = next(event for event in monitor.events if event["kind"] == "overfitting")
    steps = int(re.search(r"Try --steps (\d+)\.", event["message"]).group(1))
    assert steps < event["step"]
    _, cured = run.fit({"augment": lambda samples, seed: samples}, steps=steps)
    assert "overfitting" not in seen(cured)

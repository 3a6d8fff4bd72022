"""A web page in Chromium, opened from a file: its samples, its controls, its requests."""

import base64
import gzip
import hashlib
import json
import lzma
import re
import time
from importlib import resources
from pathlib import Path

import browsing
import numpy as np
import pytest

import kgan
from kgan.errors import InputError
from kgan.runs import RunFolder, trained

pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")

# Of the page that belongs to a model, beside the runtime that all pages have.
OWN = ("index.html", "generator.js", "page.js")


@pytest.fixture(scope="module")
def conditional():
    gan = kgan.models.ACGAN((8, 8, 1), classes=3, width=6, latent_size=4)
    for weight in gan.generator.trainable_variables:
        # An untrained generator's samples are all the same grey.
        weight.assign(weight * 8)
    return gan


def test_a_folder_holds_all_that_it_needs(conditional, tmp_path):
    digits = trained(RunFolder.find("digits"))
    price = digits.export(tmp_path / "page", format="web")
    assert price.precision == "float16"
    files = {each.name: each for each in (tmp_path / "page").iterdir()}
    assert files.keys() == {*OWN, "runtime.js", "runtime-licences.txt"}
    assert sum(files[name].stat().st_size for name in OWN) < 2e6
    assert "Permission is hereby granted" in files["runtime-licences.txt"].read_text("utf-8")
    html = files["index.html"].read_text("utf-8")
    assert set(re.findall(r'src="([^"]*)"', html)) == {"runtime.js", "generator.js", "page.js"}
    # What somebody keeps there is not replaced.
    (tmp_path / "page" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        digits.export(tmp_path / "page", format="web")

    title = "</script><b>a & b"
    conditional.export(tmp_path / "x.html", title=title, class_names=["<i>zero", "one"])
    text = (tmp_path / "x.html").read_text("utf-8")
    assert title not in text and "<i>zero" not in text
    assert "&lt;i&gt;zero</option>" in text and '<option value="2">2</option>' in text


@pytest.mark.parametrize("gain", [8, 16])
def test_the_weights_of_a_page_are_16_bits_and_some_24(tmp_path, gain):
    onnx = pytest.importorskip("onnx")
    gan = kgan.models.DCGAN((8, 8, 1), width=8)
    for weight in gan.generator.trainable_variables:
        # The larger the weights, the more is changed by rounding them.
        weight.assign(weight * gain)
    price = gan.export(tmp_path / "page", format="web")
    # Rounding shows, so that it was done; and no more than the page promises.
    assert 0 < price.largest <= 1e-3 and 50 < price.psnr < 120
    script = (tmp_path / "page" / "generator.js").read_text("utf-8")
    facts = json.loads(script.removeprefix("window.kganModel = ").removesuffix(";"))
    network = onnx.load_from_string(gzip.decompress(base64.b64decode(facts["network"])))
    stored = dict.fromkeys(("FLOAT", "FLOAT16", "INT8"), 0)
    for tensor in network.graph.initializer:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type)
        stored[kind] = stored.get(kind, 0) + int(np.prod(tensor.dims))
    weights = gan.generator.count_params()
    assert stored["FLOAT"] < 100 < 0.95 * weights < stored["FLOAT16"] <= weights


def test_the_runtime_is_as_it_was_published():
    runtime = resources.files("kgan.inference.formats.web") / "runtime"
    facts = json.loads((runtime / "runtime.json").read_text("utf-8"))
    assert facts["license"] == "MIT" and len(facts["files"]) == 2
    for name, file in facts["files"].items():
        content = lzma.decompress((runtime / name).read_bytes())
        assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_what_a_page_cannot_show_is_refused(tmp_path):
    flat = kgan.GAN(*(_dense(a, b) for a, b in ((4, 7), (7, 1))))
    with pytest.raises(InputError, match=r"images and points.*\(7,\)"):
        flat.export(tmp_path / "x.html")


def _dense(inputs, outputs):
    import keras

    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])


def opened(driver, path, width, scheme="light"):
    browsing.shown_as(driver, width, scheme)
    driver.get(path.as_uri())
    settled(driver, "ready")


def settled(driver, what="drawn"):
    """Waits until the page has drawn the last change."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = driver.execute_script(f"return document.documentElement.dataset.{what}")
        if found == "yes":
            return
        assert found != "failed", driver.find_element("id", "state").text
        time.sleep(0.02)
    pytest.fail("the page did not finish")


def pictures(driver, place):
    script = "return [...document.querySelectorAll(arguments[0])].map((c) => c.toDataURL())"
    return driver.execute_script(script, place)


def made_by(driver, latents, labels=()):
    script = "kgan.generate(arguments[0], arguments[1]).then((found) => arguments[2]([...found]))"
    return np.array(
        driver.execute_async_script(script, latents.ravel().tolist(), np.asarray(labels).tolist())
    )


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("single", [True, False])
def test_a_visitor_draws_samples(browser, conditional, tmp_path, width, scheme, single):
    target = tmp_path / ("x.html" if single else "page")
    conditional.export(target, format="web", title="Three classes")
    path = target if single else target / "index.html"
    opened(browser, path, width, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width

    # The same latents, the same samples; the same seed, the same latents and classes.
    seeds = list(range(16))
    latents = conditional.latents_of(seeds)
    drawn = browser.execute_script("return arguments[0].map((s) => [...kgan.latents(s, 0)])", seeds)
    np.testing.assert_allclose(drawn, latents, atol=1e-5)
    labels = np.arange(16) % 3
    truth = conditional.generate(latents=latents, labels=labels)
    assert np.abs(truth).max() > 0.9
    made = made_by(browser, latents, labels).reshape(truth.shape)
    np.testing.assert_allclose(made, truth, atol=1e-3)
    own = browser.execute_script("return arguments[0].map(kgan.drawnClass)", seeds)
    np.testing.assert_allclose(
        made_by(browser, latents, own).reshape(truth.shape),
        np.concatenate([conditional.generate(1, seed=seed) for seed in seeds]),
        atol=1e-3,
    )

    first, moved = pictures(browser, "#samples canvas"), pictures(browser, "#moved")
    assert len(set(first)) == 16 and moved == first[:1]
    assert "sample 0, class" in browser.find_element("id", "moved").get_attribute("aria-label")

    def press(selector):
        element = browser.find_element("css selector", selector)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()
        settled(browser)

    def slide(selector, key):
        from selenium.webdriver.common.keys import Keys

        element = browser.find_element("css selector", selector)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.send_keys(getattr(Keys, key))
        settled(browser)

    press("#new")
    renewed = pictures(browser, "#samples canvas")
    assert not set(renewed) & set(first)

    press("#samples button:nth-child(6)")
    start = pictures(browser, "#moved")
    assert start == [renewed[5]]
    slide(".direction", "END")
    further = pictures(browser, "#moved")
    press("#reset")
    assert further != start == pictures(browser, "#moved")
    # Blended wholly, it is the other sample, of the picked one's class.
    browser.execute_script(
        "const box = document.getElementById('class'); box.value = '2';"
        "box.dispatchEvent(new Event('change'))"
    )
    settled(browser)
    of_two = pictures(browser, "#samples canvas")
    assert of_two != renewed
    slide("#blend", "END")
    assert pictures(browser, "#moved") == [of_two[1]]
    press("#reset")
    slide("#truncation", "HOME")
    assert pictures(browser, "#samples canvas") != of_two

    own_files = {path.as_uri()}
    own_files |= set() if single else {each.as_uri() for each in target.iterdir()}
    # Without what the page brings itself.
    asked = {url for url in browsing.requests(browser) if not url.startswith(("data:", "blob:"))}
    assert asked <= own_files
    assert browsing.complaints(browser) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "ring"])
def test_models_that_come_along_draw_the_same(browser, tmp_path, name):
    gan = trained(RunFolder.find(name))
    gan.export(tmp_path / "x.html")
    opened(browser, Path(tmp_path / "x.html"), 390)
    for truncation in (0, 0.6):
        script = "return arguments[0].map((seed) => [...kgan.latents(seed, arguments[1])])"
        drawn = browser.execute_script(script, [5, 2147483600], truncation)
        latents = gan.latents_of([5, 2147483600], truncation or None)
        np.testing.assert_allclose(drawn, latents, atol=1e-5)
        truth = gan.generate(latents=latents)
        made = made_by(browser, latents).reshape(truth.shape)
        np.testing.assert_allclose(made, truth, atol=1e-3)
    assert browsing.complaints(browser) == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_serious_on_a_page(browser, conditional, tmp_path, width, scheme):
    conditional.export(tmp_path / "x.html", title="Three classes")
    opened(browser, tmp_path / "x.html", width, scheme)
    assert browsing.serious(browser) == []

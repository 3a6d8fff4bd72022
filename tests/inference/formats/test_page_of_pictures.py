"""A web page of a model that starts from pictures, opened from a file in Chromium."""

import base64
import io
import json
import time

import browsing
import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.errors import InputError

pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")


def moved(model):
    """The model with larger weights: an untrained one leaves pictures grey to the eye."""
    for network in model.networks_of("generator"):
        for weight in network.trainable_variables:
            weight.assign(weight * 3)
    return model


def cyclegan():
    return moved(kgan.models.CycleGAN((12, 16, 3), width=4, blocks=1, seed=0))


def pix2pix():
    return moved(kgan.models.Pix2Pix((16, 16, 1), width=4, seed=0))


def srgan():
    return moved(kgan.models.SRGAN(width=4, blocks=1, content="pixels", seed=0))


def drawn(driver, wanted="yes"):
    """Waits until a picture has been shown."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = driver.execute_script("return document.documentElement.dataset.drawn")
        if found in ("yes", "failed"):
            assert found == wanted, driver.find_element("id", "told").text
            return
        time.sleep(0.02)
    pytest.fail("the page did not finish")


def give(driver, path, wanted="yes"):
    driver.execute_script("document.documentElement.dataset.drawn = 'no'")
    driver.find_element("id", "file").send_keys(str(path))
    drawn(driver, wanted)


def pixels(driver, place):
    source = driver.execute_script(f"return document.getElementById('{place}').toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))))


def opened(driver, path, width=390, scheme="light"):
    browsing.shown_as(driver, width, scheme)
    driver.get(path.as_uri())
    browsing.wait(lambda: driver.execute_script("return document.documentElement.dataset.ready"))


def scaled(image, gan):
    low, high = gan.data_range
    return (image.astype("float32") / 255 * (high - low) + low)[None]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("single", [True, False])
def test_a_visitors_picture_is_translated(browser, tmp_path, width, scheme, single):
    gan = cyclegan()
    target = tmp_path / ("x.html" if single else "page")
    price = gan.export(target, format="web", endpoint="b2a", title="Horses <and> zebras")
    assert price.precision == "float16"
    opened(browser, target if single else target / "index.html", width, scheme)
    assert "from B to A" in browser.find_element("tag name", "header").text

    # Neither a multiple of the stride nor of the size of the training.
    given = np.random.default_rng(0).integers(0, 256, (13, 15, 4), np.uint8)
    Image.fromarray(given).save(tmp_path / "given.png")
    give(browser, tmp_path / "given.png")
    opacity = given[..., 3:] / 255
    seen = pixels(browser, "before")[..., :3]
    np.testing.assert_allclose(seen, given[..., :3] * opacity + 255 * (1 - opacity), atol=2)
    expected = gan.translate(scaled(seen, gan), "b2a")[0]
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(
        pixels(browser, "after")[..., :3] / 127.5 - 1, expected, atol=1.1 / 127.5
    )
    # The numbers themselves, before they become pixels.
    flat = np.dstack([seen, np.full(seen.shape[:2], 255)]).ravel().tolist()
    made = browser.execute_async_script(
        "kgan.convert(Uint8Array.from(arguments[0]), 13, 15)"
        ".then((found) => arguments[1]([[...found.data], found.shape]))",
        flat,
    )
    np.testing.assert_allclose(np.reshape(made[0], made[1]), expected, atol=1e-3)

    # One that is longer than the size chosen is made smaller, and another choice shows it anew.
    Image.fromarray(given[..., :3]).resize((100, 30)).save(tmp_path / "long.jpg")
    give(browser, tmp_path / "long.jpg")
    assert pixels(browser, "before").shape[:2] == (5, 16)
    browser.execute_script(
        "document.documentElement.dataset.drawn = 'no';"
        "const box = document.getElementById('most'); box.value = '64';"
        "box.dispatchEvent(new Event('change'))"
    )
    drawn(browser)
    assert pixels(browser, "before").shape[:2] == (19, 64) == pixels(browser, "after").shape[:2]
    assert "long.jpg: 64 x 19 pixels" in browser.find_element("id", "told").text
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    if browsing.absent("axe_selenium_python") == "":
        assert browsing.serious(browser) == []

    # What is no picture is said, and the last result stays.
    kept = pixels(browser, "after")
    (tmp_path / "notes.png").write_text("no picture")
    give(browser, tmp_path / "notes.png", "failed")
    told = browser.find_element("id", "told")
    assert "notes.png is no picture" in told.text and told.get_attribute("role") == "alert"
    np.testing.assert_array_equal(pixels(browser, "after"), kept)

    # Of two that come at once the later one stays, and its name with it.
    browser.execute_script(
        "document.documentElement.dataset.drawn = 'no';"
        "const at = (side, name) => new Promise((go) => {"
        "const c = document.createElement('canvas'); c.width = c.height = side;"
        "c.toBlob((b) => go(new File([b], name))); });"
        "Promise.all([at(4000, 'large.png'), at(16, 'small.png')]).then((files) => {"
        "for (const file of files) { const data = new DataTransfer(); data.items.add(file);"
        "document.dispatchEvent(new DragEvent('drop', { dataTransfer: data })); } })"
    )
    drawn(browser)
    time.sleep(1)
    assert browser.find_element("id", "told").text.startswith("small.png: 16 x 16")
    assert "small.png" in browser.find_element("id", "before").get_attribute("aria-label")

    own = {each.as_uri() for each in ([target] if single else target.iterdir())}
    asked = {url for url in browsing.requests(browser) if not url.startswith(("data:", "blob:"))}
    assert asked <= own
    assert browsing.complaints(browser) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", [pix2pix, srgan])
def test_grey_and_larger_pictures(browser, tmp_path, family):
    gan = family()
    gan.export(tmp_path / "x.html")
    opened(browser, tmp_path / "x.html")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (13, 10, 3), np.uint8)).save(
        tmp_path / "given.png"
    )
    give(browser, tmp_path / "given.png")
    channels = 1 if family is pix2pix else 3
    from kgan.data import images

    given = images.read(tmp_path / "given.png", channels)
    if family is pix2pix:
        expected = gan.translate(scaled(given, gan))[0] * 127.5 + 127.5
    else:
        expected = gan.upscale(given)
        assert "4 times larger" in browser.find_element("tag name", "header").text
    shown = pixels(browser, "after")[..., :channels]
    assert shown.shape == expected.shape == (*expected.shape[:2], channels)
    np.testing.assert_allclose(shown, expected, atol=1.1)
    assert browsing.complaints(browser) == []


def test_no_picture_of_the_training_goes_along(tmp_path):
    gan = srgan()
    # They are the user's, and the page may go to anybody.
    gan.examples = (np.full((2, 8, 8, 3), 0.25, "float32"), np.zeros((2, 32, 32, 3), "float32"))
    gan.export(tmp_path / "page", format="web")
    script = (tmp_path / "page" / "generator.js").read_text("utf-8")
    facts = json.loads(script.removeprefix("window.kganModel = ").removesuffix(";"))
    assert facts.keys() == {"title", "name", "network", "channels", "range"}
    assert facts["title"] == "SRGAN" and facts["channels"] == 3
    assert "data:image" not in (tmp_path / "page" / "index.html").read_text("utf-8")


def test_pictures_of_other_channels_are_refused(tmp_path):
    gan = kgan.models.Pix2Pix((16, 16, 3), input_channels=5, width=4)
    with pytest.raises(InputError, match="1, 3 or 4 channels.*3 and 5"):
        gan.export(tmp_path / "x.html")
    assert not list(tmp_path.iterdir())

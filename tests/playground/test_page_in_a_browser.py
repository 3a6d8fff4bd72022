"""The page in a headless Chromium: clicked through at two widths, its requests and complaints."""

import base64
import io
import subprocess
import sys
import urllib.error
import urllib.request

import browsing
import numpy as np
import pytest
from PIL import Image

import kgan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(browsing.absent("gradio")), reason=browsing.absent("gradio") or "all is there"
    ),
]


@pytest.fixture(scope="module")
def page():
    gan = kgan.models.ACGAN((8, 8, 1), classes=3, width=6, latent_size=4)
    for weight in gan.generator.trainable_variables:
        # An untrained generator's samples are all the same grey to the eye.
        weight.assign(weight * 8)
    served = kgan.play(gan, block=False)
    yield served.local_url
    served.close()


def css(driver, selector):
    return driver.find_elements("css selector", selector)


def sources(driver, place="#samples img"):
    return [each.get_attribute("src") for each in css(driver, place)]


def changed(driver, before, place):
    """Waits for other pictures at a place."""

    def other():
        """other pictures"""
        found = sources(driver, place)
        return found if found and found != before and len(found) >= min(1, len(before)) else None

    return browsing.wait(other)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_visitor_explores_the_samples(page, width, tmp_path):
    from selenium.webdriver.common.keys import Keys

    with browsing.browser(width) as driver:
        driver.get(page)
        browsing.wait(lambda: len(sources(driver)) == 16)
        moved = browsing.wait(lambda: sources(driver, "#moved img"))
        first = sources(driver)
        assert len(set(first)) == 16
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width

        css(driver, "#new")[0].click()

        def new():
            """All samples have been replaced: they come one by one."""
            now = sources(driver)
            return now if len(now) == 16 and not set(now) & set(first) else None

        renewed = browsing.wait(new)

        # A slider moves the picked sample, and back.
        slider = css(driver, "#slider-0 input[type=range]")[0]
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
        slider.send_keys(Keys.END)
        further = changed(driver, moved, "#moved img")
        css(driver, "#reset")[0].click()
        browsing.wait(lambda: sources(driver, "#moved img") == moved)
        assert further != moved

        label = next(each for each in css(driver, "#class label") if each.text.strip() == "2")
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", label)
        label.click()
        # A third of them were of that class before, and stay.
        browsing.wait(lambda: len(set(sources(driver)) - set(renewed)) in (10, 11))

        # A picked sample becomes the first; its seed is the number below it.
        picked = css(driver, "#samples button.thumbnail-item")[3]
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", picked)
        seed = css(driver, "#samples .caption-label")[3].text.strip()
        picked.click()
        browsing.wait(
            lambda: css(driver, "#first input")[0].get_attribute("value") == seed and seed != ""
        )

        tab = next(each for each in css(driver, "button[role=tab]") if "Between" in each.text)
        driver.execute_script("arguments[0].click()", tab)
        middle = browsing.wait(lambda: sources(driver, "#between img"))
        place = browsing.wait(lambda: css(driver, "#place input[type=range]"))[0]
        place.send_keys(Keys.HOME)
        assert changed(driver, middle, "#between img") != middle

        assert browsing.complaints(driver) == []
        assert browsing.hosts(driver) == {"127.0.0.1"}


def test_nothing_else_of_the_machine_is_served(page, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")

    def status(path, **headers):
        request = urllib.request.Request(page.rstrip("/") + path, headers=headers)
        try:
            return urllib.request.urlopen(request).status
        except urllib.error.HTTPError as error:
            return error.code

    assert status("/") == 200
    for path in (tmp_path / "secret.txt", "secret.txt", __file__, "/etc/passwd", kgan.__file__):
        assert status(f"/gradio_api/file={path}") == 403
    assert status("/", Host="example.com") == 400
    assert status("/gradio_api/proxy=https://example.com/") >= 400


def test_accessibility_has_no_serious_finding(page):
    with browsing.browser(1280) as driver:
        driver.get(page)
        browsing.wait(lambda: len(sources(driver)) == 16 and sources(driver, "#moved img"))
        serious = browsing.serious(driver)
    assert [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in serious] == []


def give(driver, path):
    """Puts a picture into the page."""
    upload = browsing.wait(lambda: css(driver, "#given input[type=file]"))[0]
    upload.send_keys(str(path))
    browsing.wait(lambda: sources(driver, "#given img"))


def test_a_picture_is_sent_and_comes_back_enlarged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "given.png")
    served = kgan.play(kgan.models.SRGAN(width=4, blocks=1, content="pixels"), block=False)
    try:
        with browsing.browser(390) as driver:
            driver.get(served.local_url)
            give(driver, tmp_path / "given.png")
            css(driver, "#convert")[0].click()
            found = browsing.wait(lambda: css(driver, "#converted img"))[0]
            size = driver.execute_script(
                "return [arguments[0].naturalHeight, arguments[0].naturalWidth]", found
            )
            assert size == [48, 40]
            assert browsing.complaints(driver) == []
            assert browsing.hosts(driver) == {"127.0.0.1"}
    finally:
        served.close()


def pixels(source):
    """The picture of a data address."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))))


def test_a_picture_is_translated_both_ways(tmp_path):
    gan = kgan.models.CycleGAN((12, 12, 3), width=4, blocks=1, seed=0)
    for weight in (*gan.generator_ab.trainable_variables, *gan.generator_ba.trainable_variables):
        weight.assign(weight * 4)
    given = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(given).save(tmp_path / "given.png")
    served = kgan.play(gan, block=False)
    try:
        with browsing.browser(390) as driver:
            driver.get(served.local_url)
            give(driver, tmp_path / "given.png")
            before = []
            for place, direction in enumerate(("a2b", "b2a")):
                css(driver, "#direction input")[place].click()
                css(driver, "#convert")[0].click()
                before = changed(driver, before, "#converted img")
                expected = gan.translate(given[None] / 127.5 - 1.0, direction)[0]
                shown = pixels(before[0]).astype("float32")[..., :3] / 127.5 - 1.0
                np.testing.assert_allclose(shown, expected, atol=1.1 / 127.5)
            assert browsing.complaints(driver) == []
            assert browsing.hosts(driver) == {"127.0.0.1"}
    finally:
        served.close()


def test_the_newest_checkpoint_of_a_training_is_loaded(tmp_path):
    train = [sys.executable, "-m", "kgan", "train", "--out", tmp_path / "run", "--no-report"]
    subprocess.run([*train, "vanilla", "--variant", "relu", "--steps", "20"], check=True)
    served = kgan.play(tmp_path / "run", block=False)
    try:
        with browsing.browser(1280) as driver:
            driver.get(served.local_url)
            before = browsing.wait(lambda: len(sources(driver)) == 16 and sources(driver))
            assert "20" in css(driver, "#state")[0].text
            subprocess.run([*train, "--resume", "--steps", "60"], check=True)
            css(driver, "#reload")[0].click()
            changed(driver, before, "#samples img")
            assert "60" in css(driver, "#state")[0].text
            assert browsing.complaints(driver) == []
    finally:
        served.close()

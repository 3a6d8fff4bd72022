"""A report in Chromium, at a phone's and a desktop's width, dark and light."""

import browsing
import pytest

import kgan

pytestmark = pytest.mark.slow

# The text of all tooltips, which Bokeh keeps in shadow roots.
TOOLTIPS = """
const texts = [];
(function walk(root) {
  for (const node of root.querySelectorAll("*")) {
    if (node.matches("[class*=ooltip]") && node.checkVisibility()) {
      texts.push(node.shadowRoot ? node.shadowRoot.textContent : node.textContent);
    }
    if (node.shadowRoot) walk(node.shadowRoot);
  }
})(document);
return texts.join(" ");
"""


def opened(browser, path, width, scheme):
    """Opens a page, and waits until its curves are drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    browsing.shown_as(browser, width, scheme)
    browser.get(path.as_uri())
    ready = "return document.documentElement.dataset.ready"
    WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(ready))


def hovered(browser):
    """Points at the middle of the first chart; returns what its tooltips say."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    plot = browser.find_element(By.CSS_SELECTOR, ".plot")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)

    def said(driver):
        ActionChains(driver).move_to_element(plot).move_by_offset(3, 0).perform()
        return driver.execute_script(TOOLTIPS)

    return WebDriverWait(browser, 20).until(said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_report_is_scrubbed_and_hovered_without_network(golden, browser, width, scheme):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    opened(browser, kgan.report(golden("conditional")), width, scheme)
    image = browser.find_element(By.CSS_SELECTOR, ".strip img")
    slider = browser.find_element(By.CSS_SELECTOR, ".strip input")
    last = image.get_attribute("src")
    assert "20" in image.get_attribute("alt")
    slider.send_keys(Keys.ARROW_LEFT)
    assert image.get_attribute("src") != last
    assert "10" in image.get_attribute("alt")
    said = hovered(browser)
    assert "d_loss" in said
    # The third of five epochs.
    assert "0.3333" in said
    sizes = "return [document.documentElement.scrollWidth, innerWidth]"
    wide, screen = browser.execute_script(sizes)
    assert wide <= screen
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[scheme]
    ink = "return Bokeh.documents[0].roots()[0].below[0].major_label_text_color"
    assert browser.execute_script(ink) == {"light": "#57606a", "dark": "#a9b2bd"}[scheme]
    problems = [each for each in browser.get_log("browser") if each["level"] != "INFO"]
    assert problems == []
    asked = browsing.requests(browser)
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(golden, browser, scheme, tmp_path):
    one = golden("conditional")
    both = kgan.compare_runs([one, golden("vanilla", into="other")], tmp_path / "both.html")
    for page in (kgan.report(one), both):
        opened(browser, page, 390, scheme)
        assert browsing.serious(browser) == []

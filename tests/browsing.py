"""A headless Chromium that records what its page asks of the network, and what it complains of."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from urllib.parse import urlparse

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


def absent(*modules: str) -> str:
    """Why pages cannot be tested here, which take selenium and `modules`; "" if they can."""
    missing = [
        name for name, path in (("Chromium", CHROMIUM), ("chromedriver", DRIVER)) if not path
    ]
    for module in ("selenium", *modules):
        try:
            __import__(module)
        except ImportError:
            missing.append(module)
    return f"needs {', '.join(missing)}" if missing else ""


@contextlib.contextmanager
def browser(width: int = 1280) -> Iterator:
    """A browser with a window of this width."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(60)
    try:
        shown_as(driver, width)
        yield driver
    finally:
        driver.quit()


def shown_as(driver, width: int, scheme: str = "light") -> None:
    """Gives the window a width, and the page a colour scheme."""
    # A window of Chromium is never as narrow as a phone; a device that it plays is.
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def requests(driver) -> list[str]:
    """The addresses that the page asked for, also in vain, since the last call."""
    found = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            params = message["params"]
            found.append(params.get("request", params).get("url", ""))
    return found


def hosts(driver) -> set[str]:
    """The hosts that the page asked for anything, also in vain, since the last call."""
    addresses = map(urlparse, requests(driver))
    return {a.hostname for a in addresses if a.scheme in ("http", "https", "ws", "wss")}


def serious(driver) -> list:
    """What axe finds wrong with a page for users of a screen reader or a keyboard."""
    axe = pytest.importorskip("axe_selenium_python", reason="axe is not installed")
    checker = axe.Axe(driver)
    checker.inject()
    found = checker.run()["violations"]
    return [each for each in found if each["impact"] in ("serious", "critical")]


def complaints(driver) -> list[str]:
    """The errors in the browser's console since the last call."""
    return [each["message"] for each in driver.get_log("browser") if each["level"] == "SEVERE"]


def wait(found, seconds: float = 60.0):
    """Waits until a function returns something, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            if value := found():
                return value
        time.sleep(0.1)
    pytest.fail(f"waited {seconds:.0f} s in vain for {found.__doc__ or found.__name__}")

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


def absent() -> str:
    """Why pages cannot be tested here; "" if they can."""
    missing = [
        name for name, path in (("Chromium", CHROMIUM), ("chromedriver", DRIVER)) if not path
    ]
    for module in ("gradio", "selenium"):
        try:
            __import__(module)
        except ImportError:
            missing.append(module)
    return f"needs {', '.join(missing)}" if missing else ""


@contextlib.contextmanager
def browser(width: int, height: int = 900) -> Iterator:
    """A browser with a window of this size."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        # A window of Chromium is never as narrow as a phone; a device that it plays is.
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield driver
    finally:
        driver.quit()


def hosts(driver) -> set[str]:
    """The hosts that the page asked for anything, also in vain, since the last call."""
    found = set()
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            params = message["params"]
            address = urlparse(params.get("request", params).get("url", ""))
            if address.scheme in ("http", "https", "ws", "wss"):
                found.add(address.hostname)
    return found


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

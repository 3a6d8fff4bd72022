"""The site of the documentation builds without a warning: links, anchors and references hold."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kgan.models import CATALOGUE

pytest.importorskip("mkdocs", reason="mkdocs is not installed; pip install -e '.[docs]' brings it")

ROOT = Path(__file__).parent.parent


class Addresses(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self):
        super().__init__()
        self.loaded = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag in ("script", "img", "iframe"):
            self.loaded.append(named.get("src") or "")
        if tag == "link" and named.get("rel") in ("stylesheet", "icon", "preconnect"):
            self.loaded.append(named.get("href") or "")


@pytest.mark.slow
def test_it_builds_and_loads_nothing_from_elsewhere(tmp_path):
    environment = os.environ | {
        "DISABLE_MKDOCS_2_WARNING": "true",
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", tmp_path / "site"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {str(page.relative_to(tmp_path / "site")): page for page in tmp_path.rglob("*.html")}
    for name in ("index.html", "your_pictures/index.html", "reference/kgan_losses/index.html"):
        assert name in pages
    for name, family in CATALOGUE.items():
        if family.module.startswith("kgan."):
            text = pages[f"families/{name}/index.html"].read_text(encoding="utf-8")
            assert f'id="{family.module}.{family.class_name}"' in text
    for page in pages.values():
        found = Addresses()
        found.feed(page.read_text(encoding="utf-8"))
        assert not [url for url in found.loaded if "//" in url], page

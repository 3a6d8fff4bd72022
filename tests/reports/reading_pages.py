"""Reads pages as a browser does: their texts, pictures and the data of their curves."""

import base64
import io
import json
from html.parser import HTMLParser

import numpy as np
from PIL import Image


class Page(HTMLParser):
    """A parsed page.

    Attributes:
        text: what a reader sees, without scripts and styles.
        tags: (name, attributes) of each element.
        data: the JSON that it embeds.
    """

    def __init__(self, path):
        super().__init__()
        self.text, self.tags, self.data, self._inside = "", [], [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in ("script", "style"):
            self._inside = found.get("type", tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data):
        if self._inside == "application/json":
            self.data.append(json.loads(data))
        elif not self._inside:
            self.text += data

    @property
    def frames(self):
        """The frames of the first strip."""
        return next(each for each in self.data if isinstance(each, list))

    @property
    def images(self):
        """Alternative texts and addresses of pictures."""
        return {tag["alt"]: tag["src"] for name, tag in self.tags if name == "img"}

    @property
    def curves(self):
        """(steps, values) of each curve by name."""
        found = {}

        def walk(value):
            if isinstance(value, dict):
                given = value.get("attributes", {})
                if value.get("name") == "ColumnDataSource":
                    columns = dict(given["data"]["entries"])
                    found.setdefault(given["name"], []).append((columns["step"], columns["value"]))
                for each in value.values():
                    walk(each)
            elif isinstance(value, list):
                for each in value:
                    walk(each)

        for each in self.data:
            if isinstance(each, dict):
                walk(each)
        return found


def decoded(address):
    """The pixels of a `data:` address."""
    kind, _, content = address.partition(";base64,")
    assert kind.startswith("data:image/")
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        return np.asarray(image.convert("RGB"))

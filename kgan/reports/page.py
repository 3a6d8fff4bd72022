"""Writes pages: the templates, filled in with everything that is not kgan's own escaped."""

import functools
from pathlib import Path
from typing import Any

from kgan.reports import charts
from kgan.runs.files import replace

_TEMPLATES = Path(__file__).with_name("templates")


@functools.cache
def _environment():
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Bokeh's JSON refers to what it has defined before.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment


def html(template: str, **values: Any) -> str:
    """Returns a page of a template; values are escaped."""
    from markupsafe import Markup

    # kgan's own and Bokeh's.
    own = {
        "style": Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),
        "script": Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
        "bokeh": Markup(charts.javascript()),
    }
    return _environment().get_template(template).render(**own, **values)


def write(target: Path, text: str) -> Path:
    """Writes a page as a whole or not at all."""
    # A name may hold what no encoding has, as in a folder of another system.
    content = text.encode("utf-8", "replace")
    replace(target, lambda part: part.write_bytes(content))
    return target

"""Hooks of MkDocs: the pages that `pages.py` makes, in the navigation; links to files.

The pages are also read where the repository is browsed, and there links to files of it lead to the
file. On the site, pictures and tables under `benchmarks/results/` are copied (`pages.py`), and what
remains is named, without a link.
"""

import atexit
import posixpath
import re
import shutil
import tempfile
from pathlib import Path

from mkdocs.plugins import event_priority

from kgan.models import CATALOGUE

ROOT = Path(__file__).parent.parent.parent

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s]+)\)")
PICTURE = re.compile(r"(!\[[^\]]*\]\()\.\./benchmarks/results/([^)\s]+\))")
RESULTS = "../benchmarks/results/"
PAGES = {"../README.md": "index.md", "../CHANGELOG.md": "changelog.md"}

MODULES = {
    "kgan": "two networks as one model; loading, comparing, balancing",
    "kgan.losses": "what each player minimises",
    "kgan.penalties": "gradient penalties and other regularizers of a critic",
    "kgan.terms": "what a player minimises beside its loss",
    "kgan.augment": "changes of what the discriminator sees",
    "kgan.latents": "where noise comes from",
    "kgan.optimizers": "optimizers and schedules that papers need",
    "kgan.layers": "layers of GANs",
    "kgan.data": "loading data",
    "kgan.metrics": "measuring samples",
    "kgan.pictures": "grids, plots and files",
    "kgan.callbacks": "what watches a training",
    "kgan.transfer": "starting from the weights of a trained model",
    "kgan.pretrained": "the trained models that the package carries",
}


@event_priority(100)
def on_config(config):
    """Fills in the parts of the navigation that are made from the code."""
    # As a wheel has it: what reads the docstrings does not find the callbacks beside the package.
    layout = Path(tempfile.mkdtemp()) / "kgan"
    atexit.register(shutil.rmtree, layout.parent, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kgan", layout, ignore=ignored)
    shutil.copytree(ROOT / "callbacks", layout / "callbacks", ignore=ignored, dirs_exist_ok=True)
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [str(layout.parent)]
    made = {
        "Families": [
            "families/index.md",
            *(
                {family.class_name: f"families/{name}.md"}
                for name, family in CATALOGUE.items()
                if family.module.startswith("kgan.")
            ),
        ],
        "Reference": [
            "reference/index.md",
            *({module: f"reference/{module.replace('.', '_')}.md"} for module in MODULES),
        ],
    }
    for part in config.nav:
        ((title, pages),) = part.items()
        part[title] = made.get(title, pages)
    return config


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Returns the text of a page with its links as the site has them."""
    here = posixpath.dirname(page.file.src_uri)

    def link(found: re.Match) -> str:
        text, target = found.groups()
        path, _, anchor = target.partition("#")
        if path.startswith(RESULTS):
            path = f"results/{path.removeprefix(RESULTS)}"
        elif path in PAGES:
            path = PAGES[path]
        else:
            return text if text.startswith("`") else f"{text} (`{path.removeprefix('../')}`)"
        shown = posixpath.relpath(path, here or ".")
        return f"[{text}]({shown}{'#' + anchor if anchor else ''})"

    if here in ("results", "families"):
        return markdown
    return LINK.sub(link, PICTURE.sub(r"\1results/\2", markdown))

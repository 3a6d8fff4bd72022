"""The page: the network, the runtime and the controls, in one file or a folder."""

import base64
import functools
import gzip
import json
import lzma
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from kgan.errors import InputError
from kgan.inference.formats.served import Served
from kgan.inference.seeds import seed_pair
from kgan.latents import Codes, Normal, Uniform

# Of the network in a single file, which a browser holds twice while it opens it.
LARGEST = 40_000_000
# Directions with sliders, as in the playground.
_DIRECTIONS = 6
# Points by which the ends of axes are found, and the room beyond them.
_POINTS, _ROOM = 2000, 0.08
# Of the longer side of a picture that is brought, in pixels. A model that was trained on pictures
# of one size first takes that size.
_SIDES, _USUAL_SIDE = (64, 128, 256, 512), 256


def check(gan: Any) -> None:
    """Checks that a page can show a model.

    Raises:
        InputError: if its samples or latents are of another kind than a page shows.
    """
    if gan.latents is None:
        networks = gan.networks_of("generator")
        channels = {
            int(side[-1]) for each in networks for side in (each.input_shape, each.output_shape)
        }
        if channels - {1, 3, 4} or gan.data_range is None:
            raise InputError(
                "A web page takes and shows pictures of 1, 3 or 4 channels in a known range; this "
                f"model's have {' and '.join(map(str, sorted(channels)))}. Take --format onnx for "
                "a page of your own."
            )
        return
    shape = tuple(gan.sample_shape)
    image = len(shape) == 3 and shape[2] in (1, 3, 4) and gan.data_range is not None
    if not image and shape != (2,):
        raise InputError(
            f"A web page shows images and points of two numbers; these samples have shape {shape}."
            " Take --format onnx for a page of your own."
        )
    if type(gan.latents) not in (Normal, Uniform, Codes) or len(gan.latents.shape) != 1:
        raise InputError(
            "A web page draws latents that are vectors of kgan.latents' Normal, Uniform or Codes; "
            f"got {type(gan.latents).__name__} of shape {gan.latents.shape}."
        )


def write(
    gan: Any, served: Served, path: Path, network: bytes, class_names: Any = (), title: str = ""
) -> None:
    """Writes a page: one file if its name ends in ".html", else a folder.

    Args:
        gan: the model.
        served: what the page runs of it.
        path: what to write.
        network: an ONNX file of it.
        class_names: names of its classes; those without one are named by their number.
        title: the heading; "" takes the name of the family.

    Raises:
        InputError: if the network is too large for a single file.
    """
    single = path.suffix.lower() == ".html"
    if single and len(network) > LARGEST:
        raise InputError(
            f"A single page holds a network of up to {LARGEST / 1e6:.0f} MB; this has "
            f"{len(network) / 1e6:.0f} MB. Write a folder: a name without .html."
        )
    import jinja2

    import kgan

    about = json.loads(_runtime("runtime.json"))
    title = title or type(gan).__name__
    facts = {
        "title": title,
        "name": "".join(c if c.isalnum() else "-" for c in title).strip("-") or "sample",
        "network": _text(gzip.compress(network, 9, mtime=0)),
    }
    if served.from_images:
        kind, own, shown = "pictures", *_of_pictures(gan, served)
    else:
        kind, own, shown = "samples", *_of_samples(gan, class_names)
    scripts = {
        "runtime": f"window.kganRuntime = {_in_script(runtime_parts())};",
        "generator": f"window.kganModel = {_in_script(facts | own)};",
        "page": f"(() => {{\n{_page('common.js')}\n{_page(f'{kind}.js')}}})();\n",
    }
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_page),
    )
    safe = {f"{key}_script": jinja2.utils.markupsafe.Markup(text) for key, text in scripts.items()}
    html = environment.get_template("page.html.j2").render(
        kind=kind,
        single=single,
        title=title,
        version=kgan.__version__,
        runtime=f"ONNX Runtime Web {about['version']}",
        licence=_runtime("LICENSE.txt").decode(),
        style=jinja2.utils.markupsafe.Markup(_page("style.css")),
        **shown,
        **safe,
    )
    if single:
        path.write_text(html, encoding="utf-8")
        return
    path.mkdir()
    (path / "index.html").write_text(html, encoding="utf-8")
    for key, text in scripts.items():
        (path / f"{key}.js").write_text(text, encoding="utf-8")
    licences = _runtime("LICENSE.txt") + b"\n" + lzma.decompress(_runtime("notices.txt.xz"))
    (path / "runtime-licences.txt").write_bytes(licences)


def _of_samples(gan, class_names) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what the script of a page of samples has to know, ready for JSON, and its HTML."""
    classes = [str(each) for each in class_names][: gan.classes]
    classes += [str(number) for number in range(len(classes), gan.classes)]
    try:
        found = gan.directions(_DIRECTIONS)
    except InputError:
        # A generator without a first layer to read them from has no sliders.
        found = None
    facts = {
        "shape": [int(side) for side in gan.sample_shape],
        "range": [float(end) for end in _range(gan)],
        "classes": classes,
        "latents": _latents(gan.latents),
        "directions": found
        and {"names": list(found.names), "vectors": _text(found.vectors.astype("<f4").tobytes())},
    }
    shape = " x ".join(map(str, gan.sample_shape))
    return facts, {
        "about": f"{_trained(gan)}, samples of {shape}.",
        "truncation": (0.3, 3.0) if type(gan.latents) is Normal else (0.1, 1.0),
        "classes": classes,
        "directions": found and found.names,
    }


def _of_pictures(gan, served: Served) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the same of a page that changes pictures."""
    scale = getattr(gan, "scale", None)
    does = f"makes pictures {scale} times larger" if scale else "translates pictures"
    if served.name in ("a2b", "b2a"):
        does += " from A to B" if served.name == "a2b" else " from B to A"
    usual = _USUAL_SIDE if scale else max(gan.image_shape[:2])
    facts = {
        "channels": int(served.inputs[0].shape[-1]),
        "range": [float(end) for end in gan.data_range],
    }
    return facts, {
        "about": f"{_trained(gan)}; it {does}.",
        "sides": sorted({*_SIDES, usual}),
        "usual_side": usual,
    }


def _trained(gan) -> str:
    return f"{type(gan).__name__}, trained for {int(gan.steps_taken):,} steps"


@functools.lru_cache(1)
def runtime_parts() -> dict[str, str]:
    """Returns the runtime's parts in base64: the script as it is, the others packed by gzip."""
    found = {
        "script": lzma.decompress(_runtime("runtime.mjs.xz")),
        "wasm": gzip.compress(lzma.decompress(_runtime("runtime.wasm.xz")), 9, mtime=0),
        "notices": gzip.compress(lzma.decompress(_runtime("notices.txt.xz")), 9, mtime=0),
    }
    return {name: _text(content) for name, content in found.items()}


def _range(gan) -> tuple[float, float]:
    if len(gan.sample_shape) == 3:
        return gan.data_range
    points = gan.generate(latents=gan.draw(_POINTS, seed_pair(0)), **_any_class(gan))
    most = float(np.abs(points).max()) * (1 + _ROOM)
    return -most, most


def _any_class(gan) -> dict[str, Any]:
    return {"labels": np.arange(_POINTS) % gan.classes} if gan.classes else {}


def _latents(latents) -> dict[str, Any]:
    (size,) = latents.shape
    if isinstance(latents, Codes):
        return {
            "kind": "codes",
            "size": size,
            "noise": latents.noise,
            "categorical": list(latents.categorical),
            "continuous": latents.continuous,
        }
    if isinstance(latents, Uniform):
        return {"kind": "uniform", "size": size, "low": latents.low, "high": latents.high}
    return {"kind": "normal", "size": size}


def _in_script(value: Any) -> str:
    # Nothing in it may end the element that it stands in.
    return json.dumps(value).replace("<", "\\u003c")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _runtime(name: str) -> bytes:
    return (resources.files(__package__) / "runtime" / name).read_bytes()


def _page(name: str) -> str:
    return (resources.files(__package__) / "page" / name).read_text(encoding="utf-8")

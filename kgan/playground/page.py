"""The page itself, of Gradio's parts."""

import random
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from kgan.errors import InputError
from kgan.pictures import save_gif, save_png
from kgan.playground.shown import Shown

COUNTS = (4, 9, 16, 25, 36)
# Pictures on the way from one sample to another.
STEPS = 24
# How far a slider moves a sample, in the latents' unit.
STRENGTH = 4.0
_ANY = "all in turn"

# Gradio's own colours of links and captions have too little contrast for small text.
CSS = """
.gradio-container { max-width: 1100px !important; margin: 0 auto; }
.pixels img { image-rendering: pixelated; }
.caption-label { background: rgb(0 0 0 / 75%) !important; color: white !important; }
footer { display: none !important; }
"""


def build(shown: Shown, folder: Path) -> gr.Blocks:
    """Returns the page of a model.

    Args:
        shown: what to show.
        folder: a folder for the files that are offered for download.
    """
    with gr.Blocks(
        title=f"kgan: {shown.title}", analytics_enabled=False, delete_cache=(600, 3600)
    ) as page:
        gr.Markdown(f"# {shown.title}")
        state = gr.Markdown(shown.state, elem_id="state")
        if shown.run is not None:
            again = gr.Button("Load the newest checkpoint", size="sm", elem_id="reload")
            _on(again.click, shown.reload, [], [state])
        if shown.kind.from_images:
            _converter(shown, folder)
        else:
            _generator(page, shown, folder)
    return page


def _on(event, function, inputs, outputs, **options):
    """Connects an event; its function is no public API, and its errors are shown in words."""

    def run(*values):
        try:
            return function(*values)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None

    options.setdefault("show_progress", "minimal")
    return event(run, inputs, outputs, api_visibility="private", **options)


def _generator(page, shown: Shown, folder: Path) -> None:
    names = shown.class_names
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            new = gr.Button("New samples", variant="primary", elem_id="new")
            seed = gr.Number(0, label="Seed of the first sample", precision=0, elem_id="seed")
            count = gr.Dropdown(list(COUNTS), value=16, label="Samples", elem_id="count")
            choice = gr.Dropdown(
                [_ANY, *names], value=_ANY, label="Class", visible=bool(names), elem_id="class"
            )
            most = shown.largest_truncation
            truncation = gr.Slider(
                most / 20,
                most,
                value=most,
                step=most / 20,
                label="Truncation",
                info="Left: closer to the average sample. At the right end: none.",
                elem_id="truncation",
            )
        with gr.Column(scale=2, min_width=300):
            gallery = gr.Gallery(
                label="Samples; pick one",
                columns=4,
                object_fit="contain",
                height="auto",
                format="png",
                allow_preview=False,
                buttons=[],
                elem_id="samples",
                elem_classes="pixels",
            )
            sheet = _download("Download these samples", "samples")
    gr.Markdown("Pick a sample above; the sample picked before becomes the second.")
    with gr.Row():
        first = gr.Number(0, label="Picked: its seed", precision=0, elem_id="first")
        second = gr.Number(1, label="Second: its seed", precision=0, elem_id="second")
    settings = [choice, truncation]
    with gr.Tabs():
        if shown.directions is not None:
            with gr.Tab("Vary"):
                _vary(page, shown, folder, first, settings)
        with gr.Tab("Between two"):
            _between(page, shown, folder, [first, second], settings)

    def draw(seed, count, choice, truncation):
        drawn = shown.samples(
            _seed(seed), int(count), _label(names, choice), _none(truncation, most)
        )
        return drawn, _file(folder, "samples.png", lambda path: save_png(path, _sheet(drawn)))

    def renew():
        return random.SystemRandom().randrange(2**31)

    def pick(before, seed, event: gr.SelectData):
        return _seed(seed) + int(event.index), before

    _on(new.click, renew, [], [seed])
    wanted = [seed, count, *settings]
    for event in (page.load, seed.change, count.change, choice.change, truncation.release):
        _on(event, draw, wanted, [gallery, sheet])
    gallery.select(pick, [first, seed], [first, second], api_visibility="private")


def _vary(page, shown: Shown, folder: Path, seed, settings) -> None:
    names = shown.class_names
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            sliders = [
                gr.Slider(
                    -STRENGTH,
                    STRENGTH,
                    value=0,
                    step=0.1,
                    label=name.capitalize(),
                    elem_id=f"slider-{place}",
                )
                for place, name in enumerate(shown.directions.names)
            ]
            reset = gr.Button("Back to the sample", size="sm", elem_id="reset")
        with gr.Column(scale=1, min_width=260):
            picture = _picture("The sample, moved", "moved")
            file = _download("Download this picture", "moved-file")

    def draw(seed, choice, truncation, *amounts):
        kept = _none(truncation, shown.largest_truncation)
        drawn = shown.moved(_seed(seed), _label(names, choice), kept, amounts)
        return drawn, _file(folder, "moved.png", lambda path: save_png(path, drawn))

    wanted = [seed, *settings, *sliders]
    changes = [each.change for each in (seed, settings[0], *sliders)]
    for event in (page.load, settings[1].release, *changes):
        # While a slider moves only its last place counts.
        _on(
            event, draw, wanted, [picture, file], trigger_mode="always_last", show_progress="hidden"
        )
    _on(reset.click, lambda: [0.0] * len(sliders), [], sliders)


def _between(page, shown: Shown, folder: Path, seeds, settings) -> None:
    names = shown.class_names
    way = gr.State(None)
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            place = gr.Slider(
                0, STEPS, value=STEPS // 2, step=1, label="Place on the way", elem_id="place"
            )
            animate = gr.Button("Make an animation", elem_id="animate")
            film = _download("Download the animation", "film", visible=False)
        with gr.Column(scale=1, min_width=260):
            picture = _picture("Between the two", "between")
            file = _download("Download this picture", "between-file")

    def draw(first, second, choice, truncation, place):
        kept = _none(truncation, shown.largest_truncation)
        pair = (_seed(first), _seed(second))
        drawn = shown.between(pair, _label(names, choice), kept, STEPS)
        return drawn, *show(drawn, place)

    def show(way, place):
        if way is None:
            return None, None
        chosen = way[int(place)]
        return chosen, _file(folder, "between.png", lambda path: save_png(path, chosen))

    def film_of(way):
        there_and_back = [*way, *way[-2:0:-1]]
        made = _file(
            folder, "walk.gif", lambda path: save_gif(path, there_and_back, duration=60, hold=60)
        )
        return gr.DownloadButton(value=made, visible=True)

    wanted = [*seeds, *settings, place]
    changes = [each.change for each in (*seeds, settings[0])]
    for event in (page.load, settings[1].release, *changes):
        _on(
            event,
            draw,
            wanted,
            [way, picture, file],
            trigger_mode="always_last",
            show_progress="hidden",
        )
    _on(
        place.change,
        show,
        [way, place],
        [picture, file],
        trigger_mode="always_last",
        show_progress="hidden",
    )
    _on(animate.click, film_of, [way], [film])


def _converter(shown: Shown, folder: Path) -> None:
    verb = {"translate": "Translate", "upscale": "Enlarge"}[shown.kind.command]
    with gr.Row():
        with gr.Column(min_width=280):
            given = gr.Image(
                label="Your picture",
                type="numpy",
                image_mode="RGB",
                sources=["upload", "clipboard"],
                format="png",
                elem_id="given",
            )
            direction = gr.Radio(
                [("from A to B", "a2b"), ("from B to A", "b2a")],
                value="a2b",
                label="Direction",
                visible=shown.kind.directions,
                elem_id="direction",
            )
            button = gr.Button(verb, variant="primary", elem_id="convert")
        with gr.Column(min_width=280):
            picture = _picture("Result", "converted")
            file = _download("Download the result", "converted-file")

    def convert(pixels, direction):
        if pixels is None:
            raise InputError("Put in a picture first.")
        drawn = shown.converted(pixels, direction)
        return drawn, _file(folder, "result.png", lambda path: save_png(path, drawn))

    _on(button.click, convert, [given, direction], [picture, file])


def _picture(label: str, name: str) -> gr.Image:
    return gr.Image(
        label=label,
        interactive=False,
        format="png",
        buttons=[],
        elem_id=name,
        elem_classes="pixels",
    )


def _download(label: str, name: str, visible: bool = True) -> gr.DownloadButton:
    return gr.DownloadButton(label, size="sm", elem_id=f"download-{name}", visible=visible)


def _file(folder: Path, name: str, write) -> str:
    """Writes a file for download into a folder of its own, and returns its path."""
    path = Path(tempfile.mkdtemp(dir=folder)) / name
    write(path)
    return str(path)


def _sheet(drawn: list[tuple[np.ndarray, str]]) -> np.ndarray:
    from kgan.pictures import grid

    return grid(np.stack([picture for picture, _ in drawn]))


def _seed(given: Any) -> int:
    if given is None:
        raise InputError("A seed is a whole number.")
    return int(given)


def _label(names: list[str], choice: str | None) -> int | None:
    return names.index(choice) if choice in names else None


def _none(truncation: float, most: float) -> float | None:
    """Returns the truncation, or None at the slider's right end."""
    return None if truncation is None or truncation >= most else float(truncation)

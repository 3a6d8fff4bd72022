"""The page itself, of Gradio's parts."""

import base64
import html
import io
import random
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from kgan.errors import InputError
from kgan.pictures import save_gif, save_png
from kgan.playground.shown import Shown

COUNTS = (4, 9, 16, 25, 36)
# Pictures on the way from one sample to another.
STEPS = 24
# How far a slider moves a sample, in the latents' unit.
STRENGTH = 4.0
_ANY = "all in turn"

# Up to so many classes are buttons, more a list.
_BUTTONS = 40

CSS = """
.gradio-container { max-width: 1100px !important; margin: 0 auto; }
.gradio-container main { max-width: 100vw; }
.pixels img { image-rendering: pixelated; }
.picture img { display: block; width: 100%; max-width: 384px; margin: 0 auto; }
#samples .grid-wrap { max-height: none; overflow: visible; }
#samples .caption-label {
  left: auto; right: 0; padding: 0 4px; font-size: 12px;
  background: rgb(0 0 0 / 80%); color: white; border: 0;
}
button[role="tab"].selected { color: var(--primary-700) !important; }
.dark button[role="tab"].selected { color: var(--primary-300) !important; }
footer { display: none !important; }
@media (max-width: 500px) {
  #samples .grid-container { grid-template-columns: repeat(3, minmax(0, 1fr)) !important; }
}
"""


def theme() -> gr.themes.Base:
    """Returns colours of enough contrast (WCAG AA), and fonts of the system: none is fetched."""
    made = gr.themes.Default(
        primary_hue="indigo",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return made.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        slider_color="*primary_700",
        slider_color_dark="*primary_400",
    )


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
        again = None
        with gr.Row():
            state = gr.Markdown(shown.state, elem_id="state")
            if shown.run is not None:
                again = gr.Button(
                    "Load the newest checkpoint",
                    size="sm",
                    scale=0,
                    min_width=220,
                    elem_id="reload",
                )
        if shown.kind.from_images:
            drawing = None
            _converter(shown, folder)
        else:
            drawing = _generator(page, shown, folder)
        if again is not None:
            loaded = _on(again.click, shown.reload, [], [state])
            if drawing is not None:
                _on(loaded.then, *drawing)
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


def _generator(page, shown: Shown, folder: Path) -> tuple:
    """Adds the parts for a model with latents; returns what draws its samples, for `_on`."""
    names = shown.class_names
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            new = gr.Button("New samples", variant="primary", elem_id="new")
            seed = gr.Number(0, label="Seed of the first sample", precision=0, elem_id="seed")
            count = gr.Radio(list(COUNTS), value=16, label="Samples", elem_id="count")
            choose = gr.Radio if len(names) <= _BUTTONS else gr.Dropdown
            choice = choose(
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
        with gr.Column(scale=2, min_width=260):
            gr.Markdown(
                "Each sample's number is its seed. Pick one to work on it below; the one picked "
                "before becomes the second."
            )
            gallery = gr.Gallery(
                label="Samples",
                show_label=False,
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
    with gr.Row():
        first = gr.Number(0, label="Picked: its seed", precision=0, min_width=120, elem_id="first")
        second = gr.Number(
            1, label="Second: its seed", precision=0, min_width=120, elem_id="second"
        )
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
        return random.SystemRandom().randrange(1_000_000)

    def pick(before, seed, event: gr.SelectData):
        return _seed(seed) + int(event.index), before

    _on(new.click, renew, [], [seed])
    wanted = [seed, count, *settings]
    for event in (page.load, seed.change, count.change, choice.change, truncation.release):
        _on(event, draw, wanted, [gallery, sheet])
    gallery.select(pick, [first, seed], [first, second], api_visibility="private")
    return draw, wanted, [gallery, sheet]


def _vary(page, shown: Shown, folder: Path, seed, settings) -> None:
    names = shown.class_names
    with gr.Row():
        # First, so that it stands above what moves it on a phone.
        with gr.Column(scale=1, min_width=260):
            picture = _picture("moved")
            file = _download("Download this picture", "moved-file")
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

    def draw(seed, choice, truncation, *amounts):
        kept = _none(truncation, shown.largest_truncation)
        drawn = shown.moved(_seed(seed), _label(names, choice), kept, amounts)
        return _image(drawn, f"The sample of seed {_seed(seed)}, moved"), _file(
            folder, "moved.png", lambda path: save_png(path, drawn)
        )

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
        # First, so that it stands above what moves it on a phone.
        with gr.Column(scale=1, min_width=260):
            picture = _picture("between")
            file = _download("Download this picture", "between-file")
        with gr.Column(scale=1, min_width=260):
            place = gr.Slider(
                0, STEPS, value=STEPS // 2, step=1, label="Place on the way", elem_id="place"
            )
            animate = gr.Button("Make an animation", elem_id="animate")
            film = _download("Download the animation", "film", visible=False)

    def draw(first, second, choice, truncation, place):
        kept = _none(truncation, shown.largest_truncation)
        pair = (_seed(first), _seed(second))
        drawn = shown.between(pair, _label(names, choice), kept, STEPS)
        return drawn, *show(drawn, place)

    def show(way, place):
        if way is None:
            return None, None
        chosen = way[int(place)]
        return _image(chosen, f"Place {int(place)} of {STEPS} on the way"), _file(
            folder, "between.png", lambda path: save_png(path, chosen)
        )

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
            picture = _picture("converted")
            file = _download("Download the result", "converted-file")

    def convert(pixels, direction):
        if pixels is None:
            raise InputError("Put in a picture first.")
        drawn = shown.converted(pixels, direction)
        return _image(drawn, "The result"), _file(
            folder, "result.png", lambda path: save_png(path, drawn)
        )

    _on(button.click, convert, [given, direction], [picture, file])


def _picture(name: str) -> gr.HTML:
    """Returns a place for `_image`; `gr.Image` would make a button without a name of it."""
    return gr.HTML(elem_id=name, elem_classes="pixels picture")


def _image(pixels: np.ndarray, described: str) -> str:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    text = base64.b64encode(data.getvalue()).decode()
    return f'<img alt="{html.escape(described)}" src="data:image/png;base64,{text}">'


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

"""The table of docs/pictures.md: each picture is read as the page says.

Files are made from values that the test draws; PNG and TIFF of 16 bits and floats are written byte
by byte, since few libraries write them, and so are ICC profiles.
"""

import pathlib
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kgan.data
from kgan.errors import InputError

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "pictures.md"
GROUND = (32, 64, 160)


def table() -> dict[str, tuple[str, str]]:
    """Outcome and channels by picture, from the page's first table."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[2:]]
    return {picture: (outcome, channels) for picture, outcome, channels, _ in cells}


# Values.

RANDOM = np.random.default_rng(0)
SIZE = (6, 9)


def noise(channels, dtype="uint8"):
    return RANDOM.integers(0, np.iinfo(dtype).max + 1, (*SIZE, channels)).astype(dtype)


def smooth(channels=3):
    """Slow changes, which lossy formats keep; no edge of the picture is like another."""
    rows, columns = np.mgrid[:24, :36]
    planes = [rows * 8 + 20, columns * 6 + 10, (rows + columns) * 4 + 5, rows * 5 + columns * 3]
    return np.stack(planes[:channels], -1).astype("uint8")


def on(ground, values):
    """Colours and opacity (..., 4), 0 to 255, laid on a ground."""
    share = values[..., 3:] / 255
    return values[..., :3] * share + np.array(ground) * (1 - share)


def with_opacity(values):
    """Values of any number of channels as colours and opacity."""
    colours, opacity = values, np.full_like(values[..., :1], 255)
    if values.shape[-1] in (2, 4):
        colours, opacity = values[..., :-1], values[..., -1:]
    return np.concatenate([np.broadcast_to(colours, (*colours.shape[:2], 3)), opacity], -1)


# Files.


def png16(values, before=b""):
    """A PNG file of 16 bits; `before` are chunks between header and pixels."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    chunks = (chunk(b"IHDR", head), before, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunk(name, data=b""):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(values, sample_format):
    """A TIFF file without compression: 1 for whole numbers, 3 for floats."""
    height, width, channels = values.shape
    bits, pixels = values.dtype.itemsize * 8, values.tobytes()
    kept, places, long, short = b"", {}, 4, 3
    entries = [
        (256, long, [width]), (257, long, [height]), (258, short, [bits] * channels),
        (259, short, [1]), (262, short, [2 if channels == 3 else 1]), (273, long, [0]),
        (277, short, [channels]), (278, long, [height]), (279, long, [len(pixels)]),
        (339, short, [sample_format] * channels),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(entries) + 4
    for tag, kind, numbers in entries:
        packed = struct.pack(f"<{len(numbers)}{'I' if kind == long else 'H'}", *numbers)
        if len(packed) > 4:
            places[tag] = struct.pack("<I", start + len(kept))
            kept += packed + b"\0" * (len(packed) % 2)
        else:
            places[tag] = packed.ljust(4, b"\0")
    places[273] = struct.pack("<I", start + len(kept))
    listed = b"".join(
        struct.pack("<HHI", tag, kind, len(numbers)) + places[tag] for tag, kind, numbers in entries
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + listed + b"\0\0\0\0" + kept + pixels


def linear_profile(space=b"RGB "):
    """An ICC profile of the primaries of sRGB (on D50) whose values are amounts of light."""

    def fixed(*numbers):
        return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)

    text = b"linear light"
    described = b"desc" + struct.pack(">II", 0, len(text) + 1) + text + b"\0" * (1 + 4 + 4 + 70)
    curve, white = b"curv\0\0\0\0\0\0\0\0", fixed(0.9642, 1.0, 0.8249)
    tags = {b"desc": described, b"cprt": b"text\0\0\0\0none\0", b"wtpt": b"XYZ \0\0\0\0" + white}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        primaries = {
            b"r": (0.43607, 0.22249, 0.01392),
            b"g": (0.38515, 0.71687, 0.09708),
            b"b": (0.14307, 0.06061, 0.7141),
        }
        for name, numbers in primaries.items():
            tags[name + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(*numbers)
            tags[name + b"TRC"] = curve
    place, listed, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        listed += name + struct.pack(">II", place + len(data), len(value))
        data += value
    body = struct.pack(">I", len(tags)) + listed + data
    head = struct.pack(">I", 128 + len(body)) + b"\0\0\0\0" + struct.pack(">I", 0x02400000)
    head += b"mntr" + space + b"XYZ " + b"\0" * 12 + b"acsp" + b"\0" * 28
    return (head + fixed(0.9642, 1.0, 0.8249)).ljust(128, b"\0") + body


def srgb(light):
    """The values of sRGB, 0 to 255, of amounts of light, 0 to 255: IEC 61966-2-1."""
    light = light / 255
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


# The pictures of the table.


@dataclass
class Case:
    """How a file of the table is made.

    Attributes:
        make: a function from a folder to the values that are to be read, 0 to 255; opacity is the
            last of an even number of channels. None if none are.
        within: how far the values may be off.
        says: a pattern of the warning or the error.
    """

    make: Callable
    within: float = 0.51
    says: str = ""


def saved(values, name="a.png", mode=None, within=0.51, says="", **settings):
    """A case of values that Pillow writes to a file."""

    def make(folder):
        image = Image.fromarray(np.squeeze(values))
        (image if mode is None else image.convert(mode)).save(folder / name, **settings)
        return values

    return Case(make, within, says)


def written(values, name, data, within=0.51, says=""):
    """A case of a file of bytes."""

    def make(folder):
        (folder / name).write_bytes(data)
        return values

    return Case(make, within, says)


def one_bit(folder):
    values = RANDOM.random(SIZE) < 0.5
    Image.fromarray(values).save(folder / "a.png")
    return values[..., None] * 255


def palette(folder, transparent=False):
    colours, places = RANDOM.integers(0, 256, (7, 4)).astype("uint8"), RANDOM.integers(0, 7, SIZE)
    image = Image.fromarray(places.astype("uint8"))
    image.putpalette(colours[:, :3].tobytes())
    opacity = {"transparency": colours[:, 3].tobytes()} if transparent else {}
    image.save(folder / "a.png", **opacity)
    return colours[places][..., : 4 if transparent else 3]


def transparent_colour(folder):
    values = noise(3)
    values[2:4] = (1, 2, 3)
    Image.fromarray(values).save(folder / "a.png", transparency=(1, 2, 3))
    alpha = np.where((values == (1, 2, 3)).all(-1, keepdims=True), 0, 255)
    return np.concatenate([values, alpha], -1)


def cmyk(folder):
    inks = noise(4)
    Image.frombytes("CMYK", SIZE[::-1], inks.tobytes()).save(folder / "a.tif")
    paper = 1 - inks / 255
    return 255 * paper[..., :3] * paper[..., 3:]


def turned(make_one, name):
    """A case of a picture in each of the eight orientations, all of which show the same."""

    def make(folder):
        values = smooth()[:12, :18]
        stored = {
            1: values, 2: values[:, ::-1], 3: values[::-1, ::-1], 4: values[::-1],
            5: values.transpose(1, 0, 2), 6: np.rot90(values),
            7: np.rot90(values.transpose(1, 0, 2), 2), 8: np.rot90(values, -1),
        }  # fmt: skip
        for orientation, pixels in stored.items():
            make_one(folder / f"{orientation}{name}", np.ascontiguousarray(pixels), orientation)
        return values

    return Case(make, within=4 if name == ".jpg" else 0.51)


def by_pillow(path, pixels, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    settings = {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}
    Image.fromarray(pixels).save(path, exif=exif, **settings)


def deep_png(path, pixels, orientation):
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HHI", orientation, 0, 0)
    path.write_bytes(png16(pixels.astype("uint16") * 257, chunk(b"eXIf", exif)))


def profiled(folder, alpha=False):
    values = noise(4 if alpha else 3)
    Image.fromarray(values).save(folder / "a.png", icc_profile=linear_profile())
    colours = srgb(values[..., :3].astype("float64"))
    return np.concatenate([colours, values[..., 3:]], -1)


def moving(name, **settings):
    first, second = smooth(), smooth()[::-1]

    def make(folder):
        frames = [Image.fromarray(one) for one in (first, np.ascontiguousarray(second))]
        frames[0].save(folder / name, save_all=True, append_images=frames[1:], **settings)
        return first

    return Case(make, within=60 if name.endswith("gif") else 0.51, says="1 of 1 images .*the first")


def beside(name, data, says=""):
    """A case of a file that is passed over, beside a picture that is read."""

    def make(folder):
        values = noise(3)
        Image.fromarray(values).save(folder / "picture.png")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
        return values

    return Case(make, says=says)


def several(folder):
    for name in ("a.heic", "b.SVG", "c.pdf", "d.nef", "e.mp4"):
        (folder / name).write_bytes(b"some")
    values = noise(3)
    Image.fromarray(values).save(folder / "picture.png")
    return values


def hidden(folder):
    for name in (".DS_Store", "._photo.jpg", "Thumbs.db", ".cache/a.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\0\x05\x16\x07some")
    values = noise(3)
    Image.fromarray(values).save(folder / "picture.png")
    return values


def truncated(folder):
    Image.fromarray(RANDOM.integers(0, 256, (40, 40, 3)).astype("uint8")).save(folder / "a.webp")
    (folder / "b.png").write_bytes(png16(noise(3, "uint16")))
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_sizes(folder):
    for number, size in enumerate([(50, 37), (91, 130), (37, 37), (7, 300)]):
        colour = np.broadcast_to(np.array([10, 20, 230], "uint8"), (*size, 3))
        Image.fromarray(np.ascontiguousarray(colour)).save(folder / f"{number}.png")
    return np.broadcast_to(np.array([10, 20, 230]), (50, 70, 3))


GREY16, GREY_ALPHA16 = noise(1, "uint16"), noise(2, "uint16")
RGB16, RGBA16 = noise(3, "uint16"), noise(4, "uint16")
GREY16[0, 0] = RGB16[0, 0] = 65535
FLOATS = RANDOM.random((*SIZE, 1)).astype("float32")
DARK = (GREY16 // 16).astype("uint16")
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
MANY_PIXELS = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", b"some")
)
PROFILE = b"one\0\0" + zlib.compress(linear_profile())

CASES = {
    "grey": saved(noise(1)),
    "1 bit": Case(one_bit),
    "palette": Case(palette),
    "palette with transparency": Case(lambda folder: palette(folder, True)),
    "grey with alpha": saved(noise(2)),
    "RGB": saved(noise(3)),
    "RGB with a transparent colour": Case(transparent_colour),
    "RGBA": saved(noise(4)),
    "CMYK": Case(cmyk, within=1.5),
    "BMP": saved(noise(3), "a.bmp"),
    "16-bit grey PNG": written(GREY16 / 257, "a.png", png16(GREY16), 1e-4),
    "16-bit grey PNG with alpha": written(
        GREY_ALPHA16 / 257, "a.png", png16(GREY_ALPHA16), 1e-4
    ),
    "16-bit RGB PNG": written(RGB16 / 257, "a.png", png16(RGB16), 1e-4),
    "16-bit RGBA PNG": written(RGBA16 / 257, "a.png", png16(RGBA16), 1e-4),
    "16-bit grey TIFF": written(GREY16 / 257, "a.tif", tiff(GREY16, 1), 1e-4),
    "16-bit RGB TIFF": written(
        RGB16 // 256, "a.tiff", tiff(RGB16, 1), says="1 of 1 images .*upper 8 .*PNG of 16 bits"
    ),
    "16-bit picture that uses 12 bits": written(
        DARK / 257, "a.png", png16(DARK), 1e-4, says="multiply the values by 16"
    ),
    "float TIFF from 0 to 1": written(FLOATS * 255, "a.tif", tiff(FLOATS, 3), 1e-4),
    "float TIFF of other values": written(
        None, "a.tif", tiff(FLOATS * 9 - 2, 3), says=r"a\.tif \(its floats run from -.*source_range"
    ),
    "float TIFF in colours": written(
        None, "a.tif", tiff(np.repeat(FLOATS, 3, -1), 3), says=r"a\.tif .*convert it to PNG"
    ),
    "32-bit TIFF of whole numbers": written(
        None, "a.tif", tiff(GREY16.astype("uint32") * 9, 1), says=r"a\.tif \(its whole .*scale"
    ),
    "EXIF orientation": turned(by_pillow, ".jpg"),
    "EXIF orientation of a TIFF": turned(by_pillow, ".tif"),
    "EXIF orientation of a 16-bit PNG": turned(deep_png, ".png"),
    "ICC profile": Case(profiled, within=1.5),
    "ICC profile with transparency": Case(lambda folder: profiled(folder, True), within=1.5),
    "ICC profile of a grey picture": saved(noise(1), icc_profile=linear_profile(b"GRAY")),
    "damaged ICC profile": saved(noise(3), icc_profile=linear_profile()[:150]),
    "16-bit RGB PNG with a profile": written(
        RGB16 / 257, "a.png", png16(RGB16, chunk(b"iCCP", PROFILE)), 1e-4,
        says="1 of 1 images .*profile, which is not applied",
    ),
    "JPEG": saved(smooth(), "a.jpg", within=4, quality=95, subsampling=0),
    "progressive JPEG": saved(
        smooth(), "a.jpeg", within=4, quality=95, subsampling=0, progressive=True
    ),
    "WebP": saved(noise(3), "a.webp", lossless=True),
    "lossy WebP": saved(smooth(), "a.webp", within=12, quality=95),
    "WebP with alpha": saved(smooth(4), "a.webp", lossless=True, exact=True),
    "GIF": saved(smooth() // 128 * 128, "a.gif", within=3),
    "animated GIF": moving("a.gif"),
    "animated PNG": moving("a.png"),
    "animated WebP": moving("a.webp", lossless=True),
    "TIFF of several pages": moving("a.tif"),
    "wrong suffix": saved(noise(3), "a.jpg", format="PNG"),
    "upper-case suffix": saved(noise(3), "A.PNG"),
    "no suffix": beside("photo", png16(RGB16), says="photo is skipped: .*Give it the ending"),
    "HEIC, SVG, PDF, camera raw, film": Case(
        several, says=r"a\.heic \(and 4 more like it\) is skipped \(1 \.heic, 1 \.svg, .*Convert"
    ),
    "a folder of nothing but HEIC": written(
        None, "a.heic", HEIC, says=r"that kgan reads\. \S*a\.heic is skipped .*Convert"
    ),
    "HEIC named `.jpg`": written(None, "a.jpg", HEIC, says=r"a\.jpg \(it is HEIC, .*convert"),
    "hidden file": Case(hidden),
    "text, tables, archives": beside("notes.txt", b"PK, some words"),
    "empty file": written(None, "a.png", b"", says=r"a\.png \(the file is empty\).*Replace"),
    "truncated file": Case(truncated, says=r"2 of 2 images .*Replace or remove"),
    "more than 178 million pixels": written(
        None, "a.png", MANY_PIXELS, says=r"a\.png \(it has more than 178,\S+ pixels: reduce it"
    ),
    "any size, with `size=`": Case(other_sizes),
    "different sizes, without `size=`": Case(
        other_sizes, says=r"4 different sizes.*Give one to resize them"
    ),
}  # fmt: skip


def test_each_row_of_the_page_has_a_case():
    assert table().keys() == CASES.keys()


def load(folder, **settings):
    """The pictures of a folder in the order of their names, 0 to 255; and what was warned of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = kgan.data.load(folder, batch_size=1, value_range=None, shuffle=False, **settings)
        values = np.concatenate(list(dataset))
    return values, [str(one.message) for one in said if one.category is UserWarning]


@pytest.mark.parametrize("picture", CASES)
def test_a_picture_is_read_as_the_page_says(tmp_path, picture):
    case, (outcome, channels) = CASES[picture], table()[picture]
    expected = case.make(tmp_path)
    settings = {"size": (50, 70)} if "with `size=`" in picture else {}
    if outcome == "refused":
        with pytest.raises(InputError, match=case.says) as refused:
            load(tmp_path)
        assert str(tmp_path) in str(refused.value)
        return
    assert outcome.split(",")[0] in ("read", "passed over")
    found, said = load(tmp_path, **settings)
    assert bool(said) == outcome.endswith("with a warning"), said
    if said:
        assert len(said) == 1 and re.search(case.says, said[0])
        assert str(tmp_path) in said[0]
    if outcome.startswith("passed over"):
        assert len(found) == 1
    else:
        assert found.shape[-1] == int(channels)
    whole = with_opacity(np.asarray(expected, "float64"))
    flat = on((255, 255, 255), whole)
    for one in found:
        np.testing.assert_allclose(one, flat[..., : one.shape[-1]], atol=case.within)
    if np.shape(expected)[-1] in (2, 4) or picture in ("RGB", "16-bit grey PNG"):
        kept, _ = load(tmp_path, channels=4)
        np.testing.assert_allclose(kept[0], whole, atol=case.within)
        laid, _ = load(tmp_path, channels=3, background=GROUND)
        np.testing.assert_allclose(laid[0], on(GROUND, whole), atol=case.within)


@pytest.mark.parametrize("name", ["16-bit RGB PNG", "RGBA", "float TIFF from 0 to 1"])
def test_streamed_pictures_equal_those_in_memory(tmp_path, name):
    CASES[name].make(tmp_path)
    for settings in ({}, {"channels": 4, "size": 5}, {"channels": 1, "background": "navy"}):
        kept, _ = load(tmp_path, **settings)
        streamed, _ = load(tmp_path, cache=False, **settings)
        np.testing.assert_array_equal(kept, streamed)


def test_a_picture_of_16_bits_among_others_keeps_them(tmp_path):
    written(None, "a.png", png16(RGB16)).make(tmp_path)
    plain = saved(noise(3), "b.png").make(tmp_path)
    found, _ = load(tmp_path)
    np.testing.assert_allclose(found[0], RGB16 / 257, atol=1e-4)
    np.testing.assert_array_equal(found[1], plain)
    small, _ = load(tmp_path, size=3)
    assert small.shape == (2, 3, 3, 3) and np.ptp(small % 1) > 0


def test_progressive_pictures_equal_what_another_decoder_reads(tmp_path):
    CASES["progressive JPEG"].make(tmp_path)
    data = (tmp_path / "a.jpeg").read_bytes()
    assert b"\xff\xc2" in data  # the marker of a progressive frame
    other = tf.io.decode_jpeg(data, dct_method="INTEGER_ACCURATE").numpy()
    assert abs(load(tmp_path)[0][0] - other).max() <= 2


def test_hidden_colours_do_not_show_at_the_edges_of_resized_pictures(tmp_path):
    values = np.zeros((8, 8, 4), "uint8")
    values[..., :3] = (255, 0, 0)  # red, and hidden by full transparency
    values[:, :4] = (0, 0, 255, 255)
    Image.fromarray(values).save(tmp_path / "a.png")
    small, _ = load(tmp_path, size=3, channels=4)
    visible = small[0][small[0][..., 3] > 0]
    np.testing.assert_array_equal(visible[:, :3], np.tile([0, 0, 255], (len(visible), 1)))
    assert 0 < small[0][1, 1, 3] < 255


def test_backgrounds(tmp_path):
    values = np.zeros((2, 2, 4), "uint8")
    Image.fromarray(values).save(tmp_path / "a.png")
    for given in ("#204060", (32, 64, 96), [32, 64, 96]):
        found, _ = load(tmp_path, background=given)
        assert found[0, 0, 0].tolist() == [32, 64, 96]
    assert load(tmp_path, background="black", channels=1)[0].max() == 0
    for wrong in ("mauve-ish", (1, 2), (0, 0, 300), "#20406080", 7, None):
        with pytest.raises(InputError, match="background is a colour"):
            kgan.data.load(tmp_path, background=wrong)
    with pytest.raises(InputError, match="is no folder"):
        kgan.data.load("digits", background="black")


def test_pairs_domains_and_crops_keep_16_bits_or_say_what_they_lose(tmp_path):
    for side, values in (("A", RGB16), ("B", RGB16[::-1])):
        (tmp_path / side).mkdir()
        written(None, f"{side}/a.png", png16(values)).make(tmp_path)
    for dataset in (
        kgan.data.pairs(tmp_path, value_range=(0, 255)),
        kgan.data.domains(tmp_path, value_range=(0, 255)),
    ):
        first, second = next(iter(dataset))
        np.testing.assert_allclose(first[0], RGB16 / 257, atol=1e-3)
        np.testing.assert_allclose(second[0], RGB16[::-1] / 257, atol=1e-3)
    with pytest.warns(UserWarning, match="1 of 1 images .*more than 8 bits .*upper 8 are read"):
        kgan.data.crops(tmp_path / "A", size=4, scale=2, batch_size=1)

"""Which files are images, by their names and by their first bytes."""

import os
from pathlib import Path

SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff",
)  # fmt: skip

# Pictures of other formats, which a user may expect to be read.
OTHER_PICTURES = (
    ".ai", ".arw", ".avif", ".cr2", ".cr3", ".dcm", ".dng", ".eps", ".exr", ".hdr", ".heic",
    ".heif", ".hif", ".ico", ".j2k", ".jp2", ".jxl", ".nef", ".orf", ".pbm", ".pdf", ".pgm", ".pnm",
    ".ppm", ".ps", ".psd", ".raf", ".rw2", ".svg", ".svgz", ".tga", ".xcf",
    ".avi", ".mkv", ".mov", ".mp4", ".webm",
)  # fmt: skip

# The first bytes of the formats that are read.
_READ = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_OTHER = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"8BPS", "PSD"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
)
# Of files that are boxes of the ISO base media format, by the brand at byte 8.
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}


def is_picture(path: str | os.PathLike) -> bool:
    """Whether a file begins as a picture does, of a format that is read or one that is not."""
    start = _start(path)
    return _known(start, _READ) is not None or _other(start) is not None


def what_it_is(path: Path) -> str:
    """Returns why a file that is not recognized cannot be read, as far as its first bytes tell."""
    if not os.stat(path).st_size:
        return "the file is empty"
    start = _start(path)
    if other := _other(start):
        return f"it is {other}, which kgan does not read: convert it to PNG or JPEG"
    if known := _known(start, _READ):
        return (
            f"it begins like {known}, and is damaged or of a kind that is not read: convert it to "
            "PNG"
        )
    return "it is no image"


def _start(path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(512)
    except OSError:
        return b""


def _known(start: bytes, formats) -> str | None:
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    return next((name for first, name in formats if start.startswith(first)), None)


def _other(start: bytes) -> str | None:
    """Returns the name of a format that is not read, or None."""
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12], "a film")
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in text:
        return "SVG"
    return next((name for first, name in _OTHER if start.startswith(first)), None)

"""Nothing takes more memory than there is: it is said before."""

import io
import struct
import threading
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.data import archives, images, memory
from kgan.errors import InputError


@pytest.fixture
def free(monkeypatch):
    """Sets the bytes that are free."""

    def set_to(size):
        monkeypatch.setattr(memory, "free", lambda: size)

    return set_to


def test_free_memory_respects_a_container(tmp_path, monkeypatch):
    free = memory.free()
    assert 0 < free < 2**50
    limit, taken, counters = (tmp_path / name for name in ("max", "current", "stat"))
    monkeypatch.setattr(memory, "_CGROUPS", ((limit, taken, counters),))
    assert memory.free() > 1e6
    limit.write_text("5000000\n")
    taken.write_text("4500000\n")
    counters.write_text("anon 4100000\ninactive_file 400000\n")
    assert memory.free() == 900_000
    limit.write_text("max\n")
    assert memory.free() > 1e6


def test_sizes_are_said_in_words():
    sizes = (0, 999, 2_400_000_000, 12e12)
    assert [memory.in_units(size) for size in sizes] == ["0 bytes", "999 bytes", "2.4 GB", "12 TB"]


def test_large_items_take_turns_and_small_ones_run_together(free):
    free(100)
    turns, running, most = memory.Turns(share=0.5), [0], [0]
    lock = threading.Lock()

    def work(size):
        with turns.take(size):
            with lock:
                running[0] += size
                most[0] = max(most[0], running[0])
            threading.Event().wait(0.02)
            with lock:
                running[0] -= size

    for sizes, expected in (([20] * 6, 40), ([80] * 3, 80)):
        most[0] = 0
        threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert 0 < most[0] <= expected


def bomb(path, side):
    """A black RGB image that is a thousand times larger than its file."""

    def chunk(kind, data):
        sums = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sums)

    packer, row = zlib.compressobj(9), bytes(1 + 3 * side)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )
    return path


def test_an_image_that_does_not_fit_is_refused_before_it_is_decoded(tmp_path, free):
    path = bomb(tmp_path / "bomb.png", 3000)
    assert path.stat().st_size < 100_000
    free(90e6)
    with pytest.raises(InputError, match=r"bomb\.png has 3000x3000 pixels.*108 MB.*90 MB are free"):
        images.read(path, 3, (8, 8))
    with pytest.raises(InputError, match=r"bomb\.png has 3000x3000 pixels"):
        kgan.data.load(tmp_path, size=8, batch_size=1)
    free(200e6)
    assert images.read(path, 3, (8, 8)).shape == (8, 8, 3)


def test_resizing_makes_no_array_of_the_whole_image(tmp_path):
    path = bomb(tmp_path / "large.png", 2000)
    tracemalloc.start()
    small = images.read(path, 3, (8, 8))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 3e6  # of 12e6
    np.testing.assert_array_equal(small, images.resize(images.read(path, 3), (8, 8)))


def test_decoded_images_fit_or_are_refused(tmp_path, free):
    for number in range(4):
        Image.fromarray(np.zeros((8, 8), "uint8")).save(tmp_path / f"{number}.png")
    with pytest.raises(InputError, match=r"One image of 1000000x1000000 pixels.*smaller size"):
        kgan.data.load(tmp_path, size=10**6, batch_size=1)
    free(50_000)
    with pytest.raises(InputError, match=r"Keeping the 4 images.*80 kB.*Leave cache out"):
        kgan.data.load(tmp_path, size=100, batch_size=1, cache=True)
    assert not kgan.data.load(tmp_path, size=100, batch_size=1).info.cached
    free(400)
    with pytest.raises(InputError, match=r"Keeping the 4 images"):
        kgan.data.crops(tmp_path, scale=2, size=8)


def test_arrays_fit_or_are_refused(tmp_path, free):
    values = np.zeros((50, 8, 8, 1), "float64")
    np.save(tmp_path / "a.npy", values)
    free(6_000)
    for source in (values, {"images": values}, tmp_path / "a.npy"):
        with pytest.raises(InputError, match=r"of memory, and 6 kB are free"):
            kgan.data.load(source, batch_size=10)
    with pytest.raises(InputError, match="Resizing 50 images to 900x900"):
        kgan.data.load(values, batch_size=10, size=900)
    np.save(tmp_path / "a.npy", values.astype("float32"))
    assert kgan.data.load(tmp_path / "a.npy", batch_size=10).info.size == 50


@pytest.mark.parametrize("source", ["ring", "grid", "stacked_mnist"])
def test_no_more_points_than_fit(source):
    of = {"of": "digits"} if source == "stacked_mnist" else {}
    with pytest.raises(InputError, match=f"n={10**13} .*of memory"):
        kgan.data.load(source, n=10**13, **of)


def test_no_more_samples_are_generated_than_fit(networks):
    gan = kgan.GAN(*networks())
    with pytest.raises(InputError, match=r"Generating 1000000000000 samples would take .* TB"):
        gan.generate(10**12)


@pytest.mark.parametrize(
    ("family", "options"),
    [("ConditionalGAN", {}), ("VAEGAN", {}), ("InfoGAN", {}), ("InfoGAN", {"categorical": 0})],
)
def test_no_labels_are_made_for_more_samples_than_fit(family, options):
    """Labels of 10**9 samples alone, in a list, once took 19 GB."""
    gan = getattr(kgan.models, family)(image_shape=(8, 8, 1), width=2, **options)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="Generating 1000000000000 samples would take"):
            gan.preview(10**12)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def npz(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def npy(values, shape=None):
    stream = io.BytesIO()
    np.save(stream, values)
    content = stream.getvalue()
    return content if shape is None else content.replace(str(values.shape).encode(), shape)


def test_an_archive_reads_only_what_is_asked_for(tmp_path):
    path = npz(tmp_path / "a.npz", images=npy(np.ones((4, 2), "float32")), notes=b"damaged")
    archive = archives.Archive(path)
    assert list(archive) == ["images", "notes"]
    np.testing.assert_array_equal(archive["images"], np.ones((4, 2)))
    with pytest.raises(InputError, match="cannot be read as an .npz file"):
        archive["notes"]
    assert kgan.data.load(path, batch_size=2).info.size == 4


def test_headers_that_promise_more_than_there_is(tmp_path, free):
    values = np.zeros((40, 20), "float32")
    lying = npy(values, b"(4000000000, 2000)")
    with pytest.raises(InputError, match=r"'x' promises 32 TB, and there are 3\.3\d kB"):
        kgan.data.load(npz(tmp_path / "a.npz", x=lying), batch_size=2)
    (tmp_path / "a.npy").write_bytes(lying)
    with pytest.raises(InputError, match=r"a\.npy cannot be read as an \.npy file"):
        kgan.data.load(tmp_path / "a.npy", batch_size=2)
    free(5_000)
    with pytest.raises(InputError, match=r"array 'x' of .* 6\.4 kB of memory, and 5 kB.*numpy\.s"):
        kgan.data.load(npz(tmp_path / "b.npz", x=npy(values)), batch_size=2)


@pytest.mark.parametrize("damage", ["cut", "flipped", "text"])
def test_damaged_archives_are_named(tmp_path, damage):
    path = npz(tmp_path / "a.npz", x=npy(np.random.default_rng(0).normal(size=(40, 20))))
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[300] ^= 255
    path.write_bytes({"cut": content[:500], "text": b"text"}.get(damage, content))
    with pytest.raises(InputError, match=r"a\.npz cannot be read as an \.npz file of arrays"):
        kgan.data.load(path, batch_size=2)

import subprocess
import sys

import kgan.data


def test_sources_names_what_load_takes():
    names = [name for name, _ in kgan.data.sources()]
    assert names[:3] == ["digits", "ring", "grid"]
    for name in names[:3]:
        assert kgan.data.load(name).info.name == name
    assert all(text and "\n" not in text for _, text in kgan.data.sources())


def test_listing_does_not_wait_for_tensorflow():
    code = "import kgan.data, sys; kgan.data.sources(); assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

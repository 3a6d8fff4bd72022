"""Brings the runtime of web pages into the package, from its published npm package.

    npm pack onnxruntime-web@1.30.0
    python benchmarks/web_runtime.py onnxruntime-web-1.30.0.tgz

It takes the two files that a page needs, unchanged, and writes them compressed into
`kgan/inference/formats/web/runtime/` with their checksums. The licence and the notices of what is
built into the runtime are those of the `onnxruntime` package for Python, of the same source.
"""

import argparse
import hashlib
import json
import lzma
import tarfile
from pathlib import Path

import onnxruntime

HOME = Path(__file__).parents[1] / "kgan" / "inference" / "formats" / "web" / "runtime"
# ONNX Runtime for WebAssembly alone: without WebGL, WebGPU and WebNN.
FILES = {
    "ort.wasm.bundle.min.mjs": "runtime.mjs.xz",
    "ort-wasm-simd-threaded.wasm": "runtime.wasm.xz",
}


def compressed(content: bytes) -> bytes:
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", help="what `npm pack` has fetched")
    package = Path(parser.parse_args().package)
    facts = {"package_sha512": hashlib.sha512(package.read_bytes()).hexdigest(), "files": {}}
    with tarfile.open(package) as archive:
        about = json.load(archive.extractfile("package/package.json"))
        facts |= {key: about[key] for key in ("name", "version", "license")}
        for name, own in FILES.items():
            content = archive.extractfile(f"package/dist/{name}").read()
            facts["files"][own] = {"name": name, "sha256": hashlib.sha256(content).hexdigest()}
            packed = compressed(content)
            (HOME / own).write_bytes(packed)
            print(f"{name}: {len(content):,} bytes, packed {len(packed):,}")
    about_it = Path(onnxruntime.__file__).parent
    (HOME / "LICENSE.txt").write_bytes((about_it / "LICENSE").read_bytes())
    notices = (about_it / "ThirdPartyNotices.txt").read_bytes()
    (HOME / "notices.txt.xz").write_bytes(compressed(notices))
    (HOME / "runtime.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

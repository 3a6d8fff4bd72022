"""Brings the runtime of web pages into the package, from its published npm package.

    npm pack onnxruntime-web@1.30.0
    python benchmarks/web_runtime.py onnxruntime-web-1.30.0.tgz

It takes the two files that a page needs, unchanged, checks the version, and writes them compressed
into `kgan/inference/formats/web/runtime/` with their checksums.
"""

import argparse
import hashlib
import json
import lzma
import tarfile
from pathlib import Path

HOME = Path(__file__).parents[1] / "kgan" / "inference" / "formats" / "web" / "runtime"
# ONNX Runtime for WebAssembly alone: without WebGL, WebGPU and WebNN.
FILES = {
    "ort.wasm.bundle.min.mjs": "runtime.mjs.xz",
    "ort-wasm-simd-threaded.wasm": "runtime.wasm.xz",
}


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
            packed = lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
            (HOME / own).write_bytes(packed)
            print(f"{name}: {len(content):,} bytes, packed {len(packed):,}")
    (HOME / "runtime.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

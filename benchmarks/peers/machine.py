"""What a machine has for the speed benchmark, and what it lacks."""

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata

# Run in processes of their own, so that the benchmark itself holds no GPU.
_TENSORFLOW = """
import json, tensorflow as tf
built = tf.sysconfig.get_build_info()
print(json.dumps({
    "built": bool(tf.test.is_built_with_gpu_support()),
    "cuda": built.get("cuda_version"),
    "devices": [tf.config.experimental.get_device_details(d).get("device_name", d.name)
                for d in tf.config.list_physical_devices("GPU")],
}))
"""
_TORCH = """
import json, torch
there = torch.cuda.is_available()
print(json.dumps({
    "built": torch.version.cuda is not None or torch.version.hip is not None,
    "cuda": torch.version.cuda,
    "devices": [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
               if there else [],
    "bfloat16": bool(there and torch.cuda.is_bf16_supported()),
}))
"""


def versions() -> str:
    """Returns the processor and the versions of what is compared, in words."""
    found = [f"{processor()}, {os.cpu_count()} cores", f"Python {platform.python_version()}"]
    for package in ("kgan", "tensorflow", "keras", "torch"):
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} is not installed")
    return ", ".join(found)


def processor() -> str:
    """Returns what the processor is, with the instructions on which speed depends."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
    except OSError:
        return platform.machine()
    fields = {name.strip(): text.strip() for name, text in lines.items()}
    flags = set(fields.get("flags", "").split())
    wanted = ("avx512f", "avx512_bf16", "amx_bf16")
    has = ", ".join(flag for flag in wanted if flag in flags)
    name = fields.get("model name", platform.machine())
    return f"{name} ({has})" if has else name


def gpu(torch_is_wanted: bool = True) -> tuple[list[str], list[str]]:
    """Returns (what a GPU benchmark finds here, what it lacks and how to mend it), in sentences."""
    there, lacks = [], []
    driver = shutil.which("nvidia-smi") or shutil.which("rocm-smi")
    if driver:
        there.append(f"A driver ({driver}).")
    else:
        lacks.append("No driver of a GPU: neither nvidia-smi nor rocm-smi is on the path.")
    for name, code, package in (
        ("TensorFlow", _TENSORFLOW, 'pip install "tensorflow[and-cuda]"'),
        ("PyTorch", _TORCH, "install torch in its build for CUDA, as pytorch.org says"),
    ):
        if name == "PyTorch" and not torch_is_wanted:
            continue
        found = _asked(code)
        if found is None:
            lacks.append(f"{name} cannot be imported: {package}.")
        elif not found["built"]:
            lacks.append(f"{name} is built for CPUs alone: {package}.")
        elif not found["devices"]:
            lacks.append(
                f"{name} (CUDA {found['cuda']}) sees no GPU: look at CUDA_VISIBLE_DEVICES, and "
                "whether the driver is as new as that CUDA."
            )
        else:
            there.append(f"{name}, CUDA {found['cuda']}: {', '.join(found['devices'])}.")
            if found.get("bfloat16") is False:
                lacks.append("The GPU has no bfloat16: give --precision float32 float16.")
    return there, lacks


def _asked(code: str) -> dict | None:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else None
